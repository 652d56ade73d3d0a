"""Features on disk in chunks, each of which is whole or absent: a zarr group with a manifest.

    features  (samples, bytes of a row)   packed bits, or intensities
    labels    (samples,) int64            −1 where unknown
    ids       (samples, id bytes) uint8   UTF-8, padded with zeros
    audited   (chunks,) int32             how many samples both engines computed

A chunk is written features, labels, ids, and last its element of `audited`, which is what says that
it is there. Each of the four is a file of its own with a CRC-32C behind it, written beside its name
and then renamed to it.
"""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import bits
from bitlight.errors import StoreError
from bitlight.network.network import Network
from bitlight.store.chunks import Chunks, Index
from bitlight.store.claims import Claims
from bitlight.store.layout import ARRAYS, file_of, make, writable, write_rows
from bitlight.store.manifest import Manifest


class Missing(Collection[int]):
    """Chunks that a store lacks, in order: those of so many that are not among some.

    Parameters
    ----------
    chunks : int
    present : frozenset of int
    """

    def __init__(self, chunks: int, present: frozenset[int]) -> None:
        self._chunks, self._present = chunks, present

    def __len__(self) -> int:
        return self._chunks - len(self._present)

    def __iter__(self) -> Iterator[int]:
        return (chunk for chunk in range(self._chunks) if chunk not in self._present)

    def __contains__(self, chunk: object) -> bool:
        return chunk in range(self._chunks) and chunk not in self._present

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Missing | list | tuple) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} of {self._chunks} chunks>"


