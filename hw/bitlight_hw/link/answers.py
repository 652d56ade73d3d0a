"""Requests in, frames out: each is answered in its turn."""

from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from bitlight_hw.link.cobs import FRAMED
from bitlight_hw.link.intake import JOB
from bitlight_hw.link.protocol import ANSWER, CRC_BYTES, HEADER_BYTES, Kind
from bitlight_hw.units.rom import LATENCY, Rom
from bitlight_hw.units.separate import separate

# Of COUNTERS: images answered, frames damaged, refused, overrun, cycles of the last image.
COUNTERS = ("images", "damaged", "refused", "overruns", "cycles")
COUNTER_BYTES = 4


class Answers(wiring.Component):
    """o = for each job a frame: kind + 0x80, number, length, payload, CRC-32.

    The payload of RUN are the next `result_bytes` of `results`, that of IDENTIFY the identity, that
    of COUNTERS the five numbers; the others have none. A job is taken with the last byte of its
    frame.

    Parameters
    ----------
    result_bytes : int
    identity : bytes
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, result_bytes: int, identity: bytes) -> None:
        self.result_bytes = result_bytes
        self.identity = identity
        super().__init__(
            {
                "jobs": In(stream.Signature(JOB)),
                "results": In(stream.Signature(8)),
                "o": Out(stream.Signature(FRAMED)),
                **{name: In(32) for name in COUNTERS},
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        job = self.jobs.payload
        longest = max(self.result_bytes, len(self.identity))
        place = Signal(range(max(longest, HEADER_BYTES) + 1))
        length = Signal(16)
        rests = Signal(range(LATENCY + 1), init=LATENCY)  # until the identity's byte is read
        counters = COUNTER_BYTES * len(COUNTERS)
        with m.Switch(job.kind):
            for kind, count in (
                (Kind.IDENTIFY, len(self.identity)),
                (Kind.RUN, self.result_bytes),
                (Kind.COUNTERS, counters),
            ):
                with m.Case(kind):
                    m.d.comb += length.eq(count)
        rom = separate(m, platform, "identity", Rom(_bits(self.identity)))
        m.d.comb += [rom.addr.eq(place), rom.en.eq(1)]
        header = Cat(job.kind, Const(ANSWER >> 3, 5), job.sequence, length)
        told = Cat(getattr(self, name) for name in COUNTERS)
        passes = Signal()
        m.d.comb += [
            passes.eq(self.o.valid & self.o.ready),
            crc.data.eq(self.o.payload.byte),
        ]
        m.d.sync += rests.eq(rests - (rests != 0))
        with m.If(passes):
            m.d.sync += [place.eq(place + 1), rests.eq(LATENCY)]
        with m.FSM():
            with m.State("header"):
                m.d.comb += [
                    self.o.valid.eq(self.jobs.valid),
                    self.o.payload.byte.eq(header.word_select(place[:3], 8)),
                    crc.valid.eq(passes),
                    crc.start.eq(place == 0),
                ]
                with m.If(passes & (place == HEADER_BYTES - 1)):
                    m.d.sync += place.eq(0)
                    with m.If(length == 0):
                        m.next = "crc"
                    with m.Else():
                        m.next = "payload"
            with m.State("payload"):
                m.d.comb += crc.valid.eq(passes)
                with m.Switch(job.kind):
                    with m.Case(Kind.RUN):
                        m.d.comb += [
                            self.o.valid.eq(self.results.valid),
                            self.results.ready.eq(self.o.ready),
                            self.o.payload.byte.eq(self.results.payload),
                        ]
                    with m.Case(Kind.IDENTIFY):
                        m.d.comb += [
                            self.o.valid.eq(rests == 0),
                            self.o.payload.byte.eq(rom.data[0]),
                        ]
                    with m.Default():
                        m.d.comb += [
                            self.o.valid.eq(1),
                            self.o.payload.byte.eq(told.word_select(place[:5], 8)),
                        ]
                with m.If(passes & (place == length - 1)):
                    m.d.sync += place.eq(0)
                    m.next = "crc"
            with m.State("crc"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.byte.eq(crc.crc.word_select(place[:2], 8)),
                    self.o.payload.last.eq(place == CRC_BYTES - 1),
                ]
                with m.If(passes & self.o.payload.last):
                    m.d.comb += self.jobs.ready.eq(1)
                    m.d.sync += place.eq(0)
                    m.next = "header"
        return m


def _bits(identity: bytes) -> np.ndarray:
    """Bytes as the words of a ROM, the lowest bit first."""
    values = np.frombuffer(identity, np.uint8)[:, None, None]
    return np.unpackbits(values, axis=-1, bitorder="little").astype(bool)
