"""Values and gradients of equations: the sheets' exercises, against torch's autograd."""

import math

import pytest

from netcalc import SpecError
from netcalc.equations.arrays import Array, floats
from netcalc.equations.exact import PI, Exact, cos, sin, sqrt, text
from netcalc.equations.givens import read_givens, read_number
from netcalc.equations.inference import infer, names_of
from netcalc.equations.parser import parse
from netcalc.equations.values import differences, evaluate, gradients, updates

torch = pytest.importorskip("torch")
from netcalc.proof.equations import check  # noqa: E402

X, K = "x=[[1,0,2],[2,1,-1],[0,0,2]]", "w=[[1,-1],[0,2]]"


def used(source, given):
    """The givens whose names occur."""
    names = {name.name for equation in parse(source) for name in names_of(equation.expression)}
    return [one for one in given if one[0] in names]


def solve(source, *given):
    return infer(source, read_givens(given))


def value(source, *given):
    found = solve(source, *given)
    return [float(v) for v in evaluate(found)[found.output].data]


def agree(found):
    checks = check(found)
    assert not [one for one in checks if one.status == "differs"], checks
    return sum(one.status == "proved" for one in checks)


# ---------------------------------------------------------------- the exercises


def test_sine_neuron():
    """y = sin(wᵀx) − b with x = [2, 1], w = [π/2, π], target 2, squared loss, α = 0.5: exact."""
    found = solve("y = sin(w^T x) - b; L = (y - 2)^2", "x=[2,1]", "w=[pi/2,pi]", "b=0")
    values = evaluate(found)
    grads = gradients(found, values)
    assert [text(values[found.names[name]].data[0]) for name in ("y", "L")] == ["0", "4"]
    assert grads[found.names["w"]].data == (Exact.of(-8), Exact.of(-4))
    assert grads[found.names["b"]].data == (Exact.of(4),)
    after = {u.name: u.after for u in updates(found, values, grads, read_number("0.5", "lr"))}
    assert [text(v) for v in after["w"].data] == ["π/2 + 4", "π + 2"] and text(after["b"].data[0]) == "-2"
    assert agree(found) >= 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = conv(x, w, stride=1, padding=0)", [3, -4, 1, 6]),
        ("y = conv(x, w, stride 3, padding 1)", [2, 0, 0, 2]),
        ("y = conv(x, w, dilation=2)", [3]),
        ("y = maxpool(conv(x, w), 2x2)", [6]),
        ("y = max(x, 2×2)", [2]),
        ("y = maxpool(x, 2x2, stride=1)", [2, 2, 2, 2]),
    ],
)
def test_windows(source, expected):
    given = (X, K) if "w" in source else (X,)
    assert value(source, *given) == expected
    assert agree(solve(source + "; L = sum(y)", *given)) >= 3


def test_pooled_convolution_as_printed():
    found = solve("f = max(conv([2,1,2],[1,0], stride 1, padding 0), 1×2)")
    values = evaluate(found)
    grads = gradients(found, values)
    assert floats(values[found.output]) == (2.0,)
    assert floats(grads[found.names["w"]]) == (2.0, 1.0)
    (update,) = updates(found, values, grads, read_number("0.5", "lr"))
    assert [text(v) for v in update.after.data] == ["0", "-1/2"]
    assert agree(found) >= 4


def test_transposed_convolution_is_overlapping_sums():
    found = solve("y = convtranspose(x, w); L = sum(y)", "x=[[1,2],[3,4]]", "w=[[1,0,1],[0,1,0],[1,0,1]]")
    assert floats(evaluate(found)[found.names["y"]]) == (1, 2, 1, 2, 3, 5, 5, 4, 1, 5, 5, 2, 3, 4, 3, 4)
    assert agree(found) >= 4


def test_homogeneous_matrix_and_its_vector():
    rows = [[1, 0, 2, -1, 0, 3], [0, 1, 0, 1, 2, -2], [2, 2, 1, 0, 0, 1], [1, -1, 1, -1, 1, 0]]
    found = solve("z = W x̄; L = ||z - y||^2", f"W={rows}", "x=[1,2,0,-1,1]", "y=[1,0,2,1]")
    assert agree(found) >= 5
    unrolled = solve("w = vec(W); z = W x̄; L = ||z - y||^2", "w=[1,2,3,4,5,6]", "W: 2x3", "x=[1,-1]", "y=[0,1]")
    assert floats(evaluate(unrolled)[unrolled.names["W"]]) == (1, 3, 5, 2, 4, 6)
    assert agree(unrolled) >= 5


def test_small_mlp_with_softmax_cross_entropy():
    given = (
        "x=[1,-2,3]",
        "W1=[[1,0,-1],[2,1,0],[0,1,1],[1/2,1,1]]",
        "b1=[0,1,1/2,0]",
        "W2=[[1,0,1,2],[0,-1,1,0]]",
        "b2=[1/3,0]",
        "y=[0,1]",
    )
    for loss in ("cross_entropy(z, y)", "-sum(y log softmax(z))", "-sum(y ⊙ logsoftmax(z))"):
        assert agree(solve(f"z = W2 max(0, W1 x + b1) + b2; L = {loss}", *given)) >= 8


# ---------------------------------------------------------------- every operation against autograd


VECTORS = ("a=[0.5,-1.5,2]", "b=[1,0.25,-0.75]", "p=[0.2,0.3,0.5]", "t=[0,1,0]")
MATRICES = ("A=[[1,2,-1],[0,1,3]]", "B=[[1,-1],[2,0],[0.5,1]]", "c=[0.5,2]", "d=[1,2,3]")


