"""``chunk`` and ``split``: along which axis, and the size of each part."""

from __future__ import annotations

from typing import Any

from netcalc.dims import Dim, Expr, text
from netcalc.layers.base import Shape, per_sample, shape_text
from netcalc.spec.arguments import refuse_without
from netcalc.spec.scope import Scope
from netcalc.spec.source import Source
from netcalc.spec.syntax import Call


def given_to_split(step: Call, word: str, scope: Scope) -> tuple[list[Any], Any]:
    """The numbers that are given to ``word``, which torch's function in ``step`` may stand for, and the axis."""
    options = {argument.name: argument for argument in step.arguments if argument.name}
    lone = [argument for argument in step.arguments if argument.name is None]
    if word != step.word.id and len(lone) == 2 and "dim" not in options:  # x.chunk(2, 1)
        options["dim"] = lone.pop()
    given = [scope.value(argument.value) for argument in lone]
    axis = scope.value(options["axis"].value) if "axis" in options else 0
    if dim := options.get("dim"):  # torch's, which counts the batch
        with scope.source.placed(dim.span):
            axis = per_sample(scope.value(dim.value))
    elif word != step.word.id:
        refuse_without("dim", step, scope.source)
    return given, axis


def part_sizes(step: Call, word: str, given: list[Any], axis: Any, shape: Shape, source: Source) -> list[Dim]:
    """The sizes of the parts of a shape, one for each name."""
    if not (isinstance(axis, int) and -len(shape) <= axis < len(shape)):
        source.fail("bad-argument", f"the input {shape_text(shape)} has no axis {axis}", step.span)
    unknown = {
        argument.name: argument.span for argument in step.arguments if argument.name not in (None, "axis", "dim")
    }
    if unknown:
        name = min(map(str, unknown))
        source.fail(
            "unknown-argument",
            f"{step.word.id} has no argument {name!r}",
            unknown[name],
            expected="axis, or dim, which counts the batch axis as 0",
        )
    length = shape[axis]
    sizes = _chunks(step, given, length, source) if word == "chunk" else _split(step, given, axis, length, source)
    if len(step.labels) != len(sizes):
        source.fail(
            "bad-argument",
            f"{step.word.id} {' '.join(map(text, given))} of {text(length)} gives {_parts_text(sizes)}, "
            f"but {len(step.labels)} names stand behind 'as'",
            step.span,
            expected=f"as {', '.join('abcdefgh'[: len(sizes)])}",
        )
    return sizes


def _chunks(step: Call, given: list[Any], length: Dim, source: Source) -> list[Dim]:
    """So many equal parts, the last of which may be smaller."""
    if len(given) != 1 or not isinstance(given[0], int) or given[0] < 1:
        source.fail("bad-argument", "chunk takes the number of parts", step.span, expected="chunk 2 as a, b")
    count = given[0]
    part = -(-length // count)
    if isinstance(length, int):
        count = -(-length // -(-length // count))  # may be fewer than asked for, as in torch
    return [*[part] * (count - 1), length - part * (count - 1)]


def _split(step: Call, given: list[Any], axis: int, length: Dim, source: Source) -> list[Dim]:
    """Parts of these sizes."""
    sizes = [size for value in given for size in (value if isinstance(value, tuple) else (value,))]
    if not all(type(size) is int or isinstance(size, Expr) for size in sizes):
        source.fail("bad-argument", "split takes the size of each part", step.span, expected="split 64 32 as a, b")
    if not sizes or length - sum(sizes) != 0:
        source.fail(
            "shape-mismatch",
            f"the parts of split make {text(sum(sizes))}, but axis {axis} has {text(length)}",
            step.span,
            expected=f"parts that add up to {text(length)}",
            found=" + ".join(map(text, sizes)) or "nothing",
            hint=_parts_hint(sizes, length),
        )
    return sizes


def _parts_text(sizes: list[Dim]) -> str:
    """
    >>> _parts_text([2, 2, 1]), _parts_text([3])
    ('2 parts of 2 and one of 1', '1 part of 3')
    """
    *equal, last = sizes
    if last in equal or not equal:
        return f"{len(sizes)} part{'s' if equal else ''} of {text(last)}"
    if len(set(equal)) > 1:
        return f"{len(sizes)} parts of {', '.join(map(text, sizes))}"
    return f"{len(equal)} part{'s' if len(equal) > 1 else ''} of {text(equal[0])} and one of {text(last)}"


def _parts_hint(sizes: list[Dim], length: Dim) -> str:
    """What could be meant by a split whose parts do not make the whole."""
    if len(sizes) == 1 and type(sizes[0]) is type(length) is int and sizes[0] > 0 and length // sizes[0] < 9:
        parts = [sizes[0]] * (length // sizes[0]) + [length % sizes[0]] * (length % sizes[0] > 0)
        return f"split takes the size of each part: split {' '.join(map(text, parts))}"
    return ""
