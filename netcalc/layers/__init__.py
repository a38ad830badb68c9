"""The layer kinds: one frozen dataclass each, one file a family of torch.nn.

:func:`kinds_named` finds kinds by a word of the short form or by their torch.nn name and loads only the family
that it needs; :func:`all_kinds` loads every family. A new kind is one class in its family's file; its words need
no entry here (``_FAMILY_OF`` only saves the others' loading; a test holds it complete).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from netcalc.layers.base import REGISTRY, Layer

_NOT_FAMILIES = ("base", "missing", "reach")


def families() -> list[str]:
    """The files of layer kinds, by name."""
    from pkgutil import iter_modules  # costs more than most calls of the command need

    return sorted(
        module.name for module in iter_modules(__path__) if module.name not in _NOT_FAMILIES and module.name[0] != "_"
    )


@lru_cache(maxsize=None)
def all_kinds() -> dict[str, type[Layer]]:
    """Every kind, by the name of its class, in alphabetical order."""
    for family in families():
        import_module(f"{__name__}.{family}")
    return dict(sorted(REGISTRY.items()))


@lru_cache(maxsize=None)
def all_words() -> dict[str, tuple[type[Layer], ...]]:
    """Every short-form word, with the kinds (of several ranks) that it may stand for."""
    words: dict[str, tuple[type[Layer], ...]] = {}
    for kind in all_kinds().values():
        for word in kind.words:
            words[word] = (*words.get(word, ()), kind)
    return words


@lru_cache(maxsize=None)
def kinds_named(word: str) -> tuple[type[Layer], ...]:
    """The kinds that a short-form word stands for: one for each rank, or none.

    >>> [kind.__name__ for kind in kinds_named("conv")]
    ['Conv1d', 'Conv2d', 'Conv3d']
    """
    if family := _FAMILY_OF.get(word):
        import_module(f"{__name__}.{family}")
        return tuple(kind for _, kind in sorted(REGISTRY.items()) if word in kind.words)
    return all_words().get(word, ())


@lru_cache(maxsize=None)
def torch_kind(name: str) -> type[Layer] | None:
    """The kind whose torch.nn class is ``name``, or which itself is called so."""
    if found := REGISTRY.get(name):
        return found
    kinds = all_kinds()
    return kinds.get(name) or next((kind for kind in kinds.values() if kind.namesake == name), None)


_FAMILY_OF: dict[str, str] = {
    word: family
    for family, words in {
        "activation": (
            "relu relu6 leakyrelu leaky_relu rrelu prelu threshold step heaviside hardtanh sigmoid logsigmoid "
            "log_sigmoid tanh sin tanhshrink silu swish mish gelu softplus softsign elu selu celu softshrink "
            "hardshrink hardsigmoid hardswish softmax softmin logsoftmax log_softmax softmax2d glu"
        ),
        "attention": "mha multiheadattention sdpa attention scaleddotproductattention",
        "bilinear": "bilinear",
        "convolution": "conv convolution conv1d conv2d conv3d",
        "dropout": (
            "dropout dropout1d dropout2d dropout3d alphadropout alpha_dropout featurealphadropout feature_alpha_dropout"
        ),
        "embedding": "embedding embed embeddingbag",
        "encoding": (
            "posenc positionalencoding nerfencoding learnedposition posembed sinusoidalposition sinusoidal "
            "rotary rope timeembedding timestep"
        ),
        "folding": "unfold im2col fold col2im",
        "input": "input",
        "linear": "linear fc dense identity id",
        "local": "local locallyconnected local1d locallyconnected1d local2d locallyconnected2d",
        "losses": (
            "mseloss mse l1loss mae smoothl1loss smoothl1 huberloss huber bceloss bce bcewithlogitsloss "
            "bcewithlogits hingeembeddingloss hinge softmarginloss kldivloss kldiv poissonnllloss "
            "crossentropyloss crossentropy nllloss nll multimarginloss cosinesimilarity pairwisedistance "
            "marginrankingloss tripletmarginloss triplet cosineembeddingloss"
        ),
        "merging": "add mul sub div concat cat stack matmul",
        "normalization": (
            "bn batchnorm bn1d batchnorm1d bn2d batchnorm2d bn3d batchnorm3d syncbn syncbatchnorm "
            "instancenorm instancenorm1d instancenorm2d instancenorm3d gn groupnorm ln layernorm rmsnorm lrn "
            "localresponsenorm crossmaplrn crossmaplrn2d"
        ),
        "padding": (
            "zeropad zeropad1d zeropad2d zeropad3d constantpad constantpad1d constantpad2d constantpad3d "
            "reflectionpad reflectionpad1d reflectionpad2d reflectionpad3d replicationpad replicationpad1d "
            "replicationpad2d replicationpad3d circularpad circularpad1d circularpad2d circularpad3d"
        ),
        "pooling": (
            "maxpool maxpool1d maxpool2d maxpool3d avgpool avgpool1d avgpool2d avgpool3d lppool lppool1d "
            "lppool2d lppool3d adaptiveavgpool adaptiveavgpool1d adaptiveavgpool2d adaptiveavgpool3d "
            "adaptivemaxpool adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d fractionalmaxpool "
            "fractionalmaxpool2d fractionalmaxpool3d gap globalavgpool globalmaxpool maxunpool maxunpool1d "
            "maxunpool2d maxunpool3d blurpool blurpool1d blurpool2d blurpool3d"
        ),
        "recurrent": "rnn lstm gru rnncell lstmcell grucell",
        "shaping": "flatten unflatten reshape view squeeze unsqueeze permute transpose slice mean sum max rearrange",
        "shuffling": "pixelshuffle pixelunshuffle channelshuffle",
        "transformer": (
            "transformerencoderlayer transformerdecoderlayer transformerencoder transformerdecoder transformer"
        ),
        "transposed": "convtranspose deconv convtranspose1d deconv1d convtranspose2d deconv2d convtranspose3d deconv3d",
        "upsampling": "upsample upsamplingnearest2d upsamplingbilinear2d",
        "vision": "classtoken layerscale windowattention shiftedwindowattention",
    }.items()
    for word in words.split()
}
