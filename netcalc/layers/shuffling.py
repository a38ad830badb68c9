"""Layers that move elements between channels and positions (torch.nn: PixelShuffle, PixelUnshuffle, ChannelShuffle)."""

from __future__ import annotations

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Layer,
    Shape,
    Work,
    at_least,
    divisible,
    free,
    has_axes,
    layer,
    size,
)
from netcalc.layers.reach import Digits, Part, Reach, Rule, Spread, Window

MOVES = "moves elements to other places"


def image_reach(rank: int, channels: Rule, height: Rule, width: Rule) -> Reach:
    """The rules of the last three axes, behind axes that pass through."""
    return ((*map(Window, range(rank - 3)), channels, height, width),)


@layer
class PixelShuffle(Layer):
    """Lays every r² channels out as r × r pixels (sub-pixel convolution).

    Shapes: ``* x C x H x W`` → ``* x C/r² x H·r x W·r``. Output (c, h, w) is input (c·r² + (h mod r)·r + w mod r,
    ⌊h/r⌋, ⌊w/r⌋). Work: none.
    """

    words = ("pixelshuffle",)
    namesake = "PixelShuffle"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html"
    examples = ("12x4x4 -> pixelshuffle 2",)
    trial_inputs = (((4, 3, 2),), ((36, 2, 1),), ((3, 8, 2, 3),))

    upscale_factor: Dim = size("factor r to multiply height and width with", tries=(1, 2, 2, 3, 0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 3, "* x C x H x W")
        yield at_least(self.upscale_factor, 1, "upscale_factor")
        yield divisible(x[-3], self.upscale_factor * self.upscale_factor, "the number of channels", "upscale_factor")

    def output_shape(self, x: Shape) -> Shape:
        r = self.upscale_factor
        return (*x[:-3], x[-3] // (r * r), x[-2] * r, x[-1] * r)

    def work(self, x: Shape) -> Work:
        return free(MOVES)

    def reach(self, x: Shape) -> Reach:
        r, rank = self.upscale_factor, len(x)
        channels = Window(rank - 3, r * r, r * r)
        return image_reach(rank, channels, Spread(rank - 2, r, r), Spread(rank - 1, r, r))


@layer
class PixelUnshuffle(Layer):
    """Lays every r × r pixels out as r² channels: the inverse of PixelShuffle.

    Shapes: ``* x C x H x W`` → ``* x C·r² x H/r x W/r``. Work: none.
    """

    words = ("pixelunshuffle",)
    namesake = "PixelUnshuffle"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelUnshuffle.html"
    examples = ("3x8x8 -> pixelunshuffle 2",)
    trial_inputs = (((2, 6, 12),), ((1, 4, 2),), ((2, 1, 6, 6),))

    downscale_factor: Dim = size("factor r to divide height and width by", tries=(1, 2, 2, 3, 0, -1))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 3, "* x C x H x W")
        yield at_least(self.downscale_factor, 1, "downscale_factor")
        yield divisible(x[-2], self.downscale_factor, "height", "downscale_factor")
        yield divisible(x[-1], self.downscale_factor, "width", "downscale_factor")

    def output_shape(self, x: Shape) -> Shape:
        r = self.downscale_factor
        return (*x[:-3], x[-3] * r * r, x[-2] // r, x[-1] // r)

    def work(self, x: Shape) -> Work:
        return free(MOVES)

    def reach(self, x: Shape) -> Reach:
        r, rank = self.downscale_factor, len(x)
        channels = Spread(rank - 3, r * r, r * r)
        return image_reach(rank, channels, Window(rank - 2, r, r), Window(rank - 1, r, r))


@layer
class ChannelShuffle(Layer):
    """Deals the channels of g groups out in turn: output channel c is input channel (c mod g)·C/g + ⌊c/g⌋.

    Shapes: ``C x L…`` → the same, with at least one axis behind the channels. Work: none.
    """

    words = ("channelshuffle",)
    namesake = "ChannelShuffle"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ChannelShuffle.html"
    examples = ("6x4x4 -> channelshuffle 3",)
    trial_inputs = (((6, 2, 2),), ((12, 3),), ((12, 1, 2, 2),), ((4, 3, 2),))

    groups: Dim = size("number g of groups", letter="g", tries=(1, 2, 2, 3, 4, 6, 0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 2, "C x L…")
        yield at_least(self.groups, 1, "groups")
        yield divisible(x[0], self.groups, "the number of channels", "groups")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return free(MOVES)

    def reach(self, x: Shape) -> Reach:
        dealt = Digits((Part(0, 1, self.groups), Part(0, self.groups, x[0] // self.groups)))
        return ((dealt, *map(Window, range(1, len(x)))),)
