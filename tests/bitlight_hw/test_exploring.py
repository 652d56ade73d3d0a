"""Thousands of foldings: bounds are bounds, plans are the accelerator's, the front is a front."""

import itertools

import numpy as np
import pytest
from graphs import draw_graph, shortcut28
from networks import draw_folding, draw_network

from bitlight import Conv2d, Linear, Network
from bitlight_hw import Accelerator
from bitlight_hw.estimate import Estimate, tables
from bitlight_hw.exploring import Room, explore, front
from bitlight_hw.family import FAMILIES
from bitlight_hw.folding import choices, folded_layers
from bitlight_hw.parts import part
from bitlight_hw.pricing import Pricing


def room(name="ecp5-85k"):
    found = part(name)
    return Room(found.name, found.family, found.cells, found.blocks)


def deep():
    """Five layers, whose foldings are more than anybody looks at."""
    rng = np.random.default_rng(0)

    def conv(outputs, inputs):
        return Conv2d(rng.random((outputs, 3, 3, inputs)) < 0.5, rng.integers(-9, 9, outputs))

    layers = [conv(12, 3), conv(16, 12), conv(24, 16)]
    layers += [Linear(rng.random((48, 864)) < 0.5, rng.integers(-9, 9, 48))]
    return Network((12, 12, 3), 8, [*layers, Linear(rng.random((10, 48)) < 0.5, None)])


@pytest.mark.parametrize("family", ["xc7", "ecp5", "ice40"])
@pytest.mark.parametrize("seed", range(6))
def test_bounds_are_below_what_the_accelerator_takes(seed, family):
    rng = np.random.default_rng(seed)
    net = draw_network(rng) if seed % 2 else draw_graph(rng, depth=4)
    pricing = Pricing(net, FAMILIES[family])
    for _ in range(3):
        folding = draw_folding(rng, net)
        price = pricing.of(folding)
        acc = Accelerator(net, folding)
        total = Estimate.total(acc.estimate(family).values())
        assert price.cycles == acc.cycles_per_image
        assert price.luts <= tables(total)
        assert price.blocks <= total.blocks
        assert price.cells <= FAMILIES[family].occupied(total)


def test_bounds_are_near():
    net = deep()
    pricing, rng = Pricing(net, FAMILIES["ecp5"]), np.random.default_rng(0)
    for _ in range(3):
        folding = draw_folding(rng, net)
        total = Estimate.total(Accelerator(net, folding).estimate("ecp5").values())
        assert pricing.of(folding).luts > 0.75 * tables(total)


@pytest.mark.parametrize("net", [deep(), shortcut28(8)], ids=["chain", "graph"])
def test_plans_are_the_accelerators(net):
    seen = []
    found = explore(net, room(), 1000, plans=4, progress=lambda *both: seen.append(both))
    planned = [point for point in found.points if point.planned]
    assert len(planned) == 4
    for point in planned:
        acc = Accelerator(net, list(point.folding))
        total = Estimate.total(acc.estimate("ecp5").values())
        assert point.cycles == acc.cycles_per_image
        assert point.planned == (tables(total), total.blocks, FAMILIES["ecp5"].occupied(total))
        assert point.fits == found.room.holds(point)
    assert found.fastest.planned
    assert found.fastest.cycles == min(p.cycles for p in found.front if p.fits)
    assert seen[-1] == (4, 4)
    assert len({point.folding for point in found.points}) == len(found.points) >= 800


def test_the_front_is_not_dominated_and_dominates_all_others():
    found = explore(deep(), room("ecp5-25k"), 1000, plans=0)
    values = {point: (point.cycles, point.least.luts, point.least.blocks) for point in found.points}

    def beats(one, other):
        both = list(zip(values[one], values[other], strict=True))
        return all(a <= b for a, b in both) and any(a < b for a, b in both)

    for one, other in itertools.permutations(found.front, 2):
        assert not beats(one, other)
    for point in found.points[::7]:
        if not point.front:
            assert any(beats(one, point) for one in found.front)


def test_a_front_by_hand():
    rows = np.array([[3, 3, 3], [1, 4, 4], [3, 3, 3], [2, 4, 4], [3, 3, 2], [9, 1, 1]])
    assert front(rows).tolist() == [False, True, False, False, True, True]
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 6, (60, 3))
    slow = [not any((o <= row).all() and (o < row).any() for o in rows) for row in rows]
    assert front(rows).tolist() == slow


def test_of_few_foldings_all_are_looked_at():
    rng = np.random.default_rng(0)
    net = Network((12,), 1, [Linear(rng.random((6, 12)) < 0.5, np.zeros(6, int))])
    found = explore(net, Room("xc7", FAMILIES["xc7"]), plans=2)
    (index,) = folded_layers(net)
    assert {point.folding for point in found.points} == {(pair,) for pair in choices(net, index)}
    assert {point.fits for point in found.points} == {None}
    assert found.fastest is None


def test_command(run, tmp_path):
    shortcut28(4).save(tmp_path / "net.bnn")
    csv, picture, figures = (tmp_path / name for name in ("a.csv", "a.svg", "a.json"))
    words = ("--target", "ice40-up5k", "--foldings", 300, "--plans", 3)
    words += ("--csv", csv, "--picture", picture, "--json", figures)
    code, out, _ = run("explore", tmp_path / "net.bnn", *words)
    assert code == 0
    assert "the fastest that fits" in out
    header, *lines = csv.read_text().splitlines()
    assert header.startswith("folding,cycles_per_image,images_per_s,luts_at_least")
    assert len(lines) >= 200
    planned = [line.split('"')[-1].split(",") for line in lines]
    assert sum(bool(row[6]) for row in planned) == 3
    first = picture.read_bytes()
    assert b"images/s at 100 MHz" in first or b"<svg" in first
    assert run("explore", tmp_path / "net.bnn", *words)[0] == 0
    assert picture.read_bytes() == first
    code, _, err = run("explore", tmp_path / "net.bnn", "--board", "none")
    assert (code, "none" in err) == (2, True)
    both = ("--board", "icebreaker", "--target", "xc7")
    code, _, err = run("explore", tmp_path / "net.bnn", *both)
    assert (code, "one of --target and --board" in err) == (2, True)
