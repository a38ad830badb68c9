"""Normalisation (torch.nn: BatchNorm, InstanceNorm, GroupNorm, LayerNorm, RMSNorm and local response).

All but the last two kinds compute y = (x − mean) / √(var + eps) · weight + bias and share its ledger:
add (x − mean), div, mul (weight), add (bias) for each element; add (+ eps), sqrt for each variance.
Where mean and variance are not running ones but the input's own, each over n numbers, they come before it:
mean = Σ x / n: n − 1 add, 1 div; var = Σ (x − mean)² / n: n add, n mul, n − 1 add, 1 div. Each formula is counted
as it is written: x − mean once in the variance and once in the result.
"""

from __future__ import annotations

from typing import ClassVar

from netcalc.dims import Dim, product, text
from netcalc.layers.base import (
    Condition,
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    at_most,
    divisible,
    equal,
    flag,
    has_axes,
    has_rank,
    inferred,
    layer,
    real,
    record,
    shape,
    size,
)
from netcalc.layers.convolution import LAYOUT
from netcalc.layers.reach import WHOLE, Reach, Window, pointwise

_PAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


def statistics(sets: Shape, n: Dim) -> tuple[Line, ...]:
    """Mean and variance of each of ``sets`` of ``n`` numbers.

    >>> [(line.kind, line.count) for line in statistics((3,), 4)]
    [('add', 9), ('div', 3), ('add', 12), ('mul', 12), ('add', 9), ('div', 3)]
    """
    return (
        Line("Σ x", "add", (*sets, n - 1)),
        Line("mean = Σ x / n", "div", sets),
        Line("x − mean (variance)", "add", (*sets, n)),
        Line("(x − mean)²", "mul", (*sets, n)),
        Line("Σ (x − mean)²", "add", (*sets, n - 1)),
        Line("var = Σ (x − mean)² / n", "div", sets),
    )


def standardised(x: Shape, sets: Shape, weight: bool, bias: bool) -> tuple[Line, ...]:
    """(x − mean) / √(var + eps) · weight + bias for every element of ``x``, with ``sets`` variances.

    >>> [(line.kind, line.count) for line in standardised((3, 4), (3,), weight=True, bias=False)]
    [('add', 3), ('sqrt', 3), ('add', 12), ('div', 12), ('mul', 12)]
    """
    lines = [
        Line("var + eps", "add", sets),
        Line("√(var + eps)", "sqrt", sets),
        Line("x − mean", "add", x),
        Line("(x − mean) / √(var + eps)", "div", x),
    ]
    return (*lines, *scaled(x, weight, bias))


def scaled(x: Shape, weight: bool, bias: bool) -> tuple[Line, ...]:
    """· weight + bias for every element."""
    return (*[Line("· weight", "mul", x)] * weight, *[Line("+ bias", "add", x)] * bias)


def weight_and_bias(sizes: Shape, weight: bool, bias: bool) -> dict[str, Shape]:
    """The learned scale and shift."""
    return {**({"weight": sizes} if weight else {}), **({"bias": sizes} if bias else {})}


def in_batch(batch: Dim) -> str:
    """How a message says that it counts over the batch."""
    return f" over a batch of {text(batch)}"


# ---------------------------------------------------------------- one mean and variance a channel


