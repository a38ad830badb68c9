"""The commands on formulas: formula, scale, diff, assert."""

import json
import random
import re
from fractions import Fraction

import pytest
from click.testing import CliRunner

from netcalc.analysis.conditions import conditions_of
from netcalc.analysis.difference import difference
from netcalc.analysis.growth import growth
from netcalc.analysis.report import analyze
from netcalc.analysis.requirement import check
from netcalc.cli.assert_ import assert_
from netcalc.cli.collapse import collapse
from netcalc.cli.connectivity import compare_connectivity
from netcalc.cli.diff import diff
from netcalc.cli.explain import explain
from netcalc.cli.formula import formula
from netcalc.cli.rf import rf
from netcalc.cli.scale import scale
from netcalc.cli.show import mlp, show
from netcalc.dims import substitute
from netcalc.errors import SpecError
from netcalc.spec import elaborate
from netcalc.spec.letters import lettered
from netcalc.spec.shipped import shipped_text


def run(command, *arguments, width=80, code=0):
    result = CliRunner().invoke(command, list(arguments), env={"COLUMNS": str(width)})
    assert result.exit_code == code, result.output
    return result.stdout


def figures(*arguments):
    """The totals of ``netcalc formula`` as a Python function."""
    scope = {}
    exec(run(formula, *arguments, "--format", "python"), scope)
    return next(value for name, value in scope.items() if callable(value))


def test_resnet50():
    text = run(formula, "resnet50", "--in", "H,W")
    assert "14,417,920·⌊(H+31)/32⌋·⌊(W+31)/32⌋" in text and "25,557,032" in text
    found = figures("resnet50", "--in", "H,W")(224, 224)
    assert found["macs"] == 4_089_184_256 and found["params"] == 25_557_032 and found["shape"] == (1000,)


def test_the_square_of_the_length_of_a_transformers_input():
    assert "6,144·T²" in run(formula, "transformer-base", "--in", "T", "--of", "macs")
    assert "S·T" in run(formula, "transformer-base", "--in", "S,T", "--of", "macs").replace("T·S", "S·T")


def test_unets_condition_makes_its_formulas_short():
    text = run(formula, "unet-same", "--in", "H,W,N")
    assert "1,472,122·H·N·W" in text and "holds when" in text and "H divisible by 16, W divisible by 16" in text


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "vgg11", "gpt2", "lstm-classifier", "nerf", "unet-same"])
def test_python_functions_compute_the_reports_figures(name):
    letters = {"gpt2": "T", "lstm-classifier": "T", "nerf": "D"}.get(name, "H,W")
    graph, _ = lettered(shipped_text(name), letters.split(","))
    report = analyze(elaborate(shipped_text(name)))
    sizes = {"gpt2": [1024], "lstm-classifier": [200], "nerf": [3], "lenet5": [32, 32], "unet-same": [256, 256]}
    found = figures(name, "--in", letters)(*sizes.get(name, [224, 224]))
    if len(report.outputs) > 1:
        found["shape"] = found["shape"][report.outputs[-1].name]
    assert {n: found[n] for n in ("params", "macs", "flops", "shape")} == {
        "params": report.params,
        "macs": report.macs,
        "flops": report.flops,
        "shape": report.output_shape,
    }
    assert graph.symbols


def test_layers_add_up_to_the_total():
    rows = json.loads(run(formula, "lenet5", "--in", "H,W", "--per-layer", "--of", "flops", "--json"))["formulas"]
    *layers, total = [eval(str(row["formula"]), {"H": 40, "W": 36}) for row in rows]
    assert sum(layers) == total


@pytest.mark.parametrize("format", ["text", "markdown", "latex", "python", "json"])
def test_formats(format):
    for more in ([], ["--per-layer"], ["--factored"]):
        text = run(formula, "lenet5", "--in", "H,W", "--format", format, *more)
        assert "H" in text and "Expr" not in text
    if format == "latex":
        assert text.count("{") == text.count("}") and r"\item[FLOPs] $" in text


def test_factored():
    assert "4·D·T·(2·D + 1)" in run(formula, "T x D -> linear 4*D -> relu", "--of", "flops", "--factored")


@pytest.mark.parametrize(("of", "says"), [("rf", "14 x 14"), ("shape", "16 x"), ("memory", "bytes"), ("ops", "mul")])
def test_each_figure(of, says):
    assert says in run(formula, "1xHxW -> conv 6 k5 -> avgpool 2 -> conv 16 k5", "--of", of)


def test_strict_and_values():
    result = CliRunner().invoke(formula, ["unet-same", "--in", "H,W", "--strict"])
    assert isinstance(result.exception, SpecError) and result.exception.code == "open-condition"
    run(formula, "unet-same", "--in", "H,W", "--set", "H=64,W=64", "--strict")
    result = CliRunner().invoke(formula, ["unet-same", "--in", "H,W", "--set", "H=100"])
    assert isinstance(result.exception, SpecError) and "dec4.concat1" in result.exception.hint


