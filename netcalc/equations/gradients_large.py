"""Values and gradients of a computation that is too large for exact numbers: how its inputs are filled, and its answer.

Inputs of many numbers are not typed but filled by a rule (``W:512x784=0.05*randn(7)``) or read from a file of numpy's
(``x=@images.npy``). The engine is handed in (:mod:`netcalc.proof.equations` has torch's); it answers with a
:class:`Solution`, in which an array of too many numbers is told by its least, its greatest and their mean.
"""

from __future__ import annotations

import ast
import re
import struct
from dataclasses import replace
from math import prod
from random import Random
from typing import Any, Callable, Iterable, Mapping, NamedTuple

from netcalc.equations.arrays import Array, summary
from netcalc.equations.arrays import shown as array_text
from netcalc.equations.exact import ONE, ZERO, Exact, Value
from netcalc.equations.exact import text as number_text
from netcalc.equations.explanation import Asked, Section, Story, velocity_rows
from netcalc.equations.givens import name_of, read_givens, read_number
from netcalc.equations.inference import Computation, Given, agreed
from netcalc.equations.values import MAX_ELEMENTS, beyond, lettered, update_words
from netcalc.errors import SpecError

# ---------------------------------------------------------------- inputs that nobody types

_FILL = re.compile(
    r"(?P<given>[^=]+?)\s*=\s*(?:(?P<factor>[-+\d.e/]+)\s*\*?\s*)?(?P<rule>zeros|ones|randn?)(?:\((?P<seed>\d{0,18})\))?"
)
_FILE = re.compile(r"(?P<name>[^:=]+?)\s*=\s*@(?P<file>.+)", re.DOTALL)


class Fill(NamedTuple):
    """Numbers by a rule: ``zeros``, ``ones``, ``rand`` (even in [0, 1)) or ``randn`` (normal), times ``factor``.

    Random numbers depend on the seed and on the name of the input alone.

    >>> Fill("ones").array("x", (2,)), Fill("randn", 7).array("x", (1,)) == Fill("randn", 7).array("y", (1,))
    (Array(shape=(2,), data=(1, 1)), False)
    """

    rule: str
    seed: int = 0
    factor: Value = ONE

    def array(self, name: str, shape: tuple[int, ...]) -> Array:
        if self.rule in ("zeros", "ones"):
            return Array.full(shape, self.factor if self.rule == "ones" else ZERO)
        source, factor = Random(f"{self.seed}:{name}"), float(self.factor)
        draw: Callable[[], float] = source.random if self.rule == "rand" else source.gauss
        return Array(shape, tuple(factor * draw() for _ in range(prod(shape))))


def read_inputs(words: Iterable[str]) -> tuple[dict[str, Given], dict[str, Fill]]:
    """The givens of a command line, and the inputs that a rule fills; a shape beside a rule is a given.

    >>> read_inputs(["x:2x3=ones", "W=0.1*randn(7)", "b=[1,2]"])[1]
    {'x': Fill(rule='ones', seed=0, factor=1), 'W': Fill(rule='randn', seed=7, factor=1/10)}
    """
    rest: list[str] = []
    fills: dict[str, Fill] = {}
    files: dict[str, Given] = {}
    for word in words:
        if match := _FILL.fullmatch(word.strip()):
            name, shaped, _ = match["given"].partition(":")
            factor = read_number(match["factor"], "the factor") if match["factor"] else ONE
            name, fill = name_of(name.strip()), Fill(match["rule"], int(match["seed"] or 0), factor)
            if fills.setdefault(name, fill) != fill:
                raise SpecError("given-twice", f"{name} is filled by two rules", expected="one rule", found=word)
            rest += [match["given"]] if shaped else []
        elif match := _FILE.fullmatch(word.strip()):
            name, array = name_of(match["name"]), read_npy(match["file"])
            one = Given(array.shape, array, word.strip())
            files[name] = agreed(name, files[name], one, word) if name in files else one
        elif re.match(r"[^=]*:[^=]*=", word):
            raise SpecError(
                "bad-value",
                "beside a shape there may be a rule that fills it",
                expected="zeros, ones, rand(SEED) or randn(SEED), with a factor if need be",
                found=word.partition("=")[2].strip(),
                hint=f"numbers and files have a shape of their own: {word.partition(':')[0].strip()}=…",
            )
        else:
            rest.append(word)
    givens = read_givens(rest)
    for name, one in files.items():
        givens[name] = agreed(name, givens[name], one, one.text) if name in givens else one
    for name in fills:
        if name in givens and givens[name].value is not None:
            raise SpecError(
                "given-twice",
                f"{name} has numbers, and a rule that fills it",
                expected="one of them",
                found=givens[name].text,
            )
    return givens, fills


