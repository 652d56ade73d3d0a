"""The paper's second table: its rows on a few images, with the golden model as RTL."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bitlight import Network, extractors
from bitlight.nn import pixels_to_floats
from bitlight_lab.figures import natural, table2
from bitlight_lab.figures.tails import tail, work_left
from bitlight_lab.papers import intervals
from bitlight_lab.papers.leroux.hardware import Simulated

torch.set_num_threads(1)
FLOWERS = table2.TARGETS["flowers12"]


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

    monkeypatch.setattr(table2, "simulate", simulate)
    return asked


@pytest.mark.parametrize("cut", [6, 7])
def test_a_tail_begins_with_the_sums_of_the_binary_network(net, task, cut):
    latent = 0.2
    module = tail(net, cut, 2, task.images, latent).eval()
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
    bench = table2.Bench(FLOWERS, task, net)
    for row in (table2.A, table2.B, table2.RIDGE, table2.VIEWED, table2.TWO):
        run = bench.run(row, "all", 0)
        assert intervals.right(run["right"], 16).mean() > 0.9, row
        assert (run["images"], run["bits_different"]) == (32, 0)
    assert golden == [net.id, net.upto(7).id]  # each part of the hardware once


def test_a_network_is_fine_tuned_from_natural32(net, task, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {row: replace(recipe, batch_size=16) for row, recipe in table2.RECIPES.items()}
    monkeypatch.setattr(table2, "RECIPES", small)
    bench = table2.Bench(replace(FLOWERS, epochs=lambda images: 2, precision="float32"), task, net)
    run = bench.run(table2.TUNED, "all", 0)
    folder = tmp_path / "build/table2/flowers12/binary-fine-tuned-all-0"
    result = json.loads((folder / "result.json").read_text())
    assert (result["start"], result["layers_taken"]) == (net.id, 8)
    assert (result["recipe"]["epochs"], len(run["losses"])) == (1, 1)
    assert golden == [result["id"]] == [run["network"]]


def test_differences_are_those_of_pairs():
    def run(right):
        return {"right": base64.b64encode(np.packbits(right, bitorder="little")).decode()}

    ours, theirs = np.arange(240) % 10 > 0, np.arange(240) % 10 > 1
    found = {
        "test_images": 240,
        "runs": {
            table2.key(table2.TUNED, "all", 0): run(ours),
            table2.key(table2.BINARY, "all", 0): run(theirs),
        },
    }
    value, low, high = table2.difference(found, table2.TUNED, table2.BINARY, "all")
    assert value == pytest.approx(0.1)
    assert 0 < low < value < high < 0.15
    assert table2.difference(found, table2.TUNED, table2.BINARY, 20) is None
    text = table2.tables(FLOWERS, found)
    assert "| binary, fine-tuned | 90.0 (" in text
    assert "| binary, fine-tuned − binary, from scratch | +10.0 (" in text
    assert table2.summary(FLOWERS, found)["accuracy"]["20"] == {}


@pytest.mark.parametrize("name", ["cifar10", "unseen50"])
def test_networks_from_scratch_see_their_images_twice_as_often(name):
    for images, epochs in ((200, 80), (1000, 16), (5000, 5)):
        recipes = [table2.TARGETS[name].recipe(row, 20, images, 7) for row in table2.RECIPES]
        told = dict(zip(table2.RECIPES, recipes, strict=True))
        assert told[table2.BINARY].epochs == told[table2.SCRATCH].epochs == epochs
        assert told[table2.TUNED].epochs == epochs // 2
        assert {recipe.seed for recipe in recipes} == {7}


def test_some_test_images_of_each_class_are_asked_about(task, monkeypatch):
    monkeypatch.setattr(table2, "tasks", lambda data, only: iter([task]))
    target = replace(FLOWERS, tests=3)
    asked = target.task(None)
    assert np.bincount(asked.test_labels).tolist() == [3, 3]
    np.testing.assert_array_equal(asked.tests, target.task(None).tests)
    assert FLOWERS.task(None) is task


def test_work_that_leaves_the_hardware(net):
    shares = [work_left(net, cut) for cut in (8, 7, 6)]
    assert shares[0] == 0
    assert shares[1] == pytest.approx(37_748_736 / net.work)
    assert shares[2] == pytest.approx(1.5 * shares[1])


def test_the_command_goes_on_where_it_stopped(net, task, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(table2, "RAW", tmp_path)
    monkeypatch.setattr(table2, "tasks", lambda data, only: iter([task]))
    command = [str(tmp_path), "flowers12", "--row", table2.RIDGE]
    assert CliRunner().invoke(table2.main, command, catch_exceptions=False).exit_code == 0
    first = json.loads((tmp_path / "flowers12-table2.json").read_text())
    assert len(first["runs"]) == 4
    again = CliRunner().invoke(table2.main, command, catch_exceptions=False)
    assert again.output.startswith("| ")
    assert len(golden) == 1
