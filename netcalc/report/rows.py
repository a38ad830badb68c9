"""What every rendering of a report shows: the same rows of texts, made once."""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

from netcalc.analysis.blocks import Block, blocks
from netcalc.analysis.operations import by_kind
from netcalc.analysis.report import CONVENTION, LayerReport, Report, plain, shown
from netcalc.dims import Dim, text
from netcalc.layers.base import Shape, alone, crossed, shape_text
from netcalc.records import NamedTuple

HEADER = ("layer", "kind", "output", "parameters", "params", "macs", "flops", "field", "stride", "start")


class Row(NamedTuple):
    """One layer's figures as texts for people (``132,097``)."""

    layer: str
    kind: str
    output: str
    tensors: tuple[str, ...]
    params: str
    macs: str
    flops: str
    field: str
    stride: str
    start: str


def tensor(name: str, shape: tuple[Dim, ...]) -> str:
    """``weight [512, 256]``"""
    return f"{name} [{', '.join(text(size, grouped=False) for size in shape)}]"


def axes(values: Any, sign: bool = False) -> str:
    """One figure an axis, joined by x; one alone where all are equal is written for every axis."""
    if values is None:
        return ""
    texts = [_signed(value) if sign else _plain(value) for value in values]
    return crossed(texts) if not sign else ",".join(texts)


def field_text(field: Any) -> str:
    """The size of a field: ``14x14``, or ``92…100x92…100`` where it differs from unit to unit."""
    if field is None:
        return ""
    ends = zip(field.minimum, field.size)
    spans = [(_plain(least), _plain(most)) for least, most in ends]
    return "x".join(alone(most) if least == most else f"{alone(least)}…{alone(most)}" for least, most in spans)


def _plain(value: Any) -> str:
    return "?" if value is None else str(plain(value))


def _signed(value: Any) -> str:
    return _plain(value).replace("-", "−")


def row(layer: LayerReport | Block) -> Row:
    """The texts of one layer or block."""
    field = layer.receptive_field
    shared = dict(layer.shared)
    tensors = tuple(
        tensor(name, shape) + (f" = {shared[name].replace(':', '.')}" if name in shared else "")
        for name, shape in layer.parameters.items()
    )
    return Row(
        layer.name,
        layer.kind,
        shape_text(layer.output_shape),
        tensors,
        shown(layer.own_params),
        shown(layer.macs),
        bound(layer.uncounted) + shown(layer.flops),
        field_text(field),
        axes(field and field.stride),
        axes(field and field.start, sign=True),
    )


def parts(report: Report, depth: int | None) -> Sequence[LayerReport | Block]:
    """What gets a row: every layer, or the blocks down to ``depth``."""
    return report.layers if depth is None else blocks(report, depth)


def rows(report: Report, depth: int | None = None) -> list[Row]:
    return [row(part) for part in parts(report, depth)]


def total_row(report: Report) -> Row:
    """The texts of the totals below the layers."""
    totals = report.totals
    flops = bound(report.uncounted) + shown(totals.flops)
    return Row("total", "", "", (), shown(totals.params), shown(totals.macs), flops, "", "", "")


def exact_rows(report: Report, depth: int | None = None) -> list[tuple[str, ...]]:
    """The rows for programs: digits without separators, formulas as Python expressions, a last row of totals."""
    found = []
    for layer in parts(report, depth):
        field = layer.receptive_field
        found.append(
            (
                layer.name,
                layer.kind,
                exact_shape(layer.output_shape),
                "; ".join(f"{name} {_listed(shape)}" for name, shape in layer.parameters.items()),
                *_exact_totals(layer.own_params, layer),
                *(crossed(map(_plain, part)) for part in _figures(field)),
            )
        )
    output = "; ".join(named(report.outputs, exact_shape))
    found.append(("total", "", output, "", *_exact_totals(report.totals.params, report), "", "", ""))
    return found


def _figures(field: Any) -> tuple[Any, Any, Any]:
    return (field.size, field.stride, field.start) if field else ((), (), ())


def _exact_totals(params: Dim, part: LayerReport | Block | Report) -> tuple[str, str, str]:
    """Parameters, MACs and FLOPs for programs."""
    return str(plain(params)), str(plain(part.macs)), bound(part.uncounted) + str(plain(part.flops))


def exact_shape(shape: Shape) -> str:
    """As a spec takes it: ``3x(H - 2)x(W//2)``."""
    return crossed(str(plain(size)) for size in shape) or "scalar"


