"""The working behind every figure: the formula in names, the numbers put in, the result.

No formula stands here (but the receptive field's recurrence): a layer's own rules are run on letters that remember
how they were computed (:mod:`netcalc.analysis.written`), and each result is held against the layer's figure. A rule
that compares its letters is run on canonical ones (:mod:`netcalc.dims`). Where a rule takes no letters in an argument,
the argument stays a number.

>>> from netcalc.spec import elaborate
>>> first = explain(elaborate("256 -> linear 512 -> relu -> linear 1")).layers[0]
>>> for line in first.ledger:
...     print(line.label, [(in_names(part.formula), part.kind) for part in line.parts])
W x [('out_features·in_features', 'mul'), ('out_features·(in_features − 1)', 'add')]
+ b [('out_features', 'add')]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from netcalc.analysis.operations import Ops
from netcalc.analysis.receptive_field import ReceptiveField, receptive_fields
from netcalc.analysis.report import LayerReport, Report, analyze_on_domain, plain
from netcalc.analysis.written import (
    Letter,
    Written,
    ceiling,
    exact,
    in_names,
    in_numbers,
    letters,
    named,
    over,
    renamed,
    separate,
    value,
)
from netcalc.dims import Dim, Expr, product, symbol, symbols, text
from netcalc.graph import Graph
from netcalc.layers.base import Applied, Layer, Shape, Work
from netcalc.layers.input import Input
from netcalc.layers.reach import Adaptive, Resized, Rule, Spread, Whole, Window

AXES = {0: (), 1: ("n",), 2: ("T", "D"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
SHORT = {
    "in_channels": "C",
    "num_features": "C",
    "num_channels": "C",
    "out_channels": "C_out",
    "window_size": "w",
    "shift_size": "s",
}
FIELD_LETTERS = ("r", "j", "b", "first", "last")  # of the receptive field's recurrence
ALWAYS = ("k", "s", "p")  # these stay letters even at their defaults

Found = TypeVar("Found")


class Working(NamedTuple):
    """One figure: what it is, its formula (a tree, or a plain result where there is none), and the result."""

    what: str
    formula: Any
    result: Dim


class Tensor(NamedTuple):
    """One parameter: its name, its shape in letters and in numbers, and its number of elements."""

    name: str
    axes: tuple[Any, ...]
    shape: Shape
    shared: str

    @property
    def formula(self) -> Any:
        return product(self.axes)

    @property
    def result(self) -> Dim:
        return product(self.shape)


class Part(NamedTuple):
    """Operations of one kind on a line of the ledger."""

    kind: str
    formula: Any
    result: Dim


class Line(NamedTuple):
    """The lines of the ledger under one label."""

    label: str
    parts: tuple[Part, ...]


class LayerWorking(NamedTuple):
    """The working of one layer.

    ``letters`` are the names that its formulas use, with their sizes; ``output``, ``tensors``, ``ledger``, ``macs``
    and ``field`` the figures; ``parts`` the formulas that the ledger has names for.
    """

    report: LayerReport
    letters: tuple[Letter, ...]
    output: tuple[Working, ...]
    tensors: tuple[Tensor, ...]
    buffers: tuple[Tensor, ...]
    parts: tuple[tuple[Working, str], ...]
    ledger: tuple[Line, ...]
    macs: Working
    field: tuple[Working, ...]
    field_note: str

    @property
    def name(self) -> str:
        return self.report.name


class Alike(NamedTuple):
    """Layers whose working is that of earlier ones: ``name`` as ``model``; ``field`` the last one's, if it differs."""

    name: str
    model: str
    layers: tuple[LayerReport, ...]
    field: ReceptiveField | None = None


class Total(NamedTuple):
    """A total as a sum: each addend with how many times it occurs and the first layer that it is of.

    ``uncounted`` names operations that are not in it: the result is then a lower bound.
    """

    what: str
    addends: tuple[tuple[int, Dim, str], ...]
    result: Dim
    uncounted: tuple[str, ...] = ()


