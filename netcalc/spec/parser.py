"""Tokens → syntax. Nothing is evaluated here, and nothing of a spec is ever executed.

::

    spec        = steps
    steps       = [ step { separator step } ]            separator: newlines and at most one "->"
    step        = size | input | constant | declaration | definition | from | output | block | call
    input       = "input" [ NAME ":" ] size
    constant    = NAME "=" expression
    declaration = NAME "in" expression ".." [ expression ] | NAME "%" expression "==" 0
    definition  = "def" NAME [ "(" [ NAME [ "=" value ] { "," … } ] ")" ] "{" steps "}"
    from        = "from" NAME
    output      = "output" { NAME }
    block       = WORD { argument } "{" steps { "|" steps } "}" [ label ]
    call        = WORD { argument } [ with ] [ label ]
                | WORD "(" [ argument { "," argument } ] ")" [ with ] [ label ]
    with        = "with" NAME { NAME }
    label       = "as" NAME { "," NAME }
    argument    = NAME "=" value | TIGHT size | value
    value       = size | TEXT | range | "(" value { "," value } ")" | "[" … "]"
    size        = expression { ( "x" | "×" ) expression }      in a step of its own also separated by ","
    range       = [ expression ] ":" [ expression ] [ ":" [ expression ] ]
    expression  = term { ( "+" | "-" ) term }
    term        = factor { ( "*" | "//" | "%" ) factor }
    factor      = NUMBER | REAL | NAME | "-" factor | "(" value ")"

In the short form a blank before a minus and none behind it begins a new argument: ``flatten 0 -1``.
Behind ``as``, ``from``, ``with``, ``output`` and ``NAME =`` a name may look like a tight argument: ``as p4``.
"""

from __future__ import annotations

import re
from typing import Callable, NoReturn, TypeVar

from netcalc.errors import Span, SpecError
from netcalc.spec.syntax import (
    Argument,
    Binary,
    Block,
    Call,
    Constant,
    Declaration,
    Definition,
    From,
    InputStep,
    Label,
    Minus,
    Module,
    Name,
    Number,
    Output,
    Parameter,
    Range,
    Series,
    Step,
    Steps,
    Text,
    Value,
)
from netcalc.spec.tokens import END, Token, tokenize

MAX_NESTING = 50
_WORD = re.compile(r"\w+")
_VALUE_STARTS = frozenset(["NUMBER", "REAL", "NAME", "TEXT", "(", "[", "-", ":"])
Item = TypeVar("Item")


def parse_steps(text: str, name: str = "") -> Steps:
    """The syntax of a whole spec. Raises SpecError with the place of the first thing that does not fit."""
    return Parser(text, name).whole()


