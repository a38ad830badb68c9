"""What equations mean as course sheets print them: which line is the loss, given numbers, homogeneous rows, indices."""

import math

import pytest
from click.testing import CliRunner

import netcalc
from netcalc import SpecError
from netcalc.analysis.activation_facts import facts_of
from netcalc.analysis.collapse import obstacles
from netcalc.cli.activation import activation
from netcalc.cli.collapse import collapse
from netcalc.cli.eq import eq
from netcalc.equations.exact import Exact
from netcalc.equations.explanation import Asked, Story
from netcalc.equations.givens import read_givens
from netcalc.equations.inference import infer
from netcalc.equations.ledger import backward_ledger, edges
from netcalc.equations.values import evaluate, gradients


def solve(source, *given, **more):
    return infer(source, read_givens(given), **more)


def shapes(source, *given):
    return {node.name: tuple(map(str, node.shape)) for node in solve(source, *given).nodes if node.name}


def value(found, name):
    return evaluate(found)[found.names[name]].nested()


def told(source, *given, **asked):
    story = Story(solve(source, *given), Asked(gradients=True, **asked))
    return {section.title: section.rows for section in story.sections()}, story.summary()


# ---------------------------------------------------------------- which line is differentiated


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("z = W x̄; L = loss(z, y); w = vec(W)", "L"),
        ("L = mse(W x, t); z = 2 x", "L"),
        ("c = mse(W x, t); z = 2 x", "c"),
        ("h = W x; s = sum(h); z = 2 x", "s"),
        ("L = mse(W x, t); J = L + ||W||^2", "J"),
        ("L = mse(W x, t); s = sqrt(L)", "s"),
        ("L = (w^T x - 1)^2; a = w^T x", "L"),
        ("z = W x; y = softmax(z)", "y"),
        ("a = w^T x; b = 2 u^T x", "b"),
    ],
)
def test_the_loss_need_not_be_the_last_line(source, result):
    found = solve(source)
    assert found.label(found.output) == result


def test_gradients_of_a_loss_before_the_unrolling():
    found = solve("z = W x̄; L = loss(z, y); w = vec(W)", "W:4x6", "y:17x1")
    first = solve("z = W x̄; w = vec(W); L = loss(z, y)", "W:4x6", "y:17x1")
    assert found.parameters == {"w": (24,)} and len(edges(found)) == len(edges(first)) > 0
    assert backward_ledger(found).flops == backward_ledger(first).flops > 0


# ---------------------------------------------------------------- numbers among the equations


def test_numbers_among_the_equations_are_given():
    written = solve("x = [2,1]; w = [pi/2,pi]; b = 0; y = sin(w^T x) - b; L = (y-2)^2")
    given = solve("y = sin(w^T x) - b; L = (y-2)^2", "x=[2,1]", "w=[pi/2,pi]", "b=0")
    assert written.parameters == given.parameters == {"w": (2,), "b": ()}
    slopes = [gradients(one, evaluate(one))[one.names["w"]] for one in (written, given)]
    assert slopes[0] == slopes[1] and slopes[0].nested() == [-8, -4]
    assert value(solve("y = W x; W = [[1,2],[3,4]]; x = [1,1]"), "y") == [3, 7]
    assert value(solve("y = 2 * 3"), "y") == 6
    with pytest.raises(SpecError, match="given twice"):
        solve("x = [2,1]; y = 2 x", "x: 3")


# ---------------------------------------------------------------- homogeneous coordinates


def test_homogeneous_rows_and_columns():
    assert shapes("y = x̄ W^T", "x: N x 5", "W: 4 x 6") == {
        "x": ("N", "5"),
        "x̄": ("N", "6"),
        "W": ("4", "6"),
        "y": ("N", "4"),
    }
    assert shapes("y = W x̄", "x: 5 x N", "W: 4 x 6")["y"] == ("4", "N")
    assert shapes("y = W x̄", "W: 4 x 6")["x"] == ("5",)
    assert shapes("y = σ(X̄ w)", "X: 100 x 3")["w"] == ("4",)
    assert value(solve("y = x̄ W^T", "x=[[1,2],[3,4]]", "W=[[1,1,5]]"), "y") == [[8], [12]]


