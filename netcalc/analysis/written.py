"""Formulas as a rule writes them: sizes that remember how they were computed.

A layer's rule run on letters of this kind gives not a canonical formula (:mod:`netcalc.dims` is for that) but the
very arithmetic of the rule, which can be read three ways: in names, with the numbers put in, and as a result.

>>> H, k, s, p = Letter("H", 32), Letter("k", 3), Letter("s", 2), Letter("p", 1)
>>> size = (H + 2 * p - k) // s + 1
>>> print(in_names(size), "=", in_numbers(size), "=", value(size))
⌊(H + 2·p − k)/s⌋ + 1 = ⌊(32 + 2·1 − 3)/2⌋ + 1 = 16

Only what cannot be misread is tidied: zeros and ones that change nothing are left out, sums are flat, like terms
stand together, and −⌊−a/b⌋ is ⌈a/b⌉. Nothing is multiplied out or factored. A rule that asks for more than
``+ - * //`` (a comparison, an index) gets a TypeError.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any, NamedTuple, NoReturn

from netcalc.dims import Dim, Expr, ascii_text, ceildiv, latex, maximum, minimum, product, substitute, text


class Written:
    """A formula.

    The kinds are :class:`Letter`, :class:`Sum`, :class:`Product`, :class:`Quotient`, :class:`Extreme`, :class:`Series`,
    :class:`Named`.
    """

    def __add__(self, other: Any) -> Any:
        return _sum(self, other)

    def __radd__(self, other: Any) -> Any:
        return _sum(other, self)

    def __sub__(self, other: Any) -> Any:
        return _sum(self, _times(-1, other))

    def __rsub__(self, other: Any) -> Any:
        return _sum(other, _times(-1, self))

    def __neg__(self) -> Any:
        return _times(-1, self)

    def __mul__(self, other: Any) -> Any:
        return _times(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _times(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _quotient(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _quotient(other, self)

    def __pow__(self, exponent: int) -> Any:
        result: Any = 1
        for _ in range(exponent):
            result = result * self
        return result

    def extremum(self, which: str, sizes: Iterable[Any]) -> Any:
        """The least (``min``) or greatest (``max``) of some sizes; :func:`netcalc.dims.minimum` asks for it."""
        flat = (part for size in map(_tree, sizes) for part in (size.of if _is_extreme(size, which) else (size,)))
        distinct = tuple(dict.fromkeys(flat))
        return distinct[0] if len(distinct) == 1 else Extreme(which, distinct)

    def series(self, count: Any, term: Callable[[Any], Any]) -> Any:
        """The sum of a term for i = 0 … count − 1."""
        index = Letter("i", 0)
        return Series(index, count, term(index))

    def called(self, name: str, what: str) -> Any:
        """The same with a name: ``name`` and ``what`` are about the axis of its first letter (``n_H``, ``along H``).

        >>> size = Letter("output_size_W", 8) // Letter("k", 2)
        >>> size.called("n", "windows along {}").name, size.called("n", "windows along {}").what
        ('n_W', 'windows along W')
        """
        if isinstance(self, (Letter, Named)):
            return self
        *_, axis = next(iter(letters(self)), "").removesuffix("_in").split("_")
        return (
            Named(f"{name}_{axis}", what.format(axis), self)
            if len(axis) == 1
            else Named(name, what.format("an axis"), self)
        )

    @property
    def known(self) -> Dim:
        """What it stands for: which of a rule's formulas is meant may depend on it, the formula itself may not."""
        return value(self)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("a written formula has no order and no truth value")

    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __index__ = _refuse


@dataclass(frozen=True)
class Letter(Written):
    """A name with the size it stands for."""

    name: str
    size: Dim


@dataclass(frozen=True)
class Sum(Written):
    """Terms and a number."""

    terms: tuple[Written, ...]
    number: int


@dataclass(frozen=True)
class Product(Written):
    """A number times factors."""

    number: int
    factors: tuple[Any, ...]


@dataclass(frozen=True)
class Quotient(Written):
    """⌊above / below⌋; ``which`` may be ``ceiling`` or ``exact`` instead."""

    above: Any
    below: Any
    which: str = "floor"


@dataclass(frozen=True)
class Extreme(Written):
    """The least (``min``) or greatest (``max``) of some, or their greatest common divisor (``gcd``)."""

    which: str
    of: tuple[Any, ...]


