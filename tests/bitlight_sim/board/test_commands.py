"""`bitlight board`: a user's way from a network to features, on a virtual board."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bitlight import Linear, Network


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("net") / "net.bnn"
    Network((8, 8, 1), 4, [Linear(rng.random((16, 64)) < 0.5, rng.integers(-60, 60, 16))]).save(
        path
    )
    return path


@pytest.fixture(scope="module")
def port(net):
    command = [sys.executable, "-m", "bitlight.cli", "board", "virtual", "icebreaker", str(net)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = iter(process.stdout.readline, "")
        yield next(line.strip() for line in lines if line.startswith("/dev/"))
        process.kill()


def test_every_bit_is_compared(run, net, port, tmp_path):
    arguments = ("board", "test", net, "digits", "-n", 40, "--port", port)
    code, _, _ = run(*arguments, "--json", tmp_path / "test.json")
    figures = json.loads((tmp_path / "test.json").read_text())
    assert code == 0
    assert (figures["images"], figures["bits_different"], figures["resent"]) == (40, 0, 0)
    assert figures["images_of_other_cycles"] == 0
    assert figures["host_ms_per_image"] > 0
    rates = figures["images_per_s_of_the_board"], figures["images_per_s_predicted"]
    assert figures["share_of_predicted"] == pytest.approx(rates[0] / rates[1], abs=2e-3)
    assert figures["latency_measured"] == figures["latency_predicted"]


def test_features_of_a_board_are_a_store_like_any(run, net, port, tmp_path):
    out = tmp_path / "board.npz", tmp_path / "golden.npz"
    arguments = ("features", net, "digits", "-n", 30)
    assert run(*arguments, out[0], "--engine", "board", "--port", port)[0] == 0
    assert run(*arguments, out[1])[0] == 0
    with np.load(out[0]) as ours, np.load(out[1]) as theirs:
        assert np.array_equal(ours["features"], theirs["features"])


def test_a_port_and_the_board_go_together(run, net, tmp_path):
    for options in (("--engine", "board"), ("--port", "/dev/null")):
        code, _, said = run("features", net, "digits", tmp_path / "a.npz", *options)
        assert (code, said) == (2, "error: --engine board and --port go together\n")


def test_the_boards_are_listed(run):
    code, out, _ = run("board", "list")
    assert code == 0
    assert "icebreaker" in out


@pytest.mark.parametrize(
    ("clock", "said"), [(17, "17 MHz gives a serial line"), (5000, "makes 5000")]
)
@pytest.mark.parametrize("command", ["build", "virtual"])
def test_a_clock_is_looked_at_before_the_work(run, command, clock, said):
    code, _, error = run("board", command, "icebreaker", "small28", "--clock", clock)
    assert (code, error.count("\n")) == (2, 1)
    assert said in error


def test_load_says_what_to_type(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    file = tmp_path / "board.bin"
    file.write_bytes(b"bits")
    code, _, said = run("board", "load", "icebreaker", file)
    assert code == 2
    assert said == f"error: iceprog is not installed; once it is: iceprog -S {file}\n"
    assert "bitlight board build" in run("board", "load", "icebreaker", "no-such")[2]


def test_a_board_without_open_tools_gets_a_project(run, net, tmp_path):
    code, out, _ = run("board", "build", "arty_a7_35t", net, "-o", tmp_path / "arty")
    assert code == 0
    assert "vivado -mode batch -source build.tcl" in out
    assert (tmp_path / "arty" / "build.tcl").is_file()
