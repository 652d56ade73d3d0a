"""Long work tells where it is, and short work is quiet."""

import io
import itertools
import subprocess
import sys
import time

import pytest

from bitlight.console import telling
from bitlight.console.progress import progress, steps, working


def test_lines_are_frequent_at_first():
    assert list(itertools.islice(telling.moments(), 9)) == [10, 20, 30, 40, 50, 60, 120, 180, 240]


@pytest.fixture
def hurried(monkeypatch):
    """A hundredth of the time between lines."""
    monkeypatch.setattr(telling, "FIRST", tuple(moment / 100 for moment in telling.FIRST))
    monkeypatch.setattr(telling, "EVERY", telling.EVERY / 100)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_progress(hurried, capsys):
    with progress("simulating", 1000, 100) as done:
        time.sleep(0.15)
        done(400)
        time.sleep(0.1)
        done(900, 2000)
        time.sleep(0.1)
    first, second, third, *_ = lines(capsys)
    assert first.startswith("simulating: 100 of 1,000 after 0 s")
    assert second.startswith("simulating: 400 of 1,000, ")
    assert second.endswith("/s, 0 s left")
    assert third.startswith("simulating: 900 of 2,000, ")


def test_work_without_an_end_and_steps(hurried, capsys):
    with working("compiling"):
        time.sleep(0.15)
    assert lines(capsys)[0] == "compiling: 0 s"
    with steps() as begin:
        begin("placing")
        time.sleep(0.15)
        begin("packing")
        time.sleep(0.1)
    assert [line.split(":")[0] for line in lines(capsys)[:2]] == ["placing", "packing"]


def test_short_work_says_nothing(capsys):
    with progress("simulating", 10) as done:
        done(10)
    assert lines(capsys) == []


def test_a_log_that_is_closed_stops_nothing(hurried, monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with working("compiling"):
        time.sleep(0.15)


def test_training_tells_each_epoch(tmp_path):
    command = "train tfc digits run --test digits --curve --epochs 2 --batch-size 64 --threads 1"
    done = subprocess.run(
        [sys.executable, "-m", "bitlight.cli", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in told] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert all(" loss " in line and " accuracy " in line for line in told)
    assert told[-1].endswith("about 0 s left")
