"""Reports as tables on a terminal: the only part that needs rich."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcalc.analysis.report import Report, shown
from netcalc.report.rows import Row, rows, summary, title

WIDE = 100


def report_table(report: Report, width: int) -> Any:
    """The report as rich shows it: fewer columns below 100 characters."""
    wide = width >= WIDE
    body = rows(report)
    some = {name: any(getattr(row, name) not in ("", "0", ()) for row in body) for name in ("tensors", "macs", "field")}
    table = new_table()
    table.add_column("layer", no_wrap=len(max((row.layer for row in body), key=len, default="")) <= 24, style="bold")
    if wide:
        table.add_column("kind", style="dim")
    table.add_column("output")
    if some["tensors"]:
        table.add_column("parameters", style="cyan")
    table.add_column("params", justify="right")
    if wide and some["macs"]:
        table.add_column("MACs", justify="right")
    table.add_column("FLOPs", justify="right")
    if some["field"]:
        table.add_column("field", justify="right")
        if wide:
            table.add_column("stride", justify="right", style="dim")
            table.add_column("start", justify="right", style="dim")
    for row in body:
        table.add_row(*_cells(row, wide, some))
    totals = report.totals
    total = Row("total", "", "", (), shown(totals.params), shown(totals.macs), shown(totals.flops), "", "", "")
    table.add_section()
    table.add_row(*_cells(total, wide, some), style="bold")
    return Group(Text(title(report), style="bold"), table, pairs(summary(report)))


def _cells(row: Row, wide: bool, some: dict[str, bool]) -> list[str]:
    cells = [row.layer, *([row.kind] if wide else []), row.output]
    cells += ["\n".join(row.tensors)] if some["tensors"] else []
    cells += [row.params, *([row.macs] if wide and some["macs"] else []), row.flops]
    if some["field"]:
        cells += [row.field, *([row.stride, row.start] if wide else [])]
    return [cell if "[" not in cell else cell.replace("[", "\\[") for cell in cells]


def new_table(**more: Any) -> Table:
    """A table in the house's manner: a rule below the head, no frame."""
    from rich import box

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", **more)


def pairs(lines: list[tuple[str, str]]) -> Any:
    """Names and values below one another."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in lines:
        grid.add_row(name, Text(value))
    return Padding(grid, (0, 0, 0, 1))


MARKS = {"proved": "[green]✓[/]", "not checked": "[dim]–[/]", "differs": "[bold red]✗[/]"}


def verification_table(verification: Any, figures: tuple[str, ...]) -> Any:
    """A row a layer, a column a figure; below, what differs in full and why some were not checked."""
    table = new_table()
    table.add_column("layer", style="bold")
    for figure in figures:
        table.add_column(figure, justify="center")
    by_layer: dict[str, dict[str, Any]] = {}
    for check in verification.checks:
        by_layer.setdefault(check.layer, {})[check.figure] = check
    for layer, checks in by_layer.items():
        table.add_row(layer, *(MARKS[checks[figure].status] for figure in figures))
    notes: list[Any] = []
    for check in verification.differing:
        notes.append(
            Text(f"✗ {check.layer}, {check.figure}: netcalc says {check.stated}; torch shows {check.found} {check.why}", style="red")
        )
    whys = Counter((check.figure, check.why) for check in verification.checks if check.status == "not checked")
    for (figure, why), times in whys.items():
        notes.append(Text(f"– {figure} not checked in {times} layer{'s' if times > 1 else ''}: {why}", style="dim"))
    counts = ", ".join(f"{number} {status}" for status, number in verification.counts.items())
    return Group(table, *notes, Text(f"{counts}", style="bold"))


def simple_table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> Any:
    """Rows of texts under a header."""
    table = new_table()
    for place, name in enumerate(header):
        table.add_column(name, style="bold" if place == 0 else "", no_wrap=place == 0)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def show(renderable: Any, console: Console | None = None) -> None:
    """Print to standard output."""
    (console or Console(highlight=False)).print(renderable)
