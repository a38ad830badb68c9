"""Parts of vision transformers and modern convolutional networks that torch.nn does not have."""

from __future__ import annotations

from netcalc.dims import Dim, ceildiv, minimum, product
from netcalc.layers.attention import affine, attended, joined, probability
from netcalc.layers.base import (
    Conditions,
    Layer,
    Line,
    Shape,
    Sizes,
    Work,
    at_least,
    at_most,
    called,
    divisible,
    elementwise,
    equal,
    flag,
    free,
    has_axes,
    has_rank,
    inferred,
    layer,
    real,
    size,
    sizes,
)
from netcalc.layers.reach import WHOLE, Blocks, Reach, Window, pointwise


@layer
class ClassToken(Layer):
    """Puts a learned vector in front of a sequence, as position 0: the class token of BERT and ViT.

    Shapes: ``T x D`` → ``(T + 1) x D``; the vector is ``[1, 1, D]``. Work: none.
    """

    words = ("classtoken",)
    source = "https://arxiv.org/abs/2010.11929"
    examples = ("196x768 -> classtoken",)
    trial_inputs = (((3, 4),), ((1, 1),), ((5, 2),), ((4,),))

    embed_dim: Dim = inferred("size of each vector", axis=-1)

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 2, "T x D")
        yield equal(self.embed_dim, x[1], "embed_dim", "embed_dim")

    def output_shape(self, x: Shape) -> Shape:
        return (x[0] + 1, x[1])

    def parameters(self) -> dict[str, Shape]:
        return {"class_token": (1, 1, self.embed_dim)}

    def work(self, x: Shape) -> Work:
        return free("lays a learned vector in front")

    def reach(self, x: Shape) -> Reach:
        return ((Window(0, padding=1), Window(1)),)


@layer
class LayerScale(Layer):
    """Multiplies each feature of the last axis by a learned number: γ · x.

    Shapes: ``* x D`` → the same; γ is ``[D]``. Work: 1 mul an element.
    """

    words = ("layerscale",)
    source = "https://arxiv.org/abs/2103.17239"
    examples = ("196x384 -> layerscale",)
    trial_inputs = (((5,),), ((3, 4),), ((2, 3, 4),), ((1, 1),))

    embed_dim: Dim = inferred("features on the last axis", axis=-1)

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "* x D")
        yield equal(self.embed_dim, x[-1], "embed_dim", "embed_dim")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self) -> dict[str, Shape]:
        return {"gamma": (self.embed_dim,)}

    def work(self, x: Shape) -> Work:
        return elementwise(x, "γ · x", "mul")

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


