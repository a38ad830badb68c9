"""Upsampling by interpolation (torch.nn: Upsample, UpsamplingNearest2d, UpsamplingBilinear2d)."""

from __future__ import annotations

from fractions import Fraction
from math import floor, isfinite
from typing import Any

from netcalc.dims import Dim
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    choice,
    flag,
    free,
    has_rank,
    layer,
    real,
    record,
    shape,
)
from netcalc.layers.convolution import LAYOUT
from netcalc.layers.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d
from netcalc.layers.reach import Reach, Resized, Window
from netcalc.records import NamedTuple

MODES = {
    "nearest": (1, (1, 2, 3)),
    "nearest-exact": (1, (1, 2, 3)),
    "linear": (2, (1,)),
    "bilinear": (2, (2,)),
    "bicubic": (4, (2,)),
    "trilinear": (2, (3,)),
    "area": (None, (1, 2, 3)),
}
"""The taps along every axis (None: those of an adaptive average pool), and the spatial axes, of each mode."""

POOLS: dict[int, type[Layer]] = {1: AdaptiveAvgPool1d, 2: AdaptiveAvgPool2d, 3: AdaptiveAvgPool3d}
"""What mode=area is, by the number of spatial axes."""

Factors = Any  # a number, or a tuple of one number an axis


SIZE_OR_FACTOR = {"size": "scale_factor={0} for {0} times the size, or size={0} for {0} positions an axis"}


class Interpolation(NamedTuple):
    """How an upsampling layer reads its input."""

    mode: str
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None


def scaled(length: Dim, factor: float) -> Dim:
    """⌊length · factor⌋: in floating point for a number, as torch; for a letter with the factor's decimal fraction.

    >>> from netcalc.dims import symbol
    >>> scaled(7, 1.5), scaled(100, 0.29), scaled(symbol("H"), 1.5)
    (10, 28, 3*H//2)
    """
    if not isinstance(factor, float):  # an integer, or its letter in an explanation
        return length * factor
    if factor.is_integer():
        return length * int(factor)
    if isinstance(length, int):
        return floor(length * factor)
    above, below = Fraction(str(factor)).as_integer_ratio()
    return length * above // below


@record
class _Upsampling(Layer):
    """Resizes every spatial axis by interpolation.

    Shapes: ``C x L…`` → ``C x L_out…``, where L_out is ``size``, or ⌊L · scale_factor⌋.
    Output o reads at the source coordinate o·s (nearest), (o + ½)·s (nearest-exact), (o + ½)·s − ½ or, with
    ``align_corners``, o·(L − 1)/(L_out − 1); s is L / L_out, or 1 / scale_factor where that was given and is not
    recomputed.
    Mode area is the adaptive average pool of that output size: its windows, its work. In short form write
    ``mode='nearest-exact'``, in quotes.
    Work: nearest copies, which is free. Else every output is the weighted sum of t taps along each of r axes, taken
    directly: tʳ mul and tʳ − 1 add, with t = 2 (linear, bilinear, trilinear) or 4 (bicubic); taps beyond the border
    repeat it and count. The weights do not depend on the input and are not counted.
    """

    size: Shape | None = shape(
        "size of the output, one for all axes or one an axis",
        None,
        spatial=True,
        tries=(None, None, None, None, None, 1, 4, 7, (3, 5), (2, 6), (4, 4, 2), 0),
    )
    scale_factor: Factors = real(
        "factor to multiply the sizes with, one for all axes or one an axis",
        None,
        tries=(1.5, 2, 2, 2.5, 3, 3, 0.7, 1.75, 0.5, (1.5, 2), (1, 2.5), (2, 1.5, 1), 0.1, 0, -1),
    )

    def __post_init__(self) -> None:
        value = self.scale_factor
        factors = value if isinstance(value, tuple) and value else (value,)
        for factor in factors:  # each by itself is a number
            object.__setattr__(self, "scale_factor", factor)
            super().__post_init__()
        if len(factors) > 1:
            object.__setattr__(self, "scale_factor", factors)

    def interpolation(self) -> Interpolation:
        """The mode and its settings."""
        raise NotImplementedError(f"{self.kind} states no interpolation")

    def factors(self, rank: int) -> tuple[float, ...]:
        """The stated factor of each axis; torch reads a lone 0 as none."""
        if isinstance(self.scale_factor, tuple):
            return self.scale_factor
        return () if self.scale_factor in (None, 0) else (self.scale_factor,) * rank

    def conditions(self, x: Shape) -> Conditions:
        mode, align_corners, recompute = self.interpolation()
        taps, ranks = MODES[mode]
        fitting = [f"mode={name}" for name, (t, fits) in MODES.items() if t == taps and len(x) - 1 in fits]
        hint = f"for this input: {fitting[0]}" if fitting and "mode" in self.arguments else ""
        axes = tuple(rank + 1 for rank in ranks)
        yield has_rank(x, axes, " or ".join(LAYOUT[rank] for rank in ranks))._replace(hint=hint)
        rank = len(x) - 1
        factors = self.factors(rank)
        given = [name for name, value in (("size", self.size), ("scale_factor", factors)) if value]
        yield Fact(
            len(given) == 1,
            "both size and scale_factor are given" if given else "neither size nor scale_factor is given",
            expected="one of size and scale_factor",
            found=" and ".join(given) or "nothing",
            hint="for example: upsample scale_factor=2",
            argument="size",
        )
        entries = len(self.size) if self.size else len(factors)
        yield Fact(
            entries == rank or (self.size is not None and entries == 1),
            f"{given[0]} has {entries} entries, but the input has {rank} spatial axes",
            expected=f"one number, or {rank} of them",
            found=str(entries),
            argument=given[0],
            code="wrong-rank",
        )
        yield Fact(
            taps in (2, 4) or align_corners is None,
            f"align_corners has no meaning with mode={mode}",
            expected="no align_corners, or another mode",
            found=f"align_corners={align_corners}",
            argument="align_corners",
        )
        yield Fact(
            not (recompute and self.size),
            "recompute_scale_factor has no meaning with a size",
            expected="a scale_factor",
            found=f"size={self.size}",
            argument="recompute_scale_factor",
        )
        for factor in factors:
            yield Fact(
                isfinite(factor) and factor > 0,
                f"scale_factor is {factor}, but must be positive and finite",
                expected="a positive number",
                found=str(factor),
                argument="scale_factor",
            )
        for length in self.output_shape(x)[1:]:
            yield at_least(length, 1, "the size of the output", given[0])

    def output_shape(self, x: Shape) -> Shape:
        if self.size:
            return (x[0], *(self.size if len(self.size) > 1 else self.size * (len(x) - 1)))
        return (x[0], *map(scaled, x[1:], self.factors(len(x) - 1)))

    def area(self, x: Shape) -> Layer:
        """The pool that mode=area is."""
        sizes = self.output_shape(x)[1:]
        return POOLS[len(sizes)](sizes if len(sizes) > 1 else sizes[0])

    def work(self, x: Shape) -> Work:
        taps, _ = MODES[self.interpolation().mode]
        if taps is None:
            return self.area(x).work(x)
        if taps == 1:
            return free("copies the nearest element")
        outputs, read = self.output_shape(x), taps ** (len(x) - 1)
        return Work((Line("Σ w x", "mul", (*outputs, read)), Line("Σ w x", "add", (*outputs, read - 1))))

    def reach(self, x: Shape) -> Reach:
        mode, align_corners, recompute = self.interpolation()
        rank = len(x) - 1
        factors = [None] * rank if self.size or recompute else self.factors(rank)
        sizes = zip(x[1:], self.output_shape(x)[1:], factors)
        taps, exact = MODES[mode][0], mode == "nearest-exact"
        if taps is None:
            return self.area(x).reach(x)
        rules = (Resized(a, n, m, taps, bool(align_corners), f, exact) for a, (n, m, f) in enumerate(sizes, 1))
        return ((Window(0), *rules),)


