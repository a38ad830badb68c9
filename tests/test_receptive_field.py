"""Receptive fields: published values, closed form against exact sets, every kind of question, what is printed."""

from __future__ import annotations

import json
import math
import random
import re
from fractions import Fraction
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from random_nets import FORMS, random_net

from netcalc.analysis import receptive_field as closed_form
from netcalc.analysis.field import nested, receptive_field, trace, units_reading
from netcalc.analysis.reading import box_at, regions_reached, regions_read
from netcalc.analysis.receptive_field import receptive_fields, spatial_axes
from netcalc.analysis.region import Region, disjoint, full, gathered, members, ravelled, scattered, united, unravelled
from netcalc.analysis.report import where_it_holds
from netcalc.cli import main
from netcalc.dims import substitute
from netcalc.errors import SpecError
from netcalc.layers import all_kinds
from netcalc.layers.reach import Adaptive, Blocks, Causal, Resized, Spread, Window
from netcalc.report.field import svg_picture, terminal_picture
from netcalc.spec import elaborate
from netcalc.spec.shipped import shipped_text

# ---------------------------------------------------------------- published values

ALEXNET_V2 = """
3x224x224
conv 64 k11 s4 -> relu -> maxpool k3 s2
conv 192 k5 p2 -> relu -> maxpool k3 s2
conv 384 k3 p1 -> relu -> conv 384 k3 p1 -> relu -> conv 256 k3 p1 -> relu
maxpool k3 s2
"""

VGG_16 = """
3x224x224
def block(c, n) { repeat n { conv c k3 p1 -> relu } -> maxpool 2 }
block(64, 2)
block(128, 2)
block(256, 3)
block(512, 3)
block(512, 3)
"""

# TensorFlow's SAME at stride 2 on an even size: nothing before, one behind
MOBILENET_V1 = """
3x224x224
def same2(c) { zeropad (0, 1, 0, 1) -> conv c k3 s2 }
def unit(c) { conv c k3 p1 -> conv c k1 }
same2(8)
unit(8)
same2(8)
unit(8)
same2(8)
unit(8)
same2(8)
repeat 5 { unit(8) }
same2(8)
unit(8)
"""

# TF-Slim's resnet_v1_50: the stride is in the last unit of each block, the shortcut is subsampled there
RESNET_V1_50 = """
3x224x224
def unit(c) { residual { conv c k1 -> bn -> relu -> conv c k3 p1 -> bn -> relu -> conv 4*c k1 -> bn } -> relu }
def first(c) { residual { conv c k1 -> relu -> conv c k3 p1 -> relu -> conv 4*c k1 | conv 4*c k1 } -> relu }
def last(c) { residual { conv c k1 -> relu -> conv c k3 s2 p1 -> relu -> conv 4*c k1 | maxpool k1 s2 } -> relu }
conv 8 k7 s2 p3 -> bn -> relu
zeropad (0, 1, 0, 1) -> maxpool k3 s2
first(8) -> unit(8) -> last(8)
first(16) -> repeat 2 { unit(16) } -> last(16)
first(32) -> repeat 4 { unit(32) } -> last(32)
first(64) -> repeat 2 { unit(64) }
"""

INCEPTION_V2 = """
3x224x224
def mixed() { concat { conv 4 k1 | conv 4 k1 -> conv 4 k3 p1 | conv 4 k1 -> conv 4 k3 p1 -> conv 4 k3 p1
                     | avgpool k3 s1 p1 -> conv 4 k1 } }
def smaller() { concat { conv 4 k1 -> zeropad (0, 1, 0, 1) -> conv 4 k3 s2
                       | conv 4 k1 -> conv 4 k3 p1 -> zeropad (0, 1, 0, 1) -> conv 4 k3 s2
                       | zeropad (0, 1, 0, 1) -> maxpool k3 s2 } }
zeropad (2, 3, 2, 3) -> conv 8 k7 s2 -> zeropad (0, 1, 0, 1) -> maxpool k3 s2
conv 8 k1 -> conv 8 k3 p1 -> zeropad (0, 1, 0, 1) -> maxpool k3 s2
repeat 2 { mixed() }
smaller()
repeat 4 { mixed() }
smaller()
repeat 2 { mixed() }
"""

ENCODER_DECODER = """
1xLxL
def level() { conv 2 k3 p1 -> conv 2 k3 p1 }
level() -> identity as one -> maxpool 2
level() -> identity as two -> maxpool 2
level() -> identity as three -> maxpool 2
level()
convtranspose 2 k2 s2 -> concat three -> level()
convtranspose 2 k2 s2 -> concat two -> level()
convtranspose 2 k2 s2 -> concat one -> level()
"""

