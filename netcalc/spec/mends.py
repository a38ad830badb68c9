"""What is said of a layer that does not fit: who made the sizes at fault, and the edits that would mend it.

Every edit that is offered has been tried: the text is elaborated anew with it.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from netcalc.dims import Dim, holds, product, text
from netcalc.errors import Span, SpecError
from netcalc.graph import Node
from netcalc.layers.base import Applied, Layer, Shape, crossed, shape_text
from netcalc.layers.input import Input
from netcalc.layers.missing import ALONE

Edits = Mapping[Span, Mapping[str, Any]]
"""Other values for some arguments of the layers that stand there."""

Mend = dict[Span, dict[str, Any]]
"""Edits that may mend a misfit."""


class Misfit:
    """A layer that does not fit what stands before it.

    ``nodes`` are the layers so far, ``source`` is the text, and ``trial`` elaborates it with some edits: it gives the
    nodes of that, and says what goes wrong later on ('' for nothing).
    """

    def __init__(
        self, nodes: Sequence[Node], source: str, trial: Callable[[Edits], tuple[Sequence[Node], str]]
    ) -> None:
        self.nodes, self.source, self.trial = nodes, source, trial

    def explain(self, error: SpecError, layer: Layer, inputs: tuple[int, ...], span: Span) -> None:
        """Add to a misfit which layers made the sizes at fault, and the nearest edits that are legal."""
        shapes = tuple(self.nodes[index].shape for index in inputs)
        axes = axes_at_fault(layer, shapes) if error.code == "shape-mismatch" else []
        if not axes and (match := _DIFFER.match(error.message)) and len(set(map(len, shapes))) == 1:
            axes = [int(match.group(1))]
        if axes:
            if len(axes) > 1:
                each = (f"on axis {axis} {_branch_sizes(shapes, axis)}" for axis in axes)
                error.message = f"the branches differ on {_axes_text(axes)}: {'; '.join(each)}"
            origins = [
                f"branch {number} ({shape_text(shape)}): {self.makers_text(index, axes)}"
                for number, (index, shape) in enumerate(zip(inputs, shapes), 1)
            ]
        else:
            origins = [self.origin(index) for index in inputs]
        if origins:
            error.found = "\n".join([error.found, *origins] if error.found else origins)
        if error.code == "wrong-inputs" and len(shapes) == 1 and layer.words:
            error.hint = _another_input(layer, shapes[0], " ".join(span.of(self.source).partition(" as ")[0].split()))
        if error.code == "shape-mismatch" and (hint := self.reshaped(error, layer, inputs)):
            error.hint = hint
        if error.hint:
            return
        if axes and (mends := self.mends(inputs, axes)):
            error.hint = "what would mend it: " + ", or ".join(mends)
        elif edits := self.nearest(layer, shapes, error.argument, span):
            error.hint = "the nearest that is legal: " + ", or ".join(edits)

    def nearest(self, layer: Layer, shapes: tuple[Shape, ...], blamed: str | None, span: Span) -> list[str]:
        """The smallest changes of this layer after which the text goes on beyond it."""
        whole: list[str] = []
        partly: list[str] = []
        for name, value in nearest_edits(layer, shapes, blamed):
            tried, later = self.trial({span: {name: value}})
            if len(tried) > len(self.nodes):
                (partly if later else whole).append(f"{name}={text(value)}{later}")
        return whole or partly

    def reshaped(self, error: SpecError, layer: Layer, inputs: tuple[int, ...]) -> str:
        """The step that would bring an input into shape: a flatten before, or axes of 1 behind."""
        shapes = [self.nodes[index].shape for index in inputs]
        blamed = error.argument and layer.arguments.get(error.argument)
        if (
            blamed
            and blamed.axis == -1
            and len(shapes[0]) > 1
            and getattr(layer, error.argument or "") == product(shapes[0])
        ):
            return f"flatten before it: {shape_text(shapes[0])} makes {text(product(shapes[0]))}"
        longest = max(shapes, key=len)
        for index, shape in zip(inputs, shapes):
            if layer.kind in _MERGES and 0 < len(shape) < len(longest) and shape == longest[: len(shape)]:
                view = " ".join(map(text, (*shape, *(1,) * (len(longest) - len(shape)))))
                return f"view {view} behind {self.nodes[index].name}"
        return ""

    def maker_of(self, index: int, axis: int) -> int:
        """The last layer on the way to node ``index`` that made the size of its ``axis``."""
        nodes = self.nodes
        while nodes[index].inputs and not _makes(nodes[index], axis):
            shape = nodes[index].shape
            sources = [i for i in nodes[index].inputs if len(nodes[i].shape) == len(shape)]
            source = next((i for i in sources if nodes[i].shape[axis] == shape[axis]), None)
            if source is None:
                break
            index = source
        return index

    def makers_text(self, index: int, axes: list[int]) -> str:
        """Which layer made which of the axes at fault."""
        made: dict[int, list[int]] = {}
        for axis in axes:
            made.setdefault(self.maker_of(index, axis), []).append(axis)
        return ", ".join(
            f"{_axes_text(axes)} {'is' if len(axes) == 1 else 'are'} made by {self.written(maker)}"
            for maker, axes in made.items()
        )

    def mends(self, inputs: tuple[int, ...], axes: list[int], most: int = 3) -> list[str]:
        """The small edits of the layers before a merge after which the text goes on beyond it, tried one by one.

        Those after which the whole text is legal come alone, where there are such.
        """
        nodes = self.nodes
        whole: dict[str, str] = {}
        partly: dict[str, str] = {}
        budget = 200_000
        for edits in self.possible_mends(inputs, axes):
            said = self.said(edits)
            if (
                said in whole
                or said in partly
                or (whole or partly)
                and any("kernel_size" in change for change in edits.values())
            ):
                continue
            budget -= len(nodes) + 100
            if budget < 0 or len(whole) == most:
                break
            tried, later = self.trial(edits)
            if len(tried) <= len(nodes):
                continue
            merge = tried[len(nodes)]
            if merge.inputs == inputs and not axes_differing(merge.applied.inputs, axes):
                (partly if later else whole)[said] = said + later
        return list((whole or partly).values())[:most]

    def said(self, edits: Edits) -> str:
        """Edits in words: ``conv1 and conv2 with padding=1``."""
        uses: dict[Span | None, list[str]] = {}
        for node in self.nodes:
            uses.setdefault(node.span, []).append(node.name)
        changed: dict[str, list[list[str]]] = {}
        for span, values in edits.items():
            given = {name: _value_text(value) for name, value in values.items() if value is not None}
            change = given.get("sizes") or " and ".join(f"{name}={value}" for name, value in given.items())
            changed.setdefault(change, []).append(uses[span])
        return " and ".join(f"{_layers_text(calls)} with {change}" for change, calls in changed.items())

    def possible_mends(self, inputs: tuple[int, ...], axes: list[int]) -> Iterator[Mend]:
        """Edits of the layers that made the branches' sizes, the likeliest first.

        Where the sizes differ by 1, a half has been rounded: then the sizes that are stated come before the windows.
        """
        nodes = self.nodes
        shapes = [nodes[index].shape for index in inputs]
        sizes = [tuple(shape[axis] for axis in axes) for shape in shapes]
        if len(inputs) > 16:
            return
        sized: list[Mend] = []
        windows: list[Mend] = []
        for edits in self.branch_edits(inputs, axes, sizes):
            (sized if any("size" in change for change in edits.values()) else windows).append(edits)
        starts = [node for node in nodes if isinstance(node.layer, Input)]
        resized: list[Mend] = [
            {
                node.span: {"sizes": shape}
                for node in starts
                if node.span and (shape := _resized(node.shape, axes, step))
            }
            for distance in (*range(1, 17), 32)
            for step in (-distance, distance)
        ]
        rounded = all(a - b in (-1, 0, 1) for one in sizes for a, b in zip(one, sizes[0]))
        yield from filter(None, [*sized, *resized, *windows] if rounded else [*windows, *sized])
        everywhere = {
            node.span: {"padding": padding}
            for node in nodes
            if node.span is not None and (padding := _padding_of_same(node.layer)) is not None
        }
        if len(everywhere) > 1:
            yield everywhere

    def branch_edits(self, inputs: tuple[int, ...], axes: list[int], sizes: list[tuple[Dim, ...]]) -> Iterator[Mend]:
        """Edits after which all branches may have the sizes that one of them has; those of most branches first."""
        for target in sorted(dict.fromkeys(sizes), key=lambda one: -sizes.count(one)):
            others = [place for place, size in enumerate(sizes) if size != target]
            choices: list[list[Mend]] = []
            for place in others:
                ends = {index for other, index in enumerate(inputs) if other != place}
                choices.append(list(self.edits_towards(inputs[place], axes, target, ends)))
            for together in itertools.islice(itertools.product(*choices), 60):
                edits: Mend = {}
                for one in together:
                    for span, values in one.items():
                        edits[span] = {**edits.get(span, {}), **values}
                yield edits

    def edits_towards(self, index: int, axes: list[int], target: tuple[Dim, ...], ends: set[int]) -> Iterator[Mend]:
        """Edits after which node ``index`` may have the sizes ``target`` on these axes."""
        nodes = self.nodes
        widths: Mend = {}
        windows: list[int] = []
        for axis, size in zip(axes, target):
            if nodes[index].shape[axis] == size:
                continue
            maker = nodes[self.maker_of(index, axis)]
            name = _width_argument(maker, axis)
            if name and maker.span:
                widths.setdefault(maker.span, {})[name] = size
            else:
                windows = windows or self.window_layers(index, axis, ends)
                if not windows:
                    return
        if not windows:
            yield widths
            return
        alike = [i for i in windows if _padding_of_same(nodes[i].layer) is not None]
        every: Mend = {}
        for i in alike:
            span = nodes[i].span
            assert span is not None
            every[span] = {"padding": _padding_of_same(nodes[i].layer)}
        spatial: list[Mend] = []
        sized: list[Mend] = []
        for place in windows[:3]:
            span = nodes[place].span
            assert span is not None
            spatial += [{span: edit} for edit in _window_edits(nodes[place].layer)]
            if getattr(nodes[place].layer, "scale_factor", None) and 0 not in axes:
                wanted = dict(zip(axes, target))
                sizes = tuple(wanted.get(axis, old) for axis, old in enumerate(nodes[index].shape))[1:]
                sized.append({span: {"size": sizes, "scale_factor": None}})
        spatial[1:1] = [every] if len(every) > 1 else []
        for edits in spatial + sized:
            yield {span: {**edits.get(span, {}), **widths.get(span, {})} for span in {**edits, **widths}}

    def window_layers(self, index: int, axis: int, ends: set[int]) -> list[int]:
        """The layers with windows on the way to node ``index``, the last first; those that keep the size come last."""
        nodes = self.nodes
        found: list[int] = []
        keeping: list[int] = []
        while index not in ends and nodes[index].inputs:
            node = nodes[index]
            if nodes[node.inputs[0]].shape[axis:] == () or len(nodes[node.inputs[0]].shape) != len(node.shape):
                break
            source = next((i for i in node.inputs if nodes[i].shape[axis] == node.shape[axis]), node.inputs[0])
            if node.span is not None and _window_edits(node.layer):
                (keeping if nodes[source].shape[axis] == node.shape[axis] else found).append(index)
            index = source
        return found + keeping

    def source_of(self, index: int) -> int:
        """The layer that gave node ``index`` its shape: the last one on the way that changed it."""
        nodes = self.nodes
        shape = nodes[index].shape
        while len(nodes[index].inputs) == 1 and nodes[nodes[index].inputs[0]].shape == shape:
            index = nodes[index].inputs[0]
        return index

    def origin(self, index: int) -> str:
        """Which layer fixed the shape that node ``index`` gives."""
        shape = self.nodes[index].shape
        return f"its input {shape_text(shape)} is fixed by {self.written(self.source_of(index))}"

    def written(self, index: int) -> str:
        """A layer's name, and where and how it is written."""
        node = self.nodes[index]
        if node.span is None:
            return node.name
        line = self.source.count("\n", 0, node.span.start) + 1
        written = " ".join(node.span.of(self.source).split())
        return f"{node.name} (line {line}: {written if len(written) <= 40 else written[:39] + '…'})"


