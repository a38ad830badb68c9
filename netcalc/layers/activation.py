"""Activations (torch.nn: ReLU … Tanhshrink, Softmax and its kin, PReLU, GLU), and our own Sin and Step.

No count depends on data. Where a definition has two branches (``x > 0 ? x : …``), one comparison chooses (1 max)
and both branches are computed for every element, as array code does. Constants such as √2 or a mean slope are
computed beforehand and cost nothing; so do signs.
"""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    behind_batch,
    choice,
    dim_behind_batch,
    divisible,
    equal,
    flag,
    has_axes,
    has_rank,
    integer,
    layer,
    real,
    record,
    size,
)
from netcalc.layers.reach import WHOLE, Reach, Window, pointwise

_PAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_ANY = (((5,),), ((2, 3),), ((2, 3, 2),), ((),))


def per_element(x: Shape, steps: dict[str, str]) -> Work:
    """One operation for every element at each of ``steps``, which map what is computed to its kind.

    >>> [(line.label, line.count) for line in per_element((2, 3), {"|x|": "max", "1 + |x|": "add"}).lines]
    [('|x|', 6), ('1 + |x|', 6)]
    """
    return Work(tuple(Line(label, kind, x) for label, kind in steps.items()))


def finite(value: float, argument: str) -> Fact:
    """A number that may not be infinite."""
    return Fact(
        isfinite(value),
        f"{argument} is {value}, but must be finite",
        expected="a finite number",
        found=str(value),
        argument=argument,
    )


@record
class _Elementwise(Layer):
    """One formula for every element; ``steps`` are its operations, each with its kind."""

    steps: ClassVar[dict[str, str]] = {}
    trial_inputs = _ANY

    def conditions(self, x: Shape) -> Conditions:
        yield from ()  # any shape, a scalar too

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return per_element(x, self.steps)

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


# ---------------------------------------------------------------- rectifiers


@layer
class ReLU(_Elementwise):
    """max(0, x). Work: 1 max an element."""

    words = ("relu",)
    namesake = "ReLU"
    source = _PAGE + "ReLU.html"
    examples = ("3x8x8 -> relu",)
    steps = {"max(0, ·)": "max"}

    inplace: bool = flag("overwrite the input", False)


@layer
class ReLU6(_Elementwise):
    """min(max(0, x), 6). Work: 2 max an element."""

    words = ("relu6",)
    namesake = "ReLU6"
    source = _PAGE + "ReLU6.html"
    examples = ("3x8x8 -> relu6",)
    steps = {"max(0, ·)": "max", "min(·, 6)": "max"}

    inplace: bool = flag("overwrite the input", False)


_LEAKY = {"x > 0": "max", "slope · x": "mul"}


@layer
class LeakyReLU(_Elementwise):
    """x where x > 0, else negative_slope · x. Work: 1 max (the comparison), 1 mul an element."""

    words = ("leakyrelu", "leaky_relu")
    namesake = "LeakyReLU"
    source = _PAGE + "LeakyReLU.html"
    examples = ("64 -> leakyrelu", "3x8x8 -> leakyrelu 0.2")
    steps = _LEAKY

    negative_slope: float = real("slope below zero", 0.01, tries=(0.2, -1.5))
    inplace: bool = flag("overwrite the input", False)


@layer
class RReLU(_Elementwise):
    """x where x > 0, else slope · x with the mean slope (lower + upper) / 2, as torch has it at inference.

    Work: 1 max (the comparison), 1 mul an element; the slope is a constant.
    """

    words = ("rrelu",)
    namesake = "RReLU"
    source = _PAGE + "RReLU.html"
    examples = ("3x8x8 -> rrelu",)
    steps = _LEAKY

    lower: float = real("least slope in training", 1 / 8, tries=(0.0, 0.1, -0.2, 0.4))
    upper: float = real("greatest slope in training", 1 / 3, tries=(0.1, 0.3, 0.5))
    inplace: bool = flag("overwrite the input", False)

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield Fact(
            self.lower <= self.upper,
            f"lower is {self.lower}, but must not exceed upper, {self.upper}",
            expected=f"lower at most {self.upper}",
            found=str(self.lower),
            argument="lower",
        )
        yield finite(self.lower, "lower")
        yield finite(self.upper, "upper")


