"""Shuffles by their definition: where each element comes from."""

from __future__ import annotations

from netcalc.layers.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from netcalc.proof.counting import Number, Tensor
from netcalc.proof.reference import Parameters, defines


@defines("PixelShuffle")
def pixel_shuffle(layer: PixelShuffle, parameters: Parameters, x: Tensor) -> Tensor:
    r = layer.upscale_factor
    assert isinstance(r, int)
    *lead, channels, height, width = x.shape

    def unit(*index: int) -> Number:
        *outer, c, h, w = index
        return x[(*outer, c * r * r + h % r * r + w % r, h // r, w // r)]

    return Tensor.make((*lead, channels // (r * r), height * r, width * r), unit, x.tally)


@defines("PixelUnshuffle")
def pixel_unshuffle(layer: PixelUnshuffle, parameters: Parameters, x: Tensor) -> Tensor:
    r = layer.downscale_factor
    assert isinstance(r, int)
    *lead, channels, height, width = x.shape

    def unit(*index: int) -> Number:
        *outer, c, h, w = index
        return x[(*outer, c // (r * r), h * r + c // r % r, w * r + c % r)]

    return Tensor.make((*lead, channels * r * r, height // r, width // r), unit, x.tally)


@defines("ChannelShuffle")
def channel_shuffle(layer: ChannelShuffle, parameters: Parameters, x: Tensor) -> Tensor:
    groups = layer.groups
    assert isinstance(groups, int)
    each = x.shape[0] // groups
    return Tensor.make(x.shape, lambda c, *place: x[(c % groups * each + c // groups, *place)], x.tally)
