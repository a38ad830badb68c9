"""Padding and upsampling: torch wants a lone size as a number, where a tuple of one is given."""

from __future__ import annotations

import torch

from netcalc.layers.base import Layer, Shape
from netcalc.proof.modules import arguments, builds

FAMILIES = ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")
UPSAMPLING = ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")


@builds(*UPSAMPLING, *(f"{family}{rank}d" for family in FAMILIES for rank in (1, 2, 3)))
def lone_as_number(layer: Layer, *inputs: Shape) -> torch.nn.Module:
    given = arguments(layer)
    name = "size" if "size" in given else "padding"
    value = given[name]
    if isinstance(value, tuple) and len(value) == 1:
        given[name] = value[0]
    assert layer.namesake is not None
    module: torch.nn.Module = getattr(torch.nn, layer.namesake)(**given)
    return module
