"""The head file: safetensors of coefficients with one JSON header, as a .bnn file has it."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from bitlight.errors import HeadError
from bitlight.files import replacing

FORMAT = "bitlight.head"
VERSION = 1

Tensors = dict[str, np.ndarray]


def write(path: str | os.PathLike[str], header: dict[str, Any], tensors: Tensors) -> None:
    """Write the file; the same head gives the same bytes."""
    tensors = {name: np.ascontiguousarray(tensor, "<f8") for name, tensor in tensors.items()}
    header = header | {"format": FORMAT, "version": VERSION, "sha256": _digest(tensors)}
    # One key alone, because the order of several would differ between runs.
    metadata = {"bitlight": json.dumps(header, sort_keys=True)}
    with replacing(path) as file:
        file.write(safetensors.numpy.save(tensors, metadata=metadata))


def read(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], Tensors]:
    """Read header and coefficients of a head of that type.

    Raises
    ------
    HeadError
        If the file is missing, truncated, altered, or holds another type of head.
    """
    if not Path(path).is_file():
        raise HeadError(f"no such file: {path}")
    with refusing(path):
        with safetensors.safe_open(os.fspath(path), framework="numpy") as file:
            header = json.loads((file.metadata() or {})["bitlight"])
        tensors = safetensors.numpy.load_file(path)
        found = f"{header['format']} version {header['version']}"
        if found != f"{FORMAT} version {VERSION}":
            raise HeadError(f"it is {found}, this bitlight reads {FORMAT} version {VERSION}")
        if header["type"] != kind:
            raise HeadError(f"it holds a {header['type']}, not a {kind}")
        if header["sha256"] != _digest(tensors):
            raise HeadError("its coefficients were altered")
    return header, tensors


@contextlib.contextmanager
def refusing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever a damaged file makes go wrong inside the block into a HeadError."""
    try:
        yield
    except (safetensors.SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
        raise HeadError(f"{path} is not a whole head file: {error}") from error


def _digest(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode() + tensor.tobytes())
    return digest.hexdigest()
