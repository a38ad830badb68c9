"""Every figure of a report held against real torch modules: proved, not checked (and why), or different.

The oracles are independent of netcalc's formulas:

=================  =====================================================================================
output shape       forward hooks on the meta device
parameters         the modules' own parameters and buffers, by name and shape
macs               ``torch.utils.flop_counter.FlopCounterMode`` on the meta device
ledger             the layer's definition computed scalar by scalar in counting numbers; its values must
                   equal torch's, so that it is the same function
receptive field    the gradient of one output unit
=================  =====================================================================================
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any, Callable, NamedTuple

from netcalc.analysis.reading import numbers
from netcalc.analysis.receptive_field import spatial_axes
from netcalc.analysis.report import LayerReport, Report
from netcalc.dims import product
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.layers.base import shape_text

try:
    import torch  # noqa: F401
except ImportError as error:  # pragma: no cover - exercised in a process without torch
    raise ImportError('verify needs torch: pip install "netcalc-nn[torch]"') from error

from netcalc.proof.ledger import count
from netcalc.proof.modules import NoModule
from netcalc.proof.network import Seen, observe
from netcalc.proof.probe import probe_fields, thinned
from netcalc.proof.reference import definition

PROVED, UNCHECKED, DIFFERS = "proved", "not checked", "differs"
FIGURES = ("output shape", "parameters", "macs", "ledger", "receptive field")
LEDGER = 4_000_000
"""Scalar operations that are run in counting numbers, unless stated otherwise: about a second a million."""
LARGEST_MEMORY = 3 * 2**30
LARGEST_PASS = 30_000_000_000
PROBE_SECONDS = 60.0
"""Networks beyond these bytes and multiply-accumulates get no gradient probe; a probe ends after so many seconds."""


class Check(NamedTuple):
    """One figure of one layer: what netcalc states, what the oracle found, and the verdict."""

    layer: str
    figure: str
    status: str
    stated: str = ""
    found: str = ""
    why: str = ""


class Verification(NamedTuple):
    """All checks of a network. ``ok`` if none differs; ``complete`` if every figure was proved."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return not self.differing

    @property
    def complete(self) -> bool:
        return all(check.status == PROVED for check in self.checks)

    @property
    def differing(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.status == DIFFERS)

    @property
    def counts(self) -> dict[str, int]:
        """How many figures have each status."""
        return dict(Counter(check.status for check in self.checks))

    def to_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, "counts": self.counts, "checks": [check._asdict() for check in self.checks]}

    def __repr__(self) -> str:
        return f"<Verification {', '.join(f'{n} {status}' for status, n in self.counts.items())}>"


def verify(
    graph: Graph,
    *,
    ledger: int = LEDGER,
    progress: Callable[[int, int, str], None] | None = None,
) -> Verification:
    """Prove the figures of a network, layer by layer, against torch.

    ``ledger`` is how many scalar operations to run in counting numbers: distinct layers are run from the smallest on
    while they fit into it, and the others are said to be not checked. ``progress(done, of, what)`` is called as the
    work goes on. Raises SpecError for a network with letters: give them values first.
    """
    if graph.symbols:
        raise SpecError(
            "open-letters",
            f"letters have no torch module: {', '.join(graph.symbols)}",
            expected="a value for every letter",
            found=", ".join(graph.symbols),
            hint=" ".join(f"--set {name}=…" for name in graph.symbols),
        )
    report = Report(graph)
    distinct = {id(layer.node.applied): layer for layer in report.layers}
    tell = progress or (lambda done, of, what: None)
    steps = iter(range(3 + len(distinct)))
    tell(next(steps), 2 + len(distinct), "hooks and counters")
    try:
        seen: list[Seen | None] | str = observe(graph)
    except NoModule as error:
        seen = str(error)
    structures = [
        structure(layer, seen if isinstance(seen, str) else seen[graph.index(layer.name)]) for layer in report.layers
    ]
    tell(next(steps), 2 + len(distinct), "receptive fields")
    fields = probed_fields(report, [check for checks in structures for check in checks])
    counted: dict[int, Check] = {}
    left = ledger
    for key, layer in sorted(distinct.items(), key=lambda item: weight(item[1])):
        tell(next(steps), 2 + len(distinct), layer.name)
        counted[key] = check_ledger(layer, left, ledger)
        left -= weight(layer) if counted[key].status != UNCHECKED else 0
    tell(next(steps), 2 + len(distinct), "done")
    checks: list[Check] = []
    for layer, structural in zip(report.layers, structures):
        checks += [*structural, counted[id(layer.node.applied)]._replace(layer=layer.name)]
        if fields:
            checks.append(check_field(layer, fields[graph.index(layer.name)]))
    return Verification(tuple(checks))


