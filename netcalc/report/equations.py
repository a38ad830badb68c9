"""The answer to an equation as text, Markdown, LaTeX, or tables on a terminal."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import Any

from netcalc.equations.arrays import MOST
from netcalc.equations.exact import latex as number_latex
from netcalc.equations.explanation import Section, Story
from netcalc.equations.ledger import Ledger, backward_ledger
from netcalc.equations.syntax import ACCENTS, latex, name_latex, text
from netcalc.report.latex import bracketed, document, listed, prose


def plain_text(story: Story) -> str:
    """The equations as they are read, then tab-separated rows under a line for each section."""
    lines = _read(story)
    for section in story.sections():
        lines.append(f"# {section.title}")
        lines += ["\t".join(row) for row in ([section.head] if section.head else []) + list(section.rows)]
    return "\n".join([*lines, *(f"{name}: {value}" for name, value in story.summary())]) + "\n"


def _read(story: Story) -> list[str]:
    return [f"{e.name} = {text(e.expression)}" for e in story.c.equations]


def tables(story: Story, width: int) -> Any:
    """The sections as rich shows them."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text("\n".join(_read(story)), style="bold")]
    for section in story.sections():
        parts += ["", *_table(section, width)]
    from netcalc.report.table import pairs

    return Group(*parts, "", pairs(story.summary()))


ARRAYS = ("value", "by finite differences")
"""The columns that hold arrays."""


def matrix_lines(value: str) -> list[str]:
    """An array with a row on each line.

    >>> print(*matrix_lines("[[1, 1/2], [3, 4]] ≈ [[1, 0.5], [3, 4]]"), sep=chr(10))
    [[1, 1/2],
     [3, 4]]
    ≈ [[1, 0.5],
       [3, 4]]
    """
    found = []
    for sign, written in zip(("", "≈ "), value.split(" ≈ ")):
        indent = len(sign)
        pieces = re.split(r"(?<=\]), (?=\[)", written)
        for place, piece in enumerate(pieces):
            depth = sum(row.count("[") - row.count("]") for row in pieces[:place])
            start = sign if place == 0 else " " * (indent + depth)
            found.append(start + piece + ("," if place + 1 < len(pieces) else ""))
    return found


def _below(section: Section, width: int) -> tuple[Section, list[str]]:
    """Arrays take a line for each row; those for which the table has no room stand below it, no row broken."""
    columns = [place for place, name in enumerate(section.head) if name in ARRAYS]
    rows = [list(row) for row in section.rows]
    for row in rows:
        for place in columns:
            if row[place].startswith("["):
                row[place] = "\n".join(matrix_lines(row[place]))

    def least() -> int:
        cells = [section.head, *rows]
        return sum(max(len(line) for row in cells for line in row[i].split("\n")) + 3 for i in range(len(section.head)))

    moved: list[tuple[int, int, str]] = []
    while least() - 3 > width:
        waiting = [(_widest(row[place]), i, place) for i, row in enumerate(rows) for place in columns
                   if row[place].startswith("[")]  # fmt: skip
        if not waiting:
            break
        _, i, place = max(waiting)
        moved.append((i, place, rows[i][place]))
        rows[i][place] = "below"
    told: list[str] = []
    for i, place, written in sorted(moved):
        told += [
            "",
            f"{rows[i][0]} {section.head[place]}:".replace("←:", "←"),
            *_fitted(written.split("\n"), width - 2),
        ]
    return section._replace(rows=tuple(map(tuple, rows))), told


