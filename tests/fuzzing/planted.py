"""Loaders with a fault each; the harness must find it."""

import ctypes
import os
import struct
import warnings

import numpy as np

from bitlight import DataError
from fuzzing.mutations import LENGTHS, bytes_anywhere
from fuzzing.worker import Format


def _format(fault):
    """A file of a length and as many bytes, whose loader has a fault where they disagree."""

    def load(path):
        content = path.read_bytes()
        length = struct.unpack("<Q", content[:8].ljust(8, b"\0"))[0]
        if length == len(content) - 8:
            return content[8:]
        fault(path, length, content)
        raise DataError(f"{path} is damaged")

    def check(path, loaded):
        assert loaded == path.read_bytes()[8:]

    return lambda: Format(load, [struct.pack("<Q", 3000) + bytes(3000)], _mutate, check)


def _mutate(rng, content, others):
    if rng.random() < 0.5:
        return bytes_anywhere(rng, content, others)
    return struct.pack("<Q", LENGTHS[int(rng.integers(len(LENGTHS)))]) + content[8:]


def _allocates(path, length, content):
    np.ones(min(length, 50_000_000), np.uint8)


def _reserves(path, length, content):
    np.empty(min(length, 50_000_000), np.uint8)


def _decodes(path, length, content):
    """Memory that Python knows nothing of, as image decoders take it."""
    size = min(length, 50_000_000)
    c = ctypes.CDLL(None)
    c.malloc.restype = ctypes.c_void_p
    block = ctypes.c_void_p(c.malloc(ctypes.c_size_t(size)))
    c.memset(block, 1, ctypes.c_size_t(size))
    c.free(block)


def _asks_for_all(path, length, content):
    try:
        np.empty(1 << 62, np.uint8)
    except MemoryError as error:
        raise DataError(f"{path} is damaged") from error


def _raises(path, length, content):
    raise KeyError(length)


def _warns(path, length, content):
    warnings.warn("damaged", stacklevel=1)


def _names_no_file(path, length, content):
    raise DataError("it is damaged")


def _quotes_the_file(path, length, content):
    raise DataError(f"{path} begins with {chr(27)}[31m")


def _crashes(path, length, content):
    os.abort()


def _hangs(path, length, content):
    while True:
        pass


def _wrong():
    """Answers, and leaves out the last byte."""
    form = _format(_raises)()
    form.load = lambda path: path.read_bytes()[8:-1]
    return form


FAULTS = {
    _allocates: "takes ",
    _reserves: "takes ",
    _decodes: "takes ",
    _asks_for_all: "raises DataError from MemoryError",
    _raises: "raises KeyError",
    _warns: "raises UserWarning",
    _names_no_file: "does not name the file",
    _quotes_the_file: "a message of ",
    _crashes: "ends the process by SIGABRT",
    _hangs: "hangs",
}
FORMATS = {fault.__name__: _format(fault) for fault in FAULTS}
FORMATS["_wrong"] = _wrong
