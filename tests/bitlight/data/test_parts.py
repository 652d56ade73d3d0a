"""What lies at a path is recognised by its files, and a part is always named."""

import numpy as np
import pytest
from datafiles import (
    cifar10_binary,
    cifar10_python,
    cifar100_python,
    packed,
    stl10_binary,
    svhn_mat,
    tiny_imagenet,
)
from datasets import photographs

from bitlight import DataError
from bitlight.data import Listing, Pixels
from bitlight.data.parts import layout_of, read_part, split_part


def write_all(root):
    """One of each kind: path → its parts."""
    cifar10_python(root / "a/cifar-10-batches-py")
    cifar100_python(root / "cifar-100-python")
    cifar10_binary(root / "renamed")
    packed(root / "renamed", root / "x.tar.gz")
    stl10_binary(root / "b/stl10_binary")
    svhn_mat(root / "svhn/test_32x32.mat")
    svhn_mat(root / "svhn/train_32x32.mat")
    tiny_imagenet(root / "tiny")
    for part in ("train", "val"):
        photographs(root / "photos" / part, 2, ("cat", "dog"))
    both = ("train", "test")
    return {
        "a": both,
        "a/cifar-10-batches-py": both,
        "cifar-100-python": both,
        "renamed": both,
        "x.tar.gz": both,
        "b": both,
        "b/stl10_binary": both,
        "svhn": both,
        "tiny": ("train", "val"),
        "photos": ("train", "val"),
    }


def test_every_layout_is_known_and_read(tmp_path):
    for name, parts in write_all(tmp_path).items():
        layout = layout_of(tmp_path / name)
        assert layout is not None, name
        assert layout.parts(tmp_path / name) == parts
        for part in parts:
            found = read_part(tmp_path / name, part)
            assert isinstance(found, Listing if name in ("tiny", "photos") else Pixels)
            assert set(found.labels.tolist()) <= set(range(len(found.names)))
        for wrong in ("", "whole", "extra"):
            with pytest.raises(DataError, match=f"give {tmp_path}/{name}:{parts[0]} or "):
                read_part(tmp_path / name, wrong)


def test_what_has_no_parts(tmp_path):
    photographs(tmp_path / "photos", 2, ("train", "test"))  # trains, and tests of something
    assert read_part(tmp_path / "photos", "") is None
    assert layout_of(tmp_path / "no such folder") is None
    with pytest.raises(DataError, match="photos has no part 'train': parts are those of CIFAR"):
        read_part(tmp_path / "photos", "train")


def test_a_colon_may_belong_to_a_name(tmp_path):
    (tmp_path / "a:train").mkdir()
    assert split_part(str(tmp_path / "a:train")) == (tmp_path / "a:train", "")
    assert split_part(str(tmp_path / "b:train")) == (tmp_path / "b", "train")
    assert split_part(str(tmp_path / "b:0")) == (tmp_path / "b:0", "")


def test_taking_rows_keeps_what_belongs_together(tmp_path):
    (images, labels), _ = cifar10_python(tmp_path / "c")
    whole = read_part(tmp_path / "c", "train")
    rows = np.array([3, 7])
    assert np.array_equal(whole.take(rows).images, images[rows])
    assert np.array_equal(whole.take(rows).labels, labels[rows])
    listing = read_part(tiny_imagenet(tmp_path / "t"), "train")
    some = listing.take(rows)
    assert some.ids == [listing.ids[3], listing.ids[7]]
    assert np.array_equal(some.labels, listing.labels[rows])
