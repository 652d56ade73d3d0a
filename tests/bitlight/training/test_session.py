import json

import numpy as np
import pytest
import torch
from PIL import Image

from bitlight import FreezingError, Network, TrainingError
from bitlight.training import Arrays, Photographs, Recipe
from bitlight.training.session import Session, accuracy
from bitlight.zoo.designs import Design
from bitlight.zoo.topologies import Conv, Dense, Pool, Scores, Topology

torch.set_num_threads(1)
SMALL = Design(own=Topology((8, 8, 1), 8, (Conv(8, padding=1), Pool(), Dense(16), Scores(7))))
RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=1e-2, dropout=0.1)


def halves(n=160, seed=0):
    """Two classes: the upper or the lower half is bright."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = rng.integers(0, 150, (n, 8, 8, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 4] += 100
    return Arrays(images, labels)


def test_leaves_a_network_and_tells_of_it(tmp_path):
    tests = halves(60, seed=1)
    result = Session(SMALL, RECIPE, tmp_path).train(halves(), tests, curve=True)
    net = Network.load(tmp_path / "network.bnn")
    assert net.output_shape == (2,)
    assert result["id"] == net.id
    assert result["accuracy"] == accuracy(net, tests) > 0.9
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == result | {"recipe": vars(RECIPE)}
    curve = json.loads((tmp_path / "history.json").read_text())["epochs"]
    assert len(curve) == 3
    assert curve[-1]["accuracy"] == result["accuracy"]


def test_again_gives_the_same_network(tmp_path):
    first, second = (Session(SMALL, RECIPE, tmp_path / name).train(halves())["id"] for name in "ab")
    assert first == second
    assert Session(SMALL, RECIPE, tmp_path / "a").train(halves())["id"] == first


def test_a_float_twin_teaches(tmp_path):
    twin = Session(SMALL, RECIPE, tmp_path / "twin", float_twin=True)
    result = twin.train(halves(), halves(60, seed=1))
    assert result["accuracy"] > 0.9
    assert "id" not in result
    recipe = Recipe(**(vars(RECIPE) | {"distill": 0.5}))
    pupil = Session(SMALL, recipe, tmp_path / "pupil", teacher=tmp_path / "twin")
    assert pupil.train(halves(), halves(60, seed=1))["accuracy"] > 0.9


def test_writes_no_network_that_differs_from_torch(tmp_path, monkeypatch):
    monkeypatch.setattr("bitlight.training.session.count_differences", lambda *_: [0, 1, 0, 0])
    with pytest.raises(FreezingError, match="frozen and torch differ"):
        Session(SMALL, RECIPE, tmp_path).train(halves())
    assert not (tmp_path / "network.bnn").exists()


def test_a_folder_of_photographs_from_end_to_end(tmp_path):
    """ImageNet's layout, and AlexNet's kind of steps, on photographs that are read as they come."""
    rng = np.random.default_rng(0)
    for name, colour in ("blue", 2), ("green", 1), ("red", 0):
        (tmp_path / "train" / name).mkdir(parents=True)
        for index in range(24):
            pixels = rng.integers(0, 160, (40, 52, 3), dtype=np.uint8)
            pixels[..., colour] += 90
            Image.fromarray(pixels).save(tmp_path / "train" / name / f"{index}.jpg")
    steps = (Conv(16, 7, stride=4, padding=2), Pool(3, 2), Dense(64), Scores(1000))
    samples = Photographs.of_folder(tmp_path / "train", (32, 32, 3))
    recipe = Recipe(epochs=6, batch_size=12, learning_rate=1e-2, accumulate=2)
    session = Session(Design(own=Topology((32, 32, 3), 8, steps)), recipe, tmp_path / "run")
    result = session.train(samples, samples)
    assert result["accuracy"] > 0.8
    assert Network.load(tmp_path / "run" / "network.bnn").output_shape == (3,)


def test_an_extractor_is_trained_with_a_head_that_stays_software(tmp_path):
    design = Design(own=SMALL.own, software_head=True)
    tests = halves(60, seed=1)
    result = Session(design, RECIPE, tmp_path).train(halves(), tests)
    assert result["accuracy"] > 0.9  # the float head's
    net = Network.load(tmp_path / "network.bnn")
    assert (net.output_shape, net.gives_scores) == ((16,), False)


def test_a_network_with_shortcuts_ends_on_the_grid_of_integers(tmp_path):
    """Its teacher is another design of the zoo, which the teacher's folder names."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 48)
    images = rng.integers(0, 150, (48, 32, 32, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[16 * label : 16 * label + 16] += 100
    samples = Arrays(images, labels)
    teacher = Design("resnet20", 0.0625)
    recipe = Recipe(epochs=2, batch_size=16, precision="float32", learning_rate=1e-2)
    Session(teacher, recipe, tmp_path / "twin", float_twin=True).train(samples)
    pupil = Recipe(**(vars(recipe) | {"distill": 0.5, "fine_tune": 1}))
    design = Design("resnet20", 0.125)
    result = Session(design, pupil, tmp_path / "pupil", teacher=tmp_path / "twin").train(
        samples, samples
    )
    assert result["design"] == design.to_json()
    assert Design.from_json(result["design"]) == design
    net = Network.load(tmp_path / "pupil" / "network.bnn")
    assert (net.output_shape, net.gives_scores) == ((2,), True)


def test_a_run_goes_on_from_another_ones_weights(tmp_path):
    first = Session(SMALL, RECIPE, tmp_path / "first").train(halves())
    still = Recipe(**(vars(RECIPE) | {"epochs": 1, "learning_rate": 1e-9}))
    again = Session(SMALL, still, tmp_path / "again", start=tmp_path / "first").train(halves())
    fresh = Session(SMALL, still, tmp_path / "fresh").train(halves())
    assert again["loss"] < first["loss"] + 0.05 < fresh["loss"]
    named = halves()
    named.names = ("lower", "upper")
    Session(SMALL, still, tmp_path / "named").train(named)
    named.names = ("upper", "lower")
    with pytest.raises(TrainingError, match="knows other classes, or in another order"):
        Session(SMALL, still, tmp_path / "more", start=tmp_path / "named").train(named)


def test_levels_are_part_of_the_network(tmp_path):
    """They have no weights: a checkpoint of signs fits the shapes of levels."""
    signs, levels = Design("small28", 0.25), Design("small28", 0.25, levels=3)
    rng = np.random.default_rng(0)
    samples = Arrays(rng.integers(0, 256, (32, 28, 28, 1), np.uint8), rng.integers(0, 2, 32))
    recipe = Recipe(epochs=1, batch_size=16, precision="float32")
    result = Session(levels, recipe, tmp_path / "levels").train(samples)
    assert Design.from_json(result["design"]) == levels
    net = Network.load(tmp_path / "levels" / "network.bnn")
    assert net.layers[0].threshold.shape[1] == 3
    Session(signs, recipe, tmp_path / "signs").train(samples)
    with pytest.raises(TrainingError, match=r"a layer: \(2\): Sign\(\), not \(2\): Levels\(3\)"):
        Session(levels, recipe, tmp_path / "signs").train(samples)
    with pytest.raises(TrainingError, match="levels 1, not 3"):
        Session(levels, recipe, tmp_path / "new", start=tmp_path / "signs").train(samples)
    frozen = Network.load(tmp_path / "signs" / "network.bnn")
    with pytest.raises(TrainingError, match="Levels.*has no place"):
        Session(levels, recipe, tmp_path / "thawed", start=frozen).train(samples)