def axes_differing(shapes: tuple[Shape, ...], axes: Iterable[int]) -> list[int]:
    """Those of the axes on which the shapes are not surely of one size."""
    return [axis for axis in axes if any(not holds(one[axis], "==", shapes[0][axis]) for one in shapes[1:])]


def axes_at_fault(layer: Layer, shapes: tuple[Shape, ...]) -> list[int]:
    """The axes on which the branches of a merge differ, in order; none where it is something else that is wrong."""
    if layer.kind not in _MERGES or len(shapes) < 2 or len({len(shape) for shape in shapes}) != 1:
        return []
    rank = len(shapes[0])
    along = layer.__dict__["axis"] % rank if layer.kind == "Concat" else None
    found = []
    for axis in range(rank):
        sizes = [shape[axis] for shape in shapes if layer.kind in ("Concat", "Stack") or shape[axis] != 1]
        if axis != along and any(holds(size, "==", sizes[0]) is False for size in sizes[1:]):
            found.append(axis)
    return found


_DIFFER = re.compile(r"the branches differ on axis (\d+)")
_MERGES = frozenset(["Add", "Mul", "Sub", "Div", "Concat", "Stack"])
_MOVERS = frozenset(
    ["Permute", "Transpose", "Reshape", "View", "Unflatten", "Flatten", "PixelShuffle", "PixelUnshuffle"]
)


