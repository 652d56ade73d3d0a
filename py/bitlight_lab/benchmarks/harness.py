"""What all benchmarks share: the machine that they ran on, and seconds of a call."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

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
