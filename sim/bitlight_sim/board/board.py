"""A board behind a serial port: arrays in, arrays out, every answer whole or an error."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np

from bitlight import Network, SimulationError
from bitlight_hw.axi.frames import Frames
from bitlight_hw.link import payload
from bitlight_hw.link.answers import COUNTERS
from bitlight_hw.link.identity import Identity
from bitlight_hw.link.meter import TRAILER_BYTES
from bitlight_hw.link.protocol import ANSWER, SEQUENCES, Frame, Kind, encode
from bitlight_hw.stages import Beats
from bitlight_sim.board.line import Line, Port, open_port
from bitlight_sim.simulator import Run

BAUD = 3_000_000
TIMEOUT_S = 5.0
TRIES = 5
# Times in that silence that a question is put again: its answer waits for no image. One that comes
# late, to an earlier time, answers it as well, for the requests keep their order on the line.
ASKED_AGAIN = 5
PATIENCE = 6  # times the silence that is borne, until a line that takes nothing is gone
WRAP = 1 << 32  # of the board's cycle counter


@dataclass(frozen=True)
class BoardRun(Run):
    """What a board gave: a `Run`, and how long each image took.

    Attributes
    ----------
    image_cycles : int64 array, shape (N,)
        Clock cycles that the accelerator took for each image: from its first byte, or from the
        result before where that came later, to the last byte of its result.
    resent : int
        Images that had to be sent again.
    host_seconds : float
        Processor time of the driver's two threads: that which asks, and that which listens.
    """

    image_cycles: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    resent: int = 0
    host_seconds: float = 0.0


class Board:
    """A network on a board, by its serial port.

    Parameters
    ----------
    port : str or Port
        Path or URL of the serial port, or an open one.
    net : Network
        What must be loaded.
    baud : int
        Of the serial line, as the board has it.
    timeout : float
        Seconds without any answer after which the line is begun anew, and, if that has no answer
        either, the board is given up.

    Attributes
    ----------
    identity : Identity
        What the board says of itself, while it is open.

    Raises
    ------
    SimulationError
        If nothing answers, or another network is loaded.

    Examples
    --------
    >>> with Board("/dev/ttyUSB1", net) as board:  # doctest: +SKIP
    ...     out = board.run(images)
    >>> (out.features == net.forward(images)).all()  # doctest: +SKIP
    True
    """

    identity: Identity

    def __init__(
        self, port: str | Port, net: Network, *, baud: int = BAUD, timeout: float = TIMEOUT_S
    ) -> None:
        self.port = port
        self.net = net
        self.baud = baud
        self.timeout = timeout
        self.frames_in, self.frames_out = frames_of(net)
        self._line: Line | None = None
        self._sequence = random.SystemRandom().randrange(SEQUENCES)

    def __enter__(self) -> "Board":
        port = self.port
        if isinstance(port, str):
            port = open_port(port, self.baud, PATIENCE * self.timeout)
        self._line = Line(port)
        try:
            self.reset()
            self.identity = Identity.decoded(self._ask(Kind.IDENTIFY))
            self._check()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the port."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def reset(self) -> None:
        """Forget all that is under way, on both sides; the board's counters begin at 0.

        Raises
        ------
        SimulationError
            If nothing answers.
        """
        self._ask(Kind.RESET)

    def counters(self) -> dict[str, int]:
        """What the board has counted since it was reset, and the cycles of the last image."""
        numbers = np.frombuffer(self._ask(Kind.COUNTERS), "<u4")
        return dict(zip(COUNTERS, map(int, numbers), strict=True))

    def run(self, images: np.ndarray, progress: Callable[[int], None] | None = None) -> BoardRun:
        """Send images, several under way at once, and give their results.

        What is lost or damaged on the line, either way, is sent again. `cycles_per_image` of what
        is given is the pace at which results came, that of the link where it is the slower.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, C) or (N, n), N ≥ 1
        progress : callable, optional
            Called with the number of images done.

        Raises
        ------
        NetworkError
            If the images are not as the network takes them.
        SimulationError
            If the board answers no more, or refuses an image.
        """
        self.net.check_images(images)
        if len(images) == 0:
            raise SimulationError("there are no images to send")
        return _Exchange(self, images, progress).run()

    def _check(self) -> None:
        told, net = self.identity, self.net
        if told.network != net.id:
            raise SimulationError(
                f"the board {told.board} has network {told.network[:12]}, not {net.id[:12]}"
            )
        sizes = self.frames_in.bytes, self.frames_out.bytes + TRAILER_BYTES
        if (told.image_bytes, told.result_bytes) != sizes:
            raise SimulationError(
                f"the board {told.board} takes {told.image_bytes} bytes and gives "
                f"{told.result_bytes}, not {sizes[0]} and {sizes[1]}"
            )

    @property
    def line(self) -> Line:
        """The open line.

        Raises
        ------
        SimulationError
            If it is not open.
        """
        if self._line is None:
            raise SimulationError("the board is not open; use it as `with Board(port, net) as …`")
        return self._line

    def next_sequence(self) -> int:
        """A number that no frame under way has."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        return self._sequence

    def _ask(self, kind: Kind) -> bytes:
        """The payload of the answer to a request that may be made again."""
        given_up = time.monotonic() + TRIES * self.timeout
        asked: set[int] = set()
        while time.monotonic() < given_up:
            sequence = self.next_sequence()
            asked.add(sequence)
            self.line.send(encode(kind, sequence))
            deadline = time.monotonic() + self.timeout / ASKED_AGAIN
            while (frame := self.line.hear(deadline)) is not None:
                if frame.kind == kind + ANSWER and frame.sequence in asked:
                    return frame.payload
                if frame.kind == Kind.DAMAGED + ANSWER and kind != Kind.RESET:
                    break  # it may have been this one
        raise SimulationError(
            f"nothing answers on {self.port} within {TRIES} × {self.timeout:g} s; "
            f"is a network loaded, and is the line at {self.baud:,} baud?"
        )


