"""``netcalc diff``: two networks, or one under two settings."""

from __future__ import annotations

import click

from netcalc.analysis.difference import difference
from netcalc.analysis.report import analyze
from netcalc.cli.letters import batch_option, in_option, load_lettered
from netcalc.cli.source import chosen, complete_spec, emit, format_option, fragment_of_latex, set_option


@click.command()
@click.argument("first", shell_complete=complete_spec)
@click.argument("second", required=False, shell_complete=complete_spec)
@click.option("--set-first", multiple=True, metavar="NAME=VALUE", help="A value for the first network alone.")
@click.option("--set-second", multiple=True, metavar="NAME=VALUE", help="A value for the second network alone.")
@click.option("--totals", "only_totals", is_flag=True, help="The totals alone, not the layers.")
@in_option
@batch_option
@click.option("--fragment", is_flag=True, help="LaTeX to include (needs amsmath) instead of a whole document.")
@format_option("table", "plain", "json", "markdown", "latex")
@set_option
def diff(
    first: str,
    second: str | None,
    set_first: tuple[str, ...],
    set_second: tuple[str, ...],
    only_totals: bool,
    letters: tuple[str, ...],
    batch: str | None,
    fragment: bool,
    format: str | None,
    set_values: tuple[str, ...],
) -> None:
    """What differs between two networks: their layers aligned, and every total.

    Blocks that differ alike are shown once; the plain rows of a pipe and the JSON, for programs, have every layer.

    \b
    netcalc diff resnet18 resnet34
    netcalc diff gpt2 --set-second T=512      one network under two settings
    """
    fragment_of_latex(fragment, format)
    one, two = (
        analyze(*load_lettered(spec, letters, (*set_values, *own), batch)[::2])
        for spec, own in ((first, set_first), (second or first, set_second))
    )
    found = difference(one, two)
    from netcalc.report import comparison

    match chosen(format):
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(comparison.difference_dict(found, only_totals)))
        case "markdown":
            folded = [] if only_totals else comparison.folded_rows(found)
            header = comparison.headed(comparison.DIFFERENCE_HEADER, found)
            emit(comparison.markdown(header, folded) + "\n" if folded else "")
            emit(
                comparison.markdown(
                    comparison.headed(comparison.TOTALS_HEADER, found), comparison.totals_rows(found.totals)
                )
            )
            notes = comparison.notes(found)
            emit("".join(["\n", *(f"- {note}\n" for note in notes)]) if notes else "")
        case "latex":
            emit(comparison.as_latex(found, only_totals, fragment))
        case "table":
            from shutil import get_terminal_size

            emit(comparison.difference_text(found, only_totals, get_terminal_size().columns))
        case _:
            from netcalc.report.text import tabbed

            rows = [] if only_totals else comparison.difference_rows(found)
            emit(tabbed([comparison.DIFFERENCE_HEADER, *rows]) if rows else "")
            emit(tabbed([comparison.TOTALS_HEADER, *comparison.totals_rows(found.totals, exact=True)]))
            same = [] if only_totals else [f"{comparison.layers(found.same)} the same"]
            for note in (*same, *comparison.notes(found)):
                click.echo(note, err=True)
