"""torch's functional spellings: read in torch's count of axes, or refused with both meanings; never read otherwise."""

from __future__ import annotations

import pytest

import netcalc
from netcalc.errors import SpecError

torch = pytest.importorskip("torch")
from netcalc.proof.network import Network  # noqa: E402

F = torch.nn.functional

BATCH = 3
X = (4, 6, 5)

TORCHS = {  # what is written → what torch makes of a batch of 4x6x5
    "torch.permute(0, 2, 3, 1)": lambda x: x.permute(0, 2, 3, 1),
    "x.permute(0, 3, -2, 1)": lambda x: x.permute(0, 3, -2, 1),
    "permute dims=(0, 3, 1, 2)": lambda x: x.permute(0, 3, 1, 2),
    "torch.transpose(1, 2)": lambda x: x.transpose(1, 2),
    "x.transpose(-1, -2)": lambda x: x.transpose(-1, -2),
    "transpose(-1, -3)": lambda x: x.transpose(-1, -3),
    "transpose dim0=1 dim1=3": lambda x: x.transpose(1, 3),
    "x.view(-1, 120)": lambda x: x.view(-1, 120),
    "torch.reshape(-1, 8, 15)": lambda x: x.reshape(-1, 8, 15),
    "x.view(3, -1)": lambda x: x.view(3, -1),
    "torch.flatten(1)": lambda x: torch.flatten(x, 1),
    "torch.flatten(2)": lambda x: torch.flatten(x, 2),
    "x.flatten(start_dim=1, end_dim=2)": lambda x: x.flatten(start_dim=1, end_dim=2),
    "sum dim=1": lambda x: x.sum(dim=1),
    "torch.sum(2)": lambda x: x.sum(2),
    "mean(dim=[2, 3])": lambda x: x.mean(dim=[2, 3]),
    "mean dim=(2, 3) keepdim=True": lambda x: x.mean(dim=(2, 3), keepdim=True),
    "x.mean((2, 3))": lambda x: x.mean((2, 3)),
    "mean(-1)": lambda x: x.mean(-1),
    "torch.amax(1)": lambda x: x.amax(1),
    "max dim=3": lambda x: x.amax(3),
    "torch.unsqueeze(1)": lambda x: x.unsqueeze(1),
    "unsqueeze(dim=2)": lambda x: x.unsqueeze(2),
    "unsqueeze(-1)": lambda x: x.unsqueeze(-1),
    "unsqueeze dim=1 -> squeeze dim=1": lambda x: x,
    "unsqueeze dim=4 -> torch.squeeze(4)": lambda x: x,
    "softmax dim=1": lambda x: x.softmax(1),
    "F.softmax(dim=-1)": lambda x: F.softmax(x, dim=-1),
    "F.relu": F.relu,
    "nn.functional.relu()": F.relu,
    "torch.nn.functional.leaky_relu(0.2)": lambda x: F.leaky_relu(x, 0.2),
    "torch.sigmoid()": torch.sigmoid,
    "F.max_pool2d(2)": lambda x: F.max_pool2d(x, 2),
    "F.max_pool2d(3, stride=2, padding=1)": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
    "F.adaptive_avg_pool2d(2)": lambda x: F.adaptive_avg_pool2d(x, 2),
    "F.interpolate(scale_factor=2)": lambda x: F.interpolate(x, scale_factor=2),
    "F.pixel_shuffle(2)": lambda x: F.pixel_shuffle(x, 2),
    "relu as a -> cat(a, dim=1)": lambda x: torch.cat((x, x), dim=1),
    "relu as a -> torch.cat(a, 1)": lambda x: torch.cat((x, x), 1),
    "relu as a -> concat a dim=-1": lambda x: torch.cat((x, x), dim=-1),
    "concat dim=2 { relu | identity }": lambda x: torch.cat((x, x), dim=2),
    "relu as a -> stack a dim=1": lambda x: torch.stack((x, x), dim=1),
    "chunk 3 dim=2 as a, b, c": lambda x: x.chunk(3, dim=2)[2],
    "torch.chunk(4, dim=3) as a, b, c": lambda x: x.chunk(4, dim=3)[2],
    "split 4 2 dim=2 as a, b": lambda x: x.split([4, 2], dim=2)[1],
}


