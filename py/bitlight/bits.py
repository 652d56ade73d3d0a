"""Bits: 0 stands for −1 and 1 for +1; packed vectors are little-endian bytes, zero-padded."""

import numpy as np


def pack(bits: np.ndarray) -> np.ndarray:
    """Pack 0/1 values along the last axis: element i becomes bit i mod 8 of byte i // 8.

    Parameters
    ----------
    bits : bool or uint8 array of 0/1, shape (..., n)

    Returns
    -------
    uint8 array, shape (..., ceil(n / 8))

    Examples
    --------
    >>> pack(np.array([1, 0, 0, 0, 0, 0, 0, 0, 1], dtype=np.uint8))
    array([1, 1], dtype=uint8)
    """
    return np.packbits(bits, axis=-1, bitorder="little")


def unpack(packed: np.ndarray, n: int) -> np.ndarray:
    """Undo `pack`: uint8 bytes (..., ceil(n / 8)) to uint8 0/1 values (..., n)."""
    return np.unpackbits(packed, axis=-1, count=n, bitorder="little")


def pack_words(bits: np.ndarray) -> np.ndarray:
    """Pack 0/1 values along the last axis into uint32 words, shape (..., ceil(n / 32))."""
    packed = pack(bits)
    short = -packed.shape[-1] % 4
    padded = np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, short)])
    return np.ascontiguousarray(padded).view("<u4")


def unpack_words(words: np.ndarray, n: int) -> np.ndarray:
    """Undo `pack_words`: uint32 words (..., ceil(n / 32)) to uint8 0/1 values (..., n)."""
    return unpack(np.ascontiguousarray(words).view(np.uint8), n)
