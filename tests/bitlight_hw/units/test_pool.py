"""Pools over windows of positions, `inner` beats at a time: OR, maximum, sum; and Centre."""

import numpy as np
import pytest
from streams import PAUSES, beats, check
from wired import Wired

from bitlight_hw.stages import Stage
from bitlight_hw.units import Centre, MaxPool, OrPool, SumPool
from bitlight_hw.units.window import ring

IMAGES = 4
# length, inner, kernel, stride, width
CASES = [
    pytest.param(7, 1, 3, 2, 5, id="overlapping"),
    pytest.param(8, 3, 3, 2, 4, id="overlapping, one position left over"),
    pytest.param(6, 2, 2, 2, 1, id="side by side"),
    pytest.param(7, 2, 2, 2, 3, id="side by side, one position left over"),
    pytest.param(5, 1, 1, 2, 4, id="kernel 1, stride 2"),
    pytest.param(6, 4, 1, 2, 4, id="kernel 1, stride 2, many beats"),
    pytest.param(9, 2, 2, 4, 6, id="stride beyond the kernel, positions left over"),
    pytest.param(6, 3, 4, 1, 6, id="every window overlaps three"),
    pytest.param(11, 2, 5, 3, 6, id="kernel no multiple of the stride"),
    pytest.param(3, 5, 3, 1, 2, id="one window"),
    pytest.param(5, 1, 3, 3, 2, id="one window, positions left over"),
    pytest.param(1, 2, 1, 1, 3, id="one position"),
]


def pooled(images, kernel, stride, reduce=np.bitwise_or.reduce):
    """(N, length, inner, …) -> (N, windows, inner, …)."""
    first = range(0, images.shape[1] - kernel + 1, stride)
    windows = [reduce(images[:, at : at + kernel], axis=1) for at in first]
    return np.stack(windows, axis=1)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("length", "inner", "kernel", "stride", "width"), CASES)
def test_gives_the_or_of_each_window(length, inner, kernel, stride, width, pauses):
    rng = np.random.default_rng(3)
    # AND of two keeps the bits sparse, so that an OR over a beat too many shows.
    images = np.bitwise_and(*rng.integers(0, 1 << width, (2, IMAGES, length, inner)))
    expected = pooled(images, kernel, stride).reshape(IMAGES, -1).tolist()
    unit = OrPool(width, inner=inner, length=length, kernel=kernel, stride=stride)
    check(unit, images.reshape(IMAGES, -1).tolist(), expected, pauses)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("length", "inner", "kernel", "stride", "lanes"), CASES)
def test_gives_the_maximum_of_each_window(length, inner, kernel, stride, lanes, pauses):
    x = np.random.default_rng(4).integers(0, 6, (IMAGES, length, inner, lanes))
    unit = MaxPool(3, lanes, inner=inner, length=length, kernel=kernel, stride=stride)
    y = pooled(x, kernel, stride, np.max)
    check(unit, [beats(i, lanes, 3) for i in x], [beats(i, lanes, 3) for i in y], pauses)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("low", "high"), [(-8, 7), (-8, -3), (2, 7)])
@pytest.mark.parametrize(("length", "inner", "kernel", "stride", "lanes"), CASES)
def test_gives_the_sum_of_each_window(length, inner, kernel, stride, lanes, low, high, pauses):
    x = np.random.default_rng(5).integers(low, high + 1, (IMAGES, length, inner, lanes))
    form = {"inner": inner, "length": length, "kernel": kernel, "stride": stride}
    unit = SumPool(4, lanes, kernel * low, kernel * high, **form)
    y = pooled(x, kernel, stride, np.sum)
    width = unit.result.width
    check(unit, [beats(i, lanes, 4) for i in x], [beats(i, lanes, width) for i in y], pauses)


@pytest.mark.parametrize("top", [1, 2, 3, 5, 255])
def test_gives_what_levels_stand_for(top):
    x = np.random.default_rng(6).integers(0, top + 1, (IMAGES, 7, 2))
    x[0, 0] = 0, top
    unit = Centre(top.bit_length(), top, 2)
    bits, width = unit.bits, unit.result.width
    queue = ring(2 * width, 3)  # for the unit has no clock
    stages = [Stage("centre", unit, None, (0,), (1,)), Stage("queue", queue, None, (1,), (2,))]
    sent = [beats(i, 2, bits) for i in x]
    check(Wired(stages, 2 * bits), sent, [beats(2 * i - top, 2, width) for i in x], PAUSES[3])
