"""``netcalc compare-connectivity``: fully connected, locally connected, convolutional."""

from __future__ import annotations

import click

from netcalc.analysis.connectivity import comparisons
from netcalc.analysis.report import plain, shown
from netcalc.cli.letters import in_option, load_sample
from netcalc.cli.source import chosen, emit, format_option, set_option, spec_argument
from netcalc.errors import SpecError
from netcalc.layers.base import shape_text

HEADER = ("way", "weights", "biases", "connections", "FLOPs")


@click.command("compare-connectivity")
@spec_argument
@in_option
@set_option
@format_option("table", "plain", "json")
def compare_connectivity(spec: str, letters: tuple[str, ...], set_values: tuple[str, ...], format: str | None) -> None:
    """The volumes of each convolution of SPEC connected fully, locally, and by the convolution.

    \b
    netcalc compare-connectivity "3x32x32 -> conv 8 k5 p2"
    """
    found = comparisons(load_sample(spec, letters, set_values))
    if not found:
        raise SpecError(
            "no-convolution",
            "this network has no convolution to compare",
            hint='netcalc compare-connectivity "3x32x32 -> conv 8 k5"',
        )
    style = chosen(format)
    if style == "json":
        from netcalc.report.text import as_json

        emit(
            as_json(
                [
                    {
                        "layer": one.layer,
                        "input": plain(one.inputs),
                        "output": plain(one.output),
                        "ways": [{k: plain(v) for k, v in way._asdict().items()} for way in one.ways],
                    }
                    for one in found
                ]
            )
        )
        return
    for one in found:
        title = f"{one.layer}: {shape_text(one.inputs)} → {shape_text(one.output)}"
        if style == "table":
            from netcalc.report.table import show, simple_table

            click.echo(title)
            show(simple_table(HEADER, [(way.way, *map(shown, way[1:])) for way in one.ways]))
        else:
            from netcalc.report.text import tabbed

            emit(
                tabbed(
                    [("layer", *HEADER), *((one.layer, way.way, *(str(plain(v)) for v in way[1:])) for way in one.ways)]
                )
            )
