"""What drives the bus wrapper under cocotb, and watches it: cocotbext-axi and a scoreboard."""

import itertools
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cocotb
from axi_scoreboard import Scoreboard, Word
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

PERIOD_NS = 10
# Bits of CONTROL.
SOFT_RESET, CLEAR = 1, 2


@dataclass
class Case:
    """What to send and to expect."""

    frames: list[str]  # hexadecimal
    results: list[str]
    bytes_in: int
    bytes_out: int
    offsets: dict[str, int]
    readable: dict[str, int]  # offset in decimal: value
    unmapped: list[int]
    interval: int
    latency: int
    exact_latency: bool
    rounds: int
    seed: int

    @staticmethod
    def load() -> "Case":
        """Read the case of this run."""
        return Case(**json.loads(Path(os.environ["BITLIGHT_CASE"]).read_text()))


class Bench:
    """The drivers, and the scoreboard that sees each edge of the clock."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.case = Case.load()
        self.random = random.Random(self.case.seed)
        self.frames = [bytes.fromhex(frame) for frame in self.case.frames]
        results = [bytes.fromhex(result) for result in self.case.results]
        self.size = len(dut.s_axis_tkeep)
        self.board = Scoreboard(
            dict(zip(self.frames, results, strict=True)), self.size, self.case.bytes_in
        )
        self.armed = False  # the next write answer is that of a soft reset
        self.waiting: tuple[int, ...] | None = None
        self.cycle = self.moved = 0

    async def start(self) -> None:
        """Start the clock and reset; then drivers and scoreboard."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start()
        dut.rst.value = 1
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst)
        self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        await self.wait(3)
        dut.rst.value = 0
        await self.wait(2)
        cocotb.start_soon(self._watch())

    async def wait(self, cycles: int) -> None:
        """Some cycles."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)

    def pause(self, idle: float, busy: float) -> None:
        """Let source and sink pause at random from now on."""
        self.source.set_pause_generator(self.flips(idle) if idle else None)
        self.sink.set_pause_generator(self.flips(busy) if busy else None)
        self.source.pause = self.sink.pause = False

    def flips(self, odds: float) -> Iterator[bool]:
        """True with those odds, without end."""
        rng = random.Random(self.random.random())
        return (rng.random() < odds for _ in itertools.count())

    async def drained(self) -> None:
        """Until all that was sent is taken and all that it asks for has come; then a while more."""
        self.moved = self.cycle
        quiet = 0
        while quiet < self.case.latency + 2 * self.case.interval + 20:
            await RisingEdge(self.dut.clk)
            done = self.source.idle() and self.board.idle and self.moved < self.cycle
            quiet = quiet + 1 if done else 0
        assert not self.board.inside, "a frame without an end was sent"

    async def counters(self) -> dict[str, int]:
        """The three counters, as registers and as they should be."""
        names = ("FRAMES_IN", "FRAMES_OUT", "FRAMING_ERRORS")
        found = {name: await self.read(name) for name in names}
        expected = {name: getattr(self.board, name.lower()) for name in names}
        assert found == expected, f"counters {found}, not {expected}"
        return found

    def joined(self, images: Sequence[bytes]) -> bytes:
        """A frame of images: each fills its last word, but for the last one."""
        stride = -(-self.case.bytes_in // self.size) * self.size
        *others, last = images
        return b"".join([self._filled(image, stride) for image in others]) + last

    def _filled(self, image: bytes, stride: int) -> bytes:
        return image + self.random.randbytes(stride - len(image))

    async def batch(self, images: int) -> None:
        """Let frames have so many images, from the next on."""
        answer = await self.lite.write(self.case.offsets["BATCH"], images.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY
        assert await self.read("BATCH") == images
        self.board.batch = max(images, 1)

    async def read(self, name: str) -> int:
        """A register."""
        answer = await self.lite.read(self.case.offsets[name], 4)
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def control(self, value: int) -> None:
        """Write CONTROL."""
        self.armed = bool(value & SOFT_RESET)
        answer = await self.lite.write(self.case.offsets["CONTROL"], value.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY

    async def _watch(self) -> None:
        """Tell the scoreboard what happens, one edge late: only then is a soft reset seen."""
        dut = self.dut
        taken = given = offered = None
        answered = False
        while True:
            await RisingEdge(dut.clk)
            self.cycle += 1
            if dut.rst.value:
                self.board.hard_reset()
                taken = given = offered = self.waiting = None
                answered = self.armed = False
                continue
            if taken is not None:
                self.board.take(taken)
            if given is not None:
                self.board.give(given)
            answers = bool(dut.s_axil_bvalid.value)
            if self.armed and answers and not answered:
                self.armed = False
                self.board.soft_reset(offered)
            answered = answers
            taken = self._taken()
            given, offered = self._given()
            if taken or given:
                self.moved = self.cycle
            patience = 4 * (self.case.latency + self.case.interval) + 1000
            if not self.board.idle or not self.source.idle():
                assert self.cycle - self.moved < patience, "nothing moves any more"

    def _taken(self) -> Word | None:
        dut = self.dut
        if not (dut.s_axis_tvalid.value and dut.s_axis_tready.value):
            return None
        data, keep = int(dut.s_axis_tdata.value), int(dut.s_axis_tkeep.value)
        return Word.of(data, keep, bool(dut.s_axis_tlast.value), self.size)

    def _given(self) -> tuple[Word | None, Word | None]:
        dut = self.dut
        if not dut.m_axis_tvalid.value:
            assert self.waiting is None, "tvalid was withdrawn"
            return None, None
        parts = (dut.m_axis_tdata, dut.m_axis_tkeep, dut.m_axis_tlast, dut.m_axis_tuser)
        values = tuple(int(part.value) for part in parts)
        assert self.waiting in (None, values), "an offered word changed"
        data, keep, last, user = values
        word = Word.of(data, keep, bool(last), self.size, bool(user))
        ready = bool(dut.m_axis_tready.value)
        self.waiting = None if ready else values
        return (word, None) if ready else (None, word)
