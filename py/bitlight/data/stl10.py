"""STL-10: photographs of 96×96 pixels in 10 classes, 5,000 to train and 8,000 to test.

`X` files are the images one after the other, each three planes, red, green and blue, column by
column; `y` files a byte for each, 1 to 10. Source: A. Coates, H. Lee and A. Y. Ng, "An Analysis of
Single-Layer Networks in Unsupervised Feature Learning", 2011.
"""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.data.imagesplit import lines
from bitlight.data.labelled import Pixels
from bitlight.errors import DataError, reason
from bitlight.files.opening import read_regular

SOURCE = "STL-10's binary files"
PARTS = ("train", "test")
SIDE, CHANNELS = 96, 3
ROW = CHANNELS * SIDE * SIDE
CLASSES = 10
NAMES = "class_names.txt"

Part = Literal["train", "test"]


def stl10(folder: str | os.PathLike[str], part: Part) -> Pixels:
    """Load one part of STL-10.

    Parameters
    ----------
    folder : path
        stl10_binary, with train_X.bin, train_y.bin, test_X.bin, test_y.bin and class_names.txt; or
        the folder that holds it.
    part : "train" or "test"
        The images without labels are not read.

    Returns
    -------
    images : uint8 array, shape (N, 96, 96, 3)
    labels : int64 array, shape (N,)
    names : tuple of str

    Raises
    ------
    DataError
        If a file is missing or not as it should be.

    Examples
    --------
    >>> images, labels, names = stl10("stl10_binary", "test")  # doctest: +SKIP
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> _ = (folder / "class_names.txt").write_text("".join(f"class{k}\\n" for k in range(10)))
    >>> np.zeros(2 * 3 * 96 * 96, np.uint8).tofile(folder / "test_X.bin")
    >>> np.array([1, 10], np.uint8).tofile(folder / "test_y.bin")
    >>> images, labels, names = stl10(folder, "test")
    >>> images.shape, labels
    ((2, 96, 96, 3), array([0, 9]))
    """
    if part not in PARTS:
        raise DataError(f"part must be 'train' or 'test', not {part!r:.80}")
    root = Path(folder)
    root = root / "stl10_binary" if (root / "stl10_binary").is_dir() else root
    names = tuple(lines(root / NAMES, SOURCE))
    if len(set(names)) != CLASSES:
        raise DataError(f"{root / NAMES} should name {CLASSES} classes, not {len(set(names))}")
    content, labels = _read(root / f"{part}_X.bin"), _read(root / f"{part}_y.bin")
    if not labels.size or len(content) != ROW * len(labels):
        raise DataError(
            f"{root / part}_X.bin should have {ROW} bytes for each of {len(labels)} labels, "
            f"and has {len(content)}"
        )
    if labels.min() < 1 or labels.max() > CLASSES:
        raise DataError(f"{root / part}_y.bin should hold 1 to {CLASSES}")
    planes = content.reshape(len(labels), CHANNELS, SIDE, SIDE)  # (channel, column, row)
    pixels = np.ascontiguousarray(planes.transpose(0, 3, 2, 1))
    return Pixels(pixels, labels.astype(np.int64) - 1, names)


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: it comes with {SOURCE}")
    try:
        return np.frombuffer(read_regular(path), np.uint8)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or reason(error)}") from error
