"""Recurrent layers as torch modules of batched inputs, one tensor an input."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from netcalc.proof.modules import arguments, builds


@builds("RNN", "LSTM", "GRU")
def recurrent(layer: Any, *inputs: Any) -> nn.Module:
    module: nn.Module = getattr(nn, layer.namesake)(**{**arguments(layer), "batch_first": True})
    return module


class LongShortTermCell(nn.LSTMCell):
    """``nn.LSTMCell`` that takes its two states as two inputs."""

    def forward(self, x: Tensor, *states: Tensor) -> Any:  # type: ignore[override, unused-ignore]
        return super().forward(x, states or None)  # type: ignore[arg-type]


@builds("LSTMCell")
def lstm_cell(layer: Any, *inputs: Any) -> nn.Module:
    return LongShortTermCell(**arguments(layer))
