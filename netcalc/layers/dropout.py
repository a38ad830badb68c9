"""Dropout (torch.nn: Dropout, Dropout1d/2d/3d, AlphaDropout, FeatureAlphaDropout): at inference the identity."""

from __future__ import annotations

from typing import ClassVar

from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Shape,
    Work,
    flag,
    free,
    has_rank,
    layer,
    real,
    record,
)
from netcalc.layers.reach import Reach, pointwise

_PAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


@record
class _Dropout(Layer):
    """The identity, of any shape."""

    trial_inputs: ClassVar[tuple[tuple[tuple[int, ...], ...], ...]] = (
        ((5,),),
        ((2, 3),),
        ((2, 3, 2),),
        ((1, 2, 3, 2),),
        ((),),
    )

    p: float = real("probability of dropping an element, in training", 0.5, tries=(0.1, 0, 1, 0.9, 1.5, -0.1))
    inplace: bool = flag("overwrite the input", False)

    def conditions(self, x: Shape) -> Conditions:
        yield Fact(
            0 <= self.p <= 1,
            f"p is {self.p}, but a probability lies between 0 and 1",
            expected="p between 0 and 1",
            found=str(self.p),
            argument="p",
        )

    def output_shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape) -> Work:
        return free("drops nothing at inference")

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


@layer
class Dropout(_Dropout):
    """Drops single elements in training; at inference its input, unchanged, for no work. Any shape."""

    words = ("dropout",)
    namesake = "Dropout"
    source = _PAGE + "Dropout.html"
    examples = ("64 -> dropout 0.5",)


@layer
class Dropout1d(_Dropout):
    """Drops whole channels of a signal in training; at inference its input, unchanged, for no work.

    Shapes: ``C x L`` (torch runs ``C`` too).
    """

    words = ("dropout1d",)
    namesake = "Dropout1d"
    source = _PAGE + "Dropout1d.html"
    examples = ("4x10 -> dropout1d 0.2",)
    trial_inputs = (((5,),), ((2, 3),), ((4, 1),), ((3, 5),), ((2, 3, 2),))

    def conditions(self, x: Shape) -> Conditions:
        yield has_rank(x, (1, 2), "C x L")
        yield from super().conditions(x)


@layer
class Dropout2d(_Dropout):
    """Drops whole channels of an image in training; at inference its input, unchanged, for no work.

    Shapes: ``C x H x W`` (torch only warns of others).
    """

    words = ("dropout2d",)
    namesake = "Dropout2d"
    source = _PAGE + "Dropout2d.html"
    examples = ("4x8x8 -> dropout2d 0.2",)


@layer
class Dropout3d(_Dropout):
    """Drops whole channels of a volume in training; at inference its input, unchanged, for no work.

    Shapes: ``C x D x H x W`` (torch only warns of others).
    """

    words = ("dropout3d",)
    namesake = "Dropout3d"
    source = _PAGE + "Dropout3d.html"
    examples = ("2x4x4x4 -> dropout3d 0.2",)


@layer
class AlphaDropout(_Dropout):
    """Drops elements in training, keeping the variance (for SELU); at inference its input, unchanged, for no work."""

    words = ("alphadropout", "alpha_dropout")
    namesake = "AlphaDropout"
    source = _PAGE + "AlphaDropout.html"
    examples = ("64 -> selu -> alphadropout 0.1",)


@layer
class FeatureAlphaDropout(_Dropout):
    """Alpha dropout of whole channels in training; at inference its input, unchanged, for no work."""

    words = ("featurealphadropout", "feature_alpha_dropout")
    namesake = "FeatureAlphaDropout"
    source = _PAGE + "FeatureAlphaDropout.html"
    examples = ("4x8x8 -> featurealphadropout 0.1",)