@pytest.mark.parametrize("written", TORCHS)
def test_torchs_count_of_axes(written):
    made = TORCHS[written](torch.rand(BATCH, *X))
    *_, last = netcalc.analyze(f"4x6x5 -> {written}").layers
    assert (BATCH, *last.output_shape) == tuple(made.shape)


OWN = {  # a sample's own axes
    "permute 2 0 1": (5, 4, 6),
    "permute (2, 0, 1)": (5, 4, 6),
    "view -1 8": (15, 8),
    "reshape 2 -1 10": (2, 6, 10),
    "transpose 1 2": (4, 5, 6),
    "mean 1 2": (4,),
    "sum axis=0": (6, 5),
    "unsqueeze 1": (4, 1, 6, 5),
    "concat axis=1 { relu | identity }": (4, 12, 5),
}


@pytest.mark.parametrize("written", OWN)
def test_a_samples_own_axes(written):
    *_, last = netcalc.analyze(f"4x6x5 -> {written}").layers
    assert last.output_shape == OWN[written]


@pytest.mark.parametrize(
    ("written", "code", "says"),
    [
        ("permute(0, 2, 3, 1)", "ambiguous-argument", "permute 1 2 0 if axis 0 is the batch"),
        ("permute(1, 2, 0)", "ambiguous-argument", "permute 1 2 0 if these are a sample's own"),
        ("transpose(1, 2)", "ambiguous-argument", "transpose 0 1 if axis 0 is the batch"),
        ("view(-1, 120)", "ambiguous-argument", "view 120 if axis 0 is the batch"),
        ("reshape(-1, 8)", "ambiguous-argument", "reshape -1 8 if these are a sample's own axes"),
        ("mean((2, 3))", "ambiguous-argument", "mean 1 2 if axis 0 is the batch"),
        ("sum(1)", "ambiguous-argument", "sum 0 if axis 0 is the batch"),
        ("unsqueeze(0)", "ambiguous-argument", "axis 0 is the batch"),
        ("sum dim=0", "illegal-argument", "batch"),
        ("torch.mean()", "missing-argument", "batch"),
        ("torch.flatten()", "missing-argument", "start_dim"),
        ("relu as a -> torch.cat a", "missing-argument", "dim"),
        ("torch.permute(2, 3, 1)", "illegal-argument", "must stay first"),
        ("x.view(-1)", "illegal-argument", "the first is the batch"),
        ("F.linear(5)", "bad-argument", "write linear, or nn.Linear(…)"),
        ("F.conv2d(8, 3)", "bad-argument", "write conv"),
        ("chunk 4 as a, b", "bad-argument", "chunk 4 of 4 gives 4 parts of 1"),
        ("split 2 dim=1 as a, b", "shape-mismatch", "split 2 2"),
    ],
)
def test_what_could_be_misread_is_refused(written, code, says):
    with pytest.raises(SpecError) as refused:
        netcalc.analyze(f"4x6x5 -> {written}")
    assert refused.value.code == code
    assert says in str(refused.value)


@pytest.mark.parametrize("parts", range(1, 8))
def test_chunk_makes_as_many_parts_as_torchs(parts):
    made = [len(one) for one in torch.rand(6).chunk(parts)]
    names = "abcdefg"[: len(made)]
    spec = f"6 -> chunk {parts} as {', '.join(names)}"
    assert [layer.output_shape for layer in netcalc.analyze(spec).layers if layer.name in names] == [(n,) for n in made]