DISTILL = "Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019"


@pytest.mark.parametrize(
    ("spec", "size", "stride", "padding"),
    [
        pytest.param(ALEXNET_V2, 195, 32, 64, id="AlexNet-v2"),
        pytest.param(VGG_16, 212, 32, 90, id="VGG-16"),
        pytest.param(MOBILENET_V1, 315, 32, 126, id="MobileNet-v1"),
        pytest.param(RESNET_V1_50, 483, 32, 239, id="ResNet-v1-50"),
        pytest.param(INCEPTION_V2, 699, 32, 318, id="Inception-v2"),
    ],
)
def test_published_values(spec, size, stride, padding):
    """The table of the Distill article (see DISTILL): size, effective stride, effective padding."""
    *_, field = receptive_fields(elaborate(spec))
    assert (field.size, field.minimum) == ((size, size), (size, size)), DISTILL
    assert field.stride == (stride, stride) and field.start == (-padding, -padding)


def test_torchvision_resnet50_strides_earlier():
    """With the stride in the first unit of a block, as torchvision has it: 427."""
    found = receptive_field(elaborate(shipped_text("resnet50")))
    assert (found.size, found.stride, found.start) == ((427, 427), (32, 32), (-213, -213))


def test_lenet_of_the_courses():
    lenet = "-> conv 6 k5 {} -> relu -> avgpool 2 -> conv 16 k5"
    assert receptive_fields(elaborate("1x32x32" + lenet.format("")))[-1].size == (14, 14)
    assert receptive_fields(elaborate("1x28x28" + lenet.format("p2")))[-1].size == (14, 14)
    assert receptive_fields(elaborate("1x32x32" + lenet.format("d2")))[-1].size == (18, 18)


def test_an_encoder_decoder_has_no_single_field():
    """Between 92 and 100, not the naive 96; letters and numbers alike, and so in truth."""
    graph = elaborate(ENCODER_DECODER, sizes={"L": 256})
    *_, field = receptive_fields(graph)
    assert (field.minimum, field.size, field.stride) == ((92, 92), (100, 100), (1, 1))
    network, _ = where_it_holds(elaborate(ENCODER_DECODER))  # else: where there are fewer units than repeat, too
    *_, formula = receptive_fields(network)
    assert (formula.minimum, formula.size) == (field.minimum, field.size)
    spans = set()
    for unit in range(120, 136):
        first, last = receptive_field(graph, unit=(unit, unit)).inside[0]
        assert field.interval(0, unit) == (first, last)
        spans.add(last - first + 1)
    assert {min(spans), max(spans)} == {92, 100}


# ---------------------------------------------------------------- the closed form against exact sets


def disagreement(seed: int) -> str:
    """Where the closed form of a long random network differs from the exact sets; an empty text if nowhere."""
    graph = random_net(seed, FORMS[seed % 3], 1, range(150, 250))
    if not any(graph.nodes[0].applied is not node.applied and node.layer.rank == 1 for node in graph.nodes):
        return ""  # nothing says which axis is the position
    fields = receptive_fields(graph)
    of, length = graph.outputs[0], graph.nodes[0].shape[1]
    field, shape = fields[of], graph.nodes[of].shape
    if field is None:
        return "" if fields.reasons[of] == "reads nothing of the source" else fields.reasons[of]
    (strip,) = field.strips
    region = regions_read(graph, of, tuple(map(full, shape))).get(0)
    if strip.axis is None:
        places = members(region.along(1))
        return "" if (places[0], places[-1]) == strip.ends else f"{seed}: whole {strip.ends}, found {places}"
    middle = range(int(shape[1] * 0.35), int(shape[1] * 0.65))
    for unit in range(shape[1]) if strip.shift is None else middle:
        region = regions_read(graph, of, box_at(shape, (unit,), (1,))).get(0)
        places = members(region.along(1)) if region else [None]
        low, high = strip.low(unit), strip.high(unit)
        near_an_end = low is not None and (low < 60 or high > length - 60)
        if strip.shift is not None and near_an_end:
            continue
        if (places[0], places[-1]) != (low, high):
            return f"{seed}, unit {unit}: stated {low} … {high}, found {places}"
    return ""


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_closed_form_is_the_hull_of_the_exact_set(start):
    """Away from the borders, where nothing is cut off; where tables took over, for every unit."""
    assert not [text for seed in range(start, start + 50) if (text := disagreement(seed))]


