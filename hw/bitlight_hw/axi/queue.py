"""A small queue of words, which its outputs leave in the order in which they came."""

from typing import Any

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out


class Queue(wiring.Component):
    """o = i; up to `depth` words wait, in look-up tables or registers.

    No output depends on an input of the same cycle.
    """

    i: Any
    o: Any

    def __init__(self, width: int, depth: int) -> None:
        self.width = width
        self.depth = depth
        super().__init__(
            {"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))},
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.fifo = fifo = SyncFIFO(width=self.width, depth=self.depth)
        wiring.connect(m, wiring.flipped(self.i), fifo.w_stream)
        wiring.connect(m, fifo.r_stream, wiring.flipped(self.o))
        return m
