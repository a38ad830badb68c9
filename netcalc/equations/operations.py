"""What an equation can be made of: one object an operation, with its shape, ledger, value and derivative in one place.

``forward`` and ``backward`` work on small arrays of exact numbers; ``backward`` is the vector-Jacobian product: from
the gradient of the loss in the result to its gradient in each argument. The ledgers are those of :mod:`netcalc.layers`
wherever a layer says the same; :mod:`netcalc.equations.windows` has convolution and pooling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import prod
from typing import Any, Callable, Sequence

from netcalc.dims import Dim
from netcalc.dims import product as times
from netcalc.equations import exact
from netcalc.equations.arrays import Array, product
from netcalc.equations.base import Operation, Options, Site, axes, size_of
from netcalc.equations.exact import ONE, ZERO, Exact, Value
from netcalc.equations.solver import Shape
from netcalc.equations.windows import WINDOWS
from netcalc.errors import SpecError
from netcalc.layers.base import Line, Work, contraction, free

HALF = Exact.of("1/2")


# ---------------------------------------------------------------- element by element, one argument


def _step(x: Value) -> Value:
    return ONE if x > 0 else ZERO


def _sigmoid(x: Value) -> Value:
    if x == 0:
        return HALF
    value = float(x)
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0 if value != value else math.exp(value)


def _normal(x: Value) -> Value:
    return HALF if x == 0 else 0.5 * (1 + math.erf(float(x) / math.sqrt(2)))


def _bell(x: Value) -> float:
    return math.exp(-(float(x) ** 2) / 2) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Elementwise(Operation):
    """f of every element. ``layer`` is the layer kind whose ledger it has, or ``steps`` are its kinds of operations.

    ``derivative`` is f′ from x and y = f(x); ``reads`` says it in words (of ``x`` and ``y``); ``extra`` are the kinds
    of operations that f′ takes beyond what the forward pass has left, before the multiplication by the gradient.
    """

    kind: str
    function: Callable[[Value], Value]
    derivative: Callable[[Value, Value], Value]
    reads: str
    layer: str = ""
    steps: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        if self.layer:
            work: Work = layer_of(self.layer, len(output))().work(output)
            return work
        return Work(tuple(Line(label, step, output) for step in self.steps))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].map(self.function)

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [g.map(lambda g, x, y: g * self.derivative(x, y) if g != 0 else ZERO, inputs[0], output)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        derivative = tuple(Line(f"{self.kind}′", step, output) for step in self.extra)
        return Work((*derivative, Line(f"g ⊙ {self.kind}′", "mul", output)))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} {'⊙ ' if shapes[0] else ''}{self.words(names)}"

    def words(self, names: Sequence[str]) -> str:
        return self.reads.replace("{x}", names[0]).replace("{y}", names[-1])

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"diag({self.words(names)})" if shapes[0] else self.words(names)


def layer_of(word: str, rank: int = 0) -> Any:
    """The layer kind of that word (for an input with so many axes, where that matters)."""
    from netcalc.layers import kinds_named

    kinds = kinds_named(word)
    return next((kind for kind in kinds if kind.rank is None or kind.rank == rank), kinds[0])


def _gelu_slope(x: Value, y: Value) -> Value:
    return _normal(x) + x * _bell(x)


_ELEMENTWISE = (
    Elementwise(
        "relu", lambda x: x if x > 0 else ZERO if x == x else x, lambda x, y: _step(x), "[{x} > 0]", layer="relu"
    ),
    Elementwise(
        "sigmoid", _sigmoid, lambda x, y: y * (1 - y), "{y} ⊙ (1 − {y})", layer="sigmoid", extra=("add", "mul")
    ),
    Elementwise("tanh", exact.tanh, lambda x, y: 1 - y * y, "(1 − {y}²)", layer="tanh", extra=("mul", "add")),
    Elementwise("sin", exact.sin, lambda x, y: exact.cos(x), "cos({x})", layer="sin", extra=("cos",)),
    Elementwise("cos", exact.cos, lambda x, y: -exact.sin(x), "(−sin({x}))", steps=("cos",), extra=("sin",)),
    Elementwise("exp", exact.exp, lambda x, y: y, "{y}", steps=("exp",)),
    Elementwise("log", exact.log, lambda x, y: ONE / x, "1/{x}", steps=("log",)),
    Elementwise("sqrt", exact.sqrt, lambda x, y: HALF / y, "1/(2 {y})", steps=("sqrt",), extra=("mul", "div")),
    Elementwise("abs", lambda x: x if x > 0 else -x, lambda x, y: _step(x) - _step(-x), "sign({x})", steps=("max",)),
    Elementwise("step", _step, lambda x, y: ZERO, "0", layer="step"),
    Elementwise(
        "softplus",
        lambda x: exact.log(1 + exact.exp(x)) if x < 700 else x,
        lambda x, y: _sigmoid(x),
        "σ({x})",
        layer="softplus",
        extra=("exp", "add", "div"),
    ),
    Elementwise(
        "silu",
        lambda x: x * _sigmoid(x),
        lambda x, y: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
        "σ({x}) ⊙ (1 + {x} ⊙ (1 − σ({x})))",
        layer="silu",
        extra=("add", "mul", "add", "mul"),
    ),
    Elementwise(
        "gelu",
        lambda x: x * _normal(x),
        _gelu_slope,
        "(Φ({x}) + {x} ⊙ φ({x}))",
        layer="gelu",
        extra=("mul", "exp", "mul", "mul", "add"),
    ),
    Elementwise(
        "leaky_relu",
        lambda x: x if x > 0 else x * Exact.of("1/100"),
        lambda x, y: ONE if x > 0 else Exact.of("1/100"),
        "(1 if {x} > 0 else 0.01)",
        layer="leakyrelu",
    ),
)


class Neg(Elementwise):
    """A change of sign: free in the ledger."""

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return free("a change of sign")

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return free("a change of sign")

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"−{g}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "−I" if shapes[0] else "−1"


class Power(Operation):
    """x to a constant power: (exponent − 1) mul for whole exponents from 2, else one pow."""

    kind = "pow"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return shapes[0]

    def whole(self, options: Options) -> int | None:
        exponent = options["exponent"]
        q = exponent.rational if isinstance(exponent, Exact) else None
        return int(q) if q is not None and q.denominator == 1 and 2 <= q <= 64 else None

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        if n := self.whole(options):
            return Work((Line(label, "mul", output if n == 2 else (*output, n - 1)),))
        return Work((Line(label, "pow", output),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].map(lambda x: exact.power(x, options["exponent"]))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        n = options["exponent"]
        return [g.map(lambda g, x: g * n * exact.power(x, n - 1), inputs[0])]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        n = self.whole(options)
        slope = (
            (Line("x^(n−1)", "mul", (*output, n - 2)),)
            if n and n > 2
            else ()
            if n
            else (Line("x^(n−1)", "pow", output),)
        )
        return Work((*slope, Line("n · x^(n−1)", "mul", output), Line("g ⊙", "mul", output)))

    def words(self, names: Sequence[str], options: Options) -> str:
        n = options["exponent"]
        base = names[0] if names[0].isalnum() or names[0][0] in "(‖[" else f"({names[0]})"
        return f"{exact.text(n)} {base}" + ("" if n == 2 else f"^{exact.text(n - 1)}")

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} {'⊙ ' if shapes[0] else '· '}{self.words(names, options)}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"diag({self.words(names, options)})" if shapes[0] else self.words(names, options)


# ---------------------------------------------------------------- element by element, two arguments


@dataclass(frozen=True)
class Pairwise(Operation):
    """f of two arrays of one shape. ``slopes`` are ∂f/∂a and ∂f/∂b from a, b and the result."""

    kind: str
    sign: str
    ledger: str
    function: Callable[[Value, Value], Value]
    slopes: tuple[Callable[[Value, Value], Value], Callable[[Value, Value], Value]]
    reads: tuple[str, str]
    costs: tuple[tuple[str, ...], tuple[str, ...]]
    arity: int | None = 2

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        site.alike(shapes)
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line(label, self.ledger, output),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].map(self.function, inputs[1])

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [
            g.map(lambda g, a, b, slope=slope: g * slope(a, b) if g != 0 else ZERO, *inputs) for slope in self.slopes
        ]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        costs = self.costs[place]
        if not costs:
            return free("passes the gradient on")
        return Work(tuple(Line(f"g {self.sign} ·", kind, output) for kind in costs))

    def words(self, place: int, names: Sequence[str]) -> str:
        return self.reads[place].replace("{a}", names[0]).replace("{b}", names[1])

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        words = self.words(place, names)
        if words in ("1", "−1"):
            return g if words == "1" else f"−{g}"
        return f"{g} {'⊙ ' if shapes[0] else '· '}{words}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        words = self.words(place, names)
        if not shapes[0]:
            return words
        return {"1": "I", "−1": "−I"}.get(words, f"diag({words})")


_PAIRWISE = (
    Pairwise("add", "+", "add", lambda a, b: a + b, (lambda a, b: ONE, lambda a, b: ONE), ("1", "1"), ((), ())),
    Pairwise("sub", "−", "add", lambda a, b: a - b, (lambda a, b: ONE, lambda a, b: -ONE), ("1", "−1"), ((), ())),
    Pairwise(
        "mul",
        "⊙",
        "mul",
        lambda a, b: a * b if a != 0 and b != 0 or a != a or b != b else _zero_times(a, b),
        (lambda a, b: b, lambda a, b: a),
        ("{b}", "{a}"),
        (("mul",), ("mul",)),
    ),
    Pairwise(
        "div",
        "/",
        "div",
        lambda a, b: a / b if b != 0 else exact.divided(float(a), float(b)),
        (lambda a, b: ONE / b, lambda a, b: -a / (b * b)),
        ("1/{b}", "(−{a}/{b}²)"),
        (("div",), ("mul", "div", "mul")),
    ),
    Pairwise(
        "max",
        "max",
        "max",
        lambda a, b: b if b > a else a,
        (
            lambda a, b: ONE if a > b else HALF if a == b else ZERO,
            lambda a, b: ONE if b > a else HALF if a == b else ZERO,
        ),
        ("[{a} > {b}]", "[{b} > {a}]"),
        (("mul",), ("mul",)),
    ),
    Pairwise(
        "min",
        "min",
        "max",
        lambda a, b: b if b < a else a,
        (
            lambda a, b: ONE if a < b else HALF if a == b else ZERO,
            lambda a, b: ONE if b < a else HALF if a == b else ZERO,
        ),
        ("[{a} < {b}]", "[{b} < {a}]"),
        (("mul",), ("mul",)),
    ),
)


def _zero_times(a: Value, b: Value) -> Value:
    """0 · ∞ is nan, as floating point has it; 0 times a number is exactly 0."""
    return ZERO if math.isfinite(float(a)) and math.isfinite(float(b)) else math.nan


# ---------------------------------------------------------------- products of matrices


class MatMul(Operation):
    """A matrix product; a vector on the right is a column, on the left a row; two vectors give their dot product."""

    kind, arity = "matmul", 2

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        a, b = shapes
        if not (1 <= len(a) <= 2 and 1 <= len(b) <= 2):
            raise site.wrong(
                f"a matrix product takes vectors and matrices; {site.names[0]} has {axes(a)}, {site.names[1]} {axes(b)}"
            )
        site.equal((a[-1], size_of(site.names[0], len(a) - 1, len(a))), (b[0], size_of(site.names[1], 0, len(b))))
        return (*a[:-1], *b[1:])

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return contraction(label, output, (shapes[0][-1],))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        a, b = inputs
        return product(a.matrix(column=False), b.matrix(column=True)).reshaped((*a.shape[:-1], *b.shape[1:]))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        a, b = inputs[0].matrix(column=False), inputs[1].matrix(column=True)
        g = g.reshaped((a.shape[0], b.shape[1]))
        return [
            product(g, b.transposed()).reshaped(inputs[0].shape),
            product(a.transposed(), g).reshaped(inputs[1].shape),
        ]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        summed: Shape = shapes[1][1:] if place == 0 else shapes[0][:-1]
        label = "g · xᵀ" if place == 0 else "Wᵀ · g"
        if not summed:  # an outer product, or a scaled vector
            return Work((Line(label, "mul", shapes[place]),), macs=times(shapes[place]))
        return contraction(label, shapes[place], summed)

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        a, b = (bracketed(name) for name in names[:2])
        left, right = map(len, shapes)
        if left == 1 and right == 1:
            return f"{g} · {(b, a)[place]}"
        if place == 0:
            return f"{b} {g}" if left == 1 else f"{g} {transposed(b)}"
        return f"{a} {g}ᵀ" if left == 1 else f"{transposed(a)} {g}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        a, b = (bracketed(name) for name in names[:2])
        left, right = map(len, shapes)
        if left == 1 and right == 1:
            return transposed((b, a)[place])
        if place == 1 and right == 1:
            return a
        if place == 0 and left == 1:
            return transposed(b)
        return f"{transposed(b)} ⊗ I" if place == 0 else f"I ⊗ {a}"


def bracketed(name: str) -> str:
    return f"({name})" if " " in name and name[0] not in "([" else name


def transposed(name: str) -> str:
    return name[:-1] if name.endswith("ᵀ") else name + "ᵀ"


class Outer(Operation):
    """The outer product of two vectors."""

    kind, arity = "outer", 2

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return (*shapes[0], *shapes[1])

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line(label, "mul", output),), macs=times(output))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return product(inputs[0].matrix(column=True), inputs[1].matrix(column=False))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        a, b = inputs[0].matrix(column=False), inputs[1].matrix(column=True)
        return [product(g, b).reshaped(inputs[0].shape), product(a, g).reshaped(inputs[1].shape)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return contraction("g · b", shapes[place], shapes[1 - place])

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} {names[1]}" if place == 0 else f"{g}ᵀ {names[0]}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"I ⊗ {names[1]}" if place == 0 else f"{names[0]} ⊗ I"


# ---------------------------------------------------------------- shapes only


class Rearranged(Operation):
    """Operations that move numbers and compute nothing."""

    note = "moves numbers, computes nothing"

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return free(self.note)


class Transpose(Rearranged):
    kind = "transpose"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return shapes[0][::-1]

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].transposed()

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [g.transposed()]

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g}ᵀ"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "a permutation"


class Vec(Rearranged):
    """The columns of a matrix below one another."""

    kind = "vec"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return (times(shapes[0]),)

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].transposed().reshaped((len(inputs[0].data),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [_unstacked(g, inputs[0].shape)]

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"unvec({g})"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "a permutation"


def _unstacked(vector: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) < 2:
        return vector.reshaped(shape)
    return vector.reshaped(shape[::-1]).transposed()


class Unvec(Vec):
    """The matrix of ``size`` whose columns a vector holds, one below the other."""

    kind = "unvec"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        size: Shape = options["size"]
        site.equal((shapes[0][0], f"the entries of {site.names[0]}"), (times(size), "rows times columns"))
        return size

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return _unstacked(inputs[0], tuple(int(n) for n in options["size"]))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [g.transposed().reshaped(inputs[0].shape)]

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"vec({g})"


class Reshape(Rearranged):
    """The same numbers in another shape: a second name, or a row read as a vector."""

    kind = "reshape"

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0] if "size" not in options else inputs[0].reshaped(tuple(options["size"]))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [g.reshaped(inputs[0].shape)]


class Stack(Rearranged):
    """Vectors and numbers below one another: ``[x; 1]``; rows of equal length make a matrix."""

    kind, arity = "stack", None

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        if options.get("rows"):
            site.alike(shapes)
            return (len(shapes), *shapes[0])
        rank = max(map(len, shapes))
        if rank <= 1:
            total: Dim = 0
            for shape in shapes:
                total = total + (shape[0] if shape else 1)
            return (total,)
        columns = next(shape[1] for shape in shapes if len(shape) == 2)
        rows: Dim = 0
        for shape, name in zip(shapes, site.names):
            if len(shape) == 2:
                site.equal((shape[1], f"the columns of {name}"), (columns, "the columns above"))
                rows = rows + shape[0]
            elif not shape:
                rows = rows + 1  # a row of that number
            else:
                raise site.wrong(f"{name} is a vector among matrices")
        return (rows, columns)

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        if options.get("rows"):
            return Array((len(inputs), *inputs[0].shape), tuple(v for a in inputs for v in a.data))
        if max(len(a.shape) for a in inputs) < 2:
            return Array((sum(len(a.data) for a in inputs),), tuple(v for a in inputs for v in a.data))
        columns = next(a.shape[1] for a in inputs if len(a.shape) == 2)
        full = [a if a.shape else Array.full((1, columns), a.data[0]) for a in inputs]
        return Array((sum(a.shape[0] for a in full), columns), tuple(v for a in full for v in a.data))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        found, start = [], 0
        for a in inputs:
            length = len(a.data) if a.shape or len(g.shape) < 2 else g.shape[1]
            piece = g.data[start : start + length]
            found.append(
                Array(a.shape, piece) if len(piece) == len(a.data) else Array((), (Array((length,), piece).total,))
            )
            start += length
        return found

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"the rows of {g} at {names[place]}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "[I; 0]" if place == 0 else "[0; I]"


class Repeat(Rearranged):
    """A number, or a vector along one axis, repeated to the shape of what it is combined with."""

    kind = "repeat"
    note = "repeats numbers, computes nothing"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        size: Shape = options["size"]
        return size

    def _places(self, options: Options) -> list[int]:
        size = tuple(int(n) for n in options["size"])
        axis = options.get("axis")  # the axis of the result along which the vector lies; None for a number
        if axis is None:
            return [0] * prod(size)
        inner = prod(size[axis + 1 :])
        return [i // inner % size[axis] for i in range(prod(size))]

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        data = inputs[0].data
        return Array(tuple(int(n) for n in options["size"]), tuple(data[i] for i in self._places(options)))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        sums: list[Value] = [ZERO] * len(inputs[0].data)
        for value, place in zip(g.data, self._places(options)):
            sums[place] = sums[place] + value
        return [Array(inputs[0].shape, tuple(sums))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        kept, whole = times(shapes[0]), times(output)
        return Work((Line("Σ g over the repeats", "add", (whole - kept,)),))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} summed over the repeats"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "1 where it is a copy"


# ---------------------------------------------------------------- sums and norms


class Sum(Operation):
    kind = "sum"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        return ()

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line("Σ", "add", (times(shapes[0]) - 1,)),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return Array((), (inputs[0].total,))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [Array.full(inputs[0].shape, g.data[0])]

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} · 1"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "1ᵀ" if shapes[0] else "1"


class Mean(Sum):
    kind = "mean"

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line("Σ", "add", (times(shapes[0]) - 1,)), Line("/ n", "div", (1,))))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return Array((), (inputs[0].total / len(inputs[0].data),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [Array.full(inputs[0].shape, g.data[0] / len(inputs[0].data))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("g / n", "div", (1,)),))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g}/n · 1"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "1ᵀ/n"


class SquaredNorm(Sum):
    """‖x‖²: the sum of the squares."""

    kind = "sqnorm"

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line("squares", "mul", shapes[0]), Line("Σ", "add", (times(shapes[0]) - 1,))))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return Array((), (inputs[0].map(lambda x: x * x).total,))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [inputs[0].times(g.data[0] * 2)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("2 g", "mul", (1,)), Line("2 g x", "mul", shapes[0])))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} · 2 {bracketed(names[0])}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"2 {bracketed(names[0])}{'ᵀ' if shapes[0] else ''}"


class Norm(Sum):
    """‖x‖, or ‖x‖₁ with p = 1."""

    kind = "norm"

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        total = Line("Σ", "add", (times(shapes[0]) - 1,))
        if options.get("p", 2) == 1:
            return Work((Line("|x|", "max", shapes[0]), total))
        return Work((Line("squares", "mul", shapes[0]), total, Line("√", "sqrt", (1,))))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        if options.get("p", 2) == 1:
            return Array((), (inputs[0].map(lambda x: x if x > 0 else -x).total,))
        return Array((), (exact.sqrt(inputs[0].map(lambda x: x * x).total),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        if options.get("p", 2) == 1:
            return [inputs[0].map(lambda x: (_step(x) - _step(-x)) * g.data[0])]
        if output.data[0] == 0:  # not differentiable there: torch takes 0
            return [Array.full(inputs[0].shape, ZERO)]
        return [inputs[0].times(g.data[0] / output.data[0])]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        scaled = Line("g · x/‖x‖", "mul", shapes[0])
        return Work((scaled,) if options.get("p", 2) == 1 else (Line("g / ‖x‖", "div", (1,)), scaled))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        x = bracketed(names[0])
        return f"{g} · sign({x})" if options.get("p", 2) == 1 else f"{g} · {x}/‖{names[0]}‖"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        x = bracketed(names[0])
        return f"sign({x})ᵀ" if options.get("p", 2) == 1 else f"{x}ᵀ/‖{names[0]}‖"


# ---------------------------------------------------------------- softmax


class Softmax(Operation):
    """exp(x) / Σ exp(x) along ``axis`` (the last unless stated); computed with the maximum subtracted."""

    kind = "softmax"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        if not shapes[0]:
            raise site.wrong("softmax of a single number is always 1", "softmax takes a vector; sigmoid a number")
        return shapes[0]

    def axis(self, shape: Shape, options: Options) -> int:
        return int(options.get("axis", -1)) % len(shape)

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        work: Work = layer_of(self.kind)(dim=self.axis(output, options) + 1).work(output)
        return work

    def _lines(self, array: Array, options: Options, each: Callable[[tuple[Value, ...], int], list[Value]]) -> Array:
        flipped = len(array.shape) == 2 and self.axis(array.shape, options) == 0
        array = array.transposed() if flipped else array
        found = Array(array.shape, tuple(v for i, line in enumerate(array.lines()) for v in each(line, i)))
        return found.transposed() if flipped else found

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return self._lines(inputs[0], options, lambda line, _: soft(line))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        flipped = len(g.shape) == 2 and self.axis(g.shape, options) == 0
        grads = list((g.transposed() if flipped else g).lines())

        def back(p: tuple[Value, ...], i: int) -> list[Value]:
            weighed = Array((len(p),), tuple(a * b for a, b in zip(p, grads[i]))).total
            return [a * (b - weighed) for a, b in zip(p, grads[i])]

        return [self._lines(output, options, back)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        axis = self.axis(output, options)
        sums = (*output[:axis], output[axis] - 1, *output[axis + 1 :])
        return Work(
            (
                Line("g ⊙ p", "mul", output),
                Line("Σ g ⊙ p", "add", sums),
                Line("g − Σ", "add", output),
                Line("p ⊙ (g − Σ)", "mul", output),
            )
        )

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        p = names[-1]
        return f"{p} ⊙ ({g} − Σ {g} ⊙ {p})"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"diag({names[-1]}) − {names[-1]} {names[-1]}ᵀ"


def soft(line: Sequence[Value]) -> list[Value]:
    """The softmax of a line of numbers; exact where all are equal."""
    if all(v == line[0] for v in line):
        return [ONE / len(line)] * len(line)
    highest = max(float(v) for v in line)
    powers = [math.exp(float(v) - highest) for v in line]
    total = math.fsum(powers)
    return [p / total for p in powers]


class LogSoftmax(Softmax):
    kind = "logsoftmax"

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return self._lines(inputs[0], options, lambda line, _: [v - log_sum_exp(line) for v in line])

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        flipped = len(g.shape) == 2 and self.axis(g.shape, options) == 0
        grads = list((g.transposed() if flipped else g).lines())

        def back(line: tuple[Value, ...], i: int) -> list[Value]:
            total = Array((len(line),), grads[i]).total
            return [b - p * total for b, p in zip(grads[i], soft(line))]

        return [self._lines(inputs[0], options, back)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        axis = self.axis(output, options)
        sums = (*output[:axis], output[axis] - 1, *output[axis + 1 :])
        return Work(
            (
                Line("exp(log p)", "exp", output),
                Line("Σ g", "add", sums),
                Line("p Σ g", "mul", output),
                Line("g − p Σ g", "add", output),
            )
        )

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} − softmax({names[0]}) Σ {g}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"I − 1 softmax({names[0]})ᵀ"


def log_sum_exp(line: Sequence[Value]) -> Value:
    highest = max(line, key=float)
    return highest + exact.log(Array((len(line),), tuple(exact.exp(v - highest) for v in line)).total)


# ---------------------------------------------------------------- losses


@dataclass(frozen=True)
class ElementLoss(Operation):
    """A loss of each prediction and its target, summed or averaged; ``layer`` has the ledger of the mean."""

    kind: str
    function: Callable[[Value, Value], Value]
    slope: Callable[[Value, Value], Value]
    reads: str
    layer: str
    states: str
    mean: bool = True
    half: bool = False
    cost: tuple[str, ...] = ()
    arity: int | None = 2

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        site.alike(shapes)
        return ()

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        work: Work = layer_of(self.layer)(reduction="mean" if self.mean else "sum").work(*shapes)
        return work._replace(lines=(*work.lines, Line("½ ·", "mul", (1,)))) if self.half else work

    def factor(self, count: int) -> Value:
        factor: Value = HALF if self.half else ONE
        return factor / count if self.mean else factor

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        each = inputs[0].map(self.function, inputs[1])
        return Array((), (each.total * self.factor(len(each.data)),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        outer = g.data[0] * self.factor(len(inputs[0].data))
        target = inputs[1].map(lambda y, p: (self.function(p, y + 1) - self.function(p, y)) * outer, inputs[0])
        if self.layer == "mse":
            target = inputs[0].map(lambda p, y: -self.slope(p, y) * outer, inputs[1])
        return [inputs[0].map(lambda p, y: self.slope(p, y) * outer, inputs[1]), target]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        each = tuple(Line(self.words(("p", "y")), kind, shapes[0]) for kind in self.cost)
        outer = (Line("g / n", "div", (1,)),) if self.mean else ()
        return Work((*each, *outer, Line("g ·", "mul", shapes[0])))

    def words(self, names: Sequence[str]) -> str:
        words = self.reads.replace("{p}", bracketed(names[0])).replace("{y}", bracketed(names[1]))
        return words.removeprefix("2 ") if self.half else words

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} · {'−' if place else ''}{self.words(names)}{'/n' if self.mean and shapes[0] else ''}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        behind = ("ᵀ/n" if self.mean else "ᵀ") if shapes[0] else ""
        return f"{'−' if place else ''}{self.words(names)}{behind}"


_SQUARE = lambda p, y: (p - y) * (p - y)  # noqa: E731
_SLOPE = lambda p, y: (p - y) * 2  # noqa: E731
_BCE = lambda p, y: -_xlog(y, p) - _xlog(1 - y, 1 - p)  # noqa: E731


def _xlog(y: Value, p: Value) -> Value:
    return ZERO if y == 0 else y * exact.log(p)


_LOSSES = (
    ElementLoss(
        "mse", _SQUARE, _SLOPE, "2 ({p} − {y})", "mse", "mse(p, y) = mean of (p − y)², without ½", cost=("add", "mul")
    ),
    ElementLoss(
        "half_mse",
        _SQUARE,
        _SLOPE,
        "2 ({p} − {y})",
        "mse",
        "half_mse(p, y) = ½ · mean of (p − y)²",
        half=True,
        cost=("add",),
    ),
    ElementLoss(
        "sse",
        _SQUARE,
        _SLOPE,
        "2 ({p} − {y})",
        "mse",
        "sse(p, y) = Σ (p − y)², without ½ and without 1/n",
        mean=False,
        cost=("add", "mul"),
    ),
    ElementLoss(
        "half_sse",
        _SQUARE,
        _SLOPE,
        "2 ({p} − {y})",
        "mse",
        "half_sse(p, y) = ½ Σ (p − y)²",
        mean=False,
        half=True,
        cost=("add",),
    ),
    ElementLoss(
        "bce",
        _BCE,
        lambda p, y: (p - y) / (p * (1 - p)),
        "({p} − {y})/({p} (1 − {p}))",
        "bce",
        "bce(p, y) = mean of −y log p − (1 − y) log(1 − p); p is a probability",
        cost=("add", "add", "mul", "div"),
    ),
)


class CrossEntropy(Operation):
    """−Σ y log softmax(z), the mean over rows where there are several; y holds probabilities (one-hot, say)."""

    kind, arity = "cross_entropy", 2
    states = "cross_entropy(z, y) = −Σ y log softmax(z), from scores z, not probabilities; the mean over rows"

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        site.alike(shapes)
        if not shapes[0]:
            raise site.wrong(
                "cross_entropy takes a vector of scores, one a class", "bce(p, y) takes a single probability"
            )
        return ()

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        classes_first = shapes[0][::-1]
        work: Work = layer_of("crossentropy")().work(classes_first, classes_first)
        return work if len(shapes[0]) > 1 else work._replace(lines=tuple(l for l in work.lines if l.label != "/ n"))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        scores, targets = (list(array.lines()) for array in inputs)
        total: Value = ZERO
        for z, y in zip(scores, targets):
            base = log_sum_exp(z)
            for a, b in zip(z, y):
                total = total + (ZERO if b == 0 else b * (base - a))
        return Array((), (total / len(scores),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        scores, targets = (list(array.lines()) for array in inputs)
        outer = g.data[0] / len(scores)
        to_z: list[Value] = []
        to_y: list[Value] = []
        for z, y in zip(scores, targets):
            mass, base = Array((len(y),), y).total, log_sum_exp(z)
            to_z += [(p * mass - b) * outer for p, b in zip(soft(z), y)]
            to_y += [(base - a) * outer for a in z]
        return [Array(inputs[0].shape, tuple(to_z)), Array(inputs[1].shape, tuple(to_y))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        z = shapes[0]
        mean = (Line("/ n", "div", z),) if len(z) > 1 else ()
        return Work((Line("p = exp(z − log Σ)", "exp", z), Line("p − y", "add", z), *mean))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        n = "/n" if len(shapes[0]) > 1 else ""
        return f"{g} · (softmax({names[0]}) − {names[1]}){n}" if place == 0 else f"−{g} · log softmax({names[0]}){n}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"(softmax({names[0]}) − {names[1]})ᵀ" if place == 0 else f"−log softmax({names[0]})ᵀ"


class Opaque(Operation):
    """A function that nobody has stated: ``loss(z, y)`` is a number, ``g(z)`` of a shape to be found."""

    arity = None

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        if self.kind in ("loss", "ℓ"):
            return ()
        return (site.solver.unknown(f"the entries of {self.kind}({', '.join(site.names)})"),)

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((), uncounted=(f"{self.kind}: its operations are not stated",))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        raise SpecError(
            "no-value", f"{self.kind} is not stated, so it has no value", hint="write it out, or use mse(·, ·)"
        )

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((), uncounted=(f"{self.kind}′: its operations are not stated",))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"(∂{self.kind}/∂{names[place]})ᵀ {g}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"∂{self.kind}/∂{names[place]}"


def _operations() -> dict[str, Operation]:
    neg = Neg("neg", lambda x: -x, lambda x, y: -ONE, "−1")
    found: list[Operation] = [
        *_ELEMENTWISE, neg, Power(), *_PAIRWISE, MatMul(), Outer(), Transpose(), Vec(), Unvec(), Reshape(), Stack(),
        Repeat(), Sum(), Mean(), SquaredNorm(), Norm(), Softmax(), LogSoftmax(), *_LOSSES, CrossEntropy(),
        Opaque("loss"), Opaque("ℓ"), *WINDOWS,
    ]  # fmt: skip
    return {operation.kind: operation for operation in found}


OPERATIONS: dict[str, Operation] = _operations()
FUNCTIONS = (
    *(operation.kind for operation in _ELEMENTWISE), "softmax", "logsoftmax", "sum", "mean", "vec", "norm", "loss",
    *(loss.kind for loss in _LOSSES), "cross_entropy", "conv", "convtranspose", "maxpool", "avgpool",
)  # fmt: skip
"""The words that are functions in an equation (``max`` and ``min`` are read by the parser)."""


def operation(kind: str) -> Operation:
    """The operation of that kind; a name that nobody has stated is an opaque function."""
    return OPERATIONS.get(kind) or Opaque(kind)
