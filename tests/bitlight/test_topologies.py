"""Published topologies: the shapes that they are known by."""

import pytest

from bitlight.zoo.topologies import TOPOLOGIES


@pytest.mark.parametrize(
    ("name", "shape", "weights"),
    [
        ("tfc", (10,), 784 * 64 + 2 * 64 * 64 + 640),
        ("sfc", (10,), 784 * 256 + 2 * 256 * 256 + 2560),
        ("lfc", (10,), 784 * 1024 + 2 * 1024 * 1024 + 10240),
        ("cnv", (10,), 1_542_848),
    ],
)
def test_shapes_and_weights(name, shape, weights):
    net = TOPOLOGIES[name].random(0)
    assert net.shapes[-1] == shape
    assert sum(layer.weight.size for layer in net.layers if hasattr(layer, "weight")) == weights
    assert net.id == TOPOLOGIES[name].random(0).id != TOPOLOGIES[name].random(1).id


def test_alexnet():
    net = TOPOLOGIES["alexnet"].random(0)
    assert net.shapes[1:8] == (
        *[(55, 55, 64), (27, 27, 64), (27, 27, 192), (13, 13, 192)],
        *[(13, 13, 384), (13, 13, 256), (13, 13, 256)],
    )
    assert net.layers[8].fan_in == 9216
    assert net.n_features == 4096
