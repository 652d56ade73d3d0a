"""A module as a chain of layers, however it is written: as `nn.Sequential` or with a `forward`.

Each layer takes the value of the one before and nothing else. Calls of functions stand in the chain
as the modules that do the same: `torch.flatten(x, 1)` as `nn.Flatten()`.
"""

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional as F

from bitlight.errors import FreezingError
from bitlight.nn.estimators import sign
from bitlight.nn.layers import Sign
from bitlight.nn.tracing import VALUE, is_leaf, place, trace
from bitlight.nn.unwrapping import unwrap

_DROPOUTS = {
    F.dropout: nn.Dropout,
    F.dropout1d: nn.Dropout1d,
    F.dropout2d: nn.Dropout2d,
    F.dropout3d: nn.Dropout3d,
}
_IDLE = (nn.Identity, *_DROPOUTS.values())


class Call(nn.Module):
    """A function with constants, as a layer: `x * 0.01`, `F.batch_norm(x, self.mean, …)`.

    Parameters
    ----------
    operation : str
        Its name here: "add", "sub", "mul", "div", "neg", "batch_norm", "clamp", "prelu", "round".
    function : callable, or str for a method of the value
    position : int
        Where among the arguments the value stands.
    args : list
        The other arguments, with None in place of the value.
    kwargs : dict
    """

    def __init__(
        self,
        operation: str,
        function: Callable[..., torch.Tensor] | str,
        position: int,
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> None:
        super().__init__()
        self.operation, self.function, self.position = operation, function, position
        self.args, self.kwargs = args, kwargs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the function gives."""
        args = [*self.args[: self.position], x, *self.args[self.position + 1 :]]
        if isinstance(self.function, str):
            return getattr(args[0], self.function)(*args[1:], **self.kwargs)
        return self.function(*args, **self.kwargs)

    def in_float64(self) -> "Call":
        """The same with its constants in float64, on the CPU."""

        def precise(value: Any) -> Any:
            return value.detach().double().cpu() if isinstance(value, torch.Tensor) else value

        kwargs = {name: precise(value) for name, value in self.kwargs.items()}
        return Call(
            self.operation, self.function, self.position, [*map(precise, self.args)], kwargs
        )


class Leaf(NamedTuple):
    """A layer of a chain.

    Attributes
    ----------
    path : str
        As in `named_modules`; for a function, its name and the line that calls it.
    module : torch.nn.Module
        That of the user, or one that does what the function does.
    features : int or None
        Of a Flatten that was written with a number, as `x.view(-1, 400)`.
    """

    path: str
    module: nn.Module
    features: int | None = None

    @property
    def is_idle(self) -> bool:
        """Whether it passes its input on unchanged in eval mode."""
        return type(self.module) in _IDLE

    @property
    def name(self) -> str:
        """Path and type, for messages."""
        return f"{self.path or 'the module'} ({type(self.module).__name__})"

    def refusal(self, reason: str) -> FreezingError:
        """The error that says why this layer cannot be frozen."""
        return FreezingError(f"{self.name}: {reason}")


def chain(module: nn.Module, example: torch.Tensor | None = None) -> list[Leaf]:
    """The layers that `module` calls in eval mode, in order; it is not changed.

    Modules with a `forward` of their own are looked into. Parameters of the outermost `forward`
    behind the first have their defaults. Hooks are not seen, `unwrapping.check_readable` finds
    them. With an example of the input, asserts and branches on shapes are followed.

    Raises
    ------
    FreezingError
        If the calls are not a chain (a value is used twice or not at all, layers are added or
        concatenated, there are several inputs or outputs), if they depend on values, or if a
        function is called that has no place in a binary network.

    Examples
    --------
    >>> [leaf.path for leaf in chain(nn.Sequential(nn.Flatten(), nn.Sequential(Sign())))]
    ['0', '1.0']
    """
    module = unwrap(module)
    if is_leaf(module):
        return [Leaf("", module)]
    return list(_leaves(module, trace(module, example)))


def _leaves(module: nn.Module, graph: fx.Graph) -> Iterator[Leaf]:
    nodes = iter(graph.nodes)
    value = next(nodes)  # what the next layer takes
    if value.op != "placeholder":
        raise FreezingError("forward takes no input")
    sizes: set[fx.Node] = set()  # x.shape, x.size(0): not values but the form of one
    constants: set[fx.Node] = set()  # parameters that have their defaults, tensors of the module
    for node in nodes:
        inputs = set(node.all_input_nodes)
        if is_tensor_of_the_module(node, constants):
            constants.add(node)
        elif is_size(node, sizes):
            sizes.add(node)
        elif inputs - sizes - (constants if node.target in _WITH_CONSTANTS else set()) != {value}:
            raise _not_a_chain(node, inputs - sizes, value)
        elif node.op == "output":
            if node.args[0] is not value:
                raise FreezingError("the output must be one tensor, not several or a container")
        else:
            yield from read_call(module, node)
            value = node


def is_tensor_of_the_module(node: fx.Node, constants: set[fx.Node]) -> bool:
    """Whether it is a parameter, a constant, what follows from some, or an argument's default."""
    if node.op in ("get_attr", "placeholder"):
        return node.op == "get_attr" or bool(node.args)
    inputs = set(node.all_input_nodes)
    return bool(inputs) and inputs <= constants and node.op != "output"


def is_size(node: fx.Node, sizes: set[fx.Node]) -> bool:
    """Whether it is a shape, a part of one of `sizes`, a dtype or a device, and no value."""
    if node.op == "call_method":
        return node.target in ("size", "dim")
    if node.target is getattr:
        return node.args[1] in ("shape", "ndim", "dtype", "device")
    return node.target is operator.getitem and node.args[0] in sizes


def _not_a_chain(node: fx.Node, inputs: set[fx.Node], value: fx.Node) -> FreezingError:
    tensors = [taken for taken in inputs if taken.op == "get_attr"]
    if node.op == "placeholder":
        found = f"forward takes another input, {node.target}"
    elif tensors:
        found = f"{place(node)}: forward uses {tensors[0].target} itself"
    elif not inputs:
        found = f"{place(node)} takes the value of no layer"
    else:
        taken = " and ".join(sorted(map(place, inputs)))
        found = f"{place(node)} takes the value of {taken}, where that of {place(value)} is due"
    return FreezingError(
        f"{found}: only a chain can be frozen, each layer taking the value of the one before"
    )


def read_call(module: nn.Module, node: fx.Node) -> Iterator[Leaf]:
    """The layer that a node calls; none where only the order in memory changes."""
    if node.op == "call_module":
        path = str(node.target)
        if len(node.args) != 1 or node.kwargs:
            raise FreezingError(f"{path}: must be called with one value and nothing else")
        yield Leaf(path, module.get_submodule(path))
    elif node.target in ("view", "reshape", torch.reshape):
        if not _keeps_shape(node):
            yield Leaf(place(node), nn.Flatten(), None if _flattens(node) else _features(node))
    elif node.target in _CASTS:
        _check_cast(node)
    elif node.target in _WITH_CONSTANTS:
        yield Leaf(place(node), _with_constants(node))
    elif node.target in _CALLS:
        try:
            called = _CALLS[node.target](*node.args, **node.kwargs)
        except (TypeError, ValueError) as error:
            raise FreezingError(f"{place(node)}: {error}") from error
        yield Leaf(place(node), called.eval())
    elif node.target in (torch.sign, "sign", "sgn"):
        raise FreezingError(f"{place(node)}: is 0 at 0; use bitlight.nn.sign, which is 1 there")
    elif node.target not in _SAME:
        raise FreezingError(f"{place(node)}: no binary network can compute this")


def _features(node: fx.Node) -> int | None:
    """Values of an image behind `x.view(len, features)`; None if torch counts them itself."""
    shape = node.args[1:] or tuple(node.kwargs.values())[-1:]
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    before = node.all_input_nodes[0].meta[VALUE]
    if before is not None and len(shape) == 2 and shape[0] == len(before):
        shape = (-1, shape[1]) if shape[1] != -1 else (None, -1)
    match shape:
        case (fx.Node() as batch, -1) if _is_batch(batch):
            return None
        case (fx.Node() as batch, int(features)) if _is_batch(batch):
            return features
        case (-1, int(features)) if features > 0:
            return features
        case (None, -1):
            return None
    raise FreezingError(f"{place(node)}: must flatten all but the batch, as x.flatten(1) does")


def _flattens(node: fx.Node) -> bool:
    """Whether it is known to give one row for each image."""
    before, after = node.all_input_nodes[0].meta[VALUE], node.meta[VALUE]
    if before is None or after is None:
        return False
    return tuple(after.shape) == (len(before), math.prod(before.shape[1:]))


def _keeps_shape(node: fx.Node) -> bool:
    before, after = node.all_input_nodes[0].meta[VALUE], node.meta[VALUE]
    return before is not None and after is not None and before.shape == after.shape


def _check_cast(node: fx.Node) -> None:
    """Raise FreezingError unless `x.to(…)` leaves float32, which all layers compute in."""
    given = [*node.args[1:], *node.kwargs.values()]
    kinds = [value for value in given if isinstance(value, torch.dtype)]
    if any(kind != torch.float32 for kind in kinds):
        raise FreezingError(f"{place(node)}: must give torch.float32, not {kinds[0]}")


def _with_constants(node: fx.Node) -> Call:
    (value,) = (taken for taken in node.all_input_nodes if not _is_constant(taken))
    if value in node.kwargs.values() or list(node.args).count(value) != 1:
        raise FreezingError(f"{place(node)}: must be called with one value and constants")
    known = {taken: taken.meta[VALUE] for taken in node.all_input_nodes if taken is not value}
    known[value] = None
    args = fx.node.map_arg(node.args, known.__getitem__)
    kwargs = fx.node.map_arg(node.kwargs, known.__getitem__)
    operation = _WITH_CONSTANTS[node.target]
    position = node.args.index(value)
    if operation in ("add", "sub") and kwargs.get("alpha", 1) != 1:
        raise FreezingError(f"{place(node)}: alpha must be 1, not {kwargs['alpha']}")
    if operation == "div" and kwargs.get("rounding_mode") is not None:
        raise FreezingError(f"{place(node)}: rounds; no binary network can compute this")
    return Call(operation, node.target, position, list(args), dict(kwargs))


def _is_constant(node: fx.Node) -> bool:
    """Whether nothing of the input reaches it."""
    if node.op == "placeholder":
        return bool(node.args)
    return all(map(_is_constant, node.all_input_nodes))


def _is_batch(size: fx.Node) -> bool:
    """Whether it is `x.size(0)` or `x.shape[0]`, which is the same all along a chain."""
    return size.args[1:] == (0,) or dict(size.kwargs) == {"dim": 0}


def _flatten(input: fx.Node, start_dim: int = 0, end_dim: int = -1) -> nn.Flatten:
    return nn.Flatten(start_dim, end_dim)


def _max_pool2d(
    input: fx.Node,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel_size, stride, padding, dilation, return_indices, ceil_mode)


def _sign(input: fx.Node, *args: Any, **kwargs: Any) -> Sign:
    return Sign(*args, **kwargs)


def _dropout(kind: Callable[[float], nn.Module]) -> Callable[..., nn.Module]:
    def call(
        input: fx.Node, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> nn.Module:
        if training:
            raise ValueError("drops values in eval mode too; it needs training=self.training")
        return kind(p)

    return call


def _activation(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    def call(input: fx.Node, *args: Any, **kwargs: Any) -> nn.Module:
        return kind(*args, **kwargs)

    return call


def _relu(input: fx.Node, inplace: bool = False) -> nn.Module:
    return nn.ReLU()


def _softmax(kind: type[nn.Module]) -> Callable[..., nn.Module]:
    def call(
        input: fx.Node, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> nn.Module:
        return kind(dim=dim)

    return call


# What changes where a value is, or how it lies in memory, and nothing else.
_SAME = ("contiguous", "clone", "detach", "cpu", "cuda", torch.clone, torch.detach)
_CASTS = ("float", "to", "type")
_WITH_CONSTANTS: dict[Any, str] = {
    **dict.fromkeys([operator.add, operator.iadd, torch.add, "add", "add_"], "add"),
    **dict.fromkeys([operator.sub, operator.isub, torch.sub, "sub", "sub_"], "sub"),
    **dict.fromkeys([operator.mul, operator.imul, torch.mul, "mul", "mul_"], "mul"),
    **dict.fromkeys([operator.truediv, operator.itruediv, torch.div, "div", "div_"], "div"),
    **dict.fromkeys([operator.neg, torch.neg, "neg"], "neg"),
    **dict.fromkeys([torch.clamp, torch.clip, "clamp", "clip"], "clamp"),
    **dict.fromkeys([torch.round, "round", torch.floor, "floor", torch.ceil, "ceil"], "round"),
    F.batch_norm: "batch_norm",
    torch.batch_norm: "batch_norm",
    F.prelu: "prelu",
    torch.prelu: "prelu",
}

# The arguments are those of the functions, in their order.
_CALLS: dict[Any, Callable[..., nn.Module]] = {
    torch.flatten: _flatten,
    "flatten": _flatten,
    torch.max_pool2d: _max_pool2d,
    F.max_pool2d: _max_pool2d,
    sign: _sign,
    **dict.fromkeys([F.relu, torch.relu, "relu"], _relu),
    F.relu6: _activation(nn.ReLU6),
    F.hardtanh: _activation(nn.Hardtanh),
    F.leaky_relu: _activation(nn.LeakyReLU),
    **dict.fromkeys([F.softmax, torch.softmax, "softmax"], _softmax(nn.Softmax)),
    **dict.fromkeys([F.log_softmax, torch.log_softmax, "log_softmax"], _softmax(nn.LogSoftmax)),
    **{function: _dropout(kind) for function, kind in _DROPOUTS.items()},
}
