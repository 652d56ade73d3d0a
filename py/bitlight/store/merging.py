"""One store of several: of parts of a data set, or of machines that each filled some chunks."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.data.checking import SKIPPED
from bitlight.data.classes import translate
from bitlight.errors import StoreError
from bitlight.store.manifest import Manifest
from bitlight.store.store import FeatureStore

# What stores may differ in that hold parts of one data set.
PER_PART: dict[str, Any] = {"samples": 1, "source": "", "id_bytes": 1, "chunk": 1, "audit": 0.0}
PER_PART |= {"content": None, "skipped": (), "classes": ()}


def merge(
    stores: Sequence[FeatureStore],
    out: Path,
    progress: Callable[[int], None] = lambda samples: None,
) -> FeatureStore:
    """Write the samples of all stores into one; started again, it goes on.

    Stores of equal manifests hold the same samples: chunks are taken from whichever has them.
    Others hold parts, and their samples stand behind each other in the order given.

    Parameters
    ----------
    stores : sequence of FeatureStore
        Of one network, engine, folding and projection, and all with names of their classes, or
        none. Labels are matched by these names; classes that the first lacks come after its own.
    out : Path
        A new store, or one that an interrupted merge has left.
    progress : callable
        Called with the number of samples that have been seen to.

    Raises
    ------
    StoreError
        If the stores do not belong together, a part lacks chunks or is damaged, or the disk takes
        no more.

    Examples
    --------
    >>> import tempfile
    >>> from bitlight import Linear, Network
    >>> from bitlight.data.source import ArraySource
    >>> from bitlight.store import fill, manifest_for
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> folder = Path(tempfile.mkdtemp())
    >>> parts = []
    >>> for name, images in (("a", np.ones((6, 8), np.uint8)), ("b", np.zeros((4, 8), np.uint8))):
    ...     source = ArraySource(name, images, None, (8,), 1)
    ...     parts.append(FeatureStore.create(folder / name, manifest_for(net, source, chunk=4)))
    ...     chunks = fill(parts[-1], net, source)
    >>> len(merge(parts, folder / "both"))
    10
    """
    first = stores[0].manifest
    copies = all(store.manifest == first for store in stores)
    found = FeatureStore.create(out, first if copies else _joined(stores))
    for chunk in found.missing():
        with found.claims.on(chunk) as mine:
            if mine and not found.has(chunk):
                _take(stores, found, chunk, copies)
        progress(found.manifest.span(chunk).stop)
    return found


def _joined(stores: Sequence[FeatureStore]) -> Manifest:
    manifests = [store.manifest for store in stores]
    alike = [dataclasses.replace(manifest, **PER_PART) for manifest in manifests]
    named = [store.path for store in stores if store.manifest.classes]
    if named and len(named) < len(stores):
        nameless = next(store.path for store in stores if not store.manifest.classes)
        raise StoreError(
            f"{named[0]} has names of its classes, and {nameless} has none: labels can only be "
            "matched by name"
        )
    for store, manifest in zip(stores, alike, strict=True):
        if manifest != alike[0]:
            raise StoreError(
                f"{stores[0].path} and {store.path} are of other features: the first has "
                f"{alike[0].differences(manifest)}"
            )
        if missing := store.missing():
            raise StoreError(
                f"{store.path} lacks {len(missing)} chunks, the first is {next(iter(missing))}"
            )
    return dataclasses.replace(
        manifests[0],
        samples=sum(manifest.samples for manifest in manifests),
        source=" + ".join(manifest.source for manifest in manifests),
        id_bytes=max(manifest.id_bytes for manifest in manifests),
        audit=min(manifest.audit for manifest in manifests),
        content=_content(manifests),
        classes=tuple(dict.fromkeys(name for m in manifests for name in m.classes)),
        skipped=tuple(name for manifest in manifests for name in manifest.skipped)[:SKIPPED],
    )


def _content(manifests: Sequence[Manifest]) -> str | None:
    parts = [manifest.content or "" for manifest in manifests]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest() if all(parts) else None


def _take(stores: Sequence[FeatureStore], out: FeatureStore, chunk: int, copies: bool) -> None:
    span = out.manifest.span(chunk)
    if copies:
        holder = _holder([store for store in stores if store.has(chunk)], chunk)
        if holder is None:
            return
        parts, audited = [(holder, span.start, span.stop)], int(holder.audited_in(chunk))
    else:
        parts = _overlaps(stores, span)
        audited = sum(_audited(*part) for part in parts)
    rows = [(store, slice(start, stop)) for store, start, stop in parts]
    out.write_packed(
        chunk,
        np.concatenate([store.packed(part) for store, part in rows]),
        np.concatenate([_labels(store, part, out) for store, part in rows]),
        [name for store, part in rows for name in store.ids(part)],
        audited,
    )


def _holder(stores: Sequence[FeatureStore], chunk: int) -> FeatureStore | None:
    """The store with a whole copy of a chunk; None if there is no copy.

    Raises
    ------
    StoreError
        If all copies are damaged, or two whole ones differ.
    """
    whole: list[FeatureStore] = []
    damage: StoreError | None = None
    for store in stores:
        try:
            store.check_chunk(chunk)
            whole.append(store)
        except StoreError as error:
            damage = error
    if not whole and damage is not None:
        raise damage
    span = stores[0].manifest.span(chunk) if stores else range(0)
    rows = slice(span.start, span.stop)
    for other in whole[1:]:
        for read in (FeatureStore.packed, FeatureStore.labels, FeatureStore.raw_ids):
            if not np.array_equal(read(whole[0], rows), read(other, rows)):
                raise StoreError(
                    f"chunk {chunk} of {whole[0].path} and of {other.path} are both whole, and "
                    "differ: one of them is wrong"
                )
    return max(whole, key=lambda store: store.audited_in(chunk), default=None)


def _labels(store: FeatureStore, rows: slice, out: FeatureStore) -> np.ndarray:
    """Labels of samples as the joined store numbers their classes."""
    names, wanted = store.manifest.classes, out.manifest.classes
    return translate(store.labels(rows), names, wanted, str(store.path))


def _overlaps(stores: Sequence[FeatureStore], span: range) -> list[tuple[FeatureStore, int, int]]:
    """Which samples of which stores make up a span of the whole."""
    found, offset = [], 0
    for store in stores:
        start, stop = max(span.start - offset, 0), min(span.stop - offset, len(store))
        if start < stop:
            found.append((store, start, stop))
        offset += len(store)
    return found


def _audited(store: FeatureStore, start: int, stop: int) -> int:
    """Audited samples of a range, as far as that is known: those of chunks audited wholly."""
    size, count = store.manifest.chunk, 0
    for chunk in range(start // size, -(-stop // size)):
        span = store.manifest.span(chunk)
        if store.audited_in(chunk) == len(span):
            count += min(stop, span.stop) - max(start, span.start)
    return count
