"""The catalogue of layer kinds and each kind's page, all read off the registry.

A page's formulas come from running the kind's own rules on named symbols: nothing is written twice.
"""

from __future__ import annotations

import inspect
from dataclasses import fields
from textwrap import wrap
from typing import Any

from netcalc.analysis.operations import Ops
from netcalc.analysis.report import Report, plain, shown
from netcalc.dims import Dim, Expr, symbol
from netcalc.layers import all_kinds
from netcalc.layers.base import REQUIRED, Applied, Layer, crossed, shape_text
from netcalc.report.rows import tensor
from netcalc.spec import elaborate

LETTERS = {1: ("C",), 2: ("C", "L"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}


def summary_line(kind: type[Layer]) -> str:
    """The first sentence of a kind's docstring."""
    text = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
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


def formulas(kind: type[Layer]) -> list[tuple[str, str]]:
    """Output shape, parameters and ledger in letters, from the kind's own rules; empty where they need numbers."""
    if not kind.trial_inputs or len(kind.trial_inputs[0]) != 1:
        return []
    values: dict[str, Any] = {}
    for name, argument in kind.arguments.items():
        default = getattr(kind, name, REQUIRED)
        if argument.type == "size" and (default is REQUIRED or argument.letter == "g"):
            values[name] = symbol(argument.letter or name)
        elif argument.type == "sizes" and argument.letter and default is not None:
            values[name] = symbol(argument.letter, lower=0 if argument.letter == "p" else 1)
        elif default is REQUIRED and argument.tries:
            values[name] = argument.tries[0]
    rank = len(kind.trial_inputs[0][0])
    letters = tuple(symbol(letter) for letter in LETTERS.get(rank, ()))
    try:
        applied = Applied(kind(**values), (letters,))
        named: dict[Dim, str] = {  # sizes that the layer makes get a name, and the ledger is written with it
            size: f"{before}_out"
            for before, size in zip(LETTERS.get(rank, ()), applied.output)
            if isinstance(size, Expr) and not shown(size).isidentifier() and len(applied.output) == rank
        }
        lines = [
            (
                "output",
                f"{shape_text(letters)} → "
                + (crossed([named.get(z, shown(z)) for z in applied.output], " x ") or "scalar"),
            )
        ]
        lines += [(f"  {name}", shown(size)) for size, name in named.items()]
        lines += [("parameter", tensor(name, shape)) for name, shape in applied.parameters.items()]
        for line in applied.work.lines:
            factors = [named.get(factor) or _factor(factor) for factor in line.factors]
            lines.append((line.kind, f"{line.label}: {' × '.join(factors) or '1'}"))
        return lines
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
    if found := formulas(kind):
        lines += ["", "formulas (run on letters):"]
        width = max(len(name) for name, _ in found)
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
    lines: list[str] = []
    for paragraph in inspect.cleandoc(kind.__doc__ or "").split("\n"):
        lines += wrap(paragraph, 96, initial_indent="  ", subsequent_indent="  ") or [""]
    return lines


def page_dict(kind: type[Layer]) -> dict[str, Any]:
    """The page of a kind for programs."""
    return {
        "kind": kind.__name__,
        "torch": kind.namesake,
        "words": list(kind.words),
        "source": kind.source,
        "doc": inspect.cleandoc(kind.__doc__ or ""),
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
        "formulas": [{"of": name, "formula": formula} for name, formula in formulas(kind)],
        "examples": list(kind.examples),
    }


def plain_default(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, bool)) or value is None else plain(value)
