"""Growth and differences as rows of texts, for tables, pipes and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from netcalc.analysis.difference import Change, Difference, Row
from netcalc.analysis.growth import Growth
from netcalc.analysis.report import LayerReport, plain, shown
from netcalc.dims import Dim, factored_text
from netcalc.layers.base import shape_text
from netcalc.report.formula import LABELS
from netcalc.report.text import aligned

GROWTH_HEADER = ("doubles", "total", "before", "after", "ratio", "exactly", "grows as")
DIFFERENCE_HEADER = ("layer", "first", "second", "params", "FLOPs", "changed")
TOTALS_HEADER = ("total", "first", "second", "difference", "ratio", "exactly")
UNKNOWN = "not known"


def ratio_text(ratio: Fraction | None) -> str:
    """A ratio: exact as a decimal or a short fraction, else rounded with its sign.

    >>> [ratio_text(ratio) for ratio in (Fraction(4), Fraction(5, 2), Fraction(8, 7), Fraction(9999, 8567))]
    ['4', '2.5', '8/7', '≈ 1.167']
    """
    if ratio is None:
        return ""
    decimal = f"{float(ratio):.4g}"
    if Fraction(decimal) == ratio:
        return decimal
    return str(ratio) if len(str(ratio)) < 8 else f"≈ {decimal}"


def order_text(found: Growth) -> str:
    """The leading order: ``6144·T²``, ``constant``"""
    if not found.degree:
        return "constant"
    letter = found.letters[0] if len(found.letters) == 1 else "x"
    raised = str(found.degree).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    power = letter if found.degree == 1 else f"{letter}{raised}"
    above, below = found.leading
    if below != 1 and isinstance(above, int):
        return f"{above / below:,.6g}·{power}" if above / below < 10**6 else f"{above / below:,.0f}·{power}"
    written = _factor(above)
    written = f"({written})" if " + " in written.partition("(")[0] else written
    factor = "" if above == 1 else f"{written}·"
    return f"{factor}{power}" + (f"/{below}" if below != 1 else "")


def _factor(size: Dim) -> str:
    return f"{size:,}" if isinstance(size, int) else factored_text(size)


def doubled(found: Growth, sizes: dict[str, int]) -> str:
    """``H, W: 224 → 448``"""
    numbers = dict.fromkeys(f"{sizes[letter]} → {2 * sizes[letter]}" for letter in found.letters if letter in sizes)
    return f"{', '.join(found.letters)}{': ' if numbers else ''}{', '.join(numbers)}"


def growth_rows(found: Iterable[Growth], sizes: dict[str, int]) -> list[tuple[str, ...]]:
    return [
        (
            doubled(one, sizes),
            LABELS.get(one.figure, one.figure),
            _least(one.uncounted) + shown(one.before),
            _least(one.uncounted) + shown(one.after),
            UNKNOWN if one.uncounted else ratio_text(one.ratio) or (f"→ {2**one.degree}" if one.degree else "1"),
            str(one.ratio or ""),
            UNKNOWN if one.uncounted and not one.degree else _least(one.uncounted) + order_text(one),
        )
        for one in found
    ]


def _least(uncounted: object) -> str:
    """The sign of a lower bound."""
    return "≥ " if uncounted else ""


def growth_text(found: Sequence[Growth], sizes: dict[str, int]) -> str:
    """For a terminal: a small table for each size that doubles."""
    lines: list[str] = []
    for head in dict.fromkeys(doubled(one, sizes) for one in found):
        rows = [row[1:] for row in growth_rows(found, sizes) if row[0] == head]
        known = all(one.ratio is not None or one.uncounted and isinstance(one.after, int) for one in found)
        wanted = (0, 1, 2, 3, 5) if known else (0, 3, 5)  # formulas are for netcalc formula
        names = ("total", "before", "after", "ratio", "", "grows as")
        table = [tuple(row[i] for i in wanted) for row in rows]
        title = head if known else f"{head} double{'' if ', ' in head else 's'}"
        lines += [title, *ruled([names[i] for i in wanted], table, {1, 2} if known else set()), ""]
    return "\n".join(lines[:-1]) + "\n"


def ruled(header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Aligned columns below a rule; no digit is ever cut."""
    lines = aligned([tuple(header), *(tuple(row) for row in rows)], right)
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]


