"""Between which values a size lies: bounds of polynomials, floors, minima and maxima.

Sound, not always sharp. Yes and no to a whole relation, also by trying cases, is in :mod:`~netcalc.dims.proofs`.
"""

from __future__ import annotations

from netcalc.dims import algebra
from netcalc.dims.algebra import Expr, Extreme, Floor, terms_of
from netcalc.dims.polynomials import added, atom_key, multiplied, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from netcalc.dims.algebra import Atom, Dim, Range
    from netcalc.dims.polynomials import Monomial, Terms


def bounds(dim: Dim) -> Range:
    """The least and greatest value a size can take, None for none known. Sound, and exact for linear forms.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W", upper=9)
    >>> bounds(7), bounds(2 * H - 1), bounds((W + 1) // 2), bounds(H * H - H), bounds(H % 4)
    ((7, 7), (1, None), (1, 5), (0, None), (0, 3))
    """
    if not isinstance(dim, Expr):
        return dim, dim
    if dim._bounds is None:
        found = _interval(dim._terms, lambda atom: atom.span)
        if len(dim._terms) - (() in dim._terms) > 1 and (found[0] is None or found[1] is None or found[0] < found[1]):
            found = _narrowed(dim, found)
        dim._bounds = found
    return dim._bounds


def reach(atom: Atom) -> Range:
    """The range of a floor, a minimum or a maximum, from those of its parts."""
    if isinstance(atom, Floor):
        return divided(bounds(atom.numerator), bounds(atom.denominator))
    assert isinstance(atom, Extreme)
    lows, highs = zip(*map(bounds, atom.args), strict=True)
    if atom.which == "max":
        return _greatest(lows), _greatest(highs) if None not in highs else None
    return _least(lows) if None not in lows else None, _least(highs)


def never_negative(dim: Dim) -> bool:
    low = bounds(dim)[0]
    return low is not None and low >= 0


def always_positive(dim: Dim) -> bool:
    low = bounds(dim)[0]
    return low is not None and low > 0


def unsigned(atom: Atom) -> bool:
    """Whether an atom is never negative."""
    low = atom.span[0]
    return low is not None and low >= 0


def _interval(terms: Terms, span: Callable[[Atom], Range]) -> Range:
    """The range of a polynomial over a box.

    A form of higher degree is developed about the corner where every atom is least: with H = 1 + h,
    H² - H = h² + h is at least 0, which H² and -H by themselves do not show.
    """
    if max(map(len, terms)) > 1:
        spans = {atom: span(atom) for m in terms for atom in m}
        if len(spans) <= 12 and max(map(len, terms)) <= 12 and len(terms) <= 200:
            shifts: dict[Atom, Terms] = {}
            for atom, (low, high) in spans.items():
                if low is not None:
                    shifts[atom] = {(atom,): 1, (): low} if low else {(atom,): 1}
                    spans[atom] = (0, None if high is None else high - low)
                elif high is not None:
                    shifts[atom] = {(atom,): -1, (): high} if high else {(atom,): -1}
                    spans[atom] = (0, None)
                else:
                    shifts[atom] = {(atom,): 1}
            developed: Terms = {}
            for m, c in terms.items():
                part: Terms = {(): c}
                for atom in m:
                    part = multiplied(part, shifts[atom])
                developed = added(developed, part)
            terms = developed
        span = spans.__getitem__
    low = high = 0
    low_known = high_known = True
    for m, c in terms.items():
        least, most = (1, 1) if not m else span(m[0])
        for atom in m[1:]:
            least, most = _times((least, most), span(atom))
        if c < 0:
            least, most = most, least
        if least is None:
            low_known = False
        else:
            low += c * least
        if most is None:
            high_known = False
        else:
            high += c * most
    return low if low_known else None, high if high_known else None


def _times(a: Range, b: Range) -> Range:
    """The range of a product."""
    (p, q), (r, s) = a, b
    if a == (0, 0) or b == (0, 0):
        return 0, 0
    if p is not None and p >= 0 and r is not None and r >= 0:
        return p * r, None if q is None or s is None else q * s
    if q is not None and q <= 0:
        low, high = _times((-q, None if p is None else -p), b)
        return None if high is None else -high, None if low is None else -low
    if s is not None and s <= 0:
        return _times(b, a)
    if p is None or q is None or r is None or s is None:
        return None, None
    corners = (p * r, p * s, q * r, q * s)
    return min(corners), max(corners)


