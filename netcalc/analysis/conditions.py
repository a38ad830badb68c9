"""What must hold of the letters: every open comparison of every layer, simplified, merged and minimal.

>>> from netcalc.spec import elaborate
>>> text = "1xHxW -> conv 1 k3 p1 as top -> maxpool 2 -> maxpool 2 -> upsample scale_factor=4 -> concat top"
>>> for found in conditions_of(elaborate(text)):
...     print(found, "by", *found.layers)
H divisible by 4 by concat1
W divisible by 4 by concat1

How: a comparison that speaks of one letter alone is decided for all its values, where it is a polynomial in the letter
and in floors with numbers below. One that only grows holds from a threshold on, and that is found by bisection. Any
other repeats with a period P (the least common multiple of what stands below the floors), so that along each remainder
x = P·t + r it is a polynomial in t: where it is at least 0 is told from its turning points, and these from those of its
differences. Where a size divides another, the rest of dividing one polynomial by the other is in the end less than the
divisor: the values before that are tried. So each holds on a few ranges of each remainder, and so does what several of
them have in common; from the ranges of one full period the simplest words are read: a bound, a divisor, a value.
Nothing is guessed.

Comparisons of several letters are tidied. Letters of one value are put into them, and so is a letter that an equality
states by the others, until nothing changes: what is on one letter then is solved with that letter's others. An equality
that each letter's remainders decide, one case after the other, is what it says of these. At last, one at a time, what
is proved by those that are left (two of them added, at most; with multiples put in, and whole quotients at least 1) is
left out, and so is a bound below which they fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import combinations, pairwise
from itertools import product as grid
from math import gcd, isqrt, lcm, prod
from operator import add, floordiv, itemgetter, mul
from typing import Any, NamedTuple

from netcalc.dims import Dim, Expr, degree, holds, substitute, symbol, symbols, text
from netcalc.dims.algebra import Atom, Extreme, Floor, Symbol, dim_of, symbol_atom, terms_of
from netcalc.dims.polynomials import shared_by, without
from netcalc.dims.proofs import note_periods
from netcalc.errors import SpecError
from netcalc.graph import Graph, Node
from netcalc.layers.base import Condition

MAX_PERIOD = 16384
"""Beyond this period a comparison is tidied, but not decided; of one that only grows the period does not matter."""
MAX_COMMON_PERIOD = 2**18
"""Beyond this period comparisons are decided, but not merged."""
MAX_DIVIDED = 10**9
"""Of numbers beyond this the divisors are not looked for."""
MAX_DIVISIONS = 2048
"""So many values, or remainders, are tried to see where a size with letters divides another."""
MAX_ADDED = 16
"""Of more comparisons than these no two are added to see what follows from them."""
FEW = 6
"""So many values of a letter are listed."""
MAX_POWER = 16
"""Beyond this power a comparison is not decided either."""
MAX_CASES = 64
"""In so many cases, one for each remainder of each letter, an equality of several letters is decided."""
MAX_TRIED = 64
"""So many values below a bound are tried to see whether others forbid them all."""
MAX_SPLITS = 3
"""Nor beyond so many minima and maxima that neither grow nor fall."""

Interval = tuple[int, "int | None"]  # the least and the greatest value, None for no greatest
Ranges = tuple[Interval, ...]  # rising, with gaps between
Meant = tuple[str, str, Dim]  # a letter, a relation, and the size that it equals or is a multiple of
Made = tuple[Condition, str]  # a condition and the layer that made it
Makers = dict[Condition, list[str]]  # conditions and the layers that made each


class Requirement(NamedTuple):
    """A condition on the letters in words, the letters that it is on, and the layers that made it.

    ``test`` decides it for values of the letters.
    """

    text: str
    letters: tuple[str, ...]
    layers: tuple[str, ...]
    test: Callable[[dict[str, int]], bool]
    divisor: int = 1  # what its letter is a multiple of, or remainder more, where it says just that
    remainder: int = 0
    least: int = 1  # its letter is not less
    most: int | None = None  # nor more
    bound: Condition | None = None  # the comparison that it is, where it is a bound of its letter
    meant: Meant | None = None  # the letter that it states by others
    possible: bool = True  # False where it says that no value will do
    declared: bool = False  # True where the spec itself states it of the letter: H in 32..1024

    def __str__(self) -> str:
        return self.text

    def holds(self, **sizes: int) -> bool:
        """Whether it holds for these values."""
        return self.test(sizes)

    def to_dict(self) -> dict[str, Any]:
        """For programs: the condition in words, its letters, and the layers that made it."""
        stated = {"declared": True} if self.declared else {}
        return {"text": self.text, "letters": list(self.letters), "layers": list(self.layers), **stated}

    def letters_apart(self, condition: Condition) -> bool:
        """Whether a comparison is on other letters altogether."""
        return _letters_of(condition).isdisjoint(self.letters)


def conditions_of(graph: Graph) -> tuple[Requirement, ...]:
    """What must hold of a network's letters: all of it, nothing twice, in the order of the letters.

    What the spec itself declares of them is left out: that says :func:`declarations_of`. A comparison that no value of
    its letter makes true is an error, at the layer that made it; so are comparisons that no value makes true together.
    """
    found = simplified((condition, node.name) for node in graph.nodes for condition in node.applied.conditions)
    for one in found:
        if not one.possible:
            _refuse_impossible(graph)
            letters = ", ".join(one.letters)
            raise SpecError(
                "condition-violated",
                f"no value of {letters} will do: what {_listed(one.layers)} demand cannot hold together",
                expected="conditions that some value fulfils",
                found=_demands(graph, one),
                hint=f"say another size where {_listed(one.layers)} compare it with {letters}",
            )
    return found


def _demands(graph: Graph, never: Requirement) -> str:
    """What the layers of a contradiction demand of its letters: ``D = 16 (by mha1); D = 8 (by mha1)``"""
    made = [(condition, node.name) for node in graph.nodes for condition in node.applied.conditions]
    theirs = [(one, name) for one, name in made if name in never.layers and not never.letters_apart(one)]
    return "; ".join(dict.fromkeys(f"{one} (by {name})" for pair in theirs for one, name in _worded(pair)))


def _worded(made: Made) -> Iterator[tuple[Requirement, str]]:
    yield from ((one, made[1]) for one in simplified([made]))


def declarations_of(graph: Graph) -> tuple[Requirement, ...]:
    """What the spec declares of its letters, as conditions.

    >>> from netcalc.spec import elaborate
    >>> text = "H in 32..1024; H % 32 == 0; 3xHxH -> maxpool 2".replace("; ", chr(10))
    >>> [str(one) for one in declarations_of(elaborate(text))]
    ['H in 32..1024', 'H divisible by 32']
    """
    return tuple(_declarations(graph))


def requirements_of(graph: Graph) -> tuple[Requirement, ...]:
    """All that must hold of a network's letters: what the spec declares of them, and the conditions of the layers."""
    return (*declarations_of(graph), *conditions_of(graph))


def _declarations(graph: Graph) -> Iterator[Requirement]:
    for atom in sorted(_letters_of_graph(graph), key=lambda one: (one.name, one.unit)):
        name, (low, high, unit, _) = atom.name, Declared.of(atom)
        if low > 1 or high is not None:
            words = (
                f"{name} ≥ {low}" if high is None else f"{name} ≤ {high}" if low <= 1 else f"{name} in {low}..{high}"
            )
            yield Requirement(words, (name,), (), _between(name, low, high), declared=True)
        if unit > 1:
            yield Requirement(f"{name} divisible by {unit}", (name,), (), _multiple(name, unit), declared=True)


