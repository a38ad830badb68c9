"""Losses and distances (torch.nn: MSELoss, CrossEntropyLoss, CosineSimilarity, …): layers of two or three inputs.

The work is that of one sample, as a batch of one: ``reduction=mean`` divides by the number of this sample's losses.
With ``--batch N`` that is done N times, sample by sample; torch's one mean over the batch has N − 1 add more and N − 1
div fewer (as many FLOPs), its one sum N − 1 add more. The report says so.
``weight`` and ``pos_weight``, which torch takes as tensors, are left out, and so are its deprecated ``size_average``
and ``reduce``.
"""

from __future__ import annotations

from math import inf, isinf
from typing import Any

from netcalc.dims import product
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    behind_batch,
    choice,
    dim_behind_batch,
    equal,
    flag,
    has_axes,
    has_rank,
    integer,
    layer,
    real,
    record,
    shape_text,
)
from netcalc.layers.merging import alike, broadcast, is_one, repeated
from netcalc.layers.reach import WHOLE, Reach, Rule, Window
from netcalc.layers.shaping import without_axes

PAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn.{}.html"
HOW = "how the losses become one number"
REDUCTIONS = ("none", "mean", "sum")


@record
class _Loss(Layer):
    """Losses, of which ``reduction`` makes one number."""

    reduction = "mean"

    def losses(self, *inputs: Any, **more: Any) -> Shape:
        """The shape of the losses before they are reduced."""
        raise NotImplementedError

    def lines(self, *inputs: Any, **more: Any) -> tuple[Line, ...]:
        """The work of the losses before they are reduced."""
        raise NotImplementedError

    def reads(self, *inputs: Any, **more: Any) -> Reach:
        """What one loss reads."""
        return repeated(inputs)

    def output_shape(self, *inputs: Shape) -> Shape:
        return self.losses(*inputs) if self.reduction == "none" else ()

    def work(self, *inputs: Shape) -> Work:
        lines = self.lines(*inputs)
        if self.reduction == "none":
            return Work(lines, note="" if lines else "picks one entry, with its sign changed")
        lines = (*lines, Line("Σ", "add", (product(self.losses(*inputs)) - 1,)))
        return Work(lines if self.reduction == "sum" else (*lines, Line("/ n", "div", (1,))))

    def reach(self, *inputs: Shape) -> Reach:
        if self.reduction == "none":
            return self.reads(*inputs)
        return tuple((WHOLE,) * len(one) for one in inputs)


# ---------------------------------------------------------------- element by element


@record
class _ElementLoss(_Loss):
    """One loss an element of the prediction x and the target y."""

    arity = 2
    repeats = (True, True)
    """May an axis of size 1 of the prediction, and of the target, be repeated?"""
    trial_inputs = (
        ((4,), (4,)),
        ((2, 3), (2, 3)),
        ((1,), (1,)),
        ((2, 3), (1, 3)),
        ((2, 1), (2, 3)),
        ((2, 3), (2, 2)),
        ((), ()),
    )

    def steps(self) -> tuple[tuple[str, str], ...]:
        """Label and ledger kinds of the operations on each element."""
        raise NotImplementedError

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield from alike((x, y), repeat=any(self.repeats))
        for repeats, one, other, name in zip(self.repeats, (x, y), (y, x), ("prediction", "target")):
            for axis, (size, wanted) in enumerate(zip(one, other)):
                if not repeats and is_one(size):
                    yield equal(size, wanted, f"axis {axis} of the {name}, which torch does not repeat here,")

    def losses(self, x: Shape, y: Shape) -> Shape:
        return broadcast((x, y))

    def lines(self, x: Shape, y: Shape) -> tuple[Line, ...]:
        elements = broadcast((x, y))
        return tuple(Line(label, kind, elements) for label, kinds in self.steps() for kind in kinds.split())


@layer
class MSELoss(_ElementLoss):
    """The squared error (x − y)² of a prediction x and a target y, element by element.

    Shapes: two alike → a scalar, or the same with ``reduction=none``.
    Work: 1 add, 1 mul an element; for the mean of n: n − 1 add, 1 div.
    """

    words = ("mseloss", "mse")
    namesake = "MSELoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> mse y",)

    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return ("x − y", "add"), ("(x − y)²", "mul")


