"""Arrays that a simulation shares with the process that started it, in memory where they fit."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bitlight import SimulationError

PREFIX = "bitlight."
MEMORY = "/dev/shm"
YOUNG_S = 60.0  # a folder may be without its lock so long after it was made


@contextlib.contextmanager
def folder(size: int) -> Iterator[Path]:
    """A folder for arrays of `size` bytes in all, gone when the block ends.

    What processes that were killed have left is removed first.
    """
    fits = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1.1 * size
    parent = Path(MEMORY if fits else tempfile.gettempdir())
    _sweep(parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as name:
        lock = os.open(Path(name, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(lock)


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


def _sweep(parent: Path) -> None:
    """Remove folders whose lock nobody holds."""
    for left in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime < YOUNG_S:
                continue
            lock = os.open(left / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
