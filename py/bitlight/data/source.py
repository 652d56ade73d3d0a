"""Images that are read when they are wanted, a range at a time, with labels and ids."""

import hashlib
import os
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bitlight.data.fitting import fit, photograph_shape
from bitlight.data.placing import Placing
from bitlight.errors import DataError, reason
from bitlight.files.npy import map_npy

BLOCK = 256  # images of one seed


class ImageSource(Protocol):
    """Images for a network; picklable, so that other processes can read them too.

    Attributes
    ----------
    name : str
        What these images are, to tell them from others.
    classes : tuple of str
        Names of the labels, where they have any.
    placing : dict or None
        How pictures come into the network's shape, where they are of other shapes.
    skipped : tuple of str
        Ids of files that were left out, being no images.
    """

    name: str
    classes: tuple[str, ...]
    placing: dict[str, str] | None
    skipped: tuple[str, ...]

    def __len__(self) -> int:
        """Number of images."""

    def images(self, rows: range) -> np.ndarray:
        """uint8 (n, H, W, C) or (n, features), as the network takes them."""

    def labels(self, rows: range) -> np.ndarray:
        """int64 (n,), −1 where unknown."""

    def ids(self, rows: range) -> list[str]:
        """A name for each image, to find it again."""

    def digest(self, rows: range) -> str:
        """64 hexadecimal digits that other images under the same name would not have.

        It is made of the content of arrays in memory, and of the size and time of files.
        """


class ArraySource:
    """Images in an array, in memory or mapped from a file.

    Parameters
    ----------
    name : str
    images : uint8 array, shape (N, H, W, C) or (N, n)
    labels : int64 array, shape (N,), optional
    input_shape, input_bits
        Of the network; see `bitlight.data.fit`.
    classes : tuple of str
        Names of the labels, where they have any.
    codes : uint8 array, optional
        Of the network.
    placing : Placing, optional
    """

    placing: dict[str, str] | None = None
    skipped: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        images: np.ndarray,
        labels: np.ndarray | None,
        input_shape: tuple[int, ...],
        input_bits: int = 8,
        classes: tuple[str, ...] = (),
        codes: np.ndarray | None = None,
        placing: Placing | None = None,
    ) -> None:
        self.name = name
        self.classes = classes
        self._images, self._labels = images, labels
        self._fit = input_shape, input_bits, codes, placing
        if _changes_aspect(images.shape[1:], input_shape):
            self.placing = (placing or Placing()).record()

    def __len__(self) -> int:
        return len(self._images)

    def images(self, rows: range) -> np.ndarray:
        """Images brought to the network's input."""
        part = np.ascontiguousarray(self._images[rows.start : rows.stop])
        return fit(part, *self._fit)

    def labels(self, rows: range) -> np.ndarray:
        """Labels, −1 where there are none."""
        if self._labels is None:
            return np.full(len(rows), -1, np.int64)
        return np.asarray(self._labels[rows.start : rows.stop], np.int64)

    def ids(self, rows: range) -> list[str]:
        """Numbers of the images."""
        return [str(row) for row in rows]

    def digest(self, rows: range) -> str:
        """Of the images and labels themselves."""
        found = hashlib.sha256(f"{self._images.dtype} {self._images.shape[1:]} {rows}".encode())
        for start in range(rows.start, rows.stop, BLOCK):
            block = range(start, min(start + BLOCK, rows.stop))
            found.update(np.ascontiguousarray(self._images[block.start : block.stop]).data)
            found.update(self.labels(block).astype("<i8").data)
        return found.hexdigest()