@layer
class L1Loss(_ElementLoss):
    """The absolute error |x − y| of a prediction x and a target y, element by element.

    Shapes: two alike → a scalar, or the same with ``reduction=none``.
    Work: 1 add, 1 max an element; for the mean of n: n − 1 add, 1 div.
    """

    words = ("l1loss", "mae")
    namesake = "L1Loss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> l1loss y",)

    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return ("x − y", "add"), ("|x − y|", "max")


@layer
class SmoothL1Loss(_ElementLoss):
    """With d = |x − y|: (0.5 / beta) · d² where d < beta, else d − 0.5 · beta (0.5 / beta is a constant).

    Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: both cases and the choice, for each
    element 2 add, 2 max, 2 mul (for beta = 0 as L1Loss); for the mean of n: n − 1 add, 1 div.
    """

    words = ("smoothl1loss", "smoothl1")
    namesake = "SmoothL1Loss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> smoothl1loss y",)

    reduction: str = choice(HOW, "mean", REDUCTIONS)
    beta: float = real("where the square goes over into the line", 1.0, tries=(1.0, 0.5, 0, -1.0))

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield not_negative(self.beta, "beta")
        yield from super().conditions(x, y)

    def steps(self) -> tuple[tuple[str, str], ...]:
        distance = (("x − y", "add"), ("d = |x − y|", "max"))
        return distance if self.beta == 0 else (*distance, ("d < β", "max"), ("d²/2β", "mul mul"), ("d − β/2", "add"))


@layer
class HuberLoss(_ElementLoss):
    """With d = |x − y|: 0.5 · d² where d < delta, else delta · (d − 0.5 · delta).

    Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: both cases and the choice, for each
    element 2 add, 2 max, 3 mul; for the mean of n: n − 1 add, 1 div.
    """

    words = ("huberloss", "huber")
    namesake = "HuberLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> huberloss y",)

    reduction: str = choice(HOW, "mean", REDUCTIONS)
    delta: float = real("where the square goes over into the line", 1.0, tries=(1.0, 0.5, 0, -1.0))

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield not_negative(self.delta, "delta", zero=False)
        yield from super().conditions(x, y)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return (
            ("x − y", "add"),
            ("d = |x − y|", "max"),
            ("d < δ", "max"),
            ("½ d²", "mul mul"),
            ("d − δ/2", "add"),
            ("δ (d − δ/2)", "mul"),
        )


@layer
class BCELoss(_ElementLoss):
    """Binary cross entropy of a probability x and a target y: −(y · log x + (1 − y) · log(1 − x)).

    Both logarithms are held at −100 or above, as in torch. Shapes: two alike → a scalar, or the same with
    ``reduction=none``. Work: for each element 3 add, 2 log, 2 max, 2 mul; for the mean of n: n − 1 add, 1 div.
    """

    words = ("bceloss", "bce")
    namesake = "BCELoss"
    source = PAGE.format(namesake)
    examples = ("10 -> sigmoid as y -> linear 10 -> sigmoid -> bce y",)
    repeats = (False, False)

    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return (
            ("1 − x", "add"),
            ("log x, log(1 − x)", "log log"),
            ("max(log, −100)", "max max"),
            ("1 − y", "add"),
            ("y log x + (1 − y) log(1 − x)", "mul mul add"),
        )


@layer
class BCEWithLogitsLoss(_ElementLoss):
    """Binary cross entropy of a logit x and a target y: max(x, 0) − x · y + log(1 + exp(−|x|)).

    Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: for each element 3 add, 2 max, 1 mul,
    1 exp, 1 log; for the mean of n: n − 1 add, 1 div.
    """

    words = ("bcewithlogitsloss", "bcewithlogits")
    namesake = "BCEWithLogitsLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> bcewithlogits y",)
    repeats = (False, False)

    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return ("max(x, 0)", "max"), ("− x y", "mul add"), ("+ log(1 + exp(−|x|))", "max exp add log add")


