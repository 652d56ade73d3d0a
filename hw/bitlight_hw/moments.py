"""The cycle in which each beat of a circuit moves, found beat by beat instead of cycle by cycle.

What holds up a beat is known: the beat before it, the word that is read, the place that is written,
or another stream. Its cycle is the latest of theirs, each plus a constant. So a part goes on alone
for as many beats as have words and places, one part after the other, and a cycle in which it waits
costs nothing.

Between any two parts is something that keeps those cycles: a ring, a queue, or, where a part takes
what another gives in the same cycle, a WIRE, to which a beat is offered until it is taken. Before
the first part, and behind the last one, are queues without an end.
"""

from typing import NamedTuple

import numpy as np

from bitlight.kernels.compiled import compiled
from bitlight_hw.stepping import BUFFER, DELAY, EDGES, MERGE, QUEUE, RING, SPLIT, STEP

WIRE = 7
UNKNOWN = -1
# Words beyond those of the images and one more, that a ring or queue may be given.
SPARE = 64
# Words of the log, beyond which it is not kept: eight bytes each.
MOST_WORDS = 1 << 25
NONE = np.zeros(0, np.int64)
ENDLESS = 1 << 60

# A row for each part. INWARD and OUTWARD are the rows beside it. SINCE: from when on it may move,
# or offers what its register holds. REGISTER: behind a merge; or that a place is free in the cycle
# in which its word leaves. What is between parts had COME words, of which GONE have left: the log
# keeps the cycles of the former in its first row, those of the latter in its second, ROOM from
# START on. EMPTY and FULL: whom it is beside found no word, or no place.
KIND, SIZE, REPEATS, TABLE, LENGTH, RELEASES, WINDOWS, INWARD, OUTWARD, START, ROOM = range(11)
REGISTER, POSITION, TURN, WINDOW, COME, GONE, SINCE, LAST, HOLDS, EMPTY, FULL = range(11, 22)
FIELDS = 22


@compiled(keep=False, inline="always", _nrt=False)
def _room(p, parts, calls):
    """There is a place again: who gives may have waited for it."""
    if parts[p, FULL]:
        parts[p, FULL] = False
        calls[parts[p, INWARD]] = True


@compiled(keep=False, inline="always", _nrt=False)
def _read(p, parts, cycle, flat, log, calls):
    """A ring's next word is read; behind a window the base moves, which leaves room."""
    parts[p, POSITION] += 1
    if parts[p, POSITION] < parts[p, LENGTH]:
        return
    parts[p, POSITION] = 0
    parts[p, TURN] += 1
    if parts[p, TURN] < parts[p, REPEATS]:
        return
    parts[p, TURN] = 0
    gone = parts[p, GONE]
    parts[p, GONE] += flat[parts[p, RELEASES] + parts[p, WINDOW]]
    for word in range(gone, min(parts[p, GONE], parts[p, ROOM])):
        log[1, parts[p, START] + word] = cycle
    parts[p, WINDOW] = parts[p, WINDOW] + 1 if parts[p, WINDOW] + 1 < parts[p, WINDOWS] else 0
    _room(p, parts, calls)


@compiled(keep=False, inline="always", _nrt=False)
def _offered(p, parts, flat, log, calls):
    """From when on a ring, queue or wire offers its next beat."""
    kind = parts[p, KIND]
    if kind not in (RING, BUFFER):
        if parts[p, GONE] == parts[p, COME]:
            parts[p, EMPTY] = True
            return UNKNOWN
        return max(log[0, parts[p, START] + parts[p, GONE]], parts[p, LAST] + 1)
    if parts[p, SINCE] != UNKNOWN:  # the register behind a ring holds it
        return parts[p, SINCE]
    word = parts[p, GONE] + flat[parts[p, TABLE] + parts[p, POSITION]]
    if word >= parts[p, COME]:
        parts[p, EMPTY] = True
        return UNKNOWN
    there = log[0, parts[p, START] + word] + 1
    if kind == BUFFER:
        return max(there, parts[p, LAST] + 1)
    cycle = max(there, parts[p, LAST])  # the register takes while its beat is taken
    _read(p, parts, cycle, flat, log, calls)
    parts[p, SINCE] = cycle + 1
    return cycle + 1


@compiled(keep=False, inline="always", _nrt=False)
def _take(p, parts, cycle, flat, log, calls):
    """A beat leaves a ring, queue or wire."""
    parts[p, LAST] = cycle
    kind = parts[p, KIND]
    if kind == RING:
        parts[p, SINCE] = UNKNOWN
    elif kind == BUFFER:
        _read(p, parts, cycle, flat, log, calls)
    else:
        log[1, parts[p, START] + parts[p, GONE]] = cycle
        parts[p, GONE] += 1
        _room(p, parts, calls)


