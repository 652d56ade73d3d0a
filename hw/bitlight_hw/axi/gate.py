"""Results of bad frames end here."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.units.unit import counter


class Gate(wiring.Component):
    """o = the frames of i, `count` beats each, whose mark is 1; the others are taken and dropped.

    A beat moves in the cycle in which it comes, once the mark of its frame is there. The mark is
    taken with the last beat.
    """

    def __init__(self, width: int, *, count: int) -> None:
        self.count = count
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "marks": In(stream.Signature(1)),
                "o": Out(stream.Signature(width)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat = counter(self.count, "beat")
        end = Signal()
        moves = Signal()
        good = self.marks.payload
        m.d.comb += [
            end.eq(beat == self.count - 1),
            self.o.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & self.marks.valid & good),
            self.i.ready.eq(self.marks.valid & (self.o.ready | ~good)),
            moves.eq(self.i.valid & self.i.ready),
            self.marks.ready.eq(moves & end),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(Mux(end, 0, beat + 1))
        return m
