"""What every LaTeX rendering shares: the document around it, signs, and text outside of formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage[a4paper,margin=22mm]{geometry}
\setlength{\parindent}{0pt}
\begin{document}
"""


def document(body: str) -> str:
    """A whole document around what else is a fragment to include (which needs amsmath)."""
    return f"{_PREAMBLE}{body}\\end{{document}}\n"


_SIGNS = {
    "−": "-", "·": r"\cdot ", "∗": r"\ast ", "×": r"\times ", "→": r"\to ", "Σ": r"\Sigma ", "√": r"\surd ",
    "σ": r"\sigma ", "ε": r"\varepsilon ", "π": r"\pi ", "γ": r"\gamma ", "β": r"\beta ", "ω": r"\omega ",
    "‖": r"\Vert ", "ᵀ": "^{T}", "²": "^{2}", "³": "^{3}", "ᵖ": "^{p}", "ᵏ": "^{k}", "₁": "_{1}", "₂": "_{2}",
    "ₖ": "_{k}", "ᵢ": "_{i}", "ⱼ": "_{j}", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "≥": r"\ge ", "≤": r"\le ",
    "∏": r"\textstyle\prod ", "Φ": r"\Phi ", "φ": r"\varphi ", "δ": r"\delta ", "∞": r"\infty ", "½": r"\tfrac12 ",
    "±": r"\pm ", "⌈": r"\lceil ", "⌉": r"\rceil ", "ᴸ": "^{L}", "…": r"\ldots ",
}  # fmt: skip
_ESCAPED = {
    "_": r"\_\allowbreak{}", "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$", "{": r"\{",
    "}": r"\}", "^": r"\^{}", "~": r"\~{}",
}  # fmt: skip


def prose(text: str) -> str:
    """A text for LaTeX outside of formulas; its signs become small formulas.

    >>> print(prose("max_pool → 3 × 4"))
    max\\_\\allowbreak{}pool $\\to $ 3 $\\times $ 4
    """
    return "".join(_ESCAPED.get(c) or (f"${_SIGNS[c]}$" if c in _SIGNS else c) for c in text)


def sizes_latex(text: str) -> str:
    """A shape such as 3x32x32 → 10 in a formula."""
    signs = "".join(r"\times " if c == "x" else _SIGNS.get(c, c) for c in text.replace("max", "\0"))
    return signs.replace("\0", r"\max").replace("_", r"\_").replace(" of ", r"\text{ of }")


def label_latex(label: str) -> str:
    r"""A label of the ledger as a formula: words upright, signs as they are.

    >>> print(label_latex("max(0, ·)"), "|", label_latex("W ∗ x"), "|", label_latex("max of the window"))
    \max(0,\cdot ) | W\ast x | \max\ \text{of}\ \text{the}\ \text{window}
    >>> print(label_latex("+ b"), "|", label_latex("−y"))  # with nothing before it, TeX would take + for a sign of b
    {}+b | -y
    """
    functions = ("max", "min", "exp", "log", "sin", "cos", "tanh")
    found = ["{}"] if label[1:2] == " " and label[0] in "+−∗·×" else []
    for token in re.findall(r"(?<=\b[A-Za-z])_[A-Za-z]+|[A-Za-z]{2,}|.", re.sub(" ?([-+−∗·×=→]) ?", r"\1", label)):
        if token.isalpha() and token.isascii() and len(token) > 1:
            found.append(rf"\{token}" if token in functions else rf"\text{{{token}}}")
        elif token.startswith("_") and len(token) > 1:
            found.append(f"_{{{token[1:]}}}")
        elif token == " ":
            found.append(r"\ " if found and not found[-1].endswith((",", r"\ ")) else " ")
        else:
            found.append(_SIGNS.get(token) or {"_": r"\_", "*": r"\ast ", "{": r"\{", "}": r"\}"}.get(token, token))
    return "".join(found)


def holds_when(conditions: Iterable[str]) -> str:
    r"""The conditions as a sentence.

    >>> print(holds_when(["H divisible by 16", "G divides 64", "3 ≤ W ≤ 9"]))
    Holds when $16 \mid H$, $G \mid 64$, $3 \le W \le 9$.\par
    """
    return "Holds when " + ", ".join(f"${_condition(one)}$" for one in conditions) + r".\par"


