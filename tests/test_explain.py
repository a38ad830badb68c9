"""Explanations: the tutorial's working, every result exact, every rendering whole."""

import json
import random
import re
import shutil
import subprocess
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from itertools import accumulate, product
from math import ceil, floor, gcd

import pytest
from click.testing import CliRunner
from sampling import draw

from netcalc.analysis.explanation import Alike, Traced, explain, to_dict
from netcalc.analysis.report import analyze
from netcalc.analysis.written import PLAIN, Letter, in_names, in_numbers, renamed, value
from netcalc.analysis.written import letters as letters_in
from netcalc.cli.explain import explain as command
from netcalc.cli.formula import formula as formula_command
from netcalc.dims import Expr, substitute, symbol
from netcalc.dims import product as product_of
from netcalc.errors import SpecError
from netcalc.graph import Builder
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied
from netcalc.layers.transposed import _plain_overlaps
from netcalc.report.explanation import as_latex, as_markdown, as_text, steps
from netcalc.spec import elaborate, mlp_spec
from netcalc.spec.shipped import shipped_names, shipped_text


def run(*arguments, width=80):
    result = CliRunner().invoke(command, list(arguments), env={"COLUMNS": str(width)})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_tutorials_network_reads_as_a_tutorial():
    text = run("mlp")
    assert "out_features × in_features mul + out_features × (in_features − 1) add" in text
    assert "512 × 256 mul + 512 × (256 − 1) add" in text
    assert "+ b: out_features add = 512 add" in text
    assert "n max = 512 max" in text
    assert "263,680 = 262,144 + 512 + 1,024" in text and "131,584 mul + 131,584 add + 512 max" in text
    assert "132,097 = 131,584 + 513" in text
    brief = run("mlp", "--brief")
    assert "W x: 512 × 256 mul + 512 × (256 − 1) add = 131,072 mul + 130,560 add\n" in brief
    assert "+ b: 512 add\n" in brief


def test_a_convolution():
    text = run("3x32x32 -> conv 16 k3 s2 p1", "conv1")
    assert "H_out = ⌊(H + 2·p − k)/s⌋ + 1 = ⌊(32 + 2·1 − 3)/2⌋ + 1 = 16" in text
    assert "weight [C_out, C, k, k]: C_out × C × k × k = 16 × 3 × 3 × 3 = 432" in text
    assert "size = r + (k − 1)·j = 1 + (3 − 1)·1 = 3" in text
    full = run("3x32x32 -> conv 16 k3 s2 p1", "conv1", "--full")
    assert "d·(k − 1)" in full


def test_images_with_their_channels_last_are_named_so():
    text = flowing(run("8x5x6 -> permute 1 2 0 -> layernorm -> linear 4 -> gelu -> permute 2 0 1 -> relu"))
    assert "[H, W, C] = [5, 6, 8]" in text and "[H, W, C] = [5, 6, 4] (as" in text and "[C, H, W] = [4, 5, 6]" in text
    assert "Σ x: H × W × (C − 1) add" in text


def test_axes_that_differ_have_letters_of_their_own():
    text = run("3x32x20 -> conv 16 k3x5")
    assert "k_H" in text and "k_W" in text


def test_equal_blocks_are_explained_once():
    explanation = explain(elaborate(shipped_text("resnet50")))
    alike = {entry.name: entry.model for entry in explanation.entries if isinstance(entry, Alike)}
    assert alike["layer1.2"] == "layer1.1" and alike["layer3.5"] == "layer3.1"
    explained = {layer.name for entry in explanation.entries if isinstance(entry, Alike) for layer in entry.layers}
    explained |= {entry.name for entry in explanation.layers}
    assert explained == {layer.name for layer in explanation.report.layers}
    assert len(explanation.layers) < len(explanation.report.layers) / 2
    assert not any(isinstance(entry, Alike) for entry in explain(elaborate("8 -> relu -> relu"), full=True).entries)


# ---------------------------------------------------------------- what is printed, computed again from its signs

KINDS = ("mul", "add", "max", "div", "exp", "log", "sqrt", "sin", "cos", "tanh", "erf", "pow")


def computed(written, letters):
    """The value of a printed formula: an independent reading of it, in Python."""
    code = re.sub(r"(?<=\d),(?=\d{3})", "", written.removeprefix("≥ "))
    for sign, python in (("−", "-"), ("·", "*"), ("×", "*"), ("⌊", "floor("), ("⌋", ")"), ("⌈", "ceil("), ("⌉", ")")):
        code = code.replace(sign, python)
    while (place := code.find("Σ_{")) >= 0:
        index, count, begin = re.match(r"Σ_\{(\w+)<(.+?)\} ()", code[place:]).group(1, 2, 0)
        start = place + len(begin)
        depths = accumulate((sign == "(") - (sign == ")") for sign in code[start:])
        end = start + next(n for n, depth in enumerate(depths) if not depth and code[start + n] == ")")
        term = code[start : end + 1]
        code = f"{code[:place]}sum([{term} for {index} in map(Fraction, range(int({count})))]){code[end + 1 :]}"
    code = re.sub(
        "[⁰¹²³⁴-⁹]+", lambda power: "**" + power[0].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")), code
    )
    code = re.sub(r"(?<![\w.])\d+", r"Fraction(\g<0>)", code)
    functions = {"floor": floor, "ceil": ceil, "min": min, "max": max, "sum": sum, "map": map, "range": range}
    functions |= {"Fraction": Fraction, "int": int, "gcd": lambda *of: gcd(*map(int, of))}
    return eval(code, {"__builtins__": {}, **functions, **letters})