def frames_of(net: Network) -> tuple[Frames, Frames]:
    """How a network's images and results are bytes, whatever its folding."""
    taken = Beats(net.input_shape, 1, net.input_bits)
    return Frames(taken, 8), Frames(Beats.of(net.output, 1), 8)


class _Exchange:
    """One run: which images are to be sent, which are under way, which are done.

    Each sending has a number of its own. Answers come in the order of the requests; so whatever was
    sent before the one that is answered, and is not answered yet, was lost.
    """

    def __init__(
        self, board: Board, images: np.ndarray, progress: Callable[[int], None] | None
    ) -> None:
        self.started, self.host_started = time.perf_counter(), self._host_seconds(board)
        self.board = board
        self.payloads = payload.to_bytes(images, board.frames_in)
        self.progress = progress
        self.waiting = deque(range(len(images)))
        self.under_way: dict[int, int] = {}  # sequence → image, in the order of sending
        self.results: list[bytes | None] = [None] * len(images)
        self.image_cycles = np.zeros(len(images), np.int64)
        self.ends: list[list[int]] = [[]]  # of images in a row, in cycles
        self.done = self.resent = self.silences = 0

    def run(self) -> BoardRun:
        self.board.reset()
        while self.done < len(self.results):
            while self.waiting and len(self.under_way) < self.board.identity.window:
                self._send(self.waiting.popleft())
            frame = self.board.line.hear(time.monotonic() + self.board.timeout)
            if frame is None:
                self._begin_anew()
            else:
                self._take(frame)
        size = self.board.frames_out.bytes
        whole = np.frombuffer(b"".join(filter(None, self.results)), np.uint8).reshape(-1, size)
        intervals = np.concatenate([np.diff(ends) % WRAP for ends in self.ends])
        pace = float(intervals.mean()) if len(intervals) else float(self.image_cycles[0])
        features = payload.from_bytes(whole, self.board.frames_out)
        return BoardRun(
            features=features,
            cycles_per_image=int(pace) if pace.is_integer() else pace,
            latency=int(self.image_cycles[0]),
            cycles=int(intervals.sum() + self.image_cycles[0]),
            seconds=time.perf_counter() - self.started,
            image_cycles=self.image_cycles,
            resent=self.resent,
            host_seconds=self._host_seconds(self.board) - self.host_started,
        )

    @staticmethod
    def _host_seconds(board: Board) -> float:
        return time.thread_time() + board.line.seconds

    def _send(self, image: int) -> None:
        sequence = self.board.next_sequence()
        self.under_way[sequence] = image
        frame = encode(Kind.RUN, sequence, self.payloads[image].tobytes())
        self.board.line.send(frame[1:])  # the 0 of the frame before is there

    def _take(self, frame: Frame) -> None:
        kind = frame.kind - ANSWER
        if kind == Kind.REFUSED and frame.sequence in self.under_way:
            raise SimulationError(f"the board refuses image {self.under_way[frame.sequence]}")
        if kind == Kind.DAMAGED and self.under_way:
            self._lose(next(iter(self.under_way)))
        if kind != Kind.RUN or frame.sequence not in self.under_way:
            return
        while (first := next(iter(self.under_way))) != frame.sequence:
            self._lose(first)
        image = self.under_way.pop(frame.sequence)
        if len(frame.payload) != self.board.identity.result_bytes:
            raise SimulationError(
                f"the board gave {len(frame.payload)} bytes for an image, "
                f"not {self.board.identity.result_bytes}"
            )
        self.results[image], cycles, end = payload.split(frame.payload)
        self.image_cycles[image] = cycles
        self.ends[-1].append(end)
        self.silences = 0
        self.done += 1
        if self.progress is not None:
            self.progress(self.done)

    def _lose(self, sequence: int) -> None:
        self.waiting.appendleft(self.under_way.pop(sequence))
        self.resent += 1

    def _begin_anew(self) -> None:
        """After a silence: nothing that was sent before will be answered."""
        self.silences += 1
        if self.silences > TRIES:
            raise SimulationError(
                f"the board answers, but gives no result within {self.board.timeout:g} s"
            )
        self.board.reset()
        self.ends.append([])
        for sequence in reversed(list(self.under_way)):
            self._lose(sequence)
