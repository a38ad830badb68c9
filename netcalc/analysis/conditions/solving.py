"""One letter: the values for which a comparison holds, as ranges for each remainder of a period."""

from __future__ import annotations

from collections.abc import Callable
from math import lcm
from operator import add
from typing import NamedTuple

from netcalc.analysis.conditions.comparisons import Declared, declared_of, multiplied_out
from netcalc.analysis.conditions.polynomials import coefficients, differences, divided, nonnegative, times_divided
from netcalc.analysis.conditions.ranges import Ranges, in_common, joined, least_passing, of_remainder
from netcalc.analysis.conditions.sizes import MAX_PERIOD, extreme_in, first_of_each, grows, period_of, values_at
from netcalc.dims import Dim, degree, holds
from netcalc.dims.replacing import replaced
from netcalc.layers.base import Condition

MAX_DIVISIONS = 2048
"""So many values, or remainders, are tried to see where a size with letters divides another."""
MAX_POWER = 16
"""Beyond this power a comparison is not decided either."""
MAX_SPLITS = 3
"""Nor beyond so many minima and maxima that neither grow nor fall."""


class Solved(NamedTuple):
    """The values of a letter for which a comparison holds: ranges for each remainder of a period."""

    period: int
    ranges: tuple[Ranges, ...]

    @classmethod
    def of(cls, condition: Condition, letter: str) -> Solved | None:
        """The comparison solved for its only letter; None where it is not made of what can be solved."""
        return cls._of(condition, letter, declared_of([condition])[letter])

    @classmethod
    def _of(cls, condition: Condition, letter: str, declared: Declared, splits: int = 0) -> Solved | None:
        left, relation, right = condition.left, condition.relation, condition.right
        if relation == "divisible by":
            if isinstance(right, int) and right > 0:
                found = cls._of_congruence(left, right, declared)
            else:
                found = cls._of_divisor(left, right, letter, declared)
        else:
            difference = right - left if relation == "<=" else left - right
            equal = relation == "=="
            found = cls._of_growth(difference, equal, declared) or cls._of_powers(difference, equal, letter, declared)
            if found is None:
                found = cls._of_bounds(difference, equal, letter, declared, splits)
        return found or cls._of_cases(condition, letter, declared, splits)

    @classmethod
    def _of_bounds(cls, difference: Dim, equal: bool, letter: str, declared: Declared, splits: int) -> Solved | None:
        """Where a size with quotients is at least 0, or just 0, these multiplied out: ⌊64/H⌋ ≥ 3 where 3·H ≤ 64."""
        bounds = [difference, -difference] if equal else [difference]
        simpler = [multiplied_out(size) for size in bounds]
        if bounds == simpler:
            return None
        low, *high = (cls._of(Condition(size, ">=", 0, ""), letter, declared, splits) for size in simpler)
        return low.joined(high[0], in_common) if low and high and high[0] else None if high else low

    @classmethod
    def _of_cases(cls, condition: Condition, letter: str, declared: Declared, splits: int) -> Solved | None:
        """The comparison with each size in turn that a maximum or minimum in it may be, where it is that."""
        atom = extreme_in(condition.left) or extreme_in(condition.right)
        if atom is None or splits == MAX_SPLITS:
            return None
        found: Solved | None = None
        for arg in atom.args:
            left, right = (replaced(side, {atom: arg}) for side in (condition.left, condition.right))
            case: Solved | None = cls._of(condition._replace(left=left, right=right), letter, declared, splits + 1)
            for other in atom.args:
                if case and other is not arg:
                    chosen = Condition(arg, ">=" if atom.which == "max" else "<=", other, "")
                    alone = cls._of(chosen, letter, declared, splits + 1)
                    case = alone and case.joined(alone, in_common)
            if case is None:
                return None
            found = found.joined(case, add) if found else case
            if found is None:
                return None
        return found

    @classmethod
    def _of_congruence(cls, size: Dim, modulus: int, declared: Declared) -> Solved | None:
        """Where a size is a multiple of a number: one full period is tested."""
        period = period_of(size, modulus)
        if period is None or (period := lcm(period, declared.unit)) > MAX_PERIOD:
            return None
        starts = first_of_each(period, declared.unit, declared.low)
        good = {x % period: x for x, value in zip(starts, values_at(size, starts)) if value % modulus == 0}
        return cls(period, tuple(((good[r], None),) if r in good else () for r in range(period)))

    @classmethod
    def _of_divisor(cls, number: Dim, divisor: Dim, letter: str, declared: Declared, finer: int = 1) -> Solved | None:
        """Where a size is a multiple of another: along each remainder both are polynomials, and so is what divides.

        ``finer`` times as many remainders are told apart: so many that a quotient is whole for all of one, or for none.
        """
        period, other = period_of(number), period_of(divisor)
        power = max(degree(number, letter), degree(divisor, letter))
        if period is None or other is None or power > MAX_POWER:
            return None
        if (period := lcm(period, other, declared.unit) * finer) > MAX_DIVISIONS:
            return None
        found: list[Ranges] = [()] * period
        for at in first_of_each(period, declared.unit, declared.low):
            along = [at + period * t for t in range(power + 1)]
            upper, lower = (coefficients(differences(values_at(size, along))) for size in (number, divisor))
            if not lower:
                return None
            quotient, rest = divided(upper, lower)
            if not rest and (wide := lcm(*(factor.denominator for factor in quotient[1:]))) > 1:
                return cls._of_divisor(number, divisor, letter, declared, finer * wide)
            if not rest and (not quotient or quotient[0].denominator == 1):
                found[at % period] = ((at, None),)
                continue
            scale = lcm(*(factor.denominator for factor in quotient))
            times = times_divided(lower, [part * scale for part in rest], MAX_DIVISIONS // period)
            if times is None:
                return None
            tried = [at + period * t for t in times]
            pairs = zip(tried, values_at(number, tried), values_at(divisor, tried), strict=True)
            found[at % period] = joined(((x, x) for x, a, b in pairs if holds(a, "divisible by", b)), period)
        return cls(period, tuple(found))

    @classmethod
    def _of_growth(cls, difference: Dim, equal: bool, declared: Declared) -> Solved | None:
        """Where a size that only grows (or only falls) is at least 0, or just 0: up to or from a threshold."""
        if grows(difference):
            size, falls = difference, False
        elif grows(-difference):
            size, falls = -difference, True
        else:
            return None
        unit = declared.unit
        if unit > MAX_PERIOD:
            return None
        first = -(-max(declared.low, 0) // unit)
        last = first + 2**128 if declared.high is None else declared.high // unit

        def reaches(value: int) -> int:
            """The least multiple of the unit for which the size is at least this, one beyond the last if none."""
            return least_passing(lambda n: values_at(size, [n * unit])[0] >= value, first, last)

        low = reaches(0) if equal or not falls else first
        high = reaches(1) - 1 if equal or falls else None
        if declared.high is None and (low > last or high == last):
            return None  # it does not grow beyond all bounds: a threshold is not known
        if high == last:
            high = None
        here: Ranges = ((low * unit, None if high is None else high * unit),)
        return cls(unit, (here if high is None or low <= high else (), *[()] * (unit - 1)))

    @classmethod
    def _of_powers(cls, difference: Dim, equal: bool, letter: str, declared: Declared) -> Solved | None:
        """Where a size is at least 0, or just 0, from the polynomials that it is along each remainder."""
        period, power = period_of(difference), degree(difference, letter)
        if period is None or (period := lcm(period, declared.unit)) > MAX_PERIOD or power > MAX_POWER:
            return None
        starts = first_of_each(period, declared.unit, declared.low)
        values = [values_at(difference, [x + period * t for x in starts]) for t in range(power + 1)]
        found: list[Ranges] = [()] * period
        for at, *along in zip(starts, *values):
            steps = differences(along)
            times = nonnegative(steps)
            if equal and times:
                times = in_common(times, nonnegative([-step for step in steps]))
            found[at % period] = tuple(
                (at + period * low, None if high is None else at + period * high) for low, high in times
            )
        return cls(period, tuple(found))

    def joined(self, other: Solved, how: Callable[[Ranges, Ranges], Ranges]) -> Solved | None:
        """The ranges of two, put together remainder by remainder; None where the period would be too long."""
        period = lcm(self.period, other.period)
        if period > MAX_PERIOD:
            return None
        both = (how(self.ranges[r % self.period], other.ranges[r % other.period]) for r in range(period))
        return Solved(period, tuple(joined(of_remainder(one, r, period), period) for r, one in enumerate(both)))

    def contains(self, x: int) -> bool:
        return any(low <= x and (high is None or x <= high) for low, high in self.ranges[x % self.period])
