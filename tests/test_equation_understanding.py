"""What equations say of trouble, of large cases and of notations: each against torch, or against its opposite."""

import json
import math
import re

import pytest
from click.testing import CliRunner

from netcalc.cli.eq import eq
from netcalc.equations.cautions import cautions
from netcalc.equations.exact import Exact, cbrt
from netcalc.equations.givens import read_givens
from netcalc.equations.gradients_large import read_inputs
from netcalc.equations.inference import infer
from netcalc.errors import SpecError
from netcalc.report.equations import matrix_lines

torch = pytest.importorskip("torch")


def run(*arguments):
    return CliRunner().invoke(eq, list(arguments), env={"COLUMNS": "80"}, catch_exceptions=False).stdout


def warned(equation):
    return [one.what for one in cautions(infer(equation, read_givens(["x:3"])))]


# ---------------------------------------------------------------- cautions


@pytest.mark.parametrize(
    ("dangerous", "says", "harmless"),
    [
        ("L = log(sigmoid(x))", "σ rounds to 0", "L = min(0, x) - log(1 + exp(-|x|))"),
        ("L = log(1 - sigmoid(x))", "1 − σ(z) rounds to 0", "L = -max(0, x) - log(1 + exp(-|x|))"),
        ("L = log(softmax(x))", "rounds to 0 gives log 0", "L = logsoftmax(x)"),
        ("y = log(1 + exp(x))", "exp overflows", "y = softplus(x)"),
        ("y = log(sum(exp(x)))", "exp overflows", "y = log(sum(x))"),
        ("y = sqrt(x^2)", "∞ where the root is of 0", "y = sqrt(x^2 + ε)"),
        ("y = x / sqrt(x^2)", "0/0 = nan", "y = x / sqrt(x^2 + ε)"),
        ("y = x / ||x||", "may be 0: 0/0", "y = x / 2"),
        ("y = exp(x) / sum(exp(x))", "∞/∞ = nan", "y = softmax(x)"),
        ("y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))", "∞/∞ = nan", "y = tanh(x)"),
        ("y = 1 / (1 + exp(-x))", "the gradient 0 · ∞", "y = sigmoid(x)"),
        ("y = 1 - exp(x)", "cancels for x near 0", "y = 1 - x"),
        ("y = exp(x) - 1", "cancels for x near 0", "y = exp(x) - 2"),
        ("y = 1 - cos(x)", "cancels for x near 0", "y = 1 - sin(x)"),
        ("y = 1 - sigmoid(x)", "cancels for large z", "y = 1 - tanh(x)"),
        ("p = softmax(x); L = cross_entropy(p, y)", "takes scores, but p are probabilities", "L = cross_entropy(x, y)"),
        ("P = softmax(W x); L = cross_entropy(P, y)", "takes scores, but P are", "P = W x; L = cross_entropy(P, y)"),
        ("L = softmax(softmax(x))", "a softmax of a softmax", "L = softmax(logsoftmax(x))"),
    ],
)
def test_a_caution_is_given_and_not_given(dangerous, says, harmless):
    assert any(says in what for what in warned(dangerous))
    assert warned(harmless) == []
    assert warned("y = log(x + b)") == [] and warned("K = exp(-||x - t||^2)") == []


def test_what_the_cautions_say_does_happen():
    def of(function, at, dtype=torch.float64):
        x = torch.tensor(at, dtype=dtype, requires_grad=True)
        y = function(x)
        return y.item(), float(torch.autograd.grad(y, x)[0])

    assert of(lambda x: torch.log(torch.sigmoid(x)), -750.0)[0] == -math.inf
    assert of(lambda x: torch.log(torch.sigmoid(x)), -105.0, torch.float32)[0] == -math.inf
    assert of(lambda x: torch.log(1 - torch.sigmoid(x)), 38.0)[0] == -math.inf
    assert of(lambda x: torch.log(1 - torch.sigmoid(x)), 18.0, torch.float32)[0] == -math.inf
    value, slope = of(lambda x: torch.log(1 + torch.exp(x)), 710.0)
    assert value == math.inf and math.isnan(slope)
    assert of(lambda x: x.clamp_min(0) + torch.log(1 + torch.exp(-x.abs())), 710.0) == (710.0, 1.0)
    value, slope = of(lambda x: 1 / (1 + torch.exp(-x)), -710.0)
    assert value == 0 and math.isnan(slope)
    assert math.isinf(of(torch.sqrt, 0.0)[1])
    assert math.isnan(of(lambda x: x / torch.linalg.vector_norm(x), 0.0)[0])
    assert math.isnan(of(lambda x: torch.exp(x) / (torch.exp(x) + 1), 710.0)[0])
    assert of(lambda x: 1 - torch.exp(x), 1e-17)[0] == 0 != float(-torch.expm1(torch.tensor(1e-17)))
    assert of(lambda x: 1 - torch.cos(x), 1e-9)[0] == 0 and of(lambda x: 2 * torch.sin(x / 2) ** 2, 1e-9)[0] > 0


