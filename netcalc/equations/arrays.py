"""Small arrays of exact numbers: a shape, and the numbers row by row."""

from __future__ import annotations

from math import prod
from typing import Callable, Iterator, NamedTuple

from netcalc.equations.exact import ONE, ZERO, Value, text


class Array(NamedTuple):
    """``data`` holds the numbers of an array of this ``shape``, the last axis running fastest.

    >>> Array.of([[1, 2], [3, 4]])
    Array(shape=(2, 2), data=(1, 2, 3, 4))
    """

    shape: tuple[int, ...]
    data: tuple[Value, ...]

    @classmethod
    def of(cls, nested: object) -> Array:
        """From numbers in nested lists."""
        from netcalc.equations.exact import Exact

        if not isinstance(nested, (list, tuple)):
            return cls((), (Exact.of(nested) if isinstance(nested, int) else nested,))  # type: ignore[arg-type]
        parts = [cls.of(item) for item in nested]
        if len({part.shape for part in parts}) != 1:
            raise ValueError("rows of different lengths")
        return cls((len(parts), *parts[0].shape), tuple(v for part in parts for v in part.data))

    @classmethod
    def full(cls, shape: tuple[int, ...], value: Value) -> Array:
        return cls(shape, (value,) * prod(shape))

    @classmethod
    def unit(cls, shape: tuple[int, ...], place: int) -> Array:
        """1 at one place, else 0."""
        return cls(shape, tuple(ONE if i == place else ZERO for i in range(prod(shape))))

    def map(self, function: Callable[..., Value], *others: Array) -> Array:
        """The function of every number (and its counterparts in arrays of the same shape)."""
        return Array(self.shape, tuple(function(*values) for values in zip(self.data, *(o.data for o in others))))

    def plus(self, other: Array) -> Array:
        return self.map(lambda a, b: a + b, other)

    def times(self, factor: Value) -> Array:
        return self.map(lambda a: a * factor)

    @property
    def total(self) -> Value:
        found: Value = ZERO
        for value in self.data:
            found = found + value
        return found

    def reshaped(self, shape: tuple[int, ...]) -> Array:
        return Array(shape, self.data)

    def transposed(self) -> Array:
        if len(self.shape) < 2:
            return self
        rows, columns = self.shape
        return Array((columns, rows), tuple(self.data[i * columns + j] for j in range(columns) for i in range(rows)))

    def matrix(self, column: bool) -> Array:
        """A vector as a matrix of one column, or of one row."""
        if len(self.shape) == 2:
            return self
        return self.reshaped((len(self.data), 1) if column else (1, len(self.data)))

    def lines(self) -> Iterator[tuple[Value, ...]]:
        """The rows along the last axis."""
        length = self.shape[-1] if self.shape else 1
        for start in range(0, len(self.data), length):
            yield self.data[start : start + length]

    def nested(self) -> object:
        """In nested lists."""
        if not self.shape:
            return self.data[0]
        step = len(self.data) // self.shape[0] if self.shape[0] else 0
        return [Array(self.shape[1:], self.data[i * step : (i + 1) * step]).nested() for i in range(self.shape[0])]


def product(left: Array, right: Array) -> Array:
    """The matrix product of two matrices."""
    (m, n), k = left.shape, right.shape[1]
    columns = [right.data[j::k] for j in range(k)]
    return Array((m, k), tuple(_dot(row, column) for row in left.lines() for column in columns) if n else ())


def _dot(a: tuple[Value, ...], b: tuple[Value, ...]) -> Value:
    found: Value = ZERO
    for p, q in zip(a, b):
        found = found + p * q
    return found


MOST = 144
"""How many numbers of an array are written out: a matrix of 12 × 12."""


def summary(shape: tuple[int, ...], least: Value, greatest: Value, mean: Value, where: str = "all of them") -> str:
    """What is told of an array that is not written out."""
    told = f"min {text(least)}, max {text(greatest)}, mean {text(mean)}"
    return f"{' × '.join(map(str, shape))} numbers: {told} ({where}: --json)"


def shown(array: Array) -> str:
    """An array on one line; of more than ``MOST`` numbers its shape, least, greatest and mean.

    >>> shown(Array.of([[1, 2], [3, 4]]))
    '[[1, 2], [3, 4]]'
    >>> shown(Array((13, 12), tuple(map(float, range(156)))))
    '13 × 12 numbers: min 0, max 155, mean 77.5 (all of them: --json)'
    """
    if len(array.data) > MOST:
        least, greatest = min(array.data, key=float), max(array.data, key=float)
        return summary(array.shape, least, greatest, float(array.total) / len(array.data))

    def write(nested: object) -> str:
        return f"[{', '.join(map(write, nested))}]" if isinstance(nested, list) else text(nested)  # type: ignore[arg-type]

    return write(array.nested())


def floats(array: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in array.data)
