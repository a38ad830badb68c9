"""Syntax → computation: every intermediate with its operation and its shape, found by unification.

What is given (``x: 256``, ``W: 4x6``, or numbers) fixes shapes; each operation says which sizes must be equal; the
:class:`~netcalc.equations.solver.Solver` finds the rest. How many axes a name has follows convention (a small letter is
a vector, a capital a matrix) unless that contradicts something: then the nearest reading that fits is taken, and if
none does, the contradiction in the conventional one is reported.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise, takewhile
from typing import Any, Iterator, Mapping, NamedTuple

from netcalc.dims import Dim, Expr, product, substitute, symbol, symbols, text
from netcalc.equations import samples
from netcalc.equations.arrays import Array
from netcalc.equations.base import Site, size_of
from netcalc.equations.conditions import usual
from netcalc.equations.exact import Exact
from netcalc.equations.operations import DEFINED, LOSSES, ElementLoss, Elementwise, Pairwise, Power, operation
from netcalc.equations.parser import OPAQUE, parse, parts_of, read
from netcalc.equations.solver import Contradiction, Reason, Shape, Solver
from netcalc.equations.syntax import Apply, Equation, Expression, Name, Number
from netcalc.equations.syntax import text as written
from netcalc.equations.tokens import tokenize
from netcalc.equations.windows import Windowed, channel_axes
from netcalc.errors import Span, SpecError, did_you_mean

MAX_READINGS = 3000
MAX_POWER = 16
SCALARS = frozenset("αληγεδτμLJEcNnℓ")
WEIGHTS = frozenset("WwbBUVuvθΘβγKkaAcC")
EITHER = frozenset("aAcCkKuv")  # of the weights those that are as often activations, states or gates
SCALES = frozenset("αβγδεηκλμρτ")  # Greek letters that scale what stands beside them: γ x̂, not γᵀ x̂
_ATTENTION = {"Q", "K"}  # together they are queries and keys, and V with them the values: data
PARAMETER, DATA = "parameter", "data"
_LOSS_NAME = re.compile(r"(?:[LJEℓ]|loss|cost)(?:[\d_'].*)?")
INDICES = "ijkn"


class Given(NamedTuple):
    """What is stated of a name: its shape (sizes or letters), or its numbers."""

    shape: Shape
    value: Array | None = None
    text: str = ""


@dataclass(frozen=True)
class Node:
    """One intermediate: ``operation`` of ``inputs`` (indices of earlier nodes), or an ``input`` or ``constant``."""

    operation: str
    inputs: tuple[int, ...]
    shape: Shape
    expression: Expression
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    value: Array | None = None

    @property
    def is_leaf(self) -> bool:
        return self.operation in ("input", "constant")


@dataclass(frozen=True)
class Computation:
    """A system of equations with every shape that follows from it.

    ``nodes`` are in order of computation; ``names`` says which node a name stands for; ``roles`` which inputs are
    parameters and which data; ``free`` the sizes that nothing determines; ``reasons`` why each size
    is what it is.
    """

    source: str
    equations: tuple[Equation, ...]
    nodes: tuple[Node, ...]
    names: Mapping[str, int]
    roles: Mapping[str, str]
    free: Mapping[str, str]
    conditions: tuple[str, ...]
    notes: tuple[str, ...]
    reasons: tuple[str, ...]

    def __getitem__(self, name: str) -> Node:
        return self.nodes[self.names[name]]

    @property
    def inputs(self) -> list[Node]:
        return [node for node in self.nodes if node.operation == "input"]

    @property
    def parameters(self) -> dict[str, Shape]:
        return {node.name: node.shape for node in self.inputs if self.roles[node.name] == PARAMETER}

    @property
    def params(self) -> Dim:
        total: Dim = 0
        for shape in self.parameters.values():
            total = total + product(shape)
        return total

    @property
    def output(self) -> int:
        """The node that is differentiated: the last loss, else the only number that nothing reads, else the last one.

        >>> found = infer("z = W x; L = loss(z, t); w = vec(W)", {"W": Given((4, 6))})
        >>> found.label(found.output)
        'L'
        """
        read = {i for node in self.nodes for i in node.inputs}
        ends = [self.names[equation.name] for equation in self.equations]
        ends = [i for i in ends if i not in read and all(size == 1 for size in self.nodes[i].shape)]
        ends = [i for i in ends if not self.nodes[i].is_leaf]
        losses = [i for i in ends if self.nodes[i].operation in LOSSES or _LOSS_NAME.fullmatch(self.nodes[i].name)]
        if losses or len(ends) == 1:
            return (losses or ends)[-1]
        return self.names[self.equations[-1].name]

    def label(self, index: int) -> str:
        """What a node is called: its name, or what it computes."""
        node = self.nodes[index]
        return node.name or written(node.expression)


def infer(
    source: str, given: Mapping[str, Given] | None = None, parameters: tuple[str, ...] = (), data: tuple[str, ...] = ()
) -> Computation:
    """The shapes of everything in a system of equations.

    >>> found = infer("f = W2 max(0, W1 x + b1) + b2", {"x": Given((256,)), "b1": Given((512,)), "f": Given((1,))})
    >>> found.parameters, found.params
    ({'W2': (1, 512), 'W1': (512, 256), 'b1': (512,), 'b2': (1,)}, 132097)

    Raises SpecError: syntax, or a contradiction with the two places that disagree.
    """
    given = {unicodedata.normalize("NFC", name): one for name, one in (given or {}).items()}
    equations, declared = read(source, given)
    for name, shape, span in declared:
        one = Given(shape, None, span.of(source))
        given[name] = agreed(name, given[name], one, source, span) if name in given else one
    _check_definitions(source, equations)
    equations, given = _numbers_given(source, equations, given)
    given, exponents = _exponents_given(equations, given)
    equations = _filled_exponents(equations, exponents)
    in_text = [equation.span for equation in equations]
    equations, notes = _indexed(_ordered(source, equations), given)
    equations = _ordered(source, equations)
    if [equation.span for equation in equations] != in_text:
        notes = (f"put in order of definition: {', '.join(equation.name for equation in equations)}", *notes)
    told = (
        f"{name} is an exponent: its number is put in its place, and there is no gradient in it" for name in exponents
    )
    notes = (*notes, *told)
    given = _sized(given, equations)
    first: SpecError | None = None
    for reading in _readings(equations, given):
        try:
            found = _Builder(source, equations, given, reading, parameters, data).computation()
            sizes = sorted(_divisors(equations) & {node.name for node in found.inputs if not node.shape} - set(given))
            told = (f"{name} is read as a number: it only divides" for name in sizes)
            return replace(found, notes=(*notes, *told, *found.notes))
        except Misread as error:
            first = first or error
        except SpecError as error:
            if error.code not in ("shape-mismatch", "wrong-rank", "illegal-size"):
                raise
            if first is None or isinstance(first, Misread):
                first = error
    assert first is not None
    raise first


def _check_definitions(source: str, equations: tuple[Equation, ...]) -> None:
    """A name stands for one thing. Raises SpecError."""
    seen: dict[str, Equation] = {}
    for equation in equations:
        if (first := seen.setdefault(equation.name, equation)) is not equation and equation.name != "result":
            raise SpecError(
                "defined-twice",
                f"{equation.name} is defined twice: {first.span.of(source)!r} and {equation.span.of(source)!r}",
                expected="one definition of each name",
                found=equation.name,
                hint=f"call the second one {equation.name}'",
                span=equation.span,
                source=source,
            )


def _ordered(source: str, equations: tuple[Equation, ...]) -> tuple[Equation, ...]:
    """Every equation behind those that define what it reads, else as they stand. Raises SpecError for a cycle."""
    defining: dict[str, int] = {}
    for place, equation in enumerate(equations):
        if not _is_unrolling(equation):
            defining.setdefault(equation.name, place)
    reads: dict[int, dict[int, Name]] = {place: {} for place in range(len(equations))}
    for place, equation in enumerate(equations):
        for name in names_of(equation.expression):
            word = name.name if name.name in defining else _without_bar(name.name)
            if word in defining:
                reads[place].setdefault(defining[word], name)
    sorter = TopologicalSorter(reads)
    try:
        sorter.prepare()
    except CycleError as error:
        raise _cycle(source, equations, reads, error.args[1]) from None
    ready, found = list(sorter.get_ready()), []
    heapq.heapify(ready)
    while ready:
        found.append(equations[place := heapq.heappop(ready)])
        sorter.done(place)
        for following in sorter.get_ready():
            heapq.heappush(ready, following)
    return tuple(found)


def _cycle(
    source: str, equations: tuple[Equation, ...], reads: Mapping[int, Mapping[int, Name]], places: list[int]
) -> SpecError:
    """The error for equations of which each is read by the next, and the last by the first."""
    ring = places[:-1]
    first = min(ring)
    ring = ring[ring.index(first) :] + ring[: ring.index(first)]  # from the one that stands first
    names = [equations[place].name for place in (first, *reversed(ring))]
    itself = len(ring) == 1
    told = "its own equation reads it" if itself else ", ".join(f"{a} reads {b}" for a, b in pairwise(names))
    name = reads[first][ring[-1]]
    return SpecError(
        "used-before-defined",
        f"{names[1]} is used before it is defined: {told}",
        expected=f"an equation that defines {names[1]} before" if itself else "equations that can be put in order",
        found=name.name,
        hint=f"call the new one {names[1]}'" if itself else "a value of an earlier step has a name of its own: h_{t-1}",
        span=name.span,
        source=source,
    )


def _is_unrolling(equation: Equation) -> bool:
    """``w = vec(W)``: w holds the entries of W, which may be read before."""
    expression = equation.expression
    return isinstance(expression, Apply) and expression.operation == "vec" and isinstance(expression.arguments[0], Name)


def _numbers_given(
    source: str, equations: tuple[Equation, ...], given: Mapping[str, Given]
) -> tuple[tuple[Equation, ...], dict[str, Given]]:
    """``x = [2, 1]`` among the equations gives the numbers of x, if an equation reads it."""
    read = {name.name for equation in equations for name in names_of(equation.expression)}
    letters = {name for one in given.values() for size in one.shape if isinstance(size, Expr) for name in symbols(size)}
    found, rest = dict(given), []
    for equation in equations:
        value = constant(equation.expression) if equation.name in read | letters else None
        if value is None:
            rest.append(equation)
            continue
        one = Given(value.shape, value, equation.span.of(source).strip())
        if equation.name in found:
            one = agreed(equation.name, found[equation.name], one, source)
        found[equation.name] = one
    return (tuple(rest), found) if rest else (equations, dict(given))


def _exponents_given(
    equations: tuple[Equation, ...], given: Mapping[str, Given]
) -> tuple[dict[str, Given], dict[str, Given]]:
    """What is given, without the numbers that stand as exponents and nowhere else; and these."""
    letters = {name for one in given.values() for size in one.shape for name in _letters(size)}
    exponents: set[str] = set()
    elsewhere: set[str] = set()
    for equation in equations:
        waiting: list[Expression] = [equation.expression]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Name):
                elsewhere.add(part.name)
            elif isinstance(part, Apply) and part.operation == "pow":
                exponents |= {name.name for name in names_of(part.arguments[1])}
                waiting.append(part.arguments[0])
            elif isinstance(part, Apply):
                waiting += part.arguments
    numbers = {
        name: one
        for name, one in given.items()
        if name in exponents - elsewhere - letters and one.value is not None and not one.value.shape
    }
    return {name: one for name, one in given.items() if name not in numbers}, numbers


def _filled_exponents(equations: tuple[Equation, ...], numbers: Mapping[str, Given]) -> tuple[Equation, ...]:
    """``(1 − p)^γ`` with the number of γ in its place."""

    def fill(expression: Expression) -> Expression:
        if isinstance(expression, Name) and expression.name in numbers:
            value = numbers[expression.name].value
            assert value is not None
            return Number(value.data[0], expression.span)
        if isinstance(expression, Apply):
            return replace(expression, arguments=tuple(map(fill, expression.arguments)))
        return expression

    return tuple(replace(one, expression=fill(one.expression)) for one in equations) if numbers else equations


def agreed(name: str, first: Given, second: Given, source: str, span: Span | None = None) -> Given:
    """What two statements of one name say together. Raises SpecError where they differ."""
    values = [one.value for one in (first, second) if one.value is not None]
    shapes = [one.shape for one in (first, second) if one.value is None or one.shape]
    differ = len(values) == 2 and values[0] != values[1]
    if len(shapes) == 2 and not differ:
        differ = len(shapes[0]) != len(shapes[1]) or any(
            isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(*shapes)
        )
        lettered = any(a != b for a, b in zip(*shapes))
        differ = differ or lettered and not values
    if differ:
        raise SpecError(
            "given-twice",
            f"{name} is given twice, differently: {first.text} and {second.text}",
            expected="one shape, or numbers of that shape",
            found=second.text,
            span=span or Span(0, len(source)),
            source=source,
        )
    value = values[0] if values else None
    shape = next((one.shape for one in (first, second) if one.value is None), first.shape)
    return Given(shape, value, first.text if first.text == second.text else f"{first.text} and {second.text}")


def _indexed(
    equations: tuple[Equation, ...], given: Mapping[str, Given]
) -> tuple[tuple[Equation, ...], tuple[str, ...]]:
    """``p_i = exp(z_i) / …`` where z is given as a vector says of each entry what ``p = exp(z) / …`` says of all."""
    taken = {*given, *(equation.name for equation in equations)}
    whole = {name for name, one in given.items() if len(one.shape) == 1}
    found: list[Equation] = []
    renamed: dict[str, str] = {}
    notes: list[str] = []
    for equation in equations:
        name, expression = equation.name, equation.expression
        read = {one.name for one in names_of(expression)}
        entries = {
            one: renamed.get(one, one[:-2])
            for one in read
            if one in renamed or one[-2:-1] == "_" and one[-1] in INDICES and one not in taken and one[:-2] in whole
        }
        if _samples(expression, entries):
            entries = {one: base for one, base in entries.items() if one in renamed}
        if entries:
            expression = _entries(expression, entries)
            stem = name[:-2]
            same = name[-2:-1] == "_" and name[-1] in {one[-1] for one in entries} and name not in given
            if same and stem and stem not in {e.name for e in equations}:
                renamed[name] = name = stem
            told = ", ".join(f"{one} is the entry {one[-1]} of {base}" for one, base in sorted(entries.items()))
            notes.append(f"{told}: the equation holds for every entry")
        found.append(Equation(name, expression, equation.span))
        whole.add(name)
    return tuple(found), tuple(dict.fromkeys(notes))


def _samples(expression: Expression, entries: Mapping[str, str]) -> bool:
    """Does a matrix or a transposed vector stand beside an index (``wᵀ x_n``), which then counts samples?"""
    if not isinstance(expression, Apply):
        return False
    if expression.operation in ("product", "matmul"):
        for one, other in (expression.arguments, expression.arguments[::-1]):
            names = [name.name for name in names_of(other)]
            if any(name.name in entries for name in names_of(one)) and not set(names) & set(entries):
                turned = isinstance(other, Apply) and other.operation == "transpose"
                if turned or any(name[0].isupper() and name not in SCALARS for name in names):
                    return True
    return any(_samples(argument, entries) for argument in expression.arguments)


def _entries(expression: Expression, entries: Mapping[str, str]) -> Expression:
    """The expression with whole vectors for their entries, whose products are element by element."""
    if isinstance(expression, Name):
        return Name(entries.get(expression.name, expression.name), expression.span, expression.index)
    if isinstance(expression, Number):
        return expression
    kind, arguments = expression.operation, expression.arguments
    if kind == "product" and all(any(one.name in entries for one in names_of(a)) for a in arguments):
        kind = "mul"
    return Apply(kind, tuple(_entries(a, entries) for a in arguments), expression.span, expression.options)


def _sized(given: Mapping[str, Given], equations: tuple[Equation, ...]) -> dict[str, Given]:
    """``N=5`` beside ``x: N x D`` is the value of a letter."""
    letters = {name for one in given.values() for size in one.shape if isinstance(size, Expr) for name in symbols(size)}
    read = {name.name for equation in equations for name in names_of(equation.expression)}
    sizes: dict[str, Dim] = {}
    for name in sorted(letters & set(given)):
        value, shape = given[name].value, given[name].shape
        if value is not None and not value.shape and float(value.data[0]) == int(float(value.data[0])) > 0:
            sizes[name] = int(float(value.data[0]))
        elif value is None and len(shape) == 1 and (name not in read or name in SCALARS):  # C: 3 beside W: D x C
            sizes[name] = shape[0]
            if name in read:
                number = Array((), (Exact.of(shape[0]),)) if isinstance(shape[0], int) else None
                given = {**given, name: given[name]._replace(shape=(), value=number)}
        elif name not in read:
            stated = given[name].text
            raise SpecError(
                "bad-shape", f"{name} is a size in the given shapes, but {stated} is not one",
                expected=f"a whole number, such as {name}=3", found=stated, span=Span(0, len(stated)), source=stated,
            )  # fmt: skip
    return {
        name: one._replace(shape=tuple(substitute(size, sizes) for size in one.shape))
        for name, one in given.items()
        if name not in sizes or name in read
    }


# ---------------------------------------------------------------- readings: how many axes each name has


class Reading(NamedTuple):
    ranks: Mapping[str, int]
    lenient: bool


class Misread(SpecError):
    """A reading that is not wrong but unlikely."""


def spelling(written: str) -> str:
    r"""A name as the equations spell it: ``W_1`` is ``W1``, ``\bar{x}`` is ``x̄``."""
    word = unicodedata.normalize("NFC", written)
    for known in ((), {word}):
        tokens = tokenize(written, {}, known)
        if len(tokens) == 2 and tokens[0].type == "NAME":
            return tokens[0].text
    return word


def names_of(expression: Expression) -> Iterator[Name]:
    if isinstance(expression, Name):
        yield expression
    elif isinstance(expression, Apply):
        for argument in expression.arguments:
            yield from names_of(argument)


def _unknown(equations: tuple[Equation, ...], given: Mapping[str, Given]) -> list[str]:
    """The names that are neither given nor defined before they are used."""
    found: dict[str, None] = {}
    defined: set[str] = set()
    for equation in equations:
        for name in names_of(equation.expression):
            base = _without_bar(name.name)
            for one in {name.name, base} if base else {name.name}:
                if one not in defined and one not in given:
                    found[one] = None
        defined.add(equation.name)
    return list(found)


def _costs(name: str) -> tuple[int, int, int]:
    """How unlikely it is that a name is a number, a vector, a matrix."""
    stem = _stem(name)
    if stem in SCALARS and stem not in WEIGHTS:
        return (0, 2, 4)
    if stem.isupper():
        return (4, 2, 0)
    return (1, 0, 4) if stem == "b" else (4, 0, 4)


def _readings(equations: tuple[Equation, ...], given: Mapping[str, Given]) -> Iterator[Reading]:
    """The ways to read the names, the most conventional first."""
    names = _unknown(equations, given)
    divisors = _divisors(equations)
    numbers = divisors | _coefficients(equations)
    beside = _beside(equations, given)
    costs = [(0, 2, 4) if name in numbers else beside.get(name) or _costs(name) for name in names]
    options = [sorted((cost, rank) for rank, cost in enumerate(cost)) for cost in costs]
    start = (0,) * len(names)
    heap: list[tuple[int, int, tuple[int, ...]]] = [(0, 0, start), (2, 1, start)]
    seen = {(0, start), (1, start)}
    for _ in range(MAX_READINGS):
        if not heap:
            return
        cost, lenient, choice = heapq.heappop(heap)
        yield Reading({name: options[i][c][1] for i, (name, c) in enumerate(zip(names, choice))}, bool(lenient))
        for i, c in enumerate(choice):
            if c < 2:
                following = (*choice[:i], c + 1, *choice[i + 1 :])
                if (lenient, following) not in seen:
                    seen.add((lenient, following))
                    heapq.heappush(heap, (cost + options[i][c + 1][0] - options[i][c][0], lenient, following))


def _stem(name: str) -> str:
    return unicodedata.normalize("NFD", name)[0]


def _letter(name: str) -> str:
    """A name without its index: ``a0`` and ``a_{t-1}`` are a, ``Ã`` stays."""
    return unicodedata.normalize("NFC", re.sub(r"[\d_{'].*", "", unicodedata.normalize("NFD", name)))


_TIME = re.compile(r"_\{?t(?:[-+]\d+)?\}?$")


def _coefficients(equations: tuple[Equation, ...]) -> set[str]:
    """Greek factors of a weighted mean or of the state before: numbers that are chosen, not learned.

    >>> sorted(_coefficients(parse("m_t = β_1 m_{t-1} + (1 - β_1) g_t; v_t = γ v_{t-1} + g_t")))
    ['β1', 'γ']
    """
    found: set[str] = set()
    for part in (part for equation in equations for part in parts_of(equation.expression)):
        if isinstance(part, Apply) and part.operation in ("product", "mul"):
            left, right = part.arguments
            inside = left.arguments if isinstance(left, Apply) and left.operation == "sub" else ()
            if inside and isinstance(inside[0], Number) and inside[0].value == 1 and isinstance(inside[1], Name):
                found.add(inside[1].name)
            if isinstance(left, Name) and isinstance(right, Name) and re.search(r"_\{t-\d+\}$", right.name):
                found.add(left.name)
    return {name for name in found if _stem(name) in SCALES}


def _elementwise(expression: Expression) -> bool:
    """Has every array in it the shape of its result?"""
    if not isinstance(expression, Apply):
        return False
    return expression.operation in ("add", "sub", "neg", "mul") or isinstance(
        operation(expression.operation), (Elementwise, Pairwise)
    )


def _terms(expression: Expression) -> Iterator[Expression]:
    """What an expression is made of element by element: the names and products of ``σ(W x + b) * c``."""
    if isinstance(expression, Apply) and _elementwise(expression):
        for argument in expression.arguments:
            yield from _terms(argument)
    else:
        yield expression


def _beside(equations: tuple[Equation, ...], given: Mapping[str, Given]) -> dict[str, tuple[int, int, int]]:
    """How unlikely the ranks are of names that meet, element by element, what is given.

    A capital letter beside a given vector is a vector (``C_t = f_t * C_{t-1}``, C_t: 5); a weight that multiplies a
    given number, and what is added to it, are numbers (``y = β_0 + β_1 x``, x: scalar).
    """
    groups: dict[str, set[str]] = {}
    slopes: set[str] = set()
    for equation in equations:
        together = {equation.name}
        for term in _terms(equation.expression):
            if isinstance(term, Name):
                together.add(term.name)
            elif isinstance(term, Apply) and term.operation == "product":
                names = [_bare(one) for one in term.arguments]
                together |= {one for one in names if one and _stem(one) == _stem(equation.name)}  # C_t, C_{t-1}, C̃_t
                for one, other in (names, names[::-1]):
                    stated = given.get(other)
                    plain = other and _stem(other) not in SCALARS | WEIGHTS
                    if stated and not stated.shape and plain and _stem(one or "1") in WEIGHTS and one not in given:
                        slopes.add(one)
                        together.add(one)
        for name in list(together):
            together |= groups.get(name, set())
        for name in together:
            groups[name] = together
    found: dict[str, tuple[int, int, int]] = {}
    for name, together in groups.items():
        ranks = {len(given[one].shape) for one in together if one in given}
        if _stem(name).isupper() and max(ranks, default=0) == 1 and _stem(name) not in SCALARS:
            found[name] = (4, 0, 2)
        elif together & slopes and max(ranks, default=0) == 0 and not _stem(name).isupper():
            found[name] = (0, 2, 4)
    return found


def _weighs(expression: Expression, name: str) -> bool:
    """Does a name multiply data here, or is it added to a product?"""
    if not isinstance(expression, Apply):
        return False
    kind, arguments = expression.operation, expression.arguments
    chain = list(_multiplied(expression))
    bare = [_bare(factor) for factor in chain]
    if name in bare and len(chain) > 1:  # W a, but not B A x: where only weights meet, this one is what they multiply
        return not all(_stem(one or "x") in WEIGHTS for one in bare) or not any(
            _stem(one) in WEIGHTS - EITHER for one in bare
        )
    if kind in ("add", "sub") and name in map(_bare, arguments):
        others = (part for argument in arguments if _bare(argument) != name for part in _terms_of_sum(argument))
        if any(len(list(_multiplied(other))) > 1 for other in others):
            return True
    return any(_weighs(argument, name) for argument in arguments)


def _multiplied(expression: Expression) -> Iterator[Expression]:
    """The factors of a product of any kind, or of a convolution."""
    kinds = ("product", "matmul", "mul", "conv", "convtranspose")
    if isinstance(expression, Apply) and expression.operation in kinds:
        for argument in expression.arguments:
            yield from _multiplied(argument)
    else:
        yield expression


def _terms_of_sum(expression: Expression) -> Iterator[Expression]:
    if isinstance(expression, Apply) and expression.operation in ("add", "sub"):
        for argument in expression.arguments:
            yield from _terms_of_sum(argument)
    else:
        yield expression


def _bare(expression: Expression) -> str:
    """The name that an expression is, itself, transposed or to a power, else an empty text."""
    if isinstance(expression, Apply) and expression.operation in ("transpose", "pow"):
        return _bare(expression.arguments[0])
    return expression.name if isinstance(expression, Name) else ""


def _divisors(equations: tuple[Equation, ...]) -> set[str]:
    """The names that only divide products and sums, alone or under a root: numbers.

    >>> sorted(_divisors(parse("P = softmax(Q K^T / sqrt(d)) V; L = 1/n sum((p - y)^2)")))
    ['d', 'n']
    """
    dividing: set[str] = set()
    others: set[str] = set()

    def visit(expression: Expression, factor: bool = False) -> None:
        if isinstance(expression, Name):
            others.add(expression.name)
        elif isinstance(expression, Apply):
            below = expression.arguments[1] if expression.operation == "div" else None
            if below is not None and _is_divisor(below) and _is_whole(expression.arguments[0], factor):
                dividing.update(name.name for name in names_of(below))
                visit(expression.arguments[0])
            else:
                for argument in expression.arguments:
                    visit(argument, expression.operation == "product")

    for equation in equations:
        visit(equation.expression)
    return dividing - others - {equation.name for equation in equations}


def _is_divisor(expression: Expression) -> bool:
    """Names and numbers, their roots, powers and products."""
    if not isinstance(expression, Apply):
        return True
    return expression.operation in ("sqrt", "pow", "product", "mul") and all(map(_is_divisor, expression.arguments))


def _is_whole(above: Expression, factor: bool) -> bool:
    """Is a product, a sum or a norm divided, or is it a factor 1/n: not a vector by a vector?"""
    if isinstance(above, Number):
        return factor
    return isinstance(above, Apply) and above.operation in ("product", "matmul", "sum", "norm", "sqnorm")


def _without_bar(name: str) -> str:
    """``x`` for ``x̄``, else an empty text."""
    decomposed = unicodedata.normalize("NFD", name)
    return unicodedata.normalize("NFC", decomposed.replace("\u0304", "")) if "\u0304" in decomposed else ""


# ---------------------------------------------------------------- one reading


class _Builder:
    def __init__(
        self,
        source: str,
        equations: tuple[Equation, ...],
        given: Mapping[str, Given],
        reading: Reading,
        parameters: tuple[str, ...],
        data: tuple[str, ...],
    ) -> None:
        self.source, self.equations, self.given, self.reading = source, equations, given, reading
        self.stated_roles = {
            **dict.fromkeys(map(spelling, parameters), PARAMETER),
            **dict.fromkeys(map(spelling, data), DATA),
        }
        self.solver = Solver(source)
        self.nodes: list[Node] = []
        self.names: dict[str, int] = {}
        self.notes: list[str] = []
        self.defined = {equation.name for equation in equations}
        self.letters: dict[str, Dim] = {
            name: symbol(name)
            for one in given.values()
            for size in one.shape
            if isinstance(size, Expr)
            for name in symbols(size)
        }
        self.coefficients = _coefficients(equations)
        self.entrywise = self._entrywise()
        self.unrolled = dict(self._unrolled())  # w = vec(W): the matrix is read as a rearrangement of w

    def _entrywise(self) -> frozenset[Span]:
        """The products that make a vector, or are added to one: the ``w x`` of ``y = w x + b`` with y: 3 or b: 3."""
        found: set[Span] = set()
        for equation in self.equations:
            terms = list(_terms(equation.expression))
            beside = [equation.name, *(term.name for term in terms if isinstance(term, Name))]
            stated = [self.given[name].shape for name in beside if name in self.given]
            if any(len(shape) == 1 and shape[0] != 1 for shape in stated):
                found |= {term.span for term in terms}
        return frozenset(found)

    def _unrolled(self) -> Iterator[tuple[str, str]]:
        for equation in self.equations:
            expression = equation.expression
            if isinstance(expression, Apply) and expression.operation == "vec":
                matrix = expression.arguments[0]
                if isinstance(matrix, Name) and self._unrolls(matrix.name):
                    yield matrix.name, equation.name

    def _unrolls(self, name: str) -> bool:
        return name not in self.defined and self._value_of(name) is None and not _without_bar(name)

    def _value_of(self, name: str) -> Array | None:
        return self.given[name].value if name in self.given else None

    # ------------------------------------------------------------ nodes

    def put(self, node: Node) -> int:
        self.nodes.append(node)
        if len(self.nodes) > 5000:
            raise SpecError(
                "too-large",
                "the equations have more than 5,000 operations",
                span=node.expression.span,
                source=self.source,
            )
        return len(self.nodes) - 1

    def apply(self, kind: str, inputs: tuple[int, ...], expression: Expression, **options: Any) -> int:
        site = Site(self.solver, expression.span, tuple(self.label(i) for i in inputs))
        rule = operation(kind)
        if rule.arity is not None and len(inputs) != rule.arity:
            raise SpecError(
                "wrong-arguments", f"{kind} takes {rule.arity}, not {len(inputs)} arguments",
                expected=str(rule.arity), found=str(len(inputs)), span=expression.span, source=self.source,
            )  # fmt: skip
        shape = rule.shape(site, [self.nodes[i].shape for i in inputs], options)
        if rule.states and "stride" not in options:
            self.note(rule.states)
        return self.put(Node(kind, inputs, shape, expression, options=options))

    def label(self, index: int) -> str:
        return self.nodes[index].name or written(self.nodes[index].expression)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def rank(self, index: int) -> int:
        return len(self.nodes[index].shape)

    # ------------------------------------------------------------ the whole

    def computation(self) -> Computation:
        for equation in self.equations:
            self.equation(equation)
        self.one_state()
        conditions = self.solver.settle()
        unused = [name for name in self.given if name not in self.names and name not in self.letters]
        if unused:
            raise SpecError(
                "unknown-name", f"{unused[0]!r} is given but occurs nowhere",
                expected=f"one of {', '.join(self.names)}",
                found=unused[0], hint=self.hint_of(unused[0]), source=self.source,
            )  # fmt: skip
        self.check_stated_roles()
        conditions += self.equal_letters()
        free = self.name_what_is_free()
        nodes = tuple(
            replace(node, shape=self.settled(node.shape), options=self.settled_options(node)) for node in self.nodes
        )
        conditions += self.open_conditions(nodes)
        roles = {node.name: self.role(node.name) for node in nodes if node.operation == "input"}
        self.check_batch(nodes, roles)
        return Computation(
            self.source, self.equations, nodes, dict(self.names), roles, free,
            tuple(conditions), tuple(self.notes), tuple(self.told()),
        )  # fmt: skip

    def one_state(self) -> None:
        """``h_{t-1}`` beside ``h_t = …`` is the same state a step before: of one shape. Raises SpecError."""
        for later, earlier in ((e.name, b) for e in self.equations for b in self.names if b not in self.defined):
            if not (_TIME.search(later) and _TIME.search(earlier)) or _TIME.sub("", later) != _TIME.sub("", earlier):
                continue
            span = next(equation.span for equation in self.equations if equation.name == later)
            shapes = [self.nodes[self.names[name]].shape for name in (later, earlier)]
            if len(shapes[0]) != len(shapes[1]):
                raise Misread(
                    "wrong-rank", f"{later} and {earlier} are one state, but differ in their number of axes",
                    span=span, source=self.source,
                )  # fmt: skip
            for axis, (a, b) in enumerate(zip(*shapes)):
                places = [size_of(name, axis, len(shapes[0])) for name in (later, earlier)]
                self.solver.equal((a, f"{places[0]}, one state with {earlier}"), (b, places[1]), span)
            self.note(f"{later} and {earlier} are one state at two times: of one shape")

    def hint_of(self, name: str) -> str:
        """What may be meant by a given name that occurs nowhere."""
        other = next((one for one in self.names if one[:-2] == name and one[-2:-1] == "_"), "")
        return f"{other} is another name: give {other}" if other else did_you_mean(name, self.names)

    def check_stated_roles(self) -> None:
        """What is said to be a parameter or data is an input. Raises SpecError."""
        inputs = [node.name for node in self.nodes if node.operation == "input"]
        for name, role in self.stated_roles.items():
            if name not in inputs:
                computed = name in self.names
                raise SpecError(
                    "unknown-name",
                    f"{name!r} is said to be {'a parameter' if role == PARAMETER else 'data'}, but "
                    + ("is computed" if computed else "occurs nowhere"),
                    expected=f"one of {', '.join(inputs)}",
                    found=name,
                    hint=did_you_mean(name, inputs) or f"the inputs are {', '.join(inputs)}",
                    source=self.source,
                )

    def equal_letters(self) -> list[str]:
        """What must hold of the letters of the given shapes: ``D = E``."""
        return [
            f"{name} = {text(self.solver.resolve(reason.value))}"
            for name, reason in self.solver.reasons.items()
            if not name.startswith("unknown_")
            and not any(s.startswith("unknown_") for s in _letters(self.solver.resolve(reason.value)))
        ]

    def open_conditions(self, nodes: tuple[Node, ...]) -> Iterator[str]:
        """What must hold of the letters for the windows to lie on their images."""
        for node in nodes:
            rule = operation(node.operation)
            if isinstance(rule, Windowed):
                try:
                    applied = rule.applied([nodes[i].shape for i in node.inputs], node.options)
                except SpecError as error:
                    raise error.at(node.expression.span, self.source) from None
                yield from map(str, applied.conditions)

    def settled(self, shape: Shape) -> Shape:
        return self.solver.resolved(shape)

    def settled_options(self, node: Node) -> Mapping[str, Any]:
        if node.operation in ("repeat", "unvec", "reshape") and "size" in node.options:
            return {**node.options, "size": self.settled(node.options["size"])}
        return node.options

    def role(self, name: str) -> str:
        if name in self.stated_roles:
            return self.stated_roles[name]
        attended = name in (*_ATTENTION, "V") and _ATTENTION <= self.names.keys() - self.defined
        is_weight = _stem(name) in WEIGHTS and not attended and name not in self.coefficients
        return PARAMETER if is_weight and (_stem(name) not in EITHER or self.weighs(name)) else DATA

    def weighs(self, name: str) -> bool:
        """Is this letter a weight here: a factor or a bias, not a state, a loss' argument or what a weight multiplies?

        ``A x + c`` has the weights A and c; a⁰ beside a¹ = …, W a, ‖a − p‖, log a and C_{t-1} are data.
        """
        accented = len(unicodedata.normalize("NFD", name[0])) > 1 or len(_letter(name)) > 1
        states = {_letter(one) for one in self.defined}
        if accented or _letter(name) in states or _TIME.search(name):
            return False
        return any(_weighs(equation.expression, name) for equation in self.equations)

    def check_batch(self, nodes: tuple[Node, ...], roles: Mapping[str, str]) -> None:
        """A parameter has no axis of the batch: what runs along the rows of the data."""
        batches = {
            size for node in nodes if node.operation == "input" and roles[node.name] == DATA and len(node.shape) == 2
            for size in node.shape[:1] if isinstance(size, Expr)
        }  # fmt: skip
        for node in nodes:
            if (
                node.operation == "input"
                and roles[node.name] == PARAMETER
                and len(node.shape) == 1
                and node.shape[0] in batches
                and node.name not in self.given
            ):
                raise Misread(
                    "shape-mismatch",
                    f"{node.name} would depend on the number of samples",
                    span=node.expression.span,
                    source=self.source,
                )

    def name_what_is_free(self) -> dict[str, str]:
        """Letters for the sizes that nothing determines."""
        taken = {*self.names, *self.letters}
        letters = iter([c for c in "DHMKCPQRSTUVFG" if c not in taken] + [f"D{i}" for i in range(1, 100)])
        free: dict[str, str] = {}
        for node in self.nodes:
            for size in self.solver.resolved(node.shape):
                for name in symbols(size) if isinstance(size, Expr) else ():
                    if name.startswith("unknown_") and name not in self.solver.reasons:
                        letter = next(letters)
                        self.solver.reasons[name] = Reason(symbol(letter), "free", None)
                        free[letter] = self.solver.abouts[name]
        return free

    def told(self) -> Iterator[str]:
        for name, reason in self.solver.reasons.items():
            if reason.why != "free" and not reason.why.startswith("given"):
                where = f"   in {reason.span.of(self.source)!r}" if reason.span else ""
                size = text(self.solver.resolve(reason.value))
                yield f"{self.solver.abouts.get(name, name)} = {size}: {reason.why}{where}"

    # ------------------------------------------------------------ equations

    def equation(self, equation: Equation) -> None:
        expression = equation.expression
        matrix = next((matrix for matrix, vector in self.unrolled.items() if vector == equation.name), "")
        if matrix:
            self.leaf(Name(matrix, expression.span))
            self.note(f"{equation.name} = vec({matrix}) holds the entries of {matrix}, column below column")
            self.note(f"{matrix} is read as unvec({equation.name})")
            return
        index = self.build(expression)
        if self.nodes[index].is_leaf or self.nodes[index].name:
            index = self.renamed(index, equation)
        self.nodes[index] = replace(self.nodes[index], name=equation.name)
        if one := self.given.get(equation.name):
            self.fix(index, one, equation)
        self.names[equation.name] = index

    def renamed(self, index: int, equation: Equation) -> int:
        """``y = x``: a node of its own, so that both names stay."""
        return self.put(Node("reshape", (index,), self.nodes[index].shape, equation.expression))

    def fix(self, index: int, one: Given, equation: Equation) -> None:
        """The shape that is given for a left side."""
        found, stated = self.nodes[index].shape, one.shape
        name, about = equation.name, f"given as {one.text}"
        if len(stated) < len(found):  # f: scalar, y: N for N x 1
            for axis in range(len(stated), len(found)):
                self.solver.equal((found[axis], size_of(name, axis, len(found))), (1, about), equation.span)
        elif len(stated) == len(found) + 1:
            self.solver.equal(
                (1, f"{name}, a number" if not found else f"the columns of {name}"), (stated[-1], about), equation.span
            )
        elif len(stated) != len(found):
            raise Contradiction(
                "shape-mismatch",
                f"{name} is given as {one.text}, but its equation has {len(found)} axes",
                span=equation.span,
                source=self.source,
            )
        for axis, (a, b) in enumerate(zip(found, stated)):
            self.solver.equal((a, size_of(name, axis, len(found))), (b, about), equation.span)

    # ------------------------------------------------------------ leaves

    def leaf(self, name: Name) -> int:
        if name.name in self.names:
            return self.names[name.name]
        if name.name in self.letters and name.name not in self.given:  # 1/N: a size that stands as a number
            return self.put(Node("constant", (), (), name))
        base = _without_bar(name.name)
        if base and self._value_of(name.name) is None:
            return self.homogeneous(name, base)
        if unrolled := self.unrolled.get(name.name):
            return self.unroll(name, unrolled)
        return self.input(name)

    def input(self, name: Name, shape: Shape | None = None) -> int:
        one = self.given.get(name.name)
        rank = len(one.shape) if one else self.reading.ranks[name.name] if shape is None else len(shape)
        unknown = tuple(self.solver.unknown(size_of(name.name, axis, rank)) for axis in range(rank))
        if one:
            for axis, (a, b) in enumerate(zip(unknown, one.shape)):
                about = size_of(name.name, axis, rank)
                self.solver.equal((a, about), (b, f"given as {one.text}" if one.text else about), None)
            if one.value is not None and one.value.shape:  # x: N beside x=[1, 2]
                for axis, (a, b) in enumerate(zip(unknown, one.value.shape)):
                    self.solver.equal((a, size_of(name.name, axis, rank)), (b, f"given as {one.text}"), None)
        index = self.put(Node("input", (), unknown, name, name=name.name, value=one.value if one else None))
        self.names[name.name] = index
        return index

    def homogeneous(self, name: Name, base: str) -> int:
        """``x̄`` is ``[x; 1]``; with samples in rows (``x̄ Wᵀ``) it is ``[x, 1]``."""
        one = Number(Exact.of(1), name.span)
        inner = self.build(Name(base, name.span))
        beside = self.rank(inner) == 2 and self.stands_left(name.name)
        written_as = f"[{base}, 1], a column of ones beside {base}: " if beside else f"[{base}; 1], "
        self.note(f"{name.name} is read as {written_as}{base} in homogeneous coordinates")
        options = (("columns", True),) if beside else ()
        stacked = Apply("rows", (Name(base, name.span), one), name.span, options)
        index = self.build(stacked)
        self.nodes[index] = replace(self.nodes[index], name=name.name)
        self.names[name.name] = index
        if given := self.given.get(name.name):
            self.fix(index, given, Equation(name.name, stacked, name.span))
        return index

    def unroll(self, name: Name, vector: str) -> int:
        one = self.given.get(name.name)
        if one and len(one.shape) == 2:
            size = tuple(self.solver.unknown(size_of(name.name, axis, 2)) for axis in range(2))
            for axis in range(2):
                self.solver.equal(
                    (size[axis], size_of(name.name, axis, 2)), (one.shape[axis], f"given as {one.text}"), None
                )
        else:
            size = tuple(self.solver.unknown(size_of(name.name, axis, 2)) for axis in range(2))
        length = product(size)
        if stated := self.given.get(vector):
            self.solver.equal(
                (length, f"the entries of {name.name}"),
                (stated.shape[0] if stated.shape else 1, f"given as {stated.text}"),
                name.span,
            )
        leaf = self.put(
            Node("input", (), (length,), Name(vector, name.span), name=vector, value=self._value_of(vector))
        )
        self.names[vector] = leaf
        index = self.put(
            Node(
                "unvec",
                (leaf,),
                size,
                Apply("unvec", (Name(vector, name.span),), name.span),
                name=name.name,
                options={"size": size},
            )
        )
        self.names[name.name] = index
        return index

    def stands_left(self, name: str) -> bool:
        """Are samples rows of a name: do the weights stand on its right everywhere (``x̄ Wᵀ``)?"""
        sides = [side for equation in self.equations for side in _sides(equation.expression, name)]
        return "left" in sides and "right" not in sides

    # ------------------------------------------------------------ expressions

    def build(self, expression: Expression, summed: bool = False) -> int:
        """The node of an expression; ``summed``: under a sum, where vectors side by side multiply by elements."""
        if isinstance(expression, Number):
            return self.put(Node("constant", (), (), expression, value=Array((), (expression.value,))))
        if isinstance(expression, Name):
            return self.leaf(expression)
        if (value := constant(expression)) is not None:
            return self.put(Node("constant", (), value.shape, expression, value=value))
        op, arguments = expression.operation, expression.arguments
        match op:
            case "rows":
                return self.rows(expression)
            case "transpose":
                inner = self.build(arguments[0], summed)
                return inner if self.rank(inner) < 2 else self.apply("transpose", (inner,), expression)
            case "product" | "matmul":
                return self.product(expression, summed)
            case "pow":
                return self.power(expression, summed)
            case "max" | "min" if "size" in dict(expression.options):
                return self.apply("maxpool", self.all(expression), expression, **dict(expression.options))
            case "max" if len(arguments) == 2 and any(isinstance(a, Number) and a.value == 0 for a in arguments):
                other = arguments[1] if isinstance(arguments[0], Number) and arguments[0].value == 0 else arguments[0]
                return self.apply("relu", (self.build(other, summed),), expression)
            case "gt" | "lt" | "where" if known := usual(expression):
                return self.apply(known[0], (self.build(known[1], summed),), expression)
            case "where":
                return self.choice(expression, summed)
            case _ if isinstance(operation(op), (Pairwise, ElementLoss)):
                return self.pairwise(expression, summed)
            case "sum" | "mean" if dict(expression.options).get("over"):
                return samples.total(self, expression)
            case "sum" | "mean":
                if (weighted := samples.weighted_rows(self, expression)) is not None:
                    return weighted
                inputs = tuple(self.build(a, True) for a in arguments)
                if limit := expression.option("limit"):
                    samples.check_limit(self, limit, inputs[0], expression)
                return self.apply(op, inputs, expression)
            case "norm" | "sqnorm":
                return self.apply(op, self.all(expression), expression, **dict(expression.options))
            case "softmax" | "logsoftmax":
                return self.softmax(expression)
            case "cross_entropy" | "nll":
                return self.cross_entropy(expression)
            case _ if op in DEFINED:
                return self.build(self.definition(expression))
            case "neg":
                return self.apply(op, (self.build(arguments[0], summed),), expression)
            case "maxpool" | "avgpool" if len(arguments) == 2 and isinstance(arguments[1], Number):
                return self.build(
                    Apply(
                        op,
                        arguments[:1],
                        expression.span,
                        (*expression.options, ("size", int(float(arguments[1].value)))),
                    )
                )
            case "conv" | "convtranspose":
                return self.convolution(expression)
            case _:
                inputs = tuple(self.build(a, summed) for a in arguments)
                if op in (*OPAQUE, "loss"):
                    self.note(f"{op} is not stated: its operations are uncounted")
                    (argument, *others) = arguments
                    alike = isinstance(argument, Apply) or self.rank(inputs[0]) == 2
                    if op not in LOSSES and not others and alike:
                        self.note(f"{op} of {written(arguments[0])} is read element by element, as an activation")
                        return self.put(Node(op, inputs, self.nodes[inputs[0]].shape, expression))
                return self.apply(op, inputs, expression, **dict(expression.options))

    def choice(self, expression: Apply, summed: bool) -> int:
        """``where(x > 0, x, 0)``: of the condition and both cases the smaller are repeated."""
        built = [self.build(argument, summed) for argument in expression.arguments]
        large = max(built, key=self.rank)
        same = (
            i if self.rank(i) == self.rank(large) else self.repeat(i, large, expression, scaling=True) for i in built
        )
        return self.apply("where", tuple(same), expression)

    def definition(self, expression: Apply) -> Expression:
        """The equation that a function stands for, with its arguments put in."""
        op = expression.operation
        names, stands_for = DEFINED[op]
        if len(expression.arguments) != len(names):
            raise SpecError(
                "wrong-arguments", f"{op} takes {len(names)}, not {len(expression.arguments)} arguments",
                expected=f"{op}({', '.join(names)})", found=str(len(expression.arguments)), span=expression.span,
                source=self.source,
            )  # fmt: skip
        self.note(f"{op}({', '.join(names)}) = {stands_for}")
        (equation,) = parse(stands_for)
        return _filled(equation.expression, dict(zip(names, expression.arguments)), expression.span)

    def all(self, expression: Apply) -> tuple[int, ...]:
        return tuple(self.build(argument) for argument in expression.arguments)

    def convolution(self, expression: Apply) -> int:
        """Numbers written into conv(·, ·) are called x and w, so that they have gradients."""
        inputs = []
        for argument, name in zip(expression.arguments, ("x", "w")):
            index = self.build(argument)
            if self.nodes[index].operation == "constant" and name not in {*self.names, *self.given, *self.defined}:
                self.nodes[index] = replace(self.nodes[index], operation="input", name=name)
                self.names[name] = index
            inputs.append(index)
        return self.apply(expression.operation, tuple(inputs), expression, **dict(expression.options))

    def rows(self, expression: Apply) -> int:
        columns = expression.option("columns", False)
        if columns and len(expression.arguments) == 1 and (factors := _factors(expression.arguments[0])):
            built = [self.build(factor) for factor in factors]
            if any(self.rank(i) for i in built) and isinstance(factors[-1], Number):
                told = ", ".join(map(written, factors))
                self.note(f"{written(expression)} is read as [{told}]: a number beside {self.label(built[0])}")
                return self.rows(Apply("rows", factors, expression.span, expression.options))
            if sum(self.rank(i) == 2 for i in built) > 1 or self.rank(built[-1]) == 2 and len(factors) > 1:
                raise SpecError(
                    "ambiguous",
                    f"{written(expression)} may be a product, or blocks beside one another",
                    expected="a comma between blocks, or no bracket around a product",
                    found=written(expression),
                    hint=f"[{', '.join(map(written, factors))}] for blocks, "
                    f"({' '.join(map(written, factors))}) for the product",
                    span=expression.span,
                    source=self.source,
                )
        inputs = self.all(expression)
        if columns and len(inputs) > 1 and any(self.rank(i) == 2 for i in inputs):
            return self.beside(inputs, expression)
        as_rows = (
            columns
            and all(self.rank(i) == 1 for i in inputs)
            and all(isinstance(a, Apply) and a.operation == "rows" for a in expression.arguments)
        )
        return self.apply("stack", inputs, expression, **({"rows": True} if as_rows else {}))

    def beside(self, inputs: tuple[int, ...], expression: Apply) -> int:
        """``[X, 1]``: blocks beside one another, a vector as a column, a number as a column of it."""
        turned = []
        for index, argument in zip(inputs, expression.arguments):
            node = self.nodes[index]
            if self.rank(index) == 2:
                turn = Apply("transpose", (argument,), argument.span)
                index = self.apply("transpose", (index,), turn)
            elif self.rank(index) == 1:
                size = (1, *node.shape)
                index = self.put(Node("reshape", (index,), size, argument, options={"size": size}))
            turned.append(index)
        below = Apply("rows", expression.arguments, expression.span)
        return self.apply("transpose", (self.apply("stack", tuple(turned), below),), expression)

    def cross_entropy(self, expression: Apply) -> int:
        """Of scores whose samples are columns (``W x``) each column is one sample."""
        inputs = self.all(expression)
        scores = self.spelled(expression.arguments[0])
        if len(inputs) == 2 and all(self.rank(i) == 2 for i in inputs) and column_convention(scores):
            self.note(f"{written(expression)}: samples are columns, so each column is one sample")
            inputs = tuple(
                self.apply("transpose", (i,), Apply("transpose", (argument,), argument.span))
                for i, argument in zip(inputs, expression.arguments)
            )
        return self.apply(expression.operation, inputs, expression, **dict(expression.options))

    def power(self, expression: Apply, summed: bool) -> int:
        return self.powered(expression, self.build(expression.arguments[0]), summed)

    def powered(self, expression: Apply, inner: int, summed: bool) -> int:
        base, value = expression.arguments[0], self.exponent(expression)
        if self.rank(inner) and value == -1:
            raise SpecError(
                "unknown-operation",
                "the inverse of a matrix is not among the operations: no layer computes it",
                expected="a power of a number",
                hint="A^{-1} b is the x that solves A x = b: give it a name, x, and its shape",
                span=expression.span,
                source=self.source,
            )
        if self.rank(inner) == 2 and not summed:
            itself = f"{written(base)} @ {written(base)}"
            self.note(f"{written(expression)}: each entry to this power, not the matrix by itself ({itself})")
        return self.apply("pow", (inner,), expression, exponent=value)

    def exponent(self, expression: Apply) -> Any:
        """The number that stands as an exponent. Raises SpecError."""
        exponent = expression.arguments[1]
        value = constant(exponent)
        if value is None or value.shape:
            raise SpecError(
                "bad-exponent",
                "an exponent must be a number",
                expected="a number, or T for the transpose",
                found=written(exponent),
                hint=f"{exponent.name} is read elsewhere too: write its number as the exponent"
                if isinstance(exponent, Name) and exponent.name in self.given
                else f"{exponent.name}=2 beside the equation gives its number; a letter that tells names apart stands "
                f"below: {written(expression.arguments[0])}_{exponent.name}"
                if isinstance(exponent, Name)
                else "",
                span=exponent.span,
                source=self.source,
            )
        return value.data[0]

    def matrix_power(self, expression: Apply, index: int) -> int:
        """``A²`` as a factor of a matrix product is A A; other powers of a matrix are no operation of a layer."""
        base, shown = written(expression.arguments[0]), written(expression)
        times = Power().whole({"exponent": self.exponent(expression)})
        if times is None or times > MAX_POWER:
            raise SpecError(
                "unknown-operation",
                f"{shown} beside a matrix or a vector is a power of the matrix, which no layer computes",
                expected=f"a whole power from 2 to {MAX_POWER}",
                found=shown,
                hint=f"give the power of {base} a name and a shape of its own: S for {shown}",
                span=expression.span,
                source=self.source,
            )
        self.note(f"{shown} beside a matrix or a vector is the matrix power {' '.join([base] * min(times, 3))}"
                  + (" …" if times > 3 else ""))  # fmt: skip
        found = index
        for exponent in range(2, times + 1):
            raised = (expression.arguments[0], Number(Exact.of(exponent), expression.span))
            found = self.apply("matmul", (found, index), replace(expression, arguments=raised))
        return found

    def factors(self, expression: Apply, summed: bool) -> tuple[int, int]:
        """Both factors of a product; what is raised to a power is so once both are known to be matrices or not."""
        raised = [isinstance(one, Apply) and one.operation == "pow" for one in expression.arguments]
        bases = [
            self.build(one.arguments[0] if is_raised and isinstance(one, Apply) else one, summed)
            for one, is_raised in zip(expression.arguments, raised)
        ]
        is_matrices = all(map(self.rank, bases)) and not summed
        for place, (one, index) in enumerate(zip(expression.arguments, bases)):
            if raised[place] and isinstance(one, Apply):
                of_matrix = is_matrices and self.rank(index) == 2 and self.exponent(one) != -1
                bases[place] = self.matrix_power(one, index) if of_matrix else self.powered(one, index, summed)
        return bases[0], bases[1]

    def from_right(self, expression: Apply) -> Apply:
        """``W2 W1 x`` is ``W2 (W1 x)``, as layers are applied: matrices in front of a vector, or weights of data.

        ``(W2 W1) x`` and ``W2 @ W1 @ x``, which is code, are taken as they are written: from the left.
        """
        *before, last = _side_by_side(expression)
        matrices = list(reversed(list(takewhile(self.is_matrix, reversed(before)))))
        scales = before[: len(before) - len(matrices)]
        if len(matrices) < 2 or not all(map(self.is_number, scales)) or not self.takes_matrices(matrices[0], last):
            return expression
        found, told = last, written(last, 3)
        for place, matrix in enumerate(reversed(matrices)):
            found = Apply("product", (matrix, found), matrix.span.to(last.span))
            told = f"{written(matrix, 3)} ({told})" if place else f"{written(matrix, 3)} {told}"
        self.note(f"{written(found)} is counted from the right, {told}, as layers are applied")
        for scale in reversed(scales):
            found = Apply("product", (scale, found), scale.span.to(last.span))
        return found if isinstance(found, Apply) else expression

    def is_number(self, factor: Expression) -> bool:
        return isinstance(factor, Number) or isinstance(factor, Name) and self.rank(self.leaf(factor)) == 0

    def is_matrix(self, factor: Expression) -> bool:
        """Is it a matrix, or a sum, a product or a transpose of matrices?"""
        if not isinstance(factor, Apply):
            return isinstance(factor, Name) and self.rank(self.leaf(factor)) == 2
        sums = ("transpose", "add", "sub", "neg", "product", "matmul")
        return factor.operation in sums and all(map(self.is_matrix, factor.arguments))

    def takes_matrices(self, first: Expression, last: Expression) -> bool:
        """Is the last factor a vector, or data behind weights?"""
        if isinstance(last, Name) and self.rank(self.leaf(last)) == 1:
            return True
        weights = [all(self.role(name.name) == PARAMETER for name in names_of(one)) for one in (first, last)]
        return weights == [True, False] and not _is_transpose(last)

    def product(self, expression: Apply, summed: bool) -> int:
        expression = self.from_right(expression) if expression.operation == "product" else expression
        left, right = expression.arguments
        a, b = self.factors(expression, summed)
        ranks = (self.rank(a), self.rank(b))
        if expression.option("inner") and ranks != (1, 1):
            raise Misread(
                "wrong-rank", "⟨a, b⟩ is the inner product of two vectors", expected="two vectors",
                hint="sum(A * B) is the inner product of two matrices", span=expression.span, source=self.source,
            )  # fmt: skip
        if 0 in ranks:
            return self.combine("mul", a, b, expression)
        if ranks == (1, 1):
            if _is_transpose(right) and not _is_row(left):
                return self.apply("outer", (a, b), expression)
            if why := self.by_entries(expression, (a, b), summed):
                self.note(f"{written(expression)}: {why} are multiplied element by element")
                return self.combine("mul", a, b, expression)
            if not _is_row(left) and not expression.option("dot"):
                self.note(f"{written(expression)}: two vectors side by side are read as their dot product")
        if ranks == (1, 2) and isinstance(left, Name) and _stem(left.name) in SCALES:
            self.note(f"{written(expression)}: {left.name} has a scale for each feature of {self.label(b)}")
            return self.combine("mul", a, b, expression)
        logarithm = right.arguments[0] if isinstance(right, Apply) and right.operation == "div" else right  # log_2
        of_log = isinstance(logarithm, Apply) and logarithm.operation in ("log", "logsoftmax")
        if ranks == (2, 2) and summed and (of_log or not self.fits(a, b)):
            return self.combine("mul", a, b, expression)
        return self.apply("matmul", (a, b), expression)

    def by_entries(self, expression: Apply, factors: tuple[int, int], summed: bool) -> str:
        """Why two vectors side by side are not their dot product; else an empty text."""
        left, right = expression.arguments
        shared = {name.name for name in names_of(left)} & {name.name for name in names_of(right)}
        if expression.operation != "product" or _is_row(left):
            return ""
        if summed:
            return "two vectors side by side under a sum"
        multiplied = any(self.nodes[index].operation == "matmul" for index in factors)
        bare = isinstance(left, Name) and isinstance(right, Name)
        if shared and not multiplied and not bare:  # x σ(x), but neither xᵀ A x nor x x
            return f"a vector and a function of it ({', '.join(sorted(shared))})"
        if isinstance(left, Name) and _stem(left.name) in SCALES:
            return f"a scale ({left.name}) and what it scales"
        return "vectors whose product must be a vector" if expression.span in self.entrywise else ""

    def fits(self, a: int, b: int) -> bool:
        """Can these matrices be multiplied, or are they meant element by element?"""
        difference = self.solver.resolve(self.nodes[a].shape[1]) - self.solver.resolve(self.nodes[b].shape[0])
        alike = self.solver.resolved(self.nodes[a].shape) == self.solver.resolved(self.nodes[b].shape)
        return not alike or difference == 0

    def pairwise(self, expression: Apply, summed: bool) -> int:
        if len(expression.arguments) != 2:
            raise SpecError(
                "wrong-arguments",
                f"{expression.operation} takes 2 arguments, not {len(expression.arguments)}",
                span=expression.span,
                source=self.source,
            )
        a, b = (self.build(argument, summed) for argument in expression.arguments)
        return self.combine(expression.operation, a, b, expression)

    def combine(self, kind: str, a: int, b: int, expression: Apply) -> int:
        """An operation on two arrays of one shape; the smaller is repeated where that is meant."""
        a, b = self.column(a, b), self.column(b, a)
        if self.rank(a) != self.rank(b):
            small, large = sorted((a, b), key=self.rank)
            repeated = self.repeat(small, large, expression, scaling=expression.operation in ("product", "mul", "div"))
            a, b = (repeated, b) if small == a else (a, repeated)
        elif self.rank(a) == 2:
            a, b = self.stretch(a, b, expression), self.stretch(b, a, expression)
        options = dict(expression.options) if kind == expression.operation else {}
        return self.apply(kind, (a, b), expression, **options)

    def column(self, index: int, other: int) -> int:
        """An input that is given as ``17x1`` is a vector where it meets one."""
        node = self.nodes[index]
        if (
            self.rank(other) != 1
            or self.rank(index) != 2
            or node.name not in self.given
            or self.solver.resolve(node.shape[1]) != 1
        ):
            return index
        return self.put(Node("reshape", (index,), node.shape[:1], node.expression, options={"size": node.shape[:1]}))

    def stretch(self, small: int, large: int, expression: Apply) -> int:
        """A matrix of one row or one column is repeated along the other's."""
        one, other = self.solver.resolved(self.nodes[small].shape), self.solver.resolved(self.nodes[large].shape)
        for axis in range(2):
            if (
                one[axis] == 1
                and other[axis] != 1
                and not (isinstance(other[axis], Expr) and any(s.startswith("unknown_") for s in symbols(other[axis])))
            ):
                flat = self.put(
                    Node(
                        "reshape",
                        (small,),
                        (one[1 - axis],),
                        self.nodes[small].expression,
                        options={"size": (one[1 - axis],)},
                    )
                )
                return self.apply(
                    "repeat",
                    (flat,),
                    self.nodes[small].expression,
                    size=tuple(one[1 - axis] if i != axis else other[axis] for i in range(2)),
                    axis=1 - axis,
                )
        return small

    def repeat(self, small: int, large: int, expression: Apply, scaling: bool) -> int:
        size, node = self.nodes[large].shape, self.nodes[small]
        if self.rank(small) == 0:
            if node.operation == "constant":
                return self.put(replace(node, shape=size, name=""))
            if not scaling and not self.reading.lenient and node.name not in self.given:
                raise Misread(
                    "wrong-rank",
                    f"{self.label(small)} is a number, but {self.label(large)} is not",
                    span=expression.span,
                    source=self.source,
                )
            return self.apply("repeat", (small,), node.expression, size=size)
        channels = self.has_channels(large)
        if self.rank(small) == 1 and (channels or self.rank(large) == 2):
            axis = 0 if channels or column_convention(expression) else 1
            known, sizes = self.solver.resolve(node.shape[0]), self.solver.resolved(size)
            if not channels and known == sizes[1 - axis] != sizes[axis]:
                axis = 1 - axis
            if channels:
                told = f"{self.label(small)} has one number for each channel of {self.label(large)}"
                self.note(f"{told}, the same at every position")
            self.solver.equal(
                (node.shape[0], size_of(self.label(small), 0, 1)),
                (size[axis], size_of(self.label(large), axis, self.rank(large))),
                expression.span,
            )
            return self.apply("repeat", (small,), node.expression, size=size, axis=axis)
        raise SpecError(
            "wrong-rank",
            f"{self.label(small)} and {self.label(large)} differ in their number of axes",
            span=expression.span,
            source=self.source,
        )

    def has_channels(self, index: int) -> bool:
        """Is its first axis that of the channels: is it an image of 3 axes, or comes it from a kernel with channels?"""
        node = self.nodes[index]
        if self.rank(index) != 2:
            return self.rank(index) == 3
        if isinstance(operation(node.operation), Windowed):
            return bool(channel_axes([self.nodes[i].shape for i in node.inputs]))
        elementwise = isinstance(operation(node.operation), (Elementwise, Pairwise))
        return elementwise and any(map(self.has_channels, node.inputs))

    def softmax(self, expression: Apply) -> int:
        options = dict(expression.options)
        (argument,) = expression.arguments if len(expression.arguments) == 1 else (expression,)
        index = self.build(argument)
        if "axis" not in options and self.rank(index) == 2 and column_convention(self.spelled(argument)):
            options["axis"] = 0
            self.note(f"{written(expression)}: samples are columns, so softmax runs down each column")
        return self.apply(expression.operation, (index,), expression, **options)

    def spelled(self, expression: Expression) -> Expression:
        """What a name was defined as."""
        if isinstance(expression, Name):
            for equation in self.equations:
                if equation.name == expression.name:
                    return equation.expression
        return expression


