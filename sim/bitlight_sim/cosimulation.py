"""An accelerator's Verilog under cocotb, on Verilator or Icarus, checked beat by beat."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np

from bitlight import SimulationError
from bitlight_hw import Accelerator
from bitlight_sim import toolchain
from bitlight_sim.native import beats
from bitlight_sim.native.build import copy_runtime, runtime_folder

SimulatorName = Literal["icarus", "verilator"]

# Without them every signal is public, which made a bench three times slower.
VERILATOR = ["--no-public-flat-rw", "--public-depth", "1", "-Wno-fatal"]


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
) -> Cosimulation:
    """Run the bench: at full rate, with exact cycle counts, and again with random pauses.

    Parameters
    ----------
    images : uint8 array, as the network takes them
    expected : array
        What `Network.forward` gives for them.
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

    Raises
    ------
    SimulationError
        If a tool is missing, or the bench found a difference; the message says which.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    case, result = folder / "case.npz", folder / "result.json"
    result.unlink(missing_ok=True)
    rest = {
        "images": len(images),
        "interval": acc.cycles_per_image,
        "latency": acc.latency,
        "idle": idle,
        "busy": busy,
        "seed": seed,
        "patience": 4 * (acc.latency + acc.cycles_per_image) + 1000,
    }
    np.savez(
        case,
        sent=_flat(beats.to_words(images, acc.beats_in)),
        expected=_flat(_expected_words(acc, expected)),
        rest=json.dumps(rest),
    )
    text = verilog or acc.verilog()
    # A folder for each content, so that nothing built before can be mistaken for this design.
    content = hashlib.sha256(f"{simulator}{waves}{text}".encode()).hexdigest()[:12]
    build = folder / f"{simulator}-{content}"
    build.mkdir(exist_ok=True)
    (build / "accelerator.sv").write_text(text)
    with _environment(simulator):
        results = _run(simulator, build, case, result, waves, pauses)
    _check(results)
    found = json.loads(result.read_text())
    wave = build / ("accelerator.fst" if simulator == "icarus" else "dump.vcd")
    return Cosimulation(**found, waves=wave if waves else None)


def _run(simulator: str, build: Path, case: Path, result: Path, waves: bool, pauses: bool) -> Path:
    from cocotb_tools.runner import get_runner

    runner = get_runner(simulator)
    timescale = ("1ns", "1ps")
    runtime = runtime_folder("cocotb", str(waves), toolchain.identity(os.environ))
    try:
        copy_runtime(runtime, build)
        runner.build(
            sources=[build / "accelerator.sv"],
            hdl_toplevel="accelerator",
            build_dir=build,
            build_args=VERILATOR if simulator == "verilator" else [],
            timescale=timescale,
            waves=waves,
            log_file=build / "build.log",
        )
        copy_runtime(build, runtime)
        return runner.test(
            test_module="bitlight_sim.bench",
            hdl_toplevel="accelerator",
            hdl_toplevel_lang="verilog",
            build_dir=build,
            test_dir=build,
            testcase=None if pauses else "at_full_rate",
            extra_env={"BITLIGHT_CASE": str(case), "BITLIGHT_RESULT": str(result)},
            timescale=timescale,
            waves=waves,
            log_file=build / "test.log",
        )
    except (RuntimeError, SystemExit, OSError) as error:
        raise SimulationError(f"{simulator} failed; see the logs in {build}: {error}") from error


def _check(results: Path) -> None:
    """Raise with the first failure that the bench reported."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    if not cases:
        raise SimulationError(f"no test ran; see the logs in {results.parent}")
    for case in cases:
        for kind in ("failure", "error"):
            found = case.find(kind)
            if found is not None:
                said = found.get("error_msg") or found.get("message") or found.text or kind
                raise SimulationError(f"{case.get('name')}: {said.strip().splitlines()[0]}")


@contextlib.contextmanager
def _environment(simulator: SimulatorName) -> Iterator[None]:
    """The tools' environment for the time of one run; cocotb's runner reads os.environ."""
    before = dict(os.environ)
    if simulator == "verilator":
        _, environment = toolchain.verilator()
        os.environ.update(environment)
    else:
        toolchain.icarus()
    # The runner inside pytest would otherwise inherit settings of this very process.
    for name in ("WAVES", "COCOTB_TEST_MODULES", "PYTEST_CURRENT_TEST"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _flat(words: np.ndarray) -> np.ndarray:
    return words.reshape(-1, words.shape[-1])


def _expected_words(acc: Accelerator, expected: np.ndarray) -> np.ndarray:
    """The golden output as the beats that carry it."""
    form = acc.beats_out
    if not form.signed:
        return beats.to_words(expected, form)
    planes = (expected.astype(np.int64)[..., None] >> np.arange(form.bits)) & 1
    return beats.to_words(planes.astype(np.uint8), form.as_bits())
