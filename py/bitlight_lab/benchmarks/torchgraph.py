"""Any network in torch's float32, which holds its integers exactly: a rival of the packed engine.

Levels are what they stand for, 2x − L; images are NCHW. One table, layer type to torch's own
functions, with as few passes over memory as they allow.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bitlight.errors import BitlightError
from bitlight.network.golden.plain import signed
from bitlight.network.graph import INPUT
from bitlight.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Linear,
    MaxPool2d,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight.network.network import Network
from bitlight.network.values import Integers, Value

Step = Callable[..., torch.Tensor]
EXACT = 1 << 24


def torch_graph(net: Network, layout: torch.memory_format) -> Callable[[np.ndarray], np.ndarray]:
    """A function that gives what `net.forward` gives, with torch alone.

    Raises
    ------
    BitlightError
        If products or sums are too large to be exact in float32.
    """
    steps = [
        READINGS[type(node.layer)](node.layer, layout, *map(net.value, node.inputs))
        for node in net.nodes
    ]

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        y = torch.from_numpy(x).float().mul_(2).sub_((1 << net.input_bits) - 1)
        if y.ndim == 4:
            y = y.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        known = {INPUT: y}
        for node, step in zip(net.nodes, steps, strict=True):
            known[node.name] = y = step(*(known[name] for name in node.inputs))
        y = y.permute(0, 2, 3, 1) if y.ndim == 4 else y
        found = y.reshape(len(y), -1).numpy()
        if isinstance(net.output.kind, Integers):
            return found.astype(np.int32)
        return ((found + net.output.kind.top) / 2).astype(np.uint8)

    return run


def _column(values: Any, given: Value) -> torch.Tensor:
    """A number for each channel, in the shape that it is broadcast from."""
    column = torch.from_numpy(np.asarray(values, np.float64)).float()
    return column.reshape(-1, 1, 1) if len(given.shape) == 3 else column


def _compared(threshold: np.ndarray | None, given: Value) -> Step:
    """Levels of sums, as what they stand for; half a unit beside a threshold nothing is zero."""
    if threshold is None:
        return lambda y: y
    rows = [_column(row - 0.5, given) for row in threshold.reshape(len(threshold), -1).T]
    if len(rows) == 1:
        return lambda y: torch.sub(y, rows[0]).sign_()
    return lambda y: sum((torch.sub(y, row).sign_() for row in rows), start=torch.zeros(()))


def _convolve(layer: Conv2d, layout: torch.memory_format, given: Value) -> Step:
    weight = torch.from_numpy(signed(layer.weight)).float()
    kernel = weight.permute(0, 3, 1, 2).contiguous(memory_format=layout)
    (rows, columns), stride = layer.padding, layer.stride
    border, pad = (columns, columns, rows, rows), 2.0 * layer.pad_value - given.levels.top
    compare = _compared(layer.threshold, given)

    def convolve(y: torch.Tensor) -> torch.Tensor:
        y = functional.pad(y, border, value=pad) if any(border) else y
        return compare(functional.conv2d(y, kernel, stride=stride))

    return convolve


def _multiply(layer: Linear, layout: torch.memory_format, given: Value) -> Step:
    weight = torch.from_numpy(signed(layer.weight)).float()
    compare = _compared(layer.threshold, Value((len(weight),), given.kind))

    def multiply(y: torch.Tensor) -> torch.Tensor:
        y = y.permute(0, 2, 3, 1) if y.ndim == 4 else y
        return compare(functional.linear(y.reshape(len(y), -1), weight))

    return multiply


def _scale(layer: Affine, layout: torch.memory_format, given: Value) -> Step:
    most = np.abs(layer.multiplier.astype(np.int64)) * max(-given.kind.low, given.kind.high)
    _check_exact(int((most + np.abs(layer.offset)).max()))
    multiplier = _column(layer.multiplier * 2.0**-layer.shift, given)
    offset = _column(layer.offset * 2.0**-layer.shift, given)

    def scale(x: torch.Tensor) -> torch.Tensor:
        y = torch.addcmul(offset, x, multiplier)
        return (y.floor_() if layer.shift else y).clamp_(layer.low, layer.high)

    return scale


def _rectify(layer: PReLU, layout: torch.memory_format, given: Value) -> Step:
    before, after = _column(layer.before, given), _column(layer.after, given)
    slope = _column(layer.slope * 2.0**-layer.shift, given)
    reach = max(-given.kind.low, given.kind.high) + np.abs(layer.before.astype(np.int64))
    _check_exact(int((reach * np.maximum(1, np.abs(layer.slope.astype(np.int64)))).max()))

    def rectify(x: torch.Tensor) -> torch.Tensor:
        v = x + before
        below = v.clamp(max=0).mul_(slope).floor_()
        return v.clamp_(min=0).add_(below).add_(after)

    return rectify


def _add(layer: Add, layout: torch.memory_format, *given: Value) -> Step:
    low, high = (sum(getattr(value.kind, end) for value in given) for end in ("low", "high"))
    _check_exact(max(-low, high))

    def add(*values: torch.Tensor) -> torch.Tensor:
        total = values[0] + values[1]
        for value in values[2:]:
            total += value
        clips = layer.low > low or layer.high < high
        return total.clamp_(layer.low, layer.high) if clips else total

    return add


def _add_up(layer: SumPool2d, layout: torch.memory_format, given: Value) -> Step:
    kernel, stride = layer.window(given.shape)
    _check_exact(math.prod(kernel) * max(-given.kind.low, given.kind.high))
    return lambda x: functional.avg_pool2d(x, kernel, stride, divisor_override=1)


def _check_exact(most: int) -> None:
    if most >= EXACT:
        raise BitlightError(f"{most:,} is not exact in float32")


READINGS: dict[type, Callable[..., Step]] = {
    Conv2d: _convolve,
    Linear: _multiply,
    MaxPool2d: lambda layer, layout, given: (
        lambda x: functional.max_pool2d(x, layer.kernel, layer.stride)
    ),
    SumPool2d: _add_up,
    Threshold: lambda layer, layout, given: _compared(layer.threshold, given),
    Affine: _scale,
    PReLU: _rectify,
    Add: _add,
    Concat: lambda layer, layout, *given: lambda *values: torch.cat(values, 1),
}
