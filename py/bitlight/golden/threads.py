"""Compiled loops on all of Numba's threads, which leave those of torch as they are."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numba


def parallel(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function whose outer loop is a `numba.prange`.

    Numba's OpenMP layer sets the number of OpenMP threads when it starts, and torch's with it where
    both share a library: trainings on one thread would go on with two, slower and no longer the
    same bit for bit.
    """
    compiled = numba.njit(parallel=True, cache=True, nogil=True)(loop)

    @functools.wraps(loop)
    def call(*arguments: Any) -> Any:
        _start()
        return compiled(*arguments)

    return call


def threads() -> int:
    """How many threads such loops have."""
    _start()
    return numba.get_num_threads()


@functools.cache
def _start() -> None:
    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    numba.get_num_threads()  # starts them
    if torch is not None:
        torch.set_num_threads(before)