@record
class _ChannelNorm(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, with one mean, variance, weight and bias a channel.

    With running statistics mean and variance are buffers; without, they are taken over each channel's positions.
    """

    num_features: Dim = inferred("channels of the input", axis=0)
    eps: float = real("added to the variance", 1e-5, tries=(0.1, 1e-3))
    momentum: float | None = real(
        "weight of a new batch in the running statistics (None: their plain mean)",
        0.1,
        optional=True,
        tries=(0.2, None),
    )
    affine: bool = flag("learn a weight and a bias for each channel", True)
    track_running_stats: bool = flag(
        "keep running statistics, and use them at inference", True, tries=(True, True, True, False)
    )
    bias: bool = flag("learn the bias (if affine)", True)

    def fits(self, x: Shape) -> Fact:
        """The input's rank must be this kind's."""
        rank = self.rank or 1
        return has_rank(x, rank + 1, LAYOUT[rank])

    def conditions(self, x: Shape) -> Conditions:
        yield self.fits(x)
        if self.affine or self.track_running_stats:  # torch does not look at num_features otherwise
            yield equal(self.num_features, x[0], "num_features", "num_features")

    def varied(self, positions: Dim, over: str) -> Condition:
        """A variance that is taken of the input itself needs two numbers."""
        about = f"the number of positions a variance is taken over{over}"
        return at_least(positions, 2, about, "track_running_stats")

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self) -> dict[str, Shape]:
        return weight_and_bias((self.num_features,), self.affine, self.affine and self.bias)

    def buffers(self) -> dict[str, Shape]:
        if not self.track_running_stats:
            return {}
        return {"running_mean": (self.num_features,), "running_var": (self.num_features,), "num_batches_tracked": ()}

    def work(self, x: Shape) -> Work:
        own = () if self.track_running_stats else statistics(x[:1], product(x[1:]))
        return Work((*own, *standardised(x, x[:1], self.affine, self.affine and self.bias)))

    def reach(self, x: Shape) -> Reach:
        if self.track_running_stats:
            return pointwise(len(x))
        return ((Window(0), *(WHOLE for _ in x[1:])),)


@record
class _BatchNorm(_ChannelNorm):
    """y = (x − running_mean) / √(running_var + eps) · weight + bias, for each channel (the first axis).

    Work: for each channel add (+ eps), sqrt; for each element add (−), div, and mul, add if affine.
    With ``track_running_stats=False`` torch takes mean and variance over the batch even at inference: stated here is
    a batch of one sample: over its n positions a channel's mean is n − 1 add, 1 div, and its variance
    2n − 1 add, n mul, 1 div. A report on a batch says how torch's differs; over the batch n must be 2 or more.
    """

    words: ClassVar[tuple[str, ...]] = ("bn", "batchnorm")

    eps: float = real("added to the variance", 1e-5, tries=(0.1, 1e-3, 1e-3, 0, 0, -1.0))

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        least = "at least 0" if self.track_running_stats else "positive (without running statistics)"
        yield Fact(
            self.eps > 0 or (self.eps == 0 and self.track_running_stats),
            f"eps is {self.eps}, but must be {least}",
            expected=f"eps {least}",
            found=str(self.eps),
            argument="eps",
        )

    @property
    def over_batch(self) -> str:
        return "" if self.track_running_stats else "mean and variance"

    def batch_conditions(self, batch: Dim, x: Shape) -> Conditions:
        if not self.track_running_stats:
            yield self.varied(batch * product(x[1:]), in_batch(batch))


@layer
class BatchNorm1d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    words = (*_BatchNorm.words, "bn1d", "batchnorm1d")
    rank = 1
    namesake = "BatchNorm1d"
    source = _PAGE + "BatchNorm1d.html"
    examples = ("64 -> bn", "16x100 -> bn")
    trial_inputs = (((5,),), ((3, 4),), ((1, 6),), ((2, 1),), ((4, 3),), ((2, 3, 2),))

    def fits(self, x: Shape) -> Fact:
        return has_rank(x, (1, 2), "C or C x L")


@layer
class BatchNorm2d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    words = (*_BatchNorm.words, "bn2d", "batchnorm2d")
    rank = 2
    namesake = "BatchNorm2d"
    source = _PAGE + "BatchNorm2d.html"
    examples = ("16x8x8 -> bn", "16x8x8 -> bn affine=False")
    trial_inputs = (((3, 2, 4),), ((1, 3, 3),), ((4, 1, 2),), ((2, 1, 1),), ((3, 4),))


@layer
class BatchNorm3d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    words = (*_BatchNorm.words, "bn3d", "batchnorm3d")
    rank = 3
    namesake = "BatchNorm3d"
    source = _PAGE + "BatchNorm3d.html"
    examples = ("4x6x6x6 -> bn",)
    trial_inputs = (((3, 2, 1, 4),), ((1, 2, 3, 2),), ((4, 1, 2, 1),), ((2, 1, 1, 1),), ((3, 4, 2),))


@layer
class SyncBatchNorm(_BatchNorm):
    """Batch normalisation whose training statistics are shared by all processes; at inference that of BatchNorm.

    y = (x − running_mean) / √(running_var + eps) · weight + bias, for an input of any rank.
    Work: for each channel add (+ eps), sqrt; for each element add (−), div, and mul, add if affine.
    With ``track_running_stats=False`` mean and variance are those of a batch of one sample (see BatchNorm2d).
    torch's ``process_group`` is left out.
    """

    words = ("syncbn", "syncbatchnorm")
    namesake = "SyncBatchNorm"
    source = _PAGE + "SyncBatchNorm.html"
    examples = ("16x8x8 -> syncbn",)
    trial_inputs = (((5,),), ((3, 4),), ((2, 1),), ((2, 3, 2),))

    def fits(self, x: Shape) -> Fact:
        return has_axes(x, 1, "C x *")


@record
class _InstanceNorm(_ChannelNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, mean and variance over the n positions of each channel.

    Work: for each channel mean: n − 1 add, 1 div; var: 2n − 1 add, n mul, 1 div; then add (+ eps), sqrt;
    for each element add (−), div, and mul, add if affine. With ``track_running_stats`` inference uses the running
    mean and variance, which cost nothing.
    """

    words: ClassVar[tuple[str, ...]] = ("instancenorm",)
    normalizes: ClassVar[bool] = True

    affine: bool = flag("learn a weight and a bias for each channel", False)
    track_running_stats: bool = flag("keep running statistics, and use them at inference", False)

    def conditions(self, x: Shape) -> Conditions:
        yield from super().conditions(x)
        if not self.track_running_stats:
            yield self.varied(product(x[1:]), "")


@layer
class InstanceNorm1d(_InstanceNorm):
    __doc__ = _InstanceNorm.__doc__
    words = (*_InstanceNorm.words, "instancenorm1d")
    rank = 1
    namesake = "InstanceNorm1d"
    source = _PAGE + "InstanceNorm1d.html"
    examples = ("16x100 -> instancenorm",)
    trial_inputs = (((3, 4),), ((1, 6),), ((4, 3),), ((5, 2),), ((2, 1),), ((2, 3, 2),))


@layer
class InstanceNorm2d(_InstanceNorm):
    __doc__ = _InstanceNorm.__doc__
    words = (*_InstanceNorm.words, "instancenorm2d")
    rank = 2
    namesake = "InstanceNorm2d"
    source = _PAGE + "InstanceNorm2d.html"
    examples = ("16x8x8 -> instancenorm", "16x8x8 -> instancenorm affine=True")
    trial_inputs = (((3, 2, 4),), ((1, 3, 3),), ((4, 1, 2),), ((2, 3, 2),), ((2, 1, 1),), ((2, 3, 2, 2),))


@layer
class InstanceNorm3d(_InstanceNorm):
    __doc__ = _InstanceNorm.__doc__
    words = (*_InstanceNorm.words, "instancenorm3d")
    rank = 3
    namesake = "InstanceNorm3d"
    source = _PAGE + "InstanceNorm3d.html"
    examples = ("4x6x6x6 -> instancenorm",)
    trial_inputs = (((3, 2, 1, 4),), ((1, 2, 3, 2),), ((4, 1, 2, 1),), ((2, 1, 1, 1),), ((2, 3, 2, 2, 1),))


@layer
class GroupNorm(Layer):
    """y = (x − mean) / √(var + eps) · weight + bias, mean and variance over each group of channels and all positions.

    Shapes: ``C x *``; weight and bias are one a channel.
    Work: for each group of n numbers mean: n − 1 add, 1 div; var: 2n − 1 add, n mul, 1 div; then add (+ eps), sqrt;
    for each element add (−), div, and mul, add if affine.
    torch wants a group to have two numbers at least, and counts those of the whole batch.
    """

    words = ("gn", "groupnorm")
    namesake = "GroupNorm"
    source = _PAGE + "GroupNorm.html"
    examples = ("64x8x8 -> groupnorm 32", "64x8x8 -> gn 8 affine=False")
    trial_inputs = (((6,),), ((6, 2),), ((6, 1, 3),), ((12, 2, 1),), ((4, 2, 3),), ((4, 1, 1),))
    normalizes: ClassVar[bool] = True

    num_groups: Dim = size("groups that the channels are cut into", tries=(1, 2, 2, 2, 3, 3, 4, 6, 0, -1))
    num_channels: Dim = inferred("channels of the input", axis=0)
    eps: float = real("added to the variance", 1e-5, tries=(0.1,))
    affine: bool = flag("learn a weight and a bias for each channel", True)
    bias: bool = flag("learn the bias (if affine)", True)

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "C x *")
        yield at_least(self.num_groups, 1, "num_groups")
        if self.affine:  # torch does not hold num_channels against the input otherwise
            yield equal(self.num_channels, x[0], "num_channels", "num_channels")
        else:
            yield divisible(x[0], self.num_groups, "the number of channels", "num_groups")
        yield divisible(self.num_channels, self.num_groups, "num_channels", "num_groups")

    def batch_conditions(self, batch: Dim, x: Shape) -> Conditions:
        """torch asks for two numbers in a group, and counts them over the batch (which is not normalised over)."""
        about = f"the number of values in a group{in_batch(batch)}"
        yield at_least(batch * self.length(x), 2, about, "num_groups")

    def length(self, x: Shape) -> Dim:
        """How many numbers a group has."""
        return x[0] // self.num_groups * product(x[1:])

    def output_shape(self, x: Shape) -> Shape:
        return x

    def parameters(self) -> dict[str, Shape]:
        return weight_and_bias((self.num_channels,), self.affine, self.affine and self.bias)

    def work(self, x: Shape) -> Work:
        groups = (self.num_groups,)
        lines = standardised(x, groups, self.affine, self.affine and self.bias)
        return Work((*statistics(groups, self.length(x)), *lines))

    def reach(self, x: Shape) -> Reach:
        return ((WHOLE,) * len(x),)


