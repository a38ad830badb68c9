"""Looking rows of a table up, by its definition."""

from __future__ import annotations

from typing import Any

from netcalc.proof.counting import Tensor, largest, total
from netcalc.proof.reference import Parameters, defines


@defines("Embedding")
def embedding(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    weight = parameters["weight"]
    return Tensor.make((*x.shape, weight.shape[1]), lambda *index: weight[int(x[index[:-1]].value), index[-1]], x.tally)


@defines("EmbeddingBag")
def embedding_bag(layer: Any, parameters: Parameters, x: Tensor, *weights: Tensor) -> Tensor:
    weight = parameters["weight"]
    columns = [[weight[int(row.value), d] for row in x.numbers.values()] for d in range(weight.shape[1])]
    for shares in weights:
        columns = [[share * row for share, row in zip(shares.numbers.values(), column)] for column in columns]
    if layer.mode == "max":
        bags = [largest(column) for column in columns]
    else:
        bags = [total(column) / len(column) if layer.mode == "mean" else total(column) for column in columns]
    return Tensor.make((len(bags),), lambda d: bags[d], x.tally)
