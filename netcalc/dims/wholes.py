"""Floors of one size in one form: ⌊H/2⌋ + ⌊(H+1)/2⌋ is H, and ⌊(H+3)/4⌋ + ⌊H/2⌋ is H - ⌊(H+1)/4⌋.

A sum of multiples of x and of floors ⌊(x+j)/q⌋ grows from x to x + 1 by a number that depends on x modulo all q only:
a floor by 1 where x + j + 1 is a multiple of q, and by 0 elsewhere. These steps, and the value at 0, are all there is
to know of the sum. So what is made of the steps alone, as here, is the same for equal sums.

And max(H, W) + min(H, W) is H + W.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import lcm

from netcalc.dims import algebra
from netcalc.dims.algebra import Expr, Extreme, Floor, Symbol, expr_of, extreme_atom, terms_of
from netcalc.dims.polynomials import added, joined, multiplied, term_order, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from netcalc.dims.algebra import Atom, Dim
    from netcalc.dims.polynomials import Monomial, Terms

    Steps: TypeAlias = "tuple[int, ...]"
    Places: TypeAlias = "dict[tuple[int, int], int]"
    Grown: TypeAlias = "tuple[tuple[tuple[int, int], int], ...]"
    Form: TypeAlias = "tuple[int, Grown]"
    Cost: TypeAlias = "tuple[int, int, int]"

MAX_PERIOD = 1024  # beyond it floors stay as they are
MAX_MIXED = 120  # and beyond this where floors with several primes in their divisors are entangled
MAX_TRIED = 12  # so many values are tried for what the steps of one remainder have in common


def settled(terms: Terms) -> Terms:
    """The canonical form: exact quotients multiplied out, floors of one size in one form."""
    if Floor.any_exact:
        terms = _multiplied_out(terms)
    for _ in range(16):  # what is put together may be part of another whole
        before = terms
        met = [(m, atom) for m in terms for atom in m if type(atom) is not Symbol]
        for others, floors in _rows(met):
            while floors:
                terms = _put_together(terms, others, floors)
        for m, atom in met:
            if type(atom) is Extreme and len(atom.args) == 2:
                terms = _paired(terms, without(m, (atom,)), atom.args)
        if terms is before:
            break
    return terms


def _multiplied_out(terms: Terms) -> Terms:
    """Quotients that are always exact, multiplied out as far as they can be.

    >>> from netcalc.dims import symbol
    >>> T = symbol("T")
    >>> 6 * ((T * T + T) // 2), T * (T + 1) // 2 * 3 == T * T + T + (T * T + T) // 2
    (3*T**2 + 3*T, True)
    """
    while True:
        for m, c in terms.items():
            exact = [a for a in m if isinstance(a, Floor) and a.exact and not 0 <= c < a.exact]
            if exact:
                break
        else:
            break
        floor = exact[0]
        left = {m: r} if (r := c % floor.exact) else {}
        numerator = multiplied({without(m, (floor,)): c // floor.exact}, terms_of(floor.numerator))
        terms = added(added({n: d for n, d in terms.items() if n is not m}, left), numerator)
    return terms


def _rows(met: list[tuple[Monomial, Atom]]) -> list[tuple[Monomial, dict[Monomial, Floor]]]:
    """The floors that may be put together: those beside the same other factors, those with great divisors first."""
    rows: dict[Monomial, dict[Monomial, Floor]] = {}
    for m, atom in met:
        if type(atom) is Floor and atom.steps:
            rows.setdefault(without(m, (atom,)), {})[m] = atom
    several = [others for others, floors in rows.items() if len(floors) > 1 or _is_half(*floors.values())]
    if len(several) > 1:
        several.sort(key=term_order)
    return [(others, dict(sorted(rows[others].items(), key=_great_first))) for others in several]


def _great_first(found: tuple[Monomial, Floor]) -> tuple[Any, ...]:
    return -found[1].denominator, found[1].key


def _is_half(floor: Floor) -> bool:
    """Whether the floor alone may be written by another: x - ⌊x/2⌋ is ⌊(x+1)/2⌋; none with a greater divisor can."""
    return floor.denominator == 2


def _put_together(terms: Terms, others: Monomial, floors: dict[Monomial, Floor]) -> Terms:
    """The first of these floors and those of the same x, taken out of ``floors``, in one form.

    That is the one with the fewest floors, then the fewest multiples of what x consists of, then the least numbers.
    """
    first = next(iter(floors.values()))
    x = _reduced(first)
    given: Places = {}
    apart: Terms = {}  # what is left of these floors' multiples of x
    here = {m: steps for m, floor in floors.items() if (steps := _steps(floor, x))}
    for m, (place, sign, whole) in here.items():
        del floors[m]
        if c := terms.get(m):
            given[place] = c * sign
            if whole:
                apart = added(apart, {joined(others, *n): c * d for n, d in whole.items()})
    if len(given) == 1 and not _is_half(first):
        return terms
    wholes = {joined(others, *m): c for m, c in x._terms.items()}
    lead = min(wholes, key=term_order)
    slope = (terms.get(lead, 0) + apart.get(lead, 0)) // wholes[lead]
    ranked: list[tuple[int, int, int, int, Places]] = []
    for value, places in forms(slope, given):
        left = [terms.get(m, 0) + apart.get(m, 0) + (value - slope) * c for m, c in wholes.items()]
        size = sum(map(abs, left)) + sum(map(abs, places.values()))
        ranked.append((len(left) - left.count(0), size, len(ranked), value, places))
    if not ranked:
        return terms
    *_, value, places = min(ranked)
    if value == slope and places == given:
        return terms
    form = added({m: c for m, c in terms.items() if m not in here}, apart)
    if value != slope:
        form = added(form, wholes, value - slope)
    for (q, at), c in places.items():
        floor = terms_of((x + (q - 1 - at)) // q)
        if any(isinstance(atom, Floor) and atom.exact for m in floor for atom in m):
            return terms  # exact quotients have a form of their own
        form = added(form, multiplied(floor, {others: c}))
    return terms if form == terms else form


def _reduced(floor: Floor) -> Expr:
    """The x of ⌊(x+j)/q⌋ with H + 2·W for H - 2·W where q is 4, which are of one size but for a whole number."""
    x: Expr = floor.steps[0]  # type: ignore[misc]
    if any(-2 * c == floor.denominator for c in x._terms.values()):
        return expr_of({m: abs(c) if -2 * c == floor.denominator else c for m, c in x._terms.items()})
    return x


def _steps(floor: Floor, x: Expr) -> tuple[tuple[int, int], int, Terms] | None:
    """⌊(y+j)/q⌋ as sign * ⌊(x+i)/q⌋ and a whole part, where y is x or -x but for multiples of q."""
    y, at, sign = floor.steps  # type: ignore[misc]
    q: int = floor.denominator  # type: ignore[assignment]
    if y == x:
        return (q, at), sign, {}
    for turned in (1, -1):
        over = added(y._terms, x._terms, -turned)
        if all(c % q == 0 for c in over.values()):
            return (q, at if turned == 1 else q - 1 - at), sign * turned, {m: sign * c // q for m, c in over.items()}
    return None


def _paired(terms: Terms, others: Monomial, sizes: tuple[Dim, ...]) -> Terms:
    """The maximum and the minimum of two sizes, which add up to the two: with one of them, then the fewest terms.

    >>> from netcalc.dims import maximum, minimum, symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> maximum(H, W) + minimum(H, W), H + W - maximum(H, W)
    (H + W, min(H, W))
    """
    zero: Terms = {(extreme_atom(which, frozenset(sizes)),): 1 for which in ("max", "min")}
    zero = added(added(zero, terms_of(sizes[0]), -1), terms_of(sizes[1]), -1)
    zero = {joined(others, *m): c for m, c in zero.items()}
    ranked = []
    for times in {-terms.get(m, 0) // c for m, c in zero.items() if m}:
        left = [terms.get(m, 0) + times * c for m, c in zero.items() if m]  # a constant may be added later
        ranked.append((-left[:2].count(0), len(left) - left.count(0), sum(map(abs, left)), -abs(left[0]), times))
    times = min(ranked)[-1]
    return added(terms, zero, times) if times else terms


def forms(slope: int, floors: Places) -> list[tuple[int, Places]]:
    """Multiples of x and floors with the steps of these, of all that were found those with the fewest floors.

    A floor ⌊(x+j)/q⌋ is (q, the remainder of x at which it steps); with each stands how often. Where all q are powers
    of one prime no form has fewer floors. None are looked for where the steps repeat after too many only.

    >>> forms(1, {(2, 1): -1})  # x - ⌊x/2⌋ = ⌊(x+1)/2⌋
    [(1, {(2, 1): -1}), (0, {(2, 0): 1})]
    >>> forms(0, {(6, 0): 1, (6, 3): 1})  # by its remainder to 6 it steps as ⌊(x+2)/3⌋
    [(0, {(3, 0): 1})]
    """
    period = lcm(*[q for q, _ in floors])
    if period > MAX_PERIOD:
        return []
    steps = [slope] * period
    for (q, first), c in floors.items():
        for at in range(first, period, q):
            steps[at] += c
    return [(value, dict(places)) for value, places in _forms(tuple(steps))]


@lru_cache(maxsize=4096)
def _forms(steps: Steps) -> list[Form]:
    """The forms with these steps: in parts for primes that have nothing to do with one another, else from all."""
    for p in _primes(len(steps)):
        if steps == steps[: len(steps) // p] * p:
            steps = steps[: len(steps) // p]
    primes = _primes(len(steps))
    for p in set(primes) if primes and primes[0] < primes[-1] else ():
        one = p ** primes.count(p)
        other = len(steps) // one
        mine = tuple([steps[at * other * pow(other, -1, one) % len(steps)] for at in range(one)])
        theirs = tuple([steps[at * one * pow(one, -1, other) % len(steps)] - steps[0] for at in range(other)])
        if all(step == mine[at % one] + theirs[at % other] for at, step in enumerate(steps)):
            return [(v + w, (*a, *b)) for v, a in _forms(mine) for w, b in _forms(theirs)]
    if primes and primes[0] < primes[-1] and len(steps) > MAX_MIXED:
        return []
    found: list[Form] = []
    for order in [primes, primes[::-1]] if primes and primes[0] < primes[-1] else [primes]:
        for value in _tried(steps):
            places = _within(steps, value, order)[1]
            found.append((value, places if order[:1] == order[-1:] else _merged(places)))
    least = min(len(places) for _, places in found)
    return [form for form in found if len(form[1]) == least]


@lru_cache(maxsize=2**14)
def _within(steps: Steps, value: int, primes: Steps) -> tuple[Cost, Grown]:
    """The floors, and what they cost, that make these steps where each has this value without them.

    The remainders of x are a tree, which branches by the first prime, then by the next; a floor adds a number to one
    branch. It costs its number, and less the greater the branch.
    """
    grown = [_branch(steps[at :: primes[0]], value, primes[1:]) for at in range(primes[0])] if primes else []
    p = len(grown)
    places = [((q * p, r * p + at), c) for at, (_, inner) in enumerate(grown) for (q, r), c in inner]
    floors, size, spread = map(sum, zip(*[cost for cost, _ in grown])) if grown else (0, 0, 0)
    return (floors, size, spread * p), tuple(places)


@lru_cache(maxsize=2**14)
def _branch(steps: Steps, value: int, primes: Steps) -> tuple[Cost, Grown]:
    """The same, of a branch: it may get a floor as a whole, and then has another value within."""
    constant = len(set(steps)) == 1
    best: tuple[Cost, Grown] | None = None
    for own in steps[:1] if constant else dict.fromkeys((value, *_tried(steps))):
        (floors, size, spread), places = _within(steps, own, () if constant else primes)
        if own != value:
            floors, size, spread = floors + 1, size + abs(own - value), spread + 1
            places = (((1, 0), own - value), *places)
        if best is None or (floors, size, spread) < best[0]:
            best = (floors, size, spread), places
    assert best is not None
    return best


def _tried(steps: Steps) -> list[int]:
    """The steps that there are, or the most frequent ones."""
    values = list(dict.fromkeys(steps))
    return values if len(values) <= MAX_TRIED else sorted(values, key=steps.count, reverse=True)[:MAX_TRIED]


def _merged(given: Grown) -> Grown:
    """Where most of the p floors ⌊(x+i·m)/(p·m)⌋ step alike, ⌊x/m⌋ instead, while that makes them fewer."""
    places, before = dict(given), 0
    while before != (before := len(places)):
        kin = Counter([(q // p, r % (q // p), p) for q, r in places for p in set(_primes(q)) if q > p])
        for m, r, p in sorted([family for family, count in kin.items() if count > 1], reverse=True):
            steps = {(p * m, at): places.get((p * m, at), 0) for at in range(r, p * m, m)}
            times = max(steps.values(), key=[*steps.values()].count)
            merged = places | {place: c - times for place, c in steps.items()} | {(m, r): places.get((m, r), 0) + times}
            merged = {place: c for place, c in merged.items() if c}
            if len(merged) < len(places):
                places = merged
    return tuple(places.items())


@lru_cache(maxsize=1024)
def _primes(number: int) -> Steps:
    """The prime factors, rising.

    >>> _primes(12)
    (2, 2, 3)
    """
    found, p = [], 2
    while number > 1:
        while number % p:
            p += 1
        found.append(p)
        number //= p
    return tuple(found)


algebra.settled = settled
