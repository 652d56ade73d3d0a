"""Convolutions on packed words: mismatches are counted by XOR and popcount.

With m = Σ_n 2^n · popcount(x_n XOR w) over the bit planes n of the input, a = L·K − 2·m, so that
a ≥ T is m ≤ ⌊(L·K − T) / 2⌋. Bits are packed along the channels, one or more words of 32 for each
pixel; the zeros that fill the last word meet zeros in the weights and never mismatch. Levels above
a bit stay integers x: m = L·|w| + Σ (1 − 2w)·x. A Linear layer is a convolution whose kernel covers
its input. A pool is done while the bits that it takes are in the cache.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from bitlight import bits
from bitlight.kernels.compiled import compiled
from bitlight.kernels.threads import parallel, threads
from bitlight.kernels.tile import OUTPUTS, tile
from bitlight.network.layers import Conv2d, Linear, MaxPool2d
from bitlight.network.values import Levels, Shape, Value

WINDOWS = 8  # of one tile: with 32 outputs, their sums just fit into the registers
TASK = 64  # windows, at least, for which a thread reads the weights once
NO_POOL = MaxPool2d((1, 1))
SLACK = 3  # bytes behind the pixels that the last word of a window may reach into


class Laid(NamedTuple):
    """Images as the loops take them.

    Attributes
    ----------
    x : array, shape (N, words of an image)
    start : int64 array, where the windows of `share` images begin, in bytes
    step : int64 array, where the words of a window are behind its start
    share : int
        Images for which a thread reads the weights once.
    size : (rows, columns) of windows
    """

    x: np.ndarray
    start: np.ndarray
    step: np.ndarray
    share: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Convolution:
    """One Conv2d or Linear, prepared, and the pool behind it."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    pad: np.ndarray  # one pixel as it stands outside the image
    weight: np.ndarray  # (blocks, T, 32) words of bits, or (blocks, T, 32, 4) signs
    limit: np.ndarray  # (blocks, 32): most that may be counted for a 1
    score: np.ndarray | None  # (out,): a score is this − 2 · what is counted
    pool: MaxPool2d = NO_POOL

    def lay(self, x: np.ndarray) -> "Laid":
        """(N, H, W, words) of packed pixels, or (N, H, W, C) values, as the loops take them."""
        x = self._padded(x)
        n, height, width, depth = x.shape
        pixel = depth * x.itemsize
        line = width * pixel
        rows = np.arange(0, height - self.kernel[0] + 1, self.stride[0])
        columns = np.arange(0, width - self.kernel[1] + 1, self.stride[1])
        window = np.add.outer(rows * line, columns * pixel).ravel()
        words = np.arange(0, self.kernel[1] * pixel, 4)
        step = np.add.outer(np.arange(self.kernel[0]) * line, words).ravel()
        share = min(-(-TASK // window.size), -(-n // threads()))
        start = np.add.outer(np.arange(share) * (height * line), window).ravel()
        return Laid(x.reshape(n, -1), start, step, share, (rows.size, columns.size))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, H, W, words) of packed pixels, or (N, H, W, C) values, to packed bits or scores."""
        x, start, step, share, size = self.lay(x)
        n, windows = len(x), size[0] * size[1]
        given = x, start, step, self.weight, self.limit, share
        if self.score is not None:
            counts = np.empty((n * windows, len(self.weight), OUTPUTS), np.int32)
            _count(*given, counts)
            sums = self.score - 2 * counts.reshape(len(counts), -1)[:, : self.score.size]
            return sums.reshape(n, *size, -1)
        pooled = self.pool.output_shape((*size, len(self.weight)))
        fired = np.empty((n, *pooled), np.uint32)
        _fire(*given, size, self.pool.kernel, self.pool.stride, fired)
        return fired

    def _padded(self, x: np.ndarray) -> np.ndarray:
        """The image with its border; pixels with room behind the last of them."""
        rows, columns = self.padding
        n, height, width, depth = x.shape
        shape = (n, height + 2 * rows, width + 2 * columns, depth)
        if x.dtype == np.uint8:
            padded = np.empty(math.prod(shape) + SLACK, np.uint8)[:-SLACK].reshape(shape)
        elif rows or columns:
            padded = np.empty(shape, x.dtype)
        else:
            return x
        if rows or columns:
            padded[:] = self.pad
        padded[:, rows : rows + height, columns : columns + width] = x
        return padded


@dataclass(frozen=True)
class Pooling:
    """OR over windows of packed pixels that no convolution has just given."""

    pool: MaxPool2d

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, H, W, words) to the same of the windows."""
        out = np.empty((len(x), *self.pool.output_shape(x.shape[1:])), np.uint32)
        _or(x, self.pool.kernel, self.pool.stride, out)
        return out


class Window(NamedTuple):
    """The geometry of a convolution, and its weights (out, kh, kw, C)."""

    weight: np.ndarray
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    pad_value: int = 0


def convolution(layer: Conv2d, given: Value) -> Convolution:
    """A Conv2d, prepared."""
    window = Window(layer.weight, layer.kernel, layer.stride, layer.padding, layer.pad_value)
    return _prepare(window, layer, given.levels)


def connection(layer: Linear, given: Value) -> Convolution:
    """A Linear, prepared as a convolution whose kernel covers its input."""
    height, width, channels = three(given.shape)
    weight = layer.weight.reshape(-1, height, width, channels)
    return _prepare(Window(weight, (height, width)), layer, given.levels)


def _prepare(window: Window, layer: Conv2d | Linear, levels: Levels) -> Convolution:
    weight, kernel, stride, padding, pad_value = window
    depth, reach = levels.bits, levels.top * layer.fan_in
    pixel = np.full(weight.shape[3], pad_value, np.uint8)
    outputs = len(weight)
    constant = np.zeros(outputs, np.int64)
    if depth == 1:
        words, pad = bits.pack_words(weight).reshape(outputs, -1), bits.pack_words(pixel)
    else:
        words, pad = _signs(weight), pixel
        constant = levels.top * weight.reshape(outputs, -1).sum(axis=1, dtype=np.int64)
    limit, score = np.full(outputs, -1), None
    if layer.threshold is None or layer.threshold.ndim == 2:  # which is compared with the sums
        score = (reach - 2 * constant).astype(np.int32)
    else:
        limit = ((reach - layer.threshold.astype(np.int64)) // 2).clip(-1, reach) - constant
    blocks = -(-outputs // OUTPUTS)
    spare = [(0, blocks * OUTPUTS - outputs)]
    words = np.pad(words, spare + [(0, 0)] * (words.ndim - 1))
    weights = words.reshape(blocks, OUTPUTS, *words.shape[1:]).swapaxes(1, 2)
    limits = np.pad(limit, spare, constant_values=-1).astype(np.int32)
    return Convolution(
        kernel,
        stride,
        padding,
        pad,
        np.ascontiguousarray(weights),
        limits.reshape(blocks, OUTPUTS),
        score,
    )


def _signs(weight: np.ndarray) -> np.ndarray:
    """Weights (out, kh, kw, C) as signs 1 − 2w in words of four: int8 (out, T, 4)."""
    rows = (1 - 2 * weight.astype(np.int8)).reshape(*weight.shape[:2], -1)
    rows = np.pad(rows, [(0, 0), (0, 0), (0, -rows.shape[2] % 4)])
    return rows.reshape(len(weight), -1, 4)


def three(shape: Shape) -> Shape:
    """(H, W, C) of a shape that may be flat."""
    return shape if len(shape) == 3 else (1, 1, *shape)


@compiled(keep=False, inline="always")
def _tiles(x, start, step, weight, limit, windows, out):
    """All outputs of the first windows, block after block."""
    full = windows - windows % WINDOWS
    for block in range(len(weight)):
        w, most = weight[block], limit[block]
        for first in range(0, full, WINDOWS):
            tile(x, start[first:], step, w, most, out[first:, block], WINDOWS)  # type: ignore[call-arg]
        for first in range(full, windows):
            tile(x, start[first:], step, w, most, out[first:, block], 1)  # type: ignore[call-arg]


@parallel
def _count(x, start, step, weight, limit, share, out):
    """What is counted for each output: x (N, words of an image) to out (N·windows, blocks, 32)."""
    windows = start.size // share
    for task in numba.prange(-(-len(x) // share)):
        first = task * share
        images = min(share, len(x) - first)
        _tiles(x[first:], start, step, weight, limit, images * windows, out[first * windows :])


@parallel
def _fire(x, start, step, weight, limit, share, size, kernel, stride, out):
    """Bits of each output, pooled: x (N, words of an image) to out (N, rows, columns, blocks)."""
    rows, columns = size
    windows = rows * columns
    pools = kernel != (1, 1) or stride != (1, 1)
    blocks = len(weight)
    for task in numba.prange(-(-len(x) // share)):
        first = task * share
        images = min(share, len(x) - first)
        if pools:
            fired = np.empty((images, rows, columns, blocks), np.uint32)
        else:
            fired = out[first : first + images]
        flat = fired.reshape(images * windows, blocks)
        _tiles(x[first:], start, step, weight, limit, images * windows, flat)
        if pools:
            _or(fired, kernel, stride, out[first : first + images])


@compiled(nogil=True)
def _or(x, kernel, stride, out):
    """OR over windows: x (N, H, W, words) to out (N, rows, columns, words)."""
    for n in range(out.shape[0]):
        for row in range(out.shape[1]):
            for column in range(out.shape[2]):
                top, left = row * stride[0], column * stride[1]
                for word in range(out.shape[3]):
                    found = np.uint32(0)
                    for y in range(top, top + kernel[0]):
                        for z in range(left, left + kernel[1]):
                            found |= x[n, y, z, word]
                    out[n, row, column, word] = found
