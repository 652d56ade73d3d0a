"""Bits by comparison: the sign, a threshold, several thresholds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import OpticsError
from bitlight.optics.encoders.base import Bits, SeveralBits, check_count


class Sign(OneToOneFeatureMixin, Bits):
    """1 where a number is positive, else 0, as LightOn encodes convolutional features.

    A zero becomes 0, unlike in a network's layers: behind a ReLU nearly half the numbers are 0.

    Examples
    --------
    >>> Sign().fit_transform([[-1.5, 0.0, 2.0]])
    array([[0, 0, 1]], dtype=uint8)
    """

    def fit(self, X: Any, y: Any = None) -> "Sign":
        """Learn nothing but the number of features."""
        validate_data(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Bits: uint8 array of 0/1, shape (N, features)."""
        check_is_fitted(self, "n_features_in_")
        return (validate_data(self, X, reset=False) > 0).astype(np.uint8)


class Threshold(OneToOneFeatureMixin, Bits):
    """1 where a number is above a threshold.

    Parameters
    ----------
    threshold : float, optional
        The same for all features; None: a quantile of each feature.
    quantile : float, 0 to 1
        Which one; 0.5 is the median.

    Attributes
    ----------
    threshold_ : float64 array, shape (features,)

    Examples
    --------
    >>> Threshold().fit_transform([[1, 8], [2, 6], [3, 4]])
    array([[0, 1],
           [0, 0],
           [1, 0]], dtype=uint8)
    """

    def __init__(self, threshold: float | None = None, quantile: float = 0.5) -> None:
        self.threshold = threshold
        self.quantile = quantile

    def fit(self, X: Any, y: Any = None) -> "Threshold":
        """Take the threshold of each feature from X (N, features).

        Raises
        ------
        OpticsError
            If the quantile is not from 0 to 1.
        """
        X = validate_data(self, X)
        if not 0 <= self.quantile <= 1:
            raise OpticsError(f"quantile must be 0 to 1, not {self.quantile!r}")
        if self.threshold is None:
            self.threshold_ = np.quantile(X, self.quantile, axis=0)
        else:
            self.threshold_ = np.full(X.shape[1], float(self.threshold))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Bits: uint8 array of 0/1, shape (N, features)."""
        check_is_fitted(self)
        return (validate_data(self, X, reset=False) > self.threshold_).astype(np.uint8)


class Thresholds(SeveralBits):
    """Several thresholds for each feature, one bit for each: 1 where the number is above it.

    Parameters
    ----------
    thresholds : int, or sequence of float
        How many quantiles of each feature, evenly spaced; or the thresholds of all features.

    Attributes
    ----------
    thresholds_ : float64 array, shape (features, bits), ascending

    Examples
    --------
    >>> Thresholds([1.0, 2.0]).fit_transform([[0.5], [1.5], [2.5]])
    array([[0, 0],
           [1, 0],
           [1, 1]], dtype=uint8)
    """

    def __init__(self, thresholds: int | Sequence[float] = 3) -> None:
        self.thresholds = thresholds

    def fit(self, X: Any, y: Any = None) -> "Thresholds":
        """Take the thresholds of each feature from X (N, features).

        Raises
        ------
        OpticsError
            If there is not one threshold at least.
        """
        X = validate_data(self, X)
        if isinstance(self.thresholds, int | np.integer):
            count = check_count(self.thresholds, "thresholds", 1, 255)
            levels = np.arange(1, count + 1) / (count + 1)
            self.thresholds_ = np.quantile(X, levels, axis=0).T
        else:
            given = np.sort(np.asarray(self.thresholds, np.float64))
            if given.ndim != 1 or not len(given):
                raise OpticsError(f"thresholds must be some numbers, not {self.thresholds!r}")
            self.thresholds_ = np.tile(given, (X.shape[1], 1))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Bits: uint8 array of 0/1, shape (N, features · thresholds)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return (X[..., np.newaxis] > self.thresholds_).astype(np.uint8).reshape(len(X), -1)

    def _bits_each(self) -> int:
        return self.thresholds_.shape[1]


class Thermometer(Thresholds):
    """As many ones as the number has passed of evenly spaced levels between least and greatest.

    Parameters
    ----------
    levels : int
        Bits of each feature.

    Attributes
    ----------
    thresholds_ : float64 array, shape (features, levels)
    low_, high_ : float64 array, shape (features,)
        Least and greatest number of each feature in `fit`.

    Examples
    --------
    >>> code = Thermometer(levels=4).fit([[0.0], [8.0]])
    >>> code.transform([[5.5]])
    array([[1, 1, 1, 0]], dtype=uint8)
    >>> code.inverse_transform([[1, 1, 1, 0]])
    array([[6.]])
    """

    def __init__(self, levels: int = 8) -> None:
        self.levels = levels

    def fit(self, X: Any, y: Any = None) -> "Thermometer":
        """Take the range of each feature from X (N, features).

        Raises
        ------
        OpticsError
            If there is not one level at least.
        """
        X = validate_data(self, X)
        levels = check_count(self.levels, "levels", 1, 255)
        self.low_, self.high_ = X.min(axis=0).astype(float), X.max(axis=0).astype(float)
        middles = (np.arange(levels) + 0.5) / levels
        self.thresholds_ = self.low_[:, np.newaxis] + np.outer(self.high_ - self.low_, middles)
        return self

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The nearest level: float64 array, shape (N, features), half a step off at most."""
        passed = self._split(X).sum(axis=-1)
        return self.low_ + passed * (self.high_ - self.low_) / self.levels
