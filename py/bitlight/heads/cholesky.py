"""The linear systems of ridge regression: factors in float32, solutions as exact as in float64.

A Cholesky factor in float32 takes half of the time and memory; residuals in float64 then correct
the solution step by step (iterative refinement; Higham, "Accuracy and stability of numerical
algorithms", chapter 12). Where that does not converge, the factor is made in float64.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from scipy import linalg
from threadpoolctl import threadpool_limits

STEPS = 30
SETTLED = 1e-11  # a correction so small, against the solution, is the last
ENOUGH = 1e-8  # or one so small, where rounding keeps it from shrinking further

Solver = Callable[[torch.Tensor], torch.Tensor]


class System(Protocol):
    """A symmetric positive semi-definite matrix."""

    @property
    def device(self) -> torch.device:
        """Where it is."""

    def lower(self, dtype: torch.dtype) -> torch.Tensor:
        """A new array (n, n) of which the lower triangle is filled."""

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Product with float64 vectors, shape (n, k)."""


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
    wanted = torch.from_numpy(right).to(system.device)
    try:
        solver = _factor(system, alpha, torch.float32)
        found = _refined(system, alpha, wanted, solver, settled)
    except linalg.LinAlgError:
        found = None
    if found is None:
        found = _factor(system, alpha, torch.float64)(wanted)
    return found.cpu().numpy()


def _refined(
    system: System, alpha: float, right: torch.Tensor, solve: Solver, settled: float
) -> torch.Tensor | None:
    """The solution, or None if corrections do not shrink."""
    found = solve(right)
    last = np.inf
    for _ in range(STEPS):
        correction = solve(right - system @ found - alpha * found)
        found += correction
        size = float(correction.norm() / found.norm().clamp_min(1e-300))
        if size <= settled:
            return found
        if not size <= last / 2:
            break
        last = size
    return found if min(size, last) <= max(settled, ENOUGH) else None


def _factor(system: System, alpha: float, dtype: torch.dtype) -> Solver:
    matrix = system.lower(dtype)
    matrix.diagonal().add_(alpha)
    if not torch.isfinite(matrix.diagonal()).all():
        raise linalg.LinAlgError("out of range")
    if matrix.device.type == "cuda":
        return _factor_on_gpu(matrix)
    # OpenBLAS factors several times slower with two threads than with one. The transpose is in the
    # order that LAPACK overwrites, and our lower triangle is its upper one.
    with threadpool_limits(1, user_api="blas"):
        factor = linalg.cho_factor(matrix.numpy().T, overwrite_a=True, check_finite=False)
    return lambda right: torch.from_numpy(
        np.asarray(linalg.cho_solve(factor, right.to(dtype).numpy(), check_finite=False))
    ).double()


def _factor_on_gpu(matrix: torch.Tensor) -> Solver:
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed:
        raise linalg.LinAlgError("not positive definite")
    return lambda right: torch.cholesky_solve(right.to(matrix.dtype), factor).double()
