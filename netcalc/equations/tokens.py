r"""Text → tokens with spans: plain text and the LaTeX of slides alike.

LaTeX is read as what it prints: ``\mathbf{w}`` is ``w``, ``W_1`` and ``W_{1}`` are ``W1``, ``\operatorname{softmax}``
is a word, ``\left( \right)`` are brackets, ``\begin{bmatrix} x \\ 1 \end{bmatrix}`` is ``[x; 1]``. A run of letters
is one name if it is a function, or is known (defined or given); else it is a product of single letters:
``xW`` is ``x W``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Collection, NamedTuple

from netcalc.errors import Span, SpecError, did_you_mean

MAX_TEXT = 20_000
MAX_DIGITS = 40
END = "END"

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
}  # fmt: skip
_SAME = {  # LaTeX commands and signs that are another spelling
    "cdot": "·", "times": "×", "odot": "⊙", "circ": "⊙", "top": "⊤", "intercal": "⊤", "lVert": "‖", "rVert": "‖",
    "Vert": "‖",
    "|": "‖", "lvert": "|", "rvert": "|", "\\": ";", "{": "(", "}": ")", "sum": "sum", "sigma": "sigmoid", "pi": "π",
    "lbrack": "[", "rbrack": "]", "mid": "|",
}  # fmt: skip
_SILENT = {
    "left",
    "right",
    ",",
    ";",
    ":",
    "!",
    " ",
    "quad",
    "qquad",
    "displaystyle",
    "limits",
    "big",
    "Big",
    "bigl",
    "bigr",
    "Bigl",
    "Bigr",
}
_FONTS = {
    "mathbf",
    "boldsymbol",
    "bm",
    "mathrm",
    "mathit",
    "mathsf",
    "text",
    "operatorname",
    "mathcal",
    "vec",
    "textbf",
    "underline",
}
_ACCENTS = {"bar": "\u0304", "overline": "\u0304", "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303"}
_MATRICES = {"matrix", "bmatrix", "pmatrix"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₙᵢⱼ", "0123456789nij")

_TOKEN = re.compile(
    r"""
      (?P<SKIP>[ \t\r\n\u00a0]+|\#[^\n]*|\\(?:left|right)\.)
    | (?P<MATRIX>\\(?:begin|end)\{[a-z]+\})
    | (?P<COMMAND>\\(?:[A-Za-z]+|.))
    | (?P<SIZE>\d+(?:[x×]\d+)+(?![\w.]))
    | (?P<NUMBER>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<WORD>[^\W\d_]\u0304?\u0302?\u0303?(?:[^\W_]\u0304?\u0302?\u0303?)*)
    | (?P<TRANSPOSE>\^(?:\{(?:T|\\top|\\intercal)\}|T(?![A-Za-z])|⊤|\\top(?![a-z])|\\intercal(?![a-z]))|ᵀ|⊤)
    | (?P<POWER>[²³])
    | (?P<NORM>\|\||‖)
    | (?P<OPERATOR>[-+*/^@()\[\]{},;:=|·⊙×−&'_∘])
    """,
    re.VERBOSE,
)

_LONG = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)+")


class Token(NamedTuple):
    """A piece of an equation: ``type`` is NUMBER, NAME, FUNCTION, SIZE, TRANSPOSE, NORM, END or a sign itself."""

    type: str
    text: str
    span: Span


def tokenize(text: str, functions: Collection[str], known: Collection[str] = ()) -> list[Token]:
    """The tokens, ending with END.

    >>> [token.text for token in tokenize(r"f = W_2 \\max(0, W_1 x + b_1)", {"max"})]
    ['f', '=', 'W2', 'max', '(', '0', ',', 'W1', 'x', '+', 'b1', ')', '']
    >>> [token.text for token in tokenize("xW^T", {"max"})][:2], [t.text for t in tokenize("lr x", {}, {"lr"})][:2]
    (['x', 'W'], ['lr', 'x'])
    """
    if len(text) > MAX_TEXT:
        raise SpecError("too-large", f"the equations have {len(text):,} characters", expected=f"at most {MAX_TEXT:,}")
    return _Reader(text, functions, known).tokens()


class _Reader:
    def __init__(self, text: str, functions: Collection[str], known: Collection[str]) -> None:
        self.text, self.functions, self.known = text, functions, known
        self.position = 0
        self.found: list[Token] = []
        self.depth = 0  # of brackets; a line's end separates equations outside of them

    def tokens(self) -> list[Token]:
        while self.position < len(self.text):
            self.next()
        self.found.append(Token(END, "", Span(len(self.text), len(self.text))))
        return self.found

    def fail(self, message: str, start: int, expected: str, hint: str = "") -> SpecError:
        span = Span(start, min(len(self.text), max(self.position, start + 1)))
        return SpecError(
            "unexpected-character",
            message,
            expected=expected,
            found=span.of(self.text),
            hint=hint,
            span=span,
            source=self.text,
        )

    def next(self) -> None:
        start = self.position
        match = _TOKEN.match(self.text, start)
        if match is None:
            raise self.fail(f"{self.text[start]!r} means nothing here", start, "a name, a number or an operator")
        kind, word = str(match.lastgroup), match.group()
        self.position = match.end()
        if kind == "SKIP":
            if "\n" in word and not self.depth:
                self.put(";", "\n", start)
            return
        if kind == "COMMAND":
            self.command(word[1:], start)
        elif kind == "MATRIX":
            self.matrix(word, start)
        elif kind == "WORD":
            self.word(word, start)
        elif kind == "OPERATOR":
            self.sign(word, start)
        elif kind == "POWER":
            self.put("^", "^", start)
            self.put("NUMBER", {"²": "2", "³": "3"}[word], start)
        else:
            if kind == "NUMBER" and sum(map(str.isdigit, word)) > MAX_DIGITS:
                raise SpecError(
                    "too-large",
                    "a number of too many digits",
                    expected=f"at most {MAX_DIGITS}",
                    span=Span(start, self.position),
                    source=self.text,
                )
            self.put(kind, word, start)

    def put(self, kind: str, word: str, start: int) -> None:
        self.depth = max(0, self.depth + (kind in "([") - (kind in ")]"))
        self.found.append(Token(kind, word, Span(start, self.position)))

    def sign(self, word: str, start: int) -> None:
        spelled = {"−": "-", "·": "·", "∘": "⊙", "&": ","}.get(word, word)
        if word in "{}":  # a group: brackets, which print nothing
            spelled = "(" if word == "{" else ")"
        self.put(spelled, spelled, start)

    def matrix(self, word: str, start: int) -> None:
        kind = word[word.index("{") + 1 : -1]
        if kind not in _MATRICES:
            raise self.fail(f"the environment {kind!r} is not known", start, "bmatrix, pmatrix or matrix")
        sign = "[" if "begin" in word else "]"
        self.put(sign, sign, start)

    def command(self, word: str, start: int) -> None:
        if word in _SILENT:
            return
        if word in _FONTS or word in _ACCENTS:
            inner = re.compile(r"\s*(?:\{\s*([^{}]*?)\s*\}|\\?(\w+))").match(self.text, self.position)
            if inner is None:
                raise self.fail(f"\\{word} stands alone", start, f"\\{word}{{…}}")
            self.position = inner.end()
            content = (inner.group(1) or inner.group(2) or "").lstrip("\\")
            if not content:
                raise self.fail(f"\\{word} has nothing in it", start, f"\\{word}{{…}}")
            content = GREEK.get(content, content)
            if word in _ACCENTS:
                content = unicodedata.normalize("NFC", content[:1] + _ACCENTS[word]) + content[1:]
            self.whole(content, start)
        elif word in ("frac", "sqrt"):
            self.put("FUNCTION", word, start)
        elif word in _SAME:
            spelled = _SAME[word]
            kind = (
                "FUNCTION"
                if spelled in self.functions
                else {"‖": "NORM", "⊤": "TRANSPOSE", "π": "NAME"}.get(spelled, spelled)
            )
            self.put(kind, spelled, start)
        elif word in GREEK:
            self.whole(GREEK[word], start)
        elif word in self.functions:
            self.put("FUNCTION", word, start)
        else:
            raise self.fail(f"the LaTeX command \\{word} is not known", start, "a function, a Greek letter or a font")

    def whole(self, word: str, start: int) -> None:
        """A word that the text marks as one."""
        kind = "FUNCTION" if word in self.functions else "NAME"
        self.put(kind, word if kind == "FUNCTION" else self.decorated(word), start)

    def word(self, word: str, start: int) -> None:
        """A function, a known name, or single letters, each with the digits behind it."""
        long = _LONG.match(self.text, start)
        if long and long.group() in self.functions:
            self.position = long.end()
            self.put("FUNCTION", long.group(), start)
            return
        normal = unicodedata.normalize("NFC", word).translate(_SUBSCRIPTS)
        if normal in self.functions:
            self.put("FUNCTION", normal, start)
            return
        end = self.position
        full = self.decorated(normal)
        if full in self.known or normal == "pi" or len(re.findall(r"[^\W\d]", normal)) == 1:
            self.put("NAME", "π" if normal == "pi" else full, start)
            return
        self.position = end
        pieces = list(re.finditer(r"[^\W\d][\u0304\u0302\u0303]*\d*", word))
        if len(pieces) > 2 and normal.isalpha() and normal.islower():
            hint = did_you_mean(normal, [*self.functions, *self.known]) or f"a product of letters: {' '.join(normal)}"
            raise SpecError(
                "unknown-name",
                f"{normal!r} is neither a function nor a name that is defined or given",
                expected="a function, or a name of one letter",
                found=normal,
                hint=hint,
                span=Span(start, start + len(word)),
                source=self.text,
            )
        for piece in pieces:
            self.position = start + piece.end()
            name = unicodedata.normalize("NFC", piece.group())
            kind = "FUNCTION" if name in self.functions else "NAME"
            if piece is pieces[-1]:
                name = self.decorated(name)
            self.found.append(Token(kind, name, Span(start + piece.start(), self.position)))

    def decorated(self, name: str) -> str:
        """The name with the subscripts, layer numbers and primes that follow it in the text."""
        name = name.translate(_SUBSCRIPTS)
        while True:
            match = re.compile(
                r"_\{?\s*(?:\\(?:text|mathrm)\{)?(\w+)\}*|_(\w)|\^\{?\((\d+|\w)\)\}?|('+|′+|\^\\prime)|([₀₁₂₃₄₅₆₇₈₉ₙᵢⱼ]+)"
            ).match(self.text, self.position)
            if match is None:
                return name
            index, primes = match.group(1) or match.group(2) or match.group(3) or match.group(5), match.group(4)
            if index and not match.group(5) and "{" not in match.group() and match.group(1) and not index.isdigit():
                longest = f"{name}_{index}"
                if len(index) > 1 and longest not in self.known and not index[0].isdigit():
                    index = index[0]  # as LaTeX has it: y_i log is y with i
                    self.position += 2
                else:
                    self.position = match.end()
            else:
                self.position = match.end()
            if index:
                index = index.translate(_SUBSCRIPTS)
                name += index if index.isdigit() and not name[-1].isdigit() else f"_{index}"
            else:
                name += "'" * (1 if "prime" in str(primes) else len(str(primes)))