def _width_argument(node: Node, axis: int) -> str | None:
    """The argument of a layer that states the size of this axis of its output."""
    last = len(node.shape) - 1
    for name, place in (("out_channels", 0), ("out_features", last), ("embedding_dim", last), ("hidden_size", last)):
        if name in node.layer.arguments and axis == place:
            return name
    return None


def _makes(node: Node, axis: int) -> bool:
    """Does a layer set the size of this axis anew, even where it is that of its input?"""
    if node.layer.kind == "Concat":
        return bool(axis == node.layer.__dict__["axis"] % len(node.shape))
    return node.layer.kind in _MOVERS or _width_argument(node, axis) is not None


def _another_input(layer: Layer, shape: Shape, step: str) -> str:
    """How to give a layer of several inputs, as it is written, those that it lacks."""
    missing = (layer.arity or 2) - 1
    if missing == 1 and layer.kind.endswith("Loss"):
        for target in (shape[1:], shape):
            try:
                Applied(layer, (shape, target))
            except (SpecError, IndexError):
                continue
            declared = f"input target: {shape_text(target)}"
            return f"declare the target at the beginning, {declared}, then write {step} with target"
    more = "another input or earlier layer" if missing == 1 else f"{missing} more inputs or earlier layers"
    hint = f"name {more}: {step} with{' NAME' * missing}"
    if alone := ALONE.get(layer.kind):
        heads = re.search(r" \d+$", step)
        hint += f"; for self-attention with its projections write {alone}{heads[0] if heads else ''}"
    return hint


