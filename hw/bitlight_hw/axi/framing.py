"""Input frames: exactly so many words for each image, whatever comes, and a mark for each."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.axi.registers import BATCH_BITS
from bitlight_hw.units.unit import counter

# Of an image: whether it is good, and whether its frame ends with it.
MARK = data.StructLayout({"good": 1, "end": 1})


class Framing(wiring.Component):
    """words = the data of each image, `count` words of it; marks = what became of each image.

    A frame is `batch` images, each of them `count` words; what the last word of an image holds
    beyond its lowest `tail` bytes does not matter. A good frame has `last` with its last word and
    not before, all bytes kept in each word but that one, and the lowest `tail` bytes kept in that.
    A bad one ends with the image in which its fault is. Of that still `count` words are given,
    since the units after this have begun with it:

    - too short: zeros are given for the words that are missing, while none are taken;
    - too long, or more images after a bad one: words are taken without being given, until one with
      `last`;
    - a wrong `keep`: the image goes on, and is bad.

    A mark is given in the cycle in which word `count`, or `last` before it, is taken: so before the
    last word is given to anything after a register. `ready` depends on no input of the same cycle
    but that of `words` and `marks`.

    `restart` begins again with the next frame: what is left of a frame that has begun is taken
    without being given.

    Parameters
    ----------
    width : int, bits of a word
    count : int, words of an image
    tail : int, bytes of its last word
    """

    def __init__(self, width: int, *, count: int, tail: int) -> None:
        self.width = width
        self.count = count
        self.tail = tail
        super().__init__(
            {
                "batch": In(BATCH_BITS, init=1),
                "data": In(width),
                "keep": In(width // 8),
                "last": In(1),
                "valid": In(1),
                "ready": Out(1),
                "words": Out(stream.Signature(width)),
                "marks": Out(stream.Signature(MARK)),
                "restart": In(1),
                "inside": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word = counter(self.count, "word")
        image = Signal(BATCH_BITS)  # of the frame
        end = Signal()
        final = Signal()
        right = Signal()
        wrong = Signal()
        taken = Signal()
        filling = Signal()
        swallowing = Signal()
        bad = Signal()
        every, lowest = (1 << self.width // 8) - 1, (1 << self.tail) - 1
        m.d.comb += [
            end.eq(word == self.count - 1),
            final.eq(end & self._of_last_image(m, image)),
            right.eq(self.keep == Mux(final, lowest, every)),
            wrong.eq(bad | ~right | (final ^ self.last)),
            taken.eq(self.valid & self.ready),
            self.words.payload.eq(Mux(filling, 0, self.data)),
            self.marks.payload.good.eq(~wrong),
            self.marks.payload.end.eq(final | wrong),
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
                    swallowing.eq(end & ~self.last & (final | wrong)),
                ]
                with m.If(end | self.last):
                    m.d.sync += image.eq(Mux(final | wrong, 0, image + 1))

        with m.If(self.restart):
            m.d.sync += [word.eq(0), image.eq(0), bad.eq(0), filling.eq(0)]
            m.d.sync += swallowing.eq(Mux(taken, ~self.last, self.inside))
        return m

    def _of_last_image(self, m: Module, image: Signal) -> Any:
        """Whether it is the frame's last; `batch` counts as it is when the frame begins."""
        begun = Signal(BATCH_BITS)
        batch = Signal(BATCH_BITS)
        m.d.comb += batch.eq(Mux(self.inside, begun, self.batch))
        m.d.sync += begun.eq(batch)
        return (image + 1 == batch) | (batch == 0)
