"""Attention as torch modules that take one tensor an input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from netcalc.proof.modules import arguments, builds


class Attention(nn.MultiheadAttention):
    """``nn.MultiheadAttention`` of one (self), two (query, memory) or three (query, key, value) inputs."""

    def forward(self, query: Tensor, *others: Tensor) -> Tensor:  # type: ignore[override, unused-ignore]
        if len(others) > 2:
            raise RuntimeError("attention takes one to three inputs")
        key = others[0] if others else query
        value = others[-1] if others else query
        output: Tensor = super().forward(query, key, value, need_weights=False)[0]
        return output


@builds("MultiheadAttention")
def multihead_attention(layer: Any, *inputs: Any) -> nn.Module:
    return Attention(**{**arguments(layer), "batch_first": True})


class HeadsAttention(nn.Module):
    """``scaled_dot_product_attention`` of ``N x T x heads·d`` tensors, cut into heads."""

    def __init__(self, heads: int, groups: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.groups, self.causal = heads, groups, causal
        if heads % groups:
            raise ValueError("the heads of q are no multiple of those of k and v")

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if not q.dim() == k.dim() == v.dim() == 3:
            raise RuntimeError("q, k and v must be N x T x D")
        if v.shape[1] != k.shape[1]:
            raise RuntimeError("k and v differ in length")
        query, key, value = (
            torch.unflatten(x, -1, (heads, x.shape[-1] // heads)).transpose(1, 2)
            for x, heads in ((q, self.heads), (k, self.groups), (v, self.groups))
        )
        grouped = self.groups != self.heads
        y = scaled_dot_product_attention(query, key, value, is_causal=self.causal, enable_gqa=grouped)
        return torch.flatten(y.transpose(1, 2), -2)


@builds("ScaledDotProductAttention")
def heads_attention(layer: Any, *inputs: Any) -> nn.Module:
    groups = layer.num_heads if layer.num_kv_heads is None else layer.num_kv_heads
    return HeadsAttention(layer.num_heads, groups, layer.causal)
