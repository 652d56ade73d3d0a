import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from bitlight import HeadError, LinearHead


@pytest.fixture(scope="module")
def digits():
    """Pixels of the digits as uint8, 0 to 16."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.uint8), y, train_size=1300, random_state=0)


SHUFFLED = {
    "check_sample_weight_equivalence_on_dense_data": "to seven digits, where float32 sums in "
    "another order and steps of mini-batches are no closer; see test_sampleweight.py"
}


@parametrize_with_checks(
    [LinearHead(), LinearHead("lbfgs")], expected_failed_checks=lambda head: SHUFFLED
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("weight", [None, "balanced", {1: 5.0}])
def test_lbfgs_is_the_logistic_regression_of_scikit_learn(digits, classes, weight):
    train, test, y_train, _ = digits
    chosen = y_train < classes
    train, y_train = train[chosen].astype(np.float64), y_train[chosen]
    changing = train.std(axis=0) > 0
    mean, spread = train.mean(axis=0)[changing], train.std(axis=0)[changing]
    head = LinearHead("lbfgs", penalty=1e-2, epochs=100, class_weight=weight).fit(train, y_train)
    mass = np.sum(np.where(y_train == 1, 5, 1)) if isinstance(weight, dict) else len(train)
    # Two classes have one row of weights here, and scikit-learn penalises it once as well.
    expected = LogisticRegression(C=1 / (1e-2 * mass), class_weight=weight, max_iter=5000)
    expected.fit((train[:, changing] - mean) / spread, y_train)
    scores = expected.decision_function((test[:, changing] - mean) / spread)
    assert np.allclose(head.decision_function(test), scores, atol=0.02)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32])
def test_learns_the_digits(digits, solver, dtype):
    train, test, y_train, y_test = digits
    given = (train > 7, test > 7) if dtype is bool else (train.astype(dtype), test.astype(dtype))
    head = LinearHead(solver).fit(given[0], y_train)
    assert head.score(given[1], y_test) > 0.88
    assert head.inputs_ == {np.uint8: "uint8", bool: "bits", np.float32: "float"}[dtype]


def test_the_seed_decides(digits):
    train, _, y_train, _ = digits
    one, same, other = (LinearHead(epochs=1, random_state=s).fit(train, y_train) for s in (3, 3, 4))
    assert np.array_equal(one.coef_, same.coef_)
    assert not np.array_equal(one.coef_, other.coef_)


def test_batches_go_on_where_the_last_one_ended(digits):
    train, test, y_train, y_test = digits
    head = LinearHead()
    scores = []
    for _ in range(4):
        for part in np.array_split(np.arange(len(train)), 4):
            head.partial_fit(train[part], y_train[part], classes=range(10))
        scores.append(head.score(test, y_test))
    assert scores[-1] > max(scores[0], 0.85)


def test_two_named_classes(digits):
    train, test, y_train, y_test = digits
    head = LinearHead().fit(train, np.where(y_train < 5, "low", "high"))
    assert head.coef_.shape == (1, 64)
    assert head.decision_function(test).shape == (len(test),)
    assert head.score(test, np.where(y_test < 5, "low", "high")) > 0.8


def test_features_that_never_change_have_no_weight():
    X = np.array([[0, 200], [1, 200], [0, 200], [1, 200]], np.uint8)
    assert (LinearHead().fit(X, [0, 1, 0, 1]).coef_[:, 1] == 0).all()


def test_calibration_makes_probabilities_honest(digits):
    train, test, y_train, y_test = digits
    head = LinearHead(penalty=0, epochs=300).fit(train[:200], y_train[:200])
    before = head.predict_proba(test)[np.arange(len(test)), y_test]
    after = head.calibrate(test, y_test).predict_proba(test)[np.arange(len(test)), y_test]
    assert np.log(after).mean() > np.log(before).mean()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "sgd"}, "solver must be 'adam' or 'lbfgs', not 'sgd'"),
        ({"penalty": -1}, "penalty must be 0 or more, not -1"),
        ({"epochs": 0}, "epochs must be a whole number above 0, not 0"),
        ({"batch_size": 0.5}, "batch_size must be"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
    ],
)
def test_bad_parameters_leave_nothing_to_predict_with(digits, parameters, message):
    head = LinearHead(epochs=1).fit(digits[0], digits[2]).set_params(**parameters)
    with pytest.raises(HeadError, match=message):
        head.fit(digits[0], digits[2])
    with pytest.raises(NotFittedError):
        head.predict(digits[1])
