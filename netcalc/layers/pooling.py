"""Pooling (torch.nn: MaxPool, AvgPool, …): one general class a kind of pooling, one tiny class a rank."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from netcalc.dims import Dim, ceildiv, minimum, product, text
from netcalc.layers.base import (
    Applied,
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Sizes,
    Uncounted,
    Work,
    at_least,
    at_most,
    choice,
    contraction,
    divisible,
    equal,
    flag,
    free,
    has_axes,
    has_rank,
    inferred,
    integer,
    layer,
    real,
    record,
    shape_text,
    size,
    sizes,
)
from netcalc.layers.convolution import LAYOUT, positive
from netcalc.layers.input import Input
from netcalc.layers.reach import WHOLE, Adaptive, Reach, Rule, Spread, Unknown, Window
from netcalc.records import NamedTuple

_DOCS = "https://docs.pytorch.org/docs/stable/generated/torch.nn."

# ---------------------------------------------------------------- sliding windows


class Slide(NamedTuple):
    """A window that slides along one axis: output ``i`` reads ``i·stride − padding + j·dilation``, j < kernel."""

    kernel: Dim
    stride: Dim
    dilation: Dim = 1
    padding: Dim = 0

    @property
    def extent(self) -> Dim:
        """How many positions lie between the first and the last tap, both included."""
        return self.dilation * (self.kernel - 1) + 1

    def windows(self, length: Dim, ceil_mode: bool) -> Dim:
        """How many windows there are. With ``ceil_mode`` the last may run out at the end, but not start out there.

        >>> Slide(3, 2).windows(8, ceil_mode=False), Slide(3, 2).windows(8, ceil_mode=True)
        (3, 4)
        >>> Slide(2, 2, padding=1).windows(1, ceil_mode=True)
        1
        """
        room = length + 2 * self.padding - self.extent
        if not ceil_mode:
            return room // self.stride + 1
        return minimum(ceildiv(room, self.stride), (length + self.padding - 1) // self.stride) + 1


class _Sliding(Layer):
    """What all pools with sliding windows share: where the windows lie. Those without padding or dilation have none."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes = 0
    dilation: Sizes = 1
    ceil_mode: bool

    def __post_init__(self) -> None:
        if self.stride == ():  # as torch has it
            object.__setattr__(self, "stride", None)
        super().__post_init__()

    def axes(self, name: str) -> Shape:
        """Argument ``name`` as one size an axis; a stride that is not stated is the kernel size."""
        return super().axes("kernel_size" if name == "stride" and self.stride is None else name)

    def slides(self) -> list[Slide]:
        """The window along each axis."""
        return [Slide(*each) for each in zip(*map(self.axes, ("kernel_size", "stride", "dilation", "padding")))]

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield from positive(self, "kernel_size", "stride", "dilation")
        yield from positive(self, "padding", least=0)
        for length, slide in zip(x[1:], self.slides()):
            yield at_most(slide.padding, slide.kernel // 2, "padding, at most half of kernel_size,", "padding")
            room, about = length + 2 * slide.padding, "the padded input"
            if self.ceil_mode:
                room, about = room + slide.stride - 1, "the padded input plus stride − 1 (ceil_mode)"
            yield at_least(room, slide.extent, f"{about}, which must hold one window,", "kernel_size")

    def output_shape(self, x: Shape) -> Shape:
        return (x[0], *(slide.windows(length, self.ceil_mode) for length, slide in zip(x[1:], self.slides())))

    def taps(self) -> Dim:
        """How many numbers one window holds; those that lie outside count too."""
        return product(self.axes("kernel_size"))

    def reach(self, x: Shape) -> Reach:
        return ((Window(0), *(Window(axis, *slide) for axis, slide in enumerate(self.slides(), 1))),)


_KERNELS = (1, 2, 2, 2, 3, 3, 3, 4)
_STRIDES = (1, 1, 1, 2, 2, 2, 2, 3, 3, None, None, 0)
_PADDINGS = (0, 0, 0, 0, 0, 1, 1, 1, 2, -1)
_STRIDE = "step of the window; the kernel size where it is not stated"
_CEIL_MODE = "round the output size up: the last window may run out at the end"
_INDICES = "return the places of the maxima too, for MaxUnpool; they are not counted"


@record
class _MaxPool(_Sliding):
    """The greatest number of each window, channel by channel. Padding is −∞.

    Shapes: ``C x L…`` → ``C x L_out…``, along every axis
    L_out = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.
    With ``ceil_mode`` the quotient is rounded up, but a window that would start in the padding at the end is left
    out: L_out = min(⌈…⌉, ⌊(L + padding − 1) / stride⌋) + 1.
    Work: for each output ∏ kernel_size − 1 max; taps that lie outside count too.
    """

    words: ClassVar[tuple[str, ...]] = ("maxpool",)

    kernel_size: Sizes = sizes("size of the window", letter="k", lone=True, tries=_KERNELS)
    stride: Sizes = sizes(_STRIDE, None, letter="s", lone=True, tries=_STRIDES)
    padding: Sizes = sizes("−∞ put at both ends, at most kernel_size / 2", 0, letter="p", lone=True, tries=_PADDINGS)
    dilation: Sizes = sizes("step between the taps", 1, letter="d", lone=True, tries=(1, 1, 1, 1, 2, 2, 3, 0))
    return_indices: bool = flag(_INDICES, False)
    ceil_mode: bool = flag(_CEIL_MODE, False)

    def work(self, x: Shape) -> Work:
        return Work((Line("max of the window", "max", (*self.output_shape(x), self.taps() - 1)),))


@layer
class MaxPool1d(_MaxPool):
    __doc__ = _MaxPool.__doc__
    words = (*_MaxPool.words, "maxpool1d")
    rank = 1
    namesake = "MaxPool1d"
    source = _DOCS + "MaxPool1d.html"
    examples = ("4x100 -> maxpool 2", "4x101 -> maxpool k3 s2 p1 ceil_mode=True")
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@layer
class MaxPool2d(_MaxPool):
    __doc__ = _MaxPool.__doc__
    words = (*_MaxPool.words, "maxpool2d")
    rank = 2
    namesake = "MaxPool2d"
    source = _DOCS + "MaxPool2d.html"
    examples = ("16x32x32 -> maxpool 2", "64x112x112 -> maxpool k3 s2 p1", "8x7x9 -> maxpool k2x3 s2x1 ceil_mode=True")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class MaxPool3d(_MaxPool):
    __doc__ = _MaxPool.__doc__
    words = (*_MaxPool.words, "maxpool3d")
    rank = 3
    namesake = "MaxPool3d"
    source = _DOCS + "MaxPool3d.html"
    examples = ("4x8x16x16 -> maxpool 2", "2x5x9x9 -> maxpool k1x3x3 s1x2x2 p0x1x1")
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),), ((1, 6, 5, 7),), ((1, 7, 4, 6),), ((1, 1, 2, 3, 5, 4),))


