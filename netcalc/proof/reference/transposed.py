"""Transposed convolution by its definition: products scattered over the output, and summed where they meet."""

from __future__ import annotations

from typing import Any

from netcalc.proof.counting import Number, Tensor, indices, total
from netcalc.proof.reference import Parameters, defines


@defines("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def transposed_convolution(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    weight = parameters["weight"]
    channels, share, *kernel = weight.shape
    stride, dilation, padding = layer.axes("stride"), layer.axes("dilation"), layer.axes("padding")
    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        for n, s, p, d, k, extra in zip(x.shape[1:], stride, padding, dilation, kernel, layer.axes("output_padding"))
    ]
    found: dict[tuple[int, ...], list[Number]] = {}
    for c, *position in indices(x.shape):
        first = c // (channels // layer.groups) * share  # the first output channel of c's group
        for o in range(share):
            for tap in indices(kernel):
                place = [i * s - p + j * d for i, s, p, j, d in zip(position, stride, padding, tap, dilation)]
                found.setdefault((first + o, *place), []).append(weight[(c, o, *tap)] * x[(c, *position)])

    def unit(o: int, *place: int) -> Number:
        products = found.get((o, *place))
        y = total(products) if products else Number(0.0, x.tally)
        return y + parameters["bias"][o] if layer.bias else y

    return Tensor.make((share * layer.groups, *sizes), unit, x.tally)
