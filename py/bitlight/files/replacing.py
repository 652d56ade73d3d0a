"""Writing files so that a name never stands for half a file, and nothing else is replaced."""

import contextlib
import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from bitlight.errors import BitlightError
from bitlight.files import scratch

LINKS = 40  # that lead from a name to a file, as Linux has it
IN_MEMORY = 64 << 20  # bytes that are kept for a pipe before they go to a temporary file

Place = Path | int  # where writing ends: a path without links, or a descriptor of this process


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the name `path` only when the block ends without an error.

    Links are followed: the file that they lead to is replaced. The new file has the permissions
    of the old one, and its owner where we may give it. What is no regular file (a device, a pipe,
    /dev/stdout, /dev/fd/3) stays what it is, and gets the content at the end of the block.

    Raises
    ------
    BitlightError
        If the file cannot be written: no such folder, no permission, no space. Nothing is left
        behind, and a file that stood under that name before stands there still.

    Examples
    --------
    >>> with replacing("/no/such/folder/a.json") as file:
    ...     file.write(b"{}")
    Traceback (most recent call last):
      ...
    bitlight.errors.BitlightError: cannot write /no/such/folder/a.json: No such file or directory
    """
    try:
        place = _place(path)
        found = _status(place)
        if isinstance(place, int) or (found and not stat.S_ISREG(found.st_mode)):
            opened = _through(place)
        else:
            opened = _replaced(place, found)
        with opened as file:
            yield file
    except OSError as error:
        raise BitlightError(f"cannot write {_shown(path)}: {error.strerror or error}") from error


def check_writable(path: str | os.PathLike[str], *, folders: bool = False) -> None:
    """See that something can be written to a path, before the work whose result it takes.

    Parameters
    ----------
    path : str or path-like
        A file, or a folder, that there is or will be.
    folders : bool
        Whether the folders that lead to it are made with it.

    Raises
    ------
    BitlightError
        If there is no folder for it, or permissions or a read-only file system forbid it.
    """
    try:
        named = os.fsdecode(path).rstrip(os.sep) or os.sep  # folders may be written as such
        place = _place(_first_there(named) if folders else named)
        if isinstance(place, int):
            return
        held = place if place.exists() else place.parent
        if not (held if folders else place.parent).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        # A file is replaced by another, which its folder takes.
        for changed in (held, held.parent) if held.is_file() else (held,):
            if not os.access(changed, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise BitlightError(f"cannot write {_shown(path)}: {error.strerror or error}") from error


def check_distinct(
    outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """See that no output is written over an input, into a folder that is read, or over another.

    Paths are one file if they lead to it, by whatever links. Devices and pipes take any number
    of outputs. Paths that cannot be followed are left to who opens them.

    Raises
    ------
    BitlightError
        With both paths.
    """
    read = [(path, *_identity(path)) for path in inputs]
    written: list[tuple[str | os.PathLike[str], Any]] = []
    for path in outputs:
        identity, _ = _identity(path)
        if identity is None:
            continue
        for other, known, folder in read:
            if identity == known:
                raise BitlightError(
                    f"{_shown(path)} is read as {_shown(other)}: give the output another name"
                )
            if folder and _lies_in(path, known):
                raise BitlightError(
                    f"{_shown(path)} lies in {_shown(other)}, which is read: write elsewhere"
                )
        for other, known in written:
            if identity == known:
                raise BitlightError(
                    f"{_shown(path)} and {_shown(other)} are one file: give each output its own"
                )
        written.append((path, identity))


def size_of(path: str | os.PathLike[str]) -> int | None:
    """Bytes of a file; None for what has no size, such as a pipe."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _first_there(path: str | os.PathLike[str]) -> Path:
    """Of a path and the folders that lead to it, the innermost that exists."""
    found = Path(os.path.abspath(path))
    while not found.exists() and found != found.parent:
        found = found.parent
    return found


def _place(path: str | os.PathLike[str]) -> Place:
    """Where writing to a path goes: no link is left, and of a descriptor there is its number."""
    current = os.fsdecode(path)
    for _ in range(LINKS):
        folder = os.path.realpath(os.path.dirname(current) or ".", strict=True)
        name = os.path.basename(current)
        if folder == f"/proc/{os.getpid()}/fd" and name.isdecimal():
            return int(name)
        current = os.path.join(folder, name)
        if not os.path.islink(current):
            return Path(current)
        current = os.path.join(folder, os.readlink(current))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _status(place: Place) -> os.stat_result | None:
    try:
        found = os.stat(place)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return found


@contextlib.contextmanager
def _replaced(target: Path, found: os.stat_result | None) -> Iterator[IO[bytes]]:
    if found and not os.access(target, os.W_OK):  # a folder's permissions are not the file's
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with scratch.file_beside(target, 0o600 if found else 0o666) as (descriptor, name):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            yield file
        if found:
            _adopt(descriptor, found)
        os.fsync(descriptor)
        os.replace(name, target)


def _adopt(descriptor: int, found: os.stat_result) -> None:
    """Give a file another's owner, where we may, and its permissions."""
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, found.st_mode & 0o777)


@contextlib.contextmanager
def _through(place: Place) -> Iterator[IO[bytes]]:
    flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.dup(place) if isinstance(place, int) else os.open(place, flags)
    with (
        os.fdopen(descriptor, "wb") as out,
        tempfile.SpooledTemporaryFile(IN_MEMORY) as file,
    ):
        yield file
        for printed in (sys.stdout, sys.stderr):  # what was said before stands before
            printed.flush()
        file.seek(0)
        shutil.copyfileobj(file, out)


def _identity(path: str | os.PathLike[str]) -> tuple[Any, bool]:
    """What is equal for the names of one file, and whether it is a folder; None for the rest."""
    try:
        place = _place(path)
        if isinstance(place, int):
            return None, False
        try:
            found = os.stat(place)
        except FileNotFoundError:
            return place, False
    except (OSError, ValueError):
        return None, False
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return (found.st_dev, found.st_ino), stat.S_ISDIR(found.st_mode)
    return None, False


def _lies_in(path: str | os.PathLike[str], folder: Any) -> bool:
    place = _place(path)
    return isinstance(place, Path) and any(
        (found.st_dev, found.st_ino) == folder
        for found in (os.stat(parent) for parent in place.parents)
    )


def _shown(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    return text if text.isprintable() else ascii(text)
