"""A size: a plain ``int``, or a formula over integer letters.

>>> H, W = symbol("H"), symbol("W")
>>> print(text((H + 2 * 3 - 7) // 2 + 1))            # conv k7 s2 p3
⌊(H+1)/2⌋
>>> print(text(2 * H * W + H * H))
H² + 2·H·W

Layer rules are written once, with ``+ - * //``, `minimum`, `maximum`, `product` and `total`; they then
serve ints (exact and fast), letters (formulas) and NumPy arrays (sweeps) alike.

A formula (`Expr`) is a polynomial with integer coefficients, kept expanded. Its indeterminates are *atoms*:
letters, floor quotients and minima or maxima. Atoms are interned (one object for each), so a formula is a
dictionary ``{(atom, atom, ...): coefficient}`` and two formulas are equal when their dictionaries are.
A letter declared a multiple of m is held as m times an atom, which makes H // m exact without fractions; so is one
that is 4 less than a multiple of 16 (H = 16·h - 4), and a multiple of letters (C = G·c). Written is what they name.

Equality ``==`` compares the canonical form. It never calls unequal formulas equal, and it knows the laws
of +, -, *, of nested floors, of quotients that are always exact, as T·(T+1)/2 is, and of sums of floors ⌊(x+j)/q⌋
of one size x by numbers q (see :mod:`~netcalc.dims.wholes`): C·⌊H/2⌋ + C·⌊(H+1)/2⌋ is C·H, H - ⌊H/2⌋ is ⌊(H+1)/2⌋.
Whether two formulas of these atoms are equal for all letters cannot be decided in general (min(1, p²) is 1
where the polynomial p has no root in whole numbers), so there are equal ones that differ; ask `holds` for a proof:

- floors of a multiple of the size beside those of the size, ⌊2H/5⌋ = ⌊H/5⌋ + ⌊(H+2)/5⌋; those whose divisors have
  a least common multiple beyond 1024 (120 where several primes are entangled, as in 6, 10 and 14); floors of sums of
  letters that agree modulo a few of their divisors only, or that hold floors; quotients by a letter;
- products of floors: of one size (a remainder modulo 2 is its own square), and of two, added up in another order;
- minima and maxima that only a case distinction would settle, but for the sum of the two of the same two sizes.

One idea a module, each importing those before it only (what `algebra` needs of those after it is said there):

- :mod:`~netcalc.dims.polynomials`: sums, products, division and factors of dictionaries of terms;
- :mod:`~netcalc.dims.algebra`: atoms, letters, `Expr` and its operators;
- :mod:`~netcalc.dims.wholes`: sums of floors, and of a minimum and a maximum, in one form;
- :mod:`~netcalc.dims.printing`: the texts, plain and factored, ASCII, Unicode and LaTeX;
- :mod:`~netcalc.dims.intervals`: the least and greatest value;
- :mod:`~netcalc.dims.extremes`: minima and maxima;
- :mod:`~netcalc.dims.replacing`: a formula worked out anew with other atoms, or numbers for them;
- :mod:`~netcalc.dims.proofs`: whether a relation holds always, and remainders;
- :mod:`~netcalc.dims.values`: letters given sizes, ints and arrays, their declarations held; and SymPy;
- :mod:`~netcalc.dims.quotients`: ⌊a / b⌋;
- :mod:`~netcalc.dims.growth`: degrees, leading coefficients and ratios.
"""

from netcalc.dims.algebra import Dim, Expr, product, symbol, symbols, total
from netcalc.dims.extremes import maximum, minimum
from netcalc.dims.growth import degree, leading, ratio
from netcalc.dims.intervals import bounds
from netcalc.dims.printing import ascii_text, factored_latex, factored_text, latex, python, text
from netcalc.dims.proofs import holds
from netcalc.dims.quotients import ceildiv
from netcalc.dims.values import evaluate, substitute, to_sympy

__all__ = [
    "Dim", "Expr", "ascii_text", "bounds", "ceildiv", "degree", "evaluate", "factored_latex", "factored_text",
    "holds", "latex", "leading", "maximum", "minimum", "product", "python", "ratio", "substitute", "symbol",
    "symbols", "text", "to_sympy", "total",
]  # fmt: skip
