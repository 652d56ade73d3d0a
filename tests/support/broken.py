"""Units that break a rule on purpose, so that every checker is seen to find it."""

from dataclasses import replace
from typing import Any

from amaranth import Module, Signal

from bitlight_hw import Accelerator
from bitlight_hw.units import Unit


class Broken(Unit):
    """A unit with a fault behind its output.

    - "withdraws": an offer that was not taken is taken back for a cycle.
    - "changes": the lowest bit of an offer that was not taken flips.
    - "loses": one beat, number `at`, is taken from the unit and not given.
    - "doubles": that beat is given twice.
    """

    def __init__(self, unit: Unit, fault: str, at: int = 3) -> None:
        self.unit = unit
        self.fault = fault
        self.at = at
        super().__init__(unit.i.payload.shape(), unit.o.payload.shape())

    @property
    def timing(self):
        return self.unit.timing

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        valid, ready = unit.o.valid, self.o.ready
        waited, doubled = Signal(), Signal()
        beat = Signal(8)
        here = (beat == self.at) & ~doubled
        moves = valid & unit.o.ready
        m.d.sync += [waited.eq(valid & ~ready & ~waited), beat.eq(beat + (moves & (beat < 255)))]
        m.d.comb += [
            unit.i.valid.eq(self.i.valid),
            unit.i.payload.eq(self.i.payload),
            self.i.ready.eq(unit.i.ready),
            self.o.valid.eq(valid),
            self.o.payload.eq(unit.o.payload),
            unit.o.ready.eq(ready),
        ]
        if self.fault == "withdraws":
            m.d.comb += [self.o.valid.eq(valid & ~waited), unit.o.ready.eq(ready & ~waited)]
        elif self.fault == "changes":
            m.d.comb += self.o.payload.eq(unit.o.payload ^ waited)
        elif self.fault == "loses":
            m.d.comb += [self.o.valid.eq(valid & ~here), unit.o.ready.eq(ready | here)]
        elif self.fault == "doubles":
            m.d.comb += unit.o.ready.eq(ready & ~here)
            with m.If(here & valid & ready):
                m.d.sync += doubled.eq(1)
        return m


def broken_accelerator(acc: Accelerator, name: str, fault: str) -> Accelerator:
    """The same accelerator with a fault behind one unit."""
    broken = Accelerator(acc.net, acc.folding)
    stages = [
        replace(stage, unit=Broken(stage.unit, fault)) if stage.name == name else stage
        for stage in broken.plan.stages
    ]
    broken.plan = replace(broken.plan, stages=stages)
    return broken
