"""Bits that a number has: planes of whole numbers, fields of float32."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from bitlight.errors import OpticsError
from bitlight.optics.encoders.base import SeveralBits, check_count


class BitPlanes(SeveralBits):
    """Binary digits of whole numbers, the least significant first.

    Parameters
    ----------
    bits : int, 1 to 32
        Numbers are 0 to 2^bits − 1.

    Examples
    --------
    >>> planes = BitPlanes(3).fit([[6, 1]])
    >>> planes.transform([[6, 1]])
    array([[0, 1, 1, 1, 0, 0]], dtype=uint8)
    >>> planes.inverse_transform([[0, 1, 1, 1, 0, 0]])
    array([[6, 1]])
    """

    def __init__(self, bits: int = 8) -> None:
        self.bits = bits

    def fit(self, X: Any, y: Any = None) -> "BitPlanes":
        """Learn nothing but the number of features.

        Raises
        ------
        OpticsError
            If bits are not 1 to 32, or a number is not within range.
        """
        check_count(self.bits, "bits", 1, 32)
        self._whole(validate_data(self, X))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Bits: uint8 array of 0/1, shape (N, features · bits)."""
        check_is_fitted(self, "n_features_in_")
        numbers = self._whole(validate_data(self, X, reset=False))
        planes = numbers[..., np.newaxis] >> np.arange(self.bits) & 1
        return planes.astype(np.uint8).reshape(len(numbers), -1)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The numbers: int64 array, shape (N, features)."""
        return self._split(X).astype(np.int64) @ (1 << np.arange(self.bits))

    def _whole(self, X: np.ndarray) -> np.ndarray:
        top = (1 << self.bits) - 1
        bad = (X < 0) | (top < X) | (np.floor(X) != X)
        if bad.any():
            raise OpticsError(f"numbers must be whole, 0 to {top}, not {X[bad][0]}")
        return X.astype(np.int64)

    def _bits_each(self) -> int:
        return self.bits


class Float32Bits(SeveralBits):
    """Bits of IEEE 754 float32: the sign, the exponent's upper bits, the mantissa's upper bits.

    Parameters
    ----------
    sign : bool
    exponent_bits : int, 0 to 8
    mantissa_bits : int, 0 to 23

    Examples
    --------
    >>> code = Float32Bits(mantissa_bits=2).fit([[-1.5]])
    >>> code.transform([[-1.5]])
    array([[1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0]], dtype=uint8)
    >>> code.inverse_transform(code.transform([[-1.5]]))
    array([[-1.5]], dtype=float32)
    """

    def __init__(self, sign: bool = True, exponent_bits: int = 8, mantissa_bits: int = 23) -> None:
        self.sign = sign
        self.exponent_bits = exponent_bits
        self.mantissa_bits = mantissa_bits

    def fit(self, X: Any, y: Any = None) -> "Float32Bits":
        """Learn nothing but the number of features.

        Raises
        ------
        OpticsError
            If numbers of bits are out of range, or nothing is kept.
        """
        check_count(self.exponent_bits, "exponent_bits", 0, 8)
        check_count(self.mantissa_bits, "mantissa_bits", 0, 23)
        if not self._bits_each():
            raise OpticsError("no bit is kept: give sign, exponent_bits or mantissa_bits")
        validate_data(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Bits: uint8 array of 0/1, shape (N, features · bits)."""
        check_is_fitted(self, "n_features_in_")
        X = validate_data(self, X, reset=False)
        words = np.ascontiguousarray(X, np.float32).view(np.uint32)
        found = words[..., np.newaxis] >> self._places() & 1
        return found.astype(np.uint8).reshape(len(X), -1)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The numbers, with 0 for bits that are not kept: float32 array, shape (N, features)."""
        words = np.sum(self._split(X).astype(np.uint32) << self._places(), axis=-1)
        return words.astype(np.uint32).view(np.float32)

    def _places(self) -> np.ndarray:
        """Where the kept bits are in a word, from the sign on."""
        places = [31] if self.sign else []
        places += range(30, 30 - self.exponent_bits, -1)
        places += range(22, 22 - self.mantissa_bits, -1)
        return np.array(places, np.uint32)

    def _bits_each(self) -> int:
        return int(self.sign) + self.exponent_bits + self.mantissa_bits
