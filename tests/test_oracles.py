"""Every oracle catches a planted error: a proof that cannot fail proves nothing."""

import pytest

import netcalc

torch = pytest.importorskip("torch")

import test_conformance as suite  # noqa: E402

from netcalc.layers.activation import ReLU  # noqa: E402
from netcalc.layers.base import Line, at_least  # noqa: E402
from netcalc.layers.convolution import Conv2d  # noqa: E402
from netcalc.layers.linear import Linear  # noqa: E402
from netcalc.layers.pooling import MaxPool2d  # noqa: E402
from netcalc.proof.verification import DIFFERS, PROVED, UNCHECKED, verify  # noqa: E402


def plant(monkeypatch, kind, fact, change):
    """Let ``fact`` of ``kind`` answer ``change(the true answer, the layer, *inputs)``."""
    true = getattr(kind, fact)
    monkeypatch.setattr(kind, fact, lambda layer, *inputs: change(true(layer, *inputs), layer, *inputs))


def one_more(shape, layer, *inputs):
    return (*shape[:-1], shape[-1] + 1)


def without_bias(tensors, layer, *inputs):
    return {name: shape for name, shape in tensors.items() if name != "bias"}


def extra_mac(work, layer, *inputs):
    return work._replace(macs=work.macs + 1)


def extra_operation(work, layer, *inputs):
    return work._replace(lines=(*work.lines, Line("planted", "add", (1,))))


def macs_for_flops(work, layer, *inputs):
    """The slip of taking n additions for a dot product of length n."""
    return work._replace(lines=tuple(line._replace(kind="mul") if line.label == "+ b" else line for line in work.lines))


def too_strict(conditions, layer, *inputs):
    yield from conditions
    yield at_least(layer.out_channels, 2, "out_channels")


def too_lax(conditions, layer, *inputs):
    return (condition for condition in conditions if getattr(condition, "argument", "") != "groups")


def wider(reach, layer, *inputs):
    channels, first, *rest = reach[0]
    return ((channels, first._replace(kernel=first.kernel + 1), *rest),)


@pytest.mark.parametrize(
    ("test", "kind", "fact", "change"),
    [
        (suite.test_shapes_parameters_and_macs, Linear, "output_shape", one_more),
        (suite.test_shapes_parameters_and_macs, Conv2d, "output_shape", one_more),
        (suite.test_shapes_parameters_and_macs, MaxPool2d, "output_shape", one_more),
        (suite.test_shapes_parameters_and_macs, Linear, "parameters", without_bias),
        (suite.test_shapes_parameters_and_macs, Conv2d, "work", extra_mac),
        (suite.test_ledger, Conv2d, "work", extra_operation),
        (suite.test_ledger, Linear, "work", macs_for_flops),
        (suite.test_ledger, ReLU, "work", extra_operation),
        (suite.test_legality, Conv2d, "conditions", too_strict),
        (suite.test_legality, Conv2d, "conditions", too_lax),
        (suite.test_reach, Conv2d, "reach", wider),
        (suite.test_reach, MaxPool2d, "reach", wider),
    ],
)
def test_the_suite_turns_red(monkeypatch, test, kind, fact, change):
    plant(monkeypatch, kind, fact, change)
    with pytest.raises((AssertionError, RuntimeError)):
        test(kind.__name__)


def test_a_definition_that_computes_something_else_is_caught(monkeypatch):
    from netcalc.proof import reference

    reference._load()
    monkeypatch.setitem(reference._DEFINITIONS, "ReLU", lambda layer, parameters, x: x.map(lambda value: value * 0.5))
    with pytest.raises(AssertionError, match="values differ"):
        suite.test_ledger("ReLU")


SPEC = "1x6x6 -> conv 2 k3 -> relu -> maxpool 2 -> flatten -> linear 3"


def test_verify_proves_every_figure_of_a_small_network():
    found = netcalc.verify(SPEC)
    assert found.ok and found.complete and found.counts == {PROVED: 25}
    assert netcalc.verify(netcalc.mlp("256-512-1")).complete, "the tutorial's network, the ledger included"


@pytest.mark.parametrize(
    ("kind", "fact", "change", "figure"),
    [
        (Linear, "output_shape", one_more, "output shape"),
        (Conv2d, "parameters", without_bias, "parameters"),
        (Conv2d, "work", extra_mac, "macs"),
        (ReLU, "work", extra_operation, "ledger"),
        (Conv2d, "reach", wider, "receptive field"),
    ],
)
def test_verify_names_the_figure_that_differs(monkeypatch, kind, fact, change, figure):
    plant(monkeypatch, kind, fact, change)
    found = netcalc.verify(SPEC)
    assert not found.ok
    assert figure in {check.figure for check in found.differing}
    assert all(check.status == DIFFERS and check.stated != check.found for check in found.differing)


def test_verify_exits_1_on_a_difference(monkeypatch):
    from click.testing import CliRunner

    from netcalc.cli import main

    assert CliRunner().invoke(main, ["verify", SPEC]).exit_code == 0
    plant(monkeypatch, Conv2d, "work", extra_mac)
    result = CliRunner().invoke(main, ["verify", SPEC])
    assert result.exit_code == 1 and "differs" in result.stdout


def test_verify_says_what_it_did_not_check():
    found = verify(netcalc.parse(SPEC), ledger=100)
    unchecked = [check for check in found.checks if check.status == UNCHECKED]
    assert unchecked and all("100 scalar operations" in check.why for check in unchecked)
    assert found.ok and not found.complete


def test_verify_refuses_letters():
    with pytest.raises(netcalc.SpecError) as caught:
        netcalc.verify("3xHxW -> conv 4 k3")
    assert caught.value.code == "open-letters" and "--set H" in caught.value.hint


def test_verify_without_torch_says_how_to_get_it():
    import subprocess
    import sys

    code = "import sys; sys.modules['torch'] = None; from netcalc.cli import main; main(['verify', 'mlp'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and 'pip install "netcalc-nn[torch]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1
