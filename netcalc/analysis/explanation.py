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
from itertools import islice
from math import gcd
from random import Random
from typing import Any, NamedTuple, TypeVar

from netcalc.analysis.operations import Ops, by_kind, lower_bounds
from netcalc.analysis.receptive_field import ReceptiveField, receptive_fields
from netcalc.analysis.report import HEAD, LayerReport, Report, analyze_on_domain, plain, stated
from netcalc.analysis.written import (
    Extreme,
    Letter,
    Quotient,
    Written,
    ceiling,
    exact,
    in_names,
    in_numbers,
    letters,
    named,
    over,
    put_in,
    renamed,
    separate,
    value,
)
from netcalc.dims import Dim, Expr, holds, product, substitute, symbol, symbols, text
from netcalc.graph import Graph
from netcalc.layers.base import Applied, Condition, Layer, Shape, Uncounted, Work
from netcalc.layers.input import Input
from netcalc.layers.reach import Adaptive, Blocks, Causal, Resized, Rule, Spread, Whole, Window

AXES = {0: (), 1: ("n",), 2: ("T", "D"), 3: ("C", "H", "W"), 4: ("C", "D", "H", "W")}
SIGNAL, LAST = ("C", "L"), ("H", "W", "C")  # of two and three axes, where they are not the usual ones
SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
SHORT = {
    "in_channels": "C",
    "num_features": "C",
    "num_channels": "C",
    "out_channels": "C_out",
    "window_size": "w",
    "shift_size": "s",
}
FIELD_LETTERS = ("r", "j", "b", "first", "last", "t")  # of the receptive field's recurrence
ALWAYS = ("k", "s", "p")  # these stay letters even at their defaults
LETTERED = ("size", "sizes", "integer", "real")  # the types of arguments that may be letters, and some shapes

Found = TypeVar("Found")


class Working(NamedTuple):
    """One figure: what it is, its formula (a tree, or a plain result where there is none), the result, and why so."""

    what: str
    formula: Any
    result: Dim
    note: str = ""


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
    """Operations of one kind on a line of the ledger; the result may have names of parts in it that are long."""

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


class Addend(NamedTuple):
    """A part of a total, ``times`` over: ``name`` is the first layer that has it, or the kind of operation.

    ``uncounted`` names operations that are not in it: then it is a lower bound.
    """

    times: int
    size: Dim
    name: str
    uncounted: tuple[str, ...] = ()


class Total(NamedTuple):
    """A total as a sum. ``uncounted`` names operations that are not in it: the result is then a lower bound."""

    what: str
    addends: tuple[Addend, ...]
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
    taken, signals = _taken(graph), _signals(graph)
    for run, model in _runs(graph, wanted, full):
        if model:
            layers = tuple(report.nodes[index] for index in run)
            own, other = fields[run[-1]], fields[model[-1]]
            differs = own is not None and (other is None or own.size != other.size)
            entries.append(
                Alike(_common_name(graph, run), _common_name(graph, model), layers, own if differs else None)
            )
        else:
            for index in run:
                layout = SIGNAL if index in signals else LAST if _channels_last(graph, index) else ()
                entries.append(_worked(graph, index, report, fields, full, taken, layout))
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
    graph: Graph, index: int, report: Report, fields: Any, full: bool, taken: frozenset[str], layout: tuple[str, ...]
) -> LayerWorking:
    node = graph.nodes[index]
    applied = node.applied
    traced = Traced(applied, full, taken, layout)
    output = traced.output()
    names: dict[Any, Letter] = {}
    for before, tree, size in zip(_output_names(applied, traced), output, applied.output):
        if isinstance(tree, Written) and not isinstance(tree, Letter):
            names.setdefault(tree, Letter(f"{before.removesuffix('_in')}_out", size))

    def renaming(tree: Any) -> Any:
        return renamed(tree, names)

    shown = tuple(_output(applied, traced, output, names))
    parameters, buffers = traced.tensors("parameters"), traced.tensors("buffers")
    shared = dict(node.shared)
    tensors = tuple(
        Tensor(name, _each(axes, renaming), applied.parameters[name], shared.get(name, "").replace(":", "."))
        for name, axes in parameters.items()
    )
    work = traced.work()
    parts = tuple(_parts(work, names))
    ledger = tuple(_ledger(work, names))
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
        known = tree in before or isinstance(tree, Letter) and tree.name == "C_out"
        if tree in names:
            new = True
        elif known or len(output) < 2:
            new = False
        elif len(before) == len(output):
            new = size != applied.inputs[0][place] and len(before[place].name.removesuffix("_in")) == 1
        else:
            new = bool(applied.layer.rank) and isinstance(tree, Letter)
        yield Working(f"{called.removesuffix('_in')}_out" if new else "", tree, size)


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


