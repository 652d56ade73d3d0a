"""Symbolic tracing of a module: the calls that its forward makes, and where in its source."""

import inspect
import itertools
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import fx, nn

from bitlight.errors import FreezingError
from bitlight.nn.layers import Binary, Scale, Sign
from bitlight.nn.modes import evaluating

_NOT_THE_USERS = (Path(torch.__file__).parent, Path(__file__).parent)


def trace(module: nn.Module) -> fx.Graph:
    """What `module` calls in eval mode; `place(node)` says where each call is written.

    Parameters of `forward` behind the first have their defaults.

    Raises
    ------
    FreezingError
        If the calls depend on values: control flow, conversions to Python numbers.
    """
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())[1:]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        with evaluating(module):
            return _Tracer().trace(module, concrete_args=defaults or None)
    except Exception as error:
        where = _line(reversed(list(traceback.walk_tb(error.__traceback__)))) or "forward"
        if isinstance(error, fx.proxy.TraceError):
            reason = "which layers are called must not depend on values or shapes"
        else:
            reason = "the calls cannot be traced"
        raise FreezingError(f"{where}: {reason}: {error}") from error


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is a layer of its own: torch's or ours, but no container of layers."""
    torchs = type(module).__module__.startswith("torch.nn.modules")
    containers = nn.Sequential | nn.ModuleList | nn.ModuleDict
    return isinstance(module, Binary | Scale | Sign) or (
        torchs and not isinstance(module, containers)
    )


def place(node: fx.Node) -> str:
    """The call in words, for messages: `flatten() in features at model.py:31`."""
    if node.op == "call_module":
        return str(node.target)
    if node.op == "placeholder":
        return "the input"
    if node.op == "output":
        return "the output"
    if node.op == "get_attr":
        return f"the tensor {node.target}"
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", node.name)
    return f"{name}(){node.meta.get('place', '')}"


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_leaf(m)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        inside = itertools.takewhile(
            lambda step: step[0].f_code is not trace.__code__, traceback.walk_stack(None)
        )
        path, line = self.scope.module_path, _line(inside)
        node.meta["place"] = (f" in {path}" if path else "") + (f" at {line}" if line else "")
        return node


def _line(steps: Iterable[tuple[FrameType, int]]) -> str | None:
    """`model.py:31`, the first line, innermost first, that is neither torch's nor ours."""
    for frame, line in steps:
        path = Path(frame.f_code.co_filename)
        if not any(path.is_relative_to(folder) for folder in _NOT_THE_USERS):
            return f"{path.name}:{line}"
    return None
