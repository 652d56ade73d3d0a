"""Results of bad images end here."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.axi.framing import MARK
from bitlight_hw.units.unit import counter

# How a frame goes on after a result; or there is none, and the frame that has begun is cut.
MORE, LAST, CUT = 0, 1, 2
END_BITS = 2


class Gate(wiring.Component):
    """o = the results of i, `count` beats each, whose mark is good; the others are dropped.

    A beat moves in the cycle in which it comes, once the mark of its image is there. The mark is
    taken with the last beat. With it `ends` tells how the frame goes on; of a bad image only if
    there are results of its frame before it.
    """

    def __init__(self, width: int, *, count: int) -> None:
        self.count = count
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "marks": In(stream.Signature(MARK)),
                "o": Out(stream.Signature(width)),
                "ends": Out(stream.Signature(END_BITS)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat = counter(self.count, "beat")
        end = Signal()
        moves = Signal()
        known = Signal()
        begun = Signal()
        mark = self.marks.payload
        good = mark.good
        m.d.comb += [
            end.eq(beat == self.count - 1),
            known.eq(self.marks.valid & (self.ends.ready | ~end)),
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & known & good),
            self.i.ready.eq(known & (self.o.ready | ~good)),
            moves.eq(self.i.valid & self.i.ready),
            self.marks.ready.eq(moves & end),
            self.ends.valid.eq(moves & end & (good | begun)),
            self.ends.payload.eq(Mux(good, Mux(mark.end, LAST, MORE), CUT)),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(Mux(end, 0, beat + 1))
        with m.If(moves & end):
            m.d.sync += begun.eq(~mark.end)
        return m
