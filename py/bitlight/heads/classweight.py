"""Weights of classes, as scikit-learn's `class_weight` means them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bitlight.errors import HeadError


def class_weights(
    choice: Any, classes: np.ndarray, labels: np.ndarray | None, each: np.ndarray | None = None
) -> np.ndarray:
    """What a sample of each class counts, float64 (classes,).

    Parameters
    ----------
    choice : dict of label to weight, "balanced" or None
        Labels that a dict leaves out count 1.
    classes : array, shape (classes,)
    labels : int array, shape (N,), or None
        Class indices of all samples; None where more may come.
    each : float64 array, shape (N,), optional
        What each sample counts.

    Raises
    ------
    HeadError
        If the choice is none of these, a weight is not positive, or weights are to be balanced
        before all samples are known.

    Examples
    --------
    >>> class_weights("balanced", np.array(["a", "b"]), np.array([0, 0, 0, 1])).tolist()
    [0.6666666666666666, 2.0]
    """
    if choice is None:
        return np.ones(len(classes))
    if isinstance(choice, str) and choice == "balanced":
        if labels is None:
            raise HeadError("balanced weights need all samples at once: use fit, or give a dict")
        counts = np.bincount(labels, each, minlength=len(classes))
        return counts.sum() / (len(classes) * counts)
    if not isinstance(choice, Mapping):
        raise HeadError(f"class_weight must be a dict, 'balanced' or None, not {choice!r}")
    weights = np.array([float(choice.get(label, 1)) for label in classes.tolist()])
    if not ((weights > 0) & np.isfinite(weights)).all():
        raise HeadError(f"class weights must be positive, not {dict(choice)!r}")
    return weights


def relative_weights(
    choice: Any, classes: np.ndarray, labels: np.ndarray | None, each: np.ndarray | None = None
) -> np.ndarray:
    """The same, 1 in the mean over the samples, or over the classes where more may come."""
    weights = class_weights(choice, classes, labels, each)
    if labels is None:
        return weights / weights.mean()
    return weights / np.average(weights[labels], weights=each)
