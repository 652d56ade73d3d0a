"""Cycle-exact timing of a chain of units, without their data.

Nothing that flows through an accelerator steers its control, so that four kinds of parts describe
when every unit takes and gives a beat: `Step`, `Delay`, `Queue` and `Buffer`. A chain of them is
stepped cycle by cycle; the source always has the next beat and the sink is always ready, as in the
native simulator. A whole image of a large network takes well under a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bitlight import SimulationError
from bitlight.kernels.compiled import compiled

TAKE, GIVE, AWAIT = 1, 2, 4


@dataclass(frozen=True, eq=False)
class Step:
    """Goes through `actions` in turn, without a register: each takes a beat, gives one, or both.

    Parameters
    ----------
    actions : uint8 array
        TAKE, GIVE and AWAIT bits of each step; repeated without end. AWAIT: a beat must be
        there, but stays.
    """

    actions: np.ndarray


@dataclass(frozen=True)
class Delay:
    """`stages` registers that move together whenever the last is empty or its beat is taken."""

    stages: int


@dataclass(frozen=True)
class Queue:
    """A pipeline that never waits, into a queue: `depth` beats in both, `latency` cycles through.

    It takes while it holds fewer than `depth`, and a beat that it gives leaves room in the next
    cycle.
    """

    depth: int
    latency: int


@dataclass(frozen=True, eq=False)
class Buffer:
    """A ring of `depth` words: written in order, read window by window.

    Parameters
    ----------
    depth : int
    offsets : int array
        Distance of each word of a window from the window's base.
    repeats : int
        How often each window is read.
    releases : int array
        By how many words the base moves behind each window; repeated without end.
    """

    depth: int
    offsets: np.ndarray
    repeats: int
    releases: np.ndarray

    @cached_property
    def least_depth(self) -> int:
        """Room for one window; and two words, for a single one would need no address."""
        return max(2, int(self.offsets.max()) + 1)


Part = Step | Delay | Queue | Buffer


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened in a run of the chain.

    Attributes
    ----------
    first_taken : int array, cycle in which the first beat of each image was taken
    completed : int array, cycle in which the last beat of each image was given
    """

    first_taken: np.ndarray
    completed: np.ndarray

    @property
    def latency(self) -> int:
        """Cycles from the first beat in to the last beat out of the first image."""
        return int(self.completed[0] - self.first_taken[0])

    @property
    def interval(self) -> int:
        """Cycles between the last images: the longer of two distances, since they may alternate."""
        return int(np.diff(self.completed[-3:]).max())


# Cycles of an image, up to which a chain is stepped at all: minutes for a large network.
MOST_CYCLES = 1 << 22
# The source of an endless stream stops here even if the chain has not settled.
MOST_IMAGES = 100


def run(parts: Sequence[Part], beats_in: int, beats_out: int, images: int | None = None) -> Trace:
    """Step the chain until `images` images have left it, the last that come.

    Without a number, images come without end, and the chain is stepped until it has settled: until
    it is, at the end of two images, as it was at the end of the one before them.

    Raises
    ------
    SimulationError
        If the chain stands still before that.
    """
    kind = np.array([(Step, Delay, Queue, Buffer).index(type(part)) for part in parts], np.int64)
    size = np.zeros(len(parts), np.int64)
    repeats = np.ones(len(parts), np.int64)
    tables: list[np.ndarray] = []
    spans = np.zeros((len(parts), 4), np.int64)  # start and length of two tables
    at = 0
    for index, part in enumerate(parts):
        if isinstance(part, Delay):
            size[index] = part.stages
            continue
        if isinstance(part, Queue):
            size[index], repeats[index] = part.depth, part.latency
            continue
        pair = (part.actions,) if isinstance(part, Step) else (part.offsets, part.releases)
        if isinstance(part, Buffer):
            size[index], repeats[index] = part.depth, part.repeats
        for slot, table in enumerate(pair):
            spans[index, 2 * slot : 2 * slot + 2] = at, len(table)
            tables.append(np.asarray(table, np.int64))
            at += len(table)
    flat = np.concatenate(tables) if tables else np.zeros(0, np.int64)
    first = np.zeros(images or MOST_IMAGES, np.int64)
    done = np.zeros(images or MOST_IMAGES, np.int64)
    endless = images is None
    stuck, count = _run(kind, size, repeats, spans, flat, beats_in, beats_out, endless, first, done)
    if stuck >= 0:
        raise SimulationError(f"the chain of {len(parts)} parts stands still from cycle {stuck}")
    return Trace(first[:count], done[:count])


