"""Figures of docs/scale.md about many workers: `dask`, `ridge` and `imagenet`.

dask      RTL on one worker and on two in turn, and what a killed worker costs
ridge     a head over a store, here and on workers: its weights, and memory
imagenet  rates of Binary AlexNet, and what 1.28 million images come to

Raw results go to docs/raw/scale.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np

from bitlight import FeatureStore, Network, RidgeHead, engines, extractors
from bitlight.cluster import connect
from bitlight.data.source import RandomSource
from bitlight.store import manifest_for
from bitlight.store.workers import fill_on
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_lab.figures.record import RAW, Noted, record

# This command, in a process of its own.
ITSELF = (sys.executable, "-m", "bitlight_lab.figures.scale")
IMAGENET = 1_281_167
CORES = (1, 16, 64)
# Assumed: a core of a rented x86-64 server for an hour, without discounts.
DOLLARS_PER_CORE_HOUR = 0.05


@click.group()
def main() -> None:
    """Measure, and write what was found to docs/raw/scale."""


@main.command()
@click.option("--chunks", default=96, show_default=True)
@click.option("--chunk", default=1024, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--engine",
    type=click.Choice([engines.GOLDEN, engines.RTL]),
    default=engines.RTL,
    show_default=True,
)
@click.option("--network", default="fashion28", show_default=True, help="Or fashion32.")
def dask(chunks: int, chunk: int, rounds: int, engine: str, network: str) -> None:
    """Features of an extractor by one worker and by two in turn; RTL is audited."""
    os.environ["NUMBA_NUM_THREADS"] = "1"  # a worker is one core, also where it is alone
    net = extractors.features(network)
    runs: dict[str, list[dict[str, Any]]] = {"1 worker": [], "2 workers": [], "2, one killed": []}
    for round_ in range(rounds + 1):  # the first one builds simulators
        for name, some in runs.items():
            count = chunks if round_ else 4
            found = _filled(net, f"local:{name[0]}", engine, count, chunk, "killed" in name)
            if round_:
                some.append(found)
                print(name, found, flush=True)
    mean = {name: fmean(run["images_per_s"] for run in some) for name, some in runs.items()}
    pairs = zip(runs["1 worker"], runs["2 workers"], strict=True)
    record(
        f"dask-{engine}-{network}",
        {
            "network": net.id,
            "engine": engine,
            "chunks": chunks,
            "chunk": chunk,
            "runs": runs,
            "images_per_s": mean,
            "ratio": mean["2 workers"] / mean["1 worker"],
            "ratio_of_each_round": [b["images_per_s"] / a["images_per_s"] for a, b in pairs],
            "chunk_of_a_worker_s": chunk / mean["1 worker"],
        },
    )


def _filled(
    net: Network, address: str, engine: str, chunks: int, chunk: int, kill: bool
) -> dict[str, Any]:
    """Fill a new store; the rate counts from the moment at which each worker has done a chunk.

    A worker is killed when a third is there.
    """
    with tempfile.TemporaryDirectory() as name, connect(address) as client:
        source = Noted(Path(name) / "log", chunks * chunk, net)
        store = FeatureStore.create(
            Path(name) / "store", manifest_for(net, source, engine, chunk=chunk)
        )
        pids = list(client.run(os.getpid).values())
        seen = [(time.perf_counter(), 0)]

        def progress(samples: int) -> None:
            seen.append((time.perf_counter(), samples))
            if kill and 3 * samples >= len(source) > 3 * seen[-2][1]:
                os.kill(pids[0], signal.SIGKILL)

        fill_on(client, store, net, source, progress)
        begun = Counter(map(int, source.log.read_text().split()))
    started, warm, ended = seen[0][0], seen[len(pids)], seen[-1]
    return {
        "seconds": ended[0] - started,
        "seconds_until_each_worker_had_done_one": warm[0] - started,
        "images_per_s": (ended[1] - warm[1]) / (ended[0] - warm[0]),
        "chunks_begun_twice": sum(count > 1 for count in begun.values()),
        "chunks_begun": sum(begun.values()),
    }


@main.command()
@click.argument("store", type=click.Path(exists=True))
@click.option("--workers", default=2, show_default=True)
@click.option("--alpha", type=float, help="By default one is chosen, which takes twice the memory.")
def ridge(store: str, workers: int, alpha: float | None) -> None:
    """A head over a store, here and on workers, each in a process of its own."""
    found, heads = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, address in (("here", ""), ("dask", f"local:{workers}")):
            out = Path(folder) / name
            command = [
                *ITSELF,
                "one-ridge",
                store,
                str(out),
                address,
                str(alpha or 0),
            ]
            found[name] = json.loads(
                subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            )
            heads[name] = np.load(f"{out}.npy")
            print(name, found[name], flush=True)
    difference = np.linalg.norm(heads["dask"] - heads["here"]) / np.linalg.norm(heads["here"])
    shape = FeatureStore(store).shape
    record(
        "ridge",
        {"samples": shape[0], "features": shape[1], "workers": workers, **found}
        | {"relative_difference_of_weights": float(difference)},
    )


@main.command(hidden=True)
@click.argument("store")
@click.argument("out")
@click.argument("address")
@click.argument("alpha", type=float)
def one_ridge(store: str, out: str, address: str, alpha: float) -> None:
    """One of the two ways; the peak memory of a process is that of its whole life."""
    from bitlight.cli.cluster import dask_client
    from bitlight.store.ridge import ridge_over

    head = RidgeHead([alpha]) if alpha else RidgeHead()
    with dask_client(address or None) as client:
        started = time.perf_counter()
        head = ridge_over(FeatureStore(store), head, client)
        np.save(out, head.coef_)
        seconds = time.perf_counter() - started
        workers = [] if client is None else list(client.run(_peak_mib).values())
    figures = {"seconds": seconds, "alpha": head.alpha_, "peak_mib": _peak_mib()}
    print(json.dumps(figures | {"peak_mib_of_workers": workers}))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@main.command()
@click.option("--images", default=512, show_default=True, help="For the golden model.")
@click.option("--rtl", default=1024, show_default=True, help="For the RTL; 0: the rate on record.")
def imagenet(images: int, rtl: int) -> None:
    """Hours and dollars for ImageNet through Binary AlexNet, from rates of one core."""
    net = TOPOLOGIES["alexnet"].random(0)
    recorded = RAW / "alexnet-rtl.json"
    if rtl:
        record("alexnet-rtl", _simulated(net, rtl))
    rates = {
        "golden": _golden_rate(images),
        "rtl": json.loads(recorded.read_text())["images_per_s"],
    }
    projected = [
        {
            "engine": engine,
            "cores": cores,
            "hours": IMAGENET / rate / cores / 3600,
            "dollars": IMAGENET / rate / 3600 * DOLLARS_PER_CORE_HOUR,
        }
        for engine, rate in rates.items()
        for cores in CORES
    ]
    record(
        "imagenet",
        {
            "network": net.id,
            "features": net.n_features,
            "images": IMAGENET,
            "images_per_s_of_a_core": rates,
            "dollars_per_core_hour": DOLLARS_PER_CORE_HOUR,
            "feature_bytes": IMAGENET * -(-net.n_features // 8),
            "projected": projected,
        },
    )


def _simulated(net: Network, images: int) -> dict[str, float]:
    """Rate of the bit-sliced simulator, one process, with what it took to build."""
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    source = RandomSource(images, net.input_shape, net.input_bits)
    with Simulator(Accelerator(net), engine="sliced") as simulator:
        run = simulator.run(source.images(range(images)))
        wrong = (run.features != net.forward(source.images(range(images)))).sum()
    return {
        "images": images,
        "bits_different": int(wrong),
        "build_s": 0.0 if simulator.built_before else simulator.build_seconds,
        "images_per_s": run.images_per_s,
    }


def _golden_rate(images: int) -> float:
    """Images in a second of one core: of a process whose threads are one."""
    command = [*ITSELF, "one-golden", str(images)]
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return float(done.stdout)


@main.command(hidden=True)
@click.argument("images", type=int)
def one_golden(images: int) -> None:
    """The best of five rounds."""
    net = TOPOLOGIES["alexnet"].random(0)
    batch = RandomSource(images, net.input_shape).images(range(images))
    net.forward(batch[:8])
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        net.forward(batch)
        seconds.append(time.perf_counter() - started)
    print(images / min(seconds))


if __name__ == "__main__":
    main()
