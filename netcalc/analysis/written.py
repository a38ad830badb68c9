"""Formulas as a rule writes them: numbers that remember how they were computed.

A layer's rule run on letters of this kind gives not a canonical formula (that is what :mod:`netcalc.dims` is for) but
the very arithmetic of the rule, which can then be read three ways: in names, with the numbers put in, and as a result.

>>> H, k, s, p = letter("H", 32), letter("k", 3), letter("s", 2), letter("p", 1)
>>> size = (H + 2 * p - k) // s + 1
>>> print(in_names(size), "=", in_numbers(size), "=", value(size))
⌊(H + 2·p − k)/s⌋ + 1 = ⌊(32 + 2·1 − 3)/2⌋ + 1 = 16

Only what cannot be misread is tidied: zeros and ones that change nothing are left out, sums are flattened and their
numbers put together. Nothing is multiplied out, cancelled or factored. A rule that asks for more than ``+ - * //``
(a comparison, an index) gets a TypeError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn, Union

from netcalc.dims import Dim, Expr, latex, text


class _Written:
    """The arithmetic that the kinds of tree share."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the kinds are tuples and bring their own

    def __add__(self, other: Any) -> Any:
        return _sum(self, other)

    def __radd__(self, other: Any) -> Any:
        return _sum(other, self)

    def __sub__(self, other: Any) -> Any:
        return _sum(self, _times(-1, other))

    def __rsub__(self, other: Any) -> Any:
        return _sum(other, _times(-1, self))

    def __neg__(self) -> Any:
        return _times(-1, self)

    def __mul__(self, other: Any) -> Any:
        return _times(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _times(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _quotient(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _quotient(other, self)

    def __mod__(self, other: Any) -> Any:
        return self - other * (self // other)

    def __pow__(self, exponent: int) -> Any:
        result: Any = 1
        for _ in range(exponent):
            result = result * self
        return result

    def _unknown(self, *_: Any) -> NoReturn:
        raise TypeError("a written formula has no order and no truth value")

    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __index__ = __len__ = _unknown  # type: ignore[assignment]
    __rmod__ = __rpow__ = __truediv__ = __rtruediv__ = __int__ = __float__ = __iter__ = _unknown  # type: ignore[assignment]


def _node(name: str, *fields: str) -> Any:
    """A kind of tree: an immutable record that is equal by kind and content, with the arithmetic above."""

    def __init__(self: Any, *values: Any) -> None:
        for key, given in zip(fields, values):
            object.__setattr__(self, key, given)

    def same(self: Any, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, key) == getattr(other, key) for key in fields)

    def hashed(self: Any) -> int:
        return hash((name, *(getattr(self, key) for key in fields)))

    return type(name, (_Written,), {"__slots__": fields, "__init__": __init__, "__eq__": same, "__hash__": hashed})