class FileSource(ArraySource):
    """Images in a .npy file, which is mapped rather than read.

    They are pixels, brought to the network's input as those of a folder are. Only what has the
    network's own shape, for a network of fewer than 8 bits without a table of codes, are codes
    already: the values that `Network.forward` takes.

    Parameters
    ----------
    path : path
    input_shape, input_bits, codes
        Of the network; by default the images are taken as they are.
    placing : Placing, optional

    Raises
    ------
    DataError
        If the file is missing or no such array.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        input_shape: tuple[int, ...] | None = None,
        input_bits: int = 8,
        codes: np.ndarray | None = None,
        placing: Placing | None = None,
    ) -> None:
        self._path = Path(path).resolve()
        self._form = input_shape, input_bits, codes, placing
        try:
            images = map_npy(self._path)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{path} is not a whole .npy file: {reason(error)}") from error
        if images.ndim < 2 or images.dtype != np.uint8:
            raise DataError(
                f"{path}: images (N, H, W, C) or (N, n) must be a uint8 array, not {images.dtype} "
                f"{images.shape}"
            )
        shape = images.shape[1:] if input_shape is None else input_shape
        if images.shape[1:] == shape and codes is None:
            input_bits = 8  # codes already
        super().__init__(str(path), images, None, shape, input_bits, codes=codes, placing=placing)
        if len(images):
            self.images(range(1))  # what cannot be fitted is refused before any work

    def digest(self, rows: range) -> str:
        """Of the file's size and time, and how many images of it are taken."""
        return digest_files([self._path], self._path.parent, f"{rows}")

    def __getstate__(self) -> Any:
        return self._path, *self._form

    def __setstate__(self, state: Any) -> None:
        self.__init__(*state)  # type: ignore[misc]


class RandomSource:
    """Noise, the same for the same number: to measure, and to test, at any size.

    Parameters
    ----------
    count : int
    input_shape, input_bits
        Of the network.
    """

    placing: dict[str, str] | None = None
    skipped: tuple[str, ...] = ()

    def __init__(self, count: int, input_shape: tuple[int, ...], input_bits: int = 8) -> None:
        self.name = f"random:{count}"
        self.classes: tuple[str, ...] = ()
        self._count, self._shape, self._most = count, input_shape, 1 << input_bits

    def __len__(self) -> int:
        return self._count

    def images(self, rows: range) -> np.ndarray:
        """Each block of images has a seed of its own."""
        found = np.empty((len(rows), *self._shape), np.uint8)
        for block in range(rows.start // BLOCK, -(-rows.stop // BLOCK)):
            first = block * BLOCK
            start, stop = max(rows.start, first), min(rows.stop, first + BLOCK)
            found[start - rows.start : stop - rows.start] = self._block(block)[
                start - first : stop - first
            ]
        return found

    def _block(self, number: int) -> np.ndarray:
        shape = (BLOCK, *self._shape)
        words = np.random.default_rng(number).integers(0, 1 << 64, -(-prod(shape) // 8), np.uint64)
        values = words.astype("<u8", copy=False).view(np.uint8)[: prod(shape)].reshape(shape)
        return values if self._most == 256 else values & (self._most - 1)

    def labels(self, rows: range) -> np.ndarray:
        """Labels 0 to 9 in turn, int64: what random images are called is no matter."""
        return np.arange(rows.start, rows.stop, dtype=np.int64) % 10

    def ids(self, rows: range) -> list[str]:
        """Numbers of the images."""
        return [str(row) for row in rows]

    def digest(self, rows: range) -> str:
        """Of shape and number, from which the noise follows."""
        return hashlib.sha256(f"noise {self._shape} {self._most} {rows}".encode()).hexdigest()


class FirstOf:
    """The first images of another source."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self.name, self.classes = f"{source.name}, the first {count}", source.classes
        self._count, self.images, self.labels = count, source.images, source.labels
        self.ids, self.digest = source.ids, source.digest
        self.placing, self.skipped = source.placing, source.skipped

    def __len__(self) -> int:
        return self._count


def _changes_aspect(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether images of one shape can only come into another by cropping, bars or stretching."""
    if len(shape) != 3 or (len(wanted) == 1 and prod(shape) == prod(wanted)):
        return False
    height, width, _ = photograph_shape(wanted)
    return shape[0] * width != shape[1] * height


def digest_files(files: Sequence[Path], root: Path, more: str = "") -> str:
    """64 hexadecimal digits of each file's place below a folder, size and time."""
    found = hashlib.sha256(more.encode())
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror}") from error
        line = f"{file.relative_to(root).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n"
        found.update(line.encode("utf-8", "surrogateescape"))
    return found.hexdigest()
