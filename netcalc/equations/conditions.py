"""The conditions of a function by cases: comparisons, and whether cases leave something out."""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import Any, Callable, Iterator, Sequence

from netcalc.equations.exact import ONE, ZERO, Value
from netcalc.equations.exact import text as number_text
from netcalc.equations.syntax import SIGN_OF, Apply, Expression, Number, text

RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "ge": lambda a, b: a > b or a == b, "lt": operator.lt, "le": lambda a, b: a < b or a == b,
}  # fmt: skip
COMPARISONS = {sign: kind for kind, sign in SIGN_OF.items()}
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}


def is_condition(expression: Expression) -> bool:
    """A comparison, or conditions multiplied: both hold."""
    if not isinstance(expression, Apply):
        return False
    return (
        expression.operation in RELATIONS
        or expression.operation == "mul"
        and all(map(is_condition, expression.arguments))
    )


def gap(conditions: Sequence[Expression]) -> str:
    """What no condition covers, in words, or an empty text; what cannot be told is said to be.

    >>> from netcalc.equations.parser import parse
    >>> def gap_of(*written):
    ...     return gap([parse(f"y = [{one}]")[0].expression for one in written])
    >>> gap_of("x > 0", "x < 0"), gap_of("|r| <= a", "|r| > a"), gap_of("x < -1", "-1 <= x < 1", "x > 1")
    ('x = 0', '', 'x = 1')
    >>> gap_of("x > a", "x < b")
    'perhaps something, which cannot be seen from the conditions'
    """
    each = [part for condition in conditions for part in _comparisons(condition)]
    pairs = {frozenset((text(part.arguments[0]), text(part.arguments[1]))) for part in each}
    variables = {text(side) for part in each for side in part.arguments if _number(side) is None}
    levels = sorted(
        {value for part in each for side in part.arguments if (value := _number(side)) is not None}, key=float
    )
    if len(variables) == 1 and levels:
        name, against = variables.pop(), ""
    elif len(pairs) == 1 and len(variables) == 2:  # |r| ≤ δ, |r| > δ: only the sign of the difference counts
        name, against, levels = text(each[0].arguments[0]), text(each[0].arguments[1]), [ZERO]
    else:
        return "perhaps something, which cannot be seen from the conditions"
    for point, words in _points(levels):
        if not any(_holds(condition, name, point, against) for condition in conditions):
            return f"{name} {words}" if not against else f"{name} {words[0]} {against}"
    return ""


def _points(levels: Sequence[Value]) -> Iterator[tuple[Value, str]]:
    """A point of every part into which the levels divide the line, and the part in words."""
    first, last = levels[0], levels[-1]
    yield from ((level, f"= {number_text(level)}") for level in levels)
    yield first - ONE, f"< {number_text(first)}"
    yield last + ONE, f"> {number_text(last)}"
    for low, high in pairwise(levels):
        yield (low + high) / 2, f"between {number_text(low)} and {number_text(high)}"


def _comparisons(condition: Expression) -> Iterator[Apply]:
    assert isinstance(condition, Apply)
    if condition.operation in RELATIONS:
        yield condition
    else:
        for part in condition.arguments:
            yield from _comparisons(part)


def _number(side: Expression) -> Value | None:
    if isinstance(side, Apply) and side.operation == "neg" and isinstance(side.arguments[0], Number):
        return -side.arguments[0].value
    return side.value if isinstance(side, Number) else None


def _holds(condition: Expression, name: str, point: Value, against: str) -> bool:
    """Does it hold where ``name`` (less ``against``) is the point?"""

    def value(side: Expression) -> Value:
        number = _number(side)
        return number if number is not None else point if text(side) == name else ZERO

    return all(RELATIONS[part.operation](*map(value, part.arguments)) for part in _comparisons(condition))


def usual(expression: Apply) -> tuple[str, Expression] | None:
    """The function that a comparison or a choice with 0 is another spelling of, and its argument.

    >>> from netcalc.equations.parser import parse
    >>> written = ("[x > 0]", "where(x > 0, x, 0)", "where(x <= 0, 0, x)")
    >>> [usual(parse(f"y = {one}")[0].expression)[0] for one in written]
    ['step', 'relu', 'relu']
    """
    condition = expression.arguments[0] if expression.operation == "where" else expression
    if not isinstance(condition, Apply) or condition.operation not in RELATIONS:
        return None
    kind, (left, right) = condition.operation, condition.arguments
    if _number(left) == 0:
        kind, left, right = _MIRRORED[kind], right, left
    if _number(right) != 0 or _number(left) is not None:
        return None
    if expression.operation != "where":
        return ("step", left) if kind == "gt" else None
    then, other = expression.arguments[1:] if kind in ("gt", "ge") else expression.arguments[:0:-1]
    if text(then) == text(left) and _number(other) == 0:
        return "relu", left
    return ("step", left) if kind in ("gt", "le") and _number(then) == 1 and _number(other) == 0 else None
