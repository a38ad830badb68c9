"""The proof that letters first and numbers afterwards is numbers at once, for every kind and every shipped network.

At 50 sizes each: shapes, parameters, every line of the ledger, receptive fields; illegal exactly where the conditions
say. Every test also counts how much it compared, so that none can pass for want of legal sizes.
"""

import random

import numpy
import pytest
from sampling import draw

from netcalc.analysis.conditions import conditions_of
from netcalc.analysis.reading import regions_read
from netcalc.analysis.receptive_field import receptive_fields
from netcalc.analysis.region import members
from netcalc.analysis.report import analyze
from netcalc.dims import Expr, evaluate, substitute, symbol
from netcalc.errors import SpecError
from netcalc.graph import Builder
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied
from netcalc.layers.input import Input
from netcalc.spec.elaborate import elaborate
from netcalc.spec.letters import axes_in, lettered, usual_letters
from netcalc.spec.parser import parse_steps
from netcalc.spec.shipped import shipped_names, shipped_text
from netcalc.spec.syntax import Constant, Name

SIZES = 50
LEGAL = 30
"""How many of a network's sizes are legal at least; the others are as they come."""


# ---------------------------------------------------------------- shipped networks


LETTERS = {
    "transformer-base": ["S", "T"],
    "gpt2": ["T"],
    "bert-base": ["T"],
    "llama-7b": ["T"],
    "seq2seq": ["source=S"],
}


USUAL = {"llama-7b": {"T": 128}}
"""The usual size of a letter, where the network's own would make the numbers slow."""

OPEN = {
    "fcn_resnet50": {"classifier.upsample1", "aux_classifier.upsample1"},
    "deeplabv3_resnet50": {"aux_classifier.upsample1"},
    "swin_t": {"stage1.block2.windowattention1"},
}
"""The layers from which on no formula is stated for the receptive field: they resize, or attend in windows that are
padded, by an amount that follows from the letter. The report says so."""


class Figures:
    """All figures of a report: ``frame`` is what is no size (names, kinds), ``sizes`` the sizes in a fixed order."""

    def __init__(self, report):
        self.frame, self.sizes = [], []
        for layer in report.layers:
            self.shape(f"{layer.name} output", layer.output_shape)
            for name, shape in (*layer.parameters.items(), *layer.buffers.items()):
                self.shape(f"{layer.name} {name}", shape)
            for line in layer.work.lines:
                self.shape(f"{layer.name} {line.label} {line.kind}", (line.count,))
            self.shape(f"{layer.name} macs, params", (layer.macs, layer.own_params))
        self.fields = {layer.name: layer.receptive_field for layer in report.layers if layer.receptive_field}

    def shape(self, what, sizes):
        self.frame.append((what, len(sizes)))
        self.sizes.extend(sizes)

    def with_fields(self, general):
        """The sizes, and those of the fields that are known in general: of letters, ``general`` are these figures."""
        fields = [self.fields[name] for name in general.fields]
        return [*self.sizes, *(size for field in fields for size in (*field.stride, *field_sizes(field)))]


def field_sizes(field):
    """What is said of a field along every axis: greatest size, start and least size."""
    return (*field.size, *field.start, *field.minimum)


def columns(sizes, places):
    """Formulas at several places at once: a list of values for each place; each distinct formula is computed once."""
    values = {letter: numpy.array([place[letter] for place in places]) for letter in places[0]}
    known = {}

    def row(size):
        if not isinstance(size, Expr):
            return [size] * len(places)
        if size not in known:
            known[size] = evaluate(size, values).tolist()
        return known[size]

    return [list(column) for column in zip(*map(row, sizes))]


