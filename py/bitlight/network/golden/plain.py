"""The golden model in plain NumPy: it reads like the arithmetic and is the oracle of all else."""

import math

import numpy as np

from bitlight.network.graph import Graph
from bitlight.network.layers import Conv2d, Linear, MaxPool2d

BATCH = 64
AT_ONCE = 1 << 24  # values of windows, side by side in memory


def forward(net: Graph, x: np.ndarray) -> np.ndarray:
    """Output of the whole network for checked images; see `Network.forward`."""
    if len(x) == 0:
        return np.zeros((0, net.n_features), np.int32 if net.gives_scores else np.uint8)
    batch = max(1, min(BATCH, AT_ONCE // max(map(math.prod, net.shapes))))
    return np.concatenate([_batch(net, x[n : n + batch]) for n in range(0, len(x), batch)])


def _batch(net: Graph, x: np.ndarray) -> np.ndarray:
    for index, layer in enumerate(net.layers):
        if isinstance(layer, Conv2d):
            x = convolve(layer, x, net.depth(index))
        elif isinstance(layer, Linear):
            x = multiply(layer, x.reshape(len(x), -1), net.depth(index))
        else:
            x = pool(layer, x)
    return x.reshape(len(x), -1)


def signed(x: np.ndarray, bits: int) -> np.ndarray:
    """Values of `bits` bits as odd integers: 2x − (2^b − 1); a bit becomes −1 or +1.

    In float64, whose matrix products are fast and exact for integers below 2^53.
    """
    return 2.0 * x - ((1 << bits) - 1)


def convolve(layer: Conv2d, x: np.ndarray, bits: int) -> np.ndarray:
    """a = Σ w·x over each window, then a ≥ threshold. uint8 (N, H, W, C) to uint8 0/1."""
    (rows, columns), (down, across) = layer.padding, layer.stride
    x = np.pad(
        x,
        [(0, 0), (rows, rows), (columns, columns), (0, 0)],
        constant_values=layer.pad_value,
    )
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
    windows = windows[:, ::down, ::across].transpose(0, 1, 2, 4, 5, 3)  # N, OH, OW, kh, kw, C
    weight = signed(layer.weight, 1).reshape(len(layer.weight), -1)
    pieces = min(windows.shape[1], -(-windows.size // AT_ONCE))
    sums = [
        signed(rows.reshape(*rows.shape[:3], -1), bits) @ weight.T
        for rows in np.array_split(windows, pieces, axis=1)
    ]
    return (np.concatenate(sums, axis=1) >= layer.threshold).astype(np.uint8)


def multiply(layer: Linear, x: np.ndarray, bits: int) -> np.ndarray:
    """a = Σ w·x, then a ≥ threshold, or a itself. uint8 (N, n) to uint8 0/1 or int32."""
    a = signed(x, bits) @ signed(layer.weight, 1).T
    if layer.threshold is None:
        return a.astype(np.int32)
    return (a >= layer.threshold).astype(np.uint8)


def pool(layer: MaxPool2d, x: np.ndarray) -> np.ndarray:
    """OR over each window. uint8 0/1 (N, H, W, C) to uint8 0/1."""
    assert layer.stride is not None
    windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel, axis=(1, 2))
    return windows[:, :: layer.stride[0], :: layer.stride[1]].max(axis=(-2, -1))
