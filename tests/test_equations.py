"""Equations in: shapes by unification, the ledger, gradients' shapes, errors that point at the character."""

import json

import pytest
from click.testing import CliRunner

import netcalc
from netcalc import SpecError
from netcalc.analysis.operations import Ops
from netcalc.cli.eq import eq
from netcalc.equations.explanation import Asked, Story
from netcalc.equations.givens import read_givens
from netcalc.equations.inference import infer
from netcalc.equations.ledger import backward_ledger, edges, forward_ledger, node_work, update_ledger
from netcalc.equations.network import network
from netcalc.equations.operations import OPERATIONS, Elementwise, layer_of
from netcalc.equations.parser import parse
from netcalc.equations.syntax import latex, text
from netcalc.equations.values import evaluate, gradients
from netcalc.layers import activation
from netcalc.layers.base import Layer


def solve(source, *given, **more):
    return infer(source, read_givens(given), **more)


def shapes(source, *given):
    return {node.name: tuple(map(str, node.shape)) for node in solve(source, *given).nodes if node.name}


def run(*args):
    return CliRunner().invoke(eq, list(args), catch_exceptions=False)


# ---------------------------------------------------------------- the language


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (r"f = W_2 \max(0, W_1 x + b_1) + b_2", "W2 max(0, W1 x + b1) + b2"),
        (r"y = \sigma(xW^T + b)", "σ(x Wᵀ + b)"),
        (r"y = \operatorname{softmax}\left(xW^\top + b\right)", "softmax(x Wᵀ + b)"),
        (r"y = \sin(\mathbf{w}^T \mathbf{x}) - b", "sin(wᵀ x) − b"),
        (r"L = \frac{1}{2} \lVert y - t \rVert^2", "1/2 ‖y − t‖²"),
        (r"L = \|y - t\|^{2}", "‖y − t‖²"),
        ("L = ||y - t||_1", "‖y − t‖_1"),
        (r"L = -\sum_{i} y_i \log p_i", "−sum(y ⊙ log(p))"),
        (r"z = \begin{bmatrix} x \\ 1 \end{bmatrix}", "[x; 1]"),
        (r"z = W\bar{x}", "W x̄"),
        ("h' = σ(θ_1 x')", "σ(θ1 x')"),
        ("y = a*b / 2 - |c|", "a ⊙ b / 2 − |c|"),
        ("y = A @ B ⊙ C", "A @ B ⊙ C"),
        ("y = conv(x, w, stride 2, padding=1)", "conv(x, w, stride 2, padding 1)"),
        ("y = max(x, 2×2)", "max(x, 2×2)"),
        (r"a^{(2)} = \tanh(W^{(2)} a^{(1)})", "tanh(W2 a1)"),
        ("p = e / (e + 1)", "e / (e + 1)"),
    ],
)
def test_notation(written, means):
    (equation,) = parse(written)
    expression = equation.expression
    shown = text(expression)
    assert shown == means
    assert latex(expression)


@pytest.mark.parametrize(
    ("written", "underlined", "code"),
    [
        ("f = W x + + b", "+", "syntax"),
        ("f = W x $ b", "$", "unexpected-character"),
        ("f = (W x + b", "", "syntax"),
        ("f = W x + b)", ")", "syntax"),
        (r"f = \foo{x}", r"\foo", "unexpected-character"),
        ("f = 2 3", "3", "syntax"),
        ("f = softmax", "", "syntax"),
        ("max = 3", "max", "syntax"),
        ("", "", "empty"),
        ("f = x^y", "y", "bad-exponent"),
        ("f = conv(x, w, strid=2)", "strid", "unknown-argument"),
        ("f = " + "(" * 100 + "x", "(", "too-deep"),
    ],
)
def test_errors_point_at_the_character(written, underlined, code):
    with pytest.raises(SpecError) as caught:
        infer(written)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.span is not None
    if underlined:
        assert caught.value.span.of(written) == underlined


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("source", ["f = W2 max(0, W1 x + b1) + b2", r"f = W_2 \max(0, W_1 x + b_1) + b_2"])
@pytest.mark.parametrize("output", ["f:1", "f: scalar"])
def test_the_sheets_perceptron(source, output):
    found = solve(source, "x:256", "b1:512", output)
    assert found.parameters == {"W2": (1, 512), "W1": (512, 256), "b1": (512,), "b2": (1,)}
    ledger = forward_ledger(found)
    assert (found.params, ledger.flops, ledger.macs) == (132097, 263680, 131584)


