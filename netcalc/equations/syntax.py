"""What an equation says, before any shape is known: numbers, names, and operations applied to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Union

from netcalc.equations.exact import Value
from netcalc.equations.exact import latex as number_latex
from netcalc.equations.exact import text as number_text
from netcalc.errors import Span


@dataclass(frozen=True)
class Number:
    """A literal number."""

    value: Value
    span: Span


@dataclass(frozen=True)
class Name:
    """A variable: ``W1``, ``x'``, ``ŷ``, ``θ``; with ``index`` the sample of it that a sum runs over: ``x_i``."""

    name: str
    span: Span
    index: str = ""


@dataclass(frozen=True)
class Apply:
    """An operation on its arguments.

    ``operation`` is one of ``add sub neg product matmul mul div pow transpose norm rows``, or a function's name
    (``product`` is juxtaposition, whose meaning depends on the shapes, with the options ``brackets`` and ``dot``
    where they are written; ``rows`` a bracket ``[x; 1]``).
    """

    operation: str
    arguments: tuple[Expression, ...]
    span: Span
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        return dict(self.options).get(name, default)


Expression = Union[Number, Name, Apply]


@dataclass(frozen=True)
class Equation:
    """``name = expression``."""

    name: str
    expression: Expression
    span: Span


# ---------------------------------------------------------------- writing it again

_INFIX = {
    "add": (1, " + "),
    "sub": (1, " − "),
    "mul": (2, " ⊙ "),
    "div": (2, " / "),
    "product": (3, " "),
    "matmul": (3, " @ "),
}
SIGN_OF = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_COMPARED_LATEX = {"gt": ">", "ge": r"\ge", "lt": "<", "le": r"\le"}
_INFIX_LATEX = {**_INFIX, "sub": (1, " - "), "mul": (2, r" \odot "), "product": (3, r" "), "matmul": (3, " ")}


def text(expression: Expression, around: int = 0) -> str:
    """The expression on one line.

    >>> from netcalc.equations.parser import parse
    >>> print(text(parse(r"y = \\sin(\\mathbf{w}^T \\mathbf{x}) - b")[0].expression))
    sin(wᵀ x) − b
    """
    return _write(expression, around, _plain)


def latex(expression: Expression) -> str:
    r"""The expression for a solution sheet.

    >>> from netcalc.equations.parser import parse
    >>> print(latex(parse("f = W2 max(0, W1 x + b1) + b2")[0].expression))
    W_{2} \max\left(0, W_{1} x + b_{1}\right) + b_{2}
    """
    return _write(expression, 0, _latex)


def _write(expression: Expression, around: int, leaf: Any) -> str:
    is_latex = leaf is _latex
    if not isinstance(expression, Apply):
        written: str = leaf(expression)
        loose = isinstance(expression, Number) and (
            around > 1 and any(c in written for c in "+-−") or around > 3 and "/" in written
        )
        return f"({written})" if loose else written
    op, arguments = expression.operation, expression.arguments
    if op in _INFIX:
        level, sign = (_INFIX_LATEX if is_latex else _INFIX)[op]
        if op == "div" and is_latex:
            return r"\frac{" + "}{".join(_write(a, 0, leaf) for a in arguments) + "}"
        tighter = {"sub": 1, "div": 2}.get(op, 0)  # on the right: a − (b + c), a / (b c)
        written = sign.join(_write(a, level + (i > 0) * tighter, leaf) for i, a in enumerate(arguments))
        kept = around == level and expression.option("brackets")
        return _bracketed(written, is_latex) if level < around or kept else written
    if op == "neg":
        written = ("-" if is_latex else "−") + _write(arguments[0], 2, leaf)
        return _bracketed(written, is_latex) if around > 1 else written
    if op in ("pow", "transpose"):
        base = _write(arguments[0], 5, leaf)
        if op == "transpose":
            return base + ("^T" if is_latex else "ᵀ")
        exponent = _write(arguments[1], 0, leaf)
        superscripts = {"2": "²", "3": "³"}
        if is_latex:
            return f"{base}^{{{exponent}}}"
        return base + superscripts.get(exponent, f"^{exponent}" if exponent.isalnum() else f"^({exponent})")
    if op in ("norm", "sqnorm"):
        inside = _write(arguments[0], 0, leaf)
        p = expression.option("p", 2)
        sub = "" if p == 2 else f"_{p}"
        if op == "sqnorm":
            sub = "^2" if is_latex else "²"
        return rf"\left\lVert {inside} \right\rVert{sub}" if is_latex else f"‖{inside}‖{sub}"
    if op == "abs":
        return f"|{_write(arguments[0], 0, leaf)}|"
    if op == "rows":
        row_of = expression.option("columns", False)
        if is_latex and row_of and all(isinstance(a, Apply) and a.operation == "rows" for a in arguments):
            rows = (" & ".join(_write(a, 0, leaf) for a in row.arguments) for row in arguments)  # type: ignore[union-attr]
            return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"
        pieces = [_write(a, 0, leaf) for a in arguments]
        if is_latex:
            return r"\begin{bmatrix} " + (" & " if row_of else r" \\ ").join(pieces) + r" \end{bmatrix}"
        return f"[{(', ' if row_of else '; ').join(pieces)}]"
    if op in SIGN_OF:
        written = _condition(expression, leaf)
        return rf"\mathbf{{1}}\left[{written}\right]" if is_latex else f"[{written}]"
    if op == "where":
        if is_latex:
            return r"\begin{cases} " + r" \\ ".join(_cases(expression, leaf)) + r" \end{cases}"
        return f"where({', '.join([_condition(arguments[0], leaf), *(_write(a, 0, leaf) for a in arguments[1:])])})"
    if over := expression.option("over"):
        sign = r"\sum" if op == "sum" else rf"\operatorname{{{op}}}"
        limits = f"_{{{over}}}" if is_latex else f"_{over}"
        inside = _write(arguments[0], 2, leaf)
        written = f"{sign}{limits} {inside}" if is_latex else f"{op}{limits} {inside}"
        return _bracketed(written, is_latex) if around > 1 else written
    options = [
        f"{key} {_option(value)}" if key != "size" else _option(value)
        for key, value in expression.options
        if key not in _UNSAID
    ]
    inside = ", ".join([*(_write(a, 0, leaf) for a in arguments), *options])
    if not is_latex:
        return f"{SIGNS.get(op, op)}({inside})"
    if op in _ROOTS:
        return f"{_ROOTS[op]}{{{inside}}}"
    word = op.replace("_", r"\_")
    name = _LATEX_FUNCTIONS.get(op) or (f"\\{op}" if op in _KNOWN_TO_LATEX else rf"\operatorname{{{word}}}")
    return rf"{name}\left({inside}\right)"


