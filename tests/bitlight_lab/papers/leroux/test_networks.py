import numpy as np
import pytest
import torch

from bitlight import TrainingError
from bitlight.nn import float_twin
from bitlight.training import Arrays
from bitlight.zoo import modules as zoo
from bitlight.zoo.topologies import TOPOLOGIES, Conv, Dense, Pool, Scores, Topology
from bitlight_lab.papers.leroux import networks
from bitlight_lab.papers.leroux.effort import FULL, QUICK
from bitlight_lab.papers.leroux.networks import fine_tune, image_layers, logits, recipe_for

torch.set_num_threads(1)
SMALL = Topology((6, 6, 1), 8, (Conv(4), Pool(), Dense(8), Scores(5)))


def twin(topology, seed=0):
    torch.manual_seed(seed)
    return float_twin(zoo.build(topology))


def samples(n=20):
    rng = np.random.default_rng(0)
    return Arrays(rng.integers(0, 256, (n, 6, 6, 1), np.uint8), np.arange(n) % 3)


def test_features_come_from_the_last_convolution():
    assert image_layers(TOPOLOGIES["fashion28"]) == 7
    assert image_layers(TOPOLOGIES["alexnet"]) == 8
    assert image_layers(TOPOLOGIES["lfc"]) == 3


@pytest.mark.parametrize("effort", [FULL, QUICK])
@pytest.mark.parametrize("images", [5, 10, 50, 63, 64, 160, 640, 8000, 30_000])
def test_a_recipe_for_any_number_of_images(effort, images):
    recipe = recipe_for(effort, images, flip=True, seed=3)
    steps = recipe.epochs * (images // recipe.batch_size)
    assert steps >= effort.steps
    assert recipe.batch_size <= min(images, 128)
    assert recipe.seed == 3


def test_all_but_the_last_layer_is_taken_over(monkeypatch):
    monkeypatch.setattr(networks, "train", lambda *_, **__: None)
    source = twin(SMALL)
    tuned = fine_tune(SMALL, samples(), recipe_for(QUICK, 20, False, 1), 3, source.state_dict())
    ours, theirs = tuned.state_dict(), source.state_dict()
    last = {f"{len(source) - 1}.weight", f"{len(source) - 1}.bias"}
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs.keys() - last)
    assert logits(tuned.eval(), samples().pixels.numpy()).shape == (20, 3)


def test_weights_of_another_network_are_refused():
    recipe = recipe_for(QUICK, 20, flip=False, seed=0)
    wider = twin(Topology((6, 6, 1), 8, (Conv(5), Pool(), Dense(8), Scores(5))))
    with pytest.raises(TrainingError, match="the pretrained weights do not fit"):
        fine_tune(SMALL, samples(), recipe, 3, wider.state_dict())
    deeper = twin(Topology((6, 6, 1), 8, (Conv(4), Pool(), Dense(8), Dense(8), Scores(5))))
    with pytest.raises(TrainingError, match="of another network than the topology's"):
        fine_tune(SMALL, samples(), recipe, 3, deeper.state_dict())
