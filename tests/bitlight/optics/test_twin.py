"""The twin's integers: against rows made bit by bit, and against the binary medium and a camera."""

import numpy as np
import pytest

from bitlight.bits import pack_words
from bitlight.optics import generator
from bitlight.optics.camera import Camera
from bitlight.optics.media import Binary
from bitlight.optics.twin import BATCH, default_shift, project

FULL = (1 << 64) - 1


def rows(seed, count, size):
    """±1 of real and imaginary parts: int array of shape (2, count, size), in Python's integers."""
    found = np.empty((2, count, size), int)
    start = generator.origin(seed)
    for row in range(count):
        start ^= start << 7 & FULL
        start ^= start >> 9
        state = start
        for k in range(size):
            if k % 32 == 0:
                state ^= state << 13 & FULL
                state ^= state >> 7
                state ^= state << 17 & FULL
            found[0, row, k] = 1 - 2 * (state >> k % 32 & 1)
            found[1, row, k] = 1 - 2 * (state >> 32 + k % 32 & 1)
    return found


@pytest.mark.parametrize("seed", [0, 1, 2**40])
@pytest.mark.parametrize("size", [1, 31, 32, 33, 100])
def test_sums_squares_shift_and_saturation(size, seed):
    x = np.random.default_rng(seed).integers(0, 2, (9, size), dtype=np.uint8)
    x[0], x[1] = 0, 1
    re, im = x.astype(int) @ rows(seed, 40, size).transpose(0, 2, 1)
    for shift in (0, 3, 40):
        expected = np.minimum((re**2 + im**2) >> shift, 255)
        found = project(x, seed, 40, shift)
        assert found.dtype == np.uint8
        assert np.array_equal(found, expected)


def test_it_is_the_binary_medium_behind_a_camera_of_8_bits():
    x = np.random.default_rng(0).integers(0, 2, (BATCH + 7, 300), dtype=np.uint8)
    intensities = Binary(300, 5).intensities(pack_words(x), 0, 70)
    for shift in (0, 2, 5):
        exposure = 2.0 ** (1 - shift)
        assert np.array_equal(Camera(8).capture(intensities, exposure), project(x, 5, 70, shift))


def test_more_components_never_change_the_first():
    x = np.random.default_rng(1).integers(0, 2, (5, 64), dtype=np.uint8)
    assert np.array_equal(project(x, 9, 100, 2)[:, :33], project(x, 9, 33, 2))


@pytest.mark.parametrize(("features", "shift"), [(1, 0), (48, 0), (49, 1), (2400, 6)])
def test_the_default_shift_saturates_few(features, shift):
    assert default_shift(features) == shift
    x = np.random.default_rng(2).integers(0, 2, (50, features), dtype=np.uint8)
    assert (project(x, 4, 500, shift) == 255).mean() <= 0.006
