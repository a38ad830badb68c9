"""Syntax → :class:`~netcalc.graph.Graph`: names get meaning, layers get inputs, every misfit gets a place.

Names are looked up in this order: constants and parameters (innermost first), ``--set`` values, earlier layers,
and then a name that begins with a capital is a letter; an unknown lower-case name is an error.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Callable, Iterator, Mapping, NamedTuple, NoReturn

from netcalc.dims import Dim, Expr, substitute, symbol, text
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Builder, Graph
from netcalc.layers import all_kinds, all_words, kinds_named, torch_kind
from netcalc.layers.base import Applied, Layer, shape_text
from netcalc.layers.base import Argument as Accepted
from netcalc.layers.input import Input
from netcalc.layers.missing import ALIASES, MISSING
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
    Minus,
    Name,
    Number,
    Output,
    Range,
    Series,
    Steps,
    Text,
    Value,
)

MAX_REPEATS = 10_000
MAX_STEPS = 1_000_000
MAX_SIZE = 10**18
_LITERALS = {"True": True, "False": False, "None": None}
_FOREIGN = {
    "in_channels": "inputs are inferred: leave it out, or use the torch form Conv2d(in, out, …)",
    "in_features": "inputs are inferred: leave it out, or use the torch form Linear(in, out)",
    "device": "it changes no figure: leave it out",
    "dtype": "it changes no figure but bytes: leave it out and use --dtype",
}


class NodeReference(NamedTuple):
    """The value of a name that stands for an earlier layer."""

    node: int


class Word(NamedTuple):
    """The value of a name that stands for a layer kind: ``block(64, relu)``."""

    id: str


_PLAIN = frozenset([int, str, Expr, Word])
"""The types of value that are equal only where they mean the same (``1 == True == 1.0``)."""


class Frame(NamedTuple):
    """The names that hold in one block: constants and parameters, ``def``s, and the path of the block."""

    values: dict[str, Any]
    definitions: dict[str, Definition]
    path: str
    alone: bool = False  # does the block consist of one step, which may use the path as its own name?


def elaborate(source: str, name: str = "", sizes: Mapping[str, Dim] | None = None) -> Graph:
    """The network that a text describes. Raises SpecError with the place of what is wrong.

    >>> elaborate("3x32x32 -> conv 16 k3 s2 p1 -> relu -> maxpool 2 -> flatten -> linear 10")
    <Graph 3x32x32 -> 10, 5 layers>
    """
    return Elaborator(source, name, sizes or {}).network()


class Elaborator:
    def __init__(self, source: str, name: str, sizes: Mapping[str, Dim]) -> None:
        self.source, self.source_name, self.sizes = source, name, sizes
        self.builder = Builder(source, name)
        self.frames = [Frame({}, {}, "")]
        self.labels: dict[str, int] = {}
        self.current: int | None = None
        self.outputs: list[int] = []
        self.calls: list[str] = []
        self.set_used: set[str] = set()
        self.declared: dict[str, tuple[int, int | None, int]] = {}
        self.letters: dict[str, Expr] = {}  # as declared, or as first met
        self.steps_done = 0
        self.known: dict[Any, Applied] = {}  # calls met before, by what their layers depend on
        self.mentioned: dict[Span, tuple[str, ...]] = {}  # the names in the arguments of the call that stands there

    # ------------------------------------------------------------ the whole

    def network(self) -> Graph:
        steps = parse_steps(self.source, self.source_name)
        self.builder.reserve(label.id for label in labels_in(steps))
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

    def fail(self, code: str, message: str, span: Span | None = None, **more: str) -> NoReturn:
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
        value = self.value(step.size)
        with self.placed(step.size.span):
            layer = Input(value)
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
        if not all(part is None or type(part) is int and part > 0 for part in (low, high, multiple)):
            self.fail("bad-declaration", "the ends and multiples of a letter are plain numbers", step.span)
        known = (low or before[0], high or before[1], multiple or before[2])
        self.declared[name] = known
        try:
            self.letters[name] = letter = symbol(name, *known)
            if name in self.sizes:
                substitute(letter, {name: self.sizes[name]})
                self.set_used.add(name)
        except ValueError as error:
            self.fail("condition-violated", str(error), step.span, expected=step.span.of(self.source))

    def define(self, step: Definition) -> None:
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
        if word in ("chunk", "split"):
            return self.split(step)
        if word == "repeat" or word == "residual":
            self.fail(
                "syntax",
                f"{word} needs a block",
                step.span,
                expected=f"{word} {{ … }}",
                hint=f"{word} {{ conv 64 k3 p1 }}",
            )
        if not kinds_named(word) and (index := self.find(word)) is not None:
            return self.again(step, index)
        others = [self.node(name) for name in step.others]
        current = self.running(step.span)
        key = None if others else self.key(step, current)
        if known := self.known.get(key):
            name = self.name_for(step, type(known.layer))
            self.current = self.add(known.layer, (current,), name, step.span, applied=known)
        else:
            kind = self.kind(step.word, len(self.builder.nodes[current].shape))
            bound = self.bind(kind, step, allow_nodes=kind.arity != 1)
            inputs = (current, *bound.nodes, *others)
            layer = self.made(kind, bound, step.span)
            self.current = self.add(layer, inputs, self.name_for(step, kind), step.span, bound.spans, bound.shared)
            if key is not None:
                self.known[key] = self.builder.nodes[self.current].applied
        self.mark(step.labels, self.current)

    def key(self, step: Call, current: int) -> Any:
        """What a call's layer depends on: where it stands, its names' values, its input's shape; None if on more."""
        mentioned = self.mentioned.get(step.span)
        if mentioned is None:
            mentioned = self.mentioned[step.span] = tuple(
                name.id for argument in step.arguments for name in names_in(argument.value)
            )
        values = []
        for name in mentioned:
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
        return step.span, step.word.id, self.builder.nodes[current].applied.output, *values

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
    ) -> int:
        try:
            index = self.builder.add(layer, inputs, name, span, shared, applied)
        except (SpecError, OverflowError, NotImplementedError) as error:
            if not isinstance(error, SpecError):
                error = SpecError("too-large", str(error))
            place = spans.get(error.argument or "", span)
            self.enrich(error, layer, inputs)
            raise error.at(place, self.source, self.source_name) from None
        self.labels.setdefault(name, index)
        return index

    def made(self, kind: type[Layer], bound: Bound, span: Span) -> Layer:
        """The layer with these arguments; what is wrong with one is placed where that is written."""
        try:
            return kind(**bound.values)
        except SpecError as error:
            raise error.at(bound.spans.get(error.argument or "", span), self.source, self.source_name) from None

    def enrich(self, error: SpecError, layer: Layer, inputs: tuple[int, ...]) -> None:
        """Add to a misfit which layers made the sizes at fault, and the nearest edits that are legal."""
        origins = [self.origin(index) for index in inputs]
        if origins:
            error.found = "\n".join([error.found, *origins] if error.found else origins)
        shapes = tuple(self.builder.nodes[index].shape for index in inputs)
        edits = nearest_edits(layer, shapes, error.argument) or self.mending(layer, inputs)
        if edits and not error.hint:
            error.hint = "the nearest that is legal: " + ", or ".join(edits)

    def mending(self, layer: Layer, inputs: tuple[int, ...]) -> list[str]:
        """The smallest changes of the layers that fixed the branches' shapes after which the branches fit together."""
        shapes = [self.builder.nodes[index].shape for index in inputs]
        found: list[str] = []
        for place, index in enumerate(inputs if len(inputs) > 1 else ()):
            origin = self.builder.nodes[self.source_of(index)]

            def fits(changed: Applied, place: int = place) -> None:
                Applied(layer, (*shapes[:place], changed.output, *shapes[place + 1 :]))

            found += [
                f"{origin.name} with {edit}"
                for edit in nearest_edits(origin.layer, origin.applied.inputs, None, 2, fits)
            ]
        return found

    def source_of(self, index: int) -> int:
        """The layer that gave node ``index`` its shape: the last one on the way that changed it."""
        nodes = self.builder.nodes
        shape = nodes[index].shape
        while len(nodes[index].inputs) == 1 and nodes[nodes[index].inputs[0]].shape == shape:
            index = nodes[index].inputs[0]
        return index

    def origin(self, index: int) -> str:
        """Which layer fixed the shape that node ``index`` gives."""
        shape = self.builder.nodes[index].shape
        node = self.builder.nodes[self.source_of(index)]
        if node.span is None:
            return f"its input {shape_text(shape)} is fixed by {node.name}"
        line = self.source.count("\n", 0, node.span.start) + 1
        written = " ".join(node.span.of(self.source).split())
        written = written if len(written) <= 40 else written[:39] + "…"
        return f"its input {shape_text(shape)} is fixed by {node.name} (line {line}: {written})"

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
        self.reuse(step, index)

    def share(self, step: Call) -> None:
        names = [argument.value for argument in step.arguments]
        if len(names) != 1 or not isinstance(names[0], Name):
            self.fail("syntax", "share takes the name of one earlier layer", step.span, expected="share NAME")
        self.reuse(step, self.node(names[0]))

    def reuse(self, step: Call, index: int) -> None:
        owner = self.builder.nodes[index]
        inputs = (self.running(step.span), *(self.node(name) for name in step.others))
        shared = owner.shared or tuple((name, f"{owner.name}:{name}") for name in owner.applied.parameters)
        self.current = self.add(owner.layer, inputs, self.name_for(step, type(owner.layer)), step.span, shared=shared)
        self.mark(step.labels, self.current)

    def split(self, step: Call) -> None:
        """``chunk 2 as a, b`` and ``split 64 32 as a, b``: one slice for each name."""
        options = {argument.name: argument for argument in step.arguments if argument.name}
        given = [self.value(argument.value) for argument in step.arguments if argument.name is None]
        axis = self.value(options["axis"].value) if "axis" in options else 0
        current = self.running(step.span)
        shape = self.builder.nodes[current].shape
        slice_kind = torch_kind("Slice")
        assert slice_kind is not None
        if not (isinstance(axis, int) and -len(shape) <= axis < len(shape)):
            self.fail("bad-argument", f"the input {shape_text(shape)} has no axis {axis}", step.span)
        if unknown := sorted(str(name) for name in options if name != "axis"):
            self.fail(
                "unknown-argument",
                f"{step.word.id} has no argument {unknown[0]!r}",
                options[unknown[0]].span,
                expected="axis",
            )
        length = shape[axis]
        if step.word.id == "chunk":
            if len(given) != 1 or not isinstance(given[0], int) or given[0] < 1:
                self.fail("bad-argument", "chunk takes the number of parts", step.span, expected="chunk 2 as a, b")
            part = -(-length // given[0])
            sizes = [part] * (given[0] - 1)
            sizes.append(length - part * (given[0] - 1))
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
                )
        if len(step.labels) != len(sizes):
            self.fail(
                "bad-argument",
                f"{step.word.id} makes {len(sizes)} parts, but {len(step.labels)} names stand behind 'as'",
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
        for number in range(first, stop):
            with self.frame(f"{path}.{number}." if path else self.path, alone=bool(path) and len(body.items) == 1):
                self.run(body)
        if step.labels:
            self.mark(step.labels, self.running(step.span))

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
        self.calls.append(word)
        with self.frame(path + ".", values):
            self.run(definition.body)
        self.calls.pop()
        self.mark(step.labels, self.running(step.span))
        self.labels.setdefault(path, self.running(step.span))

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
        path = self.path
        while True:
            if (index := self.labels.get(path + name)) is not None:
                return index
            if not path:
                return None
            path = path[:-1].rpartition(".")[0]
            path += "." if path else ""

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
                hint=did_you_mean(name.id, self.labels),
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
            return NodeReference(index)
        if kinds_named(word):
            return Word(word)
        if word[0].isupper() and word.isidentifier():
            return self.letters.setdefault(word, symbol(word))
        known = {key for frame in self.frames for key in frame.values} | set(self.labels)
        self.fail(
            "unknown-name",
            f"{word!r} is not defined",
            name.span,
            expected="a number, a constant, or a letter that begins with a capital",
            found=word,
            hint=did_you_mean(word, known)
            or (f"a letter for an unknown size is a capital: {word.capitalize()}" if word.isidentifier() else ""),
        )

    def value(self, value: Value, accepted: Accepted | None = None) -> Any:
        """What an expression comes to: an int, a float, a formula, a text, a tuple of these, or a layer."""
        match value:
            case Number():
                return value.value
            case Text():
                return value.value
            case Name():
                return value.id if accepted and value.id in accepted.choices else self.name(value)
            case Minus():
                return -self.number(value.operand)
            case Series():
                return tuple(self.value(item, accepted) for item in value.items)
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
        candidates = kinds_named(bare) if bare == word.id else ()
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
                found=f"{shape_text(shape)}\n{self.origin(self.running(word.span))}",
                hint="sizes are per sample: leave the batch axis out" if rank > 4 else _rank_hint(rank),
            )
        return fitting[0]

    def unknown_kind(self, word: Name, bare: str) -> NoReturn:
        known = {*all_words(), *all_kinds(), "residual", "repeat", *(d for f in self.frames for d in f.definitions)}
        known |= {label for label in self.labels if "." not in label}
        lower = bare.lower()
        self.fail(
            "unknown-kind",
            f"no layer kind is called {word.id!r}",
            word.span,
            expected="a layer kind (netcalc layers lists them)",
            found=word.id,
            hint=f"did you mean {lower!r}?" if lower in known else did_you_mean(bare, known),
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
        queue = iter(positional)
        for argument in step.arguments:
            name, value = argument.name, argument.value
            if name is None and isinstance(value, Name):
                if (flag := self.flag(kind, value.id)) and not torch_form:
                    name, stated = flag
                    self.put(kind, bound, name, stated, argument)
                    continue
                if allow_nodes:
                    found = self.try_node(value)
                    if isinstance(found, NodeReference) or found is None and len(positional) == 0:
                        bound.nodes.append(self.node(value))
                        continue
            if name == "tied" and not torch_form and "weight" in _parameter_names(kind):
                owner = self.builder.nodes[self.node(value)] if isinstance(value, Name) else None
                if owner is None or "weight" not in owner.applied.parameters:
                    self.fail("bad-argument", "tied takes the name of a layer that has a weight", argument.span)
                bound = bound._replace(shared=(("weight", f"{owner.name}:weight"),))
                continue
            if name is None:
                name = next(queue, None)
                if name is None:
                    self.too_many(kind, positional, argument)
                if not torch_form and isinstance(value, Number) and (hint := kind.stated_by_name.get(name)):
                    self.fail(
                        "ambiguous-argument",
                        f"{value.span.of(self.source)} could mean more than one thing to {step.word.id}: name it",
                        argument.span,
                        expected=_listed([f"{key}=" for key in positional[:2]]),
                        found=argument.span.of(self.source),
                        hint=hint.format(value.span.of(self.source)),
                    )
                if not torch_form and isinstance(value, Number) and self.meant_for_inferred(kind, name, value.value):
                    self.inferred_size(kind, name, argument)
            elif name in letters and not torch_form:
                name = letters[name]
            elif name not in kind.arguments:
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
        return bound

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
        return None if index is None else NodeReference(index)

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


def names_in(value: Value) -> Iterator[Name]:
    """Every name in an expression."""
    match value:
        case Name():
            yield value
        case Minus():
            yield from names_in(value.operand)
        case Series():
            for item in value.items:
                yield from names_in(item)
        case Binary():
            yield from names_in(value.left)
            yield from names_in(value.right)
        case Range():
            for part in value[:3]:
                if part is not None:
                    yield from names_in(part)


def is_identity(branch: Steps) -> bool:
    """Is the branch the input itself, without a name?"""
    step = branch.items[0]
    return len(branch.items) == 1 and isinstance(step, Call) and step.word.id == "identity" and not step.labels


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


def nearest_edits(
    layer: Layer,
    inputs: tuple[Any, ...],
    blamed: str | None,
    most: int = 3,
    fits: Callable[[Applied], None] = lambda changed: None,
) -> list[str]:
    """The smallest single changes of an integer argument that make a layer legal on its inputs, and ``fits`` content.

    >>> from netcalc.layers.convolution import Conv2d
    >>> nearest_edits(Conv2d(out_channels=4, kernel_size=9), ((3, 6, 6),), "kernel_size")
    ['kernel_size=6', 'padding=2']
    """
    found: list[str] = []
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
                fits(Applied(layer.replace(**{name: candidate}), inputs))
            except (SpecError, ArithmeticError, TypeError):
                continue
            found.append(f"{name}={text(candidate)}")
            break
        if len(found) == most:
            break
    return found