@pytest.mark.parametrize(
    "source",
    [
        *(
            f"L = sum({f}(a))"
            for f in (
                "relu",
                "sigmoid",
                "tanh",
                "sin",
                "cos",
                "exp",
                "abs",
                "softplus",
                "silu",
                "gelu",
                "leaky_relu",
                "step",
            )
        ),
        "L = sum(log p)",
        "L = sum(sqrt(p))",
        "L = sum(a^3)",
        "L = sum(1/p)",
        "L = sum(a * b - a / p)",
        "L = mean(a)",
        "L = ||a - b||",
        "L = ||a||_1",
        "L = ||a||^2",
        "L = half_mse(a, b)",
        "L = mse(a, b)",
        "L = sse(a, b)",
        "L = half_sse(a, b)",
        "L = bce(p, t)",
        "L = cross_entropy(a, t)",
        "L = sum(softmax(a) * b)",
        "L = sum(logsoftmax(a) * b)",
        "L = a^T b",
        "L = sum(a b^T)",
        "L = sum(max(a, b))",
        "L = sum(min(a, b) * a)",
        "L = sum([a; 1; b]^2)",
        "L = 2 a^T a + 3",
        "L = -sum(t log p)",
        "L = sum((a - 1)^2) / 2",
        "q = a; L = q^T q",
    ],
)
def test_vectors_against_autograd(source):
    assert agree(solve(source, *used(source, VECTORS))) >= 2


@pytest.mark.parametrize(
    "source",
    [
        "L = sum(A B)",
        "L = sum((A B)^2)",
        "L = ||A^T c||^2",
        "L = sum(A d * c)",
        "L = ||c^T A||^2",
        "L = sum((A^T + B)^2)",
        "L = sum(vec(A)^3)",
        "L = sum((A + d)^2)",
        "L = sum(softmax(A) * A)",
        "L = sum((B c)^T A^T)",
        "L = ||2 A||^2",
        "L = sum((A - 1)^2)",
    ],
)
def test_matrices_against_autograd(source):
    found = solve(source, *used(source, MATRICES))
    assert agree(found) >= 2
    values = evaluate(found)
    grads = gradients(found, values)
    for node in found.inputs:
        rough = differences(found, node.name, values)
        assert floats(rough) == pytest.approx(floats(grads[found.names[node.name]]), rel=1e-4, abs=1e-4)


def test_the_oracle_finds_a_planted_error(monkeypatch):
    from netcalc.equations.operations import MatMul

    monkeypatch.setattr(MatMul, "backward", lambda self, g, inputs, output, options: [inputs[0], inputs[1]])
    found = solve("L = a^T b", "a=[1,2]", "b=[3,4]")
    assert any(one.status == "differs" for one in check(found))


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("f = W2 max(0, W1 x + b1) + b2", ("x:256", "b1:512", "f:1")),
        ("y = softmax(xW^T + b)", ("x: N x D", "y: N x C")),
        ("y = softmax(Wx + b)", ("x: DxN", "y: CxN")),
        ("z = W x̄; w = vec(W); L = ||z - y||^2", ("W: 4x6",)),
        ("y = maxpool(max(0, conv(x, w, stride=2, padding=1)), 2x2)", ("x: 3x17x16", "w: 4x3x3x3")),
        ("y = convtranspose(x, w, stride=2, padding=1)", ("x: 2x5x4", "w: 2x3x3x3")),
        ("L = cross_entropy(X W^T + b, Y)", ("X: NxD", "Y: NxC")),
    ],
)
def test_shapes_against_torch(source, given):
    assert agree(solve(source, *given)) >= 1


# ---------------------------------------------------------------- exact numbers


def test_exact_numbers():
    assert (
        sin(PI / 2) == 1
        and cos(PI) == -1
        and sin(PI / 6) == Exact.of("1/2")
        and sqrt(Exact.of("1/4")) == Exact.of("1/2")
    )
    assert text(PI * 2 - Exact.of("1/3")) == "2π − 1/3"
    assert float(sin(Exact.of(1))) == math.sin(1)
    assert Array.of([[1, 2], [3, 4]]).transposed().nested() == [[1, 3], [2, 4]]
    assert value("y = a + b", "a=1/3", "b=1/6") == [0.5]


def test_softmax_that_reaches_zero_is_told():
    from netcalc.equations.explanation import Asked, Story

    story = Story(solve("L = -sum(y log softmax(z))", "z=[0,2000]", "y=[1,0]"), Asked(gradients=True))
    assert any(name == "caution" and "not finite" in value for name, value in story.summary())


@pytest.mark.parametrize(("momentum", "weight_decay"), [("0", "0"), ("0.9", "0"), ("0.9", "0.01")])
def test_an_update_is_torchs(momentum, weight_decay):
    found = solve("y = W x + b; L = mse(y, t)", "W=[[1,2],[3,4]]", "x=[1,-1]", "b=[0,1/2]", "t=[1,1]")
    values = evaluate(found)
    rates = [read_number(rate, "rate") for rate in ("0.1", momentum, weight_decay)]
    leaves = [torch.tensor([[1.0, 2], [3, 4]], requires_grad=True), torch.tensor([0, 0.5], requires_grad=True)]
    optimizer = torch.optim.SGD(leaves, lr=0.1, momentum=float(momentum), weight_decay=float(weight_decay))
    loss = torch.nn.functional.mse_loss(leaves[0] @ torch.tensor([1.0, -1]) + leaves[1], torch.ones(2))
    loss.backward()
    optimizer.step()
    for update, leaf in zip(updates(found, values, gradients(found, values), *rates), leaves):
        assert floats(update.after) == pytest.approx(leaf.flatten().tolist(), abs=1e-6)


def test_values_of_a_monster_are_refused():
    with pytest.raises(SpecError, match="numbers"):
        evaluate(solve("y = convtranspose(x, w, stride=1000000)", "x=[1,2]", "w=[1]"))
