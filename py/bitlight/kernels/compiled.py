"""Loops that Numba compiles, kept in our cache, each file of which is checked before it is used.

Numba keeps what it compiles as pickles, which run whatever they say, and fails for ever on one that
is damaged. Here each has its SHA-256 before it; what differs, or is not ours, is compiled again.
"""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

from bitlight.files.cache import CacheError, log, ours, own_section, sections, without

config: Any = numba.config
NAME = "numba"
ROOM = 16 << 20  # bytes of all our loops, compiled
DIGEST = 32


def compiled(loop: Callable[..., Any] | None = None, *, keep: bool = True, **options: Any) -> Any:
    """Compile a function with `numba.njit`, once for this machine where there is a cache.

    Also with $NUMBA_DISABLE_JIT, which is for looking into one's own functions: some of ours are
    written in LLVM's terms and have no other form.

    Parameters
    ----------
    loop : callable
    keep : bool
        Whether it is worth a file; what others inline is not.
    options : dict
        Of `numba.njit`.
    """
    if loop is None:
        return lambda function: compiled(function, keep=keep, **options)
    disabled = config.DISABLE_JIT
    with _configured():
        dispatcher = numba.njit(**options)(loop)
        if disabled:  # then Numba's own functions, which ours call, are not compiled either
            dispatcher.compile = _enabled(dispatcher.compile)
        if keep:
            dispatcher._cache = _cache(loop)
    return dispatcher


def _enabled(compile: Callable[..., Any]) -> Callable[..., Any]:
    def enabled(signature: Any) -> Any:
        with _configured():
            return compile(signature)

    return enabled


class _Place(caching.UserProvidedCacheLocator):
    """Our folder, also where it can only be read: Numba would take another then."""

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """The place of a function's files."""
        return cls(py_func, py_file)


class _Kind(caching.CompileResultCacheImpl):
    def __init__(self, function: Callable[..., Any]) -> None:
        self._locator_classes = [_Place]
        super().__init__(function)


class _Cache(caching.FunctionCache):
    """Numba's own, but for its files, and but for what it does on a full disk."""

    _impl_class = _Kind

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file.__class__ = _Files

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super()._load_overload(sig, target_context)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError) as error:
            log.debug("compiling %s again: %s", self, error)
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError, CacheError):  # it is compiled again next time
            if not os.environ.get("NUMBA_CACHE_DIR"):
                own_section(NAME, room=ROOM)
            super()._save_overload(sig, data)


class _Files(caching.IndexDataCacheFile):
    """Index and data, each after its digest."""

    def _load_index(self) -> Any:
        content = _checked(self._index_path)
        if content is None:
            return {}
        version, stamp, overloads = pickle.loads(content)
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: Any) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        content = _checked(self._data_path(name))
        if content is None:
            raise OSError(f"{name} is damaged, or not ours")
        return pickle.loads(content)

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _write(self, path: str, data: Any) -> None:
        content = self._dump(data)
        name = os.path.basename(path).encode()
        with self._open_for_write(path) as file:
            os.fchmod(file.fileno(), 0o644)  # whatever the umask is
            file.write(hashlib.sha256(name + content).digest() + content)


def _checked(path: str) -> bytes | None:
    """What a file of ours holds, if every bit is as it was written under that name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not ours(os.fstat(descriptor)):
            return None
        stated, content = file.read(DIGEST), file.read()
    found = hashlib.sha256(os.path.basename(path).encode() + content).digest()
    return content if found == stated else None


@contextlib.contextmanager
def _configured() -> Iterator[None]:
    """Numba's settings, which are everybody's, as they were when the block ends."""
    before = config.CACHE_DIR, config.DISABLE_JIT
    config.DISABLE_JIT = 0
    try:
        yield
    finally:
        config.CACHE_DIR, config.DISABLE_JIT = before


def _cache(loop: Callable[..., Any]) -> Any:
    """Files for a loop, where Numba is told to have them, or in our cache if it can be used."""
    try:
        config.CACHE_DIR = os.environ.get("NUMBA_CACHE_DIR") or str(_folder())
        # Place and names are Numba's, the way to read and write them is ours.
        return _Cache(loop)
    except (OSError, RuntimeError) as error:
        return _Without(error)


class _Without(caching.NullCache):
    """No files, which is said when something was compiled."""

    def __init__(self, why: Exception) -> None:
        self._why = why

    def save_overload(self, sig: Any, cres: Any) -> None:
        without(self._why)


def _folder() -> Path:
    there = sections(NAME)
    return there[0] if there else own_section(NAME, room=ROOM)
