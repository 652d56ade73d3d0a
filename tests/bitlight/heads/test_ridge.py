import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer
from sklearn.utils.estimator_checks import parametrize_with_checks

from bitlight import HeadError, RidgeHead
from bitlight.heads.holdout import hold_out

ALPHAS = [1.0, 10.0, 100.0, 1000.0, 1e4]


@pytest.fixture(scope="module")
def digits():
    """Bits of the digits as uint8, 1,300 to train and 497 to test."""
    X, y = load_digits(return_X_y=True)
    return train_test_split((X > 7).astype(np.uint8), y, train_size=1300, random_state=0)


KEEPS_NO_SUMS = {
    "check_fit_score_takes_y": "it calls partial_fit behind fit, which keeps no sums on purpose: "
    "a head of 10,000 features takes kilobytes, its sums gigabytes"
}

NO_STREAM = dict.fromkeys(
    ("check_n_features_in_after_fitting", "check_estimators_partial_fit_n_features"),
    "leaving out one by one needs all samples at once, which partial_fit says",
)


def expected_failures(head):
    return KEEPS_NO_SUMS | (NO_STREAM if head.selection == "leave-one-out" else {})


@parametrize_with_checks(
    [RidgeHead(), RidgeHead([1.0, 10.0], selection="leave-one-out")],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("alpha", [1.0, 100.0])
def test_equals_scikit_learn_for_one_alpha(digits, alpha):
    train, test, y_train, y_test = digits
    head = RidgeHead([alpha]).fit(train, y_train)
    expected = RidgeClassifier(alpha=alpha).fit(train.astype(float), y_train)
    assert np.allclose(head.coef_, expected.coef_, atol=1e-9)
    assert np.allclose(head.decision_function(test), expected.decision_function(test), atol=1e-9)
    assert head.score(test, y_test) == expected.score(test, y_test) > 0.85


def test_more_features_than_samples_equals_scikit_learn(digits):
    train, test, y_train, _ = digits
    head = RidgeHead([10.0]).fit(train[:40], y_train[:40])
    expected = RidgeClassifier(alpha=10.0).fit(train[:40].astype(float), y_train[:40])
    assert np.allclose(head.decision_function(test), expected.decision_function(test), atol=1e-9)


@pytest.mark.parametrize("count", [40, 1300])
def test_alpha_has_the_least_error_on_the_held_out_training_samples(digits, count):
    train, _, y_train, _ = digits
    X, y = train[:count].astype(float), y_train[:count]
    held = hold_out(y, np.zeros(10, int))
    targets = np.where(y[:, np.newaxis] == np.arange(10), 1, -1)
    errors = [
        np.sum(
            (RidgeClassifier(a).fit(X[~held], y[~held]).decision_function(X[held]) - targets[held])
            ** 2
        )
        for a in ALPHAS
    ]
    chosen = RidgeHead(ALPHAS).fit(train[:count], y).alpha_
    assert chosen == ALPHAS[np.argmin(errors)]
    assert ALPHAS[0] < chosen < ALPHAS[-1]


def test_predicting_and_scoring_leave_the_head_alone(digits):
    train, test, y_train, y_test = digits
    head = RidgeHead(ALPHAS).fit(train, y_train)
    before = head.alpha_, head.coef_.copy()
    head.score(test, y_test)
    assert head.alpha_ == before[0]
    assert np.array_equal(head.coef_, before[1])


@pytest.mark.parametrize("size", [1, 97, 650, 1300])
def test_batches_make_no_difference(digits, size):
    train, test, y_train, _ = digits
    whole = RidgeHead(ALPHAS).fit(train, y_train)
    head = RidgeHead(ALPHAS)
    for start in range(0, len(train), size):
        batch = slice(start, start + size)
        head.partial_fit(train[batch], y_train[batch], classes=range(10))
    assert head.alpha_ == whole.alpha_
    assert np.array_equal(head.coef_, whole.coef_)
    assert np.array_equal(head.intercept_, whole.intercept_)
    assert np.array_equal(head.predict(test), whole.predict(test))


def test_samples_after_a_prediction_count(digits):
    train, test, y_train, y_test = digits
    head = RidgeHead(ALPHAS).partial_fit(train[:100], y_train[:100], classes=range(10))
    first = head.score(test, y_test)
    assert head.partial_fit(train[100:], y_train[100:]).score(test, y_test) > first


@pytest.mark.parametrize("dtype", [bool, np.float32, np.float64, np.int64])
def test_dtypes_agree(digits, dtype):
    train, test, y_train, _ = digits
    expected = RidgeHead([10.0]).fit(train, y_train).decision_function(test)
    scores = RidgeHead([10.0]).fit(train.astype(dtype), y_train).decision_function(test)
    assert np.allclose(scores, expected, atol=1e-4)


def test_large_means_lose_no_digits(digits):
    train, test, y_train, _ = digits
    expected = RidgeHead([10.0]).fit(train, y_train).decision_function(test)
    far = RidgeHead([10.0]).fit(train.astype(np.float32) + 1e4, y_train)
    assert np.allclose(far.decision_function(test.astype(np.float32) + 1e4), expected, atol=1e-3)


def test_two_named_classes(digits):
    train, test, y_train, y_test = digits
    names = np.where(y_train < 5, "low", "high")
    head = RidgeHead().fit(train, names)
    assert head.coef_.shape == (1, 64)
    scores = head.decision_function(test)
    assert scores.shape == (len(test),)
    assert np.array_equal(head.predict(test), np.where(scores > 0, "low", "high"))
    assert head.score(test, np.where(y_test < 5, "low", "high")) > 0.8


def test_works_in_a_pipeline_and_clones(digits):
    train, test, y_train, y_test = digits
    pipeline = clone(make_pipeline(Binarizer(), RidgeHead(ALPHAS)))
    assert pipeline.fit(train, y_train).score(test, y_test) > 0.85


def test_one_sample_of_each_class_takes_the_largest_alpha():
    assert RidgeHead([1.0, 3.0]).fit(np.eye(3), [0, 1, 2]).alpha_ == 3.0


def test_one_image_of_each_of_many_classes_is_no_regression():
    """scikit-learn warns above 20 samples; here it is a task like any other."""
    X = np.random.default_rng(0).integers(0, 2, (30, 64), np.uint8)
    head = RidgeHead(selection="leave-one-out").fit(X, np.arange(30))
    assert (head.predict(X) == np.arange(30)).all()


@pytest.mark.parametrize("alphas", [[], [0.0], [-1.0], [np.nan], [np.inf], 5.0, ["a"], None])
def test_bad_alphas(digits, alphas):
    with pytest.raises(HeadError, match="alphas must be positive numbers"):
        RidgeHead(alphas).fit(digits[0], digits[2])


def test_alpha_that_is_lost_in_the_rounding():
    X = np.repeat(np.random.default_rng(0).normal(size=(50, 2)), 10, axis=1) * 1e6
    with pytest.raises(HeadError, match=r"alpha 1e-30 is lost in the rounding"):
        RidgeHead([1e-30]).fit(X, np.arange(50) % 2)


def test_one_alpha_that_is_not_lost_is_found():
    X = np.repeat(np.random.default_rng(0).normal(size=(50, 2)), 10, axis=1) * 1e6
    assert RidgeHead([1e-30, 1e6]).fit(X, np.arange(50) % 2).alpha_ == 1e6


def test_label_that_was_not_announced(digits):
    head = RidgeHead().partial_fit(digits[0][:3], [0, 1, 2])
    with pytest.raises(HeadError, match=r"label .*7.* is not among the classes \[0, 1, 2\]"):
        head.partial_fit(digits[0][3:5], [0, 7])


def test_classes_that_change(digits):
    head = RidgeHead().partial_fit(digits[0], digits[2], classes=range(10))
    with pytest.raises(HeadError, match="must stay so"):
        head.partial_fit(digits[0], digits[2], classes=range(11))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_failing_leaves_nothing_to_predict_with(digits, method):
    train, test, y_train, _ = digits
    head = RidgeHead().fit(train, y_train)
    with pytest.raises(HeadError):
        head.set_params(alphas=[]).fit(train, y_train)
    with pytest.raises(NotFittedError):
        head.predict(test)
    getattr(head.set_params(alphas=[1.0]), method)(train, y_train).predict(test)


def test_partial_fit_behind_fit_is_refused(digits):
    head = RidgeHead().fit(digits[0], digits[2])
    with pytest.raises(HeadError, match="begin with partial_fit"):
        head.partial_fit(digits[0], digits[2])


@pytest.mark.parametrize("weight", ["balanced", {0: 3.0, 7: 0.2}])
@pytest.mark.parametrize("count", [60, 1300])
def test_class_weights_equal_those_of_scikit_learn(digits, weight, count):
    train, test, y_train, _ = (part[:count] for part in digits)
    head = RidgeHead([10.0], class_weight=weight).fit(train, y_train)
    expected = RidgeClassifier(alpha=10.0, class_weight=weight).fit(train.astype(float), y_train)
    assert np.allclose(head.decision_function(test), expected.decision_function(test), atol=1e-8)


def test_weights_of_a_stream_are_those_of_the_whole(digits):
    train, test, y_train, _ = digits
    weight = {0: 3.0, 7: 0.2}
    whole = RidgeHead(ALPHAS, weight).fit(train, y_train)
    head = RidgeHead(ALPHAS, weight)
    for batch in np.array_split(np.arange(len(train)), 5):
        head.partial_fit(train[batch], y_train[batch], classes=range(10))
    assert head.alpha_ == whole.alpha_
    assert np.allclose(head.decision_function(test), whole.decision_function(test), atol=1e-9)


@pytest.mark.parametrize(
    ("weight", "message"),
    [("equal", "must be a dict"), ({3: 0.0}, "must be positive"), ({3: np.inf}, "positive")],
)
def test_bad_weights(digits, weight, message):
    with pytest.raises(HeadError, match=message):
        RidgeHead(class_weight=weight).fit(digits[0], digits[2])


def test_what_a_stream_cannot_do(digits):
    for parameters, message in (
        ({"class_weight": "balanced"}, "balanced weights need all samples"),
        ({"selection": "leave-one-out"}, "leave-one-out needs all samples"),
        ({"selection": "test set"}, "selection must be 'held-out' or 'leave-one-out'"),
    ):
        with pytest.raises(HeadError, match=message):
            RidgeHead(**parameters).partial_fit(digits[0], digits[2])


def test_workers_merge_through_pickle(digits):
    train, test, y_train, y_test = digits
    workers = []
    for batch in np.array_split(np.arange(len(train)), 3):
        worker = RidgeHead(ALPHAS).partial_fit(train[batch], y_train[batch], classes=range(10))
        workers.append(pickle.loads(pickle.dumps(worker)))
    merged = workers[0].merge(workers[1]).merge(workers[2])
    one = RidgeHead([merged.alpha_]).fit(train, y_train)
    assert np.array_equal(merged.coef_, one.coef_)
    assert merged.score(test, y_test) > 0.85


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (RidgeHead(ALPHAS).fit(np.eye(4), [0, 1, 2, 2]), "only heads that partial_fit"),
        (RidgeHead(ALPHAS).partial_fit(np.eye(5), [0, 1, 2, 2, 2]), "features .* not 4 and 5"),
        (RidgeHead(ALPHAS).partial_fit(np.eye(4), [0, 1, 1, 1]), "classes of merged"),
        (RidgeHead(ALPHAS, {1: 2}).partial_fit(np.eye(4), [0, 1, 2, 2]), "class weights of"),
        (RidgeHead([3.0]).partial_fit(np.eye(4), [0, 1, 2, 2]), "alphas of merged"),
    ],
)
def test_heads_that_do_not_merge(other, message):
    head = RidgeHead(ALPHAS).partial_fit(np.eye(4), [0, 1, 2, 2])
    with pytest.raises(HeadError, match=message):
        head.merge(other)


def test_probabilities_follow_the_scores(digits):
    train, test, y_train, y_test = digits
    head = RidgeHead([100.0]).fit(train, y_train).calibrate(test, y_test)
    probabilities = head.predict_proba(test)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(head.classes_[probabilities.argmax(axis=1)], head.predict(test))
    assert probabilities.max(axis=1).mean() == pytest.approx(head.score(test, y_test), abs=0.05)
