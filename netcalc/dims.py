"""A size: a plain ``int``, or a formula over integer letters.

>>> H, W = symbol("H"), symbol("W")
>>> print(text((H + 2 * 3 - 7) // 2 + 1))            # conv k7 s2 p3
⌊(H+1)/2⌋
>>> print(text(2 * H * W + H * H))
H² + 2·H·W

Layer rules are written once, with ``+ - * //``, `minimum`, `maximum`, `product` and `total`; they then
serve ints (exact and fast), letters (formulas) and NumPy arrays (sweeps) alike.

A formula (`Expr`) is a polynomial with integer coefficients, kept expanded. Its indeterminates are *atoms*:
letters, floor quotients and minima or maxima. Atoms are interned (one object for each), so a formula is a
dictionary ``{(atom, atom, ...): coefficient}`` and two formulas are equal when their dictionaries are.
A letter declared a multiple of m is held as m times an atom, which makes H // m exact without fractions.

Equality ``==`` compares the canonical form. It never calls unequal formulas equal, and it knows the laws
of +, -, *, of nested floors, of quotients that are always exact, as T·(T+1)/2 is, and of floors that make
a whole beside a common factor: C·⌊H/2⌋ + C·⌊(H+1)/2⌋ is C·H, and H - ⌊H/2⌋ is ⌊(H+1)/2⌋ (fewest floors, then
fewest terms; of two alike the earlier floor: H % 2 is H - 2·⌊H/2⌋). Not folded, so ask `holds` for a proof:

- floors of a multiple, ⌊2H/5⌋ = ⌊H/5⌋ + ⌊(H+2)/5⌋, and every second of six (only the least prime in a divisor
  makes wholes, 31 at most, in divisors up to 1024); quotients by a letter;
- wholes that show only after two steps of which the first lengthens the formula: ⌊(H+3)/4⌋ + ⌊H/2⌋ is
  H - ⌊(H+1)/4⌋, and some products multiplied out before their floors met;
- a sum of a minimum and a maximum of the same sizes, or one that a case distinction would settle.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from itertools import product as _grid
from math import gcd, lcm
from weakref import WeakValueDictionary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, TypeAlias

    Range: TypeAlias = "tuple[int | None, int | None]"
    Monomial: TypeAlias = "tuple[Atom, ...]"  # sorted, a square stands twice
    Kin: TypeAlias = "tuple[Any, ...]"
    Terms: TypeAlias = "dict[Monomial, int]"  # without zeros; () is the constant

__all__ = [
    "Dim", "Expr", "ascii_text", "bounds", "ceildiv", "degree", "evaluate", "factored_latex", "factored_text",
    "holds", "latex", "leading", "maximum", "minimum", "product", "python", "substitute", "symbol", "symbols",
    "text", "to_sympy", "total",
]  # fmt: skip

MAX_TERMS = 20_000  # a formula beyond these is refused, with OverflowError
MAX_DEGREE = 256
MAX_NESTING = 60
MAX_SIZE = 50_000
MAX_ARGS = 100
MAX_ORDER = 1024  # of floors with a larger divisor no whole is made
MAX_CASES = 64  # residue classes tried in a proof by cases
MAX_RESIDUES = 4096  # values tried in a proof of divisibility


# ---------------------------------------------------------------------------------------------- atoms


class Atom:
    """An indeterminate of a polynomial. Interned: equal atoms are the same object."""

    __slots__ = ("__weakref__", "_key", "_span", "depth", "free", "size")

    depth: int  # how deeply floors, minima and maxima are nested
    size: int  # how many terms it holds, written out
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
            self._span = self._reach()
        return self._span

    def _order(self) -> tuple[int, str, str]:
        raise NotImplementedError

    def _reach(self) -> Range:
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
    """A letter: ``unit`` times this atom is the size it names."""

    __slots__ = ("lower", "name", "unit", "upper")

    def __init__(self, name: str, lower: int | None, upper: int | None, unit: int) -> None:
        self.name, self.lower, self.upper, self.unit = name, lower, upper, unit
        self.depth, self.size, self.free = 0, 1, frozenset((self,))
        self._key = (0, name, f"{lower} {upper} {unit}")
        self._span = (
            None if lower is None else -(-lower // unit),
            None if upper is None else upper // unit,
        )

    def __reduce__(self) -> Any:
        return _symbol, (self.name, self.lower, self.upper, self.unit)


class Floor(Atom):
    """⌊numerator / denominator⌋, in lowest terms.

    ``exact`` is the denominator where it always divides, as in (T²+T)/2, and 0 elsewhere: such atoms stand
    in a formula with a coefficient from 0 to exact - 1, the rest is a polynomial (see `_settle`).
    """

    __slots__ = ("_kin", "denominator", "exact", "numerator")
    any_exact = False  # whether one has been made, for speed

    exact: int

    def __init__(self, numerator: Dim, denominator: Dim) -> None:
        self.numerator, self.denominator = numerator, denominator
        self._holding((numerator, denominator))
        self.exact = denominator if type(denominator) is int and _residue(numerator, denominator) == 0 else 0
        if self.exact:
            Floor.any_exact = True
        self._kin: Kin | None = None

    @property
    def kin(self) -> Kin:
        """What names the floors that make a whole together with this one (see `Family`), () for none."""
        if self._kin is None:
            plain = isinstance(self.denominator, int) and isinstance(self.numerator, Expr) and not self.exact
            self._kin = _kin(self.numerator, self.denominator) if plain else ()  # type: ignore[arg-type]
        return self._kin

    def _order(self) -> tuple[int, str, str]:
        return 1, _names(self), f"{_natural(ascii_text(self.denominator))} {_natural(_ASCII.atom(self))}"

    def _reach(self) -> Range:
        return _divided(bounds(self.numerator), bounds(self.denominator))

    def __reduce__(self) -> Any:
        return _floor, (self.numerator, self.denominator)


class Extreme(Atom):
    """The least (``which`` is "min") or greatest ("max") of two or more sizes."""

    __slots__ = ("args", "which")

    def __init__(self, which: str, args: frozenset[Dim]) -> None:
        self.which = which
        self.args: tuple[Dim, ...] = tuple(sorted(args, key=lambda arg: (isinstance(arg, int), ascii_text(arg))))
        self._holding(self.args)

    def _order(self) -> tuple[int, str, str]:
        return 2, _names(self), _natural(_ASCII.atom(self))

    def _reach(self) -> Range:
        lows, highs = zip(*map(bounds, self.args), strict=True)
        if self.which == "max":
            return _greatest(lows), _greatest(highs) if None not in highs else None
        return _least(lows) if None not in lows else None, _least(highs)

    def __reduce__(self) -> Any:
        return _extreme, (self.which, frozenset(self.args))


def _names(atom: Atom) -> str:
    return " ".join(sorted({letter.name for letter in atom.free}))


def _natural(written: str) -> str:
    """A text to sort by in which 4 stands before 16; the text itself follows, so that no two are equal."""
    parts = ["".join(part) for _, part in groupby(written, str.isdigit)]
    return "".join([part.zfill(12) if part.isdigit() else part for part in parts]) + " " + written


_interned: WeakValueDictionary[Any, Any] = WeakValueDictionary()


def _symbol(name: str, lower: int | None, upper: int | None, unit: int) -> Symbol:
    key = (name, lower, upper, unit)
    found: Symbol | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Symbol(*key))


def _floor(numerator: Dim, denominator: Dim) -> Floor:
    key = (numerator, denominator)
    found: Floor | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Floor(*key))


def _extreme(which: str, args: frozenset[Dim]) -> Extreme:
    key = (which, args)
    found: Extreme | None = _interned.get(key)
    return found if found is not None else _interned.setdefault(key, Extreme(*key))


# ---------------------------------------------------------------------------------------- expressions


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
            return _expr(terms)
        if isinstance(other, Expr):
            return _make(_settle(_added(self._terms, other._terms)))
        whole = _index(other)
        return NotImplemented if whole is None else self + whole

    __radd__ = __add__

    def __neg__(self) -> Expr:
        return _expr(_settle({m: -c for m, c in self._terms.items()}))

    def __pos__(self) -> Expr:
        return self

    def __sub__(self, other: Dim) -> Dim:
        if isinstance(other, Expr):
            return _make(_settle(_added(self._terms, other._terms, -1)))
        whole = _index(other)
        return NotImplemented if whole is None else self + -whole

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        if type(other) is int:
            if other == 1:
                return self
            return _expr(_settle({m: c * other for m, c in self._terms.items()})) if other else 0
        if isinstance(other, Expr):
            return _make(_settle(_multiplied(self._terms, other._terms)))
        whole = _index(other)
        return NotImplemented if whole is None else self * whole

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Dim:
        whole = _index(exponent)
        if whole is None:
            return NotImplemented
        if not 0 <= whole <= MAX_DEGREE:
            raise ValueError(f"the power of a size must be between 0 and {MAX_DEGREE}, not {exponent}")
        return product([self] * whole)

    def __floordiv__(self, other: Dim) -> Dim:
        if isinstance(other, Expr):
            return _quotient(self, other)
        whole = _index(other)
        return NotImplemented if whole is None else _quotient(self, whole)

    def __rfloordiv__(self, other: Dim) -> Dim:
        whole = _index(other)
        return NotImplemented if whole is None else _quotient(whole, self)

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
        return ascii_text(self)

    def __format__(self, spec: str) -> str:
        return format(ascii_text(self), spec)

    def __reduce__(self) -> Any:
        return _make, (self._terms,)


Dim: TypeAlias = int | Expr


def _expr(terms: Terms) -> Expr:
    """Terms known to hold a letter and no zero, as a formula."""
    new = Expr.__new__(Expr)
    new._terms = terms
    new._hash = new._bounds = None
    return new


def _make(terms: Terms) -> Dim:
    """Terms without zeros, as a formula or, without letters, as an int."""
    if len(terms) <= 1:
        if not terms:
            return 0
        if () in terms:
            return terms[()]
    return _expr(terms)


def _terms(dim: Dim) -> Terms:
    if isinstance(dim, Expr):
        return dim._terms
    return {(): dim} if dim else {}


def _added(left: Terms, right: Terms, times: int = 1) -> Terms:
    terms = left.copy()
    for m, c in right.items():
        c = terms.get(m, 0) + c * times
        if c:
            terms[m] = c
        else:
            del terms[m]
    return terms


def _multiplied(left: Terms, right: Terms) -> Terms:
    if len(left) * len(right) > 50 * MAX_TERMS:
        raise OverflowError(f"this formula is too large: it would have more than {MAX_TERMS} terms")
    terms: Terms = {}
    for m, c in left.items():
        for n, d in right.items():
            mn = m + n
            if m and n:
                if len(mn) > MAX_DEGREE:
                    raise OverflowError(f"this formula is too large: its degree is beyond {MAX_DEGREE}")
                mn = tuple(sorted(mn, key=_key))
            terms[mn] = terms.get(mn, 0) + c * d
    if len(terms) > MAX_TERMS:
        raise OverflowError(f"this formula is too large: it would have more than {MAX_TERMS} terms")
    return {m: c for m, c in terms.items() if c}


def _settle(terms: Terms) -> Terms:
    """The canonical form: exact quotients multiplied out, floors that make a whole put together."""
    return _gathered(_multiplied_out(terms) if Floor.any_exact else terms)


def _multiplied_out(terms: Terms) -> Terms:
    """Quotients that are always exact, multiplied out as far as they can be.

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
        numerator = _multiplied({_without(m, (floor,)): c // floor.exact}, _terms(floor.numerator))
        terms = _added(_added({n: d for n, d in terms.items() if n is not m}, left), numerator)
    return terms


class Family:
    """The floors ⌊(x+i·m)/(p·m)⌋, i < p, for a prime p, whose sum is ⌊x/m⌋ (Hermite's identity)."""

    def __init__(self, x: Dim, p: int, m: int) -> None:
        members = [_terms(_quotient(x + i * m, p * m)) for i in reversed(range(p))]
        self.floors = {atom for member in members for n in member for atom in n if isinstance(atom, Floor)}
        self.relation: Terms = {}  # all members less the whole: zero
        for member in members:
            self.relation = _added(self.relation, member)
        self.relation = _added(self.relation, _terms(x // m), -1)
        if any(isinstance(atom, Floor) and atom.exact for n in self.relation for atom in n):
            self.floors = set()  # exact quotients have a form of their own: see `_multiplied_out`

    def gathered(self, terms: Terms) -> Terms:
        """A formula with as few floors as adding the relation can leave, then as few terms."""
        for others in {_without(m, (atom,)): None for m in terms for atom in m if atom in self.floors}:
            relation = {m: (_with(others, *m), c) for m, c in self.relation.items() if m}
            found = {m: terms.get(n, 0) for m, (n, _) in relation.items()}
            ranked = []
            for place, (m, (_, c)) in enumerate(relation.items()):
                times = -found[m] // c
                left = {m: new for m, (_, c) in relation.items() if (new := found[m] + times * c)}
                floors = sum(any(isinstance(atom, Floor) for atom in m) for m in left)
                ranked.append((floors, len(left), sum(map(abs, left.values())), place, times))
            if times := min(ranked)[-1]:
                terms = _added(terms, _multiplied({others: times}, self.relation))
        return terms


def _kin(numerator: Expr, q: int) -> Kin:
    """The x, p and m of a floor's family: p is the least prime that divides q, where that is small."""
    p = next((p for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31) if q % p == 0), 0)
    if not p or q > MAX_ORDER:
        return ()
    base, constant = numerator._terms.copy(), numerator._terms.get((), 0)
    base.pop((), None)
    if base[min(base, key=_order)] < 0:  # ⌊x/q⌋ = -⌊(q-1-x)/q⌋
        base, constant = {m: -c for m, c in base.items()}, q - 1 - constant
    return _expr(base) + constant % (q // p), p, q // p


_families: dict[Kin, Family | None] = {}  # None while one is being made


def _gathered(terms: Terms) -> Terms:
    """Floors that make a whole put together: of ⌊H/2⌋ + ⌊(H+1)/2⌋ - H nothing is left."""
    for _ in range(16):  # what is put together may be part of another whole
        met: dict[Kin, Atom] = {}
        waiting = False
        for m in terms:
            for atom in m:
                if type(atom) is Floor and (kin := atom.kin):
                    waiting = met.setdefault(kin, atom) is not atom or waiting
        if not met or not (waiting or len(terms) > 1 and min(terms.values()) < 0 < max(terms.values())):
            break
        before = terms
        for kin in sorted(met, key=lambda kin: (-kin[1] * kin[2], met[kin].key)):
            if family := _family(kin):
                terms = family.gathered(terms)
        if terms is before:
            break
    return terms


def _family(kin: Kin) -> Family | None:
    if kin not in _families:
        if len(_families) > 4096:
            _families.clear()
        _families[kin] = None
        _families[kin] = Family(*kin)
    return _families[kin]


def _with(monomial: Monomial, *more: Atom) -> Monomial:
    return tuple(sorted((*monomial, *more), key=_key))


def _key(atom: Atom) -> tuple[int, str, str]:
    return atom.key


def _order(monomial: Monomial) -> tuple[int, tuple[tuple[int, str, str], ...]]:
    """Terms stand by falling degree, then alphabetically; the constant comes last."""
    return -len(monomial), tuple([atom.key for atom in monomial])


def _index(value: object) -> int | None:
    """An int, a bool or a NumPy integer as an int; None for anything else."""
    if type(value) is int:
        return value
    try:
        return int(value.__index__())  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        return None


def symbol(name: str, lower: int | None = 1, upper: int | None = None, multiple_of: int = 1) -> Expr:
    """The integer called ``name``, at least ``lower`` (1 unless declared, None for no bound).

    A letter is its name together with what is declared of it: declare it once.

    >>> H = symbol("H", multiple_of=32)
    >>> print(text((H + 31) // 32 * 3))
    3·H/32
    """
    if not name.isidentifier():
        raise ValueError(f"a letter needs a name such as H or d_model, not {name!r}")
    if multiple_of < 1:
        raise ValueError(f"multiple_of must be at least 1, not {multiple_of}")
    atom = _symbol(name, lower, upper, multiple_of)
    least, most = atom.span
    if least is not None and most is not None and least > most:
        raise ValueError(f"no value is left for {name}: {lower} to {upper}, multiple of {multiple_of}")
    return _expr({(atom,): multiple_of})


# ------------------------------------------------------------------------------------------- quotients


def _quotient(numerator: Dim, denominator: Dim) -> Dim:
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


@lru_cache(maxsize=4096)
def _by_number(numerator: Expr, q: int) -> Dim:
    """⌊numerator / q⌋ for an int q > 1.

    Whole parts are pulled out, so that coefficients inside lie in (-q/2, q/2] and the constant in [0, q);
    of ⌊x/q⌋ and its mirror image -⌊(q-1-x)/q⌋ the one with more positive terms is taken (see `_backward`);
    common divisors are cancelled, ⌊(gx+k)/gq⌋ = ⌊(x+⌊k/g⌋)/q⌋; and an inner floor is folded.

    >>> H = symbol("H")
    >>> print((H // 2 + 1) // 3, (2 * H + 3) // 4, -(-H // 4))
    (H+2)//6 (H+1)//2 (H+3)//4
    """
    folded = _folded(numerator, q) if _residue(numerator, q) is None else None
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
        return _make(whole)
    signed = [m for m, r in rest.items() if 2 * r != q]
    turned = {m: rest[m] for m in signed} if signed else {m: numerator._terms[m] for m in rest}
    if _backward(turned, q - 1 - 2 * constant):
        if not signed:
            return -_by_number(_expr(_added({(): q - 1}, numerator._terms, -1)), q)
        mirrored = {m: -r for m, r in rest.items()}
        if constant != q - 1:
            mirrored[()] = q - 1 - constant
        return _make(whole) - _by_number(_expr(mirrored), q)
    if divisor > 1:
        rest = {m: r // divisor for m, r in rest.items()}
        q, constant = q // divisor, constant // divisor
    if constant:
        rest[()] = constant
    inner = _expr(rest)
    residue = _residue(inner, q)
    if residue:  # as if exact: ⌊(p+r)/q⌋ = p/q where q always divides p and 0 <= r < q
        return _make(whole) + _by_number(_expr(_added(rest, {(): -residue})), q)
    folded = _folded(inner, q) if residue is None else None
    return _make(whole) + (_atomic(inner, q) if folded is None else folded)


@lru_cache(maxsize=4096)
def _residue(dim: Dim, q: int) -> int | None:
    """The remainder modulo q that a form of higher degree leaves whatever its letters are, None for none known."""
    if not isinstance(dim, Expr) or max(map(len, dim._terms)) < 2:
        return None
    residue = next((value % q for value in _samples(dim)), None)
    return residue if residue is not None and _divisible(dim - residue, q) else None


def _backward(terms: Terms, constant: int) -> bool:
    """Whether -x reads better than x, whose constant is apart: fewer minus signs, greater coefficients.

    What the letters are called decides last, so that all axes of a layer look the same.
    """
    if len(terms) == 1:
        return next(iter(terms.values())) < 0
    merit = sum([1 if c > 0 else -1 for c in terms.values()]) or sum(terms.values()) or constant
    return (merit or terms[min(terms, key=_order)]) < 0


def _merit(terms: Terms) -> tuple[int, int, int, list[int]]:
    """How well a numerator reads, for `_by_formula`, by the standard of `_backward`."""
    letters = [terms[m] for m in sorted(terms, key=_order) if m]
    return sum([1 if c > 0 else -1 for c in letters]), sum(letters), terms.get((), 0), letters


def _folded(numerator: Expr, denominator: Dim) -> Dim | None:
    """⌊(⌊x/a⌋+b)/c⌋ = ⌊(x+ab)/(ac)⌋ where there is such an inner floor, for positive a and c."""
    nested = [
        m
        for m, c in numerator._terms.items()
        if len(m) == 1 and -1 <= c <= 1 and isinstance(m[0], Floor) and _positive(m[0].denominator)
    ]
    if not nested:
        return None
    m = min(nested, key=_order) if len(nested) > 1 else nested[0]
    inner = m[0]
    assert isinstance(inner, Floor)
    sign, a = numerator._terms[m], inner.denominator
    b = _make({n: c for n, c in numerator._terms.items() if n is not m})
    x = inner.numerator if sign == 1 else a - 1 - inner.numerator  # -⌊x/a⌋ = ⌊(a-1-x)/a⌋
    return _quotient(x + b * a, denominator * a)


def _atomic(numerator: Expr, denominator: Dim) -> Dim:
    """The atom ⌊numerator/denominator⌋, or its value where the bounds leave only one."""
    low, high = _divided(bounds(numerator), bounds(denominator))
    if low is not None and low == high:
        return low
    return _expr({(_floor(numerator, denominator),): 1})


@lru_cache(maxsize=1024)
def _by_formula(numerator: Dim, q: Expr) -> Dim:
    """⌊numerator / q⌋ for a formula q; exact where the polynomial q divides.

    >>> H, W = symbol("H"), symbol("W")
    >>> print((H * W + W * W) // (H + W), (2 * H * W + W + 5) // W, ceildiv(H, W), W // (W + 1))
    W 2*H + 5//W + 1 (H-1)//W + 1 0
    """
    lead = min(q._terms, key=_order)
    if q._terms[lead] < 0:
        return _by_formula(-numerator, -q)
    whole, rest = _divmod(_terms(numerator), q._terms, lead)
    if not rest:
        return _make(whole)
    if len(q._terms) > 1:
        whole, rest = {}, _terms(numerator)
    common = _shared(list(rest) + list(q._terms))
    if common:
        rest = {_without(m, common): c for m, c in rest.items()}
        return _make(whole) + _quotient(_make(rest), _make({_without(m, common): c for m, c in q._terms.items()}))
    positive = _positive(q)
    content = gcd(*q._terms.values())
    divisor = gcd(content, *(c for m, c in rest.items() if m or not positive))
    if divisor > 1:
        reduced = {m: c // divisor for m, c in rest.items() if c // divisor}
        return _make(whole) + _quotient(_make(reduced), _make({m: c // divisor for m, c in q._terms.items()}))
    inner = _make(rest)
    if positive:
        mirrored = _terms(q - 1 - inner)
        if len(q._terms) == 1:
            mirrored = _divmod(mirrored, q._terms, lead)[1]
        if _merit(mirrored) > _merit(rest):  # ⌊x/q⌋ = -⌊(q-1-x)/q⌋
            return _make(whole) - _by_formula(q - 1 - inner, q)
        if _nonnegative(inner) and _nonnegative(q - 1 - inner):
            return _make(whole)
        if isinstance(inner, Expr):
            folded = _folded(inner, q)
            return _make(whole) + (_atomic(inner, q) if folded is None else folded)
    return _make(whole) + _expr({(_floor(inner, q),): 1})


def _divmod(numerator: Terms, q: Terms, lead: Monomial) -> tuple[Terms, Terms]:
    """Long division of polynomials by the leading term: numerator = q * quotient + rest."""
    quotient: Terms = {}
    rest = numerator
    pending = sorted(numerator, key=_order)
    for _ in range(200):
        for m in pending:
            if m in rest and rest[m] // q[lead] and _divides(lead, m):
                break
        else:
            break
        n, c = _without(m, lead), rest[m] // q[lead]
        quotient = _added(quotient, {n: c})
        rest = _added(rest, _multiplied(q, {n: c}), -1)
        pending = sorted(rest, key=_order)
    return quotient, rest


def _divides(part: Monomial, monomial: Monomial) -> bool:
    return all(monomial.count(atom) >= part.count(atom) for atom in part)


def _without(monomial: Monomial, part: Monomial) -> Monomial:
    left = list(monomial)
    for atom in part:
        left.remove(atom)
    return tuple(left)


def _shared(monomials: list[Monomial]) -> Monomial:
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


def ceildiv(a: Dim, b: Dim) -> Dim:
    """⌈a / b⌉, also of arrays.

    >>> ceildiv(7, 2), ceildiv(symbol("H"), 2)
    (4, (H+1)//2)
    """
    return -(-a // b)


# ----------------------------------------------------------------------------- minima, maxima and folds


def minimum(*dims: Dim) -> Dim:
    """The least of some sizes, also elementwise of arrays; settled where the letters allow.

    >>> H = symbol("H")
    >>> minimum(3, 7), minimum(H, H + 2), minimum(H + 3, 9, 7)
    (3, H, min(H, 4) + 3)
    """
    least: Dim = _extremum("min", dims)
    return least


def maximum(*dims: Dim) -> Dim:
    """The greatest of some sizes, also elementwise of arrays; settled where the letters allow.

    >>> H, W = symbol("H"), symbol("W")
    >>> maximum(3, 7), maximum(H, 1), maximum(2 * W + H, H + 2 * H, H)
    (7, H, H + 2*max(H, W))
    """
    greatest: Dim = _extremum("max", dims)
    return greatest


def _extremum(which: str, dims: Sequence[Any]) -> Any:
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
    kept = _winners(which, [_whole(dim) for dim in dims])
    if len(kept) > 1:
        kept = _winners(which, _flattened(which, kept))
    if len(kept) == 1:
        return kept[0]
    polynomials = [_terms(dim) for dim in kept]
    if all(any(p) and all(c < 0 for m, c in p.items() if m) for p in polynomials):
        return -_settled("min" if which == "max" else "max", [-dim for dim in kept])
    monomials = {m for p in polynomials for m in p}
    common = {m: least for m in monomials if (least := min(p.get(m, 0) for p in polynomials))}
    polynomials = [_added(p, common, -1) for p in polynomials]
    divisor = gcd(*(c for p in polynomials for c in p.values()))
    shared = () if {} in polynomials else _shared([m for p in polynomials for m in p])
    shared = tuple([atom for atom in shared if _unsigned(atom)])
    args = [_make({_without(m, shared): c // divisor for m, c in p.items()}) for p in polynomials]
    if common or shared or divisor > 1:
        return _make(common) + _settled(which, args) * _make({shared: divisor})
    return _expr({(_extreme(which, frozenset(args)),): 1})


def _flattened(which: str, dims: Iterable[Dim]) -> Iterator[Dim]:
    """Each distinct argument, with an inner maximum (of a maximum) opened, or the negative of a minimum."""
    waiting, seen = list(reversed(list(dims))), set()
    while waiting:
        dim = waiting.pop()
        for m, c in _terms(dim).items():
            atom = m[-1] if m else None  # minima and maxima stand last
            if isinstance(atom, Extreme) and _cofactor(m, c, atom) == (1 if atom.which == which else -1):
                rest, factor = dim - _expr({m: c}), _make({m[:-1]: c})
                waiting.extend([rest + factor * arg for arg in reversed(atom.args)])
                break
        else:
            if dim not in seen:
                seen.add(dim)
                yield dim
        if len(seen) + len(waiting) > MAX_ARGS:
            raise OverflowError(f"this formula is too large: a minimum or maximum of more than {MAX_ARGS} sizes")


def _whole(dim: Dim) -> Dim:
    if isinstance(dim, Expr):
        return dim
    whole = _index(dim)
    if whole is None:
        raise TypeError(f"a size is an int or a formula, not {type(dim).__name__}")
    return whole


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
    return _nonnegative(dim - other if which == "max" else other - dim)


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
    for dim in dims:
        result = result + dim
    return result


# --------------------------------------------------------------------------------------------- bounds


def symbols(dim: Dim) -> tuple[str, ...]:
    """The names of the letters in a size, sorted.

    >>> symbols(symbol("W") // 2 + symbol("H")), symbols(7)
    (('H', 'W'), ())
    """
    return tuple(sorted({letter.name for letter in _letters(dim)}))


def _letters(dim: Dim) -> set[Symbol]:
    return {letter for m in _terms(dim) for atom in m for letter in atom.free}


def bounds(dim: Dim) -> Range:
    """The least and greatest value a size can take, None for none known. Sound, and exact for linear forms.

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
                    part = _multiplied(part, shifts[atom])
                developed = _added(developed, part)
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


def _divided(a: Range, b: Range) -> Range:
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


def _narrowed(dim: Expr, found: Range) -> Range:
    """Better bounds for terms that vary together.

    A minimum or maximum is one of its arguments: take each in turn. A floor ⌊x/q⌋ lies between
    (x-q+1)/q and x/q: put these in its place, so that H - 2·⌊H/2⌋ is seen to lie in 0...1.
    """
    atoms = {atom for m in dim._terms for atom in m}
    for atom in sorted((a for a in atoms if isinstance(a, Extreme)), key=_key)[:1]:
        if sum(isinstance(a, Extreme) for a in atoms) > 3 or len(atom.args) > 4 or atom.depth > 3:
            break
        ranges = [bounds(_replaced(dim, {atom: arg})) for arg in atom.args]
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        low = None if None in lows else _least(lows)
        high = None if None in highs else _greatest(highs)
        signs = {_cofactor(m, c, atom) for m, c in dim._terms.items() if atom in m}
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


def _cofactor(monomial: Monomial, coefficient: int, atom: Atom) -> int:
    """The sign of what one atom of a term is multiplied with; 0 where it is open (or the atom is squared)."""
    others = _without(monomial, (atom,))
    if atom in others or not all(map(_unsigned, others)):
        return 0
    return 1 if coefficient > 0 else -1


def _unsigned(atom: Atom) -> bool:
    """Whether an atom is never negative."""
    low = atom.span[0]
    return low is not None and low >= 0


def _within(outer: Atom, inner: Atom) -> bool:
    """Whether one atom is part of another."""
    if isinstance(outer, Floor):
        parts: tuple[Dim, ...] = (outer.numerator, outer.denominator)
    else:
        parts = outer.args if isinstance(outer, Extreme) else ()
    return outer is inner or any(_within(atom, inner) for part in parts for m in _terms(part) for atom in m)


def _relaxed(dim: Expr, side: int) -> int | None:
    """A bound from above (side 1) or below (side -1) with every floor replaced by its fraction."""
    terms, scale = dim._terms, 1
    for _ in range(16):
        floors = {atom for m in terms for atom in m if isinstance(atom, Floor) and isinstance(atom.denominator, int)}
        if not floors:
            break
        floor = min(floors, key=_key)
        numerator, q = _terms(floor.numerator), floor.denominator
        assert isinstance(q, int)
        lowered = _added(numerator, {(): 1 - q})
        replaced: Terms = {}
        for m, c in terms.items():
            if floor in m:
                others = _without(m, (floor,))
                if not all(map(_unsigned, others)):
                    return None
                part = _multiplied({others: c}, numerator if c * side > 0 else lowered)
            else:
                part = {m: c * q}
            replaced = _added(replaced, part)
        terms, scale = replaced, scale * q
        if len(terms) > 100:
            return None
    if not terms:
        return 0
    low, high = _interval(terms, lambda atom: atom.span)
    if side > 0:
        return None if high is None else high // scale
    return None if low is None else -(-low // scale)


def _both(a: Range, b: Range) -> Range:
    return _greatest((a[0], b[0])), _least((a[1], b[1]))


def _greatest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _nonnegative(dim: Dim) -> bool:
    low = bounds(dim)[0]
    return low is not None and low >= 0


def _positive(dim: Dim) -> bool:
    low = bounds(dim)[0]
    return low is not None and low > 0


# ---------------------------------------------------------------------------------------------- values


def substitute(dim: Dim, mapping: Mapping[str, Dim]) -> Dim:
    """A size with some letters replaced by sizes.

    >>> H, W = symbol("H"), symbol("W")
    >>> substitute(H // 2 * W, {"H": 7}), substitute(H // 2, {"H": 2 * W + 1})
    (3*W, W)

    A value that contradicts what is declared of its letter is a ValueError.
    """
    if not isinstance(dim, Expr):
        return dim
    values: dict[Atom, Dim] = {}
    for letter in _letters(dim):
        if letter.name in mapping:
            value = _whole(mapping[letter.name])
            if letter.lower is not None and holds(value, ">=", letter.lower) is False:
                raise ValueError(f"{letter.name} is at least {letter.lower}, not {value}")
            if letter.upper is not None and holds(value, "<=", letter.upper) is False:
                raise ValueError(f"{letter.name} is at most {letter.upper}, not {value}")
            if letter.unit > 1 and not holds(value, "divisible by", letter.unit):
                raise ValueError(f"{letter.name} is a multiple of {letter.unit}; {value} is not known to be one")
            values[letter] = value // letter.unit
    return _replaced(dim, values) if values else dim


def _replaced(dim: Dim, values: dict[Atom, Dim]) -> Dim:
    """A size with atoms replaced; ``values`` also remembers what became of the atoms met."""
    if not isinstance(dim, Expr):
        return dim
    result: Dim = 0
    for m, c in dim._terms.items():
        part: Dim = c
        for atom in m:
            value = values.get(atom)
            if value is None:
                if isinstance(atom, Floor):
                    value = _replaced(atom.numerator, values) // _replaced(atom.denominator, values)
                elif isinstance(atom, Extreme):
                    value = _extremum(atom.which, [_replaced(arg, values) for arg in atom.args])
                else:
                    value = _expr({(atom,): 1})
                values[atom] = value
            part = part * value
        result = result + part
    return result


def evaluate(dim: Dim, mapping: Mapping[str, Any]) -> Any:
    """The value of a size, every letter given as an int or as a NumPy array of ints.

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
    for letter in _letters(dim):
        value = mapping[letter.name]
        if hasattr(value, "dtype"):
            arrays = True
            if value.dtype.kind not in "iuO":
                raise TypeError(f"{letter.name} is an integer, not {value.dtype}")
            least, most = (int(value.min()), int(value.max())) if value.size else (letter.lower, letter.upper)
            whole = not (value % letter.unit).any()
        else:
            least = most = value = _index(value)
            if value is None:
                raise TypeError(f"{letter.name} is an integer or an array of integers")
            whole = value % letter.unit == 0
        if letter.lower is not None and least is not None and least < letter.lower:
            raise ValueError(f"{letter.name} is at least {letter.lower}, not {least}")
        if letter.upper is not None and most is not None and most > letter.upper:
            raise ValueError(f"{letter.name} is at most {letter.upper}, not {most}")
        if not whole:
            raise ValueError(f"{letter.name} is a multiple of {letter.unit}")
        values[letter] = value
    if arrays:
        sizes: dict[Atom, int] = {}
        for atom, value in values.items():
            high = abs(value) if isinstance(value, int) else int(abs(value.astype(object)).max()) if value.size else 0
            sizes[atom] = max(high, 1)
        wide = "int64" if _magnitude(dim, sizes) < 2**63 else "object"
        values = {a: value.astype(wide) if hasattr(value, "dtype") else value for a, value in values.items()}
    for letter in _letters(dim):
        if letter.unit > 1:
            values[letter] = values[letter] // letter.unit
    return _valued(dim, values)


def _valued(dim: Dim, values: dict[Atom, Any]) -> Any:
    if not isinstance(dim, Expr):
        return dim
    result: Any = 0
    for m, c in dim._terms.items():
        part: Any = c
        for atom in m:
            value = values.get(atom)
            if value is None:
                if isinstance(atom, Floor):
                    divisor = _valued(atom.denominator, values)
                    if hasattr(divisor, "dtype") and not (divisor != 0).all():
                        raise ZeroDivisionError(ascii_text(atom.denominator))
                    value = _valued(atom.numerator, values) // divisor
                elif isinstance(atom, Extreme):
                    value = _extremum(atom.which, [_valued(arg, values) for arg in atom.args])
                values[atom] = value
            part = part * value
        result = result + part
    return result


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


# ---------------------------------------------------------------------------------------------- proofs


def holds(left: Dim, relation: str, right: Dim) -> bool | None:
    """Whether a relation is true for all values of the letters, for none (False), or depends (None).

    ``relation`` is one of ``== != >= <= > <`` and ``divisible by``. True and False are proved;
    None also stands for "not found out".

    >>> H, W = symbol("H"), symbol("W")
    >>> holds(H, ">=", 1), holds(H, "<", 1), holds(H, ">=", 3)
    (True, False, None)
    >>> holds(H // 2 + (H + 1) // 2, "==", H), holds(4 * H + 2, "divisible by", 4)
    (True, False)
    """
    if relation not in _RELATIONS:
        raise ValueError(f"unknown relation {relation!r}: one of {', '.join(_RELATIONS)}")
    if type(left) is int and type(right) is int:
        return _RELATIONS[relation](left, right)
    left, right = _whole(left), _whole(right)
    if relation == "divisible by":
        if isinstance(right, int):
            return _divisible(left, abs(right)) if right else holds(left, "==", 0)
        if left - right * (left // right) == 0:
            return True
        return None
    if relation in ("==", "!="):
        equal = _is_zero(left - right)
        return equal if relation == "==" or equal is None else not equal
    if relation in (">=", "<"):
        atleast = _is_nonnegative(left - right)
        return atleast if relation == ">=" or atleast is None else not atleast
    atmost = _is_nonnegative(right - left)
    return atmost if relation == "<=" or atmost is None else not atmost


_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "divisible by": lambda a, b: a % b == 0 if b else a == 0,
}


@lru_cache(maxsize=4096)
def _is_nonnegative(dim: Dim, split: bool = True) -> bool | None:
    low, high = bounds(dim)
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    assert isinstance(dim, Expr)
    signs = {value >= 0 for value in _samples(dim)}
    if len(signs) == 2 or not split:
        return None
    answers = {_is_nonnegative(case, split=False) for case in _cases(dim)}
    return answers.pop() if len(answers) == 1 else None


@lru_cache(maxsize=4096)
def _is_zero(dim: Dim, split: bool = True) -> bool | None:
    if not isinstance(dim, Expr):
        return dim == 0
    low, high = bounds(dim)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    if low == high == 0:
        return True
    if dim._terms.get((), 0) % gcd(*(c for m, c in dim._terms.items() if m)):
        return False
    signs = {value == 0 for value in _samples(dim)}
    if len(signs) == 2 or not split:
        return None
    answers = {_is_zero(case, split=False) for case in _cases(dim)}
    return answers.pop() if len(answers) == 1 else None


def _samples(dim: Expr) -> Iterator[int]:
    """The values of a formula at a few points."""
    letters = sorted(_letters(dim), key=_key)
    for offsets in ((0,), (1,), (2, 1), (1, 3, 2), (7, 0), (0, 7), (64, 10), (3, 100), (1000,), (99999, 1)):
        values: dict[Atom, Any] = {}
        for position, letter in enumerate(letters):
            low, high = letter.span
            offset = offsets[position % len(offsets)]
            if low is not None:
                values[letter] = low + offset if high is None else min(low + offset, high)
            else:
                values[letter] = high - offset if high is not None else offset * (-1) ** offset
        try:
            yield int(_valued(dim, values))
        except ZeroDivisionError:
            continue


def _cases(dim: Expr) -> list[Dim]:
    """A formula split by the remainders of its letters, so that its floors vanish: H = 2h or H = 2h + 1."""
    periods: dict[Symbol, int] = {}
    _note_periods(dim, 1, periods)
    count = 1
    for period in periods.values():
        count *= period
    if not 1 < count <= MAX_CASES:
        return []
    letters = [letter for letter, period in periods.items() if period > 1]
    cases: list[Dim] = []
    for remainders in _grid(*(range(periods[letter]) for letter in letters)):
        values: dict[Atom, Dim] = {}
        for letter, remainder in zip(letters, remainders, strict=True):
            (low, high), period = letter.span, periods[letter]
            low = None if low is None else -((remainder - low) // period)
            high = None if high is None else (high - remainder) // period
            if low is not None and high is not None and low >= high:
                if low > high:
                    break
                values[letter] = low * period + remainder
            else:
                values[letter] = _expr({(_symbol(letter.name, low, high, 1),): period}) + remainder
        else:
            cases.append(_replaced(dim, values))
    return cases


def _note_periods(dim: Dim, factor: int, periods: dict[Symbol, int]) -> None:
    for m in _terms(dim):
        for atom in m:
            if isinstance(atom, Symbol):
                periods[atom] = lcm(periods.get(atom, 1), factor)
            elif isinstance(atom, Floor):
                q = atom.denominator
                _note_periods(atom.numerator, factor * q if isinstance(q, int) else factor, periods)
                _note_periods(q, factor, periods)
            elif isinstance(atom, Extreme):
                for arg in atom.args:
                    _note_periods(arg, factor, periods)


@lru_cache(maxsize=4096)
def _divisible(dim: Dim, n: int) -> bool | None:
    """Whether n divides, by trying every remainder that the letters can leave."""
    if isinstance(dim, int):
        return dim % n == 0
    terms = {m: r for m, c in dim._terms.items() if (r := c % n)}
    constant = terms.get((), 0)
    divisor = gcd(n, *(c for m, c in terms.items() if m))
    if constant % divisor:
        return False
    if not any(terms):
        return constant == 0
    reduced = _expr(terms)
    answers = {value % n == 0 for value in _samples(reduced)}
    if len(answers) == 2:
        return None
    # Floors over letters repeat with a period; what has none (a minimum, a symbolic quotient) is left free.
    periods: dict[Symbol, int] = {}
    free: set[Atom] = set()
    for m in terms:
        for atom in m:
            if _periodic(atom):
                _note_periods(_expr({(atom,): 1}), n, periods)
            else:
                free.add(atom)
    choices: list[tuple[Atom, range]] = [(atom, _remainders(atom.span, n)) for atom in free]
    choices += [(letter, _remainders(letter.span, period)) for letter, period in periods.items()]
    count = 1
    for _, values in choices:
        count *= len(values)
    if count > MAX_RESIDUES:
        return None
    answers.clear()
    for combination in _grid(*(values for _, values in choices)):
        given = {atom: value for (atom, _), value in zip(choices, combination, strict=True)}
        answers.add(_valued(reduced, given) % n == 0)
        if len(answers) == 2:
            return None
    return answers.pop()


def _periodic(atom: Atom) -> bool:
    if isinstance(atom, Floor):
        return isinstance(atom.denominator, int) and all(_periodic(a) for m in _terms(atom.numerator) for a in m)
    return isinstance(atom, Symbol)


def _remainders(span: Range, period: int) -> range:
    """One full period of values, or fewer where the bounds are closer."""
    low, high = span
    if low is None:
        low = 0 if high is None else high - period + 1
    return range(low, low + period if high is None else min(low + period, high + 1))


# -------------------------------------------------------------------------------------------- printing


class _Style:
    """How a formula is written; the three ways differ only in what is below."""

    times, plus, minus = "*", "+", "-"
    delimited = False  # whether a quotient stands in a product without parentheses

    def name(self, name: str) -> str:
        return name

    @property
    def listed(self) -> _Style:
        """How a formula is written between commas."""
        return self

    def number(self, number: int) -> str:
        return str(number)

    def power(self, base: str, exponent: int) -> str:
        return f"{base}**{exponent}"

    def quotient(self, numerator: str, denominator: str) -> str:
        return f"{numerator}//{denominator}"

    def exact(self, numerator: str, denominator: int) -> str:
        return f"{numerator}//{denominator}"

    def group(self, inside: str) -> str:
        return f"({inside})"

    def extreme(self, which: str, args: list[str]) -> str:
        return f"{which}({', '.join(args)})"

    def part(self, terms: Terms, below: bool) -> str:
        """A numerator or what stands below it, in parentheses where it must be."""
        written = self.sum(terms, tight=True)
        (m, c), *more = terms.items()
        lone = len(m) == 1 and c == _unit(m)
        if more or c < 0:
            return self.group(written)
        if lone and isinstance(m[0], Floor) and not self.delimited:
            return self.group(written)
        return self.group(written) if below and m and not lone else written

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.name(atom.name)
        if isinstance(atom, Extreme):
            return self.extreme(atom.which, [self.listed.sum(_terms(arg)) for arg in atom.args])
        if isinstance(atom, Shifted):
            return self.group(self.sum(atom.terms))
        assert isinstance(atom, Floor)
        return self.fraction(_terms(atom.numerator), _terms(atom.denominator))

    def fraction(self, numerator: Terms, denominator: Terms) -> str:
        scale = lcm(*(_unit(m) // gcd(c, _unit(m)) for terms in (numerator, denominator) for m, c in terms.items()))
        above, below = ({m: c * scale for m, c in terms.items()} for terms in (numerator, denominator))
        return self.quotient(self.part(above, below=False), self.part(below, below=True))

    def term(self, m: Monomial, c: int) -> str:
        """A product c·m for c > 0."""
        unit = _unit(m)
        common = gcd(c, unit)
        above, below = c // common, unit // common
        factors = [self.number(above)] if above != 1 or not m else []
        for atom in dict.fromkeys(m):
            count, written = m.count(atom), self.atom(atom)
            if isinstance(atom, Floor) and not self.delimited and (len(m) > 1 or c != 1):
                written = self.group(written)
            factors.append(self.power(written, count) if count > 1 else written)
        written = self.times.join(factors)
        return self.exact(written, below) if below > 1 else written

    def sum(self, terms: Terms, tight: bool = False) -> str:
        if not any(terms):
            return self.number(terms.get((), 0)).replace("-", self.minus)
        terms = _recentred(terms)
        fraction = _as_fraction(terms)
        if fraction:
            return self.fraction(*fraction)
        ordered = sorted(terms, key=_order)
        first = _foremost(terms, ordered)
        ordered.remove(first)
        written = self.term(first, abs(terms[first]))
        if terms[first] < 0:
            quotient = not self.delimited and len(first) == 1 and "//" in written
            written = self.minus + (self.group(written) if quotient else written)
        space = "" if tight else " "
        for m in ordered:
            sign = self.plus if terms[m] > 0 else self.minus
            written += f"{space}{sign}{space}{self.term(m, abs(terms[m]))}"
        return written

    def factored(self, dim: Dim) -> str:
        content, common, shifted, rest = _factors(_terms(dim))
        factors = []
        for (atom, k), count in shifted.items():
            written = self.sum({(atom,): 1, (): -k})
            if not (self.delimited and _as_fraction({(atom,): 1, (): -k})):
                written = self.group(written)
            factors.append(self.power(written, count) if count > 1 else written)
        if rest != {(): 1}:
            factors.append(self.group(self.sum(rest)))
        if not common and abs(content) == 1 and len(factors) < 2 and all(n == 1 for n in shifted.values()):
            return self.sum(_terms(dim))
        if common or abs(content) != 1:
            factors.insert(0, self.sum({common: content}))
        elif content < 0:
            factors[0] = self.minus + factors[0]
        return self.times.join(factors)


def _foremost(terms: Terms, ordered: list[Monomial]) -> Monomial:
    """The term to begin with: one without a minus; if others were passed over, one without a number: W − K + 2·P."""
    positive = [m for m in ordered if terms[m] > 0]
    if not positive or positive[0] is ordered[0]:
        return ordered[0]
    bare = [m for m in positive if len(m) == len(positive[0]) and terms[m] == 1]
    return bare[0] if bare else positive[0]


def _as_fraction(terms: Terms) -> tuple[Terms, Terms] | None:
    """The one quotient as which a sum reads better: ⌊(H+1)/2⌋ - 1 is ⌊(H-1)/2⌋, 3D - ⌊(D+2)/3⌋ is ⌊8D/3⌋."""
    floors = [m for m, c in terms.items() if len(m) == 1 and -1 <= c <= 1 and isinstance(m[0], Floor)]
    if len(floors) != 1 or len(terms) < 2:
        return None
    floor, sign = floors[0][0], terms[floors[0]]
    assert isinstance(floor, Floor)
    numerator, q = _terms(floor.numerator), floor.denominator
    rest = {m: c for m, c in terms.items() if m is not floors[0]}
    whole = [m for m in rest if m]
    if not isinstance(q, int) or any(m not in numerator or abs(rest[m]) > 16 for m in whole):
        return None
    if not whole and (sign < 0 or rest[()] > 0):
        return None
    if sign < 0:
        numerator = _added({(): q - 1}, numerator, -1)
    return _added(numerator, rest, q), {(): q}


def _recentred(terms: Terms) -> Terms:
    """Products of shifted floors put together again, for printing only.

    The canonical 9fg - 36f - 36g + 144 with f = ⌊(H+1)/4⌋ and g = ⌊(W+1)/4⌋ becomes 9·⌊(H-15)/4⌋·⌊(W-15)/4⌋, and
    fg + f + g + 1 is (f + 1)·(g + 1).
    """
    if len(terms) < 3:
        return terms
    shown = terms.copy()
    for m, most in terms.items():
        pair = [atom for atom in m if isinstance(atom, Floor)]
        if len(pair) != 2:
            continue
        (f, g), others = pair, _without(m, tuple(pair))
        # most·fg - b·f - c·g + constant  =  a·(f-i)·(g-j) + (most-a)·fg + (constant-aij)  for b = aj, c = ai
        with_f, with_g = (_with(others, atom) for atom in pair)
        b, c = -shown.get(with_f, 0), -shown.get(with_g, 0)
        if b * c <= 0 or (f is g and b % 2):
            continue
        if f is g:
            b = c = b // 2
        common, sign, constant = gcd(b, c), 1 if most > 0 else -1, shown.get(others, 0)
        if b * most > 0 and all(isinstance(atom.denominator, int) for atom in pair):
            found = [sign * common // k for k in range(1, 65) if common % k == 0 and common <= k * abs(most)]
        else:
            found = [most] if common % most == 0 else []
        found = [a for a in found if abs(b * c // a) <= sign * constant]  # aij = bc/a
        if not found:
            continue
        a = next((a for a in found if b * c // a == constant), found[0])
        i, j = c // a, b // a
        moved = [_shifted(atom, k) for atom, k in ((f, i), (g, j))]
        removed = {m: a, others: a * i * j, with_f: -a * j}
        removed[with_g] = removed.get(with_g, 0) - a * i if f is g else -a * i
        shown = _added(shown, removed, -1)
        shown = _added(shown, {_with(others, *moved): a})
    return shown


class Shifted(Atom):
    """A floor and a number, (⌊H/S⌋ + 1), as a factor; for printing only."""

    __slots__ = ("terms",)

    def __init__(self, floor: Floor, number: int) -> None:
        self.terms: Terms = {(floor,): 1, (): number}
        self._key, self._span, self.depth, self.size, self.free = floor.key, None, floor.depth, floor.size, floor.free


@lru_cache(maxsize=1024)
def _shifted(floor: Floor, k: int) -> Atom:
    """A floor less k, for printing."""
    if k > 0 and isinstance(floor.denominator, int):
        return _floor(floor.numerator - floor.denominator * k, floor.denominator)
    return Shifted(floor, -k)


def _factors(terms: Terms) -> tuple[int, Monomial, dict[tuple[Atom, int], int], Terms]:
    """A polynomial as content x monomial x factors (atom - k) x rest, as far as it falls apart easily."""
    if not terms:
        return 0, (), {}, {(): 1}
    common = _shared(list(terms))
    terms = {_without(m, common): c for m, c in terms.items()}
    content = gcd(*(c // gcd(c, _unit(m)) if m else c for m, c in terms.items()))
    if terms[min(terms, key=_order)] < 0:
        content = -content
    terms = {m: c // content for m, c in terms.items()}
    shifted: dict[tuple[Atom, int], int] = {}
    for atom in sorted({atom for m in terms for atom in m}, key=_key):
        if len(terms) > 200 or _unit((atom,)) > 1:
            continue
        while k := _root(terms, atom):
            shifted[atom, k] = shifted.get((atom, k), 0) + 1
            terms = _divmod(terms, {(atom,): 1, (): -k}, (atom,))[0]
    return content, common, shifted, terms


def _root(terms: Terms, atom: Atom) -> int:
    """A number k other than 0 such that atom - k divides the polynomial, 0 for none."""
    rows: dict[Monomial, dict[int, int]] = {}
    for m, c in terms.items():
        count = m.count(atom)
        rows.setdefault(_without(m, (atom,) * count), {})[count] = c
    row = min(rows.values(), key=len)
    if len(row) < 2:
        return 0
    low, high = row[min(row)], row[max(row)]
    candidates = [-low // high] if len(row) == 2 and max(row) == min(row) + 1 else [*range(-64, 0), *range(1, 65)]
    for k in candidates:
        if k and low % k == 0 and all(not sum(c * k**n for n, c in row.items()) for row in rows.values()):
            return k
    return 0


def _unit(m: Monomial) -> int:
    """What stands between the coefficient of a term and the coefficient of its letters."""
    unit = 1
    for atom in m:
        if isinstance(atom, Symbol):
            unit *= atom.unit
    return unit


class _Unicode(_Style):
    times, minus, delimited = "·", "−", True

    @property
    def listed(self) -> _Style:
        return _UNGROUPED

    def number(self, number: int) -> str:
        return f"{number:,}"

    def power(self, base: str, exponent: int) -> str:
        return base + str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))

    def quotient(self, numerator: str, denominator: str) -> str:
        return f"⌊{numerator}/{denominator}⌋"

    def exact(self, numerator: str, denominator: int) -> str:
        return f"{numerator}/{denominator}"


class _Latex(_Style):
    times, delimited = r"\,", True

    def number(self, number: int) -> str:
        return f"{number:,}".replace(",", "{,}")

    def name(self, name: str) -> str:
        stem, _, index = name.partition("_")
        if len(stem) == 1 and index:
            return f"{stem}_{{{self.name(index)}}}"
        if len(name) > 1 and name[1:].isdigit():
            return f"{name[0]}_{{{name[1:]}}}"
        if len(name) == 1 or name.isdigit():
            return name
        return r"\mathrm{" + name.replace("_", r"\_") + "}"

    def power(self, base: str, exponent: int) -> str:
        return f"{{{base}}}^{{{exponent}}}" if "_" in base else f"{base}^{{{exponent}}}"

    def part(self, terms: Terms, below: bool) -> str:
        return self.sum(terms, tight=True)

    def quotient(self, numerator: str, denominator: str) -> str:
        return rf"\left\lfloor \frac{{{numerator}}}{{{denominator}}} \right\rfloor"

    def exact(self, numerator: str, denominator: int) -> str:
        return rf"\frac{{{numerator}}}{{{denominator}}}"

    def group(self, inside: str) -> str:
        return rf"\left({inside}\right)"

    def extreme(self, which: str, args: list[str]) -> str:
        separator = r",\, "
        return rf"\{which}\left({separator.join(args)}\right)"


class _Ungrouped(_Unicode):
    number = _Style.number


_ASCII, _UNICODE, _UNGROUPED, _LATEX = _Style(), _Unicode(), _Ungrouped(), _Latex()


def text(dim: Dim, grouped: bool = True) -> str:
    """A size for people; the digits in a formula are ``grouped`` (2,048·H), those of a lone number are not.

    >>> H, W = symbol("H"), symbol("W")
    >>> print(text(3 - 2 * H**2 * W), "|", text((H - 3) // 2), "|", text(maximum(H, W - 1) // 2))
    3 − 2·H²·W | ⌊(H−3)/2⌋ | ⌊(max(H + 1, W)−1)/2⌋
    """
    return (_UNICODE if grouped and isinstance(dim, Expr) else _UNGROUPED).sum(_terms(dim))


def ascii_text(dim: Dim) -> str:
    """A size as a Python expression; also its repr.

    >>> H, W = symbol("H"), symbol("W")
    >>> print(ascii_text(3 * ((H + 31) // 32) * W**2 - 1))
    3*W**2*((H+31)//32) - 1
    """
    return _ASCII.sum(_terms(dim))


python = ascii_text


def latex(dim: Dim) -> str:
    r"""A size for LaTeX, in math mode.

    >>> print(latex(2 * (symbol("H") + 1) // 4 * symbol("C_out")))
    C_{\mathrm{out}}\,\left\lfloor \frac{H+1}{2} \right\rfloor
    """
    return _LATEX.sum(_terms(dim)) if isinstance(dim, Expr) else str(dim)


def factored_text(dim: Dim) -> str:
    """A size for people, the common factor taken out.

    >>> C, H, W = symbol("C"), symbol("H"), symbol("W")
    >>> print(factored_text(64 * H * W * (9 * C + 1)))
    64·H·W·(9·C + 1)
    """
    return _UNICODE.factored(dim)


def factored_latex(dim: Dim) -> str:
    r"""A size for LaTeX, the common factor taken out.

    >>> print(factored_latex(6 * symbol("H") + 3))
    3\,\left(2\,H + 1\right)
    """
    return _LATEX.factored(dim)


def to_sympy(dim: Dim) -> Any:
    """A size as a SymPy expression over integer symbols, positive where they are known to be.

    >>> to_sympy((symbol("H") + 1) // 2)
    floor(H/2 + 1/2)
    """
    import sympy  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def convert(dim: Dim) -> Any:
        return sympy.Add(*(sympy.Mul(c, *map(atom, m)) for m, c in _terms(dim).items()))

    def atom(a: Atom) -> Any:
        if isinstance(a, Symbol):
            known = {} if a.lower is None or a.lower < 0 else {"positive" if a.lower else "nonnegative": True}
            return sympy.Symbol(a.name, integer=True, **known) / a.unit
        if isinstance(a, Extreme):
            return (sympy.Max if a.which == "max" else sympy.Min)(*map(convert, a.args))
        assert isinstance(a, Floor)
        return sympy.floor(convert(a.numerator) / convert(a.denominator))

    return convert(dim)


# ---------------------------------------------------------------------------------------------- growth


def degree(dim: Dim, name: str) -> int:
    """The power with which a size grows in one letter; a floor grows as its fraction.

    >>> T = symbol("T")
    >>> degree(3 * T * (T // 2) + T, "T"), degree(7, "T")
    (2, 0)
    """
    return max((sum(_atom_degree(atom, name) for atom in m) for m in _terms(dim)), default=0)


def ratio(above: Dim, below: Dim) -> tuple[Dim, Dim]:
    """The exact quotient of two sizes, as numerator and denominator without the factors that are seen in both.

    >>> T = symbol("T")
    >>> ratio(512 * T**2 + 32768 * T, 128 * T**2 + 16384 * T), ratio(6 * (T + 1) ** 2, 4 * T + 4)
    ((4*T + 256, T + 128), (3*T + 3, 2))
    """
    if above == 0:
        return 0, 1
    (m, common, shifted, rest), (n, others, moved, left) = (_factors(_terms(size)) for size in (above, below))
    if rest == left:
        rest = left = {(): 1}
    both = _shared([common, others])
    powers = {key: min(shifted.get(key, 0), moved.get(key, 0)) for key in shifted}
    top = _expanded(m, _without(common, both), {key: count - powers[key] for key, count in shifted.items()}, rest)
    bottom = _expanded(n, _without(others, both), {k: count - powers.get(k, 0) for k, count in moved.items()}, left)
    divisor = gcd(*top.values(), *bottom.values())
    one, other = (_make({m: c // divisor for m, c in terms.items()}) for terms in (top, bottom))
    return one, other


def _expanded(content: int, common: Monomial, shifted: dict[tuple[Atom, int], int], rest: Terms) -> Terms:
    """What :func:`_factors` took apart, multiplied out."""
    terms = _multiplied(rest, {common: content})
    for (atom, k), count in shifted.items():
        for _ in range(count):
            terms = _multiplied(terms, {(atom,): 1, (): -k})
    return terms


def _atom_degree(atom: Atom, name: str) -> int:
    if isinstance(atom, Symbol):
        return int(atom.name == name)
    if isinstance(atom, Floor):
        return max(0, degree(atom.numerator, name) - degree(atom.denominator, name))
    assert isinstance(atom, Extreme)
    degrees = [degree(arg, name) for arg in atom.args]
    return max(degrees) if atom.which == "max" else min(degrees)


def leading(dim: Dim, name: str) -> tuple[Dim, int]:
    """What the leading power of one letter is multiplied with, as numerator and denominator.

    >>> T, D = symbol("T"), symbol("D")
    >>> leading(4 * T * T * D + 7 * T, "T"), leading(3 * ((T + 31) // 32), "T")
    ((4*D, 1), (3, 32))
    """
    highest = degree(dim, name)
    above: Dim = 0
    below = 1
    for m, c in _terms(dim).items():
        if sum(_atom_degree(atom, name) for atom in m) < highest:
            continue
        top: Dim = c
        bottom = 1
        for atom in m:
            n, d = _atom_leading(atom, name)
            top, bottom = top * n, bottom * d
        above, below = above * bottom + top * below, below * bottom
    divisor = gcd(below, *_terms(above).values())
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
        return _extremum(atom.which, [a * (below // b) for a, b in ends]), below
    return _expr({(atom,): 1}), 1