@record
class _AvgPool(_Sliding):
    """The mean of each window, channel by channel. Padding is 0.

    Shapes: ``C x L…`` → ``C x L_out…`` with L_out = ⌊(L + 2·padding − kernel_size) / stride⌋ + 1 along every axis. With
    ``ceil_mode`` the quotient is rounded up, but a window that would start in the padding at the end is left out.
    The sum is divided by the window's size within the padded input, with ``count_include_pad=False`` within the input.
    Work: for each output ∏ kernel_size − 1 add and 1 div; taps that lie outside count too.
    """

    words: ClassVar[tuple[str, ...]] = ("avgpool",)

    kernel_size: Sizes = sizes("size of the window", letter="k", lone=True, tries=_KERNELS)
    stride: Sizes = sizes(_STRIDE, None, letter="s", lone=True, tries=_STRIDES)
    padding: Sizes = sizes("zeros put at both ends, at most kernel_size / 2", 0, letter="p", lone=True, tries=_PADDINGS)
    ceil_mode: bool = flag(_CEIL_MODE, False)
    count_include_pad: bool = flag("divide by the number of taps with those in the padding", True)

    def work(self, x: Shape) -> Work:
        outputs = self.output_shape(x)
        return Work((Line("Σ of the window", "add", (*outputs, self.taps() - 1)), Line("Σ / n", "div", outputs)))


@layer
class AvgPool1d(_AvgPool):
    __doc__ = _AvgPool.__doc__
    words = (*_AvgPool.words, "avgpool1d")
    rank = 1
    namesake = "AvgPool1d"
    source = _DOCS + "AvgPool1d.html"
    examples = ("4x100 -> avgpool 4", "4x101 -> avgpool k3 s2 p1 count_include_pad=False")
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@record
class _AvgPoolOver(_AvgPool):
    """An average pool whose divisor can be stated."""

    divisor_override: int | None = integer(
        "divide by this instead of the window's size", None, tries=(None, 1, 3, 3, -2, 0)
    )

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        wanted = "a divisor other than 0"
        yield Fact(self.divisor_override != 0, "divisor_override is 0", wanted, "0", argument="divisor_override")


def _holds_a_window(pool: Layer, x: Shape) -> Conditions:
    """torch's average pool over three axes wants each of them, without its padding, to hold one window."""
    for length, kernel in zip(x[1:], pool.axes("kernel_size")):
        yield at_least(length, kernel, "the input without its padding, which must hold one window,", "kernel_size")


@layer
class AvgPool2d(_AvgPoolOver):
    __doc__ = _AvgPool.__doc__
    words = (*_AvgPool.words, "avgpool2d")
    rank = 2
    namesake = "AvgPool2d"
    source = _DOCS + "AvgPool2d.html"
    examples = ("16x32x32 -> avgpool 2", "8x7x9 -> avgpool k3 s2 p1 ceil_mode=True")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class AvgPool3d(_AvgPoolOver):
    __doc__ = (_AvgPool.__doc__ or "") + "The input without its padding must hold one window (torch demands it).\n"
    words = (*_AvgPool.words, "avgpool3d")
    rank = 3
    namesake = "AvgPool3d"
    source = _DOCS + "AvgPool3d.html"
    examples = ("4x8x16x16 -> avgpool 2", "2x5x9x9 -> avgpool k1x3x3 s1x2x2 p0x1x1")
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),), ((1, 6, 5, 7),), ((1, 7, 4, 6),), ((1, 1, 2, 3, 5, 4),))

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield from _holds_a_window(self, x)


