"""Compiling a board's design into a program, once for each content."""

import os
import shlex
import shutil
from importlib import resources
from pathlib import Path

from bitlight.files.cache import digest
from bitlight_hw.boards.top import TOP, SerialAccelerator
from bitlight_sim import programs, toolchain
from bitlight_sim.board.cells import models
from bitlight_sim.native.build import COMPILE, copy_runtime, keep_runtime, runtime_key
from bitlight_sim.programs import Work

VERILATE = [
    *("--cc", "--exe", "--prefix", f"V{TOP}", "--top-module", TOP, "-O3"),
    *("--x-assign", "fast", "--x-initial", "fast", "--no-timing", "--assert"),
]


# A netlist is thousands of small cells: lint says much of vendors' models, and the compiler takes
# minutes to make fast what runs for seconds.
VERILATE_CELLS = [
    "--timescale",
    "1ns/1ps",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-MODDUP",
    "-Wno-MULTIDRIVEN",
]
COMPILE_CELLS = ["OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1"]


def build(serial: SerialAccelerator) -> tuple[Path, bool]:
    """Compile the design, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If a tool is missing or fails; the message names the log that is kept.
    """
    sources = {"serial.sv": serial.verilog("simulation"), "top.v": serial.top(simulated=True)}
    return _compiled(sources, VERILATE, COMPILE)


def build_cells(family: str, netlist: str) -> tuple[Path, bool]:
    """Compile what became of the design: a netlist of a family's cells, with Yosys' models of them.

    Parameters
    ----------
    family : str
    netlist : str
        Verilog, as `bitlight_hw.boards.flow.netlist` or `readback.read_back` gives it.

    Raises
    ------
    SimulationError
        If a tool or a model is missing, or fails.
    """
    sources = models(family) | {"netlist.v": netlist}
    return _compiled(sources, [*VERILATE, *VERILATE_CELLS], COMPILE_CELLS)


def _compiled(sources: dict[str, str], verilate: list[str], flags: list[str]) -> tuple[Path, bool]:
    verilator, environment = toolchain.verilator()
    harness = resources.files("bitlight_sim.board").joinpath("virtual.cpp")
    sources = sources | {"virtual.cpp": harness.read_text(encoding="utf-8")}
    identity = f"{toolchain.identity()}\n{toolchain.verilator_identity()}"
    compiler = shlex.join(toolchain.compiler())
    flags = [*flags, f"CXX={compiler}", f"LINK={compiler}"]
    runtime = runtime_key(*flags, identity)

    def compile(given: Work) -> Path:
        with programs.plain(given) as work:
            root = toolchain.link_root(environment, work.folder)
            read = [name for name in sources if not name.endswith(".vh")]
            work.call([verilator, *verilate, "--Mdir", ".", *read], root)
            copy_runtime(runtime, work.folder)
            jobs = f"-j{len(os.sched_getaffinity(0))}"
            work.call(["make", jobs, "-f", f"V{TOP}.mk", *flags], root)
            keep_runtime(runtime, work.folder)
            return Path(shutil.copy(work.folder / f"V{TOP}", given.folder / "compiled"))

    return programs.make(digest(*sources.values(), *verilate, *flags, identity), sources, compile)
