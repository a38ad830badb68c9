"""`minimum` and `maximum` of sizes: of ints, of arrays, and of formulas in canonical form.

The losers go as far as :mod:`~netcalc.dims.intervals` knows them; no cases are tried.
"""

from __future__ import annotations

from math import gcd

from netcalc.dims.algebra import Expr, Extreme, as_dim, dim_of, expr_of, extreme_atom, terms_of
from netcalc.dims.intervals import cofactor_sign, never_negative, unsigned
from netcalc.dims.polynomials import added, shared_by, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from netcalc.dims.algebra import Dim

MAX_ARGS = 100


def minimum(*dims: Dim) -> Dim:
    """The least of some sizes, also elementwise of arrays; settled where the letters allow.

    >>> from netcalc.dims import symbol
    >>> H = symbol("H")
    >>> minimum(3, 7), minimum(H, H + 2), minimum(H + 3, 9, 7)
    (3, H, min(H, 4) + 3)
    """
    least: Dim = extremum("min", dims)
    return least


def maximum(*dims: Dim) -> Dim:
    """The greatest of some sizes, also elementwise of arrays; settled where the letters allow.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> maximum(3, 7), maximum(H, 1), maximum(2 * W + H, H + 2 * H, H)
    (7, H, H + 2*max(H, W))
    """
    greatest: Dim = extremum("max", dims)
    return greatest


def extremum(which: str, dims: Sequence[Any]) -> Any:
    if not dims:
        raise ValueError(f"{which}imum of nothing")
    if all(type(dim) is int for dim in dims):
        return max(dims) if which == "max" else min(dims)
    for dim in dims:
        if hasattr(dim, "extremum"):  # sizes that remember how they were computed: analysis/written
            return dim.extremum(which, dims)
    if any(isinstance(dim, Expr) for dim in dims):
        return _settled(which, dims)
    if any(hasattr(dim, "dtype") for dim in dims):
        import numpy

        choose = numpy.maximum if which == "max" else numpy.minimum
        chosen = dims[0]
        for dim in dims[1:]:
            chosen = choose(chosen, dim)
        return chosen
    return max(dims) if which == "max" else min(dims)


def _settled(which: str, dims: Iterable[Dim]) -> Dim:
    """A minimum or maximum in canonical form: flat, without the losers, the common part pulled out."""
    kept = _winners(which, [as_dim(dim) for dim in dims])
    if len(kept) > 1:
        kept = _winners(which, _flattened(which, kept))
    if len(kept) == 1:
        return kept[0]
    polynomials = [terms_of(dim) for dim in kept]
    if all(any(p) and all(c < 0 for m, c in p.items() if m) for p in polynomials):
        return -_settled("min" if which == "max" else "max", [-dim for dim in kept])
    monomials = {m for p in polynomials for m in p}
    common = {m: least for m in monomials if (least := min(p.get(m, 0) for p in polynomials))}
    polynomials = [added(p, common, -1) for p in polynomials]
    divisor = gcd(*(c for p in polynomials for c in p.values()))
    shared = () if {} in polynomials else shared_by([m for p in polynomials for m in p])
    shared = tuple([atom for atom in shared if unsigned(atom)])
    args = [dim_of({without(m, shared): c // divisor for m, c in p.items()}) for p in polynomials]
    if common or shared or divisor > 1:
        return dim_of(common) + _settled(which, args) * dim_of({shared: divisor})
    return expr_of({(extreme_atom(which, frozenset(args)),): 1})


def _flattened(which: str, dims: Iterable[Dim]) -> Iterator[Dim]:
    """Each distinct argument, with an inner maximum (of a maximum) opened, or the negative of a minimum."""
    waiting, seen = list(reversed(list(dims))), set()
    while waiting:
        dim = waiting.pop()
        for m, c in terms_of(dim).items():
            atom = m[-1] if m else None  # minima and maxima stand last
            if isinstance(atom, Extreme) and cofactor_sign(m, c, atom) == (1 if atom.which == which else -1):
                rest, factor = dim - expr_of({m: c}), dim_of({m[:-1]: c})
                waiting.extend([rest + factor * arg for arg in reversed(atom.args)])
                break
        else:
            if dim not in seen:
                seen.add(dim)
                yield dim
        if len(seen) + len(waiting) > MAX_ARGS:
            raise OverflowError(f"this formula is too large: a minimum or maximum of more than {MAX_ARGS} sizes")


def _winners(which: str, dims: Iterable[Dim]) -> list[Dim]:
    """Those sizes of which none is known to be always beaten by another."""
    kept: list[Dim] = []
    for dim in dict.fromkeys(dims):
        if any(_wins(which, other, dim) for other in kept):
            continue
        kept = [other for other in kept if not _wins(which, dim, other)]
        kept.append(dim)
        if len(kept) > MAX_ARGS:
            raise OverflowError(f"this formula is too large: a minimum or maximum of more than {MAX_ARGS} sizes")
    return kept


def _wins(which: str, dim: Dim, other: Dim) -> bool:
    return never_negative(dim - other if which == "max" else other - dim)
