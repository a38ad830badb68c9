"""What is given beside the equations: shapes (``x: N x D``) and numbers (``w=[pi/2, pi]``)."""

from __future__ import annotations

import re
from typing import Iterable

from netcalc.dims import Dim, symbol
from netcalc.equations.exact import Value
from netcalc.equations.inference import Given, agreed, constant, spelling
from netcalc.equations.parser import declarations, parse_value
from netcalc.equations.syntax import Name
from netcalc.errors import Span, SpecError

_GIVEN = re.compile(r"\s*(?P<name>[^:=\s][^:=]*?)\s*(?P<sign>[:=])\s*(?P<value>.*\S)\s*$", re.DOTALL)


_IN = re.compile(r"∈|\\in\b|\sin\s")


def read_givens(written: Iterable[str]) -> dict[str, Given]:
    """The givens of a command line.

    >>> read_givens(["x:", "N", "x", "D", "b1:512", "f: scalar", "w=[1/2, pi]"])["x"].shape
    (N, D)
    """
    found: dict[str, Given] = {}
    for text in _joined(written):
        if _IN.search(text):
            for name, shape, span in declarations(text):
                one = Given(shape, None, text.strip())
                found[name] = agreed(name, found[name], one, text, span) if name in found else one
            continue
        match = _GIVEN.match(text)
        if match is None:
            raise SpecError(
                "syntax",
                f"{text!r} gives neither a shape nor numbers",
                expected="NAME:SHAPE or NAME=NUMBERS",
                found=text,
                hint="x:256, x:NxD, w=[1,2]",
                span=Span(0, len(text)),
                source=text,
            )
        name = name_of(match["name"])
        start = match.start("value")
        if match["sign"] == ":":
            one = Given(_shape(match["value"], start, text), None, text.strip())
        else:
            one = _numbers(match["value"], text)
        found[name] = agreed(name, found[name], one, text) if name in found else one
    return found


def _joined(written: Iterable[str]) -> list[str]:
    """Words of one given that the shell has taken apart: ``x: N x D``."""
    found: list[str] = []
    for word in written:
        if found and not re.search(r"[:=∈]|\\in\b|\sin\s", word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def name_of(written: str) -> str:
    r"""A name as the equations spell it: ``W_1`` is ``W1``, ``\bar{x}`` is ``x̄``."""
    return spelling(written)


_BETWEEN = re.compile(r"\s*[,×]\s*|\s+x\s+|(?<=[\dA-Z])\s*x\s*(?=\d|[A-Z])|\s+(?![*])(?<![*]\s)")
_SIZE = re.compile(r"(?:(?P<factor>\d+)\s*(?P<times>[*·]?)\s*)?(?P<letter>[^\W\d_]\w*)")


def _shape(written: str, start: int, text: str) -> tuple[Dim, ...]:
    """Sizes: ``256``, ``N x D``, ``mxn``, ``(4, 6)``, ``2*D x 6``."""
    if written in ("scalar", "()", "[]"):
        return ()
    inside = written.strip()
    if (inside[:1], inside[-1:]) in (("(", ")"), ("[", "]")):
        inside = inside[1:-1].strip().removesuffix(",")
    words = [word for word in _BETWEEN.split(inside) if word]
    pieces = [piece for word in words for piece in _crossed(word)] or [inside]
    return tuple(_size(piece, start, text) for piece in pieces)


def _crossed(word: str) -> list[str]:
    """The sizes of a word: ``mxn`` is m and n, ``hiddenx3`` hidden and 3; ``max`` and ``exponent`` are words."""
    pieces = [""]
    for i, letter in enumerate(word):
        rest, left = word[i + 1 :], pieces[-1]
        single = re.fullmatch(r"\d*[^\W\d_]?\d*|[A-Z]\w*", left)
        if letter == "x" and left and re.match(r"\d|[A-Z]" + (r"|[^\W\d_]\d*(?:x|$)" if single else ""), rest):
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def _size(piece: str, start: int, text: str) -> Dim:
    if piece.isdecimal() and 0 < int(piece) and len(piece) <= 18:
        return int(piece)
    match = _SIZE.fullmatch(piece)
    if match and piece not in ("x", "by", "times") and not piece.endswith("_"):
        factor, letter = match["factor"], match["letter"]
        if factor is None:
            return symbol(letter)
        if 0 < int(factor) and len(factor) <= 18 and (match["times"] or letter.isalpha()):
            return int(factor) * symbol(letter)
    place = max(text.find(piece, start), 0)
    raise SpecError(
        "bad-shape",
        f"{piece!r} is no size",
        expected="sizes such as 256, N, 2*D or 4x6, or scalar",
        found=piece,
        hint="write an x between the sizes: 4x6" if piece in ("by", "times") else "",
        span=Span(place, place + len(piece)),
        source=text,
    )


def _numbers(written: str, text: str) -> Given:
    expression = parse_value(written)
    value = constant(expression)
    if value is None:
        span = expression.span
        if isinstance(expression, Name) or value is None:
            raise SpecError(
                "bad-value",
                "these are not numbers, or rows of different lengths",
                expected="numbers such as 2, [1, pi/2] or [[1,0],[0,1]]",
                found=written,
                span=span,
                source=written,
            )
    return Given(value.shape, value, text.strip())


def read_number(written: str, about: str) -> Value:
    """One number: ``0.5``, ``1e-3``, ``1/2``, ``pi``."""
    value = constant(parse_value(written))
    if value is None or value.shape:
        raise SpecError(
            "bad-value",
            f"{about} must be a number",
            expected="a number",
            found=written,
            span=Span(0, len(written)),
            source=written,
        )
    return value.data[0]
