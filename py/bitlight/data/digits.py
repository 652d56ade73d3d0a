"""Handwritten digits of 8×8 pixels, which scikit-learn carries with it."""

import numpy as np


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Load scikit-learn's digits, scaled from 0..16 to 0..255: v becomes 255·v/16, rounded.

    Returns
    -------
    images : uint8 array, shape (1797, 8, 8, 1)
    labels : int64 array, shape (1797,)

    Examples
    --------
    >>> images, labels = digits()
    >>> images.shape, images.max(), labels[:3]
    ((1797, 8, 8, 1), np.uint8(255), array([0, 1, 2]))
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return images[..., np.newaxis], bunch.target.astype(np.int64)