def test_a_one_beside_a_matrix_is_a_column_of_ones():
    found = solve("Z = [X, 1] W; L = sum(Z)", "X=[[1,2],[3,4]]", "W=[[1,0],[0,1],[5,6]]")
    assert value(found, "Z") == [[6, 8], [8, 10]]
    assert gradients(found, evaluate(found))[found.names["W"]].nested() == [[4, 4], [6, 6], [2, 2]]
    assert value(solve("Z = W [X; 1]", "X=[[1,2],[3,4]]", "W=[[1,0,10]]"), "Z") == [[11, 12]]
    assert shapes("y = [X 1] w", "X: 100 x 3")["w"] == ("4",)
    assert shapes("y = [1, X] w", "X: 100 x 3")["w"] == ("4",)
    assert value(solve("y = [X, v]", "X=[[1,2],[3,4]]", "v=[7,8]"), "y") == [[1, 2, 7], [3, 4, 8]]
    assert value(solve("y = [2, x]", "x=[5,6]"), "y") == [2, 5, 6]
    with pytest.raises(SpecError, match="blocks beside one another"):
        solve("y = [X Y] w", "X: 100 x 3")


# ---------------------------------------------------------------- contradictions


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("y = x", "x:2", "x:3"), "x:2 and x:3"),
        (("y = x", "x=[1,2]", "x:3"), "given twice, differently"),
        (("y = x", "x=[1,2]", "x=[1,3]"), "given twice, differently"),
        (("y = x", "x:N", "x:D"), "given twice, differently"),
        (("y = x; y = 2 x",), "'y = x' and 'y = 2 x'"),
        (("y = A x + B y", "A:3x4"), "y is used before it is defined"),
        (("L = mse(y, t); y = W L",), "y is used before it is defined: L reads y, y reads L"),
        (("z = W x̄; x = 2 z",), "x is used before it is defined: z reads x, x reads z"),
    ],
)
def test_contradictions_are_told(arguments, says):
    with pytest.raises(SpecError, match=says):
        solve(*arguments)


def test_givens_that_agree():
    assert solve("y = x", "x:2", "x:2")["y"].shape == (2,)
    found = solve("y = 2 x", "x:N", "x=[1,2]")
    assert found["y"].shape == (2,) and found.conditions == ("N = 2",) and value(found, "y") == [2, 4]
    assert value(solve("y = 2 x", "x=3", "x:2"), "y") == [6, 6]


def test_stated_parameters_are_inputs():
    with pytest.raises(SpecError, match="occurs nowhere") as caught:
        solve("y = W1 x", parameters=("W2",))
    assert "W1" in caught.value.hint
    with pytest.raises(SpecError, match="is computed"):
        solve("h = W x; y = 2 h", data=("h",))
    assert solve("y = W_1 x", data=("W_1",)).roles["W1"] == "data"


def test_merged_letters_are_a_condition():
    assert solve("y = xW^T + b", "x: N x D", "W: C x E").conditions == ("D = E",)
    assert solve("y = W x̄", "x: D", "W: 4 x 6").conditions == ("D = 5",)
    assert solve("y = xW^T + b", "x: N x D", "W: C x D").conditions == ()


# ---------------------------------------------------------------- shapes as they are written


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("mxn", "m n"), ("m x n", "m n"), ("mxnxk", "m n k"), ("NxD", "N D"), ("Nxd", "N d"), ("4xn", "4 n"),
        ("2Dx6", "2*D 6"), ("2*D x 6", "2*D 6"), ("3x32x32", "3 32 32"), ("(3,)", "3"), ("[4, 6]", "4 6"),
        ("hidden x 3", "hidden 3"), ("DinxDout", "Din Dout"), ("max", "max"), ("n1xn2", "n1 n2"),
    ],
)  # fmt: skip
def test_shapes(written, means):
    assert " ".join(map(str, read_givens([f"A:{written}"])["A"].shape)) == means


