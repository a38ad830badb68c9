"""The receptive field as torch has it: the gradient of one output unit, through the real modules.

The modules get positive parameters, so that no two paths can cancel, and modules whose gradient would vanish or hide
a part of what they read get a *stand-in* that reads the same: an activation passes its input on, a max pool sums
its window, a softmax or a normalisation adds the mean over its axes, an interpolation uses the absolute values of its
weights. The stand-ins are made from the torch modules alone, never from what netcalc states. Everything is computed
in double precision; a position is read exactly where the gradient is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations, product
from math import inf
from time import monotonic
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from netcalc.analysis.reading import box_at, regions_read
from netcalc.analysis.receptive_field import ReceptiveField, receptive_fields
from netcalc.analysis.region import Box, Region, full, members, runs
from netcalc.errors import SpecError
from netcalc.graph import Builder, Graph
from netcalc.layers.base import Applied, Layer
from netcalc.layers.input import Input
from netcalc.layers.reach import Rule, Unknown
from netcalc.proof.modules import NoModule, attention
from netcalc.proof.network import Network, inputs_of

NOISE = 1e-9  # weights of an interpolation below this are rounding: the tap is not read


class NotProbed(Exception):
    """The gradient cannot tell what this layer reads; the message says why."""


# ---------------------------------------------------------------- stand-ins


class Does(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def mixed(axes: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """Each element and the mean over ``axes``: it reads what a normalisation over them reads."""
    return lambda x: x + x.mean(dim=tuple(axes), keepdim=True)


def grouped(groups: int) -> Callable[[Tensor], Tensor]:
    """The same within groups of channels."""

    def mix(x: Tensor) -> Tensor:
        parts = x.reshape(len(x), groups, -1)
        return x + parts.mean(dim=-1, keepdim=True).expand_as(parts).reshape(x.shape)

    return mix


def summed(pool: Any, rank: int) -> Callable[[Tensor], Tensor]:
    """The sum of each window of a max pool, wherever torch lays them."""
    take = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[rank - 1]
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]

    def each(value: Any) -> tuple[int, ...]:
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank

    kernel, padding, dilation = each(pool.kernel_size), each(pool.padding), each(pool.dilation)
    stride = each(pool.stride if pool.stride is not None else pool.kernel_size)

    def pooled(x: Tensor) -> Tensor:
        shape = take(x, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode).shape[2:]
        ends = []
        for n, m, k, s, p, d in zip(x.shape[2:], shape, kernel, stride, padding, dilation):
            ends.append((p, max(0, (m - 1) * s - p + (k - 1) * d + 1 - n)))
        padded = functional.pad(x, [end for pair in reversed(ends) for end in pair])
        one = padded.flatten(0, 1).unsqueeze(1)
        y = convolve(one, torch.ones(1, 1, *kernel, dtype=x.dtype), stride=stride, dilation=dilation)
        cut = (slice(None), slice(None), *(slice(m) for m in shape))
        return y[cut].reshape(*x.shape[:2], *shape)

    return pooled


def interpolated(upsample: Any) -> Callable[[Tensor], Tensor]:
    """The interpolation of each axis as the matrix that torch itself gives, with the absolute values of its weights."""
    linear = {"bilinear": "linear", "trilinear": "linear"}.get(upsample.mode, upsample.mode)

    def matrix(length: int, place: int, rank: int, outputs: int) -> Tensor:
        size, factor = upsample.size, upsample.scale_factor
        options: dict[str, Any] = {"mode": linear, "align_corners": upsample.align_corners}
        one = torch.eye(length, dtype=torch.double).unsqueeze(1)
        if upsample.mode == "bicubic":  # there is only a two-dimensional one
            one = one.unsqueeze(-1)
        extra = (1,) if upsample.mode == "bicubic" else ()
        if size is not None:
            options["size"] = (outputs, *extra)
        else:
            each = factor if isinstance(factor, tuple) else (factor,) * rank
            options |= {"scale_factor": (float(each[place]), *map(float, extra))}
            options["recompute_scale_factor"] = upsample.recompute_scale_factor
        weights = functional.interpolate(one, **options)
        weights = weights.reshape(length, -1).T.abs()
        return torch.where(weights < NOISE, 0.0, weights)

    def resize(x: Tensor) -> Tensor:
        shape = functional.interpolate(
            x,
            size=upsample.size,
            scale_factor=upsample.scale_factor,
            mode=upsample.mode,
            align_corners=upsample.align_corners,
            recompute_scale_factor=upsample.recompute_scale_factor,
        ).shape[2:]
        for place, (length, outputs) in enumerate(zip(x.shape[2:], shape)):
            x = torch.movedim(x.movedim(place + 2, -1) @ matrix(length, place, len(shape), outputs).T, -1, place + 2)
        return x

    return resize


_CURVES = (nn.GLU, nn.MultiheadAttention, nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.Softmax2d, nn.Threshold)


def stand_in(kind: str, module: Any) -> nn.Module:
    """What takes a module's place in the probe: mostly the module itself."""
    match kind:
        case "Softmax" | "Softmin" | "LogSoftmax":
            return Does(lambda x: mixed((_softmax_axis(module, x),))(x))
        case "Softmax2d":
            return Does(mixed((-3,)))
        case "MaxPool1d" | "MaxPool2d" | "MaxPool3d":
            return Does(summed(module, int(kind[-2])))
        case "AdaptiveMaxPool1d" | "AdaptiveMaxPool2d" | "AdaptiveMaxPool3d":
            average: Any = getattr(nn, kind.replace("Max", "Avg"))
            return average(module.output_size)  # type: ignore[no-any-return]
        case "LPPool1d" | "LPPool2d" | "LPPool3d" if abs(module.norm_type) == inf:
            module.padding, module.dilation = 0, 1
            return Does(summed(module, int(kind[-2])))
        case "GlobalMaxPool" | "Max":
            return Does(lambda x: averaged(x, module(x)))
        case "InstanceNorm1d" | "InstanceNorm2d" | "InstanceNorm3d" if not module.track_running_stats:
            return Does(lambda x: mixed(range(2, x.dim()))(x))
        case "BatchNorm1d" | "BatchNorm2d" | "BatchNorm3d" if not module.track_running_stats:
            return Does(lambda x: mixed(range(2, x.dim()))(x))
        case "LayerNorm" | "RMSNorm":
            return Does(mixed(range(-len(module.normalized_shape), 0)))
        case "GroupNorm":
            return Does(grouped(module.num_groups))
        case "Upsample" | "UpsamplingNearest2d" | "UpsamplingBilinear2d":
            return Does(interpolated(module))
        case "PairwiseDistance" if module.norm == inf:
            module.norm = 3.0  # of a maximum only one element has a gradient
        case "CosineSimilarity":
            return Does(lambda x1, x2: (x1 * x2).sum(module.dim))
        case "CrossMapLRN2d":
            raise NotProbed("its backward is written by hand and leaves channels out")
        case "Sub":
            return Does(lambda *branches: sum(branches[1:], branches[0]))
        case "Sin" | "Step" | "Threshold":
            return nn.Identity()
        case "FractionalMaxPool2d" | "FractionalMaxPool3d":
            raise NotProbed("its windows are placed at random")
        case "MaxUnpool1d" | "MaxUnpool2d" | "MaxUnpool3d":
            raise NotProbed("where it writes depends on the numbers of another layer")
        case "Embedding" | "EmbeddingBag":
            raise NotProbed("whole numbers have no gradient")
    if kind.endswith("Loss"):
        raise NotProbed("a loss compares, it does not compute features")
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return nn.Identity()
    if type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, _CURVES):
        return nn.Identity()
    return module  # type: ignore[no-any-return]


