"""Text → tokens with spans.

=========== ==================================================================================================
``NUMBER``  digits: ``32``
``REAL``    ``0.1``, ``1e-5``
``NAME``    letters, digits, ``_``, with inner dots: ``conv``, ``nn.Conv2d``, ``layer3.0.conv2``
``TIGHT``   one of ``k s p d g`` written against its value: ``k3``, ``s2``, ``k3x5`` (the ``3x5`` follows)
``X``       what separates axes: ``x`` or ``×``, alone (``T x D``) or inside a size (``3x32x32``, ``HxW``)
``TEXT``    quoted
``ARROW``   ``->`` or ``→``
``NEWLINE`` the end of a line, outside of ( ) and [ ]
``DOTS``    ``..``, as in ``H in 32..1024``
others      one of ``( ) { } [ ] , = : | + - * / // %``
=========== ==================================================================================================

An ``x`` inside a word separates axes where the word is made of numbers and single letters (with digits) only:
``3xHxW``, ``TxD``, ``H2xW2``, also beside brackets: ``3xHx(W-1)``; so ``MaxPool2d`` stays whole.
"""

from __future__ import annotations

import re

from netcalc.errors import Span, SpecError
from netcalc.records import NamedTuple

MAX_TEXT = 1_000_000
MAX_DIGITS = 18
END = "END"

_TOKEN = re.compile(
    r"""
    (?:[ \t\r\f\v\u00a0]+|\#[^\n]*)*
    (?:
      (?P<NEWLINE>\n|;)
    | (?P<ARROW>->|→)
    | (?P<DOTS>\.\.)
    | (?P<REAL>\d+\.(?!\.)\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]\d+)
    | (?P<SIZE>(?:(?<=\))x)?(?:\d+|[A-Za-z]\d*)(?:x(?:\d+|[A-Za-z]\d*))+(?![A-Za-z0-9_.])   # 3xHxW, (H-1)x3xW
             | (?<=\))x(?:\d+|[A-Za-z]\d*)(?:(?![A-Za-z0-9_.])|(?=x\())                        # (H-1)xW
             | (?:(?<=\))x)?(?:\d+|[A-Z]\d*)(?:x(?:\d+|[A-Za-z]\d*))*x(?=\())                 # 3xHx(W-1)
    | (?P<NUMBER>\d+)
    | (?P<NAME>[^\W\d]\w*(?:\.\w+)*)
    | (?P<X>×)
    | (?P<TEXT>"[^"\n]*"|'[^'\n]*')
    | (?P<OPERATOR>//|[-(){}\[\],=:|+*/%−·])
    | (?P<END>\Z)
    | (?P<OTHER>.)
    )
    """,
    re.VERBOSE,
)
_TIGHT = re.compile(r"([kspdg])(?=\d+(?:x|$))")
_PRINTED = {"−": "-", "·": "*"}  # as netcalc itself prints them
_NAMING = re.compile(r"\s*(?:=(?!=)|:(?!:))")  # what stands behind a new name
_PIECE = re.compile(r"x|\d+|[A-Za-z]\d*")


class Token(NamedTuple):
    """A piece of the text; ``glued`` if nothing stands between it and the one before."""

    type: str
    text: str
    span: Span
    glued: bool = False


def tokenize(text: str, name: str = "") -> list[Token]:
    """The tokens of a spec, ending with ``END``.

    >>> [token.text for token in tokenize("3x32x32 -> conv 16 k3x5")][:8]
    ['3', 'x', '32', 'x', '32', '->', 'conv', '16']

    Raises SpecError ``too-large`` for a text beyond a million characters or a number of more than 18 digits,
    and ``unexpected-character``.
    """
    if len(text) > MAX_TEXT:
        raise SpecError(
            "too-large",
            f"the spec has {len(text):,} characters",
            expected=f"at most {MAX_TEXT:,}",
            found=f"{len(text):,}",
            hint="use repeat and def for what recurs",
        )
    tokens: list[Token] = []
    named: set[str] = set()
    position, depth, last = 0, 0, -1
    while True:
        match = _TOKEN.match(text, position)
        assert match is not None and match.lastgroup is not None
        kind = match.lastgroup
        word = match[kind]
        position = match.end()
        start = position - len(word)
        glued = start == last
        if kind == "END":
            break
        if kind == "OTHER":
            quote = word in "\"'"
            raise SpecError(
                "unexpected-character",
                "a text is opened but not closed on this line" if quote else f"{word!r} means nothing here",
                expected="a closing quote" if quote else "a layer, a size, or an operator",
                found=repr(word),
                span=Span(start, position),
                source=text,
                source_name=name,
            )
        if kind == "NEWLINE":
            if depth == 0:
                tokens.append(Token("NEWLINE", word, Span(start, position)))
            continue
        if kind == "OPERATOR":
            depth = max(0, depth + (word in "([") - (word in ")]"))
            kind = word = _PRINTED.get(word, word)
        if kind == "SIZE" and word[0].islower() and (word in named or _names(tokens, text, position)):
            kind = "NAME"  # exp, c3x3: no size where it has been made a name
            named.add(word)
        if kind == "SIZE" or kind == "NAME" and (_TIGHT.match(word) or word == "x"):
            tokens.extend(_pieces(word, start, glued))
        elif kind == "NUMBER" and glued and tokens and tokens[-1].type == "NAME":
            tokens.append(Token(kind, word, Span(start, position), glued))
        else:
            tokens.append(Token(kind, word, Span(start, position), glued))
        last = position
    for token in tokens:
        if len(token.text) > MAX_DIGITS and token.type in ("NUMBER", "REAL") and _digits(token.text) > MAX_DIGITS:
            raise SpecError(
                "too-large",
                f"a number of {len(token.text)} digits",
                expected=f"at most {MAX_DIGITS} digits",
                found=token.text[:20] + "…",
                span=token.span,
                source=text,
                source_name=name,
            )
    tokens.append(Token(END, "", Span(len(text), len(text))))
    return tokens


def _digits(number: str) -> int:
    return sum(map(str.isdigit, number))


def _names(tokens: list[Token], text: str, end: int) -> bool:
    """Is a word that ends here, behind these tokens, a new name (``as exp1``, ``def c3x3``, ``exp = 6``)?"""
    before = tokens[-1] if tokens else None
    if before is None or before.type in ("NEWLINE", "{"):
        return _NAMING.match(text, end) is not None
    if before.type == "NAME" and before.text == "input":
        return text[end:].lstrip()[:1] == ":"
    for token in reversed(tokens):
        if token.type not in ("NAME", ",", "(", "=", "NUMBER"):
            return False
        if token.text in ("as", "def"):
            return before.type in ("NAME", ",", "(")
    return False


def _pieces(word: str, start: int, glued: bool) -> list[Token]:
    """A size such as ``3xHxW``, or a tight argument such as ``k3x5``, in its pieces."""
    tokens: list[Token] = []
    offset = 0
    if tight := _TIGHT.match(word):
        tokens.append(Token("TIGHT", tight.group(), Span(start, start + 1), glued))
        offset, glued = 1, True
    for match in _PIECE.finditer(word, offset):
        piece = match.group()
        kind = "X" if piece == "x" else "NUMBER" if piece[0].isdigit() else "NAME"
        tokens.append(Token(kind, piece, Span(start + match.start(), start + match.end()), glued))
        glued = True
    return tokens