def _listed(shape: tuple[Dim, ...]) -> str:
    return f"[{', '.join(str(plain(size)) for size in shape)}]"


def bound(uncounted: object) -> str:
    """The sign of a figure that leaves something out."""
    return "≥ " if uncounted else ""


def ops_text(report: Report) -> str:
    """``131,584 mul + 131,584 add + 512 max``"""
    kinds = by_kind(report.ops, report.uncounted)
    return " + ".join(f"{bound(names)}{shown(count)} {kind}" for kind, count, names in kinds) or "nothing"


def bytes_text(count: int) -> str:
    """A number of bytes in binary units, as the unit says.

    >>> bytes_text(528388), bytes_text(12)
    ('516.0 KiB', '12 B')
    """
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def trainable(report: Report) -> str:
    """How many of the parameters learn."""
    return "all trainable" if report.trainable == report.params else f"{shown(report.trainable)} trainable"


def weighed(count: Dim, weight: Dim, dtype: str) -> str:
    """``132,097 (516.0 KiB as float32)``; formulas stand alone."""
    return f"{shown(count)} ({bytes_text(weight)} as {dtype})" if isinstance(weight, int) else shown(count)


def summary(report: Report) -> list[tuple[str, str]]:
    """The totals, each with its name and its convention."""
    totals = report.totals
    exact = isinstance(totals.flops, int)
    lines = [
        ("parameters", f"{weighed(totals.params, report.parameter_bytes, report.dtype)}, {trainable(report)}"),
        (
            f"FLOPs ({CONVENTION})",
            f"{bound(report.uncounted)}{shown(totals.flops)}" + (f" = {ops_text(report)}" if exact else ""),
        ),
        ("MACs", shown(totals.macs)),
        ("activations", weighed(totals.activations, report.activation_bytes, report.dtype)),
    ]
    if not exact:  # a formula a kind, each on its own line
        lines[2:2] = [
            (f"  {kind}", bound(names) + shown(n)) for kind, n, names in by_kind(totals.ops, report.uncounted)
        ]
    if not (isinstance(totals.buffers, int) and totals.buffers == 0):
        lines.insert(1, ("buffers", shown(totals.buffers)))
    lines += [(name, f"{shown(c.flops)} FLOPs, {shown(c.macs)} MACs") for name, c in report.conventions.items()]
    if report.batch_reductions:
        lines.append(("per sample", batch_reductions(report)))
    if len(report.outputs) > 1:
        lines.append(("outputs", ", ".join(named(report.outputs))))
    if report.conditions:
        lines.append(("holds when", ", ".join(report.conditions)))
    if report.uncounted:
        lines.append(("uncounted", "; ".join(report.uncounted)))
    return lines


def holds_when_markdown(conditions: Iterable[str]) -> str:
    """The conditions as a sentence: Holds when `H ≥ 7`, `W ≥ 7`."""
    return f"Holds when {', '.join(f'`{one}`' for one in conditions)}."


def batch_reductions(report: Report) -> str:
    """How the count of what is taken sample by sample differs from torch's, over the whole batch."""
    batch: Dim = 1 if report.batch is None else report.batch
    found = []
    for name, how in report.batch_reductions.items():
        more, fewer = batch - 1, "" if how == "sum" else " and as many div fewer"
        if how == "mean and variance":  # of each channel
            more = report[name].output_shape[1] * more
            fewer = f", {shown(2 * more)} div and {shown(more)} sqrt fewer"
        theirs = f"torch's one {how} over the batch has {shown(more)} add more{fewer}"
        found.append(f"{name}: its {how}, {shown(batch)} times; {theirs}")
    return "; ".join(found)


def title(report: Report) -> str:
    """``256 → 1``, with the names where there are several, and with the batch."""
    inputs = ", ".join(named([node for node in report.nodes if not node.node.inputs]))
    outputs = ", ".join(named(report.outputs))
    batch = "" if report.batch is None else f"  (batch {shown(report.batch)})"
    return f"{inputs} → {outputs}{batch}"


def named(ends: Sequence[LayerReport], written: Callable[[Shape], str] = shape_text) -> list[str]:
    """The shapes of inputs or outputs, each behind its name where there are several: ``logits 10``."""
    return [f"{end.name} " * (len(ends) > 1) + written(end.output_shape) for end in ends]
