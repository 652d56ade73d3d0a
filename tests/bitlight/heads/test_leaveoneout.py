"""Leaving out one by one, against doing it and against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifierCV

from bitlight import RidgeHead
from bitlight.heads.kernel import Kernel
from bitlight.heads.leaveoneout import _errors_of_kernel, _errors_of_moments
from bitlight.heads.moments import Moments, signs
from bitlight.heads.products import offset_for

ALPHAS = [0.1, 1.0, 10.0, 100.0]


def samples(n, features):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    return (rng.normal(labels[:, np.newaxis], 2, (n, features)) > 1).astype(np.uint8), labels


def expected_errors(X, labels, weights):
    """By fitting once for each sample and alpha."""
    targets, errors = signs(3)[labels], np.zeros(len(ALPHAS))
    for index, alpha in enumerate(ALPHAS):
        for out in range(len(X)):
            kept = np.arange(len(X)) != out
            ridge = Ridge(alpha=alpha).fit(X[kept].astype(float), targets[kept], weights[kept])
            error = ridge.predict(X[out : out + 1].astype(float))[0] - targets[out]
            errors[index] += weights[out] * error @ error
    return errors


@pytest.mark.parametrize("weights", [np.ones(3), np.array([0.3, 1.0, 4.0])])
@pytest.mark.parametrize("size", [(40, 12), (20, 30)])
def test_errors_are_those_of_samples_left_out(size, weights):
    X, labels = samples(*size)
    moments = Moments.none(offset_for(X), weights)
    moments.add(X, labels)
    expected = expected_errors(X, labels, weights[labels])
    # A size suits one form each, but both are right for any.
    found = _errors_of_kernel(ALPHAS, Kernel.of(offset_for(X), X, labels, weights))
    assert np.allclose(found, expected, rtol=1e-6)
    found = _errors_of_moments(ALPHAS, moments, X, labels, weights[labels])
    assert np.allclose(found, expected, rtol=1e-5)  # features in float32


@pytest.mark.parametrize("size", [(200, 30), (30, 200)])
def test_alpha_is_that_of_scikit_learn(size):
    X, labels = samples(*size)
    head = RidgeHead(ALPHAS, selection="leave-one-out").fit(X, labels)
    expected = RidgeClassifierCV(ALPHAS).fit(X.astype(float), labels)
    assert head.alpha_ == expected.alpha_
    assert np.allclose(head.coef_, expected.coef_, atol=1e-8)


def test_one_sample_of_each_class_is_enough():
    assert RidgeHead(ALPHAS, selection="leave-one-out").fit(np.eye(3, 9), [0, 1, 2]).alpha_ > 0