def growth_dict(found: Iterable[Growth]) -> list[dict[str, Any]]:
    return [
        {
            "doubles": list(one.letters),
            "of": one.figure,
            "formula": plain(one.formula),
            "before": plain(one.before),
            "after": plain(one.after),
            "ratio": None if one.ratio is None else str(one.ratio),
            "degree": one.degree,
            "leading": [plain(one.leading[0]), one.leading[1]],
            **({"lower_bound": True, "uncounted": list(one.uncounted)} if one.uncounted else {}),
        }
        for one in found
    ]


def difference_rows(found: Difference) -> list[tuple[str, ...]]:
    return [
        (row.name, _side(row.first), _side(row.second), signed(row.params), _more(row.flops, row.bounds), changed(row))
        for row in found.rows
    ]


def _side(layers: Sequence[LayerReport]) -> str:
    """What one network has there: its shape, or how many layers."""
    if not layers:
        return "–"
    count = f"{len(layers)} layers → " if len(layers) > 1 else ""
    return f"{count}{shape_text(layers[-1].output_shape)}"


def changed(row: Row) -> str:
    """The arguments that differ: ``out_channels 16 → 32, kernel_size 5 → 3``"""
    if row.what != "differs":
        return ""
    one, two = row.first[0].layer, row.second[0].layer
    if one.kind != two.kind:
        return f"{one.kind} → {two.kind}"
    pairs = [(name, getattr(one, name), getattr(two, name)) for name in one.arguments]
    return ", ".join(f"{name} {_argument(a)} → {_argument(b)}" for name, a, b in pairs if a != b)


def _argument(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(_argument, value))
    return "–" if value is None else str(plain(value))


def difference_text(found: Difference, totals_only: bool) -> str:
    """For a terminal: the layers that differ, with what changed in them; then the totals."""
    lines = []
    if found.rows and not totals_only:
        rows = difference_rows(found)
        table = ruled(DIFFERENCE_HEADER[:-1], [row[:-1] for row in rows], {3, 4})
        lines += table[:2]
        for line, row in zip(table[2:], rows):
            lines += [line, f"  {row[-1]}"] if row[-1] else [line]
    if not totals_only:
        lines += [f"{found.same} layers are the same", ""]
    lines += ruled(TOTALS_HEADER[:-1], [row[:-1] for row in totals_rows(found.totals)], {1, 2, 3})
    lines += [f"uncounted  {name}" for name in found.uncounted]
    return "\n".join(lines) + "\n"


def _more(difference: Dim, bounds: tuple[bool, bool]) -> str:
    """A difference of totals that may be lower bounds: at least, at most, or not known.

    >>> [_more(7, bounds) for bounds in ((False, False), (False, True), (True, False), (True, True))]
    ['+7', '≥ +7', '≤ +7', 'not known']
    """
    return UNKNOWN if all(bounds) else ("≤ " if bounds[0] else _least(bounds[1])) + signed(difference)


def signed(size: Dim) -> str:
    """A difference with its sign."""
    if isinstance(size, int):
        return f"{size:+,}".replace("-", "−") if size else "0"
    return shown(size)


def totals_rows(totals: Iterable[Change]) -> list[tuple[str, ...]]:
    return [
        (
            LABELS.get(one.figure, one.figure),
            _least(one.bounds[0]) + shown(one.first),
            _least(one.bounds[1]) + shown(one.second),
            _more(one.difference, one.bounds),
            ratio_text(one.ratio),
            str(one.ratio or ""),
        )
        for one in totals
    ]


def difference_dict(found: Difference) -> dict[str, Any]:
    return {
        "same": found.same,
        "layers": [
            {
                "name": row.name,
                "what": row.what,
                "first": [layer.name for layer in row.first],
                "second": [layer.name for layer in row.second],
                "params": plain(row.params),
                "flops": None if any(row.bounds) else plain(row.flops),
            }
            for row in found.rows
        ],
        "totals": {
            one.figure: {
                "first": plain(one.first),
                "second": plain(one.second),
                "difference": None if any(one.bounds) else plain(one.difference),
                "ratio": None if one.ratio is None else str(one.ratio),
                **({"lower_bound": list(one.bounds)} if any(one.bounds) else {}),
            }
            for one in found.totals
        },
        "uncounted": list(found.uncounted),
    }


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
