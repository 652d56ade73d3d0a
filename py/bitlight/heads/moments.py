"""Ridge regression from sums over samples, for fewer features than samples and for streams.

With one target for each class, +1 for its samples and −1 for all others, the cross terms of
features and targets follow from the sum of features of each class. So the Gram matrix, those sums
and the number of samples of each class are all that has to be kept, however many samples there are.
"""

from dataclasses import dataclass

import numpy as np

from bitlight.heads.cholesky import SETTLED, solve_shifted
from bitlight.heads.place import Array, Memory, Place, dtype_of
from bitlight.heads.products import batches, blocks, cross
from bitlight.heads.symmetric import Symmetric


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
    weights : float64 array, shape (classes,)
        What a sample of each class counts.
    gram : Symmetric, of `features` rows
        Σ weight·(x − offset)·(x − offset)ᵀ.
    sums : float64 array, shape (classes, features)
        Σ (x − offset) over the samples of each class, without the weights of classes.
    counts : int64 array, shape (classes,)
        Samples of each class; float64 where samples have weights of their own.
    """

    offset: np.ndarray
    weights: np.ndarray
    gram: Symmetric
    sums: np.ndarray
    counts: np.ndarray

    @classmethod
    def none(cls, offset: np.ndarray, weights: np.ndarray, place: Place | None = None) -> "Moments":
        """Moments of no samples."""
        n, classes = len(offset), len(weights)
        gram = Symmetric(n, place or Memory())
        counts = np.zeros(classes, dtype=np.int64)
        return cls(offset, weights, gram, np.zeros((classes, n)), counts)

    def add(self, X: np.ndarray, labels: np.ndarray, each: np.ndarray | None = None) -> None:
        """Take in samples.

        Parameters
        ----------
        X : array, shape (N, features)
        labels : int array, shape (N,)
            Class indices.
        each : float64 array, shape (N,), optional
            What each sample counts beside its class; products are float64 then.
        """
        if each is not None:
            self._add_weighted(X, labels, each)
            return
        members = labels[:, np.newaxis] == np.arange(len(self.counts))
        place = self.gram.place
        for rows, block in blocks(X, self.offset, place):
            indicators = place.put(members[rows].astype(dtype_of(block)))
            self.sums += place.fetch(cross(indicators, block, place))
            for weight in np.unique(self.weights):
                self.gram.add_products(self._of_weight(block, labels[rows], weight), float(weight))
        self.counts += members.sum(axis=0)

    def _add_weighted(self, X: np.ndarray, labels: np.ndarray, each: np.ndarray) -> None:
        members = (labels[:, np.newaxis] == np.arange(len(self.counts))) * each[:, np.newaxis]
        roots = np.sqrt(self.weights[labels] * each)[:, np.newaxis]
        for rows, batch in batches(X, self.offset):
            self.sums += members[rows].T @ batch
            self.gram.add_products(self.gram.place.put(batch * roots[rows]))
        self.counts = self.counts + members.sum(axis=0)

    def _of_weight(self, block: Array, labels: np.ndarray, weight: float) -> Array:
        chosen = self.weights[labels] == weight
        return block if chosen.all() else block[self.gram.place.put(chosen)]

    def plus(self, other: "Moments") -> "Moments":
        """Moments of both sets of samples, counted from the same offset, without a copy."""
        return Moments(
            self.offset,
            self.weights,
            self.gram.plus(other.gram),
            self.sums + other.sums,
            self.counts + other.counts,
        )

    def merge(self, other: "Moments") -> None:
        """Take in the samples of another worker, wherever its features are counted from."""
        here = other.offset - self.offset
        mass, total = other.mass, other.weights @ other.sums
        self.gram.add(other.gram)
        if here.any():
            self.gram.add_outer(total + mass / 2 * here, here)
        self.sums += other.sums + other.counts[:, np.newaxis] * here
        self.counts = self.counts + other.counts

    @property
    def samples(self) -> float:
        """How many samples there are, or what they count together."""
        return float(self.counts.sum())

    @property
    def mass(self) -> float:
        """Sum of the weights of all samples: each class's weight times its count."""
        return float(self.weights @ self.counts)

    def centred(self) -> "Centred":
        """Σ weight·(x − mean)·(x − mean)ᵀ."""
        mean = self.gram.place.put(self.weights @ self.sums / self.mass)
        return Centred(self.gram, mean, self.mass)

    def ridge(self, alpha: float, settled: float = SETTLED) -> tuple[np.ndarray, np.ndarray]:
        """Minimise Σ weight·|y − x·W − b|² + alpha·|W|²; the intercept b is not penalised.

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
        mean, mean_target, right = self.right_side()
        weights = solve_shifted(self.centred(), alpha, right, settled)
        return weights, mean_target - mean @ weights

    def right_side(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means of features and targets, and Σ weight·(x − mean)·yᵀ, shape (features, targets)."""
        targets = signs(len(self.counts))
        weighted = self.weights[:, np.newaxis] * targets
        mean = self.weights @ self.sums / self.mass
        mean_target = self.counts @ weighted / self.mass
        right = self.sums.T @ weighted - self.mass * np.outer(mean, mean_target)
        return mean, mean_target, right

    def squared_errors(self, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """Σ weight·|y − x·W − b|² over the samples for each W and b, from the sums alone.

        Parameters
        ----------
        weights : float64 array, shape (k, features, targets)
        intercepts : float64 array, shape (k, targets)
        """
        targets = signs(len(self.counts))
        weighted = self.weights[:, np.newaxis] * targets
        place = self.gram.place
        products = place.fetch(self.gram @ place.put(np.concatenate(weights, axis=1)))
        products = np.stack(np.split(products, len(weights), axis=1))
        outputs = self.weights @ self.sums @ weights
        errors = np.sum((products - 2 * self.sums.T @ weighted) * weights, axis=(1, 2))
        errors += np.sum(intercepts * (2 * (outputs - self.counts @ weighted)), axis=1)
        errors += self.mass * np.sum(intercepts**2, axis=1)
        return errors + self.counts @ np.sum(weighted * targets, axis=1)


@dataclass
class Centred:
    """gram − mass·mean·meanᵀ, made strip by strip: a `cholesky.System`."""

    gram: Symmetric
    mean: Array
    mass: float

    @property
    def place(self) -> Place:
        """The place that the sums are in."""
        return self.gram.place

    def lower(self, dtype: type[np.floating]) -> Array:
        """A new array (n, n) of which the lower triangle is filled."""
        size, place = self.gram.size, self.place
        matrix = place.empty((size, size), dtype)
        less = -self.mass * self.mean
        for rows, strip in self.gram.strips():
            # In float64 first: the difference is far smaller than what is subtracted.
            found = place.plus_outer(strip, less[rows], self.mean[: rows.stop])
            matrix[rows, : rows.stop] = place.cast(found, dtype)
        return matrix

    def __matmul__(self, vectors: Array) -> Array:
        """Product with float64 vectors, shape (n, k)."""
        less = -self.mass * self.mean
        return self.gram.place.plus_outer(self.gram @ vectors, less, self.mean @ vectors)