@compiled
def _run(kind, size, repeats, spans, flat, beats_in, beats_out, endless, first, done):  # noqa: PLR0912, PLR0915
    parts = kind.size
    position = np.zeros(parts, np.int64)  # Step: action; Queue: due beats; Buffer: word in window
    repeat = np.zeros(parts, np.int64)
    window = np.zeros(parts, np.int64)
    filled = np.zeros(parts, np.int64)  # words from the base on; negative: to be skipped
    stages = np.zeros(parts, np.uint64)  # Delay, Queue: one bit for each register
    valid = np.zeros(parts + 1, np.bool_)
    ready = np.zeros(parts + 1, np.bool_)
    state = np.zeros((2, 5 * parts + 1), np.int64)
    taken, given, cycle, alike = 0, 0, 0, 0
    while given < done.size * beats_out:
        valid[0] = endless or taken < done.size * beats_in
        for p in range(parts):
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                valid[p + 1] = action & 2 and (valid[p] or not action & 5)
            elif kind[p] == 1:
                valid[p + 1] = (stages[p] >> np.uint64(size[p] - 1)) & np.uint64(1)
            elif kind[p] == 2:
                valid[p + 1] = position[p] > 0
            else:
                valid[p + 1] = flat[spans[p, 0] + position[p]] < filled[p]
        ready[parts] = True
        for p in range(parts - 1, -1, -1):
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                ready[p] = action & 1 and (ready[p + 1] or not action & 2)
            elif kind[p] == 1:
                ready[p] = ready[p + 1] or not valid[p + 1]
            else:
                ready[p] = filled[p] < size[p]
        moved = False
        for p in range(parts):
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                if (valid[p] or not action & 5) and (ready[p + 1] or not action & 2):
                    position[p] = (position[p] + 1) % spans[p, 1]
                    moved = True
            elif kind[p] == 1:
                if ready[p]:
                    moved = moved or stages[p] != 0 or valid[p]
                    stages[p] = (stages[p] << np.uint64(1)) | np.uint64(valid[p])
                    stages[p] &= (np.uint64(1) << np.uint64(size[p])) - np.uint64(1)
            elif kind[p] == 2:
                takes, gives = valid[p] and ready[p], valid[p + 1] and ready[p + 1]
                moved = moved or takes or gives or stages[p] != 0
                last = np.uint64(repeats[p] - 1)
                stages[p] = (stages[p] << np.uint64(1)) | np.uint64(takes)
                position[p] += np.int64(stages[p] >> last) - gives
                stages[p] &= (np.uint64(1) << last) - np.uint64(1)
                filled[p] += np.int64(takes) - gives
            else:
                if valid[p] and ready[p]:
                    filled[p] += 1
                    moved = True
                if valid[p + 1] and ready[p + 1]:
                    moved = True
                    position[p] += 1
                    if position[p] == spans[p, 1]:
                        position[p] = 0
                        repeat[p] += 1
                    if repeat[p] == repeats[p]:
                        repeat[p] = 0
                        filled[p] -= flat[spans[p, 2] + window[p]]
                        window[p] = (window[p] + 1) % spans[p, 3]
        if valid[0] and ready[0]:
            moved = True
            if taken % beats_in == 0 and taken // beats_in < first.size:
                first[taken // beats_in] = cycle
            taken += 1
        if valid[parts]:
            given += 1
            if given % beats_out == 0:
                count = given // beats_out
                done[count - 1] = cycle
                now, before = state[count % 2], state[1 - count % 2]
                now[:parts], now[parts : 2 * parts] = position, repeat
                now[2 * parts : 3 * parts], now[3 * parts : 4 * parts] = window, filled
                now[4 * parts : -1] = stages
                now[-1] = taken - count * beats_in
                alike = alike + 1 if count > 1 and np.array_equal(now, before) else 0
                if endless and alike == 2:
                    return -1, count
        if not moved:
            return cycle, 0
        cycle += 1
    return -1, done.size


def with_ample_depths(parts: Sequence[Part]) -> list[Part]:
    """The parts with buffers that hold two windows and an image: more never helps."""
    return [
        with_depth(part, 2 * part.least_depth + int(part.releases.sum()))
        if isinstance(part, Buffer)
        else part
        for part in parts
    ]


def with_depth(part: Buffer, depth: int) -> Buffer:
    """The same buffer with another depth."""
    return Buffer(depth, part.offsets, part.repeats, part.releases)


def tight_depths(
    parts: Sequence[Part], beats_in: int, beats_out: int, interval: int, images: int = 4
) -> list[int]:
    """The least depth of each Buffer, in order, with which `images` images keep the interval.

    Each in turn is made as small as the interval allows while
    the later ones are still ample, so that in the end one word less in any of them costs cycles or
    does not hold a window.

    Raises
    ------
    SimulationError
        If no depths give that interval.
    """
    parts = with_ample_depths(parts)
    reached = run(parts, beats_in, beats_out, images).interval
    if reached != interval:
        raise SimulationError(f"the chain needs {reached} cycles per image, not {interval}")

    def suffices(index: int, part: Buffer, depth: int) -> bool:
        parts[index] = with_depth(part, depth)
        return run(parts, beats_in, beats_out, images).interval == interval

    for index, part in enumerate(parts):
        if not isinstance(part, Buffer):
            continue
        # Mostly a few words more than a window are enough: go up in growing steps, then bisect.
        low, step = part.least_depth, 1
        high = low
        while high < part.depth and not suffices(index, part, high):
            low, high, step = high + 1, min(high + step, part.depth), 2 * step
        while low < high:
            middle = (low + high) // 2
            if suffices(index, part, middle):
                high = middle
            else:
                low = middle + 1
        parts[index] = with_depth(part, high)
    return [part.depth for part in parts if isinstance(part, Buffer)]
