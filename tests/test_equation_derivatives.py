"""Every derivative that is printed, read back from its text and held against torch's autograd."""

import dataclasses
import itertools
import random
import re
from math import prod

import pytest

from netcalc.equations.explanation import Asked, Story
from netcalc.equations.givens import read_givens
from netcalc.equations.inference import Given, Node, infer
from netcalc.equations.ledger import all_edges
from netcalc.equations.operations import OPERATIONS, ElementLoss, Elementwise, Opaque
from netcalc.equations.windows import Windowed

torch = pytest.importorskip("torch")
from netcalc.proof.equations import _apply, run  # noqa: E402

# ---------------------------------------------------------------- reading the text of a derivative

TOKEN = re.compile(
    r"\s*(∂[^\s/()\]]+/∂NAME|\d+\.\d+|\d+|NAME|Σ|[-−+·⊙⊗/^²³ᵀ()\[\];,<>≤≥≠=‖])".replace(
        "NAME", r"[A-Za-zΦφσ](?:(?![ᵀ²³])[\w'])*"
    )
)
FUNCTION = {
    "exp": torch.exp, "tanh": torch.tanh, "abs": torch.abs, "softplus": torch.nn.functional.softplus,
    "max": torch.maximum, "min": torch.minimum, "sin": torch.sin, "cos": torch.cos, "log": torch.log,
    "sign": torch.sign, "σ": torch.sigmoid, "Φ": torch.special.ndtr,
    "φ": lambda x: torch.exp(-x * x / 2) / (2 * torch.pi) ** 0.5,
}  # fmt: skip


COMPARED = {"<": torch.lt, ">": torch.gt, "≤": torch.le, "≥": torch.ge, "≠": torch.ne, "=": torch.eq}


class Misfit(Exception):
    """Sizes that do not fit: another size of I or 1 may."""


def vec(x):
    """Columns below one another."""
    return x.permute(*reversed(range(x.dim()))).reshape(-1, 1)


class Reader:
    """The value of a formula: vectors are columns, numbers 1×1; I and 1 have the ``sizes`` they are given in turn."""

    def __init__(self, written, values, sizes, axis, heights, target):
        self.tokens = TOKEN.findall(written) + [""]
        assert "".join(self.tokens) == re.sub(r"\s", "", written), (written, self.tokens)
        self.at, self.values, self.sizes = 0, values, iter(sizes)
        self.axis, self.heights, self.target = axis, heights, target

    def value(self):
        found = self.sum()
        assert not self.tokens[self.at], f"{self.tokens[self.at :]} is left"
        return found

    @property
    def next(self):
        return self.tokens[self.at]

    def take(self, *tokens):
        if self.next and self.next in tokens:
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def sum(self):
        found = -self.term() if self.take("−", "-") else self.term()
        while sign := self.take("+", "−", "-"):
            other = self.term()
            found = self.alike(lambda a, b, s=sign: a + b if s == "+" else a - b, found, other)
        return found

    def term(self):
        found = self.product()
        while sign := self.take("⊙", "·", "/", "⊗"):
            other = self.product()
            if sign == "·" and 1 not in (found.numel(), other.numel()):
                raise Misfit
            if sign == "⊗":
                found = torch.kron(found.contiguous(), other.contiguous())
            elif sign == "·":
                found = found * other
            else:
                found = self.alike(lambda a, b, s=sign: a * b if s == "⊙" else a / b, found, other)
        return found

    def alike(self, function, a, b):
        if a.shape != b.shape and 1 not in (a.numel(), b.numel()):
            raise Misfit
        return function(a, b)

    def product(self):
        """What stands side by side: a number times something, or a matrix product."""
        found = self.power()
        while self.next and (self.next[0].isalnum() or self.next[0] in "∂(‖Σ["):
            other = self.power()
            if 1 in (found.numel(), other.numel()):
                found = found * other
            elif found.dim() != 2 or other.dim() != 2 or found.shape[1] != other.shape[0]:
                raise Misfit
            else:
                found = found @ other
        return found

    def power(self):
        found = self.atom()
        while sign := self.take("ᵀ", "²", "³", "^"):
            if sign == "ᵀ":
                found = found.T
            else:
                exponent = self.atom() if sign == "^" else torch.tensor({"²": 2.0, "³": 3.0}[sign])
                if exponent.numel() > 1:
                    raise Misfit
                found = found**exponent
        return found

    def closed(self, sign):
        found = self.sum()
        assert self.take(sign), (sign, self.tokens[self.at :])
        return found

    def atom(self):
        token = self.tokens[self.at]
        self.at += 1
        if token == "(":
            return self.closed(")")
        if token == "‖":
            inside = self.atom()
            assert self.take("‖")
            return inside.norm().reshape(1, 1)
        if token == "[":
            return self.bracket()
        if token == "Σ":
            return self.power().sum().reshape(1, 1)
        if token == "I":
            if (size := prod(next(self.sizes))) == 1 and 1 not in self.heights:
                raise Misfit
            return torch.eye(size, dtype=torch.float64)
        if token == "1":
            shape = next(self.sizes)
            if len(shape) > 1 and self.tokens[self.at - 2 : self.at - 1] not in ([], ["·"]):
                raise Misfit  # only the gradient of a sum is a matrix of ones
            if shape == (1,) and self.next and (self.next[0].isalnum() or self.next in "ᵀ("):
                raise Misfit  # a column of ones, not the number
            return torch.ones(shape if len(shape) > 1 else (*shape, 1), dtype=torch.float64)
        if re.fullmatch(r"[\d.]+", token):
            return torch.tensor([[float(token)]], dtype=torch.float64)
        if token in self.values:
            return self.values[token]
        assert self.take("("), f"{token} is unknown"
        if token in ("max", "min"):
            first = self.sum()
            assert self.take(",")
            return self.alike(FUNCTION[token], first, self.closed(")"))
        inside = self.closed(")")
        match token:
            case "diag":
                return torch.diag(inside[:, 0])
            case "vec":
                return vec(inside)
            case "unvec":
                return inside.reshape(self.target[::-1]).T
            case "softmax":
                return torch.softmax(inside, 0 if inside.shape[1] == 1 else self.axis)
        return FUNCTION[token](inside)

    def bracket(self):
        """``[x > 0]`` is 1 where it holds; ``[I; 0]`` are blocks below one another."""
        first = self.sum()
        if sign := self.take(*COMPARED):
            return self.alike(COMPARED[sign], first, self.closed("]")).to(torch.float64)
        blocks = [first]
        while self.take(";"):
            blocks.append(self.sum())
        assert self.take("]")
        width = max(block.shape[1] for block in blocks)
        zeros = [torch.zeros(height, width, dtype=torch.float64) for height in self.heights]
        return torch.cat([zero if not block.any() else block for block, zero in zip(blocks, zeros, strict=True)])


