"""Several letters: whether a comparison is seen to hold, or never to hold, where others do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from netcalc.analysis.conditions.comparisons import Declared, at_least_0, letters_compared, multiplied_out, with_values
from netcalc.analysis.conditions.requirements import Requirement
from netcalc.dims import Dim, holds, text
from netcalc.dims.algebra import Atom, Floor, Symbol, dim_of, letters_in, symbol_atom, terms_of
from netcalc.dims.polynomials import long_division, term_order
from netcalc.dims.replacing import replaced
from netcalc.layers.base import Condition

MAX_ADDED = 16
"""Of more comparisons than these no two are added to see what follows from them."""
MAX_TRIED = 64
"""So many values below a bound are tried to see whether others forbid them all."""


def follows(condition: Condition, others: Sequence[Condition]) -> bool:
    """Whether a comparison is seen to hold where others do."""
    if condition.relation == "divisible by":
        return _divides(condition, others)
    if condition.relation == "==" or condition.holds:
        return condition.holds is True
    (mine,) = at_least_0(condition)
    known = [size for other in others for size in at_least_0(other)]
    return _is_sum(mine, known) or any(_is_factor(mine, size, known) for size in known) or _needed(mine, known)


def _is_sum(mine: Dim, known: Sequence[Dim]) -> bool:
    """Whether a size is seen to be at least 0 where others are: not less than a multiple of one, or than two added."""
    pairs = [a + b for a, b in combinations(known, 2)] if len(known) <= MAX_ADDED else []
    whole = ((size, _times(mine, size)) for size in known)
    multiples = [count * size for size, times in whole for count in (times, times + 1) if holds(count, ">=", 0)]
    return any(holds(mine - size, ">=", 0) is True for size in (0, *known, *multiples, *pairs))


def _is_factor(mine: Dim, other: Dim, known: Sequence[Dim]) -> bool:
    """Whether a size is at least 0, as 1 more than it times what is at least 0 exceeds a size that is at least 0."""
    times = _times(other, mine + 1)
    exceeds = holds(times * (mine + 1) - other, ">=", 1)
    return exceeds is True and _is_sum(multiplied_out(times), [size for size in known if size is not other])


def _times(size: Dim, divisor: Dim) -> Dim:
    """How many times a size goes into another, by long division, whatever the rest."""
    terms = terms_of(divisor)
    return dim_of(long_division(terms_of(size), terms, min(terms, key=term_order))[0]) if terms else 0


def _needed(mine: Dim, known: Sequence[Dim]) -> bool:
    """Whether others are seen to fail where a size is negative: with what one of its letters is then put into them."""
    short = dim_of({(symbol_atom("short", 1, None, 1),): 1})
    for monomial, count in terms_of(mine).items():
        if len(monomial) == abs(count) == 1 and isinstance(letter := monomial[0], Symbol):
            others = mine - count * dim_of({monomial: 1})
            if letter not in letters_in(others):
                value = -count * (others + short)  # with which the size is −short
                least = [value - letter.span[0]] if letter.span[0] is not None else []
                changed = [new for size in known if (new := replaced(size, {letter: value})) != size]
                if any(holds(size + more, ">=", 0) is False for size in changed for more in (0, *least)):
                    return True
    return False


def _divides(condition: Condition, others: Sequence[Condition]) -> bool:
    """Whether a divisibility follows from others: of a multiple, by a divisor, in as many steps as there are."""
    if holds(*condition[:3]) is True:
        return True
    steps = (one for one in others if one.relation == condition.relation)
    return any(
        holds(condition.left, "divisible by", one.left) is True
        and _divides(condition._replace(left=one.right), [other for other in others if other is not one])
        for one in steps
    )


def opposing(condition: Condition, others: Iterable[Condition]) -> tuple[Condition, ...] | None:
    """Comparisons with which a comparison cannot hold: none at all where it never holds; None where it may."""
    if condition.holds is False:
        return ()
    mine = at_least_0(condition)
    for other in others:
        if any(holds(a + b, ">=", 0) is False for a in mine for b in at_least_0(other)):
            return (other,)
    return None


def in_each_case(condition: Condition, known: Mapping[str, Declared]) -> bool:
    """Whether a comparison holds for each of the few values of one of its letters."""
    for letter in letters_compared(condition):
        low, high, unit, remainder = known[letter]
        if high is not None and high - low < MAX_TRIED and not remainder:
            values = range(low + -low % unit, high + 1, unit)
            if all(with_values(condition, {letter: value}).holds for value in values):
                return True
    return False


def forbidden_below(
    requirement: Requirement, rest: Iterable[Requirement], known: Mapping[str, Declared], others: Sequence[Condition]
) -> bool:
    """Whether each value below a letter's bound breaks what else is required of it, or one of the comparisons."""
    letter = requirement.letters[0]
    if letter not in known or requirement.most is not None or requirement.least <= known[letter].low:
        return False
    low, _, unit, _ = known[letter]
    values = range(low + -low % unit, requirement.least, unit)
    if len(values) > MAX_TRIED:
        return False
    alone = [one for one in rest if one.letters == (letter,)]
    return all(
        any(not one.test({letter: x}) for one in alone)
        or any(with_values(one, {letter: x}).holds is False for one in others)
        for x in values
    )


def with_quotients(system: list[Condition]) -> list[Condition]:
    """Comparisons with the floors that others say are whole as letters of their own, from 1 on, or are some size."""
    for left, relation, right, *_ in system[1:]:
        put: dict[Atom, Dim] = {}
        if relation == "divisible by" and holds(left, ">=", 1) and holds(right, ">=", 1):
            for whole in {atom for monomial in terms_of(left // right) for atom in monomial}:
                if isinstance(whole, Floor) and left // right == dim_of({(whole,): 1}):
                    put[whole] = dim_of({(symbol_atom(text(left // right), 1, None, 1),): 1})
        elif relation == "==":
            alone = {m[0]: count for m, count in terms_of(left - right).items() if len(m) == abs(count) == 1}
            for floor, count in alone.items():
                if isinstance(floor, Floor) and not put:
                    put[floor] = dim_of({(floor,): 1}) - count * (left - right)
        if put:
            system = [
                one._replace(left=replaced(one.left, {**put}), right=replaced(one.right, {**put})) for one in system
            ]
    return system
