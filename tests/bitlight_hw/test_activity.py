"""What is recorded over time is what the timing model counts."""

import numpy as np
import pytest
from graphs import draw_graph
from networks import draw_accelerator, draw_network

from bitlight_hw import Accelerator, timing
from bitlight_hw.activity import many_images, one_image


@pytest.fixture(scope="module", params=["chain", "graph"])
def acc(request):
    rng = np.random.default_rng(5)
    if request.param == "chain":
        return draw_accelerator(rng, draw_network(rng))
    return Accelerator(draw_graph(np.random.default_rng(1), depth=4))


def test_one_image_moves_each_beat_once(acc):
    plan = acc.plan
    counts = plan.beats_in.count, plan.beats_out.count
    record = timing.watch(plan.circuit, *counts, 1, 1 + plan.first_completed, 50)
    assert record.beats[plan.circuit.output].sum() == plan.beats_out.count
    # Some beats may be needed by nothing, and a unit may have begun with the next image's padding.
    assert 0 < record.beats[0].sum() <= plan.beats_in.count
    links = dict(zip(plan.links, [0, *(n for s in plan.stages for n in s.gives)], strict=True))
    for name, stream in links.items():
        assert 0 < record.beats[stream].sum() < 2 * plan.links[name] + 2
    seen = one_image(plan)
    assert seen.completed == [plan.first_completed]
    assert seen.cycles == plan.first_completed + 1
    assert [unit.name for unit in seen.units] == [*plan.units]
    last = seen.units[-1]
    assert last.end == seen.cycles
    assert all(0 <= unit.begin <= unit.end <= seen.cycles for unit in seen.units)


def test_many_images_fill_rings_no_further_than_they_are_deep(acc):
    seen = many_images(acc.plan)
    for unit in seen.units:
        assert unit.busy.max() <= 1
        assert unit.held.max(initial=0) <= unit.depth
    held = timing.run(acc.plan.circuit, acc.beats_in.count, acc.beats_out.count).held
    rings = [unit for unit in seen.units if unit.depth]
    assert len(rings) == len(held) > 0
    for unit, places in zip(rings, held.values(), strict=True):  # a word may go as one comes
        assert 0 < unit.held.max() <= places
    slowest = max(unit.busy[len(unit.busy) // 2 :].mean() for unit in seen.units)
    assert slowest > 0.5
