"""Small random networks of every form, for the proofs of receptive fields: built from a seed, always legal."""

from __future__ import annotations

import random
from collections.abc import Callable

from netcalc.errors import SpecError
from netcalc.graph import Builder, Graph
from netcalc.layers import torch_kind
from netcalc.layers.input import Input

FORMS = ("chain", "dag", "decoder")
LENGTHS = {1: range(8, 30), 2: range(6, 12), 3: range(4, 7)}


class RandomNet:
    """A network in the making; ``rank`` spatial axes, channels first."""

    def __init__(self, seed: object, rank: int, lengths: range | None = None) -> None:
        self.rng = random.Random(str(seed))
        self.rank = rank
        self.builder = Builder()
        lengths = lengths or LENGTHS[rank]
        shape = (self.rng.choice((1, 2)), *(self.rng.choice(lengths) for _ in range(rank)))
        self.current = self.builder.add(Input(shape), ())

    def shape(self, node: int) -> tuple[int, ...]:
        return self.builder.nodes[node].shape  # type: ignore[return-value]

    def add(self, word: str, inputs: tuple[int, ...] | int, **arguments: object) -> int:
        ranked = torch_kind(f"{word}{self.rank}d")
        kind = ranked or torch_kind(word)
        assert kind is not None, word
        inputs = (inputs,) if isinstance(inputs, int) else inputs
        return self.builder.add(kind(**arguments), inputs)

    def each(self, *choices: object) -> object:
        """One choice for all axes, or one an axis."""
        if self.rng.random() < 0.6:
            return self.rng.choice(choices)
        return tuple(self.rng.choice(choices) for _ in range(self.rank))

    # ------------------------------------------------------------ steps

    def conv(self, node: int) -> int:
        return self.add(
            "Conv",
            node,
            out_channels=self.rng.choice((1, 2)),
            kernel_size=self.each(1, 2, 3, 3, 4),
            stride=self.each(1, 1, 2, 3),
            dilation=self.each(1, 1, 2, 3),
            padding=self.each(0, 1, 2, 3),
        )

    def same(self, node: int, channels: int | None = None) -> int:
        """A convolution that keeps the lengths: with even kernels its padding is asymmetric."""
        return self.add(
            "Conv",
            node,
            out_channels=channels or self.rng.choice((1, 2)),
            kernel_size=self.each(1, 2, 3, 4),
            dilation=self.each(1, 1, 2),
            padding="same",
        )

    def pool(self, node: int) -> int:
        kernel = self.rng.choice((2, 2, 3))
        stride, padding = self.rng.choice((None, 1, 2, 3)), self.rng.choice((0, 0, 1))
        ceil_mode = self.rng.random() < 0.4
        arguments = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        if self.rng.random() < 0.6:
            return self.add("MaxPool", node, **arguments, dilation=self.rng.choice((1, 1, 2)))
        return self.add("AvgPool", node, **arguments)

    def up(self, node: int) -> int:
        match self.rng.randrange(4):
            case 0:
                mode = self.rng.choice(("nearest", ("linear", "bilinear", "trilinear")[self.rank - 1]))
                align = self.rng.choice((None, True, False)) if mode != "nearest" else None
                factor = self.rng.choice((2, 2, 3, 1.5))
                return self.add("Upsample", node, scale_factor=factor, mode=mode, align_corners=align)
            case 1 if self.rank == 2:
                return self.add("Upsample", node, scale_factor=self.rng.choice((2, 3)), mode="bicubic")
            case 2 if self.rank == 2:
                wide = self.add("Conv", node, out_channels=4, kernel_size=1)
                return self.add("PixelShuffle", wide, upscale_factor=2)
        stride = self.rng.choice((1, 2, 2, 3))
        return self.add(
            "ConvTranspose",
            node,
            out_channels=self.rng.choice((1, 2)),
            kernel_size=self.each(1, 2, 3, 4),
            stride=stride,
            dilation=self.rng.choice((1, 1, 2)),
            padding=self.rng.choice((0, 0, 1)),
            output_padding=self.rng.choice((0, stride - 1)),
        )

    def pointwise(self, node: int) -> int:
        match self.rng.randrange(4):
            case 0:
                return self.add("ReLU", node)
            case 1:
                return self.add("BatchNorm", node)
            case 2:
                axis = self.rng.randrange(1, self.rank + 1)
                start, step = self.rng.choice((0, 1)), self.rng.choice((1, 1, 2))
                return self.add("Slice", node, axis=axis, start=start, step=step)
        return self.add("AdaptiveAvgPool", node, output_size=self.each(2, 3, 4, 5))

    # ------------------------------------------------------------ forms

    def branches(self, node: int) -> int:
        """Two or three branches of equal lengths, added or put side by side."""
        together = self.rng.choice(("Add", "Concat"))
        channels = self.shape(node)[0]
        kept = channels if together == "Add" else None
        ends = [self.same(node, kept) for _ in range(self.rng.choice((1, 1, 2)))]
        if self.rng.random() < 0.4:
            ends[0] = self.same(ends[0], channels)
        return self.add(together, (*ends, node))

    def crossing(self, node: int) -> int:
        """Two branches of their own strides, cut to their common lengths and added: misaligned."""
        ends = [self.conv(node), self.any_step(node)]
        for place in (0, 1):
            ends[place] = self.add("Conv", ends[place], out_channels=1, kernel_size=1)
        for axis in range(1, self.rank + 1):
            length = min(self.shape(end)[axis] for end in ends)
            ends = [self.add("Slice", end, axis=axis, start=0, stop=length) for end in ends]
        return self.add("Add", tuple(ends))

    def decoder(self, node: int, depth: int) -> int:
        """Down and up again, with a skip at each level."""
        skip = self.any_of(self.same, self.branches)(node)
        if depth == 0 or min(self.shape(skip)[1:]) < 4:
            return skip
        inner = self.decoder(self.add("MaxPool", skip, kernel_size=2), depth - 1)
        lengths = self.shape(skip)[1:]
        extra = tuple(length - 2 * n for length, n in zip(lengths, self.shape(inner)[1:]))
        if self.rng.random() < 0.5 and all(more in (0, 1) for more in extra):
            up = self.add("ConvTranspose", inner, out_channels=1, kernel_size=2, stride=2, output_padding=extra)
        else:
            linear = ("linear", "bilinear", "trilinear")[self.rank - 1]
            up = self.add("Upsample", inner, size=lengths, mode=self.rng.choice(("nearest", linear)))
        return self.same(self.add("Concat", (up, skip)))

    def any_of(self, *steps: Callable[[int], int]) -> Callable[[int], int]:
        return self.rng.choice(steps)

    def any_step(self, node: int) -> int:
        return self.any_of(self.conv, self.conv, self.same, self.pool, self.up, self.pointwise)(node)

    def attempt(self, step: Callable[[int], int]) -> None:
        """Take a step if it is legal and what it makes is neither empty nor large."""
        nodes = len(self.builder.nodes)
        try:
            node = step(self.current)
        except SpecError:
            node = -1
        size = 1
        for length in self.shape(node) if node >= 0 else ():
            size *= length
        if node >= 0 and 0 < size <= 1200:
            self.current = node
        else:
            del self.builder.nodes[nodes:]


def random_net(seed: object, form: str, rank: int, lengths: range | None = None, steps: int = 4) -> Graph:
    """A small network of a form (chain, dag, decoder) and a number of spatial axes."""
    net = RandomNet(f"{seed} {form} {rank}", rank, lengths)
    if form == "decoder":
        net.attempt(lambda node: net.decoder(node, net.rng.choice((1, 2))))
        steps = net.rng.choice((0, 1))
    for _ in range(net.rng.randint(1, steps) if steps else 0):
        net.attempt(net.any_of(net.any_step, net.branches, net.crossing) if form == "dag" else net.any_step)
    net.builder._used = {index for node in net.builder.nodes for index in node.inputs}
    return net.builder.graph((net.current,))
