"""Convolution by its definition."""

from __future__ import annotations

from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, indices
from netcalc.proof.reference import Parameters, defines


def border(position: int, length: int, mode: str) -> int | None:
    """Where a padded position is read from: itself, a mirrored, clamped or wrapped one, or nowhere (zero)."""
    if 0 <= position < length:
        return position
    if mode == "zeros":
        return None
    if mode == "replicate":
        return min(max(position, 0), length - 1)
    if mode == "circular":
        return position % length
    return -position if position < 0 else 2 * (length - 1) - position  # reflect


@defines("Conv1d", "Conv2d", "Conv3d")
def convolution(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    weight = parameters["weight"]
    outputs, channels, *kernel = weight.shape
    stride, dilation = layer.axes("stride"), layer.axes("dilation")
    padding = []  # (before, after)
    for axis, k in enumerate(kernel):
        spread = dilation[axis] * (k - 1)
        if layer.padding == "same":
            padding.append((spread // 2, spread - spread // 2))
        elif layer.padding == "valid":
            padding.append((0, 0))
        else:
            padding.append((layer.axes("padding")[axis],) * 2)
    sizes = [
        len(range(-before, length + after - d * (k - 1), s))
        for length, (before, after), k, s, d in zip(x.shape[1:], padding, kernel, stride, dilation)
    ]

    def read(channel: int, position: list[int]) -> Number:
        places = [border(p, n, layer.padding_mode) for p, n in zip(position, x.shape[1:])]
        if any(place is None for place in places):
            return Number(0.0, x.tally)
        return x[(channel, *places)]  # type: ignore[arg-type]

    def unit(o: int, *position: int) -> Number:
        first = o // (outputs // layer.groups) * channels
        y = dot(
            (
                weight[(o, c, *tap)],
                read(
                    first + c,
                    [
                        i * s - before + j * d
                        for i, s, (before, _), j, d in zip(position, stride, padding, tap, dilation)
                    ],
                ),
            )
            for c in range(channels)
            for tap in indices(kernel)
        )
        return y + parameters["bias"][o] if layer.bias else y

    return Tensor.make((outputs, *sizes), unit, x.tally)
