"""Symbolic tracing of a module: the calls that its forward makes, and where in its source."""

import inspect
import itertools
import operator
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import fx, nn

from bitlight.errors import FreezingError
from bitlight.nn.integers import Levels, OnGrid, RSign, SumPool2d
from bitlight.nn.layers import Binary, Scale, Sign
from bitlight.nn.modes import evaluating
from bitlight.nn.unwrapping import eager, unwrap

_NOT_THE_USERS = (Path(torch.__file__).parent, Path(__file__).parent)


VALUE = "value"  # of a node's meta: what it computes from the example, where that is known


def trace(module: nn.Module, example: torch.Tensor | None = None) -> fx.Graph:
    """What `module` calls in eval mode; `place(node)` says where each call is written.

    Parameters of `forward` behind the first have their defaults. With an example of the input,
    shapes are numbers while it is traced: asserts on them, branches and arithmetic with them.

    Raises
    ------
    FreezingError
        If the calls depend on values: control flow, conversions to Python numbers.
    """
    before = set(vars(module))
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())[1:]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        with evaluating(module), eager(), warnings.catch_warnings():
            # Backward hooks of modules are of no matter here, and not called.
            warnings.filterwarnings("ignore", "For backward hooks to be called")
            return _Tracer(example).trace(module, concrete_args=defaults or None)
    except Exception as error:
        where = _line(reversed(list(traceback.walk_tb(error.__traceback__)))) or "forward"
        if isinstance(error, fx.proxy.TraceError):
            reason = "which layers are called must not depend on values or shapes"
        else:
            reason = "the calls cannot be traced"
        raise FreezingError(f"{where}: {reason}: {error}") from error
    finally:
        for name in set(vars(module)) - before:  # constants that the tracer keeps there
            delattr(module, name)


_OURS = (Binary, Scale, Sign, OnGrid, RSign, SumPool2d, Levels)


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is a layer of its own: torch's or ours, but no container of layers."""
    torchs = type(module).__module__.startswith("torch.nn.modules")
    containers = nn.Sequential | nn.ModuleList | nn.ModuleDict
    return isinstance(module, _OURS) or (torchs and not isinstance(module, containers))


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


class _Shaped(fx.Proxy):
    """A stand-in that knows the shape, dtype and device of what it stands for."""

    def __getattr__(self, name: str) -> Any:
        value = self.node.meta.get(VALUE)
        if name in _FORM and isinstance(value, torch.Tensor):
            return getattr(value, name)
        return super().__getattr__(name)

    def __len__(self) -> int:
        value = self.node.meta.get(VALUE)
        return len(value) if isinstance(value, torch.Tensor) else super().__len__()


_FORM = ("shape", "ndim", "dtype", "device", "size", "dim", "numel", "is_floating_point", "is_cuda")


class _Tracer(fx.Tracer):
    def __init__(self, example: torch.Tensor | None) -> None:
        super().__init__()
        self.example = example
        self.computing = False  # values, and not nodes

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_leaf(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Shaped(node, self)

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self.computing:
            return forward(*args, **kwargs)
        inner = unwrap(m)
        if inner is not m:
            return inner(*args, **kwargs)  # which comes here again
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if self.computing:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        inside = itertools.takewhile(
            lambda step: step[0].f_code is not trace.__code__, traceback.walk_stack(None)
        )
        path, line = self.scope.module_path, _line(inside)
        node.meta["place"] = (f" in {path}" if path else "") + (f" at {line}" if line else "")
        node.meta[VALUE] = self._value(node)
        return node

    @torch.no_grad()
    def _value(self, node: fx.Node) -> Any:
        """What the node computes; None where that is not known or cannot be computed."""
        if node.op in ("placeholder", "output"):
            return self.example if node.op == "placeholder" and not node.args else None
        known = {taken: taken.meta[VALUE] for taken in node.all_input_nodes}
        if any(value is None for value in known.values()):
            return None
        args = fx.node.map_arg(node.args, known.__getitem__)
        kwargs = fx.node.map_arg(node.kwargs, known.__getitem__)
        self.computing = True
        try:
            return _call(self.root, node, args, kwargs)
        except Exception:  # a fault of the module is told where its layers are read
            return None
        finally:
            self.computing = False


def _call(root: nn.Module, node: fx.Node, args: Any, kwargs: Any) -> Any:
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    found = operator.attrgetter(str(node.target))(root)
    return found if node.op == "get_attr" else found(*args, **kwargs)


def _line(steps: Iterable[tuple[FrameType, int]]) -> str | None:
    """`model.py:31`, the first line, innermost first, that is neither torch's nor ours."""
    for frame, line in steps:
        path = Path(frame.f_code.co_filename)
        if not any(path.is_relative_to(folder) for folder in _NOT_THE_USERS):
            return f"{path.name}:{line}"
    return None