def averaged(x: Tensor, greatest: Tensor) -> Tensor:
    """Means in place of maxima: over each set of axes, the one is taken whose maxima are those."""
    axes = range(1, x.dim())
    for count in range(len(axes) + 1):
        for chosen in combinations(axes, count):
            for keep in (False, True):
                if torch.equal(x.amax(chosen, keepdim=keep) if chosen else x, greatest):
                    return x.mean(chosen, keepdim=keep) if chosen else x
    raise NotProbed("a maximum over unknown axes")


def _softmax_axis(module: Any, x: Tensor) -> int:
    axis: int | None = module.dim
    return axis if axis is not None else (0 if x.dim() in (0, 1, 3) else 1)  # torch's legacy choice


def plain_attention(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *_: Any, **more: Any) -> Tensor:
    """Attention without its softmax, whose gradients vanish for a single key, or one score far above the rest."""
    if more.get("enable_gqa"):
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool)
    if more.get("is_causal"):
        seen = seen.tril()
    if attn_mask is not None:
        seen = seen & (attn_mask if attn_mask.dtype == torch.bool else attn_mask > -inf)
    return plain_weights((q @ k.mT).masked_fill(~seen, -inf)) @ v


def plain_weights(scores: Tensor, *_: Any, **more: Any) -> Tensor:
    """What takes a softmax's place: about even weights that grow with the scores; 0 where those are −∞."""
    seen = scores > -inf
    finite = scores.masked_fill(~seen, 0.0)
    return seen * (1 + finite / (1 + finite.detach().abs().amax())) / scores.shape[-1]