@pytest.mark.parametrize(
    ("name", "letters", "says"),
    [("seq2seq", "T", "--in source=T"), ("resnet50", "Q", "one of"), ("resnet50", "h", "capital")],
)
def test_letters_that_mean_nothing(name, letters, says):
    result = CliRunner().invoke(formula, [name, "--in", letters])
    assert isinstance(result.exception, SpecError) and says in str(result.exception)


def test_a_stated_size_is_held_against_the_letters():
    graph, _ = lettered("3x32x32 -> conv 4 k3 -> flatten -> Linear(3600, 10)", ["H"])
    assert [str(one) for one in conditions_of(graph)] == ["H = 32"]


def test_growth():
    text = run(scale, "transformer-base", "--in", "T", "--format", "table")
    assert "6,144·T²" in text and "T: 32 → 64" in text
    rows = json.loads(run(scale, "resnet50", "--json"))["growth"]
    both = {row["of"]: row for row in rows if row["doubles"] == ["H", "W"]}
    assert both["macs"]["degree"] == 2 and both["params"]["ratio"] == "1"
    larger = elaborate(shipped_text("resnet50").replace("3x224x224", "3x448x448"))
    assert both["macs"]["after"] == analyze(larger).macs
    symbolic = run(scale, "T x D -> mha 8", "--format", "table")
    assert "→ 4" in symbolic and "T²" in symbolic and "4·(D + T)/(2·D + T)" in symbolic


@pytest.mark.parametrize(
    "spec", ["T x D -> mha 8 -> linear 4*D -> relu", "3xHxW -> conv 8 k3 s2 p1 -> relu -> conv 9 k5 s3"]
)
def test_the_ratio_in_letters_is_the_ratio_of_numbers(spec):
    """Exactly, floors and all: the formula at random sizes against two networks of numbers."""
    graph, rng, compared = elaborate(spec), random.Random(spec), 0
    letters = graph.symbols
    for group in (*((letter,) for letter in letters), letters):
        formulas = growth(analyze(graph), group, {})
        for _ in range(40):
            sizes = {letter: 8 * rng.randint(2, 9) + (letter != "D") * rng.randint(0, 7) for letter in letters}
            twice = {letter: size * (2 if letter in group else 1) for letter, size in sizes.items()}
            one, two = (analyze(elaborate(spec, sizes=given)) for given in (sizes, twice))
            for found in formulas:
                above, below = (substitute(part, sizes) for part in found.quotient)
                assert Fraction(above, below) == Fraction(getattr(two, found.figure), getattr(one, found.figure))
                compared += found.ratio is None
    assert compared > 200


def test_growth_beyond_a_condition_is_said():
    """gpt2 has 1,024 positions: of 2,048 there is the formula alone."""
    assert "T: 1024 → 2048 (beyond T ≤ 1024)" in run(scale, "gpt2", "--format", "table")
    told = json.loads(run(scale, "gpt2", "--in", "T", "--set", "T=512", "--json"))
    assert told["conditions"] == [one["text"] for one in told["requirements"]] == ["T ≤ 1024"]
    rows = told["growth"]
    assert not any("beyond" in row for row in rows) and rows[1]["before"] == analyze(gpt2(512)).macs
    assert rows[1]["after"] == analyze(gpt2(1024)).macs
    with_a_number = run(scale, "3xHxW -> conv 8 k3", "--in", "H", "--set", "H=10", "--format", "markdown")
    assert "9·(W − 1)/(2·(W − 2))" in with_a_number and "→ 4" not in with_a_number


def gpt2(length):
    return elaborate(shipped_text("gpt2"), sizes={"T": length})


def test_a_fraction_in_the_leading_order_is_exact():
    assert "519.5625·x²" in run(scale, "3xHxW -> conv 8 k3 -> maxpool 2 -> conv 9 k3 s2 -> relu", "--format", "table")


def test_differences():
    text = run(diff, "resnet18", "resnet34", "--format", "table")
    assert "layer4.2" in text and "+10,108,160" in text and "68 layers are the same" in text
    found = json.loads(run(diff, "gpt2", "--set-second", "T=512", "--json"))["totals"]
    assert found["activations"]["ratio"] == "1/2" and found["params"]["difference"] == 0
    one, two = (analyze(elaborate(shipped_text(name))) for name in ("vgg11", "vgg16"))
    there, back = difference(one, two), difference(two, one)
    for change, reverse in zip(there.totals, back.totals, strict=True):
        assert change.difference == -reverse.difference == getattr(two, change.figure) - getattr(one, change.figure)
    assert sum(row.flops for row in there.rows) == there.totals[2].difference
    assert not difference(one, one).rows
    assert "kernel_size 5 → 3" in run(diff, "1x9x9 -> conv 2 k5 p2", "1x9x9 -> conv 2 k3 p1", "--format", "table")


