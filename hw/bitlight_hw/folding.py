"""Folding: how many rows (PE) and columns (SIMD) of each weight matrix work in one cycle.

A layer of MH outputs and MW inputs takes (MH/PE)·(MW/SIMD)·OH·OW cycles per image, as in FINN
(Umuroglu et al., FPGA 2017, section 4).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bitlight import Conv2d, FoldingError, Linear, Network

Folding = list[tuple[int, int]]
FOLDED = {Conv2d, Linear}  # the layers that have one


def folded_layers(net: Network) -> list[int]:
    """Indices of the layers that have a folding: Conv2d and Linear."""
    return [index for index, layer in enumerate(net.layers) if type(layer) in FOLDED]


def as_text(folding: Sequence[tuple[int, int]]) -> str:
    """A folding as `--folding` takes it.

    Examples
    --------
    >>> as_text([(16, 3), (32, 32)])
    '16,3/32,32'
    """
    return "/".join(f"{pe},{simd}" for pe, simd in folding)


def check(net: Network, folding: Any) -> Folding:
    """The folding as a list of pairs, or FoldingError with what is wrong."""
    layers = folded_layers(net)
    if not isinstance(folding, Sequence) or len(folding) != len(layers):
        raise FoldingError(
            f"folding must have {len(layers)} pairs (PE, SIMD), one for each Conv2d and Linear, "
            f"not {folding!r}"
        )
    for index, pair in zip(layers, folding, strict=True):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise FoldingError(f"layer {index}: folding must be (PE, SIMD), not {pair!r}")
        outputs, fan_in = matrix(net, index)
        for name, value, size, what in [
            ("PE", pair[0], outputs, "outputs"),
            ("SIMD", pair[1], fan_in, "inputs"),
        ]:
            if not isinstance(value, int | np.integer) or value < 1 or size % value:
                raise FoldingError(
                    f"layer {index}: {name} must divide {size} {what}, not {value!r}"
                )
    return [(int(pe), int(simd)) for pe, simd in folding]


def layer_cycles(net: Network, index: int, pe: int, simd: int) -> int:
    """Cycles per image of one layer: (MH/PE)·(MW/SIMD)·OH·OW."""
    outputs, fan_in = matrix(net, index)
    return (outputs // pe) * (fan_in // simd) * _windows(net, index)


def layer_interval(net: Network, index: int, pe: int, simd: int) -> int:
    """Cycles per image of one layer, or the words that its buffer takes where these are more."""
    shape, layer = net.takes(index).shape, net.layers[index]
    if not isinstance(layer, Conv2d):
        return layer_cycles(net, index, pe, simd)
    rows, columns = (n + 2 * p for n, p in zip(shape, layer.padding, strict=False))
    inner = shape[2] // simd if shape[2] % simd == 0 else 1
    return max(layer_cycles(net, index, pe, simd), rows * columns * inner)


def layer_cost(net: Network, index: int, pe: int, simd: int) -> int:
    """XNOR lanes of one layer, and the bits of a window that SIMD does not cut into whole parts.

    Such a window must be held in registers; where it is the only one, a pixel of it at a time, of
    which any part may be wanted.
    """
    lanes = pe * simd
    layer, channels = net.layers[index], net.takes(index).channels
    if not isinstance(layer, Conv2d) or channels % simd == 0:
        return lanes
    held = matrix(net, index)[1] if _windows(net, index) > 1 else channels
    return lanes + net.depth(index) * held


def slowest_layer(net: Network, folding: Folding) -> int:
    """The most cycles per image that a layer takes."""
    return max((layer_cycles(net, *choice) for choice in number_pairs(net, folding)), default=1)


def matrix(net: Network, index: int) -> tuple[int, int]:
    """Rows and columns of a layer's weights: its outputs, and the inputs of each."""
    layer = net.layers[index]
    assert isinstance(layer, Conv2d | Linear)
    return len(layer.weight), layer.fan_in


def _windows(net: Network, index: int) -> int:
    shape = net.shapes[index + 1]
    return shape[0] * shape[1] if len(shape) == 3 else 1


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def choices(net: Network, index: int) -> Iterator[tuple[int, int]]:
    """Every (PE, SIMD) of a layer."""
    outputs, fan_in = matrix(net, index)
    for pe in _divisors(outputs):
        for simd in _divisors(fan_in):
            yield pe, simd


def number_pairs(net: Network, folding: Folding) -> list[tuple[int, int, int]]:
    """(layer, PE, SIMD) of each pair."""
    return [(index, *pair) for index, pair in zip(folded_layers(net), folding, strict=True)]
