"""Gate: results with a good mark pass, the others vanish; beats wait for their mark."""

import random

import pytest
from amaranth.sim import Simulator

from bitlight_hw.axi.gate import CUT, LAST, MORE, Gate

FRAMES = 30


def ended(marks):
    """How the frames go on after each result; one that has begun is cut by a bad image."""
    ends, begun = [], False
    for good, end in marks:
        if good:
            ends.append(LAST if end else MORE)
        elif begun:
            ends.append(CUT)
        begun = not end
    return ends


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("odds", [0.0, 0.5])
def test_frames_with_a_good_mark_pass(count, odds):
    rng = random.Random(count)
    beats = [rng.getrandbits(5) for _ in range(FRAMES * count)]
    marks = [rng.choice([(1, 1), (1, 0), (0, 1)]) for _ in range(FRAMES)]
    expected = [beat for index, beat in enumerate(beats) if marks[index // count][0]]
    unit = Gate(5, count=count)
    given, ends, sent, read = [], [], 0, 0

    async def bench(ctx):
        nonlocal sent, read
        offering = marking = False
        for _ in range(FRAMES * count * 9):
            offering = offering or (sent < len(beats) and rng.random() >= odds)
            marking = marking or (read < len(marks) and rng.random() >= odds)
            ctx.set(unit.i.valid, offering)
            ctx.set(unit.i.payload, beats[sent] if offering else rng.getrandbits(5))
            ctx.set(unit.marks.valid, marking)
            good, end = marks[read] if marking else (rng.randrange(2), rng.randrange(2))
            ctx.set(unit.marks.payload, {"good": good, "end": end})
            ctx.set(unit.ends.ready, rng.random() >= odds)
            ctx.set(unit.o.ready, rng.random() >= odds)
            if ctx.get(unit.o.valid) and ctx.get(unit.o.ready):
                given.append(ctx.get(unit.o.payload))
            if ctx.get(unit.ends.valid) and ctx.get(unit.ends.ready):
                ends.append(ctx.get(unit.ends.payload))
            moved = offering and ctx.get(unit.i.ready)
            used = marking and ctx.get(unit.marks.ready)
            assert not moved or marking, "a beat moved before its mark came"
            await ctx.tick()
            sent, read = sent + moved, read + used
            offering, marking = offering and not moved, marking and not used

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert given == expected
    assert ends == ended(marks)
    assert (sent, read) == (len(beats), len(marks))
