"""Images and features as the beats of a stream, in 32-bit words as the harness reads them."""

import numpy as np

from bitlight import bits
from bitlight_hw.stages import Beats


def words(beats: Beats) -> int:
    """32-bit words that one beat takes."""
    return -(-beats.width // 32)


def to_words(images: np.ndarray, beats: Beats) -> np.ndarray:
    """Cut images into beats.

    Parameters
    ----------
    images : uint8 array, shape (N, ...)

    Returns
    -------
    uint32 array, shape (N, beats.count, words)
    """
    values = images.reshape(len(images), beats.count, beats.elements)
    if beats.bits == 8:
        packed = values
    else:
        planes = np.unpackbits(values[..., None], axis=-1, count=beats.bits, bitorder="little")
        packed = bits.pack(planes.reshape(len(images), beats.count, beats.width))
    padded = np.zeros((len(images), beats.count, 4 * words(beats)), np.uint8)
    padded[..., : packed.shape[-1]] = packed
    return padded.view("<u4")


def from_words(results: np.ndarray, beats: Beats) -> np.ndarray:
    """Put beats together again.

    Parameters
    ----------
    results : uint32 array, shape (N, beats.count, words)

    Returns
    -------
    uint8 array, shape (N, elements), or int32 scores where the beats are signed
    """
    flat = bits.unpack(np.ascontiguousarray(results).view(np.uint8), beats.width)
    if not beats.signed:
        elements = flat.reshape(len(results), -1, beats.bits)
        return bits.pack(elements)[..., 0] if beats.bits > 1 else elements[..., 0]
    planes = flat.reshape(len(results), -1, beats.bits).astype(np.int32)
    weights = 1 << np.arange(beats.bits, dtype=np.int32)
    weights[-1] *= -1
    return (planes * weights).sum(axis=-1, dtype=np.int32)
