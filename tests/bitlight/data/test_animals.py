import importlib.metadata
import os
import pickle

import numpy as np
import pytest

from bitlight import DataError
from bitlight.data import ANIMALS, animal_split, animals
from bitlight.data.animals import IMAGES, LABELS, _find, read_known
from bitlight.data.gunzip import open_gzip, read_exactly


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


@pytest.mark.parametrize("array", [IMAGES, LABELS], ids=["images", "labels"])
def test_any_other_content_is_refused(array):
    with open_gzip(_find(array.name)) as file:
        content = read_exactly(file, array.size, "test")
    read_known(content, array, "test")
    for place in (0, array.offset - 1, array.offset, array.size - 1):
        content[place] ^= 1
        with pytest.raises(DataError, match="not the file of animal-shape-mnist"):
            read_known(content, array, "test")
        content[place] ^= 1
    with pytest.raises(DataError, match="not the file of animal-shape-mnist"):
        read_known(content[:-1], array, "test")


def test_a_pickle_is_never_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'proof'}",)

    with pytest.raises(DataError, match="not the file"):
        read_known(pickle.dumps(Malicious()), LABELS, "test")
    assert not (tmp_path / "proof").exists()
