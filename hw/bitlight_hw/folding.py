"""Folding: how many rows (PE) and columns (SIMD) of each weight matrix work in one cycle.

A layer of MH outputs and MW inputs takes (MH/PE)·(MW/SIMD)·OH·OW cycles per image, as in FINN
(Umuroglu et al., FPGA 2017, section 4).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bitlight import Conv2d, FoldingError, MaxPool2d, Network

Folding = list[tuple[int, int]]

# Cost of the folding that is chosen when nothing is asked for: a small FPGA's worth of lanes.
DEFAULT_COST = 4096


def fold(
    net: Network,
    cycles: int | None = None,
    luts: int | None = None,
    *,
    target: str = "xc7",
    blocks: int | None = None,
) -> Folding:
    """Choose a folding.

    Parameters
    ----------
    net : Network
    cycles : int, optional
        The interval to reach, in cycles per image.
    luts : int, optional
        The look-up tables that the accelerator may take, as logic and as memory, as
        `Accelerator.estimate(target)` predicts them. The folding is then the fastest that fits, and
        of those the one of the fewest tables; with `cycles` too, it must also reach these.
    target : str
        Whose tables these are: a family, or a part, into which the folding must fit, too.
    blocks : int, optional
        With `luts`, the smallest block RAMs that it may take; no more than a part has.

    Returns
    -------
    list of (PE, SIMD), one for each Conv2d and Linear. Without `luts` the cheapest that reach the
        interval: the cost is that of `layer_cost`, PE·SIMD XNOR lanes, and the bits of a window for
        each layer whose SIMD does not divide its channels. With neither, the interval is the
        shortest that a cost of 4,096 can have.

    Raises
    ------
    FoldingError
        If no folding is that fast, or that small.

    Examples
    --------
    >>> from bitlight import Linear
    >>> weight = np.ones((8, 16), dtype=bool)
    >>> fold(Network((16,), 1, [Linear(weight, np.zeros(8, dtype=np.int32))]), cycles=32)
    [(1, 4)]
    """
    if luts is not None:
        return _within(net, cycles, luts, target, blocks)
    if cycles is None:
        return next(_fastest(net, lambda folding: _cost(net, folding) <= DEFAULT_COST))
    fastest = minimum_cycles(net)
    if cycles < fastest:
        raise FoldingError(
            f"no folding reaches {cycles} cycles per image, the fastest is {fastest}"
        )
    return [_smallest(net, index, cycles) for index in computing(net)]


def computing(net: Network) -> list[int]:
    """Indices of the layers that have a folding: Conv2d and Linear."""
    return [index for index, layer in enumerate(net.layers) if not isinstance(layer, MaxPool2d)]


def check(net: Network, folding: Any) -> Folding:
    """The folding as a list of pairs, or FoldingError with what is wrong."""
    layers = computing(net)
    if not isinstance(folding, Sequence) or len(folding) != len(layers):
        raise FoldingError(
            f"folding must have {len(layers)} pairs (PE, SIMD), one for each Conv2d and Linear, "
            f"not {folding!r}"
        )
    for index, pair in zip(layers, folding, strict=True):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise FoldingError(f"layer {index}: folding must be (PE, SIMD), not {pair!r}")
        outputs, fan_in = _matrix(net, index)
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
    outputs, fan_in = _matrix(net, index)
    return (outputs // pe) * (fan_in // simd) * _windows(net, index)


def layer_interval(net: Network, index: int, pe: int, simd: int) -> int:
    """Cycles per image of one layer, or the words that its buffer takes where these are more."""
    shape, layer = net.shapes[index], net.layers[index]
    if not isinstance(layer, Conv2d):
        return layer_cycles(net, index, pe, simd)
    rows, columns = (n + 2 * p for n, p in zip(shape, layer.padding, strict=False))
    inner = shape[2] // simd if shape[2] % simd == 0 else 1
    return max(layer_cycles(net, index, pe, simd), rows * columns * inner)


def layer_cost(net: Network, index: int, pe: int, simd: int) -> int:
    """XNOR lanes of one layer, and the bits of a window where it must be held in registers."""
    sliding = _windows(net, index) > 1 and net.shapes[index][-1] % simd
    return pe * simd + (net.depth(index) * _matrix(net, index)[1] if sliding else 0)


def minimum_cycles(net: Network) -> int:
    """The interval of the widest folding: the beats that its streams still carry."""
    from bitlight_hw.chain import Chain

    return max(Chain.of(net, [_matrix(net, index) for index in computing(net)]).stream_beats)


def slowest_layer(net: Network, folding: Folding) -> int:
    """The most cycles per image that a layer takes."""
    return max((layer_cycles(net, *choice) for choice in _numbered(net, folding)), default=1)


def _matrix(net: Network, index: int) -> tuple[int, int]:
    layer = net.layers[index]
    assert not isinstance(layer, MaxPool2d)
    return len(layer.weight), layer.fan_in


def _windows(net: Network, index: int) -> int:
    shape = net.shapes[index + 1]
    return shape[0] * shape[1] if len(shape) == 3 else 1


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def choices(net: Network, index: int) -> Iterator[tuple[int, int]]:
    """Every (PE, SIMD) of a layer."""
    outputs, fan_in = _matrix(net, index)
    for pe in _divisors(outputs):
        for simd in _divisors(fan_in):
            yield pe, simd


def _smallest(net: Network, index: int, cycles: int) -> tuple[int, int]:
    """The cheapest choice; of equals, the one with the fewest accumulators."""
    return min(
        (c for c in choices(net, index) if layer_interval(net, index, *c) <= cycles),
        key=lambda choice: (layer_cost(net, index, *choice), choice[0]),
    )


def _cost(net: Network, folding: Folding) -> int:
    return sum(layer_cost(net, *choice) for choice in _numbered(net, folding))


def _fastest(net: Network, fits: Callable[[Folding], bool]) -> Iterator[Folding]:
    """The folding of the shortest interval whose folding fits, then those of longer ones."""
    fastest = minimum_cycles(net)
    intervals = sorted(
        {
            max(fastest, layer_interval(net, index, *choice))
            for index in computing(net)
            for choice in choices(net, index)
        }
    )
    if not intervals:  # nothing but pools
        yield []
        return
    low, high = 0, len(intervals) - 1
    while low < high:
        middle = (low + high) // 2
        if fits(fold(net, intervals[middle])):
            high = middle
        else:
            low = middle + 1
    for interval in intervals[high:]:
        yield fold(net, interval)


def _within(
    net: Network, cycles: int | None, luts: int, target: str, blocks: int | None
) -> Folding:
    from bitlight_hw.parts import part
    from bitlight_hw.search import Budget, fastest

    found = part(target)
    limits = [limit for limit in (blocks, found.blocks) if limit is not None]
    budget = Budget(luts, min(limits, default=None), found.cells)
    return fastest(net, found.family, budget, cycles)


def _numbered(net: Network, folding: Folding) -> list[tuple[int, int, int]]:
    """(layer, PE, SIMD) of each pair."""
    return [(index, *pair) for index, pair in zip(computing(net), folding, strict=True)]
