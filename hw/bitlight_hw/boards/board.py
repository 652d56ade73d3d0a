"""What a board is to a design: a part, a clock, two pins of a serial line, a way to load."""

import importlib
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from bitlight import BitlightError
from bitlight_hw.boards.pll import Maker
from bitlight_hw.family import FAMILIES
from bitlight_hw.parts import PARTS, Part

# In the order in which they are listed; each is the module of that name.
NAMES = (
    "icebreaker",
    "ulx3s_85f",
    "ulx3s_25f",
    "ulx3s_12f",
    "orangecrab",
    "colorlight_i5",
    "tang_nano_9k",
    "arty_a7_35t",
)


# What a design must fit into. An LFE5U-12F is a 25F by another name to the open tools.
SIZES = PARTS | {
    "xc7a35t": Part("xc7a35t", FAMILIES["xc7"], 20_800, 100),
    "gw1nr-9c": Part("gw1nr-9c", FAMILIES["generic"], 8_640, 26),
}


@dataclass(frozen=True)
class Pin:
    """A ball or pin of the package, and its electrical standard as the tools call it.

    Examples
    --------
    >>> Pin("35", "SB_LVCMOS").site
    '35'
    """

    site: str
    standard: str


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes
    ----------
    name, title : str
    target : str
        Its size: a name in `SIZES`.
    part : str
        In the family's own words, for people and vendors' tools.
    definition : str
        MODULE:CLASS of the Amaranth platform that has its resources.
    uart : tuple of str
        Resource and number of the serial line, or the connector pins of rx and tx.
    pll : Maker
        What makes the design's clock of the board's.
    clock_hz : int
        What is tried first for the design's clock; a multiple of the baud rate.
    baud : int
        Of the serial line: what the board's adapter is documented to reach.
    link : str
        How the serial line gets to the host, for people.
    load, flash : tuple of str
        Command that loads a bitstream until power goes, and for good; {} is the file.
    bitstream : str
        Name of the file.

    Examples
    --------
    >>> from bitlight_hw.boards import board
    >>> board("ulx3s").title, board("ulx3s").clock_hz
    ('ULX3S-85F', 62500000)
    """

    name: str
    title: str
    target: str
    part: str
    definition: str
    uart: tuple[str, ...]
    pll: Maker
    clock_hz: int
    baud: int
    link: str
    load: tuple[str, ...]
    flash: tuple[str, ...]
    bitstream: str

    @property
    def size(self) -> Part:
        """Its look-up tables and block RAMs."""
        return SIZES[self.target]

    @cached_property
    def _platform(self) -> Any:
        module, _, name = self.definition.partition(":")
        return getattr(importlib.import_module(module), name)

    @cached_property
    def _resources(self) -> dict[tuple[str, int], Any]:
        return {(one.name, one.number): one for one in self._platform.resources}

    @property
    def _clock(self) -> Any:
        return self._resources[self._platform.default_clk, 0]

    @cached_property
    def oscillator_hz(self) -> int:
        """The clock on the board."""
        return round(self._clock.clock.frequency)

    @cached_property
    def pins(self) -> dict[str, Pin]:
        """The pins of clk, rx and tx."""
        clk = self._pin(self._clock, self._clock)
        if self.uart[0] == "connector":
            _, connector, rx, tx = self.uart
            found = {(one.name, one.number): one for one in self._platform.connectors}
            sites = found[connector, 0].mapping
            return {
                "clk": clk,
                "rx": Pin(sites[rx], clk.standard),
                "tx": Pin(sites[tx], clk.standard),
            }
        resource = self._resources[self.uart[0], 0]
        lines = {line.name: line for line in resource.ios}
        return {"clk": clk} | {name: self._pin(resource, lines[name]) for name in ("rx", "tx")}

    @staticmethod
    def _pin(resource: Any, line: Any) -> Pin:
        (site,) = line.ios[0].names
        attributes = {**resource.attrs, **line.attrs}
        known = ("IO_STANDARD", "IO_TYPE", "IOSTANDARD")
        return Pin(site, next(attributes[name] for name in known if name in attributes))


@cache
def board(name: str) -> Board:
    """The board of that name; - and _ are one.

    Raises
    ------
    BitlightError
        If there is none.

    Examples
    --------
    >>> board("icebreaker").pins["clk"].site
    '35'
    """
    module = name.replace("-", "_").lower()
    if module == "ulx3s":
        module = "ulx3s_85f"
    if module not in NAMES:
        raise BitlightError(f"no board {name!r}: there are {', '.join(NAMES)}")
    return importlib.import_module(f"bitlight_hw.boards.{module}").BOARD
