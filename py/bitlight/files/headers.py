"""Headers of untrusted files, JSON and safetensors, weighed before they are parsed."""

import json
import math
import os
import struct
from typing import Any, NoReturn

import numpy as np
import safetensors

from bitlight.files.opening import open_regular

# Bytes that a character of JSON takes at most when it is parsed: an empty list, a key, a value.
_COSTS = {"[": 64, "{": 80, ":": 128, ",": 64}
# What the headers of small files may take, whose tensors are small as well: a narrow network with
# a hundred nodes takes a third of it.
ROOM = 1 << 20
# A network or a head of this size has 2^32 bits of weight at least, more than any FPGA holds.
LARGEST = 1 << 30
TIMES = 4


def room(size: int) -> int:
    """Bytes that the parsed header of a file of that size may take."""
    return max(ROOM, TIMES * size)


def parse(text: str | bytes, room: int) -> Any:
    """JSON to Python, where that takes `room` bytes at most.

    Raises
    ------
    ValueError
        If the text is no JSON, would take more, is nested deeply, names a field twice, or holds NaN
        or infinity.

    Examples
    --------
    >>> parse("[1, 2]", 1000)
    [1, 2]
    >>> parse("[" + "[]," * 99 + "1]", 1000)
    Traceback (most recent call last):
      ...
    ValueError: its header would take 13036 bytes of memory, where 1000 are allowed
    """
    if isinstance(text, bytes):
        text = text.decode()
    weigh(text, room)
    try:
        return json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None


def weigh(text: str, room: int) -> None:
    """See that JSON takes `room` bytes at most when it is parsed.

    Raises
    ------
    ValueError
        If it would take more.
    """
    cost = len(text) + sum(each * text.count(mark) for mark, each in _COSTS.items())
    if cost > room:
        raise ValueError(f"its header would take {cost} bytes of memory, where {room} are allowed")


def read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON in a file's one metadata entry, `bitlight`, and its tensors.

    Raises
    ------
    safetensors.SafetensorError, OSError, LookupError, TypeError, ValueError
        If the file is not whole, or has no such entry.
    """
    with open_regular(path, LARGEST) as file:
        size = os.fstat(file.fileno()).st_size
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        if length > size - 8:
            raise ValueError(f"it has {size} bytes, too few for its header")
        parse(file.read(length), room(size))
    with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.keys() != {"bitlight"}:
            raise ValueError("its metadata should have one entry, bitlight")
        header = parse(metadata["bitlight"], room(size))
        try:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except AttributeError as error:  # a type that safetensors has and NumPy has not
            raise ValueError(str(error)) from error
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    return header, tensors


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, of whose fields none can hide another one."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"its header has the field {name!r:.80} twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"its header holds {constant:.80}")
