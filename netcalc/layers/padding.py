"""Padding (torch.nn: ZeroPad, ConstantPad, ReflectionPad, ReplicationPad and CircularPad, each 1d, 2d and 3d)."""

from __future__ import annotations

from typing import Any, ClassVar

from netcalc.dims import Dim, maximum, minimum
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Shape,
    Work,
    at_least,
    at_most,
    free,
    has_axes,
    has_rank,
    layer,
    real,
    record,
    shape,
)
from netcalc.layers.convolution import LAYOUT
from netcalc.layers.reach import Reach, Rule, Unknown, Window

ENDS = "elements added before and after: one number for all, or two an axis, the last axis first"
SIDES = ("left", "right", "top", "bottom", "front", "back")
"""torch's names for these, on an image or a volume."""


def tries(rank: int) -> tuple[Any, ...]:
    """What to try as padding over ``rank`` axes."""
    pairs = ((1, 2), (0, 1), (-1, 2), (2, -1), (1, 0))
    mixed = ((3, 1, 0, 1, 0, 1), (0, 2, 2, -1, 1, 1), (1, 0, 2, 3, -1, 2), (-1, -1, 1, 2, 0, 0), (2, 2, 0, -1, 2, 0))
    several = (*(pair * rank for pair in pairs), *(amounts[: 2 * rank] for amounts in mixed))
    return (0, 1, 1, 2, 3, 4, -1, -2, -3, *several, *((1,) * entries for entries in (0, 1, 2, 7, 2 * rank + 2)))


def stated_ends(rank: int = 1) -> Any:
    """The argument ``padding`` of a kind with ``rank`` axes."""
    return shape(ENDS, entries=SIDES, tries=tries(rank))


@record
class _Padding(Layer):
    """What all padding layers share."""

    beyond: ClassVar[str] = "zeros"  # what lies beyond the ends, as a Window says it

    longest: ClassVar[int] = 0  # torch wants one axis at least so long; the others may become empty

    padding: Dim | Shape = stated_ends()

    def __post_init__(self) -> None:
        stated = self.padding
        super().__post_init__()
        object.__setattr__(self, "padding", stated)  # a lone number is not a tuple of one, which torch refuses

    def ends(self) -> tuple[tuple[Dim, Dim], ...]:
        """What is added before and after, for each padded axis in the order of the axes."""
        stated = self.padding
        flat = stated if isinstance(stated, tuple) else (stated,) * (2 * (self.rank or 1))
        return tuple((flat[i], flat[i + 1]) for i in range(len(flat) - 2, -1, -2))

    def conditions(self, x: Shape) -> Conditions:
        yield self.allows(x)
        wanted = self.lengths(x)
        entries = len(self.padding) if isinstance(self.padding, tuple) else wanted[0]
        yield Fact(
            entries in wanted,
            f"padding has {entries} {'entry' if entries == 1 else 'entries'}, but {self.kind} needs "
            f"{' or '.join(map(str, wanted))} on this input"
            + (": the last two would pad the batch" if entries == 2 * len(x) + 2 else ""),
            expected="one number, or before and after for each axis, the last axis first",
            found=repr(self.padding),
            argument="padding",
        )
        if not self.ends():
            return
        for length, (before, after) in zip(x[-len(self.ends()) :], self.ends()):
            yield from self.axis_conditions(length, before, after)
            yield at_least(length + before + after, 0, "what a negative padding leaves", "padding")
        longest = maximum(*self.output_shape(x)[-len(self.ends()) :])
        yield at_least(longest, self.longest, "the longest axis that a negative padding leaves", "padding")

    def allows(self, x: Shape) -> Fact:
        """The number of axes that the input may have."""
        return has_rank(x, (self.rank or 1) + 1, LAYOUT[self.rank or 1])

    def lengths(self, x: Shape) -> tuple[int, ...]:
        """How many entries a tuple may have: two for each axis but the channels, or for these, too, on at most two."""
        rank = self.rank or 1
        return (2 * rank,) if rank > 2 else (2 * rank, 2 * rank + 2)

    def axis_conditions(self, length: Dim, before: Dim, after: Dim) -> Conditions:
        """What else must hold along one padded axis."""
        raise NotImplementedError(f"{self.kind} states no conditions")

    def output_shape(self, x: Shape) -> Shape:
        ends = self.ends()
        first = len(x) - len(ends)
        return (*x[:first], *(n + before + after for n, (before, after) in zip(x[first:], ends)))

    def work(self, x: Shape) -> Work:
        return free("copies elements")

    def reach(self, x: Shape) -> Reach:
        ends = self.ends()
        first = len(x) - len(ends)
        return ((*map(Window, range(first)), *(self.axis_reach(axis, *end) for axis, end in enumerate(ends, first))),)

    def axis_reach(self, axis: int, before: Dim, after: Dim) -> Rule:
        """What a unit reads along one axis with these ends."""
        return Window(axis, padding=before, beyond=self.beyond)


