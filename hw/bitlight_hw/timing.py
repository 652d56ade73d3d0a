"""Cycle-exact timing of units and the streams between them, without their data.

Nothing that flows through an accelerator steers its control, so that six kinds of parts describe
when every unit takes and gives a beat: `Step`, `Delay`, `Queue` and `Buffer` on one stream, `Split`
from one to several and `Merge` from several to one. A `Circuit` of them is stepped cycle by cycle;
the source always has the next beat and the sink is always ready, as in the native simulator. A
whole image of a large network takes well under a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

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
    images : int
        How many images it may have to hold, at most: one, where no other way waits for this one.
    """

    depth: int
    offsets: np.ndarray
    repeats: int
    releases: np.ndarray
    images: int = 1

    @cached_property
    def least_depth(self) -> int:
        """Room for one window; and two words, for a single one would need no address."""
        return max(2, int(self.offsets.max()) + 1)

    @property
    def ample_depth(self) -> int:
        """Room for two windows and all these images: more never helps."""
        return 2 * self.least_depth + self.images * int(self.releases.sum())


@dataclass(frozen=True)
class Split:
    """Gives each beat on several streams, on each as soon as it is ready, without a register.

    The beat is taken in the cycle in which the last of them takes it.
    """


@dataclass(frozen=True, eq=False)
class Merge:
    """Goes through `takes` in turn, without a register: a beat of each of some streams, for one.

    Parameters
    ----------
    takes : int array
        Of each turn, which streams: bit k is stream k. Repeated without end.
    """

    takes: np.ndarray


Part = Step | Delay | Queue | Buffer | Split | Merge
KINDS = (Step, Delay, Queue, Buffer, Split, Merge)


@dataclass(frozen=True)
class Circuit:
    """Parts, and the streams between them; a stream is a number, 0 is the source's.

    Parameters
    ----------
    parts : list of Part, none before one that it takes from
    takes, gives : lists of tuples of int
        Streams that each part takes from and gives to.
    output : int
        The stream that the sink takes from.
    """

    parts: list[Part]
    takes: list[tuple[int, ...]]
    gives: list[tuple[int, ...]]
    output: int

    @staticmethod
    def chain(parts: Sequence[Part]) -> "Circuit":
        """Each takes what the one before it gives."""
        count = len(parts)
        streams: list[tuple[int, ...]] = [(number,) for number in range(count + 1)]
        return Circuit([*parts], streams[:-1], streams[1:], count)

    def between(self, before: Sequence[Part], behind: Sequence[Part]) -> "Circuit":
        """With parts in front of the source's stream, and parts behind the output."""
        shift = len(before)
        last = self.output + shift
        new = max([last, *(stream + shift for gives in self.gives for stream in gives)])
        ends = [last, *range(new + 1, new + 1 + len(behind))]
        return Circuit(
            [*before, *self.parts, *behind],
            [
                *((number,) for number in range(shift)),
                *(tuple(stream + shift for stream in takes) for takes in self.takes),
                *((end,) for end in ends[:-1]),
            ],
            [
                *((number,) for number in range(1, shift + 1)),
                *(tuple(stream + shift for stream in gives) for gives in self.gives),
                *((end,) for end in ends[1:]),
            ],
            ends[-1],
        )

    def with_part(self, index: int, part: Part) -> "Circuit":
        """With another part in place of one."""
        return replace(self, parts=[*self.parts[:index], part, *self.parts[index + 1 :]])


# A circuit, or the parts of a chain.
Parts = Circuit | Sequence[Part]


def circuit_of(parts: Parts) -> Circuit:
    """The circuit that these are."""
    return parts if isinstance(parts, Circuit) else Circuit.chain(parts)


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
NEVER = 1 << 62


