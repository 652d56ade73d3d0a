import re

import numpy as np
import pytest
from datasets import fashion_mnist_or_skip

from bitlight import NetworkError, RidgeHead, data
from bitlight.extractors import CUTS, features, load
from bitlight.extractors.shipped import FOLDER

ACCURACY = {"fashion28": 0.90, "fashion32": 0.915}


@pytest.fixture(scope="module")
def test_set():
    return fashion_mnist_or_skip("test")


@pytest.mark.parametrize("name", ACCURACY)
def test_own_classifier(name, test_set):
    images, labels = test_set
    net = load(name)
    scores = net.forward(data.fit(images, net.input_shape))
    assert (scores.argmax(axis=1) == labels).mean() >= ACCURACY[name]


@pytest.mark.parametrize("name", ACCURACY)
def test_features_transfer(name):
    net = features(name)
    train, train_labels, test, test_labels = data.animal_split()
    train, test = (net.forward(data.fit(images, net.input_shape)) for images in (train, test))
    assert RidgeHead().fit(train, train_labels).score(test, test_labels) >= 0.85


@pytest.mark.parametrize("name", CUTS)
def test_size(name):
    net = features(name)
    assert 1024 <= net.n_features <= 16384
    assert not net.gives_scores
    assert (FOLDER / f"{name}.bnn").stat().st_size < 300_000


@pytest.mark.parametrize("name", CUTS)
def test_card_tells_the_id(name):
    assert load(name).id in (FOLDER / f"{name}.md").read_text()


def test_features_are_the_first_layers():
    net, cut = load(), features()
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    assert np.array_equal(cut.forward(images), net.forward(images, upto=CUTS["fashion28"]))


def test_refuses_an_unknown_name():
    message = "name must be one of cifar32, fashion28, fashion32, natural32, not '../x'"
    with pytest.raises(NetworkError, match=re.escape(message)):
        load("../x")
