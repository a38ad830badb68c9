"""What one unit of a layer reads along one axis of its input: the rules of receptive fields.

A layer states its *reach*: for each input, a tuple with one rule for each axis of that input. A rule names the
output axis (``axis``) along which the unit's position is counted, and says which input positions output
position ``i`` reads:

=================================  ==========================================================================
``Window(axis, k, s, d, p)``       ``i·s − p + j·d`` for ``j`` in ``0 … k − 1`` (convolution, pooling; also
                                   slices and plain pass-through, ``Window(axis)``)
``Spread(axis, k, s, d, p)``       the ``i`` with ``o = i·s − p + j·d`` for a ``j`` in ``0 … k − 1`` (transposed
                                   convolution; pixel shuffle)
``Adaptive(axis, n, m)``           ``⌊o·n/m⌋ … ⌈(o + 1)·n/m⌉ − 1`` of ``n`` positions, ``m`` outputs (adaptive pools)
``Resized(axis, …)``               interpolation: 1, 2 or 4 positions around ``o``'s source coordinate (upsampling)
``Blocks(axis, m, n)``             the ``n`` positions of its block, where ``m`` outputs share one (grouped channels,
                                   attention in windows)
``Causal(axis)``                   the positions ``0 … o`` (recurrent layers, causal attention)
``Whole()``                        every position (contracted axes, statistics over the axis, size-1 broadcast)
``Merged(axis)``                   one position, found by unravelling ``i`` (flatten: several input axes become
                                   one output axis)
``Digits(parts)``                  one position, put together from digits of output positions (unflatten, rearrange,
                                   channel shuffle)
``Unknown(reason)``                not known: reported by name, never guessed
=================================  ==========================================================================

The first five are *sliding* rules. Each states two facts, from which every analysis of receptive fields follows:

``reads(o)``   the input positions that output ``o`` reads, as a ``range``; it may run out of the input, where
               there is nothing to read (padding, or the repeated border of an interpolation)
``period``     ``(outputs, inputs)``: output ``o + outputs`` reads what ``o`` reads, ``inputs`` further on
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Union

from netcalc.dims import Dim
from netcalc.records import NamedTuple


class Window(NamedTuple):
    """Output position ``i`` on output axis ``axis`` reads input ``i·stride − padding + j·dilation``.

    ``beyond`` says what is found beyond the ends: ``zeros`` (any constant: nothing is read there), the input again by
    ``reflect``, ``replicate`` or ``circular`` padding, or ``others``: the layer's other inputs, of which this is a part
    (nothing of this one is read there).

    >>> list(Window(1, kernel=3, stride=2, dilation=2, padding=1).reads(5))
    [9, 11, 13]
    """

    axis: int
    kernel: Dim = 1
    stride: Dim = 1
    dilation: Dim = 1
    padding: Dim = 0
    beyond: str = "zeros"

    @property
    def period(self) -> tuple[int, int]:
        return 1, number(self.stride)

    def reads(self, output: int) -> range:
        kernel, stride, dilation, padding = map(number, self[1:5])
        first = output * stride - padding
        return range(first, first + kernel * dilation, dilation)


class Spread(NamedTuple):
    """Output ``o`` on output axis ``axis`` reads the inputs ``i`` for which ``o = i·stride − padding + j·dilation``.

    >>> [list(Spread(1, kernel=3, stride=2).reads(o)) for o in (4, 5)]
    [[1, 2], [2]]
    >>> list(Spread(1, kernel=1, stride=2).reads(3))  # a gap: the layer writes only its bias there
    []
    """

    axis: int
    kernel: Dim
    stride: Dim = 1
    dilation: Dim = 1
    padding: Dim = 0

    @property
    def period(self) -> tuple[int, int]:
        return number(self.stride), 1

    def reads(self, output: int) -> range:
        _, kernel, stride, dilation, padding = map(number, self)
        target, common = output + padding, gcd(stride, dilation)
        if target % common:
            return range(0)
        # taps j with target − j·dilation divisible by stride: one residue modulo `every`
        every, back = stride // common, dilation // common
        tap = target // common * pow(back, -1, every) % every if every > 1 else 0
        if tap >= kernel:
            return range(0)
        count = (kernel - 1 - tap) // every + 1
        last = (target - tap * dilation) // stride
        return range(last - (count - 1) * back, last + 1, back)


class Adaptive(NamedTuple):
    """Output ``o`` of ``outputs`` reads ``⌊o·length/outputs⌋`` up to ``⌈(o + 1)·length/outputs⌉`` of ``length`` inputs.

    >>> [list(Adaptive(1, length=5, outputs=3).reads(o)) for o in range(3)]
    [[0, 1], [1, 2, 3], [3, 4]]
    """

    axis: int
    length: Dim
    outputs: Dim

    @property
    def period(self) -> tuple[int, int]:
        _, length, outputs = map(number, self)
        common = gcd(length, outputs)
        return outputs // common, length // common

    def reads(self, output: int) -> range:
        _, length, outputs = map(number, self)
        return range(output * length // outputs, -(-(output + 1) * length // outputs))


class Resized(NamedTuple):
    """Interpolation from ``length`` to ``outputs`` positions with 1 (nearest), 2 (linear) or 4 (cubic) ``taps``.

    The source coordinate of ``o`` is ``o·scale`` for nearest (``(o + ½)·scale`` where it is ``exact``),
    ``(o + ½)·scale − ½`` otherwise, or ``o·(length − 1)/(outputs − 1)`` with ``align_corners``; ``scale`` is
    ``length / outputs``, or ``1 / factor`` where a factor was given. A tap whose weight is zero is not read.

    >>> [list(Resized(1, length=4, outputs=8, taps=2).reads(o)) for o in range(3)]  # −1: the border, again
    [[-1, 0], [0, 1], [0, 1]]
    >>> [list(Resized(1, length=4, outputs=7, taps=2, align_corners=True).reads(o)) for o in range(3)]
    [[0], [0, 1], [1]]
    """

    axis: int
    length: Dim
    outputs: Dim
    taps: int = 1
    align_corners: bool = False
    factor: float | None = None
    exact: bool = False

    @property
    def scale(self) -> Fraction:
        """Input positions an output position."""
        if self.align_corners:
            return Fraction(number(self.length) - 1, number(self.outputs) - 1) if self.outputs != 1 else Fraction(0)
        if self.factor:
            return 1 / Fraction(str(self.factor))
        return Fraction(number(self.length), number(self.outputs))

    @property
    def period(self) -> tuple[int, int]:
        inputs, outputs = self.scale.as_integer_ratio()
        return outputs, inputs

    def reads(self, output: int) -> range:
        if self.taps == 1:
            first = (output + Fraction(self.exact, 2)) * self.scale // 1
            return range(first, first + 1)
        source = output * self.scale if self.align_corners else (output + Fraction(1, 2)) * self.scale - Fraction(1, 2)
        first = source // 1
        if first == source:
            return range(first, first + 1)
        return range(first + 1 - self.taps // 2, first + 1 + self.taps // 2)


class Blocks(NamedTuple):
    """Blocks that do not mix: each of ``outputs`` positions in a row reads the same ``inputs`` positions.

    Groups of channels, or attention in windows; the blocks may begin ``shift`` positions further on (Swin's shifted
    windows), which leaves shorter ones at the ends.

    >>> [list(Blocks(0, outputs=2, inputs=3).reads(o)) for o in range(4)]
    [[0, 1, 2], [0, 1, 2], [3, 4, 5], [3, 4, 5]]
    >>> [list(Blocks(0, outputs=4, inputs=4, shift=1).reads(o)) for o in (0, 1, 4)]
    [[-3, -2, -1, 0], [1, 2, 3, 4], [1, 2, 3, 4]]
    """

    axis: int
    outputs: Dim
    inputs: Dim
    shift: Dim = 0

    @property
    def period(self) -> tuple[int, int]:
        return number(self.outputs), number(self.inputs)

    def reads(self, output: int) -> range:
        _, outputs, inputs, shift = map(number, self)
        first = (output - shift) // outputs * inputs + shift
        return range(first, first + inputs)


class Causal(NamedTuple):
    """Output ``o`` reads every position up to its own: ``0 … o``.

    >>> list(Causal(0).reads(3))
    [0, 1, 2, 3]
    """

    axis: int

    def reads(self, output: int) -> range:
        return range(output + 1)


class Whole(NamedTuple):
    """Every output unit reads every position of this input axis."""


class Merged(NamedTuple):
    """This input axis is one of several that are laid out along output axis ``axis``."""

    axis: int


class Part(NamedTuple):
    """One digit of an output position ``o``: ``o // step mod size``."""

    axis: int
    step: Dim
    size: Dim


