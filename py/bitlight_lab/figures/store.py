"""Figures of docs/scale.md about a single store: `kills`, and `million`.

kills    a process that fills a store is killed 50 times at random moments, then one goes on
million  1,000,000 images of noise, 32×32, through the golden model of a small network

Raw results go to docs/raw/scale.
"""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from bitlight import FeatureStore, Network, extractors
from bitlight.data.source import RandomSource
from bitlight.store import fill, manifest_for
from bitlight_lab.figures.record import Noted, record

# This command, in a process of its own.
ITSELF = (sys.executable, "-m", "bitlight_lab.figures.store")


@click.group()
def main() -> None:
    """Measure, and write what was found to docs/raw/scale."""


@main.command()
@click.option("--kills", default=50, show_default=True)
@click.option("--chunks", default=8000, show_default=True)
@click.option("--chunk", default=64, show_default=True)
def kills(kills: int, chunks: int, chunk: int) -> None:
    """Kill a process that fills a store at random moments, and compare what is there in the end."""
    net, rng = extractors.features(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log, store = folder / "log", _store(folder / "killed", net, chunks * chunk, chunk)
        for _ in range(kills):
            process = _filler(store.path, log)
            time.sleep(rng.uniform(0, 1.5))
            process.kill()
            if process.wait() == 0:
                raise SystemExit("all was done before the last kill: take more chunks")
        there = chunks - len(store.missing())
        if _filler(store.path, log).wait():
            raise SystemExit("the last process failed")
        begun = Counter(log.read_text().split())
        repeated = sum(begun.values()) - len(begun)
        alone = _store(folder / "alone", net, chunks * chunk, chunk)
        fill(alone, net, RandomSource(chunks * chunk, net.input_shape, net.input_bits))
        figures = {
            "kills": kills,
            "chunks": chunks,
            "images_in_a_chunk": chunk,
            "chunks_there_after_the_last_kill": there,
            "files_compared": len(_files(alone.path)),
            "files_different": _different(store.path, alone.path),
            "chunks_begun_again": repeated,
            "chunks_begun_again_percent": round(100 * repeated / chunks, 3),
            "half_written_files_left": len(list(store.path.rglob("*.partial"))),
        }
    record("kills", figures)


@main.command()
@click.option("--count", default=1_000_000, show_default=True)
@click.option("--upto", default=6, show_default=True, help="Layers of fashion32.")
@click.option("--keep", type=click.Path(path_type=Path), help="A folder for the store.")
def million(count: int, upto: int, keep: Path | None) -> None:
    """Fill a store with the features of many images; rates beside that of the bare golden model."""
    net = extractors.load("fashion32").upto(upto)
    source = RandomSource(count, net.input_shape, net.input_bits)
    sample = source.images(range(4096))
    net.forward(sample[:1024])  # compiles
    folder = keep or Path(tempfile.mkdtemp())
    store = FeatureStore.create(folder / "million", manifest_for(net, source))
    bare = [_rate(net, sample)]
    started, written = time.perf_counter(), 0

    def note(samples: int) -> None:
        nonlocal written
        written += 1
        if written % 50 == 0:  # also in the middle, because machines are not always as fast
            bare.append(_rate(net, sample))
            print(samples, f"{bare[-1]:.0f}/s bare", flush=True)

    fill(store, net, source, progress=note)
    bare.append(_rate(net, sample))
    seconds = time.perf_counter() - started - sum(len(sample) / rate for rate in bare[1:-1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "images": count,
        "network": net.id,
        "features": net.n_features,
        "seconds": round(seconds, 1),
        "images_per_s": round(count / seconds, 1),
        "bare_images_per_s": [round(rate, 1) for rate in bare],
        "share_of_bare": round(count / seconds / statistics.harmonic_mean(bare), 3),
        "peak_bytes": peak,
        "bytes_on_disk": sum(file.stat().st_size for file in store.path.rglob("*")),
    }
    if keep is None:
        shutil.rmtree(folder)
    record("million", figures)


def _rate(net: Network, images: np.ndarray) -> float:
    """Images a second of the golden model alone, in parts as large as a chunk."""
    started = time.perf_counter()
    for start in range(0, len(images), 1024):
        net.forward(images[start : start + 1024])
    return len(images) / (time.perf_counter() - started)


def _store(path: Path, net: Network, count: int, chunk: int) -> FeatureStore:
    source = RandomSource(count, net.input_shape, net.input_bits)
    return FeatureStore.create(path, manifest_for(net, source, chunk=chunk))


def _filler(path: Path, log: Path) -> subprocess.Popen[bytes]:
    """A process that fills the store, from the moment at which it begins to."""
    process = subprocess.Popen(
        [*ITSELF, "filler", str(path), str(log)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@main.command(hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path))
def filler(path: Path, log: Path) -> None:
    """Fill a store; what `kills` kills."""
    net, store = extractors.features(), FeatureStore(path)
    source = Noted(log, len(store), net)
    net.forward(RandomSource(1, net.input_shape, net.input_bits).images(range(1)))
    print("ready", flush=True)
    fill(store, net, source)


def _files(path: Path) -> dict[str, bytes]:
    files = (file for file in path.glob("*/c/**/*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def _different(one: Path, other: Path) -> int:
    first, second = _files(one), _files(other)
    return sum(first.get(name) != second.get(name) for name in first | second)


if __name__ == "__main__":
    main()