def lifted(tensor):
    return tensor.reshape(1, 1) if tensor.dim() == 0 else tensor[:, None] if tensor.dim() == 1 else tensor


def readings(written, values, shape, sizes, **context):
    """The values of that shape that the text has, for all sizes of I and 1."""
    unknown = sum(token in ("I", "1") for token in TOKEN.findall(written))
    found = [torch.zeros(shape, dtype=torch.float64)] if written == "0" else []
    for chosen in itertools.product(sizes, repeat=unknown):
        try:
            value = Reader(written, values, chosen, **context).value()
        except Misfit:
            continue
        if value.shape == shape or value.numel() == 1 and prod(shape) == 1:
            found.append(value.reshape(shape))
    assert found, f"{written} has not the shape {shape}"
    return found


WORDS = ("window", "place of each maximum", "convtranspose(", "conv(", "where each")
"""Derivatives of convolution and pooling, which have a test of their own (the gradients) or are told in words."""


def explained(written, story, edge, values, g):
    """A derivative in the words of matrices that are not formulas."""
    node, shapes = story.c.nodes[edge.target], [story.c.nodes[i].shape for i in story.c.nodes[edge.target].inputs]
    if written == "a permutation":
        return vec(torch.arange(prod(shapes[0])).reshape(shapes[0]))  # checked by its caller
    if written.endswith(" summed over the repeats"):
        axis = node.options.get("axis")
        return g.sum() if axis is None else g.sum([i for i in range(g.dim()) if i != axis])
    if written.endswith(f" as {list(shapes[edge.place])}"):
        return g.reshape(shapes[edge.place])
    if written.startswith("the rows of "):
        heights = [1 if not s else s[0] if len(s) == max(map(len, shapes)) else 1 for s in shapes]
        if node.options.get("rows"):
            heights = [1] * len(shapes)
        part = g.split(heights)[edge.place]
        return part.reshape(shapes[edge.place])
    return None


POSITIVE = {"log", "sqrt", "pow", "bce", "kl_div", "cross_entropy", "nll"}
"""Operations whose arguments, or targets, are positive: elsewhere both sides of every corner are met."""


