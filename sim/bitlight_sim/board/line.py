"""Frames over a serial port: what is whole is given, what is not is counted and left out."""

import contextlib
import errno
import queue
import threading
import time
from typing import Protocol

import serial

from bitlight import SimulationError
from bitlight_hw.link import protocol
from bitlight_hw.link.protocol import Frame

POLL_S = 0.25  # until a listener looks whether it is still wanted, where nothing can wake it
# Bytes gather before they are read: woken for each of a slow line, a listener would be busy with
# nothing else. It pauses for a share of the time between answers, of which a host has eight under
# way; so a pause costs no time on the line.
GATHER_S = 0.0005, 0.05
GATHER_SHARE = 1 / 4
MOST_HELD = 1 << 18  # bytes without a zero, which no frame has


class Port(Protocol):
    """What is asked of a serial port; pyserial's are such."""

    def read(self, size: int = 1) -> bytes:
        """Up to so many bytes, or none after a short while."""
        ...

    def write(self, data: bytes) -> int | None:
        """All of these bytes."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def open_port(path: str, baud: int, patience: float = 30.0) -> Port:
    """The serial port of a path, or of a URL as pyserial has it.

    A line that takes nothing for `patience` seconds is gone. The port is this host's alone: two
    would each hear parts of the other's answers.

    Raises
    ------
    SimulationError
        If it cannot be opened.
    """
    try:
        port = serial.serial_for_url(
            path, baud, timeout=POLL_S, write_timeout=patience, exclusive=True
        )
    except (serial.SerialException, ValueError, OSError) as error:
        if getattr(error, "errno", None) == errno.EWOULDBLOCK:
            raise SimulationError(
                f"the serial port {path} is in use: another program has it open"
            ) from error
        said = getattr(error, "strerror", None) or str(error)
        raise SimulationError(f"cannot open the serial port {path}: {said}") from error
    # An adapter that waits for more before it tells the host costs a window of images; only some
    # drivers can be told, and all work without.
    with contextlib.suppress(AttributeError, NotImplementedError, OSError, ValueError):
        port.set_low_latency_mode(True)
    return port


class Line:
    """Sends frames, and hears them in a thread of its own.

    Attributes
    ----------
    damaged : int
        Frames that came and were not whole.
    seconds : float
        Processor time that the thread has taken.
    """

    def __init__(self, port: Port) -> None:
        self.damaged = 0
        self.seconds = 0.0
        self._port = port
        self._frames: queue.SimpleQueue[Frame | Exception] = queue.SimpleQueue()
        self._wanted = True
        self._listener = threading.Thread(target=self._listen, name="bitlight-board", daemon=True)
        self._listener.start()

    def send(self, frame: bytes) -> None:
        """Put a frame on the line.

        Raises
        ------
        SimulationError
            If the port is gone.
        """
        try:
            self._port.write(frame)
        except (serial.SerialException, OSError, ValueError) as error:
            raise SimulationError(f"the serial port is gone: {error}") from error

    def hear(self, deadline: float) -> Frame | None:
        """The next whole frame, or None if there is none by then (`time.monotonic`).

        Raises
        ------
        SimulationError
            If the port is gone.
        """
        try:
            found = self._frames.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None
        if isinstance(found, Exception):
            self._frames.put(found)  # for whoever asks next
            raise SimulationError(f"the serial port is gone: {found}")
        return found

    def close(self) -> None:
        """Hear no more, and close the port."""
        self._wanted = False
        with contextlib.suppress(AttributeError):  # pyserial's ports of the network have none
            self._port.cancel_read()  # type: ignore[attr-defined]
        self._listener.join()
        self._port.close()

    def _listen(self) -> None:
        held, pace = b"", _Pace()
        try:
            while self._wanted:
                came = self._port.read(getattr(self._port, "in_waiting", 0) or 1)
                if not came:
                    continue
                *parts, held = (held + came).split(b"\0")
                for part in parts:
                    self._judge(part)
                if len(held) > MOST_HELD:
                    held = b"\1"  # what is left of it will not be whole either
                self.seconds = time.thread_time()
                time.sleep(pace.pause(sum(map(bool, parts)), time.monotonic()))
        except Exception as error:
            self._frames.put(error)

    def _judge(self, part: bytes) -> None:
        if not part:
            return
        frame = protocol.decode(part)
        if frame is None:
            self.damaged += 1
        else:
            self._frames.put(frame)


class _Pace:
    """How long bytes may gather, by the time between frames.

    Of the last two times the shorter counts: before the first answer of a run a host may have been
    busy with something else for long.
    """

    def __init__(self) -> None:
        self._last, self._gaps = 0.0, (0.0, 0.0)

    def pause(self, frames: int, now: float) -> float:
        """Seconds until bytes are read again, after so many frames have ended."""
        if frames:
            self._gaps = self._gaps[1], (now - self._last) / frames
            self._last = now
        least, most = GATHER_S
        return min(max(least, GATHER_SHARE * min(self._gaps)), most)
