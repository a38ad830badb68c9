"""Convolution, transposed convolution and pooling of small arrays, window by window.

``x`` is a signal (1 axis), an image (2 axes) or an image of several channels (3 axes, with a kernel of 4). Sizes and
ledger are those of the layer kinds Conv, ConvTranspose, MaxPool and AvgPool without bias; the kernel is not turned
round (as in torch).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from netcalc.equations.arrays import Array
from netcalc.equations.base import Operation, Options, Site
from netcalc.equations.exact import ZERO, Exact, Value, text
from netcalc.equations.solver import Shape
from netcalc.errors import SpecError
from netcalc.layers.base import Applied, Line, Work, contraction, free


class Image(NamedTuple):
    """Channels, rows and columns of an array that may have fewer axes."""

    channels: int
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: Sequence[Any]) -> Image:
        return cls(*(1,) * (3 - len(shape)), *shape)


class Term(NamedTuple):
    """One product of a window: the place in x (None in the padding) and the place in the kernel."""

    x: int | None
    w: int


def pair(options: Options, name: str, default: int, rank: int) -> tuple[int, int]:
    """An option along rows and columns; a signal has one row."""
    value = options.get(name, default)
    idle = {"padding": 0, "output_padding": 0}.get(name, 1)
    if isinstance(value, tuple):
        return (value[0], value[1]) if len(value) == 2 else (idle, value[0])
    return (idle, value) if rank == 1 else (value, value)


class Windowed(Operation):
    """What slides: its layer kind of ``rank`` axes answers for shape and ledger."""

    word = ""

    def rank(self, shapes: Sequence[Shape]) -> int:
        return 1 if len(shapes[0]) == 1 else 2

    def layer(self, shapes: Sequence[Shape], options: Options) -> Any:
        raise NotImplementedError

    def given(self, options: Options, rank: int, *names: str) -> dict[str, Any]:
        found = {}
        for name in names:
            if name in options:
                value = pair(options, name, 1, rank)
                found[name] = value[1] if rank == 1 else value
        return found

    def kind_of(self, rank: int) -> Any:
        from netcalc.layers import kinds_named

        return next(kind for kind in kinds_named(self.word) if kind.rank == rank)

    def applied(self, shapes: Sequence[Shape], options: Options) -> Applied:
        return Applied(self.layer(shapes, options), (shapes[0] if len(shapes[0]) == 3 else (1, *shapes[0]),))

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        resolved = [site.solver.resolved(shape) for shape in shapes]
        if not 1 <= len(resolved[0]) <= 3:
            raise site.wrong(
                f"{site.names[0]} must be a signal (1 axis), an image (2 axes) or an image with channels (3 axes)"
            )
        try:
            output = self.applied(resolved, options).output
        except SpecError as error:
            error.source = ""
            raise error.at(site.span, site.solver.source) from None
        return output if len(resolved[0]) == 3 else output[1:]

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return self.applied(shapes, options).work

    def windows(
        self, x: Sequence[int], kernel: Sequence[int], output: Sequence[int], options: Options
    ) -> list[list[Term]]:
        """The terms of every output of one channel pair, in order; positions within a channel."""
        rank = 1 if len(x) == 1 else 2
        image, (_, kh, kw), out = Image.of(x), Image.of(kernel[-2:]), Image.of(output)
        (sh, sw), (ph, pw), (dh, dw) = (
            self.strides(options, rank, (kh, kw)),
            pair(options, "padding", 0, rank),
            pair(options, "dilation", 1, rank),
        )
        found = []
        for i in range(out.rows):
            for j in range(out.columns):
                terms = []
                for a in range(kh):
                    for b in range(kw):
                        row, column = i * sh + a * dh - ph, j * sw + b * dw - pw
                        inside = 0 <= row < image.rows and 0 <= column < image.columns
                        terms.append(Term(row * image.columns + column if inside else None, a * kw + b))
                found.append(terms)
        return found

    def strides(self, options: Options, rank: int, kernel: tuple[int, int]) -> tuple[int, int]:
        return pair(options, "stride", 1, rank)

    def working(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        """The windows and their sums, a line an output."""
        return []


class Conv(Windowed):
    """conv(x, w): each output is the sum of the window times the kernel."""

    kind, arity, word = "conv", 2, "conv"

    def layer(self, shapes: Sequence[Shape], options: Options) -> Any:
        rank = self.rank(shapes)
        w = shapes[1]
        channels = w[0] if len(w) == 4 else 1
        if len(w) != (4 if len(shapes[0]) == 3 else len(shapes[0])):
            raise SpecError(
                "wrong-rank", "the kernel has as many axes as the image; with channels it is [out, in, rows, columns]"
            )
        kernel: Any = w[-1] if rank == 1 else tuple(w[-2:])
        stated = self.given(options, rank, "stride", "padding", "dilation")
        return self.kind_of(rank)(
            in_channels=w[1] if len(w) == 4 else None, out_channels=channels, kernel_size=kernel, bias=False, **stated
        )

    def _terms(
        self, inputs: Sequence[Array], output: Sequence[int], options: Options
    ) -> list[tuple[int, int | None, int]]:
        """(output, x, w) places of every product."""
        x, w = inputs
        image, out = Image.of(x.shape), Image.of(output)
        size = image.rows * image.columns
        kernels = w.shape[-1] * (w.shape[-2] if len(w.shape) > 1 else 1)
        found = []
        for n, window in enumerate(self.windows(x.shape, w.shape, output, options)):
            for o in range(out.channels):
                for c in range(image.channels):
                    for term in window:
                        place = None if term.x is None else c * size + term.x
                        found.append(
                            (o * out.rows * out.columns + n, place, (o * image.channels + c) * kernels + term.w)
                        )
        return found

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        x, w = inputs
        output = self.shape_of(inputs, options)
        sums: list[Value] = [ZERO] * len(Array.full(output, ZERO).data)
        for o, p, q in self._terms(inputs, output, options):
            if p is not None:
                sums[o] = sums[o] + x.data[p] * w.data[q]
        return Array(output, tuple(sums))

    def shape_of(self, inputs: Sequence[Array], options: Options) -> tuple[int, ...]:
        shape: Any = self.applied([array.shape for array in inputs], options).output
        return tuple(shape) if len(inputs[0].shape) == 3 else tuple(shape[1:])

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        x, w = inputs
        to_x: list[Value] = [ZERO] * len(x.data)
        to_w: list[Value] = [ZERO] * len(w.data)
        for o, p, q in self._terms(inputs, output.shape, options):
            if p is not None:
                to_x[p] = to_x[p] + g.data[o] * w.data[q]
                to_w[q] = to_w[q] + g.data[o] * x.data[p]
        return [Array(x.shape, tuple(to_x)), Array(w.shape, tuple(to_w))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        if place == 1:  # every kernel tap meets every output; padding counts
            return contraction("g ∗ x", shapes[1], output[-2:] if len(output) > 1 else output)
        forward = self.work(shapes, output, options, "")
        products = Line("g · w: each product of the forward pass once", "mul", forward.lines[0].factors)
        return Work((products,), forward.macs, uncounted=("the sums where windows overlap, in the gradient of conv",))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return (
            f"{g} ∗ᵀ {names[1]} (each window gets its share)" if place == 0 else f"conv({names[0]}, {g}): Σ g · window"
        )

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"the entries of {names[1]} under each window" if place == 0 else f"the windows of {names[0]}"

    def working(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        x, w = inputs
        sums: dict[int, list[str]] = {}
        for o, p, q in self._terms(inputs, output.shape, options):
            sums.setdefault(o, []).append(f"{text(ZERO) if p is None else text(x.data[p])}·{_signed(w.data[q])}")
        return [f"{place(output.shape, o)}: {' + '.join(terms)} = {text(output.data[o])}" for o, terms in sums.items()]


class ConvTranspose(Conv):
    """convtranspose(x, w): every element of x times the kernel, the overlaps added."""

    kind, word = "convtranspose", "convtranspose"

    def layer(self, shapes: Sequence[Shape], options: Options) -> Any:
        rank = self.rank(shapes)
        w = shapes[1]
        if len(w) != (4 if len(shapes[0]) == 3 else len(shapes[0])):
            raise SpecError(
                "wrong-rank", "the kernel has as many axes as the image; with channels it is [in, out, rows, columns]"
            )
        kernel: Any = w[-1] if rank == 1 else tuple(w[-2:])
        stated = self.given(options, rank, "stride", "padding", "dilation", "output_padding")
        return self.kind_of(rank)(
            in_channels=w[0] if len(w) == 4 else None,
            out_channels=w[1] if len(w) == 4 else 1,
            kernel_size=kernel,
            bias=False,
            **stated,
        )

    def _terms(
        self, inputs: Sequence[Array], output: Sequence[int], options: Options
    ) -> list[tuple[int, int | None, int]]:
        x, w = inputs
        image, out = Image.of(x.shape), Image.of(output)
        small, large = image.rows * image.columns, out.rows * out.columns
        kernels = w.shape[-1] * (w.shape[-2] if len(w.shape) > 1 else 1)
        flat_out, flat_in = tuple(output)[-2:], x.shape[-2:]
        found: list[tuple[int, int | None, int]] = []
        for n, window in enumerate(self.windows(flat_out, w.shape, flat_in, options)):
            for c in range(image.channels):
                for o in range(out.channels):
                    for term in window:
                        if term.x is not None:
                            found.append((o * large + term.x, c * small + n, (c * out.channels + o) * kernels + term.w))
        return found

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        x, w = shapes
        if place == 0:  # a convolution of g; taps that padding has cut off count
            return contraction("g ∗ w", x, w[1:] if len(w) == 4 else w)
        return contraction("g · x", w, x[-2:] if len(x) > 1 else x)

    def working(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        x, w = inputs
        sums: dict[int, list[str]] = {}
        for o, p, q in sorted(self._terms(inputs, output.shape, options), key=lambda term: (term[0], term[1] or 0)):
            if p is not None:
                sums.setdefault(o, []).append(f"{text(x.data[p])}·{_signed(w.data[q])}")
        return [
            *self.drawing(inputs, output, options),
            *(f"{place(output.shape, o)}: {' + '.join(terms)} = {text(output.data[o])}" for o, terms in sums.items()),
        ]

    def drawing(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        """Each input element times the kernel where it falls on the output; then their sum."""
        x, w = inputs
        if len(x.shape) > 2:
            return []
        parts = []
        for n, value in enumerate(x.data):
            cells: list[str] = ["·"] * len(output.data)
            for o, p, q in self._terms(inputs, output.shape, options):
                if p == n:
                    cells[o] = text(value * w.data[q])
            parts.append((f"{text(value)}·w", cells))
        parts.append(("sum", [text(v) for v in output.data]))
        lines: list[str] = []
        for name, cells in parts:
            wide = max(map(len, cells))
            columns = output.shape[-1]
            lines.append(("= " if name == "sum" else "+ " if lines else "  ") + name)
            lines += [
                "    " + " ".join(cell.rjust(wide) for cell in cells[i : i + columns])
                for i in range(0, len(cells), columns)
            ]
        return lines


def _signed(value: Value) -> str:
    written = text(value)
    return f"({written})" if written.startswith("-") or " " in written else written


def place(shape: Sequence[int], n: int) -> str:
    """``[1, 0]``: the n-th place of an array."""
    found = []
    for size in reversed(shape):
        found.append(n % size)
        n //= size
    return str(found[::-1])


class Pool(Windowed):
    """The windows of maxpool and avgpool; the stride is the window's size unless stated, as in torch."""

    arity = 1

    def size(self, options: Options, rank: int) -> tuple[int, int]:
        if "size" not in options:
            raise SpecError(
                "missing-argument", f"{self.kind} needs the size of its window", hint=f"{self.kind}(x, 2x2)"
            )
        height, width = pair(
            options, "size", 1, 2 if isinstance(options["size"], tuple) and len(options["size"]) == 2 else rank
        )
        if rank == 1 and height != 1:
            raise SpecError("wrong-rank", f"a window of {height}×{width} does not lie on a signal", hint=f"1×{width}")
        return height, width

    def layer(self, shapes: Sequence[Shape], options: Options) -> Any:
        rank = self.rank(shapes)
        height, width = self.size(options, rank)
        names = ("stride", "padding", "dilation") if self.kind == "maxpool" else ("stride", "padding")
        return self.kind_of(rank)(
            kernel_size=width if rank == 1 else (height, width), **self.given(options, rank, *names)
        )

    def strides(self, options: Options, rank: int, kernel: tuple[int, int]) -> tuple[int, int]:
        return pair(options, "stride", 1, rank) if "stride" in options else kernel

    def _places(self, x: Array, options: Options) -> tuple[tuple[int, ...], list[list[int | None]]]:
        shape: Any = self.applied([x.shape], options).output
        output = tuple(shape) if len(x.shape) == 3 else tuple(shape[1:])
        image = Image.of(x.shape)
        rank = 1 if len(x.shape) == 1 else 2
        windows = self.windows(x.shape[-2:], self.size(options, rank), output[-2:], options)
        size = image.rows * image.columns
        return output, [
            [None if t.x is None else c * size + t.x for t in window]
            for c in range(image.channels)
            for window in windows
        ]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return free("hands the gradient to the place of each maximum")

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g} at the place of each maximum, else 0"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "1 at the place of each maximum, else 0"


