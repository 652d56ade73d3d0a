"""The generated Verilog under cocotb, on Icarus and Verilator, at full rate and with pauses."""

import shutil

import numpy as np
import pytest
from faults import flip_start, flip_weight
from networks import draw_folding, draw_images, draw_network

from bitlight import Conv2d, Linear, Network, SimulationError
from bitlight_hw import Accelerator
from bitlight_sim.cosimulation import cosimulate

icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus is missing: apt-get install iverilog"
)
# Features that depend on padding alone, and leave before the first pixel is taken; and pools alone,
# which give a result in the cycle that they take its last pixel.
ODD = [61, 160]
SIMULATORS = [pytest.param("icarus", marks=icarus), "verilator"]


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("seed", [*range(10), *ODD])
def test_generated_networks(seed, simulator, tmp_path):
    """Bits equal with and without pauses; latency and interval as predicted."""
    check_generated_network(seed, simulator, tmp_path)


@icarus
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 210))
def test_many_generated_networks(seed, tmp_path):
    """The same on Icarus, which is quick to build."""
    check_generated_network(seed, "icarus", tmp_path)


def check_generated_network(seed, simulator, tmp_path):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    acc = Accelerator(net, draw_folding(rng, net))
    images = draw_images(rng, net, 3)
    idle, busy = rng.choice([0.0, 0.2, 0.7], 2)
    expected = net.forward(images, engine="plain")
    found = cosimulate(acc, images, expected, simulator, tmp_path, idle=idle, busy=busy, seed=seed)
    assert found.latency == acc.latency
    assert found.intervals[-1] == acc.cycles_per_image


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(1)
    layers = [
        Conv2d(rng.random((4, 2, 2, 2)) < 0.5, rng.integers(-9, 9, 4), padding=(1, 1)),
        Linear(rng.random((6, 64)) < 0.5, rng.integers(-9, 9, 6)),
    ]
    net = Network((3, 3, 2), 2, layers)
    return Accelerator(net, [(2, 2), (2, 8)]), draw_images(rng, net, 40)


@icarus
@pytest.mark.parametrize(
    ("flip", "index", "output", "place"),
    [
        (flip_weight, 0, 0, 0),
        (flip_weight, 0, 3, 7),
        (flip_weight, 1, 5, 63),
        (flip_start, 0, 1, 0),
        (flip_start, 1, 4, 2),
    ],
)
def test_a_fault_is_found(small, tmp_path, flip, index, output, place):
    """The faulty RTL is the golden model with that fault, and is told from the healthy one."""
    acc, images = small
    faulty, verilog = flip(acc, index, output, place)
    wrong, right = faulty.forward(images), acc.net.forward(images)
    differs = (wrong != right).any(axis=1)
    assert differs.any()
    few = np.concatenate([images[differs][:3], images[~differs][:1]])
    cosimulate(acc, few, faulty.forward(few), "icarus", tmp_path, verilog=verilog, pauses=False)
    with pytest.raises(SimulationError, match="at_full_rate: .*beats differ"):
        cosimulate(
            acc, few, acc.net.forward(few), "icarus", tmp_path, verilog=verilog, pauses=False
        )


@icarus
@pytest.mark.parametrize(
    ("change", "message"),
    [
        # The frame of the first layer is taken for the image, so that beats are lost.
        (("= i__valid & ", "= "), "at_full_rate"),
    ],
)
def test_a_broken_design_is_found(small, tmp_path, change, message):
    acc, images = small
    verilog = acc.verilog()
    begin = verilog.index("module \\accelerator.layer1_window ")
    broken = verilog[:begin] + verilog[begin:].replace(*change, 1)
    assert broken != verilog
    few = images[:2]
    with pytest.raises(SimulationError, match=message):
        cosimulate(acc, few, acc.net.forward(few), "icarus", tmp_path, verilog=broken)


@icarus
def test_a_wrong_cycle_count_is_found(small, tmp_path, monkeypatch):
    acc, images = small
    monkeypatch.setattr(acc, "cycles_per_image", acc.cycles_per_image + 1)
    few = images[:3]
    with pytest.raises(SimulationError, match="at_full_rate: .*intervals"):
        cosimulate(acc, few, acc.net.forward(few), "icarus", tmp_path)


@icarus
def test_waves(small, tmp_path):
    acc, images = small
    few = images[:2]
    found = cosimulate(acc, few, acc.net.forward(few), "icarus", tmp_path, waves=True, pauses=False)
    assert found.waves is not None
    assert found.waves.stat().st_size > 1000
