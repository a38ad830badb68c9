"""Linear layers by their definition."""

from __future__ import annotations

from netcalc.layers.linear import Identity, Linear
from netcalc.proof.counting import Number, Tensor, dot
from netcalc.proof.reference import Parameters, defines


@defines("Linear")
def linear(layer: Linear, parameters: Parameters, x: Tensor) -> Tensor:
    weight = parameters["weight"]
    outputs, inputs = weight.shape

    def unit(*index: int) -> Number:
        *position, o = index
        y = dot((weight[o, i], x[(*position, i)]) for i in range(inputs))
        return y + parameters["bias"][o] if layer.bias else y

    return Tensor.make((*x.shape[:-1], outputs), unit, x.tally)


@defines("Identity")
def identity(layer: Identity, parameters: Parameters, x: Tensor) -> Tensor:
    return x
