"""What each unit of an accelerator does over time: when it works, and how full its ring is."""

from dataclasses import dataclass

import numpy as np

from bitlight_hw import timing
from bitlight_hw.plan import Plan
from bitlight_hw.timing import Buffer

# Images that are followed through queues at most; mostly they have settled long before.
MOST_IMAGES = 12


@dataclass(frozen=True, eq=False)
class Activity:
    """One unit over time, in bins of as many cycles each.

    Attributes
    ----------
    name, node : str
        The unit, and the node of the network that it belongs to.
    busy : float array (bins,)
        Share of the cycles in which a beat moved, of its streams that on which the most did.
    begin, end : int
        Cycles of the first bin in which a beat moved and behind the last one, to a bin.
    depth : int
        Words of its ring, 0 if it has none.
    held : int array (bins,)
        The most words that were in it.
    """

    name: str
    node: str
    busy: np.ndarray
    begin: int
    end: int
    depth: int
    held: np.ndarray


@dataclass(frozen=True, eq=False)
class Activities:
    """All units over the same time.

    Attributes
    ----------
    bin_cycles, cycles : int
        Of one bin, and of all.
    completed : list of int
        The cycle in which each image's last beat left.
    units : list of Activity, in stream order
    """

    bin_cycles: int
    cycles: int
    completed: list[int]
    units: list[Activity]


def one_image(plan: Plan, bins: int = 160) -> Activities:
    """One image alone through an idle accelerator, from its first beat in to its last beat out."""
    return _watched(plan, 1, bins)


def many_images(plan: Plan, bins: int = 160) -> Activities:
    """Images that come without end, until each does as the one before it, or a dozen have left."""
    through = -(-plan.latency // plan.cycles_per_image)
    return _watched(plan, min(through + 3, MOST_IMAGES), bins)


def _watched(plan: Plan, images: int, bins: int) -> Activities:
    circuit = plan.circuit
    cycles = 1 + plan.first_completed + (images - 1) * plan.cycles_per_image
    counts = plan.beats_in.count, plan.beats_out.count
    record = timing.watch(circuit, *counts, images, cycles, bins)
    moved = np.flatnonzero(record.beats.any(axis=0))
    used = 1 + int(moved.max(initial=0))
    widths = np.full(used, record.bin_cycles)
    widths[-1] = max(1, min(record.bin_cycles, cycles - (used - 1) * record.bin_cycles))
    units, place = [], 0
    for stage in plan.stages:
        parts = dict(enumerate(stage.unit.timing, place))
        place += len(parts)
        rings = {index: part for index, part in parts.items() if isinstance(part, Buffer)}
        beats = record.beats[[*stage.takes, *stage.gives], :used]
        busy = np.flatnonzero(beats.any(axis=0))
        units.append(
            Activity(
                stage.name,
                stage.node,
                np.minimum(beats.max(axis=0) / widths, 1.0),
                int(busy.min(initial=used)) * record.bin_cycles,
                min((1 + int(busy.max(initial=-1))) * record.bin_cycles, cycles),
                sum(ring.depth for ring in rings.values()),
                sum((record.held[index][:used] for index in rings), np.zeros(used, np.int64)),
            )
        )
    seen = int(widths.sum())
    done = [cycle for cycle in record.completed.tolist() if cycle < seen]
    return Activities(record.bin_cycles, seen, done, units)
