"""Encodings of positions and coordinates."""

from __future__ import annotations

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    at_most,
    divisible,
    elementwise,
    equal,
    flag,
    has_axes,
    has_rank,
    inferred,
    layer,
    real,
    size,
)
from netcalc.layers.reach import WHOLE, Blocks, Reach, Window, last_axis, pointwise


def sequence_conditions(x: Shape, max_length: Dim, embedding_dim: Dim) -> Conditions:
    """The input must be a sequence that is no longer than the table of positions."""
    yield has_rank(x, 2, "T x D")
    yield at_most(x[0], max_length, "the length of the sequence", "max_length")
    yield equal(embedding_dim, x[1], "embedding_dim", "embedding_dim")


@layer
class PosEnc(Layer):
    """The sinusoidal encoding of coordinates of NeRF, on the last axis.

    γ(x) = (x, sin(2⁰πx), cos(2⁰πx), …, sin(2ᴸ⁻¹πx), cos(2ᴸ⁻¹πx)) with L = num_frequencies; each entry is a vector
    of all D coordinates. Shapes: ``* x D`` → ``* x (D + 2·L·D)``, or ``* x 2·L·D`` without the input.
    Work: 1 mul, 1 sin and 1 cos for each coordinate and frequency (2ᵏπ is a constant).
    """

    words = ("posenc", "positionalencoding", "nerfencoding")
    source = "https://arxiv.org/abs/2003.08934"
    examples = ("3 -> posenc 8", "64x3 -> posenc 4 include_input=False")
    trial_inputs = (((3,),), ((1,),), ((4, 2),), ((2, 3, 5),))

    num_frequencies: Dim = size("number L of frequencies", tries=(1, 2, 4, 10, 0))
    include_input: bool = flag("put the coordinates themselves in front", True)

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "* x D")
        yield at_least(self.num_frequencies, 1, "num_frequencies")

    def output_shape(self, x: Shape) -> Shape:
        copies = 2 * self.num_frequencies + (1 if self.include_input else 0)
        return (*x[:-1], x[-1] * copies)

    def work(self, x: Shape) -> Work:
        angles = (*x, self.num_frequencies)
        return Work(
            (Line("2ᵏπ · x", "mul", angles), Line("sin(2ᵏπx)", "sin", angles), Line("cos(2ᵏπx)", "cos", angles))
        )

    def reach(self, x: Shape) -> Reach:
        return last_axis(len(x))


# ---------------------------------------------------------------- positions in a sequence


@layer
class LearnedPosition(Layer):
    """Adds a learned vector for each position of a sequence: x + P.

    Shapes: ``T x D`` → ``T x D`` for T up to max_length; P is ``[max_length, D]``. Work: 1 add an element.
    """

    words = ("learnedposition", "posembed")
    source = "https://arxiv.org/abs/1810.04805"
    examples = ("197x768 -> learnedposition 197",)
    trial_inputs = (((3, 4),), ((1, 1),), ((5, 2),), ((4,),))

    max_length: Dim = size("length of the longest sequence", tries=(3, 5, 8, 1))
    embedding_dim: Dim = inferred("size of each vector", axis=-1)

    def conditions(self, x: Shape) -> Conditions:
        yield from sequence_conditions(x, self.max_length, self.embedding_dim)

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.max_length, self.embedding_dim)}

    def work(self, x: Shape) -> Work:
        return elementwise(x, "x + P", "add")

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


