"""Consistent overhead byte stuffing: frames of any bytes on a wire where 0 stands between them.

See `bitlight_hw.link.protocol.stuff` for the groups.
"""

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import family as families
from bitlight_hw.link.protocol import GROUP

# A byte, and whether it is the last of its frame.
FRAMED = data.StructLayout({"byte": 8, "last": 1})
MARKED = data.StructLayout({"byte": 8, "end": 1, "cut": 1})


class Unstuff(wiring.Component):
    """o = the bytes that the bytes of i stand for, and an `end` where a frame ends.

    One byte in gives at most one out, in the same cycle; none waits. `cut` says with `end` that the
    last group was not whole. Zeros that follow each other are one.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(MARKED)),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left = Signal(8)  # bytes of the group that are to come
        begun = Signal()
        full = Signal()  # of the longest, which stands for no zero
        byte, out = self.i.payload, self.o.payload
        m.d.comb += self.i.ready.eq(1)
        with m.If(self.i.valid):
            with m.If(byte == 0):
                m.d.comb += [self.o.valid.eq(begun), out.end.eq(1), out.cut.eq(left != 0)]
                m.d.sync += [begun.eq(0), left.eq(0)]
            with m.Elif(left == 0):
                m.d.comb += self.o.valid.eq(begun & ~full)
                m.d.sync += [begun.eq(1), left.eq(byte - 1), full.eq(byte == GROUP + 1)]
            with m.Else():
                m.d.comb += [self.o.valid.eq(1), out.byte.eq(byte)]
                m.d.sync += left.eq(left - 1)
        return m


class Stuff(wiring.Component):
    """o = the frames of i, stuffed, with a 0 before and after each.

    A group waits in a memory until its code is known: n bytes are taken in n cycles, and given
    with their code in n + 2. So a byte takes some two cycles, which is no matter to a line whose
    byte takes forty or more.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self) -> None:
        super().__init__(
            {"i": In(stream.Signature(FRAMED)), "o": Out(stream.Signature(8))},
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        memory = families.of(platform).ram(256, 8)
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        count, place = Signal(8), Signal(8)
        last, more = Signal(), Signal()  # whether an empty group follows the zero at the end
        byte = self.i.payload.byte
        m.d.comb += [
            write.addr.eq(count),
            write.data.eq(byte),
            read.addr.eq(place),
        ]
        with m.FSM():
            with m.State("idle"):
                m.d.comb += self.o.valid.eq(self.i.valid)
                with m.If(self.i.valid & self.o.ready):
                    m.next = "fill"
            with m.State("fill"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [place.eq(0), last.eq(self.i.payload.last)]
                with m.If(self.i.valid):
                    m.d.comb += write.en.eq(byte != 0)
                    m.d.sync += [count.eq(count + (byte != 0)), more.eq(byte == 0)]
                    with m.If((byte == 0) | self.i.payload.last | (count == GROUP - 1)):
                        m.next = "code"
            with m.State("code"):
                # After 254 bytes that end with the frame, or before a zero, the group is closed.
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(count + 1)]
                with m.If(self.o.ready):
                    m.d.comb += read.addr.eq(0)
                    m.d.sync += place.eq(1)
                    m.next = "bytes"
            with m.State("bytes"):
                with m.If(count == 0):
                    with m.If(last & more):
                        m.d.sync += more.eq(0)
                        m.next = "code"
                    with m.Elif(last):
                        m.d.comb += self.o.valid.eq(1)  # the 0 behind the frame
                        with m.If(self.o.ready):
                            m.next = "idle"
                    with m.Else():
                        m.next = "fill"
                with m.Else():
                    m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(read.data)]
                    with m.If(self.o.ready):
                        m.d.sync += [place.eq(place + 1), count.eq(count - 1)]
                    with m.Else():
                        m.d.comb += read.en.eq(0)
        return m
