from dataclasses import replace

import numpy as np
import pytest
import torch

import bitlight_sim
from bitlight import NetworkError, data
from bitlight.training import Arrays, Recipe
from bitlight.training.session import Session
from bitlight.zoo.designs import Design
from bitlight.zoo.topologies import TOPOLOGIES, Conv, Dense, Pool, Scores, Topology
from bitlight_lab.papers import leroux
from bitlight_lab.papers.leroux.effort import ALL, Effort
from bitlight_lab.papers.leroux.hardware import simulate
from bitlight_lab.papers.leroux.rows import BINARY, ROWS, SCRATCH, A, B, Bench

torch.set_num_threads(1)
TINY = Topology((8, 8, 1), 8, (Conv(4, padding=1), Pool(), Dense(8), Scores(10)))
EFFORT = Effort(
    seeds=1,
    few_seeds=2,
    shots=(2,),
    source_images=None,
    source_epochs=1,
    images_seen=200,
    steps=4,
    components=40,
    train_images=200,
    test_images=100,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An extractor and a float twin, as `bitlight train` leaves them."""
    folder = tmp_path_factory.mktemp("leroux")
    TINY.random(0).save(folder / "tiny.bnn")
    images, labels = data.digits()
    session = Session(
        Design(own=TINY), Recipe(epochs=1, batch_size=32), folder / "twin", float_twin=True
    )
    session.train(Arrays(images[:64], labels[:64]))
    return folder


@pytest.fixture
def setting(folder, monkeypatch):
    monkeypatch.setitem(TOPOLOGIES, "tiny", TINY)
    extractor, twin = folder / "tiny.bnn", folder / "twin"
    return leroux.Setting(folder / "out", ("digits",), EFFORT, "tiny", extractor, twin)


def test_all_rows_on_features_of_the_hardware(setting, monkeypatch):
    found = leroux.run(setting)
    assert len(found) == len(ROWS) * (1 + 2)
    for run in found:
        row, result = run.parameters["row"], run.result
        images = 100 if "float," not in row else None
        if row == BINARY and run.parameters["per_class"] != ALL:
            images = 0
        assert result.get("rtl_images") == images, row
        assert not result.get("bits_different")
        assert 0 <= result["top1"] <= result["top5"] <= 1
    best = {run.parameters["row"]: run.result["top1"] for run in found[:: 1 + 2]}
    assert best["ridge"] > 0.4
    text = (setting.folder / "table.md").read_text()
    for part in (
        "| (b) float last layer |",
        "| 84.0 | 95.5 |",
        "+13.7, +18.0, +27.7",
        "| digits |",
    ):
        assert part in text
    assert (setting.folder / "few-shot.png").stat().st_size > 10_000
    monkeypatch.setattr(Bench, "run", None)  # again nothing is computed
    assert leroux.run(setting) == found


def test_a_bit_that_differs_is_counted(setting, monkeypatch):
    net = TINY.random(0).upto(2)
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), dtype=np.uint8)
    assert simulate(net, images).different == 0
    run = bitlight_sim.Simulator.run

    def faulty(self, batch):
        found = run(self, batch)
        found.features[3, 5] ^= 1
        return found

    monkeypatch.setattr(bitlight_sim.Simulator, "run", faulty)
    found = simulate(net, images, most=50)
    assert (found.different, found.images, len(found.values)) == (1, 50, 70)


def test_another_topology_needs_trained_networks(setting):
    for missing in ("extractor", "pretrained"):
        with pytest.raises(NetworkError, match="no trained tiny comes with bitlight"):
            leroux.run(replace(setting, **{missing: None}))


def test_flat_topologies_take_no_photographs(setting):
    with pytest.raises(NetworkError, match="lfc takes no images of 8 bits"):
        leroux.run(replace(setting, topology="lfc"))


def test_rows_are_the_paper_s():
    from bitlight_lab.papers.leroux.report import ORDER, PAPER, verdict

    assert set(PAPER) <= set(ROWS)
    for above, below in ORDER:
        assert all(a > b for a, b in zip(PAPER[above][::2], PAPER[below][::2], strict=True))
    assert (SCRATCH, A, B)[0] == ROWS[0]
    assert verdict((0.1, 0.05, 0.2)) == "as in the paper"
