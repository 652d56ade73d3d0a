"""State that is visited in turn, and strobes that come at even distances."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.units.unit import turn


def recall_estimate(family: families.Family, width: int, depth: int) -> Estimate:
    """What the memory of a `Recall` is; a single word is a register."""
    return Estimate(buffer_bits=width) if depth == 1 else family.ram_estimate(depth, width)


def recall_parts(family: families.Family, width: int, depth: int) -> area.Parts:
    """What stands around it: an index, and one that is ahead."""
    if depth == 1:
        return area.registers(width)
    index = area.Parts(index=1, index_bits=area.bits(depth))
    return index + area.memory(family, depth, width)


class Recall(wiring.Component):
    """One word of state for each of `depth` positions that are visited one after the other.

    `state` is the word of the present position. In a cycle with `step` it becomes `update` and the
    next position is present from the next cycle on; `last` marks the last position. The word of the
    next position is fetched while the present one is written, so block RAM can hold them. That is
    slow to give: its words are fetched a step earlier, into a register.
    """

    step: Any
    update: Any
    state: Any
    last: Any
    # Some are made for their estimate alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, width: int, depth: int) -> None:
        self.depth = depth
        super().__init__({"step": In(1), "update": In(width), "state": Out(width), "last": Out(1)})

    def estimate(self, family: families.Family) -> Estimate:
        """The memory alone; what stands around it are `parts` of the unit that it is in."""
        return recall_estimate(family, len(self.update), self.depth)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        if self.depth == 1:
            m.d.comb += self.last.eq(1)
            state = Signal(len(self.update), reset_less=True)
            m.d.comb += self.state.eq(state)
            with m.If(self.step):
                m.d.sync += state.eq(self.update)
            return m
        family, width = families.of(platform), len(self.update)
        # The word that is fetched must not be the one that is written.
        early = family.in_blocks(self.depth, width) and self.depth > 2
        index, last = turn(m, self.step, self.depth, "index")
        ahead, _ = turn(m, self.step, self.depth, "ahead", (1 + early) % self.depth)
        m.submodules.memory = memory = family.ram(self.depth, width)
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            self.last.eq(last),
            write.addr.eq(index),
            write.data.eq(self.update),
            write.en.eq(self.step),
            read.addr.eq(ahead),
            read.en.eq(self.step),
        ]
        if early:
            state = Signal(width, reset_less=True)
            m.d.comb += self.state.eq(state)
            with m.If(self.step):
                m.d.sync += state.eq(read.data)
        else:
            m.d.comb += self.state.eq(read.data)
        return m


class Strobe(wiring.Component):
    """High at the steps `first`, `first + period`, …, counted from each `restart`."""

    step: Any
    restart: Any
    now: Any

    def __init__(self, first: int, period: int) -> None:
        self.first = first
        self.period = period
        super().__init__({"step": In(1), "restart": In(1), "now": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wait = Signal(range(max(self.first + 1, self.period, 2)), init=self.first)
        m.d.comb += self.now.eq(wait == 0)
        with m.If(self.step):
            m.d.sync += wait.eq(Mux(self.now, self.period - 1, wait - 1))
            with m.If(self.restart):
                m.d.sync += wait.eq(self.first)
        return m
