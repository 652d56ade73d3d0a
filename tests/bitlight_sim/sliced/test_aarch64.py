"""The bit-sliced simulator compiled for AArch64 gives what it gives here, to the bit and cycle."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import draw_graph, draw_values
from networks import draw_accelerator, draw_folding, draw_images, draw_network
from simulators import aarch64

from bitlight import extractors
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator
from bitlight_sim import Simulator
from bitlight_sim.activity import ActivitySimulator

pytestmark = aarch64
COMPILER = "aarch64-linux-gnu-g++ -static"
# The oldest, the processor of a Raspberry Pi 5, and one with SVE.
PROCESSORS = ["generic", "cortex-a76", "neoverse-v1"]
IMAGES = 300  # more than there are lanes


class Emulated(Simulator):
    """Whose program QEMU runs."""

    def _simulate(self, program, folder, images, progress):
        script = folder / "emulated"
        script.write_text(f'#!/bin/sh\nexec qemu-aarch64 "{program}" "$@"\n')
        script.chmod(0o755)
        return super()._simulate(script, folder, images, progress)


class EmulatedActivity(Emulated, ActivitySimulator):
    """The same with counters."""


@pytest.fixture(autouse=True)
def compiler(monkeypatch):
    monkeypatch.setenv("CXX", COMPILER)


def check(acc, images):
    with Emulated(acc, engine="sliced") as simulator:
        found = simulator.run(images)
    expected = acc.net.forward(images, engine="plain")
    assert np.array_equal(found.features.reshape(expected.shape), expected)
    assert (found.cycles_per_image, found.latency) == (acc.cycles_per_image, acc.latency)


@pytest.mark.parametrize("seed", range(len(PROCESSORS)), ids=PROCESSORS)
def test_networks(seed, monkeypatch):
    monkeypatch.setenv("CXX", f"{COMPILER} -mcpu={PROCESSORS[seed]}")
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    check(draw_accelerator(rng, net), draw_images(rng, net, IMAGES))


def test_a_graph():
    rng = np.random.default_rng(3)
    net = draw_graph(rng, depth=4, most_side=5, most_outputs=8)
    check(Accelerator(net, draw_folding(rng, net)), draw_values(rng, net, IMAGES))


def test_what_is_counted(monkeypatch):
    rng = np.random.default_rng(5)
    net = draw_network(rng)
    acc, images = draw_accelerator(rng, net), draw_images(rng, net, 40)

    def counted(kind):
        simulator = kind(acc)
        simulator.run(images)
        return replace(simulator.activity, memories=[])  # which know themselves alone

    emulated = counted(EmulatedActivity)
    monkeypatch.delenv("CXX")
    here = counted(ActivitySimulator)
    assert emulated == here
    assert sum(map(here.changed, here.owners)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small28", "fashion28"])
def test_whole_extractors(name):
    net = extractors.features(name) if name == "fashion28" else TOPOLOGIES[name].random(0)
    check(Accelerator(net), draw_images(np.random.default_rng(0), net, IMAGES))
