"""Parts of vision transformers by their definition."""

from __future__ import annotations

import math
from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, indices
from netcalc.proof.reference import Parameters, defines
from netcalc.proof.reference.attention import apply, rows, softmax


@defines("ClassToken")
def class_token(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    length, width = x.shape
    token = parameters["class_token"]
    return Tensor.make((length + 1, width), lambda t, d: x[t - 1, d] if t else token[0, 0, d], x.tally)


@defines("LayerScale")
def layer_scale(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return Tensor.make(x.shape, lambda *index: parameters["gamma"][index[-1]] * x[index], x.tally)


@defines("ShiftedWindowAttention")
def shifted_window_attention(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    *lengths, width = x.shape
    windows, heads = layer.axes("window_size"), layer.num_heads
    filled = [-(-length // w) * w for length, w in zip(lengths, windows)]
    shifts = [s if length > w else 0 for s, length, w in zip(layer.axes("shift_size"), filled, windows)]

    def bias(name: str) -> list[Number] | None:
        found = parameters.get(name)
        return None if found is None else [found[i] for i in range(found.shape[0])]

    def group(place: tuple[int, ...]) -> tuple[object, ...]:
        """Positions attend to each other in one window, unless it holds the first of one with the last of the other."""
        return tuple(((i - s) % length // w, i < s) for i, s, length, w in zip(place, shifts, filled, windows))

    def part(place: tuple[int, ...], number: int) -> list[Number]:
        """Query (0), key (1) or value (2) of one head at a position."""
        return mixed[place][number * width + head * size :][:size]

    def offset(one: tuple[int, ...], other: tuple[int, ...]) -> int:
        """The row of the table of biases for two positions of one window."""
        down, right = (
            (i - s) % length % w - (j - s) % length % w + w - 1
            for i, j, s, length, w in zip(one, other, shifts, filled, windows)
        )
        return int(down * (2 * windows[1] - 1) + right)

    places = list(indices(filled))
    vectors = [[x.padded((*place, c)) for c in range(width)] for place in places]
    mixed = dict(zip(places, apply(rows(parameters["qkv.weight"]), bias("qkv.bias"), vectors)))
    table = parameters["relative_position_bias_table"]
    size = width // heads
    joined: list[list[Number]] = []
    for place in places:
        seen = [other for other in places if group(other) == group(place)]
        parts: list[Number] = []
        for head in range(heads):
            scores = [dot(zip(part(place, 0), part(other, 1))) / math.sqrt(size) for other in seen]
            weights = softmax([score + table[offset(place, other), head] for score, other in zip(scores, seen)])
            parts += [dot(zip(weights, column)) for column in zip(*(part(other, 2) for other in seen))]
        joined.append(parts)
    projected = dict(zip(places, apply(rows(parameters["proj.weight"]), bias("proj.bias"), joined)))
    return Tensor.make(x.shape, lambda i, j, c: projected[i, j][c], x.tally)
