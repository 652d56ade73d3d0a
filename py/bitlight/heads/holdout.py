"""Holding out a fifth of the samples, the same ones whether they come at once or in batches."""

import numpy as np

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments
from bitlight.heads.products import offset_for
from bitlight.heads.selection import Parts

HELD_OUT_OF = 5


def held_out(labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Which samples are held out: in the order of each class, the second of every five.

    Parameters
    ----------
    labels : int array, shape (N,)
        Class indices.
    seen : int array, shape (classes,)
        Samples of each class that came before these.

    Returns
    -------
    bool array, shape (N,)

    Examples
    --------
    >>> held_out(np.array([0, 0, 0, 1, 1]), np.array([0, 5])).tolist()
    [False, True, False, False, True]
    """
    rank = np.empty(len(labels), dtype=np.int64)
    for label, count in enumerate(seen):
        members = np.flatnonzero(labels == label)
        rank[members] = count + np.arange(len(members))
    return rank % HELD_OUT_OF == 1


class SplitMoments:
    """Moments of a stream of samples: of those kept and, if `holding`, of those held out.

    Parameters
    ----------
    like : array, shape (N, features)
        Samples as they will come; the dtype and, for floats, the means decide on the offset.
    classes : int
    holding : bool
        False holds nothing out: there is nothing to choose.
    """

    def __init__(self, like: np.ndarray, classes: int, holding: bool) -> None:
        self.holding = holding
        self.kept = Moments.none(offset_for(like), classes)
        self.held = Moments.none(offset_for(like), classes)

    def add(self, X: np.ndarray, labels: np.ndarray) -> None:
        """Take in the samples X (N, features) with class indices `labels` (N,)."""
        apart = held_out(labels, self.kept.counts + self.held.counts) & self.holding
        self.kept.add(X[~apart], labels[~apart])
        self.held.add(X[apart], labels[apart])

    def parts(self) -> Parts:
        """All samples, those kept, those held out."""
        return self.kept + self.held, self.kept, self.held


def split_kernel(X: np.ndarray, labels: np.ndarray, classes: int, holding: bool) -> Parts:
    """All samples, those kept, those held out: as kernels, for fewer samples than features."""
    apart = held_out(labels, np.zeros(classes, dtype=np.int64)) & holding
    everything = Kernel.of(offset_for(X), X, labels, classes)
    return everything, everything.part(~apart), everything.part(apart)
