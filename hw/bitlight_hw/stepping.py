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
# Numbers that a part's state is.
FIELDS = 5

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


@compiled(keep=False, inline="always")
def _offer(valid, there, streams, have):
    for k in range(streams.size):
        if streams[k] >= 0:
            valid[streams[k]] = there and not have >> k & 1


@compiled(keep=False, inline="always")
def _all_take(ready, streams, have):
    for k in range(streams.size):
        if streams[k] >= 0 and not (ready[streams[k]] or have >> k & 1):
            return False
    return True


@compiled(keep=False, inline="always")
def _taken(valid, ready, streams):
    have = 0
    for k in range(streams.size):
        if streams[k] >= 0 and valid[streams[k]] and ready[streams[k]]:
            have |= 1 << k
    return have


@compiled(keep=False, inline="always")
def _all_there(valid, streams, turn):
    for k in range(streams.size):  # noqa: SIM110, Numba has no all() of a generator
        if turn >> k & 1 and not valid[streams[k]]:
            return False
    return True


@compiled(keep=False, inline="always")
def _take(ready, streams, turn):
    for k in range(streams.size):
        if streams[k] >= 0:
            ready[streams[k]] = turn >> k & 1


@compiled(keep=False, inline="always")
def _wake(wakes, n_wakes, due, g, cycle):
    if due[g] == cycle:
        return n_wakes
    due[g] = cycle
    wakes[n_wakes] = g
    return n_wakes + 1


@compiled(keep=False, inline="always")
def _keep(state, begun, kept, row):
    """Keep the state after an image, and tell whether it is that after the image before."""
    same = kept[1 - row, state.size] == begun
    kept[row, state.size] = begun
    for k in range(state.size):
        same = same and kept[1 - row, k] == state[k]
        kept[row, k] = state[k]
    return same


@compiled(keep=False, inline="always")
def _extend(first, done, taken, count):
    """The images that are still to come are like the last one."""
    interval = done[count - 1] - done[count - 2]
    for image in range(count, done.size):
        done[image] = done[image - 1] + interval
    for image in range(taken, first.size):
        first[image] = first[image - 1] + interval
    return interval


def step_through(
    kind: np.ndarray,
    wires: tuple[np.ndarray, ...],
    size: np.ndarray,
    repeats: np.ndarray,
    spans: np.ndarray,
    flat: np.ndarray,
    groups: tuple[np.ndarray, ...],
    counts: tuple[int, int, bool, int],
    first: np.ndarray,
    done: np.ndarray,
    held: np.ndarray,
    record: tuple[int, np.ndarray, np.ndarray],
) -> tuple[int, int]:
    """Step until all images have left; the cycle from which nothing moves or −1, and how many left.

    `first` and `done` become the cycles in which the first beat of each image was taken and the
    last one given, `held` the places that each ring used; −1 images where one of the last
    two distances is beyond the limit. `record` is (cycles of a bin, beats of each stream in each
    bin, the most that each ring held in it); bins of no cycles record nothing.
    """
    group, begin, _, _, edges = groups
    takes, gives, sources, sinks = wires
    beats_in, _, endless, _ = counts
    parts, streams, grouped = len(kind), len(group), len(begin) - 1
    inward, outward = takes[:, 0].copy(), gives[:, 0].copy()
    valid, ready = np.zeros(streams, np.bool_), np.zeros(streams, np.bool_)
    ready[sinks] = True
    valid[sources] = True
    valid[sources[0]] = endless or len(done) * beats_in > 0
    ready[inward[edges]] = size[edges] > 0
    ends = inward, outward, int(sources[0]), int(sinks[0])
    lists = np.zeros((4, max(grouped, parts)), np.int64)
    lists[0, :grouped] = np.arange(grouped)
    marks = np.zeros(grouped, np.int64), np.full(parts, -1)
    state, kept = np.zeros((FIELDS, parts), np.int64), np.zeros((2, FIELDS * parts + 1), np.int64)
    stuck, count = _step(
        *(kind, takes, gives, ends, size, repeats, spans, flat, groups, counts),
        *(first, done, held, record, (valid, ready), tuple(lists), marks, tuple(state)),
        *(state.reshape(-1), kept),
    )
    return int(stuck), int(count)


@compiled(nogil=True, _nrt=False)
def _step(  # noqa: PLR0912, PLR0915
    kind,
    takes,
    gives,
    ends,
    size,
    repeats,
    spans,
    flat,
    groups,
    counts,
    first,
    done,
    held,
    record,
    wires,
    lists,
    marks,
    fields,
    state,
    kept,
):
    """The loop of `step_through`, in arrays that were made for it: it makes none itself.

    Numba compiles it in half the time that way, and without NumPy's functions.
    """
    span, beats, most = record
    beats_in, beats_out, endless, limit = counts
    inward, outward, source, output = ends
    group, begin, members, beside, edges = groups
    valid, ready = wires
    # Step: action; Queue: due beats; Buffer: word in window. Words from the base on, negative: to
    # be skipped. Delay, Queue: one bit for each register.
    position, repeat, window, filled, stages = fields
    # Groups that are looked at in this cycle and in the next, and the cycle that each is down for;
    # the same of rings and queues.
    awake, wakes, asked, asks = lists
    due, called = marks
    streams, n_awake, n_wakes = group.size, begin.size - 1, 0
    n_asked, n_asks = 0, 0
    taken, given, cycle, end = 0, 0, 0, NEVER
    alike = 0
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
                same = _keep(state, taken - count * beats_in, kept, count % 2)
                alike = alike + 1 if count > 1 and same else 0
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
