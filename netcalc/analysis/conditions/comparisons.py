"""Comparisons of sizes: their letters, what is declared of these, values put in, and the tidiest way to say them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import gcd, prod
from operator import itemgetter
from typing import NamedTuple

from netcalc.dims import Dim, Expr, factored_text, holds, substitute, symbols, text
from netcalc.dims.algebra import Floor, Symbol, dim_of, letters_in, terms_of
from netcalc.dims.polynomials import shared_by, without
from netcalc.layers.base import Condition

MAX_QUOTIENTS = 16
"""More quotients than these, one in another, are not multiplied out."""
_NAME = re.compile(r"[^\W\d]\w*")
Made = tuple[Condition, str]  # a condition and the layer that made it
Makers = dict[Condition, list[str]]  # conditions and the layers that made each


class Declared(NamedTuple):
    """What is declared of a letter: its least and greatest value, and what it is a multiple of, or remainder more."""

    low: int = 1
    high: int | None = None
    unit: int = 1
    remainder: int = 0

    @classmethod
    def of(cls, atom: Symbol) -> Declared:
        return cls(1 if atom.lower is None else atom.lower, atom.upper, atom.unit, atom.remainder)


def letters_compared(condition: Condition) -> set[str]:
    return {*symbols(condition.left), *symbols(condition.right)}


def lone_letter(condition: Condition) -> str:
    """The only letter of a comparison, or nothing."""
    names = letters_compared(condition)
    return names.pop() if len(names) == 1 else ""


def declared_of(system: Iterable[Condition]) -> dict[str, Declared]:
    """What is declared of the letters of comparisons."""
    atoms = {atom for one in system for side in (one.left, one.right) for atom in letters_in(side)}
    return {atom.name: Declared.of(atom) for atom in atoms}


def with_values(condition: Condition, values: Mapping[str, Dim]) -> Condition:
    """A comparison with letters replaced; as it was where a declaration forbids that, or a divisor is 0."""
    try:
        left, right = substitute(condition.left, values), substitute(condition.right, values)
    except (ValueError, ZeroDivisionError):
        return condition
    return condition._replace(left=left, right=right)


def tester(condition: Condition) -> Callable[[dict[str, int]], bool]:
    """Decides a comparison; values that its letters do not have, by what else is required, are refused."""
    return lambda sizes: with_values(condition, sizes).holds is True


def at_least_0(condition: Condition) -> list[Dim]:
    """Sizes that are at least 0 where a comparison holds."""
    difference = condition.left - condition.right
    match condition.relation:
        case ">=":
            return [difference]
        case "<=":
            return [-difference]
        case "==":
            return [difference, -difference]
        case _:  # a multiple is not less, but for 0
            return [difference] if holds(condition.left, ">=", 1) else []


def stated_by(condition: Condition, gone: set[str]) -> tuple[Condition, str, Dim] | None:
    """A letter that an equality without floors states by the others: H − 1 for W in H = W + 1. The last one, if any."""
    if condition.relation != "==" or not gone.isdisjoint(letters_compared(condition)):
        return None
    terms = terms_of(condition.left - condition.right)
    if not all(isinstance(atom, Symbol) for monomial in terms for atom in monomial):
        return None
    found: list[tuple[str, Dim]] = []
    for monomial, count in terms.items():
        if len(monomial) == 1 and isinstance(letter := monomial[0], Symbol) and abs(count) == letter.unit == 1:
            rest = dim_of({other: -count * c for other, c in terms.items() if other != monomial})
            if letter.name not in symbols(rest):
                found.append((letter.name, rest))
    return (condition, *max(found, key=itemgetter(0))) if found else None


def tidy(condition: Condition) -> Condition:
    """The same comparison with like terms together: negative ones on the other side, common divisors cancelled."""
    left, right = condition.left, condition.right
    if condition.relation == "divisible by":
        return _tidy_multiple(condition)
    difference = _without_factors(right - left if condition.relation == "<=" else left - right)
    relation = "==" if condition.relation == "==" else ">="
    if relation == ">=":
        difference = multiplied_out(difference)
    if not isinstance(difference, Expr):
        return condition._replace(left=difference, relation=relation, right=0)
    terms = difference._terms
    divisor = gcd(*(c for m, c in terms.items() if m))
    constant = terms.get((), 0)
    if constant % divisor:
        divisor = 1
    constant //= divisor
    positive: Dim = 0
    negative: Dim = 0
    for monomial, count in terms.items():
        if monomial and count:
            part = dim_of({monomial: abs(count) // divisor})
            positive, negative = (positive + part, negative) if count > 0 else (positive, negative + part)
    if constant > 0 and not isinstance(negative, int) or isinstance(positive, int):
        positive, constant = positive + constant, 0
    if isinstance(positive, int) and relation == "==":
        positive, negative, constant = negative, positive, 0
    return condition._replace(left=positive, relation=relation, right=negative - constant)


def _tidy_multiple(condition: Condition) -> Condition:
    """A multiple without what it shares with the divisor: C divisible by 2·G for 6·A·C divisible by 12·A·G."""
    sides = [terms_of(condition.left), terms_of(condition.right)]
    if not all(sides):
        return condition
    common = tuple(atom for atom in shared_by([*sides[0], *sides[1]]) if (atom.span[0] or 0) >= 1)
    shared = gcd(*sides[0].values(), *sides[1].values())
    left, right = (dim_of({without(m, common): count // shared for m, count in side.items()}) for side in sides)
    if isinstance(right, int) and isinstance(left, Expr):  # what is left of the factor is prime to the divisor
        content = gcd(*terms_of(left).values())
        left = dim_of({monomial: count // content for monomial, count in terms_of(left).items()})
    return condition._replace(left=left, right=right)


def _without_factors(size: Dim) -> Dim:
    """A sum compared with 0, without the factors that all its terms have and that are at least 1."""
    if not isinstance(size, Expr):
        return size
    positive = tuple(atom for atom in shared_by(list(size._terms)) if (atom.span[0] or 0) >= 1)
    return dim_of({without(monomial, positive): count for monomial, count in size._terms.items()})


def multiplied_out(size: Dim) -> Dim:
    """A size that is at least 0 where another is, without quotients that stand alone: A − 2·B for ⌊A/B⌋ − 2.

    A whole number e is at most ⌊n/d⌋ where d·e ≤ n, and at least ⌊n/d⌋ where d·e + d − 1 ≥ n, for any d ≥ 1.
    """
    for _ in range(MAX_QUOTIENTS):
        size = _without_factors(size)
        if not isinstance(size, Expr):
            break
        shared = gcd(*(count for monomial, count in terms_of(size).items() if monomial))
        size = dim_of({m: count // shared for m, count in terms_of(size).items()})  # 2·x ≥ 3 is x ≥ 2
        once = Counter(atom for monomial in terms_of(size) for atom in {*monomial})
        alone = [(m[0], count) for m, count in terms_of(size).items() if len(m) == abs(count) == 1 == once[m[0]]]
        floors = [
            (atom, count) for atom, count in alone if isinstance(atom, Floor) and holds(atom.denominator, ">=", 1)
        ]
        if not floors:
            break
        floor, sign = max(floors, key=lambda one: (isinstance(one[0].denominator, Expr), one[1], one[0].key))
        rest = size - sign * dim_of({(floor,): 1})
        size = floor.denominator * rest + sign * floor.numerator + (floor.denominator - 1 if sign < 0 else 0)
    return size


def in_words(condition: Condition) -> str:
    """A comparison in words, as a product and a number where that names fewer letters: (H − 2)·(W − 2) = 64."""
    left, relation, right, *_ = condition
    if relation == ">=" and isinstance(left, int):
        return f"{text(right)} ≤ {text(left)}"
    written = [str(condition)]
    if relation in (">=", "=="):
        for size, sign in ((left - right, "≥"), (right - left, "≤")):
            sign = "=" if relation == "==" else sign
            written += [f"{factored_text(size + n)} {sign} {text(n)}" for n in _numbers_apart(size) if n >= 0]
    written = [said for said in written if not said.startswith("−")] or written
    return min(written, key=lambda said: (len(_NAME.findall(said)), len(said)))


def _numbers_apart(size: Dim) -> Iterator[int]:
    """Numbers with which a size may be a product: with its constant away, or H·W − 2·H − 2·W − 60 with 64."""
    terms = terms_of(size)
    constant = terms.get((), 0)
    yield -constant
    for monomial, count in terms.items():
        if len(monomial) == 2:
            corner, rest = divmod(prod(terms.get((atom,), 0) for atom in monomial), count)
            if corner and not rest:
                yield corner - constant
