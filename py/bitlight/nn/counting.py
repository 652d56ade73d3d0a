"""What a torch module costs, from its calls on one image."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from bitlight.network.network import Network
from bitlight.network.summary import Macs, Parameters, Summary, SummaryRow, count_macs, summarize
from bitlight.network.values import Shape
from bitlight.nn.layers import Binary
from bitlight.nn.modes import evaluating

_FLOAT = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def summary(net: nn.Module | Network, input_shape: Shape | None = None) -> Summary:
    """Parameters and products of each precision, layer by layer, as Larq's `summary` gives them.

    Weights of `BinaryConv2d` and `BinaryLinear` have one bit, whatever their latent floats; all
    other parameters, and the running statistics of batch norm, the bits of their dtype. A layer
    that is called twice has its parameters in the first of its rows alone.

    Parameters
    ----------
    net : torch.nn.Module or Network
        A module is called once, in eval mode, with zeros; it may have branches. It is not changed.
    input_shape : (H, W, C) or (n,)
        As for `freeze`: torch itself sees (1, C, H, W) or (1, n). Not for a `Network`.

    Raises
    ------
    ValueError
        If a module comes without an input shape or a `Network` with one, or if there is a layer
        whose products are unknown.

    Examples
    --------
    >>> from bitlight.nn import BinaryLinear, Sign
    >>> module = nn.Sequential(BinaryLinear(784, 64, 8), nn.BatchNorm1d(64), Sign())
    >>> print(summary(module, (784,)))
    Sequential
                                     1-bit       32-bit          1×8-bit
      layer            output   parameters   parameters    KiB      MACs
     ────────────────────────────────────────────────────────────────────
      0 BinaryLinear   64           50,176                6.12    50,176
      1 BatchNorm1d    64                           256   1.00
      2 Sign           64
     ────────────────────────────────────────────────────────────────────
      in all                        50,176          256   7.12    50,176
      197.00 KiB if all parameters had 32 bits, 27.6 times as much; 0.0% of the MACs are 1×1-bit
    """
    if isinstance(net, Network):
        if input_shape is not None:
            raise ValueError(f"a Network has its own input_shape {net.input_shape}")
        return summarize(net)
    if input_shape is None or len(input_shape) not in (1, 3):
        raise ValueError(f"input_shape must be (H, W, C) or (n,), not {input_shape!r}")
    return Summary(type(net).__name__, tuple(_rows(net, input_shape)))


def _rows(module: nn.Module, input_shape: Shape) -> Iterator[SummaryRow]:
    """A row for each call of a layer, in the order of the calls."""
    seen: set[int] = set()
    for path, layer, output_shape in _calls(module, input_shape):
        new = [tensor for tensor in _numbers(layer) if id(tensor) not in seen]
        seen.update(map(id, new))
        yield SummaryRow(
            name=path,
            type=type(layer).__name__,
            output_shape=output_shape,
            parameters=_parameters(layer, new),
            macs=_macs(path, layer, output_shape),
        )


def _calls(module: nn.Module, input_shape: Shape) -> list[tuple[str, nn.Module, Shape]]:
    """Path, layer and shape of the output of one image, of each call of a layer."""
    calls: list[tuple[str, nn.Module, Shape]] = []

    def record(path: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            calls.append((path, layer, shape))

        return hook

    layers = [(path, layer) for path, layer in module.named_modules() if _is_layer(layer)]
    hooks = [layer.register_forward_hook(record(path)) for path, layer in layers]
    try:
        with evaluating(module), torch.no_grad():
            module(_zeros(module, input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def _is_layer(module: nn.Module) -> bool:
    return next(module.children(), None) is None or next(_numbers(module), None) is not None


def _zeros(module: nn.Module, input_shape: Shape) -> torch.Tensor:
    *rows_columns, values = input_shape
    like = next(module.parameters(), torch.empty(0))
    return torch.zeros((1, values, *rows_columns), dtype=like.dtype, device=like.device)


def _numbers(layer: nn.Module) -> Iterator[torch.Tensor]:
    """The floats that a module itself holds, parameters and statistics."""
    tensors = itertools.chain(layer.parameters(recurse=False), layer.buffers(recurse=False))
    return (tensor for tensor in tensors if tensor.is_floating_point())


def _parameters(layer: nn.Module, tensors: list[torch.Tensor]) -> tuple[Parameters, ...]:
    counts: dict[int, int] = {}
    for tensor in tensors:
        bits = 8 * tensor.element_size()
        if isinstance(layer, Binary) and tensor is layer.weight:
            bits = layer.weight_bits
        counts[bits] = counts.get(bits, 0) + tensor.numel()
    return tuple(Parameters(bits, counts[bits]) for bits in sorted(counts))


def _macs(path: str, layer: nn.Module, output_shape: Shape) -> Macs | None:
    if isinstance(layer, Binary):
        fan_in = math.prod(layer.weight.shape[1:])
        levels = getattr(layer, "levels", 1).bit_length()
        return count_macs(output_shape, fan_in, layer.weight_bits, layer.input_bits or levels)
    if isinstance(layer, _FLOAT):
        bits = 8 * layer.weight.element_size()
        return count_macs(output_shape, math.prod(layer.weight.shape[1:]), bits, bits)
    if any(tensor.ndim > 1 for tensor in _numbers(layer)):
        raise ValueError(
            f"{path or 'the module'} ({type(layer).__name__}): its products are unknown; "
            "known are BinaryConv2d, BinaryLinear, Conv1d, Conv2d, Conv3d and Linear"
        )
    return None
