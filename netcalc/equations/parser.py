r"""Tokens → syntax. Nothing is evaluated, and nothing of an equation is ever executed.

::

    equations = [ equation | given ] { ( ";" | "," | "where" | newline ) [ equation | given ] }
    given     = NAME { "," NAME } "∈" ( "ℝ" | set ) [ "^" sizes ]        x ∈ ℝ^256, y ∈ {0, 1}
    sizes     = size | "(" size { "×" size } ")"     size = NUMBER | [ NUMBER ] NAME [ ( "+" | "-" ) NUMBER ]
    equation  = [ NAME [ "(" NAME { "," NAME } ")" ] "=" ] { ( NAME | unstated ) "=" } sum
                [ "∈" ( "ℝ" | set ) [ "^" sizes ] ]
                                                                         without a name it is called "result"
    sum       = [ "-" ] term { ( "+" | "-" ) term }
    term      = chain { ( "*" | "⊙" ) chain }                            element by element
    chain     = power { [ "·" | "@" | "×" | "/" ] power }                side by side: a product
    power     = atom { TRANSPOSE | "^" exponent }
    exponent  = NUMBER | NAME | "(" sum ")"
    atom      = NUMBER | NAME | call | "(" sum ")" | rows | norm
    call      = FUNCTION [ "^" NUMBER ] "(" [ argument { "," argument } ] ")"
              | FUNCTION [ "^" NUMBER ] power { power }                  log p, sin^2 x, tanh W x
              | SUM [ "_" indices ] [ "^" exponent ] term                \sum_i (y_i - t_i)^2 sums squares
              | "frac" "(" sum ")" "(" sum ")"
              | "cases" "(" case { ";" case } ")"    case = sum [ "," ] ( condition | "otherwise" )
              | "where" "(" condition "," sum "," sum ")"
              | "indicator" [ "_" ] "(" condition ")"
    argument  = OPTION [ "=" ] value | SIZE | sum                        stride 1, padding=0, 2×2
    rows      = "[" row { ";" row } "]"          row = sum { "," sum }   [x; 1], [2, 1], [[1, 0], [2, 1]]
              | "[" condition "]"                                      [x > 0] is 1 where it holds, else 0
    condition = sum COMPARISON sum [ COMPARISON sum ]                    x > 0, -1 <= x < 1
    inner     = "⟨" sum "," sum "⟩"
    norm      = "‖" sum "‖" [ "_" ( "1" | "2" | "F" ) ] | "|" sum "|"
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Collection, Iterator, NamedTuple, NoReturn

from netcalc.dims import Dim, symbol
from netcalc.equations.conditions import COMPARISONS, gap, is_condition
from netcalc.equations.exact import PI, Exact
from netcalc.equations.exact import text as number_text
from netcalc.equations.syntax import Apply, Equation, Expression, Name, Number
from netcalc.equations.tokens import END, MAX_DEPTH, SUM_SIGN, Token, tokenize
from netcalc.errors import Span, SpecError, did_you_mean

MAX_HEIGHT = 200
OPTIONS = ("stride", "padding", "dilation", "output_padding", "axis", "p", "size")
OPAQUE = ("f", "g", "φ", "ψ", "ℓ")
ALIASES = {
    "σ": "sigmoid",
    "ln": "log",
    "lrelu": "leaky_relu",
    "leakyrelu": "leaky_relu",
    "swish": "silu",
    "heaviside": "step",
    "l1_loss": "mae",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    **{
        f"{loss}_loss": loss
        for loss in (
            "mse",
            "smooth_l1",
            "huber",
            "bce",
            "bce_with_logits",
            "cross_entropy",
            "nll",
            "kl_div",
            "poisson_nll",
            "soft_margin",
            "hinge_embedding",
        )
    },
    SUM_SIGN: "sum",
}
EXTREMES = {"max": "amax", "min": "amin"}
"""``\\max_k s_k`` is the greatest entry, as torch calls it."""
_WINDOW = ("size", "stride", "padding")
TAKES = {  # the options of a function; the others take none
    "conv": ("stride", "padding", "dilation"),
    "convtranspose": ("stride", "padding", "dilation", "output_padding"),
    "maxpool": (*_WINDOW, "dilation"), "max": (*_WINDOW, "dilation"), "min": (*_WINDOW, "dilation"),
    "avgpool": _WINDOW, "softmax": ("axis",), "logsoftmax": ("axis",), "norm": ("p",),
}  # fmt: skip
LOSSES = ("L", "J", "ℒ")
ROOTS = ("sqrt", "cbrt")
_MODEL = re.compile(r"[a-zα-ω]_[α-ωΑ-Ω]$")  # h_θ(x)
_REDUCING = ("sum", "mean", "prod", "amax", "amin")
_MATRICES = "ABKQUVWXYZΘ"
_DERIVATIVE = re.compile(
    r"frac\s*\{\s*d(?:\^\{?\d\}?)?\s*(?:\\?[^\W\d_]+[^{}]*(?:\{[^{}]*\})?)?\}\s*\{\s*d\s*\\?[^\W\d_]"
    r"|(?<!\w)d(?:[^\W\d_][\w']*)?\s*/\s*\(?d[^\W\d_]"
)
"""``\\frac{dL}{dx}``, ``dL/dx``."""


def function_words() -> frozenset[str]:
    """Every word that is a function."""
    from netcalc.equations.operations import FUNCTIONS

    return frozenset({*FUNCTIONS, *ALIASES, "max", "min", "frac", "where"})


class Declaration(NamedTuple):
    """A shape that the text itself gives: ``x ∈ ℝ^256``."""

    name: str
    shape: tuple[Dim, ...]
    span: Span


def parse(text: str, known: Collection[str] = ()) -> tuple[Equation, ...]:
    """The equations of a text; ``known`` are names of several letters that it may use.

    >>> [equation.name for equation in parse("h = max(0, W1 x + b1); f = W2 h")]
    ['h', 'f']

    Raises SpecError that points at the character.
    """
    return read(text, known)[0]


def read(text: str, known: Collection[str] = ()) -> tuple[tuple[Equation, ...], tuple[Declaration, ...]]:
    r"""The equations of a text, and the shapes it gives.

    >>> [(one.name, one.shape) for one in read(r"y = W x, x \in \mathbb{R}^3, W ∈ R^{C × 3}")[1]]
    [('x', (3,)), ('W', (C, 3))]
    """
    functions = function_words()
    defined = _left_sides(text)
    tokens = tokenize(text, functions, {*known, *defined, *OPTIONS})
    parser = _Parser(text, tokens, {*known, *defined})
    return parser.equations(), tuple(parser.declared)


def declarations(text: str) -> tuple[Declaration, ...]:
    """The shapes that a text gives which holds nothing else: ``W_1, W_2 ∈ R^{3×3}``."""
    parser = _Parser(text, tokenize(text, function_words()), set())
    while not parser.at(END):
        if not parser.accept(";", ",") and not parser.declares():
            parser.fail("a name and its shape, such as x ∈ R^256")
    return tuple(parser.declared)


def parse_value(text: str) -> Expression:
    """One expression of numbers, such as ``[pi/2, pi]``."""
    return _Parser(text, tokenize(text, function_words()), set()).whole()


def _left_sides(text: str) -> set[str]:
    """The names of several letters that stand before an ``=``."""
    start = r"(?:^|[;,\n$]|\\\\|\\begin\{\w+\*?\})\s*(?:\\(?:operatorname|mathrm|text)\s*\{)?"
    found = re.findall(start + r"([^\W\d_][\w']*)\}?\s*(?:\([^()=]*\)\s*)?&?:?=(?!=)", text)
    several = (name for name in found if not re.fullmatch(r"[^\W\d_]_\d+", name))  # h_1 is h1, of one letter
    return {unicodedata.normalize("NFC", name) for name in several if name not in OPTIONS}


class _Parser:
    def __init__(self, text: str, tokens: list[Token], known: set[str]) -> None:
        self.text, self.tokens, self.known = text, tokens, known
        self.place = 0
        self.depth = self.nested = 0
        self.open: list[str] = []  # the running indices of the sums that are open
        self.whole_index = False  # W_ij was summed over i and j at once
        self.summed: set[str] = set()  # the names that have lost a running index
        self.order: dict[frozenset[str], str] = {}  # of the indices of W_ij under a sum over both
        self.running: set[str] = set()  # every index that was summed over in this equation
        self.defined: dict[str, list[str]] = {}  # f(x) = …
        self.bars: list[str] = []  # the norm or absolute value that is open
        self.declared: list[Declaration] = []  # x ∈ ℝ^3
        self.matrices: set[str] = set()  # W of W_ij, under a sum over both
        self.limit = ""  # n, of the sum from 1 to n that was read last

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
        self.define_functions()
        while not self.at(END):
            if self.accept(";", ",") or self.declares():
                continue
            found += self.chained()
            if self.accept("∈"):  # y = W x ∈ ℝ^10
                self.declare([found[-1].name], found[-1].span)
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
        return self.elements(found)

    def declares(self) -> bool:
        """``W_1, W_2 ∈ ℝ^{m × n}``, if that is what comes; of a set of numbers each name has the shape behind it."""
        begin, names = self.place, [self.token]
        while self.accept("NAME") and self.accept(","):
            names.append(self.token)
        if not self.accept("∈"):
            self.place = begin
            return False
        self.declare([name.text for name in names], names[0].span)
        return True

    def declare(self, names: list[str], start: Span) -> None:
        """The set behind the ``∈``, as the shape of each name."""
        if self.at("(", "["):  # {0, 1}, [0, 1]
            self.place = self.bracket()[0]
            self.accept(")", "]") or self.fail("the end of the set")
        elif not self.accept("ℝ") and self.token.text == "R":
            self.take()
        elif self.tokens[self.place - 1].type != "ℝ":
            self.fail("a set of numbers: ℝ^256, R^{m × n}, {0, 1}")
        shape = self.sizes()
        span = start.to(self.tokens[self.place - 1].span)
        self.declared += [Declaration(name, shape, span) for name in names]
        if not self.at(END, ";", ","):
            self.fail("';' or ',' behind a shape", hint="sizes of several axes: ℝ^{m × n}")

    def sizes(self) -> tuple[Dim, ...]:
        if self.at("TRANSPOSE"):  # ℝ^T
            self.take()
            return (symbol("T"),)
        if not self.accept("^"):
            return ()
        if not self.accept("("):
            return self.size()
        found = self.size()
        while self.accept("×", "·") or self.token.text == "x" and self.take():
            found += self.size()
        self.expect(")", "× and another size, or '}'")
        return found

    def size(self) -> tuple[Dim, ...]:
        """One size, or those that stand in one word: ``4x6``."""
        if word := self.accept("SIZE"):
            return tuple(int(part) for part in word.text.replace("×", "x").split("x"))
        number = self.accept("NUMBER")
        letter = None if self.token.text == "x" and number else self.accept("NAME")
        digits = number.text.removesuffix(".") if number else "1"  # ℝ^3. ends a sentence
        if number is None and letter is None or not digits.isdigit() or not int(digits):
            self.place -= number is not None
            self.fail("a size: 256, n, 2d or n + 1")
        size: Dim = int(digits) * (symbol(letter.text) if letter else 1)
        if sign := self.accept("+", "-"):
            size = size + self.whole_number() * (1 if sign.type == "+" else -1)
        return (size,)

    def elements(self, found: list[Equation]) -> tuple[Equation, ...]:
        """``p_i = exp(z_i) / sum_j exp(z_j)`` is said of every i: without its index, element by element."""
        done = False
        while not done:
            done = True
            for place, equation in enumerate(found):
                for name in [Name(equation.name, equation.span), *_names(equation.expression)]:
                    base, index = _indexed(name.name)
                    outer, _, inner = name.name.partition("_")
                    if "_" in inner and outer in self.summed:
                        hint = "with a one-hot y the element is the sum over j of y_j f_j; or cross_entropy(f, y)"
                        self.wrong_index(name, f"{name.name} is one element of {outer}, which is summed over", hint)
                    if not index or base not in self.summed:
                        continue
                    own = _indexed(equation.name)[1]
                    if index != own or len(index) > 1:
                        self.wrong_index(name, f"{name.name} is one element of {base}", "write the equation in vectors")
                    self.check_products(equation.expression, index)
                    stripped = self.without(equation.expression, (index,), [])
                    found[place] = Equation(_indexed(equation.name)[0], stripped, equation.span)
                    self.summed.add(found[place].name)
                    done = False
                    break
        return tuple(found)

    def check_products(self, expression: Expression, index: str) -> None:
        for part in parts_of(expression):
            if isinstance(part, Apply) and part.operation in ("product", "matmul"):
                with_index = [any(_indexed(n.name)[1] == index for n in _names(a)) for a in part.arguments]
                if any(with_index) and not all(with_index):
                    plain = part.arguments[with_index.index(False)]
                    if any(n.name not in self.summed for n in _names(plain)):
                        raise SpecError(
                            "syntax", f"an element with index {index} beside what has no index",
                            expected="an equation in vectors", span=part.span, source=self.text,
                            hint=f"for all samples at once: X w for w^T x_{index}, X W^T for W x_{index}; "
                                 "or put it into the sum",
                        )  # fmt: skip

    def wrong_index(self, name: Name, message: str, hint: str) -> NoReturn:
        raise SpecError(
            "bad-index", message, expected="one running index", found=name.name, hint=hint, span=name.span,
            source=self.text,
        )  # fmt: skip

    def hint(self) -> str:
        return (
            "one rule for each name: keep one side, or call the other y': y = …; y' = …"
            if self.at("=")
            else "a bracket too many"
            if self.at(")", "]")
            else ""
        )

    def define_functions(self) -> None:
        """Which functions the text states: ``f(x) = …`` may stand behind the equation that reads ``f(x)``."""
        for place, token in enumerate(self.tokens):
            if token.type == "NAME" and (not place or self.tokens[place - 1].type in (";", ",")):
                self.place = place
                self.left_side()
        self.place = 0

    def chained(self) -> list[Equation]:
        """``y = a = W x`` says ``a = W x; y = a``; in ``s = f(x; W) = W x`` the last side says what f is."""
        start, names, calls = self.token.span, [self.left_side() or "result"], []
        while names != ["result"] and (behind := self.restated()):
            if behind == self.place + 1:
                names.append(self.token.text)
            else:
                calls.append((self.place, behind))
            self.place = behind + 1
        last = self.equation(names[-1], start)
        for call in calls:
            self.check_restated(*call, last)
        chain = [Equation(a, Name(b, last.span), last.span) for a, b in pairwise(names)]
        return [last, *reversed(chain)]

    def restated(self) -> int:
        """Where the ``=`` stands behind a name, or behind a call of a function that nobody stated; else 0."""
        following = self.tokens[min(self.place + 1, len(self.tokens) - 1)]
        if not self.at("NAME") or following.type == "=":
            return self.place + 1 if self.at("NAME") else 0
        word, begin = self.token, self.place
        stated = word.text in self.known or word.text in self.defined
        if following.type != "(" or word.span.end != following.span.start or stated:
            return 0
        self.place += 1
        end, commas = self.bracket()
        listed = commas or any(token.type in (";", "|") for token in self.tokens[begin:end])
        self.place = begin
        function = word.text[:1] in OPAQUE or listed or _MODEL.match(word.text)
        return end + 1 if function and self.tokens[min(end + 1, len(self.tokens) - 1)].type == "=" else 0

    def check_restated(self, begin: int, end: int, last: Equation) -> None:
        """What a call computes with is read by the rule too: no weight of ``g(W x)`` is left out."""
        inside = self.tokens[begin + 2 : end - 1]
        kinds = [token.type for token in inside]
        if {*kinds[::2]} <= {"NAME"} and {*kinds[1::2]} <= {",", ";", "|"}:  # f(x; W) only lists what f reads
            return
        read = {one.name for one in _names(last.expression)}
        for token in inside:
            if token.type == "NAME" and token.text not in read:
                raise SpecError(
                    "syntax", f"{token.text} is read here, and not by what this is equal to",
                    expected=f"a rule that reads {token.text}", found=token.text, span=token.span, source=self.text,
                    hint=f"two equations: z = …; {last.name} = …",
                )  # fmt: skip

    def equation(self, name: str, start: Span) -> Equation:
        self.running = set()
        expression = self.checked(self.sum())
        for one in _names(expression):
            index = _indexed(one.name)[1]
            if index in self.running and _indexed(name)[1] != index:
                self.wrong_index(
                    one, f"{one.name} stands outside of the sum over {index}", "put brackets behind the sum"
                )
        return Equation(name, expression, start.to(expression.span))

    def left_side(self) -> str:
        """``f =`` or ``f(x) =``, if that is what comes."""
        begin = self.place
        token = self.accept("NAME", "FUNCTION")
        arguments: list[str] = []
        if token and self.accept("("):
            while one := self.accept("NAME", ",", ";", "=", "|", "NUMBER"):  # p(y=1|x) too
                arguments += [one.text] * (one.type not in (",", ";"))
            self.accept(")")
        if token and self.accept("="):
            if arguments:
                self.defined[token.text] = arguments
            if token.type == "FUNCTION":
                self.place = begin
                self.fail("a name", f"{token.text!r} is a function and cannot be defined", hint="choose another name")
            return token.text
        self.place = begin
        return ""

    def whole(self) -> Expression:
        expression = self.checked(self.sum())
        if not self.at(END):
            self.fail("the end of the value")
        return expression

    def checked(self, expression: Expression) -> Expression:
        """Refuses what is nested more deeply than the machine can follow, such as a sum of thousands of terms."""
        heights: dict[int, int] = {}
        for part in reversed(list(parts_of(expression))):  # the arguments before what is made of them
            inner = part.arguments if isinstance(part, Apply) else ()
            height = heights[id(part)] = 1 + max((heights[id(one)] for one in inner), default=0)
            if height > MAX_HEIGHT:
                raise SpecError(
                    "too-large", "an expression of too many operations on end", expected=f"at most {MAX_HEIGHT}",
                    hint="divide it into several equations", span=Span(part.span.end - 1, part.span.end),
                    source=self.text,
                )  # fmt: skip
        return expression

    # ------------------------------------------------------------ expressions

    def sum(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.too_deep("brackets are nested too deeply", MAX_DEPTH)
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

    def too_deep(self, message: str, most: int) -> NoReturn:
        raise SpecError("too-deep", message, expected=f"at most {most}", span=self.token.span, source=self.text)

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
                self.check_derivative(left.span.to(self.token.span if self.at("NAME") else left.span))
            elif self.accept("@"):
                left = self.apply("matmul", left, self.power())
            elif (sign := self.accept("·", "×")) or self.begins_factor():
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
                self.check_number_of_equation()
                written: dict[str, Any] = {"dot": True} if sign else {}
                left = self.apply("product", left, self.power(), **written)
            else:
                return left

    def check_number_of_equation(self) -> None:
        """``y = W x (1)``: is the equation's number printed beside it, or is it a factor?"""
        place = self.tokens[self.place : self.place + 4]
        alone = [token.type for token in place[:3]] == ["(", "NUMBER", ")"] and place[3].type in (END, ";")
        if alone and self.text[place[0].span.start - 1].isspace() and place[1].text.isdigit():
            number = place[1].text
            self.fail("an operator", f"({number}): a factor, or the number of the equation?",
                      hint=rf"\tag{{{number}}} is the number of an equation, · {number} a factor")  # fmt: skip

    def check_derivative(self, span: Span) -> None:
        """``dL/dx`` is no quotient."""
        if _DERIVATIVE.search(span.of(self.text)):
            raise SpecError(
                "syntax", "a derivative is not computed within an equation", expected="a quotient, or no derivative",
                found=span.of(self.text), span=span, source=self.text,
                hint="--gradients gives the gradient in every input; a quotient with a factor d takes another letter",
            )  # fmt: skip

    def operand(self, word: Token) -> Expression:
        """What a function without brackets is applied to: the product up to an operator or the next function."""
        found, factors = self.power(), 1
        while self.at("NUMBER", "NAME"):
            if self.at("NUMBER") and isinstance(found, Number):
                return found
            found, factors = self.apply("product", found, self.power()), factors + 1
        several = factors > 1 and self.at("/")
        joined = self.at("·", "×", "@", "*", "⊙") and (factors > 1 or isinstance(found, Number))
        last = found.arguments[-1] if isinstance(found, Apply) and found.operation == "product" else found
        weight = isinstance(last, Name) and last.name[0] in _MATRICES or _is_transpose(last)
        glued = self.at("(", "[") or self.at("FUNCTION") and weight or self.begins_factor() and self.at("NORM", "|")
        if several or joined or glued:
            written = found.span.of(self.text)
            self.fail(
                "an operator, or brackets", f"how far does {word.text} reach here?",
                hint=f"brackets say it: {word.text}({written}) … or {word.text}({written} …)",
            )  # fmt: skip
        return found

    def quotient(self, left: Expression, right: Expression) -> Expression:
        if isinstance(left, Number) and isinstance(right, Number) and right.value != 0:
            return Number(left.value / right.value, left.span.to(right.span))
        return self.apply("div", left, right)

    def begins_factor(self) -> bool:
        bar = self.bars[-1] if self.bars else ""
        return (
            self.at("NUMBER", "NAME", "FUNCTION", "(", "[", "⟨", "SIZE")
            or self.at("NORM", "|")
            and self.token.type != bar
        )

    def power(self) -> Expression:
        self.nested += 1
        if self.nested > 2 * MAX_DEPTH:
            self.too_deep("functions are nested too deeply", 2 * MAX_DEPTH)
        if minus := self.accept("-"):
            operand = self.power()
            self.nested -= 1
            return self.apply("neg", operand, span=minus.span.to(operand.span))
        base = self.raised(self.atom())
        self.nested -= 1
        return base

    def raised(self, base: Expression) -> Expression:
        while self.at("TRANSPOSE", "^"):
            sign = self.take()
            if sign.type == "TRANSPOSE":
                base = self.apply("transpose", base, span=base.span.to(sign.span))
                continue
            exponent = self.exponent()
            span = base.span.to(self.tokens[self.place - 1].span)
            if isinstance(base, Name) and base.name == "e" and "e" not in self.known:
                base = self.apply("exp", exponent, span=span)
            else:
                base = self.apply("pow", base, exponent, span=span)
            if self.at("^"):
                self.fail("an operator", "a power of a power", hint="write (x^2)^3 or x^{2^3}")
        return base

    def exponent(self) -> Expression:
        if minus := self.accept("-"):
            if not self.at("NUMBER", "NAME"):
                self.fail("an exponent: a number, or { … }")
            inner = self.atom()
            return self.apply("neg", inner, span=minus.span.to(inner.span))
        if self.at("NUMBER", "NAME"):
            return self.atom()
        self.expect("(", "an exponent: a number, or { … }")
        exponent: Expression = self.fenced(self.sum, ")")
        return exponent

    def atom(self) -> Expression:
        token = self.token
        if self.accept("NUMBER"):
            return Number(Exact.of(Fraction(token.text)), token.span)
        if token.type == "NAME" and token.text == "π":
            self.take()
            return Number(PI, token.span)
        if self.at("NAME"):
            return self.named(self.take())
        if self.accept("FUNCTION"):
            return self.call(token)
        if self.accept("("):
            inner: Expression = self.fenced(self.sum, ")")
            if isinstance(inner, Apply) and inner.operation == "product":  # they say what is multiplied first
                return replace(inner, options=(("brackets", True),))
            return inner
        if self.at("["):
            return self.rows()
        if self.accept("⟨"):
            return self.inner(token)
        if self.at("NORM", "|"):
            return self.norm()
        self.fail(
            "a name, a number or a function",
            hint="a size such as 2x2 belongs to maxpool(x, 2x2)" if self.at("SIZE") else "",
        )

    def inner(self, opening: Token) -> Expression:
        """``⟨w, x⟩``: the inner product of two vectors."""

        def inside() -> tuple[Expression, Expression]:
            left = self.sum()
            self.expect(",", "',' between the two vectors")
            return left, self.sum()

        left, right = self.fenced(inside, "⟩")
        span = opening.span.to(self.tokens[self.place - 1].span)
        return self.apply("product", self.apply("transpose", left), right, span=span, brackets=True, inner=True)

    def named(self, token: Token) -> Expression:
        """A name, or a function that is only named: ``g(z)``, ``L(z, y)``, or ``f(x)`` where f(x) is defined."""
        commas, glued_bracket = False, self.at("(") and token.span.end == self.token.span.start
        if self.at("(") and [one.type for one in self.tokens[self.place : self.place + 3]] == ["(", "NAME", ")"]:
            index = self.tokens[self.place + 1].text
            if index in self.open and index not in self.known:  # p(x) under a sum over x is p_x
                self.place += 3
                return Name(f"{token.text}_{index}", token.span.to(self.tokens[self.place - 1].span))
        if self.at("("):
            stem, glued = token.text[:1], token.span.end == self.token.span.start
            behind, commas = self.bracket()
            if token.text in self.defined:
                inside = [one.text for one in self.tokens[self.place + 1 : behind] if one.type not in (",", ";")]
                if inside != self.defined[token.text]:
                    said = f"{token.text}({', '.join(self.defined[token.text])})"
                    self.fail("an operator", f"{said} is defined; nothing else is put into it", hint="write it out")
                self.place = behind + 1
                return Name(token.text, token.span.to(self.tokens[behind].span))
            if token.text in OPAQUE and token.text not in self.known:
                return self.call(token)
            if token.text in LOSSES and (commas or glued and token.text not in self.known):
                return self.call(token._replace(text="loss"))
            if token.text not in self.known and stem in OPAQUE and glued:  # g^{[1]}(z)
                return self.call(token._replace(text=stem))
            if token.text not in self.known and stem == "σ" and token.text == "σ'":
                self.place -= 1
                self.fail("a function", "a derivative is not computed within an equation",
                          hint="of the sigmoid it is σ(z) (1 − σ(z)); --gradients gives every gradient")  # fmt: skip
            if token.text not in self.known and len(token.text) > 1 and stem == "σ":
                self.place -= 1
                self.fail("a function", f"{token.text!r} is not a function that is known", hint=f"write {stem}(…)")
        if glued_bracket and commas and token.text not in self.known:
            self.place -= 1
            self.fail("a function that is stated", f"{token.text}(…) is a function that nobody stated",
                      hint="write what it computes, or a loss such as cross_entropy(z, y)")  # fmt: skip
        if glued_bracket and _MODEL.match(token.text) and token.text not in self.known:
            self.place -= 1
            self.fail("a product or a function that is stated", f"{token.text}(…) is a function that nobody stated",
                      hint=f"write what it is in its place, such as θ^T x for {token.text}(x)")  # fmt: skip
        if token.text == "Σ" and token.text not in self.known:
            self.place -= 1
            self.fail("a sum or a matrix", "Σ may be a sum or a matrix", hint=r"∑ or \sum is the sum; S the matrix")
        return Name(token.text, token.span)

    def bracket(self) -> tuple[int, bool]:
        """Where the bracket that begins here ends, and whether commas are in it."""
        depth, commas = 0, False
        for place in range(self.place, len(self.tokens)):
            kind = self.tokens[place].type
            depth += (kind in ("(", "[", "⟨")) - (kind in (")", "]", "⟩"))
            commas |= depth == 1 and kind == ","
            if not depth:
                return place, commas
        return len(self.tokens) - 1, commas

    def fenced(self, inner: Any, closing: str) -> Any:
        bars, self.bars = self.bars, []
        found = inner()
        self.expect(closing, f"an operator or {closing!r}")
        self.bars = bars
        return found

    def call(self, word: Token) -> Expression:
        name = ALIASES.get(word.text, word.text)
        if name in ("cases", "where", "indicator"):
            return getattr(self, name)(word)  # type: ignore[no-any-return]
        if name == "frac":
            top = self.braced()
            found = self.quotient(top, self.braced())
            self.check_derivative(word.span.to(self.tokens[self.place - 1].span))
            return found
        if name in EXTREMES and self.at("_"):
            name = EXTREMES[name]
        summing = name in ("sum", "mean", "prod", *EXTREMES.values())
        indices = self.indices() if summing else ()
        base = self.base() if name == "log" and self.at("_") else None
        if self.at("_"):
            self.fail("(", f"{word.text} takes no index here")
        power = None
        if self.at("^") and not summing:
            self.take()
            power = self.exponent()
            if not isinstance(power, Number) or not power.value > 0:
                self.place -= 1
                self.fail("a positive number", f"a power of the function {word.text}", hint="arcsin is not known")
        operator = word.text == SUM_SIGN or bool(indices)
        if summing and self.at("(") and word.span.end < self.token.span.start:
            operator |= self.tokens[min(self.bracket()[0] + 1, len(self.tokens) - 1)].type == "^"
        if operator or name == "sum" and not self.at("("):
            return self.summation(name, indices, word)
        if self.accept("("):
            arguments, options = self.fenced(lambda: self.arguments(name), ")")
            span = word.span.to(self.tokens[self.place - 1].span)
            self.check_arity(name, arguments, options, span)
            found = Apply(name, tuple(arguments), span, tuple(options.items()))
        else:
            if not self.begins_factor():
                self.fail(f"what {word.text} is applied to: {word.text}(…)")
            operand = self.power() if name in ROOTS or self.at("(") else self.operand(word)
            span = word.span.to(operand.span)
            self.check_arity(name, [operand], {}, span)
            found = self.apply(name, operand, span=span)
        if base is not None:
            found = self.apply("div", found, self.apply("log", base), span=found.span)
        return found if power is None else self.apply("pow", found, power, span=found.span)

    def base(self) -> Number:
        """The base of a logarithm: ``_2``, ``_{10}``."""
        self.take()
        braces = self.accept("(")
        if not self.at("NUMBER") or Fraction(self.token.text) in (0, 1):
            self.fail("the base of the logarithm, a number such as 2", hint="log x / log b has the base b")
        token = self.take()
        if braces:
            self.expect(")")
        return Number(Exact.of(Fraction(token.text)), token.span)

    def summation(self, name: str, indices: tuple[str, ...], word: Token) -> Expression:
        """A sum of the whole term that follows: ``\\sum_i (y_i - t_i)^2`` sums squares."""
        outside = list(self.open)
        for index in indices:
            if index in outside:
                self.fail("another index", f"{index} already runs in the sum around this one")
        self.open += indices
        limit, self.limit = self.limit, ""
        self.running.update(indices)
        before = len(self.summed)
        if not self.begins_factor() and not self.at("-"):
            self.fail(f"what {word.text} is applied to: {word.text}(…)")
        operand = self.term()
        self.open = outside
        if indices:
            present = any(set(_indexed(one.name)[1]) & set(indices) for one in _names(operand))
            both, self.whole_index = self.whole_index, False
            if both and isinstance(operand, Apply) and operand.operation == name and not present:
                self.whole_index = bool(outside)
                return Apply(name, operand.arguments, word.span.to(operand.span), operand.options)
            if not present and len(self.summed) > before:
                self.place -= 1
                self.fail("the running index", f"{indices[0]} does not occur under its sum")
            if self.mixed(operand, {*indices, *outside}):
                return self.over_samples(name, operand, indices, limit, outside, word)
            self.check_axes(operand, {*indices, *outside})
            operand = self.without(operand, indices, outside)
        options = {"limit": limit} if limit else {}
        if len(indices) == 1 and not outside and name in ("sum", "mean"):
            options["index"] = indices[0]
        if matrices := tuple(sorted(self.matrices & {one.name for one in _names(operand)})):
            options["matrices"] = " ".join(matrices)
        return self.apply(name, operand, span=word.span.to(operand.span), **options)

    def check_axes(self, operand: Expression, letters: set[str]) -> None:
        """``W_ij x_j`` repeats x along the rows of W; ``W_ij x_i`` would have to repeat it along the columns."""
        names = [(one, _indexed(one.name)[1]) for one in _names(operand)]
        for one, index in names:
            for _, both in names:
                if index in letters and len(both) == 2 and both[0] == index:
                    hint = "write it with matrices: sum(W^T x) for the sum over i and j of W_ij x_i"
                    self.wrong_index(one, f"{one.name} beside what has the indices {both}", hint)

    def mixed(self, expression: Expression, letters: set[str]) -> bool:
        """Is it of vectors: a name without a running index beside one with it (``w^T x_i``), ``x_i^T``, or a norm?"""
        from netcalc.equations.operations import LOSSES as STATED

        if not isinstance(expression, Apply) or expression.operation in _REDUCING:
            return False
        if expression.operation in {"norm", "sqnorm", "transpose", *STATED} - {"loss", "ℓ"}:
            return any(set(_indexed(name.name)[1]) & letters for name in _unreduced(expression))
        sides = [list(_unreduced(argument)) for argument in expression.arguments]
        indexed = [any(set(_indexed(name.name)[1]) & letters for name in names) for names in sides]
        beside = [names for names, has in zip(sides, indexed) if names and not has]
        return any(indexed) and bool(beside) or any(self.mixed(a, letters) for a in expression.arguments)

    def over_samples(
        self, name: str, operand: Expression, indices: tuple[str, ...], limit: str, outside: list[str], word: Token
    ) -> Expression:
        """A sum over samples: which of them are numbers and which are vectors is for the shapes to say."""
        if len(indices) > 1 or outside or name not in ("sum", "mean"):
            first = next(one for one in _names(operand) if set(_indexed(one.name)[1]) & {*indices, *outside})
            hint = "write the inner sum as a product of matrices: W x for the sum over j of W_ij x_j"
            self.wrong_index(first, f"{first.name} beside names without its index, not under one sum alone", hint)
        marked = self.marked(operand, indices[0])
        options = {"over": indices[0], **({"limit": limit} if limit else {})}
        return self.apply(name, marked, span=word.span.to(operand.span), **options)

    def marked(self, expression: Expression, letter: str) -> Expression:
        if isinstance(expression, Name):
            base, index = _indexed(expression.name)
            if index == letter:
                self.summed.add(base)
                return Name(base, expression.span, index)
            if letter in index:
                hint = "write the sum in matrices: W x for the sum over j of W_ij x_j"
                self.wrong_index(expression, f"{expression.name} under a sum over {letter}", hint)
        if not isinstance(expression, Apply):
            return expression
        return Apply(
            expression.operation, tuple(self.marked(a, letter) for a in expression.arguments), expression.span,
            expression.options,
        )  # fmt: skip

    def without(self, expression: Expression, indices: tuple[str, ...], outside: list[str]) -> Expression:
        """``y_i log p_i`` under ``sum_i`` is ``y ⊙ log p``: the index falls away, products are element by element."""
        if isinstance(expression, Number):
            return expression
        if isinstance(expression, Name):
            base, index = _indexed(expression.name)
            running = [*outside, *indices]
            if not index or not set(index) & set(running):
                return expression
            if index in indices and len(indices) == 1:
                self.summed.add(base)
                return Name(base, expression.span)
            alike = len(index) == len(running) > 1 and set(index) == set(running)
            if alike and self.order.setdefault(frozenset(index), index) == index:
                self.summed.add(base)
                self.matrices.add(base)
                self.whole_index = True
                return Name(base, expression.span)
            if outside and index in outside:
                hint = "put it in front of the sum"
            else:
                hint = "write a product of matrices: W x for the sum over j of W_ij x_j"
            self.wrong_index(expression, f"{expression.name} under a sum over {', '.join(running)}", hint)
        letters = {*indices, *outside}
        used = [any(set(_indexed(n.name)[1]) & letters for n in _names(a)) for a in expression.arguments]
        operation = "mul" if expression.operation == "product" and all(used) else expression.operation
        arguments = tuple(self.without(a, indices, outside) for a in expression.arguments)
        return Apply(operation, arguments, expression.span, expression.options)

    def cases(self, word: Token) -> Expression:
        """``x if x > 0; 0 otherwise``: ``where(x > 0, x, 0)``, the first case that holds."""
        self.expect("(", "cases")
        rows: list[tuple[Expression, Apply | None]] = []

        def inside() -> None:
            while not self.at(")"):
                if rows and rows[-1][1] is None:
                    self.fail("the end of the cases", "a case behind 'otherwise'")
                value = self.sum()
                while self.accept(",", "IF"):
                    pass
                rows.append((value, None if self.accept("OTHERWISE") else self.condition()))
                while self.accept(",", ";"):
                    pass

        self.fenced(inside, ")")
        span = word.span.to(self.tokens[self.place - 1].span)
        if not rows or rows[0][1] is None:
            raise SpecError("syntax", "cases without a condition", expected=r"x & x > 0 \\ 0 & \text{otherwise}",
                            span=span, source=self.text)  # fmt: skip
        found, last = rows[-1]
        if last is not None and (missing := gap([condition for _, condition in rows if condition])):
            raise SpecError(
                "no-case", f"the cases leave out {missing}", expected="a last case for everything else",
                hint=r"\text{otherwise} in place of the last condition", span=span, source=self.text,
            )  # fmt: skip
        for value, condition in reversed(rows[:-1]):
            assert condition is not None
            found = self.apply("where", condition, value, found, span=span)
        return found

    def where(self, word: Token) -> Expression:
        """``where(x > 0, x, 0)``: the second argument where the first holds, else the third."""
        self.expect("(")

        def inside() -> list[Expression]:
            found: list[Expression] = [self.condition()]
            while self.accept(","):
                found.append(self.sum())
            return found

        arguments = self.fenced(inside, ")")
        span = word.span.to(self.tokens[self.place - 1].span)
        self.check_arity("where", arguments, {}, span)
        return self.apply("where", *arguments, span=span)

    def indicator(self, word: Token) -> Expression:
        r"""``\mathbf{1}[x > 0]``, ``\mathbb{1}_{x > 0}``: 1 where it holds, else 0."""
        low = self.accept("_")
        opening = self.accept("(", "[") or self.fail("a condition in brackets: [x > 0]")
        braces = self.accept("(") if low and self.token.span.of(self.text) == r"\{" else None
        condition: Expression = self.fenced(self.condition, {"(": ")", "[": "]"}[opening.type])
        if braces:
            self.expect(")")
        return condition

    def condition(self) -> Apply:
        """A comparison, or two on end: ``-1 <= x < 1``; conditions are multiplied."""
        found, left = None, self.sum()
        while sign := self.accept(*COMPARISONS):
            right = self.sum()
            one = self.apply(COMPARISONS[sign.type], left, right)
            found, left = (one if found is None else self.apply("mul", found, one)), right
        if found is not None:
            return found
        if isinstance(left, Apply) and is_condition(left):
            return left
        self.fail("a comparison: >, ≥, < or ≤")

    def indices(self) -> tuple[str, ...]:
        """The running indices of a sum: ``_i``, ``_{i,j}``, ``_{i=1}^{n}``; bounds are the whole axis."""
        found: list[str] = []
        upper = self.bound() if self.at("^") else None
        first = None
        if self.accept("_"):
            if self.accept("("):
                found.append(self.expect("NAME", "an index").text)
                if self.accept("="):
                    first = self.expect("NUMBER", "0 or 1, where the index begins")
                    if first.text not in ("0", "1"):
                        self.place -= 1
                        self.fail("0 or 1", "a sum over a part of the axis", hint="the index runs over the whole axis")
                else:
                    while not self.at(")"):
                        self.accept(",")
                        found.append(self.expect("NAME", "an index, or '}'").text)
                self.expect(")", "'}' behind the index: i, i,j or i=1")
            else:
                found.append(self.expect("NAME", "an index").text)
        if self.at("^"):
            upper = self.bound()
        if isinstance(upper, Apply) and not (first and first.text == "0" and upper.operation == "sub"):
            raise SpecError(
                "syntax", "a sum over a part of the axis", expected="n, or n - 1 from 0", span=upper.span,
                hint="the index runs over the whole axis", source=self.text,
            )  # fmt: skip
        last = upper.arguments[0] if isinstance(upper, Apply) else upper
        self.limit = self.text_of(last) if first and len(found) == 1 else ""
        if isinstance(upper, (Name, Number)) and first and first.text == "0":
            raise SpecError(
                "syntax", f"a sum from 0 to {self.text_of(upper)}", expected="n, or n - 1 from 0", span=upper.span,
                hint="from 1 to n, or from 0 to n - 1, it runs over the n entries", source=self.text,
            )  # fmt: skip
        return tuple(found)

    @staticmethod
    def text_of(limit: Expression | None) -> str:
        if isinstance(limit, Name):
            return limit.name
        return number_text(limit.value) if isinstance(limit, Number) else ""

    def bound(self) -> Expression:
        self.take()
        return self.exponent()

    def check_arity(self, name: str, arguments: list[Expression], options: dict[str, Any], span: Span) -> None:
        from netcalc.equations.operations import OPERATIONS

        least = most = OPERATIONS[name].arity if name in OPERATIONS else None
        hint = ""
        if name in ("maxpool", "avgpool"):
            hint, most = f"{name}(x, 2x2)", 1 if "size" in options else 2
            if len(arguments) == 2 and most == 2:
                size = arguments[1]
                value = size.value if isinstance(size, Number) else None
                whole = value.rational if isinstance(value, Exact) else None
                if whole is None or whole.denominator != 1:
                    raise SpecError(
                        "bad-argument", "the size of a window is a whole number", expected="2 or 2x2", hint=hint,
                        span=size.span, source=self.text,
                    )  # fmt: skip
        elif name in ("max", "min"):
            least = most = 1 if "size" in options else 2
            hint = f"{name}(a, b), or {name}(x, 2x2) for windows"
            only = arguments[0] if arguments else None
            if len(arguments) == 1 and isinstance(only, Apply) and only.operation == "product":
                parts = [one.span.of(self.text) for one in only.arguments]
                hint = f"a comma is missing: {name}({', '.join(parts)})"
        elif name in ("softmax", "logsoftmax"):
            hint = f"{name}(z, axis=1) names the axis"
        elif most is None:
            least = 1
        if len(arguments) < (least or 0) or most is not None and len(arguments) > most:
            takes = least if most is None or least == most else f"{least} or {most}"
            raise SpecError(
                "wrong-arguments", f"{name} takes {takes} argument{'s' if takes != 1 else ''}, not {len(arguments)}",
                expected=str(takes), found=str(len(arguments)), hint=hint, span=span, source=self.text,
            )  # fmt: skip

    def braced(self) -> Expression:
        self.expect("(", "{ … }")
        found: Expression = self.fenced(self.sum, ")")
        return found

    def arguments(self, name: str) -> tuple[list[Expression], dict[str, Any]]:
        arguments: list[Expression] = []
        options: dict[str, Any] = {}
        while not self.at(")"):
            token = self.token
            following = self.tokens[min(self.place + 1, len(self.tokens) - 1)].type
            if self.at("SIZE"):
                self.option("size", name, options)
            elif (
                self.at("NAME")
                and token.text in OPTIONS
                and token.text not in self.known
                and following in (("=",) if token.text == "p" else ("=", "NUMBER", "SIZE", "("))
            ):
                self.option(token.text, name, options)
            else:
                arguments.append(self.sum())
                if self.at("="):
                    self.unknown_option(token.span.start)
            if not self.accept(","):
                break
        return arguments, options

    def option(self, option: str, function: str, options: dict[str, Any]) -> None:
        """``stride=2``, ``padding 1`` or ``2x2``, where the function takes it."""
        start, takes = self.token.span, TAKES.get(function, ())
        if option not in takes or option in options:
            again = option in takes
            raise SpecError(
                "unknown-argument", f"{option} is stated twice" if again else f"{function} takes no option {option!r}",
                expected=f"one of {', '.join(takes)}" if takes else "no option", found=option,
                hint="it runs over all entries" if function in ("sum", "mean") and option == "axis" else "",
                span=start, source=self.text,
            )  # fmt: skip
        if not self.at("SIZE"):
            self.take()
            self.accept("=")
        place = self.token.span
        value = options[option] = self.option_value()
        if (
            isinstance(value, tuple)
            and (len(value) > 2 or option in ("axis", "p"))
            or option == "p"
            and value not in (1, 2)
        ):
            expected = {"axis": "a whole number", "p": "1 or 2"}.get(option, "one number or two, such as 2x2")
            raise SpecError(
                "bad-argument", f"{option} of {function} is {expected}", expected=expected,
                span=place.to(self.tokens[self.place - 1].span), source=self.text,
            )  # fmt: skip

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
        start, begin = self.expect("[").span, self.place

        def inside() -> Any:
            found = [self.row()]
            if self.at(*COMPARISONS):
                self.place = begin
                return self.condition()
            while self.accept(";"):
                found.append(self.row())
            return found

        lines = self.fenced(inside, "]")
        if isinstance(lines, Apply):
            return lines
        span = start.to(self.tokens[self.place - 1].span)
        only = lines[0][0] if len(lines) == len(lines[0]) == 1 else None
        if isinstance(only, Apply) and only.operation == "product" and not set(only.arguments) - set(_names(only)):
            written = [part.span.of(self.text) for part in only.arguments]
            raise SpecError(
                "syntax", "names side by side in square brackets: blocks beside one another, or their product?",
                expected="a comma, or round brackets", found=span.of(self.text), span=span, source=self.text,
                hint=f"[{', '.join(written)}] or ({' '.join(written)})",
            )  # fmt: skip
        if isinstance(only, Apply) and only.operation in ("add", "sub"):  # square brackets as brackets
            return only
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
            braced = self.accept("(")
            token = self.accept("NUMBER", "NAME") or self.fail("1, 2 or F")
            if token.text not in ("1", "2", "F"):
                self.place -= 1
                self.fail("1, 2 or F")
            p = 1 if token.text == "1" else 2
            if braced:
                self.expect(")", "'}'")
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


def parts_of(expression: Expression) -> Iterator[Expression]:
    """An expression and all that is in it, each before its arguments."""
    waiting = [expression]
    while waiting:
        yield (part := waiting.pop())
        if isinstance(part, Apply):
            waiting += part.arguments


def _names(expression: Expression) -> Iterator[Name]:
    return (part for part in parts_of(expression) if isinstance(part, Name))


def _unreduced(expression: Expression) -> Iterator[Name]:
    """The names that are not under a sum or norm of their own."""
    if isinstance(expression, Name):
        yield expression
    elif isinstance(expression, Apply) and expression.operation not in _REDUCING:
        for argument in expression.arguments:
            yield from _unreduced(argument)


def _is_transpose(expression: Expression) -> bool:
    return isinstance(expression, Apply) and expression.operation == "transpose"


def _indexed(name: str) -> tuple[str, str]:
    """A name and the letters of its index: ``y_i`` → y, i; ``W_out`` has none, and ``h_{t-1}`` has t."""
    base, _, index = name.partition("_")
    index, primes = index.rstrip("'"), "'" * index.count("'")
    if index.startswith("{"):
        return base + primes, index
    return (base + primes, index) if index.isalpha() and len(index) < 3 else (name, "")
