"""Requirements such as ``params < 5e6``, decided exactly. A tiny grammar of its own; nothing is ever executed.

    requirement = sum relation sum          relation: < <= == != >= > ≤ ≠ ≥
    sum         = product {("+" | "-") product}
    product     = value {("*" | "/" | "//") value}
    value       = size {"x" size} | "-" value
    size        = base [("**" | "^") number | superscript]
    base        = number [unit] | letter | name | "(" sum ")" | "[" sums "]" | "(" sums ")" | floor
    floor       = "⌊" value {("*" | "//") value} "/" value "⌋"
    sums        = sum {"," sum} [","]

So a formula is read as it is printed (``2·T² + ⌊(T+1)/2⌋``) or as Python has it. Numbers are exact fractions (``5e6``,
``4.1G``); units are k M G T and Ki Mi Gi Ti. Letters are the network's own and the batch's. Names are a report's
figures (``params``, ``flops``, ``rf``, ``output_shape``, ``mul``, …) or those of a layer or a block of layers:
``conv1.params``, ``layer1.flops``. Figures with one value an axis (shapes, ``rf``) compare with a shape axis by axis,
or with one number for every axis. A shape is ``8xHx(W//2)``, ``[8, H, W//2]`` or ``(8, H, W//2)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from math import comb
from operator import add, floordiv, mul, pow, sub
from typing import Any, NamedTuple, NoReturn

from netcalc.analysis.blocks import Block, block_of
from netcalc.analysis.conditions import Requirement, declarations_of, letters_of, requirements_of, simplified
from netcalc.analysis.operations import touching
from netcalc.analysis.receptive_field import receptive_fields
from netcalc.analysis.report import LayerReport, Report, shown
from netcalc.dims import Dim, Expr, holds, symbol, symbols
from netcalc.dims.algebra import terms_of
from netcalc.errors import Span, SpecError, did_you_mean
from netcalc.graph import Graph
from netcalc.layers.base import KINDS, Condition, Uncounted, shape_text

UNITS = {
    "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
TOTALS = ("params", "trainable", "buffers", "macs", "flops", "activations", "parameter_bytes", "activation_bytes")
OF_LAYER = ("params", "macs", "flops", "activations")
MAX_LENGTH = 1000
MAX_BITS = 4096  # of a number that is computed
MAX_TERMS = 1000  # of a power
MAX_POWER = 64
MAX_POWER_OF_LETTERS = 9

MEANT = {
    "parameters": "params", "parameter": "params", "weights": "params", "mac": "macs", "madds": "macs", "flop": "flops",
    "bytes": "memory", "output": "output_shape", "depth": "layers",
}  # fmt: skip
"""Other words for figures: one is not taken, but is told what to write."""

SIGNS = {"≤": "<=", "≥": ">=", "≠": "!=", "−": "-", "·": "*"}  # as they are printed
LONGEST = 100  # characters of a formula in a line on a requirement
LONGEST_WHEN = 400  # and of the conditions under which it holds
SHAPES = "shapes are written 8xHx(W//2), [8, H, W//2] or (8, H, W//2)"
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOWERED = str.maketrans(_RAISED, "0123456789")
_SIZE_ENDS = rf"(?:(?=[x×](?:\d|[A-Z(⌊]))|(?=[{_RAISED}])|(?![\w.]))"
_TOKEN = (
    r"\s*(?:(?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?:[KMGT]i|[kKMGT])?" + _SIZE_ENDS + ")"
    r"|(?P<letter>(?!\w*\.)(?:LETTERS)" + _SIZE_ENDS + r")|(?P<cross>(?<=[\w)⌋])[x×](?=\d|[A-Z(⌊]))"
    rf"|(?P<raised>[{_RAISED}]+)|(?P<name>[A-Za-z_](?:(?![{_RAISED}])\w)*(?:\.(?:(?![{_RAISED}])\w)+)*)"
    r"|(?P<sign><=|>=|==|!=|//|\*\*|[<>≤≥≠+\-−*·/()=,\[\]^⌊⌋]))"
)


class Outcome(NamedTuple):
    """Whether a requirement holds (None: letters or uncounted operations leave it open), and what was found.

    With letters it holds where it does so for all values that the network's conditions allow; ``when`` says for which
    ones, letter by letter, where it is open and that can be told. ``uncounted`` names the operations that the figures
    in it leave out: such a figure is only a lower bound.
    """

    requirement: str
    holds: bool | None
    found: str
    uncounted: tuple[str, ...] = ()
    when: str = ""

    def __str__(self) -> str:
        if self.holds:
            return f"holds: {self.requirement}"
        open_ = self.holds is None and not self.uncounted
        told = [
            f"holds when {self.when}" if self.when else "",
            self.found,
            f"not counted is {', '.join(self.uncounted)}" if self.uncounted else "",
        ]
        verdict = "open" if open_ else "failed"
        return ": ".join(filter(None, (verdict, self.requirement, "; ".join(filter(None, told)))))


def check(report: Report, requirement: str) -> Outcome:
    """Decide a requirement on a report. Raises SpecError, with the place, for one that cannot be read.

    >>> from netcalc.analysis.report import analyze
    >>> from netcalc.spec import elaborate
    >>> report = analyze(elaborate("256 -> linear 512 -> relu -> linear 1"))
    >>> print(check(report, "params < 100k"))
    failed: params < 100k: params is 132,097
    >>> check(report, "flops == 2*macs + max").holds, check(report, "linear1.output_shape == [512]").holds
    (True, True)
    >>> print(check(analyze(elaborate("T x 8 -> linear 4")), "flops < 1k"))
    open: flops < 1k: holds when T ≤ 15; flops is 64·T
    >>> report = analyze(elaborate("3xHxW -> conv 8 k3 p1 -> maxpool 2"))
    >>> check(report, "output_shape == 8x(H//2)x(W//2)").holds, check(report, "conv1.macs == 216*H*W").holds
    (True, True)
    """
    return _Reader(report, requirement).outcome()


class _Reader:
    """Reads a requirement from left to right, with the report's figures for names."""

    def __init__(self, report: Report, text: str) -> None:
        self.report, self.text = report, text
        self.tokens: list[tuple[str, str, Span]] = []
        self.named: dict[str, Any] = {}
        self.uncounted: dict[str, tuple[Uncounted, ...]] = {}
        self.depth = 0
        self.letters: dict[str, Expr] = letters_of(report.graph)
        if isinstance(report.batch, Expr):
            self.letters |= {name: symbol(name) for name in symbols(report.batch)}
        longest_first = sorted(self.letters, key=len, reverse=True)
        token = re.compile(_TOKEN.replace("LETTERS", "|".join([*longest_first, "[A-Z][a-wyzA-Z0-9_]*"])))
        if len(text) > MAX_LENGTH:
            raise SpecError("too-large", f"a requirement of more than {MAX_LENGTH} characters")
        at = 0
        while text[at:].strip():
            match = token.match(text, at)
            if not match:
                word = re.compile(r"\s*([\w.×]+|.)").match(text, at)
                assert word
                self.fail(
                    "syntax", f"{word[1]!r} means nothing here", Span(*word.span(1)), hint=_bytes(word[1]) or SHAPES
                )
            kind = match.lastgroup or ""
            self.tokens.append((kind, SIGNS.get(match[kind], match[kind]), Span(*match.span(kind))))
            at = match.end()
        self.place = 0

    def fail(self, code: str, message: str, span: Span | None = None, **more: Any) -> NoReturn:
        raise SpecError(code, message, span=span or Span(len(self.text), len(self.text)), source=self.text, **more)

    def outcome(self) -> Outcome:
        left = self.sum()
        _, relation, span = self.take()
        if relation not in ("<", "<=", "==", "!=", ">=", ">"):
            hint = "equality is written ==" if relation == "=" else "for example: params < 5e6"
            if relation == "=" and self.next_is("<", ">"):
                hint = f"write {self.tokens[self.place][1]}="
            self.fail("syntax", "a requirement compares two sides", span, expected="< <= == != >= or >", hint=hint)
        right = self.sum()
        if self.place < len(self.tokens):
            self.fail("syntax", "the requirement goes on", self.tokens[self.place][2], expected="one comparison")
        uncounted = tuple(dict.fromkeys(one for names in self.uncounted.values() for one in names))
        holds = None if left is None or right is None else self.compare(left, relation, right)
        when, against = "", ""
        if holds is None and not uncounted and relation != "!=":
            holds, when = self.on_domain(left, relation, right)
            against = self.against(left, right, requirements_of) if holds is False else ""
        found = self.found(LONGEST if len(when) <= LONGEST // 2 else LONGEST // 2)
        if holds is False:
            against = against or ("" if found else self.against(left, right, declarations_of))
            found = "; ".join(filter(None, (found, against))) or f"{_written(left)} is not"
        return Outcome(self.text.strip(), holds, found, uncounted, when)

    def found(self, longest: int) -> str:
        """What the figures are; of a formula with more characters only how many terms it has."""
        bound = {name: "at least " if name in self.uncounted else "" for name in self.named}
        return ", ".join(f"{name} is {bound[name]}{_written(value, longest)}" for name, value in self.named.items())

    def compare(self, left: Any, relation: str, right: Any) -> bool | None:
        pairs = _pairs(left, right)
        if pairs is None:
            return relation == "!="
        answers = [_holds(a, relation, b) for a, b in pairs]
        if relation == "!=":
            return True if True in answers else None if None in answers else False
        return False if False in answers else None if None in answers else True

    def on_domain(self, left: Any, relation: str, right: Any) -> tuple[bool | None, str]:
        """The comparison held against what the network demands of its letters: for all of them, for none, for which."""
        made = [(condition, node.name) for node in self.report.graph.nodes for condition in node.applied.conditions]
        asked = [(_condition(a, relation, b), self.text) for a, b in _pairs(left, right) or ()]
        allowed, both = simplified(made), simplified(made + asked)
        if not all(one.possible for one in both):
            return False, ""
        when, always = (", ".join(map(str, found)) for found in (both, allowed))
        if when == always and "…" not in when:
            return True, ""
        return None, when if len(when) <= LONGEST_WHEN else ""

    def against(self, left: Any, right: Any, demands: Callable[[Graph], tuple[Requirement, ...]]) -> str:
        """What demands on its letters a comparison is up against that no value makes true."""
        sides = [side for pair in _pairs(left, right) or () for side in pair if isinstance(side, Expr)]
        letters = sorted({letter for side in sides for letter in symbols(side)})
        theirs = [str(one) for one in demands(self.report.graph) if not set(letters).isdisjoint(one.letters)]
        if theirs:
            return f"the network holds only when {', '.join(theirs)}"
        return f"no value of {', '.join(letters)} does" if letters else ""

    # ------------------------------------------------------------ the grammar

    def take(self) -> tuple[str, str, Span]:
        if self.place == len(self.tokens):
            self.fail("syntax", "the requirement ends too early", expected="a number, a figure or a comparison")
        self.place += 1
        return self.tokens[self.place - 1]

    def next_is(self, *signs: str) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place][1] in signs

    def sum(self) -> Any:
        result = self.product()
        while self.next_is("+", "-"):
            sign = self.take()
            right = self.product()
            result = self.each(sign, result, right, add if sign[1] == "+" else sub)
        return result

    def product(self, *signs: str) -> Any:
        result = self.value()
        while self.next_is(*(signs or ("*", "/", "//"))):
            sign = self.take()
            right = self.value()
            if sign[1] == "*":
                result = self.each(sign, result, right, mul)
                continue
            self.not_zero(right, sign)
            if self.uncounted and sign[1] == "/" and isinstance(result, Expr) and isinstance(right, (int, Fraction)):
                result = None  # a fraction of a lower bound: nothing is shown of it
                continue
            if any(isinstance(side, Expr) for side in (result, right)) and sign[1] == "/":
                self.fail("bad-value", "letters divide only by //", sign[2], hint="or give them a value: --set")
            result = self.each(sign, result, right, floordiv if sign[1] == "//" else lambda a, b: Fraction(a) / b)
        return result

    def not_zero(self, divisor: Any, sign: tuple[str, str, Span]) -> None:
        if divisor == 0:
            self.fail("division-by-zero", "this divides by zero", sign[2])

    def each(self, sign: tuple[str, str, Span], left: Any, right: Any, compute: Callable[[Any, Any], Any]) -> Any:
        if left is None or right is None:
            return None
        if isinstance(left, tuple) or isinstance(right, tuple):
            self.fail("bad-value", f"a shape does not take {sign[1]}", sign[2], hint=SHAPES)
        if isinstance(left, Expr) or isinstance(right, Expr):
            left, right = (_whole(side) for side in (left, right))
            if left is None or right is None:
                self.fail("bad-value", "with letters only whole numbers are computed", sign[2])
        found = _plain(compute(left, right))
        if isinstance(found, int) and found.bit_length() > MAX_BITS:
            self.fail("too-large", f"a number of more than {MAX_BITS} bits", sign[2])
        return found

    def value(self) -> Any:
        first = self.size()
        if not (self.place < len(self.tokens) and self.tokens[self.place][0] == "cross"):
            return first
        sizes, span = [first], self.tokens[self.place][2]
        while self.place < len(self.tokens) and self.tokens[self.place][0] == "cross":
            self.take()
            sizes.append(self.size())
        return self.shape(sizes, span)

    def shape(self, sizes: list[Any], span: Span) -> tuple[Dim, ...]:
        for size in sizes:
            if not isinstance(size, (int, Expr)):
                self.fail("bad-value", f"{_written(size)} is no size of an axis", span, hint=SHAPES)
        return tuple(sizes)

    def size(self) -> Any:
        """A base, or a power of it."""
        begin = self.place
        base = self.base()
        raised = self.place < len(self.tokens) and self.tokens[self.place][0] == "raised"
        if not raised and not self.next_is("**", "^"):
            return base
        inside = self.tokens[begin : self.place]
        sign = self.take()
        kind, text, span = sign if raised else self.take()
        exponent = _number(text.translate(_LOWERED)) if kind in ("raised", "number") else None
        most = MAX_POWER if isinstance(base, (int, Fraction)) else MAX_POWER_OF_LETTERS
        if not isinstance(exponent, int) or exponent > most:
            self.fail(
                "bad-value", f"{text!r} is no power that is computed", span, expected=f"a number from 0 to {most}"
            )
        if any(kind == "raised" or text in ("**", "^") for kind, text, _ in inside):  # so that all of them stay small
            self.fail("bad-value", "a power of a power", sign[2], hint="multiply it out")
        terms = len(terms_of(base)) if isinstance(base, Expr) else 1
        if comb(terms + exponent - 1, exponent) > MAX_TERMS:
            self.fail("too-large", f"a power of more than {MAX_TERMS} terms", sign[2])
        return self.each(("sign", "a power", sign[2]), base, exponent, pow)

    def base(self) -> Any:
        kind, text, span = self.take()
        match kind, text:
            case "number", _:
                return _number(text)
            case "letter", _:
                if text in self.letters:
                    return self.letters[text]
                self.fail(
                    "unknown-symbol",
                    f"no size of this network is called {text!r}",
                    span,
                    expected=f"one of {', '.join(sorted(self.letters))}" if self.letters else "numbers and figures",
                    found=text,
                    hint=did_you_mean(text, self.letters)
                    or self.meant(text)
                    or ("" if self.letters else "leave sizes as letters: --in H,W"),
                )
            case "name", _:
                found = self.named[text] = self.figure(text, span)
                if left_out := self.left_out(text):
                    self.uncounted[text] = left_out
                    return found + symbol(f"uncounted_in_{text.replace('.', '_')}", lower=0)
                return found
            case _, "-":
                return self.each((kind, "-", span), 0, self.value(), sub)
            case _, "(" | "[":
                return self.bracket(text, span)
            case _, "⌊":
                return self.floor()
        self.fail("syntax", f"{text!r} cannot stand here", span, expected="a number, a shape or a figure")

    def bracket(self, opening: str, span: Span) -> Any:
        """What stands in brackets: a value, or a shape."""
        self.depth += 1
        if self.depth > 50:
            self.fail("too-large", "too many brackets", span)
        closing = {"(": ")", "[": "]"}[opening]
        found, comma = [self.sum()], False
        while self.next_is(","):
            self.take()
            comma = True
            if not self.next_is(closing):
                found.append(self.sum())
        if self.take()[1] != closing:
            self.fail("syntax", "a bracket is not closed", span, expected=closing)
        self.depth -= 1
        return self.shape(found, span) if comma or opening == "[" else found[0]

    def floor(self) -> Any:
        """``⌊(H+1)/2⌋``, whose opening bracket has been read."""
        above = self.product("*", "//")
        sign = self.take()
        below, closing = (self.value(), self.take()) if sign[1] == "/" else (None, sign)
        if closing[1] != "⌋":
            self.fail("syntax", "a floor is of one quotient", closing[2], expected="⌊a/b⌋", hint="or write a//b")
        self.not_zero(below, sign)
        return self.each(sign, above, below, floordiv)

    def figure(self, name: str, span: Span) -> Any:
        """What a name stands for: a total, or a figure of a layer."""
        report = self.report
        if name in TOTALS:
            return getattr(report, name)
        if name in KINDS:
            return report.ops.get(name, 0)
        if name == "layers":
            return len(report.layers)
        if name in ("output_shape", "shape"):
            return report.output_shape
        if name == "memory":
            return report.parameter_bytes + report.activation_bytes
        if name in ("rf", "receptive_field"):
            return self.field(report.outputs[-1], span)
        layer, _, figure = name.rpartition(".")
        if one := self.part(layer):
            if figure in OF_LAYER:
                return one.own_params if figure == "params" and isinstance(one, Block) else getattr(one, figure)
            if figure in KINDS:
                return one.ops.get(figure, 0)
            if figure in ("output_shape", "shape"):
                return one.output_shape
            if figure in ("rf", "receptive_field"):
                return self.field(one, span)
        self.fail(
            "unknown-figure",
            f"no figure is called {name!r}",
            span,
            expected=f"{', '.join(TOTALS)}, output_shape, rf, layers, memory, a kind, LAYER.FIGURE, or BLOCK.FIGURE",
            found=name,
            hint=self.meant(name),
        )

    def meant(self, name: str) -> str:
        """Which figure a word may mean."""
        layer, _, figure = name.rpartition(".")
        one = self.part(layer)
        word = MEANT.get(figure.lower(), "")
        if word and (not layer or one and word in (*OF_LAYER, "output_shape")):
            return f"did you mean {f'{layer}.{word}' if layer else word!r}?"
        names = [one.name for one in self.report.layers]
        known = [*TOTALS, *KINDS, "layers", "output_shape", "memory", "rf"]
        parts = [layer] if one else dict.fromkeys([*names[:50], *(block for name in names for block in _around(name))])
        return did_you_mean(name, [*known, *(f"{part}.{figure}" for part in parts for figure in OF_LAYER)])

    def part(self, name: str) -> LayerReport | Block | None:
        """The layer or the block of layers of that name."""
        return next((one for one in self.report.layers if one.name == name), None) or block_of(self.report, name)

    def left_out(self, name: str) -> tuple[Uncounted, ...]:
        """``layer: operation`` for what a figure does not count."""
        layer, _, figure = name.rpartition(".")
        if figure != "flops" and figure not in KINDS:
            return ()
        if not layer:
            return touching(figure, self.report.uncounted)
        part = self.part(layer)
        return tuple(one.of(layer) for one in touching(figure, part.uncounted)) if part else ()

    def field(self, node: LayerReport | Block, span: Span) -> tuple[Dim, ...]:
        """The size of a receptive field that is known exactly."""
        field = node.receptive_field
        if field is None:
            place = self.report.graph.index(node.last.name if isinstance(node, Block) else node.name)
            why = receptive_fields(self.report.graph).reasons[place]
            self.fail("unknown-figure", f"there is no receptive field here: {why}", span)
        if not field.exact:
            most = f"the receptive field here is only known to be at most {shape_text(field.size)}"
            self.fail("unknown-figure", f"{most}: {'; '.join(field.notes)}", span)
        return field.size


