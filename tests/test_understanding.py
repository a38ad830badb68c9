"""collapse, activation and compare-connectivity: their facts against torch."""

import json
import math
import re

import pytest
from click.testing import CliRunner

import netcalc
from netcalc.analysis.activation_facts import FACTS, facts_of
from netcalc.analysis.collapse import collapses
from netcalc.analysis.connectivity import comparisons
from netcalc.analysis.report import analyze
from netcalc.cli import main
from netcalc.cli.activation import activation
from netcalc.cli.collapse import collapse
from netcalc.cli.connectivity import compare_connectivity
from netcalc.cli.verify import verify
from netcalc.equations.givens import read_givens
from netcalc.equations.inference import infer
from netcalc.equations.ledger import forward_ledger
from netcalc.equations.network import network

torch = pytest.importorskip("torch")


def test_collapsed_layers_compute_the_same():
    torch.manual_seed(0)
    one, two, three = torch.nn.Linear(6, 9), torch.nn.Linear(9, 4, bias=False), torch.nn.Linear(4, 3)
    (found,) = collapses(netcalc.parse("6 -> linear 9 -> dropout -> linear 4 nobias -> linear 3"))
    assert (found.weight, found.bias) == ("W3 W2 W1", "W3 W2 b1 + b3")
    weight = three.weight @ two.weight @ one.weight
    bias = three.weight @ two.weight @ one.bias + three.bias
    x = torch.rand(5, 6)
    assert torch.allclose(three(two(one(x))), x @ weight.T + bias, atol=1e-6)
    assert found.params == sum(p.numel() for m in (one, two, three) for p in m.parameters())
    assert found.params_after == weight.numel() + bias.numel() and found.rank == 3
    assert found.homogeneous == "[W3 b3] [W2 0; 0 1] [W1 b1; 0 1]"


def test_what_stands_between_prevents_a_collapse():
    assert not collapses(netcalc.parse("6 -> linear 9 -> relu -> linear 3"))
    assert not collapses(netcalc.parse("6 -> linear 9 as h -> linear 6\nfrom h -> linear 2"))
    (narrow,) = collapses(netcalc.parse("100 -> linear 2 nobias -> linear 100 nobias"))
    assert narrow.saved == 400 - 10000 and narrow.rank == 2


def test_a_deep_linear_network_is_one_layer():
    """``W2 W1 x`` as textbooks print it: layers applied from the right, and their product is the single layer."""
    found = []
    for written in ("f = W2 W1 x", "f = W2 (W1 x)", "f = x W1^T W2^T"):
        done = CliRunner().invoke(collapse, [written, "x:4", "W1:8x4", "W2:2x8", "--json"])
        found.append(json.loads(done.stdout)["collapses"])
    assert found[0] == found[1] == found[2]
    (one,) = found[0]
    assert (one["weight"], one["params"], one["params_after"], one["flops"]) == ("W2 W1", 48, 8, 86)
    c = infer("f = W2 W1 x", read_givens(["x:4", "W1:8x4", "W2:2x8"]))
    graph = network(c)
    assert forward_ledger(c).flops == analyze(graph).flops == 86
    weights = {"W1": torch.rand(8, 4), "W2": torch.rand(2, 8)}
    x = torch.rand(4)
    assert torch.allclose(weights["W2"] @ (weights["W1"] @ x), (weights["W2"] @ weights["W1"]) @ x)
    for as_code in ("f = W2 @ W1 @ x", "f = (W2 W1) x"):
        done = CliRunner().invoke(main, ["collapse", as_code, "x:4", "W1:8x4", "f:2"])
        assert done.exit_code == 1 and "W2 (W1 x)" in done.output


def test_collapsed_equations_compute_the_same():
    """The equation, the single layer and the homogeneous product are one function, in torch's numbers."""
    torch.manual_seed(0)
    shape = {"x": (4,), "W1": (8, 4), "b1": (8,), "W2": (2, 8), "b2": (2,)}
    x, w1, b1, w2, b2 = (torch.rand(size, dtype=torch.float64) for size in shape.values())
    done = CliRunner().invoke(collapse, ["f = W2 (W1 x + b1) + b2", "x:4", "b1:8", "f:2", "--json"])
    found = json.loads(done.stdout)
    assert found["obstacles"] == [] and len(found["collapses"]) == 1
    (one,) = found["collapses"]
    assert one["single"] == "Linear(in_features=4, out_features=2)" and (one["params"], one["params_after"]) == (58, 10)
    assert (one["weight"], one["bias"]) == ("W2 W1", "W2 b1 + b2")
    assert one["homogeneous"] == "[W2 b2] [W1 b1; 0 1]"
    theirs = w2 @ (w1 @ x + b1) + b2
    assert torch.allclose((w2 @ w1) @ x + (w2 @ b1 + b2), theirs)
    last = torch.tensor([[0.0] * 4 + [1.0]], dtype=torch.float64)
    homogeneous = torch.column_stack((w2, b2)) @ torch.cat((torch.column_stack((w1, b1)), last))
    assert torch.allclose(homogeneous @ torch.cat((x, torch.ones(1, dtype=torch.float64))), theirs)


