"""Unification of sizes: what must be equal is solved for what is unknown, and each answer remembers where it is from.

A size is a formula of :mod:`netcalc.dims`; an unknown is a symbol whose name begins with ``unknown_``.

>>> solver = Solver("z = W x")
>>> n = solver.unknown("the columns of W")
>>> solver.equal((n + 1, "[x; 1]"), (6, "the columns of W"), Span(4, 7))
>>> solver.resolve(n)
5
"""

from __future__ import annotations

from typing import NamedTuple

from netcalc.dims import Dim, Expr, bounds, degree, leading, substitute, symbol, symbols, text
from netcalc.errors import Span, SpecError

Shape = tuple[Dim, ...]


class Reason(NamedTuple):
    """Why an unknown has its value."""

    value: Dim
    why: str
    span: Span | None


class Contradiction(SpecError):
    """Two places ask for two sizes."""


class Solver:
    """The unknown sizes of a system of equations and what is known of them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.abouts: dict[str, str] = {}
        self.reasons: dict[str, Reason] = {}
        self.pending: list[tuple[tuple[Dim, str], tuple[Dim, str], Span | None]] = []

    def unknown(self, about: str) -> Dim:
        """A new unknown size; ``about`` says of what (``the columns of W``)."""
        name = f"unknown_{len(self.abouts)}"
        self.abouts[name] = about
        return symbol(name)

    def resolve(self, dim: Dim) -> Dim:
        """A size with everything that is known put in."""
        while isinstance(dim, Expr):
            known = {name: self.reasons[name].value for name in symbols(dim) if name in self.reasons}
            if not known:
                return dim
            dim = substitute(dim, known)
        return dim

    def resolved(self, shape: Shape) -> Shape:
        return tuple(self.resolve(size) for size in shape)

    def equal(self, left: tuple[Dim, str], right: tuple[Dim, str], span: Span | None) -> None:
        """The two sizes must be equal; each comes with what it is a size of. Raises :class:`Contradiction`."""
        a, b = self.resolve(left[0]), self.resolve(right[0])
        difference = a - b
        if isinstance(difference, int):
            if difference:
                self.contradict(left, right, span)
            return
        answers = {name: _solved(difference, name) for name in symbols(difference)}
        answers = {name: found for name, found in answers.items() if found is not None and _may_be(name, found)}
        for name in sorted(answers, key=lambda name: (not name.startswith("unknown_"), not _is_size(answers[name]))):
            found = answers[name]
            assert found is not None
            if isinstance(found, int) and found < 1 or found is _NO_WHOLE:
                self.contradict(left, right, span)
            why = f"{left[1]} = {right[1]}" if left[1] != right[1] else left[1]
            self.reasons[name] = Reason(found, why, span)
            return
        self.pending.append((left, right, span))

    def contradict(self, left: tuple[Dim, str], right: tuple[Dim, str], span: Span | None) -> None:
        a, b = self.resolve(left[0]), self.resolve(right[0])
        raise Contradiction(
            "shape-mismatch",
            f"{left[1]}: {text(a)}, but {right[1]}: {text(b)}; here they must be equal",
            expected=f"{text(a)}, {self.origin(left)}",
            found=f"{text(b)}, {self.origin(right)}",
            span=span,
            source=self.source,
        )

    def origin(self, place: tuple[Dim, str]) -> str:
        """Where a size comes from: the chain of reasons down to what was given."""
        told: list[str] = []
        waiting = [place[0]]
        while waiting:
            dim = waiting.pop(0)
            for name in symbols(dim) if isinstance(dim, Expr) else ():
                if reason := self.reasons.get(name):
                    where = f" (in {reason.span.of(self.source)!r})" if reason.span else ""
                    told.append(f"{reason.why}{where}")
                    waiting.append(reason.value)
        return f"{place[1]}" + "".join(f",\nfrom {why}" for why in dict.fromkeys(told) if why != place[1])

    def settle(self) -> list[str]:
        """Try again what could not be solved; what stays open is returned as conditions."""
        while self.pending:
            waiting, self.pending = self.pending, []
            for item in waiting:
                self.equal(*item)
            if len(self.pending) == len(waiting):
                break
        return [f"{text(self.resolve(left[0]))} = {text(self.resolve(right[0]))}" for left, right, _ in self.pending]


def _may_be(name: str, found: Dim) -> bool:
    """Can a size be this formula, or may it fall below 1?"""
    try:
        substitute(symbol(name), {name: found})
    except ValueError:
        return isinstance(found, int)
    return True


def _is_size(found: Dim | None) -> bool:
    """Is this formula at least 1 for sure?"""
    least = found if isinstance(found, int) else bounds(found)[0] if found is not None else None
    return least is not None and least >= 1


_NO_WHOLE = symbol("unknown_none")


def _solved(difference: Dim, name: str) -> Dim | None:
    """The value of a symbol for which the difference is 0, where it occurs linearly; None if it cannot be said."""
    if not isinstance(difference, Expr) or degree(difference, name) != 1:
        return None
    coefficient, _ = leading(difference, name)
    if not isinstance(coefficient, int):
        return _quotient(difference, name, coefficient)
    rest = difference - coefficient * symbol(name)
    if isinstance(rest, Expr) and name in symbols(rest):
        return None
    if abs(coefficient) == 1:
        return -rest * coefficient
    if not isinstance(rest, int):
        return None
    return -rest // coefficient if rest % coefficient == 0 else _NO_WHOLE


def _quotient(difference: Dim, name: str, coefficient: Dim) -> Dim | None:
    """c·s − r = 0 where c divides r."""
    rest = coefficient * symbol(name) - difference
    if isinstance(rest, Expr) and name in symbols(rest):
        return None
    found = rest // coefficient
    return found if found * coefficient == rest and name not in symbols(coefficient) else None
