import json
from dataclasses import replace

import numpy as np
import pytest
import small_backbone
import torch

from bitlight import DataError
from bitlight_lab.papers import transfer
from bitlight_lab.papers.pipeline import Sides, extract
from bitlight_lab.papers.setting import load_target
from bitlight_lab.papers.targets import Target
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


def test_mirrored_images_are_learnt_too(setting, monkeypatch, tmp_path):
    with pytest.raises(DataError, match="leave --mirror out"):
        transfer.run(replace(setting, mirror=True))
    effort = replace(EFFORT, seeds=1, every=2, train_images=20, test_images=20)
    chosen = replace(setting, targets=("animals",), effort=effort, mirror=True)
    found = transfer.run(chosen)
    assert len(found) == 7
    images = {run.parameters["method"]: run.result["train_images"] for run in found}
    assert images["optical + ridge, mirrored"] == images["ridge, mirrored"] == 40
    assert images["optical + ridge"] == images["backprop"] == 20
    text = (setting.folder / "table.md").read_text()
    assert "ridge, mirrored" in text
    assert "| animals, mirrored |" in text


def test_a_mirrored_image_stays_with_its_own():
    """What chooses the penalty has not learnt the mirrored ones of what it is chosen on."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 4, 4, 1), dtype=np.uint8)
    labels = np.repeat([0, 1], 10)
    target = Target("some", images, labels, images[:4], labels[:4])
    seen = []

    def network(batch):
        seen.append(batch)
        return batch.transpose(0, 3, 1, 2).astype(np.float32) - 128

    sides = Sides.of(network, target, mirrored=True)
    assert len(sides.labels) == 40
    of = {image.tobytes(): n for n, image in enumerate(images)}
    of |= {image[:, ::-1].tobytes(): n for n, image in enumerate(images)}
    order = [of[image.tobytes()] for image in seen[1]]
    assert order[:10] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert sorted(order) == sorted([*range(20), *range(20)])
    assert labels[order].tolist() == sides.labels.tolist()


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
