"""What a region around a ring shows is so in the whole circuit, and no plan differs for it."""

import numpy as np
import pytest
from graphs import draw_graph
from networks import draw_folding

from bitlight import SimulationError
from bitlight_hw import plan, regions
from bitlight_hw.plan import Plan
from bitlight_hw.regions import Regions
from bitlight_hw.timing import Buffer, run


def drawn(seed):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng, depth=4, most_side=6)
    return net, draw_folding(rng, net)


def planned(seed):
    plan._known.clear()
    units = Plan.of(*drawn(seed)).units
    return {name: getattr(unit, "depth", None) for name, unit in units.items()}


@pytest.mark.parametrize("seed", range(30))
def test_plans_are_the_same_with_and_without(seed, monkeypatch):
    monkeypatch.setattr(regions, "WORTH", 1 << 40)
    without = planned(seed)
    monkeypatch.setattr(regions, "WORTH", 0)
    assert planned(seed) == without


def test_what_a_region_shows_is_so():
    """A ring that is too small for its region costs the whole circuit cycles, or stalls it."""
    shown = sum(shown_by_regions(Plan.of(*drawn(seed))) for seed in range(80))
    assert shown > 30


def shown_by_regions(settled):
    """How many rings are shown to need their last place, each of which is tried in the circuit."""
    circuit, shown = settled.circuit, 0
    found = Regions(circuit, settled.beats_in.count, settled.cycles_per_image)
    for index, part in enumerate(circuit.parts):
        if not isinstance(part, Buffer):
            continue
        region = found.near([index])
        assert not found.too_small(region, {})  # as it is, it is enough
        if part.depth > part.least_depth and found.too_small(region, {index: part.depth - 1}):
            assert slower(circuit.with_depths({index: part.depth - 1}), settled)
            shown += 1
    return shown


def slower(circuit, settled):
    counts = settled.beats_in.count, settled.beats_out.count
    try:
        return run(circuit, *counts).interval > settled.cycles_per_image
    except SimulationError as error:
        return "stands still" in str(error)
