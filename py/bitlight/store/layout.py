"""The arrays of a store on disk, by zarr: shapes, codecs, names of files."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.errors import StoreError, reason
from bitlight.files import scratch
from bitlight.files.headers import parse
from bitlight.files.opening import read_regular
from bitlight.store.manifest import Manifest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import zarr
    from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec

# In the order in which a chunk is written: the last says that it is there.
ARRAYS = ("features", "labels", "ids", "audited")
HEADER = 1 << 20  # bytes of memory that a description may take

Layout = dict[str, tuple[tuple[int, ...], tuple[int, ...], np.dtype]]


def layout(manifest: Manifest) -> Layout:
    """Shape, shape of a chunk, and dtype of each array."""
    samples, chunk = manifest.samples, manifest.chunk
    return {
        "features": (
            (samples, manifest.row_items),
            (chunk, manifest.row_items),
            np.dtype(manifest.item),
        ),
        "labels": ((samples,), (chunk,), np.dtype("<i8")),
        "ids": ((samples, manifest.id_bytes), (chunk, manifest.id_bytes), np.dtype("u1")),
        "audited": ((manifest.chunks,), (1,), np.dtype("<i4")),
    }


def file_of(path: Path, name: str, chunk: int) -> Path:
    """The file of one chunk of an array."""
    folder = path / name / "c"
    return folder / str(chunk) / "0" if name in ("features", "ids") else folder / str(chunk)


def make(path: Path, manifest: Manifest) -> bool:
    """Make an empty store under a name that never stands for half of one.

    Returns
    -------
    bool
        False if something had that name already.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    try:
        with scratch.folder_in(path.parent) as made:
            _fill(made / "store", manifest)
            os.rename(made / "store", path)
    except OSError as error:
        if path.exists():
            return False
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    return True


def _fill(path: Path, manifest: Manifest) -> None:
    group = zarr.create_group(path, attributes={"bitlight": manifest.to_attributes()})
    for name, (shape, chunks, dtype) in layout(manifest).items():
        codecs = [BloscCodec(cname="zstd", clevel=1, shuffle="noshuffle"), Crc32cCodec()]
        group.create_array(
            name, shape=shape, chunks=chunks, dtype=dtype, compressors=codecs, fill_value=0
        )


def open_arrays(path: Path) -> tuple[Manifest, dict[str, Any]]:
    """The manifest and the zarr arrays of a store.

    Raises
    ------
    StoreError
        If there is no store, or its description is damaged or of another version.
    """
    if not (path / "zarr.json").is_file():
        raise StoreError(f"no feature store {path}")
    try:
        for folder in (path, *(path / name for name in ARRAYS)):
            parse(read_regular(folder / "zarr.json", HEADER), HEADER)
        group = zarr.open_group(path, mode="r")
        described: Any = group.attrs["bitlight"]
        manifest = Manifest.from_attributes(described)
        arrays: dict[str, Any] = {name: group[name] for name in ARRAYS}
        for name, (shape, chunks, dtype) in layout(manifest).items():
            array = arrays[name]
            found = array.shape, array.chunks, array.dtype
            if found != (shape, chunks, dtype) or not _usual(array.metadata):
                raise StoreError(f"the array {name} is not as the store describes it")
    except Exception as error:
        # zarr raises whatever the text leads it to.
        raise StoreError(f"{path} is no whole feature store: {reason(error)}") from error
    return manifest, arrays


def _usual(metadata: Any) -> bool:
    """Whether an array's chunks lie where `file_of` says, coded as `make` has it."""
    first, *others = metadata.codecs
    little = first.endian is None or first.endian.value == "little"
    keys = metadata.chunk_key_encoding
    return (
        isinstance(first, BytesCodec)
        and little
        and [type(codec) for codec in others] == [BloscCodec, Crc32cCodec]
        and (keys.name, keys.separator) == ("default", "/")
    )


def writable(path: Path) -> dict[str, Any]:
    """The arrays of a store, to be written to."""
    # A chunk of zeros is a chunk like any other.
    with zarr.config.set({"array.write_empty_chunks": True}):
        return {name: zarr.open_array(path / name, mode="r+") for name in ARRAYS}


def write_rows(array: Any, file: Path, rows: slice, values: Any) -> None:
    """Write one chunk of an array, which is the given file, to the disk itself.

    Raises
    ------
    OSError
        If the disk takes no more; the chunk is as it was before.
    """
    for litter in file.parent.glob(f"{file.name}.*.partial"):
        litter.unlink(missing_ok=True)  # of a writer that was killed
    array[rows] = values
    with file.open("rb") as written:
        os.fsync(written.fileno())
