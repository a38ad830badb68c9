"""A report's figures one by one: the formulas of a network with letters, in total and by layer.

>>> from netcalc.analysis.report import analyze
>>> from netcalc.spec import elaborate
>>> for found in formulas(analyze(elaborate("T x 8 -> linear 4 -> relu")), ("params", "flops")):
...     print(found.figure, found.values)
params (36,)
flops (68*T,)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from netcalc.analysis.operations import Ops, by_kind
from netcalc.analysis.receptive_field import receptive_fields, spatial_input
from netcalc.analysis.report import BYTES, LayerReport, Report
from netcalc.dims import Dim, text
from netcalc.errors import SpecError, did_you_mean
from netcalc.graph import Graph
from netcalc.layers.base import Uncounted, shape_text

FIGURES = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "flops": "FLOPs (textbook)",
    "ops": "operations of each kind",
    "shape": "shape of the output",
    "rf": "receptive field",
    "memory": "bytes of parameters and activations",
}


class Formula(NamedTuple):
    """One figure of the network (``layer`` is empty) or of a layer; shapes and fields have a value an axis.

    ``uncounted`` names the operations that it leaves out: it is a lower bound then. ``output`` is the output's name
    where the network has several, ``input`` the one that a receptive field is in; ``missing`` says why there is no
    value.
    """

    layer: str
    figure: str
    values: tuple[Dim, ...]
    tuple_: bool = False
    uncounted: tuple[str, ...] = ()
    output: str = ""
    missing: str = ""
    input: str = ""

    @property
    def value(self) -> Dim:
        """The only value of a figure that is one."""
        return self.values[0]


def chosen_figures(wanted: Iterable[str]) -> tuple[str, ...]:
    """Names of figures, checked. Raises SpecError with the nearest names."""
    names = tuple(wanted)
    for name in names:
        if name not in FIGURES:
            raise SpecError(
                "unknown-figure",
                f"no figure is called {name!r}",
                expected=f"one of {', '.join(FIGURES)}",
                found=name,
                hint=did_you_mean(name, FIGURES),
            )
    return names


def formulas(report: Report, of: Iterable[str] = tuple(FIGURES), per_layer: bool = False) -> Iterator[Formula]:
    """The chosen figures in total; with ``per_layer`` those of every layer first."""
    wanted = chosen_figures(of)
    for layer in report.layers if per_layer else ():
        for figure in wanted:
            yield from _of_layer(report, layer, figure)
    for figure in wanted:
        yield from _of_report(report, figure)


def _of_report(report: Report, figure: str) -> Iterator[Formula]:
    several = len(report.outputs) > 1
    match figure:
        case "ops":
            yield from _of_kinds("", report.ops, report.uncounted)
        case "flops":
            yield Formula("", "flops", (report.flops,), uncounted=report.uncounted)
        case "shape":
            for output in report.outputs:
                yield Formula("", "shape", output.output_shape, True, output=output.name if several else "")
        case "rf":
            for output in report.outputs:
                yield _of_field(report, output, "", output.name if several else "")
        case "memory":
            yield Formula("", "parameter_bytes", (report.parameter_bytes,))
            yield Formula("", "activation_bytes", (report.activation_bytes,))
        case _:
            yield Formula("", figure, (getattr(report, figure),))


def _of_kinds(layer: str, ops: Ops, uncounted: tuple[Uncounted, ...]) -> Iterator[Formula]:
    """The operations of each kind; where there are none, or none that is counted, that too is said."""
    kinds = [*by_kind(ops, uncounted)] or ([("ops", 0, uncounted)] if uncounted or not layer else [])
    yield from (Formula(layer, kind, (count,), uncounted=names) for kind, count, names in kinds)


def _of_field(report: Report, node: LayerReport, layer: str, output: str = "") -> Formula:
    """The receptive field of a unit, or why it has no closed form."""
    found = _found_field(report, node, layer, output)
    inputs = [one for one in report.graph.nodes if not one.inputs]
    return found._replace(input=report.graph.nodes[spatial_input(report.graph)].name) if len(inputs) > 1 else found


def _found_field(report: Report, node: LayerReport, layer: str, output: str) -> Formula:
    field = node.receptive_field
    if field and field.exact:
        return Formula(layer, "rf", field.size, True, output=output)
    if field:
        most = shape_text(field.size) if len(field.size) > 1 else text(field.size[0])
        why = "; ".join(field.notes)
        return Formula(layer, "rf", (), True, output=output, missing=f"at most {most} ({why})")
    why = _reasons(report.graph).get(report.graph.index(node.name), "")
    if why in ("", "the source has no spatial axis"):
        return Formula(layer, "rf", (), True, output=output, missing="none: the input has no spatial axis")
    form = "no closed form in these letters" if report.graph.symbols else "no closed form"
    return Formula(layer, "rf", (), True, output=output, missing=f"{form} ({why})")


@lru_cache(maxsize=1)
def _reasons(graph: Graph) -> dict[int, str]:
    """Why nodes have no receptive field."""
    return receptive_fields(graph).reasons


def _of_layer(report: Report, layer: LayerReport, figure: str) -> Iterator[Formula]:
    weight = BYTES[report.dtype]
    uncounted = tuple(name.of(layer.name) for name in layer.uncounted)
    match figure:
        case "ops":
            yield from _of_kinds(layer.name, layer.ops, uncounted)
        case "flops":
            yield Formula(layer.name, "flops", (layer.flops,), uncounted=uncounted)
        case "shape":
            yield Formula(layer.name, "shape", layer.output_shape, True)
        case "rf":
            found = _of_field(report, layer, layer.name)
            if not found.missing.startswith("none"):  # the total says it once
                yield found
        case "memory":
            yield Formula(layer.name, "parameter_bytes", (layer.own_params * weight,))
            yield Formula(layer.name, "activation_bytes", (layer.activations * weight,))
        case "params":
            yield Formula(layer.name, "params", (layer.own_params,))
        case _:
            yield Formula(layer.name, figure, (getattr(layer, figure),))
