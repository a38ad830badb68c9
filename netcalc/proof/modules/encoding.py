"""Encodings of positions and coordinates, which torch.nn does not have."""

from __future__ import annotations

from math import pi
from typing import Any

import torch
from torch import Tensor, nn

from netcalc.proof.modules import builds


class PosEnc(nn.Module):
    """The sinusoidal encoding of coordinates of NeRF, on the last axis."""

    def __init__(self, num_frequencies: int, include_input: bool = True) -> None:
        super().__init__()
        if num_frequencies < 1:
            raise ValueError("num_frequencies must be at least 1")
        self.num_frequencies, self.include_input = num_frequencies, include_input

    def forward(self, x: Tensor) -> Tensor:
        angles = [2**k * pi * x for k in range(self.num_frequencies)]
        encoded = [wave for angle in angles for wave in (torch.sin(angle), torch.cos(angle))]
        return torch.cat([x, *encoded] if self.include_input else encoded, dim=-1)


@builds("PosEnc")
def nerf(layer: Any, *inputs: Any) -> nn.Module:
    return PosEnc(layer.num_frequencies, layer.include_input)


class LearnedPosition(nn.Module):
    """Adds a learned vector for each position of a sequence."""

    def __init__(self, max_length: int, embedding_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(max_length, embedding_dim))

    def forward(self, x: Tensor) -> Tensor:
        _, length, width = x.shape
        if (length, width) != self.weight[:length].shape:
            raise ValueError("the sequence does not fit the table")
        return x + self.weight[:length]


class SinusoidalPosition(nn.Module):
    """Adds the fixed sines and cosines of "Attention Is All You Need" to a sequence."""

    fixed_buffers = True
    pe: Tensor

    def __init__(self, max_length: int, embedding_dim: int) -> None:
        super().__init__()
        position = torch.arange(max_length, dtype=torch.double).unsqueeze(1)
        frequency = 10000.0 ** (-torch.arange(0, embedding_dim, 2, dtype=torch.double) / embedding_dim)
        waves = torch.stack([torch.sin(position * frequency), torch.cos(position * frequency)], dim=-1)
        self.register_buffer("pe", waves.reshape(max_length, embedding_dim))

    def forward(self, x: Tensor) -> Tensor:
        _, length, width = x.shape
        if (length, width) != self.pe[:length].shape:
            raise ValueError("the sequence does not fit the table")
        return x + self.pe[:length]


class Rotary(nn.Module):
    """Rotates pairs of neighbouring entries by an angle that grows with the position."""

    def __init__(self, num_heads: int = 1, base: float = 10000.0) -> None:
        super().__init__()
        if num_heads < 1:
            raise ValueError("num_heads must be at least 1")
        self.num_heads, self.base = num_heads, base

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 3:
            raise ValueError("the input must be a sequence of vectors")
        pairs = x.reshape(*x.shape[:-1], self.num_heads, -1, 2)  # batch … time head pair 2
        count = pairs.shape[-2]
        frequency = self.base ** (-torch.arange(count, dtype=x.dtype, device=x.device) / count)
        angle = torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)[:, None, None] * frequency
        turned = torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angle), angle)
        return torch.view_as_real(turned).reshape(x.shape)


class TimeEmbedding(nn.Module):
    """The sinusoidal embedding of a time step."""

    def __init__(self, dim: int, max_period: float = 10000.0) -> None:
        super().__init__()
        if dim < 2 or dim % 2:
            raise ValueError("dim must be even")
        self.dim, self.max_period = dim, max_period

    def forward(self, t: Tensor) -> Tensor:
        if t.dim() != 2 or t.shape[1] != 1:
            raise ValueError("the input must be one time step")
        half = self.dim // 2
        angle = t * self.max_period ** (-torch.arange(half, dtype=t.dtype, device=t.device) / half)
        return torch.cat([torch.sin(angle), torch.cos(angle)], dim=-1)


@builds("LearnedPosition")
def learned(layer: Any, *inputs: Any) -> nn.Module:
    return LearnedPosition(layer.max_length, layer.embedding_dim)


@builds("SinusoidalPosition")
def sinusoidal(layer: Any, *inputs: Any) -> nn.Module:
    return SinusoidalPosition(layer.max_length, layer.embedding_dim)


@builds("Rotary")
def rotary(layer: Any, *inputs: Any) -> nn.Module:
    return Rotary(layer.num_heads, layer.base)


@builds("TimeEmbedding")
def time_step(layer: Any, *inputs: Any) -> nn.Module:
    return TimeEmbedding(layer.dim, layer.max_period)
