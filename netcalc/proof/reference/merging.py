"""Merging of branches by its definition."""

from __future__ import annotations

from functools import reduce
from operator import add, mul, sub, truediv
from typing import Any

from netcalc.proof.counting import Number, Tensor, dot
from netcalc.proof.reference import Parameters, defines


def spread(x: Tensor, index: tuple[int, ...]) -> Number:
    """The element at ``index`` of a tensor whose axes of size 1 are repeated."""
    return x[tuple(i if size > 1 else 0 for i, size in zip(index, x.shape, strict=True))]


def common(*shapes: tuple[int, ...]) -> list[int]:
    """The shape to which these are repeated."""
    return [max(sizes) for sizes in zip(*shapes, strict=True)]


@defines("Add", "Mul", "Sub", "Div")
def elementwise(layer: Any, parameters: Parameters, *inputs: Tensor) -> Tensor:
    operation = {"Add": add, "Mul": mul, "Sub": sub, "Div": truediv}[layer.kind]
    shape = common(*(x.shape for x in inputs))
    return Tensor.make(shape, lambda *index: reduce(operation, (spread(x, index) for x in inputs)), inputs[0].tally)


@defines("Concat")
def concat(layer: Any, parameters: Parameters, *inputs: Tensor) -> Tensor:
    axis = range(len(inputs[0].shape))[layer.axis]
    numbers: dict[tuple[int, ...], Number] = {}
    done = 0
    for x in inputs:
        for index, number in x.numbers.items():
            numbers[(*index[:axis], index[axis] + done, *index[axis + 1 :])] = number
        done += x.shape[axis]
    shape = inputs[0].shape
    return Tensor((*shape[:axis], done, *shape[axis + 1 :]), numbers, inputs[0].tally)


@defines("Stack")
def stack(layer: Any, parameters: Parameters, *inputs: Tensor) -> Tensor:
    shape = inputs[0].shape
    axis = range(len(shape) + 1)[layer.axis]
    numbers = {
        (*index[:axis], place, *index[axis:]): number
        for place, x in enumerate(inputs)
        for index, number in x.numbers.items()
    }
    return Tensor((*shape[:axis], len(inputs), *shape[axis:]), numbers, inputs[0].tally)


@defines("MatMul")
def matmul(layer: Any, parameters: Parameters, a: Tensor, b: Tensor) -> Tensor:
    *leading, rows, length = a.shape
    shape = common(tuple(leading), b.shape[:-2])
    columns = b.shape[-2] if layer.transpose_b else b.shape[-1]

    def unit(*index: int) -> Number:
        *first, row, column = index
        return dot(
            (
                spread_matrix(a, first, row, k),
                spread_matrix(b, first, column, k) if layer.transpose_b else spread_matrix(b, first, k, column),
            )
            for k in range(length)
        )

    return Tensor.make((*shape, rows, columns), unit, a.tally)


def spread_matrix(x: Tensor, leading: list[int], row: int, column: int) -> Number:
    """An element of one of a batch of matrices, whose leading axes of size 1 are repeated."""
    first = (i if size > 1 else 0 for i, size in zip(leading, x.shape[:-2], strict=True))
    return x[(*first, row, column)]
