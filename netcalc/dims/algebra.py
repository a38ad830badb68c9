"""The formula itself: its atoms, `Expr` with its operators, and the canonical form of + - *.

Letters are declared here. How ⌊a / b⌋ is reduced is in :mod:`~netcalc.dims.quotients`, how a minimum or maximum is
in :mod:`~netcalc.dims.extremes`. The modules above import this one; the five functions that it needs of them
(`settled`, `quotient`, `residue`, `reach`, `written`) they put in their places here, which spares an import in every
operation.
"""

from __future__ import annotations

from itertools import groupby
from weakref import WeakValueDictionary

from netcalc.dims.polynomials import MAX_DEGREE, added, joined, multiplied, term_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    from netcalc.dims.polynomials import Monomial, Terms

    Range: TypeAlias = "tuple[int | None, int | None]"

MAX_NESTING = 60  # a formula beyond these is refused, with OverflowError
MAX_SIZE = 50_000


class Atom:
    """An indeterminate of a polynomial. Interned: equal atoms are the same object."""

    __slots__ = ("__weakref__", "_key", "_span", "depth", "free", "size")

    depth: int  # how deeply floors, minima and maxima are nested
    size: int  # how many terms it holds, written out
    unit = 1  # what the atom is multiplied with to be the size it names
    free: frozenset[Symbol]  # the letters in it
    _key: tuple[int, str, str] | None
    _span: Range | None

    @property
    def key(self) -> tuple[int, str, str]:
        """What atoms are ordered by: letters, then floors, then minima and maxima; floors by their divisor."""
        if self._key is None:
            self._key = self._order()
        return self._key

    @property
    def span(self) -> Range:
        """The least and greatest value, None where there is none known."""
        if self._span is None:
            self._span = reach(self)
        return self._span

    def _order(self) -> tuple[int, str, str]:
        raise NotImplementedError

    def _holding(self, parts: Iterable[Dim]) -> None:
        """Fill in what an atom made of other formulas inherits from them; refuse monsters."""
        atoms = [atom for part in parts if isinstance(part, Expr) for m in part._terms for atom in m]
        self.depth = 1 + max((atom.depth for atom in atoms), default=0)
        self.size = 1 + sum(atom.size for atom in atoms)
        self.free = frozenset().union(*(atom.free for atom in set(atoms)))
        self._key = self._span = None
        if self.depth > MAX_NESTING or self.size > MAX_SIZE:
            raise OverflowError(
                f"this formula is too large: floors, minima and maxima may nest {MAX_NESTING} deep"
                f" and hold {MAX_SIZE} terms; give some of its letters a value"
            )


