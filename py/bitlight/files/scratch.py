"""Temporary files and folders that tell whether who made them still works on them.

The maker holds a lock on each, which goes with its process, however that ends. So what killed
processes have left is told from what is in use, also across containers and machines that share a
disk; where a file system carries no locks, it is left alone.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".bitlight-"
MEMORY = "/dev/shm"
# Of what simulations share with who started them, and of a cache for one run.
SHARED, CACHE = "bitlight.", "bitlight-cache-"
TRIES = 20  # names for files that are written to one target at once
NEW = "new-"  # stands in the name of a folder until its maker has the lock
YOUNG_S = 60.0  # it may be so long without


@contextlib.contextmanager
def file_beside(target: Path, mode: int) -> Iterator[tuple[int, Path]]:
    """A new file in the target's folder: an open descriptor, and its name.

    The name is short however long the target's is, and follows from it, so that the next writer
    of the same target finds what a killed one has left, and removes it.

    Parameters
    ----------
    target : Path
    mode : int
        Permissions, of which the umask takes its share.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    descriptor, path = _claimed(target, mode)
    maker = os.getpid()
    try:
        yield descriptor, path
    finally:
        with contextlib.suppress(OSError):
            # By now it may have another name. What was forked meanwhile leaves it alone.
            if os.getpid() == maker and _is(descriptor, path):
                os.unlink(path)
        os.close(descriptor)


def _claimed(target: Path, mode: int) -> tuple[int, Path]:
    stem = PREFIX + hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    for number in range(TRIES):
        path = target.with_name(f"{stem}-{number}")
        _remove_if_left(path)
        with contextlib.suppress(FileExistsError, InterruptedError):
            return _made(path, mode), path
    path = target.with_name(f"{stem}-{secrets.token_hex(6)}")
    return _made(path, mode), path


def _made(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    if _lock(descriptor) is False or not _is(descriptor, path):
        os.close(descriptor)  # one that sweeps was quicker
        raise InterruptedError
    return descriptor


def _remove_if_left(path: Path) -> None:
    """Remove a file of ours whose maker is gone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
            if ours and _lock(descriptor) and _is(descriptor, path):
                os.unlink(path)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def folder_in(parent: Path, prefix: str = PREFIX) -> Iterator[Path]:
    """A new folder of ours alone, gone when the block ends; what was left there goes first.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    sweep(parent, prefix)
    path = Path(tempfile.mkdtemp(prefix=prefix + NEW, dir=parent))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    maker = os.getpid()
    try:
        if _lock(descriptor):
            locked = path.with_name(prefix + path.name.removeprefix(prefix + NEW))
            os.rename(path, locked)
            path = locked
        yield path
    finally:
        if os.getpid() == maker:  # what was forked meanwhile leaves it alone
            shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def sweep_everywhere() -> None:
    """Remove what killed runs have left in memory and among the temporary files."""
    for parent in dict.fromkeys((MEMORY, tempfile.gettempdir())):
        sweep(Path(parent), SHARED, CACHE, PREFIX)


def sweep(parent: Path, *prefixes: str) -> None:
    """Remove folders of ours with one of these prefixes whose makers are gone."""
    new = tuple(prefix + NEW for prefix in prefixes)
    with contextlib.suppress(OSError):
        left = [entry for entry in os.scandir(parent) if entry.name.startswith(prefixes)]
        for entry in left:
            _remove_folder_if_left(entry.path, entry.name.startswith(new))


def _remove_folder_if_left(path: str, new: bool) -> None:
    with contextlib.suppress(OSError):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags)
        try:
            found = os.fstat(descriptor)
            young = new and time.time() - found.st_mtime < YOUNG_S
            if not young and found.st_uid == os.geteuid() and _lock(descriptor):
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Whether we have the lock now; None where there are none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is(descriptor: int, path: Path) -> bool:
    """Whether a path is the name of an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
