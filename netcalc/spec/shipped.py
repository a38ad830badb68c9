"""The specs that come with netcalc: read by name, wherever it is installed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from netcalc.errors import SpecError, did_you_mean


@lru_cache(maxsize=None)
def folder() -> Path:
    """Where the shipped specs are: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).parent.parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


def shipped_names() -> list[str]:
    """The names of the shipped specs, sorted."""
    return sorted(path.stem for path in folder().glob("*.net"))


def shipped_text(name: str) -> str:
    """The text of a shipped spec. Raises SpecError with the nearest names for an unknown one."""
    path = folder() / f"{name}.net"
    if not name.replace("-", "").replace("_", "").isalnum() or not path.is_file():
        names = shipped_names()
        raise SpecError(
            "unknown-spec",
            f"no file and no shipped spec is called {name!r}",
            expected="a spec, a file, '-', or one of: " + ", ".join(names),
            found=name,
            hint=did_you_mean(name, names) or 'a spec is a chain such as "256 -> linear 512 -> relu -> linear 1"',
        )
    return path.read_text(encoding="utf-8")