@pytest.mark.parametrize("written", ["4 by 6", "4 times 6", "1e3", "2.5", "-3", "0x3", "(,)", "x"])
def test_what_is_no_shape(written):
    with pytest.raises(SpecError, match="is no size") as caught:
        read_givens([f"A:{written}"])
    assert ("4x6" in caught.value.hint) == (written[2:4] in ("by", "ti"))


# ---------------------------------------------------------------- samples in columns, entries by index


def test_cross_entropy_of_columns():
    given = ("W=[[1,0],[0,2],[1,1]]", "x=[[1,2],[3,4]]", "t=[[1,0],[0,0],[0,1]]")
    columns = solve("L = cross_entropy(W x, t)", *given)
    rows = solve("L = cross_entropy(x^T W^T, t^T)", *given)
    named = solve("z = W x; L = cross_entropy(z, t)", *given)
    assert math.isclose(value(columns, "L"), value(rows, "L")) and math.isclose(value(named, "L"), value(rows, "L"))
    assert any("each column is one sample" in note for note in columns.notes)
    assert not any("column" in note for note in solve("L = cross_entropy(x W^T, t)", "x: N x D", "W: C x D").notes)


def test_entries_by_index():
    found = solve(r"p_i = \frac{\exp(z_i)}{\sum_j \exp(z_j)}; L = -\sum_i y_i \log p_i", "z=[1,2,3]", "y=[1,0,0]")
    assert [node.name for node in found.inputs] == ["z", "y"]
    stated = solve("L = cross_entropy(z, y)", "z=[1,2,3]", "y=[1,0,0]")
    assert math.isclose(value(found, "L"), value(stated, "L"))
    assert value(solve("h_i = a_i z_i + 1", "a=[2,3]", "z=[5,7]"), "h") == [11, 22]
    assert value(solve("h_i = a_i z_i; y = W h_i", "a=[2,3]", "z=[5,7]", "W=[[1,1]]"), "y") == [31]
    for sample in ("y_n = w^T x_n + b", "y_n = W x_n"):
        with pytest.raises(SpecError, match="occurs nowhere") as caught:
            solve(sample, "x: 5")
        assert caught.value.hint == "x_n is another name: give x_n"
    gates = solve("i = W_i x; f = W_f x", "x: 4", "W_i: 3x4")
    assert gates["i"].shape == (3,)


# ---------------------------------------------------------------- kinks, updates, zeros


def test_a_kink_is_told():
    sections, summary = told(
        "h = max(0, W1 x + b1); y = w2^T h; L = (y - t)^2",
        "W1=[[1,0],[0,1]]", "x=[0,2]", "b1=[0,1]", "w2=[1,1]", "t=1",
    )  # fmt: skip
    marks = {row[0]: row[-1] for row in sections["gradients"]}
    assert marks == {"∂L/∂W1": "at a kink", "∂L/∂x": "at a kink", "∂L/∂b1": "at a kink", "∂L/∂w2": "✓", "∂L/∂t": "✓"}
    assert any("one-sided slopes differ; torch takes 0" in text for _, text in summary)
    sections, summary = told("L = sum(max(0, x))", "x=[1,2]")
    assert not any("kink" in text for _, text in summary) and sections["gradients"][0][-1] == "✓"
    sections, _ = told("L = sin(x) + 0 b", "x=3", "b=1")
    assert [row[2] for row in sections["gradients"] if row[0] == "∂L/∂b"] == ["0"]


def test_updates():
    with pytest.raises(SpecError, match="below 0"):
        told("L = (w x)^2", "w=3", "x=2", lr=Exact.of("-1/10"))
    _, summary = told("L = (w x)^2", "w=3", "x=2", momentum=Exact.of("9/10"))
    assert any("counted, but not computed" in text for _, text in summary)
    sections, _ = told("L = (w x)^2", "w=3", "x=2", lr=Exact.of("1/10"), momentum=Exact.of("9/10"))
    assert sections["one update"] == (
        ("v_w ←", "9/10 · 0 + ∂L/∂w  (v starts at 0)", "24"),
        ("w ←", "w − 1/10 · v_w", "3/5 ≈ 0.6"),
    )


