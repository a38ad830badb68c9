"""What the commands on formulas share: a spec with some of its sizes as letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from netcalc.analysis.report import samples_in, size_and_batch
from netcalc.cli.source import parse_values, read_spec
from netcalc.dims import Dim, Expr, symbols
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.layers.input import Input
from netcalc.spec import elaborate


def in_option(command: Any) -> Any:
    help = "Sizes to leave as letters: H,W of the input, T (a constant, a length), N the batch; or image.H=S."
    return click.option("--in", "letters", multiple=True, metavar="LETTERS", help=help)(command)


def batch_option(command: Any) -> Any:
    return click.option("--batch", metavar="N", help="Add the batch axis: a number or a letter.")(command)


def batch_size(batch: str | None) -> int | str | None:
    """What ``--batch`` says: a number, or a letter."""
    if batch is None:
        return None
    if batch.lstrip("-").isdecimal() and len(batch) <= 18:
        return int(batch)
    if batch.isidentifier() and batch[0].isupper():
        return batch
    raise SpecError(
        "bad-argument", f"the batch cannot be {batch!r}", expected="a number, or a letter such as N", found=batch
    )


def split(letters: Iterable[str]) -> list[str]:
    """``("H,W", "N")`` as ``["H", "W", "N"]``"""
    return [letter.strip() for group in letters for letter in group.split(",") if letter.strip()]


def load_lettered(
    spec: str, letters: Iterable[str] = (), set_values: Iterable[str] = (), batch: str | None = None
) -> tuple[Graph, str, int | str | None]:
    """The network with its letters, the spec's name, and the batch: what ``--batch`` says, or a letter of ``--in``."""
    text, name = read_spec(spec)
    values = parse_values(set_values)
    wanted = split(letters)
    letter = stated = batch_size(batch)
    if isinstance(letter, str) and letter in values:
        stated = batch_size(str(values[letter] if letter in wanted else values.pop(letter)))
    graph, found = with_letters(text, name, wanted, values, stated)
    if isinstance(letter, str):
        from netcalc.spec.letters import constants_in

        if letter in {*graph.symbols, *constants_in(text, name)}:
            raise size_and_batch(letter)
    if found is not None and stated not in (None, found):
        raise SpecError(
            "ambiguous-argument",
            f"the batch would be both {found} and {stated}",
            expected="one batch",
            found=f"--in {found} --batch {stated}",
        )
    return graph, name, found if stated is None else stated


def load_sample(spec: str, letters: Iterable[str] = (), set_values: Iterable[str] = ()) -> Graph:
    """The network with its letters, for a command that is about one sample: a letter of the batch is an error."""
    graph, _, batch = load_lettered(spec, letters, set_values)
    if batch is not None:
        raise SpecError(
            "bad-argument",
            f"{batch} would be the batch, but what is asked for is of one sample",
            expected="letters for sizes of the network",
            found=f"--in {batch}",
            hint=f"with a batch: netcalc show or netcalc formula, --in {batch}",
        )
    return graph


def with_letters(
    text: str, name: str, wanted: list[str], values: Mapping[str, Dim], batch: int | str | None = None
) -> tuple[Graph, int | str | None]:
    """The network of a text with its letters for a ``batch``, and the batch if one of the letters is that.

    A value that ``--set`` gives a letter of ``--in`` is put in at the end, and held against the conditions.
    """
    samples = samples_in(batch)
    now, later = parted(values, wanted)
    if not wanted:
        try:
            return elaborate(text, name, now, samples), None
        except SpecError as error:
            if error.code == "unknown-symbol" and error.found in now and not error.hint:
                from netcalc.spec.letters import usual_letters

                rest = {letter: size for letter, size in now.items() if letter != error.found}
                if error.found in usual_letters(elaborate(text, name, rest, samples)):
                    error.hint = f"that size is a number here; as a letter: --in {error.found}"
            raise
    from netcalc.spec.letters import lettered

    graph, letter = lettered(text, wanted, name, now, samples)
    size = str(later.pop(letter)) if letter in later else letter
    if later:
        from netcalc.analysis.conditions import decided

        graph = decided(graph, later)
    return graph, batch_size(size)


def parted(values: Mapping[str, Dim], wanted: Iterable[str]) -> tuple[dict[str, Dim], dict[str, Dim]]:
    """The values for the text, and those for the letters of ``--in``."""
    named = {request.rpartition("=")[2] for request in wanted}
    later = {letter: size for letter, size in values.items() if letter in named}
    return {name: size for name, size in values.items() if name not in later}, later


def numbers_of(graph: Graph, lettered_graph: Graph) -> dict[str, int]:
    """The numbers that stand where the letters do: the sizes of the inputs as they were written."""
    found: dict[str, int] = {}
    for node, letters in zip(graph.nodes, lettered_graph.nodes):
        if isinstance(node.layer, Input):
            for number, letter in zip(node.shape, letters.shape):
                if isinstance(number, int) and isinstance(letter, Expr):
                    found[symbols(letter)[0]] = number
    return found
