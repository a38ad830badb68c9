"""What the commands share: where a spec comes from, how a figure goes out, the options for both."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence, TypeVar

import click

from netcalc.dims import Dim, symbol
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.spec import elaborate, mlp_spec
from netcalc.spec.shipped import shipped_names, shipped_text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])


# ---------------------------------------------------------------- in


def read_spec(spec: str) -> tuple[str, str]:
    """The text of a spec and the name of where it came from.

    ``-`` is standard input; then a file of that name, ``mlp 256-512-1``, a shipped spec's name, or the spec itself.
    """
    if spec == "-":
        return sys.stdin.read(), "standard input"
    if "\n" not in spec and len(spec) < 1000 and os.path.isfile(spec):
        return read_file(spec), spec
    name = spec.strip()
    if name.startswith("mlp ") and "->" not in name and "\n" not in name:
        return mlp_spec(name.removeprefix("mlp ").strip()), ""
    if name.replace("_", "").replace("-", "").replace(".", "").replace("/", "").isalnum() and "->" not in name:
        if name in shipped_names():
            return shipped_text(name), name
        if name.endswith(".net") or "/" in name:
            stem = os.path.splitext(os.path.basename(name))[0]
            hint = f"a shipped spec of that name is there: netcalc show {stem}" if stem in shipped_names() else ""
            raise SpecError(
                "no-such-file",
                f"there is no file {name!r}",
                expected="a file, or a shipped spec",
                found=name,
                hint=hint,
            )
        if name[:1].islower() and not name.partition("x")[0].isdigit():
            shipped_text(name)  # raises, with the nearest names
    return spec, ""


def read_file(name: str) -> str:
    try:
        with open(name, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            "unreadable", f"the file {name!r} cannot be read as UTF-8 text: {error}", expected="a text file"
        ) from None


def load_graph(spec: str, set_values: Iterable[str] = ()) -> Graph:
    """The network of a spec argument, with ``--set`` values."""
    text, name = read_spec(spec)
    return elaborate(text, name, sizes=parse_values(set_values))


_SIDE = r"\s*(?P<left>[^\s=({,]+(?:\{[^}]*\})?(?:\([^()=]*\))?)\s*&?:?=(?!=)"


def is_equation(spec: str, given: Sequence[str] = ()) -> bool:
    """Is the argument an equation (or several), not a network in layers? What is given beside it says so too.

    >>> is_equation("f = W x + b"), is_equation("256 -> linear 10"), is_equation("linear(10, bias=False)")
    (True, False, False)
    """
    statements = [part for part in re.split(r"[;\n]", spec) if part.strip()]
    return bool(given) or "->" not in spec and bool(statements) and all(re.match(_SIDE, part) for part in statements)


def load_equations(equations: str, given: Sequence[str]) -> Graph:
    """The network in layers that equations describe, with what is given of their shapes."""
    from netcalc.equations.gradients_large import read_inputs
    from netcalc.equations.inference import infer
    from netcalc.equations.network import network

    return network(infer(equations, read_inputs(given)[0]))


def parse_values(values: Iterable[str]) -> dict[str, Dim]:
    """``("H=224", "W=2*H")``-like settings: numbers or letters."""
    found: dict[str, Dim] = {}
    for setting in (part for value in values for part in value.split(",")):
        name, _, value = (piece.strip() for piece in setting.partition("="))
        if not name.isidentifier() or not value:
            raise click.BadParameter(f"{setting!r} is not NAME=VALUE", param_hint="--set")
        if value.isdecimal() and len(value) <= 18:
            found[name] = int(value)
        elif value.isidentifier() and value[0].isupper():
            found[name] = symbol(value)
        else:
            raise click.BadParameter(
                f"the value of {name} must be a whole number or a capital letter, not {value!r}", param_hint="--set"
            )
    return found


# ---------------------------------------------------------------- options


def complete_spec(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped names and files; behind an arrow, the layer kinds."""
    from click.shell_completion import CompletionItem

    before, arrow, word = incomplete.rpartition("-> ")
    if arrow:
        from netcalc.layers import all_words

        return [CompletionItem(f"{before}-> {kind}") for kind in sorted(all_words()) if kind.startswith(word)]
    names = [CompletionItem(name) for name in shipped_names() if name.startswith(incomplete)]
    return names + [CompletionItem(incomplete, type="file")]


def complete_kind(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from netcalc.layers import all_kinds, all_words

    words = sorted({*all_words(), *all_kinds()})
    return [CompletionItem(word) for word in words if word.lower().startswith(incomplete.lower())]


def spec_argument(command: Command) -> Command:
    return click.argument("spec", shell_complete=complete_spec)(command)


def set_option(command: Command) -> Command:
    help = "Give a letter or constant a value (may be repeated): --set H=224."
    return click.option("--set", "set_values", multiple=True, metavar="NAME=VALUE", help=help)(command)


def format_option(*formats: str) -> Callable[[Command], Command]:
    """``--format`` and ``--json``; without either, a table on a terminal and plain rows in a pipe."""

    def decorate(command: Command) -> Command:
        command = click.option("--json", "format", flag_value="json", help="Short for --format json.")(command)
        help = "How to print: a table on a terminal and plain tab-separated rows in a pipe unless stated."
        return click.option("--format", "format", type=click.Choice(formats), help=help)(command)

    return decorate


# ---------------------------------------------------------------- out


def chosen(format: str | None) -> str:
    """The format asked for, or the one that fits standard output."""
    return format or ("table" if on_terminal() else "plain")


def fragment_of_latex(fragment: bool, format: str | None) -> None:
    """A fragment is of a document: without one, ``--fragment`` would do nothing."""
    if fragment and format != "latex":
        raise click.UsageError("--fragment is for --format latex")


def on_terminal() -> bool:
    """Does a person read standard output?"""
    return sys.stdout.isatty()


def emit(text: str) -> None:
    """Data to standard output."""
    click.echo(text, nl=False)