def filled(c: Computation, fills: Mapping[str, Fill]) -> Computation:
    """The computation with numbers for the inputs that a rule fills, now that their shapes are known."""
    inputs = {node.name: node for node in c.inputs}
    for name in fills:
        if name not in inputs:
            raise SpecError("unknown-name", f"{name!r} is filled but is no input", expected=", ".join(inputs))
        if lettered(inputs[name].shape):
            raise SpecError("no-value", f"the shape of {name} is not known in numbers", hint=f"{name}:4x6=…")
        affordable(c, inputs[name].shape)
    nodes = (
        replace(n, value=fills[n.name].array(n.name, tuple(map(int, n.shape))))  # type: ignore[arg-type]
        if n.operation == "input" and n.name in fills
        else n
        for n in c.nodes
    )
    return replace(c, nodes=tuple(nodes))


_CODES = {
    "f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b",
    "u8": "Q", "u4": "I", "u2": "H", "u1": "B", "b1": "?",
}  # fmt: skip


def read_npy(name: str) -> Array:
    """The array in a file of numpy's format (``numpy.save``): of real numbers, whole ones exact."""
    try:
        with open(name, "rb") as file:
            start = file.read(8)
            header = ast.literal_eval(
                file.read(int.from_bytes(file.read(2 if start[6] == 1 else 4), "little")).decode()
            )
            order, code = header["descr"][0].replace("|", "<"), _CODES[header["descr"][1:]]
            shape = tuple(header["shape"])
            numbers = struct.unpack(f"{order}{prod(shape)}{code}", file.read())
        if start[:6] != b"\x93NUMPY" or 0 in shape:
            raise ValueError("not an array of numbers")
        if header["fortran_order"] and len(shape) > 2:
            raise ValueError("its last axis does not run fastest")
    except (OSError, ValueError, KeyError, IndexError, TypeError, SyntaxError, struct.error) as error:
        raise SpecError(
            "unreadable", f"the file {name!r} cannot be read: {error}", expected="an array of real numbers as .npy"
        ) from None
    exact = code in "qihbQIHB?" and len(numbers) <= MAX_ELEMENTS
    data = tuple(Exact.of(int(n)) for n in numbers) if exact else tuple(map(float, numbers))
    return Array(shape[::-1], data).transposed() if header["fortran_order"] else Array(shape, data)


# ---------------------------------------------------------------- what an engine answers

MAX_NUMBERS = 100_000_000


def affordable(c: Computation, *shapes: Any) -> None:
    """Raises SpecError where the arrays would not fit into a memory of ordinary size."""
    count = sum(prod(shape) for shape in shapes or (node.shape for node in c.nodes))
    if count > MAX_NUMBERS:
        raise SpecError(
            "too-large", f"the computation has {count:,} numbers", expected=f"at most {MAX_NUMBERS:,} for values"
        )


