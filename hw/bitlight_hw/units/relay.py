"""A register on a stream, in both directions, so that no path runs from unit to unit."""

from typing import Any

import numpy as np
from amaranth import Module, Mux, Signal

from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import Buffer
from bitlight_hw.units.unit import Unit


class Relay(Unit):
    """o = i, one cycle later: a queue of two registers.

    Neither `i.ready` nor `o.valid` and the payload depend on anything in the same cycle. One beat
    in every cycle.

    Parameters
    ----------
    width : int, bits of a beat
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(width, width)

    @property
    def timing(self) -> tuple[Buffer]:
        """A queue of two whose words are there in the next cycle."""
        once = np.zeros(1, np.int64)
        return (Buffer(2, once, 1, once + 1, fixed=True),)

    def estimate(self, family: Family) -> Estimate:
        """A choice for each bit, and three for control."""
        return Estimate(self.width + 3, buffer_bits=2 * self.width)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        first, second, waiting = Signal(self.width), Signal(self.width), Signal()
        m.d.comb += [self.i.ready.eq(~waiting), self.o.payload.eq(first)]
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [
                first.eq(Mux(waiting, second, self.i.payload)),
                self.o.valid.eq(self.i.valid | waiting),
                waiting.eq(0),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += waiting.eq(1)
        with m.If(self.i.ready):
            m.d.sync += second.eq(self.i.payload)
        return m