PLANTED = {
    "_slid": lambda right: lambda strip, rule, *more: right(strip, rule._replace(kernel=rule.kernel + 1), *more),
    "_swept": lambda right: lambda strip, rule, *more: _shifted(right(strip, rule, *more)),
    "_joined": lambda right: lambda one, two, name: one,
}


def _shifted(strip):
    if not isinstance(strip, closed_form.Strip):
        return strip
    return strip._replace(highs=tuple(None if high is None else high + 1 for high in strip.highs))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_in_the_closed_form_is_found(name, monkeypatch):
    monkeypatch.setattr(closed_form, name, PLANTED[name](getattr(closed_form, name)))
    assert any(disagreement(seed) for seed in range(60))


def test_letters_and_numbers_agree():
    specs = [
        "3xHxW -> conv 8 k7 s2 p3 -> maxpool k3 s2 p1 -> residual { conv 8 k3 p1 -> conv 8 k3 p1 }",
        "3xHxW -> conv 8 k3 s2 p1 -> convtranspose 8 k4 s2 p1 -> conv 3 k3 p1",
        "3xHxW -> conv 8 k3 p1 -> upsample scale_factor=2 mode=bilinear -> conv 4 k3 p1",
        "3xHxW -> conv 8 k3 s2 p1 -> adaptiveavgpool 1 -> flatten -> linear 10",
        "3xHxW -> conv 8 k3 d2 -> avgpool 2 -> flatten -> linear 10",
    ]
    for spec in specs:
        formulas = receptive_fields(elaborate(spec))
        numbers = receptive_fields(elaborate(spec, sizes={"H": 64, "W": 96}))
        for one, two in zip(formulas, numbers):
            if not two.whole:
                assert (one.size, one.minimum, one.stride, one.start) == (two.size, two.minimum, two.stride, two.start)
            else:
                assert one.global_by == two.global_by
                assert [closed_form.text(size) for size in one.size]


BEHIND = (
    "adaptiveavgpool 7 -> flatten -> linear 10",
    "conv 4 k3 s2 -> adaptiveavgpool 7 -> flatten -> linear 10",
    "conv 4 k3 s3 p1 -> conv 4 k5 s3 -> adaptivemaxpool 5 -> conv 4 k3 -> flatten -> linear 10",
    "conv 4 k1 s5 -> adaptiveavgpool 3 -> convtranspose 3 k3 s2 -> flatten -> linear 3",
    "conv 4 k2 s2 -> add { adaptiveavgpool 7 -> conv 4 k3 p1 | adaptiveavgpool 7 -> relu } -> flatten -> linear 2",
    "add { conv 4 k2 s2 -> adaptiveavgpool 7 | conv 4 k3 s3 -> adaptiveavgpool 7 } -> flatten -> linear 2",
    "add { conv 4 k2 s2 -> adaptiveavgpool 7 | conv 4 k3 s3 -> gap keepdim=True } -> flatten -> linear 2",
    "adaptiveavgpool 7 -> flatten 1 2 -> transpose 0 1 -> mha 3 -> linear 3",
    "adaptiveavgpool (7,6) -> instancenorm -> conv 3 k3",
)
LEFT_OPEN = (  # not every unit of the pool is read on, or which position it is depends on the letter
    "adaptiveavgpool 7 -> maxpool 2 -> flatten -> linear 10",
    "adaptiveavgpool 7 -> conv 3 k1 s2 -> flatten -> linear 3",
    "conv 4 k3 s2 p1 -> upsample size=9 -> flatten -> linear 3",
    "add { conv 4 k2 s2 | conv 4 k3 s3 -> gap keepdim=True }",
    "adaptiveavgpool 7 -> flatten 1 2 -> transpose 0 1 -> lstm 3",
    "flatten -> slice 0:4 -> linear 3",
)


@pytest.mark.parametrize("spec", BEHIND)
def test_what_reads_the_whole_axis_needs_no_places(spec):
    """Behind a pool by a letter nobody knows what one unit reads; a layer that sees them all reads what they read."""
    spec = f"3xHxW -> {spec}"
    field = receptive_fields(elaborate(spec))[-1]
    assert all(field.global_by)
    for height in range(3, 60):
        try:
            graph = elaborate(spec, sizes={"H": height, "W": 63 - height})
        except SpecError:
            continue
        shape = graph.nodes[-1].shape
        region = regions_read(graph, len(graph) - 1, tuple(map(full, shape)))[0]
        places = [members(region.along(axis)) for axis in (1, 2)]
        stated = [
            (substitute(first, {"H": height, "W": 63 - height}), substitute(size, {"H": height, "W": 63 - height}))
            for first, size in zip(field.start, field.size)
        ]
        assert stated == [(places[0], places[-1] - places[0] + 1) for places in places], height


