"""Layers that lay the same numbers out in another way (torch.nn: Flatten, Unflatten; torch: reshape, permute, …) or
put the numbers of some axes together (mean, sum, max).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar

from netcalc.dims import Dim, product, text
from netcalc.errors import Span, SpecError
from netcalc.layers.base import (
    Condition,
    Conditions,
    Fact,
    Function,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    at_most,
    axis_in_range,
    behind_batch,
    dim_behind_batch,
    divisible,
    equal,
    flag,
    free,
    has_axes,
    integer,
    layer,
    named,
    per_sample,
    phrase,
    record,
    shape,
    shape_text,
    size,
)
from netcalc.layers.reach import WHOLE, Digits, Merged, Part, Reach, Rule, Unknown, Window
from netcalc.records import NamedTuple

ALONG = Function(axes={"dim": "axis"}, gathers="axis")
MOVED = "lays the same numbers out in another way"


def is_free(size: Dim) -> bool:
    """Is this entry of a shape the −1 that stands for whatever is left over?"""
    return type(size) is int and size == -1


def fills(stated: Shape, length: Dim, argument: str) -> Iterator[Condition | Fact]:
    """A shape with at most one −1 must hold exactly ``length`` elements."""
    yield Fact(
        sum(map(is_free, stated)) <= 1,
        f"{argument} has more than one -1, so that its sizes cannot be told",
        expected="at most one -1",
        found=repr(stated),
        argument=argument,
    )
    known = [entry for entry in stated if not is_free(entry)]
    for entry in known:
        yield at_least(entry, 1, argument)
    if len(known) < len(stated):
        yield divisible(length, product(known), "the number of elements", argument)
    else:
        yield equal(product(known), length, f"the number of elements in {argument}", argument)


def filled(stated: Shape, length: Dim) -> Shape:
    """A shape with its −1 replaced by what is left over of ``length``.

    >>> filled((2, -1, 3), 24)
    (2, 4, 3)
    """
    rest = length // product([size for size in stated if not is_free(size)]) if any(map(is_free, stated)) else 0
    return tuple(rest if is_free(size) else size for size in stated)


def named_axes(axes: Shape, rank: int, argument: str) -> Iterator[Fact]:
    """``axes`` must name some of ``rank`` axes, per sample, each at most once."""
    plain = [axis for axis in axes if isinstance(axis, int)]
    yield Fact(
        0 < len(axes) == len(plain),
        f"{argument} must be one or more plain integers",
        expected=f"{argument} between {-rank} and {rank - 1}",
        found=repr(axes),
        argument=argument,
    )
    for axis in plain:
        yield axis_in_range(axis, rank, argument)
    yield Fact(
        len(set(sample_axes(axes, rank))) == len(axes),
        f"{argument} names an axis twice: {axes!r}",
        expected="each axis once",
        found=repr(axes),
        argument=argument,
    )


def sample_axes(axes: Shape, rank: int) -> list[int]:
    """Axes, of which negative ones count from the end, as numbers from 0."""
    return [axis % rank for axis in axes if isinstance(axis, int)]


def without_axes(rank: int, gone: list[int], *, keep: bool = False) -> Reach:
    """Each output unit reads all of the axes that are ``gone`` (or kept as size 1), and its own place on the others."""
    kept = [axis for axis in range(rank) if keep or axis not in gone]
    return (tuple(WHOLE if axis in gone else Window(kept.index(axis)) for axis in range(rank)),)


@layer
class Flatten(Layer):
    """Merges the axes from ``start_dim`` to ``end_dim`` into one, in row-major order.

    Shapes: ``C x H x W`` → ``C·H·W``. As in torch, axis 0 is the batch, so that 1 is a sample's first axis.
    Work: none.
    """

    words = ("flatten",)
    function = Function(needs="start_dim")
    namesake = "Flatten"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html"
    examples = ("3x32x32 -> flatten", "3x4x5 -> flatten 2")
    trial_inputs = (((2, 3),), ((3, 4, 2),), ((2, 1, 3, 4),))

    start_dim: int = integer("first axis to merge (0 is the batch)", 1, tries=(1, 1, 2, 3, -1, -2, 4))
    end_dim: int = integer("last axis to merge", -1, tries=(-1, -1, 1, 2, 3, -2, 4))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "one axis or more")
        yield dim_behind_batch(self.start_dim, len(x), "start_dim")
        yield dim_behind_batch(self.end_dim, len(x), "end_dim")
        first, last = self.merged(x)
        yield Fact(
            first <= last,
            f"start_dim={self.start_dim} comes after end_dim={self.end_dim} in an input of {shape_text(x)}",
            expected="start_dim not behind end_dim",
            argument="start_dim",
        )

    def merged(self, x: Shape) -> tuple[int, int]:
        """The first and the last of the axes that are merged, per sample."""
        return behind_batch(self.start_dim, len(x)), behind_batch(self.end_dim, len(x))

    def output_shape(self, x: Shape) -> Shape:
        first, last = self.merged(x)
        return (*x[:first], product(x[first : last + 1]), *x[last + 1 :])

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        first, last = self.merged(x)
        inside: Rule = Merged(first) if first < last else Window(first)
        after = (Window(axis - (last - first)) for axis in range(last + 1, len(x)))
        return ((*map(Window, range(first)), *[inside] * (last + 1 - first), *after),)


def split_axis(first: int, sizes: Shape) -> Rule:
    """The rule of an input axis that is split into output axes of these sizes, from axis ``first`` on."""
    if len(sizes) == 1:
        return Window(first)
    return Digits(tuple(Part(first + place, 1, size) for place, size in enumerate(sizes))) if sizes else WHOLE


@layer
class Unflatten(Layer):
    """Splits axis ``dim`` into several, in row-major order: the opposite of Flatten.

    Shapes: ``12 x L`` → ``3 x 4 x L`` for ``dim=1, unflattened_size=(3, 4)``. As in torch, axis 0 is the batch, so
    that 1 is a sample's first axis; one size may be −1. Work: none.
    """

    words = ("unflatten",)
    namesake = "Unflatten"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html"
    examples = ("12 -> Unflatten(1, (3, 4))", "32x12 -> Unflatten(2, (3, -1))")
    trial_inputs = (((12,),), ((6, 4),), ((2, 12, 3),))

    dim: int = integer("axis to split (0 is the batch)", tries=(1, 1, -1, -1, 2, 3))
    unflattened_size: Shape = shape(
        "the sizes it is split into; one may be -1",
        tries=((2, 3), (3, 4), (2, -1), (-1,), (2, 3, 2), (-1, 4), (2, 0), (-1, -1)),
    )

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "one axis or more")
        yield dim_behind_batch(self.dim, len(x), "dim")
        yield Fact(
            len(self.unflattened_size) > 0,
            "unflattened_size is empty",
            expected="one size or more",
            argument="unflattened_size",
        )
        yield from fills(self.unflattened_size, x[behind_batch(self.dim, len(x))], "unflattened_size")

    def output_shape(self, x: Shape) -> Shape:
        axis = behind_batch(self.dim, len(x))
        return (*x[:axis], *filled(self.unflattened_size, x[axis]), *x[axis + 1 :])

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        axis, more = behind_batch(self.dim, len(x)), len(self.unflattened_size) - 1
        split = split_axis(axis, filled(self.unflattened_size, x[axis]))
        return ((*map(Window, range(axis)), split, *map(Window, range(axis + 1 + more, len(x) + more))),)


# ---------------------------------------------------------------- one shape for another


def behind_first(sizes: Any) -> Any:
    """A shape without its first entry, the batch. Raises SpecError."""
    entries = sizes if isinstance(sizes, tuple) else (sizes,)
    if len(entries) < 2:
        raise SpecError(
            "illegal-argument",
            f"{entries!r} leaves no axis to a sample: the first is the batch",
            expected="the batch, then a sample's sizes, such as (-1, 784)",
            found=repr(entries),
        )
    return entries[1:]


def order_behind_batch(dims: Any) -> Any:
    """An order of axes that begins with 0, the batch, as one of a sample's own. Raises SpecError.

    >>> order_behind_batch((0, 2, 3, 1))
    (1, 2, 0)
    """
    entries = dims if isinstance(dims, tuple) else (dims,)
    if entries[0] != 0:
        raise SpecError(
            "illegal-argument",
            f"{entries!r} moves axis 0, the batch, which must stay first",
            expected="an order that begins with 0, such as (0, 2, 3, 1)",
            found=repr(entries),
        )
    return per_sample(entries[1:])


@layer
class Reshape(Layer):
    """The same numbers in row-major order under another shape.

    Shapes: any → ``sizes``, where one size may be −1: whatever is left over. Work: none.
    """

    words = ("reshape", "view")
    function = Function({"shape": "sizes"}, behind_first, gathers="sizes")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.reshape.html"
    examples = ("784 -> reshape 1x28x28", "4x6 -> Reshape((2, -1))")
    trial_inputs = (((12,),), ((6, 4),), ((2, 12, 3),))

    sizes: Shape = shape(
        "the new sizes, per sample; one may be -1",
        tries=(
            (12,),
            (-1,),
            (2, -1),
            (3, 8),
            (2, 3, -1),
            (6, 2, 2),
            (4, 3, 2, 3),
            (5, -1),
            (-1, -1),
            (0, -1),
            (2, 3, 12),
        ),
    )

    def conditions(self, x: Shape) -> Conditions:
        yield from fills(self.sizes, product(x), "sizes")

    def output_shape(self, x: Shape) -> Shape:
        return filled(self.sizes, product(x))

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        y = self.output_shape(x)
        shorter = min(len(x), len(y))
        before = next((n for n in range(shorter) if x[n] != y[n]), shorter)
        after = next((n for n in range(shorter - before) if x[-1 - n] != y[-1 - n]), shorter - before)
        inside: Rule = Unknown("the axes are laid out anew")
        if len(y) == before + after + 1:
            inside = Merged(before)
        elif len(x) == before + after + 1:
            inside = split_axis(before, y[before : len(y) - after])
        kept = (Window(axis) for axis in range(len(y) - after, len(y)))
        return ((*map(Window, range(before)), *[inside] * (len(x) - before - after), *kept),)


@layer
class Squeeze(Layer):
    """Leaves out axes of size 1, named by ``axis`` (per sample). Unlike torch, an axis of another size is an error.

    Shapes: ``C x 1 x 1`` → ``C`` for ``axis=(1, 2)``. Work: none.
    """

    words = ("squeeze",)
    function = ALONG
    source = "https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html"
    examples = ("1x28x28 -> squeeze 0", "64x1x1 -> squeeze (1, 2)")
    trial_inputs = (((1, 4),), ((3, 1, 1),), ((1,),))

    axis: Shape = shape(
        "the axes to leave out, per sample", tries=((0,), (1,), (-1,), (1, 2), (-2, -1), (1, 1), (0, 2), (3,))
    )

    def conditions(self, x: Shape) -> Conditions:
        yield from named_axes(self.axis, len(x), "axis")
        for axis in sorted(sample_axes(self.axis, len(x))):
            yield equal(x[axis], 1, f"axis {axis}, which is to be left out,", "axis")

    def output_shape(self, x: Shape) -> Shape:
        gone = sample_axes(self.axis, len(x))
        return tuple(size for axis, size in enumerate(x) if axis not in gone)

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        return without_axes(len(x), sample_axes(self.axis, len(x)))


@layer
class Unsqueeze(Layer):
    """Puts in a new axis of size 1, before ``axis`` (per sample).

    Shapes: ``H x W`` → ``1 x H x W`` for ``axis=0``. Work: none.
    """

    words = ("unsqueeze",)
    function = Function({"dim": "axis"})
    source = "https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html"
    examples = ("28x28 -> unsqueeze 0", "64 -> unsqueeze -1")
    trial_inputs = (((4,),), ((2, 3),), ((2, 3, 2),))

    axis: int = integer("position of the new axis, per sample", tries=(0, 1, 2, 3, -1, -2, 4))

    def conditions(self, x: Shape) -> Conditions:
        yield axis_in_range(self.axis, len(x) + 1, "axis")

    def output_shape(self, x: Shape) -> Shape:
        axis = self.axis % (len(x) + 1)
        return (*x[:axis], 1, *x[axis:])

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        new = self.axis % (len(x) + 1)
        return (tuple(Window(axis + (axis >= new)) for axis in range(len(x))),)


# ---------------------------------------------------------------- another order


@layer
class Permute(Layer):
    """The axes in another order: output axis i is input axis ``order[i]`` (per sample).

    Shapes: ``C x H x W`` → ``H x W x C`` for ``order=(1, 2, 0)``. Work: none.
    """

    words = ("permute",)
    function = Function({"dims": "order"}, order_behind_batch, gathers="order")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.permute.html"
    examples = ("3x32x16 -> permute 1 2 0",)
    trial_inputs = (((4,),), ((2, 3),), ((2, 3, 4),))

    order: Shape = shape(
        "the input axis for each output axis, per sample",
        tries=((0,), (1, 0), (0, 1), (1, 2, 0), (2, 1, 0), (-1, 0, 1), (0, 0), (0, 1, 3)),
    )

    def conditions(self, x: Shape) -> Conditions:
        yield from named_axes(self.order, len(x), "order")
        yield Fact(
            len(self.order) == len(x),
            f"order names {len(self.order)} of the input's {len(x)} axes, but must name each of them once",
            expected=f"each of 0 … {len(x) - 1} once",
            found=repr(self.order),
            argument="order",
        )

    def output_shape(self, x: Shape) -> Shape:
        return tuple(x[axis] for axis in sample_axes(self.order, len(x)))

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        order = sample_axes(self.order, len(x))
        return (tuple(Window(order.index(axis)) for axis in range(len(x))),)


@layer
class Transpose(Layer):
    """Exchanges two axes (per sample).

    Shapes: ``T x D`` → ``D x T``. Work: none.
    """

    words = ("transpose",)
    function = Function({"dim0": "axis0", "dim1": "axis1"}, needs="axis0")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.transpose.html"
    examples = ("16x64 -> transpose", "3x8x6 -> transpose 0 2")
    trial_inputs = (((4,),), ((2, 3),), ((2, 3, 4),))

    axis0: int = integer("one axis, per sample", -2, tries=(0, 0, 1, -1, -2, 2))
    axis1: int = integer("the other axis, per sample", -1, tries=(0, 1, 1, -1, 2, -3))

    def conditions(self, x: Shape) -> Conditions:
        yield axis_in_range(self.axis0, len(x), "axis0")
        yield axis_in_range(self.axis1, len(x), "axis1")

    def order(self, rank: int) -> list[int]:
        """The input axis for each output axis."""
        order = list(range(rank))
        one, other = self.axis0 % rank, self.axis1 % rank
        order[one], order[other] = other, one
        return order

    def output_shape(self, x: Shape) -> Shape:
        return tuple(x[axis] for axis in self.order(len(x)))

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        return (tuple(map(Window, self.order(len(x)))),)


@layer
class Slice(Layer):
    """Every ``step``-th position of one axis from ``start`` up to, without, ``stop`` (negative: from the end).

    Shapes: length n → ⌊(stop − start − 1) / step⌋ + 1. Unlike Python's, a range that leaves the axis is an error.
    Work: none.
    """

    words = ("slice",)
    source = "https://docs.pytorch.org/docs/stable/tensor_view.html"
    examples = ("197x768 -> slice 0 0 1", "3x8x8 -> slice 1 0 8 2", "10x4 -> slice start=1")
    trial_inputs = (((6,),), ((5, 4),), ((2, 6, 3),))

    axis: int = integer("the axis, per sample", 0, tries=(0, 0, 1, -1, 2))
    start: Dim = size("the first position", 0, tries=(0, 1, 2, -1, -2, 4, -7))
    stop: Dim | None = size(
        "the position after the last (the axis' end where not stated)", None, tries=(None, 3, 4, -1, 6, 2)
    )
    step: Dim = size("distance between positions", 1, letter="s", tries=(1, 2, 3, 0))

    def conditions(self, x: Shape) -> Conditions:
        yield axis_in_range(self.axis, len(x), "axis")
        yield at_least(self.step, 1, "step")
        start, stop = self.positions(x)
        yield at_least(start, 0, "start")
        yield at_most(stop, x[self.axis], "stop")
        yield at_least(stop, start + 1, "stop")

    def positions(self, x: Shape) -> tuple[Dim, Dim]:
        """Start and stop, counted from the axis' begin."""
        length = x[self.axis]
        start, stop = (
            length + place if type(place) is int and place < 0 else place
            for place in (self.start, length if self.stop is None else self.stop)
        )
        return start, stop

    def output_shape(self, x: Shape) -> Shape:
        axis = self.axis % len(x)
        start, stop = self.positions(x)
        return (*x[:axis], (stop - start - 1) // self.step + 1, *x[axis + 1 :])

    def work(self, x: Shape) -> Work:
        return free("picks some of its input")

    def reach(self, x: Shape) -> Reach:
        picked = self.axis % len(x)
        start, _ = self.positions(x)
        rule = Window(picked, stride=self.step, padding=-start)
        return (tuple(rule if axis == picked else Window(axis) for axis in range(len(x))),)


# ---------------------------------------------------------------- axes put together to one number


@record
class _Reduction(Layer):
    """One number for all positions of some axes."""

    pools: ClassVar[bool] = True
    function = ALONG._replace(needs="axis")

    source = "https://docs.pytorch.org/docs/stable/torch.html#reduction-ops"
    trial_inputs = (((4,),), ((3, 2),), ((2, 3, 4),), ((2, 1, 3),))

    axis: Shape | None = shape(
        "the axes to put together, per sample (all where not stated)",
        None,
        tries=(None, (0,), (1,), (-1,), (0, 1), (-2, -1), (1, 2), (0, 0), (3,)),
    )
    keepdim: bool = flag("keep the axes, with size 1", False)

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "one axis or more")
        if self.axis is not None:
            yield from named_axes(self.axis, len(x), "axis")

    def reduced(self, rank: int) -> list[int]:
        """The axes that are put together."""
        return list(range(rank)) if self.axis is None else sample_axes(self.axis, rank)

    def output_shape(self, x: Shape) -> Shape:
        gone = self.reduced(len(x))
        if self.keepdim:
            return tuple(1 if axis in gone else size for axis, size in enumerate(x))
        return tuple(size for axis, size in enumerate(x) if axis not in gone)

    def length(self, x: Shape) -> Dim:
        """How many numbers become one."""
        return product(x[axis] for axis in self.reduced(len(x)))

    def reach(self, x: Shape) -> Reach:
        return without_axes(len(x), self.reduced(len(x)), keep=self.keepdim)


