"""What an operation of an equation states: its shape, its ledger, its value and its derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from netcalc.dims import Dim
from netcalc.equations.arrays import Array
from netcalc.equations.solver import Shape, Solver
from netcalc.errors import Span, SpecError
from netcalc.layers.base import Work, free

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """Where an operation is applied: the solver, the place in the text, and what its arguments are called."""

    solver: Solver
    span: Span
    names: tuple[str, ...]

    def equal(self, left: tuple[Dim, str], right: tuple[Dim, str]) -> None:
        self.solver.equal(left, right, self.span)

    def alike(self, shapes: Sequence[Shape]) -> None:
        """All arguments have the same shape."""
        for other, name in zip(shapes[1:], self.names[1:]):
            if len(other) != len(shapes[0]):
                raise self.wrong(f"{self.names[0]} has {axes(shapes[0])}, but {name} has {axes(other)}")
            for axis, (a, b) in enumerate(zip(shapes[0], other)):
                self.equal((a, size_of(self.names[0], axis, len(other))), (b, size_of(name, axis, len(other))))

    def wrong(self, message: str, hint: str = "") -> SpecError:
        return SpecError("wrong-rank", message, hint=hint, span=self.span, source=self.solver.source)


def axes(shape: Shape) -> str:
    return (
        ("no axis (a number)", "1 axis (a vector)", "2 axes (a matrix)")[len(shape)]
        if len(shape) < 3
        else f"{len(shape)} axes"
    )


def size_of(name: str, axis: int, rank: int) -> str:
    """``the columns of W``, ``the entries of x``."""
    if rank == 1:
        return f"the entries of {name}"
    return f"the {('rows', 'columns')[axis]} of {name}" if rank == 2 else f"axis {axis} of {name}"


class Operation:
    """An operation on arrays; ``kind`` is its name in the graph, ``arity`` how many arguments it takes (None: any)."""

    kind: str
    arity: int | None = 1
    states: str = ""
    flat: tuple[int, ...] = ()
    """The arguments in which the derivative is 0 wherever there is one: no gradient runs along them."""

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        """The shape of the result; what must be equal is told to the solver."""
        raise NotImplementedError

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        raise NotImplementedError

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        raise NotImplementedError

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        raise NotImplementedError

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        """The ledger of ``backward`` for one argument."""
        return free("passes the gradient on")

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        """The gradient in argument ``place`` as backprop computes it from ``g``."""
        return g

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        """The derivative ∂q/∂z in words."""
        return "1"
