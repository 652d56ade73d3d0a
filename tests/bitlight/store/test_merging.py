"""One store of several."""

import dataclasses
import shutil

import numpy as np
import pytest
from stores import SAMPLES, chunk_files, empty_store, filled_store, small_network

from bitlight import FeatureStore, StoreError
from bitlight.data.source import ArraySource
from bitlight.store import fill, manifest_for, merge
from bitlight.store.layout import file_of


def part(path, images, chunk, labels, classes=(), placing=None):
    """A store of some images, which says that the RTL computed all of them too."""
    net = small_network()
    source = ArraySource(path.name, images, labels, net.input_shape)
    source.classes, source.placing = classes, placing
    store = FeatureStore.create(path, manifest_for(net, source, chunk=chunk))
    for number in range(store.manifest.chunks):
        rows = store.manifest.span(number)
        features = net.forward(source.images(rows))
        store.write(number, features, source.labels(rows), source.ids(rows), len(rows))
    return store


def test_copies_complete_each_other(tmp_path):
    whole, expected = filled_store(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    other = FeatureStore(tmp_path / "b")
    for chunk in range(7):
        (whole if chunk % 2 else other).drop(chunk)
    other.drop(3)
    merged = merge([whole, other], tmp_path / "m")
    assert list(merged.missing()) == [3]
    store, net, source = empty_store(tmp_path / "m")
    fill(store, net, source)
    assert np.array_equal(merged[:], expected)


def test_parts_stand_behind_each_other(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (SAMPLES, 12), np.uint8)
    labels = rng.integers(0, 5, SAMPLES)
    stores = [
        part(tmp_path / "a", images[:37], 10, labels[:37]),
        part(tmp_path / "b", images[37:40], 16, labels[37:40]),
        part(tmp_path / "c", images[40:], 7, labels[40:]),
    ]
    merged = merge(stores, tmp_path / "m")
    assert merged.manifest.source == "a + b + c"
    assert np.array_equal(merged[:], small_network().forward(images))
    assert np.array_equal(merged.labels(), labels)
    assert merged.ids([0, 36, 37, 40]).tolist() == ["0", "36", "0", "0"]
    assert merged.audited().sum() == SAMPLES
    before = chunk_files(merged.path)
    merged.drop(5)
    assert chunk_files(merge(stores, tmp_path / "m").path) == before


def test_what_does_not_belong_together_is_refused(tmp_path):
    images = np.zeros((20, 12), np.uint8)
    labels = np.zeros(20, int)
    a = part(tmp_path / "a", images, 8, labels, classes=("x", "y"))
    b = part(tmp_path / "b", images, 8, labels)
    with pytest.raises(StoreError, match="a has names of its classes, and .*b has none"):
        merge([a, b], tmp_path / "m")
    c = part(tmp_path / "e", images, 8, labels, classes=("x", "y"), placing={"fit": "pad"})
    with pytest.raises(StoreError, match="of other features: the first has .*photographs as"):
        merge([a, c], tmp_path / "m")
    short = part(tmp_path / "c", images[:9], 8, labels[:9], classes=("x", "y"))
    short.drop(1)
    with pytest.raises(StoreError, match="c lacks 1 chunks, the first is 1"):
        merge([a, short], tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_labels_are_matched_by_the_names_of_their_classes(tmp_path):
    """A part that lacks a class, or has a further one, numbers the others differently."""
    images = np.zeros((20, 12), np.uint8)
    numbers = np.arange(20) % 2
    stores = [
        part(tmp_path / "a", images, 8, numbers, classes=("bee", "cat")),
        part(tmp_path / "b", images, 7, numbers, classes=("ant", "cat")),
        part(tmp_path / "c", images, 8, np.full(20, -1), classes=("cat",)),
    ]
    merged = merge(stores, tmp_path / "m")
    assert merged.manifest.classes == ("bee", "cat", "ant")
    wanted = np.concatenate([numbers, np.where(numbers, 1, 2), np.full(20, -1)])
    assert np.array_equal(merged.labels(), wanted)


def test_a_damaged_part_is_named(tmp_path):
    a, _ = filled_store(tmp_path / "a")
    b = part(tmp_path / "b", np.zeros((9, 12), np.uint8), 4, np.zeros(9, int))
    (b.path / "features/c/1/0").write_bytes(b"")
    assert dataclasses.replace(a.manifest, samples=1).network == b.manifest.network
    with pytest.raises(StoreError, match="chunk 1 of .*b is damaged"):
        merge([a, b], tmp_path / "m")


def test_of_copies_a_whole_one_counts(tmp_path):
    damaged, expected = filled_store(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    file = file_of(damaged.path, "features", 2)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    merged = merge([damaged, FeatureStore(tmp_path / "b")], tmp_path / "m")
    assert np.array_equal(merged[:], expected)
    with pytest.raises(StoreError, match="chunk 2 of .* is damaged"):
        merge([damaged, damaged], tmp_path / "n")


def test_copies_that_differ_are_refused(tmp_path):
    store, _ = filled_store(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    other = FeatureStore(tmp_path / "b")
    other.write(3, 1 - other[48:64], other.labels(slice(48, 64)), other.ids(slice(48, 64)).tolist())
    with pytest.raises(StoreError, match="chunk 3 of .* are both whole, and differ"):
        merge([store, other], tmp_path / "m")
