"""``netcalc eq``: an equation in; dimensions, counts, values and gradients out."""

from __future__ import annotations

import re
import sys

import click

from netcalc.cli.source import chosen, emit, format_option
from netcalc.equations.exact import Value
from netcalc.equations.explanation import Asked, Story
from netcalc.equations.givens import read_givens, read_number
from netcalc.equations.inference import infer

FORMATS = ("table", "plain", "json", "markdown", "latex")


@click.command()
@click.argument("equations")
@click.argument("given", nargs=-1, metavar="[NAME:SHAPE | NAME=NUMBERS]...")
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
@click.option(
    "--verify", "check", is_flag=True, help="Hold values and gradients against torch's autograd; exit 1 if they differ."
)
@format_option(*FORMATS)
def eq(
    equations: str, given: tuple[str, ...], gradients: bool, loss: str | None, lr: str | None, momentum: str | None,
    weight_decay: str | None, params: str, data: str, explain: bool, check: bool, format: str | None,
) -> None:  # fmt: skip
    """Dimensions, parameters, FLOPs, values and gradients of EQUATIONS, written as they are printed.

    \b
    netcalc eq "f = W2 max(0, W1 x + b1) + b2" x:256 b1:512 f:1
    netcalc eq "y = \\operatorname{softmax}(xW^T + b)" "x: N x D" "y: N x C"
    netcalc eq "y = sin(w^T x) - b" x=[2,1] w=[pi/2,pi] b=0 --loss "(y-2)^2" --lr 0.5
    """
    if loss:
        named = re.match(r" *[A-Za-z]\w* *=[^=]", loss)
        equations = equations.rstrip("; \n") + "; " + (loss if named else f"L = {loss}")
    asked = Asked(
        gradients or loss is not None or lr is not None,
        explain,
        number(lr, "--lr"),
        number(momentum, "--momentum"),
        number(weight_decay, "--weight-decay"),
    )
    computation = infer(equations, read_givens(given), names(params), names(data))
    story = Story(computation, asked)
    match chosen(format):
        case "table":
            from rich.console import Console

            from netcalc.report.equations import tables
            from netcalc.report.table import show

            console = Console(highlight=False)
            show(tables(story, console.width), console)
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(story.to_dict()))
        case "markdown":
            from netcalc.report.equations import markdown

            emit(markdown(story))
        case "latex":
            from netcalc.report.equations import latex_sheet

            emit(latex_sheet(story))
        case "plain":
            from netcalc.report.equations import plain_text

            emit(plain_text(story))
    if check:
        verified(story)


def verified(story: Story) -> None:
    try:
        from netcalc.proof.equations import check
    except ImportError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    checks = check(story.c)
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
