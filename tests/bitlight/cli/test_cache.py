"""`bitlight cache`, and commands in odd surroundings."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bitlight.cli.environment import share_cache
from bitlight.cli.main import cli
from bitlight.files import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def shown(tmp_path):
    done = CliRunner().invoke(cli, ["cache", "show", "--json", str(tmp_path / "json")])
    assert done.exit_code == 0, done.output
    return json.loads((tmp_path / "json").read_text())


def test_show_and_clear(folder, tmp_path):
    assert shown(tmp_path)["state"] == "not there yet"
    assert not folder.exists()
    for name in cache.SECTIONS:
        (cache.own_section(name) / "a").write_bytes(bytes(100))
    (folder / "other").write_bytes(b"not ours")
    figures = shown(tmp_path)
    assert figures["state"] == "in use"
    assert figures["folder"] == str(folder)
    assert figures["bytes"] == dict.fromkeys(cache.SECTIONS, 100)
    assert figures["limit_bytes"] == 4 << 30
    done = CliRunner().invoke(cli, ["cache", "clear"])
    assert done.output == f"removed {100 * len(cache.SECTIONS)} bytes\n"
    assert [path.name for path in folder.iterdir()] == ["other"]


@pytest.mark.parametrize("words", [["train"], ["--debug", "head", "train"]])
def test_what_torch_compiles_is_the_users_alone(folder, monkeypatch, words):
    for variable in ("TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(variable, "")  # which is put back
        monkeypatch.delenv(variable)
    monkeypatch.setattr(sys, "argv", ["bitlight", *words])
    share_cache()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(folder / "torch")
    assert (folder / "torch").stat().st_mode & 0o777 == 0o700


def test_a_cache_that_is_not_used_says_why(folder, tmp_path):
    folder.mkdir()
    folder.chmod(0o777)
    assert shown(tmp_path)["state"].startswith(f"not in use: others may write to {folder}")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_tables_in_any_encoding(tmp_path, encoding):
    name = os.fsdecode(b"a \xff.json")
    done = subprocess.run(
        [sys.executable, "-m", "bitlight.cli", "inspect", "fashion28", "--json", name],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    text = done.stdout.decode(encoding)
    assert ("28×28×1" if encoding != "ascii" else "28x28x1") in text
    assert json.loads((tmp_path / name).read_bytes())
    wrong = subprocess.run(
        [sys.executable, "-m", "bitlight.cli", "inspect", name],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(b"error: ")
    assert wrong.stderr.count(b"\n") == 1


def test_an_error_is_one_line_whatever_the_name(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bitlight.cli", "store", "check", "a\nb\x1b[2J"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: no such file: a\\nb\\x1b[2J\n"
