"""What the optical processor's twin in hardware gives: the binary medium in integers alone."""

from math import ceil, log, log2

import numpy as np

from bitlight.bits import pack_words
from bitlight.optics.camera import MOST_SATURATED
from bitlight.optics.media import Binary

BATCH = 256
TOP = 255  # of a component


def default_shift(n: int) -> int:
    """The least shift at which at most 0.5 % of the components saturate, if n / 2 features are 1.

    re² + im² is n then on average, and exponentially distributed.
    """
    return max(0, ceil(log2(-log(MOST_SATURATED) * n / (TOP + 1))))


def project(bits: np.ndarray, seed: int, n_components: int, shift: int) -> np.ndarray:
    """min(255, (re² + im²) >> shift), with re + i·im = Σ_k x_k·(±1 ± i) in the binary medium.

    The same as that medium behind a camera of 8 bits with the exposure 2^(1 − shift).

    Parameters
    ----------
    bits : uint8 array of 0/1, shape (N, n)
    seed : int
    n_components : int
    shift : int, ≥ 0

    Returns
    -------
    uint8 array, shape (N, n_components)

    Examples
    --------
    >>> project(np.array([[1, 0, 1, 1]], np.uint8), seed=0, n_components=3, shift=0)
    array([[10,  2, 10]], dtype=uint8)
    """
    medium = Binary(bits.shape[1], seed)
    found = np.empty((len(bits), n_components), np.uint8)
    for start in range(0, len(bits), BATCH):
        words = pack_words(bits[start : start + BATCH])
        re, im = medium.sums(words, 0, n_components).astype(np.int64)
        found[start : start + BATCH] = np.minimum((re**2 + im**2) >> shift, TOP)
    return found
