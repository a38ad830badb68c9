"""A report folded to blocks: layers whose names begin alike are one row, and the sub-totals add up."""

from __future__ import annotations

from typing import Any

from netcalc.analysis.operations import Ops, lower_bounds
from netcalc.analysis.report import LayerReport, Report, plain, plain_field
from netcalc.dims import Dim, total
from netcalc.layers.base import Shape, Uncounted


class Block:
    """The layers of a report below one name, with their sums; a lone layer stands for itself.

    Has what a row of a report shows: ``name``, ``kind``, ``output_shape`` and ``receptive_field`` (of the last layer),
    ``parameters`` (of a lone layer), ``own_params``, ``ops``, ``macs``, ``flops``, ``activations``, ``uncounted``,
    ``shared``.
    """

    def __init__(self, name: str, layers: list[LayerReport]) -> None:
        self.name, self.layers = name, tuple(layers)
        self.last = layers[-1]
        lone = len(layers) == 1
        self.kind = self.last.kind if lone else f"{len(layers)} layers"
        self.parameters: dict[str, Shape] = self.last.parameters if lone else {}
        self.shared = self.last.shared if lone else ()

    @property
    def output_shape(self) -> Shape:
        return self.last.output_shape

    @property
    def receptive_field(self) -> Any:
        return self.last.receptive_field

    @property
    def own_params(self) -> Dim:
        return total(layer.own_params for layer in self.layers)

    @property
    def ops(self) -> Ops:
        return Ops.sum(layer.ops for layer in self.layers)

    @property
    def macs(self) -> Dim:
        return total(layer.macs for layer in self.layers)

    @property
    def flops(self) -> Dim:
        return total(layer.flops for layer in self.layers)

    @property
    def activations(self) -> Dim:
        return total(layer.activations for layer in self.layers)

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        return tuple(name for layer in self.layers for name in layer.uncounted)

    def to_dict(self) -> dict[str, Any]:
        """This block as a row of the JSON of ``--depth``: a layer's keys, but for those of one layer alone."""
        return {
            "name": self.name,
            "kind": self.kind,
            "layers": [layer.name for layer in self.layers],
            "output_shape": plain(self.output_shape),
            "params": plain(self.own_params),
            "ops": {kind: plain(count) for kind, count in self.ops.items()},
            "macs": plain(self.macs),
            "flops": plain(self.flops),
            "activations": plain(self.activations),
            "uncounted": list(self.uncounted),
            "lower_bounds": list(lower_bounds(self.uncounted)),
            "receptive_field": plain_field(self.receptive_field),
        }


def blocks(report: Report, depth: int) -> list[Block]:
    """The report's layers grouped by the first ``depth`` parts of their names, in order of each block's first layer.

    >>> from netcalc.spec import elaborate
    >>> report = Report(elaborate("8 -> linear 8 -> repeat 2 { linear 8 -> relu } as trunk -> linear 1"))
    >>> [(block.name, block.kind, block.own_params) for block in blocks(report, 1)]
    [('linear1', 'Linear', 72), ('trunk', '4 layers', 144), ('linear2', 'Linear', 9)]
    """
    groups: dict[str, list[LayerReport]] = {}
    for layer in report.layers:
        groups.setdefault(".".join(layer.name.split(".")[:depth]), []).append(layer)
    return [Block(name, layers) for name, layers in groups.items()]


def block_of(report: Report, name: str) -> Block | None:
    """The block of that name, at any depth; None where no layer's name begins so.

    >>> from netcalc.spec import elaborate
    >>> block_of(Report(elaborate("8 -> repeat 2 { linear 8 -> relu } as trunk")), "trunk.1").kind
    '2 layers'
    """
    layers = [layer for layer in report.layers if layer.name.startswith(f"{name}.")]
    return Block(name, layers) if layers else None


def folded(report: Report, depth: int) -> dict[str, Any]:
    """``report.to_dict()`` whose ``layers`` are the blocks down to ``depth``."""
    return {**report.to_dict(), "depth": depth, "layers": [block.to_dict() for block in blocks(report, depth)]}
