"""How a command ends that is told to stop: its work unwinds, its children end, the code says why.

Ctrl-C, SIGTERM and SIGHUP do the same for every command. An exception goes up through whatever
runs, so that files which were being written disappear, checkpoints are saved and locks are let go;
then all programs that were started for the work, and those that these have started, are killed.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36
AGAIN_S = 0.02
PATIENCE_S = 2.0  # for children to be gone after they were killed


class Stopped(KeyboardInterrupt):
    """The signal that ends the work.

    Attributes
    ----------
    number : int
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def code(self) -> int:
        """What a shell expects of a command that this signal has ended: 130, 143 or 129."""
        return 128 + self.number


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turn the signals into `Stopped` while the block runs; children end with it if it is.

    Raises
    ------
    Stopped
        In the main thread, wherever it is.
    """
    if not _is_main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    hook = sys.unraisablehook
    _adopt_orphans()
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _raise)
    sys.unraisablehook = _repeat
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        for number in SIGNALS:  # what ends the work is not to be interrupted
            signal.signal(number, signal.SIG_IGN)
        kill_children()
        raise
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: Any) -> None:
    raise Stopped(number)


def _repeat(unraisable: Any) -> None:
    """Send a signal again whose exception came up where Python can only pass it over: __del__."""
    if isinstance(unraisable.exc_value, Stopped):
        # Not from here, where it would be passed over once more.
        arguments = os.getpid(), unraisable.exc_value.number
        threading.Timer(AGAIN_S, os.kill, arguments).start()
    else:
        sys.__unraisablehook__(unraisable)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _adopt_orphans() -> None:
    """Have the children of children that end come to this process, where the system can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children() -> None:
    """Kill all processes that this one has started, and theirs, and wait until they are gone."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := children()) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        for process in found:
            with contextlib.suppress(OSError):
                os.waitpid(process, os.WNOHANG)
        time.sleep(0.01)


def children() -> list[int]:
    """Numbers of the processes below this one that still run, nearest first; Linux alone."""
    found, asked = [], [os.getpid()]
    while asked:
        parent = asked.pop()
        with contextlib.suppress(OSError, ValueError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                for child in map(int, (task / "children").read_text().split()):
                    if not _is_dead(child):
                        found.append(child)
                        asked.append(child)
    return found


def _is_dead(process: int) -> bool:
    """Whether it has ended, and only waits to be noted."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state in "ZX"
