"""Animal silhouettes: 10,000 images in 10 classes, from the distribution animal-shape-mnist (MIT).

Two gzipped pickles of NumPy arrays are read. The distribution's own loader is left alone, because
it imports TensorFlow.
"""

import importlib.metadata
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

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
# Name and exact size of the pickle within.
IMAGES = ("animal_data_version_3.gz", 7_840_164)
LABELS = ("animal_label_version_3.gz", 80_160)


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
    count = PER_CLASS * len(ANIMALS)
    images = _read(*IMAGES, np.dtype(np.uint8), (count, 28, 28))
    labels = _read(*LABELS, np.dtype("<i8"), (count,))
    if not np.array_equal(np.unique(labels), np.arange(len(ANIMALS))) or np.any(
        np.bincount(labels) != PER_CLASS
    ):
        raise DataError(f"{DISTRIBUTION} should have {PER_CLASS} images of each class 0 to 9")
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


def _read(name: str, size: int, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    path = _find(name)
    with open_gzip(path) as file:
        content = read_exactly(file, size, path)
    array = unpickle_array(content, path)
    if array.dtype != dtype or array.shape != shape:
        raise DataError(f"{path} should hold {dtype} {shape}, not {array.dtype} {array.shape}")
    return array


def _find(name: str) -> Path:
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == name and (path := Path(str(file.locate()))).is_file():
            return path
    raise DataError(f"no {name}: install the Python package {DISTRIBUTION}")


def unpickle_array(content: bytes | bytearray, source: object) -> np.ndarray:
    """Read one pickled NumPy array and run nothing else that the pickle asks for.

    Raises
    ------
    DataError
        If the pickle names anything but an array and its dtype, or is damaged.
    """
    try:
        array = _ArrayUnpickler(BytesIO(content)).load()
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    # A damaged pickle fails in any of these ways, depending on the byte.
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{source} holds no pickled array: {error}") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{source} holds no pickled array but {type(array).__name__}")
    return array


def _empty(subtype: type, shape: tuple[int, ...], typecode: bytes) -> np.ndarray:
    """Stand in for NumPy's `_reconstruct`, without letting the file ask for memory."""
    return np.ndarray((0,), np.int8)


def _dtype(name: str, *_: bool) -> np.dtype:
    if name not in ("u1", "i8"):
        raise DataError(f"a pickled array of {name!r} is not admitted")
    return np.dtype(name, copy=True)


class _ArrayUnpickler(pickle.Unpickler):
    """Admits NumPy's array reconstruction alone, under its names before and since NumPy 2."""

    _ADMITTED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _empty,
        ("numpy._core.multiarray", "_reconstruct"): _empty,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): _dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ADMITTED:
            raise DataError(f"the pickle asks for {module}.{name}, which is not admitted")
        return self._ADMITTED[module, name]
