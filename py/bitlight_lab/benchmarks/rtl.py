"""How fast engines are on the same RTL and images, in one run."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from amaranth.sim import Simulator as AmaranthSimulator

from bitlight import SimulationError
from bitlight_hw import Accelerator
from bitlight_lab.benchmarks.harness import Say, cores
from bitlight_sim.cosimulation import cosimulate
from bitlight_sim.native import beats
from bitlight_sim.runner import SimulatorName
from bitlight_sim.simulator import BUILDS, Engine, Simulator

LANES = 2048  # images that the sliced engine gets, so that the ends of a run count little
SECONDS = 10.0  # of Amaranth's own simulator, which is too slow for whole images


def compare(
    acc: Accelerator,
    images: np.ndarray,
    folder: Path,
    *,
    few: int = 3,
    without: Sequence[str] = (),
    say: Say | None = None,
) -> dict[str, Any]:
    """Images per second of every engine; builds are timed apart.

    Parameters
    ----------
    images : uint8 array
        For the compiled engines; the sliced one gets them again and again, up to LANES.
    folder : Path, for what cocotb builds
    few : int
        Images that cocotb gets, two or more.
    without : sequence of str
        Engines to leave out whose names begin so.
    say : callable, optional
        Called with the name of each engine before its turn.

    Returns
    -------
    dict with `engines`: for each its `build_s`, `images`, `seconds`, `images_per_s`, and
    `cycles_per_s`, clock cycles of one simulation over all processes

    Raises
    ------
    SimulationError
        If an engine fails, or its features differ from the golden model's.
    """
    engines = {}
    for name, measure in _engines(acc, images, folder, few):
        if not name.startswith(tuple(without)):
            if say is not None:
                say(name)
            engines[name] = measure()
    return {
        "engines": engines,
        "network": acc.net.id,
        "folding": acc.folding,
        "cycles_per_image": acc.cycles_per_image,
    }


def over_images(
    acc: Accelerator,
    images: np.ndarray,
    counts: dict[Engine, Sequence[int]],
    say: Say | None = None,
) -> dict[str, Any]:
    """Seconds that one process takes for so many images, the images given again and again.

    Returns
    -------
    dict with, for each engine, its `build_s` and its `runs`: `images` and `seconds` of each
    """
    engines = {}
    for engine, numbers in counts.items():
        if say is not None:
            say(engine)
        with Simulator(acc, engine=engine) as simulator:
            runs = []
            for number in numbers:
                some = np.resize(images, (number, *images.shape[1:]))
                runs.append({"images": number, "seconds": simulator.run(some).seconds})
        engines[engine] = {"build_s": simulator.build_seconds, "runs": runs}
    return {"engines": engines, "network": acc.net.id}


def _engines(
    acc: Accelerator, images: np.ndarray, folder: Path, few: int
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    for engine in BUILDS:
        for processes in sorted({1, cores()} if engine != "cxxrtl" else {1}):
            some = np.resize(images, (LANES * processes, *images.shape[1:]))
            batch = some if engine == "sliced" else images
            yield f"{engine}, {processes}", partial(_native, acc, batch, engine, processes)
    for simulator in get_args(SimulatorName):
        yield f"cocotb on {simulator}", partial(_cocotb, acc, images[:few], simulator, folder)
    yield "amaranth", partial(_amaranth, acc, images)


def _native(acc: Accelerator, images: np.ndarray, engine: Any, processes: int) -> dict[str, Any]:
    with Simulator(acc, processes, engine=engine) as simulator:
        run = simulator.run(images)
        _check(engine, run.features, acc.expected(images))
    return {
        "build_s": None if simulator.built_before else simulator.build_seconds,
        "images": len(images),
        "seconds": run.seconds,
        "images_per_s": run.images_per_s,
        "cycles_per_s": run.cycles / run.seconds,
    }


def _cocotb(
    acc: Accelerator, images: np.ndarray, simulator: SimulatorName, folder: Path
) -> dict[str, Any]:
    expected = acc.expected(images)
    started = time.perf_counter()
    found = cosimulate(acc, images, expected, simulator, folder / simulator, pauses=False)
    whole = time.perf_counter() - started
    return {
        "build_s": whole - found.seconds,
        "images": len(images),
        "seconds": found.seconds,
        "images_per_s": len(images) / found.seconds,
        "cycles_per_s": found.cycles / found.seconds,
    }


def _amaranth(acc: Accelerator, images: np.ndarray) -> dict[str, Any]:
    """Amaranth's simulator for some seconds, from the first cycle on, while beats come in."""
    words = beats.to_words(images, acc.beats_in).reshape(-1, beats.words(acc.beats_in))
    started = time.perf_counter()
    sim = AmaranthSimulator(acc)
    sim.add_clock(1e-6)
    counted = {"cycles": 0, "from": 0.0, "to": 0.0}

    async def bench(context: Any) -> None:
        context.set(acc.o.ready, 1)
        context.set(acc.i.valid, 1)
        beat = 0
        counted["from"] = time.perf_counter()
        while time.perf_counter() - counted["from"] < SECONDS:
            value = int.from_bytes(words[beat % len(words)].tobytes(), "little")
            context.set(acc.i.payload, value)
            beat += context.get(acc.i.ready)
            await context.tick()
            counted["cycles"] += 1
        counted["to"] = time.perf_counter()

    sim.add_testbench(bench)
    sim.run()
    seconds = counted["to"] - counted["from"]
    rate = counted["cycles"] / seconds
    return {
        "build_s": counted["from"] - started,
        "images": 0,
        "seconds": seconds,
        "images_per_s": rate / acc.cycles_per_image,
        "cycles_per_s": rate,
    }


def _check(engine: str, found: np.ndarray, expected: np.ndarray) -> None:
    different = int((found != expected).sum())
    if different:
        raise SimulationError(f"{engine}: {different} of {found.size} features are wrong")
