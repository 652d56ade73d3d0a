"""A module as a chain of layers, however it is written: as `nn.Sequential` or with a `forward`.

Each layer takes the value of the one before and nothing else. Calls of functions stand in the chain
as the modules that do the same: `torch.flatten(x, 1)` as `nn.Flatten()`.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional as F

from bitlight.errors import FreezingError
from bitlight.nn.estimators import sign
from bitlight.nn.layers import Sign
from bitlight.nn.tracing import is_leaf, place, trace

_DROPOUTS = {
    F.dropout: nn.Dropout,
    F.dropout1d: nn.Dropout1d,
    F.dropout2d: nn.Dropout2d,
    F.dropout3d: nn.Dropout3d,
}
_IDLE = (nn.Identity, *_DROPOUTS.values())


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


def chain(module: nn.Module) -> list[Leaf]:
    """The layers that `module` calls in eval mode, in order; it is not changed.

    Modules with a `forward` of their own are looked into. Parameters of the outermost `forward`
    behind the first have their defaults. Hooks are not seen.

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
    if is_leaf(module):
        return [Leaf("", module)]
    return list(_leaves(module, trace(module)))


def _leaves(module: nn.Module, graph: fx.Graph) -> Iterator[Leaf]:
    nodes = iter(graph.nodes)
    value = next(nodes)  # what the next layer takes
    if value.op != "placeholder":
        raise FreezingError("forward takes no input")
    sizes: set[fx.Node] = set()  # x.shape, x.size(0): not values but the form of one
    constants: set[fx.Node] = set()  # parameters that have their defaults
    for node in nodes:
        inputs = set(node.all_input_nodes)
        if (node.op == "placeholder" and node.args) or (inputs and inputs <= constants):
            constants.add(node)
        elif _is_size(node, sizes):
            sizes.add(node)
        elif inputs - sizes != {value}:
            raise _not_a_chain(node, inputs - sizes, value)
        elif node.op == "output":
            if node.args[0] is not value:
                raise FreezingError("the output must be one tensor, not several or a container")
        else:
            yield from _read(module, node)
            value = node


def _is_size(node: fx.Node, sizes: set[fx.Node]) -> bool:
    if node.op == "call_method":
        return node.target == "size"
    if node.target is getattr:
        return node.args[1] == "shape"
    return node.target is operator.getitem and node.args[0] in sizes


def _not_a_chain(node: fx.Node, inputs: set[fx.Node], value: fx.Node) -> FreezingError:
    if node.op == "placeholder":
        found = f"forward takes another input, {node.target}"
    elif node.op == "get_attr":
        found = f"forward uses {node.target} itself"
    elif not inputs:
        found = f"{place(node)} takes the value of no layer"
    else:
        taken = " and ".join(sorted(map(place, inputs)))
        found = f"{place(node)} takes the value of {taken}, where that of {place(value)} is due"
    return FreezingError(
        f"{found}: only a chain can be frozen, each layer taking the value of the one before"
    )


def _read(module: nn.Module, node: fx.Node) -> Iterator[Leaf]:
    """The layer that a node calls; none where only the order in memory changes."""
    if node.op == "call_module":
        path = str(node.target)
        if len(node.args) != 1 or node.kwargs:
            raise FreezingError(f"{path}: must be called with one value and nothing else")
        yield Leaf(path, module.get_submodule(path))
    elif node.target in ("view", "reshape", torch.reshape):
        yield Leaf(place(node), nn.Flatten(), _features(node))
    elif node.target in _CALLS:
        try:
            called = _CALLS[node.target](*node.args, **node.kwargs)
        except (TypeError, ValueError) as error:
            raise FreezingError(f"{place(node)}: {error}") from error
        yield Leaf(place(node), called.eval())
    elif node.target in (torch.sign, "sign", "sgn"):
        raise FreezingError(f"{place(node)}: is 0 at 0; use bitlight.nn.sign, which is 1 there")
    elif node.target != "contiguous":
        raise FreezingError(f"{place(node)}: no binary network can compute this")


def _features(node: fx.Node) -> int | None:
    """Values of an image behind `x.view(len, features)`; None if torch counts them itself."""
    shape = node.args[1:] or tuple(node.kwargs.values())[-1:]
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    match shape:
        case (fx.Node() as batch, -1) if _is_batch(batch):
            return None
        case (fx.Node() as batch, int(features)) if _is_batch(batch):
            return features
        case (-1, int(features)) if features > 0:
            return features
    raise FreezingError(f"{place(node)}: must flatten all but the batch, as x.flatten(1) does")


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


# The arguments are those of the functions, in their order.
_CALLS: dict[Any, Callable[..., nn.Module]] = {
    torch.flatten: _flatten,
    "flatten": _flatten,
    torch.max_pool2d: _max_pool2d,
    F.max_pool2d: _max_pool2d,
    sign: _sign,
    **{function: _dropout(kind) for function, kind in _DROPOUTS.items()},
}
