"""Stores on the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from stores import small_network

from bitlight import FeatureStore
from bitlight.features.npz import FeatureFile


@pytest.fixture
def net(tmp_path):
    small_network().save(tmp_path / "net.bnn")
    return tmp_path / "net.bnn"


def test_fill_check_and_export(run, net, tmp_path):
    arguments = ("features", net, "random:1000", tmp_path / "s", "--chunk", 64)
    assert run(*arguments, "--json", tmp_path / "a.json")[0] == 0
    assert json.loads((tmp_path / "a.json").read_text())["chunks_written"] == 16
    code, out, _ = run("store", "check", tmp_path / "s")
    assert code == 0
    assert "random:1000" in out
    (tmp_path / "s/labels/c/3").write_bytes(b"")
    code, _, err = run("store", "check", tmp_path / "s", "--json", tmp_path / "c.json")
    assert code == 1
    assert "chunk 3 of" in err
    assert json.loads((tmp_path / "c.json").read_text())["damaged"] == [3]
    assert run("store", "check", tmp_path / "s", "--drop")[0] == 1
    code, _, err = run("store", "export", tmp_path / "s", tmp_path / "b.npz")
    assert code == 2
    assert "lacks 1 of 16 chunks" in err
    # Without --chunk it takes those that are there.
    assert run(*arguments[:-2], "--json", tmp_path / "a.json")[0] == 0
    assert json.loads((tmp_path / "a.json").read_text())["chunks_written"] == 1
    assert run("store", "check", tmp_path / "s")[0] == 0
    assert run("store", "export", tmp_path / "s", tmp_path / "b.npz")[0] == 0
    assert run("features", net, "random:1000", tmp_path / "c.npz")[0] == 0
    files = [FeatureFile.load(tmp_path / name).features for name in ("b.npz", "c.npz")]
    assert np.array_equal(*files)
    assert not list(tmp_path.glob(".c.npz*"))


def test_merge(run, net, tmp_path):
    for name, count in (("a", 100), ("b", 50)):
        assert run("features", net, f"random:{count}", tmp_path / name)[0] == 0
    code, out, _ = run("store", "merge", tmp_path / "m", tmp_path / "a", tmp_path / "b")
    assert code == 0
    assert "150 × 70 bits, 1 of 1 chunks" in out
    assert np.array_equal(FeatureStore(tmp_path / "m")[100:], FeatureStore(tmp_path / "b")[:])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_the_same_command_goes_on(tmp_path, net, sign):
    command = [sys.executable, "-m", "bitlight.cli", "features", net, "random:20000000"]
    process = subprocess.Popen(
        [*command, tmp_path / "s"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while not (tmp_path / "s/audited/c/1").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, sign)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + sign
    assert "the same command goes on" in err
    assert "Traceback" not in err
    store = FeatureStore(tmp_path / "s")
    for chunk in set(range(store.manifest.chunks)) - set(store.missing()):
        store.check_chunk(chunk)
    assert not list(store.path.rglob("*.partial"))


def test_a_store_of_other_features_is_refused_in_one_line(run, net, tmp_path):
    assert run("features", net, "random:9", tmp_path / "s")[0] == 0
    code, _, err = run("features", net, "random:8", tmp_path / "s")
    assert code == 2
    assert "samples 9 instead of 8, source 'random:9' instead of 'random:8'" in err
    assert run("store", "check", tmp_path / "none")[0] == 2
