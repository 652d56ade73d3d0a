"""How deep a mapped netlist is: its longest path into each group of registers.

Every wire takes the same, so that depth is the netlist's own and not that of a placement.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bitlight_hw.clock import Delays

BLOCKS = {"DP16KD", "SB_RAM40_4K"}
# Inputs that a memory takes at the edge of the clock.
SAMPLED = re.compile(r"(AD|DI|CE|OCE|WE|CS|WRE|WAD)|(R|W)(ADDR|DATA|E|CLKE)|MASK")
# Inputs that an output of a cell follows in the same cycle.
INPUTS: dict[str, tuple[str, ...]] = {
    "LUT4": ("A", "B", "C", "D"),
    "SB_LUT4": ("I0", "I1", "I2", "I3"),
    "SB_CARRY": ("I0", "I1", "CI"),
    "CCU2C": ("A0", "B0", "C0", "D0", "A1", "B1", "C1", "D1", "CIN"),
    "TRELLIS_DPR16X4": ("RAD",),
    "MULT18X18D": tuple(f"{side}{bit}" for side in "AB" for bit in range(18)),
}
DATA = {"DI", "D"}
ENABLES = {"CE", "E", "LSR", "R", "S"}


@dataclass(frozen=True)
class Depth:
    """A longest path.

    Attributes
    ----------
    ns : float
    levels, digits : int, look-up tables and places of carry chains on it
    start, end : str, names of what is registered there
    """

    ns: float
    levels: int = 0
    digits: int = 0
    start: str = ""
    end: str = ""

    def __lt__(self, other: "Depth") -> bool:
        return self.ns < other.ns

    def on(self, ns: float, levels: int = 0, digits: int = 0) -> "Depth":
        """The path, so much longer."""
        return replace(
            self, ns=self.ns + ns, levels=self.levels + levels, digits=self.digits + digits
        )


def of(folder: Path, delays: Delays, top: str = "accelerator") -> dict[tuple[str, str], Depth]:
    """The longest path into each (unit, group of registers) of netlist.json in a folder."""
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    found: dict[tuple[str, str], Depth] = {}
    for end in _Netlist(module, delays).ends():
        unit, _, rest = end.end.partition(".")
        group = re.sub(r"[\d\[].*", "", rest).rstrip("_").replace("__", ".")
        key = (unit if rest else "", group)
        if key not in found or found[key] < end:
            found[key] = end
    return found


class _Netlist:
    """The cells of a module, and when each of their outputs settles."""

    def __init__(self, module: Mapping[str, Any], delays: Delays) -> None:
        self.cells = module["cells"]
        self.delays = delays
        self.names: dict[int, str] = {}
        for name, net in module["netnames"].items():
            for bit in net["bits"]:
                short = bit not in self.names or len(name) < len(self.names[bit])
                if isinstance(bit, int) and short and not name.startswith("$"):
                    self.names[bit] = name
        self.drivers = {
            bit: (name, port)
            for name, cell in self.cells.items()
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output"
            for bit in bits
        }
        self.known: dict[int, Depth] = {}

    def ends(self) -> Iterator[Depth]:
        """The paths into registers and memories."""
        for name, cell in self.cells.items():
            kind = cell["type"]
            flop = kind == "TRELLIS_FF" or kind.startswith("SB_DFF")
            if not flop and kind not in BLOCKS and kind != "TRELLIS_DPR16X4":
                continue
            end = self.names.get(cell["connections"]["Q"][0], name) if flop else name
            for port, bits in cell["connections"].items():
                wanted = port in DATA | ENABLES if flop else SAMPLED.match(port)
                for bit in bits if wanted else ():
                    if bit in self.drivers:
                        yield replace(self._into(bit, flop and port in DATA), end=end)

    def _into(self, bit: int, data: bool) -> Depth:
        kind = self.cells[self.drivers[bit][0]]["type"]
        beside = data and kind in ("LUT4", "SB_LUT4", "CCU2C")  # the register stands behind it
        return self._settled(bit).on(0.0 if beside else self.delays.wire)

    def _settled(self, last: int) -> Depth:
        """When a net settles; netlists are deeper than Python's own stack."""
        stack = [last]
        while stack:
            bit = stack[-1]
            missing = [b for b in self._needs(bit) if b not in self.known]
            if bit in self.known or not missing:
                self.known.setdefault(bit, self._settle(bit))
                stack.pop()
            else:
                stack += missing
        return self.known[last]

    def _needs(self, bit: int) -> list[int]:
        name, _ = self.drivers[bit]
        ports = INPUTS.get(self.cells[name]["type"], ())
        return [b for p in ports for b in self._bits(name, p) if b in self.drivers]

    def _bits(self, cell: str, port: str) -> list[Any]:
        return self.cells[cell]["connections"].get(port, [])

    def _worst(self, cell: str, ports: Any, wire: float) -> Depth:
        paths = [
            self.known[bit].on(wire)
            for port in ports
            for bit in self._bits(cell, port)
            if bit in self.drivers
        ]
        return max(paths, default=Depth(0.0, start="input"))

    def _settle(self, bit: int) -> Depth:
        name, port = self.drivers[bit]
        kind, own = self.cells[name]["type"], self.delays
        if kind in BLOCKS or kind not in INPUTS:  # flip-flops
            known = own.memory if kind in BLOCKS else own.register
            return Depth(known, start=self.names.get(bit, name))
        if kind == "SB_LUT4":
            return self._behind_carry(name)
        if kind == "SB_CARRY":
            into = self._worst(name, ("I0", "I1"), own.wire).on(own.into, 0, 1)
            return max(into, self._worst(name, ("CI",), 0.0).on(own.digit, 0, 1))
        if kind == "CCU2C":
            return self._chain(name, port)
        worst = self._worst(name, INPUTS[kind], own.wire)
        if kind == "MULT18X18D":
            return worst.on(own.product - own.register - own.wire)
        return worst.on(own.table, 1)

    def _behind_carry(self, name: str) -> Depth:
        """A table of an iCE40, whose last input may be a carry's own."""
        own = self.delays
        behind = self._bits(name, "I3")[0]
        carry = behind in self.drivers and self._is_carry(behind)
        worst = self._worst(name, ("I0", "I1", "I2", *(() if carry else ("I3",))), own.wire)
        if carry:  # the table is part of `out_of`
            worst = max(worst, self.known[behind].on(own.out_of - own.table))
        return worst.on(own.table, 1)

    def _is_carry(self, bit: int) -> bool:
        return bool(self.cells[self.drivers[bit][0]]["type"] == "SB_CARRY")

    def _chain(self, name: str, port: str) -> Depth:
        """Two digits of a carry chain, a table before each."""
        own = self.delays
        low = self._worst(name, ("A0", "B0", "C0", "D0"), own.wire)
        both = low if port == "S0" else max(low, self._worst(name, INPUTS["CCU2C"][4:8], own.wire))
        passed = self._worst(name, ("CIN",), 0.0)
        if port == "COUT":
            return max(both.on(own.into, 0, 2), passed.on(2 * own.digit, 0, 2))
        return max(both.on(own.into, 0, 2), passed.on(own.out_of, 0, 2))
