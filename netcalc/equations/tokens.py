r"""Text → tokens with spans: plain text and the LaTeX of slides alike.

LaTeX is read as what it prints: ``\mathbf{w}`` is ``w``, ``W_1`` and ``W_{1}`` are ``W1``, ``\operatorname{softmax}``
is a word, ``\left( \right)`` are brackets, ``\begin{bmatrix} x \\ 1 \end{bmatrix}`` is ``[x; 1]``; a function by cases
is ``cases(x, x > 0; 0, otherwise)``, and ``x \in \mathbb{R}^3`` is ``x ∈ ℝ^3``. A run of letters
is one name if it is a function, or is known (defined or given); else it is a product of single letters:
``xW`` is ``x W``.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Collection, NamedTuple

from netcalc.errors import Span, SpecError, did_you_mean

MAX_TEXT = 20_000
MAX_DIGITS = 40
MAX_EXPONENT = 300
MAX_DEPTH = 60
END = "END"
SUM_SIGN = "∑"

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "tau": "τ", "phi": "φ",
    "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ", "sigma": "σ", "Sigma": "Σ",
}  # fmt: skip
_SAME = {  # LaTeX commands and signs that are another spelling
    "cdot": "·", "times": "×", "odot": "⊙", "circ": "⊙", "ast": "*", "top": "⊤", "intercal": "⊤", "lVert": "‖",
    "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "vert": "|", "{": "(", "}": ")", "pi": "π",
    "lbrack": "[", "rbrack": "]", "mid": "|", "coloneqq": "=", "in": "∈", "gt": ">", "lt": "<", "ge": "≥", "geq": "≥",
    "geqslant": "≥", "le": "≤", "leq": "≤", "leqslant": "≤", "langle": "⟨", "rangle": "⟩",
}  # fmt: skip
_SILENT = {
    "left", "right", ",", ";", ":", "!", " ", "\n", "quad", "qquad", "displaystyle", "limits", "big", "Big", "bigl",
    "bigr", "Bigl", "Bigr", "nonumber", "notag",
}  # fmt: skip
_FONTS = {
    "mathbf", "boldsymbol", "bm", "mathrm", "mathit", "mathsf", "text", "operatorname", "mathcal", "vec", "textbf",
    "underline", "textrm", "textit",
}  # fmt: skip
_ACCENTS = {"bar": "\u0304", "overline": "\u0304", "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303"}
_MATRICES = {"matrix", "bmatrix", "pmatrix"}
_CASES = {"cases", "dcases"}
_LAYOUTS = {"aligned", "align", "align*", "gather", "gather*", "gathered", "split", "equation", "equation*"}
_SIGNS = {
    "−": "-", "–": "-", "∘": "⊙", "⋅": "·", "∗": "*", ":=": "=", "{": "(", "}": ")", ">=": "≥", "<=": "≤", "in": "∈",
}  # fmt: skip
_LOW = "₀₁₂₃₄₅₆₇₈₉₊₋₌ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"
_LOWERED = str.maketrans(_LOW, "0123456789+-=aehijklmnoprstuvx")
_HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱˣᶻᵗᵏ"
_RAISED = str.maketrans(_HIGH, "0123456789+-nixztk")

_INSTEAD = {  # what slides print and no operation says, with what does
    "nabla": "--gradients gives the gradient in every input, --lr makes the update",
    "arg": "argmax has no gradient and no operation; softmax(s) gives the scores as probabilities",
    "E": "mean(…) is the average over the samples",
    "neq": "a sum runs over a whole axis: add every term and take the one away that is too many",
    "ne": "a sum runs over a whole axis: add every term and take the one away that is too many",
    "partial": "--gradients gives the gradient in every input",
    "leftarrow": "an update is one more equation: w' = w - η g; --lr makes the steps of gradient descent",
    "gets": "an update is one more equation: w' = w - η g; --lr makes the steps of gradient descent",
    "dot": "a derivative in time is a name of its own: v = f(x)",
    "sign": "step(x) − step(−x)",
    "tr": "the trace of A^T B is sum(A * B)",
    "layernorm": "m = mean(x); v = mean((x - m)^2); y = γ * (x - m) / sqrt(v + ε) + β",
    "batchnorm": "y = γ * (x - m) / sqrt(s + ε) + β, with the stored means m and variances s",
    "det": "", "diag": "diag(a) B is a * B, a as a column",
    "argmax": "softmax(s) gives the scores as probabilities",
}  # fmt: skip

# a letter: no digit, and no raised, lowered or fractional sign
_LETTER = r"[^\W\d_²³¹¼-¾\u02b0-\u02ff\u1d2c-\u1d6a\u1d78\u1d9b-\u1dbf\u2070-\u209f\u2150-\u218b\u2c7c\u2c7d]"
_MARKED = rf"{_LETTER}[\u0302\u0303\u0304]*"
_T = r"(?:T|⊤|\\top(?![a-z])|\\intercal(?![a-z])|\\(?:mathsf|mathrm|text|rm)(?:\s*\{\s*T\s*\}|\s+T))"
_TRANSPOSED = rf"\^\s*(?:\{{\s*{_T}\s*\}}|{_T})|ᵀ|⊤"

_WORDS = r"\\(?:text|mathrm|textrm)\s*\{{\s*(?:{0}),?\s*\}}|\b(?:{0})\b(?=\s|\\|\)|\}}|\Z)"

_TOKEN = re.compile(
    rf"""
      (?P<SKIP>[ \t\r\n\u00a0\u2000-\u200b\u202f]+|\#[^\n]*|\\(?:left|right)\.|\\(?:label|tag)\{{[^{{}}]*\}}
        |\.(?=[ \t]*(?:\Z|[\r\n;]|\\\\|\\end)))
    | (?P<WHERE>{_WORDS.format(r"where|with|and")})
    | (?P<OTHERWISE>{_WORDS.format(r"otherwise|else")})
    | (?P<IF>{_WORDS.format(r"if|when")})
    | (?P<INDICATOR>\\math(?:bf|bbm|ds|bb|rm)\s*\{{?\s*1\s*\}}?(?=\s*(?:\\left|\\[bB]igl?)?\s*(?:\\?\{{|[(\[_]))|𝟙|𝟏)
    | (?P<REALS>ℝ)
    | (?P<IN>in(?=\s+(?:R|ℝ|\\mathbb|\\R)(?![a-z])))
    | (?P<MATRIX>\\left\s*\\(?:\{{|lbrace)\s*\\begin\{{array\}}\{{[lcr|\s]*\}}|\\(?:begin|end)\{{[a-z]+\*?\}})
    | (?P<COMMAND>\\(?:[A-Za-z]+|.|\n))
    | (?P<SIZE>\d+(?:[x×]\d+)+(?![\w.]))
    | (?P<NUMBER>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    | (?P<FRACTION>[¼-¾⅐-⅞])
    | (?P<WORD>{_MARKED}(?:{_MARKED}|\d)*)
    | (?P<TRANSPOSE>{_TRANSPOSED})
    | (?P<RAISED>[{_HIGH}]+)
    | (?P<LOWERED>[{_LOW}]+)
    | (?P<NORM>\|\||‖)
    | (?P<SUM>∑)
    | (?P<ROOT>√)
    | (?P<OPERATOR>:=|>=|<=|[-+*/^@()\[\]{{}},;:=|·⋅⊙×−–&'_∘∗<>≤≥∈⟨⟩])
    """,
    re.VERBOSE,
)
_LONG = re.compile(r"[A-Za-z][A-Za-z\d]+(?:\\?_[A-Za-z]+\d*)+")
_CHUNK = re.compile(rf"(?:[Α-Ωα-ω][\u0302\u0303\u0304]*|(?:(?![Α-Ωα-ω]){_MARKED})+)\d*")
_FONT_IN_INDEX = re.compile(r"\\(?:text|mathrm|mathit|mathbf|textrm|operatorname|rm)\s*\{([^{}]*)\}")
_INDEX = re.compile(
    rf"_(?:\{{(?P<braced>(?:[^{{}}]|\{{[^{{}}]*\}})*)\}}|(?P<font>\\(?:text|mathrm|mathit)\s*\{{[^{{}}]*\}})"
    rf"|(?P<plain>\d+|{_LETTER}+\d*)|(?P<greek>\\[A-Za-z]+))|(?P<lowered>[{_LOW}]+)"
)
_LAYER = re.compile(r"\^\{\s*\((\w+(?:[-+]\d+)?)\)\s*\}|\^\{\s*\[(\w+(?:[-+]\d+)?)\]\s*\}|⁽([⁰¹²³⁴⁵⁶⁷⁸⁹ⁿⁱ]+)⁾")
_EQUATION_FOLLOWS = re.compile(r"\s*[^=\s(),;]+(?:\([^()=]*\))?\s*(?:&?:?=|(?:,\s*[^=\s(),;]+\s*)*(?:\\in\b|∈))")
_EQUATION_NUMBER = re.compile(r"(?:\\q?quad\b|\s)*\(\s*\d+(?:\.\d+)*[a-z]?\s*\)\s*(?=\Z|\\\\|[;\n$]|\\\]|\\end)")
_PRIMES = re.compile(r"['′’]+|″|\^\\prime|\^\{\s*((?:\\prime\s*)+)\}")
_RAISED_FIRST = re.compile(rf"(?:(?P<T>{_TRANSPOSED})|\^(?P<n>\d)|\^\{{(?P<m>\d+)\}})(?=_|[{_LOW}])")
_ARGMAX = re.compile(r"\*?\s*\{\s*arg(?:\\[,;! ]|\s)*\\?(?:max|min)\s*\}")
_FRAME = re.compile(r"\s*(?P<open>\$\$?|\\\[|\\\()(?P<inside>.*?)(?P<close>\$\$?|\\\]|\\\))[\s.,;]*\Z", re.DOTALL)
_FRAMES = {"$": "$", "$$": "$$", "\\[": "\\]", "\\(": "\\)"}


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
    >>> [token.text for token in tokenize("W₂ᵀx½", {})]
    ['W2', 'ᵀ', 'x', '1/2', '']
    """
    if len(text) > MAX_TEXT:
        raise SpecError("too-large", f"the equations have {len(text):,} characters", expected=f"at most {MAX_TEXT:,}")
    return _Reader(text, functions, known).tokens()


class _Reader:
    def __init__(self, text: str, functions: Collection[str], known: Collection[str]) -> None:
        self.text, self.functions, self.known = text, functions, known
        self.folded = {function.replace("_", "").lower(): function for function in sorted(functions)}
        self.position, self.end = 0, len(text)
        self.found: list[Token] = []
        self.behind: list[tuple[str, ...]] = []  # what stood before the subscript: W^T_1 is W_1^T
        self.depth = 0  # of brackets; a line's end separates equations outside of them
        self.braces = self.layouts = self.nested = self.cases = 0

    def tokens(self) -> list[Token]:
        frame = _FRAME.match(self.text)
        if frame and _FRAMES[frame["open"]] == frame["close"] and "$" not in frame["inside"]:
            self.position, self.end = frame.span("inside")
        while self.position < self.end:
            self.next()
        self.found.append(Token(END, "", Span(len(self.text), len(self.text))))
        return self.found

    def fail(
        self, message: str, start: int, expected: str, hint: str = "", code: str = "unexpected-character"
    ) -> SpecError:
        span = Span(start, min(len(self.text), max(self.position, start + 1)))
        return SpecError(
            code, message, expected=expected, found=span.of(self.text), hint=hint, span=span, source=self.text
        )

    def next(self) -> None:
        start = self.position
        match = _TOKEN.match(self.text, start, self.end)
        if match is None:
            raise self.fail(f"{self.text[start]!r} means nothing here", start, "a name, a number or an operator")
        kind, word = str(match.lastgroup), match.group()
        self.position = match.end()
        if kind == "SKIP":
            if "\n" in word and not self.depth and not self.layouts:
                self.put(";", "\n", start)
        elif kind == "COMMAND":
            self.command(word[1:], start)
        elif kind == "MATRIX":
            self.environment(word, start)
        elif kind == "WORD":
            self.word(word, start)
        elif kind == "WHERE" and not self.depth:
            self.put(";", ";", start)
        elif kind in ("OTHERWISE", "IF", "IN") and (self.cases or kind == "IN"):
            self.put(_SIGNS.get(word, kind), word, start)
        elif kind in ("INDICATOR", "REALS"):
            self.put("FUNCTION" if kind == "INDICATOR" else word, "indicator" if kind == "INDICATOR" else word, start)
        elif kind in ("WHERE", "OTHERWISE", "IF"):
            raise self.fail(f"{word!r} means nothing here", start, "a name, a number or an operator")
        elif kind == "OPERATOR":
            self.sign(word, start)
        elif kind in ("RAISED", "LOWERED"):
            self.small("^" if kind == "RAISED" else "_", word.translate(_RAISED).translate(_LOWERED), start)
        elif kind == "FRACTION":
            self.put("NUMBER", str(Fraction(unicodedata.numeric(word)).limit_denominator(10)), start)
        elif kind in ("SUM", "ROOT"):
            self.put("FUNCTION", word if kind == "SUM" else "sqrt", start)
        else:
            if kind == "NUMBER":
                self.check_number(word, start)
            self.put(kind, word, start)

    def check_number(self, word: str, start: int) -> None:
        digits, _, exponent = word.lower().partition("e")
        if sum(map(str.isdigit, digits)) > MAX_DIGITS or len(exponent) > 5:
            raise self.fail("a number of too many digits", start, f"at most {MAX_DIGITS}", code="too-large")
        if abs(int(exponent or "0")) > MAX_EXPONENT:
            raise self.fail("a number beyond all decimals", start, f"at most 1e{MAX_EXPONENT}", code="too-large")

    def small(self, sign: str, written: str, start: int) -> None:
        """Raised or lowered signs: ``x⁻¹`` is ``x^(-1)``, ``∑ᵢ`` is ``∑_i``."""
        pieces = re.findall(r"\d+|.", written)
        self.put(sign, sign, start)
        for piece in pieces if len(pieces) == 1 else ["(", *pieces, ")"]:
            self.put("NUMBER" if piece.isdigit() else "NAME" if piece.isalpha() else piece, piece, start)

    def put(self, kind: str, word: str, start: int) -> None:
        self.depth = max(0, self.depth + (kind in ("(", "[", "⟨")) - (kind in (")", "]", "⟩")))
        self.found.append(Token(kind, word, Span(start, self.position)))
        if kind == "NAME":
            behind, self.behind = self.behind, []
            for one in behind:
                for piece in one:
                    kind = "NUMBER" if piece.isdigit() else "TRANSPOSE" if piece == "⊤" else piece
                    self.found.append(Token(kind, piece, Span(start, self.position)))

    def sign(self, word: str, start: int) -> None:
        if word == "&":
            if self.depth:
                word = ","
            elif re.compile(r"\s*(?::?=|[-+−])").match(self.text, self.position) or self.text[:start].rstrip()[-1:] in (
                "", "=", "\\", ";",
            ):  # fmt: skip
                return  # where the lines of a layout are aligned
            else:
                raise self.fail("'&' means nothing here", start, "&= to align, or a matrix")
        self.braces += (word == "{") - (word == "}")
        spelled = _SIGNS.get(word, word)  # a group: brackets, which print nothing
        self.put(spelled, spelled, start)

    def environment(self, word: str, start: int) -> None:
        kind = re.findall(r"\{([a-z]+\*?)\}", word)[0]
        if kind in _LAYOUTS:
            self.layouts += 1 if "begin" in word else -1
            self.put(";", ";", start)
            return
        if kind in _CASES or kind == "array" and (self.cases if "end" in word else "left" in word):
            self.cases += 1 if "begin" in word else -1
            if "begin" in word:
                self.put("FUNCTION", "cases", start)
            self.put("(" if "begin" in word else ")", word, start)
            return
        if kind not in _MATRICES:
            raise self.fail(
                f"the environment {kind!r} is not known", start, "bmatrix, pmatrix, matrix, cases or aligned",
                _INSTEAD.get(kind, ""),
            )  # fmt: skip
        sign = "[" if "begin" in word else "]"
        self.put(sign, sign, start)

    def deeper(self, by: int, start: int) -> None:
        self.nested += by
        if self.nested > MAX_DEPTH:
            raise self.fail("commands are nested too deeply", start, f"at most {MAX_DEPTH}", code="too-deep")

    def blanks(self) -> None:
        while self.position < self.end and self.text[self.position].isspace():
            self.position += 1

    def group(self, start: int, command: str) -> None:
        """What a command takes: ``{…}``, or without braces one sign, as in ``\\frac12``."""
        self.blanks()
        following = self.text[self.position : self.position + 1]
        if following == "{" or following == "(" and command == "sqrt":
            outside = self.braces
            self.deeper(1, start)
            self.next()
            while self.braces > outside and self.position < self.end:
                self.next()
            self.deeper(-1, start)
            return
        match = re.compile(rf"\d|{_MARKED}|\\[A-Za-z]+").match(self.text, self.position, self.end)
        if match is None or match.group() in ("\\frac", "\\sqrt", "\\left", "\\sum"):
            raise self.fail(f"\\{command} takes {{…}}", start, f"\\{command}{{…}}")
        place, self.position = self.position, match.end()
        self.put("(", "(", place)
        word = match.group()
        if word[0] == "\\":
            self.command(word[1:], place)
        else:
            self.put("NUMBER" if word.isdigit() else "NAME", unicodedata.normalize("NFC", word), place)
        self.put(")", ")", place)

    def command(self, word: str, start: int) -> None:
        if word in ("quad", "qquad") and not self.depth:
            if number := _EQUATION_NUMBER.match(self.text, self.position):
                self.position = number.end()
            elif _EQUATION_FOLLOWS.match(self.text, self.position):
                self.put(";", ";", start)
        if word in _SILENT:
            return
        if word == "\\":
            space = re.compile(r"\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]").match(self.text, self.position)
            self.position = space.end() if space else self.position
            self.put(";", ";", start)
        elif word in _FONTS or word in _ACCENTS:
            self.whole(self.styled(word, start), start)
        elif word in ("underbrace", "overbrace"):
            self.group(start, word)
            self.label()
        elif word in ("frac", "dfrac", "tfrac"):
            self.put("FUNCTION", "frac", start)
            self.group(start, word)
            self.group(start, word)
        elif word == "sqrt":
            self.blanks()
            degree = re.compile(r"\[([^\[\]]*)\]").match(self.text, self.position)
            self.position = degree.end() if degree else self.position
            root = {"2": "sqrt", "3": "cbrt"}.get(degree[1].strip() if degree else "2")
            if root is None:
                raise self.fail("this root is not among the functions", start, r"\sqrt{…} or \sqrt[3]{…}",
                                f"x^{{1/{degree[1] if degree else 4}}} is the root of x ≥ 0")  # fmt: skip
            self.put("FUNCTION", root, start)
            self.group(start, word)
        elif word in ("sum", "prod"):
            self.put("FUNCTION", SUM_SIGN if word == "sum" else word, start)
        elif word == "mathbb":
            self.blackboard(start)
        elif word in _SAME:
            spelled = _SAME[word]
            kind = {"‖": "NORM", "⊤": "TRANSPOSE", "π": "NAME"}.get(spelled, spelled)
            self.put(kind, spelled, start)
        elif word in GREEK:
            self.whole(GREEK[word], start)
        elif function := self.function(word):
            self.put("FUNCTION", function, start)
        else:
            raise self.fail(
                f"the LaTeX command \\{word} is not known", start, "a function, a Greek letter or a font",
                _INSTEAD.get(word, ""),
            )  # fmt: skip

    def label(self) -> None:
        """What is printed at a brace, ``_{\\text{linear}}``, says nothing."""
        match = re.compile(r"\s*[_^]\s*").match(self.text, self.position, self.end)
        if match is None:
            return
        start, self.position, depth = match.start(), match.end(), 0
        for piece in re.finditer(r"\\[A-Za-z]+|\\?.", self.text[match.end() : self.end], re.DOTALL):
            depth += (piece.group() == "{") - (piece.group() == "}")
            self.position = match.end() + piece.end()
            if depth <= 0:
                return
        raise self.fail("this label has no end", start, "'}'")

    def blackboard(self, start: int) -> None:
        """``\\mathbb{R}`` is the set in which shapes are stated; other letters are no operations."""
        match = re.compile(r"\s*(?:\{\s*(\w)\s*\}|(\w))").match(self.text, self.position, self.end)
        letter = (match[1] or match[2]) if match else ""
        self.position = match.end() if match else self.position
        if letter != "R":
            raise self.fail(f"\\mathbb{{{letter}}} is not known", start, r"\mathbb{R}, as in x \in \mathbb{R}^{256}",
                            _INSTEAD.get(letter, ""))  # fmt: skip
        self.put("ℝ", "ℝ", start)

    def styled(self, word: str, start: int) -> str:
        """The name in a font or under an accent: ``\\mathbf{W}``, ``\\hat{\\mathbf{y}}``, ``\\mathbf{W_1}``."""
        self.deeper(1, start)
        if word == "operatorname" and (match := _ARGMAX.match(self.text, self.position, self.end)):
            self.position = match.end()
            raise self.fail("this is no operation", start, "a function", _INSTEAD["arg"])
        if word == "operatorname" and self.text[self.position : self.position + 1] == "*":
            self.position += 1
        self.blanks()
        braced = self.text[self.position : self.position + 1] == "{"
        self.position += braced
        self.blanks()
        pattern = rf"\\([A-Za-z]+)|{_LONG.pattern}|{_MARKED}" + (rf"(?:{_MARKED}|\d)*" if braced else "")
        match = re.compile(pattern).match(self.text, self.position, self.end)
        if match and _LONG.fullmatch(match.group()) and not (braced and self.function(match.group())):
            match = re.compile(rf"{_MARKED}(?:{_MARKED}|\d)*").match(self.text, self.position, self.end)
        if match is None and braced and self.text[self.position : self.position + 1] == "1":
            self.position += 2
            raise self.fail("a vector of ones has no length of its own", start, "a sum, or a condition in brackets",
                            "sum(x) is 1^T x for a vector x; beside a matrix, a name given as u=[1, 1, 1]")  # fmt: skip
        if match is None:
            what = (
                "has nothing in it"
                if braced and self.text[self.position : self.position + 1] == "}"
                else "stands alone"
            )
            raise self.fail(f"\\{word} {what}", start, f"\\{word}{{…}}")
        self.position = match.end()
        name = unicodedata.normalize("NFC", match.group())
        if inner := match.group()[1:] if match.group()[0] == "\\" else "":
            if inner in _FONTS or inner in _ACCENTS:
                name = self.styled(inner, start)
            elif inner in GREEK or self.function(inner):
                name = GREEK.get(inner, inner)
            else:
                raise self.fail(f"\\{inner} cannot stand in \\{word}", start, f"\\{word}{{…}} around a name")
        if word in _ACCENTS:
            if len(re.findall(_LETTER, name.partition("_")[0])) != 1:
                raise self.fail(f"\\{word} over more than one letter", start, f"\\{word}{{x}}")
            name = unicodedata.normalize("NFC", name[:1] + _ACCENTS[word]) + name[1:]
        if braced:
            if not self.function(name) or name == "σ":
                name = self.decorated(name)
            self.blanks()
            if self.text[self.position : self.position + 1] != "}":
                self.position += 1
                raise self.fail(f"\\{word} holds more than a name", start, f"\\{word}{{…}} around one name")
            self.position += 1
        self.deeper(-1, start)
        return name

    def function(self, word: str) -> str:
        """The function that a word is, whatever its capitals: ``ReLU``, ``LogSoftmax``; else an empty text."""
        if word in self.functions and (word != "σ" or word not in self.known):
            return word
        folded = self.folded.get(word.replace("\\", "").replace("_", "").lower(), "")
        return folded if len(word) > 2 and word not in self.known else ""

    def called(self, glued: bool = False) -> bool:
        """Does a bracket follow?"""
        return bool(re.compile(r"(?:\\left|\\[bB]igl?)?\s*[({]" if glued else r"\s*(?:\\left|\\[bB]igl?)?\s*[({]")
                    .match(self.text, self.position, self.end))  # fmt: skip

    def whole(self, word: str, start: int) -> None:
        """A word that the text marks as one."""
        function = self.function(word)
        if function and (word != "σ" or self.called()):
            self.put("FUNCTION", function, start)
            return
        if len(re.findall(_LETTER, word.partition("_")[0])) > 1 and word not in self.known and self.called():
            raise self.unknown(word, start)
        self.put("NAME", self.decorated(word), start)

    def unknown(self, word: str, start: int) -> SpecError:
        hint = (
            _INSTEAD.get(word.lower(), "")
            or did_you_mean(word, [*self.functions, *self.known])
            or did_you_mean(word.lower(), self.functions)
        )
        if not hint and len(word) < 8:
            hint = f"a product of letters: {' '.join(word)}"
        return SpecError(
            "unknown-name",
            f"{word!r} is neither a function nor a name that is defined or given",
            expected="a function, or a name of one letter",
            found=word,
            hint=hint,
            span=Span(start, self.position),
            source=self.text,
        )

    def word(self, word: str, start: int) -> None:
        """A function, a known name, or single letters, each with the digits behind it."""
        long = _LONG.match(self.text, start, self.end)
        if long and self.function(long.group()):
            self.position = long.end()
            self.put("FUNCTION", self.function(long.group()), start)
            return
        normal, end = unicodedata.normalize("NFC", word), self.position
        if normal in self.functions and normal != "σ":
            self.put("FUNCTION", normal, start)
            return
        full = self.decorated(normal)
        if full in self.known or normal == "pi":
            self.put("NAME", "π" if normal == "pi" else full, start)
            return
        self.position, self.behind = end, []
        if len(normal) > 2 and normal in GREEK and normal not in self.known:
            self.whole(GREEK[normal], start)
            return
        for chunk in _CHUNK.finditer(word):
            self.position = start + chunk.end()
            self.chunk(chunk.group(), start + chunk.start(), last=chunk.end() == len(word))

    def chunk(self, written: str, start: int, last: bool) -> None:
        normal = unicodedata.normalize("NFC", written)
        letters = normal.rstrip("0123456789")
        single = len(re.findall(_LETTER, letters)) == 1
        function = self.function(normal)
        if function and (normal != "σ" or self.called()):
            self.put("FUNCTION", function, start)
        elif single or normal in self.known:
            self.put("NAME", self.decorated(normal) if last else normal, start)
        elif self.called(glued=True) or re.search(r"[a-z]{3}", letters) or self.function(letters):
            raise self.unknown(normal, start)
        else:
            pieces = list(re.finditer(rf"{_MARKED}\d*", written))
            for piece in pieces:
                self.position = start + piece.end()
                name = unicodedata.normalize("NFC", piece.group())
                if last and piece is pieces[-1]:
                    name = self.decorated(name)
                self.put("NAME", name, start + piece.start())

    def decorated(self, name: str) -> str:
        """The name with the subscripts, layer numbers and primes that follow it in the text."""
        indexed = False
        while True:
            place = self.position
            longest = re.compile(r"\w+").match(self.text, place, self.end)
            if longest and longest.group()[0] == "_" and name + longest.group() in self.known:
                self.position = longest.end()
                return name + longest.group()
            if match := _RAISED_FIRST.match(self.text, place, self.end):
                self.position = match.end()
                self.behind.append(("⊤",) if match["T"] else ("^", match["n"] or match["m"]))
            elif match := _INDEX.match(self.text, place, self.end):
                self.position = match.end()
                if indexed and not match["lowered"]:
                    raise self.fail("a second subscript", place, "one subscript", "put a blank between two names, or "
                                    "braces around one subscript: W_{a,b}")  # fmt: skip
                indexed = True
                name = _with_index(name, self.index(match, place))
            elif match := _LAYER.match(self.text, place, self.end):
                self.position = match.end()
                layer = (match.group(1) or match.group(2) or match.group(3)).translate(_RAISED)
                name = _with_index(name, layer if layer.isalnum() else f"{{{layer}}}")
            elif match := re.compile(r"\^\((\d+|\w)\)").match(self.text, place, self.end):
                self.position = match.end()
                inside = match.group(1)
                raise self.fail("a power, or the number of a layer?", place, "a power or a number of a layer",
                                f"{name}^{inside} is the power, {name}^{{({inside})}} the layer")  # fmt: skip
            elif match := _PRIMES.match(self.text, place, self.end):
                self.position = match.end()
                count = match.group().count("prime") or 2 if match.group()[0] in "^″" else len(match.group())
                name += "'" * count
            else:
                return name

    def index(self, match: re.Match[str], place: int) -> str:
        """A subscript as names have it: ``1``, ``out``, ``ij``, ``{t-1}``."""
        index = next(piece for piece in match.groups() if piece is not None).translate(_LOWERED)
        index = re.sub(r"\\[,;:! ]|\s+", "", _FONT_IN_INDEX.sub(r"\1", index)).replace("−", "-")
        index = re.sub(r"\\([A-Za-z]+)", lambda found: GREEK.get(found.group(1), found.group()), index)
        if re.fullmatch(rf"{_LETTER}(?:,{_LETTER})+", index):
            index = index.replace(",", "")
        if not re.fullmatch(r"\w+(?:[-+,]\w+)*", index):
            raise self.fail("this subscript is not understood", place, "a number, a word, i,j or t-1")
        return index if re.fullmatch(r"\w+", index) else f"{{{index}}}"


def _with_index(name: str, index: str) -> str:
    return name + (index if index.isdigit() and not name[-1].isdigit() else f"_{index}")
