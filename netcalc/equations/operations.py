"""What an equation can be made of: one object an operation, with its shape, ledger, value and derivative in one place.

``forward`` and ``backward`` work on small arrays of exact numbers; ``backward`` is the vector-Jacobian product: from
the gradient of the loss in the result to its gradient in each argument. The ledgers are those of :mod:`netcalc.layers`
wherever a layer says the same; :mod:`netcalc.equations.windows` has convolution and pooling.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from math import prod
from typing import Any, Callable, Sequence

from netcalc.dims import Dim
from netcalc.dims import product as times
from netcalc.dims import text as size_text
from netcalc.equations import exact
from netcalc.equations.arrays import Array, product
from netcalc.equations.base import Operation, Options, Site, axes, size_of
from netcalc.equations.conditions import RELATIONS
from netcalc.equations.exact import ONE, ZERO, Exact, Value
from netcalc.equations.solver import Shape
from netcalc.equations.syntax import SIGN_OF
from netcalc.equations.windows import WINDOWS
from netcalc.errors import SpecError
from netcalc.layers.base import Line, Uncounted, Work, contraction, free

HALF = Exact.of("1/2")

# ---------------------------------------------------------------- derivatives in words
# ``local`` is the Jacobian of vec(q) by vec(z), columns below one another: of vectors ∂q/∂z itself. ``layout`` has the
# shape of z. In both I and 1 (a column of ones) are as large as they must be.


def bracketed(words: str) -> str:
    """In parentheses unless it is one word.

    >>> bracketed("q1"), bracketed("a − b"), bracketed("(a − b)/(a b)"), bracketed("softmax(q1)")
    ('q1', '(a − b)', '((a − b)/(a b))', 'softmax(q1)')
    """
    depth = 0
    for sign in words:
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and sign in " -−+/·⊙":
            return f"({words})"
    return words


def bare(words: str) -> str:
    """Without the parentheses round all of it.

    >>> bare("(a − b)"), bare("(∂loss/∂z)ᵀ"), bare("(a) (b)")
    ('a − b', '(∂loss/∂z)ᵀ', '(a) (b)')
    """
    return words[1:-1] if words.startswith("(") and words.endswith(")") and bracketed(words) == words else words


def transposed(words: str) -> str:
    return words[:-1] if words.endswith("ᵀ") else words + "ᵀ"


def row(words: str, shape: Shape) -> str:
    """The derivative of a number: its gradient, of this shape, as one row.

    >>> row("2 (p − y)", (3,)), row("(p − y)", (3, 2)), row("p − y", ())
    ('2 (p − y)ᵀ', 'vec(p − y)ᵀ', 'p − y')
    """
    number, rest = re.fullmatch(r"(\d+ )?(.*)", words).groups("")  # type: ignore[union-attr]
    if not shape:
        return words
    return number + (f"vec({bare(rest)})ᵀ" if len(shape) > 1 else transposed(bracketed(rest)))


def diagonal(words: str, shape: Shape) -> str:
    """The derivative of what is computed element by element."""
    if not shape:
        return words
    signs = {"1": "I", "−1": "−I", "0": "0"}
    if words not in signs and "[" not in words and not any(sign.isalpha() and sign != "π" for sign in words):
        return f"{bracketed(words)} I"  # one number for all
    return signs.get(words) or f"diag({bare(words) if len(shape) == 1 else f'vec({bare(words)})'})"


def identity(shape: Shape) -> str:
    return diagonal("1", shape)


def scaled(g: str, words: str, shape: Shape) -> str:
    """The gradient times the derivative, element by element."""
    if words in ("1", "−1"):
        return g if words == "1" else f"−{g}"
    return f"{g} {'⊙' if shape else '·'} {words}"


def over(count: Dim) -> str:
    """Divided by so many.

    >>> from netcalc.dims import symbol
    >>> over(1), over(12), over(symbol("N") * 3)
    ('', '/12', '/(3·N)')
    """
    if count == 1:
        return ""
    written = size_text(count)
    return f"/{written}" if written.isalnum() else f"/({written})"


def samples(words: str, name: str, letter: str, shape: Shape, axis: int) -> str:
    """What holds of a vector (``{}`` is its name), said of a matrix along one axis."""
    if len(shape) < 2:
        return words.replace("{}", name)
    return f"{words.replace('{}', letter)} for each {('column', 'row')[axis]} {letter} of {name}"


# ---------------------------------------------------------------- element by element, one argument


def _step(x: Value) -> Value:
    return ONE if x > 0 else ZERO


def _absolute(x: Value) -> Value:
    return x if x > 0 else -x


def _sign(x: Value) -> Value:
    return _step(x) - _step(-x)


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
    ``corners`` are where f has no derivative, and ``at_corner`` says what is taken there.
    """

    kind: str
    function: Callable[[Value], Value]
    derivative: Callable[[Value, Value], Value]
    reads: str
    layer: str = ""
    steps: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    corners: tuple[Value, ...] = ()
    at_corner: str = "torch takes 0"

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
        return scaled(g, self.words(names), shapes[0])

    def words(self, names: Sequence[str]) -> str:
        return self.reads.replace("{x}", names[0]).replace("{y}", names[-1])

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return diagonal(self.words(names), shapes[0])


