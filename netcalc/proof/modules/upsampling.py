"""Upsampling: torch wants a lone size as a number, where a tuple of one is given."""

from __future__ import annotations

import torch

from netcalc.layers.base import Layer, Shape
from netcalc.proof.modules import arguments, builds


@builds("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
def lone_as_number(layer: Layer, *inputs: Shape) -> torch.nn.Module:
    given = arguments(layer)
    if isinstance(given["size"], tuple) and len(given["size"]) == 1:
        given["size"] = given["size"][0]
    assert layer.namesake is not None
    module: torch.nn.Module = getattr(torch.nn, layer.namesake)(**given)
    return module