def run(
    parts: Parts,
    beats_in: int,
    beats_out: int,
    images: int | None = None,
    most: int | None = None,
) -> Trace:
    """Step the parts until `images` images have left them, the last that come.

    Without a number, images come without end, and the parts are stepped until they have settled:
    until all are, at the end of two images, as they were at the end of the one before them.

    Parameters
    ----------
    parts : Circuit, or a sequence of parts, which is a chain
    beats_in, beats_out : int, of an image
    images : int, optional
    most : int, optional
        An interval between the last images that nobody would wait for.

    Raises
    ------
    SimulationError
        If they stand still before that, or take longer than `most` for one of the last two images.
    """
    given, circuit = parts, _with_registers_in_rings(circuit_of(parts))
    parts = circuit.parts
    kind = np.array([(*KINDS, _Ring).index(type(part)) for part in parts], np.int64)
    takes, gives = _streams(circuit.takes), _streams(circuit.gives)
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
        if isinstance(part, Buffer):
            size[index], repeats[index] = part.depth, part.repeats
        for slot, table in enumerate(_tables(part)):
            spans[index, 2 * slot : 2 * slot + 2] = at, len(table)
            tables.append(np.asarray(table, np.int64))
            at += len(table)
    flat = np.concatenate(tables) if tables else np.zeros(0, np.int64)
    first = np.zeros(images or MOST_IMAGES, np.int64)
    done = np.zeros(images or MOST_IMAGES, np.int64)
    endless = images is None
    wires = takes, gives, circuit.output
    limit = NEVER if most is None or endless else most
    counts = beats_in, beats_out, endless, limit
    stuck, count = _run(kind, wires, size, repeats, spans, flat, counts, first, done)
    if count < 0:
        raise SimulationError(f"an image takes more than {limit} cycles")
    if stuck >= 0:
        count = len(circuit_of(given).parts)
        raise SimulationError(f"the chain of {count} parts stands still from cycle {stuck}")
    return Trace(first[:count], done[:count])


@dataclass(frozen=True, eq=False)
class _Ring(Buffer):
    """A buffer and the one register behind it, which most have: stepped as one, that is quicker."""


def _with_registers_in_rings(circuit: Circuit) -> Circuit:
    """The same, with a part less for each register of a ring."""
    behind = {takes[0]: place for place, takes in enumerate(circuit.takes)}
    parts, gives, gone = [*circuit.parts], [*circuit.gives], set()
    for place, part in enumerate(circuit.parts):
        register = behind.get(circuit.gives[place][0])
        if isinstance(part, Buffer) and register and circuit.parts[register] == Delay(1):
            parts[place] = _Ring(part.depth, part.offsets, part.repeats, part.releases)
            gives[place] = circuit.gives[register]
            gone.add(register)
    kept = [place for place in range(len(parts)) if place not in gone]
    return Circuit(
        [parts[place] for place in kept],
        [circuit.takes[place] for place in kept],
        [gives[place] for place in kept],
        circuit.output,
    )


def _tables(part: Part) -> tuple[np.ndarray, ...]:
    """What a part goes through in turn."""
    match part:
        case Step():
            return (part.actions,)
        case Buffer():
            return part.offsets, part.releases
        case Merge():
            return (part.takes,)
    return ()


