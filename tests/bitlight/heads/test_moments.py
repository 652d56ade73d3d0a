"""Both forms of the regression against each other and against the plain formula."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments, signs
from bitlight.heads.products import BATCH, gram_of_rows, offset_for

CLASSES = 3


def samples(kind, n=150, features=40, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n)
    values = generator.normal(labels[:, np.newaxis], 2, (n, features))
    X = {
        "bits": (values > 1).astype(np.uint8),
        "bools": values > 1,
        "pixels": np.clip(values * 20 + 100, 0, 255).astype(np.uint8),
        "float32": (values + 1000).astype(np.float32),
        "float64": values * 1e-6 - 5e-3,
    }[kind]
    return X, labels


def moments_of(X, labels):
    moments = Moments.none(offset_for(X), CLASSES)
    moments.add(X, labels)
    return moments


def kernel_of(X, labels):
    return Kernel.of(offset_for(X), X, labels, CLASSES)


KINDS = ["bits", "bools", "pixels", "float32", "float64"]
FORMS = [moments_of, kernel_of]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(150, 40), (30, 60)])
def test_ridge_is_that_of_scikit_learn(kind, form, size):
    X, labels = samples(kind, *size)
    alpha = 0.1 * X.var(axis=0, dtype=np.float64).sum()
    weights, intercept = form(X, labels).ridge(alpha)
    expected = Ridge(alpha=alpha, solver="cholesky")
    expected.fit(X.astype(np.float64), signs(CLASSES)[labels])
    scale = np.abs(expected.coef_).max()
    assert np.allclose(weights, expected.coef_.T, atol=1e-4 * scale, rtol=0)
    intercept = intercept - offset_for(X) @ weights
    assert np.allclose(intercept, expected.intercept_, atol=1e-4 * np.abs(intercept).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_squared_error_is_that_of_the_samples(kind, form):
    X, labels = samples(kind)
    generator = np.random.default_rng(1)
    offset = offset_for(X)
    weights = generator.normal(size=(X.shape[1], CLASSES)) / np.abs(X - offset).max()
    intercept = generator.normal(size=CLASSES)
    residual = signs(CLASSES)[labels] - (X - offset) @ weights - intercept
    error = form(X, labels).squared_error(weights, intercept)
    assert error == pytest.approx(np.sum(residual**2), rel=1e-5)


@pytest.mark.parametrize("kind", ["bits", "bools", "pixels"])
def test_sums_over_bits_and_pixels_are_exact(kind):
    X, labels = samples(kind, n=2 * BATCH + 100)
    X[:, 0] = 0  # the largest product of all, 128 · 128, in every sample
    moments = moments_of(X, labels)
    shifted = X.astype(np.int64) - 128
    assert np.array_equal(moments.gram, shifted.T @ shifted)
    for label in range(CLASSES):
        assert np.array_equal(moments.sums[label], shifted[labels == label].sum(axis=0))
    assert np.array_equal(gram_of_rows(X.T, offset_for(X.T)), moments.gram)


def test_moments_of_two_parts_add_up():
    X, labels = samples("bits")
    whole = moments_of(X, labels)
    merged = moments_of(X[:70], labels[:70]) + moments_of(X[70:], labels[70:])
    assert np.array_equal(merged.gram, whole.gram)
    assert np.array_equal(merged.sums, whole.sums)
    assert np.array_equal(merged.counts, whole.counts)


def test_part_of_a_kernel_is_the_kernel_of_the_part():
    X, labels = samples("pixels")
    chosen = labels == 1
    part = kernel_of(X, labels).part(chosen)
    assert np.array_equal(part.products, kernel_of(X[chosen], labels[chosen]).products)
    assert part.samples == chosen.sum()


def test_two_classes_share_one_target():
    assert signs(2).tolist() == [[-1], [1]]
    assert signs(3).tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