@dataclass(frozen=True)
class Series(Written):
    """The sum of ``term`` for every ``index`` below ``count``.

    >>> k, p = Letter("k", 3), Letter("p", 5)
    >>> found = k.series(k, lambda i: p - 2 * i)
    >>> print(in_names(found), "=", in_numbers(found), "=", value(found))
    Σ_{i<k} (p − 2·i) = Σ_{i<3} (5 − 2·i) = 9
    """

    index: Letter
    count: Any
    term: Any

    @property
    def addends(self) -> tuple[Dim, ...]:
        """The terms' values."""
        count = value(self.count)
        return tuple(value(_with(self.term, self.index, place)) for place in range(count))  # type: ignore[arg-type]


def _with(tree: Any, index: Letter, place: int) -> Any:
    return renamed(tree, {index: Letter(index.name, place)})


@dataclass(frozen=True)
class Named(Written):
    """A part of a formula that a rule gives a name, to be worked out on a line of its own."""

    name: str
    what: str
    of: Any


def named(tree: Any) -> Iterator[Named]:
    """The named parts of a formula, inner ones first."""
    match tree:
        case Named(_, _, of):
            yield from named(of)
            yield tree
        case Sum(parts, _) | Product(_, parts) | Extreme(_, parts):
            for part in parts:
                yield from named(part)
        case Quotient(above, below, _):
            yield from named(above)
            yield from named(below)


def _is_extreme(tree: Any, which: str) -> bool:
    return isinstance(tree, Extreme) and tree.which == which


def _tree(size: Any) -> Any:
    """An operand: an int, a tree, or a canonical formula as a letter of its own."""
    if isinstance(size, (int, Written)):
        return size
    if isinstance(size, Expr):
        return Letter(text(size), size)
    raise TypeError(f"not a size: {size!r}")


def _written(part: Any) -> Written:
    assert isinstance(part, Written)
    return part


def _sum(*sizes: Any) -> Any:
    terms: dict[tuple[Any, ...], int] = {}
    factors: tuple[Any, ...]
    number = 0
    for size in map(_tree, sizes):
        parts = (*size.terms, size.number) if isinstance(size, Sum) else (size,)
        for part in parts:
            if isinstance(part, int):
                number += part
                continue
            count, factors = (part.number, part.factors) if isinstance(part, Product) else (1, (_written(part),))
            terms[factors] = terms.get(factors, 0) + count
    kept = tuple(_product(count, factors) for factors, count in terms.items() if count)
    if not kept:
        return number
    return kept[0] if len(kept) == 1 and not number else Sum(kept, number)


def _product(number: int, factors: tuple[Any, ...]) -> Written:
    return factors[0] if number == 1 and len(factors) == 1 else Product(number, factors)


def _times(left: Any, right: Any) -> Any:
    left, right = _tree(left), _tree(right)
    number = 1
    factors: tuple[Any, ...] = ()
    for part in (left, right):
        if isinstance(part, int):
            number *= part
        elif isinstance(part, Product):
            number, factors = number * part.number, factors + part.factors
        else:
            factors += (part,)
    if not number or not factors:
        return number if not factors else 0
    if number == -1 and len(factors) == 1 and isinstance(factors[0], Sum):
        return Sum(tuple(_times(-1, term) for term in factors[0].terms), -factors[0].number)
    if number == -1 and len(factors) == 1 and _negated_floor(factors[0]):
        return Quotient(_times(-1, factors[0].above), factors[0].below, "ceiling")
    return _product(number, factors)


def _negated_floor(tree: Any) -> bool:
    """⌊−a/b⌋, whose negative is ⌈a/b⌉"""
    if not isinstance(tree, Quotient) or tree.which != "floor":
        return False
    return _negative(tree.above.terms[0] if isinstance(tree.above, Sum) else tree.above)


def _quotient(above: Any, below: Any) -> Any:
    above, below = _tree(above), _tree(below)
    if below == 1:
        return above
    if isinstance(above, int) and isinstance(below, int):
        return above // below
    return 0 if above == 0 else Quotient(above, below)


def ceiling(above: Any, below: Any) -> Any:
    """⌈above / below⌉

    >>> k, s = Letter("k", 5), Letter("s", 2)
    >>> print(in_names(ceiling(k, s)), in_numbers(ceiling(k, s)), value(ceiling(k, s)), ceiling(k, k))
    ⌈k/s⌉ ⌈5/2⌉ 3 1
    """
    return 1 if above == below else above if below == 1 else 0 if above == 0 else Quotient(above, below, "ceiling")


