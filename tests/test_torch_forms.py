"""torch's forms as they are pasted: what torch takes is read, what it refuses is refused; formulas say for what."""

from __future__ import annotations

import inspect
import random
import re

import pytest
from sampling import samples

from netcalc.errors import SpecError
from netcalc.layers import all_kinds
from netcalc.layers.base import Applied, Layer
from netcalc.report.kinds import formulas
from netcalc.spec import elaborate

torch = pytest.importorskip("torch")
nn = torch.nn


def refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as error:
        elaborate(text)
    return error.value


def last_shape(text: str) -> tuple:
    return elaborate(text).nodes[-1].shape


# ---------------------------------------------------------------- unpooling


def put_back(pool, unpool, shape, output_size, seed):
    """Does torch unpool what it has pooled, each number to the place where it was?"""
    x = torch.rand(1, *shape, generator=torch.Generator().manual_seed(seed)) + 1
    try:
        found = unpool(*pool(x), output_size)
    except (RuntimeError, ValueError):
        return False
    both = tuple(slice(min(a, b)) for a, b in zip(x.shape, found.shape))
    kept = found[both]
    return bool((kept == 0).sum() + (kept == x[both]).sum() == kept.numel()) and int((found > 0).sum()) > 0


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_is_legal_where_torch_puts_every_number_back(rank):
    rng = random.Random(rank)
    verdicts = []
    for _ in range(60):
        kernel, stride = rng.choice((2, 3)), rng.choice((2, 3))
        padding, ceil_mode = rng.choice((0, 0, 1)), rng.random() < 0.3
        shape = (2, *(rng.choice((5, 6, 7, 8, 9)) for _ in range(rank)))
        sizes = shape[1:] if rng.random() < 0.5 else None
        pool = getattr(nn, f"MaxPool{rank}d")(kernel, stride, padding, ceil_mode=ceil_mode, return_indices=True)
        unpool = getattr(nn, f"MaxUnpool{rank}d")(kernel, stride, padding)
        window = f"k{kernel} s{stride} p{padding}"
        stated = f"output_size={'x'.join(map(str, sizes))}" if sizes else ""
        text = f"{'x'.join(map(str, shape))} -> maxpool {window} ceil_mode={ceil_mode} return_indices=True as pool"
        try:
            elaborate(f"{text} -> maxunpool {window} pool {stated}")
            ours = True
        except SpecError:
            ours = False
        theirs = all(put_back(pool, unpool, shape, sizes, seed) for seed in range(40))
        assert ours == theirs, f"{text}, {stated}"
        verdicts.append(ours)
    assert 10 < sum(verdicts) < 60


@pytest.mark.parametrize(
    "maker",
    ["avgpool 2", "maxpool 2", "relu -> maxpool 2 return_indices=True -> relu", "adaptivemaxpool 4"],
)
def test_the_places_to_unpool_to_come_from_a_max_pool(maker):
    assert "return_indices" in refused(f"3x8x8 -> {maker} as a -> maxunpool 2 a").expected


def test_an_unpooling_has_the_windows_of_its_pool():
    pool = "3x8x8 -> maxpool 2 s3 return_indices=True as a"
    assert "kernel_size=2 stride=3" in refused(f"{pool} -> maxunpool 2 a").hint
    assert last_shape(f"{pool} -> maxunpool 2 s3 a") == (3, 8, 8)
    assert last_shape("3x8x8 -> adaptivemaxpool 4 return_indices=True as a -> maxunpool 2 a") == (3, 8, 8)
    assert refused("3x9x9 -> adaptivemaxpool 4 return_indices=True as a -> maxunpool 2 a output_size=9x9")
    assert refused("3x9x9 -> maxpool 2 return_indices=True as a -> maxunpool 2 a").hint == "output_size=9x9"


def test_what_letters_must_be_for_an_unpooling_is_said():
    graph = elaborate("3xHxW -> maxpool 2 return_indices=True as a -> relu -> maxunpool 2 a")
    assert graph.substitute({"H": 9, "W": 8}).nodes[-1].shape == (3, 8, 8)
    with pytest.raises(SpecError):
        graph.substitute({"H": 8, "W": 9})


# ---------------------------------------------------------------- tuples of every length

WINDOWS = {
    "Conv": ("4, 4, {}", "4, 4, 2, stride={}", "4, 4, 2, padding={}", "4, 4, 2, dilation={}"),
    "ConvTranspose": ("4, 4, {}", "4, 4, 2, stride={}", "4, 4, 2, padding={}", "4, 4, 2, dilation={}"),
    "MaxPool": ("{}", "2, {}", "2, padding={}", "2, dilation={}"),
    "AvgPool": ("{}", "2, {}", "2, padding={}"),
    "LPPool": ("2, {}", "2, 2, {}"),
    "AdaptiveAvgPool": ("{}",),
    "AdaptiveMaxPool": ("{}",),
    "FractionalMaxPool": ("{}, output_size=2", "2, output_size={}"),
    "ZeroPad": ("{}",),
    "ConstantPad": ("{}, 0.5",),
    "ReflectionPad": ("{}",),
    "ReplicationPad": ("{}",),
    "CircularPad": ("{}",),
}
MODES = "4, 4, 3, padding={}, padding_mode='reflect'"


