"""The spec language: what it says, and the errors for what it does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netcalc
from netcalc import SpecError, analyze, parse
from netcalc.layers import all_kinds, all_words
from netcalc.layers.missing import ELSEWHERE
from netcalc.spec.mlp import mlp_spec
from netcalc.spec.shipped import shipped_text


def layers(text, **sizes):
    return [node.layer for node in parse(text, **sizes).nodes]


def shape(text, **sizes):
    graph = parse(text, **sizes)
    return graph[graph.outputs[-1]].shape


def error(text, **sizes) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text, **sizes)
    return caught.value


# ---------------------------------------------------------------- chains


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3x32x32 -> conv 16 k3 s2 p1", "input 3x32x32\nConv2d(3, 16, kernel_size=3, stride=2, padding=1)"),
        ("3x32x32 -> conv 16 3 2 1", "3 × 32 × 32 → nn.Conv2d(3, 16, 3, 2, 1)"),
        ("3,32,32 -> conv 16 k=3 s=2 p=1", "input (3, 32, 32)\n\ntorch.nn.Conv2d(3, 16, (3, 3), (2, 2), (1, 1))"),
        ("1x8x9 -> conv 4 k3x5 p1x2", "1x8x9 -> conv 4 kernel_size=(3, 5) padding=[1, 2]"),
        ("8 -> linear 4 nobias", "8 -> linear 4 bias=False"),
        ("1x9x9 -> maxpool 3 s2 ceil_mode", "1x9x9 -> maxpool(3, stride=2, ceil_mode=True)"),
        ("d = 4\n8 -> linear 2*d", "8 -> linear 8"),
        ("d = 2*(3+1)//2 - 1\n8 -> linear d", "8 -> linear 3"),
        ("4x6 -> flatten 1 -1", "4x6 -> flatten"),
        ("8 -> relu  # a comment\n-> linear 2 # another", "8 -> relu -> linear 2"),
        ("8 ->\n  relu\n\n\n -> linear 2", "8 -> relu -> linear 2"),
    ],
)
def test_two_ways_of_saying_the_same(one, other):
    def facts(text):
        return [
            (layer["input_shapes"], layer["output_shape"], layer["params"], layer["work"])
            for layer in analyze(text).to_dict()["layers"]
        ]

    assert facts(one) == facts(other)


def test_rank_free_kinds_take_their_rank_from_the_input():
    kinds = [layers(f"{size} -> conv 4 k3 p1 -> bn -> maxpool 2")[1:] for size in ("2x8", "2x8x8", "2x8x8x8")]
    assert [[layer.kind for layer in three] for three in kinds] == [
        [f"Conv{rank}d", f"BatchNorm{rank}d", f"MaxPool{rank}d"] for rank in (1, 2, 3)
    ]


def test_letters():
    assert str(shape("3xHxW -> conv D k3 s2 p1")) == "(D, (H+1)//2, (W+1)//2)"
    assert shape("3xHxW -> conv D k3 s2 p1", H=224, W=32, D=8) == (8, 112, 16)
    assert shape("T x D -> linear 4*D", T=3, D=2) == (3, 8)
    assert netcalc.mlp("D-H-C").symbols == ("C", "D", "H")


def test_five_strides_fold_into_one_floor():
    assert str(shape("3xHx8 -> " + " -> ".join(["conv 4 k3 s2 p1"] * 5))) == "(4, (H+31)//32, 1)"


def test_declared_letters():
    text = "H in 32..1024\nH % 32 == 0\n3xHx8 -> maxpool 2 -> conv 4 k9x1"
    assert str(shape(text)) == "(4, H/2 - 8, 4)" or str(shape(text)[1]).startswith("H")
    assert parse(text).conditions == (), "the declaration settles what would be open"
    assert parse(text.replace("H in 32..1024\nH % 32 == 0\n", "")).conditions
    assert shape(text, H=64) == (4, 24, 4)
    for wrong in (16, 2048, 33):
        assert error(text, H=wrong).code == "condition-violated"
        with pytest.raises(SpecError):
            netcalc.analyze(parse(text), H=wrong)
    assert error("3xHx8 -> relu\nH in 3..4").code == "bad-declaration"
    assert error("h in 3..4\n3x8").code == "bad-declaration"
    assert error("H in 5..4\n3xH").code == "condition-violated"
    assert error("H in 3\n3xH").code == "syntax"


def test_set_overrides_constants_and_letters():
    assert shape("d = 768\nN -> linear d", d=4) == (4,)
    assert shape("d = 768\nN -> linear d*N", N=2) == (1536,)
    assert error("d = 768\n8 -> linear d", dd=4).code == "unknown-symbol"


# ---------------------------------------------------------------- networks


def test_residual_adds_the_input_or_the_second_branch():
    report = analyze("4x8x8 -> residual { conv 4 k3 p1 -> bn -> relu -> conv 4 k3 p1 } -> relu")
    assert [layer.kind for layer in report.layers] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "Add", "ReLU"]
    assert report["add1"].flops == 4 * 8 * 8
    assert shape("4x8x8 -> residual { conv 8 k3 s2 p1 | conv 8 k1 s2 }") == (8, 4, 4)


def test_merges_names_and_skips():
    assert shape("4x8x8 -> concat { conv 3 k1 | conv 5 k3 p1 | identity }") == (12, 8, 8)
    assert shape("4x8x8 -> conv 6 k1 as a -> maxpool 2 -> upsample scale_factor=2 -> concat a") == (12, 8, 8)
    assert shape("4x8x8 -> sub { conv 3 k1 | conv 3 k3 p1 }") == (3, 8, 8)
    assert error("8 -> relu { relu | relu }").code == error("8 -> ad { relu | relu }").code == "unknown-block"
    assert shape("4x8x8 -> conv 6 k1 as a -> relu -> add a -> mul a") == (6, 8, 8)
    graph = parse("input a: 4\ninput b: 6\nlinear 3 -> relu as r\nfrom a -> linear 3 -> add r")
    assert [graph.nodes[i].shape for i in graph.outputs] == [(3,)]


def test_every_unused_end_is_an_output_unless_stated():
    graph = parse("8 -> linear 4 as a -> relu\nfrom a -> linear 2 as b")
    assert [graph.nodes[i].shape for i in graph.outputs] == [(4,), (2,)]
    graph = parse("8 -> linear 4 as a -> relu\nfrom a -> linear 2 as b\noutput b")
    assert [graph.nodes[i].name for i in graph.outputs] == ["b"]


def test_definitions_repeats_and_names():
    text = """
    def block(c, s=1) {
      residual { conv c k3 s=s p1 -> bn | conv c k1 s=s } -> relu
    }
    3x16x16
    block 8
    repeat 2 { block(8) } as layer1
    repeat 1:3 { block 8 s=1 } as layer2
    block(16, s=2) as layer3.0
    """
    names = [node.name for node in parse(text).nodes]
    assert {
        "block1.conv1",
        "layer1.0.bn1",
        "layer1.1.add1",
        "layer2.1.conv1",
        "layer2.2.conv2",
        "layer3.0.relu1",
    } <= set(names)
    assert shape(text) == (16, 8, 8)


def test_labels_in_blocks_of_a_repeat_and_beside_fresh_names():
    names = [node.name for node in parse("3x8x8 -> repeat 2 { residual { conv 3 k3 p1 as c1 } }").nodes]
    assert names == ["input", "repeat1.0.c1", "repeat1.0.add1", "repeat1.1.c1", "repeat1.1.add1"]
    assert [node.name for node in parse("8 -> linear 4 -> linear 3 as linear1").nodes] == [
        "input",
        "linear2",
        "linear1",
    ]


def test_a_kind_may_be_a_parameter():
    text = "def block(c, act=relu) { linear c -> act }\n8 -> block 4 -> block(2, act=tanh)"
    assert [layer.kind for layer in layers(text)] == ["Input", "Linear", "ReLU", "Linear", "Tanh"]


def test_lazy_modules_infer():
    assert layers("3x8x8 -> LazyConv2d(4, 3) -> nn.LazyBatchNorm2d()") == layers("3x8x8 -> conv 4 3 -> bn")


def test_an_identity_branch_is_no_layer():
    assert [n.layer.kind for n in parse("4x8x8 -> concat { conv 3 k1 | identity }").nodes] == [
        "Input",
        "Conv2d",
        "Concat",
    ]


def test_chunk_and_split():
    assert shape("8x4x4 -> chunk 2 as a, b -> from a -> add b") == (4, 4, 4)
    assert shape("8x4x4 -> split 5 3 as a, b\nfrom b") == (3, 4, 4)
    assert error("8x4x4 -> split 5 4 as a, b").code == "shape-mismatch"
    assert error("8x4x4 -> chunk 2 as a").code == "bad-argument"


def test_shared_weights_count_once_and_work_twice():
    once = analyze("8 -> linear 8 as f -> relu")
    for spec in ("8 -> linear 8 as f -> relu -> share f", "8 -> linear 8 as f -> relu -> f"):
        twice = analyze(spec)
        assert twice.params == once.params and twice.macs == 2 * once.macs
    tied = analyze("T -> embedding 100 16 as wte -> linear 100 nobias tied=wte")
    assert tied.params == 1600


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "code", "underlined", "says"),
    [
        ("3x8x8 -> upsample 2", "ambiguous-argument", "2", "scale_factor=2"),
        ("256 -> lineer 10", "unknown-kind", "lineer", "did you mean 'linear'"),
        ("3x8x8 -> Conv2D(3, 4, 3)", "unknown-kind", "Conv2D", "'conv2d'"),
        ("256 -> RELU", "unknown-kind", "RELU", "'relu'"),
        ("3x8x8 -> conv 4 k3 strid=2", "unknown-argument", "strid", "'stride'"),
        ("3x8x8 -> conv 4 K=3", "ambiguous-argument", "K=3", "which do you mean"),
        ("3x8x8 -> conv 4", "missing-argument", "conv 4", "kernel_size"),
        ("3x8x8 -> conv 4 3 1 1 1 1 True zeros 5", "too-many-arguments", "5", "one too many"),
        ("3x8x8 -> conv 4 k3 kernel_size=3", "repeated-argument", "kernel_size=3", "twice"),
        ("3x8x8 -> conv 4 k9", "illegal-size", "k9", "kernel_size=8"),
        ("3x8x8 -> conv 4 k3 g2", "not-divisible", "g2", "groups=1"),
        ("3x8x8 -> conv 4 k3 p=smae", "unknown-name", "smae", ""),
        ("3x8x8 -> conv 4.5 k3", "bad-argument", "4.5", "an integer"),
        ("3x8x8 -> conv 4 k3x3x3", "wrong-rank", "k3x3x3", "3 entries"),
        ("8x3x32x32x32 -> conv 4 k3", "wrong-rank", "conv", "batch axis"),
        ("3x8x8 -> flatten -> Linear(100, 10)", "shape-mismatch", "100", "in_features=192"),
        ("3x8x8 -> conv 16 k3 -> bn 16", "bad-argument", "16", "num_features"),
        ("3x0x8 -> relu", "illegal-size", "3x0x8", "at least 1"),
        ("conv 4 k3", "no-input", "conv 4 k3", "a size first"),
        ("", "empty", "", "no network"),
        ("8 -> -> relu", "syntax", "->", "a layer"),
        ("8 -> relu ->", "syntax", "", "behind the '->'"),
        ("8 - relu", "bad-value", "relu", "'->'"),
        ("8 relu", "syntax", "relu", "'->' between layers"),
        ("8 -> linear 3k", "syntax", "k", "3*k"),
        ("8 -> linear 8/2", "syntax", "/", "//"),
        ("8 -> linear 8//0", "division-by-zero", "0", "zero"),
        ("8 -> linear d", "unknown-name", "d", "capital: D"),
        ("8 -> linear 10000000000000000000", "too-large", "10000000000000000000", "18 digits"),
        ("8 -> linear 10 -> 3x4", "misplaced-size", "3x4", "further input"),
        ("8 -> relu $", "unexpected-character", "$", ""),
        ("8 -> relu 'abc", "unexpected-character", "'", "closing quote"),
        ("8 -> residual { relu", "syntax", "", "'}'"),
        ("8 -> concat { relu }", "bad-argument", "concat { relu }", "two branches"),
        ("8 -> add { relu | }", "empty", "", "identity"),
        ("8 -> add nothing", "unknown-node", "nothing", ""),
        ("8 -> from nothing", "unknown-node", "nothing", ""),
        ("8 -> linear 2 as a -> linear 3 as a", "name-taken", "a", "two layers"),
        ("def f { f }\n8 -> f", "recursion", "f", "f -> f"),
        ("def f(c) { linear c }\n8 -> f", "missing-argument", "f", "c"),
        ("def f(c) { linear c }\n8 -> f d=3", "unknown-argument", "d=3", ""),
        ("8 -> repeat 1000000 { relu }", "bad-argument", "1000000", "10,000"),
        ("8 -> repeat 10000 { repeat 10000 { relu } }", "too-large", "", "repeats"),
        ("8 -> " + "(" * 60 + "3", "too-deep", "", "brackets"),
        ("8 -> " + "residual { " * 60, "too-deep", "", "brackets"),
        ("a = 999999999*999999999\nb = a*a*a\n8 -> linear b", "too-large", "", "18 digits"),
    ],
)
def test_errors_name_the_place_and_the_fix(text, code, underlined, says):
    found = error(text)
    assert found.code == code, str(found)
    assert says in str(found), str(found)
    if underlined:
        assert found.span is not None and found.span.of(text) == underlined, str(found)
    else:
        assert code == "empty" or found.span is not None


def test_a_merge_says_which_branches_and_layers_disagree():
    found = str(error("4x8x8 -> concat { conv 3 k3 p1 as left | conv 5 k3 s2 p1 as right }"))
    for word in (
        "left",
        "right",
        "axis 1",
        "branch 1 has 8, branch 2 has 4",
        "left with stride=2",
        "right with stride=1",
    ):
        assert word in found, found
    assert "conv1 with out_channels=4" in str(error("4x8x8 -> residual { conv 6 k3 p1 -> bn } -> relu"))


@pytest.mark.parametrize(
    ("text", "says", "mends"),
    [
        ("64x32x32 -> residual { conv 64 k3 -> bn -> relu }", ["made by conv1"], "conv1 with padding=1"),
        (
            "4x8x8 -> add { conv 8 k3 p1 | conv 16 k3 p1 -> relu -> bn }",
            ["axis 0 is made by conv1", "axis 0 is made by conv2"],
            "conv2 with out_channels=8, or conv1 with out_channels=16",
        ),
        (
            "8 -> add { linear 3 | linear 4 | linear 3 -> relu }",
            ["branch 3 (3): axis 0 is made by linear3"],
            "linear2 with out_features=3, or linear1 and linear3 with out_features=4",
        ),
        (
            "4x8x8 -> residual { conv 6 k3 -> bn }",
            ["axes 0, 1 and 2", "on axis 0 branch 1 has 6, branch 2 has 4", "on axis 2 branch 1 has 6, branch 2 has 8"],
            "conv1 with padding=1 and out_channels=4",
        ),
        (
            "1x16x16 -> conv 8 k3 p1 as e -> maxpool 2 -> conv 4 k3 -> upsample scale_factor=2 -> add e",
            ["branch 1 (4x12x12): axis 0 is made by conv1", "axes 1 and 2 are made by upsample1"],
            "",
        ),
        ("3xHxW -> residual { conv 3 k3 } -> relu", ["branch 1 has H − 2"], "conv1 with padding=1"),
    ],
)
def test_a_merge_blames_the_layers_that_made_the_axis_and_offers_what_mends_it(text, says, mends):
    found = error(text)
    assert all(word in str(found) for word in says), found
    assert found.hint.endswith(mends), found
    for absurd in ("stride=", "kernel_size=", "out_channels=1,", "then the next"):
        assert absurd not in found.hint, found


def test_what_would_mend_a_merge_has_been_tried_on_the_whole_text():
    text = """1x64x64
    conv 16 k3 p1 as e1
    maxpool 2 -> conv 32 k3 p1 as e2
    maxpool 2 -> conv 64 k3 p1 -> upsample scale_factor=2 -> concat e2
    conv 32 k3
    upsample scale_factor=2 -> concat e1 -> conv 16 k3 p1
    """
    assert error(text).hint == "what would mend it: conv2 with padding=1, or upsample2 with size=64x64"
    assert parse(text.replace("32 k3\n", "32 k3 p1\n"))
    assert parse(text.replace("scale_factor=2 -> concat e1", "size=64x64 -> concat e1"))
    assert "then the next misfit is in line 2" in error("4x8x8 -> residual { conv 4 k3 }\nLinear(3, 4)").hint


def test_an_input_that_does_not_halve_is_mended_by_its_size():
    text = "1x50x50 -> conv 8 k3 p1 as e1 -> maxpool 2 -> conv 8 k3 p1 as e2 -> maxpool 2 -> "
    text += "upsample scale_factor=2 -> concat e2 -> upsample scale_factor=2 -> concat e1"
    mends = ["upsample1 with size=25x25", "input with 1x48x48", "input with 1x52x52"]
    assert error(text).hint == f"what would mend it: {', or '.join(mends)}"
    assert parse(text.replace("scale_factor=2 -> concat e2", "size=25x25 -> concat e2"))
    assert all(parse(text.replace("50x50", size)) for size in ("48x48", "52x52"))


def test_a_mend_of_a_block_that_is_used_twice_names_both_uses():
    text = "def d(c) { conv c k3 -> conv c k3 }\n1x48x48\nd 8 as a -> maxpool 2 -> d 16 as b -> upsample scale_factor=2"
    found = error(f"{text} -> concat a").hint
    assert found.startswith("what would mend it: conv2 and conv1 in a and b with padding=1"), found
    assert parse(f"{text} -> concat a".replace("k3", "k3 p1"))


def test_a_misfit_names_the_layer_that_fixed_the_size():
    found = str(error("3x8x8 -> conv 4 k3 as early -> relu -> bn -> Conv2d(5, 8, 3)"))
    assert "early" in found and "in_channels=4" in found and "line 1" in found


def test_errors_survive_pickling():
    import pickle

    found = error("256 -> lineer 10")
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found) and again.span == found.span


# ---------------------------------------------------------------- names, parts and further inputs


def test_a_name_that_looks_like_a_tight_argument_is_a_name_where_no_argument_can_stand():
    graph = parse(
        "8 -> linear 8 as p4 -> linear 8 nobias tied=p4 as p5 -> add with p4 p5 -> share p4 -> add p5\nfrom p4"
    )
    assert [node.name for node in graph.nodes] == ["input", "p4", "p5", "add1", "linear1", "add2"]
    assert graph.nodes[3].inputs == (2, 1, 2) and graph.nodes[5].inputs == (4, 2)
    twice = parse("8 -> repeat 2 { linear 8 as p4 -> relu -> add p4 }").nodes
    assert [node.inputs for node in twice if node.layer.kind == "Add"] == [(2, 1), (5, 4)], "each its own p4"
    assert error("8 -> concat k3").code == "unknown-argument"


@pytest.mark.parametrize("text", ["8 -> linear 4 as x", "input x: 8", "x = 3", "def f(x) { relu }", "8 -> linear x"])
def test_nothing_can_be_called_x(text):
    assert "separates sizes" in error(text).hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("8 -> repeat 2 { w = 4 -> linear w } -> linear w", "only inside repeat { … }"),
        ("def f(c) { linear c as z }\n8 -> f 8 -> linear c", "only inside def f"),
        ("def f(c) { linear c as z }\n8 -> f 8 -> add z", "from here it is f1.z"),
        ("4 -> chunk 3 as a, b, c", "chunk 3 of 4 gives 2 parts of 2"),
        ("5 -> chunk 4 as a, b, c, d", "2 parts of 2 and one of 1"),
        ("10 -> split 5 as a, b", "split 5 5"),
        ("10 -> linear 5 -> mse", "input target: 5, then write mse with target"),
        ("10 -> linear 5 -> crossentropy", "input target: scalar"),
        ("10 -> sub", "sub with NAME"),
    ],
)
def test_errors_say_what_could_be_meant(text, says):
    assert says in str(error(text)), str(error(text))


def test_a_scalar_input():
    for written in ("scalar", "()"):
        graph = parse(f"input label: {written}\ninput image: 10\nlinear 5 -> crossentropy label")
        assert [node.shape for node in graph.nodes] == [(), (10,), (5,), ()]
    assert shape("scalar = 7\ninput a: scalar") == (7,)


# ---------------------------------------------------------------- mlp


def test_mlp_widths():
    assert mlp_spec("16x16-512-1") == "16x16 -> flatten -> linear 512 -> relu -> linear 1"
    assert mlp_spec("1x28x28-512-10", "tanh", "sigmoid", bias=False) == (
        "1x28x28 -> flatten -> linear 512 nobias -> tanh -> linear 10 nobias -> sigmoid"
    )
    for widths in ("256", "", "256-", "256--1", "a-b", "256-512x2-1", "256 512", "256-1.5-1", "-3-4"):
        with pytest.raises(SpecError) as caught:
            netcalc.mlp(widths)
        assert str(caught.value)
    with pytest.raises(SpecError) as caught:
        netcalc.mlp("256,512,1")
    assert "256-512-1" in caught.value.hint


# ---------------------------------------------------------------- anything at all

WORDS = sorted(
    {*all_words(), *all_kinds(), "residual", "repeat", "def", "add", "concat", "as", "from", "input", "output", "share"}
)
SCRAPS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        [
            "->",
            "->",
            "->",
            "|",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            ",",
            "=",
            ":",
            "+",
            "-",
            "*",
            "//",
            "x",
            "×",
            "k3",
            "s2",
            "p1",
            "d2",
            "g2",
            "3",
            "8",
            "3x8x8",
            "H",
            "W",
            "T",
            "x",
            "D",
            "0",
            "-1",
            "1e-5",
            "'a'",
            "#",
            "\n",
        ]
    ),
    st.text(max_size=3),
    st.integers(-5, 10**20).map(str),
)


@settings(max_examples=400)
@given(st.lists(SCRAPS, max_size=14).map(" ".join))
def test_no_input_ends_in_anything_but_a_graph_or_a_spec_error(text):
    try:
        graph = parse(text)
    except SpecError as caught:
        assert str(caught) and caught.code
    else:
        netcalc.analyze(graph).to_dict()


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_nor_does_any_text(text):
    try:
        parse(text)
    except SpecError as caught:
        assert str(caught)


@settings(max_examples=400)
@given(
    st.sampled_from(WORDS),
    st.lists(SCRAPS, max_size=4),
    st.sampled_from(["8", "4x8", "3x8x8", "2x5x5x5", "TxD", "CxHxW"]),
)
def test_nor_does_any_layer(word, arguments, size):
    try:
        netcalc.analyze(f"{size} -> {word} {' '.join(arguments)}").to_dict()
    except SpecError as caught:
        assert str(caught)


def test_limits_hold_in_time_and_memory():
    for text in (
        "8 -> relu " * 200_000,
        "(" * 500_000,
        "8" * 900_000,
        "a=1\n" * 200_000,
        "8 -> " + "relu -> " * 100_000 + "relu",
    ):
        try:
            parse(text)
        except SpecError as caught:
            assert len(str(caught)) < 2000


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("3x8x8 -> conv 4 K3", "k3 for kernel_size=3, or kernel_size=K3 for an unknown size K3"),
        ("3x8x8 -> maxpool K2", "k2 for kernel_size=2, or kernel_size=K2 for an unknown size K2"),
        ("3x8x8 -> conv 4 K 3", "k3 for kernel_size=3, or kernel_size=K for an unknown size K"),
        ("3x8x8 -> conv 4 k 3", "k3 for kernel_size=3"),
        ("8 -> linear 8 as relu -> relu", "share relu for the earlier layer's weights, relu() for a new layer"),
        (
            "8 -> relu as enc -> share enc",
            "to use a chain again, name all of it: repeat 1 { … } as enc, then share enc",
        ),
        ("def f(c, k=3, e=2) { linear c }\n8 -> f 3 k3 e4", "e=4"),
        ("8 -> g 3\ndef g(n) { linear n }", "it is defined in line 2: define it before"),
        ("4x8x8 -> maxpool 2 return_indices=True as p2 -> maxunpool 2 p2", "with p2 for the layer"),
        ("3x8x8 -> nn.Linear(192, 4)", "flatten before it: 3x8x8 makes 192"),
        ("3x8x8 -> mul { identity | gap }", "view 3 1 1 behind gap1"),
        ("cxhxw -> relu", "for unknown sizes the letters are capitals: CxHxW"),
        ("3x8x8 -> torch.flatten(x, 1)", "leave x out: a step works on what stands before it"),
        ("3x8x8 -> conv 64 3 nobais", "did you mean 'nobias'?"),
        ("4x16 -> sdpa 4 casual", "did you mean 'causal'?"),
        ("3x8x8 -> conv 64 k3 same", "padding=same"),
        ("3x8x8 -> conv 64 3 SAME", "padding=same"),
        (
            "def up(c, r=2) { upsample r }\n3x8x8 -> up 16",
            "scale_factor=r for r times the size, or size=r for r positions an axis",
        ),
        (
            "def block(c) { bn c }\n3x8x8 -> block 64",
            "leave it out, or write num_features=c to have it checked, or eps=c if that is meant",
        ),
        ("input a: 8\ninput b: 8\na -> linear 3", "from a"),
        ("8 -> linear exp", "exp is read as a size, e x p; 'as', 'def' or '=' before would make it a name"),
        ("d1 = 5\n8 -> linear d1", "d1 is an argument (d=1): choose another name"),
    ],
)
def test_what_could_mean_another_thing_is_a_question(text, hint):
    assert error(text).hint == hint


@pytest.mark.parametrize(
    ("step", "hint", "right"),
    [
        ("conv 16 k3 stride 2", "an argument has its value beside it: stride=2", "conv 16 k3 stride=2"),
        ("conv 16 k-3", "k3 for kernel_size=3", "conv 16 k3"),
        ("conv 16 k3 p-1", "p1 for padding=1", "conv 16 k3 p1"),
        ("conv 16 k3 sS", "s=S", "conv 16 k3 s=S"),
        ("conv 16 3k", "write k3, or 3*k for the product", "conv 16 k3"),
        ("conv 16 k3,5", "k3x5 for one each axis", "conv 16 k3x5"),
        ("conv 16 k(3,5)", "k3x5 for kernel_size=3x5", "conv 16 kernel_size=3x5"),
        ("conv 16 k3 bias=false", "did you mean 'False'?", "conv 16 k3 bias=False"),
        ("conv 16 k3 p1.5", "p1 or p2", "conv 16 k3 p2"),
        ("conv 16 k3 activation=relu", "an activation is a layer of its own: -> relu", "conv 16 k3 -> relu"),
        ("dropout 50%", "a part of 1 is written 0.5", "dropout 0.5"),
        ("avgpool global", "did you mean 'globalavgpool'?", "globalavgpool"),
        ("upsample scale=2", "did you mean 'scale_factor'?", "upsample scale_factor=2"),
        ("exp", "exp is read as a size, and no layer is called so", "relu"),
        ("skip { relu }", "write residual { conv C k3 p1 }", "residual { conv C k3 p1 }"),
    ],
)
def test_near_forms_are_told_what_to_write(step, hint, right):
    assert error(f"3x16x16 -> {step}").hint == hint
    assert parse(f"3x16x16 -> {right}")


def test_sizes_are_told_how_they_are_written():
    assert error("3xhxw -> relu").hint == "for unknown sizes the letters are capitals: 3xHxW"
    assert error("3x32x32px -> relu").hint == "a size has no unit: 3x32x32"
    assert error("3xHx2W -> relu").hint == "write 3xHx(2*W)" and parse("3xHx(2*W) -> relu")
    assert error("3x32x2W -> relu").hint == "write 3x32x(2*W)"
    assert error("16x64 -> attention 8").hint.endswith("write mha 8") and parse("16x64 -> mha 8")


@pytest.mark.parametrize("word", ELSEWHERE)
def test_words_of_other_tools_are_told_what_to_write(word):
    """None of them is a word here, and all that is offered for one is a network."""
    assert word == word.lower().replace("_", "") and word not in all_words()
    hint = error(f"CxHxW -> {word}").hint
    for offered in ELSEWHERE[word]:
        assert offered in hint
        sequence = "lstm" in offered or "gru 6" in offered or "mha" in offered
        assert parse(f"{'T x 64' if sequence else 'CxHxW'} -> {offered}")
    assert error(f"CxHxW -> {word.upper()}_").hint == hint


def test_a_shipped_network_is_no_layer():
    found = error("resnet18").hint
    assert "netcalc show resnet18" in found
    call = found.partition("in Python ")[2].partition(", where")[0]
    assert eval(call, {"netcalc": netcalc, "shipped_text": shipped_text}).params == 11689512


def test_questions_are_not_asked_where_the_meaning_is_stated():
    assert parse("3x8x8 -> conv 4 kernel_size=K")[-1].shape != ()
    assert (
        parse("K in 1..7\n3x8x8 -> conv 4 K")[-1].layer.kernel_size
        == parse("K in 1..7\n3x8x8 -> conv 4 k=K")[-1].layer.kernel_size
    )
    assert parse("K3 = 3\n3x8x8 -> conv 4 K3")[-1].shape == (4, 6, 6)
    assert parse("3xHxW -> conv P 3")[-1].layer.kernel_size == 3
    assert [node.layer.kind for node in parse("8 -> linear 8 as relu -> relu()").nodes] == ["Input", "Linear", "ReLU"]
    assert "the word is written same" in str(error("3x8x8 -> conv 4 3 padding=SAME"))
    assert parse("3x8x8 -> upsample scale_factor=2 mode=nearest-exact -> upsample 20x20")[-1].shape == (3, 20, 20)
    assert len(parse("8 -> relu as relu -> linear 8 -> relu -> linear 8 as act -> gelu as g -> act -> g").nodes) == 8
    assert error("CxHxW -> conv C//2.5 k3").code == error("8x4x4 -> split 5 linear as a, b").code.replace(
        "argument", "value"
    )
    assert error("def f() { relu }\ndef f() { gelu }\n8 -> f").code == "name-taken"


@pytest.mark.parametrize("name", ["exp", "exp1", "c3x3", "b1x1"])
def test_words_that_look_like_sizes_are_names_once_they_are_given(name):
    assert parse(f"8 -> linear 8 as {name} -> relu -> add {name}")[-1].shape == (8,)
    assert parse(f"8 -> chunk 2 as a, {name} -> add a")[-1].shape == (4,)
    assert parse(f"def {name}(n) {{ linear n }}\n8 -> {name} 3 -> {name} 2")[-1].shape == (2,)
    assert parse(f"def f(a, {name}=3) {{ linear {name} }}\n8 -> f 3")[-1].shape == (3,)
    assert parse(f"{name} = 6\n8 -> linear {name}*2")[-1].shape == (12,)
    assert parse(f"input {name}: 8\nlinear 8 -> add {name}")[-1].shape == (8,)
    assert parse("HxW -> linear 3")[0].shape == parse("input HxW -> linear 3")[0].shape


def test_a_layer_inside_a_block_is_found_by_its_path():
    assert parse("8 -> repeat 3 { linear 8 as fc -> relu } as r -> add r.2.fc")[-1].inputs[1] == 5
    assert parse("def b() { linear 8 as fc -> relu }\n8 -> b as a -> add a.fc -> share a.fc")[-1].shared
    report = analyze("8 -> repeat 2 { linear 8 -> relu } as r -> share r.0")
    assert (report.params, len(report.layers)) == (144, 6)


def test_signs_as_netcalc_prints_them_are_read():
    assert parse("8 -> glu dim=−1")[-1].shape == (4,)
    assert parse("TxD -> linear D·2")[-1].shape == parse("TxD -> linear D*2")[-1].shape
