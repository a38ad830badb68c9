"""Sizes: every formula is compared with what Python's own integers say.

A random *recipe* (a tree of operations) is carried out twice, with letters by ``dims`` and with numbers by
plain Python; SymPy is a second oracle, and planted mistakes show that the comparison notices.
"""

from __future__ import annotations

import ast
import copy
import itertools
import math
import pickle
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netcalc import dims
from netcalc.dims import (
    Expr,
    ascii_text,
    bounds,
    ceildiv,
    degree,
    evaluate,
    extremes,
    factored_latex,
    factored_text,
    holds,
    intervals,
    latex,
    leading,
    maximum,
    minimum,
    product,
    proofs,
    quotients,
    substitute,
    symbol,
    symbols,
    text,
    to_sympy,
    total,
)
from netcalc.dims.algebra import Floor, Symbol, expr_of, floor_atom, terms_of
from netcalc.dims.printing import ASCII

NAMES = ("C", "H", "W")
C, H, W = LETTERS = tuple(symbol(name) for name in NAMES)
RELATIONS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "divisible by": lambda a, b: a % b == 0 if b else a == 0,
}
quick = settings(max_examples=200, deadline=None, derandomize=True)
slow = settings(max_examples=40, deadline=None, derandomize=True)


# --------------------------------------------------------------------------------------------- recipes


def _steps(inner):
    small = st.integers(1, 6)
    return st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.sampled_from(("min", "max")), inner, inner),
        st.tuples(st.sampled_from(("//", "%", "ceil")), inner, small),
        st.tuples(st.just("//"), inner, st.sampled_from((-3, -2, *NAMES, ("+", "W", 2), ("*", 2, "H")))),
    )


