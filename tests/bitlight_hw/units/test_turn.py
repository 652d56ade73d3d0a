"""Counters that go around, and the ways on from a word of a ring."""

import pytest
from amaranth import Module, Signal
from amaranth.sim import Simulator

from bitlight_hw.units import Window
from bitlight_hw.units.unit import turn
from bitlight_hw.units.window import ring


@pytest.mark.parametrize(("size", "init"), [(1, 0), (2, 0), (2, 1), (3, 2), (4, 1), (5, 0), (6, 5)])
def test_a_turn_counts_and_tells_its_last(size, init):
    m, step = Module(), Signal()
    m.d.sync += Signal().eq(1)  # a clock, where nothing is counted
    count, last = turn(m, step, size, "count", init)
    seen = []

    async def bench(ctx):
        for cycle in range(6 * size):
            ctx.set(step, cycle % 3 > 0)
            seen.append((ctx.get(count), ctx.get(last)))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    value, expected = init, []
    for cycle in range(6 * size):
        expected.append((value, int(value == size - 1)))
        value = (value + (cycle % 3 > 0)) % size
    assert seen == expected


def window(depth, **shape):
    shape = {"height": 4, "across": 5, "inner": 1, "stride": (1, 1), "repeats": 1} | shape
    return Window(4, kernel=shape.pop("kernel", (2, 2)), depth=depth, **shape)


def test_a_queue_chooses_nothing():
    """Whatever image it is for, its words go on by one."""
    for unit in (ring(4, 5), window(7, kernel=(1, 1))):
        ways = unit.ways(unit.depth)
        assert ways.in_turn
        assert ways.picks == 0
        assert ways.sizes == []
    pixels = window(7, kernel=(1, 1), inner=3)  # of three words, which are freed together
    assert pixels.ways(7).sizes == [3]


def test_a_distance_has_no_more_digits_than_it_needs():
    ways = window(8).ways(8)
    assert (ways.room.width, ways.due.width) == (4, 4)  # −8 … 0, and −8 … what a line skips
    assert window(7).ways(7).room.width == 4
    far = window(2, kernel=(1, 1), stride=(3, 3)).ways(2)  # words are freed that have not come
    assert far.room.width > window(2, kernel=(1, 1)).ways(2).room.width


def test_equal_bits_are_kept_once():
    few, many = window(8).ways(8), window(11).ways(11)
    assert few.whole
    assert not many.whole
    assert few.picks <= many.picks < sum((many.room.width, many.due.width, 4, 5))
