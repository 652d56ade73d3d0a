"""Files of photographs with labels, divided into those to train on and those to test on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitlight.errors import DataError, reason
from bitlight.files.opening import read_regular

LONGEST_LIST = 1 << 28  # bytes


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """A data set on disk; no image has been read.

    Attributes
    ----------
    train, test : tuple of Path
    train_labels, test_labels : int64 array
        0 to len(names) − 1.
    names : tuple of str
        Of the classes.

    Raises
    ------
    DataError
        If a side is empty, or a file is missing; it is named.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.jpg", "b.jpg"):
    ...     (folder / name).touch()
    >>> one, two = np.array([0]), np.array([1])
    >>> split = ImageSplit((folder / "a.jpg",), one, (folder / "b.jpg",), two, ("cat", "dog"))
    >>> split.names[split.test_labels[0]]
    'dog'
    """

    train: tuple[Path, ...]
    train_labels: np.ndarray
    test: tuple[Path, ...]
    test_labels: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for side, files in (("train", self.train), ("test", self.test)):
            if not files:
                raise DataError(f"there are no images to {side} on")
            missing = next((file for file in files if not file.is_file()), None)
            if missing is not None:
                raise DataError(f"no image {missing}, which the lists name")

    @staticmethod
    def of(
        files: list[Path], labels: np.ndarray, tested: np.ndarray, names: tuple[str, ...]
    ) -> "ImageSplit":
        """Divide files by a mask of those to test on."""
        paths = np.array(files, object)
        labels = labels.astype(np.int64)
        return ImageSplit(
            tuple(paths[~tested]), labels[~tested], tuple(paths[tested]), labels[tested], names
        )


def lines(path: Path, source: str) -> list[str]:
    """The lines of a list that belongs to a data set, without empty ones.

    Raises
    ------
    DataError
        If there is no such file; the message tells where it comes from.
    """
    if not path.is_file():
        raise DataError(f"no {path.name} in {path.parent}: it comes with {source}")
    try:
        text = read_regular(path, LONGEST_LIST).decode("utf-8", "replace")
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason(error)}") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
