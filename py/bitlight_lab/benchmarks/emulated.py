"""A board that is emulated in real time: its protocol and its line's pace, without its RTL.

`VirtualBoard` simulates the design itself, some hundred times slower than a board. Here a process
answers in a design's name with features that were computed before, and bytes come and go when a
UART and its USB adapter would let them. So the driver meets a line of real speed.
"""

import contextlib
import multiprocessing
import os
import pty
import select
import time
import tty
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import numpy as np

from bitlight import SimulationError
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_hw.link import payload, protocol
from bitlight_hw.link.answers import COUNTERS
from bitlight_hw.link.identity import Identity
from bitlight_hw.link.protocol import ANSWER, Frame, Kind, encode
from bitlight_hw.link.uart import BITS

WRAP = 1 << 32


@dataclass(frozen=True)
class Adapter:
    """How a USB adapter cuts a line's bytes into packets; by default an FT2232H's, made quick.

    It sends the host a packet when it is full, or when `latency_s` have passed since the last one.
    Of each packet of 512 bytes that it sends two are its own status. From the host it takes packets
    of 512 bytes while it has room (FTDI, DS_FT2232H and AN_232B-04).

    Attributes
    ----------
    packet_bytes : int
        Most bytes of the line in a packet to the host.
    latency_s : float
        Of its latency timer: 1 ms in the low-latency mode that the driver asks for, else 16 ms.
    taken_bytes : int
        Most bytes in a packet from the host.
    room_bytes : int
        What it holds for the line at most.

    Examples
    --------
    >>> Adapter().latency_s
    0.001
    """

    packet_bytes: int = 510
    latency_s: float = 1e-3
    taken_bytes: int = 512
    room_bytes: int = 4096


class EmulatedBoard:
    """The board of a design as a host meets it, at its pace; see this module.

    Parameters
    ----------
    serial : SerialAccelerator
    images : uint8 array, shape (N, H, W, C) or (N, n)
        All that it will be sent: it computes nothing, and refuses any other.
    adapter : Adapter, optional
    baud : int, optional
        By default that of the board.

    Attributes
    ----------
    port : str
        Path of the serial port, while it is open.

    Examples
    --------
    >>> with EmulatedBoard(serial, images) as emulated:  # doctest: +SKIP
    ...     with Board(emulated.port, serial.acc.net) as board:
    ...         out = board.run(images)
    """

    def __init__(
        self,
        serial: SerialAccelerator,
        images: np.ndarray,
        adapter: Adapter | None = None,
        baud: int | None = None,
    ) -> None:
        linked = serial.linked
        sent = payload.to_bytes(images, linked.frames_in)
        features = payload.result_bytes(serial.acc.net.forward(images), linked.frames_out)
        results = {
            image.tobytes(): result.tobytes() for image, result in zip(sent, features, strict=True)
        }
        byte_s = BITS / (baud or serial.board.baud)
        self._arguments = (linked.identity, results, byte_s, adapter or Adapter())
        self.port = ""

    def __enter__(self) -> "EmulatedBoard":
        context = multiprocessing.get_context("spawn")
        self._stop, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self.port = self._stop.recv()
        except EOFError:
            self._close()
            raise SimulationError("the emulated board could not be started") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._stop.close()
        self._process.join()


