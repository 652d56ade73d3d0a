"""A command that is told to stop: its children end, nothing is left behind, the code says why."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import session_of

from bitlight import Linear, Network
from bitlight.files import scratch

SHARED = Path("/dev/shm")


@pytest.fixture
def started(tmp_path):
    """Starts `bitlight …` in a session of its own, with its own cache and temporary files."""
    running = []
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {
        "TMPDIR": str(tmp_path / "tmp"),
        "BITLIGHT_CACHE": str(tmp_path / "cache"),
        "PYTHONUNBUFFERED": "1",
    }

    def start(*arguments):
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "bitlight.cli", *map(str, arguments)],
                env=environment,
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")


def network(tmp_path):
    rng = np.random.default_rng(0)
    layers = [Linear(rng.random((64, 784)) < 0.5, rng.integers(-9, 9, 64))]
    Network((784,), 1, layers).save(tmp_path / "net.bnn")
    return tmp_path / "net.bnn"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_compiling_simulator_ends_with_its_command(started, tmp_path, number, code):
    before = set(SHARED.glob("bitlight.*"))
    process = started("simulate", network(tmp_path), "random:50", "--engine", "verilator")
    wait_for(lambda: len(session_of(process.pid)) > 1)
    process.send_signal(number)
    assert process.wait(20) == code
    assert b"interrupted" in process.stdout.read()
    wait_for(lambda: session_of(process.pid) == [], 3)
    assert [*(tmp_path / "tmp").iterdir()] == []
    # Simulations of other tests end as well.
    wait_for(lambda: set(SHARED.glob("bitlight.*")) <= before)


def test_training_goes_on_where_it_was_stopped(started, tmp_path):
    arguments = ("train", "small28", "digits", tmp_path / "run", "--epochs", 40, "--threads", 1)
    arguments += ("--batch-size", 32)
    process = started(*arguments)
    wait_for((tmp_path / "run/history.json").exists)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    import torch

    content = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    assert content["step"] > 0


def test_an_exception_that_nothing_could_raise_comes_again():
    """In a `__del__` Python would pass it over, and the command would go on."""
    program = """
import os, signal, sys, time
from bitlight.cli.stopping import Stopped, stoppable
class Slow:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
try:
    with stoppable():
        slow = Slow()
        del slow
        for _ in range(100):
            time.sleep(0.05)
        print("went on")
except Stopped as stop:
    print(stop.code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"143"]


def test_grandchildren_end_too():
    program = """
import subprocess, sys, time
from bitlight.cli.stopping import children, stoppable
import os, signal
child = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
try:
    with stoppable():
        subprocess.Popen([sys.executable, "-c", child])
        while len(children()) < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(30)
except KeyboardInterrupt:
    print(len(children()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"0"]


def test_any_command_sweeps_what_killed_ones_have_left(started, tmp_path):
    memory, temporary = SHARED / f"bitlight.{os.getpid()}", tmp_path / "tmp" / "bitlight-cache-x"
    for left in (memory, temporary):
        left.mkdir()
        (left / "content").touch()
    with scratch.folder_in(SHARED, scratch.SHARED) as used:
        assert started("cache", "show").wait() == 0
        assert used.is_dir()
    assert not memory.exists()
    assert not temporary.exists()
