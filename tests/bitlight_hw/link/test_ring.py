"""The ring: words come once, in order, if they were committed, and never if taken back."""

import random

import pytest
from amaranth import Module
from amaranth.sim import Simulator
from broken import Broken
from formal import Contract, Expected, proven

from bitlight_hw.link.ring import Ring, depth_for

CASES = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)]


@pytest.mark.parametrize(("idle", "busy"), CASES)
@pytest.mark.parametrize("depth", [4, 16])
def test_words_against_a_model(depth, idle, busy):
    unit, rng = Ring(16, depth), random.Random(f"{depth} {idle} {busy}")
    expected, taken = [], []

    async def bench(ctx):
        held, word, waiting = [], 0, None
        for _ in range(3000):
            offers = rng.random() >= idle
            ctx.set(unit.i.valid, offers)
            ctx.set(unit.i.payload, word)
            draw = rng.random()
            commit, rollback = draw < 0.3, 0.3 <= draw < 0.4
            ctx.set(unit.commit, commit)
            ctx.set(unit.rollback, rollback)
            ready = rng.random() >= busy
            ctx.set(unit.o.ready, ready)
            room = ctx.get(unit.i.ready)
            offer = ctx.get(unit.o.payload) if ctx.get(unit.o.valid) else None
            assert waiting in (None, offer), "an offer did not stay"
            waiting = None if ready else offer
            if offer is not None and ready:
                taken.append(offer)
            if offers and room:
                held.append(word)
                word += 1
            if commit:
                expected.extend(held)
            if commit or rollback:
                held.clear()
            await ctx.tick()

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(taken) > 100
    assert taken == expected[: len(taken)]
    assert len(expected) - len(taken) < depth


class Queue(Ring):
    """A ring whose words are committed as they come, between the two streams of a unit."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = super().elaborate(platform)
        m.d.comb += [self.commit.eq(1), self.rollback.eq(0)]
        return m


def in_order(inputs):
    return [Expected(word, index + 1) for index, word in enumerate(inputs)]


@pytest.mark.parametrize(
    ("words", "cycles"), [(5, 12), pytest.param(6, 16, marks=pytest.mark.slow)]
)
def test_order_and_rules_are_proven(words, cycles, tmp_path):
    """All behaviours of some words through a ring of 4, and of source and sink: BMC."""
    assert proven(Contract(Queue(2, 4), words, in_order, patience=3), tmp_path, cycles)


@pytest.mark.parametrize("fault", ["loses", "doubles", "changes"])
def test_the_proof_finds_a_fault(fault, tmp_path):
    broken = Broken(Queue(2, 4), fault)
    assert not proven(Contract(broken, 6, in_order, patience=3), tmp_path, 16)


def test_no_depth_but_a_power_of_two():
    with pytest.raises(ValueError, match="power of two, 4 or more, not 12"):
        Ring(8, 12)
    assert all(depth_for(words) > words for words in (3, 4, 784, 1568, 2048))
