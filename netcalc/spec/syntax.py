"""What a spec says, before it means anything: small frozen nodes, each with its span; and the walks over them."""

from __future__ import annotations

from typing import Any, Iterator, Union

from netcalc.errors import Span
from netcalc.records import NamedTuple

# ---------------------------------------------------------------- values


class Number(NamedTuple):
    """An integer or real."""

    value: int | float
    span: Span


class Name(NamedTuple):
    """A constant, parameter, letter, node, or word such as ``same`` or ``True``: its use decides."""

    id: str
    span: Span


class Text(NamedTuple):
    """A quoted text."""

    value: str
    span: Span


class Binary(NamedTuple):
    """``left operator right`` with one of ``+ - * // %``."""

    operator: str
    left: Value
    right: Value
    span: Span


class Minus(NamedTuple):
    """A negated value."""

    operand: Value
    span: Span


class Series(NamedTuple):
    """Several values: ``3x5``, ``(3, 5)`` or ``[3, 5]``."""

    items: tuple[Value, ...]
    span: Span


class Range(NamedTuple):
    """``start:stop`` or ``start:stop:step``, any of them left out."""

    start: Value | None
    stop: Value | None
    step: Value | None
    span: Span


class Module(NamedTuple):
    """A layer as a value: ``nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 6)``."""

    word: Name
    arguments: tuple[Argument, ...]
    span: Span


Value = Union[Number, Name, Text, Binary, Minus, Series, Range, Module]

# ---------------------------------------------------------------- steps


class Argument(NamedTuple):
    """``value``, ``name=value`` or ``k3`` (then ``name`` is ``k``)."""

    name: str | None
    value: Value
    span: Span


class Label(NamedTuple):
    """The ``as NAME`` behind a step."""

    id: str
    span: Span


class Call(NamedTuple):
    """A layer, or a ``def``'d block: ``conv 16 k3`` or ``Conv2d(3, 16, 3)`` (``parenthesized``)."""

    word: Name
    arguments: tuple[Argument, ...]
    parenthesized: bool
    others: tuple[Name, ...]  # further inputs: ``with NAME NAME``
    labels: tuple[Label, ...]
    span: Span


class Block(NamedTuple):
    """``residual { … | … }``, ``concat { … | … }``, ``repeat 3 { … }``: a word, its arguments, its branches."""

    word: Name
    arguments: tuple[Argument, ...]
    branches: tuple[Steps, ...]
    labels: tuple[Label, ...]
    span: Span


class InputStep(NamedTuple):
    """``input 3x32x32``, ``input image: 3x32x32``, or a bare size."""

    name: Name | None
    size: Value
    span: Span


class Constant(NamedTuple):
    """``d = 768``"""

    name: Name
    value: Value
    span: Span


class From(NamedTuple):
    """``from NAME``: go on from an earlier node."""

    name: Name
    span: Span


class Output(NamedTuple):
    """``output`` (what stands before it) or ``output NAME …``."""

    names: tuple[Name, ...]
    span: Span


class Parameter(NamedTuple):
    """One parameter of a ``def``, with its default."""

    name: Name
    default: Value | None


class Definition(NamedTuple):
    """``def name(params) { … }``"""

    name: Name
    parameters: tuple[Parameter, ...]
    body: Steps
    span: Span


class Declaration(NamedTuple):
    """``H in 32..1024`` or ``H % 32 == 0``: what is known of a letter."""

    name: Name
    low: Value | None
    high: Value | None
    multiple: Value | None
    span: Span


Step = Union[Call, Block, InputStep, Constant, Declaration, From, Output, Definition]


class Steps(NamedTuple):
    """A chain of steps."""

    items: tuple[Step, ...]
    span: Span


# ---------------------------------------------------------------- walks


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


def is_identity(branch: Steps) -> bool:
    """Is the branch the input itself, without a name?"""
    step = branch.items[0]
    return len(branch.items) == 1 and isinstance(step, Call) and step.word.id == "identity" and not step.labels