def test_on_the_command_line():
    done = CliRunner().invoke(
        eq,
        [
            "x = [2,1]; w = [pi/2,pi]; b = 0; y = sin(w^T x) - b",
            "--loss",
            "(y-2)^2",
            "--lr",
            "0.5",
            "--format",
            "plain",
        ],
        catch_exceptions=False,
    )
    assert "∂L/∂w\t[-8, -4]" in done.stdout and "parameters: 3" in done.stdout


# ---------------------------------------------------------------- collapse


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("32 -> linear 8 -> bn -> linear 4", "affine at inference"),
        ("3x32x32 -> conv 16 k3 -> conv 8 k1", "k1 + k2 − 1 = 3 x 3"),
        ("3x32x32 -> conv 16 k3 -> conv 8 k3 p1", "5 x 5, but for the border"),
        ("64 -> linear 2", "only one linear layer"),
        ("64 -> relu", "there is no linear layer"),
        ("64 -> linear 2 -> relu -> dropout -> linear 3", "relu1 stands between linear1 and linear2"),
        ("6 -> linear 9 as h -> linear 6\nfrom h -> linear 2", "h is read in several places"),
    ],
)
def test_why_nothing_collapses(spec, says):
    assert any(says in one for one in obstacles(netcalc.parse(spec)))
    done = CliRunner().invoke(collapse, [spec, "--format", "plain"], catch_exceptions=False)
    assert says in done.stdout and "nothing collapses" in done.stdout


def test_composed_convolutions_against_torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    one, two = torch.nn.Conv2d(2, 3, 3, bias=False).double(), torch.nn.Conv2d(3, 4, 2, stride=2, bias=False).double()
    found = obstacles(netcalc.parse("2x9x9 -> conv 3 k3 -> conv 4 k2 s2"))
    assert any("k1 + k2 − 1 = 4 x 4" in text for text in found)
    kernel = torch.nn.functional.conv2d(one.weight.transpose(0, 1), two.weight.flip(2, 3), padding=1).transpose(0, 1)
    x = torch.rand(1, 2, 9, 9, dtype=torch.float64)
    assert torch.allclose(two(one(x)), torch.nn.functional.conv2d(x, kernel, stride=2))


# ---------------------------------------------------------------- activations


def test_spellings_of_torch():
    for kind, name in (("Hardswish", "hardswish"), ("LogSigmoid", "logsigmoid"), ("PReLU", "prelu"), ("CELU", "celu")):
        assert facts_of(f"nn.{kind}").name == name


def test_what_is_no_activation(tmp_path):
    with pytest.raises(SpecError, match="not a function of each element"):
        facts_of("nn.Softmax")
    assert facts_of("torch.nn.ReLU").name == "relu" and facts_of("nn.LeakyReLU()").name == "leaky_relu"
    runner = CliRunner()
    done = runner.invoke(activation, ["relu", "--svg", str(tmp_path / "nowhere" / "a.svg")])
    assert done.exit_code == 2 and "cannot be written" in done.output
    done = runner.invoke(activation, ["relu", "mish", "--svg", str(tmp_path / "a.svg"), "--format", "plain"])
    assert done.exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-mish.svg", "a-relu.svg"]
    assert runner.invoke(activation, ["--svg", str(tmp_path / "a.svg")]).exit_code == 2