@pytest.mark.parametrize("cut", ["0:10", "60:64", "3:20", "17:18", "0:64"])
def test_a_piece_of_what_was_laid_out_in_a_row(cut):
    """What reads a slice of a flattened image does not read all of the image."""
    graph = elaborate(f"1x8x8 -> flatten -> slice {cut} -> linear 3")
    region, field = regions_read(graph, len(graph) - 1, (full(3),))[0], receptive_fields(graph)[-1]
    places = [members(region.along(axis)) for axis in (1, 2)]
    assert list(zip(field.start, field.size)) == [(found[0], found[-1] - found[0] + 1) for found in places]


@pytest.mark.parametrize("spec", LEFT_OPEN)
def test_where_places_are_needed_none_are_guessed(spec):
    fields = receptive_fields(elaborate(f"3xHxW -> {spec}"))
    assert fields[-1] is None and re.search("a letter|a part of", fields.reasons[len(fields) - 1])


# ---------------------------------------------------------------- every kind of question


def test_global_layers_are_named():
    graph = elaborate("3x32x32 -> conv 8 k3 p1 -> relu -> flatten -> linear 10")
    *_, relu, flatten, linear = receptive_fields(graph)
    assert relu.size == flatten.size == (3, 3) and flatten.global_by == (None, None)
    assert linear.size == (32, 32) and linear.global_by == ("linear1", "linear1") and linear.whole
    gated = elaborate("3x30x32 -> conv 8 k3 p1 -> mul { identity | gap keepdim=True as pool -> conv 8 k1 }")
    *_, field = receptive_fields(gated)
    assert field.size == (30, 32) and field.global_by == ("pool", "pool")


def test_normalisation_can_be_ignored():
    for norm in ("instancenorm", "groupnorm 2", "layernorm (8, 16, 16)"):
        graph = elaborate(f"3x16x16 -> conv 8 k3 p1 -> {norm} -> conv 8 k3 p1")
        assert receptive_fields(graph)[-1].size == (16, 16)
        assert receptive_fields(graph, ignore_normalization=True)[-1].size == (5, 5)
        found = receptive_field(graph, "conv2", (8, 8), ignore_normalization=True)
        assert found.read == (5, 5)


def test_from_any_node_to_any_later_one():
    graph = elaborate(shipped_text("resnet50"))
    found = receptive_field(graph, of="layer4.2.add1", from_="layer3.5.add1")
    assert (found.size, found.stride) == ((1 + 2 + 2 * 2 * 2, 1 + 2 + 2 * 2 * 2), (2, 2))
    with pytest.raises(SpecError, match="stands before"):
        receptive_field(graph, of="layer1.0.add1", from_="layer3.5.add1")


def test_several_inputs():
    graph = elaborate(
        """
        input left: 3x32x32
        conv 4 k3 p1 as a
        input right: 3x64x64
        conv 4 k5 s2 p2 as b
        from a -> add b -> conv 2 k3 p1
        """
    )
    assert receptive_field(graph, from_="left").size == (5, 5)
    found = receptive_field(graph, "conv1", (3, 5), from_="right")
    assert (found.size, found.stride, found.inside) == ((9, 9), (2, 2), ((2, 10), (6, 14)))


def test_holes_are_shown():
    graph = elaborate("1x32x32 -> conv 1 k3 d2 -> conv 1 k3 d2")
    found = receptive_field(graph, unit=(0, 3))
    assert found.size == (9, 9) and found.read == (5, 5)
    assert found.positions == ((0, 2, 4, 6, 8), (3, 5, 7, 9, 11)) and found.holes[0] == (1, 3, 5, 7)
    assert found.centre == (4, 7)


def test_clipping_at_the_borders():
    graph = elaborate("1x16x16 -> conv 1 k5 p2 -> conv 1 k5 p2")
    found = receptive_field(graph, unit=(0, 8))
    assert found.unclipped == ((-4, 4), (4, 12)) and found.inside == ((0, 4), (4, 12))
    assert found.clipped == (True, False) and found.whole_units == ((4, 11), (4, 11))


def test_asymmetric_padding():
    field = receptive_fields(elaborate("1x16x16 -> conv 1 k4 p=same -> conv 1 k2x3 p=same"))[-1]
    assert field.size == (5, 6) and field.start == (-1, -2)


