"""Images of a chunk, in parts: while one is computed, another thread reads the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bitlight.data.source import ImageSource

PART = 1024  # images in memory, twice


def parts(source: ImageSource, rows: range) -> Iterator[tuple[slice, np.ndarray]]:
    """Where each part of the rows is among them, and its images.

    Raises
    ------
    DataError
        If an image cannot be read.
    """
    spans = [rows[start : start + PART] for start in range(0, len(rows), PART)]
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(source.images, spans[0])
        for span, after in zip(spans, [*spans[1:], None], strict=True):
            images = reading.result()
            if after is not None:
                reading = reader.submit(source.images, after)
            yield slice(span.start - rows.start, span.stop - rows.start), images
