"""A size written: for people, as a Python expression, for LaTeX, as a sum or with the common factor taken out.

Nothing here changes a formula; what reads better than the canonical form is put so for printing only.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, lcm

from netcalc.dims import algebra
from netcalc.dims.algebra import Atom, Expr, Extreme, Floor, Symbol, floor_atom, symbol_atom, terms_of
from netcalc.dims.polynomials import added, factorization, joined, multiplied, term_order, unit_of, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from netcalc.dims.algebra import Dim
    from netcalc.dims.polynomials import Monomial, Terms


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

    def exact(self, numerator: str, denominator: str) -> str:
        return f"{numerator}//{denominator}"

    def group(self, inside: str) -> str:
        return f"({inside})"

    def extreme(self, which: str, args: list[str]) -> str:
        return f"{which}({', '.join(args)})"

    def part(self, terms: Terms, below: bool) -> str:
        """A numerator or what stands below it, in parentheses where it must be."""
        written = self.sum(terms, tight=True)
        (m, c), *more = terms.items()
        lone = len(set(m)) == 1 and c == unit_of(m)
        if more or c < 0:
            return self.group(written)
        if lone and isinstance(m[0], Floor) and not self.delimited:
            return self.group(written)
        return self.group(written) if below and m and not lone else written

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.name(atom.name)
        if isinstance(atom, Extreme):
            return self.extreme(atom.which, [self.listed.sum(terms_of(arg)) for arg in atom.args])
        if isinstance(atom, Shifted):
            return self.group(self.sum(atom.terms))
        assert isinstance(atom, Floor)
        return self.fraction(terms_of(atom.numerator), terms_of(atom.denominator))

    def fraction(self, numerator: Terms, denominator: Terms) -> str:
        (numerator, over), (denominator, under) = _named(numerator), _named(denominator)
        letters = _lowered(numerator, denominator)
        numerator, denominator = _times(numerator, letters, under), _times(denominator, letters, over)
        scale = lcm(*(unit_of(m) // gcd(c, unit_of(m)) for terms in (numerator, denominator) for m, c in terms.items()))
        above, below = ({m: c * scale for m, c in terms.items()} for terms in (numerator, denominator))
        return self.quotient(self.part(above, below=False), self.part(below, below=True))

    def term(self, m: Monomial, c: int) -> str:
        """A product c·m for c > 0."""
        unit = unit_of(m)
        common = gcd(c, unit)
        above, below = c // common, unit // common
        top, bottom = [atom for atom in m if type(atom) is not Inverse], [a.of for a in m if type(a) is Inverse]
        factors = [self.number(above)] if above != 1 or not top else []
        for atom in dict.fromkeys(top):
            count, written = m.count(atom), self.atom(atom)
            if isinstance(atom, Floor) and not self.delimited and (len(m) > 1 or c != 1):
                written = self.group(written)
            factors.append(self.power(written, count) if count > 1 else written)
        written = self.times.join(factors)
        if bottom:
            return self.exact(written, self.part({tuple(bottom): below}, below=True))
        return self.exact(written, str(below)) if below > 1 else written

    def sum(self, terms: Terms, tight: bool = False) -> str:
        if not any(terms):
            return self.number(terms.get((), 0)).replace("-", self.minus)
        terms = _recentred(terms)
        fraction = _as_fraction(terms)
        if fraction:
            return self.fraction(*fraction)
        terms, below = _named(terms)
        if below > 1:
            under = _lowered(terms)
            return self.exact(self.part(_times(terms, under, 1), below=False), self.part({under: below}, below=True))
        ordered = sorted(terms, key=term_order)
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
        terms, below = _named(terms_of(dim))
        if below > 1:
            return self.sum(terms_of(dim))
        content, common, shifted, rest = factorization(terms)
        factors = []
        for (atom, k), count in shifted.items():
            written = self.sum({(atom,): 1, (): -k})
            if not (self.delimited and _as_fraction({(atom,): 1, (): -k})):
                written = self.group(written)
            factors.append(self.power(written, count) if count > 1 else written)
        if rest != {(): 1}:
            factors.append(self.group(self.sum(rest)))
        if not common and abs(content) == 1 and len(factors) < 2 and all(n == 1 for n in shifted.values()):
            return self.sum(terms)
        if common or abs(content) != 1:
            factors.insert(0, self.sum({common: content}))
        elif content < 0:
            factors[0] = self.minus + factors[0]
        return self.times.join(factors)


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

    def exact(self, numerator: str, denominator: str) -> str:
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

    def exact(self, numerator: str, denominator: str) -> str:
        return rf"\frac{{{numerator}}}{{{denominator}}}"

    def group(self, inside: str) -> str:
        return rf"\left({inside}\right)"

    def extreme(self, which: str, args: list[str]) -> str:
        separator = r",\, "
        return rf"\{which}\left({separator.join(args)}\right)"


class _Ungrouped(_Unicode):
    number = _Style.number


ASCII, _UNICODE, _UNGROUPED, _LATEX = _Style(), _Unicode(), _Ungrouped(), _Latex()


def text(dim: Dim, grouped: bool = True) -> str:
    """A size for people; the digits in a formula are ``grouped`` (2,048·H), those of a lone number are not.

    >>> from netcalc.dims import maximum, symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> print(text(3 - 2 * H**2 * W), "|", text((H - 3) // 2), "|", text(maximum(H, W - 1) // 2))
    3 − 2·H²·W | ⌊(H−3)/2⌋ | ⌊(max(H + 1, W)−1)/2⌋
    """
    return (_UNICODE if grouped and isinstance(dim, Expr) else _UNGROUPED).sum(terms_of(dim))


def ascii_text(dim: Dim) -> str:
    """A size as a Python expression; also its repr.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> print(ascii_text(3 * ((H + 31) // 32) * W**2 - 1))
    3*W**2*((H+31)//32) - 1
    """
    return ASCII.sum(terms_of(dim))


python = ascii_text


def latex(dim: Dim) -> str:
    r"""A size for LaTeX, in math mode.

    >>> from netcalc.dims import symbol
    >>> print(latex(2 * (symbol("H") + 1) // 4 * symbol("C_out")))
    C_{\mathrm{out}}\,\left\lfloor \frac{H+1}{2} \right\rfloor
    """
    return _LATEX.sum(terms_of(dim)) if isinstance(dim, Expr) else str(dim)


def factored_text(dim: Dim) -> str:
    """A size for people, the common factor taken out.

    >>> from netcalc.dims import symbol
    >>> C, H, W = symbol("C"), symbol("H"), symbol("W")
    >>> print(factored_text(64 * H * W * (9 * C + 1)))
    64·H·W·(9·C + 1)
    """
    return _UNICODE.factored(dim)


def factored_latex(dim: Dim) -> str:
    r"""A size for LaTeX, the common factor taken out.

    >>> from netcalc.dims import symbol
    >>> print(factored_latex(6 * symbol("H") + 3))
    3\,\left(2\,H + 1\right)
    """
    return _LATEX.factored(dim)


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
    numerator, q = terms_of(floor.numerator), floor.denominator
    rest = {m: c for m, c in terms.items() if m is not floors[0]}
    whole = [m for m in rest if m]
    if not isinstance(q, int) or any(m not in numerator or abs(rest[m]) > 16 for m in whole):
        return None
    if not whole and (sign < 0 or rest[()] > 0):
        return None
    if sign < 0:
        numerator = added({(): q - 1}, numerator, -1)
    return added(numerator, rest, q), {(): q}


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
        (f, g), others = pair, without(m, tuple(pair))
        # most·fg - b·f - c·g + constant  =  a·(f-i)·(g-j) + (most-a)·fg + (constant-aij)  for b = aj, c = ai
        with_f, with_g = (joined(others, atom) for atom in pair)
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
        shown = added(shown, removed, -1)
        shown = added(shown, {joined(others, *moved): a})
    return shown


def _named(terms: Terms) -> tuple[Terms, int]:
    """Terms in the letters that are meant, and a number below them all: 3·h is (3·H + 12)/16 where H is 16·h − 4.

    Only where a letter has a remainder or is a multiple of letters; any other letter is divided where it stands.
    """
    if not any(isinstance(atom, Symbol) and (atom.remainder or atom.over) for m in terms for atom in m):
        return terms, 1
    scale = lcm(*(unit_of(m) for m in terms))
    named: Terms = {}
    for m, c in terms.items():
        part: Terms = {(): c * scale // unit_of(m)}
        for atom in m:
            part = multiplied(part, _letter(atom) if isinstance(atom, Symbol) else {(atom,): 1})
        for n, d in part.items():
            named = added(named, {_cancelled(n): d})
    common = gcd(scale, *named.values())
    return {m: c // common for m, c in named.items()}, scale // common


def _letter(atom: Symbol) -> Terms:
    """A letter's atom times its unit, in letters."""
    plain = symbol_atom(atom.name, None, None, 1)
    terms: Terms = {(plain,): 1}
    for other in atom.over:
        assert isinstance(other, Symbol)
        terms = multiplied(terms, {(_inverse(symbol_atom(other.name, None, None, 1)),): other.unit})
    return added(terms, {(): -atom.remainder}) if atom.remainder else terms


def _lowered(*both: Terms) -> Monomial:
    """The letters that stand below in any of these terms."""
    every = [tuple(atom.of for atom in m if type(atom) is Inverse) for terms in both for m in terms]
    return tuple(a for a in dict.fromkeys(a for of in every for a in of) for _ in range(max(m.count(a) for m in every)))


def _times(terms: Terms, letters: Monomial, number: int) -> Terms:
    return {_cancelled(joined(m, *letters)): c * number for m, c in terms.items()}


def _cancelled(m: Monomial) -> Monomial:
    """Letters that stand above and below taken out."""
    for atom in m:
        if type(atom) is Inverse and atom.of in m:
            return _cancelled(without(m, (atom, atom.of)))
    return m


class Inverse(Atom):
    """One divided by a letter, for printing only."""

    __slots__ = ("of",)

    def __init__(self, of: Symbol) -> None:
        self.of = of
        self._key, self._span, self.depth, self.size, self.free = (3, *of.key[1:]), None, 0, 1, of.free


@lru_cache(maxsize=256)
def _inverse(of: Symbol) -> Inverse:
    return Inverse(of)


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
        return floor_atom(floor.numerator - floor.denominator * k, floor.denominator)
    return Shifted(floor, -k)


def _written(part: Dim | Atom) -> str:
    return ASCII.atom(part) if isinstance(part, Atom) else ascii_text(part)


algebra.written = _written
