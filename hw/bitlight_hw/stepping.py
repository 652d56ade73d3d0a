"""The loop that steps a circuit of timing parts cycle by cycle, compiled.

Rings and queues offer and accept by their registers alone, so that they divide a circuit into
groups of parts that answer each other within a cycle. A group in which nothing moved rests until a
ring or queue at its edge offers or accepts something else, and so do rings and queues: most of a
large network rests in most cycles.
"""

import numpy as np

from bitlight.kernels.compiled import compiled

# Numbers of the kinds of parts.
STEP, DELAY, QUEUE, BUFFER, SPLIT, MERGE, RING = range(7)
EDGES = (QUEUE, BUFFER, RING)
NEVER = 1 << 62

# A `Split`'s position has a bit for each stream that has taken the present beat; a `Merge`'s turn
# has one for each stream from which a beat is taken.


def divide(
    kind: np.ndarray, takes: np.ndarray, gives: np.ndarray, streams: int
) -> tuple[np.ndarray, ...]:
    """Groups of streams that answer each other within a cycle.

    Parameters
    ----------
    kind : int array (parts,)
    takes, gives : int arrays (parts, the most), −1 for none
    streams : int

    Returns
    -------
    group : int array (streams,)
    begin : int array (groups + 1,), where the parts of each group begin in `members`
    members : int array, parts within groups, none before one that it takes from
    beside : int array (groups + 1,), where the rings and queues of each group begin in `edges`
    edges : int array
    """
    root = [*range(streams)]

    def find(stream: int) -> int:
        while root[stream] != stream:
            root[stream] = stream = root[root[stream]]
        return stream

    inside = [p for p in range(len(kind)) if kind[p] not in EDGES]
    for part in inside:
        first, *others = [int(s) for s in (*takes[part], *gives[part]) if s >= 0]
        for stream in others:
            root[find(stream)] = find(first)
    number: dict[int, int] = {}
    group = np.array([number.setdefault(find(s), len(number)) for s in range(streams)], np.int64)
    at_edge = [p for p in range(len(kind)) if kind[p] in EDGES]
    ends = [(group[streams[p, 0]], p) for p in at_edge for streams in (takes, gives)]
    begin, members = gather([(group[takes[p, 0]], p) for p in inside], len(number))
    beside, edges = gather(ends, len(number))
    return group, begin, members, beside, edges


