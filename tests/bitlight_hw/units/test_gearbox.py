"""Gearbox: the same elements, cut into beats of another size."""

from math import lcm

import numpy as np
import pytest
from streams import PAUSES, beats, check

from bitlight_hw import timing
from bitlight_hw.units import Gearbox

IMAGES = 4
# wide_in, wide_out, bits
CASES = [
    (3, 2, 1),
    (2, 3, 1),
    (5, 3, 2),
    (3, 5, 3),
    (4, 1, 8),
    (1, 4, 1),
    (4, 6, 5),
    (6, 4, 1),
    (12, 7, 1),
    (1, 9, 1),
]


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("wide_in", "wide_out", "bits"), CASES)
def test_regroups_the_elements(wide_in, wide_out, bits, pauses):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 1 << bits, (IMAGES, 2 * lcm(wide_in, wide_out)))
    sent = [beats(image, wide_in, bits) for image in images]
    expected = [beats(image, wide_out, bits) for image in images]
    check(Gearbox(wide_in, wide_out, bits), sent, expected, pauses)


@pytest.mark.parametrize(("wide_in", "wide_out", "bits"), CASES)
def test_the_side_with_more_beats_moves_in_every_cycle(wide_in, wide_out, bits):
    elements = lcm(wide_in, wide_out)
    beats_in, beats_out = elements // wide_in, elements // wide_out
    trace = timing.run(Gearbox(wide_in, wide_out, bits).timing, beats_in, beats_out)
    assert trace.interval == max(beats_in, beats_out)
