"""Transformers (torch.nn: TransformerEncoderLayer, TransformerDecoderLayer, TransformerEncoder, …, Transformer).

Everything here is composed: a layer of attention, linear layers and norms; a stack of equal layers; the whole of
two stacks. Parameters take the part's name in front, lines of work too; equal layers are one line with a factor.
No masks: every query attends to every key (for masked attention see :class:`ScaledDotProductAttention`).
"""

from __future__ import annotations

from typing import Any, ClassVar

from netcalc.dims import Dim
from netcalc.layers.activation import GELU, ReLU
from netcalc.layers.attention import MultiheadAttention, joined, labelled, probability, sequences
from netcalc.layers.base import (
    Conditions,
    Layer,
    Shape,
    Work,
    at_least,
    at_most,
    choice,
    divisible,
    elementwise,
    equal,
    flag,
    inferred,
    integer,
    layer,
    real,
    record,
    size,
)
from netcalc.layers.linear import Linear
from netcalc.layers.normalization import LayerNorm
from netcalc.layers.reach import WHOLE, Reach

ACTIVATIONS: dict[str, Layer] = {"relu": ReLU(), "gelu": GELU()}
MOST_LAYERS = 10_000
_PAGE = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


def placed(parts: dict[str, Layer]) -> dict[str, Shape]:
    """The parameters of all parts, each part's name in front."""
    return {f"{place}.{name}": sizes for place, part in parts.items() for name, sizes in part.parameters().items()}


def layer_count(layer: Layer, argument: str) -> Conditions:
    """How many equal layers there are."""
    yield at_least(getattr(layer, argument), 1, argument)
    yield at_most(getattr(layer, argument), MOST_LAYERS, argument)


@record
class _Block(Layer):
    """The arguments that all transformer layers share, what they demand, and their feed-forward network."""

    d_model: Dim = inferred("features of each position", axis=-1)
    nhead: Dim = size("parallel heads of attention; must divide d_model", tries=(1, 1, 1, 2, 2, 2, 2, 3, 0))
    dim_feedforward: Dim = size("hidden units of the feed-forward network", 2048, tries=(1, 2, 3, 4, 5, 6, 7, -1))
    dropout: float = real("share dropped in training", 0.1, tries=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1, 2))
    activation: str = choice("between the linear layers: max(0, ·) or GELU", "relu", ("relu", "gelu"), callable=True)
    layer_norm_eps: float = real("added to the variance in layer norms", 1e-5, tries=(0.1,))
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)
    norm_first: bool = flag("norm before each part instead of after its residual sum", False)
    bias: bool = flag("add learned biases to linear layers, attention and norms", True)

    def conditions(self, *inputs: Shape) -> Conditions:
        yield from sequences("T x d_model", *inputs)
        for x in inputs:
            yield equal(self.d_model, x[1], "d_model", "d_model")
        yield at_least(self.nhead, 1, "nhead")
        yield divisible(self.d_model, self.nhead, "d_model", "nhead")
        yield at_least(self.dim_feedforward, 1, "dim_feedforward")
        yield probability(self.dropout, "dropout")

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def reach(self, *inputs: Shape) -> Reach:
        return ((WHOLE, WHOLE),) * len(inputs)

    def norm_part(self) -> Layer:
        return LayerNorm((self.d_model,), self.layer_norm_eps, bias=self.bias)


@record
class _TransformerLayer(_Block):
    """A transformer layer of some attentions and a feed-forward network, each with a residual sum and a norm."""

    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)

    def parts(self) -> dict[str, Layer]:
        """The parts with parameters, in torch's order."""
        count = len(self.attentions) + 1
        return {
            **{name: MultiheadAttention(self.d_model, self.nhead, bias=self.bias) for name in self.attentions},
            "linear1": Linear(self.d_model, self.dim_feedforward, self.bias),
            "linear2": Linear(self.dim_feedforward, self.d_model, self.bias),
            **{f"norm{number}": self.norm_part() for number in range(1, count + 1)},
        }

    def parameters(self) -> dict[str, Shape]:
        return placed(self.parts())

    def work(self, *inputs: Shape) -> Work:
        x, *memory = inputs
        parts, hidden = self.parts(), (x[0], self.dim_feedforward)
        sublayers = {
            name: labelled(name, parts[name].work(x, *(memory if number else ())))
            for number, name in enumerate(self.attentions)
        }
        sublayers["feedforward"] = joined(
            labelled("linear1", parts["linear1"].work(x)),
            labelled("activation", ACTIVATIONS[self.activation].work(hidden)),
            labelled("linear2", parts["linear2"].work(hidden)),
        )
        return joined(
            *(
                joined(
                    work,
                    labelled("residual", elementwise(x, f"x + {name}(x)", "add")),
                    labelled(f"norm{number}", parts[f"norm{number}"].work(x)),
                )
                for number, (name, work) in enumerate(sublayers.items(), 1)
            )
        )


