"""What the commands on formulas must never keep silent: what is uncounted, assumed, missing or left out."""

import json
import random
import re

import pytest
from click.testing import CliRunner

import netcalc
from netcalc.analysis.growth import growth
from netcalc.analysis.report import analyze
from netcalc.cli import main
from netcalc.dims import evaluate, symbol
from netcalc.errors import SpecError
from netcalc.layers.transposed import overlaps
from netcalc.spec import elaborate

POOL = "3xHxW -> adaptivemaxpool A"
SPREAD = "CxL -> convtranspose 4 k=K s=S dilation=2"
DECLARED = "H in 32..1024\nH % 32 == 0\n3xHxH -> maxpool 2"


def run(*arguments, code=0, input=None, color=False):
    result = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80"}, input=input, color=color)
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
    flops = [row for row in json.loads(run("scale", POOL, "--json").stdout)["growth"] if row["of"] == "flops"]
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
        for command in ("rf", "show", "explain", "formula", *["scale"] * bool(conditions)):
            told = json.loads(run(command, net, "--json").stdout)
            assert told["conditions"] == [one["text"] for one in told["requirements"]] == conditions, command
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


AVERAGE = "3xHxW -> conv 8 k3 p1 -> adaptiveavgpool M"


def test_only_the_kinds_concerned_are_lower_bounds():
    """What is not counted of an average are sums: the multiplications and divisions are exact."""
    text = run("formula", AVERAGE, "--of", "ops", "--of", "flops").stdout
    marks = {line.split()[0]: "≥" in line for line in text.splitlines()[1:5]}
    assert marks == {"mul": False, "add": True, "div": False, "FLOPs": True}
    rows = json.loads(run("formula", AVERAGE, "--of", "ops", "--json").stdout)["formulas"]
    assert [row["of"] for row in rows if row.get("lower_bound")] == ["add"]
    python = run("formula", AVERAGE, "--of", "ops", "--format", "python").stdout
    assert [line.split()[0] for line in python.splitlines() if "# at least" in line] == ['"add":']
    latex = run("formula", AVERAGE, "--of", "ops", "--format", "latex").stdout
    assert latex.count("at least]") == 1 and "[add, at least]" in latex
    run("assert", AVERAGE, "mul == 216*H*W", "div == 8*M*M", "add >= 216*H*W")
    assert "add is at least" in run("assert", AVERAGE, "add <= 216*H*W", code=1).stdout


@pytest.mark.parametrize("format", ["table", "plain", "csv", "markdown", "json"])
def test_show_marks_lower_bounds_in_rows_and_totals(format):
    text = run("show", AVERAGE, "--format", format).stdout
    if format == "json":
        found = json.loads(text)
        assert [layer["lower_bounds"] for layer in found["layers"]] == [[], ["flops", "add"]]
        assert found["lower_bounds"] == ["flops", "add"]
        return
    lines = [line for line in text.splitlines() if re.match(r"[\s|*-]*(conv1|adaptive\w*|total|mul|add|div)\b", line)]
    marks = {re.match(r"[\s|*-]*(\w+)", line)[1]: "≥" in line for line in lines}
    kinds = {} if format in ("plain", "csv") else {"mul": False, "add": True, "div": False}
    assert marks == {"conv1": False, "adaptiveavgpool1": True, "total": True, **kinds}


def test_a_kind_of_which_nothing_is_counted_is_a_lower_bound_too():
    assert "max  ≥ 0" in run("formula", POOL, "--of", "ops").stdout
    run("assert", POOL, "mul == 0")


def test_letters_with_names_of_python(tmp_path):
    """Words of the language and the functions that are called get an underscore, and the figures are the same."""
    file = tmp_path / "named.net"
    file.write_text("lambda = 3\nmin = 4\n3xHx8 -> conv lambda k3 -> avgpool 5 s=S p1 ceil_mode=True -> conv min k1\n")
    text = run("formula", str(file), "--in", "lambda,min", "--format", "python").stdout
    scope = {}
    exec(text, scope)
    assert "lambda is lambda_ here, min is min_ here" in text
    for sizes in ((9, 2, 3, 4), (31, 1, 5, 1)):
        found = scope["named"](**dict(zip(("H", "S", "lambda_", "min_"), sizes)))
        spec = "3x{0}x8 -> conv {2} k3 -> avgpool 5 s={1} p1 ceil_mode=True -> conv {3} k1".format(*sizes)
        report = analyze(elaborate(spec))
        assert (found["params"], found["flops"]) == (report.params, report.flops)
        assert found["shape"] == report.output_shape


