"""Attention by its definition."""

from __future__ import annotations

import math
from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, exp, total
from netcalc.proof.reference import Parameters, defines

Rows = list[list[Number]]


def rows(x: Tensor) -> Rows:
    """A matrix as a list of its rows."""
    return [[x[i, j] for j in range(x.shape[1])] for i in range(x.shape[0])]


def matrix(values: Rows, like: Tensor) -> Tensor:
    """A list of rows as a matrix."""
    return Tensor.make((len(values), len(values[0])), lambda i, j: values[i][j], like.tally)


def apply(weight: Rows, bias: list[Number] | None, vectors: Rows) -> Rows:
    """W x + b for each vector x."""
    products = [[dot(zip(row, x)) for row in weight] for x in vectors]
    return products if bias is None else [[y + b for y, b in zip(row, bias)] for row in products]


def softmax(scores: list[Number]) -> list[Number]:
    """exp(sᵢ) / Σ exp(sⱼ)."""
    powers = [exp(score) for score in scores]
    whole = total(powers)
    return [power / whole for power in powers]


def attend(queries: Rows, keys: Rows, values: Rows, causal: bool = False) -> Rows:
    """One head: each query's average of the values, weighted by softmax(q·k / √d) over the keys it may see."""
    scale = math.sqrt(len(queries[0]))
    found = []
    for t, query in enumerate(queries):
        seen = min(t + 1, len(keys)) if causal else len(keys)
        weights = softmax([dot(zip(query, key)) / scale for key in keys[:seen]])
        found.append([dot(zip(weights, column)) for column in zip(*values[:seen])])
    return found


def head(vectors: Rows, number: int, heads: int) -> Rows:
    """The part of each vector that belongs to one of ``heads`` heads."""
    width = len(vectors[0]) // heads
    return [x[number * width : (number + 1) * width] for x in vectors]


def side_by_side(parts: list[Rows]) -> Rows:
    """The heads' results joined again."""
    return [[number for part in row for number in part] for row in zip(*parts)]


@defines("MultiheadAttention")
def multihead_attention(layer: Any, parameters: Parameters, *inputs: Tensor) -> Tensor:
    width, heads = inputs[0].shape[1], layer.num_heads
    tally = inputs[0].tally
    query, key, value = {1: (0, 0, 0), 2: (0, 1, 1), 3: (0, 1, 2)}[len(inputs)]
    if "in_proj_weight" in parameters:
        stacked = rows(parameters["in_proj_weight"])
        weights = [stacked[width * i : width * (i + 1)] for i in range(3)]
    else:
        weights = [rows(parameters[f"{name}_proj_weight"]) for name in "qkv"]
    biases: list[list[Number] | None] = [None] * 3
    if layer.bias:
        biases = [[parameters["in_proj_bias"][width * i + j] for j in range(width)] for i in range(3)]
    q, k, v = (apply(weights[i], biases[i], rows(inputs[place])) for i, place in enumerate((query, key, value)))
    if layer.add_bias_kv:
        k.append([parameters["bias_k"][0, 0, j] for j in range(width)])
        v.append([parameters["bias_v"][0, 0, j] for j in range(width)])
    if layer.add_zero_attn:
        k.append([Number(0.0, tally) for _ in range(width)])
        v.append([Number(0.0, tally) for _ in range(width)])
    mixed = side_by_side([attend(head(q, i, heads), head(k, i, heads), head(v, i, heads)) for i in range(heads)])
    last = [parameters["out_proj.bias"][j] for j in range(width)] if layer.bias else None
    return matrix(apply(rows(parameters["out_proj.weight"]), last, mixed), inputs[0])


@defines("ScaledDotProductAttention")
def scaled_dot_product_attention(layer: Any, parameters: Parameters, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    heads = layer.num_heads
    groups = layer.num_kv_heads or heads
    parts = []
    for i in range(heads):
        shared = i // (heads // groups)  # the head of k and v that serves this head of q
        query, key, value = head(rows(q), i, heads), head(rows(k), shared, groups), head(rows(v), shared, groups)
        parts.append(attend(query, key, value, layer.causal))
    return matrix(side_by_side(parts), q)
