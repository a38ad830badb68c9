"""The receptive field in letters is that of numbers: random networks of many layers, at many sizes.

Every layer's greatest and least size, stride and start, as formulas with numbers put in, are held against the same
network read anew on those numbers, from the smallest sizes that are legal on. (The fields of numbers are held against
torch's gradients in ``test_probe.py``.) Letters may have no field where numbers have one, but no other one; and none
where numbers have none.
"""

import random

import pytest

from netcalc.analysis.conditions import conditions_of
from netcalc.analysis.receptive_field import receptive_fields
from netcalc.analysis.report import analyze, where_it_holds
from netcalc.analysis.requirement import check
from netcalc.dims import Expr, substitute
from netcalc.errors import SpecError
from netcalc.spec.elaborate import elaborate

SIZES = (*range(1, 15), 16, 17, 20, 22, 23, 31, 32, 48)
NETWORKS = 24
"""Networks a seed."""


# ---------------------------------------------------------------- random networks on T positions


def window(rng):
    kernel, stride, padding = rng.choice((1, 2, 3, 3, 4, 5)), rng.choice((1, 1, 2, 3)), rng.choice((0, 0, 1, 2))
    return rng.choice(
        (
            f"conv 4 k{kernel} s{stride} p{padding}",
            f"conv 4 k{kernel} d{rng.choice((1, 2, 3))} p{padding}",
            f"maxpool {rng.choice((2, 3))} s{stride} p{rng.choice((0, 1))}",
            f"avgpool 2 ceil_mode={rng.choice((True, False))}",
            "conv 4 K stride=S padding=P",
        )
    )


def wider(rng):
    return rng.choice(
        (
            f"convtranspose 4 k{rng.choice((1, 2, 3, 4))} s{rng.choice((1, 2, 2, 3))} p{rng.choice((0, 0, 1, 2))}",
            f"upsample scale_factor={rng.choice((2, 2, 3))}",
            "upsample scale_factor=2 mode=linear",
            f"zeropad ({rng.choice((0, 1, 2))}, {rng.choice((0, 1, 2))})",
        )
    )


def cut(rng):
    start = rng.choice((0, 1, 2))
    return rng.choice((f"slice 1 {start} -1", f"slice 1 {start}", "slice 1 0 3", f"slice 1 {start} step=2"))


def kept(rng):
    return rng.choice(("relu", "conv 4 k3 p1", "conv 4 k5 p2", "conv 4 k1", "conv 4 k3 d2 p2"))


def branches(rng):
    one, two, narrower = kept(rng), kept(rng), rng.choice(("conv 4 k3 s2 p1", "maxpool 2"))
    return rng.choice(
        (
            f"residual {{ {one} -> {two} }}",
            f"concat {{ {one} | {two} }} -> conv 4 k1",
            f"concat axis=1 {{ {one} | {two} }}",
            f"concat axis=1 {{ {window(rng)} | {wider(rng)} }}",
            f"residual {{ {narrower} | {rng.choice(('conv 4 k1 s2', 'avgpool 2'))} }}",
        )
    )


def over_time(rng):
    steps = rng.choice(
        (
            "lstm 4",
            "lstm 4 -> gru 4",
            "lstm 4 bidirectional=True -> linear 4",
            "linear 4",
            "mha 2",
            "residual { lstm 4 }",
            "linear 4 as keys -> linear 4 as values -> linear 4 -> sdpa 2 causal with keys values -> linear 4",
            "lstm 4 -> view -1 2 -> linear 4",
            "lstm 4 -> slice 0 0 -1",
            "lstm 4 -> slice 0 1",
            "lstm 4 -> unflatten 1 (2, 2) -> flatten 2",
            "view -1 2 -> linear 4",
            "mha 2 -> view -1 2 -> linear 4",
        )
    )
    return f"transpose 0 1 -> {steps} -> transpose 0 1"


def u_net(rng, depth):
    name = f"level{depth}"
    down = rng.choice(("maxpool 2", "conv 4 k2 s2", "conv 4 k3 s2 p1"))
    up = rng.choice(("upsample scale_factor=2", "convtranspose 4 k2 s2"))
    inner = u_net(rng, depth - 1) if depth else kept(rng)
    meet = rng.choice((f"concat {name} -> conv 4 k3 p1", f"add {name}"))
    return f"{kept(rng)} as {name} -> {down} -> {inner} -> {up} -> {meet}"


