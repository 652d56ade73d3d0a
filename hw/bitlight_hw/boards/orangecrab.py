"""OrangeCrab r0.2 with an LFE5U-25F (GroupGets): 48 MHz, USB of the FPGA itself.

The serial line is on pins 0 (into the FPGA) and 1 (out of it) of the Feather header, 3.3 V, for an
adapter of its own: the board has none.
"""

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board

BOARD = Board(
    name="orangecrab",
    title="OrangeCrab r0.2 (25F)",
    target="ecp5-25k",
    part="LFE5U-25F-8MG285C",
    definition="amaranth_boards.orangecrab_r0_2:OrangeCrabR0_2_25FPlatform",
    uart=("connector", "io", "0", "1"),
    pll=pll.ecp5,
    clock_hz=48_000_000,
    baud=3_000_000,
    link="an adapter of 3.3 V on pins 0 (its tx) and 1 (its rx)",
    load=("openFPGALoader", "--board", "orangecrab", "{}"),
    flash=("dfu-util", "--alt", "0", "--device", "1209:5af0", "--download", "{}"),
    bitstream="board.bit",
)
