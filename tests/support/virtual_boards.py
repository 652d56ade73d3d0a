"""A small network, images for it, and its virtual board."""

import numpy as np

from bitlight import Conv2d, Linear, Network
from bitlight_hw import Accelerator
from bitlight_hw.boards import board as find
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_sim import VirtualBoard

TIMEOUT = 1.0  # seconds of silence after which a host begins anew


def network(seed=5):
    rng = np.random.default_rng(seed)
    return Network(
        (5, 5, 1),
        8,
        [
            Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4), padding=(1, 1)),
            Linear(rng.random((12, 100)) < 0.5, rng.integers(-9, 9, 12)),
        ],
    )


def network28():
    rng = np.random.default_rng(6)
    return Network((28, 28, 1), 8, [Linear(rng.random((16, 784)) < 0.5, rng.integers(-9, 9, 16))])


def images(count, seed=1, shape=(5, 5, 1)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def virtual_board(net=None):
    acc = Accelerator(network(), [(2, 1), (3, 4)]) if net is None else Accelerator(net, [(2, 4)])
    return VirtualBoard(SerialAccelerator(acc, find("icebreaker")))