@layer
class Mean(_Reduction):
    """The mean over some axes: Σ x / n.

    Shapes: ``C x H x W`` → ``C`` for ``axis=(1, 2)``. Work: for each output n − 1 add and 1 div.
    """

    words = ("mean",)
    examples = ("64x7x7 -> mean (1, 2)", "197x768 -> mean 0")

    def work(self, x: Shape) -> Work:
        outputs = self.output_shape(x)
        return Work((Line("Σ x", "add", (*outputs, self.length(x) - 1)), Line("/ n", "div", outputs)))


@layer
class Sum(_Reduction):
    """The sum over some axes: Σ x.

    Shapes: ``C x H x W`` → ``C`` for ``axis=(1, 2)``. Work: for each output n − 1 add.
    """

    words = ("sum",)
    examples = ("64x7x7 -> sum (1, 2)", "10x16 -> sum 0 keepdim=True")

    def work(self, x: Shape) -> Work:
        return Work((Line("Σ x", "add", (*self.output_shape(x), self.length(x) - 1)),))


@layer
class Max(_Reduction):
    """The greatest over some axes.

    Shapes: ``C x H x W`` → ``C`` for ``axis=(1, 2)``. Work: for each output n − 1 max.
    """

    words = ("max",)
    examples = ("64x7x7 -> max (1, 2)", "1024x3 -> max 0")

    def work(self, x: Shape) -> Work:
        return Work((Line("max x", "max", (*self.output_shape(x), self.length(x) - 1)),))


