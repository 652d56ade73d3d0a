"""The timing model: small chains worked out by hand, and rings that are as small as they can be.

That units keep to their timing is tested with the units.
"""

import numpy as np
import pytest
from networks import draw_accelerator, draw_network

from bitlight import SimulationError
from bitlight_hw.depths import tight_depths
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Buffer, Delay, Step, run


def step(*actions):
    return Step(np.array(actions, np.uint8))


def ring(depth, offsets=(0,), repeats=1, releases=(1,)):
    return Buffer(depth, np.array(offsets), repeats, np.array(releases))


# Parts, beats in and out per image, latency, interval.
CHAINS = [
    pytest.param([step(TAKE | GIVE)], 1, 1, 0, 1, id="a wire"),
    pytest.param([Delay(3)], 5, 5, 7, 5, id="three registers"),
    pytest.param([step(TAKE, TAKE | GIVE)], 4, 2, 3, 4, id="two beats to one"),
    pytest.param([step(TAKE | GIVE, GIVE)], 2, 4, 3, 4, id="one beat to two"),
    pytest.param([step(GIVE | AWAIT, TAKE | GIVE)], 2, 4, 2, 4, id="one ahead of each"),
    pytest.param([step(TAKE, GIVE)], 3, 3, 5, 6, id="take and give in turn"),
    pytest.param([step(TAKE, GIVE), Delay(2)], 3, 3, 7, 6, id="registers behind it"),
    pytest.param([Delay(2), step(TAKE, GIVE)], 3, 3, 7, 6, id="registers before it"),
    pytest.param([ring(2)], 4, 4, 4, 4, id="a queue"),
    pytest.param([ring(3, (0, 1, 2), 2, (3,))], 3, 6, 6, 7, id="no room for the next window"),
    pytest.param([ring(4, (0, 1, 2), 2, (3,))], 3, 6, 6, 6, id="room for its first word"),
    pytest.param([ring(6, (0, 1), 1, (4,))], 4, 2, 2, 4, id="two words that nobody reads"),
]


@pytest.mark.parametrize(("parts", "beats_in", "beats_out", "latency", "interval"), CHAINS)
def test_chains_worked_out_by_hand(parts, beats_in, beats_out, latency, interval):
    trace = run(parts, beats_in, beats_out)
    assert (trace.latency, trace.interval) == (latency, interval)


@pytest.mark.parametrize(("parts", "beats_in", "beats_out", "latency", "interval"), CHAINS)
def test_without_a_number_of_images_the_chain_settles(
    parts, beats_in, beats_out, latency, interval
):
    settled = run(parts, beats_in, beats_out)
    long = run(parts, beats_in, beats_out, images=20)
    images = len(settled.completed)
    assert images < 10
    assert settled.first_taken.tolist() == long.first_taken[:images].tolist()
    assert settled.completed.tolist() == long.completed[:images].tolist()
    assert set(np.diff(long.completed[images - 1 :])) == {interval}


def test_a_ring_that_holds_no_window_stands_still():
    with pytest.raises(SimulationError, match="the chain of 2 parts stands still from cycle 5$"):
        run([ring(3, (0, 1, 2, 3), 1, (4,)), Delay(1)], 4, 4)


def test_a_source_that_ends_too_early_stands_still():
    with pytest.raises(SimulationError, match="the chain of 1 parts stands still from cycle 8$"):
        run([step(TAKE, TAKE | GIVE)], 2, 2, images=4)


@pytest.mark.parametrize(("first", "cycle"), [(GIVE, 9), (GIVE | AWAIT, 8)])
def test_nothing_is_given_ahead_of_what_it_awaits(first, cycle):
    with pytest.raises(SimulationError, match=f"stands still from cycle {cycle}$"):
        run([step(first, TAKE | GIVE)], 1, 3, images=4)


def test_a_ring_holds_a_window_and_at_least_two_words():
    assert ring(9).least_depth == 2
    assert ring(9, (0, 1, 5, 6)).least_depth == 7


def test_each_image_has_its_cycles():
    trace = run([step(TAKE, GIVE), Delay(2)], 3, 3, images=3)
    assert trace.first_taken.tolist() == [0, 6, 12]
    assert trace.completed.tolist() == [7, 13, 19]


def test_an_interval_that_no_depth_gives_is_refused():
    parts = [step(TAKE, GIVE), ring(0)]
    assert tight_depths(parts, 3, 3, interval=6) == [2]
    with pytest.raises(SimulationError, match="^the chain needs 6 cycles per image, not 5$"):
        tight_depths(parts, 3, 3, interval=5)


def test_a_ring_takes_what_comes_in_bursts():
    # Four words come in a row, each leaves in two cycles: one is gone when the fourth comes.
    burst = step(*[TAKE | GIVE] * 4, *[TAKE] * 4)
    slow = step(TAKE | GIVE, GIVE)
    parts = [burst, ring(0), slow]
    assert tight_depths(parts, 8, 8, interval=8) == [3]
    assert [run([burst, ring(depth), slow], 8, 8).interval for depth in (2, 3, 4)] == [9, 8, 8]


@pytest.mark.parametrize("seed", range(40))
def test_one_word_less_costs_cycles_or_holds_no_window(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    accelerator = draw_accelerator(rng, net)
    beats = accelerator.beats_in.count, accelerator.beats_out.count
    interval = accelerator.cycles_per_image
    parts = [part for unit in accelerator.units.values() for part in unit.timing]
    depths = tight_depths(parts, *beats, interval)
    rings = [part for part in parts if isinstance(part, Buffer)]
    assert depths == [ring.depth for ring in rings]
    assert run(parts, *beats).interval == interval
    for index, part in enumerate(parts):
        if isinstance(part, Buffer) and part.depth > part.least_depth:
            smaller = Buffer(part.depth - 1, part.offsets, part.repeats, part.releases)
            assert run([*parts[:index], smaller, *parts[index + 1 :]], *beats).interval > interval