@compiled(keep=False, inline="always", _nrt=False)
def _give(p, parts, cycle, log, calls):
    """When a beat that is offered from a cycle on goes into a ring or queue, or over a wire."""
    come = parts[p, COME]
    word = come - parts[p, SIZE]  # which must have left
    if parts[p, KIND] == WIRE and parts[p, HOLDS]:
        if parts[p, GONE] < come:
            parts[p, FULL] = True
            return UNKNOWN
        parts[p, HOLDS] = False
        return log[1, parts[p, START] + come - 1]
    if word >= parts[p, GONE] or come == parts[p, ROOM]:
        parts[p, FULL] = True
        return UNKNOWN
    if word >= 0:
        cycle = max(cycle, log[1, parts[p, START] + word] + 1 - parts[p, REGISTER])
    latency = parts[p, REPEATS] if parts[p, KIND] == QUEUE else 0
    log[0, parts[p, START] + come] = cycle + latency
    parts[p, COME] += 1
    if parts[p, EMPTY]:
        parts[p, EMPTY] = False
        calls[parts[p, OUTWARD]] = True
    if parts[p, KIND] == WIRE:
        parts[p, HOLDS] = parts[p, FULL] = True
        return UNKNOWN
    return cycle


@compiled(keep=False, _nrt=False)
def _next(p, parts, cycle):
    """A part that goes through a table goes on."""
    parts[p, POSITION] = parts[p, POSITION] + 1 if parts[p, POSITION] + 1 < parts[p, LENGTH] else 0
    parts[p, SINCE] = cycle + 1


@compiled(keep=False, _nrt=False)
def _step(p, parts, flat, log, calls):
    """A `Step` goes on as far as is known."""
    i, o = parts[p, INWARD], parts[p, OUTWARD]
    table, length = parts[p, TABLE], parts[p, LENGTH]
    position, since = parts[p, POSITION], parts[p, SINCE]
    while True:
        action = flat[table + position]
        there = _offered(i, parts, flat, log, calls)  # a ring reads ahead, whoever needs it
        if action & 5:
            if there == UNKNOWN:
                break
            since = max(since, there)
        if action & 2:
            cycle = _give(o, parts, since, log, calls)
            if cycle == UNKNOWN:
                break
            since = cycle
        if action & 1:
            _take(i, parts, since, flat, log, calls)
        since += 1
        position = position + 1 if position + 1 < length else 0
    parts[p, POSITION], parts[p, SINCE] = position, since


@compiled(keep=False, _nrt=False)
def _split(p, parts, outward, flat, log, calls):
    """A `Split` goes on as far as is known."""
    i = parts[p, INWARD]
    while True:
        there = _offered(i, parts, flat, log, calls)
        if there == UNKNOWN:
            return
        missing = False
        for k in range(outward.shape[1]):
            if outward[p, k] < 0 or parts[p, POSITION] >> k & 1:
                continue
            cycle = _give(outward[p, k], parts, there, log, calls)
            if cycle == UNKNOWN:
                missing = True
            else:
                parts[p, POSITION] |= 1 << k
                parts[p, SINCE] = max(parts[p, SINCE], cycle)
        if missing:
            return
        _take(i, parts, parts[p, SINCE], flat, log, calls)
        parts[p, POSITION] = parts[p, SINCE] = 0


@compiled(keep=False, _nrt=False)
def _merge(p, parts, inward, flat, log, calls):
    """A `Merge`, and the register that may be behind it, go on as far as is known."""
    o = parts[p, OUTWARD]
    while True:
        turn = flat[parts[p, TABLE] + parts[p, POSITION]]
        missing, latest = False, 0
        for k in range(inward.shape[1]):
            if inward[p, k] >= 0:
                there = _offered(inward[p, k], parts, flat, log, calls)
                if turn >> k & 1:
                    missing |= there == UNKNOWN
                    latest = max(latest, there)
        if parts[p, HOLDS]:
            cycle = _give(o, parts, parts[p, SINCE], log, calls)
            if cycle == UNKNOWN:
                return
            parts[p, HOLDS], parts[p, SINCE] = False, cycle
        if missing:
            return
        cycle = max(parts[p, SINCE], latest)
        if parts[p, REGISTER]:
            parts[p, HOLDS] = True
        else:
            cycle = _give(o, parts, cycle, log, calls)
            if cycle == UNKNOWN:
                return
        for k in range(inward.shape[1]):
            if turn >> k & 1:
                _take(inward[p, k], parts, cycle, flat, log, calls)
        _next(p, parts, cycle)


