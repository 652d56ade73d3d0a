"""The driver against a virtual board: the same design down to the pins, behind a terminal."""

import os
import pty
import time
import tty

import numpy as np
import pytest
import serial as pyserial
from faulty_port import FaultyPort
from virtual_boards import TIMEOUT, images, network, network28, virtual_board

from bitlight import BinaryFeatures, NetworkError, SimulationError
from bitlight_sim import Board
from bitlight_sim.simulator import Run


@pytest.fixture(scope="module")
def virtual():
    with virtual_board() as opened:
        yield opened


def faulty(virtual, seed, **faults):
    return FaultyPort(pyserial.Serial(virtual.port, timeout=0.01), seed, **faults)


def test_features_and_cycles(virtual):
    batch, done = images(60), []
    with Board(virtual.port, network()) as board:
        out = board.run(batch, done.append)
        told, counters = board.identity, board.counters()
    linked = virtual.serial.linked
    assert isinstance(out, Run)
    assert np.array_equal(out.features, network().forward(batch))
    assert out.features.dtype == np.uint8
    assert out.image_cycles.tolist() == [linked.latency] * 60
    assert out.latency == told.latency == linked.latency
    assert (out.resent, done[-1]) == (0, 60)
    assert counters == dict(images=60, damaged=0, refused=0, overruns=0, cycles=linked.latency)
    assert (told.board, told.network) == ("icebreaker", network().id)


def test_the_first_question_is_answered():
    """A board is in reset when its port is there already."""
    started = time.monotonic()
    with virtual_board() as opened, Board(opened.port, network(), timeout=100):
        assert time.monotonic() - started < 15  # it is asked again after 20 s


def test_a_question_is_put_again_and_a_late_answer_counts(virtual):
    class Slow(FaultyPort):
        """What it hears comes after the question was put again."""

        def read(self, size=1):
            data = self.port.read(size)
            time.sleep(0.15 if data else 0)
            return data

    port = Slow(pyserial.Serial(virtual.port, timeout=0.01), 0)
    with Board(port, network(), timeout=0.5) as board:  # asked again after 0.1 s
        assert board.identity.network == network().id


@pytest.mark.slow
def test_the_link_is_kept_busy():
    """With images that take long to simulate, so that a busy machine's host is never late."""
    net = network28()
    with virtual_board(net) as opened, Board(opened.port, net) as board:
        out = board.run(images(20, shape=(28, 28, 1)))
    assert out.cycles_per_image <= opened.serial.linked.line_cycles / 0.95


def test_the_driver_takes_little_time_itself(virtual):
    from bitlight_hw.link import protocol

    large = np.random.default_rng(0).integers(0, 256, 3072).astype(np.uint8).tobytes()
    started = time.process_time()
    for _ in range(20):
        protocol.encode(2, 1, large)
        protocol.decode(protocol.encode(2, 1, large[:400])[1:-1])
    assert (time.process_time() - started) / 20 < 1e-3


def test_another_network_is_refused(virtual):
    with pytest.raises(SimulationError, match="icebreaker has network .*, not"):
        Board(virtual.port, network(6)).__enter__()
    with Board(virtual.port, network()) as board:  # and the port is free again
        assert len(board.run(images(1)).features) == 1


def test_a_port_has_one_host(virtual):
    """Two would take parts of each other's answers."""
    with Board(virtual.port, network()) as board:
        with pytest.raises(SimulationError, match="/dev/.* is in use: another program has it"):
            Board(virtual.port, network()).__enter__()
        assert np.array_equal(board.run(images(3)).features, network().forward(images(3)))


def test_the_drivers_part_is_told(virtual):
    """Processor time of the host: a board may take as long as it wants."""
    with Board(virtual.port, network()) as board:
        out = board.run(images(40))
    assert 0 < out.host_seconds <= 40 * 5e-3  # an image is small, a busy machine slow


def test_images_that_do_not_fit_are_refused_before_anything_is_sent(virtual):
    with Board(virtual.port, network()) as board:
        with pytest.raises(NetworkError):
            board.run(np.zeros((2, 4, 5, 1), np.uint8))
        with pytest.raises(SimulationError, match="no images"):
            board.run(images(0))


@pytest.mark.parametrize("seed", range(8))
def test_faults_on_the_line(virtual, seed):
    batch = images(12, seed)
    port = faulty(virtual, seed, odds=0.003)
    with Board(port, network(), timeout=TIMEOUT) as board:
        out = board.run(batch)
    assert np.array_equal(out.features, network().forward(batch))


def test_a_pulled_cable_is_an_error_and_the_link_lives_on(virtual):
    port = faulty(virtual, 1, gone_after=900)
    with (
        pytest.raises(SimulationError, match="the serial port is gone: the cable was pulled"),
        Board(port, network(), timeout=TIMEOUT) as board,
    ):
        board.run(images(200))
    with Board(virtual.port, network()) as board:
        assert np.array_equal(board.run(images(3)).features, network().forward(images(3)))


def test_garbage_before_a_host_comes(virtual):
    with pyserial.Serial(virtual.port) as port:
        port.write(np.random.default_rng(2).integers(0, 256, 3000).astype(np.uint8).tobytes())
    with Board(virtual.port, network()) as board:
        assert np.array_equal(board.run(images(3)).features, network().forward(images(3)))


def test_nothing_answers():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        with pytest.raises(SimulationError, match="nothing answers on .* baud"):
            Board(os.ttyname(theirs), network(), timeout=0.02).__enter__()
    finally:
        os.close(ours)
        os.close(theirs)


def test_no_such_port():
    with pytest.raises(SimulationError, match="cannot open the serial port /dev/no-such"):
        Board("/dev/no-such", network()).__enter__()
    with pytest.raises(SimulationError, match="not open"):
        Board("/dev/no-such", network()).run(images(1))


def test_the_engine(virtual):
    features = BinaryFeatures(network(), engine="board", port=virtual.port)
    assert np.array_equal(features.fit_transform(images(5)), network().forward(images(5)))
    features = BinaryFeatures(network(), engine="board", port=f"{virtual.port}@2000000")
    assert np.array_equal(features.fit_transform(images(2)), network().forward(images(2)))
    with pytest.raises(NetworkError, match="wants a port"):
        BinaryFeatures(network(), engine="board").fit_transform(images(1))