@pytest.mark.parametrize(
    ("source", "given", "expected"),
    [
        ("y = xW^T + b", ("x: N x D", "y: N x 1"), {"W": ("1", "D"), "b": ("1",)}),
        (r"y = \sigma(xW^T + b)", ("x:NxD", "y:Nx1"), {"W": ("1", "D"), "b": ("1",)}),
        (r"y = \operatorname{softmax}(xW^T + b)", ("x: N x D", "y: N x C"), {"W": ("C", "D"), "b": ("C",)}),
        ("y = softmax(Wx + b)", ("x: DxN", "y: CxN"), {"W": ("C", "D"), "b": ("C",)}),
        ("y = Xw + b; L = ||y - t||^2", ("X: NxD",), {"w": ("D",), "b": (), "t": ("N",)}),
        ("y = x w + b", ("x: NxD", "y: N"), {"w": ("D",), "b": ()}),
        (r"y = \sin(\mathbf{w}^T \mathbf{x}) - b", ("x:2",), {"w": ("2",), "b": (), "y": ()}),
        ("z = W [x; 1]", ("W: 4x6",), {"x": ("5",), "z": ("4",)}),
        ("z = W x̄", ("W: 4 x 6",), {"x": ("5",), "x̄": ("6",), "z": ("4",)}),
        ("G = x y^T", ("x:3", "y:4"), {"G": ("3", "4")}),
        ("v = vec(A)", ("v:12", "A: 3xK"), {"A": ("3", "4")}),
        ("y = conv(x, w, stride=2, padding=1)", ("x: 8x9", "w: 3x3"), {"y": ("4", "5")}),
        ("y = maxpool(x, 2x2)", ("x: 8x9",), {"y": ("4", "4")}),
        ("y = conv(x, w)", ("x: 3x8x8", "w: 16x3x5x5"), {"y": ("16", "4", "4")}),
        ("L = -sum(y log p)", ("p: 10",), {"y": ("10",), "L": ()}),
        ("L = -sum(Y log P)", ("P: NxC",), {"Y": ("N", "C")}),
    ],
)
def test_inference(source, given, expected):
    found = shapes(source, *given)
    assert {name: found[name] for name in expected} == expected


def test_what_remains_free_is_named():
    found = solve("y = W x + b", "x:3")
    assert found.free == {"D": "the entries of b"} and found.parameters["W"] == found["y"].shape + (3,)


def test_a_contradiction_names_both_places():
    with pytest.raises(SpecError) as caught:
        solve("h = W x; L = mse(h, y)", "W: 4x6", "y: 17x1")
    said = str(caught.value)
    assert "4" in said and "17" in said and "given as W: 4x6" in said and "given as y: 17x1" in said
    assert caught.value.span.of(caught.value.source) == "mse(h, y)"
    with pytest.raises(SpecError, match="columns of W: 5, but the entries of x: 6"):
        solve("z = W x", "W: 4x5", "x: 6")


def test_an_unused_given_is_an_error():
    with pytest.raises(SpecError, match="occurs nowhere"):
        solve("z = W x", "x: 3", "V: 3")


ACTIVATIONS = [kind for kind, rule in OPERATIONS.items() if isinstance(rule, Elementwise) and rule.layer]


# ---------------------------------------------------------------- the same ledger as the layer language


def lines(work):
    return sorted((line.kind, str(line.count)) for line in work if not isinstance(line.count, int) or line.count)


