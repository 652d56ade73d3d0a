"""Exact kernels that optical features approximate, for tests and for kernel ridge regression."""

from math import comb, factorial
from typing import Any

import numpy as np
from scipy import sparse

from bitlight.errors import OpticsError


def optical_kernel(X: Any, Y: Any = None, exponent: int = 1) -> np.ndarray:
    """E[y(x)·y(x')] of features y = |r·x|^(2s), r complex normal with E|r|² = 1 in each entry.

    Σ_i (s!)²·C(s,i)²·(x·x')^(2i)·(|x||x'|)^(2(s−i)), i = 0 … s; for s = 1 |x|²|x'|² + (x·x')²
    (Ohana et al., Kernel computations from large-scale random features obtained by optical
    processing units, arXiv 1910.09880).

    Parameters
    ----------
    X : array or SciPy sparse matrix, shape (N, n)
    Y : the same, shape (M, n), optional
        Default: X.
    exponent : int ≥ 0
        s.

    Returns
    -------
    float64 array, shape (N, M)

    Raises
    ------
    OpticsError
        If the exponent is no whole number, or X and Y have different widths.

    Examples
    --------
    >>> optical_kernel([[1, 1, 0], [0, 1, 1]])
    array([[8., 5.],
           [5., 8.]])
    """
    if not isinstance(exponent, int | np.integer) or exponent < 0:
        raise OpticsError(f"exponent must be a whole number from 0 on, not {exponent!r}")
    left = _numbers(X)
    right = left if Y is None else _numbers(Y)
    if left.shape[1] != right.shape[1]:
        raise OpticsError(f"X and Y have different widths, {left.shape[1]} and {right.shape[1]}")
    product = left @ right.T
    product = product.toarray() if sparse.issparse(product) else product
    lengths = np.outer(_squares(left), _squares(right))
    squared, s = product**2, int(exponent)
    terms = (comb(s, i) ** 2 * squared**i * lengths ** (s - i) for i in range(s + 1))
    return factorial(s) ** 2 * sum(terms)


def _numbers(X: Any) -> Any:
    if sparse.issparse(X):
        return X.astype(np.float64).tocsr()
    found = np.asarray(X, np.float64)
    if found.ndim != 2:
        raise OpticsError(f"frames must have shape (N, features), not {found.shape}")
    return found


def _squares(X: Any) -> np.ndarray:
    """|x|² of each row."""
    if sparse.issparse(X):
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()
    return np.einsum("ij,ij->i", X, X)
