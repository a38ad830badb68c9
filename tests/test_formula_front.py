"""What the commands on formulas must never keep silent: what is uncounted, assumed, missing or left out."""

import json

import pytest
from click.testing import CliRunner

from netcalc.cli import main
from netcalc.spec import elaborate

POOL = "3xHxW -> adaptivemaxpool A"
SPREAD = "CxL -> convtranspose 4 k=K s=S dilation=2"
DECLARED = "H in 32..1024\nH % 32 == 0\n3xHxH -> maxpool 2"


def run(*arguments, code=0, input=None):
    result = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80"}, input=input)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("spec", [POOL, SPREAD])
@pytest.mark.parametrize("figure", ["flops", "ops"])
@pytest.mark.parametrize(("format", "mark"), [("text", "≥ "), ("markdown", "≥ "), ("latex", "at least")])
def test_a_lower_bound_is_marked(spec, figure, format, mark):
    text = run("formula", spec, "--of", figure, "--format", format).stdout
    assert mark in text and "ncounted" in text.replace("Not counted", "uncounted") and "1: " in text


@pytest.mark.parametrize("spec", [POOL, SPREAD])
def test_a_lower_bound_for_programs(spec):
    text = run("formula", spec, "--of", "flops", "--of", "params", "--format", "python").stdout
    compile(text, "function", "exec")
    assert "# at least" in text and "not counted" in text
    found = json.loads(run("formula", spec, "--of", "flops", "--of", "params", "--json").stdout)
    assert found["lower_bound"] is True and len(found["uncounted"]) == 1
    assert [row.get("lower_bound", False) for row in found["formulas"]] == [True, False]
    exact = json.loads(run("formula", spec, "--of", "params", "--json").stdout)
    assert exact["lower_bound"] is False and not exact["uncounted"]


def test_strict_fails_on_what_is_uncounted():
    assert "adaptivemaxpool1" in run("formula", POOL, "--strict", code=1).stderr
    run("formula", POOL, "--strict", "--of", "params")


def test_growth_and_difference_of_lower_bounds():
    assert "not known" in run("scale", POOL, "--format", "table").stdout
    flops = [row for row in json.loads(run("scale", POOL, "--json").stdout) if row["of"] == "flops"]
    assert all(row["lower_bound"] and row["uncounted"] and row["ratio"] is None for row in flops)
    for format in ("table", "markdown", "plain"):
        result = run("diff", POOL, "3xHxW -> maxpool 2", "--format", format)
        assert "≥ 0" in result.stdout and "uncounted" in result.output
    totals = json.loads(run("diff", POOL, "3xHxW -> maxpool 2", "--json").stdout)["totals"]
    assert totals["flops"]["difference"] is None and totals["flops"]["lower_bound"] == [True, False]


@pytest.mark.parametrize(
    "requirement",
    ["flops <= 100", "flops == 0", "max <= 1", "adaptivemaxpool1.flops < 5", "flops/1e9 <= 1", "100 - flops >= 0"],
)
def test_a_lower_bound_is_no_proof(requirement):
    out = run("assert", POOL, requirement, code=1).stdout
    assert out.startswith("failed: ") and "adaptivemaxpool1: " in out and "at least" in out


def test_what_a_lower_bound_does_prove():
    run("assert", POOL, "flops >= 0", "params == 0", "2*flops + 1 > 0", "macs == 0")


@pytest.mark.parametrize("requirement", ["flop < 1", "flops <", "flops = 1", "1/0 < 2"])
def test_a_malformed_requirement_is_a_usage_error(requirement):
    run("assert", "8 -> linear 4", requirement, code=2)


def test_short_form_of_perceptrons():
    assert "C·H + D·H" in run("formula", "mlp D-H-C", "--in", "D", "--of", "macs").stdout
    assert "132,097" in run("show", "mlp 256-512-1").output
    run("explain", "mlp 256-512-1", "linear1")
    assert "no size" in run("formula", "mlp D-H-C", "--in", "Q", code=1).stderr


