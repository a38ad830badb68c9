"""Letters first and numbers afterwards is numbers at once: shapes, parameters, ledger, receptive field, legality."""

import random

import pytest
from sampling import draw

from netcalc.analysis.conditions import conditions_of
from netcalc.analysis.report import analyze
from netcalc.dims import Expr, substitute, symbol
from netcalc.errors import SpecError
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied
from netcalc.spec.elaborate import elaborate
from netcalc.spec.letters import axes_in, lettered, usual_letters
from netcalc.spec.parser import parse_steps
from netcalc.spec.shipped import shipped_names, shipped_text
from netcalc.spec.syntax import Constant, Name

SIZES = 50


def put(size, given):
    return substitute(size, given) if isinstance(size, Expr) else size


def facts(applied, given):
    """Every figure of a layer with numbers for its letters."""

    def shape(sizes):
        return tuple(put(size, given) for size in sizes)

    work = applied.work
    return {
        "output": shape(applied.output),
        "parameters": {name: shape(sizes) for name, sizes in applied.parameters.items()},
        "buffers": {name: shape(sizes) for name, sizes in applied.buffers.items()},
        "ledger": [(line.label, line.kind, put(line.count, given)) for line in work.lines],
        "macs": put(work.macs, given),
    }


def legal(layer, inputs):
    try:
        return Applied(layer, inputs)
    except SpecError:
        return None


def open_inputs(inputs, values, rng):
    """The sizes of the inputs as letters; equal ones of several inputs as the same letter, or they could not meet.

    Where several inputs meet a letter is at least 2: an axis of 1 is stretched to the other's, and stays a number.
    """
    letters, found = {}, []
    least = 2 if len(inputs) > 1 else 1
    for shape in inputs:
        sizes = []
        for axis, size in enumerate(shape):
            name = f"A{axis}_{size}"
            if size > 1 or len(inputs) == 1:
                values[name] = size
            sizes.append(size if size == 1 and len(inputs) > 1 else letters.setdefault(name, symbol(name, lower=least)))
        found.append(tuple(sizes))
    return tuple(found)


@pytest.mark.parametrize("name", all_kinds())
def test_every_kind_on_letters(name):
    """Inputs as letters: at 50 random sizes the figures are those of the numbers, and illegal where conditions say."""
    kind = all_kinds()[name]
    rng = random.Random(f"letters {name}")
    if not kind.trial_inputs:
        pytest.skip("an input has none")
    tried = 0
    for _ in range(40):
        sample = draw(kind, rng)
        if sample.applied is None:
            continue
        if sample.arguments.keys() & {"kdim", "vdim"}:
            continue  # whether they equal embed_dim decides how torch names the tensors
        layer = kind(**sample.arguments)
        values = {}
        try:
            general = Applied(layer, open_inputs(sample.inputs, values, rng))
            facts(general, values)
        except (SpecError, TypeError, ValueError, ArithmeticError, NotImplementedError, OverflowError):
            continue  # a rule that wants a number here, and says so
        for _ in range(10):
            given = {
                letter: rng.randint(2 if len(sample.inputs) > 1 else 1, 40) if rng.random() < 0.6 else size
                for letter, size in values.items()
            }
            inputs = tuple(tuple(put(size, given) for size in shape) for shape in general.inputs)
            numbers = legal(layer, inputs)
            hold = all(
                condition._replace(left=put(condition.left, given), right=put(condition.right, given)).holds
                for condition in general.conditions
            )
            assert hold == (numbers is not None), (layer, inputs, [str(one) for one in general.conditions])
            if numbers is not None:
                assert facts(general, given) == facts(numbers, {}), (layer, inputs)
                tried += 1
        if tried >= SIZES:
            break


def test_most_kinds_take_letters():
    """The control of the test above: few kinds want numbers for every input."""
    refusing = []
    for name, kind in all_kinds().items():
        if not kind.trial_inputs:
            continue
        rng = random.Random(f"refuse {name}")
        for _ in range(40):
            sample = draw(kind, rng)
            if sample.applied is None:
                continue
            try:
                Applied(kind(**sample.arguments), open_inputs(sample.inputs, {}, rng))
                break
            except (SpecError, TypeError, ValueError, ArithmeticError, NotImplementedError, OverflowError):
                continue
        else:
            refusing.append(name)
    assert len(refusing) <= 12, refusing