def test_a_softmax_of_a_softmax_is_what_the_caution_says():
    x, y = torch.tensor([9.0, 0.0, -9.0], dtype=torch.float64), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    p = torch.softmax(x, 0)
    twice = torch.softmax(p, 0)
    assert float(twice.max() / twice.min()) <= math.e < float(p.max() / p.min())
    told = run("p = softmax(x)", "x=[9,0,-9]", "y=[1,0,0]", "--loss", "cross_entropy(p, y)", "--json")
    assert json.loads(told)["values"]["L"]["decimal"] == pytest.approx(float(-(y * twice.log()).sum()), rel=1e-9)
    assert float(torch.nn.functional.cross_entropy(x, y)) < 1e-3 < json.loads(told)["values"]["L"]["decimal"]


def test_what_is_not_finite_is_told_where_it_begins():
    told = run("y = exp(x) / sum(exp(x))", "x=[1000,1]", "--format", "plain")
    found = [line for line in told.splitlines() if line.startswith("caution")]
    assert "softmax(z)" in found[0] and [line for line in found if "not finite" in line] == [
        "caution: exp(x): with these numbers it is not finite. Write instead: other numbers for x"
    ]


# ---------------------------------------------------------------- values of a part


def test_values_reach_as_far_as_the_numbers_do():
    known, asked = ("x=[1,2]", "W=[[1,2],[3,4]]"), ("--gradients", "--format", "plain")
    told = run("z = W x; L = mse(z, y)", *known, *asked)
    z = (torch.tensor([[1, 2], [3, 4]]) @ torch.tensor([1, 2])).tolist()
    assert f"z\tW x\t[2]\t6\t{z}\n" in told and "L\tmse(z, y)\tscalar\t6\t?\n" in told
    assert "note: no numbers for y: what depends on it has no value, and there are no gradients in numbers\n" in told
    whole = run("z = W x; L = mse(z, y)", *known, "y=[0,1]", *asked)
    assert "\t?" not in whole and "no numbers" not in whole and "no numbers" not in run("z = W x", "x:2", *asked)
    found = json.loads(run("z = W x; L = mse(z, y)", *known, "--json"))
    assert found["values"]["z"]["decimal"] == z and "L" not in found["values"] and "gradients" not in found
    assert any("no numbers for y" in note for note in found["notes"])
    sheet = run("z = W x; L = mse(z, y)", *known, "--format", "latex", "--fragment")
    assert r"W x = \begin{bmatrix} 5 \\ 11 \end{bmatrix}" in sheet and "no numbers for y" in sheet


def test_windows_are_told_of_what_has_numbers():
    told = run("h = conv(x, w); L = mse(h, y)", "x=[2,1,2]", "w=[1,0]", "--format", "plain")
    assert "# h = conv(x, w)" in told and "h\tconv(x, w)\t[2]\t6\t[2, 1]\n" in told


def test_what_is_too_large_waits_for_the_rest():
    told = run("z = W x; v = V x; L = mse(z, y) + sum(v)", "W:1000x1000=ones", "x=ones", "V:2x1000=ones",
               "--format", "plain")  # fmt: skip
    assert "no numbers for y" in told and re.search(r"z\tW x\t\[1000\]\t[\d,]+\t\?\n", told)


# ---------------------------------------------------------------- in which order products are taken


