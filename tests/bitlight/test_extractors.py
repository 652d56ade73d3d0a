import re

import numpy as np
import pytest
import torch
from datasets import fashion_mnist_or_skip

from bitlight import Conv2d, MaxPool2d, NetworkError, freeze
from bitlight.comparison import count_differences
from bitlight.extractors import CUTS, features, load
from bitlight.extractors.shipped import FOLDER
from bitlight.nn import BinaryConv2d, BinaryLinear
from bitlight.pretrain import animals_accuracy, build, own_accuracy
from bitlight.training import train

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def test_set():
    return fashion_mnist_or_skip("test")


@pytest.mark.parametrize("name", CUTS)
def test_own_classifier(name, test_set):
    assert own_accuracy(load(name), *test_set) >= 0.90


@pytest.mark.parametrize("name", CUTS)
def test_features_transfer(name):
    assert animals_accuracy(features(name)) >= 0.85


@pytest.mark.parametrize("name", CUTS)
def test_size(name):
    net = features(name)
    assert 1024 <= net.n_features <= 3136
    assert (FOLDER / f"{name}.bnn").stat().st_size < 300_000


@pytest.mark.parametrize("name", CUTS)
def test_card_tells_the_id(name):
    assert load(name).id in (FOLDER / f"{name}.md").read_text()


def test_features_are_the_first_layers():
    net, cut = load(), features()
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    assert np.array_equal(cut.forward(images), net.forward(images, upto=CUTS["fashion28"]))


def test_refuses_an_unknown_name():
    with pytest.raises(NetworkError, match=re.escape("name must be one of fashion28, not '../x'")):
        load("../x")


def with_weights_of(net):
    """The recipe's module with the latent weights of the shipped network."""
    module = build()
    binary = [layer for layer in module.modules() if isinstance(layer, BinaryConv2d | BinaryLinear)]
    layers = [layer for layer in net.layers if not isinstance(layer, MaxPool2d)]
    shapes = [
        shape
        for layer, shape in zip(net.layers, net.shapes[:-1], strict=True)
        if not isinstance(layer, MaxPool2d)
    ]
    for latent, layer, shape in zip(binary, layers, shapes, strict=True):
        weight = torch.tensor(layer.weight).float() * 2 - 1
        if isinstance(layer, Conv2d):
            weight = weight.permute(0, 3, 1, 2)
        elif len(shape) == 3:
            weight = weight.reshape(-1, *shape).permute(0, 3, 1, 2).flatten(1)
        latent.weight.data = weight * 0.01
    return module


def test_ten_thousand_images_equal_torch_at_every_layer(test_set):
    module = with_weights_of(load())
    images, labels = fashion_mnist_or_skip("train")
    train(module, images[:2000], labels[:2000], epochs=1, seed=0, batch_size=100, bf16=True)
    net = freeze(module, (28, 28, 1), input_bits=8)
    assert [type(layer) for layer in net.layers] == [type(layer) for layer in load().layers]
    assert count_differences(module, net, test_set[0]) == [0] * len(net.layers)
