"""The head of bits: its integers are those of a network's last layer, golden and in RTL."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from bitlight import BinaryHead, HeadError, Linear, Network, NetworkError
from bitlight_hw import Accelerator
from bitlight_sim import Simulator


@pytest.fixture(scope="module")
def digits():
    """The digits and a network of random weights that makes 256 bits of them."""
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X.astype(np.uint8), y, train_size=1300, random_state=0)
    rng = np.random.default_rng(0)
    weight, offset = rng.random((256, 64)) < 0.5, rng.integers(-100, 100, 256)
    return Network((64,), 5, [Linear(weight, offset)]), *parts


@pytest.fixture(scope="module")
def head(digits):
    net, train, _, y_train, _ = digits
    return BinaryHead().fit(net.forward(train), y_train)


@parametrize_with_checks([BinaryHead(binarize=0.0, epochs=5)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_learns_the_digits(digits, head):
    net, _, test, _, y_test = digits
    assert head.score(net.forward(test), y_test) > 0.88
    assert set(np.unique(head.coef_)) == {-2.0, 2.0}


def test_the_extended_network_gives_its_scores(digits, head):
    net, _, test, _, _ = digits
    whole = head.extend(net)
    scores = whole.forward(test)
    assert scores.dtype == np.int32
    assert np.array_equal(scores, head.decision_function(net.forward(test)))
    assert np.array_equal(head.classes_[scores.argmax(axis=1)], head.predict(net.forward(test)))


def test_the_hardware_gives_its_scores(digits):
    whole, train, test, y_train, _ = digits
    (layer,) = whole.layers
    net = Network((64,), 5, [Linear(layer.weight[:48], layer.threshold[:48])])
    head = BinaryHead(epochs=5).fit(net.forward(train), y_train)
    accelerator = Accelerator(head.extend(net))
    with Simulator(accelerator, engine="sliced") as simulator:
        out = simulator.run(test[:100])
    assert np.array_equal(out.features, head.decision_function(net.forward(test[:100])))
    assert out.cycles_per_image == accelerator.cycles_per_image


def test_of_two_classes_the_first_has_equal_scores():
    bits = np.random.default_rng(0).integers(0, 2, (200, 12), dtype=np.uint8)
    head = BinaryHead(epochs=1).fit(bits, bits.sum(axis=1) > 6)
    scores = Network((12,), 1, [head.layer()]).forward(bits)
    assert np.array_equal(head.decision_function(bits), scores[:, 1] - scores[:, 0])
    assert (scores[:, 0] == scores[:, 1]).any()
    assert np.array_equal(head.predict(bits), head.classes_[scores.argmax(axis=1)])


def test_the_seed_decides(digits):
    net, train, _, y_train, _ = digits
    bits = net.forward(train)
    one, same, other = (BinaryHead(epochs=1, random_state=s).fit(bits, y_train) for s in (3, 3, 4))
    assert np.array_equal(one.coef_, same.coef_)
    assert not np.array_equal(one.coef_, other.coef_)


def test_batches_go_on_where_the_last_one_ended(digits):
    net, train, test, y_train, y_test = digits
    bits, head = net.forward(train), BinaryHead(learning_rate=3e-3)
    for _ in range(5):
        for part in np.array_split(np.arange(len(bits)), 4):
            head.partial_fit(bits[part], y_train[part], classes=range(10))
    assert head.score(net.forward(test), y_test) > 0.8


@pytest.mark.parametrize("value", [2, -1, 0.5, np.float32(1.5)])
def test_only_bits(head, value):
    X = np.full((10, 256), value)
    for call in (lambda: BinaryHead().fit(X, np.arange(10) % 2), lambda: head.predict(X)):
        with pytest.raises(HeadError, match="takes bits, 0 and 1: give binarize"):
            call()


def test_a_network_of_another_width(head, digits):
    with pytest.raises(NetworkError, match="needs 256 inputs, not"):
        head.extend(Network((64,), 5, [Linear(np.ones((9, 64), bool), np.zeros(9, np.int32))]))


def test_bad_parameters():
    with pytest.raises(HeadError, match="epochs must be a whole number above 0, not -3"):
        BinaryHead(epochs=-3).fit(np.eye(4), [0, 1, 0, 1])