class Symbol(Atom):
    """A letter: the size it names is this atom times ``unit`` and the letters ``over``, and ``remainder`` more.

    So H = 16·h + 12 where H + 4 is a multiple of 16, and C = G·c where C is one of G, all of them at least 1.
    """

    __slots__ = ("lower", "name", "over", "remainder", "unit", "upper")

    def __init__(
        self, name: str, lower: int | None, upper: int | None, unit: int, remainder: int = 0, over: Monomial = ()
    ) -> None:
        self.name, self.lower, self.upper = name, lower, upper
        self.unit, self.remainder, self.over = unit, remainder, over
        self.depth, self.size = 0, 1
        self.free = frozenset((self,)).union(*(atom.free for atom in over))
        self._key = (0, name, f"{lower} {upper} {unit} {remainder or ''}{' '.join(str(atom.key) for atom in over)}")
        least = None if lower is None else -((remainder - lower) // unit)
        if over and least is not None:
            least = min(least, 1)
        self._span = least, None if upper is None else (upper - remainder) // unit

    def __reduce__(self) -> Any:
        return symbol_atom, (self.name, self.lower, self.upper, self.unit, self.remainder, self.over)


class Floor(Atom):
    """⌊numerator / denominator⌋, in lowest terms.

    ``exact`` is the denominator where it always divides, as in (T²+T)/2, and 0 elsewhere: such atoms stand
    in a formula with a coefficient from 0 to exact - 1, the rest is a polynomial.
    """

    __slots__ = ("_steps", "denominator", "exact", "numerator")
    any_exact = False  # whether one has been made, for speed

    exact: int

    def __init__(self, numerator: Dim, denominator: Dim) -> None:
        self.numerator, self.denominator = numerator, denominator
        self._holding((numerator, denominator))
        self.exact = denominator if type(denominator) is int and residue(numerator, denominator) == 0 else 0
        if self.exact:
            Floor.any_exact = True
        self._steps: tuple[Expr, int, int] | tuple[()] | None = None

    @property
    def steps(self) -> tuple[Expr, int, int] | tuple[()]:
        """x, r and s of a floor with a number below that grows by s, 1 or -1, from x = r (mod that number) to x + 1.

        It is 0 at x = 0, so this is all there is to know of it (see :mod:`~netcalc.dims.wholes`). () for other floors,
        also where x holds floors itself: to put these together may change x.
        """
        if self._steps is None:
            self._steps = ()
            if isinstance(self.denominator, int) and isinstance(self.numerator, Expr) and not self.exact:
                base = self.numerator._terms.copy()
                constant, q = base.pop((), 0), self.denominator
                if 0 <= constant < q and all(isinstance(atom, Symbol) for m in base for atom in m):
                    down = base[min(base, key=term_order)] < 0
                    x = expr_of({m: -c for m, c in base.items()} if down else base)
                    self._steps = (x, constant, -1) if down else (x, q - 1 - constant, 1)
        return self._steps

    def _order(self) -> tuple[int, str, str]:
        return 1, _names(self), f"{_natural(written(self.denominator))} {_natural(written(self))}"

    def __reduce__(self) -> Any:
        return floor_atom, (self.numerator, self.denominator)


class Extreme(Atom):
    """The least (``which`` is "min") or greatest ("max") of two or more sizes."""

    __slots__ = ("args", "which")

    def __init__(self, which: str, args: frozenset[Dim]) -> None:
        self.which = which
        self.args: tuple[Dim, ...] = tuple(sorted(args, key=lambda arg: (isinstance(arg, int), written(arg))))
        self._holding(self.args)

    def _order(self) -> tuple[int, str, str]:
        return 2, _names(self), _natural(written(self))

    def __reduce__(self) -> Any:
        return extreme_atom, (self.which, frozenset(self.args))


_interned: WeakValueDictionary[Any, Any] = WeakValueDictionary()


def symbol_atom(
    name: str, lower: int | None, upper: int | None, unit: int, remainder: int = 0, over: Monomial = ()
) -> Symbol:
    key = (name, lower, upper, unit, remainder, over)
    found: Symbol | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Symbol(*key))


def floor_atom(numerator: Dim, denominator: Dim) -> Floor:
    key = (numerator, denominator)
    found: Floor | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Floor(*key))


def extreme_atom(which: str, args: frozenset[Dim]) -> Extreme:
    key = (which, args)
    found: Extreme | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Extreme(*key))


def _names(atom: Atom) -> str:
    return " ".join(sorted({letter.name for letter in atom.free}))


def _natural(text: str) -> str:
    """A text to sort by in which 4 stands before 16; the text itself follows, so that no two are equal."""
    parts = ["".join(part) for _, part in groupby(text, str.isdigit)]
    return "".join([part.zfill(12) if part.isdigit() else part for part in parts]) + " " + text


