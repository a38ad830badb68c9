"""Random configurations of a layer kind, legal and illegal, drawn from what its class states."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from netcalc.errors import SpecError
from netcalc.layers.base import Applied, Layer, Shape


class Sample(NamedTuple):
    """One configuration: the layer (None where its very arguments were refused), its inputs, and what came of it."""

    arguments: dict[str, Any]
    inputs: tuple[Shape, ...]
    applied: Applied | None
    error: SpecError | None


def draw(kind: type[Layer], rng: random.Random) -> Sample:
    """One random configuration of ``kind``."""
    inputs = rng.choice(kind.trial_inputs)
    arguments: dict[str, Any] = {}
    for name, argument in kind.arguments.items():
        if argument.axis is not None:
            if rng.random() < 0.15:  # state what could be inferred: right, or off by one
                length = inputs[0][argument.axis] if -len(inputs[0]) <= argument.axis < len(inputs[0]) else 1
                arguments[name] = length + rng.choice((0, 0, 1))
            continue
        if not argument.tries:
            continue
        if argument.type == "sizes" and (kind.rank or 1) > 1 and rng.random() < 0.35:
            entries = [value for value in argument.tries if not isinstance(value, (str, tuple)) and value is not None]
            arguments[name] = tuple(rng.choice(entries) for _ in range(kind.rank or 1))
        elif _default(kind, name) is _MISSING or rng.random() < 0.6:
            arguments[name] = rng.choice(argument.tries)
    try:
        layer = kind(**arguments)
        return Sample(arguments, inputs, Applied(layer, inputs), None)
    except SpecError as error:
        return Sample(arguments, inputs, None, error)


_MISSING = object()


def _default(kind: type[Layer], name: str) -> Any:
    from netcalc.layers.base import REQUIRED

    default = getattr(kind, name, REQUIRED)
    return _MISSING if default is REQUIRED else default


def samples(kind: type[Layer], count: int, seed: int = 0) -> list[Sample]:
    """``count`` seeded random configurations, a quarter of them illegal where the kind has illegal ones."""
    rng = random.Random(f"{kind.__name__} {seed}")
    legal: list[Sample] = []
    illegal: list[Sample] = []
    for _ in range(20 * count):
        sample = draw(kind, rng)
        (legal if sample.applied is not None else illegal).append(sample)
        if len(legal) >= count - count // 4 and len(illegal) >= count // 4:
            break
    bad = illegal[: max(count // 4, count - len(legal))]
    return legal[: count - len(bad)] + bad
