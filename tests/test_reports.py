"""What reports say in every format: named outputs, folded rows that add up, both counts of causal attention."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from io import StringIO

import pytest
from rich.console import Console

import netcalc
from netcalc.analysis.blocks import blocks, folded
from netcalc.analysis.operations import Ops
from netcalc.dims import evaluate
from netcalc.report import as_csv, as_markdown, html, plain_rows, plain_table
from netcalc.report.rows import rows, summary
from netcalc.report.table import report_table
from netcalc.spec.shipped import shipped_names, shipped_text

BRANCHED = """
input image: 3x32x32
conv 16 k3 p1 -> relu as trunk
conv 4 k1 as aux
input text: 12x64
lstm 32 as words
from trunk -> gap -> linear 10 as logits
output logits aux words
"""
FIGURES = ("params", "macs", "flops")


def table(report, width: int, depth: int | None = None) -> str:
    console = Console(width=width, highlight=False, record=True, file=StringIO())
    console.print(report_table(report, width, depth))
    return console.export_text()


@cache
def shipped(name: str):
    return netcalc.analyze(shipped_text(name))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("name", ["lenet5", "resnet50", "mlp"])
def test_columns_that_find_no_room_are_named(name, width):
    """Each column that is there with room enough is in the table or in the line below it, which says how much is."""
    report, marks = shipped(name), {"kind", "parameters", "MACs", "field", "stride", "start"}

    def heads(width):
        return marks & set(table(report, width, 1).splitlines()[1].split())

    found = re.search(r"left out +(.*?): at (\d+) columns, or --json", " ".join(table(report, width, 1).split()))
    named = set(found[1].split(", ")) if found else set()
    assert not named & heads(width) and named | heads(width) == heads(1000)
    if found:
        enough = int(found[2])
        assert enough > width and heads(enough) == heads(1000) != heads(enough - 1)


# ---------------------------------------------------------------- several inputs and outputs


@pytest.mark.parametrize(
    "write",
    [as_markdown, html, plain_table, lambda r: table(r, 80), lambda r: table(r, 120), lambda r: str(summary(r))],
    ids=["markdown", "html", "plain table", "table of 80", "table of 120", "summary"],
)
def test_every_output_is_named_with_its_shape(write):
    assert "logits 10, aux 4x32x32, words 12x32" in write(netcalc.analyze(BRANCHED))
    alone = write(netcalc.analyze("3x8x8 -> conv 4 k3 as body"))
    assert "body 4x6x6" not in alone and "outputs" not in alone


def test_titles_name_several_inputs():
    title = "image 3x32x32, text 12x64 → logits 10, aux 4x32x32, words 12x32"
    report = netcalc.analyze(BRANCHED)
    assert all(title in write(report) for write in (html, plain_table, lambda r: table(r, 80)))


@pytest.mark.parametrize("write", [plain_rows, as_csv])
def test_rows_for_programs_name_every_output(write):
    total = write(netcalc.analyze(BRANCHED)).splitlines()[-1]
    assert "logits 10; aux 4x32x32; words 12x32" in total
    assert "aux" not in write(netcalc.analyze("8 -> linear 4 as aux")).splitlines()[-1]


def test_outputs_in_latex_and_markdown_of_the_explanation():
    from click.testing import CliRunner

    from netcalc.cli import main

    for format in ("text", "markdown", "latex"):
        said = CliRunner().invoke(main, ["explain", "-", "--brief", "--format", format], input=BRANCHED).stdout
        assert all(name in said.partition("conv1")[0] for name in ("logits", "aux", "words", "image", "text"))


# ---------------------------------------------------------------- folded to blocks


def figures(cells) -> tuple[int, ...]:
    return tuple(int(cell.replace(",", "")) for cell in cells)


def read_plain(report, depth):
    lines = [line.split("\t") for line in plain_rows(report, depth).splitlines()]
    return [figures(line[4:7]) for line in lines[1:]]


def read_csv(report, depth):
    return [figures(line[4:7]) for line in [*csv.reader(as_csv(report, depth).splitlines())][1:]]


def read_markdown(report, depth):
    lines = [line.split("|") for line in as_markdown(report, depth).splitlines() if line.startswith("| ")]
    return [figures(cell.strip(" *") for cell in line[5:8]) for line in lines[1:]]


def read_json(report, depth):
    found = json.loads(json.dumps(folded(report, depth)))
    return [tuple(row[figure] for figure in FIGURES) for row in [*found["layers"], found["totals"]]]


def read_table(report, depth):
    """The figures that end where their heads end; a column of zeros alone is not shown."""
    _, head, _, *lines = table(report, 400, depth).splitlines()
    last = next(index for index, line in enumerate(lines) if line.startswith("total"))
    ends = [head.index(name) + len(name) if name in head else 0 for name in ("params", "MACs", "FLOPs")]
    starts = [line for line in lines[: last + 1] if line[:1].strip()]
    return [figures(line[:end].split()[-1] if end else "0" for end in ends) for line in starts]


READERS = {"plain": read_plain, "csv": read_csv, "markdown": read_markdown, "json": read_json, "table": read_table}


def depths(report) -> range:
    return range(1, max(layer.name.count(".") + 1 for layer in report.layers) + 1)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", shipped_names())
def test_folded_rows_add_up_in_every_format(name, read):
    report = shipped(name)
    for depth in depths(report):
        *body, total = read(report, depth)
        assert len(body) == len({".".join(layer.name.split(".")[:depth]) for layer in report.layers})
        assert tuple(map(sum, zip(*body))) == total == (report.params, report.macs, report.flops)


@pytest.mark.parametrize("name", shipped_names())
def test_blocks_add_up_kind_by_kind(name):
    report = shipped(name)
    for depth in depths(report):
        found = blocks(report, depth)
        assert Ops.sum(block.ops for block in found) == report.ops
        assert sum(block.activations for block in found) == report.activations


def test_rows_that_do_not_add_up_are_found():
    report = shipped("resnet18")
    for read in READERS.values():
        *body, total = read(report, 1)
        assert tuple(map(sum, zip(*body[1:]))) != total


def test_a_formula_adds_up_too():
    report = netcalc.analyze("T x D -> repeat 3 { residual { linear 4*D -> linear D } } as body -> linear K")
    assert sum(block.flops for block in blocks(report, 1)) == report.flops
    assert [row.layer for row in rows(report, 1)] == ["body", "linear1"]


# ---------------------------------------------------------------- conventions


def causal_pairs(queries: int, keys: int) -> int:
    return sum(key <= query for query in range(queries) for key in range(keys))


@pytest.mark.parametrize("queries, keys, heads, groups", [(5, 5, 2, 2), (3, 7, 1, 1), (7, 3, 4, 2), (1, 4, 2, 1)])
def test_causal_attention_by_both_conventions(queries, keys, heads, groups):
    """Counted pair by pair: the pairs seen, and the full square."""
    d, e = 3, 2
    report = netcalc.analyze(
        f"input q: {queries}x{heads * d}\ninput k: {keys}x{groups * d}\ninput v: {keys}x{groups * e}\n"
        f"from q -> sdpa {heads} {groups} causal with k v"
    )

    def brute(pairs_of_a_query) -> tuple[int, int]:
        flops = macs = 0
        for _ in range(heads):
            for query in range(queries):
                seen = pairs_of_a_query(query)
                flops += seen * (2 * d - 1)  # scores
                flops += seen  # scaled
                flops += 3 * seen - 1  # softmax: exp, add, div
                flops += e * (2 * seen - 1)  # weighted sum
                macs += seen * (d + e)
        return flops, macs

    assert sum(min(query + 1, keys) for query in range(queries)) == causal_pairs(queries, keys)
    seen, square = brute(lambda query: min(query + 1, keys)), brute(lambda query: keys)
    assert report.conventions == {"causal, pairs seen": seen, "causal, full square": square}
    assert (report.flops, report.macs) == (seen[0], square[1])
    said = dict(summary(report))
    assert said["causal, pairs seen"] == f"{seen[0]:,} FLOPs, {seen[1]:,} MACs"
    assert said["causal, full square"] == f"{square[0]:,} FLOPs, {square[1]:,} MACs"
    assert report.to_dict()["conventions"]["causal, full square"] == {"flops": square[0], "macs": square[1]}


def test_conventions_leave_the_other_layers_alone_and_scale_with_the_batch():
    text = "T x 8 -> linear 8 as k -> linear 8 as v -> linear 8 -> sdpa 2 causal with k v -> linear 3"
    one, batch = netcalc.analyze(text, T=6), netcalc.analyze(text, batch=5, T=6)
    square = netcalc.analyze(text.replace(" causal", ""), T=6)
    assert one.conventions["causal, full square"] == (square.flops, square.macs)
    assert one.conventions["causal, pairs seen"][0] == one.flops
    for name, counted in one.conventions.items():
        assert batch.conventions[name] == tuple(5 * figure for figure in counted)
    letters = netcalc.analyze(text).conventions
    assert {
        name: tuple(evaluate(figure, {"T": 6}) for figure in counted) for name, counted in letters.items()
    } == one.conventions
    assert square.conventions == {} and netcalc.analyze("8 -> linear 8").conventions == {}


def test_the_explanation_names_both_conventions():
    from click.testing import CliRunner

    from netcalc.cli import main

    text = "6x8 -> linear 8 as k -> linear 8 as v -> linear 8 -> sdpa 2 causal with k v"
    for name, counted in netcalc.analyze(text)["sdpa1"].conventions.items():
        said = CliRunner().invoke(main, ["explain", text, "sdpa1"]).stdout
        assert f"{name}: {counted.flops:,} FLOPs, {counted.macs:,} MACs" in " ".join(said.split())


# ---------------------------------------------------------------- losses of a batch


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_a_batch_of_losses_differs_from_one_reduction_as_the_report_says(how):
    """A batch as one sample with one more axis is what torch reduces at once."""
    each = netcalc.analyze(f"64 -> identity as y -> linear 64 -> mse y reduction={how}", batch=32)
    once = netcalc.analyze(f"32x64 -> identity as y -> linear 64 -> mse y reduction={how}")
    assert each.output_shape == (32,) and once.output_shape == ()
    fewer = 31 if how == "mean" else 0
    assert (once.ops.add - each.ops.add, each.ops.div - once.ops.div) == (31, fewer)
    said = dict(summary(each))["per sample"]
    assert said.startswith(f"mseloss1: its {how}, 32 times") and "has 31 add more" in said
    assert ("as many div fewer" in said) == (how == "mean")
    assert each.to_dict()["reduced_per_sample"] == ["mseloss1"]


def test_a_batchs_own_statistics_differ_from_each_samples_as_the_report_says():
    """Of each channel a batch is what one sample with all of its positions is: torch takes these at once."""
    each = netcalc.analyze("3x10 -> bn track_running_stats=False", batch=4)
    once = netcalc.analyze("3x40 -> bn track_running_stats=False")
    assert (once.ops.add - each.ops.add, each.ops.div - once.ops.div, each.ops.sqrt - once.ops.sqrt) == (9, 18, 9)
    assert dict(summary(each))["per sample"].endswith("has 9 add more, 18 div and 9 sqrt fewer")
    assert each.to_dict()["reduced_per_sample"] == ["bn1"]
    assert netcalc.analyze("3x10 -> bn", batch=4).batch_reductions == {}


def test_without_a_batch_or_a_reduction_nothing_is_said():
    text = "64 -> identity as y -> linear 64 -> mse y"
    for report in (
        netcalc.analyze(text),
        netcalc.analyze(text, batch=1),
        netcalc.analyze(f"{text} reduction=none", batch=4),
    ):
        assert "per sample" not in dict(summary(report))
    assert "has N − 1 add more" in dict(summary(netcalc.analyze(text, batch="N")))["per sample"]
