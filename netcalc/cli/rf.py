"""``netcalc rf``: receptive fields, exactly, with their working and as a picture."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click

from netcalc.analysis.field import UnitField, inputs_of, nested, receptive_field, trace, units_reading
from netcalc.analysis.reading import numbers
from netcalc.analysis.receptive_field import receptive_fields
from netcalc.analysis.report import HEAD, stated, where_it_holds
from netcalc.cli import source
from netcalc.cli.letters import in_option, load_sample
from netcalc.cli.source import set_option, spec_argument
from netcalc.graph import Graph
from netcalc.report.field import (
    aligned,
    field_rows,
    reached_rows,
    summary_rows,
    svg_picture,
    terminal_picture,
    trace_rows,
)
from netcalc.report.text import as_json


class Places(click.ParamType):  # type: ignore[type-arg]
    """Places along axes: ``3,5``."""

    name = "I,J"

    def convert(
        self, value: object, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).replace("x", ",").split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 3,5", parameter, context)


@click.command()
@spec_argument
@click.option("--of", metavar="LAYER", help="The layer whose field is asked for; else the last whose units differ.")
@click.option("--unit", type=Places(), help="What the unit at this place exactly reads.")
@click.option("--from", "from_", metavar="LAYER", help="The field in this layer instead of the input.")
@click.option("--trace", "traced", is_flag=True, help="The working, layer by layer.")
@click.option("--reaches", type=Places(), help="The other way: the units that read this position.")
@click.option("--ignore-normalization", is_flag=True, help="Leave the statistics of normalisations out of account.")
@click.option("--picture", is_flag=True, help="A picture of the unit's field (the middle unit unless stated).")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="The picture as SVG.")
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An image to lay the SVG over."
)
@click.option("--json", is_flag=True, help="Everything as JSON.")
@in_option
@set_option
def rf(
    spec: str,
    of: str | None,
    unit: tuple[int, ...] | None,
    from_: str | None,
    traced: bool,
    reaches: tuple[int, ...] | None,
    ignore_normalization: bool,
    picture: bool,
    svg: Path | None,
    image: Path | None,
    json: bool,
    letters: tuple[str, ...],
    set_values: tuple[str, ...],
) -> None:
    """Receptive fields: size, stride and start of every layer, or exactly what one unit reads.

    Sizes are unclipped: a field that runs out of the input reads padding there.

    \b
    netcalc rf resnet50
    netcalc rf vgg16 --trace
    netcalc rf unet --of classifier --unit 194,194 --picture
    netcalc rf "1x32x32 -> conv 6 k3 d2 -> conv 6 k3 d2" --svg gridding.svg
    """
    graph, requirements = where_it_holds(load_sample(spec, letters, set_values))
    conditions = stated(requirements)
    if requirements and not json:
        click.echo(f"holds when: {', '.join(map(str, requirements))}", err=True)
    if reaches is not None:
        reached = units_reading(graph, reaches, of, from_, ignore_normalization)
        _print(HEAD | reached.to_dict() | conditions if json else reached_rows(reached))
        return
    if of is None and unit is None and not (traced or picture or svg or json):
        _overview(graph, from_, ignore_normalization)
        return
    found = receptive_field(graph, of, unit, from_, ignore_normalization)
    if (picture or svg) and found.unit is None:
        shape = numbers(found.shape)
        middle = tuple(shape[axis] // 2 for axis in found.unit_axes)
        found = receptive_field(graph, found.of, middle, found.source, ignore_normalization)
    steps = trace(graph, found.of, found.source, ignore_normalization) if traced else {}
    others = [] if from_ is not None else inputs_of(graph, graph.index(found.of))[1:]
    if json:
        told = HEAD | found.to_dict() | conditions
        if traced:
            told["trace"] = {str(axis): [step.to_dict() for step in each] for axis, each in steps.items()}
        if others:
            told["other_inputs"] = [
                receptive_field(graph, found.of, unit, place, ignore_normalization).to_dict() for place in others
            ]
        _print(told)
    else:
        _show(graph, found, steps, ignore_normalization, picture)
        for place in others:
            click.echo()
            other = receptive_field(graph, found.of, unit, place, ignore_normalization)
            _print(summary_rows(other, not source.on_terminal()))
    if svg is not None:
        fields = nested(graph, found, ignore_normalization=ignore_normalization)
        svg.write_text(svg_picture(fields, image), encoding="utf-8")
        click.echo(f"the picture is in {svg}", err=True)


def _overview(graph: Graph, from_: str | None, ignore_normalization: bool) -> None:
    """Every layer's field, in each input."""
    sources = [graph.index(from_)] if from_ is not None else inputs_of(graph, graph.outputs[-1]) or [0]
    for number, place in enumerate(sources):
        fields = receptive_fields(graph, place, ignore_normalization)
        if len(sources) > 1:
            click.echo(("\n" if number else "") + f"in {graph.nodes[place].name}:")
        if not fields.axes:
            click.echo(f"{graph.nodes[place].name} has no spatial axis", err=True)
        _print(field_rows(graph, fields, not source.on_terminal()))


def _show(graph: Graph, found: UnitField, steps: object, ignore_normalization: bool, picture: bool) -> None:
    exact = not source.on_terminal()
    if isinstance(steps, dict) and steps:
        tables = {axis: trace_rows(each, exact) for axis, each in steps.items()}
        alike = len({str(rows) for rows in tables.values()}) == 1
        for axis, rows in list(tables.items())[: 1 if alike else None]:
            if not alike:
                click.echo(f"along axis {axis}:")
            _print(rows)
        click.echo()
    _print(summary_rows(found, exact))
    if picture:
        colour = _has_colours()
        width = shutil.get_terminal_size().columns
        fields = nested(graph, found, ignore_normalization=ignore_normalization)
        click.echo()
        click.echo(terminal_picture(fields, width, colour=colour), nl=False, color=colour)


def _has_colours() -> bool:
    """Is standard output a terminal with colours, and are they wanted? (https://no-color.org)"""
    return source.on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "unknown")


def _print(told: object) -> None:
    """Rows in columns on a terminal, tab-separated in a pipe; a dictionary as JSON."""
    if isinstance(told, dict):
        source.emit(as_json(told))
        return
    assert isinstance(told, list)
    if source.on_terminal():
        click.echo(aligned(told, shutil.get_terminal_size().columns), nl=False)
    else:
        click.echo("".join("\t".join(row).rstrip() + "\n" for row in told), nl=False)
