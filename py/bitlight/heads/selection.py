"""Choosing alpha by the squared error on samples that were held out, and solving for it."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import linalg

from bitlight.errors import HeadError


class Regression(Protocol):
    """A set of samples, as `Moments` or `Kernel` holds it."""

    offset: np.ndarray

    @property
    def samples(self) -> int:
        """How many samples there are."""

    def ridge(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (features, targets) and intercept (targets,) with the least penalised error."""

    def squared_error(self, weights: np.ndarray, intercept: np.ndarray) -> float:
        """Error that any weights and intercept make on these samples."""


# All samples, those kept, those held out.
Parts = tuple[Regression, Regression, Regression]


class Solution(NamedTuple):
    """coef (targets, features), intercept (targets,) and the alpha that was taken."""

    coef: np.ndarray
    intercept: np.ndarray
    alpha: float


def checked_alphas(alphas: Any) -> list[float]:
    """Alphas as floats; HeadError unless there is one or more and all are positive."""
    try:
        checked = [float(alpha) for alpha in alphas]
    except (TypeError, ValueError):
        checked = []
    if not checked or not all(0 < alpha < np.inf for alpha in checked):
        raise HeadError(f"alphas must be positive numbers, one or more, not {alphas!r}")
    return checked


def solve(alphas: list[float], parts: Parts) -> Solution:
    """Coefficients from all samples, for the alpha that serves the held-out samples best.

    Raises
    ------
    HeadError
        If alpha is lost in the rounding of the features' products.
    """
    everything, kept, held = parts
    alpha = choose_alpha(alphas, kept, held)
    try:
        weights, intercept = everything.ridge(alpha)
    except linalg.LinAlgError:
        raise _lost(alpha) from None
    return Solution(weights.T, intercept - everything.offset @ weights, alpha)


def choose_alpha(alphas: list[float], kept: Regression, held: Regression) -> float:
    """Alpha whose ridge on the samples kept has the least squared error on those held out.

    The largest if nothing is held out, which happens when each class has one sample.
    """
    if not held.samples:
        return max(alphas)
    errors = {}
    for alpha in alphas:
        try:
            errors[alpha] = held.squared_error(*kept.ridge(alpha))
        except linalg.LinAlgError:
            continue  # a larger one may do
    if not errors:
        raise _lost(max(alphas))
    return min(errors, key=lambda alpha: errors[alpha])


def _lost(alpha: float) -> HeadError:
    return HeadError(
        f"alpha {alpha:g} is lost in the rounding of these features: take a larger one"
    )