def amounts(form, letters):
    """The values of one form: a figure, or what it says of each kind of operation."""
    parts = re.findall(rf"(.+?) ({'|'.join(KINDS)})(?: \+ |$)", form)
    if not parts:
        return computed(form, letters)
    assert " + ".join(f"{count} {kind}" for count, kind in parts) == form, form
    return [(computed(count, letters), kind) for count, kind in parts]


def letters_of(entry, at):
    named = [*((letter.name, letter.size) for letter in entry.letters)]
    named += [(working.what, working.result) for working in (*entry.output, *(part for part, _ in entry.parts))]
    found = {name: substitute(size, at) if isinstance(size, Expr) else size for name, size in named if name}
    return {name: Fraction(size) for name, size in {**at, **found}.items() if not isinstance(size, Expr)}


def check_printed(entry, at=None):
    """What stands between signs of equality has one value; the count of what was compared.

    ``at`` are numbers for the letters of the network.
    """
    letters, compared = letters_of(entry, at or {}), 0
    for step in steps(entry, PLAIN):
        if entry.field_note and step.group == "receptive field" or len(step.forms) < 2:
            continue
        if step.group == "operations" and step.label == "together":
            first = amounts(step.forms[0], letters)
            counts = [
                sum(n for n, _ in first) if isinstance(first, list) else first,
                *(amounts(f, letters if at else {}) for f in step.forms[1:]),
            ]
        else:
            counts = [amounts(form, letters) for form in step.forms]
        assert all(count == counts[0] for count in counts), (entry.name, step, counts)
        compared += len(counts) - 1
    return compared


def own(formula):
    """Has it a letter of its own for a part that is long?"""
    return any(letter.size == symbol(letter.name, lower=None) for letter in letters_in(formula).values())


def check_at(explanation, numbers, **at):
    """With numbers for the network's letters every printed line is true, and its figures are the layers' of then."""
    for entry in explanation.layers:
        layer = numbers[entry.name]
        check_printed(entry, at)
        letters = {name: int(size) for name, size in letters_of(entry, at).items() if size == int(size)}
        flops = sum(part.result for line in entry.ledger for part in line.parts)
        for found, size in [
            *((tensor.result, product_of(layer.parameters[tensor.name])) for tensor in entry.tensors),
            *((working.result, size) for working, size in zip(entry.output, layer.output_shape, strict=True)),
            (flops, layer.flops if not entry.report.uncounted else flops),
            (entry.macs.result, layer.macs),
        ]:
            assert substitute(found, letters) == substitute(size, letters), (entry.name, found, size)


def check(explanation):
    """Every formula's value is its result; every total is the sum of its addends and the report's."""
    for entry in explanation.layers:
        report = entry.report
        for working in (*entry.output, entry.macs, *entry.field):
            assert value(working.formula) == working.result, (entry.name, working)
        for tensor in (*entry.tensors, *entry.buffers):
            assert tuple(map(value, tensor.axes)) == tensor.shape
        names = {w.what: w.result for w in entry.output if w.what}
        for part, _ in entry.parts:
            assert value(part.formula) == part.result or own(part.formula), (entry.name, part)
        for line in entry.ledger:
            for part in line.parts:
                assert value(part.formula) == part.result, (entry.name, part, names)
        if not (entry.parts and isinstance(report.flops, Expr)):  # these are held against numbers
            assert sum(part.result for line in entry.ledger for part in line.parts) == report.flops
    for total in explanation.totals:
        assert sum(one.times * one.size for one in total.addends) == total.result
    report = explanation.report
    assert [total.result for total in explanation.totals] == [report.params, report.flops, report.flops, report.macs]


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_spec_explains_itself(name):
    explanation = explain(elaborate(shipped_text(name)))
    check(explanation)
    assert sum(map(check_printed, explanation.layers)) >= len(explanation.layers)
    text = as_text(explanation)
    assert text.isprintable() or "\n" in text
    assert "None" not in text and "Letter(" not in text


@pytest.mark.parametrize("name", all_kinds())
def test_every_kind_explains_its_examples(name):
    for spec in all_kinds()[name].examples:
        explanation = explain(elaborate(spec), full=True)
        check(explanation)
        for entry in explanation.layers:
            check_printed(entry)
        for text in (as_text(explanation), as_markdown(explanation), as_latex(explanation)):
            assert "Letter(" not in text and "Quotient(" not in text


def test_most_kinds_explain_themselves_in_letters():
    """A control: a rule that refuses letters falls back to numbers, and few may."""
    plain = []
    for name, kind in all_kinds().items():
        for spec in kind.examples[:1]:
            entry = next((entry for entry in reversed(explain(elaborate(spec)).layers)), None)
            if entry and entry.ledger and not entry.letters:
                plain.append(name)
    assert len(plain) <= 16, plain


