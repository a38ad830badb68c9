"""The bilinear layer by its definition."""

from __future__ import annotations

from typing import Any

from netcalc.proof.counting import Number, Tensor, dot
from netcalc.proof.reference import Parameters, defines


@defines("Bilinear")
def bilinear(layer: Any, parameters: Parameters, x1: Tensor, x2: Tensor) -> Tensor:
    weight = parameters["weight"]
    outputs, first, second = weight.shape

    def unit(*index: int) -> Number:
        *position, k = index
        rows = [dot((weight[k, i, j], x2[(*position, j)]) for j in range(second)) for i in range(first)]
        y = dot((x1[(*position, i)], row) for i, row in enumerate(rows))
        return y + parameters["bias"][k] if layer.bias else y

    return Tensor.make((*x1.shape[:-1], outputs), unit, x1.tally)
