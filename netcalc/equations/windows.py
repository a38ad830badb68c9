"""Convolution, transposed convolution and pooling of small arrays, window by window.

``x`` is a signal (1 axis) or an image (2 axes), or one of several channels: an image of 3 axes (with a kernel of 4), a
signal of 2 axes where the kernel has 3. Sizes and ledger are those of the layer kinds Conv, ConvTranspose, MaxPool and
AvgPool without bias; the kernel is not turned round (as in torch).
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple, Sequence

from netcalc.dims import Dim, product
from netcalc.dims import text as size_text
from netcalc.equations.arrays import Array
from netcalc.equations.base import Operation, Options, Site
from netcalc.equations.exact import ZERO, Exact, Value, text
from netcalc.equations.solver import Shape
from netcalc.errors import SpecError
from netcalc.layers.base import Applied, Line, Uncounted, Work, contraction, free
from netcalc.layers.transposed import Overlaps, overlap_sums, overlaps


class Image(NamedTuple):
    """Channels, rows and columns of an array that may have fewer axes."""

    channels: int
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: Sequence[Any], lead: int) -> Image:
        """``lead`` is 1 where the first axis is that of the channels.

        >>> Image.of((3, 50), 1), Image.of((8, 9), 0)
        (Image(channels=3, rows=1, columns=50), Image(channels=1, rows=8, columns=9))
        """
        space = shape[lead:]
        return cls(shape[0] if lead else 1, *(1,) * (2 - len(space)), *space)


def channel_axes(shapes: Sequence[Sequence[Any]]) -> int:
    """1 where the first axis of x is that of the channels, else 0: only the kernel tells a C×L signal from an image.

    >>> channel_axes([(8, 9), (3, 3)]), channel_axes([(8, 9), (4, 8, 3)]), channel_axes([(3, 8, 9)])
    (0, 1, 1)
    """
    return int(len(shapes[0]) == 3 or [len(shape) for shape in shapes] == [2, 3])


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
        """Along how many axes the windows slide."""
        return len(shapes[0]) - channel_axes(shapes)

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
        return Applied(self.layer(shapes, options), (shapes[0] if channel_axes(shapes) else (1, *shapes[0]),))

    def shape(self, site: Site, shapes: Sequence[Shape], options: Options) -> Shape:
        resolved = [site.solver.resolved(shape) for shape in shapes]
        if not 1 <= len(resolved[0]) <= 3:
            raise site.wrong(
                f"{site.names[0]} must be a signal (1 axis), an image (2 axes) or an image with channels (3 axes)",
                "a signal of several channels is [channels, length], with a kernel [out, in, taps]",
            )
        try:
            return self.out(resolved, options)
        except SpecError as error:
            error.source = ""
            raise error.at(site.span, site.solver.source) from None

    def shape_of(self, inputs: Sequence[Array], options: Options) -> tuple[int, ...]:
        shapes = [array.shape for array in inputs]
        return tuple(int(n) for n in self.out(shapes, options))  # type: ignore[arg-type]

    def work(self, shapes: Sequence[Shape], output: Shape, options: Options, label: str) -> Work:
        return self.applied(shapes, options).work

    def overlapping(self, shapes: Sequence[Shape], output: Shape, options: Options) -> list[Overlaps | None]:
        """How the windows cover x, along each axis that they slide along; taps in the padding are left out."""
        lead, layer = channel_axes(shapes), self.layer(shapes, options)
        slides = map(layer.axes, ("kernel_size", "stride", "dilation", "padding"))
        return [overlaps(*axis) for axis in zip(output[lead:], *slides, shapes[0][lead:])]

    def slides(self, shapes: Sequence[Shape], options: Options) -> list[tuple[Any, Any, Any]]:
        """Stride, padding and dilation along each axis that the windows slide along."""
        return list(zip(*map(self.layer(shapes, options).axes, ("stride", "padding", "dilation"))))

    def out(self, shapes: Sequence[Shape], options: Options) -> Shape:
        output = self.applied(shapes, options).output
        return output if channel_axes(shapes) else output[1:]

    def windows(
        self, x: Sequence[int], kernel: Sequence[int], output: Sequence[int], options: Options
    ) -> list[list[Term]]:
        """The terms of every output of one channel pair, in order; shapes and positions within a channel."""
        rank = len(x)
        image, (_, kh, kw), out = Image.of(x, 0), Image.of(kernel, 0), Image.of(output, 0)
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


def called(word: str, x: str, w: str, stride: Shape, padding: Shape, dilation: Shape, tails: Shape = ()) -> str:
    """A convolution as it is written, without the options that change nothing.

    >>> called("conv", "x", "w", (2, 2), (0, 1), (1, 1))
    'conv(x, w, stride 2, padding 0×1)'
    """
    options = {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": tails}
    told = [
        f"{name} {'×'.join(map(size_text, value[:1] if len(set(value)) == 1 else value))}"
        for name, value in options.items()
        if any(n != (0 if "padding" in name else 1) for n in value)
    ]
    return f"{word}({', '.join((x, w, *told))})"


def slid(size: Dim, kernel: Dim, stride: Dim, padding: Dim, dilation: Dim) -> Dim:
    """How many windows lie on an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def cut(words: str, found: Shape, wanted: Shape) -> str:
    return words if found == tuple(wanted) else f"{words} cut to [{', '.join(map(size_text, wanted))}]"


