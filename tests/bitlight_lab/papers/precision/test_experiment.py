import json
from dataclasses import replace

import numpy as np
import pytest
import small_backbone
import torch

from bitlight import DataError
from bitlight_lab.papers import backbones, precision
from bitlight_lab.papers.precision import onnxengine
from bitlight_lab.papers.precision.experiment import Effort
from bitlight_lab.papers.transfer.methods import in_torch

torch.set_num_threads(1)
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture
def setting(tmp_path, monkeypatch):
    small_backbone.register(monkeypatch)
    effort = Effort(seeds=1, calibration=50, train_images=200, test_images=100)
    return small_backbone.chosen(precision.Setting, tmp_path, effort)


def test_runs_table_and_figure(setting, monkeypatch):
    found = precision.run(setting)
    rows = [(run.parameters["engine"], run.parameters["precision"]) for run in found]
    assert rows[:2] == [("PyTorch", "float32"), ("PyTorch", "float16")]
    assert rows[-2:] == [("ONNX Runtime", "float32"), ("ONNX Runtime", "int8")]
    for run in found:
        assert run.result["top1"] > 0.3
        assert min(run.result[part] for part in ("features_s", "projection_s", "ridge_s")) > 0
    text = (setting.folder / "table.md").read_text()
    assert "| ONNX Runtime, int8 |" in text
    assert (setting.folder / "time.png").stat().st_size > 5000
    monkeypatch.setattr(onnxengine, "export", None)
    assert precision.run(setting) == found
    lines = (setting.folder / "runs.jsonl").read_text().splitlines()
    assert all("onnxruntime" in json.loads(line)["environment"]["versions"] for line in lines)


def test_onnx_runtime_computes_what_torch_does(tmp_path, monkeypatch):
    small_backbone.register(monkeypatch)
    backbone = backbones.load("small", 16, "random")
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), dtype=np.uint8)
    onnxengine.export(backbone, 2, tmp_path / "a.onnx")
    onnxengine.quantise(tmp_path / "a.onnx", tmp_path / "b.onnx", backbone, images)
    expected = in_torch(backbone, 2, "float32")(images)
    for name, least in (("a.onnx", 0.9999), ("b.onnx", 0.95)):
        found = onnxengine.in_onnxruntime(tmp_path / name, backbone, "int8")(images)
        assert np.mean((found > 0) == (expected > 0)) > least
    assert np.allclose(
        onnxengine.in_onnxruntime(tmp_path / "a.onnx", backbone, "float32")(images),
        expected,
        atol=1e-4,
    )


def test_refusals(setting, tmp_path):
    backbone = backbones.load("small", 16, "random")
    with pytest.raises(DataError, match="has no CoolProvider: it has"):
        onnxengine.in_onnxruntime(tmp_path / "a.onnx", backbone, "int8", "CoolProvider")
    with pytest.raises(DataError, match="stage must be one of stem, block, not 'tail'"):
        precision.run(replace(setting, stage="tail"))
