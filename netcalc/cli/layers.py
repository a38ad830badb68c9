"""``netcalc layers`` and ``netcalc specs``: what there is."""

from __future__ import annotations

from typing import Any, Sequence

import click

from netcalc.cli.source import chosen, complete_kind, emit, format_option
from netcalc.errors import SpecError, did_you_mean
from netcalc.layers import all_kinds, all_words
from netcalc.layers.base import Layer
from netcalc.layers.missing import ALIASES, MISSING
from netcalc.report.kinds import catalogue, page_dict, page_text


@click.command()
@click.argument("kind", required=False, shell_complete=complete_kind)
@click.option("--missing", is_flag=True, help="The classes of torch.nn that are no kind here, and why.")
@format_option("table", "plain", "json")
def layers(kind: str | None, missing: bool, format: str | None) -> None:
    """The layer kinds; with KIND, that kind's page: arguments, formulas, and an example with its figures."""
    if missing:
        lazy = {name: f"known: {kind} with its sizes inferred" for name, kind in ALIASES.items()}
        absent = sorted({**MISSING, **lazy}.items())
        return print_rows(("class", "why"), absent, dict(absent), format)
    if kind is None:
        return print_catalogue(format)
    pages = kinds_of(kind)
    match chosen(format):
        case "json":
            from netcalc.report.text import as_json

            emit(as_json([page_dict(page) for page in pages]))
        case _:
            emit("\n".join(page_text(page) for page in pages))


def kinds_of(word: str) -> list[type[Layer]]:
    """The kinds that a word or a class name stands for; raises SpecError with the nearest words."""
    words, kinds = all_words(), all_kinds()
    name = word.removeprefix("torch.").removeprefix("nn.")
    name = ALIASES.get(name, name)
    found = list(words.get(name, ())) or [k for k in kinds.values() if name in (k.__name__, k.namesake)]
    found = found or list(words.get(name.lower(), ()))
    if not found:
        raise SpecError(
            "unknown-kind",
            f"no layer kind is called {word!r}",
            expected="a word or class of the list that netcalc layers prints",
            found=word,
            hint=did_you_mean(word, [*words, *kinds]),
        )
    return found


def print_catalogue(format: str | None) -> None:
    as_data = [page_dict(kind) for kind in all_kinds().values()] if chosen(format) == "json" else None
    print_rows(("kind", "words", "what it computes"), catalogue(), as_data, format)


def print_rows(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], data: Any, format: str | None) -> None:
    """Rows under a header, in the chosen format; ``data`` is what JSON prints."""
    match chosen(format):
        case "table":
            from netcalc.report.table import show, simple_table

            show(simple_table(header, rows))
        case "json":
            from netcalc.report.text import as_json

            emit(as_json(data))
        case _:
            from netcalc.report.text import tabbed

            emit(tabbed([header, *rows]))


@click.command()
@format_option("table", "plain", "json")
def specs(format: str | None) -> None:
    """The shipped specs, with the first line of each."""
    from netcalc.spec.shipped import shipped_names, shipped_text

    rows = [(name, shipped_text(name).lstrip().splitlines()[0].lstrip("# ")) for name in shipped_names()]
    print_rows(("spec", "what it is"), rows, dict(rows), format)
