"""``netcalc verify``: every figure held against real torch modules."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator

import click

from netcalc.cli.source import (
    chosen,
    emit,
    format_option,
    is_equation,
    load_equations,
    load_graph,
    set_option,
    spec_argument,
)
from netcalc.errors import SpecError


@click.command()
@spec_argument
@click.argument("given", nargs=-1, metavar="[NAME:SHAPE]...")
@set_option
@click.option(
    "--ledger",
    default=4_000_000,
    show_default=True,
    metavar="N",
    help="Run so many scalar operations one by one to count them.",
)
@format_option("table", "plain", "json", "csv")
def verify(spec: str, given: tuple[str, ...], set_values: tuple[str, ...], ledger: int, format: str | None) -> None:
    """Prove every figure against real torch modules; exit 1 if one differs.

    Shapes and parameters by forward hooks, MACs by FlopCounterMode, the ledger by computing each layer scalar by
    scalar, receptive fields by gradients. Needs torch: pip install "netcalc-nn[torch]".

    Of an equation it proves the same network in layers, as `eq --network` shows it; the values and gradients of its
    numbers are held against autograd by `eq --verify`:

    \b
    netcalc verify "f = W2 max(0, W1 x + b1) + b2" x:256 b1:512 f:1
    """
    equation = is_equation(spec, given)
    try:
        graph = load_equations(spec, given) if equation else load_graph(spec, set_values)
    except SpecError as error:
        if equation and error.code == "no-layer":
            error.hint = error.hint or "netcalc eq … --verify holds an equation against torch that no layers say"
        raise
    try:
        from netcalc.proof.verification import FIGURES
        from netcalc.proof.verification import verify as prove
    except ImportError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    with progress_bar() as tell:
        verification = prove(graph, ledger=ledger, progress=tell)
    rows = [check[:] for check in verification.checks]
    header = ("layer", "figure", "status", "stated", "found", "why")
    match chosen(format):
        case "table":
            from netcalc.report.table import show, verification_table

            show(verification_table(verification, FIGURES))
        case "json":
            from netcalc.analysis.report import HEAD
            from netcalc.report.text import as_json

            emit(as_json(HEAD | verification.to_dict()))
        case "csv":
            from netcalc.report.text import csv_lines

            emit(csv_lines([header, *rows]))
        case "plain":
            from netcalc.report.text import tabbed

            emit(tabbed([header, *rows]))
            click.echo(", ".join(f"{number} {status}" for status, number in verification.counts.items()), err=True)
    sys.exit(0 if verification.ok else 1)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on standard error, once the work has taken a second; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("verifying"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task: Any = bar.add_task("")
    begun = time.monotonic()

    def tell(done: int, of: int, what: str) -> None:
        bar.update(task, completed=done, total=of, description=what)
        if not bar.live.is_started and time.monotonic() - begun > 1:
            bar.start()

    try:
        yield tell
    finally:
        bar.stop()