class Explanation(NamedTuple):
    """The working of a network: layers in order (equal ones refer back), and the totals as sums."""

    report: Report
    entries: tuple[LayerWorking | Alike, ...]
    totals: tuple[Total, ...]

    @property
    def layers(self) -> tuple[LayerWorking, ...]:
        """The layers that are worked out."""
        return tuple(entry for entry in self.entries if isinstance(entry, LayerWorking))


def explain(graph: Graph, layer: str | None = None, full: bool = False, report: Report | None = None) -> Explanation:
    """The working of a network, or of one layer (or of the block of that name).

    ``full`` keeps every argument a letter, those at their defaults too, and repeats equal layers. Where the network
    has letters, it is worked out where its conditions hold (:func:`netcalc.analysis.report.analyze_on_domain`).
    """
    report = report or analyze_on_domain(graph)
    graph = report.graph
    wanted = _wanted(report, layer)
    fields = receptive_fields(graph)
    entries: list[LayerWorking | Alike] = []
    taken = _taken(graph)
    for run, model in _runs(graph, wanted, full):
        if model:
            layers = tuple(report.nodes[index] for index in run)
            own, other = fields[run[-1]], fields[model[-1]]
            differs = own is not None and (other is None or own.size != other.size)
            entries.append(
                Alike(_common_name(graph, run), _common_name(graph, model), layers, own if differs else None)
            )
        else:
            entries += [_worked(graph, index, report, fields, full, taken) for index in run]
    totals = () if layer is not None and len(wanted) == 1 else tuple(_totals(report, [report.nodes[i] for i in wanted]))
    return Explanation(report, tuple(entries), totals)


def _wanted(report: Report, layer: str | None) -> list[int]:
    """The nodes to explain: all layers, or those of that name or below it."""
    nodes = report.graph.nodes
    if layer is None:
        return [index for index, node in enumerate(nodes) if not isinstance(node.layer, Input)]
    below = [index for index, node in enumerate(nodes) if node.name.startswith(f"{layer}.")]
    return below or [report.graph.index(layer)]


def _taken(graph: Graph) -> frozenset[str]:
    """The letters that the network itself has."""
    sizes = (size for node in graph.nodes for shape in (*node.applied.inputs, node.applied.output) for size in shape)
    return frozenset(name for size in sizes if isinstance(size, Expr) for name in symbols(size))


# ---------------------------------------------------------------- equal layers


def _runs(graph: Graph, wanted: list[int], full: bool) -> Iterator[tuple[list[int], list[int]]]:
    """The nodes to explain in runs: a block equal to an earlier one is one run that names its model."""
    seen: dict[Any, list[int]] = {}
    place = 0
    while place < len(wanted):
        for run in _blocks_at(graph, wanted, place):
            signature = _signature(graph, run)
            if not full and signature in seen:
                yield run, seen[signature]
                place += len(run)
                break
        else:
            for run in _blocks_at(graph, wanted, place):
                seen.setdefault(_signature(graph, run), run)
            yield [wanted[place]], []
            place += 1


def _blocks_at(graph: Graph, wanted: list[int], place: int) -> Iterator[list[int]]:
    """The blocks that begin at a node, largest first, and at last the node alone."""
    parts = graph.nodes[wanted[place]].name.split(".")
    for depth in range(1, len(parts)):
        prefix = ".".join(parts[:depth]) + "."
        if place and graph.nodes[wanted[place - 1]].name.startswith(prefix):
            continue
        end = place
        while end < len(wanted) and graph.nodes[wanted[end]].name.startswith(prefix):
            end += 1
        if end - place > 1:
            yield wanted[place:end]
    yield wanted[place : place + 1]


def _signature(graph: Graph, run: list[int]) -> Any:
    """What equal blocks have in common: the same layers on the same shapes, under the same names within."""
    if len(run) == 1:
        node = graph.nodes[run[0]]
        return node.layer, node.applied.inputs, bool(node.shared)
    cut = len(_common_name(graph, run))
    return tuple((graph.nodes[i].name[cut:], *_signature(graph, [i])) for i in run)


