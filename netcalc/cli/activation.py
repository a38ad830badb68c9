"""``netcalc activation``: the facts and the curve of an activation function."""

from __future__ import annotations

from pathlib import Path

import click

from netcalc.analysis.activation_facts import FACTS, facts_of
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
    for facts in found:
        if style == "plain":
            emit("".join(f"{facts.name}\t{name}\t{value}\n" for name, value in _pairs(facts).items() if name != "name"))
            continue
        from netcalc.report.curves import terminal_curve
        from netcalc.report.table import pairs, show

        show(pairs(list(_pairs(facts).items())))
        if names:
            click.echo(terminal_curve(facts))


def _pairs(facts) -> dict[str, str]:  # type: ignore[no-untyped-def]
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
