"""What no binary network can compute, and how `freeze` says so."""

import re

import pytest
import torch
from torch import nn

from bitlight import FreezingError, freeze
from bitlight.nn import BinaryConv2d, BinaryLinear, Sign, sign


def conv(**parameters):
    return BinaryConv2d(1, 4, 3, input_bits=8, **parameters)


def half(module):
    return module.half()


def not_finite(norm):
    norm.running_var[2] = float("nan")
    return norm


class OtherConvolution(BinaryConv2d):
    """Whatever a class does that is derived from a layer, nobody has proven it exact."""


def falling():
    norm = nn.BatchNorm2d(4)
    norm.weight.data[1] = -1
    return norm


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = nn.Sequential(BinaryConv2d(4, 4, 1), nn.BatchNorm2d(4))

    def forward(self, x):
        return sign(self.inside(x) + x)


def infinite(norm):
    norm.weight.data[2] = 3e38
    norm.running_var[2] = 0.01
    return norm


BLOCK = (conv(), nn.BatchNorm2d(4), Sign())
REFUSALS = {
    "float convolution": ([nn.Conv2d(1, 4, 3)], "0 (Conv2d): no binary network can compute this"),
    "zero padding": (
        [*BLOCK, nn.ZeroPad2d(1)],
        "3 (ZeroPad2d): no binary network can compute this",
    ),
    "residual": (
        [*BLOCK, Residual()],
        "3.inside.1 (BatchNorm2d): gives no integers, and its value goes on to a shortcut",
    ),
    "infinite factor": (
        [conv(), infinite(nn.BatchNorm2d(4)), Sign()],
        "1 (BatchNorm2d): weight / sqrt(running_var + eps) is too large for float32",
    ),
    "layer of another kind": (
        [OtherConvolution(1, 4, 3, input_bits=8), nn.BatchNorm2d(4), Sign()],
        "0 (OtherConvolution): no binary network can compute this",
    ),
    "no sign": (
        [nn.Sequential(conv(), conv())],
        "0.0 (BinaryConv2d): must be followed by Sign, not by 0.1 (BinaryConv2d)",
    ),
    "a convolution at the end": (
        [conv()],
        "0 (BinaryConv2d): must be followed by Sign, not by the end",
    ),
    "wrong batch norm": (
        [conv(), nn.BatchNorm1d(4), Sign()],
        "must be followed by BatchNorm2d, not by 1 (BatchNorm1d)",
    ),
    "batch norm of another size": (
        [conv(), nn.BatchNorm2d(5), Sign()],
        "1 (BatchNorm2d): has 5 features behind 4 outputs",
    ),
    "no running statistics": (
        [conv(), nn.BatchNorm2d(4, track_running_stats=False), Sign()],
        "1 (BatchNorm2d): has no running statistics",
    ),
    "not finite": (
        [conv(), not_finite(nn.BatchNorm2d(4)), Sign()],
        "1 (BatchNorm2d): running_var has values that are not finite",
    ),
    "bfloat16": (
        [conv().to(torch.bfloat16), nn.BatchNorm2d(4), Sign()],
        "0 (BinaryConv2d): weight must be float32, not torch.bfloat16",
    ),
    "bfloat16 batch norm": (
        [conv(), nn.BatchNorm2d(4).to(torch.bfloat16), Sign()],
        "1 (BatchNorm2d): weight must be float32, not torch.bfloat16",
    ),
    "half precision": (
        [half(conv()), nn.BatchNorm2d(4), Sign()],
        "0 (BinaryConv2d): weight must be float32, not torch.float16",
    ),
    "pooling at the end": (
        [conv(), nn.BatchNorm2d(4), nn.MaxPool2d(2)],
        "2 (MaxPool2d): must be followed by Sign, not by the end",
    ),
    "ReLU": (
        [conv(), nn.BatchNorm2d(4), nn.ReLU()],
        "2 (ReLU): must be followed by Sign, not by the end",
    ),
    "pooling of pixels": (
        [nn.MaxPool2d(2), *BLOCK],
        "0 (MaxPool2d): pools bits: it must stand behind a convolution's Sign",
    ),
    "pool padding": ([*BLOCK, nn.MaxPool2d(2, padding=1)], "3 (MaxPool2d): padding must be 0"),
    "pool dilation": ([*BLOCK, nn.MaxPool2d(2, dilation=2)], "3 (MaxPool2d): dilation must be 1"),
    "pool ceil_mode": (
        [*BLOCK, nn.MaxPool2d(2, ceil_mode=True)],
        "3 (MaxPool2d): ceil_mode must be False, not True",
    ),
    "pool indices": (
        [*BLOCK, nn.MaxPool2d(2, return_indices=True)],
        "3 (MaxPool2d): return_indices must be False",
    ),
    "sign alone": ([*BLOCK, Sign()], "3 (Sign): does not stand behind a binary layer"),
    "a slope that falls": (
        [conv(), nn.PReLU(4, -0.25), Sign()],
        "1 (PReLU): has a negative slope, -0.25: it rises and falls",
    ),
    "slopes of another size": ([conv(), nn.PReLU(3), Sign()], "1 (PReLU): has 3 slopes behind 4"),
    "two pools around what falls": (
        [conv(), nn.MaxPool2d(2), falling(), nn.MaxPool2d(2), Sign()],
        "3 (MaxPool2d): stands behind 2 (BatchNorm2d), which falls behind another MaxPool",
    ),
    "what falls behind a pool, at the end": (
        [conv(), nn.MaxPool2d(2), falling(), Sign()],
        "2 (BatchNorm2d): falls behind a MaxPool, and no layer follows",
    ),
    "what falls behind a pool, and padding": (
        [conv(), nn.MaxPool2d(2), falling(), Sign(), BinaryConv2d(4, 2, 3, padding=1), Sign()],
        "4 (BinaryConv2d): pads beside bits that 2 (BatchNorm2d), which falls behind a MaxPool",
    ),
    "flattened sums": (
        [conv(), nn.Flatten(), nn.BatchNorm1d(144), Sign()],
        "1 (Flatten): flattens sums; it must stand behind their Sign",
    ),
    "ReLU on the scores": (
        [nn.Flatten(), BinaryLinear(64, 4, input_bits=8), nn.ReLU()],
        "2 (ReLU): stands behind the last layer, and is no factor and offset",
    ),
    "softmax in the middle": (
        [nn.Flatten(), BinaryLinear(64, 4, input_bits=8), nn.Softmax(1), Sign()],
        "2 (Softmax): must stand at the end, not before 3 (Sign)",
    ),
    "softmax of bits": ([*BLOCK, nn.Softmax(1)], "3 (Softmax): must stand behind the scores"),
    "no flatten": (
        [*BLOCK, BinaryLinear(144, 2)],
        "3 (BinaryLinear): needs an nn.Flatten before it: its input is (6, 6, 4)",
    ),
    "part of a flatten": ([nn.Flatten(0)], "0 (Flatten): must flatten all but the batch"),
    "convolution behind a flatten": (
        [nn.Flatten(), *BLOCK],
        "1 (BinaryConv2d): needs images (N, C, H, W), not a flat input",
    ),
    "wrong inputs behind a flatten": (
        [*BLOCK, nn.Flatten(), BinaryLinear(143, 2)],
        "4 (BinaryLinear): has 143 inputs, but (6, 6, 4) comes in",
    ),
    "wrong channels": (
        [*BLOCK, BinaryConv2d(3, 2, 1), nn.BatchNorm2d(2), Sign()],
        "3 (BinaryConv2d): Conv2d of weight (2, 1, 1, 3) needs an input (H, W, 3)",
    ),
    "no input_bits": (
        [BinaryConv2d(1, 4, 3), nn.BatchNorm2d(4), Sign()],
        "0 (BinaryConv2d): input_bits must be 8 here, not None",
    ),
    "input_bits twice": (
        [*BLOCK, nn.Flatten(), BinaryLinear(144, 2, input_bits=8)],
        "4 (BinaryLinear): input_bits must be None here, not 8",
    ),
    "nothing": ([], "a network needs at least one layer"),
    "sums too large": (
        [nn.Flatten(), BinaryLinear(64, 1, input_bits=8)],
        "its sums reach 16320, too large to be exact in float32",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name, monkeypatch):
    modules, message = REFUSALS[name]
    if name == "sums too large":
        monkeypatch.setattr("bitlight.freezing.reader.INEXACT", 16320)
    with pytest.raises(FreezingError, match=re.escape(message)):
        freeze(nn.Sequential(*modules), (8, 8, 1), input_bits=8)


def test_refuses_a_bare_module():
    with pytest.raises(FreezingError, match=re.escape("the module (Linear): no binary network")):
        freeze(nn.Linear(3, 2), (3,), input_bits=1)


@pytest.mark.parametrize(("shape", "bits"), [((8, 8), 8), ((8, 8, 1), 9)])
def test_refuses_a_wrong_input(shape, bits):
    with pytest.raises(FreezingError, match="input_"):
        freeze(nn.Sequential(*BLOCK), shape, bits)