def _common_name(graph: Graph, run: list[int]) -> str:
    """The name of a block: what the names of its layers begin with."""
    names = [graph.nodes[index].name.split(".") for index in run]
    if len(names) == 1:
        return ".".join(names[0])
    common: list[str] = []
    for pieces in zip(*names):
        if len(set(pieces)) > 1:
            break
        common.append(pieces[0])
    return ".".join(common)


# ---------------------------------------------------------------- one layer on letters


def _worked(
    graph: Graph, index: int, report: Report, fields: Any, full: bool, taken: frozenset[str] = frozenset()
) -> LayerWorking:
    node = graph.nodes[index]
    applied = node.applied
    traced = Traced(applied, full, taken, _channels_last(graph, index))
    output = traced.output()
    names = {
        tree: Letter(f"{before.removesuffix('_in')}_out", size)
        for before, tree, size in zip(_output_names(applied, traced), output, applied.output)
        if isinstance(tree, Written) and not isinstance(tree, Letter)
    }
    shown = tuple(_output(applied, traced, output, names))
    parameters, buffers = traced.tensors("parameters"), traced.tensors("buffers")
    shared = dict(node.shared)
    tensors = tuple(
        Tensor(name, axes, applied.parameters[name], shared.get(name, "").replace(":", "."))
        for name, axes in parameters.items()
    )
    work = traced.work()
    parts = tuple(_parts(work, names))
    ledger = tuple(_ledger(work, applied.work, names))
    macs = Working("MACs", _macs(work, names), applied.work.macs)
    field, note = _field(graph, index, fields, traced)
    states = tuple(Tensor(name, axes, applied.buffers[name], "") for name, axes in buffers.items())
    trees = [*(w.formula for w in shown), *(t.formula for t in (*tensors, *states))]
    trees += [part.formula for line in ledger for part in line.parts]
    used: dict[str, Letter] = {}
    for tree in [*trees, macs.formula, *(w.formula for w in (*(part for part, _ in parts), *field))]:
        used.update(letters(tree))
    outs = {letter.name for letter in names.values()}
    usual = [tree.name for tree in (*traced.names, *traced.arguments.values()) for tree in _flat(tree)]
    ordered = [used[name] for name in dict.fromkeys((*usual, *used)) if name in used and name not in outs]
    return LayerWorking(
        report=report.nodes[index],
        letters=tuple(ordered),
        output=shown,
        tensors=tensors,
        buffers=states,
        parts=parts,
        ledger=ledger,
        macs=macs,
        field=field,
        field_note=note,
    )


def _output(applied: Applied, traced: Traced, output: tuple[Any, ...], names: dict[Any, Letter]) -> Iterator[Working]:
    """Each size of the output: under a name of its own where it is new, else without one."""
    before = traced.names[0] if traced.names else ()
    for place, (called, tree, size) in enumerate(zip(_output_names(applied, traced), output, applied.output)):
        if tree in names:
            called = names[tree].name
        elif (
            len(before) != len(output) or len(output) < 2 or tree in before or str(getattr(tree, "name", "")) == "C_out"
        ):
            called = ""
        else:
            called = (
                ""
                if size == applied.inputs[0][place] or len(before[place].name.removesuffix("_in")) > 1
                else f"{called.removesuffix('_in')}_out"
            )
        yield Working(called, tree, size)


def _macs(work: Work, names: dict[Any, Letter]) -> Any:
    """The MACs in names; a number alone as the multiplications that are as many, where a line has them."""
    if not isinstance(work.macs, Written):
        for line in work.lines:
            if line.kind == "mul" and work.macs != 0 and value(product(line.factors)) == work.macs:
                return separate(renamed(factor, names) for factor in line.factors)
    return renamed(work.macs, names)


def _flat(trees: Any) -> tuple[Letter, ...]:
    found = trees if isinstance(trees, tuple) else (trees,)
    return tuple(tree for tree in found if isinstance(tree, Letter))


