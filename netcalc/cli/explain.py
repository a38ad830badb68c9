"""``netcalc explain``: the working behind every figure."""

from __future__ import annotations

import click

from netcalc.analysis.explanation import explain as work_out
from netcalc.analysis.explanation import to_dict
from netcalc.cli.letters import in_option, load_sample
from netcalc.cli.source import emit, fragment_of_latex, set_option, spec_argument


@click.command()
@spec_argument
@click.argument("layer", required=False)
@click.option("--brief", is_flag=True, help="Numbers and results only.")
@click.option("--full", is_flag=True, help="Every argument as a letter; equal layers again and again.")
@click.option("--format", "format", type=click.Choice(["text", "markdown", "latex", "json"]), default="text")
@click.option("--json", "format", flag_value="json", help="Short for --format json.")
@click.option("--fragment", is_flag=True, help="LaTeX to include (needs amsmath) instead of a whole document.")
@click.option("--strict", "fail_if_open", is_flag=True, help="Fail where a condition on the letters is open.")
@in_option
@set_option
def explain(
    spec: str,
    layer: str | None,
    brief: bool,
    full: bool,
    format: str,
    fragment: bool,
    fail_if_open: bool,
    letters: tuple[str, ...],
    set_values: tuple[str, ...],
) -> None:
    """How every figure of SPEC comes about: the formula in letters, the numbers put in, the result.

    With LAYER only that layer (or the block of that name): netcalc explain resnet50 layer1.0
    """
    if brief and full:
        raise click.UsageError("--brief or --full: choose one")
    fragment_of_latex(fragment, format)
    graph = load_sample(spec, letters, set_values)
    if fail_if_open:
        from netcalc.analysis.conditions import strict

        strict(graph)
    found = work_out(graph, layer, full=full)
    match format:
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(to_dict(found)))
        case "latex":
            from netcalc.report.explanation import as_latex

            emit(as_latex(found, brief, fragment))
        case "markdown":
            from netcalc.report.explanation import as_markdown

            emit(as_markdown(found, brief))
        case _:
            from shutil import get_terminal_size

            from netcalc.report.explanation import as_text

            emit(as_text(found, brief, get_terminal_size().columns))
