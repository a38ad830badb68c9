"""Where a thing stands in a text (:class:`Span`) and what is wrong with it (:class:`SpecError`).

The shape of an error: *code, place, expected, found, hint*. A layer's rule knows what is wrong but not where
it was written; the parser knows where. So a rule raises a :class:`SpecError` without a place, and whoever holds
the text adds it with :meth:`SpecError.at`.
"""

from __future__ import annotations

from typing import Iterable

from netcalc.records import NamedTuple


class Span(NamedTuple):
    """A half-open range of characters ``[start, end)`` of a text.

    >>> Span(7, 13).of("256 -> lineer 10")
    'lineer'
    """

    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]

    def to(self, other: Span) -> Span:
        return Span(self.start, other.end)


class SpecError(ValueError):
    """What is wrong with a network, where, what was expected, what was found, and the nearest fix.

    Attributes: ``code`` (a stable word such as ``unknown-kind``), ``message``, ``span`` (characters of
    ``source``, or None where no text is at hand), ``expected``, ``found``, ``hint`` (each a sentence or empty),
    ``argument`` (the layer argument at fault, or None), ``within`` (the characters at fault of that argument, where it
    is a text), ``source`` and ``source_name`` (the text and its name).

    >>> error = SpecError("unknown-kind", "no layer kind is called 'lineer'", hint="did you mean 'linear'?")
    >>> print(error.at(Span(7, 13), "256 -> lineer 10"))
    error[unknown-kind]: no layer kind is called 'lineer'
      line 1, column 8
      | 256 -> lineer 10
      |        ^^^^^^
      hint: did you mean 'linear'?
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        expected: str = "",
        found: str = "",
        hint: str = "",
        span: Span | None = None,
        argument: str | None = None,
        within: Span | None = None,
        source: str = "",
        source_name: str = "",
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.expected, self.found, self.hint = expected, found, hint
        self.span, self.argument, self.within = span, argument, within
        self.source, self.source_name = source, source_name

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (dict(self.__dict__),)

    def at(self, span: Span | None, source: str = "", source_name: str = "") -> SpecError:
        """The same error with the place filled in, where it has none yet."""
        if self.span is None:
            self.span = span
        if not self.source:
            self.source, self.source_name = source, source_name
        return self

    @property
    def line(self) -> int | None:
        """The line (from 1) on which the error stands, or None without a place."""
        return None if self.span is None else self.source.count("\n", 0, self.span.start) + 1

    @property
    def column(self) -> int | None:
        """The column (from 1) at which the error stands, or None without a place."""
        return None if self.span is None else self.span.start - self.source.rfind("\n", 0, self.span.start)

    def __str__(self) -> str:
        lines = [f"error[{self.code}]: {self.message}"]
        if self.span is not None and self.source:
            name = f"{self.source_name}: " if self.source_name else ""
            lines += [f"  {name}line {self.line}, column {self.column}", *self._underlined(self.span)]
        for label in ("expected", "found", "hint"):
            if value := getattr(self, label):
                first, *more = value.split("\n")
                lines += [f"  {label}: {first}", *(" " * (len(label) + 4) + line for line in more)]
        return "\n".join(lines)

    def _underlined(self, span: Span, width: int = 96) -> list[str]:
        """The line of the text with the span underlined; a long line is cut around it."""
        begin = self.source.rfind("\n", 0, span.start) + 1
        end = self.source.find("\n", span.start)
        text = self.source[begin : len(self.source) if end < 0 else end]
        low, high = span.start - begin, min(max(span.end, span.start + 1) - begin, max(len(text), 1))
        cut = max(0, low - width // 2) if len(text) > width else 0
        shown = "".join(c if c.isprintable() else " " for c in text[cut : cut + width])
        before, after = ("…" if cut else ""), ("…" if cut + width < len(text) else "")
        marks = " " * (low - cut + len(before)) + "^" * max(1, min(high, cut + width) - low)
        return [f"  | {before}{shown}{after}", f"  | {marks}"]


def _rebuild(state: dict[str, object]) -> SpecError:
    error = SpecError(str(state["code"]), str(state["message"]))
    error.__dict__.update(state)
    return error


def did_you_mean(word: str, known: Iterable[str], *, most: int = 2) -> str:
    """A hint that names the known words nearest to ``word``, or an empty text.

    >>> did_you_mean("lineer", ["linear", "conv"])
    "did you mean 'linear'?"
    """
    from difflib import get_close_matches  # only errors pay for it

    names: dict[str, str] = {}
    for name in sorted(known, key=lambda name: name[:1].isupper() == word[:1].isupper()):
        names[name.lower()] = name  # of Linear and linear, the one written as the word is
    near = get_close_matches(word.lower(), names, n=most, cutoff=0.6)
    return f"did you mean {' or '.join(repr(names[name]) for name in near)}?" if near else ""