@record
class _ConstantPad(_Padding):
    """Adds elements of one constant (0 for ZeroPad) at the ends of the last axes; a negative number cuts elements off.

    ``padding`` is one number for every end, or two numbers an axis (before, after), beginning with the last axis, for
    as many axes as are stated.
    Shapes: ``* x L…`` → ``* x L + before + after…``. Work: none.
    """

    def allows(self, x: Shape) -> Fact:
        return has_axes(
            x, 1 if isinstance(self.padding, tuple) else self.rank or 1, f"* x {LAYOUT[self.rank or 1][4:]}"
        )

    def lengths(self, x: Shape) -> tuple[int, ...]:
        return tuple(range(0, 2 * len(x) + 1, 2))

    def axis_conditions(self, length: Dim, before: Dim, after: Dim) -> Conditions:
        yield at_least(length + minimum(before, 0) + minimum(after, 0), 0, "what a negative padding leaves", "padding")


@record
class _ReflectionPad(_Padding):
    """Mirrors the input at its ends, without repeating the outermost element; a negative number cuts elements off.

    ``padding`` is one number for every end, or two numbers an axis (before, after), beginning with the last axis.
    Shapes: ``C x L…`` → ``C x L + before + after…``. Work: none.
    The receptive field is that of the inner positions: the new ones copy inner elements.
    """

    beyond = "reflect"

    longest = 1

    def axis_conditions(self, length: Dim, before: Dim, after: Dim) -> Conditions:
        for amount in (before, after):
            yield at_most(amount, length - 1, "the padding, which mirrors the input without its end,", "padding")


@record
class _ReplicationPad(_Padding):
    """Repeats the outermost elements; a negative number cuts elements off.

    ``padding`` is one number for every end, or two numbers an axis (before, after), beginning with the last axis.
    Shapes: ``C x L…`` → ``C x L + before + after…``. Work: none.
    The receptive field is that of the inner positions: the new ones copy the outermost elements.
    """

    beyond = "replicate"

    longest = 1

    def axis_conditions(self, length: Dim, before: Dim, after: Dim) -> Conditions:
        yield from ()


@record
class _CircularPad(_Padding):
    """Continues the input as a ring, with elements of its other end; a negative number cuts elements off.

    ``padding`` is one number for every end, or two numbers an axis (before, after), beginning with the last axis.
    Shapes: ``C x L…`` → ``C x L + before + after…``. Work: none.
    The receptive field is that of the inner positions: the new ones copy elements of the other end.
    """

    beyond = "circular"

    def axis_reach(self, axis: int, before: Dim, after: Dim) -> Rule:
        if any(isinstance(end, int) and end < 0 for end in (before, after)):
            return Unknown("it wraps around what a cut has left")
        return super().axis_reach(axis, before, after)

    def axis_conditions(self, length: Dim, before: Dim, after: Dim) -> Conditions:
        for amount in (before, after):
            yield at_most(amount, length, "the padding, which goes round the input once,", "padding")


@layer
class ZeroPad1d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("zeropad", "zeropad1d")
    rank = 1
    namesake = "ZeroPad1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad1d.html"
    examples = ("4x9 -> zeropad 1",)
    trial_inputs = (((2, 5),), ((1, 4),), ((3, 3),))

    padding: Dim | Shape = stated_ends(1)


@layer
class ZeroPad2d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("zeropad", "zeropad2d")
    rank = 2
    namesake = "ZeroPad2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html"
    examples = ("3x8x8 -> zeropad 1",)
    trial_inputs = (((2, 4, 5),), ((1, 3, 4),), ((2, 6, 3),))

    padding: Dim | Shape = stated_ends(2)


@layer
class ZeroPad3d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("zeropad", "zeropad3d")
    rank = 3
    namesake = "ZeroPad3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad3d.html"
    examples = ("2x4x4x4 -> zeropad 1",)
    trial_inputs = (((1, 4, 3, 5),), ((2, 3, 4, 2),))

    padding: Dim | Shape = stated_ends(3)


