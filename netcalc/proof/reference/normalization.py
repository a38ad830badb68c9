"""Normalisation by its definition."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from netcalc.proof.counting import Number, Tensor, indices, sqrt, total
from netcalc.proof.reference import Parameters, defines

Index = tuple[int, ...]


def mean(numbers: Iterable[Number]) -> Number:
    """Σ x / n."""
    found = list(numbers)
    return total(found) / float(len(found))


def squared(number: Number) -> Number:
    return number * number


def variance(numbers: Iterable[Number], middle: Number) -> Number:
    """Σ (x − mean)² / n."""
    return mean(squared(number - middle) for number in numbers)


def sets(x: Tensor, key: Callable[[Index], Hashable]) -> dict[Any, list[Number]]:
    """The numbers that are averaged together: those whose index has the same key."""
    found: dict[Any, list[Number]] = {}
    for index in indices(x.shape):
        found.setdefault(key(index), []).append(x[index])
    return found


def own(x: Tensor, key: Callable[[Index], Hashable]) -> tuple[dict[Any, Number], dict[Any, Number]]:
    """Mean and variance of each set."""
    grouped = sets(x, key)
    means = {name: mean(numbers) for name, numbers in grouped.items()}
    return means, {name: variance(numbers, means[name]) for name, numbers in grouped.items()}


def normalised(
    x: Tensor,
    means: dict[Any, Number],
    variances: dict[Any, Number],
    key: Callable[[Index], Hashable],
    eps: float,
    parameters: Parameters,
    place: Callable[[Index], Index],
) -> Tensor:
    """(x − mean) / √(var + eps) · weight + bias; ``place`` is where an element's weight and bias stand."""
    deviations = {name: sqrt(value + eps) for name, value in variances.items()}

    def unit(*index: int) -> Number:
        y = (x[index] - means[key(index)]) / deviations[key(index)]
        if "weight" in parameters:
            y = y * parameters["weight"][place(index)]
        return y + parameters["bias"][place(index)] if "bias" in parameters else y

    return Tensor.make(x.shape, unit, x.tally)


def channel(index: Index) -> Index:
    return index[:1]


@defines(*(f"{name}Norm{rank}d" for name in ("Batch", "Instance") for rank in (1, 2, 3)), "SyncBatchNorm")
def channel_norm(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    if layer.track_running_stats:
        means, variances = parameters["running_mean"].numbers, parameters["running_var"].numbers
    else:
        means, variances = own(x, channel)
    return normalised(x, means, variances, channel, layer.eps, parameters, channel)


@defines("GroupNorm")
def group_norm(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    channels: int = x.shape[0] // layer.num_groups

    def group(index: Index) -> int:
        return index[0] // channels

    return normalised(x, *own(x, group), group, layer.eps, parameters, channel)


@defines("LayerNorm")
def layer_norm(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    front = len(x.shape) - len(layer.normalized_shape)
    return normalised(x, *own(x, lambda i: i[:front]), lambda i: i[:front], layer.eps, parameters, lambda i: i[front:])


@defines("RMSNorm")
def rms_norm(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    front = len(x.shape) - len(layer.normalized_shape)
    eps = sys.float_info.epsilon if layer.eps is None else layer.eps
    grouped = sets(x, lambda index: index[:front])
    roots = {name: sqrt(mean(map(squared, numbers)) + eps) for name, numbers in grouped.items()}

    def unit(*index: int) -> Number:
        y = x[index] / roots[index[:front]]
        return y * parameters["weight"][index[front:]] if layer.elementwise_affine else y

    return Tensor.make(x.shape, unit, x.tally)


@defines("LocalResponseNorm", "CrossMapLRN2d")
def response_norm(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    before, after = layer.size // 2, (layer.size - 1) // 2
    if layer.kind == "CrossMapLRN2d":
        before = after
    squares = x.map(squared)
    scale, k, beta = float(layer.alpha / layer.size), float(layer.k), float(layer.beta)

    def unit(c: int, *position: int) -> Number:
        around = total(squares.padded((c + j, *position)) for j in range(-before, after + 1))
        return x[(c, *position)] / (k + scale * around) ** beta

    return Tensor.make(x.shape, unit, x.tally)
