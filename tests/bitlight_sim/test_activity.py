"""What the bit-sliced simulator counts is what Verilator's own trace says, net by net."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from datasets import fashion_mnist_or_skip
from networks import draw_images
from saif_reference import read, reference

from bitlight import BitlightError, Conv2d, Linear, MaxPool2d, Network, extractors
from bitlight.cli.main import cli
from bitlight_hw import Accelerator
from bitlight_sim import activity, saif
from bitlight_sim.activity import ActivitySimulator
from bitlight_sim.energy import by_unit
from bitlight_sim.sliced import build

PERIOD_PS = 10_000


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(7)
    layers = [
        Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4), padding=(1, 1)),
        MaxPool2d(),
        Linear(rng.random((6, 36)) < 0.5, rng.integers(-9, 9, 6)),
    ]
    net = Network((6, 6, 1), 8, layers)
    return Accelerator(net, [(2, 3), (3, 4)]), draw_images(rng, net, 9)


@pytest.fixture(scope="module")
def counted(small):
    acc, images = small
    simulator = ActivitySimulator(acc)
    simulator.run(images)
    return simulator


def in_cycles(text):
    bits, duration = read(text)
    assert duration % PERIOD_PS == 0
    counts = {
        path: (low // PERIOD_PS, high // PERIOD_PS, changes)
        for path, (low, high, changes) in bits.items()
        if path[-1] != "clk"
    }
    assert all(low + high == duration // PERIOD_PS for low, high, _ in counts.values())
    return counts, duration // PERIOD_PS


def compare_with_verilator(acc, images, simulator, folder):
    assert simulator.activity.runs == 1
    mine, cycles = in_cycles(saif.write(simulator.activity, acc.verilog("xc7"), 100))
    theirs, verilators = reference(acc, images, "xc7", folder)
    assert cycles == verilators == simulator.activity.cycles
    assert mine == {path: theirs[path] for path in mine}
    # What is left is what memories hold, and the clock.
    others = {path[-1] for path in theirs.keys() - mine.keys()}
    left = {name for name in others if not name.lower().startswith(("memory", "words", "n["))}
    assert left == {"clk"}
    return mine


def test_saif_is_that_of_verilator(small, counted, tmp_path):
    acc, images = small
    mine = compare_with_verilator(acc, images, counted, tmp_path)
    assert sum(changes > 0 for _, _, changes in mine.values()) > 200
    other, _ = reference(acc, images[::-1], "xc7", tmp_path)  # other data, other counts
    assert mine != {path: other[path] for path in mine}


def test_runs_are_simulations_of_their_own(small, monkeypatch):
    acc, images = small
    monkeypatch.setattr(activity, "RUN", 5)
    whole = ActivitySimulator(acc)
    whole.run(images)  # images 0 to 4, and 5 to 8 and 0 again
    found = whole.activity
    assert (found.runs, found.images) == (2, 10)
    one, other = ActivitySimulator(acc), ActivitySimulator(acc)
    one.run(images[:5])
    other.run(images[[5, 6, 7, 8, 0]])
    nets = {net for signal in found.signals for net in signal.nets}
    for part in ("changed", "high"):
        total = [
            getattr(one.activity, part)(net) + getattr(other.activity, part)(net) for net in nets
        ]
        assert total == [getattr(found, part)(net) for net in nets]
    assert found.cycles == one.activity.cycles + other.activity.cycles


def test_long_runs_do_not_overflow(small, counted, monkeypatch):
    acc, images = small
    monkeypatch.setattr(build, "COMPILE", [*build.COMPILE, "-DDRAIN=16"])
    often = ActivitySimulator(acc)
    often.run(images)
    one, other = (replace(each.activity, memories=[]) for each in (often, counted))
    assert one == other


def test_energy_by_unit(small, counted):
    acc, images = small
    units = {unit.name: unit for unit in by_unit(acc, counted.activity)}
    assert [*units][: len(acc.units)] == [*acc.units]
    assert units["layer0_matvec"].products == 36 * 4 * 9 * 8
    # Weights of six words of three lanes of four bits, read in each cycle.
    lanes = units["layer2_matvec"].memory_bits * counted.activity.images / counted.activity.cycles
    assert lanes >= 3 * 4 - 1e-9
    dark = ActivitySimulator(acc)
    dark.run(np.zeros_like(images))
    still = sum(unit.changes for unit in by_unit(acc, dark.activity))
    assert still < sum(unit.changes for unit in units.values())


def test_command(small, tmp_path):
    acc, images = small
    acc.net.save(tmp_path / "net.bnn")
    np.save(tmp_path / "images.npy", images)
    words = ["energy", "net.bnn", "images.npy", "--folding", "2,3/3,4", "--processes", "1"]
    words += ["--saif", "net.saif", "--json", "energy.json"]
    paths = [str(tmp_path / word) if "." in word else word for word in words]
    done = CliRunner().invoke(cli, paths, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "an estimate" in done.output
    figures = json.loads((tmp_path / "energy.json").read_text())
    assert figures["bits_different"] == 0
    assert figures["nj_estimated"] == pytest.approx(sum(unit["nj"] for unit in figures["units"]))
    assert in_cycles((tmp_path / "net.saif").read_text())[1] == figures["cycles"]


def test_unknown_targets_are_refused(small):
    with pytest.raises(BitlightError, match="target must be one of"):
        ActivitySimulator(small[0], target="gowin")


@pytest.mark.slow
def test_saif_of_twenty_images_of_fashion28(tmp_path):
    images = fashion_mnist_or_skip("test")[0][:20].reshape(20, 28, 28, 1)
    acc = Accelerator(extractors.features())
    simulator = ActivitySimulator(acc)
    simulator.run(images)
    compare_with_verilator(acc, images, simulator, tmp_path)
