import re

import numpy as np
import pytest
import torch
from torch import nn

from bitlight import FreezingError, freeze
from bitlight.comparison import count_differences, layer_outputs
from bitlight.freezing import thresholds
from bitlight.layers import Conv2d, Linear, MaxPool2d
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, pixels_to_floats

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


def spread(norm, generator, reach):
    """Batch-norm parameters of all kinds: usual, zero, tiny and huge gains, exact ties."""
    channels = norm.num_features
    mean = torch.randint(-reach // 4, reach // 4 + 1, (channels,), generator=generator).float()
    gain = torch.randn(channels, generator=generator)
    bias = torch.randn(channels, generator=generator)
    kinds = torch.arange(channels) % 8
    gain[kinds == 0] = 0
    gain[kinds == 1] *= 1e-30
    gain[kinds == 2] *= 1e6
    bias[(kinds == 0) & (torch.arange(channels) % 16 == 0)] = 0  # a gain and a bias of 0: +1
    bias[kinds == 3] = 0  # a tie where the sum is the mean
    bias[kinds == 4] = -2 * gain[kinds == 4]  # near a tie, as rounding goes
    norm.weight.data, norm.bias.data, norm.running_mean = gain, bias, mean
    norm.running_var = torch.where(
        kinds == 3, 1.0, torch.rand(channels, generator=generator) * reach
    )


def module_of(seed):
    module = nn.Sequential(
        nn.Sequential(
            BinaryConv2d(2, 24, 3, padding=1, pad_value=5, input_bits=3),
            nn.BatchNorm2d(24),
            nn.Identity(),
            Sign(),
            nn.MaxPool2d(3, 2),
        ),
        nn.Dropout(0.5),
        BinaryConv2d(24, 17, (2, 3), stride=(1, 2), padding=(0, 1), pad_value=0),
        nn.BatchNorm2d(17),
        Sign(),
        nn.Flatten(),
        BinaryLinear(17 * 4 * 3, 40),
        nn.BatchNorm1d(40),
        Sign(),
        BinaryLinear(40, 6),
        Scale(0.1),
    )
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, BinaryConv2d | BinaryLinear):
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator).round(
                decimals=1
            )
            reach = layer.weight[0].numel() * 7
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            spread(layer, generator, reach)
    return module


SHAPE = (11, 13, 2)


@pytest.mark.parametrize("seed", range(5))
def test_every_layer_of_generated_modules_equals_torch(seed):
    module = module_of(seed)
    net = freeze(module, SHAPE, input_bits=3)
    images = np.random.default_rng(seed).integers(0, 8, (40, *SHAPE), dtype=np.uint8)
    assert [type(layer) for layer in net.layers] == [Conv2d, MaxPool2d, Conv2d, Linear, Linear]
    assert count_differences(module, net, images) == [0] * 5


def test_comparison_finds_one_flipped_weight():
    module = module_of(0)
    net = freeze(module, SHAPE, input_bits=3)
    module[9].weight.data[0, 0] *= -1
    module[9].weight.data[0, 0] -= 1e-3 if module[9].weight.data[0, 0] == 0 else 0
    images = np.random.default_rng(0).integers(0, 8, (40, *SHAPE), dtype=np.uint8)
    *before, scores = count_differences(module, net, images)
    assert before == [0] * 4
    assert scores == 40


@pytest.mark.parametrize("input_bits_of_layer", [None, 1])
def test_input_of_bits(input_bits_of_layer):
    torch.manual_seed(1)
    module = nn.Sequential(
        BinaryLinear(20, 30, input_bits=input_bits_of_layer), nn.BatchNorm1d(30), Sign()
    )
    spread(module[1], torch.Generator().manual_seed(1), 20)
    net = freeze(module, (20,), input_bits=1)
    bits = np.random.default_rng(1).integers(0, 2, (50, 20), dtype=np.uint8)
    x = torch.tensor(bits).float()
    if input_bits_of_layer is None:
        x = 2 * x - 1
    assert np.array_equal(layer_outputs(module, x)[0], net.forward(bits))


def test_flattened_pixels_go_straight_into_a_linear():
    torch.manual_seed(2)
    module = nn.Sequential(nn.Flatten(), BinaryLinear(24, 5, input_bits=8))
    net = freeze(module, (2, 3, 4), input_bits=8)
    images = np.random.default_rng(2).integers(0, 256, (9, 2, 3, 4), dtype=np.uint8)
    expected = module.eval()(pixels_to_floats(torch.tensor(images))).detach().numpy()
    assert np.array_equal(net.forward(images), expected)


