"""collapse, activation and compare-connectivity: their facts against torch."""

import math

import pytest
from click.testing import CliRunner

import netcalc
from netcalc.analysis.activation_facts import FACTS, facts_of
from netcalc.analysis.collapse import collapses
from netcalc.analysis.connectivity import comparisons
from netcalc.cli.activation import activation
from netcalc.cli.collapse import collapse
from netcalc.cli.connectivity import compare_connectivity

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


@pytest.mark.parametrize("name", FACTS)
def test_activation_facts_are_true(name):
    facts = FACTS[name]
    x = torch.linspace(-9.03, 9.01, 4001, dtype=torch.float64, requires_grad=True)
    y = THEIRS[name](x)
    ours = torch.tensor([facts.f(v) for v in x.tolist()], dtype=torch.float64)
    slopes = torch.tensor([facts.slope(v) for v in x.tolist()], dtype=torch.float64)
    assert torch.allclose(ours, y.detach(), atol=1e-7)
    (grad,) = torch.autograd.grad(y.sum(), x) if y.requires_grad and name != "step" else (torch.zeros_like(slopes),)
    assert torch.allclose(slopes, grad, atol=1e-6)
    assert facts.bounds[0] - 1e-6 <= ours.min() and ours.max() <= facts.bounds[1] + 1e-6
    assert facts.slopes[0] - 1e-6 <= slopes.min() and slopes.max() <= facts.slopes[1] + 1e-6
    for bound, reached in ((facts.slopes[0], slopes.min()), (facts.slopes[1], slopes.max())):
        assert abs(bound - reached) < 0.02, "the bounds of f′ are tight"
    for bound, reached in ((facts.bounds[0], ours.min()), (facts.bounds[1], ours.max())):
        assert math.isinf(bound) or abs(bound - reached) < 0.12
    assert ("increasing" in facts.monotone) == bool((ours.diff() >= -1e-12).all())


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
