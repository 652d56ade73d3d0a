"""Ridge regression from products of samples, its dual form, for fewer samples than features.

With K the products of the centred samples, W = Xᵀ·A with A = (K + alpha·1)⁻¹·Y: the same W, from a
system of one row for each sample (Saunders, Gammerman and Vovk, ICML 1998).
"""

from dataclasses import dataclass

import numpy as np

from bitlight.heads.cholesky import solve_shifted
from bitlight.heads.moments import signs
from bitlight.heads.products import batches, gram_of_rows


@dataclass
class Kernel:
    """Samples and the products between them, with features counted from `offset`.

    Attributes
    ----------
    offset : float64 array, shape (features,)
    X : array, shape (N, features)
    targets : float64 array of ±1, shape (N, targets)
    products : float64 array, shape (N, N)
        (x − offset)·(x' − offset).
    """

    offset: np.ndarray
    X: np.ndarray
    targets: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, offset: np.ndarray, X: np.ndarray, labels: np.ndarray, classes: int) -> "Kernel":
        """Kernel of the samples X (N, features) with class indices `labels` (N,)."""
        return cls(offset, X, signs(classes)[labels], gram_of_rows(X, offset))

    def part(self, chosen: np.ndarray) -> "Kernel":
        """Kernel of some of the samples; `chosen` is a bool array, shape (N,)."""
        products = self.products[np.ix_(chosen, chosen)]
        return Kernel(self.offset, self.X[chosen], self.targets[chosen], products)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.X)

    def ridge(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Minimise Σ |y − x·W − b|² + alpha·|W|²; see `Moments.ridge`."""
        means = self.products.mean(axis=0)
        system = self.products - means
        system -= (means - means.mean())[:, np.newaxis]
        mean_target = self.targets.mean(axis=0)
        dual = solve_shifted(system, alpha, self.targets - mean_target)
        # Its columns add up to zero but for rounding; exactly so, uncentred samples do as well.
        dual -= dual.mean(axis=0)
        weights = np.zeros((self.X.shape[1], self.targets.shape[1]))
        total = np.zeros(self.X.shape[1])
        for rows, batch in batches(self.X, self.offset):
            weights += batch.T @ dual[rows]
            total += batch.sum(axis=0)
        return weights, mean_target - total / len(self.X) @ weights

    def squared_error(self, weights: np.ndarray, intercept: np.ndarray) -> float:
        """Σ |y − x·W − b|² over the samples."""
        return sum(
            float(np.sum((self.targets[rows] - batch @ weights - intercept) ** 2))
            for rows, batch in batches(self.X, self.offset)
        )
