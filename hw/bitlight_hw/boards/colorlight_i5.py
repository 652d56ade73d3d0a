"""Colorlight i5 v7.0 in its extension board (Muse Lab): LFE5U-25F, 25 MHz, DAPLink.

The extension board's microcontroller programs it and is the serial line.
"""

from amaranth.build import Attrs, Clock, Connector, Pins, Resource
from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.resources import UARTResource

from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board


class ColorlightI5Platform(LatticeECP5Platform):
    """Its clock and its serial line."""

    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = [  # noqa: RUF012
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), Attrs(IO_TYPE="LVCMOS33")),
        UARTResource(0, rx="H18", tx="J17", attrs=Attrs(IO_TYPE="LVCMOS33")),
    ]
    connectors: list[Connector] = []  # noqa: RUF012


BOARD = Board(
    name="colorlight_i5",
    title="Colorlight i5 v7.0",
    target="ecp5-25k",
    part="LFE5U-25F-6BG381C",
    definition="bitlight_hw.boards.colorlight_i5:ColorlightI5Platform",
    uart=("uart",),
    pll=pll.ecp5,
    clock_hz=50_000_000,
    baud=2_000_000,
    link="USB, the DAPLink of the extension board",
    load=("openFPGALoader", "--board", "colorlight-i5", "{}"),
    flash=("openFPGALoader", "--board", "colorlight-i5", "--write-flash", "{}"),
    bitstream="board.bit",
)
