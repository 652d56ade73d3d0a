"""A store's content in files of other kinds."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlight.errors import StoreError
from bitlight.features.npz import FeatureFile
from bitlight.files.replacing import replacing

if TYPE_CHECKING:  # the command line wants the suffixes alone
    from bitlight.store.store import FeatureStore

SUFFIXES = (".npz", ".parquet", ".safetensors")
Progress = Callable[[int], None]


def export(store: "FeatureStore", out: Path, progress: Progress = lambda samples: None) -> None:
    """Write a whole store as .npz, .parquet or .safetensors, by the name's end.

    .npz is the feature file that `bitlight head train` reads, .parquet has a row group for each
    chunk and is written chunk by chunk; for the other two the features have to fit in memory. Bits
    stay packed, eight in a byte.

    Raises
    ------
    StoreError
        If the name ends otherwise, or a chunk is missing or damaged.
    BitlightError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from bitlight import FeatureStore, Linear, Network
    >>> from bitlight.data.source import ArraySource
    >>> from bitlight.store import fill, manifest_for
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> source = ArraySource("ones", np.ones((10, 8), np.uint8), None, (8,), 1)
    >>> folder = Path(tempfile.mkdtemp())
    >>> store = FeatureStore.create(folder / "store", manifest_for(net, source, chunk=4))
    >>> written = fill(store, net, source)
    >>> export(store, folder / "features.npz")
    >>> sorted(np.load(folder / "features.npz"))[:2]
    ['features', 'id']
    """
    if out.suffix not in SUFFIXES:
        raise StoreError(f"{out} should end in {', '.join(SUFFIXES)}")
    if missing := store.missing():
        raise StoreError(
            f"{store.path} lacks {len(missing)} of {store.manifest.chunks} chunks, the first is "
            f"{next(iter(missing))}: `bitlight features` fills it"
        )
    writer = {".npz": _npz, ".parquet": _parquet, ".safetensors": _safetensors}[out.suffix]
    writer(store, out, progress)


def _npz(store: "FeatureStore", out: Path, progress: Progress) -> None:
    features = np.empty(store.shape, store.dtype)
    _copied(store, lambda rows: store[rows], features, progress)
    manifest = store.manifest
    source: dict[str, Any] = {"name": manifest.source}
    if manifest.placing is not None:
        source["placing"] = manifest.placing
    if manifest.skipped:
        source["skipped"] = list(manifest.skipped)
    FeatureFile(
        features,
        store.labels(),
        manifest.network,
        manifest.projection,
        manifest.classes,
        source,
    ).save(out)


def _safetensors(store: "FeatureStore", out: Path, progress: Progress) -> None:
    import safetensors.numpy

    features = np.empty((len(store), store.manifest.row_items), store.dtype)
    _copied(store, store.packed, features, progress)
    tensors = {"features": features, "labels": store.labels(), "ids": store.raw_ids()}
    with replacing(out) as file:
        file.write(safetensors.numpy.save(tensors, {"bitlight": _described(store)}))


def _parquet(store: "FeatureStore", out: Path, progress: Progress) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError("Parquet wants pyarrow: pip install 'bitlight[scale]'") from error
    manifest = store.manifest
    row = pyarrow.binary(manifest.row_bytes)
    fields = [("id", pyarrow.string()), ("label", pyarrow.int64()), ("features", row)]
    schema = pyarrow.schema(fields, metadata={"bitlight": _described(store)})
    with replacing(out) as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for chunk in range(manifest.chunks):
            span = manifest.span(chunk)
            rows = slice(span.start, span.stop)
            stored = pyarrow.py_buffer(np.ascontiguousarray(store.packed(rows)))
            features = pyarrow.FixedSizeBinaryArray.from_buffers(row, len(span), [None, stored])
            columns: list[Any] = [store.ids(rows), store.labels(rows), features]
            writer.write_table(pyarrow.table(columns, schema=schema))
            progress(span.stop)


def _copied(
    store: "FeatureStore",
    read: Callable[[slice], np.ndarray],
    target: np.ndarray,
    progress: Progress,
) -> None:
    for chunk in range(store.manifest.chunks):
        span = store.manifest.span(chunk)
        rows = slice(span.start, span.stop)
        target[rows] = read(rows)
        progress(span.stop)


def _described(store: "FeatureStore") -> str:
    return json.dumps(dataclasses.asdict(store.manifest), sort_keys=True)