def lettered(graph, place, name):
    """The network with an integer argument of one layer a letter: of one axis, and of all; where that is legal.

    With it how the network is with a number in the letter's place.
    """
    given = getattr(graph.nodes[place].layer, name)
    sizes = given if isinstance(given, tuple) else (given,)
    if not sizes or any(type(size) is not int for size in sizes):
        return

    def built(form):
        builder = Builder()
        for index, (_, applied, inputs, *_) in enumerate(graph.nodes):
            changed = {name: form if isinstance(given, tuple) else form[0]} if index == place else {}
            builder.add(applied.layer.replace(**changed), inputs)
        return builder.graph(graph.outputs)

    for form in (lambda size: (size, *sizes[1:])), (lambda size: (size,) * len(sizes)):
        try:
            yield built(form(symbol("Q"))), lambda size, form=form: built(form(size))
        except SpecError:
            continue  # the layer takes no letters there
        if len(sizes) == 1:
            return


@pytest.mark.parametrize("name", all_kinds())
def test_every_argument_may_be_a_letter(name):
    """Each integer argument in each kind's examples: the explanation has no gap, and every line is true."""
    kind = all_kinds()[name]
    for graph in map(elaborate, kind.examples):
        for place, argument in product(range(len(graph)), kind.arguments):
            for other, at in lettered(graph, place, argument) if graph.nodes[place].layer.kind == name else ():
                try:
                    explanation = explain(other, full=True)
                except SpecError:
                    continue  # no value of the letter will do
                check(explanation)
                for size in (1, 2, 3, 4, 6, 9):
                    if all(one.holds(Q=size) for one in explanation.report.requirements):
                        with suppress(SpecError):
                            check_at(explanation, analyze(at(size)), Q=size)
                for text in (as_text(explanation), as_latex(explanation)):
                    assert "Letter(" not in text and "Quotient(" not in text


def test_an_explanation_states_its_conditions():
    """What must hold of the letters stands in every format, of one layer too."""
    for arguments, stated in (
        (("HxW -> flatten -> Linear(64,3)",), "H·W = 64"),
        (("HxW -> flatten -> Linear(64,3)", "flatten1"), "H·W = 64"),
        (("TxD -> mha A",), "D divisible by A"),
        (("unet-same", "--in", "H,W"), "H divisible by 16, W divisible by 16"),
        (("unet-same", "enc1.conv1", "--in", "H,W"), "H divisible by 16, W divisible by 16"),
        (("H in 8..64\n3xHxH -> conv 3 k3",), "H in 8..64"),
    ):
        assert run(*arguments).endswith(f"\nholds when {stated}\n"), arguments
        sentence = ", ".join(f"`{one}`" for one in stated.split(", "))
        assert run(*arguments, "--format", "markdown").endswith(f"\nHolds when {sentence}.\n")
        found = json.loads(run(*arguments, "--json"))
        assert found["conditions"] == [one["text"] for one in found["requirements"]] == stated.split(", ")
    assert "Holds when $A \\mid D$." in run("TxD -> mha A", "--format", "latex")
    assert "holds when" not in run("lenet5") and json.loads(run("lenet5", "--json"))["conditions"] == []


def test_an_explanation_holds_where_its_conditions_do():
    """The figures are those of that domain, and each line is still true of the layer's own."""
    explanation = explain(elaborate("1xHx8 -> relu as top -> maxpool 2 -> upsample scale_factor=2 -> add top"))
    check(explanation)
    assert "− 2)/2⌋ + 1 = H/2" in as_text(explanation)


def test_strict_refuses_what_is_open():
    refused = CliRunner().invoke(command, ["TxD -> mha A", "--strict"])
    assert refused.exit_code == 1 or isinstance(refused.exception, SpecError)
    assert run("TxD -> mha A", "--set", "D=8", "--set", "A=2", "--strict")


def test_networks_with_letters_explain_themselves():
    text = run("3xHxW -> conv 16 k7 s2 p3")
    assert "⌊(H+1)/2⌋" in text


@pytest.mark.parametrize("width", [80, 120])
def test_lines_break_before_the_edge(width):
    lines = run("resnet18", width=width).splitlines()
    long = [line for line in lines if len(line) > width and "(" not in line.split("  ")[0]]
    assert not [line for line in long if not re.match(r"\S+  \w+\(", line)], long


def test_json_is_exact():
    found = json.loads(run("lenet5", "--json"))
    assert found["layers"][0]["name"] == "conv1"
    flops = next(total for total in found["totals"] if total["of"] == "FLOPs")
    assert flops["result"] == 845_852 == sum(a["count"] * a["value"] for a in flops["addends"])
    assert found["layers"][0]["parameters"][0]["formula"] == "C_out·C·k·k"


def test_markdown():
    text = run("lenet5", "--format", "markdown")
    assert "### conv1" in text and "`⌊(H + 2·p − k)/s⌋ + 1`" in text


def test_a_fragment_is_what_a_document_includes():
    whole, part = run("mlp", "--format", "latex"), run("mlp", "--format", "latex", "--fragment")
    assert "\\documentclass" not in part and whole.rstrip().endswith("\\end{document}")

    def unbroken(text):
        """Its signs alone: a fragment's lines are shorter."""
        return re.sub(r"\\\\|&|\\q?quad|\\phantom\{=\}|\{\}|\\ |:|=|\s", "", text)

    assert unbroken(part) in unbroken(whole)


