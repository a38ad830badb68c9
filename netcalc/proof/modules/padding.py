"""Padding layers: torch wants a lone padding as a number, where a tuple of one is given."""

from __future__ import annotations

import torch

from netcalc.layers.base import Layer, Shape
from netcalc.proof.modules import arguments, builds

FAMILIES = ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad")


@builds(*(f"{family}{rank}d" for family in FAMILIES for rank in (1, 2, 3)))
def padding(layer: Layer, *inputs: Shape) -> torch.nn.Module:
    given = arguments(layer)
    if len(given["padding"]) == 1:
        given["padding"] = given["padding"][0]
    assert layer.namesake is not None
    module: torch.nn.Module = getattr(torch.nn, layer.namesake)(**given)
    return module
