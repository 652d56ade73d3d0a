"""Choosing alpha by leaving out one sample at a time, for all alphas from one eigendecomposition.

The error at a sample that a ridge regression has not seen is r/(1 − h): its residual r and its
leverage h in the regression on all samples (Rifkin and Lippert, "Notes on regularized least
squares", 2007). Both are cheap for any alpha in the coordinates of the eigenvectors.
"""

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments, signs
from bitlight.heads.products import batches
from bitlight.heads.selection import Regression


def leave_one_out(
    alphas: list[float],
    samples: Regression,
    X: np.ndarray,
    labels: np.ndarray,
    each: np.ndarray | None = None,
) -> float:
    """Alpha with the least Σ weight·|error|² over samples that are left out one by one.

    Parameters
    ----------
    alphas : list of float
    samples : Moments or Kernel of X and labels
    X : array, shape (N, features)
    labels : int array, shape (N,)
        Class indices.
    each : float64 array, shape (N,), optional
        What each sample counts beside its class; it is left out as a whole.
    """
    if isinstance(samples, Kernel):
        errors = _errors_of_kernel(alphas, samples)
    else:
        assert isinstance(samples, Moments)
        counts = samples.weights[labels] if each is None else samples.weights[labels] * each
        errors = _errors_of_moments(alphas, samples, X, labels, counts)
    return alphas[int(np.nanargmin(errors))]


def _errors_of_moments(
    alphas: list[float], moments: Moments, X: np.ndarray, labels: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    mean, mean_target, right = moments.right_side()
    lower = moments.gram.place.fetch(moments.centred().lower(np.float64))
    values, vectors = _eigen(lower)
    shrunk = 1 / (values + np.array(alphas)[:, np.newaxis])
    seen = vectors.T @ right
    targets = signs(len(moments.counts))[labels] - mean_target
    errors = np.zeros(len(alphas))
    for rows, batch in batches(X, moments.offset + mean):
        weights = counts[rows]
        turned = batch @ vectors
        leverages = weights * (1 / moments.mass + shrunk @ np.square(turned).T)
        for index, factors in enumerate(shrunk):
            residuals = (targets[rows] - turned @ (factors[:, np.newaxis] * seen)).T
            errors[index] += np.sum(weights * (residuals / (1 - leverages[index])) ** 2)
    return errors


def _errors_of_kernel(alphas: list[float], kernel: Kernel) -> np.ndarray:
    share, roots = kernel.weights / kernel.weights.sum(), np.sqrt(kernel.weights)
    targets = roots[:, np.newaxis] * (kernel.targets - share @ kernel.targets)
    system = kernel.centred()
    # The intercept takes up the direction of the roots, of which no residual is left: made the
    # direction of the largest eigenvalue, it is the last, and out.
    system += (system.trace() + 1) * np.outer(roots, roots) / kernel.weights.sum()
    values, vectors = _eigen(system)
    values, vectors = values[:-1], vectors[:, :-1]
    errors = []
    for alpha in alphas:
        left = vectors / (values + alpha)
        residuals = (left @ (vectors.T @ targets)).T
        errors.append(np.sum((residuals / np.sum(left * vectors, axis=1)) ** 2))
    return np.array(errors)


def _eigen(lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # As for Cholesky factors, OpenBLAS is faster with one thread than with two.
    with threadpool_limits(1, user_api="blas"):
        values, vectors = linalg.eigh(lower, overwrite_a=True, driver="evd", check_finite=False)
    return np.maximum(values, 0), vectors
