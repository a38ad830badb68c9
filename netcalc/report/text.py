"""Reports as text for pipes, programs and documents: plain rows, CSV, JSON, Markdown, HTML. Imports no rich."""

from __future__ import annotations

from typing import Any, Iterable

from netcalc.analysis.report import Report
from netcalc.report.rows import HEADER, exact_rows, rows, summary, title, total_row


def plain_rows(report: Report, depth: int | None = None) -> str:
    """Tab-separated: a header, a line a layer, and the totals."""
    return tabbed([HEADER, *exact_rows(report, depth)])


def tabbed(lines: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(line) + "\n" for line in lines)


def as_csv(report: Report, depth: int | None = None) -> str:
    """Comma-separated, quoted where it must be."""
    return csv_lines([HEADER, *exact_rows(report, depth)])


def csv_lines(lines: Iterable[Iterable[str]]) -> str:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()


def as_json(value: Any) -> str:
    """Indented, with exact integers."""
    import json

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: Report, depth: int | None = None) -> str:
    """A Markdown table of the layers and a list of the totals."""
    lines = [
        "| layer | kind | output | parameters | params | MACs | FLOPs | field |",
        "|---|---|---|---|--:|--:|--:|--:|",
    ]
    for r in rows(report, depth):
        cells = (r.layer, r.kind, r.output, "<br>".join(r.tensors), r.params, r.macs, r.flops, r.field)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    total = total_row(report)
    figures = (total.params, total.macs, total.flops)
    lines.append("| **total** | | | | " + " | ".join(f"**{figure}**" for figure in figures) + " | |")
    lines += ["", *(f"- {name}: {value}" for name, value in summary(report))]
    return "\n".join(lines) + "\n"


def html(report: Report) -> str:
    """A table for notebooks."""
    from html import escape

    head = "".join(
        f"<th>{name}</th>" for name in ("layer", "kind", "output", "parameters", "params", "MACs", "FLOPs", "field")
    )
    body = []
    for r in rows(report):
        left = "".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in (r.layer, r.kind, r.output))
        tensors = "<br>".join(map(escape, r.tensors))
        right = "".join(f"<td>{escape(cell)}</td>" for cell in (r.params, r.macs, r.flops, r.field))
        body.append(f"<tr>{left}<td style='text-align:left'>{tensors}</td>{right}</tr>")
    notes = "".join(f"<div>{escape(name)}: {escape(value)}</div>" for name, value in summary(report))
    return f"<div><b>{escape(title(report))}</b></div><table><tr>{head}</tr>{''.join(body)}</table>{notes}"


def plain_table(report: Report) -> str:
    """Aligned columns of fixed width, for logs and notebooks without HTML."""
    head = ("layer", "kind", "output", "params", "MACs", "FLOPs", "field")
    body = [(r.layer, r.kind, r.output, r.params, r.macs, r.flops, r.field) for r in rows(report)]
    lines = aligned([head, *body], right={3, 4, 5, 6})
    return "\n".join([title(report), *lines, *(f"{name}: {value}" for name, value in summary(report))]) + "\n"


def aligned(lines: list[tuple[str, ...]], right: set[int]) -> list[str]:
    """Rows with their columns aligned, those of ``right`` at their right edge."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [
        "  ".join(
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]
