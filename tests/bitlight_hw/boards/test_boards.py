"""Boards: their pins, the settings of their loops, their constraints, and what fits."""

import re
from itertools import pairwise

import numpy as np
import pytest

from bitlight import BitlightError, Conv2d, FoldingError, Linear, Network, SynthesisError
from bitlight_hw import Accelerator
from bitlight_hw.boards import NAMES, board, constraints, flow, pll
from bitlight_hw.boards.choosing import excess, room_on, serial_for
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_hw.boards.vivado import write_project

PINS = {
    "icebreaker": ("35", "6", "9", 12_000_000),
    "ulx3s_85f": ("G2", "M1", "L4", 25_000_000),
    "ulx3s_25f": ("G2", "M1", "L4", 25_000_000),
    "ulx3s_12f": ("G2", "M1", "L4", 25_000_000),
    "orangecrab": ("A9", "N17", "M18", 48_000_000),
    "colorlight_i5": ("P3", "H18", "J17", 25_000_000),
    "tang_nano_9k": ("52", "18", "17", 27_000_000),
    "arty_a7_35t": ("E3", "A9", "D10", 100_000_000),
}


def network(width=8):
    rng = np.random.default_rng(2)
    convolution = Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4))
    linear = Linear(rng.random((width, 144)) < 0.5, rng.integers(-9, 9, width))
    return Network((8, 8, 1), 8, [convolution, linear])


def serial(name="icebreaker", clock_hz=None):
    return SerialAccelerator(Accelerator(network(), [(1, 1), (1, 4)]), board(name), clock_hz)


@pytest.mark.parametrize("name", NAMES)
def test_pins_and_oscillator(name):
    one = board(name)
    sites = [one.pins[port].site for port in ("clk", "rx", "tx")]
    assert (*sites, one.oscillator_hz) == PINS[name]
    assert one.name == name


def numbers(text):
    return {
        name: int(value)
        for name, value in re.findall(r"\.(\w+)\((?:\d+'d)?(\d+)\)", text)
        if not name.endswith("PHASE")
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_loop_makes_the_clock_it_is_asked_for(name):
    one = board(name)
    fed, made = one.oscillator_hz, one.clock_hz
    text = one.pll(fed, made)
    found = numbers(text)
    if one.pll is pll.ice40:
        vco = fed * (found["DIVF"] + 1) / (found["DIVR"] + 1)
        assert 533e6 <= vco <= 1066e6
        assert vco / 2 ** found["DIVQ"] == made
    elif one.pll is pll.ecp5 and fed != made:
        assert fed / found["CLKI_DIV"] * found["CLKFB_DIV"] == made
        assert 400e6 <= made * found["CLKOP_DIV"] <= 800e6
    elif one.pll is pll.xc7:
        vco = fed * found["CLKFBOUT_MULT"] / found["DIVCLK_DIVIDE"]
        assert 800e6 <= vco <= 1600e6
        assert vco / found["CLKOUT0_DIVIDE"] == made
    else:
        assert fed == made
        assert "assign clk_out = clk_in" in text


def test_the_loop_of_a_gowin():
    found = numbers(pll.gw1n_9c(27_000_000, 54_000_000))
    assert 27e6 * (found["FBDIV_SEL"] + 1) / (found["IDIV_SEL"] + 1) == 54e6
    assert 400e6 <= 54e6 * found["ODIV_SEL"] <= 1200e6


def test_a_clock_that_no_setting_makes():
    with pytest.raises(BitlightError, match=r"makes 24\.000001 MHz of 12 MHz|makes 24 MHz"):
        pll.ice40(12_000_000, 24_000_001)


def test_a_clock_that_fits_no_baud():
    with pytest.raises(BitlightError, match=r"only with \+6\.7%; take a multiple"):
        serial("icebreaker", 16_000_000)


@pytest.mark.parametrize("name", NAMES)
def test_constraints_name_every_port(name):
    one = board(name)
    made = [
        form(one, one.clock_hz)
        for form in (constraints.pcf, constraints.lpf, constraints.cst, constraints.xdc)
    ]
    for text in made:
        for port, pin in one.pins.items():
            line = next(line for line in text.splitlines() if port in line and pin.site in line)
            assert line
    assert made[0].splitlines()[0] == f"set_io clk {one.pins['clk'].site}"


def test_the_top_is_the_same_in_simulation_but_for_its_loop():
    one = serial()
    assert "SB_PLL40_PAD" in one.top()
    real, simulated = one.top(), one.top(simulated=True)
    assert real.partition("endmodule")[2] == simulated.partition("endmodule")[2]


def test_a_project_for_vivado_is_whole(tmp_path):
    one = serial("arty_a7_35t")
    script = write_project(one, tmp_path).read_text()
    read = re.findall(r"^read_\w+ (?:-sv )?(\S+)$", script, re.M)
    assert all((tmp_path / name).is_file() for name in read)
    assert "-part xc7a35ticsg324-1L" in script
    assert "module bitlight_serial" in (tmp_path / "serial.v").read_text()
    with pytest.raises(SynthesisError, match=r"no open tool .* places xc7a35t"):
        flow.synthesise(one, tmp_path)


def test_a_build_that_fails_leaves_no_earlier_bitstream(tmp_path, monkeypatch):
    """`bitlight board load` would take it for this design's."""
    one = serial()
    earlier = tmp_path / one.board.bitstream
    earlier.write_bytes(b"of another design")

    def fails(step, say):
        raise SynthesisError("no room on the disk")

    monkeypatch.setattr(flow.steps, "run", fails)
    with pytest.raises(SynthesisError, match="no room"):
        flow.synthesise(one, tmp_path)
    assert not earlier.exists()


def test_the_folding_keeps_up_with_the_link():
    one = serial_for(network(), board("icebreaker"))
    assert one.bottleneck == "link"
    assert one.linked.interval <= one.linked.latency <= one.linked.line_cycles
    assert excess(one) is None
    assert one.images_per_s == one.clock_hz / one.linked.line_cycles


def test_what_does_not_fit_says_so():
    net = network(8000)
    taken = r"it takes about [\d,]+ (logic cells|RAM40_4K), .*% of .*"
    message = f"does not fit iCEBreaker v1.0: {taken}; take .* as ulx3s"
    with pytest.raises(FoldingError, match=message):
        serial_for(net, board("icebreaker"))


def test_block_rams_have_the_names_of_their_part():
    """Gowin's are counted as ECP5's are, but are none."""
    rng = np.random.default_rng(0)
    sizes = (784, 1024, 1024, 10)
    layers = [
        Linear(rng.random((out, given)) < 0.5, np.zeros(out, np.int32))
        for given, out in pairwise(sizes)
    ]
    with pytest.raises(FoldingError, match=r"\d block RAMs: that is too little") as caught:
        serial_for(Network((784,), 1, layers), board("tang_nano_9k"))
    assert "DP16KD" not in str(caught.value)
    assert room_on(network(), board("tang_nano_9k")).family.block_name == "block RAMs"
    assert room_on(network(), board("orangecrab")).family.block_name == "DP16KD"


def test_no_such_board():
    with pytest.raises(BitlightError, match="no board 'de10': there are icebreaker, ulx3s_85f"):
        board("de10")
    assert board("ulx3s") is not None
    assert board("ULX3S-25F").name == "ulx3s_25f"