def _streams(of_parts: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Streams of each part, shape (parts, the most); behind the last one, −1."""
    most = max(map(len, of_parts), default=1)
    return np.array([[*own, *[-1] * (most - len(own))] for own in of_parts], np.int64).reshape(
        len(of_parts), most
    )


# A `Split`'s position has a bit for each stream that has taken the present beat; a `Merge`'s turn
# has one for each stream from which a beat is taken.


@compiled(keep=False)
def _offer(valid, there, streams, have):
    for k in range(streams.size):
        if streams[k] >= 0:
            valid[streams[k]] = there and not have >> k & 1


@compiled(keep=False)
def _all_take(ready, streams, have):
    for k in range(streams.size):
        if streams[k] >= 0 and not (ready[streams[k]] or have >> k & 1):
            return False
    return True


@compiled(keep=False)
def _taken(valid, ready, streams):
    have = 0
    for k in range(streams.size):
        if streams[k] >= 0 and valid[streams[k]] and ready[streams[k]]:
            have |= 1 << k
    return have


@compiled(keep=False)
def _all_there(valid, streams, turn):
    for k in range(streams.size):  # noqa: SIM110, Numba has no all() of a generator
        if turn >> k & 1 and not valid[streams[k]]:
            return False
    return True


@compiled(keep=False)
def _take(ready, streams, turn):
    for k in range(streams.size):
        if streams[k] >= 0:
            ready[streams[k]] = turn >> k & 1


@compiled
def _run(kind, wires, size, repeats, spans, flat, counts, first, done):  # noqa: PLR0912, PLR0915
    beats_in, beats_out, endless, limit = counts
    takes, gives, output = wires
    inward, outward = takes[:, 0].copy(), gives[:, 0].copy()
    parts = kind.size
    streams = max(output, takes.max() if parts else 0, gives.max() if parts else 0) + 1
    position = np.zeros(parts, np.int64)  # Step: action; Queue: due beats; Buffer: word in window
    repeat = np.zeros(parts, np.int64)
    window = np.zeros(parts, np.int64)
    filled = np.zeros(parts, np.int64)  # words from the base on; negative: to be skipped
    stages = np.zeros(parts, np.uint64)  # Delay, Queue: one bit for each register
    valid = np.zeros(streams, np.bool_)
    ready = np.zeros(streams, np.bool_)
    state = np.zeros((2, 5 * parts + 1), np.int64)
    taken, given, cycle, alike, end = 0, 0, 0, 0, NEVER
    while given < done.size * beats_out:
        valid[0] = endless or taken < done.size * beats_in
        for p in range(parts):
            i, o = inward[p], outward[p]
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                valid[o] = action & 2 and (valid[i] or not action & 5)
            elif kind[p] == 1:
                valid[o] = (stages[p] >> np.uint64(size[p] - 1)) & np.uint64(1)
            elif kind[p] == 2:
                valid[o] = position[p] > 0
            elif kind[p] == 3:
                valid[o] = flat[spans[p, 0] + position[p]] < filled[p]
            elif kind[p] == 6:
                valid[o] = stages[p] != 0
            elif kind[p] == 4:
                _offer(valid, valid[i], gives[p], position[p])
            else:
                valid[o] = _all_there(valid, takes[p], flat[spans[p, 0] + position[p]])
        ready[output] = True
        for p in range(parts - 1, -1, -1):
            i, o = inward[p], outward[p]
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                ready[i] = action & 1 and (ready[o] or not action & 2)
            elif kind[p] == 1:
                ready[i] = ready[o] or not valid[o]
            elif kind[p] < 4 or kind[p] == 6:
                ready[i] = filled[p] < size[p]
            elif kind[p] == 4:
                ready[i] = _all_take(ready, gives[p], position[p])
            else:
                turn = flat[spans[p, 0] + position[p]] * (valid[o] and ready[o])
                _take(ready, takes[p], turn)
        moved = False
        for p in range(parts):
            i, o = inward[p], outward[p]
            if kind[p] == 0:
                action = flat[spans[p, 0] + position[p]]
                if (valid[i] or not action & 5) and (ready[o] or not action & 2):
                    position[p] = (position[p] + 1) % spans[p, 1]
                    moved = True
            elif kind[p] == 1:
                if ready[i]:
                    moved = moved or stages[p] != 0 or valid[i]
                    stages[p] = (stages[p] << np.uint64(1)) | np.uint64(valid[i])
                    stages[p] &= (np.uint64(1) << np.uint64(size[p])) - np.uint64(1)
            elif kind[p] == 2:
                comes, goes = valid[i] and ready[i], valid[o] and ready[o]
                moved = moved or comes or goes or stages[p] != 0
                last = np.uint64(repeats[p] - 1)
                stages[p] = (stages[p] << np.uint64(1)) | np.uint64(comes)
                position[p] += np.int64(stages[p] >> last) - goes
                stages[p] &= (np.uint64(1) << last) - np.uint64(1)
                filled[p] += np.int64(comes) - goes
            elif kind[p] == 3 or kind[p] == 6:
                if kind[p] == 3:
                    goes = valid[o] and ready[o]
                else:  # what is read goes into the register
                    free = ready[o] or not valid[o]
                    goes = free and flat[spans[p, 0] + position[p]] < filled[p]
                    moved = moved or (free and stages[p] != 0)
                    stages[p] = goes if free else stages[p]
                if valid[i] and ready[i]:
                    filled[p] += 1
                    moved = True
                if goes:
                    moved = True
                    position[p] += 1
                    if position[p] == spans[p, 1]:
                        position[p] = 0
                        repeat[p] += 1
                    if repeat[p] == repeats[p]:
                        repeat[p] = 0
                        filled[p] -= flat[spans[p, 2] + window[p]]
                        window[p] = (window[p] + 1) % spans[p, 3]
            elif kind[p] == 4:
                have = position[p] | _taken(valid, ready, gives[p])
                moved = moved or have != position[p]
                position[p] = 0 if valid[i] and ready[i] else have
            elif valid[o] and ready[o]:
                position[p] = (position[p] + 1) % spans[p, 1]
                moved = True
        if valid[0] and ready[0]:
            moved = True
            if taken % beats_in == 0 and taken // beats_in < first.size:
                first[taken // beats_in] = cycle
            taken += 1
        if valid[output]:
            given += 1
            if given % beats_out == 0:
                count = given // beats_out
                done[count - 1] = cycle
                if count >= done.size - 2:
                    end = cycle + limit
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
        if cycle >= end:
            return cycle, -1
        cycle += 1
    return -1, done.size


def with_ample_depths(parts: Parts) -> Circuit:
    """The parts with buffers of their ample depths."""
    circuit = circuit_of(parts)
    ample = [
        with_depth(part, part.ample_depth) if isinstance(part, Buffer) else part
        for part in circuit.parts
    ]
    return replace(circuit, parts=ample)


def with_depth(part: Buffer, depth: int) -> Buffer:
    """The same buffer with another depth."""
    return replace(part, depth=depth)


def tight_depths(
    parts: Parts, beats_in: int, beats_out: int, interval: int, images: int = 4
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
    circuit = with_ample_depths(parts)
    reached = run(circuit, beats_in, beats_out, images).interval
    if reached != interval:
        raise SimulationError(f"the chain needs {reached} cycles per image, not {interval}")

    def suffices(index: int, part: Buffer, depth: int) -> bool:
        circuit.parts[index] = with_depth(part, depth)
        return keeps(circuit, beats_in, beats_out, interval, images)

    alike: dict[tuple[int, ...], int] = {}  # what the last one like it needed beyond a window
    for index, part in enumerate(circuit.parts):
        if not isinstance(part, Buffer):
            continue
        form = part.least_depth, len(part.offsets), part.repeats, len(part.releases), part.images
        guess = min(part.least_depth + alike.get(form, 0), part.depth)
        depth = _least(part, guess, partial(suffices, index, part))
        alike[form] = depth - part.least_depth
        circuit.parts[index] = with_depth(part, depth)
    return [part.depth for part in circuit.parts if isinstance(part, Buffer)]


def _least(part: Buffer, guess: int, suffices: Callable[[int], bool]) -> int:
    """The least depth that suffices, which the present one does: in growing steps from a guess."""
    low, high = part.least_depth, part.depth
    step = 1
    if guess == high or suffices(guess):
        high = guess
        while low < high and suffices(max(high - step, low)):
            high, step = max(high - step, low), 2 * step
        low = max(high - step + 1, low)
    else:
        low = guess + 1
        while low < high and not suffices(min(low + step - 1, high)):
            low, step = min(low + step - 1, high) + 1, 2 * step
        high = min(low + step - 1, high)
    while low < high:
        middle = (low + high) // 2
        if suffices(middle):
            high = middle
        else:
            low = middle + 1
    return high


def keeps(parts: Parts, beats_in: int, beats_out: int, interval: int, images: int) -> bool:
    """Whether the last of so many images follow each other in that interval."""
    try:
        return run(parts, beats_in, beats_out, images, most=interval).interval == interval
    except SimulationError:  # or some stand still
        return False
