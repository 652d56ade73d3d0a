"""A ridge head in one pass over a store, here or where the workers of a Dask cluster are."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from bitlight.cluster.job import Job
from bitlight.errors import DataError
from bitlight.heads.classweight import class_weights
from bitlight.heads.ridge import RidgeHead
from bitlight.heads.sampleweight import check_weights
from bitlight.store.rows import Rows
from bitlight.store.store import FeatureStore
from bitlight.store.workers import open_shared

RANGES = 4  # for each worker: what one that dies has lost

Share = tuple[range, list[float]]


def ridge_over(
    store: FeatureStore,
    head: RidgeHead,
    client: Any = None,
    progress: Callable[[int], None] = lambda samples: None,
    taken: Rows = Rows(),  # noqa: B008  it is frozen
    sample_weight: Any = None,
) -> RidgeHead:
    """Train a head on all samples of a store, reading each chunk once.

    With a client, its workers sum the products of ranges of chunks, and the sums are added up here:
    the same ones, and for bits and uint8 exactly, whatever the workers and whichever die. Memory,
    here and of each worker, is that of two heads in `partial_fit`, and a chunk.

    Parameters
    ----------
    store : FeatureStore
    head : RidgeHead
        Its parameters; balanced class weights are taken from the labels.
    client : distributed.Client, optional
        As `bitlight.cluster.connect` gives it; the store is on a file system that workers share.
    progress : callable
        Called with the number of samples that have been seen.
    taken : Rows
        Which samples; all by default.
    sample_weight : array, shape (samples,), optional
        What each sample of the store counts, in its order; see `RidgeHead.fit`.

    Returns
    -------
    RidgeHead
        Trained by `partial_fit`; further samples can follow.

    Raises
    ------
    DataError
        If a sample has no label.
    StoreError
        If a chunk is missing or damaged, or workers die of their share.
    HeadError
        If a parameter is not as it should be.
    """
    labels = store.labels()
    if (labels < 0).any():
        raise DataError(f"{store.path} has no labels to train on")
    head = clone(head)
    each = check_weights(sample_weight, len(labels))
    classes = np.unique(labels if each is None else labels[each > 0])
    if head.class_weight == "balanced":
        places = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
        weights = class_weights("balanced", classes, places, each)
        head.class_weight = dict(zip(classes.tolist(), weights.tolist(), strict=True))
    seen = 0
    if client is None:
        for rows, features, theirs in taken.batches(store):
            head.partial_fit(
                features, theirs, classes, sample_weight=None if each is None else each[rows]
            )
            progress(seen := seen + len(theirs))
        return head
    from bitlight.cluster.spreading import spread  # and Dask

    work = Summing(Path(store.path).resolve(), head, classes, taken, each)
    count = RANGES * max(1, len(client.nthreads()))
    found: RidgeHead | None = None
    shares = _shares(store, labels, classes, count, taken, each)
    for (chunks, _), part in spread(client, work, shares, _called, ahead=1):
        found = part if found is None else found.merge(part)
        del part  # before the next one comes
        progress(seen := seen + sum(len(store.manifest.span(chunk)) for chunk in chunks))
    assert found is not None
    return found


class Summing(Job):
    """Sees a range of chunks.

    Parameters
    ----------
    path : Path
        Of the store.
    head : RidgeHead
        Its parameters.
    classes : array
        All labels.
    taken : Rows
        Which samples of each chunk.
    each : float64 array, shape (samples,), or None
        What each sample of the store counts.
    """

    def __init__(
        self,
        path: Path,
        head: RidgeHead,
        classes: np.ndarray,
        taken: Rows,
        each: np.ndarray | None = None,
    ) -> None:
        self.path, self.head, self.classes, self.taken = path, head, classes, taken
        self.each = each

    def __call__(self, share: Share) -> RidgeHead:
        """A head with the sums of these chunks, before which there were so many of each class."""
        chunks, before = share
        head: RidgeHead = clone(self.head)
        for rows, features, labels in self.taken.batches(open_shared(self.path), chunks):
            counts = None if self.each is None else self.each[rows]
            head.partial_fit(features, labels, self.classes, before, counts)
        return head


def _shares(
    store: FeatureStore,
    labels: np.ndarray,
    classes: np.ndarray,
    count: int,
    taken: Rows,
    each: np.ndarray | None,
) -> Iterator[Share]:
    """Ranges of chunks, and what the samples of each class that come before them count."""
    for chunks in np.array_split(np.arange(store.manifest.chunks), count):
        if len(chunks):
            first = store.manifest.span(int(chunks[0])).start
            chosen = taken.chosen(range(first))
            earlier = np.searchsorted(classes, labels[:first][chosen]).clip(max=len(classes) - 1)
            counts = None if each is None else each[:first][chosen]
            before = np.bincount(earlier, counts, minlength=len(classes))
            yield range(int(chunks[0]), int(chunks[-1]) + 1), before.tolist()


def _called(share: Share) -> str:
    chunks, _ = share
    return f"chunks {chunks.start} to {chunks.stop - 1}"
