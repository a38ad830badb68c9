"""``netcalc scale``: how the totals grow when a size doubles."""

from __future__ import annotations

import click

from netcalc.analysis.conditions import decided
from netcalc.analysis.growth import Growth, growth
from netcalc.analysis.report import Report, analyze
from netcalc.cli.letters import in_option, numbers_of, parted, split, with_letters
from netcalc.cli.source import chosen, emit, format_option, parse_values, read_spec, set_option, spec_argument
from netcalc.errors import SpecError


@click.command()
@spec_argument
@in_option
@format_option("table", "plain", "json", "markdown")
@set_option
def scale(spec: str, letters: tuple[str, ...], format: str | None, set_values: tuple[str, ...]) -> None:
    """How each total of SPEC grows when a size doubles: the exact ratio and the leading order.

    \b
    netcalc scale resnet50                  the image's height, its width, both
    netcalc scale transformer-base --in T
    netcalc scale resnet50 --in H,W --set H=64,W=64     from another size
    netcalc scale "3xHxW -> conv 8 k3" --set H=64,W=64
    """
    from netcalc.spec.letters import usual_letters

    text, name = read_spec(spec)
    given = parse_values(set_values)
    values, _ = parted(given, split(letters))
    graph, _ = with_letters(text, name, [], values)
    free = list(graph.symbols)
    wanted = split(letters) or ([] if free else usual_letters(graph))
    values, at = parted(given, wanted)
    net, batch = with_letters(text, name, wanted, values)
    sizes = {} if free else numbers_of(graph, net)
    sizes.update((letter, size) for letter, size in at.items() if isinstance(size, int))
    decided(net, {letter: size for letter, size in sizes.items() if letter != batch})  # a network of this size is there
    names = [*sorted(net.symbols), *([batch] if isinstance(batch, str) else [])]
    report = analyze(net, batch)
    if not names:
        raise SpecError("unknown-symbol", "no size of this spec is usually a letter", hint="say which: --in input.0=N")
    groups = [(name,) for name in names] + ([tuple(names)] if len(names) > 1 else [])
    conditions = report.requirements
    found = [one for group in groups for one in growth(report, group, sizes, conditions=conditions)]
    show(report, found, sizes, format)
    if conditions:
        of_both = "" if {*names} <= {*sizes} else " (of the doubled sizes too)"
        click.echo(f"holds when {', '.join(map(str, conditions))}{of_both}", err=True)
    for name in report.uncounted:
        click.echo(f"uncounted: {name}", err=True)


def show(report: Report, found: list[Growth], sizes: dict[str, int], format: str | None) -> None:
    from netcalc.report import comparison

    match chosen(format):
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(comparison.growth_dict(found, report)))
        case "markdown":
            emit(comparison.markdown(comparison.GROWTH_HEADER, comparison.growth_rows(found, sizes)))
        case "table":
            from shutil import get_terminal_size

            emit(comparison.growth_text(found, sizes, get_terminal_size().columns))
        case _:
            from netcalc.report.text import tabbed

            emit(tabbed([comparison.GROWTH_HEADER, *comparison.growth_rows(found, sizes, exact=True)]))