@pytest.mark.parametrize(
    ("source", "given", "spec"),
    [
        ("f = W2 max(0, W1 x + b1) + b2", ("x:256", "b1:512", "f:1"), "256 -> linear 512 -> relu -> linear 1"),
        ("f = W2 max(0, W1 x + b1) + b2", ("x:D", "b1:H", "f:C"), "D -> linear H -> relu -> linear C"),
        ("y = softmax(xW^T + b)", ("x: NxD", "y: NxC"), "N x D -> linear C -> softmax -1"),
        ("y = sigmoid(W x)", ("x: 7", "y: 3"), "7 -> linear 3 nobias -> sigmoid"),
        (
            "h = tanh(W1 x + b1); h' = gelu(W2 h); y = silu(W3 h')",
            ("x:4", "h:5", "h':6", "y:2"),
            "4 -> linear 5 -> tanh -> linear 6 nobias -> gelu -> linear 2 nobias -> silu",
        ),
        (
            "y = maxpool(max(0, conv(x, w, stride=2, padding=1)), 2x2)",
            ("x: 1x16x16", "w: 4x1x3x3"),
            "1x16x16 -> conv 4 k3 s2 p1 nobias -> relu -> maxpool 2",
        ),
        ("y = avgpool(conv(x, w, dilation=2), 2)", ("x: 20", "w: 3"), "1x20 -> conv 1 k3 d2 nobias -> avgpool 2"),
        ("y = convtranspose(x, w, stride=2)", ("x: 4x4", "w: 3x3"), "1x4x4 -> convtranspose 1 k3 s2 nobias"),
        ("y = mse(x, t)", ("x: 64",), "input t: 64\ninput pred: 64\nmse t"),
        ("y = softplus(x)", ("x: 7",), "7 -> softplus"),
        ("y = leaky_relu(sin(x))", ("x: 8",), "8 -> sin -> leakyrelu"),
        ("y = γ * x", ("x: 5x8",), "5x8 -> layerscale"),
    ],
)
def test_the_layer_language_says_the_same(source, given, spec):
    found, report = solve(source, *given), netcalc.analyze(spec)
    ledger = forward_ledger(found)
    assert dict(ledger.ops) == dict(report.ops)
    assert ledger.macs == report.macs
    ours = lines(line for entry in ledger.entries for line in entry.work.lines)
    theirs = lines(line for layer in report.layers for line in layer.work.lines)
    assert ours == theirs
    if "conv" not in source:
        assert found.params == report.params
        assert [layer.output_shape for layer in report.layers][-1] == found.nodes[found.output].shape
    assert tree(network(found)) == tree(report.graph)


