"""The catalogue of layer kinds and each kind's page, all read off the registry.

A page's formulas come from running the kind's own rules on named symbols: nothing is written twice.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from textwrap import wrap
from typing import Any

from netcalc.analysis.explanation import axis_names
from netcalc.analysis.operations import Ops
from netcalc.analysis.report import Report, plain, shown
from netcalc.dims import Dim, Expr, symbol
from netcalc.layers import all_kinds
from netcalc.layers.base import REQUIRED, Applied, Layer, crossed, shape_text
from netcalc.records import NamedTuple
from netcalc.report.rows import tensor
from netcalc.spec import elaborate


def described(kind: type[Layer]) -> str:
    """A kind's docstring as people read it, without the marks of literals and of names.

    >>> from netcalc.layers import all_kinds
    >>> "as for one step of GRU, that of" in described(all_kinds()["GRUCell"])
    True
    """
    return re.sub(r"(?::\w+:)?`+([^`]+)`+", r"\1", inspect.cleandoc(kind.__doc__ or ""))


def summary_line(kind: type[Layer]) -> str:
    """The first sentence of a kind's docstring."""
    text = described(kind).split("\n\n")[0].replace("\n", " ")
    return text.partition(". ")[0].rstrip(".") + "."


def catalogue() -> list[tuple[str, str, str]]:
    """Every kind with its words and what it computes."""
    return [(name, " ".join(kind.words), summary_line(kind)) for name, kind in all_kinds().items()]


def signature(kind: type[Layer]) -> str:
    """The kind as torch writes it, with its defaults."""
    parts = []
    for entry in fields(kind):  # type: ignore[arg-type]
        argument = entry.metadata["argument"]
        required = entry.default is REQUIRED or argument.axis is not None
        parts.append(entry.name if required else f"{entry.name}={entry.default!r}")
    return f"{kind.__name__}({', '.join(parts)})"


class Formulas(NamedTuple):
    """What a kind's rules give on letters, and the values of those arguments that are no letters but decide it."""

    lines: list[tuple[str, str]]
    values: dict[str, Any]


def formulas(kind: type[Layer]) -> Formulas:
    """Output shape, parameters and ledger in letters, from the kind's own rules; empty where they need numbers."""
    if not kind.trial_inputs or len(kind.trial_inputs[0]) != 1:
        return Formulas([], {})
    values = {name: a.tries[0] for name, a in kind.arguments.items() if _default(kind, name) is REQUIRED and a.tries}
    for name in kind.arguments:
        letter = _letter(kind, name)
        if letter is not None and (_lines(kind, {**values, name: letter}) or not _lines(kind, values)):
            values[name] = letter
    lines = _lines(kind, values)
    fixed = {
        name: values.get(name, _default(kind, name))
        for name, argument in kind.arguments.items()
        if not isinstance(values.get(name), Expr) and argument.axis is None and lines
    }
    return Formulas(lines, {name: value for name, value in fixed.items() if _decides(kind, name, values, lines)})


def _default(kind: type[Layer], name: str) -> Any:
    return getattr(kind, name, REQUIRED)


def _letter(kind: type[Layer], name: str) -> Expr | None:
    """The letter for an argument that is a size: its own, or its name."""
    argument, default = kind.arguments[name], _default(kind, name)
    if argument.axis is not None or argument.type not in ("size", "sizes", "shape"):
        return None
    if default in (None, 0) and not argument.letter:  # a part of the layer that is not there
        return None
    return symbol(argument.letter or name, lower=0 if "padding" in name else 1)


def _decides(kind: type[Layer], name: str, values: dict[str, Any], lines: list[tuple[str, str]]) -> bool:
    """Does another value of an argument give other formulas? So does one that had to be chosen."""
    tries = dict.fromkeys(each for each in kind.arguments[name].tries if each != _default(kind, name))
    others = (_lines(kind, {**values, name: value}) for value in tries)
    return _default(kind, name) is REQUIRED or any(other and other != lines for other in others)


