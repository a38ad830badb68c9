"""Layers that merge several branches: sums, products, concatenation, matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import accumulate

from netcalc.dims import Dim, Expr, holds, maximum, text, total
from netcalc.layers.base import (
    HELD,
    Condition,
    Conditions,
    Fact,
    Function,
    Layer,
    Line,
    Shape,
    Work,
    axis_in_range,
    contraction,
    equal,
    flag,
    free,
    has_axes,
    integer,
    layer,
    record,
    shape_text,
)
from netcalc.layers.reach import WHOLE, Reach, Rule, Window

# ---------------------------------------------------------------- broadcasting


def is_one(size: Dim) -> bool:
    """Is this size the plain number 1, which torch repeats to fit?"""
    return type(size) is int and size == 1


def _listed(sizes: Sequence[Dim]) -> str:
    return ", ".join(f"branch {number} has {text(size)}" for number, size in enumerate(sizes, 1))


def _shapes(inputs: Sequence[Shape]) -> str:
    return ", ".join(map(shape_text, inputs))


def same_rank(inputs: Sequence[Shape]) -> Fact:
    """All branches must have one number of axes."""
    if len({len(one) for one in inputs}) == 1:
        return HELD
    ranks = ", ".join(f"branch {number} has {len(one)} ({shape_text(one)})" for number, one in enumerate(inputs, 1))
    return Fact(
        False,
        f"the branches differ in their number of axes: {ranks}",
        expected="branches with the same number of axes",
        found=_shapes(inputs),
        hint="per sample, branches with fewer axes are not repeated: reshape one of them",
        code="shape-mismatch",
    )


def same_size(inputs: Sequence[Shape], axis: int, *, repeat: bool = False) -> Iterator[Condition | Fact]:
    """The branches must agree on an axis; with ``repeat`` a size of 1 agrees with all.

    >>> [fact] = same_size([(64, 8, 8), (128, 8, 8)], 0)
    >>> fact.holds, fact.message
    (False, 'the branches differ on axis 0: branch 1 has 64, branch 2 has 128')
    """
    sizes = [one[axis] for one in inputs]
    bound = [(number, size) for number, size in enumerate(sizes, 1) if not (repeat and is_one(size))]
    if len({size for _, size in bound if type(size) is int}) > 1:
        yield Fact(
            False,
            f"the branches differ on axis {axis}: {_listed(sizes)}",
            expected=f"one size on axis {axis}" + (" (or 1, which is repeated)" if repeat else ""),
            found=_shapes(inputs),
            code="shape-mismatch",
        )
    for number, size in bound[1:]:
        first, reference = bound[0]
        if not type(size) is type(reference) is int:
            condition = equal(size, reference, f"axis {axis} of branch {number}")
            unless = _unless_one(reference, size) if repeat and condition.holds is False else ""
            yield condition._replace(about=f"{condition.about} (which must be that of branch {first}{unless})")


def _unless_one(one: Dim, other: Dim) -> str:
    """Which of two sizes is repeated, and so legal, where it is 1 once its letters have values: not the greater one.

    >>> from netcalc.dims import symbol
    >>> _unless_one(symbol("H") - 1, symbol("H"))
    ', unless --set makes H − 1 = 1, which is repeated'
    """
    sizes = [a for a, b in ((one, other), (other, one)) if holds(a, "==", 1) is None and holds(a, "<=", b) is not False]
    ones = " or ".join(f"{text(size)} = 1" for size in sizes)
    return f", unless --set makes {ones}, which is repeated" if ones else ""


def alike(
    inputs: Sequence[Shape], *, repeat: bool = False, axes: Sequence[int] | None = None
) -> Iterator[Condition | Fact]:
    """The branches must have one rank and agree on all (or these) axes; with ``repeat`` a size of 1 agrees with all."""
    yield same_rank(inputs)
    for axis in range(len(inputs[0])) if axes is None else axes:
        yield from same_size(inputs, axis, repeat=repeat)


def broadcast(inputs: Sequence[Shape]) -> Shape:
    """The shape that all of these are repeated to.

    >>> broadcast([(64, 8, 8), (64, 1, 1)])
    (64, 8, 8)
    """
    return tuple(reduce(_agreed, sizes) for sizes in zip(*inputs))


def _agreed(one: Dim, other: Dim) -> Dim:
    """What two sizes are repeated to. With letters, where a condition says that they are equal: the shorter of them.

    >>> from netcalc.dims import symbol
    >>> H, W = symbol("H"), symbol("W")
    >>> _agreed(8, 1), _agreed(H, 1), _agreed(H // 2 + W, H)
    (8, H, H)
    """
    if not isinstance(one, Expr) and not isinstance(other, Expr):
        return maximum(one, other)
    if is_one(one) or is_one(other) or one == other:
        return other if is_one(one) else one
    return min(one, other, key=lambda size: len(text(size)))


def repeated(inputs: Sequence[Shape]) -> Reach:
    """Each output unit reads its own position of each input; along an axis of size 1 that is repeated, the only one."""

    def rule(axis: int, size: Dim) -> Rule:
        return WHOLE if is_one(size) and not all(is_one(one[axis]) for one in inputs) else Window(axis)

    return tuple(tuple(rule(axis, size) for axis, size in enumerate(one)) for one in inputs)


# ---------------------------------------------------------------- element by element


@record
class _Elementwise(Layer):
    """One operation an element between the branches, with sizes of 1 repeated as in torch."""

    operation = ("", "")
    """Label and ledger kind of the operation."""

    def conditions(self, *inputs: Shape) -> Conditions:
        yield from alike(inputs, repeat=True)

    def output_shape(self, *inputs: Shape) -> Shape:
        return broadcast(inputs)

    def work(self, *inputs: Shape) -> Work:
        label, kind = self.operation
        more = len(inputs) - 1
        return Work((Line(label, kind, broadcast(inputs) if more == 1 else (*broadcast(inputs), more)),))

    def reach(self, *inputs: Shape) -> Reach:
        return repeated(inputs)


@layer
class Add(_Elementwise):
    """The sum of its branches, element by element: x₁ + x₂ + …

    Shapes: all branches alike per sample; a size of 1 is repeated. Work: 1 add an element and extra branch.
    """

    words = ("add",)
    arity = None
    operation = ("x₁ + x₂", "add")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.add.html"
    examples = ("64x8x8 -> add { conv 64 k3 p1 | identity }",)
    trial_inputs = (
        ((4, 3), (4, 3)),
        ((2, 3, 2), (2, 1, 1)),
        ((3,), (3,), (1,)),
        ((1, 4), (3, 1)),
        ((2, 3), (3, 3)),
        ((2, 3), (2, 4)),
        ((), ()),
    )


@layer
class Mul(_Elementwise):
    """The product of its branches, element by element: x₁ · x₂ · … (a gate, squeeze-and-excitation).

    Shapes: all branches alike per sample; a size of 1 is repeated. Work: 1 mul an element and extra branch.
    """

    words = ("mul",)
    arity = None
    operation = ("x₁ · x₂", "mul")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.mul.html"
    examples = ("64x8x8 -> mul { identity | conv 64 k1 }",)
    trial_inputs = Add.trial_inputs


@layer
class Sub(_Elementwise):
    """The difference of two branches, element by element: x₁ − x₂.

    Shapes: both alike per sample; a size of 1 is repeated. Work: 1 add an element.
    """

    words = ("sub",)
    arity = 2
    operation = ("x₁ − x₂", "add")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.sub.html"
    examples = ("64x8x8 -> conv 64 k3 p1 as a -> relu -> sub a",)
    trial_inputs = tuple(inputs for inputs in Add.trial_inputs if len(inputs) == 2)


@layer
class Div(_Elementwise):
    """The quotient of two branches, element by element: x₁ / x₂.

    Shapes: both alike per sample; a size of 1 is repeated. Work: 1 div an element.
    """

    words = ("div",)
    arity = 2
    operation = ("x₁ / x₂", "div")
    source = "https://docs.pytorch.org/docs/stable/generated/torch.div.html"
    examples = ("64x8x8 -> conv 64 k1 as a -> softmax -> div a",)
    trial_inputs = Sub.trial_inputs


# ---------------------------------------------------------------- side by side


@layer
class Concat(Layer):
    """Its branches one behind the other along ``axis`` (per sample; 0 is the channels of an image).

    Shapes: the branches agree on all other axes; sizes along ``axis`` add up. Work: none.
    """

    words = ("concat", "cat")
    function = Function({"dim": "axis"}, needs="axis")
    arity = None
    source = "https://docs.pytorch.org/docs/stable/generated/torch.cat.html"
    examples = ("64x8x8 -> concat { identity | conv 32 k3 p1 }",)
    trial_inputs = (
        ((2, 3), (4, 3)),
        ((2, 3), (2, 1)),
        ((3,), (2,), (1,)),
        ((2, 3, 2), (2, 3, 2), (2, 3, 2)),
    )

    axis: int = integer("axis along which the branches are laid, per sample", 0, tries=(0, 0, 1, -1, 2, -2))

    def conditions(self, *inputs: Shape) -> Conditions:
        yield same_rank(inputs)
        yield axis_in_range(self.axis, len(inputs[0]), "axis")
        along = self.axis % len(inputs[0])
        yield from alike(inputs, axes=[axis for axis in range(len(inputs[0])) if axis != along])

    def output_shape(self, *inputs: Shape) -> Shape:
        axis = self.axis % len(inputs[0])
        return (*inputs[0][:axis], total(one[axis] for one in inputs), *inputs[0][axis + 1 :])

    def work(self, *inputs: Shape) -> Work:
        return free("lays its branches side by side")

    def reach(self, *inputs: Shape) -> Reach:
        along = self.axis % len(inputs[0])
        offsets = accumulate((one[along] for one in inputs), initial=0)
        return tuple(
            tuple(
                Window(axis, padding=offset, beyond="others") if axis == along else Window(axis)
                for axis in range(len(one))
            )
            for one, offset in zip(inputs, offsets)
        )


@layer
class Stack(Layer):
    """Its branches one behind the other along a new axis, before ``axis`` (per sample).

    Shapes: n branches of one shape ``A x B`` → ``n x A x B`` for ``axis=0``. Work: none.
    """

    words = ("stack",)
    function = Function({"dim": "axis"}, needs="axis")
    arity = None
    source = "https://docs.pytorch.org/docs/stable/generated/torch.stack.html"
    examples = (
        "16 -> linear 8 as a -> linear 8 -> stack a",
        "4x16 -> linear 8 as a -> linear 8 -> stack a axis=1",
    )
    trial_inputs = (((2, 3), (2, 3)), ((4,), (4,), (4,)), ((2, 3), (2, 1)))

    axis: int = integer("position of the new axis, per sample", 0, tries=(0, 0, 1, -1, 2, -2, 3))

    def conditions(self, *inputs: Shape) -> Conditions:
        yield from alike(inputs)
        yield axis_in_range(self.axis, len(inputs[0]) + 1, "axis")

    def output_shape(self, *inputs: Shape) -> Shape:
        axis = self.axis % (len(inputs[0]) + 1)
        return (*inputs[0][:axis], len(inputs), *inputs[0][axis:])

    def work(self, *inputs: Shape) -> Work:
        return free("lays its branches side by side")

    def reach(self, *inputs: Shape) -> Reach:
        along, rank = self.axis % (len(inputs[0]) + 1), len(inputs[0])
        return (tuple(Window(axis + (axis >= along)) for axis in range(rank)),) * len(inputs)


# ---------------------------------------------------------------- matrix products


@layer
class MatMul(Layer):
    """The matrix product A B of its two inputs on their last two axes, for every index of the leading axes.

    Shapes: ``* x n x k`` and ``* x k x m`` (``* x m x k`` with ``transpose_b``) → ``* x n x m``; a leading size of 1 is
    repeated. Work: each output is a dot product of length k: k mul, k − 1 add.
    """

    words = ("matmul",)
    arity = 2
    source = "https://docs.pytorch.org/docs/stable/generated/torch.matmul.html"
    examples = ("8x16 -> linear 16 as k -> linear 16 -> matmul k transpose_b=True",)
    trial_inputs = (
        ((2, 3), (3, 4)),
        ((3, 3), (3, 3)),
        ((2, 4), (3, 4)),
        ((2, 3, 4), (2, 4, 3)),
        ((2, 3, 4), (1, 2, 4)),
        ((2, 3, 4), (3, 4, 5)),
    )

    transpose_b: bool = flag("take B transposed: A Bᵀ", False)

    def conditions(self, a: Shape, b: Shape) -> Conditions:
        yield has_axes(a, 2, "* x n x k")
        yield same_rank((a, b))
        yield from alike((a, b), repeat=True, axes=range(len(a) - 2))
        inner = b[-1] if self.transpose_b else b[-2]
        yield equal(inner, a[-1], "the length of B's dot products (A's columns)")

    def output_shape(self, a: Shape, b: Shape) -> Shape:
        return (*broadcast((a[:-2], b[:-2])), a[-2], b[-2] if self.transpose_b else b[-1])

    def work(self, a: Shape, b: Shape) -> Work:
        return contraction("A Bᵀ" if self.transpose_b else "A B", self.output_shape(a, b), (a[-1],))

    def reach(self, a: Shape, b: Shape) -> Reach:
        leading_a, leading_b = repeated((a[:-2], b[:-2]))
        rows, columns = Window(len(a) - 2), Window(len(a) - 1)
        last = (columns, WHOLE) if self.transpose_b else (WHOLE, columns)
        return ((*leading_a, rows, WHOLE), (*leading_b, *last))
