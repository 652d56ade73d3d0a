"""Standardised features: mean 0 and spread 1, the frame in which a head's weights are learnt."""

from typing import NamedTuple

import numpy as np

from bitlight.heads.products import FLOAT_ROWS, integral


class Standard(NamedTuple):
    """x becomes (x − mean)·inverse.

    Attributes
    ----------
    mean : float64 array, shape (features,)
    inverse : float64 array, shape (features,)
        1/spread; 0 for a feature that never changes, which then has no weight.
    """

    mean: np.ndarray
    inverse: np.ndarray

    @staticmethod
    def of(X: np.ndarray, each: np.ndarray | None = None) -> "Standard":
        """Of the samples X (N, features), each of which counts `each` (N,), or 1.

        Each float feature has its own spread. Bits and counts share one, because they have the same
        unit: otherwise a bit that is hardly ever set would weigh the most.
        """
        start = X[:FLOAT_ROWS].mean(axis=0, dtype=np.float64)  # squares then lose no digits
        total, squares = np.zeros(X.shape[1]), np.zeros(X.shape[1])
        for first in range(0, len(X), FLOAT_ROWS):
            rows = slice(first, first + FLOAT_ROWS)
            batch = X[rows].astype(np.float64) - start
            if each is None:
                total += batch.sum(axis=0)
                squares += np.square(batch).sum(axis=0)
            else:
                total += each[rows] @ batch
                squares += each[rows] @ np.square(batch)
        count = len(X) if each is None else each.sum()
        variance = np.maximum(squares / count - np.square(total / count), 0)
        if integral(X):
            changing = variance > 0
            variance = changing * (variance.sum() / max(np.count_nonzero(changing), 1))
        changes = variance > 1e-24 * np.square(start)
        inverse = np.zeros_like(variance)
        inverse[changes] = 1 / np.sqrt(variance[changes])
        return Standard(start + total / count, inverse)
