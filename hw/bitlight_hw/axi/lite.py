"""AXI4-Lite: reads and writes of 32-bit registers."""

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.axi.registers import ADDRESS_BITS, Register

OKAY, SLVERR = 0b00, 0b10
# The bus, as Xilinx, Intel and cocotbext-axi name it.
PORTS = {
    "s_axil_awaddr": In(ADDRESS_BITS),
    "s_axil_awprot": In(3),
    "s_axil_awvalid": In(1),
    "s_axil_awready": Out(1),
    "s_axil_wdata": In(32),
    "s_axil_wstrb": In(4),
    "s_axil_wvalid": In(1),
    "s_axil_wready": Out(1),
    "s_axil_bresp": Out(2),
    "s_axil_bvalid": Out(1),
    "s_axil_bready": In(1),
    "s_axil_araddr": In(ADDRESS_BITS),
    "s_axil_arprot": In(3),
    "s_axil_arvalid": In(1),
    "s_axil_arready": Out(1),
    "s_axil_rdata": Out(32),
    "s_axil_rresp": Out(2),
    "s_axil_rvalid": Out(1),
    "s_axil_rready": In(1),
}


class AxiLite(wiring.Component):
    """A subordinate that answers one read in two cycles, and one write in two.

    Write address and write data may come in any order; each is kept until both are there. Then the
    answer is offered until it is taken. No output depends on an input of the same cycle.

    A register that is ro is a port of its name, read in the cycle that takes the address. One that
    is rw is a port that is its written bits for one cycle, and 0 otherwise; it reads 0. What WSTRB
    does not mark is 0 too. One with a first value is a port that keeps what is written where WSTRB
    marks it, and reads it.

    Parameters
    ----------
    registers : sequence of Register
    """

    def __init__(self, registers: Sequence[Register]) -> None:
        self.registers = registers
        ports = dict(PORTS)
        for register in registers:
            for name in register.members.values():
                width = 32 if register.first is None else len(register.first)
                ports[name] = (
                    In(32) if register.access == "ro" else Out(width, init=_init(register))
                )
        super().__init__(ports)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._read(m)
        self._write(m)
        return m

    def _read(self, m: Module) -> None:
        m.d.comb += self.s_axil_arready.eq(~self.s_axil_rvalid)
        with m.If(self.s_axil_arvalid & self.s_axil_arready):
            m.d.sync += self.s_axil_rvalid.eq(1)
            with m.Switch(self.s_axil_araddr[2:]):
                for register in self.registers:
                    for offset, name in register.members.items():
                        told = register.access == "ro" or register.first is not None
                        value = getattr(self, name) if told else 0
                        with m.Case(offset >> 2):
                            m.d.sync += [self.s_axil_rdata.eq(value), self.s_axil_rresp.eq(OKAY)]
                with m.Default():
                    m.d.sync += [self.s_axil_rdata.eq(0), self.s_axil_rresp.eq(SLVERR)]
        with m.Elif(self.s_axil_rready):
            m.d.sync += self.s_axil_rvalid.eq(0)

    def _write(self, m: Module) -> None:
        addressed = Signal()
        given = Signal()
        address = Signal(ADDRESS_BITS - 2)
        data = Signal(32)
        marked = Signal(4)
        write = Signal()
        m.d.comb += [
            self.s_axil_awready.eq(~addressed),
            self.s_axil_wready.eq(~given),
            write.eq(addressed & given & ~self.s_axil_bvalid),
        ]
        with m.If(self.s_axil_awvalid & self.s_axil_awready):
            m.d.sync += [addressed.eq(1), address.eq(self.s_axil_awaddr[2:])]
        with m.If(self.s_axil_wvalid & self.s_axil_wready):
            m.d.sync += [given.eq(1), marked.eq(self.s_axil_wstrb)]
            for lane, counts in enumerate(self.s_axil_wstrb):
                byte = self.s_axil_wdata.word_select(lane, 8)
                m.d.sync += data.word_select(lane, 8).eq(byte & counts.replicate(8))
        with m.If(self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)
        with m.If(write):
            m.d.sync += [addressed.eq(0), given.eq(0), self.s_axil_bvalid.eq(1)]
            m.d.sync += self.s_axil_bresp.eq(SLVERR)
            with m.Switch(address):
                for register in self.registers:
                    for offset, name in register.members.items():
                        if register.access == "rw":
                            with m.Case(offset >> 2):
                                m.d.sync += self.s_axil_bresp.eq(OKAY)
                                self._keep(m, register, getattr(self, name), data, marked)

    def _keep(
        self, m: Module, register: Register, port: Signal, data: Signal, marked: Signal
    ) -> None:
        """What is written, for a cycle or until the next write."""
        if register.first is None:
            m.d.comb += port.eq(data)
            return
        for lane in range(-(-len(port) // 8)):
            with m.If(marked[lane]):
                m.d.sync += port.word_select(lane, 8).eq(data.word_select(lane, 8))


def _init(register: Register) -> int:
    return 0 if register.first is None else register.first.value
