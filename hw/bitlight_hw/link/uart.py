"""A serial line: a start bit 0, eight data bits, the lowest first, and a stop bit 1."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from bitlight_hw.units.unit import counter

BITS = 10  # on the line, of one byte
SYNCHRONISER = 2
# Clock cycles of a bit: with fewer, an edge that comes a cycle late is half a bit's error.
LEAST_DIVISOR = 4


def check_divisor(divisor: int) -> None:
    """Refuse a line that is too fast for the clock.

    Raises
    ------
    ValueError
    """
    if divisor < LEAST_DIVISOR:
        raise ValueError(f"a bit must last {LEAST_DIVISOR} clock cycles or more, not {divisor}")


class UartReceiver(wiring.Component):
    """o = the bytes of the line `rx`; bit k is sampled (k + ½)·divisor cycles after the start edge.

    A byte is offered for one cycle, `delay` cycles after the line fell; what takes it must be
    ready. A start bit that is gone in its middle is none. A byte whose stop bit is 0 is not given,
    and the line must rise before the next.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, 4 or more.

    Attributes
    ----------
    delay : int
        Cycles from the first in which the line is 0 to the one in which the byte is offered.

    Raises
    ------
    ValueError
        If the divisor is smaller.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        self.delay = SYNCHRONISER + divisor // 2 + (BITS - 1) * divisor + 1
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1, stages=SYNCHRONISER)
        wait = counter(self.divisor, "wait")
        left = counter(BITS + 1, "left")
        bits = Signal(8)
        broken = Signal()
        m.d.sync += self.o.valid.eq(0)
        with m.If(left == 0):
            with m.If(broken):
                m.d.sync += broken.eq(~line)
            with m.Elif(~line):
                m.d.sync += [left.eq(BITS), wait.eq(self.divisor // 2 - 1)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self.divisor - 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += [self.o.valid.eq(line), self.o.payload.eq(bits), broken.eq(~line)]
            with m.Elif((left == BITS) & line):
                m.d.sync += left.eq(0)
            with m.Else():
                m.d.sync += bits.eq(Cat(bits[1:], line))
        return m


class UartSender(wiring.Component):
    """tx = the bytes of i, each 10·divisor cycles long, without a pause between them.

    The start bit is on the line in the cycle after the byte is taken.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, 4 or more.

    Raises
    ------
    ValueError
        If the divisor is smaller.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wait = counter(self.divisor, "wait")
        left = counter(BITS + 1, "left")
        bits = Signal(BITS - 1)
        m.d.comb += self.i.ready.eq((left == 0) | ((left == 1) & (wait == 0)))
        with m.If(self.i.ready):
            m.d.sync += [
                left.eq(Mux(self.i.valid, BITS, 0)),
                wait.eq(self.divisor - 1),
                self.tx.eq(~self.i.valid),
                bits.eq(Cat(self.i.payload, 1)),
            ]
        with m.Elif(wait == 0):
            m.d.sync += [
                left.eq(left - 1),
                wait.eq(self.divisor - 1),
                self.tx.eq(bits[0]),
                bits.eq(Cat(bits[1:], 1)),
            ]
        with m.Else():
            m.d.sync += wait.eq(wait - 1)
        return m
