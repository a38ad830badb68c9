"""Rearrangements by their definition: which number goes where."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from netcalc.proof.counting import Number, Tensor, largest, total
from netcalc.proof.reference import Parameters, defines


@defines("Flatten")
def flatten(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    batched = (1, *x.shape)
    axes = range(len(batched))
    first, last = axes[layer.start_dim], axes[layer.end_dim]
    return x.reshaped((*batched[1:first], prod(batched[first : last + 1]), *batched[last + 1 :]))


@defines("Unflatten")
def unflatten(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    batched = (1, *x.shape)
    axis = range(len(batched))[layer.dim]
    rest = batched[axis] // abs(prod(layer.unflattened_size))
    sizes = [rest if size == -1 else size for size in layer.unflattened_size]
    return x.reshaped((*batched[1:axis], *sizes, *batched[axis + 1 :]))


@defines("Reshape")
def reshape(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    rest = prod(x.shape) // abs(prod(layer.sizes))
    return x.reshaped([rest if size == -1 else size for size in layer.sizes])


@defines("Squeeze")
def squeeze(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axes = range(len(x.shape))
    gone = {axes[axis] for axis in layer.axis}
    return x.reshaped([x.shape[axis] for axis in axes if axis not in gone])


@defines("Unsqueeze")
def unsqueeze(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axis = range(len(x.shape) + 1)[layer.axis]
    return x.reshaped((*x.shape[:axis], 1, *x.shape[axis:]))


def reordered(x: Tensor, order: Sequence[int]) -> Tensor:
    """The axes of ``x`` in another order."""
    shape = [x.shape[axis] for axis in order]
    return Tensor(shape, {tuple(index[axis] for axis in order): n for index, n in x.numbers.items()}, x.tally)


@defines("Permute")
def permute(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axes = range(len(x.shape))
    return reordered(x, [axes[axis] for axis in layer.order])


@defines("Transpose")
def transpose(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axes = range(len(x.shape))
    one, other = axes[layer.axis0], axes[layer.axis1]
    return reordered(x, [{one: other, other: one}.get(axis, axis) for axis in axes])


@defines("Slice")
def pick(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axis = range(len(x.shape))[layer.axis]
    places = range(x.shape[axis])[layer.start : layer.stop : layer.step]
    shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    return Tensor.make(shape, lambda *index: x[(*index[:axis], places[index[axis]], *index[axis + 1 :])], x.tally)


@defines("Mean", "Sum", "Max")
def reduction(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    axes = range(len(x.shape))
    gone = set(axes) if layer.axis is None else {axes[axis] for axis in layer.axis}
    groups: dict[tuple[int, ...], list[Number]] = {}
    for index, number in x.numbers.items():
        groups.setdefault(tuple(0 if axis in gone else index[axis] for axis in axes), []).append(number)
    rule: Callable[[list[Number]], Number] = {
        "Mean": lambda numbers: total(numbers) / len(numbers),
        "Sum": total,
        "Max": largest,
    }[layer.kind]
    kept = Tensor(
        [1 if axis in gone else x.shape[axis] for axis in axes],
        {index: rule(numbers) for index, numbers in groups.items()},
        x.tally,
    )
    return kept if layer.keepdim else kept.reshaped([x.shape[axis] for axis in axes if axis not in gone])


@defines("Rearrange")
def rearrange(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    written = len(re.findall(r"\([^)]*\)|\w+", layer.pattern.split("->")[0]))
    rest = " ".join(f"rest{number}" for number in range(len(x.shape) - written))
    left, right = (
        [token.strip("()").split() for token in re.findall(r"\([^)]*\)|\w+", side)]
        for side in layer.pattern.replace("...", rest).split("->")
    )
    lengths = {"1": 1, **dict(layer.sizes)}
    for names, length in zip(left, x.shape, strict=True):
        for name in set(names) - set(lengths):
            lengths[name] = length // prod(lengths[other] for other in names if other != name)
    inner = x.reshaped([lengths[name] for names in left for name in names])
    order = {name: axis for axis, name in enumerate(name for names in left for name in names)}
    named = [name for names in right for name in names if name != "1"]
    dropped = [axis for name, axis in order.items() if name == "1"]
    moved = reordered(inner, [*(order[name] for name in named), *dropped])
    return moved.reshaped([prod(lengths[name] for name in names) for names in right])
