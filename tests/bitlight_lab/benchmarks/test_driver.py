"""The driver on a line of real speed, and the emulated board that stands at its other end."""

import time

import numpy as np
import pytest
import serial as pyserial
from virtual_boards import images, network, network28

from bitlight import SimulationError
from bitlight_hw import Accelerator
from bitlight_hw.boards import board as find
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_hw.link.protocol import ANSWER, Kind, decode, encode
from bitlight_lab.benchmarks import driver
from bitlight_lab.benchmarks.emulated import Adapter, EmulatedBoard
from bitlight_sim import Board


@pytest.fixture(scope="module")
def serial():
    return SerialAccelerator(Accelerator(network(), [(2, 1), (3, 4)]), find("icebreaker"))


@pytest.fixture(scope="module")
def emulated(serial):
    with EmulatedBoard(serial, images(20)) as opened:
        yield opened


def test_it_answers_as_the_design_does(serial, emulated):
    with Board(emulated.port, network()) as board:
        out = board.run(images(20))
        told, counters = board.identity, board.counters()
    assert told == serial.linked.identity
    assert np.array_equal(out.features, network().forward(images(20)))
    assert out.latency == serial.linked.latency
    assert out.image_cycles[0] == serial.linked.latency
    assert out.resent == 0
    assert counters["images"] == 20


def test_the_line_has_its_pace():
    """As long as its bits last, and little more: a busy machine is late, but never early."""
    serial = SerialAccelerator(Accelerator(network28(), [(2, 4)]), find("icebreaker"))
    batch = images(40, shape=(28, 28, 1))
    with EmulatedBoard(serial, batch) as opened, Board(opened.port, network28()) as board:
        started = time.monotonic()
        out = board.run(batch)
        seconds = time.monotonic() - started
    bytes_sent = sum(len(encode(Kind.RUN, 0, one.tobytes())) - 1 for one in batch)
    line = bytes_sent * 10 / 3e6
    assert line < seconds < 20 * line
    # The board's own time knows nothing of a late host but where the line was empty.
    assert out.cycles_per_image / serial.clock_hz >= 0.99 * line / 40


def test_a_packet_that_is_not_full_waits_for_the_timer(serial):
    with (
        EmulatedBoard(serial, images(1), Adapter(latency_s=0.3)) as opened,
        pyserial.Serial(opened.port, timeout=5) as port,
    ):
        waited = []
        for sequence in range(3):
            started = time.monotonic()
            port.write(encode(Kind.IDENTIFY, sequence))
            port.read_until(b"\0")  # before the frame
            answer = decode(port.read_until(b"\0")[:-1])
            waited.append(time.monotonic() - started)
            assert answer.sequence == sequence
            assert answer.payload == serial.linked.identity.encoded
    assert waited[1] > 0.2  # the timer begins anew with each packet
    assert waited[2] > 0.2


def test_what_is_damaged_or_unknown_is_told(emulated):
    cut = encode(Kind.RUN, 3, images(1).tobytes())
    with pyserial.Serial(emulated.port, timeout=2) as port:
        port.write(cut[:9] + b"\0" + encode(Kind.RUN, 4, bytes(25)) + encode(9, 5))
        frames = []
        while len(frames) < 3:
            frames += filter(None, [decode(port.read_until(b"\0")[:-1])])
    kinds = [(frame.kind - ANSWER, frame.sequence) for frame in frames]
    assert kinds == [(Kind.DAMAGED, 0), (Kind.REFUSED, 4), (Kind.REFUSED, 5)]


def test_figures(serial):
    found = driver.compare(serial, 30, 2)
    for row in found.values():
        assert (row["images"], row["features_different"]) == (30, 0)
        assert row["features_compared"] == 2 * 30 * 12
        assert len(row["host_ms_per_image"]) == len(row["ms_per_image"]) == 2
        assert row["ms_per_image_of_line"] >= 1
        assert all(0 < own < 5 for own in row["host_ms_per_image"])  # a busy machine is slow


def test_a_line_that_dribbles(serial):
    row = driver.compare(serial, 4, 1, dribble=30_000)["noise"]
    assert row["line_ms_per_image"] == pytest.approx(36 * 10 / 30, rel=0.1)
    assert row["features_different"] == 0


def test_a_wrong_feature_ends_it(serial, monkeypatch):
    forward, said = serial.acc.net.forward, []

    def other(batch):  # once for the board, once to compare with
        said.append(1)
        return forward(batch) ^ (len(said) > 1)

    monkeypatch.setattr(type(serial.acc.net), "forward", lambda self, batch: other(batch))
    with pytest.raises(SimulationError, match="features are wrong"):
        driver.measure(serial, images(3), rounds=1)
