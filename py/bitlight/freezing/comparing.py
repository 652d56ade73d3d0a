"""Thresholds of sums and of integers, found by asking torch."""

from collections.abc import Callable

import numpy as np

from bitlight.freezing.edges import WIDE, Sums
from bitlight.network.bisection import find_thresholds
from bitlight.network.layers import Conv2d, Linear, Threshold
from bitlight.network.values import Value

Ask = Callable[[np.ndarray], np.ndarray]  # integers, one for each channel, to their levels


def folded(sums: Sums, value: Value, ask: Ask, top: int) -> Conv2d | Linear:
    """A binary layer with thresholds; its weights are turned over where levels fall."""
    threshold, flipped = _thresholds(ask, value.integers.high, value.channels, top)
    weight = sums.weight ^ flipped.reshape(-1, *[1] * (sums.weight.ndim - 1))
    return sums.make(weight, threshold)


def compared(value: Value, ask: Ask, top: int) -> tuple[Threshold, np.ndarray]:
    """Thresholds of integers, and the channels of which the negatives are compared."""
    kind = value.integers
    reach = kind.high - kind.low
    # A sum s stands for the integer low + (s + reach) / 2.
    threshold, flipped = _thresholds(
        lambda sums: ask((sums + reach) // 2 + kind.low), reach, value.channels, top
    )
    begin = np.where(flipped, -kind.high, kind.low).reshape(-1, *[1] * (threshold.ndim - 1))
    found = (threshold.astype(np.int64) + reach) // 2 + begin
    return Threshold(found.clip(*WIDE)), flipped


def _thresholds(ask: Ask, reach: int, channels: int, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds (C,) of a bit or (C, top) of levels, and where they fall."""
    found, flipped = [], np.zeros(channels, bool)
    for level in range(1, top + 1):
        reached, falling = find_thresholds(lambda sums: ask(sums) >= level, reach, channels)  # noqa: B023
        found.append(reached)
        flipped |= falling
    threshold = np.stack(found, axis=1)
    return (threshold[:, 0] if top == 1 else threshold), flipped
