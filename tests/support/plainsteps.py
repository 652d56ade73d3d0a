"""A circuit of timing parts, stepped part by part in each cycle: what the loop must give."""

from bitlight_hw.timing import Buffer, Delay, Merge, Queue, Split, Step


class _State:
    def __init__(self, part):
        self.part = part
        self.position = self.repeat = self.window = self.filled = 0
        self.have = set()
        # Of a delay its registers, of a queue the beats on their way, the newest first.
        length = part.stages if isinstance(part, Delay) else getattr(part, "latency", 1) - 1
        self.way = [False] * length
        self.there = 0

    def action(self):
        return int(self.part.actions[self.position])

    def word_is_there(self):
        return self.part.offsets[self.position] < self.filled


def run_plainly(circuit, beats_in, beats_out, images):
    """Cycles in which each image was begun and completed, and the places each buffer used."""
    states = [_State(part) for part in circuit.parts]
    valid, ready = {}, {circuit.output: True}
    first, done, held = [], [], {}
    taken = given = cycle = 0
    while len(done) < images:
        valid[0] = taken < images * beats_in
        wired = [*zip(states, circuit.takes, circuit.gives, strict=True)]
        for state, takes, gives in wired:
            _offer(state, takes, gives, valid)
        for state, takes, gives in reversed(wired):
            _accept(state, takes, gives, valid, ready)
        for index, (state, takes, gives) in enumerate(wired):
            used = _move(state, takes, gives, valid, ready)
            if isinstance(state.part, Buffer):
                held[index] = max(held.get(index, 0), used)
        if valid[0] and ready[0]:
            if taken % beats_in == 0:
                first.append(cycle)
            taken += 1
        if valid[circuit.output]:
            given += 1
            if given % beats_out == 0:
                done.append(cycle)
        cycle += 1
        assert cycle < 1_000_000
    return first, done, held


def _offer(state, takes, gives, valid):
    match state.part:
        case Step():
            action = state.action()
            valid[gives[0]] = bool(action & 2) and (valid[takes[0]] or not action & 5)
        case Delay():
            valid[gives[0]] = state.way[-1]
        case Queue():
            valid[gives[0]] = state.there > 0
        case Buffer():
            valid[gives[0]] = state.word_is_there()
        case Split():
            for way, stream in enumerate(gives):
                valid[stream] = valid[takes[0]] and way not in state.have
        case Merge():
            turn = int(state.part.takes[state.position])
            valid[gives[0]] = all(valid[s] for k, s in enumerate(takes) if turn >> k & 1)


def _accept(state, takes, gives, valid, ready):
    match state.part:
        case Step():
            action = state.action()
            ready[takes[0]] = bool(action & 1) and (ready[gives[0]] or not action & 2)
        case Delay():
            ready[takes[0]] = ready[gives[0]] or not valid[gives[0]]
        case Queue() | Buffer():
            ready[takes[0]] = state.filled < state.part.depth
        case Split():
            ready[takes[0]] = all(ready[s] or k in state.have for k, s in enumerate(gives))
        case Merge():
            turn = int(state.part.takes[state.position]) * (valid[gives[0]] and ready[gives[0]])
            for k, stream in enumerate(takes):
                ready[stream] = bool(turn >> k & 1)


def _move(state, takes, gives, valid, ready):
    """One cycle on; how many places are used if it is a buffer."""
    part, (i, *_), (o, *_) = state.part, takes, gives
    comes, goes = valid[i] and ready[i], valid[o] and ready[o]
    used = 0
    match part:
        case Step():
            action = state.action()
            if (valid[i] or not action & 5) and (ready[o] or not action & 2):
                state.position = (state.position + 1) % len(part.actions)
        case Delay():
            if ready[i]:
                state.way = [comes, *state.way[:-1]]
        case Queue():
            state.way = [comes, *state.way]
            state.there += state.way.pop() - goes
            state.filled += comes - goes
        case Buffer():
            state.filled += comes
            used = state.filled if comes else 0
            state.position += goes
            if state.position == len(part.offsets):
                state.position, state.repeat = 0, state.repeat + 1
            if state.repeat == part.repeats:
                state.repeat = 0
                state.filled -= int(part.releases[state.window])
                state.window = (state.window + 1) % len(part.releases)
        case Split():
            state.have |= {k for k, stream in enumerate(gives) if valid[stream] and ready[stream]}
            state.have = set() if comes else state.have
        case Merge():
            state.position = (state.position + goes) % len(part.takes)
    return used
