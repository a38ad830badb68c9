"""Formulas as text, Markdown, LaTeX, a Python function, or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from keyword import iskeyword
from operator import attrgetter
from textwrap import wrap
from typing import Any

from netcalc.analysis.conditions import Requirement
from netcalc.analysis.formula import FIGURES, Formula
from netcalc.analysis.report import Report, plain
from netcalc.dims import Dim, factored_latex, factored_text, latex, python, text
from netcalc.layers.base import crossed
from netcalc.report.latex import bracketed, document, holds_when, listed, prose
from netcalc.report.latex import formula as set_formula
from netcalc.report.rows import holds_when_markdown, title

LABELS = {"params": "parameters", "macs": "MACs", "flops": "FLOPs", "shape": "output", "rf": "receptive field"}


def label(found: Formula) -> str:
    """The figure's name, with what it needs to stand before a sign of equality."""
    return _name(found) + (", at least" if found.uncounted else "")


def _name(found: Formula) -> str:
    name = LABELS.get(found.figure, found.figure.replace("_", " "))
    return f"{name} of {found.output}" if found.output else name


def written(found: Formula, write: Callable[[Dim], str], cross: str = " x ") -> str:
    """The formula's values, those of several axes between crosses."""
    if found.missing:
        return "?"
    values = [write(value) for value in found.values]
    return (crossed(values, cross) if len(values) > 1 else "".join(values)) or "scalar"


def _stated(found: Formula, factored: bool) -> str:
    """The formula as text with its sign, or why there is none."""
    if found.missing:
        return found.missing
    return ("≥ " if found.uncounted else "") + written(found, _text(factored))


def left_out(found: Sequence[Formula]) -> tuple[str, ...]:
    """``layer: operation`` for everything that the figures leave out."""
    return tuple(dict.fromkeys(name for one in found for name in one.uncounted))


def _text(factored: bool) -> Callable[[Dim], str]:
    def write(size: Dim) -> str:
        return f"{size:,}" if isinstance(size, int) else (factored_text if factored else text)(size)

    return write


def _latex(factored: bool) -> Callable[[Dim], str]:
    def write(size: Dim) -> str:
        if isinstance(size, int):
            return f"{size:,}".replace(",", "{,}")
        return (factored_latex if factored else latex)(size)

    return write


def as_text(
    report: Report, found: Sequence[Formula], conditions: Sequence[Requirement], factored: bool, width: int
) -> str:
    """For a terminal: a line a figure, long formulas broken before a plus."""
    lines = [title(report)]
    layer = ""
    wide = max((len(_name(one)) for one in found), default=0)
    for one in found:
        if one.layer != layer:
            layer = one.layer
            lines.append(layer or "total")
        indent = "  " if any(other.layer for other in found) else ""
        head = f"{indent}{_name(one):<{wide}}  "
        lines += worded(head, one.missing, width) if one.missing else broken(head, _stated(one, factored), width)
    if conditions:
        lines += broken("holds when  ", ", ".join(map(str, conditions)), width)
    lines += [f"uncounted   {name}" for name in left_out(found)]
    return "\n".join(lines) + "\n"


def broken(head: str, body: str, width: int) -> list[str]:
    """``head`` and a body that is broken before `` + `` and `` − ``, and behind a comma, where it is too long."""
    lines, line, margin = [], head, " " * len(head)
    pieces = body.replace(" + ", "\0+ ").replace(" − ", "\0− ").replace(", ", ",\0").split("\0")
    for place, piece in enumerate(pieces):
        space = " " if place and not line.endswith(margin or "\0") else ""
        if place and len(line) + len(space) + len(piece) > width:
            lines.append(line.rstrip())
            line, space = margin, ""
        line += space + piece
    return [*lines, line.rstrip()]


def worded(head: str, words: str, width: int) -> list[str]:
    """``head`` and words behind it, broken between words where they are too long, and below it where it is."""
    if len(head) > width // 2:
        return [head.rstrip(), *worded("    ", words, width)]
    return wrap(head + words, width, subsequent_indent=" " * len(head), break_long_words=False)


def as_markdown(report: Report, found: Sequence[Formula], conditions: Sequence[Requirement], factored: bool) -> str:
    """A Markdown table; the formulas as text in code spans."""
    many = any(one.layer for one in found)
    lines = [f"**{title(report)}**", ""]
    lines += ["| layer | figure | formula |", "|---|---|---|"] if many else ["| figure | formula |", "|---|---|"]
    for one in found:
        cells = [one.layer or "**total**"] if many else []
        lines.append("| " + " | ".join([*cells, _name(one), f"`{_stated(one, factored)}`"]) + " |")
    if conditions:
        lines += ["", holds_when_markdown(map(str, conditions))]
    if names := left_out(found):
        lines += ["", "Not counted, so that ≥ is a lower bound:", "", *(f"- {name}" for name in names)]
    return "\n".join(lines) + "\n"


