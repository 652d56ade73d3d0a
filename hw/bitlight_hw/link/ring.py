"""A queue that can take back what was written since the last commit."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import family as families


class Ring(wiring.Component):
    """o = the words of i that were committed, in order; those that were taken back never come.

    Words lie in a ring of memory between three places: read ≤ committed ≤ written. `commit` moves
    the second to where the third will be after this cycle, `rollback` the third to the second. A
    word is offered two cycles after the one in which it was committed, and one in every cycle from
    then on. `i.ready` depends on registers alone: depth − 1 words have room.

    Parameters
    ----------
    width : int, bits of a word
    depth : int, a power of two, 4 or more

    Raises
    ------
    ValueError
        If the depth is none.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    i: Any
    o: Any

    def __init__(self, width: int, depth: int) -> None:
        if depth < 4 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two, 4 or more, not {depth}")
        self.width = width
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "o": Out(stream.Signature(width)),
                "commit": In(1),
                "rollback": In(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        memory = families.of(platform).ram(self.depth, self.width)
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        reading, committed, written = (
            Signal(range(self.depth), name=name) for name in ("reading", "committed", "written")
        )
        after, following = Signal.like(written), Signal.like(reading)
        following_write = Signal.like(written)
        m.d.comb += [
            following_write.eq(written + 1),
            self.i.ready.eq(following_write != reading),
            write.addr.eq(written),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
            after.eq(Mux(write.en, following_write, written)),
            following.eq(reading + (self.o.valid & self.o.ready)),
            read.addr.eq(following),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            reading.eq(following),
            self.o.valid.eq(following != committed),
            written.eq(Mux(self.rollback, committed, after)),
        ]
        with m.If(self.commit):
            m.d.sync += committed.eq(after)
        return m


def depth_for(words: int) -> int:
    """The depth of a ring that has room for so many words.

    Examples
    --------
    >>> depth_for(784), depth_for(1024)
    (1024, 2048)
    """
    return max(4, 1 << words.bit_length())
