"""Long formulas in pieces: a minimum or maximum that stays one factor, and names for what is long and recurs.

A formula of :mod:`netcalc.dims` is kept multiplied out, and of a minimum the common part is taken out. For products
of counts that have many terms each, as where windows overlap along several axes, this makes thousands of terms of a
few. A piece is a minimum or maximum as it was written, one atom of the formula, whose value is that of any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from netcalc.dims import Dim, Expr, maximum, minimum, substitute, symbol, text
from netcalc.dims.algebra import Atom, Extreme, Floor, Symbol, expr_of, extreme_atom, letters_in, terms_of
from netcalc.dims.replacing import replaced

SHORT = 4  # so many terms are compared, as minimum and maximum do
LONGEST = 20  # what has no more characters gets no name


def least(*sizes: Dim) -> Dim:
    """The least of sizes as one factor.

    >>> H, K, P = symbol("H"), symbol("K"), symbol("P")
    >>> least(H * K - 2 * P, 3 * H + K), least(H, H + 2), least(7, 3)
    (min(3*H + K, H*K - 2*P), H, 3)
    """
    return _extreme("min", sizes)


def greatest(*sizes: Dim) -> Dim:
    """The greatest of sizes as one factor.

    >>> greatest(symbol("K") - symbol("P"), 0)
    max(K - P, 0)
    """
    return _extreme("max", sizes)


def _extreme(which: str, sizes: Sequence[Dim]) -> Dim:
    if sum(len(terms_of(size)) for size in sizes if isinstance(size, Expr)) <= SHORT:
        settled = minimum(*sizes) if which == "min" else maximum(*sizes)
        if not isinstance(settled, Expr) or len(terms_of(settled)) == 1 or settled in sizes:
            return settled
    return expr_of({(extreme_atom(which, frozenset(sizes)),): 1})


def put_in(size: Dim, sizes: Mapping[str, Dim]) -> Dim:
    """A size with some letters replaced, as :func:`netcalc.dims.substitute` does, and its pieces kept.

    >>> H, P = symbol("H"), symbol("P")
    >>> put_in(greatest(H - P, 0) * H, {"H": 2 * H})
    2*H*max(2*H - P, 0)
    """
    return _put_in(size, {one: substitute(expr_of({(one,): 1}), sizes) for one in letters_in(size)})


def _put_in(size: Dim, values: dict[Atom, Dim]) -> Dim:
    for atom in _atoms(size):
        if isinstance(atom, Extreme) and atom not in values:
            values[atom] = _extreme(atom.which, list(dict.fromkeys(_put_in(part, values) for part in atom.args)))
        elif isinstance(atom, Floor) and atom not in values:
            values[atom] = _put_in(atom.numerator, values) // _put_in(atom.denominator, values)
    return replaced(size, values)


def _atoms(size: Dim) -> Iterator[Atom]:
    return (atom for atom in dict.fromkeys(atom for monomial in terms_of(size) for atom in monomial))


def _parts(atom: Atom) -> tuple[Dim, ...]:
    if isinstance(atom, Floor):
        return atom.numerator, atom.denominator
    return atom.args if isinstance(atom, Extreme) else ()


def abbreviated(sizes: Sequence[Dim], taken: Sequence[str] = ()) -> tuple[list[Dim], dict[str, Dim]]:
    """The sizes with names for the long minima, maxima and floors that recur in them; and what the names mean.

    What a name means may use names before it; ``taken`` are names in use.

    >>> H, W, K, P = map(symbol, "HWKP")
    >>> part = greatest(H * K - 2 * P - K * K + 8 * H + 1, 0)
    >>> abbreviated([part * W, 3 * part])
    ([W*a, 3*a], {'a': max(H*K - K**2 + 8*H - 2*P + 1, 0)})
    """
    uses: Counter[Atom] = Counter()
    waiting, met = list(sizes), set(sizes)
    while waiting:
        for monomial in terms_of(waiting.pop()):
            for atom in monomial:
                uses[atom] += 1
                for part in _parts(atom):
                    if part not in met:
                        met.add(part)
                        waiting.append(part)
    recurring = [atom for atom, times in uses.items() if times > 1 and not isinstance(atom, Symbol)]
    values: dict[Atom, Dim] = {}
    meanings: dict[str, Dim] = {}
    names = _names({*taken, *(letter.name for size in sizes for letter in letters_in(size))})
    for atom in sorted(recurring, key=lambda atom: (atom.depth, atom.key)):
        if len(text(expr_of({(atom,): 1}))) > LONGEST:
            meaning = _put_in(expr_of({(atom,): 1}), values)
            name = next(names)
            meanings[name], values[atom] = meaning, symbol(name, lower=None)
    return [_put_in(size, dict(values)) for size in sizes], meanings


def _names(taken: set[str]) -> Iterator[str]:
    """a, b, … z, a1, b1, …"""
    for round_ in count():
        for letter in "abcdefghijklmnopqrstuvwxyz":
            if (name := f"{letter}{round_ or ''}") not in taken:
                yield name
