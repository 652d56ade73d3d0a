"""The golden model on packed words: mismatches are counted by XOR and popcount.

With m = Σ_n 2^n · popcount(x_n XOR w) over the bit planes n of the input, a = (2^b − 1)·K − 2·m, so
that a ≥ T is m ≤ ⌊((2^b − 1)·K − T) / 2⌋. A Linear layer is a convolution whose kernel covers its
input. Bits are packed along the channels, one or more uint64 words for each pixel; the zeros that
fill the last word meet zeros in the weights and never mismatch. A pixel of b bits stays one integer
v: its share of m, summed over the planes, is v XOR (2^b − 1)·w.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload

from bitlight import bits
from bitlight.layers import Conv2d, Linear, MaxPool2d, Shape
from bitlight.network import Network

BATCH = 256


def forward(net: Network, x: np.ndarray) -> np.ndarray:
    """Output of the whole network for checked images; see `Network.forward`."""
    stages = _stages(net)
    out = np.empty((len(x), net.n_features), np.int32 if net.gives_scores else np.uint8)
    for start in range(0, len(x), BATCH):
        batch = x[start : start + BATCH]
        out[start : start + BATCH] = _batch(net, stages, batch)
    return out


def _batch(net: Network, stages: "tuple[Stage, ...]", x: np.ndarray) -> np.ndarray:
    shape = net.input_shape if len(net.input_shape) == 3 else (1, 1, *net.input_shape)
    x = np.ascontiguousarray(x).reshape(len(x), *shape)
    x = bits.pack_words(x) if net.input_bits == 1 else x
    for stage in stages:
        x = stage(x)
    if net.gives_scores:
        return x.reshape(len(x), -1)
    return bits.unpack_words(x, net.output_shape[-1]).reshape(len(x), -1)


@dataclass(frozen=True)
class Convolution:
    """One Conv2d or Linear, prepared: weights word by word, and the most mismatches for a 1."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    pad: np.ndarray  # one pixel as it stands outside the image
    words: np.ndarray  # (kh·kw·words of a pixel, out)
    limit: np.ndarray | None  # (out,); None: scores
    reach: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, H, W, words) of packed pixels, or pixel values, to packed bits or scores."""
        x = self._padded(x)
        n, height, width, depth = x.shape
        rows = (height - self.kernel[0]) // self.stride[0] + 1
        columns = (width - self.kernel[1]) // self.stride[1] + 1
        outputs = self.words.shape[1]
        lines = x.reshape(n, height, width * depth)
        across = self.stride[1] * depth
        run = self.kernel[1] * depth
        if self.limit is None:
            m = np.empty((n, rows, columns, outputs), np.int64)
            _count(lines, self.words, run, self.stride[0], across, m)
            return (self.reach - 2 * m).astype(np.int32)
        out = np.empty((n, rows, columns, -(-outputs // 64)), np.uint64)
        _fire(lines, self.words, self.limit, run, self.stride[0], across, out)
        return out

    def _padded(self, x: np.ndarray) -> np.ndarray:
        rows, columns = self.padding
        if not rows and not columns:
            return x
        n, height, width, depth = x.shape
        padded = np.empty((n, height + 2 * rows, width + 2 * columns, depth), x.dtype)
        padded[:] = self.pad
        padded[:, rows : rows + height, columns : columns + width] = x
        return padded


@dataclass(frozen=True)
class Pooling:
    """OR over windows of packed pixels."""

    layer: MaxPool2d

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, H, W, words) to the same of the windows."""
        assert self.layer.stride is not None
        (tall, wide), (down, across) = self.layer.kernel, self.layer.stride
        rows = (x.shape[1] - tall) // down + 1
        columns = (x.shape[2] - wide) // across + 1
        parts = [
            x[:, r : r + rows * down : down, c : c + columns * across : across]
            for r in range(tall)
            for c in range(wide)
        ]
        return np.bitwise_or.reduce([part[:, :rows, :columns] for part in parts])


Stage = Convolution | Pooling


@lru_cache(maxsize=16)
def _stages(net: Network) -> tuple[Stage, ...]:
    return tuple(
        Pooling(layer)
        if isinstance(layer, MaxPool2d)
        else _prepare(layer, net.shapes[index], net.depth(index), net.reach(index))
        for index, layer in enumerate(net.layers)
    )


def _prepare(layer: Conv2d | Linear, shape: Shape, depth: int, reach: int) -> Convolution:
    if isinstance(layer, Linear):
        height, width, channels = shape if len(shape) == 3 else (1, 1, *shape)
        weight = layer.weight.reshape(-1, height, width, channels)
        kernel, stride, padding, pad_value = (height, width), (1, 1), (0, 0), 0
    else:
        weight, kernel, channels = layer.weight, layer.kernel, layer.weight.shape[3]
        stride, padding, pad_value = layer.stride, layer.padding, layer.pad_value
    pixel = np.full(channels, pad_value, np.uint8)
    if depth == 1:
        words, pad = bits.pack_words(weight), bits.pack_words(pixel)
    else:
        words, pad = weight.astype(np.uint8) * np.uint8((1 << depth) - 1), pixel
    limit = None
    if layer.threshold is not None:
        limit = (reach - layer.threshold.astype(np.int64)) // 2
    columns = np.ascontiguousarray(words.reshape(len(words), -1).T)
    return Convolution(kernel, stride, padding, pad, columns, limit, reach)


@intrinsic
def _popcount(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _mismatches(x, w):
    """Share of m that one word has: its differing bits, or for one pixel its differing value."""


@overload(_mismatches, inline="always")
def _mismatches_of(x, w):
    if x.bitwidth == 64:
        return lambda x, w: np.int64(_popcount(x ^ w))  # type: ignore[call-arg]
    return lambda x, w: np.int64(x ^ w)


@numba.njit(inline="always")
def _window(m, lines, words, row, column, run):
    """Count into m (out,) the mismatches of the window whose first word is lines[row, column]."""
    m[:] = 0
    for t in range(words.shape[0]):
        x = lines[row + t // run, column + t % run]
        for o in range(words.shape[1]):
            m[o] += _mismatches(x, words[t, o])


@numba.njit(parallel=True, cache=True, nogil=True)
def _count(lines, words, run, down, across, out):
    """m of every window: lines (N, H, W·words) to out (N, OH, OW, outputs)."""
    for n in numba.prange(out.shape[0]):
        for row in range(out.shape[1]):
            for column in range(out.shape[2]):
                _window(out[n, row, column], lines[n], words, row * down, column * across, run)


@numba.njit(parallel=True, cache=True, nogil=True)
def _fire(lines, words, limit, run, down, across, out):
    """Bits m ≤ limit of every window: lines (N, H, W·words) to packed out (N, OH, OW, words)."""
    for n in numba.prange(out.shape[0]):
        m = np.empty(words.shape[1], np.int64)
        for row in range(out.shape[1]):
            for column in range(out.shape[2]):
                _window(m, lines[n], words, row * down, column * across, run)
                for word in range(out.shape[3]):
                    first = word * 64
                    fired = np.uint64(0)
                    for o in range(first, min(first + 64, m.size)):
                        fired |= np.uint64(m[o] <= limit[o]) << np.uint64(o - first)
                    out[n, row, column, word] = fired
