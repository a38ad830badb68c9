"""Sizes of one letter: their values, the period with which they repeat, and whether they only grow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd, lcm
from operator import add, floordiv, mul

from netcalc.dims import Dim
from netcalc.dims.algebra import Atom, Extreme, Floor, Symbol, terms_of

MAX_PERIOD = 16384
"""Beyond this period a comparison is tidied, but not decided; of one that only grows the period does not matter."""


def first_of_each(period: int, unit: int, low: int) -> list[int]:
    """The least number of each remainder that a letter can have: it is at least 1, or a padding and at least 0."""
    first = unit if low > 0 else 0
    return [*range(first, first + period, unit)]


def values_at(size: Dim, numbers: Sequence[int]) -> list[int]:
    """The values of a size of one letter at numbers, beyond declared bounds too: only its form matters here.

    >>> from netcalc.dims import symbol
    >>> values_at((symbol("H") ** 2 + 1) // 2, [1, 2, 3, 4])
    [1, 2, 5, 8]
    """
    found = [terms_of(size).get((), 0)] * len(numbers)
    known: dict[Atom, list[int]] = {}
    for monomial, count in terms_of(size).items():
        if not monomial:
            continue
        part = [count] * len(numbers)
        for atom in monomial:
            if atom not in known:
                known[atom] = _atom_values(atom, numbers)
            part = list(map(mul, part, known[atom]))
        found = list(map(add, found, part))
    return found


def _atom_values(atom: Atom, numbers: Sequence[int]) -> list[int]:
    if isinstance(atom, Symbol):
        return [x // atom.unit for x in numbers]
    if isinstance(atom, Floor):
        return list(map(floordiv, values_at(atom.numerator, numbers), values_at(atom.denominator, numbers)))
    assert isinstance(atom, Extreme)
    pick: Callable[..., int] = min if atom.which == "min" else max
    return list(map(pick, *(values_at(arg, numbers) for arg in atom.args)))


def period_of(size: Dim, modulus: int = 1) -> int | None:
    """The period with which a size of one letter repeats but for multiples of a modulus, and for growth as a power.

    None where it does not. A floor repeats when what it divides does, but for multiples of modulus times divisor.

    >>> from netcalc.dims import symbol
    >>> H = symbol("H")
    >>> period_of(H * H), period_of((H // 2) ** 2), period_of((H * H) // 3), period_of(6 * H * H, 4)
    (1, 2, 3, 2)
    """
    period = 1
    for monomial, count in terms_of(size).items():
        for atom in monomial:
            own = modulus // gcd(modulus, count)
            if isinstance(atom, Symbol):
                part: int | None = atom.unit * own
            elif isinstance(atom, Floor) and isinstance(atom.denominator, int):
                part = period_of(atom.numerator, atom.denominator * own)
            else:
                return None
            if part is None:
                return None
            period = lcm(period, part)
            if period > MAX_PERIOD:
                return None
    return period


def grows(size: Dim) -> bool:
    """Whether a size is seen to be never less for a greater letter: a sum of such, times numbers and one another.

    >>> from netcalc.dims import symbol
    >>> H = symbol("H")
    >>> grows(H * (H // 2) + 3 * H - 7), grows(H * H - H)
    (True, False)
    """
    for monomial, count in terms_of(size).items():
        if not monomial:
            continue
        if count < 0 or not all(map(_atom_grows, set(monomial))):
            return False
        if len(monomial) > 1 and any((atom.span[0] is None or atom.span[0] < 0) for atom in monomial):
            return False
    return True


def _atom_grows(atom: Atom) -> bool:
    if isinstance(atom, Floor):
        return isinstance(atom.denominator, int) and grows(atom.numerator)
    return all(map(grows, atom.args)) if isinstance(atom, Extreme) else True


def extreme_in(size: Dim) -> Extreme | None:
    """A minimum or maximum in a size, None without one."""
    for atom in (atom for monomial in terms_of(size) for atom in monomial):
        if isinstance(atom, Extreme):
            return atom
        if isinstance(atom, Floor) and (found := extreme_in(atom.numerator) or extreme_in(atom.denominator)):
            return found
    return None