class Network:
    """A shipped network on letters, and the means to read it anew on numbers."""

    def __init__(self, name):
        text = shipped_text(name)
        letters = LETTERS.get(name) or usual_letters(elaborate(text))
        self.graph, _ = lettered(text, letters)
        self.conditions = conditions_of(self.graph)
        steps = parse_steps(self.graph.source)
        self.constants = {step.name.id for step in steps.items if isinstance(step, Constant)}
        self.axes = [axis.value for axis in axes_in(steps) if isinstance(axis.value, Name)]
        self.axes = [axis for axis in self.axes if axis.id in self.graph.symbols and axis.id not in self.constants]
        self.original = {
            letter: size
            for a, b in zip(elaborate(text).nodes, self.graph.nodes)
            for size, letter in zip(a.shape, map(str, b.shape))
            if letter in self.graph.symbols
        } | USUAL.get(name, {})

    def at(self, given):
        """The network read from text with numbers in place of the letters."""
        source = self.graph.source
        for axis in sorted(self.axes, key=lambda axis: axis.span, reverse=True):
            source = source[: axis.span.start] + str(given[axis.id]) + source[axis.span.end :]
        return elaborate(source, sizes={letter: size for letter, size in given.items() if letter in self.constants})

    def legal(self, given):
        return all(one.holds(**{letter: given[letter] for letter in one.letters}) for one in self.conditions)

    def places(self, rng):
        """50 random sizes for every letter: 30 that the conditions allow, 20 as they come."""
        for trial in range(SIZES):
            for _ in range(2000):
                given = {letter: self.draw(self.original.get(letter, 64), rng) for letter in self.graph.symbols}
                if trial >= LEGAL or self.legal(given):
                    break
            yield given

    @staticmethod
    def draw(usual, rng):
        near, far = usual + rng.randint(-8, 8), usual + 32 * rng.randint(-3, 9)
        return max(1, rng.choice((rng.randint(1, 2 * usual), near, far, usual)))


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_network(name):
    """Every figure of every layer at 50 sizes; where a size is illegal, a condition says so, and nowhere else."""
    network = Network(name)
    report = analyze(network.graph)
    general = Figures(report)
    totals = ("params", "macs", "flops", "activations")
    places, found = [], []
    for given in network.places(random.Random(f"spec {name}")):
        try:
            numbers = analyze(network.at(given))
        except SpecError as error:
            assert not network.legal(given), (given, str(error))
            continue
        assert network.legal(given), (given, [str(one) for one in network.conditions])
        figures = Figures(numbers)
        assert figures.frame == general.frame
        no_formula = [layer for layer in figures.fields if layer not in general.fields]
        assert bool(no_formula) == (name in OPEN) and general.fields.keys() <= figures.fields.keys()
        places.append(given)
        found.append([*(getattr(numbers, total) for total in totals), *figures.with_fields(general)])
    assert len(places) >= LEGAL
    formulas = [*(getattr(report, total) for total in totals), *general.with_fields(general)]
    for given, ours, theirs in zip(places, columns(formulas, places), found, strict=True):
        differing = [] if ours == theirs else [trio for trio in zip(formulas, ours, theirs) if trio[1] != trio[2]]
        assert not differing, (given, differing[:5])


@pytest.mark.parametrize("name", OPEN)
def test_a_field_without_a_formula_is_said_so(name):
    """The layers that end the formula are few and named; what follows them gives the same reason."""
    fields = receptive_fields(Network(name).graph)
    reasons = {reason.partition(": ")[::2] for reason in fields.reasons.values()}
    assert {layer for layer, _ in reasons} == OPEN[name]
    assert {why for _, why in reasons} == {"the field depends on the position and on a letter"}


# ---------------------------------------------------------------- kinds


WANTS_NUMBERS = (SpecError, TypeError, ValueError, ArithmeticError, NotImplementedError, OverflowError)


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


def fields_of(layer, inputs):
    """For each input the axes that are positions, the field of one output unit (or None), and why there is none."""
    builder = Builder()
    before = tuple(builder.add(Input(shape), ()) for shape in inputs)
    last = builder.add(layer, before)
    graph = builder.graph()
    found = [receptive_fields(graph, source) for source in before]
    return [(fields.axes, fields[last], fields.reasons.get(last)) for fields in found]


def open_inputs(inputs, values):
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


def test_most_kinds_take_letters():
    """Few kinds want numbers for every input."""
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
                Applied(kind(**sample.arguments), open_inputs(sample.inputs, {}))
                break
            except WANTS_NUMBERS:
                continue
        else:
            refusing.append(name)
    assert len(refusing) <= 12, refusing


def generalised(kind, rng):
    """Random configurations of a kind that are legal, on letters: the layer, it applied, and the sizes drawn."""
    for _ in range(400):
        sample = draw(kind, rng)
        if sample.applied is None:
            continue
        layer, values = kind(**sample.arguments), {}
        try:
            general = Applied(layer, open_inputs(sample.inputs, values))
            facts(general, values)
        except WANTS_NUMBERS:
            continue  # a rule that wants a number here, and says so
        yield layer, general, values


def at_sizes(general, values, rng, count=10):
    """Random sizes for the letters of a layer; half of them stay as they were drawn."""
    for _ in range(count):
        least = 2 if len(general.inputs) > 1 else 1
        yield {letter: rng.randint(least, 40) if rng.random() < 0.6 else size for letter, size in values.items()}