@layer
class SinusoidalPosition(Layer):
    """Adds the fixed sines and cosines of "Attention Is All You Need" to a sequence: x + P.

    P[t, 2i] = sin(t / 10000^(2i/D)), P[t, 2i+1] = cos(t / 10000^(2i/D)), a table made once (buffer ``pe``).
    Shapes: ``T x D`` → ``T x D`` for even D and T up to max_length. Work: 1 add an element.
    """

    words = ("sinusoidalposition", "sinusoidal")
    source = "https://arxiv.org/abs/1706.03762"
    examples = ("10x512 -> sinusoidalposition",)
    trial_inputs = (((3, 4),), ((1, 2),), ((5, 6),), ((4, 3),), ((4,),))

    max_length: Dim = size("length of the longest sequence", 5000, tries=(3, 5, 8, 1))
    embedding_dim: Dim = inferred("size of each vector", axis=-1)

    def conditions(self, x: Shape) -> Conditions:
        yield from sequence_conditions(x, self.max_length, self.embedding_dim)
        yield divisible(self.embedding_dim, 2, "embedding_dim")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def buffers(self) -> dict[str, Shape]:
        return {"pe": (self.max_length, self.embedding_dim)}

    def work(self, x: Shape) -> Work:
        return elementwise(x, "x + P", "add")

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


@layer
class Rotary(Layer):
    """Rotates pairs of entries by an angle that grows with the position (RoPE, of queries and keys).

    In each head of d = D / num_heads entries, the pair (2i, 2i+1) at position t turns by t · base^(−2i/d):
    (a, b) → (a cos − b sin, a sin + b cos), with the sines and cosines taken from a table.
    Shapes: ``* x T x D`` → the same, d even. Work: 4 mul and 2 add a pair.
    """

    words = ("rotary", "rope")
    source = "https://arxiv.org/abs/2104.09864"
    examples = ("128x64 -> rotary", "128x512 -> rotary num_heads=8")
    trial_inputs = (((3, 4),), ((2, 12),), ((2, 3, 8),), ((3, 6),), ((4,),))

    num_heads: Dim = size("heads that lie side by side on the last axis", 1, tries=(1, 2, 3, 0))
    base: float = real("base of the angles", 10000.0, tries=(10000.0, 500.0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 2, "* x T x D")
        yield at_least(self.num_heads, 1, "num_heads")
        yield divisible(x[-1], 2 * self.num_heads, "the last axis, which has pairs in each head,", "num_heads")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        pairs = (*x[:-1], x[-1] // 2)
        return Work(
            (
                Line("a cos, b sin, a sin, b cos", "mul", (*pairs, 4)),
                Line("a cos − b sin, a sin + b cos", "add", (*pairs, 2)),
            )
        )

    def reach(self, x: Shape) -> Reach:
        return ((*map(Window, range(len(x) - 1)), Blocks(len(x) - 1, outputs=2, inputs=2)),)


@layer
class TimeEmbedding(Layer):
    """The sinusoidal embedding of a time step of diffusion models.

    For a time t: sin(t ωₖ) for k = 0 … h − 1, then cos(t ωₖ), with h = dim / 2 and ωₖ = max_period^(−k/h), constants.
    Shapes: ``1`` → ``dim``, even. Work: 1 mul, 1 sin and 1 cos for each of h frequencies.
    """

    words = ("timeembedding", "timestep")
    source = "https://arxiv.org/abs/2006.11239"
    examples = ("1 -> timeembedding 128 -> linear 512",)
    trial_inputs = (((1,),), ((2,),), ((1, 1),))

    dim: Dim = size("size of the embedding", tries=(2, 4, 10, 3, -2))
    max_period: float = real("slowest period, over 2π", 10000.0, tries=(10000.0, 100.0))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 1, "1")
        yield equal(x[0], 1, "the input, which is one time step,")
        yield at_least(self.dim, 2, "dim")
        yield divisible(self.dim, 2, "dim", "dim")

    def output_shape(self, x: Shape) -> Shape:
        return (self.dim,)

    def work(self, x: Shape) -> Work:
        waves = (self.dim // 2,)
        return Work((Line("t ω", "mul", waves), Line("sin(t ω)", "sin", waves), Line("cos(t ω)", "cos", waves)))

    def reach(self, x: Shape) -> Reach:
        return ((WHOLE,),)
