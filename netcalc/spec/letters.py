"""Letters for the sizes of a written network: ``3x224x224`` as ``3xHxW``, a constant ``T = 1024`` left free.

The text itself is rewritten and read anew, so that whatever follows from an input (a ``linear`` behind ``flatten``)
follows from its letters, and what a layer states is held against them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from netcalc.dims import Dim, symbol
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Graph
from netcalc.records import NamedTuple
from netcalc.spec.elaborate import elaborate
from netcalc.spec.parser import parse_steps
from netcalc.spec.syntax import Argument, Constant, InputStep, Name, Number, Series, Steps, Value

AXES = {
    1: ({"L": 0, "T": 0, "S": 0, "D": 0, "C": 0},),
    2: ({"C": 0, "L": 1}, {"T": 0, "D": 1}, {"S": 0}, {"H": 0, "W": 1}),
    3: ({"C": 0, "H": 1, "W": 2},),
    4: ({"C": 0, "D": 1, "H": 2, "W": 3},),
}
"""Where the usual letters stand in an input of so many axes."""

BATCH = ("N", "B")


def constants_in(text: str, name: str = "") -> set[str]:
    """The names of a text's constants.

    >>> sorted(constants_in("T = 8; d = 2; TxD -> linear 2*d".replace("; ", chr(10))))
    ['T', 'd']
    """
    return {step.name.id for step in parse_steps(text, name).items if isinstance(step, Constant)}


class Axis(NamedTuple):
    """One size of an input as it is written: the input's name and place, the axis, its span and its number."""

    input: str
    rank: int
    place: int
    value: Value


def axes_in(steps: Steps) -> Iterator[Axis]:
    """The sizes of every input, in order."""
    for step in steps.items:
        if isinstance(step, InputStep):
            sizes = step.size.items if isinstance(step.size, Series) else (step.size,)
            for place, value in enumerate(sizes):
                yield Axis(step.name.id if step.name else "input", len(sizes), place, value)


def lettered(
    text: str, letters: Iterable[str], name: str = "", sizes: dict[str, Dim] | None = None, samples: Dim = 1
) -> tuple[Graph, str | None]:
    """The network with these sizes as letters, and the letter of the batch if one of them is that.

    A letter is, in this order: a letter or constant of the spec (left free); the size of an input that is usually
    called so (``H``, ``W``; ``T``, ``D``; ``C``, ``L``); the batch (``N`` or ``B``). ``image.H=S`` says which size.
    Where no letter is the batch the network is for ``samples``.

    >>> graph, batch = lettered("3x224x224 -> conv 8 k3 s2 p1", ["H", "W", "N"])
    >>> graph, batch
    (<Graph 3xHxW -> 8x⌊(H+1)/2⌋x⌊(W+1)/2⌋, 1 layers>, 'N')
    """
    steps = parse_steps(text, name)
    axes = list(axes_in(steps))
    constants = constants_in(text, name)
    zeros = {step.name.id for step in steps.items if isinstance(step, Constant) and _is_0(step.value)}
    zeros.update(_paddings(steps))
    values = dict(sizes or {})
    written: dict[Span, str] = {}
    batch = None

    def known_letters() -> tuple[str, ...]:
        """The letters that the network has as it is written."""
        return elaborate(text, name, dict(sizes or {}), samples).symbols

    for request in letters:
        place, _, letter = request.rpartition("=")
        if not (letter.isidentifier() and (letter[0].isupper() or not place and letter in constants)):
            raise SpecError(
                "bad-argument",
                f"{letter!r} is no letter",
                expected="a capital such as H"
                + "".join(f", or the constant {name}" for name in sorted(constants)[:8] if name[0].islower()),
                found=request,
            )
        found = _axes_of(place or letter, axes) if place or letter not in constants else []
        if not place and (letter in constants or letter in _free(axes)):
            if letter in constants:
                values[letter] = symbol(letter, 0 if letter in zeros else 1)
        elif found:
            _one_size(letter, found)
            for axis in found:
                if written.get(axis.value.span, letter) != letter:
                    _two_letters(written[axis.value.span], letter, axes, axis)
            written.update({axis.value.span: letter for axis in found})
        elif not place and letter in BATCH:
            batch = letter
        elif place or letter not in known_letters():
            names = sorted({*constants, *(n for axis in axes for n in _names(axis)), *BATCH})
            raise SpecError(
                "unknown-symbol",
                f"no size of this spec is called {place or letter!r}",
                expected=f"one of {', '.join(names)}",
                found=request,
                hint=did_you_mean(place or letter, names)
                or (f"say which: {axes[-1].input}.{axes[-1].place}={letter}" if axes else ""),
            )
    for axis in axes:
        other = axis.value.id if isinstance(axis.value, Name) else ""
        if axis.value.span in written and other in values and other != written[axis.value.span]:
            _two_letters(other, written[axis.value.span], axes, axis)
    return elaborate(_rewritten(text, written), name, values, symbol(batch) if batch else samples), batch