class Expr:
    """A formula over letters, immutable and hashable. Made by `symbol` and arithmetic, never directly.

    A result without letters is a plain int:

    >>> n = symbol("n")
    >>> (n + 3) - n, (4 * n + 6) // 4 - n, n * 0
    (3, 1, 0)
    """

    __slots__ = ("_bounds", "_hash", "_terms")
    __array_ufunc__ = None  # a NumPy array does not take a formula apart

    _terms: Terms
    _hash: int | None
    _bounds: Range | None

    def __add__(self, other: Dim) -> Dim:
        if type(other) is int:
            terms = self._terms.copy()
            constant = terms.get((), 0) + other
            if constant:
                terms[()] = constant
            else:
                terms.pop((), None)
            return expr_of(terms)
        if isinstance(other, Expr):
            return dim_of(settled(added(self._terms, other._terms)))
        whole = as_int(other)
        return NotImplemented if whole is None else self + whole

    __radd__ = __add__

    def __neg__(self) -> Expr:
        return expr_of(settled({m: -c for m, c in self._terms.items()}))

    def __pos__(self) -> Expr:
        return self

    def __sub__(self, other: Dim) -> Dim:
        if isinstance(other, Expr):
            return dim_of(settled(added(self._terms, other._terms, -1)))
        whole = as_int(other)
        return NotImplemented if whole is None else self + -whole

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        if type(other) is int:
            if other == 1:
                return self
            return expr_of(settled({m: c * other for m, c in self._terms.items()})) if other else 0
        if isinstance(other, Expr):
            return dim_of(settled(multiplied(self._terms, other._terms)))
        whole = as_int(other)
        return NotImplemented if whole is None else self * whole

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dim:
        whole = as_int(exponent)
        if whole is None:
            return NotImplemented
        if not 0 <= whole <= MAX_DEGREE:
            raise ValueError(f"the power of a size must be between 0 and {MAX_DEGREE}, not {exponent}")
        return product([self] * whole)

    def __floordiv__(self, other: Dim) -> Dim:
        if isinstance(other, Expr):
            return quotient(self, other)
        whole = as_int(other)
        return NotImplemented if whole is None else quotient(self, whole)

    def __rfloordiv__(self, other: Dim) -> Dim:
        whole = as_int(other)
        return NotImplemented if whole is None else quotient(whole, self)

    def __mod__(self, other: Dim) -> Dim:
        quotient = self // other
        return self - other * quotient

    def __rmod__(self, other: Dim) -> Dim:
        quotient = other // self
        return other - self * quotient

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Expr):
            return self is other or self._terms == other._terms
        return NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._terms.items()))
        return self._hash

    def _unordered(self, other: object) -> bool:
        raise TypeError(
            f"whether a size with letters ({self}) is less or greater is not a yes or no:"
            " use holds(left, relation, right), or minimum and maximum"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def __bool__(self) -> bool:
        raise TypeError(f"a size with letters ({self}) is neither true nor false: use holds(left, relation, right)")

    def __repr__(self) -> str:
        return written(self)

    def __format__(self, spec: str) -> str:
        return format(written(self), spec)

    def __reduce__(self) -> Any:
        return dim_of, (self._terms,)


Dim: TypeAlias = int | Expr


def quotient(numerator: Dim, denominator: Dim) -> Dim:
    """⌊numerator / denominator⌋: put in by :mod:`~netcalc.dims.quotients`."""
    raise NotImplementedError


def residue(dim: Dim, q: int) -> int | None:
    """The remainder a form of higher degree always leaves: put in by :mod:`~netcalc.dims.proofs`."""
    raise NotImplementedError


def reach(atom: Atom) -> Range:
    """Between which values an atom lies: put in by :mod:`~netcalc.dims.intervals`."""
    raise NotImplementedError


def written(part: Dim | Atom) -> str:
    """A size or an atom as a Python expression: put in by :mod:`~netcalc.dims.printing`."""
    raise NotImplementedError


def expr_of(terms: Terms) -> Expr:
    """Terms known to hold a letter and no zero, as a formula."""
    new = Expr.__new__(Expr)
    new._terms = terms
    new._hash = new._bounds = None
    return new


def dim_of(terms: Terms) -> Dim:
    """Terms without zeros, as a formula or, without letters, as an int."""
    if len(terms) <= 1:
        if not terms:
            return 0
        if () in terms:
            return terms[()]
    return expr_of(terms)


def terms_of(dim: Dim) -> Terms:
    if isinstance(dim, Expr):
        return dim._terms
    return {(): dim} if dim else {}


def as_int(value: object) -> int | None:
    """An int, a bool or a NumPy integer as an int; None for anything else."""
    if type(value) is int:
        return value
    try:
        return int(value.__index__())  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return None


def as_dim(dim: Dim) -> Dim:
    if isinstance(dim, Expr):
        return dim
    whole = as_int(dim)
    if whole is None:
        raise TypeError(f"a size is an int or a formula, not {type(dim).__name__}")
    return whole


def symbol(
    name: str, lower: int | None = 1, upper: int | None = None, multiple_of: Dim = 1, remainder: int = 0
) -> Expr:
    """The integer called ``name``, at least ``lower`` (1 unless declared, None for no bound).

    It is a multiple of a number, or of a product of letters that are at least 1; or ``remainder`` more than one.
    A letter is its name together with what is declared of it: declare it once.

    >>> from netcalc.dims import text
    >>> H, G = symbol("H", multiple_of=32), symbol("G")
    >>> print(text((H + 31) // 32 * 3), "|", text(5 * symbol("C", multiple_of=G) // G))
    3·H/32 | 5·C/G
    >>> W = symbol("W", multiple_of=16, remainder=12)
    >>> print(text(W // 4), "|", text(W // 16 * 48), "|", text(W // 16 + 2))
    W/4 | 3·W − 36 | (W+20)/16
    """
    if not name.isidentifier():
        raise ValueError(f"a letter needs a name such as H or d_model, not {name!r}")
    unit, over = _multiple(multiple_of)
    if unit < 1 or over and remainder:
        raise ValueError(f"multiple_of must be at least 1, not {multiple_of}")
    remainder = (remainder + (unit - 1) // 2) % unit - (unit - 1) // 2  # H + 4 rather than H − 12
    atom = symbol_atom(name, lower, upper, unit, remainder, over)
    least, most = atom.span
    if least is not None and most is not None and least > most:
        raise ValueError(f"no value is left for {name}: {lower} to {upper}, multiple of {multiple_of}")
    return expr_of({joined(over, atom): unit}) + remainder  # type: ignore[return-value]


def _multiple(size: Dim) -> tuple[int, Monomial]:
    """What a letter may be a multiple of: a number, and letters that are at least 1."""
    if isinstance(size, int):
        return size, ()
    if len(size._terms) == 1:
        ((over, unit),) = size._terms.items()
        if all(isinstance(a, Symbol) and not a.remainder and not a.over and (a.span[0] or 0) >= 1 for a in over):
            return unit, over
    raise ValueError(f"a letter can be declared a multiple of a number or of a product of letters, not of {size}")


def symbols(dim: Dim) -> tuple[str, ...]:
    """The names of the letters in a size, sorted.

    >>> symbols(symbol("W") // 2 + symbol("H")), symbols(7)
    (('H', 'W'), ())
    """
    return tuple(sorted({letter.name for letter in letters_in(dim)}))


def letters_in(dim: Dim) -> set[Symbol]:
    return {letter for m in terms_of(dim) for atom in m for letter in atom.free}


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes, 1 for none; also of arrays.

    >>> product([]), product([2, symbol("H"), 3])
    (1, 6*H)
    """
    result: Dim = 1
    for dim in dims:
        result = result * dim
    return result


def total(dims: Iterable[Dim]) -> Dim:
    """The sum of sizes, 0 for none; also of arrays.

    >>> total([]), total([2, symbol("H"), 3])
    (0, H + 5)
    """
    result: Dim = 0
    terms: Terms | None = None
    for dim in dims:
        if type(dim) is Expr:
            terms = dim._terms if terms is None else added(terms, dim._terms)
        else:
            result = result + dim
    return result if terms is None else dim_of(settled(terms)) + result


def settled(terms: Terms) -> Terms:
    """The canonical form of floors: put in by :mod:`~netcalc.dims.wholes`."""
    raise NotImplementedError
