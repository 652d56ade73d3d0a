"""The packed golden model of any graph, node by node.

Bits are words of 32 along the channels, levels uint8, integers int32, all (N, H, W, …). What is
done to levels and integers goes through memory once, on all threads.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np

from bitlight import bits
from bitlight.kernels.threads import parallel
from bitlight.network.golden.convolution import Convolution, Pooling, connection, convolution, three
from bitlight.network.golden.fusion import find_runs, fuse
from bitlight.network.graph import INPUT, Graph, Node
from bitlight.network.layers import (
    BIT,
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
from bitlight.network.values import Levels, Value

Compute = Callable[..., np.ndarray]


def compute(net: Graph, x: np.ndarray) -> np.ndarray:
    """Output of the whole graph for a batch of checked images; see `Network.forward`."""
    for _, given in _computed(net, x, _stages(net)):
        found = given
    return _plain(net.output, found).reshape(len(x), -1)


def trace(net: Graph, x: np.ndarray) -> Iterator[tuple[Node, np.ndarray]]:
    """Each node, and what it gives for a batch of checked images, (N, elements)."""
    nodes = {node.name: node for node in net.nodes}
    for name, found in _computed(net, x, _steps(net)):
        yield nodes[name], _plain(nodes[name].value, found).reshape(len(x), -1)


class Stage(NamedTuple):
    """Names of what is computed and taken, and how."""

    gives: tuple[str, ...]
    takes: tuple[str, ...]
    step: Callable[..., Any]


def _computed(
    net: Graph, x: np.ndarray, stages: tuple[Stage, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    x = x.reshape(len(x), *three(net.input_shape))
    known = {INPUT: bits.pack_words(x) if net.input.kind == BIT else x}
    needed = {name: index for index, stage in enumerate(stages) for name in stage.takes}
    for index, (gives, takes, step) in enumerate(stages):
        found = step(*(known[name] for name in takes))
        values = found if isinstance(found, tuple) else (found,)
        for name, value in zip(gives, values, strict=True):
            known[name] = value
            yield name, value
        for name in takes:  # what nothing takes any more
            if needed[name] == index:
                known.pop(name, None)


@lru_cache(maxsize=16)
def _steps(net: Graph) -> tuple[Stage, ...]:
    """A stage for each node."""
    return tuple(_step(net, node) for node in net.nodes)


def _step(net: Graph, node: Node) -> Stage:
    given = (net.value(name) for name in node.inputs)
    return Stage((node.name,), node.inputs, STEPS[type(node.layer)](node.layer, *given))


@lru_cache(maxsize=16)
def _stages(net: Graph) -> tuple[Stage, ...]:
    """Runs of nodes in one pass, and a stage for each of the others."""
    runs = find_runs(net)
    within = {name for run in runs.values() for name in run.names}
    stages = []
    for node in net.nodes:
        if node.name in runs:
            run = runs[node.name]
            prepared = None
            if isinstance(node.layer, Conv2d):
                prepared = convolution(node.layer, net.value(node.inputs[0]))
            stages.append(Stage(run.gives, run.takes, fuse(net, run, prepared)))
        elif node.name not in within:
            stages.append(_step(net, node))
    return tuple(stages)


def _plain(value: Value, x: np.ndarray) -> np.ndarray:
    """Bits unpacked; all else as it is."""
    return bits.unpack_words(x, value.channels) if value.kind == BIT else x


def _sums(prepared: Convolution, threshold: np.ndarray | None) -> Compute:
    """Convolutions whose bits come packed, or whose sums are given or compared."""
    if threshold is None or threshold.ndim == 1:
        return prepared
    compare = _levels(threshold)
    return lambda x: compare(prepared(x))


def _levels(threshold: np.ndarray) -> Compute:
    rows = np.ascontiguousarray(threshold.reshape(len(threshold), -1))
    to_bits = threshold.ndim == 1

    def compare(x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, np.uint8)
        _count_reached(x.reshape(-1, x.shape[-1]), rows, out.reshape(-1, x.shape[-1]))
        return bits.pack_words(out) if to_bits else out

    return compare


def _pool(layer: MaxPool2d, given: Value) -> Compute:
    if given.kind == BIT:
        return Pooling(layer)
    assert layer.stride is not None
    down, across = layer.stride

    def pool(x: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
        return windows[:, ::down, ::across].max(axis=(-2, -1))

    return pool


def _add_up(layer: SumPool2d, given: Value) -> Compute:
    kernel, (down, across) = layer.window(given.shape)
    factor, less = _stands_for(given)

    def add_up(x: np.ndarray) -> np.ndarray:
        x = _plain(given, x)
        out = np.empty((len(x), *layer.output_shape(x.shape[1:])), np.int32)
        _add_windows(x, kernel, (down, across), out)
        return out if not less else factor * out - np.int32(less * kernel[0] * kernel[1])

    return add_up


def _stands_for(given: Value) -> tuple[np.int32, int]:
    """Factor and what is subtracted, from a level to what it stands for."""
    return (np.int32(2), given.kind.top) if isinstance(given.kind, Levels) else (np.int32(1), 0)


def _affine(layer: Affine, given: Value) -> Compute:
    factor, less = _stands_for(given)
    # Of a level x, m·(2x − top) + β is 2m·x + (β − m·top).
    multiplier = layer.multiplier.astype(np.int64)
    offset = layer.offset - multiplier * less
    multiplier = multiplier * int(factor)

    def scale(x: np.ndarray) -> np.ndarray:
        x = _plain(given, x)
        out = np.empty(x.shape, np.int32)
        rows = x.reshape(-1, x.shape[-1]), out.reshape(-1, x.shape[-1])
        _scale(rows[0], multiplier, offset, layer.shift, layer.low, layer.high, rows[1])
        return out

    return scale


def _prelu(layer: PReLU, given: Value) -> Compute:
    parts = [part.astype(np.int64) for part in (layer.slope, layer.before, layer.after)]

    def rectify(x: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, np.int32)
        _rectify(x.reshape(-1, x.shape[-1]), *parts, layer.shift, out.reshape(-1, x.shape[-1]))
        return out

    return rectify


def _add(layer: Add, *given: Value) -> Compute:
    def add(*values: np.ndarray) -> np.ndarray:
        total = values[0].ravel()
        for further in values[1:-1]:
            total = total.astype(np.int64) + further.ravel()
        out = np.empty(total.shape, np.int32)
        _add_clipped(total, values[-1].ravel(), layer.low, layer.high, out)
        return out.reshape(values[0].shape)

    return add


def _concat(layer: Concat, *given: Value) -> Compute:
    if given[0].kind != BIT or all(value.channels % 32 == 0 for value in given):
        return lambda *values: np.concatenate(values, axis=-1)

    def join(*values: np.ndarray) -> np.ndarray:
        parts = [_plain(value, x) for value, x in zip(given, values, strict=True)]
        return bits.pack_words(np.concatenate(parts, axis=-1))

    return join


# How each type of layer is computed, from it and what is said of each value that it takes.
STEPS: dict[type, Callable[..., Compute]] = {
    Conv2d: lambda layer, given: _sums(convolution(layer, given), layer.threshold),
    Linear: lambda layer, given: _sums(connection(layer, given), layer.threshold),
    MaxPool2d: _pool,
    SumPool2d: _add_up,
    Threshold: lambda layer, given: _levels(layer.threshold),
    Affine: _affine,
    PReLU: _prelu,
    Add: _add,
    Concat: _concat,
}


@parallel
def _add_windows(x, kernel, stride, out):
    """Sums over windows: x (N, H, W, C) to out (N, rows, columns, C)."""
    rows, columns, channels = out.shape[1:]
    for task in numba.prange(len(out) * rows):
        n, row = task // rows, task % rows
        for column in range(columns):
            total = np.zeros(channels, np.int32)
            for y in range(kernel[0]):
                for z in range(kernel[1]):
                    taken = x[n, row * stride[0] + y, column * stride[1] + z]
                    for channel in range(channels):
                        total[channel] += taken[channel]
            out[n, row, column] = total


@parallel
def _count_reached(x, thresholds, out):
    """How many thresholds of its channel each integer reaches: x (M, C) to out (M, C)."""
    for row in numba.prange(len(x)):
        for channel in range(x.shape[1]):
            value, reached = x[row, channel], 0
            for threshold in thresholds[channel]:
                reached += value >= threshold
            out[row, channel] = reached


@parallel
def _scale(x, multiplier, offset, shift, low, high, out):
    """clip((m·x + β) >> shift, low, high) for each channel: x (M, C) to out (M, C)."""
    for row in numba.prange(len(x)):
        for channel in range(x.shape[1]):
            y = (multiplier[channel] * np.int64(x[row, channel]) + offset[channel]) >> shift
            out[row, channel] = min(max(y, low), high)


@parallel
def _rectify(x, slope, before, after, shift, out):
    """PReLU for each channel: x (M, C) to out (M, C)."""
    for row in numba.prange(len(x)):
        for channel in range(x.shape[1]):
            v = np.int64(x[row, channel]) + before[channel]
            if v < 0:
                v = (slope[channel] * v) >> shift
            out[row, channel] = v + after[channel]


@parallel
def _add_clipped(a, b, low, high, out):
    """clip(a + b, low, high), element by element."""
    for i in numba.prange(len(out)):
        out[i] = min(max(np.int64(a[i]) + np.int64(b[i]), low), high)
