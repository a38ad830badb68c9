"""Merging of branches, which torch has as functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from netcalc.proof.modules import builds


class Merge(nn.Module):
    """A torch function of several batched tensors of one rank.

    torch lines up the last axes of tensors of different rank, and so a sample's axis with the batch: refused.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        if len({x.dim() for x in inputs}) > 1:
            raise RuntimeError("the branches differ in rank")
        return self.function(*inputs)


def behind_batch(axis: int) -> int:
    """torch's number, with the batch axis, of an axis of a sample."""
    return axis + 1 if axis >= 0 else axis


@builds("Add", "Mul", "Sub", "Div")
def elementwise(layer: Any, *inputs: Any) -> nn.Module:
    operation = getattr(torch, layer.kind.lower())
    return Merge(lambda *branches: reduce(operation, branches))


@builds("Concat")
def concat(layer: Any, *inputs: Any) -> nn.Module:
    return Merge(lambda *branches: torch.cat(branches, dim=behind_batch(layer.axis)))


@builds("Stack")
def stack(layer: Any, *inputs: Any) -> nn.Module:
    return Merge(lambda *branches: torch.stack(branches, dim=behind_batch(layer.axis)))


@builds("MatMul")
def matmul(layer: Any, *inputs: Any) -> nn.Module:
    return Merge(lambda a, b: a @ (b.mT if layer.transpose_b else b))
