import pytest
import torch

from bitlight.zoo.topologies import Conv, Dense, Pool, Scores, Topology
from bitlight_lab.benchmarks import training as speed

torch.set_num_threads(1)
SMALL = Topology((8, 8, 1), 8, (Conv(8, padding=1), Pool(), Dense(16), Scores(3)))


def test_every_engine_is_measured():
    pytest.importorskip("brevitas")
    turns = []
    found = speed.measure(SMALL, images=128, rounds=2, say=turns.append)
    names = [
        f"{name}, {kind}" for name in ("bitlight", "brevitas") for kind in ("float32", "bfloat16")
    ]
    assert list(found["engines"]) == names
    assert found["engines"]["bitlight, float32"]["ratio"] == 1
    assert all(len(row["seconds"]) == 2 for row in found["engines"].values())
    assert turns == [
        f"{turn}: {name}"
        for turn in ("warming up", "round 1 of 2", "round 2 of 2")
        for name in names
    ]


def test_brevitas_has_the_same_shape():
    pytest.importorskip("brevitas")
    module = speed.brevitas_module(SMALL)
    weights = [tuple(p.shape) for name, p in module.named_parameters() if p.ndim > 1]
    assert weights == [(8, 1, 3, 3), (16, 128), (3, 16)]
    assert module(torch.rand(4, 1, 8, 8) * 255).shape == (4, 3)
