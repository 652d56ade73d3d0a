"""The predicted clock: how it grows with a plan, and what was routed against it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from graphs import draw_graph, shortcut28
from networks import draw_accelerator, draw_network

from bitlight import Linear, Network
from bitlight.cli.main import cli
from bitlight_hw import Accelerator, clock, fold
from bitlight_hw import family as families
from bitlight_hw.synthesis import TARGETS
from bitlight_lab.figures import clock as figures
from bitlight_lab.figures import depth

FAMILIES = ("ecp5", "ice40")
DELAYS = clock.Delays(
    **{"register": 1, "memory": 5, "product": 4, "table": 0.5, "wire": 1, "near": 0.75},
    **{"into": 0.25, "digit": 0.125, "out_of": 0.5},
)
ROUTED = json.loads((Path(__file__).parents[2] / "docs" / "raw" / "clock.json").read_text())
rng = np.random.default_rng(22)
TEN = 10  # designs, at least


def linear(inputs, outputs=8, pe=1, simd=1):
    """One layer whose thresholds are near the middle."""
    weight = np.random.default_rng(inputs).random((outputs, inputs)) < 0.5
    net = Network((inputs,), 1, [Linear(weight, np.zeros(outputs, np.int32))])
    return Accelerator(net, [(pe, simd)])


def longest(acc, family, kind):
    """The longest path of one kind, in ns."""
    known = clock.constants()[family]
    paths = clock.Depths(acc.plan.stages, families.named(family), known["levels"]).paths()
    delays = clock.Delays(**known["delays"])
    return max(delays.of(path) for own in paths.values() for path in own if path.kind == kind)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_count_of_more_lanes_is_never_faster(family):
    counts = [longest(linear(512, simd=simd), family, "number") for simd in (64, 128, 256, 512)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    clocks = [linear(512, simd=simd).clock(family).mhz for simd in (8, 16, 32, 64, 128, 256, 512)]
    assert clocks == sorted(clocks, reverse=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_longer_sums_are_never_faster(family):
    totals = [longest(linear(inputs, simd=8), family, "total") for inputs in (64, 512, 4096)]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


def test_deeper_weights_in_tables_are_never_faster():
    depths = [longest(linear(8, outputs, simd=8), "ecp5", "tables") for outputs in (4, 32, 128)]
    assert depths == sorted(depths)
    assert depths[0] < depths[-1]


def test_levels_of_adders():
    assert [clock.adders(n) for n in (1, 2, 3, 4, 6, 9, 95)] == [0, 0, 1, 2, 3, 4, 11]


def test_a_path_is_the_sum_of_its_parts():
    assert DELAYS.of(clock.Path("due", levels=2, digits=8, chains=1)) == 1 + 3 + 1.75 + 1
    assert DELAYS.of(clock.Path("parity", levels=2, chains=0)) == 1 + 2.5
    assert DELAYS.of(clock.Path("keep", levels=2, chains=0, far=True)) == 1 + 3 + 1
    assert DELAYS.of(clock.Path("memory", start="memory", chains=0)) == 5 + 1


def test_a_cone_is_as_deep_as_the_deepest_where_that_spares_tables():
    """The parity of 31 inputs alone needs five levels; beside a count of 12 it takes as many."""
    known = clock.constants()["ecp5"]["levels"]

    def levels(acc):
        paths = clock.Depths(acc.plan.stages, families.named("ecp5"), known).paths()
        return max(p.levels for own in paths.values() for p in own if p.kind == "parity")

    alone = levels(linear(31, simd=31))
    first = Linear(rng.random((31, 512)) < 0.5, np.zeros(31, np.int32))
    both = Network((512,), 1, [first, Linear(rng.random((8, 31)) < 0.5, None)])
    assert levels(Accelerator(both, [(1, 256), (1, 31)])) > alone


def test_no_clock_is_told_where_nothing_is_known():
    assert linear(16).clock("xc7") is None
    assert Accelerator(Network((16,), 1, [Linear(np.ones((2, 16), bool), None)])).clock("ecp5")


@pytest.mark.parametrize("seed", range(8, 32))
def test_every_unit_has_a_path_that_has_a_name(seed):
    draw = np.random.default_rng(seed)
    net = draw_graph(draw) if seed % 2 else draw_network(draw)
    acc = Accelerator(net) if seed % 2 else draw_accelerator(draw, net)
    for family in FAMILIES:
        found = acc.clock(family)
        if found is None:  # nothing but wires
            assert not acc.units
            continue
        known = clock.constants()[family]["levels"]
        paths = clock.Depths(acc.plan.stages, families.named(family), known).paths()
        assert {path.kind for own in paths.values() for path in own} <= clock.WORDS.keys()
        assert 5 < found.mhz < 500
        assert found.unit == next(iter(found.slowest))
        assert found.mhz == pytest.approx(1000 / max(found.slowest.values()), rel=1e-3)


def test_what_was_routed():
    """A change of the model that is further off than what docs/synthesis.md tells fails here."""
    rows = figures.compared([row for row in ROUTED["designs"] if not row["fitted"]])
    assert len(rows) >= TEN
    far = {(row["design"], row["device"]) for row in rows if abs(row["error"]) > figures.WITHIN}
    assert far == figures.FAR
    assert {TARGETS[row["device"]].family for row in rows} == set(FAMILIES)


def test_plan_tells_the_clock(tmp_path):
    file = tmp_path / "plan.json"
    done = CliRunner().invoke(
        cli, ["plan", "small28", "--target", "ice40-up5k", "--json", str(file)]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(file.read_text())["clock"]
    assert f"predicted clock: about {told['mhz']:.0f} MHz, held by {told['unit']}" in done.output
    done = CliRunner().invoke(cli, ["plan", "small28", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text())["clock"] is None
    assert "predicted clock" not in done.output


def test_a_shortcut_is_predicted_with_its_multipliers():
    net = shortcut28(8)
    acc = Accelerator(net, fold(net, cycles=3528))
    assert acc.clock("ecp5").mhz > acc.clock("ice40").mhz


def cell(kind, outputs=(), **connections):
    directions = {port: "output" if port in outputs else "input" for port in connections}
    return {"type": kind, "port_directions": directions, "connections": connections}


def test_the_depth_of_a_netlist(tmp_path):
    """A register, two tables, two cells of a chain, a register; and block RAM into a register."""
    cells = {
        "a": cell("TRELLIS_FF", ("Q",), DI=["0"], Q=[2]),
        "one": cell("LUT4", ("Z",), A=[2], B=["0"], C=["0"], D=["0"], Z=[3]),
        "two": cell("LUT4", ("Z",), A=[3], B=[2], C=["0"], D=["0"], Z=[4]),
        "low": cell("CCU2C", ("S0", "S1", "COUT"), A0=[4], A1=[2], CIN=["0"], S0=[5], COUT=[6]),
        "high": cell("CCU2C", ("S0", "S1", "COUT"), A0=[2], A1=[2], CIN=[6], S1=[7]),
        "b": cell("TRELLIS_FF", ("Q",), DI=[7], CE=[3], Q=[8]),
        "ram": cell("DP16KD", ("DOA0",), ADA0=[8], DOA0=[9]),
        "c": cell("TRELLIS_FF", ("Q",), DI=[9], Q=[10]),
    }
    names = {"x.a": [2], "x.sum": [8], "y.word": [10]}
    nets = {name: {"bits": bits} for name, bits in names.items()}
    design = {"modules": {"accelerator": {"cells": cells, "netnames": nets}}}
    (tmp_path / "netlist.json").write_text(json.dumps(design))
    found = depth.of(tmp_path, DELAYS)
    into = found["x", "sum"]
    assert (into.levels, into.digits, into.start) == (2, 4, "x.a")
    assert into.ns == 1 + 2 * 1.5 + 1.25 + 0.5
    assert found["y", "word"].ns == 5 + 1
