import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, float_twin, sign
from bitlight.nn.twin import CentredPixels

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


class Binary(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = BinaryConv2d(
            1, 4, (3, 2), stride=(1, 2), padding=(1, 0), pad_value=255, input_bits=8
        )
        self.norm = nn.BatchNorm2d(4, eps=1e-3, momentum=0.2)
        self.linear = nn.Sequential(BinaryLinear(16, 6), nn.Dropout(0.2), nn.BatchNorm1d(6), Sign())
        self.head = nn.Sequential(BinaryLinear(6, 3), Scale(0.1))

    def forward(self, x):
        x = F.max_pool2d(sign(self.norm(self.convolution(x))), 2)
        x = F.dropout(x.flatten(1), 0.3, training=self.training)
        return self.head(self.linear(x))


def test_layers():
    twin = float_twin(Binary())
    assert [type(layer) for layer in twin] == [
        CentredPixels,
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.ReLU,
        nn.MaxPool2d,
        nn.Flatten,
        nn.Dropout,
        nn.Linear,
        nn.Dropout,
        nn.BatchNorm1d,
        nn.ReLU,
        nn.Linear,
    ]
    convolution = twin[1]
    assert (convolution.kernel_size, convolution.stride) == ((3, 2), (1, 2))
    assert (convolution.padding, convolution.padding_mode) == ((1, 0), "zeros")
    assert (twin[2].eps, twin[2].momentum) == (1e-3, 0.2)
    assert [twin[6].p, twin[8].p] == [0.3, 0.2]
    assert [layer.bias is None for layer in (twin[1], twin[7], twin[11])] == [True, True, False]
    assert not twin[11].bias.any()
    assert all(layer.training for layer in twin.modules())


def test_shapes_are_the_same():
    x = torch.randint(0, 256, (5, 1, 8, 4)).float()
    assert float_twin(Binary())(x).shape == Binary()(x).shape == (5, 3)


def test_batch_norm_is_fresh_and_the_module_is_left_alone():
    module = Binary()
    module.norm.running_mean += 3
    module.norm.weight.data *= 5
    before = {name: value.clone() for name, value in module.state_dict().items()}
    norm = float_twin(module.eval())[2]
    assert norm.running_mean.tolist() == [0] * 4
    assert norm.weight.tolist() == [1] * 4
    assert not module.norm.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_weights_are_he_initialised_from_the_global_generator():
    module = nn.Sequential(BinaryLinear(400, 500), nn.BatchNorm1d(500), Sign())
    torch.manual_seed(4)
    first = float_twin(module)[0].weight
    torch.manual_seed(4)
    again = float_twin(module)[0].weight
    assert torch.equal(first, again)
    assert first.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.01)


def test_a_layer_that_is_called_twice_has_one_twin():
    block = nn.Sequential(BinaryLinear(4, 4), nn.BatchNorm1d(4), Sign())
    twin = float_twin(nn.Sequential(block, block))
    assert twin[0] is twin[3]
    assert sum(weight.numel() for weight in twin.parameters()) == 16 + 8


def test_it_learns():
    torch.manual_seed(0)
    twin = float_twin(
        nn.Sequential(
            BinaryLinear(8, 32, input_bits=8), nn.BatchNorm1d(32), Sign(), BinaryLinear(32, 2)
        )
    )
    pixels = np.random.default_rng(0).integers(0, 256, (256, 8))
    x, labels = torch.tensor(pixels).float(), torch.tensor(pixels[:, 0] > pixels[:, 1]).long()
    optimizer = torch.optim.Adam(twin.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(twin(x), labels)
        loss.backward()
        optimizer.step()
    assert loss < 0.2


def test_refuses_other_layers():
    with pytest.raises(FreezingError, match=r"1 \(Conv2d\): has no float twin"):
        float_twin(nn.Sequential(nn.Identity(), nn.Conv2d(1, 1, 1)))
