"""Text → syntax with spans → Graph. See :mod:`netcalc.spec.parser` for the grammar."""

from netcalc.spec.elaborate import elaborate
from netcalc.spec.mlp import mlp_spec

__all__ = ["elaborate", "mlp_spec"]