@layer
class HingeEmbeddingLoss(_ElementLoss):
    """The hinge loss of a distance x and a target y: x where y = 1, max(0, margin − x) where y = −1.

    Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: both cases and the choice, for each
    element 1 add, 2 max; for the mean of n: n − 1 add, 1 div.
    """

    words = ("hingeembeddingloss", "hinge")
    namesake = "HingeEmbeddingLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> hinge y",)

    margin: float = real("distance that is far enough", 1.0, tries=(1.0, 0.3, -1.0))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return ("margin − x", "add"), ("max(0, ·)", "max"), ("y = 1", "max")


@layer
class SoftMarginLoss(_ElementLoss):
    """The logistic loss of a score x and a target y of ±1: log(1 + exp(−y · x)).

    Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: for each element 1 mul, 1 exp, 1 add,
    1 log; for the mean of n: n − 1 add, 1 div.
    """

    words = ("softmarginloss",)
    namesake = "SoftMarginLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> softmarginloss y",)
    repeats = (False, True)

    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return (("log(1 + exp(−y x))", "mul exp add log"),)


@layer
class KLDivLoss(_ElementLoss):
    """The Kullback–Leibler divergence of log-probabilities x from probabilities y: y · (log y − x).

    With ``log_target`` y is a log-probability: exp(y) · (y − x). Shapes: two alike → a scalar, or the same with
    ``reduction=none``. Work: for each element 1 log (or exp), 1 add, 1 mul; for the mean of n: n − 1 add, 1 div;
    ``batchmean`` divides by the size of the batch, which is 1 here.
    """

    words = ("kldivloss", "kldiv")
    namesake = "KLDivLoss"
    source = PAGE.format(namesake)
    examples = ("10 -> softmax as y -> linear 10 -> logsoftmax -> kldiv y reduction=batchmean",)

    reduction: str = choice(HOW, "mean", ("none", "batchmean", "mean", "sum"))
    log_target: bool = flag("the target is given as log-probabilities", False)

    def steps(self) -> tuple[tuple[str, str], ...]:
        return (("exp(y) (y − x)", "exp add mul") if self.log_target else ("y (log y − x)", "log add mul"),)


@layer
class PoissonNLLLoss(_ElementLoss):
    """The negative log-likelihood of a count y at a Poisson rate of logarithm x: exp(x) − y · x.

    Without ``log_input`` x is the rate: x − y · log(x + eps). ``full`` adds y · log y − y + 0.5 · log(2πy) where
    y > 1. Shapes: two alike → a scalar, or the same with ``reduction=none``. Work: for each element 1 exp, 1 mul,
    1 add (or 2 add, 1 log, 1 mul); ``full``: 1 max, 2 log, 3 mul, 3 add more; for the mean of n: n − 1 add, 1 div.
    """

    words = ("poissonnllloss",)
    namesake = "PoissonNLLLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> poissonnllloss y",)

    log_input: bool = flag("the prediction is the rate's logarithm", True)
    full: bool = flag("add Stirling's approximation of log(y!)", False)
    eps: float = real("added to the rate before its logarithm", 1e-8, tries=(1e-8, 1e-3))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def steps(self) -> tuple[tuple[str, str], ...]:
        loss = ("exp(x) − y x", "exp mul add") if self.log_input else ("x − y log(x + ε)", "add log mul add")
        if not self.full:
            return (loss,)
        return loss, ("y > 1", "max"), ("+ y log y − y + ½ log 2πy", "log mul add mul log mul add add")


def not_negative(value: float, argument: str, *, zero: bool = True) -> Fact:
    """A number that must be positive, or may be zero too."""
    return Fact(
        value > 0 or (zero and value == 0),
        f"{argument} is {value}, but must {'not be negative' if zero else 'be positive'}",
        expected=f"{argument} {'≥' if zero else '>'} 0",
        found=str(value),
        argument=argument,
    )


# ---------------------------------------------------------------- classes


