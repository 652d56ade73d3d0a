"""Exact kernels against their definition and against features."""

import numpy as np
import pytest
from scipy import sparse

from bitlight import OpticalFeatures, OpticsError
from bitlight.optics.kernel import optical_kernel

X = np.random.default_rng(0).integers(0, 2, (6, 60)).astype(np.uint8)


def test_exponents_zero_and_one():
    x = X.astype(float)
    lengths = np.outer(x.sum(axis=1), x.sum(axis=1))
    assert optical_kernel(X) == pytest.approx(lengths + (x @ x.T) ** 2)
    assert optical_kernel(X, X[:2], exponent=0) == pytest.approx(np.ones((6, 2)))


def test_second_exponent_as_published():
    x = X.astype(float)
    lengths, products = np.outer(x.sum(axis=1), x.sum(axis=1)), x @ x.T
    expected = 4 * (lengths**2 + 4 * products**2 * lengths + products**4)
    assert optical_kernel(X, exponent=2) == pytest.approx(expected)


def test_sparse_frames():
    assert optical_kernel(sparse.csr_array(X), sparse.csr_matrix(X[:3])) == pytest.approx(
        optical_kernel(X, X[:3])
    )


@pytest.mark.parametrize(("exponent", "tolerance"), [(1, 0.03), (2, 0.12)])
def test_features_have_that_kernel(exponent, tolerance):
    optics = OpticalFeatures(200_000, "structured", camera=None, exponent=exponent)
    y = optics.fit_transform(X).astype(float)
    assert y @ y.T / y.shape[1] == pytest.approx(
        optical_kernel(X, exponent=exponent), rel=tolerance
    )


def test_what_cannot_be():
    with pytest.raises(OpticsError, match="whole number from 0 on, not 0.5"):
        optical_kernel(X, exponent=0.5)
    with pytest.raises(OpticsError, match="different widths, 60 and 5"):
        optical_kernel(X, X[:, :5])
    with pytest.raises(OpticsError, match="frames must have shape"):
        optical_kernel(X[0])