def test_letters_where_there_are_no_inputs():
    result = run("formula", "linear 4", "--in", "H", code=1)
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("command", ["formula", "show", "diff"])
def test_no_batch_of_none(command):
    assert "at least 1" in run(command, "lenet5", "--batch", "0", code=1).stderr


@pytest.mark.parametrize("letters", ["T,D", "D,T"])
def test_one_size_takes_one_letter(letters):
    error = run("formula", "gpt2", "--in", letters, code=1).stderr
    assert "T and D would both be axis 0" in error and "input.0" in error


def test_a_constant_in_small_letters_is_left_free():
    assert "144·d²" in run("formula", "gpt2", "--in", "d", "--of", "params").stdout
    assert "the constant d" in run("formula", "gpt2", "--in", "h", code=1).stderr


def test_functions_are_never_called_by_a_keyword(tmp_path):
    path = tmp_path / "class.net"
    path.write_text("3xHxW -> conv 4 k3")
    text = run("formula", str(path), "--format", "python").stdout
    compile(text, "function", "exec")
    assert "def class_(H, W):" in text


def test_every_output_has_its_shape():
    spec = "8 -> linear 4 as a\nfrom a\nlinear 3 as b\nfrom a\nlinear 2 as c\noutput b, c"
    assert len(elaborate(spec).outputs) == 2
    assert run("formula", spec, "--of", "shape").stdout.splitlines()[1:] == ["output of b  3", "output of c  2"]
    rows = json.loads(run("formula", spec, "--of", "shape", "--json").stdout)["formulas"]
    assert [(row["output"], row["formula"]) for row in rows] == [("b", [3]), ("c", [2])]
    scope = {}
    exec(run("formula", spec, "--of", "shape", "--format", "python").stdout, scope)
    assert next(f for f in scope.values() if callable(f))() == {"shape": {"b": (3,), "c": (2,)}}


@pytest.mark.parametrize(
    "spec",
    [
        "3xHxW -> adaptiveavgpool 7 -> maxpool 2 -> flatten -> linear 10",
        "CxHxW -> upsample size=12 mode=bilinear",
        SPREAD,
    ],
)
def test_why_there_is_no_receptive_field(spec):
    lines = run("formula", spec, "--of", "rf").stdout.splitlines()
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    assert "receptive field no closed form in these letters (" in text and "1: " in text
    for format in ("latex", "markdown"):
        assert "no closed form in these letters" in run("formula", spec, "--of", "rf", "--format", format).stdout
    [row] = json.loads(run("formula", spec, "--of", "rf", "--json").stdout)["formulas"]
    assert row["formula"] is None and row["missing"]
    compile(run("formula", spec, "--of", "rf", "--format", "python").stdout, "function", "exec")


def test_every_command_states_the_conditions():
    """As rows, the conditions go to standard error with the other notes; in JSON they are data."""
    spec = "3xHxW -> conv 8 k7 s2"
    for arguments in (("rf", spec), ("show", spec, "--format", "csv"), ("show", spec, "--format", "plain")):
        found = run(*arguments)
        assert "holds when: H ≥ 7, W ≥ 7\n" in found.stderr and "≥" not in found.stdout
    for net, conditions in ((spec, ["H ≥ 7", "W ≥ 7"]), ("TxD -> mha A", ["D divisible by A"]), ("lenet5", [])):
        assert [one["text"] for one in json.loads(run("rf", net, "--json").stdout)["conditions"]] == conditions
    assert "holds when" not in run("rf", "lenet5").stderr


@pytest.mark.parametrize("format", ["text", "markdown", "python", "json", "latex"])
def test_declarations_are_stated(format):
    text = run("formula", "-", "--strict", "--format", format, input=DECLARED).stdout
    assert "32..1024" in text and ("divisible by 32" in text or r"32 \mid H" in text)


def test_declarations_are_stated_by_scale():
    assert "H in 32..1024, H divisible by 32" in run("scale", "-", input=DECLARED).stderr


@pytest.mark.parametrize("command", ["formula", "show", "scale"])
def test_contradictory_conditions_are_an_error(command):
    result = run(command, "TxD -> mha A kdim=16 vdim=8", code=1)
    assert "no value of D will do" in result.stderr and "mha1" in result.stderr and not result.stdout