def divided(a: Range, b: Range) -> Range:
    """The range of ⌊a / b⌋."""
    (p, q), (r, s) = a, b
    if r is None or r < 1:
        if p is None or q is None:
            return None, None
        most = max(abs(p), abs(q))
        return -most, most
    if p is None:
        low = None
    elif p >= 0:
        low = 0 if s is None else p // s
    else:
        low = p // r
    if q is None:
        high = None
    elif q >= 0:
        high = q // r
    else:
        high = -1 if s is None else q // s
    return low, high


def _both(a: Range, b: Range) -> Range:
    return _greatest((a[0], b[0])), _least((a[1], b[1]))


def _greatest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _narrowed(dim: Expr, found: Range) -> Range:
    """Better bounds for terms that vary together.

    A minimum or maximum is one of its arguments: take each in turn. A floor ⌊x/q⌋ lies between
    (x-q+1)/q and x/q: put these in its place, so that H - 2·⌊H/2⌋ is seen to lie in 0...1.
    """
    atoms = {atom for m in dim._terms for atom in m}
    for atom in sorted((a for a in atoms if isinstance(a, Extreme)), key=atom_key)[:1]:
        if sum(isinstance(a, Extreme) for a in atoms) > 3 or len(atom.args) > 4 or atom.depth > 3:
            break
        from netcalc.dims.replacing import replaced

        ranges = [bounds(replaced(dim, {atom: arg})) for arg in atom.args]
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        low = None if None in lows else _least(lows)
        high = None if None in highs else _greatest(highs)
        signs = {cofactor_sign(m, c, atom) for m, c in dim._terms.items() if atom in m}
        if any(_within(other, atom) for other in atoms if other is not atom):
            signs.add(0)
        if len(signs) == 1 and (sign := signs.pop()):
            if (sign > 0) == (atom.which == "max"):
                low = _greatest(lows)
            else:
                high = _least(highs)
        return _both(found, (low, high))
    if any(isinstance(atom, Floor) for atom in atoms):
        found = _both(found, (_relaxed(dim, -1), _relaxed(dim, 1)))
    return found


def _relaxed(dim: Expr, side: int) -> int | None:
    """A bound from above (side 1) or below (side -1) with every floor replaced by its fraction."""
    terms, scale = dim._terms, 1
    for _ in range(16):
        floors = {atom for m in terms for atom in m if isinstance(atom, Floor) and isinstance(atom.denominator, int)}
        if not floors:
            break
        floor = min(floors, key=atom_key)
        numerator, q = terms_of(floor.numerator), floor.denominator
        assert isinstance(q, int)
        lowered = added(numerator, {(): 1 - q})
        replaced: Terms = {}
        for m, c in terms.items():
            if floor in m:
                others = without(m, (floor,))
                if not all(map(unsigned, others)):
                    return None
                part = multiplied({others: c}, numerator if c * side > 0 else lowered)
            else:
                part = {m: c * q}
            replaced = added(replaced, part)
        terms, scale = replaced, scale * q
        if len(terms) > 100:
            return None
    if not terms:
        return 0
    low, high = _interval(terms, lambda atom: atom.span)
    if side > 0:
        return None if high is None else high // scale
    return None if low is None else -(-low // scale)


def cofactor_sign(monomial: Monomial, coefficient: int, atom: Atom) -> int:
    """The sign of what one atom of a term is multiplied with; 0 where it is open (or the atom is squared)."""
    others = without(monomial, (atom,))
    if atom in others or not all(map(unsigned, others)):
        return 0
    return 1 if coefficient > 0 else -1


def _within(outer: Atom, inner: Atom) -> bool:
    """Whether one atom is part of another."""
    if isinstance(outer, Floor):
        parts: tuple[Dim, ...] = (outer.numerator, outer.denominator)
    else:
        parts = outer.args if isinstance(outer, Extreme) else ()
    return outer is inner or any(_within(atom, inner) for part in parts for m in terms_of(part) for atom in m)


algebra.reach = reach