@pytest.mark.parametrize(
    "form",
    [
        "TransformerEncoderLayer(16, 2, 8), 2",
        "TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=8, norm_first=True), num_layers=3",
        "TransformerEncoderLayer(16, 2, 8), 2, nn.LayerNorm(16)",
        "TransformerEncoderLayer(16, 2, 8, bias=False), 2, norm=nn.LayerNorm(16, bias=False)",
        "TransformerEncoderLayer(16, 2, 8), 2, None, False",
        "TransformerDecoderLayer(16, 2, 8), 2, nn.LayerNorm(16)",
    ],
)
def test_a_stack_in_torchs_own_form(form):
    """The text is torch's own: torch itself reads it, too."""
    name = form.partition("Layer(")[0]
    module = eval(f"nn.{name}(nn.{form})", {"nn": torch.nn})
    memory = " with m" if name.endswith("Decoder") else ""
    *_, last = netcalc.analyze(f"5x16 -> identity as m -> relu -> nn.{name}(nn.{form}){memory}").layers
    assert dict(last.parameters) == {key: tuple(one.shape) for key, one in module.named_parameters()}


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("nn.TransformerEncoder(nn.TransformerDecoderLayer(16, 2), 2)", "made of TransformerEncoderLayers"),
        ("nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, bias=False), 2, nn.LayerNorm(16))", "bias=False"),
        ("nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2), 2, nn.LayerNorm(8))", "LayerNorm(16)"),
        ("nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2), 2, nn.RMSNorm(16))", "LayerNorm(16)"),
        ("nn.Linear(nn.ReLU(), 3)", "is a layer, not a value"),
    ],
)
def test_a_module_that_does_not_fit_is_refused(form, says):
    with pytest.raises(SpecError) as refused:
        netcalc.analyze(f"5x16 -> {form}")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "c (h «p») w -> c h w",
        "c h«*» w -> c h w",
        "c h w -> c h «h» w",
        "c h w -> c h w «q»",
        "c «(... h)» w -> c h w ...",
        "c h w -> c «->» h w",
        "«c h w»",
        "c «(h p)» w -> c h (p w)",
        "c «(»(h) p) w -> c h (p w)",
    ],
)
def test_an_error_in_a_pattern_points_into_it(pattern):
    before, fault, _ = pattern.replace("»", "«").split("«")
    text = f'4x6x5 -> rearrange "{pattern.replace("«", "").replace("»", "")}"'
    with pytest.raises(SpecError) as refused:
        netcalc.analyze(text)
    assert refused.value.span.of(text) == fault
    assert text[: refused.value.span.start].endswith(f'"{before}')


def test_rearrange_takes_sizes_by_name():
    patches = 'rearrange "c (h p1) (w p2) -> (h w) (p1 p2 c)"'
    assert netcalc.analyze(f"3x32x32 -> {patches} p1=4 p2=8").output_shape == (32, 96)
    letters = netcalc.analyze(f"3x32x32 -> {patches} p1=P p2=P")
    assert letters.conditions == ("P divides 32",)
    assert netcalc.analyze("3x32x32 -> " + patches + " p1=P p2=P", P=8).output_shape == (16, 192)
    assert netcalc.analyze('2x3x4x5 -> rearrange "... d -> d (...)"').output_shape == (5, 24)


@pytest.mark.parametrize(("kind", "more"), [("GRU", ""), ("RNN", ""), ("RNN", "nonlinearity=relu")])
def test_an_encoders_last_state_begins_the_decoder(kind, more):
    """``slice start=-1`` is torch's h_n, as one module after the other computes it."""
    word = f"{kind.lower()} 4 {more}"
    spec = f"input target: 3x2 -> input source: 5x2 -> {word} -> slice start=-1 as h -> from target -> {word} with h"
    network = Network(netcalc.parse(spec)).double().eval()
    encoder, decoder = (one for one in network.modules() if isinstance(one, getattr(torch.nn, kind)))
    x, y = torch.rand(BATCH, 5, 2).double(), torch.rand(BATCH, 3, 2).double()
    forward = getattr(torch.nn, kind).forward
    (ours,) = network(y, x)
    assert torch.equal(ours, forward(decoder, y, forward(encoder, x)[1])[0])
    assert not torch.equal(ours, forward(decoder, y)[0])  # a state of zeros makes something else
