"""Syntax → :class:`~netcalc.graph.Graph`, step by step: layers get inputs, every misfit gets a place.

What a name means is in :mod:`~netcalc.spec.scope`, what is given to a layer in :mod:`~netcalc.spec.arguments`, what
would mend a misfit in :mod:`~netcalc.spec.mends`.
"""

from __future__ import annotations

from itertools import islice
from math import lcm
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from netcalc.dims import Dim, Expr, holds, substitute, symbol, text
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Builder, Graph, Node
from netcalc.layers import kinds_named, torch_kind
from netcalc.layers.base import Layer, shape_text
from netcalc.layers.input import Input
from netcalc.records import NamedTuple
from netcalc.spec.arguments import Bound, shared_by, values_given
from netcalc.spec.kinds import function_named, kinds_of, merge_kind
from netcalc.spec.scope import LITERALS, PLAIN, NodeReference, Region, Scope, Word
from netcalc.spec.source import Source
from netcalc.spec.syntax import (
    Block,
    Call,
    Constant,
    Declaration,
    Definition,
    From,
    InputStep,
    Label,
    Name,
    Output,
    Steps,
    is_identity,
    labels_in,
    names_given,
)

if TYPE_CHECKING:
    from netcalc.spec.mends import Edits, Misfit

MAX_REPEATS = 10_000
MAX_STEPS = 1_000_000


class Passage(NamedTuple):
    """A block that reads nothing but what stands before it, as it was met first: its region, and its names' places."""

    region: Region
    labels: tuple[tuple[str, int], ...]
    blocks: tuple[tuple[str, Region], ...]


def elaborate(source: str, name: str = "", sizes: Mapping[str, Dim] | None = None, batch: Dim = 1) -> Graph:
    """The network that a text describes, for ``batch`` samples. Raises SpecError with the place of what is wrong.

    >>> elaborate("3x32x32 -> conv 16 k3 s2 p1 -> relu -> maxpool 2 -> flatten -> linear 10")
    <Graph 3x32x32 -> 10, 5 layers>
    """
    return Elaborator(source, name, sizes or {}, batch=batch).network()


