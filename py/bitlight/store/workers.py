"""A store whose chunks the workers of a Dask cluster write."""

import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bitlight.cluster.job import Job
from bitlight.cluster.simulators import Shipment, ship
from bitlight.data.source import ImageSource
from bitlight.engines import Programs
from bitlight.errors import StoreError
from bitlight.network.network import Network
from bitlight.store.completing import complete
from bitlight.store.filling import Worker, check_source
from bitlight.store.store import FeatureStore

SEEN_S = 30.0  # that a network file system may take to show what was written elsewhere


def fill_on(
    client: Any,
    store: FeatureStore,
    net: Network,
    source: ImageSource,
    progress: Callable[[int], None] = lambda samples: None,
) -> int:
    """Compute all chunks that a store lacks, each by one worker; see `bitlight.store.filling.fill`.

    Network and source go to each worker once. Simulators are built here, once, and sent to workers
    that lack them.

    Parameters
    ----------
    client : distributed.Client
        As `connected` gives it.
    store : FeatureStore
        On a file system that all workers share, under the same path.
    net : Network
    source : ImageSource
        Files of it under the same path, too.
    progress : callable
        Called with the number of samples that are there.

    Returns
    -------
    int
        How many chunks were written.

    Raises
    ------
    StoreError
        If the store is of another network, the disk takes no more, or workers die of a chunk.
    SimulationError
        If the engines differ, or a simulation cannot be built or fails.
    DataError
        If images cannot be read.
    """
    store.check_network(net)
    check_source(store, source)
    if not store.missing():
        return 0
    built: Programs = {}
    with Worker.ready(net, source, store.manifest, programs=built):
        pass
    with ship(client, built) as shipment:
        work = Filling(store.path.resolve(), net, source, shipment)
        return complete(store, lambda chunks: write_chunks(client, store, work, chunks), progress)


def write_chunks(
    client: Any, store: FeatureStore, work: Job, chunks: Iterable[int]
) -> Iterator[tuple[int, bool]]:
    """Chunks that work has written to a store, or other processes have.

    Raises
    ------
    StoreError
        If this machine does not see what a worker wrote.
    """
    from bitlight.cluster.spreading import spread  # and Dask

    for chunk, mine in spread(client, work, chunks, "chunk {}".format):
        patience = time.monotonic() + SEEN_S
        while mine and not store.has(chunk):
            if time.monotonic() > patience:
                raise StoreError(
                    f"chunk {chunk} was written where this machine does not see it: "
                    f"{store.path} must be on a file system that all workers share"
                )
            time.sleep(0.1)
        yield chunk, mine


def open_shared(path: Path) -> FeatureStore:
    """A store as a worker sees it.

    Raises
    ------
    StoreError
        If it does not.
    """
    if not path.exists():
        raise StoreError(
            f"the worker on {platform.node()} sees no {path}: it must be on a file system that "
            "all workers share"
        )
    return FeatureStore(path)


class Filling(Job):
    """Computes chunks of a store; engines are made ready for the first."""

    def __init__(self, path: Path, net: Network, source: ImageSource, shipment: Shipment) -> None:
        self.path, self.net, self.source, self.shipment = path, net, source, shipment
        self._ready: tuple[Worker, FeatureStore] | None = None

    async def setup(self, worker: Any) -> None:
        """Fetch the simulators that this worker lacks."""
        self._programs = await self.shipment.unpacked(worker.scheduler)
        self._open = ExitStack()

    def teardown(self, worker: Any) -> None:
        """Let go of the engines."""
        self._open.close()

    def __call__(self, chunk: int) -> bool:
        """Write a chunk; False if another process has it, or has done it."""
        if self._ready is None:
            store = open_shared(self.path)
            ready = Worker.ready(self.net, self.source, store.manifest, programs=self._programs)
            self._ready = self._open.enter_context(ready), store
        worker, store = self._ready
        return worker.fill(store, chunk)