def test_shared_weights_are_saved_once_or_not_at_all():
    (found,) = collapses(network(infer("f = W (W x)", read_givens(["x:4"]))))
    assert (found.params, found.params_after, found.saved) == (16, 16, 0)
    (found,) = collapses(network(infer("h = W (V x); f = W relu(h)", read_givens(["x:4", "W:4x4", "V:4x4"]))))
    assert (found.params, found.params_after, found.saved) == (16, 16, 0), "W is needed behind the activation"


def test_what_prevents_more_is_told_beside_what_collapses():
    spec = "64 -> linear 32 -> linear 16 -> relu -> linear 8"
    done = CliRunner().invoke(collapse, [spec, "--format", "plain"])
    assert "linear1 → linear2" in done.stdout
    assert "nothing more collapses: relu1 stands between linear2 and linear3" in done.stdout
    found = json.loads(CliRunner().invoke(collapse, [spec, "--json"]).stdout)
    assert len(found["collapses"]) == 1 and found["obstacles"] == ["relu1 stands between linear2 and linear3"]
    done = CliRunner().invoke(collapse, ["f = W2 max(0, W1 x + b1) + b2", "x:4", "b1:8", "f:2", "--format", "plain"])
    assert done.stdout.startswith("nothing collapses: ") and "between" in done.stdout


def test_verify_takes_equations():
    equation = ["f = W2 max(0, W1 x + b1) + b2", "x:6", "b1:5", "f:2", "--format", "plain"]
    done = CliRunner().invoke(verify, equation)
    assert done.exit_code == 0 and "weight [5, 6]" in done.stdout and "differs" not in done.stdout
    done = CliRunner().invoke(verify, ["L = log(sum(exp(x)))", "x:3"])
    assert done.exit_code == 1 and "--verify" in done.exception.hint


def test_connectivity_against_the_layers():
    (found,) = comparisons(netcalc.parse("3x12x10 -> conv 4 k3x2 s2 p1"))
    full, local, conv = found.ways
    report = netcalc.analyze("3x12x10 -> local 4 k3x2 s2 p1")
    assert local.weights + local.biases == report.params and local.flops == report.flops
    flat = netcalc.analyze(f"{3 * 12 * 10} -> linear {math.prod(found.output)}")
    assert full.weights + full.biases == flat.params and full.flops == flat.flops
    module = torch.nn.Conv2d(3, 4, (3, 2))
    assert conv.weights + conv.biases == sum(p.numel() for p in module.parameters())


THEIRS = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "relu6": torch.nn.functional.relu6,
    "sin": torch.sin,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "step": lambda x: torch.heaviside(x, torch.zeros((), dtype=x.dtype)),
    "softplus": torch.nn.functional.softplus,
    "softsign": torch.nn.functional.softsign,
    "hardtanh": torch.nn.functional.hardtanh,
    "elu": torch.nn.functional.elu,
    "selu": torch.selu,
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
}


THEIRS.update(
    mish=torch.nn.functional.mish,
    hardswish=torch.nn.functional.hardswish,
    hardsigmoid=torch.nn.functional.hardsigmoid,
    logsigmoid=torch.nn.functional.logsigmoid,
    celu=torch.nn.functional.celu,
    prelu=torch.nn.PReLU().double(),
    softshrink=torch.nn.functional.softshrink,
    hardshrink=torch.nn.functional.hardshrink,
    tanhshrink=torch.nn.functional.tanhshrink,
    threshold=torch.nn.Threshold(1, 0),
)

ZEROS = {  # the words for where f is 0, and the places they mean
    "none": lambda x: x != x,
    "0": lambda x: x == 0,
    "every x ≤ 0": lambda x: x <= 0,
    "every x ≤ −3": lambda x: x <= -3,
    "every x ≤ −3, and 0": lambda x: (x <= -3) | (x == 0),
    "every |x| ≤ λ": lambda x: x.abs() <= 0.5,
    "every x ≤ θ if v = 0": lambda x: x <= 1,
    "every multiple of π": lambda x: x == 0,  # of the places that are tried
}
DEAD = {  # likewise for where f′ is 0 on an interval
    "none": lambda x: x != x,
    "x < 0": lambda x: x < 0,
    "x < 0 and x > 6": lambda x: (x < 0) | (x > 6),
    "everywhere": lambda x: x == x,
    "|x| > 1": lambda x: x.abs() > 1,
    "|x| > 3": lambda x: x.abs() > 3,
    "x < −3": lambda x: x < -3,
    "|x| < λ": lambda x: x.abs() < 0.5,
    "x < θ": lambda x: x < 1,
    "none while a ≠ 0": lambda x: x != x,
}
SATURATES = {"both sides": (True, True), "everywhere": (True, True), "below": (True, False), "above": (False, True)}


