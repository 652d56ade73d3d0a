"""A design as registers, memories and gates of single bits, read from what Yosys writes."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.back import rtlil

from bitlight import SimulationError
from bitlight_hw import family
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


REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")


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


def read(component: Any) -> Netlist:
    """The netlist of an Amaranth component, in the form that is made for simulators.

    Raises
    ------
    SimulationError
        If it has a cell that cannot be taken bit by bit.
    """
    text = rtlil.convert(component, name="top", emit_src=False, platform=family.SIMULATION)
    answer = json.loads(run_yosys(text, SCRIPT))
    return _Reader(answer["modules"]["top"]).netlist()


class _Reader:
    """Walks from the outputs to all that they depend on."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.found = Netlist()
        self.gates = self.found.gates
        self.nets: dict[int | str, int] = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}
        self.module = module
        self.cells: dict[str, Any] = module["cells"]
        self.driver: dict[int | str, str] = {}
        self.uses: Counter[int | str] = Counter()
        for name, cell in self.cells.items():
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "output":
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
        cell = self.cells[name]
        if cell["type"] == "$mem_v2" or cell["type"] in REGISTERS:
            self.waiting.append(name)
            port = "RD_DATA" if cell["type"] == "$mem_v2" else "Q"
            self._leaves(cell["connections"][port])
            return
        found = Cell(cell, self).output()
        self.nets |= dict(zip(cell["connections"]["Y"], found, strict=True))

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
