"""Compiling a netlist into a program, once for each content."""

from importlib import resources
from pathlib import Path

from bitlight_hw import Accelerator
from bitlight_sim import programs
from bitlight_sim.sliced import netlist, source

# Measured: -O1 is 12 % slower to run, -O3 no faster and 20 % slower to compile.
COMPILE = ["-O2", "-march=native", "-std=c++20"]


def build(acc: Accelerator) -> tuple[Path, bool]:
    """Compile, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If there is no compiler, it fails, or the design's control depends on its data.
    """
    text, rows = source.write(netlist.read(acc))
    sources: dict[str, str | bytes] = {
        name: resources.files(package).joinpath(name).read_text(encoding="utf-8")
        for package, name in (
            ("bitlight_sim.sliced", "harness.cpp"),
            ("bitlight_sim.sliced", "model.hpp"),
            ("bitlight_sim.native", "drive.hpp"),
        )
    }
    sources |= {"model.inc": text, "rows.bin": rows}
    return programs.compile_harness(sources, *COMPILE)
