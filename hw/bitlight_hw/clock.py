"""The highest clock of a plan: that of its longest path between two registers.

Each unit has some kinds of path whose length follows from its parameters: so many look-up tables in
a row, so many digits of a carry chain behind them, from a register, a block RAM or a multiplier.
With the delays of a family, in ns,

    t = start + levels·(table + wire) + chains·(wire + into + out_of) + digits·digit + end,

where `end` is nothing for the register that stands behind the last table or digit, and a wire for
an enable, an address, or a register with no table before it. The clock is 1,000 / max t MHz.

Between registers and chains, Yosys' mapper (ABC) knows how few levels suffice. The deepest of all
these cones sets how many it allows: any other one may be as deep where that spares tables. So a
path has the levels that it needs, and those that it takes where nobody asks for fewer.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from bitlight_hw import area
from bitlight_hw.family import Family
from bitlight_hw.optics import Projector
from bitlight_hw.stages import Stage
from bitlight_hw.units import (
    Centre,
    Fork,
    Gearbox,
    MatrixVector,
    MaxPool,
    Pad,
    Repack,
    Side,
    Slide,
    Sum,
    SumPool,
    Unit,
    Window,
)
from bitlight_hw.units.contents import Contents
from bitlight_hw.units.lanes import Lanes
from bitlight_hw.units.pool import Pool
from bitlight_hw.units.popcount import LONG, ParityPopcount, Popcount, lanes_in_pairs, piece_of

# Kinds of path whose wires lead to few tables each.
NEAR = {"number", "numbers", "few", "parity"}


@dataclass(frozen=True)
class Delays:
    """What a family's cells and wires take, in ns.

    Attributes
    ----------
    register, memory, product : float
        From a clock's edge to what a register gives, a block RAM, a multiplier behind a register.
    table, wire : float
    near : float
        A wire between the adders of a popcount, or in a parity: each leads to few tables.
    into, digit, out_of : float
        Of a carry chain: from a digit's input on, for each digit, and to a digit's register.
    """

    register: float
    memory: float
    product: float
    table: float
    wire: float
    near: float
    into: float
    digit: float
    out_of: float

    def of(self, path: "Path") -> float:
        """How long a path takes."""
        wire = self.near if path.kind in NEAR else self.wire
        ns = getattr(self, path.start) + path.levels * (self.table + wire)
        ns += path.chains * (wire + self.into + self.out_of) + path.digits * self.digit
        alone = not path.levels and not path.chains
        return float(ns + self.wire if path.far or alone else ns)


@dataclass(frozen=True)
class Path:
    """A kind of path of a unit.

    Attributes
    ----------
    kind : str, one of `WORDS`
    levels : float
        Look-up tables in a row: the fewest or, where it is among others, what it will take.
    digits, chains : int, of all carry chains behind these
    start : "register", "memory" or "product"
    far : bool, whether it ends at an enable or an address
    most : float or None, levels where nobody asks for fewer, if that is known
    part : str, what of the unit it is in, as registers' names have it
    """

    kind: str
    levels: float = 0
    digits: int = 0
    chains: int = 1
    start: str = "register"
    far: bool = False
    most: float | None = None
    part: str = ""


def adders(terms: int) -> int:
    """Levels of full adders until two numbers are left of so many."""
    levels = 0
    while terms > 2:
        terms -= terms // 3
        levels += 1
    return levels


def compared(size: int) -> int:
    """Levels of asking a counter of so many values for one of them."""
    return 0 if size < 2 else 1 if size <= 16 else 2


def chosen(ways: int) -> int:
    """Levels of a choice of one of so many."""
    return (max(ways, 1) - 1).bit_length()


# What kinds of path are called where people read of them.
WORDS = {
    "added": "sum",
    "choice": "choice of a pair's sum",
    "clip": "clipping",
    "count": "position of a pool",
    "due": "words until the next one that is due",
    "enable": "enable of block RAM",
    "falls": "mismatches of neighbours",
    "few": "count of mismatches",
    "frame": "position in the frame",
    "greatest": "comparison",
    "keep": "registers that keep a beat",
    "memory": "block RAM",
    "moved": "places in the ring",
    "multiplied": "product in look-up tables",
    "number": "count of mismatches",
    "numbers": "sum of mismatches",
    "parity": "parity of the inputs",
    "place": "place of the next word",
    "product": "multiplier",
    "read": "choice of a word",
    "room": "room in the ring",
    "rows": "position of the window",
    "side": "choice of a word of block RAM",
    "step": "counters of the weights",
    "tables": "weights in look-up tables",
    "total": "accumulator",
    "turns": "position of the window in the frame",
    "used": "results on their way",
    "way": "way to the next word",
    "write": "writing of a word",
}


# Values of a counter up to which Yosys asks tables, not a carry chain, whether it is below another.
MOST_IN_TABLES = 16
# Units that give handshakes on in the same cycle.
PASSING = (Centre, Fork, Gearbox, Pad, Pool, Repack, Side, Slide)


class Depths:
    """The paths of the units of a plan.

    Handshakes are followed through units that give `ready` and `valid` on in the same cycle.

    Parameters
    ----------
    stages : sequence of Stage, settled, none before one that it takes from
    family : Family
    known : mapping of str to float
        The family's levels: how many more a kind of path has than what is written here, what its
        tables spare it (`slack`), and what handshakes take.
    """

    def __init__(self, stages: Sequence[Stage], family: Family, known: Mapping[str, float]) -> None:
        self.stages = stages
        self.family = family
        self.known = known
        self.valid = {0: 0.0}
        for stage in stages:
            for stream in stage.gives:
                self.valid[stream] = self._valid(stage)
        self.ready: dict[int, float] = {}
        for stage in reversed(stages):
            for stream in stage.gives:
                self.ready.setdefault(stream, 0.0)
            for stream in stage.takes:
                self.ready[stream] = self._ready(stage)

    def paths(self) -> dict[str, list[Path]]:
        """Of each unit, with the levels that mapping gives them."""
        found = {stage.name: list(self._of(stage)) for stage in self.stages}
        deepest = max((path.levels for paths in found.values() for path in paths), default=0.0)
        return {
            name: [self._relaxed(path, deepest) for path in paths] for name, paths in found.items()
        }

    def _relaxed(self, path: Path, deepest: float) -> Path:
        if path.start != "register":
            return path
        slack = self.known.get(f"slack_{path.kind}", self.known["slack"])
        most = path.levels + slack if path.most is None else path.most
        return replace(path, levels=max(path.levels, min(most, deepest)))

    def _of(self, stage: Stage) -> Iterator[Path]:
        """The paths of a unit, with a family's levels; short sums are tables alone."""
        for path in self._paths(stage):
            levels = max(path.levels + self.known.get(path.kind, 0.0), 0.0)
            if not path.digits:
                yield replace(path, levels=levels, chains=0)
            elif path.digits < self.family.chain_bits:
                short = path.chains * (path.digits + 1) // 2
                yield replace(path, levels=levels + short, chains=0, digits=0)
            else:
                yield replace(path, levels=levels + self.known["into"])

    def _own(self, unit: Unit) -> float:
        """Levels until a unit that gives handshakes on knows what it does."""
        known = self.known
        if isinstance(unit, Gearbox):
            return max(known["gear"] + known["gear_state"] * area.bits(len(unit.levels)), 0)
        if isinstance(unit, Pad):
            sizes = unit.height + 2 * unit.rows, unit.across + 2 * unit.columns
            return known["pad"] + known["pad_chain"] * (max(sizes) > MOST_IN_TABLES)
        if isinstance(unit, Repack | Side):
            return known["repack"]
        return known["strobe"]

    def _valid(self, stage: Stage) -> float:
        """Levels until it is known whether something is given."""
        unit = stage.unit
        if not isinstance(unit, PASSING):
            return 0.0
        given = max(self.valid[stream] for stream in stage.takes)
        if isinstance(unit, Centre):
            return given
        return max(given, self._own(unit)) + self.known["pass"]

    def _ready(self, stage: Stage) -> float:
        """Levels until it is known whether something is taken."""
        unit = stage.unit
        taken = max(self.ready[stream] for stream in stage.gives)
        if isinstance(unit, Sum):
            return max(taken, *(self.valid[n] for n in stage.takes)) + self.known["pass"]
        if isinstance(unit, Centre):
            return taken
        if isinstance(unit, PASSING):
            return max(taken, self._own(unit)) + self.known["pass"]
        return 0.0 if isinstance(unit, Window | Lanes) else self.known["offer"]

    def _paths(self, stage: Stage) -> Iterator[Path]:
        unit = stage.unit
        valid = max(self.valid[stream] for stream in stage.takes)
        ready = max(self.ready[stream] for stream in stage.gives)
        if isinstance(unit, Window):
            yield from self._ring(unit, valid, ready)
        elif isinstance(unit, MatrixVector):
            yield from self._matvec(unit, valid, ready)
        elif isinstance(unit, Lanes):
            yield from self._lanes(unit, valid, ready)
        elif isinstance(unit, Projector):
            yield Path("number", adders(unit.lanes), area.bits(unit.lanes))
            yield Path("product", start="product")
        elif isinstance(unit, Sum):
            yield Path("keep", max(valid, ready) + 1, far=True)
            clip = 2 if unit.clips else 0
            yield Path("added", clip + valid, unit.result.width, chains=2 if unit.clips else 1)
        elif isinstance(unit, Gearbox | Repack | Side | Fork):
            yield Path("keep", max(valid, ready, self._own(unit)) + 1, far=True)
        elif isinstance(unit, Pad):
            yield Path("frame", max(valid, ready, self._own(unit)) + 3, far=True)
        elif isinstance(unit, Pool | Slide):
            kind = "rows" if isinstance(unit, Slide) else "count"
            yield Path(kind, max(valid, ready, self._own(unit)) + 2, far=True)
            if isinstance(unit, SumPool):
                yield Path("added", valid, unit.result.width)
            if isinstance(unit, MaxPool):
                yield Path("greatest", valid + 1, unit.bits)

    def _ring(self, unit: Window, valid: float, ready: float, part: str = "") -> Iterator[Path]:
        """Two distances and a place, which move by what is in registers."""
        ways = unit.ways(unit.depth)
        given = ready + 1
        # A digit more, by which a carry comes in.
        yield Path("due", given, ways.due.width + 1, part=part)
        yield Path("room", max(given, valid), ways.room.width + 1, part=part)
        place = area.bits(unit.depth)
        yield Path("moved", max(given, valid) + 1, far=True, part=part)
        if ways.in_turn:
            yield Path("place", 0, place, part=part)
        else:
            yield Path("place", 0 if ways.whole else 1, place + (not ways.whole), part=part)
        if ways.sizes:
            yield Path("way", compared(ways.sizes[0]) + 1, part=part)
            yield Path("turns", given + 1, far=True, part=part)
        if self.family.in_blocks(unit.depth, unit.width):
            yield Path("memory", start="memory", far=True, part=part)
            yield Path("enable", given, far=True, part=part)
        elif self.family.distributed:
            yield Path("read", 1 + chosen(self.family.ram_rows(unit.depth)), part=part)
        else:
            yield Path("read", chosen(unit.depth), part=part)
            yield Path("write", valid + 1 + compared(unit.depth), far=True, part=part)

    def _contents(self, held: Contents, name: str) -> Iterator[Path]:
        """From a read-only memory's address to its register, or from its block RAM."""
        if held.depth == 1:
            return
        if self.family.rom_shape(held.depth, held.lanes * held.width) is None:
            yield Path("tables", 1 + max(area.bits(held.depth) - 4, 0), part=name)
            return
        _, side = held.shape(self.family)
        yield Path("memory", start="memory", far=True, part=name)
        if side > 1:
            yield Path("side", chosen(side), part=name)

    def _matvec(self, unit: MatrixVector, valid: float, ready: float) -> Iterator[Path]:
        family = self.family
        step = valid + 1
        yield Path("step", step + 1, far=True)
        yield Path("used", max(step, ready) + 1, area.bits(unit.places) + 1)
        for name, held in unit.contents(family).items():
            yield from self._contents(held, name)
        if Popcount.kind(family, unit.bits) is ParityPopcount:
            yield from self._falls(unit.simd)
        elif unit.simd > 1:
            terms = -(-unit.simd // 2)
            digits = (((1 << unit.bits) - 1) * unit.simd).bit_length() - 1
            yield Path("choice", 2)
            if terms > 1:
                yield Path("numbers", adders(terms), digits)
        yield Path("total", 0, unit.start_width)
        if unit.places > 1:
            yield from self._ring(unit.queue, 0, ready, "queue")

    def _falls(self, simd: int) -> Iterator[Path]:
        """The parity of the inputs, the falls of it, and their number."""
        lanes = lanes_in_pairs(simd)
        terms = (lanes - 1) // 2
        runs = [lanes] if lanes < LONG else [piece_of(lanes), -(-lanes // piece_of(lanes))]
        for run in runs:
            yield Path("parity", chosen(run), most=run - 1)
        if terms:
            yield Path("falls", 2)
        if terms > 1 and terms.bit_length() < self.family.chain_bits:
            yield Path("few", adders(terms) + 1)
        elif terms > 3:  # the last levels are the chain's
            yield Path("number", max(adders(terms) - 2, 0), terms.bit_length())

    def _lanes(self, unit: Lanes, valid: float, ready: float) -> Iterator[Path]:
        if unit.folds > 1:
            yield Path("step", valid + 2, far=True)
            yield Path("tables", 1 + max(area.bits(unit.folds) - 4, 0))
        product = unit.products()
        if product is None:
            yield Path("greatest", 0, unit.bits)
        elif area.in_multipliers(self.family, *product):
            yield Path("product", start="product")
            yield Path("total", 0, sum(product))
            yield Path("clip", 2, unit.result.width)
        else:
            yield Path("multiplied", adders(min(product)), sum(product))
            yield Path("total", 0, sum(product))
            yield Path("clip", 2, unit.result.width)
        yield from self._ring(unit.queue, 0, ready, "queue")


@dataclass(frozen=True)
class Clock:
    """A predicted clock.

    Attributes
    ----------
    mhz : float
    unit : str, the one that has the longest path
    path : Path
    slowest : dict of str to float
        The longest path of each unit, in ns, the slowest unit first.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> from bitlight_hw import Accelerator
    >>> weight = np.ones((8, 64), dtype=bool)
    >>> net = Network((64,), 1, [Linear(weight, np.zeros(8, dtype=np.int32))])
    >>> narrow, wide = (Accelerator(net, [(1, simd)]).clock("ecp5") for simd in (4, 64))
    >>> narrow.mhz > wide.mhz  # many lanes are more levels of adders
    True
    """

    mhz: float
    unit: str
    path: Path
    slowest: dict[str, float]

    @property
    def what(self) -> str:
        """The kind of that path in words."""
        return WORDS[self.path.kind]

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain numbers and text."""
        return {"mhz": round(self.mhz, 2), "unit": self.unit, "path": self.what} | {
            "slowest_ns": self.slowest
        }


def predict(stages: Sequence[Stage], family: Family) -> Clock | None:
    """The clock of a settled pipeline; None where no constants are known for the family."""
    found = constants().get(family.name)
    if found is None:
        return None
    delays = Delays(**found["delays"])
    longest = {
        name: max(paths, key=delays.of)
        for name, paths in Depths(stages, family, found["levels"]).paths().items()
        if paths
    }
    slowest = sorted(
        ((delays.of(path), name) for name, path in longest.items()), key=lambda pair: -pair[0]
    )
    if not slowest:
        return None
    ns, unit = slowest[0]
    return Clock(1000 / ns, unit, longest[unit], {name: round(ns, 3) for ns, name in slowest})


@cache
def constants() -> dict[str, dict[str, dict[str, float]]]:
    """Family → "delays" or "levels" → name → constant."""
    return json.loads(resources.files("bitlight_hw").joinpath("clock.json").read_text())
