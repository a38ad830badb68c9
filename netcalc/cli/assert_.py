"""``netcalc assert``: requirements for continuous integration."""

from __future__ import annotations

import click

from netcalc.analysis.report import analyze
from netcalc.analysis.requirement import check
from netcalc.cli.letters import batch_option, in_option, load_lettered
from netcalc.cli.source import set_option, spec_argument
from netcalc.errors import SpecError


@click.command("assert")
@spec_argument
@click.argument("requirements", nargs=-1, required=True)
@in_option
@batch_option
@set_option
def assert_(
    spec: str,
    requirements: tuple[str, ...],
    letters: tuple[str, ...],
    batch: str | None,
    set_values: tuple[str, ...],
) -> None:
    """Check REQUIREMENTS on SPEC: a line for each that fails, and exit 1; exit 2 for what cannot be checked.

    That is an unknown or wrong SPEC, or a requirement that cannot be read: no typo passes for a failure.

    \b
    netcalc assert mobilenet_v2 'params < 5e6' 'flops <= 1G' 'rf >= 200' 'output_shape == 1000'

    Figures: params, trainable, buffers, macs, flops, activations, memory (bytes of parameters and activations), layers,
    rf, output_shape, a kind (mul, max), or those of a layer or a block (conv1.params, layer1.flops). Numbers may be
    5e6, 4.1G, 16Mi; + - * / // ** ( ) compute, and formulas may be as they are printed: 64·T² + ⌊(T+1)/2⌋.
    Shapes are 8x16x16, [8, 16, 16] or (8, 16, 16). The network's letters may stand wherever a number may: 8xHx(W//2),
    216*H*W. Comparisons are < <= == != >= > or ≤ ≠ ≥. Nothing is executed.
    """
    try:
        graph, _, size = load_lettered(spec, letters, set_values, batch)
        report = analyze(graph, size)
        outcomes = [check(report, requirement) for requirement in requirements]
    except SpecError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    for outcome in outcomes:
        if not outcome.holds:
            click.echo(str(outcome))
    held = sum(outcome.holds is True for outcome in outcomes)
    domain = f" ({', '.join(report.conditions)})" if report.conditions else ""
    letters_ = [*graph.symbols, *([size] if isinstance(size, str) else [])]
    click.echo(
        f"{held} of {len(outcomes)} hold" + (f" for all {', '.join(letters_)}{domain}" if letters_ else ""), err=True
    )
    if held < len(outcomes):
        raise SystemExit(1)
