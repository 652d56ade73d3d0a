"""Images of a chunk, in parts: while one is computed, another thread reads the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bitlight.data.source import ImageSource


def parts(source: ImageSource, rows: range, size: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Where each part of so many rows is among them, and its images; two are in memory.

    Raises
    ------
    DataError
        If an image cannot be read.
    """
    spans = [rows[start : start + size] for start in range(0, len(rows), size)]
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(source.images, spans[0])
        for span, after in zip(spans, [*spans[1:], None], strict=True):
            images = reading.result()
            if after is not None:
                reading = reader.submit(source.images, after)
            yield slice(span.start - rows.start, span.stop - rows.start), images
