"""Every layer kind against real torch modules: its examples' and at least 200 random configurations.

For each: legality (torch raises on the CPU ⇔ netcalc raises), output shape, parameters and buffers by name and
shape, multiply-accumulates (FlopCounterMode on meta), values and ledger (the definition in counting numbers),
and what a unit reads (gradients). Where nothing random can be drawn (no arguments), the distinct configurations
are few, and are all run.
"""

from __future__ import annotations

import pytest
from sampling import samples

from netcalc.graph import Builder
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied, Layer
from netcalc.layers.input import Input

torch = pytest.importorskip("torch")

from netcalc.proof.ledger import count  # noqa: E402
from netcalc.proof.network import observe, runs  # noqa: E402
from netcalc.proof.probe import check_reach  # noqa: E402

CONFIGURATIONS = 200
REACHES = 60  # configurations a kind whose reach is probed, unit by unit
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


@pytest.mark.parametrize("name", KINDS)
def test_legality(name):
    """torch raises ⇔ netcalc raises."""
    kind = KINDS[name]
    illegal = 0
    for sample in unique(kind):
        if sample.applied is not None:
            raised = runs(sample.applied.layer, *sample.inputs)
            assert raised is None, f"{sample.applied.layer} on {sample.inputs}: torch says {raised!r}"
        else:
            illegal += 1
            try:
                layer = kind(**sample.arguments).infer(*sample.inputs)
            except Exception:  # not even a layer: torch cannot be asked
                continue
            raised = runs(layer, *sample.inputs)
            assert raised is not None, f"torch takes {layer} on {sample.inputs}, netcalc says:\n{sample.error}"
    if any(len(argument.tries) > 2 for argument in kind.arguments.values()):
        assert illegal, "no illegal configuration was ever drawn"


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
    for sample in unique(KINDS[name]):
        if sample.applied is None or sum(line.count for line in sample.applied.work.lines) > LARGEST_LEDGER:
            continue
        applied, where = sample.applied, f"{sample.applied.layer} on {sample.inputs}"
        counted = count(applied)
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