@layer
class PReLU(_Elementwise):
    """x where x > 0, else w · x with a learned slope: one for all, or one for each channel (the first axis).

    Work: 1 max (the comparison), 1 mul an element.
    """

    words = ("prelu",)
    namesake = "PReLU"
    source = _PAGE + "PReLU.html"
    examples = ("3x8x8 -> prelu", "16x8x8 -> prelu 16")
    steps = {"x > 0": "max", "w · x": "mul"}

    num_parameters: Dim = size("learned slopes: 1, or one for each channel", 1, tries=(1, 2, 5, 3, 0, -1))
    init: float = real("first value of the slopes", 0.25, tries=(0.1,))

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield at_least(self.num_parameters, 1, "num_parameters")
        if self.num_parameters != 1:
            yield has_axes(x, 1, "C x …")
            yield equal(self.num_parameters, x[0], "num_parameters (if not 1)", "num_parameters")

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}


@layer
class Threshold(_Elementwise):
    """x where x > threshold, else value. Work: 1 max (the comparison) an element."""

    words = ("threshold",)
    namesake = "Threshold"
    source = _PAGE + "Threshold.html"
    examples = ("64 -> threshold 0.1 20",)
    steps = {"x > threshold": "max"}

    threshold: float = real("what x must exceed", tries=(0.0, 0.3))
    value: float = real("what takes its place", tries=(-1.0, 2))
    inplace: bool = flag("overwrite the input", False)


@layer
class Step(_Elementwise):
    """1 where x > threshold, else 0: the Heaviside step of the perceptron. Work: 1 max (the comparison) an element."""

    words = ("step", "heaviside")
    source = "https://doi.org/10.1037/h0042519"
    examples = ("64 -> step", "64 -> step 0.5")
    steps = {"x > threshold": "max"}

    threshold: float = real("what x must exceed", 0.0, tries=(0.3, -0.5))


