"""Conditions on letters: merged, minimal, and true of exactly the numbers for which every comparison is."""

from itertools import product as grid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netcalc
from netcalc.analysis.conditions import conditions_of, decided, on_domain, simplified, strict
from netcalc.analysis.conditions.comparisons import tidy
from netcalc.analysis.conditions.implications import follows
from netcalc.analysis.conditions.solving import Solved
from netcalc.dims import holds, maximum, minimum, substitute, symbol, symbols
from netcalc.errors import SpecError
from netcalc.layers.base import Condition
from netcalc.spec import elaborate
from netcalc.spec.elaborate import Elaborator
from netcalc.spec.letters import axes_in, lettered
from netcalc.spec.parser import parse_steps
from netcalc.spec.shipped import shipped_names, shipped_text
from netcalc.spec.syntax import Name

H, W, D, HEADS = map(symbol, ("H", "W", "D", "Heads"))


def said(*conditions):
    return [str(one) for one in simplified((Condition(*one, ""), "here") for one in conditions)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("3xHxW -> conv 8 k11", ["H ≥ 11", "W ≥ 11"]),
        ("CxHxW -> Conv2d(64, 8, 3, padding=1)", ["C = 64"]),
        ("T x D -> mha 8", ["D divisible by 8"]),
        ("T x D -> mha Heads", ["D divisible by Heads"]),
        ("3xH -> conv 4 k3 -> flatten -> Linear(400, 10)", ["H = 102"]),
        ("3xHxW -> conv 4 k3 -> conv 4 k3", ["H ≥ 5", "W ≥ 5"]),
        ("3xHxW -> relu", []),
        ("CxHxW -> pixelunshuffle 4", ["H divisible by 4", "W divisible by 4"]),
        ("CxHxW -> gn 32 -> conv 8 k1", ["C divisible by 32", "C·H·W/32 ≥ 2"]),
    ],
)
def test_what_networks_demand(spec, expected):
    assert [str(one) for one in conditions_of(elaborate(spec))] == expected


