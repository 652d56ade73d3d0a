"""The generated Verilog under cocotb, on Icarus and Verilator, at full rate and with pauses."""

import os

import numpy as np
import pytest
from broken import broken_accelerator
from networks import draw_accelerator, draw_images, draw_network
from simulators import icarus

from bitlight import Conv2d, Linear, Network, SimulationError
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator
from bitlight_hw.family import FAMILIES
from bitlight_hw.units import Gearbox, MatrixVector, OrPool, Pad, Slide, Window
from bitlight_sim.cosimulation import cosimulate
from bitlight_sim.runner import _check, list_tests

# Features that depend on padding alone, and leave before the first pixel is taken; and pools alone,
# which give a result in the cycle that they take its last pixel.
ODD = [61, 160]
SIMULATORS = [pytest.param("icarus", marks=icarus), "verilator"]


@icarus
@pytest.mark.parametrize("seed", [*range(18), *ODD])
def test_generated_networks(seed, tmp_path):
    """Bits equal with and without pauses; latency and interval as predicted."""
    check_generated_network(seed, "icarus", tmp_path)


# The others of the first four are among those of `make test-slow`, on Icarus all are in each run.
@pytest.mark.parametrize(
    "seed", [61, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (*range(4), 160))]
)
def test_generated_networks_on_verilator(seed, tmp_path):
    check_generated_network(seed, "verilator", tmp_path)


@icarus
@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_generated_networks(seed, tmp_path):
    """The same on Icarus, which is quick to build."""
    check_generated_network(seed, "icarus", tmp_path)


def check_generated_network(seed, simulator, tmp_path):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    acc = draw_accelerator(rng, net)
    images = draw_images(rng, net, 3)
    idle, busy = rng.choice([0.0, 0.2, 0.7], 2)
    verilog = acc.verilog(str(rng.choice([*FAMILIES])))
    expected = net.forward(images, engine="plain")
    pauses = {"idle": idle, "busy": busy, "seed": seed}
    found = cosimulate(acc, images, expected, simulator, tmp_path, verilog=verilog, **pauses)
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
    return Accelerator(net, [(2, 2), (2, 8)], "output"), draw_images(rng, net, 40)


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
    begin = verilog.index("module accelerator__layer1_window(")
    broken = verilog[:begin] + verilog[begin:].replace(*change, 1)
    assert broken != verilog
    few = images[:2]
    with pytest.raises(SimulationError, match=message):
        cosimulate(acc, few, acc.net.forward(few), "icarus", tmp_path, verilog=broken)


@pytest.mark.parametrize(
    ("fault", "simulator"),
    [
        pytest.param("withdraws", "icarus", marks=icarus),
        pytest.param("changes", "icarus", marks=icarus),
        ("changes", "verilator"),
        pytest.param("withdraws", "verilator", marks=pytest.mark.slow),
    ],
)
def test_a_broken_rule_is_named(small, tmp_path, fault, simulator):
    """Inside the chain, where the bench does not look; the text for simulators watches it."""
    acc, images = small
    verilog = broken_accelerator(acc, "layer0_pad", fault).verilog("simulation")
    few = images[:2]
    with pytest.raises(SimulationError, match="stream rule broken on layer0_pad: a beat that wait"):
        cosimulate(acc, few, acc.net.forward(few), simulator, tmp_path, verilog=verilog)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_the_text_for_simulators(small, tmp_path, simulator):
    """It keeps the rules on every link, at full rate and with pauses."""
    acc, images = small
    few = images[:2]
    verilog = acc.verilog("simulation")
    cosimulate(acc, few, acc.net.forward(few), simulator, tmp_path, verilog=verilog)


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


def flip_threshold(net):
    """The same network, but for the threshold of one output of its last layer."""
    *first, last = net.layers
    threshold = last.threshold.copy()
    threshold[4] = -(2**20) if threshold[4] > 0 else 2**20
    return Network(net.input_shape, net.input_bits, [*first, Linear(last.weight, threshold)])


@pytest.mark.parametrize(
    "simulator", [SIMULATORS[0], pytest.param("verilator", marks=pytest.mark.slow)]
)
def test_a_difference_is_named_in_the_networks_words(small, tmp_path, simulator):
    acc, images = small
    few = images[:3]
    broken = Accelerator(flip_threshold(acc.net), acc.folding, acc.dataflow)
    expected = acc.net.forward(few)
    image = int(np.flatnonzero(broken.net.forward(few)[:, 4] != expected[:, 4])[0])
    message = f"beats differ; the first is image {image}, beat 2, output 4 of layer 1"
    with pytest.raises(SimulationError, match=message):
        cosimulate(acc, few, expected, simulator, tmp_path, verilog=broken.verilog(), pauses=False)


@icarus
def test_settings_for_other_benches_are_not_inherited(small, tmp_path, monkeypatch):
    """Each of these once chose among the tests, seeded them, or loaded something else."""
    acc, images = small
    monkeypatch.setenv("COCOTB_TEST_FILTER", "full")
    monkeypatch.setenv("COCOTB_TESTCASE", "at_full_rate")
    monkeypatch.setenv("COCOTB_RANDOM_SEED", "no number")
    monkeypatch.setenv("RANDOM_SEED", "no number")
    monkeypatch.setenv("GPI_EXTRA", "/no/such/library.so")
    monkeypatch.setenv("LIBPYTHON_LOC", "/no/such/library.so")
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    few, moved = images[:2], []
    cosimulate(
        acc,
        few,
        acc.net.forward(few),
        "icarus",
        tmp_path,
        progress=lambda beats, total: moved.append((beats, total)),
    )
    results = next(tmp_path.glob("icarus-*/results.xml")).read_text()
    assert all(f'name="{name}"' in results for name in ("at_full_rate", "with_pauses"))
    assert os.environ["COCOTB_TEST_FILTER"] == "full"
    assert all(0 <= beats <= total for beats, total in moved)


def test_each_test_of_a_bench_is_expected():
    assert list_tests("bitlight_sim.bench") == ["at_full_rate", "with_pauses"]
    assert len(list_tests("axi_bench")) == 7
    assert list_tests("fault_bench") == ["image_by_image"]


RESULTS = """<testsuites><testsuite><testcase name="one"/><testcase name="two">{}</testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no results"),
        ("", "no results"),
        (RESULTS.format("<skipped/>"), "two did not run"),
        (RESULTS.format('<failure error_msg="wrong&#10;more"/>'), "two: wrong$"),
        ("<testsuites/>", "one, two did not run"),
    ],
)
def test_results_that_do_not_show_what_they_should(tmp_path, content, message):
    if content is not None:
        (tmp_path / "results.xml").write_text(content)
    with pytest.raises(SimulationError, match=message):
        _check(tmp_path / "results.xml", ["one", "two"])


def test_the_sampler_has_every_kind_of_unit():
    """What `make sim` shows on Icarus stands for all that a chain can be made of."""
    acc = Accelerator(TOPOLOGIES["sampler"].random(0))
    kinds = {type(unit) for unit in acc.units.values()}
    assert kinds == {MatrixVector, Gearbox, Pad, OrPool, Window, Slide}
    assert set(acc.dataflow) == {"output", "input"}