def class_indices(x: Shape, y: Shape) -> Conditions:
    """The target has the axes of the prediction, C x d1 x …, without C."""
    yield has_axes(x, 1, "C x d1 x …")
    yield Fact(
        len(y) == len(x) - 1,
        f"the target, {shape_text(y)}, must have the axes of the prediction, {shape_text(x)}, without the classes",
        expected=f"a target of {shape_text(x[1:])}",
        found=shape_text(y),
        code="shape-mismatch",
    )
    for axis, (size, wanted) in enumerate(zip(y, x[1:])):
        yield equal(size, wanted, f"axis {axis} of the target")


def reads_classes(x: Shape) -> tuple[Rule, ...]:
    """One loss reads all classes at its own place."""
    return (WHOLE, *map(Window, range(len(x) - 1)))


@layer
class CrossEntropyLoss(_Loss):
    """Cross entropy of C logits x and a class t: log Σ exp(x) − x[t], for each place.

    The target may also be probabilities y of the prediction's shape: −Σ y · (x − log Σ exp(x)).
    ``label_smoothing`` ε takes (1 − ε) of this and ε / C of −Σ (x − log Σ exp(x)), or of y: (1 − ε) · y + ε / C.
    Shapes: ``C x d1 x …`` and ``d1 x …`` (or ``C x d1 x …``) → a scalar, or ``d1 x …`` with ``reduction=none``.
    Work for each place: C exp, C − 1 add, 1 log, then 1 add; with ε instead C add (x − log Σ), C − 1 add (Σ), 2 mul,
    1 add; for probabilities C add, C mul, C − 1 add, with ε C mul, C add more; for the mean of n: n − 1 add, 1 div.
    """

    words = ("crossentropyloss", "crossentropy")
    arity = 2
    namesake = "CrossEntropyLoss"
    source = PAGE.format(namesake)
    examples = (
        "10 -> softmax as y -> linear 10 -> crossentropy y label_smoothing=0.1",
        "10x8x8 -> max 0 as t -> unsqueeze 0 -> conv 10 k1 -> crossentropy t",
    )
    trial_inputs = (
        ((4,), ()),
        ((3, 2), (2,)),
        ((3, 2, 2), (2, 2)),
        ((4,), (4,)),
        ((3, 2), (3, 2)),
        ((3, 2), (3,)),
        ((3, 2), (1, 2)),
        ((4,), (1, 4)),
    )

    ignore_index: int = integer("class whose places are left out", -100, tries=(-100, -100, -1, 1))
    reduction: str = choice(HOW, "mean", REDUCTIONS)
    label_smoothing: float = real("share ε of the target that is spread evenly", 0.0, tries=(0.0, 0.1, 1.0, 1.5))

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield has_axes(x, 1, "C x d1 x …")
        yield Fact(
            0 <= self.label_smoothing <= 1,
            f"label_smoothing is {self.label_smoothing}, but must be between 0 and 1",
            expected="0 ≤ label_smoothing ≤ 1",
            found=str(self.label_smoothing),
            argument="label_smoothing",
        )
        if len(y) != len(x):
            yield from class_indices(x, y)
            return
        for axis, (size, wanted) in enumerate(zip(y, x)):
            yield equal(size, wanted, f"axis {axis} of the target (class probabilities)")
        yield Fact(
            self.ignore_index < 0,
            "ignore_index does not go with class probabilities, as in torch",
            expected="a target of class numbers",
            found=shape_text(y),
            argument="ignore_index",
        )

    def losses(self, x: Shape, y: Shape) -> Shape:
        return x[1:]

    def lines(self, x: Shape, y: Shape) -> tuple[Line, ...]:
        places, classes = x[1:], x[0]
        sums = (*places, classes - 1)
        shares = [Line("exp(x)", "exp", x), Line("Σ exp", "add", sums), Line("log Σ", "log", places)]
        if len(y) == len(x):
            smoothing = [Line("(1 − ε) y", "mul", x), Line("+ ε/C", "add", x)] if self.label_smoothing else []
            lines = [
                Line("x − log Σ", "add", x),
                *smoothing,
                Line("Σ y (x − log Σ)", "mul", x),
                Line("Σ y (x − log Σ)", "add", sums),
            ]
        elif self.label_smoothing:
            lines = [
                Line("x − log Σ", "add", x),
                Line("Σ (x − log Σ)", "add", sums),
                Line("(1 − ε), ε/C", "mul", (*places, 2)),
                Line("+", "add", places),
            ]
        else:
            lines = [Line("log Σ − x[t]", "add", places)]
        return (*shares, *lines)

    def reads(self, x: Shape, y: Shape) -> Reach:
        return (reads_classes(x), reads_classes(y) if len(y) == len(x) else tuple(map(Window, range(len(y)))))


