"""The conditions of a network, what its spec declares, letters given values, and formulas on their domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netcalc.analysis.conditions.comparisons import Declared, Made, letters_compared
from netcalc.analysis.conditions.narrowing import known_with, narrowed, with_meant
from netcalc.analysis.conditions.requirements import Requirement, between, multiple_of
from netcalc.analysis.conditions.systems import simplified
from netcalc.dims import Dim, Expr, symbol
from netcalc.dims.algebra import Symbol, letters_in
from netcalc.errors import SpecError
from netcalc.graph import Graph, Node


def conditions_of(graph: Graph) -> tuple[Requirement, ...]:
    """What must hold of a network's letters: all of it, nothing twice, in the order of the letters.

    What the spec itself declares of them is left out: that says :func:`declarations_of`. A comparison that no value of
    its letter makes true is an error, at the layer that made it; so are comparisons that no value makes true together.
    """
    found = simplified((condition, node.name) for node in graph.nodes for condition in node.applied.conditions)
    for one in found:
        if not one.possible:
            _refuse_impossible(graph)
            letters = ", ".join(one.letters)
            raise SpecError(
                "condition-violated",
                f"no value of {letters} will do: what {_listed(one.layers)} demand cannot hold together",
                expected="conditions that some value fulfils",
                found=_demands(graph, one),
                hint=f"say another size where {_listed(one.layers)} compare it with {letters}",
            )
    return found


def _demands(graph: Graph, never: Requirement) -> str:
    """What the layers of a contradiction demand of its letters: ``D = 16 (by mha1); D = 8 (by mha1)``"""
    made = [(condition, node.name) for node in graph.nodes for condition in node.applied.conditions]
    theirs = [(one, name) for one, name in made if name in never.layers and not never.letters_apart(one)]
    return "; ".join(dict.fromkeys(f"{one} (by {name})" for pair in theirs for one, name in _worded(pair)))


def _worded(made: Made) -> Iterator[tuple[Requirement, str]]:
    yield from ((one, made[1]) for one in simplified([made]))


def _refuse_impossible(graph: Graph) -> None:
    """Raise SpecError for the first comparison that no value of its letter makes true."""
    for node in graph.nodes:
        for condition in node.applied.conditions:
            if any(not one.possible for one in simplified([(condition, node.name)])):
                error = condition.failure()
                error.hint = f"no value of {', '.join(sorted(letters_compared(condition)))} will do"
                raise error.at(node.span, graph.source, graph.source_name)


def declarations_of(graph: Graph) -> tuple[Requirement, ...]:
    """What the spec declares of its letters, as conditions.

    >>> from netcalc.spec import elaborate
    >>> text = "H in 32..1024; H % 32 == 0; 3xHxH -> maxpool 2".replace("; ", chr(10))
    >>> [str(one) for one in declarations_of(elaborate(text))]
    ['H in 32..1024', 'H divisible by 32']
    """
    return tuple(_declarations(graph))


def requirements_of(graph: Graph) -> tuple[Requirement, ...]:
    """All that must hold of a network's letters: what the spec declares of them, and the conditions of the layers."""
    return (*declarations_of(graph), *conditions_of(graph))


def _declarations(graph: Graph) -> Iterator[Requirement]:
    for atom in sorted(_letters_of_graph(graph), key=lambda one: (one.name, one.unit)):
        name, (low, high, unit, _) = atom.name, Declared.of(atom)
        if low > 1 or high is not None:
            words = (
                f"{name} ≥ {low}" if high is None else f"{name} ≤ {high}" if low <= 1 else f"{name} in {low}..{high}"
            )
            yield Requirement(words, (name,), (), between(name, low, high), declared=True)
        if unit > 1:
            yield Requirement(f"{name} divisible by {unit}", (name,), (), multiple_of(name, unit), declared=True)