class MaxPool(Pool):
    kind, word = "maxpool", "maxpool"

    def _winner(self, x: Array, window: list[int | None]) -> int:
        inside = [p for p in window if p is not None]
        best = inside[0]
        for p in inside[1:]:
            if x.data[p] > x.data[best]:
                best = p
        return best

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        output, windows = self._places(inputs[0], options)
        return Array(output, tuple(inputs[0].data[self._winner(inputs[0], window)] for window in windows))

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        found: list[Value] = [ZERO] * len(inputs[0].data)
        for value, window in zip(g.data, self._places(inputs[0], options)[1]):
            p = self._winner(inputs[0], window)
            found[p] = found[p] + value
        return [Array(inputs[0].shape, tuple(found))]

    def working(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        x = inputs[0].data
        windows = self._places(inputs[0], options)[1]
        found = []
        for n, window in enumerate(windows):
            numbers = ", ".join(text(x[p]) for p in window if p is not None)
            found.append(f"{place(output.shape, n)}: max({numbers}) = {text(output.data[n])}")
        return found


class AvgPool(Pool):
    kind, word = "avgpool", "avgpool"

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        output, windows = self._places(inputs[0], options)
        x = inputs[0].data
        return Array(
            output,
            tuple(Array((len(w),), tuple(ZERO if p is None else x[p] for p in w)).total / len(w) for w in windows),
        )

    def backward(self, g: Array, inputs: Sequence[Array], output: Array, options: Options) -> list[Array]:
        found: list[Value] = [ZERO] * len(inputs[0].data)
        for value, window in zip(g.data, self._places(inputs[0], options)[1]):
            for p in window:
                if p is not None:
                    found[p] = found[p] + value / Exact.of(len(window))
        return [Array(inputs[0].shape, tuple(found))]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        return Work((Line("g / n", "div", output),))

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        return f"{g}/n spread over each window"

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return "1/n in each window"

    def working(self, inputs: Sequence[Array], output: Array, options: Options) -> list[str]:
        x = inputs[0].data
        windows = self._places(inputs[0], options)[1]
        found = []
        for n, window in enumerate(windows):
            numbers = " + ".join("0" if p is None else text(x[p]) for p in window)
            found.append(f"{place(output.shape, n)}: ({numbers}) / {len(window)} = {text(output.data[n])}")
        return found


WINDOWS = (Conv(), ConvTranspose(), MaxPool(), AvgPool())
