"""Modules that branch: what is frozen is what torch computes, at every node."""

import numpy as np
import pytest
import torch
from support.trained import settle
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError, Network, NetworkError, freeze
from bitlight import nn as bnn
from bitlight.freezing.branching import reading_of
from bitlight.freezing.verify import count_differences
from bitlight.zoo import modules as zoo

torch.set_num_threads(1)
SIDE, CHANNELS = 8, 6


def pixels(count, shape=(SIDE, SIDE, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def settled(module, shape=(SIDE, SIDE, 3), seed=0):
    return settle(module, bnn.pixels_to_floats(torch.from_numpy(pixels(16, shape))), seed)


def conv(inputs, outputs, kernel=3, stride=1, **kwargs):
    return bnn.BinaryConv2d(inputs, outputs, kernel, stride, kernel // 2, **kwargs)


def stem(channels=CHANNELS, **kwargs):
    return nn.Sequential(
        conv(3, channels, input_bits=8, **kwargs), bnn.IntegerBatchNorm2d(channels)
    )


class Module(nn.Module):
    """Layers by name, and a forward of a test."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.call = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.call(self, x)


def block(inputs=CHANNELS, outputs=CHANNELS, stride=1):
    return nn.Sequential(
        bnn.RSign(inputs), conv(inputs, outputs, stride=stride), bnn.IntegerBatchNorm2d(outputs)
    )


def plain_sum(self, x):
    x = self.stem(x)
    return self.sign(x + self.block(x))


def own_grid(self, x):
    x = self.stem(x)
    return self.sign(self.add(x, self.coarse(x)))


def relu_between(self, x):
    x = F.relu(self.stem(x))
    x += self.block(x)
    return self.sign(self.norm(x))


def side_by_side(self, x):
    x = self.stem(x)
    return self.sign(torch.cat([x, self.block(x)], dim=1))


def levels_side_by_side(self, x):
    x = self.sign(self.norm(self.first(x)))
    return self.sign2(self.norm2(self.conv(torch.cat((x, self.pool(x)), 1))))


def of_levels(self, x):
    x = self.levels(self.stem(x))
    return self.levels(self.pool(self.norm(self.conv(x))))


def pooled(self, x):
    x = F.avg_pool2d(self.stem(x), 2)
    x = self.norm(torch.cat([x, x], 1)).mean((2, 3))
    return self.linear(self.levels(x)) * 0.5 + 1


def shared_bits(self, x):
    x = self.sign(self.norm(self.first(x)))
    return self.sign(self.norm(self.conv(x)) + self.norm(self.conv2(x)))


def three_ways(self, x):
    x = self.stem(x)
    bits = self.rsign(x)
    return self.sign(x + self.norm(self.conv(bits)) + self.norm(self.conv2(bits)))


SIGN, NORM = bnn.Sign, bnn.IntegerBatchNorm2d
MODULES = {
    "a + b, nothing clipped": lambda: Module(plain_sum, stem=stem(), block=block(), sign=SIGN()),
    "two grids": lambda: Module(
        own_grid,
        stem=stem(),
        coarse=nn.Sequential(
            bnn.RSign(CHANNELS), conv(CHANNELS, CHANNELS), NORM(CHANNELS, fraction=3, bits=7)
        ),
        add=bnn.Add(bits=8),
        sign=SIGN(),
    ),
    "relu, and a batch norm that falls": lambda: Module(
        relu_between, stem=stem(), block=block(), norm=nn.BatchNorm2d(CHANNELS), sign=SIGN()
    ),
    "integers side by side": lambda: Module(
        side_by_side, stem=stem(), block=block(outputs=4), sign=SIGN()
    ),
    "bits side by side": lambda: Module(
        levels_side_by_side,
        first=conv(3, CHANNELS, input_bits=8),
        norm=nn.BatchNorm2d(CHANNELS),
        norm2=nn.BatchNorm2d(5),
        pool=nn.MaxPool2d(1),
        conv=conv(2 * CHANNELS, 5),
        sign=SIGN(),
        sign2=SIGN(),
    ),
    "levels": lambda: Module(
        of_levels,
        stem=stem(weight_bits=3),
        levels=bnn.Levels(3),
        conv=conv(CHANNELS, CHANNELS, levels=3, pad_value=2, weight_bits=2),
        norm=nn.BatchNorm2d(CHANNELS),
        pool=nn.MaxPool2d(2),
    ),
    "averages and scores": lambda: Module(
        pooled,
        stem=stem(),
        norm=NORM(2 * CHANNELS),
        levels=bnn.Levels(7),
        linear=bnn.BinaryLinear(2 * CHANNELS, 4, weight_bits=3),
    ),
    "one layer called twice": lambda: Module(
        shared_bits,
        first=conv(3, CHANNELS, input_bits=8),
        norm=NORM(CHANNELS),
        conv=conv(CHANNELS, CHANNELS),
        conv2=conv(CHANNELS, CHANNELS),
        sign=SIGN(),
    ),
    "three ways": lambda: Module(
        three_ways,
        stem=stem(),
        rsign=bnn.RSign(CHANNELS),
        norm=NORM(CHANNELS),
        conv=conv(CHANNELS, CHANNELS),
        conv2=conv(CHANNELS, CHANNELS, kernel=1),
        sign=SIGN(),
    ),
}
ZOO = {
    "resnet20": (lambda: zoo.resnet20(width=4, blocks=1), (32, 32, 3)),
    "resnet20 of two bits": (lambda: zoo.resnet20(width=4, blocks=1, levels=3), (32, 32, 3)),
    "resnet18": (lambda: zoo.resnet18(classes=7, width=2), (64, 64, 3)),
    "resnet18, pooled": (
        lambda: zoo.resnet18(classes=7, width=2, binary_shortcut=False),
        (64, 64, 3),
    ),
    "cnv of two bits": (lambda: zoo.cnv(width=0.125, levels=3), (32, 32, 3)),
}


@pytest.mark.parametrize("name", MODULES)
def test_what_branches_is_frozen_exactly(name):
    module = settled(MODULES[name]())
    net = freeze(module, (SIDE, SIDE, 3), 8)
    assert count_differences(module, net, pixels(50, seed=1)) == [0] * len(net.layers)


def test_every_value_of_torch_has_its_node():
    module = settled(MODULES["three ways"]())
    reading = reading_of(module, (SIDE, SIDE, 3), 8)
    assert [place.step for place in reading.places] == list(range(len(reading.steps)))


@pytest.mark.parametrize("name", ZOO)
def test_zoo_is_frozen_exactly(name):
    build, shape = ZOO[name]
    module = settled(build(), shape)
    net = freeze(module, shape, 8)
    assert not any(count_differences(module, net, pixels(20, shape, seed=1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_zoo_is_frozen_exactly_for_a_thousand_images(name):
    build, shape = ZOO[name]
    module = settled(build(), shape, seed=2)
    net = freeze(module, shape, 8)
    assert not any(count_differences(module, net, pixels(1000, shape, seed=3)))


def test_a_wrong_node_is_found(tmp_path):
    module = settled(MODULES["three ways"]())
    net = freeze(module, (SIDE, SIDE, 3), 8)
    layers = {node.name: (node.layer, *node.inputs) for node in net.nodes}
    conv = layers["conv"][0]
    weight = conv.weight.copy()
    weight[2, 1, 1, 3] ^= True
    broken = type(conv)(weight, None, conv.stride, conv.padding, conv.pad_value)
    layers["conv"] = (broken, *layers["conv"][1:])
    counts = count_differences(module, Network((SIDE, SIDE, 3), 8, layers), pixels(20))
    assert {node.name for node, count in zip(net.nodes, counts, strict=True) if count} >= {"conv"}


def test_file_and_logits(tmp_path):
    module = settled(MODULES["averages and scores"]())
    net = freeze(module, (SIDE, SIDE, 3), 8)
    net.save(tmp_path / "net.bnn")
    again = Network.load(tmp_path / "net.bnn")
    images = pixels(30, seed=4)
    with torch.no_grad():
        theirs = module(bnn.pixels_to_floats(torch.from_numpy(images))).double().numpy()
    assert np.array_equal(again.logits(again.forward(images)), theirs)


def test_plain_engine_agrees():
    module = settled(zoo.resnet20(width=4, blocks=1), (32, 32, 3))
    net = freeze(module, (32, 32, 3), 8)
    images = pixels(4, (32, 32, 3))
    assert np.array_equal(net.forward(images), net.forward(images, engine="plain"))


def float_norm(self, x):
    x = self.stem(x)
    return self.sign(x + self.norm(x))


def of_the_image(self, x):
    return self.sign(self.first(x) + x)


def finer(self, x):
    return self.sign(self.act(F.avg_pool2d(self.stem(x), 2)))


def mean_of_nine(self, x):
    return self.sign(F.avg_pool2d(self.stem(x), 3))


def difference(self, x):
    x = self.stem(x)
    return self.sign(x - self.block(x))


REFUSED = {
    "a float batch norm on a shortcut": (
        Module(float_norm, stem=stem(), norm=nn.BatchNorm2d(CHANNELS), sign=SIGN()),
        "norm (BatchNorm2d): gives no integers, and its value goes on to a shortcut",
    ),
    "the image on a shortcut": (
        Module(of_the_image, first=conv(3, 3, input_bits=8), sign=SIGN()),
        "must not be given the input itself",
    ),
    "a finer grid": (
        Module(finer, stem=stem(), act=bnn.RPReLU(CHANNELS), sign=SIGN()),
        "act (RPReLU): its grid has 6 bits after the point, and 8 come in",
    ),
    "a mean of nine": (
        Module(mean_of_nine, stem=stem(), sign=SIGN()),
        "divides by 9, which leaves no integers: bitlight.nn.SumPool2d",
    ),
    "a difference": (
        Module(difference, stem=stem(), block=block(), sign=SIGN()),
        "no binary network can compute this of two values",
    ),
    "no sign before a convolution": (
        nn.Sequential(stem(), conv(CHANNELS, 4)),
        "1 (BinaryConv2d): must be given levels or bits: put Sign, RSign or Levels before it",
    ),
    "levels of another number": (
        nn.Sequential(stem(), bnn.Levels(3), conv(CHANNELS, 4)),
        "2 (BinaryConv2d): levels must be 3 here, not 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    module, message = REFUSED[name]
    with pytest.raises(FreezingError) as error:
        freeze(module, (SIDE, SIDE, 3), 8)
    assert message in str(error.value)


def test_a_deep_and_narrow_network_can_be_read_again(tmp_path):
    """Its file is mostly header; the one that was written could not be read at first."""
    net = freeze(settled(zoo.resnet20(width=4), (32, 32, 3)), (32, 32, 3), 8)
    net.save(tmp_path / "narrow.bnn")
    assert Network.load(tmp_path / "narrow.bnn").id == net.id


def test_what_could_not_be_read_is_not_written(tmp_path, monkeypatch):
    net = freeze(settled(zoo.resnet20(width=4, blocks=1), (32, 32, 3)), (32, 32, 3), 8)
    monkeypatch.setattr("bitlight.files.headers.ROOM", 1000)
    with pytest.raises(NetworkError, match="too many nodes for a .bnn file"):
        net.save(tmp_path / "narrow.bnn")
    assert not (tmp_path / "narrow.bnn").exists()
