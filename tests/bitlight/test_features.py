import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from bitlight import (
    BinaryFeatures,
    Conv2d,
    FoldingError,
    Linear,
    MaxPool2d,
    Network,
    NetworkError,
    RidgeHead,
)
from bitlight.data import digits


def network(last=None):
    """8×8 pixels, a convolution, a pool, a fully connected layer of 48 bits."""
    generator = np.random.default_rng(0)
    layers = [
        Conv2d(generator.random((6, 3, 3, 1)) < 0.5, np.zeros(6, np.int32)),
        MaxPool2d(),
        Linear(generator.random((48, 54)) < 0.5, np.zeros(48, np.int32)),
    ]
    return Network((8, 8, 1), 8, layers + ([] if last is None else [last]))


SCORES = Linear(np.ones((10, 48), bool), None)


@pytest.fixture(scope="module")
def images():
    return digits()[0][:40]


def test_golden_is_the_network(images):
    net = network()
    features = BinaryFeatures(net).fit_transform(images)
    assert features.dtype == np.uint8
    assert np.array_equal(features, net.forward(images))


@pytest.mark.parametrize("upto", [1, 2, 3])
def test_upto_cuts_the_network(images, upto):
    net = network(SCORES)
    transformer = BinaryFeatures(net, upto=upto).fit(images)
    assert np.array_equal(transformer.transform(images), net.forward(images, upto=upto))
    assert transformer.network_.id == net.upto(upto).id


def test_flattened_rows_are_the_same_images(images):
    transformer = BinaryFeatures(network()).fit(images)
    rows = images.reshape(len(images), -1)
    assert np.array_equal(transformer.transform(rows), transformer.transform(images))
    assert transformer.n_features_in_ == rows.shape[1]


def test_names_of_the_features(images):
    names = BinaryFeatures(network()).fit(images).get_feature_names_out()
    assert len(names) == 48
    assert names[47] == "binaryfeatures47"


def test_rtl_gives_the_same_bits(images):
    net = network()
    transformer = BinaryFeatures(net, "rtl", upto=1, folding=[(2, 3)], processes=2)
    assert np.array_equal(transformer.fit_transform(images), net.forward(images, upto=1))


def test_rtl_refuses_a_folding_that_does_not_fit(images):
    transformer = BinaryFeatures(network(), "rtl", folding=[(5, 1), (1, 1)]).fit(images)
    with pytest.raises(FoldingError):
        transformer.transform(images)


def test_pipeline_with_a_head():
    images, labels = digits()
    pipeline = make_pipeline(BinaryFeatures(network(), upto=1), RidgeHead())
    assert cross_val_score(pipeline, images, labels, cv=3).mean() > 0.7
    rows = images.reshape(len(images), -1)
    assert pipeline.fit(rows, labels).score(rows, labels) > 0.7


def test_clone_has_the_same_network(images):
    transformer = BinaryFeatures(network(), upto=2)
    assert np.array_equal(
        clone(transformer).fit_transform(images), transformer.fit_transform(images)
    )


def test_not_fitted(images):
    with pytest.raises(NotFittedError):
        BinaryFeatures(network()).transform(images)


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (BinaryFeatures(network(), engine="fpga"), "'golden' or .*'rtl', not 'fpga'"),
        (BinaryFeatures(network(SCORES)), r"gives scores, not bits: take upto=3"),
        (BinaryFeatures(network(), upto=4), "upto must be 1 to 3"),
        (BinaryFeatures("lenet"), "net must be a Network, not str"),
    ],
)
def test_bad_parameters(images, transformer, message):
    with pytest.raises(NetworkError, match=message):
        transformer.fit(images)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, 8, 8, 1)),
        np.zeros((2, 63), np.uint8),
        np.zeros((2, 8, 8), np.uint8),
        np.zeros(64, np.uint8),
    ],
)
def test_bad_images(images, bad):
    transformer = BinaryFeatures(network()).fit(images)
    with pytest.raises(NetworkError, match="images must"):
        transformer.transform(bad)
