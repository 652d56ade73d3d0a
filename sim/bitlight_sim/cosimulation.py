"""An accelerator's Verilog under cocotb, on Verilator or Icarus, checked beat by beat."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitlight import SimulationError
from bitlight.files.replacing import replacing
from bitlight_hw import Accelerator
from bitlight_sim.mismatch import Difference, describe_beats
from bitlight_sim.native import beats
from bitlight_sim.runner import SimulatorName, run_bench

POLL_S = 0.3


@dataclass(frozen=True)
class Cosimulation:
    """What one run under cocotb showed.

    Attributes
    ----------
    cycles : int
        Of the run at full rate.
    seconds : float
        Wall time of the run at full rate.
    latency : int
    intervals : list of int, between the images
    waves : path of the waveform, if one was asked for
    """

    cycles: int
    seconds: float
    latency: int
    intervals: list[int]
    waves: Path | None


def cosimulate(
    acc: Accelerator,
    images: np.ndarray,
    expected: np.ndarray,
    simulator: SimulatorName,
    folder: Path,
    *,
    idle: float = 0.3,
    busy: float = 0.3,
    seed: int = 0,
    waves: bool = False,
    verilog: str | None = None,
    pauses: bool = True,
    progress: Callable[[int, int], None] = lambda moved, total: None,
) -> Cosimulation:
    """Run the bench: at full rate, with exact cycle counts, and again with random pauses.

    Parameters
    ----------
    images : uint8 array, as the network takes them
    expected : array
        What `Accelerator.expected` gives for them.
    simulator : "icarus" or "verilator"
    folder : Path
        For what is built and written.
    idle, busy : float
        Odds of a pause of the source and of the sink, in each cycle.
    seed : int, of the pauses
    waves : bool
        Leave a waveform.
    verilog : str, optional
        A text other than the accelerator's own, such as one with a fault in it.
    pauses : bool
        Whether the second run is made.
    progress : callable
        Called some times a second with how many beats have moved, and how many will have in the
        end.

    Raises
    ------
    SimulationError
        If a tool is missing, or the bench found a difference; the message says which.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    case, result, moved = folder / "case.npz", folder / "result.json", folder / "moved"
    for left in (result, moved):
        left.unlink(missing_ok=True)
    rest = {
        "images": len(images),
        "interval": acc.cycles_per_image,
        "latency": acc.latency,
        "idle": idle,
        "busy": busy,
        "seed": seed,
        "patience": 4 * (acc.latency + acc.cycles_per_image) + 1000,
    }
    with replacing(case) as file:
        np.savez(
            file,
            sent=_flat(beats.to_words(images, acc.beats_in)),
            expected=_flat(_expected_words(acc, expected)),
            rest=json.dumps(rest),
        )
    files = {"BITLIGHT_CASE": case, "BITLIGHT_RESULT": result, "BITLIGHT_PROGRESS": moved}
    total = (1 + pauses) * len(images) * (acc.beats_in.count + acc.beats_out.count)
    try:
        with _followed(moved, lambda beats: progress(beats, total)):
            wave = run_bench(
                verilog or acc.verilog(),
                "accelerator",
                "bitlight_sim.bench",
                simulator,
                folder,
                {name: str(file) for name, file in files.items()},
                testcase=None if pauses else "at_full_rate",
                waves=waves,
            )
    except SimulationError as error:
        if differing := _differing(result):
            raise SimulationError(f"{error}: {describe_beats(acc, differing)}") from error
        raise
    try:
        return Cosimulation(**json.loads(result.read_text()), waves=wave)
    except (OSError, ValueError, TypeError) as error:
        raise SimulationError(f"the bench left no figures in {result}: {error}") from error


@contextmanager
def _followed(file: Path, tell: Callable[[int], None]) -> Iterator[None]:
    """Tell what number a file holds while the block runs in another process."""
    done = threading.Event()

    def follow() -> None:
        while not done.wait(POLL_S):
            if file.is_file():
                tell(int(file.read_text()))

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        yield
    finally:
        done.set()
        follower.join()


def _differing(result: Path) -> list[Difference]:
    """The beats that the bench found to differ."""
    if not result.is_file():
        return []
    found = json.loads(result.read_text()).get("differing", [])
    return [(beat, int(received, 16), int(expected, 16)) for beat, received, expected in found]


def _flat(words: np.ndarray) -> np.ndarray:
    return words.reshape(-1, words.shape[-1])


def _expected_words(acc: Accelerator, expected: np.ndarray) -> np.ndarray:
    """The golden output as the beats that carry it."""
    form = acc.beats_out
    if not form.signed:
        return beats.to_words(expected, form)
    planes = (expected.astype(np.int64)[..., None] >> np.arange(form.bits)) & 1
    return beats.to_words(planes.astype(np.uint8), form.as_bits())
