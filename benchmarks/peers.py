"""netcalc's text to finished report beside tools that are given the built torch model: times as ratios, and counts.

Each peer gets a float32 model made of real torch modules from netcalc's own spec, in evaluation mode, built before its
time begins. It is on the meta device, where nothing is computed, unless the peer's name says CPU: torchinfo is asked on
both, fvcore traces convolutions on the CPU alone.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import Any, NamedTuple

import netcalc
from benchmarks import nets
from benchmarks.scaling import report
from benchmarks.table import Table
from benchmarks.timing import least

Counts = tuple[int | None, int | None]
"""Parameters and multiply-accumulates as a tool prints them; None for what it does not say."""


def _torchinfo(model: Any, given: tuple[Any, ...]) -> Counts:
    from torchinfo import summary

    found = summary(model, input_data=list(given), verbose=0, device=given[0].device)
    return found.total_params, found.total_mult_adds


def _fvcore(model: Any, given: tuple[Any, ...]) -> Counts:
    from fvcore.nn import FlopCountAnalysis, parameter_count

    found = FlopCountAnalysis(model, given).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return parameter_count(model)[""], int(found.total())


def _ptflops(model: Any, given: tuple[Any, ...]) -> Counts:
    from ptflops import get_model_complexity_info

    quiet: dict[str, Any] = {"as_strings": False, "print_per_layer_stat": False, "backend": "pytorch"}
    macs, params = get_model_complexity_info(model, tuple(given[0].shape[1:]), **quiet)
    return params, macs


def _thop(model: Any, given: tuple[Any, ...]) -> Counts:
    from thop import profile

    macs, params = profile(model, inputs=given, verbose=False)
    return int(params), int(macs)


def _flop_counter(model: Any, given: tuple[Any, ...]) -> Counts:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(*given)
    return None, counter.get_total_flops() // 2


class Peer(NamedTuple):
    """A tool: the module that must be installed, what it is given, and how it is asked."""

    name: str
    module: str
    device: str
    ask: Callable[[Any, tuple[Any, ...]], Counts]

    @property
    def installed(self) -> bool:
        return find_spec("torch") is not None and find_spec(self.module) is not None


PEERS = (
    Peer("torchinfo, CPU", "torchinfo", "cpu", _torchinfo),
    Peer("torchinfo", "torchinfo", "meta", _torchinfo),
    Peer("fvcore, CPU", "fvcore", "cpu", _fvcore),
    Peer("ptflops", "ptflops", "meta", _ptflops),
    Peer("thop", "thop", "meta", _thop),
    Peer("FlopCounterMode", "torch", "meta", _flop_counter),
)


class Result(NamedTuple):
    """One network: netcalc's report and seconds; each peer's counts (or why there are none) and seconds."""

    name: str
    report: netcalc.Report
    seconds: float
    counts: dict[str, Counts | str]
    times: dict[str, float]


def ready(peer: Peer, graph: netcalc.Graph) -> Callable[[], Counts]:
    """A call of the peer on the network's model, which is built here."""
    import torch

    from netcalc.proof.network import Network, inputs_of

    with torch.device(peer.device):
        model = Network(graph).eval()
    inputs = inputs_of(graph, 1, peer.device)
    given = tuple(value.float() if value.is_floating_point() else value for value in inputs)

    def ask() -> Counts:
        with torch.no_grad(), warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            return peer.ask(model, given)

    return ask


def measure(name: str, text: str, rounds: int, budget: float) -> Result:
    """One network by netcalc and every installed peer, in turn."""
    actions: dict[str, Callable[[], object]] = {"netcalc": lambda: report(text)}
    counts: dict[str, Counts | str] = {}
    for peer in PEERS:
        if not peer.installed:
            counts[peer.name] = "not installed"
            continue
        ask = ready(peer, netcalc.parse(text))
        try:
            counts[peer.name] = ask()
        except Exception as error:  # a peer may fail in any way
            counts[peer.name] = f"fails: {type(error).__name__}"
        else:
            actions[peer.name] = ask
    times = least(actions, rounds, budget)
    return Result(name, report(text), times.pop("netcalc"), counts, times)


def tables(quick: bool = False, specs: dict[str, str] | None = None, rounds: int = 0) -> list[Table]:
    """Times and counts of the zoo and of the deep families (or of ``specs``)."""
    logging.disable(logging.WARNING)  # the peers' own
    if specs is None:
        small = {**nets.zoo("resnet18"), **nets.deep(10)}
        specs = small if quick else {**nets.zoo(*nets.ZOO), **nets.deep(*nets.DEPTHS)}
    rounds = rounds or (2 if quick else 7)
    results = [measure(name, text, rounds, budget=1.0 if quick else 4.0) for name, text in specs.items()]
    logging.disable(logging.NOTSET)
    return [speed(results, rounds), agreement(results)]


def speed(results: list[Result], rounds: int) -> Table:
    """netcalc's milliseconds, and every peer's time in multiples of netcalc's."""
    rows = []
    for result in results:
        cells = [
            f"{result.times[peer.name] / result.seconds:,.0f}×"
            if peer.name in result.times
            else str(result.counts[peer.name])
            for peer in PEERS
        ]
        rows.append((result.name, f"{result.seconds * 1e3:.2f}", *cells))
    notes = (
        "n×: the peer takes n times as long on the model built beforehand as netcalc from text to finished report",
        f"least of up to {rounds} runs in turn; on CPU where stated, else on the meta device, which computes nothing",
    )
    return Table("Speed beside other tools", ("network", "netcalc ms", *(peer.name for peer in PEERS)), rows, notes)


def agreement(results: list[Result]) -> Table:
    """What the peers print for parameters and MACs, held against netcalc's."""
    rows = []
    for result in results:
        ours = (result.report.params, result.report.macs)
        cells = [_compared(result.counts[peer.name], ours) for peer in PEERS]
        rows.append((result.name, " / ".join(f"{figure:,}" for figure in ours), *cells))
    notes = (
        "=: the same number, digit by digit; else how far the peer's figure is from netcalc's; –: it prints none",
        "each peer's own 'mult-adds', 'flops' or 'MACs' is taken as MACs; FlopCounterMode's FLOPs are halved",
    )
    header = ("parameters / MACs they print", "netcalc", *(peer.name for peer in PEERS))
    return Table("Do their figures agree?", header, rows, notes)


def _compared(counts: Counts | str, ours: tuple[Any, Any]) -> str:
    if isinstance(counts, str):
        return counts
    return " / ".join(
        "–" if theirs is None else "=" if theirs == own else f"{(theirs - own) / max(own, 1):+.2%}"
        for theirs, own in zip(counts, ours)
    )
