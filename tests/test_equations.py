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
from netcalc.equations.operations import OPERATIONS
from netcalc.equations.parser import parse
from netcalc.equations.syntax import latex, text


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
        ("P = softmax(Q K^T) V", ("Q: TxD", "K: TxD", "V: TxD"), "ATTENTION"),
        ("y = (W1 x) ⊙ σ(W2 x)", ("x: 4", "y: 6"), "4 -> mul { linear 6 nobias | linear 6 nobias -> sigmoid }"),
        (
            "y = conv(max(0, conv(x, w, padding=1)), v, stride=2)",
            ("x: 3x32x32", "w: 8x3x3x3", "v: 4x8x5x5"),
            "3x32x32 -> conv 8 k3 p1 nobias -> relu -> conv 4 k5 s2 nobias",
        ),
    ],
)
def test_equations_are_networks(source, given, spec):
    if spec == "ATTENTION":
        spec = "input Q: TxD\ninput K: TxD -> transpose 0 1 as kt\nfrom Q -> matmul kt -> softmax -1 as s\n"
        spec += "input V: TxD\nfrom s -> matmul V"
        found = infer(source, read_givens(given), data=("Q", "K", "V"))
    else:
        found = solve(source, *given)
    graph, report = network(found), netcalc.analyze(spec)
    assert tree(graph) == tree(report.graph)
    ours = netcalc.analyze(graph)
    assert dict(ours.ops) == dict(report.ops) == dict(forward_ledger(found).ops)
    assert ours.params == report.params == found.params


@pytest.mark.parametrize(
    ("source", "given", "what"),
    [
        ("y = relu(W x)", ("x: DxN", "W: CxD"), "W x"),  # samples as columns
        ("y = x / 8", ("x: 4",), "8"),
        ("y = W V x", ("x: 4", "W: 2x3"), "W V"),  # a product of weights
        ("y = exp(x)", ("x: 4",), "y"),
        ("y = x + b", ("x: 4", "b: 4"), "y"),  # a bias without a layer
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
