"""``netcalc activation``: the facts and the curve of an activation function."""

from __future__ import annotations

import re
from pathlib import Path

import click

from netcalc.analysis.activation_facts import FACTS, Facts, facts_of
from netcalc.cli.source import chosen, emit, format_option


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE",
    help="Write the curve of f and f′ to this file; of several NAMEs, to FILE-NAME each.",
)  # fmt: skip
@format_option("table", "plain", "json")
def activation(names: tuple[str, ...], svg: str | None, format: str | None) -> None:
    """Range, derivative, saturation, dead zone, use as a classifier's output, and the curve of each NAME.

    \b
    netcalc activation relu sigmoid
    netcalc activation

    Without a NAME every activation that is known, a line each.
    """
    found = [facts_of(name) for name in names or tuple(FACTS)]
    if svg:
        from netcalc.report.curves import svg_curve

        if not names:
            raise click.UsageError("--svg draws the curves of the activations that are named: name one")
        for facts in found:
            path = Path(svg)
            if len(found) > 1:
                path = path.with_name(f"{path.stem}-{facts.name}{path.suffix}")
            try:
                path.write_text(svg_curve(facts), encoding="utf-8")
            except OSError as error:
                raise click.UsageError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
    style = chosen(format)
    if style == "json":
        from netcalc.report.text import as_json

        emit(as_json([_pairs(facts) for facts in found]))
        return
    if not names:
        return print_list(found, style)
    for facts in found:
        if style == "plain":
            emit("".join(f"{facts.name}\t{name}\t{value}\n" for name, value in _pairs(facts).items() if name != "name"))
            continue
        from netcalc.report.curves import terminal_curve
        from netcalc.report.table import pairs, show

        show(pairs(list(_pairs(facts).items())))
        click.echo(terminal_curve(facts))


def print_list(found: list[Facts], style: str) -> None:
    """A line for each activation; on a terminal the columns that tell them apart at a glance."""
    rows = [list(_pairs(facts).values()) for facts in found]
    head = list(_pairs(found[0]))
    if style == "plain":
        from netcalc.report.text import tabbed

        emit(tabbed([head, *rows]))
        return
    from rich.text import Text

    from netcalc.report.table import new_table, show

    for names in LISTED:
        table = new_table()
        for name in names:
            table.add_column(Text(name), style="bold" if name == "name" else "", no_wrap=name == "name")
        for row in rows:
            facts = dict(zip(head, row))
            table.add_row(*(Text(brief(facts[name]) if name in SAID else facts[name]) for name in names))
        show(table)
        click.echo()
    click.echo("reasons, formulas, curves and the use in a classifier: netcalc activation NAME", err=True)


def brief(fact: str) -> str:
    """The fact without its reason.

    >>> brief("both sides: f′ → 0 as |x| grows"), brief("increasing (constant for x ≤ 0)")
    ('both sides', 'increasing')
    """
    return re.split(r"[:;,]| \(", fact)[0]


SAID = ("saturates", "dead zone", "monotone")
LISTED = (("name", "range of f", "range of f′", "zeros"), ("name", *SAID))


def _pairs(facts: Facts) -> dict[str, str]:
    return {
        "name": facts.name,
        "f(x)": facts.formula,
        "f′(x)": facts.derivative,
        "range of f": facts.range,
        "range of f′": facts.derivative_range,
        "zeros": facts.zeros,
        "saturates": facts.saturation,
        "dead zone": facts.dead,
        "monotone": facts.monotone,
        "binary classifier": facts.classifier,
    }
