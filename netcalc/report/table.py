"""Reports as tables on a terminal: the only part that needs rich."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Iterable, Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcalc.analysis.report import Report
from netcalc.records import NamedTuple
from netcalc.report.rows import Row, rows, summary, title, total_row


class Column(NamedTuple):
    """A column of the report: its head, its text for a row, its style, and how soon it goes for want of width."""

    head: str
    text: Callable[[Row], str]
    figures: bool = False
    style: str = ""
    goes: int = 0  # columns go in this order; 0: stays


COLUMNS = (
    Column("layer", lambda row: row.layer, style="bold"),
    Column("kind", lambda row: row.kind, style="dim", goes=4),
    Column("output", lambda row: row.output),
    Column("parameters", lambda row: "\n".join(row.tensors), style="cyan", goes=7),
    Column("", lambda row: "\n".join(name[name.index("[") :] for name in row.tensors), style="cyan", goes=7),
    Column("params", lambda row: row.params, figures=True),
    Column("MACs", lambda row: row.macs, figures=True, goes=3),
    Column("FLOPs", lambda row: row.flops, figures=True),
    Column("field", lambda row: row.field, figures=True, goes=6),
    Column("stride", lambda row: row.stride, figures=True, style="dim", goes=2),
    Column("start", lambda row: row.start, figures=True, style="dim", goes=1),
)


def report_table(report: Report, width: int, depth: int | None = None) -> Any:
    """The report as rich shows it. Where the width does not do, whole columns are left out, never a digit."""
    body = rows(report, depth)
    total = total_row(report)
    table = new_table()
    everything = Notes(("params", "macs", "flops", "field", "start"))
    columns, left_out = fitting([everything.shorten(row) for row in [*body, total]], width)
    notes = Notes(column.head.lower() for column in columns if column.figures)
    *body, total = [notes.shorten(row) for row in [*body, total]]
    for column in columns:
        justify: Any = "right" if column.figures else "left"
        folds = not column.figures and column.head != "parameters"
        table.add_column(Text(column.head), justify=justify, style=column.style, no_wrap=not folds, overflow="fold")
    for row in body:
        table.add_row(*(Text(column.text(row)) for column in columns))
    table.add_section()
    table.add_row(*(Text(column.text(total)) for column in columns), style="bold")
    below = [notes.pairs()] if notes.numbers else []
    return Group(Text(title(report), style="bold"), table, *below, pairs([*summary(report), *left_out]))


class Notes:
    """Formulas too long for a cell: numbered in the table, written below it."""

    LONGEST = 18

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self.numbers: dict[str, int] = {}

    def shorten(self, row: Row) -> Row:
        marked: dict[str, Any] = {name: self.mark(getattr(row, name)) for name in self.names}
        return row._replace(**marked)

    def mark(self, written: str) -> str:
        if len(written) <= self.LONGEST or not any(character.isalpha() for character in written):
            return written
        return f"({self.numbers.setdefault(written, len(self.numbers) + 1)})"

    def pairs(self) -> Any:
        return pairs([(f"({number})", written) for written, number in self.numbers.items()])


def fitting(body: list[Row], width: int) -> tuple[list[Column], list[tuple[str, str]]]:
    """The columns that have something to say and fit into ``width`` together; and a line on those that do not."""
    shown_columns = [column for column in COLUMNS if any(column.text(row) not in ("", "0") for row in body)]
    widths = {
        column: max(len(column.head), *(len(line) for row in body for line in column.text(row).split("\n")))
        for column in shown_columns
    }
    named, short = COLUMNS[3], COLUMNS[4]

    def together(columns: list[Column]) -> int:
        return sum(widths[column] for column in columns) + 3 * (len(columns) - 1)

    kept = everything = [column for column in shown_columns if column is not short]
    for order in range(1, 8):
        if together(kept) <= width:
            break
        if order == 5 and named in kept:  # the tensors' shapes alone, then not even these
            kept = [short if column is named else column for column in kept]
            widths[short] = max(widths[short], len(named.head))
        else:
            kept = [column for column in kept if column.goes != order and not (order == 7 and column is short)]
    kept = [column._replace(head=named.head) if column is short else column for column in kept]
    heads = {column.head for column in kept}
    gone = ", ".join(column.head for column in everything if column.head not in heads)
    return kept, [("left out", f"{gone}: at {together(everything)} columns, or --json")] if gone else []


def new_table(**more: Any) -> Table:
    """A table in the house's manner: a rule below the head, no frame."""
    from rich import box

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", **more)


def pairs(lines: list[tuple[str, str]]) -> Any:
    """Names and values below one another."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in lines:
        grid.add_row(Text(name), Text(value))
    return Padding(grid, (0, 0, 0, 1))


MARKS = {"proved": "[green]✓[/]", "not checked": "[dim]–[/]", "differs": "[bold red]✗[/]"}


def verification_table(verification: Any, figures: tuple[str, ...]) -> Any:
    """A row a layer, a column a figure; below, what differs in full and why some were not checked."""
    table = new_table()
    table.add_column(Text("layer"), style="bold")
    figures = tuple(figure for figure in figures if any(check.figure == figure for check in verification.checks))
    for figure in figures:
        table.add_column(Text(figure), justify="center")
    by_layer: dict[str, dict[str, Any]] = {}
    for check in verification.checks:
        by_layer.setdefault(check.layer, {})[check.figure] = check
    for layer, checks in by_layer.items():
        table.add_row(layer, *(MARKS[checks[figure].status] for figure in figures))
    notes: list[Any] = []
    for check in verification.differing:
        notes.append(
            Text(
                f"✗ {check.layer}, {check.figure}: netcalc says {check.stated}; torch shows {check.found} {check.why}",
                style="red",
            )
        )
    whys = Counter((check.figure, check.why) for check in verification.checks if check.status == "not checked")
    for (figure, why), times in whys.items():
        notes.append(Text(f"– {figure} not checked in {times} layer{'s' if times > 1 else ''}: {why}", style="dim"))
    counts = ", ".join(f"{number} {status}" for status, number in verification.counts.items())
    return Group(table, *notes, Text(f"{counts}", style="bold"))


def simple_table(header: tuple[str, ...], lines: Sequence[Sequence[str]]) -> Any:
    """Rows of texts under a header."""
    table = new_table()
    for place, name in enumerate(header):
        table.add_column(Text(name), style="bold" if place == 0 else "", no_wrap=place == 0)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def show(renderable: Any, console: Console | None = None) -> None:
    """Print to standard output."""
    (console or Console(highlight=False)).print(renderable)