@pytest.mark.parametrize("channels", [1, 16, 37])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
@pytest.mark.parametrize("reach", [1, 6, 255])
def test_thresholds_hold_for_every_sum_in_every_layout(channels, kind, reach):
    norm = kind(channels).eval()
    spread(norm, torch.Generator().manual_seed(reach), reach)
    threshold, flipped = thresholds(norm, reach)
    sums = np.arange(-reach, reach + 1, 2)
    expected = np.where(flipped, -sums[:, None], sums[:, None]) >= threshold
    a = torch.tensor(sums)[:, None].expand(-1, channels).float().contiguous()
    if kind is nn.BatchNorm2d:
        a = a[:, :, None, None].expand(-1, -1, 3, 5).contiguous()
        last = norm(a.contiguous(memory_format=torch.channels_last)).detach()
        assert np.array_equal(last.amin((2, 3)) >= 0, expected)
        assert np.array_equal(last.amax((2, 3)) >= 0, expected)
        a = norm(a).detach().amin((2, 3))
    else:
        a = norm(a).detach()
    assert np.array_equal(a >= 0, expected)


def test_thresholds_of_special_gains():
    norm = nn.BatchNorm1d(6, eps=0.0)
    norm.weight.data = torch.tensor([1.0, -1.0, 0.0, 0.0, 0.0, 1.0])
    norm.bias.data = torch.tensor([0.0, 0.0, 0.0, 1.0, -1.0, -100.0])
    norm.running_mean = torch.tensor([3.0, 3.0, 0.0, 0.0, 0.0, 0.0])
    threshold, flipped = thresholds(norm, 9)
    assert threshold.tolist() == [3, -3, -9, -9, 11, 11]
    assert flipped.tolist() == [False, True, False, False, False, False]
    assert threshold.dtype == np.int32


def test_the_module_is_left_as_it_was():
    module = module_of(0).train()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    freeze(module, SHAPE, input_bits=3)
    assert module.training
    assert module[0][1].training
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())


def conv(**parameters):
    return BinaryConv2d(1, 4, 3, input_bits=8, **parameters)


def half(module):
    return module.half()


def not_finite(norm):
    norm.running_var[2] = float("nan")
    return norm


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = nn.Sequential(conv(), nn.BatchNorm2d(4), Sign())

    def forward(self, x):
        return self.inside(x)


BLOCK = (conv(), nn.BatchNorm2d(4), Sign())
REFUSALS = {
    "float convolution": ([nn.Conv2d(1, 4, 3)], "0 (Conv2d): no binary network can compute this"),
    "zero padding": (
        [*BLOCK, nn.ZeroPad2d(1)],
        "3 (ZeroPad2d): no binary network can compute this",
    ),
    "custom container": ([Custom()], "0 (Custom): only nn.Sequential may contain modules"),
    "no batch norm": (
        [nn.Sequential(conv(), Sign())],
        "0.0 (BinaryConv2d): must be followed by BatchNorm2d, not by 0.1 (Sign)",
    ),
    "a convolution at the end": (
        [conv()],
        "0 (BinaryConv2d): must be followed by BatchNorm2d, not by the end",
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
    "half precision": (
        [half(conv()), nn.BatchNorm2d(4), Sign()],
        "0 (BinaryConv2d): weight must be float32, not torch.float16",
    ),
    "pooling before sign": (
        [conv(), nn.BatchNorm2d(4), nn.MaxPool2d(2), Sign()],
        "1 (BatchNorm2d): must be followed by Sign, not by 2 (MaxPool2d)",
    ),
    "ReLU": (
        [conv(), nn.BatchNorm2d(4), nn.ReLU()],
        "1 (BatchNorm2d): must be followed by Sign, not by 2 (ReLU)",
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
    "scale in the middle": (
        [nn.Flatten(), BinaryLinear(64, 4, input_bits=8), Scale(2), nn.BatchNorm1d(4), Sign()],
        "1 (BinaryLinear): must be followed by BatchNorm1d, not by 2 (Scale)",
    ),
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
        monkeypatch.setattr("bitlight.freezing._INEXACT", 16320)
    with pytest.raises(FreezingError, match=re.escape(message)):
        freeze(nn.Sequential(*modules), (8, 8, 1), input_bits=8)


def test_refuses_a_bare_module():
    with pytest.raises(FreezingError, match=re.escape("the module (Linear): no binary network")):
        freeze(nn.Linear(3, 2), (3,), input_bits=1)


@pytest.mark.parametrize(("shape", "bits"), [((8, 8), 8), ((8, 8, 1), 9)])
def test_refuses_a_wrong_input(shape, bits):
    with pytest.raises(FreezingError, match="input_"):
        freeze(nn.Sequential(*BLOCK), shape, bits)