def check_edges(source, *given):
    """Both texts of every edge of a system of equations. Returns the kinds of operations met."""
    torch.manual_seed(len(source))
    c = infer(source, read_givens(given))
    story = Story(c, Asked(gradients=True))
    kinds = {node.operation for node in c.nodes}
    leaves = {n.name: torch.randn(tuple(n.shape), dtype=torch.float64) * 3 for n in c.inputs}
    if kinds & POSITIVE:
        leaves = {name: torch.rand_like(leaf) * 0.8 + 0.1 for name, leaf in leaves.items()}
    if "hinge_embedding" in kinds:
        leaves["t"] = torch.where(torch.arange(leaves["t"].numel()) % 2 == 0, 1.0, -1.0).reshape(leaves["t"].shape)
        leaves["t"] = leaves["t"].to(torch.float64)
    for node in c.nodes:
        if node.operation == "cross_entropy":  # its targets are probabilities
            target = leaves[next(name for name in ("y", "Y") if name in leaves)]
            target /= target.sum(0 if "W X" in source else -1, keepdim=True)
    tensors = run(c, leaves)
    met = set()
    for edge in all_edges(c):
        node: Node = c.nodes[edge.target]
        inputs = [tensors[i].clone().detach().requires_grad_() for i in node.inputs]
        output = _apply(node, inputs)
        single = edge.target == c.output and output.numel() == 1
        g = torch.ones_like(output) if single else torch.randn_like(output)
        z = inputs[edge.place]
        wanted = torch.autograd.grad(output, z, g, retain_graph=True)[0]
        rows = [
            torch.autograd.grad(output, z, unit.reshape(tuple(output.shape)), retain_graph=True)[0]
            for unit in torch.eye(output.numel(), dtype=torch.float64)
        ]
        full = torch.stack(rows).reshape((*output.shape, *z.shape))
        order = [*reversed(range(output.dim())), *reversed(range(output.dim(), full.dim()))]
        jacobian = full.permute(order).reshape(output.numel(), z.numel())

        local, layout = story.layout(edge)
        if any(word in text for word in WORDS for text in (local, layout)):
            assert isinstance(OPERATIONS[node.operation], Windowed)
            continue
        met.add(node.operation)
        values = {story.names[i]: lifted(x.detach()) for i, x in zip(node.inputs, inputs)}
        values[story.names[edge.target]] = lifted(output.detach())
        values[story.partial(story.top, story.names[edge.target])] = lifted(g)
        shapes = [tuple(x.shape) for x in (*inputs, output)]
        sizes = [*dict.fromkeys([*((n,) for s in shapes for n in s), *shapes, (1,)])]
        sizes = [s for s in sizes if s and len(s) < 3] + [(prod(s[i:]),) for s in shapes if len(s) > 1 for i in (0, 1)]
        heights = [
            s[0] if s and not node.options.get("rows") and len(s) == len(output.shape) else 1 for s in shapes[:-1]
        ]
        context = {"axis": int(node.options.get("axis") or -1) if node.options.get("axis") != 0 else 0}
        context |= {"heights": heights, "target": shapes[edge.place]}

        told = explained(layout, story, edge, values, g)
        found = [told] if told is not None else readings(layout, values, lifted(z).shape, sizes, **context)
        for one in found:
            assert torch.allclose(one.reshape(z.shape), wanted), (source, layout, one, wanted)

        if local == "a permutation":
            assert ((jacobian == 1).sum(0) == 1).all() and ((jacobian == 1).sum(1) == 1).all()
            continue
        if m := re.fullmatch(r"(.+) for each (row|column) (\w) of (.+)", local):
            of, whole = values[m[4]], torch.zeros_like(full)
            for i in range(of.shape[0 if m[2] == "row" else 1]):
                line = (i, slice(None)) if m[2] == "row" else (slice(None), i)
                (block,) = readings(
                    m[1], {m[3]: of[line][:, None]}, (of[line].numel(),) * 2, [(of[line].numel(),)], **context
                )
                whole[(*line, *line)] = block
            assert torch.allclose(whole, full), (source, local)
            continue
        for one in readings(local, values, jacobian.shape, sizes, **context):
            assert torch.allclose(one, jacobian), (source, local, one, jacobian)
    return met


