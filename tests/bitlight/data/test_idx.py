import gzip
import struct

import numpy as np
import pytest
from datasets import fashion_mnist_or_skip

from bitlight import DataError
from bitlight.data import FASHION, fashion_mnist, read_idx
from bitlight.data.idx import FOLDER


def idx(array, shape=None, magic=0x08):
    shape = array.shape if shape is None else shape
    header = struct.pack(f">I{len(shape)}I", magic << 8 | len(shape), *shape)
    return header + array.tobytes()


def compressed(content):
    return gzip.compress(content, compresslevel=1)


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, array):
    for prefix in ("train", "t10k"):
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(compressed(idx(array)))
        labels = np.arange(5, dtype=np.uint8)
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(compressed(idx(labels)))
    return tmp_path


def test_reads_what_was_written(folder, array):
    images, labels = fashion_mnist("train", folder)
    assert np.array_equal(images[..., 0], array)
    assert images.shape == (5, 28, 28, 1)
    assert images.dtype == np.uint8
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert labels.dtype == np.int64


def test_variable_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("BITLIGHT_FASHION_MNIST", str(folder))
    assert len(fashion_mnist("test")[0]) == 5


def test_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        fashion_mnist("train", tmp_path)


def test_unknown_split(folder):
    with pytest.raises(DataError, match="'train' or 'test', not 'valid'"):
        fashion_mnist("valid", folder)


@pytest.mark.parametrize("labels", [np.arange(4), np.full(5, len(FASHION))])
def test_labels_that_do_not_fit(folder, labels):
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(compressed(idx(labels.astype(np.uint8))))
    with pytest.raises(DataError, match="labels"):
        fashion_mnist("train", folder)


def test_images_of_another_size(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(compressed(idx(np.zeros((5, 8, 8), np.uint8))))
    with pytest.raises(DataError, match=r"should hold images \(N, 28, 28\)"):
        fashion_mnist("train", folder)


FAULTS = {
    "empty": lambda a: b"",
    "not gzip": idx,
    "header cut": lambda a: compressed(idx(a)[:7]),
    "magic cut": lambda a: compressed(idx(a)[:2]),
    "elements cut": lambda a: compressed(idx(a)[:-1]),
    "elements too many": lambda a: compressed(idx(a) + b"\0"),
    "floats": lambda a: compressed(idx(a, magic=0x0D)),
    "no dimensions": lambda a: compressed(struct.pack(">I", 0x0800)),
    "asks for all memory": lambda a: compressed(idx(a, (2**32 - 1, 2**32 - 1, 2**32 - 1))),
    "file cut": lambda a: compressed(idx(a))[:-100],
    "checksum": lambda a: compressed(idx(a))[:-8] + b"\0\0\0\0" + compressed(idx(a))[-4:],
    "trailer": lambda a: compressed(idx(a))[:-1] + b"\1",
    "junk behind": lambda a: compressed(idx(a)) + b"junk",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_file_is_refused_and_named(tmp_path, array, fault):
    path = tmp_path / "damaged.gz"
    path.write_bytes(FAULTS[fault](array))
    with pytest.raises(DataError, match=r"damaged\.gz"):
        read_idx(path)


def test_more_than_the_limit_is_refused_before_reading(tmp_path, array, monkeypatch):
    path = tmp_path / "images.gz"
    path.write_bytes(compressed(idx(np.zeros((1024, 1024), np.uint8))))
    monkeypatch.setattr("bitlight.data.idx.read_exactly", None)
    with pytest.raises(DataError, match="more than the 524288 bytes admitted"):
        read_idx(path)


def test_debian_files():
    images, labels = fashion_mnist_or_skip("test", FOLDER)
    assert images.shape == (10_000, 28, 28, 1)
    assert np.bincount(labels).tolist() == [1000] * 10


@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 0), (2**31, 2**31, 0, 4)])
def test_an_empty_array_whose_sizes_no_array_can_have(tmp_path, shape):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)))
    with pytest.raises(DataError, match=r"a\.gz declares .* more than the"):
        read_idx(path)
