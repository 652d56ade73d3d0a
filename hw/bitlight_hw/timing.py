"""Cycle-exact timing of units and the streams between them, without their data.

Nothing that flows through an accelerator steers its control, so that six kinds of parts describe
when every unit takes and gives a beat: `Step`, `Delay`, `Queue` and `Buffer` on one stream, `Split`
from one to several and `Merge` from several to one. A `Circuit` of them is stepped cycle by cycle,
or, where it is large and a few images are asked for, its beats are followed one by one; the result
is the same. The source always has the next beat and the sink is always ready, as in the native
simulator. A whole image of a large network takes well under a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from bitlight import SimulationError
from bitlight_hw import moments
from bitlight_hw.stepping import NEVER, divide, step_through

TAKE, GIVE, AWAIT = 1, 2, 4

# How many beats a part gives on each stream for one that it takes from each; 0 if unknown.
Given = tuple[Fraction | int, ...]
AS_MANY: Given = (1,)


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

    @cached_property
    def gives_for_one(self) -> Given:
        """Beats that it gives for one that it takes."""
        taken = int(np.count_nonzero(self.actions & TAKE))
        given = int(np.count_nonzero(self.actions & GIVE))
        return (Fraction(given, taken) if taken else 0,)


@dataclass(frozen=True)
class Delay:
    """`stages` registers that move together whenever the last is empty or its beat is taken."""

    stages: int
    gives_for_one: ClassVar[Given] = AS_MANY


@dataclass(frozen=True)
class Queue:
    """A pipeline that never waits, into a queue: `depth` beats in both, `latency` cycles through.

    It takes while it holds fewer than `depth`, and a beat that it gives leaves room in the next
    cycle.
    """

    depth: int
    latency: int
    gives_for_one: ClassVar[Given] = AS_MANY


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
    def gives_for_one(self) -> Given:
        """Words that it gives for one that it takes."""
        read = len(self.offsets) * self.repeats * len(self.releases)
        return (Fraction(read, int(self.releases.sum())),)

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

    gives_for_one: ClassVar[Given] = AS_MANY


@dataclass(frozen=True, eq=False)
class Merge:
    """Goes through `takes` in turn, without a register: a beat of each of some streams, for one.

    Parameters
    ----------
    takes : int array
        Of each turn, which streams: bit k is stream k. Repeated without end.
    """

    takes: np.ndarray

    @cached_property
    def gives_for_one(self) -> Given:
        """Beats that it gives for one that it takes from each stream."""
        ways = int(self.takes.max()).bit_length()
        of_each = [int(np.count_nonzero(self.takes >> way & 1)) for way in range(ways)]
        return tuple(Fraction(len(self.takes), n) if n else 0 for n in of_each)


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
    sources : tuple of int
        Streams that always have the next beat; images are counted on the first of them.
    sinks : tuple of int
        Streams beside the output from which any beat is taken at once.
    """

    parts: list[Part]
    takes: list[tuple[int, ...]]
    gives: list[tuple[int, ...]]
    output: int
    sources: tuple[int, ...] = (0,)
    sinks: tuple[int, ...] = ()

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

    def with_depths(self, depths: Mapping[int, int]) -> "Circuit":
        """With other depths of some buffers, by their indices."""
        parts = [*self.parts]
        for index, depth in depths.items():
            part = parts[index]
            assert isinstance(part, Buffer)
            parts[index] = replace(part, depth=depth)
        return replace(self, parts=parts)

    def beats(self, beats_in: int) -> dict[int, int]:
        """Beats per image of every stream, by those of the source's."""
        found = {0: beats_in}
        for part, takes, gives in zip(self.parts, self.takes, self.gives, strict=True):
            factor = next(
                found[n] * one for n, one in zip(takes, part.gives_for_one, strict=False) if one
            )
            found |= dict.fromkeys(gives, int(factor))
        return found


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
    held : dict from the index of each Buffer to how many places it used
        With so many all would have been the same.
    settled : bool
        Whether an image ended like the one before it, so that all later ones do.
    """

    first_taken: np.ndarray
    completed: np.ndarray
    held: dict[int, int]
    settled: bool = False

    @property
    def latency(self) -> int:
        """Cycles from the first beat in to the last beat out of the first image."""
        return int(self.completed[0] - self.first_taken[0])

    @property
    def interval(self) -> int:
        """Cycles between the last images, the most there are.

        The longer of two distances where it has settled; else that of the last quarter of them,
        since a pattern may come again after several images only.
        """
        last = 2 if self.settled else max(2, len(self.completed) // 4)
        return int(np.diff(self.completed[-last - 1 :]).max())


# Cycles of an image, up to which a chain is stepped at all: minutes for a large network.
MOST_CYCLES = 1 << 22
# Images up to which every beat is followed, where an image has so many in all its streams: that is
# quicker than stepping by then, but is a second loop to compile.
FOLLOWED = 4
WORTH_FOLLOWING = 1 << 17
# The source of an endless stream stops here even if the chain has not settled.
MOST_IMAGES = 100


def run(
    parts: Parts,
    beats_in: int,
    beats_out: int,
    images: int | None = None,
    most: int | None = None,
    *,
    at_most: int = MOST_IMAGES,
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
    at_most : int
        Without a number, images after which they are left, settled or not.

    Raises
    ------
    SimulationError
        If they stand still before that, or take longer than `most` for one of the last two images.
    """
    given = circuit_of(parts)
    limit = NEVER if most is None or images is None else most
    nothing = np.zeros((0, 1), np.int64)
    record = 0, nothing, nothing
    first, done, held, _ = _step(given, (beats_in, beats_out), images, limit, record, at_most)
    return Trace(first, done, held, settled=images is None and len(done) < at_most)