@pytest.mark.parametrize(
    ("product", "first", "flops"),
    [
        ("W2 W1 x", "W1 x", 86),
        ("W2 (W1 x)", "W1 x", 86),
        ("(W2 W1) x", "W2 W1", 134),
        ("W2 @ W1 @ x", "W2 W1", 134),
        ("x^T W1^T W2^T", "xᵀ q1", 86),
        ("2 W2 W1 x", "W1 x", 88),
    ],
)
def test_a_product_is_counted_in_the_order_that_is_told(product, first, flops):
    c = infer(f"f = {product}", read_givens(["x:4", "W1:8x4", "W2:2x8"]))
    told = run(f"f = {product}", "x:4", "W1:8x4", "W2:2x8", "--json")
    found = json.loads(told)
    steps = [node["is"] for node in found["nodes"] if node["operation"] == "matmul"]
    assert steps[0].replace("q2", "q1") in (first, first.replace("xᵀ", "x")) and found["totals"]["flops"] == flops
    assert found["equations"] == [f"f = {product}".replace("^T", "ᵀ")]
    assert any("from the right, W2 (W1 x)" in note for note in c.notes) == ("W2 W1 x" in product)


def test_the_order_of_a_product_is_counted_by_the_definition():
    def times(a, b):
        """The product, and how many multiplications and additions it takes, one by one."""
        count, rows = 0, []
        for row in a:
            rows.append([])
            for column in zip(*b):
                entry = None
                for one, other in zip(row, column):
                    entry, count = (one * other, count + 1) if entry is None else (entry + one * other, count + 2)
                rows[-1].append(entry)
        return rows, count

    W2, W1, x = (torch.randint(-5, 5, shape).tolist() for shape in ((2, 8), (8, 4), (4, 1)))
    h, first = times(W1, x)
    f, second = times(W2, h)
    W, before = times(W2, W1)
    same, after = times(W, x)
    assert f == same and (first + second, before + after) == (86, 134)


@pytest.mark.parametrize(
    ("printed", "note"),
    [
        ("y = w x", True),
        (r"y = w \cdot x", False),
        ("y = w^T x", False),
        ("L = ½ (X θ - y)^T (X θ - y)", False),
        ("L = ½ (X θ - y) (X θ - y)", True),
    ],
)
def test_only_a_dot_product_that_is_not_written_is_noted(printed, note):
    c = infer(printed, read_givens(["X:5x3"] if "X" in printed else ["x:3", "w:3"]))
    assert any("two vectors" in one or "a vector and" in one for one in c.notes) is note
    assert c.nodes[c.output].shape == () or "(X θ - y) (X" in printed


@pytest.mark.parametrize(
    ("loss", "name"),
    [("mse(y, 1)", "L"), ("E_1 = mse(y, 1)", "E1"), (r"\mathcal{L} = mse(y, 1)", "L"), ("ℓ=mse(y, 1)", "ℓ")],
)
def test_a_loss_under_any_name(loss, name):
    told = run("y = W x; J = ||y||^2", "x=[1,2]", "W=[[1,2],[3,4]]", "--loss", loss, "--format", "plain")
    assert f"∂{name}/∂W\t[[4, 8], [10, 20]]\t" in told


# ---------------------------------------------------------------- large cases

LARGE = ("y = W x", "W:300x400=0.1*randn(3)", "x=ones", "--loss", "E = mse(y, 1)", "--lr", "0.5")


def test_momentum_and_weight_decay_of_a_large_case():
    found = json.loads(run(*LARGE, "--momentum", "0.9", "--weight-decay", "0.01", "--json"))
    _, fills = read_inputs(LARGE[1:3])
    weight = torch.nn.Parameter(
        torch.tensor(fills["W"].array("W", (300, 400)).data, dtype=torch.float64).reshape(300, 400)
    )
    optimizer = torch.optim.SGD([weight], lr=0.5, momentum=0.9, weight_decay=0.01)
    torch.nn.functional.mse_loss(
        weight @ torch.ones(400, dtype=torch.float64), torch.ones(300, dtype=torch.float64)
    ).backward()
    optimizer.step()
    velocity = optimizer.state[weight]["momentum_buffer"]
    for stated, theirs in ((found["updated"]["W"], weight), (found["velocities"]["W"], velocity)):
        assert stated["first"] == pytest.approx(theirs.flatten()[:3].tolist(), rel=1e-9)
        assert stated["norm"] == pytest.approx(theirs.norm().item(), rel=1e-9)
    told = run(*LARGE, "--momentum", "0.9", "--format", "plain")
    assert "v_W ←\t9/10 · 0 + ∂E/∂W  (v starts at 0)\t" in told and "W ←\tW − 1/2 · v_W\t" in told
    assert "v_W" not in run(*LARGE, "--format", "plain") and "velocities" not in json.loads(run(*LARGE, "--json"))