def _ledger(work: Work, names: dict[Any, Letter]) -> Iterator[Line]:
    """The ledger's lines, those of one label together; each factor in names."""
    parts: list[Part] = []
    for place, line in enumerate(work.lines):
        formula = separate(renamed(factor, names) for factor in line.factors)
        parts.append(Part(line.kind, formula, value(formula)))
        if place + 1 == len(work.lines) or work.lines[place + 1].label != line.label:
            yield Line(line.label, tuple(parts))
            parts = []


def _parts(work: Work, names: dict[Any, Letter]) -> Iterator[tuple[Working, str]]:
    """The formulas that a rule has named, each with what it is; from then on ``names`` has them.

    One that is long in the network's letters is a letter of its own in the results, too.
    """
    for part in dict.fromkeys(part for line in work.lines for factor in line.factors for part in named(factor)):
        formula, size = renamed(part.of, names), value(part)
        long = isinstance(size, Expr) and len(text(size)) > LINE
        names[part] = Letter(part.name, symbol(part.name, lower=None) if long else size)
        yield Working(part.name, formula, size), part.what


def _output_names(applied: Applied, traced: Traced) -> tuple[str, ...]:
    """What the sizes of the output are called, before ``_out``."""
    usual = _usual_names(applied.layer, len(applied.output), traced.layout)
    if not applied.inputs or len(applied.output) != len(applied.inputs[0]):
        return tuple(usual)
    return tuple(
        letter.name if len(letter.name.removesuffix("_in")) == 1 else axis
        for letter, axis in zip(traced.names[0], usual)
    )


