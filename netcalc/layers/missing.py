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

ALIASES: dict[str, str] = {
    f"Lazy{name}": name
    for name in (
        *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "Linear"),
        *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    )
}
"""torch's lazy modules: the same kinds with their input sizes inferred."""
