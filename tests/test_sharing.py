"""Weights that several layers, or several uses of a block, have in common."""

import pytest

from netcalc import SpecError, analyze, parse

TOWER = "def f(c) { linear c -> relu -> linear c }\n"


def error(text, **sizes) -> str:
    with pytest.raises(SpecError) as caught:
        parse(text, **sizes)
    return str(caught.value)


def test_a_named_block_is_shared_whole():
    for again in ("tower", "share tower"):
        report = analyze(f"{TOWER}8 -> f 8 as tower -> {again}")
        assert (report.params, report.flops) == (144, 528)
        assert [layer.name for layer in report.layers][-3:] == ["tower2.linear1", "tower2.relu1", "tower2.linear2"]


@pytest.mark.parametrize("block", ["residual { linear 8 -> relu }", "repeat 1 { residual { linear 8 -> relu } }"])
def test_blocks_of_every_sort_are_shared(block):
    once, twice = (analyze(f"8 -> {block} as tower{more}") for more in ("", " -> share tower"))
    assert (twice.params, twice.flops) == (once.params, 2 * once.flops)
    thrice = analyze(f"8 -> {block} as tower -> share tower as other -> other")
    assert (thrice.params, thrice.flops) == (once.params, 3 * once.flops), "a use of a block is a block of that name"
    aliased = analyze(f"8 -> {block} as tower, second -> second")
    assert (aliased.params, aliased.flops) == (once.params, 2 * once.flops)
    assert aliased.layers[-1].name.startswith("second2.")


def test_a_shared_block_reads_the_same_outside_nodes():
    graph = parse("8 -> linear 8 as a -> relu -> residual { linear 8 -> add a } as t -> tanh -> t")
    assert graph[graph.index("t2.add1")].inputs[1] == graph.index("a")
    assert graph[graph.index("t2.add")].inputs == (graph.index("t2.add1"), graph.index("tanh1"))


def test_a_siamese_network():
    text = """
    input a: 10
    residual { linear 10 -> layernorm -> relu } as tower
    linear 3 as head
    input b: 10
    share tower as right -> share head -> sub head -> linear 1
    """
    report = analyze(text)
    assert report.params == 110 + 20 + 33 + 4
    assert report["right.linear1"].own_params == 0 and report["right.linear1"].flops == report["tower.linear1"].flops


def test_shared_blocks_are_proved():
    pytest.importorskip("torch")
    from netcalc.proof.verification import verify

    text = "input a: 4\nresidual { linear 4 -> relu } as t\nlinear 2 as u\ninput b: 4\nt -> u -> sub u"
    assert verify(parse(text)).complete


def test_a_shared_layer_that_does_not_fit_says_what_it_takes():
    found = error("linear".join(["8 -> ", " 8 as enc -> linear 9 -> share enc"]))
    assert "enc was made for an input of 8" in found and "in_features=9" not in found
    found = error("8 -> residual { linear 9 -> linear 8 } as tower -> linear 7 -> tower")
    assert "tower.linear1 was made for an input of 8" in found and "line 1, column" in found


def test_a_block_that_reads_something_else_is_not_used_again():
    assert "would compute the same" in error("8 -> linear 8 as a -> relu -> repeat 1 { from a -> relu } as t -> t")


def test_a_parameter_may_stand_for_a_block():
    report = analyze("def twice(block) { share block -> share block }\n8 -> residual { linear 8 } as t -> twice t")
    assert report.params == 72 and report.macs == 3 * 64


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("8 -> embedding 10 4 as e -> linear 11 tied=e", "[11, 4] in linear1, [10, 4] in e"),
        ("16 -> linear 8 as a -> linear 16 tied=a", "[16, 8] in linear1, [8, 16] in a"),
        ("3x8x8 -> conv 4 k3 as c -> flatten -> linear 4 tied=c", "[4, 144] in linear1, [4, 3, 3, 3] in c"),
        ("T -> embedding V 4 as e -> linear W tied=e", "[W, 4] in linear1, [V, 4] in e"),
    ],
)
def test_tied_weights_are_of_one_shape(text, shapes):
    assert f"found: {shapes}" in error(text)


def test_tied_letters_that_are_equal_for_sure():
    assert str(analyze("T -> embedding V 4 as e -> linear V nobias tied=e").params) == "4*V"
    assert analyze("T -> embedding V 4 as e -> linear W nobias tied=e", V=7, W=7).params == 28