class Digits(NamedTuple):
    """The input position is written with digits of output positions, the slowest first.

    ``Digits((Part(0, 1, 2), Part(1, 1, 3)))`` is an axis of 6 that became two axes of 2 and 3 (unflatten);
    ``Digits((Part(0, 1, g), Part(0, g, n)))`` an axis of g·n whose g groups were dealt out in turn (channel shuffle).
    All rules of an input that use digits of one output axis must use up that axis.
    """

    parts: tuple[Part, ...]


class Unknown(NamedTuple):
    """What a unit reads along this axis is not stated; ``reason`` says why."""

    reason: str


Sliding = Union[Window, Spread, Adaptive, Resized, Blocks]
Rule = Union[Window, Spread, Adaptive, Resized, Blocks, Causal, Whole, Merged, Digits, Unknown]
Reach = tuple[tuple[Rule, ...], ...]
"""For each input of a layer, one rule for each of that input's axes."""

WHOLE = Whole()


class NotANumber(ValueError):
    """A position was asked for where a size is still a letter."""


def number(value: Dim | bool | float | None) -> int:
    """``value`` as an int. Raises NotANumber for a letter."""
    if isinstance(value, int):
        return value
    raise NotANumber(f"{value} is not a number")


def found_at(position: int, length: int, beyond: str) -> int | None:
    """The position of an axis that is found at ``position``, which may lie beyond its ends; None for a constant.

    >>> [[found_at(i, 4, beyond) for i in range(-2, 6)] for beyond in ("zeros", "reflect", "replicate", "circular")]
    [[None, None, 0, 1, 2, 3, None, None], [2, 1, 0, 1, 2, 3, 2, 1], [0, 0, 0, 1, 2, 3, 3, 3], [2, 3, 0, 1, 2, 3, 0, 1]]
    """
    if 0 <= position < length:
        return position
    if beyond == "replicate":
        return min(max(position, 0), length - 1)
    if beyond == "circular":
        return position % length
    if beyond == "reflect":
        place = position % (2 * length - 2)
        return min(place, 2 * length - 2 - place)
    return None


def pointwise(rank: int, inputs: int = 1) -> Reach:
    """Each output unit reads the same position of each input (activations, sums)."""
    return (tuple(Window(axis) for axis in range(rank)),) * inputs


def last_axis(rank: int) -> Reach:
    """Each output unit reads the whole last axis at its own position on the others (a linear layer)."""
    return ((*(Window(axis) for axis in range(rank - 1)), WHOLE),)
