"""A sample of weight k counts like k samples in a row, and one of weight 0 is not there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from stores import filled_store

from bitlight import BinaryHead, HeadError, LinearHead, RidgeHead
from bitlight.heads.holdout import hold_out, hold_out_weights
from bitlight.store.ridge import ridge_over

HEADS = {
    "one alpha": RidgeHead([3.0]),
    "held out": RidgeHead([0.1, 1.0, 10.0, 1e3]),
    "balanced": RidgeHead([0.1, 10.0], class_weight="balanced"),
    "class weights": RidgeHead([0.1, 10.0], class_weight={0: 2.0, 2: 0.5}),
    "L-BFGS": LinearHead("lbfgs", epochs=60, penalty=0.1),
    "L-BFGS balanced": LinearHead("lbfgs", epochs=60, penalty=0.1, class_weight="balanced"),
}
TOLERANCE = {"L-BFGS": 2e-3, "L-BFGS balanced": 2e-3}  # it stops at a gradient of 1e-4


def draw(seed, kind, samples=90, features=12):
    """Features of a kind, labels of three classes that they tell about, and whole weights."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(samples, features))
    labels = (hidden[:, :3] + 0.7 * rng.normal(size=(samples, 3))).argmax(axis=1)
    X = {
        "bits": (hidden > 0).astype(np.uint8),
        "uint8": (40 * hidden + 128).clip(0, 255).astype(np.uint8),
        "float": hidden.astype(np.float32),
    }[kind]
    return X, labels, rng.integers(0, 5, samples)


@pytest.mark.parametrize("kind", ["bits", "uint8", "float"])
@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("shape", [(90, 12), (15, 40)], ids=["tall", "wide"])
def test_whole_weights_repeat(name, kind, shape):
    X, y, weights = draw(3, kind, *shape)
    if shape[0] < shape[1]:
        weights = np.minimum(weights, 2)
    weighted = clone(HEADS[name]).fit(X, y, sample_weight=weights)
    repeated = clone(HEADS[name]).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    close = TOLERANCE.get(name, 1e-6)
    scale = np.abs(repeated.decision_function(X)).max()
    for found, expected in (
        (weighted.coef_, repeated.coef_),
        (weighted.decision_function(X) / scale, repeated.decision_function(X) / scale),
    ):
        np.testing.assert_allclose(found, expected, rtol=close, atol=close * np.abs(expected).max())
    if name == "held out":
        assert weighted.alpha_ == repeated.alpha_


@pytest.mark.parametrize("head", [*HEADS.values(), LinearHead(), BinaryHead(epochs=3)], ids=str)
def test_those_that_count_nothing_are_not_there(head):
    X, y, _ = draw(4, "bits")
    there = np.arange(len(X)) % 3 > 0
    weighted = clone(head).fit(X, y, sample_weight=there)
    alone = clone(head).fit(X[there], y[there])
    np.testing.assert_allclose(weighted.coef_, alone.coef_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("head", [*HEADS.values(), LinearHead(), BinaryHead(epochs=3)], ids=str)
def test_one_each_is_as_without(head):
    X, y, _ = draw(5, "float" if not isinstance(head, BinaryHead) else "bits")
    weighted = clone(head).fit(X, y, sample_weight=np.ones(len(X)))
    assert (weighted.coef_ == clone(head).fit(X, y).coef_).all()


@pytest.mark.parametrize("head", [LinearHead(epochs=60), BinaryHead(epochs=60)], ids=str)
def test_mini_batches_hear_what_counts_more(head):
    """Two labels for the same bits: the one that weighs more has it."""
    X = np.repeat(np.array([[0, 1, 0, 1], [1, 0, 0, 1]], np.uint8), 40, axis=0)
    y = np.tile([0, 1], 40)
    for favoured in (0, 1):
        weights = np.where(y == favoured, 3.0, 1.0)
        assert (clone(head).fit(X, y, sample_weight=weights).predict(X) == favoured).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=60), st.integers(0, 12))
