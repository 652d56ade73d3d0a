"""Which chunk which process works on: locks on single bytes of a file, gone with their process."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bitlight.errors import StoreError


class Claims:
    """Claims of this process on the chunks of a store.

    POSIX locks: other processes see them, also on other machines where the file system carries
    them; other threads of this process do not.

    Parameters
    ----------
    path : Path
        The file, made when it is first needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @contextlib.contextmanager
    def on(self, chunk: int) -> Iterator[bool]:
        """Keep other processes from a chunk while the block runs; gives False if one has it.

        Raises
        ------
        StoreError
            If the file cannot be made.
        """
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError as error:
                raise StoreError(f"cannot write {self._path}: {error.strerror}") from error
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, chunk)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, chunk)

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)