@layer
class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and a feed-forward network, each with a residual sum and a layer norm.

    x ← norm1(x + self_attn(x)), x ← norm2(x + linear2(activation(linear1(x)))); with ``norm_first`` each norm comes
    before its part, x ← x + self_attn(norm1(x)), which changes no count.
    Shapes: ``T x d_model`` → the same.
    Work: that of its parts (MultiheadAttention, Linear, ReLU or GELU, LayerNorm), and 2·T·d_model add for the residual
    sums. Nothing is masked.
    """

    words = ("transformerencoderlayer",)
    namesake = "TransformerEncoderLayer"
    source = _PAGE + "TransformerEncoderLayer.html"
    examples = ("128x512 -> transformerencoderlayer 8", "16x64 -> transformerencoderlayer 4 256 activation=gelu nobias")
    trial_inputs = (((2, 4),), ((3, 4),), ((1, 8),), ((2, 2),), ((3, 6),), ((1, 4),), ((2, 3, 4),))


@layer
class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to a memory, and a feed-forward network, each with a residual sum and a layer norm.

    Inputs: target ``T x d_model`` and memory ``S x d_model`` → ``T x d_model``.
    x ← norm1(x + self_attn(x)), x ← norm2(x + multihead_attn(x, memory)),
    x ← norm3(x + linear2(activation(linear1(x)))); with ``norm_first`` each norm comes before its part (the memory is
    not normed), which changes no count.
    Work: that of its parts (MultiheadAttention, Linear, ReLU or GELU, LayerNorm), and 3·T·d_model add for the residual
    sums. Nothing is masked: torch's tgt_mask and tgt_is_causal, usual in training, belong to the call, and the figures
    are those of the full square, of which a causal mask needs about half (exact: ``sdpa`` with ``causal``).
    """

    words = ("transformerdecoderlayer",)
    namesake = "TransformerDecoderLayer"
    arity = 2
    source = _PAGE + "TransformerDecoderLayer.html"
    examples = ("10x64 -> linear 64 as memory -> linear 64 -> transformerdecoderlayer 8 with memory",)
    trial_inputs = (
        ((2, 4), (3, 4)),
        ((3, 4), (1, 4)),
        ((1, 8), (2, 8)),
        ((2, 4), (2, 4)),
        ((1, 6), (3, 6)),
        ((2, 2), (3, 2)),
        ((2, 4), (3, 2)),
    )
    attentions = ("self_attn", "multihead_attn")


