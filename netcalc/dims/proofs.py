"""Whether a relation holds for all values of the letters (`holds`), and what remainders a size leaves.

Proved from the bounds of :mod:`~netcalc.dims.intervals`, else by trying every remainder of the letters; refuted
by values at a few points.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product as _grid
from math import gcd, lcm

from netcalc.dims import algebra
from netcalc.dims.algebra import Expr, Extreme, Floor, Symbol, as_dim, expr_of, letters_in, symbol_atom, terms_of
from netcalc.dims.intervals import bounds
from netcalc.dims.polynomials import atom_key
from netcalc.dims.replacing import replaced, valued

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from netcalc.dims.algebra import Atom, Dim, Range

MAX_CASES = 64  # residue classes tried in a proof by cases
MAX_RESIDUES = 4096  # values tried in a proof of divisibility


def holds(left: Dim, relation: str, right: Dim) -> bool | None:
    """Whether a relation is true for all values of the letters, for none (False), or depends (None).

    ``relation`` is one of ``== != >= <= > <`` and ``divisible by``. True and False are proved;
    None also stands for "not found out".

    >>> from netcalc.dims import symbol
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
    left, right = as_dim(left), as_dim(right)
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
    letters = sorted(letters_in(dim), key=atom_key)
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
            yield int(valued(dim, values))
        except ZeroDivisionError:
            continue


def _cases(dim: Expr) -> list[Dim]:
    """A formula split by the remainders of its letters, so that its floors vanish: H = 2h or H = 2h + 1."""
    periods: dict[Symbol, int] = {}
    note_periods(dim, 1, periods)
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
                values[letter] = expr_of({(symbol_atom(letter.name, low, high, 1),): period}) + remainder
        else:
            cases.append(replaced(dim, values))
    return cases


def note_periods(dim: Dim, factor: int, periods: dict[Symbol, int]) -> None:
    """Fill in with which period each letter makes the floors of a size, divided by a factor, repeat."""
    for m in terms_of(dim):
        for atom in m:
            if isinstance(atom, Symbol):
                periods[atom] = lcm(periods.get(atom, 1), factor)
            elif isinstance(atom, Floor):
                q = atom.denominator
                note_periods(atom.numerator, factor * q if isinstance(q, int) else factor, periods)
                note_periods(q, factor, periods)
            elif isinstance(atom, Extreme):
                for arg in atom.args:
                    note_periods(arg, factor, periods)


@lru_cache(maxsize=4096)
def residue(dim: Dim, q: int) -> int | None:
    """The remainder modulo q that a form of higher degree leaves whatever its letters are, None for none known."""
    if not isinstance(dim, Expr) or max(map(len, dim._terms)) < 2:
        return None
    left = next((value % q for value in _samples(dim)), None)
    return left if left is not None and _divisible(dim - left, q) else None


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
    reduced = expr_of(terms)
    answers = {value % n == 0 for value in _samples(reduced)}
    if len(answers) == 2:
        return None
    # Floors over letters repeat with a period; what has none (a minimum, a symbolic quotient) is left free.
    periods: dict[Symbol, int] = {}
    free: set[Atom] = set()
    for m in terms:
        for atom in m:
            if _periodic(atom):
                note_periods(expr_of({(atom,): 1}), n, periods)
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
        answers.add(valued(reduced, given) % n == 0)
        if len(answers) == 2:
            return None
    return answers.pop()


def _periodic(atom: Atom) -> bool:
    if isinstance(atom, Floor):
        return isinstance(atom.denominator, int) and all(_periodic(a) for m in terms_of(atom.numerator) for a in m)
    return isinstance(atom, Symbol)


def _remainders(span: Range, period: int) -> range:
    """One full period of values, or fewer where the bounds are closer."""
    low, high = span
    if low is None:
        low = 0 if high is None else high - period + 1
    return range(low, low + period if high is None else min(low + period, high + 1))


algebra.residue = residue
