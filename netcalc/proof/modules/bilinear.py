"""torch.nn.Bilinear, so that its multiply-accumulates can be seen."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from netcalc.proof.modules import arguments, builds


class Bilinear(nn.Bilinear):
    """torch.nn.Bilinear; on the meta device as the two matrix products that it is.

    FlopCounterMode has no formula for torch's bilinear and would count nothing.
    """

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        if not input1.is_meta:
            return super().forward(input1, input2)
        rows = self.weight.flatten(0, 1) @ input2.unsqueeze(-1)
        y: Tensor = rows.reshape(*input1.shape[:-1], *self.weight.shape[:2]) @ input1.unsqueeze(-1)
        y = y.squeeze(-1)
        return y if self.bias is None else y + self.bias


@builds("Bilinear")
def bilinear(layer: Any, *inputs: Any) -> nn.Module:
    return Bilinear(**arguments(layer))
