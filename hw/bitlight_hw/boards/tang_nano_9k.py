"""Tang Nano 9K (Sipeed): GW1NR-9C, 27 MHz, BL702."""

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board

BOARD = Board(
    name="tang_nano_9k",
    title="Tang Nano 9K",
    target="gw1nr-9c",
    part="GW1NR-LV9QN88PC6/I5",
    definition="amaranth_boards.tang_nano_9k:TangNano9kPlatform",
    uart=("uart",),
    pll=pll.gw1n_9c,
    clock_hz=27_000_000,
    baud=3_000_000,
    link="USB, its BL702",
    load=("openFPGALoader", "--board", "tangnano9k", "{}"),
    flash=("openFPGALoader", "--board", "tangnano9k", "--write-flash", "{}"),
    bitstream="board.fs",
)
