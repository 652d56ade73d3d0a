"""iCEBreaker (1BitSquared): iCE40 UP5K, 12 MHz, FT2232H.

The second channel of the FT2232H is the serial line; the first programs the flash, by iceprog.
"""

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board

BOARD = Board(
    name="icebreaker",
    title="iCEBreaker v1.0",
    target="ice40-up5k",
    part="iCE40UP5K-SG48",
    definition="amaranth_boards.icebreaker:ICEBreakerPlatform",
    uart=("uart",),
    pll=pll.ice40,
    clock_hz=24_000_000,
    baud=3_000_000,
    link="USB, the second channel of its FT2232H",
    load=("iceprog", "-S", "{}"),
    flash=("iceprog", "{}"),
    bitstream="board.bin",
)