def test_differences_in_letters():
    found = json.loads(run(diff, "TxD -> mha 8", "SxE -> mha 4", "--json"))
    assert found["totals"]["macs"]["quotient"] == ["2*E**2*S + E*S**2", "2*D**2*T + D*T**2"]
    assert found["conditions"] == {"first": ["D divisible by 8"], "second": ["E divisible by 4"]}
    table = run(diff, "3x9x9 -> conv 8 k3", "3x9x9 -> conv 16 k5", "--in", "H,W", "--format", "table")
    assert max(map(len, table.splitlines())) <= 80 and "50·(H − 4)·(W − 4)/(9·(H − 2)·(W − 2))" in table
    assert "second holds when H ≥ 5, W ≥ 5" in table
    markdown = run(diff, "T x 64 -> mha 8", "T x 64 -> mha 4 -> linear 8", "--format", "markdown")
    assert "(T + 132)/(T + 128)" in markdown


@pytest.mark.parametrize(
    ("command", "spec", "more"),
    [
        (show, "3x32x32 -> conv 8 k3", ()),
        (mlp, "256-512-1", ()),
        (explain, "3x32x32 -> conv 8 k3", ()),
        (diff, "3x32x32 -> conv 8 k3", ("3x32x32 -> conv 16 k3",)),
        (assert_, "3x32x32 -> conv 8 k3", ("params == 224",)),
        (rf, "3x32x32 -> conv 8 k3", ()),
        (collapse, "32x32 -> linear 8 -> linear 2", ()),
        (compare_connectivity, "3x32x32 -> conv 8 k3", ()),
    ],
)
def test_every_command_takes_letters(command, spec, more):
    """The same sizes as letters give, with numbers put in for them, what the numbers give."""
    letters = "D" if command is mlp else "H,W"
    sizes = "D=256" if command is mlp else "H=32,W=32"
    numbers = run(command, spec, *more)
    assert run(command, spec, *more, "--in", letters, "--set", sizes) == numbers
    if command is not assert_:
        assert run(command, spec, *more, "--in", letters) != numbers


def test_the_batch_as_a_letter():
    spec = "8 -> linear 4"
    assert run(show, spec, "--in", "N", "--json") == run(show, spec, "--batch", "N", "--json")
    assert run(show, spec, "--in", "N", "--set", "N=3", "--json") == run(show, spec, "--batch", "3", "--json")
    for command, more in ((explain, ["--in", "N"]), (show, ["--in", "N", "--batch", "4"])):
        error = CliRunner().invoke(command, [spec, *more]).exception
        assert isinstance(error, SpecError) and "batch" in str(error)


def test_requirements():
    assert run(assert_, "mobilenet_v2", "params < 5e6", "flops <= 1e9", "rf >= 200", "output_shape == 1000") == ""
    failed = run(assert_, "resnet50", "params < 5e6", "flops <= 1e9", "rf >= 200", "output_shape == 10", code=1)
    assert failed.splitlines() == [
        "failed: params < 5e6: params is 25,557,032",
        "failed: flops <= 1e9: flops is 8,228,597,632",
        "failed: output_shape == 10: output_shape is 1000",
    ]


@pytest.mark.parametrize(
    ("requirement", "holds"),
    [
        ("params == 61706", True),
        ("params == 61_706", True),
        ("params/1e3 < 61.8", True),
        ("flops == 2*macs + tanh + pool1.flops + pool2.flops", True),
        ("conv1.output_shape == 6x28x28", True),
        ("conv1.output_shape != 6x28x27", True),
        ("output_shape == 3x4", False),
        ("rf <= 32", True),
        ("rf == 32x32", True),
        ("memory < 1Mi", True),
        ("params < 60.3Ki", True),
        ("params*4 <= 241.1Ki", True),
        ("-(1 + 2)*3 == -9", True),
        ("7 // 2 == 3", True),
        ("7 / 2 == 3.5", True),
        ("layers >= 12", True),
        ("exp == 0", True),
    ],
)
def test_the_grammar_of_requirements(requirement, holds):
    assert check(analyze(elaborate(shipped_text("lenet5"))), requirement).holds is holds


