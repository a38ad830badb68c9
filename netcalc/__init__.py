"""netcalc: shapes, parameters, FLOPs and receptive fields of neural networks, exact and proved against PyTorch.

>>> import netcalc
>>> report = netcalc.analyze("3x32x32 -> conv 16 k3 s2 p1 -> relu -> flatten -> linear 10")
>>> report
<Report 4 layers -> 10: 41,418 parameters, 307,200 FLOPs (textbook)>
>>> report.layers[0].parameters, report.ops.max
({'weight': (16, 3, 3, 3), 'bias': (16,)}, 4096)
>>> netcalc.analyze("T x D -> linear 4*D", T=10).flops
80*D**2

Importing netcalc loads only the standard library; torch is loaded by :func:`verify` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netcalc._version import __version__
from netcalc.analysis.report import LayerReport, Report, samples_in
from netcalc.analysis.report import analyze as _analyze
from netcalc.dims import Dim
from netcalc.errors import Span, SpecError
from netcalc.graph import Graph
from netcalc.spec import elaborate, mlp_spec

if TYPE_CHECKING:
    from netcalc.analysis.field import UnitField
    from netcalc.proof.verification import Verification

__all__ = [
    "__version__",
    "Graph",
    "LayerReport",
    "Report",
    "Span",
    "SpecError",
    "analyze",
    "mlp",
    "parse",
    "receptive_field",
    "verify",
]


def parse(text: str, **sizes: Dim) -> Graph:
    """The network that a spec describes; ``sizes`` gives its letters and constants a value.

    >>> parse("3xHxW -> conv 16 k3", H=224)
    <Graph 3x224xW -> 16x222x(W − 2), 1 layers>

    Raises :class:`SpecError`, with the place of what is wrong.
    """
    return elaborate(text, sizes=sizes)


def mlp(widths: str, *, activation: str = "relu", output_activation: str = "", bias: bool = True) -> Graph:
    """A multilayer perceptron by its widths; an input of several axes is flattened first.

    >>> mlp("16x16-512-1")
    <Graph 16x16 -> 1, 4 layers>
    """
    return elaborate(mlp_spec(widths, activation, output_activation, bias))


def analyze(network: Graph | str, batch: Dim | str | None = None, dtype: str = "float32", **sizes: Dim) -> Report:
    """Shapes, parameters, operations and receptive fields of a network or a spec.

    ``batch`` (a number or a letter) adds the batch axis and multiplies the work; ``sizes`` gives letters (and, in a
    spec, constants) a value. FLOPs are the textbook's: each multiplication, addition, maximum, … counts 1.

    >>> analyze(mlp("256-512-1")).flops
    263680
    """
    if isinstance(network, str):
        return _analyze(elaborate(network, sizes=sizes, batch=samples_in(batch)), batch, dtype)
    return _analyze(network, batch, dtype, **sizes)


def receptive_field(
    network: Graph | str,
    of: str | int | None = None,
    unit: tuple[int, ...] | int | None = None,
    from_: str | int | None = None,
    ignore_normalization: bool = False,
) -> UnitField:
    """What layer ``of``, or exactly its unit at place ``unit``, reads of the input (or of layer ``from_``).

    >>> found = receptive_field("1x28x28 -> conv 6 k5 p2 -> avgpool 2 -> conv 16 k5", unit=(0, 9))
    >>> found.field.size, found.inside
    ((14, 14), ((0, 11), (16, 27)))

    See :func:`netcalc.analysis.field.receptive_field`.
    """
    from netcalc.analysis.field import receptive_field as find

    graph = parse(network) if isinstance(network, str) else network
    return find(graph, of, unit, from_, ignore_normalization)


def verify(network: Graph | str, **options: Any) -> Verification:
    """Every figure held against real torch modules; see :func:`netcalc.proof.verification.verify`.

    Raises ImportError where torch is not installed (``pip install "netcalc-nn[torch]"``).
    """
    from netcalc.proof.verification import verify as prove

    return prove(parse(network) if isinstance(network, str) else network, **options)


def _repr_mimebundle_(report: Report, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """How notebooks show a report: a table, and plain text where there is no HTML."""
    from netcalc.report import html, plain_table

    return {"text/html": html(report), "text/plain": plain_table(report)}


Report._repr_mimebundle_ = _repr_mimebundle_  # here, since analysis does not know how reports are rendered