def _resized(shape: Shape, axes: list[int], step: int) -> Shape | None:
    """A shape with some of its axes longer by ``step``; None where that cannot be."""
    if len(shape) <= max(axes) or not all(type(shape[axis]) is int and shape[axis] + step > 0 for axis in axes):
        return None
    return tuple(size + step if axis in axes else size for axis, size in enumerate(shape))


def _layers_text(calls: list[list[str]]) -> str:
    """The layers that some calls make: ``conv1 and conv2``; ``conv2 in enc1 and enc2`` of a block used twice."""
    blocks: dict[tuple[str, ...], list[str]] = {}
    for names in calls:
        parts = [name.rpartition(".") for name in names]
        together = len(names) > 1 and len({last for _, _, last in parts}) == 1
        place = tuple(block for block, _, _ in parts) if together else ()
        blocks.setdefault(place, []).extend([parts[0][2]] if together else names)
    return " and ".join(
        _some(layers) + (f" in {_some(list(place))}" if place else "") for place, layers in blocks.items()
    )


def _some(names: list[str]) -> str:
    return " and ".join(names) if len(names) < 5 else f"{', '.join(names[:3])}, … ({len(names)})"


def _axes_text(axes: list[int]) -> str:
    """Axes in words: ``axis 0``, ``axes 0, 1 and 2``."""
    *before, last = map(str, axes)
    return f"axes {', '.join(before)} and {last}" if before else f"axis {last}"


