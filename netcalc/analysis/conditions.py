"""What must hold of the letters: every open comparison of every layer, simplified, merged and minimal.

>>> from netcalc.spec import elaborate
>>> text = "1xHxW -> conv 1 k3 p1 as top -> maxpool 2 -> maxpool 2 -> upsample scale_factor=4 -> concat top"
>>> for found in conditions_of(elaborate(text)):
...     print(found, "by", *found.layers)
H divisible by 4 by concat1
W divisible by 4 by concat1

How: a comparison that speaks of one letter alone, in sums of floors, is decided for all its values. It repeats with a
period P (the least common multiple of what stands below the floors), so that along each remainder x = P·t + r it is
linear in t, and holds on an interval. So does what several such comparisons have in common; and from the intervals of
one full period the simplest words are read: a bound, a divisor, a value. Nothing is guessed. Comparisons of several
letters are tidied, and one that the others imply is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import gcd, lcm
from typing import NamedTuple

from netcalc.dims import Dim, Expr, _make, _terms, evaluate, holds, substitute, symbol, symbols, text
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.layers.base import Condition

MAX_PERIOD = 4096
"""Beyond this period a comparison is tidied, but not decided."""

Interval = tuple[int, "int | None"]  # the least and the greatest value, None for no greatest
Made = tuple[Condition, str]  # a condition and the layer that made it


class Requirement(NamedTuple):
    """A condition on the letters in words, the letters that it is on, and the layers that made it.

    ``test`` decides it for values of the letters.
    """

    text: str
    letters: tuple[str, ...]
    layers: tuple[str, ...]
    test: Callable[[dict[str, int]], bool]
    divisor: int = 1  # what its letter is a multiple of, where it says just that

    def __str__(self) -> str:
        return self.text

    def holds(self, **sizes: int) -> bool:
        """Whether it holds for these values."""
        return self.test(sizes)


def conditions_of(graph: Graph) -> tuple[Requirement, ...]:
    """What must hold of a network's letters: all of it, nothing twice, in the order of the letters."""
    return simplified((condition, node.name) for node in graph.nodes for condition in node.applied.conditions)


def simplified(conditions: Iterable[Made]) -> tuple[Requirement, ...]:
    """Open comparisons merged: first those on one letter, decided exactly, then the others, tidied."""
    makers: dict[Condition, list[str]] = {}
    for condition, name in conditions:
        makers.setdefault(condition._replace(about="", argument=None, code=""), []).append(name)
    domains: dict[str, Domain] = {}
    others: list[tuple[Condition, list[str]]] = []
    for condition, names in makers.items():
        letter = _lone_letter(condition)
        found = letter and _Solved.of(condition, letter)
        if letter and found:
            domains.setdefault(letter, Domain(letter, _declared(condition, letter))).add(found, names)
        else:
            others.append((condition, names))
    alone = [requirement for letter in sorted(domains) for requirement in domains[letter].requirements()]
    return (*alone, *_tidied(others, domains))


def decided(graph: Graph, sizes: dict[str, Dim]) -> Graph:
    """The network with letters given values; a violated condition is an error that names the layers that made it."""
    numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
    known = graph.symbols
    for found in conditions_of(graph) if set(numbers) <= set(known) else ():
        if set(found.letters) <= set(numbers) and not found.holds(**{name: numbers[name] for name in found.letters}):
            given = ", ".join(f"{name} = {numbers[name]}" for name in found.letters)
            raise SpecError(
                "condition-violated",
                f"{given}, but the network holds only when {found}",
                expected=found.text,
                found=given,
                hint=f"made by {_listed(found.layers)}",
            )
    return graph.substitute(sizes)


def on_domain(graph: Graph, found: Iterable[Requirement]) -> Graph:
    """The network with the divisibility that its conditions demand declared of its letters: H // 16 is then H/16.

    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("1xHxW -> maxpool 2 -> reshape (H // 2, W // 2)")
    >>> on_domain(graph, [Requirement("H divisible by 4", ("H",), (), bool, divisor=4)])
    <Graph 1xHxW -> (H/2)x⌊W/2⌋, 2 layers>
    """
    units = {one.letters[0]: one.divisor for one in found if one.divisor > 1}
    return graph.substitute({name: symbol(name, multiple_of=unit) for name, unit in units.items()}) if units else graph


