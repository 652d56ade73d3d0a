"""Scale, Rectify and Compare: the arithmetic of design.md, channel by channel."""

import numpy as np
import pytest
from elaborated import Elaborated
from formal import Contract, proven
from streams import PAUSES, beats, check

from bitlight_hw.family import FAMILIES
from bitlight_hw.units import Compare, Rectify, Scale

IMAGES, POSITIONS = 3, 4
# Channels and lanes: parameters that are constants, that are read, and one at a time.
FORMS = [(4, 4), (6, 2), (5, 1), (1, 1)]


def inputs(rng, channels, bits, top=None):
    shape = (IMAGES, POSITIONS, channels)
    if top is not None:
        x = rng.integers(0, top + 1, shape)
        x[0, 0], x[0, 1] = 0, top
        return x, 2 * x - top
    half = 1 << bits - 1
    x = rng.integers(-half, half, shape)
    x[0, 0], x[0, 1] = -half, half - 1
    return x, x


def sent(x, lanes, bits):
    return [beats(image, lanes, bits) for image in x]


def checked(unit, x, y, pauses, family=None):
    bits, width = unit.bits, unit.result.width
    held = Elaborated(unit, family) if family else unit
    check(held, sent(x, unit.lanes, bits), sent(y, unit.lanes, width), pauses)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("channels", "lanes"), FORMS)
@pytest.mark.parametrize("top", [None, 1, 2, 255])
def test_scale(channels, lanes, top, pauses):
    rng = np.random.default_rng(5)
    bits = 7 if top is None else top.bit_length()
    x, value = inputs(rng, channels, bits, top)
    m, b = rng.integers(-90, 91, channels), rng.integers(-3000, 3001, channels)
    y = ((m * value + b) >> 5).clip(-100, 70)
    unit = Scale(m, b, shift=5, low=-100, high=70, lanes=lanes, bits=bits, top=top)
    checked(unit, x, y, pauses)


@pytest.mark.parametrize(
    ("m", "b", "shift"), [(2**31 - 1, 2**40, 38), (-(2**31), -(2**62), 62), (1, 0, 0)]
)
def test_scale_at_its_ends(m, b, shift):
    rng = np.random.default_rng(6)
    x, value = inputs(rng, 2, 16)
    y = (np.array([m, 1], object) * value.astype(object) + np.array([b, -1], object)) >> shift
    y = y.astype(np.int64)
    low, high = int(y.min()), int(y.max())
    parameters = np.array([m, 1], np.int64), np.array([b, -1], np.int64)
    unit = Scale(*parameters, shift=shift, low=low, high=high, lanes=1, bits=16, top=None)
    checked(unit, x, y, PAUSES[3])


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("channels", "lanes"), FORMS)
def test_rectify(channels, lanes, pauses):
    rng = np.random.default_rng(7)
    x, _ = inputs(rng, channels, 6)
    slope, before, after = (rng.integers(-40, 41, channels) for _ in range(3))
    v = x + before
    y = np.where(v >= 0, v, (slope * v) >> 4) + after
    low, high = int(y.min()), int(y.max())
    unit = Rectify(slope, before, after, shift=4, low=low, high=high, lanes=lanes, bits=6)
    checked(unit, x, y, pauses)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize(("channels", "lanes"), FORMS)
@pytest.mark.parametrize("levels", [0, 1, 3, 15])
def test_compare(channels, lanes, levels, pauses):
    rng = np.random.default_rng(8)
    x, _ = inputs(rng, channels, 6)
    shape = (channels, levels) if levels else (channels,)
    threshold = np.sort(rng.integers(-36, 37, shape), axis=-1 if levels else 0)
    y = (x[..., None] >= threshold.reshape(channels, -1)).sum(axis=-1)
    unit = Compare(threshold, low=-32, high=31, lanes=lanes, bits=6)
    checked(unit, x, y, pauses)


@pytest.mark.parametrize("out_of_reach", [-(2**31), 2**31 - 1])
def test_thresholds_that_nothing_or_all_reaches(out_of_reach):
    rng = np.random.default_rng(9)
    x, _ = inputs(rng, 2, 4)
    threshold = np.array([out_of_reach, 0])
    unit = Compare(threshold, low=-8, high=7, lanes=1, bits=4)
    checked(unit, x, x >= threshold, PAUSES[0])
    assert max(unit._widths) <= 5  # no wider than the input needs


@pytest.mark.parametrize("family", ["xc7", "ecp5", "generic"])
def test_the_same_on_an_fpga(family):
    rng = np.random.default_rng(10)
    x, value = inputs(rng, 40, 5)
    m, b = rng.integers(-9, 10, 40), rng.integers(-30, 31, 40)
    unit = Scale(m, b, shift=2, low=-50, high=50, lanes=2, bits=5, top=None)
    checked(unit, x, ((m * value + b) >> 2).clip(-50, 50), PAUSES[3], FAMILIES[family])


@pytest.mark.parametrize(
    "unit",
    [
        Scale(
            np.array([3, -2]), np.array([1, 0]), shift=1, low=-2, high=2, lanes=1, bits=2, top=None
        ),
        Compare(np.array([[-1, 1]]), low=-2, high=1, lanes=1, bits=2),
    ],
    ids=["scale", "compare"],
)
def test_keeps_the_rules_for_ever(unit, tmp_path):
    assert proven(Contract(unit), tmp_path, 10, induction=True)