def correlated(
    large: str, small: str, lead: int, size: Shape, windows: Shape, kernel: Shape, slides: Sequence[tuple[Any, ...]]
) -> str:
    """The gradient in a kernel: one array slides over the other by its dilation, its elements a stride apart."""
    found = tuple(slid(n, m, d, p, s) for n, m, (s, p, d) in zip(size, windows, slides))
    strides, padding, dilation = zip(*slides)
    if not lead:
        return cut(called("conv", large, small, dilation, padding, strides), found, kernel)
    words = called("conv", f"{large}[i]", f"{small}[j]", dilation, padding, strides)
    return f"{cut(words, found, kernel)} for all channels i and j"


class Conv(Windowed):
    """conv(x, w): each output is the sum of the window times the kernel."""

    kind, arity, word = "conv", 2, "conv"

    def layer(self, shapes: Sequence[Shape], options: Options) -> Any:
        rank, w, kernel = self.rank(shapes), shapes[1], self.kernel(shapes, "out, in")
        channels = (w[1], w[0]) if channel_axes(shapes) else (None, 1)
        stated = self.given(options, rank, "stride", "padding", "dilation")
        return self.kind_of(rank)(
            in_channels=channels[0], out_channels=channels[1], kernel_size=kernel, bias=False, **stated
        )

    def kernel(self, shapes: Sequence[Shape], channels: str) -> Any:
        """The size of the kernel without its axes of channels."""
        x, w = shapes
        lead = channel_axes(shapes)
        if len(w) != len(x) + lead:
            raise SpecError(
                "wrong-rank",
                f"the kernel has as many axes as the image; with channels it is [{channels}, rows, columns], "
                f"or [{channels}, taps] for a signal",
            )
        return w[-1] if len(x) - lead == 1 else tuple(w[-2:])

    def _terms(
        self, inputs: Sequence[Array], output: Sequence[int], options: Options
    ) -> list[tuple[int, int | None, int]]:
        """(output, x, w) places of every product."""
        x, w = inputs
        lead = channel_axes([x.shape, w.shape])
        spaces = (x.shape[lead:], w.shape[2 * lead :], output[lead:])
        size, kernels, outputs = map(prod, spaces)
        ins, outs = (x.shape[0], output[0]) if lead else (1, 1)
        found = []
        for n, window in enumerate(self.windows(*spaces, options)):
            for o in range(outs):
                for c in range(ins):
                    for term in window:
                        place = None if term.x is None else c * size + term.x
                        found.append((o * outputs + n, place, (o * ins + c) * kernels + term.w))
        return found

    def forward(self, inputs: Sequence[Array], options: Options) -> Array:
        x, w = inputs
        output = self.shape_of(inputs, options)
        sums: list[Value] = [ZERO] * prod(output)
        for o, p, q in self._terms(inputs, output, options):
            if p is not None:
                sums[o] = sums[o] + x.data[p] * w.data[q]
        return Array(output, tuple(sums))

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
        """The gradient in x is the transposed convolution of g by w, and counts as the layer ConvTranspose does.

        Dense products: one for each output, channel and tap, also where the tap lies in the padding and is cut off;
        the sums are those that there are: an element of x that takes part in m products takes m − 1 add, none if m = 0.
        The gradient in w: every tap is a dot product over the outputs, in which the zeros of the padding count.
        """
        lead = channel_axes(shapes)
        x, w = shapes
        if place == 1:
            return contraction("g ∗ x", w, output[lead:])
        depth, channels = (output[0], x[0]) if lead else (1, 1)
        products = (*output, *((channels,) if lead else ()), *w[2 * lead :])
        sums, uncounted = overlap_sums("Σ g · w", channels, depth, self.overlapping(shapes, output, options))
        return Work((Line("g · w", "mul", products), *sums), product(products), uncounted=uncounted)

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        """In the same words: ∂x is the transposed convolution of g by w, ∂w the convolution of x by g."""
        slides, lead = self.slides(shapes, options), channel_axes(shapes)
        output, size, kernel = (
            shape[len(shape) - self.rank(shapes) :] for shape in (self.out(shapes, options), *shapes)
        )
        if place == 0:
            reached = [(n - 1) * s + d * (k - 1) + 1 - 2 * p for n, k, (s, p, d) in zip(output, kernel, slides)]
            tails = tuple(n - m for n, m in zip(size, reached))
            strides, padding, dilation = zip(*slides)
            return called("convtranspose", g, names[1], strides, padding, dilation, tails)
        return correlated(names[0], g, lead, size, output, kernel, slides)

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
        rank, w, kernel = self.rank(shapes), shapes[1], self.kernel(shapes, "in, out")
        channels = (w[0], w[1]) if channel_axes(shapes) else (None, 1)
        stated = self.given(options, rank, "stride", "padding", "dilation", "output_padding")
        return self.kind_of(rank)(
            in_channels=channels[0], out_channels=channels[1], kernel_size=kernel, bias=False, **stated
        )

    def layout(self, place: int, names: Sequence[str], g: str, shapes: Sequence[Shape], options: Options) -> str:
        slides, lead = self.slides(shapes, options), channel_axes(shapes)
        output, size, kernel = (
            shape[len(shape) - self.rank(shapes) :] for shape in (self.out(shapes, options), *shapes)
        )
        if place == 0:
            found = tuple(slid(n, k, *slide) for n, k, slide in zip(output, kernel, slides))
            return cut(called("conv", g, names[1], *zip(*slides)), found, size)
        return correlated(g, names[0], lead, output, size, kernel, slides)

    def local(self, place: int, names: Sequence[str], shapes: Sequence[Shape], options: Options) -> str:
        return f"{names[1]} where each element puts it" if place == 0 else f"{names[0]} where each tap puts it"

    def _terms(
        self, inputs: Sequence[Array], output: Sequence[int], options: Options
    ) -> list[tuple[int, int | None, int]]:
        x, w = inputs
        lead = channel_axes([x.shape, w.shape])
        spaces = (output[lead:], w.shape[2 * lead :], x.shape[lead:])
        large, kernels, small = map(prod, spaces)
        ins, outs = (x.shape[0], output[0]) if lead else (1, 1)
        found: list[tuple[int, int | None, int]] = []
        for n, window in enumerate(self.windows(*spaces, options)):
            for c in range(ins):
                for o in range(outs):
                    for term in window:
                        if term.x is not None:
                            found.append((o * large + term.x, c * small + n, (c * outs + o) * kernels + term.w))
        return found

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        x, w = shapes
        lead = channel_axes(shapes)
        if place == 0:  # a convolution of g; taps that padding has cut off count
            return contraction("g ∗ w", x, w[lead:])
        return contraction("g · x", w, x[lead:])

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
        """Each input element times the kernel where it falls on the output, and their sum, in columns of one width."""
        x, w = inputs
        if channel_axes([x.shape, w.shape]):
            return []
        parts = []
        for n, value in enumerate(x.data):
            cells: list[str] = ["·"] * len(output.data)
            for o, p, q in self._terms(inputs, output.shape, options):
                if p == n:
                    cells[o] = text(value * w.data[q])
            parts.append((f"{text(value)}·w, of x{place(x.shape, n)}", cells))
        parts.append(("sum", [text(v) for v in output.data]))
        lines: list[str] = []
        wide = max(len(cell) for _, cells in parts for cell in cells)
        for name, cells in parts:
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
    states = "windows of a pooling lie side by side (their stride is their size) unless a stride is stated, as in torch"

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
        output, lead = self.shape_of([x], options), channel_axes([x.shape])
        space = x.shape[lead:]
        windows = self.windows(space, self.size(options, len(space))[-len(space) :], output[lead:], options)
        size = prod(space)
        return output, [
            [None if t.x is None else c * size + t.x for t in window]
            for c in range(x.shape[0] if lead else 1)
            for window in windows
        ]

    def backward_work(self, place: int, shapes: Sequence[Shape], output: Shape, options: Options) -> Work:
        """Nothing, where no two windows overlap; else as many sums as windows share a maximum."""
        if all(axis is not None and axis.landing == axis.covered for axis in self.overlapping(shapes, output, options)):
            return free("hands the gradient to the place of each maximum")
        shared = "the sums where overlapping windows share their maximum (how many depends on the numbers)"
        return Work((), uncounted=(Uncounted(shared, "add"),))

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
        """g / n for each window; an element that lies in m windows takes m − 1 add."""
        channels = shapes[0][0] if channel_axes(shapes) else 1
        sums, uncounted = overlap_sums("Σ g / n", channels, 1, self.overlapping(shapes, output, options))
        return Work((Line("g / n", "div", output), *sums), uncounted=uncounted)

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
