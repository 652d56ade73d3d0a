"""Writing files so that a name never stands for half a file."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bitlight.errors import BitlightError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the name `path` only when the block ends without an error.

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
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise BitlightError(f"cannot write {target}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise BitlightError(f"cannot write {target}: {error.strerror or error}") from error
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
