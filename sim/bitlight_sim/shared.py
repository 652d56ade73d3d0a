"""Arrays that a simulation shares with the process that started it, in memory where they fit."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bitlight import SimulationError
from bitlight.files import scratch


@contextlib.contextmanager
def folder(size: int) -> Iterator[Path]:
    """A folder for arrays of `size` bytes in all, gone when the block ends.

    What processes that were killed have left is removed first.
    """
    memory = scratch.MEMORY
    fits = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1.1 * size
    parent = Path(memory if fits else tempfile.gettempdir())
    with scratch.folder_in(parent, scratch.SHARED) as path:
        yield path


def array(path: Path, content: np.ndarray) -> np.ndarray:
    """A copy of an array in a file that other processes map as well.

    Raises
    ------
    SimulationError
        If there is no room for it.
    """
    try:
        with path.open("w+b") as file:
            # Writing to a mapping of a full disk would end this process without an error.
            os.posix_fallocate(file.fileno(), 0, content.nbytes)
        shared = np.memmap(path, content.dtype, "r+", shape=content.shape)
    except OSError as error:
        raise SimulationError(
            f"no room for the images in {path.parent}: {error.strerror}"
        ) from error
    shared[:] = content
    return shared
