"""The camera: counts, exposure by rule, noise as large as said and the same each time."""

import numpy as np
import pytest

from bitlight import Camera, OpticsError


def exponential(shape, mean=40.0, seed=0):
    return np.random.default_rng(seed).exponential(mean, shape).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 4, 8, 10, 16])
def test_counts_without_noise(bits):
    camera = Camera(bits, exposure=1.5, gain=2.0, offset=0.5)
    light = exponential((7, 1000), mean=2.0**bits / 9)
    expected = np.minimum(np.floor(np.float32(0.5) + light * np.float32(3.0)), 2**bits - 1)
    counts = camera.capture(light, camera.exposed(light))
    assert counts.dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert np.array_equal(counts, expected)


def test_intensities_come_back_within_half_a_step():
    camera = Camera(12, exposure=3.0, gain=2.0, offset=5.0)
    light = exponential((3, 1000))
    back = camera.intensities(camera.capture(light, 3.0), 3.0)
    assert np.abs(back - light).max() <= 0.5 / 6 + 1e-4


@pytest.mark.parametrize(
    "camera", [Camera(), Camera(12), Camera(gain=4.0, offset=10.0), Camera(full_well=1e4)]
)
def test_automatic_exposure_keeps_the_rule(camera):
    seen, others = exponential((64, 4096)), exponential((500, 4096), seed=1)
    exposure = camera.exposed(seen)
    for light in (seen, others):
        mean, saturated = camera.quality(camera.capture(light, exposure))
        assert mean >= 11 / 255
        assert 0.003 < saturated <= 0.005


def test_exposure_of_darkness_and_a_given_one():
    assert Camera().exposed(np.zeros((4, 4), np.float32)) == 1.0
    assert Camera(exposure=0.25).exposed(exponential((4, 4))) == 0.25


@pytest.mark.parametrize("electrons", [20.0, 500.0])
def test_shot_noise_is_poisson(electrons):
    camera = Camera(16, exposure=1.0, full_well=2.0**16)  # one count is one electron
    light = np.full((200, 500), electrons, np.float32)
    counts = camera.capture(light, 1.0).astype(float)
    assert counts.mean() == pytest.approx(electrons, rel=0.01)
    assert counts.var() == pytest.approx(electrons, rel=0.02)


def test_read_noise_and_offset():
    camera = Camera(16, exposure=1.0, full_well=2.0**15, read_noise=8.0, offset=200.0)
    counts = camera.capture(np.zeros((100, 500), np.float32), 1.0).astype(float)
    assert counts.mean() == pytest.approx(199.5, abs=0.2)  # truncated
    assert counts.std() == pytest.approx(16.0, rel=0.02)  # two counts for each electron


def test_gain_makes_shot_noise_larger():
    light = np.full((100, 500), 100.0, np.float32)
    plain, strong = (
        Camera(full_well=1000.0, gain=g).capture(light, 1.0 / g).astype(float) for g in (1.0, 8.0)
    )
    assert strong.mean() == pytest.approx(plain.mean(), rel=0.01)
    assert strong.std() == pytest.approx(8**0.5 * plain.std(), rel=0.05)


def test_a_well_holds_so_many_electrons():
    camera = Camera(8, full_well=1000.0, gain=0.5)
    counts = camera.capture(np.full((1, 100), 1e12, np.float32), 1.0)
    assert (counts == 128).all()


def test_noise_depends_on_seed_and_frame_alone():
    camera = Camera(full_well=500.0, read_noise=3.0)
    light = exponential((6, 300))
    whole = camera.capture(light, 1.0, seed=5, frames=np.arange(10, 16))
    assert np.array_equal(camera.capture(light[2:3], 1.0, 5, np.array([12])), whole[2:3])
    assert np.array_equal(
        camera.capture(np.ascontiguousarray(light[:, :50]), 1.0, 5, np.arange(10, 16)),
        whole[:, :50],
    )
    assert not np.array_equal(camera.capture(light, 1.0, 6, np.arange(10, 16)), whole)
    assert not np.array_equal(camera.capture(light, 1.0, 5, np.arange(6)), whole)


def test_dead_pixels_are_the_same_ones_each_time():
    camera = Camera(dead=0.05)
    light = np.full((3, 20_000), 50.0, np.float32)
    dead = camera.capture(light, 1.0, seed=2) == 0
    assert dead.mean() == pytest.approx(0.05, rel=0.1)
    assert (dead == camera.dead_pixels(20_000, 2)).all()
    assert np.array_equal(camera.dead_pixels(100, 2), dead[0, :100])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bits": 0}, "bits must be 1 to 16, not 0"),
        ({"bits": 17}, "bits must be 1 to 16"),
        ({"exposure": -1.0}, "exposure must be positive or 'auto', not -1.0"),
        ({"exposure": "long"}, "not 'long'"),
        ({"exposure": float("nan")}, "exposure must be positive"),
        ({"gain": 0}, "gain must be positive"),
        ({"full_well": -5}, "full_well must be positive electrons"),
        ({"read_noise": -1, "full_well": 10}, "read_noise must not be negative"),
        ({"read_noise": 2.0}, "give full_well"),
        ({"offset": 300}, "offset must be 0 to 255 counts"),
        ({"dead": 1.5}, "dead must be a fraction"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(OpticsError, match=message):
        Camera(**parameters)
