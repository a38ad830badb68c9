"""What is known of an activation function: range, derivative, saturation, dead zones, use as a classifier's output."""

from __future__ import annotations

import math
import re
from typing import Callable, NamedTuple

from netcalc.errors import SpecError, did_you_mean


class Facts(NamedTuple):
    """An activation f and its facts. ``least``/``greatest`` bound f, ``slopes`` bound f′ (attained or approached)."""

    name: str
    formula: str
    derivative: str
    range: str
    derivative_range: str
    bounds: tuple[float, float]
    slopes: tuple[float, float]
    zeros: str
    saturation: str
    dead: str
    monotone: str
    classifier: str
    f: Callable[[float], float]
    slope: Callable[[float], float]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _phi(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


INF = math.inf
_SCORE = "its value is a score, not a probability: put a sigmoid behind it, or threshold it at 0 (hinge loss)"
_NO_STALL = "none"
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805

_FACTS = (
    Facts(
        "identity",
        "x",
        "1",
        "(−∞, ∞)",
        "{1}",
        (-INF, INF),
        (1, 1),
        "0",
        "never",
        _NO_STALL,
        "strictly increasing",
        _SCORE,
        lambda x: x,
        lambda x: 1.0,
    ),
    Facts(
        "sigmoid",
        "1/(1 + exp(−x))",
        "σ(x)(1 − σ(x))",
        "(0, 1)",
        "(0, 1/4]",
        (0, 1),
        (0, 0.25),
        "none",
        "both sides: σ′ → 0 as |x| grows (below 0.01 from |x| ≈ 4.6)",
        "none, but the gradient vanishes far out",
        "strictly increasing",
        "yes: a probability; class 1 where σ(x) ≥ 0.5, that is x ≥ 0; train with binary cross entropy",
        _sigmoid,
        lambda x: _sigmoid(x) * (1 - _sigmoid(x)),
    ),
    Facts(
        "tanh",
        "(exp(x) − exp(−x))/(exp(x) + exp(−x))",
        "1 − tanh(x)²",
        "(−1, 1)",
        "(0, 1]",
        (-1, 1),
        (0, 1),
        "0",
        "both sides: f′ → 0 as |x| grows (below 0.01 from |x| ≈ 3)",
        "none, but the gradient vanishes far out",
        "strictly increasing",
        "yes, as (tanh(x) + 1)/2 = σ(2x): class 1 where tanh(x) ≥ 0; or with targets −1 and 1",
        math.tanh,
        lambda x: 1 - math.tanh(x) ** 2,
    ),
    Facts(
        "relu",
        "max(0, x)",
        "1 where x > 0, else 0 (at 0: 0, as torch)",
        "[0, ∞)",
        "{0, 1}",
        (0, INF),
        (0, 1),
        "every x ≤ 0",
        "below 0: f = 0",
        "x < 0: f′ = 0, the unit learns nothing where its pre-activation is negative, and dies if it always is",
        "increasing (constant for x ≤ 0)",
        "no: unbounded above, and it stalls where the pre-activation is negative: a wrong 0 gets no gradient",
        lambda x: max(0.0, x),
        lambda x: 1.0 if x > 0 else 0.0,
    ),
    Facts(
        "leaky_relu",
        "x where x > 0, else 0.01 x",
        "1 where x > 0, else 0.01",
        "(−∞, ∞)",
        "{0.01, 1}",
        (-INF, INF),
        (0.01, 1),
        "0",
        "never",
        _NO_STALL,
        "strictly increasing",
        _SCORE,
        lambda x: x if x > 0 else 0.01 * x,
        lambda x: 1.0 if x > 0 else 0.01,
    ),
    Facts(
        "relu6",
        "min(max(0, x), 6)",
        "1 where 0 < x < 6, else 0",
        "[0, 6]",
        "{0, 1}",
        (0, 6),
        (0, 1),
        "every x ≤ 0",
        "both sides: 0 below 0, 6 above 6",
        "x < 0 and x > 6: f′ = 0",
        "increasing (constant outside of 0 … 6)",
        "no: it stalls on both sides",
        lambda x: min(max(0.0, x), 6.0),
        lambda x: 1.0 if 0 < x < 6 else 0.0,
    ),
    Facts(
        "step",
        "1 where x > 0, else 0",
        "0 (none at 0)",
        "{0, 1}",
        "{0}",
        (0, 1),
        (0, 0),
        "every x ≤ 0",
        "everywhere",
        "everywhere: the gradient is zero, so gradient descent cannot train through it",
        "increasing, in one step",
        "it is a decision already, but has zero gradient: only the perceptron rule trains it",
        lambda x: 1.0 if x > 0 else 0.0,
        lambda x: 0.0,
    ),
    Facts(
        "softplus",
        "log(1 + exp(x))",
        "σ(x)",
        "(0, ∞)",
        "(0, 1)",
        (0, INF),
        (0, 1),
        "none",
        "below: f → 0, f′ → 0",
        "none, but the gradient vanishes far below 0",
        "strictly increasing",
        "no: unbounded above; its derivative, the sigmoid, is",
        lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        _sigmoid,
    ),
    Facts(
        "softsign",
        "x/(1 + |x|)",
        "1/(1 + |x|)²",
        "(−1, 1)",
        "(0, 1]",
        (-1, 1),
        (0, 1),
        "0",
        "both sides, slowly: f′ falls as 1/x²",
        "none",
        "strictly increasing",
        "yes, as (f + 1)/2: class 1 where f ≥ 0",
        lambda x: x / (1 + abs(x)),
        lambda x: 1 / (1 + abs(x)) ** 2,
    ),
    Facts(
        "hardtanh",
        "min(max(x, −1), 1)",
        "1 where −1 < x < 1, else 0",
        "[−1, 1]",
        "{0, 1}",
        (-1, 1),
        (0, 1),
        "0",
        "both sides: −1 and 1",
        "|x| > 1: f′ = 0",
        "increasing (constant outside of −1 … 1)",
        "as (f + 1)/2, but it stalls where |x| > 1",
        lambda x: min(max(x, -1.0), 1.0),
        lambda x: 1.0 if -1 < x < 1 else 0.0,
    ),
    Facts(
        "elu",
        "x where x > 0, else exp(x) − 1",
        "1 where x > 0, else exp(x)",
        "(−1, ∞)",
        "(0, 1]",
        (-1, INF),
        (0, 1),
        "0",
        "below: f → −1, f′ → 0",
        "none, but the gradient vanishes far below 0",
        "strictly increasing",
        _SCORE,
        lambda x: x if x > 0 else math.expm1(x),
        lambda x: 1.0 if x > 0 else math.exp(x),
    ),
    Facts(
        "selu",
        "1.0507 · (x where x > 0, else 1.6733 (exp(x) − 1))",
        "1.0507 where x > 0, else 1.7581 exp(x)",
        "(−1.7581, ∞)",
        "(0, 1.7581]",
        (-_SCALE * _ALPHA, INF),
        (0, _SCALE * _ALPHA),
        "0",
        "below: f → −1.7581, f′ → 0",
        "none, but the gradient vanishes far below 0",
        "strictly increasing",
        _SCORE,
        lambda x: _SCALE * (x if x > 0 else _ALPHA * math.expm1(x)),
        lambda x: _SCALE * (1.0 if x > 0 else _ALPHA * math.exp(x)),
    ),
    Facts(
        "silu",
        "x σ(x)",
        "σ(x)(1 + x(1 − σ(x)))",
        "[−0.2785, ∞)",
        "[−0.0998, 1.0998]",
        (-0.2784645, INF),
        (-0.0998395, 1.0998395),
        "0",
        "below: f → 0, f′ → 0",
        "none, but f′ = 0 at x ≈ −1.278 and it vanishes far below 0",
        "no: falls to x ≈ −1.278, rises behind it",
        "no: its values do not order the classes (not monotone)",
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
    ),
    Facts(
        "gelu",
        "x Φ(x)",
        "Φ(x) + x φ(x)",
        "[−0.1700, ∞)",
        "[−0.1290, 1.1290]",
        (-0.1699713, INF),
        (-0.1289042, 1.1289042),
        "0",
        "below: f → 0, f′ → 0",
        "none, but f′ = 0 at x ≈ −0.7518 and it vanishes far below 0",
        "no: falls to x ≈ −0.7518, rises behind it",
        "no: its values do not order the classes (not monotone)",
        lambda x: x * _cdf(x),
        lambda x: _cdf(x) + x * _phi(x),
    ),
    Facts(
        "sin",
        "sin(x)",
        "cos(x)",
        "[−1, 1]",
        "[−1, 1]",
        (-1, 1),
        (-1, 1),
        "every multiple of π",
        "never",
        "none, but f′ = 0 at π/2 + kπ",
        "no: periodic",
        "no: the same value comes back every 2π",
        math.sin,
        math.cos,
    ),
)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _mish_slope(x: float) -> float:
    t = math.tanh(_softplus(x))
    return t + x * (1 - t * t) * _sigmoid(x)


_RARER = (
    Facts(
        "mish",
        "x tanh(log(1 + exp(x)))",
        "t + x (1 − t²) σ(x) with t = tanh(log(1 + exp(x)))",
        "[−0.3088, ∞)",
        "[−0.1125, 1.0885]",
        (-0.3088434, INF),
        (-0.1125261, 1.0884982),
        "0",
        "below: f → 0, f′ → 0",
        "none, but f′ = 0 at x ≈ −1.192 and it vanishes far below 0",
        "no: falls to x ≈ −1.192, rises behind it",
        "no: its values do not order the classes (not monotone)",
        lambda x: x * math.tanh(_softplus(x)),
        _mish_slope,
    ),
    Facts(
        "hardswish",
        "x min(max(0, x + 3), 6)/6",
        "0 where x < −3, (2x + 3)/6 where −3 < x < 3, 1 where x > 3",
        "[−3/8, ∞)",
        "(−1/2, 3/2)",
        (-0.375, INF),
        (-0.5, 1.5),
        "every x ≤ −3, and 0",
        "below −3: f = 0",
        "x < −3: f′ = 0; and f′ = 0 at x = −3/2",
        "no: falls from x = −3 to −3/2, rises behind it",
        "no: its values do not order the classes (not monotone)",
        lambda x: x * min(max(0.0, x + 3), 6.0) / 6,
        lambda x: 0.0 if x <= -3 else 1.0 if x >= 3 else (2 * x + 3) / 6,
    ),
    Facts(
        "hardsigmoid",
        "min(max(0, x + 3), 6)/6",
        "1/6 where −3 < x < 3, else 0",
        "[0, 1]",
        "{0, 1/6}",
        (0, 1),
        (0, 1 / 6),
        "every x ≤ −3",
        "both sides: 0 below −3, 1 above 3",
        "|x| > 3: f′ = 0",
        "increasing (constant outside of −3 … 3)",
        "as a probability, but it stalls where |x| > 3, and log f is −∞ below −3",
        lambda x: min(max(0.0, x + 3), 6.0) / 6,
        lambda x: 1 / 6 if -3 < x < 3 else 0.0,
    ),
    Facts(
        "logsigmoid",
        "−log(1 + exp(−x))",
        "σ(−x)",
        "(−∞, 0)",
        "(0, 1)",
        (-INF, 0),
        (0, 1),
        "none",
        "above: f → 0, f′ → 0",
        "none, but the gradient vanishes far above 0",
        "strictly increasing",
        "yes: the logarithm of a probability; class 1 where f ≥ log 0.5, that is x ≥ 0",
        lambda x: -_softplus(-x),
        lambda x: _sigmoid(-x),
    ),
    Facts(
        "celu",
        "x where x > 0, else α (exp(x/α) − 1), with α = 1 as elu",
        "1 where x > 0, else exp(x/α)",
        "(−1, ∞), in general (−α, ∞)",
        "(0, 1]",
        (-1, INF),
        (0, 1),
        "0",
        "below: f → −α, f′ → 0",
        "none, but the gradient vanishes far below 0",
        "strictly increasing",
        _SCORE,
        lambda x: x if x > 0 else math.expm1(x),
        lambda x: 1.0 if x > 0 else math.exp(x),
    ),
    Facts(
        "prelu",
        "x where x > 0, else a x; a is learned and starts at 0.25, which is shown here",
        "1 where x > 0, else a",
        "(−∞, ∞) while a > 0",
        "{a, 1}, here {0.25, 1}",
        (-INF, INF),
        (0.25, 1),
        "0",
        "never while a ≠ 0",
        "none while a ≠ 0",
        "strictly increasing (while a > 0)",
        _SCORE,
        lambda x: x if x > 0 else 0.25 * x,
        lambda x: 1.0 if x > 0 else 0.25,
    ),
    Facts(
        "softshrink",
        "x − λ where x > λ, x + λ where x < −λ, else 0; λ = 0.5",
        "1 where |x| > λ, else 0",
        "(−∞, ∞)",
        "{0, 1}",
        (-INF, INF),
        (0, 1),
        "every |x| ≤ λ",
        "in the middle: f = 0 where |x| ≤ λ",
        "|x| < λ: f′ = 0",
        "increasing (constant for |x| ≤ λ)",
        _SCORE,
        lambda x: x - 0.5 if x > 0.5 else x + 0.5 if x < -0.5 else 0.0,
        lambda x: 1.0 if abs(x) > 0.5 else 0.0,
    ),
    Facts(
        "hardshrink",
        "x where |x| > λ, else 0; λ = 0.5",
        "1 where |x| > λ, else 0 (none at ±λ, where f jumps by λ)",
        "(−∞, −λ) ∪ {0} ∪ (λ, ∞)",
        "{0, 1}",
        (-INF, INF),
        (0, 1),
        "every |x| ≤ λ",
        "in the middle: f = 0 where |x| ≤ λ",
        "|x| < λ: f′ = 0",
        "increasing (constant for |x| < λ, with jumps at ±λ)",
        _SCORE,
        lambda x: x if abs(x) > 0.5 else 0.0,
        lambda x: 1.0 if abs(x) > 0.5 else 0.0,
    ),
    Facts(
        "tanhshrink",
        "x − tanh(x)",
        "tanh(x)²",
        "(−∞, ∞)",
        "[0, 1)",
        (-INF, INF),
        (0, 1),
        "0",
        "near 0: f ≈ x³/3",
        "none, but f′ = 0 at x = 0 and it vanishes near it",
        "strictly increasing",
        _SCORE,
        lambda x: x - math.tanh(x),
        lambda x: math.tanh(x) ** 2,
    ),
    Facts(
        "threshold",
        "x where x > θ, else v; shown with θ = 1, v = 0",
        "1 where x > θ, else 0 (none at θ unless v = θ)",
        "{v} ∪ (θ, ∞)",
        "{0, 1}",
        (0, INF),
        (0, 1),
        "every x ≤ θ if v = 0",
        "below θ: f = v",
        "x < θ: f′ = 0",
        "increasing where v ≤ θ (constant for x ≤ θ, with a jump of θ − v)",
        "no: unbounded above, and it stalls where x ≤ θ",
        lambda x: x if x > 1 else 0.0,
        lambda x: 1.0 if x > 1 else 0.0,
    ),
)
_ALIASES = {
    "swish": "silu",
    "leakyrelu": "leaky_relu",
    "lrelu": "leaky_relu",
    "heaviside": "step",
    "linear": "identity",
    "logistic": "sigmoid",
    "σ": "sigmoid",
}
_NOT_ELEMENTWISE = ("softmax", "logsoftmax", "softmin", "softmax2d", "glu", "maxout")
FACTS = {facts.name: facts for facts in (*_FACTS, *_RARER)}


def facts_of(name: str) -> Facts:
    """The facts of the activation of that name, which may be spelled as torch does (``nn.ReLU``).

    >>> facts_of("ReLU").range, facts_of("tanh").classifier
    ('[0, ∞)', 'yes, as (tanh(x) + 1)/2 = σ(2x): class 1 where tanh(x) ≥ 0; or with targets −1 and 1')
    """
    word = re.sub(r"^(torch\.)?(nn\.)?(functional\.)?|^f\.|\(\)$", "", name.lower()).replace("-", "_")
    known = FACTS
    bare = word.replace("_", "")
    found = known.get(_ALIASES.get(bare, word)) or known.get(bare)
    if found is None and bare in _NOT_ELEMENTWISE:
        raise SpecError(
            "not-elementwise",
            f"{name} is not a function of each element alone: every output depends on several inputs, "
            "so it has no curve and no f′",
            expected="an activation that acts element by element",
            found=name,
            hint=f'netcalc eq "y = {"softmax(z)" if bare != "logsoftmax" else "logsoftmax(z)"}" z:3 --gradients '
            "has its Jacobian"
            if bare in ("softmax", "logsoftmax")
            else "",
        )
    if found is None:
        hint = did_you_mean(word, [*known, *_ALIASES]) or f"known: {', '.join(known)}"
        raise SpecError(
            "unknown-kind", f"no activation is called {name!r}", expected="an activation", found=name, hint=hint
        )
    return found


def samples(facts: Facts, low: float, high: float, count: int) -> list[tuple[float, float, float]]:
    """x, f(x) and f′(x) at ``count`` places."""
    places = [low + (high - low) * i / (count - 1) for i in range(count)]
    return [(x, facts.f(x), facts.slope(x)) for x in places]
