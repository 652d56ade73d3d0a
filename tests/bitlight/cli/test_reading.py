"""Folders of photographs as a user has them."""

import json

import numpy as np
import pytest
from PIL import Image

from bitlight import FeatureStore, Linear, Network
from bitlight.data.foldersource import FolderSource
from bitlight.features.npz import FeatureFile


@pytest.fixture
def net(tmp_path):
    """Flat, of one bit: what published fully connected networks take."""
    rng = np.random.default_rng(0)
    net = Network((784,), 1, [Linear(rng.random((40, 784)) < 0.5, rng.integers(-20, 20, 40))])
    net.save(tmp_path / "net.bnn")
    return net


@pytest.fixture
def photos(tmp_path):
    """Ten photographs of two classes, and a file that is none."""
    rng = np.random.default_rng(0)
    for number in range(10):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 50, 3), np.uint8)).save(folder / f"{number}.png")
    (folder / "Thumbs.db").write_bytes(b"no image")
    return tmp_path / "photos"


def test_bad_files_are_left_out_and_told(run, net, photos, tmp_path):
    features = ("features", tmp_path / "net.bnn", photos)
    for out in ("s", "s.npz"):
        code, _, err = run(*features, tmp_path / out)
        assert (code, err.count("Thumbs.db is not an image"), "--skip-bad" in err) == (2, 1, True)
        assert not (tmp_path / out).exists()
        told = ("--skip-bad", "--json", tmp_path / "a.json")
        code, _, err = run(*features, tmp_path / out, *told)
        assert code == 0
        assert "left out, being no images: 1 files\n  dog/Thumbs.db" in err
        assert json.loads((tmp_path / "a.json").read_text())["skipped"] == ["dog/Thumbs.db"]
    store, file = FeatureStore(tmp_path / "s"), FeatureFile.load(tmp_path / "s.npz")
    assert store.manifest.skipped == ("dog/Thumbs.db",)
    assert file.source == {
        "name": str(photos),
        "placing": {"fit": "crop", "background": "white"},
        "skipped": ["dog/Thumbs.db"],
    }
    source = FolderSource(photos, (784,), 1, skip_bad=True)
    assert np.array_equal(store[:], net.forward(source.images(range(10))))
    assert np.array_equal(file.features, store[:])
    assert file.classes == ("cat", "dog")


def test_a_store_goes_on_as_it_was_begun(run, net, photos, tmp_path):
    begin = ("features", tmp_path / "net.bnn", photos, tmp_path / "s", "--skip-bad", "--chunk", 4)
    assert run(*begin)[0] == 0
    before = FeatureStore(tmp_path / "s")[:]
    FeatureStore(tmp_path / "s").drop(1)
    code, out, _ = run(*begin)
    assert code == 0
    assert "looking for bad files" not in out  # they are known
    assert np.array_equal(FeatureStore(tmp_path / "s")[:], before)
    for option, other in (("--fit", "pad"), ("--background", "black")):
        code, _, err = run(*begin, option, other)
        assert code == 2
        assert "is a store of other features: it has placing" in err


def test_fits_give_other_features(run, net, photos, tmp_path):
    found = []
    for fit in ("crop", "pad", "stretch"):
        arguments = ("features", tmp_path / "net.bnn", photos, tmp_path / fit, "--skip-bad")
        assert run(*arguments, "--fit", fit)[0] == 0
        found.append(FeatureStore(tmp_path / fit)[:])
    assert (found[0] != found[1]).any()
    assert (found[0] != found[2]).any()


def test_simulations_take_the_same_options(run, net, photos, tmp_path):
    arguments = (
        "simulate",
        tmp_path / "net.bnn",
        photos,
        "-n",
        3,
        "--engine",
        "sliced",
        "--cycles",
        7840,
    )
    assert run(*arguments)[0] == 2
    code, _, err = run(*arguments, "--skip-bad", "--fit", "pad")
    assert code == 0, err
    assert "dog/Thumbs.db" in err


def test_a_name_that_means_all_images_says_so(run, net, tmp_path):
    for name, said in (("animals", "animals:train and animals:test are its parts"), ("digits", "")):
        err = run("features", tmp_path / "net.bnn", name, tmp_path / name, "-n", 5)[2]
        assert f"{name} is all " in err
        assert said in err
    assert not run("features", tmp_path / "net.bnn", "animals:test", tmp_path / "t", "-n", 5)[2]