def holding(general, given):
    return all(one._replace(left=put(one.left, given), right=put(one.right, given)).holds for one in general.conditions)


@pytest.mark.parametrize("name", [name for name, kind in all_kinds().items() if kind.trial_inputs])
def test_every_kind(name):
    kind = all_kinds()[name]
    rng = random.Random(f"letters {name}")
    legal, met = 0, 0
    for layer, general, values in generalised(kind, rng):
        for given in at_sizes(general, values, rng):
            met += 1
            inputs = tuple(tuple(put(size, given) for size in shape) for shape in general.inputs)
            try:
                numbers = Applied(layer, inputs)
            except SpecError:
                numbers = None
            assert holding(general, given) == (numbers is not None), (layer, inputs, list(map(str, general.conditions)))
            if numbers is not None:
                legal += 1
                assert facts(general, given) == facts(numbers, {}), (layer, inputs)
        if legal >= SIZES:
            break
    assert legal >= SIZES, f"{legal} legal sizes of {met}"


NO_FIELD = {
    *("CosineEmbeddingLoss", "EmbeddingBag", "GRUCell", "LSTMCell", "MultiMarginLoss", "RNNCell", "TimeEmbedding"),
    *("Fold", "Unfold", "FractionalMaxPool2d", "FractionalMaxPool3d"),
}
"""Kinds of which nothing is stated, of numbers either: no positions, or positions laid out anew or at random."""


def said(field, numbers, given):
    """What a field says, with numbers for letters; the stride only where there is a second unit (of the numbers)."""
    sizes = [put(size, given) for size in field_sizes(field)]
    strides = [
        put(strip.stride, given) if other.units != 1 else None for strip, other in zip(field.strips, numbers.strips)
    ]
    return sizes, strides


@pytest.mark.parametrize("name", [name for name, kind in all_kinds().items() if kind.trial_inputs])
def test_receptive_field_of_every_kind(name):
    """Of each input: the axes that are positions, and size, least size, stride and start of a unit's field."""
    kind = all_kinds()[name]
    rng = random.Random(f"fields {name}")
    compared, by_numbers = 0, 0
    for layer, general, values in generalised(kind, rng):
        formulas = fields_of(layer, general.inputs)
        for given in at_sizes(general, values, rng):
            if not holding(general, given):
                continue
            inputs = tuple(tuple(put(size, given) for size in shape) for shape in general.inputs)
            for ours, theirs in zip(formulas, fields_of(layer, inputs), strict=True):
                (axes, formula, why), (their_axes, field, _) = ours, theirs
                assert axes == their_axes, (layer, inputs)
                if field is None:
                    assert formula is None, (layer, inputs, formula)
                elif formula is None:
                    assert "a letter" in why or "laid out anew" in why, (layer, inputs, why)
                    by_numbers += 1
                else:
                    assert said(formula, field, given) == said(field, field, given), (layer, inputs)
                    compared += 1
        if compared >= SIZES:
            break
    if name in NO_FIELD:
        assert compared == by_numbers == 0
    else:
        assert compared >= SIZES


# ---------------------------------------------------------------- what is read of the whole axis


def random_layer(rng):
    kernel, stride, padding = rng.randint(1, 5), rng.randint(1, 4), rng.randint(0, 3)
    return rng.choice(
        (
            *(f"conv 1 k{kernel} s{stride} p{padding}",) * 4,
            f"conv 1 k{kernel} s{stride} d{rng.randint(1, 3)} p{padding}",
            f"maxpool k{kernel} s{stride} p{rng.randint(0, kernel // 2)}",
            f"convtranspose 1 k{kernel} s{rng.randint(1, 3)} p{rng.randint(0, kernel - 1)}",
            f"residual {{ conv 1 k3 p1 | {rng.choice(('conv 1 k1', 'conv 1 k5 p2', 'identity'))} }}",
            "upsample scale_factor=2",
            "conv 1 k3 s2 p1",
        )
    )