def test_a_kink_of_a_large_case_is_told():
    kinked = ("y = max(0, W x)", "W:300x400=zeros", "x=ones", "--loss", "mse(y, 1)", "--format", "plain")
    told = run(*kinked)
    assert (
        "at a kink" in told and "✗" not in told and "is at a kink: the one-sided slopes differ; torch takes 0" in told
    )
    told = run(*kinked[:1], "W:300x400=randn(1)", *kinked[2:])
    assert "✓" in told and "kink" not in told


def test_numbers_that_contradict(tmp_path):
    numpy = pytest.importorskip("numpy")
    file = tmp_path / "x.npy"
    numpy.save(file, numpy.array([1, 2]))
    assert read_inputs([f"x=@{file}", "x=[1,2]"])[0]["x"].value.data == (1, 2)
    for other in ("x=[1,3]", "x:3"):
        with pytest.raises(SpecError, match="given twice, differently"):
            read_inputs([f"x=@{file}", other])
    for words in ((f"x=@{file}", "x=ones"), ("x=[1,2]", "x=ones"), ("x=zeros", "x=ones")):
        with pytest.raises(SpecError) as caught:
            read_inputs(words)
        assert caught.value.code == "given-twice"
    assert set(read_inputs(["x:2=ones", "x:2"])[1]) == {"x"}


# ---------------------------------------------------------------- matrices


@pytest.mark.parametrize("size", [5, 12])
def test_rows_are_whole_at_80_columns(size):
    numbers = [[(3 * i + 7 * j) % 10 for j in range(size)] for i in range(size)]
    told = run("Y = A B", f"A={json.dumps(numbers)}", f"B={json.dumps(numbers)}", "--format", "table")
    product = (torch.tensor(numbers) @ torch.tensor(numbers)).tolist()
    for row in product:
        assert f"[{', '.join(map(str, row))}]" in told
    assert all(len(line.rstrip()) <= 80 for line in told.splitlines())


def test_a_row_that_is_too_wide_is_shortened_and_says_so():
    told = run("Y = A B", "A:12x12=randn(1)", "B:12x12=randn(2)", "--format", "table")
    rows = [line for line in told.splitlines() if re.match(r" *\[\[?-?\d", line)]
    assert len(rows) == 12 and all("…]" in row and len(row) <= 80 for row in rows)
    assert "--json has every number" in told
    told = run("Y = A B", "A:13x12=ones", "B:12x13=2*ones", "--format", "plain")
    assert "13 × 13 numbers: min 24, max 24, mean 24 (all of them: --json)" in told


def test_matrix_lines_say_what_one_line_says():
    for written in ("[[1, 1/2], [3, 4]] ≈ [[1, 0.5], [3, 4]]", "[1, 2]", "[[[1], [2]], [[3], [4]]]", "π/2 ≈ 1.5708"):
        assert " ".join(line.strip() for line in matrix_lines(written)) == written


# ---------------------------------------------------------------- notations


