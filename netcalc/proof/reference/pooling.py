"""Pooling by its definition."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any

from netcalc.proof.counting import Number, Tensor, indices, largest, maximum, minimum, total
from netcalc.proof.reference import Parameters, defines
from netcalc.proof.reference.convolution import border

Place = tuple[int, ...]


class Windows:
    """The windows of a pool with sliding windows, found by walking along each axis."""

    def __init__(self, layer: Any, x: Tensor) -> None:
        self.lengths = x.shape[1:]
        self.kernel, self.stride = layer.axes("kernel_size"), layer.axes("stride")
        self.padding, self.dilation = layer.axes("padding"), layer.axes("dilation")
        self.shape = (x.shape[0], *(len(list(self._starts(a, layer.ceil_mode))) for a in range(len(self.kernel))))

    def _starts(self, axis: int, ceil_mode: bool) -> Iterator[int]:
        length, padding = self.lengths[axis], self.padding[axis]
        start = -padding
        while start + self.dilation[axis] * (self.kernel[axis] - 1) < length + padding:
            yield start
            start += self.stride[axis]
        unread = start - self.stride[axis] + self.dilation[axis] * (self.kernel[axis] - 1) + 1 < length + padding
        if ceil_mode and unread and start < length:
            yield start

    def start(self, position: Sequence[int]) -> list[int]:
        return [i * s - p for i, s, p in zip(position, self.stride, self.padding)]

    def taps(self, position: Sequence[int]) -> Iterator[Place]:
        """The places that the window at ``position`` reads, those outside too."""
        for tap in indices(self.kernel):
            yield tuple(o + j * d for o, j, d in zip(self.start(position), tap, self.dilation))

    def count(self, position: Sequence[int], margin: Sequence[int]) -> int:
        """How many taps lie in the input or within ``margin`` of it."""
        return sum(
            all(-m <= place < length + m for place, length, m in zip(tap, self.lengths, margin))
            for tap in self.taps(position)
        )


@defines("MaxPool1d", "MaxPool2d", "MaxPool3d")
def max_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    windows = Windows(layer, x)
    outside = Number(-math.inf, x.tally)

    def unit(channel: int, *position: int) -> Number:
        return largest(x.numbers.get((channel, *place), outside) for place in windows.taps(position))

    return Tensor.make(windows.shape, unit, x.tally)


@defines("AvgPool1d", "AvgPool2d", "AvgPool3d")
def average_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    windows = Windows(layer, x)
    margin = windows.padding if layer.count_include_pad else (0,) * len(windows.padding)
    override = getattr(layer, "divisor_override", None)

    def unit(channel: int, *position: int) -> Number:
        read = total(x.padded((channel, *place)) for place in windows.taps(position))
        return read / (windows.count(position, margin) if override is None else override)

    return Tensor.make(windows.shape, unit, x.tally)


def power(base: Number, exponent: float) -> Number:
    """base^exponent; not a number where a negative base has no real one."""
    if base.value < 0 and not float(exponent).is_integer():
        base = Number(math.nan, base.tally)
    return base**exponent


@defines("LPPool1d", "LPPool2d", "LPPool3d")
def norm_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    p, windows = layer.norm_type, Windows(layer, x)

    def extreme(channel: int, *position: int) -> Number:
        outside = Number(0.0 if p > 0 else math.inf, x.tally)  # is never chosen
        return reduce(
            maximum if p > 0 else minimum,
            [abs(x.numbers.get((channel, *place), outside)) for place in windows.taps(position)],
        )

    def norm(channel: int, *position: int) -> Number:
        places = [(channel, *place) for place in windows.taps(position)]
        nothing = Number(0.0, x.tally)
        powers = [power(x[place], p) if place in x.numbers else nothing**1.0 for place in places]
        read = total(powers)
        if layer.ceil_mode:
            read = read * (len(places) / windows.count(position, windows.padding))
        return power(read, 1 / p)

    return Tensor.make(windows.shape, extreme if math.isinf(p) else norm, x.tally)


def spans(length: int, outputs: int) -> list[range]:
    """The windows of an adaptive pool along one axis: every position that window i's share of the axis touches."""
    return [
        range(math.floor(Fraction(i * length, outputs)), math.ceil(Fraction((i + 1) * length, outputs)))
        for i in range(outputs)
    ]


