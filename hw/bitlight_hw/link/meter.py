"""How long each image took, in clock cycles, behind its result."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.units.unit import counter

# The cycles of the image, and the cycle of its end since the reset; the lowest byte first.
TRAILER_BYTES = 8
# Images that may be inside at once.
INSIDE_BITS = 8


class Meter(wiring.Component):
    """o = the bytes of i, and 8 more after every `count`: two numbers of 32 bits.

    The first are the cycles of the image: from the one in which `began` told that its first byte
    was taken, or from the last byte of the result before it where that came later, to the last byte
    of its result. The second is that last cycle, counted from the reset. Both wrap around.

    Bytes pass in the cycle in which they come. `done` is set in the cycle of each result's last.

    Parameters
    ----------
    count : int, bytes of a result
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "began": In(1),
                "done": Out(1),
                "cycles": Out(32),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        place = counter(self.count, "place")
        behind = counter(TRAILER_BYTES + 1, "behind")
        now, elapsed, ended = Signal(32), Signal(32), Signal(32)
        inside, after = Signal(INSIDE_BITS), Signal(INSIDE_BITS)
        passes, last = Signal(), Signal()
        trailer = Cat(self.cycles, ended)
        m.d.comb += [
            passes.eq(self.i.valid & self.i.ready),
            last.eq(place == self.count - 1),
            self.done.eq(passes & last),
            after.eq(inside + self.began - self.done),
            self.o.valid.eq(self.i.valid | (behind != 0)),
            self.i.ready.eq(self.o.ready & (behind == 0)),
            self.o.payload.eq(self.i.payload),
        ]
        m.d.sync += [now.eq(now + 1), inside.eq(after), elapsed.eq(elapsed + 1)]
        with m.If(passes):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
        with m.If(self.done):
            m.d.sync += [
                self.cycles.eq(elapsed),
                ended.eq(now),
                behind.eq(TRAILER_BYTES),
                elapsed.eq(1),
            ]
        with m.Elif(self.began & (inside == 0)):
            m.d.sync += elapsed.eq(1)
        with m.If(behind != 0):
            m.d.comb += self.o.payload.eq(trailer.word_select((TRAILER_BYTES - behind)[:3], 8))
            with m.If(self.o.ready):
                m.d.sync += behind.eq(behind - 1)
        return m
