"""Image in, optical features out: the twin behind generated networks and the shipped extractor."""

from dataclasses import replace

import numpy as np
import pytest
from axi_cosimulation import cosimulate_axi
from datasets import fashion_mnist_or_skip
from networks import draw_accelerator, draw_bits_network, draw_images, draw_projection
from simulators import icarus

from bitlight import MaxPool2d, Network, SimulationError, data, extractors
from bitlight_hw import Accelerator, Projection, fold
from bitlight_hw.axi import AxiAccelerator
from bitlight_hw.family import FAMILIES
from bitlight_sim import Simulator
from bitlight_sim.cosimulation import cosimulate
from bitlight_sim.simulator import BUILDS


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    net = draw_bits_network(rng)
    acc = draw_accelerator(rng, net, draw_projection(rng))
    images = draw_images(rng, net, count)
    return rng, acc, images, acc.projection.of(net.forward(images, engine="plain"))


@icarus
@pytest.mark.parametrize("seed", range(1, 5))
def test_cosimulation(seed, tmp_path):
    """Bits equal with and without pauses; latency and interval as predicted."""
    check_cosimulation(seed, "icarus", tmp_path)


@pytest.mark.parametrize("seed", [0, pytest.param(8, marks=pytest.mark.slow)])
def test_cosimulation_on_verilator(seed, tmp_path):
    check_cosimulation(seed, "verilator", tmp_path)


@icarus
@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_many_cosimulations(seed, tmp_path):
    check_cosimulation(seed, "icarus", tmp_path)


def check_cosimulation(seed, simulator, tmp_path):
    rng, acc, images, expected = drawn(seed, 3)
    idle, busy = rng.choice([0.0, 0.2, 0.7], 2)
    verilog = acc.verilog(str(rng.choice([*FAMILIES])))
    pauses = {"idle": idle, "busy": busy, "seed": seed}
    found = cosimulate(acc, images, expected, simulator, tmp_path, verilog=verilog, **pauses)
    assert found.latency == acc.latency
    assert found.intervals[-1] == acc.cycles_per_image


@icarus
def test_another_row_generator_is_found(tmp_path):
    """The Verilog of one seed against the model of another."""
    _, acc, images, expected = drawn(2, 3)
    other = Accelerator(acc.net, acc.folding, acc.dataflow, replace(acc.projection, seed=1))
    with pytest.raises(SimulationError, match="at_full_rate: .*beats differ"):
        cosimulate(acc, images, expected, "icarus", tmp_path, verilog=other.verilog())


@icarus
@pytest.mark.parametrize(
    ("seed", "data_bits"), [(3, None), pytest.param(5, 8, marks=pytest.mark.slow)]
)
def test_axi(seed, data_bits, tmp_path):
    """Every byte, cycle count, register and counter, whatever happens on the bus."""
    _, acc, images, expected = drawn(seed, 8)
    axi = AxiAccelerator(acc, data_bits)
    assert axi.frames_out.bytes == acc.projection.n_components
    cosimulate_axi(axi, images, expected, "icarus", tmp_path, seed=seed, rounds=2)


@pytest.mark.parametrize("engine", [*BUILDS])
@pytest.mark.parametrize("seed", [20, pytest.param(21, marks=pytest.mark.slow)])
def test_native_simulators(seed, engine):
    _, acc, images, expected = drawn(seed, 30)
    check(acc, images, expected, engine)


def check(acc, images, expected, engine, processes=1):
    out = Simulator(acc, processes, engine=engine).run(images)
    assert out.features.dtype == np.uint8
    assert int((out.features != expected).sum()) == 0
    assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)


@pytest.fixture(scope="module")
def features():
    """Of a thousand real images."""
    return extractors.features().forward(data.animals()[0][:1000])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["verilator", "sliced"])
def test_a_thousand_real_features(features, engine):
    """The twin alone: behind a pool of single pixels, which is none."""
    vectors = features.reshape(len(features), -1, 1, 32)
    net = Network(vectors.shape[1:], 1, [MaxPool2d((1, 1))])
    acc = Accelerator(net, projection=Projection(1024, seed=1, shift=6, components=16))
    check(acc, vectors, acc.projection.of(features), engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["verilator", "sliced"])
def test_image_in_optical_features_out(engine):
    images = fashion_mnist_or_skip("test")[0][:500]
    net = extractors.features()
    acc = Accelerator(net, fold(net), projection=Projection(1024, seed=2, shift=6, components=8))
    check(acc, images, acc.expected(images), engine, processes=2)