def exact(above: Any, below: Any) -> Any:
    """above / below, which may be a fraction

    >>> print(in_names(exact(Letter("j", 1), 2)), value(exact(Letter("j", 1), 2)), value(exact(Letter("j", 4), 2)))
    j/2 1/2 2
    """
    return 1 if above == below else above if below == 1 else Quotient(above, below, "exact")


def separate(factors: Iterable[Any]) -> Any:
    """A product whose factors stand each for itself, those that are numbers too.

    >>> print(product_in(separate((512, 1, 16)), PLAIN), product_in(separate((512,)), PLAIN))
    512 × 16 512
    """
    kept = tuple(factor for factor in factors if factor != 1)
    if len(kept) < 2 or 0 in kept:
        return product(kept)
    return Product(1, tuple(inner for factor in kept for inner in _factors(factor)))


def _factors(tree: Any) -> tuple[Any, ...]:
    if not isinstance(tree, Product):
        return (tree,)
    return (*([tree.number] if tree.number != 1 else []), *tree.factors)


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def over(size: Dim, names: Mapping[str, Any]) -> Any:
    """A canonical formula as a written one over other letters. A letter without one is a LookupError.

    >>> from netcalc.dims import symbol
    >>> print(in_names(over((symbol("d") + 1) // 2 * symbol("d"), {"d": Letter("width", 8)})))
    width·⌊(width + 1)/2⌋
    """

    def tree(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body):
                return tree(body)
            case ast.Constant(number):
                return number
            case ast.Name(name):
                return names[name]
            case ast.UnaryOp(ast.USub(), operand):
                return -tree(operand)
            case ast.BinOp(left, sign, right):
                return _OPERATIONS[type(sign)](tree(left), tree(right))
            case ast.Call(ast.Name("min" | "max" as which), arguments):
                return (minimum if which == "min" else maximum)(*map(tree, arguments))
        raise LookupError(f"no rule for {ast.dump(node)}")

    return tree(ast.parse(ascii_text(size), mode="eval")) if isinstance(size, Expr) else size


# ---------------------------------------------------------------- reading


def value(tree: Any) -> Dim:
    """The result."""
    match tree:
        case Letter(_, size):
            return size
        case Sum(terms, number):
            return sum(map(value, terms), number)
        case Product(number, factors):
            return product([number, *map(value, factors)])
        case Quotient(above, below, which):
            return _divided(value(above), value(below), which)  # type: ignore[no-any-return]
        case Extreme("gcd", of):
            return gcd(*map(value, of))  # type: ignore[arg-type]
        case Extreme(which, of):
            return (minimum if which == "min" else maximum)(*map(value, of))
        case Series():
            return sum(tree.addends)
        case Named(_, _, of):
            return value(of)
    return tree  # type: ignore[no-any-return]


def _divided(above: Any, below: Any, which: str) -> Any:
    if which != "exact":
        return above // below if which == "floor" else ceildiv(above, below)
    found = Fraction(above) / below if isinstance(above, (int, Fraction)) else Fraction(above)
    return found.numerator if found.denominator == 1 else found


def renamed(tree: Any, names: Mapping[Any, Written]) -> Any:
    """The same formula with whole parts called by a name, or written otherwise.

    >>> n = Letter("n", 7)
    >>> print(in_names(renamed((n // 2 + 1) * n, {n // 2 + 1: Letter("m", 4)})))
    m·n
    """
    if isinstance(tree, Written) and tree in names:
        return names[tree]
    match tree:
        case Sum(terms, number):
            return _sum(*(renamed(term, names) for term in terms), number)
        case Product(number, factors):
            return _product(number, tuple(renamed(factor, names) for factor in factors))
        case Quotient(above, below, "floor"):
            return _quotient(renamed(above, names), renamed(below, names))
        case Quotient(above, below, which):
            return Quotient(renamed(above, names), renamed(below, names), which)
        case Extreme(which, of):
            return Extreme(which, tuple(renamed(part, names) for part in of))
        case Series(index, count, term):
            return Series(index, renamed(count, names), renamed(term, names))
        case Named(name, what, of):
            return Named(name, what, renamed(of, names))
    return tree


