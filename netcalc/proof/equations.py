"""A computation by torch, the same operations as tensors and autograd for the gradients: to hold ours against, and as
the engine for what is too large for exact numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from netcalc.dims import substitute, symbols
from netcalc.equations.arrays import Array, floats
from netcalc.equations.explanation import KINKS, Asked, at_kink
from netcalc.equations.gradients_large import Digest, Solution
from netcalc.equations.inference import Computation, Node
from netcalc.equations.values import MAX_ELEMENTS, evaluate, gradients
from netcalc.equations.windows import Image, channel_axes, pair

try:
    import torch
    from torch.nn import functional as F
except ImportError as error:  # pragma: no cover - exercised in a process without torch
    raise ImportError('this needs torch: pip install "netcalc-nn[torch]"') from error


class Check(NamedTuple):
    """One figure: what netcalc states, what torch found, and the verdict."""

    figure: str
    status: str
    stated: str = ""
    found: str = ""
    why: str = ""


def run(c: Computation, values: dict[str, Any]) -> list[Any]:
    """Every node as a tensor; ``values`` are the inputs."""
    found: list[Any] = []
    for node in c.nodes:
        if node.operation == "input":
            found.append(values[node.name])
        elif node.operation == "constant":
            if node.value is None:  # a letter that stands as a number
                found.append(torch.ones(_ints(node.shape), dtype=torch.float64))
                continue
            constant = torch.tensor(floats(node.value), dtype=torch.float64).reshape(node.value.shape)
            found.append(constant.expand(_ints(node.shape)))
        else:
            found.append(_apply(node, [found[i] for i in node.inputs]))
    return found


def _ints(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)


def _apply(node: Node, x: list[Any]) -> Any:
    options = dict(node.options)
    match node.operation:
        case "add":
            return x[0] + x[1]
        case "sub":
            return x[0] - x[1]
        case "mul":
            return x[0] * x[1]
        case "div":
            return x[0] / x[1]
        case "max":
            return torch.maximum(x[0], x[1])
        case "min":
            return torch.minimum(x[0], x[1])
        case "gt" | "ge" | "lt" | "le":
            return getattr(torch, node.operation)(x[0], x[1]).to(torch.float64)
        case "where":
            return torch.where(x[0] != 0, x[1], x[2])
        case "neg":
            return -x[0]
        case "pow":
            return x[0] ** float(options["exponent"])
        case "matmul":
            return x[0] @ x[1]
        case "outer":
            return torch.outer(x[0], x[1])
        case "transpose":
            return x[0].T
        case "vec":
            return x[0].mT.reshape(-1) if x[0].dim() == 2 else x[0].reshape(-1)
        case "unvec":
            return x[0].reshape(_ints(node.shape)[::-1]).T
        case "reshape":
            return x[0].reshape(_ints(node.shape))
        case "stack":
            if options.get("rows"):
                return torch.stack(x)
            rank = max(t.dim() for t in x)
            columns = next((t.shape[1] for t in x if t.dim() == 2), 0)
            if rank == 2:
                return torch.cat([t if t.dim() == 2 else t.expand(1, columns) for t in x])
            return torch.cat([t.reshape(-1) for t in x])
        case "repeat":
            axis = options.get("axis")
            behind = 0 if axis is None else len(node.shape) - 1 - axis
            return x[0].reshape((*x[0].shape, *(1,) * behind)).expand(_ints(node.shape))
        case "sum":
            return x[0].sum()
        case "mean":
            return x[0].mean()
        case "norm":
            return x[0].norm(p=options.get("p", 2))
        case "sqnorm":
            return (x[0] ** 2).sum()
        case "softmax" | "logsoftmax":
            function = torch.softmax if node.operation == "softmax" else torch.log_softmax
            return function(x[0], dim=int(options.get("axis", -1)))
        case "mse":
            return F.mse_loss(x[0], x[1])
        case "half_mse":
            return F.mse_loss(x[0], x[1]) / 2
        case "sse":
            return F.mse_loss(x[0], x[1], reduction="sum")
        case "half_sse":
            return F.mse_loss(x[0], x[1], reduction="sum") / 2
        case "bce":
            return F.binary_cross_entropy(x[0], x[1])
        case "cross_entropy":
            return F.cross_entropy(x[0], x[1])
        case "cbrt":
            return x[0].sign() * x[0].abs() ** (1 / 3)
        case "step":
            return (x[0] > 0) + 0 * x[0]  # heaviside has no derivative in torch: it is 0
        case "mae":
            return F.l1_loss(x[0], x[1])
        case "kl_div":
            return F.kl_div(x[0], x[1], reduction="sum") / x[0].numel()
        case "bce_with_logits":
            return F.binary_cross_entropy_with_logits(x[0], x[1])
        case "soft_margin":  # torch's own has no derivative in the target
            return -F.logsigmoid(x[0] * x[1]).mean()
        case "hinge_embedding":
            return F.hinge_embedding_loss(x[0], x[1]) + 0 * x[1].sum()  # torch has no derivative in the target: 0
        case "nll":
            each = -(x[0] * x[1]).sum(-1)  # torch takes the number of the class
            return each.mean()
        case "conv" | "convtranspose" | "maxpool" | "avgpool":
            return _window(node, x, options)
    functional = getattr(F, node.operation, None) or getattr(F, f"{node.operation}_loss", None)
    return (functional or getattr(torch, node.operation))(*x)


def _window(node: Node, x: list[Any], options: dict[str, Any]) -> Any:
    """As an image with a batch axis and channels."""
    shapes = [tuple(tensor.shape) for tensor in x]
    lead = channel_axes(shapes)
    rank = len(shapes[0]) - lead
    lifted = x[0].reshape(1, *Image.of(shapes[0], lead))
    stated: Any = {
        name: pair(options, name, 1, rank)
        for name in ("stride", "padding", "dilation", "output_padding")
        if name in options
    }
    if node.operation in ("conv", "convtranspose"):
        channels, size = (shapes[1][:2], shapes[1][2:]) if lead else ((1, 1), shapes[1])
        kernel = x[1].reshape(*channels, *(1,) * (2 - rank), *size)
        function: Any = F.conv2d if node.operation == "conv" else F.conv_transpose2d
        result = function(lifted, kernel, **stated)
    else:
        pool: Any = F.max_pool2d if node.operation == "maxpool" else F.avg_pool2d
        result = pool(lifted, pair(options, "size", 1, rank), **stated)
    return result.reshape(_ints(node.shape))


# ---------------------------------------------------------------- the engine

_FIRST = 3
_STEP = 1e-6


def solve(c: Computation, asked: Asked) -> Solution:
    """Values in float64, and where they are asked for the gradients of the last equation and one update.

    The update is w − α v with v = μ·0 + g + λ w: the first step, in which momentum has nothing to go on yet.
    """
    leaves = {node.name: _tensor(node).requires_grad_(asked.gradients or asked.updates) for node in c.inputs}
    tensors = run(c, leaves)
    values = {i: digest(t) for i, (node, t) in enumerate(zip(c.nodes, tensors)) if node.operation != "constant"}
    result = tensors[c.output]
    if result.numel() == 1 and result.requires_grad:
        result.sum().backward()
    found = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    with torch.no_grad():
        checks = {name: _slopes(c, leaves, name, gradient) for name, gradient in found.items()}
        steps = {n: found[n] + float(asked.weight_decay or 0) * leaves[n] for n in c.parameters if n in found}
        updated = {name: digest(leaves[name] - float(asked.lr or 0) * step) for name, step in steps.items()}
        velocities = {name: digest(step) for name, step in steps.items()}
    engine = f"torch {torch.__version__.partition('+')[0]}, float64"
    gradients = {name: digest(gradient) for name, gradient in found.items()}
    solution = Solution(engine, values, gradients, checks, updated if asked.lr is not None else {}, velocities)
    if all(map(solution.right, checks)):
        return solution
    corners = (i for i, node in enumerate(c.nodes) if _at_corner(node, [tensors[j] for j in node.inputs]))
    return solution._replace(corners=frozenset(corners))


def _at_corner(node: Node, x: list[Any]) -> bool:
    kinked = node.operation in KINKS
    return kinked and at_kink(node.operation, [Array(tuple(t.shape), tuple(t.reshape(-1).tolist())) for t in x])


def _tensor(node: Node) -> Any:
    assert node.value is not None
    return (
        torch.tensor(floats(node.value), dtype=torch.float64)
        .reshape(node.value.shape)
        .expand(_ints(node.shape))
        .clone()
    )


def digest(tensor: Any) -> Digest:
    """The numbers of a tensor, of a very large one the first, and what they come to."""
    flat = tensor.detach().reshape(-1)
    first = flat if flat.numel() <= MAX_ELEMENTS else flat[:_FIRST]
    figures = map(float, (flat.norm(), flat.min(), flat.max(), flat.mean()))
    return Digest(tuple(tensor.shape), tuple(first.tolist()), *figures)


def _slopes(c: Computation, leaves: dict[str, Any], name: str, gradient: Any) -> tuple[float, float]:
    """The slope by the gradient and by finite differences, along a direction that is half the gradient, half chance."""
    chance = torch.randn(gradient.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    direction = chance / chance.norm()
    if (length := gradient.norm()) > 0:
        direction = direction + gradient / length
    ends = [float(run(c, {**leaves, name: leaves[name] + sign * _STEP * direction})[c.output]) for sign in (1, -1)]
    return float((gradient * direction).sum()), (ends[0] - ends[1]) / (2 * _STEP)


# ---------------------------------------------------------------- the oracle


def check(c: Computation) -> list[Check]:
    """Shapes (with random numbers, letters as small sizes), then values and gradients where there are numbers."""
    checks = [_shapes(c)]
    lettered = any(not isinstance(size, int) for node in c.nodes for size in node.shape)
    if lettered or any(node.value is None for node in c.inputs) or not c.inputs:
        return [*checks, Check("values", "not checked", why="no numbers are given")]
    values = evaluate(c)
    leaves = {
        node.name: torch.tensor(floats(values[c.names[node.name]]), dtype=torch.float64)
        .reshape(_ints(node.shape))
        .requires_grad_()
        for node in c.inputs
    }
    tensors = run(c, leaves)
    for i, node in enumerate(c.nodes):
        if node.operation not in ("input", "constant"):
            checks.append(_compared(f"value of {c.label(i)}", values[i], tensors[i]))
    if len(values[c.output].data) == 1:
        grads = gradients(c, values)
        tensors[c.output].sum().backward()
        for name, leaf in leaves.items():
            if leaf.grad is not None and c.names[name] in grads:
                checks.append(_compared(f"gradient in {name}", grads[c.names[name]], leaf.grad))
    return checks


def _compared(figure: str, ours: Array, theirs: Any) -> Check:
    stated = torch.tensor(floats(ours), dtype=torch.float64).reshape(ours.shape)
    same = tuple(theirs.shape) == ours.shape and torch.allclose(
        stated, theirs.detach(), rtol=1e-9, atol=1e-9, equal_nan=True
    )
    return Check(figure, "proved" if same else "differs", str(stated.tolist()), str(theirs.tolist()))


def _shapes(c: Computation) -> Check:
    letters = sorted(
        {name for node in c.nodes for size in node.shape if not isinstance(size, int) for name in symbols(size)}
    )
    sizes = {name: 2 + i for i, name in enumerate(letters)}
    if any(node.operation in ("loss", "ℓ", "f", "g", "φ", "ψ") for node in c.nodes):
        return Check("shapes", "not checked", why="a function is not stated")
    if c.conditions:
        return Check("shapes", "not checked", why="they depend on conditions")
    from dataclasses import replace

    def put(shape: Any) -> tuple[int, ...]:
        return _ints(substitute(size, sizes) if not isinstance(size, int) else size for size in shape)

    nodes = tuple(
        replace(
            n,
            shape=put(n.shape),
            options={
                k: put(v) if k == "size" and n.operation in ("repeat", "unvec", "reshape") else v
                for k, v in n.options.items()
            },
        )
        for n in c.nodes
    )
    filled = replace(c, nodes=nodes)
    if any(size < 1 for node in nodes for size in node.shape):
        return Check("shapes", "not checked", why="the sizes tried are too small for it")
    tensors = run(filled, {node.name: torch.rand(_ints(node.shape), dtype=torch.float64) for node in filled.inputs})
    wrong = [
        (c.label(i), node.shape, tuple(t.shape))
        for i, (node, t) in enumerate(zip(nodes, tensors))
        if tuple(t.shape) != node.shape
    ]
    if wrong:
        return Check("shapes", "differs", str(wrong[0][1]), str(wrong[0][2]), wrong[0][0])
    return Check("shapes", "proved", why=f"{len(nodes)} nodes")
