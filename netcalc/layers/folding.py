"""Windows laid out as columns, and back (torch.nn: Unfold, Fold)."""

from __future__ import annotations

from netcalc.dims import Dim, product
from netcalc.layers.base import (
    Conditions,
    Layer,
    Shape,
    Sizes,
    Work,
    called,
    divisible,
    equal,
    free,
    has_rank,
    layer,
    sizes,
)
from netcalc.layers.convolution import LAYOUT, positive, window_count, window_fits
from netcalc.layers.reach import Reach, Spread, Unknown, Window
from netcalc.layers.transposed import overlap_sums, overlaps

PLACES = Unknown("height and width are one axis, laid out window by window")


class _Windows(Layer):
    """What Unfold and Fold share: windows over an image."""

    rank = 2

    def window_conditions(self, image: Shape) -> Conditions:
        yield from positive(self, "kernel_size", "dilation", "stride")
        yield from positive(self, "padding", least=0)
        for n, k, d, p in zip(image, *map(self.axes, ("kernel_size", "dilation", "padding"))):
            yield window_fits(n, k, d, 2 * p)

    def windows(self, image: Shape) -> Shape:
        """How many windows lie along each axis of an image."""
        axes = zip(image, *map(self.axes, ("kernel_size", "stride", "dilation", "padding")))
        return tuple(window_count(n, k, s, d, 2 * p) for n, k, s, d, p in axes)

    @property
    def taps(self) -> Dim:
        """How many taps a window has."""
        return product(self.axes("kernel_size"))


@layer
class Unfold(_Windows):
    """Copies every window of an image into a column (im2col).

    Shapes: ``C x H x W`` → ``C·∏kernel_size x number of windows``, with
    ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1 windows along each axis. Work: none.
    """

    words = ("unfold", "im2col")
    namesake = "Unfold"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Unfold.html"
    examples = ("3x8x8 -> unfold k2 s2", "2x5x7 -> unfold k3x2 d2x1 p1")
    trial_inputs = (((2, 4, 5),), ((1, 6, 3),), ((3, 5, 5),))

    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(1, 2, 2, 2, 3, 3, 4))
    dilation: Sizes = sizes("step between the taps", 1, letter="d", tries=(1, 1, 1, 2, 2, 3, 0))
    padding: Sizes = sizes("zeros added at both ends", 0, letter="p", tries=(0, 0, 1, 1, 2, -1))
    stride: Sizes = sizes("step of the window", 1, letter="s", tries=(1, 1, 2, 2, 3, 0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 3, LAYOUT[2])
        yield from self.window_conditions(x[1:])

    def output_shape(self, x: Shape) -> Shape:
        return (x[0] * self.taps, product(self.windows(x[1:])))

    def work(self, x: Shape) -> Work:
        return free("copies windows")

    def reach(self, x: Shape) -> Reach:
        return ((Spread(0, self.taps, self.taps), PLACES, PLACES),)


@layer
class Fold(_Windows):
    """Adds columns up into an image, each at its window (col2im): the transpose of Unfold.

    Shapes: ``C·∏kernel_size x number of windows`` → ``C x output_size``, with
    ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1 windows along each axis of the output.
    Work: an output on which m elements fall takes m − 1 add (none where m is 0); what falls on the padding is dropped.
    """

    words = ("fold", "col2im")
    namesake = "Fold"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Fold.html"
    examples = ("12x16 -> fold 8 k2 s2", "8x9 -> fold 4x4 k2")
    trial_inputs = (((8, 9),), ((36, 9),), ((12, 4),), ((4, 4),), ((8, 6),))

    output_size: Sizes = sizes("size of the image", tries=(*(4,) * 24, 3, 6, 5, 0))
    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(*(2,) * 24, 1, 3, 3, 0))
    dilation: Sizes = sizes("step between the taps", 1, letter="d", tries=(*(1,) * 24, *(2,) * 6, 3, 0))
    padding: Sizes = sizes("elements cut off at both ends", 0, letter="p", tries=(*(0,) * 24, *(1,) * 6, 2, -1))
    stride: Sizes = sizes("step of the window", 1, letter="s", tries=(*(1,) * 15, *(2,) * 15, 3, 0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 2, "C·∏kernel_size x number of windows")
        yield from positive(self, "output_size")
        yield from self.window_conditions(self.axes("output_size"))
        yield divisible(x[0], self.taps, "the first axis of the input", "kernel_size")
        yield equal(product(self.windows(self.axes("output_size"))), x[1], "the number of windows", "output_size")

    def output_shape(self, x: Shape) -> Shape:
        return (x[0] // self.taps, *self.axes("output_size"))

    def work(self, x: Shape) -> Work:
        image = self.axes("output_size")
        windows = (called(count, "L", "windows along {}") for count in self.windows(image))
        axes = zip(windows, *map(self.axes, ("kernel_size", "stride", "dilation", "padding")), image)
        sums, uncounted = overlap_sums("Σ x", x[0] // self.taps, 1, (overlaps(*axis) for axis in axes))
        return Work(sums, uncounted=uncounted)

    def reach(self, x: Shape) -> Reach:
        return ((Window(0, self.taps, self.taps), PLACES),)
