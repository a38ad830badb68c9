"""Exact numbers: sums of fractions times powers of π; whatever leaves them becomes a decimal (float).

>>> half_turn = PI * Fraction(1, 2) + 4
>>> print(text(half_turn), text(half_turn * 2 - 8), text(sin(PI * 2)), text(sin(Exact.of(1))))
π/2 + 4 π 0 0.841471
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Union


class Exact:
    """Σ cₖ·πᵏ with rational cₖ: closed under + − ×, and under division by a single term.

    >>> Exact.of("0.5") + PI, PI / (PI * 2)
    (π + 1/2, 1/2)
    """

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, Fraction]) -> None:
        self.terms = {power: c for power, c in terms.items() if c}

    @classmethod
    def of(cls, value: int | str | Fraction) -> Exact:
        return cls({0: Fraction(value)})

    @property
    def rational(self) -> Fraction | None:
        """The number as a fraction, or None where π is in it."""
        return self.terms.get(0, Fraction(0)) if set(self.terms) <= {0} else None

    @property
    def turns(self) -> Fraction | None:
        """c where the number is c·π, else None."""
        return self.terms.get(1, Fraction(0)) if set(self.terms) <= {1} else None

    def __float__(self) -> float:
        try:
            return math.fsum(float(c) * math.pi**power for power, c in self.terms.items())
        except OverflowError:
            return math.copysign(math.inf, next(iter(self.terms.values())))

    def __add__(self, other: Value | int | Fraction) -> Value:
        right = _exact(other)
        if right is None:
            return float(self) + float(other)
        return Exact({p: self.terms.get(p, Fraction(0)) + right.terms.get(p, 0) for p in {*self.terms, *right.terms}})

    def __neg__(self) -> Exact:
        return Exact({power: -c for power, c in self.terms.items()})

    def __sub__(self, other: Value | int | Fraction) -> Value:
        return self + -other

    def __rsub__(self, other: Value | int | Fraction) -> Value:
        return -self + other

    def __mul__(self, other: Value | int | Fraction) -> Value:
        right = _exact(other)
        if right is None:
            return float(self) * float(other)
        terms: dict[int, Fraction] = {}
        for p, a in self.terms.items():
            for q, b in right.terms.items():
                terms[p + q] = terms.get(p + q, Fraction(0)) + a * b
        return Exact(terms)

    def __truediv__(self, other: Value | int | Fraction) -> Value:
        right = _exact(other)
        if right is None or len(right.terms) != 1:
            return divided(float(self), float(other))
        ((q, b),) = right.terms.items()
        return Exact({p - q: a / b for p, a in self.terms.items()})

    def __rtruediv__(self, other: Value | int | Fraction) -> Value:
        left = _exact(other)
        return divided(float(other), float(self)) if left is None else left / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        right = _exact(other)
        return float(self) == other if right is None else self.terms == right.terms

    def __lt__(self, other: Value | int | Fraction) -> bool:
        return self != other and float(self - other) < 0

    def __gt__(self, other: Value | int | Fraction) -> bool:
        return self != other and float(self - other) > 0

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.terms.items())))

    def __repr__(self) -> str:
        return text(self)


Value = Union[Exact, float]
PI = Exact({1: Fraction(1)})
ZERO, ONE = Exact.of(0), Exact.of(1)


def _exact(value: object) -> Exact | None:
    if isinstance(value, Exact):
        return value
    return Exact.of(value) if isinstance(value, (int, Fraction)) else None


def divided(a: float, b: float) -> float:
    """a / b as floating point has it: 1/0 is inf, 0/0 is nan."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


# ---------------------------------------------------------------- functions, exact where the answer is

_SIXTHS = {0: "0", 1: "1/2", 3: "1", 5: "1/2", 6: "0", 7: "-1/2", 9: "-1", 11: "-1/2"}
_SINES = {Fraction(k, 6): Fraction(sine) for k, sine in _SIXTHS.items()}


def sin(x: Value) -> Value:
    """The sine: exact at the multiples of π/6 where it is rational."""
    if isinstance(x, Exact) and x.turns is not None and x.turns % 2 in _SINES:
        return Exact.of(_SINES[x.turns % 2])
    return math.sin(float(x)) if math.isfinite(float(x)) else math.nan


def cos(x: Value) -> Value:
    """The cosine, as sin(x + π/2).

    >>> cos(PI), cos(PI * 2), cos(PI / 3)
    (-1, 1, 1/2)
    """
    if isinstance(x, Exact) and x.turns is not None:
        shifted = sin(x + PI / 2)
        if isinstance(shifted, Exact):
            return shifted
    return math.cos(float(x)) if math.isfinite(float(x)) else math.nan


