"""How fast a ridge head is beside scikit-learn's, and how little memory a streamed one takes."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bitlight_lab.benchmarks.harness import Say, peak_bytes, run_apart, take_turns

if TYPE_CHECKING:
    from bitlight.heads import RidgeHead

SEED = 0
CLASSES = 10
ALPHAS = tuple(10.0**k for k in range(10))
TESTS = 5000
BATCH = 4096


def draw_bits(samples: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits uint8 (samples, features) whose odds differ a little from class to class, and labels."""
    odds = np.random.default_rng(SEED).uniform(0.46, 0.54, (CLASSES, features)).astype(np.float32)
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    bits = np.empty((samples, features), np.uint8)
    for start in range(0, samples, BATCH):
        rows = slice(start, start + BATCH)
        chances = odds[labels[rows]]
        bits[rows] = rng.random(chances.shape, dtype=np.float32) < chances
    return bits, labels


def draw_counts(samples: int, features: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of uint8 (B, features) whose means differ from class to class, and labels."""
    rng = np.random.default_rng(SEED)
    means = rng.integers(0, 16, (CLASSES, features), dtype=np.uint8)
    for start in range(0, samples, BATCH):
        labels = rng.integers(0, CLASSES, min(BATCH, samples - start))
        noise = rng.integers(0, 240, (len(labels), features), dtype=np.uint8)
        yield means[labels] + noise, labels


def compare(
    samples: int, features: int, threads: int, rounds: int = 3, say: Say | None = None
) -> dict[str, Any]:
    """Times of RidgeHead and of scikit-learn's RidgeClassifierCV, on the same bits and alphas.

    RidgeHead chooses among ten alphas by a held-out fifth, RidgeClassifierCV by leaving out one by
    one; scikit-learn gets its float64 ready made. They take turns, and the median counts.

    Parameters
    ----------
    samples, features : int
    threads : int
        Of torch and of the BLAS that scikit-learn calls.
    rounds : int
    say : callable, optional
        Called at the start of each measurement.

    Returns
    -------
    dict with `samples`, `features`, `classes`, `alphas`, `ratio`, and for each of `engines` its
    `seconds` of each round, `alpha` and `accuracy` on further samples
    """
    from sklearn.linear_model import RidgeClassifierCV

    from bitlight.heads import RidgeHead

    X, y = draw_bits(samples, features, SEED + 1)
    X_test, y_test = draw_bits(TESTS, features, SEED + 2)
    engines = {
        "RidgeHead": (RidgeHead(ALPHAS), X),
        "RidgeClassifierCV": (RidgeClassifierCV(ALPHAS), X.astype(np.float64)),
    }
    found: dict[str, dict[str, Any]] = {}
    with _limit(threads):
        fits = {name: partial(_fit, head, given, y) for name, (head, given) in engines.items()}
        seconds = take_turns(fits, rounds, say)
        for name, (head, given) in engines.items():
            found[name] = {
                "seconds": seconds[name],
                "alpha": float(head.alpha_),
                "accuracy": float(head.score(X_test.astype(given.dtype), y_test)),
            }
    ours, theirs = (statistics.median(found[name]["seconds"]) for name in engines)
    shape = {"samples": samples, "features": features, "classes": CLASSES, "alphas": ALPHAS}
    return {**shape, "ratio": theirs / ours, "engines": found}


def _fit(head: Any, X: np.ndarray, y: np.ndarray) -> float:
    started = time.perf_counter()
    head.fit(X, y)
    return time.perf_counter() - started


def stream(
    samples: int, features: int, threads: int, in_memory: bool = False, say: Say | None = None
) -> dict[str, Any]:
    """Peak memory and time of `partial_fit` over uint8 features that are never all in memory.

    Parameters
    ----------
    samples, features, threads : int
    in_memory : bool
        Hold all features in memory too, in another process, and bound the error by them.
    say : callable, optional
        Called at the start of each measurement.

    Returns
    -------
    dict with `peak_bytes` of the process, Python and torch included, `seconds` (of which
    `seconds_drawing` go into drawing the features), `alpha`, `training_accuracy` of the last batch,
    and with `in_memory` its `peak_bytes`, `seconds` and `error_bound`: no more than so much,
    relative, the coefficients differ from the solution

    Raises
    ------
    BitlightError
        If a measurement is killed.
    """
    if say is not None:
        say(f"{samples:,} × {features:,}, streamed")
    head, found = run_apart(_streamed, samples, features, threads)
    found = {"samples": samples, "features": features, **found}
    if in_memory:
        if say is not None:
            say(f"{samples:,} × {features:,}, in memory")
        found["in_memory"] = run_apart(_bound, samples, features, threads, head)
    return found


@contextmanager
def _limit(threads: int) -> Iterator[None]:
    """So many threads of torch and of BLAS at most."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield


def _streamed(samples: int, features: int, threads: int) -> tuple["RidgeHead", dict[str, Any]]:
    with _limit(threads):
        head, figures = _stream(samples, features)
    return head, {**figures, "peak_bytes": peak_bytes()}


def _stream(samples: int, features: int) -> tuple["RidgeHead", dict[str, Any]]:
    from bitlight.heads import RidgeHead

    head, drawing, begun = RidgeHead(ALPHAS), 0.0, time.perf_counter()
    batches = draw_counts(samples, features)
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        drawing += time.perf_counter() - started
        if batch is None:
            break
        X, y = batch
        head.partial_fit(X, y, classes=range(CLASSES))
    alpha = head.alpha_  # solves
    seconds = time.perf_counter() - begun
    figures = {"seconds": seconds, "seconds_drawing": drawing, "alpha": alpha}
    figures["training_accuracy"] = float(head.score(X, y))
    head._moments = None  # gigabytes
    return head, figures


def _bound(samples: int, features: int, threads: int, head: "RidgeHead") -> dict[str, Any]:
    """How far the coefficients are from the solution at most, relative, by plain float64.

    With all features in memory: where the gradient of the penalised error is r, the solution is
    within |r|/alpha, because no curvature is below alpha.
    """
    X, y = np.empty((samples, features), np.uint8), np.empty(samples, np.int64)
    for index, (some, labels) in enumerate(draw_counts(samples, features)):
        rows = slice(index * BATCH, index * BATCH + len(some))
        X[rows], y[rows] = some, labels
    started = time.perf_counter()
    with _limit(threads):
        bound = _error_bound(head, X, y)
    seconds = time.perf_counter() - started
    return {"error_bound": bound, "seconds": seconds, "peak_bytes": peak_bytes()}


def _error_bound(head: "RidgeHead", X: np.ndarray, y: np.ndarray) -> float:
    coef = head.coef_.T
    errors = head.decision_function(X) - np.where(y[:, np.newaxis] == np.arange(CLASSES), 1.0, -1.0)
    errors -= errors.mean(axis=0)
    gradient = head.alpha_ * coef
    for start in range(0, len(X), BATCH):
        rows = slice(start, start + BATCH)
        gradient += X[rows].astype(np.float64).T @ errors[rows]
    return float(np.linalg.norm(gradient) / head.alpha_ / np.linalg.norm(coef))
