"""Accumulators: registers that sum up the counts of successive beats, several sums in turn."""

from typing import Any

from amaranth import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import family as families
from bitlight_hw.units.recall import Recall
from bitlight_hw.units.separate import separate


class Accumulator(wiring.Component):
    """total_t = (first ? start : total_(t − turns)) + count + carry, in each lane, at each step t.

    So each lane has `turns` sums that are added to one after the other. The newest is the register
    `total`; where there are more than two, all but the newest and the next are in memory, behind a
    register of their own, so that neither reading nor writing it is part of the adder's path.

    Parameters
    ----------
    lanes : int
    shape : Shape of a sum
    count : Shape of a count
    turns : int
    """

    step: Any
    first: Any
    start: Any
    count: Any
    carry: Any
    total: Any
    # Some are made for their estimate alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, lanes: int, shape: Shape, count: Shape, turns: int) -> None:
        self.lanes = lanes
        self.shape = shape
        self.turns = turns
        super().__init__(
            {
                "step": In(1),
                "first": In(1),
                "start": In(shape).array(lanes),
                "count": In(count).array(lanes),
                "carry": In(1).array(lanes),
                "total": Out(shape).array(lanes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Nothing here is reset: `first` starts every sum anew.
        totals = [
            Signal(self.shape, name=f"total{lane}", reset_less=True) for lane in range(self.lanes)
        ]
        before = self._before(m, totals, platform)
        for lane, total in enumerate(totals):
            # Without a sign, the count is the narrower number: Yosys gives that to the carry chain
            # as it is, and the choice fits into the table of the exclusive or.
            addend = Mux(self.first, self.start[lane], before[lane]).as_unsigned()
            with m.If(self.step):
                m.d.sync += total.eq(addend + self.count[lane] + self.carry[lane])
            m.d.comb += self.total[lane].eq(total)
        return m

    def _before(self, m: Module, totals: list[Value], platform: Any) -> list[Value]:
        """The sums of `turns` steps ago."""
        if self.turns == 1:
            return totals
        held = [
            Signal(self.shape, name=f"held{lane}", reset_less=True) for lane in range(self.lanes)
        ]
        if self.turns > 2:
            totals = self._recalled(m, totals, platform)
        with m.If(self.step):
            m.d.sync += [register.eq(total) for register, total in zip(held, totals, strict=True)]
        return held

    def _recalled(self, m: Module, totals: list[Value], platform: Any) -> list[Value]:
        """The same, `turns` − 2 steps later: one wide memory, or one for each lane."""
        width, depth = self.shape.width, self.turns - 2
        packed = families.of(platform) is not families.SIMULATION
        words = [Cat(totals)] if packed else totals
        states = []
        for index, word in enumerate(words):
            memory = separate(m, platform, f"memory{index}", Recall(len(word), depth))
            m.d.comb += [memory.step.eq(self.step), memory.update.eq(word)]
            states.append(memory.state)
        return [Cat(states).word_select(lane, width) for lane in range(self.lanes)]
