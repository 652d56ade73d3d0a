"""Fork, Sum and Side: ways that part and meet, alone and with queues of unequal depths."""

import numpy as np
import pytest
from formal import Contract, proven
from streams import PAUSES, beats, check
from wired import diamond

from bitlight_hw.units import Side, Sum

IMAGES, LENGTH = 4, 6
QUEUES = [(0, 0), (4, 0), (0, 5), (2, 9)]


def images(rng, lanes, bits):
    half = 1 << bits - 1
    return rng.integers(-half, half, (IMAGES, LENGTH, lanes))


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("queues", QUEUES)
def test_a_sum_of_two_ways(queues, pauses):
    x = images(np.random.default_rng(1), 2, 4)
    unit = diamond(Sum([4, 4], 2, -16, 14, clips=False), 8, queues)
    expected = [beats(2 * image, 2, 5) for image in x]
    check(unit, [beats(image, 2, 4) for image in x], expected, pauses)


@pytest.mark.parametrize(("low", "high"), [(-20, 13), (-9, -3), (4, 11), (0, 0)])
def test_a_sum_of_three_ways_is_clipped(low, high):
    x = images(np.random.default_rng(2), 1, 4)
    unit = diamond(Sum([4, 4, 4], 1, low, high, clips=True), 4, (3, 0, 0))
    expected = [
        beats((3 * image).clip(low, high), 1, unit.stages[-1].unit.result.width) for image in x
    ]
    check(unit, [beats(image, 1, 4) for image in x], expected, PAUSES[3])


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("queues", [(0, 4), (5, 9)])
@pytest.mark.parametrize(("is_signed", "width"), [(True, 6), (True, 4), (False, 4)])
def test_side_by_side(is_signed, width, queues, pauses):
    """Each pixel of two beats comes twice, one way behind the other."""
    x = images(np.random.default_rng(3), 2, 4)
    unit = diamond(Side([4, 4], 2, [2, 2], width, is_signed=is_signed), 8, queues)
    pixels = x.reshape(IMAGES, LENGTH // 2, 2, 2)
    wide = pixels if is_signed else pixels & 15
    doubled = np.concatenate([wide, wide], axis=2).reshape(IMAGES, -1)
    check(unit, [beats(i, 2, 4) for i in x], [beats(i, 2, width) for i in doubled], pauses)


@pytest.mark.parametrize("queues", QUEUES)
@pytest.mark.parametrize(
    "join",
    [Sum([1, 1], 1, -2, 0, clips=False), Sum([1, 1], 1, -1, 0, clips=True)],
    ids=["sum", "clipped"],
)
def test_keeps_the_rules_for_ever(join, queues, tmp_path):
    unit = diamond(join, 1, tuple(min(depth, 2) for depth in queues))
    assert proven(Contract(unit), tmp_path, 10, induction=True)


def test_a_side_keeps_the_rules_for_ever(tmp_path):
    unit = diamond(Side([1, 1], 1, [1, 1], 1, is_signed=False), 1, (0, 2))
    assert proven(Contract(unit), tmp_path, 10, induction=True)
