"""A network: nodes in written order, each a layer applied to the outputs of earlier nodes.

A :class:`Graph` is frozen and well-formed by construction: its :class:`Builder` checks every layer against the
shapes that reach it. Written order is topological order, so every analysis is one pass over ``graph.nodes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from netcalc.dims import Dim, Expr, substitute, symbols
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.layers.base import Applied, Condition, Layer, Shape, shape_text
from netcalc.layers.input import Input
from netcalc.records import NamedTuple, cached_property

MAX_NODES = 200_000


class Node(NamedTuple):
    """One use of a layer. ``inputs`` are the indices of the nodes that feed it.

    ``name`` is a dotted path: its blocks, then its own name (``layer3.0.conv2``). ``shared`` maps a parameter's
    name to the node and parameter that owns the tensor, where the weights are not this node's own.
    """

    name: str
    applied: Applied
    inputs: tuple[int, ...]
    span: Span | None = None
    shared: tuple[tuple[str, str], ...] = ()

    @property
    def layer(self) -> Layer:
        return self.applied.layer

    @property
    def shape(self) -> Shape:
        """The shape of one sample's output."""
        return self.applied.output


@dataclass(frozen=True, repr=False)
class Graph:
    """A whole network: ``nodes`` in order, the indices of its ``outputs``, and the text it was read from.

    ``batch``: of how many samples together its layers are legal (all else in it is of one sample).
    """

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    source: str = ""
    source_name: str = ""
    batch: Dim = 1

    def __getitem__(self, name: int | str) -> Node:
        """The node of that name (or place in order)."""
        return self.nodes[self.index(name)]

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        inputs = ", ".join(shape_text(node.shape) for node in self.nodes if isinstance(node.layer, Input))
        outputs = ", ".join(shape_text(self.nodes[index].shape) for index in self.outputs)
        return f"<Graph {inputs} -> {outputs}, {sum(not isinstance(n.layer, Input) for n in self.nodes)} layers>"

    def index(self, name: int | str) -> int:
        """Where the node of that name stands. Raises SpecError with the nearest names for an unknown one."""
        if isinstance(name, int):
            return name
        for index, node in enumerate(self.nodes):
            if node.name == name:
                return index
        names = [node.name for node in self.nodes]
        raise SpecError(
            "unknown-node",
            f"no layer of this network is called {name!r}",
            expected="the name of a layer",
            found=name,
            hint=did_you_mean(name, names) or f"its layers: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}",
        )

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold of the letters, in order of the layers, each once."""
        return tuple(dict.fromkeys(condition for node in self.nodes for condition in node.applied.conditions))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The letters that are left in the network, sorted."""
        found: set[str] = set()
        for applied in {id(node.applied): node.applied for node in self.nodes}.values():  # equal uses share one
            for value in (*applied.output, *applied.layer.__dict__.values()):
                if type(value) is not int:
                    found.update(_symbols_of(value))
        return tuple(sorted(found))

    def substitute(self, sizes: Mapping[str, Dim]) -> Graph:
        """The same network with letters replaced. Raises SpecError for an unknown letter or a condition that fails."""
        known = self.symbols
        for name in sizes:
            if name not in known:
                raise SpecError(
                    "unknown-symbol",
                    f"no size of this network is called {name!r}",
                    expected=f"one of {', '.join(known)}" if known else "a network with letters",
                    found=name,
                    hint=did_you_mean(name, known),
                )
        return self._rebuilt(sizes, self.batch)

    def of_batch(self, batch: Dim) -> Graph:
        """The same network for so many samples together. Raises SpecError where a layer refuses that many.

        >>> from netcalc.spec import elaborate
        >>> [str(one) for one in elaborate("8xL -> groupnorm 8").conditions]
        ['L ≥ 2']
        >>> elaborate("8xL -> groupnorm 8").of_batch(2).conditions
        ()
        """
        if batch == self.batch or all(_takes_any_batch(node.layer) for node in self.nodes):
            return self
        return self._rebuilt({}, batch)

    def _rebuilt(self, sizes: Mapping[str, Dim], batch: Dim) -> Graph:
        builder = Builder(self.source, self.source_name, batch)
        for node in self.nodes:
            try:
                stated = node.applied.stated  # what follows from a size of 1 that a merge repeats is not what it was
                layer = stated.replace(**{k: _replaced(v, sizes) for k, v in stated.__dict__.items()})
            except ValueError as error:  # a value that a letter's declaration rules out
                raise error if isinstance(error, SpecError) else SpecError("condition-violated", str(error)) from None
            builder.add(layer, node.inputs, node.name, node.span, node.shared)
        return builder.graph(self.outputs)


