"""Numbers through a computation: forward step by step, backward by reverse mode, an update, finite differences."""

from __future__ import annotations

from math import prod
from typing import Any, Mapping, NamedTuple

from netcalc.analysis.operations import Ops
from netcalc.equations.arrays import Array
from netcalc.equations.exact import ONE, ZERO, Value, text
from netcalc.equations.inference import Computation, Node
from netcalc.equations.ledger import Edge, forward_ledger, node_work
from netcalc.equations.operations import operation
from netcalc.errors import SpecError

MAX_ELEMENTS = 200_000
MAX_WORK = 20_000_000
"""What exact numbers, one by one, are meant for: about twenty seconds, most of which are finite differences."""


def missing(c: Computation) -> list[str]:
    """The inputs that have no numbers."""
    return [node.name for node in c.inputs if node.value is None]


def evaluate(c: Computation, replaced: Mapping[str, Array] | None = None) -> list[Array]:
    """The value of every node, in order. Raises SpecError where numbers are missing."""
    replaced = replaced or {}
    lacking = [name for name in missing(c) if name not in replaced]
    if lacking:
        raise SpecError(
            "no-value",
            f"{', '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no numbers",
            hint=f"{lacking[0]}=[…]",
        )
    found: list[Array] = []
    for i, node in enumerate(c.nodes):
        too_large(c, i)
        value = replaced.get(node.name, node.value) if node.operation == "input" else node.value
        if node.is_leaf and value is None:
            raise SpecError("no-value", f"{c.label(i)} is a letter and has no value", hint="give numbers")
        found.append(_value(node, value, [found[j] for j in node.inputs]))
    return found


def known(c: Computation) -> list[Array | None]:
    """The value of every node that what has numbers leads to, and None for the rest.

    >>> from netcalc.equations.inference import infer
    >>> from netcalc.equations.givens import read_givens
    >>> [value and value.data for value in known(infer("z = 2 x; L = z y", read_givens(["x=3", "y:scalar"])))]
    [(2,), (3,), (6,), None, None]
    """
    found: list[Array | None] = []
    work = 0
    for i, node in enumerate(c.nodes):
        inputs = [value for j in node.inputs if (value := found[j]) is not None]
        shape: Any = node.shape
        ready = not lettered(shape) and (node.value is not None if node.is_leaf else len(inputs) == len(node.inputs))
        if ready and not node.is_leaf:
            flops: Any = Ops.of(node_work(c, i).lines).total
            work += 5 * flops
        affordable = ready and prod(shape) <= MAX_ELEMENTS and work <= MAX_WORK
        found.append(_value(node, node.value, inputs) if affordable else None)
    return found


def _value(node: Node, value: Array | None, inputs: list[Array]) -> Array:
    """What a node computes from its inputs; an input or a number has a value, in the shape that it stands for."""
    shape: Any = node.shape
    if value is None:
        return operation(node.operation).forward(inputs, node.options)
    if value.shape == shape:
        return value
    return value.reshaped(shape) if value.shape else Array.full(shape, value.data[0])


def lettered(shape: Any) -> bool:
    """Is a size not a number?"""
    return any(not isinstance(size, int) for size in shape)


def has_numbers(c: Computation) -> bool:
    """Does every input have numbers, and every node a shape in numbers?"""
    return not any(lettered(node.shape) or (node.is_leaf and node.value is None) for node in c.nodes)


def beyond(c: Computation, slopes: bool = False) -> str:
    """Why values (and ``slopes``: gradients, checked by finite differences) need a faster engine, or an empty text.

    >>> from netcalc.equations.inference import Given, infer
    >>> beyond(infer("y = W x", {"W": Given((1000, 1000))})), beyond(infer("y = W x", {"W": Given((10, 10))}))
    ('W has 1,000,000 numbers', '')
    >>> beyond(infer("L = ||W x||^2", {"W": Given((60, 60))}), slopes=True)
    'its values and their check take about 53,244,765 operations'
    """
    sizes: list[Any] = [node.shape for node in c.nodes]
    for i, shape in enumerate(sizes):
        if prod(shape) > MAX_ELEMENTS:
            return f"{c.label(i)} has {prod(shape):,} numbers"
    flops: Any = forward_ledger(c).flops
    moved = sum(prod(shape) for shape, node in zip(sizes, c.nodes) if node.operation == "input") if slopes else 0
    work = flops * (5 + 10 * slopes + 2 * moved)  # an exact operation takes five times as long as one of decimals
    return f"its values and their check take about {work:,} operations" if work > MAX_WORK else ""