@record
class _LPPool(_Sliding):
    """The p-norm of each window, (Σ xᵖ)^(1/p), channel by channel; p is ``norm_type``.

    For p = ∞ it is the greatest |x|, for p = −∞ the least. Where p is odd or no integer a negative base gives nan.
    Shapes: ``C x L…`` → ``C x L_out…`` with L_out = ⌊(L − kernel_size) / stride⌋ + 1 along every axis.
    With ``ceil_mode`` the quotient is rounded up, and the sum of each window is multiplied by n = ∏ kernel_size over
    the number of its taps that lie inside, as torch does.
    Work: for each output n pow, n − 1 add, 1 pow, with ``ceil_mode`` 1 mul; for p = ±∞ n max (|x|) and n − 1 max.
    """

    words: ClassVar[tuple[str, ...]] = ("lppool",)

    norm_type: float = real("the power p, not 0", tries=(1, 2, 2, 2.5, 3, -1, math.inf, -math.inf, 0))
    kernel_size: Sizes = sizes("size of the window", letter="k", tries=_KERNELS)
    stride: Sizes = sizes(_STRIDE, None, letter="s", lone=True, tries=_STRIDES)
    ceil_mode: bool = flag(_CEIL_MODE, False)

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield Fact(self.norm_type != 0, "norm_type is 0", "a power other than 0", "0", argument="norm_type")
        given = self.kernel_size
        if self.rank == 1 and isinstance(given, tuple):
            why = f"kernel_size of {self.kind} is a tuple, which torch's cannot be"
            yield Fact(False, why, "a number", repr(given), argument="kernel_size")
        if self.rank == 3 and not math.isinf(self.norm_type):
            yield from _holds_a_window(self, x)

    def work(self, x: Shape) -> Work:
        outputs, taps = self.output_shape(x), self.taps()
        if math.isinf(self.norm_type):
            return Work((Line("|x|", "max", (*outputs, taps)), Line("max of |x|", "max", (*outputs, taps - 1))))
        scale = [Line("Σ · n / taps inside", "mul", outputs)] if self.ceil_mode else []
        power, root = Line("xᵖ", "pow", (*outputs, taps)), Line("Σ^(1/p)", "pow", outputs)
        return Work((power, Line("Σ xᵖ", "add", (*outputs, taps - 1)), *scale, root))


@layer
class LPPool1d(_LPPool):
    __doc__ = _LPPool.__doc__
    words = (*_LPPool.words, "lppool1d")
    rank = 1
    namesake = "LPPool1d"
    source = _DOCS + "LPPool1d.html"
    examples = ("4x100 -> lppool 2 k3 s2",)
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@layer
class LPPool2d(_LPPool):
    __doc__ = _LPPool.__doc__
    words = (*_LPPool.words, "lppool2d")
    rank = 2
    namesake = "LPPool2d"
    source = _DOCS + "LPPool2d.html"
    examples = ("16x32x32 -> lppool 2 k2", "8x7x9 -> lppool 2 k3 s2 ceil_mode=True")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class LPPool3d(_LPPool):
    __doc__ = (_LPPool.__doc__ or "") + "The input must hold one window, with ``ceil_mode`` too (torch demands it).\n"
    words = (*_LPPool.words, "lppool3d")
    rank = 3
    namesake = "LPPool3d"
    source = _DOCS + "LPPool3d.html"
    examples = ("4x8x16x16 -> lppool 2 k2",)
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),), ((1, 6, 5, 7),), ((1, 7, 4, 6),), ((1, 1, 2, 3, 5, 4),))


# ---------------------------------------------------------------- a stated number of windows


def window_total(length: Dim, outputs: Dim) -> Dim | None:
    """How many numbers the windows of an adaptive pool hold in all, along one axis of n = length, m = outputs.

    It is n + m − gcd(n, m): of the m + 1 borders those that fall into a position, not between two, count it twice.
    None where nothing exact is known, which takes two different letters.

    >>> window_total(7, 3), window_total(8, 4)
    (9, 8)
    """
    if isinstance(outputs, int) and outputs == 0:
        return 0
    if getattr(outputs, "known", outputs) == 1:
        return length
    common = _common_divisor(length, outputs)
    return None if common is None else length + outputs - common


_MOST = 10_000  # beyond it the divisors of a number are not looked for


