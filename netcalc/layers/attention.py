"""Attention (torch.nn: MultiheadAttention; the function scaled_dot_product_attention)."""

from __future__ import annotations

from netcalc.dims import Dim, holds, minimum, text, total
from netcalc.layers.base import (
    HELD,
    Conditions,
    Fact,
    Layer,
    Line,
    Shape,
    Work,
    at_least,
    contraction,
    divisible,
    elementwise,
    equal,
    flag,
    has_rank,
    inferred,
    layer,
    real,
    size,
)
from netcalc.layers.reach import WHOLE, Blocks, Causal, Reach, Rule, Unknown, Window


def joined(*works: Work, times: Dim = 1) -> Work:
    """Several ledgers as one; where ``times`` is not 1 it multiplies every line.

    >>> joined(contraction("W x", (4,), (3,)), contraction("V x", (4,), (2,)), times=5).macs
    100
    """
    lines = tuple(line for work in works for line in work.lines)
    if times != 1:
        lines = tuple(line._replace(factors=(times, *line.factors)) for line in lines)
    macs: Dim = 0
    for work in works:
        macs = macs + work.macs
    return Work(lines, times * macs, uncounted=tuple(name for work in works for name in work.uncounted))


def labelled(place: str, work: Work) -> Work:
    """The same ledger with the place it belongs to before every label: ``place: label``, ``outer.inner: label``."""
    return work._replace(
        lines=tuple(
            line._replace(label=f"{place}{'.' if ': ' in line.label else ': '}{line.label}") for line in work.lines
        )
    )


def affine(label: str, outputs: Shape, inputs: Dim, bias: str = "") -> Work:
    """``contraction`` over ``inputs``, and an addition of the bias of that name (none without a name)."""
    products = contraction(label, outputs, (inputs,))
    return joined(products, elementwise(outputs, f"+ {bias}", "add")) if bias else products


def probability(value: float, argument: str) -> Fact:
    """The argument is a probability: between 0 and 1."""
    return Fact(
        0 <= value <= 1,
        f"{argument} is {value}, but is a probability",
        expected=f"{argument} between 0 and 1",
        found=str(value),
        argument=argument,
    )


def takes_inputs(inputs: tuple[Shape, ...], counts: tuple[int, ...], layout: str) -> Fact:
    """The number of inputs is one of ``counts``; ``layout`` names them."""
    wanted = f"{', '.join(map(str, counts[:-1]))} or {counts[-1]} inputs: {layout}"
    return Fact(
        len(inputs) in counts,
        f"there are {len(inputs)} inputs, but must be {wanted}",
        expected=wanted,
        found=str(len(inputs)),
        code="wrong-inputs",
    )


def sequences(layout: str, *inputs: Shape) -> Conditions:
    """Each input is a sequence ``T x D``."""
    for x in inputs:
        yield has_rank(x, 2, layout)
        for number, length in enumerate(x):
            yield at_least(length, 1, f"axis {number} of {layout}")


def attended(pairs: Shape, sums: Shape, heads: Dim, width: Dim, value_width: Dim) -> Work:
    """The lines of softmax(Q Kᵀ / √d) V; the widths are those of all heads together.

    ``pairs`` counts the pairs (query, key) of one head, as factors; ``sums`` is what is left of them when one is
    taken from every query: the additions of the sums over keys.
    """
    return Work(
        (
            Line("Q Kᵀ", "mul", (*pairs, width)),
            Line("Q Kᵀ", "add", (*pairs, width - heads)),
            Line("scores / √d", "div", (heads, *pairs)),
            Line("softmax", "exp", (heads, *pairs)),
            Line("softmax", "add", (heads, *sums)),
            Line("softmax", "div", (heads, *pairs)),
            Line("A V", "mul", (*pairs, value_width)),
            Line("A V", "add", (*sums, value_width)),
        )
    )