def _takes_any_batch(layer: Layer) -> bool:
    return type(layer).batch_conditions is Layer.batch_conditions


def _symbols_of(value: Any) -> tuple[str, ...]:
    if isinstance(value, Expr):
        return symbols(value)
    if isinstance(value, tuple):
        return tuple(name for item in value for name in _symbols_of(item))
    return ()


def _replaced(value: Any, sizes: Mapping[str, Dim]) -> Any:
    if isinstance(value, Expr):
        return substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(_replaced(item, sizes) for item in value)
    return value


class Builder:
    """Puts a :class:`Graph` together, node by node, checking each layer against its inputs.

    >>> from netcalc.layers.linear import Linear
    >>> builder = Builder()
    >>> image = builder.add(Input((256,)), ())
    >>> hidden = builder.add(Linear(out_features=512), (image,))
    >>> builder.graph()
    <Graph 256 -> 512, 1 layers>
    """

    def __init__(self, source: str = "", source_name: str = "", batch: Dim = 1) -> None:
        self.nodes: list[Node] = []
        self.source, self.source_name, self.batch = source, source_name, batch
        self._applied: dict[Any, Applied] = {}
        self._counts: dict[str, int] = {}
        self._used: set[int] = set()
        self._names: set[str] = set()
        self._reserved: set[str] = set()

    def add(
        self,
        layer: Layer,
        inputs: tuple[int, ...],
        name: str = "",
        span: Span | None = None,
        shared: tuple[tuple[str, str], ...] = (),
    ) -> int:
        """Append a layer fed by earlier nodes and return its index. Raises SpecError where they do not fit."""
        if len(self.nodes) >= MAX_NODES:
            raise self.too_large()
        shapes = tuple([self.nodes[index].applied.output for index in inputs])
        makers: tuple[Applied, ...] = ()
        if type(layer).maker_conditions is not Layer.maker_conditions:
            makers = tuple([self.nodes[index].applied for index in inputs])
        key = (layer, shapes, makers)
        applied = self._applied.get(key)
        if applied is None:
            applied = self._applied[key] = Applied(layer, shapes, self.batch, makers)
        self._used.update(inputs)
        name = name or self.fresh_name(layer.kind.lower())
        if name in self._names:
            raise SpecError("name-taken", f"two layers are called {name!r}", hint="give one of them another name")
        self._names.add(name)
        self.nodes.append(Node(name, applied, inputs, span, shared))
        return len(self.nodes) - 1

    def copy(self, begin: int, end: int, start: int, names: list[str]) -> bool:
        """Append the nodes from ``begin`` to ``end`` once more under other names; False where one of these is taken.

        What they read from before ``begin`` they read now from node ``start``, whose shape must be the same.
        """
        if not self._names.isdisjoint(names):
            return False
        if len(self.nodes) + end - begin > MAX_NODES:
            raise self.too_large()
        shift = len(self.nodes) - begin
        for (_, applied, inputs, span, shared), name in zip(self.nodes[begin:end], names):
            inputs = tuple([index + shift if index >= begin else start for index in inputs])
            self._used.update(inputs)
            self.nodes.append(Node(name, applied, inputs, span, shared))
        self._names.update(names)
        return True

    def fresh_name(self, stem: str) -> str:
        """``stem`` with the next free number: ``conv1``, ``conv2``, …; ``relu6_1``."""
        joint = "_" if stem[-1:].isdigit() else ""
        while True:
            number = self._counts[stem] = self._counts.get(stem, 0) + 1
            name = f"{stem}{joint}{number}"
            if name not in self._names and name not in self._reserved:
                return name

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these for layers that will be called so: no fresh name is one of them."""
        self._reserved.update(names)

    def too_large(self) -> SpecError:
        return SpecError("too-large", f"the network has more than {MAX_NODES:,} layers", hint="use fewer repeats")

    def unused(self) -> tuple[int, ...]:
        """The nodes that feed no other: the ends of the network."""
        return tuple(index for index in range(len(self.nodes)) if index not in self._used)

    def graph(self, outputs: tuple[int, ...] = ()) -> Graph:
        """The finished network; its outputs are every unused end unless they are stated."""
        return Graph(tuple(self.nodes), outputs or self.unused(), self.source, self.source_name, self.batch)