# ---------------------------------------------------------------- axes by name


class Pattern(NamedTuple):
    """The two sides of a pattern: for each axis the names of its parts (none: an axis of size 1)."""

    left: tuple[tuple[str, ...], ...]
    right: tuple[tuple[str, ...], ...]


REST = "..."


@lru_cache(maxsize=256)
def parsed(pattern: str, rank: int) -> Pattern:
    """A pattern in the manner of einops, for an input of ``rank`` axes: ``...`` stands for all that are not named.

    Raises SpecError with the characters at fault.

    >>> parsed("c (h p) 1 -> (p c) h", 3)
    Pattern(left=(('c',), ('h', 'p'), ()), right=(('p', 'c'), ('h',)))
    >>> parsed("... c -> c (...)", 3)
    Pattern(left=(('...0',), ('...1',), ('c',)), right=(('c',), ('...0', '...1')))
    """
    arrow = pattern.find("->")
    if arrow < 0 or (second := pattern.find("->", arrow + 2)) >= 0:
        place = (0, len(pattern)) if arrow < 0 else (second, second + 2)
        raise _illegible(pattern, "it needs exactly one '->'", *place)
    left, right = _axes_of(pattern, 0, arrow), _axes_of(pattern, arrow + 2, len(pattern))
    names = [{name.group() for axis in side for name in axis.parts} for side in (left, right)]
    for side, others in ((left, names[1]), (right, names[0])):
        for name in (name for axis in side for name in axis.parts):
            if name.group() not in others:
                raise _illegible(pattern, f"{name.group()!r} stands on one side only", *name.span())
    if grouped := next((axis for axis in left if axis.grouped for name in axis.parts if name.group() == REST), None):
        raise _illegible(pattern, "'...' cannot be in parentheses on the left", *grouped.span)
    rest = tuple(f"{REST}{number}" for number in range(rank - sum(axis.names != (REST,) for axis in left)))
    return Pattern(*(tuple(parts for axis in side for parts in axis.spelt_out(rest)) for side in (left, right)))