def test_unets():
    """The divisor is found through four poolings; the layers that made it are named."""
    same, _ = lettered(shipped_text("unet-same"), ["H", "W"])
    found = conditions_of(same)
    assert list(map(str, found)) == ["H divisible by 16", "W divisible by 16"]
    assert found[0].layers == ("dec4.concat1", "dec3.concat1", "dec2.concat1", "dec1.concat1")
    valid, _ = lettered(shipped_text("unet"), ["H"])
    assert list(map(str, conditions_of(valid))) == ["H + 4 divisible by 16", "H ≥ 188"]
    both, _ = lettered(shipped_text("unet"), ["H", "W"])
    assert "H + 4 divisible by 16" in map(str, conditions_of(both)) and "H ≥ 188" in map(str, conditions_of(both))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([(H, ">=", 3), (H + 2, ">=", 9), (2 * H, ">=", 5)], ["H ≥ 7"]),
        ([(H, "<=", 9), (H, ">=", 9)], ["H = 9"]),
        ([(H, "<=", 9), (H, ">=", 8)], ["8 ≤ H ≤ 9"]),
        ([(H, "divisible by", 4), (H, "divisible by", 6)], ["H divisible by 12"]),
        ([(H, "divisible by", 16), (H, ">=", 11)], ["H divisible by 16"]),
        ([(H, "divisible by", 16), (H, ">=", 17)], ["H divisible by 16", "H ≥ 32"]),
        ([(H + 1, "divisible by", 2)], ["H odd"]),
        ([(H // 4 * 2, "==", H // 2)], ["H mod 4 is 0 or 1"]),
        ([((H + 31) // 32, "==", 7)], ["193 ≤ H ≤ 224"]),
        ([(H, "<=", 3), (H, ">=", 5)], ["no value of H will do"]),
        ([(H, "==", W)], ["H = W"]),
        ([(3 * H + 3, "==", 3 * W)], ["H + 1 = W"]),
        ([(D, "divisible by", HEADS)], ["D divisible by Heads"]),
        ([(H, "==", 4), (H * W, ">=", 12)], ["H = 4", "W ≥ 3"]),
        ([(H + W, ">=", 5), (H + W, ">=", 7)], ["H + W ≥ 7"]),
        ([(H * H, ">=", 9)], ["H ≥ 3"]),
        ([(H * H, "<=", 99)], ["H ≤ 9"]),
        ([(H * H, "==", 64)], ["H = 8"]),
        ([(H * H, "==", 63)], ["no value of H will do"]),
        ([(H * H, "divisible by", 4)], ["H divisible by 2"]),
        ([(H * H + H, "divisible by", 6)], ["H mod 3 not 1"]),
        ([(H * H - 1, "divisible by", 8)], ["H odd"]),
        ([((H - 2) ** 2, "==", 16)], ["H = 6"]),
        ([(3 * (H // 4) ** 2, "==", 48)], ["16 ≤ H ≤ 19"]),
        ([((H // 2) * (H // 3), ">=", 10**40)], ["H ≥ 244948974278317809822"]),
        ([(H * H - 9 * H + 18, "==", 0)], ["H is one of 3, 6"]),
        ([((H - 5) ** 2, ">=", 4)], ["H not 4, 5, 6"]),
        ([((H - 50) ** 2, ">=", 400)], ["H ≤ 30 or H ≥ 70"]),
        ([((H - 50) ** 2, ">=", 400), (H, "divisible by", 4)], ["H divisible by 4", "H ≤ 28 or H ≥ 72"]),
        ([((H - 10**12) ** 2, ">=", 10**20)], ["H ≤ 990000000000 or H ≥ 1010000000000"]),
        ([((H - 20) ** 2 * (H - 40), ">=", 0)], ["H in 20, 40 …"]),
        ([((H - 30) ** 2, ">=", 100), ((H - 60) ** 2, ">=", 100)], ["H in 1 … 20, 40 … 50, 70 …"]),
        ([(H * H * (H // 2), "<=", 10)], ["H ≤ 3"]),
        ([(maximum(H, 3 * H - 7), ">=", 9)], ["H ≥ 6"]),
        ([(H - minimum(H, 10), "<=", 5)], ["H ≤ 15"]),
        ([(maximum(H, 8) - minimum(H, 20), "==", 0)], ["8 ≤ H ≤ 20"]),
        ([(maximum(H, 2), "divisible by", 2)], ["H in 1 … 2, 4, 6, 8, 10, 12, …"]),
        ([(H % 4096, "<=", 3000)], ["H mod 4096 is 0 … 3000"]),
        ([(H // 65536, ">=", 3)], ["H ≥ 196608"]),
        ([(H // 65536, "==", 3)], ["196608 ≤ H ≤ 262143"]),
        ([(H, "divisible by", 10000), (H, ">=", 10001)], ["H divisible by 10000", "H ≥ 20000"]),
        ([(H * H, "==", 64), (H * W * W, "==", 200)], ["H = 8", "W = 5"]),
        ([(H, "==", 2), (H * W, "==", 6), (W * D, "==", 12)], ["D = 4", "H = 2", "W = 3"]),
    ],
)
def test_merging(conditions, expected):
    assert said(*conditions) == expected


sizes = st.builds(
    lambda a, b, q, c: (a * H + b) // q + c,
    st.integers(-3, 3).filter(bool),
    st.integers(-9, 9),
    st.integers(1, 6),
    st.integers(-9, 9),
)
comparisons = st.one_of(
    st.builds(
        lambda size, relation, n: (size, relation, n), sizes, st.sampled_from(["==", ">=", "<="]), st.integers(-6, 9)
    ),
    st.builds(lambda size, n: (size, "divisible by", n), sizes, st.integers(1, 6)),
    st.builds(lambda a, b: (a, "==", b), sizes, sizes),
)


@given(st.lists(comparisons, min_size=1, max_size=4))
def test_merged_conditions_are_true_of_the_same_numbers(conditions):
    """Brute force: for every size up to 150 all comparisons hold if and only if all the merged ones do."""
    conditions = [Condition(*one, "") for one in conditions]
    merged = simplified((one, "here") for one in conditions if one.holds is not True)
    for h in range(1, 151):
        each = all(
            one._replace(left=substitute(one.left, {"H": h}), right=substitute(one.right, {"H": h})).holds
            for one in conditions
        )
        assert each == all(one.holds(H=h) for one in merged), (h, list(map(str, merged)))


letters = st.sampled_from(
    [H, symbol("H", lower=5), symbol("H", multiple_of=4), symbol("H", lower=7, upper=200, multiple_of=3)]
)


def powers(letter):
    """Sizes of one letter: sums, products and floors of one another, minima and maxima."""
    return st.recursive(
        st.one_of(st.just(letter), st.integers(-12, 12)),
        lambda inner: st.one_of(
            st.builds(lambda a, b: a + b, inner, inner),
            st.builds(lambda a, b: a - b, inner, inner),
            st.builds(lambda a, b: a * b, inner, inner),
            st.builds(lambda a, q: a // q, inner, st.integers(2, 5)),
            st.builds(maximum, inner, inner),
            st.builds(minimum, inner, inner),
        ),
        max_leaves=7,
    )


@st.composite
def powerful(draw):
    letter = draw(letters)
    relation = draw(st.sampled_from(["==", ">=", "<=", "divisible by"]))
    other = st.integers(1, 12) if relation == "divisible by" else st.one_of(st.integers(-50, 900), powers(letter))
    return letter, [(draw(powers(letter)), relation, draw(other)) for _ in range(draw(st.integers(1, 2)))]


@settings(deadline=None, max_examples=300)
@given(powerful())
def test_powers_are_solved_exactly(drawn):
    """Brute force: for every size up to 300 a comparison of powers holds if and only if the solved one does."""
    letter, conditions = drawn
    conditions = [Condition(*one, "") for one in conditions]
    merged = simplified((one, "here") for one in conditions if one.holds is None)
    (own,) = next(iter(letter._terms))
    for h in range(max(1, own.lower), min(300, own.upper or 300) + 1):
        if h % own.unit:
            continue
        each = all(
            one._replace(left=substitute(one.left, {"H": h}), right=substitute(one.right, {"H": h})).holds
            for one in conditions
            if one.holds is None
        )
        assert each == all(one.holds(H=h) for one in merged), (h, list(map(str, merged)))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5), st.integers(-400, 400))
def test_polynomials_are_solved_by_their_turning_points(coefficients, constant):
    """Where a polynomial is at least 0 or just 0, for all sizes up to 300, and every one of them is solved."""
    size = sum((c * H ** (k + 1) for k, c in enumerate(coefficients)), constant)
    for relation in (">=", "<=", "=="):
        condition = Condition(size, relation, 0, "")
        if condition.holds is not None:
            continue
        solved = Solved.of(condition, "H")
        assert solved and solved.period == 1
        for h in range(1, 301):
            holds = condition._replace(left=substitute(size, {"H": h})).holds
            assert solved.contains(h) == holds, (h, solved)


def test_declared_letters_say_nothing_twice():
    h = symbol("H", lower=32, upper=1024, multiple_of=16)
    assert said((h // 4 * 4, "==", h)) == []
    found = simplified([(Condition(h, "divisible by", 64, ""), "here"), (Condition(h, ">=", 20, ""), "here")])
    assert [str(one) for one in found] == ["H divisible by 64"]
    even = symbol("G", multiple_of=2)
    assert said((120, "divisible by", even)) == ["G divides 120"]
    assert said((120, "divisible by", even), (even, "<=", 7)) == ["G is one of 2, 4, 6"]


def test_what_cannot_be_solved_is_kept_as_it_is():
    assert said((64, "divisible by", H)) == ["H divides 64"]
    assert said((64 // H * H, ">=", 33)) == ["H·⌊64/H⌋ ≥ 33"]
    assert said((H**17 - H, ">=", 9)) == ["H¹⁷ ≥ H + 9"]
    assert said((H * W, "==", 64)) == ["H·W = 64"]


def test_values_decide_and_a_violation_names_the_layers():
    graph, _ = lettered(shipped_text("unet-same"), ["H"])
    assert decided(graph, {"H": 256}).symbols == ()
    with pytest.raises(SpecError) as error:
        decided(graph, {"H": 100})
    assert error.value.code == "condition-violated"
    assert "H divisible by 16" in error.value.message and "dec4.concat1" in error.value.hint


def test_strict():
    graph = elaborate("3xHxW -> conv 8 k11")
    with pytest.raises(SpecError, match="H ≥ 11, W ≥ 11"):
        strict(graph)
    strict(graph.substitute({"H": 32, "W": 32}))


def test_formulas_on_their_domain():
    graph, _ = lettered(shipped_text("unet-same"), ["H", "W"])
    narrowed = on_domain(graph, conditions_of(graph))
    assert conditions_of(narrowed) == ()
    assert str(narrowed.nodes[-1].shape) == "(2, H, W)"


def _has_height(name):
    return any(axis.rank == 3 and axis.place == 1 for axis in axes_in(parse_steps(shipped_text(name))))


@pytest.mark.parametrize(
    ("name", "letter"),
    [*((name, "H") for name in shipped_names() if _has_height(name)), ("unet", "W"), ("alexnet", "W"), ("swin_t", "W")],
)
def test_illegal_sizes_exactly_where_the_conditions_say(name, letter):
    """Every size up to 300: the network can be built if and only if its conditions hold."""
    graph, _ = lettered(shipped_text(name), [letter])
    conditions = conditions_of(graph)
    (axis,) = (axis for axis in axes_in(parse_steps(graph.source)) if isinstance(axis.value, Name))
    before, after = graph.source[: axis.value.span.start], graph.source[axis.value.span.end :]
    for size in range(1, 301):
        said = all(one.holds(**{letter: size}) for one in conditions)
        try:
            Elaborator(
                f"{before}{size}{after}", "", {}, edits={None: {}}
            ).network()  # not looking for what would mend it
            built = True
        except SpecError:
            built = False
        assert said == built, (size, [str(one) for one in conditions])


K, G, C = map(symbol, ("K", "G", "C"))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([(3, "divisible by", G), (8, "divisible by", G)], ["G = 1"]),
        ([(12, "divisible by", G), (8, "divisible by", G)], ["G divides 4"]),
        ([(720, "divisible by", G), (G, ">=", 2)], ["G divides 720, G ≥ 2"]),
        ([(C, "==", 64), (C, "divisible by", G), (G, ">=", 3)], ["C = 64", "G is one of 4, 8, 16, 32, 64"]),
        ([(H, ">=", 3), (H, ">=", K + 2)], ["H ≥ K + 2"]),
        ([(H, ">=", 3), (H, ">=", K + 1)], ["H ≥ 3", "H ≥ K + 1"]),
        ([(H, ">=", W + 2), (W, ">=", K + 1), (H, ">=", K + 2)], ["H ≥ W + 2", "W ≥ K + 1"]),
        ([(H, "==", W), (H, ">=", 5), (W, ">=", 7)], ["H ≥ 7", "H = W"]),
        ([(H, "==", W), (W, "==", 2 * D), (H, "divisible by", 2)], ["2·D = W", "H = 2·D"]),
        ([(H, "==", W), (H, "divisible by", 4), (W, "divisible by", 6)], ["H divisible by 12", "H = W"]),
        ([(H * W, "==", 8 * H)], ["W = 8"]),
        ([(H // 2 * 2, "==", H), (H // 2 * W, "==", 4 * H)], ["H divisible by 2", "W = 8"]),
        ([(H * W, "==", 64), (H, "==", W)], ["H = 8", "W = 8"]),
        ([(6 * H * W, "divisible by", 4)], ["H·W divisible by 2"]),
        ([(C, "divisible by", G), (2 * C, "divisible by", G), (C, ">=", G)], ["C divisible by G"]),
        ([(C, "divisible by", 32), (C // 32 * H, ">=", W)], ["C divisible by 32", "C·H/32 ≥ W"]),
        ([(H, "==", W), (H, "==", 8), (W, "==", 9)], ["no value of H, W will do"]),
        ([(H, ">=", W + 2), (W, ">=", H + 1)], ["no value of H, W will do"]),
        ([(H, "==", W), (W, "==", D), (D, "==", H + 1)], ["no value of D will do"]),
    ],
)
def test_several_letters(conditions, expected):
    assert said(*conditions) == expected


BOX = range(1, 13)
sums = st.builds(lambda a, b, c: a * H + b * W + c, *[st.integers(-2, 2)] * 2, st.integers(-6, 6))
sizes_of_two = st.one_of(
    sums,
    st.builds(lambda size, q: size // q, sums, st.integers(2, 4)),
    st.builds(maximum, sums, sums),
    st.builds(lambda a, b: a * b, sums, st.sampled_from([H, W])),
)
comparisons_of_two = st.one_of(
    st.tuples(sizes_of_two, st.sampled_from(["==", ">=", "<="]), st.one_of(st.integers(-6, 20), sizes_of_two)),
    st.tuples(sizes_of_two, st.just("divisible by"), st.one_of(st.integers(1, 6), st.sampled_from([H, W]))),
    st.tuples(st.integers(1, 40), st.just("divisible by"), st.sampled_from([H, W])),
)
systems_of_two = st.lists(comparisons_of_two.map(lambda one: Condition(*one, "")), min_size=1, max_size=5)


def true_of(condition, numbers):
    left, right = (substitute(side, numbers) for side in (condition.left, condition.right))
    return condition._replace(left=left, right=right).holds


@settings(deadline=None, max_examples=400)
@given(systems_of_two)
def test_several_letters_are_merged_to_the_same_pairs(system):
    """Brute force: for every pair of sizes all comparisons hold if and only if all the merged ones do."""
    merged = simplified((one, "here") for one in system)
    for h in BOX:
        for w in BOX:
            numbers = {"H": h, "W": w}
            each = all(true_of(one, numbers) for one in system)
            assert each == all(one.test(numbers) for one in merged), (numbers, list(map(str, merged)))


quotients_of_two = st.one_of(
    sizes_of_two,
    st.builds(lambda size, letter: size // letter, sums, st.sampled_from([H, W])),
    st.builds(lambda a, b, letter: a * (b // letter), sums, sums, st.sampled_from([H, W])),
)
divisors_of_two = st.one_of(st.integers(1, 6), st.sampled_from([H, W, 2 * H, H * W, H + W, W + 1]))
systems_with_quotients = st.lists(
    st.one_of(
        st.tuples(quotients_of_two, st.sampled_from(["==", ">=", "<="]), quotients_of_two),
        st.tuples(quotients_of_two, st.just("divisible by"), divisors_of_two),
        comparisons_of_two,
    ).map(lambda one: Condition(*one, "")),
    min_size=2,
    max_size=5,
)


@settings(deadline=None, max_examples=300)
@given(systems_with_quotients)
def test_what_follows_from_others_holds_where_they_do(system):
    """Brute force: a comparison that is said to follow is true of every pair of which the others are."""
    asked, *others = system
    merged = simplified((one, "here") for one in system if one.holds is not True)
    said = follows(asked, others), follows(tidy(asked), others)
    for h, w in grid(BOX, BOX):
        numbers = {"H": h, "W": w}
        each = [true_of(one, numbers) for one in system]
        assert all(each) == all(one.test(numbers) for one in merged), (numbers, list(map(str, merged)))
        assert true_of(tidy(asked), numbers) == each[0]
        assert each[0] or not all(each[1:]) or not any(said), numbers


differences = st.tuples(
    st.sampled_from([H, W, H - W, W - H, H + W]), st.sampled_from([">=", "<=", "=="]), st.integers(-3, 16)
)


@settings(deadline=None, max_examples=300)
@given(st.lists(differences.map(lambda one: Condition(*one, "")), min_size=1, max_size=4))
def test_no_condition_follows_from_the_others(system):
    """Bounds of letters, their sums and differences: without any one of the merged conditions more pairs will do."""
    merged = simplified((one, "here") for one in system if one.holds is not True)
    if not all(one.possible for one in merged):
        return
    pairs = [{"H": h, "W": w} for h in range(1, 48) for w in range(1, 48)]
    for left_out in merged:
        rest = [one for one in merged if one is not left_out]
        assert any(not left_out.test(pair) and all(one.test(pair) for one in rest) for pair in pairs), (
            str(left_out),
            list(map(str, merged)),
        )


def test_a_quotient_of_several_letters_is_at_least_1():
    """C·H·W/G is 4 at least where G divides C and neither H nor W is 1."""
    spec = "CxHxW -> groupnorm G -> conv 2*C k3 groups=G p1 -> maxpool 2 -> reshape (G, -1)"
    assert list(map(str, conditions_of(elaborate(spec)))) == ["H ≥ 2", "W ≥ 2", "C divisible by G"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([(C, ">=", G), (C // G, ">=", 2)], ["C ≥ 2·G"]),
        ([(C // G, "<=", 2)], ["3·G ≥ C + 1"]),
        ([((H + 1) // 3 + 3, ">=", K), ((3 * K - H + 7) // 9, "<=", 1)], ["H + 10 ≥ 3·K"]),
        ([(16 * C, "divisible by", C * G)], ["G divides 16"]),
        (
            [(C, "divisible by", G), (G, "divisible by", 4), (C, "divisible by", 4)],
            ["G divisible by 4", "C divisible by G"],
        ),
        (
            [(C, "divisible by", G), (G, "divisible by", K), (C, "divisible by", K)],
            ["C divisible by G", "G divisible by K"],
        ),
        ([(C, "divisible by", G), (G, "divisible by", C)], ["C = G"]),
        ([(H, ">=", W), (W, ">=", H)], ["H = W"]),
        ([(2 * H + W, "==", 3), (H, "<=", 3)], ["H = 1", "W = 1"]),
        ([(2 * C + 15, ">=", K), (7 * K, "==", 10 * C + 80)], ["7·K = 10·C + 80"]),
        ([(H, ">=", K), (H * (H // K), "==", 48)], ["H·⌊H/K⌋ = 48"]),
        ([(2 * H + W, "<=", 4), (3 * H + W, "<=", 20)], ["2·H + W ≤ 4"]),
        ([(64 // H, ">=", 3)], ["H ≤ 21"]),
        ([(64 // H, "==", 3)], ["17 ≤ H ≤ 21"]),
        ([(2**16, "divisible by", H + 1)], ["H + 1 divides 65536"]),
    ],
)
def test_what_the_others_imply_is_left_out(conditions, expected):
    assert said(*conditions) == expected


SEVERAL = {
    "AxC -> mha B -> mha A": ["C divisible by B", "C divisible by A"],
    "BxA -> maxpool C p1 -> reshape (5, -1) -> maxpool C s1": [
        "C ≥ 2",
        "B·⌊(A+2)/C⌋ divisible by 5",
        "B·⌊(A+2)/C⌋ ≥ 5·C",
    ],
    "AxA -> groupnorm B -> avgpool 2 -> conv 1 k1 s=C dilation=2 -> avgpool 2": ["A divisible by B", "A ≥ 2·C + 2"],
    "AxBx16 -> conv 6 k2 p=A -> conv 4 k=B -> flatten -> Linear(64, 4)": ["A·(2·A − B + 16) = 8"],
    "8x16 -> conv 4 k=B s=A p=C -> avgpool 2 -> relu -> avgpool 2": ["2·C + 16 ≥ 3·A + B"],
    "3xHxW -> conv 8 k=K s2 -> conv 8 k=K -> conv 8 k=K s2": ["H + 4 ≥ 5·K", "W + 4 ≥ 5·K"],
    "8xB -> conv A k3 p2 groups=2 -> conv 2 k1 s=A groups=C": ["A divisible by 2", "C ≤ 2"],
}


@pytest.mark.parametrize("spec", SEVERAL)
def test_conditions_of_networks_are_exact_and_minimal(spec):
    """Brute force over a box: legal where all hold; and each is needed, some sizes break it and no other."""
    graph = elaborate(spec)
    conditions = conditions_of(graph)
    assert [str(one) for one in conditions] == SEVERAL[spec]
    needed = set()
    for case in grid(range(1, 31 if len(graph.symbols) == 2 else 13), repeat=len(graph.symbols)):
        numbers = dict(zip(graph.symbols, case, strict=True))
        broken = [one for one in conditions if not one.test(numbers)]
        needed.update(map(str, broken) if len(broken) == 1 else ())
        if sum(case) % 5 == 0:
            try:
                graph.substitute(numbers)
                built = True
            except SpecError:
                built = False
            assert built == (not broken), numbers
    assert needed == set(map(str, conditions))


divided_sizes = st.one_of(
    st.builds(lambda a, b: a * H + b, st.integers(-6, 6), st.integers(-20, 40)),
    st.builds(lambda a, b, c: a * H * H + b * H + c, st.integers(1, 2), st.integers(-5, 5), st.integers(-6, 30)),
    st.builds(
        lambda a, b, q, c: (a * H + b) // q + c, *[st.integers(-3, 5)] * 2, st.integers(2, 4), st.integers(-2, 3)
    ),
    st.builds(lambda b, q, c: H * ((H + b) // q) + c, st.integers(0, 3), st.integers(2, 3), st.integers(-3, 3)),
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(divided_sizes, st.integers(1, 60)), divided_sizes.filter(symbols))
def test_divisors_with_the_letter_are_solved_exactly(number, divisor):
    """Brute force: the values for which a size of a letter is a multiple of another one, all decided."""
    solved = Solved.of(Condition(number, "divisible by", divisor, ""), "H")
    assert solved
    for h in range(1, 400):
        a, b = (substitute(size, {"H": h}) for size in (number, divisor))
        assert solved.contains(h) == holds(a, "divisible by", b), h


def test_great_divisors_with_the_letter():
    """Beyond what is tried one by one: A divides A + 6·10⁸ where it divides that number; A + 1 never divides A."""
    assert Solved.of(Condition(H + 6 * 10**8, "divisible by", H, ""), "H").contains(6 * 10**8)
    assert said((H, "divisible by", H + 1)) == ["no value of H will do"]
    assert said((H * H, "divisible by", H + 10**4)) == said((10**8, "divisible by", H + 10**4))
    with pytest.raises(SpecError) as error:
        conditions_of(elaborate("AxL -> conv 2*A k1 groups=A+1"))
    assert error.value.hint == "no value of A will do"


def test_a_size_of_1_is_told_where_branches_never_agree():
    """The formulas hold of no size, and a value with which one branch is repeated is legal: the error says so."""
    spec = "8xH -> add { conv 8 k3 | relu }"
    with pytest.raises(SpecError) as error:
        elaborate(spec)
    assert "unless --set makes H − 2 = 1, which is repeated" in error.value.expected
    assert elaborate(spec, sizes={"H": 3}).nodes[-1].shape == (8, 3)
    with pytest.raises(SpecError) as error:
        elaborate("8xH -> concat { conv 8 k3 | relu }")
    assert "--set" not in error.value.expected


def test_what_can_never_hold_names_all_its_layers():
    """What two layers demand of two letters, and a third that ties these together."""
    spec = """
    input a: HxW
    Linear(8, 4) as one
    input b: HxD
    Linear(9, 4) as other
    from a
    add b as tie
    """
    with pytest.raises(SpecError) as error:
        conditions_of(elaborate(spec))
    assert error.value.code == "condition-violated"
    assert all(name in error.value.message for name in ("one", "other", "tie"))
    assert "W = 8 (by one)" in error.value.found and "D = 9 (by other)" in error.value.found


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("3xHxW -> maxpool 2 -> flatten -> Linear(48, 10)", ["⌊H/2⌋·⌊W/2⌋ = 16"]),
        (
            "3xHxW -> conv 4 k3 s2 -> convtranspose 4 k3 s2 -> flatten -> Linear(4*H*W, 2)",
            ["H odd", "H ≥ 3", "W odd", "W ≥ 3"],
        ),
        ("CxHxW -> conv 64 k3 g=G", ["G divides 64", "H ≥ 3", "W ≥ 3", "C divisible by G"]),
        ("TxD -> linear D%2", ["D odd"]),
        ("Ax6 -> groupnorm B", ["A divisible by B"]),
        ("A % 4 == 0\nAx6 -> groupnorm C", ["A divisible by C"]),
        ("2x2 -> convtranspose A k2 s2 -> groupnorm G", ["A divisible by G"]),
        ("Ax6 -> concat { conv C k3 p1 | relu } -> groupnorm B -> linear 2", ["A + C divisible by B"]),
        ("BxK -> BatchNorm1d(B) -> reshape (3, -1) -> conv K k1 s2 p0", ["B·K divisible by 3"]),
        ("3xL -> conv A+1 k1 groups=A", ["A = 1"]),
        ("AxL -> conv A+6 k1 groups=A", ["A divides 6"]),
        ("AxHxW -> groupnorm A//2", ["A in 2 … 4, 6, 8, 10, 12, 14, …"]),
        ("64x32 -> reshape (A+1, -1)", ["A + 1 divides 2048"]),
        ("CxH -> reshape (2, C, -1) -> Linear(3, 4)", ["H = 6"]),
        ("AxC -> reshape (2, C, -1) -> Linear(B, 4)", ["2·B = A"]),
        ("64xHxW -> groupnorm G -> conv 32 k3 s2 -> groupnorm G", ["G divides 32", "⌊32/G⌋·⌊(H−1)/2⌋·⌊(W−1)/2⌋ ≥ 2"]),
        ("3xHxW -> conv 8 k3 -> flatten -> Linear(96, 10)", ["(H − 2)·(W − 2) = 12"]),
    ],
)
def test_what_several_letters_say_of_each(spec, expected):
    """And for all sizes of a box: the network can be built if and only if its conditions hold."""
    graph = elaborate(spec)
    conditions = conditions_of(graph)
    assert [str(one) for one in conditions] == expected
    for case in grid(range(1, 11), repeat=len(graph.symbols)):
        numbers = dict(zip(graph.symbols, case, strict=True))
        try:
            graph.substitute(numbers)
            built = True
        except SpecError:
            built = False
        assert built == all(one.test(numbers) for one in conditions), numbers


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(sizes_of_two, sizes_of_two), min_size=1, max_size=2))
def test_equalities_are_told_apart_by_remainders_soundly(sides):
    """2·⌊H/2⌋ and the like beside one another: brute force over a box."""
    halves = [(2 * (a // 2) * (W // 2) - 3 * (b // 2), "==", a * (W // 2) - 3 * (H // 2)) for a, b in sides]
    system = [Condition(*one, "") for one in halves]
    merged = simplified((one, "here") for one in system if one.holds is not True)
    for h, w in grid(BOX, BOX):
        numbers = {"H": h, "W": w}
        each = all(true_of(one, numbers) for one in system)
        assert each == all(one.test(numbers) for one in merged), (numbers, list(map(str, merged)))


def test_branches_that_must_agree_have_the_shorter_size():
    """No maximum of what a condition calls equal is carried on; the conditions of two axes look alike."""
    block = "residual { conv 8 K stride=2 padding=P | conv 8 k1 s2 }"
    report = netcalc.analyze(f"3xHxW -> {block}")
    assert report.layers[-1].output_shape == (8, (symbol("H") + 1) // 2, (symbol("W") + 1) // 2)
    assert report.conditions == (
        "K + ⌊(H+1)/2⌋ = P + ⌊(H+K)/2⌋ + 1",
        "K + ⌊(W+1)/2⌋ = P + ⌊(K+W)/2⌋ + 1",
    )
    deep = netcalc.analyze(f"3xH -> repeat 4 {{ {block} }}")
    assert str(deep.layers[-1].output_shape[1]) == "(H+15)//16"
