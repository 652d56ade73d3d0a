"""Generated networks, foldings and images: small, of every shape that the arithmetic allows."""

import numpy as np
from hypothesis import strategies as st

from bitlight import Conv2d, Linear, MaxPool2d, Network, NetworkError
from bitlight_hw import Accelerator, Projection
from bitlight_hw.folding import Folding, folded_layers


def seeds() -> st.SearchStrategy[int]:
    """Seeds: shrinking toward 0 says nothing about size, but any failure is replayed exactly."""
    return st.integers(0, 2**32 - 1)


def draw_network(rng: np.random.Generator, depth: int = 4) -> Network:
    """A chain of one to `depth` layers of bits that fit one behind the other."""
    while True:
        bits = int(rng.choice([1, 1, 2, 3, 8]))
        if rng.random() < 0.25:
            shape: tuple[int, ...] = (int(rng.integers(1, 30)),)
        else:
            shape = tuple(map(int, (*rng.integers(1, 9, 2), rng.integers(1, 5))))
        layers: list[Conv2d | Linear | MaxPool2d] = []
        count = int(rng.integers(1, depth + 1))
        try:
            for index in range(count):
                net = Network(shape, bits, layers) if layers else None
                layers.append(_draw_layer(rng, net, shape, bits, last=index == count - 1))
            net = Network(shape, bits, layers)
        except NetworkError:  # a window that does not fit
            continue
        if net.is_binary_chain:  # no pool of pixels
            return net


def draw_bits_network(rng: np.random.Generator) -> Network:
    """One that gives bits."""
    while (net := draw_network(rng)).gives_scores:
        pass
    return net


def draw_projection(rng: np.random.Generator) -> Projection:
    """Of any features, folded as may be."""
    n_components = int(rng.integers(1, 17))
    return Projection(
        n_components,
        seed=int(rng.integers(1 << 32)),
        shift=int(rng.integers(5)),
        lanes=1 << int(rng.integers(6)),
        components=_divisor(rng, n_components),
    )


def _draw_layer(rng, net, shape, bits, *, last):
    current = net.output_shape if net else shape
    bits = 1 if net else bits
    kind = rng.choice(["conv", "conv", "pool", "linear"]) if len(current) == 3 else "linear"
    if kind == "pool":
        return MaxPool2d(tuple(rng.integers(1, 4, 2)), tuple(rng.integers(1, 4, 2)))
    outputs = int(rng.choice([1, 2, 3, 4, 6, 8]))
    if kind == "linear":
        weight = rng.random((outputs, int(np.prod(current)))) < 0.5
        scores = last and rng.random() < 0.5
        threshold = None if scores else _draw_threshold(rng, weight, bits)
        return Linear(weight, threshold)
    weight = rng.random((outputs, *rng.integers(1, 4, 2), current[2])) < 0.5
    return Conv2d(
        weight,
        _draw_threshold(rng, weight, bits),
        stride=tuple(rng.integers(1, 4, 2)),
        padding=tuple(rng.integers(0, 3, 2)),
        pad_value=int(rng.integers(0, 1 << bits)),
    )


def _draw_threshold(rng, weight, bits):
    """Mostly where sums lie, at times at or beyond the largest sum."""
    reach = weight[0].size * ((1 << bits) - 1)
    span = reach + 2 if rng.random() < 0.2 else reach // 3 + 1
    return rng.integers(-span, span + 1, len(weight))


def draw_images(rng: np.random.Generator, net: Network, count: int) -> np.ndarray:
    """Images of the full range, one of them all zero and one all at the top."""
    top = (1 << net.input_bits) - 1
    images = rng.integers(0, top + 1, (count, *net.input_shape), dtype=np.uint8)
    images[:1], images[1:2] = 0, top
    return images


def draw_folding(rng: np.random.Generator, net: Network) -> Folding:
    """Any PE and SIMD that divide."""
    folding = []
    for index in folded_layers(net):
        layer = net.layers[index]
        assert not isinstance(layer, MaxPool2d)
        folding.append((_divisor(rng, len(layer.weight)), _divisor(rng, layer.fan_in)))
    return folding


def draw_accelerator(
    rng: np.random.Generator, net: Network, projection: Projection | None = None
) -> Accelerator:
    """Any folding and any loop orders."""
    folding = draw_folding(rng, net)
    flows = [str(f) for f in rng.choice(["output", "input"], len(folding))]
    return Accelerator(net, folding, flows, projection)


def _divisor(rng: np.random.Generator, n: int) -> int:
    return int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))