def gather(pairs: list[tuple[int, int]], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of so many groups begins, and the parts, group after group."""
    ordered = np.array(sorted(set(pairs)), np.int64).reshape(-1, 2)
    begin = np.searchsorted(ordered[:, 0], np.arange(count + 1)).astype(np.int64)
    return begin, np.ascontiguousarray(ordered[:, 1])


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


@compiled(keep=False)
def _wake(wakes, n_wakes, due, g, cycle):
    if due[g] == cycle:
        return n_wakes
    due[g] = cycle
    wakes[n_wakes] = g
    return n_wakes + 1


@compiled(keep=False)
def _extend(first, done, taken, count):
    """The images that are still to come are like the last one."""
    interval = done[count - 1] - done[count - 2]
    for image in range(count, done.size):
        done[image] = done[image - 1] + interval
    for image in range(taken, first.size):
        first[image] = first[image - 1] + interval
    return interval


@compiled(nogil=True)
def step_through(  # noqa: PLR0912, PLR0915
    kind, wires, size, repeats, spans, flat, groups, counts, first, done, held, record
):
    """Step until all images have left; the cycle from which nothing moves or −1, and how many left.

    `first` and `done` become the cycles in which the first beat of each image was taken and the
    last one given, `held` the places that each ring used; −1 images where one of the last
    two distances is beyond the limit. `record` is (cycles of a bin, beats of each stream in each
    bin, the most that each ring held in it); bins of no cycles record nothing.
    """
    span, beats, most = record
    beats_in, beats_out, endless, limit = counts
    takes, gives, sources, sinks = wires
    source, output = sources[0], sinks[0]
    group, begin, members, beside, edges = groups
    count_groups = begin.size - 1
    inward, outward = takes[:, 0].copy(), gives[:, 0].copy()
    parts, streams = kind.size, group.size
    position = np.zeros(parts, np.int64)  # Step: action; Queue: due beats; Buffer: word in window
    repeat = np.zeros(parts, np.int64)
    window = np.zeros(parts, np.int64)
    filled = np.zeros(parts, np.int64)  # words from the base on; negative: to be skipped
    stages = np.zeros(parts, np.int64)  # Delay, Queue: one bit for each register
    valid = np.zeros(streams, np.bool_)
    ready = np.zeros(streams, np.bool_)
    # Groups that are looked at in this cycle and in the next, and the cycle that each is down for.
    awake, wakes = np.arange(count_groups), np.zeros(count_groups, np.int64)
    due = np.zeros(count_groups, np.int64)
    n_awake, n_wakes = count_groups, 0
    # The same of rings and queues.
    asked, asks = np.zeros(parts, np.int64), np.zeros(parts, np.int64)
    called = np.full(parts, -1)
    n_asked, n_asks = 0, 0
    kept = np.zeros((2, 5 * parts + 1), np.int64)
    taken, given, cycle, end = 0, 0, 0, NEVER
    alike = 0
    ready[sinks] = True
    valid[sources] = True
    valid[source] = endless or done.size * beats_in > 0
    for p in edges:
        ready[inward[p]] = filled[p] < size[p]
    while given < done.size * beats_out:
        moved = False
        for k in range(n_awake):
            g = awake[k]
            some = False
            for m in range(begin[g], begin[g + 1]):  # what they offer
                p = members[m]
                i, o = inward[p], outward[p]
                if kind[p] == STEP:
                    action = flat[spans[p, 0] + position[p]]
                    valid[o] = action & 2 and (valid[i] or not action & 5)
                elif kind[p] == DELAY:
                    valid[o] = stages[p] >> (size[p] - 1) & 1
                elif kind[p] == SPLIT:
                    _offer(valid, valid[i], gives[p], position[p])
                else:
                    valid[o] = _all_there(valid, takes[p], flat[spans[p, 0] + position[p]])
            for m in range(begin[g + 1] - 1, begin[g] - 1, -1):  # what they accept
                p = members[m]
                i, o = inward[p], outward[p]
                if kind[p] == STEP:
                    action = flat[spans[p, 0] + position[p]]
                    ready[i] = action & 1 and (ready[o] or not action & 2)
                elif kind[p] == DELAY:
                    ready[i] = ready[o] or not valid[o]
                elif kind[p] == SPLIT:
                    ready[i] = _all_take(ready, gives[p], position[p])
                else:
                    turn = flat[spans[p, 0] + position[p]] * (valid[o] and ready[o])
                    _take(ready, takes[p], turn)
            for m in range(begin[g], begin[g + 1]):
                p = members[m]
                i, o = inward[p], outward[p]
                if kind[p] == STEP:
                    action = flat[spans[p, 0] + position[p]]
                    if (valid[i] or not action & 5) and (ready[o] or not action & 2):
                        position[p] = 0 if position[p] + 1 == spans[p, 1] else position[p] + 1
                        some = True
                elif kind[p] == DELAY:
                    if ready[i]:
                        some = some or stages[p] != 0 or valid[i]
                        stages[p] = (stages[p] << 1 | np.int64(valid[i])) & ((1 << size[p]) - 1)
                elif kind[p] == SPLIT:
                    have = position[p] | _taken(valid, ready, gives[p])
                    some = some or have != position[p]
                    position[p] = 0 if valid[i] and ready[i] else have
                elif valid[o] and ready[o]:
                    position[p] = 0 if position[p] + 1 == spans[p, 1] else position[p] + 1
                    some = True
            if some:
                moved = True
                due[g] = cycle + 1
                wakes[n_wakes] = g
                n_wakes += 1
            for m in range(beside[g], beside[g + 1]):
                p = edges[m]
                if called[p] < cycle:
                    called[p] = cycle
                    asked[n_asked] = p
                    n_asked += 1
        for k in range(n_asked):
            p = asked[k]
            i, o = inward[p], outward[p]
            comes, goes = valid[i] and ready[i], valid[o] and ready[o]
            if kind[p] == QUEUE:
                some = comes or goes or stages[p] != 0
                last = repeats[p] - 1
                stages[p] = stages[p] << 1 | np.int64(comes)
                position[p] += (stages[p] >> last) - np.int64(goes)
                stages[p] &= (1 << last) - 1
                filled[p] += np.int64(comes) - np.int64(goes)
            else:
                some = comes
                if kind[p] == RING:  # what is read goes into the register
                    free = ready[o] or not valid[o]
                    goes = free and flat[spans[p, 0] + position[p]] < filled[p]
                    some = some or (free and stages[p] != 0)
                    if free:
                        stages[p] = goes
                if comes:
                    filled[p] += 1
                    held[p] = max(held[p], filled[p])
                if goes:
                    some = True
                    position[p] += 1
                    if position[p] == spans[p, 1]:
                        position[p] = 0
                        repeat[p] += 1
                    if repeat[p] == repeats[p]:
                        repeat[p] = 0
                        filled[p] -= flat[spans[p, 2] + window[p]]
                        window[p] = 0 if window[p] + 1 == spans[p, 3] else window[p] + 1
            if some:
                moved = True
                called[p] = cycle + 1
                asks[n_asks] = p
                n_asks += 1
        if span:
            at = min(cycle // span, beats.shape[1] - 1)
            for s in range(streams):
                beats[s, at] += valid[s] and ready[s]
            for p in edges:
                most[p, at] = max(most[p, at], filled[p])
        if valid[source] and ready[source]:
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
                now, before = kept[count % 2], kept[1 - count % 2]
                now[:parts], now[parts : 2 * parts] = position, repeat
                now[2 * parts : 3 * parts], now[3 * parts : 4 * parts] = window, filled
                now[4 * parts : -1] = stages
                now[-1] = taken - count * beats_in
                alike = alike + 1 if count > 1 and np.array_equal(now, before) else 0
                if endless and alike == 2:
                    return -1, count
                if alike and not endless:
                    begun = min((taken + beats_in - 1) // beats_in, first.size)
                    late = _extend(first, done, begun, count) > limit
                    return -1, -1 if late else done.size
        if not moved:
            return cycle, 0
        if cycle >= end:
            return cycle, -1
        cycle += 1
        for k in range(n_asked):
            p = asked[k]
            i, o = inward[p], outward[p]
            accepts = filled[p] < size[p]
            if kind[p] == QUEUE:
                offers = position[p] > 0
            elif kind[p] == RING:
                offers = stages[p] != 0
            else:
                offers = flat[spans[p, 0] + position[p]] < filled[p]
            if accepts != ready[i]:
                ready[i] = accepts
                n_wakes = _wake(wakes, n_wakes, due, group[i], cycle)
            if offers != valid[o]:
                valid[o] = offers
                n_wakes = _wake(wakes, n_wakes, due, group[o], cycle)
        more = endless or taken < done.size * beats_in
        if more != valid[source]:
            valid[source] = more
            n_wakes = _wake(wakes, n_wakes, due, group[source], cycle)
        awake, wakes = wakes, awake
        n_awake, n_wakes = n_wakes, 0
        asked, asks = asks, asked
        n_asked, n_asks = n_asks, 0
    return -1, done.size
