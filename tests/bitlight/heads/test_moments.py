"""Both forms of the regression against each other and against the plain formula."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments, signs
from bitlight.heads.place import Memory, Torch
from bitlight.heads.products import INTEGER_ROWS, gram_of_rows, offset_for

CLASSES = 3
EQUAL = np.ones(CLASSES)
UNEQUAL = np.array([0.25, 1.0, 7.0])


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


TORCH = Torch("cpu")


def moments_of(X, labels, weights=EQUAL, place=TORCH):
    moments = Moments.none(offset_for(X), weights, place)
    moments.add(X, labels)
    return moments


def moments_without_torch(X, labels, weights=EQUAL):
    return moments_of(X, labels, weights, Memory())


def kernel_of(X, labels, weights=EQUAL, place=TORCH):
    return Kernel.of(offset_for(X), X, labels, weights, place)


def kernel_without_torch(X, labels, weights=EQUAL):
    return kernel_of(X, labels, weights, Memory())


def dense(gram):
    return gram.place.fetch(gram @ gram.place.put(np.eye(gram.size)))


KINDS = ["bits", "bools", "pixels", "float32", "float64"]
FORMS = [moments_of, moments_without_torch, kernel_of, kernel_without_torch]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(150, 40), (30, 60)])
@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL])
def test_ridge_is_that_of_scikit_learn(kind, form, size, weights):
    X, labels = samples(kind, *size)
    alpha = 0.1 * X.var(axis=0, dtype=np.float64).sum()
    found, intercept = form(X, labels, weights).ridge(alpha)
    expected = Ridge(alpha=alpha, solver="cholesky")
    expected.fit(X.astype(np.float64), signs(CLASSES)[labels], weights[labels])
    scale = np.abs(expected.coef_).max()
    assert np.allclose(found, expected.coef_.T, atol=1e-4 * scale, rtol=0)
    intercept = intercept - offset_for(X) @ found
    assert np.allclose(intercept, expected.intercept_, atol=1e-4 * np.abs(intercept).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL])
def test_squared_errors_are_those_of_the_samples(kind, form, weights):
    X, labels = samples(kind)
    generator = np.random.default_rng(1)
    offset = offset_for(X)
    coefs = generator.normal(size=(4, X.shape[1], CLASSES)) / np.abs(X - offset).max()
    intercepts = generator.normal(size=(4, CLASSES))
    errors = form(X, labels, weights).squared_errors(coefs, intercepts)
    for coef, intercept, error in zip(coefs, intercepts, errors, strict=True):
        residual = signs(CLASSES)[labels] - (X - offset) @ coef - intercept
        expected = np.sum(weights[labels] @ residual**2)
        assert error == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("place", [TORCH, Memory()], ids=str)
@pytest.mark.parametrize("kind", ["bits", "bools", "pixels"])
def test_sums_over_bits_and_pixels_are_exact(kind, place):
    X, labels = samples(kind, n=2 * INTEGER_ROWS + 100)
    X[:, 0] = 0  # the largest product of all, 128 · 128, in every sample
    moments = moments_of(X, labels, place=place)
    shifted = X.astype(np.int64) - offset_for(X).astype(np.int64)
    assert np.array_equal(dense(moments.gram), shifted.T @ shifted)
    for label in range(CLASSES):
        assert np.array_equal(moments.sums[label], shifted[labels == label].sum(axis=0))
    products = gram_of_rows(X.T, offset_for(X.T), place)
    assert np.array_equal(products, dense(moments.gram))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL])
def test_workers_merge_wherever_they_count_from(kind, weights):
    X, labels = samples(kind)
    if kind == "pixels":
        X[:70] //= 2  # counted from 0, the others from 128
    whole, mine, others = (
        moments_of(X[rows], labels[rows], weights)
        for rows in (slice(None), slice(0, 70), slice(70, None))
    )
    mine.merge(others)
    assert np.array_equal(mine.counts, whole.counts)
    alpha = 0.1 * X.var(axis=0, dtype=np.float64).sum()
    (merged, b), (expected, c) = mine.ridge(alpha), whole.ridge(alpha)
    scale = np.abs(expected).max()
    assert np.allclose(merged, expected, atol=1e-5 * scale, rtol=0)
    b, c = b - mine.offset @ merged, c - whole.offset @ expected
    assert np.allclose(b, c, atol=1e-4 * np.abs(c).max())


def test_a_sum_follows_its_parts():
    X, labels = samples("bits")
    one, other, whole = moments_of(X[:70], labels[:70]), moments_of(X[:0], labels[:0]), None
    both = one.gram.plus(other.gram)
    other.add(X[70:], labels[70:])
    whole = moments_of(X, labels)
    assert np.array_equal(dense(both), dense(whole.gram))


def test_part_of_a_kernel_is_the_kernel_of_the_part():
    X, labels = samples("pixels")
    chosen = labels == 1
    whole = kernel_of(X, labels)
    part = whole.part(chosen)
    again = Kernel.of(whole.offset, X[chosen], labels[chosen], EQUAL)
    assert np.array_equal(part.products, again.products)
    assert part.samples == chosen.sum()


def test_two_classes_share_one_target():
    assert signs(2).tolist() == [[-1], [1]]
    assert signs(3).tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
