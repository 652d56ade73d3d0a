"""What measures for the documentation starts again by its name, and writes below docs/."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from bitlight_lab.figures import record, scale, store


@pytest.mark.parametrize("commands", [scale, store], ids=["scale", "store"])
def test_commands_start_again_by_their_name(commands):
    assert CliRunner().invoke(commands.main, ["--help"]).exit_code == 0
    assert importlib.util.find_spec(commands.ITSELF[2]).origin == commands.__file__


def test_figures_are_recorded_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record.record("some", {"images": 3})
    found = json.loads((tmp_path / "docs/raw/scale/some.json").read_text())
    assert found["images"] == 3
    assert found["machine"]["cores"] >= 1


@pytest.mark.slow
def test_stores_are_compared_after_kills(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ["--kills", "1", "--chunks", "4000", "--chunk", "8"]
    assert CliRunner().invoke(store.main, ["kills", *sizes]).exit_code == 0
    found = json.loads((tmp_path / "docs/raw/scale/kills.json").read_text())
    assert found["files_different"] == 0
