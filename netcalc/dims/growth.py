"""How a size grows in a letter: its degree, its leading coefficient, and the ratio of two sizes."""

from __future__ import annotations

from math import gcd, lcm

from netcalc.dims.algebra import Extreme, Floor, Symbol, dim_of, expr_of, terms_of
from netcalc.dims.extremes import extremum
from netcalc.dims.polynomials import expanded, factorization, shared_by, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from netcalc.dims.algebra import Atom, Dim


def degree(dim: Dim, name: str) -> int:
    """The power with which a size grows in one letter; a floor grows as its fraction.

    >>> from netcalc.dims import symbol
    >>> T = symbol("T")
    >>> degree(3 * T * (T // 2) + T, "T"), degree(7, "T")
    (2, 0)
    """
    return max((sum(_atom_degree(atom, name) for atom in m) for m in terms_of(dim)), default=0)


def _atom_degree(atom: Atom, name: str) -> int:
    if isinstance(atom, Symbol):
        return int(atom.name == name) - sum(_atom_degree(other, name) for other in atom.over)
    if isinstance(atom, Floor):
        return max(0, degree(atom.numerator, name) - degree(atom.denominator, name))
    assert isinstance(atom, Extreme)
    degrees = [degree(arg, name) for arg in atom.args]
    return max(degrees) if atom.which == "max" else min(degrees)


def leading(dim: Dim, name: str) -> tuple[Dim, int]:
    """What the leading power of one letter is multiplied with, as numerator and denominator.

    >>> from netcalc.dims import symbol
    >>> T, D = symbol("T"), symbol("D")
    >>> leading(4 * T * T * D + 7 * T, "T"), leading(3 * ((T + 31) // 32), "T")
    ((4*D, 1), (3, 32))
    """
    highest = degree(dim, name)
    above: Dim = 0
    below = 1
    for m, c in terms_of(dim).items():
        if sum(_atom_degree(atom, name) for atom in m) < highest:
            continue
        top: Dim = c
        bottom = 1
        for atom in m:
            n, d = _atom_leading(atom, name)
            top, bottom = top * n, bottom * d
        above, below = above * bottom + top * below, below * bottom
    divisor = gcd(below, *terms_of(above).values())
    return above // divisor, below // divisor


def _atom_leading(atom: Atom, name: str) -> tuple[Dim, int]:
    if isinstance(atom, Symbol) and atom.name == name:
        return 1, atom.unit
    if isinstance(atom, Floor) and isinstance(atom.denominator, int) and degree(atom.numerator, name):
        above, below = leading(atom.numerator, name)
        return above, below * atom.denominator
    if isinstance(atom, Extreme) and (highest := _atom_degree(atom, name)):
        ends = [leading(arg, name) for arg in atom.args if degree(arg, name) == highest]
        below = lcm(*(b for _, b in ends))
        return extremum(atom.which, [a * (below // b) for a, b in ends]), below
    return expr_of({(atom,): 1}), 1


def ratio(above: Dim, below: Dim) -> tuple[Dim, Dim]:
    """The exact quotient of two sizes, as numerator and denominator without the factors that are seen in both.

    >>> from netcalc.dims import symbol
    >>> T = symbol("T")
    >>> ratio(512 * T**2 + 32768 * T, 128 * T**2 + 16384 * T), ratio(6 * (T + 1) ** 2, 4 * T + 4)
    ((4*T + 256, T + 128), (3*T + 3, 2))
    """
    if above == 0:
        return 0, 1
    (m, common, shifted, rest), (n, others, moved, left) = (factorization(terms_of(size)) for size in (above, below))
    if rest == left:
        rest = left = {(): 1}
    both = shared_by([common, others])
    powers = {key: min(shifted.get(key, 0), moved.get(key, 0)) for key in shifted}
    top = expanded(m, without(common, both), {key: count - powers[key] for key, count in shifted.items()}, rest)
    bottom = expanded(n, without(others, both), {k: count - powers.get(k, 0) for k, count in moved.items()}, left)
    divisor = gcd(*top.values(), *bottom.values())
    one, other = (dim_of({m: c // divisor for m, c in terms.items()}) for terms in (top, bottom))
    return one, other
