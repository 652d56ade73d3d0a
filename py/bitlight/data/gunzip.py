"""Reading gzip files of a known size: a damaged or hostile one costs no memory."""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from bitlight.errors import DataError, reason
from bitlight.files.opening import open_regular

CHUNK = 1 << 16


@contextlib.contextmanager
def open_gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """Open a gzip file for reading; whatever is wrong with it becomes a DataError."""
    try:
        with open_regular(path) as packed, gzip.open(packed, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file: {reason(error)}") from error


def read_exactly(file: gzip.GzipFile, size: int, path: Path) -> bytearray:
    """Read the `size` bytes that must be left in the file, no more and no fewer.

    Memory grows with what is really there, never with what a header promises.

    Raises
    ------
    DataError
        If fewer or more bytes are left.
    """
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(CHUNK, size - len(content)))):
        content += chunk
    if len(content) < size:
        raise DataError(f"{path} is truncated: {len(content)} bytes where {size} should be")
    if file.read(1):
        raise DataError(f"{path} is longer than the {size} bytes that should be there")
    return content
