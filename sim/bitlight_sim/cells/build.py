"""Compiling a netlist into a program, once for each content."""

from pathlib import Path

from bitlight_sim.cells.models import models
from bitlight_sim.native.build import VERILATE, compiled

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


def compile_cells(
    top: str, family: str, netlist: str, harness: dict[str, str], *options: str
) -> tuple[Path, bool]:
    """Compile module `top` of a netlist with the models of its cells, or find it.

    Parameters
    ----------
    top, family : str
    netlist : str
        Verilog.
    harness : dict of str to str
        What drives it: file name → content.
    options : str
        More of Verilator's.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If a tool or a model is missing, or fails.
    """
    sources = models(family) | {"netlist.v": netlist} | harness
    return compiled(top, sources, [*VERILATE, *VERILATE_CELLS, *options], COMPILE_CELLS)
