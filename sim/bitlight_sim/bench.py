"""The cocotb bench: drives the streams of any accelerator and checks what comes out.

It runs inside the simulator, started by `bitlight_sim.cosimulation`. Nothing in it knows the
design: the beats to send and to expect, the cycle counts and the odds of a pause come from a file
whose name is in $BITLIGHT_CASE. Inputs change at the falling edge and are read, settled, before the
rising one.
"""

import itertools
import json
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

TOLD_EVERY_S = 0.5


@dataclass
class Case:
    """What to send and what to expect; payloads are integers."""

    sent: list[int]
    expected: list[int]
    images: int
    interval: int
    latency: int
    idle: float  # odds that the source pauses after a beat
    busy: float  # odds that the sink is not ready in a cycle
    seed: int
    patience: int

    @staticmethod
    def load() -> "Case":
        """Read the case of this run."""
        with np.load(os.environ["BITLIGHT_CASE"]) as file:
            return Case(
                sent=_integers(file["sent"]),
                expected=_integers(file["expected"]),
                **json.loads(str(file["rest"])),
            )


def _integers(words: np.ndarray) -> list[int]:
    return [int.from_bytes(beat.astype("<u4").tobytes(), "little") for beat in words]


@dataclass
class Source:
    """Offers the beats in order, pausing at random, and never takes an offer back."""

    dut: Any
    beats: list[int]
    idle: float
    random: random.Random
    sent: int = 0
    offering: bool = False

    def drive(self) -> None:
        """Before the edge: offer the next beat, unless in a pause."""
        if not self.offering and self.sent < len(self.beats) and self.random.random() >= self.idle:
            self.offering = True
            self.dut.i__payload.value = self.beats[self.sent]
        self.dut.i__valid.value = self.offering

    def sample(self) -> bool:
        """With all signals settled: whether the offer is taken at this edge."""
        taken = self.offering and bool(self.dut.i__ready.value)
        if taken:
            self.sent += 1
            self.offering = False
        return taken


@dataclass
class Sink:
    """Takes beats, pausing at random, and holds the stream to its rules."""

    dut: Any
    busy: float
    random: random.Random
    received: list[int] = field(default_factory=list)
    waiting: int | None = None

    def drive(self) -> None:
        """Before the edge: be ready, unless in a pause."""
        self.dut.o__ready.value = self.random.random() >= self.busy

    def sample(self) -> bool:
        """With all signals settled: whether a beat arrives at this edge."""
        valid = bool(self.dut.o__valid.value)
        if self.waiting is not None:
            assert valid, "valid was withdrawn while the sink was not ready"
        if not valid:
            return False
        payload = int(self.dut.o__payload.value)
        assert self.waiting in (None, payload), "the payload changed while the sink was not ready"
        arrives = bool(self.dut.o__ready.value)
        self.waiting = None if arrives else payload
        if arrives:
            self.received.append(payload)
        return arrives


async def run(dut: Any, case: Case, idle: float, busy: float) -> tuple[list[int], int, list[int]]:
    """Send all beats; gives what came, the cycle of the first beat in, and of each beat out."""
    source = Source(dut, case.sent, idle, random.Random(case.seed))
    sink = Sink(dut, busy, random.Random(case.seed + 1))
    await reset(dut)
    begun, given, moved, cycle = -1, [], 0, 0
    before, told = _progress(), time.monotonic()
    while len(sink.received) < len(case.expected):
        source.drive()
        sink.drive()
        await ReadOnly()
        taken, arrived = source.sample(), sink.sample()
        if taken and begun < 0:
            begun = cycle
        if arrived:
            given.append(cycle)
        moved = cycle if taken or arrived else moved
        assert cycle - moved <= case.patience, f"nothing moved from cycle {moved} to {cycle}"
        cycle += 1
        if cycle % 256 == 0 and time.monotonic() - told > TOLD_EVERY_S:
            _tell(before + source.sent + len(sink.received))
            told = time.monotonic()
        await FallingEdge(dut.clk)
    _tell(before + source.sent + len(sink.received))
    for _ in range(8):  # a beat too many would come now
        source.drive()
        dut.o__ready.value = 1
        await ReadOnly()
        source.sample()
        assert not dut.o__valid.value, "a beat came after the last one"
        await FallingEdge(dut.clk)
    return sink.received, begun, given


def _progress() -> int:
    """Beats that moved in the tests before."""
    path = Path(os.environ["BITLIGHT_PROGRESS"])
    return int(path.read_text()) if path.exists() else 0


def _tell(beats: int) -> None:
    """Leave for the caller how many beats have moved."""
    path = Path(os.environ["BITLIGHT_PROGRESS"])
    path.with_suffix(".new").write_text(str(beats))
    path.with_suffix(".new").replace(path)


async def reset(dut: Any) -> None:
    """Start the clock and hold the reset for two cycles; ends behind a falling edge."""
    dut.rst.value = 1
    dut.i__valid.value = 0
    dut.i__payload.value = 0
    dut.o__ready.value = 0
    Clock(dut.clk, 10, unit="ns").start()
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


def record(**values: Any) -> None:
    """Leave figures for the caller, beside those of other tests in this run."""
    path = Path(os.environ["BITLIGHT_RESULT"])
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | values))


def compare(case: Case, received: list[int]) -> int:
    """How many beats differ; which, and how, is left for the caller, who knows the design."""
    pairs = enumerate(zip(received, case.expected, strict=True))
    differing = [(beat, hex(a), hex(b)) for beat, (a, b) in pairs if a != b]
    if differing:
        record(differing=differing)
    return len(differing)


@cocotb.test()
async def at_full_rate(dut: Any) -> None:
    """Every bit is as expected, and every cycle count as predicted."""
    case = Case.load()
    started = time.perf_counter()
    received, begun, given = await run(dut, case, 0.0, 0.0)
    seconds = time.perf_counter() - started
    differing = compare(case, received)
    beats = len(case.expected) // case.images
    completed = given[beats - 1 :: beats]
    intervals = [after - before for before, after in itertools.pairwise(completed)]
    record(latency=completed[0] - begun, intervals=intervals, cycles=given[-1] + 1, seconds=seconds)
    assert not differing, f"{differing} of {len(received)} beats differ"
    assert completed[0] - begun == case.latency, f"latency {completed[0] - begun}"
    assert not intervals or intervals[-1] == case.interval, f"intervals {intervals}"


@cocotb.test()
async def with_pauses(dut: Any) -> None:
    """Every bit is as expected while source and sink pause at random."""
    case = Case.load()
    received, _, _ = await run(dut, case, case.idle, case.busy)
    differing = compare(case, received)
    assert not differing, f"{differing} of {len(received)} beats differ"
