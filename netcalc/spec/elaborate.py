"""Syntax → :class:`~netcalc.graph.Graph`: names get meaning, layers get inputs, every misfit gets a place.

Names are looked up in this order: constants and parameters (innermost first), ``--set`` values, earlier layers,
and then a name that begins with a capital is a letter; an unknown lower-case name is an error.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import islice
from math import inf, lcm
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple, NoReturn

from netcalc.dims import Dim, Expr, holds, substitute, symbol, text
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Builder, Graph, Node
from netcalc.layers import all_kinds, all_words, kinds_named, torch_kind
from netcalc.layers.base import Applied, Function, Layer, per_sample, shape_text
from netcalc.layers.base import Argument as Accepted
from netcalc.layers.input import Input
from netcalc.layers.missing import ALIASES, FUNCTIONS, LEFT_OUT, MISSING, UNHEEDED
from netcalc.spec.parser import parse_steps
from netcalc.spec.syntax import (
    Argument,
    Binary,
    Block,
    Call,
    Constant,
    Declaration,
    Definition,
    From,
    InputStep,
    Label,
    Minus,
    Module,
    Name,
    Number,
    Output,
    Range,
    Series,
    Steps,
    Text,
    Value,
)

if TYPE_CHECKING:
    from netcalc.spec.mends import Edits, Misfit

MAX_REPEATS = 10_000
MAX_STEPS = 1_000_000
MAX_SIZE = 10**18
_LITERALS = {"True": True, "False": False, "None": None} | dict.fromkeys(("inf", "math.inf", "torch.inf"), inf)
_FOREIGN = {
    "in_channels": "inputs are inferred: leave it out, or use the torch form Conv2d(in, out, …)",
    "in_features": "inputs are inferred: leave it out, or use the torch form Linear(in, out)",
    "training": "the figures are those of inference: leave it out",
    **LEFT_OUT,
}


class NodeReference(NamedTuple):
    """The value of a name that stands for an earlier layer, or for the block called ``path`` that ends in it."""

    node: int
    path: str = ""


class Word(NamedTuple):
    """The value of a name that stands for a layer kind: ``block(64, relu)``."""

    id: str


_PLAIN = frozenset([int, str, Expr, Word])
"""The types of value that are equal only where they mean the same (``1 == True == 1.0``)."""


class Region(NamedTuple):
    """A block: the path of its names, its nodes ``begin`` to ``end`` (exclusive), the one before and the last one."""

    path: str
    begin: int
    end: int
    entry: int | None
    last: int


class Passage(NamedTuple):
    """A block that reads nothing but what stands before it, as it was met first: its region, and its names' places."""

    region: Region
    labels: tuple[tuple[str, int], ...]
    blocks: tuple[tuple[str, Region], ...]


class Frame(NamedTuple):
    """The names that hold in one block: constants and parameters, ``def``s, and the path of the block."""

    values: dict[str, Any]
    definitions: dict[str, Definition]
    path: str
    alone: bool = False  # does the block consist of one step, which may use the path as its own name?


def elaborate(source: str, name: str = "", sizes: Mapping[str, Dim] | None = None, batch: Dim = 1) -> Graph:
    """The network that a text describes, for ``batch`` samples. Raises SpecError with the place of what is wrong.

    >>> elaborate("3x32x32 -> conv 16 k3 s2 p1 -> relu -> maxpool 2 -> flatten -> linear 10")
    <Graph 3x32x32 -> 10, 5 layers>
    """
    return Elaborator(source, name, sizes or {}, batch=batch).network()