def layer_of(word: str, rank: int = 0) -> Any:
    """The layer kind of that word (for an input with so many axes, where that matters)."""
    from netcalc.layers import kinds_named

    kinds = kinds_named(word)
    return next((kind for kind in kinds if kind.rank is None or kind.rank == rank), kinds[0])


def _between(x: Value, low: Value, high: Value) -> Value:
    """1 inside of the two ends, else 0."""
    return _step(x - low) * _step(-(x - high))


def _clipped(x: Value, low: Value, high: Value) -> Value:
    return x if x != x else low if x < low else high if x > high else x


def _softplus(x: Value) -> Value:
    return exact.log(1 + exact.exp(x)) if x < 700 else x


def _elu(x: Value) -> Value:
    return x if x > 0 else exact.exp(x) - 1


def _mish_slope(x: Value, y: Value) -> Value:
    t = exact.tanh(_softplus(x))
    return t + x * _sigmoid(x) * (1 - t * t)


def _gelu_slope(x: Value, y: Value) -> Value:
    return _normal(x) + x * _bell(x)


_THREE = Exact.of(3)
_LEFT = "torch takes the slope of the left side"
_SCALE, _SCALE_ALPHA = 1.0507009873554805, 1.7580993408473766  # of selu: λ and λ α
_ELEMENTWISE: tuple[Elementwise, ...] = (
    Elementwise(
        "relu",
        lambda x: x if x > 0 else ZERO if x == x else x,
        lambda x, y: _step(x),
        "[{x} > 0]",
        layer="relu",
        corners=(ZERO,),
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
    Elementwise(
        "cbrt", exact.cbrt, lambda x, y: ONE / (y * y * 3), "1/(3 {y}²)", steps=("pow",), extra=("mul", "mul", "div")
    ),
    Elementwise("abs", _absolute, lambda x, y: _sign(x), "sign({x})", steps=("max",), corners=(ZERO,)),
    Elementwise(
        "step", _step, lambda x, y: ZERO, "0", layer="step", corners=(ZERO,), at_corner="a step passes no gradient"
    ),
    Elementwise(
        "softplus",
        _softplus,
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
        "([{x} > 0] + 0.01 [{x} ≤ 0])",
        layer="leakyrelu",
        corners=(ZERO,),
        at_corner=_LEFT,
    ),
    *(
        Elementwise(
            kind,
            _elu,
            lambda x, y: ONE if x > 0 else exact.exp(x),
            "([{x} > 0] + [{x} ≤ 0] ⊙ exp({x}))",
            layer=kind,
        )
        for kind in ("elu", "celu")  # the same for α = 1, but for the steps
    ),
    Elementwise(
        "selu",
        lambda x: float(_elu(x)) * (_SCALE if x > 0 else _SCALE_ALPHA),
        lambda x, y: _SCALE if x > 0 else _SCALE_ALPHA * float(exact.exp(x)),
        f"({_SCALE} [{{x}} > 0] + {_SCALE_ALPHA} [{{x}} ≤ 0] ⊙ exp({{x}}))",
        layer="selu",
        extra=("mul",),
        corners=(ZERO,),
        at_corner=_LEFT,
    ),
    Elementwise(
        "mish",
        lambda x: x * exact.tanh(_softplus(x)),
        _mish_slope,
        "(tanh(softplus({x})) + {x} ⊙ σ({x}) ⊙ (1 − tanh(softplus({x}))²))",
        layer="mish",
        extra=("div", "mul", "mul", "add", "mul", "add"),
    ),
    Elementwise(
        "logsigmoid",
        lambda x: -_softplus(-x),
        lambda x, y: 1 - _sigmoid(x),
        "(1 − σ({x}))",
        layer="logsigmoid",
        extra=("div",),
    ),
    Elementwise(
        "softsign",
        lambda x: x / (1 + _absolute(x)),
        lambda x, y: ONE / ((1 + _absolute(x)) * (1 + _absolute(x))),
        "1/(1 + abs({x}))²",
        layer="softsign",
        extra=("mul", "div"),
    ),
    Elementwise(
        "tanhshrink",
        lambda x: x - exact.tanh(x),
        lambda x, y: exact.tanh(x) * exact.tanh(x),
        "tanh({x})²",
        layer="tanhshrink",
        extra=("mul",),
    ),
    *(
        Elementwise(
            kind,
            lambda x, low=low, high=high: _clipped(x, low, high),  # type: ignore[misc]
            lambda x, y, low=low, high=high: _between(x, low, high),  # type: ignore[misc]
            f"([{{x}} > {exact.text(low)}] ⊙ [{{x}} < {exact.text(high)}])",
            layer=kind,
            corners=(low, high),
        )
        for kind, low, high in (("relu6", ZERO, Exact.of(6)), ("hardtanh", -ONE, ONE))
    ),
    Elementwise(
        "hardsigmoid",
        lambda x: _clipped(x + 3, ZERO, Exact.of(6)) / 6,
        lambda x, y: _between(x, -_THREE, _THREE) / 6,
        "([{x} > −3] ⊙ [{x} < 3])/6",
        layer="hardsigmoid",
        corners=(-_THREE, _THREE),
    ),
    Elementwise(
        "hardswish",
        lambda x: x * _clipped(x + 3, ZERO, Exact.of(6)) / 6,
        lambda x, y: _between(x, -_THREE, _THREE) * (x * 2 + 3) / 6 + (ZERO if x < 3 else ONE),
        "([{x} > −3] ⊙ [{x} < 3] ⊙ (2 {x} + 3)/6 + [{x} ≥ 3])",
        layer="hardswish",
        extra=("mul", "add", "div"),
        corners=(-_THREE, _THREE),
        at_corner="torch takes the slope of the outer side",
    ),
    *(
        Elementwise(
            kind,
            function,
            lambda x, y: 1 - _between(x, -HALF, HALF) if abs(float(x)) != 0.5 else ZERO,
            "([{x} > 0.5] + [{x} < −0.5])",
            layer=kind,
            corners=(-HALF, HALF),
        )
        for kind, function in (
            ("softshrink", lambda x: x - _clipped(x, -HALF, HALF)),
            ("hardshrink", lambda x: x if abs(float(x)) > 0.5 else ZERO),
        )
    ),
)


class Neg(Elementwise):
    """A change of sign: free in the ledger."""

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return free("a change of sign")

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return free("a change of sign")


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
        power = exact.text(n - 1)
        raised = "" if n == 2 else f"^{power if power.isalnum() else f'({power})'}"
        return f"{bracketed(exact.text(n))} {bracketed(names[0])}{raised}"

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return scaled(g, self.words(names, options), shapes[0])

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return diagonal(self.words(names, options), shapes[0])


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
        return self.reads[place].replace("{a}", bracketed(names[0])).replace("{b}", bracketed(names[1]))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return scaled(g, self.words(place, names), shapes[0])

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return diagonal(self.words(place, names), shapes[0])


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
        if place == 0:
            return f"{transposed(b)} ⊗ I"
        return f"I ⊗ {transposed(a) if left == 1 else a}"


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
        return f"{names[1]} ⊗ I" if place == 0 else f"I ⊗ {names[0]}"


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
        return identity(shapes[0])


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

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        same = tuple(options.get("size", shapes[0])) == tuple(shapes[0])
        return g if same else f"{g} as [{', '.join(map(size_text, shapes[0]))}]"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return identity(shapes[0])


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
        def blocks(block: str) -> str:
            return f"[{'; '.join(block if i == place else '0' for i in range(len(shapes)))}]"

        if options.get("rows"):
            return f"I ⊗ {blocks('1')}"
        whole = identity(shapes[place])
        return f"{whole} ⊗ {blocks(whole)}" if max(map(len, shapes)) > 1 else blocks(whole)


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
        axis = options.get("axis")
        return "1" if axis is None else "1 ⊗ I" if axis == 0 else "I ⊗ 1"


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
        return f"{g}{over(times(shapes[0]))} · 1"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"1{'ᵀ' if shapes[0] else ''}{over(times(shapes[0]))}"


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
        return row(f"2 {bracketed(names[0])}", shapes[0])


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
            return Array((), (inputs[0].map(_absolute).total,))
        return Array((), (exact.sqrt(inputs[0].map(lambda x: x * x).total),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        if options.get("p", 2) == 1:
            return [inputs[0].map(lambda x: _sign(x) * g.data[0])]
        if output.data[0] == 0:  # not differentiable there: torch takes 0
            return [Array.full(inputs[0].shape, ZERO)]
        return [inputs[0].times(g.data[0] / output.data[0])]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        scaled = Line("g · x/‖x‖", "mul", shapes[0])
        return Work((scaled,) if options.get("p", 2) == 1 else (Line("g / ‖x‖", "div", (1,)), scaled))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        x = names[0]
        return f"{g} · sign({x})" if options.get("p", 2) == 1 else f"{g} · {bracketed(x)}/‖{x}‖"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        if options.get("p", 2) == 1:
            return row(f"sign({names[0]})", shapes[0])
        return f"{row(names[0], shapes[0])}/‖{names[0]}‖"


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
        return f"{p} ⊙ ({g} − {self.summed(f'({g} ⊙ {p})', shapes[0], options)})"

    def summed(self, words: str, shape: Shape, options: Options) -> str:
        """The sum of a vector; of a matrix, the sums along the axis, repeated along it."""
        if len(shape) < 2:
            return f"Σ {words}"
        return f"1 1ᵀ {words}" if self.axis(shape, options) == 0 else f"{words} 1 1ᵀ"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return samples("diag({}) − {} {}ᵀ", names[-1], "p", shapes[0], self.axis(shapes[0], options))


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
        times = " ⊙ " if len(shapes[0]) > 1 else " "
        summed = self.summed(g, shapes[0], options)
        return f"{g} − softmax({names[0]}){times}({summed})"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return samples("I − 1 softmax({})ᵀ", names[0], "z", shapes[0], self.axis(shapes[0], options))


def log_sum_exp(line: Sequence[Value]) -> Value:
    highest = max(line, key=float)
    return highest + exact.log(Array((len(line),), tuple(exact.exp(v - highest) for v in line)).total)


# ---------------------------------------------------------------- comparisons and choices


class Compare(Pairwise):
    """1 where the comparison holds, else 0: one comparison an element, and no gradient."""

    flat = (0, 1)

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return free("a comparison passes no gradient")


def _compare(kind: str) -> Compare:
    holds, flat = RELATIONS[kind], (lambda a, b: ZERO, lambda a, b: ZERO)
    return Compare(
        kind, SIGN_OF[kind], "max", lambda a, b: ONE if holds(a, b) else ZERO, flat, ("0", "0"), ((), ())
    )  # fmt: skip


class Where(Operation):
    """where(c, a, b): a where the condition holds (c is 1), else b. Choosing is no operation."""

    kind, arity, flat = "where", 3, (0,)

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        site.alike(shapes)
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return free("chooses, computes nothing")

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return inputs[0].map(lambda c, a, b: b if c == 0 else a, *inputs[1:])

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [
            Array.full(g.shape, ZERO),
            g.map(lambda g, c: ZERO if c == 0 else g, inputs[0]),
            g.map(lambda g, c: g if c == 0 else ZERO, inputs[0]),
        ]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("g where the case holds", "mul", output),))

    def words(self, place: int, names: Sequence[str]) -> str:
        return ("0", names[0], f"(1 − {names[0]})")[place]

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return scaled(g, self.words(place, names), shapes[0])

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return diagonal(self.words(place, names), shapes[0])


class Extreme(Sum):
    """The greatest (or the least) entry; equal ones share the gradient evenly, as in torch's amax."""

    def __init__(self, kind: str, better: Callable[[Value, Value], bool]) -> None:
        self.kind, self.better = kind, better

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line(label, "max", (times(shapes[0]) - 1,)),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        best = inputs[0].data[0]
        for value in inputs[0].data[1:]:
            best = value if self.better(value, best) else best
        return Array((), (best,))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        share = g.data[0] / sum(value == output.data[0] for value in inputs[0].data)
        return [inputs[0].map(lambda x: share if x == output.data[0] else ZERO)]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("g · [x = q]", "mul", shapes[0]),))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} · [{names[0]} = {names[-1]}]"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return row(f"[{names[0]} = {names[-1]}]", shapes[0])


