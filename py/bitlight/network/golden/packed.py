"""The golden model on packed words: chains stage by stage, other graphs node by node.

Bits are words of 32 along the channels; see `convolution`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from bitlight import bits
from bitlight.network.golden import graphs
from bitlight.network.golden.convolution import (
    NO_POOL,
    Convolution,
    Pooling,
    connection,
    convolution,
    three,
)
from bitlight.network.graph import Graph
from bitlight.network.layers import Conv2d, Linear, MaxPool2d
from bitlight.network.values import Value

BATCH = 256


def forward(net: Graph, x: np.ndarray) -> np.ndarray:
    """Output of the whole network for checked images; see `Network.forward`."""
    out = np.empty((len(x), net.n_features), np.int32 if net.gives_scores else np.uint8)
    compute = _batch if net.is_binary_chain else graphs.compute
    for start in range(0, len(x), BATCH):
        out[start : start + BATCH] = compute(net, x[start : start + BATCH])
    return out


def _batch(net: Graph, x: np.ndarray) -> np.ndarray:
    for _, _, found in trace(net, x):
        x = found
    if net.gives_scores:
        return x.reshape(len(x), -1)
    return bits.unpack_words(x, net.output_shape[-1]).reshape(len(x), -1)


def trace(
    net: Graph, x: np.ndarray
) -> Iterator[tuple[Convolution | Pooling, np.ndarray, np.ndarray]]:
    """Each stage, what it is given for a batch of images, and what it gives."""
    x = x.reshape(len(x), *three(net.input_shape))
    x = bits.pack_words(x) if net.input_bits == 1 else x
    for stage in _stages(net):
        given, x = x, stage(x)
        yield stage, given, x


Stage = Convolution | Pooling


@lru_cache(maxsize=16)
def _stages(net: Graph) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for index, node in enumerate(net.nodes):
        PREPARED[type(node.layer)](stages, node.layer, net.takes(index))
    return tuple(stages)


def _pool(stages: list[Stage], layer: MaxPool2d, given: Value) -> None:
    """Into the convolution just before, whose bits are in the cache then; or a stage of its own."""
    if stages and isinstance(stages[-1], Convolution) and stages[-1].pool is NO_POOL:
        stages[-1] = replace(stages[-1], pool=layer)
    else:
        stages.append(Pooling(layer))


def _conv(stages: list[Stage], layer: Conv2d, given: Value) -> None:
    stages.append(convolution(layer, given))


def _linear(stages: list[Stage], layer: Linear, given: Value) -> None:
    stages.append(connection(layer, given))


PREPARED: dict[type, Callable[..., None]] = {Conv2d: _conv, Linear: _linear, MaxPool2d: _pool}
