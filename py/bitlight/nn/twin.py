"""The float twin of a binary network: the same layers in float32, to compare accuracies with."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bitlight.errors import FreezingError
from bitlight.nn.chain import Leaf, chain
from bitlight.nn.estimators import sign
from bitlight.nn.integers import (
    Add,
    IntegerBatchNorm1d,
    IntegerBatchNorm2d,
    Levels,
    RPReLU,
    RSign,
    SumPool2d,
)
from bitlight.nn.layers import Binary, BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.nn.tracing import is_leaf, trace
from bitlight.nn.unwrapping import unwrap

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_BRANCHING = (Add, IntegerBatchNorm1d, IntegerBatchNorm2d, RPReLU, RSign, SumPool2d)
_KEPT = (*_NORMS, nn.MaxPool2d, nn.Flatten)


class CentredPixels(nn.Module):
    """Pixels 0..2^b − 1 as numbers from −1 to 1.

    Parameters
    ----------
    bits : int

    Examples
    --------
    >>> CentredPixels(8)(torch.tensor([0.0, 127.5, 255.0]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return 2x/(2^b − 1) − 1."""
        return x * (2 / ((1 << self.bits) - 1)) - 1

    def extra_repr(self) -> str:
        """Parameters for `repr`."""
        return f"{self.bits}"


def float_twin(module: nn.Module) -> nn.Module:
    """A float network of the shape of a binary one, with weights of its own.

    A binary layer becomes nn.Conv2d or nn.Linear, without bias where batch norm follows; what
    stands outside its images is 0. Sign becomes ReLU. Pixels are scaled to [−1, 1] before the layer
    with `input_bits`. A Scale is left out; batch norm, pools, Flatten and Dropout stay. Where
    values branch, RSign passes them on, RPReLU becomes PReLU, and sums are as they are written.

    Parameters
    ----------
    module : torch.nn.Module
        One of the layers that `bitlight.freeze` takes. It is not changed.

    Returns
    -------
    torch.nn.Module
        Of a chain an nn.Sequential, of others a module of its class. On the CPU, in training mode.
        Weights are drawn from torch's global generator: He et al., "Delving deep into rectifiers"
        (2015), eq. 10; biases are 0, batch norm is fresh.

    Raises
    ------
    FreezingError
        If the module cannot be traced, or has a layer of another kind.

    Examples
    --------
    >>> from bitlight.nn import BinaryLinear
    >>> module = nn.Sequential(BinaryLinear(4, 8), nn.BatchNorm1d(8), Sign(), BinaryLinear(8, 2))
    >>> [type(layer).__name__ for layer in float_twin(module)]
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    """
    module = unwrap(module)
    if any(isinstance(part, _BRANCHING) for part in module.modules()):
        return _with_branches(module)
    leaves = chain(module)
    twins: dict[int, list[nn.Module]] = {}  # a layer that is called twice has one twin
    layers: list[nn.Module] = []
    for index, leaf in enumerate(leaves):
        behind = next((after for after in leaves[index + 1 :] if not after.is_idle), None)
        bias = behind is None or not isinstance(behind.module, _NORMS)
        layers += twins.setdefault(id(leaf.module), _twin(leaf, bias))
    return nn.Sequential(*layers).cpu()


def _with_branches(module: nn.Module) -> nn.Module:
    """A copy whose layers are replaced where they stand."""
    if any(node.target is sign for node in trace(module).nodes):
        raise FreezingError("bitlight.nn.sign has no float twin where values branch: use Sign")
    twin = copy.deepcopy(module).cpu().train()
    known: dict[int, nn.Module] = {}
    for part in [*twin.modules()]:
        for name, layer in [*part.named_children()]:
            if is_leaf(layer):
                setattr(part, name, known.setdefault(id(layer), _replaced(name, layer)))
    return twin


def _replaced(name: str, layer: nn.Module) -> nn.Module:
    for kinds, replace in _IN_PLACE.items():
        if isinstance(layer, kinds):
            return replace(layer)
    parts = _twin(Leaf(name, layer), bias=isinstance(layer, BinaryLinear))
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


_IN_PLACE: dict[Any, Callable[[Any], nn.Module]] = {
    (RSign, Scale): lambda layer: nn.Identity(),
    RPReLU: lambda layer: nn.PReLU(len(layer.slope)),
    IntegerBatchNorm1d: lambda layer: nn.BatchNorm1d(layer.num_features),
    IntegerBatchNorm2d: lambda layer: nn.BatchNorm2d(layer.num_features),
    # Wide enough never to clip: the twin's sums are floats.
    Add: lambda layer: Add(fraction=0, bits=24),
    (SumPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d): lambda layer: layer,
}


def _twin(leaf: Leaf, bias: bool) -> list[nn.Module]:
    layer = leaf.module
    if isinstance(layer, Binary):
        pixels = [] if layer.input_bits is None else [CentredPixels(layer.input_bits)]
        return [*pixels, _float_layer(layer, bias)]
    if isinstance(layer, Sign | Levels):
        return [nn.ReLU()]
    if isinstance(layer, Scale):
        return []
    if not (isinstance(layer, _KEPT) or leaf.is_idle):
        raise leaf.refusal("has no float twin")
    copied = copy.deepcopy(layer).train()
    if isinstance(copied, _NORMS):
        copied.reset_parameters()
    return [copied]


def _float_layer(layer: Binary, bias: bool) -> nn.Module:
    outputs, inputs, *kernel = layer.weight.shape
    twin: nn.Conv2d | nn.Linear
    if isinstance(layer, BinaryConv2d):
        rows, columns = kernel
        twin = nn.Conv2d(inputs, outputs, (rows, columns), layer.stride, layer.padding, bias=bias)
    else:
        twin = nn.Linear(inputs, outputs, bias=bias)
    nn.init.kaiming_normal_(twin.weight, nonlinearity="relu")
    if twin.bias is not None:
        nn.init.zeros_(twin.bias)
    return twin