def test_the_batch_is_among_the_letters():
    assert json.loads(run("formula", "unet-same", "--in", "H,N", "--json").stdout)["letters"] == ["H", "N"]


@pytest.mark.parametrize(
    ("spec", "requirement"),
    [("nosuch", "params < 3"), ("3x4x4 -> conv 8 k9", "params < 3"), ("lenet5", "params = 3")],
)
def test_what_cannot_be_checked_is_no_failure(spec, requirement):
    assert "error[" in run("assert", spec, requirement, code=2).stderr


def test_requirements_in_the_signs_that_are_printed():
    run("assert", "3xHxW -> conv 8 k3", "macs ≥ 216", "macs ≠ 3", "params ≤ 224", "macs == 216·(H − 2)·(W − 2)")


def test_a_long_formula_is_not_printed_in_a_failure():
    [line] = run("assert", "CxHxW -> conv 8 k5 p2 -> conv 9 k=K", "macs < 5", code=1).stdout.splitlines()
    assert len(line) < 200


SPREADS = [
    "8xHxW -> ConvTranspose2d(8, 4, K, stride=S, padding=P)",
    "8xDxHxW -> ConvTranspose3d(8, 4, K, stride=S, padding=P)",
    "8xDxHxW -> ConvTranspose3d(8, 4, 4, stride=2, padding=P)",
    "8xDxHxW -> ConvTranspose3d(8, 4, K, stride=2)",
    "8xHxW -> ConvTranspose2d(8, 4, K, dilation=E, padding=P)",
    "8xL -> ConvTranspose1d(8, 4, K, stride=4, padding=P, dilation=6)",
]


@pytest.mark.parametrize("spec", SPREADS)
def test_transposed_convolutions_in_letters(spec):
    """Short formulas, and the numbers' figures at every size, also of the function for Python."""
    graph, rng, compared = elaborate(spec), random.Random(spec), 0
    report, scope = analyze(graph), {}
    assert len(run("formula", spec, "--of", "ops").stdout.splitlines()) < 60
    exec(run("formula", spec, "--format", "python").stdout, scope)
    [function] = [value for value in scope.values() if callable(value)]
    for _ in range(120):
        sizes = {letter: rng.randint(1, 7 if letter in "DHWL" else 5) for letter in graph.symbols}
        try:
            there = analyze(elaborate(spec, sizes=sizes))
        except SpecError:
            continue
        assert function(**sizes)["add"] == there.ops.add == evaluate(report.ops.add, sizes), sizes
        compared += 1
    assert compared > 40


@pytest.mark.parametrize("spec", SPREADS[:2])
def test_growth_of_transposed_convolutions(spec):
    """In letters, at sizes: the totals after doubling are those of the doubled network."""
    text = run("scale", spec, "--format", "table").stdout
    assert "where" in text and len(text.splitlines()) < 900
    report, rng, compared = analyze(elaborate(spec)), random.Random(spec), 0
    doubled = growth(report, report.graph.symbols, {}, ("flops",))[0].after
    for _ in range(60):
        sizes = {letter: rng.randint(1, 5) for letter in report.graph.symbols}
        try:
            there = analyze(elaborate(spec, sizes={letter: 2 * size for letter, size in sizes.items()}))
        except SpecError:
            continue
        assert evaluate(doubled, sizes) == there.flops, sizes
        compared += 1
    assert compared > 10