@layer
class NLLLoss(_Loss):
    """The negative log-likelihood of a class t under C log-probabilities x: −x[t], for each place.

    Shapes: ``C x d1 x …`` and ``d1 x …`` → a scalar, or ``d1 x …`` with ``reduction=none``.
    Work: none for each place (a sign is free); for the mean of n: n − 1 add, 1 div.
    """

    words = ("nllloss", "nll")
    arity = 2
    namesake = "NLLLoss"
    source = PAGE.format(namesake)
    examples = ("10x8x8 -> max 0 as t -> unsqueeze 0 -> conv 10 k1 -> logsoftmax 1 -> nll t",)
    trial_inputs = (((4,), ()), ((3, 2), (2,)), ((3, 2, 2), (2, 2)), ((3, 2), (3,)), ((3, 2), (3, 2)), ((4,), (1,)))

    ignore_index: int = integer("class whose places are left out", -100, tries=(-100, 1))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield from class_indices(x, y)

    def losses(self, x: Shape, y: Shape) -> Shape:
        return x[1:]

    def lines(self, x: Shape, y: Shape) -> tuple[Line, ...]:
        return ()

    def reads(self, x: Shape, y: Shape) -> Reach:
        return (reads_classes(x), tuple(map(Window, range(len(y)))))


@layer
class MultiMarginLoss(_Loss):
    """The hinge loss of C scores x and a class t: Σ_{i≠t} max(0, margin − x[t] + x[i])^p / C, with p 1 or 2.

    Shapes: ``C`` and a scalar → a scalar. Work: 1 add (margin − x[t]), then for each of the C − 1 other classes
    1 add and 1 max (and 1 mul for p = 2), C − 2 add, 1 div; for the mean of one: 1 div.
    """

    words = ("multimarginloss",)
    arity = 2
    namesake = "MultiMarginLoss"
    source = PAGE.format(namesake)
    examples = ("10 -> max as t -> unsqueeze 0 -> linear 10 -> multimarginloss t",)
    trial_inputs = (((4,), ()), ((2,), ()), ((3, 2), (2,)), ((4,), (4,)))

    p: int = integer("the power, 1 or 2", 1, tries=(1, 2, 3, 0))
    margin: float = real("distance that is far enough", 1.0, tries=(1.0, 0.3, -1.0))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def conditions(self, x: Shape, y: Shape) -> Conditions:
        yield Fact(self.p in (1, 2), f"p is {self.p}, but must be 1 or 2", expected="p=1 or p=2", argument="p")
        yield has_rank(x, 1, "C")
        yield from class_indices(x, y)
        yield at_least(x[0], 2, "the number of classes")

    def losses(self, x: Shape, y: Shape) -> Shape:
        return ()

    def lines(self, x: Shape, y: Shape) -> tuple[Line, ...]:
        others = (x[0] - 1,)
        square = (Line("(·)²", "mul", others),) if self.p == 2 else ()
        return (
            Line("margin − x[t]", "add", (1,)),
            Line("+ x[i]", "add", others),
            Line("max(0, ·)", "max", others),
            *square,
            Line("Σ", "add", (x[0] - 2,)),
            Line("/ C", "div", (1,)),
        )

    def reads(self, x: Shape, y: Shape) -> Reach:
        return ((WHOLE,), ())


# ---------------------------------------------------------------- distances


