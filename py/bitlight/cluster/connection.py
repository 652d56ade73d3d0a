"""A Dask client: of a scheduler that runs somewhere, or of workers started for the occasion."""

import asyncio
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from bitlight.errors import StoreError

ANSWER_S = 10.0
# A worker that died may have been ill by itself; the second one was made so.
FAILURES = 1
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
# What Dask notes of itself for its dashboard takes a tenth of a core where two workers are; and the
# web servers of schedulers and workers, which it starts in any case, ask nobody for a key.
UNWATCHED = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}


@contextmanager
def connect(address: str, timeout_s: float = ANSWER_S) -> Iterator[Any]:
    """A `distributed.Client`, for as long as the block runs.

    Parameters
    ----------
    address : str
        Of a scheduler, such as "tls://10.0.0.1:8786", with the keys that Dask's configuration
        names (`distributed.comm.tls`); or "local", "local:4": so many worker processes on this
        machine, by default one for each core, which end with the block. Those talk over TLS with
        keys that are made for them alone, and there is no dashboard.
    timeout_s : float
        How long the scheduler may take to answer, and then to have a worker.

    Raises
    ------
    StoreError
        If Dask is not installed, nobody answers, or there is no worker.
    """
    try:
        from distributed import Client
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise StoreError("Dask is not installed; try: pip install 'bitlight[scale]'") from error
    kind, _, count = address.partition(":")
    if kind == "local":
        with _local(address, count) as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        # In a thread, since a notebook's has a loop that runs. A Client that fails leaves its own
        # thread behind, so that none is made before somebody has answered.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _greet(address, timeout_s)).result()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise StoreError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or give "
            "`local` for workers on this machine"
        ) from error
    with (
        silence_logging_cmgr(logging.CRITICAL),  # what goes wrong is said once, by an error of ours
        Client(address, timeout=timeout_s, set_as_default=False) as client,
    ):
        try:
            client.wait_for_workers(1, timeout_s)
        except TimeoutError as error:
            raise StoreError(
                f"the scheduler at {address} has no workers: start some with "
                f"`dask worker {address} --nthreads 1`"
            ) from error
        yield client


async def _greet(address: str, timeout_s: float) -> None:
    """Connect to a scheduler, with the keys of Dask's configuration."""
    from distributed.comm import connect  # type: ignore[attr-defined]
    from distributed.security import Security

    keys = Security().get_connection_args("client")
    comm = await connect(address, timeout=timeout_s, **keys)
    await comm.close()


def _local(address: str, count: str) -> Any:
    """Worker processes of one thread each, which share the cores."""
    import dask
    from distributed import LocalCluster

    cores = len(os.sched_getaffinity(0))
    if count and not (count.isascii() and count.isdigit() and int(count) > 0):
        raise StoreError(f"local workers are written like local:4, not {address!r}")
    workers = int(count or cores)
    threads = str(max(1, cores // workers))
    with dask.config.set(UNWATCHED):
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # Whoever reaches a scheduler has the account of who started it, on a machine with
            # other users too.
            protocol="tls://",
            security=True,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={
                "allowed_failures": FAILURES,
                "dashboard": False,
                "dashboard_address": "127.0.0.1:0",  # of its web server: any free port
            },
            env={name: os.environ.get(name, threads) for name in THREADS},
            config=deepcopy(dask.config.config),  # of workers that start later, too
        )