class _Axis(NamedTuple):
    """One axis as written: its names, whether they are in parentheses, and where."""

    parts: tuple[re.Match[str], ...]
    grouped: bool
    span: tuple[int, int]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.group() for name in self.parts)

    def spelt_out(self, rest: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """The axes that it stands for, with ``rest`` in the place of ``...``."""
        if self.names == (REST,) and not self.grouped:
            return tuple((name,) for name in rest)
        return (tuple(part for name in self.names for part in (rest if name == REST else (name,))),)


def _axes_of(pattern: str, start: int, end: int) -> list[_Axis]:
    """The axes of one side. Raises SpecError."""
    axes: list[_Axis] = []
    seen: set[str] = set()
    for axis in re.compile(r"\([^()]*\)|\.\.\.|\w+|\S").finditer(pattern, start, end):
        grouped = axis.group()[0] == "(" and axis.group()[-1] == ")"
        inside = (axis.start() + grouped, axis.end() - grouped)
        parts = [part for part in re.compile(r"\.\.\.|\w+|\S").finditer(pattern, *inside) if part.group() != "1"]
        for part in parts:
            if not re.fullmatch(r"[A-Za-z_]\w*|\.\.\.", part.group()):
                raise _illegible(pattern, f"{part.group()!r} is not the name of an axis", *part.span())
            if part.group() in seen:
                raise _illegible(pattern, f"{part.group()!r} stands twice on one side", *part.span())
            seen.add(part.group())
        axes.append(_Axis(tuple(parts), grouped, axis.span()))
    return axes


def _illegible(pattern: str, why: str, start: int, end: int) -> SpecError:
    return SpecError(
        "bad-pattern",
        f"the pattern {pattern!r} cannot be read: {why}",
        expected="names of axes, those to be merged or split in parentheses, such as 'c h w -> (h w) c'",
        found=pattern[start:end],
        argument="pattern",
        within=Span(start, end),
    )


@layer
class Rearrange(Layer):
    """Splits, reorders and merges axes by name, in the manner of einops' rearrange.

    ``c h w -> (h w) c`` makes tokens of pixels; ``(h p) (w q) c -> (h w) (p q c)`` with ``p=4 q=4`` cuts patches.
    Parentheses are one axis of several parts, the first the slowest; of each such input axis the sizes of all parts
    but one must be given; 1 is an axis of size 1; ``...`` stands for all axes that are not named. Axes are per sample.
    Work: none.
    """

    words = ("rearrange",)
    source = "https://einops.rocks/api/rearrange/"
    examples = (
        '64x8x8 -> rearrange "c h w -> (h w) c"',
        '3x32x32 -> rearrange "c (h p) (w q) -> (h w) (p q c)" p=4 q=4',
        '8x64x16 -> rearrange "... d -> d (...)"',
    )
    trial_inputs = (((4, 2, 6),), ((8, 4, 2),), ((4, 1, 3),), ((2, 4),), ((2, 4, 3, 2),))

    pattern: str = phrase(
        "the input's axes -> the output's axes",
        tries=(
            "c h w -> (h w) c",
            "c h w -> w (c h)",
            "c h w -> (w h c)",
            "(p a) h w -> (h a) w p",
            "(a p) h w -> p 1 (a w) h",
            "c (h p) (w q) -> (h w) (p q c)",
            "(p q c) h w -> c (h p) (w q)",
            "c 1 w -> w c",
            "c h -> h c",
            "a b c -> a b",
            "... w -> w ...",
            "c ... -> (...) c",
            "... (p c) h w -> h ... (w c) p",
            "a b c d ... -> d ... c b a",
        ),
    )
    sizes: tuple[tuple[str, Dim], ...] = named(
        "sizes of parts, each by its name",
        tries=((), (("p", 2),), (("p", 2), ("q", 2)), (("p", 1), ("q", 2)), (("z", 2),)),
    )

    def conditions(self, x: Shape) -> Conditions:
        left, _ = parsed(self.pattern, len(x))
        given = dict(self.sizes)
        yield Fact(
            len(left) == len(x),
            f"the pattern has {len(left)} axes on its left, but the input is {shape_text(x)}",
            expected=f"a pattern for {len(x)} axes",
            found=self.pattern,
            hint="sizes are per sample: leave the batch axis out",
            argument="pattern",
            code="wrong-rank",
        )
        names = [name for parts in left for name in parts]
        for name, stated in given.items():
            yield Fact(
                name in names,
                f"sizes names {name!r}, which the pattern does not have",
                expected=f"some of {', '.join(names)}",
                found=name,
                argument="sizes",
            )
            yield at_least(stated, 1, f"size {name}", "sizes")
        for axis, (parts, length) in enumerate(zip(left, x)):
            unknown = [name for name in parts if name not in given]
            yield Fact(
                len(unknown) <= 1,
                f"the sizes of {' and '.join(unknown)} in axis {axis} cannot be told from one another",
                expected=f"{unknown[-1] if unknown else ''}= and its size",
                found=", ".join(f"{name}={text(given[name])}" for name in parts if name in given) or "none of them",
                argument="pattern",
                within=self.written(parts),
            )
            known = product(given[name] for name in parts if name in given)
            if unknown:
                yield divisible(length, known, f"axis {axis} of the input", "sizes")
            else:
                yield equal(known, length, f"the size of ({' '.join(parts)})", "sizes")

    def written(self, parts: tuple[str, ...]) -> Span | None:
        """Where an axis of these parts stands in the pattern."""
        found = re.search(r"\(\s*" + r"\s+".join(map(re.escape, parts)) + r"\s*\)", self.pattern)
        return Span(*found.span()) if found else None

    def lengths(self, x: Shape) -> dict[str, Dim]:
        """The size of every part, by its name."""
        found = dict(self.sizes)
        for parts, length in zip(parsed(self.pattern, len(x)).left, x):
            rest = length // product(found[name] for name in parts if name in found)
            found.update({name: rest for name in parts if name not in found})
        return found

    def output_shape(self, x: Shape) -> Shape:
        lengths = self.lengths(x)
        return tuple(product(lengths[name] for name in parts) for parts in parsed(self.pattern, len(x)).right)

    def work(self, x: Shape) -> Work:
        return free(MOVED)

    def reach(self, x: Shape) -> Reach:
        left, right = parsed(self.pattern, len(x))
        lengths = self.lengths(x)
        digits = {
            name: Part(axis, product(lengths[inner] for inner in names[place + 1 :]), lengths[name])
            for axis, names in enumerate(right)
            for place, name in enumerate(names)
        }

        def rule(parts: tuple[str, ...]) -> Rule:
            if not parts:
                return WHOLE
            if len(parts) == 1 and parts in right:
                return Window(right.index(parts))
            return Digits(tuple(digits[name] for name in parts))

        return (tuple(map(rule, left)),)
