import numpy as np
import pytest
import torch
from norms import spread
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError, freeze
from bitlight.freezing.verify import count_differences, layer_outputs
from bitlight.network.layers import Conv2d, Linear, MaxPool2d
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

    class Other(type(module)):
        def __call__(self, x):
            return super().__call__(x) + 1

    module.__class__ = Other
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
