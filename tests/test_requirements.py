"""Conditions that are no sums: powers of a letter, after flatten or reshape, solved through the public doors."""

import json

import pytest
from click.testing import CliRunner

import netcalc
from netcalc.analysis.report import analyze_on_domain
from netcalc.cli import main
from netcalc.dims import substitute
from netcalc.errors import SpecError
from netcalc.spec import elaborate

SOLVED = {
    "1xHxH -> flatten -> Linear(64, 10)": ("H = 8",),
    "HxHxH -> flatten -> Linear(512, 10)": ("H = 8",),
    "3xHxH -> conv 8 k3 -> flatten -> Linear(128, 10)": ("H = 6",),
    "3xHxH -> conv 8 k3 s2 -> flatten -> Linear(128, 10)": ("H ≥ 9", "H ≤ 10"),
    "1xHxH -> flatten -> reshape (4, -1)": ("H divisible by 2",),
    "1xHxH -> flatten -> reshape (12, -1)": ("H divisible by 6",),
    "1xHxH -> flatten -> unflatten 1 (9, -1)": ("H divisible by 3",),
    "1xHxH -> maxpool 2 -> flatten -> reshape (4, -1)": ("H mod 4 is 0 or 1", "H ≥ 4"),
    "1xHxH -> flatten -> unflatten 1 (1, -1) -> conv 4 k50": ("H ≥ 8",),
    "1xHxH -> flatten -> slice 0 0 50": ("H ≥ 8",),
    "1xHxH -> flatten -> unflatten 1 (H, H)": (),
}


@pytest.mark.parametrize("spec", SOLVED)
def test_powers_of_a_letter(spec):
    """Solved in words; and for every size the network can be built if and only if its conditions hold."""
    assert netcalc.analyze(spec).conditions == SOLVED[spec]
    conditions = netcalc.analysis.conditions.conditions_of(elaborate(spec))
    for size in range(1, 61):
        try:
            elaborate(spec.replace("H", str(size)))
            built = True
        except SpecError:
            built = False
        assert built == all(one.holds(H=size) for one in conditions), size


def test_two_letters_stay_as_they_are_unless_one_is_known():
    assert netcalc.analyze("1xHxW -> flatten -> Linear(64, 10)").conditions == ("H·W = 64",)
    sliced = "1xHxW -> slice 1 0 8 -> flatten -> Linear(64, 10)"
    assert netcalc.analyze(sliced).conditions == ("H ≥ 8", "W = 8")
    both = """
    input a: 1xHxH
    flatten -> Linear(64, 10) as one
    input b: 1xHxW
    flatten -> Linear(24, 10) as other
    add one other
    """
    assert netcalc.analyze(both).conditions == ("H = 8", "W = 3")


def test_show_says_the_value():
    result = CliRunner().invoke(main, ["show", "1xHxH -> flatten -> Linear(64, 10)"])
    assert result.exit_code == 0 and result.output.endswith("holds when: H = 8\n")


def test_no_size_will_do():
    """63 is no square: an error at the layer that wants it, with the size that it would have to be."""
    spec = "1xHxH -> flatten -> Linear(63, 10)"
    with pytest.raises(SpecError) as error:
        netcalc.analysis.conditions.conditions_of(elaborate(spec))
    assert error.value.code == "shape-mismatch" and error.value.span.of(spec) == "Linear(63, 10)"
    assert error.value.message == "in_features is 63, but must be H²" and error.value.hint == "no value of H will do"
    result = CliRunner().invoke(main, ["show", spec])
    assert result.exit_code != 0 and "no value of H will do" in result.output


def run(*arguments, code=0):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_show_and_formula_simplify_by_the_conditions():
    """H divisible by 16 leaves no floor of H, and C = 64 no letter C, in the table and in the formulas."""
    for command in ("show", "formula"):
        shown = run(command, "unet-same", "--in", "H,W")
        assert "⌊" not in shown
        assert "H divisible by 16, W divisible by 16" in shown
        shown = run(command, "CxHxW -> Conv2d(64, 8, 3)")
        assert "C = 64, H ≥ 3, W ≥ 3" in shown and "C·" not in shown
    assert "H = 32, W = 32" in run("show", "denoising-unet", "--in", "H,W")
    assert "def net(C, H, W):" in run("formula", "CxHxW -> Conv2d(64, 8, 3)", "--format", "python")


def test_the_report_on_the_domain_agrees_with_numbers():
    """Every figure of every layer, where the conditions hold, is that of the network with numbers."""
    text = "3xHxW -> conv 8 k3 p1 as top -> maxpool 2 -> conv 8 k3 p1 -> upsample scale_factor=2 -> concat top"
    report = analyze_on_domain(elaborate(text))
    for h, w in ((2, 2), (8, 6), (30, 44)):
        numbers = netcalc.analyze(text.replace("H", str(h)).replace("W", str(w)))
        for layer, known in zip(report.layers, numbers.layers, strict=True):
            for figure in ("params", "macs", "flops", "activations"):
                assert substitute(getattr(layer, figure), {"H": h, "W": w}) == getattr(known, figure)
            assert tuple(substitute(size, {"H": h, "W": w}) for size in layer.output_shape) == known.output_shape


def test_declared_letters_are_stated_and_are_no_open_condition():
    spec = "H in 32..1024\nH % 32 == 0\n3xHxH -> maxpool 2"
    declared = "H in 32..1024, H divisible by 32"
    assert netcalc.analyze(spec).conditions == tuple(declared.split(", "))
    for format in ("table", "plain", "markdown"):
        assert declared in run("show", spec, "--format", format)
    assert json.loads(run("show", spec, "--json"))["conditions"] == declared.split(", ")
    run("show", spec, "--strict")
    run("formula", spec, "--strict")
    assert "H ≥ 96" in run("show", f"{spec} -> conv 4 k40", "--strict", code=1)
