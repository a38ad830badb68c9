"""Test values for losses: probabilities, signs, counts and classes, where plain numbers will not do."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from netcalc.proof.modules import feeds


def between(low: float, high: float, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Random numbers of a range."""
    return torch.rand(shape, generator=generator, dtype=torch.double) * (high - low) + low


def classes(count: int, ignored: int, shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Random classes below ``count`` other than the one that is ignored."""
    legal = torch.tensor([c for c in range(count) if c != ignored] or [0])
    return legal[torch.randint(len(legal), shape, generator=generator)]


@feeds("BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "PoissonNLLLoss")
def probabilities(layer: Any, place: int, shape: tuple[int, ...], generator: Generator, inputs: Any) -> Tensor:
    """Predictions and targets that are probabilities, logits, log-probabilities or counts, as the loss wants them."""
    logarithm = {
        "BCELoss": False,
        "BCEWithLogitsLoss": place == 0,
        "KLDivLoss": place == 0 or getattr(layer, "log_target", False),
        "PoissonNLLLoss": place == 0 and getattr(layer, "log_input", False),
    }[layer.kind]
    if logarithm:
        return between(-3, 0, shape, generator)
    return between(0.01, 3 if layer.kind == "PoissonNLLLoss" else 0.99, shape, generator)


@feeds("HingeEmbeddingLoss", "SoftMarginLoss", "MarginRankingLoss", "CosineEmbeddingLoss")
def signs(layer: Any, place: int, shape: tuple[int, ...], generator: Generator, inputs: Any) -> Tensor:
    """The last input is a target of 1 and −1."""
    values = between(-1, 1, shape, generator)
    return values.sign() if place == len(inputs) - 1 else values


@feeds("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
def targets(layer: Any, place: int, shape: tuple[int, ...], generator: Generator, inputs: Any) -> Tensor:
    """The second input is a class; for cross entropy it may be class probabilities of the prediction's rank."""
    if place == 0:
        return between(-1, 1, shape, generator)
    if layer.kind == "CrossEntropyLoss" and len(inputs[0]) == len(inputs[1]):
        return between(0, 1, shape, generator)
    count = inputs[0][0] if inputs[0] else 1
    return classes(count, getattr(layer, "ignore_index", -100), shape, generator)