def _common_divisor(n: Dim, m: Dim) -> Dim | None:
    """gcd(n, m), or None where neither is a (small) number.

    For a letter n and a number m it is Σ φ(d)·(⌊n/d⌋ − ⌊(n − 1)/d⌋) over the divisors d of m (the difference is 1
    where d divides n, else 0).

    >>> from netcalc.dims import symbol
    >>> _common_divisor(symbol("N"), 7)
    6*(N//7) - 6*((N+6)//7) + 7
    """
    if isinstance(n, int) and isinstance(m, int):
        return math.gcd(n, m)
    for dim in (n, m):
        if hasattr(dim, "extremum"):  # sizes that remember how they were computed: analysis/written
            return dim.extremum("gcd", (n, m))  # type: ignore[no-any-return]
    number, letter = (n, m) if isinstance(n, int) else (m, n)
    if isinstance(number, int):
        if not 0 < number <= _MOST:
            return None
        common: Dim = 0
        for d in range(1, number + 1):
            if number % d == 0:
                totient = sum(math.gcd(i, d) == 1 for i in range(1, d + 1))
                common = common + totient * (letter // d - (letter - 1) // d)
        return common
    return n if n == m else None


def _accept(pool: Layer, name: str, stand_in: object) -> None:
    """Check a layer's arguments with a stand-in for the one that :class:`Layer` has no type for; it keeps its value."""
    stated = getattr(pool, name)
    object.__setattr__(pool, name, stand_in)
    Layer.__post_init__(pool)
    object.__setattr__(pool, name, stated)


def _not_empty(x: Shape) -> Conditions:
    """An input with an axis of size 0 (only such an output_size makes one) has nothing to pool."""
    for length in x:
        if isinstance(length, int):
            yield at_least(length, 1, "a size of the input")


class _Adaptive(Layer):
    """What the adaptive pools share: where their windows lie."""

    output_size: Sizes

    def __post_init__(self) -> None:
        stated, rank = self.output_size, self.rank or 1
        if not isinstance(stated, tuple):
            super().__post_init__()
        elif len(stated) == rank:
            _accept(self, "output_size", tuple(1 if entry is None else entry for entry in stated))
        else:
            raise self.wrong_entries("output_size")

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield from _not_empty(x)
        stated = self.axes("output_size")
        yield Fact(
            rank > 1 or stated[0] is not None,
            f"output_size of {self.kind} cannot be None",
            expected="a size",
            found="None",
            argument="output_size",
        )
        for outputs in stated:
            if outputs is not None:
                yield at_least(outputs, 0, "output_size")

    def output_shape(self, x: Shape) -> Shape:
        return (x[0], *(n if m is None else m for n, m in zip(x[1:], self.axes("output_size"))))

    def beyond_first(self, x: Shape) -> Shape | None:
        """How many numbers the windows hold beyond the first of each, as factors; None where it is not known."""
        channels, *outputs = self.output_shape(x)
        totals = [window_total(n, m) for n, m in zip(x[1:], outputs)]
        known = [each for each in totals if each is not None]
        return (channels, product(known) - product(outputs)) if len(known) == len(totals) else None

    def reach(self, x: Shape) -> Reach:
        rules: list[Rule] = [Window(0)]
        for axis, (n, m) in enumerate(zip(x[1:], self.axes("output_size")), 1):
            if m is None:
                rules.append(Window(axis))
            else:
                rules.append(WHOLE if isinstance(m, int) and m == 1 else Adaptive(axis, n, m))
        return (tuple(rules),)


_OUTPUT_SIZE = "size of the output; None for an axis that stays"
_OUTPUTS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, 0, -1, (None,), (None, 3), (2, None, None))
_UNKNOWN = "the windows' sum of sizes, n + m − gcd(n, m) along each axis, where n and m are two letters"


@record
class _AdaptiveAvgPool(_Adaptive):
    """The mean of each of ``output_size`` windows that cover the input evenly, channel by channel.

    Shapes: ``C x L…`` → ``C x output_size…``; an entry None keeps the axis (not for one axis).
    Window i reads ⌊i·L/output_size⌋ … ⌈(i + 1)·L/output_size⌉ − 1 along every axis.
    Work: for each output, of a window of n numbers, n − 1 add and 1 div. Along an axis the window sizes add up to
    L + output_size − gcd(L, output_size).
    """

    words: ClassVar[tuple[str, ...]] = ("adaptiveavgpool",)

    output_size: Sizes = sizes(_OUTPUT_SIZE, tries=_OUTPUTS)

    def work(self, x: Shape) -> Work:
        beyond = self.beyond_first(x)
        sums = [] if beyond is None else [Line("Σ of the window", "add", beyond)]
        lines = (*sums, Line("Σ / n", "div", self.output_shape(x)))
        return Work(lines, uncounted=() if sums else (Uncounted(_UNKNOWN, "add"),))


@record
class _AdaptiveMaxPool(_Adaptive):
    """The greatest number of each of ``output_size`` windows that cover the input evenly, channel by channel.

    Shapes: ``C x L…`` → ``C x output_size…``; an entry None keeps the axis (not for one axis).
    Window i reads ⌊i·L/output_size⌋ … ⌈(i + 1)·L/output_size⌉ − 1 along every axis.
    Work: for each output, of a window of n numbers, n − 1 max. Along an axis the window sizes add up to
    L + output_size − gcd(L, output_size).
    """

    words: ClassVar[tuple[str, ...]] = ("adaptivemaxpool",)

    output_size: Sizes = sizes(_OUTPUT_SIZE, tries=_OUTPUTS)
    return_indices: bool = flag(_INDICES, False)

    def work(self, x: Shape) -> Work:
        beyond = self.beyond_first(x)
        if beyond is None:
            return Work((), uncounted=(Uncounted(_UNKNOWN, "max"),))
        return Work((Line("max of the window", "max", beyond),))