def test_every_activation_of_the_layers_is_in_the_equations():
    layers = {kind for kind in vars(activation).values() if isinstance(kind, type) and issubclass(kind, Layer)}
    without = {"RReLU", "PReLU", "Threshold", "Softmin", "Softmax2d", "GLU"}  # with arguments, or of whole axes
    said = {layer_of(OPERATIONS[kind].layer, 1) for kind in ACTIVATIONS} | {layer_of("softmax"), layer_of("logsoftmax")}
    words = {kind for kind in layers if kind.words and kind.__module__ == activation.__name__}
    assert {kind.__name__ for kind in words - said} == without


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_values_and_slopes_of_activations_are_torchs(kind):
    """At random places and at every corner."""
    functional = pytest.importorskip("torch.nn.functional")
    import torch

    function = getattr(functional, kind, None) or getattr(torch, kind, None)
    places = [-7.5, -3, -2.25, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2.5, 3, 6, 8.5]
    x = torch.tensor(places, dtype=torch.float64, requires_grad=True)
    y = (x > 0).to(torch.float64) + 0 * x if kind == "step" else function(x)
    y.sum().backward()
    found = infer(f"y = {kind}(x); L = sum(y)", read_givens([f"x={places}"]))
    values = evaluate(found)
    assert [float(v) for v in values[found.names["y"]].data] == pytest.approx(y.tolist(), rel=1e-12, abs=1e-15)
    slopes = gradients(found, values)[found.names["x"]]
    close = 1e-7 if kind == "hardsigmoid" else 1e-12  # torch has its 1/6 in single precision
    assert [float(v) for v in slopes.data] == pytest.approx(x.grad.tolist(), rel=close, abs=1e-15)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("mae", "l1_loss"),
        ("smooth_l1", "smooth_l1_loss"),
        ("huber", "huber_loss"),
        ("bce", "binary_cross_entropy"),
        ("bce_with_logits", "binary_cross_entropy_with_logits"),
        ("kl_div", "kl_div"),
        ("poisson_nll", "poisson_nll_loss"),
        ("soft_margin", "soft_margin_loss"),
        ("hinge_embedding", "hinge_embedding_loss"),
        ("nll", "nll_loss"),
        ("mse", "mse_loss"),
    ],
)
@pytest.mark.filterwarnings("ignore:reduction")
def test_losses_are_torchs(kind, function):
    functional = pytest.importorskip("torch.nn.functional")
    import torch

    predicted, target = [0.25, 0.5, 0.125, 0.75], [1, 0.5, 0, 0.25]
    if kind in ("smooth_l1", "huber", "mae", "mse", "bce_with_logits", "poisson_nll"):
        predicted = [-2.5, 0.5, 0.25, 3]
    if kind in ("soft_margin", "hinge_embedding"):
        predicted, target = [-2.5, 0.5, 0.25, 3], [1, -1, 1, -1]
    if kind == "nll":
        target = [0, 0, 1, 0]
    x = torch.tensor(predicted, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(2) if kind == "nll" else torch.tensor(target, dtype=torch.float64)
    loss = getattr(functional, function)(x, y)
    loss.backward()
    for name in (kind, function):
        found = infer(f"L = {name}(p, y)", read_givens([f"p={predicted}", f"y={target}"]))
        values = evaluate(found)
        assert float(values[found.output].data[0]) == pytest.approx(loss.item(), rel=1e-12)
        slopes = gradients(found, values)[found.names["p"]]
        assert [float(v) for v in slopes.data] == pytest.approx(x.grad.tolist(), rel=1e-12)


def test_losses_of_papers_are_what_they_stand_for():
    for written, meant in (
        ("L = hinge(W x + b, y)", "L = mean(max(0, 1 - y * (W x + b)))"),
        ("L = kl_divergence(softmax(x), y)", "L = sum(softmax(x) * log(softmax(x) / y))"),
    ):
        found, same = (solve(source, "x=[1, 2, -1]", "y=[1/2, 1/4, 1/4]") for source in (written, meant))
        assert forward_ledger(found).ops == forward_ledger(same).ops and found.params == same.params
        assert [(node.operation, node.shape) for node in found.nodes] == [(n.operation, n.shape) for n in same.nodes]
        assert any(note.startswith(written[4:8]) for note in found.notes)
    torch = pytest.importorskip("torch")
    p, q = [0.25, 0.75], [0.5, 0.5]
    wanted = torch.distributions.kl_divergence(*(torch.distributions.Categorical(torch.tensor(t)) for t in (p, q)))
    found = solve("L = kl_divergence(p, q)", f"p={p}", f"q={q}")
    assert float(evaluate(found)[found.output].data[0]) == pytest.approx(wanted.item())
    scores, sides = torch.tensor([[-2.0, 0.5, 3.0]]), torch.tensor([1.0, -1.0, 1.0])
    wanted = torch.nn.functional.hinge_embedding_loss((sides * scores), -torch.ones(1))  # max(0, 1 − y s), for y s
    found = solve("L = hinge(s, y)", "s=[-2, 1/2, 3]", "y=[1, -1, 1]")
    assert float(evaluate(found)[found.output].data[0]) == pytest.approx(wanted.item())
    with pytest.raises(SpecError, match="takes 2"):
        solve("L = hinge(x)", "x: 3")


@pytest.mark.parametrize(
    ("source", "given", "spec"),
    [
        (
            "m = mean(x); v = mean((x - m)^2); y = γ * (x - m) / sqrt(v + ε) + β",
            ("x: 9",),
            "9 -> layernorm",
        ),
        ("y = γ * (x - m) / sqrt(s + ε) + β", ("x: 9", "m: 9", "s: 9"), "9 -> bn"),
    ],
)
def test_normalisation_written_out_has_the_ledger_of_the_layer(source, given, spec):
    found, report = solve(source, *given), netcalc.analyze(spec)
    assert dict(forward_ledger(found).ops) == dict(report.ops) and found.params == report.params
    with pytest.raises(SpecError, match="no layer kind says"):
        network(found)
    word = "layernorm" if "layer" in spec else "batchnorm"
    with pytest.raises(SpecError) as caught:
        solve(f"y = {word}(x)", "x: 9")
    assert source.split("y = ")[-1] in caught.value.hint


@pytest.mark.parametrize("batch", [32, "N"])
def test_samples_as_rows_have_the_ledger_of_a_batch(batch):
    report = netcalc.analyze("256 -> linear 512 -> relu -> linear 10 -> softmax -1", batch=batch)
    found = solve("P = softmax(max(0, X W + b) U + c)", f"X: {batch}x256", "b: 512", "c: 10")
    assert dict(forward_ledger(found).ops) == dict(report.ops) and found.params == report.params
    assert forward_ledger(found).macs == report.macs


def tree(graph):
    """A graph as nested layers, without the names of its nodes; the branches of a sum in any order."""
    found = []
    for node in graph.nodes:
        inputs = tuple(found[index] for index in node.inputs)
        order = sorted(inputs, key=repr) if node.layer.kind in ("Add", "Mul") else inputs
        owners = [graph.index(owner.partition(":")[0]) for _, owner in node.shared]
        found.append((node.layer, node.shape, tuple(order), tuple(owners)))
    return [found[index] for index in graph.outputs]


@pytest.mark.parametrize(
    ("source", "given", "spec"),
    [
        ("y = x + W2 max(0, W1 x + b1) + b2", ("x: 8", "b1: 16"), "8 -> residual { linear 16 -> relu -> linear 8 }"),
        ("y = x + W x + b", ("x: 4",), "4 -> residual { linear 4 }"),
        (
            "h = tanh(W x + U h0 + b)",
            ("x: 3", "h0: 4", "h: 4"),
            "input image: 3 -> linear 4 nobias as a\ninput h0: 4 -> linear 4 -> add a -> tanh",
        ),
        ("y = σ(x W + b)", ("x: NxD", "b: C"), "N x D -> linear C -> sigmoid"),
        ("z = W x; y = z + b", ("x: 5", "z: 3"), "5 -> linear 3"),
        (
            "h = tanh(W x + b); h' = tanh(W h + b); y = V h' + c",
            ("x: 3", "h: 3", "y: 2"),
            "3 -> linear 3 as h -> tanh -> share h -> tanh -> linear 2",
        ),
        *(
            (f"L = {name}(W x + b, t)", ("x: 6", "t: 3"), f"input t: 3\ninput p: 6 -> linear 3 -> {layer} t")
            for name, layer in (
                ("mae", "mae"),
                ("l1_loss", "l1loss"),
                ("smooth_l1_loss", "smoothl1"),
                ("huber", "huber"),
                ("binary_cross_entropy_with_logits", "bcewithlogits"),
                ("poisson_nll", "poissonnllloss"),
                ("soft_margin", "softmarginloss"),
                ("hinge_embedding_loss", "hinge"),
            )
        ),
        (
            "L = kl_div(logsoftmax(W x + b), t)",
            ("x: 6", "t: 3"),
            "input t: 3\ninput p: 6 -> linear 3 -> logsoftmax -1 -> kldiv t",
        ),
        ("y = γ ⊙ x", ("x: 5x8",), "5x8 -> layerscale"),
        ("y = γ ⊙ (W x + b)", ("x: 6", "y: 3"), "6 -> linear 3 -> layerscale"),
        ("Y = X U + B", ("X: 5x8", "U: 8x4", "B: 5x4"), "5x8 -> linear 4 nobias -> learnedposition 5"),
        ("P = softmax(Q K^T) V", ("Q: TxD", "K: TxD", "V: TxD"), "ATTENTION"),
        ("y = (W1 x) ⊙ σ(W2 x)", ("x: 4", "y: 6"), "4 -> mul { linear 6 nobias | linear 6 nobias -> sigmoid }"),
        (
            "y = conv(max(0, conv(x, w, padding=1)), v, stride=2)",
            ("x: 3x32x32", "w: 8x3x3x3", "v: 4x8x5x5"),
            "3x32x32 -> conv 8 k3 p1 nobias -> relu -> conv 4 k5 s2 nobias",
        ),
        ("y = conv(x, w) + b", ("x: 3x32x32", "w: 16x3x3x3", "b: 16"), "3x32x32 -> conv 16 k3"),
        ("y = b + conv(x, w, stride 2, padding 1)", ("x: 3xHxW", "w: 16x3x3x3"), "3xHxW -> conv 16 k3 s2 p1"),
        ("y = max(0, conv(x, w, dilation 2) + b)", ("x: 3x50", "w: 8x3x5"), "3x50 -> conv 8 k5 d2 -> relu"),
        ("y = convtranspose(x, w, stride 2) + b", ("x: 8x7x7", "w: 8x4x2x2"), "8x7x7 -> convtranspose 4 k2 s2"),
        ("y = conv(x, w) + b", ("x: 9x9", "w: 3x3", "b: scalar"), "1x9x9 -> conv 1 k3"),
        (
            "h = max(0, conv(x, w, padding 1) + b); h' = conv(h, v, padding 1) + c; y = max(0, x + h')",
            ("x: 16x8x8", "w: 16x16x3x3", "v: 16x16x3x3"),
            "16x8x8 -> residual { conv 16 k3 p1 -> relu -> conv 16 k3 p1 } -> relu",
        ),
        ("y = maxpool(x, 3, stride 2, padding 1)", ("x: 4x9x9",), "4x9x9 -> maxpool 3 s2 p1"),
        ("y = maxpool(x, 2, dilation 2)", ("x: 4x9x9",), "4x9x9 -> maxpool 2 d2"),
        ("y = avgpool(x, 2x3)", ("x: 4x9x9",), "4x9x9 -> avgpool k2x3"),
        *(
            (f"h = {word}(W1 x + b1); y = W2 h + b2", ("x: 6", "h: 5", "y: 2"), f"6 -> linear 5 -> {kind} -> linear 2")
            for word, kind in (
                ("relu", "relu"),
                ("σ", "sigmoid"),
                ("tanh", "tanh"),
                *((word, word) for word in ACTIVATIONS),
            )
        ),
        ("P = softmax(W x + b)", ("x: 6", "b: 3"), "6 -> linear 3 -> softmax -1"),
        ("P = logsoftmax(X W + b)", ("X: NxD", "b: C"), "N x D -> linear C -> logsoftmax -1"),
        ("Y = W X + b", ("X: DxN", "W: CxD", "b: C"), "DxN -> transpose 0 1 -> linear C -> transpose 0 1"),
        (
            "H = max(0, W X); P = softmax(V H)",
            ("X: DxN", "W: KxD", "V: CxK"),
            "DxN -> transpose 0 1 -> linear K nobias -> transpose 0 1 -> relu"
            " -> transpose 0 1 -> linear C nobias -> transpose 0 1 -> softmax -2",
        ),
        ("L = mse(W x + b, t)", ("x: 6", "t: 3"), "input t: 3\ninput p: 6 -> linear 3 -> mse t"),
        ("L = sse(W x + b, t)", ("x: 6", "t: 3"), "input t: 3\ninput p: 6 -> linear 3 -> mse t reduction=sum"),
        ("L = bce(σ(W x + b), t)", ("x: 6", "t: 1"), "input t: 1\ninput p: 6 -> linear 1 -> sigmoid -> bce t"),
        (
            "L = cross_entropy(W x + b, y)",
            ("x: 6", "y: 3"),
            "input y: 3\ninput p: 6 -> linear 3 -> crossentropy y reduction=sum",
        ),
        (
            "L = cross_entropy(X W + b, Y)",
            ("X: 5x6", "Y: 5x3"),
            "input Y: 5x3 -> transpose 0 1 as y\ninput X: 5x6 -> linear 3 -> transpose 0 1 -> crossentropy y",
        ),
        ("y = sum(x ⊙ t)", ("x: 4", "t: 4"), "input t: 4\ninput p: 4 -> mul t -> sum"),
        ("y = mean(x - t)", ("x: 4x5", "t: 4x5"), "input t: 4x5\ninput p: 4x5 -> sub t -> mean"),
        ("y = σ(x) / t", ("x: 4", "t: 4"), "input t: 4\ninput p: 4 -> sigmoid -> div t"),
        ("y = W [x; h] + b", ("x: 4", "h: 3", "y: 2"), "input h: 3\ninput p: 4 -> concat h -> linear 2"),
    ],
)
def test_equations_are_networks(source, given, spec):
    if spec == "ATTENTION":
        spec = "input Q: TxD\ninput K: TxD -> transpose 0 1 as kt\nfrom Q -> matmul kt -> softmax -1 as s\n"
        spec += "input V: TxD\nfrom s -> matmul V"
    found = solve(source, *given)
    graph, report = network(found), netcalc.analyze(spec)
    assert tree(graph) == tree(report.graph)
    ours = netcalc.analyze(graph)
    assert dict(ours.ops) == dict(report.ops) == dict(forward_ledger(found).ops)
    assert ours.params == report.params == found.params


@pytest.mark.parametrize(
    ("source", "given", "what"),
    [
        ("y = x / 8", ("x: 4",), "8"),
        ("y = (W V) x", ("x: 4", "W: 2x3"), "W V"),  # a product of weights
        ("y = exp(x)", ("x: 4",), "y"),
        ("y = x + b", ("x: 4", "b: 4"), "y"),  # a bias without a layer
        (r"P = softmax(Q K^T / \sqrt{d_k}) V", ("Q: 5x8", "K: 7x8"), "sqrt(d_k)"),
        ("y = γ * conv(x, w)", ("x: 3x8x8", "w: 4x3x3x3", "γ: 4"), "y"),  # one for each channel, not feature
        ("L = nll(logsoftmax(x), y)", ("x: 4",), "L"),  # the layer takes the number of a class
    ],
)
def test_what_no_layer_says_is_refused_by_name(source, given, what):
    with pytest.raises(SpecError, match="no layer kind says") as caught:
        network(solve(source, *given))
    assert what in caught.value.message and caught.value.code == "no-layer" and caught.value.span is not None


def test_gradients_of_a_transposed_convolution_are_convolutions():
    done = run("y = convtranspose(x, w); L = sum(y)", "x: 2x2", "w: 3x3", "--gradients").stdout
    assert "∂L/∂x = conv(∂L/∂y, w)" in done and "∂L/∂w = conv(∂L/∂y, x)" in done


# ---------------------------------------------------------------- gradients' shapes and ledgers


def test_gradient_has_the_shape_of_its_tensor_and_edges_their_jacobians():
    found = solve("z = W x̄; w = vec(W); p = g(z); L = mse(p, y)", "W:4x6", "y:17x1")
    story = Story(found, Asked(gradients=True))
    rows = {row[0]: row for row in story.edges().rows}
    assert rows["∂z/∂W"][2:] == ("[4, 4, 6]", "∂L/∂W = ∂L/∂z x̄ᵀ", "[4, 6]")
    assert rows["∂z/∂x̄"][2] == "[4, 6]" and rows["∂x̄/∂x"][2] == "[6, 5]"
    assert rows["∂W/∂w"][2:] == ("[4, 6, 24]", "∂L/∂w = vec(∂L/∂W)", "[24]")
    assert rows["∂p/∂z"][2] == "[17, 4]"
    assert any("uncounted" == name for name, _ in story.summary())


def test_training_step_of_the_mlp():
    source = "z = W2 max(0, W1 x + b1) + b2; L = cross_entropy(z, y)"
    found = solve(source, "x:784", "b1:512", "y:10")
    assert found.params == 407050
    # forward: 2·(512·784 + 10·512) + 512 max + cross entropy: 10 exp, 9 add, log, 10 add, 10 mul, 9 add
    assert forward_ledger(found).flops == 2 * (512 * 784 + 10 * 512) + 512 + 10 + 9 + 1 + 10 + 10 + 9
    backward = backward_ledger(found)
    # ∂z: exp, add; W2: outer; h: 512·(10 mul + 9 add); relu: 512; W1: outer
    assert backward.ops == Ops({"exp": 10, "add": 10 + 512 * 9, "mul": 10 * 512 + 512 * 10 + 512 + 512 * 784})
    assert update_ledger(found).flops == 2 * 407050
    assert update_ledger(found, momentum=True, weight_decay=True).flops == 6 * 407050


def test_every_operation_states_its_facts():
    for kind, rule in OPERATIONS.items():
        for fact in ("shape", "work", "forward", "backward", "layout", "local"):
            assert callable(getattr(rule, fact)), f"{kind}: {fact}"


def test_edges_lead_only_to_parameters():
    found = solve("y = W x + b", "x:3")
    assert {found.label(edge.source) for edge in edges(found)} == {"W", "b", "W x"}
    assert node_work(found, found.names["y"]).lines[0].label == "+ b"


# ---------------------------------------------------------------- the command


def test_the_command_shows_the_network():
    done = run("f = W2 max(0, W1 x + b1) + b2", "x:256", "b1:512", "f:1", "--network", "--format", "json")
    answer = json.loads(done.stdout)
    assert [layer["kind"] for layer in answer["layers"]] == ["Linear", "ReLU", "Linear"]
    assert answer["totals"]["flops"] == 263680 and answer["output_shape"] == [1]


def test_the_command():
    done = run("f = W2 max(0, W1 x + b1) + b2", "x:256", "b1:512", "f:1", "--format", "json")
    answer = json.loads(done.stdout)
    assert answer["totals"]["params"] == 132097 and answer["totals"]["flops"] == 263680
    assert answer["tensors"]["W1"] == {"role": "parameter", "shape": [512, 256]}


@pytest.mark.parametrize("format", ["table", "plain", "json", "markdown", "latex"])
@pytest.mark.parametrize(
    "args",
    [
        ("y = sin(w^T x) - b", "x=[2,1]", "w=[pi/2,pi]", "b=0", "--loss", "mse(y, 2)", "--lr", "0.5", "--explain"),
        ("y = softmax(xW^T + b)", "x: N x D", "y: N x C", "--gradients", "--explain"),
        ("y = convtranspose(x, w)", "x=[[1,2],[3,4]]", "w=[[1,0,1],[0,1,0],[1,0,1]]", "--gradients"),
    ],
)
def test_formats(args, format):
    done = run(*args, "--format", format)
    assert done.exit_code == 0 and done.stdout


def test_latex_is_balanced():
    sheet = run(
        "y = sin(w^T x) - b", "x=[2,1]", "w=[pi/2,pi]", "b=0", "--loss", "mse(y, 2)", "--lr", "0.5", "--format", "latex"
    ).stdout
    assert sheet.count("{") == sheet.count("}") and sheet.count(r"\begin") == sheet.count(r"\end")
    assert r"\frac{\pi}{2} + 4" in sheet


def test_latex_of_every_gradient_is_a_fraction():
    sheet = run("f = W2 max(0, W1 x + b1) + b2", "x:256", "b1:512", "f:1", "--gradients", "--format", "latex").stdout
    assert "∂" not in sheet and "ᵀ" not in sheet and r"\frac{\partial f}{\partial W_{1}}" in sheet


def test_mse_states_whether_a_half_is_in_it():
    story = Story(solve("L = mse(y, 2)", "y=0"), Asked())
    assert ("note", "mse(p, y) = mean of (p − y)², without ½") in story.summary()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("L = -sum(y log softmax(z))", "logsoftmax"),
        ("L = -y log σ(z) - (1 - y) log(1 - σ(z))", "exp(−|z|)"),
        ("p = exp(z) / sum(exp(z))", "exp(z − max z)"),
    ],
)
def test_numerical_caution(source, says):
    said = [value for name, value in Story(solve(source), Asked()).summary() if name == "caution"]
    assert any(says in sentence for sentence in said), said