def test_misaligned_branches_are_told_and_given_unit_by_unit():
    graph = elaborate("1x30 -> conv 1 k1 as a\nadd { avgpool 3 s2 -> slice 1 0 13 | slice 1 0 13 }")
    found = receptive_field(graph)
    assert any("strides of its branches differ (2 and 1)" in note for note in found.notes)
    assert found.stride == (None,) and found.field.interval(0, 12) == (12, 26)
    assert receptive_field(graph, unit=12).inside == ((12, 26),)
    shifted = receptive_field(elaborate("1x30x30 -> add { conv 1 k2 p=same | identity }"))
    assert shifted.notes == ("add1: the centres of its branches lie 1/2 apart",)


def test_two_dimensional_union_is_not_a_hull():
    graph = elaborate("1x9x9 -> add { conv 1 k1x5 p0x2 | conv 1 k5x1 p2x0 }")
    region = receptive_field(graph, unit=(4, 4)).region
    assert len(region) == 9 and (0, 4, 2) in region and (0, 2, 2) not in region


def test_the_projective_direction_is_the_reverse():
    rng = random.Random(0)
    for seed in range(60):
        graph = random_net(seed, FORMS[seed % 3], 1 + seed % 2)
        of, source = graph.outputs[0], graph.nodes[0].shape
        shape = graph.nodes[of].shape
        unit = tuple(rng.randrange(size) for size in shape)
        read = regions_read(graph, of, box_at(shape, unit, range(len(shape)))).get(0, Region(source))
        for _ in range(6):
            place = tuple(rng.randrange(size) for size in source)
            reached = regions_reached(graph, 0, box_at(source, place, range(len(source)))).get(of, Region(shape))
            assert (place in read) == (unit in reached), (seed, unit, place)


def test_units_reading_a_pixel():
    graph = elaborate("1x9x9 -> conv 1 k3 s2")
    assert units_reading(graph, (4, 0)).units == ((1, 2), (0,))


def test_which_axes_are_spatial():
    cases = {
        "3x8x8 -> conv 4 k3": (1, 2),
        "2x4x6x6 -> conv 4 k3 p1": (1, 2, 3),
        "3x8 -> conv 4 k3": (1,),
        "3x8 -> maxpool 2": (1,),
        "8x3 -> linear 4": (0,),
        "8x4 -> layernorm -> linear 4": (0,),
        "8x16 -> multiheadattention 4": (0,),
        "16x16 -> flatten -> linear 4": (0, 1),
        "8 -> linear 4": (),
        "8 -> embedding 100 16 -> multiheadattention 4": (0,),
    }
    for spec, axes in cases.items():
        assert spatial_axes(elaborate(spec)) == axes, spec


def test_trace_is_written_as_in_a_course():
    steps = trace(elaborate("1x32x32 -> conv 6 k5 -> relu -> avgpool 2 -> conv 16 k5 d2"))[1]
    assert [step.working for step in steps] == [
        "r = 1 + (5 − 1)·1 = 5",
        "r = 5 + (2 − 1)·1 = 6",
        "r = 6 + (5 − 1)·2·2 = 22",
    ]
    assert [(step.jump, step.size, step.start) for step in steps] == [(1, 5, 0), (2, 6, 0), (2, 22, 0)]


def test_wrong_questions_are_answered_with_errors():
    graph = elaborate("3x16xW -> conv 4 k3")
    with pytest.raises(SpecError, match="known only for numbers"):
        receptive_field(graph, unit=(0, 0))
    graph = elaborate("3x16x16 -> conv 4 k3")
    with pytest.raises(SpecError, match="14 positions"):
        receptive_field(graph, unit=(0, 14))
    with pytest.raises(SpecError, match="has 2 or 3 places"):
        receptive_field(graph, unit=(0, 0, 0, 0))
    with pytest.raises(SpecError, match="no layer"):
        receptive_field(graph, of="conv9")


def test_to_dict_is_json():
    found = receptive_field(elaborate("1x16x16 -> conv 1 k3 d2 -> upsample scale_factor=2"), unit=(3, 4))
    told = json.loads(json.dumps(found.to_dict()))
    assert told["axes"][0]["stride"] == "1/2" and told["axes"][0]["positions"] == [1, 3, 5]
    assert found.field.stride == (Fraction(1, 2),) * 2


# ---------------------------------------------------------------- sets