@pytest.mark.parametrize(
    ("printed", "given", "shape"),
    [
        (r"y = \sqrt[3]{x}", "x:3", (3,)),
        (r"H(p) = -\sum_x p(x) \log p(x)", "p:3", ()),
        (r"L = -\left[ y \log p + (1-y) \log(1-p) \right]", "y:scalar p:scalar", ()),
        (r"z = W x + b \qquad a = \sigma(z)", "x:3 z:2", (2,)),
        (r"\operatorname{Attention}(Q, K, V) = \operatorname{softmax}(Q K^T) V", "Q:4x8 K:5x8 V:5x6", (4, 6)),
        (r"f(x; W, c, w, b) = w^\top \max\{0, W^\top x + c\} + b", "W:2x2 x:2", ()),
        (r"\hat{\mathbf{Y}} = \mathrm{softmax}(\mathbf{O})", "O:4x3", (4, 3)),
        (r"E(\mathbf{w}) = \frac{1}{2}\sum_{n=1}^N \{y_n - t_n\}^2", "y:3", ()),
        (r"h_\theta(x) = \theta^T x", "x:3", ()),
        ("y = theta_1 x + alpha", "theta_1:2x3 alpha:2", (2,)),
        (r"R(W) = \sum_k \sum_l W_{k,l}^2", "W:3x4", ()),
    ],
)
def test_what_slides_print(printed, given, shape):
    c = infer(printed, read_givens(given.split()))
    assert c.nodes[c.output].shape == shape
    assert {node.name for node in c.inputs} <= {*given.replace(":", " ").split(), *"Wxbwctθα", "θ1"}


@pytest.mark.parametrize(
    ("written", "at", "fix"),
    [
        (r"f = \max(0 x)", r"\max(0 x)", "max(0, x)"),
        ("f = [W b] [x; 1]", "[W b]", "[W, b] or (W b)"),
        (r"f = \begin{cases} x & x > 0 \\ 0 & x < 0 \end{cases}", r"\begin{cases}", "otherwise"),
        (r"g = \frac{\partial L}{\partial w}", r"\partial", "--gradients"),
        (r"w' \leftarrow w - \eta g", r"\leftarrow", "w' = w - η g"),
        ("d = σ'(z)", "σ'", "σ(z) (1 − σ(z))"),
        (r"y = \mathbf{1}^T x", r"\mathbf{1}", "sum(x)"),
        (r"y = \mathbb{E}(x)", r"\mathbb", "mean("),
        (r"y = \operatorname{sign}(x)", r"\operatorname{sign}", "step(x) − step(−x)"),
        (r"y = \sqrt[5]{x}", r"\sqrt[5]", "x^{1/5}"),
        (r"L = -\log(e^{f_{y_i}} / \sum_j e^{f_j})", "f_{y_i}", "cross_entropy"),
    ],
)
def test_what_is_refused_names_the_fix(written, at, fix):
    with pytest.raises(SpecError) as caught:
        infer(written, read_givens(["x:3"]) if "x" in written.split("{")[0] else {})
    assert caught.value.span.of(written).startswith(at) or at in caught.value.span.of(written)
    assert fix in caught.value.hint


@pytest.mark.parametrize(
    ("given", "written_out"),
    [
        ("A:12x12=ones", True),
        ("A:13x12=ones", False),
        ("A:144=ones", True),
        ("A:145=ones", False),
        ("A:2x72=ones", False),
    ],
)
def test_a_sheet_writes_as_many_numbers_as_the_text(given, written_out):
    sheet = run("B = 2 A", given, "--format", "latex", "--fragment")
    twos = re.findall(r"(?<![\d{_^])2(?=[,\s])", sheet.split("Forward")[1])
    assert (len(twos) > 144) is written_out


def test_a_border_between_cases_is_a_kink():
    for condition in ("x >= 0", "x > 0", "x <= 0", "0 < x"):
        told = run(f"y = where({condition}, x, x/10)", "x=0", "--gradients", "--format", "plain")
        assert "at a kink" in told and "✗" not in told
    assert "✓" in run("y = where(x >= 0, x, x/10)", "x=1", "--gradients", "--format", "plain")


def test_the_third_root_is_real():
    assert [cbrt(Exact.of(n)) for n in (-8, 0, 27)] == [-2, 0, 3] and cbrt(-2.0) == pytest.approx(-(2 ** (1 / 3)))
    done = CliRunner().invoke(
        eq, [r"y = \sqrt[3]{x}", "x=[-8,2,1/27]", "--loss", "sum(y)", "--verify", "--format", "plain"]
    )
    assert done.exit_code == 0 and "differs" not in done.output and "[-2, 1.25992, 1/3]" in done.stdout
    assert r"\sqrt[3]{x}" in run(r"y = \sqrt[3]{x}", "x:2", "--format", "latex")
    assert "x^(1/3)" in run("y = x^{1/3}", "x:2", "--format", "plain")