def _widest(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _fitted(lines: list[str], width: int) -> list[str]:
    """Rows that are wider than the page lose numbers at their end, which is said; a vector goes on on the next line."""
    if len([line for line in lines if not line.startswith("≈")]) == 1:
        return [f"  {piece}" for line in lines for piece in textwrap.wrap(line, width, subsequent_indent="   ")]
    found = []
    for line in lines:
        kept = line
        if len(line) > width:
            kept = line[: width - 4].rpartition(", ")[0] + ", …" + re.sub(r"^.*?(\]*,?)$", r"\1", line)
        found.append(f"  {kept}")
    shortened = any(line.rstrip("],").endswith("…") for line in found)
    return [*found, *(["  (rows shortened to the width: --json has every number)"] if shortened else [])]


def _table(section: Section, width: int) -> list[Any]:
    from rich.text import Text

    from netcalc.report.table import new_table

    if not section.head:
        return [Text(section.title, style="bold"), *(Text(f"  {row[0]}") for row in section.rows)]
    section, told = _below(section, width)
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
    return [Text(section.title, style="dim"), table, *map(Text, told)]


def markdown(story: Story) -> str:
    """Tables in Markdown, the equations in ``$…$``."""
    lines = [f"${name_latex(e.name)} = {_expression(e.expression)}$\n" for e in story.c.equations]
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


def latex_sheet(story: Story, fragment: bool = False) -> str:
    """A solution sheet: the equations, the dimensions, the steps, the gradients, the update.

    It is a whole document, or with ``fragment`` a part to include (needs amsmath and amssymb).
    """
    c = story.c
    out = [
        r"\begin{align*}",
        *_lines(f"{name_latex(e.name)} &= {_expression(e.expression)}" for e in c.equations),
        r"\end{align*}",
    ]
    out += [r"\paragraph{Dimensions}", r"\begin{align*}"]
    out += _lines(f"{name_latex(n.name)} &\\in {_space(n.shape)}" for n in c.inputs)
    out += [r"\end{align*}", rf"Parameters: ${_size(c.params)}$. FLOPs (textbook): {_flops(story)}."]
    out += [r"\paragraph{Forward}", r"\begin{align*}"]
    steps = []
    for i, node in enumerate(c.nodes):
        if not node.is_leaf:
            found = story.known[i]
            value = f" = {_array(found)}" if found is not None and len(found.data) <= MOST else ""
            steps.append(f"{_words(story.names[i])} &= {_words(story.step(i))}{value} && \\in {_space(node.shape)}")
    out += [*_lines(steps), r"\end{align*}", *_windows(story), *(_explained(story) if story.asked.explain else ())]
    if story.asked.gradients:
        edges = []
        for edge, name, layout in story.told_gradients():
            local = story.layout(edge)[0]
            q, z = story.names[edge.target], story.names[edge.source]
            into = c.nodes[edge.source].shape
            full = (_partial(q, z), _words(local), _space((*c.nodes[edge.target].shape, *into)))
            edges.append((full, (_words(name), _words(layout), _space(into))))
        out += [r"\paragraph{Backward}", r"\begin{align*}", *_lines(_beside(edges)), r"\end{align*}"]
    if story.values is not None and story.scalar() and (story.asked.gradients or story.asked.lr is not None):
        rows = [row for found in story.checked_gradients() for row in _gradient(story.result, *found)]
        if story.asked.lr is not None:
            rows += [row for u in story.updates() for row in _update(u, story.asked)]
        out += [r"\paragraph{Gradients}", r"\begin{align*}", *_lines(rows), r"\end{align*}"]
    stated = [(name, _prose(value)) for name, value in story.summary() if name in STATED]
    out += [r"\paragraph{Notes}\leavevmode", listed(stated)] if stated else []
    body = "\n".join(out) + "\n"
    return body if fragment else document("\\allowdisplaybreaks\n" + body)


STATED = ("free", "holds when", "uncounted", "note", "caution")
"""What of the summary a sheet says in words."""


def _explained(story: Story) -> list[str]:
    """Why these shapes, and the ledgers line by line."""
    reasons = (rf"\par {_prose(reason)}" for reason in story.c.reasons)
    out = [r"\paragraph{Why these shapes}\leavevmode", *reasons, r"\par"]
    for title, ledger, labels in story.ledgers():
        rows = []
        for entry, label in zip(ledger.entries, labels):
            for line in entry.work.lines:
                factors = r" \times ".join(bracketed(_size(size)) for size in line.factors) or "1"
                count = "" if len(line.factors) < 2 else f" = {_size(line.count)}"
                rows.append(rf"{_words(label)} &: {_of(line.label)} && {factors}{count} \text{{ {line.kind}}}")
            if not entry.work.lines:
                told = entry.work.note or ", ".join(entry.work.uncounted)
                rows.append(rf"{_words(label)} &: \text{{{_prose(told)}}} && {'?' if entry.work.uncounted else 0}")
        heading = rf"\paragraph{{{title[0].upper()}{title[1:]}}}"
        out += [heading, r"\begin{align*}", *_lines(rows), r"\end{align*}"] if rows else []
    return out


def _of(label: str) -> str:
    """What a line of the ledger counts, where TeX would take a sign in front for one of the name behind it."""
    return ("{}" if label[:1] in "+−" else "") + _words(label)


def _gradient(result: str, name: str, slope: Any, check: Any, mark: str) -> list[str]:
    """A gradient in numbers, and what finite differences say of it, on one line or two."""
    first = rf"\frac{{\partial {_words(result)}}}{{\partial {name_latex(name)}}} &= {_array(slope)}"
    verdict = {"✓": "", "✗": r"\text{: they differ}"}.get(mark, rf"\text{{: {mark}}}")
    second = rf"\text{{by finite differences }}{_array(check)}{verdict}"
    if _columns(f"{first} {second}") <= PAGE:
        return [rf"{first} \quad {second}"]
    return [first, rf"&\quad {second}"]


def _prose(written: str) -> str:
    """A sentence with names and signs in it, for LaTeX outside of formulas.

    >>> print(_prose("ŷ: two vectors, wᵀ x ≈ 50% of ε_1"))
    $\\hat{y}$: two vectors, w$^T$ x $\\approx $ 50\\% of $\\varepsilon_{1}$
    """

    pieces = _MATHS.split(_apart(written))
    return "".join(
        f"${_SIGNS.get(piece) or name_latex(piece)}$" if place % 2 else prose(piece)
        for place, piece in enumerate(pieces)
    )


def _expression(expression: Any) -> str:
    """An equation's right side, the options of its windows set as words.

    >>> from netcalc.equations.parser import parse
    >>> print(_expression(parse("y = conv(x, w, stride 1x2)")[0].expression))
    \\operatorname{conv}\\left(x, w, \\text{stride }1\\times 2\\right)
    """

    def option(match: re.Match[str]) -> str:
        return rf"\text{{{match[1]} }}".replace("_", r"\_")

    words = re.sub(r"(?<=, )([a-z_]+) (?=\d)", option, latex(expression))
    return words.replace("×", r"\times ")


def _flops(story: Story) -> str:
    def flops(ledger: Ledger) -> str:
        least = r"\ge " if ledger.uncounted else ""
        return f"${least}{_size(ledger.flops)}$"

    found = [flops(story.forward)]
    if story.asked.gradients:
        found.append(f"backward {flops(backward_ledger(story.c))}")
    if story.asked.updates:
        found.append(f"update {flops(story.update_ledger())}")
    return ", ".join(found)


def _windows(story: Story) -> list[str]:
    """The sums of the windows, as they are typed."""
    out: list[str] = []
    for section in story.windows():
        lines = [row[0].replace("−", "-").replace("π", "pi").replace("∞", "inf") for row in section.rows]
        out += [rf"\paragraph{{\textmd{{${_words(section.title)}$}}}}", r"\begin{verbatim}", *lines, r"\end{verbatim}"]
    return out


Cells = tuple[str, str, str]  # what, its formula, its space


def _beside(edges: list[tuple[Cells, Cells]]) -> list[str]:
    """The derivative and the gradient of every edge: side by side where the page has room, else one below the other."""

    def row(cells: Cells) -> str:
        return rf"{cells[0]} &= {cells[1]} && \in {cells[2]}"

    columns = [max(map(_width, column)) for half in zip(*edges) for column in zip(*half)]
    if sum(columns) + 16 <= PAGE:
        return [f"{row(full)} & {row(gradient)}" for full, gradient in edges]
    return [row(cells) for edge in edges for cells in edge]


PAGE = 72
"""How many signs of a formula a line of a page holds."""


def _width(formula: str) -> int:
    r"""About how many signs wide a formula is, spaces not counted.

    >>> _width(r"\frac{\partial L}{\partial q_{1}} \odot x^T"), _width(r"\text{one word}")
    (4, 7)
    """
    formula = re.sub(r"\\frac\{\\partial [^{}]*(?:\{[^{}]*\})?\}\{[^{}]*(?:\{[^{}]*\})?\}", "∂", formula)
    formula = re.sub(r"\\(?:text|operatorname|mathbb|left|right|textstyle|partial)\b", "", formula)
    return len(re.sub(r"[{}_^&\s]", "", re.sub(r"\\[a-z]+", "×", formula)))


def _update(u: Any, asked: Any) -> list[str]:
    """One update in numbers, on one line or one step a line."""
    step = _array(u.gradient)
    if asked.weight_decay is not None:
        step = rf"\left({step} + {number_latex(asked.weight_decay)} \cdot {_array(u.before)}\right)"
    parts = (_array(u.before), rf"- {number_latex(asked.lr)} \cdot {step}", f"= {_array(u.after)}")
    first = rf"{name_latex(u.name)} &\leftarrow {parts[0]}"
    if _columns(" ".join(parts)) <= PAGE:
        return [" ".join((first, *parts[1:]))]
    return [first, *(rf"&\quad {part}" for part in parts[1:])]


def _columns(formula: str) -> int:
    """About how many signs wide a formula with matrices is: a matrix is as wide as its widest row."""
    widest = re.sub(
        r"\\begin\{bmatrix\}(.*?)\\end\{bmatrix\}",
        lambda m: max((row.replace("&", "00") for row in m[1].split(r" \\ ")), key=_width) + "00",
        formula,
    )
    return _width(widest)


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


_SIZES = ((46, ""), (56, r"\footnotesize"), (66, r"\scriptsize"), (92, r"\tiny"))
"""How many signs of a matrix stand beside the rest of its line, in each size of type."""
_ROWS = 36


def _array(array: Any) -> str:
    r"""An array, in as small a type as its line needs; a long vector is the transpose of a row on several lines.

    >>> from netcalc.equations.arrays import Array
    >>> _array(Array.of([[1, 2], [3, 4]]))
    '\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}'
    """
    if not array.shape:
        return number_latex(array.data[0])
    cells = [list(map(number_latex, line)) for line in array.lines()]
    if len(array.data) > 36:  # small type: fractions on the line
        cells = [[re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"\1/\2", cell) for cell in line] for line in cells]
    if len(array.shape) > 2 or len(array.data) > MOST or len(cells) > _ROWS:
        return r"\dots"
    if len(array.shape) == 1 and len(array.data) > 12:
        room = _SIZES[0][0]
        rows, columns, turned = [""], "l", "^T"
        for cell in cells[0]:
            if _width(rows[-1] + cell) > room:
                rows.append("")
            rows[-1] += f"{cell},\\ "
        rows[-1] = rows[-1].removesuffix(",\\ ")
    else:
        rows = [" & ".join(line) for line in (cells if len(array.shape) == 2 else zip(cells[0]))]
        columns, turned = "c" * (array.shape[-1] if len(array.shape) == 2 else 1), ""
    widest = max(_width(row.replace("&", "00")) for row in rows)
    size = next((size for room, size in _SIZES if widest <= room), None)
    if size is None:
        return r"\dots"
    body = r" \\ ".join(rows)
    if len(columns) <= 10 and not turned:  # more columns than a bmatrix takes
        found = rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"
    else:
        found = rf"\left[\begin{{array}}{{{columns}}} {body} \end{{array}}\right]{turned}"
    return rf"\text{{{size}${found}$}}" if size else found


