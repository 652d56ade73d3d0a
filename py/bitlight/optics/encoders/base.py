"""What all encoders share: bits come out, one or several of each feature."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from bitlight.errors import OpticsError


class Bits(TransformerMixin, BaseEstimator):
    """Whatever numbers come in, bits go out."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class SeveralBits(Bits, ABC):
    """A feature becomes several bits, side by side."""

    @abstractmethod
    def _bits_each(self) -> int:
        """Bits of one feature, once fitted."""

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names: the feature's, and the number of the bit."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        bits = range(self._bits_each())
        return np.array([f"{name}_{bit}" for name in names for bit in bits], dtype=object)

    def _split(self, bits: Any) -> np.ndarray:
        """Bits of each feature apart: (N, features, bits)."""
        check_is_fitted(self)
        bits = np.asarray(bits)
        wanted = self.n_features_in_ * self._bits_each()
        if bits.ndim != 2 or bits.shape[1] != wanted:
            raise OpticsError(f"bits must have shape (N, {wanted}), not {bits.shape}")
        return bits.reshape(len(bits), -1, self._bits_each())


def check_count(value: Any, name: str, least: int, most: int) -> int:
    """Check that a parameter is a whole number within a range."""
    if not isinstance(value, int | np.integer) or not least <= value <= most:
        raise OpticsError(f"{name} must be {least} to {most}, not {value!r}")
    return int(value)
