"""Convolutions (torch.nn: Conv1d, Conv2d, Conv3d): one general class, one tiny class a rank."""

from __future__ import annotations

from typing import ClassVar, Iterator

from netcalc.dims import Dim
from netcalc.layers.base import (
    Condition,
    Conditions,
    Fact,
    Layer,
    Shape,
    Sizes,
    Work,
    at_least,
    at_most,
    choice,
    contraction,
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
from netcalc.layers.reach import WHOLE, Reach, Window

LAYOUT = {1: "C x L", 2: "C x H x W", 3: "C x D x H x W"}


def window_count(length: Dim, kernel: Dim, stride: Dim, dilation: Dim, padding: Dim) -> Dim:
    """How many windows of extent ``dilation·(kernel − 1) + 1`` fit at steps of ``stride``; ``padding`` is both ends'.

    >>> window_count(32, 3, 2, 1, 2)
    16
    """
    return (length + padding - dilation * (kernel - 1) - 1) // stride + 1


def window_fits(length: Dim, kernel: Dim, dilation: Dim, padding: Dim, argument: str = "kernel_size") -> Condition:
    """The window must fit into the padded input at least once."""
    return at_most(
        dilation * (kernel - 1) + 1, length + padding, "the extent of the kernel on the padded input", argument
    )


def positive(layer: Layer, *names: str, least: int = 1) -> Iterator[Condition]:
    """Each of these arguments is at least ``least`` along every axis."""
    for name in names:
        for value in dict.fromkeys(layer.axes(name)):
            yield at_least(value, least, name)


@record
class _Conv(Layer):
    """A convolution (cross-correlation) over the axes behind the channels.

    Shapes: ``C x L…`` → ``out_channels x L_out…`` with
    L_out = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1 along every axis;
    ``padding=same`` keeps the size (stride 1; an odd total puts the extra element at the end).
    The weight is ``[out_channels, in_channels / groups, *kernel_size]``.
    Work: each output is a dot product of n = in_channels / groups · ∏ kernel_size: n mul, n − 1 add, and 1 add for
    the bias; padding taps count.
    """

    words: ClassVar[tuple[str, ...]] = ("conv", "convolution")

    in_channels: Dim = inferred("channels of the input", axis=0)
    out_channels: Dim = size("channels of the output: the number of filters", tries=(1, 2, 4, 6, 6))
    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(1, 2, 3, 3, 4, 5))
    stride: Sizes = sizes("step of the window", 1, letter="s", lone=True, tries=(1, 1, 2, 3, 0))
    padding: Sizes = sizes(
        "elements added at both ends",
        0,
        letter="p",
        choices=("same", "valid"),
        lone=True,
        tries=(0, 1, 2, 3, "same", "valid", -1),
    )
    dilation: Sizes = sizes("step between the taps", 1, letter="d", lone=True, tries=(1, 1, 1, 2, 3, 0))
    groups: Dim = size("blocks of channels that do not mix", 1, letter="g", tries=(1, 1, 1, 2, 3))
    bias: bool = flag("add a learned bias to each output channel", True)
    padding_mode: str = choice("what is put at the ends", "zeros", ("zeros", "reflect", "replicate", "circular"))

    def __post_init__(self) -> None:
        each = self.padding_mode != "zeros" and isinstance(self.padding, tuple)
        if each and len(self.padding) != self.rank:  # torch takes a tuple of one for all axes with zeros alone
            raise self.wrong_entries("padding")
        super().__post_init__()

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield equal(self.in_channels, x[0], "in_channels", "in_channels")
        yield from positive(self, "out_channels", "kernel_size", "stride", "dilation", "groups")
        yield divisible(x[0], self.groups, "in_channels", "groups")
        yield divisible(self.out_channels, self.groups, "out_channels", "groups")
        if self.padding == "same":
            yield Fact(
                all(stride == 1 for stride in self.axes("stride")),
                "padding=same needs stride 1, as in torch",
                expected="stride 1",
                found=f"stride {self.stride}",
                hint="write the padding as a number",
                argument="padding",
            )
        elif self.padding != "valid" and self.padding_mode == "zeros":  # other modes take a negative one as a cut
            yield from positive(self, "padding", least=0)
        if self.padding_mode in ("reflect", "circular"):
            spare = 1 if self.padding_mode == "reflect" else 0
            for length, (before, after) in zip(x[1:], self.paddings()):
                for amount in (before, after):
                    yield at_most(amount, length - spare, f"padding with padding_mode={self.padding_mode}", "padding")
        for length, kernel, dilation, (before, after) in zip(
            x[1:], self.axes("kernel_size"), self.axes("dilation"), self.paddings()
        ):
            yield window_fits(length, kernel, dilation, before + after)

    def paddings(self) -> tuple[tuple[Dim, Dim], ...]:
        """The elements added before and after, for each axis."""
        if self.padding == "valid":
            return ((0, 0),) * (self.rank or 1)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.axes("dilation"), self.axes("kernel_size"))]
            return tuple((total // 2, total - total // 2) for total in totals)
        return tuple((p, p) for p in self.axes("padding"))

    def output_shape(self, x: Shape) -> Shape:
        windows = zip(x[1:], self.axes("kernel_size"), self.axes("stride"), self.axes("dilation"), self.paddings())
        return (self.out_channels, *(window_count(n, k, s, d, sum(p)) for n, k, s, d, p in windows))

    def parameters(self) -> dict[str, Shape]:
        weight = {"weight": (self.out_channels, self.in_channels // self.groups, *self.axes("kernel_size"))}
        return {**weight, "bias": (self.out_channels,)} if self.bias else weight

    def work(self, x: Shape) -> Work:
        lengths = (x[0] // self.groups, *self.axes("kernel_size"))
        return contraction("W ∗ x", self.output_shape(x), lengths, self.bias)

    def reach(self, x: Shape) -> Reach:
        windows = zip(self.axes("kernel_size"), self.axes("stride"), self.axes("dilation"), self.paddings())
        rules = (Window(axis, k, s, d, p[0], self.padding_mode) for axis, (k, s, d, p) in enumerate(windows, 1))
        return ((WHOLE, *rules),)


@layer
class Conv1d(_Conv):
    __doc__ = _Conv.__doc__
    words = (*_Conv.words, "conv1d")
    rank = 1
    namesake = "Conv1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html"
    examples = ("4x100 -> conv 8 k5 s2 p2", "4x20 -> conv 4 k2 p=same g4 nobias")
    trial_inputs = (((6, 12),), ((4, 7),), ((2, 3),))


@layer
class Conv2d(_Conv):
    __doc__ = _Conv.__doc__
    words = (*_Conv.words, "conv2d")
    rank = 2
    namesake = "Conv2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html"
    examples = ("3x32x32 -> conv 16 k3 s2 p1", "6x9x7 -> conv 12 k3x2 d2 g3", "3x8x8 -> conv 4 k4 p=same")
    trial_inputs = (((6, 7, 6),), ((4, 5, 8),), ((2, 3, 3),))


@layer
class Conv3d(_Conv):
    __doc__ = _Conv.__doc__
    words = (*_Conv.words, "conv3d")
    rank = 3
    namesake = "Conv3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html"
    examples = ("2x6x6x6 -> conv 4 k3 p1", "1x4x6x5 -> conv 2 k2x3x1 s1x2x1")
    trial_inputs = (((4, 4, 3, 5),), ((2, 3, 4, 2),))
