"""The inputs of a network."""

from __future__ import annotations

from netcalc.layers.base import Conditions, Layer, Shape, Work, at_least, free, layer, shape
from netcalc.layers.reach import Reach


@layer
class Input(Layer):
    """What goes into the network: one sample of a given shape, without the batch axis."""

    words = ("input",)
    arity = 0
    examples = ("input 3x32x32", "TxD")

    sizes: Shape = shape("sizes of one sample, channels first")

    def conditions(self) -> Conditions:
        for number, length in enumerate(self.sizes):
            yield at_least(length, 1, f"axis {number} of the input", "sizes")

    def output_shape(self) -> Shape:
        return self.sizes

    def work(self) -> Work:
        return free("is given")

    def reach(self) -> Reach:
        return ()
