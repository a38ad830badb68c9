"""Linear layers with nothing between them are one linear layer: which, and what it saves."""

from __future__ import annotations

from typing import NamedTuple

from netcalc.analysis.operations import Ops
from netcalc.dims import Dim, minimum, product, total
from netcalc.graph import Graph, Node
from netcalc.layers.base import Applied, Layer
from netcalc.layers.dropout import Dropout
from netcalc.layers.linear import Identity, Linear


class Collapse(NamedTuple):
    """A run of linear layers and the single layer that computes the same.

    ``weight`` and ``bias`` say how it is computed from theirs; ``homogeneous`` is the same with W′ = [W b] on [x; 1].
    ``rank`` bounds the rank of the product: the narrowest width of the run.
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
            found.append(_collapse([graph.nodes[i] for i in run]))
    return tuple(found)


def _passes(node: Node) -> bool:
    """Is this a linear layer, or nothing at inference?"""
    return isinstance(node.layer, (Linear, Identity, Dropout)) and len(node.inputs) == 1


def _collapse(run: list[Node]) -> Collapse:
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
        total(product(shape) for node in run for shape in node.applied.parameters.values()),
        total(product(shape) for shape in after.parameters.values()),
        total(Ops.of(node.applied.work.lines).total for node in run),
        Ops.of(after.work.lines).total,
        minimum(layers[0].in_features, *(layer.out_features for layer in layers)),
    )