ELEMENTWISE = [kind for kind, rule in OPERATIONS.items() if isinstance(rule, Elementwise) and kind != "neg"]
SHAPES = (("x: scalar", "t: scalar"), ("x: 4", "t: 4"), ("x: 3x4", "t: 3x4"))
LOSSES = [kind for kind, rule in OPERATIONS.items() if isinstance(rule, ElementLoss)]
SYSTEMS = [
    *((f"y = {f}(x); L = {reduce}(y)", x) for f in ELEMENTWISE for x, _ in SHAPES for reduce in ("sum", "mean")),
    *((f"y = {f}(x)", x) for f in ELEMENTWISE for x, _ in SHAPES),
    *((f"L = {loss}(x, t)", x, t) for loss in LOSSES for x, t in SHAPES),
    *((f"L = {loss}(x, t); J = 2 L", x, t) for loss in LOSSES for x, t in SHAPES),
    *((f"y = x {sign} t", x, t) for sign in "+-*/" for x, t in SHAPES),
    *((f"y = {f}(x, t); L = sum(y)", x, t) for f in ("max", "min") for x, t in SHAPES),
    *((f"y = x^{n}", x) for n in ("2", "3", "5", "(-1/2)", "(1/2)", "(-2)") for x, _ in SHAPES),
    *((f"y = {f}", x) for f in ("-x", "2 x", "x / 3", "1 / x", "x - 1", "3 - x", "x / (2/3)") for x, _ in SHAPES),
    *((f"L = {f}", x) for f in ("norm(x)", "||x||", "||x||^2", "||x||_1", "sum(x)", "mean(x)") for x, _ in SHAPES[1:]),
    *((f"y = {f}(x)", x) for f in ("softmax", "logsoftmax") for x in ("x: 4", "x: 3x4")),
    *((f"Y = {f}(W X)", "W: 4x3", "X: 3x2") for f in ("softmax", "logsoftmax")),
    ("L = nll(z, y)", "z: 4", "y: 4"),
    ("L = nll(Z, Y); J = 2 L", "Z: 3x4", "Y: 3x4"),
    *((f"y = where(x {sign} t, x^2, 3 t); L = sum(y)", x, t) for sign in ("<", "<=", ">", ">=") for x, t in SHAPES),
    *((f"y = {f}(x); L = 2 y", x) for f in ("amax", "amin", "prod") for x, _ in SHAPES[1:]),
    *((f"y = {f}(x)", x) for f in ("amax", "amin", "prod") for x, _ in SHAPES[1:]),
    ("L = cross_entropy(z, y)", "z: 4", "y: 4"),
    ("L = cross_entropy(Z, Y)", "Z: 3x4", "Y: 3x4"),
    ("L = cross_entropy(W X, Y)", "W: 4x3", "X: 3x2", "Y: 4x2"),
    ("q = W x", "W: 2x3"),
    ("q = x W", "W: 2x3", "x: 2"),
    ("Q = A B", "A: 2x3", "B: 3x5"),
    ("Q = A B^T", "A: 2x3", "B: 5x3"),
    ("q = x^T w", "x: 3", "w: 3"),
    ("Q = x y^T", "x: 2", "y: 3"),
    ("Q = X W + b", "X: 3x2", "W: 2x4", "b: 4"),
    ("Q = W X + b", "X: 2x3", "W: 4x2", "b: 4"),
    ("y = a x", "a: scalar", "x: 3"),
    ("Y = a X", "a: scalar", "X: 2x3"),
    ("w = vec(W); z = W x; L = sum(z^2)", "W: 4x6"),
    ("v = vec(X)", "X: 2x3"),
    ("v = vec(X U)", "X: 2x3", "U: 3x2"),
    ("y = 2 x; z = y", "x: 3"),
    ("Y = [X, t]", "X: 2x3", "t: 2"),
    ("y = [x; 1]", "x: 3"),
    ("y = [x; a; u]", "x: 3", "a: scalar", "u: 2"),
    ("Y = [X; U]", "X: 2x3", "U: 4x3"),
    ("Y = [X, 1]", "X: 2x3"),
    ("y = conv(x, w) + b", "x: 2x5x5", "w: 3x2x2x2", "b: 3"),
]  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: " ".join(s))
def test_printed_derivatives_are_torchs(system):
    check_edges(*system)


def test_every_operation_has_its_derivative_read():
    computations = (infer(source, read_givens(given)) for source, *given in SYSTEMS)
    met = {node.operation for c in computations for node in c.nodes}
    told_in_words = {kind for kind, rule in OPERATIONS.items() if isinstance(rule, (Windowed, Opaque))}
    missing = set(OPERATIONS) - told_in_words - met
    assert not missing, missing


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("tanh", "(1 + {y}²)"),
        ("hardswish", "[{x} > −3]"),
        ("elu", "[{x} > 0]"),
        ("sin", "sin({x})"),
        ("mul", ("{a}", "{a}")),
        ("bce", ("({p} − {y})", "({y} − {p})")),
    ],
)
def test_a_wrong_derivative_is_found(kind, wrong, monkeypatch):
    monkeypatch.setitem(OPERATIONS, kind, dataclasses.replace(OPERATIONS[kind], reads=wrong))
    with pytest.raises(AssertionError):
        check_edges(
            f"y = {kind}(x)" if isinstance(wrong, str) else "y = x * t" if kind == "mul" else "L = bce(x, t)", "x: 4"
        )