def _filled(expression: Expression, names: Mapping[str, Expression], span: Span) -> Expression:
    """An expression with others for its names, at one place of the text."""
    if isinstance(expression, Name):
        return names[expression.name]
    if isinstance(expression, Number):
        return replace(expression, span=span)
    filled = tuple(_filled(argument, names, span) for argument in expression.arguments)
    return replace(expression, arguments=filled, span=span)


def _letters(size: Dim) -> tuple[str, ...]:
    return tuple(symbols(size)) if isinstance(size, Expr) else ()


def _is_transpose(expression: Expression) -> bool:
    return isinstance(expression, Apply) and expression.operation == "transpose"


def _factors(expression: Expression) -> tuple[Expression, ...]:
    """The names (or transposes of them) and numbers that stand side by side, else nothing."""
    if isinstance(expression, (Name, Number)) or _is_transpose(expression):
        return (expression,)
    if expression.operation != "product":
        return ()
    left, right = map(_factors, expression.arguments)
    return (*left, *right) if left and right else ()


def _is_row(expression: Expression) -> bool:
    """Is it a transpose, or numbers and a transpose such as ½ xᵀ?"""
    if isinstance(expression, Apply) and expression.operation in ("product", "neg"):
        return _is_row(expression.arguments[-1])
    return _is_transpose(expression)


