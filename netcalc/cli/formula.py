"""``netcalc formula``: a network's figures as closed forms."""

from __future__ import annotations

import click

from netcalc.analysis.conditions import strict
from netcalc.analysis.formula import FIGURES, formulas
from netcalc.analysis.report import BYTES, analyze_on_domain
from netcalc.cli.letters import batch_option, in_option, load_lettered
from netcalc.cli.source import emit, fragment_of_latex, set_option, spec_argument


@click.command()
@spec_argument
@click.option(
    "--of", "figures", multiple=True, type=click.Choice(list(FIGURES)), help="Only these figures (may be repeated)."
)
@in_option
@click.option("--per-layer", is_flag=True, help="The figures of every layer before the totals.")
@click.option("--factored", is_flag=True, help="Common factors taken out.")
@click.option("--strict", "fail_if_open", is_flag=True, help="Fail where a condition on the letters is open.")
@click.option("--format", "format", type=click.Choice(["text", "markdown", "latex", "python", "json"]), default="text")
@click.option("--json", "format", flag_value="json", help="Short for --format json.")
@click.option("--fragment", is_flag=True, help="LaTeX to include (needs amsmath) instead of a whole document.")
@click.option("--dtype", default="float32", show_default=True, type=click.Choice(list(BYTES)), help="For --of memory.")
@batch_option
@set_option
def formula(
    spec: str,
    figures: tuple[str, ...],
    letters: tuple[str, ...],
    per_layer: bool,
    factored: bool,
    fail_if_open: bool,
    format: str,
    fragment: bool,
    dtype: str,
    batch: str | None,
    set_values: tuple[str, ...],
) -> None:
    """Exact formulas of SPEC in its letters, with the conditions under which they hold.

    \b
    netcalc formula resnet50 --in H,W
    netcalc formula transformer-base --in T --of flops --factored
    netcalc formula unet-same --in H,W,N --format python
    """
    fragment_of_latex(fragment, format)
    graph, name, size = load_lettered(spec, letters, set_values, batch)
    if fail_if_open:
        strict(graph, not figures or not {"flops", "ops"}.isdisjoint(figures))
    report = analyze_on_domain(graph, size, dtype)
    conditions = report.requirements
    found = list(formulas(report, figures or tuple(FIGURES), per_layer))
    from netcalc.report import formula as show

    match format:
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(show.to_dict(report, found, conditions)))
        case "markdown":
            emit(show.as_markdown(report, found, conditions, factored))
        case "latex":
            emit(show.as_latex(report, found, conditions, factored, fragment))
        case "python":
            emit(show.as_python(report, found, conditions, name))
        case _:
            from shutil import get_terminal_size

            emit(show.as_text(report, found, conditions, factored, get_terminal_size().columns))
