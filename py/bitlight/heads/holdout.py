"""Holding out a fifth of the samples, the same ones whether they come at once or in batches."""

import numpy as np
import torch

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments
from bitlight.heads.products import INTEGER_ROWS, fits, integral, offset_for
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
    weights : float64 array, shape (classes,)
    holding : bool
        False holds nothing out: there is nothing to choose.
    device : torch.device, optional
    before : int array, shape (classes,), optional
        Samples of each class that come before these in the order of all; others see them.
    """

    def __init__(
        self,
        like: np.ndarray,
        weights: np.ndarray,
        holding: bool,
        device: torch.device | None = None,
        before: np.ndarray | None = None,
    ) -> None:
        self.holding = holding
        self.before = np.zeros(len(weights), np.int64) if before is None else np.array(before)
        offset = offset_for(like)
        self.kept = Moments.none(offset, weights, device)
        self.held = Moments.none(offset if holding else offset[:0], weights, device)

    def add(self, X: np.ndarray, labels: np.ndarray) -> None:
        """Take in the samples X (N, features) with class indices `labels` (N,)."""
        if integral(X) and not fits(X, self.kept.offset):
            self._count_from(offset_for(X))
        if not self.holding:
            self.kept.add(X, labels)
            return
        for start in range(0, len(X), INTEGER_ROWS):
            some, theirs = X[start : start + INTEGER_ROWS], labels[start : start + INTEGER_ROWS]
            apart = held_out(theirs, self.before + self.kept.counts + self.held.counts)
            self.kept.add(some[~apart], theirs[~apart])
            self.held.add(some[apart], theirs[apart])

    def _count_from(self, offset: np.ndarray) -> None:
        """Move the offset; whole numbers stay exact."""
        for name in ("kept", "held") if self.holding else ("kept",):
            before: Moments = getattr(self, name)
            after = Moments.none(offset, before.weights, before.gram.device)
            after.merge(before)
            setattr(self, name, after)

    def merge(self, other: "SplitMoments") -> None:
        """Take in the samples of another worker; each has held out its own."""
        self.kept.merge(other.kept)
        if self.holding:
            self.held.merge(other.held)

    def parts(self) -> Parts:
        """All samples, those kept, those held out."""
        return self.kept.plus(self.held) if self.holding else self.kept, self.kept, self.held


def split_kernel(
    X: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    holding: bool,
    device: torch.device | None = None,
) -> Parts:
    """All samples, those kept, those held out: as kernels, for fewer samples than features."""
    everything = Kernel.of(offset_for(X), X, labels, weights, device)
    apart = held_out(labels, np.zeros(len(weights), dtype=np.int64)) & holding
    return everything, everything.part(~apart), everything.part(apart)
