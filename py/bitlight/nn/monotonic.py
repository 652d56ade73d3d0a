"""Steps between a layer's sums and its sign: which way each goes, or why it has no thresholds."""

from typing import Any

import torch
from torch import nn

from bitlight.nn.chain import Call, Leaf
from bitlight.nn.layers import Scale

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)
_RISING = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
STEPS = (*NORMS, *_RISING, nn.LeakyReLU, nn.PReLU, Scale, Call)


def falls(leaf: Leaf, shape: tuple[int, ...]) -> torch.Tensor:
    """Whether a step falls where its input rises, in each channel.

    Parameters
    ----------
    leaf : Leaf
        Of one of STEPS.
    shape : (C, 1, 1) or (C,)
        Of one image's values, but for rows and columns.

    Returns
    -------
    bool Tensor, shape (C,), on the CPU

    Raises
    ------
    FreezingError
        If it does both, or has constants that are not one for each channel.
    """
    step, channels = leaf.module, shape[0]
    gain: torch.Tensor | None = None
    if isinstance(step, NORMS):
        gain = step.weight
    elif isinstance(step, nn.PReLU):
        _check_slope(leaf, step.weight.detach(), channels)
    elif isinstance(step, nn.LeakyReLU):
        _check_slope(leaf, torch.tensor(step.negative_slope), channels)
    elif isinstance(step, Call):
        gain = _gain(leaf, step, shape)
    if gain is None:
        return torch.zeros(channels, dtype=torch.bool)
    return (gain.detach().flatten() < 0).expand(channels).cpu()


def _gain(leaf: Leaf, step: Call, shape: tuple[int, ...]) -> torch.Tensor | None:
    """Something of the sign of the slope; None where it rises."""
    if step.operation == "batch_norm":
        return _batch_norm(leaf, step, shape[0])
    if step.operation == "prelu":
        _check_slope(leaf, _constant(leaf, step.args[1:], step.kwargs, "weight"), shape[0])
    elif step.operation == "clamp":
        for limit in (*step.args[1:], *step.kwargs.values()):
            if limit is not None:
                _channels(leaf, limit, shape)
    elif step.operation == "neg":
        return torch.tensor(-1.0)
    elif step.operation != "round":
        return _slope(leaf, step, _channels(leaf, _other(leaf, step), shape))
    return None


def _slope(leaf: Leaf, step: Call, constant: torch.Tensor) -> torch.Tensor | None:
    if step.operation == "add":
        return None
    if step.operation == "sub":
        return None if step.position == 0 else torch.tensor(-1.0)
    if step.operation == "div" and (step.position == 1 or not constant.all()):
        raise leaf.refusal("divides by what it takes, or by 0")
    return constant


def _other(leaf: Leaf, step: Call) -> Any:
    rest = [*step.args[: step.position], *step.args[step.position + 1 :]]
    rest += [value for name, value in step.kwargs.items() if name == "other"]
    if len(rest) != 1:
        raise leaf.refusal("must have one other operand")
    return rest[0]


def _channels(leaf: Leaf, constant: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """A constant that is one number, or one for each channel."""
    if isinstance(constant, bool | int | float):
        constant = torch.tensor(float(constant))
    if not isinstance(constant, torch.Tensor) or constant.is_complex():
        raise leaf.refusal(f"its constant must be numbers, not {type(constant).__name__}")
    found = tuple(constant.shape)
    while len(found) > len(shape) and found[0] == 1:
        found = found[1:]
    if constant.numel() != 1 and found != shape:
        wanted = ", ".join(map(str, shape))
        raise leaf.refusal(
            f"its constant must be one number, or one for each channel, ({wanted}), not {found}"
        )
    if not constant.isfinite().all():
        raise leaf.refusal("has constants that are not finite")
    return constant.detach()


def _batch_norm(leaf: Leaf, step: Call, channels: int) -> torch.Tensor | None:
    names = ("running_mean", "running_var", "weight", "bias", "training")
    given = dict(zip(names, step.args[1:], strict=False)) | step.kwargs
    if given.get("training", False):
        raise leaf.refusal("takes the batch's statistics in eval mode too: training=self.training")
    for name in ("running_mean", "running_var", "weight", "bias"):
        value = given.get(name)
        if value is None and name in ("weight", "bias"):
            continue
        if value is None:
            raise leaf.refusal("has no running statistics")
        if value.dtype != torch.float32 or value.shape != (channels,):
            kind = f"{value.dtype} of shape {tuple(value.shape)}"
            raise leaf.refusal(f"{name} must be float32 of shape ({channels},), not {kind}")
        if not value.isfinite().all():
            raise leaf.refusal(f"{name} has values that are not finite")
    return given.get("weight")


def _constant(leaf: Leaf, args: list[Any], kwargs: dict[str, Any], name: str) -> torch.Tensor:
    value = args[0] if args else kwargs.get(name)
    if not isinstance(value, torch.Tensor):
        raise leaf.refusal(f"{name} must be a tensor")
    return value.detach()


def _check_slope(leaf: Leaf, slope: torch.Tensor, channels: int) -> None:
    if slope.numel() not in (1, channels):
        raise leaf.refusal(f"has {slope.numel()} slopes behind {channels} outputs")
    if not (slope >= 0).all():
        raise leaf.refusal(
            f"has a negative slope, {slope.min().item():g}: it rises and falls, and a threshold "
            "cannot say so"
        )
