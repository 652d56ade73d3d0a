"""Opening files that somebody else chose: regular ones alone, of a size that is known, no waiting.

A pipe under a file's name would keep a reader waiting for ever, a device would never end, and a
sparse file of a few bytes can pretend to hold terabytes.
"""

import os
import stat
from typing import IO

LARGEST = 1 << 32  # bytes of a file that is read into memory


def open_regular(path: str | os.PathLike[str], largest: int | None = LARGEST) -> IO[bytes]:
    """Open a file for reading, unless it is a pipe, a device, a socket or a folder.

    Parameters
    ----------
    path : path
        Links are followed.
    largest : int or None
        Bytes that it may have; None for files that are mapped, or read in parts.

    Raises
    ------
    OSError
        If there is no such file, it may not be read, is not regular, or is larger.

    Examples
    --------
    >>> open_regular("/dev/zero")
    Traceback (most recent call last):
      ...
    OSError: it is no regular file
    """
    # Without O_NONBLOCK the opening of a pipe would wait for its writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no regular file")
        if largest is not None and found.st_size > largest:
            raise OSError(f"it has {found.st_size} bytes; at most {largest} are read")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: str | os.PathLike[str], largest: int = LARGEST) -> bytes:
    """The content of a file; see `open_regular`."""
    with open_regular(path, largest) as file:
        return file.read()
