"""The clock that a design is given in the end: the highest that it reaches."""

import numpy as np
import pytest

from bitlight import Linear, Network, SynthesisError
from bitlight_hw.boards import NAMES, board, closing
from bitlight_hw.boards.choosing import serial_for
from bitlight_hw.boards.closing import clocks, close
from bitlight_hw.boards.flow import Built, TooSlow


def network():
    rng = np.random.default_rng(3)
    return Network((8, 8, 1), 4, [Linear(rng.random((16, 64)) < 0.5, rng.integers(-60, 60, 16))])


@pytest.fixture
def placer(monkeypatch, tmp_path):
    """What placing would say of each clock, instead of minutes of placing."""
    reached = []

    def synthesise(serial, folder, *, seed, say):
        clock_mhz, fmax_mhz = serial.clock_hz / 1e6, reached.pop(0)
        if fmax_mhz < clock_mhz:
            raise TooSlow(serial.board, fmax_mhz, clock_mhz)
        return Built(tmp_path / "board.bit", fmax_mhz, clock_mhz, {}, {})

    monkeypatch.setattr(closing, "synthesise", synthesise)
    return reached


@pytest.mark.parametrize("name", NAMES)
def test_clocks_begin_with_the_boards_own_and_fit_its_line(name):
    one = board(name)
    found = clocks(one)
    assert found[0] == one.clock_hz
    assert found == sorted(found, reverse=True)
    assert len(found) > 3
    for clock in found:
        assert abs(clock / round(clock / one.baud) / one.baud - 1) <= 0.02
        one.pll(one.oscillator_hz, clock)


def test_a_clock_that_is_reached_is_kept(placer, tmp_path):
    placer += [70.0]
    net, one = network(), board("ulx3s")
    closed = close(net, serial_for(net, one), tmp_path)
    assert (closed.serial.clock_hz, closed.missed) == (62_500_000, {})


def test_the_next_clock_is_the_highest_that_was_reached(placer, tmp_path):
    placer += [55.1, 52.0, 50.5]
    net, one = network(), board("ulx3s")
    closed = close(net, serial_for(net, one), tmp_path)
    assert closed.missed == {62.5: 55.1, 55.0: 52.0}
    assert closed.built.clock_mhz == closed.serial.clock_hz / 1e6 == 50
    # The folding is one for that clock: it still keeps up with the link.
    assert closed.serial.linked.latency <= closed.serial.linked.line_cycles


def test_clocks_come_to_an_end(placer, tmp_path):
    placer += [20.0, 3.0]
    net, one = network(), board("ulx3s")
    with pytest.raises(SynthesisError, match=r"reaches 3.0 MHz, less than its clock of 15 MHz"):
        close(net, serial_for(net, one), tmp_path)
