"""Parts of vision transformers as torch modules of batched inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from netcalc.proof.modules import arguments, builds


class ClassToken(nn.Module):
    """A learned vector in front of ``N x T x D``."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)


@builds("ClassToken")
def class_token(layer: Any, *inputs: Any) -> nn.Module:
    return ClassToken(**arguments(layer))


class LayerScale(nn.Module):
    """γ · x on the last axis."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(embed_dim))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != len(self.gamma):
            raise RuntimeError("the last axis does not fit")
        return self.gamma * x


@builds("LayerScale")
def layer_scale(layer: Any, *inputs: Any) -> nn.Module:
    return LayerScale(**arguments(layer))


class WindowAttention(nn.Module):
    """Attention within (shifted) windows of ``N x H x W x dim``, with a learned bias for each relative position."""

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        window: tuple[int, int],
        shift: tuple[int, int],
        num_heads: int,
        qkv_bias: bool,
        proj_bias: bool,
        dropouts: tuple[float, float],
    ) -> None:
        super().__init__()
        if num_heads < 1 or dim % num_heads:
            raise ValueError("num_heads must divide dim")
        if not all(0 <= s < w for s, w in zip(shift, window)):
            raise ValueError("shift_size must be less than window_size")
        self.window, self.shift, self.num_heads = window, shift, num_heads
        offsets = (2 * window[0] - 1, 2 * window[1] - 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(offsets[0] * offsets[1], num_heads))
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self.dropouts = nn.ModuleList(map(nn.Dropout, dropouts))
        row, column = torch.meshgrid(torch.arange(window[0]), torch.arange(window[1]), indexing="ij")
        row, column = row.flatten(), column.flatten()
        down = row[:, None] - row + window[0] - 1
        right = column[:, None] - column + window[1] - 1
        self.register_buffer("relative_position_index", (down * offsets[1] + right).flatten())

    def cut(self, x: Tensor) -> Tensor:
        """``N x H x W x …`` of whole windows as ``N x windows x positions x …``."""
        x = torch.unflatten(torch.unflatten(x, 2, (-1, self.window[1])), 1, (-1, self.window[0]))
        return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        x = functional.pad(x, (0, 0, 0, -width % self.window[1], 0, -height % self.window[0]))
        lengths = x.shape[1:3]
        shift = [s if length > w else 0 for s, length, w in zip(self.shift, lengths, self.window)]
        x = x.roll([-s for s in shift], dims=(1, 2))
        wrapped = [torch.arange(length, device=x.device) >= length - s for length, s in zip(lengths, shift)]
        ends = 2 * wrapped[0].long()[:, None] + wrapped[1].long()
        side = self.cut(ends[None, :, :, None])[..., 0]  # 1 x windows x T
        apart = side[..., None, :] != side[..., None]

        q, k, v = torch.unflatten(self.qkv(self.cut(x)), -1, (3, self.num_heads, -1)).permute(3, 0, 1, 4, 2, 5)
        positions = self.window[0] * self.window[1]
        bias = self.relative_position_bias_table[self.relative_position_index].reshape(positions, positions, -1)
        scores = q @ k.mT / q.shape[-1] ** 0.5 + bias.permute(2, 0, 1)
        weights = self.dropouts[0](scores.masked_fill(apart[:, :, None], float("-inf")).softmax(-1))
        y = self.dropouts[1](self.proj((weights @ v).transpose(2, 3).flatten(-2)))

        rows = lengths[0] // self.window[0]
        y = torch.unflatten(torch.unflatten(y, 2, self.window), 1, (rows, -1)).transpose(2, 3)
        whole: Tensor = y.flatten(3, 4).flatten(1, 2).roll(shift, dims=(1, 2))
        return whole[:, :height, :width]


@builds("ShiftedWindowAttention")
def shifted_window_attention(layer: Any, *inputs: Any) -> nn.Module:
    (h, w), (down, right) = layer.axes("window_size"), layer.axes("shift_size")
    dropouts = (layer.attention_dropout, layer.dropout)
    return WindowAttention(layer.dim, (h, w), (down, right), layer.num_heads, layer.qkv_bias, layer.proj_bias, dropouts)
