"""Which samples of a store are taken: all, or those that are held out, or the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bitlight.store.store import FeatureStore


@dataclass(frozen=True)
class Rows:
    """Samples by their numbers in the store, the same whoever reads which chunk.

    Attributes
    ----------
    every : int
        One of so many samples is held out; 0 holds out none.
    held : bool
        Whether those held out are taken, or all others.

    Examples
    --------
    >>> Rows(5).chosen(range(10)).astype(int).tolist()
    [1, 1, 0, 1, 1, 1, 1, 0, 1, 1]
    """

    every: int = 0
    held: bool = False

    def chosen(self, numbers: range) -> np.ndarray:
        """Which of these samples are taken: bool array, shape (n,)."""
        if not self.every:
            return np.full(len(numbers), not self.held)
        apart = np.arange(numbers.start, numbers.stop) % self.every == self.every // 2
        return apart == self.held

    def batches(
        self, store: FeatureStore, chunks: Sequence[int] | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Numbers, features and labels of those taken, chunk by chunk; of chunks without, none."""
        numbers = range(store.manifest.chunks) if chunks is None else chunks
        for chunk, (features, labels) in zip(numbers, store.batches(chunks), strict=True):
            span = store.manifest.span(chunk)
            rows, chosen = np.arange(span.start, span.stop), self.chosen(span)
            if chosen.all():
                yield rows, features, labels
            elif chosen.any():
                yield rows[chosen], features[chosen], labels[chosen]
