import json

import numpy as np
import pytest
import small_backbone
import torch

from bitlight_lab.papers import transfer
from bitlight_lab.papers.pipeline import extract
from bitlight_lab.papers.setting import load_target
from bitlight_lab.papers.transfer.experiment import Effort
from bitlight_lab.papers.transfer.methods import Methods

torch.set_num_threads(1)
EFFORT = Effort(seeds=2, epochs=1, batch_size=32, train_images=200, test_images=100)


@pytest.fixture
def setting(tmp_path, monkeypatch):
    small_backbone.register(monkeypatch)
    return small_backbone.chosen(transfer.Setting, tmp_path, EFFORT)


def test_runs_table_and_figure(setting, monkeypatch):
    found = transfer.run(setting)
    lines = (setting.folder / "runs.jsonl").read_text().splitlines()
    # Of the whole network backprop has all seeds.
    assert len(lines) == len(found) == (2 + 1 + 1 + 2 + 2) + (2 + 1 + 1 + 2 + 1)
    first = json.loads(lines[0])
    assert first["parameters"]["method"] == "optical + ridge"
    assert (first["result"]["n_features"], first["result"]["n_components"]) == (128, 64)
    frozen = [run for run in found if run.parameters["method"] != "backprop"]
    assert all(run.result["top1"] > 0.3 for run in frozen)
    text = (setting.folder / "table.md").read_text()
    for part in ("backprop / optical", "| block | 100 | 128 |", "| stem |", "96.0", "690"):
        assert part in text
    assert (setting.folder / "size.png").stat().st_size > 10_000

    monkeypatch.setattr(Methods, "run", None)  # again nothing is computed
    assert transfer.run(setting) == found
    assert (setting.folder / "table.md").read_text() == text


def test_signs_and_means_of_each_feature():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((120, 3, 5, 2)).astype(np.float32)
    images = np.arange(120, dtype=np.uint8).reshape(120, 1, 1, 1)
    found = extract(lambda batch: features[batch.ravel()], images)
    assert np.array_equal(found.bits, features.reshape(120, 30) > 0)
    assert np.allclose(found.pooled, features.mean(axis=(2, 3)), atol=1e-6)
    assert found.n_features == 30


def test_small_images_stay_small_until_they_are_batches(setting):
    digits = load_target("digits", setting.load_backbone(), train_images=10)
    assert digits.images.shape == (10, 28, 28, 1)


def test_backprop_learns(setting):
    backbone = setting.load_backbone()
    methods = Methods(backbone, load_target("digits", backbone), 6, 16)
    assert methods.run("backprop", 2, "float32", seed=0)["top1"] > 0.4
