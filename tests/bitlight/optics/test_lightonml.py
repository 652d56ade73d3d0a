"""Code written for lightonml's OPUMap runs."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from bitlight import OpticalFeatures, OpticsError
from bitlight.optics.lightonml import OPUMap

X = np.random.default_rng(0).integers(0, 2, (12, 6, 8), dtype=np.uint8)
ROWS = X.reshape(12, -1)


def test_one_axis():
    opu = OPUMap(n_components=70, simulated=True, max_n_features=48)
    expected = OpticalFeatures(70, "structured").fit_transform(ROWS)
    assert np.array_equal(opu.fit(ROWS).transform(ROWS), expected)
    assert np.array_equal(clone(opu).fit_transform(torch.tensor(ROWS)), expected)
    assert opu.transform(ROWS[3]).shape == (70,)


def test_two_axes():
    opu = OPUMap(70, ndims=2).fit(X)
    assert np.array_equal(opu.transform(X), OPUMap(70).fit_transform(ROWS))
    assert opu.transform(X[0]).shape == (70,)


def test_packed_frames_have_the_first_bit_on_top():
    packed = OPUMap(70, packed=True).fit(np.packbits(ROWS, axis=1))
    assert np.array_equal(
        packed.transform(np.packbits(ROWS, axis=1)), OPUMap(70).fit_transform(ROWS)
    )
    short = OPUMap(70).fit(np.packbits(ROWS[:, :43], axis=1), n_features=43, packed=True)
    found = short.transform(np.packbits(ROWS[:, :43], axis=1))
    assert np.array_equal(found, OPUMap(70).fit_transform(ROWS[:, :43]))


def test_width_alone_and_the_first_frames():
    opu = OPUMap(70)
    with opu.fit(n_features=48) as opened:
        found = opened.transform(ROWS)
    assert np.array_equal(found, OPUMap(70).fit_transform(ROWS))
    assert np.array_equal(OPUMap(70).transform(ROWS), found)


def test_linear_transform():
    opu = OPUMap(70, camera=None).fit(ROWS)
    expected = OpticalFeatures(70, "structured", None, linear=True).fit_transform(ROWS)
    assert np.array_equal(opu.linear_transform(ROWS), expected)
    assert np.array_equal(OPUMap(70, camera=None, linear=True).fit_transform(ROWS), expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"opu": object()}, "there is no device here"),
        ({"ndims": 3}, "ndims must be 1 or 2, not 3"),
        ({"max_n_features": 40}, "more than 40 features"),
    ],
)
def test_what_cannot_be(parameters, message):
    with pytest.raises(OpticsError, match=message):
        OPUMap(5, **parameters).fit(ROWS)
    with pytest.raises(OpticsError, match="give frames X, or their n_features"):
        OPUMap(5).fit()
