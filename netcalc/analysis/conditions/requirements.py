"""What is required of letters, in words and as a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from netcalc.analysis.conditions.comparisons import letters_compared
from netcalc.dims import Dim
from netcalc.layers.base import Condition

Meant = tuple[str, str, Dim]  # a letter, a relation, and the size that it equals or is a multiple of


class Requirement(NamedTuple):
    """A condition on the letters in words, the letters that it is on, and the layers that made it.

    ``test`` decides it for values of the letters.
    """

    text: str
    letters: tuple[str, ...]
    layers: tuple[str, ...]
    test: Callable[[dict[str, int]], bool]
    divisor: int = 1  # what its letter is a multiple of, or remainder more, where it says just that
    remainder: int = 0
    least: int = 0  # its letter is not less
    most: int | None = None  # nor more
    comparison: Condition | None = None  # that it is, where it is a bound or a divisor of its letter
    meant: Meant | None = None  # the letter that it states by others
    possible: bool = True  # False where it says that no value will do
    declared: bool = False  # True where the spec itself states it of the letter: H in 32..1024

    def __str__(self) -> str:
        return self.text

    def holds(self, **sizes: int) -> bool:
        """Whether it holds for these values."""
        return self.test(sizes)

    def to_dict(self) -> dict[str, Any]:
        """For programs: the condition in words, its letters, and the layers that made it."""
        stated = {"declared": True} if self.declared else {}
        return {"text": self.text, "letters": list(self.letters), "layers": list(self.layers), **stated}

    def letters_apart(self, condition: Condition) -> bool:
        """Whether a comparison is on other letters altogether."""
        return letters_compared(condition).isdisjoint(self.letters)


def between(name: str, low: int, high: int | None) -> Callable[[dict[str, int]], bool]:
    return lambda sizes: low <= sizes[name] and (high is None or sizes[name] <= high)


def multiple_of(name: str, unit: int) -> Callable[[dict[str, int]], bool]:
    return lambda sizes: sizes[name] % unit == 0
