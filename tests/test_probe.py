"""The exact sets of positions against gradients through real torch modules: random networks, layers, shipped specs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from random_nets import FORMS, random_net  # noqa: E402

from netcalc.analysis import region  # noqa: E402
from netcalc.analysis.reading import box_at  # noqa: E402
from netcalc.analysis.receptive_field import receptive_fields, spatial_axes  # noqa: E402
from netcalc.layers.base import Applied  # noqa: E402
from netcalc.layers.convolution import Conv1d  # noqa: E402
from netcalc.layers.reach import WHOLE, Adaptive, Resized, Spread, Window  # noqa: E402
from netcalc.proof.probe import NotProbed, Probe, check_reach, difference, probe_fields  # noqa: E402
from netcalc.spec import elaborate  # noqa: E402
from netcalc.spec.shipped import shipped_names, shipped_text  # noqa: E402

NETS, CHUNK = 2160, 180


def disagreement(seed: int) -> str | None:
    """How the stated set of a corner, a border and the middle unit of a random network differs from the gradient's."""
    rank = 1 + seed // 3 % 3
    graph = random_net(seed, FORMS[seed % 3], rank)
    of, probe = graph.outputs[0], Probe(graph)
    shape = graph.nodes[of].shape
    first, middle, last = [0] * rank, [size // 2 for size in shape[1:]], [size - 1 for size in shape[1:]]
    border = [middle[0], *last[1:]] if rank > 1 else [min(1, last[0])]
    for places in {tuple(unit) for unit in (first, middle, last, border)}:
        if told := difference(probe, of, box_at(shape, places, range(1, rank + 1)), range(1, rank + 1)):
            return f"net {seed}, unit {places}: {told}"
    return None


@pytest.mark.parametrize("start", range(0, NETS, CHUNK))
def test_random_networks(start):
    """Chains, DAGs and encoder-decoders with 1, 2 and 3 axes: the very same positions."""
    assert not [told for seed in range(start, start + CHUNK) if (told := disagreement(seed))]


PLANTED = {
    "a window one wider": (Window, lambda rule: rule._replace(kernel=rule.kernel + 1)),
    "a window one further on": (Window, lambda rule: rule._replace(padding=rule.padding - 1)),
    "a window of other dilation": (Window, lambda rule: rule._replace(dilation=rule.dilation + 1)),
    "a spread one wider": (Spread, lambda rule: rule._replace(kernel=rule.kernel + 1)),
    "a spread one further on": (Spread, lambda rule: rule._replace(padding=rule.padding + 1)),
    "an adaptive window of another length": (Adaptive, lambda rule: rule._replace(outputs=rule.outputs + 1)),
    "one tap for two": (Resized, lambda rule: rule._replace(taps=1 if rule.taps > 1 else 2)),
    "aligned corners": (Resized, lambda rule: rule._replace(align_corners=not rule.align_corners)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_found(name, monkeypatch):
    """The suite's own control: an off-by-one in any rule turns it red."""
    kind, wrong = PLANTED[name]
    right = region.gathered

    def gathered(rule, outputs, length):
        slides = isinstance(rule, kind) and (kind is not Window or rule.kernel > 1)
        return right(wrong(rule) if slides else rule, outputs, length)

    monkeypatch.setattr(region, "gathered", gathered)
    assert any(disagreement(seed) for seed in range(250))


def test_one_layer():
    """A layer's rules against all its units, and the control: rules that are wrong by one."""
    applied = Applied(Conv1d(out_channels=2, kernel_size=3, stride=2, padding=1), ((2, 9),))
    assert check_reach(applied) == []
    for wrong in (Window(1, 3, 2, 1, 0), Window(1, 2, 2, 1, 1), Window(1, 4, 2, 1, 1), WHOLE):
        applied.__dict__["reach"] = ((WHOLE, wrong),)
        assert check_reach(applied), wrong


def test_what_cannot_be_probed_says_so():
    graph = elaborate("5 -> embedding 10 4 -> linear 3")
    with pytest.raises(NotProbed, match="whole numbers"):
        Probe(graph)
    assert not any(isinstance(told, tuple) for told in probe_fields(graph))


TOKENS = {"bert-base", "gpt2", "llama-7b", "lstm-classifier", "seq2seq", "transformer-base"}  # numbers of words


@pytest.mark.parametrize("name", [name for name in shipped_names() if name not in TOKENS])
def test_shipped_networks(name):
    """Every node, of every shipped network with spatial axes, that reads the input."""
    graph = elaborate(shipped_text(name))
    if not spatial_axes(graph):
        pytest.skip("no spatial axis")
    told = probe_fields(graph, seconds=600)
    whys = {each for each in told if isinstance(each, str)}
    assert whys <= {"not probed", "reads nothing of the source", "stands before image"}
    assert told.count("not probed") <= 1, "the input itself"
    pairs = [each for each in told if not isinstance(each, str)]
    assert len(pairs) > len(told) // 2
    assert all(stated == found for stated, found in pairs)


FIRST = {
    "3x18 -> adaptiveavgpool 1": (18,),
    "3x18 -> adaptivemaxpool 1": (18,),
    "3x18 -> avgpool 18": (18,),
    "3x18 -> gap": (18,),
    "4x9 -> adaptiveavgpool 1 -> flatten -> linear 3": (9,),
    "3x18 -> adaptiveavgpool 1 -> upsample scale_factor=4 -> conv 2 k3": (18,),
    "3x18 -> mean 0 keepdim=True -> conv 4 k3": (3,),
    "18x3 -> mean 0": (18,),
    "18x3 -> linear 2 -> mean 0": (18,),
}


@pytest.mark.parametrize("spec", FIRST)
def test_the_field_of_a_pool_that_comes_first(spec):
    """The gradient over the axis of 18 (or 9) positions, whatever axis the closed form takes."""
    graph = elaborate(spec)
    shape = graph.nodes[0].shape
    of = graph.outputs[0]
    output = graph.nodes[of].shape
    truths = Probe(graph).gradient(of, box_at(output, [0] * len(output), range(len(output))))
    places = torch.nonzero(truths.amax(1 - shape.index(max(shape)))).flatten().tolist()
    assert (places[-1] - places[0] + 1,) == FIRST[spec] == receptive_fields(graph)[of].size
