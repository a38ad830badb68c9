"""Locally connected layers: convolutions that share no weights between positions (none of torch.nn; Keras had them)."""

from __future__ import annotations

from typing import ClassVar

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Layer,
    Shape,
    Sizes,
    Work,
    contraction,
    equal,
    flag,
    has_rank,
    inferred,
    layer,
    record,
    shape,
    size,
    sizes,
)
from netcalc.layers.convolution import LAYOUT, positive, window_count, window_fits
from netcalc.layers.reach import WHOLE, Reach, Window


@record
class _LocallyConnected(Layer):
    """A convolution with weights of its own at every output position.

    Shapes: ``C x L…`` → ``out_channels x L_out…`` with L_out = ⌊(L + 2·padding − kernel_size) / stride⌋ + 1 along every
    axis. The weight is ``[*L_out, out_channels, in_channels, *kernel_size]``, the bias ``[*L_out, out_channels]`` (one
    for every output element, as in Keras): the parameters depend on ``input_size``, which is read off the input.
    Work: each output is a dot product of n = in_channels · ∏ kernel_size: n mul, n − 1 add, + 1 add for the bias;
    padding taps count.
    """

    words: ClassVar[tuple[str, ...]] = ("local", "locallyconnected")

    in_channels: Dim = inferred("channels of the input", axis=0)
    out_channels: Dim = size("channels of the output", tries=(1, 2, 2, 3, 3, 4, 4, 0))
    kernel_size: Sizes = sizes("size of the window", letter="k", tries=(1, 2, 3, 3, 4))
    stride: Sizes = sizes("step of the window", 1, letter="s", tries=(*(1, 2) * 3, 3, 3, 0))
    padding: Sizes = sizes("zeros added at both ends", 0, letter="p", tries=(*(0, 1) * 3, 2, 2, -1))
    bias: bool = flag("add a learned bias to each output element", True)
    input_size: Shape | None = shape(
        "size of the input, without its channels", None, of_input=True, tries=(*(None,) * 6, (7,), (6, 5))
    )

    def infer(self, *inputs: Shape) -> Layer:
        known = super().infer(*inputs)
        return known if self.input_size is not None else known.replace(input_size=inputs[0][1:])

    def conditions(self, x: Shape) -> Conditions:
        rank = self.rank or 1
        yield has_rank(x, rank + 1, LAYOUT[rank])
        yield equal(self.in_channels, x[0], "in_channels", "in_channels")
        yield equal(len(self.lengths), rank, "the number of axes in input_size", "input_size")
        for stated, length in zip(self.lengths, x[1:]):
            yield equal(stated, length, "input_size", "input_size")
        yield from positive(self, "out_channels", "kernel_size", "stride")
        yield from positive(self, "padding", least=0)
        for length, kernel, padding in zip(x[1:], self.axes("kernel_size"), self.axes("padding")):
            yield window_fits(length, kernel, 1, 2 * padding)

    @property
    def lengths(self) -> Shape:
        """The input's size along the axes behind the channels."""
        return self.input_size or ()

    def positions(self) -> Shape:
        """The output's size along the axes behind the channels."""
        windows = zip(self.lengths, *map(self.axes, ("kernel_size", "stride", "padding")))
        return tuple(window_count(n, k, s, 1, 2 * p) for n, k, s, p in windows)

    def output_shape(self, x: Shape) -> Shape:
        return (self.out_channels, *self.positions())

    def parameters(self) -> dict[str, Shape]:
        outputs = (*self.positions(), self.out_channels)
        weight = {"weight": (*outputs, self.in_channels, *self.axes("kernel_size"))}
        return {**weight, "bias": outputs} if self.bias else weight

    def work(self, x: Shape) -> Work:
        return contraction("W x", self.output_shape(x), (x[0], *self.axes("kernel_size")), self.bias)

    def reach(self, x: Shape) -> Reach:
        windows = zip(*map(self.axes, ("kernel_size", "stride", "padding")))
        return ((WHOLE, *(Window(axis, k, s, padding=p) for axis, (k, s, p) in enumerate(windows, 1))),)


@layer
class LocallyConnected1d(_LocallyConnected):
    __doc__ = _LocallyConnected.__doc__
    words = (*_LocallyConnected.words, "local1d", "locallyconnected1d")
    rank = 1
    source = "https://github.com/keras-team/keras/blob/v2.15.0/keras/layers/locally_connected/locally_connected1d.py"
    examples = ("4x20 -> local 8 k3", "2x9 -> local 3 k4 s2 p1 nobias")
    trial_inputs = (((3, 7),), ((2, 7),), ((1, 9),))


@layer
class LocallyConnected2d(_LocallyConnected):
    __doc__ = _LocallyConnected.__doc__
    words = (*_LocallyConnected.words, "local2d", "locallyconnected2d")
    rank = 2
    source = "https://github.com/keras-team/keras/blob/v2.15.0/keras/layers/locally_connected/locally_connected2d.py"
    examples = ("3x8x8 -> local 4 k3", "2x6x5 -> local 3 k2x3 s2 p1")
    trial_inputs = (((3, 6, 5),), ((2, 6, 5),), ((1, 4, 4),))
