"""What the commands on formulas share: a spec with some of its sizes as letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from netcalc.cli.source import parse_values, read_spec
from netcalc.dims import Expr, symbols
from netcalc.graph import Graph
from netcalc.layers.input import Input
from netcalc.spec import elaborate


def in_option(command: Any) -> Any:
    help = "Sizes to leave as letters: H,W of the input, T (a constant, a length), N the batch; or image.H=S."
    return click.option("--in", "letters", multiple=True, metavar="LETTERS", help=help)(command)


def split(letters: Iterable[str]) -> list[str]:
    """``("H,W", "N")`` as ``["H", "W", "N"]``"""
    return [letter.strip() for group in letters for letter in group.split(",") if letter.strip()]


def load_lettered(
    spec: str, letters: Iterable[str] = (), set_values: Iterable[str] = ()
) -> tuple[Graph, str, str | None]:
    """The network with its letters, the spec's name, and the letter of the batch or None."""
    text, name = read_spec(spec)
    graph, batch = with_letters(text, name, split(letters), set_values)
    return graph, name, batch


def with_letters(text: str, name: str, wanted: list[str], set_values: Iterable[str] = ()) -> tuple[Graph, str | None]:
    """The network of a text with its letters, and the letter of the batch or None.

    A value that ``--set`` gives a letter of ``--in`` is put in at the end, and held against the conditions.
    """
    values = parse_values(set_values)
    if not wanted:
        return elaborate(text, name, sizes=values), None
    from netcalc.spec.letters import lettered

    named = {request.rpartition("=")[2] for request in wanted}
    later = {letter: size for letter, size in values.items() if letter in named}
    graph, batch = lettered(text, wanted, name, {k: v for k, v in values.items() if k not in later})
    if later:
        from netcalc.analysis.conditions import decided

        graph = decided(graph, later)
    return graph, batch


def numbers_of(graph: Graph, lettered_graph: Graph) -> dict[str, int]:
    """The numbers that stand where the letters do: the sizes of the inputs as they were written."""
    found: dict[str, int] = {}
    for node, letters in zip(graph.nodes, lettered_graph.nodes):
        if isinstance(node.layer, Input):
            for number, letter in zip(node.shape, letters.shape):
                if isinstance(number, int) and isinstance(letter, Expr):
                    found[symbols(letter)[0]] = number
    return found
