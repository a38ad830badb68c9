"""Locally connected layers by their definition."""

from __future__ import annotations

from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, indices
from netcalc.proof.reference import Parameters, defines


@defines("LocallyConnected1d", "LocallyConnected2d")
def locally_connected(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    weight, rank = parameters["weight"], layer.rank
    positions, outputs, channels, kernel = (
        weight.shape[:rank],
        weight.shape[rank],
        weight.shape[rank + 1],
        weight.shape[rank + 2 :],
    )
    stride, padding = layer.axes("stride"), layer.axes("padding")

    def unit(o: int, *position: int) -> Number:
        y = dot(
            (
                weight[(*position, o, c, *tap)],
                x.padded((c, *(i * s - p + j for i, s, p, j in zip(position, stride, padding, tap)))),
            )
            for c in range(channels)
            for tap in indices(kernel)
        )
        return y + parameters["bias"][(*position, o)] if layer.bias else y

    return Tensor.make((outputs, *positions), unit, x.tally)