class Traced:
    """A layer's rules run on letters. Each answer has been held against the layer's own figures."""

    def __init__(
        self, applied: Applied, full: bool = False, taken: frozenset[str] = frozenset(), layout: tuple[str, ...] = ()
    ) -> None:
        """``taken``: the network's own letters, which no letter of a formula may be called by if it is another size;
        ``layout``: what the input's axes are called where they are not the usual ones of their number."""
        self.applied = applied
        self.layout = layout
        self.names = _apart(_input_letters(applied, layout), taken)
        self.arguments = _apart(_argument_letters(applied, self.names, full), taken)
        self.settled = dict(self._by_conditions())

    def _by_conditions(self) -> Iterator[tuple[Written, Written]]:
        """What parts of a formula are by the layer's own conditions: an exact quotient, the greater of two sizes."""
        try:
            for condition in self.applied.layer.unchecked(**self.arguments).conditions(*self.names):
                match condition:
                    case Condition(left, "divisible by", right) if isinstance(left, Written):
                        yield Quotient(left, right), Quotient(left, right, "exact")
                    case Condition(left, ">=", right) if isinstance(left, Written):
                        yield Extreme("max", (left, right)), left
        except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError):
            return  # a later condition wants numbers

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
            counts = all(self._counts(product(a.factors), b.count) for a, b in zip(found.lines, true.lines))
            return same and counts and value(found.macs) == true.macs

        return self._first(lambda layer, inputs: layer.work(*inputs), right, true)

    def _counts(self, tree: Any, count: Dim) -> bool:
        """Is it the formula of a count? A long formula of letters has no canonical form: it is held against the count
        at sizes that the layer allows."""
        if not isinstance(count, Expr) or next(named(tree), None) is None:
            return bool(value(tree) == count)
        places = list(islice(self._places(), 24))
        return len(places) > 8 and all(value(put_in(tree, place)) == substitute(count, place) for place in places)

    def _places(self) -> Iterator[dict[str, Dim]]:
        """Numbers for the network's letters with which the layer is legal."""
        sizes = [letter.size for tree in (*self.names, *self.arguments.values()) for letter in _flat(tree)]
        names = sorted({name for size in sizes if isinstance(size, Expr) for name in symbols(size)})
        draw = Random(0)
        for _ in range(1000):
            place: dict[str, Dim] = {name: draw.randint(1, 12) for name in names}
            sides = (
                (substitute(one.left, place), one.relation, substitute(one.right, place))
                for one in self.applied.conditions
            )
            if all(holds(*side) for side in sides):
                yield place

    def rule(self, axis: int) -> Rule:
        """What a unit reads along an axis of the first input."""

        def rule(layer: Layer, inputs: Any) -> Any:
            return layer.reach(*inputs)[0][axis]

        true = self.applied.reach[0][axis]
        if not isinstance(true, (Window, Spread, Adaptive, Resized, Blocks)):
            return true

        def right(found: Any) -> bool:
            return type(found) is type(true) and _same(found, true)

        return self._first(rule, right, true)

    def _first(self, run: Callable[[Layer, Any], Found], right: Callable[[Found], bool], otherwise: Found) -> Found:
        """The right answer with the most letters: with all, else those that can be, written or ``canonical``."""

        def tried(arguments: dict[str, Any], names: Any, canonical: bool) -> Found | None:
            try:
                found = _each(self._run(run, arguments, names, canonical), self._settle)
                return found if right(found) and not (canonical and _unwieldy(found)) else None
            except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError, LookupError):
                return None  # the rule wants a number here

        def grown(names: Any, canonical: bool) -> Found | None:
            """With one letter after the other, as far as the rule takes them."""
            known: dict[str, Any] = {}
            best = tried(known, names, canonical)
            for name, tree in self.arguments.items() if best is not None else ():
                if (found := tried({**known, name: tree}, names, canonical)) is not None:
                    best, known = found, {**known, name: tree}
            return best

        found = tried(self.arguments, self.names, False)
        if found is None:
            canonical = tried(self.arguments, self.names, True)
            some = (grown(self.names, False), grown(self.names, True) if canonical is None else canonical)
            found = max((one for one in some if one is not None), key=_lettered, default=None)
        if found is None:
            found = grown(self.applied.inputs, False)
        return otherwise if found is None else found

    def _settle(self, tree: Any) -> Any:
        return tree if not self.settled or isinstance(tree, (int, Letter)) else renamed(tree, self.settled)

    def _run(self, run: Callable[[Layer, Any], Found], arguments: dict[str, Any], names: Any, canonical: bool) -> Found:
        """A rule run on letters that remember; or on ``canonical`` ones, which can be compared."""
        layer = self.applied.layer
        if not canonical:
            return run(layer.unchecked(**arguments), names)
        used = {letter.name: letter for tree in (*arguments.values(), *names) for letter in _flat(tree)}
        found = run(layer.unchecked(**_each(arguments, _as_symbol)), _each(names, _as_symbol))
        return _each(found, lambda size: over(size, used))  # type: ignore[no-any-return]


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


def _lettered(found: Any) -> int:
    """How many letters an answer has."""
    used: set[str] = set()
    _each(found, lambda size: used.update(letters(size)))
    return len(used)


LINE = 80  # signs of a result in letters; a longer one is a letter of its own
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


def _same(found: Any, true: Any) -> bool:
    return len(found) == len(true) and all(value(tree) == size for tree, size in zip(found, true))


