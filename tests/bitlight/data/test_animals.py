import importlib.metadata
import os
import pickle

import numpy as np
import pytest

from bitlight import DataError
from bitlight.data import ANIMALS, animal_split, animals
from bitlight.data.animals import unpickle_array


def test_ten_classes_of_a_thousand():
    images, labels = animals()
    assert images.shape == (10_000, 28, 28, 1)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [1000] * len(ANIMALS)


def test_split_is_stratified_and_repeats():
    first, again = animal_split(seed=3), animal_split(seed=3)
    assert [len(part) for part in first] == [8000, 8000, 2000, 2000]
    assert np.bincount(first[3]).tolist() == [200] * len(ANIMALS)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[2], animal_split(seed=4)[2])


@pytest.mark.parametrize("seed", range(10))
def test_no_test_image_is_among_the_training_images(seed):
    train, _, test, _ = animal_split(seed)
    assert (len(train), len(test)) == (8000, 2000)
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_missing_distribution_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(DataError, match="install the Python package animal-shape-mnist"):
        animals()


@pytest.mark.parametrize("protocol", [3, 4])
def test_unpickles_arrays_of_this_numpy(protocol):
    array = np.arange(6).reshape(2, 3)
    assert np.array_equal(unpickle_array(pickle.dumps(array, protocol), "test"), array)


class Malicious:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("function", [os.system, eval, np.save, np.fromfile, getattr])
def test_pickle_that_calls_is_refused(function, tmp_path):
    proof = tmp_path / "proof"
    content = pickle.dumps(Malicious(function, f"touch {proof}"))
    with pytest.raises(DataError, match="which is not admitted"):
        unpickle_array(content, "test")
    assert not proof.exists()


def test_pickle_of_objects_is_refused():
    content = pickle.dumps(np.array([Malicious(os.system, "true")], dtype=object), 4)
    with pytest.raises(DataError, match="not admitted"):
        unpickle_array(content, "test")


def test_pickle_of_something_else_is_refused():
    with pytest.raises(DataError, match="no pickled array but list"):
        unpickle_array(pickle.dumps([1, 2]), "test")


def test_every_truncation_is_refused():
    content = pickle.dumps(np.arange(3), 4)
    for length in range(len(content)):
        with pytest.raises(DataError):
            unpickle_array(content[:length], "test")


def test_pickle_cannot_ask_for_memory():
    content = pickle.dumps(np.arange(3), 3)
    shape = b"K\x03\x85"
    assert shape in content
    huge = content.replace(shape, b"\x8a\x06\0\0\0\0\0\x7f\x85", 1)
    with pytest.raises(DataError, match="no pickled array"):
        unpickle_array(huge, "test")