@layer
class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    words = (*_AdaptiveAvgPool.words, "adaptiveavgpool1d")
    rank = 1
    namesake = "AdaptiveAvgPool1d"
    source = _DOCS + "AdaptiveAvgPool1d.html"
    examples = ("4x100 -> adaptiveavgpool 1", "4x10 -> adaptiveavgpool 3")
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@layer
class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    words = (*_AdaptiveAvgPool.words, "adaptiveavgpool2d")
    rank = 2
    namesake = "AdaptiveAvgPool2d"
    source = _DOCS + "AdaptiveAvgPool2d.html"
    examples = ("512x7x7 -> adaptiveavgpool 1", "8x9x10 -> AdaptiveAvgPool2d((None, 7))")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((2, 1, 4),))


@layer
class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    words = (*_AdaptiveAvgPool.words, "adaptiveavgpool3d")
    rank = 3
    namesake = "AdaptiveAvgPool3d"
    source = _DOCS + "AdaptiveAvgPool3d.html"
    examples = ("4x8x16x16 -> adaptiveavgpool 1", "2x5x9x9 -> adaptiveavgpool 5x3x2")
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),))


@layer
class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    words = (*_AdaptiveMaxPool.words, "adaptivemaxpool1d")
    rank = 1
    namesake = "AdaptiveMaxPool1d"
    source = _DOCS + "AdaptiveMaxPool1d.html"
    examples = ("4x100 -> adaptivemaxpool 1", "4x10 -> adaptivemaxpool 3")
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@layer
class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    words = (*_AdaptiveMaxPool.words, "adaptivemaxpool2d")
    rank = 2
    namesake = "AdaptiveMaxPool2d"
    source = _DOCS + "AdaptiveMaxPool2d.html"
    examples = ("512x7x7 -> adaptivemaxpool 1", "8x9x10 -> AdaptiveMaxPool2d((None, 7))")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    words = (*_AdaptiveMaxPool.words, "adaptivemaxpool3d")
    rank = 3
    namesake = "AdaptiveMaxPool3d"
    source = _DOCS + "AdaptiveMaxPool3d.html"
    examples = ("4x8x16x16 -> adaptivemaxpool 1", "2x5x9x9 -> adaptivemaxpool 5x3x2")
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),), ((1, 6, 5, 7),), ((1, 7, 4, 6),), ((1, 1, 2, 3, 5, 4),))


@record
class _FractionalMaxPool(Layer):
    """The greatest number of each of ``output_size`` windows of one size, placed at random, channel by channel.

    Shapes: ``C x L…`` → ``C x L_out…`` with L_out = output_size, or ⌊output_ratio · L⌋, along every axis.
    torch's private argument ``_random_samples`` is left out.
    Work: for each output ∏ kernel_size − 1 max.
    """

    words: ClassVar[tuple[str, ...]] = ("fractionalmaxpool",)

    kernel_size: Sizes = sizes("size of the windows", letter="k", tries=(1, 2, 2, 3))
    output_size: Sizes = sizes("size of the output", None, tries=(None, 1, 1, 2, 2, 3, 0, -1))
    output_ratio: Any = real(
        "size of the output for one of the input", None, tries=(None, None, None, 0.3, 0.5, 0.7, (0.6, 0.4), 1.0)
    )
    return_indices: bool = flag(_INDICES, False)

    def __post_init__(self) -> None:
        ratios = self.output_ratio
        if isinstance(ratios, tuple) and len(ratios) == self.rank and all(isinstance(r, (int, float)) for r in ratios):
            _accept(self, "output_ratio", 0.5)
        else:
            super().__post_init__()

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield from _not_empty(x)
        yield from positive(self, "kernel_size")
        both = self.output_size is not None and self.output_ratio is not None
        neither = self.output_size is None and self.output_ratio is None
        yield Fact(
            not both and not neither,
            f"{self.kind} needs either output_size or output_ratio",
            expected="one of the two",
            found="both" if both else "neither",
            argument="output_ratio" if both else "output_size",
        )
        if self.output_size is None:
            for length, ratio in zip(x[1:], self.axes("output_ratio")):
                found, blamed = str(ratio), "output_ratio"
                wanted = "a number between 0 and 1, both excluded"
                yield Fact(0 < ratio < 1, f"output_ratio is {ratio}", wanted, found, argument=blamed)
                why = f"{ratio} of {shape_text((length,))} is rounded in floating point, for which there is no formula"
                wanted = "a ratio such as 0.5 or 0.75, or output_size"
                yield Fact(isinstance(length, int) or _is_short(ratio), why, wanted, found, argument=blamed)
        for length, kernel, outputs in zip(x[1:], self.axes("kernel_size"), self.output_shape(x)[1:]):
            yield at_least(outputs, 0, "output_size")
            about = "the input, which must hold output_size windows at different places,"
            yield at_least(length, outputs + kernel - 1 + (rank - 2), about, "kernel_size")

    def output_shape(self, x: Shape) -> Shape:
        if self.output_size is not None:
            return (x[0], *self.axes("output_size"))
        return (x[0], *(_share(length, ratio) for length, ratio in zip(x[1:], self.axes("output_ratio"))))

    def work(self, x: Shape) -> Work:
        taps = product(self.axes("kernel_size"))
        return Work((Line("max of the window", "max", (*self.output_shape(x), taps - 1)),))

    def reach(self, x: Shape) -> Reach:
        return ((Window(0), *[Unknown("the windows are placed at random")] * (self.rank or 1)),)


