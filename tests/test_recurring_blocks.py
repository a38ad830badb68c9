"""A block that recurs on equal values and shapes is copied: the network must be the one that running it gives."""

from __future__ import annotations

import pytest

from netcalc.errors import SpecError
from netcalc.graph import Graph
from netcalc.spec.elaborate import Elaborator
from netcalc.spec.shipped import shipped_names, shipped_text

TEXTS = {
    "outer constant changes": "3x8x8; def b(c) { conv c k=n p=n//2 }; n = 3; b 3; b 3; n = 5; b 3; b 3; n = 3; b 3",
    "parameter of the caller": "def i() { conv c k1 }; def o(c) { i -> i }; 4x8x8; o 4; o 4; o 4; o 2; o 2; o 4",
    "redefined": "def b() { conv 4 k1 }; 4x8x8; b; b; b; def b() { conv 4 k3 p1 }; b; b; b",
    "inner block redefined": "def i() { relu }; def o() { i -> conv 4 k1 }; 4x8x8; o; o; o; def i() { gelu }; o; o; o",
    "kind as parameter": "def b(act) { conv 4 k1 -> act }; 4x8x8; b relu; b relu; b gelu; b relu; b gelu; b gelu",
    "reads an outer layer": "4x8x8; conv 4 k1 as stem; def b() { conv 4 k1 -> add stem }; b; b; b; conv 4 k1; b",
    "outer layer appears later": "def b() { conv 4 k1 as a -> relu -> add a }; 4x8x8; b; b; b; conv 4 k1 as a; b; b",
    "labels and blocks inside": "def b() { residual { conv 4 k1 as m -> relu } as n -> from n }; 4x8x8; b; b; b; b",
    "shares inside": "def b() { linear 8 as w -> relu -> share w }; 8; b; b; b; b",
    "shares outside": "8; linear 8 as w; def b() { relu -> share w }; b; b; b; b",
    "block used again": "def b() { linear 8 -> relu }; 8; b as t; b; b; b; t; b; t",
    "parts": "def b() { chunk 2 as l, r; concat l }; 8; b; b; b; b",
    "outputs inside": "def b() { linear 8 -> output -> relu }; 8; b; b; b; b",
    "empty block": "def b(n) { repeat n { relu } }; 8; b 0; b 0; b 0; b 1; b 1; b 1; b 0",
    "numbered": "8; repeat 4 { linear 8 as up -> relu as act } as body; linear 3",
    "nested repeats": "8; repeat 3 { repeat 3 { linear 8 as l -> relu } as inner -> linear 8 as out } as outer",
    "alone in a repeat": "def b(n) { linear n as l -> relu }; 8; repeat 5 { b 8 } as one; repeat 5 { b 4 } as two",
    "a name that is taken": "8; linear 8 as b3.linear1; def b() { linear 8 -> relu }; b; b; b; b; b",
    "a name that is put in": "8; linear 8 as b1.linear1; def b() { linear 8 -> relu }; b; b; b; b; b",
    "a constant called as a block": "def b() { linear n }; n = 8; 8; b; b; b; def n() { relu }; n = 4; b; b; b; n; n",
    "with letters": "def b() { conv C k3 p1 -> relu }; CxHxW; b; b; b; maxpool 2; b; b; b",
    "branch ends": "def b() { conv 4 k1 as a; from a; relu }; 4x8x8; b; b; b; b",
    "an input inside": "def b() { linear 8; input extra: 8; relu }; 8; b; b; b",
}


def networks(text: str, name: str = "") -> tuple[Graph | SpecError, Graph | SpecError]:
    """The network with recurring blocks copied, and with every block run."""

    class Eager(Elaborator):
        patience = 1

    class Plain(Elaborator):
        def copied(self, *_: object) -> bool:
            return False

    found: list[Graph | SpecError] = []
    for elaborator in (Eager, Plain):
        try:
            found.append(elaborator(text, name, {}).network())
        except SpecError as error:
            found.append(error)
    return found[0], found[1]


def described(outcome: Graph | SpecError) -> object:
    if isinstance(outcome, SpecError):
        return str(outcome)
    nodes = [(n.name, n.layer, n.applied.inputs, n.shape, n.inputs, n.span, n.shared) for n in outcome.nodes]
    return nodes, outcome.outputs


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_copied_block_is_the_block(text: str) -> None:
    copied, run = networks(text.replace(";", "\n"))
    assert described(copied) == described(run)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_networks_are_the_same_with_copies(name: str) -> None:
    copied, run = networks(shipped_text(name), name)
    assert isinstance(copied, Graph)
    assert described(copied) == described(run)


def test_blocks_are_really_copied() -> None:
    """The control: of a hundred equal blocks all but the first three are copies."""
    times = 0

    class Counting(Elaborator):
        def copied(self, passage: object, path: str) -> bool:
            nonlocal times
            times += 1
            return super().copied(passage, path)  # type: ignore[arg-type]

    Counting("def b() { linear 8 -> relu }\n8\nrepeat 100 { b } as body", "", {}).network()
    assert times == 97
