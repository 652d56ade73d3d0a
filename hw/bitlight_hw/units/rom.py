"""Read-only memory, shaped for the family of the FPGA."""

from typing import Any

import numpy as np
from amaranth import ClockSignal, Const, Elaboratable, Module, Signal, Value
from amaranth.hdl import Instance
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from bitlight import bits
from bitlight_hw import family as families
from bitlight_hw import styles
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.units.contents import Contents
from bitlight_hw.units.pipeline import delay, register

# Cycles from an address to its word, at least.
LATENCY = 2
# Bits of one constant in the text: tools take time that grows with the square of an initial block.
CHUNK = 4096


class Rom(wiring.Component):
    """lane k = words[addr, k], `cycles` later, if `en` is set in the cycle after the address.

    For a simulator each lane is a memory of its own, since narrow words are fast there, and reads
    nothing without `en`. For an FPGA
    all lanes are one memory: look-up tables, or block RAM with words side by side where the ROM is
    deeper than a row of blocks; `Family.rom_shape` is the rule. The second register holds what was
    read from block RAM, and else the address. More are where they take fewest bits: before the
    address, or behind the choice of one of the words that lie side by side.

    Parameters
    ----------
    words : bool array, shape (depth, lanes, width)
    cycles : int
        From an address to its word, two at least.
    """

    addr: Any
    en: Any
    data: Any
    # Some are made for their places or estimate alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, words: np.ndarray, cycles: int = LATENCY) -> None:
        self.words = words
        self.cycles = cycles
        self.depth, self.lanes, self.width = words.shape
        self.contents = Contents(words)
        super().__init__(
            {
                "addr": In(range(max(self.depth, 2))),
                "en": In(1),
                "data": Out(self.width).array(self.lanes),
            }
        )

    def lane(self, index: int, data: Any = None) -> Value:
        """The word of one lane; a constant where all its words are equal.

        `data` are the outputs, where they are not the component's own.
        """
        constant = index not in self._stored
        return (
            Const(_integer(self.words[0, index]), self.width)
            if constant
            else (data or self.data)[index]
        )

    @property
    def _stored(self) -> list[int]:
        return self.contents.stored

    def estimate(self, family: Family) -> Estimate:
        """Its block RAM; look-up tables are those of the unit that it is in."""
        return self.contents.estimate(family)

    def place(self, family: Family, addr: int, lane: int, bit: int) -> tuple[str, int, int] | None:
        """(instance, row, bit) that holds a bit of a word; None if the lane is a constant."""
        if lane not in self._stored:
            return None
        if family is families.SIMULATION:
            return f"memory{lane}", addr, bit
        part, row = divmod(addr, self.contents.shape(family)[0])
        index = part * len(self._stored) + self._stored.index(lane)
        return "memory", row, index * self.width + bit

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        family = families.of(platform)
        if family is families.SIMULATION:
            held = delay(m, self.addr, self.cycles - 1, "held")
            for lane in self._stored:
                m.submodules[f"memory{lane}"] = words = Words(
                    self.words[:, lane], name=f"rom{lane}"
                )
                m.d.comb += [words.addr.eq(held), words.en.eq(self.en)]
                m.d.comb += self.data[lane].eq(words.data)
        elif self._stored:
            self._pack(m, family)
        return m

    def _pack(self, m: Module, family: Family) -> None:
        """All lanes in one memory."""
        width = len(self._stored) * self.width
        rows, side = self.contents.shape(family)
        packed = self.contents.rows(family)
        block = family.rom_shape(self.depth, width) is not None
        style = styles.rom(family.name, "block" if block else "tables") if family.block else {}
        m.submodules.memory = words = Words(packed, styles.text(style))
        before, behind = self.cycles - LATENCY, 0
        if side > 1:
            before, behind = behind, before
        addr = delay(m, self.addr, before, "early")
        # Block RAM is slow to give: nothing but a register is behind it.
        m.d.comb += words.addr.eq(addr if block else register(m, addr, "held"))
        chosen = register(m, words.data, "row") if block else words.data
        if side > 1:
            part = delay(m, addr >> (rows - 1).bit_length(), LATENCY, "part")
            chosen = delay(m, chosen.word_select(part, width), behind, "chosen")
        for index, lane in enumerate(self._stored):
            m.d.comb += self.data[lane].eq(chosen.word_select(index, self.width))


class Words(Elaboratable):
    """data = words[addr], one enabled cycle later: the bare memory.

    In Verilog it is a module of our own text, which is quick to make and to read however large.
    """

    def __init__(self, words: np.ndarray, style: str = "", name: str = "rom") -> None:
        self.words = words
        self.name = name
        self.style = style
        self.depth, self.width = words.shape
        self.addr = Signal(range(max(self.depth, 2)))
        self.en = Signal(init=1)
        self.data = Signal(self.width)

    def elaborate(self, platform: Any) -> Module | Instance:
        if hasattr(platform, "rom"):
            return Instance(
                platform.rom(self),
                ("i", "clk", ClockSignal()),
                ("i", "en", self.en),
                ("i", "addr", self.addr),
                ("o", "data", self.data),
            )
        m = Module()
        init = [_integer(word) for word in self.words]
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.depth, init=init)
        read = memory.read_port()
        m.d.comb += [read.addr.eq(self.addr), read.en.eq(self.en), self.data.eq(read.data)]
        return m

    def verilog(self) -> str:
        """The module's text behind its name."""
        width, depth = self.width, self.depth
        lines = [
            f"(input clk, input en, input [{len(self.addr) - 1}:0] addr,"
            f" output reg [{width - 1}:0] data);",
            f"  {self.style}reg [{width - 1}:0] words [0:{depth - 1}];",
            "  integer n;",
        ]
        per = max(1, CHUNK // width)
        for start in range(0, depth, per):
            rows = self.words[start : start + per]
            constant = f"{rows.size}'h{_integer(rows.reshape(-1)):x}"
            lines += [
                f"  localparam [{rows.size - 1}:0] WORDS{start} = {constant};",
                f"  initial for (n = 0; n < {len(rows)}; n = n + 1)"
                f" words[{start} + n] = WORDS{start}[{width} * n +: {width}];",
            ]
        lines += ["  always @(posedge clk) if (en) data <= words[addr];", "endmodule", ""]
        return "\n".join(lines)


def _integer(word: np.ndarray) -> int:
    return int.from_bytes(bits.pack(word).tobytes(), "little")
