"""Recurrent layers by their definition: a cell's step, taken along the sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, exp, maximum, tanh
from netcalc.proof.reference import Parameters, defines

Vector = list[Number]
Cell = Callable[..., tuple[Vector, ...]]


def vector(x: Tensor) -> Vector:
    """A tensor of one axis as a list."""
    return [x[i] for i in range(x.shape[0])]


def affine(parameters: Parameters, name: str, suffix: str, x: Vector) -> Vector:
    """W x, and + b where there is a bias: of ``weight_ih_l0`` and ``bias_ih_l0`` for the name ``ih``."""
    weight = parameters[f"weight_{name}{suffix}"]
    products = [dot((weight[row, i], x[i]) for i in range(weight.shape[1])) for row in range(weight.shape[0])]
    bias = parameters.get(f"bias_{name}{suffix}")
    return products if bias is None else [y + bias[row] for row, y in enumerate(products)]


def sigmoid(a: Number) -> Number:
    """1 / (1 + exp(−a))."""
    return 1.0 / (1.0 + exp(-a))


def added(a: Vector, b: Vector) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


def cut(values: Vector, parts: int) -> list[Vector]:
    """A vector in equal parts: one for each gate."""
    width = len(values) // parts
    return [values[i * width : (i + 1) * width] for i in range(parts)]


def rnn_step(layer: Any, parameters: Parameters, suffix: str, x: Vector, h: Vector) -> tuple[Vector]:
    sums = added(affine(parameters, "ih", suffix, x), affine(parameters, "hh", suffix, h))
    return ([tanh(a) if layer.nonlinearity == "tanh" else maximum(a, 0.0) for a in sums],)


def lstm_step(
    layer: Any, parameters: Parameters, suffix: str, x: Vector, h: Vector, c: Vector
) -> tuple[Vector, Vector]:
    sums = added(affine(parameters, "ih", suffix, x), affine(parameters, "hh", suffix, h))
    i, f, g, o = cut(sums, 4)
    cell = [sigmoid(fj) * cj + sigmoid(ij) * tanh(gj) for fj, cj, ij, gj in zip(f, c, i, g, strict=True)]
    hidden = [sigmoid(oj) * tanh(cj) for oj, cj in zip(o, cell, strict=True)]
    if f"weight_hr{suffix}" in parameters:
        hidden = affine(parameters, "hr", suffix, hidden)
    return hidden, cell


def gru_step(layer: Any, parameters: Parameters, suffix: str, x: Vector, h: Vector) -> tuple[Vector]:
    from_x, from_h = cut(affine(parameters, "ih", suffix, x), 3), cut(affine(parameters, "hh", suffix, h), 3)
    reset = [sigmoid(a) for a in added(from_x[0], from_h[0])]
    keep = [sigmoid(a) for a in added(from_x[1], from_h[1])]
    new = [tanh(a + r * b) for a, r, b in zip(from_x[2], reset, from_h[2], strict=True)]
    return ([(1.0 - z) * n + z * old for z, n, old in zip(keep, new, h, strict=True)],)


STEPS: dict[str, Cell] = {"RNN": rnn_step, "LSTM": lstm_step, "GRU": gru_step}


def zeros(count: int, like: Tensor) -> Vector:
    return [Number(0.0, like.tally) for _ in range(count)]


@defines("RNN", "LSTM", "GRU")
def recurrent(layer: Any, parameters: Parameters, x: Tensor, *given: Tensor) -> Tensor:
    step, cells = STEPS[layer.kind], 0
    sequence = [[x[t, i] for i in range(x.shape[1])] for t in range(x.shape[0])]
    for number in range(layer.num_layers):
        sides = []
        for reverse in (False, True) if layer.bidirectional else (False,):
            suffix = f"_l{number}_reverse" if reverse else f"_l{number}"
            sizes = [parameters[f"weight_hh{suffix}"].shape[1], layer.hidden_size][: 2 if layer.kind == "LSTM" else 1]
            state = tuple(zeros(size, x) for size in sizes)
            if given:
                state = tuple([one[cells, i] for i in range(size)] for one, size in zip(given, sizes, strict=True))
            cells += 1
            outputs = []
            for vector_t in reversed(sequence) if reverse else sequence:
                state = step(layer, parameters, suffix, vector_t, *state)
                outputs.append(state[0])
            sides.append(outputs[::-1] if reverse else outputs)
        sequence = [[number for side in sides_t for number in side] for sides_t in zip(*sides)]
    return Tensor.make((len(sequence), len(sequence[0])), lambda t, i: sequence[t][i], x.tally)


@defines("RNNCell", "LSTMCell", "GRUCell")
def cell(layer: Any, parameters: Parameters, x: Tensor, *given: Tensor) -> Tensor:
    kind = layer.kind.removesuffix("Cell")
    state = [vector(s) for s in given] or [zeros(layer.hidden_size, x) for _ in range(2 if kind == "LSTM" else 1)]
    h, *_ = STEPS[kind](layer, parameters, "", vector(x), *state)
    return Tensor.make((len(h),), lambda i: h[i], x.tally)
