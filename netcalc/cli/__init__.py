"""The command ``netcalc``: thin; each command is loaded when it is called. The only room that imports click."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from netcalc._version import __version__
from netcalc.errors import SpecError, did_you_mean

COMMANDS = {
    "show": "netcalc.cli.show",
    "mlp": "netcalc.cli.show",
    "layers": "netcalc.cli.layers",
    "verify": "netcalc.cli.verify",
    "explain": "netcalc.cli.explain",
    "formula": "netcalc.cli.formula",
    "scale": "netcalc.cli.scale",
    "diff": "netcalc.cli.diff",
    "assert": "netcalc.cli.assert_",
    "rf": "netcalc.cli.rf",
    "specs": "netcalc.cli.layers",
    "eq": "netcalc.cli.eq",
    "collapse": "netcalc.cli.collapse",
    "activation": "netcalc.cli.activation",
    "compare-connectivity": "netcalc.cli.connectivity",
}


class Commands(click.Group):
    """A group whose commands are imported when they are needed; what is wrong with a spec is printed, exit 1."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        function = name.replace("-", "_") + ("_" if iskeyword(name) else "")
        command: click.Command = getattr(import_module(COMMANDS[name]), function)
        return command

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS) or ('to look at a network: netcalc show "' + args[0] + '"')
            context.fail(f"no command is called {args[0]!r}; {hint}")
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except SpecError as error:
            click.echo(str(error), err=True)
            context.exit(1)
        except click.NoSuchOption as error:
            if error.option_name[1:2] in "> " or error.option_name.lstrip("-")[:1].isdigit():
                context.fail(f"a network begins with its input's size, not with {error.option_name!r}: 3x32x32 -> …")
            raise


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="netcalc", message="%(prog)s %(version)s")
def main() -> None:
    """Shapes, parameters, FLOPs and receptive fields of a neural network: exact, and proved against PyTorch.

    \b
    netcalc mlp 256-512-1
    netcalc show "3x32x32 -> conv 16 k3 s2 p1 -> relu -> maxpool 2 -> flatten -> linear 10"
    netcalc show resnet50
    netcalc layers conv
    netcalc verify lenet5
    netcalc explain lenet5 conv1
    netcalc formula resnet50 --in H,W
    """
