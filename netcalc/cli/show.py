"""``netcalc show`` and ``netcalc mlp``: the report on a network."""

from __future__ import annotations

from typing import Any

import click

from netcalc.analysis.blocks import folded
from netcalc.analysis.report import BYTES, Report, analyze_on_domain
from netcalc.cli.letters import batch_option, in_option, load_lettered
from netcalc.cli.source import chosen, emit, format_option, set_option, spec_argument
from netcalc.report.rows import summary
from netcalc.spec import mlp_spec

FORMATS = ("table", "plain", "json", "csv", "markdown")


def report_options(command: Any) -> Any:
    """The options of every command that prints a report."""
    for option in (
        format_option(*FORMATS),
        click.option(
            "--dtype",
            default="float32",
            show_default=True,
            type=click.Choice(list(BYTES)),
            help="What an element weighs.",
        ),
        click.option(
            "--depth", type=click.IntRange(1), help="Fold layers to the blocks of their names: layer1, layer1.0, …"
        ),
        batch_option,
        set_option,
        in_option,
    ):
        command = option(command)
    return command


@click.command()
@spec_argument
@click.option("--strict", "fail_if_open", is_flag=True, help="Fail where a condition on the letters is open.")
@report_options
def show(
    spec: str,
    letters: tuple[str, ...],
    fail_if_open: bool,
    set_values: tuple[str, ...],
    batch: str | None,
    dtype: str,
    depth: int | None,
    format: str | None,
) -> None:
    """Shapes, parameters, operations and receptive fields of a network.

    SPEC is a spec in quotes, a file, '-' for standard input, or the name of a shipped spec (netcalc specs).
    """
    graph, _, size = load_lettered(spec, letters, set_values, batch)
    if fail_if_open:
        from netcalc.analysis.conditions import strict

        strict(graph)
    print_report(analyze_on_domain(graph, size, dtype), format, depth)


@click.command()
@click.argument("widths")
@click.option("--activation", default="relu", show_default=True, metavar="KIND", help="Between the layers.")
@click.option("--output-activation", default="", metavar="KIND", help="Behind the last layer.")
@click.option("--no-bias", is_flag=True, help="Linear layers without bias.")
@report_options
def mlp(
    widths: str,
    activation: str,
    output_activation: str,
    no_bias: bool,
    letters: tuple[str, ...],
    set_values: tuple[str, ...],
    batch: str | None,
    dtype: str,
    depth: int | None,
    format: str | None,
) -> None:
    """A multilayer perceptron by its WIDTHS: 256-512-1, or 16x16-512-1 for an image that is flattened first."""
    spec = mlp_spec(widths, activation, output_activation, not no_bias)
    graph, _, size = load_lettered(spec, letters, set_values, batch)
    print_report(analyze_on_domain(graph, size, dtype), format, depth)


def print_report(report: Report, format: str | None, depth: int | None = None) -> None:
    """The report in the chosen format. Contradictory conditions are an error before anything is printed."""
    _ = report.conditions
    match chosen(format):
        case "table":
            from rich.console import Console

            from netcalc.report.table import report_table
            from netcalc.report.table import show as print_table

            console = Console(highlight=False)
            print_table(report_table(report, console.width, depth), console)
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(report.to_dict() if depth is None else folded(report, depth)))
        case "markdown":
            from netcalc.report.text import as_markdown

            emit(as_markdown(report, depth))
        case rows:
            from netcalc.report.text import as_csv, plain_rows

            emit((as_csv if rows == "csv" else plain_rows)(report, depth))
            for name, value in summary(report):
                click.echo(f"{name}: {value}", err=True)