def _between(name: str, low: int, high: int | None) -> Callable[[dict[str, int]], bool]:
    return lambda sizes: low <= sizes[name] and (high is None or sizes[name] <= high)


def _multiple(name: str, unit: int) -> Callable[[dict[str, int]], bool]:
    return lambda sizes: sizes[name] % unit == 0


def letters_of(graph: Graph) -> dict[str, Expr]:
    """The letters of a network by name, each with what is declared of it."""
    return {atom.name: symbol(atom.name, *Declared.of(atom)) for atom in _letters_of_graph(graph)}


def _letters_of_graph(graph: Graph) -> set[Symbol]:
    uses = {id(node.applied): node for node in graph.nodes}.values()
    return {atom for node in uses for value in _values_of(node) for atom in _letters_in(value)}


def _values_of(node: Node) -> Iterator[Dim]:
    """The sizes with letters of a node: its shape's and its arguments'."""
    open_ = [*node.shape, *vars(node.layer).values()]
    while open_:
        value = open_.pop()
        if isinstance(value, tuple):
            open_ += value
        elif isinstance(value, Expr):
            yield value


def _letters_in(size: Dim) -> Iterator[Symbol]:
    for atom in {atom for monomial in terms_of(size) for atom in monomial}:
        yield from atom.free


def simplified(conditions: Iterable[Made]) -> tuple[Requirement, ...]:
    """Open comparisons merged: first those on one letter, decided exactly, then the others, tidied and minimal."""
    makers: dict[Condition, list[str]] = {}
    for condition, name in conditions:
        makers.setdefault(condition._replace(about="", argument=None, code=""), []).append(name)
    system, domains = _solved(makers)
    alone = [requirement for letter in sorted(domains) for requirement in domains[letter].requirements()]
    if not all(one.possible for one in alone):
        return tuple(one for one in alone if not one.possible)
    return _minimal(alone, system, makers)


def _solved(system: Makers) -> tuple[Makers, dict[str, Domain]]:
    """The comparisons of several letters that are left, and the domains of the letters that others are alone on.

    A letter of one value is put into the comparisons of several, a letter that an equality states by others into all.
    """
    declared = _declared_of(system)
    gone: set[str] = set()
    while True:
        domains: dict[str, Domain] = {}
        others = {one: names for one, names in system.items() if not _taken(one, names, domains, declared)}
        alone = [one for domain in domains.values() for one in domain.requirements()]
        if not others or not all(one.possible for one in alone):
            return others, domains
        known = _known(declared, alone)
        letters = _narrowed(declared, known)
        values = {letter: value for letter, value in letters.items() if isinstance(value, int)}
        simpler = {one: _simpler(one, values, letters) for one in others}
        if any(new != one for one, new in simpler.items()):
            whose = {letter: {name for _, names in domains[letter].solved for name in names} for letter in values}
            system = _gathered(
                (simpler[one], _with(names, one, whose)) if one in simpler else (one, names)
                for one, names in system.items()
            )
            continue
        apart = {one: alike for one in others if (alike := _by_remainders(one, known, declared))}
        if apart:
            system = _gathered((new, names) for one, names in system.items() for new in apart.get(one, (one,)))
            continue
        equality = next((found for one in others if (found := _stated(one, gone))), None)
        if not equality:
            return others, domains
        source, letter, stated = equality
        gone.add(letter)
        whose = {letter: set(system[source])}
        system = _gathered(
            (one, names) if one == source else (_put(one, {letter: stated}), _with(names, one, whose))
            for one, names in system.items()
        )


def _with(names: list[str], condition: Condition, whose: Mapping[str, Iterable[str]]) -> list[str]:
    """The layers that made a comparison, with those that made what is put into it."""
    put = sorted(_letters_of(condition).intersection(whose))
    return list(dict.fromkeys([*names, *(name for letter in put for name in sorted(whose[letter]))]))


def _gathered(made: Iterable[tuple[Condition, Sequence[str]]]) -> Makers:
    """Comparisons with the layers that made them, each once; those that hold left out."""
    found: Makers = {}
    for condition, names in made:
        if condition.holds is not True:
            found.setdefault(condition, []).extend(names)
    return found


def _simpler(condition: Condition, values: Mapping[str, Dim], letters: Mapping[str, Dim]) -> Condition:
    """A comparison of several letters, tidied, with values put in; of one letter where the others' domains allow."""
    plain = _tidy(_put(condition, values))
    narrow = _tidy(_put(plain, letters))
    return narrow if narrow.holds is not None or _lone_letter(narrow) and not _lone_letter(plain) else plain


def _stated(condition: Condition, gone: set[str]) -> tuple[Condition, str, Dim] | None:
    """A letter that an equality states by the others: H − 1 for W in H = W + 1. The last one, None without one."""
    if condition.relation != "==" or not gone.isdisjoint(_letters_of(condition)):
        return None
    terms = terms_of(condition.left - condition.right)
    found: list[tuple[str, Dim]] = []
    for monomial, count in terms.items():
        if len(monomial) == 1 and isinstance(letter := monomial[0], Symbol) and abs(count) == letter.unit == 1:
            rest = dim_of({other: -count * c for other, c in terms.items() if other != monomial})
            if letter.name not in symbols(rest):
                found.append((letter.name, rest))
    return (condition, *max(found, key=itemgetter(0))) if found else None


def _taken(
    condition: Condition, names: list[str], domains: dict[str, Domain], declared: Mapping[str, Declared]
) -> bool:
    """Whether a comparison could be solved for its only letter, and is in the letter's domain now."""
    letter = _lone_letter(condition)
    found = letter and not declared[letter].remainder and _Solved.of(condition, letter)
    if not letter or not found:
        return False
    domains.setdefault(letter, Domain(letter, declared[letter])).add(found, names)
    return True


def _put(condition: Condition, values: Mapping[str, Dim]) -> Condition:
    """A comparison with letters replaced; as it was where a declaration forbids that."""
    try:
        left, right = substitute(condition.left, values), substitute(condition.right, values)
    except ValueError:
        return condition
    return condition._replace(left=left, right=right)


def _by_remainders(
    condition: Condition, known: Mapping[str, Declared], declared: Mapping[str, Declared]
) -> list[Condition] | None:
    """An equality of several letters as what it says of each one's remainders; None where it says more than that.

    It is decided for every remainder of every letter: H·W + 2·⌊(H+1)/2⌋ + 2·⌊(W+1)/2⌋ = 4·⌊(H+1)/2⌋·⌊(W+1)/2⌋ + 1
    where H and W are odd, and nowhere else.
    """
    names = sorted(_letters_of(condition))
    periods = {name: lcm(period, known[name].unit) for name, period in _periods(condition).items()}
    if condition.relation != "==" or not 1 < prod(periods.values()) <= MAX_CASES:
        return None
    if any(known[name].remainder for name in names):
        return None
    good: list[tuple[int, ...]] = []
    for case in grid(*(range(0, periods[name], known[name].unit) for name in names)):
        holding = _holding(condition, known, {name: (periods[name], r) for name, r in zip(names, case, strict=True)})
        if holding is None:
            return None
        good += [case] if holding else []
    apart = [set(column) for column in zip(*good, strict=True)]
    if not good or prod(map(len, apart)) != len(good):
        return None
    found: list[Condition] = []
    for name, remainders in zip(names, apart, strict=True):
        own, divisor = symbol(name, *declared[name]), gcd(periods[name], *(r - min(remainders) for r in remainders))
        if len(remainders) != periods[name] // lcm(divisor, known[name].unit):
            return None
        if divisor > 1:
            found.append(Condition(own - min(remainders) % divisor, "divisible by", divisor, ""))
    return found


