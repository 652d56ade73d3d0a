"""Beats that are followed one by one move in the cycles in which stepping moves them."""

import numpy as np
import pytest
from graphs import draw_graph, shortcut28
from networks import draw_folding

from bitlight import SimulationError
from bitlight_hw import fold, moments, timing
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.stages import circuit
from bitlight_hw.timing import AWAIT, GIVE, TAKE, Buffer, Delay, Step, run, with_ample_depths


@pytest.fixture
def followed(monkeypatch):
    """Small circuits, too, and how many were followed to their end."""
    monkeypatch.setattr(timing, "WORTH_FOLLOWING", 0)
    count = [0]
    follow = moments.follow_images

    def counted(*given):
        found = follow(*given)
        count[0] += found is not None
        return found

    monkeypatch.setattr(moments, "follow_images", counted)
    return count


def happened(monkeypatch, most_followed, *given, **limits):
    monkeypatch.setattr(timing, "FOLLOWED", most_followed)
    try:
        trace = run(*given, **limits)
    except SimulationError as error:
        return str(error)
    return trace.first_taken.tolist(), trace.completed.tolist(), trace.held


def same(monkeypatch, *given, **limits):
    """What happens, if it is the same by both ways."""
    stepped = happened(monkeypatch, 0, *given, **limits)
    assert happened(monkeypatch, 4, *given, **limits) == stepped
    return stepped


@pytest.mark.parametrize("seed", range(30))
def test_following_is_stepping(seed, monkeypatch, followed):
    """Depths as drawn, ample, in between and as used; to the end, too late, and standing still."""
    rng = np.random.default_rng(seed)
    net = draw_graph(rng, depth=4, most_side=6)
    pipeline = Pipeline.of(net, draw_folding(rng, net))
    counts = pipeline.beats_in.count, pipeline.beats.count
    given = circuit(pipeline.stages)
    ample = with_ample_depths(given)
    trace = run(ample, *counts, 3)
    least = {n: part.least_depth for n, part in enumerate(ample.parts) if isinstance(part, Buffer)}
    between = {n: int(rng.integers(low, max(low, trace.held[n]) + 1)) for n, low in least.items()}
    runs = 1
    for parts in (given, ample, ample.with_depths(between), ample.with_depths(trace.held)):
        for images in (1, 2, 3, 4):
            for most in (None, trace.interval):
                same(monkeypatch, parts, *counts, images, most=most)
                runs += 1
    assert followed[0] == runs  # none was stepped in secret


def test_all_that_a_run_can_come_to_is_met(monkeypatch, followed):
    """A ring too small to go on, one too small for the interval, and one large enough."""
    pipeline = Pipeline.of(shortcut28(), fold(shortcut28()))
    ample = with_ample_depths(circuit(pipeline.stages))
    counts = pipeline.beats_in.count, pipeline.beats.count
    held = run(ample, *counts, 3).held
    ways = [n for n, part in enumerate(ample.parts) if isinstance(part, Buffer) and part.images > 1]
    met = set()
    for ring in ways:
        for depth in (2, held[ring] // 2, held[ring] - 1, held[ring]):
            found = same(monkeypatch, ample.with_depths({ring: depth}), *counts, 3, most=900)
            met.add(found.split(maxsplit=1)[0] if isinstance(found, str) else "done")
    assert {"done", "the"} <= met
    assert followed[0] == 1 + 4 * len(ways)


@pytest.mark.parametrize(
    ("actions", "behind"),
    [
        ([TAKE | GIVE], []),
        ([TAKE | GIVE, GIVE], [Delay(1)]),
        ([GIVE | AWAIT, TAKE | GIVE], [Delay(1), Delay(1)]),
        ([TAKE, GIVE], [Step(np.array([TAKE, TAKE | GIVE], np.uint8))]),
        ([GIVE, TAKE | GIVE], [Delay(1), Step(np.array([TAKE, GIVE], np.uint8))]),
    ],
)
def test_parts_that_answer_each_other_within_a_cycle(actions, behind, monkeypatch, followed):
    parts = [Step(np.array(actions, np.uint8)), *behind]
    given = sum(bool(action & GIVE) for action in actions)
    taken = sum(bool(action & TAKE) for action in actions)
    beats = 4 * given // (2 if len(parts) == 2 and isinstance(parts[1], Step) else 1)
    same(monkeypatch, parts, 4 * taken, beats, 3)
    same(monkeypatch, parts, 4 * taken, beats + 1, 3)  # it ends too early
    assert followed[0] == 2


def test_registers_in_a_row_are_stepped(monkeypatch, followed):
    assert run([Delay(3)], 5, 5, 3).completed.tolist() == [7, 12, 17]
    assert followed[0] == 0


def test_a_log_that_would_be_too_long_is_not_kept(monkeypatch, followed):
    monkeypatch.setattr(moments, "MOST_WORDS", 10)
    same(monkeypatch, [Delay(1)], 5, 5, 3)
    assert followed[0] == 0
