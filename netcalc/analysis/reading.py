"""Exactly which positions a unit reads, and which units read a position: sets of positions carried along the graph.

:func:`regions_read` carries the set of one or more units backwards, layer by layer, to every earlier node;
:func:`regions_reached` carries positions forwards. Both follow the rules that the layers state
(:mod:`netcalc.layers.reach`) on sets that are exact (:mod:`netcalc.analysis.region`): holes stay holes, and a border
is a border. The sizes must be numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from netcalc.analysis.region import Box, Memo, Region, backwards, forwards, full, united, unknowns
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.layers.base import Shape
from netcalc.layers.reach import Reach


def numbers(shape: Shape) -> tuple[int, ...]:
    """A shape of numbers. Raises SpecError where a letter is left."""
    if all(isinstance(size, int) for size in shape):
        return shape  # type: ignore[return-value]
    raise SpecError(
        "letters-left",
        "the exact positions are known only for numbers",
        expected="a number for every letter",
        hint="give each letter a value: --set H=224",
    )


def regions_read(
    graph: Graph, of: int, box: Box, until: int = 0, ignore_normalization: bool = False
) -> dict[int, Region]:
    """What a box of the outputs of node ``of`` reads of every earlier node, down to node ``until``.

    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("1x9 -> conv 1 k3 d2 -> maxpool 2")
    >>> regions_read(graph, 2, (1, 0b10))[0].boxes  # output 1 reads 2 … 7
    ((1, 252),)
    """
    nodes = graph.nodes
    boxes: dict[int, tuple[Box, ...]] = {of: (box,)}
    notes: dict[int, tuple[str, ...]] = {}
    memo: Memo = {}
    for index in range(of, until, -1):
        if index not in boxes:
            continue
        name, applied, inputs, *_ = nodes[index]
        reach = _reach(graph, index, ignore_normalization)
        said = notes.get(index, ())
        if reasons := unknowns(reach):
            said = tuple(dict.fromkeys((*said, *(f"{name}: {reason}" for reason in reasons))))
        for before, rules, shape in zip(inputs, reach, applied.inputs):
            found = boxes.get(before, ())
            for outputs in boxes[index]:
                for part in backwards(outputs, rules, shape, memo):  # type: ignore[arg-type]
                    found = united(found, part)
            if found:
                boxes[before] = found
                if said:
                    notes[before] = tuple(dict.fromkeys((*notes.get(before, ()), *said)))
    return {i: Region(nodes[i].shape, found, notes.get(i, ())) for i, found in boxes.items()}  # type: ignore[arg-type]


def regions_reached(
    graph: Graph, source: int, box: Box, until: int | None = None, ignore_normalization: bool = False
) -> dict[int, Region]:
    """Which outputs of every later node, up to node ``until``, read any of a box of positions of node ``source``.

    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("1x9 -> conv 1 k3 d2 -> maxpool 2")
    >>> regions_reached(graph, 0, (1, 0b100))[2].boxes  # position 2 is read by outputs 0 and 1
    ((1, 3),)
    """
    nodes = graph.nodes
    boxes: dict[int, tuple[Box, ...]] = {source: (box,)}
    notes: dict[int, tuple[str, ...]] = {}
    memo: Memo = {}
    for index in range(source + 1, len(nodes) if until is None else until + 1):
        name, applied, inputs, *_ = nodes[index]
        reach: Reach | None = None
        found: tuple[Box, ...] = ()
        for place, before in enumerate(inputs):
            if before not in boxes:
                continue
            if reach is None:
                reach = _reach(graph, index, ignore_normalization)
            said = (*notes.get(before, ()), *(f"{name}: {reason}" for reason in unknowns(reach)))
            if said:
                notes[index] = tuple(dict.fromkeys((*notes.get(index, ()), *said)))
            shapes = applied.inputs[place], applied.output
            for part in boxes[before]:
                for reached in forwards(part, reach[place], *shapes, memo):  # type: ignore[arg-type]
                    found = united(found, reached)
        if found:
            boxes[index] = found
    return {i: Region(nodes[i].shape, found, notes.get(i, ())) for i, found in boxes.items()}  # type: ignore[arg-type]


def _reach(graph: Graph, index: int, ignore_normalization: bool) -> Reach:
    return graph.nodes[index].applied.reach_of(ignore_normalization)


def box_at(shape: Shape, places: Sequence[int], axes: Sequence[int], name: str = "the layer") -> Box:
    """The positions at ``places`` of the named axes, and everywhere along the others. Raises SpecError beyond the ends.

    >>> box_at((2, 4, 4), (1, 3), (1, 2))
    (3, 2, 8)
    """
    sizes = numbers(shape)
    box = list(map(full, sizes))
    for place, axis in zip(places, axes):
        if not -sizes[axis] <= place < sizes[axis]:
            raise SpecError(
                "no-such-unit",
                f"{name} has {sizes[axis]} positions along axis {axis}, but {place} was asked for",
                expected=f"0 … {sizes[axis] - 1}",
                found=str(place),
            )
        box[axis] = 1 << place % sizes[axis]
    return tuple(box)