def _side_by_side(expression: Expression) -> tuple[Expression, ...]:
    """The factors that stand side by side, with no bracket around some of them."""
    if not isinstance(expression, Apply) or expression.operation != "product":
        return (expression,)
    left, right = expression.arguments
    return (*((left,) if _in_brackets(left) else _side_by_side(left)), right)


def _in_brackets(expression: Expression) -> bool:
    return isinstance(expression, Apply) and bool(expression.option("brackets"))


def _sides(expression: Expression, name: str) -> Iterator[str]:
    """On which side of its products a name stands."""
    if not isinstance(expression, Apply):
        return
    if expression.operation in ("product", "matmul"):
        left, right = expression.arguments
        itself = [isinstance(a, Name) and a.name == name for a in (left, right)]
        weighted = [not isinstance(a, Number) and name not in {n.name for n in names_of(a)} for a in (left, right)]
        if itself[0] and weighted[1]:
            yield "left"
        if itself[1] and weighted[0]:
            yield "right"
    for argument in expression.arguments:
        yield from _sides(argument, name)


def column_convention(expression: Expression) -> bool:
    """Do the weights stand on the left of the data (``W x``), so that samples are columns?"""
    if not isinstance(expression, Apply):
        return False
    if expression.operation in ("product", "matmul"):
        left = next(names_of(expression.arguments[0]), None)
        return left is not None and unicodedata.normalize("NFD", left.name)[0] in "WUVAΘwuv"
    return any(column_convention(argument) for argument in expression.arguments)


