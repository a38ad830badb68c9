"""Polynomials as dictionaries ``{(atom, atom, ...): coefficient}``: sums, products, division, common factors.

Whole-number coefficients, no zeros. What an atom is does not matter here, only its ``key`` to sort by and its
``unit``: floors are put together in :mod:`~netcalc.dims.algebra`, and made in :mod:`~netcalc.dims.quotients`.
"""

from __future__ import annotations

from math import gcd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from netcalc.dims.algebra import Atom

    Monomial: TypeAlias = "tuple[Atom, ...]"  # sorted, a square stands twice
    Terms: TypeAlias = "dict[Monomial, int]"  # without zeros; () is the constant

MAX_TERMS = 20_000  # a formula beyond these is refused, with OverflowError
MAX_DEGREE = 256


def atom_key(atom: Atom) -> tuple[int, str, str]:
    return atom.key


def term_order(monomial: Monomial) -> tuple[int, tuple[tuple[int, str, str], ...]]:
    """Terms stand by falling degree, then alphabetically; the constant comes last."""
    return -len(monomial), tuple([atom.key for atom in monomial])


def unit_of(m: Monomial) -> int:
    """What stands between the coefficient of a term and the coefficient of its letters."""
    unit = 1
    for atom in m:
        unit *= atom.unit
    return unit


def added(left: Terms, right: Terms, times: int = 1) -> Terms:
    terms = left.copy()
    for m, c in right.items():
        c = terms.get(m, 0) + c * times
        if c:
            terms[m] = c
        else:
            del terms[m]
    return terms


def multiplied(left: Terms, right: Terms) -> Terms:
    if len(left) * len(right) > 50 * MAX_TERMS:
        raise OverflowError(f"this formula is too large: it would have more than {MAX_TERMS} terms")
    terms: Terms = {}
    for m, c in left.items():
        for n, d in right.items():
            mn = m + n
            if m and n:
                if len(mn) > MAX_DEGREE:
                    raise OverflowError(f"this formula is too large: its degree is beyond {MAX_DEGREE}")
                mn = tuple(sorted(mn, key=atom_key))
            terms[mn] = terms.get(mn, 0) + c * d
    if len(terms) > MAX_TERMS:
        raise OverflowError(f"this formula is too large: it would have more than {MAX_TERMS} terms")
    return {m: c for m, c in terms.items() if c}


def long_division(numerator: Terms, q: Terms, lead: Monomial) -> tuple[Terms, Terms]:
    """Long division of polynomials by the leading term: numerator = q * quotient + rest."""
    quotient: Terms = {}
    rest = numerator
    pending = sorted(numerator, key=term_order)
    for _ in range(200):
        for m in pending:
            if m in rest and rest[m] // q[lead] and _divides(lead, m):
                break
        else:
            break
        n, c = without(m, lead), rest[m] // q[lead]
        quotient = added(quotient, {n: c})
        rest = added(rest, multiplied(q, {n: c}), -1)
        pending = sorted(rest, key=term_order)
    return quotient, rest


def joined(monomial: Monomial, *more: Atom) -> Monomial:
    return tuple(sorted((*monomial, *more), key=atom_key))


def without(monomial: Monomial, part: Monomial) -> Monomial:
    left = list(monomial)
    for atom in part:
        left.remove(atom)
    return tuple(left)


def _divides(part: Monomial, monomial: Monomial) -> bool:
    return all(monomial.count(atom) >= part.count(atom) for atom in part)


def shared_by(monomials: list[Monomial]) -> Monomial:
    """The greatest common divisor of monomials."""
    common = monomials[0]
    for m in monomials[1:]:
        if not common:
            break
        kept: list[Atom] = []
        for atom in common:
            if kept.count(atom) < m.count(atom):
                kept.append(atom)
        common = tuple(kept)
    return common


def factorization(terms: Terms) -> tuple[int, Monomial, dict[tuple[Atom, int], int], Terms]:
    """A polynomial as content x monomial x factors (atom - k) x rest, as far as it falls apart easily."""
    if not terms:
        return 0, (), {}, {(): 1}
    common = shared_by(list(terms))
    terms = {without(m, common): c for m, c in terms.items()}
    content = gcd(*(c // gcd(c, unit_of(m)) if m else c for m, c in terms.items()))
    if terms[min(terms, key=term_order)] < 0:
        content = -content
    terms = {m: c // content for m, c in terms.items()}
    shifted: dict[tuple[Atom, int], int] = {}
    for atom in sorted({atom for m in terms for atom in m}, key=atom_key):
        if len(terms) > 200 or unit_of((atom,)) > 1:
            continue
        while k := _root(terms, atom):
            shifted[atom, k] = shifted.get((atom, k), 0) + 1
            terms = long_division(terms, {(atom,): 1, (): -k}, (atom,))[0]
    return content, common, shifted, terms


def _root(terms: Terms, atom: Atom) -> int:
    """A number k other than 0 such that atom - k divides the polynomial, 0 for none."""
    rows: dict[Monomial, dict[int, int]] = {}
    for m, c in terms.items():
        count = m.count(atom)
        rows.setdefault(without(m, (atom,) * count), {})[count] = c
    row = min(rows.values(), key=len)
    if len(row) < 2:
        return 0
    low, high = row[min(row)], row[max(row)]
    candidates = [-low // high] if len(row) == 2 and max(row) == min(row) + 1 else [*range(-64, 0), *range(1, 65)]
    for k in candidates:
        if k and low % k == 0 and all(not sum(c * k**n for n, c in row.items()) for row in rows.values()):
            return k
    return 0


def expanded(content: int, common: Monomial, shifted: dict[tuple[Atom, int], int], rest: Terms) -> Terms:
    """What :func:`factorization` took apart, multiplied out."""
    terms = multiplied(rest, {common: content})
    for (atom, k), count in shifted.items():
        for _ in range(count):
            terms = multiplied(terms, {(atom,): 1, (): -k})
    return terms