@contextmanager
def without_softmax() -> Iterator[None]:
    """torch's attention without its softmax, wherever a module calls it."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    name = "scaled_dot_product_attention"
    try:
        with (
            patch.object(functional, name, plain_attention),
            patch.object(attention, name, plain_attention),
            patch.object(Tensor, "softmax", plain_weights),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def make_positive(module: nn.Module) -> None:
    """Positive parameters of a size that keeps numbers near 1; statistics of a normalisation 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if not value.is_floating_point() or getattr(module, "fixed_buffers", False):
                continue
            last = name.rpartition(".")[2]
            if last.startswith("running_"):
                value.fill_(1.0 if last == "running_var" else 0.0)
            else:
                fan = max(1, value.numel() // max(1, value.shape[0])) if value.dim() > 1 else 1
                value.copy_((torch.rand(value.shape, generator=generator, dtype=value.dtype) + 0.5) / fan)


# ---------------------------------------------------------------- the probe


class Probe:
    """A network with positive weights and stand-ins, run once; asked for the gradient of any unit.

    Raises NotProbed or NoModule where a layer cannot be probed, unless ``partly`` (then what follows it is unknown).
    """

    def __init__(self, graph: Graph, partly: bool = False) -> None:
        self.graph = graph
        self.values: list[Tensor | str] = []
        with without_softmax():
            self._run(graph, partly)

    def _run(self, graph: Graph, partly: bool) -> None:
        network = Network(graph).double().eval()
        make_positive(network)
        feeds = iter(inputs_of(graph, 1, "cpu"))
        for node in graph.nodes:
            if isinstance(node.layer, Input):
                given = next(feeds)
                if given.is_floating_point():
                    given = given.abs() + 0.5
                    given.requires_grad_(True)
                self.values.append(given)
                continue
            inputs = [self.values[index] for index in node.inputs]
            reason = next((value for value in inputs if isinstance(value, str)), None)
            if reason is not None:
                self.values.append(reason)
                continue
            try:
                output = stand_in(node.layer.kind, network.module_of(node))(*inputs)
                self.values.append(output[0] if isinstance(output, tuple) else output)
            except NotProbed as error:
                if not partly:
                    raise
                self.values.append(f"{node.name}: {error}")

    def gradient(self, of: int, box: Box, source: int = 0) -> Tensor:
        """Where the gradient of the units in ``box`` of node ``of`` by node ``source`` is not zero (truths)."""
        value, given = self.values[of], self.values[source]
        for one in (value, given):
            if isinstance(one, str):
                raise NotProbed(one)
        assert isinstance(value, Tensor) and isinstance(given, Tensor)
        if of == source:
            return dense(Region(tuple(given.shape[1:]), (box,)))
        if not value.requires_grad or not given.requires_grad:
            return torch.zeros(given.shape[1:], dtype=torch.bool)
        seed = torch.zeros_like(value)
        seed[0][dense(Region(tuple(value.shape[1:]), (box,)))] = 1.0
        seed = seed * (torch.arange(seed.numel(), dtype=seed.dtype).reshape(seed.shape) % 7 + 1.0)
        (found,) = torch.autograd.grad(value, given, seed, retain_graph=True, allow_unused=True)
        return torch.zeros(given.shape[1:], dtype=torch.bool) if found is None else found[0] != 0


def dense(region: Region) -> Tensor:
    """A region as a tensor of truths.

    >>> dense(Region((2, 3), ((0b10, 0b101),))).int().tolist()
    [[0, 0, 0], [1, 0, 1]]
    """
    found = torch.zeros(region.shape, dtype=torch.bool)
    for box in region.boxes:
        part = torch.ones((), dtype=torch.bool)
        for bits, length in zip(box, region.shape):
            row = torch.zeros(length, dtype=torch.bool)
            row[members(bits)] = True
            part = part.unsqueeze(-1) & row
        found |= part
    return found


def along(truths: Tensor, axis: int) -> list[int]:
    """The places along one axis at which any truth lies."""
    return torch.nonzero(truths.movedim(axis, 0).flatten(1).any(1) if truths.dim() > 1 else truths).flatten().tolist()


def difference(probe: Probe, of: int, box: Box, axes: Sequence[int], source: int = 0) -> str | None:
    """How the positions that netcalc states along ``axes`` differ from what the gradient finds; None if nowhere."""
    stated = regions_read(probe.graph, of, box, until=source).get(source)
    found = probe.gradient(of, box, source)
    told = dense(stated) if stated is not None else torch.zeros_like(found)
    rest = [axis for axis in range(found.dim()) if axis not in axes]
    if rest:
        told, found = told.amax(rest), found.amax(rest)
    if torch.equal(told, found):
        return None
    both = [(along(told, k), along(found, k)) for k in range(told.dim())]
    return f"stated {[a for a, _ in both]}, found {[b for _, b in both]}"


# ---------------------------------------------------------------- one layer


def check_reach(applied: Applied, largest: int = 48) -> list[str]:
    """One layer's stated reach against the gradients of its output units: what differs, or nothing.

    Every single number of the output (or about ``largest`` of them) must read of each input what the rules say. A rule
    may state more features than are read (a group of channels, a head of attention), as long as nothing is left out,
    and all features of a position together read just the positions that are stated. Where a rule is Unknown, or the
    layer cannot be probed, nothing is compared.
    """
    builder = Builder()
    feeds = tuple(builder.add(Input(shape), ()) for shape in applied.inputs)
    of = builder.add(applied.layer, feeds)
    builder.nodes[of].applied.reach = applied.reach
    shape: tuple[int, ...] = applied.output  # type: ignore[assignment]
    if not all(shape):
        return []
    try:
        probe = Probe(builder.graph())
    except (NotProbed, NoModule):
        return []
    value = probe.values[of]
    assert isinstance(value, Tensor)
    if tuple(value.shape[1:]) != shape:
        return [f"the stand-in has shape {tuple(value.shape[1:])}, not {shape}"]
    compared = [_Compared(probe, of, feed, rules) for feed, rules in zip(feeds, applied.reach)]
    compared = [one for one in compared if one.axes]
    places = list(product(*map(range, shape)))
    places = [*places[:: max(1, len(places) // largest)], places[-1]]
    units = [box_at(shape, place, range(len(shape))) for place in places]
    wrong: list[str] = []
    for one in compared:
        verdicts = [one.differs(box) for box in units]
        different = [text for text, _ in verdicts if text]
        if not different:
            continue
        left_out = next((text for text, missed in verdicts if missed), None)
        if left_out:
            wrong.append(left_out)
        elif not one.unsure:
            axes = features_of(applied.layer, len(shape))
            if not any(one.agrees_without(axis, units, shape) for axis in axes):
                wrong.append(different[0])
    return wrong


def features_of(layer: Layer, rank: int) -> Sequence[int]:
    """Which output axes may be the features: the first of an image, the last of a sequence, any of a merge or norm."""
    if getattr(layer, "normalizes", False) or layer.arity != 1:
        return range(rank)
    if rank > 2:
        return sorted({0, rank - 3, rank - 1})
    return range(rank)[:1] if layer.rank else range(rank)[-1:]


class _Compared:
    """What netcalc and the gradient say of one input of one layer."""

    def __init__(self, probe: Probe, of: int, source: int, rules: tuple[Rule, ...]) -> None:
        self.probe, self.of, self.source = probe, of, source
        self.axes = [axis for axis, rule in enumerate(rules) if not isinstance(rule, Unknown)]
        self.unsure = len(self.axes) < len(rules)

    def told_and_found(self, box: Box, without: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
        found = self.probe.gradient(self.of, box, self.source)
        regions = regions_read(self.probe.graph, self.of, box, until=self.source)
        told = dense(regions[self.source]) if self.source in regions else torch.zeros_like(found)
        rest = [axis for axis in range(found.dim()) if axis not in self.axes or axis in without]
        return (told.amax(rest), found.amax(rest)) if rest else (told, found)

    def differs(self, box: Box) -> tuple[str, bool]:
        """How a unit's stated and found positions differ, and whether any is left out; or an empty text."""
        told, found = self.told_and_found(box)
        if torch.equal(told, found):
            return "", False
        stated, seen = ([along(truths, axis) for axis in range(found.dim())] for truths in (told, found))
        unit = [members(bits) for bits in box]
        return f"unit {unit} of input {self.source}: stated {stated}, found {seen}", bool((found & ~told).any())

    def agrees_without(self, axis: int, units: list[Box], shape: tuple[int, ...]) -> bool:
        """Do all features together (output axis ``axis``, and the same of the input) read what is stated?"""
        boxes = {(*box[:axis], full(shape[axis]), *box[axis + 1 :]) for box in units}
        return all(torch.equal(*self.told_and_found(box, (axis,))) for box in boxes)


# ---------------------------------------------------------------- a whole network


def probe_fields(graph: Graph, seconds: float = 60.0) -> list[Any]:
    """For every node a pair (stated, found) of the fields of its middle unit, or a text: why it was not probed.

    The pair is of texts: the positions really read of the first input, along its spatial axes. Nodes are probed from
    the last to the first; what does not fit into ``seconds`` is not probed.
    """
    fields = receptive_fields(graph)
    source = fields.source
    results: list[Any] = [fields.reasons.get(index, "not probed") for index in range(len(graph.nodes))]
    if not fields.axes:
        return ["the input has no spatial axis"] * len(graph.nodes)
    if graph.symbols:
        return ["a size is a letter"] * len(graph.nodes)
    graph = thinned(graph)
    try:
        probe = Probe(graph, partly=True)
    except (NoModule, RuntimeError, MemoryError) as error:
        return [str(error).splitlines()[0]] * len(graph.nodes)
    end = monotonic() + seconds
    for index in range(len(graph.nodes) - 1, source, -1):
        field = fields[index]
        if field is None:
            continue
        if monotonic() > end:
            results[index] = f"not within {seconds:g} seconds"
            continue
        shape: tuple[int, ...] = graph.nodes[index].shape  # type: ignore[assignment]
        axes = sorted({strip.axis for strip in field.strips if strip.axis is not None})
        box = box_at(shape, [shape[axis] // 2 for axis in axes], axes)
        regions = regions_read(graph, index, box, until=source)
        if source in regions and regions[source].notes:
            results[index] = regions[source].notes[0]
            continue
        try:
            truths = probe.gradient(index, box, source)
        except NotProbed as error:
            results[index] = str(error)
            continue
        region = regions.get(source, Region(tuple(truths.shape)))
        stated = [_spoken(members(region.along(axis))) for axis in fields.axes]
        found = [_spoken(along(truths, axis)) for axis in fields.axes]
        results[index] = (" × ".join(stated), " × ".join(found))
    return results


_WIDTHS = ("out_channels", "out_features", "channels", "normalized_shape", "dim", "groups")


def thinned(graph: Graph) -> Graph:
    """The same network with fewer channels, where all widths have a common divisor: the same fields at less cost.

    Returned only if every node's field is what it was; else the graph itself.

    >>> from netcalc.spec import elaborate
    >>> thinned(elaborate("3x32x32 -> conv 64 k3 -> bn -> residual { conv 64 k3 p1 } -> conv 128 k3")).nodes[-1].shape
    (2, 28, 28)
    """
    for divisor in (64, 32, 16, 8, 4, 2):
        builder = Builder()
        try:
            for node in graph.nodes:
                builder.add(_thinner(node.layer, divisor), node.inputs, node.name, node.span, node.shared)
        except (SpecError, AssertionError):
            continue
        thin = builder.graph(graph.outputs)
        if all(_alike(*pair) for pair in zip(receptive_fields(graph), receptive_fields(thin))):
            return thin
    return graph


def _alike(one: ReceptiveField | None, two: ReceptiveField | None) -> bool:
    return one is two is None or (one is not None and two is not None and one.strips == two.strips)


def _thinner(layer: Layer, divisor: int) -> Layer:
    values: dict[str, Any] = {}
    for name, argument in layer.arguments.items():
        value = getattr(layer, name)
        if argument.axis is not None:
            values[name] = None
        elif name in _WIDTHS:
            several = isinstance(value, tuple)
            values[name] = tuple(_part(one, divisor) for one in value) if several else _part(value, divisor)
        elif layer.kind == "Slice" and layer.__dict__["axis"] == 0 and name in ("start", "stop"):
            values[name] = _part(value, divisor)
    return layer.replace(**values) if values else layer


def _part(width: Any, divisor: int) -> Any:
    return width // divisor if isinstance(width, int) and width % divisor == 0 else width


def _spoken(positions: list[int]) -> str:
    """Positions as runs: ``0–4, 6, 8``."""
    bits = sum(1 << position for position in positions)
    parts = [f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs(bits)]
    return ", ".join(parts) or "nothing"


__all__ = ["NotProbed", "Probe", "check_reach", "dense", "difference", "full", "probe_fields", "stand_in"]