def _ledger(work: Work, true: Work, names: dict[Any, Letter]) -> Iterator[Line]:
    """The ledger's lines, those of one label together; each factor in names."""
    parts: list[Part] = []
    for place, (line, true_line) in enumerate(zip(work.lines, true.lines)):
        parts.append(Part(line.kind, separate(renamed(factor, names) for factor in line.factors), true_line.count))
        if place + 1 == len(work.lines) or work.lines[place + 1].label != line.label:
            yield Line(line.label, tuple(parts))
            parts = []


def _parts(work: Work, names: dict[Any, Letter]) -> Iterator[tuple[Working, str]]:
    """The formulas that a rule has named, each with what it is; from then on ``names`` has them."""
    for part in dict.fromkeys(part for line in work.lines for factor in line.factors for part in named(factor)):
        formula = renamed(part.of, names)
        names[part] = Letter(part.name, value(part))
        yield Working(part.name, formula, value(part)), part.what


def _output_names(applied: Applied, traced: Traced) -> tuple[str, ...]:
    """What the sizes of the output are called, before ``_out``."""
    if applied.inputs and len(applied.output) == len(applied.inputs[0]):
        last = traced.channels_last and len(applied.output) == 3
        usual = ("H", "W", "C") if last else AXES.get(len(applied.output), ("n",) * len(applied.output))
        return tuple(
            letter.name if len(letter.name.removesuffix("_in")) == 1 else axis
            for letter, axis in zip(traced.names[0], usual)
        )
    return AXES.get(len(applied.output), ()) or tuple(f"n{axis}" for axis in range(1, len(applied.output) + 1))


class Traced:
    """A layer's rules run on letters. Each answer has been held against the layer's own figures."""

    def __init__(
        self, applied: Applied, full: bool = False, taken: frozenset[str] = frozenset(), channels_last: bool = False
    ) -> None:
        """``taken``: the network's own letters, which no letter of a formula may be called by if it is another size."""
        self.applied = applied
        self.channels_last = channels_last
        self.names = _apart(_input_letters(applied, channels_last), taken)
        self.arguments = _apart(_argument_letters(applied, self.names, full), taken)

    def output(self) -> tuple[Any, ...]:
        true = self.applied.output
        return self._first(lambda layer, inputs: layer.output_shape(*inputs), lambda found: _same(found, true), true)

    def tensors(self, which: str) -> dict[str, tuple[Any, ...]]:
        true: dict[str, Shape] = getattr(self.applied, which)

        def right(found: dict[str, Any]) -> bool:
            return list(found) == list(true) and all(_same(found[name], true[name]) for name in true)

        return self._first(lambda layer, inputs: getattr(layer, which)(), right, true)

    def work(self) -> Work:
        true = self.applied.work

        def right(found: Work) -> bool:
            same = [(a.label, a.kind) for a in found.lines] == [(b.label, b.kind) for b in true.lines]
            counts = all(value(product(a.factors)) == b.count for a, b in zip(found.lines, true.lines))
            return same and counts and value(found.macs) == true.macs

        return self._first(lambda layer, inputs: layer.work(*inputs), right, true)

    def rule(self, axis: int) -> Rule:
        """What a unit reads along an axis of the first input."""

        def rule(layer: Layer, inputs: Any) -> Any:
            return layer.reach(*inputs)[0][axis]

        true = self.applied.reach[0][axis]
        if not isinstance(true, (Window, Spread, Adaptive, Resized)):
            return true
        count = 3 if isinstance(true, (Adaptive, Resized)) else 5

        def right(found: Any) -> bool:
            return type(found) is type(true) and _same(found[1:count], true[1:count])

        return self._first(rule, right, true)

    def _first(self, run: Callable[[Layer, Any], Found], right: Callable[[Found], bool], otherwise: Found) -> Found:
        """The answer with the most letters that is right."""
        first, *others = self._choices()
        for arguments, names, canonical in ((*first, False), (*first, True), *((*other, False) for other in others)):
            try:
                found = self._run(run, arguments, names, canonical)
                if right(found) and not (canonical and _unwieldy(found)):
                    return found
            except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError, LookupError):
                continue  # the rule wants a number here
        return otherwise

    def _run(self, run: Callable[[Layer, Any], Found], arguments: dict[str, Any], names: Any, canonical: bool) -> Found:
        """A rule run on letters that remember; or on ``canonical`` ones, which can be compared."""
        layer = self.applied.layer
        if not canonical:
            return run(_mirror(layer, arguments), names)
        used = {letter.name: letter for tree in (*arguments.values(), *names) for letter in _flat(tree)}
        found = run(_mirror(layer, _each(arguments, _as_symbol)), _each(names, _as_symbol))
        return _each(found, lambda size: over(size, used))  # type: ignore[no-any-return]

    def _choices(self) -> Iterator[tuple[dict[str, Any], tuple[Any, ...]]]:
        """Arguments and inputs as letters; then with one argument a number; then only the one or the other."""
        yield self.arguments, self.names
        for name in self.arguments:
            yield {key: tree for key, tree in self.arguments.items() if key != name}, self.names
        inferred = {k: v for k, v in self.arguments.items() if self.applied.layer.arguments[k].axis is not None}
        yield inferred, self.names
        yield {k: v for k, v in self.arguments.items() if k not in inferred}, self.applied.inputs


