"""MAT-files of version 5, as MATLAB's `save` writes them: the numeric arrays alone, within bounds.

A file is 128 bytes and then elements: a type and a length, 4 bytes each, and as many bytes padded
to 8; short ones have type and length in 2 bytes each and up to 4 bytes. An array is an element of
elements (flags, dimensions, name, numbers), or all of that deflated. Source: MathWorks, "MAT-File
Format", version 5.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from bitlight.errors import DataError, reason
from bitlight.files.opening import read_regular

HEADER = 128
INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
# Types of numbers in a file, and classes of arrays of numbers in MATLAB.
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
CLASSES = range(6, 14)
COMPLEX = 0x08
MOST_TIMES = 2  # pixels hardly shrink
SMALL = 1 << 19
DIMENSIONS = 8
ARRAYS = 16
LABEL, SHORT = 8, 4  # bytes of type and length

Order = Literal["<", ">"]


def read_mat(path: Path) -> dict[str, np.ndarray]:
    """The numeric arrays of a file, by name, in the types that they are stored in.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        If it is no whole file of version 5, has other arrays than of real numbers, more than 16, or
        unpacks to more than twice its size and half a megabyte.
    """
    try:
        content = memoryview(read_regular(path))
        order = _order(bytes(content[:HEADER]))
        left = max(SMALL, MOST_TIMES * len(content))
        found: dict[str, np.ndarray] = {}
        for element in _elements(content[HEADER:], order):
            kind, inner = element
            if kind == COMPRESSED:
                unpacked = memoryview(_inflated(inner, left))
                left -= len(unpacked)
                ((kind, inner),) = _elements(unpacked, order)
            if kind != MATRIX:
                raise ValueError(f"it has an element of type {kind} where an array should be")
            name, array = _array(inner, order)
            if name in found or len(found) == ARRAYS:
                raise ValueError(f"it has {name!r:.40} twice, or more than {ARRAYS} arrays")
            found[name] = array
    except (OSError, ValueError, LookupError, struct.error, zlib.error) as error:
        raise DataError(f"{path} is not a whole MAT-file of version 5: {reason(error)}") from error
    return found


def _order(header: bytes) -> Order:
    mark = header[126:128]
    if len(header) < HEADER or mark not in (b"IM", b"MI"):
        raise ValueError("it does not begin like one; files of version 7.3 are HDF5")
    order: Order = "<" if mark == b"IM" else ">"
    if struct.unpack(f"{order}H", header[124:126]) != (0x0100,):
        raise ValueError("it is of another version")
    return order


def _elements(content: memoryview, order: Order) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of each element in a content, which they fill."""
    at = 0
    while at < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        start, room = at + LABEL, len(content) - at - LABEL
        padded = size if kind == COMPRESSED else -(-size // LABEL) * LABEL
        if kind >> 16:  # a short one
            kind, size, start, room, padded = kind & 0xFFFF, kind >> 16, at + SHORT, SHORT, SHORT
        if size > room:
            raise ValueError(f"an element of {size} bytes does not fit")
        yield kind, content[start : start + size]
        at = start + padded


def _inflated(body: memoryview, most: int) -> bytes:
    machine = zlib.decompressobj()
    found = machine.decompress(body, most)
    if not machine.eof:
        raise ValueError(f"what is deflated is cut, or larger than the {most} bytes admitted")
    return found


def _array(content: memoryview, order: Order) -> tuple[str, np.ndarray]:
    """Name and numbers of an array, whose first dimension runs fastest."""
    elements = _elements(content, order)
    first, flags = next(elements, (0, memoryview(b"")))
    (flag,) = struct.unpack(f"{order}I", flags[:4])
    if flag & 0xFF not in CLASSES or flag >> 8 & COMPLEX:
        raise ValueError(f"it has an array of class {flag & 0xFF}, not of real numbers")
    (second, sizes), (third, title), (kind, numbers) = elements
    name = bytes(title).decode("ascii")
    if (first, second, third) != (UINT32, INT32, INT8) or not name.isidentifier():
        raise ValueError("it has an array without flags, sizes or a name")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if len(shape) > DIMENSIONS or kind not in NUMBERS:
        raise ValueError(f"it has an array of {len(shape)} dimensions, of type {kind}")
    stored = np.dtype(order + NUMBERS[kind])
    if min(shape, default=-1) < 0 or math.prod(shape) * stored.itemsize != len(numbers):
        raise ValueError(f"{shape} does not fit {len(numbers)} bytes of {stored}")
    array = np.frombuffer(numbers, stored).reshape(shape, order="F")
    return name, array
