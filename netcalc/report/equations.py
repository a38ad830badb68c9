"""The answer to an equation as text, Markdown, LaTeX, or tables on a terminal."""

from __future__ import annotations

import re
from typing import Any

from netcalc.equations.exact import latex as number_latex
from netcalc.equations.explanation import Section, Story
from netcalc.equations.syntax import latex, name_latex, text


def plain_text(story: Story) -> str:
    """Tab-separated rows under a line for each section."""
    lines = []
    for section in story.sections():
        lines.append(f"# {section.title}")
        lines += ["\t".join(row) for row in ([section.head] if section.head else []) + list(section.rows)]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in story.summary())]) + "\n"


def tables(story: Story, width: int) -> Any:
    """The sections as rich shows them."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text("\n".join(f"{e.name} = {text(e.expression)}" for e in story.c.equations), style="bold")]
    for section in story.sections():
        parts += ["", *_table(section)]
    from netcalc.report.table import pairs

    return Group(*parts, "", pairs(story.summary()))


def _table(section: Section) -> list[Any]:
    from rich.text import Text

    from netcalc.report.table import new_table

    if not section.head:
        return [Text(section.title, style="bold"), *(Text(f"  {row[0]}") for row in section.rows)]
    table = new_table()
    for place, name in enumerate(section.head):
        table.add_column(
            Text(name),
            justify="right" if place in section.right else "left",
            style="bold" if place == 0 else "",
            no_wrap=place in (0, *section.right),
            overflow="fold",
        )
    for row in section.rows:
        table.add_row(*map(Text, row))
    return [Text(section.title, style="dim"), table]


def markdown(story: Story) -> str:
    """Tables in Markdown, the equations in ``$…$``."""
    lines = [f"${name_latex(e.name)} = {latex(e.expression)}$\n" for e in story.c.equations]
    for section in story.sections():
        lines.append(f"**{section.title}**\n")
        if section.head:
            lines.append("| " + " | ".join(section.head) + " |")
            lines.append("|" + "|".join("--:" if i in section.right else "---" for i in range(len(section.head))) + "|")
            lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in section.rows]
            lines.append("")
        else:
            lines += ["```", *(row[0] for row in section.rows), "```", ""]
    return "\n".join([*lines, *(f"- {name}: {value}" for name, value in story.summary())]) + "\n"


def latex_sheet(story: Story) -> str:
    """A solution for a sheet: the equations, the dimensions, the steps, the gradients, the update."""
    c = story.c
    out = [
        r"\begin{align*}",
        *_lines(f"{name_latex(e.name)} &= {latex(e.expression)}" for e in c.equations),
        r"\end{align*}",
    ]
    out += [r"\paragraph{Dimensions}", r"\begin{align*}"]
    out += _lines(f"{name_latex(n.name)} &\\in {_space(n.shape)}" for n in c.inputs)
    out += [r"\end{align*}", rf"Parameters: ${_size(c.params)}$. FLOPs (textbook): ${_size(story.forward.flops)}$."]
    out += [r"\paragraph{Forward}", r"\begin{align*}"]
    steps = []
    for i, node in enumerate(c.nodes):
        if not node.is_leaf:
            value = (
                f" = {_array(story.values[i])}" if story.values is not None and len(story.values[i].data) <= 36 else ""
            )
            steps.append(f"{_words(story.names[i])} &= {_words(story.step(i))}{value} && \\in {_space(node.shape)}")
    out += [*_lines(steps), r"\end{align*}"]
    if story.asked.gradients:
        rows = []
        for edge in story.told_edges():
            local, layout = story.layout(edge)
            q, z = story.names[edge.target], story.names[edge.source]
            into = c.nodes[edge.source].shape
            full = rf"{_partial(q, z)} &= {_words(local)} && \in {_space((*c.nodes[edge.target].shape, *into))}"
            gradient = _words(story.partial(story.top, z))
            rows.append(rf"{full} & {gradient} &= {_words(layout)} && \in {_space(into)}")
        out += [r"\paragraph{Backward}", r"\begin{align*}", *_lines(rows), r"\end{align*}"]
    if story.values is not None and story.scalar() and (story.asked.gradients or story.asked.lr is not None):
        from netcalc.equations.values import gradients

        grads = gradients(c, story.values)
        rows = [
            rf"\frac{{\partial {_words(story.result)}}}{{\partial {name_latex(n.name)}}} &= {_array(grads[i])}"
            for i, n in enumerate(c.nodes)
            if n.operation == "input" and i in grads
        ]
        if story.asked.lr is not None:
            rows += [
                rf"{name_latex(u.name)} &\leftarrow {_array(u.before)} - {number_latex(story.asked.lr)} \cdot "
                rf"{_array(u.gradient)} = {_array(u.after)}"
                for u in story.updates()
            ]
        out += [r"\paragraph{Gradients}", r"\begin{align*}", *_lines(rows), r"\end{align*}"]
    notes = [f"{name}: {value}" for name, value in story.summary() if name in ("free", "holds when", "note", "caution")]
    out += [f"% {note}" for note in notes]
    return "\n".join(out) + "\n"


def _partial(q: str, z: str) -> str:
    return rf"\frac{{\partial {_words(q)}}}{{\partial {_words(z)}}}"


def _lines(rows: Any) -> list[str]:
    rows = list(rows)
    return [f"  {row}" + (r" \\" if i + 1 < len(rows) else "") for i, row in enumerate(rows)]


def _size(size: Any) -> str:
    from netcalc.dims import latex as size_latex

    return f"{size:,}".replace(",", "{,}") if isinstance(size, int) else size_latex(size)


def _space(shape: Any) -> str:
    return r"\mathbb{R}" + ("^{" + r" \times ".join(map(_size, shape)) + "}" if shape else "")


def _array(array: Any) -> str:
    if not array.shape:
        return number_latex(array.data[0])
    if len(array.shape) > 2:
        return r"\dots"
    rows = list(array.lines()) if len(array.shape) == 2 else [(v,) for v in array.data]
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(map(number_latex, row)) for row in rows) + r" \end{bmatrix}"


_SIGNS = {
    "ᵀ": "^T", "⊙": r" \odot ", "⊗": r" \otimes ", "−": "-", "·": r" \cdot ", "‖": r"\|", "²": "^2",
    "³": "^3", "σ": r"\sigma", "Σ": r"\textstyle\sum ",
    "≥": r"\ge ", "∗": " * ", "×": r" \times ", "′": "'", "√": r"\sqrt", "½": r"\tfrac12 ",
    "π": r"\pi ", "Φ": r"\Phi ", "φ": r"\varphi ",
}  # fmt: skip


def _words(written: str) -> str:
    """Words of a formula as LaTeX.

    >>> print(_words("∂L/∂q1 xᵀ ⊙ W1"))
    \\frac{\\partial L}{\\partial q_{1}} x^T  \\odot  W_{1}
    """
    written = re.sub(
        r"∂([^\W\d_][\w'\u0304\u0302]*)/∂([^\W\d_][\w'\u0304\u0302]*)",
        lambda m: rf"\frac{{\partial {name_latex(m[1])}}}{{\partial {name_latex(m[2])}}}",
        written,
    )
    pieces = re.split(r"(\\frac\{\\partial [^}]*(?:\{[^}]*\}[^}]*)?\}\{\\partial [^}]*(?:\{[^}]*\})?[^}]*\})", written)
    return "".join(piece if i % 2 else _plain_words(piece) for i, piece in enumerate(pieces))


def _plain_words(written: str) -> str:
    def word(match: re.Match[str]) -> str:
        found = match.group()
        if found in ("sin", "cos", "tanh", "exp", "log", "max", "min"):
            return f"\\{found} "
        letters = re.sub(r"[\d'\u0304\u0302]", "", found)
        if len(letters) > 1 and letters not in ("x̄",) and "_" not in found:
            return rf"\text{{{found}}}"
        return name_latex(found)

    written = re.sub(
        r"(?<!\\)[A-Za-zα-ωΑ-Ω](?:(?![ᵀ²³])[\w'\u0304\u0302])*",
        lambda m: m.group() if m.group() in "σΣΦφπ" else word(m),
        written,
    )
    return "".join(_SIGNS.get(c, c) for c in written)