def _run(
    stop: Connection,
    identity: Identity,
    results: Mapping[bytes, bytes],
    byte_s: float,
    adapter: Adapter,
) -> None:
    """The process of an emulated board: until the other side of `stop` is closed."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    line = _Line(ours, byte_s, adapter, _Design(identity, results))
    stop.send(os.ttyname(theirs))
    while not line.step(stop):
        pass


class _Design:
    """What the frames that come are answered with, and when: the protocol, without its RTL."""

    def __init__(self, identity: Identity, results: Mapping[bytes, bytes]) -> None:
        self.identity = identity
        self.results = results
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.began = self.ended = -(1 << 62)  # of the last image, in cycles
        self.reset_at = 0

    def answer(self, frame: Frame | None, at: float) -> tuple[float, bytes]:
        """(the time when the answer is ready, the answer) to a frame that came then."""
        if frame is None:
            self.counters["damaged"] += 1
            return at, encode(Kind.DAMAGED + ANSWER, 0)
        ready, said, kind = at, b"", frame.kind
        if kind == Kind.IDENTIFY:
            said = self.identity.encoded
        elif kind == Kind.COUNTERS:
            said = np.array(list(self.counters.values()), "<u4").tobytes()
        elif kind == Kind.RESET:
            self.counters = dict.fromkeys(COUNTERS, 0)
            self.reset_at = self._cycle(at)
        elif kind == Kind.RUN and frame.payload in self.results:
            ready, said = self._compute(frame.payload, at)
        else:
            self.counters["refused"] += 1
            kind = Kind.REFUSED
        return ready, encode(kind + ANSWER, frame.sequence, said)

    def _compute(self, image: bytes, at: float) -> tuple[float, bytes]:
        """As the design would: images begin an interval apart or more, and take their latency."""
        self.began = max(self._cycle(at), self.began + self.identity.interval)
        ended = self.began + self.identity.latency
        cycles = ended - max(self.began, self.ended)
        self.ended = ended
        self.counters["images"] += 1
        self.counters["cycles"] = cycles
        trailer = np.array([cycles, (ended - self.reset_at) % WRAP], "<u4").tobytes()
        return ended / self.identity.clock_hz, self.results[image] + trailer

    def _cycle(self, at: float) -> int:
        return round(at * self.identity.clock_hz)


class _Line:
    """A UART both ways behind a USB adapter, on the other side of a pseudo-terminal.

    Each byte has a time at which the line is done with it. Whether the process is late does not
    shift these: only what the host sees is late then.
    """

    def __init__(self, terminal: int, byte_s: float, adapter: Adapter, design: _Design) -> None:
        self.terminal = terminal
        self.byte_s = byte_s
        self.adapter = adapter
        self.design = design
        self.came_by = self.gone_by = 0.0  # when the line is done with all bytes, in and out
        self.part = b""  # of a frame that is coming
        self.going: deque[tuple[float, bytes]] = deque()  # (when its first byte begins, answer)
        self.held = b""  # of the line, for the host
        self.ticked = time.monotonic()  # when the latency timer began anew

    def step(self, stop: Connection) -> bool:
        """Wait for what is next and do it; whether the board is to end."""
        now = time.monotonic()
        full = self.came_by - self.adapter.room_bytes * self.byte_s  # until then it takes nothing
        due = self._due(now)
        if now < full:
            due = min(due, full)
        listened: list[Any] = [stop, self.terminal] if now >= full else [stop]
        readable, _, _ = select.select(listened, [], [], max(0.0, min(due - now, 1.0)))
        if stop in readable:
            return True
        now = time.monotonic()
        if self.terminal in readable:
            self._take(os.read(self.terminal, self.adapter.taken_bytes), now)
        self._give(now)
        return False

    def _take(self, packet: bytes, now: float) -> None:
        """Bytes from the host go over the line, from now on or behind those before them."""
        begins = max(now, self.came_by)
        self.came_by = begins + len(packet) * self.byte_s
        *parts, rest = packet.split(b"\0")
        for part in parts:
            whole, self.part = self.part + part, b""
            begins += (len(part) + 1) * self.byte_s
            if whole:
                self._answer(protocol.decode(whole), begins)
        self.part += rest

    def _answer(self, frame: Frame | None, at: float) -> None:
        if frame is not None and frame.kind == Kind.RESET:
            while self.going and self.going[-1][0] > at:
                self.gone_by, _ = self.going.pop()
        ready, answer = self.design.answer(frame, at)
        begins = max(ready, self.gone_by)
        self.going.append((begins, answer))
        self.gone_by = begins + len(answer) * self.byte_s

    def _due(self, now: float) -> float:
        """When the next packet goes to the host: full, or by the timer."""
        count, timed = len(self.held), None
        if count:
            timed = self._tick(now)
        for begins, answer in self.going:
            timed = timed or self._tick(max(now, begins + self.byte_s))
            missing = self.adapter.packet_bytes - count
            if len(answer) >= missing:
                return min(timed, begins + missing * self.byte_s)
            count += len(answer)
        return float("inf") if timed is None else timed

    def _tick(self, since: float) -> float:
        """The first tick of the latency timer from then on."""
        latency = self.adapter.latency_s
        if latency == 0:
            return since
        return self.ticked + latency * max(1, -int((self.ticked - since) // latency))

    def _give(self, now: float) -> None:
        while self.going and self.going[0][0] < now:
            begins, answer = self.going[0]
            there = min(int((now - begins) / self.byte_s), len(answer))
            self.held += answer[:there]
            if there < len(answer):
                if there:
                    self.going[0] = begins + there * self.byte_s, answer[there:]
                break
            self.going.popleft()
        most, latency = self.adapter.packet_bytes, self.adapter.latency_s
        ticks = now - self.ticked >= latency
        while len(self.held) >= most or (ticks and self.held):
            packet, self.held = self.held[:most], self.held[most:]
            # A host that does not read loses bytes, as with a real adapter.
            with contextlib.suppress(BlockingIOError):
                os.write(self.terminal, packet)
            self.ticked, ticks = now, False
        if ticks and latency:  # with nothing to tell
            self.ticked += latency * ((now - self.ticked) // latency)
