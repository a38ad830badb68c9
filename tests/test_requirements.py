"""Conditions that are no sums: powers of a letter, after flatten or reshape, solved through the public doors."""

import json
import re
from itertools import product as grid

import pytest
from click.testing import CliRunner
from test_explain import ARTICLE, complaints, needs_tex

import netcalc
from netcalc.analysis.report import analyze_on_domain
from netcalc.analysis.requirement import check
from netcalc.cli import main
from netcalc.dims import substitute, text
from netcalc.errors import SpecError
from netcalc.spec import elaborate
from netcalc.spec.shipped import shipped_text

SOLVED = {
    "1xHxH -> flatten -> Linear(64, 10)": ("H = 8",),
    "HxHxH -> flatten -> Linear(512, 10)": ("H = 8",),
    "3xHxH -> conv 8 k3 -> flatten -> Linear(128, 10)": ("H = 6",),
    "3xHxH -> conv 8 k3 s2 -> flatten -> Linear(128, 10)": ("9 ≤ H ≤ 10",),
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


# ---------------------------------------------------------------- the batch


def test_what_is_refused_of_one_sample_alone():
    """torch counts the values of a group over the batch."""
    spec = "32xHxW -> groupnorm 32"
    assert netcalc.analyze(spec).conditions == ("H·W ≥ 2",)
    assert netcalc.analyze(spec, batch="N").conditions == ("H·N·W ≥ 2",)
    assert netcalc.analyze(spec, batch=2).conditions == ()
    assert netcalc.analyze(spec, batch="N", H=1, W=1).conditions == ("N ≥ 2",)
    one = "32x1x1 -> groupnorm 32"
    assert "holds when: N ≥ 2" in run("show", one, "--batch", "N")
    assert "2x32x1x1" in run("show", one, "--batch", "2") and "2x32x1x1" in run(
        "show", one, "--in", "N", "--set", "N=2"
    )
    for more in ((), ("--batch", "1"), ("--in", "N", "--set", "N=1"), ("--batch", "N", "--set", "N=1")):
        assert "over a batch of 1 is 1, but must be at least 2" in run("show", one, *more, code=1)
    run("show", one, "--batch", "N", "--strict", code=1)
    graph = netcalc.parse(spec)
    assert netcalc.analyze(graph, batch=2, H=1, W=1).output_shape == (2, 32, 1, 1)
    with pytest.raises(SpecError, match="batch of 1"):
        netcalc.analyze(netcalc.analyze(graph, batch=2, H=1, W=1).graph)


def test_one_letter_is_not_both_the_batch_and_a_size():
    for spec, more in (("NxD -> linear 10", ()), ("NxD -> linear 10", ("--set", "N=4")), ("N = 4\nNx8 -> relu", ())):
        assert "both the batch and a size" in run("show", spec, "--batch", "N", *more, code=1)
    with pytest.raises(SpecError, match="--batch B"):
        netcalc.analyze("NxD -> linear 10", batch="N")
    assert "Bx4xD" in run("show", "NxD -> relu", "--batch", "B", "--set", "N=4")


def test_the_letter_of_the_batch_can_be_set():
    spec = ("formula", "TxD -> linear 10")
    four = run(*spec, "--batch", "4")
    for more in (("--batch", "N"), ("--in", "N"), ("--in", "N", "--batch", "N")):
        assert run(*spec, *more, "--set", "N=4") == four


# ---------------------------------------------------------------- letters in requirements


NET = "H % 2 == 0\n3xHxW -> conv 8 k3 p1 as first -> maxpool 2 as trunk.pool -> relu as trunk.relu"


@pytest.mark.parametrize(
    "requirement, code, says",
    [
        ("output_shape == 8x(H//2)x(W//2)", 0, "1 of 1 hold for all H, W"),
        ("output_shape == [8, H//2, W//2]", 0, ""),
        ("output_shape == (8, H//2, W//2,)", 0, ""),
        ("2*8xHxW == first.output_shape", 2, "a shape does not take *"),
        ("first.output_shape == 8xHxW", 0, ""),
        ("first.macs == 216*H*W", 0, ""),
        ("first.macs + H > 216*H*W", 0, ""),
        ("first.macs == 216*H*H", 1, "open"),
        ("first.macs <= 216*W*64", 1, "holds when H ≤ 64"),
        ("output_shape == 8x16x(W//2)", 1, "holds when H = 32"),
        ("output_shape == 8xHxW", 1, "is 8xH/2x⌊W/2⌋"),
        ("output_shape == [8]", 1, "failed"),
        ("output_shape == 8xKxW", 2, "no size of this network is called 'K'"),
        ("output_shape == 8xhxw", 2, "shapes are written 8xHx(W//2)"),
        ("output_shape == [8, 2.5, 1]", 2, "2.5 is no size"),
        ("output_shape == [[8], 1]", 2, "8 is no size"),
        ("output_shape == [8, H", 2, "ends too early"),
        ("output_shape == (8, H]", 2, "not closed"),
        ("H >= 2", 0, ""),
        ("trunk.flops == 8*(H//2)*(W//2) + 24*(H//2)*(W//2)", 0, ""),
        ("trunk.activations == 16*(H//2)*(W//2)", 0, ""),
        ("trunk.max == trunk.flops", 0, ""),
        ("trunk.output_shape == output_shape", 0, ""),
        ("H == 7", 1, "failed: H == 7: the network holds only when H divisible by 2"),
        ("W == 1", 1, "failed: W == 1: the network holds only when W ≥ 2"),
        ("output_shape == 8x(H//2)x0", 1, "failed"),
        ("W == 0", 1, "failed: W == 0: no value of W does"),
        ("trnk.flops > 0", 2, "did you mean 'trunk.flops'"),
    ],
)
def test_letters_and_blocks_in_requirements(requirement, code, says):
    assert says in run("assert", NET, requirement, code=code)


def _is_true(condition, sizes):
    """Words on letters, as they are printed, decided by Python."""
    words = str.maketrans({"·": "*", "−": "-", "≥": ">=", "≤": "<=", "²": "**2", "³": "**3"})
    size, _, unit = condition.translate(words).replace(" = ", " == ").partition(" divisible by ")
    while "⌊" in size:
        size = re.sub(r"⌊([^⌊⌋]*)/(\d+)⌋", r"((\1)//\2)", size)
    return eval(f"({size}) % ({unit}) == 0" if unit else size, {}, dict(sizes))


@pytest.mark.parametrize(
    "spec, requirement",
    [
        ("3xHxW -> conv 8 k3 s2 -> conv 8 k3", "output_shape == 8x(W//4)x(H//4)"),
        ("3xHxW -> conv 8 k3 s2 -> conv 8 k3", "conv1.macs <= 216*H*2"),
        ("3xHxW -> conv 8 k3 s2 -> conv 8 k3", "conv1.macs >= conv2.macs"),
        ("3xHxW -> conv 8 k3 s2 -> conv 8 k3", "macs > 9k"),
        ("1xHxW -> maxpool 2 -> upsample scale_factor=2", "H*W <= 100"),
        ("1xHxW -> relu as a -> maxpool 4 -> upsample scale_factor=4 -> concat a", "output_shape == 2xWxH"),
        ("HxW -> linear H -> linear 3", "params <= 5·W²"),
        ("HxW -> linear H", "H == 2*W"),
        ("HxW -> mha 2", "flops <= 64*H**2*W"),
        ("HxW -> mha 2", "flops < 6400"),
        ("HxW -> linear 3", "W <= ⌊(H+1)/2⌋"),
    ],
)
def test_for_which_sizes_a_requirement_on_two_letters_holds(spec, requirement):
    """What is said of the letters is true for just those sizes with which it holds as numbers."""
    said = check(netcalc.analyze(spec), requirement)
    assert said.holds is None and said.when
    answers = set()
    for sizes in ({"H": h, "W": w} for h in range(1, 15) for w in range(1, 15)):
        try:
            report = netcalc.analyze(spec, **sizes)
        except netcalc.SpecError:
            continue  # the network itself is none
        asked = requirement.translate(str.maketrans({name: str(size) for name, size in sizes.items()}))
        answers.add(holds := check(report, asked).holds)
        assert holds == all(_is_true(one, sizes) for one in said.when.split(", ")), sizes
    assert answers == {True, False}


@pytest.mark.parametrize(
    "figure, power",
    [
        ("T**2", 2),
        ("T^2", 2),
        ("T²", 2),
        ("(T+1)² - 2*T - 1", 2),
        ("-(-T**3)", 3),
        ("T⁹", 9),
        ("T**1", 1),
        ("T*T**2", 3),
    ],
)
def test_powers_in_requirements(figure, power):
    """As a formula is printed, and as Python has it; also of numbers."""
    report = netcalc.analyze("T x 8 -> linear 4")
    product = "*".join(["T"] * power)
    assert check(report, f"{figure} == {product}").holds and not check(report, f"{figure} == {product} + 1").holds
    numbers = figure.replace("T", "5")
    assert check(report, f"{numbers} == {5**power}").holds and not check(report, f"{numbers} != {5**power}").holds


def test_a_power_of_many_terms_is_refused():
    assert "more than 1000 terms" in run("assert", "unet-same", "--in", "H,W", "flops**9 < 5", code=2)
    run("assert", "unet-same", "--in", "H,W", "params**9 > 5", "H**9 > 5")


def test_what_is_said_of_long_formulas_stays_short():
    for words, spec in (("flops is a formula", "resnet50"), ("open", "unet-same")):
        found = CliRunner().invoke(main, ("assert", spec, "--in", "H,W", "flops <= 100G")).stdout
        assert words in found and len(found) < 500


def test_a_formula_is_required_as_it_is_printed():
    for spec in ("T x 8 -> mha 2", "3xHxW -> conv 8 k3 s2 p1 -> maxpool 2", "T x 8 -> linear T -> softmax dim=-1"):
        report = netcalc.analyze(spec)
        for written in (text(report.flops), str(report.flops)):
            assert check(report, f"flops == {written}").holds, written
            assert check(report, f"flops < {written}").holds is False, written


@pytest.mark.parametrize(
    "requirement, says",
    [
        ("flops < (T²)²", "multiply it out"),
        ("flops < T**10", "from 0 to 9"),
        ("flops < 2**65", "from 0 to 64"),
        ("flops < 2**T", "'T' is no power"),
        ("flops < 2**1.5", "'1.5' is no power"),
        ("params < 1e999 * 1e999", "more than 4096 bits"),
        ("flops < ⌊T+1⌋", "a floor is of one quotient"),
        ("flops < ⌊T/0⌋", "divides by zero"),
        ("output_shape**2 == 1", "a shape does not take a power"),
        ("FLOPs < 1G", "did you mean 'flops'?"),
        ("MACs < 1G", "did you mean 'macs'?"),
        ("memory < 50MB", "no unit here: 50M, or 50Mi"),
        ("memory < 50MiB", "no unit here: 50Mi"),
        ("params < 1B", "or 1G for a billion"),
        ("params =< 5e6", "write <="),
        ("params => 5e6", "write >="),
        ("params = 5e6", "equality is written =="),
        ("parameters == 224", "did you mean 'params'?"),
        ("linear1.parameters == 224", "did you mean 'linear1.params'?"),
    ],
)
def test_what_a_requirement_is_told(requirement, says):
    assert says in run("assert", "Tx8 -> linear 4", requirement, code=2)


def test_the_batch_in_requirements():
    run("assert", NET, "output_shape == Nx8x(H//2)x(W//2)", "first.macs == 216*N*H*W", "--batch", "N")
    assert "holds when N ≤ 4" in run("assert", NET, "first.macs <= 864*H*W", "--batch", "N", code=1)


@pytest.mark.parametrize("name", ["resnet18", "unet-same"])
def test_figures_of_blocks_add_up(name):
    """Of each block, at any depth, a requirement takes the sum of its layers' figures."""
    report = netcalc.analyze(shipped_text(name))
    blocks = {one.name[:dot] for one in report.layers for dot, sign in enumerate(one.name) if sign == "."}
    assert blocks
    for block in blocks:
        inside = [one for one in report.layers if one.name.startswith(f"{block}.")]
        params, flops = (sum(getattr(one, figure) for one in inside) for figure in ("own_params", "flops"))
        requirements = (f"{block}.params == {params}", f"{block}.flops == {flops}", f"{block}.flops != {flops + 1}")
        assert all(check(report, one).holds for one in requirements)


@pytest.mark.parametrize(
    "declared, says",
    [("H % 0 == 0", "H cannot be a multiple of 0"), ("H in 5..3", "H in 3..5")],
)
def test_what_cannot_be_declared(declared, says):
    assert says in run("show", f"{declared}\n3xHxH -> relu", code=1)


# ---------------------------------------------------------------- growth and differences


def test_growth_from_sizes_that_are_set():
    """Letters that all have a value double from it, as with --in."""
    for spec in ("3xHxW -> conv 8 k3", "H = 8\nW = 8\n3xHxW -> conv 8 k3"):
        values = ("--set", "H=32,W=32")
        found = run("scale", spec, *values)
        assert "H, W: 32 → 64" in found and found == run("scale", spec, "--in", "H,W", *values)
    assert "T: 10 → 20" in run("scale", "TxD -> linear 4", "--set", "T=10,D=64")
    assert "no size" in run("scale", "1x2x3x4x5 -> relu", code=1)


def test_totals_alone_in_every_format():
    for format in ("table", "plain", "markdown", "json"):
        found = run("diff", "resnet18", "resnet34", "--totals", "--format", format)
        assert "layer3" not in found and "the same" not in found
    assert list(json.loads(found)) == ["netcalc", "schema", "totals", "uncounted", "conditions", "requirements"]


@needs_tex
@pytest.mark.parametrize(
    "arguments",
    [
        ("resnet18", "resnet34", "--totals"),
        ("3xHxW -> conv 8 k3 -> maxpool 2", "3xHxW -> conv 16 k5 p=1 -> relu"),
        ("resnet50", "resnet18", "--in", "H,W"),
        ("gpt2", "--set-second", "T=512"),
        ("CxL -> convtranspose 4 k=K s=S dilation=2", "CxL -> relu"),
    ],
)
def test_differences_in_latex(arguments, tmp_path):
    found = run("diff", *arguments, "--format", "latex")
    assert not complaints(found, tmp_path)
    part = run("diff", *arguments, "--format", "latex", "--fragment")
    assert part in found and not complaints(ARTICLE % part, tmp_path)


def test_the_latex_of_a_difference_has_its_figures():
    found = run("diff", "3xHxW -> conv 8 k3", "3xHxW -> conv 16 k3", "--totals", "--format", "latex", "--fragment")
    for figure in (r"\displaystyle 224$ $\to$ $\displaystyle 448$, difference +224, ratio", r"216\,H\,W", r"432\,H\,W"):
        assert figure in found


SIMPLER = {
    "TxD -> mul { linear A | linear B }": ("max", "⌊"),
    "TxD -> add { linear A | linear B } -> linear 4*D": ("max", "B·"),
    "CxHxW -> conv 64 k3 g=G": ("⌊",),
    "CxHxW -> pixelshuffle R": ("⌊",),
    "CxHxW -> groupnorm G": ("⌊",),
    "TxD -> linear D%2": ("⌊",),
    "3xHxW -> conv 4 k3 s2 -> convtranspose 4 k3 s2 -> flatten -> Linear(4*H*W, 2)": ("⌊",),
    "3xHxW -> conv 4 k3 as top -> maxpool 2 -> maxpool 2 -> upsample scale_factor=4 -> concat top": ("⌊",),
}


@pytest.mark.parametrize("spec", SIMPLER)
def test_figures_are_simplified_by_what_conditions_say(spec):
    """No floor or maximum that a condition settles is left; brute force: each figure is that of the numbers."""
    graph = elaborate(spec)
    report = analyze_on_domain(graph)
    shown = run("formula", spec, "--of", "params", "--of", "flops", "--of", "shape")
    figures = shown.split("holds when")[0]
    assert not any(word in figures for word in SIMPLER[spec]), shown
    tried = 0
    for case in grid(range(1, 13), repeat=len(graph.symbols)):
        numbers = dict(zip(graph.symbols, case, strict=True))
        if not all(one.test(numbers) for one in report.requirements) or tried > 60:
            continue
        tried += 1
        known = netcalc.analyze(graph.substitute(numbers))
        for figure in ("params", "macs", "flops", "activations"):
            assert substitute(getattr(report, figure), numbers) == getattr(known, figure)
        assert tuple(substitute(size, numbers) for size in report.output_shape) == known.output_shape
    assert tried > 3


def test_an_offset_of_a_letter_leaves_no_floor():
    """H + 4 divisible by 16: the U-Net without padding reads as the one with it."""
    assert "⌊" not in run("formula", "unet", "--in", "H,W")
