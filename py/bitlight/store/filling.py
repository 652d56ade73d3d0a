"""Fill a store: chunk by chunk what is missing, alone or beside other processes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from bitlight import bits, engines
from bitlight.data.source import ImageSource
from bitlight.engines import Compute, Pairs, Programs
from bitlight.errors import StoreError
from bitlight.network.network import Network
from bitlight.store.audit import audit, chosen
from bitlight.store.completing import complete
from bitlight.store.manifest import Manifest
from bitlight.store.reading import parts
from bitlight.store.store import FeatureStore

PART = 1024  # images that are computed at once, at least
WORD = 512  # images that a process of the bit-sliced simulator computes at once

Content = tuple[np.ndarray, np.ndarray, list[str], int]


def part_for(name: str, processes: int = 1) -> int:
    """How many images are computed at once: what keeps all processes of a simulator busy."""
    return PART if name == engines.GOLDEN else max(PART, WORD * processes)


def chunk_for(name: str, processes: int = 1) -> int:
    """How many samples a chunk has by default: what takes a while, and a part at least.

    Examples
    --------
    >>> chunk_for("golden"), chunk_for("rtl", processes=4)
    (4096, 2048)
    """
    return 4 * PART if name == engines.GOLDEN else part_for(name, processes)


def manifest_for(
    net: Network,
    source: ImageSource,
    name: str = engines.GOLDEN,
    audited: float | None = None,
    folding: Pairs | None = None,
    chunk: int | None = None,
) -> Manifest:
    """What a store of these features says of itself.

    Parameters
    ----------
    net : Network
    source : ImageSource
    name : "golden", "rtl" or "board"
        The engine.
    audited : float, optional
        Share of each chunk that the other engine computes too. By default everything that the RTL
        or a board gives, and nothing that the golden model gives.
    folding : list of (PE, SIMD), optional
        For "rtl"; by default the accelerator's own choice.
    chunk : int, optional
        Samples in a chunk, by default what `chunk_for` says: of chunks, a process that is killed
        loses two at most.

    Raises
    ------
    NetworkError, StoreError
        If the network gives scores, or there are no images.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear
    >>> from bitlight.data.source import ArraySource
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> source = ArraySource("ones", np.ones((10, 8), np.uint8), None, (8,), 1)
    >>> manifest_for(net, source, chunk=4).n_features
    4
    """
    if not len(source):
        raise StoreError(f"there are no images in {source.name}")
    net.check_images(source.images(range(1)))
    if net.gives_scores:
        raise StoreError("the network gives scores, not bits: cut its last layer off")
    everything = range(len(source))
    longest = max(len(sample.encode()) for sample in source.ids(everything))
    return Manifest(
        network=net.id,
        n_features=net.n_features,
        samples=len(source),
        source=source.name,
        engine=name,
        folding=None if folding is None else tuple((pe, simd) for pe, simd in folding),
        audit=float(name != engines.GOLDEN) if audited is None else audited,
        classes=source.classes,
        chunk=chunk or chunk_for(name),
        id_bytes=longest,
        content=source.digest(everything),
        placing=source.placing,
        skipped=source.skipped,
    )


def check_source(store: FeatureStore, source: ImageSource) -> None:
    """See that a store is of these images, and that they are still the same.

    Raises
    ------
    StoreError
        If they are not, or not as many.
    """
    content = store.manifest.content
    if len(source) != len(store) or (
        content is not None and content != source.digest(range(len(source)))
    ):
        raise StoreError(
            f"{store.path} was begun with other images: those of {source.name} have changed since; "
            "give another path"
        )


@dataclass(frozen=True)
class Worker:
    """Computes chunks: engines that are ready, and the images.

    Attributes
    ----------
    net : Network
    source : ImageSource
    manifest : Manifest
    compute : callable
        Images to bits.
    other : callable or None
        The engine that audits.
    part : int
        Images that are computed at once.
    """

    net: Network
    source: ImageSource
    manifest: Manifest
    compute: Compute
    other: Compute | None
    part: int

    @classmethod
    @contextmanager
    def ready(
        cls,
        net: Network,
        source: ImageSource,
        manifest: Manifest,
        processes: int = 1,
        programs: Programs | None = None,
        port: str | None = None,
    ) -> Iterator["Worker"]:
        """With its simulators built, or taken from `programs`, which they join; or its board."""
        programs = {} if programs is None else programs
        with ExitStack() as stack:

            def ready(name: str, few: bool = False) -> Compute:
                engine = engines.load(name)
                place = {"port": port} if name == engines.BOARD else {}
                return stack.enter_context(
                    engine(
                        net,
                        folding=manifest.folding,
                        processes=processes,
                        few=few,
                        programs=programs,
                        **place,
                    )
                )

            compute, other = ready(manifest.engine), None
            if manifest.audit:
                name = engines.RTL if manifest.engine == engines.GOLDEN else engines.GOLDEN
                few = manifest.audit * manifest.chunk < 100 * processes
                other = ready(name, few)
            part = part_for(manifest.engine, processes)
            yield cls(net, source, manifest, compute, other, part)

    def fill(self, store: FeatureStore, chunk: int) -> bool:
        """Compute and write a chunk; False if another process has it, or has done it.

        Raises
        ------
        StoreError, SimulationError, NetworkError, DataError
            If it cannot be computed or written; the chunk is absent then.
        """
        return all(mine for _, mine in self.fill_all(store, [chunk]))

    def fill_all(self, store: FeatureStore, chunks: Iterable[int]) -> Iterator[tuple[int, bool]]:
        """The same for several, of which one is written while the next one is computed."""

        def write(claim: ExitStack, chunk: int, content: Content) -> tuple[int, bool]:
            with claim:
                store.write_packed(chunk, *content)
            return chunk, True

        with ThreadPoolExecutor(1) as writer:
            writing: Future[tuple[int, bool]] | None = None
            for chunk in chunks:
                with ExitStack() as claim:
                    mine = claim.enter_context(store.claims.on(chunk)) and not store.has(chunk)
                    content = self.content(chunk) if mine else None
                    if writing is not None:
                        yield writing.result()
                        writing = None
                    if content is None:
                        yield chunk, False
                    else:
                        writing = writer.submit(write, claim.pop_all(), chunk, content)
            if writing is not None:
                yield writing.result()

    def content(self, chunk: int) -> Content:
        """What `FeatureStore.write_packed` takes for a chunk: features, labels, ids, audited."""
        rows = self.manifest.span(chunk)
        ids, audited = self.source.ids(rows), chosen(len(rows), self.manifest.audit, chunk)
        features = np.empty((len(rows), self.manifest.row_items), np.uint8)
        kept = []  # images of the samples that are audited
        for part, images in parts(self.source, rows, self.part):
            features[part] = bits.pack(self.compute(images))
            here = audited[(part.start <= audited) & (audited < part.stop)]
            kept.append(images[here - part.start])
        if self.other is not None:
            ours = bits.unpack(features[audited], self.manifest.n_features)
            names = [ids[row] for row in audited]
            audit(self.net, np.concatenate(kept), ours, names, self.other, chunk)
        return features, self.source.labels(rows), ids, len(audited)


def fill(
    store: FeatureStore,
    net: Network,
    source: ImageSource,
    processes: int = 1,
    progress: Callable[[int], None] = lambda samples: None,
    port: str | None = None,
) -> int:
    """Compute all chunks that a store lacks; those that other processes work on are waited for.

    Parameters
    ----------
    store : FeatureStore
        Made with `manifest_for` of the same network and source.
    net : Network
    source : ImageSource
    processes : int
        Of the RTL simulation.
    progress : callable
        Called with the number of samples that are there.
    port : str, optional
        Of the board, for "board".

    Returns
    -------
    int
        How many chunks this call has written.

    Raises
    ------
    StoreError
        If the store is of another network, or the disk takes no more.
    SimulationError
        If the engines differ, or the simulation fails.

    Examples
    --------
    >>> import tempfile
    >>> from bitlight import Linear
    >>> from bitlight.data.source import ArraySource
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> source = ArraySource("ones", np.ones((10, 8), np.uint8), None, (8,), 1)
    >>> path = tempfile.mkdtemp() + "/store"
    >>> store = FeatureStore.create(path, manifest_for(net, source, chunk=4))
    >>> fill(store, net, source)  # chunks that were written
    3
    >>> store[:2]
    array([[0, 0, 0, 0],
           [0, 0, 0, 0]], dtype=uint8)
    """
    store.check_network(net)
    check_source(store, source)
    if not store.missing():
        return 0
    with Worker.ready(net, source, store.manifest, processes, port=port) as worker:
        return complete(store, lambda chunks: worker.fill_all(store, chunks), progress)