@settings(deadline=None)
def test_of_whole_weights_so_much_is_held_out_as_of_repetitions(samples, before):
    labels = np.array([label for label, _ in samples], int)
    counts = np.array([count for _, count in samples], float)
    seen = np.full(3, before)
    apart = hold_out(np.repeat(labels, counts.astype(int)), seen)
    owner = np.repeat(np.arange(len(labels)), counts.astype(int))
    expected = np.bincount(owner, apart, minlength=len(labels))
    assert hold_out_weights(labels, counts, seen).tolist() == expected.tolist()


def test_batches_and_workers_make_no_difference():
    X, y, _ = draw(6, "bits", 200)
    weights = np.random.default_rng(0).random(200).round(2)
    weights[50:60] = 0
    whole = RidgeHead([0.1, 1.0, 10.0]).fit(X, y, sample_weight=weights)
    streamed = RidgeHead([0.1, 1.0, 10.0])
    other = RidgeHead([0.1, 1.0, 10.0])
    classes, before = np.arange(3), np.zeros(3)
    for rows in np.array_split(np.arange(120), 7):
        streamed.partial_fit(X[rows], y[rows], classes, sample_weight=weights[rows])
        before += np.bincount(y[rows], weights[rows], minlength=3)
    for rows in np.array_split(np.arange(120, 200), 3):
        other.partial_fit(X[rows], y[rows], classes, before, weights[rows])
    streamed.merge(other)
    assert streamed.alpha_ == whole.alpha_
    np.testing.assert_allclose(streamed.coef_, whole.coef_, rtol=1e-9, atol=1e-12)


def test_samples_without_and_with_weights_follow_each_other():
    X, y, weights = draw(8, "bits")
    mixed = RidgeHead([0.1, 1.0, 10.0])
    mixed.partial_fit(X[:30], y[:30], [0, 1, 2], sample_weight=weights[:30])
    mixed.partial_fit(X[30:], y[30:])
    weights[30:] = 1
    whole = RidgeHead([0.1, 1.0, 10.0]).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(mixed.coef_, whole.coef_, rtol=1e-9, atol=1e-12)


def test_a_store_with_weights(tmp_path):
    store, _ = filled_store(tmp_path / "store")
    weights = np.random.default_rng(0).random(len(store))
    for choice in (None, "balanced"):
        head = RidgeHead([1.0, 100.0], class_weight=choice)
        found = ridge_over(store, head, sample_weight=weights)
        expected = clone(head).fit(store[:], store.labels(), sample_weight=weights)
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", [(40, 5), (9, 20)], ids=["tall", "wide"])
def test_a_sample_is_left_out_with_all_that_it_counts(shape):
    X, y, weights = draw(9, "float", *shape)
    weights = weights + 0.5
    alphas = [1e-2, 1.0, 1e2, 1e4]
    errors = []
    for alpha in alphas:
        error = 0.0
        for sample, weight in enumerate(weights):
            others = np.arange(len(X)) != sample
            head = RidgeHead([alpha]).fit(X[others], y[others], sample_weight=weights[others])
            targets = np.where(head.classes_ == y[sample], 1, -1)
            error += weight * np.square(targets - head.decision_function(X[[sample]])[0]).sum()
        errors.append(error)
    found = RidgeHead(alphas, selection="leave-one-out").fit(X, y, sample_weight=weights)
    assert found.alpha_ == alphas[int(np.argmin(errors))]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"must have the shape \(90,\), not \(2,\)"),
        (np.full(90, -1.0), "must be 0 or more, not -1.0"),
        (np.full(90, np.nan), "must be 0 or more, not nan"),
        (np.zeros(90), "all sample weights are zero"),
        (["a"] * 90, "must be numbers"),
        (2.0, r"must have the shape \(90,\), not \(\)"),
    ],
)
@pytest.mark.parametrize("head", [RidgeHead(), LinearHead(), BinaryHead()], ids=str)
def test_refused(head, weights, message):
    X, y, _ = draw(7, "bits")
    with pytest.raises(HeadError, match=message):
        head.fit(X, y, sample_weight=weights)
