"""``netcalc collapse``: linear layers with nothing between them are one."""

from __future__ import annotations

import click

from netcalc.analysis.collapse import collapses, obstacles
from netcalc.analysis.report import plain, shown
from netcalc.cli.source import chosen, emit, format_option, load_graph, set_option, spec_argument


@click.command()
@spec_argument
@set_option
@format_option("table", "plain", "json")
def collapse(spec: str, set_values: tuple[str, ...], format: str | None) -> None:
    """Linear layers with nothing between them, and the single layer that equals each run.

    \b
    netcalc collapse "256 -> linear 512 -> linear 10"
    """
    graph = load_graph(spec, set_values)
    found = collapses(graph)
    style = chosen(format)
    if style == "json":
        from netcalc.report.text import as_json

        emit(
            as_json(
                [
                    {
                        **{k: plain(v) for k, v in one._asdict().items() if k != "single"},
                        "single": repr(one.single),
                        "saved": plain(one.saved),
                    }
                    for one in found
                ]
            )
        )
        return
    if not found:
        click.echo(f"nothing collapses: {'; '.join(obstacles(graph))}")
    for one in found:
        lines = [
            ("layers", " → ".join(one.layers)),
            ("one layer", repr(one.single)),
            ("weight", f"W = {one.weight}, rank at most {shown(one.rank)}"),
            ("bias", f"b = {one.bias}"),
            ("homogeneous", f"W′ = [W b] = {one.homogeneous} on [x; 1]"),
            ("parameters", f"{shown(one.params)} → {shown(one.params_after)}: saves {shown(one.saved)}"),
            ("FLOPs (textbook)", f"{shown(one.flops)} → {shown(one.flops_after)}"),
        ]
        if isinstance(one.saved, int) and one.saved < 0:
            lines.append(
                (
                    "note",
                    "the run is narrow inside: the single layer needs more numbers, which are bound to the rank above",
                )
            )
        if style == "table":
            from netcalc.report.table import pairs, show

            show(pairs(lines))
        else:
            emit("".join(f"{name}\t{value}\n" for name, value in lines))
