"""Formulas as text, Markdown, LaTeX, a Python function, or JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, islice
from keyword import iskeyword
from operator import attrgetter
from textwrap import wrap
from typing import Any

from netcalc.analysis.conditions import Requirement
from netcalc.analysis.formula import FIGURES, Formula
from netcalc.analysis.report import HEAD, Report, plain, stated
from netcalc.dims import Dim, factored_latex, factored_text, latex, python, symbols, text
from netcalc.layers.base import crossed
from netcalc.layers.pieces import abbreviated
from netcalc.report.latex import bracketed, document, holds_when, listed, prose
from netcalc.report.latex import formula as set_formula
from netcalc.report.rows import holds_when_markdown, title

LABELS = {"params": "parameters", "macs": "MACs", "flops": "FLOPs", "shape": "output", "rf": "receptive field"}


def label(found: Formula) -> str:
    """The figure's name, with what it needs to stand before a sign of equality."""
    return _name(found) + (", at least" if found.uncounted else "")


def _name(found: Formula) -> str:
    name = LABELS.get(found.figure, found.figure.replace("_", " "))
    name += f" of {found.output}" if found.output else ""
    return f"{name} in {found.input}" if found.input else name


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


def in_pieces(report: Report, found: Sequence[Formula]) -> tuple[list[Formula], dict[str, Dim]]:
    """The formulas with names for what is long and recurs in them, and what the names mean."""
    sizes, meanings = abbreviated([value for one in found for value in one.values], _letters(report, ()))
    values = iter(sizes)
    return [one._replace(values=tuple(islice(values, len(one.values)))) for one in found], meanings


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
    found, meanings = in_pieces(report, found)
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
    for place, (name, meaning) in enumerate(meanings.items()):
        lines += broken(f"{'' if place else 'where':<10}  {name} = ", text(meaning), width)
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
    found, meanings = in_pieces(report, found)
    many = any(one.layer for one in found)
    lines = [f"**{title(report)}**", ""]
    lines += ["| layer | figure | formula |", "|---|---|---|"] if many else ["| figure | formula |", "|---|---|"]
    for one in found:
        cells = [one.layer or "**total**"] if many else []
        lines.append("| " + " | ".join([*cells, _name(one), f"`{_stated(one, factored)}`"]) + " |")
    if meanings:
        lines += ["", "Where", "", *(f"- `{name} = {text(meaning)}`" for name, meaning in meanings.items())]
    if conditions:
        lines += ["", holds_when_markdown(map(str, conditions))]
    if names := left_out(found):
        lines += ["", "Not counted, so that ≥ is a lower bound:", "", *(f"- {name}" for name in names)]
    return "\n".join(lines) + "\n"


def as_latex(
    report: Report, found: Sequence[Formula], conditions: Sequence[Requirement], factored: bool, fragment: bool = False
) -> str:
    """The formulas as a LaTeX document, or with ``fragment`` as a list to include (needs amsmath)."""
    found, meanings = in_pieces(report, found)
    many = any(one.layer for one in found)
    lines = [r"{\raggedright"]
    for layer, figures in groupby(found, key=attrgetter("layer")):
        lines += [rf"\textbf{{{prose(layer or 'total')}}}"] if many else []
        lines.append(listed((prose(label(one)), _value_latex(one, factored)) for one in figures))
    if meanings:
        lines.append("Where")
        defined = ((f"${name}$", set_formula(f"= {latex(meaning)}")) for name, meaning in meanings.items())
        lines.append(listed(defined))
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
    names = _python_names(_letters(report, conditions))
    found, meanings = in_pieces(report, found)
    doc = title(report)
    lines = [f"def {_identifier(name)}({', '.join(names.values())}):", f'    """{doc}, by netcalc.']
    if conditions:
        lines += ["", f"    Holds when {', '.join(map(str, conditions))}."]
    if renamed := [f"{letter} is {name} here" for letter, name in names.items() if letter != name]:
        lines += ["", f"    {', '.join(renamed)}."]
    if missing := left_out(found):
        lines += ["", "    Lower bounds (at least): these operations are not counted.", *(f"    {n}" for n in missing)]
    if len(lines) > 2:
        lines.append('    """')
    else:
        lines[-1] += '"""'
    lines += [f"    {name} = {_python(meaning, names)}" for name, meaning in meanings.items()]
    layers = list(dict.fromkeys(one.layer for one in found))
    if layers == [""]:
        return "\n".join([*lines, "    return {", *_entries(found, "        ", names), "    }"]) + "\n"
    lines.append("    return {")
    for layer in layers:
        lines.append(f"        {layer or 'total'!r}: {{".replace("'", '"'))
        lines += [*_entries([one for one in found if one.layer == layer], "            ", names), "        },"]
    return "\n".join([*lines, "    }"]) + "\n"


def _python_names(letters: Sequence[str]) -> dict[str, str]:
    """What the letters are called in Python: those that mean something else there get an underscore.

    >>> _python_names(["H", "lambda", "min"])
    {'H': 'H', 'lambda': 'lambda_', 'min': 'min_'}
    """
    names: dict[str, str] = {}
    for letter in letters:
        name = letter
        while iskeyword(name) or name in ("min", "max") or name != letter and name in letters:
            name += "_"
        names[letter] = name
    return names


def _python(size: Dim, names: Mapping[str, str]) -> str:
    """A size as a Python expression in these names; what a bracket follows is a function."""
    return re.sub(r"[^\W\d]\w*\b(?!\()", lambda word: names.get(word[0], word[0]), python(size))


def _entries(found: Sequence[Formula], indent: str, names: Mapping[str, str]) -> list[str]:
    lines = []
    for figure, group in groupby(found, key=attrgetter("figure")):
        members = list(group)
        if members[0].output:
            lines.append(f'{indent}"{figure}": {{')
            for one in members:
                lines += _entry(one, f'{indent}    "{one.output}": ', names)
            lines.append(f"{indent}}},")
        else:
            for one in members:
                lines += _entry(one, f'{indent}"{figure}": ', names)
    return lines


def _entry(one: Formula, head: str, names: Mapping[str, str]) -> list[str]:
    if one.missing:
        return [f"{head}None,  # {_stated(one, False)}"]
    values = [_python(value, names) for value in one.values]
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
    """The letters of a network and of its batch, those too that its conditions leave only one value."""
    batch = symbols(report.batch) if report.batch is not None else ()
    return sorted({*report.graph.symbols, *batch, *(letter for one in conditions for letter in one.letters)})


def to_dict(report: Report, found: Sequence[Formula], conditions: Sequence[Requirement]) -> dict[str, Any]:
    """Formulas for programs: Python expressions and exact integers."""
    return {
        **HEAD,
        "letters": _letters(report, conditions),
        "formulas": [
            {
                "layer": one.layer or None,
                "of": one.figure,
                **({"output": one.output} if one.output else {}),
                **({"input": one.input} if one.input else {}),
                "formula": None if one.missing else plain(one.values) if one.tuple_ else plain(one.value),
                **({"lower_bound": True} if one.uncounted else {}),
                **({"missing": one.missing} if one.missing else {}),
            }
            for one in found
        ],
        "lower_bound": bool(left_out(found)),
        "uncounted": list(left_out(found)),
        **stated(conditions),
    }


__all__ = ["FIGURES", "as_latex", "as_markdown", "as_python", "as_text", "to_dict"]
