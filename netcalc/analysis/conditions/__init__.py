"""What must hold of the letters: every open comparison of every layer, simplified, merged and minimal.

>>> from netcalc.spec import elaborate
>>> text = "1xHxW -> conv 1 k3 p1 as top -> maxpool 2 -> maxpool 2 -> upsample scale_factor=4 -> concat top"
>>> for found in conditions_of(elaborate(text)):
...     print(found, "by", *found.layers)
H divisible by 4 by concat1
W divisible by 4 by concat1

How: a comparison that speaks of one letter alone is decided for all its values, where it is a polynomial in the letter
and in floors with numbers below. One that only grows holds from a threshold on, and that is found by bisection. Any
other repeats with a period P (the least common multiple of what stands below the floors), so that along each remainder
x = P·t + r it is a polynomial in t: where it is at least 0 is told from its turning points, and these from those of its
differences. Where a size divides another, the rest of dividing one polynomial by the other is in the end less than the
divisor: the values before that are tried. So each holds on a few ranges of each remainder, and so does what several of
them have in common; from the ranges of one full period the simplest words are read: a bound, a divisor, a value.
Nothing is guessed.

Comparisons of several letters are tidied, quotients that stand alone multiplied out: ⌊A/B⌋ ≥ 2 is A ≥ 2·B. Letters of
one value are put into them, and so is a letter that an equality states by the others, until nothing changes: what is on
one letter then is solved with that letter's others. Two that say the reverse of one another are an equality. One that
each letter's remainders decide, case by case, is what it says of these.

At last, one at a time, what is proved by those that are left is left out: by a multiple of one of them or two added
(with multiples put in, whole quotients at least 1), by a product that is greater than 0 of a factor that is at least 0,
by divisors of divisors, for each of the few values of a letter; or since the others fail where it does.

One idea a module, each importing those before it only:

- :mod:`~netcalc.analysis.conditions.ranges`: ranges of numbers, what two have in common, bisection;
- :mod:`~netcalc.analysis.conditions.polynomials`: where a polynomial is at least 0, and where one divides another;
- :mod:`~netcalc.analysis.conditions.sizes`: values, period and growth of a size of one letter;
- :mod:`~netcalc.analysis.conditions.comparisons`: what is compared, values put in, the tidiest form and its words;
- :mod:`~netcalc.analysis.conditions.solving`: the values of its only letter for which a comparison holds;
- :mod:`~netcalc.analysis.conditions.requirements`: what is reported: words, letters, layers, a test;
- :mod:`~netcalc.analysis.conditions.domains`: what all comparisons of one letter have in common, in words;
- :mod:`~netcalc.analysis.conditions.narrowing`: what is known of letters declared of them;
- :mod:`~netcalc.analysis.conditions.implications`: whether a comparison follows from others;
- :mod:`~netcalc.analysis.conditions.systems`: all comparisons together, simplified and minimal;
- :mod:`~netcalc.analysis.conditions.networks`: those of a network, decided, declared, or demanded to be closed.
"""

from netcalc.analysis.conditions.networks import (
    conditions_of,
    decided,
    declarations_of,
    letters_of,
    on_domain,
    requirements_of,
    strict,
)
from netcalc.analysis.conditions.requirements import Requirement
from netcalc.analysis.conditions.systems import simplified

__all__ = [
    "Requirement", "conditions_of", "decided", "declarations_of", "letters_of", "on_domain", "requirements_of",
    "simplified", "strict",
]  # fmt: skip
