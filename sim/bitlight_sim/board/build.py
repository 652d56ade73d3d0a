"""Compiling a board's design into a program, once for each content."""

from importlib import resources
from pathlib import Path

from bitlight_hw.boards.top import TOP, SerialAccelerator
from bitlight_sim import toolchain
from bitlight_sim.cells.build import compile_cells
from bitlight_sim.native.build import VERILATE, compiled, fast


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
    toolchain.verilator()  # missing, it is told of before the Verilog is written
    sources = {"serial.sv": serial.verilog("simulation"), "top.v": serial.top(simulated=True)}
    return compiled(TOP, sources | _harness(), VERILATE, fast())


def build_cells(family: str, netlist: str) -> tuple[Path, bool]:
    """Compile what became of the design: a netlist of a family's cells, with models of them.

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
    return compile_cells(TOP, family, netlist, _harness())


def _harness() -> dict[str, str]:
    file = resources.files("bitlight_sim.board").joinpath("virtual.cpp")
    return {"virtual.cpp": file.read_text(encoding="utf-8")}
