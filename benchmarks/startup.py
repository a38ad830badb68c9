"""What the command costs beyond the imports that any such command needs: whole processes, in alternating pairs."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.table import Table
from benchmarks.timing import seconds

LIMIT = 1.5
IMPORTS = "import click; from rich.console import Console; from rich.table import Table"
COMMAND = "import sys; from netcalc.cli import main; sys.exit(main())"  # what the installed script does
FORMATS = {"table": ["--format", "table"], "piped": [], "--json": ["--json"]}


def process(code: str, *arguments: str, env: dict[str, str]) -> None:
    """Run a Python process to its end; raises CalledProcessError where it fails."""
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def environment(bytecode: str) -> dict[str, str]:
    """The children's: compiled modules may be kept, in a folder of our own; netcalc is that of this source tree."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, env.get("PYTHONPATH", "")]))
    return {**env, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONPATH": path, "COLUMNS": "80"}


def tables(quick: bool = False, pairs: int = 0) -> list[Table]:
    """``netcalc mlp 256-512-1`` in each format beside the imports alone."""
    pairs = pairs or (5 if quick else 25)
    rows = []
    with TemporaryDirectory() as bytecode:
        env = environment(bytecode)
        imports = partial(process, IMPORTS, env=env)
        for name, options in FORMATS.items():
            command = partial(process, COMMAND, "mlp", "256-512-1", *options, env=env)
            imports(), command()  # compile and fill the disk's cache
            ours: list[float] = []
            theirs: list[float] = []
            for place in range(pairs):
                for action, times in [(command, ours), (imports, theirs)][:: -1 if place % 2 else 1]:
                    times.append(seconds(action))
            ratio = median(mine / other for mine, other in zip(ours, theirs))
            rows.append((name, f"{median(ours) * 1e3:.0f}", f"{median(theirs) * 1e3:.0f}", f"{ratio:.2f}", f"{LIMIT}"))
    header = ("netcalc mlp 256-512-1", "netcalc ms", "imports ms", "ratio", "limit")
    note = f"medians of {pairs} alternating pairs of whole processes; imports: click, rich.console and rich.table alone"
    return [Table("Start-up", header, rows, (note,))]