def put_in(tree: Any, sizes: Mapping[str, Dim]) -> Any:
    """The same formula with numbers for the letters that its letters stand for.

    >>> from netcalc.dims import symbol
    >>> print(in_numbers(put_in(Letter("k", symbol("K")) - 1, {"K": 3})))
    3 − 1
    """
    return renamed(tree, {one: Letter(one.name, substitute(one.size, sizes)) for one in letters(tree).values()})


def letters(tree: Any) -> dict[str, Letter]:
    """The letters of a formula by name, in the order they are read."""
    match tree:
        case Letter(name, _):
            return {name: tree}
        case Sum(parts, _) | Product(_, parts) | Extreme(_, parts):
            return {name: found for part in parts for name, found in letters(part).items()}
        case Quotient(above, below, _):
            return {**letters(above), **letters(below)}
        case Series(index, count, term):
            within = {name: found for name, found in letters(term).items() if name != index.name}
            return {**letters(count), **within}
        case Named(_, _, of):
            return letters(of)
    return {}


class Script(NamedTuple):
    """How formulas are set: as text or as LaTeX."""

    times: str
    cross: str
    minus: str
    group: Callable[[str], str]
    brackets: Mapping[str, tuple[str, str]]
    over: Callable[[str, str], str]
    name: Callable[[str], str]
    size: Callable[[Dim], str]
    kind: Callable[[str], str]
    word: Callable[[str], str]
    extreme: str
    series: str
    bar: bool  # does a fraction bar group what stands above and below it?


def _latex_name(name: str) -> str:
    r"""``k``, ``H_{out}``, ``\mathrm{out\_features}``

    >>> print(_latex_name("H_out"), _latex_name("kernel_size"), _latex_name("C"))
    H_{\mathrm{out}} \mathrm{kernel\_size} C
    """
    stem, _, index = name.partition("_")
    if not name.replace("_", "").isalnum():
        return name
    if len(stem) == 1:
        if not index:
            return stem
        return f"{stem}_{{{index}}}" if len(index) == 1 or index.isdigit() else rf"{stem}_{{\mathrm{{{index}}}}}"
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def number_text(size: Dim) -> str:
    """``131,072``, or a formula."""
    return (f"{size:,}" if isinstance(size, int) else text(size)).replace("-", "−")


def number_latex(size: Dim) -> str:
    """``131{,}072``, or a formula."""
    return f"{size:,}".replace(",", "{,}") if isinstance(size, int) else latex(size)


def _latex_word(word: str) -> str:
    """A figure such as 3x⌊H/2⌋ in LaTeX."""
    for sign, command in (("x", r" \times "), ("·", r" \cdot "), ("⌊", r"\lfloor "), ("⌋", r"\rfloor ")):
        word = word.replace(sign, command)
    return word


_ROUNDED = {"floor": ("⌊", "⌋"), "ceiling": ("⌈", "⌉"), "exact": ("", "")}
_ROUNDED_LATEX = {
    "floor": (r"\left\lfloor ", r" \right\rfloor"),
    "ceiling": (r"\left\lceil ", r" \right\rceil"),
    "exact": ("", ""),
}
PLAIN = Script(
    "·",
    " × ",
    "−",
    "({})".format,
    _ROUNDED,
    "{}/{}".format,
    str,
    number_text,
    " {}".format,
    str,
    "{}({})",
    "Σ_{{{}<{}}} {}",
    False,
)
LATEX = Script(
    r" \cdot ",
    r" \times ",
    "-",
    r"\left({}\right)".format,
    _ROUNDED_LATEX,
    r"\frac{{{}}}{{{}}}".format,
    _latex_name,
    number_latex,
    r"\ \text{{{}}}".format,
    _latex_word,
    r"\{}\left({}\right)",
    r"\sum_{{{}<{}}} {}",
    True,
)


def in_names(tree: Any, script: Script = PLAIN) -> str:
    """The formula in its letters."""
    if isinstance(tree, Letter):
        return _letter_name(tree, script)
    return _set(tree, script, lambda letter: _alone(_letter_name(letter, script), script))


def _letter_name(letter: Letter, script: Script) -> str:
    """Its name; the formula of the network's letters that it is where it has none."""
    return script.name(letter.name) if letter.name.isidentifier() else script.size(letter.size)


def in_numbers(tree: Any, script: Script = PLAIN) -> str:
    """The formula with the numbers put in."""
    if isinstance(tree, Letter):
        return script.size(tree.size)
    return _set(tree, script, lambda letter: _alone(script.size(letter.size), script))


