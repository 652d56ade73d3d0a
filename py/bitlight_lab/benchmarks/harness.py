"""What all benchmarks share: engines in turn, or each in a process of its own; the machine."""

import importlib.metadata
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.errors import BitlightError

Say = Callable[[str], None]
REST = 0.3  # seconds; threads of OpenBLAS wait busily for about 0.1 after their last product


def machine() -> dict[str, Any]:
    """What a measurement depends on: processor, its instructions for bits, versions."""
    import llvmlite.binding

    wanted = ("avx2", "avx512f", "avx512vnni", "avx512vpopcntdq", "amx-int8")
    has = llvmlite.binding.get_host_cpu_features()
    packages = ("bitlight", "numpy", "numba", "torch", "bnn-lab")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "features": [name for name in wanted if has.get(name)],
        "python": platform.python_version(),
        "versions": versions,
    }


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def processor() -> str:
    """Name of the processor as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def seconds_per_call(run: Callable[[np.ndarray], Any], given: np.ndarray, least: float) -> float:
    """Mean time of a call, over at least so many seconds and one call."""
    started = time.perf_counter()
    calls = 0
    while (now := time.perf_counter()) - started < least or calls == 0:
        run(given)
        calls += 1
    return (now - started) / calls


def take_turns(
    engines: Mapping[str, Callable[[], float]],
    rounds: int,
    say: Say | None = None,
    *,
    warm: bool = False,
) -> dict[str, list[float]]:
    """Seconds of each engine in each round; a round goes through all engines, one after the other.

    Parameters
    ----------
    engines : dict
        Name → a call that gives seconds. Before it the threads of the engine before are at rest.
    rounds : int
    say : callable, optional
        Called before each measurement.
    warm : bool
        Whether there is a round before these that does not count, for compilers and caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for turn in range(0 if warm else 1, rounds + 1):
        for name, measure in engines.items():
            if say is not None:
                say(f"{f'round {turn} of {rounds}' if turn else 'warming up'}: {name}")
            time.sleep(REST)
            taken = measure()
            if turn:
                seconds[name].append(taken)
    return seconds


def run_apart(run: Callable[..., Any], *arguments: Any) -> Any:
    """What `run` returns in a process of its own, whose peak memory is its own too.

    Raises
    ------
    BitlightError
        If the process ends without a result.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, run, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        raise BitlightError(f"the measurement ended with code {process.exitcode}") from None
    finally:
        process.join()


def _send(sender: Any, run: Callable[..., Any], arguments: Any) -> None:
    sender.send(run(*arguments))


def peak_bytes() -> int:
    """Most memory that this process has had, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not ru_maxrss, which on Linux begins with the memory of the process that started this one.
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
