"""The folder where work that takes long is kept between runs, and whether it can be trusted.

What lies there is executed. So the folder and all in it belong to this user, or to root, and nobody
else may write there; a folder that is not so is left alone, and the work is done without it, in a
temporary folder that ends with this process.
"""

import atexit
import contextlib
import functools
import hashlib
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path

import platformdirs

from bitlight.errors import BitlightError
from bitlight.files import scratch

VARIABLE = "BITLIGHT_CACHE"
PIXELS = "pixels"
SECTIONS = ("simulators", "synthesis", PIXELS, "numba", "wasm", "matplotlib", "torch")
ROOM = 128 << 20  # bytes that must be free where something is built
OTHERS = stat.S_IWGRP | stat.S_IWOTH

log = logging.getLogger("bitlight")


class CacheError(BitlightError, RuntimeError):
    """A cache that cannot be used, or nowhere to work at all."""


def cache_folder() -> Path | None:
    """Where the cache should be: $BITLIGHT_CACHE, or the user's; None if nothing says where."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).absolute()
    try:
        found = platformdirs.user_cache_path("bitlight")
    except RuntimeError:  # there is no home
        return None
    return found if found.is_absolute() else None


def digest(*parts: str) -> str:
    """A name for content: the same for the same parts, and for no others."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def ours(found: os.stat_result) -> bool:
    """Whether a file or folder is this user's or root's, and nobody else may write to it."""
    return found.st_uid in (os.geteuid(), 0) and not found.st_mode & OTHERS


def sections(name: str, *, programs: bool = False) -> list[Path]:
    """Folders of that name in which something may be found, none of which others can write to.

    Parameters
    ----------
    name : str
    programs : bool
        Whether what is in it will be run.
    """
    found = []
    with contextlib.suppress(CacheError):
        main = _main(make=False)
        check_ours(main / name)
        if not (programs and _runs_nothing(main)):
            found.append(main / name)
    if _temporary.cache_info().currsize:
        found.append(_temporary() / name)
    return [path for path in found if path.is_dir()]


def section(name: str, *, programs: bool = False, room: int = ROOM) -> Path:
    """A folder of that name to build in, which is made where it is missing.

    Parameters
    ----------
    name : str
    programs : bool
        Whether what is built will be run.
    room : int
        Bytes that it takes at most; with less, a temporary folder serves.

    Raises
    ------
    CacheError
        If there is nowhere to write.
    """
    try:
        return own_section(name, programs=programs, room=room)
    except CacheError as error:
        without(error)
    path = _temporary() / name
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def own_section(name: str, *, programs: bool = False, room: int = ROOM) -> Path:
    """The same in the cache alone.

    Raises
    ------
    CacheError
        If it cannot be used; the message says why.
    """
    path = _main(make=True) / name
    _make(path)
    if not os.access(path, os.W_OK | os.X_OK):
        raise CacheError(f"{path} cannot be written")
    try:
        if programs and _runs_nothing(path):
            raise CacheError(f"{path} is on a disk that runs no programs")
        if shutil.disk_usage(path).free < room:
            raise CacheError(f"{path} has less than {room >> 20} MiB free")
    except OSError as error:
        raise CacheError(f"cannot use {path}: {error.strerror}") from error
    return path


@functools.cache
def _say(line: str) -> None:
    log.warning("%s", line)


def without(why: Exception) -> None:
    """Tell the user, once, that the cache is not used."""
    _say(f"working without a cache: {why}")


def _main(*, make: bool) -> Path:
    path = cache_folder()
    if path is None:
        raise CacheError(f"there is no home folder; ${VARIABLE} may name another")
    if make:
        _make(path)
    else:
        check_ours(path)
    return path


def _make(path: Path) -> None:
    try:
        for folder in (*reversed(path.parents), path):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CacheError(f"cannot make {path}: {error.strerror}") from error
    check_ours(path)


def check_ours(path: Path) -> None:
    """CacheError unless a path is a folder to which nobody else can write."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise CacheError(f"cannot read {path}: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise CacheError(f"{path} is no folder")
    if found.st_uid not in (os.geteuid(), 0):
        raise CacheError(f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}")
    if found.st_mode & OTHERS:
        raise CacheError(f"others may write to {path}; try: chmod go-w {path}")


def _runs_nothing(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


@functools.cache
def _temporary() -> Path:
    """A folder for what this process builds and cannot keep; it is gone when the process ends."""
    sizes = {}
    for name in dict.fromkeys((_temporary_folder(), scratch.MEMORY)):
        if (
            name
            and os.path.isdir(name)
            and os.access(name, os.W_OK)
            and not _runs_nothing(Path(name))
        ):
            sizes[name] = shutil.disk_usage(name).free
    if not sizes:
        raise CacheError(
            f"there is no folder to build in: ${VARIABLE} or $TMPDIR should name one that can be "
            "written, on a disk that runs programs"
        )
    large = [name for name, free in sizes.items() if free >= ROOM]
    parent = large[0] if large else max(sizes, key=lambda name: sizes[name])
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(scratch.folder_in(Path(parent), scratch.CACHE))


def _temporary_folder() -> str | None:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return None