@layer
class Hardtanh(_Elementwise):
    """min(max(x, min_val), max_val). Work: 2 max an element."""

    words = ("hardtanh",)
    namesake = "Hardtanh"
    source = _PAGE + "Hardtanh.html"
    examples = ("64 -> hardtanh", "64 -> hardtanh -2 2")
    steps = {"max(x, min_val)": "max", "min(·, max_val)": "max"}

    min_val: float = real("least value", -1.0, tries=(-0.5, 0, 1.0))
    max_val: float = real("greatest value", 1.0, tries=(0.5, 2, -0.7))
    inplace: bool = flag("overwrite the input", False)
    min_value: float | None = real("former name of min_val", None, tries=(None, -0.3))
    max_value: float | None = real("former name of max_val", None, tries=(None, 0.3))

    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value; the former names win, as in torch."""
        low = self.min_val if self.min_value is None else self.min_value
        return low, self.max_val if self.max_value is None else self.max_value

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        low, high = self.bounds()
        yield Fact(
            low < high,
            f"max_val is {high}, but must be greater than min_val, {low}",
            expected=f"max_val greater than {low}",
            found=str(high),
            argument="max_val",
        )


# ---------------------------------------------------------------- smooth


@layer
class Sigmoid(_Elementwise):
    """σ(x) = 1 / (1 + exp(−x)). Work: exp, add, div an element."""

    words = ("sigmoid",)
    namesake = "Sigmoid"
    source = _PAGE + "Sigmoid.html"
    examples = ("64 -> sigmoid",)
    steps = {"exp(−x)": "exp", "1 + exp(−x)": "add", "1 / (1 + exp(−x))": "div"}


@layer
class LogSigmoid(_Elementwise):
    """log σ(x) = −log(1 + exp(−x)). Work: exp, add, log an element."""

    words = ("logsigmoid", "log_sigmoid")
    namesake = "LogSigmoid"
    source = _PAGE + "LogSigmoid.html"
    examples = ("64 -> logsigmoid",)
    steps = {"exp(−x)": "exp", "1 + exp(−x)": "add", "−log(1 + exp(−x))": "log"}


@layer
class Tanh(_Elementwise):
    """tanh(x). Work: 1 tanh an element."""

    words = ("tanh",)
    namesake = "Tanh"
    source = _PAGE + "Tanh.html"
    examples = ("64 -> tanh",)
    steps = {"tanh(x)": "tanh"}


@layer
class Sin(_Elementwise):
    """sin(x), as in SIREN. Work: 1 sin an element."""

    words = ("sin",)
    source = "https://arxiv.org/abs/2006.09661"
    examples = ("64 -> sin",)
    steps = {"sin(x)": "sin"}


@layer
class Tanhshrink(_Elementwise):
    """x − tanh(x). Work: tanh, add an element."""

    words = ("tanhshrink",)
    namesake = "Tanhshrink"
    source = _PAGE + "Tanhshrink.html"
    examples = ("64 -> tanhshrink",)
    steps = {"tanh(x)": "tanh", "x − tanh(x)": "add"}


@layer
class SiLU(_Elementwise):
    """x · σ(x), σ(x) = 1 / (1 + exp(−x)); also known as swish. Work: exp, add, div, mul an element."""

    words = ("silu", "swish")
    namesake = "SiLU"
    source = _PAGE + "SiLU.html"
    examples = ("3x8x8 -> silu",)
    steps = {**Sigmoid.steps, "x · σ(x)": "mul"}

    inplace: bool = flag("overwrite the input", False)


@layer
class Mish(_Elementwise):
    """x · tanh(log(1 + exp(x))). Work: exp, add, log, tanh, mul an element."""

    words = ("mish",)
    namesake = "Mish"
    source = _PAGE + "Mish.html"
    examples = ("3x8x8 -> mish",)
    steps = {"exp(x)": "exp", "1 + exp(x)": "add", "log(·)": "log", "tanh(·)": "tanh", "x · tanh(·)": "mul"}

    inplace: bool = flag("overwrite the input", False)


@layer
class GELU(_Elementwise):
    """x · Φ(x), Φ the distribution function of the standard normal.

    ``none``: x · ½ · (1 + erf(x / √2)): div, erf, add, 2 mul an element.
    ``tanh``: ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x · x · x))): 6 mul, 2 add, tanh an element.
    """

    words = ("gelu",)
    namesake = "GELU"
    source = _PAGE + "GELU.html"
    examples = ("10x64 -> gelu", "10x64 -> gelu tanh")
    steps = {"x / √2": "div", "erf(x / √2)": "erf", "1 + erf": "add", "½ · x": "mul", "½ · x · (1 + erf)": "mul"}
    tanh_steps: ClassVar[dict[str, str]] = {
        "x · x": "mul",
        "x · x · x": "mul",
        "0.044715 · x³": "mul",
        "x + 0.044715 · x³": "add",
        "√(2/π) · (x + 0.044715 · x³)": "mul",
        "tanh(·)": "tanh",
        "1 + tanh(·)": "add",
        "½ · x": "mul",
        "½ · x · (1 + tanh(·))": "mul",
    }

    approximate: str = choice("the definition", "none", ("none", "tanh"), tries=("none", "tanh", "erf"))

    def work(self, x: Shape) -> Work:
        return per_element(x, self.tanh_steps if self.approximate == "tanh" else self.steps)


@layer
class Softplus(_Elementwise):
    """log(1 + exp(beta · x)) / beta, but x itself where beta · x > threshold.

    Work: mul, max (the comparison), exp, add, log, div an element.
    """

    words = ("softplus",)
    namesake = "Softplus"
    source = _PAGE + "Softplus.html"
    examples = ("64 -> softplus",)
    steps = {
        "beta · x": "mul",
        "beta · x > threshold": "max",
        "exp(beta · x)": "exp",
        "1 + exp(beta · x)": "add",
        "log(1 + exp(beta · x))": "log",
        "log(1 + exp(beta · x)) / beta": "div",
    }

    beta: float = real("steepness", 1.0, tries=(0.5, -2))
    threshold: float = real("where the formula gives way to x", 20.0, tries=(0.1, 20))


@layer
class Softsign(_Elementwise):
    """x / (1 + |x|). Work: max (the absolute value), add, div an element."""

    words = ("softsign",)
    namesake = "Softsign"
    source = _PAGE + "Softsign.html"
    examples = ("64 -> softsign",)
    steps = {"|x|": "max", "1 + |x|": "add", "x / (1 + |x|)": "div"}


@layer
class ELU(_Elementwise):
    """x where x > 0, else alpha · (exp(x) − 1). Work: max (the comparison), exp, add, mul an element."""

    words = ("elu",)
    namesake = "ELU"
    source = _PAGE + "ELU.html"
    examples = ("64 -> elu", "64 -> elu 0.5")
    steps = {"x > 0": "max", "exp(x)": "exp", "exp(x) − 1": "add", "alpha · (exp(x) − 1)": "mul"}

    alpha: float = real("depth below zero", 1.0, tries=(0.5, -2))
    inplace: bool = flag("overwrite the input", False)


@layer
class SELU(_Elementwise):
    """scale · (x where x > 0, else alpha · (exp(x) − 1)), alpha = 1.6732…, scale = 1.0507….

    Work: max (the comparison), exp, add, 2 mul an element.
    """

    words = ("selu",)
    namesake = "SELU"
    source = _PAGE + "SELU.html"
    examples = ("64 -> selu",)
    steps = {**ELU.steps, "scale · (·)": "mul"}

    inplace: bool = flag("overwrite the input", False)


@layer
class CELU(_Elementwise):
    """x where x > 0, else alpha · (exp(x / alpha) − 1). Work: max (the comparison), div, exp, add, mul an element."""

    words = ("celu",)
    namesake = "CELU"
    source = _PAGE + "CELU.html"
    examples = ("64 -> celu", "64 -> celu 0.5")
    steps = {"x > 0": "max", "x / alpha": "div", "exp(·)": "exp", "exp(·) − 1": "add", "alpha · (exp(·) − 1)": "mul"}

    alpha: float = real("depth below zero", 1.0, tries=(0.5, -2, 0))
    inplace: bool = flag("overwrite the input", False)

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield Fact(self.alpha != 0, "alpha is 0, but x is divided by it", "alpha not 0", "0", argument="alpha")


# ---------------------------------------------------------------- shrinking, and piecewise linear


@layer
class Softshrink(_Elementwise):
    """sign(x) · max(|x| − lambd, 0). Work: 2 max (the absolute value is one), 1 add an element."""

    words = ("softshrink",)
    namesake = "Softshrink"
    source = _PAGE + "Softshrink.html"
    examples = ("64 -> softshrink", "64 -> softshrink 0.1")
    steps = {"|x|": "max", "|x| − lambd": "add", "max(·, 0)": "max"}

    lambd: float = real("what is taken off", 0.5, tries=(0.1, 0, -0.5))

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        yield Fact(
            self.lambd >= 0,
            f"lambd is {self.lambd}, but must be at least 0",
            expected="lambd at least 0",
            found=str(self.lambd),
            argument="lambd",
        )
        yield finite(self.lambd, "lambd")


@layer
class Hardshrink(_Elementwise):
    """x where |x| > lambd, else 0. Work: 2 max an element (the absolute value, the comparison)."""

    words = ("hardshrink",)
    namesake = "Hardshrink"
    source = _PAGE + "Hardshrink.html"
    examples = ("64 -> hardshrink", "64 -> hardshrink 0.1")
    steps = {"|x|": "max", "|x| > lambd": "max"}

    lambd: float = real("what |x| must exceed", 0.5, tries=(0.1, -0.5))


@layer
class Hardsigmoid(_Elementwise):
    """min(max(x + 3, 0), 6) / 6. Work: add, 2 max, div an element."""

    words = ("hardsigmoid",)
    namesake = "Hardsigmoid"
    source = _PAGE + "Hardsigmoid.html"
    examples = ("3x8x8 -> hardsigmoid",)
    steps = {"x + 3": "add", "max(·, 0)": "max", "min(·, 6)": "max", "· / 6": "div"}

    inplace: bool = flag("overwrite the input", False)


@layer
class Hardswish(_Elementwise):
    """x · min(max(x + 3, 0), 6) / 6. Work: add, 2 max, mul, div an element."""

    words = ("hardswish",)
    namesake = "Hardswish"
    source = _PAGE + "Hardswish.html"
    examples = ("3x8x8 -> hardswish",)
    steps = {"x + 3": "add", "max(·, 0)": "max", "min(·, 6)": "max", "x · (·)": "mul", "· / 6": "div"}

    inplace: bool = flag("overwrite the input", False)


# ---------------------------------------------------------------- along an axis


@record
class _Along(Layer):
    """A normalisation along one axis, per sample: the shape stays, each unit reads that whole axis."""

    trial_inputs = (((5,),), ((3, 2, 4),), ((2, 1, 3, 2),))

    dim: int | None = integer(
        "axis along which the outputs sum to 1 (0 is the batch; where left out 1, as torch then takes it)",
        None,
        tries=(None, 1, -1, 2, 3, 5, -6),
    )

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "any shape")
        yield Fact(
            self.dim is not None or len(x) != 2,
            "without dim torch would normalise over the batch here (its rule for inputs of 3 axes with the batch)",
            expected="dim",
            found="no dim",
            hint="write dim=-1 for the last axis",
            argument="dim",
        )
        yield dim_behind_batch(self._dim, len(x), "dim")

    @property
    def _dim(self) -> int:
        return 1 if self.dim is None else self.dim

    def axis(self, x: Shape) -> int:
        """The axis, per sample."""
        return behind_batch(self._dim, len(x))

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return Work((*_sums(x, self.axis(x)), Line("exp / Σ exp", "div", x)))

    def reach(self, x: Shape) -> Reach:
        return _along(x, self.axis(x))


def _sums(x: Shape, axis: int) -> tuple[Line, Line]:
    """exp of every element, and its sums along ``axis``."""
    return Line("exp(x)", "exp", x), Line("Σ exp", "add", (*x[:axis], x[axis] - 1, *x[axis + 1 :]))


def _along(x: Shape, axis: int) -> Reach:
    return (tuple(WHOLE if place == axis else Window(place) for place in range(len(x))),)


@layer
class Softmax(_Along):
    """exp(xᵢ) / Σⱼ exp(xⱼ) along ``dim``.

    As in torch, dim counts the batch axis (0); left out, it is the first axis behind the batch.
    Work: over n numbers n exp, n − 1 add, n div (subtracting the maximum first is not in the definition).
    """

    words = ("softmax",)
    namesake = "Softmax"
    source = _PAGE + "Softmax.html"
    examples = ("10 -> softmax", "4x10 -> softmax -1")


@layer
class Softmin(_Along):
    """exp(−xᵢ) / Σⱼ exp(−xⱼ) along ``dim`` (see Softmax). Work: over n numbers n exp, n − 1 add, n div."""

    words = ("softmin",)
    namesake = "Softmin"
    source = _PAGE + "Softmin.html"
    examples = ("10 -> softmin", "4x10 -> softmin -1")


@layer
class LogSoftmax(_Along):
    """log softmax(x)ᵢ = xᵢ − log Σⱼ exp(xⱼ) along ``dim`` (see Softmax).

    Work: over n numbers n exp, n − 1 add, 1 log, n add.
    """

    words = ("logsoftmax", "log_softmax")
    namesake = "LogSoftmax"
    source = _PAGE + "LogSoftmax.html"
    examples = ("10 -> logsoftmax", "4x10 -> logsoftmax -1")

    def work(self, x: Shape) -> Work:
        axis = self.axis(x)
        log = Line("log Σ exp", "log", (*x[:axis], *x[axis + 1 :]))
        return Work((*_sums(x, axis), log, Line("x − log Σ exp", "add", x)))


@layer
class Softmax2d(Layer):
    """Softmax over the channels of an image, at every place. Work: over C channels C exp, C − 1 add, C div."""

    words = ("softmax2d",)
    namesake = "Softmax2d"
    source = _PAGE + "Softmax2d.html"
    examples = ("21x8x8 -> softmax2d",)
    trial_inputs = (((3, 2, 4),), ((1, 2, 2),), ((4,),), ((2, 3, 2, 2),))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 3, "C x H x W")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return Work((*_sums(x, 0), Line("exp / Σ exp", "div", x)))

    def reach(self, x: Shape) -> Reach:
        return _along(x, 0)


@layer
class GLU(Layer):
    """a · σ(b): the input is cut into halves a and b along ``dim``, and σ(b) gates a.

    Shapes: the axis ``dim`` is halved. As in torch, dim counts the batch axis (0).
    Work: exp, add, div (the sigmoid), mul for each output.
    """

    words = ("glu",)
    namesake = "GLU"
    source = _PAGE + "GLU.html"
    examples = ("10x64 -> glu", "64x8x8 -> glu 1")
    trial_inputs = (((4,),), ((2, 6),), ((4, 3, 2),))

    dim: int = integer("axis that is halved (0 is the batch)", -1, tries=(-1, 1, 2, 3, 0, -2, 7))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "any shape")
        yield dim_behind_batch(self.dim, len(x), "dim")
        yield divisible(x[self.axis(x)], 2, "the size of the axis that is halved", "dim")

    def axis(self, x: Shape) -> int:
        """The axis, per sample."""
        return behind_batch(self.dim, len(x))

    def output_shape(self, x: Shape) -> Shape:
        axis = self.axis(x)
        return (*x[:axis], x[axis] // 2, *x[axis + 1 :])

    def work(self, x: Shape) -> Work:
        steps = {"exp(−b)": "exp", "1 + exp(−b)": "add", "σ(b) = 1 / (1 + exp(−b))": "div", "a · σ(b)": "mul"}
        return per_element(self.output_shape(x), steps)

    def reach(self, x: Shape) -> Reach:
        axis = self.axis(x)
        halves = Window(axis, kernel=2, dilation=x[axis] // 2)
        return (tuple(halves if place == axis else Window(place) for place in range(len(x))),)
