"""Repack: the same elements in beats of another size, and each frame from a beat of its own."""

from math import ceil, gcd

import numpy as np
import pytest
from streams import PAUSES, Gate, beats, check, stream

from bitlight_hw import timing
from bitlight_hw.units.repack import Repack

FRAMES = 4
# wide_in, wide_out, bits, elements of a frame
INTO_BEATS = [
    (8, 3, 1, 9),
    (32, 5, 1, 35),
    (4, 1, 8, 6),
    (1, 1, 8, 5),
    (4, 6, 3, 18),
    (64, 2, 1, 2),
]
INTO_WORDS = [
    (3, 8, 1, 9),
    (1, 8, 1, 13),
    (6, 32, 1, 30),
    (12, 4, 8, 12),
    (20, 8, 8, 20),
    (5, 8, 1, 5),
]
# The end of a frame goes past a beat, and is kept while the next frame begins.
CLOSING = [(3, 8, 1, 9), (5, 8, 1, 30), (3, 4, 2, 9), (7, 10, 1, 14)]


def framed(rng, wide_in, wide_out, bits, frame):
    """Beats in, with noise beyond the frame, and beats out, with zeros there."""
    sent, expected = [], []
    for _ in range(FRAMES):
        elements = rng.integers(0, 1 << bits, frame)
        noise = rng.integers(0, 1 << bits, -frame % wide_in)
        zeros = np.zeros(-frame % wide_out, int)
        sent.append(beats(np.concatenate([elements, noise]), wide_in, bits))
        expected.append(beats(np.concatenate([elements, zeros]), wide_out, bits))
    return sent, expected


def flat(lists):
    return [item for each in lists for item in each]


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("case", [*INTO_BEATS, *INTO_WORDS], ids=str)
def test_regroups_the_elements_of_each_frame(case, pauses):
    unit = Repack(*case[:3], frame=case[3])
    sent, expected = framed(np.random.default_rng(1), *case)
    if case in CLOSING and not pauses.restless:  # the model of those is not that of single beats
        rng = np.random.default_rng(2)
        source = Gate((rng.geometric(1 - pauses.idle, 200) - 1).tolist())
        sink = Gate((rng.geometric(1 - pauses.busy, 200) - 1).tolist())
        assert stream(unit, flat(sent), source, sink, 1000).given == flat(expected)
    else:
        check(unit, sent, expected, pauses)


@pytest.mark.parametrize("case", CLOSING, ids=str)
def test_no_cycle_is_lost_at_the_end_of_a_frame(case):
    unit = Repack(*case[:3], frame=case[3])
    sent, expected = framed(np.random.default_rng(3), *case)
    always = Gate([0] * 1000)
    flow = stream(unit, flat(sent), always, Gate([0] * 1000), 1000)
    assert flow.given == flat(expected)
    assert flow.taken_at == list(range(len(flat(sent))))
    assert timing.run(unit.timing, unit.beats_in, unit.beats_out).interval == unit.beats_in


@pytest.mark.parametrize("seed", range(200))
def test_turns_pass_every_element_once(seed):
    rng = np.random.default_rng(seed)
    wide_in, wide_out = (int(n) for n in rng.integers(1, 40, 2))
    frame = int(rng.integers(1, 6)) * (wide_in if seed % 2 else wide_out)
    unit = Repack(wide_in, wide_out, 1, frame=frame)
    takes = sum(bool(turn.action & timing.TAKE) for turn in unit.turns)
    gives = sum(bool(turn.action & timing.GIVE) for turn in unit.turns)
    assert takes == ceil(frame / wide_in)
    assert gives == ceil(frame / wide_out)
    assert sum(turn.fresh for turn in unit.turns) == frame // gcd(wide_in, wide_out)


def test_a_frame_that_neither_divides_is_refused():
    with pytest.raises(ValueError, match="3 or 4 elements must divide a frame of 10"):
        Repack(3, 4, 1, frame=10)
