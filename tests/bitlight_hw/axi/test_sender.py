"""Sender: keep and last of each word, offers that stay, and an end for frames that are cut."""

import random

import pytest
from amaranth.sim import Simulator

from bitlight_hw.axi.gate import CUT, LAST, MORE
from bitlight_hw.axi.sender import Sender

WIDTH = 16
FULL, CLOSING = 0b11, (0, 1, 1, 1)


def played(count, tail, *, odds=0.0, restarts=(), words=60, seed=0, ends=None):
    """Words as (data, keep, last, user), with a mark None at each restart, when all are offered.

    `ends` are those of the results; by default each is a frame.
    """
    ends = [LAST] * words if ends is None else ends
    rng = random.Random(seed)
    unit = Sender(WIDTH, count=count, tail=tail)
    received, entered = [], []

    async def bench(ctx):
        waiting, sent, ended = None, 0, 0
        for cycle in range(words * 5 + 20):
            ctx.set(unit.i.valid, sent < words and (rng.random() >= odds))
            ctx.set(unit.i.payload, sent)
            ctx.set(unit.ends.valid, ended < len(ends))
            ctx.set(unit.ends.payload, ends[min(ended, len(ends) - 1)])
            ctx.set(unit.ready, 0)
            before = ctx.get(unit.valid)
            ctx.set(unit.ready, rng.random() >= odds)
            assert ctx.get(unit.valid) == before, "valid depends on ready"
            ctx.set(unit.restart, cycle in restarts)
            moved = ctx.get(unit.i.valid) and ctx.get(unit.i.ready)
            offer = tuple(ctx.get(port) for port in (unit.data, unit.keep, unit.last, unit.user))
            offer = offer if ctx.get(unit.valid) else None
            assert waiting in (None, offer), f"{waiting} was offered, now {offer}"
            taken = offer is not None and ctx.get(unit.ready)
            waiting = None if taken else offer
            if taken:
                received.append(offer)
            if cycle in restarts:
                entered.append(None)
                assert not moved, "a word was taken in the cycle of a restart"
            if moved:
                entered.append(sent)
                sent += 1
            ended += ctx.get(unit.ends.valid) and ctx.get(unit.ends.ready)
            await ctx.tick()
        assert (sent, waiting) == (words, None)

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return received, entered


def expected(entered, count, tail):
    """What must be received for the words and restarts (None) that went in."""
    given, place = [], 0
    for word in entered:
        if word is None:
            given += [CLOSING] if place else []
            place = 0
            continue
        last = place == count - 1
        given.append((word, (1 << tail) - 1 if last else FULL, int(last), 0))
        place = 0 if last else place + 1
    return given


@pytest.mark.parametrize("odds", [0.0, 0.5])
@pytest.mark.parametrize(("count", "tail"), [(1, 1), (1, 2), (5, 1), (4, 2)])
def test_words_of_frames(count, tail, odds):
    received, entered = played(count, tail, odds=odds)
    assert received == expected(entered, count, tail)


def test_results_of_one_frame():
    """Three of two words each; then one, after which the frame is cut; then one alone."""
    ends = [MORE, MORE, LAST, MORE, CUT, LAST]
    received, _ = played(2, 1, odds=0.3, words=10, ends=ends)
    numbers = [n for n in range(8)] + [None, 8, 9]
    last = {5, 9}
    assert received == [
        CLOSING if n is None else (n, 1 if n in last else FULL, int(n in last), 0) for n in numbers
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_frame_that_is_cut_is_closed(seed):
    rng = random.Random(seed)
    count, tail = rng.choice([(1, 1), (5, 1), (4, 2)])
    restarts = {rng.randrange(100) for _ in range(8)} | {50, 51}
    odds = rng.choice([0.0, 0.5])
    received, entered = played(count, tail, odds=odds, restarts=restarts, seed=seed)
    assert received == expected(entered, count, tail)
    assert (CLOSING in received) == (count > 1)
