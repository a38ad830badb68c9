"""A :class:`~netcalc.graph.Graph` as one real torch module, and what forward hooks see of it."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from netcalc.analysis.reading import numbers
from netcalc.graph import Graph, Node
from netcalc.layers.base import Layer, Shape
from netcalc.layers.input import Input
from netcalc.proof.modules import NoModule, build, feed


def child_name(node: Node) -> str:
    """The node's name as a module's attribute may be called (no dots)."""
    return "at_" + node.name.replace(".", "__")


class Network(torch.nn.Module):
    """The graph's layers as real modules, called in order. ``forward`` takes one batch for each input node."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            if not isinstance(node.layer, Input):
                self.add_module(child_name(node), build(node.layer, *node.applied.inputs))
        for node in graph.nodes:
            for own, owner in node.shared:
                owner_node, _, parameter = owner.rpartition(":")
                source = getattr(self, child_name(graph[owner_node]))
                _share(getattr(self, child_name(node)), own, source, parameter)

    def module_of(self, node: Node) -> torch.nn.Module:
        """The module that stands for a node."""
        module = getattr(self, child_name(node))
        assert isinstance(module, torch.nn.Module)
        return module

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        feeds = iter(given)
        outputs: list[Any] = []
        for node in self.graph.nodes:
            if isinstance(node.layer, Input):
                outputs.append(next(feeds))
                continue
            module = self.module_of(node)
            inputs = [_values(outputs[index]) for index in node.inputs]
            if getattr(module, "takes_indices", False) and isinstance(found := outputs[node.inputs[1]], tuple):
                inputs[1] = found[1]
            outputs.append(module(*inputs))
        return tuple(_values(outputs[index]) for index in self.graph.outputs)


def _values(output: Any) -> torch.Tensor:
    """What a module computes, without the states or indices that it hands out beside it."""
    values: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return values


def _share(module: torch.nn.Module, own: str, source: torch.nn.Module, parameter: str) -> None:
    """Let ``module`` use the tensor of ``source``."""
    *path, last = own.split(".")
    holder: Any = module
    for part in path:
        holder = getattr(holder, part)
    value: Any = source
    for part in parameter.split("."):
        value = getattr(value, part)
    setattr(holder, last, value)


class Seen(NamedTuple):
    """What torch shows of one node."""

    output: tuple[int, ...]
    parameters: dict[str, tuple[int, ...]]
    buffers: dict[str, tuple[int, ...]]
    macs: int


@contextmanager
def quiet() -> Iterator[None]:
    """torch without warnings, without fast paths (they bypass hooks and counters), on one thread; then as it was.

    On several threads, writes to one place (an unpooling whose indices collide) have no order.
    """
    fast, threads = torch.backends.mha.get_fastpath_enabled(), torch.get_num_threads()
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.set_num_threads(threads)


def inputs_of(graph: Graph, batch: int, device: str, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Random inputs for every input node: double precision on ``cpu``, without values on ``meta``."""
    generator = torch.Generator().manual_seed(seed)
    given = []
    for index, node in enumerate(graph.nodes):
        if isinstance(node.layer, Input):
            reader, place = next(((n, n.inputs.index(index)) for n in graph.nodes if index in n.inputs), (node, 0))
            value = feed(reader.layer, place, (batch, *numbers(node.shape)), generator, reader.applied.inputs)
            given.append(value.to(device) if device != "meta" else torch.empty_like(value, device="meta"))
    return tuple(given)


def observe(graph: Graph, batch: int = 1) -> list[Seen | None]:
    """What forward hooks and FlopCounterMode see of each node, on the meta device (None for the inputs)."""
    with quiet():
        with torch.device("meta"):
            network = Network(graph).double().eval()
        shapes: dict[str, tuple[int, ...]] = {}

        def watch(name: str) -> Any:
            def hook(module: torch.nn.Module, given: Any, output: Any) -> None:
                first = output[0] if isinstance(output, tuple) else output
                shapes[name] = tuple(first.shape)

            return hook

        handles = [network.module_of(node).register_forward_hook(watch(node.name)) for node in _layers(graph)]
        counter = FlopCounterMode(display=False)
        with counter:
            network(*inputs_of(graph, batch, "meta"))
        for handle in handles:
            handle.remove()
        flops = {name: sum(found.values()) for name, found in counter.get_flop_counts().items()}
        seen: list[Seen | None] = []
        for node in graph.nodes:
            if isinstance(node.layer, Input):
                seen.append(None)
                continue
            module = network.module_of(node)
            counted = flops.get(f"{type(network).__name__}.{child_name(node)}", 0)
            seen.append(
                Seen(
                    shapes[node.name][1:],
                    {name: tuple(value.shape) for name, value in module.named_parameters()},
                    {name: tuple(value.shape) for name, value in module.named_buffers()},
                    counted // 2 // batch,
                )
            )
        return seen


def _layers(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if not isinstance(node.layer, Input)]


def randomize(module: torch.nn.Module, seed: int = 0) -> None:
    """Give every parameter and floating buffer random values (variances positive)."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if value.is_floating_point() and not getattr(module, "fixed_buffers", False):
                fresh = torch.rand(value.shape, generator=generator, dtype=torch.double) * 2 - 1
                value.copy_(fresh.abs() + 0.1 if name.rpartition(".")[2] == "running_var" else fresh)


def runs(layer: Layer, *inputs: Shape, batch: int = 1) -> BaseException | None:
    """Construct the module and run it once on the CPU: None if torch takes it, else what torch raised."""
    with quiet():
        try:
            module = build(layer, *inputs).double().eval()
            given = [
                feed(layer, place, (batch, *numbers(shape)), torch.Generator().manual_seed(0), inputs)
                for place, shape in enumerate(inputs)
            ]
            module(*given)
        except NoModule:
            raise
        except Exception as error:  # torch raises many kinds: RuntimeError, ValueError, IndexError, …
            return error
    return None
