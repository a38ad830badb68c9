"""Text to finished report, conditions included, with letters for sizes beside the same network on numbers."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory

import netcalc
from benchmarks import nets
from benchmarks.scaling import report
from benchmarks.startup import environment
from benchmarks.table import Table
from benchmarks.timing import seconds
from netcalc.spec.letters import lettered

LETTERS = {"resnet50": "H,W", "unet-same": "H,W", "vit_b_16": "C", "transformer-base": "S,T", "gpt2": "T"}
LIMITS = {"resnet50": 300}
"""Milliseconds that the first report with letters may take."""
FIRST = (
    "import sys; from benchmarks.letters import formulas; from benchmarks.timing import seconds;"
    "text = sys.stdin.read(); print(seconds(lambda: formulas(text, sys.argv[1])))"
)


def formulas(text: str, letters: str) -> netcalc.Report:
    """Everything that netcalc says of a spec with these letters: totals and conditions included."""
    graph, batch = lettered(text, letters.split(","))
    found = netcalc.analyze(graph, batch)
    found.totals, found.conditions  # noqa: B018 (computed when they are first asked for)
    return found


def first(text: str, letters: str, env: dict[str, str]) -> float:
    """How long the first report of a new process takes: nothing is known from an earlier one, layers are imported."""
    command = [sys.executable, "-c", FIRST, letters]
    return float(subprocess.run(command, input=text, env=env, check=True, capture_output=True, text=True).stdout)


def tables(quick: bool = False, specs: dict[str, str] | None = None, pairs: int = 0) -> list[Table]:
    """Letters and numbers in alternating pairs; the ratio of each pair, and the first report of a process."""
    specs = specs or dict([*LETTERS.items()][: 1 if quick else None])
    pairs = pairs or (3 if quick else 15)
    with TemporaryDirectory() as bytecode:
        rows = [row(name, letters, pairs, environment(bytecode)) for name, letters in specs.items()]
    header = ("network", "letters", "numbers ms", "letters ms", "ratio", "first ms", "limit ms")
    notes = (
        f"medians of {pairs} alternating pairs, text to finished report, with the conditions on the letters",
        "first: the same with letters in a new process, where no formula is known yet and the layers are imported;"
        " the limit is for this",
    )
    return [Table("Letters beside numbers", header, rows, notes)]


def row(name: str, letters: str, pairs: int, env: dict[str, str]) -> tuple[str, ...]:
    """One network."""
    text = nets.zoo(name)[name]
    actions = {"numbers": partial(report, text), "letters": partial(formulas, text, letters)}
    times: dict[str, list[float]] = {which: [] for which in actions}
    for action in actions.values():
        action()
    for place in range(pairs):
        for which in [*actions][:: -1 if place % 2 else 1]:
            times[which].append(seconds(actions[which]))
    ratio = median(mine / other for mine, other in zip(times["letters"], times["numbers"]))
    first(text, letters, env)  # compile, once
    start = median(first(text, letters, env) for _ in range(3))
    figures = [f"{1e3 * median(times[which]):.2f}" for which in actions]
    return name, letters, *figures, f"{ratio:.2f}", f"{1e3 * start:.0f}", str(LIMITS.get(name, "–"))
