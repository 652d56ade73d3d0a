"""`bitlight synth`: tables, figures and the cache, with the tools themselves."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bitlight import Linear, Network, SimulationError
from bitlight.cli.main import cli
from bitlight.files.cache import section
from bitlight_hw import Accelerator, synthesis
from bitlight_sim.cells.simulator import NetlistSimulator
from bitlight_sim.commands import synth as fpga


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `bitlight synth` on a network of one layer, with a cache of its own."""
    rng = np.random.default_rng(0)
    net = Network((16,), 1, [Linear(rng.random((4, 16)) < 0.5, rng.integers(-4, 5, 4))])
    net.save(tmp_path / "net.bnn")
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(section("wasm")))  # the tools are compiled
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    fixed = [str(tmp_path / "net.bnn"), "--folder", str(tmp_path), "--json", str(tmp_path / "a")]

    def run(*arguments):
        result = CliRunner().invoke(cli, ["synth", *fixed, *map(str, arguments)])
        assert result.exit_code == 0, result.output
        return result.output, json.loads((tmp_path / "a").read_text())

    return run


def test_the_targets_are_those_of_the_flow():
    assert list(synthesis.TARGETS) == fpga.TARGETS


def test_the_netlist_is_compared_with_the_golden_model(run, tmp_path):
    arguments = ("--target", "ice40-up5k", "--no-place", "--cycles", 16)
    out, figures = run(*arguments, "--verify", "--images", "random:20")
    assert "latency measured" in out
    found = figures["verified"]
    assert (found["images"], found["bits_compared"], found["bits_different"]) == (20, 80, 0)
    assert found["cycles_measured"] == found["cycles_predicted"] == 16
    assert found["passed"] is True
    # A comparison that cannot fail is none: a netlist with one weight turned over must differ.
    net = Network.load(tmp_path / "net.bnn")
    weight = net.layers[0].weight.copy()
    weight[2, 5] ^= True
    other = Network((16,), 1, [Linear(weight, net.layers[0].threshold)])
    report = tmp_path / "other"
    target = synthesis.target("ice40-up5k")
    text = Accelerator(other, figures["folding"]).verilog("ice40")
    synthesis.synthesise(text, target, report, place=False)
    cells = synthesis.netlist(report, target, say=lambda label: None)
    images = np.random.default_rng(1).integers(0, 2, (64, 16)).astype(np.uint8)
    given = NetlistSimulator(Accelerator(net, figures["folding"]), "ice40", cells).run(images)
    differs = (given.features != net.forward(images)).any(axis=0)
    assert differs.tolist() == [False, False, True, False]
    assert np.array_equal(given.features, other.forward(images))


def test_7_series_cannot_be_verified(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["synth", "small28", "--target", "xc7", "--verify"])
    assert isinstance(result.exception, SimulationError)
    assert "no model of the cells of xc7; a netlist can be simulated for" in str(result.exception)


def test_synth_places_and_says_where_everything_is(run, tmp_path):
    out, figures = run("--target", "ice40-up5k", "--per-unit", "--cycles", 16)
    placement = figures["placement"]
    assert figures["cycles_per_image"] == 16
    assert figures["images_per_s"] == placement["fmax_mhz"] * 1e6 / 16
    assert figures["total"]["luts"] > 0
    assert "layer0_matvec" in figures["units"]
    for shown in ("layer0_matvec", "ICESTORM_LC", "clock frequency", "images/s", "place and route"):
        assert shown in out
    files = {path.name for path in (tmp_path / "ice40-up5k").iterdir()}
    assert {"design.v", "netlist.json", "timing-only-not-for-a-board.asc"} <= files
    assert "for a board" in out
    assert placement["bitstream"] is None

    out, figures = run("--target", "ice40-up5k", "--no-place", "--cycles", 16)
    assert figures["cached"] == ["synthesis"]
    assert figures["placement"] is figures["images_per_s"] is None
    assert "clock frequency" not in out