def strict(graph: Graph) -> None:
    """Raise SpecError where a condition is open."""
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
    names = {*symbols(condition.left), *symbols(condition.right)}
    return names.pop() if len(names) == 1 else ""


class Declared(NamedTuple):
    """What is declared of a letter: its least and greatest value, and what it is a multiple of."""

    low: int = 1
    high: int | None = None
    unit: int = 1


def _declared(condition: Condition, letter: str) -> Declared:
    """What the letter of a comparison was declared to be, wherever it stands in it."""
    atoms = [atom for side in (condition.left, condition.right) for m in _terms(side) for atom in m]
    own = next(own for atom in atoms for own in atom.free if own.name == letter)
    return Declared(1 if own.lower is None else own.lower, own.upper, own.unit)


class _Solved(NamedTuple):
    """The values of a letter for which a comparison holds: an interval (or nothing) for each remainder of a period."""

    period: int
    intervals: tuple[Interval | None, ...]

    @classmethod
    def of(cls, condition: Condition, letter: str) -> _Solved | None:
        """The comparison solved for its only letter; None where it is not made of sums and floors with numbers."""
        left, relation, right = condition.left, condition.relation, condition.right
        if relation == "divisible by":
            if not isinstance(right, int) or right < 1:
                return None
            difference, modulus = left, right
        else:
            difference, modulus = (right - left if relation == "<=" else left - right), 1
        period = _period(difference)
        if period is None or period * modulus > MAX_PERIOD:
            return None
        period *= modulus
        unit = _declared(condition, letter).unit
        lows = []
        for r in range(period):
            if r % unit:
                continue
            start = r if r else period  # letters are at least 1
            lows.append((_at(difference, letter, unit, start), _at(difference, letter, unit, start + period)))
        step = {after - value for value, after in lows}
        if len(step) > 1:
            return None
        slope = step.pop()
        starts = [r or period for r in range(period) if r % unit == 0]
        first = zip(starts, (value for value, _ in lows))
        solved = {at % period: _interval(relation, modulus, value, slope, at, period) for at, value in first}
        return cls(period, tuple(solved.get(r) for r in range(period)))


def _at(size: Dim, letter: str, unit: int, number: int) -> int:
    """The value at a number, beyond declared bounds too: only the form of the formula matters here."""
    free = symbol("x", lower=None, multiple_of=unit)
    return int(evaluate(substitute(size, {letter: free}), {"x": number}))


