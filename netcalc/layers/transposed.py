"""Transposed convolutions (torch.nn: ConvTranspose1d, ConvTranspose2d, ConvTranspose3d), and the count of overlaps."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import ClassVar

from netcalc.dims import Dim, Expr, ceildiv, holds, maximum, minimum, product
from netcalc.dims.algebra import terms_of
from netcalc.layers.base import (
    Conditions,
    Layer,
    Line,
    Shape,
    Sizes,
    Uncounted,
    Work,
    at_least,
    at_most,
    called,
    choice,
    divisible,
    equal,
    flag,
    has_rank,
    inferred,
    layer,
    record,
    size,
    sizes,
)
from netcalc.layers.convolution import LAYOUT, positive
from netcalc.layers.pieces import greatest, least
from netcalc.layers.reach import WHOLE, Reach, Spread
from netcalc.records import NamedTuple

# ---------------------------------------------------------------- overlaps


class Overlaps(NamedTuple):
    """How windows laid over an axis cover it: ``landing`` taps fall on it, on ``covered`` different positions."""

    landing: Dim
    covered: Dim


def overlaps(windows: Dim, kernel: Dim, stride: Dim, dilation: Dim, padding: Dim, length: Dim) -> Overlaps | None:
    """What windows at i·stride − padding + j·dilation (i < windows, j < kernel) put on positions 0 … length − 1.

    None where stride and dilation are not two numbers and neither is 1: the count then depends on their common
    divisors and has no formula.

    >>> overlaps(windows=3, kernel=3, stride=2, dilation=1, padding=1, length=5)  # 1 2 1 2 1: two taps fall off
    Overlaps(landing=7, covered=5)
    >>> overlaps(windows=3, kernel=1, stride=2, dilation=1, padding=0, length=6)  # 1 0 1 0 1 0: gaps stay empty
    Overlaps(landing=3, covered=3)
    >>> from netcalc.dims import symbol
    >>> overlaps(symbol("H"), kernel=4, stride=2, dilation=1, padding=1, length=2 * symbol("H"))
    Overlaps(landing=4*H - 2, covered=2*H)
    """
    if plain := _plain_overlaps(windows, kernel, stride, dilation, padding, length):
        return plain
    taps = hasattr(windows, "series") and _overlaps_by_taps(windows, kernel, stride, dilation, padding, length)
    if taps:
        return taps
    if isinstance(_known(dilation), int) and _known(dilation) == 1:
        return _overlaps_of_runs(windows, kernel, stride, padding, length)
    if isinstance(_known(stride), int) and _known(stride) == 1:  # (i, j) and (j, i) are alike
        return _overlaps_of_runs(kernel, windows, dilation, padding, length)
    if not (isinstance(stride, int) and isinstance(dilation, int)):
        return None
    common = gcd(stride, dilation)
    # (i, j) and (i + dilation/common, j − stride/common) land on the same position: these repeat a covered one
    again = (maximum(windows - dilation // common, 0), maximum(kernel - stride // common, 0))
    shift = stride * dilation // common
    behind = (windows - 1) * stride + dilation * (kernel - 1) + 1 - padding - length
    landing, repeated = windows * kernel, again[0] * again[1]
    for cut in (padding, behind):  # at the end the taps count backwards, by symmetry
        landing = landing - _below(cut, windows, kernel, stride, dilation)
        repeated = repeated - _below(cut - shift, *again, stride, dilation)
    return Overlaps(_count(landing), _count(landing - repeated))


def _overlaps_of_runs(windows: Dim, kernel: Dim, stride: Dim, padding: Dim, length: Dim) -> Overlaps:
    """Without dilation a window is a run of ``kernel`` positions, so that a few terms count what is cut off.

    >>> _overlaps_of_runs(windows=3, kernel=4, stride=2, padding=3, length=2)  # 11222211: three fall off at each end
    Overlaps(landing=4, covered=2)
    """
    past = minimum(kernel, windows * stride)
    behind = (windows - 1) * stride + kernel - padding - length
    landing = windows * kernel
    for cut in (padding, behind):
        landing = landing - _stairs(cut, stride) + _stairs(greatest(cut - past, 0), stride)
    landing = called(_count(landing), "n", "taps that fall on the output along {}")
    reached: tuple[Dim, ...] = (length,)
    if not holds(_known(behind), ">=", 0):  # output_padding may lie beyond every window
        reached = (length, maximum(length + behind, 0))
    if not holds(_known(kernel), ">=", _known(stride)):  # gaps, but no overlaps: fewer land than there are positions
        reached = (landing, *reached)
    return Overlaps(landing, called(least(*reached), "m", "positions that they fall on, each once"))


def _stairs(height: Dim, step: Dim) -> Dim:
    """The sum of height − i·step for all i ≥ 0 where that is positive: what windows a step apart lose of a cut.

    >>> _stairs(5, 2), _stairs(-3, 2)  # 5 + 3 + 1
    (9, 0)
    """
    height = maximum(height, 0)
    windows = ceildiv(height, step)
    return windows * height - step * (windows * (windows - 1) // 2)


def _count(count: Dim) -> Dim:
    """A count of many terms as one factor: as max(count, 0), for it is never negative."""
    return greatest(count, 0) if isinstance(count, Expr) and len(terms_of(count)) > 2 else count


def _plain_overlaps(
    windows: Dim, kernel: Dim, stride: Dim, dilation: Dim, padding: Dim, length: Dim
) -> Overlaps | None:
    """The usual case: no dilation, and no window falls off altogether. Each that loses taps loses stride less.

    >>> _plain_overlaps(windows=3, kernel=3, stride=2, dilation=1, padding=1, length=5)
    Overlaps(landing=7, covered=5)
    """
    behind = (windows - 1) * stride + kernel - padding - length
    known = list(map(_known, (kernel, stride, dilation, padding, behind)))
    if not all(isinstance(size, int) for size in known):
        return None
    k, s, d, *ends = known
    if d != 1 or min(ends) < 0 or max(ends) > k:
        return None
    landing, long = windows * kernel, False
    for cut, lost in zip((padding, behind), ends):
        if lost <= s:  # the first window alone loses any
            landing = landing - cut
        elif isinstance(_known(windows), int):
            losing = minimum(windows, ceildiv(cut, stride))
            landing = landing - losing * cut + stride * (losing * (losing - 1) // 2)
            long = True
        else:
            return None
    landing = called(landing, "n", "taps that fall on the output along {}") if long else landing
    return Overlaps(landing, length if k >= s else landing)


def _known(size: Dim) -> Dim:
    """What a letter of an explanation stands for: the choice among formulas may ask for it."""
    return getattr(size, "known", size)


def _overlaps_by_taps(
    windows: Dim, kernel: Dim, stride: Dim, dilation: Dim, padding: Dim, length: Dim
) -> Overlaps | None:
    """The count in the letters of an explanation: as a sum over the taps where it has no closed form.

    The choices depend on the layer's arguments alone, so that a formula holds for every input.
    """
    known = (_known(stride), _known(dilation), _known(kernel))
    if not all(isinstance(size, int) for size in known):
        return None
    common = 1 if gcd(*known[:2]) == 1 else stride.extremum("gcd", (stride, dilation))  # type: ignore
    fewer = [size // common for size in (dilation, stride)]
    again = (maximum(windows - fewer[0], 0), kernel - fewer[1])
    behind = (windows - 1) * stride + dilation * (kernel - 1) + 1 - padding - length
    landing = windows * kernel
    repeated = again[0] * again[1]
    for cut in (padding, behind):
        landing = landing - _lost(cut, windows, kernel, stride, dilation)
        repeated = repeated - _lost(cut - stride * fewer[0], *again, stride, dilation)
    landing = called(landing, "n", "taps that fall on the output along {}")
    covered = landing - repeated if _known(again[1]) > 0 else landing
    return Overlaps(landing, called(covered, "m", "positions that they fall on, each once"))


def _lost(cut: Dim, windows: Dim, kernel: Dim, stride: Dim, dilation: Dim) -> Dim:
    """How many (i, j) have i·stride + j·dilation < cut, tap by tap: the first ⌈(cut − j·dilation) / stride⌉ windows."""
    if _known(cut) <= 0 or _known(kernel) <= 0:
        return 0
    if _known(cut) <= _known(dilation):  # the first tap alone
        return minimum(windows, ceildiv(cut, stride))
    return windows.series(  # type: ignore[union-attr,no-any-return]
        kernel, lambda tap: minimum(windows, maximum(ceildiv(cut - dilation * tap, stride), 0))
    )


def _below(bound: Dim, windows: Dim, kernel: Dim, stride: Dim, dilation: Dim) -> Dim:
    """How many (i, j) with 0 ≤ i < windows, 0 ≤ j < kernel have i·stride + j·dilation < bound.

    A bound that leaves some of the output is past the last window or past the last tap, but not past both.
    """
    past = minimum(windows * stride, kernel * dilation)
    return _corner(bound, stride, dilation) - _corner(bound - past, stride, dilation)


def _corner(bound: Dim, stride: Dim, dilation: Dim) -> Dim:
    """How many (i, j) with i, j ≥ 0 have i·stride + j·dilation < bound."""
    count = (maximum(bound, 0) + stride - 1) // stride  # the values of i
    return _floors(count, stride, bound - (count - 1) * stride + dilation - 1, dilation)


def _floors(count: Dim, step: Dim, start: Dim, divisor: Dim) -> Dim:
    """The sum of ⌊(start + i·step) / divisor⌋ for i < count, by Euclid's algorithm on step and divisor."""
    total: Dim = 0
    sign = 1
    while True:
        total = total + sign * (count * (count - 1) // 2 * (step // divisor) + count * (start // divisor))
        step, start = step % divisor, start % divisor
        if isinstance(step, int) and step == 0:
            return total
        last = step * count + start
        count, step, start, divisor = last // divisor, divisor, last % divisor, step


class Sums(NamedTuple):
    """Ledger lines for adding up what overlaps, or the name of what could not be counted."""

    lines: tuple[Line, ...]
    uncounted: tuple[Uncounted, ...]


def overlap_sums(label: str, channels: Dim, depth: Dim, axes: Iterable[Overlaps | None]) -> Sums:
    """The sums where windows overlap, for each of ``channels``: m values on a position take m − 1 add, none take none.

    ``depth`` values come with every tap (the input channels of a convolution); ``axes`` are the overlaps along each.
    """
    found = tuple(axes)
    known = [axis for axis in found if axis is not None]
    if len(known) < len(found):
        what = f"{label}: how windows overlap is known only with numbers for stride and dilation"
        return Sums((), (Uncounted(what, "add"),))
    sums = depth * product(axis.landing for axis in known) - product(axis.covered for axis in known)
    return Sums((Line(label, "add", (channels, sums)),), ())


# ---------------------------------------------------------------- layers


@record
class _ConvTranspose(Layer):
    """A transposed convolution: every input element is multiplied by the kernel and added to the output around it.

    Shapes: ``C x L…`` → ``out_channels x L_out…`` with
    L_out = (L − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1 along every axis.
    The weight is ``[in_channels, out_channels / groups, *kernel_size]``.
    Work: each input element times each tap of out_channels / groups kernels is 1 mul, also where ``padding`` then cuts
    the product off (so mul = MAC, over the input positions). An output on which m products fall is their sum,
    m − 1 add (none where m is 0); + 1 add an output for the bias.
    """

    words: ClassVar[tuple[str, ...]] = ("convtranspose", "deconv")

    in_channels: Dim = inferred("channels of the input", axis=0)
    out_channels: Dim = size("channels of the output", tries=(2, 4, 6, 6, 6, 6))
    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(1, 2, 3, 3, 4))
    stride: Sizes = sizes(
        "step of the window on the output", 1, letter="s", lone=True, tries=(1, *(2, 3) * 3, 2, 4, 4, 5, 0)
    )
    padding: Sizes = sizes("elements cut off at both ends", 0, letter="p", lone=True, tries=(*(0, 1) * 6, 2, -1))
    output_padding: Sizes = sizes("elements added at the far end", 0, lone=True, tries=(0, 0, *(0, 1) * 5, 2, -1))
    groups: Dim = size("blocks of channels that do not mix", 1, letter="g", tries=(1, 1, 1, 1, 2, 2, 2, 3))
    bias: bool = flag("add a learned bias to each output channel", True)
    dilation: Sizes = sizes("step between the taps", 1, letter="d", lone=True, tries=(*(1, 2, 3) * 4, 4, 4, 0))
    padding_mode: str = choice("what lies beyond the ends", "zeros", ("zeros",))

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield equal(self.in_channels, x[0], "in_channels", "in_channels")
        yield from positive(self, "out_channels", "kernel_size", "stride", "dilation", "groups")
        yield from positive(self, "padding", "output_padding", least=0)
        yield divisible(x[0], self.groups, "in_channels", "groups")
        yield divisible(self.out_channels, self.groups, "out_channels", "groups")
        for extra, stride, dilation in zip(self.axes("output_padding"), self.axes("stride"), self.axes("dilation")):
            about = "output_padding, which must be smaller than stride or dilation,"
            yield at_most(extra, maximum(stride, dilation) - 1, about, "output_padding")
        for length in self.output_shape(x)[1:]:
            yield at_least(length, 1, "what padding leaves of the output", "padding")

    def output_shape(self, x: Shape) -> Shape:
        spread = zip(x[1:], *map(self.axes, ("kernel_size", "stride", "dilation", "padding", "output_padding")))
        return (self.out_channels, *((n - 1) * s + d * (k - 1) + 1 + extra - 2 * p for n, k, s, d, p, extra in spread))

    def parameters(self) -> dict[str, Shape]:
        weight = {"weight": (self.in_channels, self.out_channels // self.groups, *self.axes("kernel_size"))}
        return {**weight, "bias": (self.out_channels,)} if self.bias else weight

    def work(self, x: Shape) -> Work:
        outputs = self.output_shape(x)
        products = (*x, self.out_channels // self.groups, *self.axes("kernel_size"))
        spread = zip(x[1:], *map(self.axes, ("kernel_size", "stride", "dilation", "padding")), outputs[1:])
        depth = x[0] // self.groups
        sums, uncounted = overlap_sums("Σ W x", self.out_channels, depth, (overlaps(*axis) for axis in spread))
        bias = (Line("+ b", "add", outputs),) if self.bias else ()
        return Work((Line("W x", "mul", products), *sums, *bias), product(products), uncounted=uncounted)

    def reach(self, x: Shape) -> Reach:
        spread = zip(*map(self.axes, ("kernel_size", "stride", "dilation", "padding")))
        return ((WHOLE, *(Spread(axis, *rule) for axis, rule in enumerate(spread, 1))),)


@layer
class ConvTranspose1d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    words = (*_ConvTranspose.words, "convtranspose1d", "deconv1d")
    rank = 1
    namesake = "ConvTranspose1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html"
    examples = ("8x50 -> convtranspose 4 k4 s2 p1", "4x7 -> convtranspose 4 k3 s3 output_padding=1 g4 nobias")
    trial_inputs = (((6, 7),), ((4, 5),), ((2, 1),))


@layer
class ConvTranspose2d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    words = (*_ConvTranspose.words, "convtranspose2d", "deconv2d")
    rank = 2
    namesake = "ConvTranspose2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html"
    examples = ("16x8x8 -> convtranspose 8 k2 s2", "6x5x4 -> convtranspose 9 k3 s2 p1 output_padding=1 g3")
    trial_inputs = (((6, 4, 3),), ((4, 2, 5),), ((2, 1, 3),))


@layer
class ConvTranspose3d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    words = (*_ConvTranspose.words, "convtranspose3d", "deconv3d")
    rank = 3
    namesake = "ConvTranspose3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html"
    examples = ("4x3x4x4 -> convtranspose 2 k2 s2", "2x2x3x2 -> convtranspose 2 k3x1x2 s2x1x3 p1x0x0")
    trial_inputs = (((6, 2, 1, 3),), ((2, 2, 3, 2),))