@layer
class Upsample(_Upsampling):
    __doc__ = _Upsampling.__doc__
    words = ("upsample",)
    stated_by_name = SIZE_OR_FACTOR
    namesake = "Upsample"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html"
    examples = ("8x16x16 -> upsample scale_factor=2", "3x8x8 -> upsample scale_factor=1.5 mode=bilinear")
    trial_inputs = (((2, 5),), ((2, 3, 4),), ((1, 4, 5),), ((2, 7, 3),), ((1, 6, 2),), ((1, 2, 3, 2),))

    mode: str = choice(
        "how to interpolate",
        "nearest",
        tuple(MODES),
        tries=("linear", "trilinear", *("nearest-exact", "area") * 3, *("bilinear", "bicubic") * 4),
    )
    align_corners: bool | None = flag("keep the corners' values", None, tries=(None, None, None, True, True, False))
    recompute_scale_factor: bool | None = flag(
        "interpolate with the ratio of the sizes, not with the stated factor", None, tries=(None, None, True, False)
    )

    def interpolation(self) -> Interpolation:
        return Interpolation(self.mode, self.align_corners, self.recompute_scale_factor)


@layer
class UpsamplingNearest2d(_Upsampling):
    """Upsampling with mode=nearest: see Upsample."""

    words = ("upsamplingnearest2d",)
    stated_by_name = SIZE_OR_FACTOR
    namesake = "UpsamplingNearest2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.UpsamplingNearest2d.html"
    examples = ("8x4x4 -> upsamplingnearest2d scale_factor=2",)
    trial_inputs = (((2, 5, 4),), ((1, 3, 3),), ((2, 6),))

    def interpolation(self) -> Interpolation:
        return Interpolation("nearest")


@layer
class UpsamplingBilinear2d(_Upsampling):
    """Upsampling with mode=bilinear and align_corners=True: see Upsample."""

    words = ("upsamplingbilinear2d",)
    stated_by_name = SIZE_OR_FACTOR
    namesake = "UpsamplingBilinear2d"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.UpsamplingBilinear2d.html"
    examples = ("8x4x4 -> upsamplingbilinear2d scale_factor=2", "8x4x4 -> upsamplingbilinear2d size=7")
    trial_inputs = (((2, 5, 4),), ((1, 3, 3),), ((2, 1, 6),), ((2, 6),))

    def interpolation(self) -> Interpolation:
        return Interpolation("bilinear", align_corners=True)
