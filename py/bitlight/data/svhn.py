"""SVHN: house numbers from Google Street View, digits cut out at 32×32 pixels.

Three MAT-files hold `X`, (32, 32, 3, N), and `y`, 1 to 10, of which 10 is the digit 0. Source: Y.
Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011.
"""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.data.labelled import Pixels
from bitlight.data.matfile import read_mat
from bitlight.errors import DataError

PARTS = ("train", "test", "extra")
PIXELS = (32, 32, 3)
TEN = 10

Part = Literal["train", "test", "extra"]


def svhn(folder: str | os.PathLike[str], part: Part) -> Pixels:
    """Load one part of SVHN.

    Parameters
    ----------
    folder : path
        Holds train_32x32.mat, test_32x32.mat and perhaps extra_32x32.mat.
    part : "train", "test" or "extra"

    Returns
    -------
    images : uint8 array, shape (N, 32, 32, 3)
    labels : int64 array, shape (N,)
        The digits themselves, 0 to 9.
    names : tuple of str
        "0" to "9".

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds other arrays.

    Examples
    --------
    >>> images, labels, names = svhn("svhn", "test")  # doctest: +SKIP
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> from scipy.io import savemat
    >>> pixels, digits = np.zeros((32, 32, 3, 2), np.uint8), np.array([[1.0], [10.0]])
    >>> savemat(folder / "test_32x32.mat", {"X": pixels, "y": digits})  # 10 is the digit 0
    >>> images, labels, names = svhn(folder, "test")
    >>> images.shape, labels
    ((2, 32, 32, 3), array([1, 0]))
    """
    if part not in PARTS:
        raise DataError(f"part must be one of {', '.join(PARTS)}, not {part!r:.80}")
    path = Path(folder) / file_of(part)
    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: it comes with SVHN, format 2")
    return read_svhn(path)


def file_of(part: str) -> str:
    """The name of a part's file."""
    return f"{part}_32x32.mat"


def read_svhn(path: Path) -> Pixels:
    """Read one of its files; see `svhn`."""
    arrays = read_mat(path)
    if not {"X", "y"} <= arrays.keys():
        raise DataError(f"{path} should hold X and y, not {', '.join(sorted(arrays)) or 'nothing'}")
    images, labels = arrays["X"], arrays["y"].ravel()
    if images.shape[:3] != PIXELS or images.ndim != len(PIXELS) + 1 or images.dtype != np.uint8:
        raise DataError(f"{path}: X should be {PIXELS} and N, uint8, not {images.shape}")
    if not images.shape[3] or len(labels) != images.shape[3]:
        raise DataError(f"{path} has {images.shape[3]} images and {len(labels)} labels")
    if not np.isin(labels, range(1, TEN + 1)).all():
        raise DataError(f"{path}: y should be 1 to {TEN}")
    pixels = np.ascontiguousarray(images.transpose(3, 0, 1, 2))
    return Pixels(pixels, labels.astype(np.int64) % TEN, tuple("0123456789"))