@pytest.mark.parametrize("seed", range(40))
def test_rules_on_sets_are_the_rules_on_numbers(seed):
    rng = random.Random(seed)
    length, outputs = rng.randint(1, 12), rng.randint(1, 12)
    kernel, stride, dilation, padding = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3), rng.randint(-2, 4)
    rules = [
        Window(0, kernel, stride, dilation, padding),
        Window(0, kernel, stride, dilation, max(0, padding), rng.choice(("circular", "replicate"))),
        Spread(0, kernel, stride, dilation, padding),
        Adaptive(0, length, outputs),
        Resized(0, length, outputs, rng.choice((1, 2, 4))),
        Blocks(0, rng.randint(1, 3), rng.randint(1, 3), rng.randint(0, 1)),
        Causal(0),
    ]
    chosen = rng.getrandbits(outputs)
    for rule in rules:
        each = [gathered(rule, 1 << output, length) for output in range(outputs)]
        if not isinstance(rule, Window) or rule.beyond == "zeros":
            for output, bits in enumerate(each):
                assert members(bits) == [place for place in rule.reads(output) if 0 <= place < length]
        read = 0
        for output in members(chosen):
            read |= each[output]
        assert gathered(rule, chosen, length) == read
        inputs = rng.getrandbits(length) | 1
        assert scattered(rule, inputs, length, outputs) == sum(1 << o for o, bits in enumerate(each) if bits & inputs)


def test_unions_of_boxes_are_exact():
    rng = random.Random(0)
    for _ in range(60):
        shape = tuple(rng.randint(1, 5) for _ in range(rng.randint(1, 3)))
        boxes, points = (), set()
        for _ in range(rng.randint(1, 40)):
            box = tuple(rng.randrange(1, 1 << size) for size in shape)
            boxes = united(boxes, box)
            points |= set(_points(box))
        assert {point for box in boxes for point in _points(box)} == points
        normal = disjoint(boxes)
        assert sum(len(list(_points(box))) for box in normal) == len(points) == len(Region(shape, boxes))
        bits = rng.getrandbits(12) | 1
        assert sum(ravelled(box, (2, 3, 2)) for box in unravelled(bits, (2, 3, 2))) == bits


def _points(box):
    if not box:
        return [()]
    return [(place, *rest) for place in members(box[0]) for rest in _points(box[1:])]


# ---------------------------------------------------------------- against plain loops


def word(layer: tuple) -> str:
    """A layer of a chain as it is written."""
    match layer:
        case ("conv", kernel, stride, dilation, padding):
            return f"conv 1 k{kernel} s{stride} d{dilation} p{padding}"
        case ("up", kernel, stride, padding):
            return f"convtranspose 1 k{kernel} s{stride} p{padding}"
        case ("pool", outputs):
            return f"adaptiveavgpool {outputs}"
    raise AssertionError(layer)


def read_by_loops(chain: list[tuple], length: int) -> list[set[int]]:
    """What each unit behind a chain reads, by torch's definitions of its layers alone; nothing if it is too short."""
    units = [{place} for place in range(length)]
    for layer in chain:
        n, reads = len(units), []
        match layer:
            case ("conv", kernel, stride, dilation, padding):
                for first in range(-padding, n + padding - dilation * (kernel - 1), stride):
                    reads.append([first + tap * dilation for tap in range(kernel)])
            case ("up", kernel, stride, padding):
                for o in range(padding, (n - 1) * stride + kernel - padding):
                    reads.append([i for i in range(n) if 0 <= o - i * stride < kernel])
            case ("pool", outputs):
                for o in range(outputs):
                    reads.append(range(math.floor(o * n / outputs), math.ceil((o + 1) * n / outputs)))
        units = [set().union(*(units[i] for i in places if 0 <= i < n)) for places in reads]
        if not units:
            return []  # too short for this layer
    return units


def extent(places: set[int]) -> int:
    return max(places) - min(places) + 1 if places else 0


def gapped_chain(random_: random.Random) -> list[tuple]:
    chain: list[tuple] = []
    for _ in range(random_.randint(1, 4)):
        if random_.random() < 0.8:
            dilation = random_.choice((1, 1, 1, 2, 3))
            chain.append(("conv", random_.randint(1, 4), random_.randint(1, 4), dilation, random_.randint(0, 3)))
        else:
            chain.append(("up", random_.randint(1, 4), random_.randint(1, 3), random_.choice((0, 0, 1))))
    return [*chain, ("pool", 1)]


def misstated(seed: int, seen: dict[bool, int]) -> str:
    """Where the field in L of a layer that sees a whole axis is not what is read; an empty text if nowhere."""
    chain = gapped_chain(random.Random(seed))
    spec = "1xL -> " + " -> ".join(map(word, chain))
    try:
        field = receptive_fields(elaborate(spec))[-1]
    except SpecError:
        return ""
    if field is None:
        return ""
    seen[field.exact] += 1
    for length in range(1, 26):
        if not (units := read_by_loops(chain, length)):
            continue
        stated, places = substitute(field.size[0], {"L": length}), units[0]
        if extent(places) > stated or (field.exact and extent(places) != stated):
            return f"{spec}, L = {length}: stated {stated}{'' if field.exact else ' at most'}, read {places}"
    return ""


