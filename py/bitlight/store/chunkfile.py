"""What the first bytes of a chunk's file promise, read before anything is unpacked."""

import os
import struct
from pathlib import Path

from bitlight.errors import StoreError
from bitlight.files.opening import open_regular

BLOSC = struct.Struct("<4B3I")  # versions, flags, item size; bytes unpacked, of a block, packed
CHECKSUM = 4


def check_size(file: Path, expected: int) -> None:
    """Make sure that unpacking a chunk takes just the memory that its shape does.

    Raises
    ------
    StoreError
        If the file is missing, truncated, or would unpack to another size.
    """
    try:
        with open_regular(file) as content:
            start = content.read(BLOSC.size)
            size = os.fstat(content.fileno()).st_size
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from error
    if len(start) < BLOSC.size:
        raise StoreError(f"{size} bytes are no chunk")
    *_, unpacked, block, packed = BLOSC.unpack(start)
    if packed + CHECKSUM != size:
        raise StoreError(f"{size} bytes where there should be {packed + CHECKSUM}")
    if unpacked != expected or block > max(expected, 1):
        raise StoreError(f"it would unpack to {unpacked} bytes, not {expected}")
