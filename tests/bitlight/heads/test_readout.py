"""Stored weights: sums that no order changes, and errors within the type's step."""

import itertools

import numpy as np
import pytest

from bitlight import HeadError
from bitlight.heads.readout import Readout

REACH = {"bits": 2, "uint8": 256}


def draw(seed, outputs=4, features=3000):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(outputs, features)) * 10.0 ** rng.integers(-6, 3)
    weight *= 10.0 ** rng.integers(-9, 1, weight.shape)  # some far below the others
    return Readout(weight, rng.normal(size=outputs) * np.abs(weight).max())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("inputs", REACH)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_sums_are_exact_in_any_order(seed, inputs, dtype):
    readout = draw(seed).to(dtype, inputs)
    rng = np.random.default_rng(seed)
    X = rng.integers(0, REACH[inputs], (5, readout.weight.shape[1]), dtype=np.uint8)
    weights = zip(readout.factors, readout.bias, strict=True)
    terms = [np.append(x * w, b) for (w, b), x in itertools.product(weights, X)]
    forwards = np.array([np.add.accumulate(t)[-1] for t in terms])
    backwards = np.array([np.add.accumulate(t[::-1])[-1] for t in terms])
    shuffled = np.array([np.add.accumulate(rng.permutation(t))[-1] for t in terms])
    assert np.array_equal(forwards, backwards)
    assert np.array_equal(forwards, shuffled)
    assert np.array_equal(readout.scores(X).T.ravel(), readout.scale * forwards)


def test_an_order_matters_before():
    """The test above can fail: of the weights as they were trained, sums differ."""
    weight = draw(0).weight[0]
    rng = np.random.default_rng(0)
    assert len({np.add.accumulate(rng.permutation(weight))[-1] for _ in range(20)}) > 1


@pytest.mark.parametrize(("dtype", "step"), [("float32", 2**-23), ("float16", 2**-10)])
def test_floats_keep_their_digits(dtype, step):
    before = draw(1)
    after = before.to(dtype, "uint8")
    largest = np.abs(before.weight).max()
    error = np.abs(after.scale * after.factors - before.weight)
    assert (error <= step * np.abs(before.weight) + 2**-24 * largest).all()


def test_int8_is_within_half_a_step():
    before = draw(2)
    after = before.to("int8", "uint8")
    assert np.abs(after.weight).max() == 127
    assert np.abs(after.scale * after.factors - before.weight).max() <= after.scale / 2 * 1.0001
    assert np.array_equal(after.bias, np.rint(after.bias))


def test_bits_are_signs():
    weight = np.array([[True, False, True], [False, False, True]])
    readout = Readout.of_bits(weight)
    X = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 1]], np.uint8)
    signs = np.where(weight, 1, -1)
    assert np.array_equal(readout.scores(X), (2.0 * X - 1) @ signs.T)
    assert readout.to("bits", "bits") is readout


def test_weights_of_nothing_but_zeros():
    for dtype in ("float32", "float16", "int8"):
        readout = Readout(np.zeros((2, 3)), np.array([0.0, 1.0])).to(dtype, "bits")
        assert np.argmax(readout.scores(np.ones((1, 3), np.uint8))) == 1


def test_bits_come_from_training_alone():
    with pytest.raises(HeadError, match="take a BinaryHead"):
        draw(0).to("bits", "bits")
