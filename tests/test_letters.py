"""How many kinds take letters for their inputs; that the figures are right is proved in test_letters_proof."""

import random

from sampling import draw

from netcalc.dims import symbol
from netcalc.errors import SpecError
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied


def open_inputs(inputs, values, rng):
    """The sizes of the inputs as letters; equal ones of several inputs as the same letter, or they could not meet.

    Where several inputs meet a letter is at least 2: an axis of 1 is stretched to the other's, and stays a number.
    """
    letters, found = {}, []
    least = 2 if len(inputs) > 1 else 1
    for shape in inputs:
        sizes = []
        for axis, size in enumerate(shape):
            name = f"A{axis}_{size}"
            if size > 1 or len(inputs) == 1:
                values[name] = size
            sizes.append(size if size == 1 and len(inputs) > 1 else letters.setdefault(name, symbol(name, lower=least)))
        found.append(tuple(sizes))
    return tuple(found)


def test_most_kinds_take_letters():
    """Few kinds want numbers for every input."""
    refusing = []
    for name, kind in all_kinds().items():
        if not kind.trial_inputs:
            continue
        rng = random.Random(f"refuse {name}")
        for _ in range(40):
            sample = draw(kind, rng)
            if sample.applied is None:
                continue
            try:
                Applied(kind(**sample.arguments), open_inputs(sample.inputs, {}, rng))
                break
            except (SpecError, TypeError, ValueError, ArithmeticError, NotImplementedError, OverflowError):
                continue
        else:
            refusing.append(name)
    assert len(refusing) <= 12, refusing
