"""One letter: what its comparisons have in common, and the simplest words for it: a bound, a divisor, values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import lcm

from netcalc.analysis.conditions.comparisons import Declared
from netcalc.analysis.conditions.polynomials import MAX_DIVIDED, divisors
from netcalc.analysis.conditions.ranges import Interval, Ranges, in_common, joined, of_remainder
from netcalc.analysis.conditions.requirements import Requirement
from netcalc.analysis.conditions.solving import Solved
from netcalc.dims import symbol
from netcalc.layers.base import Condition
from netcalc.records import cached_property

MAX_COMMON_PERIOD = 2**18
"""Beyond this period comparisons are decided, but not merged."""
FEW = 6
"""So many values of a letter are listed."""


class Domain:
    """The values that a letter may take, from everything that was solved for it."""

    def __init__(self, letter: str, declared: Declared) -> None:
        self.letter, self.declared = letter, declared
        self.low, self.high, self.unit = max(declared.low, 0), declared.high, declared.unit
        self.solved: list[tuple[Solved, list[str]]] = []

    def add(self, solved: Solved, layers: list[str]) -> None:
        self.solved.append((solved, layers))
        vars(self).pop("common", None)

    @cached_property
    def common(self) -> Solved | None:
        """What all of them have in common; None where the period would be too long."""
        period = lcm(self.unit, *(solved.period for solved, _ in self.solved))
        if period > MAX_COMMON_PERIOD:
            return None
        tables = [(solved.period, solved.ranges) for solved in {solved for solved, _ in self.solved}]
        found: list[Ranges] = []
        for r in range(period):
            ranges: Ranges = ((self.low, self.high),)
            for short, table in tables:
                ranges = in_common(ranges, table[r % short])
                if not ranges:
                    break
            else:
                ranges = joined(of_remainder(ranges, r, period), period)
            found.append(ranges)
        return Solved(period, tuple(found))

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


class _Words:
    """A domain read off its ranges."""

    def __init__(self, domain: Domain, common: Solved) -> None:
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
        unit, own = self.domain.unit, symbol(letter, *self.domain.declared)
        candidates = range(self.domain.low, lowest + 1)
        least = next(x for x in candidates if x % modulus in remainders and x % unit == 0)
        if any(x % modulus not in remainders for x in range(0, lcm(modulus, unit), unit)):
            congruent = self._requirement(
                _congruent(letter, modulus, remainders),
                lambda x: x % modulus in remainders,
                lambda s: any(not s.ranges[x % s.period] for x in range(0, lcm(s.period, unit), unit)),
            )
            if len(remainders) == 1:
                (remainder,) = remainders
                said = Condition(own - remainder, "divisible by", modulus, "")
                congruent = congruent._replace(divisor=modulus, remainder=remainder, comparison=said)
            yield congruent
        if exceptions is None:  # not a bound: said number by number
            words = self.dividing(values or []) or self.scattered(least)
            found = self._requirement(words, self.contains, lambda s: any(map(_broken, s.ranges)))
            yield found._replace(least=lowest, most=highest)
            return
        if lowest > least:
            found = self._requirement(f"{letter} ≥ {lowest}", lambda x: x >= lowest, lambda s: _lowest(s) > 1, _lowest)
            yield found._replace(least=lowest, comparison=Condition(own, ">=", lowest, ""))
        if highest is not None and highest != self.domain.high:
            found = self._requirement(f"{letter} ≤ {highest}", lambda x: x <= highest, lambda s: any(_bounded(s)))
            yield found._replace(most=highest, comparison=Condition(own, "<=", highest, ""))
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
        dividing = self.divisors(values, 0) if len(values) > 2 else ""
        return dividing if dividing and "," not in dividing else _among(self.letter, values)

    def dividing(self, values: list[int]) -> str:
        """The values as divisors of a number: ``H divides 720, H ≥ 2``, ``H + 1 divides 64``; nothing if not."""
        found = (self.divisors(values, more) for more in (0, *range(1, FEW), *range(-1, -FEW, -1)))
        return next(filter(None, found), "") if values else ""

    def divisors(self, values: list[int], more: int) -> str:
        """The values, so much more, as the divisors of a number: nothing where they are not just these."""
        number, own = lcm(*(value + more for value in values)), self.domain
        if not 0 < number <= MAX_DIVIDED:
            return ""
        possible = [d - more for d in divisors(number)]
        possible = [x for x in possible if own.low <= x <= (own.high or x) and x % own.unit == 0]
        if values != [x for x in possible if values[0] <= x <= values[-1]]:
            return ""
        low = [f"{self.letter} ≥ {values[0]}"] if values[0] > possible[0] else []
        high = [f"{self.letter} ≤ {values[-1]}"] if values[-1] < possible[-1] else []
        letter = f"{self.letter} {'+' if more > 0 else '−'} {abs(more)}" if more else self.letter
        return ", ".join([f"{letter} divides {number}", *low, *high])

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
        concerned: Callable[[Solved], bool],
        rank: Callable[[Solved], int] | None = None,
    ) -> Requirement:
        """A requirement with the layers whose comparisons speak of it: the strongest where that can be told."""
        mine = [(solved, names) for solved, names in self.domain.solved if concerned(solved)] or self.domain.solved
        if rank:
            top = max(rank(solved) for solved, _ in mine)
            mine = [(solved, names) for solved, names in mine if rank(solved) == top]
        layers = tuple(dict.fromkeys(name for _, names in mine for name in names))
        return Requirement(words, (self.letter,), layers, lambda sizes: test(sizes[self.letter]))


def _bounded(solved: Solved) -> Iterator[bool]:
    return (bool(ranges) and ranges[-1][1] is not None for ranges in solved.ranges)


def _broken(ranges: Ranges) -> bool:
    """Whether it is more than a remainder that these tell."""
    return len(ranges) > 1 or any(high is not None for _, high in ranges)


def _lowest(solved: Solved) -> int:
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
    runs = [(r, r) for r in remainders] if len(remainders) <= 6 else joined((r, r) for r in remainders)
    written = [str(a) if a == b else f"{a} … {b}" for a, b in sorted(runs)[:8]]
    return f"{letter} mod {modulus} is {' or '.join(written)}{' or …' if len(runs) > 8 else ''}"