def net_facts(report, given):
    """Every figure of a network with numbers for its letters."""

    def put_all(values):
        return tuple(put(value, given) for value in values)

    layers = [
        (
            layer.name,
            put_all(layer.output_shape),
            {name: put_all(shape) for name, shape in layer.parameters.items()},
            tuple((line.kind, put(line.count, given)) for line in layer.work.lines),
            put(layer.macs, given),
        )
        for layer in report.layers
    ]
    fields = [
        (layer.name, put_all(field.size), put_all(field.start))
        for layer in report.layers
        if (field := layer.receptive_field) is not None and all(isinstance(s, (int, Expr)) for s in field.size)
    ]
    return layers, fields


LETTERS = {
    "transformer-base": ["S", "T"],
    "gpt2": ["T"],
    "bert-base": ["T"],
    "llama-7b": ["T"],
    "seq2seq": ["source=S"],
}
LARGE = {
    "densenet121",
    "inception_v3",
    "resnet101",
    "resnet152",
    "llama-7b",
    "denoising-unet",
    "swin_t",
    "convnext_tiny",
}


def letters_of(name):
    return LETTERS.get(name) or usual_letters(elaborate(shipped_text(name)))


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_spec_on_letters(name):
    """The network on letters, and at random sizes on numbers: the same, illegal exactly where the conditions say."""
    text = shipped_text(name)
    try:
        graph, _ = lettered(text, letters_of(name))
        general = analyze(graph)
    except SpecError as error:
        pytest.skip(f"this network wants numbers: {error.message}")
    conditions = conditions_of(graph)
    rng = random.Random(f"spec {name}")
    original = {
        letter: size
        for a, b in zip(elaborate(text).nodes, graph.nodes)
        for size, letter in zip(a.shape, map(str, b.shape))
        if letter in graph.symbols
    }
    totals = {figure: getattr(general, figure) for figure in ("params", "macs", "flops", "activations")}
    full = 1 if name in LARGE else 4
    for trial in range(SIZES):
        given = {
            letter: max(1, original.get(letter, 64) // 32 * 32 + 32 * rng.randint(-2, 3))
            if rng.random() < 0.5
            else rng.randint(1, 2 * original.get(letter, 64))
            for letter in graph.symbols
        }
        holds = all(one.holds(**{letter: given[letter] for letter in one.letters}) for one in conditions)
        try:
            numbers = analyze(lettered_at(text, name, given))
        except SpecError as error:
            assert not holds, (given, str(error))
            continue
        assert holds, (given, [str(one) for one in conditions])
        assert {figure: put(total, given) for figure, total in totals.items()} == {
            figure: getattr(numbers, figure) for figure in totals
        }
        if trial < full:
            layers, fields = net_facts(general, given)
            their_layers, their_fields = net_facts(numbers, {})
            assert layers == their_layers
            known = {field[0]: field for field in their_fields}
            for layer, size, start in fields:
                if general[layer].receptive_field.whole:  # of a border that no window reaches only numbers know
                    assert all(a >= b for a, b in zip(size, known[layer][1], strict=True)), (layer, given)
                else:
                    assert known[layer] == (layer, size, start), given


def lettered_at(text, name, given):
    """The network read anew with numbers in place of the letters."""
    steps = parse_steps(text)
    constants = {step.name.id for step in steps.items if isinstance(step, Constant)}
    graph, _ = lettered(text, [request for request in letters_of(name) if request not in constants])
    source = graph.source
    axes = [axis for axis in axes_in(parse_steps(source)) if isinstance(axis.value, Name)]
    for axis in sorted(axes, key=lambda axis: axis.value.span, reverse=True):
        if axis.value.id in given and axis.value.id not in constants:
            span = axis.value.span
            source = source[: span.start] + str(given[axis.value.id]) + source[span.end :]
    return elaborate(source, sizes={letter: size for letter, size in given.items() if letter in constants})
