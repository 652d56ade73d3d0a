"""What was predicted beside what a simulation of the RTL measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlight_hw import Accelerator


@dataclass(frozen=True)
class Checked:
    """One comparison.

    Attributes
    ----------
    engine : str
    images : int
    rows : list of (what, predicted, measured)
    holds : bool
    difference : str or None, where the first bit differs
    """

    engine: str
    images: int
    rows: list[tuple[str, Any, Any]]
    holds: bool
    difference: str | None


def of_run(
    acc: Accelerator, out: Any, expected: np.ndarray, engine: str, *, compared: int | None = None
) -> Checked:
    """What a run of `bitlight_sim.Simulator` says of an accelerator.

    Parameters
    ----------
    out : bitlight_sim.Run
    expected : array (N, features), by the golden model
    compared : int, optional
        How many images were compared, if not all.
    """
    from bitlight_sim.mismatch import compare, describe

    counts = compare(acc, out.features, expected)
    different = counts["bits_different"]
    rows = [
        ("bits that differ from the golden model", 0, different),
        ("bits compared", counts["bits_compared"], counts["bits_compared"]),
        ("cycles per image", acc.cycles_per_image, out.cycles_per_image),
        ("latency, cycles", acc.latency, out.latency),
    ]
    holds = all(predicted == measured for _, predicted, measured in rows)
    difference = describe(acc, out.features, expected)
    return Checked(engine, compared or len(expected), rows, holds, difference)


def simulate(
    acc: Accelerator,
    images: np.ndarray,
    processes: int = 1,
    say: Callable[[str], None] = lambda step: None,
) -> Checked:
    """Run images through the RTL and compare every bit and the cycles.

    Raises
    ------
    SimulationError
        If a tool is missing; that is found out first.
    """
    from bitlight_sim import Simulator, toolchain

    toolchain.check("sliced")
    simulator = Simulator(acc, processes)
    engine = simulator.engine_for(len(images))
    toolchain.check(engine)
    say(f"compiling the simulator, {engine}")
    simulator.build(len(images))
    say(f"simulating {len(images)} images")
    out = simulator.run(images)
    return of_run(acc, out, acc.expected(images), engine)
