"""One format's files, each made from its number, loaded under watch; run by `fuzzing.session`."""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
import time
import tracemalloc
import warnings
from pathlib import Path
from zlib import crc32

import numpy as np

from bitlight import BitlightError

# What Python, NumPy and the decoders take for any file, however small: buffers, messages, caches.
FLOOR = 1 << 20
TIMES = 10
SECONDS = float(os.environ.get("BITLIGHT_FUZZ_SECONDS", "20"))
# Beyond this even memory that is never touched is refused.
ADDRESSES = 2 << 30
LONGEST_MESSAGE = 1000
LARGE = 1 << 18  # of these files the ratio of memory to size is told
SHARE_OF_LARGE = 0.05
KEPT_FAILURES = 20
NOTED_EVERY = 250
M_MMAP_THRESHOLD = -3


class Format:
    """A format to fuzz.

    Parameters
    ----------
    load : callable
        Takes a path; what is measured.
    seeds : list of bytes
        Whole files.
    mutate : callable
        Takes a random generator, a seed and all seeds; gives a file.
    check : callable
        Takes the path and what was loaded; AssertionError unless it is the right answer.
    suffix : str
        Of the file's name.
    room : callable, optional
        Bytes that a file of this content may take beside `TIMES` its size.
    """

    def __init__(self, load, seeds, mutate, check, suffix="", room=lambda content: FLOOR):
        self.load, self.seeds, self.mutate, self.check = load, seeds, mutate, check
        self.suffix, self.room = suffix, room

    def file(self, name, number):
        """The content of that number; the first are the seeds as they are."""
        if number < len(self.seeds):
            return self.seeds[number]
        rng = np.random.default_rng([crc32(name.encode()), number])
        # Large ones show how memory grows, and take most of the time.
        large = rng.random() < SHARE_OF_LARGE
        seeds = [seed for seed in self.seeds if (len(seed) >= LARGE) is large] or self.seeds
        seed = seeds[int(rng.integers(len(seeds)))]
        return self.mutate(rng, seed, self.seeds)


def one(form, path, content):
    """Load a file; outcome ("answer", "error" or a failure), bytes taken, seconds."""
    path.write_bytes(content)
    limit = TIMES * len(content) + form.room(content)
    loaded, error = None, None
    _set_alarm(SECONDS)
    before = _begin()
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = form.load(path)
    except Exception as raised:
        error = raised
    seconds = time.perf_counter() - started
    taken = _taken(before)
    outcome = _judge(form, path, loaded, error)
    _set_alarm(0)
    if outcome in ("answer", "error") and taken > limit:
        outcome = f"takes {taken} bytes for a file of {len(content)}, not {limit} at most"
    return outcome, taken, seconds


def _judge(form, path, loaded, error):
    if error is None:
        try:
            form.check(path, loaded)
        except Exception as wrong:
            return f"wrong answer: {type(wrong).__name__}: {str(wrong)[:300]}"
        return "answer"
    message = str(error)
    causes = [error]
    while causes[-1].__cause__ or causes[-1].__context__:
        causes.append(causes[-1].__cause__ or causes[-1].__context__)
    if not isinstance(error, BitlightError) or any(isinstance(e, MemoryError) for e in causes):
        return f"raises {' from '.join(type(e).__name__ for e in causes)}: {message[:300]!r}"
    if path.name not in message:
        return f"does not name the file: {message[:300]!r}"
    if not message.isprintable() or len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} characters, or unprintable: {message[:300]!r}"
    return "error"


def _begin():
    """Forget past peaks: Python's and NumPy's own, and that of the process."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak()
    tracemalloc.start()
    return before


def _taken(before):
    """Memory since then at its peak, whoever took it: decoders do not ask Python for theirs."""
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return max(traced, _peak() - before)


def _peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split(maxsplit=1)[0])


def _set_alarm(seconds):
    """Let the process be killed; C code that hangs would never hear of a Python handler.

    The time is the processor's, since other work may stop this for minutes; one who only sleeps
    has ten minutes.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, seconds and 600)


def run(name, first, count, folder):
    """Load so many files; figures for JSON."""
    form = find(name)
    # The C library gives large blocks back at once, so that each file's peak is its own.
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 16)
    path = folder / f"fuzzed{form.suffix}"
    # What is loaded and compiled at the first time is not a file's.
    for seed in form.seeds:
        path.write_bytes(seed)
        with contextlib.suppress(Exception):
            form.load(path)
    _, addresses = resource.getrlimit(resource.RLIMIT_AS)
    used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES, addresses))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = {"files": 0, "answers": 0, "errors": 0, "failed": 0, "seconds": 0.0}
    found |= {"slowest_s": 0.0, "bytes": 0, "large": 0, "peak_bytes": 0, "peak_ratio": 0.0}
    found["failures"] = []
    with open(folder / "number", "wb", buffering=0) as progress:
        for number in range(first, first + count):
            os.pwrite(progress.fileno(), f"{number:20}".encode(), 0)
            content = form.file(name, number)
            outcome, taken, seconds = one(form, path, content)
            if outcome.startswith("takes"):
                # Once more: what is imported or cached at the first time is not the file's.
                outcome, taken, seconds = one(form, path, content)
            _count(found, number, outcome, seconds)
            size = len(content)
            found["bytes"] += size
            found["peak_bytes"] = max(found["peak_bytes"], taken)
            if size >= LARGE:
                found["large"] += 1
                found["peak_ratio"] = max(found["peak_ratio"], taken / size)
            if found["files"] % NOTED_EVERY == 0:
                noted = folder / "figures.new"
                noted.write_text(json.dumps(found))
                noted.replace(folder / "figures")
    return found


def _count(found, number, outcome, seconds):
    found["files"] += 1
    found["seconds"] += seconds
    found["slowest_s"] = max(found["slowest_s"], seconds)
    kind = {"answer": "answers", "error": "errors"}.get(outcome, "failed")
    found[kind] += 1
    if kind == "failed" and len(found["failures"]) < KEPT_FAILURES:
        found["failures"].append([number, outcome])


def find(name):
    """The format of that name, of `fuzzing.formats`, or of MODULE:NAME."""
    module, _, name = name.rpartition(":")
    return importlib.import_module(module or "fuzzing.formats").FORMATS[name]()


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
