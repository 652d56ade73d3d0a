"""Compiling a board's design into a program, once for each content."""

import os
import shlex
import shutil
from importlib import resources
from pathlib import Path

from bitlight.files.cache import digest
from bitlight_hw.boards.top import TOP, SerialAccelerator
from bitlight_sim import programs, toolchain
from bitlight_sim.native.build import COMPILE, copy_runtime, keep_runtime, runtime_key
from bitlight_sim.programs import Work

VERILATE = [
    *("--cc", "--exe", "--prefix", f"V{TOP}", "--top-module", TOP, "-O3"),
    *("--x-assign", "fast", "--x-initial", "fast", "--no-timing", "--assert"),
]


def build(serial: SerialAccelerator) -> tuple[Path, bool]:
    """Compile, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If a tool is missing or fails; the message names the log that is kept.
    """
    verilator, environment = toolchain.verilator()
    harness = resources.files("bitlight_sim.board").joinpath("virtual.cpp")
    sources = {
        "serial.sv": serial.verilog("simulation"),
        "top.v": serial.top(simulated=True),
        "virtual.cpp": harness.read_text(encoding="utf-8"),
    }
    identity = f"{toolchain.identity()}\n{toolchain.verilator_identity()}"
    compiler = shlex.join(toolchain.compiler())
    flags = [*COMPILE, f"CXX={compiler}", f"LINK={compiler}"]
    runtime = runtime_key(*flags, identity)

    def compile(given: Work) -> Path:
        with programs.plain(given) as work:
            root = toolchain.link_root(environment, work.folder)
            work.call([verilator, *VERILATE, "--Mdir", ".", *sources], root)
            copy_runtime(runtime, work.folder)
            jobs = f"-j{len(os.sched_getaffinity(0))}"
            work.call(["make", jobs, "-f", f"V{TOP}.mk", *flags], root)
            keep_runtime(runtime, work.folder)
            return Path(shutil.copy(work.folder / f"V{TOP}", given.folder / "compiled"))

    return programs.make(digest(*sources.values(), *VERILATE, *flags, identity), sources, compile)
