"""Input frames: exactly so many words for the accelerator, whatever comes, and a mark for each."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.units.unit import counter


class Framing(wiring.Component):
    """words = the data of each frame, `count` words of it; marks = 1 for a good frame, 0 for a bad.

    A good frame has `last` with its word `count` and not before, all bytes kept in each word but
    the last, and the lowest `tail` bytes kept in that. Of a bad one still `count` words are given,
    since the units behind have begun with it:

    - too short: zeros are given for the words that are missing, while none are taken;
    - too long: words are taken without being given, until one with `last`;
    - a wrong `keep`: the frame goes on, and is bad.

    A mark is given in the cycle in which word `count`, or `last` before it, is taken: so before the
    last word is given to anything behind a register. `ready` depends on no input of the same cycle
    but that of `words` and `marks`.

    `restart` begins again with the next frame: what is left of a frame that has begun is taken
    without being given.

    Parameters
    ----------
    width : int, bits of a word
    count : int, words of a frame
    tail : int, bytes of its last word
    """

    def __init__(self, width: int, *, count: int, tail: int) -> None:
        self.width = width
        self.count = count
        self.tail = tail
        super().__init__(
            {
                "data": In(width),
                "keep": In(width // 8),
                "last": In(1),
                "valid": In(1),
                "ready": Out(1),
                "words": Out(stream.Signature(width)),
                "marks": Out(stream.Signature(1)),
                "restart": In(1),
                "inside": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word = counter(self.count, "word")
        end = Signal()
        right = Signal()
        wrong = Signal()
        taken = Signal()
        filling = Signal()
        swallowing = Signal()
        bad = Signal()
        m.d.comb += [
            end.eq(word == self.count - 1),
            right.eq(self.keep == Mux(end, (1 << self.tail) - 1, (1 << self.width // 8) - 1)),
            wrong.eq(bad | ~right | (end ^ self.last)),
            taken.eq(self.valid & self.ready),
            self.words.payload.eq(Mux(filling, 0, self.data)),
            self.marks.payload.eq(~wrong),
        ]
        with m.If(taken):
            m.d.sync += self.inside.eq(~self.last)

        with m.If(swallowing):
            m.d.comb += self.ready.eq(1)
            with m.If(taken & self.last):
                m.d.sync += swallowing.eq(0)
        with m.Elif(filling):
            m.d.comb += self.words.valid.eq(1)
            with m.If(self.words.ready):
                m.d.sync += [word.eq(Mux(end, 0, word + 1)), filling.eq(~end)]
        with m.Else():
            m.d.comb += [
                self.ready.eq(self.words.ready & self.marks.ready),
                self.words.valid.eq(self.valid & self.marks.ready),
                self.marks.valid.eq(taken & (end | self.last)),
            ]
            with m.If(taken):
                m.d.sync += [
                    word.eq(Mux(end, 0, word + 1)),
                    bad.eq(wrong & ~(end | self.last)),
                    filling.eq(self.last & ~end),
                    swallowing.eq(end & ~self.last),
                ]

        with m.If(self.restart):
            m.d.sync += [word.eq(0), bad.eq(0), filling.eq(0)]
            m.d.sync += swallowing.eq(Mux(taken, ~self.last, self.inside))
        return m