def exp(x: Value) -> Value:
    if x == 0:
        return ONE
    try:
        return math.exp(float(x))
    except OverflowError:
        return math.inf


def log(x: Value) -> Value:
    """The natural logarithm; −∞ at 0, not a number below."""
    if x == 1:
        return ZERO
    value = float(x)
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def sqrt(x: Value) -> Value:
    """The square root: exact for squares of fractions.

    >>> sqrt(Exact.of("9/4")), sqrt(Exact.of(2))
    (3/2, 1.4142135623730951)
    """
    if isinstance(x, Exact) and (q := x.rational) is not None and q >= 0:
        root = Fraction(math.isqrt(q.numerator), math.isqrt(q.denominator))
        if root * root == q:
            return Exact.of(root)
    return math.sqrt(float(x)) if x > 0 or x == 0 else math.nan


def cbrt(x: Value) -> Value:
    """The real third root, of negative numbers too: exact for cubes of fractions.

    >>> cbrt(Exact.of("-8/27")), cbrt(Exact.of(2))
    (-2/3, 1.2599210498948732)
    """
    if isinstance(x, Exact) and (q := x.rational) is not None and max(abs(q.numerator), q.denominator) < 1 << 53:
        root = Fraction(round(abs(q.numerator) ** (1 / 3)), round(q.denominator ** (1 / 3)))
        if root**3 == abs(q):
            return Exact.of(root if q >= 0 else -root)
    return math.copysign(abs(float(x)) ** (1 / 3), float(x))


def tanh(x: Value) -> Value:
    return ZERO if x == 0 else math.tanh(float(x))


def erf(x: Value) -> Value:
    return ZERO if x == 0 else math.erf(float(x))


def power(x: Value, exponent: Value) -> Value:
    """x to a power: exact for small whole exponents."""
    whole = exponent.rational if isinstance(exponent, Exact) else None
    if whole is not None and whole.denominator == 1 and abs(whole) <= 64:
        found: Value = ONE
        for _ in range(abs(int(whole))):
            found = found * x
        return found if whole >= 0 else ONE / found
    if whole == Fraction(1, 2):
        return sqrt(x)
    try:
        return math.pow(float(x), float(exponent))
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


# ---------------------------------------------------------------- how they are written


def text(value: Value, digits: int = 6) -> str:
    """A number for people: ``3/2``, ``π/2 + 4``, ``0.841471``.

    >>> text(Exact.of("0.5") * PI - 1), text(PI * PI), text(1 / 3.0)
    ('π/2 − 1', 'π²', '0.333333')
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            return {True: "nan"}.get(math.isnan(value), "∞" if value > 0 else "-∞")
        return f"{value or 0.0:.{digits}g}"  # without the sign of -0.0
    return _written(
        value,
        "π",
        lambda k: str(k).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")),
        lambda a, b: f"{a}/{b}",
        "−",
    )


def latex(value: Value, digits: int = 6) -> str:
    r"""A number for a solution sheet.

    >>> print(latex(PI / 2 + 4))
    \frac{\pi}{2} + 4
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"∞": r"\infty", "-∞": r"-\infty"}.get(text(value), r"\text{nan}")
        mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
        return mantissa + (rf"\cdot 10^{{{int(exponent)}}}" if exponent else "")
    return _written(value, r"\pi", lambda k: f"^{{{k}}}", lambda a, b: rf"\frac{{{a}}}{{{b}}}", "-")


def _written(value: Exact, pi: str, raised, fraction, minus: str) -> str:  # type: ignore[no-untyped-def]
    pieces = []
    for p, c in sorted(value.terms.items(), reverse=True):
        base = "" if p == 0 else pi if p == 1 else pi + raised(p)
        number = abs(c.numerator)
        top = base if base and number == 1 else f"{number}{base}"
        pieces.append((c < 0, top if c.denominator == 1 else fraction(top, c.denominator)))
    if not pieces:
        return "0"
    first = ("-" if pieces[0][0] else "") + pieces[0][1]
    return first + "".join(f" {minus if negative else '+'} {piece}" for negative, piece in pieces[1:])


def both(value: Value) -> str:
    """Exact, and as a decimal where that says more: ``π/2 + 4 ≈ 5.5708``."""
    if isinstance(value, Exact) and ((q := value.rational) is None or q.denominator > 1):
        return f"{text(value)} ≈ {float(value):.6g}"
    return text(value)
