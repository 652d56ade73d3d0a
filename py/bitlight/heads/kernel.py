"""Ridge regression from products of samples, its dual form, for fewer samples than features.

With K the products of the centred samples, W = Xᵀ·A with A = (K + alpha·1)⁻¹·Y: the same W, from a
system of one row for each sample (Saunders, Gammerman and Vovk, ICML 1998). A sample of weight w
stands in K and Y multiplied by √w.
"""

from dataclasses import dataclass

import numpy as np

from bitlight.heads.cholesky import SETTLED, solve_shifted
from bitlight.heads.moments import signs
from bitlight.heads.place import Array, Memory, Place
from bitlight.heads.products import batches, gram_of_rows


@dataclass
class Kernel:
    """Samples and the products between them, with features counted from `offset`.

    Attributes
    ----------
    offset : float64 array, shape (features,)
    X : array, shape (N, features)
    targets : float64 array of ±1, shape (N, targets)
    weights : float64 array, shape (N,)
    products : float64 array, shape (N, N)
        (x − offset)·(x' − offset).
    """

    offset: np.ndarray
    X: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    products: np.ndarray
    place: Place

    @classmethod
    def of(
        cls,
        offset: np.ndarray,
        X: np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        place: Place | None = None,
        each: np.ndarray | None = None,
    ) -> "Kernel":
        """Kernel of samples.

        Parameters
        ----------
        X : array, shape (N, features)
        labels : int array, shape (N,)
            Class indices.
        weights : float64 array, shape (classes,)
            What a sample of each class counts.
        each : float64 array, shape (N,), optional
            What each counts beside that.
        """
        place = place or Memory()
        products = gram_of_rows(X, offset, place)
        counts = weights[labels] if each is None else weights[labels] * each
        return cls(offset, X, signs(len(weights))[labels], counts, products, place)

    def part(self, chosen: np.ndarray) -> "Kernel":
        """Kernel of some of the samples; `chosen` is a bool array, shape (N,)."""
        return Kernel(
            self.offset,
            self.X[chosen],
            self.targets[chosen],
            self.weights[chosen],
            self.products[np.ix_(chosen, chosen)],
            self.place,
        )

    def weighing(self, weights: np.ndarray) -> "Kernel":
        """Kernel of the samples that count anything, with other weights (N,)."""
        some = self.part(weights > 0)
        some.weights = weights[weights > 0]
        return some

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.X)

    def centred(self) -> np.ndarray:
        """Products of the centred samples times √(w·w'), shape (N, N)."""
        share = self.weights / self.weights.sum()
        means = self.products @ share
        system = self.products - means
        system -= (means - means @ share)[:, np.newaxis]
        roots = np.sqrt(self.weights)
        system *= roots
        system *= roots[:, np.newaxis]
        return system

    def ridge(self, alpha: float, settled: float = SETTLED) -> tuple[np.ndarray, np.ndarray]:
        """Minimise Σ weight·|y − x·W − b|² + alpha·|W|²; see `Moments.ridge`."""
        share, roots = self.weights / self.weights.sum(), np.sqrt(self.weights)[:, np.newaxis]
        mean_target = share @ self.targets
        system = Dense(self.place.put(self.centred()), self.place)
        dual = roots * solve_shifted(system, alpha, roots * (self.targets - mean_target), settled)
        # Its columns add up to zero but for rounding; exactly so, uncentred samples do as well.
        dual -= share[:, np.newaxis] * dual.sum(axis=0)
        weights = np.zeros((self.X.shape[1], self.targets.shape[1]))
        mean = np.zeros(self.X.shape[1])
        for rows, batch in batches(self.X, self.offset):
            weights += batch.T @ dual[rows]
            mean += share[rows] @ batch
        return weights, mean_target - mean @ weights

    def squared_errors(self, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """Σ weight·|y − x·W − b|² over the samples for each W and b; see `Moments`."""
        errors = np.zeros(len(weights))
        for rows, batch in batches(self.X, self.offset):
            residuals = self.targets[rows] - batch @ weights - intercepts[:, np.newaxis]
            errors += np.sum(residuals**2, axis=2) @ self.weights[rows]
        return errors


@dataclass
class Dense:
    """A symmetric matrix as it is, float64, shape (n, n): a `cholesky.System`."""

    matrix: Array
    place: Place

    def lower(self, dtype: type[np.floating]) -> Array:
        """A copy, where the place is."""
        copy = self.place.empty(tuple(self.matrix.shape), dtype)
        copy[:] = self.matrix
        return copy

    def __matmul__(self, vectors: Array) -> Array:
        """Product with float64 vectors, shape (n, k)."""
        return self.matrix @ vectors
