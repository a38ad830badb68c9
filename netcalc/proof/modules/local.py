"""Locally connected layers, which torch.nn does not have."""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any

import torch

from netcalc.layers.base import Shape
from netcalc.layers.local import LocallyConnected1d, LocallyConnected2d
from netcalc.proof.modules import builds


class LocallyConnected(torch.nn.Module):
    """Unshared weights: at every position its own matrix, applied to that position's window."""

    def __init__(
        self,
        channels: tuple[int, int],
        input_size: tuple[int, ...],
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        bias: bool,
    ) -> None:
        super().__init__()
        if min(*channels, *kernel_size, *stride) < 1 or min(padding) < 0 or len(input_size) != len(kernel_size):
            raise ValueError("sizes must be positive, padding not negative, input_size one an axis")
        self.channels, self.input_size, self.kernel_size = channels, input_size, kernel_size
        self.stride, self.padding = stride, padding
        axes = zip(input_size, kernel_size, stride, padding)
        positions = [len(range(0, n + 2 * p - k + 1, s)) for n, k, s, p in axes]
        if min(positions) < 1:
            raise ValueError("the window does not fit into the padded input")
        self.weight = torch.nn.Parameter(torch.empty(*positions, channels[1], channels[0], *kernel_size))
        self.bias = torch.nn.Parameter(torch.empty(*positions, channels[1])) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if tuple(x.shape[1:]) != (self.channels[0], *self.input_size):
            raise ValueError(f"the input is {tuple(x.shape[1:])}, expected {(self.channels[0], *self.input_size)}")
        rank = len(self.input_size)
        windows = torch.nn.functional.pad(x, list(chain.from_iterable((p, p) for p in reversed(self.padding))))
        for axis, (k, s) in enumerate(zip(self.kernel_size, self.stride), 2):
            windows = windows.unfold(axis, k, s)  # batch, channels, *positions, *kernel
        positions = windows.shape[2 : 2 + rank]
        columns = windows.movedim(1, 1 + rank).reshape(len(x), prod(positions), -1)
        matrices = self.weight.reshape(prod(positions), self.channels[1], -1)
        products = torch.bmm(columns.transpose(0, 1), matrices.transpose(1, 2))  # position, batch, output
        y = products.permute(1, 2, 0).reshape(len(x), self.channels[1], *positions)
        return y if self.bias is None else y + self.bias.movedim(-1, 0)


@builds("LocallyConnected1d", "LocallyConnected2d")
def locally_connected(layer: LocallyConnected1d | LocallyConnected2d, *inputs: Shape) -> torch.nn.Module:
    sizes: Any = (layer.lengths, *map(layer.axes, ("kernel_size", "stride", "padding")), layer.bias)
    return LocallyConnected((layer.in_channels, layer.out_channels), *sizes)  # type: ignore[arg-type]
