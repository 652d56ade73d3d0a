"""What the calls of a module with branches are: joins, average pools, and where a value goes."""

import operator
from typing import Any, Literal

import torch
from torch import fx, nn
from torch.nn import functional as F

from bitlight.errors import FreezingError
from bitlight.nn import integers
from bitlight.nn.chain import is_size
from bitlight.nn.estimators import sign
from bitlight.nn.layers import Sign
from bitlight.nn.monotonic import STEPS
from bitlight.nn.tracing import is_leaf, place

CLOSING = (Sign, integers.RSign, integers.Levels)
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_CATS = (torch.cat, torch.concat, torch.concatenate)
_MEANS = (torch.mean, "mean")


class Cat(nn.Module):
    """Values side by side along the channels."""

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """Return `torch.cat(values, 1)`."""
        return torch.cat(values, 1)


class Plus(nn.Module):
    """The sum of values, nothing clipped."""

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        """Return a + b + …"""
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total


class Mean(nn.Module):
    """The mean over the image, (N, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x.mean((2, 3))`."""
        return x.mean((2, 3))


def joined(root: nn.Module, node: fx.Node) -> tuple[nn.Module, list[Any]] | None:
    """The module that does what a call of several values does, and these; None for other calls.

    Raises
    ------
    FreezingError
        If it joins them as no network can.
    """
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        values: list[Any] = list(node.args)
        return (module, values) if isinstance(module, integers.Add) else None
    if node.target in _CATS:
        named = dict(zip(("tensors", "dim"), node.args, strict=False)) | node.kwargs
        if named.get("dim", 0) not in (1, named.get("axis", 1)):
            raise FreezingError(f"{place(node)}: must join along the channels, dim=1")
        return Cat(), list(named["tensors"])  # type: ignore[arg-type]
    if node.target in _SUMS and all(isinstance(value, fx.Node) for value in node.args):
        if node.kwargs.get("alpha", 1) != 1:
            raise FreezingError(f"{place(node)}: alpha must be 1, not {node.kwargs['alpha']}")
        values = [*node.args, *(v for v in node.kwargs.values() if isinstance(v, fx.Node))]
        return (Plus(), values) if len(values) > 1 else None
    return None


def averaged(node: fx.Node) -> nn.Module | None:
    """The module of a function that averages; None for other calls."""
    if node.target in _MEANS:
        named = dict(zip(("input", "dim", "keepdim"), node.args, strict=False)) | node.kwargs
        dim = named.get("dim")
        dims = sorted(d % 4 for d in dim) if isinstance(dim, tuple | list) else dim
        if dims != [2, 3]:
            raise FreezingError(f"{place(node)}: must go over rows and columns, dim=(2, 3)")
        return nn.AdaptiveAvgPool2d(1) if named.get("keepdim", False) else Mean()
    if node.target is F.adaptive_avg_pool2d:
        return nn.AdaptiveAvgPool2d(*node.args[1:], **node.kwargs)  # type: ignore[arg-type]
    if node.target is F.avg_pool2d:
        rest = {k: v for k, v in node.kwargs.items() if k != "input"}
        return nn.AvgPool2d(*node.args[1:], **rest)  # type: ignore[arg-type]
    return None


def goes_to(root: nn.Module, node: fx.Node) -> Literal["levels", "output", "integers"]:
    """Where a value goes: one way through steps to its sign or levels, to the output, or elsewhere.

    A value that goes several ways, or into a join, must be an integer itself.
    """
    while True:
        users = [user for user in node.users if not is_size(user, set())]
        if len(users) != 1:
            return "integers"
        (node,) = users
        if node.op == "output":
            return "output"
        module = _module(root, node)
        if isinstance(module, CLOSING) or node.target is sign:
            return "levels"
        if len([v for v in node.all_input_nodes if v.op != "get_attr"]) > 1:
            return "integers"
        if module is not None and not isinstance(module, (*STEPS, nn.MaxPool2d, *_PASSING)):
            return "integers"


_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_PASSING = (nn.Identity, *_DROPOUTS, nn.Flatten, nn.Softmax, nn.LogSoftmax)


def _module(root: nn.Module, node: fx.Node) -> nn.Module | None:
    if node.op != "call_module":
        return None
    module = root.get_submodule(str(node.target))
    assert is_leaf(module)
    return module
