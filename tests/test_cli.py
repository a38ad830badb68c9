"""The command as people and programs run it."""

import csv
import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from netcalc import __version__
from netcalc.cli import COMMANDS, main

MLP = ["mlp", "256-512-1"]


def run(*arguments, input=None, env=None):
    return CliRunner().invoke(main, list(arguments), input=input, env=env)


def fine(*arguments, **more):
    result = run(*arguments, **more)
    assert result.exit_code == 0, result.output + result.stderr
    return result


def test_the_tutorials_network():
    found = json.loads(fine(*MLP, "--json").stdout)
    shapes = [shape for layer in found["layers"] for shape in layer["parameters"].values()]
    assert shapes == [[512, 256], [512], [1, 512], [1]]
    assert found["totals"]["params"] == 132_097
    assert found["totals"]["ops"] == {"mul": 131_584, "add": 131_584, "max": 512}
    assert found["totals"]["flops"] == 263_680
    table = fine(*MLP, "--format", "table").stdout
    for text in (
        "132,097",
        "263,680",
        "131,584 mul",
        "131,584 add",
        "512 max",
        "[512, 256]",
        "[512]",
        "[1, 512]",
        "[1]",
        "textbook",
    ):
        assert text in table


@pytest.mark.parametrize(
    ("spec", "figures"),
    [
        ("3 -> posenc 8", {"output_shape": [51]}),
        ("30x14x14 -> conv 12 k4 s2 p1 -> relu -> maxpool 3 s2", {"flops": 565_932, "macs": 282_240}),
        ("lenet5", {"params": 61_706}),
        ("alexnet", {"params": 61_100_840}),
        ("vgg16", {"params": 138_357_544, "macs": 15_470_264_320, "flops": 30_940_528_640 + 18_146_816}),
        ("mlp", {"params": 132_097, "flops": 263_680}),
    ],
)
def test_published_figures(spec, figures):
    found = json.loads(fine("show", spec, "--json").stdout)
    assert {name: found["totals"].get(name, found.get(name)) for name in figures} == figures


def test_vgg16_by_kind_and_field():
    found = json.loads(fine("show", "vgg16", "--json").stdout)
    by_kind = {}
    for layer in found["layers"]:
        by_kind[layer["kind"]] = by_kind.get(layer["kind"], 0) + layer["flops"]
    assert by_kind["Conv2d"] + by_kind["Linear"] == 30_940_528_640
    assert by_kind["ReLU"] + by_kind["MaxPool2d"] == 18_146_816
    last_pool = [layer for layer in found["layers"] if layer["kind"] == "MaxPool2d"][-1]
    assert last_pool["receptive_field"] == {"size": [212, 212], "stride": [32, 32], "start": [-90, -90]}


def test_lenets_second_convolution():
    for dilation, field in ((1, 14), (2, 18)):
        spec = f"1x32x32 -> conv 6 k5 d{dilation} -> tanh -> avgpool 2 -> conv 16 k5"
        found = json.loads(fine("show", spec, "--json").stdout)
        assert found["layers"][-1]["receptive_field"]["size"] == [field, field]


def test_the_json_schema():
    found = json.loads(fine("show", "3x8x8 -> conv 4 k3 -> bn -> flatten -> linear 2", "--json", "--batch", "5").stdout)
    assert list(found)[:4] == ["netcalc", "schema", "convention", "batch"]
    assert (found["netcalc"], found["schema"], found["convention"], found["batch"]) == (__version__, 1, "textbook", 5)
    assert {"layers", "totals", "output_shape", "uncounted", "conditions"} <= set(found)
    wanted = {
        "name",
        "kind",
        "input_shapes",
        "output_shape",
        "parameters",
        "buffers",
        "params",
        "ops",
        "work",
        "macs",
        "flops",
        "receptive_field",
    }
    for layer in found["layers"]:
        assert wanted <= set(layer)
        assert layer["flops"] == sum(layer["ops"].values()) == sum(line["count"] for line in layer["work"])
        for line in layer["work"]:
            product = 1
            for factor in line["factors"]:
                product *= factor
            assert product == line["count"]
    assert set(found["totals"]) >= {"params", "trainable", "buffers", "ops", "macs", "flops", "activations"}
    for name in ("params", "macs", "flops", "activations"):
        assert found["totals"][name] == sum(layer[name] for layer in found["layers"])
    assert found["output_shape"] == [5, 2]