@layer
class CosineSimilarity(Layer):
    """The cosine of the angle of two vectors: x₁·x₂ / (max(‖x₁‖, eps) · max(‖x₂‖, eps)), along axis ``dim``.

    Shapes: two alike → the same without that axis. As in torch, axis 0 is the batch, so that 1 is a sample's first.
    Work, for vectors of n: 3n mul, 3(n − 1) add, 2 sqrt, 2 max, 1 mul, 1 div.
    """

    words = ("cosinesimilarity",)
    arity = 2
    namesake = "CosineSimilarity"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> cosinesimilarity y",)
    trial_inputs = (((4,), (4,)), ((2, 3), (2, 3)), ((2, 3), (2, 1)), ((1,), (1,)), ((2, 3), (3, 2)))

    dim: int = integer("the vectors' axis (0 is the batch)", 1, tries=(1, 1, -1, 2))
    eps: float = real("least length, against a division by zero", 1e-8, tries=(1e-8, 0.5, -1))

    def conditions(self, x1: Shape, x2: Shape) -> Conditions:
        yield from alike((x1, x2), repeat=True)
        yield not_negative(self.eps, "eps")
        yield dim_behind_batch(self.dim, len(x1), "dim")

    def output_shape(self, x1: Shape, x2: Shape) -> Shape:
        both, axis = broadcast((x1, x2)), behind_batch(self.dim, len(x1))
        return (*both[:axis], *both[axis + 1 :])

    def work(self, x1: Shape, x2: Shape) -> Work:
        outputs = self.output_shape(x1, x2)
        length = broadcast((x1, x2))[behind_batch(self.dim, len(x1))]
        return Work(
            (
                Line("x₁·x₂, x₁·x₁, x₂·x₂", "mul", (*outputs, 3, length)),
                Line("x₁·x₂, x₁·x₁, x₂·x₂", "add", (*outputs, 3, length - 1)),
                Line("‖x₁‖, ‖x₂‖", "sqrt", (*outputs, 2)),
                Line("max(‖·‖, ε)", "max", (*outputs, 2)),
                Line("‖x₁‖ ‖x₂‖", "mul", outputs),
                Line("/", "div", outputs),
            )
        )

    def reach(self, x1: Shape, x2: Shape) -> Reach:
        return vector_reach((x1, x2), behind_batch(self.dim, len(x1)))


def vector_reach(inputs: tuple[Shape, ...], axis: int, *, keep: bool = False) -> Reach:
    """Each output unit reads all of each input along ``axis``, and its own position of the others (or the only one)."""
    (vector,) = without_axes(len(inputs[0]), [axis], keep=keep)
    return tuple(
        tuple(WHOLE if own == WHOLE else kept for own, kept in zip(rules, vector)) for rules in repeated(inputs)
    )


@layer
class PairwiseDistance(Layer):
    """The distance of two vectors on the last axis: ‖x₁ − x₂ + eps‖ₚ = (Σ |x₁ − x₂ + eps|^p)^(1/p).

    Shapes: ``* x n`` twice → ``*``, or ``* x 1`` with ``keepdim``. Work for each distance: 2n add, then for p = 2:
    n mul, n − 1 add, 1 sqrt; p = 1: n max, n − 1 add; p = ∞ (the largest |·|): 2n − 1 max; other p: n max, n pow,
    n − 1 add, 1 pow.
    """

    words = ("pairwisedistance",)
    arity = 2
    namesake = "PairwiseDistance"
    source = PAGE.format(namesake)
    examples = ("64 -> identity as y -> linear 64 -> pairwisedistance y",)
    trial_inputs = (((4,), (4,)), ((2, 3), (2, 3)), ((2, 3), (2, 1)), ((1,), (1,)), ((2, 3), (3, 2)))

    p: float = real("the power", 2.0, tries=(2.0, 2, 1, 3.0, 0.5, inf))
    eps: float = real("added to each difference", 1e-6, tries=(1e-6, 0.1))
    keepdim: bool = flag("keep the last axis, with size 1", False)

    def conditions(self, x1: Shape, x2: Shape) -> Conditions:
        yield has_axes(x1, 1, "* x n")
        yield from alike((x1, x2), repeat=True)
        yield not_negative(self.p, "p", zero=False)

    def output_shape(self, x1: Shape, x2: Shape) -> Shape:
        both = broadcast((x1, x2))
        return (*both[:-1], 1) if self.keepdim else both[:-1]

    def work(self, x1: Shape, x2: Shape) -> Work:
        return Work(distance_lines(broadcast((x1, x2)), "x₁ − x₂ + ε", self.p))

    def reach(self, x1: Shape, x2: Shape) -> Reach:
        return vector_reach((x1, x2), len(x1) - 1, keep=self.keepdim)


