"""Activations by their definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from netcalc.proof.counting import Number, Tensor, erf, exp, log, maximum, minimum, sin, tanh, total
from netcalc.proof.reference import Parameters, defines

Rule = Callable[[Any, Number], Number]


def each(kind: str) -> Callable[[Rule], Rule]:
    """Register a function ``(layer, x) -> Number`` as what the kind computes of every element."""

    def register(rule: Rule) -> Rule:
        @defines(kind)
        def every(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
            return x.map(lambda number: rule(layer, number))

        return rule

    return register


# ---------------------------------------------------------------- rectifiers


@each("ReLU")
def relu(layer: Any, x: Number) -> Number:
    return maximum(0.0, x)


@each("ReLU6")
def relu6(layer: Any, x: Number) -> Number:
    return minimum(maximum(0.0, x), 6.0)


def leaky(x: Number, slope: Number | float) -> Number:
    below = slope * x
    return x if x.exceeds(0.0) else below


@each("LeakyReLU")
def leaky_relu(layer: Any, x: Number) -> Number:
    return leaky(x, layer.negative_slope)


@each("RReLU")
def rrelu(layer: Any, x: Number) -> Number:
    return leaky(x, (layer.lower + layer.upper) / 2)


@defines("PReLU")
def prelu(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    weight = parameters["weight"]
    one = weight.shape == (1,)
    return Tensor.make(x.shape, lambda *index: leaky(x[index], weight[0 if one else index[0]]), x.tally)


@each("Threshold")
def threshold(layer: Any, x: Number) -> Number:
    return x if x.exceeds(layer.threshold) else Number(layer.value, x.tally)


@each("Step")
def step(layer: Any, x: Number) -> Number:
    return Number(1.0 if x.exceeds(layer.threshold) else 0.0, x.tally)


@each("Hardtanh")
def hardtanh(layer: Any, x: Number) -> Number:
    low = layer.min_val if layer.min_value is None else layer.min_value
    high = layer.max_val if layer.max_value is None else layer.max_value
    return minimum(maximum(x, low), high)


# ---------------------------------------------------------------- smooth


def sigmoid(x: Number) -> Number:
    return 1.0 / (1.0 + exp(-x))


each("Sigmoid")(lambda layer, x: sigmoid(x))
each("Tanh")(lambda layer, x: tanh(x))
each("Sin")(lambda layer, x: sin(x))
each("LogSigmoid")(lambda layer, x: -log(1.0 + exp(-x)))
each("Tanhshrink")(lambda layer, x: x - tanh(x))
each("SiLU")(lambda layer, x: x * sigmoid(x))
each("Mish")(lambda layer, x: x * tanh(log(1.0 + exp(x))))
each("Softsign")(lambda layer, x: x / (1.0 + abs(x)))


@each("GELU")
def gelu(layer: Any, x: Number) -> Number:
    if layer.approximate == "tanh":
        return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2)))


@each("Softplus")
def softplus(layer: Any, x: Number) -> Number:
    scaled = layer.beta * x
    smooth = log(1.0 + exp(scaled)) / layer.beta
    return x if scaled.exceeds(layer.threshold) else smooth


@each("ELU")
def elu(layer: Any, x: Number) -> Number:
    below = layer.alpha * (exp(x) - 1.0)
    return x if x.exceeds(0.0) else below


@each("SELU")
def selu(layer: Any, x: Number) -> Number:
    below = 1.6732632423543772848170429916717 * (exp(x) - 1.0)
    return 1.0507009873554804934193349852946 * (x if x.exceeds(0.0) else below)


@each("CELU")
def celu(layer: Any, x: Number) -> Number:
    below = layer.alpha * (exp(x / layer.alpha) - 1.0)
    return x if x.exceeds(0.0) else below


# ---------------------------------------------------------------- shrinking, and piecewise linear


@each("Softshrink")
def softshrink(layer: Any, x: Number) -> Number:
    shrunk = maximum(abs(x) - layer.lambd, 0.0)
    return shrunk if x.value > 0 else -shrunk  # the sign is known from |x| = max(x, −x)


@each("Hardshrink")
def hardshrink(layer: Any, x: Number) -> Number:
    return x if abs(x).exceeds(layer.lambd) else Number(0.0, x.tally)


@each("Hardsigmoid")
def hardsigmoid(layer: Any, x: Number) -> Number:
    return minimum(maximum(x + 3.0, 0.0), 6.0) / 6.0


@each("Hardswish")
def hardswish(layer: Any, x: Number) -> Number:
    return x * minimum(maximum(x + 3.0, 0.0), 6.0) / 6.0


# ---------------------------------------------------------------- along an axis


def place(dim: int, x: Tensor) -> int:
    """The per-sample axis of torch's ``dim``, which counts the batch."""
    return range(len(x.shape) + 1)[dim] - 1


def sums(x: Tensor, axis: int) -> Tensor:
    """The sums along an axis, which keeps one position."""
    shape = [1 if place == axis else length for place, length in enumerate(x.shape)]
    along = range(x.shape[axis])
    return Tensor.make(shape, lambda *i: total(x[(*i[:axis], j, *i[axis + 1 :])] for j in along), x.tally)


def at(index: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The index of an element's sum along ``axis``."""
    return (*index[:axis], 0, *index[axis + 1 :])


@defines("Softmax", "Softmin", "Softmax2d")
def softmax(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axis = 0 if layer.kind == "Softmax2d" or layer.dim is None else place(layer.dim, x)
    powers = x.map(lambda number: exp(-number if layer.kind == "Softmin" else number))
    sum_of = sums(powers, axis)
    return Tensor.make(x.shape, lambda *index: powers[index] / sum_of[at(index, axis)], x.tally)


@defines("LogSoftmax")
def log_softmax(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axis = 0 if layer.dim is None else place(layer.dim, x)
    logs = sums(x.map(exp), axis).map(log)
    return Tensor.make(x.shape, lambda *index: x[index] - logs[at(index, axis)], x.tally)


@defines("GLU")
def glu(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axis = place(layer.dim, x)
    half = x.shape[axis] // 2

    def unit(*index: int) -> Number:
        gate = (*index[:axis], index[axis] + half, *index[axis + 1 :])
        return x[index] * sigmoid(x[gate])

    return Tensor.make((*x.shape[:axis], half, *x.shape[axis + 1 :]), unit, x.tally)