def letters_of(graph: Graph) -> dict[str, Expr]:
    """The letters of a network by name, each with what is declared of it."""
    return {atom.name: symbol(atom.name, *Declared.of(atom)) for atom in _letters_of_graph(graph)}


def _letters_of_graph(graph: Graph) -> set[Symbol]:
    uses = {id(node.applied): node for node in graph.nodes}.values()
    return {atom for node in uses for value in _values_of(node) for atom in letters_in(value)}


def _values_of(node: Node) -> Iterator[Dim]:
    """The sizes with letters of a node: its shape's and its arguments'."""
    open_ = [*node.shape, *vars(node.layer).values()]
    while open_:
        value = open_.pop()
        if isinstance(value, tuple):
            open_ += value
        elif isinstance(value, Expr):
            yield value


def decided(graph: Graph, sizes: dict[str, Dim]) -> Graph:
    """The network with letters given values; a violated condition is an error that names the layers that made it.

    The layers have the last word: a size of 1 that a merge repeats is legal, though the formulas hold of no such size.
    """
    numbers = {name: size for name, size in sizes.items() if isinstance(size, int)}
    known = graph.symbols
    for found in conditions_of(graph) if set(numbers) <= set(known) else ():
        if set(found.letters) <= set(numbers) and not found.holds(**numbers):
            try:
                other = graph.substitute(sizes)
                conditions_of(other)
            except SpecError:
                raise _violated(found, numbers) from None
            return other
    return graph.substitute(sizes)


def _violated(found: Requirement, numbers: Mapping[str, int]) -> SpecError:
    given = ", ".join(f"{name} = {numbers[name]}" for name in found.letters)
    return SpecError(
        "condition-violated",
        f"{given}, but the network holds only when {found}",
        expected=found.text,
        found=given,
        hint=f"made by {_listed(found.layers)}",
    )


def on_domain(graph: Graph, found: Iterable[Requirement]) -> Graph:
    """The network with what its conditions demand declared of its letters: H // 16 is then H/16.

    A letter of one value becomes that value, one that equals others these; a bound may settle a maximum.

    >>> from netcalc.dims import text
    >>> from netcalc.spec import elaborate
    >>> graph = elaborate("CxHxW -> maxpool 2 -> reshape (C, H // 2, W // 2) -> Conv2d(8, 3, 1)")
    >>> demands = [Requirement("C = 8", ("C",), (), bool, least=8, most=8)]
    >>> narrow = on_domain(graph, [*demands, Requirement("H divisible by 4", ("H",), (), bool, divisor=4)])
    >>> narrow[0].shape[0], [text(size) for size in narrow[-1].shape]
    (8, ['3', 'H/2', '⌊W/2⌋'])
    """
    found = [one for one in found if not one.declared]
    if not found:
        return graph
    declared = {atom.name: Declared.of(atom) for atom in _letters_of_graph(graph)}
    known = known_with(declared, found, wholly=True)
    letters = with_meant(narrowed(declared, known), known, (one.meant for one in found if one.meant))
    return graph.substitute(letters) if letters else graph


def strict(graph: Graph, counted: bool = True) -> None:
    """Raise SpecError where a condition is open, or (``counted``) work is uncounted."""
    uncounted = [f"{node.name}: {name}" for node in graph.nodes for name in node.applied.work.uncounted]
    if counted and uncounted:
        raise SpecError(
            "uncounted",
            f"the operations are only a lower bound: not counted is {_listed(uncounted)}",
            expected="every operation counted",
            found="; ".join(uncounted),
            hint="give the layer's letters a value: --set",
        )
    if found := conditions_of(graph):
        raise SpecError(
            "open-condition",
            f"the formulas hold only when {', '.join(map(str, found))}",
            expected="no open condition",
            found="; ".join(f"{one} (by {_listed(one.layers)})" for one in found),
            hint=f"give {_listed(sorted({name for one in found for name in one.letters}))} a value",
        )


def _listed(names: Iterable[str], most: int = 4) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
