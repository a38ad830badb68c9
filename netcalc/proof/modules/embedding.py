"""Tables that are looked up as torch modules of one tensor an input, and test values for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netcalc.proof.modules import arguments, builds, feeds


class WeightedBag(nn.EmbeddingBag):
    """``nn.EmbeddingBag`` that takes the weight of each row as a second input."""

    def forward(self, x: Tensor, *weights: Tensor) -> Tensor:  # type: ignore[override, unused-ignore]
        return super().forward(x, None, *weights)


@builds("EmbeddingBag")
def bag(layer: Any, *inputs: Any) -> nn.Module:
    return WeightedBag(**arguments(layer))


@feeds("Embedding", "EmbeddingBag")
def rows(layer: Any, place: int, shape: tuple[int, ...], generator: torch.Generator, inputs: Any) -> Tensor:
    """Integers below num_embeddings, none of them padding; then their weights."""
    if place > 0:
        return torch.rand(shape, generator=generator, dtype=torch.double) * 2 - 1
    padding = None if layer.padding_idx is None else layer.padding_idx % max(layer.num_embeddings, 1)
    legal = torch.tensor([row for row in range(layer.num_embeddings) if row != padding] or [0])
    return legal[torch.randint(len(legal), shape, generator=generator)]
