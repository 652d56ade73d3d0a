"""Probabilities from scores: softmax with one temperature, fitted on samples held out.

Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

RANGE = (1e-6, 1e6)  # of temperatures, in units of the scores' standard deviation
# Beyond these the quotient of scores and temperature may be no number any more.
TEMPERATURES = (1e-30, 1e30)


def log_probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Logarithms of probabilities (N, classes) from scores (N, classes), or (N,) for two."""
    if scores.ndim == 1:
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    return log_softmax(scores / temperature, axis=1)


def best_temperature(
    scores: np.ndarray, labels: np.ndarray, each: np.ndarray | None = None
) -> float:
    """The temperature that makes the labels most likely.

    Parameters
    ----------
    scores : float64 array, shape (N, classes), or (N,) for two classes
    labels : int array, shape (N,)
        Class indices.
    each : float64 array, shape (N,), optional
        What each sample counts.

    Examples
    --------
    >>> scores = np.array([2.0, 2.0, 2.0, -2.0])  # right in three of four
    >>> round(best_temperature(scores, np.array([1, 1, 0, 0])), 3)
    1.82
    """
    unit = float(scores.std()) or 1.0

    def loss(logarithm: float) -> float:
        logs = log_probabilities(scores, unit * np.exp(logarithm))
        return -float(np.average(logs[np.arange(len(labels)), labels], weights=each))

    bounds = tuple(np.log(RANGE))
    return float(unit * np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
