"""``netcalc eq``: an equation in; dimensions, counts, values and gradients out."""

from __future__ import annotations

import sys

import click

from netcalc.cli.source import chosen, emit, format_option, is_equation
from netcalc.equations.exact import Value
from netcalc.equations.explanation import Asked, Story
from netcalc.equations.givens import read_number
from netcalc.equations.gradients_large import Large, filled, read_inputs
from netcalc.equations.inference import Computation, infer
from netcalc.equations.values import beyond, has_numbers
from netcalc.errors import SpecError

FORMATS = ("table", "plain", "json", "markdown", "latex")


@click.command()
@click.argument("equations")
@click.argument("given", nargs=-1, metavar="[NAME:SHAPE | NAME=NUMBERS | NAME=RULE]...")
@click.option(
    "--gradients", is_flag=True, help="The graph backwards: every edge's derivative, in full and as backprop has it."
)
@click.option(
    "--loss", metavar="EQUATION", help='A loss of the result: "mse(y, 2)"; mse is without ½, half_mse with it.'
)
@click.option("--lr", metavar="α", help="One step of gradient descent.")
@click.option("--momentum", metavar="μ", help="With momentum.")
@click.option("--weight-decay", metavar="λ", help="With weight decay: λ·w is added to the gradient.")
@click.option(
    "--params", default="", metavar="NAMES", help="Names that are parameters (else by convention: w, W, b, θ, …)."
)
@click.option("--data", default="", metavar="NAMES", help="Names that are data.")
@click.option("--explain", is_flag=True, help="Show the steps: why each shape, and the ledger line by line.")
@click.option("--fragment", is_flag=True, help="LaTeX to include (needs amsmath) instead of a whole document.")
@click.option("--network", "as_network", is_flag=True, help="The same network in layers, reported as show does.")
@click.option(
    "--verify", "check", is_flag=True, help="Hold values and gradients against torch's autograd; exit 1 if they differ."
)
@format_option(*FORMATS)
def eq(
    equations: str, given: tuple[str, ...], gradients: bool, loss: str | None, lr: str | None, momentum: str | None,
    weight_decay: str | None, params: str, data: str, explain: bool, fragment: bool, as_network: bool, check: bool,
    format: str | None,
) -> None:  # fmt: skip
    """Dimensions, parameters, FLOPs, values and gradients of EQUATIONS, written as they are printed.

    \b
    netcalc eq "f = W2 max(0, W1 x + b1) + b2" x:256 b1:512 f:1
    netcalc eq "y = \\operatorname{softmax}(xW^T + b)" "x: N x D" "y: N x C"
    netcalc eq "y = sin(w^T x) - b" x=[2,1] w=[pi/2,pi] b=0 --loss "(y-2)^2" --lr 0.5
    netcalc eq "y = W x" "W:1000x1000=0.1*randn(7)" x=ones --loss "mse(y, 1)"
    netcalc eq "y = \\begin{cases} x & x > 0 \\\\ a x & \\text{otherwise} \\end{cases}, x \\in \\mathbb{R}^{256}"

    NUMBERS are [[1,1/2],[pi,0]] and the like; a RULE fills an input whose shape is given or follows: zeros, ones,
    rand(SEED) (even in 0 to 1), randn(SEED) (normal), with a factor if need be, or @FILE.npy. What is too large for
    exact numbers is computed by torch in float64, and the answer says so; --json holds every number of an array up to
    200,000, and says where there are more.
    """
    if loss:
        equations = equations.rstrip("; \n") + "; " + (loss if is_equation(loss.split(";")[0]) else f"L = {loss}")
    asked = Asked(
        gradients or loss is not None or lr is not None,
        explain,
        number(lr, "--lr"),
        number(momentum, "--momentum"),
        number(weight_decay, "--weight-decay"),
    )
    givens, fills = read_inputs(given)
    computation = infer(equations, givens, names(params), names(data))
    if as_network:
        from netcalc.analysis.report import analyze
        from netcalc.cli.show import print_report
        from netcalc.equations.network import network

        return print_report(analyze(network(computation)), format)
    story = told(filled(computation, fills), asked)
    match chosen(format):
        case "table":
            from rich.console import Console

            from netcalc.report.equations import tables
            from netcalc.report.table import show

            console = Console(highlight=False)
            show(tables(story, console.width), console)
        case "json":
            from netcalc.analysis.report import HEAD
            from netcalc.report.text import as_json

            emit(as_json(HEAD | story.to_dict()))
        case "markdown":
            from netcalc.report.equations import markdown

            emit(markdown(story))
        case "latex":
            from netcalc.report.equations import latex_sheet

            emit(latex_sheet(story, fragment))
        case "plain":
            from netcalc.report.equations import plain_text

            emit(plain_text(story))
    if check:
        verified(story)


def told(computation: Computation, asked: Asked) -> Story:
    """The story of a computation; torch finds the numbers of a large one."""
    why = beyond(computation, asked.gradients) if has_numbers(computation) else ""
    if not why:
        return Story(computation, asked)
    try:
        from netcalc.proof.equations import solve
    except ImportError:
        raise SpecError(
            "needs-torch",
            f"this is too large for exact numbers ({why}), and torch is not installed",
            hint='pip install "netcalc-nn[torch]"',
        ) from None
    return Large(computation, asked, solve)


def verified(story: Story) -> None:
    try:
        from netcalc.proof.equations import check
    except ImportError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    checks = check(story.c)
    if isinstance(story, Large):
        checks = [one._replace(why="they are torch's own") if one.figure == "values" else one for one in checks]
    for one in checks:
        click.echo(
            f"{one.status}: {one.figure}"
            + (
                f" (netcalc {one.stated}, torch {one.found})"
                if one.status == "differs"
                else f" ({one.why})"
                if one.why
                else ""
            ),
            err=True,
        )
    sys.exit(1 if any(one.status == "differs" for one in checks) else 0)


def number(written: str | None, option: str) -> Value | None:
    return None if written is None else read_number(written, option)


def names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())
