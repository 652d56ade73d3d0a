"""IDX files, the format of MNIST and its successors, and Fashion-MNIST in it.

An IDX file is a magic number (two zero bytes, the type, the number of dimensions), the dimensions
as big-endian 32-bit integers, and the elements in C order. Source: Y. LeCun, C. Cortes and
C. Burges, "The MNIST database of handwritten digits".
"""

import math
import os
import struct
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.data.gunzip import open_gzip, read_exactly
from bitlight.errors import DataError

FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
FOLDER = "/usr/share/datasets/fashion-mnist"
VARIABLE = "BITLIGHT_FASHION_MNIST"
UNSIGNED_BYTE = 0x08
# A hostile file unpacks to a thousand times its own size, MNIST's images to 4.7 times.
MOST_TIMES = 8
SMALL = 1 << 19  # which is admitted however well it is packed

Folder = str | os.PathLike[str]


def fashion_mnist(
    split: Literal["train", "test"], folder: Folder | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Load Fashion-MNIST: clothes, 28×28 grey, 60,000 to train and 10,000 to test.

    Parameters
    ----------
    split : "train" or "test"
    folder : path, optional
        Where the four IDX files are. Default: the environment variable BITLIGHT_FASHION_MNIST, or
        where Debian's package dataset-fashion-mnist puts them. MNIST's own files are read as well.

    Returns
    -------
    images : uint8 array, shape (N, 28, 28, 1)
    labels : int64 array, shape (N,)
        0 to 9; their names are in `FASHION`.

    Raises
    ------
    DataError
        If a file is missing, damaged, or of another size.

    Examples
    --------
    >>> images, labels = fashion_mnist("test")  # doctest: +SKIP
    >>> images.shape  # doctest: +SKIP
    (10000, 28, 28, 1)
    >>> import gzip, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())  # the same files, smaller
    >>> start = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28])  # unsigned bytes, 2×28×28
    >>> images = gzip.compress(start + bytes(2 * 28 * 28))
    >>> _ = (folder / "t10k-images-idx3-ubyte.gz").write_bytes(images)
    >>> labels = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 2, 9, 0]))
    >>> _ = (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    >>> images, labels = fashion_mnist("test", folder)
    >>> images.shape, labels
    ((2, 28, 28, 1), array([9, 0]))
    """
    if split not in ("train", "test"):
        raise DataError(f"split must be 'train' or 'test', not {split!r}")
    prefix = "train" if split == "train" else "t10k"
    where = Path(folder or os.environ.get(VARIABLE) or FOLDER)
    images = read_idx(_find(where, f"{prefix}-images-idx3-ubyte.gz"))
    labels = read_idx(_find(where, f"{prefix}-labels-idx1-ubyte.gz"))
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise DataError(
            f"{where} should hold images (N, 28, 28) and labels (N,), "
            f"not {images.shape} and {labels.shape}"
        )
    if labels.size and labels.max() >= len(FASHION):
        raise DataError(f"labels in {where} should be 0 to {len(FASHION) - 1}, not {labels.max()}")
    return images[..., np.newaxis], labels.astype(np.int64)


def _find(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DataError(
            f"no {name} in {folder}: install Debian's package dataset-fashion-mnist, "
            f"or let {VARIABLE} name the folder that has it"
        )
    return path


def read_idx(path: Folder) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes.

    Returns
    -------
    uint8 array of the shape that the file declares

    Raises
    ------
    DataError
        If the file is not a whole IDX file of unsigned bytes, or declares more than half a
        megabyte and than eight times its own size.

    Examples
    --------
    >>> import gzip, tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "labels.gz"
    >>> data = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])  # unsigned bytes, one dimension of 3
    >>> _ = file.write_bytes(gzip.compress(data))
    >>> read_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    with open_gzip(path) as file:
        zeros, kind, ndim = struct.unpack(">HBB", file.read(4).ljust(4, b"\xff"))
        if zeros or kind != UNSIGNED_BYTE or not 1 <= ndim <= 4:
            raise DataError(f"{path} does not begin like an IDX file of unsigned bytes")
        header = file.read(4 * ndim)
        if len(header) < 4 * ndim:
            raise DataError(f"{path} is truncated: it ends within its dimensions")
        shape = struct.unpack(f">{ndim}I", header)
        size = math.prod(shape)
        limit = max(SMALL, MOST_TIMES * path.stat().st_size)
        # An empty array has sizes as well, whose product NumPy cannot hold.
        if math.prod(max(n, 1) for n in shape) > limit:
            raise DataError(f"{path} declares {shape}, more than the {limit} bytes admitted")
        return np.frombuffer(read_exactly(file, size, path), np.uint8).reshape(shape)
