"""Transformers as torch modules of batched inputs."""

from __future__ import annotations

from typing import Any

from torch import nn

from netcalc.proof.modules import arguments, builds


@builds("TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer")
def transformer(layer: Any, *inputs: Any) -> nn.Module:
    module: nn.Module = getattr(nn, layer.namesake)(**{**arguments(layer), "batch_first": True})
    return module


@builds("TransformerEncoder", "TransformerDecoder")
def stack(layer: Any, *inputs: Any) -> nn.Module:
    values = {**arguments(layer), "batch_first": True}
    count, last = values.pop("num_layers"), values.pop("norm")
    norm = nn.LayerNorm(layer.d_model, layer.layer_norm_eps, bias=layer.bias) if last else None
    if layer.kind == "TransformerDecoder":
        return nn.TransformerDecoder(nn.TransformerDecoderLayer(**values), count, norm)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(**values), count, norm, enable_nested_tensor=False)