@pytest.mark.parametrize(
    ("source", "given", "parts"),
    [
        ("A = W x; L = ||A||^2 + sum(A)", "x: 3", ["part of ∂L/∂A = ∂L/∂q2 · 1", "∂L/∂A = ∂L/∂q2 · 1 + ∂L/∂q1 · 2 A"]),
        ("L = sum(x - x * x)", "x: 3", ["part of ∂L/∂x = ∂L/∂q1 ⊙ x", "∂L/∂x = ∂L/∂q2 + ∂L/∂q1 ⊙ x + ∂L/∂q1 ⊙ x"]),
    ],
)
def test_gradients_of_names_read_twice_are_sums(source, given, parts):
    story = Story(infer(source, read_givens([given])), Asked(gradients=True))
    found = [f"{name} = {text}" for _, name, text in story.told_gradients()]
    assert set(parts) <= set(found)


@pytest.mark.parametrize("seed", range(120))
@pytest.mark.parametrize("word", ["conv", "convtranspose"])
def test_gradients_of_convolutions_are_convolutions(word, seed):
    """The text of each gradient is an equation of the same language (for each pair of channels, where it says so)."""
    dice = random.Random(seed)
    rank, lead = dice.choice([1, 2]), dice.choice([[], [2, 3]])
    kernel, stride, padding, dilation = (
        [dice.randint(*ends) for _ in range(rank)] for ends in ((1, 3), (1, 3), (0, 1), (1, 3))
    )
    size = [2 * p + d * (k - 1) + 1 + dice.randint(0, 3) for k, p, d in zip(kernel, padding, dilation)]
    written = {"stride": stride, "padding": padding, "dilation": dilation}
    if word == "convtranspose":
        written["output_padding"] = [dice.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation)]
    options = ", ".join(f"{name}={'x'.join(map(str, value))}" for name, value in written.items())
    x, w = [*lead[(word == "conv") :][:1], *size], [*lead, *kernel]
    given = [f"{name}:{'x'.join(map(str, shape))}" for name, shape in (("x", x), ("w", w))]
    story = Story(infer(f"y = {word}(x, w, {options})", read_givens(given)), Asked(gradients=True))
    story.top = "L"  # of a later loss, also where y is a single number
    torch.manual_seed(seed)
    leaves = {"x": torch.randn(x, dtype=torch.float64), "w": torch.randn(w, dtype=torch.float64)}
    y = run(story.c, {name: leaf.requires_grad_() for name, leaf in leaves.items()})[story.c.output]
    g = torch.randn_like(y)
    wanted = dict(zip("xw", torch.autograd.grad(y, list(leaves.values()), g)))
    for edge in all_edges(story.c):
        name = story.names[edge.source]
        text = story.layout(edge)[1].replace("∂L/∂y", "g")
        text, _, everywhere = text.partition(" for all channels i and j")
        assert bool(_) == (name == "w" and bool(lead)) and not everywhere
        text, _, size = text.partition(" cut to ")
        values = {**leaves, "g": g}
        if "[i]" in text:
            large, small = (values[letter] for letter in re.findall(r"(\w)\[[ij]\]", text))
            pairs = [
                [said(re.sub(r"\[[ij]\]", "", text), text, large[i], small[j]) for i in range(len(large))]
                for j in range(len(small))
            ]
            found = torch.stack([torch.stack(row) for row in pairs])
        else:
            found = run(
                infer(f"r = {text}", {n: Given(tuple(v.shape)) for n, v in values.items() if n in text.split("(")[1]}),
                values,
            )[-1]
        wants = wanted[name].shape
        assert bool(size) == (found.shape != wants)
        found = found[tuple(slice(n) for n in wants)]
        assert torch.allclose(found, wanted[name]), (story.layout(edge), found, wanted[name])


def said(text, indexed, large, small):
    """The value of an equation for one pair of channels."""
    first, second = re.findall(r"(\w)\[[ij]\]", indexed)
    values = {first: large, second: small}
    c = infer(f"r = {text}", {name: Given(tuple(value.shape)) for name, value in values.items()})
    return run(c, values)[c.output]