def test_batch_multiplies_work_and_adds_an_axis():
    one, many = (json.loads(fine(*MLP, "--json", *batch).stdout) for batch in ([], ["--batch", "32"]))
    assert many["totals"]["flops"] == 32 * one["totals"]["flops"]
    assert many["totals"]["params"] == one["totals"]["params"]
    assert many["layers"][0]["input_shapes"] == [[32, 256]]
    assert "263,680·N" in fine(*MLP, "--batch", "N", "--format", "table").stdout.replace("263680·N", "263,680·N")
    for bad in ("0", "-3", "x", "1.5"):
        assert run(*MLP, "--batch", bad).exit_code == 1


def test_plain_rows_csv_and_markdown_say_the_same():
    plain = [line.split("\t") for line in fine("show", "lenet5").stdout.splitlines()]
    comma = list(csv.reader(io.StringIO(fine("show", "lenet5", "--format", "csv").stdout)))
    assert plain == comma and plain[0][0] == "layer" and plain[-1][0] == "total"
    flops = plain[0].index("flops")
    assert sum(int(row[flops]) for row in plain[1:-1]) == int(plain[-1][flops])
    markdown = fine("show", "lenet5", "--format", "markdown").stdout.splitlines()
    assert sum(line.startswith("| ") for line in markdown) == len(plain)


def test_notes_go_to_standard_error():
    result = fine(*MLP)
    assert "FLOPs (textbook): 263,680" in result.stderr and "textbook" not in result.stdout


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("spec", ["mlp", "vgg16", "resnet18"])
def test_tables_never_cut_a_digit(spec, width):
    table = fine("show", spec, "--format", "table", env={"COLUMNS": str(width)}).stdout
    assert "…" not in table
    assert max(map(len, table.splitlines())) <= width
    assert f"{json.loads(fine('show', spec, '--json').stdout)['totals']['params']:,}" in table


def test_options_of_mlp():
    spec = ["mlp", "16x16-8-2", "--activation", "tanh", "--output-activation", "sigmoid", "--no-bias", "--json"]
    found = json.loads(fine(*spec).stdout)
    assert [layer["kind"] for layer in found["layers"]] == ["Flatten", "Linear", "Tanh", "Linear", "Sigmoid"]
    assert "bias" not in found["layers"][1]["parameters"]
    assert "D" in fine("mlp", "D-4-1").stdout
    assert json.loads(fine("mlp", "D-4-1", "--set", "D=3", "--json").stdout)["totals"]["params"] == 21


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
@pytest.mark.parametrize("spec", ["resnet50", "densenet121", "vgg16"])
def test_blocks_add_up(spec, depth):
    whole = json.loads(fine("show", spec, "--json").stdout)
    folded = json.loads(fine("show", spec, "--json", "--depth", str(depth)).stdout)
    assert folded["depth"] == depth and folded["totals"] == whole["totals"]
    for figure in ("params", "macs", "flops", "activations"):
        assert sum(block[figure] for block in folded["layers"]) == whole["totals"][figure]
    names = [name for block in folded["layers"] for name in block["layers"]]
    assert sorted(names) == sorted(layer["name"] for layer in whole["layers"])
    rows = [line.split("\t") for line in fine("show", spec, "--depth", str(depth)).stdout.splitlines()]
    assert len(rows) == len(folded["layers"]) + 2


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "made-on-windows.net"
    path.write_bytes("3x8x8 -> conv 8 k3\r\n".encode("utf-8-sig"))
    assert run("show", str(path)).output == run("show", "3x8x8 -> conv 8 k3").output


