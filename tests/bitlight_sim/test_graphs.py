"""Graphs in RTL: every bit as the golden model has it, in the cycles that were predicted."""

import numpy as np
import pytest
from graphs import draw_graph, draw_values
from networks import draw_folding
from simulators import icarus

from bitlight_hw import Accelerator, units
from bitlight_hw.family import FAMILIES
from bitlight_sim import Simulator
from bitlight_sim.cosimulation import cosimulate

SMALL = {"depth": 4, "most_side": 5, "most_outputs": 8}
# Of the first sixty small ones, those that compile soon and have every kind of unit among them.
FEW = [0, 1, 3, 9, 10, 12, 14, 16, 17, 20, 21, 22, 25, 34, 35, 45, 47, 49, 52, 59]
MANY = [(seed, SMALL) for seed in range(1000, 1300)] + [(seed, {}) for seed in range(1000, 1030)]
SIZES = {True: "small", False: "large"}


def named(given):
    return f"{given[0]}-{SIZES[bool(given[1])]}"


def drawn(seed, **size):
    rng = np.random.default_rng(seed)
    net = draw_graph(rng, **size)
    return rng, net, Accelerator(net, draw_folding(rng, net))


def check_simulated(seed, engine, **size):
    rng, net, acc = drawn(seed, **size)
    images = draw_values(rng, net, 5)
    with Simulator(acc, engine=engine) as simulator:
        found = simulator.run(images)
    assert np.array_equal(found.features, net.forward(images, engine="plain"))
    assert found.features.dtype == net.forward(images[:1]).dtype
    assert (found.cycles_per_image, found.latency) == (acc.cycles_per_image, acc.latency)


def check_on_icarus(seed, folder, **size):
    rng, net, acc = drawn(seed, **size)
    images = draw_values(rng, net, acc.plan.unsettled + 3)
    idle, busy = rng.choice([0.0, 0.2, 0.7], 2)
    verilog = acc.verilog(str(rng.choice([*FAMILIES])))
    expected = net.forward(images, engine="plain")
    pauses = {"idle": idle, "busy": busy, "seed": seed}
    found = cosimulate(acc, images, expected, "icarus", folder, verilog=verilog, **pauses)
    assert found.latency == acc.latency
    assert found.intervals[-1] == acc.cycles_per_image


def test_the_few_have_every_kind_of_unit():
    kinds = {type(unit) for seed in FEW for unit in drawn(seed, **SMALL)[2].units.values()}
    named = {getattr(units, name) for name in units.__all__}
    # All but what units are, what tries one out, and what stands before a projection alone.
    assert kinds == named - {units.Unit, units.feed, units.Repack}


@pytest.mark.parametrize("seed", FEW)
def test_sliced(seed):
    check_simulated(seed, "sliced", **SMALL)


def test_beats_that_are_narrower_than_the_interval_wants():
    """A PReLU behind a concatenation of 19 and 33 channels, which come one by one."""
    check_simulated(1133, "sliced")


@pytest.mark.parametrize("seed", [1088, 1101])
def test_an_interval_that_is_lost_every_fourth_image_is_not_kept(seed):
    """With smaller rings three images of four come in time, the last two of a few as well."""
    check_simulated(seed, "sliced", **SMALL)


def test_features_that_are_always_the_same():
    """An affine layer that clips all: a queue of constants."""
    check_simulated(1021, "sliced", **SMALL)


@pytest.mark.parametrize("seed", FEW)
def test_verilator(seed):
    check_simulated(seed, "verilator", **SMALL)


@icarus
@pytest.mark.parametrize("seed", FEW)
def test_icarus_with_pauses(seed, tmp_path):
    check_on_icarus(seed, tmp_path, **SMALL)


@pytest.mark.fuzz
@pytest.mark.parametrize("given", MANY, ids=named)
def test_many_sliced(given):
    seed, size = given
    check_simulated(seed, "sliced", **size)


@pytest.mark.fuzz
@pytest.mark.parametrize("given", MANY, ids=named)
def test_many_on_verilator(given):
    seed, size = given
    check_simulated(seed, "verilator", **size)


@icarus
@pytest.mark.fuzz
@pytest.mark.parametrize("given", MANY, ids=named)
def test_many_on_icarus_with_pauses(given, tmp_path):
    seed, size = given
    check_on_icarus(seed, tmp_path, **size)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TFC_1W2A", "TFC_2W2A", "CNV_1W2A", "CNV_2W2A"])
def test_networks_of_brevitas(name):
    """1,000 images through the RTL of what QONNX gave: 0 scores different, cycles as predicted."""
    from brevitas_networks import imported

    found = imported(name)
    net, rng = found.network, np.random.default_rng(0)
    images = rng.integers(0, 1 << net.input_bits, (1000, *net.input_shape), dtype=np.uint8)
    acc = Accelerator(net)
    with Simulator(acc, engine="sliced") as simulator:
        out = simulator.run(images)
    assert np.array_equal(out.features, net.forward(images))
    assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)
