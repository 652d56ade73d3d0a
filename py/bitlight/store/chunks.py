"""The chunks of a store, read: each as a whole, and checked."""

from pathlib import Path
from typing import Any

import numpy as np

from bitlight.errors import StoreError, reason
from bitlight.store.chunkfile import check_size
from bitlight.store.layout import file_of, open_arrays

Index = int | slice | np.ndarray


class Chunks:
    """Rows of the arrays in a store's directory; a reader takes the chunks that it needs.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    path : Path
    manifest : Manifest

    Raises
    ------
    StoreError
        If there is no store, or its description is damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest, self._arrays = open_arrays(path)

    def has(self, chunk: int) -> bool:
        """Whether a chunk is there: its element of `audited` is written last."""
        return file_of(self.path, "audited", chunk).is_file()

    def rows(self, name: str, index: Index) -> np.ndarray:
        """Rows of one array, as NumPy would index them.

        Raises
        ------
        StoreError
            If a chunk is missing or damaged; it is named.
        """
        if isinstance(index, slice):
            self._check_presence(range(*index.indices(self.manifest.samples)))
        rows = _numbers(index, self.manifest.samples)
        array, size = self._arrays[name], self.manifest.chunk
        found = np.empty((rows.size, *array.shape[1:]), array.dtype)
        chunks = rows.ravel() // size
        order = np.argsort(chunks, kind="stable")
        borders = np.flatnonzero(np.diff(chunks[order])) + 1
        for part in np.split(order, borders) if rows.size else ():
            chunk = int(chunks[part[0]])
            found[part] = self.whole(name, chunk)[rows.ravel()[part] - chunk * size]
        return found.reshape((*rows.shape, *array.shape[1:]))

    def _check_presence(self, rows: range) -> None:
        """StoreError if a chunk of a range is missing, before memory is taken for all of it."""
        if rows and rows.step == 1:
            size = self.manifest.chunk
            for chunk in range(rows.start // size, (rows.stop - 1) // size + 1):
                self._check_there(chunk)

    def _check_there(self, chunk: int) -> None:
        if not self.has(chunk):
            raise StoreError(
                f"chunk {chunk} of {self.path} is missing: `bitlight features` fills it"
            )

    def whole(self, name: str, chunk: int) -> np.ndarray:
        """A whole chunk of one array.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        self._check_there(chunk)
        array: Any = self._arrays[name]
        span = range(chunk, chunk + 1) if name == "audited" else self.manifest.span(chunk)
        try:
            unpacked = int(np.prod(array.chunks)) * array.dtype.itemsize
            check_size(file_of(self.path, name, chunk), unpacked)
            return array[span.start : span.stop]
        except Exception as error:
            # zarr and its codecs raise whatever the bytes lead them to.
            raise StoreError(
                f"chunk {chunk} of {self.path} is damaged ({name}): {reason(error)}; "
                "`bitlight store check --drop` takes it out, to be computed again"
            ) from error


def _numbers(index: Index, samples: int) -> np.ndarray:
    """Numbers of the samples that an index means."""
    if isinstance(index, slice):
        return np.arange(*index.indices(samples))
    rows = np.asarray(index)
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if rows.size and not (-samples <= rows.min() and rows.max() < samples):
        raise IndexError(f"sample {index} of a store of {samples}")
    return rows % samples
