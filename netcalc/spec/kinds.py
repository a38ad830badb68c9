"""Which layer kind a word stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from netcalc.errors import did_you_mean
from netcalc.layers import all_kinds, all_words, kinds_named, torch_kind
from netcalc.layers.base import Layer
from netcalc.layers.missing import ALIASES, ELSEWHERE, FUNCTIONS, MISSING
from netcalc.spec.syntax import Definition, Name

if TYPE_CHECKING:
    from netcalc.spec.scope import Scope
    from netcalc.spec.source import Source


def kinds_of(word: Name, scope: Scope) -> tuple[type[Layer], ...]:
    """The kinds that a word stands for: several, where they differ in the rank of their input."""
    bare = word.id.removeprefix("torch.").removeprefix("nn.")
    function = function_named(word.id)
    if found := kinds_named(function or bare) if function or bare == word.id else ():
        return found
    if bare[:1].isupper() and (namesake := torch_kind(ALIASES.get(bare, bare))):
        return (namesake,)
    if bare in MISSING:
        scope.source.fail("unknown-kind", f"{bare} is no layer kind here", word.span, found=word.id, hint=MISSING[bare])
    unknown_kind(word, bare, scope)


def unknown_kind(word: Name, bare: str, scope: Scope) -> NoReturn:
    later = [step for step in scope.source.steps().items if isinstance(step, Definition)]
    known = {*all_words(), *all_kinds(), "residual", "repeat", *(step.name.id for step in later)}
    known |= {name for frame in scope.frames for name in frame.definitions}
    known |= {label for label in scope.labels if "." not in label}
    lower = bare.lower()
    scope.source.fail(
        "unknown-kind",
        f"no layer kind is called {word.id!r}",
        word.span,
        expected="a layer kind (netcalc layers lists them)",
        found=word.id,
        hint=next(
            (
                f"it is defined in line {scope.source.line(d.span)}: define it before"
                for d in later
                if d.name.id == bare
            ),
            "",
        )
        or (f"did you mean {lower!r}?" if lower in known else written_here(bare) or did_you_mean(bare, known)),
    )


def written_here(word: str) -> str:
    """What to write for a word of other tools; empty for an unknown one.

    >>> written_here("LReLU"), written_here("Pool")
    ('write leakyrelu', 'write maxpool 2, or avgpool 2')
    """
    found = ELSEWHERE.get(word.lower().replace("_", ""))
    return f"write {', or '.join(found)}" if found else ""


def merge_kind(word: Name, source: Source) -> type[Layer]:
    """The kind that merges the branches of a block: any that takes several inputs; ``residual`` adds."""
    kinds = kinds_named("add" if word.id == "residual" else word.id)
    if len(kinds) == 1 and kinds[0].arity != 1:
        return kinds[0]
    known = ["residual", "repeat", "def", *(w for w, found in all_words().items() if found[0].arity not in (0, 1))]
    source.fail(
        "unknown-block",
        f"{word.id} takes one input, not branches" if kinds else f"no block is called {word.id!r}",
        word.span,
        expected="residual, add, mul, concat, repeat, or another kind of several inputs",
        found=word.id,
        hint=written_here(word.id) or did_you_mean(word.id, known),
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