@compiled(keep=False, _nrt=False)
def _is_late(sink, parts, log, beats, limit):
    """Whether one of the last two distances that are known is beyond the limit."""
    done, images = parts[sink, COME] // beats, parts[sink, ROOM] // beats
    for image in range(max(1, images - 2), done):
        last = parts[sink, START] + (image + 1) * beats - 1
        if log[0, last] - log[0, last - beats] > limit:
            return True
    return False


@compiled(nogil=True, _nrt=False)
def follow(parts, inward, outward, flat, log, calls, sink, beats, limit):
    """Follow all beats until nothing more can move, or an image takes longer than the limit.

    What moved is in the log; whether an image took longer is returned.
    """
    waiting = True
    while waiting:
        waiting = False
        if _is_late(sink, parts, log, beats, limit):
            return True
        for p in range(calls.size):
            if not calls[p]:
                continue
            calls[p] = False
            waiting = True
            kind = parts[p, KIND]
            if kind == STEP:
                _step(p, parts, flat, log, calls)
            elif kind == SPLIT:
                _split(p, parts, outward, flat, log, calls)
            elif kind == MERGE:
                _merge(p, parts, inward, flat, log, calls)
    return False


@compiled(nogil=True, _nrt=False)
def most_held(p, parts, log, end):
    """The most words that a ring held up to a cycle."""
    start, most, gone = parts[p, START], 0, 0
    left = min(parts[p, GONE], parts[p, ROOM])
    for word in range(parts[p, COME]):
        cycle = log[0, start + word]
        if cycle > end:
            break
        while gone < left and log[1, start + gone] < cycle:
            gone += 1
        most = max(most, word + 1 - gone)
    return most


class Parts(NamedTuple):
    """Parts of a circuit, a row each: see `timing`.

    Attributes
    ----------
    kind, size, repeats : int arrays (parts,)
    spans : int array (parts, 4), where its two tables begin in `flat` and how long they are
    takes, gives : int arrays (parts, the most), numbers of streams, −1 for none
    """

    kind: np.ndarray
    size: np.ndarray
    repeats: np.ndarray
    spans: np.ndarray
    takes: np.ndarray
    gives: np.ndarray

    def without(self, gone: np.ndarray) -> "Parts":
        """Those that are not gone."""
        return Parts(*(column[~gone] for column in self))


class Moments(NamedTuple):
    """What happened.

    Attributes
    ----------
    first, done : int arrays (images,), cycles in which each was begun and done
    held : list of int, the most words in each ring
    stuck : int, the cycle from which on nothing moves although an image is not done; else −1
    late : bool, whether one of the last two distances is beyond the limit
    """

    first: np.ndarray
    done: np.ndarray
    held: list[int]
    stuck: int = UNKNOWN
    late: bool = False


def follow_images(
    given: Parts,
    flat: np.ndarray,
    ends: tuple[int, int],
    beats: np.ndarray,
    images: int,
    limit: int,
) -> Moments | None:
    """Follow so many images through parts; None where they are to be stepped.

    That is where registers stand one behind the other, and where the log would be too long.

    Parameters
    ----------
    given : Parts
    flat : int array, their tables
    ends : the source's stream, and the output
    beats : int array (streams,), of an image
    images : int
    limit : int, the most cycles between the last images
    """
    given, register = _with_registers_in_merges(given)
    if (given.size[given.kind == DELAY] != 1).any():
        return None
    parts, inward, outward, (source, sink) = _wired(given, register, len(flat), ends)
    room = np.zeros(len(parts), np.int64)
    keeps = ~np.isin(parts[:, KIND], (STEP, SPLIT, MERGE))
    room[keeps] = (images + 1) * beats[parts[keeps, LAST]] + SPARE
    room[[source, sink]] = images * beats[[*ends]]
    if room.sum() > MOST_WORDS:
        return None
    parts[:, ROOM], parts[:, START] = room, np.cumsum(room) - room
    parts[source, COME] = room[source]
    parts[:, LAST] = -1
    log = np.zeros((2, room.sum()), np.int32)
    calls = np.ones(len(parts), np.bool_)
    out = beats[ends[1]]
    tables = np.append(flat, 3)  # a wire takes and gives
    late = follow(parts, inward, outward, tables, log, calls, sink, out, limit)
    if late:
        return Moments(NONE, NONE, [], late=True)
    full = keeps & (parts[:, COME] == room)
    if full.sum() > full[[source, sink]].sum():
        return None
    if parts[sink, COME] < room[sink]:
        return Moments(NONE, NONE, [], stuck=_end(parts, log))
    first = _every(log[1], parts[source], beats[ends[0]], 0)
    done = _every(log[0], parts[sink], out, -1)
    first[first > done[-1]] = 0  # as when stepping ends there
    rings = np.flatnonzero(np.isin(given.kind, (RING, BUFFER))).tolist()
    return Moments(first, done, [most_held(ring, parts, log, done[-1]) for ring in rings])


