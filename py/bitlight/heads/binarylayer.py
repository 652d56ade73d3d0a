"""The layer of a `BinaryHead` while it is trained, as torch modules."""

import math

import torch
from torch import nn

from bitlight.nn import BinaryLinear, Scale


def binary_layer(features: int, classes: int, seed: int) -> tuple[BinaryLinear, nn.Module, float]:
    """A layer of random weights; it behind the signs of bits and before a factor; that factor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = BinaryLinear(features, classes)
    factor = 1 / math.sqrt(features)
    return layer, nn.Sequential(Signed(), layer, Scale(factor)), factor


class Signed(nn.Module):
    """Bits 0 and 1 as −1 and +1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return 2x − 1."""
        return 2 * x - 1
