"""What a name and an expression mean where they stand.

Names are looked up in this order: constants and parameters (innermost first), ``--set`` values, earlier layers,
and then a name that begins with a capital is a letter; an unknown lower-case name is an error.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from math import inf
from typing import Any, Iterable, Iterator, Mapping

from netcalc.dims import Dim, Expr, symbol
from netcalc.errors import Span, did_you_mean
from netcalc.layers import kinds_named
from netcalc.layers.base import Argument as Accepted
from netcalc.records import NamedTuple
from netcalc.spec.kinds import function_named
from netcalc.spec.source import Source
from netcalc.spec.syntax import (
    Argument,
    Binary,
    Block,
    Call,
    Definition,
    Minus,
    Module,
    Name,
    Number,
    Range,
    Series,
    Steps,
    Text,
    Value,
    names_in,
    places_of,
)

MAX_SIZE = 10**18
LITERALS = {"True": True, "False": False, "None": None} | dict.fromkeys(("inf", "math.inf", "torch.inf"), inf)


class NodeReference(NamedTuple):
    """The value of a name that stands for an earlier layer, or for the block called ``path`` that ends in it."""

    node: int
    path: str = ""


class Word(NamedTuple):
    """The value of a name that stands for a layer kind: ``block(64, relu)``."""

    id: str


PLAIN = frozenset([int, str, Expr, Word])
"""The types of value that are equal only where they mean the same (``1 == True == 1.0``)."""


class Region(NamedTuple):
    """A block: the path of its names, its nodes ``begin`` to ``end`` (exclusive), the one before and the last one."""

    path: str
    begin: int
    end: int
    entry: int | None
    last: int


class Frame(NamedTuple):
    """The names that hold in one block: constants and parameters, ``def``s, and the path of the block."""

    values: dict[str, Any]
    definitions: dict[str, Definition]
    path: str
    alone: bool = False  # does the block consist of one step, which may use the path as its own name?


class Scope:
    """The names that hold at one place of the text: those of the blocks around it, and those of the layers before.

    ``sizes`` are the values that are set from outside.
    """

    def __init__(self, source: Source, sizes: Mapping[str, Dim]) -> None:
        self.source, self.sizes = source, sizes
        self.frames = [Frame({}, {}, "")]
        self.labels: dict[str, int] = {}
        self.given: set[str] = {"input"}  # the names that layers may have beside those that end in a number
        self.regions: dict[str, Region] = {}  # the blocks among the labels
        self.set_used: set[str] = set()
        self.declared: dict[str, tuple[int, int | None, int]] = {}
        self.letters: dict[str, Expr] = {}  # as declared, or as first met
        self.mentioned: dict[Span, tuple[str, ...]] = {}  # the names in the call or block that stands there

    # ------------------------------------------------------------ blocks and their names

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

    def mark(self, labels: tuple[Any, ...], index: int) -> None:
        for label in labels:
            self.labels[self.path + label.id] = index

    def label_path(self, step: Call | Block) -> str:
        label = step.labels[0]
        full = self.path + label.id
        if full in self.labels:
            self.source.fail(
                "name-taken", f"two layers are called {full!r}", label.span, hint="give one of them another name"
            )
        return full

    # ------------------------------------------------------------ names

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

    def try_node(self, name: Name) -> Any:
        for frame in reversed(self.frames):
            if name.id in frame.values:
                return frame.values[name.id]
        index = self.find(name.id)
        return None if index is None else NodeReference(index, self.full_name(name.id))

    def node(self, name: Name) -> int:
        for frame in reversed(self.frames):
            if isinstance(found := frame.values.get(name.id), NodeReference):
                return found.node
        index = self.find(name.id)
        if index is None:
            self.source.fail(
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
        if word in LITERALS:
            return LITERALS[word]
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
        self.source.fail(
            "unknown-name",
            f"{word!r} is not defined",
            name.span,
            expected="a number, a constant, or a letter that begins with a capital",
            found=word,
            hint=self.hidden(word)
            or self.torn(name.span)
            or did_you_mean(word, known)
            or (
                f"a letter for an unknown size is a capital: {word.capitalize()}"
                if word.isalnum() and len(word) < 3
                else ""
            ),
        )

    def may_be_0(self, value: Value) -> None:
        """A letter that is first met as a padding is at least 0; any other one, unless declared, at least 1."""
        for item in value.items if isinstance(value, Series) else (value,):
            if not isinstance(item, Name) or not item.id[0].isupper() or item.id in self.letters:
                continue
            if not self.is_defined(item.id) and isinstance(self.name(item), Expr):
                self.letters[item.id] = symbol(item.id, 0)

    def torn(self, span: Span) -> str:
        """What to say of a piece of a word that has been read as a size."""
        words = re.finditer(r"\w+", self.source.text)
        word = next((word.group() for word in words if word.start() <= span.start < word.end()), "")
        if len(word) <= len(self.source.of(span)):
            return ""
        if word[0].isdigit():
            return f"for unknown sizes the letters are capitals: {word.upper().replace('X', 'x')}"
        return f"{word} is read as a size, {word.replace('x', ' x ')}; 'as', 'def' or '=' before would make it a name"

    def hidden(self, name: str) -> str:
        """Where a name that means nothing here is known: inside a block."""
        inside = [label for label in self.labels if label.endswith(f".{name}")]
        if inside:
            return f"{name} is known only inside {inside[-1].removesuffix(f'.{name}')}: from here it is {inside[-1]}"
        where = next(places_of(self.source.steps(), name), None)
        return f"{name} is known only inside {where}" if where else ""

    def is_defined(self, name: str) -> bool:
        """Has the name been given a value, or been declared as a letter?"""
        return name in self.declared or name in self.sizes or any(name in frame.values for frame in self.frames)

    def is_unknown(self, word: str) -> bool:
        """Would the name of a value be refused?"""
        known = word in LITERALS or self.is_defined(word) or self.find(word) is not None
        return not (known or word[0].isupper() or kinds_named(word))

    def as_name(self, argument: Argument) -> Name | None:
        """The name that an argument may be, also where it looks like a tight one (``p4``)."""
        name, value, span = argument
        if name is None:
            return value if isinstance(value, Name) else None
        written = self.source.of(span)
        return Name(written, span) if isinstance(value, Number) and written == f"{name}{value.value}" else None

    def meaning(self, word: str) -> Definition | Word | None:
        """What a step's word stands for where it is no layer's own: a block, or the kind that a parameter gives."""
        for frame in reversed(self.frames):
            if word in frame.definitions or isinstance(frame.values.get(word), Word):
                meant: Definition | Word = frame.definitions.get(word) or frame.values[word]
                return meant
        return None

    # ------------------------------------------------------------ expressions

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
                    self.source.fail(
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
                self.source.fail(
                    "bad-value",
                    f"{self.source.of(value.span)} is a layer, not a value",
                    value.span,
                    expected="a number, a letter or a constant",
                    hint="one layer a line, or '->' between layers",
                )
            case Range():
                return slice(*(self.value(part) if part is not None else None for part in value[:3]))
            case Binary():
                if accepted and self.source.of(value.span) in accepted.choices:  # nearest-exact
                    return self.source.of(value.span)
                left, right = self.number(value.left), self.number(value.right)
                with self.source.placed(value.span):
                    result = self.arithmetic(value, left, right)
                if isinstance(result, int) and abs(result) > MAX_SIZE:
                    self.source.fail(
                        "too-large", "a size of more than 18 digits", value.span, expected=f"at most {MAX_SIZE:,}"
                    )
                return result
        raise AssertionError(value)

    def number(self, value: Value) -> Any:
        result = self.value(value)
        if isinstance(result, bool) or not isinstance(result, (int, float, Expr)):
            self.source.fail(
                "bad-value",
                f"{self.source.of(value.span)} is not a number",
                value.span,
                expected="a number or a letter",
                found="a layer kind" if isinstance(result, Word) else self.source.of(value.span),
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
        if isinstance(left, Expr) and isinstance(right, float) or isinstance(right, Expr) and isinstance(left, float):
            self.source.fail(
                "bad-value", "a letter is a whole number: it is divided by whole ones", value.span, expected="H // 2"
            )
        if right == 0:
            self.source.fail("division-by-zero", f"{self.source.of(value.span)} divides by zero", value.right.span)
        return left // right if value.operator == "//" else left % right

    # ------------------------------------------------------------ what a part of the text depends on

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
                    if type(value) not in PLAIN:
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


def outer(path: str) -> str:
    """The block around a block, each with its dot.

    >>> outer("layer1.0.")
    'layer1.'
    """
    path = path[:-1].rpartition(".")[0]
    return path + "." if path else ""
