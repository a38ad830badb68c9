"""The shipped specs: each is read, agrees with the published figures in its header, and with real torch modules.

A header states a published parameter count as ``# params: 25,557,032 (torchvision.models.resnet50)``, and published
multiply-accumulates as ``# macs: 4.089 G (torchvision.models.resnet50)``; G, B and M say to which digit it is rounded.
"""

from __future__ import annotations

import re
from functools import cache
from math import prod
from pathlib import Path

import pytest

import netcalc

SPECS = sorted((Path(__file__).parent.parent / "specs").glob("*.net"))
HEADLINE = 57  # characters: `netcalc specs` shows it beside the name on a line of 80
LONGEST = 60  # lines; a longer spec gives the reason in its header
PUBLISHED = re.compile(r"^# (params|macs): ([\d,.]+)( [GMB])? \((.+)\)$", re.MULTILINE)
UNITS = {" G": 1e9, " B": 1e9, " M": 1e6}
WANTED = """
mlp lenet5 alexnet vgg16 nerf-encoding logistic softmax-regression
vgg11 vgg13 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn nin googlenet inception_v3
resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2 densenet121 squeezenet1_0 squeezenet1_1
mobilenet_v1 mobilenet_v2 mobilenet_v3_small shufflenet_v2_x1_0 efficientnet_b0 convnext_tiny vit_b_16 swin_t
fcn_resnet50 deeplabv3_resnet50 unet unet-same denoising-unet autoencoder dcgan-generator dcgan-discriminator
nerf lstm-classifier seq2seq transformer-base bert-base gpt2 llama-7b
"""
OUTPUTS = {"inception_v3": 2, "fcn_resnet50": 2, "deeplabv3_resnet50": 2, "nerf": 2, "bert-base": 2}
every_spec = pytest.mark.parametrize("path", SPECS, ids=[path.stem for path in SPECS])


@cache
def report(name: str):
    return netcalc.analyze((SPECS[0].parent / f"{name}.net").read_text(encoding="utf-8"))


def disagreements(text: str, found) -> list[str]:
    """Which of the published figures in a header are not those of the report."""
    wrong = []
    for kind, figure, unit, source in PUBLISHED.findall(text):
        value = getattr(found, kind)
        stated = figure.replace(",", "")
        exact = f"{value / UNITS[unit]:.{len(stated.partition('.')[2])}f}" if unit else str(value)
        if exact != stated:
            wrong.append(f"{kind}: {source} has {figure}{unit}, the spec {value:,}")
    return wrong


def differences(graph, layers: dict[str, tuple]) -> list[str]:
    """Where torch's modules show another output shape, other parameters, buffers or MACs than these."""
    from netcalc.proof.network import observe

    wrong = []
    for node, seen in zip(graph.nodes, observe(graph)):
        if seen is None:
            continue
        found = (seen.output, list(seen.parameters.items()), list(seen.buffers.items()), seen.macs)
        wrong += [
            f"{node.name}: {what} {stated} here, {shown} in torch"
            for what, stated, shown in zip(("output", "parameters", "buffers", "macs"), layers[node.name], found)
            if stated != shown
        ]
    return wrong


def stated(name: str) -> dict[str, tuple]:
    return {
        layer.name: (layer.output_shape, list(layer.parameters.items()), list(layer.buffers.items()), layer.macs)
        for layer in report(name).layers
    }


def test_the_zoo_is_complete():
    assert set(WANTED.split()) <= {path.stem for path in SPECS}