def _periods(condition: Condition) -> dict[str, int]:
    """With which periods the floors of a comparison repeat, by letters."""
    found: dict[Symbol, int] = {}
    note_periods(condition.left, 1, found)
    note_periods(condition.right, 1, found)
    return {letter.name: period * letter.unit for letter, period in found.items()}


def _holding(condition: Condition, known: Mapping[str, Declared], case: Mapping[str, tuple[int, int]]) -> bool | None:
    """Whether a comparison holds of letters that leave these remainders; not where there are no such."""
    try:
        letters = {name: symbol(name, *known[name][:2], *modulus) for name, modulus in case.items()}
    except ValueError:
        return False
    return _put(condition, letters).holds


def _known(declared: Mapping[str, Declared], found: Iterable[Requirement], wholly: bool = False) -> dict[str, Declared]:
    """What is declared of letters with what is required of each alone; ``wholly`` with remainders other than 0 too."""
    within = dict(declared)
    for one in found:
        if len(one.letters) == 1 and (letter := one.letters[0]) in within:
            low, high, unit, remainder = within[letter]
            most = high if one.most is None else one.most if high is None else min(high, one.most)
            if one.remainder and wholly and one.divisor % unit == 0:
                unit, remainder = one.divisor, one.remainder
            elif not one.remainder:
                unit = lcm(unit, one.divisor)
            within[letter] = Declared(max(low, one.least), most, unit, remainder)
    return within


def _narrowed(declared: Mapping[str, Declared], within: Mapping[str, Declared]) -> dict[str, Dim]:
    """Letters of which more is known than was declared with that declared of them, or as the only value left."""
    changed = {letter: known for letter, known in within.items() if known != declared[letter]}
    return {
        letter: known.low if known.low == known.high else symbol(letter, *known) for letter, known in changed.items()
    }


def _meant(condition: Condition) -> Meant | None:
    """What a comparison says that a letter is, by others: H − 1 for W in H = W + 1, a multiple of G."""
    left, relation, right = condition.left, condition.relation, condition.right
    if relation == "divisible by" and isinstance(right, Expr):
        (letters, count), *more = terms_of(left).items()
        own = letters[0] if len(letters) == count == 1 and not more else None
        if isinstance(own, Symbol) and own.unit == 1 and own.name not in symbols(right):
            return own.name, relation, right
        return None
    stated = _stated(condition, set())
    return (stated[1], relation, stated[2]) if stated else None


def _multiples(conditions: Iterable[Condition]) -> Iterator[Meant]:
    """What comparisons say that letters are multiples of."""
    return (what for one in conditions if (what := _meant(one)) and what[1] == "divisible by")


