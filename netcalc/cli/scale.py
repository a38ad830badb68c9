"""``netcalc scale``: how the totals grow when a size doubles."""

from __future__ import annotations

from typing import Any

import click

from netcalc.analysis.conditions import conditions_of, declarations_of
from netcalc.analysis.growth import growth
from netcalc.analysis.report import analyze
from netcalc.cli.letters import in_option, numbers_of, split, with_letters
from netcalc.cli.source import chosen, emit, format_option, read_spec, set_option, spec_argument


@click.command()
@spec_argument
@in_option
@format_option("table", "plain", "json", "markdown")
@set_option
def scale(spec: str, letters: tuple[str, ...], format: str | None, set_values: tuple[str, ...]) -> None:
    """How each total of SPEC grows when a size doubles: the exact ratio and the leading order.

    \b
    netcalc scale resnet50                  the image's height, its width, both
    netcalc scale transformer-base --in S,T
    """
    from netcalc.spec.letters import usual_letters

    text, name = read_spec(spec)
    graph, _ = with_letters(text, name, [], set_values)
    free = list(graph.symbols)
    wanted = split(letters) or ([] if free else usual_letters(graph))
    net, batch = with_letters(text, name, wanted, set_values)
    sizes = {} if free else numbers_of(graph, net)
    names = sorted(net.symbols) + ([batch] if batch else [])
    report = analyze(net, batch)
    groups = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    found = [one for group in groups for one in growth(report, group, sizes)]
    conditions = (*declarations_of(net), *conditions_of(net))
    show(found, sizes, format)
    if conditions:
        click.echo(f"holds when {', '.join(map(str, conditions))}", err=True)
    for name in report.uncounted:
        click.echo(f"uncounted: {name}", err=True)


def show(found: list[Any], sizes: dict[str, int], format: str | None) -> None:
    from netcalc.report import comparison

    match chosen(format):
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(comparison.growth_dict(found)))
        case "markdown":
            emit(comparison.markdown(comparison.GROWTH_HEADER, comparison.growth_rows(found, sizes)))
        case "table":
            emit(comparison.growth_text(found, sizes))
        case _:
            from netcalc.report.text import tabbed

            emit(tabbed([comparison.GROWTH_HEADER, *comparison.growth_rows(found, sizes)]))
