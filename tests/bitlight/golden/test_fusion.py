"""Runs of layers in one pass give what the layers give one by one."""

import numpy as np
import pytest
import torch
from graphs import draw_graph, draw_values
from trained import settle

from bitlight import Network, freeze
from bitlight import nn as bnn
from bitlight.network.golden import fusion, graphs
from bitlight.network.layers import Add, Affine, Conv2d, PReLU, Threshold
from bitlight.zoo import modules as zoo

torch.set_num_threads(1)


def runs(net):
    return fusion.find_runs(net)


@pytest.mark.parametrize("multiple", [16, 32])
@pytest.mark.parametrize("seed", range(30))
def test_generated_graphs_whose_layers_fill_vectors(multiple, seed):
    rng = np.random.default_rng([seed, multiple])
    net = draw_graph(rng, multiple=multiple)
    x = draw_values(rng, net, 3)
    assert np.array_equal(net.forward(x), net.forward(x, engine="plain"))


def test_some_of_them_have_runs():
    nets = [draw_graph(np.random.default_rng([seed, 16]), multiple=16) for seed in range(30)]
    kinds = {type(node.layer) for net in nets for run in runs(net).values() for node in run.nodes}
    assert kinds >= {Conv2d, Affine, Add}


def draw(rng, channels=48, large=1):
    """conv, Affine, Add, PReLU, Threshold, and the PReLU's integers on a way of their own."""
    c = channels

    def conv(inputs):
        return Conv2d(rng.random((c, 3, 3, inputs)) < 0.5, None, 1, 1)

    scale = Affine(rng.integers(-90, 91, c) * large, rng.integers(-999, 999, c), 4, -2000, 2000)
    act = PReLU(rng.integers(-50, 51, c), 5, *rng.integers(-99, 100, (2, c)))
    bits = Threshold(rng.integers(-200, 201, c))
    return Network(
        (5, 5, 3),
        8,
        {
            "other": (conv(3), "input"),
            "first": (Conv2d(rng.random((c, 3, 3, 3)) < 0.5, np.zeros(c, int), 1, 1), "input"),
            "conv": (conv(c), "first"),
            "norm": (scale, "conv"),
            "add": (Add(-3000, 3000), "other", "norm"),
            "act": (act, "add"),
            "sign": (bits, "act"),
            "last": (conv(c), "sign"),
            "sum": (Add(), "act", "last"),
        },
    )


@pytest.mark.parametrize("channels", [16, 32, 48, 64])
def test_a_block_is_one_run(channels):
    rng = np.random.default_rng(channels)
    net = draw(rng, channels)
    run = runs(net)["conv"]
    assert [node.name for node in run.nodes] == ["conv", "norm", "add", "act"]
    assert (run.gives, run.takes) == (("act", "sign"), ("first", "other"))
    x = draw_values(rng, net, 7)
    for node in net.nodes:
        expected = net.forward(x, upto=node.name, engine="plain")
        assert np.array_equal(net.forward(x, upto=node.name), expected), node.name


def test_products_beyond_32_bits_are_computed_node_by_node():
    rng = np.random.default_rng(0)
    net = draw(rng, large=1 << 20)
    assert [node.name for node in runs(net)["conv"].nodes] == ["conv"]
    x = draw_values(rng, net, 5)
    assert np.array_equal(net.forward(x), net.forward(x, engine="plain"))


def test_integers_of_16_bits_are_kept_in_16():
    net = draw(np.random.default_rng(1))
    stages = {stage.gives: stage.step for stage in graphs._stages(net)}
    assert stages["act", "sign"].dtype == np.int16
    assert stages[("other",)].dtype == np.int16


def test_blocks_of_resnet20_are_runs():
    images = np.random.default_rng(2).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    module = settle(
        zoo.resnet20(width=16, blocks=1), bnn.pixels_to_floats(torch.from_numpy(images))
    )
    net = freeze(module, (32, 32, 3), 8)
    acts = [run for run in runs(net).values() if "act" in run.nodes[-1].name]
    # Where the image becomes smaller, the shortcut is computed after the convolution.
    assert [type(run.nodes[0].layer) for run in acts] == [
        Conv2d,
        Conv2d,
        Affine,
        Conv2d,
        Affine,
        Conv2d,
    ]
    found = dict(graphs._computed(net, images, graphs._stages(net)))
    for node, expected in graphs.trace(net, images):
        if node.name in found:
            given = graphs._plain(node.value, found[node.name]).reshape(len(images), -1)
            assert np.array_equal(given, expected), node.name
