"""Whole outputs at fixed widths without colour, compared with files; totals added up again from the rows.

``pytest tests/test_goldens.py --refresh-goldens`` writes them anew: look at the difference before you commit it.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netcalc.cli import main
from netcalc.spec.shipped import shipped_names

FOLDER = Path(__file__).parent / "goldens"
GOLDENS = {
    "mlp-80.txt": (80, "mlp 256-512-1 --format table"),
    "mlp.json": (80, "mlp 256-512-1 --json"),
    "lenet5-80.txt": (80, "show lenet5 --format table"),
    "lenet5-120.txt": (120, "show lenet5 --format table"),
    "lenet5.md": (80, "show lenet5 --format markdown"),
    "vgg16-80.txt": (80, "show vgg16 --format table"),
    "resnet18-120.txt": (120, "show resnet18 --format table"),
    "letters-80.txt": (80, "mlp D-H-C --batch N --format table"),
    "conv2d.txt": (80, "layers conv2d"),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_goldens(name, request):
    width, command = GOLDENS[name]
    result = CliRunner().invoke(main, command.split(), env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    text = "".join(line.rstrip() + "\n" for line in result.stdout.splitlines())
    file = FOLDER / name
    if request.config.getoption("--refresh-goldens"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_names())
def test_totals_are_the_sums_of_their_rows(name):
    rows = [
        line.split("\t") for line in CliRunner().invoke(main, ["show", name, "--format", "plain"]).stdout.splitlines()
    ]
    header, *layers, total = rows
    for figure in ("params", "macs", "flops"):
        column = header.index(figure)
        assert sum(int(row[column]) for row in layers) == int(total[column])


@pytest.mark.parametrize("name", shipped_names())
def test_ledgers_are_the_sums_of_their_lines(name):
    found = json.loads(CliRunner().invoke(main, ["show", name, "--json"]).stdout)
    assert sum(found["totals"]["ops"].values()) == found["totals"]["flops"]
    for layer in found["layers"]:
        assert sum(line["count"] for line in layer["work"]) == layer["flops"] == sum(layer["ops"].values())
        assert layer["work"] or layer["note"] or layer["uncounted"], f"{layer['name']}: a silent zero"
