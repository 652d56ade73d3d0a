"""Chunks that a store lacks, computed until there are none, whoever else computes them too."""

import time
from collections.abc import Callable, Iterable

from bitlight.store.store import FeatureStore

POLL_S = 0.2

Pass = Callable[[Iterable[int]], Iterable[tuple[int, bool]]]


def one_by_one(write: Callable[[int], bool]) -> Pass:
    """Chunks in their order, in this process."""
    return lambda chunks: ((chunk, write(chunk)) for chunk in chunks)


def complete(
    store: FeatureStore, write: Pass, progress: Callable[[int], None] = lambda samples: None
) -> int:
    """Have the missing chunks written, and wait for those that other processes work on.

    Parameters
    ----------
    store : FeatureStore
    write : callable
        Of a list of chunks it gives each, and whether it has written it; False if another process
        has the chunk.
    progress : callable
        Called with the number of samples that are there.

    Returns
    -------
    int
        How many chunks were written.
    """
    missing, written = store.missing(), 0
    while missing:
        before = written
        for _, mine in write(missing):
            written += mine
            progress(store.samples_present())
        missing = store.missing()
        if missing and written == before:
            time.sleep(POLL_S)  # others are at them
    return written
