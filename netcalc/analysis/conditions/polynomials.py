"""Polynomials in one variable: by their differences at 0, where they are at least 0, and where one divides another."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import isqrt

from netcalc.analysis.conditions.ranges import Interval, Ranges, joined, least_passing

MAX_DIVIDED = 10**9
"""Of numbers beyond this the divisors are not looked for."""


def differences(values: list[int]) -> list[int]:
    """A polynomial as its value at 0 and the differences of growing order there.

    >>> differences([0, 1, 4, 9])  # t²
    [0, 1, 2, 0]
    """
    found = []
    while values:
        found.append(values[0])
        values = [after - before for before, after in pairwise(values)]
    return found


def _polynomial(steps: Sequence[int], t: int) -> int:
    """The value at t of a polynomial with these differences at 0."""
    value, choices = 0, 1
    for k, step in enumerate(steps):
        value += step * choices
        choices = choices * (t - k) // (k + 1)
    return value


def nonnegative(steps: Sequence[int]) -> Ranges:
    """The t ≥ 0 at which a polynomial with these differences at 0 is at least 0.

    It rises where its first difference is at least 0, and falls elsewhere; between two turns bisection is exact.

    >>> nonnegative(differences([6, 2, 0]))  # (t − 2)·(t − 3)
    ((0, None),)
    >>> nonnegative([step - (not k) for k, step in enumerate(differences([6, 2, 0]))])  # the same, less 1
    ((0, 1), (4, None))
    """
    steps = list(steps)
    while steps and not steps[-1]:
        steps.pop()
    if len(steps) < 2:
        return ((0, None),) if not steps or steps[0] > 0 else ()
    if len(steps) == 2:
        value, slope = steps
        if slope > 0:
            return ((max(0, -(value // slope)), None),)
        return ((0, value // -slope),) if value >= 0 else ()

    def good(t: int) -> bool:
        return _polynomial(steps, t) >= 0

    rising = steps[-1] > 0  # at the end
    turns = [0]
    for low, high in nonnegative(steps[1:]):
        turns += [low] if high is None else [low, high + 1]
    end = turns[-1] + 1
    while good(end) != rising:
        end *= 2
    found: list[Interval] = []
    for a, b in pairwise([*turns, end]):
        if good(a):
            found.append((a, b if good(b) else least_passing(lambda t: not good(t), a, b) - 1))
        elif good(b):
            found.append((least_passing(good, a, b), b))
    if rising:
        found[-1] = (found[-1][0], None)
    return joined(found)


def coefficients(steps: Sequence[int]) -> list[Fraction]:
    """The coefficients of a polynomial with these differences at 0, that of the highest power last.

    >>> [str(one) for one in coefficients([3, 2, 1, 0])]  # 3 + 3/2·t + 1/2·t²
    ['3', '3/2', '1/2']
    """
    found: list[Fraction] = []
    for k, step in reversed([*enumerate(steps)]):
        found = [(a - k * b) / (k + 1) for a, b in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
        found[0] += step
    return _without_leading_zeros(found)


def _without_leading_zeros(polynomial: list[Fraction]) -> list[Fraction]:
    return polynomial[: max((power for power, c in enumerate(polynomial, 1) if c), default=0)]


def divided(number: list[Fraction], divisor: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """The quotient of two polynomials, and the rest: of a lower degree than the divisor."""
    quotient: list[Fraction] = []
    rest = [*number]
    for shift in reversed(range(len(number) - len(divisor) + 1)):
        factor = rest[shift + len(divisor) - 1] / divisor[-1]
        quotient.insert(0, factor)
        for power, c in enumerate(divisor, shift):
            rest[power] -= factor * c
    return quotient, _without_leading_zeros(rest)


def times_divided(divisor: list[Fraction], rest: list[Fraction], most: int) -> list[int] | None:
    """The t ≥ 0 at which a polynomial may divide a rest of lower degree, or be 0: not tried beyond ``most`` (None).

    What divides a number is one of its divisors, and beyond the last root of their difference it is the greater one.
    """
    if len(divisor) == 2 and len(rest) == 1:
        start, slope = divisor
        if abs(rest[0]) > MAX_DIVIDED:
            return None
        parts = divisors(abs(int(rest[0])))
        times = sorted((sign * part - start) / slope for part in parts for sign in (1, -1))
        return [int(t) for t in times if t >= 0 and t.denominator == 1]
    padded = [*rest, *[Fraction(0)] * (len(divisor) - len(rest))]
    compared = [[a + sign * b for a, b in zip(divisor, padded, strict=True)] for sign in (1, -1)]
    last = max(map(_last_root, filter(None, (divisor, rest, *compared))))
    return list(range(last + 1)) if last <= most else None


def _last_root(polynomial: list[Fraction]) -> int:
    """A number beyond which a polynomial is not 0: by Cauchy's bound.

    >>> _last_root([Fraction(6), Fraction(-5), Fraction(1)])  # (t − 2)·(t − 3)
    7
    """
    *others, leading = polynomial
    return int(max((abs(one / leading) for one in others), default=0)) + 1


def divisors(number: int) -> list[int]:
    """All of them, rising.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
