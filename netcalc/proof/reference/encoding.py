"""Encodings by their definition."""

from __future__ import annotations

import math
from typing import Any

from netcalc.proof.counting import Number, Tensor, cos, indices, sin
from netcalc.proof.reference import Parameters, defines


@defines("PosEnc")
def nerf(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    *leading, width = x.shape
    encoded: dict[tuple[int, ...], Number] = {}
    for position in indices(leading):
        vector = [x[(*position, d)] for d in range(width)]
        entries = list(vector) if layer.include_input else []
        for k in range(layer.num_frequencies):
            angles = [2**k * math.pi * coordinate for coordinate in vector]
            entries += [sin(angle) for angle in angles] + [cos(angle) for angle in angles]
        encoded.update({(*position, i): entry for i, entry in enumerate(entries)})
    return Tensor((*leading, len(entries)), encoded, x.tally)


@defines("LearnedPosition")
def learned(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    return Tensor.make(x.shape, lambda t, d: x[t, d] + parameters["weight"][t, d], x.tally)


@defines("SinusoidalPosition")
def sinusoidal(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    length, width = x.shape

    def entry(t: int, d: int) -> float:
        angle = t / 10000 ** ((d - d % 2) / width)
        return math.cos(angle) if d % 2 else math.sin(angle)

    return Tensor.make((length, width), lambda t, d: x[t, d] + entry(t, d), x.tally)


@defines("Rotary")
def rotary(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    *leading, length, width = x.shape
    per_head = width // layer.num_heads
    turned: dict[tuple[int, ...], Number] = {}
    for place in indices((*leading, length)):
        for d in range(0, width, 2):
            angle = place[-1] * layer.base ** -(d % per_head / per_head)
            c, s = math.cos(angle), math.sin(angle)
            a, b = x[(*place, d)], x[(*place, d + 1)]
            turned[(*place, d)] = a * c - b * s
            turned[(*place, d + 1)] = a * s + b * c
    return Tensor(x.shape, turned, x.tally)


@defines("TimeEmbedding")
def time_step(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    half = layer.dim // 2
    angles = [x[0] * layer.max_period ** -(k / half) for k in range(half)]
    waves = [sin(angle) for angle in angles] + [cos(angle) for angle in angles]
    return Tensor.make((layer.dim,), lambda i: waves[i], x.tally)