def test_a_letter_may_have_a_value_and_stand_as_a_number():
    assert shapes("y = xW^T", "x: N x D", "N=5")["y"][0] == "5"
    found = solve("L = -1/N sum(Y log P)", "Y: N x C")
    assert found["P"].shape == found["Y"].shape


def test_windows_on_letters_say_when_they_hold():
    assert solve("y = conv(x, w)", "x: H x W", "w: 3x3").conditions


@pytest.mark.parametrize(
    "written", ["f = \\bar{ }", "f = exp()", "f = vec(x̄)", "f = [1; [1; x]]", "f = -g(1)", "f = conv(x, x)"]
)
def test_odd_equations_end_well(written):
    """Found by throwing random equations at it: an answer or a SpecError, never another exception."""
    try:
        Story(infer(written), Asked(gradients=True, explain=True)).to_dict()
    except SpecError as error:
        assert error.code


def test_backward_ledgers_of_windows():
    """∂w of a convolution: a tap is a dot product over the outputs; ∂x adds where windows overlap."""
    found = solve("y = conv(x, w)", "x: 5x5", "w: 3x3")
    assert backward_ledger(found).ops == Ops({"mul": 9 * 9, "add": 9 * 8}) and not backward_ledger(found).uncounted
    twice = backward_ledger(solve("y = conv(conv(x, w), v)", "x: 9x9", "w: 3x3", "v: 3x3"))
    inner, outer, through = Ops({"mul": 9 * 49, "add": 9 * 48}), Ops({"mul": 9 * 25, "add": 9 * 24}), 9 * 25
    assert twice.ops == Ops.sum([inner, outer, Ops({"mul": through, "add": through - 49})]) and not twice.uncounted
    found = solve("y = convtranspose(x, w)", "x: 2x2", "w: 3x3")
    assert backward_ledger(found).ops == Ops({"mul": 9 * 4, "add": 9 * 3})


def test_backward_ledgers_of_losses_in_the_target():
    def ops(source):
        found = solve(source, "w: 4", "x: 4")
        return dict(backward_ledger(found).ops)

    assert ops("L = bce_with_logits(x, w)") == {"mul": 4, "div": 1}  # (−x)/n
    assert ops("L = bce_with_logits(w, x)") == {"mul": 4, "add": 8, "exp": 4, "div": 5}  # (σ(w) − x)/n
    assert ops("L = kl_div(x, w)") == {"mul": 4, "add": 8, "log": 4, "div": 1}  # (log(w) + 1 − x)/n
    assert not ops("L = hinge_embedding(x, w)")  # 0
