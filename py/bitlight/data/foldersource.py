"""Photographs of a folder that are read when they are wanted, a range at a time."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bitlight.data.checking import Progress, usable
from bitlight.data.decoding import Decoder
from bitlight.data.fitting import fit, photograph_shape
from bitlight.data.folder import image_files
from bitlight.data.labelled import Listing
from bitlight.data.placing import Placing
from bitlight.data.source import digest_files
from bitlight.errors import DataError


class FolderSource:
    """Images of a folder with one sub-folder for each class, opened when they are wanted.

    Files that are no images are found before any work: those that do not begin or end as one does,
    or, where they are to be left out, all. Pixels that were decoded before come from the cache: see
    `bitlight.data.decoding`.

    Parameters
    ----------
    path : path or Listing
        A folder, or files that were listed.
    input_shape, input_bits, codes
        Of the network. Images are brought to (H, W, C); where it takes (n,) values, to the square
        of as many, and flattened.
    placing : Placing, optional
        By default the middle of each image is taken, and the background is white.
    skip_bad : bool
        Leave files out that are no images.
    known_bad : sequence of str, optional
        Ids of those, where they are known already.
    progress : callable
        Called with the number of files that have been looked at.
    name : str, optional
        What these images are; by default the path.

    Raises
    ------
    DataError
        If there is no such folder, a class has no images, or files are none; later, if a file turns
        out to be damaged further on.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Listing,
        input_shape: tuple[int, ...],
        input_bits: int = 8,
        codes: np.ndarray | None = None,
        placing: Placing | None = None,
        *,
        skip_bad: bool = False,
        known_bad: Sequence[str] | None = None,
        progress: Progress = lambda files: None,
        name: str | None = None,
    ) -> None:
        listing = path if isinstance(path, Listing) else list_folder(path)
        self.name = name or str(listing.root if isinstance(path, Listing) else path)
        self._root, self.classes = listing.root, listing.names
        shape, placing = photograph_shape(input_shape), placing or Placing()
        self.placing: dict[str, str] | None = placing.record()
        self._fit = input_shape, input_bits, codes
        everything = Decoder(listing.files, shape, placing)
        if skip_bad:
            kept, self.skipped = usable(
                listing.files, self._root, skip_bad=True, known=known_bad, progress=progress
            )
            listing = listing.take(np.array(kept))
            self._decoder = Decoder(listing.files, shape, placing)
        else:
            usable([listing.files[row] for row in everything.unknown()], self._root)
            self.skipped = ()
            self._decoder = everything
        self._files, self._labels = listing.files, listing.labels
        empty = set(range(len(self.classes))) - set(self._labels.tolist())
        if empty and self.skipped:
            name = self.classes[min(empty)]
            raise DataError(f"{self.name}: the class {name!r} has bad files alone")

    def __len__(self) -> int:
        return len(self._files)

    def images(self, rows: range) -> np.ndarray:
        """Read the images of these numbers from their files or from the cache: uint8."""
        return fit(self._decoder.images(rows), *self._fit)

    def labels(self, rows: range) -> np.ndarray:
        """Index into the class names."""
        return self._labels[rows.start : rows.stop]

    def ids(self, rows: range) -> list[str]:
        """Paths within the folder."""
        return [self._files[row].relative_to(self._root).as_posix() for row in rows]

    def digest(self, rows: range) -> str:
        """Of each file's place in the folder, size and time."""
        return digest_files(self._files[rows.start : rows.stop], self._root)


def list_folder(path: str | os.PathLike[str]) -> Listing:
    """The files of a folder with one sub-folder for each class; see `image_files`."""
    root = Path(path).resolve()
    return Listing(root, *image_files(root))
