"""The paper's second table on flowers12: its rows on a few images, with the golden model as RTL."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bitlight import Network, extractors
from bitlight.nn import pixels_to_floats
from bitlight_lab.figures import flowers, natural
from bitlight_lab.papers import intervals
from bitlight_lab.papers.leroux.hardware import Simulated

torch.set_num_threads(1)


@pytest.fixture
def net():
    return extractors.features("natural32")


@pytest.fixture
def task():
    """Two classes: the upper or the lower half is bright."""
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 2
    images = rng.integers(0, 150, (48, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[16 * label : 16 * label + 16] += 100
    return natural.Task("flowers12", images[:32], labels[:32], images[32:], labels[32:])


@pytest.fixture
def golden(monkeypatch):
    """In the place of the RTL, whose simulator takes a minute to compile for each network."""
    asked = []

    def simulate(net: Network, images, **_):
        asked.append(net.id)
        return Simulated(net.forward(images), len(images), 0, 1.0)

    monkeypatch.setattr(flowers, "simulate", simulate)
    return asked


@pytest.mark.parametrize("cut", [6, 7])
def test_a_tail_begins_with_the_sums_of_the_binary_network(net, task, cut):
    latent = 0.2
    module = flowers.tail(net, cut, 2, task.images, latent).eval()
    bits = net.forward(task.tests, cut).reshape(-1, *net.shapes[cut])
    with torch.no_grad():
        found = module[:3](pixels_to_floats(torch.from_numpy(bits)))
    ours = (found > 0).permute(0, 2, 3, 1).flatten(1).numpy()
    np.testing.assert_array_equal(ours, net.forward(task.tests, cut + 1))
    assert len(module) == {7: 4, 6: 7}[cut] + 3
    weights = module[1].layer.weight / latent
    assert torch.equal(weights.abs(), torch.ones_like(weights))


def test_heads_and_tails_learn_from_bits(net, task, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bench = flowers.Bench(task, net)
    for row in (flowers.A, flowers.B, flowers.RIDGE, flowers.VIEWED, flowers.TWO):
        run = bench.run(row, "all", 0)
        assert intervals.right(run["right"], 16).mean() > 0.9, row
        assert (run["images"], run["bits_different"]) == (32, 0)
    assert golden == [net.id, net.upto(7).id]  # each part of the hardware once


def test_a_network_is_fine_tuned_from_natural32(net, task, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {
        row: replace(recipe, epochs=1, batch_size=16) for row, recipe in flowers.RECIPES.items()
    }
    monkeypatch.setattr(flowers, "RECIPES", small)
    bench = flowers.Bench(task, net)
    run = bench.run(flowers.TUNED, "all", 0)
    folder = tmp_path / "build/flowers/binary-fine-tuned-all-0"
    result = json.loads((folder / "result.json").read_text())
    assert (result["start"], result["layers_taken"]) == (net.id, 8)
    assert golden == [result["id"]] == [run["network"]]


def test_differences_are_those_of_pairs():
    def run(right):
        return {"right": base64.b64encode(np.packbits(right, bitorder="little")).decode()}

    ours, theirs = np.arange(240) % 10 > 0, np.arange(240) % 10 > 1
    found = {
        "test_images": 240,
        "runs": {
            flowers.key(flowers.TUNED, "all", 0): run(ours),
            flowers.key(flowers.BINARY, "all", 0): run(theirs),
        },
    }
    value, low, high = flowers.difference(found, flowers.TUNED, flowers.BINARY, "all")
    assert value == pytest.approx(0.1)
    assert 0 < low < value < high < 0.15
    assert flowers.difference(found, flowers.TUNED, flowers.BINARY, 20) is None
    text = flowers.tables(found)
    assert "| binary, fine-tuned | 90.0 (" in text
    assert "| binary, fine-tuned − binary, from scratch | +10.0 (" in text
    assert flowers.summary(found)["accuracy"]["20"] == {}


def test_work_that_leaves_the_hardware(net):
    shares = [flowers.work_left(net, cut) for cut in (8, 7, 6)]
    assert shares[0] == 0
    assert shares[1] == pytest.approx(37_748_736 / net.work)
    assert shares[2] == pytest.approx(1.5 * shares[1])


def test_the_command_goes_on_where_it_stopped(net, task, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flowers, "RAW", tmp_path)
    monkeypatch.setattr(flowers, "tasks", lambda data, only: iter([task]))
    command = [str(tmp_path), "--row", flowers.RIDGE]
    assert CliRunner().invoke(flowers.main, command, catch_exceptions=False).exit_code == 0
    first = json.loads((tmp_path / "flowers12-table2.json").read_text())
    assert len(first["runs"]) == 4
    again = CliRunner().invoke(flowers.main, command, catch_exceptions=False)
    assert again.output.startswith("| ")
    assert len(golden) == 1
