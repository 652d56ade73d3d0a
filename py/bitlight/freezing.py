"""Freezing: a trained torch module becomes a `Network` that computes exactly the same bits."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError, NetworkError
from bitlight.layers import Conv2d, Layer, Linear, MaxPool2d, Shape
from bitlight.network import Network
from bitlight.nn.chain import Leaf, chain
from bitlight.nn.estimators import sign
from bitlight.nn.layers import BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.thresholds import normalized, thresholds

# Sums of this size and more are no longer exact in torch's float32.
_INEXACT = 1 << 24


def freeze(module: nn.Module, input_shape: Shape, input_bits: int) -> Network:
    """Turn a trained module into a network of integers and bits, exact to the last bit.

    The module, `nn.Sequential` or one with a `forward` of its own, calls one layer after the other,
    in blocks: BinaryConv2d or BinaryLinear, BatchNorm, Sign and optionally MaxPool2d. A last
    BinaryLinear without batch norm, with or without a Scale, gives scores. Flatten stands before a
    BinaryLinear that follows images, Identity and Dropout anywhere. A network's features are always
    in the order (h, w, c), torch flattens to (c, h, w): the columns of a BinaryLinear are permuted,
    and a Flatten at the end is left out.

    Parameters
    ----------
    module : torch.nn.Module
        Its eval mode is what is frozen, whatever mode it is in; it is not changed.
    input_shape : (H, W, C) or (n,)
        torch itself sees (N, C, H, W) or (N, n).
    input_bits : int, 1 to 8
        That of the first layer. 1: torch's first layer sees ±1 values, or bits with `input_bits=1`.

    Raises
    ------
    FreezingError
        If the module computes anything that a binary network cannot; the message names the place.

    Examples
    --------
    >>> module = nn.Sequential(BinaryLinear(16, 4), nn.BatchNorm1d(4), Sign(), BinaryLinear(4, 2))
    >>> freeze(module, (16,), input_bits=1).shapes
    ((16,), (4,), (2,))
    """
    try:
        return Network(input_shape, input_bits, _Reader(module, input_shape, input_bits).layers())
    except NetworkError as error:
        raise FreezingError(str(error)) from error


class _Reader:
    """Reads the modules from first to last and keeps track of the shape between them."""

    def __init__(self, module: nn.Module, input_shape: Shape, input_bits: int) -> None:
        self.leaves = [leaf for leaf in chain(module) if not leaf.is_idle]
        self.shape = tuple(input_shape)
        self.bits = input_bits  # of what the next layer sees
        self.first = True
        self.flat = len(self.shape) == 1

    def layers(self) -> Iterator[Layer]:
        while self.leaves:
            leaf = self.leaves.pop(0)
            kind = type(leaf.module)
            if kind is nn.Flatten:
                self._flatten(leaf)
            elif kind is nn.MaxPool2d:
                yield self._passed(leaf, self._pool(leaf))
            elif kind in (BinaryConv2d, BinaryLinear):
                yield self._passed(leaf, self._binary(leaf))
            elif kind in (nn.BatchNorm1d, nn.BatchNorm2d, Sign, Scale):
                raise leaf.refusal("does not stand behind a binary layer as it should")
            else:
                raise leaf.refusal("no binary network can compute this")

    def _passed(self, leaf: Leaf, layer: Layer) -> Layer:
        try:
            self.shape = layer.output_shape(self.shape)
        except NetworkError as error:
            raise leaf.refusal(str(error)) from error
        self.first, self.bits, self.flat = False, 1, len(self.shape) == 1
        return layer

    def _flatten(self, leaf: Leaf) -> None:
        assert isinstance(leaf.module, nn.Flatten)
        if (leaf.module.start_dim, leaf.module.end_dim) != (1, -1):
            raise leaf.refusal("must flatten all but the batch: start_dim=1, end_dim=-1")
        values = math.prod(self.shape)
        if leaf.features not in (None, values):
            raise leaf.refusal(f"makes rows of {leaf.features} values, but {self.shape} comes in")
        self.flat = True

    def _pool(self, leaf: Leaf) -> MaxPool2d:
        pool = leaf.module
        assert isinstance(pool, nn.MaxPool2d)
        if self.first or self.flat:
            raise leaf.refusal("pools bits: it must stand behind a convolution's Sign")
        for name, wanted in ("padding", 0), ("dilation", 1), ("ceil_mode", False):
            if _pair(getattr(pool, name)) != _pair(wanted):
                raise leaf.refusal(f"{name} must be {wanted}, not {getattr(pool, name)}")
        if pool.return_indices:
            raise leaf.refusal("return_indices must be False")
        return MaxPool2d(_pair(pool.kernel_size), _pair(pool.stride))

    def _binary(self, leaf: Leaf) -> Layer:
        layer = leaf.module
        assert isinstance(layer, BinaryConv2d | BinaryLinear)
        self._check(leaf)
        ones = (sign(layer.weight.detach()) > 0).cpu().numpy()
        weight = self._columns(leaf, ones) if ones.ndim == 2 else ones.transpose(0, 2, 3, 1)
        reach = ((1 << self.bits) - 1) * weight[0].size
        if reach >= _INEXACT:
            raise leaf.refusal(f"its sums reach {reach}, too large to be exact in float32")
        if isinstance(layer, BinaryLinear) and self._is_last():
            self.leaves.clear()
            return Linear(weight, None)
        threshold, flipped = thresholds(self._norm(leaf, len(weight)), reach)
        weight = weight ^ flipped.reshape(-1, *[1] * (weight.ndim - 1))
        if isinstance(layer, BinaryLinear):
            return Linear(weight, threshold)
        return Conv2d(weight, threshold, layer.stride, layer.padding, layer.pad_value)

    def _check(self, leaf: Leaf) -> None:
        _check_floats(leaf)
        bits = leaf.module.input_bits
        accepted = (None,) if not self.first else (None, 1) if self.bits == 1 else (self.bits,)
        if bits not in accepted:
            wanted = " or ".join(map(str, accepted))
            raise leaf.refusal(f"input_bits must be {wanted} here, not {bits}")
        if isinstance(leaf.module, BinaryConv2d) and self.flat:
            raise leaf.refusal("needs images (N, C, H, W), not a flat input")
        if isinstance(leaf.module, BinaryLinear) and not self.flat:
            raise leaf.refusal(f"needs an nn.Flatten before it: its input is {self.shape}")

    def _columns(self, leaf: Leaf, weight: np.ndarray) -> np.ndarray:
        """Columns in the order (h, w, c) of a Network; torch flattens (c, h, w)."""
        if len(self.shape) == 1:
            return weight
        height, width, channels = self.shape
        if weight.shape[1] != height * width * channels:
            raise leaf.refusal(f"has {weight.shape[1]} inputs, but {self.shape} comes in")
        images = weight.reshape(-1, channels, height, width)
        return images.transpose(0, 2, 3, 1).reshape(len(weight), -1)

    def _is_last(self) -> bool:
        return [type(leaf.module) for leaf in self.leaves] in ([], [Scale])

    def _norm(self, leaf: Leaf, outputs: int) -> nn.BatchNorm1d | nn.BatchNorm2d:
        """Take the batch norm and the sign that must follow a binary layer."""
        kind = nn.BatchNorm2d if isinstance(leaf.module, BinaryConv2d) else nn.BatchNorm1d
        norm = self._next(leaf, kind)
        self._next(norm, Sign)
        assert isinstance(norm.module, nn.BatchNorm1d | nn.BatchNorm2d)
        if norm.module.running_mean is None:
            raise norm.refusal("has no running statistics: track_running_stats must be True")
        if norm.module.num_features != outputs:
            raise norm.refusal(f"has {norm.module.num_features} features behind {outputs} outputs")
        _check_floats(norm)
        # An infinite factor makes some sums NaN, whose sign torch leaves open.
        if not normalized(norm.module, torch.zeros_like(norm.module.running_mean)).isfinite().all():
            raise norm.refusal("weight / sqrt(running_var + eps) is too large for float32")
        return norm.module

    def _next(self, leaf: Leaf, kind: type[nn.Module]) -> Leaf:
        if not self.leaves or type(self.leaves[0].module) is not kind:
            found = self.leaves[0].name if self.leaves else "the end"
            raise leaf.refusal(f"must be followed by {kind.__name__}, not by {found}")
        return self.leaves.pop(0)


def _check_floats(leaf: Leaf) -> None:
    for name, value in leaf.module.state_dict().items():
        if value.is_floating_point() and value.dtype != torch.float32:
            raise leaf.refusal(f"{name} must be float32, not {value.dtype}")
        if not value.isfinite().all():
            raise leaf.refusal(f"{name} has values that are not finite")


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    return rows, columns
