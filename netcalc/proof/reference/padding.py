"""Padding by its definition: which element each position shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netcalc.proof.counting import Number, Tensor
from netcalc.proof.reference import Parameters, defines

Place = Callable[[int, int, tuple[int, int]], int | None]
"""(position, length, (before, after)) → where the element is read, None for the constant."""


def itself(position: int, length: int, ends: tuple[int, int]) -> int | None:
    return position if 0 <= position < length else None


def mirrored(position: int, length: int, ends: tuple[int, int]) -> int:
    if position < 0:
        return -position
    return position if position < length else 2 * (length - 1) - position


def clamped(position: int, length: int, ends: tuple[int, int]) -> int:
    return min(max(position, 0), length - 1)


def wrapped(position: int, length: int, ends: tuple[int, int]) -> int:
    """Round the ring that a negative padding has left. Where more is wanted than that, torch's values are undefined."""
    first, last = max(-ends[0], 0), length - max(-ends[1], 0)
    return first + (position - first) % (last - first)


def pad(layer: Any, x: Tensor, place: Place, constant: float = 0.0) -> Tensor:
    stated = layer.padding
    flat = list(map(int, stated)) if isinstance(stated, tuple) else [int(stated)] * 2 * layer.rank
    rank = len(flat) // 2
    axes = [(x.shape[-1 - i], (flat[2 * i], flat[2 * i + 1])) for i in reversed(range(rank))]

    def unit(*index: int) -> Number:
        kept = len(index) - rank
        found = [place(i - ends[0], length, ends) for i, (length, ends) in zip(index[kept:], axes)]
        if any(position is None for position in found):
            return Number(constant, x.tally)
        return x[(*index[:kept], *found)]  # type: ignore[arg-type]

    return Tensor.make((*x.shape[: len(x.shape) - rank], *(n + sum(ends) for n, ends in axes)), unit, x.tally)


@defines("ZeroPad1d", "ZeroPad2d", "ZeroPad3d")
def zero(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pad(layer, x, itself)


@defines("ConstantPad1d", "ConstantPad2d", "ConstantPad3d")
def constant(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pad(layer, x, itself, layer.value)


@defines("ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d")
def reflection(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pad(layer, x, mirrored)


@defines("ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d")
def replication(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pad(layer, x, clamped)


@defines("CircularPad1d", "CircularPad2d", "CircularPad3d")
def circular(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return pad(layer, x, wrapped)
