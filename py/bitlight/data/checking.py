"""Files among photographs that are none: found before the work begins, all of them at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bitlight.data.folder import find_fault, open_pictures, refusal
from bitlight.errors import DataError
from bitlight.files.opening import open_regular

SKIPPED = 1000  # that may be left out
# How files of each format begin; None where what comes at their ends says nothing.
_KINDS: tuple[tuple[bytes, bytes | None], ...] = (
    (b"\xff\xd8\xff", b"\xff\xd9"),
    (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"),
    (b"GIF8", b";"),
    (b"BM", None),
    (b"RIFF", None),
    (b"II*\0", None),
    (b"MM\0*", None),
)

Progress = Callable[[int], None]


def bad_images(
    files: Sequence[Path], *, whole: bool = False, progress: Progress = lambda files: None
) -> dict[Path, str]:
    """Files that are no images, with what is wrong with each.

    Parameters
    ----------
    files : sequence of Path
    whole : bool
        Whether each is decoded. Otherwise only those are that do not begin and end as a file of
        their format does, which costs little and finds all that is no photograph, and nearly all
        that are cut.
    progress : callable
        Called with the number of files that have been looked at.
    """
    bad: dict[Path, str] = {}

    def look(file: Path) -> str | None:
        return find_fault(file) if whole or not _seems_whole(file) else None

    with open_pictures() as threads, ThreadPoolExecutor(threads) as pool:
        for number, (file, wrong) in enumerate(zip(files, pool.map(look, files), strict=True)):
            if wrong is not None:
                bad[file] = wrong
            progress(number + 1)
    return bad


def usable(
    files: Sequence[Path],
    root: Path,
    *,
    skip_bad: bool = False,
    known: Sequence[str] | None = None,
    progress: Progress = lambda files: None,
) -> tuple[list[int], tuple[str, ...]]:
    """Which of a folder's files are images, and the names within it of those that are left out.

    Parameters
    ----------
    files : sequence of Path
    root : Path
    skip_bad : bool
        Whether files that are no images are left out; each is decoded then.
    known : sequence of str, optional
        Those that are known to be bad, so that none has to be decoded.
    progress : callable
        Called with the number of files that have been looked at.

    Raises
    ------
    DataError
        If files are no images and are not to be left out, or are too many; they are named.
    """
    if skip_bad and known:
        bad = {root / name for name in known}
    else:
        found = bad_images(files, whole=skip_bad, progress=progress)
        if found and not skip_bad:
            wrong = refusal([*found.values()], len(files))
            raise DataError(f"{wrong}; --skip-bad leaves out what is bad")
        bad = set(found)
        if len(bad) > SKIPPED or (bad and len(bad) == len(files)):
            raise DataError(
                f"too much of {root} is bad to leave it out, {SKIPPED} files at most: "
                f"{refusal([*found.values()], len(files))}"
            )
    kept = [number for number, file in enumerate(files) if file not in bad]
    return kept, tuple(file.relative_to(root).as_posix() for file in files if file in bad)


def _seems_whole(file: Path) -> bool:
    """Whether a file begins like an image and ends like one of its format.

    Many good ones do not, which are then decoded to see.
    """
    try:
        with open_regular(file, None) as content:
            start = content.read(12)
            size = content.seek(0, 2)
            content.seek(max(size - 12, 0))
            end = content.read()
    except OSError:
        return False
    for first, last in _KINDS:
        if start.startswith(first):
            if first == b"RIFF":
                return start[8:] == b"WEBP" and int.from_bytes(start[4:8], "little") + 8 <= size
            return last is None or end.endswith(last)
    return False
