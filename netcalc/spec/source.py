"""A text and its name, which whatever is refused carries as its place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, NoReturn

from netcalc.errors import Span, SpecError
from netcalc.spec.parser import parse_steps
from netcalc.spec.syntax import Steps


class Source:
    """What is elaborated.

    >>> source = Source("256 -> linear 10", "tiny.net")
    >>> source.of(Span(7, 13)), source.line(Span(7, 13))
    ('linear', 1)
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name

    def steps(self) -> Steps:
        return parse_steps(self.text, self.name)

    def of(self, span: Span) -> str:
        """What is written there."""
        return self.text[span.start : span.end]

    def line(self, span: Span) -> int:
        return self.text.count("\n", 0, span.start) + 1

    def fail(self, code: str, message: str, span: Span | None = None, **more: Any) -> NoReturn:
        raise SpecError(code, message, span=span, source=self.text, source_name=self.name, **more)

    def at(self, error: SpecError, span: Span) -> SpecError:
        """The error with this place, if it has none."""
        return error.at(span, self.text, self.name)

    @contextmanager
    def placed(self, span: Span) -> Iterator[None]:
        """Errors from within get this place, if they have none."""
        try:
            yield
        except SpecError as error:
            raise self.at(error, span) from None
        except OverflowError as error:
            self.fail("too-large", str(error), span)
