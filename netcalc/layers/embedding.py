"""Tables that are looked up (torch.nn: Embedding, EmbeddingBag)."""

from __future__ import annotations

from netcalc.dims import Dim
from netcalc.layers.attention import takes_inputs
from netcalc.layers.base import (
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Uncounted,
    Work,
    at_least,
    at_most,
    choice,
    equal,
    flag,
    free,
    has_rank,
    integer,
    layer,
    real,
    size,
)
from netcalc.layers.reach import WHOLE, Reach, pointwise

RENORMALIZED = (Uncounted("scaling the rows that are longer than max_norm (it depends on the numbers)"),)


def table_conditions(num_embeddings: Dim, embedding_dim: Dim, padding_idx: int | None) -> Conditions:
    """What torch demands of a table."""
    yield at_least(num_embeddings, 1, "num_embeddings")
    yield at_least(embedding_dim, 1, "embedding_dim")
    if padding_idx is not None:
        yield at_most(padding_idx, num_embeddings - 1, "padding_idx")
        yield at_least(padding_idx, -num_embeddings, "padding_idx")


@layer
class Embedding(Layer):
    """Looks up one row of a table for each integer of the input.

    Shapes: ``*`` (integers below num_embeddings) → ``* x embedding_dim``. The table is
    ``[num_embeddings, embedding_dim]``. Work: none (with ``max_norm`` rows are scaled first: reported as uncounted).
    """

    words = ("embedding", "embed")
    namesake = "Embedding"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html"
    examples = ("128 -> embedding 30522 768",)
    trial_inputs = (((4,),), ((1,),), ((2, 3),))

    num_embeddings: Dim = size("rows of the table: size of the vocabulary", tries=(3, 5, 10, -1))
    embedding_dim: Dim = size("columns of the table: size of each vector", tries=(1, 4, 6, -2))
    padding_idx: int | None = integer("row that is not trained", None, tries=(None, None, 0, 2, -1, 7, -4))
    max_norm: float | None = real("rows longer than this are scaled down", None, tries=(None, None, 0.5))
    norm_type: float = real("p of the norm for max_norm", 2.0, tries=(1.0, 2.0))
    scale_grad_by_freq: bool = flag("scale gradients by frequency (training only)", False)
    sparse: bool = flag("sparse gradients (training only)", False)

    def conditions(self, x: Shape) -> Conditions:
        yield from table_conditions(self.num_embeddings, self.embedding_dim, self.padding_idx)

    def output_shape(self, x: Shape) -> Shape:
        return (*x, self.embedding_dim)

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def work(self, x: Shape) -> Work:
        return free("looks rows up") if self.max_norm is None else Work((), uncounted=RENORMALIZED)

    def reach(self, x: Shape) -> Reach:
        return pointwise(len(x))


@layer
class EmbeddingBag(Layer):
    """Looks up one row of a table for each integer of the input, and puts the rows together.

    Inputs: the integers, or with ``mode=sum`` the integers and a weight for each (torch's per_sample_weights).
    Shapes: ``T`` (integers below num_embeddings), and ``T`` weights → ``embedding_dim``. The table is
    ``[num_embeddings, embedding_dim]``.
    Work for each column: T − 1 add for ``sum`` (and T mul with weights), 1 div more for ``mean``, T − 1 max for
    ``max``, as if no integer were ``padding_idx`` (with ``max_norm`` rows are scaled first: reported as uncounted).
    """

    words = ("embeddingbag",)
    namesake = "EmbeddingBag"
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html"
    examples = (
        "20 -> embeddingbag 10000 64",
        "20 -> embeddingbag 10000 64 mode=sum",
        "input w: 20 -> input words: 20 -> embeddingbag 10000 64 mode=sum with w",
    )
    trial_inputs = (((4,),), ((1,),), ((3,),), ((2, 3),), ((4,), (4,)), ((1,), (1,)), ((3,), (2,)), ((2,), (2, 1)))
    arity = None

    num_embeddings: Dim = size("rows of the table: size of the vocabulary", tries=(3, 5, 10, -1))
    embedding_dim: Dim = size("columns of the table: size of each vector", tries=(1, 4, 6, -2))
    max_norm: float | None = real("rows longer than this are scaled down", None, tries=(None, None, 0.5))
    norm_type: float = real("p of the norm for max_norm", 2.0, tries=(1.0, 2.0))
    scale_grad_by_freq: bool = flag("scale gradients by frequency (training only)", False)
    mode: str = choice("how rows are put together", "mean", ("sum", "mean", "max"))
    sparse: bool = flag("sparse gradients (training only)", False)
    include_last_offset: bool = flag("a matter of inputs with offsets only", False)
    padding_idx: int | None = integer("row that is left out", None, tries=(None, None, 0, 2, -1, 7, -4))

    def conditions(self, *inputs: Shape) -> Conditions:
        yield takes_inputs(inputs, (1, 2), "integers; or integers and their weights")
        for x in inputs:
            yield has_rank(x, 1, "T")
            yield equal(x[0], inputs[0][0], "the number of weights")
        yield Fact(
            len(inputs) == 1 or self.mode == "sum",
            f"weights go with mode=sum alone, as in torch, not with mode={self.mode}",
            expected="mode=sum",
            found=f"mode={self.mode}",
            argument="mode",
        )
        yield from table_conditions(self.num_embeddings, self.embedding_dim, self.padding_idx)
        for name in ("scale_grad_by_freq", "sparse"):
            yield Fact(
                self.mode != "max" or not getattr(self, name),
                f"{name} does not go with mode=max, as in torch",
                expected=f"{name}=False, or another mode",
                found=f"{name}=True, mode=max",
                argument=name,
            )

    def output_shape(self, *inputs: Shape) -> Shape:
        return (self.embedding_dim,)

    def parameters(self) -> dict[str, Shape]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def work(self, *inputs: Shape) -> Work:
        outputs, (length,) = self.output_shape(*inputs), inputs[0]
        pairs = (*outputs, length - 1)
        lines = [Line("w · row", "mul", (*outputs, length)) for _ in inputs[1:]]
        lines += [Line("max", "max", pairs) if self.mode == "max" else Line("Σ", "add", pairs)]
        if self.mode == "mean":
            lines.append(Line("/ n", "div", outputs))
        return Work(tuple(lines), uncounted=() if self.max_norm is None else RENORMALIZED)

    def reach(self, *inputs: Shape) -> Reach:
        return ((WHOLE,),) * len(inputs)
