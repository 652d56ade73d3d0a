"""How the listener waits: seldom on a slow line, at once when it is to end."""

import os
import pty
import time
import tty

import pytest

from bitlight_hw.link.protocol import Kind, encode
from bitlight_sim.board.line import GATHER_S, Line, _Pace, open_port

LEAST, MOST = GATHER_S


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_bytes_gather_for_a_share_of_the_time_between_answers():
    pace, now = _Pace(), 100.0
    assert pace.pause(0, now) == LEAST  # nothing is known yet
    for _ in range(3):
        now += 0.1
        pace.pause(1, now)
    assert pace.pause(0, now + 0.01) == pytest.approx(0.025)
    now += 0.1
    assert pace.pause(10, now) == pytest.approx(0.0025)  # ten came at once


def test_a_host_that_was_busy_for_long_is_not_a_slow_line():
    pace, now = _Pace(), 0.0
    for gap in (0.004, 0.004, 3.0):
        now += gap
        assert pace.pause(1, now) <= 0.001
    assert pace.pause(1, now + 0.004) == pytest.approx(0.001)


def test_a_pause_has_its_ends():
    pace, now = _Pace(), 0.0
    for gap, wanted in ((9.0, LEAST), (9.0, MOST), (9.0, MOST), (1e-5, LEAST)):
        now += gap
        assert pace.pause(1, now) == wanted


def test_closing_wakes_the_listener(terminal):
    line = Line(open_port(terminal[1], 3_000_000))
    time.sleep(0.02)  # it waits for bytes
    started = time.monotonic()
    line.close()
    assert time.monotonic() - started < 0.2


def test_frames_in_pieces_are_heard_whole(terminal):
    line = Line(open_port(terminal[1], 3_000_000))
    try:
        wire = encode(Kind.RUN, 1, bytes(range(200))) + encode(Kind.COUNTERS, 2)
        for place in range(0, len(wire), 7):
            os.write(terminal[0], wire[place : place + 7])
            time.sleep(0.001)
        heard = [line.hear(time.monotonic() + 5) for _ in range(2)]
        assert [frame.sequence for frame in heard] == [1, 2]
        assert heard[0].payload == bytes(range(200))
    finally:
        line.close()
