"""Pad: `numpy.pad` for a stream of images, of which none is begun before it is there."""

import numpy as np
import pytest
from streams import PAUSES, check

from bitlight_hw import timing
from bitlight_hw.units import Pad

IMAGES = 3
# height, across, inner, rows, columns, width, value
CASES = [
    (3, 4, 1, 1, 1, 1, 1),
    (2, 3, 1, 0, 2, 4, 0b1010),
    (2, 3, 2, 1, 0, 6, 0),
    (1, 1, 3, 2, 1, 1, 0),
    (1, 4, 2, 1, 2, 8, 255),
    (4, 1, 1, 0, 1, 24, 0x7F7F7F),
]
SHAPE = ("height", "across", "inner", "rows", "columns", "width", "value")


def padded(images, rows, columns, value):
    frame = [(0, 0), (rows, rows), (columns, columns), (0, 0)]
    return np.pad(images, frame, constant_values=value)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(SHAPE, CASES)
def test_puts_a_frame_around(height, across, inner, rows, columns, width, value, pauses):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 1 << width, (IMAGES, height, across, inner))
    expected = padded(images, rows, columns, value).reshape(IMAGES, -1).tolist()
    unit = Pad(
        width,
        height=height,
        across=across,
        inner=inner,
        rows=rows,
        columns=columns,
        value=value,
    )
    check(unit, images.reshape(IMAGES, -1).tolist(), expected, pauses)


def test_gives_a_beat_in_every_cycle():
    unit = Pad(1, height=2, across=3, inner=2, rows=1, columns=2, value=0)
    assert timing.run(unit.timing, 12, 56).interval == (2 + 2) * (3 + 4) * 2
