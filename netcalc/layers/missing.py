"""The classes of torch.nn that are no layer kind here, each with the reason. A test holds the list whole."""

from __future__ import annotations

_CONTAINER = "holds modules, computes nothing of its own: write its layers"
_BASE = "a base class: use its kinds"

MISSING: dict[str, str] = {
    "AdaptiveLogSoftmaxWithLoss": "its work depends on how often each class occurs",
    "CTCLoss": "its work depends on the lengths of the targets",
    "Container": _CONTAINER,
    "DataParallel": _CONTAINER,
    "GaussianNLLLoss": "checks its numbers as it runs, so that it cannot be proved on shapes alone",
    "LinearCrossEntropyLoss": "a fused form: write linear, then crossentropy",
    "Module": _BASE,
    "ModuleDict": _CONTAINER,
    "ModuleList": _CONTAINER,
    "MultiLabelMarginLoss": "its work depends on the number of targets",
    "MultiLabelSoftMarginLoss": "write sigmoid, then bce with target: the same figures but for a mean",
    "NLLLoss2d": "torch's deprecated name: use nllloss",
    "ParameterDict": _CONTAINER,
    "ParameterList": _CONTAINER,
    "RNNBase": _BASE,
    "RNNCellBase": _BASE,
    "Sequential": _CONTAINER,
    "TripletMarginWithDistanceLoss": "its distance is any function: with the usual one it is tripletmarginloss",
}

_TENSOR = "its weights are a tensor, which a spec cannot state: without it the loss is counted unweighted"
_DEPRECATED = "torch's deprecated form of reduction: write reduction=none, mean or sum"

LEFT_OUT: dict[str, str] = {
    "_freeze": "private to from_pretrained: write the table without it",
    "_random_samples": "the random places of the windows, private: they change no figure",
    "_weight": "the first values of the table, private: they change no figure",
    "device": "it changes no figure: leave it out",
    "dtype": "it changes no figure but bytes: leave it out and use --dtype",
    "pos_weight": _TENSOR,
    "process_group": "the processes that share statistics in training: it changes no figure",
    "reduce": _DEPRECATED,
    "size_average": _DEPRECATED,
    "weight": _TENSOR,
}
"""Arguments of torch.nn's classes that the kinds do not have, each with the reason. A test holds the list whole."""

UNHEEDED = frozenset(["device"])
"""Arguments of torch.nn's classes with parameters that change no figure: torch's form may have them."""

FUNCTIONS: dict[str, str] = {"interpolate": "upsample", "pad": "zeropad", "amax": "max", "concatenate": "concat"}
"""torch's functions that are called otherwise than a kind's word here (but for underscores: ``max_pool2d``)."""

ELSEWHERE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("dwconv", "depthwise", "depthwiseconv"), ("conv C k3 p1 g=C",)),
    **dict.fromkeys(("sepconv", "separableconv", "dsconv"), ("conv C k3 p1 g=C -> conv 64 k1",)),
    **dict.fromkeys(("pwconv", "pointwise", "conv1x1"), ("conv 64 k1",)),
    "conv3x3": ("conv 64 k3 p1",),
    "conv5x5": ("conv 64 k5 p2",),
    "conv7x7": ("conv 64 k7 p3",),
    "convbnrelu": ("conv 64 k3 p1 nobias -> bn -> relu",),
    "upconv": ("convtranspose 64 k2 s2", "upsample scale_factor=2 -> conv 64 k3 p1"),
    "lrelu": ("leakyrelu",),
    **dict.fromkeys(("activation", "act"), ("relu", "gelu")),
    **dict.fromkeys(("norm", "normalize"), ("bn", "layernorm")),
    **dict.fromkeys(("pool", "pooling"), ("maxpool 2", "avgpool 2")),
    **dict.fromkeys(("globalpool", "globalpooling"), ("gap", "globalmaxpool")),
    "crop": ("slice 1 0 8", "slice 1 4 12 -> slice 2 4 12"),
    "drop": ("dropout",),
    **dict.fromkeys(("resize", "interpolate"), ("upsample scale_factor=2", "upsample size=8x8")),
    **dict.fromkeys(("bilstm", "blstm"), ("lstm 64 bidirectional=True",)),
    "bigru": ("gru 64 bidirectional=True",),
    **dict.fromkeys(("skip", "shortcut"), ("residual { conv C k3 p1 }",)),
    **dict.fromkeys(
        ("se", "seblock", "squeezeexcitation"),
        ("mul { identity | adaptiveavgpool 1 -> conv 16 k1 -> relu -> conv C k1 -> sigmoid }",),
    ),
    **dict.fromkeys(("flip", "noise", "gaussiannoise"), ("identity",)),
    **dict.fromkeys(("selfattention", "multiheadselfattention", "mhsa"), ("mha 8",)),
}
"""Words of papers and other tools, in small letters without underscores: what to write here for each."""

ALONE: dict[str, str] = {"ScaledDotProductAttention": "mha"}
"""What takes one input, for kinds that need several and are often written with one."""

ALIASES: dict[str, str] = {
    f"Lazy{name}": name
    for name in (
        *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "Linear"),
        *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    )
}
"""torch's lazy modules: the same kinds with their input sizes inferred."""
