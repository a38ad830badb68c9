"""What is given beside the equations: shapes (``x: N x D``) and numbers (``w=[pi/2, pi]``)."""

from __future__ import annotations

import re
import unicodedata
from typing import Iterable

from netcalc.dims import Dim, symbol
from netcalc.equations.exact import Value
from netcalc.equations.inference import Given, constant
from netcalc.equations.parser import parse_value
from netcalc.equations.syntax import Name
from netcalc.equations.tokens import tokenize
from netcalc.errors import Span, SpecError

_GIVEN = re.compile(r"\s*(?P<name>[^:=\s][^:=]*?)\s*(?P<sign>[:=])\s*(?P<value>.*\S)\s*$", re.DOTALL)


def read_givens(written: Iterable[str]) -> dict[str, Given]:
    """The givens of a command line.

    >>> read_givens(["x:", "N", "x", "D", "b1:512", "f: scalar", "w=[1/2, pi]"])["x"].shape
    (N, D)
    """
    found: dict[str, Given] = {}
    for text in _joined(written):
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
            found[name] = Given(_shape(match["value"], start, text), None, text.strip())
        else:
            found[name] = _numbers(match["value"], text)
    return found


def _joined(written: Iterable[str]) -> list[str]:
    """Words of one given that the shell has taken apart: ``x: N x D``."""
    found: list[str] = []
    for word in written:
        if found and not re.search(r"[:=]", word):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def name_of(written: str) -> str:
    r"""A name as the equations spell it: ``W_1`` is ``W1``, ``\bar{x}`` is ``x̄``."""
    word = unicodedata.normalize("NFC", written)
    tokens = tokenize(written, {}, {word})
    return tokens[0].text if len(tokens) == 2 and tokens[0].type == "NAME" else word


def _shape(written: str, start: int, text: str) -> tuple[Dim, ...]:
    if written in ("scalar", "()", "[]"):
        return ()
    pieces = re.findall(
        r"\d+|[^\W\d_]\w*?(?=x\d|x[A-Z]|[^\w]|$)|[^\s\[\](),×]",
        re.sub(r"(?<=[\dA-Z])\s*[x×]\s*(?=[\dA-Za-z])|\s+[x×]\s+", ",", written),
    )
    sizes: list[Dim] = []
    for piece in pieces:
        if piece.isdigit() and 0 < int(piece) and len(piece) <= 18:
            sizes.append(int(piece))
        elif piece.isidentifier() and piece not in ("x",):
            sizes.append(symbol(piece))
        else:
            place = text.find(piece, start)
            raise SpecError(
                "bad-shape",
                f"{piece!r} is no size",
                expected="sizes such as 256, N or 4x6, or scalar",
                found=piece,
                span=Span(place, place + len(piece)),
                source=text,
            )
    return tuple(sizes)


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
