"""Encoders: bits as said, and back again where there is a way."""

import numpy as np
import pytest

from bitlight import OpticsError
from bitlight.optics.encoders import (
    BitPlanes,
    Float32Bits,
    Sign,
    Thermometer,
    Threshold,
    Thresholds,
)

RNG = np.random.default_rng(0)
NUMBERS = RNG.standard_normal((40, 6)).astype(np.float32)


def test_sign():
    code = Sign().fit(NUMBERS)
    assert np.array_equal(code.transform(NUMBERS), NUMBERS > 0)
    assert code.transform(np.zeros((1, 6))).sum() == 0


def test_threshold():
    assert np.array_equal(Threshold(0.3).fit_transform(NUMBERS), NUMBERS > 0.3)
    assert (Threshold().fit_transform(NUMBERS).sum(axis=0) == 20).all()
    assert (Threshold(quantile=0.9).fit_transform(NUMBERS).sum(axis=0) == 4).all()
    with pytest.raises(OpticsError, match="quantile must be 0 to 1, not 2"):
        Threshold(quantile=2).fit(NUMBERS)


def test_thresholds():
    code = Thresholds(3).fit(NUMBERS)
    counts = code.transform(NUMBERS).reshape(40, 6, 3).sum(axis=0)
    assert (counts == [30, 20, 10]).all()
    given = Thresholds([0.5, -0.5]).fit_transform(NUMBERS).reshape(40, 6, 2)
    assert np.array_equal(given, NUMBERS[..., np.newaxis] > [-0.5, 0.5])
    for bad in (0, [], 256):
        with pytest.raises(OpticsError, match="thresholds must be"):
            Thresholds(bad).fit(NUMBERS)


@pytest.mark.parametrize("levels", [1, 8, 33])
def test_thermometer_and_back(levels):
    code = Thermometer(levels).fit(NUMBERS)
    found = code.transform(NUMBERS)
    ladder = found.reshape(40, 6, levels).astype(int)
    assert (np.diff(ladder, axis=-1) <= 0).all()
    step = (code.high_ - code.low_) / levels
    assert (np.abs(code.inverse_transform(found) - NUMBERS) <= step / 2 + 1e-6).all()


@pytest.mark.parametrize("bits", [1, 7, 8, 32])
def test_bit_planes_and_back(bits):
    numbers = RNG.integers(0, 1 << bits, (20, 5))
    code = BitPlanes(bits).fit(numbers)
    found = code.transform(numbers)
    assert found.shape == (20, 5 * bits)
    assert found.dtype == np.uint8
    assert np.array_equal(code.inverse_transform(found), numbers)


@pytest.mark.parametrize("bad", [[[256]], [[-1]], [[0.5]]])
def test_bit_planes_of_other_numbers(bad):
    with pytest.raises(OpticsError, match="numbers must be whole, 0 to 255, not"):
        BitPlanes().fit(bad)


def test_float32_bits_and_back():
    code = Float32Bits().fit(NUMBERS)
    found = code.transform(NUMBERS)
    assert found.shape == (40, 6 * 32)
    assert np.array_equal(code.inverse_transform(found), NUMBERS)
    short = Float32Bits(mantissa_bits=7).fit(NUMBERS)
    back = short.inverse_transform(short.transform(NUMBERS))
    assert (np.abs(back - NUMBERS) <= np.abs(NUMBERS) / 128).all()
    assert np.array_equal(Float32Bits(True, 0, 0).fit_transform(NUMBERS), NUMBERS < 0)


@pytest.mark.parametrize(
    "code", [Float32Bits(exponent_bits=9), Float32Bits(False, 0, 0), BitPlanes(33), Thermometer(0)]
)
def test_bad_parameters(code):
    with pytest.raises(OpticsError, match=r"must be|no bit"):
        code.fit(np.ones((2, 2)))


def test_names_and_bits_that_do_not_fit():
    code = BitPlanes(2).fit(np.ones((2, 2)))
    assert list(code.get_feature_names_out(["a", "b"])) == ["a_0", "a_1", "b_0", "b_1"]
    assert list(Sign().fit(NUMBERS).get_feature_names_out())[:2] == ["x0", "x1"]
    with pytest.raises(OpticsError, match=r"bits must have shape \(N, 4\)"):
        code.inverse_transform(np.ones((1, 3)))
