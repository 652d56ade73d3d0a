"""How well a head tells classes apart: accuracy, what is taken for what, some images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bitlight.heads.accuracy import Accuracy

# Classes up to which the whole matrix is shown; and pairs of classes that are named.
MOST_CLASSES = 30
MOST_PAIRS = 12


@dataclass(frozen=True)
class Confusion:
    """One class taken for another."""

    truth: str
    told: str
    images: int
    share: float


@dataclass(frozen=True)
class Classes:
    """Predictions beside labels.

    Attributes
    ----------
    of : str, what told them
    names : tuple of str
    accuracy : Accuracy
    counts : int array (classes, classes)
        Images of the class of a row that were taken for the class of a column.
    """

    of: str
    names: tuple[str, ...]
    accuracy: Accuracy
    counts: np.ndarray

    @staticmethod
    def of_predictions(
        of: str, names: Sequence[str], truth: np.ndarray, told: np.ndarray
    ) -> "Classes":
        """Count them.

        Parameters
        ----------
        truth, told : int arrays (N,)
            Places in `names`.

        Examples
        --------
        >>> found = Classes.of_predictions("a head", "ab", np.array([0, 0, 1]), np.array([0, 1, 1]))
        >>> found.accuracy.right, found.counts.tolist(), found.recalls
        (2, [[1, 1], [0, 1]], [0.5, 1.0])
        """
        counts = np.zeros((len(names), len(names)), np.int64)
        np.add.at(counts, (truth, told), 1)
        right = int((truth == told).sum())
        return Classes(of, tuple(names), Accuracy(right, len(truth)), counts)

    @property
    def recalls(self) -> list[float]:
        """Share of each class's images that is told as such; of a class without images, 0."""
        return (self.counts.diagonal() / np.maximum(self.counts.sum(axis=1), 1)).tolist()

    @property
    def shares(self) -> np.ndarray:
        """Each row as shares of its images."""
        return self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)

    @property
    def is_small(self) -> bool:
        """Whether the whole matrix can be read."""
        return len(self.names) <= MOST_CLASSES

    @property
    def confusions(self) -> list[Confusion]:
        """The classes that are most often taken for another one, the most frequent first."""
        wrong = self.counts - np.diag(self.counts.diagonal())
        order = np.argsort(-wrong.ravel(), kind="stable")[:MOST_PAIRS]
        places = [divmod(int(place), len(self.names)) for place in order]
        return [
            Confusion(self.names[a], self.names[b], int(wrong[a, b]), float(self.shares[a, b]))
            for a, b in places
            if wrong[a, b]
        ]
