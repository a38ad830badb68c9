"""``netcalc collapse``: linear layers with nothing between them are one."""

from __future__ import annotations

import click

from netcalc.analysis.collapse import collapses, obstacles
from netcalc.analysis.report import HEAD, plain, shown
from netcalc.cli.letters import in_option, load_sample
from netcalc.cli.source import (
    chosen,
    emit,
    format_option,
    is_equation,
    load_equations,
    set_option,
    spec_argument,
)


@click.command()
@spec_argument
@click.argument("given", nargs=-1, metavar="[NAME:SHAPE]...")
@in_option
@set_option
@format_option("table", "plain", "json")
def collapse(
    spec: str, given: tuple[str, ...], letters: tuple[str, ...], set_values: tuple[str, ...], format: str | None
) -> None:
    """Linear layers with nothing between them, and the single layer that equals each run; then what prevents more.

    \b
    netcalc collapse "256 -> linear 512 -> linear 10"
    netcalc collapse "f = W2 (W1 x + b1) + b2" x:4 b1:8 f:2
    """
    graph = load_equations(spec, given) if is_equation(spec, given) else load_sample(spec, letters, set_values)
    found, between = collapses(graph), obstacles(graph)
    style = chosen(format)
    if style == "json":
        from netcalc.report.text import as_json

        emit(
            as_json(
                {
                    **HEAD,
                    "collapses": [
                        {
                            **{k: plain(v) for k, v in one._asdict().items() if k != "single"},
                            "single": repr(one.single),
                            "saved": plain(one.saved),
                        }
                        for one in found
                    ],
                    "obstacles": list(between),
                }
            )
        )
        return
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
    if between:
        click.echo(f"nothing {'more ' if found else ''}collapses: {'; '.join(between)}")
