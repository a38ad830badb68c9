"""Computation → :class:`~netcalc.graph.Graph`: the network that equations describe, where layers can say the same.

A product with a parameter matrix is a Linear layer (``W x``, ``x Wᵀ``, ``x W``), with the bias that is added to it;
activations, softmax, convolutions, poolings and losses are the layer kinds of their names; sums and products of data
are merges. So everything that is asked of a network can be asked of an equation: its receptive field, its table, torch.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Mapping, NoReturn

from netcalc.dims import Dim
from netcalc.equations.inference import PARAMETER, Computation, Node
from netcalc.equations.operations import ElementLoss, Elementwise, layer_of, operation
from netcalc.equations.windows import Windowed, channel_axes
from netcalc.errors import SpecError
from netcalc.graph import Builder, Graph
from netcalc.layers.base import Layer
from netcalc.layers.input import Input

_MERGES = ("add", "sub", "mul", "div")


def network(c: Computation) -> Graph:
    """The same network in layers. Raises SpecError ``no-layer`` at the first operation that no layer kind states.

    >>> from netcalc.equations.inference import Given, infer
    >>> found = infer("f = W2 max(0, W1 x + b1) + b2", {"x": Given((256,)), "b1": Given((512,)), "f": Given((1,))})
    >>> [node.layer for node in network(found).nodes]
    [Input(sizes=(256,)), Linear(in_features=256, out_features=512), ReLU(), Linear(in_features=512, out_features=1)]
    """
    return _Translator(c).graph()


class _Translator:
    def __init__(self, c: Computation) -> None:
        self.c = c
        self.builder = Builder()
        self.placed: dict[int, int] = {}  # nodes of the computation → nodes of the network
        self.readers: dict[int, list[int]] = {index: [] for index in range(len(c.nodes))}
        for index, node in enumerate(c.nodes):
            for source in node.inputs:
                self.readers[source].append(index)
        self.names = {index: name.replace("'", "_prime") for name, index in c.names.items()}
        self.biases: dict[int, int] = {}  # products → the bias that is added to them
        self.without_bias: dict[int, int] = {}  # sums that only add a bias → what they add it to
        for index, node in enumerate(c.nodes):
            for bias, rest in (node.inputs[::-1], node.inputs) if node.operation == "add" else ():
                if self.is_weight(bias) and (product := self.owner(rest, index, bias)) is not None:
                    self.biases[product], self.without_bias[index] = bias, rest
                    break
        for total, rest in self.without_bias.items():
            if total in self.names:
                self.names[rest] = self.names.pop(total)
        self.builder.reserve(self.names.values())
        self.owners: dict[int, str] = {}  # parameters met → the tensor in the network that has them

    def graph(self) -> Graph:
        for index, node in enumerate(self.c.nodes):
            if not self.is_weight(index):
                self.placed[index] = self.place(index, node)
        return self.builder.graph()

    # ------------------------------------------------------------ what is a weight

    def is_weight(self, index: int) -> bool:
        """Is it a parameter, or one turned round or repeated along the rows?"""
        node = self.c.nodes[index]
        if node.operation in ("transpose", "repeat", "reshape"):
            return self.is_weight(node.inputs[0])
        return node.operation == "input" and self.c.roles[node.name] == PARAMETER

    def leaf(self, index: int) -> int:
        """The parameter itself behind what turns it round or repeats it."""
        while self.c.nodes[index].inputs:
            index = self.c.nodes[index].inputs[0]
        return index

    def is_bias(self, bias: int, product: int) -> bool:
        """Has it one number for each output feature (or channel) of the product, whatever else it is repeated along?"""
        node = self.c.nodes[product]
        one = self.c.nodes[self.leaf(bias)]
        if node.operation == "matmul":
            features = 0 if self.is_weight(node.inputs[0]) else len(node.shape) - 1
        elif channel_axes([self.c.nodes[i].shape for i in node.inputs]):
            features = 0
        else:
            return one.shape in ((), (1,))  # an image without an axis of channels has one
        return len(one.shape) == 1 and self.c.nodes[bias].options.get("axis", features) == features

    def fail(self, index: int, hint: str = "") -> NoReturn:
        raise SpecError(
            "no-layer",
            f"no layer kind says what {self.c.label(index)} does here",
            expected="products with weights, activations, convolutions, poolings, softmax, sums of branches, losses",
            found=self.c.nodes[index].operation,
            hint=hint,
            span=self.c.nodes[index].expression.span,
            source=self.c.source,
        )

    # ------------------------------------------------------------ one node

    def at(self, source: int, index: int) -> int:
        """Where the network has what a node reads."""
        if source not in self.placed:
            self.fail(index, f"{self.c.label(source)} is a parameter: name it in --data if it is given")
        return self.placed[source]

    def put(
        self, layer: Layer, index: int, inputs: tuple[int, ...] = (), weights: Mapping[str, int] = MappingProxyType({})
    ) -> int:
        """The layer at the place of a node; ``weights`` say which parameters it has: each is counted once."""
        return self.add(layer, index, tuple(self.at(source, index) for source in inputs), weights)

    def turned(self, placed: int, index: int, named: bool = False) -> int:
        """Rows for columns: layers have samples as rows, and features on the last axis."""
        return self.add(layer_of("transpose")(0, 1), index, (placed,), named=named)

    def add(
        self,
        layer: Layer,
        index: int,
        sources: tuple[int, ...],
        weights: Mapping[str, int] = MappingProxyType({}),
        named: bool = True,
    ) -> int:
        """A layer fed by nodes of the network, for a node of the computation (which may take several layers)."""
        name = named and self.names.get(index) or self.builder.fresh_name(layer.words[0])
        leaves = {tensor: self.leaf(weight) for tensor, weight in weights.items()}
        shared = tuple((tensor, self.owners[leaf]) for tensor, leaf in leaves.items() if leaf in self.owners)
        for tensor, leaf in leaves.items():
            self.owners.setdefault(leaf, f"{name}:{tensor}")
        try:
            return self.builder.add(layer, sources, name, shared=shared)
        except SpecError as error:
            raise error.at(self.c.nodes[index].expression.span, self.c.source) from None

    def place(self, index: int, node: Node) -> int:
        if index in self.without_bias:
            return self.placed[self.without_bias[index]]
        rule: Any = operation(node.operation)
        shapes = [self.c.nodes[source].shape for source in node.inputs]
        if node.operation == "input":
            return self.put(Input(self.with_channels(index, node)), index)
        if node.operation == "matmul":
            return self.product(index, node)
        if node.operation == "reshape" and node.shape == shapes[0] and node.inputs[0] in self.placed:
            return self.placed[node.inputs[0]]  # a second name
        if node.operation in ("sum", "mean"):
            return self.put(layer_of(node.operation)(), index, node.inputs)
        if node.operation == "stack" and all(shapes):
            return self.put(layer_of("stack" if node.options.get("rows") else "concat")(), index, node.inputs)
        if node.operation == "cross_entropy":
            return self.cross_entropy(index, node)
        if node.operation == "transpose":
            return self.put(layer_of("transpose")(0, 1), index, node.inputs)
        if node.operation in ("softmax", "logsoftmax"):
            return self.put(layer_of(node.operation)(dim=self.softmax_axis(node)), index, node.inputs)
        if (learned := self.learned(index, node)) is not None:
            return learned
        if node.operation in _MERGES:
            return self.put(layer_of(node.operation)(), index, node.inputs)
        if isinstance(rule, Windowed):
            layer, weights = plain(rule.layer(shapes, node.options)), {}
            if len(node.inputs) > 1:
                weights = self.weights(index, node.inputs[1])
                layer = layer.replace(bias="bias" in weights)
            return self.put(layer, index, node.inputs[:1], weights)
        if isinstance(rule, Elementwise) and rule.layer:
            return self.put(layer_of(rule.layer, len(node.shape))(), index, node.inputs)
        if isinstance(rule, ElementLoss) and not rule.half:
            return self.put(layer_of(rule.layer)(reduction="mean" if rule.mean else "sum"), index, node.inputs)
        self.fail(index)

    def learned(self, index: int, node: Node) -> int | None:
        """``γ ⊙ x`` is LayerScale and ``X + P`` LearnedPosition: a learned number a feature, or a vector a position."""
        weights = [source for source in node.inputs if self.is_weight(source)]
        if len(weights) != 1:
            return None
        (weight,) = weights
        data = tuple(source for source in node.inputs if source != weight)
        axes, last = len(self.c.nodes[self.leaf(weight)].shape), len(node.shape) - 1
        if node.operation == "mul" and axes == 1 and self.c.nodes[weight].options.get("axis", last) == last:
            return self.put(layer_of("layerscale")(), index, data, {"gamma": weight})
        if node.operation == "add" and axes == 2 and not self.c.nodes[weight].inputs:
            return self.put(layer_of("learnedposition")(max_length=node.shape[0]), index, data, {"weight": weight})
        return None

    def product(self, index: int, node: Node) -> int:
        """``W x``, ``x Wᵀ`` and ``x W`` are Linear, with the bias that is added next; of data it is MatMul.

        ``W X`` has samples as columns: it is Linear of the transpose, turned back.
        """
        left, right = node.inputs
        if not self.is_weight(left) and not self.is_weight(right):
            return self.put(layer_of("matmul")(), index, node.inputs)
        if self.is_weight(left) and self.is_weight(right):
            one, other = self.c.label(left), self.c.label(right)
            self.fail(index, f"layers are applied from the data, W2 (W1 x); here {one} meets {other} first")
        weight, data = (left, right) if self.is_weight(left) else (right, left)
        if len(self.c.nodes[weight].shape) != 2:
            self.fail(index)
        weights = self.weights(index, weight)
        columns = weight == left and len(self.c.nodes[data].shape) == 2
        layer = layer_of("linear")(out_features=node.shape[0 if columns else -1], bias="bias" in weights)
        if not columns:
            return self.put(layer, index, (data,), weights)
        linear = self.add(layer, index, (self.turned(self.at(data, index), index),), weights, named=False)
        return self.turned(linear, index, named=True)

    def weights(self, index: int, weight: int) -> dict[str, int]:
        """The parameters of a product: its weight, and the bias that is added next."""
        return {"weight": weight, **({"bias": self.biases[index]} if index in self.biases else {})}

    def cross_entropy(self, index: int, node: Node) -> int:
        """Classes come first in a layer; of a single sample there is no mean."""
        if len(self.c.nodes[node.inputs[0]].shape) == 1:
            return self.put(layer_of("crossentropy")(reduction="sum"), index, node.inputs)
        classes_first = tuple(self.turned(self.at(source, index), index) for source in node.inputs)
        return self.add(layer_of("crossentropy")(), index, classes_first)

    def owner(self, index: int, reader: int, bias: int) -> int | None:
        """The product whose bias ``reader`` adds to node ``index``: of a sum the last product that has none."""
        node = self.c.nodes[index]
        if self.readers[index] != [reader]:
            return None
        weighted = node.operation == "matmul" or isinstance(operation(node.operation), Windowed)
        if weighted and index not in self.biases and any(map(self.is_weight, node.inputs)):
            return index if self.is_bias(bias, index) else None
        branches = reversed(node.inputs) if node.operation == "add" else ()
        return next((found for branch in branches if (found := self.owner(branch, index, bias)) is not None), None)

    def softmax_axis(self, node: Node) -> int:
        axis: int = node.options.get("axis", -1)
        return axis if axis < 0 else axis - len(node.shape)

    def with_channels(self, index: int, node: Node) -> tuple[Dim, ...]:
        """The shape of an input; an image that slides under a kernel has its axis of channels."""
        for reader in self.readers[index]:
            found = self.c.nodes[reader]
            rule = operation(found.operation)
            if isinstance(rule, Windowed):
                shapes = [self.c.nodes[source].shape for source in found.inputs]
                return rule.applied(shapes, found.options).inputs[0]
        return node.shape


def plain(layer: Layer) -> Layer:
    """The layer with one size for all axes wherever they are equal, as people write it.

    >>> from netcalc.layers.convolution import Conv2d
    >>> plain(Conv2d(None, 4, (3, 3), padding=(1, 0)))
    Conv2d(out_channels=4, kernel_size=3, padding=(1, 0))
    """
    values = {name: getattr(layer, name) for name, argument in layer.arguments.items() if argument.type == "sizes"}
    return layer.replace(**{n: v[0] for n, v in values.items() if isinstance(v, tuple) and len(set(v)) == 1})
