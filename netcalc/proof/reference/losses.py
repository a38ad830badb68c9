"""Losses and distances by their definition."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi
from typing import Any

from netcalc.proof.counting import Number, Tensor, dot, exp, largest, log, maximum, minimum, sqrt, total
from netcalc.proof.reference import Parameters, defines
from netcalc.proof.reference.merging import common, spread


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The losses of a batch of one put together."""
    if reduction == "none":
        return losses
    one = total(losses.numbers.values())
    if reduction == "mean":
        one = one / len(losses.numbers)
    elif reduction == "batchmean":
        one = one / 1
    return Tensor((), {(): one}, losses.tally)


def element(function: Callable[[Any, Number, Number], Number]) -> Callable[..., Tensor]:
    """A loss of one element of prediction and target, as one of all."""

    def loss(layer: Any, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
        losses = Tensor.make(
            common(x.shape, y.shape), lambda *index: function(layer, spread(x, index), spread(y, index)), x.tally
        )
        return reduced(losses, layer.reduction)

    return loss


@defines("MSELoss")
@element
def squared_error(layer: Any, x: Number, y: Number) -> Number:
    d = x - y
    return d * d


@defines("L1Loss")
@element
def absolute_error(layer: Any, x: Number, y: Number) -> Number:
    return abs(x - y)


@defines("SmoothL1Loss")
@element
def smooth_l1(layer: Any, x: Number, y: Number) -> Number:
    d, beta = abs(x - y), float(layer.beta)
    if beta == 0:
        return d
    square, line = d * d * (0.5 / beta), d - 0.5 * beta
    return line if d.exceeds(beta) else square


@defines("HuberLoss")
@element
def huber(layer: Any, x: Number, y: Number) -> Number:
    d, delta = abs(x - y), float(layer.delta)
    square, line = 0.5 * (d * d), delta * (d - 0.5 * delta)
    return line if d.exceeds(delta) else square


@defines("BCELoss")
@element
def binary_cross_entropy(layer: Any, x: Number, y: Number) -> Number:
    return -(y * maximum(log(x), -100.0) + (1 - y) * maximum(log(1 - x), -100.0))


@defines("BCEWithLogitsLoss")
@element
def binary_cross_entropy_of_logits(layer: Any, x: Number, y: Number) -> Number:
    return maximum(x, 0.0) - x * y + log(1 + exp(-abs(x)))


@defines("HingeEmbeddingLoss")
@element
def hinge(layer: Any, x: Number, y: Number) -> Number:
    far = maximum(layer.margin - x, 0.0)
    return x if y.exceeds(0.0) else far


@defines("SoftMarginLoss")
@element
def soft_margin(layer: Any, x: Number, y: Number) -> Number:
    return log(1 + exp(-(y * x)))


@defines("KLDivLoss")
@element
def kullback_leibler(layer: Any, x: Number, y: Number) -> Number:
    return exp(y) * (y - x) if layer.log_target else y * (log(y) - x)


@defines("PoissonNLLLoss")
@element
def poisson(layer: Any, x: Number, y: Number) -> Number:
    loss = exp(x) - y * x if layer.log_input else x - y * log(x + layer.eps)
    if not layer.full:
        return loss
    stirling = y * log(y) - y + 0.5 * log(2 * pi * y)
    applies = y.exceeds(1.0)
    return loss + (stirling if applies else 0.0)


@defines("CrossEntropyLoss")
def cross_entropy(layer: Any, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    classes, *places = x.shape
    smoothing = float(layer.label_smoothing)

    def loss(*place: int) -> Number:
        scores = [x[(c, *place)] for c in range(classes)]
        log_sum = log(total(exp(score) for score in scores))
        if len(y.shape) == len(x.shape):
            shares = [y[(c, *place)] for c in range(classes)]
            if smoothing:
                shares = [(1 - smoothing) * share + smoothing / classes for share in shares]
            return -dot((share, score - log_sum) for share, score in zip(shares, scores))
        target = int(y[place].value)
        if not smoothing:
            return log_sum - scores[target]
        logarithms = [score - log_sum for score in scores]
        return -((1 - smoothing) * logarithms[target] + smoothing / classes * total(logarithms))

    return reduced(Tensor.make(places, loss, x.tally), layer.reduction)


@defines("NLLLoss")
def negative_log_likelihood(layer: Any, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    losses = Tensor.make(x.shape[1:], lambda *place: -x[(int(y[place].value), *place)], x.tally)
    return reduced(losses, layer.reduction)


@defines("MultiMarginLoss")
def multi_margin(layer: Any, parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
    (classes,) = x.shape
    target = int(y[()].value)
    reference = layer.margin - x[target]
    hinges = [maximum(reference + x[c], 0.0) for c in range(classes) if c != target]
    if layer.p == 2:
        hinges = [one * one for one in hinges]
    return reduced(Tensor((), {(): total(hinges) / classes}, x.tally), layer.reduction)


@defines("CosineSimilarity")
def cosine(layer: Any, parameters: Parameters, x1: Tensor, x2: Tensor) -> Tensor:
    shape = common(x1.shape, x2.shape)
    axis = range(len(shape) + 1)[layer.dim] - 1

    def similarity(*place: int) -> Number:
        along = [(*place[:axis], i, *place[axis:]) for i in range(shape[axis])]
        a, b = ([spread(x, index) for index in along] for x in (x1, x2))
        lengths = [maximum(sqrt(dot(zip(v, v))), layer.eps) for v in (a, b)]
        return dot(zip(a, b)) / (lengths[0] * lengths[1])

    return Tensor.make([*shape[:axis], *shape[axis + 1 :]], similarity, x1.tally)


def distance(x1: Tensor, x2: Tensor, place: tuple[int, ...], p: float, eps: float) -> Number:
    """‖x₁ − x₂ + eps‖ₚ along the last axis."""
    length = max(x1.shape[-1], x2.shape[-1])
    differences = [spread(x1, (*place, i)) - spread(x2, (*place, i)) + eps for i in range(length)]
    if p == 2:
        return sqrt(total(d * d for d in differences))
    if p == 1:
        return total(abs(d) for d in differences)
    if p == inf:
        return largest(abs(d) for d in differences)
    return total(abs(d) ** p for d in differences) ** (1 / p)


@defines("PairwiseDistance")
def pairwise(layer: Any, parameters: Parameters, x1: Tensor, x2: Tensor) -> Tensor:
    places = common(x1.shape, x2.shape)[:-1]
    distances = Tensor.make(places, lambda *place: distance(x1, x2, place, layer.p, layer.eps), x1.tally)
    return distances.reshaped([*places, 1]) if layer.keepdim else distances


@defines("MarginRankingLoss")
def ranking(layer: Any, parameters: Parameters, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
    def loss(*index: int) -> Number:
        a, b, sign = (spread(x, index) for x in (x1, x2, y))
        return maximum(-sign * (a - b) + layer.margin, 0.0)

    return reduced(Tensor.make(common(x1.shape, x2.shape, y.shape), loss, x1.tally), layer.reduction)


@defines("TripletMarginLoss")
def triplet(layer: Any, parameters: Parameters, a: Tensor, p: Tensor, n: Tensor) -> Tensor:
    def loss(*place: int) -> Number:
        near, far = (distance(a, other, place, layer.p, layer.eps) for other in (p, n))
        if layer.swap:
            far = minimum(far, distance(p, n, place, layer.p, layer.eps))
        return maximum(near - far + layer.margin, 0.0)

    return reduced(Tensor.make(a.shape[:-1], loss, a.tally), layer.reduction)


@defines("CosineEmbeddingLoss")
def cosine_embedding(layer: Any, parameters: Parameters, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
    places = range(*common(x1.shape, x2.shape))
    a, b = ([spread(x, (i,)) for i in places] for x in (x1, x2))
    squares = [dot(zip(v, v)) for v in (list(x1.numbers.values()), list(x2.numbers.values()))]
    c = dot(zip(a, b)) / sqrt((squares[0] + 1e-12) * (squares[1] + 1e-12))
    near, far = 1 - c, maximum(c - layer.margin, 0.0)
    return reduced(Tensor((), {(): near if y[()].exceeds(0.0) else far}, x1.tally), layer.reduction)
