"""What is on a board behind the link: frames in, frames out, and the accelerator between them."""

from functools import cached_property
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight import BitlightError
from bitlight_hw import timing
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.axi.frames import Frames
from bitlight_hw.link.answers import Answers
from bitlight_hw.link.cobs import Stuff, Unstuff
from bitlight_hw.link.identity import Identity
from bitlight_hw.link.intake import JOB, Intake
from bitlight_hw.link.meter import TRAILER_BYTES, Meter
from bitlight_hw.link.protocol import MOST_PAYLOAD, most_wire_bytes
from bitlight_hw.link.ring import Ring, depth_for
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import counter

JOBS = 16  # requests that may wait, damaged ones too
WINDOW = 8  # images that a host may have under way, where they do not wait
SKID = 2


class LinkedAccelerator(wiring.Component):
    """o = the answers to the frames of i; see `bitlight_hw.link.protocol`.

    i ── unstuff ── intake ──┬── images (ring) ── unpack ── accelerator ── pack ── meter ── results
                             └── jobs ────────────────────────────────────── answers ──────────┘
                                                                                └── stuff ── o

    An image goes on when all of it has come, and is known to be whole. So a damaged one never
    reaches the accelerator, and an image is read from the ring at the pace of the accelerator: a
    byte in each cycle where it takes them. `i` is never held up.

    Parameters
    ----------
    acc : Accelerator
    board : str
        Its name.
    clock_hz : int
    byte_cycles : int
        Clock cycles that a byte takes on the link, ten bits on a serial line.

    Attributes
    ----------
    frames_in, frames_out : Frames
        How images and results are bytes.
    identity : Identity
        What IDENTIFY is answered with.
    latency : int
        Cycles that a result tells of for an image that comes alone.
    window : int
        Images that a host may have under way, so that none is dropped.

    Raises
    ------
    BitlightError
        If an image or a result is more than a frame holds.
    """

    _MustUse__silence = True

    def __init__(self, acc: Accelerator, board: str, clock_hz: int, byte_cycles: int) -> None:
        self.acc = acc
        self.clock_hz = clock_hz
        self.byte_cycles = byte_cycles
        self.frames_in, self.frames_out = Frames(acc.beats_in, 8), Frames(acc.beats_out, 8)
        self.result_bytes = self.frames_out.bytes + TRAILER_BYTES
        for what, size in (("image", self.frames_in.bytes), ("result", self.result_bytes)):
            if size > MOST_PAYLOAD:
                raise BitlightError(
                    f"a frame of the link holds {MOST_PAYLOAD:,} bytes, each {what} takes {size:,}"
                )
        self.unpack, self.pack = self.frames_in.unpack(), self.frames_out.pack()
        self.depth = depth_for(2 * self.frames_in.bytes)
        self.identity = Identity.of(self, board)
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
            }
        )

    @cached_property
    def latency(self) -> int:
        """Cycles from the first byte of an image read to the last byte of its result, alone."""
        circuit = self.acc.plan.circuit.between([self.unpack.alone], [self.pack.alone])
        return timing.run(circuit, self.frames_in.words, self.frames_out.words, images=1).latency

    @cached_property
    def interval(self) -> int:
        """Cycles between results, where images wait: the pace of the accelerator."""
        circuit = self.acc.plan.circuit.between(self.unpack.timing, self.pack.timing)
        return timing.run(circuit, self.frames_in.words, self.frames_out.words).interval

    @property
    def line_cycles(self) -> int:
        """The most cycles that an image takes on the link, in or out, whichever is more."""
        return line_cycles(self.frames_in.bytes, self.frames_out.bytes, self.byte_cycles)

    @property
    def window(self) -> int:
        """Images under way: where the accelerator is slower than the link, what the ring holds."""
        if self.interval <= self.line_cycles:
            return WINDOW
        return min(WINDOW, (self.depth - 1) // self.frames_in.bytes)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        unstuff = separate(m, platform, "unstuff", Unstuff())
        intake = separate(m, platform, "intake", Intake(self.frames_in.bytes))
        restart = intake.restart

        def part(name: str, component: Any) -> Any:
            return separate(m, platform, name, component, restart)

        jobs = part("jobs", Ring(JOB.size, JOBS))
        answers = part("answers", Answers(self.result_bytes, self.identity.encoded))
        stuff = part("stuff", Stuff())
        m.d.comb += jobs.commit.eq(1)
        _join(m, self.i, unstuff.i)
        _join(m, unstuff.o, intake.i)
        _join(m, intake.jobs, jobs.i)
        _join(m, jobs.o, answers.jobs)
        _join(m, answers.o, stuff.i)
        _join(m, stuff.o, self.o)
        meter = self._compute(m, part, intake, answers)
        self._count(m, restart, intake, meter, answers)
        return m

    def _compute(self, m: Module, part: Any, intake: Any, answers: Any) -> Any:
        """From the bytes of images to those of their results."""
        images = part("images", Ring(8, self.depth))
        unpack, pack = part("unpack", self.unpack), part("pack", self.pack)
        accelerator = part("accelerator", self.acc)
        meter = part("meter", Meter(self.frames_out.bytes))
        results = part("results", Ring(8, depth_for(self.result_bytes)))
        m.d.comb += [
            images.commit.eq(intake.commit),
            images.rollback.eq(intake.rollback),
            results.commit.eq(1),
            unpack.i.payload.eq(self.frames_in.narrow(images.o.payload)),
            unpack.i.valid.eq(images.o.valid),
            images.o.ready.eq(unpack.i.ready),
            pack.i.payload.eq(self.frames_out.widen(m, accelerator.o.payload)),
            pack.i.valid.eq(accelerator.o.valid),
            accelerator.o.ready.eq(pack.i.ready),
        ]
        _join(m, intake.image, images.i)
        _join(m, unpack.o, accelerator.i)
        _join(m, pack.o, meter.i)
        _join(m, meter.o, results.i)
        _join(m, results.o, answers.results)
        byte = counter(self.frames_in.bytes, "byte")
        with m.If(intake.restart):
            m.d.sync += byte.eq(0)
        with m.Elif(images.o.valid & images.o.ready):
            m.d.sync += byte.eq(Mux(byte == self.frames_in.bytes - 1, 0, byte + 1))
            m.d.comb += meter.began.eq(byte == 0)
        return meter

    def _count(self, m: Module, restart: Any, intake: Any, meter: Any, answers: Any) -> None:
        """The counters; a reset sets them to zero."""
        events = {
            "images": meter.done,
            "damaged": intake.damaged,
            "refused": intake.refused,
            "overruns": intake.overrun,
        }
        for name, event in events.items():
            count = Signal(32, name=name)
            m.d.comb += getattr(answers, name).eq(count)
            with m.If(restart):
                m.d.sync += count.eq(0)
            with m.Elif(event):
                m.d.sync += count.eq(count + 1)
        m.d.comb += answers.cycles.eq(meter.cycles)


def line_cycles(image_bytes: int, result_bytes: int, byte_cycles: int) -> int:
    """The most cycles of the link for an image, or for its result and what is told with it."""
    sizes = image_bytes, result_bytes + TRAILER_BYTES + 1  # an answer has a 0 at both ends
    return max(most_wire_bytes(size) for size in sizes) * byte_cycles


def _join(m: Module, giver: Any, taker: Any) -> None:
    m.d.comb += [
        taker.payload.eq(giver.payload),
        taker.valid.eq(giver.valid),
        giver.ready.eq(taker.ready),
    ]