# ---------------------------------------------------------------- over the last axes


@record
class _LastAxesNorm(Layer):
    """A normalisation over the last axes, which ``normalized_shape`` spells out."""

    trial_inputs = (((5,),), ((4, 5),), ((3, 4, 5),), ((2, 1),))
    normalizes: ClassVar[bool] = True

    normalized_shape: Shape = shape(
        "sizes of the axes that are normalised over (the last one where left out)",
        None,
        of_input=True,
        tries=(None, None, 5, (4, 5), (3, 4, 5), (5, 4), (9, 3, 4, 5)),
    )

    def infer(self, *inputs: Shape) -> Layer:
        return self.replace(normalized_shape=inputs[0][-1:]) if self.normalized_shape is None else self

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 1, "* x normalized_shape")
        sizes = self.normalized_shape
        yield at_least(len(sizes), 1, "the number of axes in normalized_shape", "normalized_shape")
        yield at_most(len(sizes), len(x), "the number of axes in normalized_shape", "normalized_shape")
        for stated, found in zip(sizes, x[-len(sizes) :]):
            yield equal(stated, found, "a size in normalized_shape", "normalized_shape")

    def parts(self, x: Shape) -> tuple[Shape, Shape]:
        """The axes in front, and those that are normalised over."""
        first = len(x) - len(self.normalized_shape)
        return x[:first], x[first:]

    def output_shape(self, x: Shape) -> Shape:
        return x

    def reach(self, x: Shape) -> Reach:
        front, over = self.parts(x)
        return ((*(Window(axis) for axis in range(len(front))), *(WHOLE for _ in over)),)


