"""One input and one output volume, connected fully, locally, or by a convolution."""

from __future__ import annotations

from typing import NamedTuple

from netcalc.analysis.operations import Ops
from netcalc.dims import Dim, product
from netcalc.graph import Graph
from netcalc.layers.base import Applied, Shape
from netcalc.layers.convolution import _Conv
from netcalc.layers.linear import Linear


class Connection(NamedTuple):
    """One way to connect the volumes. ``connections`` are pairs of an input element and an output element."""

    way: str
    weights: Dim
    biases: Dim
    connections: Dim
    flops: Dim


class Comparison(NamedTuple):
    """The three ways for one convolution of a network."""

    layer: str
    inputs: Shape
    output: Shape
    ways: tuple[Connection, ...]


def comparisons(graph: Graph) -> tuple[Comparison, ...]:
    """For every convolution of a network: fully connected, locally connected and convolutional.

    Padding taps count as connections, as they count in the work.

    >>> import netcalc
    >>> (found,) = comparisons(netcalc.parse("3x32x32 -> conv 8 k5 p2"))
    >>> [(way.way, way.weights, way.connections) for way in found.ways]
    [('fully connected', 25165824, 25165824), ('locally connected', 614400, 614400), ('convolutional', 600, 614400)]
    """
    return tuple(_compare(node.name, node.applied) for node in graph.nodes if isinstance(node.layer, _Conv))


def _compare(name: str, conv: Applied) -> Comparison:
    layer, (x,), y = conv.layer, conv.inputs, conv.output
    assert isinstance(layer, _Conv)
    window = product((x[0] // layer.groups, *layer.axes("kernel_size")))
    full = Applied(Linear(out_features=product(y), bias=layer.bias), ((product(x),),))
    ways = (
        _connection("fully connected", full, product(x) * product(y)),
        Connection(
            "locally connected",
            product(y) * window,
            product(y) if layer.bias else 0,
            product(y) * window,
            Ops.of(conv.work.lines).total,
        ),
        _connection("convolutional", conv, product(y) * window),
    )
    return Comparison(name, x, y, ways)


def _connection(way: str, applied: Applied, connections: Dim) -> Connection:
    sizes = {name: product(shape) for name, shape in applied.parameters.items()}
    return Connection(way, sizes["weight"], sizes.get("bias", 0), connections, Ops.of(applied.work.lines).total)
