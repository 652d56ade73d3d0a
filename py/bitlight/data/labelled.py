"""Images with labels and the classes' names, before any network asks for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Pixels(NamedTuple):
    """A data set in memory.

    Attributes
    ----------
    images : uint8 array, shape (N, H, W, C)
    labels : int64 array, shape (N,)
        0 to len(names) − 1.
    names : tuple of str
        Of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = Pixels(np.zeros((2, 8, 8, 1), np.uint8), np.array([0, 1]), ("zero", "one"))
    >>> pixels.images.shape, pixels.names
    ((2, 8, 8, 1), ('zero', 'one'))
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        """Numbers of the images."""
        return [str(row) for row in range(len(self.images))]

    def take(self, rows: np.ndarray) -> "Pixels":
        """The same of these rows alone."""
        return Pixels(self.images[rows], self.labels[rows], self.names)


@dataclass(frozen=True, eq=False)
class Listing:
    """Files of photographs below a folder; none has been read.

    Attributes
    ----------
    root : Path
    files : list of Path
    labels : int64 array, shape (N,)
        0 to len(names) − 1.
    names : tuple of str
        Of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> listing = Listing(Path("photos"), [Path("photos/cat/0.png")], np.array([0]), ("cat",))
    >>> listing.names[listing.labels[0]]
    'cat'
    """

    root: Path
    files: list[Path]
    labels: np.ndarray
    names: tuple[str, ...]

    @property
    def ids(self) -> list[str]:
        """Paths within the folder."""
        return [file.relative_to(self.root).as_posix() for file in self.files]

    def take(self, rows: np.ndarray) -> "Listing":
        """The same of these rows alone."""
        return Listing(
            self.root, [self.files[row] for row in rows.tolist()], self.labels[rows], self.names
        )
