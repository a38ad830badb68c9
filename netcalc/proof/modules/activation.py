"""Activations that torch.nn does not have."""

from __future__ import annotations

from typing import Any

import torch

from netcalc.layers.base import Shape
from netcalc.proof.modules import builds


class Sin(torch.nn.Module):
    """sin(x)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin()


class Step(torch.nn.Module):
    """1 where x > threshold, else 0."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x > self.threshold).to(x.dtype)


@builds("Sin")
def _sin(layer: Any, *inputs: Shape) -> torch.nn.Module:
    return Sin()


@builds("Step")
def _step(layer: Any, *inputs: Shape) -> torch.nn.Module:
    return Step(layer.threshold)
