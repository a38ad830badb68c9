"""``python -m benchmarks``: all parts, or those that are named."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from benchmarks import letters, peers, scaling, startup
from benchmarks.table import Table

PARTS: dict[str, Callable[[bool], list[Table]]] = {
    "startup": startup.tables,
    "scaling": scaling.tables,
    "letters": letters.tables,
    "peers": peers.tables,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed of netcalc, as ratios in one run.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"one or more of {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and networks")
    parser.add_argument("--markdown", action="store_true", help="tables as Markdown")
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}: choose from {', '.join(PARTS)}")
    for part in options.parts or PARTS:
        for table in PARTS[part](options.quick):
            print(table.markdown() if options.markdown else table.plain(), flush=True)


if __name__ == "__main__":
    main()
