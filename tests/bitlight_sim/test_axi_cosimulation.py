"""The bus wrapper under cocotb with the drivers of cocotbext-axi, and wrappers that are broken."""

import numpy as np
import pytest
from amaranth import Const
from axi_cosimulation import cosimulate_axi, input_frames, output_frames
from networks import draw_folding, draw_images, draw_network
from simulators import icarus

from bitlight import Conv2d, Linear, Network, SimulationError
from bitlight_hw import Accelerator
from bitlight_hw.axi import AxiAccelerator, accelerator
from bitlight_hw.axi.frames import Frames
from bitlight_hw.axi.framing import Framing
from bitlight_hw.axi.gate import Gate
from bitlight_hw.axi.path import Path
from bitlight_hw.axi.sender import Sender
from bitlight_hw.units.separate import separate

# Of the networks that are drawn: scores, results that come before the image is whole, words that
# are narrower and wider than a beat, intervals of 2 to 60 cycles.
DRAWN = [(1, 8), (2, 24), (4, 64), (10, None), (25, 16), (29, 8), (33, 40)]
VERILATOR = [(37, 24), pytest.param(15, 8, marks=pytest.mark.slow)]


@icarus
@pytest.mark.parametrize(("seed", "data_bits"), DRAWN)
def test_generated_networks(seed, data_bits, tmp_path):
    """Every byte, cycle count, register and counter, whatever happens on the bus."""
    check_generated_network(seed, data_bits, "icarus", tmp_path)


@pytest.mark.parametrize(("seed", "data_bits"), VERILATOR)
def test_generated_networks_on_verilator(seed, data_bits, tmp_path):
    check_generated_network(seed, data_bits, "verilator", tmp_path)


@icarus
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_generated_networks(seed, tmp_path):
    data_bits = [None, 8, 16, 24, 32, 40, 64, 128, 1024][seed % 9]
    check_generated_network(seed, data_bits, "icarus", tmp_path, rounds=6)


def check_generated_network(seed, data_bits, simulator, tmp_path, rounds=3):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    axi = AxiAccelerator(Accelerator(net, draw_folding(rng, net)), data_bits)
    images = draw_images(rng, net, 8)
    expected = net.forward(images, engine="plain")
    cosimulate_axi(axi, images, expected, simulator, tmp_path, seed=seed, rounds=rounds)


@pytest.fixture(scope="module")
def small():
    """A network whose results come early, in frames that do not fill their last words."""
    rng = np.random.default_rng(1)
    layers = [Conv2d(rng.random((3, 2, 2, 2)) < 0.5, rng.integers(-2, 3, 3))]
    net = Network((9, 9, 2), 1, layers)
    return Accelerator(net, [(3, 8)]), draw_images(rng, net, 8)


@pytest.fixture(scope="module")
def deep():
    """Images that follow each other closely through a pipeline that holds several."""
    rng = np.random.default_rng(2)
    layers = [Linear(rng.random((8, 8)) < 0.5, rng.integers(-3, 3, 8)) for _ in range(4)]
    net = Network((8,), 1, layers)
    return Accelerator(net, [(8, 8)] * 4), draw_images(rng, net, 8)


def run(design, tmp_path, *tests, data_bits=24):
    acc, images = design
    axi = AxiAccelerator(acc, data_bits)
    cosimulate_axi(axi, images, acc.net.forward(images), "icarus", tmp_path, tests=tests, rounds=2)


class OpenGate(Gate):
    """Takes every mark for a good one."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.valid.eq(self.i.valid & self.marks.valid)
        m.d.comb += self.i.ready.eq(self.marks.valid & self.o.ready)
        return m


class UncutGate(Gate):
    """Does not tell that a bad image ends a frame that has begun."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.ends.valid.eq(self.marks.ready & self.marks.payload.good)
        return m


class ChangedBatch(Framing):
    """Takes every image for the last of its frame."""

    def elaborate(self, platform):
        self.batch = Const(1)
        return super().elaborate(platform)


class LostMark(Framing):
    """Gives no mark for a frame that is too long."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.marks.valid.eq(self.words.valid & self.words.ready & self.last)
        return m


class DeafFraming(Framing):
    """Goes on after a soft reset as if there had been none."""

    def elaborate(self, platform):
        self.restart = Const(0)
        return super().elaborate(platform)


class DeafSender(Sender):
    """Leaves frames open that a soft reset cuts."""

    def elaborate(self, platform):
        self.restart = Const(0)
        return super().elaborate(platform)


@icarus
def test_the_small_one_passes(small, tmp_path):
    run(small, tmp_path, "at_full_rate", "framing_errors", "batches", "soft_resets")


@icarus
def test_the_deep_one_passes(deep, tmp_path):
    run(deep, tmp_path, "at_full_rate", data_bits=8)


@icarus
@pytest.mark.parametrize(
    ("place", "name", "fault", "test", "message"),
    [
        (Frames, "tail", property(lambda frames: 1), "at_full_rate", "nothing moves|FRAMES_OUT"),
        (accelerator, "Gate", OpenGate, "framing_errors", "result [0-9]+ is|nothing asked for"),
        (
            accelerator,
            "Gate",
            UncutGate,
            "batches",
            "nothing moves|result|nothing asked|without tu",
        ),
        (accelerator, "Framing", ChangedBatch, "batches", "nothing asked for|nothing moves|result"),
        (accelerator, "Framing", LostMark, "framing_errors", "result|nothing|counters"),
        (accelerator, "Framing", DeafFraming, "soft_resets", "counters|result|asked|moves"),
        (accelerator, "Sender", DeafSender, "soft_resets", "cut frame|without tuser|missing|moves"),
        (Path, "early_beats", 0, "at_full_rate", "nothing moves any more"),
        (
            accelerator,
            "separate",
            lambda m, platform, name, part, restart=None: separate(m, platform, name, part),
            "soft_resets",
            "nothing asked for|result|tuser|cut frame",
        ),
    ],
    ids=["tail", "gate", "cut", "batch", "mark", "framing", "sender", "queue", "reset"],
)
def test_a_broken_wrapper_is_found(small, tmp_path, monkeypatch, place, name, fault, test, message):
    monkeypatch.setattr(place, name, fault)
    with pytest.raises(SimulationError, match=f"{test}: .*({message})"):
        run(small, tmp_path, test)


@icarus
def test_too_few_marks_are_found_by_the_interval(deep, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "most_images", 2)
    with pytest.raises(SimulationError, match="at_full_rate: .*intervals"):
        run(deep, tmp_path, "at_full_rate", data_bits=8)


def test_frames_are_packed_as_the_documentation_says():
    bits = np.array([[1, 0, 0, 0, 0, 0, 0, 1, 1, 1]], np.uint8)
    assert input_frames(bits, 1) == [b"\x81\x03"]
    assert output_frames(bits, 1) == [b"\x81\x03"]
    assert input_frames(np.array([[[7, 255]]], np.uint8), 8) == [b"\x07\xff"]
    noisy = input_frames(np.array([[1, 2, 3, 0]], np.uint8), 2)[0]
    assert [byte & 3 for byte in noisy] == [1, 2, 3, 0]
    scores = np.array([[-2, 300]], np.int32)
    assert output_frames(scores, 32) == [b"\xfe\xff\xff\xff\x2c\x01\x00\x00"]
    assert output_frames(np.array([[7, 255]], np.uint8), 8) == [b"\x07\xff"]
