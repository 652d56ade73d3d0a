"""Output frames: `last` and `keep`, and an end for a frame that a restart cuts."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.axi.gate import CUT, END_BITS, LAST
from bitlight_hw.units.unit import counter


class Sender(wiring.Component):
    """data = the words of i, one register after; `last` with word `count` where `ends` says so.

    All bytes of a word are kept, of the last one of a frame the lowest `tail`. A word that is
    offered stays until it is taken, whatever else happens. `restart` takes no word in its cycle; if
    a frame has begun then, or where `ends` cuts it, one more word of it is offered, with `last`,
    `user` and its lowest byte kept, so that the receiver is at the beginning of a frame again.
    `user` is 0 in all other words.

    Parameters
    ----------
    width : int, bits of a word
    count : int, words of a result
    tail : int, bytes of its last word
    """

    def __init__(self, width: int, *, count: int, tail: int) -> None:
        self.width = width
        self.count = count
        self.tail = tail
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "ends": In(stream.Signature(END_BITS)),
                "data": Out(width),
                "keep": Out(width // 8),
                "last": Out(1),
                "user": Out(1),
                "valid": Out(1),
                "ready": In(1),
                "restart": In(1),
                "inside": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word = counter(self.count, "word")
        end = Signal()
        free = Signal()
        cut = Signal()
        begun = Signal()
        cuts = Signal()
        final = Signal()
        m.d.comb += [
            end.eq(word == self.count - 1),
            free.eq(self.ready | ~self.valid),
            self.inside.eq(begun | cut),
            cuts.eq(self.ends.valid & (self.ends.payload == CUT)),
            final.eq(end & (self.ends.payload == LAST)),
            self.i.ready.eq(free & ~cut & ~cuts & ~self.restart & (self.ends.valid | ~end)),
            self.ends.ready.eq(~cut & ~self.restart & (cuts | (self.i.valid & free & end))),
        ]
        with m.If(self.ready):
            m.d.sync += self.valid.eq(0)
        with m.If(self.restart):
            m.d.sync += [word.eq(0), begun.eq(0), cut.eq(self.inside)]
        with m.Elif(cuts & ~cut):
            m.d.sync += [begun.eq(0), cut.eq(1)]
        with m.Elif(cut & free):
            m.d.sync += [
                cut.eq(0),
                self.valid.eq(1),
                self.data.eq(0),
                self.keep.eq(1),
                self.last.eq(1),
                self.user.eq(1),
            ]
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [
                word.eq(Mux(end, 0, word + 1)),
                begun.eq(~final),
                self.valid.eq(1),
                self.data.eq(self.i.payload),
                self.keep.eq(Mux(final, (1 << self.tail) - 1, (1 << self.width // 8) - 1)),
                self.last.eq(final),
                self.user.eq(0),
            ]
        return m