@pytest.mark.parametrize(
    ("source", "given", "name", "shape"),
    [
        (r"P = softmax(Q K^T / \sqrt{d_k}) V", ("Q: 5x64",), "d_k", ()),
        (r"P = softmax(\frac{Q K^T}{\sqrt{d_k}}) V", ("Q: 5x64",), "d_k", ()),
        ("C = X^T X / n", ("X: 4x3",), "n", ()),
        (r"L = \frac{1}{2m} \sum_i (y_i - t_i)^2", ("y: 3",), "m", ()),
        ("C = 1/T X^T X", ("X: 4x3",), "T", ()),
        ("s = w^T x / (2 d^2)", ("x: 3",), "d", ()),
        ("y = x / s", ("x: 3",), "s", (3,)),  # element by element
        ("y = (x - m) / sqrt(v)", ("x: 3",), "v", (3,)),
        ("y = 1 / x", ("y: 3",), "x", (3,)),
        ("y = W x / d + d", ("W: 2x3",), "d", (2,)),  # also added: not only a divisor
        (r"P = softmax(Q K^T / \sqrt{d})", ("Q: 5x64", "K: 7x64", "d: 7"), "d", (7,)),  # as given
    ],
)
def test_what_only_divides_is_a_number(source, given, name, shape):
    found = infer(source, read_givens(given))
    assert found[name].shape == shape
    told = [note for note in found.notes if note == f"{name} is read as a number: it only divides"]
    assert bool(told) == (not shape)


def test_queries_keys_and_values_are_data():
    found = infer(r"P = softmax(Q K^T / \sqrt{d_k}) V", read_givens(["Q: 5x64", "K: 7x64", "V: 7x32"]))
    assert found.params == 0 and found.nodes[found.output].shape == (5, 32)
    assert found.parameters == {} and infer("y = V x", read_givens(["V: 2x3"])).params == 6
    assert infer("P = softmax(Q K^T)", read_givens(["Q: 5x4", "K: 7x4"]), parameters=("K",)).params == 28


def test_an_unstated_activation_is_read_element_by_element():
    source = r"H_t = \phi(X_t W_{xh} + H_{t-1} W_{hh} + b_h); O_t = H_t W_{hq} + b_q"
    found = infer(source, read_givens(["X_t: 2x3", "H_t: 2x4", "H_{t-1}: 2x4", "O_t: 2x5"]))
    assert found.parameters == {"W_xh": (3, 4), "W_hh": (4, 4), "b_h": (4,), "W_hq": (4, 5), "b_q": (5,)}
    assert any("element by element" in note for note in found.notes)
    features = infer("y = w^T \\phi(x)", read_givens(["x: 3", "w: 10"]))  # a feature map has a shape of its own
    assert features["w"].shape == (10,)


def test_a_number_beside_a_transposed_vector_is_a_block():
    assert infer("y = [x^T 1] w", read_givens(["x: 3"]))["w"].shape == (4,)
    assert infer("y = [x 1] w", read_givens(["x: 3"]))["w"].shape == (4,)


# ---------------------------------------------------------------- what a sheet leaves to the reader, counted by hand


LSTM = "; ".join(
    (
        r"f_t = \sigma(W_f [h_{t-1}; x_t] + b_f)",
        r"i_t = \sigma(W_i [h_{t-1}; x_t] + b_i)",
        r"\tilde{C}_t = \tanh(W_C [h_{t-1}; x_t] + b_C)",
        r"C_t = f_t * C_{t-1} + i_t * \tilde{C}_t",
        r"o_t = \sigma(W_o [h_{t-1}; x_t] + b_o)",
        r"h_t = o_t * \tanh(C_t)",
    )
)


