"""A design as registers, memories and gates of single bits, read from what Yosys writes."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bitlight import SimulationError
from bitlight_hw import family
from bitlight_hw.elaboration import to_rtlil
from bitlight_hw.family import Family
from bitlight_hw.units.rom import Words
from bitlight_hw.verilog import run_yosys
from bitlight_sim.sliced.gates import ONE, ZERO, Gates
from bitlight_sim.sliced.operators import Bits, Cell

SCRIPT = """\
delete t:$check t:$print
proc -norom
memory_collect
flatten
opt -full
wreduce
opt_clean -purge
write_json -compat-int
"""


# Ports of gates, registers, memories, and of ROMs of our own.
OUTPUTS = {"Y", "Q", "RD_DATA", "data"}


@dataclass(frozen=True, eq=False)
class Move:
    """What happens at a clock edge: q becomes d, or a word of a memory is read into q or becomes d.

    Attributes
    ----------
    d, q : tuples of nets
        A read has no d, and a write no q. Reads see what was there before the edge.
    enable, reset : nets
        With `reset`, q becomes `value` whatever `enable` is.
    value : tuple of int
    memory : int or None
        Index of the memory.
    address : tuple of nets
    """

    d: tuple[int, ...] = ()
    q: tuple[int, ...] = ()
    enable: int = ONE
    reset: int = ZERO
    value: tuple[int, ...] = ()
    memory: int | None = None
    address: tuple[int, ...] = ()


@dataclass
class Netlist:
    """What a design's outputs depend on.

    Attributes
    ----------
    gates : Gates
    inputs, outputs : dict of str to tuple of nets
    moves : list of Move
    memories : list of bool arrays, shape (depth, width), what is in them at first
    raised : set of nets, of registers that are 1 at first
    """

    gates: Gates = field(default_factory=Gates)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    memories: list[np.ndarray] = field(default_factory=list)
    raised: set[int] = field(default_factory=set)


@dataclass
class Contents:
    """The platform that units are elaborated for: keeps what read-only memories hold from Yosys."""

    family: Family = family.SIMULATION
    roms: dict[str, np.ndarray] = field(default_factory=dict)

    def rom(self, words: Words) -> str:
        """The type of the cell that stands for a memory."""
        name = f"rom{len(self.roms)}"
        self.roms[name] = words.words
        return name


def read(component: Any) -> Netlist:
    """The netlist of an Amaranth component, in the form that is made for simulators.

    Raises
    ------
    SimulationError
        If it has a cell that cannot be taken bit by bit.
    """
    contents = Contents()
    text = to_rtlil(component, "top", contents)
    answer = json.loads(run_yosys(text, SCRIPT))
    return _Reader(answer["modules"]["top"], contents.roms).netlist()


class _Reader:
    """Walks from the outputs to all that they depend on."""

    def __init__(self, module: dict[str, Any], roms: dict[str, np.ndarray]) -> None:
        self.roms = roms
        self.found = Netlist()
        self.gates = self.found.gates
        self.nets: dict[int | str, int] = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}
        self.module = module
        self.cells: dict[str, Any] = module["cells"]
        self.driver: dict[int | str, str] = {}
        self.uses: Counter[int | str] = Counter()
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if port in OUTPUTS:
                    self.driver |= dict.fromkeys(bits, name)
                else:
                    self.uses.update(bits)
        self.initial: dict[int | str, int] = {}
        for net in module["netnames"].values():
            if "init" in net["attributes"]:
                values = _digits(net["attributes"]["init"], len(net["bits"]))
                self.initial |= dict(zip(net["bits"], values, strict=True))
        self.waiting: list[str] = []

    def netlist(self) -> Netlist:
        """Everything, once all that waits is read."""
        ports = self.module["ports"]
        for name, port in ports.items():
            if port["direction"] == "input":
                self.found.inputs[name] = self._leaves(port["bits"])
        for name, port in ports.items():
            if port["direction"] == "output":
                self.found.outputs[name] = self.word(port["bits"])
        while self.waiting:
            cell = self.cells[self.waiting.pop()]
            if cell["type"] in self.roms:
                self._rom(cell)
            else:
                (self._memory if cell["type"] == "$mem_v2" else self._register)(cell)
        return self.found

    def word(self, bits: Bits) -> tuple[int, ...]:
        """Nets of the bits, and the gates in front of them."""
        for bit in bits:
            if bit not in self.nets:
                self._lower(self.driver[bit])
        return tuple(self.nets[bit] for bit in bits)

    def _leaves(self, bits: Bits) -> tuple[int, ...]:
        for bit in bits:
            if bit not in self.nets:
                self.nets[bit] = self.gates.leaf()
        return tuple(self.nets[bit] for bit in bits)

    def _lower(self, name: str) -> None:
        ports = self.cells[name]["connections"]
        if "Y" in ports:
            found = Cell(self.cells[name], self).output()
            self.nets |= dict(zip(ports["Y"], found, strict=True))
        else:
            self.waiting.append(name)
            for port in OUTPUTS & ports.keys():
                self._leaves(ports[port])

    def _register(self, cell: dict[str, Any]) -> None:
        ports, parameters = cell["connections"], cell["parameters"]
        width = len(ports["Q"])

        def control(port: str, default: int) -> int:
            if port not in ports:
                return default
            (net,) = self.word(ports[port])
            return net if parameters[f"{port}_POLARITY"] else self.gates.inverse(net)

        reset = control("SRST", ZERO)
        enable = control("EN", ONE)
        if cell["type"] == "$sdffce":
            reset = self.gates.both(reset, enable)
        q = self.word(ports["Q"])
        value = tuple(_digits(parameters.get("SRST_VALUE", 0), width))
        move = Move(self.word(ports["D"]), q, enable, reset, value)
        self.found.moves.append(move)
        self.found.raised |= {
            net for net, bit in zip(q, ports["Q"], strict=True) if self.initial.get(bit)
        }

    def _rom(self, cell: dict[str, Any]) -> None:
        ports = cell["connections"]
        (enable,) = self.word(ports["en"])
        q, address = self.word(ports["data"]), self.word(ports["addr"])
        memory = len(self.found.memories)
        self.found.moves.append(Move(q=q, enable=enable, memory=memory, address=address))
        self.found.memories.append(self.roms[cell["type"]])

    def _memory(self, cell: dict[str, Any]) -> None:
        ports, parameters = cell["connections"], cell["parameters"]
        depth, width, bits = (parameters[name] for name in ("SIZE", "WIDTH", "ABITS"))
        clocked = _digits(parameters["RD_CLK_ENABLE"], parameters["RD_PORTS"])
        transparent = _digits(parameters["RD_TRANSPARENCY_MASK"], 1)
        if not all(clocked) or any(transparent) or parameters["WR_PORTS"] > 1:
            raise SimulationError(
                f"memory {parameters['MEMID']}: only plain clocked ports are known"
            )

        def part(port: str, index: int, width: int) -> tuple[int, ...]:
            return self.word(ports[port][index * width : (index + 1) * width])

        memory = len(self.found.memories)
        for n in range(parameters["RD_PORTS"]):
            (enable,) = part("RD_EN", n, 1)
            q, address = part("RD_DATA", n, width), part("RD_ADDR", n, bits)
            self.found.moves.append(Move(q=q, enable=enable, memory=memory, address=address))
        for n in range(parameters["WR_PORTS"]):
            enable, *others = set(part("WR_EN", n, width))
            if others:
                raise SimulationError(f"memory {parameters['MEMID']}: words must be written whole")
            d, address = part("WR_DATA", n, width), part("WR_ADDR", n, bits)
            self.found.moves.append(Move(d, enable=enable, memory=memory, address=address))
        words = np.array(_digits(parameters["INIT"], depth * width), bool)
        self.found.memories.append(words.reshape(depth, width))


def _digits(value: int | str, width: int) -> list[int]:
    """Bits of a parameter, least first; what is not defined is 0."""
    if isinstance(value, int):
        return [value >> n & 1 for n in range(width)]
    return [int(digit == "1") for digit in reversed(value)][:width]
