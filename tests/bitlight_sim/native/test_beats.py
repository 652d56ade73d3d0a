"""Images become the beats that the hardware's ports take, and results come back."""

import numpy as np
import pytest

from bitlight_hw.stages import Beats
from bitlight_sim.native import beats


@pytest.mark.parametrize(
    ("shape", "elements", "bits"),
    [((4, 3, 1), 1, 8), ((2, 2, 3), 3, 8), ((12,), 4, 1), ((2, 2, 5), 5, 3), ((98,), 49, 8)],
)
def test_the_first_element_is_in_the_lowest_bits(shape, elements, bits):
    form = Beats(shape, elements, bits)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 1 << bits, (2, *shape), dtype=np.uint8)
    words = beats.to_words(images, form)
    assert words.shape == (2, form.count, -(-form.width // 32))
    flat = images.reshape(2, form.count, elements)
    for image, beat in np.ndindex(2, form.count):
        expected = sum(int(v) << (bits * n) for n, v in enumerate(flat[image, beat]))
        found = sum(int(w) << (32 * n) for n, w in enumerate(words[image, beat]))
        assert found == expected


def test_bits_come_back():
    form = Beats((2, 3, 40), 40, 1)
    features = np.random.default_rng(0).integers(0, 2, (3, 240), dtype=np.uint8)
    words = beats.to_words(features.reshape(3, 2, 3, 40), form)
    assert np.array_equal(beats.from_words(words, form), features)


def test_scores_come_back_with_their_sign():
    form = Beats((4,), 2, 6, signed=True)
    scores = np.array([[-32, 31, -1, 5]], np.int32)
    fields = (scores & 63).reshape(1, 2, 2)
    words = (fields[..., 0] | fields[..., 1] << 6).astype("<u4")[..., None]
    assert beats.from_words(words, form).tolist() == scores.tolist()
