"""The linear systems of ridge regression: factors in float32, solutions as exact as in float64.

A Cholesky factor in float32 takes half of the time and memory; residuals in float64 then correct
the solution step by step (iterative refinement; Higham, "Accuracy and stability of numerical
algorithms", chapter 12). Where that does not converge, the factor is made in float64.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

from bitlight.heads.place import Array, Place

STEPS = 30
SETTLED = 1e-11  # a correction so small, against the solution, is the last
ENOUGH = 1e-8  # or one so small, where rounding keeps it from shrinking further

Solver = Callable[[Array], Array]


class System(Protocol):
    """A symmetric positive semi-definite matrix."""

    @property
    def place(self) -> Place:
        """The place that its arrays are in."""

    def lower(self, dtype: type[np.floating]) -> Array:
        """A new array (n, n), where the system is, of which the lower triangle is filled."""

    def __matmul__(self, vectors: Array) -> Array:
        """Product with float64 vectors, shape (n, k), both where the system is."""


def solve_shifted(
    system: System, alpha: float, right: np.ndarray, settled: float = SETTLED
) -> np.ndarray:
    """Solve (system + alpha·1)·X = right.

    Parameters
    ----------
    system : System of n rows
    alpha : float
    right : float64 array, shape (n, targets)
    settled : float
        Refinement ends with a correction so small.

    Raises
    ------
    scipy.linalg.LinAlgError
        If alpha is lost in the rounding of the system.
    """
    wanted = system.place.put(right)
    try:
        solver = _factor(system, alpha, np.float32)
        found = _refined(system, alpha, wanted, solver, settled)
    except linalg.LinAlgError:
        found = None
    if found is None:
        found = _factor(system, alpha, np.float64)(wanted)
    return system.place.fetch(found)


def _refined(
    system: System, alpha: float, right: Array, solve: Solver, settled: float
) -> Array | None:
    """The solution, or None if corrections do not shrink."""
    found = solve(right)
    last = np.inf
    for _ in range(STEPS):
        correction = solve(right - system @ found - alpha * found)
        found += correction
        size = _norm(correction) / max(_norm(found), 1e-300)
        if size <= settled:
            return found
        if not size <= last / 2:
            break
        last = size
    return found if min(size, last) <= max(settled, ENOUGH) else None


def _factor(system: System, alpha: float, dtype: type[np.floating]) -> Solver:
    if system.place.gpu:
        return _factor_on_gpu(system, alpha, dtype)
    matrix = system.place.fetch(system.lower(dtype))
    diagonal = np.einsum("ii->i", matrix)
    diagonal += alpha
    _check_finite(diagonal)
    # OpenBLAS factors several times slower with two threads than with one. The transpose is in the
    # order that LAPACK overwrites, and our lower triangle is its upper one.
    with threadpool_limits(1, user_api="blas"):
        factor = linalg.cho_factor(matrix.T, overwrite_a=True, check_finite=False)
    place = system.place

    def solve(right: Array) -> Array:
        given = place.fetch(right).astype(dtype)
        return place.put(np.asarray(linalg.cho_solve(factor, given, check_finite=False), float))

    return solve


def _factor_on_gpu(system: System, alpha: float, dtype: type[np.floating]) -> Solver:
    import torch

    place, matrix = system.place, system.lower(dtype)
    matrix.diagonal().add_(alpha)
    _check_finite(place.fetch(matrix.diagonal()))
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed:
        raise linalg.LinAlgError("not positive definite")

    def solve(right: Array) -> Array:
        return place.cast(torch.cholesky_solve(place.cast(right, dtype), factor), np.float64)

    return solve


def _check_finite(diagonal: np.ndarray) -> None:
    if not np.isfinite(diagonal).all():
        raise linalg.LinAlgError("out of range")


def _norm(array: Array) -> float:
    # Not by OpenBLAS, whose threads then wait busily where torch's want to work.
    return float((array * array).sum()) ** 0.5