class FeatureStore:
    """Features, labels and sample ids in one directory, read like an array.

    Any number of processes may read a store, also while others fill it. Reading takes the chunks
    that it needs and no more.

    Parameters
    ----------
    path : path
        As `create` or `bitlight features` made it.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    claims : Claims
        Of this process on chunks.

    Raises
    ------
    StoreError
        If there is no store, or its description is damaged or of another version.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> manifest = Manifest("a" * 64, n_features=3, samples=2, source="two samples")
    >>> store = FeatureStore.create(f"{folder}/store", manifest)
    >>> store.write(0, np.array([[1, 0, 1], [0, 0, 1]], np.uint8), np.array([4, 5]), ["a", "b"])
    >>> FeatureStore(f"{folder}/store")[0:2]
    array([[1, 0, 1],
           [0, 0, 1]], dtype=uint8)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._chunks = Chunks(self.path)
        self.manifest = self._chunks.manifest
        self.claims = Claims(self.path / "claims")
        self._writable: dict[str, Any] | None = None  # opened at the first chunk

    @classmethod
    def create(cls, path: str | os.PathLike[str], manifest: Manifest) -> "FeatureStore":
        """Make an empty store, or open the one that is there if it is for the same features.

        Raises
        ------
        StoreError
            If the path holds something else, a store for other features, or cannot be written.
        """
        if not Path(path).exists() and make(Path(path), manifest):
            return cls(path)
        store = cls(path)
        if store.manifest != manifest:
            raise StoreError(
                f"{path} is a store of other features: it has "
                f"{store.manifest.differences(manifest)}; give another path"
            )
        return store

    def __len__(self) -> int:
        return self.manifest.samples

    @property
    def id(self) -> str:
        """What heads trained on these features are tied to."""
        return self.manifest.id

    @property
    def shape(self) -> tuple[int, int]:
        """(samples, features)."""
        return self.manifest.samples, self.manifest.n_features

    @property
    def dtype(self) -> np.dtype:
        """Of what reading gives: uint8 for bits, one value each."""
        return np.dtype(self.manifest.item)

    def check_network(self, net: Network) -> None:
        """See that the features are of a network.

        Raises
        ------
        StoreError
            If they are of another one.
        """
        if self.manifest.network != net.id:
            raise StoreError(f"{self.path} is of network {self.manifest.network}, not {net.id}")

    def has(self, chunk: int) -> bool:
        """Whether a chunk is there."""
        return self._chunks.has(chunk)

    def present(self) -> list[int]:
        """Numbers of the chunks that are there, sorted: as many as there are files for."""
        found, chunks = set(), self.manifest.chunks
        with contextlib.suppress(FileNotFoundError), os.scandir(self.path / "audited/c") as files:
            for entry in files:
                if entry.name.isdecimal() and len(entry.name) < 20 and int(entry.name) < chunks:
                    found.add(int(entry.name))
        return sorted(found)

    def missing(self) -> "Missing":
        """Numbers of the chunks that are not there yet, of which none is held in memory."""
        return Missing(self.manifest.chunks, frozenset(self.present()))

    def samples_present(self) -> int:
        """How many samples are in the chunks that are there."""
        return sum(len(self.manifest.span(chunk)) for chunk in self.present())

    def samples_audited(self) -> int:
        """How many samples both engines computed, in all chunks that are there."""
        return sum(self.audited_in(chunk) for chunk in self.present())

    def __getitem__(self, index: Index) -> np.ndarray:
        """Features of samples, as NumPy would index them: 0/1 for bits, else intensities.

        Raises
        ------
        StoreError
            If a chunk is missing or damaged; it is named.
        """
        stored = self._chunks.rows("features", index)
        if self.manifest.dtype != "bits":
            return stored
        return bits.unpack(stored, self.manifest.n_features)

    def packed(self, index: Index = slice(None)) -> np.ndarray:
        """The same as they are stored: bits eight in a byte."""
        return self._chunks.rows("features", index)

    def labels(self, index: Index = slice(None)) -> np.ndarray:
        """int64 labels of samples, −1 where unknown."""
        return self._chunks.rows("labels", index)

    def ids(self, index: Index = slice(None)) -> np.ndarray:
        """Ids of samples, an array of str."""
        rows = self.raw_ids(index).view(f"S{self.manifest.id_bytes}")[..., 0]
        return np.char.decode(rows, "utf-8", "replace")

    def raw_ids(self, index: Index = slice(None)) -> np.ndarray:
        """Ids as they are stored: UTF-8, padded with zeros, uint8 (n, id bytes)."""
        return np.ascontiguousarray(self._chunks.rows("ids", index))

    def audited(self) -> np.ndarray:
        """How many samples of each chunk both engines computed, int32; −1 for missing chunks."""
        found = np.full(self.manifest.chunks, -1, np.int32)
        for chunk in self.present():
            found[chunk] = self.audited_in(chunk)
        return found

    def audited_in(self, chunk: int) -> int:
        """The same for one chunk, which has to be there."""
        count, size = int(self._chunks.whole("audited", chunk)[0]), len(self.manifest.span(chunk))
        if not 0 <= count <= size:
            raise StoreError(
                f"chunk {chunk} of {self.path} is damaged (audited): it says that {count} of "
                f"{size} samples were computed twice"
            )
        return count

    def dataset(self) -> Any:
        """A torch Dataset of (features, label); see `bitlight.store.views.StoreDataset`."""
        from bitlight.store.views import StoreDataset

        return StoreDataset(self)

    def dask(self) -> Any:
        """A lazy dask.array of the features, a block for each chunk."""
        from bitlight.store.views import dask_array

        return dask_array(self)

    def batches(self, chunks: Sequence[int] | None = None) -> Iterator[tuple[np.ndarray, ...]]:
        """Features and labels, chunk by chunk."""
        for chunk in range(self.manifest.chunks) if chunks is None else chunks:
            span = self.manifest.span(chunk)
            rows = slice(span.start, span.stop)
            yield self[rows], self.labels(rows)

    def write(
        self,
        chunk: int,
        features: np.ndarray,
        labels: np.ndarray,
        ids: Sequence[str],
        audited: int = 0,
    ) -> None:
        """Write one chunk.

        Parameters
        ----------
        chunk : int
        features : array, shape (samples of the chunk, features)
            uint8 of 0/1 for bits, or intensities in the store's dtype.
        labels : int array, shape (samples of the chunk,)
        ids : list of str
        audited : int
            How many of the samples both engines computed.

        Raises
        ------
        StoreError
            If shapes do not fit, or the disk takes no more. The chunk is absent then.
        """
        manifest = self.manifest
        expected = len(manifest.span(chunk)), manifest.n_features
        if features.shape != expected or not len(labels) == len(ids) == len(features):
            raise StoreError(
                f"chunk {chunk} takes {expected[0]} samples of {expected[1]} features, not "
                f"{features.shape} with {len(labels)} labels and {len(ids)} ids"
            )
        stored = bits.pack(features) if manifest.dtype == "bits" else features
        self.write_packed(chunk, stored, labels, ids, audited)

    def write_packed(
        self,
        chunk: int,
        stored: np.ndarray,
        labels: np.ndarray,
        ids: Sequence[str],
        audited: int = 0,
    ) -> None:
        """The same for features as `packed` gives them; shapes are not looked at.

        Raises
        ------
        StoreError
            If the disk takes no more. The chunk is absent then.
        """
        span = self.manifest.span(chunk)
        rows = slice(span.start, span.stop)
        count = slice(chunk, chunk + 1)
        parts = (stored, rows), (labels, rows), (_encoded(ids, self.manifest.id_bytes), rows)
        try:
            if self._writable is None:
                self._writable = writable(self.path)
            for name, (values, where) in zip(ARRAYS, (*parts, (audited, count)), strict=True):
                file = file_of(self.path, name, chunk)
                write_rows(self._writable[name], file, where, values)
        except OSError as error:
            raise StoreError(
                f"cannot write chunk {chunk} of {self.path}: {error.strerror or error}; "
                "the other chunks are kept, and the same command goes on"
            ) from error

    def drop(self, chunk: int) -> None:
        """Take a chunk out of the store, as if it had never been written."""
        for name in reversed(ARRAYS):
            file_of(self.path, name, chunk).unlink(missing_ok=True)

    def check_chunk(self, chunk: int) -> None:
        """Read all of a chunk.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        for name in ARRAYS:
            self._chunks.whole(name, chunk)
        self.audited_in(chunk)

    def __getstate__(self) -> Path:
        return self.path

    def __setstate__(self, path: Path) -> None:
        self.__init__(path)  # type: ignore[misc]

    def __repr__(self) -> str:
        manifest = self.manifest
        done = manifest.chunks - len(self.missing())
        return (
            f"<FeatureStore {self.path}: {manifest.samples} × {manifest.n_features} "
            f"{manifest.dtype}, {done} of {manifest.chunks} chunks>"
        )


def _encoded(ids: Sequence[str], width: int) -> np.ndarray:
    rows = np.array([name.encode()[:width] for name in ids], f"S{width}")
    return rows.view(np.uint8).reshape(len(ids), width)
