"""Graphs in hardware, as far as no simulation is needed: streams, queues, foldings, plans."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import draw_graph
from networks import draw_folding
from plainsteps import run_plainly

from bitlight import (
    Add,
    Affine,
    Conv2d,
    FoldingError,
    MaxPool2d,
    Network,
    SimulationError,
    Threshold,
)
from bitlight_hw import Accelerator, fold, plan, timing
from bitlight_hw.depths import keeps
from bitlight_hw.layerplans import layers
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.plan import Plan
from bitlight_hw.stages import Beats, circuit, without
from bitlight_hw.timing import Buffer, run, with_ample_depths
from bitlight_hw.units import Fork


def drawn(seed):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng, depth=4, most_side=6)
    return Accelerator(net, draw_folding(rng, net))


def shortcut(blocks=1):
    """Blocks of a binary convolution beside what went into it."""
    rng = np.random.default_rng(7)
    nodes = {"in": (Affine(np.full(2, 3), np.zeros(2, int), 1, -40, 40), "input")}
    last = "in"
    for n in range(blocks):
        weight = rng.random((2, 3, 3, 2)) < 0.5
        nodes[f"sign{n}"] = (Threshold(rng.integers(-5, 6, 2)), last)
        nodes[f"conv{n}"] = (Conv2d(weight, None, padding=(1, 1)), f"sign{n}")
        nodes[f"sum{n}"] = (Add(-60, 60), f"conv{n}", last)
        last = f"sum{n}"
    return Network((6, 6, 2), 4, nodes)


@pytest.mark.parametrize("seed", range(60))
def test_streams_fit_together(seed):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng)
    pipeline = Pipeline.of(net, draw_folding(rng, net))
    widths = {0: pipeline.beats_in.width}
    for stage in pipeline.stages:
        unit = stage.unit
        for number, name in zip(stage.takes, unit.inputs, strict=True):
            assert len(getattr(unit, name).payload) == widths.pop(number)
        for number, name in zip(stage.gives, unit.outputs, strict=True):
            assert len(getattr(unit, name).payload) == stage.beats.width
            widths[number] = stage.beats.width
    assert widths == {pipeline.at: pipeline.beats.width}  # one stream is left
    assert pipeline.beats == Beats.of(net.output, pipeline.beats.elements)
    assert len({stage.name for stage in pipeline.stages}) == len(pipeline.stages)
    nodes = {stage.node for stage in pipeline.stages}
    assert nodes <= {node.name for node in net.nodes} | {""}


@pytest.mark.parametrize("seed", range(40))
def test_one_place_less_costs_cycles_or_stands_still(seed):
    """Each ring holds no more than the interval needs, and there is no queue without need."""
    acc = drawn(seed)
    whole = acc.plan.circuit
    counts = acc.beats_in.count, acc.beats_out.count, acc.cycles_per_image
    for index, part in enumerate(whole.parts):
        if isinstance(part, Buffer) and part.depth > part.least_depth:
            smaller = whole.with_depths({index: part.depth - 1})
            assert not any(keeps(smaller, *counts, images) for images in (4, 16, 64))
    for stage in acc.plan.stages:
        if stage.spare and stage.unit.depth == 2:
            fewer = replace(acc.plan, stages=without(acc.plan.stages, stage)).circuit
            assert not any(keeps(fewer, *counts, images) for images in (4, 16, 64))


@pytest.mark.parametrize("seed", range(10))
def test_groups_that_rest_and_images_that_are_not_stepped_change_nothing(seed):
    """The compiled loop gives what plain steps give, with depths as they are and ample ones."""
    acc = drawn(seed)
    counts = acc.beats_in.count, acc.beats_out.count, 5
    for parts in (acc.plan.circuit, with_ample_depths(acc.plan.circuit)):
        trace = run(parts, *counts)
        first, done, held = run_plainly(parts, *counts)
        assert trace.completed.tolist() == done
        assert trace.first_taken.tolist() == first
        assert trace.held == held


@pytest.mark.parametrize("seed", range(20))
def test_with_the_places_that_were_used_all_is_the_same(seed):
    acc = drawn(seed)
    counts = acc.beats_in.count, acc.beats_out.count, 4
    ample = with_ample_depths(acc.plan.circuit)
    trace = run(ample, *counts)
    again = run(ample.with_depths(trace.held), *counts)
    assert again.completed.tolist() == trace.completed.tolist()
    assert again.first_taken.tolist() == trace.first_taken.tolist()


def test_the_shorter_way_waits_in_a_queue():
    """As many places as the longer way holds; with one place less it costs cycles."""
    acc = Accelerator(shortcut(), [(2, 18)])
    assert acc.cycles_per_image == 64  # 36 pixels and their frame
    assert "sum0_queue0" not in acc.units
    assert isinstance(acc.units["in_fork"], Fork)
    # Two lines and two pixels until a window is whole, and what is on its way then.
    assert acc.units["sum0_queue1"].depth > 2 * 6 + 2
    for depth in (2, acc.units["sum0_queue1"].depth - 1):
        acc.units["sum0_queue1"].depth = depth
        assert not keeps(acc.plan.circuit, acc.beats_in.count, acc.beats_out.count, 64, images=4)


def runs_to_settle(net, monkeypatch):
    """How often the whole of its circuit is run, or a region of it."""
    count, step = [0], timing._step

    def counted(*given):
        count[0] += 1
        return step(*given)

    plan._known.clear()
    with monkeypatch.context() as patch:
        patch.setattr(timing, "_step", counted)
        Plan.of(net, fold(net))
    return count[0]


def test_a_graph_settles_in_few_runs(monkeypatch):
    """A budget: blocks that are alike are tried together, so that twice as many take few more."""
    few, many = (runs_to_settle(shortcut(blocks), monkeypatch) for blocks in (4, 8))
    assert 20 < few <= 45  # 40
    assert few < many <= 70  # 63


def test_two_ways_that_wait_for_each_other_are_told():
    """Without a queue the fork waits for the sum, the sum for the window, the window for pixels."""
    acc = Accelerator(shortcut(), [(2, 18)])
    queue = next(stage for stage in acc.plan.stages if stage.name == "sum0_queue1")
    stages = without(acc.plan.stages, queue)
    with pytest.raises(SimulationError, match="stands still"):
        run(circuit(stages), acc.beats_in.count, acc.beats_out.count)


def test_a_way_that_is_given_in_parts_does_not_hold_up_the_fork():
    """A sum of one element at a time takes three cycles for a beat that comes after a row's pause.

    Found by `make fuzz`: without a queue before the gearbox each image took three cycles more.
    """
    rng = np.random.default_rng(1298)
    net = draw_graph(rng, depth=4, most_side=5, most_outputs=8)
    acc = Accelerator(net, draw_folding(rng, net))
    counts = acc.beats_in.count, acc.beats_out.count
    assert run(acc.plan.circuit, *counts).interval == acc.cycles_per_image == 27
    assert "n4_queue_gear1" in acc.units


def test_what_several_nodes_take_is_forked():
    a = Affine(np.ones(2, int), np.zeros(2, int), 0, -9, 9)
    net = Network((3, 3, 2), 2, {"a": (a, "input"), "b": (Add(), "a", "a", "a"), "c": (a, "b")})
    acc = Accelerator(net, [])
    assert acc.links["a_fork_0"] == acc.links["a_fork_2"] == 9
    assert acc.takers[[*acc.links].index("a_fork_1")] == "b_add"


def test_names_that_would_be_one_differ():
    pool = MaxPool2d()
    nodes = {"a": (pool, "input"), "a_pool": (pool, "a")}
    units = Accelerator(Network((8, 8, 1), 2, nodes), []).units
    assert [*units] == ["a_pool_x", "a_pool_y", "a_pool_pool_x", "a_pool_pool_y"]
    # A unit of a node "a" in a place "pool_x", and one of a node "a_pool" in a place "x".
    nodes = {
        "a": (pool, "input"),
        "a_queue1": (Affine(np.ones(1, int), np.zeros(1, int), 0, -9, 9), "a"),
        "a_queue": (Affine(np.ones(1, int), np.zeros(1, int), 0, -9, 9), "a"),
        "b": (Add(), "a_queue", "a_queue1"),
    }
    names = [stage.name for stage in Pipeline.of(Network((8, 8, 1), 2, nodes), []).stages]
    assert len(set(names)) == len(names)


def test_lanes_are_as_few_as_the_interval_allows():
    """An affine behind eight outputs at once has one multiplier where there is time for it."""
    rng = np.random.default_rng(0)
    conv = Conv2d(rng.random((8, 3, 3, 8)) < 0.5, None)
    scale = Affine(np.ones(8, int), np.zeros(8, int), 0, -99, 99)
    net = Network((8, 8, 8), 1, {"conv": (conv, "input"), "scale": (scale, "conv")})
    slow, quick = (Accelerator(net, [(8, simd)]) for simd in (8, 72))
    assert slow.cycles_per_image == 36 * 9
    assert slow.units["scale_scale"].lanes == 1
    assert quick.units["scale_scale"].lanes == 8 * 36 // 64 + 1 or quick.units[
        "scale_scale"
    ].lanes in (4, 8)


def test_the_cheapest_folding_of_an_interval_and_within_a_budget():
    net = shortcut(2)
    assert Accelerator(net, fold(net, cycles=200)).cycles_per_image <= 200
    small = fold(net, luts=4000)
    taken = Accelerator(net, small).estimate("xc7")
    assert sum(e.luts + e.memory_luts for e in taken.values()) <= 4000
    with pytest.raises(FoldingError, match="fits 10 look-up tables"):
        fold(net, luts=10)


def test_plans_name_every_node():
    net = shortcut(2)
    found = layers(Accelerator(net), "ecp5")
    assert [plan.name for plan in found] == [type(layer).__name__ for layer in net.layers]
    assert all(plan.cycles for plan in found)