@every_spec
def test_header_and_length(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    assert header[0].endswith(".") and len(header[0]) <= HEADLINE + 2, "a spec begins with what it is, in a sentence"
    assert any(line.startswith(("# Source: ", "# Sources: ")) for line in header)
    assert len(lines) <= LONGEST or any(f"Over {LONGEST} lines" in line for line in header)
    assert max(map(len, lines)) <= 120
    if any("torchvision/models/" in line for line in header):
        assert any(f"(torchvision.models.{path.stem}" in line.replace("segmentation.", "") for line in header)
    marked = [line for line in lines if line.startswith(("# params", "# macs"))]
    assert len(marked) == len(PUBLISHED.findall("\n".join(header))), "a published figure that the test cannot read"


@every_spec
def test_published_figures(path):
    assert not disagreements(path.read_text(encoding="utf-8"), report(path.stem))


def test_a_wrong_published_figure_is_found():
    found = report("lenet5")
    assert not disagreements("# params: 61,706 (the paper)", found)
    assert disagreements("# params: 61,707 (the paper)", found)
    assert disagreements("# macs: 4.088 G (torchvision)", report("resnet50"))
    assert not disagreements("# params: 25.6 M (the paper)", report("resnet50"))
    assert disagreements("# params: 25.5 M (the paper)", report("resnet50"))


@pytest.mark.parametrize(
    "name, head, params, macs",
    [
        ("inception_v3", ("avgpool2", "AuxLogits"), 23_834_568, "5.713"),
        ("fcn_resnet50", ("aux_classifier",), 32_957_013, ""),
        ("deeplabv3_resnet50", ("aux_classifier",), 39_638_869, ""),
    ],
)
def test_published_figures_without_the_auxiliary_head(name, head, params, macs):
    """As the header states them in words; ``macs`` in 10⁹ (torchvision counts its inception_v3 without the head)."""
    text = " ".join((SPECS[0].parent / f"{name}.net").read_text(encoding="utf-8").replace("#", "").split())
    assert re.search(rf"Without the auxiliary .*? {params:,} parameters", text)
    assert not macs or f"{macs} G multiply-accumulates" in text
    kept = [layer for layer in report(name).layers if layer.name.partition(".")[0] not in head]
    assert sum(layer.params for layer in kept) == params
    assert not macs or f"{sum(layer.macs for layer in kept) / 1e9:.3f}" == macs


TABLE_3 = {  # Attention is all you need: what differs from the base model, and the millions of parameters printed
    "base": ({}, 65),
    **{f"A: h={heads}": ({"heads": heads}, 65) for heads in (1, 4, 16, 32)},
    **{f"C: N={layers}": ({"layers": layers}, params) for layers, params in ((2, 36), (4, 50), (8, 80))},
    **{f"C: d={d}": ({"d": d}, params) for d, params in ((256, 28), (1024, 168))},
    **{f"C: d_ff={d_ff}": ({"d_ff": d_ff}, params) for d_ff, params in ((1024, 53), (4096, 90))},
}


def transformer(**sizes: int) -> int:
    from netcalc.spec import elaborate

    text = (SPECS[0].parent / "transformer-base.net").read_text(encoding="utf-8")
    return netcalc.analyze(elaborate(text, sizes=sizes)).params


@pytest.mark.parametrize("row", TABLE_3)
def test_the_transformers_of_the_papers_table(row):
    sizes, millions = TABLE_3[row]
    assert round(transformer(**sizes) / 1e6) == millions
    if row != "base" and "h=" not in row:  # the rows tell them apart
        assert round(transformer() / 1e6) != millions


@pytest.mark.parametrize("key_width, millions", [(16, 58), (32, 60)])
def test_the_transformers_with_narrower_keys(key_width, millions):
    """Rows B of table 3, which torch's attention cannot be: queries and keys are narrower in all 18 attentions."""
    narrower = 8 * (64 - key_width)
    assert round((transformer() - 18 * 2 * (512 + 1) * narrower) / 1e6) == millions


def test_the_vocabulary_that_the_papers_table_implies():
    """The range of vocabularies in which every row but "big" rounds to what is printed, as the header says."""

    def agrees(vocabulary):
        return all(
            abs(transformer_without(tuple(sizes.items())) + vocabulary * sizes.get("d", 512) - millions * 10**6)
            < 500_000
            for sizes, millions in TABLE_3.values()
        )

    first, last = 40_932, 41_160
    assert agrees(first) and agrees(last) and not agrees(first - 1) and not agrees(last + 1)
    text = (SPECS[0].parent / "transformer-base.net").read_text(encoding="utf-8")
    assert f"{first:,} to {last:,} tokens" in text and not agrees(37_000)
    big = transformer(d=1024, d_ff=4096, heads=16)  # the row that does not fit the others
    assert round(big / 1e6) == 218 and round((big - 5_000 * 1024) / 1e6) == 213


@cache
def transformer_without(sizes: tuple[tuple[str, int], ...]) -> int:
    """The parameters but for the embedding."""
    return transformer(**dict(sizes)) - 41_000 * dict(sizes).get("d", 512)


def test_googlenet_names_its_layers_as_torchvision_does():
    def unit(name):
        return {f"{name}.conv", f"{name}.bn"}

    wanted = {"fc"}.union(*(unit(f"conv{i}") for i in (1, 2, 3)))
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        for branch in ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"):
            wanted |= unit(f"inception{block}.{branch}")
    assert {layer.name for layer in report("googlenet").layers if layer.parameters} == wanted


@every_spec
def test_totals_add_up(path):
    found = report(path.stem)
    assert not found.uncounted and not found.conditions
    tensors = {  # by the node that owns it, so that shared ones are one
        dict(layer.shared).get(name, f"{layer.name}:{name}"): prod(shape)
        for layer in found.layers
        for name, shape in layer.parameters.items()
    }
    assert found.params == sum(tensors.values())
    assert found.macs == sum(layer.macs for layer in found.layers)
    assert found.flops == sum(line.count for layer in found.layers for line in layer.work.lines)
    assert found.flops == sum(found.ops[kind] for kind, _ in found.ops.items())
    assert all(layer.work.lines or layer.note for layer in found.layers), "a silent zero"
    assert len(found.outputs) == OUTPUTS.get(path.stem, 1), "a layer that leads nowhere is an output"


@every_spec
def test_against_torch(path):
    """The network of real modules, on meta: output shape, parameters, buffers and MACs, node by node."""
    pytest.importorskip("torch")
    wrong = differences(report(path.stem).graph, stated(path.stem))
    assert not wrong, "\n".join(wrong[:5])


def test_a_wrong_layer_is_found():
    pytest.importorskip("torch")
    layers = stated("lenet5")
    output, parameters, buffers, macs = layers["conv2"]
    for planted in (
        ((16, 11, 10), parameters, buffers, macs),
        (output, parameters[:1], buffers, macs),
        (output, parameters, [("mean", (16,))], macs),
        (output, parameters, buffers, macs + 1),
    ):
        assert len(differences(report("lenet5").graph, {**layers, "conv2": planted})) == 1


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnets_name_their_layers_as_torchvision_does(name):
    """Every parameter of torchvision's model has its namesake here (relu and sums have none there)."""
    stages = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}[name]
    convolutions = {"resnet18": 2, "resnet50": 3}[name]
    wanted = {"conv1", "bn1", "fc"}
    for stage, blocks in enumerate(stages, 1):
        for block in range(blocks):
            place = f"layer{stage}.{block}"
            wanted |= {f"{place}.{kind}{i}" for kind in ("conv", "bn") for i in range(1, convolutions + 1)}
            if block == 0 and (stage > 1 or convolutions == 3):
                wanted |= {f"{place}.downsample.{i}" for i in (0, 1)}
    assert {layer.name for layer in report(name).layers if layer.parameters} == wanted


def test_vgg16_to_the_digit():
    found = report("vgg16")
    by_kind = {"products": 0, "others": 0}
    for layer in found.layers:
        by_kind["products" if layer.macs else "others"] += layer.flops
    assert (found.macs, by_kind) == (15_470_264_320, {"products": 30_940_528_640, "others": 18_146_816})
