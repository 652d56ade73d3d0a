"""A line now and then about long work, for where no terminal shows a bar: logs, pipes, jobs."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

# Seconds of the first lines, and from then on between two.
FIRST = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0)
EVERY = 60.0


def moments() -> Iterator[float]:
    """When lines are due, in seconds since the work began."""
    yield from FIRST
    moment = FIRST[-1]
    while True:
        moment += EVERY
        yield moment


def say(line: str) -> None:
    """Write a line to standard error, where nobody takes it for a result."""
    with contextlib.suppress(OSError, ValueError):  # a log that is closed stops no work
        print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def told(describe: Callable[[float], str]) -> Iterator[None]:
    """Say where the work of this block is: every ten seconds in its first minute, then each minute.

    Work that takes less than ten seconds says nothing.

    Parameters
    ----------
    describe : callable
        Gives the line, from the seconds that have passed; called in another thread.
    """
    over = threading.Event()
    started = time.monotonic()

    def tell() -> None:
        for moment in moments():
            if over.wait(max(0.0, started + moment - time.monotonic())):
                return
            say(describe(time.monotonic() - started))

    thread = threading.Thread(target=tell, daemon=True, name="bitlight-telling")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def describe_progress(label: str, done: int, total: int, fresh: int, seconds: float) -> str:
    """A line on work that is counted: how much, how fast, and how long it will still take.

    Parameters
    ----------
    done, total : int
    fresh : int
        Of what is done, what was done in these seconds.
    seconds : float

    Examples
    --------
    >>> describe_progress("simulating", 600, 2400, 600, 30.0)
    'simulating: 600 of 2,400, 20/s, 1 min 30 s left'
    >>> describe_progress("compiling", 0, 1, 0, 10.0)
    'compiling: 0 of 1 after 10 s'
    """
    line = f"{label}: {done:,} of {total:,}"
    if fresh <= 0:
        return f"{line} after {describe_time(seconds)}"
    rate = fresh / seconds
    left = describe_time((total - done) / rate)
    return f"{line}, {rate:,.0f}/s, {left} left" if rate >= 10 else f"{line}, {left} left"


def describe_time(seconds: float) -> str:
    """Seconds as one says them.

    Examples
    --------
    >>> [describe_time(s) for s in (0.2, 59, 61, 3600, 100_000)]
    ['0 s', '59 s', '1 min 1 s', '1 h', '27 h 46 min']
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else rest, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
