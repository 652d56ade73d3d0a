"""The highest clock of a board that a design closes at, found by placing it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bitlight import BitlightError, Network
from bitlight_hw.boards.board import Board
from bitlight_hw.boards.choosing import serial_for
from bitlight_hw.boards.flow import Built, TooSlow, synthesise
from bitlight_hw.boards.top import SerialAccelerator, bit_cycles
from bitlight_hw.link.uart import LEAST_DIVISOR

# Clocks between multiples of this are not tried.
STEP_HZ = 250_000


@dataclass(frozen=True)
class Closed:
    """A design that closes, and what was tried before it.

    Attributes
    ----------
    serial : SerialAccelerator
    built : Built
    missed : dict of float to float
        Clock, in MHz, that was not reached → what was reached instead.
    """

    serial: SerialAccelerator
    built: Built
    missed: dict[float, float]


def close(
    net: Network,
    serial: SerialAccelerator,
    folder: Path,
    *,
    cycles: int | None = None,
    seed: int = 1,
    say: Callable[[str], None] = lambda label: None,
) -> Closed:
    """Make a bitstream, with a lower clock of the board's loop as long as the clock is not reached.

    A lower clock is the highest that the placed design before it would have reached; its folding is
    chosen anew, since the link then has fewer cycles for an image.

    Parameters
    ----------
    net : Network
    serial : SerialAccelerator
        What is tried first.
    cycles : int, optional
        As in `serial_for`.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails, or the design does not fit.
    TooSlow
        If no lower clock is left.
    """
    missed: dict[float, float] = {}
    while True:
        try:
            return Closed(serial, synthesise(serial, folder, seed=seed, say=say), missed)
        except TooSlow as slow:
            missed[serial.clock_hz / 1e6] = round(slow.fmax_mhz, 2)
            most = min(serial.clock_hz - 1, int(slow.fmax_mhz * 1e6))
            clock_hz = next((clock for clock in clocks(serial.board) if clock <= most), None)
            if clock_hz is None:
                raise
            say(f"{slow.fmax_mhz:.1f} MHz is too slow: a folding for {clock_hz / 1e6:g} MHz")
            serial = serial_for(net, serial.board, clock_hz=clock_hz, cycles=cycles)


def clocks(board: Board) -> list[int]:
    """Clocks in Hz, up to the board's own, that its loop makes and its baud rate divides; falling.

    Examples
    --------
    >>> from bitlight_hw.boards import board
    >>> clocks(board("icebreaker"))
    [24000000, 21000000, 18000000, 12000000]
    """
    tried = {*range(STEP_HZ, board.clock_hz, STEP_HZ), board.clock_hz}
    return sorted((clock for clock in tried if _possible(board, clock)), reverse=True)


def _possible(board: Board, clock_hz: int) -> bool:
    try:
        board.pll(board.oscillator_hz, clock_hz)
        return bit_cycles(board, clock_hz) >= LEAST_DIVISOR
    except BitlightError:
        return False
