"""The layer kinds: one frozen dataclass each, one file a family of torch.nn.

:func:`kinds_named` finds kinds by a word of the short form or by their torch.nn name and loads only the family
that it needs; :func:`all_kinds` loads every family. A new kind is one class in its family's file; its words need
no entry here (``_FAMILY_OF`` only saves the others' loading; a test holds it complete).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from netcalc.layers.base import REGISTRY, Layer

_NOT_FAMILIES = ("base", "reach")


def families() -> list[str]:
    """The files of layer kinds, by name."""
    return sorted(
        module.name for module in iter_modules(__path__) if module.name not in _NOT_FAMILIES and module.name[0] != "_"
    )


@lru_cache(maxsize=None)
def all_kinds() -> dict[str, type[Layer]]:
    """Every kind, by the name of its class, in alphabetical order."""
    for family in families():
        import_module(f"{__name__}.{family}")
    return dict(sorted(REGISTRY.items()))


@lru_cache(maxsize=None)
def all_words() -> dict[str, tuple[type[Layer], ...]]:
    """Every short-form word, with the kinds (of several ranks) that it may stand for."""
    words: dict[str, tuple[type[Layer], ...]] = {}
    for kind in all_kinds().values():
        for word in kind.words:
            words[word] = (*words.get(word, ()), kind)
    return words


@lru_cache(maxsize=None)
def kinds_named(word: str) -> tuple[type[Layer], ...]:
    """The kinds that a short-form word stands for: one for each rank, or none.

    >>> [kind.__name__ for kind in kinds_named("conv")]
    ['Conv1d', 'Conv2d', 'Conv3d']
    """
    if family := _FAMILY_OF.get(word):
        import_module(f"{__name__}.{family}")
        return tuple(kind for _, kind in sorted(REGISTRY.items()) if word in kind.words)
    return all_words().get(word, ())


@lru_cache(maxsize=None)
def torch_kind(name: str) -> type[Layer] | None:
    """The kind whose torch.nn class is ``name``, or which itself is called so."""
    if found := REGISTRY.get(name):
        return found
    kinds = all_kinds()
    return kinds.get(name) or next((kind for kind in kinds.values() if kind.namesake == name), None)


_FAMILY_OF: dict[str, str] = {
    word: family
    for family, words in {
        "linear": "linear fc dense identity id",
        "convolution": "conv convolution conv1d conv2d conv3d",
    }.items()
    for word in words.split()
}
