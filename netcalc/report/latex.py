"""What every LaTeX rendering shares: the document around it, signs, and text outside of formulas."""

from __future__ import annotations

import re

_PREAMBLE = r"""\documentclass[fleqn]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage[a4paper,margin=22mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\mathindent}{0pt}
\allowdisplaybreaks
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
    "\\": r"\textbackslash{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "^": r"\^{}", "~": r"\~{}",
}  # fmt: skip


def prose(text: str) -> str:
    """A text for LaTeX outside of formulas; its signs become small formulas.

    >>> print(prose("max_pool → 3 × 4"))
    max\\_pool $\\to $ 3 $\\times $ 4
    """
    return "".join(_ESCAPED.get(c) or (f"${_SIGNS[c]}$" if c in _SIGNS else c) for c in text)


def sizes_latex(text: str) -> str:
    """A shape such as 3x32x32 → 10 in a formula."""
    signs = "".join(r"\times " if c == "x" else _SIGNS.get(c, c) for c in text.replace("max", "\0"))
    return signs.replace("\0", r"\max").replace("_", r"\_").replace(" of ", r"\text{ of }")


def label_latex(label: str) -> str:
    r"""A label of the ledger as a formula: words upright, signs as they are.

    >>> print(label_latex("max(0, ·)"), "|", label_latex("W ∗ x"), "|", label_latex("max of the window"))
    \max(0, \cdot ) | W\ \ast \ x | \max\ \text{of}\ \text{the}\ \text{window}
    """
    functions = ("max", "min", "exp", "log", "sin", "cos", "tanh")
    found = []
    for token in re.findall(r"(?<=W)_[qkvo]|[A-Za-z]{2,}|.", label):
        if token.isalpha() and token.isascii() and len(token) > 1:
            found.append(rf"\{token}" if token in functions else rf"\text{{{token}}}")
        elif token in ("_q", "_k", "_v", "_o"):
            found.append(f"_{{{token[1]}}}")
        elif token == " ":
            found.append(r"\ " if found and not found[-1].endswith((",", r"\ ")) else " ")
        else:
            found.append(_SIGNS.get(token) or {"_": r"\_", "*": r"\ast ", "{": r"\{", "}": r"\}"}.get(token, token))
    return "".join(found)


SIGNS, FACTORS = (" + ", " - "), (r" \times ", r" \cdot ")


def fitted(form: str, most: int = 66) -> str:
    r"""A sum too long for a line, broken before its signs; a product too long even so, before a factor.

    >>> print(fitted("64000 + 128000 - 32000", 14))
    64000 + 128000 \\ & \qquad {}- 32000
    >>> print(fitted(r"4\,\left(60000\,H + 70000\,W\right)", 9))
    4\,\bigl(60000\,H \\ & \qquad {}+ 70000\,W\bigr)
    """
    if seen_length(form) <= most:
        return form
    opening, closing = r"\left(", r"\right)"
    if len(_pieces(form, SIGNS)) == 1 and opening in form and form.endswith(closing):
        head, _, inner = form.removesuffix(closing).partition(opening)
        if len(_pieces(inner, SIGNS)) > 1 and _is_closed(inner):
            return rf"{head}\bigl({fitted(inner, most)}\bigr)"
    broken = []
    for row in _rows(_pieces(form, SIGNS), most):
        factors = _rows(_pieces(row, FACTORS), most) if seen_length(row) > most else [row]
        broken.append(r" \\ & \qquad\quad ".join(factor.strip() for factor in factors))
    return r" \\ & \qquad {}".join(broken)


def bracketed(form: str) -> str:
    """A formula as a factor: a sum stands in brackets."""
    return rf"\left({form}\right)" if len(_pieces(form, SIGNS)) > 1 else form


def _is_closed(form: str) -> bool:
    """Does every bracket that closes here open here?"""
    depth = 0
    for word in re.findall(r"\\left(?![a-z])|\\right(?![a-z])", form):
        depth += 1 if word == r"\left" else -1
        if depth < 0:
            return False
    return depth == 0


def _pieces(form: str, signs: tuple[str, ...]) -> list[str]:
    """A formula cut before every one of these signs that stands in no bracket."""
    found, depth, start = [], 0, 0
    for match in re.finditer(r"\\left|\\right(?!arrow)|[{}]|" + "|".join(map(re.escape, signs)), form):
        word = match.group()
        depth += (word in (r"\left", "{")) - (word in (r"\right", "}"))
        if word in signs and depth == 0 and match.start():
            found.append(form[start : match.start()])
            start = match.start()
    return [*found, form[start:]]


def _rows(pieces: list[str], most: int) -> list[str]:
    """Pieces put together as far as a line goes."""
    rows = [""]
    for piece in pieces:
        if rows[-1] and seen_length(rows[-1] + piece) > most:
            rows.append("")
        rows[-1] += piece
    return [row.strip() for row in rows]


def seen_length(written: str) -> int:
    """About how many signs LaTeX makes of it."""
    for command in (r"\left", r"\right", r"\text", r"\mathrm", r"\quad", "{,}", "{", "}", "\\ ", " "):
        written = written.replace(command, "," if command == "{,}" else "")
    for command in (r"\times", r"\cdot", r"\frac", r"\lfloor", r"\rfloor"):
        written = written.replace(command, " x ")
    return len(written)