def test_overlaps_in_letters_are_counted_one_by_one():
    """Any of windows, kernel, stride, dilation and both paddings as letters, against a count of every tap."""
    rng, compared, known = random.Random("overlaps"), 0, {}
    for _ in range(500):
        size = {"n": rng.randint(1, 7), "k": rng.randint(1, 7), "s": rng.randint(1, 4), "d": rng.choice((1, 1, 2, 3))}
        size["e"] = rng.randint(0, max(size["s"], size["d"]) - 1)
        full = (size["n"] - 1) * size["s"] + size["d"] * (size["k"] - 1) + 1
        size["p"] = rng.randint(0, (full + size["e"] - 1) // 2)
        letters = frozenset(name for name in size if rng.random() < 0.5)
        key = letters, *(size[name] for name in size if name not in letters)
        if key not in known:
            given = {
                name: symbol(name, lower=int(name not in "pe")) if name in letters else size[name] for name in size
            }
            n, k, s, d, e, p = given.values()
            known[key] = overlaps(n, k, s, d, p, (n - 1) * s + d * (k - 1) + 1 - 2 * p + e)
        if known[key] is None:
            continue
        length = full - 2 * size["p"] + size["e"]
        taps = [i * size["s"] - size["p"] + j * size["d"] for i in range(size["n"]) for j in range(size["k"])]
        there = [tap for tap in taps if 0 <= tap < length]
        found = tuple(evaluate(count, {name: size[name] for name in letters}) for count in known[key])
        assert found == (len(there), len(set(there))), (size, letters)
        compared += 1
    assert compared > 150


def test_no_figures_of_sizes_that_no_network_has():
    text = run("scale", "unet", "--in", "H", "--format", "table").stdout
    assert "legal only with H + 4 divisible by 16" in text and "337,857,554,176" not in text
    rows = json.loads(run("scale", "unet", "--in", "H", "--json").stdout)["growth"]
    assert all(row["after"] is row["ratio"] is None and row["beyond"] for row in rows)
    both = run("scale", "vit_b_16", "--format", "plain").stdout
    assert "9/32*x**4 (H = W = x)" in both


OF_ONE = ("show", "explain", "formula", "scale", "rf", "collapse", "verify")


@pytest.mark.parametrize("command", [*((one, "mlp") for one in OF_ONE), ("diff", "mlp", "mlp"), ("rf", "lenet5")])
def test_every_json_object_names_its_schema(command):
    more = ("--in", "D") if command[0] == "scale" else ()
    told = json.loads(run(*command, *more, "--json").stdout)
    assert list(told)[:2] == ["netcalc", "schema"]
    assert (told["netcalc"], told["schema"]) == (netcalc.__version__, 1)


def test_plain_rows_are_for_programs():
    """Digits alone and Python expressions, as show has them: each cell of figures is read back as what JSON says."""
    for spec, sizes in (("gpt2", {}), ("3xHxW -> maxpool 2 -> conv 8 k3", {"H": 37, "W": 51})):
        told = json.loads(run("scale", spec, "--json").stdout)["growth"]
        header, *rows = (line.split("\t") for line in run("scale", spec, "--format", "plain").stdout.splitlines())
        assert header[2:] == ["before", "after", "ratio", "exactly", "grows as"] and len(rows) == len(told)
        for row, one in zip(rows, told, strict=True):
            assert row[2:4] == [str(one["before"]), str(one["after"])]
            above, below = (_number(part, sizes) for part in one["quotient"])
            assert _number(row[5], sizes) == pytest.approx(above / below)
            assert (row[4] == "") == (one["ratio"] is None)
            letter = one["doubles"][0] if len(one["doubles"]) == 1 else "x"
            leading = _number(one["leading"][0], sizes) / one["leading"][1] * 3 ** one["degree"]
            order = row[6].partition(" (H =")[0]
            assert order == "constant" or _number(order, sizes | {letter: 3}) == pytest.approx(leading)
    for networks in (("gpt2", "--set-second", "T=512"), ("3xHxW -> conv 8 k3", "3xHxW -> conv 5 k5")):
        told = json.loads(run("diff", *networks, "--json").stdout)
        text = run("diff", *networks, "--format", "plain").stdout
        assert not set("−·,⌊") & set(text.replace("out_channels 8 → 5, ", ""))
        layers, _, totals = text.partition("total\t")
        rows = [line.split("\t") for line in layers.splitlines()[1:]]
        assert [[row[3], row[4]] for row in rows] == [[str(one["params"]), str(one["flops"])] for one in told["layers"]]
        for line, one in zip(totals.splitlines()[1:], told["totals"].values(), strict=True):
            assert line.split("\t")[1:4] == [str(one[key]) for key in ("first", "second", "difference")]


def _number(written, sizes):
    return eval(str(written), {}, dict(sizes))


def test_plain_receptive_fields_are_as_show_has_them():
    for spec in ("3xHxW -> conv 8 k11 p1 -> conv 9 k3x5 s2", "unet", "lenet5", "10x16 -> mha 4"):
        told = {row[0]: row for row in _plain(run("rf", spec).stdout)}
        for name, *_, field, stride, start in _plain(run("show", spec, "--format", "plain").stdout):
            if "…" not in told.get(name, ["", "", "…"])[2] and field:
                assert told[name][2:5] == [field, stride.replace("?", "–"), start], (spec, name)
    assert "−" not in run("rf", "3x64x64 -> conv 8 k7 p3", "--of", "conv1", "--unit", "0,0").stdout


def _plain(text):
    return [line.split("\t") for line in text.splitlines()[1:]]


@pytest.mark.parametrize("unwanted", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_picture_without_colours(unwanted, monkeypatch):
    from netcalc.cli import source

    monkeypatch.setattr(source, "on_terminal", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    arguments = ("rf", "1x4x4 -> conv 6 k3", "--unit", "1,1", "--picture")
    assert "\x1b[" in run(*arguments, color=True).stdout
    for name, value in unwanted.items():
        monkeypatch.setenv(name, value)
    found = run(*arguments, color=True).stdout
    assert "\x1b[" not in found and "░▄▄▄" in found


def test_names_in_latex_stand_in_their_column():
    """A name is as long as it is printed, not as LaTeX writes it."""
    found = run("diff", "gpt2", "--set-second", "T=512", "--format", "latex").stdout
    assert r"\item[h.0.c\_\allowbreak{}attn]" in found and r"\item[]" not in found


def test_blocks_that_differ_alike_are_shown_once():
    text = run("diff", "gpt2", "--set-second", "T=512", "--format", "table").stdout
    rows = [line.split() for line in text.partition("\n\n")[0].splitlines()[2:-1]]
    flops = sum(int(row[-1].replace(",", "").replace("−", "-")) for row in rows)
    assert "h.1 … h.11" in text and "h.2.ln1" not in text and len(rows) < 25
    totals = json.loads(run("diff", "gpt2", "--set-second", "T=512", "--json").stdout)["totals"]
    assert flops == totals["flops"]["difference"]


def test_a_difference_names_the_networks():
    for format in ("table", "markdown", "latex"):
        text = run("diff", "resnet18", "resnet34", "--format", format).stdout
        assert "resnet18" in text and "resnet34" in text
    assert r"\approx 1.865" in text and "only in resnet34: 7 layers" in text


@pytest.mark.parametrize("command", ["diff", "formula"])
def test_a_number_that_could_be_a_letter(command):
    option = "--set-second" if command == "diff" else "--set"
    assert (
        "hint: that size is a number here; as a letter: --in H" in run(command, "lenet5", option, "H=40", code=1).stderr
    )


@pytest.mark.parametrize("command", [("formula", "lenet5"), ("diff", "lenet5", "mlp")])
def test_a_fragment_is_of_latex(command):
    assert "--format latex" in run(*command, "--fragment", code=2).stderr


def test_of_several_inputs_the_field_says_in_which_it_is():
    assert "receptive field in source  S" in run("formula", "transformer-base", "--in", "S,T", "--of", "rf").stdout
    [row] = json.loads(run("formula", "transformer-base", "--in", "T", "--of", "rf", "--json").stdout)["formulas"]
    assert row["input"] == "source"
    assert "receptive field  32" in run("formula", "lenet5", "--of", "rf").stdout.replace("32 x 32", "32")
