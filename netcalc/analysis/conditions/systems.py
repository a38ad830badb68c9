"""Comparisons of one letter and of several, simplified together, and left out where the others imply them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product as grid
from math import gcd, lcm, prod

from netcalc.analysis.conditions.comparisons import (
    Declared,
    Made,
    Makers,
    at_least_0,
    declared_of,
    in_words,
    letters_compared,
    lone_letter,
    stated_by,
    tester,
    tidy,
    with_values,
)
from netcalc.analysis.conditions.domains import Domain
from netcalc.analysis.conditions.implications import follows, forbidden_below, in_each_case, opposing, with_quotients
from netcalc.analysis.conditions.narrowing import known_with, meant_by, narrowed, stated_multiples, with_meant
from netcalc.analysis.conditions.requirements import Requirement, between
from netcalc.analysis.conditions.solving import Solved
from netcalc.dims import Dim, symbol
from netcalc.dims.algebra import Floor, Symbol, dim_of, letters_in, terms_of
from netcalc.dims.polynomials import unit_of
from netcalc.dims.proofs import note_periods
from netcalc.dims.replacing import replaced
from netcalc.layers.base import Condition

MAX_CASES = 64
"""In so many cases, one for each remainder of each letter, an equality of several letters is decided."""


def simplified(conditions: Iterable[Made]) -> tuple[Requirement, ...]:
    """Open comparisons merged: first those on one letter, decided exactly, then the others, tidied and minimal."""
    makers: dict[Condition, list[str]] = {}
    for condition, name in conditions:
        makers.setdefault(Condition(*condition[:3], ""), []).append(name)
    system, domains = _solved(makers)
    alone = [requirement for letter in sorted(domains) for requirement in domains[letter].requirements()]
    if not all(one.possible for one in alone):
        return tuple(one for one in alone if not one.possible)
    return _minimal(alone, system, makers)


def _solved(system: Makers) -> tuple[Makers, dict[str, Domain]]:
    """The comparisons of several letters that are left, and the domains of the letters that others are alone on.

    A letter of one value is put into the comparisons of several, a letter that an equality states by others into all.
    """
    declared = declared_of(system)
    gone: set[str] = set()
    while True:
        domains: dict[str, Domain] = {}
        others = {one: names for one, names in system.items() if not _taken(one, names, domains, declared)}
        alone = [one for domain in domains.values() for one in domain.requirements()]
        if not others or not all(one.possible for one in alone):
            return others, domains
        known = known_with(declared, alone)
        letters = narrowed(declared, known)
        values = {letter: value for letter, value in letters.items() if isinstance(value, int)}
        simpler = {one: _simpler(one, values, letters) for one in others}
        if any(new != one for one, new in simpler.items()):
            whose = {letter: {name for _, names in domains[letter].solved for name in names} for letter in values}
            system = _gathered(
                (simpler[one], _with(names, one, whose)) if one in simpler else (one, names)
                for one, names in system.items()
            )
            continue
        apart = {
            one: alike for one in others if (alike := _squeezed(one, others) or _by_remainders(one, known, declared))
        }
        if apart:
            system = _gathered((new, names) for one, names in system.items() for new in apart.get(one, (one,)))
            continue
        equality = next((found for one in others if (found := stated_by(one, gone))), None)
        if not equality:
            return others, domains
        source, letter, stated = equality
        gone.add(letter)
        whose = {letter: set(system[source])}
        own, (low, high, *_) = symbol(letter, *declared[letter]), declared[letter]
        bounds = [Condition(own, ">=", low, "")] + ([] if high is None else [Condition(own, "<=", high, "")])
        system = _gathered(
            (one, names) if one == source else (with_values(one, {letter: stated}), _with(names, one, whose))
            for one, names in [*system.items(), *((one, system[source]) for one in bounds)]
        )


def _gathered(made: Iterable[tuple[Condition, Sequence[str]]]) -> Makers:
    """Comparisons with the layers that made them, each once; those that hold left out."""
    found: Makers = {}
    for condition, names in made:
        if condition.holds is not True:
            found.setdefault(condition, []).extend(names)
    return found


def _with(names: list[str], condition: Condition, whose: Mapping[str, Iterable[str]]) -> list[str]:
    """The layers that made a comparison, with those that made what is put into it."""
    put = sorted(letters_compared(condition).intersection(whose))
    return list(dict.fromkeys([*names, *(name for letter in put for name in sorted(whose[letter]))]))


def _simpler(condition: Condition, values: Mapping[str, Dim], letters: Mapping[str, Dim]) -> Condition:
    """A comparison of several letters, tidied, with values put in; of one letter where the others' domains allow."""
    plain = tidy(with_values(condition, values))
    narrow = tidy(with_values(plain, letters))
    if narrow.holds is not None or lone_letter(narrow) and not lone_letter(plain):
        return narrow
    return _without_quotients(narrow, plain)