def ends_at(strip, length):
    return tuple(put(end, {"L": length}) for end in strip.ends)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_of_a_whole_axis(seed):
    """A border that no window reaches is left out: of numbers as in the exact sets, of letters by a formula.

    Where a formula is not known to be exact (gaps between taps) a note says so, and it is never too narrow.
    """
    rng = random.Random(seed)
    exact = bounded = 0
    while exact + bounded < 200:
        body = " -> ".join(random_layer(rng) for _ in range(rng.randint(1, 5))) + " -> adaptiveavgpool 1"
        length = rng.randint(5, 200)
        try:
            graph = elaborate(f"1x{length} -> {body}")
        except SpecError:
            continue
        region = regions_read(graph, graph.outputs[0], (1, 1)).get(0)
        places = members(region.along(1)) if region else []
        field = receptive_fields(graph)[-1]
        formula = receptive_fields(elaborate(f"1xL -> {body}"))[-1]
        if not places:
            assert field is None, (length, body)
            continue
        found = ends_at(field.strips[0], length)
        assert found == (places[0], places[-1]), (length, body)
        if formula is None:
            continue
        ends = ends_at(formula.strips[0], length)
        if any("or less" in note for note in formula.notes):
            assert ends[0] <= found[0] and found[1] <= ends[1], (length, body)
            bounded += 1
        else:
            assert ends == found, (length, body)
            exact += 1
    assert exact >= 80, (exact, bounded)


# ---------------------------------------------------------------- sizes of 1, which merges repeat


MERGES = (
    "input a: {0}x{1}; input b: {2}x{3}; add a",
    "input a: {0}x{1}; input b: {2}x{3}; mul a -> linear 3 -> relu",
    "input a: {0}x3x4; input b: {1}x{2}x{3}; div a -> conv 2 k1",
    "input a: {0}x{1}; input b: {2}x{3}; concat a",
    "input a: {0}x2x{1}; input b: {2}x{1}x{3}; matmul a",
    "input image: {0}x{1}x{2}; residual {{ conv {3} k3 p1 }} -> conv 2 k3 p1",
    "input image: {0}x{1}x{2}; add {{ conv {3} k2 s2 | maxpool 2 ceil_mode=True }} -> relu",
    "input image: {0}x{1}; mul {{ identity | linear {2} -> sigmoid }} -> linear {3}",
    "input image: {0}x{1}x{2}; sub {{ identity | conv {3} k1 -> adaptiveavgpool 1 }}",
    "input image: 2x{0}x{1}; maxpool 2 as top -> conv {2} k3 s2 p1 -> upsample scale_factor=2 -> add top",
)


@pytest.mark.parametrize("merge", MERGES)
def test_sizes_of_1_at_merges(merge):
    """Letters first and numbers afterwards: legal where the numbers are, and the same figures, also where 1 repeats.

    Where all conditions hold the formulas say the same without a second look at the network.
    """
    text = merge.replace("; ", "\n")
    letters = [symbol(name) for name in "ABEF"]
    general = elaborate(text.format(*letters))
    formulas, conditions = Figures(analyze(general)), conditions_of(general)
    rng = random.Random(merge)
    legal = repeated = refused = 0
    for _ in range(250):
        given = {letter: rng.choice((1, 1, 2, 3, 4, 7)) for letter in general.symbols}
        try:
            numbers = Figures(analyze(elaborate(text.format(*(given.get(str(letter), 0) for letter in letters)))))
        except SpecError:
            refused += 1
            with pytest.raises(SpecError):
                analyze(general, **given)
            continue
        later = Figures(analyze(general, **given))
        assert (later.frame, later.sizes, later.fields) == (numbers.frame, numbers.sizes, numbers.fields), given
        legal += 1
        if all(one.holds(**given) for one in conditions):
            assert [put(size, given) for size in formulas.with_fields(formulas)] == numbers.with_fields(formulas), given
        else:
            repeated += 1
    assert legal >= 20 and refused + repeated >= 20, (legal, repeated, refused)
    assert repeated or "concat" in merge, (legal, refused)


# ---------------------------------------------------------------- a rule that asks whether two sizes are equal


@pytest.mark.parametrize(
    ("spec", "tensors"),
    [
        ("TxD -> mha 8", 1),
        ("TxD -> mha 8 kdim=64", 1),
        ("TxD -> linear K as m -> linear D -> mha 8 with m", 1),
        ("TxD -> linear 2*D as m -> linear D -> mha 8 kdim=2*D vdim=2*D with m", 3),
        ("TxD -> linear K as m -> linear D -> mha 8 kdim=K vdim=K with m", None),
        ("TxD -> linear 64 as m -> linear D -> mha 8 kdim=64 vdim=64 with m", None),
    ],
)
def test_the_tensors_of_attention_are_not_guessed(spec, tensors):
    """torch keeps one tensor where kdim and vdim are embed_dim, else three; where letters leave it open, say so."""
    if tensors is None:
        with pytest.raises(SpecError, match="is open") as error:
            elaborate(spec)
        assert error.value.code == "undecided" and "kdim" in error.value.message
    else:
        found = elaborate(spec).nodes[-1].applied.parameters
        assert sum("proj_weight" in name for name in found) == tensors