def slopes_of(name, x):
    """f and f′ by torch, at these places."""
    if name == "step":  # flat wherever it has a derivative; torch states none
        return THEIRS[name](x), torch.zeros_like(x)
    x = x.clone().requires_grad_()
    y = THEIRS[name](x)
    return y.detach(), torch.autograd.grad(y.sum(), x)[0]


@pytest.mark.parametrize("name", FACTS)
def test_activation_facts_are_true(name):
    facts = FACTS[name]
    x = torch.linspace(-9.031, 9.017, 40001, dtype=torch.float64)
    y, grad = slopes_of(name, x)
    ours = torch.tensor([facts.f(v) for v in x.tolist()], dtype=torch.float64)
    slopes = torch.tensor([facts.slope(v) for v in x.tolist()], dtype=torch.float64)
    assert torch.allclose(ours, y, atol=1e-9) and torch.allclose(slopes, grad, atol=1e-9)
    far_y, far_slopes = slopes_of(name, torch.linspace(-2000.5, 2000.5, 40001, dtype=torch.float64))
    for bounds, near, far in ((facts.bounds, y, far_y), (facts.slopes, grad, far_slopes)):
        every = torch.cat((near, far))
        for bound, sign, found in zip(bounds, (-1, 1), (every.min(), every.max())):
            assert sign * (bound - float(found)) >= -1e-6, "the bounds hold"
            assert float(found) * sign > 15 if math.isinf(bound) else abs(bound - float(found)) < 2e-3, "and are tight"
    assert ("increasing" in facts.monotone) == bool((y.diff() >= -1e-12).all())
    assert ("strictly" in facts.monotone) == bool((y.diff() > 0).all())
    if "{" in facts.derivative_range:
        listed = facts.derivative_range.split("{")[-1].rstrip("}").split(", ")
        assert len(set(grad.tolist())) == len(listed)


@pytest.mark.parametrize("name", FACTS)
def test_where_an_activation_is_zero_flat_and_dead(name):
    facts = FACTS[name]
    x = torch.arange(-7 * 64, 7 * 64 + 1, dtype=torch.float64) / 64  # 0, ±1/2, ±1, ±3 and 6 are among the places
    y, grad = slopes_of(name, x)
    assert torch.equal(y == 0, ZEROS[facts.zeros](x)), facts.zeros
    dead = DEAD[re.split("[:,;]", facts.dead)[0]](x)
    at_ends = torch.tensor([v in (-3, -1, -0.5, 0, 0.5, 1, 3, 6) for v in x.tolist()])
    single = (grad == 0) & ~(torch.roll(grad, 1) == 0) & ~(torch.roll(grad, -1) == 0)  # a place, not an interval
    assert torch.equal(((grad == 0) & ~single)[~at_ends], dead[~at_ends]), facts.dead
    ends = (slopes_of(name, torch.tensor([-40.1, 40.1], dtype=torch.float64))[1].abs() < 9e-3).tolist()
    said = SATURATES.get(re.split("[:,]| -?[−θ0-9]", facts.saturation)[0], (False, False))
    assert tuple(ends) == said, facts.saturation


def test_the_list_of_activations_has_them_all():
    done = CliRunner().invoke(activation, ["--format", "plain"])
    head, *rows = (line.split("\t") for line in done.stdout.splitlines())
    assert [row[0] for row in rows] == list(FACTS)
    assert {"range of f", "range of f′", "zeros", "saturates", "dead zone", "monotone"} <= set(head)
    done = CliRunner().invoke(activation, ["--format", "table"])
    assert all(name in done.stdout for name in THEIRS) and set(THEIRS) == set(FACTS) and "…" not in done.stdout


def test_commands(tmp_path):
    runner = CliRunner()
    done = runner.invoke(collapse, ["256 -> linear 512 -> linear 10", "--format", "plain"])
    assert "saves 134,144" in done.stdout
    done = runner.invoke(compare_connectivity, ["3x32x32 -> conv 8 k5 p2", "--format", "table"])
    assert "25,165,824" in done.stdout
    picture = tmp_path / "relu.svg"
    done = runner.invoke(activation, ["relu", "--format", "table", "--svg", str(picture)])
    assert "dead zone" in done.stdout and "*" in done.stdout and picture.read_text().startswith("<svg")
    assert runner.invoke(activation, ["--format", "json"]).exit_code == 0
    with pytest.raises(netcalc.SpecError, match="no activation"):
        facts_of("rellu")
