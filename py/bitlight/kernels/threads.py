"""Compiled loops on all of Numba's threads, which leave those of torch as they are.

They run on one thread in a forked child (multiprocessing's "fork", the workers of a DataLoader),
where the parent's OpenMP threads are gone. Where Numba has neither OpenMP nor TBB, one loop runs at
a time: its own "workqueue" ends a process whose threads call it at once.
"""

import functools
import sys
import threading
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numba

from bitlight.kernels.compiled import compiled
from bitlight.kernels.forks import is_forked

_one_at_a_time = threading.Lock()
_starting = threading.Lock()


def parallel(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function whose outer loop is a `numba.prange`.

    Numba's OpenMP layer sets the number of OpenMP threads when it starts, and torch's with it where
    both share a library: trainings on one thread would go on with two, slower and no longer the
    same bit for bit.
    """
    run = compiled(loop, parallel=True, nogil=True)
    serial = compiled(_twin(loop), nogil=True)

    @functools.wraps(loop)
    def call(*arguments: Any) -> Any:
        if is_forked():
            return serial(*arguments)
        with _guard():
            return run(*arguments)

    return call


def threads() -> int:
    """How many threads such loops have."""
    if is_forked():
        return 1
    _guard()
    return numba.get_num_threads()


def _twin(loop: Callable[..., Any]) -> Callable[..., Any]:
    """The same function by another name: Numba's cache tells functions apart by nothing else."""
    assert isinstance(loop, types.FunctionType)
    name = f"{loop.__name__}_on_one_thread"
    twin = types.FunctionType(loop.__code__, loop.__globals__, name, loop.__defaults__)
    twin.__module__, twin.__qualname__ = loop.__module__, name
    return twin


def _guard() -> AbstractContextManager[Any]:
    with _starting:
        layer = _start()
    return _one_at_a_time if layer == "workqueue" else nullcontext()


@functools.cache
def _start() -> str:
    """Start Numba's threads; the name of what runs them."""
    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    numba.get_num_threads()  # starts them
    if torch is not None:
        torch.set_num_threads(before)
    return numba.threading_layer()  # type: ignore[attr-defined]
