"""Training a head on everything, and telling what it will do: a trial that has not seen a part."""

from typing import Any

import numpy as np
from sklearn.base import clone

from bitlight.heads.accuracy import Accuracy

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


def fit_held_out(
    head: Any,
    X: np.ndarray,
    y: np.ndarray,
    *,
    hold_out: float = 0.2,
    seed: int = 0,
    dtype: str | None = None,
    calibrate: bool | None = False,
) -> Accuracy | None:
    """Fit a head to all samples; before that a copy of it to all but some, which are then told.

    Parameters
    ----------
    head : Head
        Fitted afterwards.
    X : array, shape (N, features)
    y : int array, shape (N,)
    hold_out : float
        The share of each class that the copy has not seen.
    seed : int
        Of the draw.
    dtype : str, optional
        Of the weights as they will be stored; see `Head.save`.
    calibrate : bool or None
        Whether the temperature is set by what is held out; None: if that is 20 images or more.

    Returns
    -------
    Accuracy or None
        Of the copy, on what it has not seen; None if nothing was held out.
    """
    held, told, temperature = apart(y, hold_out, seed), None, None
    if held.any():
        trial = clone(head).fit(X[~held], y[~held])
        right = trial.shipped(dtype).predict(X[held]) == y[held]
        told = Accuracy(int(right.sum()), len(right))
        if calibrate or (calibrate is None and len(right) >= FEWEST):
            temperature = trial.calibrate(X[held], y[held]).temperature_
    head.fit(X, y)
    head.temperature_ = temperature or head.temperature_
    return told
