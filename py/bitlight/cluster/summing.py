"""The sums that a ridge head is solved from, over a range of chunks."""

from pathlib import Path

import numpy as np
from sklearn.base import clone

from bitlight.cluster.filling import shared
from bitlight.cluster.spreading import Work
from bitlight.heads.ridge import RidgeHead
from bitlight.store.rows import Rows


class Summing(Work):
    """Sees a range of chunks.

    Parameters
    ----------
    path : Path
        Of the store.
    head : RidgeHead
        Its parameters.
    classes : array
        All labels.
    taken : Rows
        Which samples of each chunk.
    each : float64 array, shape (samples,), or None
        What each sample of the store counts.
    """

    def __init__(
        self,
        path: Path,
        head: RidgeHead,
        classes: np.ndarray,
        taken: Rows,
        each: np.ndarray | None = None,
    ) -> None:
        self.path, self.head, self.classes, self.taken = path, head, classes, taken
        self.each = each

    def __call__(self, share: tuple[range, list[float]]) -> RidgeHead:
        """A head with the sums of these chunks, before which there were so many of each class."""
        chunks, before = share
        head: RidgeHead = clone(self.head)
        for rows, features, labels in self.taken.batches(shared(self.path), chunks):
            counts = None if self.each is None else self.each[rows]
            head.partial_fit(features, labels, self.classes, before, counts)
        return head
