"""Sets of positions of a tensor, exactly: unions of boxes, where a box is a product of one set an axis.

A set along one axis is an ``int`` used as bits: position ``i`` is in it where bit ``i`` is set. A layer whose rules
treat the axes apart maps boxes to boxes; where branches meet, boxes are united. Nested boxes (a skip beside its
branch) are absorbed, and a union that grows is put into a normal form, whose length is bounded by the lengths of
the axes. Nothing is ever rounded up to a hull.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import product as combinations
from math import prod
from operator import or_

from netcalc.layers.reach import (
    Adaptive,
    Blocks,
    Causal,
    Digits,
    Merged,
    Part,
    Reach,
    Resized,
    Rule,
    Spread,
    Unknown,
    Whole,
    Window,
    found_at,
    number,
)

Bits = int
Box = tuple[Bits, ...]

MAX_BOXES = 24


# ---------------------------------------------------------------- one axis


def full(length: int) -> Bits:
    """All positions of an axis.

    >>> bin(full(3))
    '0b111'
    """
    return (1 << length) - 1


def members(bits: Bits) -> list[int]:
    """The positions in a set, in order.

    >>> members(0b10110)
    [1, 2, 4]
    """
    written = bin(bits)[:1:-1]
    found, place = [], written.find("1")
    while place >= 0:
        found.append(place)
        place = written.find("1", place + 1)
    return found


def runs(bits: Bits) -> list[range]:
    """The unbroken runs of a set, in order.

    >>> runs(0b1011100)
    [range(2, 5), range(6, 7)]
    """
    edges = members(bits ^ bits << 1)
    return [range(start, stop) for start, stop in zip(edges[::2], edges[1::2])]


def of_range(positions: range) -> Bits:
    """The set of a range of positions, none of them negative."""
    if positions.step == 1:
        return (1 << positions.stop) - (1 << positions.start) if positions else 0
    return reduce(or_, (1 << position for position in positions), 0)


def clipped(positions: range, length: int) -> Bits:
    """The part of a range of positions that lies on an axis.

    >>> bin(clipped(range(-2, 5, 2), 4))
    '0b101'
    """
    start, step = positions.start, positions.step
    if start < 0:
        start += -(start // step) * step
    return of_range(range(start, min(positions.stop, length), step))


def gathered(rule: Rule, outputs: Bits, length: int) -> Bits:
    """The positions, of ``length``, that a set of outputs reads by a sliding rule.

    >>> members(gathered(Window(0, kernel=3, stride=2, padding=1), 0b101, 8))
    [0, 1, 3, 4, 5]
    """
    if isinstance(rule, Window):
        kernel, stride, dilation, padding = map(number, rule[1:5])
        if rule.beyond not in ("zeros", "others"):
            places = {found_at(place, length, rule.beyond) for o in members(outputs) for place in rule.reads(o)}
            return reduce(or_, (1 << place for place in places if place is not None), 0)
        if kernel == stride == 1:
            return (outputs << -padding if padding < 0 else outputs >> padding) & full(length)
        if dilation == 1 and kernel >= stride:
            found = 0
            for run in runs(outputs):
                found |= clipped(range(run.start * stride - padding, run[-1] * stride - padding + kernel), length)
            return found
        if stride == 1 and kernel < outputs.bit_count():
            found = reduce(or_, (outputs << tap * dilation for tap in range(kernel)))
            return (found << -padding if padding < 0 else found >> padding) & full(length)
    if isinstance(rule, Causal):
        return full(min(outputs.bit_length(), length))
    assert isinstance(rule, (Window, Spread, Adaptive, Resized, Blocks))
    found = 0
    for output in members(outputs):
        found |= clipped(rule.reads(output), length)
    return found


def scattered(rule: Rule, inputs: Bits, length: int, outputs: int) -> Bits:
    """The positions, of ``outputs``, that read any of a set of inputs (of ``length``) by a sliding rule.

    >>> members(scattered(Window(0, kernel=3, stride=2, padding=1), 0b1000, 8, 4))
    [1, 2]
    """
    match rule:
        case Window(beyond="zeros" | "others"):
            return gathered(Spread(*rule[:5]), inputs, outputs)
        case Window():
            each = (gathered(rule, 1 << output, length) for output in range(outputs))
            return reduce(or_, (1 << output for output, reads in enumerate(each) if reads & inputs), 0)
        case Spread():
            return gathered(Window(*rule), inputs, outputs)
        case Causal():
            first = (inputs & -inputs).bit_length() - 1
            return full(outputs) >> first << first
        case Adaptive() | Resized() | Blocks():
            return reduce(or_, (1 << o for o in range(outputs) if clipped(rule.reads(o), length) & inputs), 0)
    raise AssertionError(f"{rule} does not slide")


# ---------------------------------------------------------------- several axes


class Region:
    """A set of positions of a tensor of one ``shape``, as a union of boxes.

    >>> region = Region((4, 4)).with_box((0b0011, 0b0110)).with_box((0b0110, 0b0110))
    >>> region.boxes, len(region), region.along(0)
    (((7, 6),), 6, 7)
    """

    __slots__ = ("boxes", "notes", "shape")

    def __init__(self, shape: tuple[int, ...], boxes: tuple[Box, ...] = (), notes: tuple[str, ...] = ()) -> None:
        self.shape, self.boxes, self.notes = shape, boxes, notes

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Region) and self.shape == other.shape and disjoint(self.boxes) == disjoint(other.boxes)

    def __hash__(self) -> int:
        return hash((self.shape, disjoint(self.boxes)))

    def __len__(self) -> int:
        """How many positions are in it."""
        return sum(prod(bits.bit_count() for bits in box) for box in disjoint(self.boxes))

    def __contains__(self, position: Sequence[int]) -> bool:
        return any(all(bits >> place & 1 for bits, place in zip(box, position)) for box in self.boxes)

    def __repr__(self) -> str:
        return f"<Region of {'x'.join(map(str, self.shape))}: {len(self.boxes)} boxes>"

    def along(self, axis: int) -> Bits:
        """The places along one axis at which any position of the set lies."""
        return reduce(or_, (box[axis] for box in self.boxes), 0)

    def plane(self, axes: Sequence[int]) -> tuple[Box, ...]:
        """The set seen along all other axes: disjoint boxes over ``axes``."""
        return disjoint(tuple(tuple(box[axis] for axis in axes) for box in self.boxes))

    def with_box(self, box: Box) -> Region:
        """The union with one more box."""
        return Region(self.shape, united(self.boxes, box), self.notes)


def united(boxes: tuple[Box, ...], box: Box) -> tuple[Box, ...]:
    """A union of boxes with one more: absorbed, joined with one that differs along one axis only, or added."""
    if not all(box):
        return boxes
    if not boxes:
        return (box,)
    for index, other in enumerate(boxes):
        if other == box:
            return boxes
        outside = [axis for axis, (bits, more) in enumerate(zip(other, box)) if more & ~bits]
        if not outside:
            return boxes
        beyond = [axis for axis, (bits, more) in enumerate(zip(other, box)) if bits & ~more]
        if not beyond:
            return united((*boxes[:index], *boxes[index + 1 :]), box)
        if outside == beyond and len(outside) == 1:
            joined = tuple(map(or_, other, box))
            return united((*boxes[:index], *boxes[index + 1 :]), joined)
    grown = (*boxes, box)
    return disjoint(grown) if len(grown) > MAX_BOXES else grown


def disjoint(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """The normal form of a union of boxes: equal sets have equal forms, and its boxes have nothing in common.

    Along the first axis the places are parted into classes with the same rest; and so on along the others.

    >>> disjoint(((0b01, 0b11), (0b11, 0b01)))
    ((1, 3), (2, 1))
    """
    if not boxes or not boxes[0]:
        return boxes[:1]
    if len(boxes) == 1:
        return boxes
    parts: list[tuple[Bits, tuple[Box, ...]]] = []  # classes of places, and the rests that they have
    for first, *rest in boxes:
        added: list[tuple[Bits, tuple[Box, ...]]] = []
        left = first
        for bits, rests in parts:
            common, other = bits & left, bits & ~left
            left &= ~common
            if common:
                added.append((common, (*rests, tuple(rest))))
            if other:
                added.append((other, rests))
        if left:
            added.append((left, (tuple(rest),)))
        parts = added
    classes: dict[tuple[Box, ...], Bits] = {}
    for bits, rests in parts:
        form = disjoint(tuple(dict.fromkeys(rests)))
        classes[form] = classes.get(form, 0) | bits
    return tuple(sorted((bits, *box) for form, bits in classes.items() for box in form))


def unravelled(bits: Bits, sizes: Sequence[int]) -> list[Box]:
    """Places along an axis that several axes were laid out on, as boxes over those.

    >>> unravelled(0b110110, (2, 3))
    [(3, 6)]
    """
    inner = prod(sizes[1:])
    if len(sizes) == 1:
        return [(bits,)] if bits else []
    if bits == full(inner * sizes[0]):
        return [tuple(map(full, sizes))]
    rows: dict[Bits, Bits] = {}
    row = full(inner)
    place = 0
    while bits:
        if bits & row:
            rows[bits & row] = rows.get(bits & row, 0) | 1 << place
        bits >>= inner
        place += 1
    return [(places, *box) for rest, places in rows.items() for box in unravelled(rest, sizes[1:])]


def ravelled(box: Box, sizes: Sequence[int]) -> Bits:
    """The opposite: a box over several axes as places along the one axis that they are laid out on.

    >>> bin(ravelled((3, 6), (2, 3)))
    '0b110110'
    """
    bits = box[-1]
    for places, inner in zip(box[-2::-1], (prod(sizes[start:]) for start in range(len(sizes) - 1, 0, -1))):
        bits = reduce(or_, (bits << place * inner for place in members(places)), 0)
    return bits


# ---------------------------------------------------------------- through a layer


Memo = dict[tuple[Rule, Bits, int], Bits]


def backwards(box: Box, rules: tuple[Rule, ...], inputs: tuple[int, ...], memo: Memo) -> Iterator[Box]:
    """What a box of a layer's outputs reads of one of its inputs (of shape ``inputs``), as boxes.

    Raises NotANumber where a size is a letter.
    """
    found: list[Bits] = []
    laid_out = False
    for place, rule in enumerate(rules):
        length = number(inputs[place])
        if isinstance(rule, (Whole, Unknown)):
            found.append(full(length))
        elif isinstance(rule, (Merged, Digits)):
            laid_out = True
            found.append(0)
        else:
            outputs = box[rule.axis]
            if type(rule) is Window and rule[1:] == (1, 1, 1, 0, "zeros"):
                bits = outputs & full(length)
            else:
                key = (rule, outputs, length)
                known = memo.get(key)
                bits = memo[key] = gathered(rule, outputs, length) if known is None else known
            if not bits:
                return
            found.append(bits)
    if not laid_out:
        yield tuple(found)
        return
    digits = digits_of(rules, inputs)
    columns = columns_of(digits)
    choices = [unravelled(box[axis], [number(part.size) for part in parts]) for axis, parts in columns.items()]
    for choice in combinations(*choices):
        value = {part: bits for parts, chosen in zip(columns.values(), choice) for part, bits in zip(parts, chosen)}
        for place, parts in digits.items():
            found[place] = ravelled(tuple(value[part] for part in parts), [number(part.size) for part in parts])
        yield tuple(found)


def forwards(
    box: Box, rules: tuple[Rule, ...], inputs: tuple[int, ...], outputs: tuple[int, ...], memo: Memo
) -> Iterator[Box]:
    """The outputs (of shape ``outputs``) of a layer that read any of a box of one of its inputs, as boxes."""
    found = list(map(full, outputs))
    laid_out = False
    for place, rule in enumerate(rules):
        if isinstance(rule, (Merged, Digits)):
            laid_out = True
        elif not isinstance(rule, (Whole, Unknown)):
            key = (rule, box[place], outputs[rule.axis])
            bits = memo.get(key)
            if bits is None:
                bits = memo[key] = scattered(rule, box[place], inputs[place], outputs[rule.axis])
            found[rule.axis] &= bits
    if not laid_out:
        yield tuple(found)
        return
    digits = digits_of(rules, inputs)
    columns = columns_of(digits)
    choices = [unravelled(box[place], [number(part.size) for part in parts]) for place, parts in digits.items()]
    for choice in combinations(*choices):
        value = {part: bits for parts, chosen in zip(digits.values(), choice) for part, bits in zip(parts, chosen)}
        result = list(found)
        for axis, parts in columns.items():
            result[axis] &= ravelled(tuple(value[part] for part in parts), [number(part.size) for part in parts])
        yield tuple(result)


def digits_of(rules: tuple[Rule, ...], inputs: tuple[int, ...]) -> dict[int, tuple[Part, ...]]:
    """The digits that make up each laid-out input axis; those of merged axes are counted from the last axis up."""
    found: dict[int, tuple[Part, ...]] = {}
    inner: dict[int, int] = {}
    for place in range(len(rules) - 1, -1, -1):
        rule = rules[place]
        if isinstance(rule, Merged):
            step = inner.get(rule.axis, 1)
            inner[rule.axis] = step * inputs[place]
            found[place] = (Part(rule.axis, step, inputs[place]),)
        elif isinstance(rule, Digits):
            found[place] = rule.parts
    return found


def columns_of(digits: dict[int, tuple[Part, ...]]) -> dict[int, list[Part]]:
    """The same digits by output axis, the slowest first."""
    columns: dict[int, list[Part]] = {}
    for part in (part for parts in digits.values() for part in parts):
        columns.setdefault(part.axis, []).append(part)
    for parts in columns.values():
        parts.sort(key=lambda part: (-number(part.step), -number(part.size)))
    return columns


def unknowns(reach: Reach) -> list[str]:
    """Why a layer's reach is not known, if it is not."""
    return [rule.reason for rules in reach for rule in rules if isinstance(rule, Unknown)]
