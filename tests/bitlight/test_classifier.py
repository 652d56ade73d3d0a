"""From a folder of photographs to names of classes, and never by another extractor's head."""

import numpy as np
import pytest
from datasets import photographs
from PIL import Image

from bitlight import (
    BinaryHead,
    Classifier,
    DataError,
    HeadError,
    LinearHead,
    NetworkError,
    RidgeHead,
    data,
    extractors,
)
from bitlight.data import Placing
from bitlight.extractors import extractor, extractor_of
from bitlight.heads import Head
from bitlight.heads.accuracy import Accuracy
from bitlight.heads.heldout import apart, fit_held_out

COLOURS = {"blue": (30, 40, 220), "green": (40, 200, 50), "red": (220, 30, 40)}


def coloured(root, count=12, size=(40, 36)):
    """A class of noisy photographs for each colour, which anyone can tell apart."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(-25, 26, (*size, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return coloured(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def model(photos):
    return Classifier.train(photos, "fashion32")


def test_three_lines_from_photographs_to_names(photos, tmp_path):
    model = Classifier.train(photos, "fashion32")
    model.save(tmp_path / "my.head")
    found = Classifier.load(tmp_path / "my.head").predict(
        [photos / "red/3.png", photos / "blue/0.png"]
    )
    assert found == ["red", "blue"]


def test_it_is_the_head_of_the_features(photos, model):
    net = extractors.features("fashion32")
    images, labels, names = data.image_folder(photos, net.input_shape)
    head = RidgeHead().fit(net.forward(images), labels)
    assert model.names == names
    assert np.array_equal(model.head.coef_, head.coef_)
    files = data.image_files(photos)[0]
    assert np.array_equal(model.scores(files), head.decision_function(net.forward(images)))
    assert model.predict(files) == [names[n] for n in head.predict(net.forward(images))]
    assert np.allclose(model.predict_proba(files).sum(axis=1), 1)
    assert model.predict(images) == model.predict(files)  # pixels as well
    assert model.predict(files[0]) == ["blue"]  # one alone


def test_what_is_held_out_is_told(photos, model):
    assert model.held_out.images == 6  # a fifth of twelve, rounded, of each class
    assert model.held_out.right == 6
    assert model.head.temperature_ == 1  # six images tell too little
    more = Classifier.train(photos, "fashion32", calibrate=True)
    assert more.head.temperature_ != 1
    assert Classifier.train(photos, "fashion32", hold_out=0.6).head.temperature_ != 1
    bare = Classifier.train(photos, "fashion32", hold_out=0)
    assert bare.held_out is None
    assert bare.head.temperature_ == 1


def test_how_photographs_were_placed_goes_along(photos, tmp_path):
    model = Classifier.train(photos, "fashion32", LinearHead(epochs=2), placing=Placing("pad"))
    model.save(tmp_path / "a.head", "int8")
    again = Classifier.load(tmp_path / "a.head")
    assert again.placing == Placing("pad")
    assert again.head.placing_ == {"fit": "pad", "background": "white"}
    assert Head.load(tmp_path / "a.head").readout_.dtype == "int8"
    files = data.image_files(photos)[0]
    images = data.image_folder(photos, (32, 32, 3), Placing("pad"))[0]
    assert np.array_equal(again.scores(files), again.scores(images))


def test_a_head_finds_its_extractor_by_id_alone(photos, model, tmp_path):
    whole = extractors.load("fashion32")
    short = whole.upto(3)
    short.save(tmp_path / "short.bnn")
    Classifier.train(photos, tmp_path / "short.bnn").save(tmp_path / "short.head")
    # Some of the layers of one that comes with bitlight.
    assert Classifier.load(tmp_path / "short.head").extractor.id == short.id
    assert Classifier.load(tmp_path / "short.head", whole).extractor.id == short.id
    model.save(tmp_path / "my.head")
    with pytest.raises(HeadError, match=r"my.head was trained .*, not for .* or some"):
        Classifier.load(tmp_path / "my.head", tmp_path / "short.bnn")
    with pytest.raises(HeadError, match="was trained for extractor"):
        Classifier(short, model.head)
    with pytest.raises(HeadError, match=r"which is none of .*fashion28.*: give the .bnn file"):
        extractor_of("ab" * 32, "x.head")
    with pytest.raises(HeadError, match="x.head does not say for which extractor"):
        extractor_of(None, "x.head")
    with pytest.raises(HeadError, match="the head takes 5 features, not 3200"):
        bits = np.random.default_rng(0).integers(0, 2, (20, 5), dtype=np.uint8)
        Classifier(model.extractor, RidgeHead().fit(bits, np.arange(20) % 2))


def test_what_no_extractor_is(tmp_path):
    assert extractor(extractors.load("fashion28")).n_features == 256  # without its classifier
    with pytest.raises(NetworkError, match="no extractor 'fashion29': give a .bnn file, or one of"):
        extractor("fashion29")
    with pytest.raises(NetworkError, match="nothing.bnn"):
        extractor(tmp_path / "nothing.bnn")


@pytest.mark.parametrize("head", [BinaryHead(epochs=2), LinearHead(epochs=2), RidgeHead()])
def test_two_classes_are_told_as_the_head_tells_them(photos, tmp_path, head):
    for name in ("blue", "green"):
        (tmp_path / "two" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "two" / name).symlink_to(photos / name)
    model = Classifier.train(tmp_path / "two", "fashion28", head)
    files = data.image_files(photos)[0]
    bits = model.features(files)
    assert model.predict(files) == [model.names[n] for n in model.head.predict(bits)]
    assert model.scores(files).shape == (36, 2)


def test_a_projection_is_made_again(photos, tmp_path):
    from bitlight.optics.recorded import recorded

    net = extractors.features("fashion28")
    images, labels, names = data.image_folder(photos, net.input_shape)
    bits = net.forward(images)
    how = {"n_components": 300, "medium": "binary", "camera": {"bits": 8, "exposure": "auto"}}
    how |= {"linear": False, "exponent": 1, "random_state": 3}
    optics = recorded(how).fit(bits)
    how["camera"]["exposure"] = optics.exposure_
    head = RidgeHead().fit(optics.transform(bits), labels)
    head.save(tmp_path / "o.head", net.id, names, projection=how)
    model = Classifier.load(tmp_path / "o.head")
    files = data.image_files(photos)[0]
    expected = Head.load(tmp_path / "o.head").decision_function(optics.transform(bits))
    assert np.array_equal(model.scores(files), expected)
    assert np.array_equal(model.scores(files[5:7]), expected[5:7])


def test_photographs_that_are_awkward(photos, model, tmp_path):
    image = Image.open(photos / "red/0.png").convert("RGB")
    for name, mode in (("grey", "L"), ("alpha", "RGBA"), ("bits", "1"), ("palette", "P")):
        image.convert(mode).save(tmp_path / f"{name}.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert model.predict([tmp_path / f"{n}.png" for n in ("alpha", "palette")]) == ["red", "red"]
    assert model.predict(tmp_path / "cmyk.jpg") == ["red"]
    assert len(model.predict([tmp_path / "grey.png", tmp_path / "bits.png"])) == 2
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match="deep.png has more than 8 bits a channel"):
        model.predict(tmp_path / "deep.png")
    with pytest.raises(DataError, match="there are no images to predict"):
        model.predict([])


def test_what_cannot_be_trained_on(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no folder"):
        Classifier.train(tmp_path / "photos", "fashion32")
    photographs(tmp_path / "one", 3, ("cat",))
    with pytest.raises(HeadError, match="two classes or more"):
        Classifier.train(tmp_path / "one", "fashion32")
    (tmp_path / "one/dog").mkdir()
    with pytest.raises(DataError, match="dog holds no images"):
        Classifier.train(tmp_path / "one", "fashion32")
    photographs(tmp_path / "p/train", 3, ("cat", "dog"))
    photographs(tmp_path / "p/test", 3, ("cat", "dog"))
    with pytest.raises(DataError, match=r"has the parts train and test: give .*p:train or"):
        Classifier.train(tmp_path / "p", "fashion32")
    assert Classifier.train(f"{tmp_path / 'p'}:train", "fashion28").names == ("cat", "dog")
    monkeypatch.setattr("bitlight.classifier.MOST_BYTES", 1 << 13)
    with pytest.raises(DataError, match="write a store with `bitlight features`"):
        Classifier.train(f"{tmp_path / 'p'}:train", "fashion28")


def test_a_class_with_one_image_is_not_held_out():
    labels = np.array([0] * 10 + [1] + [2] * 4)
    held = apart(labels, 0.2, 0)
    assert np.bincount(labels[held], minlength=3).tolist() == [2, 0, 1]
    assert not apart(labels, 0, 0).any()


def test_the_trial_has_not_seen_what_it_is_tested_on():
    # Labels are noise: a head of more features than samples knows all that it has seen.
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (400, 600), dtype=np.uint8), rng.integers(0, 2, 400)
    head = RidgeHead([1e-3])
    told = fit_held_out(head, X, y)
    assert head.score(X, y) == 1
    assert told.share < 0.65
    assert told.images == 80


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    # From the paper's formula; the last two are the rule (0, z²/(n+z²)) and its mirror.
    [(45, 50, 0.7864, 0.9565), (1, 2, 0.0945, 0.9055), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)],
)
def test_wilsons_interval(right, images, low, high):
    assert Accuracy(right, images).interval == pytest.approx((low, high), abs=1e-4)