class Product(Sum):
    """The product of all entries; the derivative in each is the product of the others."""

    kind = "prod"
    states = (
        "prod(x): its derivative prod(x)/x is the product of the other factors, which has a value also where x is 0"
    )

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return Work((Line("Π", "mul", (times(shapes[0]) - 1,)),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        return Array((), (_product(inputs[0].data),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        x = inputs[0].data
        before: list[Value] = [ONE]
        behind: list[Value] = [ONE]  # products of what stands before, and behind
        for left, right in zip(x, x[::-1]):
            before.append(before[-1] * left)
            behind.append(behind[-1] * right)
        others = (before[i] * behind[len(x) - 1 - i] * g.data[0] for i in range(len(x)))
        return [Array(inputs[0].shape, tuple(others))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("q / x", "div", shapes[0]), Line("g ·", "mul", shapes[0])))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} · {names[-1]}/{bracketed(names[0])}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return row(f"({names[-1]}/{bracketed(names[0])})", shapes[0])


def _product(values: Sequence[Value]) -> Value:
    found: Value = ONE
    for value in values:
        found = found * value
    return found


_CHOICES: tuple[Operation, ...] = (
    *map(_compare, RELATIONS), Where(), Extreme("amax", lambda a, b: a > b), Extreme("amin", lambda a, b: a < b),
    Product(),
)  # fmt: skip


# ---------------------------------------------------------------- losses


@dataclass(frozen=True)
class ElementLoss(Operation):
    """A loss of each prediction and its target, summed or averaged; ``layer`` has the ledger of the mean.

    ``slopes`` are its derivatives in the prediction ``p`` and in the target ``y``, before the mean is taken, and
    ``reads`` says them; ``costs`` are the kinds of their operations.
    """

    kind: str
    function: Callable[[Value, Value], Value]
    slopes: tuple[Callable[[Value, Value], Value], Callable[[Value, Value], Value]]
    reads: tuple[str, str]
    layer: str
    states: str
    costs: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    mean: bool = True
    half: bool = False
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
        return [inputs[0].map(lambda p, y, slope=slope: slope(p, y) * outer, inputs[1]) for slope in self.slopes]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        words = self.words(place, ("p", "y"))
        if words == "0":
            return free("its derivative is 0")
        each = tuple(Line(words, kind, shapes[0]) for kind in self.costs[place])
        outer = (Line("g / n", "div", (1,)),) if self.mean else ()
        return Work((*each, *outer, Line("g ·", "mul", shapes[0])))

    def words(self, place: int, names: Sequence[str]) -> str:
        return self.reads[place].replace("{p}", bracketed(names[0])).replace("{y}", bracketed(names[1]))

    def averaged(self, shape: Shape) -> str:
        return over(times(shape)) if self.mean else ""

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        words = self.words(place, names)
        return words if words == "0" else f"{g} · {words}{self.averaged(shapes[0])}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        words = self.words(place, names)
        return words if words == "0" else f"{row(words, shapes[0])}{self.averaged(shapes[0])}"


def _xlog(y: Value, p: Value) -> Value:
    return ZERO if y == 0 else y * exact.log(p)


def _squares(kind: str, states: str, *, mean: bool = True, half: bool = False) -> ElementLoss:
    """The squared error; with ½ in front its derivative has no 2."""
    two = "" if half else "2 "
    return ElementLoss(
        kind,
        lambda p, y: (p - y) * (p - y),
        (lambda p, y: (p - y) * 2, lambda p, y: (y - p) * 2),
        (f"{two}({{p}} − {{y}})", f"{two}({{y}} − {{p}})"),
        "mse",
        states,
        (("add",),) * 2 if half else (("add", "mul"),) * 2,
        mean=mean,
        half=half,
    )


def _near(kind: str, layer: str, states: str) -> ElementLoss:
    """½ d² of d = p − y where the absolute value of d is less than 1, else that less ½."""
    return ElementLoss(
        kind,
        lambda p, y: (p - y) * (p - y) / 2 if _absolute(p - y) < 1 else _absolute(p - y) - HALF,
        (lambda p, y: _clipped(p - y, -ONE, ONE), lambda p, y: _clipped(y - p, -ONE, ONE)),
        ("max(−1, min(1, {p} − {y}))", "max(−1, min(1, {y} − {p}))"),
        layer,
        states,
        (("add", "max", "max"),) * 2,
    )


_LOSSES = (
    _squares("mse", "mse(p, y) = mean of (p − y)², without ½"),
    _squares("half_mse", "half_mse(p, y) = ½ · mean of (p − y)²", half=True),
    _squares("sse", "sse(p, y) = Σ (p − y)², without ½ and without 1/n", mean=False),
    _squares("half_sse", "half_sse(p, y) = ½ Σ (p − y)²", mean=False, half=True),
    ElementLoss(
        "mae",
        lambda p, y: _absolute(p - y),
        (lambda p, y: _sign(p - y), lambda p, y: _sign(y - p)),
        ("sign({p} − {y})", "sign({y} − {p})"),
        "mae",
        "mae(p, y) = mean of |p − y|",
        (("add", "max"),) * 2,
    ),
    _near("smooth_l1", "smoothl1", "smooth_l1(p, y) = mean of ½ d² where |d| < 1, else |d| − ½, with d = p − y"),
    _near("huber", "huber", "huber(p, y) = mean of ½ d² where |d| < 1, else |d| − ½, with d = p − y (δ = 1)"),
    ElementLoss(
        "bce",
        lambda p, y: -_xlog(y, p) - _xlog(1 - y, 1 - p),
        (lambda p, y: (p - y) / (p * (1 - p)), lambda p, y: exact.log(1 - p) - exact.log(p)),
        ("({p} − {y})/({p} ⊙ (1 − {p}))", "(log(1 − {p}) − log({p}))"),
        "bce",
        "bce(p, y) = mean of −y log p − (1 − y) log(1 − p); p is a probability",
        (("add", "add", "mul", "div"), ("add", "log", "log", "add")),
    ),
    ElementLoss(
        "bce_with_logits",
        lambda z, y: _softplus(z) - y * z,
        (lambda z, y: _sigmoid(z) - y, lambda z, y: -z),
        ("(σ({p}) − {y})", "(−{p})"),
        "bcewithlogits",
        "bce_with_logits(z, y) = bce(σ(z), y) = mean of log(1 + exp(z)) − y z; z is a score",
        (("exp", "add", "div", "add"), ()),
    ),
    ElementLoss(
        "kl_div",
        lambda z, y: _xlog(y, y) - y * z,
        (lambda z, y: -y, lambda z, y: exact.log(y) + 1 - z),
        ("(−{y})", "(log({y}) + 1 − {p})"),
        "kldiv",
        "kl_div(z, y) = mean over all entries of y (log y − z), z = log q, as torch has it; "
        "kl_divergence(y, q) is their sum",
        ((), ("log", "add", "add")),
    ),
    ElementLoss(
        "poisson_nll",
        lambda z, y: exact.exp(z) - y * z,
        (lambda z, y: exact.exp(z) - y, lambda z, y: -z),
        ("(exp({p}) − {y})", "(−{p})"),
        "poissonnllloss",
        "poisson_nll(z, y) = mean of exp(z) − y z; z is the logarithm of the rate",
        (("exp", "add"), ()),
    ),
    ElementLoss(
        "soft_margin",
        lambda s, y: _softplus(-y * s),
        (lambda s, y: -y * _sigmoid(-y * s), lambda s, y: -s * _sigmoid(-y * s)),
        ("(−{y} ⊙ σ(−{y} ⊙ {p}))", "(−{p} ⊙ σ(−{y} ⊙ {p}))"),
        "softmarginloss",
        "soft_margin(s, y) = mean of log(1 + exp(−y s)); y is 1 or −1",
        (("mul", "exp", "add", "div", "mul"),) * 2,
    ),
    ElementLoss(
        "hinge_embedding",
        lambda d, y: (ZERO if y == -1 else d) + (ZERO if y == 1 or d > 1 else 1 - d),
        (lambda d, y: (ZERO if y == -1 else ONE) - (ZERO if y == 1 or d > 1 else ONE), lambda d, y: ZERO),
        ("([{y} ≠ −1] − [{y} ≠ 1] ⊙ [{p} ≤ 1])", "0"),
        "hinge",
        "hinge_embedding(d, y) = mean of d where y = 1, max(0, 1 − d) where y = −1; hinge(s, y) is that of a score",
        (("max", "max", "max", "add"), ()),
    ),
)


class CrossEntropy(Operation):
    """−Σ y log softmax(z), the mean over rows where there are several; y holds probabilities (one-hot, say)."""

    kind, arity = "cross_entropy", 2
    signs = ("", "−")
    states = (
        "cross_entropy(z, y) = −Σ y log softmax(z), from scores z, not probabilities; y sums to 1; the mean over rows"
    )

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
        return f"{self.signs[place]}{g} · {self.words(place, names)}{self.averaged(shapes[0])}"

    def words(self, place: int, names: Sequence[str]) -> str:
        return f"(softmax({names[0]}) − {names[1]})" if place == 0 else f"log(softmax({names[0]}))"

    def averaged(self, shape: Shape) -> str:
        return over(times(shape[:-1]))

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"{self.signs[place]}{row(self.words(place, names), shapes[0])}{self.averaged(shapes[0])}"


class NegativeLogLikelihood(CrossEntropy):
    """−Σ y log p from log-probabilities z = log p, the mean over rows where there are several."""

    kind = "nll"
    signs = ("−", "−")
    states = "nll(z, y) = −Σ y z, from log-probabilities z = log p; y is one-hot, or sums to 1; the mean over rows"

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        lines = (Line("y z", "mul", shapes[0]), Line("Σ", "add", (times(shapes[0]) - 1,)))
        return Work((*lines, Line("/ n", "div", (1,))) if len(shapes[0]) > 1 else lines)

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        total = inputs[0].map(lambda z, y: ZERO if y == 0 else y * z, inputs[1]).total
        return Array((), (-total / prod(inputs[0].shape[:-1]),))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        return [other.times(-g.data[0] / prod(other.shape[:-1])) for other in inputs[::-1]]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        outer = (Line("g / n", "div", (1,)),) if len(shapes[0]) > 1 else ()
        return Work((*outer, Line("g ·", "mul", shapes[0])))

    def words(self, place: int, names: Sequence[str]) -> str:
        return names[1 - place]


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
        return Work((), uncounted=(Uncounted(f"{self.kind}: its operations are not stated"),))

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        raise SpecError(
            "no-value", f"{self.kind} is not stated, so it has no value", hint="write it out, or use mse(·, ·)"
        )

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((), uncounted=(Uncounted(f"{self.kind}′: its operations are not stated"),))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"(∂{self.kind}/∂{names[place]})ᵀ {g}"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"∂{self.kind}/∂{names[place]}"


def _operations() -> dict[str, Operation]:
    neg = Neg("neg", lambda x: -x, lambda x, y: -ONE, "−1")
    found: list[Operation] = [
        *_ELEMENTWISE, neg, Power(), *_PAIRWISE, MatMul(), Outer(), Transpose(), Vec(), Unvec(), Reshape(), Stack(),
        Repeat(), Sum(), Mean(), SquaredNorm(), Norm(), Softmax(), LogSoftmax(), *_LOSSES, CrossEntropy(),
        NegativeLogLikelihood(),
        Opaque("loss"), Opaque("ℓ"), *_CHOICES, *WINDOWS,
    ]  # fmt: skip
    return {operation.kind: operation for operation in found}


OPERATIONS: dict[str, Operation] = _operations()
LOSSES = frozenset((*(loss.kind for loss in _LOSSES), "cross_entropy", "nll", "loss", "ℓ"))
DEFINED = {
    "hinge": (("s", "y"), "mean(max(0, 1 - y * s))"),
    "kl_divergence": (("p", "q"), "sum(p * log(p / q))"),
}
"""Functions that stand for an equation: their arguments, and what they are."""
FUNCTIONS = (
    *(operation.kind for operation in _ELEMENTWISE), "softmax", "logsoftmax", "sum", "mean", "amax", "amin",
    "prod", "vec", "norm", "loss",
    *(loss.kind for loss in _LOSSES), "cross_entropy", "nll", *DEFINED, "conv", "convtranspose", "maxpool", "avgpool",
)  # fmt: skip
"""The words that are functions in an equation (``max`` and ``min`` are read by the parser)."""


def operation(kind: str) -> Operation:
    """The operation of that kind; a name that nobody has stated is an opaque function."""
    return OPERATIONS.get(kind) or Opaque(kind)
