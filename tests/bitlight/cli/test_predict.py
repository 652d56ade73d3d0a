"""`head train` on photographs, and `predict`: what a newcomer does first."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bitlight import Classifier, FeatureStore, RidgeHead, data, extractors
from bitlight.features.npz import FeatureFile
from bitlight.heads import Head

COLOURS = {"blue": (30, 40, 220), "green": (40, 200, 50), "red": (220, 30, 40)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("made") / "photos", np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(10):
            noise = rng.integers(-25, 26, (30, 44, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def head(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("head") / "my.head"
    Classifier.train(photos, "fashion28", calibrate=True).save(path)
    return path


def told(path):
    return json.loads(path.read_text())


def test_from_photographs_to_a_head_to_names(run, photos, tmp_path):
    head, figures = tmp_path / "my.head", tmp_path / "a.json"
    train = ("head", "train", photos, head, "--extractor", "fashion28", "--fit", "pad")
    code, out, err = run(*train, "--calibrate", "--json", figures)
    assert code == 0, err
    assert "fashion28:features: 7 layers" in out
    found = told(figures)
    assert (found["images"], found["features"], found["classes"]) == (30, 2400, 3)
    assert found["images_held_out"] == 6
    low, high = found["interval_held_out"]
    assert 0 <= low <= found["accuracy_held_out"] <= high <= 1
    assert found["placing"] == {"fit": "pad", "background": "white"}
    kept = Head.load(head)
    assert kept.class_names_ == ("blue", "green", "red")
    assert kept.extractor_id_ == extractors.features("fashion28").id
    code, out, err = run("predict", head, photos / "red/1.png", photos / "blue", "--json", figures)
    assert code == 0, err
    found = told(figures)
    assert [row["image"] for row in found["images"]] == [
        str(photos / "red/1.png"),
        *(str(photos / f"blue/{n}.png") for n in range(10)),
    ]
    model = Classifier.load(head)
    assert model.placing.fit == "pad"
    for row in found["images"]:
        (best,) = row["classes"]
        assert [best["class"]] == model.predict(row["image"])
        assert best["probability"] == pytest.approx(model.predict_proba(row["image"]).max())


def test_it_is_the_head_that_two_commands_make(run, photos, tmp_path):
    one, two, features = tmp_path / "one.head", tmp_path / "two.head", tmp_path / "f.npz"
    how = ("--extractor", "fashion28", "--fit", "stretch", "--calibrate")
    assert run("head", "train", photos, one, *how)[0] == 0
    assert run("features", "fashion28", photos, features, "--fit", "stretch")[0] == 0
    assert run("head", "train", features, two, "--calibrate")[0] == 0
    assert one.read_bytes() == two.read_bytes()
    store = tmp_path / "store"
    assert run("features", "fashion28", photos, store, "--fit", "stretch")[0] == 0
    assert run("head", "train", store, tmp_path / "three.head")[0] == 0
    assert Head.load(tmp_path / "three.head").placing_ == Head.load(one).placing_


def test_top_and_patterns(run, photos, head, tmp_path):
    code, _, err = run(
        "predict", head, f"{photos}/*/[01].png", "--top", 2, "--json", tmp_path / "a"
    )
    assert code == 0, err
    found = told(tmp_path / "a")
    assert len(found["images"]) == 6
    for row in found["images"]:
        first, second = row["classes"]
        assert first["probability"] > second["probability"]
    code, _, err = run("predict", head, photos / "red/0.png", "--top", 9, "--json", tmp_path / "a")
    (row,) = told(tmp_path / "a")["images"]
    assert len(row["classes"]) == 3  # there are no more
    assert sum(one["probability"] for one in row["classes"]) == pytest.approx(1)


def test_a_head_that_gives_no_probabilities_says_so(run, photos, tmp_path):
    net = extractors.features("fashion28")
    images, labels, names = data.image_folder(photos, net.input_shape)
    RidgeHead().fit(net.forward(images), labels).save(tmp_path / "r.head", net.id, names)
    code, out, err = run("predict", tmp_path / "r.head", photos / "red/0.png")
    assert code == 0
    assert "r.head was not calibrated: scores are told, no probabilities" in err
    assert "r.head does not say how photographs came to it" in err
    assert "score" in out
    assert "probability" not in out


def test_engines_give_the_same(run, photos, head, tmp_path):
    files = [photos / name / "0.png" for name in COLOURS]
    for engine in ("golden", "rtl"):
        code, _, err = run("predict", head, *files, "--engine", engine, "--json", tmp_path / engine)
        assert code == 0, err
    golden, rtl = told(tmp_path / "golden"), told(tmp_path / "rtl")
    assert (golden.pop("engine"), rtl.pop("engine")) == ("golden", "rtl")
    assert golden == rtl


def test_an_extractor_of_ones_own(run, photos, tmp_path):
    net = extractors.load("fashion32").upto(2)
    flipped = net.layers[0].weight.copy()
    flipped[0, 0, 0, 0] ^= True
    shutil.copy(extractors.shipped.FOLDER / "fashion32.bnn", tmp_path / "other.bnn")
    from bitlight import Conv2d, Network

    first = net.layers[0]
    changed = Conv2d(flipped, first.threshold, first.stride, first.padding)
    own = Network(net.input_shape, net.input_bits, [changed])
    own.save(tmp_path / "own.bnn")
    train = ("head", "train", photos, tmp_path / "own.head", "--extractor", tmp_path / "own.bnn")
    code, _, err = run(*train)
    assert code == 0, err
    predict = ("predict", tmp_path / "own.head", photos / "red/0.png")
    code, _, err = run(*predict)
    assert code == 2
    assert "own.head was trained for extractor" in err
    assert "give the .bnn file that it was trained on" in err
    code, _, err = run(*predict, "--extractor", tmp_path / "other.bnn")
    assert code == 2
    assert ", not for " in err
    assert run(*predict, "--extractor", tmp_path / "own.bnn")[0] == 0


def test_wrong_ways_are_one_line(run, photos, head, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no image")
    red = photos / "red/0.png"
    (tmp_path / "deep/cat/more").mkdir(parents=True)
    ways = [
        (("predict", head, tmp_path / "no.png"), "no such file"),
        (("predict", head, tmp_path / "*.jpg"), "no file has a name like"),
        (("predict", head, tmp_path / "empty"), "there are no files in"),
        (("predict", head, tmp_path / "text.png"), "text.png is not an image"),
        (("predict", tmp_path / "no.head", red), "no such file"),
        (("predict", red, red), "is not a whole head file"),
        (("predict", head, red, "--extractor", "fashion32"), "was trained for extractor"),
        (("predict", head, red, "--extractor", "cnv"), "weights are random"),
        (("predict", head, red, "--extractor", "fashion28:whole"), "gives scores, and a head"),
        (("predict", head, red, "--engine", "board"), "--engine board and --port go together"),
        (("predict", head, red, "--json", red), "give the output another name"),
    ]
    train = ("head", "train")
    out = tmp_path / "x.head"
    ways += [
        ((*train, photos, out), "--extractor says whose features"),
        ((*train, "animals:train", out), "--extractor says whose features"),
        ((*train, tmp_path / "no.npz", out), "no such file"),
        ((*train, photos, out, "--extractor", "fashin28"), "do you mean fashion28"),
        ((*train, photos, out, "--extractor", "cnv"), "weights are random"),
        ((*train, photos, out, "--extractor", "fashion28", "--split", "80:20"), "go together"),
        ((*train, photos, out, "--extractor", "fashion28", "--names", "a"), "--names and --dask"),
        ((*train, f"{photos}:train", out, "--extractor", "fashion28"), "has no part 'train'"),
        ((*train, tmp_path / "deep", out, "--extractor", "fashion28"), "more is a folder: there"),
        ((*train, tmp_path / "text.png", out, "--extractor", "fashion28"), "no images"),
    ]
    for words, message in ways:
        code, _, err = run(*words)
        assert code == 2, (words, err)
        assert message in err, (words, err)
        assert err.count("\n") == 1
        assert not out.exists()
    features = tmp_path / "f.npz"
    FeatureFile(np.eye(8, dtype=np.uint8), np.arange(8) % 2, "ab" * 32).save(features)
    code, _, err = run(*train, features, out, "--fit", "pad", "--split", "80:20", "--part", "test")
    assert code == 2
    assert "--fit and --split and --part are for images" in err


def test_parts_and_splits_of_a_folder(run, photos, tmp_path):
    for side in ("train", "test"):
        shutil.copytree(photos, tmp_path / "both" / side)
        split = ("--split", "80:20", "--part", side)
        assert run("features", "fashion28", photos, tmp_path / side, *split)[0] == 0
    train, test = FeatureStore(tmp_path / "train"), FeatureStore(tmp_path / "test")
    assert (len(train), len(test)) == (24, 6)
    assert not set(train.ids()) & set(test.ids())
    assert np.bincount(test.labels()).tolist() == [2, 2, 2]
    assert test.manifest.source == f"{photos}, test of 80:20, seed 0"
    split = ("--split", "80:20", "--part", "train")
    code, _, err = run("features", "fashion28", photos, tmp_path / "test", *split)
    assert code == 2
    assert "is a store of other features" in err
    assert run("features", "fashion28", f"{tmp_path / 'both'}:test", tmp_path / "t")[0] == 0
    assert len(FeatureStore(tmp_path / "t")) == 30
    code, _, err = run("features", "fashion28", tmp_path / "both", tmp_path / "u")
    assert code == 2
    assert "has the parts train and test: give" in err
    head = tmp_path / "my.head"
    assert run("head", "train", photos, head, "--extractor", "fashion28", *split)[0] == 0
    assert run("head", "score", head, tmp_path / "test")[0] == 0
    code, _, err = run("features", "fashion28", "random:9", tmp_path / "v", *split)
    assert code == 2
    assert "--split goes class by class, and random:9 has no classes" in err


def test_a_class_that_is_missing_in_the_test_part(run, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "p/train")
    shutil.copytree(photos, tmp_path / "p/test")
    shutil.rmtree(tmp_path / "p/test/green")  # so that red has another number there
    head, features = tmp_path / "my.head", tmp_path / "t.npz"
    place = f"{tmp_path / 'p'}"
    assert run("head", "train", f"{place}:train", head, "--extractor", "fashion28")[0] == 0
    assert run("features", "fashion28", f"{place}:test", features)[0] == 0
    code, _, err = run("head", "score", head, features, "--json", tmp_path / "a")
    assert code == 0, err
    assert told(tmp_path / "a")["accuracy"] > 0.9  # red is red, by its name
