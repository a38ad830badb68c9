"""A curve of f and f′: characters for a terminal, and SVG."""

from __future__ import annotations

from netcalc.analysis.activation_facts import Facts, samples

LOW, HIGH = -4.0, 4.0


def terminal_curve(facts: Facts, width: int = 65, height: int = 15) -> str:
    """f drawn with ``*``, f′ with ``.``, the axes behind them.

    >>> from netcalc.analysis.activation_facts import facts_of
    >>> len(terminal_curve(facts_of("relu")).splitlines())
    16
    """
    points = samples(facts, LOW, HIGH, width)
    low, high = _limits(facts)
    grid = [[" "] * width for _ in range(height)]

    def row(y: float) -> int:
        return round((high - y) / (high - low) * (height - 1))

    for column in range(width):
        grid[row(0)][column] = "─"
    for line in grid:
        line[width // 2] = "│"
    for which, sign in ((2, "."), (1, "*")):
        for column, point in enumerate(points):
            if low <= point[which] <= high:
                grid[row(point[which])][column] = sign
    lines = []
    for i, line in enumerate(grid):
        label = high if i == 0 else low if i == height - 1 else 0.0 if i == row(0) else None
        lines.append(("" if label is None else f"{label:g}").rjust(6) + " " + "".join(line).rstrip())
    lines.append(" " * 7 + f"{LOW:g}".ljust(width - 2) + f"{HIGH:g}" + "   * f   . f′")
    return "\n".join(lines) + "\n"


def _limits(facts: Facts) -> tuple[float, float]:
    points = [value for point in samples(facts, LOW, HIGH, 161) for value in point[1:]]
    return min(-0.5, min(points)), max(1.0, max(points))


def svg_curve(facts: Facts, width: int = 480, height: int = 320) -> str:
    """f and f′ as an SVG document."""
    low, high = _limits(facts)
    points = samples(facts, LOW, HIGH, 241)

    def place(x: float, y: float) -> str:
        return (
            f"{(x - LOW) / (HIGH - LOW) * (width - 40) + 20:.1f},{(high - y) / (high - low) * (height - 60) + 40:.1f}"
        )

    def line(which: int, colour: str, name: str) -> str:
        path = " ".join(place(point[0], point[which]) for point in points)
        style = f'fill="none" stroke="{colour}" stroke-width="2"'
        return f'<polyline {style} points="{path}"><title>{name}</title></polyline>'

    def axis(a: str, b: str) -> str:
        (x1, y1), (x2, y2) = a.split(","), b.split(",")
        return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#999"/>'

    words = f"{facts.name}: f blue, f′ orange; x from {LOW:g} to {HIGH:g}, y from {low:g} to {high:g}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">',
            f"<title>{words}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="20" y="24" font-family="sans-serif" font-size="13">{words}</text>',
            axis(place(LOW, 0), place(HIGH, 0)),
            axis(place(0, low), place(0, high)),
            line(2, "#d95f02", "f′"),
            line(1, "#1f5fbf", "f"),
            "</svg>",
            "",
        ]
    )
