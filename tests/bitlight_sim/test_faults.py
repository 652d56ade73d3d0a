"""A bit of a memory is turned over: the RTL is the golden model with that fault, each time."""

import numpy as np
import pytest
from faults import Fault, all_faults, flips, golden, inject, telling
from networks import draw_images
from simulators import icarus

from bitlight import (
    Add,
    Affine,
    Conv2d,
    Linear,
    Network,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight.zoo.published import FOLDINGS
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator
from bitlight_hw.folding import folded_layers


def small(dataflow):
    rng = np.random.default_rng(1)
    layers = [
        Conv2d(rng.random((4, 2, 2, 2)) < 0.5, rng.integers(-9, 9, 4), padding=(1, 1)),
        Linear(rng.random((6, 64)) < 0.5, rng.integers(-9, 9, 6)),
    ]
    net = Network((3, 3, 2), 2, layers)
    return Accelerator(net, [(2, 2), (2, 8)], dataflow)


def check(acc, faults, candidates, folder, simulator, target):
    """Gives how many faults changed a result."""
    images = candidates[telling(acc, faults, candidates)]
    found = inject(acc, faults, images, folder, simulator, target)
    healthy = acc.net.forward(images)
    for fault, image, result in zip(faults, images, found, strict=True):
        assert np.array_equal(result, golden(acc, fault, image[None])[0]), fault
    return int((found != healthy).any(axis=1).sum())


@icarus
@pytest.mark.parametrize(
    ("dataflow", "target"),
    [
        pytest.param("output", "simulation", marks=pytest.mark.slow),
        ("input", "xc7"),
        ("output", "ecp5"),
    ],
)
def test_every_bit_of_a_small_network(dataflow, target, tmp_path):
    acc = small(dataflow)
    faults = all_faults(acc)
    bits = sum(layer.weight.size for layer in acc.net.layers)
    starts = 4 * acc.units["layer0_matvec"].start_width + 6 * acc.units["layer1_matvec"].start_width
    assert len(faults) == bits + starts
    candidates = draw_images(np.random.default_rng(2), acc.net, 60)
    assert check(acc, faults, candidates, tmp_path, "icarus", target) > 0.8 * len(faults)


def graph():
    """A shortcut around levels, every unit that has a memory of its own."""
    rng = np.random.default_rng(4)
    weight = rng.random((2, 2, 2, 2)) < 0.5
    weight[0, 0], weight[1, 0] = True, False  # unequal numbers, and so unequal starts
    nodes = {
        "in": (Affine(np.array([3, -2]), np.array([4, 9]), 1, -12, 12), "input"),
        "levels": (Threshold(np.array([[-3, 1], [-1, 4]])), "in"),
        "conv": (Conv2d(weight, None, (1, 1), (1, 1), 1), "levels"),
        "crop": (SumPool2d(2, 1), "conv"),
        "sum": (Add(-25, 20), "crop", "in"),
        "act": (PReLU(np.array([3, -1]), 2, np.array([1, -2]), np.array([-4, 2])), "sum"),
        "bits": (Threshold(np.array([-2, 3])), "act"),
        "more": (Linear(rng.random((3, 18)) < 0.5, np.sort(rng.integers(-7, 8, (3, 3)))), "bits"),
        "fc": (Linear(rng.random((4, 3)) < 0.5, rng.integers(-4, 5, 4)), "more"),
    }
    net = Network((3, 3, 2), 2, nodes)
    return Accelerator(net, [(1, 2), (1, 6), (1, 1)], "output")


@icarus
@pytest.mark.parametrize("target", [pytest.param("simulation", marks=pytest.mark.slow), "xc7"])
def test_every_bit_of_a_small_graph(target, tmp_path):
    acc = graph()
    faults = all_faults(acc)
    assert {(fault.layer, fault.kind) for fault in faults} == {
        *((index, "parameter") for index in (0, 1, 5, 6, 7)),
        *((index, kind) for index in (2, 7, 8) for kind in ("weight", "start")),
    } - {(7, "start")}  # of sums of bits all starts are equal, and no memory
    candidates = draw_images(np.random.default_rng(5), acc.net, 80)
    assert check(acc, faults, candidates, tmp_path, "icarus", target) > 0.4 * len(faults)


@pytest.mark.fuzz
def test_five_hundred_bits_of_cnv(tmp_path):
    net = TOPOLOGIES["cnv"].random(0)
    acc = Accelerator(net, FOLDINGS["cnv"])
    rng = np.random.default_rng(3)
    faults = [draw(rng, acc) for _ in range(500)]
    candidates = draw_images(rng, net, 12)
    changed = check(acc, faults, candidates, tmp_path, "verilator", "simulation")
    print(f"{changed} of {len(faults)} faults changed the scores")
    assert changed > 100


def draw(rng, acc):
    """Layers as likely as each other; a fifth of the faults are in the start of a sum."""
    while True:
        index = int(rng.choice(folded_layers(acc.net)))
        layer = acc.net.layers[index]
        starts = layer.threshold is not None and rng.random() < 0.2
        places = acc.units[f"layer{index}_matvec"].start_width if starts else layer.fan_in
        output, place = rng.integers(len(layer.weight)), rng.integers(places)
        fault = Fault(index, "start" if starts else "weight", int(output), int(place))
        if flips(acc, fault, "simulation"):
            return fault
