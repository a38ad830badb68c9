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

ALIASES: dict[str, str] = {
    f"Lazy{name}": name
    for name in (
        *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "Linear"),
        *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    )
}
"""torch's lazy modules: the same kinds with their input sizes inferred."""
