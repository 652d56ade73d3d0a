"""The golden model in plain NumPy: it reads like the arithmetic and is the oracle of all else."""

import math
from collections.abc import Callable

import numpy as np

from bitlight.network.graph import INPUT, Graph
from bitlight.network.layers import BIT, Conv2d, Linear, MaxPool2d
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
    return (np.concatenate(sums, axis=1) >= layer.threshold).astype(np.uint8)


def multiply(layer: Linear, given: Value, x: np.ndarray) -> np.ndarray:
    """a = Σ w·x, then a ≥ threshold, or a itself. uint8 (N, …) to uint8 0/1 or int32."""
    a = signed(x.reshape(len(x), -1), given.levels) @ signed(layer.weight).T
    if layer.threshold is None:
        return a.astype(np.int32)
    return (a >= layer.threshold).astype(np.uint8)


def pool(layer: MaxPool2d, given: Value, x: np.ndarray) -> np.ndarray:
    """OR over each window. uint8 0/1 (N, H, W, C) to uint8 0/1."""
    assert layer.stride is not None
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
    return windows[:, :: layer.stride[0], :: layer.stride[1]].max(axis=(-2, -1))


# What each type of layer computes: from the layer, what is said of each value that it takes, and
# the values.
READINGS: dict[type, Callable[..., np.ndarray]] = {
    Conv2d: convolve,
    Linear: multiply,
    MaxPool2d: pool,
}