@pytest.mark.parametrize(
    ("source", "given", "count"),
    [
        (r"a^{(1)} = \sigma(W a^{(0)} + b)", ["a^{(0)}:784", "b:16"], 784 * 16 + 16),
        ("y = W a + b", ["a:4", "b:3"], 3 * 4 + 3),
        (r"J = -\frac{1}{m}\sum (y \log a + (1-y) \log(1 - a))", ["a:m"], 0),
        (LSTM, ["x_t:3", "h_{t-1}:5", "C_{t-1}:5"], 4 * (5 * (5 + 3) + 5)),
        (r"L = \max(0, \|a - p\|^2 - \|a - n\|^2 + \alpha)", ["a:128"], 0),
        (r"Z = max(0, \hat{A} H W)", ["Â:7x7", "H:7x5", "W:5x2"], 5 * 2),
        ("y = A x + c", ["A:3x4", "x:4"], 3 * 4 + 3),
        ("h = W x + B A x", ["x:6", "A:2x6", "W:4x6"], 4 * 6 + 2 * 6 + 4 * 2),  # low rank beside the whole
        (r"e = v^T \tanh(W h + U s)", ["h:4", "s:5", "v:8"], 8 + 8 * 4 + 8 * 5),
        ("y = conv(max(0, conv(x, w)), v)", ["x:9x9", "w:3x3", "v:2x2"], 9 + 4),
        (r"h_t = \tanh(W_{hh} h_{t-1} + W_{xh} x_t)", ["h_t:100", "x_t:26"], 100 * 100 + 100 * 26),
        ("h_t = A h_{t-1} + B x_t; y_t = C h_t", ["h_t:4", "x_t:2", "y_t:3"], 4 * 4 + 4 * 2 + 3 * 4),
        (r"y = \beta_0 + \beta_1 x", ["x:scalar"], 2),
        (r"h = \theta_0 + \theta_1 x + \theta_2 x^2", ["x:scalar"], 3),
        (r"m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t", ["g_t:5"], 0),
        (r"y = \gamma \hat{x} + \beta", ["x̂:64", "y:64"], 2 * 64),
        (r"Y = \gamma \hat{X} + \beta", ["X̂:7x64"], 2 * 64),
        ("y = w x + b", ["x:3"], 3 + 1),  # the dot product still, where nothing speaks against it
        ("y = A^2 x", ["x:3"], 9),
    ],
)
def test_parameters_are_what_is_learned(source, given, count):
    assert solve(source, *given).params == count


@pytest.mark.parametrize(
    ("source", "given", "name", "shape"),
    [
        (r"C_t = f_t * C_{t-1} + i_t * \tilde{C}_t", ["C_t:5"], "f_t C_{t-1} i_t C̃_t", (5,)),
        (r"C_t = f_t C_{t-1} + i_t \tilde{C}_t", ["C_t:5"], "f_t C_{t-1} i_t C̃_t", (5,)),
        ("Y = X + B", ["Y:5"], "X B", (5,)),
        ("Y = X + B", ["Y:5x2"], "X B", (5, 2)),
        (r"m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t", ["g_t:5"], "m_t m_{t-1}", (5,)),
        (r"v_t = \gamma v_{t-1} + \eta g_t", ["g_t:5"], "v_t v_{t-1}", (5,)),
        ("h_{t+1} = h_t + tanh(W h_t + b)", ["h_t:5"], "W", (5, 5)),
        ("Z = W X; A = g(Z); Y = V A", ["X:3x7", "W:4x3", "V:2x4"], "A", (4, 7)),
        ("Z = W X; A = g(Z); Y = V A", ["X:3x7", "W:4x3", "V:2x4"], "Y", (2, 7)),
        (r"Z = W X; A = g^{[1]}(Z); Y = V A", ["X:3x7", "W:4x3", "V:2x4"], "Y", (2, 7)),
        ("h_1 = W x; h_2 = V h_1", ["x:3", "h_1:4", "h_2:2"], "V", (2, 4)),
        ("h_1 = W x; h_2 = V h_1", ["x:3", "h1:4", "h^{(2)}:2"], "V", (2, 4)),
        ("y = x W + b", ["x:NxD", "W:DxC", "C:3"], "b", (3,)),
        ("y = a x + c", ["x:3", "c:3"], "a", (3,)),
        ("q = x^T A x", ["A:3x3"], "q", ()),
    ],
)
def test_ranks_follow_what_is_given(source, given, name, shape):
    found = solve(source, *given)
    assert {found[one].shape for one in name.split()} == {shape}


