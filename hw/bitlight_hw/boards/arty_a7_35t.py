"""Arty A7-35T (Digilent): XC7A35T, 100 MHz, FT2232H; its bitstream is Vivado's to make."""

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board

BOARD = Board(
    name="arty_a7_35t",
    title="Arty A7-35T",
    target="xc7a35t",
    part="xc7a35ticsg324-1L",
    definition="amaranth_boards.arty_a7:ArtyA7_35Platform",
    uart=("uart",),
    pll=pll.xc7,
    clock_hz=96_000_000,
    baud=3_000_000,
    link="USB, the second channel of its FT2232H",
    load=("openFPGALoader", "--board", "arty_a7_35t", "{}"),
    flash=("openFPGALoader", "--board", "arty_a7_35t", "--write-flash", "{}"),
    bitstream="board.bit",
)