def balanced(text):
    """Braces and environments that open are closed."""
    bare = text.replace("\\\\", "").replace("\\{", "").replace("\\}", "")
    begun = re.findall(r"\\(begin|end)\{(\w+\*?)\}", bare)
    stack = []
    for what, name in begun:
        if what == "begin":
            stack.append(name)
        elif not stack or stack.pop() != name:
            return False
    left, right = len(re.findall(r"\\left\b", text)), len(re.findall(r"\\right\b", text))
    return not stack and left == right and bare.count("{") == bare.count("}")


@pytest.mark.parametrize("name", all_kinds())
def test_latex_is_well_formed_for_every_kind(name):
    for spec in all_kinds()[name].examples:
        for full in (True, False):
            text = as_latex(explain(elaborate(spec), full=full))
            assert balanced(text), spec
            assert not re.search(r"[^\x00-\x7f]", text), (spec, re.findall(r"[^\x00-\x7f]", text))
    assert not balanced(r"\begin{align*} {"), "the control"


needs_tex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs a TeX")
ARTICLE = "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n%s\\end{document}\n"


def complaints(source, folder):
    """What TeX says of a document: errors, and lines more than a point too long."""
    (folder / "net.tex").write_text(source)
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "net.tex"], cwd=folder, capture_output=True)
    said = done.stdout.decode(errors="replace")
    wide = [line for line in re.findall(r"Overfull \\hbox \(([\d.]+)pt.*", said) if float(line) > 1]
    return [*re.findall(r"^!.*", said, re.MULTILINE), *wide, *(["failed"] if done.returncode else [])]


@needs_tex
@pytest.mark.parametrize("detail", [(), ("--brief",), ("--full",)])
@pytest.mark.parametrize("name", ["mlp", "lenet5", "unet", "dcgan-generator"])
def test_latex_compiles(name, detail, tmp_path):
    assert not complaints(run(name, *detail, "--format", "latex"), tmp_path)


@needs_tex
def test_fragments_fit_a_standard_article(tmp_path):
    """Narrow lines, in one document: those with the longest formulas, and a few others by chance."""
    names = {"swin_t", "nerf", "lstm-classifier", "denoising-unet", *random.Random(4).sample(shipped_names(), 4)}
    parts = [run(name, "--format", "latex", "--fragment") for name in sorted(names)]
    parts.append(run("8x10x10 -> convtranspose 4 k5 s4 p9x3 d6 output_padding=1", "--format", "latex", "--fragment"))
    assert not complaints(ARTICLE % "".join(parts), tmp_path)


@needs_tex
def test_formulas_fit_a_standard_article(tmp_path):
    cases = ["unet", "fcn_resnet50", "resnet50", "3xHxW -> adaptivemaxpool A"]
    parts = []
    for name in cases:
        letters = ["--in", "H,W"] if "x" not in name else []
        result = CliRunner().invoke(formula_command, [name, *letters, "--format", "latex", "--fragment"])
        assert result.exit_code == 0
        parts.append(result.stdout)
    assert "Not counted" in parts[-1] and "%" not in parts[-1]
    assert not complaints(ARTICLE % "".join(parts), tmp_path)


@needs_tex
def test_headings_fit_their_column(tmp_path):
    """TeX measures each heading beside its text against the column that it stands in."""
    texts = [run(name, "--format", "latex") for name in ("lenet5", "vit_b_16", "lstm-classifier")]
    for name in ("gpt2", "fcn_resnet50"):
        texts.append(CliRunner().invoke(formula_command, [name, "--format", "latex", "--per-layer"]).stdout)
    label = r"\renewcommand{\makelabel}[1]{\textbf{#1}\hfil}"
    heard = label[:-1] + r"\setbox0=\hbox{\textbf{#1}}\ifdim\wd0>\labelwidth\typeout{TOO WIDE}\fi}"
    for text in texts:
        assert label in text
        control = text.replace(r"\item[parameters]", r"\item[parameters without end]")
        for source, found in (text, False), (control, True):
            (tmp_path / "net.tex").write_text(source.replace(label, heard))
            done = subprocess.run(
                ["pdflatex", "-interaction=nonstopmode", "net.tex"], cwd=tmp_path, capture_output=True
            )
            assert (b"TOO WIDE" in done.stdout) == found


@needs_tex
def test_the_reader_of_complaints_hears_them(tmp_path):
    assert complaints(ARTICLE % ("\\mbox{" + "too wide " * 40 + "}"), tmp_path)
    assert "failed" in complaints(ARTICLE % "\\undefined", tmp_path)