def _each(found: Any, change: Callable[[Any], Any]) -> Any:
    """Every size in a dictionary, tuple or record, changed."""
    if isinstance(found, dict):
        return {name: _each(inner, change) for name, inner in found.items()}
    if isinstance(found, tuple):
        inner = [_each(part, change) for part in found]
        return type(found)(*inner) if hasattr(found, "_fields") else tuple(inner)
    return change(found)


def _apart(found: Any, taken: frozenset[str]) -> Any:
    """Letters called ``C_in`` where the network's own letter C is another size."""

    def other(size: Any) -> Any:
        if isinstance(size, Letter) and size.name in taken and text(size.size) != size.name:
            return Letter(f"{size.name}_in", size.size)
        return size

    return _each(found, other) if taken else found


LONGEST = 300  # signs of a formula; beyond them the numbers say more


def _unwieldy(found: Any) -> bool:
    """Is a formula in it, once multiplied out, too long to be read?"""
    if isinstance(found, dict):
        return any(map(_unwieldy, found.values()))
    if isinstance(found, tuple):
        return any(map(_unwieldy, found))
    return isinstance(found, Written) and len(in_names(found)) > LONGEST


def _as_symbol(size: Any) -> Any:
    return symbol(size.name) if isinstance(size, Letter) else size


def _mirror(layer: Layer, values: dict[str, Any]) -> Layer:
    """The layer with other arguments, unchecked: letters are no integers."""
    copy = object.__new__(type(layer))
    copy.__dict__.update({**layer.__dict__, **values})
    return copy


def _same(found: Any, true: Any) -> bool:
    return len(found) == len(true) and all(value(tree) == size for tree, size in zip(found, true))


def _channels_last(graph: Graph, index: int) -> bool:
    """Is the input of a node an image with its channels last: does the layer want it so, or was it laid out so?"""
    node = graph.nodes[index]
    if not node.applied.inputs or len(node.applied.inputs[0]) != 3:
        return False
    if any(argument.axis == 0 for argument in node.layer.arguments.values()):
        return False
    wanted = any(argument.axis == -1 for argument in node.layer.arguments.values())
    if wanted or len(getattr(node.layer, "normalized_shape", ())) == 1:
        return True
    before = graph.nodes[node.inputs[0]]
    if len(before.applied.output) != 3 or not before.inputs:
        return False
    last = _channels_last(graph, node.inputs[0])
    letters = _input_letters(before.applied, last)
    try:
        found = before.layer.output_shape(*letters)
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return last
    channels = letters[0][2 if last else 0] if len(letters[0]) == 3 else None
    return found[2] == channels or last and found[0] != channels


