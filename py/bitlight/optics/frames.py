"""Frames as users have them, bits in any form, to packed words."""

from typing import Any

import numpy as np
from scipy import sparse

from bitlight import bits
from bitlight.errors import OpticsError

_BYTES = 1 << 24  # that are looked at together


def plain(X: Any) -> Any:
    """A torch tensor as an array; anything else as it is."""
    return X.detach().cpu().numpy() if hasattr(X, "detach") else X


class Frames:
    """Frames of bits, packed batch by batch.

    Parameters
    ----------
    X : array or CSR matrix of 0/1, shape (N, n); or packed uint8 array, shape (N, ⌈n / 8⌉)
    packed : bool
    n_features : int, optional
        n; default: as wide as X is.
    encoder : fitted transformer, optional
        Applied to each batch of X, which is then anything that it takes.

    Raises
    ------
    OpticsError
        If a value is neither 0 nor 1, or the width is another.
    """

    def __init__(
        self, X: Any, packed: bool, n_features: int | None = None, encoder: Any = None
    ) -> None:
        self._X = X
        self._packed = packed
        self._encoder = encoder
        self.n_features: int
        if encoder is not None:
            self.n_features = self._encoded(slice(0, 1), n_features).n_features
            return
        self.n_features = n_features or X.shape[1] * (8 if packed else 1)
        width = -(-self.n_features // 8) if packed else self.n_features
        if X.shape[1] != width:
            what = f"{width} packed bytes" if packed else f"{width} features"
            raise OpticsError(f"frames must have {what}, not {X.shape[1]}")
        if packed:
            self._check_bytes()
        elif sparse.issparse(X):
            X.sum_duplicates()
            _check_bits(X.data)
        else:
            rows = max(1, _BYTES // max(1, X.itemsize * X.shape[1]))
            for start in range(0, len(self), rows):
                _check_bits(X[start : start + rows])

    def __len__(self) -> int:
        return int(self._X.shape[0])

    def words(self, rows: slice) -> np.ndarray:
        """Some frames: uint32 array, shape (N, ⌈n / 32⌉)."""
        if self._encoder is not None:
            return self._encoded(rows, self.n_features).words(slice(None))
        some = self._X[rows]
        if self._packed:
            return _as_words(some)
        if sparse.issparse(some):
            return _pack_sparse(some)
        return bits.pack_words(np.not_equal(some, 0))

    def _encoded(self, rows: slice, n_features: int | None) -> "Frames":
        return Frames(plain(self._encoder.transform(self._X[rows])), self._packed, n_features)

    def _check_bytes(self) -> None:
        if self._X.dtype != np.uint8:
            raise OpticsError(f"packed frames must be uint8 bytes, not {self._X.dtype}")
        used = self.n_features % 8
        if used and (self._X[:, -1] >> used).any():
            raise OpticsError(f"packed frames have ones behind their {self.n_features} bits")


def _check_bits(values: np.ndarray) -> None:
    if values.dtype == bool or not values.size:
        return
    if values.dtype.kind in "iu":
        good = values.max() <= 1 and (values.dtype.kind == "u" or values.min() >= 0)
    else:
        good = bool(((values == 0) | (values == 1)).all())
    if not good:
        bad = values[(values != 0) & (values != 1)].flat[0]
        raise OpticsError(
            f"frames must be bits, 0 or 1, not {bad}: give an encoder, as bitlight.optics.encoders"
        )


def _as_words(packed: np.ndarray) -> np.ndarray:
    short = -packed.shape[1] % 4
    if short:
        packed = np.pad(packed, [(0, 0), (0, short)])
    return np.ascontiguousarray(packed).view(np.uint32)


def _pack_sparse(X: Any) -> np.ndarray:
    words = np.zeros((X.shape[0], -(-X.shape[1] // 32)), np.uint32)
    entries = X.tocoo()
    there = entries.data != 0
    row, column = entries.row[there], entries.col[there]
    one = np.uint32(1) << (column % 32).astype(np.uint32)
    np.bitwise_or.at(words, (row, column // 32), one)
    return words
