"""Slide: each window of an image as one beat, in the cycle of its last pixel."""

import numpy as np
import pytest
from streams import PAUSES, beats, check

from bitlight_hw.units import Slide

IMAGES = 3
# height, across, kernel, stride, width
CASES = [
    pytest.param(4, 5, (3, 3), (1, 1), 3, id="overlapping"),
    pytest.param(5, 6, (2, 3), (2, 2), 4, id="rows and columns left over"),
    pytest.param(3, 5, (1, 1), (2, 2), 5, id="kernel 1, stride 2"),
    pytest.param(6, 7, (2, 1), (3, 4), 2, id="stride beyond the kernel, left over"),
    pytest.param(4, 4, (1, 3), (1, 1), 1, id="one line"),
    pytest.param(4, 3, (3, 1), (1, 2), 1, id="one column"),
    pytest.param(2, 3, (2, 3), (1, 1), 6, id="one window"),
    pytest.param(1, 1, (1, 1), (1, 1), 6, id="one pixel"),
    pytest.param(4, 1, (2, 1), (1, 1), 6, id="lines of one pixel"),
    pytest.param(5, 4, (3, 2), (2, 3), 24, id="wide pixels"),
]


def windows(image, kernel, stride):
    """(H, W) -> (windows, kh·kw)."""
    (tall, wide), (down, along) = kernel, stride
    views = np.lib.stride_tricks.sliding_window_view(image, (tall, wide))[::down, ::along]
    return views.reshape(-1, tall * wide)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("height", "across", "kernel", "stride", "width"), CASES)
def test_gives_each_window_once(height, across, kernel, stride, width, pauses):
    rng = np.random.default_rng(4)
    images = rng.integers(0, 1 << width, (IMAGES, height, across))
    expected = [
        beats(windows(image, kernel, stride), kernel[0] * kernel[1], width) for image in images
    ]
    unit = Slide(width, height=height, across=across, kernel=kernel, stride=stride)
    check(unit, images.reshape(IMAGES, -1).tolist(), expected, pauses)
