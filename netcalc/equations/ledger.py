"""The ledger of a computation: of its forward pass, its backward pass, and an update of its parameters."""

from __future__ import annotations

from typing import NamedTuple

from netcalc.analysis.operations import Ops
from netcalc.dims import Dim, total
from netcalc.equations.inference import PARAMETER, Computation, Node
from netcalc.equations.operations import operation
from netcalc.layers.base import Line, Work


class Entry(NamedTuple):
    """The work of one node (or one of its edges), and what it is called."""

    label: str
    work: Work

    @property
    def ops(self) -> Ops:
        return Ops.of(self.work.lines)


class Ledger(NamedTuple):
    """Entries in order, and their sums."""

    entries: tuple[Entry, ...]

    @property
    def ops(self) -> Ops:
        return Ops.sum(entry.ops for entry in self.entries)

    @property
    def flops(self) -> Dim:
        return self.ops.total

    @property
    def macs(self) -> Dim:
        return total(entry.work.macs for entry in self.entries)

    @property
    def uncounted(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for entry in self.entries for name in entry.work.uncounted))


def forward_ledger(c: Computation) -> Ledger:
    """What the forward pass takes, by the textbook.

    >>> from netcalc.equations.inference import Given, infer
    >>> found = infer("f = W2 max(0, W1 x + b1) + b2", {"x": Given((256,)), "b1": Given((512,)), "f": Given((1,))})
    >>> forward_ledger(found).flops, forward_ledger(found).ops
    (263680, Ops(mul=131584, add=131584, max=512))
    """
    return Ledger(tuple(Entry(c.label(i), node_work(c, i)) for i, node in enumerate(c.nodes) if not node.is_leaf))


def node_work(c: Computation, index: int) -> Work:
    node = c.nodes[index]
    shapes = [c.nodes[i].shape for i in node.inputs]
    label = c.label(index)
    if node.operation == "matmul":
        label = " ".join(c.label(i) for i in node.inputs)
    elif node.operation in ("add", "sub"):
        label = f"{'+' if node.operation == 'add' else '−'} {c.label(node.inputs[1])}"
    return operation(node.operation).work(shapes, node.shape, node.options, label)


def carriers(c: Computation, wanted: tuple[str, ...] = ()) -> set[int]:
    """The nodes through which a parameter (or one of the ``wanted`` inputs) reaches the last equation."""
    reached: set[int] = set()
    for i, node in enumerate(c.nodes):
        is_wanted = node.operation == "input" and (c.roles[node.name] == PARAMETER or node.name in wanted)
        if is_wanted or any(j in reached for j in sloped(node)):
            reached.add(i)
    leads = {c.output}
    for i in range(len(c.nodes) - 1, -1, -1):
        if i in leads:
            leads.update(sloped(c.nodes[i]))
    return reached & leads


def sloped(node: Node) -> list[int]:
    """The arguments of a node in which its derivative is not 0 everywhere."""
    flat = () if node.is_leaf else operation(node.operation).flat
    return [j for place, j in enumerate(node.inputs) if place not in flat]


class Edge(NamedTuple):
    """From argument ``source`` to the node ``target`` that reads it as its argument number ``place``."""

    target: int
    place: int
    source: int


def edges(c: Computation, wanted: tuple[str, ...] = ()) -> list[Edge]:
    """The edges that the gradient runs along, from the last equation backwards."""
    carry = carriers(c, wanted)
    return [
        Edge(i, place, j)
        for i in range(len(c.nodes) - 1, -1, -1)
        if i in carry
        for place, j in enumerate(c.nodes[i].inputs)
        if j in carry and place not in operation(c.nodes[i].operation).flat
    ]


def backward_ledger(c: Computation, wanted: tuple[str, ...] = ()) -> Ledger:
    """What the backward pass takes: each edge that leads to a parameter, and the sums where branches meet."""
    entries, met = [], set()
    for edge in edges(c, wanted):
        node = c.nodes[edge.target]
        shapes = [c.nodes[i].shape for i in node.inputs]
        work = operation(node.operation).backward_work(edge.place, shapes, node.shape, node.options)
        if edge.source in met:
            work = work._replace(lines=(*work.lines, Line("+ the other branches", "add", c.nodes[edge.source].shape)))
        met.add(edge.source)
        entries.append(Entry(f"∂/∂{c.label(edge.source)} through {c.label(edge.target)}", work))
    return Ledger(tuple(entries))


def update_ledger(c: Computation, momentum: bool = False, weight_decay: bool = False) -> Ledger:
    """What one step of stochastic gradient descent takes for each parameter."""
    entries = []
    for name, shape in c.parameters.items():
        lines: list[Line] = []
        if weight_decay:
            lines += [Line("λ w", "mul", shape), Line("g + λ w", "add", shape)]
        if momentum:
            lines += [Line("μ v", "mul", shape), Line("v = μ v + g", "add", shape)]
        lines += [Line("α · step", "mul", shape), Line("w − α · step", "add", shape)]
        entries.append(Entry(name, Work(tuple(lines))))
    return Ledger(tuple(entries))


def all_edges(c: Computation) -> list[Edge]:
    """Every edge from a parameter or an input with numbers."""
    return edges(c, tuple(node.name for node in c.inputs))
