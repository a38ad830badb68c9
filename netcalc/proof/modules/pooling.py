"""Pooling modules that torch.nn does not have, or whose randomness and indices the proof must hold fixed."""

from __future__ import annotations

from math import comb
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from netcalc.layers.base import Shape
from netcalc.proof.modules import arguments, builds, feeds


class _Middle:
    """A fractional max pool whose random numbers are all ½, so that its windows are known."""

    def forward(self: Any, x: torch.Tensor) -> Any:
        rank = len(self.kernel_size)
        self._random_samples = x.new_full((x.shape[0], x.shape[-rank - 1], rank), 0.5)
        try:
            return super().forward(x)  # type: ignore[misc]
        finally:
            self._random_samples = None


class _FractionalMaxPool2d(_Middle, nn.FractionalMaxPool2d):
    pass


class _FractionalMaxPool3d(_Middle, nn.FractionalMaxPool3d):
    pass


@builds("FractionalMaxPool2d", "FractionalMaxPool3d")
def fractional_max_pool(layer: Any, x: Shape) -> nn.Module:
    return (_FractionalMaxPool2d if layer.rank == 2 else _FractionalMaxPool3d)(**arguments(layer))


class _Unpool(nn.Module):
    """A max unpool whose ``output_size``, an argument of torch's call, is known."""

    takes_indices = True  # the second input is the second output of a max pool: see Network

    def __init__(self, unpool: nn.Module, output_size: list[int] | None) -> None:
        super().__init__()
        self.unpool, self.output_size = unpool, output_size

    def forward(self, x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return self.unpool(x, indices, self.output_size)  # type: ignore[no-any-return]


@builds("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")
def max_unpool(layer: Any, x: Shape, found: Shape) -> nn.Module:
    given = arguments(layer)
    stated = given.pop("output_size")
    return _Unpool(getattr(nn, layer.namesake)(**given), None if stated is None else list(layer.axes("output_size")))


@feeds("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d")
def places(layer: Any, place: int, shape: tuple[int, ...], generator: torch.Generator, inputs: Any) -> torch.Tensor:
    """The numbers, and a legal place for each: the first of its window that lies in the output."""
    if place == 0:
        return torch.rand(shape, generator=generator, dtype=torch.double) * 2 - 1
    indices = torch.zeros((), dtype=torch.long)
    outputs = layer.output_shape(*inputs)[1:]
    for length, stride, longest in zip(shape[-len(outputs) :], layer.axes("stride"), outputs):
        indices = indices[..., None] * longest + (torch.arange(length) * stride).clamp(max=max(longest - 1, 0))
    return indices.expand(shape).contiguous()


class _Global(nn.Module):
    """The mean or the maximum over every axis behind the channels."""

    def __init__(self, pool: Any, keepdim: bool) -> None:
        super().__init__()
        self.pool, self.keepdim = pool, keepdim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() < 3:
            raise ValueError("there is no axis behind the channels")
        return self.pool(x, dim=tuple(range(2, x.dim())), keepdim=self.keepdim)  # type: ignore[no-any-return]


@builds("GlobalAvgPool")
def global_average_pool(layer: Any, x: Shape) -> nn.Module:
    return _Global(torch.mean, layer.keepdim)


@builds("GlobalMaxPool")
def global_max_pool(layer: Any, x: Shape) -> nn.Module:
    return _Global(torch.amax, layer.keepdim)


class BlurPool(nn.Module):
    """Zhang's anti-aliased pooling (antialiased-cnns), over any axes: a depthwise binomial filter with a stride."""

    fixed_buffers = True
    filt: torch.Tensor

    def __init__(self, rank: int, channels: int, filt_size: int, stride: int, pad_type: str) -> None:
        super().__init__()
        row = torch.tensor([comb(filt_size - 1, i) for i in range(filt_size)], dtype=torch.double)
        filt = row
        for _ in range(rank - 1):
            filt = filt[..., None] * row
        filt = filt / 2 ** (rank * (filt_size - 1))
        self.register_buffer("filt", filt.repeat(channels, 1, *[1] * rank))
        self.pads = [(filt_size - 1) // 2, filt_size // 2] * rank
        self.mode = "constant" if pad_type == "zero" else pad_type
        self.stride = stride
        self.convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x, self.pads, self.mode)
        return self.convolve(padded, self.filt, stride=self.stride, groups=len(self.filt))


@builds("BlurPool1d", "BlurPool2d", "BlurPool3d")
def blur_pool(layer: Any, x: Shape) -> nn.Module:
    return BlurPool(layer.rank, **arguments(layer))