_SIGNS = {
    "ᵀ": "^T", "⊙": r" \odot ", "⊗": r" \otimes ", "−": "-", "·": r" \cdot ", "‖": r"\|", "²": "^2",
    "³": "^3", "σ": r"\sigma", "Σ": r"\textstyle\sum ",
    "≥": r"\ge ", "≤": r"\le ", "≠": r"\ne ", "∗": " * ", "×": r" \times ", "′": "'", "√": r"\surd ", "½": r"\tfrac12 ",
    "π": r"\pi ", "Φ": r"\Phi ", "φ": r"\varphi ", "∞": r"\infty ",
    "≈": r"\approx ", "∂": r"\partial ", "→": r"\to ", "ε": r"\varepsilon ", "∈": r"\in ", "ℝ": r"\mathbb{R}",
    "∥": r"\|", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "←": r"\leftarrow ", "…": r"\dots ",
}  # fmt: skip


_MARKS = "".join(ACCENTS)
_WORD = rf"[A-Za-zα-ωΑ-Ωℓ](?:(?![ᵀ²³])[\w'{_MARKS}])*"
_NAME = rf"{_WORD}(?:(?<=_)\{{[^{{}}]*\}})?"
_FRACTION = re.compile(rf"∂({_NAME})/∂({_NAME})(ᵀ?)")
_PHRASE = re.compile(r"(?: \(| )?(?<!\{)\b(?:a )?[a-z]{2,}\b(?![(_])(?: (?:a|[a-z]{2,})\b(?![(_]))* ?")
_MATHS = re.compile(  # in a sentence: a sign, a name with an index, an accent or a number
    rf"(\b[A-Za-zα-ωΑ-Ωℓ][{_MARKS}]*(?:_\{{[^{{}}]*\}}|_\w+|\d+\b)"
    rf"|[A-Za-z][{_MARKS}]+|[α-ωΑ-Ωℓ][{_MARKS}]*|[{''.join(_SIGNS)}])"
)
_FUNCTIONS = ("sin", "cos", "tanh", "exp", "log", "max", "min")