def too_large(c: Computation, index: int) -> None:
    shape: Any = c.nodes[index].shape
    if lettered(shape):
        raise SpecError("no-value", f"the shape of {c.label(index)} is not known in numbers", hint="give its sizes")
    if prod(shape) > MAX_ELEMENTS:
        raise SpecError(
            "too-large",
            f"{c.label(index)} has {prod(shape):,} numbers",
            expected=f"at most {MAX_ELEMENTS:,} for values without torch",
            span=c.nodes[index].expression.span,
            source=c.source,
        )


def gradients(c: Computation, values: list[Array], seed: Array | None = None) -> dict[int, Array]:
    """∂(last equation)/∂(node) for every node that the result depends on, by reverse mode.

    The last equation must be a number, or ``seed`` the gradient of a later loss in it.
    """
    output = c.output
    if seed is None:
        if len(values[output].data) != 1:
            raise SpecError(
                "not-a-number",
                f"{c.label(output)} has shape {list(values[output].shape)}; gradients are of one number",
                hint='add a loss, such as --loss "mse(y, t)", or sum(·)',
            )  # fmt: skip
        seed = Array.full(values[output].shape, ONE)
    found = {output: seed}
    for i in range(output, -1, -1):
        node = c.nodes[i]
        if i not in found or node.is_leaf:
            continue
        parts = operation(node.operation).backward(found[i], [values[j] for j in node.inputs], values[i], node.options)
        for j, part in zip(node.inputs, parts):
            found[j] = found[j].plus(part) if j in found else part
    return found


def jacobian(c: Computation, values: list[Array], edge: Edge) -> Array:
    """∂q/∂z of one edge in full: the axes of q, then those of z."""
    node, q, z = c.nodes[edge.target], values[edge.target], values[edge.source]
    inputs = [values[j] for j in node.inputs]
    data: list[Value] = []
    for place in range(len(q.data)):
        unit = Array.unit(q.shape, place)
        data += operation(node.operation).backward(unit, inputs, q, node.options)[edge.place].data
    return Array((*q.shape, *z.shape), tuple(data))


def differences(c: Computation, name: str, values: list[Array], step: float = 1e-6) -> Array:
    """∂(last equation)/∂(an input) by central differences: a check of ``gradients``."""
    start = values[c.names[name]]
    slopes: list[Value] = []
    for i in range(len(start.data)):
        ends = []
        for sign in (1, -1):
            moved = tuple(float(v) + sign * step * (i == j) for j, v in enumerate(start.data))
            ends.append(float(evaluate(c, {**_values(c, values), name: Array(start.shape, moved)})[c.output].data[0]))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    return Array(start.shape, tuple(slopes))


def _values(c: Computation, values: list[Array]) -> dict[str, Array]:
    return {node.name: values[i] for i, node in enumerate(c.nodes) if node.operation == "input"}


class Update(NamedTuple):
    """One parameter before and after a step."""

    name: str
    before: Array
    gradient: Array
    after: Array
    words: str


def updates(
    c: Computation,
    values: list[Array],
    grads: Mapping[int, Array],
    lr: Value,
    momentum: Value = ZERO,
    weight_decay: Value = ZERO,
) -> list[Update]:
    """One step of gradient descent: w − α·v, v = μ·0 + g + λ·w (the velocity starts at 0, as torch's first step)."""
    found = []
    for name in c.parameters:
        index = c.names[name]
        if index not in grads:
            continue
        before, g = values[index], grads[index]
        step = g.plus(before.times(weight_decay)) if weight_decay != 0 else g
        found.append(Update(name, before, g, before.plus(step.times(-lr)), update_words(c, name, lr, weight_decay)))
    return found


def update_words(c: Computation, name: str, lr: Value, weight_decay: Value = ZERO) -> str:
    """One step of gradient descent in words: ``W − 1/2 · ∂L/∂W``."""
    decayed = f"(∂ + {text(weight_decay)} {name})"
    return f"{name} − {text(lr)} · " + (decayed if weight_decay != 0 else f"∂{c.label(c.output)}/∂{name}")
