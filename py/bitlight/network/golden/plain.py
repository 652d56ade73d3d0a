"""The golden model in plain NumPy: it reads like the arithmetic and is the oracle of all else."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bitlight.network.graph import INPUT, Graph
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

BATCH = 64
AT_ONCE = 1 << 24  # values of windows, side by side in memory


def forward(net: Graph, x: np.ndarray) -> np.ndarray:
    """Output of the whole network for checked images; see `Network.forward`."""
    if len(x) == 0:
        return np.zeros((0, net.n_features), np.int32 if net.gives_scores else np.uint8)
    batch = max(1, min(BATCH, AT_ONCE // sum(map(math.prod, net.shapes))))
    return np.concatenate([_batch(net, x[n : n + batch]) for n in range(0, len(x), batch)])


def _batch(net: Graph, x: np.ndarray) -> np.ndarray:
    known = {INPUT: x}
    for node in net.nodes:
        given = [net.value(name) for name in node.inputs]
        arrays = [known[name].reshape(len(x), *net.value(name).shape) for name in node.inputs]
        known[node.name] = READINGS[type(node.layer)](node.layer, *given, *arrays)
    return known[net.nodes[-1].name].reshape(len(x), -1)


def signed(x: np.ndarray, levels: Levels = BIT) -> np.ndarray:
    """What levels stand for: 2x − top; a bit becomes −1 or +1.

    In float64, whose matrix products are fast and exact for integers below 2^53.
    """
    return 2.0 * x - levels.top


def convolve(layer: Conv2d, given: Value, x: np.ndarray) -> np.ndarray:
    """a = Σ w·x over each window, then a ≥ threshold. uint8 (N, H, W, C) to uint8 0/1."""
    (rows, columns), (down, across) = layer.padding, layer.stride
    x = np.pad(
        x,
        [(0, 0), (rows, rows), (columns, columns), (0, 0)],
        constant_values=layer.pad_value,
    )
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
    windows = windows[:, ::down, ::across].transpose(0, 1, 2, 4, 5, 3)  # N, OH, OW, kh, kw, C
    weight = signed(layer.weight).reshape(len(layer.weight), -1)
    pieces = min(windows.shape[1], -(-windows.size // AT_ONCE))
    sums = [
        signed(rows.reshape(*rows.shape[:3], -1), given.levels) @ weight.T
        for rows in np.array_split(windows, pieces, axis=1)
    ]
    return levels(np.concatenate(sums, axis=1), layer.threshold)


def multiply(layer: Linear, given: Value, x: np.ndarray) -> np.ndarray:
    """a = Σ w·x, then a ≥ threshold, or a itself. uint8 (N, …) to uint8 0/1 or int32."""
    a = signed(x.reshape(len(x), -1), given.levels) @ signed(layer.weight).T
    return levels(a, layer.threshold)


def levels(a: np.ndarray, threshold: np.ndarray | None) -> np.ndarray:
    """Σ_k [a ≥ t_k] for each channel, uint8; a itself without thresholds, int32."""
    if threshold is None:
        return a.astype(np.int32)
    found = np.zeros(a.shape, np.uint8)
    for row in threshold.reshape(len(threshold), -1).T:
        found += a >= row
    return found


def pool(layer: MaxPool2d, given: Value, x: np.ndarray) -> np.ndarray:
    """The largest level of each window. uint8 (N, H, W, C) to uint8."""
    assert layer.stride is not None
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
    return windows[:, :: layer.stride[0], :: layer.stride[1]].max(axis=(-2, -1))


def add_up(layer: SumPool2d, given: Value, x: np.ndarray) -> np.ndarray:
    """Σ over each window, of integers or of what levels stand for. (N, H, W, C) to int32."""
    kernel, stride = layer.window(given.shape)
    windows = np.lib.stride_tricks.sliding_window_view(stand_for(given, x), kernel, axis=(1, 2))
    return windows[:, :: stride[0], :: stride[1]].sum(axis=(-2, -1)).astype(np.int32)


def stand_for(given: Value, x: np.ndarray) -> np.ndarray:
    """int64: 2x − top of levels, integers themselves."""
    wide = x.astype(np.int64)
    return 2 * wide - given.kind.top if isinstance(given.kind, Levels) else wide


def scale(layer: Affine, given: Value, x: np.ndarray) -> np.ndarray:
    """clip((m·x + β) >> shift, low, high), int32."""
    y = (layer.multiplier * stand_for(given, x) + layer.offset) >> layer.shift
    return y.clip(layer.low, layer.high).astype(np.int32)


def rectify(layer: PReLU, given: Value, x: np.ndarray) -> np.ndarray:
    """(v if v ≥ 0 else (p·v) >> shift) + ζ with v = x + γ, int32."""
    v = x.astype(np.int64) + layer.before
    return (np.where(v >= 0, v, (layer.slope * v) >> layer.shift) + layer.after).astype(np.int32)


def add(layer: Add, *given: Any) -> np.ndarray:
    """clip(Σ, low, high), int32."""
    total = np.sum([x.astype(np.int64) for x in given[len(given) // 2 :]], axis=0)
    return total.clip(layer.low, layer.high).astype(np.int32)


def join(layer: Concat, *given: Any) -> np.ndarray:
    """Side by side along the channels."""
    return np.concatenate(given[len(given) // 2 :], axis=-1)


# What each type of layer computes: from the layer, what is said of each value that it takes, and
# the values.
READINGS: dict[type, Callable[..., np.ndarray]] = {
    Conv2d: convolve,
    Linear: multiply,
    MaxPool2d: pool,
    SumPool2d: add_up,
    Threshold: lambda layer, given, x: levels(x, layer.threshold),
    Affine: scale,
    PReLU: rectify,
    Add: add,
    Concat: join,
}
