"""Letters with what is required of each declared of them, or stated by other letters, to be put into sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import lcm

from netcalc.analysis.conditions.comparisons import Declared, stated_by
from netcalc.analysis.conditions.requirements import Meant, Requirement
from netcalc.dims import Dim, Expr, holds, substitute, symbol, symbols
from netcalc.dims.algebra import Symbol, terms_of
from netcalc.layers.base import Condition


def known_with(
    declared: Mapping[str, Declared], found: Iterable[Requirement], wholly: bool = False
) -> dict[str, Declared]:
    """What is declared of letters with what is required of each alone; ``wholly`` with remainders other than 0 too."""
    within = dict(declared)
    for one in found:
        if len(one.letters) == 1 and (letter := one.letters[0]) in within:
            low, high, unit, remainder = within[letter]
            most = high if one.most is None else one.most if high is None else min(high, one.most)
            if one.remainder and wholly and one.divisor % unit == 0:
                unit, remainder = one.divisor, one.remainder
            elif not one.remainder:
                unit = lcm(unit, one.divisor)
            low = max(low, one.least)
            within[letter] = Declared(low + (one.remainder - low) % one.divisor, most, unit, remainder)
    return within


def narrowed(declared: Mapping[str, Declared], within: Mapping[str, Declared]) -> dict[str, Dim]:
    """Letters of which more is known than was declared with that declared of them, or as the only value left."""
    changed = {letter: known for letter, known in within.items() if known != declared[letter]}
    return {
        letter: known.low if known.low == known.high else symbol(letter, *known) for letter, known in changed.items()
    }


def meant_by(condition: Condition) -> Meant | None:
    """What a comparison says that a letter is, by others: H − 1 for W in H = W + 1, a multiple of G."""
    left, relation, right = condition.left, condition.relation, condition.right
    if relation == "divisible by" and isinstance(right, Expr):
        (letters, count), *more = terms_of(left).items()
        own = letters[0] if len(letters) == count == 1 and not more else None
        if isinstance(own, Symbol) and own.unit == 1 and own.name not in symbols(right):
            return own.name, relation, right
        return None
    stated = stated_by(condition, set())
    return (stated[1], relation, stated[2]) if stated else None


def stated_multiples(conditions: Iterable[Condition]) -> Iterator[Meant]:
    """What comparisons say that letters are multiples of."""
    return (what for one in conditions if (what := meant_by(one)) and what[1] == "divisible by")


def with_meant(letters: Mapping[str, Dim], known: Mapping[str, Declared], meant: Iterable[Meant]) -> dict[str, Dim]:
    """Letters to be replaced, with those that comparisons state by others that stay."""
    wide = dict(letters)
    for letter, relation, size in meant:
        try:
            new = substitute(size, wide)
            low, high, unit, remainder = known[letter]
            if letter in symbols(new) or letter in wide and symbols(wide[letter]) != (letter,):
                continue
            if relation == "divisible by":
                if remainder or not holds(new, "divisible by", unit):
                    continue
                new = symbol(letter, low, high, new)
            wide = {**{name: substitute(old, {letter: new}) for name, old in wide.items()}, letter: new}
        except ValueError:  # a declaration forbids it, or it is no product of letters
            continue
    return wide