def constant(expression: Expression) -> Array | None:
    """The numbers of an expression without names, such as ``[pi/2, pi]``; else None."""
    if isinstance(expression, Number):
        return Array((), (expression.value,))
    if not isinstance(expression, Apply) or not expression.arguments or any(True for _ in names_of(expression)):
        return None
    if expression.operation not in (
        "rows",
        "neg",
        "add",
        "sub",
        "product",
        "mul",
        "div",
        "pow",
        "sqrt",
        "exp",
        "transpose",
    ):
        return None
    parts = [constant(argument) for argument in expression.arguments]
    if any(part is None for part in parts):
        return None
    arrays: list[Array] = [part for part in parts if part is not None]
    if expression.operation == "rows":
        if len({a.shape for a in arrays}) != 1:
            return None
        return Array((len(arrays), *arrays[0].shape), tuple(v for a in arrays for v in a.data))
    if expression.operation == "transpose":
        return arrays[0].transposed()
    if any(a.shape for a in arrays[1:]) or arrays[0].shape and expression.operation != "neg":
        return None
    if expression.operation == "pow":
        from netcalc.equations.exact import power

        return Array((), (power(arrays[0].data[0], arrays[1].data[0]),))
    kind = "mul" if expression.operation == "product" else expression.operation
    value: Array = operation(kind).forward(arrays, {})
    return value
