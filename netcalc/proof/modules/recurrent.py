"""Recurrent layers as torch modules of batched inputs, one tensor an input."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from netcalc.proof.modules import arguments, builds


def of_states(kind: type[nn.RNNBase]) -> type[nn.RNNBase]:
    """``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` that takes each initial state as an input of its own, the batch first."""

    class Recurrent(kind):  # type: ignore[valid-type, misc]
        def forward(self, x: Tensor, *states: Tensor) -> Any:
            if any(state.dim() != x.dim() for state in states):
                raise RuntimeError("a state must have as many axes as the input")
            swapped = tuple(state.transpose(0, 1).contiguous() for state in states)
            return super().forward(x, *((swapped,) if kind is nn.LSTM and swapped else swapped))

    return Recurrent


@builds("RNN", "LSTM", "GRU")
def recurrent(layer: Any, *inputs: Any) -> nn.Module:
    module: nn.Module = of_states(getattr(nn, layer.namesake))(**{**arguments(layer), "batch_first": True})
    return module


class LongShortTermCell(nn.LSTMCell):
    """``nn.LSTMCell`` that takes its two states as two inputs."""

    def forward(self, x: Tensor, *states: Tensor) -> Any:  # type: ignore[override, unused-ignore]
        return super().forward(x, states or None)  # type: ignore[arg-type]


@builds("LSTMCell")
def lstm_cell(layer: Any, *inputs: Any) -> nn.Module:
    return LongShortTermCell(**arguments(layer))