linear = st.tuples(st.tuples(*[st.integers(-5, 5)] * 3), st.integers(-20, 20))
recipes = st.recursive(st.one_of(st.sampled_from(NAMES), st.integers(-9, 9)), _steps, max_leaves=7)
polynomials = st.recursive(
    st.one_of(st.sampled_from(NAMES), st.integers(-9, 9)),
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner),
    max_leaves=12,
)
points = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def cook(recipe, env, least=min, most=max):
    """Carry a recipe out with whatever ``env`` gives for the letters."""
    if isinstance(recipe, int):
        return recipe
    if isinstance(recipe, str):
        return env[recipe]
    op, a, b = recipe
    a, b = cook(a, env, least, most), cook(b, env, least, most)
    if op == "ceil":
        return -(-a // b)
    return {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "//": lambda: a // b,
        "%": lambda: a % b,
        "min": lambda: least(a, b),
        "max": lambda: most(a, b),
    }[op]()


def symbolic(recipe, letters=LETTERS):
    return cook(recipe, dict(zip(NAMES, letters, strict=True)), minimum, maximum)


def form(coefficients):
    (c, h, w), constant = coefficients
    return c * C + h * H + w * W + constant


def assert_agrees(recipe, point):
    assert evaluate(symbolic(recipe), point) == cook(recipe, point)


FOLDING = [  # recipes in which every folding rule has work to do
    ("//", ("+", ("//", ("+", "H", 1), 2), 1), 3),
    ("//", ("-", ("//", "H", 2), 3), 4),
    ("//", ("-", 5, ("//", "H", 3)), 2),
    ("ceil", ("-", "W", "H"), 5),
    ("//", ("+", ("*", 6, "H"), 3), 4),
    ("//", ("+", ("//", "H", "W"), "C"), 3),
    ("max", ("+", "H", 3), ("-", 9, "W")),
]


# ------------------------------------------------------------------------------------ agreement with ints


@quick
@given(recipes, st.lists(points, min_size=3, max_size=3))
def test_formula_equals_integers(recipe, at):
    for point in at:
        assert_agrees(recipe, point)


@pytest.mark.parametrize("recipe", FOLDING, ids=str)
def test_folding_equals_integers_everywhere(recipe):
    for values in itertools.product(range(1, 14), repeat=3):
        assert_agrees(recipe, dict(zip(NAMES, values, strict=True)))


@quick
@given(recipes, points, st.sets(st.sampled_from(NAMES)))
def test_substitute_then_evaluate(recipe, point, chosen):
    dim = symbolic(recipe)
    partly = substitute(dim, {name: point[name] for name in chosen})
    assert not chosen & set(symbols(partly))
    assert evaluate(partly, point) == evaluate(dim, point)
    assert substitute(dim, point) == evaluate(dim, point)
    assert isinstance(substitute(dim, point), int)


@quick
@given(recipes, recipes, points)
def test_substitute_formula(recipe, inner, point):
    dim, inner = symbolic(recipe), maximum(symbolic(inner), 1)
    changed = substitute(dim, {"H": inner})
    assert evaluate(changed, point) == evaluate(dim, {**point, "H": evaluate(inner, point)})


@quick
@given(polynomials, points)
def test_substituting_early_gives_the_same_polynomial(recipe, point):
    early = cook(recipe, {**dict(zip(NAMES, LETTERS, strict=True)), "H": point["H"]}, minimum, maximum)
    assert substitute(symbolic(recipe), {"H": point["H"]}) == early


@quick
@given(recipes, st.lists(points, min_size=1, max_size=6))
def test_numpy_arrays(recipe, at):
    numpy = pytest.importorskip("numpy")
    arrays = {name: numpy.array([point[name] for point in at]) for name in NAMES}
    values = evaluate(symbolic(recipe), arrays)
    assert list(numpy.broadcast_to(values, len(at))) == [cook(recipe, point) for point in at]


def test_numpy_does_not_overflow():
    numpy = pytest.importorskip("numpy")
    sides = numpy.array([10, 10**6], dtype=numpy.int32)
    assert evaluate(H**4 // 3 - H, {"H": sides}).tolist() == [10**4 // 3 - 10, 10**24 // 3 - 10**6]
    assert evaluate(200 * H, {"H": numpy.array([2, 200], dtype=numpy.uint8)}).tolist() == [400, 40000]
    assert evaluate(H - 200, {"H": numpy.array([3], dtype=numpy.uint8)}).tolist() == [-197]


def test_helpers_take_arrays():
    numpy = pytest.importorskip("numpy")
    a, b = numpy.array([1, 5, 9]), numpy.array([4, 4, 4])
    assert minimum(a, b, 3).tolist() == [1, 3, 3]
    assert maximum(2, a, b).tolist() == [4, 5, 9]
    assert ceildiv(a, 4).tolist() == [1, 2, 3]
    assert product([a, b, 2]).tolist() == [8, 40, 72]
    assert total([a, b, 2]).tolist() == [7, 11, 15]
    assert H * numpy.int64(3) == 3 * H == numpy.int64(3) * H
    with pytest.raises(TypeError):
        a * H


# ----------------------------------------------------------------------------------------- SymPy's word


@slow
@given(recipes, points)
def test_sympy_agrees_at_points(recipe, point):
    sympy = pytest.importorskip("sympy")
    converted = to_sympy(symbolic(recipe))
    letters = {letter: point[str(letter)] for letter in sympy.sympify(converted).free_symbols}
    assert sympy.sympify(converted).subs(letters) == cook(recipe, point)


@slow
@given(polynomials)
def test_sympy_agrees_on_polynomials(recipe):
    sympy = pytest.importorskip("sympy")
    letters = {name: sympy.Symbol(name, integer=True, positive=True) for name in NAMES}
    dim = symbolic(recipe)
    assert sympy.expand(to_sympy(dim) - cook(recipe, letters)) == 0
    assert sympy.expand(sympy.sympify(ascii_text(dim), locals=letters) - cook(recipe, letters)) == 0


def test_sympy_symbols_carry_what_is_declared():
    pytest.importorskip("sympy")
    (letter,) = to_sympy(H).free_symbols
    assert letter.is_integer and letter.is_positive
    (letter,) = to_sympy(symbol("k", lower=0)).free_symbols
    assert letter.is_nonnegative and letter.is_positive is None
    (letter,) = to_sympy(symbol("k", lower=None)).free_symbols
    assert letter.is_nonnegative is None
    assert str(to_sympy(symbol("H", multiple_of=32) // 32)) == "H/32"


# --------------------------------------------------------------------------------------- canonical form


@quick
@given(recipes, recipes, recipes)
def test_laws_of_arithmetic(a, b, c):
    a, b, c = symbolic(a), symbolic(b), symbolic(c)
    for left, right in (
        (a + b, b + a),
        (a * b, b * a),
        ((a + b) + c, a + (b + c)),
        ((a * b) * c, a * (b * c)),
        (a * (b + c), a * b + a * c),
        (a - b, -(b - a)),
        (a + b - b, a),
        (minimum(a, b), minimum(b, a)),
        (maximum(a, a), a),
    ):
        assert left == right
        assert hash(left) == hash(right)
        assert text(left) == text(right)


@quick
@given(linear, st.integers(1, 9), st.integers(-30, 30), st.integers(1, 9))
def test_nested_floors_fold(x, a, b, c):
    x = form(x)
    folded = (x + a * b) // (a * c)
    assert (x // a + b) // c == folded
    left, right = (b + W - x // a) // c, (a * (b + W + 1) - 1 - x) // (a * c)
    assert left == right or holds(left, "==", right)
    assert text((x // a + b) // c) == text(folded)


@quick
@given(linear, linear, st.integers(1, 9), st.integers(1, 5))
def test_floors_give_up_whole_parts_and_common_divisors(x, y, q, g):
    x, y = form(x), form(y)
    assert (x * q + q // 2) // q == x
    assert (g * x) // (g * q) == x // q
    assert (g * x + g - 1) // (g * q) == x // q
    assert x // -q == -x // q
    if any(c % 2 for m, c in terms_of(x).items() if m) or q != 2:
        assert (x + q * y) // q == x // q + y or holds((x + q * y) // q, "==", x // q + y)


@quick
@given(linear, st.integers(1, 9))
def test_ceilings_are_floors(x, q):
    x = form(x)
    assert holds(ceildiv(x, q), "==", (x + q - 1) // q) in (True, None)
    if isinstance(x, Expr) and all(c > 0 for m, c in x._terms.items() if m):
        assert ceildiv(x, q) == (x + q - 1) // q


@quick
@given(linear, linear, linear)
def test_common_parts_leave_minima_and_maxima(x, y, z):
    x, y, z = form(x), form(y), form(z)
    assert minimum(x + z, y + z) == minimum(x, y) + z or all(  # negative on both sides: turned round
        c < 0 for dim in (x, y) for m, c in terms_of(dim).items() if m
    ) or all(c < 0 for dim in (x + z, y + z) for m, c in terms_of(dim).items() if m)  # fmt: skip
    assert maximum(3 * x, 3 * y) == 3 * maximum(x, y)
    assert maximum(x, y, z) == maximum(maximum(z, x), y)
    assert minimum(x + 5, y + 5, z + 5) == minimum(x, minimum(y, z)) + 5


def test_five_strides_print_as_one_quotient():
    side = H
    for _ in range(5):
        side = (side + 2 * 1 - 3) // 2 + 1
    assert side == (H + 31) // 32
    assert text(side) == "⌊(H+31)/32⌋"
    assert ascii_text(side) == str(side) == repr(side) == f"{side}" == "(H+31)//32"
    assert substitute(side, {"H": 224}) == 7


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        ((2 * H + 1) // 2, "H"),
        ((4 * H + 6) // 4, "H + 1"),
        ((2 * H + 2) // 4, "⌊(H+1)/2⌋"),
        (-(-H // 2), "⌊(H+1)/2⌋"),
        (-(-H // 4), "⌊(H+3)/4⌋"),
        ((H - 3) // 2 + 1, "⌊(H−1)/2⌋"),
        (H // 2 + 1, "⌊H/2⌋ + 1"),
        (3 * H // 4, "⌊3·H/4⌋"),
        (8 * H // 3, "⌊8·H/3⌋"),
        (W - H // 2, "W − ⌊H/2⌋"),
        (H % 3, "H − 3·⌊H/3⌋"),
        (H // W, "⌊H/W⌋"),
        (H // (2 * W), "⌊H/(2·W)⌋"),
        (H // (W + 1), "⌊H/(W+1)⌋"),
        ((H * W + W) // W, "H + 1"),
        ((H * W + W * W) // (H + W), "W"),
        (H // (H + 1), "0"),
        (7 // H * H, "H·⌊7/H⌋"),
        (ceildiv(H, W), "⌊(H−1)/W⌋ + 1"),
        (H * H + 2 * H * W - W + 3, "H² + 2·H·W − W + 3"),
        (3 - H, "3 − H"),
        (-H, "−H"),
        (-H - W - 1, "−H − W − 1"),
        (maximum(0, H - W) + W, "max(H, W)"),
        (maximum(H, 5) + 2, "max(H, 5) + 2"),
        (minimum(H + 3, W + 5), "min(H, W + 2) + 3"),
        (-maximum(-H, -W), "min(H, W)"),
        (maximum(2 * H, 2 * W), "2·max(H, W)"),
        (maximum(H * C, W * C), "C·max(H, W)"),
        (maximum(C, H - maximum(C, W)), "max(2·C, C + W, H) − max(C, W)"),
        (maximum(H, 1), "H"),
        (maximum(H, H // 2, H - 3), "H"),
        (minimum(H, 0, 4), "0"),
        (maximum(H // 2, (H + 1) // 2), "⌊(H+1)/2⌋"),
        (12, "12"),
    ],
    ids=str,
)
def test_text(dim, expected):
    assert text(dim) == expected


whole_forms = linear.map(form).filter(lambda x: isinstance(x, Expr))


@quick
@given(whole_forms, st.integers(2, 12), st.sampled_from((1, C, W, C * W)), st.data())
def test_floors_that_make_a_whole_are_put_together(x, n, factor, data):
    """Hermite: the sum of ⌊(x+i)/n⌋ over i < n is x."""
    order = data.draw(st.permutations(range(n)))
    assert total((x + i) // n * factor for i in order) == x * factor
    some = order[: data.draw(st.integers(1, n))]
    kept = total((x + i) // n for i in some)
    rest = total((x + i) // n for i in order if i not in some)
    assert holds(kept + rest, "==", x)
    if all(n % p for p in range(2, n)):  # of a prime number of floors any part and its complement
        assert x * factor - kept * factor == rest * factor
        assert text(x - kept) == text(rest)


@quick
@given(st.sampled_from((H, H - W, H + 2 * W, H + C - W)), st.integers(1, 12), st.integers(2, 7), st.integers(-9, 9))
def test_every_mth_floor_makes_a_floor(x, m, p, j):
    """Hermite: ⌊(x+j+i·m)/(p·m)⌋ over i < p make ⌊(x+j)/m⌋."""
    assert total((x + j + i * m) // (p * m) for i in range(p)) == (x + j) // m


floors_of_one_size = st.tuples(
    st.integers(-3, 3),  # multiples of x
    st.lists(
        st.tuples(st.sampled_from((1, 1, -1, 2, 5)), st.integers(-9, 30), st.sampled_from(range(2, 13))), max_size=4
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(floors_of_one_size, floors_of_one_size, st.sampled_from((H, H - W, H + 2 * W - C)), st.sampled_from((1, C)))
def test_sums_of_floors_are_alike_exactly_where_they_are_equal(some, others, x, factor):
    """Each sum is written anew, as its steps over one full period at the period's own floors."""

    def value(form, x):
        return form[0] * x + sum(c * ((x + j) // q) for c, j, q in form[1])

    def anew(form):
        period = math.lcm(1, *[q for *_, q in form[1]])
        steps = [value(form, at + 1) - value(form, at) for at in range(period)]
        return period, value(form, 0) + total(c * ((x + period - 1 - at) // period) for at, c in enumerate(steps))

    (period, one), (other_period, other) = anew(some), anew(others)
    if max(period, other_period) > 360:
        return
    found = value(some, x) * factor
    assert found == one * factor and text(found) == text(one * factor)
    sizes = range(math.lcm(period, other_period) + 1)
    assert (one == other) is all(value(some, at) == value(others, at) for at in sizes)
    point = {"H": 35, "W": 11, "C": 6}
    assert evaluate(found, point) == value(some, evaluate(x, point)) * evaluate(factor, point)


@quick
@given(recipes, recipes, st.integers(2, 4), points)
def test_a_sum_of_floors_keeps_its_value(a, b, n, point):
    x, factor = symbolic(a), symbolic(b)
    dim = total((x + i) // n * factor * (-1) ** i for i in range(n)) - x * factor
    value, times = cook(a, point), cook(b, point)
    assert evaluate(dim, point) == sum((value + i) // n * times * (-1) ** i for i in range(n)) - value * times


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (H // 2 + (H + 1) // 2, "H"),
        (C * (H // 2) + C * ((H + 1) // 2), "C·H"),
        (H - H // 2, "⌊(H+1)/2⌋"),
        (H - (H + 1) // 2, "⌊H/2⌋"),
        (2 * H - 2 * (H // 2), "2·⌊(H+1)/2⌋"),
        (H // 4 + (H + 2) // 4, "⌊H/2⌋"),
        (H // 2 - (H + 2) // 4, "⌊H/4⌋"),
        ((H + 1) // 2 - H // 2, "H − 2·⌊H/2⌋"),  # H % 2
        (H - ceildiv(H, 3), "⌊2·H/3⌋"),
        (H // 3 + (H + 1) // 3, "⌊2·H/3⌋"),
        ((H - W) // 2 + ceildiv(H - W, 2), "H − W"),
        (total(a * b for a in (H // 2, (H + 1) // 2) for b in (W // 2, (W + 1) // 2)), "H·W"),
        ((H - H // 2) ** 2, "⌊(H+1)/2⌋²"),
        (H // 2 + (H + 3) // 4 + (H + 1) // 4, "H"),
        (H // 2 + (H + 3) // 4, "⌊(3·H+2)/4⌋"),
        (H // 2 - H // 32, "⌊H/2⌋ − ⌊H/32⌋"),
        (H // 2 + total((H + 2 * i) // 6 for i in range(3)), "2·⌊H/2⌋"),  # not by the least prime
        (H // 2 + total((H + 3 * i) // 6 for i in range(2)), "⌊H/2⌋ + ⌊H/3⌋"),
        (maximum(H, W) + minimum(H, W), "H + W"),
        (C * (H + W - maximum(H, W)), "C·min(H, W)"),
        (maximum(H, W) - minimum(H, W), "2·max(H, W) − H − W"),
        (maximum(H - H // 2, W) - maximum((H + 1) // 2, W), "0"),
    ],
    ids=str,
)
def test_floors_that_make_a_whole(dim, expected):
    assert text(dim) == expected


def test_constants_are_plain_ints():
    for dim in (H - H, H * 0, (H + 3) - H, (2 * H + 1) // 2 - H, H // (H + 1), H**0, substitute(H, {"H": 3}) * True):
        assert type(dim) is int


def test_multiples():
    side = symbol("H", multiple_of=32)
    assert side // 32 * 32 == side and text(side // 32) == "H/32"
    assert (side + 31) // 32 == side // 32
    assert text((side // 32 + 1) // 2) == "⌊(H+32)/64⌋"
    assert text(side // 16 * W + 3) == "H·W/16 + 3"
    assert side % 8 == 0 and bounds(side) == (32, None)
    assert evaluate(side // 32 + 1, {"H": 224}) == substitute(side // 32 + 1, {"H": 224}) == 8
    assert substitute(side // 32, {"H": 64 * W}) == 2 * W
    for wrong in (33, 0, W):
        with pytest.raises(ValueError, match="H is"):
            substitute(side, {"H": wrong})
    with pytest.raises(ValueError, match="multiple of 32"):
        evaluate(side, {"H": 33})


def shape_of(dim, names):
    """The structure of a formula, its letters by their position among ``names``."""
    if not isinstance(dim, Expr):
        return dim

    def atom(a):
        if isinstance(a, Symbol):
            return "letter", names.index(a.name)
        if isinstance(a, Floor):
            return "floor", shape_of(a.numerator, names), shape_of(a.denominator, names)
        return (a.which, *sorted((shape_of(arg, names) for arg in a.args), key=str))

    return frozenset((tuple(sorted(map(atom, m), key=str)), c) for m, c in dim._terms.items())


def windows(H, K, S, P):
    """What the layers' rules make of a side, a kernel, a stride and a padding."""
    yield (H - K + 2 * P) // S + 1
    yield (H - K) // S + 1
    yield ceildiv(H - K + 1, S)
    yield ceildiv(H + 2 * P - K, S) + 1
    yield (H + 2 * P - S * (K - 1) - 1) // 3 + 1
    for stride in range(1, 7):
        yield (H - K + 2 * P) // stride + 1
        yield (H - K) // stride + 1
        yield ceildiv(H - K, stride)
        yield (2 * P - 3 * K - H) // stride


@quick
@given(st.permutations("AHKPSWXZ"), st.lists(st.integers(1, 40), min_size=4, max_size=4))
def test_what_the_letters_are_called_changes_nothing(names, at):
    renamed, point = names[:4], dict(zip(names, at, strict=False))
    ours = windows(*[symbol(name) for name in renamed])
    for dim, known, value in zip(ours, windows(*[symbol(name) for name in "HKSP"]), windows(*at), strict=True):
        assert shape_of(dim, renamed) == shape_of(known, list("HKSP"))
        assert evaluate(dim, point) == value


@pytest.mark.parametrize("side", ["A", "H", "W", "Z"])
def test_a_quotient_is_written_as_the_rule_has_it(side):
    x, K, S, P = (symbol(name) for name in (side, "K", "S", "P"))
    assert text((x - K) // S + 1) == f"⌊({side}−K)/S⌋ + 1"
    written = {"A": "A−K+2·P", "H": "H−K+2·P", "W": "W−K+2·P", "Z": "Z−K+2·P"}[side]
    assert text((x - K + 2 * P) // S + 1) == f"⌊({written})/S⌋ + 1"
    assert text((x - K + 2 * P) // 3) == text(-(-(x - K + 2 * P - 2) // 3))
    assert ascii_text((x - K) // 3 * 5) == f"5*(({side}-K)//3)"


@quick
@given(linear, st.sampled_from((2, 3, 4, 6)), st.sampled_from(LETTERS))
def test_a_mirrored_quotient_is_the_same(x, q, letter):
    x = form(x)
    for divisor in (q, q * letter, letter + q):
        assert x // divisor == -((divisor - 1 - x) // divisor)
        assert x // divisor + 3 == (x + 3 * divisor) // divisor or divisor == letter + q


def test_quotients_stand_by_number():
    halves = total((H + 2**k - 1) // 2**k * (W // 2**k) for k in (5, 1, 4, 2, 3))
    assert re.findall(r"/(\d+)", text(halves)) == [str(2**k) for k in (1, 1, 2, 2, 3, 3, 4, 4, 5, 5)]
    assert text(W // 2 + H // 16 + H // 4 + (H + 9) // 16) == "⌊H/4⌋ + ⌊(H+9)/16⌋ + ⌊H/16⌋ + ⌊W/2⌋"


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (2 * ((H * H + H) // 2), H * H + H),
        (12 * (H * (H + 1) // 2) + 3, 6 * H * H + 6 * H + 3),
        ((H * H + H + 1) // 2, (H * H + H) // 2),
        ((H * H - H) // 2, (H * H + H) // 2 - H),
        ((H * H + H) // 2 + (H * H + H + 7) // 2, H * H + H + 3),
        ((H * H + H) // 2 * 3 - (H * H + H) // 2, H * H + H),
        (-((H * H + H) // 2) * 2, -H * H - H),
        ((H**3 - H) // 6 * 12 * W, 2 * H**3 * W - 2 * H * W),
        ((H * H * W + H * W + 1) // 2 * 2, H * H * W + H * W),
        ((H * (H + 1) // 2) ** 2 * 4, H**4 + 2 * H**3 + H * H),
        ((H // 2) * (H // 2 + 1) // 2 * 2, (H // 2) ** 2 + H // 2),
    ],
    ids=str,
)
def test_quotients_that_are_always_exact(dim, expected):
    assert dim == expected and text(dim) == text(expected)
    for h, w in itertools.product(range(1, 30), range(1, 9)):
        assert evaluate(dim, {"H": h, "W": w}) == evaluate(expected, {"H": h, "W": w})


def triangle(x):
    return (x * x + x) // 2


exact_recipes = st.recursive(
    st.one_of(st.sampled_from(("H", "T", "T", "6")), st.integers(-9, 9)),
    lambda inner: st.tuples(st.sampled_from("+-*"), inner, inner) | st.tuples(st.just("//"), inner, st.integers(1, 6)),
    max_leaves=9,
)


def in_triangles(recipe, h):
    """A recipe in which T is a triangular number and 6 another integer-valued polynomial."""
    return cook(recipe, {"H": h, "T": triangle(h), "6": (h**3 + 5 * h) // 6})


@quick
@given(exact_recipes, st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_exact_quotients_equal_integers(recipe, at):
    dim = in_triangles(recipe, H)
    low, high = bounds(dim)
    for h in at:
        value = in_triangles(recipe, h)
        assert evaluate(dim, {"H": h}) == substitute(dim, {"H": h}) == value
        assert eval(ascii_text(dim), {}, {"H": h}) == eval(ASCII.factored(dim), {}, {"H": h}) == value
        assert (low is None or low <= value) and (high is None or value <= high)


@quick
@given(exact_recipes, exact_recipes, st.integers(-9, 9))
def test_laws_of_arithmetic_with_one_exact_quotient(a, b, n):
    a, b = (cook(r, {"H": H, "T": triangle(H), "6": W}) for r in (a, b))
    for left, right in ((a + b, b + a), (a + b - b, a), (a - b, -(b - a)), (n * (a + b), n * a + n * b)):
        assert left == right and hash(left) == hash(right) and text(left) == text(right)


def test_declarations_of_one_letter_combine():
    from netcalc.errors import SpecError
    from netcalc.spec.elaborate import Elaborator

    def letter(*lines):
        made = Elaborator("\n".join([*lines, "3xHxH -> relu"]), "", {})
        made.network()
        return made.scope.declared["H"]

    assert letter("H % 6 == 0", "H % 4 == 0") == (1, None, 12)
    assert letter("H in 3..90", "H in 2..70", "H % 4 == 0") == (3, 70, 4)
    assert letter("H in 0..5") == letter("H in 0..5", "H in 0..9") == (0, 5, 1)
    for lines, message in (
        (("H % 0 == 0",), "cannot be a multiple of 0"),
        (("H in 3..5", "H in 6..9"), "no value is left"),
        (("H in 3..11", "H % 6 == 0", "H % 4 == 0"), "no value is left"),
    ):
        with pytest.raises(SpecError, match=message):
            letter(*lines)


# ---------------------------------------------------------------------------------------------- printing

DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def read_unicode(written):
    """Unicode text as Python over exact fractions, ⌊ ⌋ as floor."""
    written = re.sub(r"(?<=\d),(?=\d{3})", "", written)
    written = re.sub("([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda power: "**" + power[1].translate(DIGITS), written)
    for ours, pythons in (("·", "*"), ("−", "-"), ("⌊", "floor("), ("⌋", ")")):
        written = written.replace(ours, pythons)
    return written


def read_latex(written):
    for ours, pythons in (
        ("{,}", ""),
        (r"\left\lfloor", "floor("), (r"\right\rfloor", ")"), (r",\, ", ", "), (r"\,", "*"), (r"\frac{", "(("),
        ("}{", ")/("), ("^{", "**(("), ("}", "))"), (r"\min", "min"), (r"\max", "max"), (r"\left", ""), (r"\right", ""),
    ):  # fmt: skip
        written = written.replace(ours, pythons)
    return written


@quick
@given(recipes, points)
def test_texts_mean_what_they_say(recipe, point):
    dim = symbolic(recipe)
    value = evaluate(dim, point)
    letters = dict(zip(NAMES, LETTERS, strict=True))
    assert eval(ascii_text(dim), {}, dict(point)) == value
    assert eval(ASCII.factored(dim), {}, dict(point)) == value
    exact = {name: Fraction(v) for name, v in point.items()} | {"floor": math.floor, "min": min, "max": max}
    for written in (text(dim), factored_text(dim)):
        assert eval(read_unicode(written), {}, exact) == value, written
    for written in (latex(dim), factored_latex(dim)):
        assert eval(read_latex(written), {}, exact) == value, written
    assert eval(ascii_text(dim), {"min": minimum, "max": maximum}, letters) == dim or "//" in ascii_text(dim)


@quick
@given(recipes, points)
def test_texts_with_multiples(recipe, point):
    letters = symbol("C", multiple_of=4), symbol("H", multiple_of=6), W
    point = {"C": point["C"] * 4, "H": point["H"] * 6, "W": point["W"]}
    dim = symbolic(recipe, letters)
    value = cook(recipe, point)
    exact = {name: Fraction(v) for name, v in point.items()} | {"floor": math.floor}
    assert evaluate(dim, point) == value
    assert eval(ascii_text(dim), {}, dict(point)) == value
    assert eval(ASCII.factored(dim), {}, dict(point)) == value
    for written in (text(dim), factored_text(dim)):
        assert eval(read_unicode(written), {}, exact) == value, written
    for written in (latex(dim), factored_latex(dim)):
        assert eval(read_latex(written), {}, exact) == value, written


@quick
@given(
    st.lists(st.tuples(st.integers(-40, 40), st.sampled_from((1, C)), *[st.integers(-6, 9)] * 2), max_size=4), points
)
def test_products_of_shifted_floors_are_put_together(layers, point):
    f, g, h = (H + 1) // 4, (W + 1) // 4, H // 8
    dim = total(c * unit * (f - i) * (g - j) + c * (h - i) * (h - i) for c, unit, i, j in layers)
    value = evaluate(dim, point)
    assert eval(ascii_text(dim), {}, dict(point)) == value
    assert eval(ascii_text(dim), {}, {"C": C, "H": H, "W": W}) == dim
    assert eval(ASCII.factored(dim), {}, dict(point)) == value
    exact = {name: Fraction(v) for name, v in point.items()} | {"floor": math.floor}
    assert eval(read_unicode(text(dim)), {}, exact) == eval(read_latex(latex(dim)), {}, exact) == value


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (((H - W) // C + 1) * (W // C + 1), "(⌊(H−W)/C⌋ + 1)·(⌊W/C⌋ + 1)"),
        (24 * C * (H // W + 2) * (C // W - 3), "24·C·⌊C/W⌋·⌊H/W⌋ + 48·C·⌊C/W⌋ − 72·C·⌊H/W⌋ − 144·C"),
        (5 * (H // W + 1) ** 2 + 7, "5·(⌊H/W⌋ + 1)² + 7"),
        ((H // 2 + 1) * (W // 2 + 1), "(⌊H/2⌋ + 1)·(⌊W/2⌋ + 1)"),
        ((H // C - 2) * (W // C - 2) * -3, "−3·(⌊H/C⌋ − 2)·(⌊W/C⌋ − 2)"),
        (2048 * H * (W // 1000) + 1234567, "2,048·H·⌊W/1,000⌋ + 1,234,567"),
    ],
    ids=str,
)
def test_text_is_compact(dim, expected):
    assert text(dim) == expected
    assert eval(ascii_text(dim), {}, {"C": C, "H": H, "W": W}) == dim


def test_digits_are_grouped_for_people_only():
    dim = 12345 * H - 1000
    assert (text(dim), latex(dim), ascii_text(dim)) == ("12,345·H − 1,000", r"12{,}345\,H - 1{,}000", "12345*H - 1000")
    assert text(dim, grouped=False) == "12345·H − 1000"


def test_totals_of_layers_without_padding():
    f, g = (H + 1) // 4, (W + 1) // 4
    assert text(9 * (f - 4) * (g - 4) + 5) == "9·⌊(H−15)/4⌋·⌊(W−15)/4⌋ + 5"
    assert text(9 * C * (f - 4) * (g - 4) + 2 * (H // 8 - 2) * (W // 8 - 1)) == (
        "9·C·⌊(H−15)/4⌋·⌊(W−15)/4⌋ + 2·⌊(H−16)/8⌋·⌊(W−8)/8⌋"
    )
    assert text(9 * (f - 4) * (g - 4) + 2 * f * g - H) == ("2·⌊(H+1)/4⌋·⌊(W+1)/4⌋ + 9·⌊(H−15)/4⌋·⌊(W−15)/4⌋ − H")
    assert text(3 * (f - 4) * (f - 4) + f * f) == "⌊(H+1)/4⌋² + 3·⌊(H−15)/4⌋²"


@quick
@given(linear, st.integers(1, 9), st.integers(-30, 30))
def test_printed_floors_read_back_the_same(x, q, b):
    dim = form(x) // q * W + b
    assert holds(eval(ascii_text(dim), {}, dict(zip(NAMES, LETTERS, strict=True))), "==", dim) in (True, None)
    dim = (H + b) // q
    assert eval(ascii_text(dim), {}, {"H": H}) == dim


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (64 * H * W * (9 * C + 1), "64·H·W·(9·C + 1)"),
        (6 * (H - 4) * (W - 4), "6·(H − 4)·(W − 4)"),
        (((H - 5) // 2 + 1) ** 2 * (C + 1) * 3, "3·(C + 1)·⌊(H−3)/2⌋²"),
        (3 * W - 3, "3·(W − 1)"),
        (H - 5, "H − 5"),
        (-2 * H - 2 * W, "−2·(H + W)"),
        (-H - W, "−H − W"),
        (12 * H * W, "12·H·W"),
        ((5 - H) * W, "−W·(H − 5)"),
        ((5 - H) * (W - 5), "−(H − 5)·(W − 5)"),
        (2 - 1 // H, "2 − ⌊1/H⌋"),
        (0, "0"),
        (-7, "−7"),
    ],
    ids=str,
)
def test_factored_text(dim, expected):
    assert factored_text(dim) == expected


def test_latex():
    assert latex((H + 31) // 32) == r"\left\lfloor \frac{H+31}{32} \right\rfloor"
    assert latex(2 * H**2 * W) == r"2\,H^{2}\,W"
    assert (
        latex(symbol("d_model") + symbol("C_in")) == r"C_{\mathrm{in}} + \mathrm{d\_model}"
        or latex(symbol("d_model")) == r"d_{\mathrm{model}}"
    )
    assert latex(symbol("kernel_size")) == r"\mathrm{kernel\_size}"
    assert latex(symbol("H1")) == "H_{1}"
    assert latex(minimum(H, W)) == r"\min\left(H,\, W\right)"
    assert factored_latex(6 * H + 3) == r"3\,\left(2\,H + 1\right)"


# ----------------------------------------------------------------------------------------------- bounds

small_letters = st.tuples(
    *[
        st.tuples(st.integers(-3, 3), st.integers(0, 4), st.integers(1, 3))
        .filter(lambda t: any(v % t[2] == 0 for v in range(t[0], t[0] + t[1] + 1)))
        for _ in NAMES
    ]
)  # fmt: skip


def declared(ranges):
    """Letters with small ranges, and every point there is."""
    letters = tuple(
        symbol(name, lower=low, upper=low + more, multiple_of=unit)
        for name, (low, more, unit) in zip(NAMES, ranges, strict=True)
    )
    values = [[v for v in range(low, low + more + 1) if v % unit == 0] for low, more, unit in ranges]
    return letters, [dict(zip(NAMES, point, strict=True)) for point in itertools.product(*values)]


def cooked_everywhere(recipe, at):
    values = []
    for point in at:
        try:
            values.append(cook(recipe, point))
        except ZeroDivisionError:
            return None
    return values


def formula(recipe, letters):
    try:
        return symbolic(recipe, letters)
    except ZeroDivisionError:
        return None


@quick
@given(recipes, small_letters)
def test_bounds_are_sound(recipe, ranges):
    letters, at = declared(ranges)
    values, dim = cooked_everywhere(recipe, at), formula(recipe, letters)
    assume(values is not None and dim is not None)
    low, high = bounds(dim)
    assert low is None or low <= min(values)
    assert high is None or max(values) <= high
    assert [evaluate(dim, point) for point in at] == values


@quick
@given(linear, st.integers(1, 7), small_letters)
def test_bounds_are_tight_for_linear_forms_and_one_floor(x, q, ranges):
    letters, at = declared(ranges)
    (c, h, w), constant = x
    dim = c * letters[0] + h * letters[1] + w * letters[2] + constant
    values = [evaluate(dim, point) for point in at]
    assert bounds(dim) == (min(values), max(values))
    if isinstance(dim, Expr) and isinstance(dim // q, Expr) and len((dim // q)._terms) == 1:
        floors = [value // q for value in values]
        assert bounds(dim // q) == (min(floors), max(floors))


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        (2 * H - 1, (1, None)),
        (5 - H, (None, 4)),
        ((H + 1) // 2, (1, None)),
        (H * H - H, (0, None)),
        (18 * C * H * W - H * W, (17, None)),
        (H % 4, (0, 3)),
        (H * W - 4 * (H // 2) * (W // 2), (0, None)),
        (maximum(H, W) - H, (0, None)),
        (H - minimum(H, W, C), (0, None)),
        (symbol("k", lower=None), (None, None)),
        (symbol("k", lower=None, upper=3) * -2, (-6, None)),
        (H // W, (0, None)),
        (symbol("n", upper=31) // 32, (0, 0)),
        (minimum(H, 9), (1, 9)),
    ],
    ids=str,
)
def test_bounds(dim, expected):
    assert bounds(dim) == expected


# ------------------------------------------------------------------------------------------------ holds


@quick
@given(recipes, st.one_of(st.integers(-12, 12), recipes), st.sampled_from(sorted(RELATIONS)), small_letters)
def test_holds_is_sound(left, right, relation, ranges):
    letters, at = declared(ranges)
    lefts, rights = cooked_everywhere(left, at), cooked_everywhere(right, at)
    a, b = formula(left, letters), formula(right, letters)
    assume(None not in (lefts, rights, a, b))
    truths = {RELATIONS[relation](x, y) for x, y in zip(lefts, rights, strict=True)}
    answer = holds(a, relation, b)
    assert answer is None or truths == {answer}
    if isinstance(a, int) and isinstance(b, int):
        assert answer is not None


@quick
@given(recipes, st.integers(-20, 20), st.sampled_from(sorted(RELATIONS)), st.lists(points, min_size=4, max_size=8))
def test_holds_is_sound_without_upper_bounds(recipe, right, relation, at):
    answer = holds(symbolic(recipe), relation, right)
    if answer is not None:
        assert all(RELATIONS[relation](cook(recipe, point), right) == answer for point in at)


@quick
@given(linear, st.integers(1, 4), st.integers(1, 12))
def test_divisibility_of_linear_forms_is_decided(x, q, n):
    dim = form(x) // q
    truths = {
        evaluate(dim, dict(zip(NAMES, point, strict=True))) % n == 0
        for point in itertools.product(range(1, q * n + 1, max(1, q * n // 7)), repeat=3)
    }
    answer = holds(dim, "divisible by", n)
    if answer is not None:
        assert truths == {answer}
    if q == 1 and answer is None:  # open is open: both happen somewhere
        coefficients, constant = x
        assert constant % math.gcd(n, *coefficients) == 0
        assert any(c % n for c in coefficients)


@pytest.mark.parametrize(
    ("left", "relation", "right", "expected"),
    [
        (H, ">=", 1, True),
        (H, "<", 1, False),
        (H, ">", 7, None),
        (H, "==", 0, False),
        (H, "!=", 0, True),
        (H, "==", W, None),
        (H + W, "==", W + H, True),
        (2 * H + 1, "==", 2 * W, False),
        (H // 2 + (H + 1) // 2, "==", H, True),
        (H // 3 + (H + 1) // 3 + (H + 2) // 3, "==", H, True),
        (H - H // 2, "==", (H + 1) // 2, True),
        ((H + 1) // 2, ">=", H // 2, True),
        ((H + 1) // 2, ">", H // 2, None),
        (H * H, ">=", H, True),
        (H * W, ">=", H + W - 1, True),
        (maximum(H, W), ">=", W, True),
        (maximum(symbol("n", lower=-2, upper=0), -1) % 2, "!=", 0, None),
        (4 * H + 8, "divisible by", 4, True),
        (4 * H + 2, "divisible by", 4, False),
        (4 * H + 2, "divisible by", 6, None),
        (H * (H + 1), "divisible by", 2, True),
        (H * (H + 1) * (H + 2), "divisible by", 6, True),
        (H * H + 1, "divisible by", 3, False),
        (4 * (H // 4), "divisible by", 4, True),
        (H - H % 8, "divisible by", 8, True),
        (4 * maximum(H, 3), "divisible by", 2, True),
        (4 * maximum(H, 3) + 1, "divisible by", 2, False),
        (2 * H * W, "divisible by", W, True),
        (H, "divisible by", W, None),
        (6, "divisible by", 4, False),
        (symbol("n", multiple_of=8), "divisible by", 4, True),
        (0, "divisible by", 0, True),
    ],
    ids=str,
)
def test_holds(left, relation, right, expected):
    assert holds(left, relation, right) is expected


def test_relations_that_do_not_exist():
    with pytest.raises(ValueError, match="relation"):
        holds(H, "=", 1)
    with pytest.raises(ValueError, match="relation"):
        holds(2, "=", 1)


# ------------------------------------------------------------------------------------------------ growth


@quick
@given(
    st.recursive(
        st.one_of(st.just("H"), st.integers(-9, 9)),
        lambda inner: (
            st.tuples(st.sampled_from("+-*"), inner, inner)
            | st.tuples(st.sampled_from(("//", "ceil")), inner, st.integers(1, 6))
        ),
        max_leaves=7,
    )
)
def test_growth(recipe):
    dim = symbolic(recipe)
    power, (above, below) = degree(dim, "H"), leading(dim, "H")
    assume(not symbols(above))
    huge = 720720 * 10**12
    assert abs(Fraction(evaluate(dim, {"H": huge}), huge**power) - Fraction(above, below)) < Fraction(1, 10**6)


def test_growth_by_hand():
    assert degree(3 * H * (H // 2) + W, "H") == 2
    assert leading(3 * H * (H // 2) * W + W, "H") == (3 * W, 2)
    assert leading(maximum(3 * H, H // 2, 7), "H") == (3, 1)
    assert leading(W + 3, "H") == (W + 3, 1)
    assert leading(symbol("H", multiple_of=4) // 4 * 6, "H") == (3, 2)


# -------------------------------------------------------------------------------------- planted mistakes


def _plant_fold_without_scaling(numerator, denominator):
    """⌊(⌊x/a⌋ + b)/c⌋ taken for ⌊(x + b)/(ac)⌋."""
    for m, c in numerator._terms.items():
        if c == 1 and len(m) == 1 and isinstance(m[0], Floor):
            rest = numerator - expr_of({m: 1})
            return (m[0].numerator + rest) // (m[0].denominator * denominator)
    return None


def _plant_fold_off_by_one(numerator, denominator):
    return expr_of({(floor_atom(numerator + 1, denominator),): 1})


def _plant_rounding(numerator, q):
    return expr_of({(floor_atom(numerator + q // 2, q),): 1})


def _plant_first_argument(which, args):
    return next(iter(args))


@pytest.fixture
def forget():
    """Formulas made by a planted mistake must not outlive it."""
    caches = (
        quotients._by_number, quotients._by_formula,
        proofs.residue, proofs._is_zero, proofs._is_nonnegative, proofs._divisible,
    )  # fmt: skip
    for cache in caches:
        cache.cache_clear()
    yield caches
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize(
    ("module", "place", "mistake"),
    [
        (quotients, "_folded", _plant_fold_without_scaling),
        (quotients, "_atomic", _plant_fold_off_by_one),
        (quotients, "_by_number", _plant_rounding),
        (extremes, "_settled", _plant_first_argument),
        (extremes, "_wins", lambda which, dim, other: True),
        (quotients, "divided", lambda a, b: (0, 0)),
    ],
)
def test_planted_mistake_is_caught(module, place, mistake, monkeypatch, forget):
    monkeypatch.setattr(module, place, mistake)
    with pytest.raises(AssertionError):
        for recipe in FOLDING:
            test_folding_equals_integers_everywhere(recipe)
    monkeypatch.undo()
    for cache in forget:
        cache.cache_clear()
    for recipe in FOLDING:
        test_folding_equals_integers_everywhere(recipe)


def test_planted_wrong_bounds_are_caught(monkeypatch, forget):
    monkeypatch.setattr(intervals, "_relaxed", lambda dim, side: 1)
    with pytest.raises(AssertionError):
        test_bounds(((H + 5) // 4) * 3 - H, (None, None))
        test_holds_is_sound()
        test_bounds_are_sound()


# ------------------------------------------------------------------------------------------- behaviour


def test_no_yes_or_no_without_holds():
    for question in (
        lambda: H < 3,
        lambda: H >= W,
        lambda: 3 > H,
        lambda: bool(H),
        lambda: min(H, 3),
        lambda: sorted([H, W]),
    ):
        with pytest.raises(TypeError, match="use holds"):
            question()
    assert H != 3 and H != W and symbol("H") == H and H != "H" and H in (W, H)


def test_what_is_not_a_size():
    for attempt in (lambda: H + 1.5, lambda: 2.0 * H, lambda: H // 2.0, lambda: "a" + H, lambda: H / 2):
        with pytest.raises(TypeError):
            attempt()
    with pytest.raises(TypeError):
        minimum(H, 1.5)
    with pytest.raises(ZeroDivisionError):
        H // 0
    with pytest.raises(ZeroDivisionError):
        H // (W - W)
    with pytest.raises(ValueError):
        H**-1
    with pytest.raises(ValueError):
        minimum()


def test_declarations():
    for wrong in ({"name": "3"}, {"name": "H", "multiple_of": 0}, {"name": "H", "lower": 3, "upper": 2}):
        with pytest.raises(ValueError):
            symbol(**wrong)
    with pytest.raises(ValueError, match="at least 1"):
        substitute(H, {"H": 0})
    with pytest.raises(ValueError, match="at most 9"):
        evaluate(symbol("k", upper=9), {"k": 10})
    with pytest.raises(ValueError, match="no value is given for H, W"):
        evaluate(H + W, {"C": 3})
    with pytest.raises(TypeError):
        evaluate(H, {"H": 1.5})
    assert symbols(W // H + C - C) == ("H", "W") and symbols(3) == ()


def test_copies_and_pickles_are_the_same_formula():
    dim = maximum(H // 3, W) * symbol("n", lower=0, upper=64, multiple_of=8) + (H // W) ** 2
    for twin in (copy.copy(dim), copy.deepcopy(dim), pickle.loads(pickle.dumps(dim))):
        assert twin == dim and hash(twin) == hash(dim) and twin - dim == 0
    assert len({dim, copy.deepcopy(dim), dim + 0, dim + 1}) == 2


def test_atoms_are_shared():
    (atom,), *_ = ((H + 1) // 2)._terms
    assert [(atom,)] == list((-(-H // 2))._terms)


@pytest.mark.parametrize(
    "build",
    [
        lambda: H**2000,
        lambda: [x := H] and [x := x * x for _ in range(40)],
        lambda: product(H + i * W + C + symbol(f"v{i}") for i in range(30)),
        lambda: [x := H] and [x := (2 * x + W) // 3 for _ in range(500)],
        lambda: [x := H] and [x := (2 * x + W * x) // 3 for _ in range(500)],
        lambda: minimum(*[H * i - W * i * i for i in range(1000)]),
    ],
)
def test_monsters_are_refused(build):
    with pytest.raises((OverflowError, ValueError)):
        build()


def test_proofs_stay_short():
    letters = [symbol(name) for name in "ABCDEFGH"]
    hard = total(letter // (7 + 2 * i) * (i + 3) for i, letter in enumerate(letters))
    for relation in RELATIONS:
        assert holds(hard, relation, 720) is None
    assert holds(product(letters) * hard, "divisible by", 97) is None
    bounds(minimum(*letters) * hard - maximum(*letters) * hard)


def test_a_deep_network_in_letters():
    def network():
        height, width, work = H, W, 0
        for layer in range(170):
            stride = 2 if layer % 34 == 3 else 1
            height, width = ((side + 2 - 2 - 1) // stride + 1 for side in (height, width))
            outputs = product([64, height, width])
            work = total([work, outputs * 9 * 64, outputs * 9 * 64 - outputs, minimum(outputs, 3)])
            assert holds(height, ">=", 1) is True
            assert holds(outputs, "divisible by", 8) is True
        return work

    work = network()
    assert evaluate(work, {"H": 64, "W": 96}) == substitute(work, {"H": 64, "W": 96})


def test_import_is_light():
    """Sizes stand alone: no other room, and of the standard library only what is quick to load."""
    code = (
        "import sys, types; house = sys.modules['netcalc'] = types.ModuleType('netcalc');"
        "house.__path__ = sys.argv[1:]; import netcalc.dims; print(*sys.modules)"
    )
    house = Path(dims.__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", code, house], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    for heavy in ("numpy", "sympy", "fractions", "typing", "dataclasses", "inspect"):
        assert heavy not in loaded
    modules = {f"netcalc.dims.{found.stem}" for found in Path(dims.__file__).parent.glob("[a-z]*.py")}
    assert {name for name in loaded if name.startswith("netcalc.")} == {"netcalc.dims", *modules}


def test_modules_import_downwards():
    """No module of sizes imports, as it loads, one that imports it; the order is that of the package's text."""
    text = dims.__doc__
    order = re.findall(r"^- :mod:`~netcalc.dims.(\w+)`", text, re.MULTILINE)
    folder = Path(dims.__file__).parent
    assert sorted(order) == sorted(found.stem for found in folder.glob("[a-z]*.py"))
    for place, name in enumerate(order):
        for node in ast.parse((folder / f"{name}.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module.startswith("netcalc"):
                below = node.module.removeprefix("netcalc.dims").lstrip(".") or node.names[0].name
                assert below in order[:place], f"{name} imports {below}"


@pytest.mark.parametrize("build", [
    lambda c, b, a: ((6 % c) % 2) // b,
    lambda c, b, a: ((5 % c) % 2) // b,
    lambda c, b, a: ((6 % c) % 2) // b + ((c % b) % 2) // a,
    lambda c, b, a: ((-6 % c) % a) // b,
])  # fmt: skip
def test_folding_ends(build):
    """What is folded is smaller each time: a remainder of a remainder, divided by a letter, is a formula."""
    letters = [symbol(name) for name in "CBA"]
    found = build(*letters)
    with_2 = substitute(found, {"A": 2})
    for c, b, a in itertools.product(range(1, 12), range(1, 7), range(1, 5)):
        values = {"C": c, "B": b, "A": a}
        assert evaluate(found, values) == build(c, b, a)
        assert evaluate(with_2, values) == build(c, b, 2)


@pytest.mark.parametrize("build", [
    lambda h, k: (h - k + 4 * ((h + k + 1) // 2) + 5) // 8,
    lambda h, k: (h - 2 * k + 4 * ((h + 2 * k + 3) // 4) + 5) // 8,
    lambda h, k: (2 * h + 2 * k + 6 * ((2 * k - h + 3) // 3) + 5) // 12,
    lambda h, k: h // 8 + 2 * (h // 3) + 3 * (h // 5) + 4 * (h // 7),
    lambda h, k: sum((h + q // 2) // q for q in range(2, 15)),
    lambda h, k: sum((h + k + q // 2) // q for q in (5, 10, 20, 40, 80, 160, 320, 960)),
])  # fmt: skip
def test_putting_floors_together_ends(build):
    """A floor that holds floors of its own size, and divisors that have nothing to do with one another."""
    found = build(H, symbol("K"))
    for h, k in itertools.product((1, 2, 7, 30, 41), (1, 2, 3, 9)):
        assert evaluate(found, {"H": h, "K": k}) == build(h, k)


def _nested(inner):
    small = st.integers(2, 8)
    return st.one_of(
        st.builds(lambda x, q: x // q, inner, small),
        st.builds(ceildiv, inner, small),
        st.builds(lambda x, q: x % q, inner, small),
        st.builds(lambda x, k: x + k, inner, st.integers(-20, 20)),
        st.builds(lambda x, y: x + y, inner, inner),
        st.builds(lambda x, y: x - y, inner, inner),
    )


narrow_letters = st.sampled_from((H, W, symbol("B", 1, 40), symbol("E", 3, 9), H % 2, H % 3, W % 4))
others = st.sampled_from((C, C - 1, 2 * C + 3, -C, C // 2, 5 - C, C * C, -9, 7))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.recursive(narrow_letters, _nested, max_leaves=5), others)
def test_adding_and_taking_away_changes_nothing(x, y):
    """A formula is built in the form that it has beside anything else, bounded letters and remainders too."""
    assert (x + y) - y == x


def test_the_form_of_a_narrow_floor_is_fixed():
    letter = symbol("B", 1, 40)
    found = ceildiv((ceildiv(letter, 5) + 2) // 6, 6)
    assert found == (found + C - 1) - (C - 1)
    assert [evaluate(found, {"B": b}) for b in range(1, 41)] == [-(-((-(-b // 5) + 2) // 6) // 6) for b in range(1, 41)]
    found = ceildiv(H % 2, 16)
    assert found == (found + C) - C and [evaluate(found, {"H": h}) for h in (1, 2, 3)] == [1, 0, 1]


shifted = symbol("H", multiple_of=12, remainder=8)
divided = symbol("C", multiple_of=2 * W)
starts = {  # sizes, and what they are of numbers
    shifted: lambda h, w, c: h,
    divided: lambda h, w, c: c,
    W: lambda h, w, c: w,
    shifted // 12: lambda h, w, c: h // 12,
    divided // W: lambda h, w, c: c // w,
}
of_declared = st.recursive(
    st.sampled_from(list(starts.items())),
    lambda inner: st.one_of(
        st.builds(lambda x, q: (x[0] // q, lambda *at: x[1](*at) // q), inner, st.sampled_from((2, 3, 4, 12))),
        st.builds(lambda x, k: (x[0] // (k * W), lambda *at: x[1](*at) // (k * at[1])), inner, st.integers(1, 2)),
        st.builds(lambda x, k: (x[0] + k, lambda *at: x[1](*at) + k), inner, st.integers(-20, 20)),
        st.builds(lambda x, y: (x[0] * y[0], lambda *at: x[1](*at) * y[1](*at)), inner, inner),
        st.builds(lambda x, y: (x[0] - y[0], lambda *at: x[1](*at) - y[1](*at)), inner, inner),
        st.builds(lambda x, y: (maximum(x[0], y[0]), lambda *at: max(x[1](*at), y[1](*at))), inner, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(of_declared)
def test_letters_with_a_remainder_and_multiples_of_letters(drawn):
    """H = 12·h − 4 and C = 2·W·c: formulas in h and c, written in H and C, are what the numbers say."""
    size, of_numbers = drawn
    for h, w, k in itertools.product((8, 20, 32), (1, 2, 3), (1, 2)):
        values = {"H": h, "W": w, "C": 2 * w * k}
        at = of_numbers(h, w, 2 * w * k)
        assert at == evaluate(size, values) == substitute(size, values)
        assert at == substitute(substitute(size, {"W": w}), values)
        assert at == eval(ascii_text(size), {"__builtins__": {}, "max": max, "min": min}, values)
        low, high = bounds(size)
        assert (low is None or low <= at) and (high is None or at <= high)


def test_declarations_of_remainders_and_multiples():
    assert text(divided // W) == "C/W" and text(576 * (divided // (2 * W)) + 64) == "288·C/W + 64"
    assert text(shifted // 4 * (shifted // 4)) == "H²/16" and text(shifted // 12) == "(H−8)/12"
    assert holds(shifted, "divisible by", 4) and holds(divided, "divisible by", W)
    assert degree(divided // W, "C") == 1 and symbols(divided // W) == ("C", "W")
    for size, values in ((shifted, {"H": 9}), (divided, {"C": 7, "W": 2}), (divided, {"C": 7})):
        with pytest.raises(ValueError, match="multiple of"):
            substitute(size // 2, values)
    for size in (W + 1, symbol("Z", 0), H // 2):
        with pytest.raises(ValueError):
            symbol("C", multiple_of=size)
    assert substitute(divided // W, {"W": 3}) == symbol("C", multiple_of=6) // 3
    for size in (divided // W, shifted // 4):
        assert pickle.loads(pickle.dumps(size)) == size
    assert str(to_sympy(shifted // 12)) == "H/12 - 2/3" and str(to_sympy(divided // W)) == "C/W"
