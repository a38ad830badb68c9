"""Where a formula invites trouble in floating point: what breaks, and what to write instead."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

from netcalc.equations.arrays import Array
from netcalc.equations.exact import Exact, Value
from netcalc.equations.inference import Computation, Node


class Caution(NamedTuple):
    """A place where numbers break: what happens, and what to write instead."""

    label: str
    what: str
    instead: str


def cautions(c: Computation, values: Sequence[Array | None] = ()) -> list[Caution]:
    """Every place of a computation that breaks with some numbers, or does with these numbers.

    >>> from netcalc.equations.inference import infer
    >>> [one.label for one in cautions(infer("L = log(softmax(z))"))], cautions(infer("L = log(1 + exp(-|z|))"))
    (['L'], [])
    """
    found = [Caution(c.label(i), *told) for i in range(len(c.nodes)) for told in _Place(c, i).cautions()]
    broken = {i for i, value in enumerate(values) if value is not None and not all(map(_finite, value.data))}
    for i in sorted(broken):
        inputs = c.nodes[i].inputs
        if not broken & set(inputs):  # what reads it breaks too
            sources = ", ".join(c.label(j) for j in inputs) or c.label(i)
            found.append(Caution(c.label(i), "with these numbers it is not finite", f"other numbers for {sources}"))
    return list(dict.fromkeys(found))


def _finite(value: Value) -> bool:
    return isinstance(value, Exact) or value - value == 0


class _Place:
    """A node of a computation, and what is behind it."""

    def __init__(self, c: Computation, index: int) -> None:
        self.c, self.index = c, index

    @property
    def node(self) -> Node:
        return self.c.nodes[self.index]

    @property
    def kind(self) -> str:
        return self.node.operation

    @property
    def behind(self) -> list[_Place]:
        """The arguments, without what only repeats them or turns them round."""
        found = []
        for index in self.node.inputs:
            while self.c.nodes[index].operation in ("repeat", "reshape", "transpose"):
                index = self.c.nodes[index].inputs[0]
            found.append(_Place(self.c, index))
        return found

    @property
    def is_one(self) -> bool:
        return self.kind == "constant" and self.node.value is not None and all(v == 1 for v in self.node.value.data)

    @property
    def guarded(self) -> bool:
        """Is something added that keeps it from 0, such as ε? Of a plain input nobody knows, and nothing is said."""
        leaves = any(part.node.is_leaf for part in self.behind)
        return self.node.is_leaf or self.kind in ("exp", "sigmoid", "softplus") or self.kind == "add" and leaves

    @property
    def overflows(self) -> bool:
        """Is it an exponential of what may be large?"""
        if self.kind != "exp":
            return False
        argument = self.behind[0]
        parts = argument.behind
        below = argument.kind == "neg" and parts[0].kind in ("sqnorm", "abs", "norm", "relu", "softplus")
        return not below

    def terms(self) -> Iterator[_Place]:
        """What a sum or a difference is made of."""
        if self.kind in ("add", "sub", "sum"):
            for part in self.behind:
                yield from part.terms()
        else:
            yield self

    def cautions(self) -> Iterator[tuple[str, str]]:
        parts = self.behind
        rule = getattr(self, f"_{self.kind}", None)
        if rule is not None and parts:
            yield from rule(*parts)

    def _log(self, inner: _Place) -> Iterator[tuple[str, str]]:
        terms = list(inner.terms())
        if inner.kind == "softmax":
            yield (
                "a softmax output that rounds to 0 gives log 0 = −∞, and 0 · (−∞) = nan; its gradient divides by 0",
                "logsoftmax(z) = z − max z − log Σ exp(z − max z), or cross_entropy(z, y)",
            )
        elif inner.kind == "sigmoid":
            yield (
                "σ rounds to 0 for scores below about −745 (float32: −104), and log 0 = −∞",
                "log σ(z) = min(0, z) − log(1 + exp(−|z|)) (torch: logsigmoid)",
            )
        elif inner.kind == "sub" and inner.behind[0].is_one and inner.behind[1].kind == "sigmoid":
            yield (
                "1 − σ(z) rounds to 0 for scores above about 37 (float32: 17), and log 0 = −∞",
                "log(1 − σ(z)) = log σ(−z) = −max(0, z) − log(1 + exp(−|z|))",
            )
        elif inner.kind == "add" and any(t.is_one for t in terms) and any(t.overflows for t in terms):
            yield (
                "exp overflows above 709 (float32: 88): the value is ∞ where it should be z, and the gradient nan",
                "log(1 + exp(z)) = softplus(z) = max(0, z) + log(1 + exp(−|z|))",
            )
        elif inner.kind in ("sum", "add") and any(t.overflows for t in terms):
            yield "exp overflows above 709 (float32: 88)", "log Σ exp(z) = max z + log Σ exp(z − max z)"

    def _div(self, top: _Place, bottom: _Place) -> Iterator[tuple[str, str]]:
        if bottom.kind == "norm" or bottom.kind == "sqrt" and not bottom.behind[0].guarded:
            yield f"{self.c.label(bottom.index)} may be 0: 0/0 = nan", "a/max(‖x‖, ε) with a small ε such as 1e-12"
        if bottom.kind not in ("add", "sum") or not any(term.overflows for term in bottom.terms()):
            return
        if top.overflows:
            yield (
                "exp overflows above 709 (float32: 88): ∞/∞ = nan",
                "softmax(z) = exp(z − max z) / Σ exp(z − max z): the same value, and no exponent is above 0",
            )
        elif any(term.overflows for term in top.terms()):
            yield "exp overflows above 709 (float32: 88): ∞/∞ = nan", "tanh(x), or another function that is known"
        elif top.is_one:
            yield (
                "exp overflows above 709 (float32: 88): the value is 0 still, but the gradient 0 · ∞ = nan",
                "1/(1 + exp(−z)) = sigmoid(z)",
            )

    def _sub(self, left: _Place, right: _Place) -> Iterator[tuple[str, str]]:
        instead = {"exp": "−expm1(x)", "cos": "2 sin²(x/2)", "sigmoid": "σ(−z), which keeps every digit"}
        nearest = {"exp": "x near 0", "cos": "x near 0", "sigmoid": "large z"}
        if left.is_one and right.kind in instead:
            if right.kind != "sigmoid" or not self.is_under("log"):
                yield f"1 − {right.kind} cancels for {nearest[right.kind]}: the digits are lost", instead[right.kind]
        elif right.is_one and left.kind == "exp":
            yield "exp(x) − 1 cancels for x near 0: the digits are lost", "expm1(x)"

    def _sqrt(self, inner: _Place) -> Iterator[tuple[str, str]]:
        if not inner.guarded:
            yield "the slope 1/(2 √x) is ∞ where the root is of 0", "√(x + ε) with a small ε such as 1e-8"

    def _cross_entropy(self, scores: _Place, y: _Place) -> Iterator[tuple[str, str]]:
        if scores.kind in ("softmax", "sigmoid"):
            yield (
                f"cross_entropy takes scores, but {self.c.label(scores.index)} are probabilities: a softmax of them "
                "is computed on top",
                "cross_entropy of the scores themselves, or −sum(y log p) of the probabilities",
            )

    def _softmax(self, inner: _Place) -> Iterator[tuple[str, str]]:
        if inner.kind == "softmax":
            yield "a softmax of a softmax: its outputs differ by a factor of e at most", "softmax(z) of the scores"

    def _bce(self, p: _Place, y: _Place) -> Iterator[tuple[str, str]]:
        yield (
            "a probability that rounds to 0 or 1 gives log 0 = −∞",
            "the loss from scores: max(0, z) − z y + log(1 + exp(−|z|)) (torch: BCEWithLogitsLoss)",
        )

    def _norm(self, inner: _Place) -> Iterator[tuple[str, str]]:
        if self.node.options.get("p", 2) == 2:
            yield "the norm has no derivative at 0 (x/‖x‖ is 0/0; torch takes 0)", "‖x‖² where it will do"

    def is_under(self, kind: str) -> bool:
        return any(self.index in node.inputs for node in self.c.nodes if node.operation == kind)
