"""How fast each medium is, beside dense products by other means, in one run and on equal threads.

Each engine runs in a process of its own, so that its peak memory is its own too.
"""

import importlib.util
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bitlight.errors import BitlightError
from bitlight.optics.memory import available
from bitlight_lab.benchmarks.harness import Say, peak_bytes, run_apart, seconds_per_call

SEED = 0
SECONDS = 1.0  # that an engine is at work in each round, at least
SIZES = ((1024, 2048), (10_000, 10_000), (81_536, 40_768))
ENGINES = ("structured", "binary", "gaussian", "numpy", "torch", "rbf sampler", "lightonml")
_PART = 1024  # components of a dense product that stand for all, where R does not fit
Run = Callable[[np.ndarray], Any]


def measure(
    sizes: Sequence[tuple[int, int]] = SIZES,
    threads: int = 1,
    rounds: int = 3,
    without: Sequence[str] = (),
    say: Say | None = None,
) -> list[dict[str, Any]]:
    """Frames per second of each engine at each size.

    Media run end to end: packed bits in, uint8 counts out, exposure set before. numpy and torch
    multiply float32 frames by a complex R and square; `rbf sampler` is scikit-learn's, with a real
    R and a cosine. Where such an R takes more than a quarter of the memory, or for the Gaussian
    medium from 10⁸ entries on, some of its components are measured and stand for all.

    Parameters
    ----------
    sizes : sequence of (features, components)
    threads : int
    rounds : int
        The median counts.
    without : sequence of str
        Engines to leave out whose names begin so.
    say : callable, optional
        Called at the start of each measurement.

    Returns
    -------
    list of dicts, one for each engine and size, with `engine`, `n_features`, `n_components`,
    `measured_components`, `frames`, `frames_per_s`, `gmacs_per_s` (two for a complex entry),
    `seconds_per_frame` of each round and `peak_bytes` of the process

    Raises
    ------
    BitlightError
        If a measurement fails or is killed.
    """
    found = []
    for n, m in sizes:
        for engine in ENGINES:
            if engine.startswith(tuple(without)) or not _installed(engine):
                continue
            if say is not None:
                say(f"{n:,} → {m:,}: {engine}")
            try:
                found.append(run_apart(measure_one, engine, n, m, threads, rounds))
            except BitlightError as error:
                raise BitlightError(f"{engine} at {n} → {m}: {error}") from None
    return found


def measure_one(engine: str, n: int, m: int, threads: int, rounds: int) -> dict[str, Any]:
    """One engine at one size, in this process; see `measure`."""
    import numba
    from threadpoolctl import threadpool_limits

    numba.set_num_threads(threads)
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
    part = min(m, _PART) if _too_large(engine, n, m) else m
    count = int(np.clip((1 << 28) // (n + part), 16, 2048))
    packed = _frames(SEED, count, n)
    with threadpool_limits(threads):
        run = _engine(engine, n, part)
        run(packed[: min(count, 16)])
        seconds = [seconds_per_call(run, packed, SECONDS) / count for _ in range(rounds)]
    each = [value * m / part for value in seconds]
    macs = (1 if engine == "rbf sampler" else 2) * n * m
    return {
        "engine": engine,
        "n_features": n,
        "n_components": m,
        "measured_components": part,
        "frames": count,
        "frames_per_s": 1 / statistics.median(each),
        "gmacs_per_s": macs / statistics.median(each) / 1e9,
        "seconds_per_frame": each,
        "peak_bytes": peak_bytes(),
    }


def _installed(engine: str) -> bool:
    return engine != "lightonml" or importlib.util.find_spec("lightonml") is not None


def _too_large(engine: str, n: int, m: int) -> bool:
    """Whether some components must stand for all."""
    if engine in ("structured", "binary"):
        return False
    if engine == "gaussian":
        return n * m >= 1e8
    return 16 * n * m > available() // 4


def _engine(engine: str, n: int, m: int) -> Run:
    """What takes packed frames to features of m components."""
    if engine in ("structured", "binary", "gaussian"):
        from bitlight.optics.features import OpticalFeatures

        optics = OpticalFeatures(m, engine, packed=True, n_features=n)  # type: ignore[arg-type]
        return optics.fit(_frames(SEED + 1, 16, n)).transform
    if engine == "rbf sampler":
        return _rbf_sampler(n, m)
    if engine == "lightonml":
        return _lightonml(n, m)
    rng = np.random.default_rng(SEED)
    real, imaginary = rng.standard_normal((2, n, m), np.float32)
    if engine == "torch":
        import torch

        parts = torch.from_numpy(real), torch.from_numpy(imaginary)

        def run(packed: np.ndarray) -> Any:
            x = torch.from_numpy(_floats(packed, n))
            return (x @ parts[0]).square_() + (x @ parts[1]).square_()

        return run
    matrix = real + 1j * imaginary
    return lambda packed: np.abs(_floats(packed, n) @ matrix) ** 2


def _rbf_sampler(n: int, m: int) -> Run:
    from sklearn.kernel_approximation import RBFSampler

    sampler = RBFSampler(n_components=m, random_state=SEED).fit(np.zeros((1, n), np.float32))
    return lambda packed: sampler.transform(_floats(packed, n))


def _lightonml(n: int, m: int) -> Run:
    from lightonml.projections.sklearn import OPUMap

    opu = OPUMap(m, simulated=True, max_n_features=n).fit(n_features=n)
    return lambda packed: opu.transform(_floats(packed, n).astype(np.uint8))


def _frames(seed: int, count: int, n: int) -> np.ndarray:
    """Random packed frames of n bits; what fills the last byte is 0."""
    rng = np.random.default_rng(seed)
    packed = rng.integers(0, 256, (count, -(-n // 8)), dtype=np.uint8)
    if n % 8:
        packed[:, -1] &= (1 << n % 8) - 1
    return packed


def _floats(packed: np.ndarray, n: int) -> np.ndarray:
    return np.unpackbits(packed, axis=1, count=n, bitorder="little").astype(np.float32)