def _wired(
    given: Parts, register: np.ndarray, wire_table: int, ends: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """A row for each part and each wire, and which rows are beside it; source and sink.

    What keeps beats has the number of its inward stream as LAST.
    """
    kind, count = given.kind, len(given.kind)
    source, sink = count, count + 1
    keeps = np.append(np.isin(kind, EDGES) | (kind == DELAY), [True, True])
    streams = 1 + max(*ends, int(given.takes.max(initial=0)), int(given.gives.max(initial=0)))
    giver, taker = np.full((2, streams), UNKNOWN)
    for found, table in ((giver, given.gives), (taker, given.takes)):
        part, way = np.nonzero(table >= 0)
        found[table[part, way]] = part
    giver[ends[0]], taker[ends[1]] = source, sink
    # A wire between two parts that keep no beats, and one as a part between two that do.
    between = np.flatnonzero((taker >= 0) & (keeps[giver] == keeps[taker]))
    parts = np.zeros((count + 2 + len(between), FIELDS), np.int64)
    own, added = parts[:count], parts[count + 2 :]
    own[:, KIND], own[:, SIZE], own[:, REPEATS] = kind, given.size, given.repeats
    own[:, [TABLE, LENGTH, RELEASES, WINDOWS]] = given.spans
    own[:, REGISTER] = register | (kind == DELAY)
    own[kind == DELAY, : REPEATS + 1] = QUEUE, 1, 1
    own[np.isin(kind, (RING, BUFFER)), SINCE] = UNKNOWN
    own[:, LAST] = given.takes[:, 0]
    parts[source : sink + 1, [KIND, SIZE]] = QUEUE, ENDLESS
    parts[source : sink + 1, LAST] = ends
    added[:, KIND] = np.where(keeps[giver[between]], STEP, WIRE)
    added[:, [SIZE, TABLE, LENGTH]] = 1, wire_table, 1
    added[:, LAST] = between
    front, back = giver.copy(), taker.copy()
    front[between] = back[between] = np.arange(count + 2, len(parts))
    inward = np.where(given.takes >= 0, front[given.takes], UNKNOWN)
    outward = np.where(given.gives >= 0, back[given.gives], UNKNOWN)
    own[:, INWARD], own[:, OUTWARD] = inward[:, 0], outward[:, 0]
    parts[source, [INWARD, OUTWARD]] = source, back[ends[0]]
    parts[sink, [INWARD, OUTWARD]] = front[ends[1]], sink
    added[:, INWARD], added[:, OUTWARD] = giver[between], taker[between]
    return parts, inward, outward, (source, sink)


def _with_registers_in_merges(given: Parts) -> tuple[Parts, np.ndarray]:
    """The parts without the registers behind merges, and which have one."""
    taker = {stream: part for part, stream in enumerate(given.takes[:, 0].tolist())}
    gives, gone = given.gives.copy(), np.zeros(len(given.kind), np.bool_)
    has = gone.copy()
    for part in np.flatnonzero(given.kind == MERGE).tolist():
        behind = taker.get(int(gives[part, 0]))
        if behind is not None and given.kind[behind] == DELAY and given.size[behind] == 1:
            gives[part, 0] = gives[behind, 0]
            has[part] = gone[behind] = True
    return given._replace(gives=gives).without(gone), has[~gone]


def _every(row: np.ndarray, part: np.ndarray, beats: int, which: int) -> np.ndarray:
    """The cycle of the first or last of so many beats, again and again."""
    own = row[part[START] : part[START] + part[ROOM]]
    return own.reshape(-1, beats)[:, which].astype(np.int64)


def _end(parts: np.ndarray, log: np.ndarray) -> int:
    """The cycle after the last in which anything moved."""
    used = parts[(parts[:, COME] > 0) & (parts[:, KIND] != WIRE)]
    came = log[0, used[:, START] + used[:, COME] - 1]
    on_its_way = (used[:, KIND] == QUEUE) & (used[:, REPEATS] > 0)
    ends = came + ~on_its_way, parts[:, SINCE], parts[:, LAST] + 1, log[1] + 1
    return max(int(end.max(initial=0)) for end in ends)