@layer
class MultiheadAttention(Layer):
    """Multi-head attention: softmax(Q Kᵀ / √d) V in ``num_heads`` heads of d = embed_dim / num_heads, then W_o.

    Inputs: one sequence (self-attention), two (query and memory: key = value), or three (query, key, value);
    ``T x embed_dim``, ``S x kdim`` and ``S x vdim`` → ``T x embed_dim``.
    The projections lie in one tensor ``in_proj_weight`` where kdim and vdim are embed_dim, else in three.
    ``add_bias_kv`` puts a learned key and value at the end, ``add_zero_attn`` a zero key and value: S grows by 1 each.
    ``batch_first`` changes nothing here: shapes are per sample.

    Work: projections; Q Kᵀ T·S·embed_dim mul, T·S·(embed_dim − num_heads) add; scale num_heads·T·S div; softmax over
    S num_heads·T·(S exp, S − 1 add, S div); A V T·S·embed_dim mul, T·(S − 1)·embed_dim add; output projection.
    The attention weights averaged over the heads (need_weights) are not computed. Nothing is masked: torch's attn_mask
    and is_causal belong to the call, and leave the full square to be computed. The exact count of causal attention is
    that of :class:`ScaledDotProductAttention` (``sdpa`` with ``causal``) between linear layers.
    """

    words = ("mha", "multiheadattention")
    namesake = "MultiheadAttention"
    arity = None
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html"
    examples = (
        "10x64 -> mha 8",
        "128x512 -> MultiheadAttention(512, 8, bias=False)",
        "10x64 -> linear 64 as memory -> linear 64 -> mha 8 with memory",
    )
    trial_inputs = (
        ((3, 4),),
        ((2, 4),),
        ((2, 3, 4),),
        ((3, 4), (2, 4)),
        ((3, 6), (2, 6)),
        ((2, 4), (1, 4), (1, 4)),
        ((2, 4), (3, 4), (3, 4)),
        ((3, 4), (2, 4), (2, 2)),
        ((2, 4), (3, 4), (2, 4)),
        ((1, 4),),
        ((1, 4), (4, 4)),
    )

    embed_dim: Dim = inferred("features of the query and of the output", axis=-1)
    num_heads: Dim = size("parallel heads; must divide embed_dim", tries=(1, 2, 2, 2, 2, 4, 4, 4, 3, 0))
    dropout: float = real("share of attention weights dropped in training", 0.0, tries=(0.0, 0.1, 1))
    bias: bool = flag("add learned biases to the projections", True)
    add_bias_kv: bool = flag("add a learned key and value to the sequence", False)
    add_zero_attn: bool = flag("add a zero key and value to the sequence", False)
    kdim: Dim | None = size("features of the key (embed_dim where not stated)", None, tries=(None, 4, 4, 4, 2))
    vdim: Dim | None = size("features of the value (embed_dim where not stated)", None, tries=(None, None, 4, 4, 4, 2))
    batch_first: bool = flag("the batch axis comes first (changes nothing per sample)", False)

    def conditions(self, *inputs: Shape) -> Conditions:
        yield takes_inputs(inputs, (1, 2, 3), "query; query and memory; or query, key and value")
        yield from sequences("T x embed_dim", *inputs)
        query, key, value = self.roles(*inputs)
        yield equal(self.embed_dim, query[1], "embed_dim", "embed_dim")
        yield at_least(self.num_heads, 1, "num_heads")
        yield divisible(self.embed_dim, self.num_heads, "embed_dim", "num_heads")
        yield probability(self.dropout, "dropout")
        yield equal(self.widths[0], key[1], "kdim (embed_dim where not stated)", "kdim")
        yield equal(self.widths[1], value[1], "vdim (embed_dim where not stated)", "vdim")
        yield equal(value[0], key[0], "the length of the value")
        yield self.says_which_tensors(query, key, value)

    def says_which_tensors(self, query: Shape, key: Shape, value: Shape) -> Fact:
        """With letters it must be known whether kdim and vdim are embed_dim: torch's tensors depend on it.

        Where the inputs are equally wide, the other conditions make all widths one.
        """
        if self.one_tensor is not None or all(holds(x[1], "==", query[1]) for x in (key, value)):
            return HELD
        widths = f"kdim {text(self.widths[0])}, vdim {text(self.widths[1])} and embed_dim {text(self.embed_dim)}"
        return Fact(
            False,
            f"whether {widths} are equal is open, and decides whether the projections are one tensor or three",
            expected="kdim and vdim that are known to be embed_dim, or known not to be",
            found=widths,
            hint="give these letters numbers, or leave kdim and vdim out where they are embed_dim",
            argument="kdim" if self.kdim is not None else "vdim",
            code="undecided",
        )

    @property
    def one_tensor(self) -> bool | None:
        """Are kdim and vdim embed_dim? None where letters leave it open."""
        same = [holds(width, "==", self.embed_dim) for width in self.widths]
        return False if False in same else None if None in same else True

    @property
    def widths(self) -> tuple[Dim, Dim]:
        """The features of key and value."""
        return (
            self.embed_dim if self.kdim is None else self.kdim,
            self.embed_dim if self.vdim is None else self.vdim,
        )

    @staticmethod
    def roles(*inputs: Shape) -> tuple[Shape, Shape, Shape]:
        """Which input is query, key and value."""
        return inputs[0], inputs[min(1, len(inputs) - 1)], inputs[-1]

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def parameters(self) -> dict[str, Shape]:
        width = self.embed_dim
        found: dict[str, Shape] = {}
        if self.one_tensor is not False:  # where it is open, the conditions make them equal
            found["in_proj_weight"] = (3 * width, width)
        else:  # as many elements under other names: the count is one formula
            for name, length in zip("qkv", (width, *self.widths)):
                found[f"{name}_proj_weight"] = (width, length)
        if self.bias:
            found["in_proj_bias"] = (3 * width,)
        if self.add_bias_kv:
            found["bias_k"] = found["bias_v"] = (1, 1, width)
        found["out_proj.weight"] = (width, width)
        if self.bias:
            found["out_proj.bias"] = (width,)
        return found

    def work(self, *inputs: Shape) -> Work:
        query, key, value = self.roles(*inputs)
        (length, width), heads = query, self.num_heads
        keys = key[0] + int(self.add_bias_kv) + int(self.add_zero_attn)
        if len(inputs) == 1:
            projections = [affine("W_q x, W_k x, W_v x", (3, *query), width, "b" if self.bias else "")]
        else:
            projections = [
                affine(f"W_{name} {name}", (x[0], width), x[1], f"b_{name}" if self.bias else "")
                for name, x in zip("qkv", (query, key, value))
            ]
        return joined(
            *projections,
            attended((length, keys), (length, keys - 1), heads, width, width)._replace(macs=2 * length * keys * width),
            affine("W_o y", query, width, "b_o" if self.bias else ""),
        )

    def reach(self, *inputs: Shape) -> Reach:
        query: tuple[Rule, Rule] = (WHOLE if len(inputs) == 1 else Window(0), WHOLE)
        return (query, *((WHOLE, WHOLE),) * (len(inputs) - 1))


