"""Numbers that count: a scalar whose every operation is tallied by kind.

With these a layer can be computed by its definition, one scalar operation at a time; the tally is then the
ledger as it really happens. Conventions: ``-`` is an ``add``; maximum, minimum and comparison are a ``max``;
changing a sign is free (so −x and |x| = max(x, −x) cost 0 and 1); choosing between two results by a comparison
already made is free.

>>> tally = Tally()
>>> x, w, b = (Number(v, tally) for v in (2.0, 3.0, 1.0))
>>> (x * w + b).value, dict(tally)
(7.0, {'mul': 1, 'add': 1})
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import product as combinations
from typing import Any, Callable, Iterable, Iterator, Sequence


class Tally(Counter[str]):
    """How many scalar operations of each kind have been done."""


class Number:
    """A float whose operations are counted in its ``tally``; plain floats mix in as constants."""

    __slots__ = ("tally", "value")

    def __init__(self, value: float, tally: Tally) -> None:
        self.value, self.tally = value, tally

    def _done(self, kind: str, value: float) -> Number:
        self.tally[kind] += 1
        return Number(value, self.tally)

    def __add__(self, other: Number | float) -> Number:
        return self._done("add", self.value + _value(other))

    def __radd__(self, other: float) -> Number:
        return self._done("add", other + self.value)

    def __sub__(self, other: Number | float) -> Number:
        return self._done("add", self.value - _value(other))

    def __rsub__(self, other: float) -> Number:
        return self._done("add", other - self.value)

    def __mul__(self, other: Number | float) -> Number:
        return self._done("mul", self.value * _value(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Number | float) -> Number:
        return self._done("div", self.value / _value(other))

    def __rtruediv__(self, other: float) -> Number:
        return self._done("div", other / self.value)

    def __pow__(self, other: Number | float) -> Number:
        return self._done("pow", self.value ** _value(other))

    def __neg__(self) -> Number:
        return Number(-self.value, self.tally)

    def __abs__(self) -> Number:
        return self._done("max", abs(self.value))

    def exceeds(self, other: Number | float) -> bool:
        """Is this greater than ``other``? One comparison, counted as ``max``."""
        self.tally["max"] += 1
        return self.value > _value(other)

    def __float__(self) -> float:
        return self.value


def _value(number: Number | float) -> float:
    return number.value if isinstance(number, Number) else number


def _unary(kind: str, function: Callable[[float], float]) -> Callable[[Number], Number]:
    def apply(x: Number) -> Number:
        return x._done(kind, function(x.value))

    return apply


exp = _unary("exp", math.exp)
log = _unary("log", math.log)
sqrt = _unary("sqrt", math.sqrt)
sin = _unary("sin", math.sin)
cos = _unary("cos", math.cos)
tanh = _unary("tanh", math.tanh)
erf = _unary("erf", math.erf)


def maximum(a: Number | float, b: Number | float) -> Number:
    """max(a, b): one ``max``; at least one is a :class:`Number`."""
    number = a if isinstance(a, Number) else b
    assert isinstance(number, Number)
    return number._done("max", max(_value(a), _value(b)))


def minimum(a: Number | float, b: Number | float) -> Number:
    """min(a, b): one ``max``; at least one is a :class:`Number`."""
    number = a if isinstance(a, Number) else b
    assert isinstance(number, Number)
    return number._done("max", min(_value(a), _value(b)))


def total(numbers: Iterable[Number]) -> Number:
    """The sum of n ≥ 1 numbers by n − 1 additions."""
    first, *rest = numbers
    for number in rest:
        first = first + number
    return first


def largest(numbers: Iterable[Number]) -> Number:
    """The greatest of n ≥ 1 numbers by n − 1 comparisons."""
    first, *rest = numbers
    for number in rest:
        first = maximum(first, number)
    return first


def dot(pairs: Iterable[tuple[Number, Number]]) -> Number:
    """The sum of n ≥ 1 products: n multiplications, n − 1 additions."""
    return total(a * b for a, b in pairs)


class Tensor:
    """Numbers by index: ``x[c, i, j]``. Reading outside is an error; :meth:`padded` reads zero there instead."""

    def __init__(self, shape: Sequence[int], numbers: dict[tuple[int, ...], Number], tally: Tally) -> None:
        self.shape, self.numbers, self.tally = tuple(shape), numbers, tally

    @classmethod
    def of(cls, nested: Any, shape: Sequence[int], tally: Tally) -> Tensor:
        """From nested lists, as ``torch.Tensor.tolist`` gives them."""

        def at(index: tuple[int, ...]) -> float:
            value = nested
            for position in index:
                value = value[position]
            return float(value)

        return cls(shape, {index: Number(at(index), tally) for index in indices(shape)}, tally)

    @classmethod
    def make(cls, shape: Sequence[int], rule: Callable[..., Number], tally: Tally) -> Tensor:
        """The tensor whose element at each index is ``rule(*index)``."""
        return cls(shape, {index: rule(*index) for index in indices(shape)}, tally)

    def __getitem__(self, index: int | tuple[int, ...]) -> Number:
        return self.numbers[index if isinstance(index, tuple) else (index,)]

    def padded(self, index: tuple[int, ...]) -> Number:
        """The element, or a zero where the index lies outside: padding taps count like any other."""
        found = self.numbers.get(index)
        return Number(0.0, self.tally) if found is None else found

    def map(self, rule: Callable[[Number], Number]) -> Tensor:
        """``rule`` of every element."""
        return Tensor(self.shape, {index: rule(number) for index, number in self.numbers.items()}, self.tally)

    def reshaped(self, shape: Sequence[int]) -> Tensor:
        """The same numbers in the same (row-major) order under another shape."""
        return Tensor(shape, dict(zip(indices(shape), (self[i] for i in indices(self.shape)), strict=True)), self.tally)

    def values(self) -> list[float]:
        """The values in row-major order."""
        return [self.numbers[index].value for index in indices(self.shape)]


def indices(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every index of a shape, in row-major order.

    >>> list(indices((2, 2)))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return combinations(*map(range, shape))
