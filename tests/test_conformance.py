"""Every layer kind against real torch modules: its examples' and at least 200 random configurations.

For each: legality (torch raises on the CPU ⇔ netcalc raises), output shape, parameters and buffers by name and
shape, multiply-accumulates (FlopCounterMode on meta), values and ledger (the definition in counting numbers),
and what a unit reads (gradients). Where nothing random can be drawn (no arguments), the distinct configurations
are few, and are all run.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
from sampling import samples

from netcalc.dims import substitute, symbol
from netcalc.errors import SpecError
from netcalc.graph import Builder
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied, Layer, Shape
from netcalc.layers.input import Input
from netcalc.spec import elaborate

torch = pytest.importorskip("torch")

from netcalc.proof.ledger import count  # noqa: E402
from netcalc.proof.network import observe, runs  # noqa: E402
from netcalc.proof.probe import check_reach  # noqa: E402

CONFIGURATIONS = 200
REACHES = 60  # configurations a kind whose reach is probed, unit by unit
ODDLY = 3  # legal configurations a kind, each of whose arguments is tried with every odd value
LARGEST_LEDGER = 60_000  # scalar operations a configuration; beyond it the ledger of that one is not run

KINDS = {name: kind for name, kind in all_kinds().items() if kind is not Input}


def unique(kind: type[Layer]) -> list:
    found = {}
    for sample in samples(kind, CONFIGURATIONS):
        found.setdefault((tuple(sorted((k, str(v)) for k, v in sample.arguments.items())), sample.inputs), sample)
    return list(found.values())


def graph_of(applied: Applied):
    builder = Builder()
    feeds = tuple(builder.add(Input(shape), ()) for shape in applied.inputs)
    builder.add(applied.layer, feeds)
    return builder.graph()


@pytest.mark.parametrize("name", KINDS)
def test_states_what_the_suite_needs(name):
    kind = KINDS[name]
    assert kind.trial_inputs, "no trial inputs"
    assert kind.words and kind.examples and kind.source, "words, examples and a source are part of a kind"
    assert kind.__doc__, "no docstring"


def refusal(kind: type[Layer], arguments: dict[str, Any], inputs: tuple[Shape, ...]) -> BaseException | None:
    """What torch raises for these very arguments, which netcalc has neither checked nor put in order."""
    bare = object.__new__(kind)
    bare.__dict__.update(kind.defaults | arguments)
    return runs(bare.infer(*inputs), *inputs)


@pytest.mark.parametrize("name", KINDS)
def test_legality(name):
    """torch raises ⇔ netcalc raises."""
    kind = KINDS[name]
    illegal = 0
    for sample in unique(kind):
        raised = refusal(kind, sample.arguments, sample.inputs)
        written = f"{name}({sample.arguments}) on {sample.inputs}"
        if sample.applied is not None:
            assert raised is None, f"{written}: torch says {raised!r}"
        else:
            illegal += 1
            assert raised is not None, f"torch takes {written}, netcalc says:\n{sample.error}"
    if any(len(argument.tries) > 2 for argument in kind.arguments.values()):
        assert illegal, "no illegal configuration was ever drawn"


@pytest.mark.parametrize("name", KINDS)
def test_legality_of_two_samples(name):
    """What is refused of one sample is refused of two unless torch takes two, but for what works on the batch axis."""
    kind = KINDS[name]
    for sample in unique(kind):
        bare = object.__new__(kind)
        bare.__dict__.update(kind.defaults | sample.arguments)
        if sample.applied is None and "names the batch axis" not in str(sample.error):
            try:
                raised = runs(bare.infer(*sample.inputs), *sample.inputs, batch=2)
            except SpecError:
                continue
            try:
                Applied(kind(**sample.arguments), sample.inputs, 2)
            except SpecError as error:
                assert raised is not None, f"torch takes two of {bare} on {sample.inputs}, netcalc says:\n{error}"
            else:
                assert raised is None, f"{bare} on {sample.inputs}: of two samples torch says {raised!r}"


@pytest.mark.parametrize(
    "spec", ["12xL -> gn 12", "12xHxW -> gn 12 affine=False", "3xL -> bn track_running_stats=False"]
)
def test_legality_by_the_batch(spec):
    """torch raises exactly where the condition on the batch and the sizes says so."""
    (condition,) = elaborate(spec, batch=symbol("N")).conditions
    verdicts = set()
    for batch, length in product((1, 2, 3), (1, 2)):
        sizes = dict.fromkeys("HLW", length)
        node = elaborate("".join(str(sizes.get(sign, sign)) for sign in spec), batch=2).nodes[-1]
        left = substitute(condition.left, {"N": batch, **sizes})
        raised = runs(node.layer, *node.applied.inputs, batch=batch)
        assert (left >= condition.right) == (raised is None), (batch, length, raised)
        verdicts.add(raised is None)
    assert verdicts == {True, False}


ODD = (None, 0, 1, 2, -1, 1.0, 2.5, math.inf, -math.inf, (), (2,), (1, 2), (2, 2, 2), "same", "valid", "zeros", "nope")
AGREED = {  # where netcalc and torch differ on purpose: the reason → the arguments
    "torch makes an empty tensor of it": "out_features embedding_dim hidden_size dim_feedforward",
    "axis 0 is the batch": """CosineSimilarity.dim Flatten.start_dim LogSoftmax.dim Softmax.dim Softmin.dim
        Unflatten.dim""",
    "torch does not look at it in this case": """norm_type Hardtanh.min_val Hardtanh.max_val num_features
        MultiheadAttention.dropout CrossEntropyLoss.label_smoothing RReLU.lower RReLU.upper""",
    "torch does not check it: no pooling can have been so": """MaxUnpool1d MaxUnpool2d MaxUnpool3d
        FractionalMaxPool2d.kernel_size FractionalMaxPool3d.kernel_size CrossMapLRN2d.size""",
    "not a distance": "PairwiseDistance.p TripletMarginLoss.p",
    "an empty tuple, which torch takes as not given": """Upsample.size UpsamplingBilinear2d.size
        UpsamplingNearest2d.size""",
    "None is 0 to torch": "ConstantPad1d.value ConstantPad2d.value ConstantPad3d.value",
    "torch takes a number of the wrong type": "MultiMarginLoss.p PReLU.num_parameters GroupNorm.num_channels",
    "a tuple of one stands for all axes, also where torch wants them all": "scale_factor",
    "one size needs no tuple": "Unflatten.unflattened_size",
}
NAMES = {name for names in AGREED.values() for name in names.split()}


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.namesake])
def test_legality_of_odd_arguments(name):
    """Values that nobody means to write: torch raises ⇔ netcalc raises, or the reason is stated above.

    Flags are left out: torch takes anything for True or False.
    """
    kind = KINDS[name]
    legal = [sample for sample in samples(kind, CONFIGURATIONS) if sample.applied is not None][:ODDLY]
    arguments = [argument for argument in kind.arguments if kind.arguments[argument].type != "flag"]
    for argument in arguments:
        if NAMES & {name, argument, f"{name}.{argument}"}:
            continue
        for sample, value in product(legal, ODD):
            if value is None and kind.arguments[argument].axis is not None:
                continue  # not stated: inferred
            written = sample.applied.layer.__dict__ | {argument: value}
            try:
                Applied(kind(**written), sample.inputs)
                error = None
            except SpecError as refused:
                error = refused
            raised = refusal(kind, written, sample.inputs)
            assert (raised is None) == (error is None), f"{name}({written}) on {sample.inputs}: {raised!r}, {error}"


@pytest.mark.parametrize("name", KINDS)
def test_shapes_parameters_and_macs(name):
    """Output shape, parameter and buffer names and shapes, and MACs, as torch has them on meta."""
    for sample in unique(KINDS[name]):
        if sample.applied is None:
            continue
        applied, where = sample.applied, f"{sample.applied.layer} on {sample.inputs}"
        *_, seen = observe(graph_of(applied))
        assert seen is not None
        if len(applied.output) or seen.output:
            assert seen.output == applied.output, where
        assert list(seen.parameters.items()) == list(applied.parameters.items()), where
        assert list(seen.buffers.items()) == list(applied.buffers.items()), where
        if not applied.work.uncounted:
            assert seen.macs == applied.work.macs, where


@pytest.mark.parametrize("name", KINDS)
def test_ledger(name):
    """The definition's values are torch's, and its tally is the ledger."""
    ran = 0
    for seed, sample in enumerate(unique(KINDS[name])):
        if sample.applied is None or sum(line.count for line in sample.applied.work.lines) > LARGEST_LEDGER:
            continue
        applied, where = sample.applied, f"{sample.applied.layer} on {sample.inputs}"
        counted = count(applied, seed)
        stated: dict[str, int] = {}
        for line in applied.work.lines:
            stated[line.kind] = stated.get(line.kind, 0) + line.count
        assert counted.error <= 1e-9, f"{where}: values differ by {counted.error}"
        if not applied.work.uncounted:
            assert {k: v for k, v in stated.items() if v} == counted.ops, where
        if not applied.work.lines:
            assert applied.work.note or applied.work.uncounted, f"{where}: a silent zero"
        ran += 1
    assert ran


@pytest.mark.parametrize("name", KINDS)
def test_reach(name):
    """What every single output unit reads, as the gradient has it."""
    legal = [sample for sample in unique(KINDS[name]) if sample.applied is not None]
    for sample in legal[:REACHES]:
        wrong = check_reach(sample.applied, largest=100)
        assert not wrong, f"{sample.applied.layer} on {sample.inputs}: {wrong[0]}"
