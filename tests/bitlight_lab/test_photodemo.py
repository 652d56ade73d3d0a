"""The demonstration on a user's photographs: how they are divided, and the chain once."""

import json

import numpy as np
import pytest
from PIL import Image

from bitlight import Classifier, DataError, extractors
from bitlight_lab import photodemo
from bitlight_lab.demo import holds

NET = extractors.features(photodemo.EXTRACTOR)


def photographs(folder, classes=("ants", "bees"), count=10):
    """Dark ones of the first class, bright ones of the second, with noise."""
    rng = np.random.default_rng(len(classes) + count)
    for index, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 60, (36, 48, 3), dtype=np.uint8) + np.uint8(150 * (index % 2))
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_a_folder_is_divided_class_by_class(tmp_path):
    sides = photodemo.read(str(photographs(tmp_path / "bugs")))
    assert (len(sides.train), len(sides.test)) == (16, 4)
    assert np.bincount(sides.test.labels(range(4))).tolist() == [2, 2]
    train = {image.tobytes() for image in sides.train.images(range(16))}
    assert not train & {image.tobytes() for image in sides.test.images(range(4))}


def test_parts_stay_as_they_are_and_have_the_same_classes(tmp_path):
    photographs(tmp_path / "train", count=6)
    photographs(tmp_path / "val", count=3)
    sides = photodemo.read(str(tmp_path))
    assert (len(sides.train), len(sides.test), sides.test.classes) == (12, 6, ("ants", "bees"))
    photographs(tmp_path / "test", ("ants", "wasps"), count=2)
    with pytest.raises(DataError, match="parts train and test have other classes"):
        photodemo.read(str(tmp_path))


def test_what_has_no_classes_is_refused_before_any_work(tmp_path, run):
    np.save(tmp_path / "images.npy", np.zeros((4, 32, 32, 3), np.uint8))
    for photos, said in (("images.npy", "has no classes"), ("nowhere", "no images")):
        name = str(tmp_path / photos)
        code, _, err = run("demo", "--photos", name, "--folder", tmp_path / "out")
        assert (code, said in err) == (2, True), err
    assert not (tmp_path / "out").exists()


def test_the_chain_once(tmp_path):
    sides = photodemo.read(str(photographs(tmp_path / "bugs")))
    result = photodemo.run(sides, tmp_path / "out", 1)
    assert holds(result)
    assert result["bits_compared"] == 4 * NET.n_features
    assert result["accuracy"]["share"] == 1.0  # dark and bright
    assert json.loads((tmp_path / "out" / "photos.json").read_text()) == result
    assert "RidgeHead on" in (tmp_path / "out" / "photos.html").read_text()
    model = Classifier.load(tmp_path / "out" / "photos.head")
    bee = tmp_path / "bugs" / "bees" / "0.png"
    assert model.predict(bee) == ["bees"]
    for wrong in ({"bits_different": 1}, {"cycles_measured": 1}, {"latency_measured": 1}):
        assert not holds(result | wrong)
