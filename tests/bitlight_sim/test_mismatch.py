"""Where outputs differ, in the network's words."""

import numpy as np
import pytest

from bitlight import Conv2d, Linear, Network
from bitlight_hw import Accelerator
from bitlight_sim.mismatch import compare, describe, describe_beats


def bits():
    layer = Conv2d(np.ones((4, 1, 1, 2), bool), np.zeros(4, int))
    return Accelerator(Network((3, 5, 2), 1, [layer]), [(2, 1)])


def scores():
    return Accelerator(Network((8,), 1, [Linear(np.ones((3, 8), bool), None)]), [(1, 8)])


def test_bits():
    acc = bits()
    expected = np.zeros((3, 60), np.uint8)
    found = expected.copy()
    assert describe(acc, found, expected) is None
    found[1, 4 * (5 + 2) + 3] = 1
    found[2, :2] = 1
    said = describe(acc, found, expected)
    assert said == (
        "3 of 180 bits differ, in 2 of 3 images; the first is image 1, beat 15, pixel (1, 2), "
        "channel 3 of layer 0 (Conv2d): 1 instead of 0"
    )
    assert compare(acc, found, expected) == {"bits_compared": 180, "bits_different": 3}


def test_scores_are_scores():
    acc = scores()
    expected = np.array([[8, -8, 0]], np.int32)
    found = np.array([[8, -7, 0]], np.int32)
    assert "1 of 3 scores differ, in 1 of 1 images; the first is image 0, beat 1, output 1" in (
        describe(acc, found, expected)
    )
    counts = compare(acc, found, expected)
    assert counts["scores_compared"], counts["scores_different"] == (3, 1)
    assert counts["bits_compared"] == 3 * acc.beats_out.bits
    assert counts["bits_different"] == bin(-8 ^ -7).count("1")


@pytest.mark.parametrize(
    ("beat", "received", "place"),
    [
        (30, 0b01, r"image 1, beat 0, pixel \(0, 0\), channel 0"),
        (31 + 14, 0b10, r"image 1, beat 15, pixel \(1, 2\), channel 3"),
    ],
)
def test_beats(beat, received, place):
    import re

    assert re.search(place, describe_beats(bits(), [(beat, received, 0)]))
