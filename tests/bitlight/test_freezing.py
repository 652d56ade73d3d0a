import re

import numpy as np
import pytest
import torch
from norms import spread
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError, freeze
from bitlight.comparison import count_differences, layer_outputs
from bitlight.layers import Conv2d, Linear, MaxPool2d
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, pixels_to_floats, sign

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


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


class Written(nn.Module):
    """The layers of `module_of`, called by a forward."""

    def __init__(self, layers):
        super().__init__()
        first, _, *rest = layers
        self.features = nn.ModuleDict({"first": first[:2], "second": nn.Sequential(*rest[:2])})
        self.head = nn.ModuleList(rest[4:])

    def forward(self, x):
        x = F.max_pool2d(sign(self.features["first"](x)), 3, 2)
        x = F.dropout2d(x, 0.5, training=self.training)
        x = sign(self.features["second"](x)).view(x.size(0), -1)
        for layer in self.head:
            x = layer(x)
        return x


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_module_with_a_forward_gives_the_same_network(channels_last):
    module = module_of(0)
    written = Written(module).train()
    if channels_last:
        written.to(memory_format=torch.channels_last)
    net = freeze(written, SHAPE, input_bits=3)
    assert written.training
    assert net.id == freeze(module, SHAPE, input_bits=3).id
    images = np.random.default_rng(0).integers(0, 8, (20, *SHAPE), dtype=np.uint8)
    # A view of values in channels_last is refused by torch itself.
    module = module if channels_last else written
    assert count_differences(module, net, images) == [0] * 5


def test_rows_must_be_whole_images():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = BinaryLinear(4, 3, input_bits=8)

        def forward(self, x):
            return self.linear(x.view(-1, 4))

    assert freeze(Rows(), (2, 1, 2), input_bits=8).output_shape == (3,)
    with pytest.raises(FreezingError, match=r"view\(\) .* makes rows of 4 values, but \(2, 2, 2\)"):
        freeze(Rows(), (2, 2, 2), input_bits=8)


def test_comparison_finds_what_tracing_cannot_see():
    module = module_of(0)
    net = freeze(module, SHAPE, input_bits=3)
    images = np.zeros((2, *SHAPE), np.uint8)
    assert count_differences(module, net, images) == [0] * 5
    module.register_forward_hook(lambda *_: torch.zeros(2, 6))
    with pytest.raises(FreezingError, match="other values than its layers one after the other"):
        count_differences(module, net, images)


def test_blocks_may_be_shared():
    torch.manual_seed(5)
    block = nn.Sequential(BinaryLinear(6, 6), nn.BatchNorm1d(6), Sign())
    net = freeze(nn.Sequential(block, nn.Dropout(), block, BinaryLinear(6, 2)), (6,), input_bits=1)
    first, second, _ = net.layers
    assert np.array_equal(first.weight, second.weight)


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


class OtherConvolution(BinaryConv2d):
    """Whatever a class does that is derived from a layer, nobody has proven it exact."""


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
    "residual": ([*BLOCK, Residual()], "add() in 3 at test_freezing.py:"),
    "infinite factor": (
        [conv(), infinite(nn.BatchNorm2d(4)), Sign()],
        "1 (BatchNorm2d): weight / sqrt(running_var + eps) is too large for float32",
    ),
    "layer of another kind": (
        [OtherConvolution(1, 4, 3, input_bits=8), nn.BatchNorm2d(4), Sign()],
        "0 (OtherConvolution): no binary network can compute this",
    ),
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