@pytest.mark.parametrize("family", WINDOWS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_tuples_are_as_long_as_torchs(family, rank):
    if not hasattr(nn, name := f"{family}{rank}d"):
        return
    shape, legal = (4, *(9,) * rank), 0
    for pattern in WINDOWS[family] + ((MODES,) if family == "Conv" else ()):
        for entries in range(2 * rank + 3 if family.endswith("Pad") else 5):
            call = f"{name}({pattern.format((1,) * entries)})"
            try:
                theirs = tuple(eval(f"nn.{call}")(torch.rand(1, *shape)).shape[1:])
            except (RuntimeError, ValueError, TypeError, NotImplementedError):
                assert refused(f"{'x'.join(map(str, shape))} -> {call}")
            else:
                assert last_shape(f"{'x'.join(map(str, shape))} -> {call}") == theirs, call
                legal += 1
    assert legal


def test_padding_of_the_batch_is_refused_and_said():
    assert "pad the batch" in refused("2x6 -> ZeroPad1d((1, 2, 1, 2, 1, 2))").message


# ---------------------------------------------------------------- arguments


def test_torchs_defaults_are_those_of_its_form():
    inputs = "16x64 -> linear 64 as target -> linear 64"
    assert "d_model is 512, but must be 64" in refused(f"{inputs} -> nn.Transformer(nhead=8) with target").message
    assert last_shape(f"{inputs} -> transformer with target") == (16, 64)
    assert last_shape("4x512 -> linear 512 as target -> linear 512 -> nn.Transformer() with target") == (4, 512)


def test_device_is_read_where_torch_has_it():
    for name, kind in all_kinds().items():
        if kind.namesake and not kind.namesake.startswith(("RNN", "LSTM", "GRU")):
            theirs = inspect.signature(getattr(nn, kind.namesake)).parameters
            assert ("device" in theirs) == (kind.parameters is not Layer.parameters), name
    assert elaborate("8 -> nn.Linear(8, 4, device='cuda')").nodes[-1].layer == elaborate("8 -> fc 4").nodes[-1].layer
    assert refused("8 -> nn.ReLU(device='cuda')")
    assert "--dtype" in refused("8 -> nn.Linear(8, 4, dtype='half')").hint


@pytest.mark.parametrize("activation", ["'gelu'", "F.gelu", "nn.GELU()", "torch.nn.functional.gelu"])
def test_an_activation_as_a_function_or_a_module(activation):
    made = elaborate(f"8x8 -> TransformerEncoderLayer(8, 2, 16, activation={activation})").nodes[-1]
    assert made.layer.activation == "gelu"
    assert refused("8x8 -> TransformerEncoderLayer(8, 2, activation=nn.GELU('tanh'))")
    assert refused("8x8 -> RNN(8, 8, nonlinearity=nn.Tanh())")


def test_more_of_torchs_writings():
    assert last_shape("3x8x8 -> nn.Identity(54, unused=True)") == (3, 8, 8)
    assert last_shape("3x8x8 -> MaxPool2d(2, ())") == (3, 4, 4)
    assert last_shape("3x8x8 -> F.pad((1, 2))") == tuple(nn.functional.pad(torch.rand(3, 8, 8), (1, 2)).shape)
    assert elaborate("3x8x8 -> LPPool2d(float('inf'), 2) -> lppool -inf k2").nodes[1].layer.norm_type == float("inf")
    parts = torch.rand(1, 6, 8).chunk(2, 1)
    assert [node.shape for node in elaborate("6x8 -> x.chunk(2, 1) as a, b").nodes[1:]] == [p.shape[1:] for p in parts]


@pytest.mark.parametrize(
    "text, said",
    [
        ("3x8x8 -> x.view(x.size(0), -1)", "x.view(-1), or flatten"),
        ("3x8x8 -> x.view(x.shape[0], -1)", "x.view(-1), or flatten"),
        ("3x8x8 -> ReLU(inplace)", "inplace=True"),
        ("8 -> F.dropout(p=0.5, training=False)", "inference: leave it out"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_way_out(text, said):
    assert said in refused(text).hint


# ---------------------------------------------------------------- formulas of the pages


def facts(applied: Applied) -> tuple:
    return applied.output, applied.parameters, [(line.kind, line.count) for line in applied.work.lines]


@pytest.mark.parametrize("name", [name for name, kind in all_kinds().items() if formulas(kind).lines])
def test_what_decides_a_page_s_formulas_is_a_letter_or_stated(name):
    kind = all_kinds()[name]
    lines, fixed = formulas(kind)
    written = " ".join(value for _, value in lines)
    legal = [sample.applied for sample in samples(kind, 60) if sample.applied and len(sample.inputs) == 1]
    same_rank = [each for each in legal if len(each.inputs[0]) == len(kind.trial_inputs[0][0])][:10]
    for argument, accepted in kind.arguments.items():
        if accepted.axis is not None or accepted.type not in ("size", "sizes", "shape", "flag", "choice"):
            continue
        if {argument, accepted.letter} & set(re.findall(r"\w+", written, re.ASCII)) or argument in fixed:
            continue
        for applied in same_rank:
            for value in accepted.tries:
                try:
                    applied = Applied(applied.layer.replace(**fixed), applied.inputs)
                    other = Applied(applied.layer.replace(**{argument: value}), applied.inputs)
                except SpecError:
                    continue
                assert facts(other) == facts(applied), f"{argument} decides {applied.layer}, but the page is silent"