class Digest(NamedTuple):
    """An array: its numbers (of more than ``MAX_ELEMENTS`` only the ``first``), least, greatest, mean, and norm ‖·‖.

    >>> print(Digest((2,), (3.0, 4.0), 5.0, 3.0, 4.0, 3.5))
    [3, 4]
    >>> print(Digest((1000, 1000), (1.0, 1.0, 1.0), 1000.0, 1.0, 1.0, 1.0))
    1000 × 1000 numbers: min 1, max 1, mean 1 (the first of them: --json)
    """

    shape: tuple[int, ...]
    first: tuple[float, ...]
    norm: float
    least: float
    greatest: float
    mean: float

    @property
    def finite(self) -> bool:
        return self.norm - self.norm == 0

    def __str__(self) -> str:
        if self.is_whole:
            return array_text(Array(self.shape, self.first))
        return summary(self.shape, self.least, self.greatest, self.mean, "the first of them")

    @property
    def is_whole(self) -> bool:
        return len(self.first) == prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it: every number as ``decimal``, or a word on why not."""
        found = {
            "shape": list(self.shape), "first": list(self.first[:3]), "min": self.least, "max": self.greatest,
            "mean": self.mean, "norm": self.norm,
        }  # fmt: skip
        if self.is_whole:
            return {**found, "decimal": Array(self.shape, self.first).nested()}
        return {**found, "omitted": f"{prod(self.shape):,} numbers; up to {MAX_ELEMENTS:,} of an array are written out"}


class Solution(NamedTuple):
    """What an engine found: by node the values; by input the gradients, their checks, and what an update makes.

    A check is the slope along one direction in all numbers of an input: by the gradient, and by finite differences.
    ``velocities`` are what an update goes along; ``corners`` are the nodes that are exactly at a kink, where a check
    has failed.
    """

    engine: str
    values: dict[int, Digest]
    gradients: dict[str, Digest]
    checks: dict[str, tuple[float, float]]
    updated: dict[str, Digest]
    velocities: dict[str, Digest] = {}
    corners: frozenset[int] = frozenset()

    def right(self, name: str) -> bool:
        """Is the gradient in an input what finite differences say?"""
        slope, found = self.checks[name]
        return abs(slope - found) <= 1e-4 * max(1.0, abs(slope))


class Large(Story):
    """A story whose numbers an engine has found."""

    def __init__(self, c: Computation, asked: Asked, engine: Callable[[Computation, Asked], Solution]) -> None:
        bare = tuple(replace(node, value=None) if node.operation == "input" else node for node in c.nodes)
        super().__init__(replace(c, nodes=bare), asked)
        affordable(c)
        self.beyond = beyond(c, asked.gradients)
        self.solution = engine(c, asked)

    def scalar(self) -> bool:
        return prod(self.solution.values[self.c.output].shape) == 1

    def sections(self) -> list[Section]:
        wanted = self.asked.gradients or self.asked.updates
        return [*super().sections(), *(self.gradient_values() if wanted else ())]

    def graph(self) -> Section:
        plain = super().graph()
        steps = [i for i, node in enumerate(self.c.nodes) if not node.is_leaf]
        rows = tuple((*row, str(self.solution.values[i])) for row, i in zip(plain.rows, steps))
        return plain._replace(head=(*plain.head, "value"), rows=rows)

    def gradient_values(self) -> list[Section]:
        if not self.scalar():
            return super().gradient_values()
        rows = []
        for name, gradient in self.solution.gradients.items():
            slope, found = self.solution.checks[name]
            mark = self.mark(self.c.names[name], self.solution.right(name))
            check = (number_text(slope), number_text(found), mark)
            rows.append((f"∂{self.result}/∂{name}", str(gradient), *check))
        head = ("gradient", "value", "slope", "by differences", "")
        after = tuple(row for name in self.solution.updated for row in self.step_rows(name))
        return [
            Section("gradients", head, tuple(rows)),
            *([Section("one update", ("parameter", "=", "value"), after)] if after else ()),
        ]

    def step_rows(self, name: str) -> list[tuple[str, str, str]]:
        assert self.asked.lr is not None
        words = update_words(self.c, name, self.asked.lr, self.asked.weight_decay or ZERO)
        after = str(self.solution.updated[name])
        if self.asked.momentum is None:
            return [(f"{name} ←", words, after)]
        return velocity_rows(name, words, self.asked.momentum, str(self.solution.velocities[name]), after)

    def at_corner(self, index: int) -> bool:
        return index in self.solution.corners

    def disagreeing(self) -> list[int]:
        return [self.c.names[name] for name in self.solution.checks if not self.solution.right(name)]

    def summary(self) -> list[tuple[str, str]]:
        infinite = [i for i, digest in self.solution.values.items() if not digest.finite]
        return [
            *super().summary(),
            ("note", f"values by {self.solution.engine} ({self.beyond})"),
            *(("caution", f"{self.names[i]}: with these numbers it is not finite") for i in infinite),
        ]

    def to_dict(self) -> dict[str, Any]:
        def told(digests: Mapping[str, Digest]) -> dict[str, Any]:
            return {name: digest.to_dict() for name, digest in digests.items()}

        values = {self.names[i]: digest for i, digest in self.solution.values.items()}
        found = {**super().to_dict(), "engine": self.solution.engine, "values": told(values)}
        if self.solution.gradients:
            found["gradients"] = told(self.solution.gradients)
        if self.solution.updated:
            found["updated"] = told(self.solution.updated)
        if self.solution.updated and self.asked.momentum is not None:
            found["velocities"] = told(self.solution.velocities)
        return found
