"""Linear layers with nothing between them are one linear layer: which, and what it saves."""

from __future__ import annotations

from typing import NamedTuple

from netcalc.analysis.operations import Ops
from netcalc.dims import Dim, minimum, product, total
from netcalc.dims import text as size_text
from netcalc.graph import Graph, Node
from netcalc.layers.base import Applied, Layer
from netcalc.layers.convolution import _Conv
from netcalc.layers.dropout import Dropout
from netcalc.layers.linear import Identity, Linear
from netcalc.layers.normalization import _BatchNorm


class Collapse(NamedTuple):
    """A run of linear layers and the single layer that computes the same.

    ``weight`` and ``bias`` say how it is computed from theirs; ``homogeneous`` is the same with W′ = [W b] on [x; 1].
    ``rank`` bounds the rank of the product: the narrowest width of the run. ``params`` are those that go with the run:
    a shared tensor once, and not where other layers use it too.
    """

    layers: tuple[str, ...]
    single: Layer
    weight: str
    bias: str
    homogeneous: str
    params: Dim
    params_after: Dim
    flops: Dim
    flops_after: Dim
    rank: Dim

    @property
    def saved(self) -> Dim:
        return self.params - self.params_after


def collapses(graph: Graph) -> tuple[Collapse, ...]:
    """Every run of two or more linear layers with nothing (or only identities and dropout) between them.

    >>> import netcalc
    >>> (found,) = collapses(netcalc.parse("256 -> linear 512 -> linear 10"))
    >>> found.layers, found.single, found.saved
    (('linear1', 'linear2'), Linear(in_features=256, out_features=10), 134144)
    >>> found.weight, found.bias
    ('W2 W1', 'W2 b1 + b2')
    """
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            readers.setdefault(source, []).append(index)
    found, seen = [], set()
    for index, node in enumerate(graph.nodes):
        if index in seen or not isinstance(node.layer, Linear):
            continue
        run = [index]
        here = index
        while (
            len(readers.get(here, [])) == 1
            and here not in graph.outputs
            and _passes(following := graph.nodes[readers[here][0]])
        ):
            here = readers[here][0]
            if isinstance(following.layer, Linear):
                run.append(here)
        seen.update(run)
        if len(run) > 1:
            rest = [node for i, node in enumerate(graph.nodes) if i not in run]
            found.append(_collapse([graph.nodes[i] for i in run], rest))
    return tuple(found)


def obstacles(graph: Graph) -> tuple[str, ...]:
    """Why nothing (more) collapses, a sentence for each pair of layers that follow one another; none if all do.

    >>> import netcalc
    >>> obstacles(netcalc.parse("64 -> linear 2"))
    ('only one linear layer',)
    >>> obstacles(netcalc.parse("32 -> linear 8 -> relu -> linear 4"))
    ('relu1 stands between linear1 and linear2',)
    """
    found: list[str] = []
    linear = [index for index, node in enumerate(graph.nodes) if isinstance(node.layer, Linear)]
    for index, node in enumerate(graph.nodes):
        if isinstance(node.layer, (Linear, _Conv)):
            found += _until_next(graph, index)
    if len(linear) < 2 and not any("compose" in one for one in found):
        found.insert(0, "only one linear layer" if linear else "there is no linear layer")
    elif len(linear) < 2:
        found.insert(0, "only linear layers are collapsed")
    return tuple(found) or (() if collapses(graph) else ("no linear layer reads another one",))


def _until_next(graph: Graph, index: int) -> list[str]:
    """What stands between a layer and the next of its kind."""
    kind = Linear if isinstance(graph.nodes[index].layer, Linear) else _Conv
    here, between, name = index, [], graph.nodes[index].name
    while True:
        readers = [i for i, node in enumerate(graph.nodes) if here in node.inputs]
        if len(readers) > 1 or readers and here in graph.outputs:
            return [f"{graph.nodes[here].name} is read in several places"] if kind is Linear else []
        if not readers:
            return []
        here = readers[0]
        node = graph.nodes[here]
        if isinstance(node.layer, kind):
            break
        if isinstance(node.layer, (Linear, _Conv)):
            return []
        if not _passes(node):
            between.append(node)
    names = " and ".join(one.name for one in between)
    norms = bool(between) and all(isinstance(one.layer, _BatchNorm) for one in between)
    pair = f"{name} and {node.name}"
    first, second = graph.nodes[index].layer, node.layer
    if isinstance(first, _Conv) and isinstance(second, _Conv):
        return [] if between else [f"{pair} {_composed(first, second)}"]
    if norms:
        return [
            f"{names} stands between {pair}: it is affine at inference, when its statistics are fixed numbers, "
            "so the three are one linear layer then; it is not folded here"
        ]
    return [f"{names} {'stands' if len(between) == 1 else 'stand'} between {pair}"] if between else []


def _composed(first: _Conv, second: _Conv) -> str:
    """What two convolutions with nothing between them are."""
    told = "compose to one convolution (linear, but not collapsed here)"
    steps = (*first.axes("stride"), *first.axes("dilation"), *second.axes("dilation"))
    if all(step == 1 for step in steps):
        kernel = " x ".join(size_text(a + b - 1) for a, b in zip(first.axes("kernel_size"), second.axes("kernel_size")))
        told += f": its kernel is k1 + k2 − 1 = {kernel}"
    padded = any(size != 0 for pair in second.paddings() for size in pair)
    return told + (", but for the border where the second one pads" if padded else "")


def _passes(node: Node) -> bool:
    """Is this a linear layer, or nothing at inference?"""
    return isinstance(node.layer, (Linear, Identity, Dropout)) and len(node.inputs) == 1


def _tensors(nodes: list[Node]) -> dict[str, Dim]:
    """The parameters of layers and their sizes, a shared one once, by the place that has it."""
    return {
        dict(node.shared).get(tensor, f"{node.name}:{tensor}"): product(shape)
        for node in nodes
        for tensor, shape in node.applied.parameters.items()
    }


def _collapse(run: list[Node], rest: list[Node]) -> Collapse:
    elsewhere = _tensors(rest)
    layers: list[Linear] = [node.layer for node in run]  # type: ignore[misc]
    biased = [i for i, layer in enumerate(layers, 1) if layer.bias]
    single = Linear(in_features=layers[0].in_features, out_features=layers[-1].out_features, bias=bool(biased))
    after = Applied(single, run[0].applied.inputs)
    last = len(layers)
    terms = [" ".join([*(f"W{j}" for j in range(last, i, -1)), f"b{i}"]) for i in biased]
    return Collapse(
        tuple(node.name for node in run),
        after.layer,
        " ".join(f"W{i}" for i in range(last, 0, -1)),
        " + ".join(terms) or "0",
        " ".join(
            f"[W{i} {f'b{i}' if i in biased else '0'}; 0 1]"
            if i < last
            else f"[W{i} {f'b{i}' if i in biased else '0'}]"
            for i in range(last, 0, -1)
        ),
        total(size for tensor, size in _tensors(run).items() if tensor not in elsewhere),
        total(product(shape) for shape in after.parameters.values()),
        total(Ops.of(node.applied.work.lines).total for node in run),
        Ops.of(after.work.lines).total,
        minimum(layers[0].in_features, *(layer.out_features for layer in layers)),
    )
