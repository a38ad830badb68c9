"""How a network's totals grow with its sizes: the exact ratio when a size doubles, and the leading order.

>>> from netcalc.analysis.report import analyze
>>> from netcalc.spec import elaborate
>>> for found in growth(analyze(elaborate("T x 64 -> mha 8")), ("T",), {"T": 128}):
...     print(found.figure, found.before, found.after, found.ratio, found.degree)
params 16640 16640 1 0
macs 4194304 12582912 3 2
flops 8772608 26720256 26094/8567 2
activations 8192 16384 2 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from netcalc.analysis.report import Report
from netcalc.dims import Dim, _terms, degree, leading, substitute, symbol

FIGURES = ("params", "macs", "flops", "activations")


class Growth(NamedTuple):
    """One total before and after ``letters`` double.

    ``ratio`` is exact, None where letters are left in it; ``degree`` the power with which the total grows, and
    ``leading`` what the power is multiplied with (a fraction: above and below). ``uncounted`` names the operations
    that the total leaves out: then both totals are lower bounds, and their ratio is not known.
    """

    figure: str
    letters: tuple[str, ...]
    formula: Dim
    before: Dim
    after: Dim
    ratio: Fraction | None
    degree: int
    leading: tuple[Dim, int]
    uncounted: tuple[str, ...] = ()


def growth(
    report: Report, letters: Sequence[str], sizes: Mapping[str, int], figures: Sequence[str] = FIGURES
) -> tuple[Growth, ...]:
    """How the totals grow when all of ``letters`` double, at the given sizes (or in letters where none is given)."""
    return tuple(
        _growth(figure, getattr(report, figure), tuple(letters), sizes, report.uncounted if figure == "flops" else ())
        for figure in figures
    )


def _growth(
    figure: str, formula: Dim, letters: tuple[str, ...], sizes: Mapping[str, int], uncounted: tuple[str, ...]
) -> Growth:
    units = {atom.name: atom.unit for monomial in _terms(formula) for one in monomial for atom in one.free}
    free = {letter: symbol(letter, multiple_of=units.get(letter, 1)) for letter in letters}
    twice = {letter: 2 * sizes.get(letter, free[letter]) for letter in letters}
    before, after = substitute(formula, sizes), substitute(formula, {**sizes, **twice})
    known = isinstance(before, int) and isinstance(after, int) and before and not uncounted
    others = {letter: size for letter, size in sizes.items() if letter not in letters}
    x = symbol("x", multiple_of=lcm(*(units.get(letter, 1) for letter in letters)))
    together = substitute(substitute(formula, others), dict.fromkeys(letters, x))
    power = degree(together, "x")
    return Growth(
        figure,
        letters,
        formula,
        before,
        after,
        Fraction(after, before) if known else None,  # type: ignore[arg-type]
        power,
        leading(together, "x") if power else (together, 1),
        uncounted,
    )