def _signals(graph: Graph) -> frozenset[int]:
    """The nodes whose input is a signal, C x L: what layers along one axis take and make, until it is transposed or
    a layer takes features last."""
    found: set[int] = set()
    made: set[int] = set()  # the nodes whose output is one
    for index, node in enumerate(graph.nodes):
        along = node.layer.rank or node.inputs and node.inputs[0] in made
        last = any(argument.axis == -1 for argument in node.layer.arguments.values())
        if along and not last and len(node.applied.inputs[0]) == 2:
            found.add(index)
            if len(node.applied.output) == 2 and not _transposes(node.applied):
                made.add(index)
    return frozenset(found)


def _transposes(applied: Applied) -> bool:
    """Is the last axis of the input the first of the output?"""
    letters = _input_letters(applied, SIGNAL)
    try:
        return bool(applied.layer.output_shape(*letters)[0] == letters[0][-1])
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return False


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
    letters = _input_letters(before.applied, LAST if last else ())
    try:
        found = before.layer.output_shape(*letters)
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return last
    channels = letters[0][2 if last else 0] if len(letters[0]) == 3 else None
    return found[2] == channels or last and found[0] != channels


def axis_names(layer: Layer | type[Layer], rank: int, layout: tuple[str, ...] = (), first: bool = True) -> list[str]:
    """What the axes of a layer's input are called: of the ``first`` as the arguments that must fit them.

    >>> from netcalc.layers import all_kinds
    >>> [axis_names(all_kinds()[kind], rank) for kind, rank in (("Conv2d", 3), ("LSTM", 2), ("Linear", 1))]
    [['C', 'H', 'W'], ['T', 'input_size'], ['in_features']]
    """
    names = _usual_names(layer, rank, layout)
    for name, argument in layer.arguments.items():
        if argument.axis is not None and first and -rank <= argument.axis < rank:
            names[argument.axis] = SHORT.get(name, name)
    return names


def _usual_names(layer: Layer | type[Layer], rank: int, layout: tuple[str, ...]) -> list[str]:
    """What so many axes are called, of the input or the output of a layer: columns of an image, too, are C x L."""
    if layer.rank and rank == 2:
        return [*SIGNAL]
    if layout and len(layout) == rank:
        return [*layout]
    return list(AXES.get(rank, ()) or (f"n{axis}" for axis in range(1, rank + 1)))


def _input_letters(applied: Applied, layout: tuple[str, ...]) -> tuple[tuple[Any, ...], ...]:
    """Names for the sizes of the inputs: torch's for those that an argument states, the usual ones for the others."""
    found: list[tuple[Any, ...]] = []
    layer = applied.layer
    for place, shape in enumerate(applied.inputs):
        names = axis_names(layer, len(shape), layout, first=place == 0)
        letters = []
        for axis, (name, size) in enumerate(zip(names, shape)):
            same = found and len(found[0]) == len(shape) and applied.inputs[0][axis] == size
            letters.append(found[0][axis] if same else Letter(f"{name}_{place + 1}" if place else name, size))
        found.append(tuple(letters))
    return tuple(found)


def _argument_letters(applied: Applied, inputs: tuple[tuple[Any, ...], ...], full: bool) -> dict[str, Any]:
    """The arguments of a layer that are sizes, as letters. Defaults of 0 and 1, by which most formulas are shorter,
    stay numbers unless ``full`` or k, s, p."""
    layer, found = applied.layer, {}
    for name, argument in layer.arguments.items():
        given = getattr(layer, name)
        letter = argument.letter or SHORT.get(name, name)
        if argument.axis is not None and applied.inputs:
            if given is not None and -len(inputs[0]) <= argument.axis < len(inputs[0]):
                found[name] = inputs[0][argument.axis]
        elif argument.type not in LETTERED and not (argument.entries or argument.spatial or argument.of_input):
            continue
        elif argument.of_input:
            if given and inputs and applied.inputs[0][-len(given) :] == given:
                found[name] = inputs[0][-len(given) :]
        elif not full and argument.letter not in ALWAYS and given in (0, 1) and given == layer.defaults[name]:
            continue
        elif isinstance(given, tuple):
            if any(map(_size, given)) and all(_size(size) or size is None for size in given):
                found[name] = _entry_letters(letter, given, argument.entries)
        elif _size(given):
            found[name] = Letter(letter, given)
    return found