def _words(written: str) -> str:
    """Words of a formula as LaTeX.

    >>> print(_words("∂L/∂q1 xᵀ ⊙ W1"), _words("∂L/∂q1ᵀ x"), _words("x repeated to [2]"), sep=chr(10))
    \\frac{\\partial L}{\\partial q_{1}} x^T  \\odot  W_{1}
    \\left(\\frac{\\partial L}{\\partial q_{1}}\\right)^T x
    x\\text{ repeated to }[2]
    """
    written = _apart(written)
    found, end = "", 0
    for match in _FRACTION.finditer(written):
        fraction = rf"\frac{{\partial {name_latex(match[1])}}}{{\partial {name_latex(match[2])}}}"
        found += _phrases(written[end : match.start()])
        found += rf"\left({fraction}\right)^T" if match[3] else fraction
        end = match.end()
    return found + _phrases(written[end:])


def _apart(written: str) -> str:
    """The text with accents as signs of their own, behind their letter."""
    return "".join(unicodedata.normalize("NFD", c) if c.isalpha() else c for c in written)


def _phrases(written: str) -> str:
    """The words that are words are text; what lies between them is a formula."""
    found, end = "", 0
    for match in _PHRASE.finditer(written):
        if match.group().strip() not in _FUNCTIONS:
            found += _plain_words(written[end : match.start()]) + rf"\text{{{match.group()}}}"
            end = match.end()
    return found + _plain_words(written[end:])


def _plain_words(written: str) -> str:
    def word(match: re.Match[str]) -> str:
        found = match.group()
        if found in _FUNCTIONS:
            return f"\\{found} "
        if written[match.end() :].startswith("(") and "_" in found:
            return rf"\operatorname{{{found}}}".replace("_", r"\_")
        letters = re.sub(rf"[\d'{_MARKS}]", "", found)
        if len(letters) > 1 and "_" not in found:
            return rf"\operatorname{{{found}}}"
        return name_latex(found)

    written = re.sub(rf"(?<!\\){_NAME}", lambda m: m.group() if m.group() in "σΣΦφπ" else word(m), written)
    return "".join(_SIGNS.get(c, c) for c in written)