def as_latex(
    report: Report, found: Sequence[Formula], conditions: Sequence[Requirement], factored: bool, fragment: bool = False
) -> str:
    """The formulas as a LaTeX document, or with ``fragment`` as a list to include (needs amsmath)."""
    many = any(one.layer for one in found)
    lines = [r"{\raggedright"]
    for layer, figures in groupby(found, key=attrgetter("layer")):
        lines += [rf"\textbf{{{prose(layer or 'total')}}}"] if many else []
        lines.append(listed((prose(label(one)), _value_latex(one, factored)) for one in figures))
    if conditions:
        lines.append(holds_when(map(str, conditions)))
    if names := left_out(found):
        lines.append(r"Not counted, so that figures marked ``at least'' are lower bounds:\\")
        lines.append("\\\\\n".join(map(prose, names)))
    body = "\n".join(lines) + "\n\\par}\n"
    return body if fragment else document(rf"{{\raggedright\section*{{{prose(title(report))}}}}}" + "\n" + body)


def _value_latex(one: Formula, factored: bool) -> str:
    if one.missing:
        return prose(one.missing)
    values = [_latex(factored)(value) for value in one.values]
    value = r" \times ".join(map(bracketed, values) if len(values) > 1 else values) or r"\text{scalar}"
    return set_formula(f"= {value}")


def as_python(report: Report, found: Sequence[Formula], conditions: Sequence[Requirement], name: str) -> str:
    """A function to paste: letters in, figures out.

    >>> from netcalc.analysis.formula import formulas
    >>> from netcalc.analysis.report import analyze
    >>> from netcalc.spec import elaborate
    >>> report = analyze(elaborate("T x 8 -> linear 4"))
    >>> print(as_python(report, list(formulas(report, ["flops", "shape"])), (), "net"))
    def net(T):
        \"\"\"Tx8 → Tx4, by netcalc.\"\"\"
        return {
            "flops": 64*T,
            "shape": (T, 4),
        }
    <BLANKLINE>
    """
    from netcalc.dims import symbols

    used = {letter for one in found for value in one.values for letter in symbols(value)}
    letters = sorted(used.union(_letters(report, conditions)))
    doc = title(report)
    lines = [f"def {_identifier(name)}({', '.join(letters)}):", f'    """{doc}, by netcalc.']
    if conditions:
        lines += ["", f"    Holds when {', '.join(map(str, conditions))}."]
    if names := left_out(found):
        lines += ["", "    Lower bounds (at least): these operations are not counted.", *(f"    {n}" for n in names)]
    if len(lines) > 2:
        lines.append('    """')
    else:
        lines[-1] += '"""'
    layers = list(dict.fromkeys(one.layer for one in found))
    if layers == [""]:
        return "\n".join([*lines, "    return {", *_entries(found, "        "), "    }"]) + "\n"
    lines.append("    return {")
    for layer in layers:
        lines.append(f"        {layer or 'total'!r}: {{".replace("'", '"'))
        lines += [*_entries([one for one in found if one.layer == layer], "            "), "        },"]
    return "\n".join([*lines, "    }"]) + "\n"


def _entries(found: Sequence[Formula], indent: str) -> list[str]:
    lines = []
    for figure, group in groupby(found, key=attrgetter("figure")):
        members = list(group)
        if members[0].output:
            lines.append(f'{indent}"{figure}": {{')
            for one in members:
                lines += _entry(one, f'{indent}    "{one.output}": ')
            lines.append(f"{indent}}},")
        else:
            for one in members:
                lines += _entry(one, f'{indent}"{figure}": ')
    return lines


def _entry(one: Formula, head: str) -> list[str]:
    if one.missing:
        return [f"{head}None,  # {_stated(one, False)}"]
    values = [python(value) if not isinstance(value, int) else str(value) for value in one.values]
    single = f"({', '.join(values)}{',' if len(values) == 1 else ''})" if one.tuple_ else values[0]
    lines = broken(head, f"{single},", 100 if not one.tuple_ else 10**6)
    lines[-1] += "  # at least" if one.uncounted else ""
    return lines


def _identifier(name: str) -> str:
    cleaned = "".join(c if c.isalnum() else "_" for c in name.rpartition("/")[2].removesuffix(".net"))
    if iskeyword(cleaned):
        return f"{cleaned}_"
    return cleaned if cleaned.isidentifier() else "net"


def _letters(report: Report, conditions: Sequence[Requirement]) -> list[str]:
    """The letters of a network, those too that its conditions leave only one value."""
    return sorted({*report.graph.symbols, *(letter for one in conditions for letter in one.letters)})


def to_dict(report: Report, found: Sequence[Formula], conditions: Sequence[Requirement]) -> dict[str, Any]:
    """Formulas for programs: Python expressions and exact integers."""
    return {
        "letters": _letters(report, conditions),
        "formulas": [
            {
                "layer": one.layer or None,
                "of": one.figure,
                **({"output": one.output} if one.output else {}),
                "formula": None if one.missing else plain(one.values) if one.tuple_ else plain(one.value),
                **({"lower_bound": True} if one.uncounted else {}),
                **({"missing": one.missing} if one.missing else {}),
            }
            for one in found
        ],
        "lower_bound": bool(left_out(found)),
        "uncounted": list(left_out(found)),
        "conditions": [one.to_dict() for one in conditions],
    }


__all__ = ["FIGURES", "as_latex", "as_markdown", "as_python", "as_text", "to_dict"]