def _without_quotients(narrow: Condition, plain: Condition) -> Condition:
    """An equality with no quotient where all its letters are what they are required to be: A = 2·C for ⌊A/2⌋ = C."""
    terms, before = terms_of(narrow.left - narrow.right), terms_of(plain.left - plain.right)
    atoms = {atom for monomial in terms for atom in monomial}
    letters = [atom for atom in atoms if isinstance(atom, Symbol) and not atom.over and not atom.remainder]
    own = {atom.name: atom for side in (plain.left, plain.right) for atom in letters_in(side) if atom.unit == 1}
    quotients = any(isinstance(atom, Floor) for monomial in before for atom in monomial)
    if (
        plain.relation != "=="
        or not quotients
        or len(letters) < len(atoms)
        or {one.name for one in letters} - own.keys()
    ):
        return plain
    wide = lcm(*map(unit_of, terms))
    whole = dim_of({monomial: count * wide // unit_of(monomial) for monomial, count in terms.items()})
    left = replaced(whole, {letter: dim_of({(own[letter.name],): 1}) for letter in letters})
    return tidy(plain._replace(left=left, right=0))


def _taken(
    condition: Condition, names: list[str], domains: dict[str, Domain], declared: Mapping[str, Declared]
) -> bool:
    """Whether a comparison could be solved for its only letter, and is in the letter's domain now."""
    letter = lone_letter(condition)
    found = letter and not declared[letter].remainder and Solved.of(condition, letter)
    if not letter or not found:
        return False
    domains.setdefault(letter, Domain(letter, declared[letter])).add(found, names)
    return True


def _squeezed(condition: Condition, others: Iterable[Condition]) -> list[Condition] | None:
    """An equality, where another comparison says the reverse: H ≥ W beside W ≥ H."""
    sizes = at_least_0(condition)
    if len(sizes) == 1 and any([-sizes[0]] == at_least_0(other) for other in others):
        return [tidy(Condition(min(sizes[0], -sizes[0], key=str), "==", 0, ""))]
    return None


def _by_remainders(
    condition: Condition, known: Mapping[str, Declared], declared: Mapping[str, Declared]
) -> list[Condition] | None:
    """An equality of several letters as what it says of each one's remainders; None where it says more than that.

    It is decided for every remainder of every letter: H·W + 2·⌊(H+1)/2⌋ + 2·⌊(W+1)/2⌋ = 4·⌊(H+1)/2⌋·⌊(W+1)/2⌋ + 1
    where H and W are odd, and nowhere else.
    """
    names = sorted(letters_compared(condition))
    periods = {name: lcm(period, known[name].unit) for name, period in _periods(condition).items()}
    if condition.relation != "==" or not 1 < prod(periods.values()) <= MAX_CASES:
        return None
    if any(known[name].remainder for name in names):
        return None
    good: list[tuple[int, ...]] = []
    for case in grid(*(range(0, periods[name], known[name].unit) for name in names)):
        holding = _holding(condition, known, {name: (periods[name], r) for name, r in zip(names, case, strict=True)})
        if holding is None:
            return None
        good += [case] if holding else []
    apart = [set(column) for column in zip(*good, strict=True)]
    if not good or prod(map(len, apart)) != len(good):
        return None
    found: list[Condition] = []
    for name, remainders in zip(names, apart, strict=True):
        own, divisor = symbol(name, *declared[name]), gcd(periods[name], *(r - min(remainders) for r in remainders))
        if len(remainders) != periods[name] // lcm(divisor, known[name].unit):
            return None
        if divisor > 1:
            found.append(Condition(own - min(remainders) % divisor, "divisible by", divisor, ""))
    return found


def _periods(condition: Condition) -> dict[str, int]:
    """With which periods the floors of a comparison repeat, by letters."""
    found: dict[Symbol, int] = {}
    note_periods(condition.left, 1, found)
    note_periods(condition.right, 1, found)
    return {letter.name: period * letter.unit for letter, period in found.items()}


def _holding(condition: Condition, known: Mapping[str, Declared], case: Mapping[str, tuple[int, int]]) -> bool | None:
    """Whether a comparison holds of letters that leave these remainders; not where there are no such."""
    try:
        letters = {name: symbol(name, *known[name][:2], *modulus) for name, modulus in case.items()}
    except ValueError:
        return False
    return with_values(condition, letters).holds


def _minimal(alone: Sequence[Requirement], system: Makers, made: Makers) -> tuple[Requirement, ...]:
    """Those on one letter and those on several, less what the rest of them imply: left out one at a time.

    ``made`` are the comparisons as they were: where the rest cannot hold, these tell the letters.
    """
    declared, kept, several = declared_of(system), list(alone), dict(system)
    known = known_with(declared, kept)
    letters = narrowed(declared, known)
    for one in system:
        apart = [other for other in several if other is not one]
        narrow, others = with_values(one, letters), {with_values(other, letters): other for other in apart}
        if (opposed := opposing(narrow, others)) is not None:
            return (_never([one, *(others[other] for other in opposed)], system, made),)
        multiples = with_meant(letters, known, stated_multiples(apart))
        whole, *wholes = with_quotients([with_values(each, multiples) for each in (one, *apart)])
        if follows(narrow, [*others]) or follows(whole, wholes) or in_each_case(narrow, known):
            del several[one]
    for requirement in alone:
        rest = [other for other in kept if other is not requirement]
        known = known_with(declared, rest)
        letters = narrowed(declared, known)
        left = [with_values(one, letters) for one in several]
        said = requirement.comparison
        if said and (follows(with_values(said, letters), left) or forbidden_below(requirement, rest, known, left)):
            kept = rest
    known = known_with(declared, kept)
    letters = narrowed(declared, known)
    stated = []
    for one, names in several.items():
        within = with_meant(letters, known, stated_multiples(other for other in several if other is not one))
        stated.append(_stating(one, within, names)._replace(meant=meant_by(one)))
    return (*_between_bounds(kept), *stated)


def _between_bounds(requirements: Sequence[Requirement]) -> Iterator[Requirement]:
    """Two bounds of one letter as one: 513 ≤ H ≤ 520."""
    bounds: dict[str, list[Requirement]] = {}
    for one in requirements:
        if one.comparison and one.divisor == 1:
            bounds.setdefault(one.letters[0], []).append(one)
    for one in requirements:
        low, *more = bounds.get(one.letters[0], [one])
        if not one.comparison or one.divisor > 1 or not more:
            yield one
        elif one is low:
            (high,) = more
            layers = tuple(dict.fromkeys((*low.layers, *high.layers)))
            words = f"{low.least} ≤ {one.letters[0]} ≤ {high.most}"
            test = between(one.letters[0], low.least, high.most)
            yield Requirement(words, one.letters, layers, test, least=low.least, most=high.most)


def _never(opposed: Sequence[Condition], system: Makers, made: Makers) -> Requirement:
    """What says that comparisons cannot hold together, with the layers that made them."""
    layers = tuple(dict.fromkeys(name for one in opposed for name in system[one]))
    theirs = [one for one, names in made.items() if not set(layers).isdisjoint(names)]
    letters = set().union(*map(letters_compared, opposed)) or set().union(*map(letters_compared, theirs))
    words = f"no value of {', '.join(sorted(letters))} will do"
    return Requirement(words, tuple(sorted(letters)), layers, lambda sizes: False, possible=False)


def _stating(condition: Condition, within: Mapping[str, Dim], names: list[str]) -> Requirement:
    """A comparison in words that may take for granted what is required of its letters alone."""
    said = tidy(with_values(condition, within))
    if not letters_compared(said) <= letters_compared(condition):
        said = tidy(condition)
    tested = said if letters_compared(said) < letters_compared(condition) else condition
    letters = tuple(sorted(letters_compared(tested)))
    return Requirement(in_words(said), letters, tuple(dict.fromkeys(names)), tester(tested))
