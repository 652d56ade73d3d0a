"""Choosing alpha by the squared error on samples that were held out, and solving for it."""

from typing import Any, Protocol

import numpy as np
from scipy import linalg

from bitlight.errors import HeadError

CHOOSING = 1e-5  # precision of solutions that are compared, far below their errors


class Regression(Protocol):
    """A set of samples, as `Moments` or `Kernel` holds it."""

    offset: np.ndarray

    @property
    def samples(self) -> float:
        """How many samples there are, or what they count together."""

    def ridge(self, alpha: float, settled: float = ...) -> tuple[np.ndarray, np.ndarray]:
        """Weights (features, targets) and intercept (targets,) with the least penalised error."""

    def squared_errors(self, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """Errors (k,) that each of k weights and intercepts makes on these samples."""


# All samples, those kept, those held out.
Parts = tuple[Regression, Regression, Regression]


def check_alphas(alphas: Any) -> list[float]:
    """Alphas as floats; HeadError unless there is one or more and all are positive."""
    try:
        checked = [float(alpha) for alpha in alphas]
    except (TypeError, ValueError):
        checked = []
    if not checked or not all(0 < alpha < np.inf for alpha in checked):
        raise HeadError(f"alphas must be positive numbers, one or more, not {alphas!r}")
    return checked


def solve(alpha: float, everything: Regression) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (targets, features) and intercept (targets,), for features counted from 0.

    Raises
    ------
    HeadError
        If alpha is lost in the rounding of the features' products.
    """
    try:
        weights, intercept = everything.ridge(alpha)
    except linalg.LinAlgError:
        raise _lost(alpha) from None
    return weights.T, intercept - everything.offset @ weights


def choose_alpha(alphas: list[float], kept: Regression, held: Regression) -> float:
    """Alpha whose ridge on the samples kept has the least squared error on those held out.

    The largest if nothing is held out, which happens when each class has one sample.
    """
    if not held.samples:
        return max(alphas)
    solutions = {}
    for alpha in alphas:
        try:
            solutions[alpha] = kept.ridge(alpha, CHOOSING)
        except linalg.LinAlgError:
            continue  # a larger one may do
    if not solutions:
        raise _lost(max(alphas))
    weights, intercepts = zip(*solutions.values(), strict=True)
    errors = held.squared_errors(np.stack(weights), np.stack(intercepts))
    return list(solutions)[int(np.argmin(errors))]


def _lost(alpha: float) -> HeadError:
    return HeadError(
        f"alpha {alpha:g} is lost in the rounding of these features: take a larger one"
    )
