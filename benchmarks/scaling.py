"""Text to finished report, for networks of growing depth."""

from __future__ import annotations

from functools import partial

import netcalc
from benchmarks import nets
from benchmarks.table import Table
from benchmarks.timing import least

LIMIT = 12


def report(text: str) -> netcalc.Report:
    """Everything that netcalc says of a spec, totals included."""
    found = netcalc.analyze(text)
    found.totals  # noqa: B018 (computed when they are first asked for)
    return found


def tables(
    quick: bool = False, sizes: tuple[int, int] = (1000, 10_000), depths: tuple[int, ...] = nets.DEPTHS
) -> list[Table]:
    """Two chains ten times apart, and the time a layer of each family at each depth."""
    rounds = 3 if quick else 15
    return [chains(sizes, rounds), families(depths, rounds)]


def chains(sizes: tuple[int, int], rounds: int) -> Table:
    """A chain against one of ten times its length."""
    short, long = sizes
    times = least({str(size): partial(report, nets.chain(size)) for size in sizes}, rounds)
    ratio = times[str(long)] / times[str(short)]
    row = (f"{short:,} and {long:,}", *(f"{times[str(size)] * 1e3:.1f}" for size in sizes), f"{ratio:.1f}", f"{LIMIT}")
    header = ("layers", "short ms", "long ms", "ratio", "limit")
    return Table("Chains written out", header, [row], (f"least of {rounds}",))


def families(depths: tuple[int, ...], rounds: int) -> Table:
    """Time in all and a layer, and how the time a layer compares with that of the shallowest network."""
    specs = nets.deep(*depths)
    times = least({name: partial(report, text) for name, text in specs.items()}, rounds)
    rows: list[tuple[str, ...]] = []
    for family in nets.FAMILIES:
        first = 0.0
        for name in (name for name in specs if name.startswith(f"{family}-")):
            layers = len(report(specs[name]).layers)
            each = times[name] / layers
            first = first or each
            rows.append((name, f"{layers:,}", f"{times[name] * 1e3:.2f}", f"{each * 1e6:.1f}", f"{each / first:.2f}"))
    header = ("network", "layers", "ms", "µs a layer", "to the first")
    return Table("Depth", header, rows, (f"least of {rounds}; depth counts layers with weights, 'layers' all of them",))
