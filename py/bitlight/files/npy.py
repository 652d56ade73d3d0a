"""The .npy format, whose header is compared with the file's size before memory is taken."""

import math
import os
import sys
import warnings
from pathlib import Path
from typing import IO, Literal

import numpy as np

from bitlight.errors import reason
from bitlight.files.opening import open_regular

# np.save writes 118 bytes for any array of numbers.
LONGEST_HEADER = 1000
KINDS = "buifU"


def read_header(file: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and dtype of the array that fills `size` bytes of a file.

    Raises
    ------
    ValueError
        If it does not fill them, or is not of numbers or texts.
    """
    start = file.tell()
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # the others are for names of fields, and for headers of any length
        raise ValueError(f"it is of version {version[0]}.{version[1]}, not 1.0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(
                file, max_header_size=LONGEST_HEADER
            )
    except Exception as error:
        # NumPy reads the header as Python's source, and raises whatever the bytes lead it to.
        raise ValueError(f"its header is damaged: {reason(error)}") from error
    if dtype.kind not in KINDS or dtype.itemsize == 0 or dtype.shape:
        raise ValueError(f"it holds {dtype}, not numbers")
    if min(shape, default=0) < 0 or not all(type(n) is int for n in shape):
        raise ValueError(f"it cannot have the shape {shape}")
    there = size - (file.tell() - start)
    if math.prod(shape) * dtype.itemsize != there:
        raise ValueError(f"{shape} of {dtype} does not fill its {there} bytes")
    return shape, fortran, dtype


def read_npy(file: IO[bytes], size: int) -> np.ndarray:
    """Read the array that fills `size` bytes of a file.

    Raises
    ------
    ValueError
        If it does not fill them, or is not of numbers or texts.
    """
    shape, fortran, dtype = read_header(file, size)
    count = math.prod(shape)
    there = count * dtype.itemsize
    content = bytearray(there)
    view, filled = memoryview(content), 0
    while filled < there and (part := file.readinto(view[filled:])):  # type: ignore[attr-defined]
        filled += part
    if filled < there:
        raise ValueError(f"it ends after {filled} of {there} bytes")
    array = np.frombuffer(content, dtype, count)
    if dtype.kind == "U" and (array.view(f"{dtype.byteorder}u4") > sys.maxunicode).any():
        raise ValueError("its texts have what is no letter")  # for which Python dies, or raises
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def map_npy(path: Path) -> np.ndarray:
    """The array of a whole file, read where and when it is wanted.

    Raises
    ------
    ValueError, OSError
        If it cannot be opened, does not fill the file, or is not of numbers or texts.
    """
    with open_regular(path, None) as file:
        shape, fortran, dtype = read_header(file, os.fstat(file.fileno()).st_size)
        order: Literal["F", "C"] = "F" if fortran else "C"
        if math.prod(shape) == 0:
            return np.empty(shape, dtype)  # nothing can be mapped of nothing
        return np.memmap(file, dtype, "r", file.tell(), shape, order)
