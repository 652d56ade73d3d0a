"""Ridge regression from sums over samples, for fewer features than samples and for streams.

With one target for each class, +1 for its samples and −1 for all others, the cross terms of
features and targets follow from the sum of features of each class. So the Gram matrix, those sums
and the number of samples of each class are all that has to be kept, however many samples there are.
"""

from dataclasses import dataclass

import numpy as np

from bitlight.heads.cholesky import solve_shifted
from bitlight.heads.products import batches


def signs(classes: int) -> np.ndarray:
    """±1 targets of each class, shape (classes, targets); two classes share one target."""
    targets = 2.0 * np.eye(classes) - 1
    return targets[:, 1:] if classes == 2 else targets


@dataclass
class Moments:
    """Sums over samples whose features are counted from `offset`.

    Attributes
    ----------
    offset : float64 array, shape (features,)
    gram : float64 array, shape (features, features)
        Σ (x − offset)·(x − offset)ᵀ.
    sums : float64 array, shape (classes, features)
        Σ (x − offset) over the samples of each class.
    counts : int64 array, shape (classes,)
    """

    offset: np.ndarray
    gram: np.ndarray
    sums: np.ndarray
    counts: np.ndarray

    @classmethod
    def none(cls, offset: np.ndarray, classes: int) -> "Moments":
        """Moments of no samples."""
        n = len(offset)
        return cls(
            offset, np.zeros((n, n)), np.zeros((classes, n)), np.zeros(classes, dtype=np.int64)
        )

    def add(self, X: np.ndarray, labels: np.ndarray) -> None:
        """Take in the samples X (N, features) with class indices `labels` (N,)."""
        members = labels == np.arange(len(self.counts))[:, np.newaxis]
        for rows, batch in batches(X, self.offset):
            self.gram += batch.T @ batch
            self.sums += members[:, rows].astype(batch.dtype) @ batch
        self.counts += members.sum(axis=1)

    def __add__(self, other: "Moments") -> "Moments":
        """Moments of both sets of samples, counted from the same offset."""
        return Moments(
            self.offset,
            self.gram + other.gram,
            self.sums + other.sums,
            self.counts + other.counts,
        )

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return int(self.counts.sum())

    def ridge(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Minimise Σ |y − x·W − b|² + alpha·|W|²; the intercept b is not penalised.

        Returns
        -------
        W : float64 array, shape (features, targets)
        b : float64 array, shape (targets,)
            For features counted from `offset`.

        Raises
        ------
        scipy.linalg.LinAlgError
            If alpha is lost in the rounding of the Gram matrix.
        """
        n, targets = self.counts.sum(), signs(len(self.counts))
        mean, mean_target = self.sums.sum(axis=0) / n, self.counts @ targets / n
        system = np.outer(mean, -n * mean)
        system += self.gram
        right = self.sums.T @ targets - n * np.outer(mean, mean_target)
        weights = solve_shifted(system, alpha, right)
        return weights, mean_target - mean @ weights

    def squared_error(self, weights: np.ndarray, intercept: np.ndarray) -> float:
        """Σ |y − x·W − b|² over the samples, from the sums alone."""
        targets = signs(len(self.counts))
        error = self.counts @ np.sum(targets**2, axis=1)
        error -= 2 * np.sum((self.sums.T @ targets) * weights)
        error -= 2 * self.counts @ targets @ intercept
        error += np.sum((self.gram @ weights) * weights)
        error += 2 * self.sums.sum(axis=0) @ weights @ intercept
        return float(error + self.counts.sum() * intercept @ intercept)