@layer
class ConstantPad1d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("constantpad", "constantpad1d")
    rank = 1
    namesake = "ConstantPad1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad1d.html"
    examples = ("4x9 -> constantpad 1 value=0.5",)
    trial_inputs = (((2, 5),), ((1, 4),), ((3, 3),))

    padding: Dim | Shape = stated_ends(1)
    value: float = real("what to put there", tries=(0.5, -2, 0))


@layer
class ConstantPad2d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("constantpad", "constantpad2d")
    rank = 2
    namesake = "ConstantPad2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html"
    examples = ("3x8x8 -> constantpad 1 value=0.5",)
    trial_inputs = (((2, 4, 5),), ((1, 3, 4),), ((2, 6, 3),))

    padding: Dim | Shape = stated_ends(2)
    value: float = real("what to put there", tries=(0.5, -2, 0))


@layer
class ConstantPad3d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    words = ("constantpad", "constantpad3d")
    rank = 3
    namesake = "ConstantPad3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad3d.html"
    examples = ("2x4x4x4 -> constantpad 1 value=0.5",)
    trial_inputs = (((1, 4, 3, 5),), ((2, 3, 4, 2),))

    padding: Dim | Shape = stated_ends(3)
    value: float = real("what to put there", tries=(0.5, -2, 0))


@layer
class ReflectionPad1d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    words = ("reflectionpad", "reflectionpad1d")
    rank = 1
    namesake = "ReflectionPad1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html"
    examples = ("4x9 -> reflectionpad 1",)
    trial_inputs = (((2, 5),), ((1, 4),), ((3, 3),))

    padding: Dim | Shape = stated_ends(1)


@layer
class ReflectionPad2d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    words = ("reflectionpad", "reflectionpad2d")
    rank = 2
    namesake = "ReflectionPad2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html"
    examples = ("3x8x8 -> reflectionpad 1",)
    trial_inputs = (((2, 4, 5),), ((1, 3, 4),), ((2, 6, 3),))

    padding: Dim | Shape = stated_ends(2)


@layer
class ReflectionPad3d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    words = ("reflectionpad", "reflectionpad3d")
    rank = 3
    namesake = "ReflectionPad3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad3d.html"
    examples = ("2x4x4x4 -> reflectionpad 1",)
    trial_inputs = (((1, 4, 3, 5),), ((2, 3, 4, 2),))

    padding: Dim | Shape = stated_ends(3)


@layer
class ReplicationPad1d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    words = ("replicationpad", "replicationpad1d")
    rank = 1
    namesake = "ReplicationPad1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html"
    examples = ("4x9 -> replicationpad 1",)
    trial_inputs = (((2, 5),), ((1, 4),), ((3, 3),))

    padding: Dim | Shape = stated_ends(1)


@layer
class ReplicationPad2d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    words = ("replicationpad", "replicationpad2d")
    rank = 2
    namesake = "ReplicationPad2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html"
    examples = ("3x8x8 -> replicationpad 1",)
    trial_inputs = (((2, 4, 5),), ((1, 3, 4),), ((2, 6, 3),))

    padding: Dim | Shape = stated_ends(2)


@layer
class ReplicationPad3d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    words = ("replicationpad", "replicationpad3d")
    rank = 3
    namesake = "ReplicationPad3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad3d.html"
    examples = ("2x4x4x4 -> replicationpad 1",)
    trial_inputs = (((1, 4, 3, 5),), ((2, 3, 4, 2),))

    padding: Dim | Shape = stated_ends(3)


@layer
class CircularPad1d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    words = ("circularpad", "circularpad1d")
    rank = 1
    namesake = "CircularPad1d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad1d.html"
    examples = ("4x9 -> circularpad 1",)
    trial_inputs = (((2, 5),), ((1, 4),), ((3, 3),))

    padding: Dim | Shape = stated_ends(1)


@layer
class CircularPad2d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    words = ("circularpad", "circularpad2d")
    rank = 2
    namesake = "CircularPad2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad2d.html"
    examples = ("3x8x8 -> circularpad 1",)
    trial_inputs = (((2, 4, 5),), ((1, 3, 4),), ((2, 6, 3),))

    padding: Dim | Shape = stated_ends(2)


@layer
class CircularPad3d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    words = ("circularpad", "circularpad3d")
    rank = 3
    namesake = "CircularPad3d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad3d.html"
    examples = ("2x4x4x4 -> circularpad 1",)
    trial_inputs = (((1, 4, 3, 5),), ((2, 3, 4, 3),))

    padding: Dim | Shape = stated_ends(3)