class Parser:
    """A recursive descent over the tokens, with one token of look-ahead (two for ``NAME =``)."""

    def __init__(self, text: str, name: str = "") -> None:
        self.text, self.name = text, name
        self.tokens = tokenize(text, name)
        self.position = 0
        self.token: Token = self.tokens[0]
        self.depth = 0
        self.begun = False  # has a step other than a constant or definition been read?

    # ------------------------------------------------------------ reading tokens

    @property
    def following(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def at(self, *types: str) -> bool:
        return self.token.type in types

    def take(self) -> Token:
        token = self.token
        if token.type != END:
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def accept(self, *types: str) -> Token | None:
        return self.take() if self.token.type in types else None

    def expect(self, type: str, expected: str, hint: str = "") -> Token:
        return self.accept(type) or self.fail(expected, hint=hint)

    def fail(self, expected: str, *, hint: str = "", token: Token | None = None) -> NoReturn:
        token = token or self.token
        found = {END: "the end of the spec", "NEWLINE": "the end of the line"}.get(token.type, repr(token.text))
        raise SpecError(
            "syntax",
            f"{found} stands where {expected} was expected",
            expected=expected,
            found=found,
            hint=hint,
            span=token.span,
            source=self.text,
            source_name=self.name,
        )

    def span_from(self, start: Span) -> Span:
        """From ``start`` to the token taken last."""
        return Span(start.start, max(start.end, self.tokens[self.position - 1].span.end))

    def deeper(self, rule: Callable[[], Item]) -> Item:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise SpecError(
                "too-deep",
                f"more than {MAX_NESTING} brackets are open",
                hint="use def for inner blocks",
                span=self.token.span,
                source=self.text,
                source_name=self.name,
            )
        result = rule()
        self.depth -= 1
        return result

    # ------------------------------------------------------------ steps

    def whole(self) -> Steps:
        steps = self.steps()
        if not self.at(END):
            self.fail("a layer, '->' or a new line", hint="'{' is missing before" if self.at("}") else "")
        return steps

    def steps(self) -> Steps:
        start = self.token.span
        items: list[Step] = []
        self.separator(first=True)
        while not self.at(END, "}", "|"):
            items.append(self.step())
            self.begun = self.begun or not isinstance(items[-1], (Constant, Declaration, Definition))
            if not self.separator() and not self.at(END, "}", "|"):
                self.fail("'->' or a new line", hint=_separator_hint(self.token))
        return Steps(tuple(items), self.span_from(start))

    def separator(self, first: bool = False) -> bool:
        """Newlines and at most one arrow; an arrow must have a layer on each side."""
        found, arrow = False, None
        while self.at("NEWLINE", "ARROW"):
            if self.at("ARROW"):
                if arrow or first:
                    self.fail("a layer")
                arrow = self.token
            found = True
            self.take()
        if arrow and self.at(END, "}", "|"):
            self.fail("a layer behind the '->'")
        return found

    def step(self) -> Step:
        token = self.token
        if token.type == "NAME":
            if self.following.type == "=" and token.text != "input":
                return self.constant()
            if self.following.text == "in" or self.following.type == "%":
                return self.declaration()
            special: dict[str, Callable[[], Step]] = {
                "input": self.input,
                "def": self.definition,
                "from": self.from_,
                "output": self.output,
            }
            if rule := special.get(token.text):
                return rule()
            if not (token.text[0].isupper() and self.looks_like_size()):
                return self.call()
        elif not self.at("NUMBER", "("):
            self.fail("a layer or a size", hint=self.tight_name() or _start_hint(token))
        return InputStep(None, size := self.size(commas=True), size.span)

    def tight_name(self) -> str:
        """What to say where ``d1 = 5`` would name a constant after an argument."""
        tokens = self.tokens[self.position : self.position + 3]
        if [token.type for token in tokens] == ["TIGHT", "NUMBER", "="]:
            letter, number = tokens[0].text, tokens[1].text
            return f"{letter}{number} is an argument ({letter}={number}): choose another name"
        return ""

    def looks_like_size(self) -> bool:
        """Does a name that begins with a capital begin a size (``HxW``, ``T, D``; at first also ``D``) or a layer?"""
        if self.following.type in ("ARROW", "NEWLINE", END):
            return not self.begun and len(self.token.text.rstrip("0123456789")) == 1
        return self.following.type in ("X", ",", "*", "+", "//")

    def input(self) -> InputStep:
        start = self.take().span
        name = None
        if self.at("NAME") and self.following.type == ":":
            name = self.a_name("the input's name")
            self.take()
        if self.at("X") and self.following.type == ":":
            self.fail("the input's name", hint=_X_HINT)
        parenthesized = self.at("(")
        size = self.size(commas=True) if not parenthesized else self.value(commas=True)
        return InputStep(name, size, self.span_from(start))

    def constant(self) -> Constant:
        name = self.a_name("a constant's name")
        self.take()
        value = self.size()
        return Constant(name, value, self.span_from(name.span))

    def declaration(self) -> Declaration:
        name = self.a_name("a letter")
        if self.accept("%"):
            multiple = self.factor(short=False)
            for _ in "==":
                self.expect("=", "'== 0'", hint="H % 32 == 0")
            if self.take().text != "0":
                self.fail("0", hint="only multiples can be declared: H % 32 == 0", token=self.tokens[self.position - 1])
            return Declaration(name, None, None, multiple, self.span_from(name.span))
        self.take()
        low = self.expression()
        self.expect("DOTS", "'..'", hint="H in 32..1024, or H in 32.. without an upper end")
        high = self.expression() if self.at(*_VALUE_STARTS) else None
        return Declaration(name, low, high, None, self.span_from(name.span))

    def definition(self) -> Definition:
        start = self.take().span
        name = self.a_name("the block's name")
        parameters: list[Parameter] = []
        if self.accept("("):
            while not self.at(")"):
                parameter = self.a_name("a parameter's name")
                parameters.append(Parameter(parameter, self.value() if self.accept("=") else None))
                if not self.accept(","):
                    break
            self.expect(")", "',' or ')'")
        while self.accept("NEWLINE"):
            pass
        self.expect("{", "'{'", hint="def name(c, s=1) { … }")
        body = self.deeper(self.steps)
        self.expect("}", "'}'")
        return Definition(name, tuple(parameters), body, self.span_from(start))

    def from_(self) -> From:
        start = self.take().span
        return From(self.a_name("the name of an earlier layer", tight=True), self.span_from(start))

    def output(self) -> Output:
        start = self.take().span
        names = []
        while self.at("NAME", "TIGHT"):
            names.append(self.a_name("the name of a layer", tight=True))
            self.accept(",")
        return Output(tuple(names), self.span_from(start))

    def call(self) -> Call | Block:
        word = self.a_name("a layer")
        if self.at("(") and self.token.glued:
            self.take()
            arguments = self.deeper(self.parenthesized)
            self.expect(")", "',' or ')'")
            return self.finish(word, arguments, parenthesized=True)
        short: list[Argument] = []
        while not self.at(END, "NEWLINE", "ARROW", "}", "|", "{") and not self.at_word("as", "with"):
            short.append(self.argument(short=True))
            self.accept(",")
        return self.finish(word, tuple(short), parenthesized=False)

    def finish(self, word: Name, arguments: tuple[Argument, ...], parenthesized: bool) -> Call | Block:
        branches = self.branches() if self.at("{") else None
        others: list[Name] = []
        if self.at_word("with"):
            self.take()
            others.append(self.a_name("the name of an earlier layer", tight=True))
            while self.at("NAME", "TIGHT") and not self.at_word("as"):
                others.append(self.a_name("the name of an earlier layer", tight=True))
                self.accept(",")
        labels: list[Label] = []
        if self.at_word("as"):
            self.take()
            labels.append(self.label())
            while self.accept(","):
                labels.append(self.label())
        span = self.span_from(word.span)
        if branches is not None:
            return Block(word, arguments, branches, tuple(labels), span)
        return Call(word, arguments, parenthesized, tuple(others), tuple(labels), span)

    def branches(self) -> tuple[Steps, ...]:
        opening = self.take()
        found = [self.deeper(self.steps)]
        while self.accept("|"):
            found.append(self.deeper(self.steps))
        if not self.accept("}"):
            self.fail(
                "'}'", hint=f"the '{{' of line {self.text.count(chr(10), 0, opening.span.start) + 1} is still open"
            )
        return tuple(found)

    def at_word(self, *words: str) -> bool:
        return self.at("NAME") and self.token.text in words

    def label(self) -> Label:
        name = self.a_name("a name", tight=True)
        return Label(name.id, name.span)

    def a_name(self, expected: str, tight: bool = False) -> Name:
        """A name; where no argument can stand (``tight``) also one that looks like one, such as ``p4``."""
        if self.at("TIGHT") and self.following.type == "NUMBER" and self.following.glued:
            if tight:
                letter, number = self.take(), self.take()
                if not (self.at("X") and self.token.glued):
                    return Name(letter.text + number.text, letter.span.to(number.span))
                self.fail("a new name", hint=_X_HINT)
            hint = f"{self.token.text}{self.following.text} is an argument ({self.token.text}={self.following.text})"
            self.fail(expected, hint=hint)
        token = self.accept("NAME") or self.fail(expected, hint=_X_HINT if self.at("X") else "")
        if (
            self.at("X")
            and self.token.glued
            and token.text[0].islower()
            and (word := _WORD.match(self.text, token.span.start))
        ):
            sizes = word.group().upper().replace("X", "x")
            self.fail(
                expected,
                hint=f"{word.group()} is read as a size, and no layer is called so"
                if self.begun
                else f"for unknown sizes the letters are capitals: {sizes}",
                token=token._replace(text=word.group(), span=Span(*word.span())),
            )
        return Name(token.text, token.span)

    # ------------------------------------------------------------ arguments and values

    def parenthesized(self) -> tuple[Argument, ...]:
        found: list[Argument] = []
        while not self.at(")"):
            found.append(self.argument(short=False))
            if not self.accept(","):
                break
        return tuple(found)

    def argument(self, short: bool) -> Argument:
        start = self.token.span
        if self.at("TIGHT") and self.tokens[min(self.position + 2, len(self.tokens) - 1)].type == "=":  # p1=4
            name = self.a_name("a name", tight=True).id
            self.take()
            return Argument(name, self.value(short=short), self.span_from(start))
        if self.at("TIGHT"):
            letter = self.take().text
            value: Value = self.size(short)
            return Argument(letter, value, self.span_from(start))
        if self.at("NAME") and self.following.type == "=":
            name = self.take().text
            self.take()
            value = self.a_name("a value", tight=True) if self.at("TIGHT") else self.value(short=short)
            return Argument(name, value, self.span_from(start))
        value = self.value(short=short)
        return Argument(None, value, self.span_from(start))

    def value(self, short: bool = False, commas: bool = False) -> Value:
        if token := self.accept("TEXT"):
            return Text(token.text[1:-1], token.span)
        if self.at("["):
            return self.deeper(lambda: self.series("]"))
        if not self.at(*_VALUE_STARTS):
            tensor = self.at("X") and self.following.type in (",", ")")
            hint = "leave x out: a step works on what stands before it" if tensor else _value_hint(self.token)
            self.fail("a value", hint=hint)
        start = self.token.span
        first = None if self.at(":") else self.size(short, commas)
        if not self.at(":"):
            assert first is not None
            return first
        bounds: list[Value | None] = [first]
        while len(bounds) < 3 and self.accept(":"):
            starts = self.at(*_VALUE_STARTS) and not self.at(":") and not (short and not self.token.glued)
            bounds.append(self.expression(short) if starts else None)
        return Range(bounds[0], bounds[1], bounds[2] if len(bounds) > 2 else None, self.span_from(start))

    def series(self, closing: str) -> Value:
        start = self.take().span
        items: list[Value] = []
        trailing = False
        while not self.at(closing):
            items.append(self.value())
            trailing = bool(self.accept(","))
            if not trailing:
                break
        self.expect(closing, f"',' or {closing!r}")
        span = self.span_from(start)
        if closing == ")" and len(items) == 1 and not trailing:
            return items[0]  # plain brackets
        return Series(tuple(items), span)

    def size(self, short: bool = False, commas: bool = False) -> Value:
        items = [self.expression(short)]
        while self.accept("X") or (commas and self.accept(",")):
            items.append(self.expression(short))
        if len(items) == 1:
            return items[0]
        return Series(tuple(items), items[0].span.to(items[-1].span))

    def expression(self, short: bool = False) -> Value:
        left = self.term(short)
        while self.at("+", "-") and not (short and self.begins_argument()):
            operator = self.take().text
            right = self.term(short)
            left = Binary(operator, left, right, left.span.to(right.span))
        return left

    def begins_argument(self) -> bool:
        """In the short form: a minus with a blank before it and none behind it."""
        return self.at("-") and not self.token.glued and self.following.glued

    def term(self, short: bool) -> Value:
        left = self.factor(short)
        while self.at("*", "//", "%"):
            operator = self.take().text
            if operator == "%" and self.at("ARROW", "NEWLINE", END, "}", "|") and isinstance(left, Number):
                self.fail("a number", hint=f"a part of 1 is written {left.value / 100:g}")
            right = self.factor(short)
            left = Binary(operator, left, right, left.span.to(right.span))
        if self.at("/"):
            self.fail("'//'", hint="sizes are whole: write // for the floor quotient")
        return left

    def factor(self, short: bool) -> Value:
        token = self.token
        if self.accept("NUMBER"):
            if self.at("NAME") and self.token.glued:
                self.fail("an operator or 'x'", hint=_glued_hint(token, self.token, short))
            return Number(int(token.text), token.span)
        if self.accept("REAL"):
            return Number(float(token.text), token.span)
        if self.accept("NAME"):
            if not short and token.text.rpartition(".")[2][:1].isupper() and self.at("(") and self.token.glued:
                self.take()
                arguments = self.deeper(self.parenthesized)
                self.expect(")", "',' or ')'")
                return Module(Name(token.text, token.span), arguments, self.span_from(token.span))
            if token.text == "float" and [each.text.strip("'\"") for each in self.tokens[self.position :][:3]] == _INF:
                for _ in _INF:
                    self.take()
                return Name("inf", self.span_from(token.span))
            if token.text in ("x.size", "x.shape") and self.at("(", "["):
                self.fail("a size", hint=_BATCH_HINT, token=token)
            return Name(token.text, token.span)
        if self.accept("-"):
            operand = self.deeper(lambda: self.factor(short))
            return Minus(operand, token.span.to(operand.span))
        if self.at("("):
            return self.deeper(lambda: self.series(")"))
        self.fail("a number, a letter or a constant", hint=_value_hint(token))


_INF = ["(", "inf", ")"]
_BATCH_HINT = "sizes are per sample, without the batch's: x.view(-1), or flatten"
_X_HINT = "x separates sizes (3x32x32), so nothing can be called x: choose another name"


def _separator_hint(token: Token) -> str:
    return "one layer a line, or '->' between layers" if token.type not in (")", "]") else "a bracket too many"


def _start_hint(token: Token) -> str:
    if token.type == "-":
        return "the arrow is written '->'"
    if token.type == "X":
        return _X_HINT
    if token.type == "TIGHT":
        return f"'{token.text}' with a number is an argument of the layer before it: leave the '->' out"
    return ""


def _glued_hint(number: Token, word: Token, short: bool) -> str:
    """What to say of a word written against a number: ``3k``, ``32x32px``, ``2H``."""
    if short and len(word.text) == 1 and word.text in "kspdg":
        return f"write {word.text}{number.text}, or {number.text}*{word.text} for the product"
    if re.fullmatch(r"(?:x\d*[A-Z]?\d*)+", word.text):
        return "write " + number.text + re.sub(r"([0-9]+)([A-Z][0-9]*)", r"(\1*\2)", word.text)
    if sizes := re.match(r"(?:x\d+)+", word.text):
        return f"a size has no unit: {number.text}{sizes[0]}"
    return f"write {number.text}*{word.text} for the product"


def _value_hint(token: Token) -> str:
    if token.type == "TIGHT":
        return f"'{token.text}' with a number is an argument of its own: put it behind the others"
    if token.type == "X":
        return _X_HINT
    if token.type in ("{", "}"):
        return "a block stands on its own: concat { … | … }"
    return ""
