"""Growth and differences as rows of texts, for tables, pipes and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import PurePath
from typing import Any

from netcalc.analysis.difference import Change, Difference, Row
from netcalc.analysis.growth import Growth, as_number
from netcalc.analysis.operations import lower_bounds
from netcalc.analysis.report import HEAD, LayerReport, Report, plain, shown, stated
from netcalc.dims import Dim, Expr, factored_latex, factored_text, latex, symbols, text, total
from netcalc.layers.base import shape_text
from netcalc.layers.pieces import abbreviated
from netcalc.report.formula import LABELS, broken
from netcalc.report.latex import bracketed, document, formula, listed, prose
from netcalc.report.rows import bound, exact_shape
from netcalc.report.text import aligned

GROWTH_HEADER = ("doubles", "total", "before", "after", "ratio", "exactly", "grows as")
DIFFERENCE_HEADER = ("layer", "first", "second", "params", "FLOPs", "changed")
TOTALS_HEADER = ("total", "first", "second", "difference", "ratio", "exactly")
UNKNOWN, NONE = "not known", "–"
LONGEST = 16
"""What is not longer is never moved below a table."""


def figure(size: Dim, exact: bool = False) -> str:
    """A figure for people, or ``exact``: for programs, in digits alone or as a Python expression.

    >>> from netcalc.dims import symbol
    >>> figure(-1000), figure(1000 * symbol("T")), figure(-1000, exact=True), figure(1000 * symbol("T"), exact=True)
    ('-1,000', '1,000·T', '-1000', '1000*T')
    """
    return str(plain(size)) if exact else shown(size)


def ratio_text(ratio: Fraction | None, exact: bool = False) -> str:
    """A ratio: exact as a decimal or a short fraction, else rounded with its sign; for programs a decimal alone.

    >>> [ratio_text(ratio) for ratio in (Fraction(4), Fraction(5, 2), Fraction(8, 7), Fraction(9999, 8567))]
    ['4', '2.5', '8/7 ≈ 1.143', '≈ 1.167']
    """
    if ratio is None:
        return ""
    decimal = f"{float(ratio):.4g}"
    if exact or Fraction(decimal) == ratio:
        return decimal
    return f"{ratio} ≈ {decimal}" if len(str(ratio)) < 8 else f"≈ {decimal}"


def quotient_text(quotient: tuple[Dim, Dim] | None, exact: bool = False) -> str:
    """An exact ratio: a fraction, or factored formulas above and below; for programs a Python expression.

    >>> from netcalc.dims import symbol
    >>> T = symbol("T")
    >>> [quotient_text(one) for one in ((5, 3), (2, 1), (4 * T + 256, T + 128), (T + 1, 2 * T), ((T + 1) // 2, 3))]
    ['5/3', '2', '4·(T + 64)/(T + 128)', '(T + 1)/(2·T)', '⌊(T+1)/2⌋/3']
    >>> [quotient_text(one, exact=True) for one in ((5, 3), (2, 1), (T + 1, 2 * T), ((T + 1) // 2, 3))]
    ['5/3', '2', '(T + 1)/(2*T)', '((T+1)//2)/3']
    """
    if quotient is None:
        return ""
    above, below = (
        factored_text(one) if isinstance(one, Expr) and not exact else figure(one, True) for one in quotient
    )
    if below == "1":
        return above
    if exact:
        return "/".join(one if one.isdecimal() else f"({one})" for one in (above, below))
    above = f"({above})" if any(sign in _outside(above) for sign in "+−") else above
    return f"{above}/" + (f"({below})" if any(sign in _outside(below) for sign in "+−·/") else below)


def _outside(formula: str) -> str:
    """What stands in no bracket."""
    depth, found = 0, ""
    for sign in formula:
        depth -= sign in ")⌋"
        found += sign if not depth else ""
        depth += sign in "(⌊"
    return found


def order_text(found: Growth, exact: bool = False) -> str:
    """The leading order: ``6,144·T²``, ``constant``; for programs ``6144*T**2``."""
    if not found.degree:
        return "constant"
    letter = found.letters[0] if len(found.letters) == 1 else "x"
    if exact:
        factor = quotient_text(found.leading, exact)
        factor = f"({factor})" if any(sign in _outside(factor) for sign in "+-") else factor
        return f"{factor}*" * (factor != "1") + letter + f"**{found.degree}" * (found.degree > 1)
    raised = str(found.degree).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    power = letter if found.degree == 1 else f"{letter}{raised}"
    above, below = found.leading
    if below != 1 and isinstance(above, int):
        return f"{_coefficient(Fraction(above, below))}·{power}"
    written = _factor(above)
    written = f"({written})" if " + " in _outside(written) else written
    factor = "" if above == 1 else f"{written}·"
    return f"{factor}{power}" + (f"/{below}" if below != 1 else "")


def _coefficient(value: Fraction) -> str:
    """A fraction as an exact decimal, or as it is.

    >>> _coefficient(Fraction(8313, 16)), _coefficient(Fraction(10, 3)), _coefficient(Fraction(2331, 4096))
    ('519.5625', '10/3', '2,331/4,096')
    """
    decimal = f"{float(value):,.4f}".rstrip("0").rstrip(".")
    return decimal if Fraction(decimal.replace(",", "")) == value else f"{value.numerator:,}/{value.denominator:,}"


def _factor(size: Dim) -> str:
    return f"{size:,}" if isinstance(size, int) else factored_text(size)


def doubled(found: Growth, sizes: dict[str, int]) -> str:
    """``H, W: 224 → 448``, and what that goes beyond."""
    numbers = dict.fromkeys(f"{sizes[letter]} → {2 * sizes[letter]}" for letter in found.letters if letter in sizes)
    beyond = f" ({'beyond' if found.extends else 'legal only with'} {', '.join(found.beyond)})" if found.beyond else ""
    return f"{', '.join(found.letters)}{': ' if numbers else ''}{', '.join(numbers)}{beyond}"


def growth_rows(found: Sequence[Growth], sizes: dict[str, int], exact: bool = False) -> list[tuple[str, ...]]:
    """Texts for each total; what x stands for is said in the row."""
    return [
        (*row[:-1], f"{row[-1]} ({_together(one)})" if len(one.letters) > 1 and one.degree else row[-1])
        for one, row in zip(found, _growth_rows(found, sizes, exact))
    ]


def _together(found: Growth) -> str:
    """``H = W = x``"""
    return " = ".join((*found.letters, "x"))


def _growth_rows(found: Iterable[Growth], sizes: dict[str, int], exact: bool = False) -> list[tuple[str, ...]]:
    return [
        (
            doubled(one, sizes),
            LABELS.get(one.figure, one.figure),
            bound(one.uncounted) + figure(one.before, exact),
            bound(one.uncounted) + figure(one.after, exact) if one.extends else NONE,
            UNKNOWN
            if one.uncounted
            else (ratio_text(one.ratio, exact) or _limit(one, sizes) * (not exact))
            if one.extends
            else NONE,
            quotient_text(one.quotient, exact) if one.extends else NONE,
            UNKNOWN if one.uncounted and not one.degree else bound(one.uncounted) + order_text(one, exact),
        )
        for one in found
    ]


def _limit(found: Growth, sizes: dict[str, int]) -> str:
    """What the ratio comes to where the letters grow; nothing where one of them is a number."""
    return "" if any(letter in sizes for letter in found.letters) else f"→ {2**found.degree}"


def growth_text(found: Sequence[Growth], sizes: dict[str, int], width: int) -> str:
    """For a terminal: a small table for each size that doubles."""
    lines: list[str] = []
    for head in dict.fromkeys(doubled(one, sizes) for one in found):
        together, meanings = _growth_in_pieces([one for one in found if doubled(one, sizes) == head])
        rows = [row[1:] for row in _growth_rows(together, sizes)]
        known = all(one.ratio is not None or one.uncounted and isinstance(one.after, int) for one in found)
        wanted = (0, 1, 2, 3, 5) if known else (0, 3, 4, 5)  # formulas are for netcalc formula
        order = f"grows as ({_together(together[0])})" if len(together[0].letters) > 1 else "grows as"
        names = ("total", "before", "after", "ratio", "exactly", order)
        table = [tuple(row[i] for i in wanted) for row in rows]
        title = head if known else f"{head} double{'' if ', ' in head else 's'}"
        lines += [title, *ruled([names[i] for i in wanted], table, {1, 2} if known else set(), width)]
        for place, (name, meaning) in enumerate(meanings.items()):
            lines += broken(f"{'' if place else 'where':<5}  {name} = ", text(meaning), width)
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _growth_in_pieces(found: Sequence[Growth]) -> tuple[list[Growth], dict[str, Dim]]:
    """The ratios and orders with names for what is long and recurs in them, and what the names mean."""
    parts = [size for one in found for size in (*(one.quotient or (0, 0)), one.leading[0])]
    taken = [letter for one in found for letter in (*symbols(one.formula), *one.letters)]
    short, meanings = abbreviated(parts, taken)
    sizes = iter(short)
    renamed = []
    for one in found:
        quotient, leading = (next(sizes), next(sizes)), (next(sizes), one.leading[1])
        renamed.append(one._replace(quotient=one.quotient and quotient, leading=leading))
    return renamed, meanings


def ruled(header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int], width: int) -> list[str]:
    """Aligned columns below a rule; no digit is ever cut.

    Where they are too wide the longest formulas in them are numbered, and stand below.

    >>> for line in ruled(("total", "ratio"), [("MACs", "(T + 132)/(T + 128)"), ("FLOPs", "2")], set(), 20):
    ...     print(line)
    total  ratio
    ────────────
    MACs   (1)
    FLOPs  2
    (1)  (T + 132)/(T
         + 128)
    """
    for most in (*range(width, LONGEST, -8), LONGEST):
        numbers: dict[str, int] = {}
        short = [tuple(_numbered(cell, most, numbers) for cell in row) for row in rows]
        lines = aligned([tuple(header), *short], right)
        if max(map(len, lines)) <= width:
            break
    below = [line for cell, number in numbers.items() for line in broken(f"({number})  ", cell, width)]
    return [lines[0], "─" * max(map(len, lines)), *lines[1:], *below]


def _numbered(cell: str, most: int, numbers: dict[str, int]) -> str:
    """A number for a formula that is longer; what has no sign of a formula stays."""
    if len(cell) <= most or not any(sign in cell for sign in "·+−⌊"):
        return cell
    return f"({numbers.setdefault(cell, len(numbers) + 1)})"


def growth_dict(found: Iterable[Growth], report: Report) -> dict[str, Any]:
    """The growth of a network's totals for programs, with what the totals leave out and demand."""
    return {
        **HEAD,
        "growth": list(map(_growth_dict, found)),
        "uncounted": list(report.uncounted),
        "lower_bounds": list(lower_bounds(report.uncounted)),
        **stated(report.requirements),
    }


def _growth_dict(one: Growth) -> dict[str, Any]:
    return {
        "doubles": list(one.letters),
        "of": one.figure,
        "formula": plain(one.formula),
        "before": plain(one.before),
        "after": plain(one.after) if one.extends else None,
        "ratio": None if one.ratio is None or not one.extends else str(one.ratio),
        "quotient": plain(one.quotient) if one.extends else None,
        "degree": one.degree,
        "leading": [plain(one.leading[0]), one.leading[1]],
        **({"lower_bound": True, "uncounted": list(one.uncounted)} if one.uncounted else {}),
        **({"beyond": list(one.beyond)} if one.beyond else {}),
    }


def sides(found: Difference) -> tuple[str, str]:
    """What the networks are called: by their specs where these differ."""
    names = [PurePath(report.graph.source_name).stem for report in (found.first, found.second)]
    return (names[0], names[1]) if all(names) and names[0] != names[1] else ("first", "second")


def headed(header: Sequence[str], found: Difference) -> tuple[str, ...]:
    """A header with the networks' names."""
    return (header[0], *sides(found), *header[3:])


def difference_rows(found: Difference) -> list[tuple[str, ...]]:
    """Every row, for programs."""
    return [_difference_row(row, exact=True) for row in found.rows]


def _difference_row(row: Row, exact: bool = False) -> tuple[str, ...]:
    first, second = _side(row.first, exact), _side(row.second, exact)
    return (row.name, first, second, signed(row.params, exact), _more(row.flops, row.bounds, exact), changed(row))


def folded_rows(found: Difference) -> list[tuple[str, ...]]:
    """Texts for people: a run of numbered blocks that differ alike is shown once, and summed up in a row."""
    blocks = [(block, [*rows]) for block, rows in groupby(found.rows, lambda row: _numbered_block(row.name)[:2])]
    texts: list[tuple[str, ...]] = []
    while blocks:
        (around, number), rows = blocks.pop(0)
        texts += map(_difference_row, rows)
        alike: list[tuple[str, list[Row]]] = []
        while number and blocks and blocks[0][0][0] == around and _within(blocks[0][1]) == _within(rows):
            (_, last), others = blocks.pop(0)
            alike.append((last, others))
        if alike:
            name = f"{around}{alike[0][0]}" + (f" … {around}{alike[-1][0]}" if len(alike) > 1 else "")
            more = [row for _, others in alike for row in others]
            bounds = any(row.bounds[0] for row in more), any(row.bounds[1] for row in more)
            params, flops = total(row.params for row in more), total(row.flops for row in more)
            texts.append((name, f"as {around}{number}", "", signed(params), _more(flops, bounds), ""))
    return texts


def _numbered_block(name: str) -> tuple[str, str, str]:
    """Around the outermost numbered block, its number, and within: ("h.", "0", "ln1"); no number without one."""
    parts = name.split(".")
    place = next((i for i, part in enumerate(parts[:-1]) if part.isdecimal()), None)
    if place is None:
        return name, "", ""
    return "".join(f"{part}." for part in parts[:place]), parts[place], ".".join(parts[place + 1 :])


def _within(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """What is shown of the rows of a block, but for its number."""
    return [(_numbered_block(row.name)[2], *_difference_row(row)[1:]) for row in rows]


def _side(layers: Sequence[LayerReport], exact: bool = False) -> str:
    """What one network has there: its shape, or how many layers."""
    if not layers:
        return NONE
    count = f"{len(layers)} layers → " if len(layers) > 1 else ""
    return f"{count}{(exact_shape if exact else shape_text)(layers[-1].output_shape)}"


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


def difference_text(found: Difference, totals_only: bool, width: int) -> str:
    """For a terminal: the layers that differ, with what changed in them; then the totals."""
    lines = []
    if found.rows and not totals_only:
        rows = folded_rows(found)
        rule, *table = ruled(headed(DIFFERENCE_HEADER, found)[:-1], [row[:-1] for row in rows], {3, 4}, width)
        changes = ["", *(row[-1] for row in rows), *[""] * len(table)]
        lines.append(rule)
        for line, change in zip(table, changes):
            lines += [line, f"  {change}"] if change else [line]
    if not totals_only:
        lines += [f"{layers(found.same)} the same", ""]
    lines += ruled(headed(TOTALS_HEADER, found)[:-1], [row[:-1] for row in totals_rows(found.totals)], {1, 2, 3}, width)
    return "\n".join([*lines, *notes(found)]) + "\n"


def layers(count: int) -> str:
    return f"{count} layer{'s are' if count != 1 else ' is'}"


def notes(found: Difference) -> list[str]:
    """What the figures leave out, and what they demand of the letters."""
    holds = [f"{side} holds when {', '.join(demands)}" for side, demands in found.conditions.items() if demands]
    return [*(f"uncounted: {name}" for name in found.uncounted), *holds]


def _more(difference: Dim, bounds: tuple[bool, bool], exact: bool = False) -> str:
    """A difference of totals that may be lower bounds: at least, at most, or not known.

    >>> [_more(7, bounds) for bounds in ((False, False), (False, True), (True, False), (True, True))]
    ['+7', '≥ +7', '≤ +7', 'not known']
    """
    return UNKNOWN if all(bounds) else ("≤ " if bounds[0] else bound(bounds[1])) + signed(difference, exact)


def signed(size: Dim, exact: bool = False) -> str:
    """A difference with its sign.

    >>> signed(7000), signed(-7000), signed(7000, exact=True), signed(-7000, exact=True)
    ('+7,000', '−7,000', '7000', '-7000')
    """
    if isinstance(size, int) and size and not exact:
        return f"{size:+,}".replace("-", "−")
    return figure(size, exact)


def totals_rows(totals: Iterable[Change], exact: bool = False) -> list[tuple[str, ...]]:
    return [
        (
            LABELS.get(one.figure, one.figure),
            bound(one.bounds[0]) + figure(one.first, exact),
            bound(one.bounds[1]) + figure(one.second, exact),
            _more(one.difference, one.bounds, exact),
            ratio_text(one.ratio, exact) if exact or one.ratio is not None else quotient_text(one.quotient),
            quotient_text(one.quotient, exact),
        )
        for one in totals
    ]


def difference_dict(found: Difference, totals_only: bool = False) -> dict[str, Any]:
    rows = [
        {
            "name": row.name,
            "what": row.what,
            "first": [layer.name for layer in row.first],
            "second": [layer.name for layer in row.second],
            "params": plain(row.params),
            "flops": None if any(row.bounds) else plain(row.flops),
        }
        for row in found.rows
    ]
    return {
        **HEAD,
        **({} if totals_only else {"same": found.same, "layers": rows}),
        "totals": {
            one.figure: {
                "first": plain(one.first),
                "second": plain(one.second),
                "difference": None if any(one.bounds) else plain(one.difference),
                "ratio": None if one.ratio is None else str(one.ratio),
                "quotient": plain(one.quotient),
                **({"lower_bound": list(one.bounds)} if any(one.bounds) else {}),
            }
            for one in found.totals
        },
        "uncounted": list(found.uncounted),
        **_by_side(first=stated(found.first.requirements), second=stated(found.second.requirements)),
    }


def _by_side(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {key: {"first": first[key], "second": second[key]} for key in first}


def as_latex(found: Difference, totals_only: bool, fragment: bool) -> str:
    r"""The layers that differ and the totals as a LaTeX document, or with ``fragment`` as lists to include."""
    parts = []
    if not totals_only:
        parts = [listed(_row_latex(row, sides(found)) for row in folded_rows(found)), f"{layers(found.same)} the same"]
    parts.append(listed((prose(LABELS.get(one.figure, one.figure)), _change_latex(one)) for one in found.totals))
    parts += map(prose, notes(found))
    body = "{\\raggedright\n" + "\n\n".join(filter(None, parts)) + "\n\\par}\n"
    names = dict.fromkeys(report.graph.source_name or "a network" for report in (found.first, found.second))
    heading = " and ".join(map(prose, names)) if len(names) > 1 else rf"{prose(*names)}, twice"
    return body if fragment else document(rf"{{\raggedright\section*{{{heading}}}}}" + "\n" + body)


def _row_latex(row: Sequence[str], names: tuple[str, str]) -> tuple[str, str]:
    """A layer's name, and what differs."""
    name, first, second, params, flops, what = row
    if NONE in (first, second):
        alone, there = (names[1], second) if first == NONE else (names[0], first)
        there = f"only in {'the ' * (alone in ('first', 'second'))}{alone}: {there}"
    else:
        there = f"{first} → {second}" if second else first
    return prose(name), prose(f"{there}, params {params}, FLOPs {flops}" + (f", {what}" if what else ""))


def _change_latex(change: Change) -> str:
    """Both totals, their difference and ratio."""
    first, second = (
        ("at least " if bound else "") + _figure_latex(one)
        for one, bound in zip((change.first, change.second), change.bounds)
    )
    more = change.difference
    exact = isinstance(more, Expr) and not any(change.bounds)
    apart = _figure_latex(more) if exact else prose(_more(more, change.bounds))
    return rf"{first} $\to$ {second}, difference {apart}" + _quotient_latex(change.quotient)


def _figure_latex(size: Dim) -> str:
    return formula(factored_latex(size) if isinstance(size, int) else latex(size))


def _quotient_latex(quotient: tuple[Dim, Dim] | None) -> str:
    """``, ratio 3/2``: formulas may be long, and stand in one line."""
    if quotient is None:
        return ""
    above, below = map(factored_latex, quotient)
    if below == "1":
        return f", ratio {formula(above)}"
    if (number := as_number(quotient)) is not None:
        near = f"{float(number):.4g}"
        sign = "=" if Fraction(near) == number else r"\approx"
        return ", ratio " + formula(rf"\frac{{{above}}}{{{below}}} {sign} {near}")
    return ", ratio " + formula(rf"{bracketed(above)} / \left({below}\right)")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
