"""Tiny ImageNet: both parts have the same classes under the same numbers, or are refused."""

import numpy as np
import pytest
from datafiles import tiny_imagenet

from bitlight import DataError, data
from bitlight.data.tinyimagenet import words


@pytest.fixture
def root(tmp_path):
    return tiny_imagenet(tmp_path / "tiny")


def test_both_parts_are_numbered_by_the_list(root):
    train, val = data.tiny_imagenet(root, "train"), data.tiny_imagenet(root, "val")
    assert train.names == val.names == ("n02", "n01", "n03")  # as in wnids.txt, not sorted
    for file, label in zip(train.files, train.labels, strict=True):
        assert file.parts[-3] == train.names[label]
    listed = dict(
        line.split("\t")[:2] for line in (root / "val/val_annotations.txt").read_text().splitlines()
    )
    for file, label in zip(val.files, val.labels, strict=True):
        assert listed[file.name] == val.names[label]
    assert np.bincount(train.labels).tolist() == [4, 4, 4]
    assert np.bincount(val.labels).tolist() == [2, 2, 2]
    assert words(root)["n01"] == "thing n01"


def edit(file, change):
    file.write_text(change(file.read_text()))


def test_lists_that_do_not_agree(root):
    annotations, ids = root / "val/val_annotations.txt", root / "wnids.txt"
    whole, listed = annotations.read_text(), ids.read_text()
    for change, message in (
        (lambda text: text.replace("n03", "n04", 1), "has the class n04, wnids.txt has not"),
        (lambda text: text.replace("val_1.JPEG", "val_0.JPEG"), "names 'val_0.JPEG' twice"),
        (lambda text: text.replace("val_1.JPEG", "../x"), "a file and a class in each line"),
        (lambda text: text.replace("val_1.JPEG", "val_9.JPEG"), "no image .*val_9.JPEG, which"),
        (lambda text: text.partition("\n")[2], "val_0.JPEG is not in val_annotations.txt"),
        (lambda text: text.replace("\t", " "), "a file and a class in each line"),
        (lambda text: text.replace("n03", "n01"), "has no images of the class n03"),
    ):
        edit(annotations, change)
        with pytest.raises(DataError, match=message):
            data.tiny_imagenet(root, "val")
        annotations.write_text(whole)
    for change, message in (
        (lambda text: text + "n09\n", "the class n09 is missing in .*train/"),
        (lambda text: text.replace("n03\n", ""), "the class n03 is missing in .*wnids.txt"),
        (lambda text: text + "n03\n", "should name each class once"),
        (lambda text: "n02\n", "two classes or more"),
    ):
        edit(ids, change)
        with pytest.raises(DataError, match=message):
            data.tiny_imagenet(root, "train")
        ids.write_text(listed)
    with pytest.raises(DataError, match="the test images have no labels"):
        data.tiny_imagenet(root, "test")
