"""Test values for the tables that are looked up."""

from __future__ import annotations

from typing import Any

import torch

from netcalc.proof.modules import feeds


@feeds("Embedding", "EmbeddingBag")
def rows(layer: Any, place: int, shape: tuple[int, ...], generator: torch.Generator, inputs: Any) -> torch.Tensor:
    """Integers below num_embeddings, none of them padding."""
    padding = None if layer.padding_idx is None else layer.padding_idx % max(layer.num_embeddings, 1)
    legal = torch.tensor([row for row in range(layer.num_embeddings) if row != padding] or [0])
    return legal[torch.randint(len(legal), shape, generator=generator)]