def _around(name: str) -> list[str]:
    """The blocks that a layer is in.

    >>> _around("layer1.0.conv1")
    ['layer1', 'layer1.0']
    """
    return [name[: dot.start()] for dot in re.finditer(r"\.", name)]


def _bytes(word: str) -> str:
    """What to write for a number of bytes, which have no unit here.

    >>> _bytes("50MB"), _bytes("1B")
    ('bytes have no unit here: 50M, or 50Mi in units of 1024', 'bytes have no unit here: 1, or 1G for a billion')
    """
    if not (found := re.fullmatch(r"([\d.]+)([kKMGT]?)(i?)(?:B|bytes?)", word)):
        return ""
    number, unit, binary = found.groups()
    also = (
        "" if binary else f", or {number}{unit.upper()}i in units of 1024" if unit else f", or {number}G for a billion"
    )
    return f"bytes have no unit here: {number}{unit}{binary}{also}"


def _number(text: str) -> Any:
    digits = re.match(r"[\d_]+(?:\.\d+)?(?:[eE][+-]?\d+)?", text)
    assert digits
    return _plain(Fraction(digits[0].replace("_", "")) * UNITS.get(text[digits.end() :], 1))


def _plain(value: Any) -> Any:
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def _whole(value: Any) -> Any:
    return value if isinstance(value, (int, Expr)) else None


