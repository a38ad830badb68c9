"""Two networks side by side: layers aligned by name, differences and ratios of the totals.

>>> from netcalc.analysis.report import analyze
>>> from netcalc.spec import elaborate
>>> one, two = (analyze(elaborate(f"8 -> linear {n} -> relu -> linear 2")) for n in (4, 16))
>>> [(row.name, row.what) for row in difference(one, two).rows]
[('linear1', 'differs'), ('relu1', 'differs'), ('linear2', 'differs')]
>>> difference(one, two).totals[0]
Change(figure='params', first=46, second=178, difference=132, quotient=(89, 23), bounds=(False, False))
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from netcalc.analysis.growth import as_number
from netcalc.analysis.report import LayerReport, Report
from netcalc.dims import Dim, ratio, total

FIGURES = ("params", "macs", "flops", "activations")


class Change(NamedTuple):
    """A total of both networks, and the second over the first in lowest terms, above and below: None where that is 0.

    ``ratio`` is the same as one number, None where letters are left in it.
    ``bounds`` says of each total whether it is only a lower bound; of one that is, the difference is of what is
    counted, and there is no ratio.
    """

    figure: str
    first: Dim
    second: Dim
    difference: Dim
    quotient: tuple[Dim, Dim] | None
    bounds: tuple[bool, bool] = (False, False)

    @property
    def ratio(self) -> Fraction | None:
        return as_number(self.quotient)


class Row(NamedTuple):
    """Layers of the same name that differ, or a run of layers that only one network has.

    ``what`` is ``differs``, ``only in the first`` or ``only in the second``.
    """

    name: str
    what: str
    first: tuple[LayerReport, ...]
    second: tuple[LayerReport, ...]

    @property
    def params(self) -> Dim:
        """How many more parameters the second has."""
        return total(one.own_params for one in self.second) - total(one.own_params for one in self.first)

    @property
    def flops(self) -> Dim:
        """How many more FLOPs the second takes, of those that are counted."""
        return total(one.flops for one in self.second) - total(one.flops for one in self.first)

    @property
    def bounds(self) -> tuple[bool, bool]:
        """Whether the FLOPs of the first and of the second are only a lower bound."""
        return any(one.uncounted for one in self.first), any(one.uncounted for one in self.second)


class Difference(NamedTuple):
    """What differs between two networks, and how many layers are the same."""

    first: Report
    second: Report
    rows: tuple[Row, ...]
    same: int
    totals: tuple[Change, ...]

    @property
    def uncounted(self) -> tuple[str, ...]:
        """``first: layer: operation`` for everything that the FLOPs leave out."""
        sides = (("first", self.first), ("second", self.second))
        return tuple(f"{side}: {name}" for side, report in sides for name in report.uncounted)

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        """What the first and the second demand of their letters."""
        return {"first": self.first.conditions, "second": self.second.conditions}


def difference(first: Report, second: Report) -> Difference:
    """The difference of two networks; layers that only one has are put together by their blocks."""
    from difflib import SequenceMatcher

    ours, theirs = first.layers, second.layers
    matcher = SequenceMatcher(None, [one.name for one in ours], [one.name for one in theirs], autojunk=False)
    rows: list[Row] = []
    same = 0
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for one, two in zip(ours[a:b], theirs[c:d]):
                if _equal(one, two):
                    same += 1
                else:
                    rows.append(Row(one.name, "differs", (one,), (two,)))
        else:
            rows += [Row(name, "only in the first", run, ()) for name, run in _blocks(ours[a:b])]
            rows += [Row(name, "only in the second", (), run) for name, run in _blocks(theirs[c:d])]
    return Difference(first, second, tuple(rows), same, tuple(_change(first, second, figure) for figure in FIGURES))


def _equal(one: LayerReport, two: LayerReport) -> bool:
    """The same layer on the same shapes."""
    return one.layer == two.layer and one.input_shapes == two.input_shapes and one.work == two.work


def _blocks(layers: tuple[LayerReport, ...]) -> list[tuple[str, tuple[LayerReport, ...]]]:
    """Runs of layers of the same block, each with its name."""
    runs: list[tuple[str, list[LayerReport]]] = []
    for layer in layers:
        block = layer.name.rpartition(".")[0] or layer.name
        while runs and not block.startswith(runs[-1][0]) and runs[-1][0].startswith(f"{block}."):
            block = layer.name  # a layer of the block around it stands alone
        if runs and (block == runs[-1][0] or block.startswith(f"{runs[-1][0]}.")):
            runs[-1][1].append(layer)
        else:
            runs.append((block, [layer]))
    return [(name if len(run) > 1 else run[0].name, tuple(run)) for name, run in runs]


def _change(first: Report, second: Report, figure: str) -> Change:
    one, two = getattr(first, figure), getattr(second, figure)
    bounds = (bool(first.uncounted), bool(second.uncounted)) if figure == "flops" else (False, False)
    return Change(figure, one, two, two - one, ratio(two, one) if one != 0 and not any(bounds) else None, bounds)