class Elaborator:
    """Runs the steps of a text: the layers so far are in ``builder``, the names so far in ``scope``."""

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
        self.source = Source(source, name)
        self.scope = Scope(self.source, sizes)
        self.builder = Builder(source, name, batch)
        self.edits, self.most = edits, most
        self.given_in: dict[Span, tuple[str, ...]] = {}  # by the labels in the block that stands there
        self.crowded: set[str] = set()  # the blocks into which the text puts layers from outside: ``as layer1.conv``
        self.current: int | None = None
        self.outputs: list[int] = []
        self.calls: list[str] = []
        self.steps_done = 0
        self.known: dict[Any, tuple[Layer, Bound]] = {}  # calls met before, by what their layers depend on
        self.passages: dict[Any, Passage] = {}  # blocks met three times, likewise
        self.met: dict[Any, int] = {}  # how often a block has been begun where, on which shape

    # ------------------------------------------------------------ the whole

    def network(self) -> Graph:
        steps = self.source.steps()
        self.prepare(steps)
        self.run(steps)
        if self.current is None:
            self.source.fail(
                "empty", "the spec describes no network", hint='for example: "256 -> linear 512 -> relu -> linear 1"'
            )
        for name in self.scope.sizes:
            if name not in self.scope.set_used:
                known = sorted({*self.scope.frames[0].values, *self.builder.graph().symbols})
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
        self.scope.given.update(part for label in labels for part in suffixes(label))
        self.crowded.update(block for label in labels for block in label.split(".")[:-1])

    def reserve(self, block: Steps) -> None:
        """Keep the names that the labels of a block, which is about to be run, will give."""
        given = self.given_in.get(block.span)
        if given is None:
            given = self.given_in[block.span] = tuple(names_given(block))
        if given:
            self.builder.reserve(self.scope.path + name for name in given)

    def run(self, steps: Steps) -> None:
        for step in steps.items:
            self.steps_done += 1
            if self.most and len(self.builder.nodes) > self.most:
                self.source.fail("too-large", "the edit makes the network far larger", step.span)
            if self.steps_done > MAX_STEPS:
                self.source.fail(
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
                    self.current = self.scope.node(step.name)
                case Output():
                    self.outputs += [self.scope.node(name) for name in step.names] or [self.running(step.span)]

    def running(self, span: Span) -> int:
        """The layer that the next one follows."""
        if self.current is None:
            self.source.fail(
                "no-input",
                "the network has no input yet",
                span,
                expected="a size first",
                found=self.source.of(span),
                hint=_with_input(self.source.of(span).splitlines()[0]),
            )
        return self.current

    # ------------------------------------------------------------ sizes, constants, letters, definitions

    def input(self, step: InputStep) -> None:
        if step.name is None and self.current is not None and not self.source.text.startswith("input", step.span.start):
            self.source.fail(
                "misplaced-size",
                "a bare size can stand only at the beginning",
                step.span,
                expected="a layer",
                found=self.source.of(step.span),
                hint=f"a further input has a name: input other: {self.source.of(step.size.span)}",
            )
        scalar = isinstance(step.size, Name) and step.size.id == "scalar" and self.scope.try_node(step.size) is None
        value = () if scalar else self.scope.value(step.size)
        value = self.edits.get(step.span, {}).get("sizes", value)
        with self.source.placed(step.size.span):
            layer = Input(value)
        if step.name:
            self.scope.given.update(suffixes(step.name.id))
        stem = self.scope.path + (step.name.id if step.name else "input")
        name = stem if step.name else (stem if stem not in self.scope.labels else self.builder.fresh_name(stem))
        self.current = self.add(layer, (), name, step.span)

    def constant(self, step: Constant) -> None:
        scope = self.scope
        name = step.name.id
        if name in LITERALS or name == "x":
            self.source.fail("reserved-name", f"{name} cannot be the name of a constant", step.name.span)
        value = scope.value(step.value)
        if len(scope.frames) == 1 and name in scope.sizes:
            value = scope.sizes[name]
            scope.set_used.add(name)
        scope.frames[-1].values[name] = value

    def declare(self, step: Declaration) -> None:
        """``H in 32..1024``, ``H % 32 == 0``: what is known of a letter; a value that is set must agree."""
        scope = self.scope
        name = step.name.id
        if not name[0].isupper():
            self.source.fail("bad-declaration", f"{name} is no letter: letters begin with a capital", step.name.span)
        before = scope.declared.get(name, (1, None, 1))
        if name in scope.letters and name not in scope.declared:
            self.source.fail(
                "bad-declaration", f"{name} is declared after its first use", step.span, hint="declare it first"
            )
        low, high, multiple = (None if part is None else scope.value(part) for part in step[1:4])
        for part in (low, high, multiple):
            if part is not None and type(part) is not int:
                self.source.fail("bad-declaration", "the ends and multiples of a letter are plain numbers", step.span)
            if type(part) is int and part < (1 if step.multiple else 0):
                wrong = f"a multiple of {part}" if step.multiple else f"{part}: a letter is at least 0"
                self.source.fail("bad-declaration", f"{name} cannot be {wrong}", step.span)
        if low is not None and high is not None and high < low:
            hint = f"the lower end comes first: {name} in {high}..{low}"
            self.source.fail("condition-violated", f"nothing lies in {low}..{high}", step.span, hint=hint)
        known = scope.declared[name] = (
            low if low is not None and name not in scope.declared else max(before[0], low or 0),
            min((end for end in (before[1], high) if end is not None), default=None),
            lcm(before[2], multiple or 1),
        )
        try:
            scope.letters[name] = letter = symbol(name, *known)
            if name in scope.sizes:
                substitute(letter, {name: scope.sizes[name]})
                scope.set_used.add(name)
        except ValueError as error:
            self.source.fail("condition-violated", str(error), step.span, expected=self.source.of(step.span))

    def define(self, step: Definition) -> None:
        if (before := self.scope.frames[-1].definitions.get(step.name.id)) and before is not step:
            line = self.source.line(before.span)
            self.source.fail("name-taken", f"{step.name.id} is defined already, in line {line}", step.name.span)
        self.scope.frames[-1].definitions[step.name.id] = step

    # ------------------------------------------------------------ layers

    def call(self, step: Call) -> None:
        scope = self.scope
        word = step.word.id
        meant = scope.meaning(word)
        if isinstance(meant, Word):  # a parameter that stands for a kind
            step = step._replace(word=Name(meant.id, step.word.span))
            word = meant.id
            meant = scope.meaning(word)
        if isinstance(meant, Definition):
            return self.expand(meant, step)
        if word == "share":
            return self.share(step)
        function = function_named(word) if "." in word else ""
        if (function or word) in ("chunk", "split"):
            return self.split(step, function or word)
        if word == "repeat" or word == "residual":
            self.source.fail(
                "syntax",
                f"{word} needs a block",
                step.span,
                expected=f"{word} {{ … }}",
                hint=f"{word} {{ conv 64 k3 p1 }}",
            )
        if not kinds_named(word):
            if (index := scope.find(word)) is not None:
                return self.again(step, index)
        elif word in scope.given and not step.arguments and not step.parenthesized and self.shares(step, word):
            self.source.fail(
                "ambiguous-layer",
                f"{word} is a layer kind and the name of an earlier layer: which is meant?",
                step.span,
                expected=f"share {word}, or {word}()",
                found=word,
                hint=f"share {word} for the earlier layer's weights, {word}() for a new layer",
            )
        others = [scope.node(name) for name in step.others]
        current = self.running(step.span)
        key = self.key(step, current) if len(scope.frames) > 1 else None  # outside of blocks it comes but once
        layer, bound = self.known.get(key) or self.made(self.kind(step.word, current), step)
        if key is not None and not bound.nodes:
            self.known[key] = layer, bound
        inputs = (current, *bound.nodes, *others)
        name = self.name_for(step, bound.kind)
        self.current = self.add(layer, inputs, name, step.span, bound.spans, bound.shared)
        if bound.shared:
            self.check_tied(step, self.builder.nodes[self.current])
        if function and self.builder.nodes[self.current].applied.parameters:
            self.source.fail(
                "bad-argument",
                f"{word} takes its weights as arguments, but there are no tensors here",
                step.word.span,
                expected="a layer, which has weights of its own",
                found=word,
                hint=f"write {bound.kind.words[0]}, or nn.{bound.kind.namesake}(…)",
            )
        scope.mark(step.labels, self.current)

    def shares(self, step: Call, word: str) -> bool:
        """Would the word of a kind make a difference if it were the earlier layer that is called so?"""
        index = None if step.labels else self.scope.find(word)
        return index is not None and bool(self.builder.nodes[index].applied.parameters)

    def kind(self, word: Name, current: int) -> type[Layer]:
        """The kind that a word stands for behind this layer: of those that differ in rank the one that fits."""
        kinds = kinds_of(word, self.scope)
        if len(kinds) == 1:
            return kinds[0]
        shape = self.builder.nodes[current].shape
        rank = len(shape)
        fitting = [kind for kind in kinds if kind.rank == rank - 1] or [
            kind for kind in kinds if rank == kind.rank == 1
        ]
        if not fitting:
            ranks = ", ".join(str((kind.rank or 0) + 1) for kind in kinds)
            self.source.fail(
                "wrong-rank",
                f"{word.id} takes an input of {ranks} axes, but this one has {rank}: {shape_text(shape)}",
                word.span,
                expected="C x L, C x H x W or C x D x H x W",
                found=f"{shape_text(shape)}\n{self.misfit.origin(current)}",
                hint="sizes are per sample: leave the batch axis out" if rank > 4 else _rank_hint(rank),
            )
        return fitting[0]

    def key(self, step: Call, current: int) -> Any:
        """What a call's layer depends on: where it stands, its names' values, its input's rank; None if on more."""
        values = self.scope.values_of(self.scope.names_of(step.span, step.arguments))
        return None if values is None else (step.span, step.word.id, len(self.builder.nodes[current].shape), *values)

    def name_for(self, step: Call | Block, kind: type[Layer]) -> str:
        if step.labels:
            return self.scope.label_path(step)
        return self.builder.fresh_name(self.scope.path + (kind.words[0] if kind.words else kind.__name__.lower()))

    def split(self, step: Call, word: str) -> None:
        """``chunk 2 as a, b`` and ``split 64 32 as a, b``: one slice for each name."""
        from netcalc.spec.parts import given_to_split, part_sizes  # only where something is split

        given, axis = given_to_split(step, word, self.scope)
        current = self.running(step.span)
        sizes = part_sizes(step, word, given, axis, self.builder.nodes[current].shape, self.source)
        slice_kind = torch_kind("Slice")
        assert slice_kind is not None
        start: Dim = 0
        for label, size in zip(step.labels, sizes):
            layer = slice_kind(axis=axis, start=start, stop=start + size)
            self.current = self.add(layer, (current,), self.scope.path + label.id, step.span)
            self.scope.mark((label,), self.current)
            start = start + size

    # ------------------------------------------------------------ a layer that fits, or not

    def add(
        self,
        layer: Layer,
        inputs: tuple[int, ...],
        name: str,
        span: Span,
        spans: Mapping[str, Span] = MappingProxyType({}),
        shared: tuple[tuple[str, str], ...] = (),
        again: str = "",
    ) -> int:
        try:
            index = self.builder.add(layer, inputs, name, span, shared)
        except (SpecError, OverflowError, NotImplementedError) as error:
            if not isinstance(error, SpecError):
                error = SpecError("too-large", str(error))
            place = self.place(error, spans, span)
            if not self.edits:  # else this is itself the trial of a mend
                if again:
                    self.explain_again(error, again)
                self.misfit.explain(error, layer, inputs, span)
            raise self.source.at(error, place) from None
        self.scope.labels.setdefault(name, index)
        return index

    def made(self, kind: type[Layer], step: Call | Block) -> tuple[Layer, Bound]:
        """The layer that a step describes, and what is given to it; what is wrong is placed where that is written."""
        bound = Bound(kind, step, self.scope, self.builder.nodes)
        if self.edits:
            bound.values.update(self.edits.get(step.span, {}))
        try:
            return kind(**bound.values), bound
        except SpecError as error:
            raise self.source.at(error, self.place(error, bound.spans, step.span)) from None

    def place(self, error: SpecError, spans: Mapping[str, Span], span: Span) -> Span:
        """Where the argument at fault is written, and what of it, if it is a text; else the layer."""
        place = spans.get(error.argument or "", span)
        if error.within and self.source.text[place.start] in "\"'":
            return Span(place.start + 1 + error.within.start, place.start + 1 + error.within.end)
        return place

    def explain_again(self, error: SpecError, name: str) -> None:
        """A layer used again can only be given what it takes: no argument of it can change."""
        owner = self.builder.nodes[self.scope.labels[name]]
        takes = " and ".join(map(shape_text, owner.applied.inputs))
        error.argument = None
        error.hint = f"{name} was made for an input of {takes} and keeps its weights: give it that, or use a new layer"

    @property
    def misfit(self) -> Misfit:
        """What can be said where the next layer does not fit."""
        from netcalc.spec.mends import Misfit  # only where something is wrong

        return Misfit(self.builder.nodes, self.source.text, self.trial)

    def trial(self, edits: Edits) -> tuple[list[Node], str]:
        """The layers that the text gives with other arguments, and what goes wrong behind them."""
        most = 4 * len(self.builder.nodes) + 1000
        trial = Elaborator(self.source.text, self.source.name, self.scope.sizes, edits, most, self.builder.batch)
        later = ""
        steps = self.source.steps()
        trial.prepare(steps)
        try:
            trial.run(steps)
        except (SpecError, ArithmeticError, TypeError) as error:
            line = error.line if isinstance(error, SpecError) else None
            later = f" (then the next misfit is in line {line})" if line else " (not alone)"
        return trial.builder.nodes, later

    # ------------------------------------------------------------ sharing

    def again(self, step: Call, index: int) -> None:
        """A named layer called again: the same weights on another input."""
        if step.arguments:
            self.source.fail(
                "bad-argument",
                f"{step.word.id} is an earlier layer: used again it keeps its arguments",
                step.arguments[0].span,
                hint=f"write {step.word.id} alone, or the name of a layer kind",
            )
        if isinstance(self.builder.nodes[index].layer, Input):
            self.source.fail(
                "bad-argument",
                f"{step.word.id} is an input: a step is a layer",
                step.span,
                expected="a layer",
                found=self.misfit.written(index),
                hint=f"from {step.word.id}",
            )
        self.reuse(step, step.word, index)

    def share(self, step: Call) -> None:
        names = [name for argument in step.arguments if (name := self.scope.as_name(argument))]
        if len(names) != 1 or len(step.arguments) != 1:
            self.source.fail("syntax", "share takes the name of one earlier layer", step.span, expected="share NAME")
        index = self.scope.node(names[0])
        owner = self.builder.nodes[index]
        if not (owner.applied.parameters or self.block_named(names[0])):
            self.source.fail(
                "bad-argument",
                f"{owner.name} is one {owner.layer.kind} alone, which has no weights to share",
                names[0].span,
                expected="a layer with weights, or a block",
                found=self.misfit.written(index),
                hint="to use a chain again, name all of it: "
                f"repeat 1 {{ … }} as {names[0].id}, then share {names[0].id}",
            )
        self.reuse(step, names[0], index)

    def block_named(self, name: Name) -> str:
        """The path of the block that a name stands for, or an empty text."""
        meant = self.scope.try_node(name)
        return meant.path if isinstance(meant, NodeReference) and meant.path in self.scope.regions else ""

    def reuse(self, step: Call, name: Name, index: int) -> None:
        """The layer, or the whole block, of that name on another input, with the weights that it has."""
        if path := self.block_named(name):
            return self.reuse_block(step, path, self.scope.regions[path])
        owner = self.builder.nodes[index]
        inputs = (self.running(step.span), *(self.scope.node(name) for name in step.others))
        name_of_use = self.name_for(step, type(owner.layer))
        self.current = self.add(owner.layer, inputs, name_of_use, step.span, shared=shared_by(owner), again=owner.name)
        self.scope.mark(step.labels, self.current)

    def reuse_block(self, step: Call, path: str, region: Region) -> None:
        """Every layer of a block once more, on what stands before this step; what it reads from elsewhere it reads
        again. Its own input, if it brings one, is where it begins."""
        nodes = self.builder.nodes
        prefix_then, begin, end, entry, last = region
        if step.others:
            self.source.fail("bad-argument", f"{path} is a block: used again it takes one input", step.others[0].span)
        if entry is None:
            entry = next((index for index in range(begin, end) if isinstance(nodes[index].layer, Input)), None)
        twins: dict[int | None, int] = {entry: self.running(step.span)}
        if begin < end and not any(entry in nodes[index].inputs for index in range(begin, end)):
            self.source.fail(
                "bad-argument",
                f"{path} does not read what stands before it: used again it would compute the same",
                step.span,
                expected="a block that begins with what stands before it",
                found=f"{path}, which goes on from elsewhere",
            )
        if step.labels:
            prefix = self.scope.label_path(step)
        else:
            stem = self.scope.path + next(part for part in reversed(path.split(".")) if not part.isdigit()).rstrip(
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
        self.scope.mark(step.labels, self.current)

    def check_tied(self, step: Call, node: Node) -> None:
        """A tied weight must be of one shape with its owner's."""
        owner_name, _, tensor = dict(node.shared)["weight"].rpartition(":")
        owner = self.builder.nodes[self.scope.labels[owner_name]]
        own, other = node.applied.parameters["weight"], owner.applied.parameters[tensor]
        if len(own) == len(other) and all(holds(a, "==", b) for a, b in zip(own, other)):
            return
        place = next(argument.span for argument in step.arguments if argument.name == "tied")
        self.source.fail(
            "shape-mismatch",
            f"{node.name}'s weight {tensor_text(own)} is tied to {owner.name}'s, which is {tensor_text(other)}",
            place,
            expected="two weights of one shape",
            found=f"{tensor_text(own)} in {node.name}, {tensor_text(other)} in {owner.name}",
            hint=f"tied makes them one tensor: change {node.name} or {owner.name}, or leave tied= out",
        )

    # ------------------------------------------------------------ blocks

    def block(self, step: Block) -> None:
        word = step.word.id
        if word == "repeat":
            return self.repeat(step)
        kind = merge_kind(step.word, self.source)
        start = self.running(step.span)
        begin = len(self.builder.nodes)
        path = self.scope.path
        if step.labels:
            path = self.scope.label_path(step) + "."
        ends = []
        for number, branch in enumerate(step.branches, 1):
            if not branch.items:
                self.source.fail(
                    "empty",
                    f"branch {number} of {word} is empty",
                    branch.span,
                    hint="write identity for the input itself",
                )
            self.current = start
            if not is_identity(branch):
                with self.scope.frame(path):
                    self.run(branch)
            assert self.current is not None
            ends.append(self.current)
        if word == "residual" and len(ends) == 1:
            ends.append(start)
        if len(ends) == 1 and word != "residual":
            self.source.fail(
                "bad-argument", f"{word} needs at least two branches", step.span, expected=f"{word} {{ A | B }}"
            )
        layer, bound = self.made(kind, step)
        name = path + kind.words[0] if step.labels else self.builder.fresh_name(path + kind.words[0])
        self.current = self.add(layer, tuple(ends), name, step.span, bound.spans)
        self.scope.mark(step.labels, self.current)
        if step.labels:
            self.enclose(path[:-1], begin, start, step.labels)

    def repeat(self, step: Block) -> None:
        if len(step.arguments) != 1 or step.arguments[0].name is not None or len(step.branches) != 1:
            self.source.fail("syntax", "repeat takes a number and one block", step.span, expected="repeat 3 { … }")
        times = self.scope.value(step.arguments[0].value)
        first, stop = (times.start or 0, times.stop) if isinstance(times, slice) else (0, times)
        if not all(type(bound) is int and 0 <= bound <= MAX_REPEATS for bound in (first, stop)):
            self.source.fail(
                "bad-argument",
                "the number of repeats must be a plain number",
                step.arguments[0].span,
                expected=f"0 to {MAX_REPEATS:,}, or first:stop to number the blocks from first on",
                found=text(times) if isinstance(times, (int, Expr)) else self.source.of(step.arguments[0].span),
            )
        body = step.branches[0]
        has_labels = any(labels_in(body, definitions=False))
        path = (
            self.scope.label_path(step)
            if step.labels
            else self.builder.fresh_name(self.scope.path + "repeat")
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
                with self.scope.frame(f"{path}.{number}." if path else self.scope.path, alone=bool(path)):
                    self.reserve(body)
                    self.run(body)
        if step.labels:
            self.scope.mark(step.labels, self.running(step.span))
            self.enclose(path, begin, entry, step.labels)

    def expand(self, definition: Definition, step: Call) -> None:
        word = definition.name.id
        if word in self.calls:
            self.source.fail(
                "recursion",
                f"{word} is used inside itself",
                step.word.span,
                expected="a definition that does not use itself",
                found=" -> ".join([*self.calls, word]),
            )
        if len(self.calls) > 40:
            self.source.fail("too-deep", "more than 40 definitions inside one another", step.span)
        values = values_given(definition, step, self.scope)
        if step.labels:
            path = self.scope.label_path(step)
        elif self.scope.frames[-1].alone:  # the whole of a numbered block: layer1.0, not layer1.0.basic1
            path = self.scope.path[:-1]
        else:
            path = self.builder.fresh_name(self.scope.path + word)
        begin, entry = len(self.builder.nodes), self.current
        self.calls.append(word)
        self.passage(definition.body, path + ".", values)
        self.calls.pop()
        self.scope.mark(step.labels, self.running(step.span))
        self.running(step.span)
        self.enclose(path, begin, entry, step.labels)

    def enclose(self, path: str, begin: int, entry: int | None, labels: tuple[Label, ...] = ()) -> None:
        """What has been added since ``begin`` is the block called ``path``, and by its further names."""
        assert self.current is not None
        if self.scope.labels.setdefault(path, self.current) == self.current:
            self.scope.regions[path] = region = Region(path, begin, len(self.builder.nodes), entry, self.current)
            for label in labels[1:]:
                self.scope.regions[self.scope.path + label.id] = region

    # ------------------------------------------------------------ blocks that recur

    def passage(self, body: Steps, path: str, values: dict[str, Any]) -> None:
        """The steps of a block under a path of its own; one that recurs on equal values and shapes is copied."""
        scope = self.scope
        nodes, begin, entry = self.builder.nodes, len(self.builder.nodes), self.current
        labels, regions, outputs = len(scope.labels), len(scope.regions), len(self.outputs)
        plain = [value for value in values.values() if type(value) in PLAIN]
        place = (body.span, None if entry is None else nodes[entry].shape, *plain)
        key = None
        with scope.frame(path, values):
            if (
                self.met.get(place, 0) >= self.patience
                and path.rpartition(".")[0].rpartition(".")[2] not in self.crowded
            ):
                meant = scope.meaning_of(body)
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
            added = (*islice(scope.labels.items(), labels, None),), (*islice(scope.regions.items(), regions, None),)
            self.passages[key] = Passage(region, *added)

    def copied(self, passage: Passage, path: str) -> bool:
        """Append a block once more under another path; False where one of the names is taken."""
        scope = self.scope
        (before, begin, end, _, last), labels, regions = passage
        nodes, entry, cut = self.builder.nodes, self.current, len(before)
        shift = len(nodes) - begin
        assert entry is not None

        def moved(index: int) -> int:
            return index + shift if index >= begin else entry

        renamed = {path + name[cut:]: moved(index) for name, index in labels}
        if not scope.labels.keys().isdisjoint(renamed):
            return False
        if not self.builder.copy(begin, end, entry, [path + node.name[cut:] for node in nodes[begin:end]]):
            return False
        scope.labels.update(renamed)
        for name, (inner, first, stop, source, final) in regions:
            if source is not None:
                source = moved(source)
            scope.regions[path + name[cut:]] = Region(
                path + inner[cut:], first + shift, stop + shift, source, moved(final)
            )
        self.current = moved(last)
        return True


def suffixes(name: str) -> Iterator[str]:
    """A dotted name as it may be called from within its blocks.

    >>> [*suffixes("layer1.0.conv")]
    ['layer1.0.conv', '0.conv', 'conv']
    """
    while name:
        yield name
        name = name.partition(".")[2]


def tensor_text(sizes: tuple[Dim, ...]) -> str:
    return f"[{', '.join(map(text, sizes))}]"


def _rank_hint(rank: int) -> str:
    return "an image without channels is 1xHxW" if rank == 2 else "unflatten brings back axes" if rank == 1 else ""


def _with_input(step: str) -> str:
    """What to write for a text that begins with this step."""
    from netcalc.spec.shipped import shipped_names  # only errors pay for it

    if step in shipped_names():
        return (
            f"{step} is a whole network: netcalc show {step}, or in Python netcalc.analyze(shipped_text({step!r})), "
            "where shipped_text is from netcalc.spec.shipped"
        )
    return f"3x32x32 -> {step}"
