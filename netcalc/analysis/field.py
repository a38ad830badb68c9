"""The receptive field of one node, or of one of its units, with everything that can be said of it.

:func:`receptive_field` puts the closed form (:mod:`netcalc.analysis.receptive_field`) and the exact positions
(:mod:`netcalc.analysis.reading`) together; :func:`units_reading` looks the other way; :func:`trace` shows the working.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from netcalc.analysis.reading import box_at, numbers, regions_reached, regions_read
from netcalc.analysis.receptive_field import Fields, ReceptiveField, Strip, receptive_fields, spatial_input
from netcalc.analysis.region import Box, Region, members
from netcalc.dims import Dim, text
from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.layers.base import Shape, shape_text
from netcalc.layers.input import Input
from netcalc.layers.reach import Adaptive, Blocks, Causal, Merged, Resized, Rule, Spread, Whole, Window
from netcalc.records import cached_property


@dataclass(frozen=True)
class UnitField:
    """What node ``of`` reads of node ``source``: in closed form, and for the unit at ``unit`` exactly.

    Every tuple has one entry for each spatial axis of the source (``axes``, of sizes ``lengths``).

    ``field``    the closed form, or None: ``reason`` says why
    ``unit``     the place of the unit along the node's own axes that move (``unit_axes``), or None if none was chosen
    ``region``   the exact set of positions that the unit reads, or None without unit
    ``notes``    what else is to be said
    """

    of: str
    source: str
    shape: Shape
    source_shape: Shape
    axes: tuple[int, ...]
    field: ReceptiveField | None
    reason: str = ""
    unit: tuple[int, ...] | None = None
    unit_axes: tuple[int, ...] = ()
    region: Region | None = None
    notes: tuple[str, ...] = ()

    @property
    def lengths(self) -> tuple[Dim, ...]:
        return tuple(self.source_shape[axis] for axis in self.axes)

    @property
    def size(self) -> tuple[Dim, ...] | None:
        """Positions from the first to the last; the most, where units differ."""
        return self.field.size if self.field else None

    @property
    def stride(self) -> tuple[Dim | Fraction | None, ...] | None:
        return self.field.stride if self.field else None

    @property
    def start(self) -> tuple[Dim, ...] | None:
        return self.field.start if self.field else None

    @cached_property
    def positions(self) -> tuple[tuple[int, ...], ...] | None:
        """The positions really read along each axis."""
        if self.region is None:
            return None
        return tuple(tuple(members(self.region.along(axis))) for axis in self.axes)

    @property
    def read(self) -> tuple[int, ...] | None:
        """How many positions are really read along each axis."""
        return None if self.positions is None else tuple(map(len, self.positions))

    @property
    def inside(self) -> tuple[tuple[int, int] | None, ...] | None:
        """The first and the last position that is really read along each axis (None: nothing)."""
        if self.positions is None:
            return None
        return tuple((places[0], places[-1]) if places else None for places in self.positions)

    @property
    def holes(self) -> tuple[tuple[int, ...], ...] | None:
        """The positions between the first and the last that are not read, along each axis."""
        if self.positions is None:
            return None
        spans = (range(places[0], places[-1]) if places else () for places in self.positions)
        return tuple(tuple(sorted(set(span) - set(places))) for span, places in zip(spans, self.positions))

    @property
    def unclipped(self) -> tuple[tuple[Dim, Dim] | None, ...] | None:
        """The field of the unit as if the source had no ends: it may begin and end in the padding."""
        if self.field is None or self.unit is None:
            return None
        found = []
        for number, strip in enumerate(self.field.strips):
            place = self.unit[self.unit_axes.index(strip.axis)] if strip.axis in self.unit_axes else 0
            found.append(self.field.interval(number, place))
        return tuple(found)

    @property
    def centre(self) -> tuple[Fraction | None, ...] | None:
        """The middle of the unclipped field of the unit; pixel i reaches from i − ½ to i + ½."""
        if self.unclipped is None:
            return None
        return tuple(
            Fraction(ends[0] + ends[1], 2) if ends and isinstance(ends[0], int) and isinstance(ends[1], int) else None
            for ends in self.unclipped
        )

    @property
    def clipped(self) -> tuple[bool, ...] | None:
        """Does the unclipped field run out of the source?"""
        if self.unclipped is None:
            return None
        return tuple(
            ends is not None and not (_certainly(0, ends[0]) and _certainly(ends[1], length - 1))
            for ends, length in zip(self.unclipped, self.lengths)
        )

    @cached_property
    def whole_units(self) -> tuple[tuple[int, int] | None, ...] | None:
        """The first and the last unit along each axis whose field lies wholly inside (None: none)."""
        if self.field is None:
            return None
        return tuple(map(_inside, self.field.strips))

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it: exact integers, fractions and formulas as text."""
        field = self.field
        axes = []
        for number, (axis, length) in enumerate(zip(self.axes, self.lengths)):
            entry: dict[str, Any] = {"axis": axis, "length": _plain(length)}
            if field is not None:
                entry |= {
                    "size": _plain(field.size[number]),
                    "minimum": _plain(field.minimum[number]),
                    "stride": _plain(field.stride[number]),
                    "start": _plain(field.start[number]),
                    "global_by": field.global_by[number],
                    "period": field.strips[number].period if field.strips[number].shift is not None else None,
                    "whole_units": _pick(self.whole_units, number),
                }
            if self.positions is not None:
                entry |= {
                    "unclipped": _pick(self.unclipped, number),
                    "inside": _pick(self.inside, number),
                    "centre": _plain(_pick(self.centre, number)),
                    "read": len(self.positions[number]),
                    "positions": list(self.positions[number]),
                    "holes": _pick(self.holes, number),
                }
            axes.append(entry)
        return {
            "of": self.of,
            "from": self.source,
            "shape": [_plain(size) for size in self.shape],
            "source_shape": [_plain(size) for size in self.source_shape],
            "unit": None if self.unit is None else list(self.unit),
            "axes": axes,
            "reason": self.reason or None,
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        size = "×".join(map(_text, self.field.size)) if self.field else "no closed form"
        unit = "" if self.unit is None else f" at {', '.join(map(str, self.unit))}"
        return f"<UnitField of {self.of}{unit} in {self.source} {shape_text(self.source_shape)}: {size}>"


def receptive_field(
    graph: Graph,
    of: str | int | None = None,
    unit: tuple[int, ...] | int | None = None,
    from_: str | int | None = None,
    ignore_normalization: bool = False,
) -> UnitField:
    """The receptive field of node ``of`` in node ``from_``, and what the unit at place ``unit`` of it exactly reads.

    By default ``of`` is the last layer, from the output backwards, whose units do not all see everything; ``from_`` is
    the first input with positions that it reads. ``unit`` counts along the axes of the node that move over the source:
    ``(3, 5)``, or all its axes. Raises SpecError for unknown names and places, or a unit where letters are left.

    >>> from netcalc.spec import elaborate
    >>> found = receptive_field(elaborate("1x32x32 -> conv 6 k5 -> avgpool 2 -> conv 16 k3 d2 -> flatten -> linear 10"),
    ...                         unit=(0, 9))
    >>> found
    <UnitField of conv2 at 0, 9 in input 1x32x32: 14×14>
    >>> found.inside, found.read, found.holes
    (((0, 13), (18, 31)), (14, 14), ((), ()))
    """
    source = _source(graph, of, from_)
    fields = receptive_fields(graph, source, ignore_normalization)
    index = _default(graph, fields, source) if of is None else graph.index(of)
    index %= len(graph.nodes)
    if index < source:
        raise SpecError(
            "wrong-order",
            f"{graph.nodes[index].name} stands before {graph.nodes[source].name}",
            expected=f"a layer behind {graph.nodes[source].name}",
            found=graph.nodes[index].name,
        )
    node, start = graph.nodes[index], graph.nodes[source]
    field = fields[index]
    axes = moving_axes(field, node.shape, fields)
    found = UnitField(
        node.name, start.name, node.shape, start.shape, fields.axes, field, fields.reasons.get(index, ""),
        notes=field.notes if field else (), unit_axes=axes,
    )  # fmt: skip
    if unit is None:
        return found
    unit = (unit,) if isinstance(unit, int) else tuple(unit)
    box, axes = unit_box(node.shape, unit, axes, node.name)
    unit = tuple(place % size for place, size in zip(unit, (numbers(node.shape)[axis] for axis in axes)))
    for other in graph.nodes[: index + 1]:
        numbers(other.shape)
    regions = regions_read(graph, index, box, source, ignore_normalization)
    region = regions.get(source, Region(numbers(start.shape)))
    notes = (*found.notes, *(f"at most what is shown: {note}" for note in region.notes))
    return UnitField(
        node.name, start.name, node.shape, start.shape, fields.axes, field, found.reason, unit, axes, region, notes
    )


def moving_axes(field: ReceptiveField | None, shape: Shape, fields: Fields) -> tuple[int, ...]:
    """The axes of a node along which its units move over the source."""
    if field is not None:
        moving = sorted({strip.axis for strip in field.strips if strip.axis is not None})
        if moving:
            return tuple(moving)
    return tuple(range(len(shape)))[-len(fields.axes) :] if len(shape) > len(fields.axes) else tuple(range(len(shape)))


def unit_box(shape: Shape, unit: tuple[int, ...], axes: tuple[int, ...], name: str) -> tuple[Box, tuple[int, ...]]:
    """The box of the unit at places along ``axes``, or along all axes of the node; and which axes were meant."""
    if len(unit) == len(shape):
        axes = tuple(range(len(shape)))
    elif len(unit) == len(shape) - 1 and len(unit) != len(axes):
        axes = tuple(range(1, len(shape)))
    elif len(unit) != len(axes):
        counts = sorted({len(axes), len(shape)})
        raise SpecError(
            "bad-unit",
            f"a unit of {name}, {shape_text(shape)}, has {' or '.join(map(str, counts))} places, not {len(unit)}",
            expected=",".join("0" * len(axes)),
            found=",".join(map(str, unit)),
        )
    return box_at(shape, unit, axes, name), axes


def _source(graph: Graph, of: str | int | None, from_: str | int | None) -> int:
    """The place of the node ``from_``, or of the first input that ``of`` reads."""
    if from_ is not None:
        return graph.index(from_) % len(graph.nodes)
    inputs = inputs_of(graph, graph.outputs[-1] if of is None else graph.index(of))
    return spatial_input(graph, inputs)


def inputs_of(graph: Graph, index: int) -> list[int]:
    """The places of the inputs that a node reads."""
    seen = {index % len(graph.nodes)}
    for place in range(len(graph.nodes) - 1, -1, -1):
        if place in seen:
            seen.update(graph.nodes[place].inputs)
    return [place for place in sorted(seen) if isinstance(graph.nodes[place].layer, Input)]


def _default(graph: Graph, fields: Fields, source: int) -> int:
    """From the output backwards along first inputs: the last node whose units do not all see everything."""
    index = graph.outputs[-1]
    while index > source and not _differs(fields[index]) and graph.nodes[index].inputs:
        index = next((before for before in graph.nodes[index].inputs if fields[before] is not None), source)
    return index if index > source else graph.outputs[-1]


def _differs(field: ReceptiveField | None) -> bool:
    """Do the units of a node stand apart, each with a field of its own?"""
    return field is not None and not field.whole and not any(strip.merged for strip in field.strips)


def nested(graph: Graph, found: UnitField, most: int = 6, ignore_normalization: bool = False) -> list[UnitField]:
    """The fields of the layers on the way, each of the unit in the middle of what is read, the largest first.

    Of the layers between the source and the unit, at most ``most`` with fields of different sizes are taken.
    """
    if found.unit is None or found.region is None:
        return []
    index, source = graph.index(found.of), graph.index(found.source)
    box, _ = unit_box(found.shape, found.unit, found.unit_axes, found.of)
    regions = regions_read(graph, index, box, source, ignore_normalization)
    fields = receptive_fields(graph, source, ignore_normalization)
    sizes: dict[Any, int] = {}
    for place in range(source + 1, index):
        field = fields[place]
        if place in regions and field is not None and not field.whole and not any(s.merged for s in field.strips):
            sizes.setdefault(field.size, place)
    sizes.pop(found.size, None)
    chosen = list(sizes.items())
    kept = [chosen[round(i * (len(chosen) - 1) / max(1, most - 2))] for i in range(most - 1)] if chosen else []
    inner = []
    for place in dict.fromkeys(place for _, place in kept):
        axes = moving_axes(fields[place], graph.nodes[place].shape, fields)
        middle = [(places := members(regions[place].along(axis)))[len(places) // 2] for axis in axes]
        inner.append(receptive_field(graph, place, tuple(middle), source, ignore_normalization))
    return [found, *reversed(inner)]


# ---------------------------------------------------------------- the other way


class Reached(NamedTuple):
    """The units of node ``of`` that read a position of node ``source``: a region, and its places along each axis."""

    of: str
    source: str
    position: tuple[int, ...]
    axes: tuple[int, ...]
    region: Region

    @property
    def units(self) -> tuple[tuple[int, ...], ...]:
        """The places of the units along each axis that moves."""
        return tuple(tuple(members(self.region.along(axis))) for axis in self.axes)

    def to_dict(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "from": self.source,
            "position": list(self.position),
            "axes": [{"axis": axis, "units": list(places)} for axis, places in zip(self.axes, self.units)],
            "notes": list(self.region.notes),
        }


def units_reading(
    graph: Graph,
    position: tuple[int, ...] | int,
    of: str | int | None = None,
    from_: str | int | None = None,
    ignore_normalization: bool = False,
) -> Reached:
    """The projective field: which units of node ``of`` read a ``position`` (along the spatial axes) of node ``from_``.

    >>> from netcalc.spec import elaborate
    >>> units_reading(elaborate("1x9 -> conv 1 k3 d2 -> maxpool 2"), 4).units
    ((0, 1),)
    """
    source = _source(graph, of, from_)
    fields = receptive_fields(graph, source, ignore_normalization)
    index = (_default(graph, fields, source) if of is None else graph.index(of)) % len(graph.nodes)
    start, node = graph.nodes[source], graph.nodes[index]
    position = (position,) if isinstance(position, int) else tuple(position)
    box, _ = unit_box(start.shape, position, fields.axes, start.name)
    for other in graph.nodes[: index + 1]:
        numbers(other.shape)
    regions = regions_reached(graph, source, box, index, ignore_normalization)
    axes = moving_axes(fields[index], node.shape, fields)
    region = regions.get(index, Region(numbers(node.shape)))
    return Reached(node.name, start.name, position, axes, region)


# ---------------------------------------------------------------- the working


class Step(NamedTuple):
    """One layer of a trace, along one axis of the source; the working as a course writes it.

    ``kernel``, ``stride``, ``dilation`` and ``padding`` are the layer's (None where it has none); ``size``,
    ``minimum``, ``jump`` and ``start`` are the field's behind it, ``working`` how ``size`` came about.
    """

    name: str
    kind: str
    kernel: Dim | None
    stride: Dim | None
    dilation: Dim | None
    padding: Dim | None
    jump: Dim | Fraction | None
    size: Dim | None
    minimum: Dim | None
    start: Dim | None
    working: str

    def to_dict(self) -> dict[str, Any]:
        return {key: _plain(value) for key, value in self._asdict().items()}


def trace(
    graph: Graph,
    of: str | int | None = None,
    from_: str | int | None = None,
    ignore_normalization: bool = False,
    every: bool = False,
) -> dict[int, tuple[Step, ...]]:
    """For each spatial axis of the source, the layers between it and node ``of``, with the working.

    Layers that change nothing (activations, …) are left out unless ``every``.

    >>> from netcalc.spec import elaborate
    >>> for step in trace(elaborate("1x32x32 -> conv 6 k5 -> relu -> avgpool 2 -> conv 16 k5"))[1]:
    ...     print(step.name, step.working)
    conv1 r = 1 + (5 − 1)·1 = 5
    avgpool1 r = 5 + (2 − 1)·1 = 6
    conv2 r = 6 + (5 − 1)·2 = 14
    """
    source = _source(graph, of, from_)
    fields = receptive_fields(graph, source, ignore_normalization)
    index = (_default(graph, fields, source) if of is None else graph.index(of)) % len(graph.nodes)
    between = {index}
    for place in range(index, source, -1):
        if place in between:
            between.update(graph.nodes[place].inputs)
    found: dict[int, list[Step]] = {axis: [] for axis in fields.axes}
    for place in range(source + 1, index + 1):
        if place not in between or isinstance(graph.nodes[place].layer, Input):
            continue
        node = graph.nodes[place]
        reach = node.applied.reach_of(ignore_normalization)
        for number, axis in enumerate(fields.axes):
            ins: list[tuple[Strip, Rule | None]] = []
            for before, rules in zip(node.inputs, reach):
                if before >= source and (field := fields[before]) is not None:
                    old = field.strips[number]
                    ins.append((old, rules[old.axis] if old.axis is not None else None))
            after = fields[place]
            if not ins and after is None:
                continue
            if not every and after is not None and len(ins) == 1 and _alike(ins[0][0], after.strips[number]):
                continue
            found[axis].append(_step(node.name, node.layer.kind, ins, after, number, fields.reasons.get(place, "")))
    return {axis: tuple(steps) for axis, steps in found.items()}


def _step(
    name: str, kind: str, ins: list[tuple[Strip, Rule | None]], after: ReceptiveField | None, number: int, reason: str
) -> Step:
    rule = ins[0][1] if ins else None
    kernel = stride = dilation = padding = None
    if isinstance(rule, (Window, Spread)) and len(ins) == 1:
        kernel, stride, dilation, padding = rule[1:5]
    if after is None:
        return Step(name, kind, kernel, stride, dilation, padding, None, None, None, None, reason)
    size, least = after.size[number], after.minimum[number]
    working = _working(ins, size, least, after.global_by[number])
    strip = after.strips[number]
    working += "" if strip.sure or strip.axis is not None else ", or less by a gap at an end"
    jump, start = after.stride[number], after.start[number]
    return Step(name, kind, kernel, stride, dilation, padding, jump, size, least, start, working)


def _working(ins: list[tuple[Strip, Rule | None]], size: Dim, least: Dim, whole: str | None) -> str:
    """The arithmetic of one layer's field."""
    range_of = _text(size) if size == least else f"{_text(least)} … {_text(size)}"
    if len(ins) > 1:
        hulls = [f"[{_text(strip.lows[0])}, {_text(strip.highs[0])}]" for strip, _ in ins]
        return f"r = hull of {', '.join(dict.fromkeys(hulls))} = {range_of}"
    if not ins:
        return f"r = {range_of}" + (", the whole axis" if whole else "")
    strip, rule = ins[0]
    alike = len(strip.lows) == 1 and not strip.grows
    if isinstance(rule, Window) and alike and strip.shift is not None and strip.highs[0] is not None:
        assert strip.lows[0] is not None
        before = strip.highs[0] - strip.lows[0] + 1
        jump = _factor(strip.shift)
        apart = f"·{_factor(rule.dilation)}" if rule.dilation != 1 else ""
        return f"r = {_text(before)} + ({_text(rule.kernel)} − 1){apart}·{jump} = {range_of}"
    if isinstance(rule, Whole) or (whole and strip.axis is not None):
        return f"r = {range_of}, the whole axis"
    if isinstance(rule, Causal):
        return f"r = {range_of}, up to its own place"
    if isinstance(rule, (Window, Spread, Adaptive, Resized, Blocks)):
        return f"r = {range_of}, by position"
    return f"r = {range_of}" + (" (laid out in a row)" if isinstance(rule, Merged) else "")


# ---------------------------------------------------------------- small things


def _certainly(least: Dim, most: Dim) -> bool:
    """Is ``least ≤ most``, for numbers?"""
    return isinstance(least, int) and isinstance(most, int) and least <= most


def _inside(strip: Strip) -> tuple[int, int] | None:
    """The first and the last unit whose unclipped field lies in the source."""
    if not isinstance(strip.units, int) or not isinstance(strip.length, int) or strip.shift is None or strip.merged:
        return None
    if strip.axis is None:
        return None
    units = range(strip.units)
    first = next((unit for unit in units if _fits(strip, unit)), None)
    last = next((unit for unit in reversed(units) if _fits(strip, unit)), None)
    return None if first is None or last is None else (first, last)


def _alike(one: Strip, two: Strip) -> bool:
    """Do the units of both read the same?"""
    return one[1:4] == two[1:4] and one.grows == two.grows


def _fits(strip: Strip, unit: int) -> bool:
    low, high = strip.low(unit), strip.high(unit)
    return low is not None and high is not None and _certainly(0, low) and _certainly(high, strip.length - 1)


def _factor(dim: Dim) -> str:
    return str(dim) if isinstance(dim, int) else f"({_text(dim)})"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Fraction):
        return str(value)
    return text(value).replace("-", "−")


def _pick(values: Any, number: int) -> Any:
    value = None if values is None else values[number]
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (int, str, bool)):
        return value
    return str(value) if isinstance(value, Fraction) else text(value)