def _size(given: Any) -> bool:
    """Is it an integer or a letter?"""
    return isinstance(given, (int, Expr)) and not isinstance(given, bool)


def _entry_letters(letter: str, sizes: tuple[Dim | None, ...], entries: tuple[str, ...]) -> tuple[Any, ...]:
    """``k`` for all axes where they agree, else ``k_H`` and ``k_W``, or as torch calls its entries."""
    if len(set(sizes)) == 1:
        return tuple(Letter(letter, size) for size in sizes)  # type: ignore[arg-type]
    several = range(1, len(sizes) + 1)
    names = entries if len(entries) >= len(sizes) else SPATIAL.get(len(sizes), several)
    return tuple(None if size is None else Letter(f"{letter}_{name}", size) for name, size in zip(names, sizes))


# ---------------------------------------------------------------- the receptive field


def _field(graph: Graph, index: int, fields: Any, traced: Traced) -> tuple[tuple[Working, ...], str]:
    """How the field follows from that of the input, axis by axis; or in words what happened."""
    node, field = graph.nodes[index], fields[index]
    if field is None:
        return (), fields.reasons.get(index, "")
    before: ReceptiveField | None = fields[node.inputs[0]] if len(node.inputs) == 1 else None
    called = _called(graph, fields, traced, before)
    plainly = tuple(_by_axis([_plainly(field, place) for place in range(len(called))], called))
    if len(node.inputs) > 1:
        return plainly, f"the hull of its {len(node.inputs)} inputs"
    if before is None:
        return plainly, _whole_axis(field) if node.inputs and field.whole else ""
    if (field.size, field.stride, field.start) == (before.size, before.stride, before.start):
        return plainly, "as its input's"
    lines = [_recurrence(traced, before, field, place) for place in range(len(called))]
    notes = {line.note for one in lines for line in one[:1]}
    if field.whole and len(notes) == 1:
        return plainly, notes.pop()
    return tuple(_by_axis(lines, called)), ""


def _whole_axis(field: ReceptiveField) -> str:
    return "every unit reads the whole axis" + ("" if field.exact else ", or less by a gap at an end")


def _called(graph: Graph, fields: Any, traced: Traced, before: ReceptiveField | None) -> list[str]:
    """What the axes of the field are called: as those of the layer's input along which they lie, else as the source's.

    >>> from netcalc.spec import elaborate
    >>> [line.what for line in explain(elaborate("10x32 -> rotary")).layers[0].field][:3]
    ['size along T', 'stride along T', 'start along T']
    """
    axes = [strip.axis for strip in before.strips] if before else [None]
    if None not in axes and len(set(axes)) == len(axes):
        return [traced.names[0][axis].name.removesuffix("_in") for axis in axes if axis is not None]
    source = _usual_names(Input, len(graph.nodes[fields.source].applied.output), ())
    return [source[axis] for axis in fields.axes]


def _plainly(field: ReceptiveField, place: int) -> tuple[Working, ...]:
    """The figures along one axis, without their reasons."""
    figures = (("size", field.size), ("stride", field.stride), ("start", field.start))
    return tuple(Working(what, sizes[place], sizes[place]) for what, sizes in figures if sizes[place] is not None)  # type: ignore[arg-type]


def _by_axis(lines: list[tuple[Working, ...]], called: list[str]) -> Iterator[Working]:
    """The lines of each axis; where the axes differ with its name, which their letters get too (``r_H``)."""
    found: dict[Any, list[int]] = {}
    for place, one in enumerate(lines):
        found.setdefault(tuple((line.what, in_numbers(line.formula), line.result) for line in one), []).append(place)
    if len(found) == 1:
        yield from lines[0]
        return
    for places in found.values():
        axes = ", ".join(called[place] for place in places)
        for line in lines[places[0]]:
            own = (letter for letter in letters(line.formula).values() if letter.name in FIELD_LETTERS)
            names = {letter: Letter(f"{letter.name}_{called[places[0]]}", letter.size) for letter in own}
            yield line._replace(what=f"{line.what} along {axes}", formula=renamed(line.formula, names))