def product_in(tree: Any, script: Script, numbers: bool = False) -> str:
    """A product with a cross between its factors, as counts are written.

    >>> m, n = Letter("m", 512), Letter("n", 256)
    >>> print(product_in(m * (n - 1), PLAIN), "=", product_in(m * (n - 1), PLAIN, numbers=True))
    m × (n − 1) = 512 × (256 − 1)
    """
    show = in_numbers if numbers else in_names
    return crossed(_factors(tree), script, numbers) if isinstance(tree, Product) else show(tree, script)


def count_in(tree: Any, script: Script, numbers: bool = False) -> str:
    """A count, or a sum of counts, with crosses.

    >>> m, n = Letter("m", 512), Letter("n", 256)
    >>> print(count_in(4 * m * m + m * n, PLAIN))
    4 × m × m + m × n
    """
    if not isinstance(tree, Sum) or tree.number or any(_negative(term) for term in tree.terms):
        return product_in(tree, script, numbers)
    return " + ".join(product_in(term, script, numbers) for term in tree.terms)


def crossed(factors: Iterable[Any], script: Script, numbers: bool = False) -> str:
    """Factors with a cross between them.

    >>> from netcalc.dims import symbol
    >>> print(crossed([Letter("H_out", symbol("H") - 2), Letter("k", 3)], PLAIN, numbers=True))
    (H − 2) × 3
    """
    show = in_numbers if numbers else in_names
    listed = list(factors)
    written = []
    for factor in listed:
        alone = show(factor, script)
        unnamed = isinstance(factor, Letter) and (numbers or not factor.name.isidentifier())
        bare = factor.size if unnamed else factor
        size = text(bare) if len(listed) > 1 and isinstance(bare, Expr) else ""
        is_sum = isinstance(factor, Sum) or " + " in size or " − " in size
        written.append(script.group(alone) if is_sum else alone)
    return script.cross.join(written) or "1"


def _alone(written: str, script: Script) -> str:
    open_ = " " in written or written.startswith(script.minus) or written.replace("/", "").isdigit() and "/" in written
    return script.group(written) if open_ else written


def _set(tree: Any, script: Script, letter: Callable[[Letter], str]) -> str:
    match tree:
        case Letter():
            return letter(tree)
        case Sum():
            return _sum_set(tree, script, letter)
        case Product(number, factors):
            parts = [] if abs(number) == 1 else [script.size(abs(number))]
            for factor in factors:
                part = _set(factor, script, letter)
                quotient = isinstance(factor, Quotient) and factor.which == "exact" and not script.bar
                alone = len(factors) == 1 and abs(number) == 1
                parts.append(script.group(part) if isinstance(factor, Sum) or quotient and not alone else part)
            return (script.minus if number < 0 else "") + script.times.join(parts)
        case Quotient(above, below, which):
            high, low = _set(above, script, letter), _set(below, script, letter)
            if not script.bar:
                high = script.group(high) if isinstance(above, Sum) else high
                low = script.group(low) if isinstance(below, (Sum, Product)) else low
            left, right = script.brackets[which]
            return f"{left}{script.over(high, low)}{right}"
        case Extreme(which, of):
            return script.extreme.format(which, ", ".join(_set(part, script, letter) for part in of))
        case Series(index, count, term):

            def other(name: Letter) -> str:
                return script.name(name.name) if name == index else letter(name)

            body = _set(term, script, other)
            body = script.group(body) if isinstance(term, Sum) else body
            return script.series.format(script.name(index.name), _set(count, script, letter), body)
        case Named(_, _, of):
            return _set(of, script, letter)
    return script.size(tree)


def _sum_set(tree: Sum, script: Script, letter: Callable[[Letter], str]) -> str:
    parts: list[Any] = [*tree.terms, *([tree.number] if tree.number else [])]
    first = next((place for place, part in enumerate(parts) if not _negative(part)), 0)
    parts.insert(0, parts.pop(first))
    written = _set(parts[0], script, letter)
    opening, closing = script.group("\0").split("\0")
    if isinstance(parts[0], Letter) and written.startswith(f"{opening}{script.minus}"):
        written = written.removeprefix(opening).removesuffix(closing)
    for part in parts[1:]:
        sign = script.minus if _negative(part) else "+"
        written += f" {sign} {_set(_times(-1, part) if _negative(part) else part, script, letter)}"
    return written


def _negative(part: Any) -> bool:
    return part < 0 if isinstance(part, int) else isinstance(part, Product) and part.number < 0