@layer
class LayerNorm(_LastAxesNorm):
    """y = (x − mean) / √(var + eps) · weight + bias, mean and variance over the last axes (``normalized_shape``).

    Shapes: ``* x normalized_shape``; weight and bias have ``normalized_shape``.
    Work: for each set of n numbers mean: n − 1 add, 1 div; var: 2n − 1 add, n mul, 1 div; then add (+ eps), sqrt;
    for each element add (−), div, mul (weight), add (bias).
    """

    words = ("ln", "layernorm")
    namesake = "LayerNorm"
    source = _PAGE + "LayerNorm.html"
    examples = ("10x64 -> layernorm", "3x8x8 -> layernorm (8, 8) bias=False")

    eps: float = real("added to the variance", 1e-5, tries=(0.1,))
    elementwise_affine: bool = flag("learn a weight and a bias for each element", True)
    bias: bool = flag("learn the bias (if elementwise_affine)", True)

    def parameters(self) -> dict[str, Shape]:
        affine = self.elementwise_affine
        return weight_and_bias(self.normalized_shape, affine, affine and self.bias)

    def work(self, x: Shape) -> Work:
        sets, over = self.parts(x)
        lines = standardised(x, sets, self.elementwise_affine, self.elementwise_affine and self.bias)
        return Work((*statistics(sets, product(over)), *lines))


