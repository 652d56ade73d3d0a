"""What the cache keeps: folders of files under a digest of all that they were made from.

An entry says what is in it, each file by its SHA-256, under a digest of its own. It is read whole
and compared each time before it is used; one that differs in a bit, or that is not ours, is removed
and made again. So a damaged disk costs time and nothing else.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bitlight.errors import BitlightError
from bitlight.files import scratch
from bitlight.files.cache import PIXELS, cache_folder, check_ours, ours, section, sections

LIMIT = "BITLIGHT_CACHE_LIMIT"
DEFAULT_LIMIT = "4G"
MANIFEST = "content"
LARGEST_MANIFEST = 1 << 16
IN_USE_S = 3600.0  # an entry that was used so lately stays, however full the cache is
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
KEPT = ("simulators", "synthesis", PIXELS)  # sections that are made of entries


@dataclass(frozen=True)
class Entry:
    """A folder in the cache that was found to be what was put there."""

    path: Path
    digests: Mapping[str, str]


def find(name: str, key: str, *, programs: bool = False) -> Entry | None:
    """The entry of a key, checked; None if there is none, and what is damaged is removed.

    Parameters
    ----------
    name : str, the section
    key : str of 64 hexadecimal digits
    programs : bool
        Whether its files will be run.

    Raises
    ------
    BitlightError
        If the key is none.
    """
    _check_key(key)
    for place in sections(name, programs=programs):
        path = place / key
        if not os.path.lexists(path):
            continue
        entry = read_checked(path)
        if entry is not None:
            with contextlib.suppress(OSError):
                os.utime(path)
            return entry
        remove(path)
    return None


def read_checked(path: Path) -> Entry | None:
    """What an entry holds, if every bit of it is as it was put there, and nobody else's."""
    try:
        if not (stat.S_ISDIR(os.lstat(path).st_mode) and ours(os.lstat(path))):
            return None
        stated, _, text = _read(path / MANIFEST, LARGEST_MANIFEST).partition(b"\n")
        if stated.decode() != hashlib.sha256(text).hexdigest():
            return None
        content = json.loads(text)
        if content["key"] != path.name or set(content["files"]) | {MANIFEST} != set(
            os.listdir(path)
        ):
            return None
        for name, (stated, runs) in content["files"].items():
            if _digest(path / name, runs) != stated:
                return None
    except (OSError, ValueError):
        return None
    return Entry(path, {name: stated for name, (stated, _) in content["files"].items()})


@contextlib.contextmanager
def work(name: str, *, programs: bool = False) -> Iterator[Path]:
    """A folder to build in, gone when the block ends; `keep` takes files out of it.

    Raises
    ------
    BitlightError
        If there is nowhere to build, or the limit is no size.
    """
    limit()
    with scratch.folder_in(section(name, programs=programs)) as path:
        yield path


def keep(
    name: str, key: str, files: Mapping[str, Path], folder: Path, *, evicts: bool = True
) -> Entry:
    """Move files into an entry; of two processes that make one at once, either may win.

    Parameters
    ----------
    name : str, the section
    key : str of 64 hexadecimal digits
    files : dict of str to Path
        Name in the entry → file in `folder`.
    folder : Path, of `work`
    evicts : bool
        Whether room is made afterwards, which takes a look at all entries.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    _check_key(key)
    entry, made = folder.parent / key, folder / "entry"
    made.mkdir(mode=0o700)
    digests: dict[str, tuple[str, bool]] = {}
    for title, path in files.items():
        runs = os.access(path, os.X_OK)
        os.replace(path, made / title)
        os.chmod(made / title, 0o755 if runs else 0o644)
        digests[title] = _digest(made / title, runs) or "", runs
    text = json.dumps({"key": key, "files": digests}, sort_keys=True).encode()
    (made / MANIFEST).write_bytes(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
    (made / MANIFEST).chmod(0o644)
    try:
        os.rename(made, entry)
    except OSError:
        # Another process has made the same meanwhile, or something else lies there.
        if read_checked(entry) is None:
            remove(entry)
            os.rename(made, entry)
    if evicts:
        evict()
    return Entry(entry, {title: stated for title, (stated, _) in digests.items()})


def remove(path: Path) -> None:
    """Remove an entry, or whatever has its name, as far as we may."""
    try:
        shutil.rmtree(path)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()


def limit() -> int:
    """Bytes that entries may take together: $BITLIGHT_CACHE_LIMIT, as in 500M, or 4G.

    Raises
    ------
    BitlightError
        If it is no size.
    """
    given = os.environ.get(LIMIT) or DEFAULT_LIMIT
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?) ?([KMGT]?)(?:i?B)?", given.strip(), re.I)
    if found is None:
        raise BitlightError(f"{LIMIT} should be bytes, or a number as in 500M or 4G: {given!r:.80}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def evict() -> None:
    """Remove the entries that were not used for longest while all take more than the limit.

    Programs that were used lately may be running; pixels are read at once.
    """
    entries = sorted(_entries(), reverse=True)  # the last used first
    most, total = limit(), 0
    for used, path, size in entries:
        total += size
        running = path.parent.name != PIXELS and time.time() - used <= IN_USE_S
        if total > most and not running:
            remove(path)


def clear(place: Path) -> int:
    """Empty a section of the cache, unless it is another user's; the bytes that it had.

    Raises
    ------
    CacheError
        If it belongs to another user, or others may write to it.
    """
    if not os.path.lexists(place):
        return 0
    check_ours(place)
    freed = size(place)
    remove(place)
    return freed - (size(place) if place.exists() else 0)


def size(path: Path) -> int:
    """Bytes of all files in a folder, or of a file."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _entries() -> Iterator[tuple[float, Path, int]]:
    root = cache_folder()
    for name in KEPT:
        for place in sections(name):
            if root is None or place != root / name:
                continue
            for path in place.iterdir():
                if not path.name.startswith(scratch.PREFIX):
                    with contextlib.suppress(OSError):
                        found = path.lstat()
                        whole = size(path) if path.is_dir() else found.st_size
                        yield found.st_mtime, path, whole


def _check_key(key: str) -> None:
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise BitlightError(f"a key of the cache has 64 hexadecimal digits: {key!r:.80}")


def _opened(path: Path) -> int:
    """A descriptor of a regular file of ours."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or not ours(found):
        os.close(descriptor)
        raise PermissionError(f"{path} is not ours")
    return descriptor


def _read(path: Path, most: int) -> bytes:
    with os.fdopen(_opened(path), "rb") as file:
        return file.read(most)


def _digest(path: Path, runs: bool) -> str | None:
    """SHA-256 of a file of ours; None if it should run and cannot."""
    with os.fdopen(_opened(path), "rb") as file:
        if runs and not os.fstat(file.fileno()).st_mode & stat.S_IXUSR:
            return None
        return hashlib.file_digest(file, "sha256").hexdigest()
