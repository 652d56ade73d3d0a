"""Feature files come back as they were, or are refused in a line."""

import zipfile

import numpy as np
import pytest

from bitlight import DataError
from bitlight.features.npz import FeatureFile


@pytest.fixture
def saved(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.integers(0, 2, (5, 13), dtype=np.uint8)
    samples = FeatureFile(features, np.arange(5), "ab" * 32)
    samples.save(tmp_path / "a.npz")
    return samples, tmp_path / "a.npz"


def test_round_trip(saved):
    samples, path = saved
    again = FeatureFile.load(path)
    assert np.array_equal(again.features, samples.features)
    assert np.array_equal(again.labels, samples.labels)
    assert again.network_id == samples.network_id


def test_missing(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        FeatureFile.load(tmp_path / "a.npz")


def test_truncated(saved):
    _, path = saved
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="not a whole feature file"):
            FeatureFile.load(path)


def test_something_else(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(
        path, features=np.zeros((2, 3), np.uint8), n_features=99, labels=np.zeros(2), id="a" * 64
    )
    with pytest.raises(DataError, match="do not fit 99 bits"):
        FeatureFile.load(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_projected_features(tmp_path, dtype):
    features = np.arange(12).reshape(3, 4).astype(dtype)
    samples = FeatureFile(
        features, np.arange(3), "ab" * 32, {"n_components": 4, "medium": "binary"}
    )
    samples.save(tmp_path / "a.npz")
    again = FeatureFile.load(tmp_path / "a.npz")
    assert again.features.dtype == dtype
    assert np.array_equal(again.features, features)
    assert (again.optics, again.id) == (samples.optics, samples.id)
    assert again.id != FeatureFile(features, np.arange(3), "ab" * 32, {"n_components": 5}).id
    assert FeatureFile(features, np.arange(3), "ab" * 32).id == "ab" * 32


def test_what_the_images_were_comes_back(tmp_path):
    source = {"name": "photos", "placing": {"fit": "pad"}, "skipped": ["a/Thumbs.db"]}
    bits = np.zeros((2, 3), np.uint8)
    FeatureFile(bits, np.arange(2), "ab" * 32, None, ("x", "y"), source).save(tmp_path / "a")
    assert FeatureFile.load(tmp_path / "a").source == source
    FeatureFile(bits, np.arange(2), "ab" * 32, {"a": 1}, ("x", "y"), source).save(tmp_path / "b")
    assert FeatureFile.load(tmp_path / "b").source == source  # all members that there are


def members(**changed):
    content = {"features": np.zeros((2, 2), np.uint8), "n_features": 9, "labels": np.zeros(2, int)}
    return content | {"id": "ab" * 32} | changed


HOSTILE = {
    "compressed": lambda path: np.savez_compressed(path, **members()),
    "its members should be features": lambda path: np.savez(path, **members(more=1)),
    "its list of members has": lambda path: np.savez(path, **{f"a{n}": 1 for n in range(99)}),
    "holds object, not numbers": lambda path: np.savez(path, **members(id=np.array([None]))),
    "has labels of float64": lambda path: np.savez(path, **members(labels=np.zeros(2))),
    "must be 64 hexadecimal digits": lambda path: np.savez(path, **members(id="../" * 21 + "a")),
    "says that it has -8 features": lambda path: np.savez(path, **members(n_features=-8)),
    "says that it has 0 features": lambda path: np.savez(
        path, **members(n_features=0, features=np.zeros((2, 0), np.uint8))
    ),
    "do not fit 17 bits": lambda path: np.savez(path, **members(n_features=17)),
    "has bits after the last of 9": lambda path: np.savez(
        path, **members(features=np.full((2, 2), 2, np.uint8))
    ),
    "that are no finite numbers": lambda path: np.savez(
        path, **members(features=np.full((2, 9), np.nan, np.float32), optics="{}")
    ),
    "a source that is no object": lambda path: np.savez(path, **members(source="3")),
    "nested too deeply": lambda path: np.savez(path, **members(optics="[" * 3000)),
}


@pytest.mark.parametrize("message", HOSTILE)
def test_hostile_archives(tmp_path, message):
    path = tmp_path / "a.npz"
    HOSTILE[message](path)
    with pytest.raises(DataError, match=message):
        FeatureFile.load(path)


def test_a_shape_that_asks_for_more_than_the_file_has(saved):
    _, path = saved
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    header = content["features.npy"]
    content["features.npy"] = header.replace(b"(5, 2), }   ", b"(5, 2000), }")
    with zipfile.ZipFile(path, "w") as file:
        for name, member in content.items():
            file.writestr(name, member)
    with pytest.raises(DataError, match=r"\(5, 2000\) of uint8 does not fill its 10 bytes"):
        FeatureFile.load(path)