def test_the_whole_axis_in_letters_is_exact_or_says_that_it_is_not():
    seen = {True: 0, False: 0}
    assert not [told for seed in range(300) if (told := misstated(seed, seen))]
    assert min(seen.values()) > 50


def test_a_bound_that_is_taken_for_exact_is_found(monkeypatch):
    monkeypatch.setattr(closed_form.ReceptiveField, "exact", True)
    assert any(misstated(seed, {True: 0, False: 0}) for seed in range(60))


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "python", "json"])
def test_a_formula_that_is_a_bound_says_so(form):
    spec = "3xL -> conv 4 k1 s3 p1 -> adaptiveavgpool 1 -> flatten -> linear 2"
    printed = CliRunner().invoke(main, ["formula", spec, "--of", "rf", "--format", form]).output
    assert "at most" in printed and "by a gap at an end" in " ".join(printed.split())
    sure = CliRunner().invoke(main, ["formula", spec, "--of", "rf", "--format", form, "--set", "L=5"]).output
    assert "at most" not in sure


def misranged(seed: int) -> str:
    """Where the least and greatest size behind adaptive pools is not that of any unit; an empty text if nowhere."""
    random_ = random.Random(seed)
    chain: list[tuple] = []
    for _ in range(random_.randint(1, 5)):
        if random_.random() < 0.5:
            chain.append(("pool", random_.randint(2, 8)))
        else:
            chain.append(("conv", random_.randint(1, 3), random_.randint(1, 3), random_.choice((1, 1, 2)), 0))
    length = random_.randint(2, 16)
    spec = f"1x{length} -> " + " -> ".join(map(word, chain))
    try:
        field = receptive_fields(elaborate(spec))[-1]
    except SpecError:
        return ""
    sizes = [extent(places) for places in read_by_loops(chain, length)]
    right = (field.minimum[0], field.size[0]) == (min(sizes), max(sizes))
    return "" if right else f"{spec}: stated {field.minimum} … {field.size}, read {sizes}"


def test_the_range_of_sizes_is_that_of_units_that_are_there():
    """Without padding, so that nothing is cut off."""
    assert not [told for seed in range(1500) if (told := misranged(seed))]


def test_a_range_over_units_that_are_not_there_is_found(monkeypatch):
    def all_of_a_period(strip):
        sizes = [high - low + 1 for low, high in zip(strip.lows, strip.highs)]
        return min(sizes), max(sizes)

    monkeypatch.setattr(closed_form, "_sizes", all_of_a_period)
    assert any(misranged(seed) for seed in range(1500))


def test_a_letter_elsewhere_leaves_the_axis_open():
    spec = (
        "BxA -> convtranspose 4 k2 s2 -> maxpool 2 s3 -> Linear(A, 2) -> adaptiveavgpool K -> flatten -> Linear(8, 3)"
    )
    field = receptive_fields(elaborate(spec))[-1]
    assert field is not None and not field.exact


# ---------------------------------------------------------------- which axis has positions


@pytest.mark.parametrize("kind", [kind for kind in all_kinds().values() if kind.rank == 1])
def test_a_layer_of_rank_1_moves_along_the_last_axis(kind):
    """The channels come first in torch.nn, whatever the layer does; a layer over features alone has no positions."""
    for example in kind.examples:
        graph = elaborate(example)
        assert spatial_axes(graph) == ((1,) if len(graph.nodes[0].shape) == 2 else ()), example


@pytest.mark.parametrize(
    ("spec", "axis"),
    [
        ("3x18 -> gap", 1),
        ("3x18 -> gap -> linear 2", 1),
        ("3x18 -> globalmaxpool keepdim=True", 1),
        ("3x18 -> adaptiveavgpool 1 -> upsample scale_factor=4 -> conv 2 k3", 1),
        ("TxD -> mean 0", 0),
        ("TxD -> max 0 -> linear 3", 0),
        ("TxD -> linear 4 -> mean 0", 0),
        ("3x18 -> mean 0 keepdim=True -> conv 4 k3", 1),  # a mean over channels: the convolution knows better
        ("1x9 -> squeeze 0 -> unsqueeze 0 -> conv 3 k3", 1),
        ("64x3 -> posenc 4 -> linear 2", 0),
    ],
)
def test_what_is_averaged_has_positions(spec, axis):
    assert spatial_axes(elaborate(spec)) == (axis,)