def test_a_spec_from_a_file_and_from_standard_input(tmp_path):
    file = tmp_path / "net.net"
    file.write_text("256 -> linear 512\nrelu -> linear 1\n")
    from_file, piped = fine("show", str(file)), fine("show", "-", input=file.read_text())
    assert from_file.stdout == piped.stdout
    file.write_text("256 -> lineer 512\n")
    result = run("show", str(file))
    assert result.exit_code == 1 and f"{file}: line 1, column 8" in result.stderr


def test_dtype_weighs_elements():
    for dtype, weight in (("float32", 4), ("float16", 2), ("float64", 8), ("int8", 1)):
        totals = json.loads(fine(*MLP, "--json", "--dtype", dtype).stdout)["totals"]
        assert totals["activation_bytes"] == weight * totals["activations"]
        assert totals["parameter_bytes"] == weight * totals["params"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "256 -> lineer 1"], 1, "did you mean 'linear'"),
        (["show", "resnet5"], 1, "resnet50"),
        (["show", "nets/missing.net"], 1, "no file"),
        (["show", "lenet5", "--set", "H=3"], 1, "H"),
        (["show", "lenet5", "--set", "H"], 2, "NAME=VALUE"),
        (["shwo", "lenet5"], 2, "show"),
        (["mlp", "256"], 1, "at least two widths"),
        (["mlp", "256-512-1", "--activation", "rleu"], 1, "relu"),
        (["layers", "con"], 1, "conv"),
        (["show"], 2, "SPEC"),
    ],
)
def test_mistakes(arguments, code, says):
    result = run(*arguments)
    assert result.exit_code == code and says in result.stderr and not result.stdout


def test_layers():
    rows = fine("layers").stdout.splitlines()
    assert any(row.startswith("Conv2d\tconv ") for row in rows)
    page = fine("layers", "conv2d").stdout
    for text in (
        "kernel_size",
        "dilation",
        "H_out",
        "[out_channels, ",
        "example:",
        "https://docs.pytorch.org",
        "FLOPs",
    ):
        assert text in page
    assert fine("layers", "nn.Conv2d").stdout == page
    assert fine("layers", "conv").stdout.count("example:") > page.count("example:")
    pages = json.loads(fine("layers", "linear", "--json").stdout)
    assert pages[0]["kind"] == "Linear" and pages[0]["formulas"]


def test_every_kinds_page_can_be_printed():
    from netcalc.layers import all_kinds

    for name in all_kinds():
        assert "words:" in fine("layers", name).stdout


def test_specs():
    names = [row.split("\t")[0] for row in fine("specs").stdout.splitlines()[1:]]
    assert {"mlp", "lenet5", "alexnet", "vgg16", "nerf-encoding", "logistic", "softmax-regression"} <= set(names)


def test_version_and_module():
    assert fine("--version").stdout == f"netcalc {__version__}\n"
    done = subprocess.run([sys.executable, "-m", "netcalc", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"netcalc {__version__}\n"


def test_help_names_every_command():
    text = fine("--help").stdout
    for command in COMMANDS:
        assert command in text
        assert "Usage" in fine(command, "--help").stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("show res", "resnet50"),
        ("show lenet", "lenet5"),
        ("layers conv", "conv2d"),
        ("layers Ma", "MaxPool2d"),
        ("sh", "show"),
    ],
)
def test_shell_completion(typed, offered):
    env = {
        "_NETCALC_COMPLETE": "bash_complete",
        "COMP_WORDS": f"netcalc {typed}",
        "COMP_CWORD": str(len(typed.split())),
    }
    result = CliRunner().invoke(main, [], prog_name="netcalc", env=env)
    assert offered in result.output


def test_completion_of_a_kind_inside_a_spec():
    from netcalc.cli.source import complete_spec

    items = [item.value for item in complete_spec(None, None, "3x8x8 -> conv 4 k3 -> max")]
    assert "3x8x8 -> conv 4 k3 -> maxpool" in items