def network(rng):
    """One to four steps on a signal or on an image; it may end in a layer that reads the whole axis."""
    image = rng.random() < 0.25
    forms = [window, window, wider, cut, kept, branches, *([] if image else [wider, branches, over_time])]
    steps = [rng.choice(forms)(rng) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.25:
        steps.insert(rng.randrange(len(steps) + 1), u_net(rng, rng.randint(0, 2)))
    ends = ("adaptiveavgpool 1", "adaptiveavgpool 2", "mean 1", "flatten 2 -> transpose 0 1 -> gru 4 -> mean 0")
    if rng.random() < 0.3:
        steps.append(rng.choice((*ends, "flatten 2 -> transpose 0 1 -> lstm 4 -> slice 0 0 3")))
    text = " -> ".join(("4xTxT" if image else "4xT", *steps))
    return text.replace("mode=linear", "mode=bilinear") if image else text


# ---------------------------------------------------------------- letters and numbers


def said(field, moving, given):
    """Of a field: greatest and least size and start; and the stride along the axes that are moved along."""
    figures = (*field.size, *field.minimum, *field.start)
    strides = (stride for stride, moves in zip(field.stride, moving) if moves)
    return tuple(substitute(figure, given) for figure in (*figures, *strides))


def moving(formula, field):
    """Along which axes there is a stride to compare: a second unit, and no fraction of a letter."""
    pairs = zip(formula.strips, field.strips)
    return [other.units != 1 and not (strip.period > 1 and isinstance(strip.shift, Expr)) for strip, other in pairs]


def compare(text, places):
    """How many fields in letters were found to be those of numbers, and how many there are of numbers alone.

    Both as the network is written, and with declared of its letters what its conditions demand.
    """
    written = elaborate(text)
    conditions = conditions_of(written)
    forms = [receptive_fields(graph) for graph in (written, where_it_holds(written)[0])]
    same = alone = 0
    for given in places:
        if not all(one.holds(**given) for one in conditions):
            continue
        numbers = elaborate(text, sizes=given)
        found = receptive_fields(numbers)
        for fields in forms:
            assert fields.axes == found.axes, (text, given)
            for place, (node, formula, field) in enumerate(zip(numbers.nodes, fields, found, strict=True)):
                at = (text, given, node.name)
                if formula is None:
                    assert fields.reasons[place], at
                    alone += field is not None
                elif formula.exact:
                    assert field is not None, (*at, formula.size, found.reasons[place])
                    axes = moving(formula, field)
                    assert said(formula, axes, given) == said(field, axes, given), (*at, formula.size)
                    same += 1
                elif field is not None:
                    most = (substitute(size, given) for size in formula.size)
                    assert all(size <= more for size, more in zip(field.size, most, strict=True)), at
    return same, alone


@pytest.mark.parametrize("seed", range(6))
def test_random_networks(seed):
    rng = random.Random(f"fields of letters {seed}")
    same = alone = networks = 0
    while networks < NETWORKS:
        text = network(rng)
        places = [{"T": size, "K": rng.randint(1, 4), "S": rng.randint(1, 3), "P": rng.randint(0, 2)} for size in SIZES]
        places = [{letter: given[letter] for letter in given if letter in text} for given in places]
        try:
            more, others = compare(text, places)
        except SpecError:
            continue  # no size at all is legal
        same, alone, networks = same + more, alone + others, networks + 1
    assert same > 2000 and same > alone, (same, alone)


@pytest.mark.parametrize(
    "text",
    [
        # parts of an axis side by side, of lengths that would be equal at a size that is illegal
        "4xT -> conv 4 k3 -> concat axis=1 { relu | identity }",
        "4xTxT -> conv 4 k3 -> concat axis=2 { relu | identity }",
        "8xT -> slice 1 1 -1 -> concat axis=1 { relu | sigmoid }",
        "input a: 4xT\nconv 4 k3 as c -> conv 4 k3 -> concat c axis=1",
        # fewer units than repeat
        "1xT -> upsample scale_factor=2 -> conv 1 k2",
        "1xT -> conv 4 k3 s4 -> maxpool 2 -> repeat 2 { convtranspose 3 k4 s2 p2 }",
        # units that read up to their own place
        "Tx8 -> lstm 6 -> view -1 2",
        "Tx8 -> gru 6 -> unflatten 1 (2, -1)",
        "Tx8 -> lstm 6 -> slice 0 0 1",
        "Tx8 -> lstm 6 -> slice 0 -1",
        "Tx8 -> lstm 6 -> transpose 0 1 -> maxpool 2 -> conv 4 k3 p1",
        "Tx8 -> lstm 6 bidirectional=True -> view -1 2",
    ],
)
def test_networks_of_few_units_and_parts(text):
    same, _ = compare(text, [{"T": size} for size in SIZES])
    assert same


def test_assert_claims_no_more_than_holds():
    """A field that differs for few units is open, and for which; one that is not stated exactly is refused."""
    few = check(analyze(elaborate("1xH -> upsample scale_factor=2 -> conv 1 k2")), "rf >= 2")
    assert (few.holds, few.when) == (None, "H ≥ 2")
    up = "1xH -> conv 4 k3 s4 -> maxpool 2 -> repeat 2 { convtranspose 3 k4 s2 p2 }"
    assert check(analyze(elaborate(up)), "rf >= 20").when == "H ≥ 23"
    for text, reason in (
        ("4xH -> conv 4 k3 -> concat axis=1 { relu | identity }", "branches stand side by side"),
        ("4xH -> conv 4 k2 d4 p2 -> adaptiveavgpool 1", "at most H"),
    ):
        with pytest.raises(SpecError, match=reason):
            check(analyze(elaborate(text)), "rf >= 3")
