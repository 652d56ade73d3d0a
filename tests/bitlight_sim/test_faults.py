"""A bit of a memory is turned over: the RTL is the golden model with that fault, each time."""

import numpy as np
import pytest
from faults import Fault, all_faults, flips, golden, inject, telling
from networks import draw_images
from simulators import icarus

from bitlight import Conv2d, Linear, Network
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
    ("dataflow", "target"), [("output", "simulation"), ("input", "xc7"), ("output", "ecp5")]
)
def test_every_bit_of_a_small_network(dataflow, target, tmp_path):
    acc = small(dataflow)
    faults = all_faults(acc)
    bits = sum(layer.weight.size for layer in acc.net.layers)
    starts = 4 * acc.units["layer0_matvec"].start_width + 6 * acc.units["layer1_matvec"].start_width
    assert len(faults) == bits + starts
    candidates = draw_images(np.random.default_rng(2), acc.net, 60)
    assert check(acc, faults, candidates, tmp_path, "icarus", target) > 0.8 * len(faults)


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
