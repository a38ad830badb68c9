"""The benchmarks run, and print ratios; how large these are is not tested: machines differ."""

import importlib
import re
from pathlib import Path

import pytest

import netcalc

RATIO = re.compile(r"\d+(\.\d+)?×?")


@pytest.fixture
def part(monkeypatch):
    """A module of the benchmarks, which are not installed with netcalc."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_startup_prints_a_ratio_for_every_format(part):
    [table] = part("startup").tables(pairs=1)
    assert [row[0] for row in table.rows] == ["table", "piped", "--json"]
    assert all(RATIO.fullmatch(row[3]) and row[4] == "1.5" for row in table.rows)


def test_scaling_prints_ratios(part):
    chains, families = part("scaling").tables(quick=True, sizes=(10, 100), depths=(4, 8))
    assert RATIO.fullmatch(chains.rows[0][3])
    assert [row[0] for row in families.rows] == ["MLP-4", "MLP-8", "ResNet-4", "ResNet-8"]
    assert all(RATIO.fullmatch(row[4]) for row in families.rows)


def test_letters_prints_a_ratio_and_the_limit_of_resnet50(part):
    [table] = part("letters").tables(specs={"resnet50": "H,W", "gpt2": "T"}, pairs=1)
    assert [(row[0], row[1], row[6]) for row in table.rows] == [("resnet50", "H,W", "300"), ("gpt2", "T", "–")]
    assert all(RATIO.fullmatch(cell) for row in table.rows for cell in row[2:6])
    symbolic = part("letters").formulas("3x8x8 -> maxpool 2 -> upsample scale_factor=2 -> relu", "H,N")
    assert str(symbolic.batch) == "N" and "H" in str(symbolic.flops)


def test_peers_prints_a_ratio_or_why_there_is_none(part):
    pytest.importorskip("torch")
    speed, agreement = part("peers").tables(specs={"tiny": "3x8x8 -> conv 4 k3 nobias -> relu"}, rounds=1)
    [row], [figures] = speed.rows, agreement.rows
    assert all(RATIO.fullmatch(cell.replace(",", "")) or cell == "not installed" for cell in row[1:])
    assert row[-1].endswith("×") and figures[-1] == "– / =", "torch's own counter is always there, and agrees"
    assert figures[1] == "108 / 3,888"


@pytest.mark.parametrize("name", ["MLP", "ResNet"])
def test_depth_is_the_number_of_layers_with_weights(part, name):
    report = netcalc.analyze(part("nets").FAMILIES[name](30))
    assert sum(layer.macs > 0 for layer in report.layers) == 30


def test_tables_are_printed_plain_and_as_markdown(part, capsys, monkeypatch):
    main, table = part("__main__"), part("table").Table("Speed", ("net", "ms"), [("mlp", "1")], ("least of 2",))
    monkeypatch.setattr(main, "PARTS", {"one": lambda quick: [table]})
    main.main(["one"])
    main.main(["--quick", "--markdown"])
    plain, markdown = capsys.readouterr().out.split("**Speed**")
    assert plain.splitlines() == ["Speed", "net  ms", "mlp   1", "(least of 2)", ""]
    assert "| net | ms |\n| --- | --: |\n| mlp | 1 |" in markdown
    with pytest.raises(SystemExit):
        main.main(["nonsense"])


def test_an_action_beyond_its_budget_is_not_called_again(part):
    calls = []
    part("timing").least({"slow": lambda: calls.append(1)}, rounds=5, budget=0.0)
    assert len(calls) == 1