def _recurrence(traced: Traced, before: ReceptiveField, field: ReceptiveField, place: int) -> tuple[Working, ...]:
    """Size, stride and start along one axis, from those of the input and the layer's rule where they follow from it."""
    strip, plainly = before.strips[place], _plainly(field, place)
    rule = Whole() if strip.axis is None else traced.rule(strip.axis)
    if note := _note(rule, field, place):
        first, *others = plainly
        if strip.axis is not None and (before.size[place], before.stride[place], before.start[place]) == (1, 1, 0):
            length = traced.names[0][strip.axis]
            first = first._replace(formula=length if length.size == first.result else first.formula)
        return (first._replace(note=note), *others)
    if before.stride[place] is None:
        return plainly
    known = (("r", before.size), ("j", before.stride), ("b", before.start))
    formulas = _formulas(rule, *(Letter(name, sizes[place]) for name, sizes in known))  # type: ignore[arg-type]
    formulas = {**formulas, "size": formulas.get("size"), "start": formulas.get("start")}
    otherwise = {"size": _hull(field.strips[place], field.size[place])}
    return tuple(
        line._replace(
            formula=formulas[line.what]
            if _is(formulas[line.what], line.result)
            else otherwise.get(line.what, line.result)
        )
        for line in plainly
    )


def _note(rule: Rule, field: ReceptiveField, place: int) -> str:
    """Why the field is what it is along an axis where all units read alike, or each what those before it read."""
    if isinstance(rule, Causal):
        return "each unit reads the positions up to its own"
    return _whole_axis(field) if field.strips[place].axis is None else ""