def axis_names(layer: Layer | type[Layer], rank: int, channels_last: bool = False, first: bool = True) -> list[str]:
    """What the axes of a layer's input are called: of the ``first`` as the arguments that must fit them.

    >>> from netcalc.layers import all_kinds
    >>> [axis_names(all_kinds()[kind], rank) for kind, rank in (("Conv2d", 3), ("LSTM", 2), ("Linear", 1))]
    [['C', 'H', 'W'], ['T', 'input_size'], ['in_features']]
    """
    names = list(AXES.get(rank, ()) or (f"n{axis}" for axis in range(1, rank + 1)))
    if layer.rank == 1 and rank == 2:
        names = ["C", "L"]
    if channels_last and rank == 3:
        names = ["H", "W", "C"]
    for name, argument in layer.arguments.items():
        if argument.axis is not None and first and -rank <= argument.axis < rank:
            names[argument.axis] = SHORT.get(name, name)
    return names


def _input_letters(applied: Applied, channels_last: bool) -> tuple[tuple[Any, ...], ...]:
    """Names for the sizes of the inputs: torch's for those that an argument states, the usual ones for the others."""
    found: list[tuple[Any, ...]] = []
    layer = applied.layer
    for place, shape in enumerate(applied.inputs):
        names = axis_names(layer, len(shape), channels_last, first=place == 0)
        letters = []
        for axis, (name, size) in enumerate(zip(names, shape)):
            same = found and len(found[0]) == len(shape) and applied.inputs[0][axis] == size
            letters.append(found[0][axis] if same else Letter(f"{name}_{place + 1}" if place else name, size))
        found.append(tuple(letters))
    return tuple(found)


def _argument_letters(applied: Applied, inputs: tuple[tuple[Any, ...], ...], full: bool) -> dict[str, Any]:
    """The integer arguments of a layer as letters; those at their defaults stay numbers unless ``full`` or k, s, p."""
    layer, found = applied.layer, {}
    for name, argument in layer.arguments.items():
        given = getattr(layer, name)
        letter = argument.letter or SHORT.get(name, name)
        if argument.axis is not None and applied.inputs:
            if given is not None and -len(inputs[0]) <= argument.axis < len(inputs[0]):
                found[name] = inputs[0][argument.axis]
        elif not full and argument.letter not in ALWAYS and given == getattr(type(layer), name, None):
            continue
        elif argument.type in ("size", "sizes") and _size(given):
            found[name] = Letter(letter, given)
        elif argument.type == "sizes" and isinstance(given, tuple) and all(map(_size, given)):
            found[name] = _axis_letters(letter, given, layer.rank or 1)
        elif name == "normalized_shape" and inputs and applied.inputs[0][-len(given) :] == given:
            found[name] = inputs[0][-len(given) :]
    return found


def _size(given: Any) -> bool:
    return given is not None and not isinstance(given, (bool, str, tuple, float))


def _axis_letters(letter: str, sizes: tuple[Dim, ...], rank: int) -> Any:
    """``k`` for all axes where they agree, else ``k_H`` and ``k_W``."""
    if len(set(sizes)) == 1:
        return Letter(letter, sizes[0])
    names = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}.get(rank, range(1, len(sizes) + 1))
    return tuple(Letter(f"{letter}_{name}", size) for name, size in zip(names, sizes))


# ---------------------------------------------------------------- the receptive field