def _is_short(ratio: Any) -> bool:
    """Is it a fraction whose denominator is a small power of two, so that floating point multiplies it exactly?"""
    return bool(ratio.as_integer_ratio()[1] <= 1 << 20)


def _share(length: Dim, ratio: Any) -> Dim:
    """⌊length · ratio⌋ as torch computes it, in floating point."""
    if _is_short(ratio):
        numerator, denominator = ratio.as_integer_ratio()
        return length * int(numerator) // int(denominator)
    return int(length * ratio)


@layer
class FractionalMaxPool2d(_FractionalMaxPool):
    __doc__ = _FractionalMaxPool.__doc__
    words = (*_FractionalMaxPool.words, "fractionalmaxpool2d")
    rank = 2
    namesake = "FractionalMaxPool2d"
    source = _DOCS + "FractionalMaxPool2d.html"
    examples = ("16x32x32 -> fractionalmaxpool 2 output_ratio=0.75", "8x9x9 -> fractionalmaxpool 3 4x5")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class FractionalMaxPool3d(_FractionalMaxPool):
    __doc__ = (_FractionalMaxPool.__doc__ or "") + "torch demands one position more than the windows need.\n"
    words = (*_FractionalMaxPool.words, "fractionalmaxpool3d")
    rank = 3
    namesake = "FractionalMaxPool3d"
    source = _DOCS + "FractionalMaxPool3d.html"
    examples = ("4x8x16x16 -> fractionalmaxpool 2 output_ratio=0.5",)
    trial_inputs = (((1, 5, 4, 6),), ((2, 3, 5, 4),), ((1, 6, 5, 7),), ((1, 7, 4, 6),), ((1, 1, 2, 3, 5, 4),))


# ---------------------------------------------------------------- all of it


class _Global(Layer):
    """What the pools over all positions share."""

    pools: ClassVar[bool] = True
    keepdim: bool

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 2, "C x L…")
        yield from _not_empty(x)

    def output_shape(self, x: Shape) -> Shape:
        return (x[0], *(1,) * (len(x) - 1)) if self.keepdim else x[:1]

    def reach(self, x: Shape) -> Reach:
        return ((Window(0), *[WHOLE] * (len(x) - 1)),)


@layer
class GlobalAvgPool(_Global):
    """The mean of each channel.

    Shapes: ``C x L…`` → ``C``, with ``keepdim`` ``C x 1…``.
    Work: for each channel of n numbers n − 1 add and 1 div.
    """

    words = ("gap", "globalavgpool")
    source = "https://arxiv.org/abs/1312.4400"
    examples = ("512x7x7 -> gap -> linear 10", "8x20 -> globalavgpool keepdim=True")
    trial_inputs = (((2, 7),), ((3, 4, 5),), ((2, 3, 2, 2),), ((4,),))

    keepdim: bool = flag("keep the pooled axes, with size 1", False)

    def work(self, x: Shape) -> Work:
        return Work((Line("Σ x", "add", (x[0], product(x[1:]) - 1)), Line("Σ / n", "div", x[:1])))


@layer
class GlobalMaxPool(_Global):
    """The greatest number of each channel.

    Shapes: ``C x L…`` → ``C``, with ``keepdim`` ``C x 1…``.
    Work: for each channel of n numbers n − 1 max.
    """

    words = ("globalmaxpool",)
    source = "https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html"
    examples = ("512x7x7 -> globalmaxpool -> linear 10",)
    trial_inputs = (((2, 7),), ((3, 4, 5),), ((2, 3, 2, 2),), ((4,),))

    keepdim: bool = flag("keep the pooled axes, with size 1", False)

    def work(self, x: Shape) -> Work:
        return Work((Line("max x", "max", (x[0], product(x[1:]) - 1)),))


# ---------------------------------------------------------------- the way back


