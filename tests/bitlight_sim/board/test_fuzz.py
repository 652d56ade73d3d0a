"""Faults on the line at random: every answer right or an error, no hang, and the link lives on."""

import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import serial as pyserial
from faulty_port import FaultyPort
from virtual_boards import TIMEOUT, images, network, virtual_board

from bitlight import BitlightError
from bitlight_sim import Board

RUNS = int(os.environ.get("BOARD_FAULT_RUNS", "1000"))
LONGEST_S = 60.0


@pytest.mark.fuzz
def test_faults_at_random():
    found: Counter[str] = Counter()
    started, longest = time.monotonic(), 0.0
    with virtual_board() as virtual:
        for run in range(RUNS):
            rng = np.random.default_rng([29, run])
            batch = images(int(rng.integers(1, 16)), run)
            gone = int(rng.integers(50, 1500)) if rng.random() < 0.2 else None
            odds = float(rng.choice([0.0005, 0.002, 0.01]))
            port = FaultyPort(pyserial.Serial(virtual.port, timeout=0.01), run, odds, gone)
            began = time.monotonic()
            try:
                with Board(port, network(), timeout=TIMEOUT) as board:
                    out = board.run(batch)
            except BitlightError:
                found["errors"] += 1
            else:
                assert np.array_equal(out.features, network().forward(batch)), run
                found["right"] += 1
                found["resent"] += out.resent
            longest = max(longest, time.monotonic() - began)
            assert longest < LONGEST_S, f"run {run} hangs"
            found["faults"] += port.faults
            found["disconnects"] += gone is not None and port.left < 0
            with Board(virtual.port, network()) as board:
                assert np.array_equal(board.run(batch[:2]).features, network().forward(batch[:2]))
    assert found["right"] + found["errors"] == RUNS
    assert found["right"] > RUNS // 2
    figures = dict(found) | {
        "runs": RUNS,
        "longest_s": round(longest, 2),
        "seconds": round(time.monotonic() - started),
    }
    if path := os.environ.get("BOARD_FAULT_JSON"):
        Path(path).write_text(json.dumps(figures, indent=2) + "\n")
