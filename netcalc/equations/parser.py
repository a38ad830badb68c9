r"""Tokens → syntax. Nothing is evaluated, and nothing of an equation is ever executed.

::

    equations = [ equation ] { ( ";" | "," | newline ) [ equation ] }
    equation  = [ NAME [ "(" NAME { "," NAME } ")" ] "=" ] sum           without a name it is called "result"
    sum       = [ "-" ] term { ( "+" | "-" ) term }
    term      = chain { ( "*" | "⊙" ) chain }                            element by element
    chain     = power { [ "·" | "@" | "×" | "/" ] power }                side by side: a product
    power     = atom { TRANSPOSE | "^" exponent }
    exponent  = NUMBER | NAME | "(" sum ")"
    atom      = NUMBER | NAME | call | "(" sum ")" | rows | norm
    call      = FUNCTION [ "_" INDEX ] "(" [ argument { "," argument } ] ")"
              | FUNCTION power                                           log p; \sum_i takes a whole chain
              | "frac" "(" sum ")" "(" sum ")"
    argument  = OPTION [ "=" ] value | SIZE | sum                        stride 1, padding=0, 2×2
    rows      = "[" row { ";" row } "]"          row = sum { "," sum }   [x; 1], [2, 1], [[1, 0], [2, 1]]
    norm      = "‖" sum "‖" [ "_" ( "1" | "2" | "F" ) ] | "|" sum "|"
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Collection, NoReturn

from netcalc.equations.exact import PI, Exact
from netcalc.equations.syntax import Apply, Equation, Expression, Name, Number
from netcalc.equations.tokens import END, Token, tokenize
from netcalc.errors import Span, SpecError, did_you_mean

MAX_DEPTH = 60
OPTIONS = ("stride", "padding", "dilation", "output_padding", "axis", "p", "size")
OPAQUE = ("f", "g", "φ", "ψ", "ℓ")
ALIASES = {
    "σ": "sigmoid",
    "ln": "log",
    "lrelu": "leaky_relu",
    "leakyrelu": "leaky_relu",
    "swish": "silu",
    "heaviside": "step",
}


def function_words() -> frozenset[str]:
    """Every word that is a function."""
    from netcalc.equations.operations import FUNCTIONS

    return frozenset({*FUNCTIONS, *ALIASES, "max", "min", "frac"})


def parse(text: str, known: Collection[str] = ()) -> tuple[Equation, ...]:
    """The equations of a text; ``known`` are names of several letters that it may use.

    >>> [equation.name for equation in parse("h = max(0, W1 x + b1); f = W2 h")]
    ['h', 'f']

    Raises SpecError that points at the character.
    """
    functions = function_words()
    defined = _left_sides(text)
    tokens = tokenize(text, functions, {*known, *defined, *OPTIONS})
    return _Parser(text, tokens, {*known, *defined}).equations()


def parse_value(text: str) -> Expression:
    """One expression of numbers, such as ``[pi/2, pi]``."""
    return _Parser(text, tokenize(text, function_words()), set()).whole()


def _left_sides(text: str) -> set[str]:
    """The names of several letters that stand before an ``=``."""
    import re
    import unicodedata

    found = re.findall(r"(?:^|[;,\n]|\\\\)\s*([^\W\d_][\w']*)\s*=(?!=)", text)
    return {unicodedata.normalize("NFC", name) for name in found if name not in OPTIONS}


class _Parser:
    def __init__(self, text: str, tokens: list[Token], known: set[str]) -> None:
        self.text, self.tokens, self.known = text, tokens, known
        self.place = 0
        self.depth = 0
        self.bars: list[str] = []  # the norm or absolute value that is open

    # ------------------------------------------------------------ tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def at(self, *types: str) -> bool:
        return self.token.type in types

    def take(self) -> Token:
        token = self.token
        self.place += token.type != END
        return token

    def accept(self, *types: str) -> Token | None:
        return self.take() if self.at(*types) else None

    def expect(self, type: str, wanted: str = "") -> Token:
        return self.accept(type) or self.fail(wanted or repr(type))

    def fail(self, wanted: str, message: str = "", hint: str = "") -> NoReturn:
        token = self.token
        found = "the end" if token.type == END else repr(token.text)
        raise SpecError(
            "syntax", message or f"{wanted} should stand here, not {found}", expected=wanted, found=found, hint=hint,
            span=token.span, source=self.text,
        )  # fmt: skip

    def apply(self, operation: str, *arguments: Expression, span: Span | None = None, **options: Any) -> Apply:
        return Apply(operation, arguments, span or arguments[0].span.to(arguments[-1].span), tuple(options.items()))

    # ------------------------------------------------------------ equations

    def equations(self) -> tuple[Equation, ...]:
        found: list[Equation] = []
        while not self.at(END):
            if self.accept(";", ","):
                continue
            found.append(self.equation())
            if not self.at(END, ";", ","):
                self.fail("an operator, or ';' before the next equation", hint=self.hint())
        if not found:
            raise SpecError(
                "empty",
                "there is no equation",
                expected="an equation such as y = W x + b",
                span=Span(0, 0),
                source=self.text,
            )
        return tuple(found)

    def hint(self) -> str:
        return (
            "an equation has one '=' : write a = b; c = d"
            if self.at("=")
            else "a bracket too many"
            if self.at(")", "]")
            else ""
        )

    def equation(self) -> Equation:
        start = self.token.span
        name = self.left_side() or "result"
        expression = self.sum()
        return Equation(name, expression, start.to(expression.span))

    def left_side(self) -> str:
        """``f =`` or ``f(x) =``, if that is what comes."""
        begin = self.place
        token = self.accept("NAME", "FUNCTION")
        if token and self.accept("("):
            while self.accept("NAME", ",", ";"):
                pass
            self.accept(")")
        if token and self.accept("="):
            if token.type == "FUNCTION":
                self.place = begin
                self.fail("a name", f"{token.text!r} is a function and cannot be defined", hint="choose another name")
            return token.text
        self.place = begin
        return ""

    def whole(self) -> Expression:
        expression = self.sum()
        if not self.at(END):
            self.fail("the end of the value")
        return expression

    # ------------------------------------------------------------ expressions

    def sum(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SpecError(
                "too-deep",
                "brackets are nested too deeply",
                expected=f"at most {MAX_DEPTH}",
                span=self.token.span,
                source=self.text,
            )
        start = self.token.span
        minus, _ = self.accept("-"), self.accept("+")
        left = self.term()
        if minus:
            left = self.apply("neg", left, span=start.to(left.span))
        while self.at("+", "-"):
            operation = "add" if self.take().type == "+" else "sub"
            left = self.apply(operation, left, self.term())
        self.depth -= 1
        return left

    def term(self) -> Expression:
        left = self.chain()
        while self.accept("*", "⊙"):
            left = self.apply("mul", left, self.chain())
        return left

    def chain(self) -> Expression:
        left = self.power()
        while True:
            if self.accept("/"):
                left = self.quotient(left, self.power())
            elif self.accept("@"):
                left = self.apply("matmul", left, self.power())
            elif self.accept("·", "×") or self.begins_factor():
                if self.at("NUMBER") and isinstance(left, Number):
                    self.fail(
                        "an operator",
                        "two numbers stand side by side",
                        hint="write * between them, or a comma in a vector",
                    )
                if self.at("SIZE"):
                    self.fail(
                        "an operator", hint="a size such as 2x2 belongs to maxpool(x, 2x2); write 2*x2 for a product"
                    )
                left = self.apply("product", left, self.power())
            else:
                return left

    def quotient(self, left: Expression, right: Expression) -> Expression:
        if isinstance(left, Number) and isinstance(right, Number) and right.value != 0:
            return Number(left.value / right.value, left.span.to(right.span))
        return self.apply("div", left, right)

    def begins_factor(self) -> bool:
        bar = self.bars[-1] if self.bars else ""
        return (
            self.at("NUMBER", "NAME", "FUNCTION", "(", "[", "SIZE") or self.at("NORM", "|") and self.token.type != bar
        )

    def power(self) -> Expression:
        if minus := self.accept("-"):
            operand = self.power()
            return self.apply("neg", operand, span=minus.span.to(operand.span))
        base = self.atom()
        while self.at("TRANSPOSE", "^"):
            sign = self.take()
            if sign.type == "TRANSPOSE":
                base = self.apply("transpose", base, span=base.span.to(sign.span))
            else:
                exponent = self.exponent()
                base = self.apply("pow", base, exponent, span=base.span.to(exponent.span))
        return base

    def exponent(self) -> Expression:
        if self.at("NUMBER", "NAME"):
            return self.atom()
        self.expect("(", "an exponent: a number, or { … }")
        exponent = self.sum()
        self.expect(")")
        return exponent

    def atom(self) -> Expression:
        token = self.token
        if self.accept("NUMBER"):
            return Number(Exact.of(Fraction(token.text)), token.span)
        if token.type == "NAME" and token.text == "π":
            self.take()
            return Number(PI, token.span)
        if (
            self.at("NAME")
            and token.text in OPAQUE
            and token.text not in self.known
            and self.tokens[self.place + 1].type == "("
        ):
            return self.call(self.take())
        if self.accept("NAME"):
            return Name(token.text, token.span)
        if self.accept("FUNCTION"):
            return self.call(token)
        if self.accept("("):
            inner: Expression = self.fenced(self.sum, ")")
            return inner
        if self.at("["):
            return self.rows()
        if self.at("NORM", "|"):
            return self.norm()
        self.fail(
            "a name, a number or a function",
            hint="a size such as 2x2 belongs to maxpool(x, 2x2)" if self.at("SIZE") else "",
        )

    def fenced(self, inner: Any, closing: str) -> Any:
        bars, self.bars = self.bars, []
        found = inner()
        self.expect(closing, f"an operator or {closing!r}")
        self.bars = bars
        return found

    def call(self, word: Token) -> Expression:
        name = ALIASES.get(word.text, word.text)
        index = self.index()
        if name == "frac":
            top = self.braced()
            return self.quotient(top, self.braced())
        if self.accept("("):
            arguments, options = self.fenced(self.arguments, ")")
            span = word.span.to(self.tokens[self.place - 1].span)
            if index and len(arguments) == 1:
                arguments = [_without_index(arguments[0], index)]
            return Apply(name, tuple(arguments), span, tuple(options.items()))
        if name == "sum":
            operand = self.chain()
            operand = _without_index(operand, index) if index else operand
        elif self.begins_factor():
            operand = self.power()
        else:
            self.fail(f"what {word.text} is applied to: {word.text}(…)")
        return self.apply(name, operand, span=word.span.to(operand.span))

    def braced(self) -> Expression:
        self.expect("(", "{ … }")
        found: Expression = self.fenced(self.sum, ")")
        return found

    def index(self) -> str:
        """The running index of a sum: ``_i``, ``_{i=1}^{n}``; bounds are the whole axis."""
        index = ""
        if self.accept("_"):
            if self.accept("("):
                index = self.expect("NAME", "an index").text
                while not self.accept(")"):
                    self.take() if not self.at(END) else self.fail("'}'")
            else:
                index = self.expect("NAME", "an index").text
        if index and self.accept("^"):
            self.exponent()
        return index

    def arguments(self) -> tuple[list[Expression], dict[str, Any]]:
        arguments: list[Expression] = []
        options: dict[str, Any] = {}
        while not self.at(")"):
            token = self.token
            if self.accept("SIZE"):
                options["size"] = tuple(int(part) for part in token.text.replace("×", "x").split("x"))
            elif (
                self.at("NAME")
                and token.text in OPTIONS
                and token.text not in self.known
                and self.tokens[self.place + 1].type in ("=", "NUMBER", "SIZE", "(")
            ):
                self.take()
                self.accept("=")
                options[token.text] = self.option_value()
            else:
                arguments.append(self.sum())
                if self.at("="):
                    self.unknown_option(token.span.start)
            if not self.accept(","):
                break
        return arguments, options

    def unknown_option(self, start: int) -> NoReturn:
        """``strid=2``: what stands before the ``=`` is no option."""
        word = self.text[start : self.token.span.start].strip()
        raise SpecError(
            "unknown-argument", f"there is no option {word!r}", expected=f"one of {', '.join(OPTIONS)}", found=word,
            hint=did_you_mean(word, OPTIONS), span=Span(start, start + len(word)), source=self.text,
        )  # fmt: skip

    def option_value(self) -> Any:
        if token := self.accept("SIZE"):
            return tuple(int(part) for part in token.text.replace("×", "x").split("x"))
        if self.accept("("):
            values = [self.whole_number()]
            while self.accept(","):
                values.append(self.whole_number())
            self.expect(")")
            return tuple(values)
        return self.whole_number()

    def whole_number(self) -> int:
        minus = self.accept("-")
        token = self.expect("NUMBER", "a whole number")
        if not token.text.isdigit():
            self.place -= 1
            self.fail("a whole number")
        return -int(token.text) if minus else int(token.text)

    def rows(self) -> Expression:
        start = self.expect("[").span

        def inside() -> list[list[Expression]]:
            found = [self.row()]
            while self.accept(";"):
                found.append(self.row())
            return found

        lines = self.fenced(inside, "]")
        span = start.to(self.tokens[self.place - 1].span)
        if len(lines) == 1:
            return Apply("rows", tuple(lines[0]), span, (("columns", True),))
        if all(len(line) == 1 for line in lines):
            return Apply("rows", tuple(line[0] for line in lines), span)
        return Apply(
            "rows", tuple(self.apply("rows", *line, columns=True) for line in lines), span, (("columns", True),)
        )

    def row(self) -> list[Expression]:
        found = [self.sum()]
        while self.accept(","):
            found.append(self.sum())
        return found

    def norm(self) -> Expression:
        opening = self.take()
        self.bars.append(opening.type)
        inner = self.sum()
        self.bars.pop()
        closing = self.expect(opening.type, f"an operator or {opening.text!r}")
        span = opening.span.to(closing.span)
        if opening.type == "|":
            return self.apply("abs", inner, span=span)
        p: Any = 2
        if self.accept("_"):
            token = self.accept("NUMBER", "NAME") or self.fail("1, 2 or F")
            if token.text not in ("1", "2", "F"):
                self.place -= 1
                self.fail("1, 2 or F")
            p = 1 if token.text == "1" else 2
        if p == 2 and self.at("^") and self.tokens[self.place + 1].text == "2":
            self.take()
            return Apply("sqnorm", (inner,), span.to(self.take().span))
        if (
            p == 2
            and self.at("^")
            and [t.text for t in self.tokens[self.place + 1 : self.place + 4]] == ["(", "2", ")"]
        ):
            self.place += 4
            return Apply("sqnorm", (inner,), span.to(self.tokens[self.place - 1].span))
        return Apply("norm", (inner,), span, (("p", p),) if p != 2 else ())


def _without_index(expression: Expression, index: str) -> Expression:
    """``y_i log p_i`` under ``sum_i`` is ``y ⊙ log p``: the index falls away, products are element by element."""
    if isinstance(expression, Name):
        return Name(expression.name.removesuffix(f"_{index}"), expression.span)
    if isinstance(expression, Number):
        return expression
    operation = "mul" if expression.operation == "product" else expression.operation
    return Apply(
        operation, tuple(_without_index(a, index) for a in expression.arguments), expression.span, expression.options
    )
