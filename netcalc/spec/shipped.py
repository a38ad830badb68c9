"""The specs that come with netcalc: read by name, wherever it is installed."""

from __future__ import annotations

import os
from functools import lru_cache

from netcalc.errors import SpecError, did_you_mean


@lru_cache(maxsize=None)
def folder() -> str:
    """Where the shipped specs are: inside the installed package, or beside it in a source tree."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(package, "specs")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "specs")


def shipped_names() -> list[str]:
    """The names of the shipped specs, sorted."""
    return sorted(name[:-4] for name in os.listdir(folder()) if name.endswith(".net"))


def shipped_text(name: str) -> str:
    """The text of a shipped spec. Raises SpecError with the nearest names for an unknown one."""
    names = shipped_names()
    if name not in names:
        raise SpecError(
            "unknown-spec",
            f"no file and no shipped spec is called {name!r}",
            expected="a spec, a file, '-', or one of: " + ", ".join(names),
            found=name,
            hint=did_you_mean(name, names) or 'a spec is a chain such as "256 -> linear 512 -> relu -> linear 1"',
        )
    with open(os.path.join(folder(), f"{name}.net"), encoding="utf-8") as file:
        return file.read()
