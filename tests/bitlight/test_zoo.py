import numpy as np
import pytest
import torch

from bitlight import freeze
from bitlight.freezing.verify import count_differences
from bitlight.nn import float_twin
from bitlight.zoo import modules as zoo
from bitlight.zoo.topologies import TOPOLOGIES

torch.set_num_threads(1)
MODULES = {
    "tfc": zoo.tfc,
    "sfc": zoo.sfc,
    "lfc": zoo.lfc,
    "cnv": zoo.cnv,
    "fashion28": zoo.fashion28,
    "alexnet": zoo.alexnet,
}


def settled(module, seed):
    """Batch norms with statistics and gains of every sign, as training could leave them."""
    torch.manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            spread = 30.0
            layer.running_mean.normal_(0, spread)
            layer.running_var.uniform_(0.1, spread**2)
            layer.weight.data.normal_()
            layer.bias.data.normal_()
    return module.eval()


def differences(name, images, seed=0):
    torch.manual_seed(seed)
    topology = TOPOLOGIES[name]
    module = settled(MODULES[name](), seed)
    net = freeze(module, topology.input_shape, topology.input_bits)
    assert [type(layer) for layer in net.layers][: len(topology.steps)] == [
        type(layer) for layer in topology.random().layers
    ]
    rng = np.random.default_rng(seed)
    shape = (images, *topology.input_shape)
    pixels = rng.integers(0, 1 << topology.input_bits, shape, dtype=np.uint8)
    return count_differences(module, net, pixels)


@pytest.mark.parametrize("name", [name for name in MODULES if name != "alexnet"])
def test_frozen_is_torch(name):
    images = {"cnv": 40}.get(name, 200)
    assert not any(differences(name, images))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_frozen_is_torch_for_a_thousand_images(name):
    assert not any(differences(name, 1000, seed=1))


def test_width_and_classes():
    narrow = zoo.alexnet(classes=7, width=0.25)
    assert [narrow[0].weight.shape[0], narrow[4].weight.shape[0]] == [16, 48]
    assert narrow[-2].weight.shape == (7, 4096)
    assert zoo.cnv(width=2)[0].weight.shape[0] == 128


def test_dropout_stands_behind_fully_connected_layers():
    dropouts = [layer for layer in zoo.lfc(dropout=0.3) if isinstance(layer, torch.nn.Dropout)]
    assert [layer.p for layer in dropouts] == [0.3] * 3


@pytest.mark.parametrize("name", ["tfc", "fashion28"])
def test_float_twin_has_the_same_shape(name):
    topology = TOPOLOGIES[name]
    twin = float_twin(MODULES[name]())
    shape = topology.input_shape
    x = torch.rand(2, *shape) if len(shape) == 1 else torch.rand(2, shape[2], *shape[:2])
    assert twin(x).shape == (2, 10)