def _condition(expression: Expression, leaf: Any) -> str:
    """A comparison without brackets; of two on end (−1 ≤ x ≤ 1) what they share once."""
    if isinstance(expression, Apply) and expression.operation == "mul":
        first, second = expression.arguments
        if isinstance(first, Apply) and first.operation in SIGN_OF and isinstance(second, Apply):
            shared = _write(first.arguments[1], 0, leaf)
            following = _condition(second, leaf)
            if second.operation in SIGN_OF and _write(second.arguments[0], 0, leaf) == shared:
                return _condition(first, leaf) + following.removeprefix(shared)
    if not isinstance(expression, Apply) or expression.operation not in SIGN_OF:
        return _write(expression, 0, leaf)
    sign = (_COMPARED_LATEX if leaf is _latex else SIGN_OF)[expression.operation]
    return f" {sign} ".join(_write(side, 0, leaf) for side in expression.arguments)


def _cases(expression: Expression, leaf: Any) -> list[str]:
    """The rows of a function by cases, one that stands in the last of another among its rows."""
    if not isinstance(expression, Apply) or expression.operation != "where":
        return [rf"{_write(expression, 0, leaf)} & \text{{otherwise}}"]
    condition, then, other = expression.arguments
    return [f"{_write(then, 0, leaf)} & {_condition(condition, leaf)}", *_cases(other, leaf)]


SIGNS = {"sigmoid": "σ"}
_UNSAID = ("index", "limit", "matrices")  # of a sum that runs over all entries
_LATEX_FUNCTIONS = {"sigmoid": r"\sigma", "amax": r"\max", "amin": r"\min", "prod": r"\prod"}
_ROOTS = {"sqrt": r"\sqrt", "cbrt": r"\sqrt[3]"}
_KNOWN_TO_LATEX = {"max", "min", "exp", "log", "sin", "cos", "tanh"}


def _option(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _bracketed(written: str, is_latex: bool) -> str:
    return rf"\left({written}\right)" if is_latex else f"({written})"


def _plain(expression: Expression) -> str:
    if isinstance(expression, Name) and expression.index:
        return f"{expression.name}_{expression.index}"
    return expression.name if isinstance(expression, Name) else number_text(expression.value)  # type: ignore[union-attr]


def _latex(expression: Expression) -> str:
    if isinstance(expression, Name) and expression.index:
        return name_latex(f"{expression.name}_{expression.index}")
    return name_latex(expression.name) if isinstance(expression, Name) else number_latex(expression.value)  # type: ignore[union-attr]


ACCENTS = {"\u0304": "bar", "\u0302": "hat", "\u0303": "tilde"}


def name_latex(name: str) -> str:
    r"""A name with its subscript, primes, accents and Greek letters.

    >>> print(name_latex("W1"), name_latex("x'"), name_latex("θ_max"), name_latex("ŷ"))
    W_{1} x' \theta_{max} \hat{y}
    """
    import unicodedata

    from netcalc.equations.tokens import GREEK

    decomposed = unicodedata.normalize("NFD", name)
    stem, primes, accents = decomposed[0], decomposed.count("'"), [c for c in decomposed if c in ACCENTS]
    rest = "".join(c for c in decomposed[1:] if c not in "'_{}" and c not in ACCENTS)
    greek = {letter: word for word, letter in GREEK.items()}
    shown = f"\\{greek[stem]}" if stem in greek else stem
    for accent in accents:
        shown = rf"\{ACCENTS[accent]}{{{shown}}}"
    return shown + "'" * primes + (f"_{{{rest}}}" if rest else "")
