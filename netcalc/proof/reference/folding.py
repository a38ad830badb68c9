"""Unfold and Fold by their definition: every window of an image is a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netcalc.proof.counting import Number, Tensor, indices, total
from netcalc.proof.reference import Parameters, defines


def columns(layer: Any, image: tuple[int, ...]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """For every tap and every window: the number of the tap, of the window, and the place in the image."""
    kernel, stride, dilation, padding = map(layer.axes, ("kernel_size", "stride", "dilation", "padding"))
    starts = [range(-p, n + p - d * (k - 1), s) for n, k, s, d, p in zip(image, kernel, stride, dilation, padding)]
    for number, tap in enumerate(indices(kernel)):
        for window, position in enumerate(indices([len(axis) for axis in starts])):
            yield number, window, tuple(axis[i] + j * d for axis, i, j, d in zip(starts, position, tap, dilation))


@defines("Unfold")
def unfold(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    found = list(columns(layer, x.shape[1:]))
    taps, windows = found[-1][0] + 1, found[-1][1] + 1
    image = {(tap, window): place for tap, window, place in found}
    shape = (x.shape[0] * taps, windows)
    return Tensor.make(shape, lambda row, window: x.padded((row // taps, *image[row % taps, window])), x.tally)


@defines("Fold")
def fold(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    image = layer.axes("output_size")
    found = list(columns(layer, image))
    taps = found[-1][0] + 1
    landed: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for tap, window, place in found:
        landed.setdefault(place, []).append((tap, window))

    def unit(c: int, *place: int) -> Number:
        elements = [x[c * taps + tap, window] for tap, window in landed.get(place, ())]
        return total(elements) if elements else Number(0.0, x.tally)

    return Tensor.make((x.shape[0] // taps, *image), unit, x.tally)
