"""Animal silhouettes: 10,000 images in 10 classes, from the distribution animal-shape-mnist (MIT).

Two gzipped pickles of NumPy arrays hold them. Nothing is unpickled: their content is known by its
SHA-256, and so is the place in it where the elements lie. The distribution's own loader is left
alone, because it imports TensorFlow.
"""

import hashlib
import importlib.metadata
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bitlight.data.gunzip import open_gzip, read_exactly
from bitlight.errors import DataError

ANIMALS = (
    "bear",
    "bird",
    "cat",
    "cow",
    "dog",
    "elephant",
    "giraffe",
    "horse",
    "sheep",
    "zebra",
)
PER_CLASS = 1000
TEST_PER_CLASS = 200
DISTRIBUTION = "animal-shape-mnist"


class _Array(NamedTuple):
    """An array within a gzipped file of known content."""

    name: str
    size: int  # of the content, in bytes
    sha256: str  # of the content
    offset: int  # of the elements in it
    dtype: str
    shape: tuple[int, ...]


IMAGES = _Array(
    "animal_data_version_3.gz",
    7_840_164,
    "0a13908291891bf5b97b18427cf0eceedcb720959826cc85f7e06dc89e5eaf77",
    150,
    "u1",
    (10_000, 28, 28),
)
LABELS = _Array(
    "animal_label_version_3.gz",
    80_160,
    "3d826227c39b7dba09abb8273cf07928443fec2c56b6396b4872741b7b332f93",
    146,
    "<i8",
    (10_000,),
)


def animals() -> tuple[np.ndarray, np.ndarray]:
    """Load all silhouettes.

    Returns
    -------
    images : uint8 array, shape (10000, 28, 28, 1)
    labels : int64 array, shape (10000,)
        0 to 9, each 1,000 times; their names are in `ANIMALS`.

    Raises
    ------
    DataError
        If animal-shape-mnist is not installed, or its files are not the expected ones.

    Examples
    --------
    >>> images, labels = animals()
    >>> images.shape, images.dtype, ANIMALS[labels[0]]
    ((10000, 28, 28, 1), dtype('uint8'), 'bear')
    """
    images, labels = _read(IMAGES), _read(LABELS)
    return images[..., np.newaxis], labels.astype(np.int64)


def animal_split(
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Split the silhouettes into 8,000 to train and 2,000 to test, 200 of each class, shuffled.

    Some images are in the data more than once: 9,716 are different. Copies of one image come to
    the same side, so that no test image was seen in training.

    Returns
    -------
    train_images, train_labels, test_images, test_labels
        As from `animals`; the same seed gives the same split.

    Examples
    --------
    >>> train, train_labels, test, test_labels = animal_split(seed=0)
    >>> train.shape, test.shape
    ((8000, 28, 28, 1), (2000, 28, 28, 1))
    """
    images, labels = animals()
    first: dict[bytes, int] = {}
    original = np.array([first.setdefault(image.tobytes(), n) for n, image in enumerate(images)])
    generator = np.random.default_rng(seed)
    tested = np.concatenate(
        [
            _draw(original[labels == label], TEST_PER_CLASS, generator)
            for label in range(len(ANIMALS))
        ]
    )
    in_test = np.isin(original, tested)
    train = generator.permutation(np.flatnonzero(~in_test))
    test = generator.permutation(np.flatnonzero(in_test))
    return images[train], labels[train], images[test], labels[test]


def _draw(original: np.ndarray, count: int, generator: np.random.Generator) -> list[int]:
    """Draw images at random whose copies add up to `count`; `original` holds each one's first."""
    chosen = []
    for image, copies in generator.permutation(
        np.column_stack(np.unique(original, return_counts=True))
    ):
        if copies <= count:
            chosen.append(image)
            count -= copies
    return chosen


def _read(array: _Array) -> np.ndarray:
    path = _find(array.name)
    with open_gzip(path) as file:
        content = read_exactly(file, array.size, path)
    return read_known(content, array, path)


def read_known(content: bytes | bytearray, array: _Array, source: object) -> np.ndarray:
    """The elements in a content, once it is known to be the expected one.

    Raises
    ------
    DataError
        If it is another content.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != array.sha256:
        raise DataError(
            f"{source} is not the file of {DISTRIBUTION} that is known here: its content's SHA-256 "
            f"is {found}, not {array.sha256}"
        )
    count = math.prod(array.shape)
    elements = np.frombuffer(content, array.dtype, count, array.offset)
    return elements.reshape(array.shape)


def _find(name: str) -> Path:
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and (path := Path(str(file.locate()))).is_file():
            return path
    raise DataError(f"no {name}: install the Python package {DISTRIBUTION}")