@pytest.mark.parametrize(
    "requirement",
    [
        "", "params", "params <", "< 3", "params = 3", "params < 3 < 4", "parms < 3", "conv9.params < 3", "(params < 3",
        "params < 3)", "params < 1/0", "output_shape + 1 < 3", "__import__('os')", "params < 2**9**9",
        "params.__class__ < 3",
        "1e9999 < 3", "((((((" * 60 + "1", "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_requirement(requirement):
    with pytest.raises(SpecError):
        check(analyze(elaborate("8 -> linear 4")), requirement)


def test_requirements_on_letters_may_stay_open():
    report = analyze(elaborate("T x 8 -> linear 4"))
    assert check(report, "flops >= 64").holds is True and check(report, "flops >= 65").holds is None
    assert "open" in run(assert_, "T x 8 -> linear 4", "flops >= 65", code=1)


@pytest.mark.parametrize("relation", ["<", "<=", "==", ">=", ">"])
def test_requirements_on_letters_are_solved(relation):
    """Held against every size up to 60: always, never, or just where it says."""
    report = analyze(elaborate("3xHxH -> conv 4 k3 s2 -> relu"))
    sizes = {size: analyze(elaborate(f"3x{size}x{size} -> conv 4 k3 s2 -> relu")) for size in range(3, 61)}
    answers = set()
    for bound in (0, 219, 220, 1980, 5000, 5000.5, 10**9):
        found = check(report, f"flops {relation} {bound}")
        truth = {size for size, one in sizes.items() if check(one, f"flops {relation} {bound}").holds}
        answers.add(found.holds)
        if found.holds is None:
            assert re.fullmatch(r"H ≥ \d+|\d+ ≤ H ≤ \d+", found.when), found
            low, *high = map(int, re.findall(r"\d+", found.when))
            assert truth == {x for x in sizes if low <= x <= (high[0] if high else x)}, (bound, found)
        else:
            assert truth == (set(sizes) if found.holds else set()), (bound, found)
    assert answers == {None, relation.startswith(">")}


def test_a_printed_shape_can_be_pasted_into_a_spec():
    from netcalc.report.rows import exact_rows
    from netcalc.spec.shipped import shipped_names

    read = 0
    for name in shipped_names():
        try:
            graph, _ = lettered(shipped_text(name), ["H", "W"])
        except SpecError:  # no picture, or a square one
            continue
        report = analyze(graph)
        printed = {row[2]: layer.output_shape for layer, row in zip(report.layers, exact_rows(report))}
        for text, shape in printed.items():
            if text == "scalar" or "max(" in text or "min(" in text:  # which a spec has no words for
                continue
            assert analyze(elaborate(f"{text} -> relu")).output_shape == shape, (name, text)
            read += "(" in text
    assert read > 50


@pytest.mark.parametrize(
    "spec",
    [
        "2xH -> conv 3 k3 s2 p=P",
        "2xH -> conv 3 k=K p=P -> maxpool 3 s2 p=Q",
        "2xH -> convtranspose 3 k3 s2 p=P output_padding=1",
        "2xH -> convtranspose 3 k=K s3 p=P output_padding=O",
        "2xHx4 -> ConstantPad2d((P, Q, P, 0), 0) -> avgpool 2 p=O",
        "2xHx4 -> Conv2d(2, 3, 3, padding=(P, Q)) -> maxpool 2",
    ],
)
def test_a_letter_that_is_a_padding_may_be_0(spec):
    """0 is what torch pads by default: figures, shapes and legality in letters are those of numbers from it on."""
    report = analyze(elaborate(spec))
    letters = report.graph.symbols
    legal = 0
    for n in range(300):
        sizes = {name: random.Random(f"{n} {name}").randint(name in "HK", 4) for name in letters}
        allowed = all(one.test(sizes) for one in report.requirements)
        text = spec
        for name, size in sizes.items():
            text = re.sub(rf"(?<![a-wyz]){name}(?![a-wyz])", str(size), text)
        try:
            plain = analyze(elaborate(text))
        except SpecError:
            assert not allowed, text
            continue
        assert allowed, text
        legal += 1
        for figure in ("flops", "macs", "params", "activations"):
            assert substitute(getattr(report, figure), sizes) == getattr(plain, figure), (figure, text)
        for mine, other in zip(report.layers, plain.layers, strict=True):
            assert tuple(substitute(size, sizes) for size in mine.output_shape) == other.output_shape
    assert legal > 20


def test_what_a_padding_letter_may_be_is_found_from_0_on():
    found = {
        spec: analyze(elaborate(spec)).conditions
        for spec in ("3x32x32 -> maxpool 3 s2 p=P", "P in 0..9\n3x4x4 -> conv 8 k7 p=P")
    }
    assert [*found.values()] == [("P ≤ 1",), ("P ≤ 9", "P ≥ 2")]
    report = analyze(elaborate("3x8x8 -> conv 8 k3 p=P"))
    assert check(report, "output_shape == 8x6x6").when == "P = 0"
    for pad in (0, 3):
        graph, _ = lettered(f"pad = {pad}\n3x8x8 -> conv 8 k3 p=pad", ["pad"])
        assert substitute(analyze(graph).flops, {"pad": 0}) == analyze(elaborate("3x8x8 -> conv 8 k3")).flops