def _two_letters(one: str, other: str, axes: list[Axis], axis: Axis) -> NoReturn:
    """Two letters cannot stand for one size."""
    listed = ", ".join(f"{one.input}.{one.place} ({_as_written(one.value)})" for one in axes)
    raise SpecError(
        "ambiguous-argument",
        f"{one} and {other} would both be axis {axis.place} of {axis.input}",
        expected="one letter for a size",
        found=f"{one},{other}",
        hint=f"the sizes of the inputs are {listed}",
    )


def _as_written(value: Value) -> str:
    return value.id if isinstance(value, Name) else str(value.value) if isinstance(value, Number) else "a formula"


def usual_letters(graph: Graph) -> list[str]:
    """The letters that ``lettered`` takes for the positions of a network's inputs: ``["H", "W"]``.

    A size that is written as a constant goes by its name.

    >>> usual_letters(elaborate("3x32x32 -> conv 8 k3")), usual_letters(elaborate("S = 10\\nSx64 -> linear 8"))
    (['H', 'W'], ['S'])
    """
    axes = list(axes_in(parse_steps(graph.source, graph.source_name)))
    most = max((axis.rank for axis in axes), default=0)
    usual = {1: {0: "D"}, 2: {0: "T"}, 3: {1: "H", 2: "W"}, 4: {1: "D", 2: "H", 3: "W"}}.get(most, {})
    here = [axis for axis in axes if axis.rank == most and axis.place in usual]
    names = [axis.value.id if isinstance(axis.value, Name) else usual[axis.place] for axis in here]
    return list(dict.fromkeys(names))


def _names(axis: Axis) -> list[str]:
    return [letter for names in AXES.get(axis.rank, ()) for letter, place in names.items() if place == axis.place]


def _axes_of(wanted: str, axes: list[Axis]) -> list[Axis]:
    """The sizes that are called so, of the inputs with most axes; ``image.H`` and ``image.2`` of one input alone."""
    owner, _, name = wanted.rpartition(".")
    mine = [axis for axis in axes if not owner or axis.input == owner]
    found = [axis for axis in mine if name in _names(axis) or owner and name == str(axis.place)]
    if not found and not owner:  # an input's name for its only size
        found = [axis for axis in axes if axis.input == name and axis.rank == 1]
    most = max((axis.rank for axis in found), default=0)
    return [axis for axis in found if axis.rank == most]


def _one_size(letter: str, found: list[Axis]) -> None:
    """One letter cannot stand for two sizes."""
    numbers = {axis.value.value if isinstance(axis.value, Number) else axis.value for axis in found}
    if len(found) > 1 and len({str(number) for number in numbers}) > 1:
        raise SpecError(
            "ambiguous-argument",
            f"{letter} could be a size of {' or '.join(axis.input for axis in found)}",
            expected="which one",
            found=letter,
            hint=" or ".join(f"--in {axis.input}={letter}" for axis in found[:2]),
        )


def _is_0(value: Value) -> bool:
    return isinstance(value, Number) and value.value == 0


def _paddings(part: tuple[Any, ...]) -> Iterator[str]:
    """The names that stand for a padding in a part of the syntax."""
    for inner in part:
        if isinstance(inner, Argument) and inner.name in ("p", "padding", "output_padding"):
            items = inner.value.items if isinstance(inner.value, Series) else (inner.value,)
            yield from (item.id for item in items if isinstance(item, Name))
        elif isinstance(inner, tuple):
            yield from _paddings(inner)


def _free(axes: list[Axis]) -> set[str]:
    """The letters that stand in the inputs already."""
    return {axis.value.id for axis in axes if isinstance(axis.value, Name)}


def _rewritten(text: str, written: dict[Span, str]) -> str:
    for span, letter in sorted(written.items(), reverse=True):
        text = text[: span.start] + letter + text[span.end :]
    return text
