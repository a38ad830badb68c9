"""Receptive fields to look at: aligned rows, a picture for the terminal (half-block characters) and one as SVG.

A picture is of the source's last two spatial axes (one axis is drawn as a band): the unit's field, the fields of the
layers on the way nested in it, and the holes between the positions that are really read. None of this needs rich.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any

from netcalc.analysis.field import Reached, Step, UnitField
from netcalc.analysis.receptive_field import Fields
from netcalc.analysis.region import Region, members, runs
from netcalc.analysis.report import plain
from netcalc.dims import text
from netcalc.graph import Graph
from netcalc.layers.base import crossed, shape_text
from netcalc.report.rows import exact_shape

COLOURS = ("#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c", "#08306b")
"""Of the fields in a picture, the largest first (ColorBrewer's Blues)."""
IMAGE, PAPER, EDGE = "#e8e6e1", "#ffffff", "#d62728"


# ---------------------------------------------------------------- figures


def figure(value: Any, exact: bool = False) -> str:
    """One figure: a formula, a fraction, nothing; ``exact``: as programs read it."""
    if value is None:
        return "–"
    if exact:
        return str(plain(value))
    return str(value) if isinstance(value, (Fraction, str)) else text(value)


def figures(values: Sequence[Any] | None, exact: bool = False) -> str:
    """Figures along the axes: once where all are equal, else with ×; ``exact``: each, with x.

    >>> figures((11, 11)), figures((-3, 5)), figures((11, 11), exact=True), figures((-3, 5), exact=True)
    ('11', '−3×5', '11x11', '-3x5')
    """
    if not values:
        return "–"
    shown = [figure(value, exact) for value in values]
    if exact:
        return crossed(shown)
    return shown[0] if len(set(shown)) == 1 else crossed(shown, "×")


def field_rows(graph: Graph, fields: Fields, exact: bool = False) -> list[tuple[str, ...]]:
    """One row a node: its shape, the field's size (least … most), stride, start, and what is to be said.

    ``exact``: the figures as the plain rows of ``netcalc show`` have them.
    """
    shape = exact_shape if exact else shape_text
    rows: list[tuple[str, ...]] = [("layer", "output", "field", "stride", "start", "")]
    said: set[str] = set()
    for index, (node, field) in enumerate(zip(graph.nodes, fields)):
        if index <= fields.source:
            continue
        if field is None:
            rows.append((node.name, shape(node.shape), "–", "–", "–", fields.reasons.get(index, "")))
            continue
        size, stride, start = (figures(each, exact) for each in (field.size, field.stride, field.start))
        if field.varies:
            size = f"{figures(field.minimum, exact)} … {size}"
        notes = list(dict.fromkeys(f"whole axis by {name}" for name in field.global_by if name))
        notes += field.notes
        fresh = [note for note in notes if note not in said]
        said.update(notes)
        rows.append((node.name, shape(node.shape), size, stride, start, "; ".join(fresh)))
    return rows


def trace_rows(steps: Sequence[Step], exact: bool = False) -> list[tuple[str, ...]]:
    """The working, layer by layer."""
    rows: list[tuple[str, ...]] = [("layer", "k", "s", "d", "p", "jump", "field", "start", "working")]
    for step in steps:
        ends = dict.fromkeys((step.minimum, step.size))
        size = " … ".join(figure(end, exact) for end in ends)
        values = (step.kernel, step.stride, step.dilation, step.padding, step.jump)
        rows.append((step.name, *(figure(v, exact) for v in values), size, figure(step.start, exact), step.working))
    return rows


def summary_rows(found: UnitField, exact: bool = False) -> list[tuple[str, str]]:
    """Everything about one field, as pairs of a name and a text."""
    shape = exact_shape if exact else shape_text
    rows = [("layer", f"{found.of} {shape(found.shape)}")]
    rows.append(("in", f"{found.source} {shape(found.source_shape)}"))
    field = found.field
    if field is None:
        rows.append(("closed form", f"none: {found.reason}"))
    else:
        size = figures(field.size, exact)
        rows.append(("field", f"{figures(field.minimum, exact)} … {size}, by position" if field.varies else size))
        rows.append(("stride", figures(field.stride, exact)))
        rows.append(("start", figures(field.start, exact)))
        if names := list(dict.fromkeys(name for name in field.global_by if name)):
            rows.append(("whole axis by", ", ".join(names)))
        whole = found.whole_units
        if whole and any(whole):
            rows.append(("units wholly inside", _spans(whole, exact)))
    if found.unit is not None and found.positions is not None and found.inside is not None:
        rows.append(("unit", ", ".join(map(str, found.unit))))
        if found.unclipped and any(found.unclipped):
            rows.append(("unclipped", _spans(found.unclipped, exact)))
        rows.append(("really read", _spans(found.inside, exact)))
        if found.centre and all(place is not None for place in found.centre):
            rows.append(("centre", figures(found.centre, exact)))
        counts = [f"{len(places)} of {figure(n, exact)}" for places, n in zip(found.positions, found.lengths)]
        rows.append(("positions", " × ".join(counts)))
        holes = found.holes or ()
        rows.append(("holes", " × ".join(_listed(each) for each in holes) if any(holes) else "none"))
    rows += [("note", note) for note in found.notes]
    return rows


def reached_rows(reached: Reached) -> list[tuple[str, str]]:
    """Which units read a position."""
    units = [_listed(places) for places in reached.units]
    place = ", ".join(map(str, reached.position))
    rows = [(f"{reached.source} at {place}", f"is read by {reached.of}")]
    rows += [(f"units along axis {axis}", each) for axis, each in zip(reached.axes, units)]
    return rows + [("note", note) for note in reached.region.notes]


def _spans(ends: Sequence[Any], exact: bool = False) -> str:
    spans = (None if pair is None else [figure(end, exact) for end in pair] for pair in ends)
    return " × ".join("nothing" if span is None else " … ".join(span) for span in spans)


def _listed(places: Sequence[int]) -> str:
    """Places as runs: ``0–4, 6, 8``; long lists with their number only."""
    found = runs(sum(1 << place for place in places))
    parts = [f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in found]
    if len(parts) > 12:
        parts = [*parts[:6], "…", *parts[-3:]]
    return f"{', '.join(parts)} ({len(places)})" if places else "none"


def aligned(rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """Rows in columns: names, shapes and words to the left, figures to the right. Words are wrapped to a ``width``.

    >>> print(aligned([("layer", "field", ""), ("conv1", "3", "x"), ("conv2", "15", "y")]), end="")
    layer  field
    conv1      3  x
    conv2     15  y
    """
    columns = list(zip(*rows))
    widths = [max(map(len, column)) for column in columns]
    right = [place > 0 and all(map(_is_figure, column[1:])) for place, column in enumerate(columns)]
    lines = []
    for row in rows:
        *cells, last = (c.rjust(n) if flush else c.ljust(n) for c, n, flush in zip(row, widths, right))
        before = "  ".join(cells)
        room = width - len(before) - 2
        if width and len(row[-1]) > room:
            lines += _wrapped(before, row[-1], room) if room > 20 else [before.rstrip(), f"    {row[-1]}"]
        else:
            lines.append(f"{before}  {last}".rstrip())
    return "\n".join(lines) + "\n"


def _is_figure(cell: str) -> bool:
    return not cell.strip("-−–0123456789/ …×")


def _wrapped(before: str, last: str, room: int) -> list[str]:
    lines, line = [], ""
    for word in last.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return [f"{before if not place else ' ' * len(before)}  {part}".rstrip() for place, part in enumerate(lines)]


# ---------------------------------------------------------------- the picture


class Picture:
    """Which field each position of the plane is in: 0 none, 1 the unit's own, 2 … those nested in it."""

    def __init__(self, fields: Sequence[UnitField]) -> None:
        first = fields[0]
        assert first.region is not None
        self.fields = fields
        self.axes = first.axes[-2:]
        lengths = [first.region.shape[axis] for axis in self.axes]
        self.rows, self.columns = (1, *lengths) if len(lengths) == 1 else lengths
        self.planes = [self._plane(field.region) for field in fields if field.region is not None]

    def _plane(self, region: Region) -> tuple[tuple[int, ...], ...]:
        boxes = region.plane(self.axes)
        return boxes if len(self.axes) == 2 else tuple((1, *box) for box in boxes)

    def levels(self, rows: int, columns: int) -> list[list[int]]:
        """The picture on a raster: each cell has the deepest field that reads any of its positions."""
        cells = [[0] * columns for _ in range(rows)]
        for level, plane in enumerate(self.planes, 1):
            for down, across in plane:
                xs = sorted({x * columns // self.columns for x in members(across)})
                for y in sorted({y * rows // self.rows for y in members(down)}):
                    row = cells[y]
                    for x in xs:
                        row[x] = level
        return cells


def terminal_picture(fields: Sequence[UnitField], width: int = 80, height: int = 48, colour: bool = True) -> str:
    """The picture in half-block characters: two rows of cells a line, so that cells are about square.

    Without colour ``█▀▄`` is read by the unit and ``░`` is not.
    """
    picture = Picture(fields)
    step = max(1, -(-picture.columns // max(8, width - 2)), -(-picture.rows // height))
    if picture.rows == 1:
        step = max(1, -(-picture.columns // max(8, width - 2)))
    columns, rows = -(-picture.columns // step), -(-picture.rows // step)
    levels = picture.levels(rows, columns) if step > 1 else picture.levels(picture.rows, picture.columns)
    if picture.rows == 1:  # a band: one line for each nested field
        return _band(picture, columns, colour) + _legend(fields, step, colour)
    if len(levels) % 2:
        levels.append([-1] * columns)
    lines = []
    for top, bottom in zip(levels[::2], levels[1::2]):
        lines.append(_line(top, bottom, len(fields), colour))
    return "\n".join(lines) + "\n" + _legend(fields, step, colour)


def _colour(level: int, count: int) -> str | None:
    if level < 0:
        return None
    if level == 0:
        return IMAGE
    return COLOURS[0] if count == 1 else COLOURS[(level - 1) * (len(COLOURS) - 1) // max(1, count - 1)]


def _ansi(colour: str | None, ground: int) -> str:
    if colour is None:
        return f"\x1b[{ground + 1}m"
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"\x1b[{ground};2;{red};{green};{blue}m"


def _line(top: list[int], bottom: list[int], count: int, colour: bool) -> str:
    if not colour:
        signs = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): "░"}
        return "".join(signs[above > 0, below > 0] for above, below in zip(top, bottom)).rstrip()
    parts: list[str] = []
    last: tuple[int, int] | None = None
    for pair in zip(top, bottom):
        if pair != last:
            parts.append(_ansi(_colour(pair[0], count), 38) + _ansi(_colour(pair[1], count), 48))
            last = pair
        parts.append("▀" if pair[0] >= 0 else " ")
    return "".join(parts) + "\x1b[0m"


def _band(picture: Picture, columns: int, colour: bool) -> str:
    """One axis: a line for each field, the largest first."""
    lines = []
    for level, plane in enumerate(picture.planes, 1):
        read = {x * columns // picture.columns for _, across in plane for x in members(across)}
        if colour:
            count = len(picture.planes)
            cells = "".join(_ansi(_colour(level if x in read else 0, count), 38) + "█" for x in range(columns))
            lines.append(cells + "\x1b[0m")
        else:
            lines.append("".join("█" if x in read else "░" for x in range(columns)))
    return "\n".join(lines) + "\n"


def _legend(fields: Sequence[UnitField], step: int, colour: bool) -> str:
    lines = []
    for level, field in enumerate(fields, 1):
        swatch = _ansi(_colour(level, len(fields)), 38) + "██\x1b[0m " if colour else ""
        place = ", ".join(map(str, field.unit or ()))
        lines.append(f"{swatch}{field.of} at {place}: {figures(field.read)} of {figures(field.lengths)} positions")
        if not colour:
            break
    if step > 1:
        lines.append(f"one cell is {step} positions wide and high; it is filled if any of them is read")
    return "\n".join(lines) + "\n"


def svg_picture(fields: Sequence[UnitField], image: Path | None = None, width: int = 720) -> str:
    """The picture as SVG: the source (or the user's image), the positions read, a dashed frame around the field."""
    picture = Picture(fields)
    rows = picture.rows if len(picture.axes) == 2 else max(1, picture.columns // 12)
    frame = _frame(fields[0], picture, rows)
    left, top, right, bottom = frame
    margin = max(right - left, bottom - top) * 0.03
    scale = width / (right - left + 2 * margin)
    legend = 22 / scale
    across, down = right - left + 2 * margin, bottom - top + 2 * margin + legend * (len(fields) + 0.7)
    box = (left - margin, top - margin, across, down)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{box[3] * scale:.0f}" '
        f'viewBox="{" ".join(f"{value:.3f}" for value in box)}" font-family="sans-serif">',
        f"<title>{escape(_title(fields[0]))}</title>",
        f'<rect x="{box[0]:.3f}" y="{box[1]:.3f}" width="{box[2]:.3f}" height="{box[3]:.3f}" fill="{PAPER}"/>',
        f'<rect width="{picture.columns}" height="{rows}" fill="{IMAGE}"/>',
    ]
    if image is not None:
        suffix = image.suffix[1:].lower() or "png"
        kind = {"jpg": "jpeg", "svg": "svg+xml"}.get(suffix, suffix)
        data = base64.b64encode(image.read_bytes()).decode()
        parts.append(
            f'<image width="{picture.columns}" height="{rows}" preserveAspectRatio="none" '
            f'href="data:image/{kind};base64,{data}"/>'
        )
    opacity = ' fill-opacity="0.55"' if image is not None else ""
    for level, plane in enumerate(picture.planes, 1):
        path = "".join(
            f"M{across.start} {down.start if len(picture.axes) == 2 else 0}h{len(across)}"
            f"v{len(down) if len(picture.axes) == 2 else rows}h-{len(across)}z"
            for down_bits, across_bits in plane
            for down in runs(down_bits)
            for across in runs(across_bits)
        )
        parts.append(f'<path d="{path}" fill="{_colour(level, len(fields))}"{opacity}/>')
    if max(picture.columns, picture.rows) <= 96:
        lines = "".join(f"M{x} 0V{rows}" for x in range(picture.columns + 1))
        if len(picture.axes) == 2:
            lines += "".join(f"M0 {y}H{picture.columns}" for y in range(rows + 1))
        parts.append(f'<path d="{lines}" stroke="{PAPER}" stroke-width="{0.8 / scale:.4f}" fill="none"/>')
    if frame != (0, 0, picture.columns, rows) or fields[0].unclipped:
        parts.append(_dashed(fields[0], picture, rows, scale))
    size = 14 / scale
    for number, field in enumerate(fields):
        y = bottom + margin + legend * (number + 0.6)
        place = ", ".join(map(str, field.unit or ()))
        label = f"{field.of} at {place}: field {figures(field.size)}, {figures(field.read)} positions read inside"
        parts.append(
            f'<rect x="{left:.3f}" y="{y - size * 0.8:.3f}" width="{size:.3f}" height="{size:.3f}" '
            f'fill="{_colour(number + 1, len(fields))}"/>'
            f'<text x="{left + 1.6 * size:.3f}" y="{y:.3f}" font-size="{size:.3f}">{escape(label)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _title(field: UnitField) -> str:
    place = ", ".join(map(str, field.unit or ()))
    return f"The receptive field of {field.of} at {place} in {field.source} {shape_text(field.source_shape)}"


def _ends(field: UnitField, picture: Picture, rows: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the unclipped field, where it is known."""
    unclipped = field.unclipped
    spans: list[tuple[float, float]] = []
    for place, length in zip((-2, -1), (picture.rows, picture.columns)):
        pair = None
        if unclipped is not None and len(picture.axes) >= -place:
            pair = unclipped[place]
        numbers = pair is not None and isinstance(pair[0], int) and isinstance(pair[1], int)
        spans.append((pair[0], pair[1] + 1) if numbers and pair else (0, length))  # type: ignore[arg-type]
    (top, bottom), (left, right) = spans
    if len(picture.axes) == 1:
        top, bottom = 0, rows
    return left, top, right, bottom


def _frame(field: UnitField, picture: Picture, rows: int) -> tuple[float, float, float, float]:
    """What the picture has to show: the source and the unclipped field."""
    left, top, right, bottom = _ends(field, picture, rows)
    return min(0, left), min(0, top), max(picture.columns, right), max(rows, bottom)


def _dashed(field: UnitField, picture: Picture, rows: int, scale: float) -> str:
    left, top, right, bottom = _ends(field, picture, rows)
    dash = f'stroke-dasharray="{6 / scale:.3f} {4 / scale:.3f}"'
    return (
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="{EDGE}" '
        f'stroke-width="{2 / scale:.4f}" {dash}/>'
    )
