"""The torch module of each layer: ``torch.nn.<namesake>(fields)``, or the builder that a kind needs instead.

Modules that torch.nn does not have are written here, one file a family, and registered with :func:`builds`.
They work on a batch of samples, as torch.nn's do.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Callable

import torch

from netcalc.layers.base import Layer, Shape

Builder = Callable[..., torch.nn.Module]
_BUILDERS: dict[str, Builder] = {}


def builds(*kinds: str) -> Callable[[Builder], Builder]:
    """Register a function ``(layer, *input_shapes) -> torch.nn.Module`` as the builder of these kinds."""

    def register(builder: Builder) -> Builder:
        for kind in kinds:
            _BUILDERS[kind] = builder
        return builder

    return register


class NoModule(Exception):
    """torch has no module for a kind, and nobody has written one."""


Feeder = Callable[..., torch.Tensor]
_FEEDERS: dict[str, Feeder] = {}


def feeds(*kinds: str) -> Callable[[Feeder], Feeder]:
    """Register a function ``(layer, place, batched_shape, generator, input_shapes) -> torch.Tensor``.

    It makes test values for input number ``place`` of these kinds, where plain numbers in −1 … 1 will not do
    (indices, probabilities).
    """

    def register(feeder: Feeder) -> Feeder:
        for kind in kinds:
            _FEEDERS[kind] = feeder
        return feeder

    return register


def feed(
    layer: Layer, place: int, shape: tuple[int, ...], generator: torch.Generator, inputs: tuple[Shape, ...] = ()
) -> torch.Tensor:
    """Test values for input number ``place`` of a layer, as a batch of the given shape, on the CPU."""
    _load()
    if feeder := _FEEDERS.get(layer.kind):
        return feeder(layer, place, shape, generator, inputs)
    return torch.rand(shape, generator=generator, dtype=torch.double) * 2 - 1


@lru_cache(maxsize=None)
def _load() -> None:
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


def arguments(layer: Layer) -> dict[str, Any]:
    """The layer's fields as keyword arguments of its namesake."""
    return {name: getattr(layer, name) for name in layer.arguments}


def build(layer: Layer, *inputs: Shape) -> torch.nn.Module:
    """The real module of a layer (after :meth:`Layer.infer`) that is to be applied to these inputs.

    Raises what torch raises for illegal arguments, and NoModule for a kind without namesake or builder.
    """
    _load()
    if builder := _BUILDERS.get(layer.kind):
        return builder(layer, *inputs)
    if layer.namesake is None:
        raise NoModule(f"no torch module is known for {layer.kind}")
    module: torch.nn.Module = getattr(torch.nn, layer.namesake)(**arguments(layer))
    return module
