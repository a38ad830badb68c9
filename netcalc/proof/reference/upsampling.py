"""Interpolation by its definition: every output is the weighted sum of the elements around its source coordinate.

torch is not of one mind in a corner of mode=nearest: where a factor f that is neither 1 nor 2 gives ⌊n·f⌋ = n or 2·n,
some of its kernels read with 1 or 2 in place of f. The definition does not.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product as combinations
from math import floor
from typing import Any

from netcalc.proof.counting import Number, Tensor, total
from netcalc.proof.reference import Parameters, compute, defines

Taps = list[tuple[int, float]]  # positions and their weights


def nearest(coordinate: float, length: int) -> Taps:
    return [(floor(coordinate), 1.0)]


def linear(coordinate: float, length: int) -> Taps:
    coordinate = max(coordinate, 0)
    first = floor(coordinate)
    return [(first, 1 - (coordinate - first)), (first + 1, coordinate - first)]


def cubic(coordinate: float, length: int) -> Taps:
    """Keys' cubic convolution with a = −3/4: a weight for each of the four positions around the coordinate."""
    first, a = floor(coordinate), -0.75

    def weight(distance: float) -> float:
        u = abs(distance)
        if u <= 1:
            return ((a + 2) * u - (a + 3)) * u * u + 1
        return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a

    return [(first + j, weight(coordinate - first - j)) for j in (-1, 0, 1, 2)]


NEAREST = ("nearest", "nearest-exact")
KERNELS = {
    **dict.fromkeys(NEAREST, nearest),
    **dict.fromkeys(("linear", "bilinear", "trilinear"), linear),
    "bicubic": cubic,
}


def coordinate(o: int, length: int, outputs: int, step: Any, mode: str, corners: bool | None) -> Any:
    """Where output ``o`` lies between the inputs, which are ``step`` outputs apart."""
    if corners:
        return o * Fraction(length - 1, outputs - 1) if outputs > 1 else 0
    if mode == "nearest":
        return o * step
    centre = (o + Fraction(1, 2)) * step
    return centre if mode == "nearest-exact" else centre - Fraction(1, 2)


@defines("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
def upsample(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    mode, corners, recompute = layer.interpolation()
    if mode == "area":
        return compute(layer.area(x.shape), {}, x)
    lengths = x.shape[1:]
    axes: list[list[Taps]] = []  # for each axis and each output position, its taps
    for axis, length in enumerate(lengths):
        if layer.size:
            outputs = layer.size[axis % len(layer.size)]
            step = Fraction(length, outputs)
        else:
            factor = layer.scale_factor[axis] if isinstance(layer.scale_factor, tuple) else layer.scale_factor
            outputs = floor(length * factor)
            step = Fraction(length, outputs) if recompute else 1 / Fraction(factor)
        places = [coordinate(o, length, outputs, step, mode, corners) for o in range(outputs)]
        axes.append([KERNELS[mode](place if mode in NEAREST else float(place), length) for place in places])

    def unit(channel: int, *position: int) -> Number:
        terms = []
        for taps in combinations(*(axis[o] for axis, o in zip(axes, position))):
            place = [min(max(i, 0), length - 1) for (i, _), length in zip(taps, lengths)]
            weight = 1.0
            for _, share in taps:
                weight *= share
            terms.append(x[(channel, *place)] if mode in NEAREST else weight * x[(channel, *place)])
        return total(terms)

    return Tensor.make((x.shape[0], *map(len, axes)), unit, x.tally)
