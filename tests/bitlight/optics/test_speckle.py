"""Grain, polarisation and drift have the statistics that they are said to have."""

import numpy as np
import pytest

from bitlight import OpticsError, bits
from bitlight.optics.speckle import LightPath, Speckle


def frame(count=1, n=1024, ones=0.5, seed=0):
    x = np.random.default_rng(seed).random((1, n)) < ones
    return np.repeat(bits.pack_words(x.astype(np.uint8)), count, axis=0), int(x.sum())


def light(speckle, count=1, components=60_000, frames=None):
    words, weight = frame(count)
    path = LightPath("structured", 1024, 4, speckle)
    return path.intensities(words, 0, components, frames) / weight


def test_a_polarised_speckle_has_contrast_one():
    y = light(Speckle())
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert y.std() / y.mean() == pytest.approx(1, abs=0.02)


def test_an_unpolarised_speckle_has_contrast_of_one_half_root():
    y = light(Speckle(polarised=False))
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert y.std() / y.mean() == pytest.approx(2**-0.5, abs=0.015)


@pytest.mark.parametrize("grain", [2.0, 5.0])
def test_grain_is_the_width_of_the_autocorrelation(grain):
    y = light(Speckle(grain=grain))[0]
    assert y.mean() == pytest.approx(1, abs=0.03)
    assert y.std() / y.mean() == pytest.approx(1, abs=0.04)
    y = y - y.mean()
    for distance in (1, 2, 3, 6):
        found = np.mean(y[distance:] * y[:-distance]) / y.var()
        assert found == pytest.approx(2 ** -((2 * distance / grain) ** 2), abs=0.05)


def test_more_components_do_not_change_the_first():
    speckle = Speckle(grain=3.0, polarised=False, drift_frames=10)
    few, many = (light(speckle, 3, m, np.array([0, 4, 25])) for m in (50, 300))
    assert few == pytest.approx(many[:, :50], rel=1e-5)


def test_drift_decorrelates():
    numbers = np.array([0, 1, 5, 10, 15, 20, 40])
    y = light(Speckle(drift_frames=20), len(numbers), frames=numbers)
    assert y.mean(axis=1) == pytest.approx(1, abs=0.03)
    found = np.corrcoef(y)[0]
    expected = np.where(numbers <= 20, np.cos(np.pi * numbers / 40) ** 2, 0)
    assert found == pytest.approx(expected, abs=0.03)


def test_a_frame_is_computed_by_itself():
    speckle = Speckle(drift_frames=7)
    numbers = np.array([3, 8, 100, 2])
    whole = light(speckle, 4, 200, numbers)
    for index, number in enumerate(numbers):
        alone = light(speckle, 1, 200, np.array([number]))
        assert alone[0] == pytest.approx(whole[index], rel=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"grain": -1}, "grain must be 0 to 1000 pixels, not -1"),
        ({"grain": float("nan")}, "grain must be"),
        ({"drift_frames": 0}, "drift_frames must be positive, not 0"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(OpticsError, match=message):
        Speckle(**parameters)