def _pairs(left: Any, right: Any) -> list[tuple[Any, Any]] | None:
    """The numbers that are compared with one another, axis by axis; None for shapes of different length."""
    if not isinstance(left, tuple) and not isinstance(right, tuple):
        return [(left, right)]
    length = max(len(side) for side in (left, right) if isinstance(side, tuple))
    sides = [side if isinstance(side, tuple) else (side,) * length for side in (left, right)]
    return None if len(sides[0]) != len(sides[1]) else [*zip(*sides)]


def _holds(left: Any, relation: str, right: Any) -> bool | None:
    """Compare exactly."""
    left, right = _multiplied_out(left, right)
    return holds(left, relation, right)


def _multiplied_out(left: Any, right: Any) -> tuple[Any, Any]:
    """Both sides without fractions."""
    scale = 1
    for side in (left, right):
        if isinstance(side, Fraction):
            scale *= side.denominator
    return _plain(left * scale), _plain(right * scale)


def _condition(left: Any, relation: str, right: Any) -> Condition:
    """A comparison of whole numbers as layers make them."""
    left, right = _multiplied_out(left, right)
    match relation:
        case "<":
            return Condition(left + 1, "<=", right, "")
        case ">":
            return Condition(left, ">=", right + 1, "")
    return Condition(left, relation, right, "")


def _written(value: Any, longest: int = LONGEST) -> str:
    if isinstance(value, tuple):
        return shape_text(value)
    if isinstance(value, Expr) and len(shown(value)) > longest:
        return f"a formula of {len(terms_of(value))} terms (netcalc formula has it)"
    return f"{float(value):g}" if isinstance(value, Fraction) else shown(value)
