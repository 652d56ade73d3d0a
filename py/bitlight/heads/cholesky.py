"""The linear systems of ridge regression."""

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits


def solve_shifted(system: np.ndarray, alpha: float, right: np.ndarray) -> np.ndarray:
    """Solve (system + alpha·1)·X = right for a symmetric system; its array is overwritten.

    Parameters
    ----------
    system : float64 array, shape (n, n)
        Positive semi-definite.
    right : float64 array, shape (n, targets)

    Raises
    ------
    scipy.linalg.LinAlgError
        If alpha is lost in the rounding of the system.
    """
    np.fill_diagonal(system, system.diagonal() + alpha)
    # OpenBLAS factors several times slower with two threads than with one. The transpose of a
    # symmetric matrix is itself, in the order that LAPACK overwrites.
    with threadpool_limits(1, user_api="blas"):
        factor = linalg.cho_factor(system.T, overwrite_a=True, check_finite=False)
    return linalg.cho_solve(factor, right, check_finite=False)