def _field(graph: Graph, index: int, fields: Any, traced: Traced) -> tuple[tuple[Working, ...], str]:
    """How the field follows from that of the input, axis by axis; or in words what happened."""
    node, field = graph.nodes[index], fields[index]
    if field is None:
        return (), fields.reasons.get(index, "")
    before: ReceptiveField | None = fields[node.inputs[0]] if len(node.inputs) == 1 else None
    plainly = tuple(
        Working(what, size, size)
        for what, sizes in (("size", field.size), ("stride", field.stride), ("start", field.start))
        for size in dict.fromkeys(sizes)
        if size is not None
    )
    if before is None and len(node.inputs) > 1:
        return plainly, f"the hull of its {len(node.inputs)} inputs"
    if before is None:
        return plainly, _whole_axis(field) if node.inputs and field.whole else ""
    if (field.size, field.stride, field.start) == (before.size, before.stride, before.start):
        return plainly, "as its input's"
    found: dict[Any, tuple[tuple[Working, ...], list[int]]] = {}
    for place, strip in enumerate(before.strips):
        lines = _recurrence(traced, strip, before, field, place)
        if lines is None:
            whole = strip.axis is not None and isinstance(node.applied.reach[0][strip.axis], Whole)
            return plainly, _whole_axis(field) if whole or field.whole else ""
        key = tuple((line.what, in_numbers(line.formula), line.result) for line in lines)
        found.setdefault(key, (lines, []))[1].append(place)
    return tuple(_by_axis(list(found.values()), traced, before)), ""


def _whole_axis(field: ReceptiveField) -> str:
    return "every unit reads the whole axis" + ("" if field.exact else ", or less by a gap at an end")


def _by_axis(
    found: list[tuple[tuple[Working, ...], list[int]]], traced: Traced, before: ReceptiveField
) -> Iterator[Working]:
    """The lines of each axis; where the axes differ with its name, which their letters get too (``r_H``)."""
    for lines, places in found:
        axes = [before.strips[place].axis for place in places]
        called = [traced.names[0][axis].name.removesuffix("_in") for axis in axes if axis is not None]
        for line in lines:
            if len(found) == 1:
                yield line
                continue
            own = (letter for letter in letters(line.formula).values() if letter.name in FIELD_LETTERS)
            names = {letter: Letter(f"{letter.name}_{called[0]}", letter.size) for letter in own}
            yield Working(f"{line.what} along {', '.join(called)}", renamed(line.formula, names), line.result)


def _recurrence(
    traced: Traced, strip: Any, before: ReceptiveField, field: ReceptiveField, place: int
) -> tuple[Working, ...] | None:
    """Size, stride and start from those of the input and the layer's rule; None where neither is a single number."""
    if strip.axis is None or not all(known is not None for known in (before.stride[place], field.stride[place])):
        return None
    r, j, b = (Letter(n, v[place]) for n, v in (("r", before.size), ("j", before.stride), ("b", before.start)))  # type: ignore[arg-type]
    rule = traced.rule(strip.axis)
    formulas = _formulas(rule, r, j, b)
    if formulas is None:
        return None
    true: tuple[Any, ...] = (field.size[place], field.stride[place], field.start[place])
    otherwise = (_hull(field.strips[place], true[0]), true[1], true[2])
    return tuple(
        Working(what, formula if _is(formula, size) else instead, size)
        for what, formula, instead, size in zip(("size", "stride", "start"), formulas, otherwise, true)
    )


def _formulas(rule: Rule, r: Letter, j: Letter, b: Letter) -> tuple[Any, Any, Any] | None:
    """Size, stride and start behind a rule: the recurrence of the textbooks, and what becomes of it where units spread.

    They are true where all units of the input read alike; elsewhere they may be, and are held against the figures.
    """
    match rule:
        case Window(_, kernel, stride, dilation, padding):
            return r + dilation * (kernel - 1) * j, j * stride, b - padding * j
        case Spread(_, kernel, stride, 1, padding):
            first = 0 if padding == 0 and kernel == stride else ceiling(padding - kernel + 1, stride)
            return r + (ceiling(kernel, stride) - 1) * j, exact(j, stride), b + first * j
        case Spread(_, _, stride):
            return None, exact(j, stride), None
        case Adaptive(_, length, outputs):
            common = length.extremum("gcd", (length, outputs)) if isinstance(length, Written) else 1
            return r + ceiling(length - common, outputs) * j, exact(j * length, outputs), b
        case Resized(_, length, outputs, taps, align_corners, factor):
            if align_corners:
                return r + (taps - 1) * j, exact(j * (length - 1), outputs - 1), b
            whole = factor is not None and factor == int(factor)
            stride = exact(j, Letter("scale_factor", int(factor))) if whole and factor else exact(j * length, outputs)
            return r + (taps - 1) * j, stride, b
    return None


