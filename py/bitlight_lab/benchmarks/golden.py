"""How fast the golden model is, beside other engines, in one run and on the same threads."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bitlight.errors import BitlightError
from bitlight.network.network import Network
from bitlight.network.summary import summarize
from bitlight_lab.benchmarks.harness import Say, seconds_per_call, take_turns

SEED = 0
SECONDS = 0.4  # that an engine is at work in each round, at least
BYTES = 1 << 26  # of images in a batch, and of the largest layer's windows in int8


def measure(
    net: Network,
    threads: int,
    rounds: int = 3,
    without: Sequence[str] = (),
    say: Say | None = None,
) -> dict[str, Any]:
    """Images per second of each engine; rounds go through all engines in turn.

    Parameters
    ----------
    net : Network
    threads : int
    rounds : int
        The median counts.
    without : sequence of str
        Engines to leave out whose names begin so.
    say : callable, optional
        Called before each measurement.

    Returns
    -------
    dict with `threads`, `macs` of an image, `batch`, and for each of `engines` its `images_per_s`,
    `gmacs_per_s`, `ratio` (packed against it) and the `seconds_per_image` of each round

    Raises
    ------
    BitlightError
        If an engine's features differ from those of the packed one.
    """
    from bitlight_lab.benchmarks.rivals import engines, products

    shapes = products(net)
    widest = max(shape.rows * shape.k for shape in shapes)
    batch = max(8, min(1024, BYTES // widest))
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 1 << net.input_bits, (batch, *net.input_shape), dtype=np.uint8)
    running = [
        (name, run) for name, run in engines(net, threads) if not name.startswith(tuple(without))
    ]
    expected = net.forward(images)
    given = {
        name: images[: max(8, batch // 16)] if name == "plain" else images for name, _ in running
    }
    for name, run in running:  # compiles and fills caches
        some = given[name]
        features = run(some)
        if features is not None and not np.array_equal(features, expected[: len(some)]):
            raise BitlightError(f"{name} gives other features than the packed engine")
    timed = {name: partial(_seconds, run, given[name]) for name, run in running}
    seconds = take_turns(timed, rounds, say)
    macs = sum(some.count for some in summarize(net).macs)
    figures = {}
    packed = statistics.median(seconds["packed"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        figures[name] = {
            "images_per_s": 1 / median,
            "gmacs_per_s": macs / median / 1e9,
            "ratio": median / packed,
            "seconds_per_image": taken,
        }
    return {"threads": threads, "macs": macs, "batch": batch, "engines": figures}


def layers(net: Network, threads: int, batch: int = 256) -> list[dict[str, Any]]:
    """Time of each Conv2d and Linear in the packed engine, with the pool behind it.

    Of a network that is no chain none are given: its layers are computed several at a time.

    Returns
    -------
    list of dict with `layer`, `macs` of an image, `seconds_per_image`, `gmacs_per_s`
    """
    import numba

    from bitlight.network.golden import packed
    from bitlight.network.golden.convolution import Convolution
    from bitlight_lab.benchmarks.rivals import products

    if not net.is_binary_chain:
        return []
    numba.set_num_threads(threads)
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 1 << net.input_bits, (batch, *net.input_shape), dtype=np.uint8)
    shapes = iter(products(net))
    rows = []
    for index, (stage, given, _) in enumerate(packed.trace(net, images)):
        if not isinstance(stage, Convolution):
            continue
        shape = next(shapes)
        macs = shape.rows * shape.k * shape.outputs
        taken = min(take_turns({"packed": partial(_seconds, stage, given)}, 3)["packed"])
        rows.append(
            {
                "layer": f"{index}: {shape.rows} × {shape.k} × {shape.outputs}",
                "macs": macs,
                "seconds_per_image": taken,
                "gmacs_per_s": macs / taken / 1e9,
            }
        )
    return rows


def _seconds(run: Callable[[np.ndarray], Any], images: np.ndarray) -> float:
    """Mean time of a call for one image, after a call that does not count."""
    run(images)
    return seconds_per_call(run, images, SECONDS) / len(images)