def _interval(relation: str, modulus: int, value: int, slope: int, at: int, period: int) -> Interval | None:
    """Where value + slope·t compares as it should, for x = at + period·t ≥ 1; ``at`` is in 1 … period."""
    if relation == "divisible by":
        return (at, None) if value % modulus == 0 else None
    if relation == "==":
        if not slope:
            return (at, None) if value == 0 else None
        t, rest = divmod(-value, slope)
        return (at + period * t, at + period * t) if not rest and t >= 0 else None
    if not slope:
        return (at, None) if value >= 0 else None
    if slope > 0:
        t = max(0, -(value // slope))  # the least t with value + slope·t ≥ 0
        return at + period * t, None
    t = value // -slope
    return (at, at + period * t) if t >= 0 else None


def _period(size: Dim) -> int | None:
    """The period with which a size of one letter repeats, but for a linear growth; None where it does not."""
    if not isinstance(size, Expr):
        return 1
    period = 1
    for monomial in size._terms:
        if len(monomial) > 1:
            return None
        for atom in monomial:
            below = getattr(atom, "denominator", 1)
            if hasattr(atom, "args") or not isinstance(below, int):
                return None
            if hasattr(atom, "numerator"):
                inner = _period(atom.numerator)
                if inner is None or below * inner > MAX_PERIOD:
                    return None
                period = lcm(period, below * inner)
            else:
                period = lcm(period, getattr(atom, "unit", 1))
        if period > MAX_PERIOD:
            return None
    return period


class Domain:
    """The values that a letter may take, from everything that was solved for it."""

    def __init__(self, letter: str, declared: Declared) -> None:
        self.letter, self.declared = letter, declared
        self.low, self.high, self.unit = max(declared.low, 1), declared.high, declared.unit
        self.solved: list[tuple[_Solved, list[str]]] = []

    def add(self, solved: _Solved, layers: list[str]) -> None:
        self.solved.append((solved, layers))

    def common(self) -> _Solved | None:
        """What all of them have in common; None where the period would be too long."""
        period = lcm(self.unit, *(solved.period for solved, _ in self.solved))
        if period > 64 * MAX_PERIOD:
            return None
        found: list[Interval | None] = []
        for r in range(period):
            low, high = self.low, self.high
            for solved, _ in self.solved:
                interval = solved.intervals[r % solved.period]
                if interval is None:
                    break
                low = max(low, interval[0])
                high = interval[1] if high is None else high if interval[1] is None else min(high, interval[1])
            else:
                low += (r - low) % period  # the least number of this remainder
                found.append((low, high) if high is None or low <= high else None)
                continue
            found.append(None)
        return _Solved(period, tuple(found))

    def requirements(self) -> Iterator[Requirement]:
        """The domain in words: values, or bounds and a divisor."""
        common = self.common()
        if common is None:  # too long a period: each on its own
            for solved, layers in self.solved:
                one = Domain(self.letter, self.declared)
                one.add(solved, layers)
                yield from one.requirements()
            return
        yield from _Words(self, common).requirements()

    def value(self) -> int | None:
        """The only value, where there is just one."""
        common = self.common()
        ranges = [interval for interval in common.intervals if interval] if common else []
        if len(ranges) == 1 and ranges[0][1] is not None and ranges[0][1] - ranges[0][0] < common.period:  # type: ignore[union-attr]
            return ranges[0][0]
        return None


class _Words:
    """A domain read off its intervals."""

    def __init__(self, domain: Domain, common: _Solved) -> None:
        self.domain, self.letter, self.period = domain, domain.letter, common.period
        self.intervals = common.intervals
        self.open = {r: interval for r, interval in enumerate(common.intervals) if interval}

    def requirements(self) -> Iterator[Requirement]:
        letter = self.letter
        if not self.open:
            yield self._requirement(f"no value of {letter} will do", lambda x: False, lambda solved: True)
            return
        values = self.few()
        if values is not None:
            yield self._requirement(_among(letter, values), lambda x: x in values, lambda s: any(_bounded(s)))
            return
        modulus, remainders = self.modulus()
        lowest = min(low for low, _ in self.open.values())
        highs = [high for _, high in self.open.values()]
        highest = None if None in highs else max(high for high in highs if high is not None)
        exceptions = self.exceptions(modulus, remainders, lowest, highest)
        unit = self.domain.unit
        candidates = range(self.domain.low, lowest + 1)
        least = next(x for x in candidates if x % modulus in remainders and x % unit == 0)
        if any(x % modulus not in remainders for x in range(0, lcm(modulus, unit), unit)):
            yield self._requirement(
                _congruent(letter, modulus, remainders),
                lambda x: x % modulus in remainders,
                lambda s: any(s.intervals[x % s.period] is None for x in range(0, lcm(s.period, unit), unit)),
                divisor=modulus if remainders == {0} else 1,
            )
        if exceptions is None:  # not a bound: said number by number
            yield self._requirement(self.scattered(), self.contains, lambda s: True)
            return
        if lowest > least:
            yield self._requirement(f"{letter} ≥ {lowest}", lambda x: x >= lowest, lambda s: _lowest(s) > 1, _lowest)
        if highest is not None and highest != self.domain.high:
            yield self._requirement(f"{letter} ≤ {highest}", lambda x: x <= highest, lambda s: any(_bounded(s)))
        if exceptions:
            listed = ", ".join(map(str, exceptions))
            yield self._requirement(f"{letter} not {listed}", lambda x: x not in exceptions, lambda s: True)

    def contains(self, x: int) -> bool:
        interval = self.intervals[x % self.period]
        return interval is not None and interval[0] <= x and (interval[1] is None or x <= interval[1])

    def few(self, most: int = 6) -> list[int] | None:
        """All values, where there are only a few that are no run."""
        found: list[int] = []
        for low, high in self.open.values():
            if high is None or (high - low) // self.period >= most:
                return None
            found += range(low, high + 1, self.period)
        found.sort()
        run = len(found) > 1 and found[-1] - found[0] == len(found) - 1
        return None if len(found) > most or run else found

    def modulus(self) -> tuple[int, set[int]]:
        """The least divisor of the period by whose remainders alone the values are told from the others."""
        for divisor in (d for d in range(1, self.period + 1) if self.period % d == 0):
            remainders = {r % divisor for r in self.open}
            if len(remainders) * (self.period // divisor) == len(self.open):
                return divisor, remainders
        raise AssertionError("the period tells them apart")

    def exceptions(self, modulus: int, remainders: set[int], lowest: int, highest: int | None) -> list[int] | None:
        """Values between the bounds, of a good remainder, that are missing; None where there are many."""
        missing: list[int] = []
        for r, (low, high) in self.open.items():
            first = lowest + (r - lowest) % self.period
            missing += range(first, low, self.period)[:9]
            if highest is not None and high is not None:
                last = highest - (highest - r) % self.period
                missing += range(high + self.period, last + 1, self.period)[:9]
            elif highest is not None:
                return None
            if len(missing) > 8:
                return None
        return sorted(missing)

    def scattered(self) -> str:
        """The values as runs, from the least."""
        settled = max(low for low, _ in self.open.values())
        runs: list[list[int]] = []
        for x in filter(self.contains, range(self.domain.low, settled + self.period)):
            if runs and x == runs[-1][1] + 1:
                runs[-1][1] = x
            else:
                runs.append([x, x])
        written = [str(a) if a == b else f"{a} … {b}" for a, b in runs[:6]]
        return f"{self.letter} in {', '.join(written)}{', …' if len(runs) > 6 else ''}"

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
    return (interval is not None and interval[1] is not None for interval in solved.intervals)


def _lowest(solved: _Solved) -> int:
    """Above the last value that fails at the beginning."""
    return min((low for low, _ in filter(None, solved.intervals)), default=1)


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
    return f"{letter} mod {modulus} is {' or '.join(map(str, sorted(remainders)))}"


# ---------------------------------------------------------------- several letters


def _tidied(conditions: list[tuple[Condition, list[str]]], domains: dict[str, Domain]) -> Iterator[Requirement]:
    """Comparisons of several letters, tidied, letters of one value put in; those that others imply are left out."""
    values = {letter: value for letter, domain in domains.items() if (value := domain.value()) is not None}
    kept: dict[Condition, list[str]] = {}
    for condition, names in conditions:
        tidy = _tidy(condition, values)
        if tidy.holds is not True:
            kept.setdefault(tidy, []).extend(names)
    for condition, names in kept.items():
        if not any(other is not condition and _implies(other, condition) for other in kept):
            letters = tuple(sorted({*symbols(condition.left), *symbols(condition.right)}))
            yield Requirement(_words(condition), letters, tuple(dict.fromkeys(names)), _tester(condition))


def _tester(condition: Condition) -> Callable[[dict[str, int]], bool]:
    return lambda sizes: bool(
        holds(substitute(condition.left, sizes), condition.relation, substitute(condition.right, sizes))
    )


def _tidy(condition: Condition, values: Mapping[str, Dim]) -> Condition:
    """The same comparison with like terms together: negative ones on the other side, common divisors cancelled."""
    left, right = substitute(condition.left, values), substitute(condition.right, values)
    if condition.relation == "divisible by":
        return condition._replace(left=left, right=right)
    difference = right - left if condition.relation == "<=" else left - right
    relation = "==" if condition.relation == "==" else ">="
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
            part = _make({monomial: abs(count) // divisor})
            positive, negative = (positive + part, negative) if count > 0 else (positive, negative + part)
    if constant > 0 and not isinstance(negative, int) or isinstance(positive, int):
        positive, constant = positive + constant, 0
    if isinstance(positive, int) and relation == "==":
        positive, negative, constant = negative, positive, 0
    return condition._replace(left=positive, relation=relation, right=negative - constant)


def _implies(strong: Condition, weak: Condition) -> bool:
    """Whether one comparison makes another one needless: the same letters with a smaller bound."""
    if weak.relation == strong.relation == ">=":
        return holds((weak.left - weak.right) - (strong.left - strong.right), ">=", 0) is True
    if strong.relation == "==" and weak.relation == ">=":
        for sign in (1, -1):
            if holds((weak.left - weak.right) - sign * (strong.left - strong.right), ">=", 0) is True:
                return True
    return False


def _words(condition: Condition) -> str:
    if condition.relation == ">=" and isinstance(condition.left, int):
        return f"{text(condition.right)} ≤ {text(condition.left)}"
    return str(condition)