def _branch_sizes(shapes: tuple[Shape, ...], axis: int) -> str:
    return ", ".join(f"branch {number} has {text(shape[axis])}" for number, shape in enumerate(shapes, 1))


def _value_text(value: Any) -> str:
    return crossed(map(text, value)) if isinstance(value, tuple) else text(value)


def _padding_of_same(layer: Layer) -> Any:
    """The padding after which a layer of stride 1 keeps its input's size, where that is not the padding it has."""
    if not {"kernel_size", "padding", "stride"} <= {*layer.arguments} or layer.kind.startswith("ConvTranspose"):
        return None
    kernel = layer.axes("kernel_size")
    dilation = layer.axes("dilation") if "dilation" in layer.arguments else (1,) * len(kernel)
    if not all(type(size) is int for size in (*kernel, *dilation)) or layer.padding == "same":  # type: ignore[attr-defined]
        return None
    if any(d * (k - 1) % 2 for k, d in zip(kernel, dilation)):
        return None
    wanted = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation))
    if wanted == layer.axes("padding"):
        return None
    return wanted[0] if len(set(wanted)) == 1 else wanted


def _window_edits(layer: Layer) -> list[dict[str, Any]]:
    """The small changes of a layer's window, likeliest first: its padding, then its stride, then its size."""
    edits: list[dict[str, Any]] = []
    if (same := _padding_of_same(layer)) is not None:
        edits.append({"padding": same})
    kernel = getattr(layer, "kernel_size", 1)
    largest = max(kernel) if isinstance(kernel, tuple) and all(type(k) is int for k in kernel) else kernel
    most = {"padding": largest - 1 if type(largest) is int else 1, "output_padding": 1, "stride": 4, "kernel_size": 7}
    for name, highest in most.items():
        value = getattr(layer, name, None)
        if name == "stride" and value is None and name in layer.arguments:
            value = kernel
        if type(value) is int:
            lowest = 0 if "padding" in name else 1
            values = {1, 2, 4, value - 1, value + 1} if name == "stride" else range(value - 3, value + 4)
            near = sorted((new for new in values if lowest <= new <= highest), key=lambda new: abs(new - value))
            edits += [{name: new} for new in near if new != value and {name: new} not in edits]
    factor = getattr(layer, "scale_factor", None)
    if type(factor) in (int, float):
        edits += [{"scale_factor": new} for new in (1, 2, 3, 4, 8) if new != factor]
    return edits


def nearest_edits(
    layer: Layer,
    inputs: tuple[Any, ...],
    blamed: str | None,
    most: int = 3,
) -> list[tuple[str, Dim]]:
    """The smallest single changes of an integer argument that make a layer legal on its inputs.

    >>> from netcalc.layers.convolution import Conv2d
    >>> nearest_edits(Conv2d(out_channels=4, kernel_size=9), ((3, 6, 6),), "kernel_size")
    [('kernel_size', 6), ('padding', 2)]
    """
    found: list[tuple[str, Dim]] = []
    names = [name for name, a in layer.arguments.items() if a.type in ("size", "sizes", "integer")]
    for name in sorted(names, key=lambda name: name != blamed):
        argument, value = layer.arguments[name], getattr(layer, name)
        if argument.axis is not None and value is not None:
            tries = [inputs[0][argument.axis]] if -len(inputs[0]) <= argument.axis < len(inputs[0]) else []
        elif isinstance(value, int) and not isinstance(value, bool):
            tries = [value + step for distance in range(1, 65) for step in (-distance, distance)]
        else:
            continue
        for candidate in tries:
            try:
                Applied(layer.replace(**{name: candidate}), inputs)
            except (SpecError, ArithmeticError, TypeError):
                continue
            found.append((name, candidate))
            break
        if len(found) == most:
            break
    return found