def _is(formula: Any, size: Any) -> bool:
    try:
        return bool(value(formula) == size)
    except (TypeError, ValueError, ArithmeticError):
        return False


def _hull(after: Any, size: Any) -> Any:
    """The size as ``last − first + 1`` of the positions that the unit with the largest field reads."""
    ends = [(low, high) for low, high in zip(after.lows, after.highs) if isinstance(low, int) and isinstance(high, int)]
    for low, high in ends:
        if high - low + 1 == size:
            return Letter("last", high) - Letter("first", low) + 1
    return size


# ---------------------------------------------------------------- totals


def _totals(report: Report, layers: list[LayerReport]) -> Iterator[Total]:
    """The totals as sums; equal addends of equal layers are counted."""
    whole = len(layers) == len(report.layers)
    figures: tuple[tuple[str, Callable[[LayerReport], Dim]], ...] = (
        ("parameters", lambda layer: layer.own_params),
        ("FLOPs", lambda layer: layer.flops),
        ("MACs", lambda layer: layer.macs),
    )
    for what, figure in figures:
        addends: dict[Any, list[Any]] = {}
        result: Dim = 0
        for layer in layers:
            size = figure(layer)
            result = result + size
            if not (isinstance(size, int) and size == 0):
                addends.setdefault(size, [0, layer.name])[0] += 1
        found = Total(what, tuple((count, size, name) for size, (count, name) in addends.items()), result)
        if what == "FLOPs":
            found = found._replace(uncounted=tuple(dict.fromkeys(n for layer in layers for n in layer.uncounted)))
        yield found
        if what == "FLOPs":
            ops = report.ops if whole else Ops.sum(layer.ops for layer in layers)
            yield Total("operations", tuple((1, count, kind) for kind, count in ops.items()), result)


# ---------------------------------------------------------------- as JSON


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """The working for programs: formulas as text, results as exact integers."""
    return {
        "layers": [_entry(entry) for entry in explanation.entries],
        "totals": [
            {
                "of": total.what,
                "addends": [{"count": n, "value": plain(size), "from": name} for n, size, name in total.addends],
                "result": plain(total.result),
            }
            for total in explanation.totals
        ],
        "conditions": [one.to_dict() for one in explanation.report.requirements],
    }


def _entry(entry: LayerWorking | Alike) -> dict[str, Any]:
    if isinstance(entry, Alike):
        return {"name": entry.name, "as": entry.model, "layers": [layer.name for layer in entry.layers]} | (
            {"receptive_field": plain(entry.field.size)} if entry.field else {}
        )
    return {
        "name": entry.name,
        "kind": entry.report.kind,
        "input_shapes": [plain(shape) for shape in entry.report.node.applied.inputs],
        "letters": {letter.name: plain(letter.size) for letter in entry.letters},
        "output": [_step(step.what, step.formula, step.result) for step in entry.output],
        "parameters": [
            {**_step(t.name, t.formula, t.result), "axes": [in_names(axis) for axis in t.axes], "shape": plain(t.shape)}
            for t in entry.tensors
        ],
        **({"parts": [_step(step.what, step.formula, step.result) for step, _ in entry.parts]} if entry.parts else {}),
        "ledger": [
            {"label": line.label, **_step(part.kind, part.formula, part.result)}
            for line in entry.ledger
            for part in line.parts
        ],
        "macs": _step("MACs", entry.macs.formula, entry.macs.result),
        "receptive_field": [_step(step.what, step.formula, step.result) for step in entry.field],
        "notes": [note for note in (entry.report.note, entry.field_note) if note],
    }


def _step(what: str, formula: Any, result: Dim) -> dict[str, Any]:
    return {"of": what, "formula": in_names(formula), "numbers": in_numbers(formula), "result": plain(result)}
