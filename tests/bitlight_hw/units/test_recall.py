"""Recall and Strobe, stepped at random, against a list and a counter."""

import random

import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from bitlight_hw.family import FAMILIES, SIMULATION
from bitlight_hw.units.recall import Recall, Strobe


def simulate(component, bench):
    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("odds", [1.0, 0.5])
@pytest.mark.parametrize(
    ("width", "depth", "family"),
    [
        *((width, depth, SIMULATION) for width in (1, 9) for depth in (1, 2, 3, 5)),
        (72, 17, FAMILIES["ecp5"]),  # block RAM
        (32, 3, FAMILIES["ice40"]),
    ],
    ids=lambda given: getattr(given, "name", given),
)
def test_recall_gives_the_word_left_at_each_position(width, depth, family, odds):
    rng = random.Random(depth)
    words = [None] * depth

    async def bench(ctx):
        position = 0
        for _ in range(12 * depth):
            step, update = rng.random() < odds, rng.getrandbits(width)
            ctx.set(recall.step, step)
            ctx.set(recall.update, update)
            assert ctx.get(recall.last) == (position == depth - 1)
            assert words[position] in (None, ctx.get(recall.state))
            await ctx.tick()
            if step:
                words[position] = update
                position = (position + 1) % depth

    recall = Recall(width, depth)
    assert family is SIMULATION or family.in_blocks(depth, width)
    simulate(Fragment.get(recall, family), bench)
    assert None not in words


@pytest.mark.parametrize(("first", "period"), [(0, 1), (0, 3), (2, 1), (2, 2), (1, 4), (4, 3)])
def test_strobe_comes_at_even_distances_from_each_restart(first, period):
    rng = random.Random(first)

    async def bench(ctx):
        steps = 0
        for _ in range(200):
            step, restart = rng.random() < 0.6, rng.random() < 0.06
            ctx.set(strobe.step, step)
            ctx.set(strobe.restart, restart)
            assert ctx.get(strobe.now) == (steps >= first and (steps - first) % period == 0)
            await ctx.tick()
            if step:
                steps = 0 if restart else steps + 1

    strobe = Strobe(first, period)
    simulate(strobe, bench)
