"""Frames from the line, held to their form: images into the ring, requests into the queue."""

from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from bitlight_hw.link.cobs import MARKED
from bitlight_hw.link.protocol import CRC_BYTES, HEADER_BYTES, Kind

# What is to be answered: a `Kind`, and the number of the request.
JOB = data.StructLayout({"kind": 3, "sequence": 16})
# Where in its frame a byte is; before it the bytes of the header have their own numbers.
PAYLOAD = HEADER_BYTES
CRC = PAYLOAD + 1
DONE = CRC + CRC_BYTES
BEYOND = DONE + 1


class Intake(wiring.Component):
    """jobs = what each frame of i asks for; image = the payload of a frame that is to be run.

    A byte is dealt with in the cycle in which it comes; nothing here can make the line wait. The
    bytes of an image are written while they come, and committed in the cycle of the frame's end if
    all of the frame was as it should be; else they are rolled back. A frame that is not whole is
    DAMAGED. One that is whole, but of no kind or of another length than its kind has, is REFUSED.
    A whole image that had no room is dropped, which counts as an overrun: DAMAGED is answered, if
    that has room.

    RESET raises `restart` for the cycle after its end; the job follows two cycles after that.

    Parameters
    ----------
    image_bytes : int
        Payload of a frame to be run.
    """

    # Some are made for their figures alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, image_bytes: int) -> None:
        self.image_bytes = image_bytes
        super().__init__(
            {
                "i": In(stream.Signature(MARKED)),
                "image": Out(stream.Signature(8)),
                "commit": Out(1),
                "rollback": Out(1),
                "jobs": Out(stream.Signature(JOB)),
                "restart": Out(1),
                "damaged": Out(1),
                "refused": Out(1),
                "overrun": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        place = Signal(range(BEYOND + 1))
        kind, sequence, low, left = Signal(8), Signal(16), Signal(8), Signal(16)
        fits, full, announce = Signal(), Signal(), Signal()
        byte = self.i.payload.byte
        comes = Signal()
        ends = Signal()
        m.d.comb += [
            self.i.ready.eq(1),
            comes.eq(self.i.valid & ~self.i.payload.end),
            ends.eq(self.i.valid & self.i.payload.end),
            crc.data.eq(byte),
            crc.valid.eq(comes),
            crc.start.eq(ends),
            self.image.payload.eq(byte),
            self.image.valid.eq(comes & (place == PAYLOAD) & (kind == Kind.RUN) & fits),
        ]
        with m.If(self.image.valid & ~self.image.ready):
            m.d.sync += full.eq(1)
        length = Cat(low, byte)
        with m.If(comes):
            with m.Switch(place):
                with m.Case(0):
                    m.d.sync += kind.eq(byte)
                with m.Case(1, 2):
                    m.d.sync += sequence.eq(Cat(sequence[8:], byte))
                with m.Case(3):
                    m.d.sync += low.eq(byte)
                with m.Case(4):
                    runs = (kind == Kind.RUN) & (length == self.image_bytes)
                    asks = (kind == Kind.IDENTIFY) | (kind == Kind.COUNTERS) | (kind == Kind.RESET)
                    m.d.sync += [left.eq(length), fits.eq(runs | (asks & (length == 0)))]
                with m.Case(PAYLOAD):
                    m.d.sync += left.eq(left - 1)
            with m.If((place == HEADER_BYTES - 1) & (length == 0)):
                m.d.sync += place.eq(CRC)
            with m.Elif(((place != PAYLOAD) | (left == 1)) & (place != BEYOND)):
                m.d.sync += place.eq(place + 1)
        with m.If(ends):
            m.d.sync += [place.eq(0), full.eq(0)]
        self._judge(m, ends, (place == DONE) & crc.match_detected, kind, sequence, fits, full)
        m.d.sync += [self.restart.eq(0), announce.eq(self.restart)]
        with m.If(ends & self.commit & (kind == Kind.RESET)):
            m.d.sync += self.restart.eq(1)
        with m.If(announce):
            m.d.comb += [self.jobs.valid.eq(1), self.jobs.payload.kind.eq(Kind.RESET)]
        return m

    def _judge(
        self, m: Module, ends: Any, complete: Any, kind: Any, sequence: Any, fits: Any, full: Any
    ) -> None:
        """What becomes of a frame, in the cycle of its end."""
        job = self.jobs.payload
        m.d.comb += [job.sequence.eq(sequence), job.kind.eq(kind)]
        with m.If(ends):
            with m.If(~complete | self.i.payload.cut):
                m.d.comb += [job.kind.eq(Kind.DAMAGED), self.damaged.eq(1), self.jobs.valid.eq(1)]
            with m.Elif(~fits):
                m.d.comb += [job.kind.eq(Kind.REFUSED), self.refused.eq(1), self.jobs.valid.eq(1)]
            with m.Elif(kind == Kind.RESET):
                m.d.comb += self.commit.eq(1)
            with m.Elif(full | ~self.jobs.ready):
                m.d.comb += [job.kind.eq(Kind.DAMAGED), self.overrun.eq(1), self.jobs.valid.eq(1)]
            with m.Else():
                m.d.comb += [self.commit.eq(1), self.jobs.valid.eq(1)]
            m.d.comb += self.rollback.eq(~self.commit)
