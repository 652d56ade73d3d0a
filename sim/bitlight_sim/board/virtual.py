"""A board that is simulated, from its clock to its serial line, behind a pseudo-terminal."""

import os
import pty
import subprocess
import tty
from pathlib import Path
from types import TracebackType

from bitlight import SimulationError
from bitlight_hw.boards.top import RESET_BITS, SerialAccelerator
from bitlight_sim.board.build import build


class VirtualBoard:
    """The design of a board in Verilator, as the same host sees it: a serial port.

    It runs as fast as it can, which is slower than the board; its clock cycles are the board's.

    Parameters
    ----------
    serial : SerialAccelerator
    program : Path, optional
        What `build` gave before.

    Attributes
    ----------
    port : str
        Path of the serial port, while it is open.

    Raises
    ------
    SimulationError
        If it cannot be built or started.

    Examples
    --------
    >>> with VirtualBoard(serial) as virtual, Board(virtual.port, net) as board:  # doctest: +SKIP
    ...     out = board.run(images)
    """

    def __init__(self, serial: SerialAccelerator, program: Path | None = None) -> None:
        self.serial = serial
        self.program = program
        self.port = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptors: list[int] = []

    @property
    def quiet(self) -> int:
        """Cycles after which nothing goes on by itself: as long as anything may take."""
        linked = self.serial.linked
        return 4 * (linked.latency + linked.interval + linked.byte_cycles * linked.depth)

    def __enter__(self) -> "VirtualBoard":
        if self.program is None:
            self.program, _ = build(self.serial)
        ours, theirs = pty.openpty()
        # The host's side stays open here, so that the line lives on when a host goes.
        self._descriptors = [ours, theirs]
        tty.setraw(theirs)
        self.port = os.ttyname(theirs)
        reset = 2 << RESET_BITS  # cycles, and as many again for the clock to be called stable
        arguments = [str(n) for n in (ours, self.serial.divisor, self.quiet, reset)]
        try:
            self._process = subprocess.Popen([self.program, *arguments], pass_fds=[ours])
        except OSError as error:
            self._close()
            raise SimulationError(f"cannot run {self.program}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def wait(self) -> None:
        """Until the program ends, which it does by itself only at a broken stream rule.

        Raises
        ------
        SimulationError
            When it has ended.
        """
        assert self._process is not None
        code = self._process.wait()
        raise SimulationError(f"the virtual board ended with {code}")

    def _close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._process, self._descriptors = None, []
