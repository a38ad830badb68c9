"""The ledger's oracle: a layer computed by its definition in counting numbers, its values held against torch's."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from netcalc.analysis.reading import numbers
from netcalc.layers.base import Applied
from netcalc.proof.counting import Tally, Tensor
from netcalc.proof.modules import build, feed
from netcalc.proof.network import quiet, randomize
from netcalc.proof.reference import compute


class Counted(NamedTuple):
    """What the definition did: its operations by kind, its output's shape, and how far its values are from torch's."""

    ops: dict[str, int]
    output: tuple[int, ...]
    error: float

    @property
    def agrees(self) -> bool:
        """Are the values torch's, to double precision?"""
        return self.error <= 1e-9


def _tensor(value: torch.Tensor, tally: Tally) -> Tensor:
    return Tensor.of(value.tolist(), tuple(value.shape), tally)


def count(applied: Applied, seed: int = 0) -> Counted:
    """Run the definition of a layer on random numbers beside its torch module, on one sample.

    Raises KeyError where the kind has no definition.
    """
    layer = applied.layer
    with quiet():
        module = build(layer, *applied.inputs).double().eval()
        randomize(module, seed)
        generator = torch.Generator().manual_seed(seed + 1)
        given = [
            feed(layer, place, (1, *numbers(shape)), generator, applied.inputs)
            for place, shape in enumerate(applied.inputs)
        ]
        theirs = module(*(value.clone() for value in given))
        theirs = (theirs[0] if isinstance(theirs, tuple) else theirs).double()
        if theirs.dim() == len(applied.output) + 1:
            theirs = theirs[0]
        tally = Tally()
        state = {
            name: _tensor(value, tally)
            for name, value in [*module.named_parameters(), *module.named_buffers()]
            if value is not None
        }
        ours = compute(layer, state, *(_tensor(value[0], tally) for value in given))
    if ours.shape != tuple(theirs.shape):
        return Counted({k: v for k, v in tally.items() if v}, ours.shape, math.inf)
    pairs = list(zip(ours.values(), theirs.flatten().tolist()))
    error = max((_distance(a, b) for a, b in pairs), default=0.0)
    return Counted({k: v for k, v in tally.items() if v}, ours.shape, error)


def _distance(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    return abs(a - b) / max(1.0, abs(a), abs(b))