def _lines(kind: type[Layer], values: dict[str, Any]) -> list[tuple[str, str]]:
    rank = len(kind.trial_inputs[0][0])
    names = axis_names(kind, rank)
    letters = tuple(map(symbol, names))
    try:
        applied = Applied(kind(**values), (letters,))
        named: dict[Dim, str] = {  # sizes that the layer makes get a name, and the ledger is written with it
            size: f"{before}_out"
            for before, size in zip(names, applied.output)
            if isinstance(size, Expr) and not shown(size).isidentifier() and len(applied.output) == rank
        }
        lines = [
            (
                "output",
                f"{crossed(names, ' x ') or 'scalar'} → "
                + (crossed([named.get(z, shown(z)) for z in applied.output], " x ") or "scalar"),
            )
        ]
        lines += [(f"  {name}", shown(size)) for size, name in named.items()]
        lines += [("parameter", tensor(name, shape)) for name, shape in applied.parameters.items()]
        for line in applied.work.lines:
            factors = [named.get(factor) or _factor(factor) for factor in line.factors]
            lines.append((line.kind, f"{line.label}: {' × '.join(factors) or '1'}"))
        return lines + [("uncounted", name) for name in applied.work.uncounted]
    except Exception:  # a rule that needs numbers has no formula; the docstring says it in words
        return []


def _factor(size: Dim) -> str:
    written = shown(size)
    return f"({written})" if " " in written else written


def page_text(kind: type[Layer]) -> str:
    """The page of a kind for a terminal or a pipe."""
    lines = [signature(kind), *_wrapped(kind)]
    lines += ["", f"words: {', '.join(kind.words)}"]
    lines += (
        [f"torch: torch.nn.{kind.namesake}"]
        if kind.namesake
        else ["torch: none of that name; ours is in netcalc.proof"]
    )
    lines += [f"source: {kind.source}"] if kind.source else []
    if kind.arguments:
        lines += ["", "arguments:"]
        width = max(map(len, kind.arguments))
        for name, argument in kind.arguments.items():
            default = getattr(kind, name, REQUIRED)
            given = "inferred" if argument.axis is not None else "required" if default is REQUIRED else f"{default!r}"
            letter = f"{argument.letter}  " if argument.letter else "   "
            choices = f" ({', '.join(argument.choices)})" if argument.choices else ""
            lines.append(f"  {name:<{width}}  {letter}{given:<10} {argument.doc}{choices}")
    found, fixed = formulas(kind)
    if found:
        lines += ["", "formulas (run on letters):"]
        width = max(len(name) for name, _ in found)
        at = ", ".join(f"{name}={value!r}" for name, value in fixed.items())
        lines += wrap(f"at {at}", 96, initial_indent="  ", subsequent_indent="     ") if at else []
        lines += [f"  {name:<{width}}  {value}" for name, value in found]
    for text in kind.examples:
        report = Report(elaborate(text))
        ops = Ops.sum(layer.ops for layer in report.layers)
        counted = " + ".join(f"{shown(count)} {name}" for name, count in ops.items()) or "0"
        lines += ["", f"example: {text}"]
        lines.append(
            f"  output {shape_text(report.output_shape)}, parameters {shown(report.params)}, "
            f"FLOPs {shown(report.flops)} = {counted}"
        )
    return "\n".join(lines) + "\n"


def _wrapped(kind: type[Layer]) -> list[str]:
    """The docstring in narrower lines: what was broken only because a line was full is one piece again."""
    pieces: list[str] = []
    full = False
    for line in described(kind).split("\n"):
        if full and line:
            pieces[-1] += f" {line}"
        else:
            pieces.append(line)
        full = len(line) > 88
    return [line for piece in pieces for line in wrap(piece, 96, initial_indent="  ", subsequent_indent="  ") or [""]]


def page_dict(kind: type[Layer]) -> dict[str, Any]:
    """The page of a kind for programs."""
    found, fixed = formulas(kind)
    return {
        "kind": kind.__name__,
        "torch": kind.namesake,
        "words": list(kind.words),
        "source": kind.source,
        "doc": described(kind),
        "arguments": [
            {
                "name": name,
                "type": argument.type,
                "letter": argument.letter or None,
                "inferred": argument.axis is not None,
                "required": getattr(kind, name, REQUIRED) is REQUIRED,
                "default": None if (default := getattr(kind, name, REQUIRED)) is REQUIRED else plain_default(default),
                "doc": argument.doc,
                "choices": list(argument.choices),
            }
            for name, argument in kind.arguments.items()
        ],
        "formulas": [{"of": name, "formula": formula} for name, formula in found],
        "formulas_at": {name: plain_default(value) for name, value in fixed.items()},
        "examples": list(kind.examples),
    }


def plain_default(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool)) or value is None else plain(value)
