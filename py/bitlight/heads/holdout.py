"""Holding out a fifth of the samples, the same ones whether they come at once or in batches."""

import numpy as np

from bitlight.heads.kernel import Kernel
from bitlight.heads.moments import Moments
from bitlight.heads.place import Place
from bitlight.heads.products import INTEGER_ROWS, fits, integral, offset_for
from bitlight.heads.selection import Parts

HELD_OUT_OF = 5


def hold_out(labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
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
    >>> hold_out(np.array([0, 0, 0, 1, 1]), np.array([0, 5])).tolist()
    [False, True, False, False, True]
    """
    rank = np.empty(len(labels), dtype=np.int64)
    for label, count in enumerate(seen):
        members = np.flatnonzero(labels == label)
        rank[members] = count + np.arange(len(members))
    return rank % HELD_OUT_OF == 1


def hold_out_weights(labels: np.ndarray, each: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The same of samples that count more or less than one: how much of each is held out.

    A sample takes as much room in the order of its class as it counts, and of every five units the
    second is held out. So one of weight 3 is split as three samples in a row would be.

    Parameters
    ----------
    labels : int array, shape (N,)
    each : float64 array, shape (N,)
    seen : array, shape (classes,)
        What came before these, of each class.

    Examples
    --------
    >>> hold_out_weights(np.array([0, 0, 0]), np.array([3.0, 0.5, 2.0]), np.zeros(1)).tolist()
    [1.0, 0.0, 0.0]
    >>> hold_out_weights(np.array([0]), np.array([1.5]), np.zeros(1)).tolist()
    [0.5]
    """
    found = np.empty(len(labels))
    for label, before in enumerate(seen):
        members = np.flatnonzero(labels == label)
        ends = before + np.cumsum(each[members])
        found[members] = _held_until(ends) - _held_until(ends - each[members])
    # What rounding leaves of a unit is no part of a sample.
    found[found < 1e-9 * each] = 0
    return np.where(each - found < 1e-9 * each, each, found)


def _held_until(reached: np.ndarray) -> np.ndarray:
    whole, rest = np.divmod(reached, HELD_OUT_OF)
    return whole + np.clip(rest - 1, 0, 1)


class SplitMoments:
    """Moments of a stream of samples: of those kept and, if `holding`, of those held out.

    Parameters
    ----------
    like : array, shape (N, features)
        Samples as they will come; the dtype and, for floats, the means decide on the offset.
    weights : float64 array, shape (classes,)
    holding : bool
        False holds nothing out: there is nothing to choose.
    place : Place, optional
    before : int array, shape (classes,), optional
        Samples of each class that come before these in the order of all; others see them.
    """

    def __init__(
        self,
        like: np.ndarray,
        weights: np.ndarray,
        holding: bool,
        place: Place | None = None,
        before: np.ndarray | None = None,
    ) -> None:
        self.holding = holding
        self.before = np.zeros(len(weights), np.int64) if before is None else np.array(before)
        offset = offset_for(like)
        self.kept = Moments.none(offset, weights, place)
        self.held = Moments.none(offset if holding else offset[:0], weights, place)

    def add(self, X: np.ndarray, labels: np.ndarray, each: np.ndarray | None = None) -> None:
        """Take in the samples X (N, features) with class indices `labels` (N,); see `Moments`."""
        if each is None and self._seen().dtype.kind == "f":  # others had weights
            each = np.ones(len(X))
        if integral(X) and not fits(X, self.kept.offset):
            self._count_from(offset_for(X))
        if not self.holding:
            self.kept.add(X, labels, each)
            return
        for start in range(0, len(X), INTEGER_ROWS):
            rows = slice(start, start + INTEGER_ROWS)
            if each is None:
                apart = hold_out(labels[rows], self._seen())
                self.kept.add(X[rows][~apart], labels[rows][~apart])
                self.held.add(X[rows][apart], labels[rows][apart])
                continue
            held = hold_out_weights(labels[rows], each[rows], self._seen())
            for part, counts in ((self.kept, each[rows] - held), (self.held, held)):
                some = counts > 0
                part.add(X[rows][some], labels[rows][some], counts[some])

    def _seen(self) -> np.ndarray:
        """What came before, of each class."""
        return self.before + self.kept.counts + self.held.counts

    def _count_from(self, offset: np.ndarray) -> None:
        """Move the offset; whole numbers stay exact."""
        for name in ("kept", "held") if self.holding else ("kept",):
            before: Moments = getattr(self, name)
            after = Moments.none(offset, before.weights, before.gram.place)
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
    place: Place | None = None,
    each: np.ndarray | None = None,
) -> Parts:
    """All samples, those kept, those held out: as kernels, for fewer samples than features."""
    everything = Kernel.of(offset_for(X), X, labels, weights, place, each)
    if each is None:
        apart = hold_out(labels, np.zeros(len(weights), dtype=np.int64)) & holding
        return everything, everything.part(~apart), everything.part(apart)
    held = hold_out_weights(labels, each, np.zeros(len(weights))) * holding
    kept = everything.weighing(weights[labels] * (each - held))
    return everything, kept, everything.weighing(weights[labels] * held)
