"""Letters given values: sizes put in for them (`substitute`), ints and NumPy arrays (`evaluate`), and SymPy.

What is declared of a letter is held against its value here; the formula is worked out anew in
:mod:`~netcalc.dims.replacing`.
"""

from __future__ import annotations

from netcalc.dims.algebra import (
    Expr,
    Extreme,
    Floor,
    Symbol,
    as_dim,
    as_int,
    dim_of,
    expr_of,
    letters_in,
    product,
    symbol,
    symbols,
    terms_of,
)
from netcalc.dims.proofs import holds
from netcalc.dims.replacing import replaced, valued

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from netcalc.dims.algebra import Atom, Dim


def substitute(dim: Dim, mapping: Mapping[str, Dim]) -> Dim:
    """A size with some letters replaced by sizes.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> substitute(H // 2 * W, {"H": 7}), substitute(H // 2, {"H": 2 * W + 1})
    (3*W, W)

    A value that contradicts what is declared of its letter is a ValueError.
    """
    if not isinstance(dim, Expr):
        return dim
    values: dict[Atom, Dim] = {}
    for letter in sorted(letters_in(dim), key=_last):
        below = letter.unit * product([values.get(atom, expr_of({(atom,): 1})) for atom in letter.over])
        if letter.name in mapping:
            value = as_dim(mapping[letter.name])
            if letter.lower is not None and holds(value, ">=", letter.lower) is False:
                raise ValueError(f"{letter.name} is at least {letter.lower}, not {value}")
            if letter.upper is not None and holds(value, "<=", letter.upper) is False:
                raise ValueError(f"{letter.name} is at most {letter.upper}, not {value}")
            if below != 1 and not holds(value - letter.remainder, "divisible by", below):
                raise ValueError(f"{_multiple(letter)}; {value} is not known to be one")
            values[letter] = (value - letter.remainder) // below
        elif not values.keys().isdisjoint(letter.over):
            values[letter] = symbol(letter.name, letter.lower, letter.upper, below) // below
    return replaced(dim, values) if values else dim


def _last(letter: Symbol) -> bool:
    """Letters come after those that they are multiples of."""
    return bool(letter.over)


def _multiple(letter: Symbol) -> str:
    more = f"{letter.remainder} more than " if letter.remainder else ""
    return f"{letter.name} is {more}a multiple of {dim_of({letter.over: letter.unit})}"


def evaluate(dim: Dim, mapping: Mapping[str, Any]) -> Any:
    """The value of a size, every letter given as an int or as a NumPy array of ints.

    >>> from netcalc.dims import symbol
    >>> H = symbol("H")
    >>> evaluate((H + 1) // 2 * H, {"H": 7})
    28

    Arrays are computed in 64 bits, or in Python's ints where 64 bits might overflow.
    """
    if not isinstance(dim, Expr):
        return dim
    missing = [name for name in symbols(dim) if name not in mapping]
    if missing:
        raise ValueError(f"no value is given for {', '.join(missing)}")
    values: dict[Atom, Any] = {}
    arrays = False
    for letter in letters_in(dim):
        value = mapping[letter.name]
        if hasattr(value, "dtype"):
            arrays = True
            if value.dtype.kind not in "iuO":
                raise TypeError(f"{letter.name} is an integer, not {value.dtype}")
            least, most = (int(value.min()), int(value.max())) if value.size else (letter.lower, letter.upper)
        else:
            least = most = value = as_int(value)
            if value is None:
                raise TypeError(f"{letter.name} is an integer or an array of integers")
        if letter.lower is not None and least is not None and least < letter.lower:
            raise ValueError(f"{letter.name} is at least {letter.lower}, not {least}")
        if letter.upper is not None and most is not None and most > letter.upper:
            raise ValueError(f"{letter.name} is at most {letter.upper}, not {most}")
        values[letter] = value
    if arrays:
        sizes: dict[Atom, int] = {}
        for atom, value in values.items():
            high = abs(value) if isinstance(value, int) else int(abs(value.astype(object)).max()) if value.size else 0
            sizes[atom] = max(high, 1)
        wide = "int64" if _magnitude(dim, sizes) < 2**63 else "object"
        values = {a: value.astype(wide) if hasattr(value, "dtype") else value for a, value in values.items()}
    for letter in sorted(letters_in(dim), key=_last):
        if letter.unit > 1 or letter.over:
            below = product([letter.unit, *(values[atom] for atom in letter.over)])
            rest = (values[letter] - letter.remainder) % below
            if rest.any() if hasattr(rest, "dtype") else rest:
                raise ValueError(_multiple(letter))
            values[letter] = (values[letter] - letter.remainder) // below
    return valued(dim, values)


def _magnitude(dim: Dim, sizes: dict[Atom, int]) -> int:
    """No intermediate result of `evaluate` is larger than this."""
    if not isinstance(dim, Expr):
        return abs(dim)
    result = 0
    for m, c in dim._terms.items():
        part = abs(c)
        for atom in m:
            if atom not in sizes:
                if isinstance(atom, Floor):
                    parts = [_magnitude(atom.numerator, sizes) + 1, _magnitude(atom.denominator, sizes)]
                else:
                    assert isinstance(atom, Extreme)
                    parts = [_magnitude(arg, sizes) for arg in atom.args]
                sizes[atom] = max(1, *parts)
            part *= sizes[atom]
        result += part
    return result


def to_sympy(dim: Dim) -> Any:
    """A size as a SymPy expression over integer symbols, positive where they are known to be.

    >>> from netcalc.dims import symbol
    >>> to_sympy((symbol("H") + 1) // 2)
    floor(H/2 + 1/2)
    """
    import sympy  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def convert(dim: Dim) -> Any:
        return sympy.Add(*(sympy.Mul(c, *map(atom, m)) for m, c in terms_of(dim).items()))

    def atom(a: Atom) -> Any:
        if isinstance(a, Symbol):
            known = {} if a.lower is None or a.lower < 0 else {"positive" if a.lower else "nonnegative": True}
            return (sympy.Symbol(a.name, integer=True, **known) - a.remainder) / a.unit / sympy.Mul(*map(atom, a.over))
        if isinstance(a, Extreme):
            return (sympy.Max if a.which == "max" else sympy.Min)(*map(convert, a.args))
        assert isinstance(a, Floor)
        return sympy.floor(convert(a.numerator) / convert(a.denominator))

    return convert(dim)