# ---------------------------------------------------------------- cost


def test_ten_thousand_layers():
    *_, field = receptive_fields(elaborate("3x224x224\nrepeat 10000 { conv 3 k3 p1 }"))
    assert field.size == (20001, 20001)


@pytest.mark.parametrize(
    "text",
    [
        "4x7 -> adaptivemaxpool 999999999999",
        "4x7x7 -> upsample size=9999999 mode=area",
        "4x7x7 -> upsample size=9999999 mode=bicubic",
        "4x99999999 -> concat { conv 4 k2 s2 | conv 4 k3 s3 -> upsample size=49999999 }",
    ],
)
def test_a_table_of_too_many_units_is_told_and_not_made(text):
    graph = elaborate(text)
    fields = receptive_fields(graph)
    assert fields[-1] is None and "more than 100,000 units" in fields.reasons[len(graph) - 1]


def test_a_long_axis_needs_no_table_of_its_positions():
    *_, field = receptive_fields(elaborate("4x99999999 -> adaptiveavgpool 7"))
    assert field.size == (max(-(-(i + 1) * 99999999 // 7) - i * 99999999 // 7 for i in range(7)),)


# ---------------------------------------------------------------- what is printed


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["rf", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


LENET = "1x32x32 -> conv 6 k5 -> relu -> avgpool 2 -> conv 16 k5 -> flatten -> linear 10"


def test_the_command_lists_all_layers():
    lines = run(LENET).splitlines()
    assert lines[0].split("\t")[:5] == ["layer", "output", "field", "stride", "start"]
    assert "conv2\t16x10x10\t14x14\t2x2\t0x0" in lines
    assert lines[-1] == "linear1\t10\t32x32\t0x0\t0x0\twhole axis by linear1"


def test_the_command_traces_and_answers_for_a_unit():
    told = run(LENET, "--trace", "--unit", "1,9")
    assert "conv2\t5\t1\t1\t0\t2\t14\t0\tr = 6 + (5 − 1)·2 = 14" in told
    assert "really read\t2 … 15 × 18 … 31" in told and "holes\tnone" in told
    told = json.loads(run(LENET, "--of", "conv2", "--unit", "1,9", "--json", "--trace"))
    assert told["axes"][1]["inside"] == [18, 31] and told["trace"]["1"][-1]["size"] == 14
    assert "units along axis 1\t0–4 (5)" in run(LENET, "--of", "conv2", "--reaches", "9,31")


def test_pictures(tmp_path):
    spec = "1x12x12 -> conv 1 k3 d2 -> conv 1 k3"
    told = run(spec, "--unit", "0,0", "--picture", "--svg", str(tmp_path / "picture.svg"))
    assert "███████░░░░░" in told
    tree = ElementTree.parse(tmp_path / "picture.svg")
    assert tree.getroot().tag.endswith("svg")
    graph = elaborate(spec)
    fields = nested(graph, receptive_field(graph, unit=(0, 0)))
    assert [field.of for field in fields] == ["conv2", "conv1"]
    assert "\x1b[38;2;" in terminal_picture(fields, 40, colour=True)
    holes = terminal_picture([receptive_field(graph, "conv1", (0, 0))], 40, colour=False).splitlines()
    assert holes[0] == "▀░▀░▀░░░░░░░"
    image = tmp_path / "image.png"
    image.write_bytes(b"not really")
    assert "data:image/png;base64" in svg_picture(fields, image)
    for rank in ("1x40", "1x6x8x9"):
        graph = elaborate(f"{rank} -> conv 1 k3 -> conv 1 k3")
        unit = (1,) * (len(graph.nodes[0].shape) - 1)
        fields = nested(graph, receptive_field(graph, unit=unit))
        assert terminal_picture(fields, 60, colour=False) and ElementTree.fromstring(svg_picture(fields)) is not None


@pytest.mark.parametrize(
    ("spec", "figures"),
    [
        ("1x32x32 -> conv 6 k5 p1 -> avgpool 2", "size=(6, 6) stride=(2, 2) start=(-1, -1)"),
        ("T x 8 -> linear 4", "size=(1,) stride=(1,) start=(0,)"),
        ("1x9 -> upsample scale_factor=2 -> conv 1 k2", "size=(2,) minimum=(1,) stride=(1/2,) start=(0,)"),
    ],
)
def test_a_field_is_short_to_read(spec, figures):
    """Its figures, which are those of its tuples."""
    graph = elaborate(spec)
    assert repr(receptive_fields(graph)[-1]) == f"<ReceptiveField {figures}>"
