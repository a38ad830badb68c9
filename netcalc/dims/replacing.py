"""A formula worked out anew with something else for its atoms: other sizes, or numbers and arrays.

What is put in is not checked against what the letters declare: `substitute` and `evaluate`, in
:mod:`~netcalc.dims.values`, do that.
"""

from __future__ import annotations

from netcalc.dims.algebra import Expr, Extreme, Floor, expr_of
from netcalc.dims.extremes import extremum
from netcalc.dims.printing import ascii_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from netcalc.dims.algebra import Atom, Dim


def replaced(dim: Dim, values: dict[Atom, Dim]) -> Dim:
    """A size with atoms replaced; ``values`` also remembers what became of the atoms met."""
    if not isinstance(dim, Expr):
        return dim
    result: Dim = 0
    for m, c in dim._terms.items():
        part: Dim = c
        for atom in m:
            value = values.get(atom)
            if value is None:
                if isinstance(atom, Floor):
                    value = replaced(atom.numerator, values) // replaced(atom.denominator, values)
                elif isinstance(atom, Extreme):
                    value = extremum(atom.which, [replaced(arg, values) for arg in atom.args])
                else:
                    value = expr_of({(atom,): 1})
                values[atom] = value
            part = part * value
        result = result + part
    return result


def valued(dim: Dim, values: dict[Atom, Any]) -> Any:
    if not isinstance(dim, Expr):
        return dim
    result: Any = 0
    for m, c in dim._terms.items():
        part: Any = c
        for atom in m:
            value = values.get(atom)
            if value is None:
                if isinstance(atom, Floor):
                    divisor = valued(atom.denominator, values)
                    if hasattr(divisor, "dtype") and not (divisor != 0).all():
                        raise ZeroDivisionError(ascii_text(atom.denominator))
                    value = valued(atom.numerator, values) // divisor
                elif isinstance(atom, Extreme):
                    value = extremum(atom.which, [valued(arg, values) for arg in atom.args])
                values[atom] = value
            part = part * value
        result = result + part
    return result
