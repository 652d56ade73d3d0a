"""The command that computes features of a data set, and goes on where it was stopped."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from bitlight import engines
from bitlight.cli import sources
from bitlight.cli.cluster import dask_client, dask_option
from bitlight.cli.paths import IMAGES, NETWORK, Output, random_weights_option
from bitlight.cli.reading import Reading, reading_options, split_options, tell_skipped
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import progress
from bitlight.files import scratch


@click.command(
    epilog="Next: bitlight head train FEATURES HEAD, bitlight project FEATURES OUT, bitlight "
    "store check PATH."
)
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@click.argument("out", type=Output(".npz", path_type=Path))
@click.option(
    "--engine", type=click.Choice(engines.KEPT), default=engines.GOLDEN, show_default=True
)
@click.option("--port", help="For board: its serial port, as in /dev/ttyUSB1.")
@click.option("--upto", type=click.IntRange(1), help="Stop behind that many layers.")
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True, help="For rtl.")
@click.option("--folding", help="For rtl: PE,SIMD of each layer, as in 16,3/32,32, or published.")
@click.option(
    "--audit",
    type=click.FloatRange(0, 1),
    help="Share of the images that the other engine computes too; one different bit ends the run. "
    "By default 1 for rtl and board, and 0 for golden.",
)
@click.option(
    "--chunk",
    type=click.IntRange(1),
    help="Images in a chunk; by default those that OUT has, or 4,096, for rtl 512 for each process "
    "and 1,024 at least.",
)
@random_weights_option
@reading_options
@split_options
@dask_option
@json_option
def features(
    network: str,
    images: str,
    out: Path,
    engine: str,
    port: str | None,
    upto: int | None,
    number: int | None,
    processes: int,
    folding: str | None,
    audit: float | None,
    chunk: int | None,
    random_weights: bool,
    reading: Reading,
    dask: str | None,
    json_file: str | None,
) -> None:
    """Compute the binary features of IMAGES and write them to OUT.

    OUT is a folder, a feature store: chunks that are whole or absent, each with its checksum. The
    same command, started again after whatever stopped it, computes what is missing; several may
    fill one store side by side. An OUT that ends in .npz is a single file instead, for sets that
    fit in memory: `features` (uint8, packed rows), `n_features`, `labels`, and the network's `id`.

    Photographs are turned upright as their EXIF orientation says. Of those in a folder, files that
    are no images are named before the work begins. What was decoded is kept in the cache, so that
    other features of the same files take less time. --split divides any images with labels.

    \b
    bitlight features fashion28 photos features/
    bitlight features fashion32 cifar-10-batches-py:train features/
    bitlight features fashion28 photos a.npz --split 80:20 --part train
    bitlight features fashion28 photos b.npz --split 80:20 --part test
    bitlight features fashion28 photos features/ --engine rtl --processes 8
    bitlight features fashion28 photos features/ --engine board --port /dev/ttyUSB1
    bitlight features fashion28 photos features/ --engine rtl --dask tcp://10.0.0.1:8786
    bitlight store check features/
    """
    from bitlight.cli.pairs import pairs
    from bitlight.store import FeatureStore, chunk_for, export, manifest_for

    if (engine == engines.BOARD) != (port is not None):
        raise click.UsageError("--engine board and --port go together")
    if port is not None and dask is not None:
        raise click.UsageError("a board is at one machine: --port goes without --dask")
    net = sources.network(network, upto=upto, random_weights=random_weights)
    sources.tell_whole(images)
    if out.is_dir():
        begun = FeatureStore(out).manifest
        chunk = chunk or begun.chunk
        if reading.skip_bad and begun.skipped and begun.source.startswith(images):
            reading = dataclasses.replace(reading, known_bad=begun.skipped)
    source = sources.source(images, net, number, reading)
    tell_skipped(source.skipped)
    folded = None if folding is None else pairs(network, folding)
    chunk = chunk or chunk_for(engine, 1 if dask else processes)
    manifest = manifest_for(net, source, engine, audit, folded, chunk)
    if out.suffix == ".npz":
        with _temporary(out) as folder:
            store, written = _filled(folder / "store", manifest, net, source, processes, dask, port)
            export(store, out)
    else:
        store, written = _filled(out, manifest, net, source, processes, dask, port)
    figures = {
        "images": len(store),
        "features": net.n_features,
        "engine": engine,
        "network": net.id,
        "chunks": manifest.chunks,
        "chunks_written": written,
        "fit": source.placing and source.placing["fit"],
        "images_audited": store.samples_audited() if out.suffix != ".npz" else None,
    }
    show_table(str(out), ["", "value"], [[k, v] for k, v in figures.items() if v is not None])
    write_json(json_file, figures | {"placing": source.placing, "skipped": list(source.skipped)})


def _filled(
    path: Path,
    manifest: Any,
    net: Any,
    source: Any,
    processes: int,
    dask: str | None,
    port: str | None,
) -> tuple[Any, int]:
    """The store at a path with all chunks, and how many of them are new."""
    from bitlight.store import FeatureStore, fill

    store = FeatureStore.create(path, manifest)
    label = {engines.GOLDEN: "golden model", engines.RTL: "RTL simulation"}.get(
        manifest.engine, engines.BOARD
    )
    try:
        with (
            dask_client(dask) as client,
            progress(label, len(store), store.samples_present()) as done,
        ):
            if client is None:
                return store, fill(store, net, source, processes, done, port)
            from bitlight.store.workers import fill_on

            return store, fill_on(client, store, net, source, done)
    except KeyboardInterrupt:
        there = manifest.chunks - len(store.missing())
        click.echo(
            f"stopped: {there} of {manifest.chunks} chunks are in {path}; the same command goes on",
            err=True,
        )
        raise


@contextmanager
def _temporary(out: Path) -> Iterator[Path]:
    """A folder beside a file that is to be written."""
    from bitlight.errors import StoreError

    try:
        with ExitStack() as stack:
            folder = stack.enter_context(scratch.folder_in(out.parent))
            work = stack.pop_all()
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error.strerror}") from error
    with work:
        yield folder