class Elaborator:
    patience = 2  # as often a block is run before it is asked whether it could be copied: asking costs, too

    def __init__(
        self,
        source: str,
        name: str,
        sizes: Mapping[str, Dim],
        edits: Edits = MappingProxyType({}),
        most: int = 0,
        batch: Dim = 1,
    ) -> None:
        """With ``edits`` a text that is not quite this one; with ``most`` no more nodes than that."""
        self.source, self.source_name, self.sizes = source, name, sizes
        self.edits, self.most = edits, most
        self.builder = Builder(source, name, batch)
        self.frames = [Frame({}, {}, "")]
        self.labels: dict[str, int] = {}
        self.given: set[str] = {"input"}  # the names that layers may have beside those that end in a number
        self.given_in: dict[Span, tuple[str, ...]] = {}  # by the labels in the block that stands there
        self.crowded: set[str] = set()  # the blocks into which the text puts layers from outside: ``as layer1.conv``
        self.regions: dict[str, Region] = {}  # the blocks among the labels
        self.current: int | None = None
        self.outputs: list[int] = []
        self.calls: list[str] = []
        self.set_used: set[str] = set()
        self.declared: dict[str, tuple[int, int | None, int]] = {}
        self.letters: dict[str, Expr] = {}  # as declared, or as first met
        self.steps_done = 0
        self.known: dict[Any, Applied] = {}  # calls met before, by what their layers depend on
        self.passages: dict[Any, Passage] = {}  # blocks met three times, likewise
        self.met: dict[Any, int] = {}  # how often a block has been begun where, on which shape
        self.mentioned: dict[Span, tuple[str, ...]] = {}  # the names in the call or block that stands there

    # ------------------------------------------------------------ the whole

    def network(self) -> Graph:
        steps = parse_steps(self.source, self.source_name)
        self.prepare(steps)
        self.run(steps)
        if self.current is None:
            self.fail(
                "empty", "the spec describes no network", hint='for example: "256 -> linear 512 -> relu -> linear 1"'
            )
        for name in self.sizes:
            if name not in self.set_used:
                known = sorted({*self.frames[0].values, *self.builder.graph().symbols})
                raise SpecError(
                    "unknown-symbol",
                    f"the spec has no constant or letter {name!r} to set",
                    expected=f"one of {', '.join(known)}" if known else "a spec with letters or constants",
                    found=name,
                    hint=did_you_mean(name, known),
                )
        return self.builder.graph(tuple(dict.fromkeys(self.outputs)))

    def prepare(self, steps: Steps) -> None:
        """Which names the text gives to layers."""
        labels = [label.id for label in labels_in(steps)]
        self.reserve(steps)
        self.given.update(part for label in labels for part in suffixes(label))
        self.crowded.update(block for label in labels for block in label.split(".")[:-1])

    def reserve(self, block: Steps) -> None:
        """Keep the names that the labels of a block, which is about to be run, will give."""
        given = self.given_in.get(block.span)
        if given is None:
            given = self.given_in[block.span] = tuple(names_given(block))
        if given:
            self.builder.reserve(self.path + name for name in given)

    def fail(self, code: str, message: str, span: Span | None = None, **more: Any) -> NoReturn:
        raise SpecError(code, message, span=span, source=self.source, source_name=self.source_name, **more)

    @contextmanager
    def placed(self, span: Span) -> Iterator[None]:
        """Errors from within get this place, if they have none."""
        try:
            yield
        except SpecError as error:
            raise error.at(span, self.source, self.source_name) from None
        except OverflowError as error:
            self.fail("too-large", str(error), span)

    # ------------------------------------------------------------ steps

    def run(self, steps: Steps) -> None:
        for step in steps.items:
            self.steps_done += 1
            if self.most and len(self.builder.nodes) > self.most:
                self.fail("too-large", "the edit makes the network far larger", step.span)
            if self.steps_done > MAX_STEPS:
                self.fail(
                    "too-large", f"the spec takes more than {MAX_STEPS:,} steps", step.span, hint="use fewer repeats"
                )
            match step:
                case Call():
                    self.call(step)
                case Block():
                    self.block(step)
                case InputStep():
                    self.input(step)
                case Constant():
                    self.constant(step)
                case Declaration():
                    self.declare(step)
                case Definition():
                    self.define(step)
                case From():
                    self.current = self.node(step.name)
                case Output():
                    self.outputs += [self.node(name) for name in step.names] or [self.running(step.span)]

    def running(self, span: Span) -> int:
        """The layer that the next one follows."""
        if self.current is None:
            self.fail(
                "no-input",
                "the network has no input yet",
                span,
                expected="a size first",
                found=span.of(self.source),
                hint=f"3x32x32 -> {span.of(self.source).splitlines()[0]}",
            )
        return self.current

    def input(self, step: InputStep) -> None:
        if step.name is None and self.current is not None and not self.source.startswith("input", step.span.start):
            self.fail(
                "misplaced-size",
                "a bare size can stand only at the beginning",
                step.span,
                expected="a layer",
                found=step.span.of(self.source),
                hint=f"a further input has a name: input other: {step.size.span.of(self.source)}",
            )
        scalar = isinstance(step.size, Name) and step.size.id == "scalar" and self.try_node(step.size) is None
        value = () if scalar else self.value(step.size)
        value = self.edits.get(step.span, {}).get("sizes", value)
        with self.placed(step.size.span):
            layer = Input(value)
        if step.name:
            self.given.update(suffixes(step.name.id))
        stem = self.path + (step.name.id if step.name else "input")
        name = stem if step.name else (stem if stem not in self.labels else self.builder.fresh_name(stem))
        self.current = self.add(layer, (), name, step.span)

    def constant(self, step: Constant) -> None:
        name = step.name.id
        if name in _LITERALS or name == "x":
            self.fail("reserved-name", f"{name} cannot be the name of a constant", step.name.span)
        value = self.value(step.value)
        if len(self.frames) == 1 and name in self.sizes:
            value = self.sizes[name]
            self.set_used.add(name)
        self.frames[-1].values[name] = value

    def declare(self, step: Declaration) -> None:
        """``H in 32..1024``, ``H % 32 == 0``: what is known of a letter; a value that is set must agree."""
        name = step.name.id
        if not name[0].isupper():
            self.fail("bad-declaration", f"{name} is no letter: letters begin with a capital", step.name.span)
        before = self.declared.get(name, (1, None, 1))
        if name in self.letters and name not in self.declared:
            self.fail("bad-declaration", f"{name} is declared after its first use", step.span, hint="declare it first")
        low, high, multiple = (None if part is None else self.value(part) for part in step[1:4])
        for part in (low, high, multiple):
            if part is not None and type(part) is not int:
                self.fail("bad-declaration", "the ends and multiples of a letter are plain numbers", step.span)
            if type(part) is int and part < 1:
                wrong = f"a multiple of {part}" if step.multiple else f"{part}"
                self.fail("bad-declaration", f"{name} cannot be {wrong}: a size is at least 1", step.span)
        if low is not None and high is not None and high < low:
            hint = f"the lower end comes first: {name} in {high}..{low}"
            self.fail("condition-violated", f"nothing lies in {low}..{high}", step.span, hint=hint)
        known = self.declared[name] = (
            max(before[0], low or 1),
            min((end for end in (before[1], high) if end), default=None),
            lcm(before[2], multiple or 1),
        )
        try:
            self.letters[name] = letter = symbol(name, *known)
            if name in self.sizes:
                substitute(letter, {name: self.sizes[name]})
                self.set_used.add(name)
        except ValueError as error:
            self.fail("condition-violated", str(error), step.span, expected=step.span.of(self.source))

    def define(self, step: Definition) -> None:
        if (before := self.frames[-1].definitions.get(step.name.id)) and before is not step:
            line = line_of(self.source, before.span)
            self.fail("name-taken", f"{step.name.id} is defined already, in line {line}", step.name.span)
        self.frames[-1].definitions[step.name.id] = step

    # ------------------------------------------------------------ layers

    def call(self, step: Call) -> None:
        word = step.word.id
        meant = self.meaning(word)
        if isinstance(meant, Word):  # a parameter that stands for a kind
            step = step._replace(word=Name(meant.id, step.word.span))
            word = meant.id
            meant = self.meaning(word)
        if isinstance(meant, Definition):
            return self.expand(meant, step)
        if word == "share":
            return self.share(step)
        function = function_named(word) if "." in word else ""
        if (function or word) in ("chunk", "split"):
            return self.split(step, function or word)
        if word == "repeat" or word == "residual":
            self.fail(
                "syntax",
                f"{word} needs a block",
                step.span,
                expected=f"{word} {{ … }}",
                hint=f"{word} {{ conv 64 k3 p1 }}",
            )
        if not kinds_named(word):
            if (index := self.find(word)) is not None:
                return self.again(step, index)
        elif word in self.given and not step.arguments and not step.parenthesized and self.find(word) is not None:
            self.fail(
                "ambiguous-layer",
                f"{word} is a layer kind and the name of an earlier layer: which is meant?",
                step.span,
                expected=f"share {word}, or {word}()",
                found=word,
                hint=f"share {word} for the earlier layer's weights, {word}() for a new layer",
            )
        others = [self.node(name) for name in step.others]
        current = self.running(step.span)
        key = None if others else self.key(step, current)
        if known := self.known.get(key):
            name = self.name_for(step, type(known.layer))
            self.current = self.add(known.layer, (current,), name, step.span, applied=known)
        else:
            kind = self.kind(step.word, len(self.builder.nodes[current].shape))
            bound = self.bind(kind, self.unfolded(kind, step), allow_nodes=kind.arity != 1)
            inputs = (current, *bound.nodes, *others)
            layer = self.made(kind, bound, step.span)
            self.current = self.add(layer, inputs, self.name_for(step, kind), step.span, bound.spans, bound.shared)
            if bound.shared:
                self.check_tied(step, self.builder.nodes[self.current])
            if function and self.builder.nodes[self.current].applied.parameters:
                self.fail(
                    "bad-argument",
                    f"{word} takes its weights as arguments, but there are no tensors here",
                    step.word.span,
                    expected="a layer, which has weights of its own",
                    found=word,
                    hint=f"write {kind.words[0]}, or nn.{kind.namesake}(…)",
                )
            if key is not None and not bound.nodes:
                self.known[key] = self.builder.nodes[self.current].applied
        self.mark(step.labels, self.current)

    def key(self, step: Call, current: int) -> Any:
        """What a call's layer depends on: where it stands, its names' values, its input's shape; None if on more."""
        values = self.values_of(self.names_of(step.span, step.arguments))
        return None if values is None else (step.span, step.word.id, self.builder.nodes[current].shape, *values)

    def names_of(self, span: Span, part: tuple[Any, ...]) -> tuple[str, ...]:
        """The names in the part of the text that stands there."""
        mentioned = self.mentioned.get(span)
        if mentioned is None:
            mentioned = self.mentioned[span] = tuple(dict.fromkeys(names_in(part)))
        return mentioned

    def values_of(self, names: Iterable[str]) -> list[Any] | None:
        """What these names mean here: None where one is a layer."""
        values: list[Any] = []
        for name in names:
            for frame in reversed(self.frames):
                if name in frame.values:
                    value = frame.values[name]
                    if type(value) not in _PLAIN:
                        return None
                    values.append(value)
                    break
            else:
                if self.find(name) is not None:
                    return None
                values.append(None)
        return values

    def meaning_of(self, block: Steps) -> list[Any] | None:
        """What the names in a block and in the definitions that it uses mean here: None where one is a layer."""
        queue = [*self.names_of(block.span, block.items)]
        definitions: list[Any] = []
        for name in queue:
            for frame in reversed(self.frames):
                if type(frame.values.get(name)) is Word:
                    queue.append(frame.values[name].id)
                    break
                if definition := frame.definitions.get(name):
                    if definition.span not in definitions:
                        definitions.append(definition.span)
                        queue += self.names_of(definition.span, (definition.parameters, definition.body))
                    break
        values = self.values_of(queue)
        return None if values is None else definitions + values

    def name_for(self, step: Call | Block, kind: type[Layer]) -> str:
        if step.labels:
            return self.label_path(step)
        return self.builder.fresh_name(self.path + (kind.words[0] if kind.words else kind.__name__.lower()))

    def label_path(self, step: Call | Block) -> str:
        label = step.labels[0]
        full = self.path + label.id
        if full in self.labels:
            self.fail("name-taken", f"two layers are called {full!r}", label.span, hint="give one of them another name")
        return full

    def mark(self, labels: tuple[Any, ...], index: int) -> None:
        for label in labels:
            self.labels[self.path + label.id] = index

    def add(
        self,
        layer: Layer,
        inputs: tuple[int, ...],
        name: str,
        span: Span,
        spans: Mapping[str, Span] = MappingProxyType({}),
        shared: tuple[tuple[str, str], ...] = (),
        applied: Applied | None = None,
        again: str = "",
    ) -> int:
        try:
            index = self.builder.add(layer, inputs, name, span, shared, applied)
        except (SpecError, OverflowError, NotImplementedError) as error:
            if not isinstance(error, SpecError):
                error = SpecError("too-large", str(error))
            place = self.place(error, spans, span)
            if not self.edits:  # else this is itself the trial of a mend
                if again:
                    self.explain_again(error, again)
                self.misfit.explain(error, layer, inputs)
            raise error.at(place, self.source, self.source_name) from None
        self.labels.setdefault(name, index)
        return index

    def place(self, error: SpecError, spans: Mapping[str, Span], span: Span) -> Span:
        """Where the argument at fault is written, and what of it, if it is a text; else the layer."""
        place = spans.get(error.argument or "", span)
        if error.within and self.source[place.start] in "\"'":
            return Span(place.start + 1 + error.within.start, place.start + 1 + error.within.end)
        return place

    def made(self, kind: type[Layer], bound: Bound, span: Span) -> Layer:
        """The layer with these arguments; what is wrong with one is placed where that is written."""
        if self.edits:
            bound.values.update(self.edits.get(span, {}))
        try:
            return kind(**bound.values)
        except SpecError as error:
            raise error.at(self.place(error, bound.spans, span), self.source, self.source_name) from None

    def explain_again(self, error: SpecError, name: str) -> None:
        """A layer used again can only be given what it takes: no argument of it can change."""
        owner = self.builder.nodes[self.labels[name]]
        takes = " and ".join(map(shape_text, owner.applied.inputs))
        error.argument = None
        error.hint = f"{name} was made for an input of {takes} and keeps its weights: give it that, or use a new layer"

    @property
    def misfit(self) -> Misfit:
        """What can be said where the next layer does not fit."""
        from netcalc.spec.mends import Misfit  # only where something is wrong

        return Misfit(self.builder.nodes, self.source, self.trial)

    def trial(self, edits: Edits) -> tuple[list[Node], str]:
        """The layers that the text gives with other arguments, and what goes wrong behind them."""
        most = 4 * len(self.builder.nodes) + 1000
        trial = Elaborator(self.source, self.source_name, self.sizes, edits, most, self.builder.batch)
        later = ""
        steps = parse_steps(self.source, self.source_name)
        trial.prepare(steps)
        try:
            trial.run(steps)
        except (SpecError, ArithmeticError, TypeError) as error:
            line = error.line if isinstance(error, SpecError) else None
            later = f" (then the next misfit is in line {line})" if line else " (not alone)"
        return trial.builder.nodes, later

    # ------------------------------------------------------------ sharing and splitting

    def again(self, step: Call, index: int) -> None:
        """A named layer called again: the same weights on another input."""
        if step.arguments:
            self.fail(
                "bad-argument",
                f"{step.word.id} is an earlier layer: used again it keeps its arguments",
                step.arguments[0].span,
                hint=f"write {step.word.id} alone, or the name of a layer kind",
            )
        self.reuse(step, step.word, index)

    def share(self, step: Call) -> None:
        names = [name for argument in step.arguments if (name := self.as_name(argument))]
        if len(names) != 1 or len(step.arguments) != 1:
            self.fail("syntax", "share takes the name of one earlier layer", step.span, expected="share NAME")
        self.reuse(step, names[0], self.node(names[0]))

    def reuse(self, step: Call, name: Name, index: int) -> None:
        """The layer, or the whole block, of that name on another input, with the weights that it has."""
        meant = self.try_node(name)
        path = meant.path if isinstance(meant, NodeReference) else ""
        if path in self.regions:
            return self.reuse_block(step, path, self.regions[path])
        owner = self.builder.nodes[index]
        if not owner.applied.parameters:
            self.fail(
                "bad-argument",
                f"{owner.name} is a {owner.layer.kind} alone, which has no weights to share",
                name.span,
                expected="a layer with weights, or a block",
                found=self.misfit.written(index),
                hint=f"to use a chain again, name all of it: repeat 1 {{ … }} as {name.id}, then share {name.id}",
            )
        inputs = (self.running(step.span), *(self.node(name) for name in step.others))
        name_of_use = self.name_for(step, type(owner.layer))
        self.current = self.add(owner.layer, inputs, name_of_use, step.span, shared=shared_by(owner), again=owner.name)
        self.mark(step.labels, self.current)

    def reuse_block(self, step: Call, path: str, region: Region) -> None:
        """Every layer of a block once more, on what stands before this step; what it reads from elsewhere it reads
        again. Its own input, if it brings one, is where it begins."""
        nodes = self.builder.nodes
        prefix_then, begin, end, entry, last = region
        if step.others:
            self.fail("bad-argument", f"{path} is a block: used again it takes one input", step.others[0].span)
        if entry is None:
            entry = next((index for index in range(begin, end) if isinstance(nodes[index].layer, Input)), None)
        twins: dict[int | None, int] = {entry: self.running(step.span)}
        if begin < end and not any(entry in nodes[index].inputs for index in range(begin, end)):
            self.fail(
                "bad-argument",
                f"{path} does not read what stands before it: used again it would compute the same",
                step.span,
                expected="a block that begins with what stands before it",
                found=f"{path}, which goes on from elsewhere",
            )
        if step.labels:
            prefix = self.label_path(step)
        else:
            stem = self.path + next(part for part in reversed(path.split(".")) if not part.isdigit()).rstrip(
                "0123456789"
            )
            prefix = self.builder.fresh_name(stem)
            if prefix == f"{stem}1":  # the block itself is the first
                prefix = self.builder.fresh_name(stem)
        first = len(nodes)
        for index in range(begin, end):
            node = nodes[index]
            if index in twins or isinstance(node.layer, Input):
                continue
            inputs = tuple(twins.get(source, source) for source in node.inputs)
            name = prefix + node.name.removeprefix(prefix_then)
            twins[index] = self.add(node.layer, inputs, name, step.span, shared=shared_by(node), again=node.name)
        self.current = twins.get(last, last)
        self.enclose(prefix, first, twins[entry], step.labels)
        self.mark(step.labels, self.current)

    def enclose(self, path: str, begin: int, entry: int | None, labels: tuple[Label, ...] = ()) -> None:
        """What has been added since ``begin`` is the block called ``path``, and by its further names."""
        assert self.current is not None
        if self.labels.setdefault(path, self.current) == self.current:
            self.regions[path] = region = Region(path, begin, len(self.builder.nodes), entry, self.current)
            for label in labels[1:]:
                self.regions[self.path + label.id] = region

    def check_tied(self, step: Call, node: Node) -> None:
        """A tied weight must be of one shape with its owner's."""
        owner_name, _, tensor = dict(node.shared)["weight"].rpartition(":")
        owner = self.builder.nodes[self.labels[owner_name]]
        own, other = node.applied.parameters["weight"], owner.applied.parameters[tensor]
        if len(own) == len(other) and all(holds(a, "==", b) for a, b in zip(own, other)):
            return
        place = next(argument.span for argument in step.arguments if argument.name == "tied")
        self.fail(
            "shape-mismatch",
            f"{node.name}'s weight {tensor_text(own)} is tied to {owner.name}'s, which is {tensor_text(other)}",
            place,
            expected="two weights of one shape",
            found=f"{tensor_text(own)} in {node.name}, {tensor_text(other)} in {owner.name}",
            hint=f"tied makes them one tensor: change {node.name} or {owner.name}, or leave tied= out",
        )

    def split(self, step: Call, word: str) -> None:
        """``chunk 2 as a, b`` and ``split 64 32 as a, b``: one slice for each name."""
        options = {argument.name: argument for argument in step.arguments if argument.name}
        lone = [argument for argument in step.arguments if argument.name is None]
        if word != step.word.id and len(lone) == 2 and "dim" not in options:  # x.chunk(2, 1)
            options["dim"] = lone.pop()
        given = [self.value(argument.value) for argument in lone]
        axis = self.value(options["axis"].value) if "axis" in options else 0
        if dim := options.get("dim"):  # torch's, which counts the batch
            with self.placed(dim.span):
                axis = per_sample(self.value(dim.value))
        elif word != step.word.id:
            self.needs(step, "dim")
        current = self.running(step.span)
        shape = self.builder.nodes[current].shape
        slice_kind = torch_kind("Slice")
        assert slice_kind is not None
        if not (isinstance(axis, int) and -len(shape) <= axis < len(shape)):
            self.fail("bad-argument", f"the input {shape_text(shape)} has no axis {axis}", step.span)
        if unknown := sorted(str(name) for name in options if name not in ("axis", "dim")):
            self.fail(
                "unknown-argument",
                f"{step.word.id} has no argument {unknown[0]!r}",
                options[unknown[0]].span,
                expected="axis, or dim, which counts the batch axis as 0",
            )
        length = shape[axis]
        if word == "chunk":
            if len(given) != 1 or not isinstance(given[0], int) or given[0] < 1:
                self.fail("bad-argument", "chunk takes the number of parts", step.span, expected="chunk 2 as a, b")
            part = -(-length // given[0])
            count = given[0]
            if isinstance(length, int):
                count = -(-length // -(-length // count))  # may be fewer than asked for, as in torch
            sizes: list[Dim] = [part] * (count - 1)
            sizes.append(length - part * (count - 1))
        else:
            sizes = [size for value in given for size in (value if isinstance(value, tuple) else (value,))]
            rest = length - sum(sizes)
            if not sizes or rest != 0:
                self.fail(
                    "shape-mismatch",
                    f"the parts of split make {text(sum(sizes))}, but axis {axis} has {text(length)}",
                    step.span,
                    expected=f"parts that add up to {text(length)}",
                    found=" + ".join(map(text, sizes)) or "nothing",
                    hint=_parts_hint(sizes, length),
                )
        if len(step.labels) != len(sizes):
            self.fail(
                "bad-argument",
                f"{step.word.id} {' '.join(map(text, given))} of {text(length)} gives {_parts_text(sizes)}, "
                f"but {len(step.labels)} names stand behind 'as'",
                step.span,
                expected=f"as {', '.join('abcdefgh'[: len(sizes)])}",
            )
        start: Dim = 0
        for label, size in zip(step.labels, sizes):
            layer = slice_kind(axis=axis, start=start, stop=start + size)
            index = self.add(layer, (current,), self.path + label.id, step.span)
            self.labels[self.path + label.id] = index
            start = start + size
            self.current = index

    # ------------------------------------------------------------ blocks

    def block(self, step: Block) -> None:
        word = step.word.id
        if word == "repeat":
            return self.repeat(step)
        kind = self.merge_kind(step.word)
        start = self.running(step.span)
        begin = len(self.builder.nodes)
        path = self.path
        if step.labels:
            path = self.label_path(step) + "."
        ends = []
        for number, branch in enumerate(step.branches, 1):
            if not branch.items:
                self.fail(
                    "empty",
                    f"branch {number} of {word} is empty",
                    branch.span,
                    hint="write identity for the input itself",
                )
            self.current = start
            if not is_identity(branch):
                with self.frame(path):
                    self.run(branch)
            assert self.current is not None
            ends.append(self.current)
        if word == "residual" and len(ends) == 1:
            ends.append(start)
        if len(ends) == 1 and word != "residual":
            self.fail("bad-argument", f"{word} needs at least two branches", step.span, expected=f"{word} {{ A | B }}")
        bound = self.bind(kind, step, allow_nodes=False)
        layer = self.made(kind, bound, step.span)
        name = path + kind.words[0] if step.labels else self.builder.fresh_name(path + kind.words[0])
        self.current = self.add(layer, tuple(ends), name, step.span, bound.spans)
        self.mark(step.labels, self.current)
        if step.labels:
            self.enclose(path[:-1], begin, start, step.labels)

    def merge_kind(self, word: Name) -> type[Layer]:
        """The kind that merges the branches of a block: any that takes several inputs; ``residual`` adds."""
        kinds = kinds_named("add" if word.id == "residual" else word.id)
        if len(kinds) == 1 and kinds[0].arity != 1:
            return kinds[0]
        known = ["residual", "repeat", "def", *(w for w, found in all_words().items() if found[0].arity not in (0, 1))]
        self.fail(
            "unknown-block",
            f"{word.id} takes one input, not branches" if kinds else f"no block is called {word.id!r}",
            word.span,
            expected="residual, add, mul, concat, repeat, or another kind of several inputs",
            found=word.id,
            hint=did_you_mean(word.id, known),
        )

    def repeat(self, step: Block) -> None:
        if len(step.arguments) != 1 or step.arguments[0].name is not None or len(step.branches) != 1:
            self.fail("syntax", "repeat takes a number and one block", step.span, expected="repeat 3 { … }")
        times = self.value(step.arguments[0].value)
        first, stop = (times.start or 0, times.stop) if isinstance(times, slice) else (0, times)
        if not all(type(bound) is int and 0 <= bound <= MAX_REPEATS for bound in (first, stop)):
            self.fail(
                "bad-argument",
                "the number of repeats must be a plain number",
                step.arguments[0].span,
                expected=f"0 to {MAX_REPEATS:,}, or first:stop to number the blocks from first on",
                found=text(times) if isinstance(times, (int, Expr)) else step.arguments[0].span.of(self.source),
            )
        body = step.branches[0]
        has_labels = any(labels_in(body, definitions=False))
        path = (
            self.label_path(step)
            if step.labels
            else self.builder.fresh_name(self.path + "repeat")
            if has_labels
            else ""
        )
        begin, entry = len(self.builder.nodes), self.current
        for number in range(first, stop):
            if path and len(body.items) > 1:
                start, before = len(self.builder.nodes), self.current
                self.passage(body, f"{path}.{number}.", {})
                self.enclose(f"{path}.{number}", start, before)
            else:
                with self.frame(f"{path}.{number}." if path else self.path, alone=bool(path)):
                    self.reserve(body)
                    self.run(body)
        if step.labels:
            self.mark(step.labels, self.running(step.span))
            self.enclose(path, begin, entry, step.labels)

    def expand(self, definition: Definition, step: Call) -> None:
        word = definition.name.id
        if word in self.calls:
            self.fail(
                "recursion",
                f"{word} is used inside itself",
                step.word.span,
                expected="a definition that does not use itself",
                found=" -> ".join([*self.calls, word]),
            )
        if len(self.calls) > 40:
            self.fail("too-deep", "more than 40 definitions inside one another", step.span)
        values: dict[str, Any] = {}
        names = [parameter.name.id for parameter in definition.parameters]
        positional = iter(names)
        for argument in step.arguments:
            name = argument.name or next(positional, None)
            if name is None or name not in names:
                self.fail(
                    "unknown-argument",
                    f"{word} takes {_listed(names)}" + (f", not {argument.name!r}" if argument.name else ""),
                    argument.span,
                    expected=_listed(names),
                    found=argument.span.of(self.source),
                    hint=did_you_mean(argument.name or "", names),
                )
            tight = argument.value.id.rstrip("0123456789") if isinstance(argument.value, Name) else ""
            if tight in names and not argument.name and tight != argument.value.span.of(self.source):
                self.fail(
                    "ambiguous-argument",
                    f"{argument.span.of(self.source)} is no value: is {tight}= meant?",
                    argument.span,
                    hint=f"{tight}={argument.span.of(self.source)[len(tight) :]}",
                )
            if name in values:
                self.fail("repeated-argument", f"{name} is given twice", argument.span)
            values[name] = self.value(argument.value)
        for parameter in definition.parameters:
            if parameter.name.id not in values:
                if parameter.default is None:
                    self.fail(
                        "missing-argument",
                        f"{word} needs {parameter.name.id}",
                        step.span,
                        expected=_listed(names),
                        found="nothing",
                    )
                with self.frame(self.path, values):
                    values[parameter.name.id] = self.value(parameter.default)
        if step.labels:
            path = self.label_path(step)
        elif self.frames[-1].alone:  # the whole of a numbered block: layer1.0, not layer1.0.basic1
            path = self.path[:-1]
        else:
            path = self.builder.fresh_name(self.path + word)
        begin, entry = len(self.builder.nodes), self.current
        self.calls.append(word)
        self.passage(definition.body, path + ".", values)
        self.calls.pop()
        self.mark(step.labels, self.running(step.span))
        self.running(step.span)
        self.enclose(path, begin, entry, step.labels)

    def passage(self, body: Steps, path: str, values: dict[str, Any]) -> None:
        """The steps of a block under a path of its own; one that recurs on equal values and shapes is copied."""
        nodes, begin, entry = self.builder.nodes, len(self.builder.nodes), self.current
        labels, regions, outputs = len(self.labels), len(self.regions), len(self.outputs)
        plain = [value for value in values.values() if type(value) in _PLAIN]
        place = (body.span, None if entry is None else nodes[entry].shape, *plain)
        key = None
        with self.frame(path, values):
            if (
                self.met.get(place, 0) >= self.patience
                and path.rpartition(".")[0].rpartition(".")[2] not in self.crowded
            ):
                meant = self.meaning_of(body)
                key = None if meant is None else (*place, *meant)
                if key in self.passages and self.copied(self.passages[key], path[:-1]):
                    return
            self.met[place] = self.met.get(place, 0) + 1
            self.reserve(body)
            self.run(body)
        last = self.current
        if key is None or last is None or len(self.outputs) > outputs or not (last >= begin or last == entry):
            return
        if all(not node.shared and all(i >= begin or i == entry for i in node.inputs) for node in nodes[begin:]):
            region = Region(path[:-1], begin, len(nodes), entry, last)
            added = (*islice(self.labels.items(), labels, None),), (*islice(self.regions.items(), regions, None),)
            self.passages[key] = Passage(region, *added)

    def copied(self, passage: Passage, path: str) -> bool:
        """Append a block once more under another path; False where one of the names is taken."""
        (before, begin, end, _, last), labels, regions = passage
        nodes, entry, cut = self.builder.nodes, self.current, len(before)
        shift = len(nodes) - begin
        assert entry is not None

        def moved(index: int) -> int:
            return index + shift if index >= begin else entry

        renamed = {path + name[cut:]: moved(index) for name, index in labels}
        if not self.labels.keys().isdisjoint(renamed):
            return False
        if not self.builder.copy(begin, end, entry, [path + node.name[cut:] for node in nodes[begin:end]]):
            return False
        self.labels.update(renamed)
        for name, (inner, first, stop, source, final) in regions:
            if source is not None:
                source = moved(source)
            self.regions[path + name[cut:]] = Region(
                path + inner[cut:], first + shift, stop + shift, source, moved(final)
            )
        self.current = moved(last)
        return True

    @property
    def path(self) -> str:
        return self.frames[-1].path

    @contextmanager
    def frame(self, path: str, values: dict[str, Any] | None = None, alone: bool = False) -> Iterator[None]:
        self.frames.append(Frame(dict(values or {}), {}, path, alone))
        try:
            yield
        finally:
            self.frames.pop()

    def meaning(self, word: str) -> Definition | Word | None:
        """What a step's word stands for where it is no layer's own: a block, or the kind that a parameter gives."""
        for frame in reversed(self.frames):
            if word in frame.definitions or isinstance(frame.values.get(word), Word):
                meant: Definition | Word = frame.definitions.get(word) or frame.values[word]
                return meant
        return None

    # ------------------------------------------------------------ names and values

    def find(self, name: str) -> int | None:
        """The earlier layer of that name, looked up from the innermost block outwards."""
        if name.rpartition(".")[2] not in self.given and not name[-1].isdigit():
            return None
        path = self.path
        while True:
            if (index := self.labels.get(path + name)) is not None:
                return index
            if not path:
                return None
            path = outer(path)

    def full_name(self, name: str) -> str:
        """The name of that layer (which is there) from the outermost block on."""
        path = self.path
        while path and path + name not in self.labels:
            path = outer(path)
        return path + name

    def node(self, name: Name) -> int:
        for frame in reversed(self.frames):
            if isinstance(found := frame.values.get(name.id), NodeReference):
                return found.node
        index = self.find(name.id)
        if index is None:
            self.fail(
                "unknown-node",
                f"no earlier layer is called {name.id!r}",
                name.span,
                expected="a name given with 'as', or an input's",
                found=name.id,
                hint=self.hidden(name.id) or did_you_mean(name.id, self.labels),
            )
        return index

    def name(self, name: Name) -> Any:
        word = name.id
        if word in _LITERALS:
            return _LITERALS[word]
        for frame in reversed(self.frames):
            if word in frame.values:
                return frame.values[word]
        if word in self.sizes:
            self.set_used.add(word)
            return self.sizes[word]
        if (index := self.find(word)) is not None:
            return NodeReference(index, self.full_name(word))
        if word[0].isupper() and word.isidentifier():
            return self.letters.setdefault(word, symbol(word))
        if kinds_named(word):
            return Word(word)
        known = {key for frame in self.frames for key in frame.values} | set(self.labels)
        self.fail(
            "unknown-name",
            f"{word!r} is not defined",
            name.span,
            expected="a number, a constant, or a letter that begins with a capital",
            found=word,
            hint=self.hidden(word)
            or self.torn(name.span)
            or did_you_mean(word, known)
            or (f"a letter for an unknown size is a capital: {word.capitalize()}" if word.isidentifier() else ""),
        )

    def torn(self, span: Span) -> str:
        """What to say of a piece of a word that has been read as a size."""
        words = re.finditer(r"\w+", self.source)
        word = next((word.group() for word in words if word.start() <= span.start < word.end()), "")
        if len(word) <= len(span.of(self.source)):
            return ""
        return f"{word} is read as a size, {word.replace('x', ' x ')}; 'as', 'def' or '=' before would make it a name"

    def hidden(self, name: str) -> str:
        """Where a name that means nothing here is known: inside a block."""
        inside = [label for label in self.labels if label.endswith(f".{name}")]
        if inside:
            return f"{name} is known only inside {inside[-1].removesuffix(f'.{name}')}: from here it is {inside[-1]}"
        where = next(places_of(parse_steps(self.source, self.source_name), name), None)
        return f"{name} is known only inside {where}" if where else ""

    def as_name(self, argument: Argument) -> Name | None:
        """The name that an argument may be, also where it looks like a tight one (``p4``)."""
        name, value, span = argument
        if name is None:
            return value if isinstance(value, Name) else None
        written = span.of(self.source)
        return Name(written, span) if isinstance(value, Number) and written == f"{name}{value.value}" else None

    def value(self, value: Value, accepted: Accepted | None = None) -> Any:
        """What an expression comes to: an int, a float, a formula, a text, a tuple of these, or a layer."""
        match value:
            case Number():
                return value.value
            case Text():
                return value.value
            case Name():
                if accepted and value.id in accepted.choices:
                    return value.id
                if accepted and accepted.callable and (word := function_named(value.id)) in accepted.choices:
                    return word
                if accepted and value.id.lower() in accepted.choices and not self.is_defined(value.id):
                    self.fail(
                        "bad-argument",
                        f"{value.id} would be a letter: the word is written {value.id.lower()}",
                        value.span,
                        expected=value.id.lower(),
                        found=value.id,
                    )
                return self.name(value)
            case Minus():
                return -self.number(value.operand)
            case Series():
                return tuple(self.value(item, accepted) for item in value.items)
            case Module():
                word = value.word.id.rpartition(".")[2]
                if accepted and accepted.callable and word.lower() in accepted.choices and not value.arguments:
                    return word.lower()
                self.fail(
                    "bad-value",
                    f"{value.span.of(self.source)} is a layer, not a value",
                    value.span,
                    expected="a number, a letter or a constant",
                    hint="one layer a line, or '->' between layers",
                )
            case Range():
                return slice(*(self.value(part) if part is not None else None for part in value[:3]))
            case Binary():
                left, right = self.number(value.left), self.number(value.right)
                with self.placed(value.span):
                    result = self.arithmetic(value, left, right)
                if isinstance(result, int) and abs(result) > MAX_SIZE:
                    self.fail(
                        "too-large", "a size of more than 18 digits", value.span, expected=f"at most {MAX_SIZE:,}"
                    )
                return result
        raise AssertionError(value)

    def number(self, value: Value) -> Any:
        result = self.value(value)
        if isinstance(result, bool) or not isinstance(result, (int, float, Expr)):
            self.fail(
                "bad-value",
                f"{value.span.of(self.source)} is not a number",
                value.span,
                expected="a number or a letter",
                found="a layer kind" if isinstance(result, Word) else value.span.of(self.source),
                hint="the arrow between layers is written '->'" if isinstance(result, Word) else "",
            )
        return result

    def arithmetic(self, value: Binary, left: Any, right: Any) -> Any:
        match value.operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
        if right == 0:
            self.fail("division-by-zero", f"{value.span.of(self.source)} divides by zero", value.right.span)
        return left // right if value.operator == "//" else left % right

    # ------------------------------------------------------------ kinds and arguments

    def kind(self, word: Name, rank: int) -> type[Layer]:
        """The kind that a word stands for, on an input of ``rank`` axes."""
        bare = word.id.removeprefix("torch.").removeprefix("nn.")
        function = function_named(word.id)
        candidates = kinds_named(function or bare) if function or bare == word.id else ()
        if not candidates:
            if bare[:1].isupper() and (found := torch_kind(ALIASES.get(bare, bare))):
                return found
            if bare in MISSING:
                self.fail("unknown-kind", f"{bare} is no layer kind here", word.span, found=word.id, hint=MISSING[bare])
            self.unknown_kind(word, bare)
        if len(candidates) == 1:
            return candidates[0]
        fitting = [kind for kind in candidates if kind.rank == rank - 1] or [
            kind for kind in candidates if rank == kind.rank == 1
        ]
        if not fitting:
            shape = self.builder.nodes[self.running(word.span)].shape
            ranks = ", ".join(str((kind.rank or 0) + 1) for kind in candidates)
            self.fail(
                "wrong-rank",
                f"{word.id} takes an input of {ranks} axes, but this one has {rank}: {shape_text(shape)}",
                word.span,
                expected="C x L, C x H x W or C x D x H x W",
                found=f"{shape_text(shape)}\n{self.misfit.origin(self.running(word.span))}",
                hint="sizes are per sample: leave the batch axis out" if rank > 4 else _rank_hint(rank),
            )
        return fitting[0]

    def unknown_kind(self, word: Name, bare: str) -> NoReturn:
        later = [step for step in parse_steps(self.source, self.source_name).items if isinstance(step, Definition)]
        known = {*all_words(), *all_kinds(), "residual", "repeat", *(step.name.id for step in later)}
        known |= {name for frame in self.frames for name in frame.definitions}
        known |= {label for label in self.labels if "." not in label}
        lower = bare.lower()
        self.fail(
            "unknown-kind",
            f"no layer kind is called {word.id!r}",
            word.span,
            expected="a layer kind (netcalc layers lists them)",
            found=word.id,
            hint=next(
                (
                    f"it is defined in line {line_of(self.source, d.span)}: define it before"
                    for d in later
                    if d.name.id == bare
                ),
                "",
            )
            or (f"did you mean {lower!r}?" if lower in known else did_you_mean(bare, known)),
        )

    def bind(self, kind: type[Layer], step: Call | Block, allow_nodes: bool) -> Bound:
        """Match what is written to the kind's arguments."""
        written = step.word.id.rpartition(".")[2]
        torch_form = isinstance(step, Call) and step.parenthesized and written[:1].isupper()
        lazy = written in ALIASES  # torch's LazyLinear(out_features) infers as the short form does
        positional = [
            name for name, argument in kind.arguments.items() if argument.axis is None or torch_form and not lazy
        ]
        letters = kind.letters
        bound = Bound({}, {}, [], ())
        if torch_form and kind.heedless:
            return bound
        queue = iter(positional)
        function = kind.function
        lone: list[str] = []  # the arguments that are given by place
        counted: list[str] = []  # the axes that are given under torch's names
        for argument in step.arguments:
            name, value = argument.name, argument.value
            if name is None and isinstance(value, Name):
                if flag := self.flag(kind, value.id):
                    name, stated = flag
                    if torch_form and not self.is_defined(value.id):
                        self.fail(
                            "unknown-name",
                            f"{value.id!r} is not defined: in torch's form an argument has its value beside it",
                            value.span,
                            expected=f"{name}={stated}",
                            found=value.id,
                            hint=f"{name}={stated}",
                        )
                    if not torch_form:
                        self.put(kind, bound, name, stated, argument)
                        continue
                    name = None
                if allow_nodes:
                    found = self.try_node(value)
                    if isinstance(found, NodeReference) or found is None and len(positional) == 0:
                        bound.nodes.append(self.node(value))
                        continue
            tight = self.as_name(argument) if name and allow_nodes and name not in letters else None
            if tight and name not in kind.arguments and self.find(tight.id) is not None:
                bound.nodes.append(self.node(tight))
                continue
            if name == "tied" and not torch_form and "weight" in _parameter_names(kind):
                owner = self.builder.nodes[self.node(value)] if isinstance(value, Name) else None
                if owner is None or "weight" not in owner.applied.parameters:
                    self.fail("bad-argument", "tied takes the name of a layer that has a weight", argument.span)
                bound = bound._replace(shared=(("weight", dict(shared_by(owner))["weight"]),))
                continue
            if name is None:
                if function.gathers in lone and type(more := self.value(value)) in (int, Expr):
                    gathered = bound.values[function.gathers]
                    bound.values[function.gathers] = (*_entries(gathered), more)
                    bound.spans[function.gathers] = bound.spans[function.gathers].to(argument.span)
                    continue
                name = next(queue, None)
                if name is None:
                    self.too_many(kind, positional, argument)
                lone.append(name)
                if not torch_form:
                    self.doubtful(kind, step, name, positional, argument)
            elif name in letters and not torch_form:
                if allow_nodes and (layer := self.as_name(argument)) and self.find(layer.id) is not None:
                    self.fail(
                        "ambiguous-argument",
                        f"{layer.id} is an earlier layer, and also {letters[name]}={layer.id[1:]}: which is meant?",
                        argument.span,
                        expected=f"with {layer.id}, or {name}={layer.id[1:]}",
                        found=layer.id,
                        hint=f"with {layer.id} for the layer",
                    )
                name = letters[name]
            elif name in function.axes and name not in kind.arguments:
                name = function.axes[name]
                counted.append(name)
            elif name not in kind.arguments and (several := _named_argument(kind)):
                stated = bound.values.get(several, ())
                if name in dict(stated):
                    self.fail("repeated-argument", f"{name} is given twice", argument.span)
                bound.values[several] = (*stated, (name, self.number(value)))
                bound.spans[several] = bound.spans.get(several, argument.span).to(argument.span)
                continue
            elif name not in kind.arguments:
                if torch_form and name in UNHEEDED and kind.parameters is not Layer.parameters:
                    continue
                self.unknown_argument(kind, name, argument, letters)
            result = self.value(value, kind.arguments[name])
            if isinstance(result, slice):
                if "stop" not in kind.arguments:
                    self.fail(
                        "bad-argument", f"{kind.__name__} takes no range", argument.span, hint="a range is for slice"
                    )
                parts = {"start": result.start, "stop": result.stop, "step": result.step}
                for part, given in parts.items():
                    if given is not None:
                        self.put(kind, bound, part, given, argument)
                continue
            self.put(kind, bound, name, result, argument)
        if torch_form:
            stated_sizes = {name: a.stated for name, a in kind.arguments.items() if a.stated is not None}
            bound = bound._replace(values=stated_sizes | bound.values)
        if function.axes or function.needs:
            either = isinstance(step, Call) and step.parenthesized and not torch_form
            self.count_axes(function, step, bound, counted, lone if either else [])
        return bound

    def count_axes(
        self, function: Function, step: Call | Block, bound: Bound, counted: list[str], either: list[str]
    ) -> None:
        """Axes ``counted`` as torch does become a sample's own; what could be ``either`` is refused."""
        called = function_named(step.word.id)
        if called and function.needs and function.needs not in bound.values:
            theirs = {ours: name for name, ours in function.axes.items()}
            self.needs(step, theirs.get(function.needs, function.needs))
        stated = {name: bound.values[name] for name in function.axes.values() if name in bound.values}
        for name, value in stated.items():
            if called or name in counted:
                with self.placed(bound.spans[name]):
                    bound.values[name] = function.per_sample(value)
            elif name in either and any(not (type(axis) is int and axis < 0) for axis in _entries(value)):
                self.ambiguous_axes(function, step, stated, bound.spans[name])

    def ambiguous_axes(self, function: Function, step: Call | Block, stated: dict[str, Any], span: Span) -> NoReturn:
        """``transpose(1, 2)`` may be torch's, which counts the batch: the error says both meanings without doubt."""

        def spelt(values: Iterable[Any]) -> str:
            axes = (text(axis).replace("−", "-") for value in values for axis in _entries(value))
            return " ".join([step.word.id, *axes])

        try:
            theirs = f"{spelt(map(function.per_sample, stated.values()))} if axis 0 is the batch"
        except SpecError as error:
            theirs = f"as torch's it would not do: {error.message}"
        self.fail(
            "ambiguous-argument",
            f"{step.span.of(self.source)} may count a sample's own axes, or the batch as axis 0 as torch does",
            span,
            expected="axes without brackets, which are a sample's own, or dim=, which is torch's",
            found=step.span.of(self.source),
            hint=f"{spelt(stated.values())} if these are a sample's own axes; {theirs}",
        )

    def needs(self, step: Call | Block, name: str) -> None:
        """Refuse one of torch's functions that would work on the batch, too."""
        self.fail(
            "missing-argument",
            f"without {name} {step.word.id} works on the batch axis, too",
            step.span,
            expected=f"{name}, in which 0 is the batch axis",
            found=step.span.of(self.source),
            hint=f"{step.word.id.rpartition('.')[2]} works on each sample",
        )

    def unfolded(self, kind: type[Layer], step: Call) -> Call:
        """``TransformerEncoder(TransformerEncoderLayer(512, 8), 6)``: the module's arguments become the kind's own."""
        if not kind.made_of or not any(isinstance(argument.value, Module) for argument in step.arguments):
            return step
        given = self.in_places(step.arguments, kind.made_of)
        made = given.pop(kind.made_of[0], None)
        if made is None or not isinstance(made.value, Module) or self.kind(made.value.word, 2) is not kind.one:
            self.fail(
                "bad-argument",
                f"{kind.__name__} is made of {kind.one.__name__}s",
                made.span if made else step.span,
                expected=f"{kind.__name__}({kind.one.__name__}(…), num_layers)",
            )
        arguments = self.in_places(made.value.arguments, tuple(kind.one.arguments))
        if norm := given.pop("norm", None):
            if isinstance(norm.value, Module):
                self.check_norm(norm, arguments)
                norm = norm._replace(value=Name("True", norm.span))
            if not (isinstance(norm.value, Name) and norm.value.id == "None"):
                given["norm"] = norm
        own = {name: argument for name, argument in given.items() if name in kind.arguments}
        for name, argument in {**given, **arguments}.items():
            if name not in (*kind.made_of, *kind.one.arguments):
                self.unknown_argument(kind, name, argument, {})
        return step._replace(arguments=tuple(argument._replace(name=n) for n, argument in {**arguments, **own}.items()))

    def check_norm(self, norm: Argument, arguments: dict[str, Argument]) -> None:
        """The norm at the end of a stack is LayerNorm(d_model), with a bias where the stack's layers have one."""
        assert isinstance(norm.value, Module)
        given = self.in_places(norm.value.arguments, ("normalized_shape", "eps", "elementwise_affine", "bias"))

        def stated(where: dict[str, Argument], name: str, default: Any = None) -> Any:
            return self.value(where[name].value) if name in where else default

        width, bias = stated(arguments, "d_model"), stated(arguments, "bias", True)
        if (
            torch_kind(norm.value.word.id.rpartition(".")[2]) is not torch_kind("LayerNorm")
            or _entries(stated(given, "normalized_shape")) != (width,)
            or stated(given, "elementwise_affine", True) is not True
            or stated(given, "bias", True) is not bias
        ):
            self.fail(
                "bad-argument",
                "the norm at the end must be like those of the layers",
                norm.span,
                expected=f"LayerNorm({text(width)}{'' if bias else ', bias=False'})" if width else "LayerNorm(d_model)",
                found=norm.span.of(self.source),
                hint="without norm= here, any other norm may stand as a layer of its own behind this one",
            )

    def in_places(self, arguments: tuple[Argument, ...], names: tuple[str, ...]) -> dict[str, Argument]:
        """Arguments by their names; those without one by their places."""
        queue = iter(names)
        found: dict[str, Argument] = {}
        for argument in arguments:
            name = argument.name or next(queue, "")
            if not name or name in found:
                self.fail("too-many-arguments", "this is one too many", argument.span, expected=_listed(list(names)))
            found[name] = argument
        return found

    def doubtful(
        self, kind: type[Layer], step: Call | Block, name: str, positional: list[str], argument: Argument
    ) -> None:
        """Refuse with a question what is given by place and could mean another thing."""
        value, written = argument.value, argument.value.span.of(self.source)
        if isinstance(value, Number):
            if hint := kind.stated_by_name.get(name):
                self.fail(
                    "ambiguous-argument",
                    f"{written} could mean more than one thing to {step.word.id}: name it",
                    argument.span,
                    expected=_listed([f"{key}=" for key in positional[:2]]),
                    found=written,
                    hint=hint.format(written),
                )
            if self.meant_for_inferred(kind, name, value.value):
                self.inferred_size(kind, name, argument)
        if not isinstance(value, Name) or self.is_defined(written):
            return
        stem = written.rstrip("0123456789")
        letter, number = stem.lower(), written[len(stem) :]
        place = step.arguments.index(argument)
        follows = step.arguments[place + 1].value if place + 1 < len(step.arguments) else None
        apart = not number and isinstance(follows, Number) and step.arguments[place + 1].name is None
        meant = kind.letters.get(letter)
        if meant and (stem == letter or (apart and meant == name) or number and (place or meant == name)):
            digits = number or (str(follows.value) if apart and isinstance(follows, Number) else "3")
            self.fail(
                "ambiguous-argument",
                f"{written} is {'no value' if stem == letter else 'a letter of its own'}: is {meant} meant?",
                argument.span,
                expected=f"{letter}{digits}, written tight and small",
                found=written + (f" {digits}" if apart else ""),
                hint=f"{letter}{digits} for {meant}={digits}"
                + (f", or {meant}={written} for an unknown size {written}" if stem != letter else ""),
            )

    def is_defined(self, name: str) -> bool:
        """Has the name been given a value, or been declared as a letter?"""
        return name in self.declared or name in self.sizes or any(name in frame.values for frame in self.frames)

    def meant_for_inferred(self, kind: type[Layer], name: str, value: int | float) -> bool:
        """Is a whole number written where only an inferred size would be one (``bn 64``)?"""
        infers = any(argument.axis is not None for argument in kind.arguments.values())
        return infers and kind.arguments[name].type in ("real", "flag") and isinstance(value, int) and value > 1

    def inferred_size(self, kind: type[Layer], name: str, argument: Argument) -> NoReturn:
        inferred = next(key for key, accepted in kind.arguments.items() if accepted.axis is not None)
        value = argument.value.span.of(self.source)
        self.fail(
            "bad-argument",
            f"{kind.__name__} reads its {inferred} off the input: it is not written in the short form",
            argument.span,
            expected=f"no {inferred}",
            found=value,
            hint=f"leave it out, or write {inferred}={value} to have it checked, or {name}={value} if that is meant",
        )

    def put(self, kind: type[Layer], bound: Bound, name: str, value: Any, argument: Argument) -> None:
        if name in bound.values:
            self.fail(
                "repeated-argument",
                f"{name} of {kind.__name__} is given twice",
                argument.span,
                expected=f"{name} once",
                found=f"{bound.spans[name].of(self.source)} and {argument.span.of(self.source)}",
            )
        if isinstance(value, (NodeReference, Word)):
            self.fail(
                "bad-argument", f"{argument.span.of(self.source)} is a layer, not a value for {name}", argument.span
            )
        bound.values[name] = value
        bound.spans[name] = argument.span

    def flag(self, kind: type[Layer], word: str) -> tuple[str, bool] | None:
        """``ceil_mode`` for ``ceil_mode=True``, ``nobias`` for ``bias=False``."""
        for name, value in ((word, True), (word.removeprefix("no"), False)):
            if name in kind.arguments and kind.arguments[name].type == "flag":
                return name, value
        return None

    def try_node(self, name: Name) -> Any:
        for frame in reversed(self.frames):
            if name.id in frame.values:
                return frame.values[name.id]
        index = self.find(name.id)
        return None if index is None else NodeReference(index, self.full_name(name.id))

    def too_many(self, kind: type[Layer], positional: list[str], argument: Argument) -> NoReturn:
        self.fail(
            "too-many-arguments",
            f"{kind.__name__} takes {_listed(positional)}: this is one too many",
            argument.span,
            expected=_listed(positional),
            found=argument.span.of(self.source),
            hint="input sizes are inferred, not written"
            if any(a.axis is not None for a in kind.arguments.values())
            else "",
        )

    def unknown_argument(self, kind: type[Layer], name: str, argument: Argument, letters: dict[str, str]) -> NoReturn:
        names = list(kind.arguments)
        value = argument.value.span.of(self.source)
        if name == "K" and "k" in letters:
            self.fail(
                "ambiguous-argument",
                "K= is the number of filters in some courses and the kernel size in torch: which do you mean?",
                argument.span,
                expected="out_channels= or kernel_size=",
                found=argument.span.of(self.source),
                hint=f"out_channels={value} for the filters, or k={value} for the kernel",
            )
        written = [f"{key} ({letter})" if (letter := kind.arguments[key].letter) else key for key in names]
        self.fail(
            "unknown-argument",
            f"{kind.__name__} has no argument {name!r}",
            Span(argument.span.start, argument.span.start + len(name)),
            expected=_listed(written),
            found=name,
            hint=_FOREIGN.get(name) or did_you_mean(name, names) or did_you_mean(name.lower(), [*letters]),
        )


def function_named(word: str) -> str:
    """The short-form word of torch's function ``F.relu``, ``torch.cat`` or ``x.view``; empty for anything else.

    >>> function_named("F.max_pool2d"), function_named("torch.cat"), function_named("torch.nn.ReLU")
    ('maxpool2d', 'cat', '')
    """
    if "." not in word:
        return ""
    for prefix in ("torch.nn.functional.", "nn.functional.", "F.", "torch.", "x."):
        name = word.removeprefix(prefix)
        if name != word and name[:1].islower() and "." not in name:
            return FUNCTIONS.get(name) or (name if name in all_words() else name.replace("_", ""))
    return ""


def line_of(source: str, span: Span) -> int:
    return source.count("\n", 0, span.start) + 1


def outer(path: str) -> str:
    """The block around a block, each with its dot.

    >>> outer("layer1.0.")
    'layer1.'
    """
    path = path[:-1].rpartition(".")[0]
    return path + "." if path else ""


def suffixes(name: str) -> Iterator[str]:
    """A dotted name as it may be called from within its blocks.

    >>> [*suffixes("layer1.0.conv")]
    ['layer1.0.conv', '0.conv', 'conv']
    """
    while name:
        yield name
        name = name.partition(".")[2]


def labels_in(steps: Steps, definitions: bool = True) -> Iterator[Any]:
    """Every ``as NAME`` of these steps and of the blocks (and definitions) within."""
    for step in steps.items:
        if isinstance(step, (Call, Block)):
            yield from step.labels
        if isinstance(step, Block):
            for branch in step.branches:
                yield from labels_in(branch, definitions)
        if isinstance(step, Definition) and definitions:
            yield from labels_in(step.body)


def names_given(steps: Steps, path: str = "") -> Iterator[str]:
    """The full names that a block's labels give, where the block is called ``path``; what repeats begins its own."""
    for step in steps.items:
        if isinstance(step, (Call, Block)):
            for label in step.labels:
                yield path + label.id
        if isinstance(step, Block) and step.word.id != "repeat":
            inside = f"{path}{step.labels[0].id}." if step.labels else path
            for branch in step.branches:
                yield from names_given(branch, inside)


def places_of(steps: Steps, name: str, where: str = "") -> Iterator[str]:
    """The blocks in which a constant or parameter of that name is set, in words."""
    for step in steps.items:
        if isinstance(step, Constant) and step.name.id == name and where:
            yield where
        if isinstance(step, Block):
            for branch in step.branches:
                yield from places_of(branch, name, f"{step.word.id} {{ … }}")
        if isinstance(step, Definition):
            inside = f"def {step.name.id}"
            if any(parameter.name.id == name for parameter in step.parameters):
                yield inside
            yield from places_of(step.body, name, inside)


def names_in(part: tuple[Any, ...]) -> list[str]:
    """Every name that is read in a part of the syntax."""
    names = []
    for inner in part:
        kind = type(inner)
        if kind is Name:
            names.append(inner.id)
        elif kind is not Span and isinstance(inner, tuple):
            names += names_in(inner)
    return names


def shared_by(owner: Node) -> tuple[tuple[str, str], ...]:
    """Where another use of a layer finds each of its parameters."""
    elsewhere = dict(owner.shared)
    return tuple((name, elsewhere.get(name, f"{owner.name}:{name}")) for name in owner.applied.parameters)


def tensor_text(sizes: tuple[Dim, ...]) -> str:
    return f"[{', '.join(map(text, sizes))}]"


def is_identity(branch: Steps) -> bool:
    """Is the branch the input itself, without a name?"""
    step = branch.items[0]
    return len(branch.items) == 1 and isinstance(step, Call) and step.word.id == "identity" and not step.labels


def _named_argument(kind: type[Layer]) -> str:
    """The argument that holds sizes under names of one's own (``rearrange "…" h=4``), or an empty text."""
    return next((name for name, argument in kind.arguments.items() if argument.type == "named"), "")


def _entries(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _parts_text(sizes: list[Dim]) -> str:
    """
    >>> _parts_text([2, 2, 1]), _parts_text([3])
    ('2 parts of 2 and one of 1', '1 part of 3')
    """
    *equal, last = sizes
    if last in equal or not equal:
        return f"{len(sizes)} part{'s' if equal else ''} of {text(last)}"
    if len(set(equal)) > 1:
        return f"{len(sizes)} parts of {', '.join(map(text, sizes))}"
    return f"{len(equal)} part{'s' if len(equal) > 1 else ''} of {text(equal[0])} and one of {text(last)}"


class Bound(NamedTuple):
    """What a call gives: arguments by name, where each is written, further inputs, and tied parameters."""

    values: dict[str, Any]
    spans: dict[str, Span]
    nodes: list[int]
    shared: tuple[tuple[str, str], ...]


def _parameter_names(kind: type[Layer]) -> tuple[str, ...]:
    return ("weight",) if "bias" in kind.arguments or kind.__name__ == "Embedding" else ()


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "no arguments"


def _rank_hint(rank: int) -> str:
    return "an image without channels is 1xHxW" if rank == 2 else "unflatten brings back axes" if rank == 1 else ""


def _parts_hint(sizes: list[Dim], length: Dim) -> str:
    """What could be meant by a split whose parts do not make the whole."""
    if len(sizes) == 1 and type(sizes[0]) is type(length) is int and sizes[0] > 0 and length // sizes[0] < 9:
        parts = [sizes[0]] * (length // sizes[0]) + [length % sizes[0]] * (length % sizes[0] > 0)
        return f"split takes the size of each part: split {' '.join(map(text, parts))}"
    return ""