def pooled(x: Tensor, windows: Sequence[Sequence[range]], pool: Callable[[list[Number]], Number]) -> Tensor:
    """``pool`` of every box of positions, channel by channel; ``windows`` are the boxes' sides along each axis."""

    def unit(channel: int, *position: int) -> Number:
        sides = [along[i] for along, i in zip(windows, position)]
        return pool([x[(channel, *place)] for place in product(*sides)])

    return Tensor.make((x.shape[0], *map(len, windows)), unit, x.tally)


def mean(numbers: list[Number]) -> Number:
    return total(numbers) / len(numbers)


def adaptive(layer: Any, x: Tensor) -> list[list[range]]:
    stated = layer.axes("output_size")
    return [spans(n, n if m is None else m) for n, m in zip(x.shape[1:], stated)]


@defines("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d")
def adaptive_average_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pooled(x, adaptive(layer, x), mean)


@defines("AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d")
def adaptive_max_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pooled(x, adaptive(layer, x), largest)


@defines("FractionalMaxPool2d", "FractionalMaxPool3d")
def fractional_max_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    """Graham's pseudo-random windows for the random number ½ (the module under test is given the same)."""
    windows = []
    for axis, (length, kernel) in enumerate(zip(x.shape[1:], layer.axes("kernel_size"))):
        stated = layer.output_size is not None
        outputs = layer.axes("output_size")[axis] if stated else int(length * layer.axes("output_ratio")[axis])
        step = (length - kernel) / (outputs - 1) if outputs > 1 else 0.0
        starts = [int((i + 0.5) * step) - int(0.5 * step) for i in range(outputs - 1)]
        last = [length - kernel] if outputs else []
        windows.append([range(start, start + kernel) for start in starts + last])
    return pooled(x, windows, largest)


def over_all(layer: Any, x: Tensor, pool: Callable[[list[Number]], Number]) -> Tensor:
    found = pooled(x, [[range(length)] for length in x.shape[1:]], pool)
    return found if layer.keepdim else found.reshaped(x.shape[:1])


@defines("GlobalAvgPool")
def global_average_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return over_all(layer, x, mean)


@defines("GlobalMaxPool")
def global_max_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return over_all(layer, x, largest)


@defines("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")
def max_unpool(layer: Any, parameters: Parameters, x: Tensor, found: Tensor) -> Tensor:
    """Each number at the place that is found for it, which counts the output's elements of a channel row by row."""
    strides, kernels, paddings = layer.axes("stride"), layer.axes("kernel_size"), layer.axes("padding")
    shape = [(n - 1) * s - 2 * p + k for n, k, s, p in zip(x.shape[1:], kernels, strides, paddings)]
    if layer.output_size is not None:
        shape = list(layer.axes("output_size"))
    result = Tensor.make((x.shape[0], *shape), lambda *index: Number(0.0, x.tally), x.tally)
    for channel, *position in indices(x.shape) if result.numbers else ():
        rest = int(found[(channel, *position)].value)
        place: list[int] = []
        for length in reversed(shape):
            rest, along = divmod(rest, length)
            place.insert(0, along)
        result.numbers[(channel, *place)] = x[(channel, *position)]
    return result


@defines("BlurPool1d", "BlurPool2d", "BlurPool3d")
def blur_pool(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    size, step = layer.filt_size, layer.stride
    mode = {"zero": "zeros"}.get(layer.pad_type, layer.pad_type)
    filt = [math.comb(size - 1, i) / 2 ** (size - 1) for i in range(size)]

    def unit(channel: int, *position: int) -> Number:
        taps = []
        for tap in indices([size] * len(position)):
            places = [border(i * step - (size - 1) // 2 + j, n, mode) for i, j, n in zip(position, tap, x.shape[1:])]
            outside = any(place is None for place in places)
            read = Number(0.0, x.tally) if outside else x[(channel, *places)]  # type: ignore[arg-type]
            taps.append(read * math.prod(filt[j] for j in tap))
        return total(taps)

    return Tensor.make((x.shape[0], *(len(range(0, n, step)) for n in x.shape[1:])), unit, x.tally)
