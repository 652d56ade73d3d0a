import numpy as np
import pytest
from datasets import fashion_mnist_or_skip
from PIL import Image

from bitlight import DataError
from bitlight_lab.papers import targets


@pytest.fixture(scope="module")
def digits():
    return targets.load("digits", (8, 8, 1))


def test_digits_are_divided_class_by_class(digits):
    assert (len(digits.labels), len(digits.test_labels)) == (1437, 360)
    assert np.bincount(digits.test_labels).min() >= 34
    assert digits.classes == 10
    assert not digits.flip


def test_few_of_each_class(digits):
    images, labels = digits.few(3, seed=0)
    assert np.bincount(labels).tolist() == [3] * 10
    again, other = digits.few(3, seed=0), digits.few(3, seed=1)
    assert np.array_equal(again[0], images)
    assert not np.array_equal(other[0], images)
    for image, label in zip(images, labels, strict=True):
        assert (digits.images[digits.labels == label] == image).all(axis=(1, 2, 3)).any()


def test_no_more_than_there_are(digits):
    assert len(digits.few(10_000, 0)[1]) == 1437
    part = digits.limited(100, 50)
    assert (len(part.images), len(part.test_labels)) == (100, 50)
    assert len(digits.limited(None, None).labels) == 1437


def test_half_of_the_classes_of_fashion_mnist():
    fashion_mnist_or_skip("test")
    images, labels = targets.fashion("test", targets.TARGET_CLASSES)
    assert images.shape == (5000, 28, 28, 1)
    assert np.bincount(labels).tolist() == [1000] * 5
    assert not set(targets.TARGET_CLASSES) & set(targets.SOURCE_CLASSES)


def test_photographs_of_a_folder(tmp_path):
    for index, name in enumerate(("ants", "bees")):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("RGB", (40, 30), (0, 100 * index, 0)).save(tmp_path / name / f"{number}.png")
    target = targets.load(f"animals10={tmp_path}", (16, 16, 3))
    assert target.name == "animals10"
    assert target.images.shape == (8, 16, 16, 3)
    assert np.array_equal(target.images[:, 8, 8, 1], 100 * target.labels)
    assert np.array_equal(target.test_images[:, 8, 8, 1], 100 * target.test_labels)


def photographs(folder, classes=("ants", "bees"), count=5, side=40):
    for index, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (side, 30), (0, 100 * index, 0)).save(folder / name / f"{number}.png")
    return folder


def test_a_folder_that_is_divided_already(tmp_path):
    photographs(tmp_path / "bugs" / "train", count=4)
    photographs(tmp_path / "bugs" / "test", count=3)
    target = targets.load(f"folder={tmp_path / 'bugs'}", (16, 16, 3))
    assert target.name == "bugs"
    assert (len(target.labels), len(target.test_labels), target.classes) == (8, 6, 2)
    assert np.array_equal(target.test_images[:, 8, 8, 1], 100 * target.test_labels)


def test_the_sides_have_the_same_classes(tmp_path):
    photographs(tmp_path / "train")
    photographs(tmp_path / "val", ("ants", "wasps"))
    with pytest.raises(DataError, match="'bees' is in one of train/ and val/ alone"):
        targets.load(f"folder={tmp_path}", (16, 16, 3))


def test_two_folders_are_two_targets(tmp_path):
    """A journal once took the runs on one folder for those on another."""
    one, two = photographs(tmp_path / "a"), photographs(tmp_path / "b")
    same, other = photographs(tmp_path / "c" / "a"), photographs(tmp_path / "d" / "a", side=50)
    found = [targets.identity(f"folder={folder}") for folder in (one, two, same, other)]
    assert [each["target"] for each in found] == ["a", "b", "a", "a"]
    assert found[0] == found[2] != found[3]
    assert targets.identity("digits") == {"target": "digits"}


def test_targets_of_one_name_are_refused(tmp_path):
    names = [f"folder={photographs(tmp_path / side / 'bugs')}" for side in "ab"]
    targets.check_labels(["digits", names[0]])
    for twice in (names, ["digits", "digits"]):
        with pytest.raises(DataError, match="two targets are called"):
            targets.check_labels(twice)


@pytest.mark.parametrize("name", ["flowers", "zebras", "digits=/tmp", "zebras=/tmp"])
def test_unknown_target(name):
    with pytest.raises(DataError, match=f"no target '{name}': give animals"):
        targets.load(name, (8, 8, 1))