def distance_lines(vectors: Shape, label: str, p: float) -> tuple[Line, ...]:
    """The work of the p-norms of differences (1 add, 1 add of ε an element) along the last axis."""
    outputs, sums = vectors[:-1], (*vectors[:-1], vectors[-1] - 1)
    difference = Line(label, "add", (*vectors, 2))
    if isinf(p):
        return (difference, Line("|d|", "max", vectors), Line("max |d|", "max", sums))
    if p == 2:
        return (difference, Line("d²", "mul", vectors), Line("Σ d²", "add", sums), Line("√Σ", "sqrt", outputs))
    if p == 1:
        return (difference, Line("|d|", "max", vectors), Line("Σ |d|", "add", sums))
    power = (Line("|d|ᵖ", "pow", vectors), Line("Σ |d|ᵖ", "add", sums), Line("(Σ)^(1/p)", "pow", outputs))
    return (difference, Line("|d|", "max", vectors), *power)


# ---------------------------------------------------------------- losses of three inputs


@layer
class MarginRankingLoss(_Loss):
    """The ranking loss of two scores and a target y of ±1: max(0, −y · (x₁ − x₂) + margin), element by element.

    Shapes: three alike → a scalar, or the same with ``reduction=none``. Work: for each element 2 add, 1 mul, 1 max;
    for the mean of n: n − 1 add, 1 div.
    """

    words = ("marginrankingloss",)
    arity = 3
    namesake = "MarginRankingLoss"
    source = PAGE.format(namesake)
    examples = ("8 -> linear 4 as y -> linear 4 as b -> linear 4 -> marginrankingloss b y",)
    trial_inputs = (((4,), (4,), (4,)), ((2, 3), (2, 1), (1, 3)), ((2, 3), (2, 3), (2, 2)))

    margin: float = real("distance that is far enough", 0.0, tries=(0.0, 0.5, -0.3))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def conditions(self, x1: Shape, x2: Shape, y: Shape) -> Conditions:
        yield from alike((x1, x2, y), repeat=True)

    def losses(self, *inputs: Shape) -> Shape:
        return broadcast(inputs)

    def lines(self, *inputs: Shape) -> tuple[Line, ...]:
        elements = broadcast(inputs)
        return (
            Line("x₁ − x₂", "add", elements),
            Line("−y (x₁ − x₂)", "mul", elements),
            Line("+ margin", "add", elements),
            Line("max(0, ·)", "max", elements),
        )


