"""The RTL behind a call that feels like `predict`: arrays in, arrays out, exact cycles."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from bitlight import SimulationError, bits
from bitlight.files.programs import check, is_intact
from bitlight_hw import Accelerator
from bitlight_sim import programs, shared, toolchain
from bitlight_sim.cxxrtl import build as cxxrtl
from bitlight_sim.native import beats
from bitlight_sim.native import build as native
from bitlight_sim.runner import broken_rule
from bitlight_sim.sliced import build as sliced

Engine = Literal["auto", "verilator", "sliced", "cxxrtl"]
# Images of a process from which on the bit-sliced engine is the quicker one: docs/performance.md.
MANY = 20
# As the harness's `Status`.
COUNTERS = (
    "cycle",
    "images_done",
    "stalled",
    "latency",
    "interval_from",
    "interval_to",
    "intervals",
    "nanoseconds",
    "broken",
    "miscounted",
    "counted",
    "expected",
)
STATUS = np.dtype([*((name, "<i8") for name in COUNTERS), ("waiting", "u1", 64)])

BUILDS: dict[str, Callable[[Accelerator], tuple[Path, bool]]] = {
    "verilator": native.build,
    "sliced": sliced.build,
    "cxxrtl": cxxrtl.build,
}


@dataclass(frozen=True)
class Run:
    """What a simulation gave.

    Attributes
    ----------
    features : uint8 array of 0/1, shape (N, features), int32 scores, or uint8 intensities
    cycles_per_image : int or float
        Measured interval between images that follow each other; an int unless it varied.
    latency : int
        Measured cycles from the first beat in to the last beat out of the first image.
    cycles : int
        Simulated clock cycles, over all processes.
    seconds : float
        Wall time of the run, without the build.

    Examples
    --------
    >>> Run(np.zeros((100, 8), np.uint8), 64, 90, 6490, seconds=0.5).images_per_s
    200.0
    """

    features: np.ndarray
    cycles_per_image: int | float
    latency: int
    cycles: int
    seconds: float

    @property
    def images_per_s(self) -> float:
        """Images simulated in a second of wall time."""
        return len(self.features) / self.seconds


class Simulator:
    """Runs images through an accelerator's RTL, compiled to a program.

    Parameters
    ----------
    acc : Accelerator
    processes : int
        Simulations that run side by side, each with its share of the images.
    engine : "auto", "verilator", "sliced" or "cxxrtl"
        "auto" is the quicker one of the next two for as many images as are run, and the second
        where there is no Verilator.
        Verilator's C++ of the Verilog, an image at a time, with the stream rules watched; or the
        same RTL as single gates, whose words are one wire for as many images as they have bits:
        for data sets, since a few images take as long as some hundred. CXXRTL is there to compare.
    patience : int, optional
        Cycles without any beat in or out after which the run is given up; by default four times
        what an image may take.
    program : Path, optional
        What `build` gave before for this accelerator and engine, here or on another machine of the
        same kind; then no tool is needed.

    Raises
    ------
    SimulationError
        If a tool is missing, the build fails, the design stands still, or `program` is not what
        `build` gave, or that of another accelerator.

    Examples
    --------
    >>> with Simulator(Accelerator(net), processes=2) as sim:  # doctest: +SKIP
    ...     out = sim.run(images)
    >>> (out.features == net.forward(images)).all()  # doctest: +SKIP
    True
    """

    def __init__(
        self,
        acc: Accelerator,
        processes: int = 1,
        *,
        engine: Engine = "auto",
        patience: int | None = None,
        program: Path | None = None,
    ) -> None:
        if processes < 1:
            raise SimulationError(f"processes must be at least 1, not {processes}")
        if engine != "auto" and engine not in BUILDS:
            known = ", ".join(["auto", *BUILDS])
            raise SimulationError(f"engine must be one of {known}, not {engine!r}")
        if engine == "auto" and program is not None:
            raise SimulationError("a program is that of one engine: say which, not 'auto'")
        if program is not None:
            program = Path(program)
            check(program, programs.identity(acc, engine))
        self.acc = acc
        self.processes = processes
        self.engine = engine
        self.patience = patience or 4 * (acc.latency + acc.cycles_per_image) + 1000
        # The interval is measured over the second half of the rounds.
        self.least_rounds = 2 * (acc.plan.unsettled + 1)
        self.build_seconds = 0.0
        self.built_before = program is not None
        self._programs = {} if program is None else {str(engine): program}

    def __enter__(self) -> "Simulator":
        if self.engine != "auto":
            self.build()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._programs.clear()

    def engine_for(self, images: int) -> str:
        """The engine that so many images are run in."""
        if self.engine != "auto":
            return self.engine
        few = images < MANY * self.processes
        return "verilator" if few and toolchain.has_verilator() else "sliced"

    def build(self, images: int = 1) -> Path:
        """Compile the simulator for so many images, or take it from the cache; its path.

        One that was changed since it was compiled is compiled again.
        """
        engine = self.engine_for(images)
        program = self._programs.get(engine)
        if program is None or not is_intact(program):
            started = time.perf_counter()
            program, self.built_before = self._compile(engine)
            self.build_seconds = time.perf_counter() - started
        self._programs[engine] = program
        return program

    def _compile(self, engine: str) -> tuple[Path, bool]:
        """Compile an engine's program, or find it: (its path, whether it was found)."""
        return BUILDS[engine](self.acc)

    def run(self, images: np.ndarray, progress: Callable[[int], None] | None = None) -> Run:
        """Simulate the images, back to back within each process.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, C) or (N, n), N ≥ 1
        progress : callable, optional
            Called with the number of images done, some times a second.

        Raises
        ------
        NetworkError
            If the images are not as the network takes them.
        SimulationError
            If a process fails or nothing moves for `patience` cycles.
        """
        self.acc.net.check_images(images)
        if len(images) == 0:
            raise SimulationError("there are no images to simulate")
        program = self.build(len(images))
        with shared.folder(self._bytes(len(images))) as folder:
            started = time.perf_counter()
            results, status = self._simulate(program, folder, images, progress)
            seconds = time.perf_counter() - started
            self._collect(folder)
            features = beats.from_words(results, self.acc.beats_out)
        return Run(
            features=features,
            cycles_per_image=_interval(status),
            latency=int(status["latency"].max()),
            cycles=int(status["cycle"].sum()),
            seconds=seconds,
        )

    def _collect(self, folder: Path) -> None:
        """Take what else the processes have left in their folder."""

    def _bytes(self, images: int) -> int:
        """Memory that images and results take while they are simulated."""
        forms = (self.acc.beats_in, self.acc.beats_out)
        return images * sum(4 * form.count * beats.words(form) for form in forms)

    def _simulate(
        self,
        program: Path,
        folder: Path,
        images: np.ndarray,
        progress: Callable[[int], None] | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        acc = self.acc
        shares = np.array_split(np.arange(len(images)), min(self.processes, len(images)))
        shape_out = (len(images), acc.beats_out.count, beats.words(acc.beats_out))
        shared.array(folder / "beats", beats.to_words(images, acc.beats_in))
        results = shared.array(folder / "results", np.zeros(shape_out, "<u4"))
        statuses, running = [], []
        for index, share in enumerate(shares):
            statuses.append(shared.array(folder / f"status{index}", np.zeros(1, STATUS)))
            numbers = [
                share[0],
                len(share),
                acc.beats_in.count,
                beats.words(acc.beats_in),
                acc.beats_out.count,
                beats.words(acc.beats_out),
                self.patience,
                self.least_rounds,
                *acc.links.values(),
            ]
            files = [folder / name for name in ("beats", "results", f"status{index}")]
            running.append(
                subprocess.Popen(
                    [program, *map(str, [*files, *numbers])],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            )
        try:
            watched = self.engine_for(len(images)) == "verilator"
            links = [*zip(acc.links, acc.takers, strict=True)] if watched else []
            _watch(running, statuses, progress, links)
        finally:
            for process in running:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
        return np.array(results), np.concatenate(statuses)


def _watch(
    running: list[subprocess.Popen[bytes]],
    statuses: list[np.ndarray],
    progress: Callable[[int], None] | None,
    links: list[tuple[str, str]],
) -> None:
    waiting = list(zip(running, statuses, strict=True))
    while waiting:
        for process, status in list(waiting):
            try:
                process.wait(timeout=0.1 / len(waiting))
            except subprocess.TimeoutExpired:
                continue
            waiting.remove((process, status))
            _check(process, status[0], links)
        if progress is not None:
            progress(sum(int(status["images_done"][0]) for status in statuses))


def _check(
    process: subprocess.Popen[bytes], status: np.ndarray, links: list[tuple[str, str]]
) -> None:
    if status["stalled"]:
        raise SimulationError(
            f"the design stands still at cycle {status['cycle']}, after {status['images_done']} "
            f"images: {_culprit(status['waiting'], links)}"
        )
    if status["miscounted"]:
        counted, expected = status["counted"], status["expected"]
        name = links[status["miscounted"] - 1][0] if links else "the output"
        raise SimulationError(
            f"{name} gave {counted} beats, not {expected}: "
            f"some were {'lost' if counted < expected else 'doubled'}"
        )
    if process.returncode:
        assert process.stdout is not None
        said = process.stdout.read().decode(errors="replace").strip()
        if status["broken"]:
            raise SimulationError(f"cycle {status['cycle']}: {broken_rule(said) or said}")
        raise SimulationError(f"the simulation ended with {process.returncode}: {said}")


def _culprit(waiting: np.ndarray, links: list[tuple[str, str]]) -> str:
    """Which unit stopped the design: the last before whose input a beat still waits."""
    if not links:
        return "the engine 'verilator' tells where"
    for (_, taker), waits in reversed(
        [*zip(links, bits.unpack(waiting, len(links)), strict=False)]
    ):
        if waits and taker != "output":
            return f"{taker} takes no more"
    return "no beat waits anywhere, so one was lost"


def _interval(status: np.ndarray) -> int | float:
    """Cycles between images; all processes measure the same one."""
    spans = status["interval_to"] - status["interval_from"]
    mean = spans.sum() / status["intervals"].sum()
    return int(mean) if mean == int(mean) else float(mean)
