"""Files of a data set in its .tar.gz, as it was downloaded: read in order, nothing is unpacked.

Python's own tarfile trusts a header's size, and walks to the end of it however far that is. A
header is 512 bytes: name (100 bytes), mode, owner and group (24), size and time in octal digits (12
each), sum of the header's bytes (8), type (1), and the rest. Source: POSIX.1-1988, ustar.
"""

from collections.abc import Iterator
from gzip import GzipFile
from pathlib import Path, PurePosixPath

from bitlight.data.gunzip import CHUNK, open_gzip
from bitlight.errors import DataError

# Pixels hardly shrink: CIFAR's archives have 1.1 bytes for each of theirs.
MOST_TIMES = 2
SMALL = 1 << 19  # which is admitted however well it is packed
BLOCK = 512
FILE, FOLDER, EXTENDED = (b"0", b"\0"), (b"5",), (b"x", b"g")
SIZE, SUM, TYPE = slice(124, 136), slice(148, 156), slice(156, 157)


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in a .tar.gz, in its order; folders' names are left out.

    Raises
    ------
    DataError
        If it is no whole archive, has something else than files and folders, or unpacks to more
        than twice its own size and half a megabyte.
    """
    with open_gzip(path) as file:
        left = max(SMALL, MOST_TIMES * path.stat().st_size)
        while header := _read(file, BLOCK, path):
            if not any(header):
                return
            kind, size = header[TYPE], _number(header[SIZE], path)
            if _number(header[SUM], path) != sum(header) - sum(header[SUM]) + 8 * ord(" "):
                raise DataError(f"{path} is no .tar.gz: a header in it is damaged")
            left -= BLOCK + size
            if left < 0:
                raise DataError(f"{path} unpacks to more than is admitted: twice its size")
            content = _read(file, size, path)
            if len(content) < size or len(_read(file, -size % BLOCK, path)) < -size % BLOCK:
                raise DataError(f"{path} is cut: it has no content behind a header")
            if kind in FILE:
                yield PurePosixPath(_text(header[:100])).name, content
            elif kind in EXTENDED and b" path=" not in content and b" size=" not in content:
                continue  # times to the nanosecond, and the like
            elif kind not in FOLDER:
                raise DataError(f"{path} has an entry of type {kind!r}, no file or folder")
    raise DataError(f"{path} is cut: the end of the archive is missing")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")


def _number(field: bytes, path: Path) -> int:
    digits = field.strip(b"\0 ")
    if not digits.isdigit() or set(digits) & set(b"89"):
        raise DataError(f"{path} is no .tar.gz: a header in it is damaged")
    return int(digits, 8)


def _read(file: GzipFile, size: int, path: Path) -> bytes:
    """So many bytes, or none at the end; memory grows with what is there."""
    found = bytearray()
    while len(found) < size and (chunk := file.read(min(CHUNK, size - len(found)))):
        found += chunk
    if len(found) not in (0, size):
        raise DataError(f"{path} is cut: it has {len(found)} of {size} bytes")
    return bytes(found)
