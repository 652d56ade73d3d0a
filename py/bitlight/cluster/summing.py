"""The sums that a ridge head is solved from, over a range of chunks."""

from pathlib import Path

import numpy as np
from sklearn.base import clone

from bitlight.cluster.filling import shared
from bitlight.cluster.spreading import Work
from bitlight.heads.ridge import RidgeHead


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
    """

    def __init__(self, path: Path, head: RidgeHead, classes: np.ndarray) -> None:
        self.path, self.head, self.classes = path, head, classes

    def __call__(self, share: tuple[range, list[int]]) -> RidgeHead:
        """A head with the sums of these chunks, before which there were so many of each class."""
        chunks, before = share
        head: RidgeHead = clone(self.head)
        for features, labels in shared(self.path).batches(chunks):
            head.partial_fit(features, labels, self.classes, before=before)
        return head