@layer
class TripletMarginLoss(_Loss):
    """The triplet loss of an anchor a, a positive p and a negative n: max(0, d(a, p) − d(a, n) + margin).

    d is PairwiseDistance on the last axis; with ``swap`` the smaller of d(a, n) and d(p, n) is taken.
    Shapes: ``* x D`` three times → a scalar, or ``*`` with ``reduction=none``. Work for each triplet: two distances
    (three with ``swap``, and 1 max), 2 add, 1 max; for the mean of n: n − 1 add, 1 div.
    """

    words = ("tripletmarginloss", "triplet")
    arity = 3
    namesake = "TripletMarginLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> linear 8 as n -> linear 8 as p -> linear 8 -> triplet p n margin=0.2",)
    trial_inputs = (((4,), (4,), (4,)), ((2, 3), (2, 3), (2, 3)), ((2, 3), (2, 3), (2, 2)))

    margin: float = real("distance that is far enough", 1.0, tries=(1.0, 0.5, 0, -1.0))
    p: float = real("the power of the distance", 2.0, tries=(2.0, 1, 3.0, inf))
    eps: float = real("added to each difference", 1e-6, tries=(1e-6, 0.1))
    swap: bool = flag("also look at the distance of positive and negative", False)
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def conditions(self, a: Shape, p: Shape, n: Shape) -> Conditions:
        yield has_axes(a, 1, "* x D")
        yield from alike((a, p, n))
        yield not_negative(self.margin, "margin", zero=False)
        yield not_negative(self.p, "p", zero=False)

    def losses(self, a: Shape, p: Shape, n: Shape) -> Shape:
        return a[:-1]

    def lines(self, a: Shape, p: Shape, n: Shape) -> tuple[Line, ...]:
        places = a[:-1]
        swapped = (*distance_lines(a, "p − n + ε", self.p), Line("min(d(a, n), d(p, n))", "max", places))
        return (
            *distance_lines(a, "a − p + ε", self.p),
            *distance_lines(a, "a − n + ε", self.p),
            *(swapped if self.swap else ()),
            Line("d(a, p) − d(a, n) + margin", "add", (*places, 2)),
            Line("max(0, ·)", "max", places),
        )

    def reads(self, a: Shape, p: Shape, n: Shape) -> Reach:
        return vector_reach((a, p, n), len(a) - 1)


@layer
class CosineEmbeddingLoss(_Loss):
    """With c the cosine of the angle of x₁ and x₂: 1 − c where the target y = 1, max(0, c − margin) where y = −1.

    c = x₁·x₂ / √((x₁·x₁ + ε)(x₂·x₂ + ε)) with torch's ε = 10⁻¹². Shapes: ``D``, ``D`` and a scalar → a scalar.
    A vector of one number is repeated in x₁·x₂ alone, as in torch.
    Work: 3D mul, 3(D − 1) add (dot products), 2 add, 1 mul, 1 sqrt, 1 div (c), then both cases and the choice: 2 add,
    2 max; for the mean of one: 1 div.
    """

    words = ("cosineembeddingloss",)
    arity = 3
    namesake = "CosineEmbeddingLoss"
    source = PAGE.format(namesake)
    examples = ("64 -> max as y -> unsqueeze 0 -> linear 8 as b -> linear 8 -> cosineembeddingloss b y",)
    trial_inputs = (((4,), (4,), ()), ((4,), (1,), ()), ((4,), (3,), ()), ((2, 3), (2, 3), ()), ((3,), (3,), (1,)))

    margin: float = real("cosine that is far enough", 0.0, tries=(0.0, 0.5, -0.3))
    reduction: str = choice(HOW, "mean", REDUCTIONS)

    def conditions(self, x1: Shape, x2: Shape, y: Shape) -> Conditions:
        yield has_rank(x1, 1, "D")
        yield from alike((x1, x2), repeat=True)
        yield has_rank(y, 0, "one number")

    def losses(self, x1: Shape, x2: Shape, y: Shape) -> Shape:
        return ()

    def lines(self, x1: Shape, x2: Shape, y: Shape) -> tuple[Line, ...]:
        vectors = {"x₁·x₂": broadcast((x1, x2)), "x₁·x₁": x1, "x₂·x₂": x2}
        return (
            *(Line(label, "mul", (length,)) for label, (length,) in vectors.items()),
            *(Line(label, "add", (length - 1,)) for label, (length,) in vectors.items()),
            Line("+ ε", "add", (2,)),
            Line("(x₁·x₁)(x₂·x₂)", "mul", (1,)),
            Line("√", "sqrt", (1,)),
            Line("c = x₁·x₂ / √", "div", (1,)),
            Line("1 − c, c − margin", "add", (2,)),
            Line("max(0, ·)", "max", (1,)),
            Line("y = 1", "max", (1,)),
        )

    def reads(self, x1: Shape, x2: Shape, y: Shape) -> Reach:
        return ((WHOLE,), (WHOLE,), ())
