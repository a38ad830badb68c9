"""Conditions that are no sums: powers of a letter, after flatten or reshape, solved through the public doors."""

import pytest
from click.testing import CliRunner

import netcalc
from netcalc.cli import main
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
