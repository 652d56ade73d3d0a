"""STL-10 and SVHN: what was written, and what SciPy reads."""

import numpy as np
import pytest
import scipy.io
from datafiles import NAMES, stl10_binary, svhn_mat
from hypothesis import given
from hypothesis import strategies as st

from bitlight import DataError, data
from bitlight.data.matfile import read_mat


def test_stl10_is_read_column_by_column(tmp_path):
    halves = stl10_binary(tmp_path / "stl10_binary")
    for place in (tmp_path, tmp_path / "stl10_binary"):
        for part, (images, labels) in zip(("train", "test"), halves, strict=True):
            found = data.stl10(place, part)
            assert np.array_equal(found.images, images)
            assert np.array_equal(found.labels, labels)
            assert found.names == tuple(NAMES[10])


def test_stl10_that_is_not_whole(tmp_path):
    tmp_path = tmp_path / "stl"
    stl10_binary(tmp_path)
    with pytest.raises(DataError, match="'train' or 'test', not 'unlabeled'"):
        data.stl10(tmp_path, "unlabeled")
    pixels = tmp_path / "train_X.bin"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="27648 bytes for each of 20 labels, and has 552959"):
        data.stl10(tmp_path, "train")
    (tmp_path / "test_y.bin").write_bytes(bytes(10))
    with pytest.raises(DataError, match="should hold 1 to 10"):
        data.stl10(tmp_path, "test")
    (tmp_path / "test_y.bin").unlink()
    with pytest.raises(DataError, match=r"no test_y.bin in .*: it comes with STL-10"):
        data.stl10(tmp_path, "test")


@pytest.mark.parametrize("compressed", [False, True])
def test_svhn_is_read_and_ten_is_zero(tmp_path, compressed):
    images, labels = svhn_mat(tmp_path / "test_32x32.mat", compressed=compressed)
    found = data.svhn(tmp_path, "test")
    assert np.array_equal(found.images, images)
    assert np.array_equal(found.labels, labels)
    assert 0 in labels
    with pytest.raises(DataError, match=r"no extra_32x32.mat"):
        data.svhn(tmp_path, "extra")


def test_svhn_that_holds_something_else(tmp_path):
    path = tmp_path / "train_32x32.mat"
    images, labels = np.zeros((32, 32, 3, 4), np.uint8), np.ones((4, 1), np.uint8)
    for arrays, message in (
        ({"X": images}, "should hold X and y, not X"),
        ({"X": images[:-1], "y": labels}, r"X should be \(32, 32, 3\) and N"),
        ({"X": images.astype(np.int16), "y": labels}, "uint8"),
        ({"X": images, "y": labels[:3]}, "4 images and 3 labels"),
        ({"X": images, "y": 0 * labels}, "y should be 1 to 10"),
        ({"X": images, "y": {"a": 1}}, "array of class 2, not of real numbers"),
        ({"X": images, "y": labels * 1j}, "not of real numbers"),
        ({"X": images, "y": "text"}, "array of class 4"),
    ):
        scipy.io.savemat(path, arrays)
        with pytest.raises(DataError, match=message):
            data.svhn(tmp_path, "train")
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(DataError, match=r"files of version 7.3 are HDF5"):
        data.svhn(tmp_path, "train")


def test_what_is_deflated_without_bounds_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "x.mat", {"X": np.zeros(1 << 22, np.uint8)}, do_compression=True)
    with pytest.raises(DataError, match="larger than the 524288 bytes admitted"):
        read_mat(tmp_path / "x.mat")


KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=4),
    st.sampled_from(KINDS),
    st.booleans(),
)
def test_arrays_are_those_that_scipy_reads(tmp_path_factory, shape, kind, compressed):
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    values = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    scipy.io.savemat(path, {"one": values, "two": values[:1]}, do_compression=compressed)
    expected = scipy.io.loadmat(path)
    found = read_mat(path)
    assert set(found) == {"one", "two"}
    for name, array in found.items():
        assert np.array_equal(array, expected[name])