def _formulas(rule: Rule, r: Letter, j: Letter, b: Letter) -> dict[str, Any]:
    """Size, stride and start behind a rule: the recurrence of the textbooks, and what becomes of it where units spread.

    They are true where all units of the input read alike; elsewhere they may be, and are held against the figures.
    """
    match rule:
        case Window(_, kernel, stride, dilation, padding):
            return {"size": r + dilation * (kernel - 1) * j, "stride": j * stride, "start": b - padding * j}
        case Spread(_, kernel, stride, dilation, padding):
            common = 1 if value(_gcd(stride, dilation)) == 1 else _gcd(stride, dilation)
            size: Any = r + (ceiling(kernel, stride // common) - 1) * (dilation // common) * j
            found = {"size": size, "stride": exact(j, stride)}
            if dilation == 1:
                begin: Any = 0 if padding == 0 and kernel == stride else ceiling(padding - kernel + 1, stride)
                found["start"] = b + begin * j
            elif (tap := _last_tap(*map(value, (kernel, stride, dilation, padding)))) is not None:
                found["start"] = b + exact(padding - dilation * Letter("t", tap), stride) * j
            return found
        case Blocks(_, outputs, inputs, shift):
            step = j if inputs == outputs else exact(j * inputs, outputs)
            back: Any = 0 if shift == 0 else ceiling(shift, outputs) * inputs - shift
            return {"size": r + (inputs - 1) * j, "stride": step, "start": b - back * j}
        case Adaptive(_, length, outputs):
            size = r + ceiling(length - _gcd(length, outputs), outputs) * j
            return {"size": size, "stride": exact(j * length, outputs), "start": b}
        case Resized(_, length, outputs, taps, align_corners, factor, middle):
            above: Any = length
            below: Any = outputs
            first: Any = 0
            if align_corners:
                above, below = length - 1, outputs - 1
            elif factor is not None and not isinstance(factor, float):
                above, below = 1, factor
            if taps > 1 and not align_corners:
                first = (above - below) // (2 * below) + 1 - taps // 2
            elif middle:
                first = above // (2 * below)
            return {"size": r + (taps - 1) * j, "stride": exact(j * above, below), "start": b + first * j}
    return {}


def _last_tap(kernel: Any, stride: Any, dilation: Any, padding: Any) -> int | None:
    """The last tap of a transposed convolution that falls on the first output; None where none does, or of letters."""
    if not all(isinstance(size, int) for size in (kernel, stride, dilation, padding)):
        return None
    return next((tap for tap in reversed(range(kernel)) if (padding - dilation * tap) % stride == 0), None)


def _gcd(one: Any, other: Any) -> Any:
    """The greatest common divisor of two sizes."""
    written = [size for size in (one, other) if isinstance(size, Written)]
    return written[0].extremum("gcd", (one, other)) if written else gcd(one, other)


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
        addends: dict[Any, Addend] = {}
        result: Dim = 0
        for layer in layers:
            size, left_out = figure(layer), layer.uncounted if what == "FLOPs" else ()
            result = result + size
            if left_out or not (isinstance(size, int) and size == 0):
                known = addends.get((size, bool(left_out)), Addend(0, size, layer.name))
                names = tuple(dict.fromkeys((*known.uncounted, *left_out)))
                addends[size, bool(left_out)] = known._replace(times=known.times + 1, uncounted=names)
        uncounted = tuple(dict.fromkeys(name for layer in layers for name in layer.uncounted))
        yield Total(what, tuple(addends.values()), result, uncounted if what == "FLOPs" else ())
        if what == "FLOPs":
            ops = report.ops if whole else Ops.sum(layer.ops for layer in layers)
            kinds = tuple(Addend(1, count, kind, names) for kind, count, names in by_kind(ops, uncounted))
            yield Total("operations", kinds, result, uncounted)


# ---------------------------------------------------------------- as JSON


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """The working for programs: formulas as text, results as exact integers."""
    uncounted = _uncounted(explanation)
    return {
        **HEAD,
        "layers": [_entry(entry) for entry in explanation.entries],
        "totals": [
            {
                "of": total.what,
                "addends": [
                    {"count": one.times, "value": plain(one.size), "from": one.name} | _bounded(one.uncounted)
                    for one in total.addends
                ],
                "result": plain(total.result),
                **_bounded(total.uncounted),
            }
            for total in explanation.totals
        ],
        **_left_out(uncounted),
        **stated(explanation.report.requirements),
    }


def _uncounted(explanation: Explanation) -> tuple[Uncounted, ...]:
    """What the figures of all the layers that are explained leave out."""
    entries = explanation.entries
    layers = [one for entry in entries for one in (entry.layers if isinstance(entry, Alike) else (entry.report,))]
    return tuple(name.of(layer.name) for layer in layers for name in layer.uncounted)


def _left_out(uncounted: tuple[Uncounted, ...]) -> dict[str, Any]:
    """What is not counted, and the figures that are lower bounds for it."""
    return {"uncounted": list(uncounted), "lower_bounds": list(lower_bounds(uncounted))}


def _bounded(uncounted: tuple[str, ...]) -> dict[str, Any]:
    """The mark of a figure that is a lower bound."""
    return {"lower_bound": True, "uncounted": list(uncounted)} if uncounted else {}


def _entry(entry: LayerWorking | Alike) -> dict[str, Any]:
    if isinstance(entry, Alike):
        uncounted = tuple(name for layer in entry.layers for name in layer.uncounted)
        return {
            "name": entry.name,
            "as": entry.model,
            "layers": [layer.name for layer in entry.layers],
            **({"receptive_field": plain(entry.field.size)} if entry.field else {}),
            **_left_out(uncounted),
        }
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
        **_left_out(entry.report.uncounted),
        "macs": _step("MACs", entry.macs.formula, entry.macs.result),
        "receptive_field": [
            _step(step.what, step.formula, step.result) | ({"note": step.note} if step.note else {})
            for step in entry.field
        ],
        "notes": [note for note in (entry.report.note, entry.field_note) if note],
    }


def _step(what: str, formula: Any, result: Dim) -> dict[str, Any]:
    return {"of": what, "formula": in_names(formula), "numbers": in_numbers(formula), "result": plain(result)}
