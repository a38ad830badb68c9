"""Each layer kind by its definition, scalar by scalar, in counting numbers: the oracle of the ledger.

A definition takes the layer, its parameters and buffers (torch's names) and its inputs, and computes the output
by the textbook; nothing here reads a layer's ``work`` or ``output_shape``. Its values must equal torch's and its
tally must equal the ledger. One file a family, as in :mod:`netcalc.layers`; import none of torch here.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Callable

from netcalc.layers.base import Layer
from netcalc.proof.counting import Tensor

Definition = Callable[..., Tensor]
_DEFINITIONS: dict[str, Definition] = {}


def defines(*kinds: str) -> Callable[[Definition], Definition]:
    """Register a function ``(layer, parameters, *inputs) -> Tensor`` as the definition of these kinds."""

    def register(definition: Definition) -> Definition:
        for kind in kinds:
            assert kind not in _DEFINITIONS, f"{kind} is defined twice"
            _DEFINITIONS[kind] = definition
        return definition

    return register


@lru_cache(maxsize=None)
def _load() -> None:
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


def definition(layer: Layer) -> Definition | None:
    """The definition of the layer's kind, or None where nobody has written one."""
    _load()
    return _DEFINITIONS.get(layer.kind)


def compute(layer: Layer, parameters: dict[str, Tensor], *inputs: Tensor) -> Tensor:
    """The layer's output by its definition. Raises KeyError where there is none."""
    _load()
    return _DEFINITIONS[layer.kind](layer, parameters, *inputs)


Parameters = dict[str, Tensor]
__all__ = ["Any", "Parameters", "compute", "defines", "definition"]
