"""The bilinear layer (torch.nn: Bilinear)."""

from __future__ import annotations

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    contraction,
    equal,
    flag,
    has_axes,
    inferred,
    layer,
    size,
)
from netcalc.layers.merging import alike
from netcalc.layers.reach import Reach, last_axis


@layer
class Bilinear(Layer):
    """A bilinear form of two inputs for each output: yₖ = x₁ᵀ Aₖ x₂ + bₖ on the last axis.

    Shapes: ``* x in1_features`` and ``* x in2_features`` → ``* x out_features``; A is
    ``[out_features, in1_features, in2_features]``.
    Work: for each output in1_features dot products of length in2_features (Aₖ x₂), then one of length in1_features
    (x₁ᵀ ·), and 1 add for the bias.
    """

    words = ("bilinear",)
    arity = 2
    namesake = "Bilinear"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Bilinear.html"
    examples = ("16 -> linear 8 as a -> linear 16 -> bilinear 4 a",)
    trial_inputs = (((3,), (4,)), ((2, 3), (2, 2)), ((2, 3), (1, 3)), ((3, 1), (3, 1)))

    in1_features: Dim = inferred("size of each first input", axis=-1)
    in2_features: Dim = inferred("size of each second input", axis=-1)
    out_features: Dim = size("size of each output", tries=(1, 2, 5, -1))
    bias: bool = flag("add a learned bias b", True)

    def infer(self, *inputs: Shape) -> Layer:
        stated = (("in1_features", self.in1_features), ("in2_features", self.in2_features))
        known = {name: x[-1] for (name, size), x in zip(stated, inputs) if size is None and x}
        return self.replace(**known) if known else self

    def conditions(self, x1: Shape, x2: Shape) -> Conditions:
        yield has_axes(x1, 1, "* x in1_features")
        yield from alike((x1, x2), axes=range(len(x1) - 1))
        yield at_least(self.out_features, 1, "out_features")
        yield equal(self.in1_features, x1[-1], "in1_features", "in1_features")
        yield equal(self.in2_features, x2[-1], "in2_features", "in2_features")

    def output_shape(self, x1: Shape, x2: Shape) -> Shape:
        return (*x1[:-1], self.out_features)

    def parameters(self) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, self.in1_features, self.in2_features)}
        return {**weight, "bias": (self.out_features,)} if self.bias else weight

    def work(self, x1: Shape, x2: Shape) -> Work:
        outputs = self.output_shape(x1, x2)
        inner = contraction("A x₂", (*outputs, x1[-1]), (x2[-1],))
        outer = contraction("x₁ᵀ (A x₂)", outputs, (x1[-1],))
        bias = (Line("+ b", "add", outputs),) if self.bias else ()
        return Work((*inner.lines, *outer.lines, *bias), macs=inner.macs + outer.macs)

    def reach(self, x1: Shape, x2: Shape) -> Reach:
        return last_axis(len(x1)) * 2