def test_written_formulas_keep_what_cannot_be_misread():
    a, b = Letter("a", 5), Letter("b", 3)
    assert in_names(a - (b - 1) - 1) == "a − b"
    assert in_names(0 + a * 1 + 0) == "a" and a * 0 == 0 and a - a == 0
    assert in_names((a - 1) * (b + 2)) == "(a − 1)·(b + 2)" and in_numbers((a - 1) * b) == "(5 − 1)·3"
    assert in_names((a + b) // (2 * b)) == "⌊(a + b)/(2·b)⌋" and value((a + b) // 2) == 4
    assert in_names(-a + 7) == "7 − a" and in_numbers(-a - b) == "−5 − 3"
    assert in_names(renamed(a * (b + 2), {b + 2: Letter("c", 5)})) == "a·c"
    with pytest.raises(TypeError):
        assert a < b
    with pytest.raises(TypeError):
        range(a)


def test_the_mlp_command_and_the_shipped_spec_say_the_same():
    one, two = (explain(elaborate(text)) for text in (mlp_spec("256-512-1"), shipped_text("mlp")))
    assert as_text(one) == as_text(two)


@pytest.mark.parametrize("name", all_kinds())
def test_worked_formulas_are_true_elsewhere_too(name):
    """An explanation's formulas, with other numbers put in for their letters, are the layer's figures at those."""
    kind = all_kinds()[name]
    rng = random.Random(f"worked {name}")
    if not kind.trial_inputs:
        pytest.skip("an input has none")
    tried = 0
    for _ in range(60):
        sample = draw(kind, rng)
        if sample.applied is None or tried >= 8:
            continue
        traced = Traced(sample.applied, full=True)
        inputs = traced.names
        tree = traced.output()
        if not any(not isinstance(size, int) for size in tree):
            continue
        for _ in range(5):
            moved = {letter: rng.randint(1, 40) for shape in inputs for letter in shape if isinstance(letter, Letter)}
            shapes = tuple(tuple(moved[letter] for letter in shape) for shape in inputs)
            layer = kind(**{k: v for k, v in sample.arguments.items() if kind.arguments[k].axis is None})
            try:
                other = Applied(layer, shapes)
            except SpecError:
                continue
            names = {letter: Letter(letter.name, size) for letter, size in moved.items()}
            if not {letter.name for letter in moved} & {name for part in tree for name in letters_in(part)}:
                continue
            found = tuple(value(renamed(part, names)) for part in tree)
            assert found == other.output, (layer, shapes, tree)
            work = traced.work()
            used = {name for line in work.lines for factor in line.factors for name in letters_in(factor)}
            if not used & {letter.name for letter in moved}:
                continue  # a rule that wants numbers for its inputs: shown in numbers
            for line, exact in zip(work.lines, other.work.lines, strict=True):
                count = 1
                for factor in line.factors:
                    count *= value(renamed(factor, names))
                assert count == exact.count, (layer, shapes, line)
            tried += 1


def flowing(text):
    """A text without its line breaks."""
    return " ".join(text.split())


def test_transposed_convolutions_have_formulas():
    text = flowing(run("unet-same", "dec4.convtranspose1"))
    assert "W x: C × H × W × C_out × k × k mul = 1,024 × 16 × 16 × 512 × 2 × 2 mul = 536,870,912 mul" in text
    assert "Σ W x: C_out × (C·(H·k − 2·p)·(W·k − 2·p) − H_out·W_out) add" in text
    assert "MACs: C × H × W × C_out × k × k" in text
    wide = run("8x10x10 -> convtranspose 4 k5 s1 p2")
    assert "min(H, ⌈p/s⌉)" in wide and len(wide.splitlines()) < 60
    dilated = flowing(run("8x10x10 -> convtranspose 4 k5 s3 p4 d2"))
    assert "n_H = H·k − 2·Σ_{i<k} min(H, max(⌈(p − d·i)/s⌉, 0)) = 10·5 − 2·Σ_{i<5} min(" in dilated
    assert "m_H = n_H − max(H − d, 0)·(k − s) = 44 − max(10 − 2, 0)·(5 − 3) = 28 (positions" in dilated
    assert "Σ W x: C_out × (C·n_H·n_W − m_H·m_W) add = 4 × (8·44·44 − 28·28) add = 58,816 add" in dilated
    assert "size = r + (⌈k/s⌉ − 1)·d·j = 1 + (⌈5/3⌉ − 1)·2·1 = 3" in dilated
    assert "start = b + ((p − d·t)/s)·j = 0 + ((4 − 2·2)/3)·1 = 0" in dilated
    assert "size = r + (⌈k/s⌉ − 1)·j = 140" in text and "stride = j/s = 16/2 = 8" in text


def test_the_printed_sums_of_a_transposed_convolution_are_what_counting_finds():
    """Every tap is put in its place by hand; the printed formulas are read again, in names and with the numbers."""
    rng, found = random.Random("transposed"), Counter()
    while sum(found.values()) < 150:
        n, k, s, d, p = (rng.randint(*ends) for ends in ((1, 7), (1, 5), (1, 5), (1, 6), (0, 9)))
        extra = rng.randint(0, max(s, d) - 1)
        length = (n - 1) * s + d * (k - 1) + 1 - 2 * p + extra
        if length < 1:
            continue
        places = [i * s + j * d - p for i in range(n) for j in range(k)]
        there = [place for place in places if 0 <= place < length]
        adds = 2 * (3 * len(there) - len(set(there)))
        spec = f"3x{n} -> convtranspose 2 k{k} s{s} d{d} p{p} output_padding={extra} nobias"
        [entry] = explain(elaborate(spec), full=rng.random() < 0.2).layers
        check_printed(entry)
        [printed] = [step for step in steps(entry, PLAIN) if step.label == "Σ W x"]
        assert amounts(printed.forms[-1], {}) == [(adds, "add")], (spec, adds)
        parts = {part.what: part.result for part, _ in entry.parts}
        assert parts.get("n_L", len(there)) == len(there) and parts.get("m_L", len(set(there))) == len(set(there)), spec
        assert "C_out" in printed.forms[0] and letters_in(entry.ledger[0].parts[0].formula), spec  # not numbers alone
        found["Σ" if any("Σ_" in form for step in steps(entry, PLAIN) for form in step.forms) else "closed"] += 1
    assert found["Σ"] > 25 and found["closed"] > 50


def test_the_reading_of_printed_formulas_fails_on_a_wrong_one():
    assert computed(
        "2·Σ_{i<3} max(5 − 2·i, 0) + ⌊(32 + 2·1 − k)/2⌋ × 1,000 + 1/2", {"k": 3}
    ) == 2 * 9 + 15_000 + Fraction(1, 2)
    [entry] = explain(elaborate("3x32x32 -> conv 16 k3 s2 p1")).layers
    assert check_printed(entry) > 8
    tensor = entry.tensors[0]
    wrong = tensor._replace(axes=(*tensor.axes[:-1], Letter("k", 4)))
    with pytest.raises(AssertionError):
        check_printed(entry._replace(tensors=(wrong,)))


def test_the_plain_count_of_overlaps_is_the_general_one():
    rng, plain = random.Random("overlaps"), 0
    for _ in range(3000):
        windows, kernel, stride, padding = (rng.randint(low, 6) for low in (1, 1, 1, 0))
        length = (windows - 1) * stride + kernel + rng.randint(0, 2) - 2 * padding
        if length < 1 or (found := _plain_overlaps(windows, kernel, stride, 1, padding, length)) is None:
            continue
        landed = [i * stride - padding + j for i in range(windows) for j in range(kernel)]
        there = [place for place in landed if 0 <= place < length]
        assert found == (len(there), len(set(there))), (windows, kernel, stride, padding, length)
        plain += 1
    assert plain > 500


@pytest.mark.parametrize(
    "spec",
    [
        "128x512 -> transformerencoder 8 num_layers=2",
        "12x64 -> transformerencoderlayer 4",
        "10x64 -> linear 64 as memory -> linear 64 -> transformerdecoderlayer 8 with memory",
    ],
)
def test_transformers_have_formulas(spec):
    last = explain(elaborate(spec)).layers[-1]
    assert "d_model" in {letter.name for letter in last.letters}
    assert all(
        "T" in letters_in(part.formula) or "S" in letters_in(part.formula) for e in last.ledger for part in e.parts
    )
    weight = next(tensor for tensor in last.tensors if tensor.name.endswith("in_proj_weight"))
    assert [in_names(axis) for axis in weight.axes] == ["3·d_model", "d_model"]


def test_adaptive_pools_and_upsampling():
    text = flowing(run("3x32x32 -> adaptiveavgpool 5"))
    assert "H_out = output_size = 5" in text and "gcd(32, 5)" in text
    assert "size = r + ⌈(H − gcd(H, output_size))/output_size⌉·j = 1 + ⌈(32 − gcd(32, 5))/5⌉·1 = 8" in text
    up = run("4x32x32 -> conv 4 k3 p1 -> upsample scale_factor=2 -> pixelshuffle 2")
    assert "stride = j/scale_factor = 1/2" in up and "stride = j/upscale_factor = (1/2)/2 = 1/4" in up


def test_ceilings_are_written_as_ceilings():
    text = run("swin_t", "stage1.block1.windowattention1")
    assert "⌈56/7⌉" in text and "⌊−" not in text
    assert "with H = 56, W = 56, dim = 96, w = 7, num_heads = 3" in text
    assert in_names(-(-Letter("a", 7) // Letter("b", 2))) == "⌈a/b⌉" and value(-(-Letter("a", 7) // 2)) == 4


@pytest.mark.parametrize("name", ["swin_t", "resnet50", "bert-base"])
def test_no_line_is_longer_than_the_terminal(name):
    assert not [line for line in run(name).splitlines() if len(line) > 80]


def test_sums_are_bracketed_before_a_unit():
    text = flowing(run("3xHxW -> conv 4 k3", "conv1"))
    assert re.search(r"together = \([^()]* − [^()]*\) mul", text), text


def test_a_letter_of_the_network_keeps_its_meaning():
    text = flowing(run("3xHxW -> conv 16 k7 s2 p3 -> relu -> conv C k3 s2 p1", "conv2"))
    assert "C_in = 16, H_in = ⌊(H+1)/2⌋" in text and "C_out × C_in × k × k = C × 16 × 3 × 3" in text
    assert "H = H" not in run("3xHxW -> conv 16 k7")


def test_equal_blocks_say_how_their_fields_differ():
    text = flowing(run("resnet50"))
    assert "layer1.2 as layer1.1: 10 layers, 70,400 parameters" in text
    assert "FLOPs; but its receptive field is 35 " in text


def test_brief_keeps_stride_and_start():
    text = run("8x20x30 -> conv 4 k3x5", "--brief")
    assert "size along H = 1 + (3 − 1)·1 = 3" in text and "stride along W" in text and "start along W" in text
    assert "FLOPs (textbook):" in text


def test_every_layer_has_an_output():
    text = run("256 -> linear 512 -> relu")
    assert "output: out_features = 512" in text and "output: n = 512 (as its input)" in text


UNCOUNTED = "10 -> embedding 100 16 max_norm=1 -> linear 4"


def test_uncounted_work_is_a_lower_bound():
    text = flowing(run("3xHxW -> adaptivemaxpool A"))
    assert "FLOPs (textbook): ≥ 0 = ≥ 0 max without the windows' sum of sizes" in text and "=  " not in text
    said = "FLOPs (textbook): ≥ 1,280 = ≥ 0 + 1,280 = ≥ 640 mul + ≥ 640 add without"
    assert said in flowing(run(UNCOUNTED))
    markdown = run(UNCOUNTED, "--format", "markdown")
    assert "`≥ 0 + 1,280` = **≥ 1,280**" in markdown and "`≥ 640 mul + ≥ 640 add`" in markdown
    latex = run(UNCOUNTED, "--format", "latex")
    assert r"\ge 1{,}280 = \ge 0 + 1{,}280" in latex and r"\ge 640\ \text{mul} + \ge 640" in latex
    twice = "10 -> concat { embedding 100 16 max_norm=1 | embedding 100 16 max_norm=1 }"
    assert "as embedding1: 1,600 parameters, ≥ 0 FLOPs" in run(twice)
    assert json.loads(run(twice, "--json"))["layers"][1]["lower_bounds"][0] == "flops"


def test_json_says_what_is_a_lower_bound():
    """By the layer, by the figure and of the whole, as show has it; and nothing where all is counted."""
    found, shown = json.loads(run(UNCOUNTED, "--json")), analyze(elaborate(UNCOUNTED)).to_dict()
    same = ("netcalc", "schema", "uncounted", "lower_bounds", "conditions", "requirements")
    assert {key: found[key] for key in same} == {key: shown[key] for key in same} and found["uncounted"]
    for one, other in zip(found["layers"], shown["layers"], strict=True):
        assert [one[key] for key in ("uncounted", "lower_bounds")] == [
            other[key] for key in ("uncounted", "lower_bounds")
        ]
    bounded = {total["of"]: total.get("lower_bound", False) for total in found["totals"]}
    assert bounded == {"parameters": False, "FLOPs": True, "operations": True, "MACs": False}
    flops, operations = (next(t for t in found["totals"] if t["of"] == of) for of in ("FLOPs", "operations"))
    assert [one.get("lower_bound", False) for one in flops["addends"]] == [True, False]
    assert all(one["lower_bound"] for one in operations["addends"])
    exact = json.loads(run("lenet5", "--json"))
    assert exact["uncounted"] == exact["lower_bounds"] == [] and "lower_bound" not in str(exact["totals"])


def test_the_axes_of_a_signal_keep_their_names():
    """C and L until it is transposed or a layer takes features last; a sequence has T and D all along."""
    spec = "3x100 -> conv 8 k3 -> relu -> maxpool 2 -> residual { conv 8 k3 p1 -> bn } -> transpose 0 1 -> layernorm"
    layers = explain(elaborate(f"{spec} -> lstm 5 -> relu")).layers
    named = {layer.name: {letter.name for letter in layer.letters} for layer in layers}
    for name in ("conv1", "relu1", "maxpool1", "conv2", "bn1", "add1", "transpose1"):
        assert {"C", "L"} <= named[name] and not {"T", "D"} & named[name], name
    for name in ("ln1", "lstm1", "relu2"):
        assert "T" in named[name] and not {"C", "L"} & named[name], name
    for layer in explain(elaborate("3x100 -> conv 8 k3 -> flatten")).layers:
        assert {"C", "L"} <= {letter.name for letter in layer.letters}
    for layer in explain(elaborate("10x16 -> relu -> linear 4 -> relu")).layers:
        assert not {"C", "L"} & {letter.name for letter in layer.letters}


@pytest.mark.parametrize("name", all_kinds())
def test_each_line_says_what_it_is_of(name):
    """No two lines of an output or a receptive field have one name: where axes differ, theirs stands in it."""
    for spec in all_kinds()[name].examples:
        explanation = explain(elaborate(spec))
        written_out = (layer for layer in to_dict(explanation)["layers"] if "as" not in layer)
        for entry, written in zip(explanation.layers, written_out, strict=True):
            for group in ("output", "receptive field"):
                labels = [step.label for step in steps(entry, PLAIN) if step.group == group]
                assert len(labels) == len(set(labels)), (spec, labels)
            sizes = [step["of"] for step in written["receptive_field"]]
            assert len(sizes) == len(set(sizes)), (spec, sizes)


@pytest.mark.parametrize("full", [False, True])
def test_formulas_have_letters_for_every_argument(full):
    """Numbers that stand in the formulas are a rule's own (gates, taps): none is an argument's or an axis's.

    Each argument gets a value of its own, which the rule itself has nowhere.
    """
    for spec, letters in (
        ("13x22 -> transformerencoderlayer 11 dim_feedforward=37", "T d_model nhead dim_feedforward"),
        ("13x512 -> transformerencoderlayer 8", "dim_feedforward"),
        (
            "13x22 -> linear 22 as memory -> transformer 11 7 9 37 with memory",
            "nhead num_encoder_layers num_decoder_layers",
        ),
        ("17x19x23 -> ReflectionPad2d((11, 12, 13, 14))", "padding_left padding_right padding_top padding_bottom"),
        ("17x19 -> ConstantPad1d((11, 12), 0)", "padding_left padding_right"),
        ("17x19x23 -> ReplicationPad2d(11)", "padding"),
        ("17x19x23 -> upsample scale_factor=11 mode=bilinear", "scale_factor"),
        ("17x19x23 -> upsample size=(29, 31)", "size_H size_W"),
        ("17x19x23 -> AdaptiveAvgPool2d((None, 11))", "output_size_W"),
        ("1573x60 -> Fold((22, 15), 11)", "output_size_H output_size_W"),
        ("17x31 -> local 13 k11", "L k C_out"),
        ("17x31x41 -> local 13 k11", "H W k"),
        ("13x17 -> lstm 19 11", "hidden_size num_layers"),
        ("13x17 -> rnn 19 11 bidirectional=True", "hidden_size num_layers"),
        ("17x40x50 -> ConvTranspose2d(17, 19, 11, stride=7, padding=6, dilation=5)", "C_out k s p d"),
    ):
        entry = explain(elaborate(spec), full=full).layers[-1]
        named = {letter.name for letter in entry.letters}
        assert set(letters.split()) <= named, (spec, named)
        given = {size for letter in entry.letters if isinstance(size := letter.size, int) and size > 4}
        for step in steps(entry, PLAIN):
            if len(step.forms) > 1 and step.label != "together":
                written = {int(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d[\d,]*", step.forms[0])}
                assert not written & given, (spec, step)
        assert check_printed(entry)


def test_receptive_fields_say_along_which_axis_and_why():
    turned = flowing(run("10x32 -> rotary"))
    assert "size along T = r_T = 1 " in turned and "size along D = r_D + j_D = 1 + 1 = 2 " in turned
    windows = flowing(run("56x56x96 -> shiftedwindowattention 7 3 3"))
    assert "size along W = r_W + (w − 1)·j_W = 1 + (7 − 1)·1 = 7 " in windows
    assert "size along dim = dim = 96 (every unit reads the whole axis)" in windows
    assert "size along D = D = 32 (every unit reads the whole axis)" in flowing(run("10x32 -> layernorm"))
    assert "size = T = 10 (each unit reads the positions up to its own)" in flowing(run("10x32 -> rnn 20"))
    up = flowing(run("3x8x8 -> upsample scale_factor=3 mode=bicubic"))
    assert "start = b + (⌊(1 − scale_factor)/(2·scale_factor)⌋ − 1)·j = 0 + (⌊(1 − 3)/(2·3)⌋ − 1)·1 = −2" in up


def test_quotients_that_divide_have_no_floor():
    """By the layer's own condition, and by that alone."""
    assert "weight [C_out, C/g, k, k]: C_out × C/g × k × k = 16 × 8/4 × 3 × 3" in run("8x12x12 -> conv 16 k3 g4")
    assert "((C/num_groups)·H·W − 1) add" in run("8x12x12 -> groupnorm 4")
    assert "⌊(H + 2·p − k)/s⌋ + 1" in run("8x12x12 -> conv 16 k3 g4")


def test_transposed_convolutions_of_letters_name_their_parts():
    """What is long in the network's letters is a letter of the layer, too, and the totals name what recurs."""
    spec = "8xDxHxW -> ConvTranspose3d(8, 4, K, stride=S, padding=P)"
    lines = run(spec).splitlines()
    text = flowing("\n".join(lines))
    assert "Σ W x: C_out × (C·n_D·n_H·n_W − m_D·m_H·m_W) add = 4 × (8·n_D·n_H·n_W − m_D·m_H·m_W) add" in text
    assert "m_W = min(n_W, W_out)" in text and "where a = max(P − min(D·S, K), 0)" in text
    assert len(lines) < 200 and max(map(len, lines)) <= 80
    explanation, tried = explain(elaborate(spec)), 0
    rng = random.Random("letters")
    while tried < 40:
        at = {name: rng.randint(1, 6) for name in "DHWKSP"}
        with suppress(SpecError):
            numbers = analyze(elaborate(spec, sizes=at))
            check_at(explanation, numbers, **at)
            tried += 1
    with pytest.raises(AssertionError):  # the control
        check_at(explanation, numbers, **{**at, "K": at["K"] + 1})


def test_options_that_contradict_are_refused():
    for options, said in ((["--brief", "--full"], "choose one"), (["--fragment"], "--format latex")):
        refused = CliRunner().invoke(command, ["lenet5", *options])
        assert refused.exit_code == 2 and said in refused.output


def test_details_of_the_text():
    assert "(n − 1) add = (10 − 1) add = 9 add" in run("10 -> softmax")
    assert "together = 32·K² + 4\n" in run("8x9x9 -> conv 4 kernel_size=K", "conv1")
    brief = run("lenet5", "--brief")
    assert "together = " in brief and re.search(r"W ∗ x: .* add\n +(= .* add\n +)?= 117,600 mul", brief)