@layer
class ScaledDotProductAttention(Layer):
    """softmax(Q Kᵀ / √d) V in every head, of inputs that are projected already (no parameters).

    Inputs: q ``T x num_heads·d``, k ``S x num_kv_heads·d``, v ``S x num_kv_heads·e`` → ``T x num_heads·e``.
    Where ``num_kv_heads`` is less than ``num_heads`` each head of k and v serves a group of heads of q (grouped-query
    attention). With ``causal`` query t attends to the keys 0 … t (as torch's is_causal: aligned at the first key).

    Work over P pairs of query and key in a head, P = T·S: Q Kᵀ P·d mul, P·(d − 1) add; scale P div; softmax P exp,
    P − T add, P div; A V P·e mul, (P − T)·e add; all times num_heads. Causal: the exact P = M·(M + 1) / 2 + (T − M)·S
    with M = min(T, S), which is T·(T + 1) / 2 for S = T; ``macs`` stay those of the full square T·S, the convention of
    torch's FlopCounterMode. Reports state FLOPs and MACs by both conventions: pairs seen, and full square.
    The largest score, subtracted for safety by implementations, is not in the definition.
    """

    words = ("sdpa", "attention", "scaleddotproductattention")
    arity = 3
    source = "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html"
    examples = (
        "10x64 -> linear 64 as k -> linear 64 as v -> linear 64 -> sdpa 8 with k v",
        "10x64 -> linear 16 as kv -> linear 64 -> sdpa 8 2 causal=True with kv kv",
    )
    trial_inputs = (
        ((3, 4), (3, 4), (3, 4)),
        ((2, 8), (3, 4), (3, 4)),
        ((4, 8), (2, 4), (2, 2)),
        ((3, 4), (5, 2), (5, 2)),
        ((2, 4), (4, 4), (4, 8)),
        ((4, 4), (3, 4), (3, 4)),
        ((2, 4), (3, 4), (2, 4)),
        ((1, 8), (1, 8), (1, 8)),
    )

    num_heads: Dim = size("parallel heads of the query", tries=(1, 2, 2, 2, 4, 4, 4, 0))
    num_kv_heads: Dim | None = size(
        "heads of key and value (num_heads where not stated)", None, tries=(None, 1, 2, 2, 3)
    )
    causal: bool = flag("no query attends to a later key", False)

    def conditions(self, query: Shape, key: Shape, value: Shape) -> Conditions:
        yield from sequences("T x heads·d", query, key, value)
        heads, groups = self.num_heads, self.key_heads
        yield at_least(heads, 1, "num_heads")
        yield at_least(groups, 1, "num_kv_heads")
        yield divisible(heads, groups, "num_heads", "num_kv_heads")
        yield divisible(query[1], heads, "the number of the query's features", "num_heads")
        yield divisible(key[1], groups, "the number of the key's features", "num_kv_heads")
        yield divisible(value[1], groups, "the number of the value's features", "num_kv_heads")
        yield equal(key[1] // groups, query[1] // heads, "the size of the key's heads")
        yield equal(value[0], key[0], "the length of the value")

    @property
    def key_heads(self) -> Dim:
        """The heads of key and value."""
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    def output_shape(self, query: Shape, key: Shape, value: Shape) -> Shape:
        if self.num_kv_heads is None:
            return (query[0], value[1])
        return (query[0], value[1] // self.num_kv_heads * self.num_heads)

    def work(self, query: Shape, key: Shape, value: Shape) -> Work:
        (length, width), keys = query, key[0]
        value_width = self.output_shape(query, key, value)[1]
        pairs: Shape = (length, keys)
        sums: Shape = (length, keys - 1)
        if self.causal:
            square = minimum(length, keys)
            seen = square * (square + 1) // 2 + (length - square) * keys
            pairs, sums = (seen,), (seen - length,)
        work = attended(pairs, sums, self.num_heads, width, value_width)
        return work._replace(macs=length * keys * (width + value_width))

    def conventions(self, query: Shape, key: Shape, value: Shape) -> dict[str, Work]:
        if not self.causal:
            return {}
        seen = self.work(query, key, value)
        products = total(line.count for line in seen.lines if line.kind == "mul")
        square = ScaledDotProductAttention(self.num_heads, self.num_kv_heads).work(query, key, value)
        return {"causal, pairs seen": seen._replace(macs=products), "causal, full square": square}

    def reach(self, query: Shape, key: Shape, value: Shape) -> Reach:
        width, key_width = (self.output_shape(query, key, value)[1] // self.num_heads, query[1] // self.num_heads)
        keys: Rule = Causal(0) if self.causal else WHOLE
        if self.num_kv_heads is None:
            head: tuple[Rule, Rule] = (Blocks(1, width, key_width), Window(1))
        else:
            shared = self.num_heads // self.num_kv_heads
            head = (Blocks(1, shared * width, key_width), Unknown("a group of heads shares each feature"))
        return ((Window(0), Blocks(1, width, key_width)), (keys, head[0]), (keys, head[1]))
