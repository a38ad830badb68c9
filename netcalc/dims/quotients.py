"""⌊a / b⌋ in canonical form, by a number and by a formula: whole parts out, divisors cancelled, floors folded.

Several floors of one formula are put together in :mod:`~netcalc.dims.wholes`.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

from netcalc.dims import algebra
from netcalc.dims.algebra import Expr, Floor, dim_of, expr_of, floor_atom, terms_of
from netcalc.dims.intervals import always_positive, bounds, divided, never_negative
from netcalc.dims.polynomials import added, long_division, shared_by, term_order, without
from netcalc.dims.proofs import residue
from netcalc.dims.wholes import settled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from netcalc.dims.algebra import Dim
    from netcalc.dims.polynomials import Terms


def quotient(numerator: Dim, denominator: Dim) -> Dim:
    """⌊numerator / denominator⌋ in canonical form."""
    if isinstance(denominator, int):
        if denominator <= 0:
            if not denominator:
                raise ZeroDivisionError(f"({numerator}) // 0")
            numerator, denominator = -numerator, -denominator
        if isinstance(numerator, int):
            return numerator // denominator
        return numerator if denominator == 1 else _by_number(numerator, denominator)
    return _by_formula(numerator, denominator)


def ceildiv(a: Dim, b: Dim) -> Dim:
    """⌈a / b⌉, also of arrays.

    >>> from netcalc.dims import symbol
    >>> ceildiv(7, 2), ceildiv(symbol("H"), 2)
    (4, (H+1)//2)
    """
    return -(-a // b)


@lru_cache(maxsize=4096)
def _by_number(numerator: Expr, q: int) -> Dim:
    """⌊numerator / q⌋ for an int q > 1.

    Whole parts are pulled out, so that coefficients inside lie in (-q/2, q/2] and the constant in [0, q);
    of ⌊x/q⌋ and its mirror image -⌊(q-1-x)/q⌋ the one with more positive terms is taken (see `_backward`);
    common divisors are cancelled, ⌊(gx+k)/gq⌋ = ⌊(x+⌊k/g⌋)/q⌋; and an inner floor is folded.

    >>> from netcalc.dims import symbol
    >>> H = symbol("H")
    >>> print((H // 2 + 1) // 3, (2 * H + 3) // 4, -(-H // 4))
    (H+2)//6 (H+1)//2 (H+3)//4
    """
    folded = _folded(numerator, q) if residue(numerator, q) is None else None
    if folded is not None:
        return folded
    whole: Terms = {}
    rest: Terms = {}
    divisor = q
    for m, c in numerator._terms.items():
        r = c % q
        if m:
            if 2 * r > q:
                r -= q
            divisor = gcd(divisor, r)
        if r:
            rest[m] = r
        if c != r:
            whole[m] = (c - r) // q
    constant = rest.pop((), 0)
    if not rest:
        return dim_of(whole)
    original = q
    if divisor > 1:
        rest = {m: r // divisor for m, r in rest.items()}
        q, constant = q // divisor, constant // divisor
    signed = [m for m, r in rest.items() if 2 * r != q]
    turned = {m: rest[m] for m in signed} if signed else {m: numerator._terms[m] for m in rest}
    if _backward(turned, q - 1 - 2 * constant):
        if not signed:
            return -_by_number(expr_of(added({(): original - 1}, numerator._terms, -1)), original)
        mirrored = {m: -r for m, r in rest.items()}
        if constant != q - 1:
            mirrored[()] = q - 1 - constant
        return dim_of(whole) - _by_number(expr_of(mirrored), q)
    if constant:
        rest[()] = constant
    inner = expr_of(rest)
    left = residue(inner, q)
    if left:  # as if exact: ⌊(p+r)/q⌋ = p/q where q always divides p and 0 <= r < q
        return dim_of(whole) + _by_number(expr_of(added(rest, {(): -left})), q)
    folded = _folded(inner, q) if left is None else None
    return dim_of(whole) + (_atomic(inner, q) if folded is None else folded)


def _backward(terms: Terms, constant: int) -> bool:
    """Whether -x reads better than x, whose constant is apart: fewer minus signs, greater coefficients.

    What the letters are called decides last, so that all axes of a layer look the same.
    """
    if len(terms) == 1:
        return next(iter(terms.values())) < 0
    merit = sum([1 if c > 0 else -1 for c in terms.values()]) or sum(terms.values()) or constant
    return (merit or terms[min(terms, key=term_order)]) < 0


def _merit(terms: Terms) -> tuple[int, int, int, list[int]]:
    """How well a numerator reads, for `_by_formula`, by the standard of `_backward`."""
    letters = [terms[m] for m in sorted(terms, key=term_order) if m]
    return sum([1 if c > 0 else -1 for c in letters]), sum(letters), terms.get((), 0), letters


@lru_cache(maxsize=1024)
def _by_formula(numerator: Dim, q: Expr) -> Dim:
    """⌊numerator / q⌋ for a formula q; exact where the polynomial q divides.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> print((H * W + W * W) // (H + W), (2 * H * W + W + 5) // W, ceildiv(H, W), W // (W + 1))
    W 2*H + 5//W + 1 (H-1)//W + 1 0
    """
    lead = min(q._terms, key=term_order)
    if q._terms[lead] < 0 and (-q)._terms.get(lead, 0) > 0:
        return _by_formula(-numerator, -q)
    whole, rest = long_division(terms_of(numerator), q._terms, lead)
    if not rest:
        return dim_of(whole)
    if len(q._terms) > 1:
        whole, rest = {}, terms_of(numerator)
    common = shared_by(list(rest) + list(q._terms))
    if common:
        rest = {without(m, common): c for m, c in rest.items()}
        return dim_of(whole) + quotient(dim_of(rest), dim_of({without(m, common): c for m, c in q._terms.items()}))
    positive = always_positive(q)
    content = gcd(*q._terms.values())
    divisor = gcd(content, *(c for m, c in rest.items() if m or not positive))
    if divisor > 1:
        reduced = {m: c // divisor for m, c in rest.items() if c // divisor}
        return dim_of(whole) + quotient(dim_of(reduced), dim_of({m: c // divisor for m, c in q._terms.items()}))
    inner = dim_of(rest)
    if positive:
        mirrored = terms_of(q - 1 - inner)
        if len(q._terms) == 1:
            mirrored = long_division(mirrored, q._terms, lead)[1]
        if _merit(mirrored) > _merit(rest):  # ⌊x/q⌋ = -⌊(q-1-x)/q⌋
            return dim_of(whole) - _by_formula(q - 1 - inner, q)
        if never_negative(inner) and never_negative(q - 1 - inner):
            return dim_of(whole)
        if isinstance(inner, Expr):
            folded = _folded(inner, q)
            return dim_of(whole) + (_atomic(inner, q) if folded is None else folded)
    return dim_of(whole) + expr_of({(floor_atom(inner, q),): 1})


def _folded(numerator: Expr, denominator: Dim) -> Dim | None:
    """⌊(⌊x/a⌋+b)/c⌋ = ⌊(x+ab)/(ac)⌋ where there is such an inner floor, for positive a and c.

    Only where floors are left that stood beside it or inside it: a - 2·⌊a/2⌋ may be ⌊(a+1)/2⌋ - ⌊a/2⌋ again.
    """
    nested = [
        m
        for m, c in numerator._terms.items()
        if len(m) == 1 and -1 <= c <= 1 and isinstance(m[0], Floor) and always_positive(m[0].denominator)
    ]
    for m in sorted(nested, key=term_order) if len(nested) > 1 else nested:
        inner = m[0]
        assert isinstance(inner, Floor)
        sign, a = numerator._terms[m], inner.denominator
        b = dim_of({n: c for n, c in numerator._terms.items() if n is not m})
        x = inner.numerator if sign == 1 else a - 1 - inner.numerator  # -⌊x/a⌋ = ⌊(a-1-x)/a⌋
        opened = x + b * a
        beside = {atom for n in terms_of(b) for atom in n} - {inner}
        if all(atom in beside or atom.depth < inner.depth for n in terms_of(opened) for atom in n):
            return quotient(opened, denominator * a)
    return None


def _atomic(numerator: Expr, denominator: Dim) -> Dim:
    """The atom ⌊numerator/denominator⌋, or its value where the bounds leave only one."""
    low, high = divided(bounds(numerator), bounds(denominator))
    if low is not None and low == high:
        return low
    return dim_of(settled({(floor_atom(numerator, denominator),): 1}))


algebra.quotient = quotient