@record
class _MaxUnpool(Layer):
    """Each number put back where a max pool found it, zeros elsewhere.

    Inputs: the numbers, and the max pool with ``return_indices`` that found their places (the same shape), or a network
    input of such places. Its windows must be those stated here. A place is counted along whole rows of that pool's
    input, so the output must have that input's sizes, but for the first one, where what the pool has read is enough
    (torch raises, or scrambles the numbers).
    Shapes: ``C x L…``, ``C x L…`` → ``C x L_out…`` with L_out = (L − 1)·stride − 2·padding + kernel_size, or
    ``output_size`` (an argument of torch's call), which may differ from it by less than ``stride``.
    Work: none.
    """

    words: ClassVar[tuple[str, ...]] = ("maxunpool",)
    arity = 2

    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(1, 2, 2, 3))
    stride: Sizes = sizes(_STRIDE, None, letter="s", tries=(1, 2, 3, None))
    padding: Sizes = sizes("padding of the max pool", 0, letter="p", tries=(0, 0, 0, 1, 1, 2, 5))
    output_size: Sizes = sizes("size of the max pool's input", None, tries=(None, None, None, None, 3, 4, 5, 6, 7))

    def axes(self, name: str) -> Shape:
        """Argument ``name`` as one size an axis; a stride that is not stated is the kernel size."""
        return super().axes("kernel_size" if name == "stride" and self.stride is None else name)

    def conditions(self, x: Shape, pooled: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield has_rank(pooled, rank + 1, LAYOUT[rank])
        for axis, (ours, theirs) in enumerate(zip(x, pooled)):
            yield equal(theirs, ours, f"size {axis} of the max pool's output")
        yield from positive(self, "kernel_size", "stride")
        yield from positive(self, "padding", least=0)
        for outputs, usual, stride in zip(self.output_shape(x, pooled)[1:], self.usual(x), self.axes("stride")):
            yield at_least(outputs, 0, "the output's size", "padding")
            if self.output_size is not None:
                yield at_least(outputs, usual - stride + 1, "output_size")
                yield at_most(outputs, usual + stride - 1, "output_size")

    def maker_conditions(self, *makers: Applied) -> Conditions:
        pool, (read, *_) = makers[1].layer, (*makers[1].inputs, ())
        if isinstance(pool, Input):
            return
        yield Fact(
            getattr(pool, "return_indices", False),
            f"the second input of {self.kind} is made by {pool.kind}, which tells no places",
            expected="a max pool with return_indices=True",
            found=str(pool),
            hint="for example: maxpool 2 return_indices=True as pool",
        )
        for slide, own in zip(_regular(pool, read), self.slides()):
            for name, argument in _OF_WINDOW.items():
                about, hint = f"{argument}, which must be the max pool's,", f"its window is {_written(slide)}"
                yield equal(getattr(own, name), getattr(slide, name), about, argument)._replace(hint=hint)
        if isinstance(pool, _Adaptive):
            for length, windows in zip(read[1:], makers[1].output[1:]):
                yield divisible(length, windows, "the input of the adaptive max pool, for windows of one size,")
        outputs, hint = self.output_shape(makers[0].output, makers[1].output), f"output_size={shape_text(read[1:])}"
        about = "the first unpooled size, which must hold what the max pool has read,"
        yield at_least(outputs[1], _end(pool, read), about, "output_size")._replace(hint=hint)
        for length, unpooled in zip(read[2:], outputs[2:]):
            about = "the unpooled size, which must be that of the max pool's input,"
            yield equal(unpooled, length, about, "output_size")._replace(hint=hint)

    def slides(self) -> list[Slide]:
        """The window along each axis."""
        return [Slide(k, s, 1, p) for k, s, p in zip(*map(self.axes, ("kernel_size", "stride", "padding")))]

    def usual(self, x: Shape) -> Shape:
        """The size along each axis where it is not stated."""
        return tuple((n - 1) * each.stride - 2 * each.padding + each.kernel for n, each in zip(x[1:], self.slides()))

    def output_shape(self, x: Shape, pooled: Shape) -> Shape:
        return (x[0], *(self.usual(x) if self.output_size is None else self.axes("output_size")))

    def work(self, x: Shape, pooled: Shape) -> Work:
        return free("puts each number in its place")

    def reach(self, x: Shape, pooled: Shape) -> Reach:
        rules: list[Rule] = [Window(0), *(Spread(axis, *each) for axis, each in enumerate(self.slides(), 1))]
        return (tuple(rules),) * 2


_OF_WINDOW = {"kernel": "kernel_size", "stride": "stride", "dilation": "dilation", "padding": "padding"}


def _regular(pool: Layer, x: Shape) -> list[Slide]:
    """The windows of a max pool on ``x`` where they are all alike."""
    if isinstance(pool, _Sliding):
        return pool.slides()
    if isinstance(pool, _Adaptive):
        return [Slide(length // m, length // m) for length, m in zip(x[1:], pool.output_shape(x)[1:])]
    return []


def _written(slide: Slide) -> str:
    return " ".join(f"{argument}={text(getattr(slide, name))}" for name, argument in _OF_WINDOW.items())


def _end(pool: Layer, x: Shape) -> Dim:
    """How much of the first axis behind the channels a max pool has read."""
    if not isinstance(pool, _Sliding):
        return x[1]
    slide = pool.slides()[0]
    last = slide.windows(x[1], pool.ceil_mode) - 1
    return minimum(x[1], last * slide.stride - slide.padding + slide.extent)


@layer
class MaxUnpool1d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    words = (*_MaxUnpool.words, "maxunpool1d")
    rank = 1
    namesake = "MaxUnpool1d"
    source = _DOCS + "MaxUnpool1d.html"
    examples = ("4x8 -> maxpool 2 return_indices=True as pool -> relu -> maxunpool 2 pool",)
    trial_inputs = (
        ((2, 4), (2, 4)),
        ((1, 1), (1, 1)),
        ((3, 5), (3, 5)),
        ((1, 7), (1, 7)),
        ((2, 4), (2, 3)),
        ((2, 2, 4, 4),) * 2,
    )


@layer
class MaxUnpool2d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    words = (*_MaxUnpool.words, "maxunpool2d")
    rank = 2
    namesake = "MaxUnpool2d"
    source = _DOCS + "MaxUnpool2d.html"
    examples = ("4x8x8 -> maxpool 2 return_indices=True as pool -> relu -> maxunpool 2 pool",)
    trial_inputs = (
        ((2, 3, 4), (2, 3, 4)),
        ((1, 1, 2), (1, 1, 2)),
        ((1, 4, 3), (1, 4, 3)),
        ((1, 3, 5), (1, 3, 5)),
        ((2, 3, 4), (2, 4, 3)),
        ((1, 1, 2, 2, 2),) * 2,
    )


@layer
class MaxUnpool3d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    words = (*_MaxUnpool.words, "maxunpool3d")
    rank = 3
    namesake = "MaxUnpool3d"
    source = _DOCS + "MaxUnpool3d.html"
    examples = ("4x8x8x8 -> maxpool 2 return_indices=True as pool -> relu -> maxunpool 2 pool",)
    trial_inputs = (
        ((1, 3, 2, 2), (1, 3, 2, 2)),
        ((2, 1, 2, 3), (2, 1, 2, 3)),
        ((1, 2, 3, 2), (1, 2, 3, 2)),
        ((1, 4, 3, 2), (1, 4, 3, 2)),
        ((1, 2, 2, 2), (1, 2, 1, 2)),
    )


# ---------------------------------------------------------------- without aliases


@record
class _BlurPool(Layer):
    """Every channel smoothed by a binomial filter, then every ``stride``-th position of it: pooling without aliases.

    The filter (buffer ``filt``) is the row ``filt_size − 1`` of Pascal's triangle along every axis, divided by its sum;
    ⌊(filt_size − 1)/2⌋ positions are put before, ⌊filt_size/2⌋ behind, so that only the stride changes the size.
    Shapes: ``C x L…`` → ``C x L_out…`` with L_out = ⌊(L − 1) / stride⌋ + 1 along every axis.
    Work: for each output n = ∏ filt_size mul and n − 1 add; padding taps count.
    """

    words: ClassVar[tuple[str, ...]] = ("blurpool",)

    channels: Dim = inferred("channels of the input", axis=0)
    filt_size: Dim = size("size of the filter", 4, letter="k", tries=(1, 2, 3, 3, 4, 4, 5, 6, 7, 0))
    stride: Dim = size("step of the filter", 2, letter="s", tries=(1, 1, 2, 2, 3, 3, 0))
    pad_type: str = choice("what is put at the ends", "reflect", ("reflect", "replicate", "zero"))

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield from _not_empty(x)
        yield equal(self.channels, x[0], "channels", "channels")
        yield from positive(self, "filt_size", "stride")
        if self.pad_type == "reflect":
            for length in x[1:]:
                yield at_most(self.filt_size // 2, length - 1, "the padding, which reflects the input,", "filt_size")

    def output_shape(self, x: Shape) -> Shape:
        return (x[0], *((length - 1) // self.stride + 1 for length in x[1:]))

    def buffers(self) -> dict[str, Shape]:
        return {"filt": (self.channels, 1, *self.axes("filt_size"))}

    def work(self, x: Shape) -> Work:
        return contraction("filt ∗ x", self.output_shape(x), self.axes("filt_size"))

    def reach(self, x: Shape) -> Reach:
        blur = Slide(self.filt_size, self.stride, padding=(self.filt_size - 1) // 2)
        beyond = "zeros" if self.pad_type == "zero" else self.pad_type
        return ((Window(0), *(Window(axis, *blur, beyond) for axis in range(1, len(x)))),)


@layer
class BlurPool1d(_BlurPool):
    __doc__ = _BlurPool.__doc__
    words = (*_BlurPool.words, "blurpool1d")
    rank = 1
    source = "https://arxiv.org/abs/1904.11486"
    examples = ("4x100 -> blurpool",)
    trial_inputs = (((2, 12),), ((3, 7),), ((1, 3),), ((2, 9),), ((1, 2, 5, 5),))


@layer
class BlurPool2d(_BlurPool):
    __doc__ = _BlurPool.__doc__
    words = (*_BlurPool.words, "blurpool2d")
    rank = 2
    source = "https://arxiv.org/abs/1904.11486"
    examples = ("64x56x56 -> blurpool", "8x9x9 -> blurpool k3 s1")
    trial_inputs = (((2, 7, 6),), ((1, 5, 8),), ((2, 3, 3),), ((1, 8, 9),), ((1, 2, 2, 5, 5),))


@layer
class BlurPool3d(_BlurPool):
    __doc__ = _BlurPool.__doc__
    words = (*_BlurPool.words, "blurpool3d")
    rank = 3
    source = "https://arxiv.org/abs/1904.11486"
    examples = ("4x8x8x8 -> blurpool 3",)
    trial_inputs = (((1, 5, 4, 6),), ((1, 3, 5, 4),), ((1, 1, 2, 3, 5, 4),))
