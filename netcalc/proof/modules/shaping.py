"""Rearrangements and reductions, which torch has as functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from netcalc.proof.modules import builds


class Function(nn.Module):
    """A torch function of one batched tensor."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def behind_batch(axis: int, rank: int) -> int:
    """torch's number, with the batch axis, of one of a sample's ``rank`` axes. Raises IndexError."""
    return range(rank)[axis] + 1


@builds("Reshape")
def reshape(layer: Any, *inputs: Any) -> nn.Module:
    return Function(lambda x: x.reshape(len(x), *layer.sizes))


@builds("Squeeze")
def squeeze(layer: Any, *inputs: Any) -> nn.Module:
    def leave_out(x: Tensor) -> Tensor:
        axes = tuple(behind_batch(axis, x.dim() - 1) for axis in layer.axis)
        if any(x.shape[axis] != 1 for axis in axes):
            raise RuntimeError("only axes of size 1 can be left out")
        return torch.squeeze(x, axes)

    return Function(leave_out)


@builds("Unsqueeze")
def unsqueeze(layer: Any, *inputs: Any) -> nn.Module:
    return Function(lambda x: x.unsqueeze(behind_batch(layer.axis, x.dim())))


@builds("Permute")
def permute(layer: Any, *inputs: Any) -> nn.Module:
    return Function(lambda x: x.permute(0, *(behind_batch(axis, x.dim() - 1) for axis in layer.order)))


@builds("Transpose")
def transpose(layer: Any, *inputs: Any) -> nn.Module:
    return Function(lambda x: x.transpose(*(behind_batch(axis, x.dim() - 1) for axis in (layer.axis0, layer.axis1))))


@builds("Slice")
def pick(layer: Any, *inputs: Any) -> nn.Module:
    def picked(x: Tensor) -> Tensor:
        axis = behind_batch(layer.axis, x.dim() - 1)
        length = x.shape[axis]
        places = range(length)[layer.start : layer.stop : layer.step]
        if not places or not -length <= layer.start < length or not -length <= (layer.stop or length) <= length:
            raise IndexError("the slice is empty or leaves the axis")
        return x[(slice(None),) * axis + (slice(layer.start, layer.stop, layer.step),)]

    return Function(picked)


@builds("Mean", "Sum", "Max")
def reduction(layer: Any, *inputs: Any) -> nn.Module:
    function: Any = {"Mean": torch.mean, "Sum": torch.sum, "Max": torch.amax}[layer.kind]

    def reduce(x: Tensor) -> Tensor:
        axes = range(x.dim() - 1) if layer.axis is None else layer.axis
        reduced: Tensor = function(x, dim=[behind_batch(axis, x.dim() - 1) for axis in axes], keepdim=layer.keepdim)
        return reduced

    return Function(reduce)


@builds("Rearrange")
def rearrange(layer: Any, *inputs: Any) -> nn.Module:
    """einops' rearrange by torch's reshape and permute; ``...`` is written out by the input's number of axes."""
    given = dict(layer.sizes)

    def apply(x: Tensor) -> Tensor:
        before, _ = layer.pattern.split("->")
        named = len(re.findall(r"\([^)]*\)|\w+", before))
        if "..." not in before and x.dim() - 1 != named:
            raise ValueError("the pattern is for another number of axes")
        rest = " ".join(f"rest{number}" for number in range(x.dim() - 1 - named))
        left, right = (
            [group.strip("()").split() for group in re.findall(r"\([^)]*\)|\w+", side.replace("...", rest))]
            for side in layer.pattern.split("->")
        )
        inner = [name for group in left for name in group if name != "1"]
        outer = [name for group in right for name in group if name != "1"]
        if sorted(inner) != sorted(outer) or not set(given) <= set(inner):
            raise ValueError("the two sides of the pattern, or the sizes, do not have the same names")
        lengths = {"1": 1, **given}
        for group, length in zip(left, x.shape[1:], strict=True):
            unknown = [name for name in group if name not in lengths]
            if len(unknown) == 1:
                lengths[unknown[0]] = length // prod(lengths[name] for name in group if name in lengths)
            if any(name not in lengths for name in group) or prod(lengths[name] for name in group) != length:
                raise ValueError("the pattern does not fit the sizes")
        parts = x.reshape(len(x), *(lengths[name] for name in inner))
        ordered = parts.permute(0, *(inner.index(name) + 1 for name in outer))
        return ordered.reshape(len(x), *(prod(lengths[name] for name in group) for group in right))

    return Function(apply)
