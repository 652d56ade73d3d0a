"""Items of work on the workers of a Dask cluster: few at a time, none twice unless a worker dies.

What the items have in common, such as a network, goes to each worker once, as a plugin; workers
that join later get it too. A task is then the name of that plugin and an item.
"""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from dask.utils import format_bytes
from distributed import KilledWorker, WorkerPlugin, get_worker, wait

from bitlight.cluster.code import Code, check_own, check_workers
from bitlight.cluster.job import Job
from bitlight.errors import BitlightError, StoreError

AHEAD = 2  # tasks of a worker: one that it computes, one that waits
POLL_S = 2.0
DESERTED_S = 60.0  # without any worker, before it is given up

Item = TypeVar("Item")
_one = threading.Lock()  # claims and Numba's threads want one task of a process at a time


class _Plugin(WorkerPlugin):
    """A job where Dask's workers find it."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def setup(self, worker: Any) -> Any:
        return self.job.setup(worker)

    def teardown(self, worker: Any) -> None:
        self.job.teardown(worker)


def spread(
    client: Any,
    job: Job,
    items: Iterable[Item],
    called: Callable[[Item], str] = str,
    ahead: int = AHEAD,
) -> Iterator[tuple[Item, Any]]:
    """Do a job on all items, and give each with its result, in any order.

    An item whose worker dies is done again by another; a result that was given never is.

    Parameters
    ----------
    client : distributed.Client
    job : Job
    items : iterable
    called : callable
        Name of an item.
    ahead : int
        Items on their way for each worker.

    Raises
    ------
    StoreError
        If a worker has another bitlight, workers die of an item, after all others are done, there
        are no workers, or the scheduler ends.
    Exception
        What the job raises.
    """
    code = check_workers(client)
    with _placed(client, job) as name:
        submit = partial(client.submit, _call, code, name)
        suspects: list[tuple[Item, KilledWorker]] = []
        yield from _done(client, submit, name, items, called, ahead, 1, suspects)
        # A worker that dies makes all items suspect that were on their way to it. They come
        # again, one at a time, so that only those are blamed that are to blame.
        guilty: list[tuple[Item, KilledWorker]] = []
        for item, _ in suspects:
            alone: list[tuple[Item, KilledWorker]] = []
            yield from _done(client, submit, name, [item], called, 0, 2, alone)
            if alone:  # perhaps of workers that the one before had filled
                yield from _done(client, submit, name, [item], called, 0, 3, guilty)
    if guilty:
        raise _blamed(*guilty[0], called)


@contextmanager
def _placed(client: Any, job: Job) -> Iterator[str]:
    """The name under which all workers have the job."""
    name = f"bitlight-{type(job).__name__.lower()}-{uuid.uuid4().hex[:8]}"
    try:
        client.register_plugin(_Plugin(job), name=name)
    except BitlightError:
        raise
    except Exception as error:
        # Whatever hinders a worker: no bitlight there, or another version.
        raise StoreError(f"the workers cannot take the work: {error}") from error
    try:
        yield name
    finally:
        with suppress(OSError, TimeoutError):  # the scheduler may be gone
            client.unregister_worker_plugin(name)


def _done(
    client: Any,
    submit: Callable[..., Any],
    name: str,
    items: Iterable[Item],
    called: Callable[[Item], str],
    ahead: int,
    attempt: int,
    killed: list[tuple[Item, KilledWorker]],
) -> Iterator[tuple[Item, Any]]:
    waiting = deque(items)
    running: dict[Any, tuple[Any, Item]] = {}
    try:
        while waiting or running:
            room = max(1, ahead * len(_workers(client)))
            while waiting and len(running) < room:
                item = waiting.popleft()
                # Under a key that it still knows a client would give the end of the last attempt.
                future = submit(item, key=(name, called(item), attempt))
                running[future.key] = future, item
            for key in _finished(client, [future for future, _ in running.values()]):
                future, item = running.pop(key)
                try:
                    result = future.result()
                except KilledWorker as error:
                    killed.append((item, error))
                    continue
                except CancelledError as error:
                    raise _gone() from error
                future.release()
                yield item, result
                del result  # it may be large
    finally:
        with suppress(OSError, TimeoutError):
            client.cancel([future for future, _ in running.values()])


def _call(code: Code, name: str, item: Any) -> Any:
    check_own(code)  # a worker may have joined since all were asked
    with _one:
        plugin: Any = get_worker().plugins[name]
        return plugin.job(item)


def _workers(client: Any) -> dict[str, int]:
    try:
        return client.nthreads()
    except (OSError, TimeoutError) as error:
        raise _gone() from error


def _finished(client: Any, futures: list[Any]) -> list[Any]:
    """Wait; keys of those that are done."""
    deserted = time.monotonic() + DESERTED_S
    while True:
        try:
            with client.as_current():
                return [future.key for future in wait(futures, POLL_S, "FIRST_COMPLETED").done]
        except TimeoutError:
            if _workers(client):
                deserted = time.monotonic() + DESERTED_S
            elif time.monotonic() > deserted:
                raise StoreError(
                    f"all workers are gone, for {DESERTED_S:.0f} s now; what is written is kept, "
                    "and the same command goes on"
                ) from None
        except CancelledError as error:
            raise _gone() from error


def _gone() -> StoreError:
    return StoreError(
        "the Dask scheduler is gone; what is written is kept, and the same command goes on"
    )


def _blamed(item: Item, error: KilledWorker, called: Callable[[Item], str]) -> StoreError:
    limit = error.last_worker.memory_limit
    memory = f" (a worker has {format_bytes(limit)})" if limit else ""
    return StoreError(
        f"{called(item)}: every worker that took it died, {error.allowed_failures + 1} in turn and "
        f"one at a time; most likely of want of memory{memory}: start fewer workers, give them "
        "more, or make a store of smaller chunks"
    )
