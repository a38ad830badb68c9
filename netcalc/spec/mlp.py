"""``256-512-1``: a multilayer perceptron by its widths."""

from __future__ import annotations

from netcalc.errors import SpecError
from netcalc.spec.parser import Parser


def mlp_spec(widths: str, activation: str = "relu", output_activation: str = "", bias: bool = True) -> str:
    """The spec of a perceptron: linear layers with an activation between them.

    >>> mlp_spec("16x16-512-1", activation="tanh")
    '16x16 -> flatten -> linear 512 -> tanh -> linear 1'

    Raises SpecError, with the place in ``widths``, for anything but sizes joined by '-'.
    """
    pieces: list[str] = []
    offset, flatten = 0, False
    for piece in widths.split("-"):
        parser = Parser(" " * offset + piece)
        try:
            if not piece.strip():
                parser.fail("a width", hint="for example 256-512-1")
            size = parser.size(commas=True)
            if not parser.at("END"):
                parser.fail("'-' or 'x'", hint="for example 256-512-1, or 1x28x28-128-10")
            many = getattr(size, "items", None)
            if pieces and many:
                parser.fail("one width", token=parser.tokens[0], hint="only the input may have several axes")
        except SpecError as error:
            error.source = widths
            raise error
        pieces.append(piece.strip())
        flatten = flatten or bool(many)
        offset += len(piece) + 1
    if len(pieces) < 2:
        raise SpecError(
            "syntax",
            f"{widths!r} has one width, but a network has an input and at least one layer",
            expected="at least two widths",
            found=widths,
            hint=f"widths are joined by '-': {widths.replace(',', '-')}"
            if "," in widths
            else f"for example {widths}-512-1",
        )
    steps = [pieces[0], *(["flatten"] if flatten else [])]
    for place, width in enumerate(pieces[1:], 2):
        steps.append(f"linear {width}" + ("" if bias else " nobias"))
        steps += [activation] if place < len(pieces) else [output_activation] if output_activation else []
    return " -> ".join(steps)