def _condition(stated: str) -> str:
    multiple, _, number = stated.partition(" divisible by ")
    stated = f"{number} divides {multiple}" if number else stated
    signs = {" divides ": r" \mid ", " ≥ ": r" \ge ", " ≤ ": r" \le ", " = ": " = "}
    return "".join(signs.get(part) or label_latex(part) for part in re.split(f"({'|'.join(signs)})", stated))


# where a line may end, the better the less; TeX breaks before the sign, and in brackets only if it must
_PLACES = {" = ": 0, " + ": 100, " - ": 100, r" \times ": 200, r" \cdot ": 300, r"\,": 400}
_TOKENS = re.compile(
    r"(\\(?:left|right)(?:\\[A-Za-z]+|[()\[\]|.])|(?<!\\)[{}]|" + "|".join(map(re.escape, _PLACES)) + ")"
)


def formula(form: str) -> str:
    r"""A formula in a line of text. It may be broken before a sign, also in brackets: TeX knows where it is too long.

    >>> print(formula(r"4\,\left(60 + H\right)"))
    $\displaystyle 4\,(60 + H)$
    >>> print(formula("1 + " * 20 + "1")[:42])
    $\displaystyle 1\penalty100 + 1\penalty100
    """
    short = len(form) < 60
    found: list[str] = []
    opened: list[int] = []  # the places of brackets in ``found``; those whose inside is one box are negative
    for token in filter(None, _TOKENS.split(form)):
        solid = any(place < 0 for place in opened)
        if token == "{" or token.startswith(r"\left"):
            opened.append(len(found) if token == r"\left(" and not solid else -1)
        elif token == "}" or token.startswith(r"\right"):
            if opened and (place := opened.pop()) >= 0:
                inner = "".join(found[place + 1 :])
                size = "bigg" if r"\frac" in inner else "big" if "(" in inner else ""
                found[place], token = (rf"\{size}l(", rf"\{size}r)") if size else ("(", ")")
        elif token in _PLACES and found and not solid and not short:
            found.append(rf"\penalty{_PLACES[token] + 200 * len(opened)}")
        found.append(token)
    return rf"$\displaystyle {''.join(found)}$"


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a heading (which may be empty) and a text behind it, whose further lines are indented."""
    rows = list(rows)
    if not rows:
        return ""
    items = [
        rf"\item[{head}] {body}" if _printed(head) <= 20 else rf"\item[] \textbf{{{head}}} {body}"
        for head, body in rows
    ]
    wide = [rf"\textbf{{{head}}}" for head in dict.fromkeys(head for head, _ in rows) if 15 <= _printed(head) <= 20]
    return "\n".join([_LIST % r"\\".join([r"\hspace*{7.5em}", *wide]), *items, r"\end{list}"])


def _printed(heading: str) -> int:
    r"""How many signs of a heading are seen on the page.

    >>> [_printed(prose(name)) for name in ("h.0.c_attn", "h.1 … h.11", "a{b}")], _printed("$n_{1}$")
    ([10, 10, 4], 3)
    """
    seen = re.sub(r"\\([a-zA-Z]+ ?|.)(\{\})?", "·", heading.replace(r"\allowbreak{}", ""))
    return len(seen) - sum(map(seen.count, "${}"))


# TeX measures the headings: the widest of them gives the column its width
_LIST = r"""\begin{list}{}{\raggedright\relpenalty=10000 \binoppenalty=10000 \lineskiplimit=1pt \lineskip=3pt
  \settowidth{\labelwidth}{\begin{tabular}{@{}l@{}}%s\end{tabular}}
  \labelsep=.5em \leftmargin=\labelwidth \advance\leftmargin 2em \itemindent=-1.5em \itemsep=1pt \parsep=0pt
  \renewcommand{\makelabel}[1]{\textbf{#1}\hfil}}"""


def bracketed(form: str) -> str:
    """A formula as a factor: a sum stands in brackets."""
    return rf"\left({form}\right)" if _is_sum(form) else form


def _is_sum(form: str) -> bool:
    """Does a plus or a minus stand outside of all brackets?"""
    depth = 0
    for token in _TOKENS.findall(form):
        depth += (token == "{" or token.startswith(r"\left")) - (token == "}" or token.startswith(r"\right"))
        if token in (" + ", " - ") and not depth:
            return True
    return False
