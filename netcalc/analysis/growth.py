"""How a network's totals grow with its sizes: the exact ratio when a size doubles, and the leading order.

>>> from netcalc.analysis.report import analyze
>>> from netcalc.spec import elaborate
>>> for found in growth(analyze(elaborate("T x 64 -> mha 8")), ("T",), {"T": 128}):
...     print(found.figure, found.before, found.after, found.ratio, found.degree)
params 16640 16640 1 0
macs 4194304 12582912 3 2
flops 8772608 26720256 26094/8567 2
activations 8192 16384 2 1

Without a size the ratio is a formula, as numerator and denominator:

>>> growth(analyze(elaborate("T x 64 -> mha 8")), ("T",), {}, ("macs",))[0].quotient
(4*T + 256, T + 128)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from netcalc.analysis.conditions import Requirement
from netcalc.analysis.report import Report
from netcalc.dims import Dim, degree, leading, ratio, symbol
from netcalc.dims.algebra import terms_of
from netcalc.layers.pieces import put_in

FIGURES = ("params", "macs", "flops", "activations")


class Growth(NamedTuple):
    """One total before and after ``letters`` double.

    ``quotient`` is the exact ratio in lowest terms, above and below, and ``ratio`` the same as one number, None where
    letters are left in it; ``degree`` the power with which the total grows, and ``leading`` what the power is
    multiplied with (a fraction: above and below). ``uncounted`` names the operations that the total leaves out: then
    both totals are lower bounds, and their ratio is not known. ``beyond`` are the conditions that the doubled sizes
    break: of such a network there is the formula alone. A formula goes on beyond a bound (T ≤ 1024), but not where
    sizes must divide or be equal: then ``extends`` is False, and what it would give is no network's figure.
    """

    figure: str
    letters: tuple[str, ...]
    formula: Dim
    before: Dim
    after: Dim
    quotient: tuple[Dim, Dim] | None
    degree: int
    leading: tuple[Dim, int]
    uncounted: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()

    @property
    def extends(self) -> bool:
        return all("≤" in condition or "≥" in condition for condition in self.beyond)

    @property
    def ratio(self) -> Fraction | None:
        return as_number(self.quotient)


def as_number(quotient: tuple[Dim, Dim] | None) -> Fraction | None:
    """A quotient without letters as one number."""
    above, below = quotient or (0, 0)
    return Fraction(above, below) if isinstance(above, int) and isinstance(below, int) and below else None


def growth(
    report: Report,
    letters: Sequence[str],
    sizes: Mapping[str, int],
    figures: Sequence[str] = FIGURES,
    conditions: Sequence[Requirement] = (),
) -> tuple[Growth, ...]:
    """How the totals grow when all of ``letters`` double, at the given sizes (or in letters where none is given)."""
    twice = {letter: size * (2 if letter in letters else 1) for letter, size in sizes.items()}
    beyond = tuple(str(one) for one in conditions if twice.keys() >= {*one.letters} and not one.holds(**twice))
    return tuple(
        _growth(
            figure, getattr(report, figure), tuple(letters), sizes, report.uncounted if figure == "flops" else ()
        )._replace(beyond=beyond)
        for figure in figures
    )


def _growth(
    figure: str, formula: Dim, letters: tuple[str, ...], sizes: Mapping[str, int], uncounted: tuple[str, ...]
) -> Growth:
    units = {atom.name: atom.unit for monomial in terms_of(formula) for one in monomial for atom in one.free}
    free = {letter: symbol(letter, multiple_of=units.get(letter, 1)) for letter in letters}
    twice = {letter: 2 * sizes.get(letter, free[letter]) for letter in letters}
    before, after = put_in(formula, sizes), put_in(formula, {**sizes, **twice})
    others = {letter: size for letter, size in sizes.items() if letter not in letters}
    x = symbol("x", multiple_of=lcm(*(units.get(letter, 1) for letter in letters)))
    together = put_in(put_in(formula, others), dict.fromkeys(letters, x))
    power = degree(together, "x")
    return Growth(
        figure,
        letters,
        formula,
        before,
        after,
        ratio(after, before) if before != 0 and not uncounted else None,
        power,
        leading(together, "x") if power else (together, 1),
        uncounted,
    )
