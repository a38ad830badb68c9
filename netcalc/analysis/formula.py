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
from typing import NamedTuple

from netcalc.analysis.report import BYTES, LayerReport, Report
from netcalc.dims import Dim
from netcalc.errors import SpecError, did_you_mean

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
    """One figure of the network (``layer`` is empty) or of a layer; shapes and fields have a value an axis."""

    layer: str
    figure: str
    values: tuple[Dim, ...]
    tuple_: bool = False

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
            yield from _of_layer(layer, figure, BYTES[report.dtype])
    for figure in wanted:
        yield from _of_report(report, figure)


def _of_report(report: Report, figure: str) -> Iterator[Formula]:
    match figure:
        case "ops":
            yield from (Formula("", kind, (count,)) for kind, count in report.ops.items())
        case "shape":
            yield Formula("", "shape", report.output_shape, True)
        case "rf":
            if report.receptive_field:
                yield Formula("", "rf", report.receptive_field.size, True)
        case "memory":
            yield Formula("", "parameter_bytes", (report.parameter_bytes,))
            yield Formula("", "activation_bytes", (report.activation_bytes,))
        case _:
            yield Formula("", figure, (getattr(report, figure),))


def _of_layer(layer: LayerReport, figure: str, weight: int) -> Iterator[Formula]:
    match figure:
        case "ops":
            yield from (Formula(layer.name, kind, (count,)) for kind, count in layer.ops.items())
        case "shape":
            yield Formula(layer.name, "shape", layer.output_shape, True)
        case "rf":
            if layer.receptive_field:
                yield Formula(layer.name, "rf", layer.receptive_field.size, True)
        case "memory":
            yield Formula(layer.name, "parameter_bytes", (layer.own_params * weight,))
            yield Formula(layer.name, "activation_bytes", (layer.activations * weight,))
        case "params":
            yield Formula(layer.name, "params", (layer.own_params,))
        case _:
            yield Formula(layer.name, figure, (getattr(layer, figure),))
