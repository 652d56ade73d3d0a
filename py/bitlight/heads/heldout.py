"""Training a head on everything, and telling what it will do: a trial that has not seen a part."""

from typing import Any

import numpy as np
from sklearn.base import clone

from bitlight.heads.accuracy import Accuracy
from bitlight.heads.holdout import HELD_OUT_OF

FEWEST = 20  # images that tell anything of a temperature


def apart(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which samples are held out: so many of each class, drawn at random, but never all.

    Parameters
    ----------
    labels : int array, shape (N,)
    share : float
    seed : int

    Returns
    -------
    bool array, shape (N,)
    """
    rng, held = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return held


def order_of_views(labels: np.ndarray, count: int) -> np.ndarray:
    """An order of samples that are there in several views, with which heads split them rightly.

    `RidgeHead` holds out the second of every five samples of a class, to choose alpha. So the views
    of five samples of a class follow each other view by view: all of a sample are held out, or
    none. Where a class ends with fewer than five, their views follow one another.

    Parameters
    ----------
    labels : int array, shape (N,)
    count : int
        Views of each.

    Returns
    -------
    int array, shape (count·N,)
        Indices into the views one after the other, the first of which has 0 to N − 1.

    Examples
    --------
    >>> order_of_views(np.array([0, 0, 0, 0, 0, 0]), 2).tolist()
    [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 5, 11]
    """
    views, found = np.arange(count) * len(labels), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), HELD_OUT_OF):
            found.append((members[start : start + HELD_OUT_OF] + views[:, np.newaxis]).ravel())
    return np.concatenate(found)


def fit_held_out(
    head: Any,
    X: np.ndarray,
    y: np.ndarray,
    *,
    hold_out: float = 0.2,
    seed: int = 0,
    dtype: str | None = None,
    calibrate: bool | None = False,
    views: int = 1,
) -> Accuracy | None:
    """Fit a head to all samples; before that a copy of it to all but some, which are then told.

    Parameters
    ----------
    head : Head
        Fitted afterwards.
    X : array, shape (N, features), or (views·N, features), one view of all after the other
    y : int array, shape (N,)
    hold_out : float
        The share of each class that the copy has not seen.
    seed : int
        Of the draw.
    dtype : str, optional
        Of the weights as they will be stored; see `Head.save`.
    calibrate : bool or None
        Whether the temperature is set by what is held out; None: if that is 20 images or more.
    views : int
        Of each sample; the copy sees none of what is held out, and is tried on its first views.

    Returns
    -------
    Accuracy or None
        Of the copy, on what it has not seen; None if nothing was held out.
    """
    held, told, temperature = apart(y, hold_out, seed), None, None
    if held.any():
        trial = _fitted(clone(head), X[np.tile(~held, views)], y[~held], views)
        seen = X[: len(y)][held]
        right = trial.shipped(dtype).predict(seen) == y[held]
        told = Accuracy(int(right.sum()), len(right))
        if calibrate or (calibrate is None and len(right) >= FEWEST):
            temperature = trial.calibrate(seen, y[held]).temperature_
    _fitted(head, X, y, views)
    head.temperature_ = temperature or head.temperature_
    return told


def _fitted(head: Any, X: np.ndarray, y: np.ndarray, views: int) -> Any:
    if views == 1:
        return head.fit(X, y)
    order = order_of_views(y, views)
    return head.fit(X[order], y[order % len(y)])
