"""The networks that are measured: shipped specs, and families of any depth."""

from __future__ import annotations

from netcalc.spec.shipped import shipped_text

ZOO = ("resnet18", "resnet50", "resnet152", "vgg16", "mobilenet_v2", "densenet121", "vit_b_16")
DEPTHS = (10, 30, 100, 300, 1000)


def chain(layers: int) -> str:
    """A chain of that many layers, written out in full.

    >>> chain(4)
    '256 -> linear 256 -> relu -> linear 256 -> relu'
    """
    return " -> ".join(["256", *(("linear 256", "relu")[place % 2] for place in range(layers))])


def mlp(depth: int) -> str:
    """A perceptron of ``depth`` linear layers.

    >>> mlp(10)
    '256 -> repeat 9 { linear 256 -> relu } -> linear 10'
    """
    return f"256 -> repeat {depth - 1} {{ linear 256 -> relu }} -> linear 10"


def resnet(depth: int) -> str:
    """A residual network of ``depth`` layers with weights: a convolution, blocks of two, a classifier."""
    block = "residual { conv 16 k3 p1 nobias -> bn -> relu -> conv 16 k3 p1 nobias -> bn } -> relu"
    return (
        "3x32x32 -> conv 16 k3 p1 nobias -> bn -> relu -> "
        f"repeat {(depth - 2) // 2} {{ {block} }} as block -> gap -> linear 10"
    )


FAMILIES = {"MLP": mlp, "ResNet": resnet}


def zoo(*names: str) -> dict[str, str]:
    """Shipped specs by name."""
    return {name: shipped_text(name) for name in names}


def deep(*depths: int) -> dict[str, str]:
    """Every family at each depth."""
    return {f"{family}-{depth:,}": text(depth) for family, text in FAMILIES.items() for depth in depths}