@pytest.mark.parametrize(
    ("source", "given", "by_torch"),
    [
        ("y = γ x + β", {"γ": [1, 2], "x": [3, 4], "β": [0, 1]}, lambda γ, x, β: γ * x + β),
        ("y = γ X + β", {"γ": [1, 2], "X": [[3, 4], [5, 6], [7, 9]], "β": [0, 1]}, lambda γ, X, β: γ * X + β),
        ("y = x σ(x)", {"x": [1, -2]}, lambda x: x * x.sigmoid()),
        ("y = 1/2 x (1 + tanh(2 (x + 3 x^3)))", {"x": [1, -2]}, lambda x: x / 2 * (1 + (2 * (x + 3 * x**3)).tanh())),
        ("y = A^2 x", {"A": [[1, 2], [3, 4]], "x": [5, 7]}, lambda A, x: A @ A @ x),
        ("y = x^T A^3", {"A": [[1, 2], [3, 4]], "x": [5, 7]}, lambda A, x: x @ A @ A @ A),
        ("y = x^T A^2 x", {"A": [[1, 2], [3, 4]], "x": [5, 7]}, lambda A, x: x @ A @ A @ x),
        ("y = 3 A^2", {"A": [[1, 2], [3, 4]]}, lambda A: 3 * A**2),  # beside a number: each entry
        ("y = sum((1 - P)^2 log P)", {"P": [[0.5, 0.25]]}, lambda P: ((1 - P) ** 2 * P.log()).sum()),
        ("y = w x + b", {"w": [1, 2], "x": [3, 4], "b": 1}, lambda w, x, b: w @ x + b),
        ("y = w x + b", {"w": [1, 2], "x": [3, 4], "b": [0, 1]}, lambda w, x, b: w * x + b),
        ("y = β m_{t-1} + (1 - β) g", {"β": 0.5, "m_{t-1}": [1, 2], "g": [3, 5]}, lambda β, m, g: β * m + (1 - β) * g),
    ],
)
def test_products_and_powers_have_torchs_values_and_gradients(source, given, by_torch):
    torch = pytest.importorskip("torch")
    name = source.split(" =")[0]
    found = solve(f"{source}; L = sum({name} * {name})", *(f"{key}={numbers}" for key, numbers in given.items()))
    tensors = [torch.tensor(numbers, dtype=torch.float64, requires_grad=True) for numbers in given.values()]
    expected = by_torch(*tensors)
    values = evaluate(found)
    assert floats(values[found.names[name]]) == pytest.approx(expected.detach().flatten().tolist())
    (expected * expected).sum().backward()
    slopes = gradients(found, values)
    for key, tensor in zip(given, tensors):
        assert floats(slopes[found.names[key]]) == pytest.approx(tensor.grad.flatten().tolist()), key


def floats(array):
    return [float(one) for one in array.data]


@pytest.mark.parametrize(
    ("source", "given", "said"),
    [
        (r"Z = \tilde{D}^{-1/2} A \tilde{D}^{-1/2} H", ["H:7x5"], "a name and a shape of its own"),
        ("y = A^{20} x", ["x:3"], "a whole power from 2 to 16"),
        ("y = A^2 x", ["A:3x4", "x:4"], "the columns of A: 4, but the rows of A: 3"),
        ("y = x W + b", ["x:NxD", "W:DxC", "C:3x4"], "C is a size in the given shapes"),
        ("y = x W + b", ["x:NxD", "W:DxC", "C=2.5"], "C is a size in the given shapes"),
        ("h_t = W h_{t-1}", ["h_t:5", "h_{t-1}:4"], "one state"),
    ],
)
def test_what_is_not_read_is_refused(source, given, said):
    with pytest.raises(SpecError) as error:
        solve(source, *given)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("source", "given", "said"),
    [
        ("B = A^2", ["A:3x3"], "A²: each entry to this power"),
        ("y = A^2 x", ["A:3x3"], "the matrix power A A"),
        ("y = γ x + β", ["x:3"], "γ x: a scale (γ) and what it scales are multiplied element by element"),
        ("y = x σ(x)", ["x:3"], "a vector and a function of it (x)"),
        ("h_t = W h_{t-1}", ["h_t:5"], "h_t and h_{t-1} are one state"),
        ("Z = W X; A = g(Z)", ["X:3x7"], "g of Z is read element by element"),
    ],
)
def test_a_choice_of_reading_is_said(source, given, said):
    assert any(said in note for note in solve(source, *given).notes)
