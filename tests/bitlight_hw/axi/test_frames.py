"""Frames: bytes, words and the last word's bytes, as counted by hand."""

import pytest

from bitlight_hw.axi.frames import Frames
from bitlight_hw.stages import Beats


@pytest.mark.parametrize(
    ("beats", "data_bits", "expected"),
    [
        # bits of an element, bytes, words, bytes of the last word
        (Beats((28, 28, 1), 1, 8), 32, (8, 784, 196, 4)),
        (Beats((3, 3, 5), 5, 2), 32, (2, 45, 12, 1)),
        (Beats((3, 3, 5), 5, 1), 32, (1, 6, 2, 2)),
        (Beats((9,), 3, 1), 8, (1, 2, 2, 1)),
        (Beats((10,), 5, 7, signed=True), 24, (32, 40, 14, 1)),
        (Beats((1,), 1, 1), 1024, (1, 1, 1, 1)),
    ],
)
def test_sizes(beats, data_bits, expected):
    frames = Frames(beats, data_bits)
    assert (frames.bits, frames.bytes, frames.words, frames.tail) == expected


def test_units_have_the_widths_of_word_and_beat():
    pixels = Frames(Beats((4, 4, 3), 3, 5), 32)
    assert len(pixels.unpack().i.payload) == 4 * 5
    assert len(pixels.unpack().o.payload) == 3 * 5
    scores = Frames(Beats((6,), 2, 7, signed=True), 24)
    assert len(scores.pack().i.payload) == 2 * 32
    assert len(scores.pack().o.payload) == 24
