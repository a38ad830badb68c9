"""A table of texts, plain or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """``rows`` of cells under a ``header``; the first column is set left, the others right; ``notes`` stand below."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def plain(self) -> str:
        """Columns side by side.

        >>> print(Table("Speed", ("net", "ms"), [("mlp", "0.25"), ("resnet18", "3.10")]).plain())
        Speed
        net         ms
        mlp       0.25
        resnet18  3.10
        <BLANKLINE>
        """
        lines = [self.header, *self.rows]
        first, *others = (max(map(len, column)) for column in zip(*lines))
        set_out = ("  ".join((line[0].ljust(first), *map(str.rjust, line[1:], others))).rstrip() for line in lines)
        return "\n".join([self.title, *set_out, *(f"({note})" for note in self.notes), ""])

    def markdown(self) -> str:
        """A Markdown table."""
        rule = ("---", *("--:" for _ in self.header[1:]))
        lines = ["| " + " | ".join(line) + " |" for line in (self.header, rule, *self.rows)]
        return "\n".join([f"**{self.title}**", "", *lines, "", *(f"{note}." for note in self.notes), ""])
