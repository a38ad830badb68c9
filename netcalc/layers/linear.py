"""Linear layers (torch.nn: Linear, Identity)."""

from __future__ import annotations

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Layer,
    Shape,
    Work,
    at_least,
    contraction,
    equal,
    flag,
    free,
    has_axes,
    inferred,
    layer,
    size,
)
from netcalc.layers.reach import Reach, last_axis, pointwise


@layer
class Linear(Layer):
    """A fully connected layer: y = W x + b on the last axis.

    Shapes: ``* x in_features`` → ``* x out_features``; W is ``[out_features, in_features]``.
    Work: for each output in_features mul and in_features − 1 add, and 1 add for the bias.
    """

    words = ("linear", "fc", "dense")
    namesake = "Linear"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html"
    examples = ("256 -> linear 512", "10x64 -> linear 10 nobias")
    trial_inputs = (((6,),), ((1,),), ((4, 6),), ((2, 3, 5),))

    in_features: Dim = inferred("size of each input", axis=-1)
    out_features: Dim = size("size of each output", tries=(1, 2, 5, 8, -1))
    bias: bool = flag("add a learned bias b", True)

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "* x in_features")
        yield at_least(self.out_features, 1, "out_features")
        yield equal(self.in_features, x[-1], "in_features", "in_features")

    def output_shape(self, x: Shape) -> Shape:
        return (*x[:-1], self.out_features)

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, self.in_features)}
        return {**weight, "bias": (self.out_features,)} if self.bias else weight

    def work(self, x: Shape) -> Work:
        return contraction("W x", (*x[:-1], self.out_features), (x[-1],), self.bias)

    def reach(self, x: Shape) -> Reach:
        return last_axis(len(x))


@layer
class Identity(Layer):
    """The input, unchanged.

    torch takes any arguments for it, and heeds none: ``nn.Identity(54, unused=True)``.
    """

    heedless = True
    words = ("identity", "id")
    namesake = "Identity"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html"
    examples = ("3x8x8 -> identity",)
    trial_inputs = (((6,),), ((4, 6),), ((2, 3, 5),), ((),))

    def conditions(self, x: Shape) -> Conditions:
        yield from ()  # any shape, a scalar too

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return free("passes its input on")

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))