@layer
class ShiftedWindowAttention(Layer):
    """Swin's attention: every position attends to the positions of its own window, with a learned bias for each offset.

    softmax(Q Kᵀ / √d + B) V in ``num_heads`` heads of d = dim / num_heads, then the output projection, in windows of
    Wh x Ww positions. H and W are filled up with zeros to whole windows (n of them along an axis). With ``shift_size``
    the windows are cut s positions further on, and the last one of an axis holds both its ends, which do not attend to
    each other; an axis of a single window is not shifted.
    Shapes: ``H x W x dim`` → the same. B is looked up in ``[(2·Wh − 1)·(2·Ww − 1), num_heads]``.

    Work over N positions of the filled map: projection N·dim·3·dim mul; then over the P pairs that attend to each
    other, in every head: Q Kᵀ P·d mul, P·(d − 1) add; scale P div; + B P add; softmax P exp, P − N add, P div;
    A V P·d mul, (P − N)·d add; output projection N·dim·dim mul. P is the product of n·w² − 2·s·(w − s) over the two
    axes (n·w² for an axis that is not shifted); ``macs`` are those of whole windows, N·Wh·Ww pairs, as torchvision
    computes them and masks.
    """

    words = ("windowattention", "shiftedwindowattention")
    rank = 2
    source = "https://arxiv.org/abs/2103.14030"
    examples = ("56x56x96 -> shiftedwindowattention 7 3 3", "14x14x64 -> windowattention 7 num_heads=2")
    trial_inputs = (((4, 4, 2),), ((3, 5, 4),), ((2, 4, 4),), ((4, 2, 2),), ((3, 4),), ((1, 1, 2),))

    dim: Dim = inferred("features of each position", axis=-1)
    window_size: Sizes = sizes("positions of a window along H and W", tries=(1, 2, 2, (2, 3), (3, 2), 4, 0))
    shift_size: Sizes = sizes("positions by which windows are shifted", 0, tries=(0, 0, 1, 1, (0, 1), (1, 0), 2, -1))
    num_heads: Dim = size("parallel heads; must divide dim", tries=(1, 1, 2, 2, 4, 3, 0))
    qkv_bias: bool = flag("add learned biases to the projections to Q, K and V", True)
    proj_bias: bool = flag("add a learned bias to the output projection", True)
    attention_dropout: float = real("share of attention weights dropped in training", 0.0, tries=(0.0, 0.1, 0.2, 2))
    dropout: float = real("share of outputs dropped in training", 0.0, tries=(0.0, 0.1, 0.2, -1))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 3, "H x W x dim")
        yield equal(self.dim, x[2], "dim", "dim")
        yield at_least(self.num_heads, 1, "num_heads")
        yield divisible(self.dim, self.num_heads, "dim", "num_heads")
        for window, shift in zip(self.axes("window_size"), self.axes("shift_size")):
            yield at_least(window, 1, "window_size")
            yield at_least(shift, 0, "shift_size")
            yield at_most(shift, window - 1, "shift_size, which must be less than window_size,", "shift_size")
        yield probability(self.attention_dropout, "attention_dropout")
        yield probability(self.dropout, "dropout")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self) -> dict[str, Shape]:
        found: dict[str, Shape] = {
            "relative_position_bias_table": (product([2 * w - 1 for w in self.axes("window_size")]), self.num_heads),
            "qkv.weight": (3 * self.dim, self.dim),
        }
        if self.qkv_bias:
            found["qkv.bias"] = (3 * self.dim,)
        found["proj.weight"] = (self.dim, self.dim)
        if self.proj_bias:
            found["proj.bias"] = (self.dim,)
        return found

    def buffers(self) -> dict[str, Shape]:
        return {"relative_position_index": (product(self.axes("window_size")) * product(self.axes("window_size")),)}

    def work(self, x: Shape) -> Work:
        windows = self.axes("window_size")
        numbers = [ceildiv(length, w) for length, w in zip(x, windows)]
        filled = tuple(called(n * w, "N", "whole windows' positions along {}") for n, w in zip(numbers, windows))
        axes = zip(numbers, windows, self.axes("shift_size"))
        attending = (n * w * w - minimum(n - 1, 1) * 2 * s * (w - s) for n, w, s in axes)
        pairs = product(called(one, "P", "pairs that attend to each other along {}") for one in attending)
        scores = attended((pairs,), (pairs - product(filled),), self.num_heads, self.dim, self.dim)
        biases = Work((Line("+ B", "add", (self.num_heads, pairs)),))
        return joined(
            affine("W_qkv x", (*filled, 3 * self.dim), self.dim, "b" if self.qkv_bias else ""),
            scores._replace(macs=2 * product(filled) * product(windows) * self.dim),
            biases,
            affine("W_o y", (*filled, self.dim), self.dim, "b_o" if self.proj_bias else ""),
        )

    def reach(self, x: Shape) -> Reach:
        axes = enumerate(zip(x, self.axes("window_size"), self.axes("shift_size")))  # one window alone is not shifted
        windows = (Blocks(axis, w, w, minimum(s, (ceildiv(n, w) - 1) * s)) for axis, (n, w, s) in axes)
        return ((*windows, WHOLE),)
