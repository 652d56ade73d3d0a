"""ULX3S with an LFE5U-12F (Radiona): 25 MHz, FT231X."""

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board

BOARD = Board(
    name="ulx3s_12f",
    title="ULX3S-12F",
    target="ecp5-25k",
    part="LFE5U-12F-6BG381C",
    definition="amaranth_boards.ulx3s:ULX3S_12F_Platform",
    uart=("uart",),
    pll=pll.ecp5,
    clock_hz=62_500_000,
    baud=3_000_000,
    link="USB 1, its FT231X",
    load=("openFPGALoader", "--board", "ulx3s", "{}"),
    flash=("openFPGALoader", "--board", "ulx3s", "--write-flash", "{}"),
    bitstream="board.bit",
)