@dataclass(frozen=True, eq=False)
class Record:
    """What moved and what waited over time, in bins of as many cycles each.

    Attributes
    ----------
    bin_cycles : int
    beats : int array (streams, bins)
        How many beats moved on each stream; its row is the stream's number.
    held : dict from the index of each Buffer to an int array (bins,)
        The most words that it held.
    completed : int array, cycle in which the last beat of each image was given
    """

    bin_cycles: int
    beats: np.ndarray
    held: dict[int, np.ndarray]
    completed: np.ndarray


def watch(
    parts: Parts, beats_in: int, beats_out: int, images: int, cycles: int, bins: int
) -> Record:
    """Step so many images through the parts, and record what happens in so many cycles.

    It ends early where the images that are still to come do as the last ones did.

    Parameters
    ----------
    parts : Circuit, or a sequence of parts, which is a chain
    beats_in, beats_out : int, of an image
    images : int
    cycles : int
        How long it will take at most; what comes later counts for the last bin.
    bins : int
        How many at most.

    Raises
    ------
    SimulationError
        If they stand still before that.
    """
    given = circuit_of(parts)
    span = max(1, -(-cycles // bins))
    streams = 1 + max(given.output, *(n for gives in (*given.takes, *given.gives) for n in gives))
    beats = np.zeros((streams, -(-cycles // span)), np.int64)
    most = np.zeros((len(given.parts), beats.shape[1]), np.int64)
    _, done, _, rows = _step(given, (beats_in, beats_out), images, NEVER, (span, beats, most))
    return Record(span, beats, {ring: most[row] for ring, row in rows.items()}, done)


_Stepped = tuple[np.ndarray, np.ndarray, dict[int, int], dict[int, int]]


def _step(
    given: Circuit,
    beats: tuple[int, int],
    images: int | None,
    limit: int,
    record: tuple[int, np.ndarray, np.ndarray],
    at_most: int = MOST_IMAGES,
) -> _Stepped:
    """When each image was begun and done; of each Buffer the places used, and its row in a record.

    Raises
    ------
    SimulationError
        If the parts stand still, or one of the last two images takes longer than the limit.
    """
    circuit = _with_registers_in_rings(given)
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
    rings = [index for index, part in enumerate(given.parts) if isinstance(part, Buffer)]
    rows = [index for index, part in enumerate(parts) if isinstance(part, Buffer)]
    if images is not None and images <= FOLLOWED and not record[0]:
        whole = moments.Parts(kind, size, repeats, spans, takes, gives)
        found = _follow(given, whole, flat, beats, images, limit)
        if found is not None:
            _refuse(given, found.stuck, limit if found.late else None)
            places = dict(zip(rings, found.held, strict=True))
            return found.first, found.done, places, dict(zip(rings, rows, strict=True))
    first = np.zeros(images or at_most, np.int64)
    done = np.zeros(images or at_most, np.int64)
    sinks = np.array([circuit.output, *circuit.sinks], np.int64)
    wires = takes, gives, np.array(circuit.sources, np.int64), sinks
    counts = *beats, images is None, limit
    streams = 1 + max(circuit.output, int(takes.max(initial=0)), int(gives.max(initial=0)))
    groups = divide(kind, takes, gives, streams)
    held = np.zeros(len(parts), np.int64)
    stuck, count = step_through(
        kind, wires, size, repeats, spans, flat, groups, counts, first, done, held, record
    )
    _refuse(given, stuck, limit if count < 0 else None)
    places = dict(zip(rings, held[rows].tolist(), strict=True))
    return first[:count], done[:count], places, dict(zip(rings, rows, strict=True))


def _refuse(given: Circuit, stuck: int, late: int | None) -> None:
    if late is not None:
        raise SimulationError(f"an image takes more than {late} cycles")
    if stuck >= 0:
        count = len(given.parts)
        raise SimulationError(f"the chain of {count} parts stands still from cycle {stuck}")


def _follow(
    circuit: Circuit,
    parts: moments.Parts,
    flat: np.ndarray,
    counts: tuple[int, int],
    images: int,
    limit: int,
) -> moments.Moments | None:
    """The same of a few images, found beat by beat; None where they are to be stepped."""
    if len(circuit.sources) > 1 or circuit.sinks:
        return None
    found = circuit.beats(counts[0]) | {circuit.output: counts[1]}
    if sum(found.values()) < WORTH_FOLLOWING:
        return None
    beats = np.zeros(1 + max(found), np.int64)
    beats[[*found]] = [*found.values()]
    ends = circuit.sources[0], circuit.output
    return moments.follow_images(parts, flat, ends, beats, images, limit)


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
        circuit.sources,
        circuit.sinks,
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


def with_ample_depths(parts: Parts) -> Circuit:
    """The parts with buffers of their ample depths."""
    circuit = circuit_of(parts)
    rings = ((n, part) for n, part in enumerate(circuit.parts) if isinstance(part, Buffer))
    return circuit.with_depths({n: part.ample_depth for n, part in rings})
