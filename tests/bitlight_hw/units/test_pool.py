"""OrPool: OR over windows of positions, `inner` beats at a time."""

import numpy as np
import pytest
from streams import PAUSES, check

from bitlight_hw.units import OrPool

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


def pooled(images, kernel, stride):
    """(N, length, inner) -> (N, windows, inner)."""
    first = range(0, images.shape[1] - kernel + 1, stride)
    windows = [np.bitwise_or.reduce(images[:, at : at + kernel], axis=1) for at in first]
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
