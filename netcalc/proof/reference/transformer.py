"""Transformers by their definition: residual sums of attention and feed-forward networks, and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netcalc.layers.activation import GELU, ReLU
from netcalc.layers.attention import MultiheadAttention
from netcalc.layers.linear import Linear
from netcalc.layers.normalization import LayerNorm
from netcalc.proof.counting import Tensor
from netcalc.proof.reference import Parameters, compute, defines


def within(parameters: Parameters, place: str) -> Parameters:
    """The parameters of one part, under the names that it knows."""
    return {name.removeprefix(f"{place}."): x for name, x in parameters.items() if name.startswith(f"{place}.")}


def attention(layer: Any, parameters: Parameters, place: str, *inputs: Tensor) -> Tensor:
    part = MultiheadAttention(layer.d_model, layer.nhead, bias=layer.bias)
    return compute(part, within(parameters, place), *inputs)


def feed_forward(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    """linear2(activation(linear1(x)))."""
    first = Linear(layer.d_model, layer.dim_feedforward, layer.bias)
    last = Linear(layer.dim_feedforward, layer.d_model, layer.bias)
    between = {"relu": ReLU(), "gelu": GELU()}[layer.activation]
    hidden = compute(between, {}, compute(first, within(parameters, "linear1"), x))
    return compute(last, within(parameters, "linear2"), hidden)


def norm(layer: Any, parameters: Parameters, place: str, x: Tensor) -> Tensor:
    return compute(LayerNorm((layer.d_model,), layer.layer_norm_eps, bias=layer.bias), within(parameters, place), x)


def residual(layer: Any, parameters: Parameters, place: str, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
    """x + part(norm(x)), or norm(x + part(x))."""
    y = part(norm(layer, parameters, place, x) if layer.norm_first else x)
    summed = Tensor.make(x.shape, lambda t, i: x[t, i] + y[t, i], x.tally)
    return summed if layer.norm_first else norm(layer, parameters, place, summed)


@defines("TransformerEncoderLayer")
def encoder_layer(layer: Any, parameters: Parameters, x: Tensor) -> Tensor:
    x = residual(layer, parameters, "norm1", x, lambda x: attention(layer, parameters, "self_attn", x))
    return residual(layer, parameters, "norm2", x, lambda x: feed_forward(layer, parameters, x))


@defines("TransformerDecoderLayer")
def decoder_layer(layer: Any, parameters: Parameters, x: Tensor, memory: Tensor) -> Tensor:
    x = residual(layer, parameters, "norm1", x, lambda x: attention(layer, parameters, "self_attn", x))
    x = residual(layer, parameters, "norm2", x, lambda x: attention(layer, parameters, "multihead_attn", x, memory))
    return residual(layer, parameters, "norm3", x, lambda x: feed_forward(layer, parameters, x))


def stack(
    layer: Any, parameters: Parameters, count: int, one: Callable[..., Tensor], last: bool, *inputs: Tensor
) -> Tensor:
    """``count`` equal layers, one upon the other, and a norm at the end if wanted."""
    x, *memory = inputs
    for number in range(count):
        x = one(layer, within(parameters, f"layers.{number}"), x, *memory)
    return norm(layer, parameters, "norm", x) if last else x


@defines("TransformerEncoder", "TransformerDecoder")
def stacked(layer: Any, parameters: Parameters, *inputs: Tensor) -> Tensor:
    one = encoder_layer if layer.kind == "TransformerEncoder" else decoder_layer
    return stack(layer, parameters, layer.num_layers, one, layer.norm, *inputs)


@defines("Transformer")
def transformer(layer: Any, parameters: Parameters, source: Tensor, target: Tensor) -> Tensor:
    encoder, decoder = within(parameters, "encoder"), within(parameters, "decoder")
    memory = stack(layer, encoder, layer.num_encoder_layers, encoder_layer, True, source)
    return stack(layer, decoder, layer.num_decoder_layers, decoder_layer, True, target, memory)
