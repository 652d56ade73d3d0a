"""What each sample counts, as scikit-learn's `sample_weight` means it.

A sample of weight k counts like k samples, and one of weight 0 is not there.
"""

from typing import Any

import numpy as np

from bitlight.errors import HeadError


def check_weights(sample_weight: Any, samples: int) -> np.ndarray | None:
    """Weights as float64, shape (N,); None where all count 1.

    Parameters
    ----------
    sample_weight : array-like of shape (N,), or None
    samples : int, N

    Raises
    ------
    HeadError
        If they are no numbers, not as many as the samples, or one is negative or not finite.
    """
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise HeadError(f"sample weights must be numbers, not {sample_weight!r:.80}") from None
    if weights.shape != (samples,):
        raise HeadError(f"sample weights must have the shape ({samples},), not {weights.shape}")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise HeadError(f"sample weights must be 0 or more, not {float(weights[wrong][0])}")
    return None if (weights == 1).all() else weights


def weigh(
    X: np.ndarray, y: np.ndarray, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Samples that count anything, their labels and what they count, or None if 1 each.

    Raises
    ------
    HeadError
        As `check_weights`, or if all weights are 0.
    """
    weights = check_weights(sample_weight, len(X))
    if weights is None:
        return X, y, None
    there = weights > 0
    if not there.any():
        raise HeadError("all sample weights are zero: there is nothing to learn from")
    return (X, y, weights) if there.all() else (X[there], y[there], weights[there])
