"""The receptive field of every node in closed form: one pass over the graph, at a constant cost a layer.

Along one axis of the source (an input of the network, or any node) the units of a node read a hull ``low … high``
that moves regularly: unit ``u + period`` reads what unit ``u`` reads, ``shift`` positions further on. A
:class:`Strip` holds just that. In a network that only shrinks, the period is 1, and one size, one stride (the
*jump*) and one start say everything. After upsampling by 2 it is 2: units at even and odd places read
differently, and the stride is a half. Every layer maps strips to strips by its rule of
:mod:`netcalc.layers.reach`; where branches meet, the hull of their strips is taken.

Sizes and starts are in positions of the source and are *unclipped*: a field that runs out of the source reads
padding there. Only where a layer sees the whole axis is the field clipped to what is really read.

Source of the recurrence: Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks,
Distill 2019, https://distill.pub/2019/computing-receptive-fields.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import gcd, lcm
from typing import Any

from netcalc.dims import Dim, holds, maximum, minimum, text
from netcalc.graph import Graph
from netcalc.layers.base import Shape
from netcalc.layers.input import Input
from netcalc.layers.reach import (
    Adaptive,
    Blocks,
    Causal,
    Digits,
    Merged,
    NotANumber,
    Resized,
    Rule,
    Sliding,
    Spread,
    Unknown,
    Whole,
    Window,
    number,
)
from netcalc.records import NamedTuple, cached_property

MAX_PERIOD = 8192
"""Where a strip would repeat only after more positions than this, a table of all its units takes its place."""

MAX_UNITS = 100_000
TOO_MANY = f"there are more than {MAX_UNITS:,} units to look at one by one"


@dataclass(frozen=True)
class ReceptiveField:
    """What one unit of a node reads of the source; every tuple has one entry for each spatial axis of the source.

    ``size``       positions from the first to the last read, both included; the most, where it differs
    ``minimum``    the least such size (the same as ``size`` in a network that only shrinks; 0: a unit reads nothing)
    ``stride``     how much further the next unit reads (the jump): a Fraction after upsampling, 0 where every unit
                   sees the whole axis, None where no single number is true (or it is a fraction of a letter)
    ``start``      the first position that unit 0 reads; negative: it reads padding
    ``global_by``  the name of the layer that made the field the whole axis, or None
    ``notes``      what else is to be said: misaligned branches, units laid out in a row
    """

    strips: tuple[Strip, ...]

    @cached_property
    def size(self) -> tuple[Dim, ...]:
        return tuple(_sizes(strip)[1] for strip in self.strips)

    @cached_property
    def minimum(self) -> tuple[Dim, ...]:
        return tuple(_sizes(strip)[0] for strip in self.strips)

    @property
    def stride(self) -> tuple[Dim | Fraction | None, ...]:
        return tuple(strip.stride for strip in self.strips)

    @property
    def start(self) -> tuple[Dim, ...]:
        return tuple(next((low for low in strip.lows if low is not None), 0) for strip in self.strips)

    @property
    def global_by(self) -> tuple[str | None, ...]:
        return tuple(strip.by for strip in self.strips)

    @property
    def notes(self) -> tuple[str, ...]:
        return _together(*self.strips)

    @property
    def maximum(self) -> tuple[Dim, ...]:
        """The greatest size over all units."""
        return self.size

    @property
    def varies(self) -> bool:
        """Does the size differ from unit to unit?"""
        return self.size != self.minimum

    @property
    def exact(self) -> bool:
        """Is the size what is really read? Of letters, a layer that sees the whole axis may see less by a gap."""
        return all(strip.sure for strip in self.strips if strip.axis is None)

    @property
    def whole(self) -> bool:
        """Does every unit see all that the network reads, along every axis?"""
        return all(strip.axis is None for strip in self.strips)

    def __repr__(self) -> str:
        """The figures; with the least size where units differ."""
        names = ("size", *(["minimum"] if self.varies else []), "stride", "start")
        return f"<ReceptiveField {' '.join(f'{name}={_written(getattr(self, name))}' for name in names)}>"

    def interval(self, axis: int, unit: int) -> tuple[Dim, Dim] | None:
        """The first and the last position, unclipped, that unit ``unit`` reads along spatial axis ``axis``."""
        strip = self.strips[axis]
        if strip.merged:
            return None
        low, high = strip.low(unit), strip.high(unit)
        return None if low is None or high is None else (low, high)


def _written(sizes: tuple[Any, ...]) -> str:
    """A tuple with its fractions as ``1/2``."""
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"


class Fields(tuple["ReceptiveField | None", ...]):
    """One entry a node, in order; ``axes``: the spatial axes of node ``source``; ``reasons``: why an entry is None."""

    source: int
    axes: tuple[int, ...]
    reasons: dict[int, str]


def receptive_fields(graph: Graph, source: int | None = None, ignore_normalization: bool = False) -> Fields:
    """The receptive field of one unit of every node in node ``source``: by default the first input with positions.

    ``ignore_normalization`` follows the usual convention of papers: the statistics of instance, group and layer
    normalisation, which read the whole axis, are left out of account.

    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("1x32x32 -> conv 6 k5 -> relu -> avgpool 2 -> conv 16 k5")
    >>> receptive_fields(graph)[-1].size, receptive_fields(graph)[-1].stride
    ((14, 14), (2, 2))
    >>> graph = elaborate("1xHxW -> conv 8 k3 p1 -> conv 8 k3 s2 p1 -> convtranspose 1 k2 s2")
    >>> [(f.size, f.stride, f.start) for f in receptive_fields(graph)[1:]]
    [((3, 3), (1, 1), (-1, -1)), ((5, 5), (2, 2), (-2, -2)), ((5, 5), (1, 1), (-2, -2))]
    """
    if source is None:
        source = spatial_input(graph)
    shape = graph.nodes[source].shape
    tracked = tuple(range(1, len(shape))) if len(shape) > 2 else tuple(range(len(shape)))
    fold = _Fold(graph, source, tracked, ignore_normalization)
    axes = tracked if len(shape) > 2 else spatial_axes(graph, source)
    columns = [tracked.index(axis) for axis in axes]
    found: list[ReceptiveField | None] = []
    reasons: dict[int, str] = {}
    known: dict[int, ReceptiveField | str] = {}  # nodes that pass on what they read share one path
    for index, states in enumerate(fold.paths):
        field = known.get(id(states))
        if field is None:
            field = _summary([states[column] for column in columns]) if columns else "the source has no spatial axis"
            known[id(states)] = field
        if isinstance(field, str):
            reasons[index] = field if index >= source else f"stands before {graph.nodes[source].name}"
        found.append(None if isinstance(field, str) else field)
    fields = Fields(found)
    fields.source, fields.axes, fields.reasons = source, axes, reasons
    return fields


def spatial_axes(graph: Graph, source: int = 0) -> tuple[int, ...]:
    """Which axes of node ``source`` are positions (the others are channels or features).

    Of three and more axes all but the first. Of two, the one along which the first layer of rank 1 slides or pools
    (``C x L`` before a convolution), or which the first layer with weights does not contract (``T x D`` before a
    linear layer); both where both are contracted at once. Where no layer says so, the axis that is averaged is the
    one with positions. One axis alone is features, unless a later layer makes more of each of its positions (token
    numbers before an embedding).

    >>> from netcalc.spec import elaborate
    >>> [spatial_axes(elaborate(spec)) for spec in ("3x8x8 -> conv 4 k3", "3x8 -> conv 4 k3", "8x3 -> linear 4")]
    [(1, 2), (1,), (0,)]
    >>> [spatial_axes(elaborate(spec)) for spec in ("3x8 -> adaptiveavgpool 1", "8x3 -> mean 0")]
    [(1,), (0,)]
    """
    shape = graph.nodes[source].shape
    if len(shape) > 2:
        return tuple(range(1, len(shape)))
    return _positions(_Fold(graph, source, tuple(range(len(shape))), True))


def spatial_input(graph: Graph, among: Sequence[int] | None = None) -> int:
    """The first input that has spatial axes (else the first of all), among all inputs or these."""
    inputs = [index for index, node in enumerate(graph.nodes) if isinstance(node.layer, Input)]
    inputs = inputs if among is None else list(among)
    for least in (2, 1):
        for index in inputs:
            if len(graph.nodes[index].shape) >= least and (len(inputs) == 1 or spatial_axes(graph, index)):
                return index
    return inputs[0] if inputs else 0


# ---------------------------------------------------------------- strips


class Strip(NamedTuple):
    """What the units along one axis of a node read along one axis of the source.

    ``axis``    the node's axis along which the units move; None: all of them read the same
    ``lows``    the first position read by unit 0, 1, … ``period`` − 1 (None: the unit reads nothing), unclipped
    ``highs``   the last position read by each
    ``shift``   how much further unit ``u + period`` reads; None: ``lows`` and ``highs`` are a table of all units
    ``length``  positions of the source
    ``units``   how many units there are
    ``first``   the first position that any unit really reads, ``last`` the last (None: a stride or kernel is a letter)
    ``merged``  the units were laid out in a row with those of other axes (flatten)
    ``by``      the name of the layer that put the whole axis together
    ``sure``    whether ``first`` and ``last`` are exact (gaps between taps may leave out a position at an end)
    ``solid``   whether every unit is known to read all from its first to its last, and the next to go on where it ends
    ``grows``   every unit reads from ``first`` on, up to its own ``highs`` or to ``last`` (a causal layer on letters)
    ``lost``    why it is not known what single units read; ``lows`` and ``highs`` are empty then, and ``first`` and
                ``last`` say what all of them read together: what is left for a layer that sees the whole axis
    """

    axis: int | None
    lows: tuple[Dim | None, ...]
    highs: tuple[Dim | None, ...]
    shift: Dim | None
    length: Dim
    units: Dim
    first: Dim | None
    last: Dim | None
    merged: bool = False
    by: str | None = None
    notes: tuple[str, ...] = ()
    sure: bool = True
    solid: bool = True
    lost: str = ""
    grows: bool = False

    @property
    def period(self) -> int:
        return len(self.lows)

    def low(self, unit: Dim) -> Dim | None:
        """The first position that a unit reads (``unit`` may lie in the padding around the node)."""
        return self.lows[0] if self.grows else self._at(self.lows, unit)

    def high(self, unit: Dim) -> Dim | None:
        """The last position that a unit reads."""
        return self._at(self.highs, unit)

    def _at(self, values: tuple[Dim | None, ...], unit: Dim) -> Dim | None:
        period, shift = len(values), self.shift
        if period == 1 and shift is not None:
            return values[0] + unit * shift if values[0] is not None else None
        if not isinstance(unit, int):
            raise NotANumber("the field depends on the position, and a stride is a letter")
        if shift is None:
            return values[unit] if 0 <= unit < period else None
        value = values[unit % period]
        return value if value is None else value + unit // period * shift

    @property
    def stride(self) -> Dim | Fraction | None:
        """How much further the next unit reads, on average over a period."""
        if self.grows:
            return None
        if self.shift is None or len(self.lows) == 1:
            return self.shift
        if not isinstance(self.shift, int):
            return None
        step = Fraction(self.shift, len(self.lows))
        return step.numerator if step.denominator == 1 else step

    @property
    def ends(self) -> tuple[Dim, Dim]:
        """The first and the last position that any unit really reads."""
        if self.first is not None and self.last is not None:
            return self.first, self.last
        lows = [low for low in self.lows if low is not None]
        first = maximum(0, minimum(*lows)) if lows else 0
        if len(self.lows) > 1 or self.shift is None or self.highs[0] is None:
            return first, self.length - 1
        return first, minimum(self.length - 1, self.highs[0] + (self.units - 1) * self.shift)


class Lost(NamedTuple):
    """The closed form ends here, for a layer that sees the whole axis too; ``reason`` says why."""

    reason: str


class Misaligned(NamedTuple):
    """No single period and shift is true of all units; ``note`` says why. A table of all units may still be."""

    note: str


Path = tuple[Strip, ...] | Lost | None
"""What a node reads along one axis of the source: a strip for each of its axes that moves, or nothing (None)."""


class _Fold:
    """One pass over the graph: every node's path for each of the source's ``axes``.

    ``tabled`` carries tables of all units from the start: slower, for numbers only, and true of every single unit, at
    the borders too. Where the closed form ends (branches with different strides), it takes over from such a pass.
    ``events`` notes which node first contracted each axis, or slid over it.
    """

    def __init__(
        self, graph: Graph, source: int, axes: tuple[int, ...], ignore_normalization: bool, tabled: bool = False
    ) -> None:
        self.graph, self.source, self.axes = graph, source, axes
        self.ignore_normalization, self.tabled = ignore_normalization, tabled
        self.events: dict[int, _Event] = {}
        self.noting = len(graph.nodes[source].shape) <= 2  # of more axes it is known which are positions
        shape = graph.nodes[source].shape
        nothing: tuple[Path, ...] = (None,) * len(axes)
        self.paths = [nothing] * len(graph.nodes)
        start = _every if tabled else _still
        self.paths[source] = tuple((start(axis, shape[axis]),) for axis in axes)
        columns = range(len(axes))
        for index in range(source + 1, len(graph.nodes)):
            _, applied, inputs, *_ = graph.nodes[index]
            if applied.passes and applied.layer.rank != 1:  # along a signal's axis a layer of rank 1 slides
                self.paths[index] = self.paths[inputs[0]]
            elif any(self.paths[before] is not nothing for before in inputs):
                paths = tuple([self.path(index, column) for column in columns])
                before = self.paths[inputs[0]]
                self.paths[index] = before if all(map(operator.is_, paths, before)) else paths

    @cached_property
    def tables(self) -> _Fold | str:
        """The same fold in tables, or why there is none."""
        if any(not isinstance(size, int) for node in self.graph.nodes for size in node.shape):
            return "a size is a letter"
        source = self.graph.nodes[self.source].shape
        if any(source[axis] > MAX_UNITS for axis in self.axes):
            return TOO_MANY
        return _Fold(self.graph, self.source, self.axes, self.ignore_normalization, tabled=True)

    def path(self, index: int, column: int) -> Path:
        """The path of one node along one axis, from those of its inputs."""
        name, applied, inputs, *_ = self.graph.nodes[index]
        reach = applied.reach_of(self.ignore_normalization)
        strips: list[Strip] = []
        for before, rules, shape in zip(inputs, reach, applied.inputs):
            path = self.paths[before][column]
            if path is None:
                continue
            if isinstance(path, Lost):
                return path
            for strip in path:
                rule = rules[strip.axis] if strip.axis is not None else None
                if _is_piece(strip, rule, shape, applied.output):
                    if not all(isinstance(size, int) for size in (*shape, *applied.output, strip.length)):
                        return Lost(f"{name} takes a part of positions that were laid out in a row")
                    strip = strip._replace(sure=False)
                if self.noting:
                    self.note(index, self.axes[column], strip, rule)
                alone = self.tabled or strip.merged or len(inputs) == 1
                if not alone and isinstance(rule, Window) and rule.beyond == "others":
                    note = f"{name}: branches stand side by side along the axis"
                    if strip.first is None or isinstance(self.tables, _Fold):
                        return self.table(index, column, note, strip.notes)
                    beside = strip._replace(axis=rule.axis, units=applied.output[rule.axis])
                    strips.append(_together_only(beside, strip.lost or f"{note}, and {self.tables}"))
                    continue
                after = _step(strip, rule, applied.output, name)
                if isinstance(after, Misaligned):
                    return self.table(index, column, after.note, strip.notes)
                if isinstance(after, Lost):
                    return after
                if (after.axis is None or after.grows) and not (strip.axis is None or strip.grows):
                    seen = after if strip.sure else self.measured(after, before, column)
                    if seen is None or holds(seen.ends[0], ">", seen.ends[1]):
                        continue  # all that it reads is padding
                    after = seen
                strips.append(after)
        if len(strips) < 2:
            if not strips:
                return None
            passed = self.paths[inputs[0]][column] if len(inputs) == 1 else None
            return passed if passed is not None and len(passed) == 1 and passed[0] is strips[0] else (strips[0],)
        hull = _hull(strips, name)
        if isinstance(hull, Misaligned):
            return self.table(index, column, hull.note, _together(*strips))
        return hull

    def table(self, index: int, column: int, note: str, notes: tuple[str, ...]) -> Path:
        """The path from the pass in tables, and why."""
        if isinstance(self.tables, str):
            return Lost(f"{note}, and {self.tables}")
        path = self.tables.paths[index][column]
        if path is None or isinstance(path, Lost):
            return path
        notes = tuple(dict.fromkeys((*notes, note) if note else notes))
        return tuple(strip._replace(notes=notes) for strip in path)

    def measured(self, strip: Strip, before: int, column: int) -> Strip | None:
        """A strip of everything, with its ends as they really are; of letters, a note that they may lie closer."""
        from netcalc.analysis.reading import regions_read  # few networks need more than the closed form
        from netcalc.analysis.region import full, members

        try:
            everything = tuple(full(number(size)) for size in self.graph.nodes[before].shape)
            regions = regions_read(self.graph, before, everything, self.source, self.ignore_normalization)
        except NotANumber:
            first, last = strip.ends
            last = maximum(last, first - 1)  # it may read nothing
            note = f"{strip.by}: the whole axis, or less by a gap at an end"
            return strip._replace(highs=(last,), last=last, notes=(*strip.notes, note))
        places = members(regions[self.source].along(self.axes[column])) if self.source in regions else []
        if not places:
            return None
        first, last = places[0], places[-1]
        return strip._replace(lows=(first,), highs=(last,), first=first, last=last, sure=True)

    def note(self, index: int, axis: int, strip: Strip, rule: Rule | None) -> None:
        """Whether this layer is the first to tell what the axis is."""
        known = self.events.get(axis)
        if (known and known.what != "pooled") or strip.axis is None:
            return
        layer = self.graph.nodes[index].layer
        along = strip.axis == 1 and not strip.merged
        if along and (layer.rank == 1 or isinstance(rule, Spread | Adaptive | Resized)):
            self.events[axis] = _Event(index, "slid")
        elif isinstance(rule, Whole):
            what = "merged" if strip.merged else "pooled" if getattr(layer, "pools", False) else "contracted"
            self.events[axis] = _Event(index, what)


class _Event(NamedTuple):
    """What the layer at ``place`` first does with an axis of the source: contract it (also when merged), or slide.

    That it was ``pooled`` (a mean) counts only where no layer does the others: it may be one over channels.
    """

    place: int
    what: str


def _every(axis: int, length: Dim) -> Strip:
    """The positions themselves, as a table."""
    assert isinstance(length, int)
    places = tuple(range(length))
    return Strip(axis, places, places, None, length, length, 0, length - 1)


def _still(axis: int, length: Dim) -> Strip:
    """The positions themselves."""
    return Strip(axis, (0,), (0,), 1, length, length, 0, length - 1)


def _step(strip: Strip, rule: Rule | None, output: Shape, name: str) -> Strip | Lost | Misaligned:
    """The strip behind one more layer."""
    match rule:
        case None:
            return strip
        case Window(axis, kernel, stride, _, padding):
            copies = kernel == 1 and stride == 1
            if strip.merged and not copies:
                return Lost(f"{name} slides over positions that were laid out in a row")
            if strip.merged or (copies and padding == 0 and output[axis] == strip.units):
                return strip if axis == strip.axis else strip._replace(axis=axis)
            if strip.grows:
                return _further(strip, rule, output[axis], name)
            if len(strip.lows) == 1 and strip.shift is not None and strip.lows[0] is not None:
                return _slid(strip, rule, output[axis])
            return _swept(strip, rule, output[axis], name)
        case Whole():
            return _whole(strip, name)
        case Causal():
            return Lost(strip.lost) if strip.lost else _until(strip, rule, output[rule.axis], name)
        case Merged(axis):
            return strip._replace(axis=axis, merged=True)
        case Unknown(reason):
            return Lost(f"{name}: {reason}")
        case Digits(parts):
            if len(parts) == 1:
                return strip._replace(axis=parts[0].axis, merged=True)
            return Lost(f"{name} lays positions out along several axes")
    if strip.merged:
        return Lost(f"{name} slides over positions that were laid out in a row")
    if isinstance(rule, Adaptive) and rule.outputs == 0:
        return Lost(f"{name} has no outputs along the axis")
    if isinstance(rule, Adaptive) and rule.outputs == 1:
        return _whole(strip, name)
    if plain := _as_window(rule):
        return _step(strip, plain, output, name)
    return _swept(strip, rule, output[rule.axis], name)


def _is_piece(strip: Strip, rule: Rule | None, shape: Shape, output: Shape) -> bool:
    """Does the layer leave out some of the positions that were laid out in a row?"""
    if strip.axis is None or not strip.merged:
        return False
    if isinstance(rule, Causal):
        return not holds(output[rule.axis], ">=", shape[strip.axis])
    return isinstance(rule, Window) and not _covers(rule, output[rule.axis], shape[strip.axis])


def _as_window(rule: Rule) -> Window | None:
    """The same rule as a window, where that is one for letters too."""
    match rule:
        case Adaptive(axis, length, outputs):
            step = length // outputs
            return Window(axis, step, step) if step * outputs == length else None
        case Resized(axis, length, outputs) if length == outputs and rule.factor in (None, 1):
            return Window(axis)
        case Spread(stride=1):
            return Window(rule.axis, rule.kernel, 1, rule.dilation, (rule.kernel - 1) * rule.dilation - rule.padding)
    return None


def _whole(strip: Strip, name: str) -> Strip:
    first, last = strip.ends
    return Strip(None, (first,), (last,), 0, strip.length, 1, first, last, by=name, notes=strip.notes, sure=strip.sure)


def _until(strip: Strip, rule: Causal, count: Dim, name: str) -> Strip | Lost | Misaligned:
    """Every unit reads what all up to its own place read: a table of growing fields, or a formula for letters."""
    note = f"{name}: a unit reads only up to its own place"
    if strip.merged or strip.shift is not None:
        numbers = isinstance(strip.units, int) and isinstance(count, int)
        return Misaligned(note) if numbers and not strip.merged else _growing(strip, rule, count, note)
    assert isinstance(count, int)
    lows, highs = _so_far(strip.lows, _least)[:count], _so_far(strip.highs, _greatest)[:count]
    return strip._replace(axis=rule.axis, lows=lows, highs=highs, units=count)


@lru_cache(maxsize=64)  # a stack of causal layers asks for the same again
def _so_far(places: tuple[Dim | None, ...], extreme: Any) -> tuple[Dim | None, ...]:
    return tuple(accumulate(places, extreme))


def _growing(strip: Strip, rule: Causal, count: Dim, note: str) -> Strip | Lost:
    """Every unit reads from the first position on, up to what its own place reads."""
    first, last = strip.ends
    if strip.merged or not (strip.solid and strip.sure) or len(strip.lows) > 1:  # gaps may shorten single units
        whole = strip._replace(axis=rule.axis, first=first, last=last)
        return _together_only(whole, note) if strip.merged or count == strip.units else Lost(note)
    if count != strip.units:  # fewer outputs see less
        highest = strip.high(count - 1)
        assert highest is not None
        last = minimum(last, highest)
    notes = (*strip.notes, note)
    return strip._replace(axis=rule.axis, lows=(first,), first=first, last=last, units=count, notes=notes, grows=True)


def _further(strip: Strip, rule: Window, count: Dim, name: str) -> Strip | Misaligned:
    """A window over units that all read from the first position on: each reads what its last does."""
    axis, kernel, stride, dilation, padding, _ = rule
    ahead = (kernel - 1) * dilation - padding
    begin, end = (count - 1) * stride - padding, (count - 1) * stride + ahead
    inside = dilation == 1 or holds(end, "<", strip.units)  # else the last tap that is read lies before the end
    if not (inside and holds(ahead, ">=", 0) and holds(begin, "<", strip.units)):
        return Misaligned(f"{name}: a unit before it reads only up to its own place")
    high, shift, highest, last = strip.high(ahead), strip.shift, strip.high(end), strip.last
    assert high is not None and shift is not None and highest is not None and last is not None
    return strip._replace(axis=axis, highs=(high,), shift=shift * stride, units=count, last=minimum(last, highest))


def _slid(strip: Strip, rule: Window, count: Dim) -> Strip:
    """A window over units that all read alike: the recurrence of the textbooks, for numbers and letters."""
    low, high, shift = strip.lows[0], strip.highs[0], strip.shift
    assert low is not None and high is not None and shift is not None
    axis, kernel, stride, dilation, padding, _ = rule
    first, last, sure, solid = strip.first, strip.last, strip.sure, strip.solid
    size = high - low + 1
    low = low - padding * shift
    high = high + ((kernel - 1) * dilation - padding) * shift
    if (
        first is not None
        and type(kernel) is type(stride) is type(padding) is type(count) is type(strip.units) is int
        and type(dilation) is int
        and dilation == 1
        and 0 <= padding
        and kernel >= stride
        and (count - 1) * stride - padding + kernel >= strip.units  # every position is read: the ends stay
    ):
        solid = solid and padding < kernel
    elif first is not None and last is not None and all(isinstance(argument, int) for argument in rule[1:5]):
        inside = _gapless(rule, count, strip.units)
        solid = solid and (dilation == 1 or inside) and bool(holds((kernel - 1) * dilation, ">=", padding))
        solid = solid and bool(holds(size, ">=", dilation * shift) and holds(high - low + 1, ">=", stride * shift))
        if not _covers(rule, count, strip.units):
            ends = _touched(rule, count, strip.units)
            first, last = _narrowed(strip, *ends)
            numbers = isinstance(count, int) and isinstance(strip.units, int)
            sure = sure and (inside or numbers) and (solid or _attained(strip, *ends))
    else:
        first, last, sure, solid = None, None, False, False
    shift = shift * stride
    return Strip(
        axis, (low,), (high,), shift, strip.length, count, first, last, notes=strip.notes, sure=sure, solid=solid
    )


def _attained(strip: Strip, lowest: Dim | None, highest: Dim | None) -> bool:
    """Do these units read from their first to their last position, with nothing of either in the padding?"""
    if lowest is None or highest is None or strip.first is None or strip.last is None:
        return False
    low, high = strip.low(lowest), strip.high(highest)
    return (
        low is not None and high is not None and bool(holds(low, ">=", strip.first) and holds(high, "<=", strip.last))
    )


def _covers(rule: Sliding, count: Dim, length: Dim) -> bool:
    """Is every one of ``length`` positions known to be read by one of ``count`` outputs?"""
    match rule:
        case Window(_, kernel, stride, 1, padding):
            end = (count - 1) * stride - padding + kernel
            return bool(holds(kernel, ">=", stride) and holds(padding, ">=", 0) and holds(end, ">=", length))
        case Window(_, kernel, 1, dilation, padding):  # one tap sees all
            reach = (kernel - 1) * dilation
            centred = holds(padding, "divisible by", dilation) and holds(padding, ">=", 0)
            return bool(centred and holds(reach, ">=", padding) and holds(count, ">=", length))
        case Spread(_, kernel, stride, 1, padding):
            return bool(holds(kernel, ">", padding) and holds(count + padding, ">", (length - 1) * stride))
        case Blocks(_, outputs, inputs):
            return count * inputs == length * outputs
        case Resized(factor=factor):
            return factor is not None and factor >= 1 and factor % 1 == 0
    return isinstance(rule, Adaptive)


def _gapless(rule: Window, count: Dim, length: Dim) -> bool:
    """Do the windows leave out no position between them, or lie within the axis altogether?"""
    kernel, stride, dilation, padding = map(number, rule[1:5])
    if dilation == 1 and kernel >= stride:
        return True
    return padding <= 0 and holds((count - 1) * stride - padding + (kernel - 1) * dilation, "<", length) is True


def _narrowed(strip: Strip, lowest: Dim | None, highest: Dim | None) -> tuple[Dim | None, Dim | None]:
    """The first and the last position read by the units ``lowest`` to ``highest``."""
    first, last = strip.first, strip.last
    assert first is not None and last is not None
    if lowest is not None and lowest != 0 and (low := strip.low(lowest)) is not None:
        first = maximum(first, low)
    if highest is not None and highest != strip.units - 1 and (high := strip.high(highest)) is not None:
        last = minimum(last, high)
    return first, last


def _touched(rule: Any, count: Dim, length: Dim) -> tuple[Dim | None, Dim | None]:
    """The lowest and the highest of ``length`` positions that any of ``count`` outputs reads."""
    open_ = not (isinstance(count, int) and isinstance(length, int))
    if isinstance(rule, Window) and (open_ or rule.dilation == 1 and holds(rule.kernel, ">=", rule.stride)):
        _, kernel, stride, dilation, padding, _ = rule
        end = (count - 1) * stride - padding + (kernel - 1) * dilation
        return maximum(0, -padding), end if open_ else minimum(length - 1, end)
    assert isinstance(count, int) and isinstance(length, int)
    outputs, inputs = rule.period
    ahead = outputs * max(1, -(-(abs(rule.reads(0).start) + len(rule.reads(0)) * rule.reads(0).step) // max(inputs, 1)))
    near = range(min(count, ahead + outputs))
    far = range(max(0, count - ahead - outputs), count)
    lowest = [inside[0] for unit in near if (inside := within(rule.reads(unit), length))]
    highest = [inside[-1] for unit in far if (inside := within(rule.reads(unit), length))]
    return min(lowest, default=None), max(highest, default=None)


def within(positions: range, length: int) -> range:
    """The part of a range of positions that lies in ``0 … length − 1``.

    >>> within(range(-3, 9, 2), 6)
    range(1, 7, 2)
    """
    start, stop, step = positions.start, positions.stop, positions.step
    if start < 0:
        start += -(start // step) * step
    if stop > length:
        stop = start + max(0, -(-(length - start) // step)) * step
    return range(start, stop, step)


def _swept(strip: Strip, rule: Any, count: Dim, name: str) -> Strip | Lost | Misaligned:
    """Any sliding rule over a strip of any period, unit by unit over one period."""
    try:
        if strip.lost:
            raise NotANumber(strip.lost)
        if strip.grows:
            raise NotANumber("the field depends on the position")
        if strip.shift is None:
            return _tabled(strip, rule, count)
        outputs, inputs = rule.period
        period, shift = len(strip.lows), strip.shift
        if inputs == 0:
            outputs, inputs = 1, 0
        turns = period // gcd(period, inputs)
        if outputs * turns > MAX_PERIOD:
            return Misaligned(f"{name}: the field repeats only every {outputs * turns} units")
        lows: list[Dim | None] = []
        highs: list[Dim | None] = []
        for unit in range(outputs * turns):
            reads = rule.reads(unit)
            found = [low for place in reads[:period] if (low := strip.low(place)) is not None]
            lows.append(minimum(*found) if found else None)
            found = [high for place in reads[-period:] if (high := strip.high(place)) is not None]
            highs.append(maximum(*found) if found else None)
        shift = shift * (inputs * turns // period)
        first, last, covered = strip.first, strip.last, _covers(rule, count, strip.units)
        if first is None or last is None or covered:
            pass
        elif isinstance(count, int) and isinstance(strip.units, int):
            first, last = _narrowed(strip, *_touched(rule, count, strip.units))
        else:
            first = last = None
        return Strip(
            rule.axis,
            *_shortest(lows, highs, shift),
            strip.length,
            count,
            first,
            last,
            notes=strip.notes,
            sure=strip.sure and first is not None and (covered or isinstance(rule, (Adaptive, Resized))),
            solid=False,
        )
    except NotANumber as error:
        cause = TOO_MANY if str(error) == TOO_MANY else "the field depends on the position and on a letter"
        reason = strip.lost or f"{name}: {cause}"
        if strip.first is None or strip.last is None or not _covers(rule, count, strip.units):
            return Lost(reason)
        return _together_only(strip._replace(axis=rule.axis, units=count), reason)


def _together_only(strip: Strip, reason: str) -> Strip:
    """What all units of a strip read, where it is not known what each of them does."""
    return strip._replace(lows=(), highs=(), shift=None, solid=False, lost=reason, grows=False)


def _shortest(
    lows: list[Dim | None], highs: list[Dim | None], shift: Dim
) -> tuple[tuple[Dim | None, ...], tuple[Dim | None, ...], Dim]:
    """The same strip with its least period."""
    period = len(lows)
    if isinstance(shift, int) and period > 1:
        for shorter in (size for size in range(1, period // 2 + 1) if period % size == 0):
            if shift % (period // shorter):
                continue
            step = shift // (period // shorter)
            if all(
                values[i + shorter] == (value if value is None else value + step)
                for values in (lows, highs)
                for i, value in enumerate(values[:-shorter])
            ):
                return tuple(lows[:shorter]), tuple(highs[:shorter]), step
    return tuple(lows), tuple(highs), shift


def _tabled(strip: Strip, rule: Any, count: Dim) -> Strip:
    """A rule over a table of units: only units that are there are read."""
    if not isinstance(count, int) or not isinstance(strip.units, int):
        raise NotANumber("a table needs numbers")
    if count > MAX_UNITS:
        raise NotANumber(TOO_MANY)
    lows: list[Dim | None] = []
    highs: list[Dim | None] = []
    for unit in range(count):
        reads = within(rule.reads(unit), strip.units)
        lows.append(min((low for place in reads if (low := strip.lows[place]) is not None), default=None))
        highs.append(max((high for place in reads if (high := strip.highs[place]) is not None), default=None))
    found = [low for low in lows if low is not None]
    first = max(0, min(found)) if found else strip.first
    found = [high for high in highs if high is not None]
    last = min(strip.length - 1, max(found)) if found else strip.last
    return strip._replace(axis=rule.axis, lows=tuple(lows), highs=tuple(highs), units=count, first=first, last=last)


# ---------------------------------------------------------------- where branches meet


def _hull(strips: Iterable[Strip], name: str) -> Path | Misaligned:
    """What the branches that meet at layer ``name`` read together: one strip for each axis that still moves."""
    merged: dict[tuple[int | None, bool], Strip] = {}
    for strip in strips:
        key = (strip.axis, strip.merged)
        other = merged.get(key)
        if other is None or other is strip:
            merged[key] = strip
            continue
        joined = _joined(other, strip, name)
        if isinstance(joined, (Lost, Misaligned)):
            return joined
        merged[key] = joined
    whole = merged.get((None, False))
    if whole is None or len(merged) == 1:
        return tuple(merged.values())
    for key, strip in list(merged.items()):  # a branch that sees everything makes the hull so
        if key[0] is None:
            continue
        (first, last), (low, high) = whole.ends, strip.ends
        if holds(first, "<=", low) and holds(last, ">=", high):
            del merged[key]
    if len(merged) == 1:
        return (whole,)
    del merged[(None, False)]
    if any(strip.shift is not None for strip in merged.values()):
        return Misaligned(f"{name}: one branch sees all that is left of the axis, another reads beyond it")
    return tuple(_over(whole, strip) for strip in merged.values())


def _over(whole: Strip, table: Strip) -> Strip:
    """A table whose every unit reads ``whole`` besides."""
    first, last = whole.ends
    lows = tuple(_least(first, low) for low in table.lows)
    highs = tuple(_greatest(last, high) for high in table.highs)
    ends = minimum(first, table.ends[0]), maximum(last, table.ends[1])
    return table._replace(lows=lows, highs=highs, first=ends[0], last=ends[1])


def _joined(one: Strip, two: Strip, name: str) -> Strip | Lost | Misaligned:
    """The hull of two branches that move along the same axis."""
    if one[1:8] == two[1:8] and one.by == two.by and one[11:] == two[11:]:
        return one if not two.notes or one.notes == two.notes else one._replace(notes=_together(one, two))
    first = _least(one.first, two.first) if one.first is not None and two.first is not None else None
    last = _greatest(one.last, two.last) if one.last is not None and two.last is not None else None
    notes = _together(one, two) if one.notes or two.notes else ()
    sure, solid = one.sure and two.sure, one.solid and two.solid
    if reason := one.lost or two.lost:
        if first is None or last is None:
            return Lost(reason)
        return _together_only(one._replace(first=first, last=last, notes=notes, sure=sure), reason)
    if one.shift is None and two.shift is None:
        lows = tuple(map(_least, one.lows, two.lows))
        highs = tuple(map(_greatest, one.highs, two.highs))
        return one._replace(lows=lows, highs=highs, first=first, last=last, notes=notes)
    if one.grows or two.grows:
        return _grown(one, two, name, notes)
    if one.shift is None or two.shift is None:
        return Misaligned("")
    if one.shift * len(two.lows) != two.shift * len(one.lows):
        note = f"{name}: the strides of its branches differ ({_stride(one)} and {_stride(two)})"
        return Lost(f"{note}, and its units were laid out in a row") if one.merged else Misaligned(note)
    period = lcm(len(one.lows), len(two.lows))
    if one.axis is not None and period == 1 and one.lows[0] is not None and two.lows[0] is not None:
        centres = one.lows[0] + one.highs[0], two.lows[0] + two.highs[0]  # type: ignore[operator]
        if centres[0] != centres[1]:
            apart = centres[1] - centres[0]
            distance = str(Fraction(abs(apart), 2)) if isinstance(apart, int) else f"({text(apart)})/2"
            notes = (*notes, f"{name}: the centres of its branches lie {distance} apart")
    lows = tuple(_least(one.low(unit), two.low(unit)) for unit in range(period))
    highs = tuple(_greatest(one.high(unit), two.high(unit)) for unit in range(period))
    shift = one.shift * (period // len(one.lows))
    by = one.by or two.by
    return one._replace(
        lows=lows, highs=highs, shift=shift, first=first, last=last, notes=notes, by=by, sure=sure, solid=solid
    )


def _grown(one: Strip, two: Strip, name: str, notes: tuple[str, ...]) -> Strip | Misaligned:
    """The hull of a branch whose units read up to their own place, and one that reads no further at any of them."""
    for strip, other in ((one, two), (two, one)):
        pairs = [(strip.last, other.last), (strip.highs[0], other.highs[0])]
        pairs += [] if other.grows else [(other.first, strip.first)]
        known = all(a is not None and b is not None and holds(a, ">=", b) for a, b in pairs)
        if strip.grows and known and strip.shift == other.shift and len(other.highs) == 1:
            first = _least(strip.first, other.first)
            return strip._replace(lows=(first,), first=first, notes=notes, sure=one.sure and two.sure)
    return Misaligned(f"{name}: branches of which the units read up to their own place do not go on alike")


def _stride(strip: Strip) -> str:
    return "varying" if strip.stride is None else str(strip.stride)


def _together(*strips: Strip) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for strip in strips for note in strip.notes))


def _least(one: Dim | None, two: Dim | None) -> Dim | None:
    if type(one) is type(two) is int:
        return one if one < two else two
    return two if one is None else one if two is None else minimum(one, two)


def _greatest(one: Dim | None, two: Dim | None) -> Dim | None:
    if type(one) is type(two) is int:
        return one if one > two else two
    return two if one is None else one if two is None else maximum(one, two)


# ---------------------------------------------------------------- from strips to fields


def _summary(paths: list[Path]) -> ReceptiveField | str:
    """The field of a node from its paths, one a spatial axis; or why there is none."""
    strips = []
    for path in paths:
        if path is None:
            return "reads nothing of the source"
        if isinstance(path, Lost):
            return path.reason
        if reason := next((strip.lost for strip in path if strip.lost), ""):
            return reason
        if len(path) > 1:
            return "a unit reads along one axis of the source at two places, given by different axes of its own"
        strips.append(path[0])
    return ReceptiveField(tuple(strips))


def _sizes(strip: Strip) -> tuple[Dim, Dim]:
    """The least and the greatest size over the units of a strip, of which there may be fewer than repeat."""
    if strip.grows:
        first, last, nearest = strip.first, strip.last, strip.high(0)
        assert first is not None and last is not None and nearest is not None
        return maximum(0, minimum(nearest, last) - first + 1), last - first + 1
    units = max(1, strip.units) if isinstance(strip.units, int) else None
    found: list[Dim] = [
        0 if low is None or high is None else high - low + 1
        for low, high in zip(strip.lows[:units], strip.highs[:units])
    ]
    if len(found) == 1:
        return found[0], found[0]
    if holds(strip.units, ">=", len(found)):
        return minimum(*found), maximum(*found)
    return _among(minimum, found, strip.units), _among(maximum, found, strip.units)


def _among(extreme: Callable[[Dim, Dim], Dim], sizes: list[Dim], units: Dim) -> Dim:
    """The extreme of the first ``units`` of some sizes, of which there is at least one: each counts where it is there.

    >>> from netcalc.dims import symbol
    >>> _among(maximum, [1, 2, 2], 2 * symbol("H") - 1), _among(minimum, [3, 5, 1], symbol("H"))
    (min(2*H, 3) - 1, 7 - 2*min(max(H, 2), 3))
    """
    found = best = sizes[0]
    for unit, size in enumerate(sizes[1:], 1):
        better = extreme(best, size)
        if better != best:
            found = found + (better - best) * minimum(1, maximum(0, units - unit))
            best = better
    return found


def _positions(fold: _Fold) -> tuple[int, ...]:
    """The spatial axes of a source of one or two axes (see :func:`spatial_axes`), from a fold without normalisation."""
    nodes, source, events = fold.graph.nodes, fold.source, fold.events
    rank = len(nodes[source].shape)
    if rank == 1:
        until = events[0].place if 0 in events else len(nodes)
        grows = any(
            len(node.shape) > 1 and path and not isinstance(path, Lost) and not any(strip.merged for strip in path)
            for node, (path, *_) in zip(nodes[source + 1 : until], fold.paths[source + 1 : until])
        )
        return (0,) if grows else ()
    if not events:
        return tuple(range(rank))
    told = {axis: event for axis, event in events.items() if event.what != "pooled"}
    if not told:
        return tuple(sorted(events))
    first = min(event.place for event in told.values())
    at_once = {axis: event.what for axis, event in told.items() if event.place == first}
    if "slid" in at_once.values():
        return tuple(axis for axis, what in at_once.items() if what == "slid")
    if len(at_once) == 1:
        return (1 - next(iter(at_once)),)
    return (0, 1) if "merged" in at_once.values() else (0,)
