"""Topologies with random weights: for cycles, area and clock, which no training changes.

TFC, SFC, LFC and CNV are those of FINN (Umuroglu et al., FPGA 2017, and its examples), with 784
inputs of one bit and images of 32×32×3; AlexNet is the extractor of Leroux et al. without its last
layer, at the single width of Larq Zoo's.
"""

from collections.abc import Callable

import numpy as np

from bitlight.layers import Conv2d, Layer, Linear, MaxPool2d
from bitlight.network import Network


class _Draw:
    """Layers with random weights, and thresholds where about half of the outputs are 1."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def conv(
        self, outputs: int, kernel: int, inputs: int, bits: int = 1, stride: int = 1, pad: int = 0
    ) -> Conv2d:
        weight = self.rng.random((outputs, kernel, kernel, inputs)) < 0.5
        threshold = self._threshold(outputs, kernel * kernel * inputs, bits)
        return Conv2d(weight, threshold, (stride, stride), (pad, pad))

    def linear(self, outputs: int, inputs: int, scores: bool = False) -> Linear:
        weight = self.rng.random((outputs, inputs)) < 0.5
        return Linear(weight, None if scores else self._threshold(outputs, inputs, 1))

    def _threshold(self, outputs: int, fan_in: int, bits: int) -> np.ndarray:
        spread = int(np.sqrt(fan_in) * ((1 << bits) - 1))
        return self.rng.integers(-spread, spread + 1, outputs, dtype=np.int32)


def _fully_connected(width: int) -> Callable[[int], Network]:
    def network(seed: int = 0) -> Network:
        draw = _Draw(seed)
        layers: list[Layer] = [
            draw.linear(width, 784),
            draw.linear(width, width),
            draw.linear(width, width),
            draw.linear(10, width, scores=True),
        ]
        return Network((784,), 1, layers)

    return network


def cnv(seed: int = 0) -> Network:
    """CNV-w1a1: six 3×3 convolutions, two pools, three fully connected layers, ten scores."""
    draw = _Draw(seed)
    layers: list[Layer] = [
        draw.conv(64, 3, 3, bits=8),
        draw.conv(64, 3, 64),
        MaxPool2d(),
        draw.conv(128, 3, 64),
        draw.conv(128, 3, 128),
        MaxPool2d(),
        draw.conv(256, 3, 128),
        draw.conv(256, 3, 256),
        draw.linear(512, 256),
        draw.linear(512, 512),
        draw.linear(10, 512, scores=True),
    ]
    return Network((32, 32, 3), 8, layers)


def alexnet(seed: int = 0) -> Network:
    """Binary AlexNet for images of 224×224×3, to its 4,096 features."""
    draw = _Draw(seed)
    layers: list[Layer] = [
        draw.conv(64, 11, 3, bits=8, stride=4, pad=2),
        MaxPool2d((3, 3), (2, 2)),
        draw.conv(192, 5, 64, pad=2),
        MaxPool2d((3, 3), (2, 2)),
        draw.conv(384, 3, 192, pad=1),
        draw.conv(256, 3, 384, pad=1),
        draw.conv(256, 3, 256, pad=1),
        MaxPool2d((3, 3), (2, 2)),
        draw.linear(4096, 9216),
        draw.linear(4096, 4096),
    ]
    return Network((224, 224, 3), 8, layers)


def small28(seed: int = 0) -> Network:
    """Three convolutions and pools on grey images of 28×28, for the smallest FPGAs."""
    draw = _Draw(seed)
    layers: list[Layer] = [
        draw.conv(16, 3, 1, bits=8, pad=1),
        MaxPool2d(),
        draw.conv(32, 3, 16, pad=1),
        MaxPool2d(),
        draw.conv(64, 3, 32, pad=1),
        MaxPool2d(),
    ]
    return Network((28, 28, 1), 8, layers)


TOPOLOGIES: dict[str, Callable[[int], Network]] = {
    "tfc": _fully_connected(64),
    "sfc": _fully_connected(256),
    "lfc": _fully_connected(1024),
    "cnv": cnv,
    "alexnet": alexnet,
    "small28": small28,
}