def _with_quotients(condition: Condition, others: Iterable[Condition]) -> Condition:
    """A comparison with the floors that others say are whole as letters of their own, from 1 on."""
    for left, relation, right, *_ in others:
        if relation == "divisible by" and holds(left, ">=", 1) and holds(right, ">=", 1):
            for whole in {atom for monomial in terms_of(left // right) for atom in monomial}:
                if isinstance(whole, Floor) and left // right == dim_of({(whole,): 1}):
                    letter = dim_of({(symbol_atom(text(left // right), 1, None, 1),): 1})
                    sides = (_replaced(side, whole, letter) for side in (condition.left, condition.right))
                    condition = Condition(next(sides), condition.relation, next(sides), "")
    return condition


def _with_meant(letters: Mapping[str, Dim], known: Mapping[str, Declared], meant: Iterable[Meant]) -> dict[str, Dim]:
    """Letters to be replaced, with those that comparisons state by others that stay."""
    wide = dict(letters)
    for letter, relation, size in meant:
        try:
            new = substitute(size, wide)
            low, high, unit, remainder = known[letter]
            if letter in symbols(new) or letter in wide and symbols(wide[letter]) != (letter,):
                continue
            if relation == "divisible by":
                if remainder or not holds(new, "divisible by", unit):
                    continue
                new = symbol(letter, low, high, new)
            wide = {**{name: substitute(old, {letter: new}) for name, old in wide.items()}, letter: new}
        except ValueError:  # a declaration forbids it, or it is no product of letters
            continue
    return wide


def _declared_of(system: Iterable[Condition]) -> dict[str, Declared]:
    """What is declared of the letters of comparisons."""
    atoms = {atom for one in system for side in (one.left, one.right) for atom in _letters_in(side)}
    return {atom.name: Declared.of(atom) for atom in atoms}


def _refuse_impossible(graph: Graph) -> None:
    """Raise SpecError for the first comparison that no value of its letter makes true."""
    for node in graph.nodes:
        for condition in node.applied.conditions:
            if any(not one.possible for one in simplified([(condition, node.name)])):
                error = condition.failure()
                error.hint = f"no value of {', '.join(sorted(_letters_of(condition)))} will do"
                raise error.at(node.span, graph.source, graph.source_name)


def decided(graph: Graph, sizes: dict[str, Dim]) -> Graph:
    """The network with letters given values; a violated condition is an error that names the layers that made it.

    The layers have the last word: a size of 1 that a merge repeats is legal, though the formulas hold of no such size.
    """
    numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
    known = graph.symbols
    for found in conditions_of(graph) if set(numbers) <= set(known) else ():
        if set(found.letters) <= set(numbers) and not found.holds(**numbers):
            try:
                other = graph.substitute(sizes)
                conditions_of(other)
            except SpecError:
                raise _violated(found, numbers) from None
            return other
    return graph.substitute(sizes)


def _violated(found: Requirement, numbers: Mapping[str, int]) -> SpecError:
    given = ", ".join(f"{name} = {numbers[name]}" for name in found.letters)
    return SpecError(
        "condition-violated",
        f"{given}, but the network holds only when {found}",
        expected=found.text,
        found=given,
        hint=f"made by {_listed(found.layers)}",
    )


def on_domain(graph: Graph, found: Iterable[Requirement]) -> Graph:
    """The network with what its conditions demand declared of its letters: H // 16 is then H/16.

    A letter of one value becomes that value, one that equals others these; a bound may settle a maximum.

    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("CxHxW -> maxpool 2 -> reshape (C, H // 2, W // 2) -> Conv2d(8, 3, 1)")
    >>> demands = [Requirement("C = 8", ("C",), (), bool, least=8, most=8)]
    >>> narrow = on_domain(graph, [*demands, Requirement("H divisible by 4", ("H",), (), bool, divisor=4)])
    >>> narrow[0].shape[0], [text(size) for size in narrow[-1].shape]
    (8, ['3', 'H/2', '⌊W/2⌋'])
    """
    found = [one for one in found if not one.declared]
    if not found:
        return graph
    declared = {atom.name: Declared.of(atom) for atom in _letters_of_graph(graph)}
    known = _known(declared, found, wholly=True)
    letters = _with_meant(_narrowed(declared, known), known, (one.meant for one in found if one.meant))
    return graph.substitute(letters) if letters else graph


def strict(graph: Graph, counted: bool = True) -> None:
    """Raise SpecError where a condition is open, or (``counted``) work is uncounted."""
    uncounted = [f"{node.name}: {name}" for node in graph.nodes for name in node.applied.work.uncounted]
    if counted and uncounted:
        raise SpecError(
            "uncounted",
            f"the operations are only a lower bound: not counted is {_listed(uncounted)}",
            expected="every operation counted",
            found="; ".join(uncounted),
            hint="give the layer's letters a value: --set",
        )
    if found := conditions_of(graph):
        raise SpecError(
            "open-condition",
            f"the formulas hold only when {', '.join(map(str, found))}",
            expected="no open condition",
            found="; ".join(f"{one} (by {_listed(one.layers)})" for one in found),
            hint=f"give {_listed(sorted({name for one in found for name in one.letters}))} a value",
        )


def _listed(names: Iterable[str], most: int = 4) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# ---------------------------------------------------------------- one letter


def _lone_letter(condition: Condition) -> str:
    """The only letter of a comparison, or nothing."""
    names = _letters_of(condition)
    return names.pop() if len(names) == 1 else ""


def _letters_of(condition: Condition) -> set[str]:
    return {*symbols(condition.left), *symbols(condition.right)}


class Declared(NamedTuple):
    """What is declared of a letter: its least and greatest value, and what it is a multiple of, or remainder more."""

    low: int = 1
    high: int | None = None
    unit: int = 1
    remainder: int = 0

    @classmethod
    def of(cls, atom: Symbol) -> Declared:
        return cls(1 if atom.lower is None else atom.lower, atom.upper, atom.unit, atom.remainder)


def _declared(condition: Condition, letter: str) -> Declared:
    """What the letter of a comparison was declared to be, wherever it stands in it."""
    atoms = [atom for side in (condition.left, condition.right) for m in terms_of(side) for atom in m]
    own = next(own for atom in atoms for own in atom.free if own.name == letter)
    return Declared.of(own)


class _Solved(NamedTuple):
    """The values of a letter for which a comparison holds: ranges for each remainder of a period."""

    period: int
    ranges: tuple[Ranges, ...]

    @classmethod
    def of(cls, condition: Condition, letter: str) -> _Solved | None:
        """The comparison solved for its only letter; None where it is not made of what can be solved."""
        return cls._of(condition, letter, _declared(condition, letter))

    @classmethod
    def _of(cls, condition: Condition, letter: str, declared: Declared, splits: int = 0) -> _Solved | None:
        left, relation, right = condition.left, condition.relation, condition.right
        unit = declared.unit
        if relation == "divisible by":
            if isinstance(right, int) and right > 0:
                found = cls._of_congruence(left, right, unit)
            else:
                found = cls._of_divisor(left, right, letter, unit)
        else:
            difference = right - left if relation == "<=" else left - right
            equal = relation == "=="
            found = cls._of_growth(difference, equal, declared) or cls._of_powers(difference, equal, letter, unit)
        return found or cls._of_cases(condition, letter, declared, splits)

    @classmethod
    def _of_cases(cls, condition: Condition, letter: str, declared: Declared, splits: int) -> _Solved | None:
        """The comparison with each size in turn that a maximum or minimum in it may be, where it is that."""
        atom = _extreme_in(condition.left) or _extreme_in(condition.right)
        if atom is None or splits == MAX_SPLITS:
            return None
        found: _Solved | None = None
        for arg in atom.args:
            left, right = (_replaced(side, atom, arg) for side in (condition.left, condition.right))
            case: _Solved | None = cls._of(condition._replace(left=left, right=right), letter, declared, splits + 1)
            for other in atom.args:
                if case and other is not arg:
                    chosen = Condition(arg, ">=" if atom.which == "max" else "<=", other, "")
                    alone = cls._of(chosen, letter, declared, splits + 1)
                    case = alone and case.joined(alone, _common)
            if case is None:
                return None
            found = found.joined(case, add) if found else case
            if found is None:
                return None
        return found

    @classmethod
    def _of_congruence(cls, size: Dim, modulus: int, unit: int) -> _Solved | None:
        """Where a size is a multiple of a number: one full period is tested."""
        period = _period(size, modulus)
        if period is None or (period := lcm(period, unit)) > MAX_PERIOD:
            return None
        starts = _starts(period, unit)
        good = {x % period: x for x, value in zip(starts, _values(size, starts)) if value % modulus == 0}
        return cls(period, tuple(((good[r], None),) if r in good else () for r in range(period)))

    @classmethod
    def _of_divisor(cls, number: Dim, divisor: Dim, letter: str, unit: int, finer: int = 1) -> _Solved | None:
        """Where a size is a multiple of another: along each remainder both are polynomials, and so is what divides.

        ``finer`` times as many remainders are told apart: so many that a quotient is whole for all of one, or for none.
        """
        period, other, power = _period(number), _period(divisor), max(degree(number, letter), degree(divisor, letter))
        if period is None or other is None or power > MAX_POWER:
            return None
        if (period := lcm(period, other, unit) * finer) > MAX_DIVISIONS:
            return None
        found: list[Ranges] = [()] * period
        for at in _starts(period, unit):
            along = [at + period * t for t in range(power + 1)]
            upper, lower = (_coefficients(_differences(_values(size, along))) for size in (number, divisor))
            if not lower:
                return None
            quotient, rest = _divided(upper, lower)
            if not rest and (wide := lcm(*(factor.denominator for factor in quotient[1:]))) > 1:
                return cls._of_divisor(number, divisor, letter, unit, finer * wide)
            if not rest and (not quotient or quotient[0].denominator == 1):
                found[at % period] = ((at, None),)
                continue
            scale = lcm(*(factor.denominator for factor in quotient))
            times = _times_divided(lower, [part * scale for part in rest], MAX_DIVISIONS // period)
            if times is None:
                return None
            tried = [at + period * t for t in times]
            pairs = zip(tried, _values(number, tried), _values(divisor, tried), strict=True)
            found[at % period] = _joined(((x, x) for x, a, b in pairs if holds(a, "divisible by", b)), period)
        return cls(period, tuple(found))

    @classmethod
    def _of_growth(cls, difference: Dim, equal: bool, declared: Declared) -> _Solved | None:
        """Where a size that only grows (or only falls) is at least 0, or just 0: up to or from a threshold."""
        if _grows(difference):
            size, falls = difference, False
        elif _grows(-difference):
            size, falls = -difference, True
        else:
            return None
        unit = declared.unit
        if unit > MAX_PERIOD:
            return None
        first = -(-max(declared.low, 1) // unit)
        last = first + 2**128 if declared.high is None else declared.high // unit

        def reaches(value: int) -> int:
            """The least multiple of the unit for which the size is at least this, one beyond the last if none."""
            return _least(lambda n: _values(size, [n * unit])[0] >= value, first, last)

        low = reaches(0) if equal or not falls else first
        high = reaches(1) - 1 if equal or falls else None
        if declared.high is None and (low > last or high == last):
            return None  # it does not grow beyond all bounds: a threshold is not known
        if high == last:
            high = None
        here: Ranges = ((low * unit, None if high is None else high * unit),)
        return cls(unit, (here if high is None or low <= high else (), *[()] * (unit - 1)))

    @classmethod
    def _of_powers(cls, difference: Dim, equal: bool, letter: str, unit: int) -> _Solved | None:
        """Where a size is at least 0, or just 0, from the polynomials that it is along each remainder."""
        period, power = _period(difference), degree(difference, letter)
        if period is None or (period := lcm(period, unit)) > MAX_PERIOD or power > MAX_POWER:
            return None
        starts = _starts(period, unit)
        values = [_values(difference, [x + period * t for x in starts]) for t in range(power + 1)]
        found: list[Ranges] = [()] * period
        for at, *along in zip(starts, *values):
            steps = _differences(along)
            times = _nonnegative(steps)
            if equal and times:
                times = _common(times, _nonnegative([-step for step in steps]))
            found[at % period] = tuple(
                (at + period * low, None if high is None else at + period * high) for low, high in times
            )
        return cls(period, tuple(found))

    def joined(self, other: _Solved, how: Callable[[Ranges, Ranges], Ranges]) -> _Solved | None:
        """The ranges of two, put together remainder by remainder; None where the period would be too long."""
        period = lcm(self.period, other.period)
        if period > MAX_PERIOD:
            return None
        both = (how(self.ranges[r % self.period], other.ranges[r % other.period]) for r in range(period))
        return _Solved(period, tuple(_joined(_of_remainder(one, r, period), period) for r, one in enumerate(both)))

    def contains(self, x: int) -> bool:
        return any(low <= x and (high is None or x <= high) for low, high in self.ranges[x % self.period])


def _extreme_in(size: Dim) -> Extreme | None:
    """A minimum or maximum in a size, None without one."""
    for atom in (atom for monomial in terms_of(size) for atom in monomial):
        if isinstance(atom, Extreme):
            return atom
        if isinstance(atom, Floor) and (found := _extreme_in(atom.numerator) or _extreme_in(atom.denominator)):
            return found
    return None


def _replaced(size: Dim, old: Atom, new: Dim) -> Dim:
    """A size with another in the place of one of its atoms."""
    found: Dim = 0
    for monomial, count in terms_of(size).items():
        part: Dim = count
        for atom in monomial:
            if atom is old:
                part *= new
            elif isinstance(atom, Floor):
                part *= _replaced(atom.numerator, old, new) // _replaced(atom.denominator, old, new)
            else:
                part *= dim_of({(atom,): 1})
        found += part
    return found


def _starts(period: int, unit: int) -> list[int]:
    """The least number of each remainder that a letter can have: letters are at least 1."""
    return [*range(unit, period + 1, unit)]


def _values(size: Dim, numbers: Sequence[int]) -> list[int]:
    """The values of a size of one letter at numbers, beyond declared bounds too: only its form matters here.

    >>> _values((symbol("H") ** 2 + 1) // 2, [1, 2, 3, 4])
    [1, 2, 5, 8]
    """
    found = [terms_of(size).get((), 0)] * len(numbers)
    known: dict[Atom, list[int]] = {}
    for monomial, count in terms_of(size).items():
        if not monomial:
            continue
        part = [count] * len(numbers)
        for atom in monomial:
            if atom not in known:
                known[atom] = _atom_values(atom, numbers)
            part = list(map(mul, part, known[atom]))
        found = list(map(add, found, part))
    return found


def _atom_values(atom: Atom, numbers: Sequence[int]) -> list[int]:
    if isinstance(atom, Symbol):
        return [x // atom.unit for x in numbers]
    if isinstance(atom, Floor):
        return list(map(floordiv, _values(atom.numerator, numbers), _values(atom.denominator, numbers)))
    assert isinstance(atom, Extreme)
    pick: Callable[..., int] = min if atom.which == "min" else max
    return list(map(pick, *(_values(arg, numbers) for arg in atom.args)))


def _period(size: Dim, modulus: int = 1) -> int | None:
    """The period with which a size of one letter repeats but for multiples of a modulus, and for growth as a power.

    None where it does not. A floor repeats when what it divides does, but for multiples of modulus times divisor.

    >>> H = symbol("H")
    >>> _period(H * H), _period((H // 2) ** 2), _period((H * H) // 3), _period(6 * H * H, 4)
    (1, 2, 3, 2)
    """
    period = 1
    for monomial, count in terms_of(size).items():
        for atom in monomial:
            own = modulus // gcd(modulus, count)
            if isinstance(atom, Symbol):
                part: int | None = atom.unit * own
            elif isinstance(atom, Floor) and isinstance(atom.denominator, int):
                part = _period(atom.numerator, atom.denominator * own)
            else:
                return None
            if part is None:
                return None
            period = lcm(period, part)
            if period > MAX_PERIOD:
                return None
    return period


def _grows(size: Dim) -> bool:
    """Whether a size is seen to be never less for a greater letter: a sum of such, times numbers and one another.

    >>> H = symbol("H")
    >>> _grows(H * (H // 2) + 3 * H - 7), _grows(H * H - H)
    (True, False)
    """
    for monomial, count in terms_of(size).items():
        if not monomial:
            continue
        if count < 0 or not all(map(_atom_grows, set(monomial))):
            return False
        if len(monomial) > 1 and any((atom.span[0] is None or atom.span[0] < 0) for atom in monomial):
            return False
    return True


def _atom_grows(atom: Atom) -> bool:
    if isinstance(atom, Floor):
        return isinstance(atom.denominator, int) and _grows(atom.numerator)
    return all(map(_grows, atom.args)) if isinstance(atom, Extreme) else True


def _least(test: Callable[[int], bool], first: int, last: int) -> int:
    """The least number that passes a test that all greater ones pass too, last + 1 if there is none.

    >>> _least(lambda n: n * n >= 10**12, 1, 10**30)
    1000000
    """
    high, step = first, 1
    while high <= last and not test(high):
        first, high, step = high + 1, high + step, 2 * step
    high = min(high, last + 1)
    while first < high:
        middle = (first + high) // 2
        first, high = (first, middle) if test(middle) else (middle + 1, high)
    return first


def _differences(values: list[int]) -> list[int]:
    """A polynomial as its value at 0 and the differences of growing order there.

    >>> _differences([0, 1, 4, 9])  # t²
    [0, 1, 2, 0]
    """
    found = []
    while values:
        found.append(values[0])
        values = [after - before for before, after in pairwise(values)]
    return found


def _polynomial(steps: Sequence[int], t: int) -> int:
    """The value at t of a polynomial with these differences at 0."""
    value, choices = 0, 1
    for k, step in enumerate(steps):
        value += step * choices
        choices = choices * (t - k) // (k + 1)
    return value


def _coefficients(steps: Sequence[int]) -> list[Fraction]:
    """The coefficients of a polynomial with these differences at 0, that of the highest power last.

    >>> [str(one) for one in _coefficients([3, 2, 1, 0])]  # 3 + 3/2·t + 1/2·t²
    ['3', '3/2', '1/2']
    """
    found: list[Fraction] = []
    for k, step in reversed([*enumerate(steps)]):
        found = [(a - k * b) / (k + 1) for a, b in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
        found[0] += step
    return _without_leading_zeros(found)


def _without_leading_zeros(polynomial: list[Fraction]) -> list[Fraction]:
    return polynomial[: max((power for power, c in enumerate(polynomial, 1) if c), default=0)]


def _divided(number: list[Fraction], divisor: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """The quotient of two polynomials, and the rest: of a lower degree than the divisor."""
    quotient: list[Fraction] = []
    rest = [*number]
    for shift in reversed(range(len(number) - len(divisor) + 1)):
        factor = rest[shift + len(divisor) - 1] / divisor[-1]
        quotient.insert(0, factor)
        for power, c in enumerate(divisor, shift):
            rest[power] -= factor * c
    return quotient, _without_leading_zeros(rest)


def _times_divided(divisor: list[Fraction], rest: list[Fraction], most: int) -> list[int] | None:
    """The t ≥ 0 at which a polynomial may divide a rest of lower degree, or be 0: not tried beyond ``most`` (None).

    What divides a number is one of its divisors, and beyond the last root of their difference it is the greater one.
    """
    if len(divisor) == 2 and len(rest) == 1:
        start, slope = divisor
        if abs(rest[0]) > MAX_DIVIDED:
            return None
        parts = _divisors(abs(int(rest[0])))
        times = sorted((sign * part - start) / slope for part in parts for sign in (1, -1))
        return [int(t) for t in times if t >= 0 and t.denominator == 1]
    padded = [*rest, *[Fraction(0)] * (len(divisor) - len(rest))]
    compared = [[a + sign * b for a, b in zip(divisor, padded, strict=True)] for sign in (1, -1)]
    last = max(map(_last_root, filter(None, (divisor, rest, *compared))))
    return list(range(last + 1)) if last <= most else None


def _last_root(polynomial: list[Fraction]) -> int:
    """A number beyond which a polynomial is not 0: by Cauchy's bound.

    >>> _last_root([Fraction(6), Fraction(-5), Fraction(1)])  # (t − 2)·(t − 3)
    7
    """
    *others, leading = polynomial
    return int(max((abs(one / leading) for one in others), default=0)) + 1


def _nonnegative(steps: Sequence[int]) -> Ranges:
    """The t ≥ 0 at which a polynomial with these differences at 0 is at least 0.

    It rises where its first difference is at least 0, and falls elsewhere; between two turns bisection is exact.

    >>> _nonnegative(_differences([6, 2, 0]))  # (t − 2)·(t − 3)
    ((0, None),)
    >>> _nonnegative([step - (not k) for k, step in enumerate(_differences([6, 2, 0]))])  # the same, less 1
    ((0, 1), (4, None))
    """
    steps = list(steps)
    while steps and not steps[-1]:
        steps.pop()
    if len(steps) < 2:
        return ((0, None),) if not steps or steps[0] > 0 else ()
    if len(steps) == 2:
        value, slope = steps
        if slope > 0:
            return ((max(0, -(value // slope)), None),)
        return ((0, value // -slope),) if value >= 0 else ()

    def good(t: int) -> bool:
        return _polynomial(steps, t) >= 0

    rising = steps[-1] > 0  # at the end
    turns = [0]
    for low, high in _nonnegative(steps[1:]):
        turns += [low] if high is None else [low, high + 1]
    end = turns[-1] + 1
    while good(end) != rising:
        end *= 2
    found: list[Interval] = []
    for a, b in pairwise([*turns, end]):
        if good(a):
            found.append((a, b if good(b) else _least(lambda t: not good(t), a, b) - 1))
        elif good(b):
            found.append((_least(good, a, b), b))
    if rising:
        found[-1] = (found[-1][0], None)
    return _joined(found)


def _joined(ranges: Iterable[Interval], step: int = 1) -> Ranges:
    """The same as rising ranges with gaps between: those that meet as one."""
    found: list[Interval] = []
    for low, high in sorted(ranges, key=itemgetter(0)):
        least, most = found[-1] if found else (low, low - step - 1)
        if most is not None and most + step < low:
            found.append((low, high))
        else:
            found[-1] = (least, None if most is None or high is None else max(most, high))
    return tuple(found)


def _common(some: Ranges, others: Ranges) -> Ranges:
    """What two lists of ranges have in common.

    >>> _common(((1, 4), (6, None)), ((3, 9),))
    ((3, 4), (6, 9))
    """
    found: list[Interval] = []
    for low, high in some:
        for least, most in others:
            end = most if high is None else high if most is None else min(high, most)
            if end is None or max(low, least) <= end:
                found.append((max(low, least), end))
    return tuple(found)


class Domain:
    """The values that a letter may take, from everything that was solved for it."""

    def __init__(self, letter: str, declared: Declared) -> None:
        self.letter, self.declared = letter, declared
        self.low, self.high, self.unit = max(declared.low, 1), declared.high, declared.unit
        self.solved: list[tuple[_Solved, list[str]]] = []

    def add(self, solved: _Solved, layers: list[str]) -> None:
        self.solved.append((solved, layers))
        vars(self).pop("common", None)

    @cached_property
    def common(self) -> _Solved | None:
        """What all of them have in common; None where the period would be too long."""
        period = lcm(self.unit, *(solved.period for solved, _ in self.solved))
        if period > MAX_COMMON_PERIOD:
            return None
        tables = [(solved.period, solved.ranges) for solved in {solved for solved, _ in self.solved}]
        found: list[Ranges] = []
        for r in range(period):
            ranges: Ranges = ((self.low, self.high),)
            for short, table in tables:
                ranges = _common(ranges, table[r % short])
                if not ranges:
                    break
            else:
                ranges = _joined(_of_remainder(ranges, r, period), period)
            found.append(ranges)
        return _Solved(period, tuple(found))

    def requirements(self) -> Iterator[Requirement]:
        """The domain in words: values, or bounds and a divisor."""
        common = self.common
        if common is None:  # too long a period: each on its own
            for solved, layers in self.solved:
                one = Domain(self.letter, self.declared)
                one.add(solved, layers)
                yield from one.requirements()
            return
        yield from _Words(self, common).requirements()


def _of_remainder(ranges: Ranges, r: int, period: int) -> Iterator[Interval]:
    """Ranges from and to a number of this remainder."""
    for low, high in ranges:
        low += (r - low) % period
        high = high if high is None else high - (high - r) % period
        if high is None or low <= high:
            yield low, high


class _Words:
    """A domain read off its ranges."""

    def __init__(self, domain: Domain, common: _Solved) -> None:
        self.domain, self.letter, self.period = domain, domain.letter, common.period
        self.contains = common.contains
        self.open = {r: ranges for r, ranges in enumerate(common.ranges) if ranges}

    def requirements(self) -> Iterator[Requirement]:
        letter = self.letter
        if not self.open:
            never = self._requirement(f"no value of {letter} will do", lambda x: False, lambda solved: True)
            yield never._replace(possible=False)
            return
        values = self.few()
        if values and (words := self.listed(values) if len(values) <= FEW else ""):
            found = self._requirement(words, values.__contains__, lambda s: any(_bounded(s)))
            yield found._replace(least=values[0], most=values[-1])
            return
        modulus = self.modulus()
        remainders = {r % modulus for r in self.open}
        lowest = min(ranges[0][0] for ranges in self.open.values())
        highs = [ranges[-1][1] for ranges in self.open.values()]
        highest = None if None in highs else max(high for high in highs if high is not None)
        exceptions = self.exceptions(lowest, highest)
        unit = self.domain.unit
        candidates = range(self.domain.low, lowest + 1)
        least = next(x for x in candidates if x % modulus in remainders and x % unit == 0)
        if any(x % modulus not in remainders for x in range(0, lcm(modulus, unit), unit)):
            yield self._requirement(
                _congruent(letter, modulus, remainders),
                lambda x: x % modulus in remainders,
                lambda s: any(not s.ranges[x % s.period] for x in range(0, lcm(s.period, unit), unit)),
                divisor=modulus if len(remainders) == 1 else 1,
            )._replace(remainder=min(remainders) if len(remainders) == 1 else 0)
        if exceptions is None:  # not a bound: said number by number
            words = self.dividing(values or []) or self.scattered(least)
            found = self._requirement(words, self.contains, lambda s: any(map(_broken, s.ranges)))
            yield found._replace(least=lowest, most=highest)
            return
        own = symbol(letter, *self.domain.declared)
        if lowest > least:
            found = self._requirement(f"{letter} ≥ {lowest}", lambda x: x >= lowest, lambda s: _lowest(s) > 1, _lowest)
            yield found._replace(least=lowest, bound=Condition(own, ">=", lowest, ""))
        if highest is not None and highest != self.domain.high:
            found = self._requirement(f"{letter} ≤ {highest}", lambda x: x <= highest, lambda s: any(_bounded(s)))
            yield found._replace(most=highest, bound=Condition(own, "<=", highest, ""))
        if exceptions:
            listed = ", ".join(map(str, exceptions))
            yield self._requirement(
                f"{letter} not {listed}",
                lambda x: x not in exceptions,
                lambda s: not all(map(s.contains, exceptions)),
            )

    def listed(self, values: list[int]) -> str:
        """A few values in words: ``H = 8``, ``H divides 16``, ``H is one of 3, 6``; none for a run of numbers."""
        if len(values) > 1 and values[-1] - values[0] == len(values) - 1:
            return ""
        dividing = self.dividing(values) if len(values) > 2 else ""
        return dividing if dividing and "," not in dividing else _among(self.letter, values)

    def dividing(self, values: list[int]) -> str:
        """The values as divisors of a number: ``H divides 720, H ≥ 2``; nothing where they are not just these."""
        number, own = lcm(*values), self.domain
        if not values or number > MAX_DIVIDED:
            return ""
        possible = [d for d in _divisors(number) if own.low <= d <= (own.high or d) and d % own.unit == 0]
        if values != [d for d in possible if values[0] <= d <= values[-1]]:
            return ""
        low = [f"{self.letter} ≥ {values[0]}"] if values[0] > possible[0] else []
        high = [f"{self.letter} ≤ {values[-1]}"] if values[-1] < possible[-1] else []
        return ", ".join([f"{self.letter} divides {number}", *low, *high])

    def few(self, most: int = 2000) -> list[int] | None:
        """All values, where there are not many."""
        found: list[int] = []
        for low, high in (one for ranges in self.open.values() for one in ranges):
            if high is None or (high - low) // self.period >= most or len(found) > most:
                return None
            found += range(low, high + 1, self.period)
        return None if len(found) > most else sorted(found)

    def modulus(self) -> int:
        """The least divisor of the period by whose remainders alone the values are told from the others."""
        divisor = self.period
        for prime in _primes(self.period):
            while divisor % prime == 0 and self.repeats(divisor // prime):
                divisor //= prime
        return divisor

    def repeats(self, step: int) -> bool:
        return all((r + step) % self.period in self.open for r in self.open)

    def exceptions(self, lowest: int, highest: int | None) -> list[int] | None:
        """Values between the bounds, of a good remainder, that are missing; None where there are many."""
        missing: list[int] = []
        for r, ranges in self.open.items():
            first = lowest + (r - lowest) % self.period
            for low, high in ranges:
                missing += range(first, low, self.period)[:9]
                first = low if high is None else high + self.period
            if highest is not None:
                missing += range(first, highest + 1, self.period)[:9]
            elif ranges[-1][1] is not None:  # others go on for ever
                return None
            if len(missing) > 8:
                return None
        return sorted(missing)

    def scattered(self, least: int, most: int = 6) -> str:
        """The values as runs of numbers of a good remainder: ``H ≤ 3 or H ≥ 9``, ``H in 1 … 3, 5, 9 …``"""
        runs = list(self.runs(most + 1))
        if len(runs) == 2 and runs[0][0] == least and runs[1][1] is None:
            return f"{self.letter} ≤ {runs[0][1]} or {self.letter} ≥ {runs[1][0]}"
        written = [f"{a} …" if b is None else str(a) if a == b else f"{a} … {b}" for a, b in runs[:most]]
        return f"{self.letter} in {', '.join(written)}{', …' if len(runs) > most else ''}"

    def runs(self, most: int) -> Iterator[Interval]:
        """Runs of values with none of a good remainder missing between them, from the least."""
        start = min(ranges[0][0] for ranges in self.open.values())
        for _ in range(most):
            gaps = [gap for r, ranges in self.open.items() if (gap := self.missing(r, ranges, start)) is not None]
            if not gaps:
                yield start, None
                return
            end = min(gaps)
            yield start, max(end - 1 - (end - 1 - r) % self.period for r in self.open)
            later = [low for r, ranges in self.open.items() if (low := self.present(r, ranges, end)) is not None]
            if not later:
                return
            start = min(later)

    def missing(self, r: int, ranges: Ranges, start: int) -> int | None:
        """The least number of a remainder from a number on that is not among its values."""
        x = start + (r - start) % self.period
        for low, high in ranges:
            if high is None:
                return x if x < low else None
            if x <= high:
                return x if x < low else high + self.period
        return x

    def present(self, r: int, ranges: Ranges, start: int) -> int | None:
        """The least value of a remainder from a number on."""
        x = start + (r - start) % self.period
        return next((max(x, low) for low, high in ranges if high is None or x <= high), None)

    def _requirement(
        self,
        words: str,
        test: Callable[[int], bool],
        concerned: Callable[[_Solved], bool],
        rank: Callable[[_Solved], int] | None = None,
        divisor: int = 1,
    ) -> Requirement:
        """A requirement with the layers whose comparisons speak of it: the strongest where that can be told."""
        mine = [(solved, names) for solved, names in self.domain.solved if concerned(solved)] or self.domain.solved
        if rank:
            top = max(rank(solved) for solved, _ in mine)
            mine = [(solved, names) for solved, names in mine if rank(solved) == top]
        layers = tuple(dict.fromkeys(name for _, names in mine for name in names))
        return Requirement(words, (self.letter,), layers, lambda sizes: test(sizes[self.letter]), divisor)


def _bounded(solved: _Solved) -> Iterator[bool]:
    return (bool(ranges) and ranges[-1][1] is not None for ranges in solved.ranges)


def _broken(ranges: Ranges) -> bool:
    """Whether it is more than a remainder that these tell."""
    return len(ranges) > 1 or any(high is not None for _, high in ranges)


def _lowest(solved: _Solved) -> int:
    """Above the last value that fails at the beginning."""
    return min((ranges[0][0] for ranges in solved.ranges if ranges), default=1)


def _primes(number: int) -> Iterator[int]:
    """The prime factors of a number."""
    prime = 2
    while prime * prime <= number:
        if number % prime == 0:
            yield prime
            while number % prime == 0:
                number //= prime
        prime += 1
    if number > 1:
        yield number


def _divisors(number: int) -> list[int]:
    """All of them, rising.

    >>> _divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def _among(letter: str, values: list[int]) -> str:
    return f"{letter} = {values[0]}" if len(values) == 1 else f"{letter} is one of {', '.join(map(str, values))}"


def _congruent(letter: str, modulus: int, remainders: set[int]) -> str:
    """``H divisible by 16``, ``H odd``, ``H + 1 divisible by 4``, ``H mod 4 is 1 or 2``"""
    if remainders == {0}:
        return f"{letter} divisible by {modulus}"
    if modulus == 2:
        return f"{letter} odd"
    if len(remainders) == 1:
        (r,) = remainders
        shifted = f"{letter} − {r}" if 2 * r <= modulus else f"{letter} + {modulus - r}"
        return f"{shifted} divisible by {modulus}"
    if len(remainders) == modulus - 1:
        (r,) = set(range(modulus)) - remainders
        return f"{letter} mod {modulus} not {r}"
    runs = [(r, r) for r in remainders] if len(remainders) <= 6 else _joined((r, r) for r in remainders)
    written = [str(a) if a == b else f"{a} … {b}" for a, b in sorted(runs)[:8]]
    return f"{letter} mod {modulus} is {' or '.join(written)}{' or …' if len(runs) > 8 else ''}"


# ---------------------------------------------------------------- several letters


def _minimal(alone: Sequence[Requirement], system: Makers, made: Makers) -> tuple[Requirement, ...]:
    """Those on one letter and those on several, less what the rest of them imply: left out one at a time.

    ``made`` are the comparisons as they were: where the rest cannot hold, these tell the letters.
    """
    declared, kept, several = _declared_of(system), list(alone), dict(system)
    known = _known(declared, kept)
    letters = _narrowed(declared, known)
    for one in system:
        apart = [other for other in several if other is not one]
        narrow, others = _put(one, letters), {_put(other, letters): other for other in apart}
        if (opposed := _opposed(narrow, others)) is not None:
            return (_never([one, *(others[other] for other in opposed)], system, made),)
        multiples = _with_meant(letters, known, _multiples(apart))
        whole = _with_quotients(_put(one, multiples), (_put(other, multiples) for other in apart))
        if narrow.holds or whole.holds or _follows(narrow, others):
            del several[one]
    for requirement in alone:
        rest = [other for other in kept if other is not requirement]
        known = _known(declared, rest)
        letters = _narrowed(declared, known)
        left = [_put(one, letters) for one in several]
        if requirement.bound and (
            _follows(_put(requirement.bound, letters), left) or _forbidden_below(requirement, known, left)
        ):
            kept = rest
    known = _known(declared, kept)
    letters = _narrowed(declared, known)
    stated = []
    for one, names in several.items():
        within = _with_meant(letters, known, _multiples(other for other in several if other is not one))
        stated.append(_stating(one, within, names)._replace(meant=_meant(one)))
    return (*_between_bounds(kept), *stated)


def _forbidden_below(requirement: Requirement, known: Mapping[str, Declared], others: Sequence[Condition]) -> bool:
    """Whether each value below a letter's bound makes one of the comparisons false."""
    letter = requirement.letters[0]
    if letter not in known or requirement.most is not None:
        return False
    low, _, unit, _ = known[letter]
    values = range(low + -low % unit, requirement.least, unit)
    if len(values) > MAX_TRIED:
        return False
    return all(any(_put(one, {letter: x}).holds is False for one in others) for x in values)


def _between_bounds(requirements: Sequence[Requirement]) -> Iterator[Requirement]:
    """Two bounds of one letter as one: 513 ≤ H ≤ 520."""
    bounds: dict[str, list[Requirement]] = {}
    for one in requirements:
        if one.bound:
            bounds.setdefault(one.letters[0], []).append(one)
    for one in requirements:
        low, *more = bounds.get(one.letters[0], [one])
        if not one.bound or not more:
            yield one
        elif one is low:
            (high,) = more
            layers = tuple(dict.fromkeys((*low.layers, *high.layers)))
            words = f"{low.least} ≤ {one.letters[0]} ≤ {high.most}"
            test = _between(one.letters[0], low.least, high.most)
            yield Requirement(words, one.letters, layers, test, least=low.least, most=high.most)


def _never(opposed: Sequence[Condition], system: Makers, made: Makers) -> Requirement:
    """What says that comparisons cannot hold together, with the layers that made them."""
    layers = tuple(dict.fromkeys(name for one in opposed for name in system[one]))
    theirs = [one for one, names in made.items() if not set(layers).isdisjoint(names)]
    letters = set().union(*map(_letters_of, opposed)) or set().union(*map(_letters_of, theirs))
    words = f"no value of {', '.join(sorted(letters))} will do"
    return Requirement(words, tuple(sorted(letters)), layers, lambda sizes: False, possible=False)


def _stating(condition: Condition, within: Mapping[str, Dim], names: list[str]) -> Requirement:
    """A comparison in words that may take for granted what is required of its letters alone."""
    said = _tidy(_put(condition, within))
    letters = _letters_of(said)
    test = _tester(condition if _letters_of(condition) == letters else said)
    return Requirement(_words(said), tuple(sorted(letters)), tuple(dict.fromkeys(names)), test)


def _tester(condition: Condition) -> Callable[[dict[str, int]], bool]:
    """Decides a comparison; values that its letters do not have, by what else is required, are refused."""

    def test(sizes: dict[str, int]) -> bool:
        try:
            left, right = substitute(condition.left, sizes), substitute(condition.right, sizes)
        except ValueError:
            return False
        return bool(holds(left, condition.relation, right))

    return test


def _tidy(condition: Condition) -> Condition:
    """The same comparison with like terms together: negative ones on the other side, common divisors cancelled."""
    left, right = condition.left, condition.right
    if condition.relation == "divisible by":
        return _tidy_multiple(condition)
    difference = right - left if condition.relation == "<=" else left - right
    relation = "==" if condition.relation == "==" else ">="
    difference = _without_factors(difference)
    if not isinstance(difference, Expr):
        return condition._replace(left=difference, relation=relation, right=0)
    terms = difference._terms
    divisor = gcd(*(c for m, c in terms.items() if m))
    constant = terms.get((), 0)
    if relation == ">=":
        constant = constant // divisor  # whole numbers: 2·x ≥ 3 is x ≥ 2
    elif constant % divisor:
        divisor = 1
    else:
        constant //= divisor
    positive: Dim = 0
    negative: Dim = 0
    for monomial, count in terms.items():
        if monomial and count:
            part = dim_of({monomial: abs(count) // divisor})
            positive, negative = (positive + part, negative) if count > 0 else (positive, negative + part)
    if constant > 0 and not isinstance(negative, int) or isinstance(positive, int):
        positive, constant = positive + constant, 0
    if isinstance(positive, int) and relation == "==":
        positive, negative, constant = negative, positive, 0
    return condition._replace(left=positive, relation=relation, right=negative - constant)


def _tidy_multiple(condition: Condition) -> Condition:
    """A multiple of a number, with what it shares with the number cancelled: 6·x divisible by 4 is x divisible by 2."""
    left, right = condition.left, condition.right
    if not isinstance(left, Expr) or not isinstance(right, int) or right < 1:
        return condition
    content = gcd(*terms_of(left).values())
    primitive = dim_of({monomial: count // content for monomial, count in terms_of(left).items()})
    return condition._replace(left=primitive, right=right // gcd(content, right))


def _without_factors(size: Dim) -> Dim:
    """A sum compared with 0, without the factors that all its terms have and that are at least 1."""
    if not isinstance(size, Expr):
        return size
    positive = tuple(atom for atom in shared_by(list(size._terms)) if (atom.span[0] or 0) >= 1)
    return dim_of({without(monomial, positive): count for monomial, count in size._terms.items()})


def _opposed(condition: Condition, others: Iterable[Condition]) -> tuple[Condition, ...] | None:
    """Comparisons with which a comparison cannot hold: none at all where it never holds; None where it may."""
    if condition.holds is False:
        return ()
    mine = _at_least_0(condition)
    for other in others:
        if any(holds(a + b, ">=", 0) is False for a in mine for b in _at_least_0(other)):
            return (other,)
    return None


def _follows(condition: Condition, others: Iterable[Condition]) -> bool:
    """Whether a comparison is seen to hold where others do: by one of them, or by two of them added."""
    if condition.relation == "divisible by":
        return any(_multiple_of(condition, other) for other in others)
    if condition.relation == "==":
        return False
    (mine,) = _at_least_0(condition)
    known = [size for other in others for size in _at_least_0(other)]
    pairs = [a + b for a, b in combinations(known, 2)] if len(known) <= MAX_ADDED else []
    return any(holds(mine - size, ">=", 0) is True for size in (*known, *pairs))


def _at_least_0(condition: Condition) -> list[Dim]:
    """Sizes that are at least 0 where a comparison holds."""
    difference = condition.left - condition.right
    match condition.relation:
        case ">=":
            return [difference]
        case "<=":
            return [-difference]
        case "==":
            return [difference, -difference]
        case _:  # a multiple is not less, but for 0
            return [difference] if holds(condition.left, ">=", 1) else []


def _multiple_of(weak: Condition, strong: Condition) -> bool:
    """Whether a divisibility follows from another: of a multiple, by a divisor."""
    if strong.relation != "divisible by":
        return False
    multiple = holds(weak.left, "divisible by", strong.left)
    return multiple is True and holds(strong.right, "divisible by", weak.right) is True


def _words(condition: Condition) -> str:
    if condition.relation == ">=" and isinstance(condition.left, int):
        return f"{text(condition.right)} ≤ {text(condition.left)}"
    return str(condition)
