"""A network with a shortcut on a board: the same way as any other."""

import numpy as np
import pytest

from bitlight import Conv2d, Network, data
from bitlight.network.layers import Add, Affine, Threshold
from bitlight_hw.boards import board as find
from bitlight_hw.boards.choosing import serial_for
from bitlight_sim import Board, VirtualBoard

CHANNELS = 16


def shortcut28():
    """A stem, a block with a shortcut around it, and features, with random weights."""
    rng = np.random.default_rng(0)

    def convolution(inputs, **options):
        return Conv2d(rng.random((CHANNELS, 3, 3, inputs)) < 0.5, None, **options)

    def scale(low, high, shift):
        factors, offsets = rng.integers(low, high, CHANNELS), rng.integers(-500, 500, CHANNELS)
        return Affine(factors, offsets, shift, -2048, 2047)

    def sign(reach):
        return Threshold(rng.integers(-reach, reach, CHANNELS))

    nodes = {
        "stem": (convolution(1, stride=(2, 2), padding=(1, 1), pad_value=128), "input"),
        "norm": (scale(3, 9, 6), "stem"),
        "sign": (sign(60), "norm"),
        "conv": (convolution(CHANNELS, padding=(1, 1)), "sign"),
        "scaled": (scale(20, 60, 4), "conv"),
        "sum": (Add(), "scaled", "norm"),
        "sign2": (sign(60), "sum"),
        "conv2": (convolution(CHANNELS, stride=(2, 2), padding=(1, 1)), "sign2"),
        "out": (sign(8), "conv2"),
    }
    return Network((28, 28, 1), 8, nodes)


@pytest.mark.slow
def test_a_graph_on_a_virtual_board():
    net = shortcut28()
    assert net.id[:12] == "15ae07623fe6"  # that of docs/raw/boards
    serial = serial_for(net, find("ulx3s_85f"))
    assert serial.linked.latency <= serial.linked.line_cycles
    images = data.fashion_mnist("test")[0][:20].reshape(-1, 28, 28, 1)
    with VirtualBoard(serial) as virtual, Board(virtual.port, net, timeout=120) as board:
        out = board.run(images)
    assert 0 < out.features.mean() < 1
    assert np.array_equal(out.features, net.forward(images))
    assert (out.image_cycles == serial.linked.latency).all()