@layer
class RMSNorm(_LastAxesNorm):
    """y = x / √(Σ x² / n + eps) · weight, over the n numbers of the last axes (``normalized_shape``).

    Shapes: ``* x normalized_shape``; the weight has ``normalized_shape``. ``eps`` left out is the machine's.
    Work: for each set of n numbers n mul (x²), n − 1 add, 1 div, add (+ eps), sqrt; for each element div, mul (weight).
    """

    words = ("rmsnorm",)
    namesake = "RMSNorm"
    source = _PAGE + "RMSNorm.html"
    examples = ("10x64 -> rmsnorm",)

    eps: float | None = real("added to the mean square", None, tries=(None, 0.1))
    elementwise_affine: bool = flag("learn a weight for each element", True)

    def parameters(self) -> dict[str, Shape]:
        return weight_and_bias(self.normalized_shape, self.elementwise_affine, False)

    def work(self, x: Shape) -> Work:
        sets, over = self.parts(x)
        lines = (
            Line("x²", "mul", x),
            Line("Σ x²", "add", (*sets, product(over) - 1)),
            Line("Σ x² / n", "div", sets),
            Line("Σ x² / n + eps", "add", sets),
            Line("rms = √(Σ x² / n + eps)", "sqrt", sets),
            Line("x / rms", "div", x),
        )
        return Work((*lines, *scaled(x, self.elementwise_affine, False)))


# ---------------------------------------------------------------- local response


@record
class _ResponseNorm(Layer):
    """y = x / (k + alpha / size · Σ x²) ** beta, the sum over ``window`` channels around each."""

    def window(self) -> Dim:
        """How many channels are summed over."""
        raise NotImplementedError

    size: Dim = size("channels that alpha is shared by", tries=(1, 2, 3, 4, 5, 7, 9, 0, -1))
    alpha: float = real("weight of the sum", 1e-4, tries=(0.5,))
    beta: float = real("power of the sum", 0.75, tries=(0.5,))
    k: float = real("added to the sum", 1.0, tries=(2,))

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return Work(
            (
                Line("x²", "mul", x),
                Line("Σ x²", "add", (*x, self.window() - 1)),
                Line("alpha / size · Σ x²", "mul", x),
                Line("k + ·", "add", x),
                Line("(k + ·) ** beta", "pow", x),
                Line("x / (k + ·) ** beta", "div", x),
            )
        )

    def reach(self, x: Shape) -> Reach:
        channels = Window(0, kernel=self.window(), padding=self.window() // 2)
        return ((channels, *(Window(axis) for axis in range(1, len(x)))),)


@layer
class LocalResponseNorm(_ResponseNorm):
    """y_c = x_c / (k + alpha / size · Σ x²) ** beta, the sum over channels c − ⌊size/2⌋ … c + ⌊(size − 1)/2⌋.

    Shapes: ``C x L…``. Channels beyond the ends are zeros, and count.
    Work: for each element mul (x²), size − 1 add, mul, add, pow, div; alpha / size is a constant.
    """

    words = ("lrn", "localresponsenorm")
    namesake = "LocalResponseNorm"
    source = _PAGE + "LocalResponseNorm.html"
    examples = ("96x8x8 -> lrn 5",)
    trial_inputs = (((4, 3),), ((5, 2, 2),), ((3, 2, 1, 2),), ((1, 3),), ((2, 2),), ((6, 1),), ((4,),))

    def window(self) -> Dim:
        return self.size

    def conditions(self, x: Shape) -> Conditions:
        yield has_axes(x, 2, "C x L…")
        yield at_least(self.size, 1, "size")


@layer
class CrossMapLRN2d(_ResponseNorm):
    """y_c = x_c / (k + alpha / size · Σ x²) ** beta, the sum over channels c − h … c + h, h = ⌊(size − 1)/2⌋.

    Shapes: ``C x H x W``. Channels beyond the ends are zeros, and count.
    Work: for each element mul (x²), 2h add, mul, add, pow, div; alpha / size is a constant.
    torch 2.13 slides the sum and never takes channel 0 out of it again (``if c > pre_pad`` where ``>=`` is meant): its
    values for channels beyond h are not those of the definition.
    """

    words = ("crossmaplrn", "crossmaplrn2d")
    namesake = "CrossMapLRN2d"
    source = "https://docs.pytorch.org/docs/stable/nn.html"
    examples = ("96x8x8 -> crossmaplrn 5",)
    trial_inputs = (((2, 2, 3),), ((1, 3, 2),), ((2, 1, 1),), ((2, 4, 1),), ((2, 3),))  # none beyond h, see above

    size: Dim = size("channels that alpha is shared by", tries=(3, 4, 5, 6, 7, 8, 0))

    def window(self) -> Dim:
        return 2 * ((self.size - 1) // 2) + 1

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, 3, LAYOUT[2])
        yield at_least(self.size, 1, "size")