def probed_fields(report: Report, structures: list[Check]) -> list[Any]:
    """For every node what the gradient says of its field, or why it was not asked; empty where no figure is."""
    graph = report.graph
    if not spatial_axes(graph):
        return []
    thin = Report(thinned(graph))  # as the probe runs it: the same fields with fewer channels
    held, macs = numbers((thin.params + thin.buffers + 3 * thin.activations, thin.macs))
    why = ""
    if any(check.status == DIFFERS for check in structures):
        why = "the modules differ"
    elif 8 * held > LARGEST_MEMORY:
        why = f"the network needs {8 * held / 2**30:.1f} GiB in double precision, more than {LARGEST_MEMORY / 2**30:g}"
    elif macs > LARGEST_PASS:
        why = f"one pass takes {macs:,} multiply-accumulates, more than {LARGEST_PASS:,}"
    if why:
        return [why] * len(graph)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return probe_fields(graph, PROBE_SECONDS)


def weight(layer: LayerReport) -> int:
    """What running a layer scalar by scalar costs: its operations, or the numbers it reads."""
    return max(numbers((layer.flops, layer.params, *map(product, layer.input_shapes))))


def structure(layer: LayerReport, seen: Seen | str | None) -> list[Check]:
    """Shape, parameters and MACs against what the hooks and the counter saw."""
    if not isinstance(seen, Seen):
        return [Check(layer.name, figure, UNCHECKED, why=seen or "no module") for figure in FIGURES[:3]]
    tensors = {**layer.parameters, **layer.buffers}
    return [
        compared(layer.name, "output shape", shape_text(layer.output_shape), shape_text(seen.output)),
        compared(layer.name, "parameters", tensor_text(tensors), tensor_text({**seen.parameters, **seen.buffers})),
        compared(layer.name, "macs", f"{layer.macs:,}", f"{seen.macs:,}"),
    ]


def check_ledger(layer: LayerReport, left: int, allowed: int) -> Check:
    """The ledger against the layer's definition in counting numbers, if what is ``left`` of ``allowed`` will do."""
    stated = ops_text(dict(layer.ops))
    unchecked = Check(layer.name, "ledger", UNCHECKED, stated)
    if layer.uncounted:
        return unchecked._replace(why=f"nobody has stated {', '.join(layer.uncounted)}")
    if weight(layer) > left:
        return unchecked._replace(why=f"too large to run with the others within {allowed:,} scalar operations")
    if definition(layer.layer) is None:
        return unchecked._replace(why=f"no definition is written for {layer.kind}")
    try:
        found = count(layer.node.applied)
    except NoModule as error:
        return unchecked._replace(why=str(error))
    if not found.agrees:
        return Check(
            layer.name,
            "ledger",
            DIFFERS,
            stated,
            "the definition's values are not torch's",
            f"off by {found.error:.3g}",
        )
    return compared(layer.name, "ledger", stated, ops_text(found.ops))


def check_field(layer: LayerReport, probed: Any) -> Check:
    """The receptive field against the gradient's non-zero hull; ``probed`` is a pair (stated, found) or a reason."""
    if isinstance(probed, str):
        return Check(layer.name, "receptive field", UNCHECKED, why=probed)
    stated, found = probed
    return compared(layer.name, "receptive field", stated, found)


def compared(layer: str, figure: str, stated: str, found: str) -> Check:
    """The verdict on two texts that must be equal."""
    return Check(layer, figure, PROVED if stated == found else DIFFERS, stated, found)


def tensor_text(tensors: dict[str, Any]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in tensors.items()) or "none"


def ops_text(ops: dict[str, Any]) -> str:
    return ", ".join(f"{ops[kind]:,} {kind}" for kind in sorted(ops) if ops[kind]) or "none"