@record
class _Stack(_Block):
    """Several equal transformer layers, one upon the other, and a norm at the end if wanted."""

    one: ClassVar[type[_TransformerLayer]]

    num_layers: int = integer("equal layers, one upon the other", tries=(1, 1, 2, 2, 2, 3, 0))
    norm: bool = flag("a layer norm at the end", False)

    def conditions(self, *inputs: Shape) -> Conditions:
        yield from super().conditions(*inputs)
        yield from layer_count(self, "num_layers")

    def layer(self) -> _TransformerLayer:
        """One of the equal layers."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.one.arguments}
        return self.one(**values)

    def parameters(self) -> dict[str, Shape]:
        parts: dict[str, Layer] = dict.fromkeys((f"layers.{number}" for number in range(self.num_layers)), self.layer())
        return placed(parts | ({"norm": self.norm_part()} if self.norm else {}))

    def work(self, *inputs: Shape) -> Work:
        works = [labelled("layers", joined(self.layer().work(*inputs), times=self.num_layers))]
        if self.norm:
            works.append(labelled("norm", self.norm_part().work(inputs[0])))
        return joined(*works)


@layer
class TransformerEncoder(_Stack):
    """``num_layers`` equal :class:`TransformerEncoderLayer`, and with ``norm`` a layer norm at the end.

    The arguments are those of the layer, then num_layers and norm; torch's own form is read too,
    ``nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 6, norm=nn.LayerNorm(512))``.
    Shapes: ``T x d_model`` → the same. Work: num_layers times the layer's, and the norm's.
    """

    words = ("transformerencoder",)
    made_of = ("encoder_layer", "num_layers", "norm", "enable_nested_tensor", "mask_check")
    source = _PAGE + "TransformerEncoder.html"
    examples = ("128x512 -> transformerencoder 8 num_layers=6", "16x64 -> transformerencoder 4 num_layers=2 norm=True")
    trial_inputs = TransformerEncoderLayer.trial_inputs
    one = TransformerEncoderLayer


@layer
class TransformerDecoder(_Stack):
    """``num_layers`` equal :class:`TransformerDecoderLayer` that share one memory, and with ``norm`` a layer norm.

    The arguments are those of the layer, then num_layers and norm; torch's own form is read too, as the encoder's.
    Inputs: target ``T x d_model`` and memory ``S x d_model`` → ``T x d_model``.
    Work: num_layers times the layer's, and the norm's. Nothing is masked, as the layer says.
    """

    words = ("transformerdecoder",)
    made_of = ("decoder_layer", "num_layers", "norm")
    arity = 2
    source = _PAGE + "TransformerDecoder.html"
    examples = ("10x64 -> linear 64 as memory -> linear 64 -> transformerdecoder 8 num_layers=2 with memory",)
    trial_inputs = TransformerDecoderLayer.trial_inputs
    one = TransformerDecoderLayer


@layer
class Transformer(Layer):
    """An encoder of the source and a decoder of the target that attends to it, each with a layer norm at the end.

    Inputs: source ``S x d_model`` and target ``T x d_model`` → ``T x d_model``. ``d_model`` is inferred in
    the short form, and 512 where torch's form does not state it; ``custom_encoder`` and ``custom_decoder`` hold
    torch's places and must be None.
    Work: that of :class:`TransformerEncoder` on the source and of :class:`TransformerDecoder` on the target and the
    encoder's output. Nothing is masked, as :class:`TransformerDecoderLayer` says.
    """

    words = ("transformer",)
    namesake = "Transformer"
    arity = 2
    source = _PAGE + "Transformer.html"
    examples = ("10x512 -> linear 512 as target -> linear 512 -> transformer with target",)
    trial_inputs = (((2, 8), (1, 8)), ((1, 8), (2, 8)), ((2, 8), (2, 8)), ((3, 8), (1, 8)), ((1, 8), (1, 4)))

    d_model: Dim = inferred("features of each position", axis=-1, stated=512)
    nhead: Dim = size("parallel heads of attention; must divide d_model", 8, tries=(1, 2, 4, 4, 8, 3))
    num_encoder_layers: int = integer("layers of the encoder", 6, tries=(1, 1, 1, 1, 2, 2, 2, 0))
    num_decoder_layers: int = integer("layers of the decoder", 6, tries=(1, 1, 1, 1, 2, 2, 2, 0))
    dim_feedforward: Dim = size("hidden units of the feed-forward networks", 2048, tries=(1, 2, 3, 4, 5, 6, 7, -1))
    dropout: float = real("share dropped in training", 0.1, tries=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1, 2))
    activation: str = choice("between the linear layers: max(0, ·) or GELU", "relu", ("relu", "gelu"), callable=True)
    custom_encoder: None = choice("a module of torch: not supported", None, (), tries=())
    custom_decoder: None = choice("a module of torch: not supported", None, (), tries=())
    layer_norm_eps: float = real("added to the variance in layer norms", 1e-5, tries=(0.1,))
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)
    norm_first: bool = flag("norm before each part instead of after its residual sum", False)
    bias: bool = flag("add learned biases to linear layers, attention and norms", True)

    def parts(self) -> dict[str, _Stack]:
        """The two stacks."""
        kinds: dict[str, type[_Stack]] = {"encoder": TransformerEncoder, "decoder": TransformerDecoder}
        shared: dict[str, Any] = {name: getattr(self, name) for name in _Block.arguments}
        return {
            place: kind(**shared, num_layers=1, norm=True).unchecked(num_layers=getattr(self, f"num_{place}_layers"))
            for place, kind in kinds.items()
        }

    def conditions(self, source: Shape, target: Shape) -> Conditions:
        yield from layer_count(self, "num_encoder_layers")
        yield from layer_count(self, "num_decoder_layers")
        yield from self.parts()["decoder"].conditions(target, source)

    def output_shape(self, source: Shape, target: Shape) -> Shape:
        return target

    def parameters(self) -> dict[str, Shape]:
        return placed(dict(self.parts()))

    def work(self, source: Shape, target: Shape) -> Work:
        parts = self.parts()
        return joined(
            labelled("encoder", parts["encoder"].work(source)),
            labelled("decoder", parts["decoder"].work(target, source)),
        )

    def reach(self, source: Shape, target: Shape) -> Reach:
        return ((WHOLE, WHOLE),) * 2
